"""Cards: what a report says, for a model card: as Markdown, and as SageMaker's JSON."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from biaskit.counts.counts import Counts
from biaskit.gate.check import Checked
from biaskit.gate.verdicts import FAIL, PASS, UNCERTAIN
from biaskit.intervals.figures import LEAST_P
from biaskit.metrics import LEADING, Metric
from biaskit.pages.numbers import interval, number, percent, whole
from biaskit.reports.rates import ALL, APART, rate_rows
from biaskit.reports.repeated import known_metrics, said_before
from biaskit.reports.report import Row, what_was_read
from biaskit.reports.summary import Summary
from biaskit.store.addresses import shown
from biaskit.store.formats import as_markdown, markdown, printable
from biaskit.store.version import __version__

__all__ = ["evaluation_details", "model_card"]

# Most rows of a table in a card.
_MOST_ROWS = 40
# Lengths that SageMaker's schema of model cards (1.0) allows.
_NAME, _METRIC, _OBSERVATION, _FACT, _NOTES, _AXIS = 63, 255, 2096, 1024, 1024, 63
_DATASETS = 10
# Characters of a group of metrics besides them.
_OF_GROUP = 2 * _NAME
# A model card has at most 100,000 characters, with all its sections: so many are for numbers, and
# for charts, each of so many bars.
_OF_NUMBERS, _OF_CHARTS, _MOST_BARS = 60_000, 12_000, 20


def model_card(
    rows: Sequence[Row],
    counts: Counts | None,
    summary: Summary,
    *,
    name: str = "",
    checked: Sequence[Checked] = (),
    metrics: Iterable[Metric] | None = None,
) -> str:
    """Section on bias for a model card, in Markdown in which no name can become markup.

    Parameters
    ----------
    rows
        Rows of a report.
    counts
        The counts that it is of, which say what was read.
    summary
        What `summarised` says of the rows.
    name
        Name of the model or the data.
    checked
        Rows with verdicts, where there are limits.
    metrics
        Metrics of your own that the report has.

    Returns
    -------
    str
        The summary; the verdicts; a table of at most 40 distinct numbers with their intervals; and
        what they are made of. Mirrored rows, and metrics that restate another, are left out. Where
        there are more numbers, the table has all values in a few metrics, those that speak for the
        report first.

    Examples
    --------
    >>> import biaskit
    >>> from biaskit.reports.report import report_rows
    >>> from biaskit.reports.summary import summarised
    >>> counts = biaskit.count(
    ...     biaskit.datasets.berkeley(), facet="gender", label="decision", positive="admitted"
    ... )
    >>> rows = report_rows(counts)
    >>> card = model_card(rows, counts, summarised(rows, counts), name="admissions").splitlines()
    >>> card[0]
    '## Bias: admissions'
    >>> [line for line in card if "DPL" in line]
    ['| gender | female | DPL: Difference in proportions of labels | 0.142 | 0.113 to 0.170 | \
30.4 % of 1,835 | 44.5 % of 2,691 | yes |']
    """
    parts = [
        f"## Bias{markdown(': ' + _short(name, 200)) if name else ''}",
        _bullets(one.sentence for one in summary.findings),
        *_limits(checked),
        *_numbers(rows, summary, known_metrics(metrics)),
        "### How this was measured",
        _bullets(_provenance(rows, counts)),
    ]
    return "\n\n".join(filter(None, parts))


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"* {markdown(one)}" for one in sentences)


def _limits(checked: Sequence[Checked]) -> Iterator[str]:
    """Verdicts on the rows that have a limit, the worst first."""
    if not checked:
        return
    worst_first = sorted(checked, key=lambda one: (FAIL, UNCERTAIN, PASS).index(one.verdict))
    number_of = {
        verdict: sum(one.verdict == verdict for one in checked)
        for verdict in (FAIL, UNCERTAIN, PASS)
    }
    told = ", ".join(f"{n:,} {verdict}" for verdict, n in number_of.items() if n)
    yield f"### Limits\n\n{told}"
    yield as_markdown(
        ("verdict", "facet", "value", "metric", "estimate", "allowed", "why"),
        [
            (
                one.verdict,
                one.row.facet,
                one.row.value,
                one.row.metric,
                number(one.row.estimate),
                interval(one.limit_low, one.limit_high),
                one.reason,
            )
            for one in worst_first[:_MOST_ROWS]
        ],
    )
    if len(checked) > _MOST_ROWS:
        yield f"{len(checked) - _MOST_ROWS:,} more are left out."


def _numbers(rows: Sequence[Row], summary: Summary, known: Mapping[str, Metric]) -> Iterator[str]:
    """Table of the numbers that say most, in the order of the report."""
    there = _telling(rows, summary, known)
    kept = _whole(there, rows)
    if not kept:
        return
    levels = {row.confidence for row in rows if 0 < row.confidence < 1}
    level = f"{100 * levels.pop():g} % interval" if len(levels) == 1 else "interval"
    surely = {**dict.fromkeys(summary.sure, "yes"), **dict.fromkeys(summary.unsure, "no")}
    yield "### Numbers"
    yield as_markdown(
        ("facet", "value", "metric", "estimate", level, "share", "of others", "surely apart"),
        [
            (
                row.facet,
                row.value,
                _titled(row.metric, known),
                number(row.estimate),
                interval(row.low, row.high),
                _share(row.rate_d, row.of_d),
                _share(row.rate_a, row.of_a),
                surely.get(i, ""),
            )
            for i, row in ((i, rows[i]) for i in kept)
        ],
    )
    if more := len(there) - len(kept):
        yield f"{more:,} more distinct numbers are left out."


def _telling(rows: Sequence[Row], summary: Summary, known: Mapping[str, Metric]) -> list[int]:
    """Distinct rows that say who is worse off, or whether anyone is, the most telling first.

    They come metric by metric, so that a part of them does not prefer large differences: first the
    metric of the headline, then the leading one, then those with the most sure differences.
    """
    judged, sure = {*summary.sure, *summary.unsure}, {*summary.sure}
    by_metric: dict[str, list[int]] = defaultdict(list)
    for i, same in enumerate(said_before(rows, known.values())):
        row = rows[i]
        if same is not None or math.isnan(row.estimate):
            continue
        if i in judged or _has_sides(known.get(row.metric)):
            by_metric[row.metric].append(i)
    headline = "" if summary.headline is None else rows[summary.headline].metric
    leading = next((symbol for symbol in LEADING if symbol in by_metric), "")

    def order(metric: str) -> tuple[bool, bool, int]:
        return metric != headline, metric != leading, -len(sure & {*by_metric[metric]})

    return [
        i
        for metric in sorted(by_metric, key=order)
        for i in sorted(by_metric[metric], key=lambda i: (i != summary.headline, i not in sure))
    ]


def _whole(telling: Sequence[int], rows: Sequence[Row]) -> list[int]:
    """As many of the most telling rows as a table has, of whole metrics after the first one."""
    kept = [*telling[:_MOST_ROWS]]
    if len(telling) > _MOST_ROWS:
        cut = rows[telling[_MOST_ROWS]].metric
        if cut != rows[telling[0]].metric:
            kept = [i for i in kept if rows[i].metric != cut]
    return sorted(kept)


def _has_sides(metric: Metric | None) -> bool:
    """Whether a metric says which side is worse off; one that is not known may."""
    return metric is None or metric.against_d in ("<", ">")


def _titled(symbol: str, known: Mapping[str, Metric]) -> str:
    metric = known.get(symbol)
    return f"{symbol}: {metric.title}" if metric is not None else symbol


def _share(share: float, of: float) -> str:
    return "" if math.isnan(share) else f"{percent(share, 1)} of {whole(round(of, 1))}"


def _provenance(rows: Sequence[Row], counts: Counts | None) -> Iterator[str]:
    """What was counted, what is compared, and what a reader needs to know of the numbers."""
    if counts is not None:
        yield f"Counted: {what_was_read(counts)}."
    has_reference = any(row.n_other for row in rows) or (
        counts is not None and bool(counts.roles.reference)
    )
    other = "the reference value" if has_reference else "all other known values together"
    yield f"Each value is compared with {other}. A share is that of the value in the row."
    yield (
        "Surely apart: beyond chance, with all distinct comparisons judged together. That a number "
        "is not surely apart does not show that the sides are equal."
    )
    yield f"Made by biaskit {__version__}."


def evaluation_details(
    rows: Sequence[Row],
    counts: Counts | None,
    summary: Summary,
    *,
    name: str = "",
    datasets: Sequence[str] = (),
    metrics: Iterable[Metric] | None = None,
) -> dict[str, Any]:
    """Evaluation of a SageMaker model card: an item of its ``evaluation_details``.

    It has the form of the JSON schema of model cards, version 1.0, as ``create_model_card`` takes
    it in ``Content`` (AWS, "Amazon SageMaker Model Cards", Developer Guide).

    Parameters
    ----------
    rows
        Rows of a report.
    counts
        The counts that it is of; without them there are no rates.
    summary
        What `summarised` says of the rows.
    name
        Name of the evaluation; at most 63 characters are kept.
    datasets
        Where the data are; the first ten are kept, without passwords.
    metrics
        Metrics of your own that the report has.

    Returns
    -------
    dict
        ``name``, ``evaluation_observation`` (the summary), ``datasets``, ``metadata`` and
        ``metric_groups``: one for each facet value with its numbers, and one for each facet with
        the shares of its values, of the 20 largest if there are more, as a bar chart. An undefined
        number is the text ``"undefined"``, and its notes say why. A card holds 100,000 characters
        with all its sections, so of large reports the most telling numbers are kept;
        ``metadata`` says how many are left out.

    Examples
    --------
    >>> import biaskit
    >>> from biaskit.reports.report import report_rows
    >>> from biaskit.reports.summary import summarised
    >>> counts = biaskit.count(
    ...     biaskit.datasets.berkeley(), facet="gender", label="decision", positive="admitted"
    ... )
    >>> rows = report_rows(counts)
    >>> made = evaluation_details(rows, counts, summarised(rows, counts), name="admissions")
    >>> [group["name"] for group in made["metric_groups"]]
    ['Bias: gender = female', 'Bias: gender = male', 'Rates: gender']
    """
    kept, charts = _within_size(rows, summary, known_metrics(metrics)), _charts(counts)
    values: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for i in sorted(kept):
        values[rows[i].facet, rows[i].value].append(kept[i])
    groups = [
        *((f"Bias: {facet} = {value}", data) for (facet, value), data in values.items()),
        *((f"Rates: {facet}", [chart]) for facet, chart in charts),
    ]
    names = _distinct([one for one, _ in groups], _NAME)
    made: dict[str, Any] = {
        "name": _short(name or "Bias", _NAME),
        "evaluation_observation": _short(" ".join(summary.text.split("\n")), _OBSERVATION),
    }
    if datasets:
        made["datasets"] = [_short(shown(one), _FACT) for one in datasets[:_DATASETS]]
    made["metadata"] = _facts(rows, counts, summary, len(rows) - len(kept))
    made["metric_groups"] = [
        {"name": one, "metric_data": data} for one, (_, data) in zip(names, groups, strict=True)
    ]
    return made


def _within_size(
    rows: Sequence[Row], summary: Summary, known: Mapping[str, Metric]
) -> dict[int, dict[str, Any]]:
    """Numbers by their rows, as many as a card holds, the most telling ones first."""
    telling = _telling(rows, summary, known)
    others = {*range(len(rows))}.difference(telling)
    made: dict[int, dict[str, Any]] = {}
    groups: set[tuple[str, str]] = set()
    letters = 0
    for i in [*telling, *sorted(others)]:
        one, group = _metric(rows[i], known), (rows[i].facet, rows[i].value)
        letters += _letters(one) + (0 if group in groups else _OF_GROUP)
        if letters > _OF_NUMBERS:
            break
        groups.add(group)
        made[i] = one
    return made


def _letters(metric: Mapping[str, Any]) -> int:
    """At most how many characters a metric takes in a card, indented as JSON is here."""
    text = json.dumps(metric, indent=1)
    return len(text) + 6 * (text.count("\n") + 1)


def _metric(row: Row, known: Mapping[str, Metric]) -> dict[str, Any]:
    is_number = math.isfinite(row.estimate)
    parts = []
    if not math.isnan(row.low) and not math.isnan(row.high):
        level = "" if math.isnan(row.confidence) else f"{100 * row.confidence:g} % "
        parts.append(f"{level}interval {interval(row.low, row.high, 4)}")
    if not math.isnan(row.p_value):
        most = "at most " if row.p_value <= LEAST_P else ""
        parts.append(f"p-value {most}{row.p_value:.2g}")
    if not math.isnan(row.rate_d):
        parts.append(f"{_share(row.rate_d, row.of_d)} against {_share(row.rate_a, row.of_a)}")
    parts.append(f"{row.n_d:,} rows against {row.n_a:,}, {row.n_missing:,} left out")
    if row.note:
        parts.append(row.note)
    made: dict[str, Any] = {"name": _short(_titled(row.metric, known), _METRIC)}
    made["notes"] = _short("; ".join(parts), _NOTES)
    made["type"] = "number" if is_number else "string"
    made["value"] = row.estimate if is_number else _unfinite(row.estimate)
    return made


def _unfinite(value: float) -> str:
    if math.isnan(value):
        return "undefined"
    return "infinite" if value > 0 else "minus infinite"


def _charts(counts: Counts | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The share of positive outcomes of each value of a facet, as a bar chart."""
    roles = None if counts is None else counts.roles
    if counts is None or roles is None or (roles.label is None and roles.predicted is None):
        return
    of: dict[str, list[Any]] = defaultdict(list)
    for row in rate_rows(counts):
        if row.rate == "selection" and row.value not in (ALL, APART):
            of[row.facet].append(row)
    outcome = "predictions" if roles.predicted is not None else "labels"
    letters = 0
    for facet, found in of.items():
        known = [row for row in found if not math.isnan(row.estimate)]
        largest = {*sorted(range(len(known)), key=lambda i: -known[i].n)[:_MOST_BARS]}
        bars = [row for i, row in enumerate(known) if i in largest]
        chart = {
            "name": _short(f"Share of positive {outcome} by {facet}", _METRIC),
            "notes": f"{len(bars):,} of {len(found):,} values",
            "type": "bar_chart",
            "value": [row.estimate for row in bars],
            "x_axis_name": [_short(row.value, _AXIS) for row in bars],
            "y_axis_name": f"share of positive {outcome}",
        }
        letters += _letters(chart) + _OF_GROUP
        if bars and letters <= _OF_CHARTS:
            yield facet, chart


def _facts(
    rows: Sequence[Row], counts: Counts | None, summary: Summary, left_out: int
) -> dict[str, str]:
    made = {
        "made_by": f"biaskit {__version__}",
        "comparisons": str(len(summary.sure) + len(summary.unsure)),
        "comparisons_surely_apart": str(len(summary.sure)),
        "numbers": str(len(rows)),
        "numbers_left_out": str(left_out),
    }
    if counts is not None:
        made["counted"] = what_was_read(counts)
        made["roles"] = json.dumps(counts.roles.to_json(), ensure_ascii=False)
    return {key: _short(value, _FACT) for key, value in made.items()}


def _distinct(names: Sequence[str], most: int) -> list[str]:
    """Names that are short enough, and differ."""
    made: dict[str, None] = {}
    for one in names:
        name, times = _short(one, most), 1
        while name in made:
            times += 1
            ending = f" ({times})"
            name = _short(one, most - len(ending)) + ending
        made[name] = None
    return [*made]


def _short(text: str, most: int) -> str:
    """Text in one line, of so many characters at most."""
    text = printable(text[: most + 1])
    return text if len(text) <= most else f"{text[: most - 3]}..."
