"""Stopped: what is shown once biaskit has ended, and where nothing is."""

from __future__ import annotations

from biaskit.browser.records import Shown
from biaskit.pages.markup import Safe, el

__all__ = ["stopped_shown"]


def stopped_shown() -> Shown:
    """Last page: biaskit has ended, and nothing of what was uploaded is left."""
    title = "biaskit has stopped"
    told = (
        "Files that were uploaded are deleted, and what was counted is forgotten. You can close "
        "this window. To go on, start biaskit app again."
    )
    return Shown(title, Safe(el("h1", title) + el("p", told)))
