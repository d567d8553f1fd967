"""Tables of a report: metrics against facet values, and the limits that were set."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from biaskit.counts.facets import Facet
from biaskit.gate.check import Checked
from biaskit.gate.verdicts import FAIL, PASS, UNCERTAIN
from biaskit.metrics import LEADING
from biaskit.pages.contents import Contents
from biaskit.pages.figures import folded
from biaskit.pages.markup import Safe, el, table
from biaskit.pages.numbers import interval, number
from biaskit.reports.report import Row
from biaskit.reports.words import name_in_words, value_in_words

__all__ = ["judged_table", "limits", "metrics_by_value", "verdict"]

# Facet values side by side in a table; above the second number, only the leading metrics are shown.
_ACROSS = 12
_MOST_VALUES = 50
# Rows of a table of verdicts.
_MOST_VERDICTS = 200


def metrics_by_value(contents: Contents, facet: Facet) -> Iterator[Safe]:
    """All numbers of a facet: a row for each metric, a column for each value."""
    values, level = contents.values(facet), f"{100 * contents.confidence:g} %"
    symbols = [one.symbol for one in contents.metrics]
    name = name_in_words(facet.name)
    of_facet = [row for row in contents.rows if row.facet == facet.name]
    known = "; in brackets, the least and the most that it may be"
    range_ = known if any(map(_range, of_facet)) else ""
    if len(values) > _MOST_VALUES:
        symbols = [one for one in symbols if one in LEADING]
        yield el(
            "p",
            f"{name} has {len(values):,} values, so only {', '.join(symbols)} are in the tables; "
            "biaskit report --format csv has all numbers.",
        )
    for start in range(0, len(values), _ACROSS):
        part = values[start : start + _ACROSS]
        more = f", values {start + 1} to {start + len(part)}" if len(values) > _ACROSS else ""
        yield table(
            f"Metrics of {name}{more}: each number with its {level} interval{range_}",
            ["Metric", *map(value_in_words, part)],
            [
                [symbol, *(_cell(contents, (facet.name, value, symbol)) for value in part)]
                for symbol in symbols
            ],
            label=f"Metrics of {name}{more}",
        )


def _cell(contents: Contents, key: tuple[str, str, str]) -> Safe:
    row = contents.by_key[key]
    ends = interval(row.low, row.high)
    judged = contents.verdicts.get(key)
    return Safe(
        "".join(
            [
                number(row.estimate),
                " " + el("i", ends) if ends else "",
                _range(row),
                " " + verdict(judged.verdict) if judged else "",
            ]
        )
    )


def _range(row: Row) -> str:
    """Least and greatest value, where what is unknown of the rows puts them apart."""
    return f" ({interval(row.least, row.most)})" if row.least < row.most else ""


def verdict(name: str) -> Safe:
    """Verdict, as a word."""
    shown = {FAIL: "fails", PASS: "passes", UNCERTAIN: "uncertain"}[name]
    return el("span", shown, class_="fail" if name == FAIL else "mute")


def limits(contents: Contents) -> Iterator[Safe]:
    """Numbers with limits: those that fail first, then the others, folded away."""
    if contents.limits is None:
        return
    yield el("h2", "Limits", id="limits")
    allowed = [
        f"{symbol} from {_end(low)} to {_end(high)}"
        for symbol, (low, high) in contents.limits.items()
    ]
    rule = (
        "A number fails where its whole interval is outside, passes where it is inside, and is "
        "uncertain otherwise; all are judged together."
    )
    yield el("p", f"Allowed: {'; '.join(allowed)}. {rule}")
    failed = [one for one in contents.checked if one.verdict == FAIL]
    others = [one for one in contents.checked if one.verdict != FAIL]
    if failed:
        yield judged_table(f"{len(failed):,} outside of the limits", failed)
    else:
        yield el("p", "No number is surely outside of its limits.")
    for name, what in ((UNCERTAIN, "uncertain"), (PASS, "inside of the limits")):
        those = [one for one in others if one.verdict == name]
        if those:
            yield folded(f"{len(those):,} {what}", judged_table(f"{len(those):,} {what}", those))


def _end(value: float) -> str:
    return number(value) if math.isfinite(value) else "any"


def judged_table(caption: str, checked: Sequence[Checked], label: str | None = None) -> Safe:
    """Table of verdicts, in a region that is named by its caption or otherwise."""
    more = len(checked) - _MOST_VERDICTS
    shown = checked[:_MOST_VERDICTS]
    if more > 0:
        caption = f"{caption} (the first {_MOST_VERDICTS})"
    return table(
        caption,
        ["Metric", "Value", "Number", "Interval", "Verdict", "Why"],
        [_of_verdict(one.row, one) for one in shown],
        label=label or caption,
        texts=(1, 4, 5),
    )


def _of_verdict(row: Row, one: Checked) -> list[object]:
    return [
        row.metric,
        f"{name_in_words(row.facet)}: {value_in_words(row.value)}",
        number(row.estimate),
        interval(row.low, row.high),
        verdict(one.verdict),
        one.reason,
    ]
