"""Thresholds: which of them surely keep the limits that are set, and what each costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from biaskit.browser.chosen import Chosen
from biaskit.errors import BiaskitError
from biaskit.gate.limits import limits_of
from biaskit.pages.markup import Safe, el, table
from biaskit.pages.numbers import percent, tick
from biaskit.reports.words import called
from biaskit.scores.threshold import ThresholdRow, threshold_rows

__all__ = ["thresholds_that_keep"]

# Thresholds that are tried, and those in the table, beside the one that is set.
_TRIED, _SHOWN = 101, 11


def thresholds_that_keep(chosen: Chosen) -> Iterator[Safe]:
    """Section on the thresholds of a score, where limits on its decisions are set."""
    if chosen.threshold is None or chosen.limits is None:
        return
    limits = limits_of(chosen.limits)
    able = [one for one in limits if "predicted" in one.metric.needs and not one.metric.is_of_rows]
    if not able:
        return
    yield el("h2", "Which thresholds keep the limits?", id="thresholds")
    try:
        rows = threshold_rows(chosen.counts, able, _TRIED, chosen.confidence)
        rows += [
            one
            for one in threshold_rows(chosen.counts, able, [chosen.threshold], chosen.confidence)
            if one.threshold not in {row.threshold for row in rows}
        ]
    except BiaskitError as error:
        yield el("p", f"That cannot be said: {error}")
        return
    rows.sort(key=lambda row: row.threshold)
    named = ", ".join(one.metric.symbol for one in able)
    others = len(limits) - len(able)
    told = f"Of {len(rows):,} thresholds, {_ranges(rows)} the limits on {named}, surely and for "
    left = (
        f" {others:,} other limit{' is' if others == 1 else 's are'} not on decisions."
        if others
        else ""
    )
    yield el("p", f"{told}every value.{left}")
    step = (_TRIED - 1) // (_SHOWN - 1)
    shown = [
        row for i, row in enumerate(rows) if row.threshold == chosen.threshold or i % step == 0
    ]
    yield table(
        "What thresholds do",
        [
            "A yes is above",
            "Limits",
            "Nearest to its limit or beyond",
            "Share with a yes",
            "Right decisions",
        ],
        [
            [
                el("strong", f"{tick(row.threshold)}, as set")
                if row.threshold == chosen.threshold
                else tick(row.threshold),
                "surely kept" if row.holds else "not surely kept",
                f"{row.metric} of {called(row.facet, row.value)}",
                percent(row.selection_rate, 1),
                "" if math.isnan(row.accuracy) else percent(row.accuracy, 1),
            ]
            for row in shown
        ],
        label="What thresholds do",
        texts=(1, 2),
    )


def _ranges(rows: Sequence[ThresholdRow]) -> str:
    """Thresholds that hold, in words, from each first to each last."""
    parts: list[list[float]] = []
    was_held = False
    for row in rows:
        if row.holds:
            if was_held:
                parts[-1][1] = row.threshold
            else:
                parts.append([row.threshold, row.threshold])
        was_held = row.holds
    told = [tick(low) if low == high else f"{tick(low)} to {tick(high)}" for low, high in parts]
    if not told:
        return "none keeps"
    *most, last = told
    return f"those of {', '.join(most)} and {last} keep" if most else f"those of {last} keep"
