"""Changes: how far a number has moved from parity since a baseline, and how certain that is."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.intervals.evidence import Evidence
from biaskit.intervals.proportions import Array
from biaskit.metrics import Metric

__all__ = ["Change", "Series"]

# Estimate of a number, and the low and the high end of its interval.
_Between: TypeAlias = "tuple[Array, Array, Array]"

_NOTHING, _NOWHERE = np.empty(0), np.empty(0, dtype=np.intp)


class Series(NamedTuple):
    """A number for some comparisons, with its interval at one level: arrays with one axis."""

    estimate: Array
    low: Array
    high: Array
    #: Its evidence at any level; None where only the interval at its own level is known.
    evidence: Evidence | None
    #: False where the counts that it is of may be others.
    is_exact: bool = True


class Change(Evidence):
    """Change of a metric's distance from its parity, for each comparison; or of a rate.

    A distance from parity is the number itself with one of two signs. For each pair of signs, the
    interval of the difference combines the two numbers' reaches as the root of the sum of their
    squares (MOVER). The change is the minimum over the baseline's signs, maximised over the signs
    of today's number; its ends are combined in the same way.

    Parameters
    ----------
    was, is_
        The metric in the baseline and today, for the same comparisons.
    metric
        The metric.
    """

    one_level = False

    def __init__(self, was: Series, is_: Series, metric: Metric):
        self.was, self.is_, self.metric = was, is_, metric
        with np.errstate(invalid="ignore"):
            super().__init__(self._distance(is_.estimate) - self._distance(was.estimate))
        self.parts = [one.evidence for one in (was, is_) if one.evidence is not None]
        # Each number's limits at the level of the ends, and at the one of half the chance.
        twice = [one for one in self.parts for _ in range(2)]
        self._asks(
            np.concatenate([_NOTHING, *(one.x for one in twice)]),
            np.concatenate([_NOTHING, *(one.n for one in twice)]),
            np.concatenate([_NOWHERE, *(one.of for one in twice)]),
        )

    @property
    def is_known_at_any_level(self) -> bool:
        """False where either number is known only at the level of its own interval."""
        return len(self.parts) == 2

    def levels(self, tail: Array) -> Array:
        """Chances beyond the limits of both numbers."""
        both = (one.levels(part) for one in self.parts for part in (tail, tail / 2))
        return np.concatenate([_NOTHING, *both])

    def _distance(self, value: Array) -> Array:
        parity = self.metric.parity
        return value if math.isnan(parity) else np.abs(value - parity)

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        parity, left = self.metric.parity, reaches
        between = []
        for one in (self.was, self.is_):
            of_it = 0 if one.evidence is None else len(one.evidence.x)
            between.append(self._between(one, left[:of_it], tail))
            # Where the interval of half the chance holds parity, the sign may be either.
            between.append(self._between(one, left[of_it : 2 * of_it], tail / 2))
            left = left[2 * of_it :]
        was, wide_was, is_, wide_is = between
        # What is unknown of the counts does not shrink with chance: the ends are subtracted.
        both_exact = self.was.is_exact and self.is_.is_exact
        difference = _of_independent if both_exact else _of_ends
        if math.isnan(parity):
            return difference(is_, was)
        if parity <= self.metric.bounds[0]:
            near = (wide_is[1] <= parity) | (wide_was[1] <= parity)
            low, high = difference(is_, was)
            # Near parity a distance is biased upwards and its reach says little, so the ends
            # themselves are subtracted.
            return (
                np.where(near, wide_is[1] - wide_was[2], low),
                np.where(near, wide_is[2] - wide_was[1], high),
            )
        now, then = (
            _with_signs(_where((wide[1] <= parity) & (wide[2] >= parity), wide, one), parity)
            for one, wide in ((is_, wide_is), (was, wide_was))
        )
        found = [[difference(one, other) for other in then] for one in now]
        low, high = (
            np.maximum(*(np.minimum(*(pair[end] for pair in of_one)) for of_one in found))
            for end in (0, 1)
        )
        return low, high

    def _between(self, one: Series, reaches: Array, tail: Array) -> _Between:
        """Estimate and ends of a number."""
        if one.evidence is None:
            return one.estimate, one.low, one.high
        low, high = one.evidence.ends_of(reaches, tail)
        least, most = self.metric.bounds
        low, high = np.minimum(low, one.estimate), np.maximum(high, one.estimate)
        return one.estimate, np.maximum(low, least), np.minimum(high, most)


def _where(these: NDArray[np.bool_], one: _Between, other: _Between) -> _Between:
    return one[0], np.where(these, one[1], other[1]), np.where(these, one[2], other[2])


def _with_signs(value: _Between, parity: float) -> list[_Between]:
    """Signed distance of a number from parity, and the same with the opposite sign."""
    estimate, low, high = (one - parity for one in value)
    return [(estimate, low, high), (-estimate, -high, -low)]


def _of_ends(one: _Between, other: _Between) -> tuple[Array, Array]:
    """Ends of the difference of two numbers, wherever each is between its own."""
    return one[1] - other[2], one[2] - other[1]


def _of_independent(one: _Between, other: _Between) -> tuple[Array, Array]:
    """Ends of the difference of two independent numbers, from the ends of each."""
    estimate = one[0] - other[0]
    below = np.sqrt((one[0] - one[1]) ** 2 + (other[2] - other[0]) ** 2)
    above = np.sqrt((one[2] - one[0]) ** 2 + (other[0] - other[1]) ** 2)
    return estimate - below, estimate + above
