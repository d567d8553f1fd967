"""Tables: the first step, on which a table is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from biaskit.browser.asked import Asked
from biaskit.browser.forms import field_id, field_text, with_errors_first, wrong_with
from biaskit.browser.records import Listed, Shown
from biaskit.browser.steps.document import trail
from biaskit.pages.markup import Safe, el
from biaskit.pages.numbers import number
from biaskit.reports.words import name_in_words

__all__ = ["as_known", "bytes_in_words", "first_address", "tables_shown"]

#: What is known of the tables that ship with biaskit: what they are, and what their columns are.
_KNOWN = {
    "demo:berkeley": (
        "4,526 applicants of 1973, a small real table: were women and men admitted alike?",
        "facet=gender&label=decision&group=department",
    ),
}
_KINDS = {"counts": "counted before", "table": ""}
# Files among which a field helps to find one.
_MANY = 15


def tables_shown(
    listed: Sequence[Listed],
    errors: Mapping[str, str] | None = None,
    *,
    folder: str = "",
    is_cut: bool = False,
    most_bytes: int | None = None,
) -> Shown:
    """First step: which table is looked into.

    Parameters
    ----------
    listed
        Tables that can be chosen.
    errors
        What is wrong, by field: ``"file"`` for an upload, ``"table"`` for a table that is gone.
    folder
        Name of the folder that the files lie in; empty where there is none.
    is_cut
        Whether the folder has more files than are listed.
    most_bytes
        Most bytes that are uploaded; None where nothing can be.
    """
    errors = errors or {}
    known = [one for one in listed if one.key in _KNOWN]
    others = [one for one in listed if one.key not in _KNOWN]
    own = [one for one in others if not one.key.startswith("file:")]
    files = [one for one in others if one.key.startswith("file:")]
    body = with_errors_first(
        errors,
        el("h1", "Which table?"),
        el(
            "p",
            "Choose a table with one row for each person or decision. biaskit then shows whether "
            "groups of people fare differently in it, and how sure that is.",
        ),
        _files("Open here already", own) if own else None,
        _folder(files, folder, is_cut=is_cut) if folder or files else None,
        None if most_bytes is None else _upload(most_bytes, errors),
        *(_example(one) for one in known),
    )
    return Shown(
        "Which table?",
        body,
        400 if errors else 200,
        trail(Asked(), ""),
    )


def _folder(files: Sequence[Listed], folder: str, *, is_cut: bool) -> Safe:
    told = f"Files in {name_in_words(folder)}" if folder else "Files"
    if not files:
        nothing = (
            "This folder has no table that biaskit reads: CSV, Excel, Parquet or JSON Lines. Start "
            "biaskit in the folder of your file, or choose the file below."
        )
        return el("section", el("h2", told), el("p", nothing))
    more = "The folder has more files than are listed here." if is_cut else None
    return _files(told, files, more)


def _files(title: str, files: Sequence[Listed], more: str | None = None) -> Safe:
    items = [
        el(
            "li",
            _link(one),
            " ",
            el("small", ", ".join(filter(None, [_KINDS[one.kind], bytes_in_words(one.size)]))),
        )
        for one in files
    ]
    filtered = "file" if len(files) > _MANY else None
    made = el("ul", *items, class_="files", data_filter=filtered)
    return el("section", el("h2", title), made, more and el("p", more))


def _link(one: Listed) -> Safe:
    """Link to the step that follows the choice of a table."""
    return el("a", name_in_words(one.name), href=first_address(one.key, one.kind))


def as_known(asked: Asked) -> Asked:
    """What was asked for; of a table that ships with biaskit, at first what is known of it.

    >>> as_known(Asked.of_query("table=demo:berkeley")).one("label")
    'decision'
    """
    if asked.parts != (("table", asked.table),):
        return asked
    _, query = _KNOWN.get(asked.table, ("", ""))
    return Asked.of_query(query).changed(table=asked.table)


def first_address(key: str, kind: str = "table") -> str:
    """Address of the step that follows the choice of a table.

    >>> first_address("file:people.csv")
    'columns?table=file%3Apeople.csv'
    """
    asked = as_known(Asked((("table", key),)))
    return asked.address("choose" if kind == "counts" else "columns")


def _example(one: Listed) -> Safe:
    told, _ = _KNOWN[one.key]
    return el("section", el("h2", "An example to try"), el("p", _link(one)), el("p", told))


def _upload(most_bytes: int, errors: Mapping[str, str]) -> Safe:
    own = field_id("file")
    told = (
        f"CSV, Excel (xlsx), Parquet, JSON Lines, or what biaskit has saved; up to "
        f"{bytes_in_words(most_bytes)}. It is copied to a folder on this computer that only you "
        "can read, and deleted when biaskit stops."
    )
    field = el(
        "input",
        type="file",
        id=own,
        name=field_text("file"),
        required=True,
        aria_describedby=f"{own}-hint {own}-error" if errors.get("file") else f"{own}-hint",
        aria_invalid="true" if errors.get("file") else None,
    )
    form = el(
        "form",
        el("label", "File", for_=own),
        el("p", told, class_="hint", id=f"{own}-hint"),
        wrong_with("file", errors),
        field,
        el("p", el("button", "Open this file", class_="first")),
        action="upload",
        method="post",
        enctype="multipart/form-data",
        class_="field",
    )
    return el("section", el("h2", "A file from somewhere else"), form)


def bytes_in_words(size: int | None) -> str:
    """Size of a file, as people read it; empty where it is unknown.

    >>> bytes_in_words(1_234_567), bytes_in_words(2 << 30), bytes_in_words(999)
    ('1.2 MB', '2.1 GB', '999 bytes')
    """
    if size is None:
        return ""
    for name, unit in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= unit:
            return f"{number(size / unit, 1)} {name}"
    return f"{size} byte{'' if size == 1 else 's'}"
