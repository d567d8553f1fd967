"""Intervals of the difference of two means, from the moments of both sides.

Welch's interval assumes that both means are normal. A mean of few rows of skewed values is not: the
rare rows that would move it are mostly absent. So each side has limits of its own, which reach
further in the direction of its skewness and allow for rare rows that the other side has and this
one happens to lack; they are combined as in G. Y. Zou and A. Donner, "Construction of confidence
limits about effect measures: a general approach", Statistics in Medicine 27, 2008 (MOVER). Where
all values are one of two, the means are proportions, and have the interval of those.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import divide
from biaskit.intervals import proportions
from biaskit.intervals.moments import Moments

__all__ = ["Interval", "difference", "of_any_values"]

# Rows that a side borrows with the other side's spread and skewness, where that is skewed, as a
# fraction of the square root of its own rows: 1/3 of a row at 30 rows, 1 at 256. With more borrowed
# rows, the limits of skewed values cover more often, and those of sides of different shape are
# wider (benchmarks/attribution_coverage.py).
_BORROWED = 1 / 16
# Squared skewness at which half of that is borrowed; that of exponential values is 4.
_SKEWED = 10.0
# Values are taken as two where all others add up to no more than rounding: as a fraction of a row,
# and of all rows.
_ROUNDING, _SHARE = 0.01, 1e-11


class Interval(NamedTuple):
    """Interval of a difference of means; arrays of the shape of the means."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    #: Number of rows that carry the sum of a side, the lesser of the two sides: for a rare value,
    #: its rows. Infinite where there is no skewness, or where the interval is that of proportions.
    few: NDArray[np.float64]
    is_proportion: NDArray[np.bool_]


def difference(
    a: Moments,
    d: Moments,
    least: NDArray[np.float64],
    most: NDArray[np.float64],
    confidence: float,
) -> Interval:
    """Interval of the mean of side a minus that of side d.

    Parameters
    ----------
    a, d
        Moments of both sides, whose `n` are single numbers.
    least, most
        The two values that occur, if the means are proportions, in the shape of the means;
        otherwise NaN.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    Interval
        NaN where a side has too few rows: none for proportions, fewer than two otherwise.

    Examples
    --------
    Of 20 values on side a, 3 are 1 and the others 0; of 10 on side d, none is 1.

    >>> import numpy as np
    >>> from biaskit.intervals.moments import of_groups
    >>> values = np.array([[1.0] * 3 + [0.0] * 27])
    >>> both = of_groups(values, np.repeat([0, 1], [20, 10]), 2)
    >>> found = difference(both.at(0), both.at(1), np.zeros(1), np.ones(1), 0.95)
    >>> found.low.round(3).tolist(), found.high.round(3).tolist()
    ([-0.131], [0.356])
    """
    found = of_any_values(a, d, confidence)
    with np.errstate(over="ignore", invalid="ignore"):
        is_two = _are_two(a, least, most) & _are_two(d, least, most)
    if not (a.n and d.n and np.any(is_two)):
        return found
    lower, span = least[is_two], (most - least)[is_two]
    x_a, x_d = (np.rint(side.n * (side.mean[is_two] - lower) / span) for side in (a, d))
    _, low, high = proportions.difference(x_a, a.n, x_d, d.n, confidence)
    found.low[is_two], found.high[is_two] = low * span, high * span
    found.few[is_two] = np.inf
    return found._replace(is_proportion=is_two)


def _are_two(
    side: Moments, least: NDArray[np.float64], most: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether all values are the least or the most: ``(value - least) * (most - value)`` is 0."""
    span = most - least
    between = side.n * divide(side.mean - least, span) * divide(most - side.mean, span)
    between -= divide(side.second, span * span)
    is_inside = (side.least >= least) & (side.most <= most) & (span > 0)
    return np.asarray(is_inside & (between <= _ROUNDING + _SHARE * side.n))


def of_any_values(
    a: Moments, d: Moments, confidence: Any, *, borrowed: float = _BORROWED
) -> Interval:
    """Interval for any values, never narrower than Welch's (Biometrika 34, 1947).

    The rows of a side, and the level, may differ between the means. A side borrows `borrowed` times
    the square root of its rows from the other. NaN where a side has fewer than two rows.
    """
    with np.errstate(all="ignore"):
        found = _of_any_values(a, d, confidence, borrowed)
    unknown = np.minimum(a.n, d.n) < 2
    low, high = (np.where(unknown, np.nan, end) for end in (found.low, found.high))
    return found._replace(low=low, high=high, few=np.where(unknown, np.inf, found.few))


def _of_any_values(a: Moments, d: Moments, confidence: Any, borrowed: float) -> Interval:
    from scipy.special import stdtrit

    errors = [divide(side.second, (side.n - 1.0) * side.n) for side in (a, d)]
    variance = errors[0] + errors[1]
    part_a, part_d = (divide(error, variance) for error in errors)
    freedom = 1 / (part_a**2 / (a.n - 1.0) + part_d**2 / (d.n - 1.0))
    t = np.where(variance > 0, stdtrit(freedom, (1 + confidence) / 2), 0.0)
    below_a, above_a = _reach(a, d, t, borrowed)
    below_d, above_d = _reach(d, a, t, borrowed)
    gap = a.mean - d.mean
    return Interval(
        gap - np.hypot(below_a, above_d),
        gap + np.hypot(above_a, below_d),
        np.minimum(_carrying(a, d), _carrying(d, a)),
        np.zeros(gap.shape, dtype=bool),
    )


def _reach(
    one: Moments, other: Moments, t: NDArray[np.float64], borrowed: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reaches of the limits of a side's mean, below and above: the largest of three.

    The three are those of the t distribution, those for the skewness of its values, and those for
    the same values with some borrowed rows of the other side's spread and skewness.
    """
    variance, third = one.second / (one.n - 1), _third(one)
    others, others_third = other.second / (other.n - 1), _third(other)
    skewness = _squared_skewness(others_third, others)
    share = np.where(variance > 0, skewness / (skewness + _SKEWED), 1.0)
    more = borrowed * np.sqrt(one.n) * share
    both = (one.second + more * others) / (one.n - 1 + more)
    both_third = (one.n * third + more * others_third) / (one.n + more)
    plain = t * np.sqrt(variance / one.n)
    own, allowed = _skewed(variance, third, one.n, t), _skewed(both, both_third, one.n, t)
    below, above = (np.maximum(plain, np.maximum(*ends)) for ends in zip(own, allowed, strict=True))
    return below, above


def _skewed(
    variance: NDArray[np.float64], third: NDArray[np.float64], n: Any, t: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reach below and above a mean of n values with some variance and third central moment.

    The shift of the t statistic by the skewness (N. J. Johnson, "Modified t tests and confidence
    intervals for asymmetrical populations", JASA 73, 1978), in the form of a score interval: for
    values that are mostly 0 it is near the limits of a Poisson count.
    """
    shift = np.where(variance > 0, divide(third, variance), 0.0) * (1 + 2 * t * t) / (6 * n)
    reach = np.hypot(t * np.sqrt(variance / n), shift)
    return reach - shift, reach + shift


def _third(side: Moments) -> NDArray[np.float64]:
    """Third central moment, minus what so few normal values have by chance; 0 if unknown."""
    third = np.nan_to_num(side.third / side.n, nan=0.0, posinf=0.0, neginf=0.0)
    squared = _squared_skewness(third, side.second / (side.n - 1))
    return np.asarray(third * squared / (squared + 6 / side.n), dtype=np.float64)


def _squared_skewness(
    third: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared skewness; 0 for values that are all equal."""
    return np.where(variance > 0, divide(divide(third, variance), np.sqrt(variance)) ** 2, 0.0)


def _carrying(one: Moments, other: Moments) -> NDArray[np.float64]:
    """Rows of a rare value that would make one side's mean as skewed as the other side's.

    It is 0 where all values of the side are equal and those of the other are not.
    """
    skewness = np.maximum(
        *(_squared_skewness(_third(side), side.second / (side.n - 1)) for side in (one, other))
    )
    return np.where((one.second == 0) & (other.second > 0), 0.0, divide(one.n, skewness))
