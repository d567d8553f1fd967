"""Changes: how far a number has moved from parity since a baseline, and how sure that is."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.intervals.evidence import Evidence
from biaskit.intervals.proportions import Array, tail_where
from biaskit.metrics import Metric

__all__ = ["Change", "Series"]

# Estimate of a number, and the low and the high end of its interval.
_Between: TypeAlias = "tuple[Array, Array, Array]"


class Series(NamedTuple):
    """A number for some comparisons, with its interval at one level: arrays with one axis."""

    estimate: Array
    low: Array
    high: Array
    #: What the rows say of it at any level; None where that is known at its own level only.
    evidence: Evidence | None


class Change:
    """Change of a metric's distance from its parity, for each comparison; or of a rate.

    The distance of a number is the number itself with one of two signs. With either sign of both
    numbers their difference has an interval of their own reaches, joined as the root of the sum of
    the squares (MOVER); the change is the larger, over the signs of the number of today, of the
    smaller, over those of the baseline, and so are its ends.

    Parameters
    ----------
    was, is_
        The metric in the baseline and today, for the same comparisons.
    metric
        The metric.
    confidence
        Level of `ends`, and of the intervals in `was` and `is_`.
    """

    def __init__(self, was: Series, is_: Series, metric: Metric, confidence: float):
        self.was, self.is_, self.metric = was, is_, metric
        self.confidence = confidence
        self._doubts: dict[float, Array] = {}
        with np.errstate(invalid="ignore"):
            self.estimate = self._distance(is_.estimate) - self._distance(was.estimate)

    @cached_property
    def ends(self) -> tuple[Array, Array]:
        """Low and high ends of the interval of the change."""
        with np.errstate(invalid="ignore"):
            return self._ends(np.full_like(self.estimate, (1 - self.confidence) / 2))

    def doubt(self, limit: float) -> Array:
        """Level, as 1 less itself, at which an end of the interval meets a limit.

        NaN where it is known at the level of the change only.
        """
        if limit not in self._doubts:
            if self.was.evidence is None or self.is_.evidence is None:
                self._doubts[limit] = np.full_like(self.estimate, np.nan)
            else:
                below = limit < self.estimate

                def reached(tail: Array) -> Array:
                    low, high = self._ends(tail)
                    return np.abs(np.where(below, low, high) - self.estimate)

                with np.errstate(invalid="ignore"):
                    gap = np.abs(limit - self.estimate)
                    self._doubts[limit] = 2 * tail_where(reached, gap)
        return self._doubts[limit]

    def _distance(self, value: Array) -> Array:
        parity = self.metric.parity
        return value if math.isnan(parity) else np.abs(value - parity)

    def _ends(self, tail: Array) -> tuple[Array, Array]:
        parity = self.metric.parity
        was, is_ = (self._between(one, tail) for one in (self.was, self.is_))
        if math.isnan(parity):
            return _difference(is_, was)
        # Where the interval of half the chance holds parity, the sign may be either.
        wide_was, wide_is = (self._between(one, tail / 2) for one in (self.was, self.is_))
        if parity <= self.metric.bounds[0]:
            near = (wide_is[1] <= parity) | (wide_was[1] <= parity)
            low, high = _difference(is_, was)
            # Near to parity a distance is too large on average, so that its reach says little:
            # there the ends themselves are subtracted.
            return (
                np.where(near, wide_is[1] - wide_was[2], low),
                np.where(near, wide_is[2] - wide_was[1], high),
            )
        now, then = (
            _with_signs(_where((wide[1] <= parity) & (wide[2] >= parity), wide, one), parity)
            for one, wide in ((is_, wide_is), (was, wide_was))
        )
        found = [[_difference(one, other) for other in then] for one in now]
        low, high = (
            np.maximum(*(np.minimum(*(pair[end] for pair in of_one)) for of_one in found))
            for end in (0, 1)
        )
        return low, high

    def _between(self, one: Series, tail: Array) -> _Between:
        """Estimate and ends of a number."""
        if one.evidence is None:
            return one.estimate, one.low, one.high
        low, high = one.evidence.ends(tail)
        least, most = self.metric.bounds
        low, high = np.minimum(low, one.estimate), np.maximum(high, one.estimate)
        return one.estimate, np.maximum(low, least), np.minimum(high, most)


def _where(these: NDArray[np.bool_], one: _Between, other: _Between) -> _Between:
    return one[0], np.where(these, one[1], other[1]), np.where(these, one[2], other[2])


def _with_signs(value: _Between, parity: float) -> list[_Between]:
    """What a number is away from parity, and the same with the other sign."""
    estimate, low, high = (one - parity for one in value)
    return [(estimate, low, high), (-estimate, -high, -low)]


def _difference(one: _Between, other: _Between) -> tuple[Array, Array]:
    """Ends of the difference of two independent numbers, of their own ends."""
    estimate = one[0] - other[0]
    below = np.sqrt((one[0] - one[1]) ** 2 + (other[2] - other[0]) ** 2)
    above = np.sqrt((one[2] - one[0]) ** 2 + (other[0] - other[1]) ** 2)
    return estimate - below, estimate + above
