"""Progress: what is shown while the rows are counted."""

from __future__ import annotations

from biaskit.browser.asked import Asked
from biaskit.browser.records import Shown, Working
from biaskit.browser.steps.document import trail
from biaskit.pages.markup import Safe, el
from biaskit.pages.numbers import percent, whole
from biaskit.reports.words import name_in_words

__all__ = ["progress_shown"]


def progress_shown(working: Working, asked: Asked, *, name: str) -> Shown:
    """Step that waits for a pass: how far it is, and a button that ends it.

    A script shows events as they come; without one the page asks again every few seconds.
    """
    title = f"Counting the rows of {name_in_words(name)}"
    bar = el(
        "progress",
        id="bar",
        aria_label="Share of the data read",
        max="1",
        value=None if working.done is None else f"{working.done:.3f}",
    )
    body = Safe(
        el("h1", title)
        + el(
            "div",
            el("p", bar),
            el("p", _said(working), id="said", role="status", aria_live="polite"),
            id="working",
            data_events=f"jobs/{working.id}/events",
        )
        + el(
            "form",
            el("button", "Cancel", class_="second"),
            action=asked.address(f"jobs/{working.id}/cancel"),
            method="post",
        )
    )
    return Shown(title, body, 200, trail(asked, "choose"), waits=True)


def _said(working: Working) -> str:
    if working.doing == "waiting":
        return "Waiting until another count is over."
    if working.doing == "compiling":
        return "Getting ready: this takes some seconds the first time, and never again."
    if not working.rows:
        return "Opening the table."
    done = "" if working.done is None else f", {percent(working.done)} of the table"
    return f"{whole(working.rows)} rows read{done}."
