"""Controls: what can be changed of a report while it is read: limits, threshold, references."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from biaskit.browser.asked import Asked, has_room
from biaskit.browser.chosen import LEVELS, Chosen, compared_facets, has_decisions
from biaskit.browser.forms import (
    Choice,
    button,
    check_boxes,
    form,
    hidden,
    select,
    text_field,
)
from biaskit.browser.steps.choices import threshold_field
from biaskit.browser.steps.worst import SEARCHED
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import is_missing, show
from biaskit.gate.verdicts import FAIL, PASS, UNCERTAIN
from biaskit.metrics import METRICS, USUAL, Metric
from biaskit.pages.contents import Contents
from biaskit.pages.markup import Safe, el
from biaskit.reports.numbers import not_given
from biaskit.reports.words import name_in_words, value_in_words

__all__ = ["controls", "is_of_controls"]

_OWN = ("threshold", "metric", "confidence", "round_to", "worst")
_DOTTED = ("limit.", "least.", "most.", "reference.")
# Metrics whose limits are in sight: those that laws and guidelines name, where a report has them.
_FIRST = ("DPPL", "DPL", "DI", "RD", "AD", "FPRD")
_MOST_FIRST = 3
# These metrics in words that need no course in statistics; the others have their names.
_IN_WORDS = {
    "DPPL": "Gap between the shares that the model says yes to",
    "DPL": "Gap between the shares with the good outcome",
    "DI": "Ratio of the shares that the model says yes to",
    "RD": "Gap between the shares that are found of those with the good outcome",
    "AD": "Gap between the shares of right decisions",
    "FPRD": "Gap between the shares with a wrong yes",
}
_USUAL_LEVEL = "0.95"
# Values that are offered as a reference.
_MOST_VALUES = 100


def is_of_controls(field: str) -> bool:
    """Whether a field stands beside the report, and not on a step before it."""
    return field in _OWN or field.startswith(_DOTTED)


def controls(
    counts: Counts, contents: Contents, chosen: Chosen, asked: Asked, errors: Mapping[str, str]
) -> Safe:
    """Form of all that can be changed, each field with what holds now."""
    facets = compared_facets(counts, asked)
    carried = Asked(tuple(one for one in asked.parts if not is_of_controls(one[0])))
    return el(
        "details",
        el("summary", "Change what is shown"),
        form(
            "report",
            hidden(carried.without("then")),
            threshold_field(counts, asked, errors) if has_decisions(counts) else None,
            _limits(contents, asked, errors),
            *(_reference(counts, facet, asked, errors) for facet in facets),
            select(
                "confidence",
                "Level of the intervals",
                [*map(_level, dict.fromkeys((*LEVELS, f"{chosen.confidence:g}")))],
                asked.one("confidence") or None,
                errors,
            ),
            _worst(chosen, asked, errors),
            _metrics(chosen, asked, errors),
            _protection(asked, errors),
            el("p", button("Show this"), class_="apply"),
            name="controls",
        ),
        _elsewhere(asked),
        class_="controls",
        id="change",
        open=bool(errors),
    )


def _level(level: str) -> Choice:
    return Choice(None if level == _USUAL_LEVEL else level, f"{100 * float(level):g} %")


def _limits(contents: Contents, asked: Asked, errors: Mapping[str, str]) -> Safe:
    """Fields for the limits: a few in sight, those of the other metrics folded away."""
    able = [one for one in contents.metrics if _can_be_limited(one)]
    of_outcomes = [METRICS[one] for one in _FIRST if any(m.symbol == one for m in able)]
    first = of_outcomes[:_MOST_FIRST]
    others = [one for one in able if one not in first]
    is_open = any(_has_limit(one, asked, errors) for one in others)
    return el(
        "fieldset",
        el("legend", "Limits"),
        el("p", "How much difference is allowed? Leave empty what has no limit.", class_="hint"),
        *(_limit(one, asked, errors) for one in first),
        el(
            "details",
            el("summary", f"Limits of {len(others):,} other metrics"),
            *(_limit(one, asked, errors) for one in others),
            open=is_open,
        )
        if others
        else None,
        el("p", _verdicts(contents), id="verdicts"),
    )


def _verdicts(contents: Contents) -> str:
    """Verdicts in a line, beside the limits that are being moved."""
    if not contents.checked:
        return ""
    found = Counter(one.verdict for one in contents.checked)
    told = f"{found[FAIL]:,} fail, {found[UNCERTAIN]:,} uncertain, {found[PASS]:,} pass"
    return f"Of {len(contents.checked):,} numbers: {told}."


def _can_be_limited(metric: Metric) -> bool:
    return metric.kind != "point" and not math.isnan(metric.parity)


def _has_limit(metric: Metric, asked: Asked, errors: Mapping[str, str]) -> bool:
    names = [f"{of}{metric.symbol}" for of in ("limit.", "least.", "most.")]
    return any(asked.one(name) or name in errors for name in names)


def _limit(metric: Metric, asked: Asked, errors: Mapping[str, str]) -> Safe:
    symbol = metric.symbol
    title = _IN_WORDS.get(symbol, metric.title.partition(",")[0])
    if metric.kind == "ratio":
        fields = [
            text_field(
                f"{of}{symbol}",
                f"{symbol}: {what}",
                asked.one(f"{of}{symbol}"),
                errors,
                size=6,
                numeric=True,
                slider=bounds,
            )
            for of, what, bounds in (
                ("least.", "at least", (0.0, 1.0, 0.01)),
                ("most.", "at most", (1.0, 3.0, 0.01)),
            )
        ]
        told = el("p", f"{title} ({symbol}); 1 would be no difference", class_="hint")
        return el("div", told, *fields, class_="pair")
    name = f"limit.{symbol}"
    return text_field(
        name,
        f"{title} ({symbol}): at most",
        asked.one(name),
        errors,
        size=6,
        numeric=True,
        slider=(0.0, 0.5, 0.005),
    )


def _reference(
    counts: Counts, facet: Facet, asked: Asked, errors: Mapping[str, str]
) -> Safe | None:
    """Field of what the values of a facet are compared with."""
    name = f"reference.{facet.name}"
    of = counts.shown_tables[facet]
    rows = dict(zip(of.levels.facet, of.n.sum(axis=(1, 2, 3)).tolist(), strict=True))
    known = sorted((one for one in rows if not is_missing(one)), key=lambda one: -rows[one])
    chosen = next(iter(asked.each(name)), None)
    values = [*filter(has_room, map(show, known[:_MOST_VALUES]))]
    if chosen is not None and chosen not in (*values, "largest", "highest"):
        values.append(chosen)
    choices = [
        Choice(None, "all others"),
        Choice("largest", "the value with most rows"),
        Choice("highest", "the value with the best outcomes"),
        *(Choice(one, value_in_words(one)) for one in values),
    ]
    told = f"{name_in_words(facet.name)}: each value is compared with"
    return select(name, told, choices, chosen, errors)


def _worst(chosen: Chosen, asked: Asked, errors: Mapping[str, str]) -> Safe | None:
    if not asked.each("slice"):
        return None
    roles = chosen.counts.roles
    parts = {"label": roles.label, "predicted": roles.predicted}
    able = [
        METRICS[one]
        for one in SEARCHED
        if all(parts[part] is not None for part in METRICS[one].needs if part in parts)
    ]
    choices = [Choice(one.symbol, f"{one.title.partition(',')[0]} ({one.symbol})") for one in able]
    return select("worst", "Groups that are worst off in", choices, asked.one("worst"), errors)


def _metrics(chosen: Chosen, asked: Asked, errors: Mapping[str, str]) -> Safe:
    wanted, roles = asked.each("metric"), chosen.counts.roles
    able = [one for one in USUAL.values() if not not_given(one, roles)]
    choices = [Choice(one.symbol, f"{one.title.partition(',')[0]} ({one.symbol})") for one in able]
    boxes = check_boxes(
        "metric", "Show only", choices, wanted, errors, hint="Without a tick, all are shown."
    )
    return el("details", el("summary", "Metrics that are shown"), boxes, open=bool(wanted))


def _protection(asked: Asked, errors: Mapping[str, str]) -> Safe:
    field = text_field(
        "round_to",
        "Protect the counts for sharing: sizes that look alike",
        asked.one("round_to"),
        errors,
        size=6,
        numeric=True,
        hint="Such as 11: then 1 to 11 people look the same, and nobody can be told from small "
        "numbers. Leave it empty for exact numbers.",
    )
    is_open = bool(asked.one("round_to")) or "round_to" in errors
    return el("details", el("summary", "Protection for sharing"), field, open=is_open)


def _elsewhere(asked: Asked) -> Safe:
    links = (
        ("choose", "Choose the good outcome, or who is compared"),
        ("columns", "Choose other columns"),
        ("compare", "Compare with an earlier table"),
        ("explain", "Explain the gap by a model"),
    )
    has_columns = bool(asked.each("facet"))  # saved counts have none
    items = (
        el("li", el("a", told, href=asked.address(step)))
        for step, told in links
        if has_columns or step not in ("columns", "explain")
    )
    return el("ul", *items, class_="elsewhere")
