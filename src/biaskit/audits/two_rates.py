"""Two rates: the classical figures of the selections of two sides, from their four counts.

All arguments are arrays of whole numbers of one shape, by comparison: the selected rows `x` of side
d and its rows `n`, the selected rows `y` of side a and its rows `m`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import divide

__all__ = ["FOUR_FIFTHS", "after_one_swap", "fisher_mid_p", "to_reach", "z_of"]

Array: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]

#: Least impact ratio of the four-fifths rule (29 CFR 1607.4D).
FOUR_FIFTHS = 0.8
# Standard deviations, and further rows, beyond which a tail is as good as 0.
_FAR, _MORE = 40, 1_000


def z_of(x: Whole, n: Whole, y: Whole, m: Whole) -> Array:
    """Standard deviations by which the rate of side d is below that of side a, if both are alike.

    The variance is that of the rate of both together.

    >>> z_of(*np.array([[12], [40], [48], [80]])).round(6)
    array([3.098387])
    """
    ones, rows = x + y, n + m
    variance = divide(divide(ones, rows) * (rows - ones), n * 1.0 * m)
    return divide(divide(y, m) - divide(x, n), np.sqrt(variance))


def fisher_mid_p(x: Whole, n: Whole, y: Whole, m: Whole) -> Array:
    """P-value of Fisher's exact test in its mid-p form, the smaller tail doubled.

    The observed table counts half (H. O. Lancaster, "Significance tests in discrete distributions",
    JASA 56, 1961). NaN where a side has no rows.

    >>> fisher_mid_p(*np.array([[12], [40], [48], [80]])).round(8)
    array([0.00214224])
    """
    return np.array(
        [_mid_p(*one) for one in zip(*(part.tolist() for part in (x, n, y, m)), strict=True)]
    )


def _mid_p(x: int, n: int, y: int, m: int) -> float:
    if not n or not m:
        return float("nan")
    from scipy.special import gammaln  # a report has no use for it

    ones, rows = x + y, n + m
    least, most = max(0, ones - m), min(n, ones)
    variance = ones * (rows - ones) / rows * n / rows * m / max(rows - 1, 1)
    far = int(_FAR * variance**0.5) + _MORE

    def tail(first: int, last: int) -> float:
        k = np.arange(first, last + 1, dtype=np.float64)
        parts = ((n, k), (m, ones - k))
        log = sum(gammaln(of + 1) - gammaln(at + 1) - gammaln(of - at + 1) for of, at in parts)
        log -= gammaln(rows + 1) - gammaln(ones + 1) - gammaln(rows - ones + 1)
        return float(np.exp(log).sum())

    here = tail(x, x)
    below, above = tail(max(least, x - far), x), tail(x, min(most, x + far))
    return min(1.0, 2 * (min(below, above) - here / 2))


def to_reach(x: Whole, n: Whole, y: Whole, m: Whole) -> list[float]:
    """Fewest selections that, given to side d and not to side a, make four fifths of its rate.

    The arithmetic is exact. NaN where a side has no rows.

    >>> to_reach(*np.array([[12], [40], [48], [80]]))
    [6]
    """
    # (x + k) / n >= 4/5 (y - k) / m, for a whole k
    return [
        max(0, -((5 * d_m * d_x - 4 * d_n * d_y) // (5 * d_m + 4 * d_n)))
        if d_n and d_m
        else float("nan")
        for d_x, d_n, d_y, d_m in zip(*(one.tolist() for one in (x, n, y, m)), strict=True)
    ]


def after_one_swap(x: Whole, n: Whole, y: Whole, m: Whole) -> tuple[Array, Array]:
    """Impact ratio and z if one selection had gone to the side with the lower rate.

    NaN where that is impossible: nobody is selected, or everybody is.

    >>> [one.round(4) for one in after_one_swap(*np.array([[12], [40], [48], [80]]))]
    [array([0.5532]), array([2.7111])]
    """
    to_d = np.where(x * 1.0 * m <= y * 1.0 * n, 1, -1)
    x, y = x + to_d, y - to_d
    can = (x >= 0) & (y >= 0) & (x <= n) & (y <= m) & (n > 0) & (m > 0)
    ratio = divide(divide(x, n), divide(y, m))
    return np.where(can, ratio, np.nan), np.where(can, z_of(x, n, y, m), np.nan)
