"""Contents: everything that a page shows, found before any of it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.explanations.dependence import DependenceRow
from biaskit.explanations.gaps import GapRow
from biaskit.gate.check import Checked
from biaskit.gate.compare import Drift
from biaskit.metrics import LEADING, Metric
from biaskit.reports.numbers import Compared, compared
from biaskit.reports.rates import RateRow, rate_rows
from biaskit.reports.report import Row
from biaskit.reports.sentences import names_in, row_sentences
from biaskit.reports.summary import Summary, each_within
from biaskit.reports.surely import Judged
from biaskit.reports.words import Names

__all__ = ["Contents", "Dated"]

_NOT_SURE = "Where all numbers are judged together, that is not sure."


@dataclass(frozen=True)
class Dated:
    """Rows of a report of one of several dated counts."""

    name: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Contents:
    """What a page shows: a report, and what was asked for beside it."""

    #: Name of the data, and those of its files, without folders; none for a table in memory.
    name: str
    files: Sequence[str]
    #: Keyword arguments of the page besides the roles, as `origin` has them.
    given: Mapping[str, Any]
    #: What was counted, and that without facets of one value, which is compared with nothing.
    whole: Counts
    counts: Counts
    metrics: Sequence[Metric]
    rows: Sequence[Row]
    #: Which rows differ surely from parity, and how far; and the summary of that.
    judged: Judged
    summary: Summary
    confidence: float
    seed: int
    checked: Sequence[Checked] = ()
    #: Symbol of each metric that has a limit, and what the limit is.
    limits: Mapping[str, tuple[float, float]] | None = None
    drift: Sequence[Drift] = ()
    gaps: Sequence[GapRow] = ()
    dependence: Sequence[DependenceRow] = ()
    dated: Sequence[Dated] = ()

    @cached_property
    def known(self) -> Mapping[str, Metric]:
        """Metrics by symbol."""
        return {one.symbol: one for one in self.metrics}

    @cached_property
    def names(self) -> Names:
        """What sentences call the columns and outcomes."""
        return names_in(self.rows, self.counts, self.known)

    def sentence(self, facet: Facet, value: str, metric: str) -> str:
        """Sentence about a row, and whether its interval alone shows what it says."""
        key = facet.name, value, metric
        told = row_sentences([self.by_key[key]], self.counts, self.metrics)[0]
        return f"{told} {_NOT_SURE}" if key in self._unsure else told

    @cached_property
    def _unsure(self) -> frozenset[tuple[str, str, str]]:
        """Rows whose own intervals leave parity, but not surely with all judged together."""
        judged, together = self.judged, {*self.judged.judged}
        return frozenset(
            _key(row)
            for i, row in enumerate(self.rows)
            if judged.first[i] in together and judged.is_apart(i) and not judged.is_sure[i]
        )

    def told_within(self, facet: Facet, value: str, metric: Metric) -> str:
        """What the difference of a value does within groups, in a metric."""
        told = self._within.get((facet.name, value, metric.symbol))
        return told or self.sentence(facet, value, metric.symbol)

    @cached_property
    def _within(self) -> Mapping[tuple[str, str, str], str]:
        return {_key(self.rows[i]): told for i, told in each_within(self.judged).items()}

    @cached_property
    def by_key(self) -> Mapping[tuple[str, str, str], Row]:
        """Rows by facet, value and metric."""
        return {_key(row): row for row in self.rows}

    @cached_property
    def verdicts(self) -> Mapping[tuple[str, str, str], Checked]:
        """Verdicts on rows that have a limit, by facet, value and metric."""
        return {_key(one.row): one for one in self.checked}

    @cached_property
    def leading(self) -> Metric | None:
        """The metric that speaks for the report."""
        return next((self.known[one] for one in LEADING if one in self.known), None)

    def values(self, facet: Facet) -> list[str]:
        """Values of a facet that are compared, in the order of the report."""
        return list(dict.fromkeys(row.value for row in self.rows if row.facet == facet.name))

    def foremost(self, facet: Facet) -> list[str]:
        """The same, the values that the leading metric is farthest against first.

        Of two values that mirror each other only one is there: the other says the same again.
        """
        judged, symbol = self.judged, self.leading.symbol if self.leading else ""
        places = {row.value: i for i, row in enumerate(self.rows) if _leads(row, facet, symbol)}

        def order(value: str) -> tuple[bool, float, float]:
            if value not in places:
                return True, 0.0, 0.0
            i = places[value]
            few = judged.has_few_rows(i)
            far = judged.reach(i) if judged.is_against(i) else -judged.reach(i)
            return few, -far, -float(judged.is_against(i))

        values = sorted(self.values(facet), key=order)
        return values[:1] if self.is_mirrored(facet) else values

    def by_distance(self, facet: Facet) -> list[str]:
        """Values of a facet, those farthest from parity in the leading metric first."""
        symbol = self.leading.symbol if self.leading else ""
        far = {
            row.value: self.judged.reach(i)
            for i, row in enumerate(self.rows)
            if _leads(row, facet, symbol)
        }
        return sorted(self.values(facet), key=lambda value: -far.get(value, 0.0))

    @cached_property
    def restated(self) -> frozenset[tuple[str, str, str]]:
        """Rows, by facet, value and metric, whose metric says again what another one does."""
        pairs = zip(self.rows, self.judged.how, strict=True)
        return frozenset(_key(row) for row, how in pairs if how == "restates")

    def is_mirrored(self, facet: Facet) -> bool:
        """Whether a facet has two values, each compared with the other."""
        rows = [row for row in self.rows if row.facet == facet.name]
        values = self.values(facet)
        return len(values) == 2 and all(
            {one.n_d for one in rows if one.value == values[0] and one.metric == row.metric}
            == {row.n_a}
            for row in rows
            if row.value == values[1]
        )

    @cached_property
    def rates(self) -> Mapping[str, Sequence[RateRow]]:
        """Rates by facet value, by facet; none without outcomes."""
        return self._rates(self.counts)

    @cached_property
    def label_rates(self) -> Mapping[str, Sequence[RateRow]]:
        """The same of the labels alone, where there are predictions, too."""
        roles = self.counts.roles
        if roles.label is None or roles.predicted is None:
            return {}
        alone = roles.replaced(predicted=None, predicted_above=None)
        return self._rates(replace(self.counts, roles=alone, scores={}))

    def _rates(self, counts: Counts) -> Mapping[str, Sequence[RateRow]]:
        roles = counts.roles
        if (roles.label is None and roles.predicted is None) or not self.has_positive:
            return {}
        made: dict[str, list[RateRow]] = {facet.name: [] for facet in roles.facet}
        for row in rate_rows(counts, self.confidence):
            made[row.facet].append(row)
        return made

    @property
    def has_positive(self) -> bool:
        """Whether it is known which outcomes are positive."""
        return any("positive" in one.needs for one in self.metrics)

    def compared(self, facet: Facet) -> Compared:
        """Comparisons of a facet, for numbers within groups."""
        return compared(self.counts, facet, self.metrics)


def _key(row: Row) -> tuple[str, str, str]:
    return row.facet, row.value, row.metric


def _leads(row: Row, facet: Facet, symbol: str) -> bool:
    return row.facet == facet.name and row.metric == symbol
