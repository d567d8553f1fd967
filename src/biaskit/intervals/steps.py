"""Evidence on distances between two distributions of scores.

Either distance has a test of its own: how far apart chance alone puts two samples of one
distribution. Where the test does not reject, the low end is 0; elsewhere it is below the distance
by at least what chance makes, which by the triangle inequality the true distance hardly is.

The true distance of a *given* pair of shares, or of the means of a given function of the scores, is
never more than that of the distributions. So each of these has limits by its own, and the high end
is the largest of theirs: the largest gap of shares over all scores; and for the area between both,
which is the largest difference of means of any function that nowhere rises by more than 1 a unit
(L. V. Kantorovich and G. S. Rubinstein, 1958), those of the function that attains it in these rows
and of the score itself.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from biaskit.counts.tables import divide
from biaskit.intervals.distances import LEAST_PART, gamma_quantile, gamma_tail, normal_tail
from biaskit.intervals.ends import OfEnds, quantiles_of
from biaskit.intervals.evidence import Evidence
from biaskit.intervals.proportions import Array, Sought
from biaskit.intervals.scored import OfMeans
from biaskit.metrics import forms

__all__ = ["of_steps"]

# Steps in which the area that chance makes is computed.
_STEPS = 150
# Terms of the distribution of Kolmogorov's statistic.
_TERMS = np.arange(1, 31)


def of_steps(form: forms.Steps, estimate: Array) -> Evidence:
    """Evidence for the largest gap between two distributions, or for the area between them."""
    return _OfFurthest(form, estimate) if form.places is None else _OfArea(form, estimate)


class _OfDistance(OfEnds):
    """A distance with a test of its own."""

    def __init__(self, form: forms.Steps, estimate: Array):
        super().__init__(estimate)
        a, d = (np.asarray(one, dtype=np.float64) for one in (form.a, form.d))
        self.rows = a.sum(axis=-1), d.sum(axis=-1)
        self.scale = np.sqrt(1 / np.maximum(self.rows[0], 1) + 1 / np.maximum(self.rows[1], 1))
        up_to = [np.cumsum(one, axis=-1)[..., :-1] for one in (a, d)]
        self.shares = [
            divide(one, n[..., np.newaxis]) for one, n in zip(up_to, self.rows, strict=True)
        ]
        self.gaps = self.shares[0] - self.shares[1]
        self.pool = divide(sum(up_to), (self.rows[0] + self.rows[1])[..., np.newaxis])

    def tests(self, parity: Any) -> list[Sought]:
        """No levels: the test is one of its own."""
        return []

    def _p_of(self, tails: Sequence[Array]) -> Array:
        return np.where(self.estimate > 0, self._by_chance(self.estimate), 1.0)

    def _at(self, tail: Array) -> tuple[Array, Array]:
        level = np.minimum(2 * tail, 1.0)
        down, high = self._reaching(tail)
        rejects = (self.estimate > 0) & (self._by_chance(self.estimate) <= level)
        least = self.estimate - np.maximum(down, self._made_by_chance(level))
        low = np.where(rejects, np.maximum(least, LEAST_PART * self.estimate), 0.0)
        return low, np.maximum(high, self.estimate)

    @abstractmethod
    def _by_chance(self, distance: Array) -> Array:
        """Chance of this distance or more where there is none."""

    @abstractmethod
    def _made_by_chance(self, level: Array) -> Array:
        """Distance that chance exceeds at a level."""

    @abstractmethod
    def _reaching(self, tail: Array) -> tuple[Array, Array]:
        """How far the distance reaches down, and its high end."""


class _OfFurthest(_OfDistance):
    """Largest gap. Chance makes at most what Kolmogorov's law says, or Bonferroni's inequality.

    The law is that of M. A. Stephens ("EDF statistics for goodness of fit and some comparisons",
    JASA 69, 1974) with his correction for few rows.
    """

    def __init__(self, form: forms.Steps, estimate: Array):
        super().__init__(form, estimate)
        inner = (self.pool > 0) & (self.pool < 1)
        steps = np.diff(np.where(inner, self.pool, 0.0), axis=-1, prepend=0.0)
        self.cuts = np.maximum(np.count_nonzero(steps > 0, axis=-1), 1)
        size = 1 / self.scale
        self.per_gap = size + 0.12 + 0.11 / size
        self.widest = self.scale * np.sqrt((self.pool * (1 - self.pool)).max(axis=-1))

    def _by_chance(self, distance: Array) -> Array:
        of_each = 2 * self.cuts * normal_tail(divide(distance, self.widest))
        return np.asarray(np.minimum(_kolmogorov(self.per_gap * distance), of_each))

    def _made_by_chance(self, level: Array) -> Array:
        of_each = quantiles_of(level / (2 * self.cuts)) * self.widest
        return np.asarray(np.minimum(_kolmogorov_quantile(level) / self.per_gap, of_each))

    def _reaching(self, tail: Array) -> tuple[Array, Array]:
        z = quantiles_of(tail)[:, np.newaxis]
        (a_down, a_up), (d_down, d_up) = (
            _wilson(share, n[:, np.newaxis], z)
            for share, n in zip(self.shares, self.rows, strict=True)
        )
        down, up = np.hypot(a_down, d_up), np.hypot(a_up, d_down)
        high = np.maximum(self.gaps + up, down - self.gaps).max(axis=-1)
        size = np.abs(self.gaps)
        largest = size >= size.max(axis=-1, keepdims=True) * (1 - 1e-12)
        back = np.where(largest, np.where(self.gaps > 0, down, up), 0.0).max(axis=-1)
        return back, np.minimum(high, 1.0)


def _wilson(share: Array, n: Array, z: Array) -> tuple[Array, Array]:
    """Reaches of the limits of proportions, below and above (E. B. Wilson, JASA 22, 1927)."""
    square = z * z / n
    middle = (share + square / 2) / (1 + square)
    half = np.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return share - middle + half, middle + half - share


def _kolmogorov(at: Array) -> Array:
    """Chance that Kolmogorov's statistic exceeds some numbers."""
    at = np.asarray(at)[..., np.newaxis]
    signs = np.where(_TERMS % 2, 2.0, -2.0)
    found = (signs * np.exp(-2 * _TERMS**2 * at * at)).sum(axis=-1)
    return np.where(at[..., 0] < 0.2, 1.0, np.clip(found, 0.0, 1.0))


def _kolmogorov_quantile(level: Array) -> Array:
    """Number that Kolmogorov's statistic exceeds with some chance."""
    low, high = np.full_like(level, 0.2), np.full_like(level, 30.0)
    for _ in range(60):
        at = (low + high) / 2
        above = _kolmogorov(at) > level
        low, high = np.where(above, at, low), np.where(above, high, at)
    return high


class _OfArea(_OfDistance):
    """Area between two distributions: the mean and variance of what chance makes are known."""

    def __init__(self, form: forms.Steps, estimate: Array):
        super().__init__(form, estimate)
        places = np.asarray(form.places)
        self.widths = np.diff(places, axis=-1)
        nothing = np.zeros(places.shape)
        start = np.zeros((len(estimate), 1))
        turns = np.cumsum(np.sign(self.gaps) * self.widths, axis=-1)
        best = -np.concatenate([start, turns], axis=-1)
        self.of_functions = [
            OfMeans(
                forms.Means(forms.Values(form.a, at, nothing), forms.Values(form.d, at, nothing)),
                gap,
            )
            for at, gap in ((best, estimate), (places, -(self.gaps * self.widths).sum(axis=-1)))
        ]

    @cached_property
    def _moments(self) -> tuple[Array, Array]:
        """Mean and variance of the area where both sides are samples of one distribution.

        It is that under the absolute value of a Brownian bridge.
        """
        found = np.array(
            [_area_of_bridge(*one) for one in zip(self.pool, self.widths, strict=True)]
        )
        return found[:, 0] * self.scale, found[:, 1] * self.scale**2

    def _by_chance(self, distance: Array) -> Array:
        mean, variance = self._moments
        spread, middle = _of_logs(mean, variance)
        with np.errstate(all="ignore"):
            by_logs = normal_tail((np.log(distance) - middle) / spread)
            found = np.maximum(by_logs, gamma_tail(distance, mean, variance))
        return np.where(mean > 0, found, 1.0)

    def _made_by_chance(self, level: Array) -> Array:
        z = quantiles_of(level)
        mean, variance = self._moments
        spread, middle = _of_logs(mean, variance)
        with np.errstate(all="ignore"):
            made = np.maximum(np.exp(middle + z * spread), gamma_quantile(z, mean, variance))
        return np.where(mean > 0, made, 0.0)

    def _reaching(self, tail: Array) -> tuple[Array, Array]:
        (low, high), (least, most) = (one._at(tail) for one in self.of_functions)
        return self.estimate - low, np.fmax(high, np.fmax(np.abs(least), np.abs(most)))


def _of_logs(mean: Array, variance: Array) -> tuple[Array, Array]:
    """Spread and middle of the logarithm of a lognormal variable."""
    square = np.log1p(divide(variance, mean * mean))
    with np.errstate(all="ignore"):
        return np.sqrt(square), np.log(mean) - square / 2


def _area_of_bridge(pool: Array, widths: Array) -> tuple[float, float]:
    """Mean and variance of the area under the absolute value of a Brownian bridge."""
    size = np.sqrt(np.maximum(pool * (1 - pool), 0))
    used = np.flatnonzero(size * widths > 0)
    if not len(used):
        return 0.0, 0.0
    area, share = size[used] * widths[used], pool[used]
    part = np.minimum(np.cumsum(area) * _STEPS / area.sum(), _STEPS - 1).astype(np.intp)
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    areas = np.add.reduceat(area, starts)
    share = np.add.reduceat(area * share, starts) / areas
    size = np.sqrt(share * (1 - share))
    together = np.minimum.outer(share, share) * (1 - np.maximum.outer(share, share))
    r = np.clip(together / np.outer(size, size), -1, 1)
    varied = np.sqrt(1 - r * r) + r * np.arcsin(r) - 1
    variance = float(areas @ varied @ areas) * 2 / math.pi
    return float(areas.sum()) * math.sqrt(2 / math.pi), variance
