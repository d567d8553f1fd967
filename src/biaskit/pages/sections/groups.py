"""Groups: whether the gap of a facet value stays within the same group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet
from biaskit.counts.levels import show
from biaskit.counts.tables import Tally, divide
from biaskit.metrics import Metric
from biaskit.pages.charts.strata import StratumRow, strata
from biaskit.pages.contents import Contents
from biaskit.pages.figures import figure, headed
from biaskit.pages.markup import Safe, el, table
from biaskit.pages.numbers import interval, number, percent, whole
from biaskit.reports.words import called, name_in_words, value_in_words

__all__ = ["within_groups"]

# Groups in the table.
_MOST_ROWS = 50


def within_groups(contents: Contents, facet: Facet) -> Iterator[Safe]:
    """Shares of the foremost value and of the others within each group."""
    within: dict[bool, Metric] = {}  # one metric for each outcome: a chart shows its shares
    for one in contents.metrics:
        if one.without_groups:
            within.setdefault("predicted" in one.needs, one)
    if not within or not contents.values(facet):
        return
    value, of = contents.foremost(facet)[0], contents.compared(facet)
    names, group = contents.names, contents.names.group
    place = contents.values(facet).index(value)
    yield el("h3", f"Does the gap stay where {group} is the same?")
    for predicts, metric in within.items():
        sides = of.sides(metric)
        assert isinstance(sides.a, Tally)
        assert isinstance(sides.d, Tally)
        a, d = sides.a.at(place), sides.d.at(place)
        in_a, in_d = a.by_group, d.by_group
        levels = [show(level) for level in of.table.levels.group]
        rows = [
            StratumRow(value_in_words(level), float(p), float(q), float(n), float(m))
            for level, p, q, n, m in zip(
                levels,
                _shares(in_d, predicts),
                _shares(in_a, predicts),
                in_d.n,
                in_a.n,
                strict=True,
            )
            if n or m
        ]
        together = StratumRow(
            "all together",
            float(_shares(d, predicts)[0]),
            float(_shares(a, predicts)[0]),
            float(d.n),
            float(a.n),
        )
        others = names.references.get(facet.name, "")
        if value in (pair := names.pairs.get(facet.name, ())):
            others = next(one for one in pair if one != value)
        other = called(facet.name, others) if others else "all others"
        told = called(facet.name, value)
        what = "Share predicted positive" if predicts else f"Share whose {names.positive}"
        row = contents.by_key[facet.name, value, metric.symbol]
        finding = contents.told_within(facet, value, metric)
        title = f"{what}, by {name_in_words(facet.name)} and {group}"
        head = headed(title, "strata", facet.name, metric.symbol)
        drawn = strata(
            rows,
            head=head,
            together=together,
            names=(told, other),
        )
        measure = (
            f"{title}; areas are numbers of rows. {metric.symbol} {number(row.estimate)}, "
            f"{100 * contents.confidence:g} % interval {interval(row.low, row.high) or 'unknown'}"
        )
        largest = sorted(rows, key=lambda one: -(one.n_a + one.n_d))[:_MOST_ROWS]
        caption = title
        if len(largest) < len(rows):
            caption = f"{title}: the {len(largest)} largest of {len(rows):,}"
        numbers = table(
            caption,
            [group, told, "Rows", other, "Rows"],
            [
                [one.label, percent(one.d, 1), whole(one.n_d), percent(one.a, 1), whole(one.n_a)]
                for one in [*[one for one in rows if one in largest], together]
            ],
            label=title,
        )
        yield figure(drawn, finding, measure, numbers, label=title, name=head.described_by)


def _shares(side: Tally, predicts: bool) -> NDArray[np.float64]:
    """Shares of positive outcomes of a side, in each group or over all."""
    count = side.n1_hat if predicts else side.n1
    return np.atleast_1d(divide(count, side.n))
