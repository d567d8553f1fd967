"""Sentences: a row of a report in words, for people who do not know metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from biaskit.counts.comparisons import positive_labels
from biaskit.counts.counts import Counts
from biaskit.counts.levels import level, show
from biaskit.counts.roles import Roles
from biaskit.metrics import FROM_ROWS, METRICS, Metric
from biaskit.reports.report import Row, report_rows

__all__ = ["in_words", "sentences"]

_OTHERS = "all others"

# Rounding leaves at most this where there is no difference; a row makes a larger one.
_NOTHING = 1e-9


def sentences(
    rows: Sequence[Row], counts: Counts, metrics: Iterable[Metric] | None = None
) -> list[str]:
    """Sentence about each row of the report on some counts.

    `rows` are what `report_rows` makes of `counts`; `metrics` are the requested ones, needed for
    metrics that are not the library's own.
    """
    known = {one.symbol: one for one in (*METRICS.values(), *FROM_ROWS.values(), *(metrics or ()))}
    symbols = {symbol for row in rows for symbol in known[row.metric].largest_of}
    asked = [METRICS[symbol] for symbol in METRICS if symbol in symbols]
    parts = {
        (part.facet, part.value, part.metric): part
        for part in (report_rows(counts, asked, confidence=None) if asked else ())
    }
    roles = _with_positive_named(counts)

    def largest(row: Row) -> str:
        of_row = [parts[row.facet, row.value, one] for one in known[row.metric].largest_of]
        if not of_row or math.isnan(row.estimate):
            return ""
        part = max(of_row, key=lambda part: abs(part.estimate))
        return _row_in_words(METRICS[part.metric], roles, part)

    return [_row_in_words(known[row.metric], roles, row, largest(row)) for row in rows]


def _with_positive_named(counts: Counts) -> Roles:
    """Roles that name the positive labels, including default ones."""
    roles = counts.roles
    if roles.label is None or roles.positive_above is not None:
        return roles
    positive = positive_labels(next(iter(counts.tables.values())).levels, roles)
    return roles.replaced(positive=positive or None)


def _row_in_words(metric: Metric, roles: Roles, row: Row, largest: str = "") -> str:
    return in_words(
        metric,
        roles,
        row.value,
        facet=row.facet,
        estimate=row.estimate,
        low=row.low,
        high=row.high,
        rate_a=row.rate_a,
        rate_d=row.rate_d,
        n_a=row.n_a,
        n_d=row.n_d,
        note=row.note,
        largest=largest,
    )


def in_words(
    metric: Metric,
    roles: Roles,
    value: str,
    *,
    estimate: float,
    low: float = math.nan,
    high: float = math.nan,
    n_a: int | None = None,
    n_d: int | None = None,
    note: str = "",
    facet: str = "",
    rate_a: float = math.nan,
    rate_d: float = math.nan,
    largest: str = "",
) -> str:
    """Sentence about a metric for one facet value, and whether it could be chance.

    The keywords are the fields of a row of a report. `facet` is needed where the roles have more
    than one; `largest` is the sentence about the largest of the metrics in `metric.largest_of`.

    >>> from biaskit import METRICS
    >>> roles = Roles(facet="sex", label="paid", predicted="score")
    >>> in_words(METRICS["DPPL"], roles, "Female", estimate=0.12, rate_a=0.32, rate_d=0.2)
    'The share predicted positive is 20.0 % for those whose sex is Female, 12.0 points lower than \
the 32.0 % for all others.'
    >>> in_words(METRICS["DI"], roles, "Female", estimate=0.9, low=0.7, high=1.1)
    'The share predicted positive is 0.90 times as large for those whose sex is Female as for \
all others. That could be chance.'
    """
    if not facet and len(roles.facet) == 1:
        facet = roles.facet[0].name
    them = f"those whose {facet} is {_cut(roles, facet, value)}" if facet else f"those in {value}"
    if math.isnan(estimate):
        why = _why_undefined(metric, roles, them, n_a, n_d, note)
        return f"{_name(metric)} is undefined for {them}: {why}."
    apart = low > metric.parity or high < metric.parity
    same = abs(estimate - metric.parity) < _NOTHING and not apart
    template = metric.sentence or _plain(metric)
    if math.isinf(estimate) and metric.endless:
        template = metric.endless
    of_each = metric.kind == "inequality" or "{compared}" in template or "{part_d}" in template
    if same and not of_each:
        told = f"{_name(metric)}: {them} and {_OTHERS} show no difference in these rows."
    else:
        told = template.format_map(
            {
                **_names(roles, value, them),
                **_figures(metric, estimate),
                **_directions(estimate > metric.parity, them),
                **_parts(roles, estimate, n_a, n_d),
                "compared": _compared(metric, estimate, rate_a, rate_d, them, same),
                "largest": _largest(largest, estimate, them),
            }
        )
    chance = metric.kind != "inequality" and low <= metric.parity <= high
    return f"{told} That could be chance." if chance else told


def _cut(roles: Roles, facet: str, value: str) -> str:
    """Value of a facet; for a cut column, in words."""
    for one in roles.bins(facet):
        if show(one) == value:
            above = f"above {show(level(one.low))}" if one.low > -math.inf else ""
            at_most = f"at most {show(level(one.high))}" if one.high < math.inf else ""
            return " and ".join(filter(None, [above, at_most]))
    return value


def _why_undefined(
    metric: Metric, roles: Roles, them: str, n_a: int | None, n_d: int | None, note: str
) -> str:
    lacking = [role for role in metric.needs if role != "positive" and getattr(roles, role) is None]
    if lacking:
        what = "features are" if lacking[0] == "features" else f"{lacking[0]} column is"
        return f"no {what} given"
    if n_d == 0 or n_a == 0:
        return f"there are no rows of {them if n_d == 0 else _OTHERS} to count"
    if n_a is None and note:
        return note
    return "there is nothing to divide by" if metric.undefined == "0/0" else metric.undefined


def _name(metric: Metric) -> str:
    return f"{metric.title.partition(':')[0]} ({metric.symbol})"


def _plain(metric: Metric) -> str:
    """Template for a metric that declares no sentence."""
    title = metric.title.replace("{", "{{").replace("}", "}}")
    return f"{title}: {'{compared}' if metric.rate else '{value} for {them}'}."


def _names(roles: Roles, value: str, them: str) -> Mapping[str, str | None]:
    if roles.positive_above is not None:
        outcome = f"above {show(level(roles.positive_above))}"
    else:
        outcome = " or ".join(map(show, roles.positive or ("positive",)))
    return {
        "d": value,
        "them": them,
        "others": _OTHERS,
        "label": roles.label,
        "group": roles.group,
        "positive": f"{roles.label} is {outcome}",
        "negative": f"{roles.label} is not {outcome}",
    }


def _figures(metric: Metric, estimate: float) -> Mapping[str, str]:
    size = abs(estimate)
    from_parity = abs(estimate - metric.parity)
    sign = "minus " if estimate < 0 else ""
    return {
        "value": sign + _number(size, from_parity),
        "size": _number(size, size),
        "percent": _percent(size, size),
        "points": _points(size),
    }


def _directions(above: bool, them: str) -> Mapping[str, str]:
    return {
        "more": "more" if above else "fewer",
        "fewer": "fewer" if above else "more",
        "higher": "higher" if above else "lower",
        "lower": "lower" if above else "higher",
        "d_if_above": them if above else _OTHERS,
        "d_if_below": _OTHERS if above else them,
    }


def _parts(roles: Roles, gap: float, n_a: int | None, n_d: int | None) -> Mapping[str, str]:
    """Shares of a whole that the two sides have, for a metric that is the gap between them."""
    a, d = n_a or 0, n_d or 0
    of_rows = a + d > 0 and abs((a - d) / (a + d) - gap) < _NOTHING
    weighted = roles.weight is not None or (a + d > 0 and not of_rows)

    def part(share: float, n: int) -> str:
        percent = _percent(share, gap / 2)
        return f"{percent} ({n:,})" if of_rows and not weighted else percent

    return {
        "whole": "weight" if weighted else "rows",
        "part_a": part((1 + gap) / 2, a),
        "part_d": part((1 - gap) / 2, d),
        "n_a": f"{a:,}",
        "n_d": f"{d:,}",
    }


def _compared(
    metric: Metric, estimate: float, rate_a: float, rate_d: float, them: str, same: bool
) -> str:
    """Comparison of the two proportions of a metric, after the words "the share is"."""
    sides = [(rate_d, them), (rate_a, _OTHERS)]
    if metric.compares in ("a", "a / d"):
        sides.reverse()
    (rate, one), (other_rate, other) = sides
    gap = rate - other_rate
    known = not math.isnan(gap)
    told, other_told = _percent(rate, gap), _percent(other_rate, gap)
    if metric.kind == "rate":
        return f"{_percent(estimate, estimate)} for {one}"
    if same:
        same_told = f"{told} both" if known else "the same"
        return f"{same_told} for {one} and for {other}: no difference in these rows"
    if metric.kind == "ratio":
        if estimate == 0:
            rest = f"{other_told} for {other}" if known else f"above that for {other}"
            return f"0 % (nobody) for {one}, and {rest}"
        if math.isinf(estimate):
            rest = f"{told} for {one}" if known else f"above that for {one}"
            return f"{rest}, and 0 % (nobody) for {other}"
        times = f"{_number(estimate, abs(estimate - metric.parity))} times"
        if known:
            return f"{told} for {one}, {times} the {other_told} for {other}"
        return f"{times} as large for {one} as for {other}"
    higher = "higher" if (estimate > metric.parity) == (metric.compares == "d - a") else "lower"
    by = f"{_points(abs(estimate))} {higher}"
    if known:
        return f"{told} for {one}, {by} than the {other_told} for {other}"
    return f"{by} for {one} than for {other}"


def _largest(part: str, estimate: float, them: str) -> str:
    if not part:
        return f"{_points(abs(estimate))}, between {them} and {_OTHERS}"
    return f"this: {part[0].lower()}{part[1:].removesuffix('.')}"


def _points(size: float) -> str:
    return f"{100 * size:.{_places(100 * size, 1)}f} points"


def _percent(share: float, gap: float) -> str:
    """Percentage with enough decimals to show the gap, and not to look like 0 or 100."""
    percent = 100 * share
    nearest = 0 if share < 0.5 else 100
    away = abs(percent - nearest)
    if away < _NOTHING:
        return f"{nearest} %"
    return f"{percent:.{max(_places(100 * abs(gap), 1), _places(10 * away, 1))}f} %"


def _number(size: float, from_parity: float) -> str:
    if math.isinf(size):
        return "endlessly many"
    if size == 0:
        return "0"
    return f"{size:,.{max(_places(size, 2), _places(from_parity, 2))}f}"


def _places(size: float, least: int) -> int:
    """Number of decimals that shows two digits of a size, `least` at the least."""
    if not _NOTHING < size < math.inf:
        return least
    return max(least, 1 - math.floor(math.log10(size)))
