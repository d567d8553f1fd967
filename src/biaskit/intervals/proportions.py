"""Limits of a proportion by the tails of its binomial distribution, at any level, without SciPy.

(`jeffreys` has those of a beta distribution, for tables of very many proportions, by SciPy.)

The lower limit is the proportion at which the observed count or more has the probability ``tail``,
where the observed count itself counts half (the mid-p form of C. J. Clopper and E. S. Pearson, "The
use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26, 1934;
H. O. Lancaster, "Significance tests in discrete distributions", JASA 56, 1961). The upper limit is
one minus the lower limit of the other rows. Counts may be fractions: weighted rows have an
effective number.

All limits of a report are solved together (`solve`), at given levels and at unknown ones, since
arrays of a few numbers cost as much as arrays of hundreds. Each number stops changing once it has
converged, so the result for one proportion does not depend on the others, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.intervals.tails import Array, Laws

__all__ = [
    "LEAST_TAIL",
    "Array",
    "Known",
    "Sought",
    "both_reaches",
    "difference",
    "jeffreys",
    "reach",
    "solve",
]

#: Smallest tail probability that is distinguished from 0.
LEAST_TAIL = 1e-12

_MOST_STEPS = 100
# Relative step of a limit at which it has converged, or is close enough to use.
_CLOSE, _NEAR = 2e-3, 0.2
# With fewer limits than this, dropping converged ones saves no time.
_FEW_LIMITS = 100
# Most limits that are solved at once: each takes a few hundred bytes.
_AT_ONCE = 2**16
_NOTHING, _NOWHERE = np.empty(0), np.empty(0, dtype=np.intp)
_LN_2 = math.log(2)


class Known(NamedTuple):
    """Limits at levels that are known; all arrays have the shape ``(limits,)``."""

    #: Counts, and the rows that they are out of.
    x: Array
    n: Array
    #: Tail probabilities beyond the limits, above 0 and at most 1/2.
    tail: Array


class Sought(NamedTuple):
    """For each comparison, the level at which the combined limits reach as far as a gap."""

    #: Counts and rows, and which comparison each is of, shape ``(limits,)``.
    x: Array
    n: Array
    of: NDArray[np.intp]
    #: Distance to reach, 0 or more, shape ``(comparisons,)``.
    gap: Array
    #: Combined reach of each comparison, from the reaches of the limits and the tail probabilities
    #: of the comparisons: it grows as the probability shrinks, and is about 0 at 1/2.
    reached: Callable[[Array, Array], Array]
    #: Tail probabilities of the limits from those of the comparisons, where they differ.
    levels: Callable[[Array], Array] | None = None


def reach(x: Any, n: Any, tail: Any) -> Array:
    """How far the lower limit of the proportion ``x / n`` lies below it.

    Parameters
    ----------
    x, n
        Counts, and the rows that they are out of, ``0 <= x <= n``.
    tail
        Tail probability beyond the limit, above 0 and at most 1/2.

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
    asked = np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in (x, n, tail)))
    (found,), _ = solve([Known(*(one.ravel() for one in asked))])
    return found.reshape(asked[0].shape)


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

    The reaches of the two are combined as in G. Y. Zou and A. Donner ("Construction of confidence
    limits about effect measures", Statistics in Medicine 27, 2008): the root of the sum of their
    squares.

    >>> [round(float(one), 4) for one in difference(12, 40, 20, 200)]
    [0.2, 0.0651, 0.3584]
    """
    tail = (1 - confidence) / 2
    x, n, y, m = (np.asarray(one, dtype=np.float64) for one in (x, n, y, m))
    (down, up), (other_down, other_up) = both_reaches(x, n, tail), both_reaches(y, m, tail)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = np.asarray(x / n - y / m)
    return estimate, estimate - _joined(down, other_up), estimate + _joined(up, other_down)


def _joined(one: Array, other: Array) -> Array:
    return np.asarray(np.sqrt(one * one + other * other))


def solve(known: Sequence[Known], sought: Sequence[Sought] = ()) -> tuple[list[Array], list[Array]]:
    """Reaches of limits at known levels, and levels at which limits reach a given gap.

    Parameters
    ----------
    known
        Limits to find, as `reach` does for one.
    sought
        Levels to find.

    Returns
    -------
    tuple of list
        The reaches for each of `known`, and the tail probabilities by comparison for each of
        `sought`: 1/2 where the gap is 0 or less, 0 where it would be below `LEAST_TAIL`, and NaN
        where the gap or a reach is NaN.

    Examples
    --------
    >>> x, n = np.array([40.0, 20.0]), np.array([1000.0, 40.0])
    >>> root = Sought(x, n, np.array([0, 0]), np.array([0.1]),
    ...               lambda reaches, tail: np.sqrt(np.square(reaches).sum(keepdims=True)))
    >>> reaches, tails = solve([Known(x, n, np.array([0.025, 0.025]))], [root])
    >>> reaches[0].round(4), tails[0].round(4)
    (array([0.0109, 0.1522]), array([0.1027]))
    """
    if not (known or sought):
        return [], []
    sizes = [len(one.x) for one in known]
    if sum(sizes) > _AT_ONCE:
        every = Known(*(np.concatenate(arrays) for arrays in zip(*known, strict=True)))
        parts = (
            Known(*(array[start : start + _AT_ONCE] for array in every))
            for start in range(0, sum(sizes), _AT_ONCE)
        )
        reaches = np.concatenate([solve([part])[0][0] for part in parts])
        return [reaches[at] for at in _slices(sizes)], solve([], sought)[1]
    with np.errstate(all="ignore"):  # undefined and infinite values are reported as such
        return _Search(known, sought).found()


class _Search:
    """Iteration for limits and levels together: a step of each limit, then one of each level."""

    def __init__(self, known: Sequence[Known], sought: Sequence[Sought]):
        asked: list[Known | Sought] = [*known, *sought]
        self.x = np.concatenate([one.x for one in asked])
        self.n = np.concatenate([one.n for one in asked])
        self.slices = _slices([len(one.x) for one in asked])
        self.known, self.sought = known, sought
        self.of_sought = self.slices[len(known) :]
        self.fixed = sum(len(one.x) for one in known)
        self.comparisons = _slices([len(one.gap) for one in sought])
        self.levels = _Levels(np.concatenate([_NOTHING, *(one.gap for one in sought)]))
        self.of = np.concatenate(
            [
                _NOWHERE,
                *(one.of + at.start for one, at in zip(sought, self.comparisons, strict=True)),
            ]
        )
        tails = np.concatenate([_NOTHING, *(one.tail for one in known)])
        self.log_tail = np.empty(len(self.x))
        self.log_tail[: self.fixed] = np.log(tails)
        inner = (self.x > 0) & (self.x < self.n)
        self.at = np.where(self.n > 0, 0.0, np.nan)
        self.whole = np.flatnonzero((self.x >= self.n) & (self.n > 0))
        self.laws = Laws(self.x, self.n, np.flatnonzero(inner))
        self.wanted = inner  # whether a limit has not converged yet

    def found(self) -> tuple[list[Array], list[Array]]:
        self._start()
        for _ in range(_MOST_STEPS):
            off = self._step()
            if self.sought:
                self._seek(off)
            these = self.wanted[self.laws.places]
            left = int(np.count_nonzero(these))
            if not left and not self.levels.open.any():
                break
            if len(these) > max(2 * left, _FEW_LIMITS):
                self.laws = self.laws.of(these)
        tails = self.levels.tails()
        return (
            [self.at[at] for at in self.slices[: len(self.known)]],
            [tails[at] for at in self.comparisons],
        )

    def _start(self) -> None:
        """Start from the limits of E. B. Wilson (1927), at levels at which those reach the gaps."""
        if self.sought:
            self._spread()
            self._place(self.laws.start(self.log_tail[self.laws.places]))
            self.levels.guess(self._reached())
            self._spread()
        self._place(self.laws.start(self.log_tail[self.laws.places]))

    def _step(self) -> Array:
        """One step of each limit that has not converged; returns their relative moves."""
        laws = self.laws
        places = laws.places
        was = self.at[places]
        moved = laws.step(was, self.log_tail[places])
        left = np.maximum(laws.share - moved, 1e-9 * laws.share)
        off = np.abs(moved - was) / np.minimum(np.maximum(was, laws.small), left)
        self._place(np.where(self.wanted[places], moved, was))
        # The next step would be about the cube of this one.
        self.wanted[places[(off <= _CLOSE) & (places < self.fixed)]] = False
        return np.asarray(off)

    def _seek(self, off: Array) -> None:
        """One step of each level whose limits have nearly converged."""
        places, of = self.laws.places, self.of
        worst = np.zeros(len(self.levels.gap))
        free = places >= self.fixed
        np.maximum.at(worst, of[places[free] - self.fixed], off[free])
        self.levels.step(self._reached(), worst)
        self.wanted[self.fixed :] &= self.levels.open[of]
        self._spread()

    def _place(self, at: Array) -> None:
        self.at[self.laws.places] = at
        whole = self.whole
        if len(whole):  # there the tail is half of a power
            self.at[whole] = -np.expm1((_LN_2 + self.log_tail[whole]) / self.n[whole])

    def _spread(self) -> None:
        """Give each limit the level of its comparison."""
        log_tail = self.levels.log_tail
        self.log_tail[self.fixed :] = log_tail[self.of]
        for one, limits, at in zip(self.sought, self.of_sought, self.comparisons, strict=True):
            if one.levels is not None:
                self.log_tail[limits] = np.log(one.levels(np.exp(log_tail[at])))

    def _reached(self) -> Array:
        tail = np.exp(self.levels.log_tail)
        made = [
            one.reached(self.at[limits], tail[at])
            if self.levels.open[at].any()
            else self.levels.gap[at]
            for one, limits, at in zip(self.sought, self.of_sought, self.comparisons, strict=True)
        ]
        return np.concatenate(made)


def _slices(sizes: Sequence[int]) -> list[slice]:
    return [slice(start, end) for start, end in pairwise(accumulate(sizes, initial=0))]


class _Levels:
    """Levels at which a reach equals a gap, found by bracketed secant steps.

    A level is represented by a number s whose normal tail is about the level, so that reaches are
    nearly proportional to it (S. E. Derenzo, "Approximations for hand calculators using small
    integer coefficients", Mathematics of Computation 31, 1977).
    """

    USUAL, MOST = 1.96, 7.2

    def __init__(self, gap: Array):
        self.gap = gap
        self.open = gap > 0
        self._go(np.where(self.open, self.USUAL, 0.0))
        self.low, self.high = np.zeros_like(gap), np.full_like(gap, self.MOST)
        self.before, self.over_before = self.low, -gap
        self.unknown = np.isnan(gap)
        self.rounds = 0
        self.steps = np.zeros(len(gap), dtype=int)

    def _go(self, s: Array) -> None:
        self.s = s
        self.log_tail = -_LN_2 - ((83 * s + 351) * s + 562) * s / (703 + 165 * s)

    def tails(self) -> Array:
        found = np.where(self.s > 0, np.exp(self.log_tail), 0.5)
        found = np.where((found < LEAST_TAIL) | (self.s >= self.MOST), 0.0, found)
        return np.where(self.unknown, np.nan, found)

    def guess(self, reached: Array) -> None:
        """Move to where the gap would be if reaches were proportional to s."""
        s = self.s * self.gap / reached
        s = np.where(np.isfinite(s), np.minimum(np.maximum(s, 1e-3), self.MOST), self.USUAL)
        self._go(np.where(self.open, s, self.s))

    def step(self, reached: Array, off: Array) -> None:
        """Move to where the secant meets the gap; `off` is how much the limits just moved."""
        s, gap = self.s, self.gap
        over = reached - gap
        close, under = off <= _CLOSE, over < 0
        self.unknown |= self.open & np.isnan(over)
        least, most = s <= 0, s >= self.MOST
        there = close & ((np.abs(over) <= 1e-9 * gap) | (most & under) | (least & ~under))
        told = self.open & close
        self.low = np.where(told & under, s, self.low)
        self.high = np.where(told & ~under, s, self.high)
        there |= close & (self.high - self.low <= 1e-12 * self.high)
        secant = s - over * (s - self.before) / (over - self.over_before)
        # Where a reach jumps, secants are slow: then every other step bisects.
        inside = (secant > self.low) & (secant < self.high)
        inside &= ~close | (self.steps < 6) | (self.steps % 2 == 0)
        moved = np.where(inside, secant, (self.low + self.high) / 2)
        moved = np.where((secant >= self.high) & (self.high == self.MOST), self.MOST, moved)
        moved = np.where((secant <= self.low) & (self.low == 0), 0.0, moved)
        # The next step would be about the square of this one.
        near = (np.abs(moved - s) <= 1e-5) & (self.before > 0)
        near |= inside & (np.abs(over) <= 1e-6 * gap)
        self.before = np.where(told, s, self.before)
        self.over_before = np.where(told, over, self.over_before)
        ready = close | ((off <= _NEAR) & (self.rounds < 3))
        self.rounds += 1
        self._go(np.where(self.open & ~there & ~self.unknown & ready, moved, s))
        self.open = self.open & ~(there | self.unknown | (close & near))
        self.steps += close


def jeffreys(count: Any, rows: Any, tail: float) -> tuple[Array, Array]:
    """Jeffreys' limits of proportions: 0 where nothing counts, 1 where all do, NaN without rows.

    >>> [one.round(4).tolist() for one in jeffreys([0, 12], [10, 40], 0.025)]
    [[0.0, 0.1756], [0.2172, 0.4522]]
    """
    from scipy.special import betaincinv  # reports do without it

    x, n = np.asarray(count, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    low = np.where(x > 0, betaincinv(x + 0.5, n - x + 0.5, tail), 0.0)
    # Not at 1 - tail, which a small tail would be lost in.
    high = np.where(x < n, 1 - betaincinv(n - x + 0.5, x + 0.5, tail), 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)
