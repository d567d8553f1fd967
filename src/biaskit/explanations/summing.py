"""Summing: one pass over the rows of a request, which adds up their values per facet value."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.levels import Level, order
from biaskit.errors import DataError
from biaskit.explanations.attributions import ADDS_UP, TOTAL, About, Attributions, Sums
from biaskit.explanations.facets import Facets
from biaskit.explanations.methods.choice import Explained
from biaskit.explanations.methods.method import Values
from biaskit.explanations.request import Request
from biaskit.explanations.samples import Medians
from biaskit.intervals.moments import Moments, joined, no_rows, of_groups, spread, together
from biaskit.progress import Progress
from biaskit.sources.batches import Batch
from biaskit.store import written

__all__ = ["attributions_of"]


def attributions_of(
    explained: Explained, progress: Progress | None = None, medians: Medians | None = None
) -> Attributions:
    """Attributions of explained rows, in one pass; writes the values of each row if asked."""
    request, about, batches = explained
    with contextlib.ExitStack() as stack:
        facets = Facets(request.roles)
        writer = None
        if request.values_to is not None:
            writer = stack.enter_context(_values_file(request, about))
        growing = {facet: _Growing(about) for facet in facets.names}
        rows = 0
        for batch, found in batches:
            _refuse_what_does_not_add_up(about, found)
            codes = facets.codes(batch)
            for facet, sums in growing.items():
                sums.add(codes[facet], facets.size(facet), found)
            if writer is not None:
                writer(batch, found)
            if medians is not None:
                medians.add(found.shapley)
            rows += batch.rows
            if progress is not None:
                progress(rows, batch.done)
    made = {
        facet: one.sums(facets.levels(facet), facets.bins(facet)) for facet, one in growing.items()
    }
    own = about.own_background or _is_same_table(request.background, request.data)
    return Attributions(replace(about, own_background=own), request.roles, made, rows)


def _is_same_table(one: Any, other: Any) -> bool:
    """Whether two tables are one object, or are read from the same paths."""
    paths = [table if isinstance(table, (list, tuple)) else [table] for table in (one, other)]
    if all(isinstance(path, (str, os.PathLike)) for table in paths for path in table):
        return [os.fspath(path) for path in paths[0]] == [os.fspath(path) for path in paths[1]]
    return one is other


class _Growing:
    """Sums of one facet that grow batch by batch, an axis for each of its columns."""

    def __init__(self, about: About):
        self._moments = no_rows((len(about.outputs), len(about.features) + 1), 0)
        self._shape: tuple[int, ...] | None = None

    def add(self, codes: NDArray[np.intp], shape: tuple[int, ...], found: Values) -> None:
        """Add the values of some rows, whose codes are below the product of the shape."""
        size = math.prod(shape)
        made = of_groups(found.shapley, codes, size, found.noise)
        if self._shape is not None:
            corner = tuple(slice(0, k) for k in self._shape)
            place = np.arange(size).reshape(shape)[corner].ravel()
            made = together(spread(self._moments, place, size), made)
        self._moments, self._shape = made, shape

    def sums(self, levels: Sequence[Level], keep: Collection[Level]) -> Sums:
        """Sums by level, in canonical order; levels that repeat are joined."""
        places: dict[Level, list[int]] = {level: [] for level in keep}
        for at, (level, rows) in enumerate(zip(levels, self._moments.n.tolist(), strict=True)):
            if rows or level in places:
                places.setdefault(level, []).append(at)
        kept = tuple(sorted(places, key=order))
        each = [joined(self._moments.at(places[level])) for level in kept]
        return Sums(
            kept, Moments(*(np.stack(arrays, axis=-1) for arrays in zip(*each, strict=True)))
        )


def _refuse_what_does_not_add_up(about: About, found: Values) -> None:
    """Refuse values that do not add up to the output minus its mean over the background."""
    parts, total = found.shapley[:, :-1], found.shapley[:, -1]
    base = np.array(about.base)[:, np.newaxis]
    off = np.abs(parts.sum(axis=1) + base - total)
    size = np.abs(parts).sum(axis=1) + np.abs(base) + np.abs(total)
    if not np.all(off <= ADDS_UP * np.maximum(size, 1e-9)):  # NaN is refused as well
        at = np.unravel_index(np.nanargmax(off), off.shape) if np.any(off == off) else (0, 0)
        raise DataError(
            f"the attributions of a row do not add up to its output (off by {off[at]:.3g} of "
            f"{total[at]:.6g}, by {about.method}): check that the model's output is finite "
            "and the same each time"
        )


@contextlib.contextmanager
def _values_file(request: Request, about: About) -> Iterator[Callable[[Batch, Values], None]]:
    """Writer of each row's values to a Parquet file that is either complete or absent."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    assert request.values_to is not None
    one = len(about.outputs) == 1
    lines = [(o, f) for o in range(len(about.outputs)) for f in range(len(about.features) + 1)]
    names = [
        (*about.features, TOTAL)[f] + ("" if one else f" ({about.outputs[o]})") for o, f in lines
    ]
    key = "row" if request.key is None else request.key
    while key in names:
        key = f"{key} (key)"
    start = 0
    with written.atomically(request.values_to) as file, contextlib.ExitStack() as stack:
        writer: Any = None

        def write(batch: Batch, found: Values) -> None:
            nonlocal writer, start
            keys = (
                pa.array(np.arange(start, start + batch.rows))
                if request.key is None
                else batch.columns[request.key]
            )
            if hasattr(keys.type, "value_type"):  # batches have different dictionaries
                keys = keys.cast(keys.type.value_type)
            columns = [keys, *(pa.array(found.shapley[o, f]) for o, f in lines)]
            made = pa.record_batch(columns, names=[key, *names])
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(file, made.schema))
            writer.write_batch(made)
            start += batch.rows

        yield write
