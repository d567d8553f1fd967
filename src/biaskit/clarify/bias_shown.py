"""Bias shown: the bias metrics of a job as parts of a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from biaskit.clarify.analysis import DESCRIPTIONS
from biaskit.clarify.measured.bias import Bias, Group, Value
from biaskit.clarify.measured.intervals import OURS, Places, intervals_of
from biaskit.clarify.words import MEANINGS
from biaskit.counts.tables import divide
from biaskit.metrics import METRICS
from biaskit.pages.drawn import drawn_forest, has_direction, turned
from biaskit.pages.figures import figure, folded, headed
from biaskit.pages.markup import Safe, el, table
from biaskit.pages.numbers import interval, number
from biaskit.reports.report import Row
from biaskit.reports.words import name_in_words

__all__ = ["bias_shown"]

_LEVEL = 0.95
# Groups of a facet whose metrics stand open, and those that have a chart each.
_MOST_OPEN = 3
_MOST_DRAWN = 20
# Metrics of the overview of groups.
_MAIN = ("CI", "DPL", "CDDL", "DPPL", "DI", "AD", "RD")


def bias_shown(bias: Bias) -> Iterator[Safe]:
    """Parts of a page: who is compared, how good the predictions are, and every metric."""
    yield el("h2", "What is compared", id="compared")
    label, shown = name_in_words(bias.label), bias.label_shown or "(none)"
    yield el("p", f"The desirable outcome is {label} {shown}.")
    yield el(
        "ul",
        *(
            el("li", f"{name_in_words(facet)}: {_compared(groups)}.")
            for facet, groups in bias.facets.items()
        ),
    )
    yield from _performance(bias)
    known = intervals_of(bias, _LEVEL)
    for facet, groups in bias.facets.items():
        yield el("h2", name_in_words(facet))
        if len(groups) > 1:
            yield _overview(facet, groups)
        is_drawn = len(groups) <= _MOST_DRAWN
        for place, group in enumerate(groups):
            told = _told_of(facet, group)
            parts = [*_group(facet, place, group, known, is_drawn=is_drawn)]
            if len(groups) > _MOST_OPEN:
                yield folded(told, *parts)
            else:
                yield el("h3", told)
                yield from parts
    yield _meanings(bias)


def _compared(groups: Sequence[Group]) -> str:
    """Who is compared with whom, and how many rows they are."""
    if len(groups) == 1:
        (one,) = groups
        shown = one.shown or "nobody"
        return f"{shown} ({one.n_d:,} rows) with all other rows ({one.n_a:,})"
    return f"each of {len(groups):,} groups with all other rows"


def _told_of(facet: str, group: Group) -> str:
    return f"{name_in_words(facet)}: {group.shown or '(nobody)'}"


def _overview(facet: str, groups: Sequence[Group]) -> Safe:
    """The main numbers of the groups of a facet, one beneath another."""
    first = {value.name for value in (*groups[0].pre_training, *groups[0].post_training)}
    names = [name for name in _MAIN if name in first]
    rows = []
    for group in groups:
        values = {one.name: one.value for one in (*group.pre_training, *group.post_training)}
        rows.append(
            [
                group.shown or "(nobody)",
                f"{group.n_d:,}",
                *(number(_or_nan(values[name])) for name in names),
            ]
        )
    caption = f"Each group of {name_in_words(facet)}, compared with all other rows"
    return table(caption, ["Group", "Rows", *names], rows, label=caption)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _meanings(bias: Bias) -> Safe:
    """What the metrics say, of the group by its name if there is but one."""
    every = [(facet, group) for facet, groups in bias.facets.items() for group in groups]
    facet, group = every[0]
    who = _told_of(facet, group) if len(every) == 1 else "the group"
    names = [value.name for value in (*group.pre_training, *group.post_training)]
    return folded(
        "What the metrics mean",
        el("ul", *(el("li", f"{name}: {MEANINGS[name].format(group=who)}") for name in names)),
    )


def _performance(bias: Bias) -> Iterator[Safe]:
    """How good the predictions are, over all rows."""
    if bias.positive_hat is None:
        return
    table_of = next(iter(bias.tables.of_facet.values()))
    labels = [level in bias.positive.levels for level in table_of.levels.label]
    hat = [level in bias.positive_hat.levels for level in table_of.levels.predicted]
    n = table_of.n.sum(axis=(0, 3))
    cells = {
        (one, other): float(n[np.ix_(np.array(labels) == one, np.array(hat) == other)].sum())
        for one in (True, False)
        for other in (True, False)
    }
    tp, fn, fp, tn = (cells[one, other] for one in (True, False) for other in (True, False))
    total = tp + fn + fp + tn
    figures = {
        "Accuracy": (tp + tn, total),
        "Proportion of Positive Predictions in Labels": (tp + fp, total),
        "Proportion of Negative Predictions in Labels": (tn + fn, total),
        "True Positive Rate / Recall": (tp, tp + fn),
        "True Negative Rate / Specificity": (tn, tn + fp),
        "Acceptance Rate / Precision": (tp, tp + fp),
        "Rejection Rate": (tn, tn + fn),
        "Conditional Acceptance": (tp + fn, tp + fp),
        "Conditional Rejection": (tn + fp, tn + fn),
        "F1 Score": (2 * tp, 2 * tp + fp + fn),
    }
    yield el("h2", "Performance of the model", id="performance")
    yield table(
        "Right and wrong predictions",
        ["Outcome", "Predicted desirable", "Predicted other"],
        [
            ["Label desirable", f"{tp:,.0f}", f"{fn:,.0f}"],
            ["Label other", f"{fp:,.0f}", f"{tn:,.0f}"],
        ],
        label="Right and wrong predictions",
    )
    yield table(
        "Performance over all rows",
        ["Measure", "Value"],
        [[name, number(float(divide(*pair)))] for name, pair in figures.items()],
        label="Performance over all rows",
    )


def _group(
    facet: str, place: int, group: Group, known: Mapping[Places, Row], *, is_drawn: bool
) -> Iterator[Safe]:
    told = _told_of(facet, group)
    rows = {
        value.name: known.get((facet, place, value.name))
        for value in (*group.pre_training, *group.post_training)
    }
    drawn = [
        turned(METRICS[OURS.get(name, name)], row, None, is_short=False)
        for name, row in rows.items()
        if row is not None
        and METRICS[OURS.get(name, name)].kind != "ratio"
        and has_direction(METRICS[OURS.get(name, name)])
    ]
    if drawn and is_drawn:
        title = f"Metrics of {told}"
        head = headed(title, "clarify", facet, str(place))
        finding = f"Differences between {told} and all other rows"
        measure = (
            f"{group.n_d:,} rows and {group.n_a:,} others, with {100 * _LEVEL:g} % intervals; to "
            f"the right, {told} is worse off"
        )
        chart = drawn_forest(drawn, told, head)
        yield figure(chart, finding, measure, None, label=title, name=head.described_by)
    for stage, values in (
        ("Pre-training bias metrics", group.pre_training),
        ("Post-training bias metrics", group.post_training),
    ):
        if values:
            yield _metrics(f"{stage} of {told}", values, rows)
            yield from _failed(values)


def _metrics(caption: str, values: Sequence[Value], rows: Mapping[str, Row | None]) -> Safe:
    return table(
        caption,
        ["Metric", "Description", "Value", f"{100 * _LEVEL:g} % interval"],
        [
            [
                value.name,
                DESCRIPTIONS[value.name],
                number(_or_nan(value.value)),
                "" if (row := rows[value.name]) is None else interval(row.low, row.high),
            ]
            for value in values
        ],
        label=caption,
        texts=(1,),
    )


def _failed(values: Sequence[Value]) -> Iterator[Safe]:
    """Why metrics have no value."""
    reasons: dict[str, list[str]] = {}
    for value in values:
        if value.error is not None:
            reasons.setdefault(value.error, []).append(value.name)
    if reasons:
        yield el(
            "ul",
            *(
                el(
                    "li",
                    f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} no value: {why}",
                )
                for why, names in reasons.items()
            ),
            class_="mute",
        )
