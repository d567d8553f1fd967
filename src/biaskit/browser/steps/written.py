"""Written: how the file of a table is written, guessed and to be corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from biaskit.browser.asked import DIALECT, Asked
from biaskit.browser.forms import Choice, button, form, hidden, one_box, select, text_field
from biaskit.browser.records import Look
from biaskit.pages.markup import Safe, el
from biaskit.reports.words import name_in_words

__all__ = ["as_asked", "dialect_form"]

_DELIMITERS = {
    ",": "a comma",
    ";": "a semicolon",
    "tab": "a tab",
    "|": "a bar |",
    "blank": "a blank",
    ":": "a colon",
}
_ENCODINGS = {
    "utf-8": "UTF-8",
    "cp1252": "Windows (cp1252)",
    "iso8859-1": "Latin-1",
    "utf-16": "UTF-16",
}
_NAMES = {"\t": "tab", " ": "blank"}


def as_asked(look: Look, asked: Asked) -> Asked:
    """What was asked for, with what was guessed of the file where nothing was."""
    found = {name: _text(name, value) for name, value in look.dialect.items() if name in DIALECT}
    return asked.changed(**{name: one for name, one in found.items() if not asked.one(name)})


def _text(name: str, value: Any) -> str:
    if name == "header":
        return "" if value is None else "yes" if value else "no"
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return _NAMES.get(value, "" if value is None else str(value))


def dialect_form(look: Look, asked: Asked, errors: Mapping[str, str]) -> Safe | None:
    """How the file is written, folded away; nothing for files that say it themselves."""
    if look.sheets:
        fields = [_sheet(look, asked, errors)]
    elif look.delimiter or look.dialect:
        fields = _of_text(look, asked, errors)
    else:
        return None
    is_open = not errors.keys().isdisjoint(DIALECT)
    return el(
        "details",
        el("summary", _said(look, asked)),
        form(
            "columns",
            hidden(asked.without(*DIALECT, "then", "find")),
            *fields,
            button("Read it so", second=True),
        ),
        open=is_open,
        class_="more",
    )


def _said(look: Look, asked: Asked) -> str:
    """How the file is read, in a line."""
    if look.sheets:
        return f"The sheet {name_in_words(asked.one('sheet') or look.sheets[0])} is read"
    delimiter = _delimiter(look, asked)
    named = _DELIMITERS.get(delimiter, f"the character {delimiter!r}")
    header = "without a header" if asked.one("header") == "no" else "with a header"
    encoding = asked.one("encoding")
    parts = [f"{named} between values", header, _ENCODINGS.get(encoding, encoding) or "UTF-8"]
    if asked.one("decimal") == ",":
        parts.append("decimal commas")
    if asked.one("strip"):
        parts.append("blanks around values dropped")
    return f"How the file is read: {', '.join(parts)}. Does that look wrong?"


def _sheet(look: Look, asked: Asked, errors: Mapping[str, str]) -> Safe:
    sheets = [Choice(one, name_in_words(one)) for one in look.sheets]
    return select("sheet", "Sheet", sheets, asked.one("sheet"), errors)


def _delimiter(look: Look, asked: Asked) -> str:
    return asked.one("delimiter") or _NAMES.get(look.delimiter, look.delimiter) or ","


def _of_text(look: Look, asked: Asked, errors: Mapping[str, str]) -> list[Safe]:
    delimiter, encoding = _delimiter(look, asked), asked.one("encoding") or "utf-8"
    delimiters = dict(_DELIMITERS)
    delimiters.setdefault(delimiter, delimiter)
    encodings = dict(_ENCODINGS)
    encodings.setdefault(encoding, encoding)
    return [
        select("delimiter", "Between two values stands", _choices(delimiters), delimiter, errors),
        select(
            "header",
            "The first row has the names of the columns",
            [Choice("yes", "yes"), Choice("no", "no, it is data")],
            asked.one("header") or "yes",
            errors,
        ),
        *_names(asked, errors),
        select("encoding", "Encoding of the letters", _choices(encodings), encoding, errors),
        select(
            "decimal",
            "Decimal mark of numbers",
            [Choice(".", "a point: 1.5"), Choice(",", "a comma: 1,5")],
            asked.one("decimal") or ".",
            errors,
        ),
        one_box(
            "strip",
            "yes",
            "Drop blanks around values",
            errors,
            is_chosen=bool(asked.one("strip")),
        ),
        text_field(
            "na_values",
            "Values that mean that something is missing",
            asked.one("na_values"),
            errors,
            hint="With commas between them, such as ?, NA. Empty cells are missing anyhow.",
        ),
    ]


def _names(asked: Asked, errors: Mapping[str, str]) -> list[Safe]:
    """Field of the names of columns that the file does not name."""
    if asked.one("header") != "no":
        return []
    label = "Names of the columns, in their order"
    hint = "With commas between them, such as age, work, gender. Without names, they have numbers."
    return [text_field("names", label, asked.one("names"), errors, hint=hint)]


def _choices(names: Mapping[str, str]) -> list[Choice]:
    return [Choice(value, name) for value, name in names.items()]
