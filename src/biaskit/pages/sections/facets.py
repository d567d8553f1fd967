"""Section of one facet: who gets how much, which metrics say so, and whether groups explain it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import is_missing, show
from biaskit.errors import BOUNDS
from biaskit.metrics import LEADING
from biaskit.pages.charts.forest import ForestRow, forest_scale
from biaskit.pages.charts.scales import Scale
from biaskit.pages.contents import Contents
from biaskit.pages.drawn import (
    Judgement,
    drawn_forest,
    drawn_shares,
    has_direction,
    of_values,
    turned,
)
from biaskit.pages.figures import figure, folded, headed
from biaskit.pages.markup import Safe, el, ident, table
from biaskit.pages.numbers import number, percent, whole
from biaskit.pages.sections.extremes import from_to
from biaskit.pages.sections.first import headline
from biaskit.pages.sections.groups import within_groups
from biaskit.pages.sections.predictions import right_and_wrong
from biaskit.pages.sections.scores import scored
from biaskit.pages.sections.tables import metrics_by_value
from biaskit.reports.rates import ALL, APART, RateRow
from biaskit.reports.words import called, name_in_words, value_in_words

__all__ = ["facet_section", "lonely_section", "the_one_value"]

# Facet values that have a forest of their own, and those whose predictions are drawn.
_FORESTS = 3
_OUTCOMES = 3
# With predictions, shares of labels have a chart of their own up to so many values.
_LABELS = 8
# Values in a table of shares.
_MOST_SHARES = 50


def facet_section(contents: Contents, facet: Facet, *more: Safe | None) -> Safe:
    """Section of one facet; `more` stands before its tables."""
    name = name_in_words(facet.name)
    return el(
        "section",
        el("h2", name[:1].upper() + name[1:], id=ident("facet", facet.name)),
        _missing(contents, facet),
        *_shares(contents, facet),
        *_values(contents, facet),
        *right_and_wrong(contents, facet),
        *scored(contents, facet),
        *within_groups(contents, facet),
        *more,
        folded(f"All numbers of {name}", *metrics_by_value(contents, facet)),
    )


def the_one_value(counts: Counts, facet: Facet) -> str | None:
    """The only value that a facet has; None where there are several, or none."""
    table = counts.shown_tables[facet]
    known = [level for level in table.levels.facet if not is_missing(level)]
    return show(known[0]) if len(known) == 1 else None


def lonely_section(contents: Contents, facet: Facet) -> Safe:
    """Section of a facet of one value, which says that nothing is compared."""
    name = name_in_words(facet.name)
    value = value_in_words(the_one_value(contents.whole, facet) or "")
    return el(
        "section",
        el("h2", name[:1].upper() + name[1:], id=ident("facet", facet.name)),
        el("p", f"{name} has one value, {value}, so there is nothing to compare it with."),
    )


def _missing(contents: Contents, facet: Facet) -> Safe | None:
    row = next((one for one in contents.rows if one.facet == facet.name and one.n_missing), None)
    if row is None:
        return None
    told = f"{row.n_missing:,} of {contents.counts.rows:,} rows lack a value that is needed here"
    if contents.given.get("missing") == BOUNDS:
        name = name_in_words(facet.name)
        return el(
            "p",
            f"{told}. Where that is {name}, they may be on either side: intervals of numbers hold "
            "whichever it is, and the table of all numbers has the least and the most that each "
            "may be. Shares and charts are of the other rows.",
        )
    return el("p", f"{told}, and are on no side.")


def _shares(contents: Contents, facet: Facet) -> Iterator[Safe]:
    """Share of positive outcomes of each value: predictions first, then labels."""
    names = contents.names
    of_labels = f"Share whose {names.positive}"
    both = [
        (contents.rates, "Share predicted positive" if _predicts(contents) else of_labels),
        (contents.label_rates, of_labels),
    ]
    for rates, what in both:
        if rates is contents.label_rates and len(contents.values(facet)) > _LABELS:
            continue
        rows = [one for one in rates.get(facet.name, ()) if one.rate == "selection"]
        if rows:
            yield _share_figure(contents, facet, rows, what)


def _predicts(contents: Contents) -> bool:
    return contents.counts.roles.predicted is not None


def _share_figure(contents: Contents, facet: Facet, rows: Sequence[RateRow], what: str) -> Safe:
    name = name_in_words(facet.name)
    everyone = next(one for one in rows if one.value == ALL)
    apart = next(one for one in rows if one.value == APART)
    each = of_values(rows)
    known = [one for one in each if not math.isnan(one.estimate)]
    told, chance = from_to(rows)
    finding = f"{what}: {told}{chance}" if told else f"{what}, by {name}"
    level = f"{100 * contents.confidence:g} %"
    measure = f"By {name}, with {level} intervals. The dashed line is the share of all."
    if not math.isnan(apart.estimate):
        among = f", which allows for the choice among {len(known):,} values"
        measure += (
            f" The largest and the smallest are {number(100 * apart.estimate, 1)} points apart "
            f"({level} interval: {number(100 * apart.low, 1)} to {number(100 * apart.high, 1)}"
            f"{among if len(known) > 2 else ''})."
        )
    head = headed(f"{what}, by {name}", "shares", facet.name, what)
    kept, which = each, ""
    if len(each) > _MOST_SHARES:
        half = _MOST_SHARES // 2
        kept = [*each[:half], *each[-half:]]
        which = f": the {half} largest and the {half} smallest of {len(each):,}"
    drawn = drawn_shares(each, everyone.estimate, head)
    numbers = table(
        f"{what}, by {name}{which}",
        ["Value", "Share", "Interval", "Rows"],
        [
            [
                value_in_words(one.value) if one.value != ALL else "all together",
                percent(one.estimate, 1),
                f"{percent(one.low, 1)} to {percent(one.high, 1)}" if one.n else "",
                whole(one.n),
            ]
            for one in [*kept, everyone]
        ],
        label=f"{what}, by {name}",
    )
    return figure(
        drawn, finding, measure, numbers, label=f"{what}, by {name}", name=head.described_by
    )


def _values(contents: Contents, facet: Facet) -> Iterator[Safe | None]:
    """The values that differ most: sentences and a forest of metrics for each."""
    values = contents.foremost(facet)[:_FORESTS]
    by_value = {
        value: _turned(contents, facet, value, is_short=place > 0)
        for place, value in enumerate(values)
    }
    plain = [one for rows, _ in by_value.values() for one in rows]
    ratios = [one for _, rows in by_value.values() for one in rows]
    scale = forest_scale(plain) if plain else None
    log_scale = forest_scale(ratios, log=True) if ratios else None
    for place, value in enumerate(values):
        rows, logs = by_value[value]
        sentences = _sentences(contents, facet, value)
        parts = [
            *(el("p", sentence) for sentence in sentences[1 if place else 0 :]),
            _forest(contents, facet, value, rows, scale),
            None if place else _forest(contents, facet, value, logs, log_scale, log=True),
        ]
        if place == 0:
            heading = f"{name_in_words(facet.name)}: {value_in_words(value)}"
            yield el("h3", heading)
            yield from parts
            if contents.is_mirrored(facet):
                other = next(one for one in contents.values(facet) if one != value)
                yield el("p", f"For {called(facet.name, other)} it is the mirror image.")
        else:
            yield folded(sentences[0], *parts)
    others = len(contents.values(facet)) - len(values)
    if others > 0 and not contents.is_mirrored(facet):
        yield el("p", f"{others:,} more in the table of all numbers below.", class_="mute")


def _sentences(contents: Contents, facet: Facet, value: str) -> list[str]:
    """What the leading metrics say of a value, and what groups make of it."""
    leading = [one for one in LEADING if one in contents.known and contents.known[one].needs]
    asked = leading or [one.symbol for one in contents.metrics][:1]
    told = [contents.sentence(facet, value, symbol) for symbol in asked]
    if len(contents.whole.roles.facet) == 1:  # its headline is the page's
        told = [one for one in told if one != headline(contents)]
    if value != contents.foremost(facet)[0]:  # of the first value, the chart of groups says it
        within = [one for one in contents.metrics if one.without_groups]
        told += [contents.told_within(facet, value, one) for one in within]
    return list(dict.fromkeys(told))


def _turned(
    contents: Contents, facet: Facet, value: str, *, is_short: bool
) -> tuple[list[ForestRow], list[ForestRow]]:
    """Metrics that have a direction, turned against the value: differences, and ratios.

    What restates another metric is in the table only, as what has no direction is.
    """
    plain: list[ForestRow] = []
    ratios: list[ForestRow] = []
    for metric in contents.metrics:
        key = facet.name, value, metric.symbol
        if not has_direction(metric) or key in contents.restated:
            continue
        found = contents.verdicts.get(key)
        judged = found and Judgement(found.verdict, (found.limit_low, found.limit_high))
        row = turned(metric, contents.by_key[key], judged, is_short=is_short)
        (ratios if metric.kind == "ratio" else plain).append(row)
    return plain, ratios


def _forest(
    contents: Contents,
    facet: Facet,
    value: str,
    rows: Sequence[ForestRow],
    scale: Scale | None,
    *,
    log: bool = False,
) -> Safe | None:
    if not rows:
        return None
    told = called(facet.name, value)
    what = "Ratios" if log else "Metrics"
    title = f"{what} of {name_in_words(facet.name)} {value_in_words(value)}"
    head = headed(title, "forest", facet.name, value, what)
    drawn = drawn_forest(rows, told, head, scale=scale, log=log)
    against = [one for one in rows if one.low > (1 if log else 0)]
    favour = [one for one in rows if one.high < (1 if log else 0)]
    finding = _ways(len(rows), len(against), len(favour), told)
    measure = (
        f"{100 * contents.confidence:g} % intervals, turned so that the right is against {told}; "
        "numbers have their own signs."
    )
    return figure(drawn, finding, measure, None, label=title, name=head.described_by)


def _ways(number_of: int, against: int, favour: int, told: str) -> str:
    if not against and not favour:
        return f"Every interval holds parity: these differences for {told} could be chance"
    sides = [(against, "against"), (favour, "in favour of")]
    (first, _), *others = counted = [one for one in sides if one[0]]
    ways = " and ".join(f"{some:,} {side} {told}" for some, side in others)
    are = "is" if first == 1 else "are"
    own = "each by its own interval" if first > 1 or others else "by its own interval"
    most = f"{first:,} of {number_of:,} {are} {counted[0][1]} {told}"
    return f"{most}{' and ' + ways if ways else ''}, {own}"
