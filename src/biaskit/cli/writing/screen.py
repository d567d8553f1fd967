"""The screen: rows of an output as people read them, within the width of their terminal."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from biaskit.cli.flags import in_flags
from biaskit.store import formats

__all__ = ["Records", "Shown", "is_nan", "is_terminal", "screen", "width_of_terminal"]

# Characters of a line of a terminal that does not say it, and fewest of any.
_WIDTH, _LEAST_WIDTH = 80, 40
# The column whose texts become footnotes where they are too long.
_NOTE = "note"


class Shown(NamedTuple):
    """What a screen shows of some rows, and the lines that say what it leaves out."""

    rows: Sequence[int]
    left_out: Sequence[str] = ()
    #: Whether columns that say nothing are left out too.
    briefly: bool = True


class Records(NamedTuple):
    """Rows of an output and what is printed with them."""

    #: What the rows are called in JSON.
    key: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    #: What JSON holds besides the rows.
    head: Mapping[str, Any] = {}
    #: Columns left out for people, and columns that show them a blank for NaN.
    hidden: Collection[str] = ()
    blank: Collection[str] = ()
    #: Least number that a column can show: at it, people see that the value is below.
    least: Mapping[str, float] = {}
    #: Columns that a screen leaves out where all rows have nothing in them (an empty text, NaN, 0
    #: rows), shows once where all rows have the same, or leaves out, in this order, for its width.
    optional: Collection[str] = ()
    once: Collection[str] = ()
    spare: Sequence[str] = ()
    #: Sentences that stand above a table for people.
    summary: Sequence[str] = ()
    #: Lines before a table of text.
    before: Sequence[str] = ()
    #: A sentence about each row: a column, but printed below a table of text.
    words: Sequence[str] = ()
    #: Level of the intervals, if there are any.
    level: float | None = None
    #: What the rows are made of, for forms that need more than a table.
    source: Any = None
    #: What a screen shows of the rows: by default all.
    shown: Shown | None = None
    #: Tables that people and JSON have in place of these rows, each of some of them.
    parts: Sequence[Records] = ()

    def with_words(self) -> Records:
        """The same output with the sentences, if any, as its last column."""
        if not self.words:
            return self
        rows = [(*row, said) for row, said in zip(self.rows, self.words, strict=True)]
        return self._replace(columns=(*self.columns, "words"), rows=rows, words=())

    def for_people(self) -> tuple[list[str], list[list[Any]]]:
        """Columns and rows without the columns left out for people."""
        kept = [i for i, name in enumerate(self.columns) if name not in self.hidden]

        def cell(i: int, value: Any) -> Any:
            name = self.columns[i]
            if name in self.blank and is_nan(value):
                return ""
            if name == _NOTE:
                return in_flags(value)
            if name in self.least and value <= self.least[name]:
                return formats.Below(self.least[name])
            return value

        return [self.columns[i] for i in kept], [
            [cell(i, row[i]) for i in kept] for row in self.rows
        ]


def is_terminal() -> bool:
    """Whether standard output is a terminal, which people read."""
    return sys.stdout is not None and sys.stdout.isatty()


def width_of_terminal() -> int | None:
    """Characters of a line of the terminal, or what ``COLUMNS`` says instead.

    None where standard output is no terminal: a pager and a log handle long lines themselves, and
    there one row is one line. (``COLUMNS`` does not count then: a process that has loaded readline
    hands it to all that it starts.)
    """
    if not is_terminal():
        return None
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        return max(int(said), _LEAST_WIDTH)
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).columns or _WIDTH, _LEAST_WIDTH)
    except (OSError, ValueError):
        return _WIDTH


def screen(made: Records, width: int | None = None) -> str:
    """Text of an output: its first lines, its table, what the table leaves out, its sentences.

    Parameters
    ----------
    made
        The output.
    width
        Most characters of a line; None for lines as long as they need to be.
    """
    if made.parts:
        head = (_folded(made.summary, width), _folded(made.before, width))
        return "\n\n".join(filter(None, [*head, *(screen(one, width) for one in made.parts)]))
    shown = made.shown or Shown(range(len(made.rows)))
    made = made._replace(
        rows=[made.rows[i] for i in shown.rows],
        words=[made.words[i] for i in shown.rows] if made.words else (),
    )
    columns, rows = made.for_people()
    table = _Table(columns, rows)
    same = ""
    if shown.briefly and rows:
        table = table.without(name for name in made.optional if table.says_nothing(name))
        if len(rows) > 1 or (width is not None and table.width() > width):
            same, table = _said_once(table, made.once)
    notes: list[str] = []
    narrowed = ""
    if width is not None and table.width() > width:
        table, notes = table.with_footnotes()
        if shown.briefly:
            table, narrowed = _narrowed(table, made.spare, width)
            if table.width() > width:  # texts wrap: a value over several lines stands once
                table = table.with_repeats_blank(made.once)
    parts = (
        _folded(made.summary, width),
        _folded([*made.before, same], width),
        table.text(width) if rows or not shown.left_out else "",
        _folded([*notes, *shown.left_out, narrowed], width),
        _folded(made.words, width),
    )
    return "\n\n".join(filter(None, parts))


def _folded(lines: Iterable[str], width: int | None) -> str:
    return "\n".join(formats.folded(formats.printable(line), width) for line in lines if line)


class _Table(NamedTuple):
    columns: list[str]
    rows: list[list[Any]]

    def cells(self, name: str) -> list[Any]:
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    def without(self, names: Iterable[str]) -> _Table:
        left_out = {*names}
        kept = [i for i, name in enumerate(self.columns) if name not in left_out]
        return _Table(
            [self.columns[i] for i in kept], [[row[i] for i in kept] for row in self.rows]
        )

    def says_nothing(self, name: str) -> bool:
        return name in self.columns and all(
            cell == "" or is_nan(cell) or (type(cell) is int and cell == 0)
            for cell in self.cells(name)
        )

    def width(self, *, least: bool = False) -> int:
        return formats.width_of_table(self.columns, self.rows, least)

    def with_footnotes(self) -> tuple[_Table, list[str]]:
        """The table with numbers in place of its notes, and the notes below it."""
        if _NOTE not in self.columns:
            return self, []
        at = self.columns.index(_NOTE)
        numbers = {note: 0 for note in self.cells(_NOTE) if note}
        numbers = {note: i for i, note in enumerate(numbers, 1)}
        rows = [
            [f"[{numbers[cell]}]" if i == at and cell else cell for i, cell in enumerate(row)]
            for row in self.rows
        ]
        return _Table(self.columns, rows), [
            f"[{number}] {note}" for note, number in numbers.items()
        ]

    def with_repeats_blank(self, names: Collection[str]) -> _Table:
        """The table with its first columns, of those named, blank where they repeat a row's."""
        first = next((i for i, name in enumerate(self.columns) if name not in names), 0)
        rows = []
        for row, above in zip(self.rows, [[], *self.rows], strict=False):
            same = next((i for i in range(first) if row[: i + 1] != above[: i + 1]), first)
            rows.append([*([""] * same), *row[same:]])
        return _Table(self.columns, rows)

    def text(self, width: int | None) -> str:
        return formats.as_table(self.columns, self.rows, width)


def _said_once(table: _Table, names: Collection[str]) -> tuple[str, _Table]:
    """A line on the columns that have the same in all rows, and the table without them."""
    same = {
        name: table.cells(name)[0]
        for name in table.columns
        if name in names and len({*table.cells(name)}) == 1
    }
    if not same:
        return "", table
    where = "in every row" if len(table.rows) > 1 else "in this row"
    named = (f"{name} {formats.shown(value)}" for name, value in same.items() if name != _NOTE)
    told = "; ".join(filter(None, [", ".join(named), same.get(_NOTE)]))
    return f"{where}: {told}", table.without(same)


def _narrowed(table: _Table, spare: Sequence[str], width: int) -> tuple[_Table, str]:
    """The table without columns for which there is no room, and a line that says so."""
    left_out: list[str] = []
    for name in spare:
        if table.width(least=True) <= width:
            break
        if name in table.columns:
            table, left_out = table.without([name]), [*left_out, name]
    if not left_out:
        return table, ""
    return (
        table,
        f"no room for {', '.join(left_out)}: widen the terminal, or write to a file with -o",
    )


def is_nan(value: Any) -> bool:
    """Whether a cell is a number that is undefined."""
    return isinstance(value, float) and math.isnan(value)
