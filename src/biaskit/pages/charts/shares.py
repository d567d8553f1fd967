"""Shares: a proportion of each facet value, with its interval, beside that of all rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from biaskit.pages.charts.drawing import MUTED, WIDTH, Head, drawing, path, point, said
from biaskit.pages.charts.marks import Marks
from biaskit.pages.charts.rows import axis, more, rows
from biaskit.pages.charts.scales import Scale, spanning
from biaskit.pages.charts.texts import cut, text, width_of
from biaskit.pages.markup import Safe, coordinate
from biaskit.pages.numbers import percent, tick_percent, whole
from biaskit.store.formats import printable, shortened

__all__ = ["ShareRow", "most_different", "share_panel", "shares", "shares_scale"]

# So many rows are drawn; if there are still more, one less and a line that says how many.
_MOST_ROWS = 13
# Shares below this are not told from 0.
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class ShareRow:
    """Share of one facet value.

    Parameters
    ----------
    label
        The value.
    estimate, low, high
        The share, from 0 to 1, and its interval; NaN is undefined.
    n
        Number of rows that it is a share of.
    """

    label: str
    estimate: float
    low: float = math.nan
    high: float = math.nan
    n: float = math.nan


def shares_scale(given: Sequence[ShareRow], overall: float | None = None) -> Scale:
    """Scale from 0, unless all shares are far from it and near one another."""
    values = [value for row in given for value in (row.estimate, row.low, row.high, overall)]
    known = [value for value in values if value is not None and 0 <= value <= 1]
    least, largest = min(known, default=0.0), max(known, default=1.0)
    if least > 0.15 and largest - least < 0.35 * largest:
        scale = spanning(known)
        return Scale(max(scale.low, 0.0), min(scale.high, 1.0))
    return Scale(0.0, min(1.05 * largest, 1.0) if largest > _NOTHING else 1.0)


def shares(
    given: Sequence[ShareRow],
    *,
    head: Head,
    overall: float | None = None,
    overall_label: str = "all",
    scale: Scale | None = None,
) -> Safe:
    """SVG of shares below one another, in the order given, and a dashed line at that of all rows.

    Of more than 13 the 12 that differ most from the share of all are drawn.

    Parameters
    ----------
    given
        Rows from top to bottom.
    head
        Title and description.
    overall
        Share of all rows together.
    overall_label
        Its name, such as "all applicants".
    scale
        Scale that other charts have, too; otherwise that of the rows.

    Examples
    --------
    >>> row = ShareRow("female", 0.304, 0.283, 0.325, 1835)
    >>> shares([row], head=Head("s", "Admitted, by gender"), overall=0.388).count("</text>")
    10
    """
    if not given:
        return said(head, "There are no values to draw.")
    shown = most_different(given, overall)
    drawn, y = share_panel(shown, 0.0, overall, overall_label, scale)
    left_out = more(len(given) - len(shown), y)
    return drawing(head, y + 20 * len(left_out), *drawn, *left_out)


def share_panel(
    shown: Sequence[ShareRow],
    top: float,
    overall: float | None,
    overall_label: str,
    scale: Scale | None,
) -> tuple[list[Safe | None], float]:
    """Rows of shares on their axis, and where the room below them begins."""
    columns = [
        [percent(row.estimate, 1) for row in shown],
        [f"of {whole(row.n)}" if math.isfinite(row.n) else "" for row in shown],
    ]
    laid = rows([row.label for row in shown], columns, top=top + (4.0 if overall is None else 22.0))
    scale = (scale or shares_scale(shown, overall)).between(laid.left, laid.right)
    marks = Marks(scale)
    for row, y in zip(shown, laid.middles, strict=True):
        marks.add("dot", y, row.estimate, row.low, row.high)
    lines, y = axis(scale, laid.top, laid.bottom, tick_percent)
    line = _overall(overall, overall_label, scale, laid.top, laid.bottom)
    return [*lines, *line, *marks.drawn(), *laid.texts], y


def most_different(given: Sequence[ShareRow], overall: float | None) -> Sequence[ShareRow]:
    """The rows farthest from the share of all, in their order, if there are too many."""
    if len(given) <= _MOST_ROWS:
        return given

    def distance(place: int) -> float:
        away = abs(given[place].estimate - (overall or 0.0))
        return -1.0 if math.isnan(away) else away

    places = list(range(len(given)))
    if overall is not None:
        places = sorted(places, key=distance, reverse=True)
    return [given[place] for place in sorted(places[: _MOST_ROWS - 1])]


def _overall(
    overall: float | None, label: str, scale: Scale, top: float, bottom: float
) -> list[Safe | None]:
    """Dashed line at the share of all rows, and its name above, within the drawing."""
    if overall is None or not scale.holds(overall):
        return []
    x, share = scale.at(overall), percent(overall, 1)
    name = f"{cut(printable(shortened(label)), WIDTH / 2, 12)} {share}"
    half = width_of(name, 12) / 2
    middle = max(half, min(x, scale.right - half))
    dashed = path(
        [f"M{point(x, top - 4)}V{coordinate(bottom)}"],
        stroke="currentColor",
        stroke_width=1.5,
        stroke_dasharray="5 4",
    )
    return [dashed, text(middle, top - 9, name, anchor="middle", **MUTED)]
