"""Workbooks: tables as the sheets of an Excel file, in which no cell is a formula or a link."""

from __future__ import annotations

import datetime as dt
import importlib.util
import math
import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from biaskit.errors import DataError
from biaskit.store import written
from biaskit.store.formats import printable

__all__ = ["Sheet", "refuse_without_library", "write_workbook"]

# Rows that a sheet has, its header among them.
_MOST_ROWS = 1_048_576
# A name of a sheet has at most 31 units of UTF-16, a cell 32,767: two for some characters.
_MOST_IN_NAME, _MOST_IN_CELL = 31, 16_000
# Width of a column, in digits.
_LEAST_WIDE, _MOST_WIDE = 10, 60
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\]")
# First characters that make a spreadsheet read an edited cell as a formula.
_FORMULA = ("=", "+", "-", "@")
# Excel keeps this name for itself.
_TAKEN = "history"
# A file has the same bytes whenever it is written.
_CREATED = dt.datetime(1980, 1, 1)


class Sheet(NamedTuple):
    """A table, and what its sheet is called, as far as Excel allows the name."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def refuse_without_library() -> None:
    """Refuse to write a workbook where the library for it is not installed."""
    if importlib.util.find_spec("xlsxwriter") is None:
        raise DataError(
            "an Excel file needs XlsxWriter: pip install 'biaskit[excel]'; or write CSV, which a "
            "spreadsheet opens too (-o FILE.csv)"
        )


def write_workbook(
    path: str | os.PathLike[str], facts: Sequence[tuple[str, Any]], sheets: Sequence[Sheet]
) -> None:
    """Write tables to an Excel file, after a first sheet of facts about them.

    Numbers are numbers, NaN is an empty cell, and infinities are the texts ``infinite`` and ``minus
    infinite``. Whatever a text holds, it is a text: no cell is a formula, a link or a number that
    the data do not have. Texts of more than 16,000 characters are cut.

    Parameters
    ----------
    path
        The file to write, whole or not at all.
    facts
        What the first sheet says: names and values. A fact without a name continues the one above.
    sheets
        The tables.

    Raises
    ------
    DataError
        XlsxWriter is not installed, a table has more rows than a sheet, or the file cannot be
        written.
    """
    refuse_without_library()
    for sheet in sheets:
        if len(sheet.rows) >= _MOST_ROWS:
            raise DataError(
                f"{sheet.name!r} has {len(sheet.rows):,} rows, and a sheet holds "
                f"{_MOST_ROWS - 1:,}; write CSV or Parquet, or ask for fewer metrics"
            )
    import xlsxwriter

    with written.atomically(path) as file:
        book = xlsxwriter.Workbook(file, {"in_memory": True})  # its own files have dates
        book.set_properties({"created": _CREATED})
        cells = _Cells(book)
        first, *names = _names(["About", *(sheet.name for sheet in sheets)])
        _write_facts(book.add_worksheet(first), facts, cells)
        for name, sheet in zip(names, sheets, strict=True):
            _write_table(book.add_worksheet(name), sheet, cells)
        book.close()


class _Cells:
    """Cells of a workbook, with the formats that they share."""

    def __init__(self, book: Any):
        self.plain = book.add_format({"valign": "top"})
        self.head = book.add_format({"bold": True, "bottom": 1})
        self.name = book.add_format({"bold": True, "valign": "top"})
        self.wrapped = book.add_format({"text_wrap": True, "valign": "top", "align": "left"})
        # An apostrophe that Excel keeps outside the text: it stays a text when it is edited.
        self.quoted = book.add_format({"quote_prefix": True, "valign": "top"})
        self.whole = book.add_format({"num_format": "#,##0", "valign": "top"})
        self.decimal = book.add_format({"num_format": "0.0000", "valign": "top"})
        self.small = book.add_format({"num_format": "0.0E+00", "valign": "top"})

    def write(self, sheet: Any, row: int, column: int, value: Any, look: Any = None) -> None:
        """Write a value as what it is, and nothing for NaN and None."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if math.isinf(value):
                value = "infinite" if value > 0 else "minus infinite"
            else:
                if not math.isnan(value):
                    sheet.write_number(row, column, value, look or self._number(value))
                return
        if value is not None:
            text = _text(str(value))
            own = self.quoted if text.startswith(_FORMULA) else self.plain
            sheet.write_string(row, column, text, look or own)

    def _number(self, value: float) -> Any:
        if isinstance(value, int) or (value.is_integer() and abs(value) > 1):
            return self.whole
        return self.small if 0 < abs(value) < 0.0001 else self.decimal


def _text(text: str) -> str:
    """Text as a cell may hold it: without control characters, and no longer than Excel allows."""
    shown = printable(text[:_MOST_IN_CELL])
    if len(text) <= _MOST_IN_CELL and len(shown) <= _MOST_IN_CELL:
        return shown
    return f"{shown[: _MOST_IN_CELL - 3]}..."


def _write_facts(page: Any, facts: Sequence[tuple[str, Any]], cells: _Cells) -> None:
    page.set_column(0, 0, 24)
    page.set_column(1, 1, 100)
    for row, (name, value) in enumerate(facts):
        cells.write(page, row, 0, name or None, cells.name)
        cells.write(page, row, 1, value, cells.wrapped)


def _write_table(page: Any, table: Sheet, cells: _Cells) -> None:
    for column, name in enumerate(table.columns):
        cells.write(page, 0, column, name, cells.head)
        texts = [name + "  ", *(row[column] for row in table.rows)]
        longest = max(len(one) for one in texts if isinstance(one, str))
        page.set_column(column, column, min(max(longest + 1, _LEAST_WIDE), _MOST_WIDE))
    for at, row in enumerate(table.rows, 1):
        for column, value in enumerate(row):
            cells.write(page, at, column, value)
    page.freeze_panes(1, 0)
    if table.columns and table.rows:
        page.autofilter(0, 0, len(table.rows), len(table.columns) - 1)


def _names(wanted: Sequence[str]) -> list[str]:
    """Names that Excel allows: short, of allowed characters, and different in any case."""
    made: list[str] = []
    taken = {_TAKEN}
    for one in wanted:
        base = _NOT_IN_NAMES.sub("_", printable(one[:_MOST_IN_CELL]))
        name, times = _cut(base, ""), 1
        while name.lower().casefold() in taken:
            times += 1
            name = _cut(base, f" ({times})")
        taken.add(name.lower().casefold())
        made.append(name)
    return made


def _cut(name: str, ending: str) -> str:
    """Name that is short enough with its ending, without apostrophes and blanks at its ends."""
    units = name.strip("' ").encode("utf-16-le")[: 2 * (_MOST_IN_NAME - len(ending))]
    return (units.decode("utf-16-le", errors="ignore").strip("' ") or "Sheet") + ending
