"""Rows: charts whose values stand one below the other, on one axis, with their texts beside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from biaskit.pages.charts.drawing import MUTED, WIDTH, path, point, stroke
from biaskit.pages.charts.scales import Scale
from biaskit.pages.charts.texts import SIZE, block, cut, text, width_of, wrapped
from biaskit.pages.markup import Safe, coordinate, el

__all__ = ["Rows", "axis", "more", "rows"]

_GAP, _LINE, _ROOM = 14.0, SIZE + 2, 11.0
# Widths of the labels, and of all columns at the right, at most; and of the axis at least.
_MOST_LABEL, _MOST_COLUMNS, _LEAST_AXIS = 250.0, 350.0, 230.0
_SMALL = 12.0


@dataclass(frozen=True, slots=True)
class Rows:
    """Where each row stands, where its axis is, and the texts at both sides."""

    middles: list[float]
    top: float
    bottom: float
    left: float
    right: float
    texts: list[Safe]


def rows(
    labels: Sequence[str],
    columns: Sequence[Sequence[str]],
    *,
    top: float = 4.0,
    heads: Sequence[str] = (),
    muted: Collection[int] = (1, 2, 3),
) -> Rows:
    """Rows with labels at the left, in two lines at most, and columns of texts at the right.

    Parameters
    ----------
    labels
        Label of each row.
    columns
        Columns from left to right, each a text per row, aligned at the right.
    top
        Where the first row begins, or the names of the columns stand.
    heads
        Names of the columns, if they have any.
    muted
        Places of columns that matter less.
    """
    named = [
        (column, name, MUTED if place in muted else {})
        for place, (column, name) in enumerate(
            zip(columns, heads or [""] * len(columns), strict=True)
        )
        if any(column)
    ]
    widths = _within(
        _MOST_COLUMNS,
        [
            max(width_of(name, _SMALL), *(width_of(one, _size(look)) for one in column)) + _GAP
            for column, name, look in named
        ],
    )
    right = WIDTH - (sum(widths) + _GAP if widths else 2 * _GAP)
    room = min(_MOST_LABEL, right - _LEAST_AXIS)
    labels_in_lines = [wrapped(label, room) for label in labels]
    widest = max((width_of(one) for lines in labels_in_lines for one in lines), default=0.0)
    left = max(widest + _GAP, 2 * _GAP)
    top += 20.0 if any(name for _, name, _ in named) else 0.0
    middles, texts, y = [], [], top
    for label, lines in zip(labels, labels_in_lines, strict=True):
        height = _LINE * len(lines) + _ROOM
        middles.append(y + height / 2)
        texts.append(block(left - _GAP, y + height / 2, label, lines))
        y += height
    made = [el("g", *texts, text_anchor="end")]
    x = right + _GAP
    for (column, name, look), width in zip(named, widths, strict=True):
        x += width
        above = [text(x, top - 6, cut(name, width - _GAP, _SMALL), **MUTED)] if name else []
        shown = (
            text(x, middle + SIZE * 0.35, cut(one, width - _GAP, _size(look)))
            for middle, one in zip(middles, column, strict=True)
            if one
        )
        made.append(el("g", *above, *shown, text_anchor="end", **look))
    return Rows(middles, top, y, left, right, made)


def _size(look: Mapping[str, object]) -> float:
    """Height of the letters of texts that look so."""
    return _SMALL if look else SIZE


def _within(most: float, widths: Sequence[float]) -> list[float]:
    """Widths that together have so much room, the widest ones cut to the same."""
    left, found = most, dict.fromkeys(range(len(widths)), 0.0)
    for done, place in enumerate(sorted(found, key=lambda place: widths[place])):
        found[place] = min(widths[place], left / (len(widths) - done))
        left -= found[place]
    return [*found.values()]


def axis(
    scale: Scale,
    top: float,
    bottom: float,
    shown: Callable[[float], str],
    *,
    parity: float | None = None,
    ends: tuple[str, str] = ("", ""),
) -> tuple[list[Safe | None], float]:
    """Axis below rows, and where the room below it begins.

    Parameters
    ----------
    scale
        Values on the axis, and where it lies.
    top, bottom
        Where its lines begin and end.
    shown
        Text of a round value.
    parity
        Value that has a line of its own.
    ends
        What the left and the right of the axis mean.
    """
    ticks = _apart([(scale.at(value), shown(value)) for value in scale.ticks()])
    labels = (text(x, bottom + 16, one, anchor="middle") for x, one in ticks)
    grid = (f"M{point(x, top)}V{coordinate(bottom)}" for x, _ in ticks)
    made = [path(grid, **stroke("grid")), el("g", *labels, **MUTED)]
    if parity is not None and scale.holds(parity):
        middle = (f"M{point(scale.at(parity), top)}V{coordinate(bottom + 4)}",)
        made.append(path(middle, stroke="currentColor", stroke_width=1.5))
    low, high = ends
    if not (low or high):
        return made, bottom + 22
    low, high = cut(low, WIDTH / 2 - _GAP, _SMALL), cut(high, WIDTH / 2 - _GAP, _SMALL)
    start, end = scale.left, scale.right
    lacking = width_of(low, _SMALL) + width_of(high, _SMALL) + _GAP - (end - start)
    if lacking > 0:  # there is room below the labels and below the columns at the right
        start = max(0.0, start - lacking)
        lacking -= scale.left - start
        end = min(WIDTH, end + max(lacking, 0.0))
    made.append(
        el(
            "g",
            text(start, bottom + 34, low) if low else None,
            text(end, bottom + 34, high, anchor="end") if high else None,
            **MUTED,
        )
    )
    return made, bottom + 42


def _apart(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Ticks whose labels do not touch, every second one as often as it takes."""
    while any(
        left[0] + width_of(left[1], _SMALL) / 2 + 6 > right[0] - width_of(right[1], _SMALL) / 2
        for left, right in itertools.pairwise(ticks)
    ):
        ticks = ticks[::2]
    return ticks


def more(n: int, y: float) -> list[Safe]:
    """Line that says how many rows are not drawn; nothing if all are."""
    return [text(0.0, y + 14, f"and {n:,} more, in the table", **MUTED)] if n else []
