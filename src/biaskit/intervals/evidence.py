"""Evidence: intervals and tests, at any level, of a number computed from proportions.

Each proportion has limits by its own tails (`biaskit.intervals.proportions`); their effects on the
number are combined as the root of the sum of their squares (MOVER: G. Y. Zou and A. Donner,
"Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import divide
from biaskit.intervals.proportions import Array, Known, Sought, solve
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
    "all_ends",
    "all_tails_at",
]

#: Directions on a quarter of the ellipse around two proportions, from one axis to the other, and in
#: reverse order.
ALONG = np.cos(np.linspace(0, math.pi / 2, 9))[:, np.newaxis]
ALONG[-1] = 0.0
ACROSS = ALONG[::-1]
# With more strata than this, limits are computed once for each distinct count.
_MANY_STRATA = 64


class Evidence(ABC):
    """Evidence about a number, one for each comparison, at any level.

    The number is computed from proportions, whose limits give the ends of an interval. `estimate`
    has the shape ``(comparisons,)``, as have all arrays here unless another is given.
    """

    #: Number of tests that the p-value combines.
    number_of_tests = 1
    #: Whether all limits have the level of the ends.
    one_level = True

    def __init__(self, estimate: Array):
        self.estimate = estimate

    def _asks(self, counts: Any, rows: Any, of: Any = None) -> None:
        """Declare which lower limits are needed: counts and rows, by comparison.

        Comparisons are on the last axis, unless `of` gives the comparison of each limit.
        """
        self.shape = np.shape(counts)
        if of is None:
            of = np.arange(len(self.estimate))
        self.x, self.n = (np.asarray(one, dtype=np.float64).ravel() for one in (counts, rows))
        self.of: NDArray[np.intp] = (np.zeros(self.shape, dtype=np.intp) + of).ravel()

    def known(self, tail: Any) -> Known:
        """Limits that the ends at a level are computed from."""
        return Known(self.x, self.n, self.levels(self._each(tail)))

    def levels(self, tail: Array) -> Array:
        """Tail probabilities of the limits, shape ``(limits,)``, from those of the ends."""
        return np.asarray(tail[self.of])

    def ends(self, tail: Any) -> tuple[Array, Array]:
        """Low and high ends of the intervals with probability `tail` beyond each end."""
        return all_ends([self], tail)[0]

    def ends_of(self, reaches: Array, tail: Any) -> tuple[Array, Array]:
        """The same from the reaches of the `known` limits."""
        with np.errstate(all="ignore"):  # undefined and infinite values are reported as such
            low, high = self._ends(reaches, self._each(tail))
        undefined = np.isnan(self.estimate)
        return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)

    def tail_at(self, value: Any) -> Array:
        """Tail probability of the interval one of whose ends meets a value.

        It is 1/2 where the value is the estimate, and 0 where it is too small to compute.
        """
        return all_tails_at([self], [value])[0]

    def sought(self, value: Any) -> Sought:
        """The level at which an end meets a value, to be found."""
        with np.errstate(all="ignore"):
            return self._sought(self._each(value))

    def p_value(self, parity: Any) -> Array:
        """Level at which an end of the interval meets parity."""
        _, tails = solve([], self.tests(parity))
        return self.p_of(tails)

    def tests(self, parity: Any) -> list[Sought]:
        """Levels that the p-value combines, as many as `number_of_tests`."""
        return [self.sought(parity)]

    def p_of(self, tails: Sequence[Array]) -> Array:
        """P-value from the levels that the `tests` sought."""
        with np.errstate(all="ignore"):
            return np.where(np.isnan(self.estimate), np.nan, self._p_of(tails))

    @abstractmethod
    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]: ...

    def _sought(self, value: Array) -> Sought:
        endless = np.isinf(self.estimate)

        def scaled(x: Array) -> Array:  # an infinite value is at a finite distance, too
            return np.where(endless, np.arctan(x), x) if endless.any() else x

        below = value < self.estimate
        middle, met = scaled(self.estimate), scaled(value)

        def reached(reaches: Array, tail: Array) -> Array:
            low, high = self._ends(reaches, tail)
            return np.abs(scaled(np.where(below, low, high)) - middle)

        gap = np.abs(met - middle)
        levels = None if self.one_level else self.levels
        return Sought(self.x, self.n, self.of, gap, reached, levels)

    def _p_of(self, tails: Sequence[Array]) -> Array:
        return 2 * tails[0]

    def _each(self, value: Any) -> Array:
        return np.full_like(self.estimate, value)


def all_ends(evidence: Sequence[Evidence], tail: float) -> list[tuple[Array, Array]]:
    """Ends of several numbers, found together."""
    found, _ = solve([one.known(tail) for one in evidence])
    return [one.ends_of(reaches, tail) for one, reaches in zip(evidence, found, strict=True)]


def all_tails_at(evidence: Sequence[Evidence], values: Sequence[Any]) -> list[Array]:
    """Chances at which the ends of several numbers meet values, found together."""
    sought = [one.sought(value) for one, value in zip(evidence, values, strict=True)]
    _, found = solve([], sought)
    return [
        np.where(np.isnan(one.estimate), np.nan, tail)
        for one, tail in zip(evidence, found, strict=True)
    ]


def _root_of_squares(reaches: Array, tail: Array) -> Array:
    """Combined reach of the limits, one or two for each comparison."""
    square = np.square(reaches).reshape(-1, len(tail))
    return np.asarray(np.sqrt(square[0] + square[1] if len(square) == 2 else square[0]))


class OfOne(Evidence):
    """A single proportion, on a linear scale."""

    def __init__(self, form: forms.One, estimate: Array):
        super().__init__(estimate)
        self.size, falls = abs(form.factor), form.factor < 0
        count, rows = (np.asarray(one, dtype=np.float64) for one in form.share)
        # The rows whose lower limit gives the low end of the number, and those for the high end.
        self.counts = np.stack([rows - count, count] if falls else [count, rows - count])
        self.rows = rows
        self._asks(self.counts, np.stack([rows, rows]))

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        down, up = self.size * reaches.reshape(self.shape)
        return self.estimate - down, self.estimate + up

    def _sought(self, value: Array) -> Sought:
        count = np.where(value < self.estimate, self.counts[0], self.counts[1])
        gap = np.abs(value - self.estimate) / self.size
        return Sought(count, self.rows, np.arange(len(gap)), gap, _root_of_squares)


class OfDifference(Evidence):
    """Difference of two proportions."""

    def __init__(self, form: forms.Difference, estimate: Array):
        super().__init__(estimate)
        self.plus, self.minus = form
        (x, n), (y, m) = form
        self._asks(np.array([x, m - y, n - x, y]), np.array([n, m, n, m]))

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        squares = np.square(reaches).reshape(self.shape)
        down, up = np.sqrt(squares[0] + squares[1]), np.sqrt(squares[2] + squares[3])
        return self.estimate - down, self.estimate + up

    def _sought(self, value: Array) -> Sought:
        (x, n), (y, m) = self.plus, self.minus
        # For whole numbers the result is the same to the bit whichever kind of rows is counted.
        away = (x * m - y * n) / (n * m) - value
        below = away > 0  # then the low end meets the value
        half = 2 * len(away)
        x, n = (one.reshape(2, 2, -1) for one in (self.x, self.n))
        counts = np.where(below, x[0], x[1])
        return Sought(counts.ravel(), n[0].ravel(), self.of[:half], np.abs(away), _root_of_squares)


class OfStrata(Evidence):
    """The shares of either outcome are combined over the strata, and then with each other.

    The reach of a share ends at 0 or 1, so where strata have few rows, the root of the sum of the
    squares of their reaches never gets as far as their mean may truly be. So a mean reaches at
    least as far as a single proportion that is as large and varies as much.
    """

    def __init__(self, form: forms.Strata, estimate: Array):
        super().__init__(estimate)
        self.weight = np.asarray(form.weight, dtype=np.float64)
        kinds = (form.plus, form.minus)
        used = self.weight > 0
        count, rows = (
            np.stack([np.where(used, np.asarray(side[i], dtype=np.float64), i) for side in kinds])
            for i in (0, 1)
        )
        # Below and above: the counted rows, and the others.
        self.all_of_them = (2, *count.shape)
        of = np.zeros(self.all_of_them) + np.arange(len(self.weight))[:, np.newaxis]
        both = np.stack([count, rows - count])
        flat = np.stack([both, np.stack([rows, rows]), of]).reshape(3, -1)
        self.where: Any = slice(None)
        if self.weight.shape[-1] > _MANY_STRATA:
            flat, self.where = np.unique(flat, axis=1, return_inverse=True)
        # And the same of the means.
        means, size = _as_one(both, rows, self.weight)
        means = np.stack([means, np.stack([size, size]), of[..., 0]])
        flat = np.concatenate([flat, means.reshape(3, -1)], axis=1)
        self._asks(flat[0], flat[1], flat[2].astype(np.intp))

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        parts, means = np.split(reaches, [-4 * len(self.weight)])
        over = self._over_strata(*parts[self.where].reshape(self.all_of_them))
        means = self.weight.sum(axis=-1) * means.reshape(2, 2, -1)
        (plus_down, minus_down), (plus_up, minus_up) = map(np.fmax, over, means)
        low = np.sqrt(plus_down * plus_down + minus_up * minus_up)
        high = np.sqrt(plus_up * plus_up + minus_down * minus_down)
        return self.estimate - low, self.estimate + high

    def _over_strata(self, down: Array, up: Array) -> tuple[Array, Array]:
        """Reaches of a weighted mean, below and above, from those of its parts (the last axis).

        The squares add up. That alone leaves the shorter side too short where many parts are skewed
        the same way, since a sum is less skewed than its parts: if skewness added up like third
        moments, the shorter side would reach ``wide - lean``. It is moved half-way there.
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


def _as_one(both: Array, rows: Array, weight: Array) -> tuple[Array, Array]:
    """Counts and rows of a proportion that is as large and varies as much as a mean over strata.

    `both` has the counted rows and the others, and the last axis has the strata. The variance of a
    stratum is that of its share, drawn to the mean as if by one more row.
    """
    total, square = weight.sum(axis=-1), weight**2
    mean = divide((weight * both / rows).sum(axis=-1), total)
    alike = divide(total**2, (square / rows).sum(axis=-1))  # rows, if all shares were the same
    drawn = (alike * mean + 1) / (alike + 2)
    share = (both + drawn[..., np.newaxis]) / (rows + 1)
    variance = share[0] * share[1] / rows / (1 - rows / (rows + 1) ** 2)
    size = divide(drawn[0] * drawn[1] * total**2, (square * variance).sum(axis=-1))
    return mean * size, size


class OfQuotient(Evidence):
    """Quotient on the log scale; where nothing is counted, half a row stands in as the centre.

    The larger proportion is divided by the smaller one; otherwise the ends are inverted. The ends
    of a quotient and of its reciprocal are thus reciprocals to the bit.
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
        self._asks(
            np.stack([self.counts, self.rows - self.counts]), np.stack([self.rows, self.rows])
        )

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        below, above = self._reaches(reaches)
        low, high = self.quotient * np.exp(-below), self.quotient * np.exp(above)
        return np.where(self.turned, 1 / high, low), np.where(self.turned, 1 / low, high)

    def _sought(self, value: Array) -> Sought:
        value = np.log(value)
        gap = np.log(self.quotient) - np.where(self.turned, -value, value)

        def reached(reaches: Array, _: Array) -> Array:
            return np.where(gap > 0, *self._reaches(reaches))

        size = np.where(gap == 0, 0, np.abs(gap))
        return Sought(self.x, self.n, self.of, size, reached)

    def _reaches(self, reaches: Array) -> tuple[Array, Array]:
        down, up = reaches.reshape(self.shape)
        down = np.where(self.counts > 0, np.log(self.middle / (self.share - down)), np.inf)
        up = np.maximum(np.log((self.share + up) / self.middle), 0.0)
        down, up = down * down, up * up
        return np.sqrt(down[0] + up[1]), np.sqrt(up[0] + down[1])


class OfCurves(Evidence):
    """Functions of one or two proportions: their extremes on the ellipse around the proportions."""

    def __init__(self, form: forms.Curves, estimate: Array):
        super().__init__(estimate)
        self.curves = [form.plus] if form.minus is None else [form.plus, form.minus]
        counts, rows = (
            np.array([[share[i] for share in curve.shares] for curve in self.curves], np.float64)
            for i in (0, 1)
        )
        self.of_rows = rows > 0
        self.shares = np.where(self.of_rows, divide(counts, rows), 0.5)
        self._asks(np.stack([counts, rows - counts]), np.stack([rows, rows]))

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        down, up = np.where(self.of_rows, reaches.reshape(self.shape), 0.5)
        found = [
            _extremes(curve.function, shares, np.stack([-below, above], axis=1), known)
            for curve, shares, below, above, known in zip(
                self.curves, self.shares, down, up, self.of_rows, strict=True
            )
        ]
        value, low, high = found[0]
        if len(found) == 2:
            other, least, most = found[1]
            below = np.sqrt((value - low) ** 2 + (most - other) ** 2)
            above = np.sqrt((high - value) ** 2 + (other - least) ** 2)
            # An infinite value has no reach, but its ends can be subtracted.
            endless = ~np.isfinite(value - other)
            low = np.where(endless, low - most, self.estimate - below)
            high = np.where(endless, high - least, self.estimate + above)
        return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _extremes(
    function: Callable[..., Array], shares: Array, steps: Array, known: NDArray[np.bool_]
) -> tuple[Array, Array, Array]:
    """A function at its proportions, and its least and greatest values on the ellipse around them.

    Parameters
    ----------
    function
        The function of one or two proportions.
    shares
        Proportions, shape ``(one or two, comparisons)``.
    steps
        Reaches below (negative) and above them, shape ``(one or two, 2, comparisons)``.
    known
        False where a proportion has no rows, so that it may have any value.
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
    """The largest of several differences; the hypothesis that all are 0 takes as many tests.

    Its test and low end are those of Z. Sidak ("Rectangular confidence regions for the means of
    multivariate normal distributions", JASA 62, 1967); its high end is the largest of theirs.
    """

    one_level = False

    def __init__(self, form: forms.Largest, estimate: Array, each: Sequence[Evidence] = ()):
        super().__init__(estimate)
        self.each = each or [
            OfDifference(one, divide(*one.plus) - divide(*one.minus)) for one in form.differences
        ]
        self.number_of_tests = len(self.each)
        # For the low ends, and for the high ones.
        x, n = (
            np.stack(one * 2)
            for one in ([one.x for one in self.each], [one.n for one in self.each])
        )
        self._asks(x, n, self.each[0].of)

    def levels(self, tail: Array) -> Array:
        """Tail probabilities of the limits of the low ends, and of the high ends."""
        for_any = -np.expm1(np.log1p(-2 * tail) / len(self.each)) / 2
        of = self.of.reshape(self.shape)
        return np.concatenate([one[of[: len(self.each)]].ravel() for one in (for_any, tail)])

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        found = reaches.reshape(2, len(self.each), -1)
        low, high = (
            [
                _folded(*one._ends(of_it, tail))[end]
                for one, of_it in zip(self.each, found[end], strict=True)
            ]
            for end in (0, 1)
        )
        return np.max(low, axis=0), np.max(high, axis=0)

    def tests(self, parity: Any) -> list[Sought]:
        """A level for each of the differences."""
        return [one.sought(0 * self._each(parity)) for one in self.each]

    def _p_of(self, tails: Sequence[Array]) -> Array:
        least = 2 * np.min(tails, axis=0)
        return np.asarray(-np.expm1(len(self.each) * np.log1p(-least)))


def _folded(low: Array, high: Array) -> tuple[Array, Array]:
    """Ends of the absolute value of a number with these ends."""
    ends = np.abs(low), np.abs(high)
    holds_0 = (low <= 0) & (high >= 0)
    return np.where(holds_0, 0.0, np.minimum(*ends)), np.maximum(*ends)
