"""Rows that stand for many: left out or repeated, as often as their frequencies say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.roles import Roles
from biaskit.errors import DataError
from biaskit.sources.batches import Batch
from biaskit.sources.encode import frequencies, taken, weights, without_views

if TYPE_CHECKING:
    from biaskit.sources.engines import Groups
    from biaskit.sources.parquet.encoded import Cells
    from biaskit.sources.sample import Sample

__all__ = ["MAX_REPEATED", "CountedRows", "counted_rows", "repeated", "total"]

#: More rows than this are not repeated one by one.
MAX_REPEATED = 1_000_000_000
# Rows that are repeated at a time, for a sample.
_AT_ONCE = 1 << 17


def total(times: NDArray[np.int64]) -> int:
    """Sum of numbers of 0 or more, however large it is."""
    return (int((times >> 32).sum()) << 32) + int((times & 0xFFFFFFFF).sum())


@dataclass(frozen=True)
class CountedRows:
    """Rows of a batch that count: all of them, but for those of frequency 0."""

    batch: Batch
    #: What each row weighs, where rows are weighted, and how many each stands for, if not for one.
    weight: NDArray[np.float64] | None
    times: NDArray[np.int64] | None
    roles: Roles

    @classmethod
    def of(cls, batch: Batch, roles: Roles, start: int) -> CountedRows:
        """Rows of a batch, `start` rows before which have been read."""
        times, counting, weight = None, None, None
        if roles.frequency is not None:
            times = _times(batch, roles.frequency, start)
            counting = times > 0
        if (column := roles.weight) is not None and (counting is None or counting.any()):
            weight = weights(batch.columns[column], column, batch.where, start, counting)
        made = cls(batch, weight, times, roles)
        if counting is None or counting.all():
            return made
        return made.chosen(np.flatnonzero(counting))

    @property
    def rows(self) -> int:
        """Rows that these stand for."""
        return self.batch.rows if self.times is None else total(self.times)

    @property
    def done(self) -> float | None:
        """Share of the source that is read."""
        return self.batch.done

    def chosen(self, places: NDArray[np.intp]) -> CountedRows:
        """Those at some places."""
        return replace(
            self,
            batch=_chosen(self.batch, places),
            weight=None if self.weight is None else self.weight[places],
            times=None if self.times is None else self.times[places],
        )

    def keep(self, sample: Sample, codes: Mapping[str, NDArray[np.intp]], before: int) -> None:
        """Add the rows, each as often as it counts, to a sample that saw some before."""
        if self.times is None:
            return sample.add(self.batch, codes, self.weight, before)
        _refuse_repeats(before + self.rows, str(self.roles.frequency))
        for places in _places(self.times, _AT_ONCE):
            repeated = self.chosen(places)
            of_them = {column: one[places] for column, one in codes.items()}
            sample.add(repeated.batch, of_them, repeated.weight, before)
            before += len(places)
        return None


def counted_rows(
    parts: Iterable[Batch | Cells | Groups], roles: Roles
) -> Iterator[CountedRows | Cells | Groups]:
    """Parts of a source, of its batches the rows that count."""
    seen = 0
    for part in parts:
        if not isinstance(part, Batch):
            yield part
        elif part.rows:
            yield CountedRows.of(part, roles, seen)
        seen += part.rows


def repeated(batches: Iterable[Batch], column: str, most: int) -> Iterator[Batch]:
    """Batches of at most `most` rows, each row as often as a column says.

    Raises
    ------
    DataError
        A frequency is no whole number of 0 or more, or there would be too many rows.
    """
    seen, rows = 0, 0
    for batch in batches:
        times = _times(batch, column, seen)
        seen += batch.rows
        rows += total(times)
        _refuse_repeats(rows, column)
        for places in _places(times, most):
            yield _chosen(batch, places)


def _times(batch: Batch, column: str, start: int) -> NDArray[np.int64]:
    """How often each row of a batch counts, by a column; `start` rows have been read before it.

    Raises
    ------
    DataError
        A frequency is no whole number of 0 or more.
    """
    is_text = column in batch.texts
    return frequencies(batch.columns[column], column, batch.where, start, is_text=is_text)


def _chosen(batch: Batch, places: NDArray[np.intp]) -> Batch:
    """Rows of a batch at some places, each as often as its place is there."""
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
            f"frequency {column!r} repeats rows to {rows:,} or more, and what looks at each of "
            f"them by itself (FT, explanations) takes {MAX_REPEATED:,} at most; leave features "
            "out, or give a sample of the rows"
        )


def _taken(array: Any, places: NDArray[np.intp], *, is_text: bool) -> Any:
    import pyarrow.types as t

    if is_text and t.is_dictionary(array.type):
        # What the texts of a column stand for depends on all of them: none may be left over.
        return taken(array.dictionary_decode(), places).dictionary_encode()
    return taken(without_views(array), places)
