"""Drift: numbers as they were in a baseline, and as they are now."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from biaskit.pages.charts.drawing import Head, drawing, path, point, said, stroke
from biaskit.pages.charts.keys import key
from biaskit.pages.charts.marks import Marks, dots, rings
from biaskit.pages.charts.rows import axis, more, rows
from biaskit.pages.charts.scales import Scale, spanning
from biaskit.pages.markup import Safe, coordinate
from biaskit.pages.numbers import number, percent, tick, tick_percent

__all__ = ["DriftRow", "drift"]

_MOST_ROWS = 40


@dataclass(frozen=True, slots=True)
class DriftRow:
    """Number at two times.

    Parameters
    ----------
    label
        What it is.
    before, now
        The number in the baseline, and now; NaN is undefined.
    low, high
        Interval of the number now.
    fails
        The change is larger than its limit.
    more
        What stands at the right, such as the interval of the change.
    """

    label: str
    before: float
    now: float
    low: float = math.nan
    high: float = math.nan
    fails: bool = False
    more: str = ""


def drift(
    given: Sequence[DriftRow],
    *,
    head: Head,
    shares: bool = False,
    parity: float | None = None,
    names: tuple[str, str] = ("in the baseline", "now"),
    ends: tuple[str, str] = ("", ""),
) -> Safe:
    """SVG of two marks for each number, joined by a line: hollow as it was, filled as it is.

    A diamond is a change that fails its limit.

    Parameters
    ----------
    given
        Rows from top to bottom; after 40 a line says how many more there are.
    head
        Title and description.
    shares
        The numbers are shares, and are shown as percentages.
    parity
        Value that has a line of its own.
    names
        Names of the two times.
    ends
        What the left and the right of the axis mean.

    Examples
    --------
    >>> row = DriftRow("DPL", 0.02, 0.14, 0.11, 0.17)
    >>> drift([row], head=Head("d", "Since the baseline")).count("0.140")
    1
    """
    if not given:
        return said(head, "There are no numbers to draw.")
    shown = given[:_MOST_ROWS]
    figure: Callable[[float], str] = (lambda v: percent(v, 1)) if shares else number
    columns = [
        [figure(row.before) for row in shown],
        [figure(row.now) for row in shown],
        [row.more for row in shown],
        ["fails" if row.fails else "" for row in shown],
    ]
    shapes = (lambda x, y: rings([(x, y)], "un"), lambda x, y: dots([(x, y)], "est"))
    made, top = key(zip(names, shapes, strict=True))
    laid = rows(
        [row.label for row in shown], columns, top=top, heads=(*names, "", ""), muted=(0, 2, 3)
    )
    values = [value for row in shown for value in (row.before, row.now, row.low, row.high)]
    scale = spanning(values, around=parity).between(laid.left, laid.right)
    marks = Marks(scale)
    for row, y in zip(shown, laid.middles, strict=True):
        marks.add("ring", y, row.before)
        marks.add("diamond" if row.fails else "dot", y, row.now, row.low, row.high)
    round_value = tick_percent if shares else tick
    lines, y = axis(scale, laid.top, laid.bottom, round_value, parity=parity, ends=ends)
    left_out = more(len(given) - len(shown), y)
    return drawing(
        head,
        y + 20 * len(left_out),
        *made,
        *lines,
        _ways(shown, laid.middles, scale),
        *marks.drawn(),
        *laid.texts,
        *left_out,
    )


def _ways(shown: Sequence[DriftRow], middles: Sequence[float], scale: Scale) -> Safe | None:
    """Dotted lines from then to now."""
    ways = (
        f"M{point(scale.at(row.before), y)}H{coordinate(scale.at(row.now))}"
        for row, y in zip(shown, middles, strict=True)
        if math.isfinite(row.before) and math.isfinite(row.now)
    )
    return path(ways, **stroke("un", 1.5), stroke_dasharray="2 3")
