"""Intervals and tests: from two tallies alone, at a cost that does not grow with the rows.

There are two ways, chosen by the kind of the metric. What they cover is measured, for every metric,
by ``benchmarks/interval_coverage.py``; docs/intervals.md explains them and shows the table.

*Draws* (differences, ratios, inequalities). Every cell of a side is drawn from a Gamma law with the
cell's rows, and a fraction of a row more, as its shape: together an unnormalised Dirichlet, the
posterior of the table (D. B. Rubin, "The Bayesian bootstrap", Annals of Statistics 9, 1981; A.
Agresti and Y. Min, "Frequentist performance of Bayesian confidence intervals for comparing
proportions in 2 x 2 contingency tables", Biometrics 61, 2005). Any metric of the drawn tables is a
draw of the metric, and its quantiles are the interval. The fraction of a row keeps 0/0 away and the
coverage up where rows are few.

*Distances*. A distance is never below 0, so no draw of it ever reaches a true 0, and quantiles of
draws miss it always. Instead, tables are drawn under "no difference", which gives the test and says
how large a distance chance alone makes; the interval reaches down by that much, or to 0 where the
test does not reject.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.metrics import Metric
from biaskit.tables import Tally, divide

__all__ = ["LEAST_P", "MOST_DRAWN", "Resampled", "draws_for", "interval"]

Array: TypeAlias = NDArray[np.float64]

#: More numbers than this are not drawn for one comparison.
MOST_DRAWN = 20_000_000

# Pseudo-rows for each combination of a positive label or not with a positive prediction or not,
# spread evenly over its cells. Chosen by simulation: less leaves recall and precision short of
# coverage on small sides, more does so to DPL where labels are rare.
_EACH = 0.75
# An inequality pools both sides into one sample, so a smaller part is enough.
_EACH_POOLED = 0.5

#: A smaller p-value is given as this one: it would say more than can be known.
LEAST_P = 1e-6

_DRAWS = 1_000
_RANK = 10  # the least rank of an end of the interval among the draws


def draws_for(confidence: float) -> int:
    """Number of draws that an interval of some level is read off; a high level takes more."""
    return max(_DRAWS, math.ceil(2 * _RANK / (1 - confidence)))


class Resampled:
    """Draws of two tallies, made once and shared by all metrics of the same axes.

    Parameters
    ----------
    a, d
        Tallies of the two sides, with one leading axis, the comparisons.
    seed
        What the draws follow from; equal seeds and equal tallies give equal draws, whichever
        metrics ask for them.
    confidence
        Level of the intervals, between 0 and 1; a high one takes more draws.
    """

    def __init__(self, a: Tally, d: Tally, seed: np.random.SeedSequence, confidence: float):
        self.a, self.d = a, d
        self.confidence = confidence
        self.times = draws_for(confidence)
        self._seeds = seed.spawn(4)

    @cached_property
    def draws(self) -> tuple[Tally, Tally]:
        """Draws of both sides, shape ``(comparisons, draws, label, predicted, group)``."""
        rng = np.random.default_rng(self._seeds[0])
        return tuple(_drawn(side, _EACH, self.times, rng) for side in (self.a, self.d))  # type: ignore[return-value]

    @cached_property
    def smoothed(self) -> tuple[Tally, Tally]:
        """Tallies with the pseudo-rows in them: the table that the draws scatter about."""
        made = []
        for side in (self.a, self.d):
            rows, scale = _rows_and_scale(side)
            made.append(replace(side, cells=(rows + _pseudo_rows(side, _EACH)) * scale))
        return made[0], made[1]

    @cached_property
    def pooled(self) -> tuple[Tally, Tally]:
        """Draws of both sides as one sample, and a side without rows."""
        rng = np.random.default_rng(self._seeds[1])
        squares = None
        if self.a.squares is not None and self.d.squares is not None:
            squares = self.a.squares + self.d.squares
        both = replace(self.a, cells=self.a.cells + self.d.cells, squares=squares)
        drawn = _drawn(both, _EACH_POOLED, self.times, rng)
        return drawn, replace(drawn, cells=np.zeros_like(drawn.cells))

    @cached_property
    def labels_apart_from_facet(self) -> tuple[Tally, Tally]:
        """Draws of both sides' labels where labels do not depend on the facet."""
        rng = np.random.default_rng(self._seeds[2])
        sides = [side.by_label for side in (self.a, self.d)]
        pool = sides[0] + sides[1]
        shares = divide(pool, pool.sum(axis=-1, keepdims=True))
        shares = np.where(np.isnan(shares), 1 / pool.shape[-1], shares)
        made = []
        for side in (self.a, self.d):
            n = _effective(side, side.by_label).sum(axis=-1)
            size = (*n.shape, self.times)
            labels = rng.multinomial(
                np.rint(n).astype(np.int64)[..., np.newaxis], shares[..., np.newaxis, :], size=size
            )
            made.append(Tally(labels[..., np.newaxis, np.newaxis], side.positive))
        return made[0], made[1]

    @cached_property
    def predictions_apart_from_facet(self) -> tuple[Tally, Tally]:
        """Draws of both sides' confusions where predictions depend on the label only."""
        rng = np.random.default_rng(self._seeds[3])
        sides = [_confusion(side) for side in (self.a, self.d)]
        pool = sides[0] + sides[1]
        shares = np.nan_to_num(divide(pool[..., 1], pool.sum(axis=-1)))
        two = np.array([False, True])
        made = []
        for side, confusion in zip((self.a, self.d), sides, strict=True):
            n = np.rint(_effective(side, confusion).sum(axis=-1)).astype(np.int64)
            size = (*n.shape[:-1], self.times, 2)
            predicted = rng.binomial(n[..., np.newaxis, :], shares[..., np.newaxis, :], size=size)
            cells = np.stack([n[..., np.newaxis, :] - predicted, predicted], axis=-1)
            made.append(Tally(cells[..., np.newaxis], two, two))
        return made[0], made[1]


def interval(metric: Metric, estimate: Array, resampled: Resampled) -> tuple[Array, Array, Array]:
    """Low and high end of the interval of a metric, and the p-value of its parity.

    Parameters
    ----------
    metric
        The metric; its kind decides how.
    estimate
        Its value for each comparison; where it is NaN, so are the interval and the p-value.
    resampled
        Draws of the tallies that it was computed from.
    """
    kind = metric.kind or ("length" if metric.against_d == "!=" else "difference")
    if kind in ("length", "squared length"):
        low, high, p = _of_distance(metric, estimate, resampled, squared=kind == "squared length")
    else:
        sides = resampled.pooled if kind == "inequality" else resampled.draws
        low, high, p = _of_draws(metric, metric(*sides), resampled.confidence)
        if kind == "inequality":  # it compares no facets, so there is nothing to test
            p = np.full_like(p, np.nan)
    low = np.minimum(np.maximum(low, metric.bounds[0]), estimate)
    high = np.maximum(np.minimum(high, metric.bounds[1]), estimate)
    return low, high, np.where(np.isnan(estimate), np.nan, np.maximum(p, LEAST_P))


def _of_draws(metric: Metric, draws: Array, confidence: float) -> tuple[Array, Array, Array]:
    """Equal-tailed quantiles of the draws, and twice the share of draws beyond parity.

    So p is below ``1 - confidence`` exactly when the interval leaves parity out. A share too small
    for the draws to show is read off a normal tail through their median and the interval's end.
    """
    low, high = _quantiles(draws, confidence)
    below = (~(draws > metric.parity)).sum(axis=-1)  # a draw that is NaN may be on either side
    above = (~(draws < metric.parity)).sum(axis=-1)
    p = np.minimum(1, 2 * (1 + np.minimum(below, above)) / (draws.shape[-1] + 1))
    scale: Callable[[Array], Array] = np.log if metric.kind == "ratio" else np.asarray
    with np.errstate(all="ignore"):
        middle, parity = scale(np.median(draws, axis=-1)), scale(np.asarray(metric.parity, float))
        reach = np.where(middle > parity, middle - scale(low), scale(high) - middle)
        z = np.abs(middle - parity) / reach * NormalDist().inv_cdf((1 + confidence) / 2)
        tail = 2 * _normal_tail(z)
    return low, high, np.where((p < 0.02) & np.isfinite(tail), np.minimum(tail, p), p)


def _of_distance(
    metric: Metric, estimate: Array, resampled: Resampled, *, squared: bool
) -> tuple[Array, Array, Array]:
    """Interval and test of a distance, by what chance alone makes of a distance of 0.

    On the scale on which the metric is a length, the high end is as far above the estimate as the
    draws reach above the table that they scatter about. The low end is below it by as much, or by
    the distance that chance alone makes where that is more: by the triangle inequality the true
    distance is hardly less.
    """
    alpha = 1 - resampled.confidence
    null = metric(
        *(
            resampled.predictions_apart_from_facet
            if "predicted" in metric.needs
            else resampled.labels_apart_from_facet
        )
    )
    p = _exceedance(estimate, null, squared=squared)
    length: Callable[[Array], Array] = np.sqrt if squared else np.asarray
    value: Callable[[Array], Array] = np.square if squared else np.asarray
    centre = length(metric(*resampled.smoothed))
    _, upper = _quantiles(length(metric(*resampled.draws)), resampled.confidence)
    reach = upper - centre
    rank = null.shape[-1] - int((null.shape[-1] + 1) * alpha + 1e-9)
    chance = np.partition(np.where(np.isnan(null), np.inf, length(null)), rank, axis=-1)[..., rank]
    finite = np.isfinite(estimate)
    at = np.where(finite, length(np.where(finite, estimate, 0)), centre)
    low = value(np.maximum(0, at - np.maximum(reach, chance)))
    high = np.where(finite, value(at + reach), np.inf)
    return np.where(p < alpha, low, 0.0), high, p


def _exceedance(estimate: Array, null: Array, *, squared: bool) -> Array:
    """Share of the null draws beyond the estimate, ties for a half (H. O. Lancaster, 1961).

    A share too small for the draws to show is read off the tail of a Gamma law with the mean and
    the variance of the squared lengths.
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
        tail = _gamma_tail(square, squares.mean(axis=-1), squares.var(axis=-1))
    p = np.where((p < 0.01) & np.isfinite(tail), np.minimum(tail, 0.01), p)
    return np.where(tie.all(axis=-1), 1.0, p)


def _quantiles(draws: Array, confidence: float) -> tuple[Array, Array]:
    """Order statistics that leave out half of ``1 - confidence`` of the draws at either end.

    A draw that is 0/0 may be anything: it counts as the least for the low end and as the greatest
    for the high one.
    """
    times = draws.shape[-1]
    rank = max(1, int((times + 1) * (1 - confidence) / 2 + 1e-9))
    undefined = np.isnan(draws)
    low = np.partition(np.where(undefined, -np.inf, draws), rank - 1, axis=-1)
    high = np.partition(np.where(undefined, np.inf, draws), times - rank, axis=-1)
    return low[..., rank - 1], high[..., times - rank]


def _drawn(side: Tally, each: float, times: int, rng: np.random.Generator) -> Tally:
    """Draws of a side's cells; they come last in memory, so that cells are summed in long rows."""
    rows, scale = _rows_and_scale(side)
    shape = np.moveaxis(rows + _pseudo_rows(side, each), (-3, -2, -1), (0, 1, 2))[..., np.newaxis]
    drawn = rng.standard_gamma(shape, size=(*shape.shape[:-1], times))
    drawn *= np.moveaxis(np.broadcast_to(scale, rows.shape), (-3, -2, -1), (0, 1, 2))[
        ..., np.newaxis
    ]
    return replace(side, cells=np.moveaxis(drawn, (0, 1, 2), (-3, -2, -1)), squares=None)


def _rows_and_scale(side: Tally) -> tuple[Array, Array]:
    """Rows in each cell, and what one of them weighs.

    A cell whose weights sum to w, and their squares to v, has mean w and variance v, as that many
    rows (w²/v) of that weight (v/w) have; L. Kish, "Survey Sampling" (1965), calls it the effective
    number of rows. Without weights it is the rows themselves.
    """
    cells = np.asarray(side.cells, dtype=np.float64)
    if side.squares is None:
        return cells, np.ones_like(cells)
    everywhere = divide(
        side.squares.sum(axis=(-3, -2, -1), keepdims=True),
        cells.sum(axis=(-3, -2, -1), keepdims=True),
    )
    scale = np.where(cells > 0, divide(side.squares, cells), np.nan_to_num(everywhere, nan=1.0))
    return np.where(cells > 0, divide(cells, scale), 0.0), scale


def _effective(side: Tally, rows: NDArray[np.float64]) -> Array:
    """Rows, or the numbers of rows that weighted ones are worth."""
    if side.squares is None:
        return np.asarray(rows, dtype=np.float64)
    total, squares = side.n, side.squares.sum(axis=(-3, -2, -1))
    worth = np.nan_to_num(divide(total, squares))
    return rows * worth.reshape(worth.shape + (1,) * (rows.ndim - worth.ndim))


def _pseudo_rows(side: Tally, each: float) -> Array:
    """Pseudo-rows of each cell, shape ``(label, predicted, group)``; double without predictions."""
    _, predictions, groups = side.cells.shape[-3:]
    labels = _evenly(side.positive)[:, np.newaxis, np.newaxis]
    hat = np.full(1, 2.0)
    if predictions > 1 and side.positive_hat is not None:
        hat = _evenly(side.positive_hat)
    return np.asarray(each * labels * hat[:, np.newaxis] * np.full(groups, 1 / groups))


def _evenly(positive: NDArray[np.bool_]) -> Array:
    """One, spread evenly over the positive levels, and one over the others."""
    share, rest = 1 / max(positive.sum(), 1), 1 / max((~positive).sum(), 1)
    return np.asarray(np.where(positive, share, rest), dtype=np.float64)


def _confusion(side: Tally) -> Array:
    """Confusion of a side, shape ``(..., label, predicted)``, the positive last on both."""
    cells = np.stack(
        [np.stack([side.tn, side.fp], axis=-1), np.stack([side.fn, side.tp], axis=-1)], -2
    )
    return np.asarray(cells, dtype=np.float64)


def _normal_tail(z: Array) -> Array:
    """Chance that a standard normal variable exceeds z."""
    flat = [
        math.erfc(one / math.sqrt(2)) / 2 if one == one else math.nan
        for one in np.ravel(z).tolist()
    ]
    return np.array(flat).reshape(np.shape(z))


def _gamma_tail(x: Array, mean: Array, variance: Array) -> Array:
    """Chance that a Gamma variable exceeds x; its cube root is nearly normal (Wilson, Hilferty)."""
    spread = variance / (9 * mean**2)
    return _normal_tail((np.cbrt(x / mean) - (1 - spread)) / np.sqrt(spread))
