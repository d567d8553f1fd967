"""Routes: which step answers which address, and what each of them is told."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from biaskit.browser.asked import Asked
from biaskit.browser.desk import Desk
from biaskit.browser.jobs import Cancelled, Job
from biaskit.browser.passed import dialect_of, errors_of, roles_of
from biaskit.browser.places import NoPlaceError
from biaskit.browser.records import FieldError, Shown
from biaskit.browser.serving.events import events_of
from biaskit.browser.serving.guards import TooLargeError
from biaskit.browser.serving.uploads import Shelf, received
from biaskit.browser.steps.document import document_of, policy
from biaskit.counts.counts import Counts
from biaskit.errors import BiaskitError

__all__ = ["UPLOAD", "Serving", "application"]

#: Path whose requests may have a large body.
UPLOAD = "/upload"
# Seconds in which most passes are over, so that no page need be shown meanwhile.
_SOON = 0.4

_LOG = logging.getLogger(__name__)


class Serving(NamedTuple):
    """What the routes serve, and how they end it."""

    desk: Desk
    shelf: Shelf
    stop: Callable[[], None]
    is_closing: Callable[[], bool]
    base: str = ""


class _Waiting(Exception):  # noqa: N818 - it is no error
    """The counts are not there yet."""

    def __init__(self, job: Job):
        self.job = job


def application(serving: Serving) -> Starlette:
    """Application that answers whoever the guards let in."""
    steps = _Steps(serving)
    pages = {
        "/": steps.tables,
        "/columns": steps.columns,
        "/count": steps.count,
        "/choose": steps.choose,
        "/report": steps.report,
        "/compare": steps.compare,
        "/download/{name}": steps.download,
    }
    routes = [Route(path, steps.answering(step)) for path, step in pages.items()]
    routes += [
        Route("/jobs/{id}/events", steps.events),
        Route("/jobs/{id}/cancel", steps.cancel, methods=["POST"]),
        Route(UPLOAD, steps.upload, methods=["POST"]),
        Route("/stop", steps.stop, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={404: steps.missing})


class _Steps:
    """The steps, each told what it shows."""

    def __init__(self, serving: Serving):
        self._serving = serving
        self._desk = serving.desk
