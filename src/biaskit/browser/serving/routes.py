"""Routes: which step answers which address, and what each of them is told."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from biaskit.browser.asked import Asked
from biaskit.browser.desk import DEMO, Desk
from biaskit.browser.downloads import KINDS, downloaded
from biaskit.browser.explaining import Explanation
from biaskit.browser.jobs import Cancelled, Job
from biaskit.browser.passed import dialect_of, errors_of, roles_of
from biaskit.browser.places import NoPlaceError
from biaskit.browser.records import FieldError, Shown
from biaskit.browser.results import About
from biaskit.browser.serving.events import events_of
from biaskit.browser.serving.guards import TooLargeError, drop_rest
from biaskit.browser.serving.uploads import Shelf, received
from biaskit.browser.steps.choices import choices_shown
from biaskit.browser.steps.columns import columns_shown
from biaskit.browser.steps.compared import compared_shown
from biaskit.browser.steps.document import document_of, policy
from biaskit.browser.steps.explained import explained_shown
from biaskit.browser.steps.progress import progress_shown
from biaskit.browser.steps.report import report_shown
from biaskit.browser.steps.stopped import stopped_shown
from biaskit.browser.steps.tables import bytes_in_words, first_address, tables_shown
from biaskit.counts.counts import Counts
from biaskit.errors import BiaskitError, DataError
from biaskit.explanations.attributions import Attributions
from biaskit.store.formats import printable

__all__ = ["UPLOAD", "Serving", "application"]

#: Path whose requests may have a large body.
UPLOAD = "/upload"
# Seconds in which most passes are over, so that no page need be shown meanwhile.
_SOON = 0.4

_Made = TypeVar("_Made")
_LOG = logging.getLogger("biaskit.browser")


class Serving(NamedTuple):
    """What the routes serve, and how they end it."""

    desk: Desk
    shelf: Shelf
    #: Most bytes of an upload.
    most: int
    stop: Callable[[], None]
    is_closing: Callable[[], bool]


def application(serving: Serving) -> ASGIApp:
    """Application that answers whoever the guards let in."""
    steps = _Steps(serving)
    pages = {
        "/": steps.tables,
        "/columns": steps.columns,
        "/count": steps.count,
        "/choose": steps.choose,
        "/report": steps.report,
        "/compare": steps.compare,
        "/explain": steps.explain,
    }
    routes = [Route(path, steps.answering(step)) for path, step in pages.items()]
    routes += [
        Route("/download/{name}", steps.download),
        Route("/jobs/{id}/events", steps.events),
        Route("/jobs/{id}/cancel", steps.cancel, methods=["POST"]),
        Route(UPLOAD, steps.upload, methods=["POST"]),
        Route(UPLOAD, steps.answering(lambda _: _on_to("."))),  # where a page is loaded again
        Route("/stop", steps.stop, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={404: steps.missing})


class _WaitingError(Exception):
    """The counts are not there yet."""

    def __init__(self, job: Job):
        super().__init__()
        self.job = job


class _Steps:
    """What each address shows, from what the desk knows."""

    def __init__(self, serving: Serving):
        self._serving = serving
        self._desk = serving.desk

    def tables(self, _: Asked) -> Response:
        return self._tables()

    def columns(self, asked: Asked) -> Response:
        if self._desk.saved(asked.table) is not None:
            return _on_to(asked.address("choose"))
        return self._columns(asked)

    def count(self, asked: Asked) -> Response:
        self._counts(asked)
        then = asked.one("then")
        step = then if then in ("choose", "report", "columns") else "choose"
        return _on_to(asked.without("then").address(step))

    def choose(self, asked: Asked) -> Response:
        counts = self._counts(asked)
        return _document(choices_shown(counts, asked, name=self._desk.name(asked.table)))

    def report(self, asked: Asked) -> Response:
        counts = self._counts(asked)
        about, errors = self._about(asked)
        if "model" in errors:
            models = self._desk.models()
            return _document(explained_shown(models, asked, errors, name=about.name))
        return _document(report_shown(counts, asked, about, errors))

    def compare(self, asked: Asked) -> Response:
        listed, _ = self._desk.listed()
        return _document(compared_shown(listed, asked, name=self._desk.name(asked.table)))

    def explain(self, asked: Asked) -> Response:
        models, name = self._desk.models(), self._desk.name(asked.table)
        return _document(explained_shown(models, asked, name=name))

    def download(self, request: Request) -> Response:
        """A file that was asked for; where it cannot be made, the report, which says why."""
        name, asked = request.path_params["name"], Asked.of_query(request.url.query)
        kind = KINDS.get(name)
        try:
            counts = self._counts(asked)
            about, errors = self._about(asked)
            made = None if kind is None or errors else downloaded(name, counts, asked, about)
        except (_WaitingError, Cancelled, NoPlaceError, FieldError, BiaskitError):
            made = None
        if made is None:
            return _on_to(f"../{asked.address('report')}")
        named = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(made, media_type=kind, headers=named)

    async def events(self, request: Request) -> Response:
        """How far a pass is."""
        job = self._desk.jobs.get(request.path_params["id"])
        if job is None:
            return Response(status_code=204)  # which tells a browser to ask no more
        return events_of(job, self._serving.is_closing)

    async def cancel(self, request: Request) -> Response:
        """End a pass."""
        job = self._desk.jobs.get(request.path_params["id"])
        if job is not None:
            job.cancel()
        asked = Asked.of_query(request.url.query)
        return _on_to(f"../../{asked.without('then').address('columns')}")

    async def upload(self, request: Request) -> Response:
        """Take a file."""
        try:
            if int(request.headers.get("content-length", "0")[:20]) > self._serving.most:
                raise TooLargeError
            path, name = await received(request, self._serving.shelf)
        except TooLargeError:
            await drop_rest(request)
            told = (
                f"The file is larger than {bytes_in_words(self._serving.most)}. Start biaskit in "
                "its folder, and open it there: it need not be copied, however large it is."
            )
            return await run_in_threadpool(self._tables, {"file": told}, 413)
        except BiaskitError as error:
            await drop_rest(request)
            return await run_in_threadpool(self._tables, {"file": str(error)})
        except ClientDisconnect:
            return Response(status_code=400)
        key = self._desk.uploaded(path, name)
        return await run_in_threadpool(self._first_step, key)

    async def stop(self, _: Request) -> Response:
        """End the server."""
        self._serving.stop()
        return _document(stopped_shown(), can_stop=False)

    async def missing(self, request: Request, _: Exception) -> Response:
        """Say that there is no such address."""
        return await run_in_threadpool(self._tables, {"": "There is no such page."}, 404)

    def _first_step(self, key: str) -> Response:
        try:
            return _on_to(first_address(key, self._desk.kind(key)))
        except BiaskitError as error:
            return self._tables({"file": str(error)})

    def _tables(self, errors: dict[str, str] | None = None, status: int | None = None) -> Response:
        listed, is_cut = self._desk.listed()
        shown = tables_shown(
            listed,
            errors,
            folder=self._desk.folder,
            is_cut=is_cut,
            most_bytes=self._serving.most,
        )
        return _document(shown if status is None else shown._replace(status=status))

    def _columns(self, asked: Asked, errors: dict[str, str] | None = None) -> Response:
        name = self._desk.name(asked.table)
        look = self._desk.look(asked.table, dialect_of(asked))
        if look is None:
            return _on_to(asked.address("choose"))
        return _document(columns_shown(look, asked, errors, name=name))

    def _counts(self, asked: Asked) -> Counts:
        """Counts that an address asks for.

        Raises
        ------
        _WaitingError
            They are being counted.
        FieldError
            Something is wrong with what was entered.
        """
        saved = self._desk.saved(asked.table)
        if saved is not None:
            return saved
        try:
            roles, dialect = roles_of(asked), dialect_of(asked)
            return self._waited(lambda: self._desk.counts(asked.table, roles, dialect))
        except BiaskitError as error:
            raise FieldError(errors_of(error, asked)) from error

    def _about(self, asked: Asked) -> tuple[About, dict[str, str]]:
        """What a report is of, besides its counts, and what is wrong with that by field.

        Raises
        ------
        _WaitingError
            The baseline is being counted.
        """
        key = asked.table
        is_table = self._desk.saved(key) is None
        about = About(
            name=self._desk.name(key),
            files=self._desk.files(key),
            dialect=self._desk.dialect(key, dialect_of(asked)) if is_table else None,
            is_demo=key == DEMO,
        )
        wrong: dict[str, str] = {}
        if baseline := asked.one("baseline"):
            with _told_of("baseline", wrong):
                about = replace(
                    about,
                    baseline=self._counts(asked.of_baseline()),
                    baseline_name=self._desk.name(baseline),
                    baseline_files=self._desk.files(baseline),
                )
        if model := asked.one("model"):
            with _told_of("model", wrong):
                made = self._attributions(asked)
                about = replace(about, attributions=made, model=self._desk.model_file(model))
        return about, wrong

    def _attributions(self, asked: Asked) -> Attributions:
        """Parts of a model's outputs.

        Raises
        ------
        _WaitingError
            They are being made.
        """
        if self._desk.saved(asked.table) is not None:
            raise DataError("counts have no rows to be explained; open the table itself")
        names = tuple(one.strip() for one in asked.one("features").split(",") if one.strip())
        what = Explanation(
            roles=roles_of(asked),
            dialect=dialect_of(asked),
            output=asked.one("output") or None,
            features=names or None,
        )
        return self._waited(lambda: self._desk.attributions(asked.table, asked.one("model"), what))

    def _waited(self, ask: Callable[[], _Made | Job]) -> _Made:
        """Result of a pass that is over soon.

        Raises
        ------
        _WaitingError
            It is not.
        """
        found = ask()
        if isinstance(found, Job):
            if not found.wait(_SOON):
                raise _WaitingError(found)
            found = ask()
        if isinstance(found, Job):
            raise _WaitingError(found)
        return found

    def answering(self, step: Callable[[Asked], Response]) -> Callable[[Request], Response]:
        """Answer to requests of a step, in a thread of its own."""

        def answer(request: Request) -> Response:
            try:
                return self._answer(step, Asked.of_query(request.url.query))
            except Exception as error:  # noqa: BLE001 - no page is a traceback
                # Texts of files may be in it, and are not for a terminal to obey.
                lines = "".join(traceback.format_exception(error)).splitlines()
                told = "\n".join(map(printable, lines))
                _LOG.error("an error that nobody has foreseen\n%s", told)
                told = f"Something went wrong in biaskit: {type(error).__name__}."
                return self._tables({"": told}, 500)

        return answer

    def _answer(self, step: Callable[[Asked], Response], asked: Asked) -> Response:
        """Answer of a step; where it cannot be shown, of the one in which that can be mended."""
        try:
            return step(asked)
        except _WaitingError as waiting:
            name = self._desk.name(asked.table)
            return _document(progress_shown(waiting.job.working, asked, name=name))
        except Cancelled:
            return _on_to(asked.without("then").address("columns"))
        except NoPlaceError:
            gone = "This table is not there, or no longer; choose another."
            return self._tables({"table": gone}, 404)
        except FieldError as error:
            return self._mended(asked, error.messages)
        except BiaskitError as error:
            return self._mended(asked, errors_of(error, asked))

    def _mended(self, asked: Asked, errors: dict[str, str]) -> Response:
        try:
            return self._columns(asked, errors)
        except NoPlaceError:
            return self._tables(errors, 404)
        except FieldError as error:
            return self._read_by_default(asked, {**error.messages, **errors})
        except BiaskitError as error:
            return self._read_by_default(asked, {**errors_of(error, asked), **errors})

    def _read_by_default(self, asked: Asked, errors: dict[str, str]) -> Response:
        """Columns as they look if the file is read as its name says; else the list of tables."""
        try:
            look = self._desk.look(asked.table)
            name = self._desk.name(asked.table)
        except (BiaskitError, NoPlaceError) as error:
            told = str(error) if isinstance(error, BiaskitError) else next(iter(errors.values()))
            return self._tables({"table": told}, 422)
        if look is None:
            return self._tables({"table": next(iter(errors.values()))}, 422)
        return _document(columns_shown(look, asked, errors, name=name))


@contextmanager
def _told_of(field: str, wrong: dict[str, str]) -> Iterator[None]:
    """Errors as what is wrong with a field."""
    try:
        yield
    except NoPlaceError:
        wrong[field] = "This file is not there, or no longer; choose another."
    except (FieldError, BiaskitError) as error:
        wrong[field] = str(error)


def _document(shown: Shown, **choices: Any) -> Response:
    return HTMLResponse(
        document_of(shown, **choices), shown.status, {"content-security-policy": policy()}
    )


def _on_to(address: str) -> Response:
    return RedirectResponse(address or ".", 303)
