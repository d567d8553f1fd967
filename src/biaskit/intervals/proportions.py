"""Limits of a proportion by the tails of its binomial law, to any level, without SciPy.

The lower limit is the proportion at which as many as were counted, or more, have the chance
``tail``, where the count itself counts half (the mid-p form of C. J. Clopper and E. S. Pearson,
"The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26,
1934; H. O. Lancaster, "Significance tests in discrete distributions", JASA 56, 1961). The upper
limit is one less the lower limit of the others. Counts may be fractions: rows that are weighted are
worth some number of rows.

What is found for one proportion does not depend on which others are asked for beside it, to the
bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LEAST_TAIL",
    "Array",
    "Reaches",
    "both_reaches",
    "difference",
    "normal_tail",
    "reach",
    "tail_of_gap",
    "tail_where",
]

Array: TypeAlias = NDArray[np.float64]

#: No smaller chance is told apart from this one.
LEAST_TAIL = 1e-12

# The continued fraction takes more terms where the variance of a count is larger; beyond the last
# of these the saddlepoint's tail is right to some parts in a million, and takes its place.
_VARIANCES, _PAIRS = (60.0, 1000.0), (14, 30)
_MOST_STEPS, _JOINT_STEPS = 60, 12
_LN_2, _ROOT_2_PI = math.log(2), math.sqrt(2 * math.pi)
_USUAL = float(np.log((1 - 0.95) / 2))  # of the chance beyond an end of a 95 % interval

# Step of the trapezoidal rule for the normal law's tail.
_STEP = 0.5
_SQUARES = (_STEP * np.arange(13, 0, -1)[:, np.newaxis]) ** 2
_WEIGHTS = np.exp(-_SQUARES)


def reach(x: Any, n: Any, tail: Any) -> Array:
    """How far the lower limit of the proportion ``x / n`` lies below it.

    Parameters
    ----------
    x, n
        Counts, and the rows that they are counts of, ``0 <= x <= n``.
    tail
        Chance that is left beyond the limit, above 0 and at most a half.

    Returns
    -------
    numpy.ndarray
        Reach, in the shape that the arguments broadcast to; 0 where `x` is 0, NaN where `n` is.
        The upper limit lies ``reach(n - x, n, tail)`` above the proportion.

    Examples
    --------
    >>> reach([0, 1, 40], 40, 0.025).round(4)
    array([0.    , 0.0237, 0.0722])
    """
    x, n, tail = np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in (x, n, tail)))
    return Reaches(x, n)(tail)


class Reaches:
    """Reaches of the same proportions at one level after another; the arguments are as in `reach`.

    >>> Reaches(np.array([1.0, 40.0]), np.array([40.0, 40.0]))(0.025).round(4)
    array([0.0237, 0.0722])
    """

    def __init__(self, x: Array, n: Array):
        self._shape = x.shape
        self._x, self._n = x.ravel(), n.ravel()
        self._whole = np.flatnonzero((self._x >= self._n) & (self._n > 0))
        self._parts = _tails(self._x, self._n)

    def __call__(self, tail: Any) -> Array:
        """Reaches at chances `tail`, which is broadcast to the proportions."""
        log_tail = np.broadcast_to(np.log(tail), self._shape).ravel()
        made = np.where(self._n > 0, 0.0, np.nan)
        made[self._whole] = -np.expm1((_LN_2 + log_tail[self._whole]) / self._n[self._whole])
        for these, tails in self._parts:
            made[these] = tails.reach(log_tail[these])
        return made.reshape(self._shape)


def both_reaches(x: Any, n: Any, tail: Any) -> tuple[Array, Array]:
    """How far the limits of the proportion ``x / n`` lie below and above it.

    >>> [one.round(3).tolist() for one in both_reaches([0, 20], [40, 40], 0.025)]
    [[0.0, 0.152], [0.072, 0.152]]
    """
    x, n = np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)
    down, up = reach(np.stack([x, n - x]), n, tail)
    return down, up


def difference(
    x: Any, n: Any, y: Any, m: Any, confidence: float = 0.95
) -> tuple[Array, Array, Array]:
    """Difference of two independent proportions, ``x / n - y / m``, and the ends of its interval.

    The reaches of the two are joined as G. Y. Zou and A. Donner have it ("Construction of
    confidence limits about effect measures", Statistics in Medicine 27, 2008): the root of the sum
    of their squares.

    >>> [round(float(one), 4) for one in difference(12, 40, 20, 200)]
    [0.2, 0.0651, 0.3584]
    """
    tail = (1 - confidence) / 2
    x, n, y, m = (np.asarray(one, dtype=np.float64) for one in (x, n, y, m))
    (down, up), (other_down, other_up) = both_reaches(x, n, tail), both_reaches(y, m, tail)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = np.asarray(x / n - y / m)
    return estimate, estimate - _joined(down, other_up), estimate + _joined(up, other_down)


def tail_of_gap(x: Any, n: Any, gap: Any) -> Array:
    """Chance at which proportions together reach as far as a gap.

    Parameters
    ----------
    x, n
        Counts and rows, shape ``(proportions, comparisons)``; their reaches are joined as the root
        of the sum of their squares.
    gap
        How far is to be reached, 0 or more, shape ``(comparisons,)``.

    Returns
    -------
    numpy.ndarray
        The chance: a half where the gap is 0, 0 where it takes a chance below `LEAST_TAIL`, NaN
        where a number of rows is 0.

    Examples
    --------
    >>> tail_of_gap([[40], [20]], [[1000], [40]], [0.1]).round(4)
    array([0.1027])
    """
    x, n, gap = (np.asarray(one, dtype=np.float64) for one in (x, n, gap))
    shape, least = x.shape, math.log(LEAST_TAIL)
    x, n = x.ravel(), n.ravel()
    parts = _tails(x, n)
    whole = np.flatnonzero((x >= n) & (n > 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        share, variance = x / n, (x + 0.5) * (n - x + 0.5) / (n + 1) ** 3
        z = gap / np.sqrt(variance.reshape(shape).sum(axis=0))
    log_tail = np.log(np.maximum(normal_tail(np.nan_to_num(z)), LEAST_TAIL))
    at = np.zeros_like(x)
    for these, tails in parts:
        at[these] = tails.start(_each(log_tail, shape)[these])
    open_ = gap > 0
    for _ in range(_JOINT_STEPS):
        # A step for each reach towards the tail, and one for the tail towards the gap, together.
        wanted, slope, last = _each(log_tail, shape), np.zeros_like(x), at.copy()
        for these, tails in parts:
            at[these], slope[these] = tails.step(at[these], wanted[these])
        at[whole] = -np.expm1((_LN_2 + wanted[whole]) / n[whole])
        slope[whole] = (at[whole] - 1) / n[whole]
        reached = np.sqrt((at * at).reshape(shape).sum(axis=0))
        by_tail = (at * slope).reshape(shape).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            change = (gap - reached) * reached / by_tail
        change = np.clip(np.nan_to_num(change, posinf=0, neginf=0), -4, 4)
        moved = np.clip(log_tail + change, least - 1, math.log(0.5))
        settled = (np.abs(moved - log_tail) <= 1e-6) & (np.abs(gap - reached) <= 1e-6 * gap)
        close = np.abs(at - last) <= 1e-5 * np.minimum(at, np.maximum(share - at, 1e-9))
        settled &= close.reshape(shape).all(axis=0)
        settled |= (moved == log_tail) & (change > 0)  # no gap is as small as this one
        log_tail = np.where(open_, moved, log_tail)
        open_ = open_ & ~settled & (log_tail > least)
        if not open_.any():
            break
    found = np.where(gap > 0, np.exp(log_tail), 0.5)
    found = np.where(log_tail <= least, 0.0, found)
    if open_.any():  # of one row or two, a step of one kind may undo that of the other for ever
        reaches = Reaches(x.reshape(shape)[:, open_], n.reshape(shape)[:, open_])
        found[open_] = tail_where(
            lambda tail: np.sqrt(np.square(reaches(tail)).sum(axis=0)), gap[open_]
        )
    return np.where(np.isnan(gap) | (n.reshape(shape) <= 0).any(axis=0), np.nan, found)


def tail_where(reached: Callable[[Array], Array], gap: Array) -> Array:
    """Chance at which something reaches as far as a gap.

    Parameters
    ----------
    reached
        Reach at some chances, an array like `gap`: 0 at a half, or about that, and the farther the
        smaller the chance.
    gap
        How far is to be reached, 0 or more, shape ``(comparisons,)``.

    Returns
    -------
    numpy.ndarray
        The chance: a half where the gap is 0 or less, 0 where it takes a chance below `LEAST_TAIL`,
        and NaN where a gap or its reach is.
    """
    # With t so that the chance is exp(-t²/2) / 2, a reach is nearly proportional to t.
    most = math.sqrt(-2 * math.log(2 * LEAST_TAIL))
    low, high = np.zeros_like(gap), np.full_like(gap, most)
    before, at_before = low, -gap
    t = np.where(gap > 0, 2.0, 0.0)
    open_ = gap > 0
    unknown = np.isnan(gap)
    for step in range(_MOST_STEPS):
        if not open_.any():
            break
        value = reached(np.exp(-t * t / 2) / 2) - gap
        unknown |= open_ & np.isnan(value)
        open_ &= ~unknown & ~((value < 0) & (t >= most)) & (np.abs(value) > 1e-10 * gap)
        under = value < 0
        low, high = np.where(open_ & under, t, low), np.where(open_ & ~under, t, high)
        open_ &= high - low > 1e-12 * high
        with np.errstate(all="ignore"):
            secant = t - value * (t - before) / (value - at_before)
        # Where a reach jumps, secants are slow: then every other step halves what is left.
        kept = (secant > low) & (secant < high) & ((step < 8) | (step % 2 == 0))
        moved = np.where(kept, secant, (low + high) / 2)
        moved = np.where((secant >= high) & (high == most), most, moved)
        before, at_before = np.where(open_, t, before), np.where(open_, value, at_before)
        near = np.abs(moved - t) <= 3e-5  # the next step would be nearly as the square of this
        t = np.where(open_, moved, t)
        open_ &= ~near
    found = np.exp(-t * t / 2) / 2
    return np.where(unknown, np.nan, np.where(open_ | (t < most), found, 0.0))


def _each(by_comparison: Array, shape: tuple[int, ...]) -> Array:
    return np.broadcast_to(by_comparison, shape).ravel()


def _joined(one: Array, other: Array) -> Array:
    return np.asarray(np.sqrt(one * one + other * other))


def _tails(x: Array, n: Array) -> list[tuple[NDArray[np.intp], _Tails]]:
    """Laws of the counts above 0 and below their number of rows, and where those stand."""
    inner = (x > 0) & (x < n)
    variance = np.where(inner, x * (1 - x / np.where(inner, n, 1)), -1.0)
    made, least = [], 0.0
    for most, pairs in zip((*_VARIANCES, math.inf), (*_PAIRS, 0), strict=True):
        these = np.flatnonzero((variance >= least) & (variance < most))
        if len(these):
            made.append((these, _Tails(x[these], n[these], pairs)))
        least = most
    return made


class _Tails:
    """Upper tails of binomial laws at counts above 0 and below their number of rows.

    With no `pairs` of terms for the continued fraction, tails are the saddlepoint's.
    """

    def __init__(self, x: Array, n: Array, pairs: int):
        self.x, self.n, self.rest = x, n, n - x
        self.share, self.other = x / n, self.rest / n
        self.variance = x * self.other
        self._deviation = np.sqrt(self.variance)
        if pairs:
            # ln of the law's own height at the proportion itself, as C. Loader has it ("Fast and
            # accurate computation of binomial probabilities", 2000).
            self._height = _beyond_stirling(n) - _beyond_stirling(x) - _beyond_stirling(self.rest)
            self._height -= np.log(2 * math.pi * self.variance) / 2
            self._fractions = _fractions(x + 1, self.rest, pairs)
            self._first = self.rest / (x + 1)
        self._tail = self._by_fraction if pairs else self._by_saddlepoint
        self._usual: Array | None = None

    def reach(self, log_tail: Array) -> Array:
        """Reach to the proportion whose tail this is, by Halley's steps.

        From the second level on they start from the reach of the usual level, to which a reach is
        nearly in proportion; so it does not depend on the levels asked for before, to the bit.
        """
        if self._usual is None:
            self._usual = self._stepped(self.start(_USUAL), _USUAL)
        usual = log_tail == _USUAL
        if usual.all():
            return self._usual
        times = np.sqrt(np.maximum(-_LN_2 - log_tail, 1e-6) / (-_LN_2 - _USUAL))
        at = np.minimum(self._usual * times, self.share * (1 - 1e-9))
        return np.asarray(np.where(usual, self._usual, self._stepped(at, log_tail)))

    def _stepped(self, at: Array, log_tail: Any) -> Array:
        open_ = np.ones(len(at), dtype=bool)
        for _ in range(_MOST_STEPS):
            moved, _ = self.step(at, log_tail)
            # The next step would be as the cube of this, in parts of the reach and of the limit.
            limit = np.maximum(self.share - moved, 1e-9 * self.share)
            far = np.abs(moved - at) > 5e-4 * np.minimum(at, limit)
            at = np.where(open_, moved, at)
            open_ &= far
            if not open_.any():
                break
        return at

    def start(self, log_tail: Any) -> Array:
        """Reach near to the one whose tail this is: that of E. B. Wilson's limit (1927)."""
        # The normal quantile to three digits: M. Abramowitz and I. Stegun, 26.2.23.
        t = np.sqrt(np.maximum(-2 * log_tail, 1.3863))
        z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (
            1 + t * (1.432788 + t * (0.189269 + t * 0.001308))
        )
        z = np.maximum(z, 1e-3)
        wide = z * np.sqrt(self.variance + z * z / 4)
        low = (self.x + z * z / 2 - wide) / (self.n + z * z)
        least = 1e-9 * self.share
        return np.asarray(self.share - np.clip(low, least, self.share - least))

    def step(self, at: Array, log_tail: Any) -> tuple[Array, Array]:
        """One of Halley's steps from a reach, and how the reach changes with the log of the tail.

        Steps are of the logarithm of the tail by that of the proportion, in which it is concave.
        """
        low, high = self.share - at, self.other + at
        value, times = self._tail(at, low, high)
        odds = self.rest * low / high
        slope = (self.x + odds) / (2 * times)
        bend = odds / high / (self.x + odds) - slope + self.x - odds  # of the slope, in parts of it
        change = (log_tail - value) / slope
        change /= np.maximum(1 + change * bend / 2, 0.5)
        change = np.minimum(np.maximum(change, -30), 2)
        at = np.maximum(at - low * np.expm1(change), 1e-15 * self.share)
        return at, -(self.share - at) / slope

    def _by_fraction(self, at: Array, low: Array, high: Array) -> tuple[Array, Array]:
        """Logarithm of the tail at a limit that is `at` below the proportion, and its heights."""
        gone = self.share * np.log1p(at / low) + self.other * np.log1p(-at / high)
        terms = self._fractions * low
        below = np.ones_like(low)
        for term in terms[::-1]:
            np.divide(term, below, out=below)
            below += 1
        times = 0.5 + self._first * low / below
        return self._height - self.n * gone + np.log(times), times

    def _by_saddlepoint(self, at: Array, low: Array, high: Array) -> tuple[Array, Array]:
        """The same by the formula of R. Lugannani and S. Rice (1980).

        The count itself counts half, which makes the lattice's correction a hyperbolic cotangent.
        """
        logs = np.log1p(at / low), np.log1p(-at / high)
        w = np.sqrt(2 * self.n * np.maximum(self.share * logs[0] + self.other * logs[1], 0))
        height = np.exp(-w * w / 2) / _ROOT_2_PI
        with np.errstate(divide="ignore", invalid="ignore"):
            more = 0.5 / np.tanh((logs[0] - logs[1]) / 2) / self._deviation - 1 / w
        more = np.where(w > 1e-5, more, 0.0)  # both of its parts are endless at 0
        tail = normal_tail(w) + height * more
        return np.log(tail), tail * self._deviation / height


def normal_tail(z: Array) -> Array:
    """Chance that a standard normal variable exceeds z, for z of 0 or more; right to 1e-14 of it.

    By the trapezoidal rule on the line, which is nearly exact (C. Chiarella and A. Reichel, "On the
    evaluation of integrals related to the error function", Mathematics of Computation 22, 1968).

    >>> normal_tail(np.array([0.0, 1.0, 1.959963984540054])).round(6)
    array([0.5     , 0.158655, 0.025   ])
    """
    x = np.minimum(z, 37.0) / math.sqrt(2)
    square = x * x
    near = x < 0.05  # there the two parts below cancel
    # Accumulated one by one, so that no sum depends on how many there are.
    sums = np.add.accumulate(_WEIGHTS / (_SQUARES + square), axis=0)[-1]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        made = _STEP / math.pi * np.exp(-square) * (2 * x * sums + 1 / x)
        made -= np.where(x < math.pi / _STEP, 2 / np.expm1(2 * math.pi * x / _STEP), 0.0)
    series = 1 - 2 / math.sqrt(math.pi) * x * (
        1 - square * (1 / 3 - square * (1 / 10 - square * (1 / 42 - square / 216)))
    )
    return np.asarray(np.where(near, series, made) / 2)


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
