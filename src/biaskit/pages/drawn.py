"""Drawn: rows of reports as the charts that pages and slides show."""

from __future__ import annotations

import math
import numbers
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from biaskit.explanations.attributions import TOTAL
from biaskit.explanations.dependence import DependenceRow
from biaskit.explanations.gaps import GapRow
from biaskit.gate.compare import Drift
from biaskit.gate.verdicts import FAIL
from biaskit.metrics import Metric
from biaskit.pages.charts.drawing import Head
from biaskit.pages.charts.drift import DriftRow, drift
from biaskit.pages.charts.forest import ForestRow, forest
from biaskit.pages.charts.models.dependence import Curve, Feature, dependence
from biaskit.pages.charts.models.waterfall import Part, waterfall
from biaskit.pages.charts.outcomes import OutcomeRow, outcomes
from biaskit.pages.charts.over_time import Moment, over_time
from biaskit.pages.charts.scales import Scale
from biaskit.pages.charts.shares import ShareRow, shares
from biaskit.pages.markup import Safe
from biaskit.pages.numbers import interval, number
from biaskit.reports.rates import ALL, APART, RateRow
from biaskit.reports.report import Row
from biaskit.reports.words import name_in_words, value_in_words

__all__ = [
    "FACET_SHARE",
    "Judgement",
    "drawn_dependence",
    "drawn_drift",
    "drawn_forest",
    "drawn_gap",
    "drawn_outcomes",
    "drawn_over_time",
    "drawn_shares",
    "drifts_on_an_axis",
    "has_direction",
    "of_values",
    "turned",
]

# Metric of the rows of a comparison that tell of shares of the rows.
FACET_SHARE = "facet share"
_ITSELF = "this feature is the facet itself"


class Judgement(NamedTuple):
    """Verdict on a number, and the range that its limit allows."""

    verdict: str
    limits: tuple[float, float]


def of_values(rows: Iterable[RateRow]) -> list[RateRow]:
    """Rates of single values, the largest first."""
    each = [one for one in rows if one.value not in (ALL, APART)]
    return sorted(each, key=lambda one: -one.estimate if one.n else math.inf)


def drawn_shares(rows: Sequence[RateRow], overall: float | None, head: Head) -> Safe:
    """Shares of facet values, in the order given."""
    return shares(
        [
            ShareRow(value_in_words(one.value), one.estimate, one.low, one.high, one.n)
            for one in rows
        ],
        head=head,
        overall=overall,
    )


def has_direction(metric: Metric) -> bool:
    """Whether a forest has a metric: it says who is worse off, on an axis that others share.

    CI compares numbers of rows, metrics without bounds would stretch the scale, and distances have
    no direction.
    """
    is_bounded = metric.bounds == (-1.0, 1.0) and bool(metric.needs)
    return metric.against_d in ("<", ">") and (metric.kind == "ratio" or is_bounded)


def turned(metric: Metric, row: Row, judged: Judgement | None, *, is_short: bool) -> ForestRow:
    """Number of a metric, turned against the value.

    A short row has the symbol for its name, and leaves its interval to a table.
    """
    at, low, high = row.estimate, row.low, row.high
    limits = judged.limits if judged else None
    if metric.against_d == "<":
        at, low, high = _mirrored(metric, at), _mirrored(metric, high), _mirrored(metric, low)
        limits = limits and (_mirrored(metric, limits[1]), _mirrored(metric, limits[0]))
    title = metric.title.partition(":")[0].partition(",")[0]
    return ForestRow(
        metric.symbol if is_short else f"{metric.symbol}, {title[0].lower()}{title[1:]}",
        at,
        low,
        high,
        number(row.estimate),
        "" if is_short else interval(row.low, row.high),
        judged.verdict if judged else "",
        limits,
    )


def _mirrored(metric: Metric, value: float) -> float:
    if metric.kind != "ratio":
        return -value
    if value == 0:
        return math.inf
    return 1 / value


def drawn_forest(
    rows: Sequence[ForestRow],
    told: str,
    head: Head,
    *,
    scale: Scale | None = None,
    log: bool = False,
) -> Safe:
    """Metrics of a facet value, which is `told` in words, the right against it."""
    ends = f"in favour of {told}", f"against {told}"
    return forest(rows, head=head, log=log, scale=scale, ends=ends)


def drawn_outcomes(
    rates: Mapping[tuple[str, str], RateRow],
    values: Iterable[str],
    head: Head,
    *,
    positive: str,
    negative: str,
) -> Safe:
    """Right and wrong predictions of some values, of their rates by value and name."""

    def three(row: RateRow) -> tuple[float, float, float]:
        return row.estimate, row.low, row.high

    def four(value: str) -> tuple[float, float, float, float]:
        tp, fn, fp, tn = (rates[value, one].estimate for one in ("TP", "FN", "FP", "TN"))
        return tp, fn, fp, tn

    return outcomes(
        [
            OutcomeRow(
                value_in_words(one), four(one), three(rates[one, "TPR"]), three(rates[one, "FPR"])
            )
            for one in values
        ],
        head=head,
        names=(
            "positive, and predicted so",
            "positive, predicted negative",
            "negative, predicted positive",
            "negative, and predicted so",
        ),
        questions=(
            f"Predicted positive, of those whose {positive}",
            f"Predicted positive, of those whose {negative}",
        ),
    )


def drawn_gap(rows: Sequence[GapRow], head: Head) -> Safe:
    """Parts of the gap of one value in one output."""
    told = value_in_words(rows[0].value)
    total = next(row for row in rows if row.feature == TOTAL)
    return waterfall(
        [
            Part(
                name_in_words(row.feature),
                row.gap,
                row.low,
                row.high,
                is_facet=_ITSELF in row.note.split("; "),
            )
            for row in rows
            if row.feature != TOTAL
        ],
        head=head,
        total=Part("the gap", total.gap, total.low, total.high),
        ends=(f"raises the output for {told}", f"lowers the output for {told}"),
    )


def drawn_dependence(rows: Sequence[DependenceRow], head: Head) -> Safe:
    """Mean of one output as each feature is set, by the values of one facet."""
    features = dict.fromkeys(row.feature for row in rows)
    return dependence(
        [_feature([row for row in rows if row.feature == one]) for one in features],
        head=head,
        shares=rows[0].scale == "probability",
    )


def _feature(rows: Sequence[DependenceRow]) -> Feature:
    values = list(dict.fromkeys(row.value for row in rows))
    points = list(dict.fromkeys(row.at for row in rows))
    means = {(row.value, row.at): row.mean for row in rows}
    nearest: dict[object, float] = defaultdict(float)
    for row in rows:
        nearest[row.at] += row.share * row.n
    total = sum(nearest.values())
    return Feature(
        name_in_words(rows[0].feature),
        [float(one) if _is_number(one) else name_in_words(str(one)) for one in points],
        [
            Curve(value_in_words(value), [means.get((value, one), float("nan")) for one in points])
            for value in values
        ],
        [nearest[one] / total if total else 0.0 for one in points],
    )


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def drifts_on_an_axis(metric: Metric) -> bool:
    """Whether a chart of drift has a metric: its bounds are those of the others there."""
    return metric.kind == "difference" and metric.bounds == (-1.0, 1.0)


def drawn_drift(rows: Sequence[Drift], head: Head) -> Safe:
    """Metrics of one value, in the baseline and now."""
    return drift(
        [
            DriftRow(
                one.metric,
                one.baseline,
                one.current,
                fails=one.verdict == FAIL,
                more=interval(one.low, one.high),
            )
            for one in rows
        ],
        head=head,
        parity=0.0,
    )


def drawn_over_time(
    dated: Iterable[tuple[str, Row]],
    metric: Metric | None,
    head: Head,
    limits: tuple[float, float] | None = None,
) -> Safe:
    """One number of one value at several times."""
    return over_time(
        [Moment(when, row.estimate, row.low, row.high) for when, row in dated],
        head=head,
        parity=None if metric is None else metric.parity,
        limits=limits,
    )
