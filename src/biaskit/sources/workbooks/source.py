"""Sheets of workbooks as a source: names in the first row, then a row of values per row."""

from __future__ import annotations

import importlib.util
import itertools
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from biaskit.counts.levels import level
from biaskit.errors import BiaskitError, DataError, did_you_mean, listed
from biaskit.sources.batches import Ask, Batch, Counting, refuse_missing_columns
from biaskit.sources.files.archives import Bounded
from biaskit.sources.files.dialect import Dialect
from biaskit.sources.files.local import LocalBytes
from biaskit.sources.files.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.files.places import File, opened
from biaskit.sources.files.reading import ColumnPath, Sizes, readable
from biaskit.sources.files.turns import Known
from biaskit.sources.workbooks.parts import Parts

__all__ = ["WorkbookFiles", "sheets_of"]

# Rows of a batch, and those that a sheet has at most.
_ROWS = 1 << 15
_MOST_ROWS = 1 << 20
# What a cell shows whose formula has no result.
_ERRORS = frozenset(
    ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA")
)
_KINDS = {str: "texts", float: "numbers", bool: "booleans"}
_HINT = "; the names of the columns stand in the first row that is not empty"


class WorkbookFiles:
    """Workbooks as a source: one sheet of each."""

    def __init__(self, files: list[File], known: Known, dialect: Dialect | None = None):
        _refuse_no_library(files[0])
        self._files = files
        self._known = known
        self._sheet = None if dialect is None else dialect.sheet

    def names(self) -> list[str]:
        """Names of the columns of the first file, and of its folders' values."""
        path = self._files[0]
        with self._rows(path) as rows:
            names, _ = _head(rows)
        return names_with_folders([name for name in names if name], path)

    def paths(self, counting: Counting) -> Iterator[ColumnPath]:
        """How each file would be read, and why."""
        for file in self._files:
            yield ColumnPath(str(file), "(all)", "", 0, "openpyxl", "a workbook has no columns")

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the named columns."""
        sizes = Sizes(self._files)
        for path in self._files:
            where = str(path)
            with self._rows(path) as rows:
                names, above = _head(rows)
                named = names_with_folders([name for name in names if name], path)
                refuse_missing_columns(ask.columns, named, where, _HINT)
                folders = of_folders(ask.columns, names, path)
                own = {name: names.index(name) for name in ask.columns if name not in folders}
                kinds: dict[str, str] = {}
                for first, cells in _batches(rows, above, len(names), path):
                    arrays = {
                        name: _array([row[at] for _, row in cells], cells, name, kinds, where)
                        for name, at in own.items()
                    }
                    done = sizes.done(path, first / _MOST_ROWS)
                    made = Batch(arrays, len(cells), where, done)
                    yield with_folders(made, folders, ask.numeric)

    @contextmanager
    def _rows(self, path: File) -> Iterator[Iterator[Sequence[Any]]]:
        """Rows of a file's sheet, those that are empty too."""
        with _book(path, self._known) as book:
            sheet = _sheet_of(book, self._sheet, path)
            sheet.reset_dimensions()  # those that the file says may be wrong
            yield sheet.iter_rows(max_row=_MOST_ROWS + 1, values_only=True)


def sheets_of(path: File) -> tuple[str, ...]:
    """Names of the sheets of rows in a workbook.

    Raises
    ------
    DataError
        It is no workbook, or openpyxl is not installed.
    """
    _refuse_no_library(path)
    with _book(path, {}) as book:
        return tuple(sheet.title for sheet in book.worksheets)


@contextmanager
def _book(path: File, known: Known) -> Iterator[Any]:
    """The workbook in a file, which may be open already."""
    there = known.get(path)
    with readable(path), _damage_told(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and drawings, which have no rows
        file = there.source() if isinstance(there, LocalBytes) else opened(path)
        with Parts(Bounded(file, int(file.size())), str(path)) as held:
            yield _workbook(held)


def _refuse_no_library(path: File) -> None:
    """Refuse a workbook where openpyxl is not installed.

    Raises
    ------
    DataError
        It is not installed.
    """
    if importlib.util.find_spec("openpyxl") is None:
        raise DataError(
            f"{str(path)!r} is a workbook, and openpyxl, which reads it, is not installed: "
            "pip install 'biaskit[excel]'"
        )


def _workbook(parts: Parts) -> Any:
    """Workbook whose cells are values, not formulas, and whose sheets are read row by row."""
    from openpyxl.reader.excel import ExcelReader

    reader = ExcelReader(parts.fp, read_only=True, data_only=True, keep_links=False)
    reader.archive.close()  # its own, whose parts have no bounds
    reader.archive = parts
    try:
        reader.read()
    except ValueError as error:  # openpyxl's advice follows, in several lines
        raise (error.__cause__ or error) from None
    return reader.wb


@contextmanager
def _damage_told() -> Iterator[None]:
    """Errors that damaged workbooks cause, as those of a file that cannot be read."""
    try:
        yield
    except (BiaskitError, MemoryError, OSError, ValueError):
        raise
    except Exception as error:
        raise OSError(
            f"it is not a workbook, or damaged ({type(error).__name__}: {error})"
        ) from error


def _sheet_of(book: Any, name: str | None, path: File) -> Any:
    """The sheet of a workbook that is named, or its only one.

    Raises
    ------
    DataError
        There is no such sheet, or there are several and none is named.
    """
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if name is not None and name not in sheets:
        raise DataError(f"{path}: no sheet {name!r}; {did_you_mean(name, sheets)}")
    if name is None and len(sheets) != 1:
        raise DataError(
            f"{path} has {len(sheets):,} sheets, {listed([*sheets])}; say which, such as "
            f"sheet={next(iter(sheets), '')!r}"
            if sheets
            else f"{path} has no sheet of rows"
        )
    return sheets[name] if name is not None else next(iter(sheets.values()))


def _head(rows: Iterator[Sequence[Any]]) -> tuple[list[str], int]:
    """Names in the first row that is not empty, "" where a cell is, and the number of that row."""
    for number, row in enumerate(itertools.islice(rows, _MOST_ROWS), 1):
        names = ["" if value is None else str(level(value)) for value in row]
        if any(names):
            while not names[-1]:
                names.pop()
            return names, number
    return [], 0


def _batches(
    rows: Iterator[Sequence[Any]], above: int, width: int, path: File
) -> Iterator[tuple[int, list[tuple[int, Sequence[Any]]]]]:
    """Numbered rows that are not empty, as wide as the names, and the number of the first.

    Raises
    ------
    DataError
        There are more rows than a sheet has.
    """
    cells: list[tuple[int, Sequence[Any]]] = []
    for number, row in enumerate(rows, above + 1):
        if number > _MOST_ROWS:
            raise DataError(f"{path} has more than {_MOST_ROWS:,} rows in a sheet; write a CSV")
        if any(value is not None for value in row):
            cells.append((number, (*row[:width], *((None,) * (width - len(row))))))
        if len(cells) == _ROWS:
            yield number, cells
            cells = []
    if cells:
        yield _MOST_ROWS, cells


def _array(
    values: list[Any],
    cells: Sequence[tuple[int, Any]],
    column: str,
    kinds: dict[str, str],
    where: str,
) -> Any:
    """Arrow array of a column, all of whose values are of one kind.

    Raises
    ------
    DataError
        They are not.
    """
    import pyarrow as pa

    made = [*map(_value, values)]
    for at, value in enumerate(made):
        if value is None:
            continue
        kind = _KINDS[type(value)]
        first = kinds.setdefault(column, kind)
        if first != kind:
            raise DataError(
                f"{where}: column {column!r} holds {first} at first and {kind} in row "
                f"{cells[at][0]:,}; make it one kind in the whole sheet"
            )
    types = {"texts": pa.string(), "numbers": pa.float64(), "booleans": pa.bool_()}
    type_ = types.get(kinds.get(column, ""), pa.null())
    return pa.array(made, type_)


def _value(cell: Any) -> str | float | bool | None:
    """Value of a cell: a text, a number or a boolean; a date as a text."""
    if cell is None or cell == "" or (isinstance(cell, str) and cell in _ERRORS):
        return None
    if isinstance(cell, (str, bool, int, float)):
        return float(cell) if type(cell) is int else cell
    return str(level(cell)).removesuffix(" 00:00:00")
