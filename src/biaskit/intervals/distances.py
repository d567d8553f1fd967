"""Evidence for distances between distributions of labels."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import divide
from biaskit.intervals.evidence import ACROSS, ALONG, Evidence, OfDifference
from biaskit.intervals.proportions import Array, Sought
from biaskit.metrics import forms
from biaskit.metrics.forms import Share

__all__ = [
    "LEAST_PART",
    "Null",
    "gamma_quantile",
    "gamma_tail",
    "normal_quantile",
    "normal_tail",
    "of_distance",
]

#: Where its test rejects parity, a distance is at least this fraction of the estimate.
LEAST_PART = 1e-3


def of_distance(form: forms.Apart, estimate: Array) -> Evidence:
    """Evidence for a distance between distributions of labels: of two labels, or of more."""
    a, d = (np.asarray(side, dtype=np.float64) for side in (form.a, form.d))
    form = form._replace(a=a, d=d)
    few = np.count_nonzero(a + d, axis=-1) <= 2
    if few.all():
        return _OfTwoLabels(form, estimate)
    if not few.any():
        return _BY_SHAPE[form.shape](form, estimate)
    return _OfEither(form, estimate, few)


class _OfEither(Evidence):
    """Distances over two labels in some comparisons, and over more in others."""

    def __init__(self, form: forms.Apart, estimate: Array, few: NDArray[np.bool_]):
        super().__init__(estimate)
        self.parts: list[tuple[NDArray[np.bool_], Evidence]] = [
            (these, kind(form._replace(a=form.a[these], d=form.d[these]), estimate[these]))
            for these, kind in ((few, _OfTwoLabels), (~few, _BY_SHAPE[form.shape]))
        ]
        self.number_of_tests = sum(part.number_of_tests for _, part in self.parts)
        self.first = len(self.parts[0][1].x)
        self._asks(
            np.concatenate([part.x for _, part in self.parts]),
            np.concatenate([part.n for _, part in self.parts]),
            np.concatenate([np.flatnonzero(these)[part.of] for these, part in self.parts]),
        )

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        low, high = np.empty_like(self.estimate), np.empty_like(self.estimate)
        for (these, part), of_it in zip(self.parts, np.split(reaches, [self.first]), strict=True):
            low[these], high[these] = part._ends(of_it, tail[these])
        return low, high

    def tests(self, parity: Any) -> list[Sought]:
        return [test for _, part in self.parts for test in part.tests(parity)]

    def _p_of(self, tails: Sequence[Array]) -> Array:
        made, left = np.empty_like(self.estimate), list(tails)
        for these, part in self.parts:
            made[these] = part.p_of(left[: part.number_of_tests])
            left = left[part.number_of_tests :]
        return made


class _OfTwoLabels(Evidence):
    """A distance is a function of the two shares of one label; its test is that of their gap."""

    def __init__(self, form: forms.Apart, estimate: Array):
        super().__init__(estimate)
        label = np.argmax(form.a + form.d, axis=-1)[:, np.newaxis]
        x, y = (np.take_along_axis(side, label, axis=-1)[:, 0] for side in (form.a, form.d))
        self.value = form.value
        self.gap = _gap_of(np.stack([x, form.a.sum(axis=-1), y, form.d.sum(axis=-1)]).tobytes())
        self.shape, self.x, self.n, self.of = (
            getattr(self.gap.difference, name) for name in ("shape", "x", "n", "of")
        )

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        gap, (a_down, d_up, a_up, d_down) = self.gap.size, reaches.reshape(self.shape)
        lower, higher = self._around(-a_down, d_up), self._around(a_up, -d_down)
        above = gap > 0
        near = np.where(above, lower.min(axis=0), higher.min(axis=0))
        far = np.where(above, higher.max(axis=0), lower.max(axis=0))
        across = np.where(above, lower.max(axis=0), higher.max(axis=0))
        square = np.where(above, a_down * a_down + d_up * d_up, a_up * a_up + d_down * d_down)
        holds_0 = gap * gap <= square
        return np.where(holds_0, 0.0, near), np.where(holds_0, np.maximum(far, across), far)

    def tests(self, parity: Any) -> list[Sought]:
        return self.gap.tests

    def _around(self, a: Array, d: Array) -> Array:
        """Distances on the quarter ellipse that these reaches span."""
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
        self.tests = self.difference.tests(0.0)


@lru_cache(maxsize=2)
def _gap_of(counts: bytes) -> _Gap:
    """Gap from counts and rows, computed once for the distances that share it."""
    return _Gap(*np.frombuffer(counts).reshape(4, -1))


def _part(one: Array, size: Array) -> Array:
    return np.where(size > 0, divide(one, size), 0.0)


class Null(NamedTuple):
    """Ingredients of a distance where labels do not depend on the facet."""

    #: Shares of the labels on both sides together, shape ``(comparisons, labels)``.
    shares: Array
    #: Variance of a difference of means, in units of the variance of a row.
    scale: Array
    #: Quantile of Pearson's statistic.
    pearson: Array
    #: Standard normal quantile of the level.
    z: Array


class _OfManyLabels(Evidence):
    """One test for all distances, and reaches along the gradient of each.

    The test is Pearson's, with the mean and the variance of the statistic over all tables with the
    same margins (J. B. S. Haldane, "The mean and variance of chi-squared, when used as a test of
    homogeneity, when expectations are small", Biometrika 31, 1940) and a Gamma law. The low end is
    0 where the test does not reject. Elsewhere it is below the distance by at least the length that
    chance alone makes: by the triangle inequality, the true distance is hardly less.
    """

    def __init__(self, form: forms.Apart, estimate: Array):
        super().__init__(estimate)
        self.form, self.a, self.d = form, form.a, form.d
        self.rows = form.a.sum(axis=-1, keepdims=True), form.d.sum(axis=-1, keepdims=True)
        self.shares = divide(form.a, self.rows[0]), divide(form.d, self.rows[1])

    def tests(self, parity: Any) -> list[Sought]:
        return []

    def _p_of(self, tails: Sequence[Array]) -> Array:
        statistic, mean, variance = self._pearson
        return np.where(statistic > 0, gamma_tail(statistic, mean, variance), 1.0)

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        null, rejects = self._null(tail)
        down, up, chance = self._reaching(reaches, tail, null)
        length = np.sqrt(self.estimate) if self.form.squared else self.estimate
        endless = np.isinf(length)
        at = np.where(endless, self._smoothed_length, length)
        least = np.maximum(at - np.maximum(down, chance), at * LEAST_PART)
        low = np.where(rejects, least, 0.0)
        high = np.where(endless, np.inf, np.maximum(at + up, down - at))
        return (low * low, high * high) if self.form.squared else (low, high)

    @cached_property
    def _smoothed(self) -> tuple[Array, Array]:
        """Shares with one row more, spread evenly over the labels, so that none is 0."""
        a, d = self.a, self.d
        each = 1 / a.shape[-1]
        return divide(a + each, self.rows[0] + 1), divide(d + each, self.rows[1] + 1)

    @cached_property
    def _smoothed_length(self) -> Array:
        value = self.form.value(*self._smoothed)
        return np.sqrt(value) if self.form.squared else value

    @abstractmethod
    def _reaching(self, reaches: Array, tail: Array, null: Null) -> tuple[Array, Array, Array]:
        """Reaches of the length, down and up, and the length that chance alone makes."""

    @cached_property
    def _pearson(self) -> tuple[Array, Array, Array]:
        """Pearson's statistic, and its mean and variance over the tables of the same margins."""
        a, d, (n_a, n_d) = self.a, self.d, (one[:, 0] for one in self.rows)
        pool, n = a + d, n_a + n_d
        there = pool > 0
        labels = np.count_nonzero(there, axis=-1)
        # Written this way, swapping the sides gives the same result to the bit.
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
        """Length that chance alone makes at a level, and whether Pearson's statistic exceeds it."""
        n_a, n_d = self.rows
        level = np.clip(2 * tail, 1e-300, 1 - 1e-12)
        z = np.array([normal_quantile(1 - one) if one > 1e-16 else 38.0 for one in level])
        statistic, mean, variance = self._pearson
        pearson = gamma_quantile(z, mean, variance)
        pool = divide(self.a + self.d, n_a + n_d)
        return Null(pool, (1 / n_a + 1 / n_d)[:, 0], pearson, z), statistic > pearson

    def _of_gaps(self, a: Array, d: Array) -> tuple[Array, Array]:
        """Counts and rows whose limits are needed for the gaps between shares of these labels."""
        n, m = (np.broadcast_to(one, a.shape) for one in self.rows)
        return np.stack([a, m - d, n - a, d]), np.stack([n, m, n, m])


def _reach_of_gaps(found: Array) -> tuple[Array, Array]:
    """Reaches of gaps, down and up, from the reaches of their limits."""
    square = np.square(found)
    return np.sqrt(square[0] + square[1]), np.sqrt(square[2] + square[3])


class _OfLabels(_OfManyLabels):
    """A distance that is bounded by the gap of each label."""

    def __init__(self, form: forms.Apart, estimate: Array):
        super().__init__(form, estimate)
        self.gap = self.shares[0] - self.shares[1]
        self._asks(*self._of_gaps(self.a, self.d), of=np.arange(len(estimate))[:, np.newaxis])

    def _of_each_label(self, reaches: Array) -> tuple[Array, Array, Array]:
        """Reaches of the gap of each label, down and up, and the farthest end of any from 0."""
        down, up = _reach_of_gaps(reaches.reshape(4, *self.gap.shape))
        farthest = np.maximum(np.abs(self.gap - down), np.abs(self.gap + up)).max(axis=-1)
        return down, up, farthest


class _OfLargestGap(_OfLabels):
    """Each label has a gap with an interval; the largest gap reaches as far as any of them."""

    def _reaching(self, reaches: Array, tail: Array, null: Null) -> tuple[Array, Array, Array]:
        gap, (down, up, farthest) = self.gap, self._of_each_label(reaches)
        size = np.abs(gap)
        largest = size >= size.max(axis=-1, keepdims=True) * (1 - 1e-12)
        back = np.where(largest, np.where(gap > 0, down, up), 0.0).max(axis=-1)
        labels = np.count_nonzero(null.shares, axis=-1)
        level = np.clip(tail / labels, 1e-300, 0.5)
        z = np.array([-normal_quantile(one) for one in level])
        chance = z * np.sqrt((null.shares * (1 - null.shares)).max(axis=-1) * null.scale)
        return back, farthest - size.max(axis=-1), chance


class _OfSplit(_OfLabels):
    """Half the sum of the gaps is the gap of the labels that side a has more of.

    Labels with equal shares on both sides may be included or not: the larger reaches are used.
    Where gaps are small, side a may truly have more of other labels. The gap of any single label is
    at most this distance, so the distance reaches at least as far as those gaps.
    """

    def __init__(self, form: forms.Apart, estimate: Array):
        super().__init__(form, estimate)
        of_each = self.x, self.n, self.of
        a, d = (
            np.stack(
                [
                    (side * more).sum(axis=-1)
                    for more in (self.shares[0] > self.shares[1], self.shares[0] >= self.shares[1])
                ],
                axis=-1,
            )
            for side in (self.a, self.d)
        )
        self._asks(*self._of_gaps(a, d), of=np.arange(len(estimate))[:, np.newaxis])
        self.first = len(self.x)
        self.x, self.n, self.of = (
            np.concatenate(both) for both in zip((self.x, self.n, self.of), of_each, strict=True)
        )

    def _reaching(self, reaches: Array, tail: Array, null: Null) -> tuple[Array, Array, Array]:
        of_sets = _reach_of_gaps(reaches[: self.first].reshape(self.shape))
        down, up = (one.max(axis=-1) for one in of_sets)
        _, _, farthest = self._of_each_label(reaches[self.first :])
        up = np.maximum(up, farthest - np.abs(self.gap).sum(axis=-1) / 2)
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


class _OfSlopes(_OfManyLabels):
    """A distance that is nearly a mean of the labels' slopes, so a proportion of their range."""

    def __init__(self, form: forms.Apart, estimate: Array):
        super().__init__(form, estimate)
        assert form.slopes is not None
        counts, rows, spans = [], [], []
        with np.errstate(all="ignore"):
            slopes = form.slopes(*self._smoothed)
            for slope, share, of in zip(slopes, self._smoothed, self.rows, strict=True):
                least = slope.min(axis=-1, keepdims=True)
                span = slope.max(axis=-1) - least[:, 0]
                place = divide(slope - least, span[:, np.newaxis])
                p = (place * share).sum(axis=-1)
                variance = (np.square(place - p[:, np.newaxis]) * share).sum(axis=-1)
                n = of[:, 0] * divide(p * (1 - p), variance)
                counts.append([p * n, n - p * n])
                rows.append([n, n])
                spans.append(np.abs(span))
            self.spans = np.stack(spans)[:, np.newaxis]
            self._asks(counts, rows)

    def _reaching(self, reaches: Array, tail: Array, null: Null) -> tuple[Array, Array, Array]:
        assert self.form.chance is not None
        chance = self.form.chance(null)
        square = np.square(self.spans * reaches.reshape(self.shape))
        down, up = np.sqrt(square[0] + square[1])
        # Equal distributions have no slope; only chance says how far apart they may be.
        return np.where(np.isnan(down), chance, down), np.where(np.isnan(up), chance, up), chance


_BY_SHAPE: dict[str, Callable[[forms.Apart, Array], Evidence]] = {
    "split": _OfSplit,
    "largest": _OfLargestGap,
    "smooth": _OfSlopes,
}


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


def normal_quantile(chance: float) -> float:
    """Number that a standard normal variable is at most with some chance."""
    from statistics import NormalDist  # loads many modules, and few reports need quantiles

    return NormalDist().inv_cdf(chance)


def gamma_quantile(z: Array, mean: Array, variance: Array) -> Array:
    """Number that a Gamma variable exceeds as often as a standard normal one exceeds z."""
    spread = variance / (9 * mean * mean)
    return np.asarray(mean * np.maximum(1 - spread + z * np.sqrt(spread), 0) ** 3)
