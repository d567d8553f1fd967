"""Swarm: many values of each name as points on one axis, spread out where they are dense."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from biaskit.pages.charts.drawing import Head, drawing, said
from biaskit.pages.charts.keys import key
from biaskit.pages.charts.marks import dots
from biaskit.pages.charts.rows import axis, more, rows
from biaskit.pages.charts.scales import Scale, spanning
from biaskit.pages.markup import Safe
from biaskit.pages.numbers import tick

__all__ = ["Swarm", "swarm"]

_MOST_ROWS, _MOST_POINTS = 12, 200
# Half of the height of a row, the width of a bin of points, and their distance in it.
_REACH, _BIN, _STEP = 9.0, 4.0, 2.5


@dataclass(frozen=True, slots=True)
class Swarm:
    """Values of one name, those of low and those of high rank apart.

    Parameters
    ----------
    label
        Name of the feature.
    low, high
        Values of the rows in which the feature is below, and above, its own median.
    """

    label: str
    low: Sequence[float]
    high: Sequence[float]


def swarm(
    given: Sequence[Swarm], *, head: Head, ends: tuple[str, str] = ("", ""), names: tuple[str, str]
) -> Safe:
    """SVG of values as points, a row for each name, in the order given.

    Those of low rank stand above the middle of their row, those of high rank below it.
    Of more than 200 values of a row and a kind, every so many are drawn, evenly by rank.

    Parameters
    ----------
    given
        Rows from top to bottom; after 12 a line says how many more there are.
    head
        Title and description.
    ends
        What the left and the right of 0 mean.
    names
        What the two kinds of points are.

    Examples
    --------
    >>> drawn = swarm(
    ...     [Swarm("age", [-0.1, -0.2], [0.1, 0.3])],
    ...     head=Head("s", "Values"),
    ...     names=("young", "old"),
    ... )
    >>> "age" in drawn and "young" in drawn
    True
    """
    shown = [(one.label, _thinned(one.low), _thinned(one.high)) for one in given[:_MOST_ROWS]]
    values = [value for _, low, high in shown for value in (*low, *high)]
    if not values:
        return said(head, "There is nothing to draw.")
    colours = ("est", "bad")
    marks = [(name, partial(_mark, colour)) for name, colour in zip(names, colours, strict=True)]
    keys, below = key(marks)
    laid = rows([label for label, _, _ in shown], [], top=below)
    scale = spanning([0.0, *values], around=0.0).between(laid.left, laid.right)
    low: list[tuple[float, float]] = []
    high: list[tuple[float, float]] = []
    for (_, one, other), y in zip(shown, laid.middles, strict=True):
        low += _places(one, scale, y, -1)
        high += _places(other, scale, y, 1)
    lines, y = axis(scale, laid.top, laid.bottom, tick, parity=0.0, ends=ends)
    left_out = more(len(given) - len(shown), y)
    return drawing(
        head,
        y + 20.0 * len(left_out),
        *keys,
        *lines,
        *(dots(places, one, 4.0) for one, places in zip(colours, (low, high), strict=True)),
        *laid.texts,
        *left_out,
    )


def _mark(colour: str, x: float, y: float) -> Safe | None:
    return dots([(x, y)], colour)


def _thinned(values: Sequence[float]) -> list[float]:
    known = sorted(value for value in values if math.isfinite(value))
    if len(known) <= _MOST_POINTS:
        return known
    last = len(known) - 1
    return [known[round(i * last / (_MOST_POINTS - 1))] for i in range(_MOST_POINTS)]


def _places(
    values: Sequence[float], scale: Scale, middle: float, way: int
) -> Iterator[tuple[float, float]]:
    """Places of points, piled up from the middle of their row, upwards or downwards."""
    piled: dict[int, int] = defaultdict(int)
    for value in values:
        x = scale.at(value)
        bin_ = round(x / _BIN)
        y = min(_REACH, 1.5 + _STEP * piled[bin_])
        piled[bin_] += 1
        yield x, middle + way * y
