"""Document: the HTML around a step, and the policy by which it fetches and runs nothing else."""

from __future__ import annotations

import functools

from biaskit.browser.asked import Asked
from biaskit.browser.records import Shown
from biaskit.pages.document import digest, packaged
from biaskit.pages.markup import Safe, el
from biaskit.store.version import __version__

__all__ = ["document_of", "policy", "trail"]

# Seconds until a page without scripts asks again: long enough to press its button meanwhile.
_AGAIN = 3
#: Steps of the way from a table to a report, as people call them.
_TRAIL = {
    "": "Table",
    "columns": "Columns",
    "choose": "Good outcome",
    "report": "Report",
}


@functools.cache
def _style() -> Safe:
    return Safe(f"{packaged('page.css')}\n{packaged('app.css', 'biaskit.browser')}")


@functools.cache
def _script() -> Safe:
    return packaged("app.js", "biaskit.browser")


@functools.cache
def policy() -> str:
    """Content security policy of every step: its own style and script, forms to its own server."""
    return (
        f"default-src 'none'; style-src 'sha256-{digest(_style())}'; "
        f"script-src 'sha256-{digest(_script())}'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def document_of(shown: Shown, *, can_stop: bool = True) -> str:
    r"""HTML document of a step; its links and forms are relative to wherever the steps are.

    Parameters
    ----------
    shown
        What the step made.
    can_stop
        Whether it has a button that ends the server.

    Examples
    --------
    >>> document_of(Shown("Which table?", el("h1", "Which table?")))[:58]
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8'
    """
    again = (
        el("noscript", el("meta", http_equiv="refresh", content=_AGAIN)) if shown.waits else None
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="generator", content=f"biaskit {__version__}"),
        el("title", f"{shown.title} - biaskit"),
        again,
        el("style", _style()),
    )
    stop = el("form", el("button", "Stop biaskit", class_="second"), action="stop", method="post")
    foot = el(
        "footer",
        el(
            "p",
            "This page is made on your own computer by biaskit. Your data are not sent anywhere.",
        ),
        stop if can_stop else None,
    )
    inside = el(
        "body",
        el("a", "Skip to the content", href="#main", class_="skip"),
        el("header", el("p", "biaskit"), shown.trail),
        el("main", shown.body, id="main", tabindex="-1"),
        foot,
        el("script", _script()),
    )
    return f"<!DOCTYPE html>\n{el('html', head, inside, lang='en')}\n"


def trail(asked: Asked, here: str) -> Safe:
    """Steps of the way, those before this one as links that keep all choices."""
    has_columns = here in ("", "columns") or bool(asked.each("facet"))  # saved counts have none
    steps = [step for step in _TRAIL if has_columns or step != "columns"]
    place = steps.index(here)
    items = []
    for i, step in enumerate(steps):
        told = f"{i + 1}. {_TRAIL[step]}"
        if i < place:
            address = "." if step == "" else asked.address(step)
            items.append(el("li", el("a", told, href=address)))
        else:
            items.append(el("li", told, aria_current="step" if i == place else None))
    return el("nav", el("ol", *items, class_="trail"), aria_label="Steps")
