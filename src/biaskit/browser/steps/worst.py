"""Worst: the groups that are worst off, among all combinations of some columns."""

from __future__ import annotations

import math
from collections.abc import Iterator

from biaskit.audits.slices.found import found_in
from biaskit.audits.slices.searching import asked_of
from biaskit.audits.slices.slices import SegmentRow, SliceRow, intersection, rows_of
from biaskit.browser.asked import Asked
from biaskit.browser.chosen import Chosen
from biaskit.counts.counts import Counts
from biaskit.counts.roles import Roles
from biaskit.errors import BiaskitError
from biaskit.metrics import named
from biaskit.pages.markup import Safe, el, table
from biaskit.pages.numbers import interval, number, percent, whole
from biaskit.reports.words import name_in_words

__all__ = ["SEARCHED", "first_searched", "worst_groups"]

#: Metrics whose worst groups are searched, the first that fits if none is named.
SEARCHED = ("DPPL", "DPL", "AD", "RD", "DAR", "DRR", "SD")


def worst_groups(counts: Counts, chosen: Chosen, asked: Asked) -> Iterator[Safe]:
    """Section of the groups that are worst off, where columns were ticked for it.

    `counts` are those of the pass, of which the combinations of these columns are a facet.
    """
    columns = asked.each("slice")
    if not columns:
        return
    yield el("h2", "Groups that are worst off", id="worst")
    if chosen.round_to is not None:
        told = (
            "The search needs exact numbers of people, which are protected here. Leave out the "
            "protection for sharing to see these groups."
        )
        yield el("p", told)
        return
    metric = named(asked.one("worst") or first_searched(chosen.counts.roles))
    names = " and ".join(map(name_in_words, columns))
    try:
        yield from _found(counts, chosen, columns, metric.symbol, names)
    except BiaskitError as error:
        yield el("p", f"The combinations of {names} cannot be searched: {error}")


def first_searched(roles: Roles) -> str:
    """Symbol of the metric whose worst groups are searched where none is named."""
    return "DPL" if roles.predicted is None else "DPPL"


def _found(
    counts: Counts, chosen: Chosen, columns: tuple[str, ...], symbol: str, names: str
) -> Iterator[Safe]:
    metric = named(symbol)
    asked = asked_of(
        columns,
        metric,
        depth=None,
        min_rows=30,
        direction="against",
        confidence=chosen.confidence,
        gap=None,
    )
    roles = chosen.counts.roles
    given = {"positive": roles.positive and [*roles.positive]}
    given["predicted_positive"] = roles.predicted_positive and [*roles.predicted_positive]
    if chosen.threshold is not None:
        counts = counts.at_threshold(chosen.threshold)
    of, facet = intersection(counts, asked, given)  # type: ignore[arg-type]
    first, *rows = rows_of(found_in(of, facet, asked), of)
    level = f"{100 * chosen.confidence:g} %"
    yield el(
        "p",
        f"All groups of 30 people or more that combinations of {names} make were compared with "
        f"everybody else, in {metric.title[0].lower()}{metric.title[1:]} ({symbol}). "
        f"{_certificate(first, level)}",
    )
    if not rows:
        yield el("p", "No group is surely worse off than the others.")
        return
    yield table(
        "The worst first; a group is left out where it is mostly part of one above it",
        ["Group", symbol, f"{level} interval", "Share", "Others", "Rows"],
        [
            [
                name_in_words(row.slice if isinstance(row, SliceRow) else row.segment),
                number(row.estimate),
                interval(row.low, row.high),
                percent(row.rate_d, 1),
                percent(row.rate_a, 1),
                whole(row.n_d),
            ]
            for row in rows
        ],
        label="Groups that are worst off",
    )
    yield el(
        "p",
        "The intervals hold all together, so that no group is here by chance alone. The worst of "
        "many looks worse than it is: expect the next count to show less.",
        class_="mute",
    )


def _certificate(first: SliceRow | SegmentRow, level: str) -> str:
    """What holds for all groups at once."""
    ends = sorted(abs(one) for one in (first.low, first.high) if not math.isnan(one))
    if len(ends) < 2:
        return ""
    return (
        f"At {level}, the worst of them is {number(ends[0])} to {number(ends[1])} worse off than "
        "the others, and no group is farther than that."
    )
