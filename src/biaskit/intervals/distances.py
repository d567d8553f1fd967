"""Evidence for distances between distributions of labels."""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import divide
from biaskit.intervals.evidence import ACROSS, ALONG, Evidence, OfDifference
from biaskit.intervals.proportions import Array, Reaches, both_reaches, reach
from biaskit.metrics import forms
from biaskit.metrics.forms import Share

__all__ = ["LEAST_PART", "Null", "OfDistance", "gamma_tail", "normal_tail"]

#: A distance whose test rejects parity is at least this part of what was found.
LEAST_PART = 1e-3


class OfDistance(Evidence):
    """A distance between distributions of labels: of two labels, or of more."""

    def __init__(self, form: forms.Apart, estimate: Array):
        super().__init__(estimate)
        self.a, self.d = (np.asarray(side, dtype=np.float64) for side in (form.a, form.d))
        few = np.count_nonzero(self.a + self.d, axis=-1) <= 2
        self.parts: list[tuple[NDArray[np.bool_], Evidence]] = [
            (these, kind(form._replace(a=self.a[these], d=self.d[these]), estimate[these]))
            for these, kind in ((few, _OfTwoLabels), (~few, _OfManyLabels))
            if these.any()
        ]

    def _ends(self, tail: Array) -> tuple[Array, Array]:
        low, high = np.empty_like(self.estimate), np.empty_like(self.estimate)
        for these, part in self.parts:
            low[these], high[these] = part._ends(tail[these])
        return low, high

    def _p_value(self, parity: Array) -> Array:
        made = np.empty_like(self.estimate)
        for these, part in self.parts:
            made[these] = part._p_value(parity[these])
        return made


class _OfTwoLabels(Evidence):
    """A distance is a function of the two shares of one label; its test is that of their gap."""

    def __init__(self, form: forms.Apart, estimate: Array):
        super().__init__(estimate)
        label = np.argmax(form.a + form.d, axis=-1)[:, np.newaxis]
        x, y = (np.take_along_axis(side, label, axis=-1)[:, 0] for side in (form.a, form.d))
        self.value = form.value
        self.gap = _gap_of(np.stack([x, form.a.sum(axis=-1), y, form.d.sum(axis=-1)]).tobytes())

    def _ends(self, tail: Array) -> tuple[Array, Array]:
        gap, ((a_down, a_up), (d_down, d_up)) = self.gap.size, self.gap.reaches(tail)
        lower, higher = self._around(-a_down, d_up), self._around(a_up, -d_down)
        above = gap > 0
        near = np.where(above, lower.min(axis=0), higher.min(axis=0))
        far = np.where(above, higher.max(axis=0), lower.max(axis=0))
        across = np.where(above, lower.max(axis=0), higher.max(axis=0))
        square = np.where(above, a_down * a_down + d_up * d_up, a_up * a_up + d_down * d_down)
        holds_0 = gap * gap <= square
        return np.where(holds_0, 0.0, near), np.where(holds_0, np.maximum(far, across), far)

    def _p_value(self, parity: Array) -> Array:
        return self.gap.p_value

    def _around(self, a: Array, d: Array) -> Array:
        """Distances on the quarter of the ellipse that these reaches span."""
        size = np.sqrt(a * a + d * d)
        # Among the directions is the one in which the gap changes most.
        wide = (len(ALONG), len(a))
        along = np.vstack([np.broadcast_to(ALONG, wide), _part(np.abs(a), size)])
        across = np.vstack([np.broadcast_to(ACROSS, wide), _part(np.abs(d), size)])
        p, q = (
            np.clip(share + one * part, 0, 1)
            for share, one, part in zip(self.gap.shares, (a, d), (along, across), strict=True)
        )
        return self.value(np.stack([p, 1 - p], axis=-1), np.stack([q, 1 - q], axis=-1))


class _Gap:
    """Gap between the shares of a label on the two sides, which all distances have in common."""

    def __init__(self, x: Array, n: Array, y: Array, m: Array):
        self.shares = divide(x, n), divide(y, m)
        self.size = self.shares[0] - self.shares[1]
        self.difference = OfDifference(forms.Difference(Share(x, n), Share(y, m)), self.size)
        self._reach = Reaches(np.array([[x, n - x], [y, m - y]]), np.array([[n, n], [m, m]]))
        self._last: tuple[bytes, Array] = b"", self.size

    def reaches(self, tail: Array) -> Array:
        """Reaches of both shares down and up, shape ``(2, 2, comparisons)``."""
        if self._last[0] != tail.tobytes():
            self._last = tail.tobytes(), self._reach(tail)
        return self._last[1]

    @cached_property
    def p_value(self) -> Array:
        """Level at which an end of the gap's interval meets 0."""
        return np.asarray(self.difference.p_value(0.0))


@lru_cache(maxsize=2)
def _gap_of(counts: bytes) -> _Gap:
    """Gap of counts and rows, found once for the distances that are reported one after another."""
    return _Gap(*np.frombuffer(counts).reshape(4, -1))


def _part(one: Array, size: Array) -> Array:
    return np.where(size > 0, divide(one, size), 0.0)


class Null(NamedTuple):
    """What a distance is made of where labels do not depend on the facet."""

    #: Shares of the labels on both sides together, shape ``(comparisons, labels)``.
    shares: Array
    #: Variance of a difference of means, in units of that of a row.
    scale: Array
    #: Quantile of Pearson's statistic.
    pearson: Array
    #: Standard normal quantile of the level.
    z: Array


class _OfManyLabels(Evidence):
    """One test for all distances, and reaches along the gradient of each.

    The test is Pearson's, with the mean and the variance that his statistic has over all tables of
    the same margins (J. B. S. Haldane, "The mean and variance of chi-squared, when used as a test
    of homogeneity, when expectations are small", Biometrika 31, 1940) and a Gamma law. The low end
    is 0 where it does not reject; else at least as far below the distance as chance alone makes
    distances, since by the triangle inequality the truth is hardly less.
    """

    def __init__(self, form: forms.Apart, estimate: Array):
        super().__init__(estimate)
        self.form = form
        self.rows = form.a.sum(axis=-1, keepdims=True), form.d.sum(axis=-1, keepdims=True)
        self.shares = divide(form.a, self.rows[0]), divide(form.d, self.rows[1])

    def _p_value(self, parity: Array) -> Array:
        statistic, mean, variance = self._pearson
        return np.where(statistic > 0, gamma_tail(statistic, mean, variance), 1.0)

    def _ends(self, tail: Array) -> tuple[Array, Array]:
        null, rejects = self._null(tail)
        match self.form.shape:
            case "split":
                down, up, chance = self._of_a_split(tail, null)
            case "largest":
                down, up, chance = self._of_the_largest(tail, null)
            case _:
                down, up, chance = self._along_the_slopes(tail, null)
        length = np.sqrt(self.estimate) if self.form.squared else self.estimate
        endless = np.isinf(length)
        at = np.where(endless, self._smoothed_length, length)
        least = np.maximum(at - np.maximum(down, chance), at * LEAST_PART)
        low = np.where(rejects, least, 0.0)
        high = np.where(endless, np.inf, np.maximum(at + up, down - at))
        return (low * low, high * high) if self.form.squared else (low, high)

    @cached_property
    def _pearson(self) -> tuple[Array, Array, Array]:
        """Pearson's statistic, and its mean and variance over the tables of the same margins."""
        a, d, (n_a, n_d) = self.form.a, self.form.d, (one[:, 0] for one in self.rows)
        pool, n = a + d, n_a + n_d
        there = pool > 0
        labels = np.count_nonzero(there, axis=-1)
        # So written, the sides swapped give the same number, to the bit.
        off = a * n_d[:, np.newaxis] - d * n_a[:, np.newaxis]
        statistic = np.where(there, off * off / pool, 0.0).sum(axis=-1) / (n_a * n_d)
        inverse = np.where(there, 1 / pool, 0.0).sum(axis=-1)
        n = np.maximum(n, 4.0)
        mean = n * (labels - 1) / (n - 1)
        of_sides = (n - 2) / (n - 1), (n / n_a + n / n_d - 4) / (n - 2)
        of_labels = (labels - 1) * (n - labels) / (n - 1), (n * inverse - labels**2) / (n - 2)
        variance = 2 * n / (n - 3) * (of_sides[0] - of_sides[1]) * (of_labels[0] - of_labels[1])
        variance += n * n / (n - 1) * of_sides[1] * of_labels[1]
        return statistic, mean, variance

    def _null(self, tail: Array) -> tuple[Null, NDArray[np.bool_]]:
        """What chance alone makes at a level, and where Pearson's statistic is beyond it."""
        n_a, n_d = self.rows
        level = np.clip(2 * tail, 1e-300, 1 - 1e-12)
        z = np.array([NormalDist().inv_cdf(1 - one) if one > 1e-16 else 38.0 for one in level])
        statistic, mean, variance = self._pearson
        pearson = _gamma_quantile(z, mean, variance)
        pool = divide(self.form.a + self.form.d, n_a + n_d)
        return Null(pool, (1 / n_a + 1 / n_d)[:, 0], pearson, z), statistic > pearson

    def _of_a_split(self, tail: Array, null: Null) -> tuple[Array, Array, Array]:
        """Half the sum of the gaps is the gap of the labels that side a has more of.

        Labels that both sides have as much of may be among them or not: the farther reaches hold.
        Where gaps are small, it may be other labels that side a truly has more of. The gap of any
        label alone is no larger than this distance, so that it reaches at least as far as those.
        """
        n, m = (one[:, 0] for one in self.rows)
        reaches = []
        for more in (self.shares[0] > self.shares[1], self.shares[0] >= self.shares[1]):
            x, y = ((side * more).sum(axis=-1) for side in (self.form.a, self.form.d))
            found = reach(np.stack([x, m - y, n - x, y]), np.stack([n, m, n, m]), tail)
            reaches.append([np.sqrt(one[0] ** 2 + one[1] ** 2) for one in (found[:2], found[2:])])
        down, up = (np.maximum(*pair) for pair in zip(*reaches, strict=True))
        gap, _, _, farthest = self._of_each_label(tail)
        up = np.maximum(up, farthest - np.abs(gap).sum(axis=-1) / 2)
        # Mean and variance of half the sum of the sizes of normal gaps, which are correlated.
        p = null.shares
        size = np.sqrt(p * (1 - p))
        r = -p[:, :, np.newaxis] * p[:, np.newaxis] / (size[:, :, np.newaxis] * size[:, np.newaxis])
        r = np.clip(np.nan_to_num(r), -1, 1)
        r[:, np.arange(p.shape[1]), np.arange(p.shape[1])] = 1.0
        both = size[:, :, np.newaxis] * size[:, np.newaxis]
        varied = both * (np.sqrt(1 - r * r) + r * np.arcsin(r) - 1) * (2 / math.pi)
        mean = size.sum(axis=-1) / math.sqrt(2 * math.pi)
        chance = mean + null.z * np.sqrt(np.maximum(varied.sum(axis=(1, 2)), 0)) / 2
        factor = self.form.factor
        return factor * down, factor * up, factor * chance * np.sqrt(null.scale)

    def _of_the_largest(self, tail: Array, null: Null) -> tuple[Array, Array, Array]:
        """Each label has a gap with an interval; the largest gap reaches as far as any of them."""
        gap, down, up, farthest = self._of_each_label(tail)
        size = np.abs(gap)
        largest = size >= size.max(axis=-1, keepdims=True) * (1 - 1e-12)
        back = np.where(largest, np.where(gap > 0, down, up), 0.0).max(axis=-1)
        labels = np.count_nonzero(null.shares, axis=-1)
        level = np.clip(tail / labels, 1e-300, 0.5)
        z = np.array([-NormalDist().inv_cdf(one) for one in level])
        chance = z * np.sqrt((null.shares * (1 - null.shares)).max(axis=-1) * null.scale)
        return back, farthest - np.abs(gap).max(axis=-1), chance

    def _of_each_label(self, tail: Array) -> tuple[Array, Array, Array, Array]:
        """Gap of each label and how far it reaches down and up, and how far from 0 any of them."""
        n, m = self.rows
        x, y = self.form.a, self.form.d
        found = reach(np.stack([x, m - y, n - x, y]), np.stack([n, m, n, m]), tail[:, np.newaxis])
        down, up = (np.sqrt(one[0] ** 2 + one[1] ** 2) for one in (found[:2], found[2:]))
        gap = self.shares[0] - self.shares[1]
        return gap, down, up, np.maximum(np.abs(gap - down), np.abs(gap + up)).max(axis=-1)

    def _along_the_slopes(self, tail: Array, null: Null) -> tuple[Array, Array, Array]:
        """The distance is nearly a mean of the labels' slopes, so a proportion of their range."""
        assert self.form.slopes is not None
        assert self.form.chance is not None
        chance = self.form.chance(null)
        slopes = self.form.slopes(*self._smoothed)
        made = []
        for slope, share, rows in zip(slopes, self._smoothed, self.rows, strict=True):
            least = slope.min(axis=-1, keepdims=True)
            span = slope.max(axis=-1) - least[:, 0]
            place = divide(slope - least, span[:, np.newaxis])
            p = (place * share).sum(axis=-1)
            variance = (np.square(place - p[:, np.newaxis]) * share).sum(axis=-1)
            n = rows[:, 0] * divide(p * (1 - p), variance)
            made.append([np.abs(span) * one for one in both_reaches(p * n, n, tail)])
        (a_down, a_up), (d_down, d_up) = made
        down, up = np.sqrt(a_down**2 + d_down**2), np.sqrt(a_up**2 + d_up**2)
        # Equal distributions have no slope; chance alone says how far they may be apart.
        return np.where(np.isnan(down), chance, down), np.where(np.isnan(up), chance, up), chance

    @cached_property
    def _smoothed(self) -> tuple[Array, Array]:
        """Shares with one row more, spread evenly over the labels, so that none is 0."""
        a, d = self.form.a, self.form.d
        each = 1 / a.shape[-1]
        return divide(a + each, self.rows[0] + 1), divide(d + each, self.rows[1] + 1)

    @cached_property
    def _smoothed_length(self) -> Array:
        value = self.form.value(*self._smoothed)
        return np.sqrt(value) if self.form.squared else value


def gamma_tail(x: Array, mean: Array, variance: Array) -> Array:
    """Chance that a Gamma variable exceeds x; its cube root is nearly normal.

    E. B. Wilson and M. M. Hilferty, "The distribution of chi-square", PNAS 17, 1931.
    """
    spread = variance / (9 * mean * mean)
    z = (np.cbrt(x / mean) - (1 - spread)) / np.sqrt(spread)
    return normal_tail(z)


def normal_tail(z: Array) -> Array:
    """Chance that a standard normal variable exceeds z."""
    flat = [math.erfc(one / math.sqrt(2)) / 2 for one in np.ravel(z).tolist()]
    return np.array(flat).reshape(np.shape(z))


def _gamma_quantile(z: Array, mean: Array, variance: Array) -> Array:
    """Number that a Gamma variable exceeds as often as a standard normal one does z."""
    spread = variance / (9 * mean * mean)
    return np.asarray(mean * np.maximum(1 - spread + z * np.sqrt(spread), 0) ** 3)
