"""Times: what has changed since a baseline, and metrics over several dated counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from biaskit.counts.facets import Facet
from biaskit.gate.compare import Drift
from biaskit.gate.verdicts import FAIL
from biaskit.metrics import LEADING
from biaskit.pages.charts.drift import DriftRow, drift
from biaskit.pages.contents import Contents
from biaskit.pages.drawn import FACET_SHARE, drawn_drift, drawn_over_time, drifts_on_an_axis
from biaskit.pages.figures import figure, headed
from biaskit.pages.markup import Safe, el, table
from biaskit.pages.numbers import interval, number, percent, whole
from biaskit.pages.sections.extremes import CHANCE
from biaskit.reports.report import Row
from biaskit.reports.words import name_in_words, value_in_words

__all__ = ["over_dates", "since_baseline"]


def since_baseline(contents: Contents, facet: Facet) -> Iterator[Safe]:
    """Metrics of the foremost value and shares of all values, in the baseline and now."""
    mine = [one for one in contents.drift if one.facet == facet.name]
    shares = [one for one in mine if one.metric == FACET_SHARE]
    metrics = [one for one in mine if one.metric != FACET_SHARE]
    if not metrics and not shares:
        return
    values = list(dict.fromkeys(one.value for one in metrics))
    foremost = [one for one in contents.foremost(facet) if one in values][:1]
    yield el("h3", "What has changed since the baseline?")
    for value in foremost:
        yield _metrics(contents, facet, value, [one for one in metrics if one.value == value])
    if shares:
        yield _shares(facet, shares)


def _metrics(contents: Contents, facet: Facet, value: str, rows: Sequence[Drift]) -> Safe:
    told, name = value_in_words(value), name_in_words(facet.name)
    directed = [one for one in rows if drifts_on_an_axis(contents.known[one.metric])]
    grown = [one.metric for one in directed if one.verdict == FAIL]
    finding = (
        f"Surely farther from parity than in the baseline: {', '.join(grown)}"
        if grown
        else f"No metric of {told} is surely farther from parity than in the baseline"
    )
    title = f"Metrics of {name} {told}, in the baseline and now"
    head = headed(title, "drift", facet.name, value)
    drawn = drawn_drift(directed, head)
    numbers = table(
        title,
        ["Metric", "Baseline", "Now", "Change of distance", "Interval", "Note"],
        [
            [
                one.metric,
                number(one.baseline),
                number(one.current),
                number(one.change),
                interval(one.low, one.high),
                one.note,
            ]
            for one in rows
        ],
        label=title,
        texts=(5,),
    )
    measure = (
        "Hollow: the baseline; filled: now. At the right, the interval of the change of the "
        "distance from parity: above 0, the gap has grown."
    )
    return figure(drawn, finding, measure, numbers, label=title, name=head.described_by)


def _shares(facet: Facet, rows: Sequence[Drift]) -> Safe:
    name = name_in_words(facet.name)
    sure = [one for one in rows if not one.low <= 0 <= one.high]
    most = max(sure or rows, key=lambda one: abs(one.change))
    finding = (
        f"{value_in_words(most.value)} changed most: from {percent(most.baseline, 1)} to "
        f"{percent(most.current, 1)} of the rows"
    )
    if not sure:
        finding += CHANCE
    title = f"Shares of the rows by {name}, in the baseline and now"
    head = headed(title, "drift", facet.name, "(shares)")
    drawn = drift(
        [
            DriftRow(
                value_in_words(one.value),
                one.baseline,
                one.current,
                more=" to ".join(percent(end, 1) for end in (one.low, one.high)),
            )
            for one in rows
        ],
        head=head,
        shares=True,
    )
    numbers = table(
        title,
        ["Value", "Baseline", "Rows", "Now", "Rows", "Change"],
        [
            [
                value_in_words(one.value),
                percent(one.baseline, 1),
                whole(one.n_baseline),
                percent(one.current, 1),
                whole(one.n_current),
                percent(one.change, 1),
            ]
            for one in rows
        ],
        label=title,
    )
    measure = "Hollow: the baseline; filled: now; at the right, the interval of the change."
    return figure(drawn, finding, measure, numbers, label=title, name=head.described_by)


def over_dates(contents: Contents, facet: Facet) -> Iterator[Safe]:
    """Leading metrics of the foremost value in each of several dated counts."""
    if not contents.dated or not contents.values(facet):
        return
    value = contents.foremost(facet)[0]
    yield el("h3", "How has it changed over time?")
    for symbol in LEADING:
        if symbol in contents.known:
            yield _over_time(contents, facet, value, symbol)


def _over_time(contents: Contents, facet: Facet, value: str, symbol: str) -> Safe:
    told, name = value_in_words(value), name_in_words(facet.name)
    found = [
        (dated.name, row)
        for dated in contents.dated
        for row in dated.rows
        if (row.facet, row.value, row.metric) == (facet.name, value, symbol)
    ]
    title = f"{symbol} of {name} {told} over {len(contents.dated):,} dates"
    finding = (
        f"{symbol} of {told}: {number(found[0][1].estimate)} in {found[0][0]}, "
        f"{number(found[-1][1].estimate)} in {found[-1][0]}"
    )
    if _may_be_no_change(found[0][1], found[-1][1]):
        finding += "; the change could be chance"
    head = headed(title, "time", facet.name, value, symbol)
    limits = (contents.limits or {}).get(symbol)
    drawn = drawn_over_time(found, contents.known[symbol], head, limits)
    numbers = table(
        title,
        ["Date", symbol, "Interval", f"Rows of {told}"],
        [
            [when, number(row.estimate), interval(row.low, row.high), whole(row.n_d)]
            for when, row in found
        ],
        label=title,
    )
    measure = (
        f"Each of the counts, in the order of names, with {100 * contents.confidence:g} % intervals"
    )
    return figure(drawn, finding, measure, numbers, label=title, name=head.described_by)


def _may_be_no_change(first: Row, last: Row) -> bool:
    """Whether numbers differ, and the interval of their difference holds 0 (MOVER, as of DPL)."""
    change = last.estimate - first.estimate
    below = math.hypot(last.estimate - last.low, first.high - first.estimate)
    above = math.hypot(last.high - last.estimate, first.estimate - first.low)
    return change != 0 and change - below <= 0 <= change + above
