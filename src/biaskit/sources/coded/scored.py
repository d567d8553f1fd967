"""Scores of rows whose columns are coded: rows and sums by the cell of a facet and the bin."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.edges import Edges
from biaskit.counts.facets import Facet
from biaskit.sources.coded.axes import Axis, Codes, made_digits

if TYPE_CHECKING:
    from biaskit._kernels.scores import Range

__all__ = ["Binned", "Entries", "ScoreCells", "ScoreRoom", "scores_by_facet"]

# Most cells and entries of a dictionary whose rows are counted; more have no advantage.
_MOST_ENTRIES = 1 << 18
# Most cells and bins of a facet whose sums a thread holds; those of more are counted otherwise.
_MOST = 1 << 21


class ScoreCells(NamedTuple):
    """Scores of some rows by the cells of a facet; a cell and bin may occur several times."""

    #: For each column of the facet's scores, the encoder's code of each cell.
    codes: tuple[NDArray[np.intp], ...]
    #: Of each part the cell, the bin, the rows, the sum of the scores and that of their squares.
    parts: tuple[NDArray[Any], ...]


class Binned(NamedTuple):
    """Scores of some rows, float64, and their bins; NaN is a missing score."""

    values: NDArray[np.float64]
    bins: NDArray[np.uint16]


class Entries(NamedTuple):
    """Scores of some rows, by a dictionary."""

    #: Place of each row's score among the values, uint32.
    codes: NDArray[np.uint32]
    #: Scores, float64; NaN is a missing one, and the last of them.
    values: NDArray[np.float64]


class ScoreRoom:
    """Memory of one thread for the scores of a block.

    Parameters
    ----------
    edges
        Edges of the bins.
    empty
        Function of a length and a type that makes an array of at least that length.
    """

    def __init__(self, edges: Edges, empty: Callable[[int, Any], NDArray[Any]] = np.empty):
        self._edges = edges
        #: Bins of a cell, that of missing scores included.
        self.width = edges.bins + 1
        self._empty = empty
        self._bins = empty(0, np.uint16)
        self._table = self._kept = empty(0, np.float64)

    def binned(self, values: NDArray[np.float64]) -> Binned | None:
        """Bins of scores, until the next are; None where a score is infinite."""
        from biaskit._kernels.scores import score_bins

        rows = len(values)
        if len(self._bins) < rows:
            self._bins = self._empty(rows, np.uint16)
        within = _range_of(self._edges)
        if within is None:
            if np.isinf(values).any():
                return None
            self._bins[:rows] = self._edges.of(values)
        elif score_bins(values, within, rows, self._bins) != 0:
            return None
        return Binned(values, self._bins[:rows])

    def tables(self, cells: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Two tables without rows for some cells, which whoever fills them leaves so."""
        from biaskit._kernels.scores import FORM

        size = cells * self.width * FORM
        if len(self._table) < size:
            self._table, self._kept = (self._empty(size, np.float64) for _ in range(2))
            self._table[:] = self._kept[:] = 0
        return self._table[:size].reshape(-1, FORM), self._kept[:size].reshape(-1, FORM)


def scores_by_facet(
    columns_of: Mapping[Facet, tuple[Sequence[str], Sequence[str]]],
    axes: Mapping[str, Axis],
    tables: Mapping[Facet, Sequence[NDArray[Any]]],
    held: Codes,
    scores: NDArray[np.float64] | Entries,
    room: ScoreRoom,
) -> dict[Facet, ScoreCells] | None:
    """Scores of some rows by the cells of each facet.

    Returns None where one is infinite, or they would take too much memory.

    Parameters
    ----------
    columns_of
        For each facet the columns of its table, and those of its table of scores.
    axes, tables
        Axis of each column, whose codes are settled, and the counts of the rows of each facet.
    held, scores, room
        Codes of the rows, their scores, and memory.
    """
    used = {
        facet: tables[facet][0].sum(axis=_others(columns, kept)).nonzero()
        for facet, (columns, kept) in columns_of.items()
    }
    most = max(len(places[0]) for places in used.values())
    if isinstance(scores, Entries) and most * len(scores.values) > _MOST_ENTRIES:
        scores = scores.values[scores.codes]
    binned = room.binned(scores.values if isinstance(scores, Entries) else scores)
    if binned is None or (not isinstance(scores, Entries) and most * room.width > _MOST):
        return None
    made: dict[Facet, ScoreCells] = {}
    for facet, (_, kept) in columns_of.items():
        of_kept = [axes[column] for column in kept]
        if isinstance(scores, Entries):
            cells = _Cells(of_kept, used[facet], held, len(scores.codes))
            made[facet] = _of_entries(cells, scores, binned)
        else:
            cells = _Cells(of_kept, used[facet], held, len(scores))
            made[facet] = _of_bins(cells, binned, room)
    return made


def _others(columns: Sequence[str], kept: Sequence[str]) -> tuple[int, ...]:
    """Axes of a facet's table that its table of scores has not."""
    return tuple(i for i, column in enumerate(columns) if column not in kept)


class _Cells:
    """Cells of a facet that have rows, and the codes of the rows, until the next are made."""

    def __init__(
        self, axes: Sequence[Axis], used: tuple[NDArray[np.intp], ...], held: Codes, rows: int
    ):
        self.rows = rows
        self.size = len(used[0])
        self.codes = tuple(axis.codes[at] for axis, at in zip(axes, used, strict=True))
        # Columns in planes come first, since several of them may become one digit.
        order = sorted(range(len(axes)), key=lambda i: not axes[i].planes)
        digits = made_digits([axes[i] for i in order], held, rows)
        self.columns = held.narrow, held.pairs, *digits
        shape = [axes[i].size for i in order]
        self._at = np.ravel_multi_index([used[i] for i in order], shape)
        self._combinations = math.prod(shape)

    def places(self, width: int) -> NDArray[np.int64]:
        """For each combination of codes the place of its first number, of `width` for a cell."""
        made = np.full(self._combinations, -1, np.int64)
        made[self._at] = width * np.arange(self.size)
        return made


def _of_bins(cells: _Cells, scores: Binned, room: ScoreRoom) -> ScoreCells:
    """Scores of some rows by their bins."""
    from biaskit._kernels.joint import ROWS
    from biaskit._kernels.scores import add_scores, taken

    table, kept = room.tables(cells.size)
    places, index = cells.places(room.width), np.empty(ROWS, np.uint32)
    given = places, scores.bins, scores.values, index, table, kept
    if add_scores(*cells.columns, *given) != cells.rows:
        raise AssertionError("codes outside their axes")
    types: tuple[Any, ...] = np.int32, np.uint16, np.int64, np.float64, np.float64
    parts = [np.empty(min(cells.rows, len(table)), dtype) for dtype in types]
    found = taken(table, kept, room.width, *parts)
    if found < 0:
        raise AssertionError("more cells and bins than rows")
    return ScoreCells(cells.codes, tuple(part[:found] for part in parts))


def _of_entries(cells: _Cells, scores: Entries, binned: Binned) -> ScoreCells:
    """Scores of some rows by the entries of their dictionary, of which the bins are known."""
    from biaskit._kernels.joint import ROWS
    from biaskit._kernels.scores import add_entries

    width = len(scores.values)
    counts = np.zeros(cells.size * width, np.int64)
    places, index, rows = cells.places(width), np.empty(ROWS, np.uint32), cells.rows
    columns = cells.columns
    if add_entries(*columns, places, scores.codes, rows, index, counts) != rows:
        raise AssertionError("codes outside their axes")
    cell, entry = counts.reshape(-1, width).nonzero()
    n = counts[counts > 0]
    values = np.nan_to_num(binned.values)[entry]
    with np.errstate(over="ignore"):
        sums = n * values, n * (values * values)
    return ScoreCells(cells.codes, (cell.astype(np.int32), binned.bins[entry], n, *sums))


@functools.lru_cache(maxsize=64)
def _range_of(edges: Edges) -> Range | None:
    """Range as the kernel takes it; None where its arithmetic does not give every bin."""
    from biaskit._kernels.scores import Range, score_bins

    values, (times, over) = edges.values, edges.ratio
    if len(values) >= 1 << 16:
        return None
    low, high, before = float(values[0]), float(values[-1]), float(edges.before)
    made = Range(low, high, len(values), before, over / times, times, over)
    # Bins do not fall as scores rise, so those at the ends of each bin say that all are right.
    near = [np.nextafter(values, way) for way in (-np.inf, np.inf)]
    probes = np.concatenate([values, *near])
    bins = np.empty(len(probes), np.uint16)
    with np.errstate(over="ignore"):
        is_made = score_bins(probes, made, len(probes), bins) == 0
    return made if is_made and np.array_equal(bins, edges.of(probes)) else None
