"""Samples: which rows of many are kept, so that how they come in batches does not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.sources.batches import Batch
from biaskit.sources.encode import without_views

__all__ = ["MEDIAN_ROWS", "Medians", "Reservoir", "array_reservoir", "drawn", "tickets"]

#: Most rows that a median is taken of; of more rows, a sample of this size.
MEDIAN_ROWS = 100_000

Part = TypeVar("Part")


class Reservoir(Generic[Part]):
    """Rows with the smallest tickets, in the order in which they came.

    Parameters
    ----------
    most
        How many rows are kept.
    take
        Function of a part and places to these rows of the part.
    join
        Function of parts to one that has the rows of all.

    Attributes
    ----------
    seen
        Number of rows that were added.
    """

    def __init__(
        self,
        most: int,
        take: Callable[[Part, NDArray[np.intp]], Part],
        join: Callable[[list[Part]], Part],
    ):
        self._most, self._take, self._join = most, take, join
        self._parts: list[Part] = []
        self._tickets: list[NDArray[Any]] = []
        self._last: Any = np.inf  # rows with larger tickets cannot be kept any more
        self.seen = 0

    def add(self, part: Part, tickets: NDArray[Any]) -> None:
        """Add some rows, each with its ticket."""
        self.seen += len(tickets)
        kept = np.flatnonzero(tickets <= self._last)
        if not len(kept):
            return
        self._parts.append(part if len(kept) == len(tickets) else self._take(part, kept))
        self._tickets.append(tickets[kept])
        if sum(map(len, self._tickets)) > 2 * self._most:
            self._thin()

    def found(self) -> Part | None:
        """Rows that are kept; None if no row was added."""
        if not self._parts:
            return None
        self._thin()
        return self._parts[0]

    def _thin(self) -> None:
        tickets, part = np.concatenate(self._tickets), self._join(self._parts)
        if len(tickets) > self._most:
            kept = np.sort(np.argpartition(tickets, self._most - 1)[: self._most])
            tickets, part = tickets[kept], self._take(part, kept)
            self._last = tickets.max()
        self._parts, self._tickets = [part], [tickets]


def array_reservoir(most: int) -> Reservoir[Sequence[NDArray[Any]]]:
    """Reservoir of parts that are arrays with their rows on the last axis."""
    return Reservoir(
        most,
        lambda arrays, at: [array[..., at] for array in arrays],
        lambda parts: [np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True)],
    )


def tickets(start: int, count: int) -> NDArray[np.uint64]:
    """Hashes of the places of some rows, all different."""
    place = np.arange(start, start + count, dtype=np.uint64)
    ticket = (place + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    ticket ^= ticket >> np.uint64(31)
    return ticket * np.uint64(0xBF58476D1CE4E5B9)


class Medians:
    """Medians of values that come in batches: of all rows, or of a sample of them."""

    def __init__(self) -> None:
        self._kept = array_reservoir(MEDIAN_ROWS)

    def add(self, values: NDArray[np.float64]) -> None:
        """Add the values of the next rows, shape ``(outputs, features + 1, rows)``."""
        self._kept.add([values], tickets(self._kept.seen, values.shape[-1]))

    def found(self) -> NDArray[np.float64]:
        """Medians, shape ``(outputs, features + 1)``."""
        kept = self._kept.found()
        assert kept is not None  # no rows are an error before
        return np.asarray(np.median(kept[0], axis=-1))


def drawn(batches: Iterable[Batch], features: Sequence[str], most: int, seed: int) -> Batch:
    """Some of the rows of batches, drawn at random, in the order in which they came.

    Parameters
    ----------
    batches
        Rows of the background.
    features
        Columns that are kept.
    most
        How many rows are drawn; all rows where they are no more.
    seed
        Fixes which rows are drawn, however the rows come in batches.

    Raises
    ------
    DataError
        There are no rows, or a column changes its type.
    """
    import pyarrow as pa

    def join(parts: list[Any]) -> Any:
        try:
            return pa.concat_tables(parts, promote_options="permissive")
        except pa.ArrowException as error:
            raise DataError(f"the background's columns change their type: {error}") from error

    rng = np.random.default_rng(seed)
    kept = Reservoir[Any](most, lambda table, at: table.take(pa.array(at)), join)
    for batch in batches:
        table = pa.table({name: without_views(batch.columns[name]) for name in features})
        kept.add(table, rng.random(batch.rows))
    found = kept.found()
    if found is None:
        raise DataError("the background has no rows; give it one at least")
    table = found.combine_chunks()
    columns = {
        name: table.column(name).chunk(0)
        if table.column(name).num_chunks
        else pa.array([], table.column(name).type)
        for name in features
    }
    return Batch(columns, table.num_rows, "the background")
