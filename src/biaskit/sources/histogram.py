"""Histograms: counts that grow part by part, with an axis for each counted column."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import refuse_large, refuse_many_rows
from biaskit.counts.facets import Facet
from biaskit.counts.levels import Level
from biaskit.counts.roles import Roles
from biaskit.counts.scores import ScoreTable
from biaskit.counts.tables import Table
from biaskit.errors import DataError
from biaskit.sources.batches import Batch, no_rows
from biaskit.sources.coded.scored import ScoreCells
from biaskit.sources.encode import Encoder, numbers
from biaskit.sources.grids import Grid, grown
from biaskit.sources.repeats import CountedRows
from biaskit.sources.scored.asked import OfScores
from biaskit.sources.scored.tables import ScoreHistogram, refuse_infinite, sums_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from biaskit.sources.sample import Sampler

__all__ = ["Histograms"]

# Rows of a batch from which several threads pay. Batches of Parquet have fewer: there threads of a
# warm process gain nothing, and in a new one they cost 10 ms of 35 (300,000 rows, four columns).
_WORTH_THREADS = 500_000
# Most cells of an intersection that are all kept, whether they occur or not.
_MOST_DENSE = 1 << 18


class Histograms:
    """Counts of every facet, to which the parts of a source add themselves.

    A part has rows (`add_rows`), groups of them (`add_groups`) or whole tables (`add_cells`), and
    calls the method for its form. A context manager, since it may start threads.

    Parameters
    ----------
    roles, encoders
        What is counted, and the encoder of each column.
    sampler
        Keeps a sample of the rows, if requested.
    """

    def __init__(
        self, roles: Roles, encoders: Mapping[str, Encoder], sampler: Sampler | None = None
    ):
        self._roles = roles
        self._encode = _Columns(encoders)
        self._sampler = sampler
        self._of_facet = {facet: _Histogram(roles, facet, encoders) for facet in roles.facet}
        scored = () if roles.score is None else roles.facet
        self._scores = {facet: ScoreHistogram(roles, facet, encoders) for facet in scored}
        self._read = 0
        #: Rows that were added, each as often as its frequency.
        self.rows = 0

    def __enter__(self) -> Histograms:
        return self

    def __exit__(self, *_: object) -> None:
        self._encode.close()

    def add_rows(self, batch: Batch) -> None:
        """Add rows.

        Raises
        ------
        DataError
            A column is not what its role needs.
        """
        if not batch.rows:
            return
        rows = CountedRows.of(batch, self._roles, self._read)
        self._read += batch.rows
        if rows.rows:
            codes = self._encode(rows.batch)
            for histogram in self._of_facet.values():
                histogram.add(codes, rows.weight, rows.times)
            if self._scores:
                self._add_scores(rows, codes)
            if self._sampler is not None:
                rows.keep(self._sampler, codes, self.rows)
        self._add_to_rows(rows.rows)

    def add_groups(
        self,
        groups: Batch,
        sizes: Sequence[NDArray[Any]],
        rows: int,
        facets: Collection[Facet] | None = None,
        scores: OfScores | None = None,
    ) -> None:
        """Add rows that are grouped by the columns of some facets, by default of all.

        Parameters
        ----------
        groups
            A row per group, with its value in each of those columns.
        sizes
            For each group, the number of its rows (each as often as its frequency) and, where rows
            are weighted, the sums of their weights and of the squares of those.
        rows
            Rows in the groups, except those already added for another facet.
        facets
            Facets whose counts the groups are added to.
        scores
            Scores of the groups, where there are any.
        """
        self._refuse_to_sample(groups.where)
        codes = self._encode(groups)
        for facet in self._of_facet if facets is None else facets:
            self._of_facet[facet].add_groups(codes, sizes)
            if self._scores:
                assert scores is not None
                self._scores[facet].add_groups(codes, sizes[0], scores)
        self._add_to_rows(rows)

    def add_cells(
        self,
        codes: Mapping[str, NDArray[np.intp]],
        tables: Mapping[Facet, Sequence[NDArray[Any]]],
        rows: int,
        where: str,
        scores: Mapping[Facet, ScoreCells] | None = None,
    ) -> None:
        """Add rows that are counted.

        Parameters
        ----------
        codes
            For each column, the encoder's code of each place on its axis.
        tables
            For each facet, arrays with an axis for each of its columns: the numbers of rows and,
            where rows are weighted, the sums of their weights and of the squares of those.
        rows, where
            How many rows they are, and where they are from.
        scores
            For each facet the scores, where there are any.
        """
        self._refuse_to_sample(where)
        for facet, arrays in tables.items():
            self._of_facet[facet].add_cells(codes, arrays)
        for facet, of_scores in self._scores.items():
            assert scores is not None
            of_scores.add_cells(scores[facet])
        self._read += rows
        self._add_to_rows(rows)

    def tables(self) -> dict[Facet, Table]:
        """Tables of what was counted, in canonical form.

        Raises
        ------
        DataError
            A facet or a label has too many values.
        """
        tables = {facet: one.table() for facet, one in self._of_facet.items()}
        for facet, table in tables.items():
            refuse_large(table.levels, facet.name)
        return tables

    def scores(self) -> dict[Facet, ScoreTable]:
        """Distributions of the scores, in canonical form; none without a score."""
        return {facet: one.table() for facet, one in self._scores.items()}

    def _add_scores(self, rows: CountedRows, codes: Mapping[str, NDArray[np.intp]]) -> None:
        column, where = str(self._roles.score), rows.batch.where
        array = rows.batch.columns[column]
        values = numbers(array, column, "score", where)
        refuse_infinite(values, column, where)
        for histogram in self._scores.values():
            histogram.add(codes, values, rows.times)

    def _add_to_rows(self, rows: int) -> None:
        self.rows += rows
        refuse_many_rows(self.rows)

    def _refuse_to_sample(self, where: str) -> None:
        if self._sampler is not None:
            raise no_rows(where)


class _Columns:
    """Codes of a batch's columns, several columns at a time where the batch is large.

    Each column has its own encoder, so the order of the columns does not matter.
    """

    def __init__(self, encoders: Mapping[str, Encoder]):
        self._encoders = encoders
        self._pool: Executor | None = None

    def __call__(self, batch: Batch) -> dict[str, NDArray[np.intp]]:
        if self._pool is None and batch.rows >= _WORTH_THREADS and len(self._encoders) > 1:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(os.cpu_count())
        run = map if self._pool is None else self._pool.map
        columns = [column for column in self._encoders if column in batch.columns]
        codes = run(lambda column: self._encoders[column].codes(batch), columns)
        return dict(zip(columns, codes, strict=True))

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


class _Histogram:
    """Counts of one facet that grow batch by batch, with an axis for each of its columns."""

    def __init__(self, roles: Roles, facet: Facet, encoders: Mapping[str, Encoder]):
        self._grid = Grid.of(roles, facet, encoders)
        self._columns = [encoder.column for encoder in self._grid.encoders]
        self._weight = roles.weight
        count_types: list[type] = [np.int64]
        if roles.weight is not None:
            count_types += [np.float64, np.float64]
        empty = [0 for _ in self._columns]
        self._arrays: list[NDArray[Any]] = [np.zeros(empty, dtype=one) for one in count_types]
        # An intersection may have far more cells than rows.
        self._name, self._of_facet = facet.name, len(facet.columns)
        self._is_intersection = self._of_facet > 1
        from biaskit.sources.coded.scattered import Scattered  # few facets are so wide

        self._scattered = Scattered(facet.name, self._of_facet)

    def add(
        self,
        codes: Mapping[str, NDArray[np.intp]],
        weight: NDArray[np.float64] | None,
        times: NDArray[np.int64] | None,
    ) -> None:
        """Add rows: the codes of each column, the weights, and how often each row counts."""
        by_axis = [codes[column] for column in self._columns]
        amounts: list[NDArray[Any] | None] = [times]
        if weight is not None:
            with np.errstate(over="ignore"):
                of_one = (weight, weight * weight)
                amounts += of_one if times is None else [times * one for one in of_one]
        if self._scatters():
            self._scattered.add(by_axis, amounts)
            return
        shape = self._grid.shape()
        cells = math.prod(shape)
        flat = self._grid.cells(by_axis, shape, len(by_axis[0]))
        for i, amount in enumerate(amounts):
            sums = sums_of(flat, amount, cells).reshape(shape)
            corner = tuple(slice(0, size) for size in self._arrays[i].shape)
            sums[corner] += self._arrays[i]
            self._arrays[i] = sums

    def add_cells(
        self, codes: Mapping[str, NDArray[np.intp]], arrays: Sequence[NDArray[Any]]
    ) -> None:
        """Add rows that are counted, in arrays with an axis for each column."""
        used = arrays[0].nonzero()
        of_used = {c: codes[c][i] for c, i in zip(self._columns, used, strict=True)}
        self.add_groups(of_used, [array[used] for array in arrays])

    def add_groups(
        self, codes: Mapping[str, NDArray[np.intp]], sizes: Sequence[NDArray[Any]]
    ) -> None:
        """Add rows that are grouped: the codes of each group, its rows and its weights."""
        where = tuple(codes[column] for column in self._columns)
        if self._scatters():
            self._scattered.add(where, sizes)
            return
        shape = self._grid.shape()
        for i, size in enumerate(sizes):
            self._arrays[i] = grown(self._arrays[i], shape)
            # Far faster than with several indices.
            flat = np.ravel_multi_index(where, self._arrays[i].shape)
            np.add.at(self._arrays[i].reshape(-1), flat, size)

    def table(self) -> Table:
        """Table of what was counted, in canonical form."""
        levels, arrays = self._of_those_that_occur() if self._is_intersection else self._of_all()
        if not all(np.isfinite(array).all() for array in arrays):
            raise DataError(
                f"weight {self._weight!r} has sums of squares that overflow a float; "
                "make the weights smaller"
            )
        return Table.of(levels, arrays, self._grid.keep)

    def _of_all(self) -> tuple[list[tuple[Level, ...]], list[NDArray[Any]]]:
        """Levels of each axis, and arrays of all cells."""
        levels, full = self._grid.levels(), self._grid.shape()
        shape = [len(axis) for axis in levels]
        return levels, [grown(array, full).reshape(shape) for array in self._arrays]

    def _of_those_that_occur(self) -> tuple[list[tuple[Level, ...]], list[NDArray[Any]]]:
        """The same, with only the combinations of the facet's values that occur."""
        self._scatter()
        codes, sums = self._scattered.cells()
        of_facet, others = codes[: self._of_facet], codes[self._of_facet :]
        combinations, at = np.unique(of_facet, axis=1, return_inverse=True)
        levels = [self._grid.combinations(combinations), *self._grid.levels_of_others()]
        shape = [len(axis) for axis in levels]
        refuse_large(levels, self._name)
        flat = at.ravel().astype(np.intp)
        for of_column, size in zip(others, self._grid.sizes()[self._of_facet :], strict=True):
            flat = flat * size + of_column
        arrays = []
        for of_cell in sums:
            array = np.zeros(math.prod(shape), dtype=of_cell.dtype)
            array[flat] = of_cell
            arrays.append(array.reshape(shape))
        return levels, arrays

    def _scatters(self) -> bool:
        """Whether cells are kept only where they occur, from now on."""
        if self._is_intersection and math.prod(self._grid.sizes()) > _MOST_DENSE:
            self._scatter()
            return True
        return False

    def _scatter(self) -> None:
        """Keep the cells so far only where they occur."""
        where = self._arrays[0].nonzero()
        self._scattered.add(where, [array[where] for array in self._arrays])
        self._arrays = [np.zeros([0] * array.ndim, dtype=array.dtype) for array in self._arrays]
