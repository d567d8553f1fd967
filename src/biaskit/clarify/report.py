"""Report: the results of a job as a page, with the figures and the names of ``analysis.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from biaskit.clarify.analysis import DESCRIPTIONS
from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.explaining.kernel_shap import Local
from biaskit.clarify.measured.bias import Bias, Group, Value
from biaskit.clarify.measured.intervals import OURS, Places, intervals_of
from biaskit.clarify.words import MEANINGS
from biaskit.counts.tables import divide
from biaskit.metrics import METRICS
from biaskit.pages.charts.models.bars import Bar, bars
from biaskit.pages.charts.models.dependence import Curve, Feature, dependence
from biaskit.pages.charts.models.swarm import Swarm, swarm
from biaskit.pages.document import document
from biaskit.pages.drawn import drawn_forest, has_direction, turned
from biaskit.pages.figures import figure, folded, headed, opener
from biaskit.pages.markup import Safe, el, lines, table
from biaskit.pages.numbers import interval, number
from biaskit.reports.report import Row
from biaskit.reports.words import name_in_words

__all__ = ["Reported", "report_of"]

_LEVEL = 0.95
_MOST_FEATURES = 10
# Groups of a facet whose metrics stand open, and those that have a chart each.
_MOST_OPEN = 3
_MOST_DRAWN = 20
# Metrics of the overview of groups.
_MAIN = ("CI", "DPL", "CDDL", "DPPL", "DI", "AD", "RD")
_HOW = (
    "SHAP values split a row's score, less the mean score of the baseline, among the features. The "
    "global value of a feature is {how} of its values in all rows."
)
_AGGREGATED = {
    "mean_abs": "the mean size",
    "median": "the median",
    "mean_sq": "the mean square",
}


class Reported(NamedTuple):
    """What a report shows.

    Attributes
    ----------
    job, bias, explanations, violations
        The configuration, and what was computed.
    local, rows
        SHAP values of every row, and the rows themselves, where they were computed.
    warnings, assumed
        What Clarify would not have said, and what was assumed, in sentences.
    """

    job: Configuration
    bias: Bias | None = None
    explanations: Mapping[str, Any] = {}
    violations: Sequence[Mapping[str, str]] = ()
    local: Local | None = None
    rows: Any = None
    warnings: Sequence[str] = ()
    assumed: Sequence[str] = ()


def report_of(found: Reported) -> str:
    """HTML of a job's results."""
    title = found.job.report.title if found.job.report is not None else "Analysis Report"
    told = _told(found)
    body = [
        el("p", "A SageMaker Clarify job, run by biaskit", class_="mute"),
        el("h1", title),
        el("p", told),
        opener("Open all details"),
        *_warnings(found),
        *_violations(found),
        *_bias(found),
        *_shap(found),
        *_dependence(found),
        *_appendix(found),
    ]
    return document(title, Safe("".join(body)), description=told)


def _told(found: Reported) -> str:
    parts = []
    if found.bias is not None:
        rows = found.bias.tables.rows
        groups = sum(map(len, found.bias.facets.values()))
        of = ", ".join(map(name_in_words, found.bias.facets))
        what = f"a group of {of}" if groups == 1 else f"{groups:,} groups of {of}, each"
        parts.append(f"Bias metrics of {rows:,} rows: {what} compared with all other rows")
    if "kernel_shap" in found.explanations:
        parts.append("SHAP values of the model")
    if "pdp" in found.explanations:
        parts.append("its partial dependence")
    return f"{'; '.join(parts)}." if parts else "Nothing was computed."


def _warnings(found: Reported) -> Iterator[Safe]:
    if found.warnings:
        yield el("h2", "What to be careful of", id="care")
        yield el("ul", *(el("li", one) for one in found.warnings))


def _violations(found: Reported) -> Iterator[Safe]:
    if found.violations:
        n = len(found.violations)
        caption = f"{n:,} number{'s' if n > 1 else ''} beyond those of the baseline"
        yield el("h2", "Drift since the baseline", id="drift")
        yield table(
            caption,
            ["Metric", "Facet", "Group", "What was found"],
            [
                [
                    one.get("metric_name", ""),
                    one.get("facet", one.get("label", "")),
                    one.get("facet_value", ""),
                    one["description"],
                ]
                for one in found.violations
            ],
            label=caption,
            texts=(1, 2, 3),
        )


def _bias(found: Reported) -> Iterator[Safe]:
    bias = found.bias
    if bias is None:
        return
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


def _shap(found: Reported) -> Iterator[Safe]:
    shap = found.explanations.get("kernel_shap")
    if not shap or found.job.shap is None:
        return
    yield el("h2", "What the model's scores rest on", id="shap")
    yield el("p", _HOW.format(how=_AGGREGATED[found.job.shap.agg_method]))
    if found.local is not None:
        yield el("p", f"How they were found: {found.local.method}{_error(found.local)}.")
    for place, (label, one) in enumerate(shap.items()):
        values = one["global_shap_values"]
        largest = sorted(values, key=lambda name: -abs(values[name]))[:_MOST_FEATURES]
        title = f"Global SHAP values for {label}"
        head = headed(title, "global", label)
        chart = bars([Bar(name_in_words(name), values[name]) for name in largest], head=head)
        finding = f"{name_in_words(largest[0])} matters most for {label}"
        measure = f"The baseline's mean score is {number(one['expected_value'])}"
        numbers = table(
            title,
            ["Feature", "Global SHAP value"],
            [[name_in_words(name), number(value)] for name, value in values.items()],
            label=title,
        )
        yield figure(chart, finding, measure, numbers, label=title, name=head.described_by)
        if found.local is not None and found.rows is not None:
            yield _swarm(found, label, place, largest)


def _error(local: Local) -> str:
    """How far SHAP values may be off."""
    if not local.error:
        return ""
    if math.isnan(local.error):
        return "; too few to tell how far a value may be off"
    return f"; a value is off by some {local.error:.2g} (root mean square)"


def _swarm(found: Reported, label: str, place: int, largest: Sequence[str]) -> Safe:
    """SHAP values of rows, those with low and those with high values of the feature apart."""
    local, rows = found.local, found.rows
    assert local is not None
    names = list(rows.columns)
    given = []
    for name in largest:
        values, column = local.values[place][:, names.index(name)], rows[name]
        if column.dtype.kind in "iuf":
            numbers, middle = column.to_numpy(float), float(column.median())
            is_high = numbers > middle if (numbers > middle).any() else numbers >= middle
        else:
            is_high = (column != column.mode().iloc[0]).to_numpy(bool)
        given.append(
            Swarm(name_in_words(name), values[~is_high].tolist(), values[is_high].tolist())
        )
    title = f"SHAP values of rows for {label}"
    head = headed(title, "local", label)
    chart = swarm(
        given,
        head=head,
        ends=("lowers the score", "raises the score"),
        names=(
            "lower values of the feature, or the most frequent",
            "higher values, or any other",
        ),
    )
    finding = f"How values of the features move the score for {label}"
    measure = f"Each point is a row, of {len(rows):,}; of many, some are drawn, evenly by rank"
    return figure(chart, finding, measure, None, label=title, name=head.described_by)


def _dependence(found: Reported) -> Iterator[Safe]:
    pdp = [one for one in found.explanations.get("pdp", ()) if "error" not in one]
    if not pdp:
        return
    yield el("h2", "Partial dependence", id="pdp")
    title = "The model's mean score as one feature is set"
    head = headed(title, "pdp")
    chart = dependence(
        [
            Feature(
                name_in_words(one["feature_name"]),
                [
                    float(value) if one["data_type"] == "numerical" else name_in_words(str(value))
                    for value in one["feature_values"]
                ],
                [
                    Curve(name_in_words(str(label)), means)
                    for label, means in zip(
                        one["label_headers"], one["model_predictions"], strict=True
                    )
                ],
                one["data_distribution"],
            )
            for one in pdp
        ],
        head=head,
    )
    numbers = table(
        title,
        ["Feature", "Set to", "Output", "Mean score", "Share of rows"],
        [
            [name_in_words(one["feature_name"]), _shown(value), label, number(mean), number(share)]
            for one in pdp
            for label, means in zip(one["label_headers"], one["model_predictions"], strict=True)
            for value, mean, share in zip(
                one["feature_values"], means, one["data_distribution"], strict=True
            )
        ],
        label=title,
        texts=(1, 2),
    )
    measure = "Each line is the mean over rows, with the feature set alike in all"
    yield figure(chart, title, measure, numbers, label=title, name=head.described_by)


def _shown(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _appendix(found: Reported) -> Iterator[Safe]:
    assumed = [*found.assumed, *(found.bias.assumed if found.bias is not None else ())]
    if assumed:
        yield folded("What was assumed", el("ul", *(el("li", one) for one in assumed)))
    given = json.dumps(found.job.given, indent=2, ensure_ascii=False)
    yield el("h2", "Analysis configuration", id="configuration")
    yield folded("The configuration of the job", el("pre", el("code", lines(given))))
