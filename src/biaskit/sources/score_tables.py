"""Tables of scores that grow part by part: by the facet's values, label, group and bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.edges import Edges
from biaskit.counts.facets import Facet
from biaskit.counts.roles import Roles
from biaskit.counts.scores import ScoreTable, refuse_large_scores
from biaskit.errors import DataError
from biaskit.sources.coded.scored import ScoreCells
from biaskit.sources.encode import Encoder
from biaskit.sources.grids import Grid, grown

__all__ = ["ScoreHistogram", "refuse_infinite", "sums_of"]

# Bits that are cut off floats of about one size, so that the sums of a batch of them are exact.
_LOW_BITS = np.uint64((1 << 29) - 1)


class ScoreHistogram:
    """Scores of one facet, to which parts of a source add themselves."""

    def __init__(self, roles: Roles, facet: Facet, encoders: Mapping[str, Encoder]):
        edges = roles.score_edges
        assert edges is not None
        self._edges: Edges = edges
        axes = {axis.role: axis.columns for axis in roles.axes(facet)}
        kept = (axes["facet"], axes["label"], axes["group"])
        self._grid = Grid([[encoders[column] for column in columns] for columns in kept])
        self._columns = [encoder.column for encoder in self._grid.encoders]
        # The last bin has the rows without a score.
        empty = (*(0 for _ in self._columns), edges.bins + 1)
        self._n = np.zeros(empty, dtype=np.int64)
        # Sums of the scores and what rounding took from them, and the same of their squares.
        self._sums = np.zeros((4, *empty))

    def add(
        self,
        codes: Mapping[str, NDArray[np.intp]],
        values: NDArray[np.float64],
        times: NDArray[np.int64] | None,
    ) -> None:
        """Add rows: the codes of each column, the scores, and how often each row counts."""
        shape = self._shape()
        known = np.nan_to_num(values)
        cells = self._grid.cells([codes[column] for column in self._columns], shape, len(values))
        flat = cells * (self._edges.bins + 1) + self._edges.of(values)
        places = self._n.size
        self._n.reshape(-1)[:] += sums_of(flat, times, places)
        with np.errstate(over="ignore"):
            squares = known * known
        for i, amounts in ((0, known), (2, squares)):
            high = (amounts.view(np.uint64) & ~_LOW_BITS).view(np.float64)
            with np.errstate(invalid="ignore"):
                low = np.nan_to_num(amounts - high)
            for part in (high, low):
                more = part if times is None else times * part
                self._add_sums(i, sums_of(flat, more, places))

    def add_groups(
        self,
        codes: Mapping[str, NDArray[np.intp]],
        bins: NDArray[np.intp],
        sizes: Sequence[NDArray[Any]],
    ) -> None:
        """Add rows that are grouped: the codes of each group, its bin, rows, sum and squares."""
        shape = self._shape()
        cells = self._grid.cells([codes[column] for column in self._columns], shape, len(bins))
        flat = cells * (self._edges.bins + 1) + bins
        n, s, s2 = sizes
        self._n.reshape(-1)[:] += sums_of(flat, n, self._n.size)
        for i, amounts in ((0, s), (2, s2)):
            self._add_sums(i, sums_of(flat, amounts, self._n.size))

    def add_cells(self, cells: ScoreCells) -> None:
        """Add rows that a kernel has counted."""
        from biaskit._kernels.scores import add_parts

        shape, width = self._shape(), self._edges.bins + 1
        places = width * np.ravel_multi_index(cells.codes, shape).astype(np.int64)
        n, sums = self._n.reshape(-1), self._sums.reshape(4, -1)
        of_cell, bins, rows, s, s2 = cells.parts
        if add_parts(of_cell, bins, rows, s, s2, places, n, sums) != len(bins):
            raise AssertionError("scores outside their table")

    def table(self) -> ScoreTable:
        """Table of what was counted, in canonical form."""
        self._shape()
        levels = self._grid.levels(partly=True)
        shape = (*map(len, levels), self._edges.bins + 1)
        s, s2 = (self._sums[i : i + 2].sum(axis=0).reshape(shape) for i in (0, 2))
        n = self._n.reshape(shape)
        arrays = [n[..., :-1], s[..., :-1], s2[..., :-1], n[..., -1]]
        return ScoreTable.of(self._edges, levels, arrays, self._grid.keep)

    def _shape(self) -> tuple[int, ...]:
        """Numbers of codes so far, for which there is then room."""
        shape = self._grid.shape()
        bins = self._edges.bins + 1
        refuse_large_scores(shape, bins)
        self._n = grown(self._n, (*shape, bins))
        self._sums = grown(self._sums, (4, *shape, bins))
        return shape

    def _add_sums(self, which: int, more: NDArray[np.float64]) -> None:
        """Add to sums, and to what rounding takes from them."""
        old, lost = self._sums[which].reshape(-1), self._sums[which + 1].reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            new = old + more
            part = new - old
            lost += np.nan_to_num((old - (new - part)) + (more - part))  # of an infinite sum
        old[:] = new


def sums_of(codes: NDArray[np.intp], amounts: NDArray[Any] | None, cells: int) -> NDArray[Any]:
    """Sum of the amounts of each code, or its number of occurrences without amounts."""
    if amounts is None or amounts.dtype.kind == "f":
        return np.bincount(codes, amounts, minlength=cells)
    sums = np.zeros(cells, dtype=amounts.dtype)
    np.add.at(sums, codes, amounts)
    return sums


def refuse_infinite(values: NDArray[np.float64], column: str, where: str) -> None:
    """Refuse scores of which some are infinite."""
    if np.isinf(values).any():
        raise infinite(int(np.isinf(values).sum()), column, where)


def infinite(rows: int, column: str, where: str) -> DataError:
    """Error for infinite scores."""
    return DataError(
        f"{where}: score {column!r} is infinite in {rows:,} rows; "
        "log-odds of 0 and 1 are, for instance: give probabilities, or make them missing"
    )
