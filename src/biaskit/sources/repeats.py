"""Rows that stand for many: dropped or repeated according to their frequencies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import MAX_ROWS
from biaskit.counts.roles import Roles
from biaskit.errors import DataError
from biaskit.sources.batches import Batch
from biaskit.sources.encode import dictionary, kind_of, numbers, taken, without_views
from biaskit.store.arrays import values_of

if TYPE_CHECKING:
    from biaskit.sources.sample import Sampler

__all__ = ["MAX_REPEATED", "CountedRows", "repeated", "total", "weights"]

#: Most rows that are repeated one by one.
MAX_REPEATED = 1_000_000_000
# Rows that are repeated at a time, for a sample.
_AT_ONCE = 1 << 17


def total(times: NDArray[np.int64]) -> int:
    """Sum of non-negative numbers, however large."""
    return (int((times >> 32).sum()) << 32) + int((times & 0xFFFFFFFF).sum())


@dataclass(frozen=True)
class CountedRows:
    """Rows of a batch that count: all except those of frequency 0."""

    batch: Batch
    #: Weight of each row, where rows are weighted, and the number of rows that each stands for, if
    #: not one.
    weight: NDArray[np.float64] | None
    times: NDArray[np.int64] | None
    roles: Roles

    @classmethod
    def of(cls, batch: Batch, roles: Roles, start: int) -> CountedRows:
        """Rows of a batch after `start` earlier rows."""
        times, counting, weight = None, None, None
        if roles.frequency is not None:
            times = frequencies(batch, roles.frequency, start)
            counting = times > 0
        if (column := roles.weight) is not None and (counting is None or counting.any()):
            weight = weights(batch, column, start, counting)
        made = cls(batch, weight, times, roles)
        if counting is None or counting.all():
            return made
        return made.chosen(np.flatnonzero(counting))

    @property
    def rows(self) -> int:
        """Number of rows that these stand for."""
        return self.batch.rows if self.times is None else total(self.times)

    def chosen(self, places: NDArray[np.intp]) -> CountedRows:
        """Those at some places."""
        return replace(
            self,
            batch=_chosen(self.batch, places),
            weight=None if self.weight is None else self.weight[places],
            times=None if self.times is None else self.times[places],
        )

    def keep(self, sampler: Sampler, codes: Mapping[str, NDArray[np.intp]], before: int) -> None:
        """Offer the rows, each repeated by its frequency, to a sampler."""
        if self.times is None:
            return sampler.add(self.batch, codes, self.weight, before)
        _refuse_repeats(before + self.rows, str(self.roles.frequency))
        for places in _places(self.times, _AT_ONCE):
            repeated = self.chosen(places)
            of_them = {column: one[places] for column, one in codes.items()}
            sampler.add(repeated.batch, of_them, repeated.weight, before)
            before += len(places)
        return None


def repeated(batches: Iterable[Batch], column: str, most: int) -> Iterator[Batch]:
    """Batches of at most `most` rows, each row as often as a column says.

    Raises
    ------
    DataError
        A frequency is not an integer of 0 or more, or there would be too many rows.
    """
    seen, rows = 0, 0
    for batch in batches:
        times = frequencies(batch, column, seen)
        seen += batch.rows
        rows += total(times)
        _refuse_repeats(rows, column)
        for places in _places(times, most):
            yield _chosen(batch, places)


def _chosen(batch: Batch, places: NDArray[np.intp]) -> Batch:
    """Rows of a batch at some places, which may repeat."""
    columns = {
        name: _taken(array, places, is_text=name in batch.texts)
        for name, array in batch.columns.items()
    }
    return replace(batch, columns=columns, rows=len(places))


def _places(times: NDArray[np.int64], most: int) -> Iterator[NDArray[np.intp]]:
    """Places of rows, each as often as `times` says, in pieces of at most `most`."""
    ends = np.cumsum(times)
    rows = int(ends[-1]) if len(ends) else 0
    for start in range(0, rows, most):
        yield np.searchsorted(ends, np.arange(start, min(start + most, rows)), side="right")


def _refuse_repeats(rows: int, column: str) -> None:
    """Refuse to repeat more rows than `MAX_REPEATED`."""
    if rows > MAX_REPEATED:
        raise DataError(
            f"frequency {column!r} makes {rows:,} rows or more, and what needs single rows "
            f"(FT, explanations) takes {MAX_REPEATED:,} at most; leave features "
            "out, or give a sample of the rows"
        )


def _taken(array: Any, places: NDArray[np.intp], *, is_text: bool) -> Any:
    import pyarrow.types as t

    if is_text and t.is_dictionary(array.type):
        # The type of a column of texts depends on all of them, so only texts that occur are kept.
        return taken(array.dictionary_decode(), places).dictionary_encode()
    return taken(without_views(array), places)


def weights(
    batch: Batch, column: str, start: int, counting: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Weights of a batch's rows: finite numbers of at least 0. `start` rows precede them.

    Where only some rows are `counting`, the others may have any weight.

    Raises
    ------
    DataError
        A weight is missing, negative or not a finite number; the message counts them.
    """
    array, where = batch.columns[column], batch.where
    if kind_of(array.type) == "missing" and len(array):
        raise DataError(f"{where}: weight {column!r} is missing in every row; give every row one")
    values = numbers(array, column, "weight", where)
    wrong = {
        "missing or not a number": np.isnan(values),
        "negative": values < 0,
        "infinite": np.isinf(values),
    }
    if counting is not None:
        wrong = {what: rows & counting for what, rows in wrong.items()}
    _refuse_wrong(wrong, f"{where}: weight {column!r}", start, "finite weight")
    return values


def frequencies(batch: Batch, column: str, start: int) -> NDArray[np.int64]:
    """Number of rows that each row of a batch stands for: integers of at least 0.

    `start` is the number of rows before.

    Raises
    ------
    DataError
        A frequency is missing or invalid; the message counts them and names the first row.
    """
    array, where = batch.columns[column], batch.where
    kind = kind_of(array.type)
    if kind == "text" and column in batch.texts:
        values = _parsed(array)
    elif kind in ("number", "missing"):
        values = _whole(array, column, where)
    else:
        raise DataError(
            f"{where}: frequency {column!r} must be whole numbers, but from row {start + 1:,} on "
            f"it holds {array.type}; choose another column, or convert it"
        )
    wrong = {
        "missing or not a number": np.isnan(values),
        "negative": values < 0,
        "infinite": np.isinf(values),
        "not a whole number": values != np.floor(values),
        f"more than {MAX_ROWS:,}": values >= MAX_ROWS + 1,
    }
    _refuse_wrong(wrong, f"{where}: frequency {column!r}", start, "whole number")
    return values.astype(np.int64)


def _parsed(array: Any) -> NDArray[Any]:
    """Numbers parsed from texts, NaN for other texts; integers if all of them are."""
    indices, texts = dictionary(array)
    found = [_number(text) for text in texts.to_pylist()]
    if -1 not in indices and all(isinstance(one, int) for one in found):
        return np.take(np.array(found, np.int64), indices)
    return np.take(np.array([*found, np.nan], np.float64), indices)


def _number(text: str) -> float:
    try:
        if text.isdecimal() and len(text) <= len(str(MAX_ROWS)) and int(text) <= MAX_ROWS:
            return int(text)
        return float(text) if "_" not in text else np.nan
    except ValueError:
        return np.nan


def _whole(array: Any, column: str, where: str) -> NDArray[Any]:
    """Numbers of an Arrow array: integers exactly, others as floats, NaN where missing."""
    import pyarrow as pa
    import pyarrow.types as t

    if t.is_null(array.type):
        return np.full(len(array), np.nan)
    if t.is_dictionary(array.type):
        array = array.dictionary_decode()
    if t.is_decimal(array.type):
        with contextlib.suppress(pa.ArrowInvalid):  # one is not whole, or is too large
            array = array.cast(pa.int64())
    if t.is_integer(array.type) and not array.null_count:
        return values_of(array)
    return numbers(array, column, "frequency", where)


def _refuse_wrong(
    wrong: Mapping[str, NDArray[np.bool_]], what: str, start: int, right: str
) -> None:
    """Refuse rows with invalid amounts; `start` is the number of rows before them."""
    for how, rows in wrong.items():
        if count := int(rows.sum()):
            raise DataError(
                f"{what} is {how} in {count:,} rows "
                f"of the {len(rows):,} read from row {start + 1:,} on "
                f"(first in row {start + int(np.argmax(rows)) + 1:,}); "
                f"give every row a {right} of 0 or more, or leave those rows out"
            )
