"""Tails of binomial distributions, by continued fractions or saddlepoints, without SciPy."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Laws", "mills"]

Array: TypeAlias = NDArray[np.float64]

# Where the variance of a count is less than this, its tail is a continued fraction with this many
# pairs of terms; elsewhere a saddlepoint formula, accurate to a millionth of a standard deviation.
_FEW, _PAIRS = 40.0, 14
# Standard deviations within which the saddlepoint's correction to the normal tail is taken as
# linear.
_MIDDLE = 0.1
_LN_ROOT_2_PI = math.log(2 * math.pi) / 2

# Nodes of the trapezoidal rule for the normal tail.
_STEP = 0.5
_SQUARES = 2 * (_STEP * (np.arange(13, 0, -1)[:, np.newaxis] - 0.5)) ** 2
_WEIGHTS = 2 * _STEP / math.sqrt(math.pi) * np.exp(-_SQUARES / 2)


class Laws:
    """Upper tails of binomial distributions at counts above 0 and below their number of rows.

    Those with few rows come first and use continued fractions; the others use saddlepoints.
    """

    def __init__(self, x: Array, n: Array, places: NDArray[np.intp]):
        """Distributions of the counts at these indices."""
        variance = x[places] * (n[places] - x[places]) / n[places]
        few = variance < _FEW
        self.few = int(np.count_nonzero(few))
        self.places = np.concatenate([places[few], places[~few]]) if self.few else places
        self.x, self.n = x[self.places], n[self.places]
        self.rest = self.n - self.x
        self.share, self.other = self.x / self.n, self.rest / self.n
        # A reach much smaller than a standard deviation may be off by a fraction of the latter.
        self.small = 0.02 * np.sqrt(self.share * self.other / self.n)
        self.fraction = _Fraction(self.x[: self.few], self.rest[: self.few])
        self.saddle = _Saddlepoint(*(one[self.few :] for one in (self.n, self.share, self.other)))

    def of(self, these: NDArray[np.bool_]) -> Laws:
        """Some of these distributions."""
        made = object.__new__(Laws)
        made.few = int(np.count_nonzero(these[: self.few]))
        for name in ("places", "x", "n", "rest", "share", "other", "small"):
            setattr(made, name, getattr(self, name)[these])
        made.fraction = self.fraction.of(these[: self.few])
        made.saddle = self.saddle.of(these[self.few :])
        return made

    def start(self, log_tail: Array) -> Array:
        """Approximate reaches for these tails: Wilson's."""
        # The normal quantile to three digits: M. Abramowitz and I. Stegun, 26.2.23.
        t = np.sqrt(np.maximum(-2 * log_tail, 1.3863))
        z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (
            1 + t * (1.432788 + t * (0.189269 + t * 0.001308))
        )
        z = np.maximum(z, 1e-3)
        square = z * z
        wide = z * np.sqrt(self.x * self.other + square / 4)
        low = (self.x + square / 2 - wide) / (self.n + square)
        least = 1e-9 * self.share
        return np.asarray(np.minimum(np.maximum(self.share - low, least), self.share - least))

    def step(self, at: Array, log_tail: Array) -> Array:
        """One Halley step from a reach towards the one with this tail.

        The function is the logarithm of the tail by that of the proportion, which is concave.
        """
        if not len(at):
            return at
        # Of a small part of a row, the limit is nearer to 0 than a number can be told from it.
        low, high = np.maximum(self.share - at, 1e-16 * self.share), self.other + at
        value, times = self._tail(at, low, high)
        odds = self.rest * low / high
        sum_ = self.x + odds
        slope = sum_ / (2 * times)
        bend = odds / high / sum_ - slope + self.x - odds  # relative change of the slope
        change = (log_tail - value) / slope
        change /= np.maximum(1 + change * bend / 2, 0.5)
        change = np.minimum(np.maximum(change, -30), 2)
        return np.asarray(np.maximum(at - low * np.expm1(change), 1e-15 * self.share))

    def _tail(self, at: Array, low: Array, high: Array) -> tuple[Array, Array]:
        """Logarithm of the tail at a limit `at` below the proportion, and the density terms."""
        gone = self.share * np.log1p(at / low) + self.other * np.log1p(-at / high)
        gone = self.n * np.maximum(gone, 0.0)
        few = self.few
        if few == len(at):
            return self.fraction.tail(low, gone)
        if not few:
            return self.saddle.tail(at, low, high, gone)
        one = self.fraction.tail(low[:few], gone[:few])
        other = self.saddle.tail(at[few:], low[few:], high[few:], gone[few:])
        return np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])


class _Fraction:
    """Tails by the continued fraction of the incomplete beta function (DLMF 8.17.22)."""

    def __init__(self, x: Array, rest: Array):
        if not len(x):
            return
        n = x + rest
        # ln of the probability at the proportion itself, as in C. Loader ("Fast and accurate
        # computation of binomial probabilities", 2000).
        beyond = _beyond_stirling(np.stack([n, x, rest]))
        self.height = beyond[0] - beyond[1] - beyond[2] - np.log(2 * math.pi * x * (rest / n)) / 2
        self.first = rest / (x + 1)
        self.terms = _fractions(x + 1, rest, _PAIRS)

    def of(self, these: NDArray[np.bool_]) -> _Fraction:
        made = object.__new__(_Fraction)
        if these.any():
            made.height, made.first = self.height[these], self.first[these]
            made.terms = self.terms[:, these]
        return made

    def tail(self, low: Array, gone: Array) -> tuple[Array, Array]:
        terms = self.terms * low
        # Two terms at a time.
        over = terms[0::2] * terms[1::2]
        under = 1 + terms[1:-1:2] + terms[2::2]
        below = 1 + terms[-1]
        for above, beside in zip(over[:0:-1], under[::-1], strict=True):
            np.divide(above, below, out=below)
            np.subtract(beside, below, out=below)
        below = 1 + terms[0] - over[0] / below
        times = 0.5 + self.first * low / below
        return self.height - gone + np.log(times), times


class _Saddlepoint:
    """Tails by the second-order formula of R. Lugannani and S. Rice (1980).

    The second order is that of H. E. Daniels ("Tail probability approximations", International
    Statistical Review 55, 1987). The observed count counts half, which replaces the inverse of the
    saddlepoint by half the hyperbolic cotangent of half the saddlepoint; in terms of the
    proportions p and q this is ``(q (1 - p) + p (1 - q)) / 2 (q - p)``.
    """

    def __init__(self, n: Array, share: Array, other: Array):
        if not len(n):
            return
        variance = n * share * other
        self.share, self.other = share, other
        self.deviation = np.sqrt(variance)
        self.half = 0.5 / self.deviation
        # Reciprocal of the probability at the proportion itself, in units of the normal density.
        self.times = self.deviation * (1 + (1 / (n * share) + 1 / (n * other) - 1 / n) / 12)
        self.quarter = self.half * self.half
        leaning = (other - share) / self.deviation
        self.leaning = leaning / 2
        self.once = 1 + (1 - 6 * share * other) / variance / 8 - 5 / 24 * leaning * leaning
        # Near the proportion itself the terms of the correction are infinite, but their sum is
        # finite and nearly linear.
        at = np.array([[_MIDDLE], [2 * _MIDDLE]]) * self.deviation / n
        low, high = share - at, other + at
        w = np.sqrt(2 * n * (share * np.log1p(at / low) + other * np.log1p(-at / high)))
        (near, far), added = w, self._added(at, low, high, w)
        self.slope = (added[1] - added[0]) / (far - near)
        self.middle = added[0] - self.slope * near

    def of(self, these: NDArray[np.bool_]) -> _Saddlepoint:
        made = object.__new__(_Saddlepoint)
        if these.any():
            for name, array in vars(self).items():
                setattr(made, name, array[these])
        return made

    def tail(self, at: Array, low: Array, high: Array, gone: Array) -> tuple[Array, Array]:
        w = np.sqrt(2 * gone)
        added = self._added(at, low, high, w)
        added = np.where(w > _MIDDLE, added, self.middle + self.slope * w)
        ratio = mills(w) + added
        return np.log(ratio) - gone - _LN_ROOT_2_PI, ratio * self.times

    def _added(self, at: Array, low: Array, high: Array, w: Array) -> Array:
        u = self.half * (self.share * high + low * self.other) / at
        inverse = 1 / w
        second = inverse * inverse * inverse - (u * u - self.quarter) * (self.leaning + u)
        return u * self.once - inverse + second


def mills(z: Array) -> Array:
    """Chance that a standard normal variable exceeds z >= 0, over its density; right to 1e-13.

    By the trapezoidal rule on the real line, which is nearly exact once the nearby pole is
    corrected for (C. Chiarella and A. Reichel, "On the evaluation of integrals related to the error
    function", Mathematics of Computation 22, 1968).

    >>> mills(np.array([0.0, 1.0, 1.959963984540054])).round(6)
    array([1.253314, 0.65568 , 0.427752])
    """
    square = z * z
    # Accumulated one by one, so that no sum depends on the array's length.
    sums = np.add.accumulate(_WEIGHTS / (_SQUARES + square), axis=0)[-1]
    near = np.minimum(z, 8.0)  # beyond this, the pole is negligible
    pole = np.exp(near * near / 2) / (1 + np.exp(math.sqrt(2) * math.pi / _STEP * near))
    return np.asarray(z * sums + math.sqrt(2 * math.pi) * pole)


def _fractions(a: Array, b: Array, pairs: int) -> Array:
    """Coefficients of the incomplete beta function's continued fraction (DLMF 8.17.22)."""
    m = np.arange(pairs, dtype=np.float64)[:, np.newaxis]
    made = np.empty((2 * pairs, len(a)))
    made[0::2] = -(a + m) * (a + b + m) / ((a + 2 * m) * (a + 2 * m + 1))
    m += 1
    made[1::2] = m * (b - m) / ((a + 2 * m - 1) * (a + 2 * m))
    return made


def _beyond_stirling(y: Array) -> Array:
    """By how much ln y! exceeds Stirling's ``(y + 1/2) ln y - y + ln(2 pi) / 2``, for y above 0."""
    small = y < 16
    up = np.where(small, y + 16, y)
    square = 1 / (up * up)
    made: Array = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / up
    if small.any():
        low, up = y[small], up[small]
        steps = np.log(np.prod(low + np.arange(1, 17)[:, np.newaxis], axis=0))
        made[small] += (up + 0.5) * np.log(up) - up - steps - (low + 0.5) * np.log(low) + low
    return made
