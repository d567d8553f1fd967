"""Markup: elements that escape whatever they did not make themselves."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from biaskit.store.formats import json_value, printable, shortened

__all__ = [
    "Safe",
    "chart_id",
    "coordinate",
    "el",
    "escaped",
    "ident",
    "json_block",
    "lines",
    "table",
]

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
# What markup has and an attribute may not, even one made of markup.
_QUOTED = str.maketrans({"<": "&lt;", ">": "&gt;", '"': "&quot;"})
# Elements of HTML that have no end tag, and shapes of SVG that have no children.
_VOID = frozenset({"br", "hr", "input", "link", "meta", "circle", "line", "path", "rect"})
_JSON_IN_SCRIPT = str.maketrans(
    {char: f"\\u{ord(char):04x}" for char in ("<", ">", "&", "\u2028", "\u2029")}
)


class Safe(str):
    """Text that is markup: made by `el`, or known to the program and not by the data."""

    __slots__ = ()


def escaped(text: object) -> Safe:
    r"""Text as markup that shows it, whoever wrote it, on one line and cut after 1,000 characters.

    What is `Safe` stays as it is. Control characters, those that reorder a line and unpaired
    surrogates are shown by their numbers.

    >>> escaped("<b>\u202e'x'")
    '&lt;b&gt;\\u202e&#39;x&#39;'
    """
    if isinstance(text, Safe):
        return text
    return Safe(printable(shortened(str(text))).translate(_ENTITIES))


def el(tag: str, /, *children: object, **attributes: object) -> Safe:
    """Element of HTML or SVG. Children and attributes that are not `Safe` are escaped.

    Attributes are named as in Python: ``class_`` and ``aria_label``. None and False leave an
    attribute out, True gives it no value, and a float is a coordinate, in tenths. Children that are
    None are left out.

    >>> el("a", "R&D", href="#r", class_="more", hidden=None)
    '<a href="#r" class="more">R&amp;D</a>'
    >>> el("line", x1=0.04, x2=12.0)
    '<line x1="0" x2="12"/>'
    """
    opened = "".join([tag, *(_attribute(name, one) for name, one in attributes.items())])
    if tag in _VOID:
        return Safe(f"<{opened}/>")
    inside = "".join(escaped(child) for child in children if child is not None)
    return Safe(f"<{opened}>{inside}</{tag}>")


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    if value is True:
        return f' {name}=""'
    shown = coordinate(value) if isinstance(value, float) else escaped(value).translate(_QUOTED)
    return f' {name}="{shown}"'


def coordinate(value: float) -> str:
    """Length in a drawing, in tenths.

    >>> coordinate(12.04), coordinate(-0.02), coordinate(3.25)
    ('12', '0', '3.2')
    """
    shown = f"{value:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


def lines(text: str) -> Safe:
    r"""Text of several lines, such as a command, each escaped by itself.

    >>> lines("a < b\nc")
    'a &lt; b\nc'
    """
    return Safe("\n".join(map(escaped, text.split("\n"))))


def ident(*names: str) -> Safe:
    """Id of what is named so: readable, and no other names have the same.

    >>> ident("facet", "Race & sex")
    'facet-race-sex-1e1be1'
    """
    digest = _digest(names)[:6]
    slug = "-".join(re.findall("[a-z0-9]+", shortened(" ".join(names)).lower()))[:40]
    return Safe(f"{slug or 'id'}-{digest}")


def chart_id(*names: str) -> Safe:
    """Id of a chart, which nothing links to: short, since a chart has it five times.

    >>> chart_id("shares", "Race")
    'c6b48d7cd'
    """
    return Safe(f"c{_digest(names)[:8]}")


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256(repr(names).encode("utf-8", "surrogatepass")).hexdigest()


def json_block(name: str, value: Any) -> Safe:
    r"""Block of data in a page: JSON that cannot end the block, whatever its texts.

    >>> json_block("data", ["</script>"])
    '<script type="application/json" id="data">["\\u003c/script\\u003e"]</script>'
    """
    text = json.dumps(json_value(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return el("script", Safe(text.translate(_JSON_IN_SCRIPT)), type="application/json", id=name)


def table(
    caption: object,
    columns: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    label: str,
    texts: Collection[int] = (),
) -> Safe:
    """Table in a region of its own that scrolls and takes the focus.

    Parameters
    ----------
    caption
        What the table shows.
    columns
        Headers of the columns; the first is that of the rows' names. A last column of texts that
        are all empty is left out.
    rows
        Cells. The first of a row names it.
    label
        Name of the region to a screen reader.
    texts
        Places of further columns that hold texts, which stand at the left.
    """
    rows = [*rows]
    if len(columns) - 1 in texts and not any(cells[-1] for cells in rows):
        columns, rows = columns[:-1], [cells[:-1] for cells in rows]

    def row(cells: Sequence[object]) -> Safe:
        name, *others = cells
        return el(
            "tr",
            el("th", name, scope="row"),
            *(
                el("td", cell, class_="t" if place in texts else None)
                for place, cell in enumerate(others, 1)
            ),
        )

    heads = (
        el("th", name, scope="col", class_="t" if place in texts else None)
        for place, name in enumerate(columns)
    )
    made = el(
        "table",
        el("caption", caption),
        el("thead", el("tr", *heads)),
        el("tbody", *map(row, rows)),
    )
    return el("div", made, class_="scroll", role="region", tabindex=0, aria_label=label)
