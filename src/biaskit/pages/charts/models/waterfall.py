"""Waterfall: what each feature adds to a gap, from the largest part to the whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from biaskit.pages.charts.drawing import Head, drawing, fill, path, point, said, stroke
from biaskit.pages.charts.rows import axis, rows
from biaskit.pages.charts.scales import spanning
from biaskit.pages.markup import Safe, coordinate
from biaskit.pages.numbers import interval, number, tick

__all__ = ["Part", "waterfall"]

_MOST_BARS = 12
_HALF = 8.0


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a gap.

    Parameters
    ----------
    label
        The feature.
    size, low, high
        What it adds, turned so that above 0 is against the facet value, and its interval; NaN is
        undefined.
    is_facet
        The feature is the facet itself.
    """

    label: str
    size: float
    low: float = math.nan
    high: float = math.nan
    is_facet: bool = False


def waterfall(
    given: Sequence[Part],
    *,
    head: Head,
    total: Part,
    ends: tuple[str, str] = ("", ""),
) -> Safe:
    """SVG of parts of a gap, each a bar from where the last one ended, and of the whole gap.

    Of more than 13 parts the 12 largest are drawn, and the others as one.

    Parameters
    ----------
    given
        The parts, in any order.
    head
        Title and description.
    total
        The gap, which the parts add up to.
    ends
        What the left and the right of 0 mean.

    Examples
    --------
    >>> drawn = waterfall(
    ...     [Part("sex", 0.02, 0.01, 0.03, is_facet=True), Part("income", 0.05, 0.04, 0.06)],
    ...     head=Head("w", "Parts of the gap"),
    ...     total=Part("the gap", 0.07),
    ... )
    >>> drawn.index("income") < drawn.index("sex (the facet itself)")
    True
    """
    if not given:
        return said(head, "There are no parts to draw.")
    shown = _largest(given)
    starts = [0.0]
    for part in shown:
        starts.append(starts[-1] + (part.size if math.isfinite(part.size) else 0.0))
    bars = [*zip(shown, starts, starts[1:], strict=False)]
    whole = (total, 0.0, total.size if math.isfinite(total.size) else 0.0)
    labels = [f"{part.label} (the facet itself)" if part.is_facet else part.label for part in shown]
    everything = [*shown, total]
    laid = rows(
        [*labels, total.label],
        [
            [number(part.size) for part in everything],
            [interval(part.low, part.high) for part in everything],
        ],
    )
    scale = spanning([*starts, whole[2]], around=0.0).between(laid.left, laid.right)

    def drawn(colour: str) -> Safe | None:
        """Bars of one colour as one path."""
        parts = []
        for (part, start, end), y in zip([*bars, whole], laid.middles, strict=True):
            own = "un" if part is total else "bad" if end > start else "est"
            left, right = sorted((scale.at(start), scale.at(end)))
            if own == colour and right - left >= 0.05:
                parts.append(
                    f"M{point(left, y - _HALF)}H{coordinate(right)}v16H{coordinate(left)}z"
                )
        return path(parts, **fill(colour))

    lines, y = axis(scale, laid.top, laid.bottom, tick, parity=0.0, ends=ends)
    joints = (
        f"M{point(scale.at(end), above + _HALF)}V{coordinate(below - _HALF)}"
        for (_, _, end), above, below in zip(bars, laid.middles, laid.middles[1:], strict=False)
    )
    return drawing(
        head,
        y,
        *lines,
        path(joints, **stroke("un", 1.0)),
        *map(drawn, ("bad", "est", "un")),
        *laid.texts,
    )


def _largest(given: Sequence[Part]) -> list[Part]:
    """Parts from the largest, and the others as one, if there are too many."""
    ordered = sorted(given, key=lambda part: -abs(part.size) if part.size == part.size else 1.0)
    if len(ordered) <= _MOST_BARS + 1:
        return ordered
    others = ordered[_MOST_BARS:]
    size = sum(part.size for part in others if math.isfinite(part.size))
    return [*ordered[:_MOST_BARS], Part(f"{len(others):,} others together", size)]
