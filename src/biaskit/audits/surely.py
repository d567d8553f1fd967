"""What is sure of many differences of proportions at once: intervals, tests, shrunk estimates."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import divide
from biaskit.intervals.proportions import jeffreys

__all__ = ["Gaps", "differing", "gaps_of", "p_values", "shrunk", "variance_of"]

Array: TypeAlias = NDArray[np.float64]


class Gaps(NamedTuple):
    """Differences of two proportions, and the ends of their intervals."""

    estimate: Array
    low: Array
    high: Array


def gaps_of(x: Array, n: Array, y: Array, m: Array, tail: float) -> Gaps:
    """Differences ``x / n - y / m`` of independent proportions, with `tail` beyond either end.

    The limits of each proportion are Jeffreys' (quantiles of a beta distribution), and are joined
    as in Zou and Donner ("Construction of confidence limits about effect measures: a general
    approach", Statistics in Medicine 27, 2008).

    >>> gaps_of(*np.array([[30.0], [100.0], [20.0], [100.0]]), tail=0.025).low.round(4)
    array([-0.0198])
    """
    p, (p_low, p_high) = divide(x, n), jeffreys(x, n, tail)
    q, (q_low, q_high) = divide(y, m), jeffreys(y, m, tail)
    estimate = p - q
    return Gaps(
        estimate,
        estimate - np.hypot(p - p_low, q_high - q),
        estimate + np.hypot(p_high - p, q - q_low),
    )


def differing(one: Gaps, other: Gaps) -> Gaps:
    """Differences of two independent gaps, their intervals joined in the same way."""
    estimate = one.estimate - other.estimate
    down, up = one.estimate - one.low, one.high - one.estimate
    return Gaps(
        estimate,
        estimate - np.hypot(down, other.high - other.estimate),
        estimate + np.hypot(up, other.estimate - other.low),
    )


def p_values(x: Array, n: Array, y: Array, m: Array) -> Array:
    """P-value of each difference by the likelihood-ratio test of two binomial proportions."""
    from scipy.special import erfc, xlogy

    share = (x + y) / (n + m)
    g = np.zeros_like(share)
    for of, rows in ((x, n), (y, m)):
        for seen, expected in ((of, rows * share), (rows - of, rows * (1 - share))):
            with np.errstate(divide="ignore", invalid="ignore"):
                g += xlogy(seen, np.where(seen > 0, seen / expected, 1.0))
    return np.asarray(erfc(np.sqrt(np.maximum(g, 0.0))))


def shrunk(gap: Array, variance: Array, family: NDArray[np.int64]) -> Array:
    """Gaps drawn towards 0, each family by how much of its spread is more than chance.

    The mean square of the true gaps of a family is found by moments, each weighted by how exactly
    it is known: ``sum((gap ** 2 - variance) / variance ** 2) / sum(1 / variance ** 2)``.
    """
    made = np.zeros_like(gap)
    for one in np.unique(family):
        of = family == one
        weight = variance[of] ** -2
        true = float(np.sum((gap[of] ** 2 - variance[of]) * weight) / np.sum(weight))
        if true > 0:
            made[of] = gap[of] * true / (true + variance[of])
    return made


def variance_of(x: Array, n: Array, y: Array, m: Array) -> Array:
    """Variance of the difference of two proportions, each with a row of either kind added."""
    made = np.zeros_like(x)
    for of, rows in ((x, n), (y, m)):
        share = (of + 1) / (rows + 2)
        made += share * (1 - share) / (rows + 2)
    return made
