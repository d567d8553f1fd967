"""The pass over the rows that are explained: from a model and a table to sums per facet value."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit import formats
from biaskit.counts.facets import ALL_ROWS, Facet
from biaskit.counts.levels import MISSING, Level, order, typed
from biaskit.counts.roles import Roles
from biaskit.counts.tables import MAX_CELLS, too_many_cells
from biaskit.errors import DataError, RolesError, refuse_seed
from biaskit.explanations.attributions import ADDS_UP, TOTAL, About, Attributions, Sums, all_rows
from biaskit.explanations.methods import Compared, Values, explainer
from biaskit.explanations.models.files import opened
from biaskit.explanations.outputs import features_of
from biaskit.intervals.moments import Moments, joined, no_rows, of_groups, spread, together
from biaskit.sources.batches import Ask, Batch, Source, rows_of
from biaskit.sources.counting import Progress
from biaskit.sources.dispatch import source_of
from biaskit.sources.encode import Encoder
from biaskit.sources.histogram import combinations
from biaskit.sources.repeats import repeated
from biaskit.store import written

__all__ = [
    "MEDIAN_ROWS",
    "Facets",
    "Medians",
    "Pass",
    "Request",
    "Rows",
    "attributions_of",
    "tickets",
]

# Rows that are explained at a time: their values take 8 bytes for each feature.
_AT_ONCE = 1 << 16
#: Of more rows than this, a median is taken of a sample of about so many.
MEDIAN_ROWS = 100_000


@dataclass(frozen=True)
class Request:
    """What is to be explained, as a caller says it; `explain` documents the fields."""

    model: Any
    data: Any
    roles: Roles
    background: Any = None
    features: Sequence[str] | None = None
    output_class: Any = None
    scale: str = "auto"
    seed: int = 0
    trust_model: bool = False
    #: Parquet file for the values of each row, and the column that is the rows' key.
    values_to: str | os.PathLike[str] | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        refuse_seed(self.seed)


def attributions_of(
    request: Request, progress: Progress | None = None, medians: Medians | None = None
) -> Attributions:
    """Attributions of a request, in one pass over its rows; writes the rows' values if asked."""
    explained = Pass(request)
    with contextlib.ExitStack() as stack:
        facets = Facets(request.roles)
        writer = None
        if request.values_to is not None:
            writer = stack.enter_context(_values_file(request, explained.about))
        growing = {facet: _Growing(explained.about) for facet in facets.names}
        rows = 0
        for batch, found in explained:
            _refuse_what_does_not_add_up(explained.about, found)
            codes = facets.codes(batch)
            for facet, sums in growing.items():
                sums.add(codes[facet], facets.size(facet), found)
            if writer is not None:
                writer(batch, found)
            if medians is not None:
                medians.add(found.shapley, rows)
            rows += batch.rows
            if progress is not None:
                progress(rows, batch.done)
    made = {
        facet: one.sums(facets.levels(facet), facets.bins(facet)) for facet, one in growing.items()
    }
    own = explained.about.own_background or _is_same_table(request.background, request.data)
    about = replace(explained.about, own_background=own)
    return Attributions(about, request.roles, made, rows)


def _is_same_table(one: Any, other: Any) -> bool:
    """Whether two tables are one object, or are read from the same paths."""
    paths = [table if isinstance(table, (list, tuple)) else [table] for table in (one, other)]
    if all(isinstance(path, (str, os.PathLike)) for table in paths for path in table):
        return [os.fspath(path) for path in paths[0]] == [os.fspath(path) for path in paths[1]]
    return one is other


class Rows:
    """Rows of a request, batch by batch, and what its model makes of them."""

    def __init__(self, request: Request):
        if request.data is None:
            raise RolesError("data is needed: the rows to explain")
        model = opened(request.model, trust_model=request.trust_model)
        source = _table_source(request.data, request.features, model)
        plan = features_of(model, request.features, source.names())
        self.plan = plan._replace(
            output_class=request.output_class, scale=request.scale, seed=request.seed
        )
        columns = [*dict.fromkeys([*plan.features, *request.roles.columns()])]
        if request.key is not None and request.key not in columns:
            columns.append(request.key)
        numeric = {*request.roles.cuts, *(plan.features if plan.is_numeric else ())}
        rows = _rows_of(source, columns, numeric, request.roles.frequency)
        batches = _as_numbers(rows, plan.features)
        pieces = _pieces(batches, _AT_ONCE)
        first = next((batch for batch in pieces if batch.rows), None)
        if first is None:
            raise DataError("the data have no rows to explain")
        self.first = first
        self._rest = pieces

    def __iter__(self) -> Iterator[Batch]:
        yield self.first
        yield from (batch for batch in self._rest if batch.rows)


class Pass:
    """Rows of a request with their values."""

    def __init__(self, request: Request):
        self._rows = Rows(request)
        background = None
        if request.background is not None:
            source = _table_source(request.background, self._rows.plan.features, None)
            background = _Background(source, request.roles.frequency)
        again = None
        if _reads_again(request.data):
            data = _table_source(request.data, request.features, self._rows.plan.model)
            again = _Background(data, request.roles.frequency)
        compared = Compared(background, self._rows.first, again)
        self._explainer = explainer(self._rows.plan, compared)
        self.about = self._explainer.about

    def __iter__(self) -> Iterator[tuple[Batch, Values]]:
        for batch in _pieces(iter(self._rows), self._explainer.at_once):
            yield batch, self._explainer(batch)


def _reads_again(data: Any) -> bool:
    """Whether a table has the same rows when it is read a second time: no stream or pipe has."""
    paths = data if isinstance(data, (list, tuple)) else [data]
    if all(isinstance(path, (str, os.PathLike)) for path in paths):
        return not any(Path(path).is_fifo() or Path(path).is_char_device() for path in paths)
    if type(data).__module__.partition(".")[0] in ("pandas", "polars", "numpy"):
        return True
    import pyarrow as pa

    return isinstance(data, (pa.Table, pa.RecordBatch))


class _Background:
    """Source of the background, whose texts that stand for numbers are numbers.

    Where it has a column of the frequency too, its rows are repeated like those of the data.
    """

    def __init__(self, source: Source, frequency: str | None):
        self._source = source
        has_it = frequency is not None and frequency in source.names()
        self._frequency = frequency if has_it else None

    def names(self) -> list[str]:
        return self._source.names()

    def parts(self, ask: Ask) -> Iterator[Batch]:
        batches = _rows_of(self._source, ask.columns, ask.numeric, self._frequency)
        return _as_numbers(batches, ask.columns)


def _table_source(data: Any, features: Sequence[str] | None, model: Any) -> Source:
    """Source of the rows of a table, or of a two-dimensional array of the model's features."""
    if isinstance(data, np.ndarray):
        if data.ndim != 2:
            raise DataError(f"an array of rows has two dimensions, not {data.ndim}")
        named = features or getattr(model, "feature_names_in_", None)
        names = [f"x{i}" for i in range(data.shape[1])] if named is None else [*named]
        if len(names) != data.shape[1]:
            raise DataError(
                f"the array has {data.shape[1]} columns, but the model takes {len(names)}"
            )
        return source_of(formats.frame(dict(zip(names, data.T, strict=True))))
    return source_of(data)


def _rows_of(
    source: Source, columns: Collection[str], numeric: Collection[str], frequency: str | None
) -> Iterator[Batch]:
    """Batches of a source, each row as often as its frequency says."""
    if frequency is None:
        return rows_of(source, [*columns], numeric)
    batches = rows_of(source, [*dict.fromkeys([*columns, frequency])], numeric)
    return repeated(batches, frequency, _AT_ONCE)


def _as_numbers(batches: Iterator[Batch], features: Sequence[str]) -> Iterator[Batch]:
    """Batches in which texts that stand for numbers are numbers, if those of the first rows do."""
    import pyarrow as pa

    kinds: dict[str, bool] = {}
    for batch in batches:
        made, texts = dict(batch.columns), batch.texts
        for name in batch.texts.intersection(features):
            column = batch.columns[name]
            values = typed(column.dictionary.to_pylist())
            are = all(isinstance(v, (int, float)) for v in values if v is not None)
            if len(values) and kinds.setdefault(name, are) and not are:
                raise DataError(
                    f"{batch.where}: column {name!r} holds numbers at first and texts later on; "
                    "make it one type"
                )
            if kinds.get(name, False):
                numbers = pa.array([None if v is None else float(v) for v in values], pa.float64())  # type: ignore[arg-type]
                made[name] = numbers.take(column.indices)
                texts -= {name}
        yield replace(batch, columns=made, texts=texts)


def _pieces(batches: Iterator[Batch], most: int) -> Iterator[Batch]:
    """Batches of a bounded size, none of them empty."""
    for batch in batches:
        if 0 < batch.rows <= most:
            yield batch
            continue
        for start in range(0, batch.rows, most):
            columns = {name: one.slice(start, most) for name, one in batch.columns.items()}
            rows = min(most, batch.rows - start)
            yield replace(batch, columns=columns, rows=rows)


class Facets:
    """Codes of the facets of each row."""

    def __init__(self, roles: Roles):
        self.names: tuple[Facet, ...] = roles.facet or (ALL_ROWS,)
        self._roles = roles
        self._encoders = {
            column: Encoder(column, role, roles.bins(column), roles.cuts.get(column, ()))
            for column, role in roles.counted_columns().items()
        }

    def _of(self, facet: Facet) -> list[Encoder]:
        return [self._encoders[column] for column in facet.columns]

    def parts(self, batch: Batch) -> dict[Facet, list[NDArray[np.intp]]]:
        """Codes of each row in each column of each facet; none without a facet."""
        by_column = {column: encoder.codes(batch) for column, encoder in self._encoders.items()}
        return {
            facet: [by_column[encoder.column] for encoder in self._of(facet)]
            for facet in self._roles.facet
        }

    def codes(self, batch: Batch) -> dict[Facet, NDArray[np.intp]]:
        """Code of each row for each facet; an intersection has an axis for each of its columns."""
        parts = self.parts(batch)
        return {facet: self._flat(facet, parts.get(facet, []), batch.rows) for facet in self.names}

    def _flat(self, facet: Facet, parts: Sequence[NDArray[np.intp]], rows: int) -> NDArray[np.intp]:
        encoders = self._of(facet)
        if math.prod(e.size for e in encoders) > MAX_CELLS:
            raise DataError(too_many_cells([e.size for e in encoders]))
        flat = np.zeros(rows, dtype=np.intp)
        for encoder, part in zip(encoders, parts, strict=True):
            flat = flat * encoder.size + part
        return flat

    def members(
        self, facet: Facet, parts: NDArray[np.intp]
    ) -> Iterator[tuple[Level, NDArray[np.bool_]]]:
        """Known levels of a facet in canonical order, and which rows have each.

        `parts` has the codes of the rows in each column of the facet, as `parts` gives them.
        """
        flat = self._flat(facet, [*parts], parts.shape[1])
        levels = self.levels(facet)
        used = {levels[code] for code in np.unique(flat).tolist()} - {MISSING}
        for level in sorted(used, key=order):
            yield level, np.isin(flat, [i for i, one in enumerate(levels) if one == level])

    def size(self, facet: Facet) -> tuple[int, ...]:
        """Number of codes of each column of a facet so far."""
        return tuple(encoder.size for encoder in self._of(facet))

    def levels(self, facet: Facet) -> tuple[Level, ...]:
        """Levels of a facet in the order of its codes."""
        if not self._roles.facet:
            return all_rows()
        return combinations([e.levels() for e in self._of(facet)])

    def bins(self, facet: Facet) -> tuple[Level, ...]:
        """Levels that stay though no row has them."""
        return self._roles.axes(facet)[0].bins


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

    def sums(self, levels: Sequence[Level], keep: Sequence[Level]) -> Sums:
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
    """Refuse values that do not add up to the output less its mean over the background."""
    parts, total = found.shapley[:, :-1], found.shapley[:, -1]
    base = np.array(about.base)[:, np.newaxis]
    off = np.abs(parts.sum(axis=1) + base - total)
    size = np.abs(parts).sum(axis=1) + np.abs(base) + np.abs(total)
    if not np.all(off <= ADDS_UP * np.maximum(size, 1e-9)):  # NaN is refused as well
        at = np.unravel_index(np.nanargmax(off), off.shape) if np.any(off == off) else (0, 0)
        raise DataError(
            f"the attributions of a row do not add up to its output (off by {off[at]:.3g} of "
            f"{total[at]:.6g}, by {about.method}): is the model's output the same each time, "
            "and finite?"
        )


def tickets(start: int, count: int) -> NDArray[np.uint64]:
    """Hashes of the places of some rows: those with the smallest are a sample of all rows."""
    place = np.arange(start, start + count, dtype=np.uint64)
    ticket = (place + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    ticket ^= ticket >> np.uint64(31)
    return ticket * np.uint64(0xBF58476D1CE4E5B9)


class Medians:
    """Medians of values that come in batches: of all rows, or of a sample of them.

    A row is in the sample by a hash of its place, so that batches do not matter.
    """

    def __init__(self) -> None:
        self._parts: list[NDArray[np.float64]] = []
        self._tickets: list[NDArray[np.uint64]] = []
        self._limit = np.uint64(2**64 - 1)

    def add(self, values: NDArray[np.float64], start: int) -> None:
        """Add the values of some rows, of which the first has the place `start`."""
        ticket = tickets(start, values.shape[2])
        kept = ticket <= self._limit
        self._parts.append(values[:, :, kept])
        self._tickets.append(ticket[kept])
        if sum(map(len, self._tickets)) > 2 * MEDIAN_ROWS:
            self._thin()

    def _thin(self) -> None:
        tickets, parts = np.concatenate(self._tickets), np.concatenate(self._parts, axis=2)
        if len(tickets) > MEDIAN_ROWS:
            self._limit = np.partition(tickets, MEDIAN_ROWS - 1)[MEDIAN_ROWS - 1]
        kept = tickets <= self._limit
        self._tickets, self._parts = [tickets[kept]], [parts[:, :, kept]]

    def found(self) -> NDArray[np.float64]:
        """Medians, shape ``(outputs, features + 1)``."""
        self._thin()
        return np.asarray(np.median(self._parts[0], axis=2))


@contextlib.contextmanager
def _values_file(request: Request, about: About) -> Iterator[Callable[[Batch, Values], None]]:
    """Writer of the values of each row to a Parquet file that is whole or not there."""
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
            if hasattr(keys.type, "value_type"):  # another dictionary in every batch
                keys = keys.cast(keys.type.value_type)
            columns = [keys, *(pa.array(found.shapley[o, f]) for o, f in lines)]
            made = pa.record_batch(columns, names=[key, *names])
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(file, made.schema))
            writer.write_batch(made)
            start += batch.rows

        yield write
