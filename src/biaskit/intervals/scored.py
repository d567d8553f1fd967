"""Evidence on scores: gaps between their means and quantiles, and between calibration errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import divide
from biaskit.intervals import means
from biaskit.intervals.ends import OfEnds, quantiles_of
from biaskit.intervals.moments import Moments, joined
from biaskit.intervals.proportions import Array, Sought, both_reaches
from biaskit.metrics import forms

__all__ = ["OfMeans", "OfMiscalibration", "OfMoving", "OfQuantiles"]

# Values are taken as two where no other differs from both by more than rounding.
_ALIKE = 1e-9
# With fewer rows than this, a proportion or a mean is one of few.
_FEW = 10
# Rows that a mean of few borrows, and those that one of skewed values does (see `means`).
_HALF_A_ROW, _BORROWED = 0.5, 1 / 4
# Relative part by which an end that moves in steps is taken to reach further than it does, so that
# the search for its level does not end in the middle of a step.
_STEP = 1e-5


class OfMeans(OfEnds):
    """Difference of two means, whose limits reach further where values are skewed.

    Where there are but two values, the means are proportions. Where means move with a proportion of
    few rows, the limits reach at least as far as those of the proportion: the rare rows that would
    move the mean may be absent.
    """

    def __init__(self, form: forms.Means, estimate: Array):
        super().__init__(estimate)
        both = form.plus, form.minus
        with np.errstate(all="ignore"):
            self.sides = [_moments(side) for side in both]
            self._find_two_values(both)
        self.shares = None
        if form.shares is not None:
            counts, rows = (
                np.array([one[i] for one in form.shares], dtype=np.float64) for i in (0, 1)
            )
            self.shares = counts, rows
            self.is_rare = (np.minimum(counts, rows - counts) < _FEW).any(axis=0)

    def _find_two_values(self, sides: Sequence[forms.Values]) -> None:
        used = [np.asarray(side.rows) > 0 for side in sides]
        both = [*zip(sides, used, strict=True)]
        least = np.min([np.where(is_in, v.mean, np.inf).min(-1) for v, is_in in both], axis=0)
        most = np.max([np.where(is_in, v.mean, -np.inf).max(-1) for v, is_in in both], axis=0)
        self.span = span = most - least
        near = _ALIKE * span[:, np.newaxis]
        self.is_two = span > 0
        self.counts = []
        for side, is_in in both:
            is_most = np.abs(side.mean - most[:, np.newaxis]) <= near
            is_least = np.abs(side.mean - least[:, np.newaxis]) <= near
            apart = np.where(is_in, side.within, 0.0).sum(axis=-1)
            self.is_two &= (is_most | is_least | ~is_in).all(axis=-1)
            self.is_two &= apart <= _ALIKE**2 * span**2 * np.maximum(side.rows.sum(axis=-1), 1)
            self.counts.append((side.rows * is_most).sum(axis=-1))

    def _at(self, tail: Array) -> tuple[Array, Array]:
        plus, minus = self.sides
        found = means.of_any_values(plus, minus, 1 - 2 * tail, borrowed=_BORROWED)
        gap = plus.mean - minus.mean
        down, up = gap - found.low, found.high - gap
        if (np.minimum(plus.n, minus.n) < _FEW).any():
            of_few = _of_few(plus, minus, tail)
            down, up = np.fmax(down, of_few), np.fmax(up, of_few)
        if (two := self.is_two).any():
            (x, y), n, m, span = self.counts, plus.n, minus.n, self.span[two]
            x_down, x_up = both_reaches(x[two], n[two], tail[two])
            y_down, y_up = both_reaches(y[two], m[two], tail[two])
            down[two], up[two] = span * np.hypot(x_down, y_up), span * np.hypot(x_up, y_down)
        if self.shares is not None and (rare := self.is_rare).any():
            counts, rows = (one[:, rare] for one in self.shares)
            least, most = both_reaches(counts, rows, tail[rare])
            down[rare] = np.fmax(down[rare], np.hypot(least[0], most[1]))
            up[rare] = np.fmax(up[rare], np.hypot(most[0], least[1]))
        return self.estimate - down, self.estimate + up


def _of_few(plus: Moments, minus: Moments, tail: Array) -> Array:
    """Reach of a mean of few rows, else NaN: that of Welch, with half a row of both sides more.

    Two or three values may be much alike by chance.
    """
    from scipy.special import stdtrit

    few = np.minimum(plus.n, minus.n)
    both = divide(plus.second + minus.second, plus.n + minus.n - 2)
    freedom = [one.n - 1 + _HALF_A_ROW for one in (plus, minus)]
    errors = [
        divide(one.second + _HALF_A_ROW * both, one.n * free)
        for one, free in zip((plus, minus), freedom, strict=True)
    ]
    parts = sum(error**2 / free for error, free in zip(errors, freedom, strict=True))
    reach = stdtrit(divide(sum(errors) ** 2, parts), 1 - tail) * np.sqrt(sum(errors))
    return np.where((few >= 2) & (few < _FEW), reach, np.nan)


def _moments(side: forms.Values) -> Moments:
    """Moments of all values of a side; what is skewed within a bin is left out."""
    rows, mean, within = (np.asarray(one) for one in side)
    nothing = np.zeros(mean.shape)
    mean = np.where(rows > 0, mean, 0.0)
    return joined(Moments(rows, mean, within, nothing, mean, mean, nothing, nothing))


class OfMoving(OfEnds):
    """Difference of two means of values that depend on the number itself.

    A limit between 0 and the estimate is as far away as it would be if it were the number, and one
    beyond 0 as if there were no difference.
    """

    def __init__(self, form: forms.Moving, estimate: Array):
        super().__init__(estimate)
        self.form = form
        self.means = OfMeans(form.means(estimate), estimate)

    def _at(self, tail: Array) -> tuple[Array, Array]:
        ends = self.means._at(tail)
        least, most = np.minimum(self.estimate, 0), np.maximum(self.estimate, 0)
        made = []
        for i, end in enumerate(ends):
            assumed = np.clip(end, least, most)
            of_it = OfMeans(self.form.means(assumed), self.estimate)
            made.append(of_it._at(tail)[i])
        return made[0], made[1]


class OfQuantiles(OfEnds):
    """Difference of two quantiles, each between two of the values in their order.

    How many rows are below the true quantile has a binomial distribution (W. R. Thompson, "On
    confidence ranges for the median and other expectation distributions", Annals of Mathematical
    Statistics 7, 1936); the reaches of both sides are combined as those of proportions are.
    """

    def __init__(self, form: forms.Quantiles, estimate: Array):
        super().__init__(estimate)
        self.share = form.share
        self.up_to = [np.cumsum(side.rows, axis=-1) for side in form[:2]]
        edges = np.asarray(form.edges)
        self.least, self.most, self.middle = [], [], []
        for side, rows in zip(form[:2], self.up_to, strict=True):
            some = np.asarray(side.rows) > 0
            alike = (side.rows + 4) * np.finfo(np.float64).eps * side.rows * side.mean**2
            # Where a bin has several values, the quantile may be any of those.
            several = some & (side.within > alike)
            self.least.append(np.where(several, edges[:-1], side.mean))
            self.most.append(np.where(several, edges[1:], side.mean))
            needed = np.maximum(np.ceil(form.share * rows[..., -1] * (1 - 1e-12)), 1)
            self.middle.append(_of_rank(np.asarray(side.mean), rows, needed))
        # Without a limit, a value may be any in the range, or any at all where some are beyond it.
        self.beyond = [
            (
                np.where(rows[..., 0] > 0, -np.inf, edges[1]),
                np.where(rows[..., -1] > rows[..., -2], np.inf, edges[-2]),
            )
            for rows in self.up_to
        ]

    def _at(self, tail: Array) -> tuple[Array, Array]:
        (low, high), (other_low, other_high) = (self._limits(i, tail) for i in range(2))
        middle, other = self.middle
        down, up = middle - low, high - middle
        other_down, other_up = other - other_low, other_high - other
        return self.estimate - np.hypot(down, other_up), self.estimate + np.hypot(up, other_down)

    def _sought(self, value: Array) -> Sought:
        # Ends move in steps: an end that meets the value does so up to the next step.
        asked = super()._sought(value)
        return asked._replace(reached=lambda *given: asked.reached(*given) * (1 + _STEP))

    def _limits(self, i: int, tail: Array) -> tuple[Array, Array]:
        up_to, (least, most) = self.up_to[i], self.beyond[i]
        rows = up_to[..., -1]
        from_below, from_above = _rank(tail, rows, self.share), _rank(tail, rows, 1 - self.share)
        lower = _of_rank(self.least[i], up_to, np.maximum(from_below, 1))
        upper = _of_rank(self.most[i], up_to, rows - np.maximum(from_above, 1) + 1)
        return np.where(from_below > 0, lower, least), np.where(from_above > 0, upper, most)


def _of_rank(at: Array, up_to: NDArray[Any], rank: Array) -> Array:
    """Value of a rank, from 1, where bins have values and the rows up to them."""
    place = np.argmax(up_to >= rank[..., np.newaxis], axis=-1)
    return np.take_along_axis(at, place[..., np.newaxis], axis=-1)[..., 0]


def _rank(tail: Array, rows: NDArray[Any], share: float) -> Array:
    """Largest rank whose value exceeds a quantile with no more than some chance; 0 for none."""
    from scipy.special import bdtrik

    n = np.maximum(rows, 1).astype(np.float64)
    none = n * np.log1p(-share) > np.log(tail)
    found = np.floor(bdtrik(np.where(none, 0.5, tail), n, share)) + 1
    return np.where(none | ~np.isfinite(found), 0.0, np.minimum(found, n))


class OfMiscalibration(OfEnds):
    """Difference of two calibration errors.

    The variance of an error grows with it: each limit is where the error has the variance that puts
    it as far from the estimate.
    """

    def __init__(self, form: forms.Miscalibration, estimate: Array):
        super().__init__(estimate)
        with np.errstate(all="ignore"):
            self.sides = [_error(side) for side in form]

    def _at(self, tail: Array) -> tuple[Array, Array]:
        square = quantiles_of(tail) ** 2
        reaches = []
        for error, least, slope in self.sides:
            shift = 2 * slope * square
            size = shift * shift + 2 * shift * np.maximum(error, 0) + square * least
            reaches.append((np.sqrt(size) - shift, np.sqrt(size) + shift))
        (down, up), (other_down, other_up) = reaches
        return self.estimate - np.hypot(down, other_up), self.estimate + np.hypot(up, other_down)


def _error(parts: forms.Parts) -> tuple[Array, Array, Array]:
    """Error, its variance where there is none, and a quarter of what an error adds to it."""
    rows, gap, variance, expected = parts
    n = rows.sum(axis=-1)
    share = divide(rows, n[..., np.newaxis])
    noise, without = (divide(one, n[..., np.newaxis]) for one in (variance, expected))
    square = share * gap * gap
    whole = square.sum(axis=-1)
    error = whole - (noise * (rows > 0)).sum(axis=-1)
    # What a part of few rows takes off for chance varies as well, and so does its share of them.
    least = 2 * (without * without * divide(rows, np.maximum(rows - 1, 1))).sum(axis=-1)
    of_shares = divide(np.maximum((square * gap * gap).sum(axis=-1) - whole**2, 0.0), n)
    slope = np.fmax(divide((square * noise).sum(axis=-1), whole), (share * noise).sum(axis=-1))
    return error, least + of_shares, slope
