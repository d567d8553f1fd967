"""Frames of pandas, of any dtypes, as sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from numpy.typing import NDArray

from biaskit.counts.facets import column_name
from biaskit.counts.levels import level
from biaskit.errors import DataError
from biaskit.sources.batches import (
    Ask,
    Batch,
    Part,
    of_another_type,
    of_record_batch,
    refuse_missing_columns,
)
from biaskit.sources.frames.choice import kernels_count
from biaskit.sources.frames.rows import ROWS, Block, Objects, Odd

__all__ = ["PandasFrame"]


class PandasFrame:
    """A pandas frame of any dtypes; it is read in slices and never changed."""

    def __init__(self, data: Any):
        self._data = data
        self._place = {str(name): i for i, name in enumerate(data.columns)}

    def names(self) -> list[str]:
        """Names of the columns."""
        names = [column_name(name) for name in self._data.columns]
        if other := [name for name in names if not isinstance(name, str)]:
            raise DataError(
                f"the frame: the column {other[0]!r} has a name that is not a text; "
                "rename the columns, for instance with .rename(columns=str)"
            )
        return names

    def parts(self, ask: Ask) -> Iterator[Part]:
        """Rows of the named columns, or counts where they suffice and are faster."""
        refuse_missing_columns(ask.columns, self._data.columns, "the frame")
        series = {name: self._data.iloc[:, self._place[name]] for name in ask.columns}
        series = {name: _plain_categories(one) for name, one in series.items()}
        if ask.counting is not None and kernels_count(ask, len(self._data)):
            from biaskit.sources.frames.counted import counted

            yield from counted(_blocks(series, len(self._data)), ask.counting)
            return
        for start, done in _slices(len(self._data)):
            yield from _batches(series, start, done)


def _slices(rows: int) -> Iterator[tuple[int, float]]:
    """Where each slice starts, and the share of the rows up to its end."""
    for start in range(0, rows, ROWS):
        yield start, min(1.0, (start + ROWS) / rows)


def _blocks(series: Mapping[str, Any], rows: int) -> Iterator[Block]:
    """Blocks of a frame, with its own buffers where they can be used as they are."""
    sliced = {name: _sliced(one) for name, one in series.items()}
    for start, done in _slices(rows):
        end = min(rows, start + ROWS)
        try:
            arrays = {name: slice_of(start, end) for name, slice_of in sliced.items()}
        except Odd:
            arrays = None
        batches = partial(_batches, series, start, done)
        yield Block(arrays, end - start, "the frame", done, batches)


def _sliced(series: Any) -> Callable[[int, int], Any]:
    """Function that makes an array of the rows of a series from one place up to another."""
    dtype = series.dtype
    if dtype.kind == "O" and not hasattr(dtype, "na_value"):
        objects = series.to_numpy()
        return lambda start, end: Objects(objects[start:end], _array_or_odd)
    if getattr(dtype, "storage", "") == "python":  # texts
        return lambda start, end: Objects(
            series.iloc[start:end].to_numpy(dtype=object), _array_or_odd
        )
    if getattr(dtype, "storage", "") == "pyarrow" or hasattr(dtype, "pyarrow_dtype"):
        whole = _array_or_odd(series)
        return lambda start, end: _in_one(whole.slice(start, end - start))
    if dtype.kind in "iuf" and not hasattr(dtype, "na_value"):
        numbers = series.to_numpy()
        return lambda start, end: _numbers_or_odd(numbers[start:end])
    return lambda start, end: _in_one(_array_or_odd(series.iloc[start:end]))


def _array_or_odd(values: Any) -> Any:
    """Arrow array of a series or of objects.

    Raises
    ------
    Odd
        They are not of one type.
    """
    import pyarrow as pa

    try:
        return _array(values)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise Odd from error


def _numbers_or_odd(numbers: NDArray[Any]) -> Any:
    """Arrow array of numbers, which are not copied: NaN is missing to an encoder, too."""
    import pyarrow as pa

    try:
        return pa.array(numbers)
    except pa.ArrowException as error:
        raise Odd from error


def _in_one(array: Any) -> Any:
    """Array of the rows of one that may be in chunks."""
    import pyarrow as pa

    if not isinstance(array, pa.ChunkedArray):
        return array
    if array.num_chunks == 1:
        return array.chunk(0)
    try:
        made = array.combine_chunks()
    except pa.ArrowException as error:  # of more bytes than offsets hold
        raise Odd from error
    if isinstance(made, pa.ChunkedArray):
        raise Odd
    return made


def _batches(series: Mapping[str, Any], start: int, done: float) -> Iterator[Batch]:
    """Rows of a frame from a place on."""
    import pyarrow as pa

    arrays = {}
    for name, whole in series.items():
        part = whole.iloc[start : start + ROWS]
        try:
            arrays[name] = _array(part)
        except (pa.ArrowException, TypeError, OverflowError) as error:
            types = sorted({type(value).__name__ for value in part.dropna().iloc[:10_000]})
            place = of_another_type(part.astype(object).where(part.notna(), None))
            first = (
                f" (row {start + place + 1:,} is the first of another type)" if place >= 0 else ""
            )
            raise DataError(
                f"the frame: column {name!r} (dtype {part.dtype}) cannot be read as one type: it "
                f"holds {', '.join(types)}{first}; convert it, for instance with .astype(str)"
            ) from error
    for batch in pa.table(arrays).to_batches():
        yield of_record_batch(batch, series, "the frame", done)


def _array(values: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except UnicodeEncodeError:  # an unpaired surrogate, which Arrow cannot hold
        plain = [level(one) if isinstance(one, str) else one for one in values]
        return pa.array(plain, from_pandas=True)


def _plain_categories(series: Any) -> Any:
    """Series whose categories, if they are intervals of `pandas.cut`, are converted to texts."""
    categories = getattr(series.dtype, "categories", None)
    if categories is None or not all(hasattr(one, "closed") for one in categories):
        return series
    return series.cat.rename_categories([str(one) for one in categories])
