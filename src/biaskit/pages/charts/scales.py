"""Scales: from a value to a place on an axis, and the round values that stand at it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = ["Scale", "spanning"]

# An axis has six intervals between round values at most.
_MOST_STEPS = 6
_ROUND_FACTORS = (1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100, 1_000, 10_000, 1e5, 1e6, 1e9, 1e12)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` on a line from `left` to `right`, in units of the drawing."""

    low: float
    high: float
    left: float = 0.0
    right: float = 1.0
    log: bool = False

    def between(self, left: float, right: float) -> Scale:
        """The same values on another line."""
        return replace(self, left=left, right=right)

    def at(self, value: float) -> float:
        """Place of a value; what lies outside is at the end of the line."""
        low, high = self._measure(self.low), self._measure(self.high)
        share = (self._measure(value) - low) / (high - low)
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))

    def holds(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high

    def _measure(self, value: float) -> float:
        if not self.log:
            return value
        return math.log(value) if value > 0 else -math.inf

    def ticks(self, most: int = _MOST_STEPS) -> list[float]:
        """Round values on the axis, about as many as there is room for."""
        return self._factors(most) if self.log else self._steps(most)

    def _steps(self, most: int) -> list[float]:
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(place * step, 12) for place in range(first, last + 1)]

    def _factors(self, most: int) -> list[float]:
        """Round factors on both sides of 1, each twice the last where there are many."""
        found = [1.0, *_ROUND_FACTORS, *(1 / factor for factor in _ROUND_FACTORS)]
        found = sorted(value for value in found if self.holds(value))
        while len(found) > most + 1:
            middle = found.index(1.0) if 1.0 in found else 0
            found = [value for place, value in enumerate(found) if (place - middle) % 2 == 0]
        return found


def spanning(
    values: Iterable[float], *, around: float | None = None, log: bool = False, room: float = 0.04
) -> Scale:
    """Scale that holds all values that are numbers, with a little room at both ends.

    Parameters
    ----------
    values
        Values of any kind; what is not finite, or not above 0 on an axis of ratios, is left out.
    around
        Value that the axis has in any case, such as parity.
    log
        Equal ratios are equally far apart.
    room
        Share of the axis that is left free at each end.
    """
    least = 0.0 if log else -math.inf
    known = [] if around is None else [around]
    known += [value for value in values if math.isfinite(value) and value > least]
    known = known or [1.0 if log else 0.0]
    low, high = min(known), max(known)
    if log:
        low, high = _widened(math.log(low), math.log(high), room, most=500.0)
        return Scale(math.exp(low), math.exp(high), log=True)
    return Scale(*_widened(low, high, room, most=1e300))


def _widened(low: float, high: float, room: float, most: float) -> tuple[float, float]:
    """Ends of an axis, within bounds, with room beside them; equal values stand in the middle."""
    low, high = (max(-most, min(most, end)) for end in (low, high))
    size = max(abs(low), abs(high))
    differ = high - low > max(1e-6 * size, 1e-300)
    spare = room * (high - low) if differ else max(0.1 * size, 0.05)
    return low - spare, high + spare
