"""How certain a row of a report makes a limit, and what would settle it otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from biaskit.gate.verdicts import Claim
from biaskit.intervals.evidence import Evidence
from biaskit.metrics import Metric
from biaskit.reports.report import Row

__all__ = ["Judged", "by_its_ends", "would_settle"]

# A gap that needs more rows than this cannot be settled by counting.
_MOST_ROWS, _MOST_TIMES = 1e9, 1e4


class Judged(NamedTuple):
    """A row with its interval at some level, and the levels at which it meets either limit."""

    row: Row
    low: float
    high: float
    #: 1 minus each level; NaN where only the interval's own level is known.
    doubt_low: float
    doubt_high: float
    #: Evidence of the row's proportions at any level, if it has them, and the row's index in it.
    evidence: Evidence | None = None
    at: int = 0


def by_its_ends(row: Row, metric: Metric, limit_low: float, limit_high: float) -> Judged:
    """Row judged by its own interval, where wider intervals are unknown.

    A wider interval is taken to reach farther in proportion to the logarithm of the chance beyond
    it, as the upper limit of a zero count does; no tail of a proportion is longer. If a report
    lacks its level, or the proportions of its metric, only the interval itself is known. Where the
    counts are not known exactly, the reach is taken from the metric's least or greatest value.
    """
    least, most = extremes_of(row)
    known = not (math.isnan(row.confidence) or (metric.rate is not None and not least < most))
    doubts = [
        _doubt(row, limit, scale_of(metric)) if known else math.nan
        for limit in (limit_low, limit_high)
    ]
    return Judged(row, row.low, row.high, doubts[0], doubts[1])


def scale_of(metric: Metric) -> Callable[[float], float]:
    """Transform under which the interval of a metric is about symmetric."""
    match metric.kind:
        case "ratio":
            return lambda x: math.log(x) if x > 0 else -math.inf
        case "squared length":
            return lambda x: math.sqrt(x) if x > 0 else 0.0
    return lambda x: x


def _doubt(row: Row, limit: float, scale: Callable[[float], float]) -> float:
    alpha = 1 - row.confidence
    least, most = extremes_of(row)
    if least < most and least <= limit <= most:
        return 1.0
    nearest, end = (least, row.low) if limit < least else (most, row.high)
    estimate, end, limit = map(scale, (nearest, end, limit))
    reach, gap = abs(end - estimate), abs(limit - estimate)
    if not (math.isfinite(estimate) and math.isfinite(reach)) or reach == 0:
        return alpha
    return float(alpha ** (gap / reach))


def extremes_of(row: Row) -> tuple[float, float]:
    """Least and greatest value that a row's metric has, whatever its counts truly are."""
    if math.isnan(row.least):
        return row.estimate, row.estimate
    return row.least, row.most


def would_settle(one: Judged, claim: Claim, metric: Metric, alpha: float) -> str:
    """What would settle an uncertain claim, in words; empty where that is unknown.

    It follows from how far the interval at level ``1 - alpha`` reaches towards the nearer of the
    limits that it crosses: that reach shrinks with the square root of the number of rows.
    """
    row, scale = one.row, scale_of(metric)
    least, most = extremes_of(row)
    low, high, wider = row.low, row.high, 1.0
    if one.evidence is not None:
        low, high = (float(end[one.at]) for end in one.evidence.ends(alpha / 2))
    elif row.confidence < 1 - alpha:
        wider = math.log(alpha) / math.log(1 - row.confidence)
    ways = []
    for limit in (claim.limit_low, claim.limit_high):
        if least < limit < most:
            return (
                f"what is unknown of its rows puts it anywhere from {_short(least)} to "
                f"{_short(most)}, which more rows would not settle"
            )
        nearest, end = (least, low) if limit < row.estimate else (most, high)
        gap = abs(scale(limit) - scale(nearest)) if math.isfinite(limit) else math.inf
        reach = abs(scale(end) - scale(nearest)) * wider
        if gap <= reach < math.inf:
            ways.append((gap, reach, limit, nearest))
    if not ways:
        return ""
    gap, reach, limit, nearest = min(ways)
    above = row.estimate >= limit
    tells = scale(limit) + (reach if above else -reach)
    told = f"these rows could distinguish {_short(_unscaled(metric)(tells))} from {limit:g}"
    times = (reach / gap) ** 2 if gap > 0 else math.inf
    if not math.isnan(row.of_a + row.of_d):
        rows = 2 * times / (1 / row.of_a + 1 / row.of_d)
        needed = f"{_rounded(rows):,} rows a side" if rows < _MOST_ROWS else ""
    else:
        needed = f"{times:.2g} times as many rows" if times < _MOST_TIMES else ""
    return f"{told}; {_short(nearest)} needs about {needed}" if needed else told


def _unscaled(metric: Metric) -> Callable[[float], float]:
    match metric.kind:
        case "ratio":
            return math.exp
        case "squared length":
            return lambda x: max(x, 0.0) ** 2
    return lambda x: x


def _rounded(rows: float) -> int:
    """Number of rows, rounded up to two digits."""
    step = 10 ** max(math.floor(math.log10(max(rows, 1))) - 1, 0)
    return int(math.ceil(rows / step) * step)


def _short(value: float) -> str:
    return f"{value:.3g}"
