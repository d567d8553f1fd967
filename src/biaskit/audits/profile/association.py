"""Association: how much one column tells of another, from the table of their values.

A table has the shape ``(values of the column, values of the facet)`` and no empty row or column.
Entropies are in nats. What a column seems to tell grows with the number of its values even where
it tells nothing, so the expected value under independence is found for tables of the same margins,
and is subtracted.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Association", "Told", "association", "expected_information", "told_by"]

Table: TypeAlias = NDArray[np.int64]
Array: TypeAlias = NDArray[np.float64]

# Expected rows of a cell from which the expected information is that of large cells, and standard
# deviations beyond which a smaller cell never is.
_LARGE, _FAR = 1e4, 12
# Rows from which logarithms of factorials are not exact enough.
_MANY = 10**9
# Least expected rows of a cell for the tail of chi-squared (W. G. Cochran, "Some methods for
# strengthening the common chi-squared tests", Biometrics 10, 1954).
_FEW = 5
# Most rows that a cell smaller than that is asked for, and most of all cells at once.
_WIDEST, _AT_ONCE = 2 * _FAR * (_LARGE**0.5 + 1), 1 << 20
# Steps of a bisection.
_STEPS = 60
# Distance of a chi-squared variable beyond which its law is normal for our purposes.
_NORMAL = 1e4


class Told(NamedTuple):
    """Share of the entropy of one column that another tells, with an interval."""

    #: As observed, and less its expected value if the columns were independent.
    u: float
    u_corrected: float
    low: float
    high: float


class Association(NamedTuple):
    """What a column tells of a facet."""

    n: int
    levels: int
    told: Told
    #: Cramér's V with the correction of Bergsma, and as observed.
    v: float
    v_uncorrected: float
    #: Mean recall of guessing the facet by the column, and of guessing without it.
    guess: float
    chance: float
    p_value: float


def association(table: Table, tail: float) -> Association:
    """What a column tells of a facet, with `tail` beyond either end of the interval.

    >>> found = association(np.array([[40, 10], [10, 40]]), 0.025)
    >>> round(found.told.u, 4), round(found.v, 4), found.guess, found.p_value < 1e-6
    (0.2781, 0.5945, 0.8, True)
    """
    n = int(table.sum())
    rows, columns = table.shape
    square = _chi_squared(table)
    of_facet = table.sum(axis=0)
    lift = (table / of_facet).max(axis=1) if n else np.zeros(rows)
    return Association(
        n,
        rows,
        told_by(table, tail),
        _bergsma(square, n, rows, columns),
        _cramer(square / n, rows, columns) if n else math.nan,
        float(lift.sum() / columns) if columns > 1 else math.nan,
        1 / columns if columns else math.nan,
        _p_value(table, square),
    )


def told_by(table: Table, tail: float) -> Told:
    """Theil's uncertainty coefficient of the facet given the column, and its interval.

    With n rows, 2 n times the information is a chi-squared variable, central where the columns are
    independent; far from there its variance is that of the delta method. The interval is the wider
    of the two.
    """
    n = table.sum()
    if min(table.shape) < 1 or table.shape[1] < 2:
        return Told(*(math.nan,) * 4)
    entropy = _entropy(table.sum(axis=0) / n)
    information = _information(table)
    expected = expected_information(table.sum(axis=1), table.sum(axis=0))
    u, corrected = information / entropy, (information - expected) / entropy
    if table.shape[0] < 2:
        return Told(0.0, 0.0, 0.0, 0.0)
    near = _noncentral(2 * n * information, 2 * n * expected, tail) / (2 * n * entropy)
    reach = _normal(tail) * math.sqrt(_variance(table, information, entropy))
    low, high = min(near[0], corrected - reach), max(near[1], corrected + reach)
    return Told(float(u), float(corrected), max(float(low), 0.0), min(float(high), 1.0))


def _entropy(shares: Array) -> float:
    from scipy.special import entr

    return float(entr(shares).sum())


def _information(table: Table) -> float:
    """Mutual information of the two columns."""
    n = int(table.sum())
    of_row, of_column = table.sum(axis=1), table.sum(axis=0)
    row, column = table.nonzero()
    seen = table[row, column]
    log = np.log(seen / of_row[row]) - np.log(of_column[column] / n)
    return max(float((seen * log).sum() / n), 0.0)


def _variance(table: Table, information: float, entropy: float) -> float:
    """Variance of Theil's coefficient by the delta method, from the influence of each row."""
    n = int(table.sum())
    of_row, of_column = table.sum(axis=1), table.sum(axis=0)
    row, column = table.nonzero()
    seen = table[row, column]
    log_share = np.log(of_column[column] / n)
    log = np.log(seen / of_row[row]) - log_share
    influence = (log - information + information / entropy * (log_share + entropy)) / entropy
    return float((seen * influence**2).sum() / n / n)


def expected_information(of_row: NDArray[np.int64], of_column: NDArray[np.int64]) -> float:
    """Mean mutual information of all tables with some margins, if the columns are independent.

    Each cell is hypergeometric (N. X. Vinh, J. Epps and J. Bailey, "Information theoretic measures
    for clusterings comparison", JMLR 11, 2010). Large tables have
    ``(rows - 1) (columns - 1) / (2 (n - 1))``.

    >>> round(expected_information(np.array([500, 500]), np.array([300, 700])) * 2 * 1000, 4)
    1.0019
    """
    n = int(of_row.sum())
    if n < 2:
        return 0.0
    row, times_row = np.unique(of_row, return_counts=True)
    column, times_column = np.unique(of_column, return_counts=True)
    a, b = (one.ravel() for one in np.meshgrid(row, column, indexing="ij"))
    times = np.outer(times_row, times_column).ravel()
    mean = a * (b / n)
    # The first term of the series in 1 / mean: the variance over twice the mean.
    of_cell = (1 - a / n) * (1 - b / n) * n / (n - 1) / 2
    small = np.flatnonzero(mean < _LARGE)
    step = int(_AT_ONCE / _WIDEST)
    for first in range(0, len(small), step):
        these = small[first : first + step]
        of_cell[these] = _of_cells(a[these], b[these], n)
    return float(np.dot(times, of_cell) / n)


def _of_cells(a: NDArray[np.int64], b: NDArray[np.int64], n: int) -> Array:
    """Mean of ``k log(k / mean)`` for cells of k rows with the margins a and b, exactly."""
    mean = a * (b / n)
    far = _FAR * (np.sqrt(mean) + 1)
    least = np.maximum(np.floor(mean - far), 1.0)
    width = (np.minimum(np.minimum(a, b), mean + far) - least).astype(np.int64) + 1
    which = np.repeat(np.arange(len(a)), width)
    first = np.cumsum(width) - width
    k = np.arange(len(which)) - first[which] + least[which]
    terms = _hypergeometric(k, a[which], b[which], n) * k * np.log(k / mean[which])
    return np.asarray(np.bincount(which, terms, minlength=len(a)), dtype=np.float64)


def _hypergeometric(k: Array, a: NDArray[np.int64], b: NDArray[np.int64], n: int) -> Array:
    """Chance of k rows in a cell with the margins a and b; 0 where there are too few others.

    Of very many rows, logarithms of factorials are not exact enough. There the smaller margin is a
    tiny part of all rows, and the law is binomial.
    """
    from scipy.special import gammaln, xlog1py

    if n > _MANY:
        few, share = np.minimum(a, b).astype(np.float64), np.maximum(a, b) / n
        ways = gammaln(few + 1) - gammaln(k + 1) - gammaln(np.maximum(few - k, 0) + 1)
        return np.asarray(np.exp(ways + k * np.log(share) + xlog1py(few - k, -share)))
    others = n - a - b + k
    log = (
        *(gammaln(a + 1.0), gammaln(b + 1.0), gammaln(n - a + 1.0), gammaln(n - b + 1.0)),
        *(-gammaln(n + 1.0), -gammaln(k + 1.0), -gammaln(a - k + 1.0), -gammaln(b - k + 1.0)),
    )
    possible = others >= 0
    with np.errstate(over="ignore"):
        return np.where(possible, np.exp(sum(log) - gammaln(np.where(possible, others, 0) + 1)), 0)


def _chi_squared(table: Table) -> float:
    """Pearson's statistic."""
    n = table.sum()
    if not n:
        return math.nan
    expected = table.sum(axis=1, keepdims=True) * (table.sum(axis=0) / n)
    return float(((table - expected) ** 2 / expected).sum())


def _cramer(square: float, rows: float, columns: float) -> float:
    least = min(rows, columns) - 1
    return math.sqrt(square / least) if least > 0 else math.nan


def _bergsma(square: float, n: int, rows: int, columns: int) -> float:
    """Cramér's V less its bias (W. Bergsma, "A bias-correction for Cramér's V and Tschuprow's T",
    Journal of the Korean Statistical Society 42, 2013).
    """  # noqa: D205
    if n < 2:
        return math.nan
    less = square / n - (rows - 1) * (columns - 1) / (n - 1)
    of_both = (one - (one - 1) ** 2 / (n - 1) for one in (rows, columns))
    return _cramer(max(less, 0.0), *of_both)


def _p_value(table: Table, square: float) -> float:
    """P-value of Pearson's test of independence.

    Where some cell is expected to have few rows, the mean and the variance of the statistic are
    those of all tables with the same margins (T. Lewis, I. W. Saunders and M. Westcott, "The
    moments of the Pearson chi-squared statistic and the minimum expected value in two-way tables",
    Biometrika 71, 1984).
    """
    from scipy.special import chdtrc, gammaincc

    n, (rows, columns) = int(table.sum()), table.shape
    if min(rows, columns) < 2:
        return math.nan
    of_row, of_column = table.sum(axis=1), table.sum(axis=0)
    if float(of_row.min()) * float(of_column.min()) >= _FEW * n:
        return float(chdtrc((rows - 1) * (columns - 1), square))
    if n < 4:
        return 1.0
    mean = n * (rows - 1) * (columns - 1) / (n - 1)
    (of_rows, spread), (of_columns, other) = (
        ((n - k) * (k - 1) / (n - 1), (n * (1 / of).sum() - k * k) / (n - 2))
        for k, of in ((rows, of_row), (columns, of_column))
    )
    variance = 2 * n / (n - 3) * (of_rows - spread) * (of_columns - other)
    variance += n * n / (n - 1) * spread * other
    if not variance > 1e-9 * mean:  # one table only has these margins
        return 1.0
    return float(gammaincc(mean * mean / variance, square * mean / variance))


def _normal(tail: float) -> float:
    from scipy.special import ndtri

    return float(-ndtri(tail))


def _noncentral(x: float, freedom: float, tail: float) -> tuple[float, float]:
    """Least and most noncentrality at which a chi-squared variable is so large."""
    from scipy.special import chndtr

    if x > _NORMAL:
        reach = _normal(tail) * math.sqrt(2 * freedom + 4 * x)
        return x - freedom - reach, x - freedom + reach

    def found(chance: float) -> float:
        low, high = 0.0, 4 * x + 100.0
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if chndtr(x, freedom, middle) > chance else (low, middle)
        return low

    return found(1 - tail), found(tail)
