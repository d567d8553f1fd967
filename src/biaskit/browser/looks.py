"""Looks: what a table holds, from its first rows, and how its text is written."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from biaskit.browser.records import Column, Look
from biaskit.counts.levels import MISSING, level, show, typed
from biaskit.errors import BiaskitError
from biaskit.sources.batches import Batch, Source, rows_of
from biaskit.sources.dispatch import source_of
from biaskit.sources.files.dialect import Dialect, dialect_of
from biaskit.sources.files.endings import ARCHIVE
from biaskit.sources.files.reading import format_of, readable
from biaskit.store.formats import shortened

__all__ = ["look_at_file", "look_at_frame"]

# Rows and cells that are looked at, values that are shown of a column, and letters of each.
_ROWS, _CELLS = 5000, 400_000
# Columns that are read one by one where they cannot be read together.
_EACH = 200
_VALUES, _LETTERS = 6, 60
# Levels whose kind is a name of `Column.kind`.
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")


def look_at_file(path: Path, opened: Any, given: Mapping[str, Any]) -> Look:
    """First look at a file, which may be open already; `given` says how it is written.

    Raises
    ------
    BiaskitError
        It cannot be read so.
    """
    is_archive = path.suffix.lower() == ARCHIVE
    format_ = "" if is_archive else format_of(path, "csv", _dialect(given))
    if format_ == "parquet":
        return _look_at_parquet(path, opened)
    dialect = dict(given)
    sheets, delimiter = tuple[str, ...](), ""
    if format_ == "excel":
        from biaskit.sources.workbooks.source import sheets_of

        sheets = sheets_of(path)
        dialect.setdefault("sheet", sheets[0] if sheets else None)
    elif format_ == "csv":
        from biaskit.browser.guesses import guessed

        dialect = {**guessed(path, given), **given}
        delimiter = Dialect().delimiter_of(path)
    source = source_of(path, None, _dialect(dialect))
    columns, looked_at = _columns(source, source.names())
    rows = looked_at if looked_at < _rows_of(len(columns)) else None  # fewer than were asked for
    return Look(columns, rows, looked_at, dialect, sheets, delimiter)


def look_at_frame(frame: Any) -> Look:
    """First look at a table in memory.

    Raises
    ------
    BiaskitError
        It is no table that biaskit reads.
    """
    source = source_of(frame)
    names = source.names()
    rows = _number_of_rows(frame)
    if rows is None:  # an engine's, which would be asked for all of its rows
        return Look(tuple(Column(str(name), "other") for name in names), None, 0)
    first = source_of(frame[: _rows_of(len(names))]) if hasattr(frame, "__getitem__") else source
    columns, looked_at = _columns(first, names)
    return Look(columns, rows, looked_at)


def _number_of_rows(frame: Any) -> int | None:
    """Number of rows of a frame of pandas or polars, or of an Arrow table."""
    try:
        return int(getattr(frame, "num_rows", None) or len(frame))
    except TypeError:
        return None


def _dialect(given: Mapping[str, Any]) -> Dialect | None:
    options = {name: one for name, one in given.items() if name not in ("sheet", "input_format")}
    return dialect_of(options or None, given.get("input_format"), given.get("sheet"))


def _rows_of(columns: int) -> int:
    """Rows to look at of so many columns."""
    return max(20, min(_ROWS, _CELLS // max(1, columns)))


def _look_at_parquet(path: Path, opened: Any) -> Look:
    """First look at an open Parquet file: its footer, and its first rows."""
    from biaskit.sources.parquet.opening import OpenParquet, parquet_of

    with readable(path):
        file = OpenParquet(path, opened, parquet_of(opened))
        types = {field.name: field.type for field in file.file.schema_arrow}
        batch = file.first_rows(file.names, _rows_of(len(types)))
    if batch is None:
        none = tuple(Column(name, _kind_of_type(type_)) for name, type_ in types.items())
        return Look(none, file.rows, 0)
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = (
        _column(name, [arrays[name]], is_text=False)
        if name in arrays
        else Column(name, _kind_of_type(type_))
        for name, type_ in types.items()
    )
    return Look(tuple(columns), file.rows, batch.num_rows)


def _columns(source: Source, names: Sequence[Any]) -> tuple[tuple[Column, ...], int]:
    """Columns as they look in the first rows, and how many rows those are."""
    most = _rows_of(len(names))
    try:
        first = _first(source, [*dict.fromkeys(names)], most)
    except BiaskitError:
        if len(names) > _EACH:
            raise
        return _each_by_itself(source, names, most)
    made = (_column_of(first, name, most) for name in names)
    return tuple(made), min(most, sum(batch.rows for batch in first))


def _column_of(batches: Sequence[Batch], name: Any, most: int) -> Column:
    """A column of the first rows."""
    if not batches:
        return Column(str(name), "other")
    arrays, left = [], most
    for batch in batches:
        arrays.append(batch.columns[name].slice(0, left))
        left -= len(arrays[-1])
    return _column(str(name), arrays, is_text=name in batches[0].texts)


def _each_by_itself(
    source: Source, names: Sequence[Any], most: int
) -> tuple[tuple[Column, ...], int]:
    """Columns as from `_columns`, where some cannot be read.

    Raises
    ------
    BiaskitError
        None of them can.
    """
    made, looked_at, failed = [], 0, None
    for name in names:
        try:
            first = _first(source, [name], most)
        except BiaskitError as error:
            failed, first = error, []
        made.append(_column_of(first, name, most))
        looked_at = max(looked_at, min(most, sum(batch.rows for batch in first)))
    if failed is not None and not looked_at:
        raise failed
    return tuple(made), looked_at


def _first(source: Source, names: Sequence[Any], most: int) -> list[Batch]:
    """First batches of a source, which have so many rows; the rest is not read."""
    made, rows = list[Batch](), 0
    for batch in rows_of(source, names):
        if batch.rows:
            made.append(batch)
            rows += batch.rows
        if rows >= most:
            break
    return made


def _column(name: str, arrays: Sequence[Any], *, is_text: bool) -> Column:
    """A column, from Arrow arrays of its first values."""
    type_ = arrays[0].type
    try:
        values: list[Any] = [*_known(value for array in arrays for value in array.to_pylist())]
    except (ValueError, OverflowError):  # dates and times that Python has not
        return Column(name, _kind_of_type(type_))
    known = [value for value in values if value is not MISSING]
    if is_text:
        known = [*typed(known)]
    found = Counter(map(_shown, known))
    return Column(
        name,
        _kind_of(known) if known else _kind_of_type(type_),
        tuple(text for text, _ in found.most_common(_VALUES)),
        (len(values) - len(known)) / len(values) if values else None,
        len(found) if values else None,
    )


def _known(values: Iterable[Any]) -> Iterator[Any]:
    """Levels of values, and of those that have none a text."""
    for value in values:
        try:
            yield MISSING if value is None else level(value)
        except (BiaskitError, TypeError, ValueError):
            yield _Other(value)


class _Other:
    """A value that is no level, such as a list."""

    def __init__(self, value: object):
        self._text = shortened(str(value))

    def __str__(self) -> str:
        return self._text


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, _Other) else show(value)
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}…"


def _kind_of(values: Sequence[Any]) -> str:
    """Kind of a column's known values."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "yes or no"
    if kinds == {int}:
        return "whole number"
    if kinds <= {int, float} or (bool not in kinds and "Decimal" in {k.__name__ for k in kinds}):
        return "number"
    if kinds == {str}:
        some = itertools.islice(values, 50)
        return "date" if all(_DATE.fullmatch(one) for one in some) else "text"
    return "date" if kinds <= {dt.date, dt.datetime} else "other"


def _kind_of_type(type_: Any) -> str:
    """Kind of a column of an Arrow type."""
    import pyarrow as pa

    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    is_a = {
        "yes or no": (pa.types.is_boolean,),
        "whole number": (pa.types.is_integer,),
        "number": (pa.types.is_floating, pa.types.is_decimal),
        "date": (pa.types.is_date, pa.types.is_timestamp),
        "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_null),
    }
    found = (kind for kind, tests in is_a.items() if any(test(type_) for test in tests))
    return next(found, "other")
