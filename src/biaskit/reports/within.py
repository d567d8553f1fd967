"""Within groups: what the differences of a report do among rows of the same group."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from biaskit.metrics import Metric

if TYPE_CHECKING:
    from biaskit.reports.report import Row

__all__ = [
    "APPEARS",
    "DISAPPEARS",
    "REVERSES",
    "STAYS",
    "UNCLEAR",
    "Change",
    "Gap",
    "change_within",
    "changes_within",
]

STAYS, DISAPPEARS, REVERSES = "stays", "disappears", "reverses"
#: It is sure within groups only; or it is sure over all rows, and within groups nothing is.
APPEARS, UNCLEAR = "appears", "unclear"


class Gap(NamedTuple):
    """A difference with its interval and what it was computed from, as in a row of a report."""

    estimate: float
    low: float
    high: float
    rate_a: float
    rate_d: float
    of_a: float
    of_d: float
    n_a: int
    n_d: int


class Change(NamedTuple):
    """What a difference does within groups."""

    #: Indices of the row within groups, and of the one over all rows.
    row: int
    whole: int
    what: str


def changes_within(
    rows: Sequence[Row], known: Mapping[str, Metric], table: Sequence[int], is_sure: Sequence[bool]
) -> Iterator[Change]:
    """What each difference does within groups; see `change_within`.

    Parameters
    ----------
    rows, known
        Rows of a report, and the metrics by symbol.
    table
        Which table each row is of.
    is_sure
        Whether each row leaves parity surely.
    """
    places = {
        (at, row.facet, row.value, row.metric): i
        for i, (row, at) in enumerate(zip(rows, table, strict=True))
    }
    for i, (row, at) in enumerate(zip(rows, table, strict=True)):
        metric = known.get(row.metric)
        if metric is None or not metric.without_groups or math.isnan(row.estimate + row.low):
            continue
        for symbol in (metric.without_groups, *_same_proportions(metric, known)):
            whole = places.get((at, row.facet, row.value, symbol))
            if whole is not None and not math.isnan(rows[whole].estimate + rows[whole].low):
                sure = is_sure[i], is_sure[whole]
                what = change_within(_gap(row), _gap(rows[whole]), known[symbol], *sure)
                if what:
                    yield Change(i, whole, what)
                break


def _same_proportions(metric: Metric, known: Mapping[str, Metric]) -> Iterator[str]:
    """Symbols of differences of two proportions that need the same columns but the group."""
    needs = {*metric.needs} - {"group"}
    for symbol, one in known.items():
        if one.rate is not None and one.kind == "difference" and {*one.needs} == needs:
            yield symbol


def change_within(
    within: Gap, whole: Gap, metric: Metric, is_sure: bool, whole_is_sure: bool
) -> str:
    """What a difference does within groups, as far as intervals show it; empty where it is nowhere.

    It stays or reverses where both numbers are sure. It disappears where only that over all rows is
    sure, and the interval within groups holds parity and ends before that over all rows begins;
    where the two overlap, it is unclear.

    Parameters
    ----------
    within, whole
        The difference within groups and over all rows.
    metric
        Metric of the difference over all rows.
    is_sure, whole_is_sure
        Whether the one and the other leave parity surely.
    """
    if is_sure and whole_is_sure:
        return STAYS if (within.estimate > 0) == (whole.estimate > 0) else REVERSES
    if is_sure:
        return APPEARS
    if not whole_is_sure:
        return ""
    near = min(abs(whole.low), abs(whole.high)) * _unit(whole, metric)
    far = within.high if whole.estimate > 0 else -within.low
    return DISAPPEARS if within.low <= 0 <= within.high and far < near else UNCLEAR


def _gap(row: Row) -> Gap:
    return Gap(*(getattr(row, name) for name in Gap._fields))


def _unit(whole: Gap, metric: Metric) -> float:
    """What a difference of proportions is multiplied by to be one of the shares of side d.

    The share of d among the negatives minus that among the positives is the difference of the
    positive proportions, times ``n_a n_d / (n(0) n(1))``. Weighted rows do not tell it: 0.
    """
    if metric.rate is None:
        return 1.0
    if whole.of_a != whole.n_a or whole.of_d != whole.n_d:
        return 0.0
    positive = whole.rate_a * whole.of_a + whole.rate_d * whole.of_d
    negative = whole.of_a + whole.of_d - positive
    return whole.of_a * whole.of_d / (positive * negative) if positive and negative else 0.0
