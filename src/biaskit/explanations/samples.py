"""Samples: which rows of many are kept, independent of the batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.sources.batches import Batch
from biaskit.sources.encode import without_views
from biaskit.sources.reservoirs import Reservoir, array_reservoir

__all__ = ["MEDIAN_ROWS", "Medians", "drawn", "tickets"]

#: Most rows that a median is taken over; of more, a sample of this size.
MEDIAN_ROWS = 100_000


def tickets(start: int, count: int) -> NDArray[np.uint64]:
    """Hashes of the places of some rows, all different."""
    place = np.arange(start, start + count, dtype=np.uint64)
    ticket = (place + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    ticket ^= ticket >> np.uint64(31)
    return ticket * np.uint64(0xBF58476D1CE4E5B9)


class Medians:
    """Medians of values that come in batches: of all rows, or of a sample of them."""

    def __init__(self) -> None:
        self._kept = array_reservoir(MEDIAN_ROWS, axis=-1)

    def add(self, values: NDArray[np.float64]) -> None:
        """Add the values of the next rows, shape ``(outputs, features + 1, rows)``."""
        self._kept.add([values], tickets(self._kept.seen, values.shape[-1]))

    def found(self) -> NDArray[np.float64]:
        """Medians, shape ``(outputs, features + 1)``."""
        kept = self._kept.found()
        assert kept is not None  # data without rows have already raised
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
        Fixes which rows are drawn, whatever the batches.

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
        raise DataError("the background has no rows; give it at least one")
    table = found.combine_chunks()
    columns = {
        name: table.column(name).chunk(0)
        if table.column(name).num_chunks
        else pa.array([], table.column(name).type)
        for name in features
    }
    return Batch(columns, table.num_rows, "the background")
