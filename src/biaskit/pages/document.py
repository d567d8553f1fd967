"""Document: the HTML file around a page, whole by itself, that fetches nothing."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
from collections.abc import Mapping
from typing import Any

from biaskit.pages.markup import Safe, el, json_block
from biaskit.store.blocks import ID
from biaskit.store.version import __version__

__all__ = ["digest", "document", "packaged", "policy"]


@functools.cache
def packaged(name: str, folder: str = "biaskit.pages") -> Safe:
    """Style sheet or script of the package, as it stands in a page."""
    path = importlib.resources.files(folder).joinpath(name)
    return Safe(path.read_text(encoding="utf-8").strip())


def digest(text: str) -> str:
    """SHA-256 of a text, as a policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def policy() -> str:
    """Content security policy of a document: its own style and script, and nothing else."""
    return (
        f"default-src 'none'; style-src 'sha256-{digest(packaged('page.css'))}'; "
        f"script-src 'sha256-{digest(packaged('page.js'))}'; base-uri 'none'; form-action 'none'"
    )


def document(
    title: str,
    body: Safe,
    *,
    description: str,
    meta: Mapping[str, str] | None = None,
    counts: Any = None,
    lang: str = "en",
) -> str:
    r"""HTML document, which is readable with neither its style nor its script.

    Parameters
    ----------
    title
        Title of the document.
    body
        What stands in `main`.
    description
        What it says, in a sentence.
    meta
        Further facts about it, by name.
    counts
        Value to keep in it as JSON; none without it.
    lang
        Language of its words.

    Examples
    --------
    >>> from biaskit.pages.markup import el
    >>> document("Bias report", el("h1", "No gap"), description="No gap.")[:60]
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/'
    """
    facts = {
        "viewport": "width=device-width, initial-scale=1",
        "color-scheme": "light dark",
        "generator": f"biaskit {__version__}",
        "description": description,
        **(meta or {}),
    }
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy()),
        *(el("meta", name=name, content=fact) for name, fact in facts.items()),
        el("title", title),
        el("style", packaged("page.css")),
    )
    inside = el(
        "body",
        el("main", body),
        json_block(ID, counts) if counts is not None else None,
        el("script", packaged("page.js")),
    )
    return f"<!DOCTYPE html>\n{el('html', head, inside, lang=lang)}\n"
