"""Groups: tables of two sides and two outcomes within groups, and the classical tests on them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from biaskit.counts.tables import Tally, divide
from biaskit.metrics.forms import Array

__all__ = [
    "Groups",
    "breslow_day",
    "chance_of",
    "cochran_mantel_haenszel",
    "groups_of",
    "odds_parts",
    "weights",
]


class Groups(NamedTuple):
    """Positive labels and others of both sides, with the groups on the last axis."""

    a1: Array
    a0: Array
    d1: Array
    d0: Array

    @property
    def n_a(self) -> Array:
        """Rows of side a."""
        return self.a1 + self.a0

    @property
    def n_d(self) -> Array:
        """Rows of side d."""
        return self.d1 + self.d0

    @property
    def n(self) -> Array:
        """Rows of both sides."""
        return self.n_a + self.n_d


def groups_of(a: Tally, d: Tally) -> Groups:
    """Tables within the groups of two tallies."""
    a, d = a.by_group, d.by_group
    return Groups(*(np.asarray(one, dtype=np.float64) for one in (a.n1, a.n0, d.n1, d.n0)))


def weights(of: Groups) -> Array:
    """Weight of each group, ``n_a n_d / n``; 0 for a group that lacks a side."""
    return np.nan_to_num(divide(of.n_a * of.n_d, of.n))


def odds_parts(of: Groups) -> tuple[Array, Array]:
    """Numerator and denominator of the odds ratio of Mantel and Haenszel, side d by side a.

    >>> odds_parts(Groups(*(np.array([float(one)]) for one in (48, 32, 12, 28))))
    (np.float64(3.2), np.float64(11.2))
    """
    over, under = divide(of.d1 * of.a0, of.n), divide(of.d0 * of.a1, of.n)
    return np.nansum(over, axis=-1)[()], np.nansum(under, axis=-1)[()]


def cochran_mantel_haenszel(of: Groups, *, corrected: bool = False) -> Array:
    """Statistic of W. G. Cochran, and of Mantel and Haenszel, of one degree of freedom.

    `corrected` subtracts a half from the distance of the counts from the expected ones, as R's
    ``mantelhaen.test`` does by default. (W. G. Cochran, "Some methods for strengthening the common
    chi-squared tests", Biometrics 10, 1954.)
    """
    ones, n = of.a1 + of.d1, of.n
    gap = np.abs(np.nansum(of.d1 - divide(of.n_d * ones, n), axis=-1))
    if corrected:
        gap = np.maximum(gap - np.minimum(gap, 0.5), 0)
    variance = divide(of.n_a * of.n_d * ones * (n - ones), n * n * (n - 1))
    return divide(gap * gap, np.nansum(variance, axis=-1))


def breslow_day(of: Groups) -> tuple[Array, Array, Array]:
    """Test that the odds ratio is the same in all groups: statistic, degrees of freedom, p-value.

    N. E. Breslow and N. E. Day, "Statistical Methods in Cancer Research I" (1980), without the
    correction of R. E. Tarone. Groups that lack a side or an outcome say nothing. NaN where less
    than two are left.
    """
    ratio = divide(*odds_parts(of))[..., np.newaxis]
    ones = of.a1 + of.d1
    used = (of.n_a > 0) & (of.n_d > 0) & (ones > 0) & (ones < of.n)
    with np.errstate(all="ignore"):
        expected = _expected(ratio, of.n_a, of.n_d, ones)
        cells = expected, of.n_d - expected, ones - expected, of.n_a - ones + expected
        variance = 1 / sum(1 / one for one in cells)
        parts = (of.d1 - expected) ** 2 / variance
    # A table whose expected cells are 0 is as expected, or the ratio is 0 or infinite.
    statistic = np.where(used, np.where(variance > 0, parts, 0.0), 0.0).sum(axis=-1)
    free = used.sum(axis=-1) - 1.0
    known = (free > 0) & np.isfinite(ratio[..., 0]) & (ratio[..., 0] > 0)
    statistic = np.where(known, statistic, np.nan)
    return statistic, np.where(known, free, np.nan), chance_of(statistic, np.where(known, free, 1))


def _expected(ratio: Array, n_a: Array, n_d: Array, ones: Array) -> Array:
    """Positive labels of side d under an odds ratio, with all margins as they are."""
    # ratio = x (n_a - ones + x) / ((n_d - x) (ones - x)), written so that nothing cancels.
    b = n_a - ones + ratio * (n_d + ones)
    c = ratio * n_d * ones
    root = np.sqrt(np.maximum(b * b - 4 * (ratio - 1) * c, 0))
    return np.asarray(2 * c / (b + root))


def chance_of(statistic: Any, free: Any) -> Array:
    """Chance that a chi-square variable exceeds a statistic.

    >>> print(chance_of(3.841459, 1).round(6))
    0.05
    """
    from scipy.special import chdtrc  # few reports test within groups

    return np.asarray(chdtrc(np.asarray(free, dtype=np.float64), statistic))
