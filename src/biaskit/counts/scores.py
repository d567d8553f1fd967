"""Scores: how the scores of a model, or any number, are distributed in each facet value and label.

A table has the rows in bins of equal width. Their edges are round decimals, so a score lies in a
bin however it came, and a threshold that people write is an edge, at which the table gives the
counts of every decision exactly. What lies within a bin is unknown; how far that can change a
number is always bounded.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import MAX_CELLS, too_many_cells
from biaskit.counts.edges import Edges
from biaskit.counts.levels import MISSING, Level, bins, order
from biaskit.counts.tables import Levels, Table, regrouped
from biaskit.errors import DataError

__all__ = ["ScoreTable", "ScoreTally", "refuse_large_scores", "split_scores"]


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Rows by facet value, label, group and bin of the score, with the sums of their scores.

    Attributes
    ----------
    edges
        Edges of the bins.
    facet, label, group
        Values on each axis, in canonical order; the missing one is last.
    n
        Rows, shape ``(facet, label, group, bins)``.
    s, s2
        Sums of the scores, and of their squares, in the same shape.
    missing
        Rows without a score, shape ``(facet, label, group)``.
    """

    edges: Edges
    facet: tuple[Level, ...]
    label: tuple[Level, ...]
    group: tuple[Level, ...]
    n: NDArray[np.int64]
    s: NDArray[np.float64]
    s2: NDArray[np.float64]
    missing: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        edges: Edges,
        levels: Sequence[Sequence[Level]],
        arrays: Sequence[NDArray[Any]],
        keep: Collection[Level],
    ) -> ScoreTable:
        """Table in canonical form, from raw levels of the three axes and ``n, s, s2, missing``.

        Levels without rows are dropped, except those in `keep` (the bins of a cut column).
        """
        final: list[tuple[Level, ...]] = []
        for axis, raw in enumerate(levels):
            others = tuple(i for i in range(3) if i != axis)
            rows = arrays[0].sum(axis=-1).sum(axis=others) + arrays[3].sum(axis=others)
            used = {level for level, n in zip(raw, rows.tolist(), strict=True) if n}
            used |= {level for level in raw if level in keep}
            kept = tuple(sorted(used, key=order))
            arrays = [regrouped(array, axis, raw, kept) for array in arrays]
            final.append(kept)
        return cls(edges, final[0], final[1], final[2], *arrays)

    @classmethod
    def empty(cls, edges: Edges, levels: Levels) -> ScoreTable:
        """Table without rows, on the levels of a table of counts."""
        axes = levels.facet, levels.label, levels.group
        shape = tuple(map(len, axes))
        n = np.zeros((*shape, edges.bins), dtype=np.int64)
        sums = np.zeros(n.shape), np.zeros(n.shape)
        return cls(edges, *axes, n, *sums, np.zeros(shape, dtype=np.int64))

    @property
    def rows(self) -> int:
        """Number of rows, those without a score included."""
        return int(self.n.sum()) + int(self.missing.sum())

    def __add__(self, other: ScoreTable) -> ScoreTable:
        if not isinstance(other, ScoreTable):
            return NotImplemented
        if self.edges != other.edges:
            raise DataError(
                "scores with different ranges or bins cannot be added; count both with the same "
                "score_range, and with a group or without"
            )
        axes = [
            tuple(sorted({*ours, *theirs}, key=order))
            for ours, theirs in zip(self._levels(), other._levels(), strict=True)
        ]
        refuse_large_scores([*map(len, axes)], self.edges.bins)
        one, more = self._spread(axes), other._spread(axes)
        with np.errstate(over="ignore"):
            added = [a + b for a, b in zip(one, more, strict=True)]
        return ScoreTable(self.edges, axes[0], axes[1], axes[2], *added)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ScoreTable):
            return NotImplemented
        same = self.edges == other.edges and self._levels() == other._levels()
        return same and all(
            np.array_equal(a, b) for a, b in zip(self._arrays(), other._arrays(), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def cut_at(self, edge: int) -> Table:
        """Table of counts with the decisions of a threshold: predictions above an edge, or not."""
        return self._cut(edge, float(self.edges.values[edge]))

    def last_below(self, threshold: float) -> tuple[int, int | None]:
        """Last bin that is not above a threshold, and the bin that holds it.

        There is such a bin only where its rows may lie on either side of the threshold, which is
        then taken to be the nearest edge.
        """
        edges = self.edges.values
        within = int(self.edges.of(np.array([threshold]))[0])
        if 0 < within < len(edges) and edges[within] == threshold:
            return within, None
        if threshold == edges[0] == 0 and not self.s[..., 1].any():
            return within, None  # all scores of the first bin are 0, so none is above
        last = within if self.edges.nearest(threshold) == within else within - 1
        return last, within if self.n[..., within].any() else None

    def decided(self, threshold: float) -> Table:
        """Table of counts with the decisions of a threshold.

        Raises
        ------
        DataError
            Rows of its bin may lie on either side of it.
        """
        last, within = self.last_below(threshold)
        if within is not None:
            near = [f"{one:g}" for one in self.edges.values[max(within - 1, 0) : within + 1]]
            raise DataError(
                f"the threshold {threshold:g} lies within a bin of the scores that were counted; "
                f"take {' or '.join(near)}, or count the rows with predicted_above={threshold:g}"
            )
        return self._cut(last, threshold)

    def _cut(self, edge: int, threshold: float) -> Table:
        predicted: tuple[Level, ...] = bins((threshold,))
        parts = [self.n[..., : edge + 1].sum(axis=-1), self.n[..., edge + 1 :].sum(axis=-1)]
        if self.missing.any():
            parts.append(self.missing)
            predicted = (*predicted, MISSING)
        n = np.stack(parts, axis=2)
        return Table(Levels(self.facet, self.label, predicted, self.group), n)

    def out_of_range(self) -> tuple[int, int]:
        """Rows whose score is below the range, and above it."""
        return int(self.n[..., 0].sum()), int(self.n[..., -1].sum())

    def _levels(self) -> tuple[tuple[Level, ...], ...]:
        return self.facet, self.label, self.group

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return self.n, self.s, self.s2, self.missing

    def _spread(self, axes: Sequence[Sequence[Level]]) -> list[NDArray[Any]]:
        where = np.ix_(
            *(
                [wide.index(level) for level in own]
                for wide, own in zip(axes, self._levels(), strict=True)
            )
        )
        made = []
        for array in self._arrays():
            shape = (*map(len, axes), *array.shape[3:])
            wider = np.zeros(shape, dtype=array.dtype)
            wider[where] = array
            made.append(wider)
        return made


def refuse_large_scores(sizes: Sequence[int], bins: int) -> None:
    """Refuse a table of scores with more than `MAX_CELLS` cells."""
    if math.prod(sizes) * bins > MAX_CELLS:
        raise DataError(too_many_cells([*sizes, bins]))


@dataclass(frozen=True, eq=False)
class ScoreTally:
    """Scores of one side of some comparisons: arrays whose first axis is the comparison.

    Attributes
    ----------
    edges
        Edges of the bins.
    positive, negative
        Rows with a known score in each bin, with a positive label and with any other, shape
        ``(comparisons, bins)``. Without a label, all rows are negative.
    s_positive, s_negative, s2_positive, s2_negative
        Sums of the scores of these rows, and of their squares.
    """

    edges: Edges
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    s_positive: NDArray[np.float64]
    s_negative: NDArray[np.float64]
    s2_positive: NDArray[np.float64]
    s2_negative: NDArray[np.float64]

    @property
    def by_label(self) -> NDArray[np.int64]:
        """Rows with a positive label and with any other, on the last axis."""
        return np.stack([self.positive.sum(axis=-1), self.negative.sum(axis=-1)], axis=-1)

    @property
    def every(self) -> NDArray[np.int64]:
        """Rows in each bin, whatever their label."""
        return self.positive + self.negative

    @property
    def s(self) -> NDArray[np.float64]:
        """Sums of the scores in each bin."""
        return self.s_positive + self.s_negative

    @property
    def s2(self) -> NDArray[np.float64]:
        """Sums of the squares of the scores in each bin."""
        return self.s2_positive + self.s2_negative


def split_scores(
    table: ScoreTable,
    on_a: NDArray[np.bool_],
    on_d: NDArray[np.bool_],
    positive: Collection[Level],
    *,
    by_label: bool,
) -> tuple[ScoreTally, ScoreTally]:
    """Scores of sides a and d of some comparisons.

    Parameters
    ----------
    table
        The distribution.
    on_a, on_d
        Levels of the facet on each side, shape ``(comparisons, facet levels)``.
    positive
        Positive labels.
    by_label
        Whether a row counts only where its label is known.
    """
    is_positive = np.array([level in positive for level in table.label], dtype=bool)
    is_known = np.array([level is not MISSING for level in table.label], dtype=bool)
    is_negative = ~is_positive & (is_known if by_label else np.ones_like(is_known))

    def side(sides: NDArray[np.bool_]) -> ScoreTally:
        parts = []
        for array in (table.n, table.s, table.s2):
            by_value = array.sum(axis=2)  # over groups: (facet, label, bins)
            for labels in (is_positive, is_negative):
                of_labels = by_value[:, labels].sum(axis=1)
                parts.append(sides.astype(of_labels.dtype) @ of_labels)
        return ScoreTally(table.edges, *parts)

    return side(on_a), side(on_d)
