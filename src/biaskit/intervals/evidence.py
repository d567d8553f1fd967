"""Evidence: what some rows say of a number that is made of proportions, at any level.

Each proportion has limits by its own tails (`biaskit.intervals.proportions`); what they make of the
number is joined as the root of the sum of the squares (MOVER: G. Y. Zou and A. Donner,
"Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import divide
from biaskit.intervals.proportions import Array, Reaches, reach, tail_of_gap, tail_where
from biaskit.metrics import forms

__all__ = [
    "ACROSS",
    "ALONG",
    "Evidence",
    "OfCurves",
    "OfDifference",
    "OfLargest",
    "OfOne",
    "OfQuotient",
    "OfStrata",
]

#: Directions in which a quarter of the ellipse about two proportions is walked, from one axis to
#: the other, and the same the other way round.
ALONG = np.cos(np.linspace(0, math.pi / 2, 9))[:, np.newaxis]
ALONG[-1] = 0.0
ACROSS = ALONG[::-1]
# Of more strata, the limits of counts that stand there often are found once.
_MANY_STRATA = 64


class Evidence(ABC):
    """What some rows say of a number, one for each comparison, at any level.

    `estimate` has the shape ``(comparisons,)``, as have all arrays here.
    """

    def __init__(self, estimate: Array):
        self.estimate = estimate

    def ends(self, tail: Any) -> tuple[Array, Array]:
        """Low and high ends of the intervals that leave a chance of `tail` beyond either end."""
        with np.errstate(all="ignore"):  # what is undefined or endless is said to be
            low, high = self._ends(self._each(tail))
        undefined = np.isnan(self.estimate)
        return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)

    def tail_at(self, value: Any) -> Array:
        """Chance that an interval leaves beyond the end with which it meets a value.

        A half where the value is the estimate, 0 where the chance is less than can be told apart.
        """
        with np.errstate(all="ignore"):
            found = self._tail_at(self._each(value))
        return np.where(np.isnan(self.estimate), np.nan, found)

    def p_value(self, parity: Any) -> Array:
        """Level at which an end of the interval meets parity."""
        with np.errstate(all="ignore"):
            found = self._p_value(self._each(parity))
        return np.where(np.isnan(self.estimate), np.nan, found)

    @abstractmethod
    def _ends(self, tail: Array) -> tuple[Array, Array]: ...

    def _tail_at(self, value: Array) -> Array:
        endless = np.isinf(self.estimate)

        def scaled(x: Array) -> Array:  # what is endless is at a finite distance, too
            return np.where(endless, np.arctan(x), x) if endless.any() else x

        below = value < self.estimate
        middle, met = scaled(self.estimate), scaled(value)

        def reached(tail: Array) -> Array:
            low, high = self._ends(tail)
            return np.abs(scaled(np.where(below, low, high)) - middle)

        return tail_where(reached, np.abs(met - middle))

    def _p_value(self, parity: Array) -> Array:
        return 2 * self._tail_at(parity)

    def _each(self, value: Any) -> Array:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), self.estimate.shape)


class OfOne(Evidence):
    """A single proportion, on a straight scale."""

    def __init__(self, form: forms.One, estimate: Array):
        super().__init__(estimate)
        self.size, falls = abs(form.factor), form.factor < 0
        count, rows = (np.asarray(one, dtype=np.float64) for one in form.share)
        # The rows whose limit from below makes the low end of the number, and the high one.
        self.counts = np.stack([rows - count, count] if falls else [count, rows - count])
        self.rows = rows

    def _ends(self, tail: Array) -> tuple[Array, Array]:
        down, up = self.size * reach(self.counts, self.rows, tail)
        return self.estimate - down, self.estimate + up

    def _tail_at(self, value: Array) -> Array:
        count = np.where(value < self.estimate, self.counts[0], self.counts[1])
        gap = np.abs(value - self.estimate) / self.size
        return tail_of_gap(count[np.newaxis], self.rows[np.newaxis], gap)


class OfDifference(Evidence):
    """One proportion less another."""

    def __init__(self, form: forms.Difference, estimate: Array):
        super().__init__(estimate)
        self.x, self.n, self.y, self.m = (
            np.asarray(one, dtype=np.float64) for one in (*form.plus, *form.minus)
        )

    def _ends(self, tail: Array) -> tuple[Array, Array]:
        x, n, y, m = self.x, self.n, self.y, self.m
        found = reach(np.stack([x, m - y, n - x, y]), np.stack([n, m, n, m]), tail)
        squares = found * found
        down, up = np.sqrt(squares[0] + squares[1]), np.sqrt(squares[2] + squares[3])
        return self.estimate - down, self.estimate + up

    def _tail_at(self, value: Array) -> Array:
        x, n, y, m = self.x, self.n, self.y, self.m
        # Of whole numbers this is the same, to the bit, when either kind of rows is counted.
        away = (x * m - y * n) / (n * m) - value
        below = away > 0  # then it is the low end that meets the value
        counts = np.stack([np.where(below, x, n - x), np.where(below, m - y, y)])
        return tail_of_gap(counts, np.stack([n, m]), np.abs(away))


class OfStrata(Evidence):
    """The shares of either kind are joined over the strata, and then the two with each other."""

    def __init__(self, form: forms.Strata, estimate: Array):
        super().__init__(estimate)
        self.weight = np.asarray(form.weight, dtype=np.float64)
        kinds = (form.plus, form.minus)
        used = self.weight > 0
        count, rows = (
            np.stack([np.where(used, np.asarray(side[i], dtype=np.float64), i) for side in kinds])
            for i in (0, 1)
        )
        # Below and above: the rows counted, and the others.
        self.counts, self.rows = np.stack([count, rows - count]), np.stack([rows, rows])
        of = np.arange(len(self.weight))[:, np.newaxis]
        self.comparison = np.broadcast_to(of, self.counts.shape)

    def _ends(self, tail: Array) -> tuple[Array, Array]:
        reaches, comparison, where = self._once
        found = reaches(tail[comparison])[where].reshape(self.counts.shape)
        (plus_down, minus_down), (plus_up, minus_up) = self._over_strata(*found)
        low = np.sqrt(plus_down * plus_down + minus_up * minus_up)
        high = np.sqrt(plus_up * plus_up + minus_down * minus_down)
        return self.estimate - low, self.estimate + high

    @cached_property
    def _once(self) -> tuple[Reaches, NDArray[np.intp], NDArray[np.intp]]:
        """Limits to be found, each once for a comparison, which one, and where they stand."""
        flat = np.stack([one.ravel() for one in (self.counts, self.rows, self.comparison)])
        where = np.arange(flat.shape[1])
        if self.weight.shape[-1] > _MANY_STRATA:
            flat, where = np.unique(flat, axis=1, return_inverse=True)
        return Reaches(flat[0], flat[1]), flat[2].astype(np.intp), where.ravel()

    def _over_strata(self, down: Array, up: Array) -> tuple[Array, Array]:
        """Reaches of a weighted mean, below and above, of those of its parts (the last axis).

        The squares add up. That alone leaves the shorter side too short where many parts lean the
        same way, since a sum leans less than its parts: were leanings to add up as third moments
        do, the shorter side would reach ``wide - lean``. It reaches half-way to that.
        """
        square = self.weight**2
        made = [np.sqrt((square * one * one).sum(axis=-1)) for one in (down, up)]
        half, lean = (down + up) / 2, (up - down) / 2
        spread = (square * half * half).sum(axis=-1)
        third = (square * self.weight * lean * half * half).sum(axis=-1)
        lean = np.where(spread > 0, divide(third, spread), 0.0)
        wide = np.sqrt(spread)
        return (
            np.maximum(made[0], (made[0] + wide - lean) / 2),
            np.maximum(made[1], (made[1] + wide + lean) / 2),
        )


class OfQuotient(Evidence):
    """On the scale of logarithms; where nothing is counted, half a row stands in for the middle.

    The larger proportion is divided by the smaller one, and where that is the wrong way round the
    ends are the reciprocals: so those of a quotient and of its reciprocal are, to the bit.
    """

    def __init__(self, form: forms.Quotient, estimate: Array):
        super().__init__(estimate)
        counts, rows = (
            np.stack([np.asarray(side[i], dtype=np.float64) for side in form]) for i in (0, 1)
        )
        middle = np.where(counts > 0, divide(counts, rows), 0.5 / (rows + 1))
        equal = middle[0] == middle[1]
        self.turned = (middle[0] < middle[1]) | (equal & (rows[0] < rows[1]))
        self.counts, self.rows, self.middle = (
            np.where(self.turned, one[::-1], one) for one in (counts, rows, middle)
        )
        self.quotient = np.where(np.isnan(estimate), np.nan, self.middle[0] / self.middle[1])
        self.share = divide(self.counts, self.rows)
        self.reach = Reaches(
            np.stack([self.counts, self.rows - self.counts]), np.stack([self.rows, self.rows])
        )

    def _ends(self, tail: Array) -> tuple[Array, Array]:
        below, above = self._reaches(tail)
        low, high = self.quotient * np.exp(-below), self.quotient * np.exp(above)
        return np.where(self.turned, 1 / high, low), np.where(self.turned, 1 / low, high)

    def _tail_at(self, value: Array) -> Array:
        value = np.log(value)
        gap = np.log(self.quotient) - np.where(self.turned, -value, value)
        return tail_where(
            lambda tail: np.where(gap > 0, *self._reaches(tail)), np.where(gap == 0, 0, np.abs(gap))
        )

    def _reaches(self, tail: Any) -> tuple[Array, Array]:
        down, up = self.reach(tail)
        down = np.where(self.counts > 0, np.log(self.middle / (self.share - down)), np.inf)
        up = np.maximum(np.log((self.share + up) / self.middle), 0.0)
        return np.sqrt(down[0] ** 2 + up[1] ** 2), np.sqrt(up[0] ** 2 + down[1] ** 2)


class OfCurves(Evidence):
    """Functions of one or two proportions: their extremes on the ellipse about the proportions."""

    def __init__(self, form: forms.Curves, estimate: Array):
        super().__init__(estimate)
        self.curves = [form.plus] if form.minus is None else [form.plus, form.minus]
        counts, rows = (
            np.array([[share[i] for share in curve.shares] for curve in self.curves], np.float64)
            for i in (0, 1)
        )
        self.known = rows > 0
        self.shares = np.where(self.known, divide(counts, rows), 0.5)
        self.reach = Reaches(np.stack([counts, rows - counts]), np.stack([rows, rows]))

    def _ends(self, tail: Array) -> tuple[Array, Array]:
        down, up = np.where(self.known, self.reach(tail), 0.5)
        found = [
            _extremes(curve.function, shares, np.stack([-below, above], axis=1), known)
            for curve, shares, below, above, known in zip(
                self.curves, self.shares, down, up, self.known, strict=True
            )
        ]
        value, low, high = found[0]
        if len(found) == 2:
            other, least, most = found[1]
            below = np.sqrt((value - low) ** 2 + (most - other) ** 2)
            above = np.sqrt((high - value) ** 2 + (other - least) ** 2)
            # What is endless has no reach, but it has an end: then ends are subtracted.
            endless = ~np.isfinite(value - other)
            low = np.where(endless, low - most, self.estimate - below)
            high = np.where(endless, high - least, self.estimate + above)
        return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _extremes(
    function: Callable[..., Array], shares: Array, steps: Array, known: NDArray[np.bool_]
) -> tuple[Array, Array, Array]:
    """A function at its proportions, and its least and greatest on the ellipse about them.

    Parameters
    ----------
    function
        The function of one or two proportions.
    shares
        Proportions, shape ``(one or two, comparisons)``.
    steps
        Reaches below (negative) and above them, shape ``(one or two, 2, comparisons)``.
    known
        False where a proportion is of no rows, so that it may be anything whatever the other is.
    """
    if len(shares) == 1:
        places = [shares[0] + steps[0]]
    else:
        places = [
            shares[0] + steps[0][:, np.newaxis, np.newaxis] * np.where(known[1], ALONG, 1.0),
            shares[1] + steps[1][np.newaxis, :, np.newaxis] * ACROSS,
        ]
    value = function(*shares)
    found = function(*(np.minimum(np.maximum(one, 0), 1) for one in places))
    found = found.reshape(-1, found.shape[-1])
    return value, np.fmin(value, found.min(axis=0)), np.fmax(value, found.max(axis=0))


class OfLargest(Evidence):
    """The largest of several differences; that any is not 0 is found out of as many tests.

    Its test and low end are those of Z. Sidak ("Rectangular confidence regions for the means of
    multivariate normal distributions", JASA 62, 1967); its high end is the largest of theirs.
    """

    def __init__(self, form: forms.Largest, estimate: Array):
        super().__init__(estimate)
        self.each = [
            OfDifference(one, divide(*one.plus) - divide(*one.minus)) for one in form.differences
        ]

    def _ends(self, tail: Array) -> tuple[Array, Array]:
        for_any = -np.expm1(np.log1p(-2 * tail) / len(self.each)) / 2
        low = np.max([_folded(*one._ends(for_any))[0] for one in self.each], axis=0)
        high = np.max([_folded(*one._ends(tail))[1] for one in self.each], axis=0)
        return low, high

    def _p_value(self, parity: Array) -> Array:
        least = np.min([one._p_value(0 * parity) for one in self.each], axis=0)
        return np.asarray(-np.expm1(len(self.each) * np.log1p(-least)))


def _folded(low: Array, high: Array) -> tuple[Array, Array]:
    """Ends of the size of a number that has these ends."""
    ends = np.abs(low), np.abs(high)
    holds_0 = (low <= 0) & (high >= 0)
    return np.where(holds_0, 0.0, np.minimum(*ends)), np.maximum(*ends)
