"""Edges: the bins of equal width in which scores are counted."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_BINS", "MOST_BINS_BY_GROUP", "Edges", "edges_of"]

#: Most bins of a range, and of one whose table has an axis for groups as well.
MOST_BINS, MOST_BINS_BY_GROUP = 10_000, 1_000


@dataclass(frozen=True)
class Edges:
    """Edges of the bins of a range: bin k has the scores above edge k - 1, up to edge k.

    The lower end is in bin 1. Bin 0 has the scores below the range, the last one those above it.
    """

    low: float
    high: float
    step: Decimal

    @functools.cached_property
    def values(self) -> NDArray[np.float64]:
        """Edges, ascending: the double nearest to each decimal."""
        last = math.ceil(Decimal(repr(self.high)) / self.step) - 1
        between = _multiples(self.step, np.arange(self.before + 1, last + 1))
        inside = between[(between > self.low) & (between < self.high)]
        return np.concatenate([[self.low], inside, [self.high]])

    @property
    def before(self) -> int:
        """Number of the last multiple of the step that is not above the low end."""
        return math.floor(Decimal(repr(self.low)) / self.step)

    @property
    def ratio(self) -> tuple[float, float]:
        """Two numbers: an edge is the number of its multiple, times the first, over the second."""
        exponent = int(self.step.as_tuple().exponent)
        digit = float(self.step.as_tuple().digits[0])
        return (digit, 10.0**-exponent) if exponent < 0 else (digit * 10.0**exponent, 1.0)

    @property
    def bins(self) -> int:
        """Number of bins, those below and above the range included."""
        return len(self.values) + 1

    def of(self, scores: NDArray[np.float64]) -> NDArray[np.intp]:
        """Bin of each score; NaN is in none, and gets the number of bins."""
        found = np.searchsorted(self.values, scores, side="left")
        found[scores == self.low] = 1
        found[np.isnan(scores)] = self.bins
        return found

    def nearest(self, thresholds: Any) -> Any:
        """Index of the edge that is a threshold, or that lies nearest to it; the lower of two.

        >>> edges_of(0, 1).nearest([0.3, 0.25004, 7.0]).tolist()
        [3000, 2500, 10000]
        """
        edges = self.values
        above = np.clip(np.searchsorted(edges, thresholds), 1, len(edges) - 1)
        is_below = np.abs(edges[above - 1] - thresholds) <= np.abs(edges[above] - thresholds)
        return above - is_below


@functools.lru_cache(maxsize=64)
def edges_of(low: float, high: float, *, has_groups: bool = False) -> Edges:
    """Edges of a range: the step is the smallest of 1, 2 or 5 × 10^m that is not too fine.

    >>> edges_of(0, 1).step, edges_of(0, 3).step, edges_of(-1, 1).bins
    (Decimal('0.0001'), Decimal('0.0005'), 10002)
    """
    most = MOST_BINS_BY_GROUP if has_groups else MOST_BINS
    width = Decimal(repr(high)) - Decimal(repr(low))
    power = (width / most).adjusted() - 1
    while True:
        for digit in (1, 2, 5):
            step = Decimal(digit).scaleb(power)
            if width / step <= most:
                return Edges(float(low), float(high), step)
        power += 1


def _multiples(step: Decimal, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Multiples of a step, each the double nearest to the decimal."""
    digit, exponent = int(step.as_tuple().digits[0]), int(step.as_tuple().exponent)
    whole = numbers.astype(np.float64) * digit
    # A quotient of two exact doubles is rounded once, so it is the nearest.
    return whole / 10.0**-exponent if exponent < 0 else whole * 10.0**exponent
