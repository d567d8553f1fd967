"""Curves: numbers over a score or a threshold, one line for each name, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from biaskit.pages.charts.drawing import (
    MUTED,
    WIDTH,
    Head,
    drawing,
    fill,
    path,
    point,
    said,
    stroke,
)
from biaskit.pages.charts.keys import key
from biaskit.pages.charts.marks import diamonds, dots, rings, squares, triangles
from biaskit.pages.charts.rows import more
from biaskit.pages.charts.scales import Scale, spanning
from biaskit.pages.charts.texts import cut, text, width_of
from biaskit.pages.markup import Safe, coordinate, el
from biaskit.pages.numbers import tick, tick_percent
from biaskit.store.formats import printable, shortened

__all__ = ["Axis", "Curve", "curves"]

_MOST_CURVES = 5
_SMALL, _GAP, _LINE = 12.0, 8.0, 20.0
# Height of a drawing, and height and width of one whose axes are alike.
_HIGH, _SQUARE = 220.0, 340.0
# Curves are told apart by their names, their colours, and how their lines and points are drawn.
_LOOKS = (
    ("est", None, dots),
    ("bad", "7 3", diamonds),
    ("fn", "2 3", squares),
    ("un", "9 3 2 3", rings),
    ("est", "1 4", triangles),
)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: its name, its places, and the interval of each, where there is one.

    Parameters
    ----------
    label
        Name of the line.
    places
        Where it goes, across and up; NaN is a gap.
    low, high
        Ends of the interval of each place.
    """

    label: str
    places: Sequence[tuple[float, float]]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


class Axis(NamedTuple):
    """What an axis measures, the ends that it has in any case, and whether it shows percentages."""

    label: str
    ends: tuple[float, ...] = ()
    shares: bool = False


def curves(
    given: Sequence[Curve],
    *,
    head: Head,
    across: Axis,
    up: Axis,
    is_square: bool = False,
    whiskers: bool = False,
    parity: float | None = None,
    limits: tuple[float, float] | None = None,
) -> Safe:
    """SVG of lines on one pair of axes; of more than five the first five are drawn.

    Parameters
    ----------
    given
        The lines.
    head
        Title and description.
    across, up
        What the axes measure.
    is_square
        The axes measure alike: the drawing is a square, and its diagonal is drawn.
    whiskers
        Intervals stand at points, in place of a band along the line.
    parity
        Value that has a line of its own.
    limits
        Range that passes, between two lines.

    Examples
    --------
    >>> line = Curve("female", [(0.0, 0.0), (0.5, 0.2), (1.0, 0.0)])
    >>> drawn = curves([line], head=Head("s", "DPPL"), across=Axis("threshold"), up=Axis("DPPL"))
    >>> drawn.count("female"), drawn.count("threshold")
    (1, 1)
    """
    shown = [one for one in given if any(map(_is_there, one.places))][:_MOST_CURVES]
    if not shown:
        return said(head, "There are no curves to draw.")
    entries = [(one.label, _marked(place)) for place, one in enumerate(shown)]
    made, top = key(entries)
    made.append(text(0.0, top + 14, cut(printable(shortened(up.label)), WIDTH, _SMALL), **MUTED))
    top += 26
    ups = [value for one in shown for _, value in one.places]
    ups += [value for one in shown for value in (*one.low, *one.high)]
    vertical = spanning([*ups, *up.ends, *(limits or ())], around=parity, room=0.02)
    horizontal = spanning([x for one in shown for x, _ in one.places] + [*across.ends], room=0.01)
    high = _SQUARE if is_square else _HIGH
    vertical = vertical.between(top + high, top)
    left = max(width_of(_figure(up)(one), _SMALL) for one in vertical.ticks()) + 2 * _GAP
    right = left + _SQUARE * 1.3 if is_square else WIDTH - 2 * _GAP
    horizontal = horizontal.between(left, right)
    made += [*_grid(vertical, left, right, _figure(up))]
    bottom = top + high
    made += [*_below(horizontal, bottom, _figure(across))]
    name = cut(printable(shortened(across.label)), right - left, _SMALL)
    made.append(text((left + right) / 2, bottom + 38, name, anchor="middle", **MUTED))
    made += [*_guides(horizontal, vertical, is_square=is_square, parity=parity, limits=limits)]
    for place, one in enumerate(shown):
        made += [*_line(one, place, horizontal, vertical, whiskers=whiskers)]
    left_out = more(len(given) - len(shown), bottom + 58) if len(given) > len(shown) else []
    return drawing(head, bottom + 46 + 1.5 * _LINE * len(left_out), *made, *left_out)


def _is_there(place: tuple[float, float]) -> bool:
    return all(map(math.isfinite, place))


def _figure(axis: Axis) -> Callable[[float], str]:
    return tick_percent if axis.shares else tick


def _marked(place: int) -> Callable[[float, float], Safe | None]:
    """Piece of a line, for the key."""
    colour, dashes, points = _LOOKS[place]

    def mark(x: float, y: float) -> Safe | None:
        line = [f"M{point(x - 8, y)}h16"]
        look = stroke(colour, 2.0)
        drawn = path(line, **look, stroke_dasharray=dashes, fill="none")
        return Safe(f"{drawn}{points([(x, y)], colour)}")

    return mark


def _grid(
    scale: Scale, left: float, right: float, figure: Callable[[float], str]
) -> Iterator[Safe | None]:
    ticks = scale.ticks()
    yield path(
        (f"M{point(left, scale.at(v))}H{coordinate(right)}" for v in ticks), **stroke("grid")
    )
    labels = (text(left - _GAP, scale.at(v) + 4, figure(v)) for v in ticks)
    yield el("g", *labels, text_anchor="end", **MUTED)


def _below(scale: Scale, y: float, figure: Callable[[float], str]) -> Iterator[Safe | None]:
    ticks = scale.ticks(10)
    yield path((f"M{point(scale.at(v), y)}v5" for v in ticks), **stroke("grid"))
    widest = max(width_of(figure(v), _SMALL) for v in ticks) + _GAP
    room = (scale.right - scale.left) / max(len(ticks), 1)
    every = math.ceil(widest / room)
    labels = (text(scale.at(v), y + 18, figure(v)) for v in ticks[::every])
    yield el("g", *labels, text_anchor="middle", **MUTED)


def _guides(
    across: Scale,
    up: Scale,
    *,
    is_square: bool,
    parity: float | None,
    limits: tuple[float, float] | None,
) -> Iterator[Safe | None]:
    """Lines that the curves are compared with."""
    whole = f"H{coordinate(across.right)}"
    if is_square:
        ends = [max(across.low, up.low), min(across.high, up.high)]
        data = "L".join(point(across.at(one), up.at(one)) for one in ends)
        yield path([f"M{data}"], **stroke("un", 1.0), stroke_dasharray="4 4", fill="none")
    if parity is not None and up.holds(parity):
        line = [f"M{point(across.left, up.at(parity))}{whole}"]
        yield path(line, stroke="currentColor", stroke_width="1.5")
    inside = [one for one in limits or () if up.holds(one)]
    lines = (f"M{point(across.left, up.at(one))}{whole}" for one in inside)
    yield path(lines, **stroke("un", 1.5), stroke_dasharray="6 3")


def _line(
    one: Curve, place: int, across: Scale, up: Scale, *, whiskers: bool
) -> Iterator[Safe | None]:
    colour, dashes, points = _LOOKS[place]
    ends = [
        (across.at(x), up.at(low), up.at(high))
        for (x, _), low, high in zip(one.places, one.low, one.high, strict=False)
        if all(map(math.isfinite, (x, low, high)))
    ]
    if whiskers:
        stems = (f"M{point(x, low)}V{coordinate(high)}" for x, low, high in ends)
        yield path(stems, **stroke(colour, 1.5), fill="none")
    elif len(ends) > 1:
        there = "L".join(point(x, high) for x, _, high in ends)
        back = "L".join(point(x, low) for x, low, _ in reversed(ends))
        yield path([f"M{there}L{back}z"], **fill(colour), fill_opacity="0.13")
    known = [(across.at(x), up.at(y)) for x, y in one.places if _is_there((x, y))]
    look = stroke(colour, 2.0)
    yield path(_joined(one, across, up), **look, stroke_dasharray=dashes, fill="none")
    if whiskers or len(known) == 1:
        yield points(known, colour)


def _joined(one: Curve, across: Scale, up: Scale) -> Iterator[str]:
    """Line through places, with a break where one is undefined."""
    pen = "M"
    for x, y in one.places:
        if _is_there((x, y)):
            yield f"{pen}{point(across.at(x), up.at(y))}"
            pen = "L"
        else:
            pen = "M"
