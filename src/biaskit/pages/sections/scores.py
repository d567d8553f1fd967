"""Scores of each facet value: how they are distributed, rank, come true and decide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from biaskit.counts.facets import Facet
from biaskit.errors import RolesError
from biaskit.metrics import METRICS, Metric
from biaskit.pages.contents import Contents
from biaskit.pages.figures import figure, headed
from biaskit.pages.markup import Safe, el, table
from biaskit.pages.numbers import interval, number, percent, tick, whole
from biaskit.pages.scored import (
    drawn_calibration,
    drawn_distributions,
    drawn_roc,
    drawn_sweep,
    is_a_chance,
)
from biaskit.reports.words import called, name_in_words, value_in_words
from biaskit.scores.calibration import ALL, CalibrationRow, calibration_rows
from biaskit.scores.curves import Distribution, Roc, distributions, roc_curves
from biaskit.scores.sweep import SweepRow, sweep_rows

__all__ = ["scored"]

# Facet values that are drawn, and those in a table.
_DRAWN, _MOST_ROWS = 4, 50
# Thresholds of a sweep, and how many of them stand in the table.
_THRESHOLDS, _IN_TABLE = 51, 5
# Differences of decisions, each above 0 where the value is worse off.
_SWEPT = ("DPPL", "RD", "AD")


def scored(contents: Contents, facet: Facet) -> Iterator[Safe]:
    """Charts of the scores, where there are any."""
    counts = contents.counts
    if facet not in counts.scores or not (each := distributions(counts, facet)):
        return
    drawn = contents.by_distance(facet)
    name = name_in_words(facet.name)
    yield el("h3", "Scores")
    yield _distributions(_first(each, drawn), each, contents.counts.roles.score or "score", facet)
    has_labels = counts.roles.label is not None and contents.has_positive
    if has_labels and (curves := roc_curves(counts, facet)):
        yield _roc(_first(curves, drawn), curves, facet)
    if has_labels:
        found = calibration_rows(counts, 10, contents.confidence)
        rows = [one for one in found if one.facet == facet.name and one.value != ALL]
        if rows and is_a_chance(rows):
            yield _calibration(rows, drawn, contents, name)
    if (value := next(iter(contents.foremost(facet)), None)) is not None:
        yield from _sweep(contents, facet, value)


def _first(each: Sequence[Roc | Distribution], order: Sequence[str]) -> list[str]:
    """Values that are drawn: those that differ most, where there are many."""
    names = [one.value for one in each]
    if len(names) <= _DRAWN:
        return names
    found = [one for one in order if one in names]
    return [*found, *(one for one in names if one not in found)][:_DRAWN]


def _which(drawn: int, of: int) -> str:
    return f" The {drawn} that differ most; all are in the table." if drawn < of else ""


def _distributions(
    values: Sequence[str], each: Sequence[Distribution], score: str, facet: Facet
) -> Safe:
    name = name_in_words(facet.name)
    title = f"Distribution of {score}, by {name}"
    head = headed(title, "scores", facet.name)
    means = sorted(each, key=lambda one: one.mean)
    finding = f"Mean {score}, by {name}"
    if len(means) > 1:
        low, high = means[0], means[-1]
        finding = (
            f"The mean of {score} is from {number(low.mean)} ({value_in_words(low.value)}) to "
            f"{number(high.mean)} ({value_in_words(high.value)})"
        )
    numbers = table(
        title,
        ["Value", "Mean", "Rows with a score"],
        [[value_in_words(one.value), number(one.mean), whole(one.n)] for one in each[:_MOST_ROWS]],
        label=title,
    )
    measure = (
        f"Share of the rows of each value in bands of {score}.{_which(len(values), len(each))}"
    )
    shown = [one for one in each if one.value in values]
    drawn = drawn_distributions(shown, head, score)
    return figure(drawn, finding, measure, numbers, label=title, name=head.described_by)


def _roc(values: Sequence[str], each: Sequence[Roc], facet: Facet) -> Safe:
    title = f"ROC curves, by {name_in_words(facet.name)}"
    head = headed(title, "roc", facet.name)
    ranked = sorted(each, key=lambda one: one.auc)
    finding = f"AUC of {value_in_words(ranked[0].value)}: {number(ranked[0].auc)}"
    if len(ranked) > 1:
        low, high = ranked[0], ranked[-1]
        finding = (
            "A positive's score is above a negative's in "
            f"{percent(low.auc, 1)} ({value_in_words(low.value)}) to {percent(high.auc, 1)} "
            f"({value_in_words(high.value)}) of all pairs"
        )
    numbers = table(
        title,
        ["Value", "AUC", "Positives", "Others"],
        [
            [value_in_words(one.value), number(one.auc), whole(one.positives), whole(one.negatives)]
            for one in each[:_MOST_ROWS]
        ],
        label=title,
    )
    measure = (
        "True and false positive rates at every threshold; on the diagonal, scores tell nothing. "
        "The area below a curve (AUC) compares the members of one value with each other only."
        f"{_which(len(values), len(each))}"
    )
    drawn = drawn_roc([one for one in each if one.value in values], head)
    return figure(drawn, finding, measure, numbers, label=title, name=head.described_by)


def _calibration(
    rows: Sequence[CalibrationRow], order: Sequence[str], contents: Contents, name: str
) -> Safe:
    title = f"Calibration, by {name}"
    head = headed(title, "calibration", name)
    names = list(dict.fromkeys(row.value for row in rows))
    values = names if len(names) <= _DRAWN else [one for one in order if one in names][:_DRAWN]
    off = [one for one in rows if not one.low <= one.mean_score <= one.high]
    level = f"{100 * contents.confidence:g} %"
    finding = (
        f"In {len(off):,} of {len(rows):,} bands, the {level} interval of the share of positive "
        "labels leaves out the mean score"
    )
    numbers = table(
        title,
        ["Value", "Scores", "Rows", "Mean score", "Positive", "Interval"],
        [
            [
                value_in_words(one.value),
                f"{tick(one.above)} to {tick(one.up_to)}",
                whole(one.n),
                number(one.mean_score),
                number(one.positive),
                interval(one.low, one.high),
            ]
            for one in rows[: 10 * _MOST_ROWS]
        ],
        label=title,
        texts=(1,),
    )
    measure = (
        "Share of positive labels by mean score, in ten bands; on the diagonal, scores are the "
        f"chances that they claim to be. {level} intervals, each by itself; chance alone leaves "
        f"out one in {max(round(1 / (1 - contents.confidence)), 2)}."
        f"{_which(len(values), len(names))}"
    )
    drawn = drawn_calibration([one for one in rows if one.value in values], head)
    return figure(drawn, finding, measure, numbers, label=title, name=head.described_by)


def _sweep(contents: Contents, facet: Facet, value: str) -> Iterator[Safe]:
    """Differences of decisions of one value at every threshold."""
    counts = contents.counts
    metrics = _swept(contents)
    if not metrics:
        return
    try:
        rows = sweep_rows(
            counts.choosing(facet=facet.given),
            _THRESHOLDS,
            metrics,
            contents.confidence,
            tests=False,
        )
    except RolesError:  # the reference is another one at each threshold
        return
    told = called(facet.name, value)
    by_name: dict[str, list[SweepRow]] = {}
    for metric in metrics:
        title = metric.title.partition(",")[0]
        own = [row for row in rows if row.value == value and row.metric == metric.symbol]
        if any(not math.isnan(row.estimate) for row in own):
            by_name[f"{metric.symbol}, {title[0].lower()}{title[1:]}"] = own
    if not by_name:
        return
    title = f"Decisions at every threshold: {told}"
    head = headed(title, "sweep", facet.name, value)
    leading = next(iter(by_name.values()))
    worst = max(leading, key=lambda row: -math.inf if math.isnan(row.estimate) else row.estimate)
    finding = (
        f"{leading[0].metric} of {told} is largest, {number(worst.estimate)}, at the threshold "
        f"{tick(worst.threshold)}"
    )
    level = f"{100 * contents.confidence:g} %"
    drawn = drawn_sweep(by_name, head, measures=f"above 0 is against {told}", parity=0.0)
    shown = leading[:: max(len(leading) // (2 * _IN_TABLE), 1)]
    places = {row.threshold for row in shown}
    numbers = table(
        title,
        ["Threshold", *(own[0].metric for own in by_name.values())],
        [[tick(at), *(_cell(own, at) for own in by_name.values())] for at in sorted(places)],
        label=title,
    )
    measure = (
        f"Scores above the threshold are the positive predictions. Bands are {level} intervals, "
        "each threshold by itself."
    )
    yield figure(drawn, finding, measure, numbers, label=title, name=head.described_by)


def _cell(rows: Sequence[SweepRow], at: float) -> str:
    row = next(one for one in rows if one.threshold == at)
    ends = interval(row.low, row.high)
    return f"{number(row.estimate)} ({ends})" if ends else number(row.estimate)


def _swept(contents: Contents) -> list[Metric]:
    roles = contents.counts.roles
    if not contents.has_positive and roles.label is not None:
        return []
    return [METRICS[one] for one in _SWEPT if one == "DPPL" or roles.label is not None]
