"""Tables in memory (pandas, polars, Arrow) and streams of Arrow batches as sources."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Iterator
from typing import Any

from biaskit.counts.facets import column_name
from biaskit.counts.levels import level
from biaskit.errors import DataError
from biaskit.sources.batches import (
    Ask,
    Batch,
    Source,
    of_another_type,
    of_record_batch,
    refuse_missing_columns,
)

__all__ = ["frame_source"]

_ROWS = 1 << 17


def frame_source(data: Any) -> Source | None:
    """Source of the rows of a table in memory or a stream; None for other data."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.DataFrame):
        return _Pandas(data)
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(data, polars.LazyFrame):
        return _PolarsLazy(data)
    if hasattr(data, "scanner") and hasattr(data, "schema"):
        return _Dataset(data)
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        return _Stream(data)
    return None


class _Stream:
    """Anything with Arrow's stream protocol: tables, readers, polars frames, relations."""

    def __init__(self, data: Any):
        self._data = data

    def names(self) -> list[str]:
        with _arrow_errors(self._data):
            self._data = _reader(self._data)  # a stream may be opened only once
        return list(self._data.schema.names)

    def parts(self, ask: Ask) -> Iterator[Batch]:
        return _read(_selected(self._data, ask.columns), ask.columns)


class _Dataset:
    """A pyarrow dataset."""

    def __init__(self, data: Any):
        self._data = data

    def names(self) -> list[str]:
        return list(self._data.schema.names)

    def parts(self, ask: Ask) -> Iterator[Batch]:
        refuse_missing_columns(ask.columns, self._data.schema.names, "the dataset")
        return _read(self._data.scanner(columns=list(ask.columns)).to_reader(), ask.columns)


class _PolarsLazy:
    """A polars lazy frame: only the columns that are needed are collected."""

    def __init__(self, data: Any):
        self._data = data

    def names(self) -> list[str]:
        return list(self._data.collect_schema().names())

    def parts(self, ask: Ask) -> Iterator[Batch]:
        refuse_missing_columns(ask.columns, self._data.collect_schema().names(), "the lazy frame")
        return _Stream(self._data.select(list(ask.columns)).collect()).parts(ask)


class _Pandas:
    """A pandas frame of any dtypes; it is read in slices and never changed."""

    def __init__(self, data: Any):
        self._data = data
        self._place = {str(name): i for i, name in enumerate(data.columns)}

    def names(self) -> list[str]:
        names = [column_name(name) for name in self._data.columns]
        if other := [name for name in names if not isinstance(name, str)]:
            raise DataError(
                f"the frame: the column {other[0]!r} has a name that is not a text; "
                "rename the columns, for instance with .rename(columns=str)"
            )
        return names

    def parts(self, ask: Ask) -> Iterator[Batch]:
        refuse_missing_columns(ask.columns, self._data.columns, "the frame")
        series = {name: self._data.iloc[:, self._place[name]] for name in ask.columns}
        series = {name: _plain_categories(one) for name, one in series.items()}
        total = len(self._data)
        for start in range(0, total, _ROWS):
            part = {name: one.iloc[start : start + _ROWS] for name, one in series.items()}
            yield from _pandas_slice(part, start, min(1.0, (start + _ROWS) / total))


def _pandas_slice(part: dict[str, Any], start: int, done: float) -> Iterator[Batch]:
    import pyarrow as pa

    arrays = {}
    for name, series in part.items():
        try:
            arrays[name] = _array(series)
        except (pa.ArrowException, TypeError, OverflowError) as error:
            types = sorted({type(value).__name__ for value in series.dropna().iloc[:10_000]})
            place = of_another_type(series.astype(object).where(series.notna(), None))
            first = (
                f" (row {start + place + 1:,} is the first of another type)" if place >= 0 else ""
            )
            raise DataError(
                f"the frame: column {name!r} (dtype {series.dtype}) cannot be read as one type: it "
                f"holds {', '.join(types)}{first}; convert it, for instance with .astype(str)"
            ) from error
    for batch in pa.table(arrays).to_batches():
        yield of_record_batch(batch, part, "the frame", done)


def _array(series: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.array(series, from_pandas=True)
    except UnicodeEncodeError:  # an unpaired surrogate, which Arrow cannot hold
        values = [level(one) if isinstance(one, str) else one for one in series]
        return pa.array(values, from_pandas=True)


def _plain_categories(series: Any) -> Any:
    """Series whose categories, if they are intervals of `pandas.cut`, are converted to texts."""
    categories = getattr(series.dtype, "categories", None)
    if categories is None or not all(hasattr(one, "closed") for one in categories):
        return series
    return series.cat.rename_categories([str(one) for one in categories])


def _selected(data: Any, columns: Collection[str]) -> Any:
    """Table of only the needed columns, where its type can select them at no cost."""
    import pyarrow as pa

    polars = sys.modules.get("polars")
    if isinstance(data, pa.Table) or (polars is not None and isinstance(data, polars.DataFrame)):
        names = data.column_names if isinstance(data, pa.Table) else data.columns
        refuse_missing_columns(columns, names, "the table")
        return data.select(list(columns))
    return data


def _reader(data: Any) -> Any:
    import pyarrow as pa

    if isinstance(data, pa.RecordBatchReader):
        return data
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data)
    batch = pa.record_batch(data)
    return pa.RecordBatchReader.from_batches(batch.schema, [batch])


def _read(data: Any, columns: Collection[str]) -> Iterator[Batch]:
    with _arrow_errors(data):
        reader = _reader(data)
        refuse_missing_columns(columns, reader.schema.names, "the table")
        for batch in reader:
            for start in range(0, batch.num_rows, _ROWS):
                yield of_record_batch(batch.slice(start, _ROWS), columns, "the table")


@contextlib.contextmanager
def _arrow_errors(data: Any) -> Iterator[None]:
    """Errors of Arrow, raised with the kind of table."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        name = f"{type(data).__module__}.{type(data).__qualname__}"
        raise DataError(f"a {name} could not be read as a table: {error}") from error
