"""Report: the results of a job as a page, with the figures and the names of ``analysis.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.bias_shown import bias_shown
from biaskit.clarify.explaining.kernel_shap import Local
from biaskit.clarify.measured.bias import Bias
from biaskit.pages.charts.models.bars import Bar, bars
from biaskit.pages.charts.models.dependence import Curve, Feature, dependence
from biaskit.pages.charts.models.swarm import Swarm, swarm
from biaskit.pages.document import document
from biaskit.pages.figures import figure, folded, headed, opener
from biaskit.pages.markup import Safe, el, lines, table
from biaskit.pages.numbers import number
from biaskit.reports.words import name_in_words

__all__ = ["Reported", "report_of"]

_MOST_FEATURES = 10
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
        *(() if found.bias is None else bias_shown(found.bias)),
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
