"""Draws: intervals and tests of metrics that do not declare their proportions.

Every cell of a side is drawn from a Gamma distribution whose shape is the cell's rows plus a
fraction of a row: together an unnormalised Dirichlet, the posterior of the table (D. B. Rubin, "The
Bayesian bootstrap", Annals of Statistics 9, 1981). Any metric of the drawn tables is a draw of the
metric, and its quantiles are the interval.

A distance is never below 0, so no draw reaches a true 0, and quantiles of draws always miss it.
Instead, tables are drawn under "no difference", which gives the test and the distance that chance
alone makes; the interval reaches down by that much, or to 0 where the test does not reject.

The draws depend only on the seed and the counts: not on names, nor their order, nor which side is
called a. Swapping the sides swaps the draws; equal sides give every draw both ways round.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import Tally, divide
from biaskit.intervals.distances import LEAST_PART, gamma_tail, normal_quantile, normal_tail
from biaskit.metrics import Metric

__all__ = ["MOST_DRAWN", "Drawn", "draws_for", "exceedance", "interval"]

Array: TypeAlias = NDArray[np.float64]

#: Most numbers that are drawn for one comparison.
MOST_DRAWN = 20_000_000

# Pseudo-rows for each combination of a positive label or not with a positive prediction or not,
# spread evenly over its cells: half a row for and half against each share, as in Jeffreys' prior.
_EACH = 0.25

# Number of draws: an end varies by a hundredth of the width between seeds. Large tables get fewer
# draws, to save time.
_DRAWS, _FEWEST, _NUMBERS = 16_000, 1_000, 4_000_000
_RANK = 10  # the smallest rank of an end of the interval among the draws


def draws_for(confidence: float, cells: int) -> int:
    """Number of draws for an interval of some level; a high level takes more."""
    usual = min(max(_NUMBERS // max(cells, 1), _FEWEST), _DRAWS)
    return 2 * math.ceil(max(usual, 2 * _RANK / (1 - confidence)) / 2)


class Drawn:
    """Draws of the two tallies of one comparison, made once and shared by all metrics.

    Parameters
    ----------
    a, d
        Tallies of the two sides, without leading axes.
    seed
        Seed of the draws.
    confidence
        Level of the intervals, between 0 and 1; a high one takes more draws.
    """

    def __init__(self, a: Tally, d: Tally, seed: int, confidence: float):
        import hashlib  # no metric of biaskit's own is drawn

        self.a, self.d = a, d = _in_order(a, d)
        self.confidence = confidence
        self.times = draws_for(confidence, a.cells.size)
        self._sides = sorted((a, d), key=_content)
        self.swapped = self._sides[0] is not a
        self.equal = _content(a) == _content(d)
        text = b"".join(map(_content, self._sides))
        told = np.frombuffer(hashlib.sha256(text).digest(), dtype=np.uint32)
        self._seeds = np.random.SeedSequence([seed, *told.tolist()]).spawn(3)

    @cached_property
    def draws(self) -> tuple[Tally, Tally]:
        """Draws of both sides, shape ``(draws, label, predicted, group)``."""
        rng = np.random.default_rng(self._seeds[0])
        return self._in_place(*(_drawn(side, self.times, rng) for side in self._sides))

    @cached_property
    def smoothed(self) -> tuple[Tally, Tally]:
        """Tallies including the pseudo-rows: the table that the draws scatter around."""
        made = []
        for side in (self.a, self.d):
            rows, scale = _rows_and_scale(side)
            made.append(replace(side, cells=(rows + _pseudo_rows(side)) * scale))
        return made[0], made[1]

    @cached_property
    def pooled(self) -> tuple[Tally, Tally]:
        """Draws of both sides pooled as one sample, and a side without rows."""
        rng = np.random.default_rng(self._seeds[1])
        squares = None
        if self.a.squares is not None and self.d.squares is not None:
            squares = self.a.squares + self.d.squares
        both = replace(self.a, cells=self.a.cells + self.d.cells, squares=squares)
        drawn = _drawn(both, self.times, rng)
        return drawn, replace(drawn, cells=np.zeros_like(drawn.cells))

    @cached_property
    def apart_from_facet(self) -> tuple[Tally, Tally]:
        """Draws of both sides from one distribution of labels, or of predictions given labels."""
        rng = np.random.default_rng(self._seeds[2])
        worth = [_worth(side) for side in self._sides]
        if self.a.cells.shape[-2] == 1:  # no predictions: all cells are one distribution
            worth = [rows.reshape(1, *rows.shape) for rows in worth]
        made = []
        for side, rows in zip(self._sides, worth, strict=True):
            drawn = [
                rng.multinomial(round(part.sum()), _shares(both), size=self.times)
                for part, both in zip(rows, worth[0] + worth[1], strict=True)
            ]
            cells = np.stack(drawn, axis=1).reshape(self.times, *side.cells.shape)
            made.append(replace(side, cells=cells, squares=None))
        return self._in_place(*made)

    def _in_place(self, first: Tally, second: Tally) -> tuple[Tally, Tally]:
        """Draws of the sides in the order of their content, as those of a and d."""
        if self.equal:  # half of the draws have the sides swapped
            half = self.times // 2
            cells = [first.cells, second.cells]
            one, other = (np.concatenate([cells[i][:half], cells[1 - i][:half]]) for i in (0, 1))
            return replace(first, cells=one), replace(second, cells=other)
        return (second, first) if self.swapped else (first, second)


def interval(metric: Metric, estimate: float, drawn: Drawn) -> tuple[float, float, float]:
    """Low and high end of the interval of a metric, and the p-value of its parity.

    Parameters
    ----------
    metric
        The metric; its kind decides how.
    estimate
        Its value; where it is NaN, so are the interval and the p-value.
    drawn
        Draws of the tallies that it was computed from.
    """
    if math.isnan(estimate):
        return math.nan, math.nan, math.nan
    at = np.array([estimate])
    if metric.kind in ("length", "squared length"):
        low, high, p = _of_distance(metric, at, drawn, squared=metric.kind == "squared length")
    else:
        sides = drawn.pooled if metric.kind == "inequality" else drawn.draws
        low, high, p = _of_draws(metric, metric(*sides)[np.newaxis], drawn.confidence)
        if metric.kind in ("inequality", "rate"):  # no facets are compared, so nothing is tested
            p = np.full_like(p, np.nan)
    return float(low[0]), float(high[0]), float(p[0])


def _of_draws(metric: Metric, draws: Array, confidence: float) -> tuple[Array, Array, Array]:
    """Equal-tailed quantiles of the draws, and twice the share of draws beyond parity.

    So p is below ``1 - confidence`` exactly when the interval leaves parity out. A share too small
    for the draws to show is taken from a normal tail through their median and the interval's end.
    """
    low, high = _quantiles(draws, confidence)
    below = (~(draws > metric.parity)).sum(axis=-1)  # a draw that is NaN may be on either side
    above = (~(draws < metric.parity)).sum(axis=-1)
    p = np.minimum(1, 2 * (1 + np.minimum(below, above)) / (draws.shape[-1] + 1))
    scale: Callable[[Array], Array] = np.log if metric.kind == "ratio" else np.asarray
    with np.errstate(all="ignore"):
        middle, parity = scale(np.median(draws, axis=-1)), scale(np.asarray(metric.parity, float))
        reach = np.where(middle > parity, middle - scale(low), scale(high) - middle)
        z = np.abs(middle - parity) / reach * normal_quantile((1 + confidence) / 2)
        tail = 2 * normal_tail(z)
    return low, high, np.where((p < 0.02) & np.isfinite(tail), np.minimum(tail, p), p)


def _of_distance(
    metric: Metric, estimate: Array, drawn: Drawn, *, squared: bool
) -> tuple[Array, Array, Array]:
    """Interval and test of a distance, from those that chance makes where the truth is 0.

    On the scale on which the metric is a length, the high end is as far above the estimate as the
    draws reach above the table that they scatter around. The low end is below it by the same
    amount, or by the distance that chance alone makes if that is more: by the triangle inequality
    the true distance is hardly less.
    """
    alpha = 1 - drawn.confidence
    null = metric(*drawn.apart_from_facet)[np.newaxis]
    p = exceedance(estimate, null, squared=squared)
    length: Callable[[Array], Array] = np.sqrt if squared else np.asarray
    value: Callable[[Array], Array] = np.square if squared else np.asarray
    centre = length(metric(*drawn.smoothed))
    _, upper = _quantiles(length(metric(*drawn.draws)[np.newaxis]), drawn.confidence)
    reach = upper - centre
    rank = null.shape[-1] - int((null.shape[-1] + 1) * alpha + 1e-9)
    chance = np.partition(np.where(np.isnan(null), np.inf, length(null)), rank, axis=-1)[..., rank]
    finite = np.isfinite(estimate)
    at = np.where(finite, length(np.where(finite, estimate, 0)), centre)
    least = np.maximum(at - np.maximum(reach, chance), at * LEAST_PART)
    high = np.where(finite, value(at + reach), np.inf)
    return np.where(p < alpha, value(least), 0.0), high, p


def exceedance(estimate: Array, null: Array, *, squared: bool) -> Array:
    """Share of the null draws beyond the estimate, ties for a half (H. O. Lancaster, 1961).

    A share too small for the draws to show is taken from the tail of a Gamma distribution with the
    mean and the variance of the squared lengths.
    """
    bar = estimate[..., np.newaxis]
    tolerance = 1e-9 * np.where(np.isfinite(bar), np.abs(bar), 1) + 1e-12
    with np.errstate(invalid="ignore"):
        tie = (np.abs(null - bar) <= tolerance) | ((null == np.inf) & (bar == np.inf))
        beyond = ((null > bar) & ~tie) | np.isnan(null)
    times = null.shape[-1]
    p = (beyond.sum(axis=-1) + tie.sum(axis=-1) / 2 + 0.5) / (times + 1)
    squares, square = (null, estimate) if squared else (np.square(null), np.square(estimate))
    with np.errstate(all="ignore"):
        tail = gamma_tail(square, squares.mean(axis=-1), squares.var(axis=-1))
    p = np.where((p < 0.01) & np.isfinite(tail), np.minimum(tail, 0.01), p)
    return np.where(tie.all(axis=-1), 1.0, p)


def _quantiles(draws: Array, confidence: float) -> tuple[Array, Array]:
    """Order statistics that leave out half of ``1 - confidence`` of the draws at either end.

    A draw of 0/0 may be anything: it counts as the smallest for the low end and as the largest for
    the high end.
    """
    times = draws.shape[-1]
    rank = max(1, int((times + 1) * (1 - confidence) / 2 + 1e-9))
    undefined = np.isnan(draws)
    low = np.partition(np.where(undefined, -np.inf, draws), rank - 1, axis=-1)
    high = np.partition(np.where(undefined, np.inf, draws), times - rank, axis=-1)
    return low[..., rank - 1], high[..., times - rank]


def _in_order(a: Tally, d: Tally) -> tuple[Tally, Tally]:
    """Both tallies with their levels in an order that depends only on their counts."""
    cells = np.stack([a.cells, d.cells]).astype(np.float64)
    orders = []
    for axis, first in ((1, a.positive), (2, a.positive_hat), (3, None)):
        slices = np.moveaxis(cells, axis, 0)
        keys = [
            (bool(first is not None and len(first) > 1 and first[i]), *_told(one))
            for i, one in enumerate(slices)
        ]
        orders.append(sorted(range(len(keys)), key=keys.__getitem__))
    labels, predictions, groups = orders
    where = np.ix_(labels, predictions, groups)
    hat = a.positive_hat
    made = [
        Tally(
            side.cells[where],
            side.positive[labels],
            hat if hat is None or len(hat) != len(predictions) else hat[predictions],
            None if side.squares is None else side.squares[where],
        )
        for side in (a, d)
    ]
    return made[0], made[1]


def _told(counts: Array) -> tuple[float, tuple[float, ...]]:
    """Sort key of some counts that depends neither on which side comes first nor on their order."""
    return float(counts.sum()), tuple(np.sort(counts, axis=None).tolist())


def _content(side: Tally) -> bytes:
    squares = b"" if side.squares is None else side.squares.tobytes()
    return np.asarray(side.cells, dtype=np.float64).tobytes() + squares


def _drawn(side: Tally, times: int, rng: np.random.Generator) -> Tally:
    """Draws of a side's cells; the draws are last in memory, so that sums over cells are fast."""
    rows, scale = _rows_and_scale(side)
    shape = rows + _pseudo_rows(side)
    drawn = rng.standard_gamma(shape[..., np.newaxis], size=(*shape.shape, times))
    drawn *= np.broadcast_to(scale, rows.shape)[..., np.newaxis]
    return replace(side, cells=np.moveaxis(drawn, -1, 0), squares=None)


def _rows_and_scale(side: Tally) -> tuple[Array, Array]:
    """Rows in each cell, and the weight of one row.

    A cell whose weights sum to w, and their squares to v, has mean w and variance v, as that many
    rows (w²/v) of that weight (v/w) have; L. Kish, "Survey Sampling" (1965), calls it the effective
    number of rows. Without weights it is the rows themselves.
    """
    cells = np.asarray(side.cells, dtype=np.float64)
    if side.squares is None:
        return cells, np.ones_like(cells)
    everywhere = np.nan_to_num(divide(side.squares.sum(), cells.sum()), nan=1.0)
    scale = np.where(cells > 0, divide(side.squares, cells), everywhere)
    return np.where(cells > 0, divide(cells, scale), 0.0), scale


def _worth(side: Tally) -> Array:
    """Rows in each cell, or their effective number where they are weighted."""
    cells = np.asarray(side.cells, dtype=np.float64)
    if side.squares is None:
        return cells
    return np.asarray(cells * np.nan_to_num(divide(cells.sum(), side.squares.sum())))


def _shares(cells: Array) -> Array:
    """Shares of some cells in their sum; equal shares where that is 0."""
    flat = cells.ravel()
    return flat / flat.sum() if flat.sum() else np.full(flat.size, 1 / flat.size)


def _pseudo_rows(side: Tally) -> Array:
    """Pseudo-rows of each cell, shape ``(label, predicted, group)``; double without predictions."""
    _, predictions, groups = side.cells.shape[-3:]
    labels = _evenly(side.positive)[:, np.newaxis, np.newaxis]
    hat = np.full(1, 2.0)
    if predictions > 1 and side.positive_hat is not None:
        hat = _evenly(side.positive_hat)
    return np.asarray(_EACH * labels * hat[:, np.newaxis] * np.full(groups, 1 / groups))


def _evenly(positive: NDArray[np.bool_]) -> Array:
    """One, spread evenly over the positive levels, and one over the others."""
    share, rest = 1 / max(positive.sum(), 1), 1 / max((~positive).sum(), 1)
    return np.asarray(np.where(positive, share, rest), dtype=np.float64)
