"""Bars: sizes that belong to names, the largest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from biaskit.pages.charts.drawing import Head, drawing, fill, path, point, said
from biaskit.pages.charts.rows import axis, more, rows
from biaskit.pages.charts.scales import spanning
from biaskit.pages.markup import Safe, coordinate
from biaskit.pages.numbers import number, tick

__all__ = ["Bar", "bars"]

_MOST_BARS = 20
_HALF = 8.0


class Bar(NamedTuple):
    """A size and its name."""

    label: str
    size: float


def bars(given: Sequence[Bar], *, head: Head, end: str = "") -> Safe:
    """SVG of sizes, each a bar from 0, the largest above; after 20 a line says how many more.

    Parameters
    ----------
    given
        The sizes, in any order.
    head
        Title and description.
    end
        What the axis measures.

    Examples
    --------
    >>> drawn = bars([Bar("age", 0.1), Bar("income", 0.3)], head=Head("b", "Sizes"))
    >>> drawn.index("income") < drawn.index("age")
    True
    """
    known = sorted(
        (one for one in given if math.isfinite(one.size)), key=lambda one: -abs(one.size)
    )
    if not known:
        return said(head, "There is nothing to draw.")
    shown = known[:_MOST_BARS]
    laid = rows([one.label for one in shown], [[number(one.size) for one in shown]])
    scale = spanning([0.0, *(one.size for one in shown)], around=0.0)
    scale = scale.between(laid.left, laid.right)
    parts = []
    for one, y in zip(shown, laid.middles, strict=True):
        left, right = sorted((scale.at(0.0), scale.at(one.size)))
        if right - left >= 0.05:
            parts.append(f"M{point(left, y - _HALF)}H{coordinate(right)}v16H{coordinate(left)}z")
    lines, y = axis(scale, laid.top, laid.bottom, tick, parity=0.0, ends=("", end))
    left_out = more(len(known) - len(shown), y)
    y += 20.0 * len(left_out)
    return drawing(head, y, *lines, path(parts, **fill("est")), *laid.texts, *left_out)
