"""Tables in memory (pandas, polars, Arrow) and streams of Arrow batches as sources."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

from biaskit.errors import DataError
from biaskit.sources.batches import Ask, Part, Source, of_record_batch, refuse_missing_columns
from biaskit.sources.frames.choice import kernels_count
from biaskit.sources.frames.of_pandas import PandasFrame
from biaskit.sources.frames.rows import ROWS, Block

__all__ = ["frame_source"]


def frame_source(data: Any) -> Source | None:
    """Source of the rows of a table in memory or a stream; None for other data."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.DataFrame):
        return PandasFrame(data)
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

    def parts(self, ask: Ask) -> Iterator[Part]:
        return _parts(_selected(self._data, ask.columns), ask)


class _Dataset:
    """A pyarrow dataset."""

    def __init__(self, data: Any):
        self._data = data

    def names(self) -> list[str]:
        return list(self._data.schema.names)

    def parts(self, ask: Ask) -> Iterator[Part]:
        refuse_missing_columns(ask.columns, self._data.schema.names, "the dataset")
        return _parts(self._data.scanner(columns=list(ask.columns)).to_reader(), ask)


class _PolarsLazy:
    """A polars lazy frame: only the columns that are needed are collected."""

    def __init__(self, data: Any):
        self._data = data

    def names(self) -> list[str]:
        return list(self._data.collect_schema().names())

    def parts(self, ask: Ask) -> Iterator[Part]:
        refuse_missing_columns(ask.columns, self._data.collect_schema().names(), "the lazy frame")
        return _Stream(self._data.select(list(ask.columns)).collect()).parts(ask)


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


def _parts(data: Any, ask: Ask) -> Iterator[Part]:
    """Rows of the named columns of a table or a stream, or counts where they are faster."""
    blocks = _blocks(data, ask.columns)
    if ask.counting is not None and kernels_count(ask, _number_of_rows(data)):
        from biaskit.sources.frames.counted import counted

        yield from counted(blocks, ask.counting)
        return
    for block in blocks:
        yield from block.batches()


def _number_of_rows(data: Any) -> int | None:
    """Number of rows, where a table knows it."""
    for name in ("num_rows", "height"):  # of pyarrow and of polars
        if isinstance(rows := getattr(data, name, None), int):
            return rows
    return None


def _blocks(data: Any, columns: Collection[str]) -> Iterator[Block]:
    with _arrow_errors(data):
        reader = _reader(data)
        refuse_missing_columns(columns, reader.schema.names, "the table")
        for whole in reader:
            for start in range(0, whole.num_rows, ROWS):
                batch = of_record_batch(whole.slice(start, ROWS), columns, "the table")
                yield Block(
                    batch.columns, batch.rows, batch.where, batch.done, partial(iter, [batch])
                )


@contextlib.contextmanager
def _arrow_errors(data: Any) -> Iterator[None]:
    """Errors of Arrow, raised with the kind of table."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        name = f"{type(data).__module__}.{type(data).__qualname__}"
        raise DataError(f"a {name} could not be read as a table: {error}") from error
