"""What is found: the slices of some metrics, judged together, and what is certain of all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from biaskit.audits.slices.joint import Array
from biaskit.audits.slices.searching import Asked, Search, searched
from biaskit.audits.surely import Gaps
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.intervals.holm import holm_adjusted
from biaskit.metrics import Metric

__all__ = ["Certificate", "Found", "certified", "found_in", "least_rows"]


class Certificate(NamedTuple):
    """What holds of all slices at once, at one level of confidence.

    The numbers are distances from parity in the direction that is searched.
    """

    metric: Metric
    #: Some slice is at least this far off; 0 or less where none surely is.
    at_least: float
    #: No slice is farther off.
    at_most: float
    #: Number of slices of all metrics, which are judged together.
    slices: int


class Found(NamedTuple):
    """Slices of one metric with their intervals, judged with those of all metrics."""

    asked: Asked
    search: Search
    gaps: Gaps
    p_adjusted: Array
    certificate: Certificate
    #: Chance that is left beyond each end of an interval.
    tail: float

    @property
    def sure(self) -> Array:
        """Least size of each gap, below 0 where there may be none, by direction."""
        return np.array([_sizes(self.gaps, sign, least=True) for sign in self.search.signs])


def found_in(counts: Counts, facet: Facet, asked: Asked) -> list[Found]:
    """Every slice of some counts, for each metric, all judged together."""
    return _judged(searched(counts, facet, asked), asked)


def _judged(searches: Sequence[Search], asked: Asked) -> list[Found]:
    number = sum(map(len, searches))
    tail = (1 - asked.confidence) / (2 * number)
    p = holm_adjusted(np.concatenate([one.p_values for one in searches]))
    of_search = np.split(p, np.cumsum([len(one) for one in searches])[:-1])
    made = []
    for search, adjusted in zip(searches, of_search, strict=True):
        gaps = search.gaps(tail)
        at_least, at_most = (_farthest(search, gaps, least=least) for least in (True, False))
        certificate = Certificate(search.metric, at_least, at_most, number)
        made.append(Found(asked, search, gaps, adjusted, certificate, tail))
    return made


def _farthest(search: Search, gaps: Gaps, *, least: bool) -> float:
    """Size of the largest gap in the directions that are searched, at least or at most."""
    sizes = [_sizes(gaps, sign, least=least) for sign in search.signs]
    return float(np.max(sizes, initial=-math.inf))


def _sizes(gaps: Gaps, sign: int, *, least: bool) -> Array:
    """Size of each gap in one direction: the least that is sure, or the most that may be."""
    return np.asarray(sign * (gaps.low if (sign > 0) == least else gaps.high))


def least_rows(found: Found, limit: float) -> int | None:
    """Fewest rows on either side with which no slice of a metric is farther off than a limit.

    None where some slice is with any number of rows. The slices of other metrics count as they do
    now.
    """
    search = found.search
    others = found.certificate.slices - len(search)

    def passes(rows: int) -> bool:
        large = search.large(rows)
        number = others + len(large)
        gaps = large.gaps((1 - found.asked.confidence) / (2 * number))
        return _farthest(large, gaps, least=False) <= limit

    sizes = np.unique(search.lattice.support).tolist()
    if not passes(int(sizes[-1])):
        return None
    low, high = 0, len(sizes) - 1  # the larger the slices, the fewer and the surer they are
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(int(sizes[middle])) else (middle + 1, high)
    return int(sizes[high - 1]) + 1 if high else found.asked.min_rows


def certified(found: Found) -> str:
    """What is certain of all slices of a metric, in a sentence."""
    one, asked = found.certificate, found.asked
    what = "slice" if asked.gap is None else "segment"
    each = f"no {what} of {asked.min_rows:,} rows or more on either side"
    level = f"{one.metric.symbol}: with {100 * asked.confidence:g} % confidence"
    sides = {"against": " to its disadvantage", "for": " to its advantage", "either": ""}
    side = sides[asked.direction] if asked.gap is None else ""
    most = f"{max(one.at_most, 0.0):.4g}"
    if one.at_least <= 0:
        return f"{level}, {each} is more than {most} from parity{side}; perhaps none is at all."
    return (
        f"{level}, the worst {what} is at least {one.at_least:.4g} from parity{side}, and {each} "
        f"is more than {most}."
    )
