"""Formats: plain records to text for people and for programs, whatever their content."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Below",
    "as_csv",
    "as_json",
    "as_markdown",
    "as_safe_csv",
    "as_table",
    "folded",
    "frame",
    "json_value",
    "markdown",
    "printable",
    "shortened",
    "shown",
    "width_of_table",
]

# Most characters of a text that people see; JSON and CSV have all of it.
_MOST_LETTERS = 1_000
# What stands between the columns of a table, and fewest letters of one that is wrapped.
_GAP, _LEAST_LETTERS = "  ", 12
# Most lines of a cell that is wrapped; a text of so many letters is not on a screen to be read.
_MOST_LINES = 8
# Commands that the runners of GitHub, Azure and TeamCity obey anywhere in a log line.
_COMMAND = re.compile(r"#(?=#(?:\[|vso\[|teamcity\[))", re.IGNORECASE)
# Texts that GitHub turns into links or mentions.
_LINK = re.compile(r"(?<=:)(?=//)|(?<=[Ww]{3})(?=\.)|(?<=@)")
# First characters that make a spreadsheet read a cell as a formula; the last four are full-width.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_MARKDOWN = str.maketrans({char: f"\\{char}" for char in "\\`*_{}[]<>()#|!~&"})


def frame(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Plain pandas DataFrame of columns of equal length."""
    import pandas as pd

    return pd.DataFrame(dict(columns))


class Below(float):
    """A number known only to be below its value.

    >>> print(as_table(["p_value"], [[Below(1e-6)]]))
    p_value
     <1e-06
    """


def as_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], width: int | None = None
) -> str:
    """Aligned table: numbers to the right, texts to the left, control characters escaped.

    With a `width`, texts are wrapped so that lines have at most so many characters, if they can.

    >>> print(as_table(["metric", "estimate", "n"], [["CI", 0.5, 1200], ["KL", float("inf"), 3]]))
    metric  estimate      n
    CI        0.5000  1,200
    KL           inf      3
    >>> print(as_table(["n", "why"], [[3, "fewer than ten rows"], [40, "enough"]], width=18))
     n  why
     3  fewer than ten
        rows
    40  enough
    """
    cells, numeric = _cells(columns, rows)
    widths = [max(map(_breadth, column)) for column in zip(*cells, strict=True)]
    if width is not None:
        _narrow(widths, numeric, width)
    lines = []
    for row in cells:
        parts = [_cut(_wrapped(cell, most)) for cell, most in zip(row, widths, strict=True)]
        for i in range(max(map(len, parts))):
            line = (part[i] if i < len(part) else "" for part in parts)
            lines.append(
                _GAP.join(
                    _pad(cell, most) + cell if right else cell + _pad(cell, most)
                    for cell, most, right in zip(line, widths, numeric, strict=True)
                ).rstrip()
            )
    return "\n".join(lines)


def width_of_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], least: bool) -> int:
    """Characters of a line of a table; with `least`, of its texts wrapped as far as they go.

    >>> table = ["n", "why"], [[3, "fewer than ten rows"]]
    >>> width_of_table(*table, least=False), width_of_table(*table, least=True)
    (22, 15)
    """
    cells, numeric = _cells(columns, rows)
    widths = [max(map(_breadth, column)) for column in zip(*cells, strict=True)]
    if least:
        _narrow(widths, numeric, 0)
    return _line(widths)


def _line(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _cells(
    columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> tuple[list[list[str]], list[bool]]:
    """Texts of a table, the names of its columns first, and which columns hold numbers."""
    values = [list(row) for row in rows]
    numeric = [_is_numeric([row[i] for row in values]) for i in range(len(columns))]
    return [list(columns), *([shown(value) for value in row] for row in values)], numeric


def _narrow(widths: list[int], numeric: Sequence[bool], most: int) -> None:
    """Make the widest columns of texts narrower until a line fits, or they have a few letters."""
    texts = [i for i, right in enumerate(numeric) if not right]
    over = _line(widths) - most
    while over > 0 and texts:
        widest = max(texts, key=widths.__getitem__)
        if widths[widest] <= _LEAST_LETTERS:
            break
        widths[widest] -= 1
        over -= 1


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a text, each of at most so many characters' room."""
    if _breadth(text) <= width:
        return [text]
    if text.isascii():
        from textwrap import wrap

        return wrap(text, width) or [""]
    lines, room = [""], width
    for char in text:
        if (needed := _breadth(char)) > room:
            lines.append("")
            room = width
        lines[-1] += char
        room -= needed
    return lines


def _cut(lines: list[str]) -> list[str]:
    return lines if len(lines) <= _MOST_LINES else [*lines[: _MOST_LINES - 1], "..."]


def _pad(text: str, width: int) -> str:
    return " " * (width - _breadth(text))


def _breadth(text: str) -> int:
    """Characters' room that a text takes in a terminal: two for each wide letter or emoji."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def folded(text: str, width: int | None) -> str:
    """A text on lines of at most so many characters; on one line without a `width`.

    >>> print(folded("a line that is long", 12))
    a line that
    is long
    """
    if width is None:
        return text
    return "\n".join(line.rstrip() for line in _wrapped(text, width))


def as_markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""Markdown table in which no cell can become markup.

    >>> print(as_markdown(["value", "n"], [["a|b", 3]]))
    | value | n |
    | --- | ---: |
    | a\|b | 3 |
    """
    values = [list(row) for row in rows]
    rules = [
        "---:" if _is_numeric([row[i] for row in values]) else "---" for i in range(len(columns))
    ]
    cells = [[markdown(_text(value)) for value in row] for row in values]
    names = [markdown(name) for name in columns]
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, rules, *cells])


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV with a header; NaN is an empty cell, infinities are ``inf`` and ``-inf``."""
    plain = (["" if isinstance(v, float) and math.isnan(v) else v for v in row] for row in rows)
    return "\n".join(map(_csv_line, [columns, *plain]))


def _csv_line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    # csv quotes only the characters of its own line end, and a value may hold either of the two.
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n")


def as_safe_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV in which no text is a formula to a spreadsheet, nor a command to a terminal or a log.

    >>> print(as_safe_csv(["value", "n"], [["=1+1", -3]]))
    value,n
    '=1+1,-3
    """

    def defused(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return printable(f"'{value}" if value.lstrip().startswith(_FORMULA) else value)

    return as_csv([*map(defused, columns)], [[*map(defused, row)] for row in rows])


def as_json(value: Any) -> str:
    r"""Strict JSON, indented; see `json_value` for numbers that JSON does not have.

    Its texts are complete: unprintable characters are escaped as JSON does.

    >>> print(as_json(["\x1b[31m", "##[error]"]))
    [
     "\u001b[31m",
     "\u0023#[error]"
    ]
    """
    text = json.dumps(json_value(value), indent=1, ensure_ascii=False, allow_nan=False)
    lines = (line if line.isprintable() else _escaped(line) for line in text.split("\n"))
    return _COMMAND.sub(r"\\u0023", "\n".join(lines))


def _escaped(line: str) -> str:
    """Line of JSON without control characters or unpaired surrogates."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def json_value(value: Any) -> Any:
    """Value with NaN as null and infinities as ``"Infinity"`` and ``"-Infinity"``.

    >>> json_value({"estimate": float("nan"), "high": float("inf")})
    {'estimate': None, 'high': 'Infinity'}
    """
    match value:
        case dict():
            return {key: json_value(one) for key, one in value.items()}
        case list() | tuple():
            return [json_value(one) for one in value]
        case float() if math.isnan(value):
            return None
        case float() if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
    return value


def _is_numeric(cells: Sequence[Any]) -> bool:
    """Whether a column holds numbers; some of its cells may be empty."""
    known = [cell for cell in cells if cell != ""]
    return bool(known) and all(isinstance(cell, (int, float)) for cell in known)


def shown(value: Any) -> str:
    r"""Text by which people see a value, on one line and obeyed by nobody.

    >>> shown(1835), shown(0.25), shown("::error::x")
    ('1,835', '0.2500', '\\x3a:error::x')
    """
    return printable(_text(value))


def _text(value: Any) -> str:
    match value:
        case Below():
            return f"<{float(value):.0e}"
        case bool():
            return str(value)
        case str():
            return shortened(value)
        case int():
            return f"{value:,}"
        case float() if math.isnan(value):
            return "undefined"
        case float() if 0 < abs(value) < 0.0001:
            return f"{value:.0e}"
        case float():
            return f"{value:.4f}"
    return str(value)


def shortened(text: str) -> str:
    """Text for people, of 1,000 characters at most."""
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}..."


def markdown(text: str) -> str:
    """Text that Markdown shows literally; a zero-width space breaks what would become a link."""
    return _LINK.sub("&#8203;", printable(text).translate(_MARKDOWN))


def printable(text: str) -> str:
    r"""Text on one line that is not a command to a terminal or a job's runner, whoever wrote it.

    >>> print(printable("\x1b[31mred"), printable("::error::x"), printable("a ##[error]x"))
    \x1b[31mred \x3a:error::x a \x23#[error]x
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    text = _COMMAND.sub(r"\\x23", text)
    if text.lstrip().startswith("::"):  # GitHub obeys it only at the start of a line
        text = text.replace(":", r"\x3a", 1)
    return text
