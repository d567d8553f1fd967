"""Cuts: the decisions of many thresholds, from one distribution of scores."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.edges import Edges
from biaskit.counts.levels import MISSING
from biaskit.counts.scores import ScoreTable
from biaskit.counts.tables import Tally, divide
from biaskit.errors import RolesError, in_short, listed
from biaskit.metrics import METRICS, Metric
from biaskit.reports.numbers import Compared
from biaskit.reports.sides import Sides

__all__ = ["Cuts", "Split", "cuts_of", "off_by", "thresholds_of"]

_MOST_THRESHOLDS = 10_001
# Rows of one bin may be decided either way: those of either side, of either label.
_CORNERS = tuple(itertools.product((False, True), repeat=4))
# Of two outcomes, the second is positive.
_LATTER = np.array([False, True])


def thresholds_of(given: Any, edges: Edges) -> tuple[float, ...]:
    """Thresholds of a call, ascending, each once.

    A number of them is spread evenly over the range, each at the nearest edge of the bins.

    >>> from biaskit.counts.edges import edges_of
    >>> thresholds_of(5, edges_of(0, 1)), thresholds_of([0.8, 0.3], edges_of(0, 1))
    ((0.0, 0.25, 0.5, 0.75, 1.0), (0.3, 0.8))

    Raises
    ------
    RolesError
        They are no numbers, or too many.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        if not 2 <= given <= _MOST_THRESHOLDS:
            raise RolesError(
                f"thresholds is a number of them from 2 to {_MOST_THRESHOLDS:,}, or a list; not "
                f"{given}"
            )
        low, high = (Decimal(repr(end)) for end in (edges.low, edges.high))
        even = [float(low + (high - low) * k / (given - 1)) for k in range(given)]
        return tuple(np.unique(edges.values[edges.nearest(even)]).tolist())
    if isinstance(given, Mapping):
        raise RolesError(
            "every facet value has the same thresholds, for reasons in docs/scores.md; give "
            f"numbers, not {in_short(given)}"
        )
    listed_ones = [given] if isinstance(given, float) else given
    if not isinstance(listed_ones, Iterable) or isinstance(listed_ones, (str, bytes)):
        raise RolesError(
            "thresholds takes a number of them, or a list such as [0.3, 0.5]; not "
            f"{in_short(given)}"
        )
    try:
        made = sorted({float(one) for one in listed_ones})
    except (TypeError, ValueError):
        raise RolesError(f"thresholds are numbers, not {in_short(given)}") from None
    if not made or not all(map(math.isfinite, made)) or len(made) > _MOST_THRESHOLDS:
        raise RolesError(
            f"thresholds are 1 to {_MOST_THRESHOLDS:,} finite numbers, not {listed(made) or '[]'}"
        )
    return tuple(made)


@dataclass(frozen=True)
class Cuts:
    """Decisions of some thresholds on one distribution.

    Attributes
    ----------
    thresholds
        Thresholds, ascending.
    place
        Index of the decisions of each threshold: thresholds without a score between them decide
        alike.
    below
        Rows that are not above the threshold, for each different decision, shape ``(facet, label,
        group, decisions)``.
    known
        Rows with a score, shape ``(facet, label, group)``.
    unsure
        By threshold, rows that lie in its bin and may be decided either way, and whether they
        are among those below; none for a threshold that is an edge.
    """

    thresholds: tuple[float, ...]
    place: NDArray[np.intp]
    below: NDArray[np.int64]
    known: NDArray[np.int64]
    unsure: dict[int, tuple[NDArray[np.int64], bool]]

    @property
    def decisions(self) -> int:
        """Number of different decisions."""
        return int(self.below.shape[-1])


def cuts_of(table: ScoreTable, thresholds: Sequence[float]) -> Cuts:
    """Decisions of some thresholds, ascending, on a distribution of scores."""
    edges = table.edges.values
    last = table.edges.of(np.array(thresholds))
    unsure: dict[int, tuple[NDArray[np.int64], bool]] = {}
    is_edge = edges[np.minimum(last, len(edges) - 1)] == thresholds
    for i in np.flatnonzero(~is_edge).tolist():
        last[i], within = table.last_below(thresholds[i])
        if within is not None:
            unsure[i] = table.n[..., within], bool(last[i] == within)
    bins, place = np.unique(last, return_inverse=True)
    below = np.cumsum(table.n, axis=-1)[..., bins]
    if below.shape[-1] > 1:  # of neighbours that decide alike, one is enough
        flat = below.reshape(-1, below.shape[-1])
        differs = np.concatenate([[True], (flat[:, 1:] != flat[:, :-1]).any(axis=0)])
        place = (np.cumsum(differs) - 1)[place]
        below = below[..., differs]
    known = table.n.sum(axis=-1)
    return Cuts(tuple(thresholds), np.asarray(place), below, known, unsure)


class Split:
    """Splits counts of decisions into the sides of the comparisons, over the rows of a metric."""

    def __init__(self, table: ScoreTable, of: Compared, metric: Metric):
        self.of = of
        self.by_group = "group" in metric.needs
        self.positive = np.array([level in of.positive for level in table.label], dtype=bool)
        counts = [np.ones(len(axis), dtype=bool) for axis in (table.facet, table.label)]
        counts[0][[level is MISSING for level in table.facet]] = False
        if of.roles.label is not None:
            counts[1][[level is MISSING for level in table.label]] = False
        group = np.ones(len(table.group), dtype=bool)
        if self.by_group:
            group[[level is MISSING for level in table.group]] = False
        self.counts = counts[0][:, None, None] & counts[1][:, None] & group

    def sides(self, below: NDArray[np.int64], known: NDArray[np.int64]) -> Sides:
        """Sides of decisions, on the first axis decision by decision and comparison by comparison.

        `below` has the rows that are not above, shape ``(facet, label, group, decisions)``.
        """
        made = [self._tally(side, below, known) for side in self._of_comparisons]
        rows = np.where(self.counts, known, 0).sum(axis=(1, 2))
        n_a, n_d = (side @ rows for side in self._of_comparisons)
        times = below.shape[-1]
        a, d, other = (np.tile(one, times) for one in (n_a, n_d, rows.sum() - n_a - n_d))
        return Sides(made[0], made[1], a, d, other)

    @property
    def _of_comparisons(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        made = self.of.comparisons
        return made.on_a.astype(np.int64), made.on_d.astype(np.int64)

    def _tally(
        self, side: NDArray[np.int64], below: NDArray[np.int64], known: NDArray[np.int64]
    ) -> Tally:
        not_above = self._added(side, below)
        every = self._added(side, known[..., np.newaxis])
        cells = np.stack([not_above, every - not_above], axis=3)
        return Tally(
            np.ascontiguousarray(cells.reshape(-1, *cells.shape[2:])),
            self.positive,
            _LATTER,
        )

    def _added(self, side: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of a side: ``(decisions, comparisons, label, group)``."""
        rows = np.where(self.counts[..., np.newaxis], rows, 0)
        if not self.by_group:
            rows = rows.sum(axis=2, keepdims=True)
        flat = np.moveaxis(rows, -1, 0)
        made = side @ flat.reshape(*flat.shape[:2], -1)
        return np.asarray(made.reshape(len(flat), len(side), *flat.shape[2:]))


def off_by(
    cuts: Cuts, table: ScoreTable, of: Compared, metric: Metric, i: int
) -> NDArray[np.float64]:
    """How far the estimates of a threshold within a bin may be off, by comparison.

    The rows of the bin are taken as above the threshold or not, those of each side and label
    together. A proportion moves one way with each of the four, so its ends are among these tables,
    and so are those of most metrics. The largest of several gaps is least where gaps are 0, and
    benefits are most unequal between these tables. Infinite for a metric of one's own without a
    proportion, of which nothing is known, and where a group may be left out of a metric or not.
    """
    split = Split(table, of, metric)
    rows, is_below = cuts.unsure[i]
    sure = cuts.below[..., [cuts.place[i]]] - (rows[..., np.newaxis] if is_below else 0)
    estimate = metric(*_both(split.sides(sure + is_below * rows[..., np.newaxis], cuts.known)))
    if metric.rate is None and METRICS.get(metric.symbol) is not metric:
        return np.full(len(estimate), np.inf)
    labels = split.positive[:, np.newaxis, np.newaxis]

    def side(which: int, positive: bool, negative: bool) -> Tally:
        moved = rows[..., np.newaxis] * np.where(labels, positive, negative)[np.newaxis]
        both: Sequence[Tally] = _both(split.sides(sure + moved, cuts.known))
        return both[which]

    found = [(side(0, *one[:2]), side(1, *one[2:])) for one in _CORNERS]
    worst = np.zeros(len(estimate))
    with np.errstate(invalid="ignore"):
        for a, d in found:
            worst = np.fmax(worst, np.abs(metric(a, d) - estimate))
        if metric.largest_of:
            worst = np.fmax(worst, estimate - _least_of_largest(metric, found))
        if metric.kind == "inequality":
            for both, nobody in _most_unequal(found):
                worst = np.fmax(worst, np.abs(metric(both, nobody) - estimate))
    return np.where(_may_drop_a_group(found), np.inf, worst) if split.by_group else worst


def _both(sides: Sides) -> tuple[Any, Any]:
    return sides.a, sides.d


def _may_drop_a_group(found: Sequence[tuple[Tally, Tally]]) -> NDArray[np.bool_]:
    """Whether a group has rows of either decision in some tables, but not in all."""
    rows = np.array([(a.cells + d.cells).sum(axis=-3) for a, d in found])
    return np.asarray(((rows.min(axis=0) == 0) & (rows.max(axis=0) > 0)).any(axis=(-2, -1)))


def _least_of_largest(metric: Metric, found: Sequence[tuple[Tally, Tally]]) -> NDArray[np.float64]:
    """Least that the largest of independent gaps may be, each between those of some tables."""
    each = []
    for a, d in found:
        form: Any = metric.form_of(a, d)
        each.append([divide(*one.plus) - divide(*one.minus) for one in form.differences])
    gaps = np.array(each)
    least, most = gaps.min(axis=0), gaps.max(axis=0)
    nearest = np.maximum(np.maximum(least, -most), 0.0)
    return np.asarray(nearest.max(axis=0))


def _most_unequal(found: Sequence[tuple[Tally, Tally]]) -> Iterator[tuple[Tally, Tally]]:
    """Rows of both sides, as one side, where benefits are most unequal between some tables.

    With y false negatives among n rows, they are at (n - y) / 3 false positives.
    """
    n = found[0][0].n + found[0][1].n
    fp = np.array([a.fp + d.fp for a, d in found])
    fn = np.array([a.fn + d.fn for a, d in found])
    for many in (fn.min(axis=0), fn.max(axis=0)):
        for more in (0, 1):
            at = np.clip((n - many) // 3 + more, fp.min(axis=0), fp.max(axis=0))
            cells = np.zeros((*n.shape, 2, 2, 1), dtype=np.int64)
            cells[:, 0, 0, 0], cells[:, 0, 1, 0], cells[:, 1, 0, 0] = n - at - many, at, many
            yield Tally(cells, _LATTER, _LATTER), Tally(0 * cells, _LATTER, _LATTER)
