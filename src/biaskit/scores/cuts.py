"""Cuts: the decisions of many thresholds, from one distribution of scores."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.edges import Edges
from biaskit.counts.levels import MISSING
from biaskit.counts.scores import ScoreTable
from biaskit.counts.tables import Tally
from biaskit.errors import RolesError, in_short, listed
from biaskit.metrics import Metric
from biaskit.reports.numbers import Compared
from biaskit.reports.sides import Sides

__all__ = ["Cuts", "Split", "cuts_of", "off_by", "thresholds_of"]

_MOST_THRESHOLDS = 10_001
# Rows of one bin may be decided either way: those of either side, of either label.
_CORNERS = tuple(itertools.product((False, True), repeat=4))


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
        return tuple(sorted({float(edges.values[edges.nearest(one)]) for one in even}))
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
            f"thresholds are 1 to {_MOST_THRESHOLDS:,} finite numbers, not {listed(made)}"
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
    last = np.empty(len(thresholds), dtype=np.intp)
    unsure: dict[int, tuple[NDArray[np.int64], bool]] = {}
    for i, threshold in enumerate(thresholds):
        last[i], within = table.last_below(threshold)
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
            np.array([False, True]),
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
    together; the number moves one way with each of the four, so its ends are among these tables.
    """
    split = Split(table, of, metric)
    rows, is_below = cuts.unsure[i]
    sure = cuts.below[..., [cuts.place[i]]] - (rows[..., np.newaxis] if is_below else 0)
    estimate = metric(*_both(split.sides(sure + is_below * rows[..., np.newaxis], cuts.known)))
    labels = split.positive[:, np.newaxis, np.newaxis]
    worst = np.zeros(len(estimate))
    for a_positive, a_negative, d_positive, d_negative in _CORNERS:
        of_a = sure + rows[..., np.newaxis] * np.where(labels, a_positive, a_negative)[np.newaxis]
        of_d = sure + rows[..., np.newaxis] * np.where(labels, d_positive, d_negative)[np.newaxis]
        a, _ = _both(split.sides(of_a, cuts.known))
        _, d = _both(split.sides(of_d, cuts.known))
        with np.errstate(invalid="ignore"):
            apart = np.abs(metric(a, d) - estimate)
        worst = np.fmax(worst, apart)
    return worst


def _both(sides: Sides) -> tuple[Any, Any]:
    return sides.a, sides.d
