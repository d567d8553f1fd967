"""Surely: which rows of a report leave parity when all its comparisons are judged together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from biaskit.counts.counts import Counts
from biaskit.intervals.holm import holm
from biaskit.metrics import Metric
from biaskit.reports.repeated import known_metrics, said_before, tables
from biaskit.reports.report import Row
from biaskit.reports.sentences import names_in
from biaskit.reports.words import Names

__all__ = ["FEW_ROWS", "Judged"]

#: Fewer rows than this on a side are few: such a value is never the subject of the summary.
FEW_ROWS = 30


class Judged:
    """Rows of a report, what each repeats, and which differ surely when all are judged together."""

    def __init__(
        self, rows: Sequence[Row], counts: Counts | None, metrics: Iterable[Metric] | None
    ):
        self.rows = rows
        self.known: Mapping[str, Metric] = known_metrics(metrics)
        self.names: Names = names_in(rows, counts, self.known)
        self.table = tables(rows)
        said = said_before(rows, self.known.values())
        #: The row whose comparison each one says again: its own, or another.
        self.first = [i if one is None else one.row for i, one in enumerate(said)]
        self.by_outcome = counts is None or "highest" in (counts.roles.reference or {}).values()
        self.values = Counter((self.table[i], r.facet, r.metric) for i, r in enumerate(rows))
        self.own = [i for i, one in enumerate(said) if one is None]
        self.how = ["" if one is None else one.how for one in said]
        self.level = max((r.confidence for r in rows if 0 < r.confidence < 1), default=0.95)
        judged = [i for i in self.own if self.can_be_judged(i)]
        of_outcomes = [i for i in judged if not self.is_of_rows_alone(i)]
        self.judged = of_outcomes or judged
        hold = holm([self.doubt(i) for i in self.judged], 1 - self.level)
        sure = {i for i, holds in zip(self.judged, hold, strict=True) if holds}
        #: Whether the comparison of each row, though another row may say it first, is sure.
        self.is_sure = [self.first[i] in sure and self.is_apart(i) for i in range(len(rows))]

    def metric(self, i: int) -> Metric | None:
        """The metric of a row, if it is known."""
        return self.known.get(self.rows[i].metric)

    def is_of_rows_alone(self, i: int) -> bool:
        """Whether a row compares how many rows the sides have, and no outcomes."""
        metric = self.metric(i)
        return metric is not None and not metric.needs

    def can_be_judged(self, i: int) -> bool:
        """Whether a row has a test, or an interval and a parity."""
        row, metric = self.rows[i], self.metric(i)
        if metric is None:
            return not math.isnan(row.estimate) and not math.isnan(row.p_value)
        if math.isnan(row.estimate) or math.isnan(metric.parity):
            return False
        return metric.kind != "inequality" and not math.isnan(row.low) and not math.isnan(row.high)

    def is_apart(self, i: int) -> bool:
        """Whether the interval of a row leaves parity."""
        row, metric = self.rows[i], self.metric(i)
        if metric is None:
            return row.p_value < 1 - self.level
        return row.low > metric.parity or row.high < metric.parity

    def doubt(self, i: int) -> float:
        """P-value of a row, for all that it was chosen from; its level where it has none."""
        row = self.rows[i]
        if not self.is_apart(i):
            return 1.0
        if not math.isnan(row.p_value):
            return row.p_value * self.pairs(i)
        return 1 - (self.level if math.isnan(row.confidence) else row.confidence)

    def pairs(self, i: int) -> float:
        """Pairs of values that a row's comparison is chosen from.

        A reference that its outcomes made the reference is the highest of all values: each
        comparison with it is one of ``k (k - 1) / 2``, of which ``k - 1`` are shown.
        """
        row = self.rows[i]
        if not (self.by_outcome and row.n_other):
            return 1.0
        return (self.values[self.table[i], row.facet, row.metric] + 1) / 2

    def has_few_rows(self, i: int) -> bool:
        """Whether a side of a row has few rows."""
        return min(self.rows[i].n_a, self.rows[i].n_d) < FEW_ROWS

    def is_against(self, i: int) -> bool:
        """Whether a row's value is worse off, as far as the estimate tells."""
        row, metric = self.rows[i], self.metric(i)
        if metric is None:
            return False
        above = row.estimate > metric.parity
        return (metric.against_d == ">" and above) or (
            metric.against_d == "<" and row.estimate < metric.parity
        )

    def reach(self, i: int) -> float:
        """How far the near end of a row's interval is from parity."""
        row, metric = self.rows[i], self.metric(i)
        if metric is None:
            return 0.0
        if metric.kind == "ratio":
            ends = row.low / metric.parity, metric.parity / row.high if row.high else math.inf
            return math.log(max(*ends, 1.0))
        return max(row.low - metric.parity, metric.parity - row.high, 0.0)
