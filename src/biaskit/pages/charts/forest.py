"""Forest: metrics below one another, turned so that right of parity is against the facet value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from biaskit.pages.charts.drawing import Head, drawing, fill, path, point, said, stroke
from biaskit.pages.charts.marks import Marks
from biaskit.pages.charts.rows import axis, more, rows
from biaskit.pages.charts.scales import Scale, spanning
from biaskit.pages.markup import Safe, coordinate
from biaskit.pages.numbers import tick

__all__ = ["ForestRow", "forest", "forest_scale"]

_MOST_ROWS = 40
_KINDS = {"fail": "diamond", "uncertain": "ring", "pass": "dot", "": "dot"}
_WORDS = {"fail": "fails", "uncertain": "uncertain", "pass": "passes", "": ""}


@dataclass(frozen=True, slots=True)
class ForestRow:
    """Number on a forest.

    Parameters
    ----------
    label
        Name of the metric.
    at, low, high
        Its place and the ends of its interval, turned: larger is against the facet value. NaN is
        undefined.
    text
        The number as it is, which stands at the right.
    more
        Its interval, which stands beside it.
    verdict
        ``"fail"``, ``"uncertain"``, ``"pass"``, or nothing where there is no limit.
    limits
        Range that passes, turned; its ends may be infinite.
    """

    label: str
    at: float
    low: float = math.nan
    high: float = math.nan
    text: str = ""
    more: str = ""
    verdict: str = ""
    limits: tuple[float, float] | None = None


def forest_scale(given: Sequence[ForestRow], *, log: bool = False) -> Scale:
    """Scale that holds these rows, for several forests that are compared."""
    finite = [limit for row in given for limit in row.limits or ()]
    numbers = [value for row in given for value in (row.at, row.low, row.high)]
    return spanning([*numbers, *finite], around=1.0 if log else 0.0, log=log)


def forest(
    given: Sequence[ForestRow],
    *,
    head: Head,
    log: bool = False,
    scale: Scale | None = None,
    ends: tuple[str, str] = ("", ""),
) -> Safe:
    """SVG of metrics with their intervals, on one axis with a line at parity.

    A diamond fails its limit, a ring is uncertain, a dot passes or has no limit. The band is the
    range that passes. The axis shows sizes without signs, and the texts at the right have them.

    Parameters
    ----------
    given
        Rows from top to bottom; after 40 a line says how many more there are.
    head
        Title and description.
    log
        The numbers are ratios, whose parity is 1.
    scale
        Scale that other forests have, too; otherwise that of the rows.
    ends
        What the left and the right of parity mean.

    Examples
    --------
    >>> row = ForestRow("DPL", 0.142, 0.113, 0.17, "0.142", "0.113 to 0.170")
    >>> forest([row], head=Head("f", "Metrics of gender: female"))[:36]
    '<svg class="chart" id="f" viewBox="0'
    """
    if not given:
        return said(head, "There are no metrics to draw.")
    shown = given[:_MOST_ROWS]
    texts = [row.text or ("undefined" if math.isnan(row.at) else "") for row in shown]
    verdicts = [_WORDS[row.verdict] for row in shown]
    laid = rows([row.label for row in shown], [texts, [row.more for row in shown], verdicts])
    scale = (scale or forest_scale(shown, log=log)).between(laid.left, laid.right)
    marks = Marks(scale)
    for row, y in zip(shown, laid.middles, strict=True):
        marks.add(_KINDS[row.verdict], y, row.at, row.low, row.high)
    parity = 1.0 if scale.log else 0.0
    lines, y = axis(
        scale,
        laid.top,
        laid.bottom,
        _factor if scale.log else _size,
        parity=parity,
        ends=ends,
    )
    left_out = more(len(given) - len(shown), y)
    return drawing(
        head,
        y + 20 * len(left_out),
        *_bands(shown, laid.middles, scale),
        *lines,
        *marks.drawn(),
        *laid.texts,
        *left_out,
    )


def _bands(
    shown: Sequence[ForestRow], middles: Sequence[float], scale: Scale
) -> tuple[Safe | None, Safe | None]:
    """Ranges that pass, as fills, and their ends, as ticks."""
    fills, ticks = [], []
    for row, y in zip(shown, middles, strict=True):
        if row.limits is None or any(map(math.isnan, row.limits)):
            continue
        low, high = row.limits
        start, end = scale.at(low), scale.at(high)
        fills.append(f"M{point(start, y - 9)}H{coordinate(end)}v18H{coordinate(start)}z")
        ticks += [f"M{point(scale.at(at), y - 9)}v18" for at in row.limits if scale.holds(at)]
    return path(fills, **fill("band")), path(ticks, **stroke("un", 1.5))


def _size(value: float) -> str:
    return tick(abs(value))


def _factor(value: float) -> str:
    return f"{tick(max(value, 1 / value))}×"
