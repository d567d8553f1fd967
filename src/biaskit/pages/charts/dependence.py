"""Dependence: a model's mean output where a feature is set to a value, for each facet value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from biaskit.formats import printable, shortened
from biaskit.pages.charts.drawing import MUTED, WIDTH, Head, drawing, path, point, said, stroke
from biaskit.pages.charts.marks import diamonds, dots, rings, squares, triangles
from biaskit.pages.charts.rows import more
from biaskit.pages.charts.scales import Scale, spanning
from biaskit.pages.charts.texts import BOLD, SIZE, block, cut, text, width_of, wrapped
from biaskit.pages.markup import Safe, coordinate, el
from biaskit.pages.numbers import tick, tick_percent

__all__ = ["Curve", "Feature", "dependence"]

_MOST_FEATURES, _MOST_CURVES, _MOST_POINTS = 12, 5, 60
# A panel: its width, the height of its curves and of the shares below them, and its label column.
_WIDE, _HIGH, _STRIP, _NAMES, _GAP, _SMALL = 366.0, 130.0, 26.0, 104.0, 8.0, 12.0
# Room for the name of a category at least; where there is less, not all are named.
_LEAST_SLOT = 36.0
# Curves are told apart by their names, their colours, and how their lines and points are drawn.
_Places: TypeAlias = Sequence[tuple[float, float]]


class _Style(NamedTuple):
    colour: str
    dashes: str | None
    points: Callable[[_Places, str], Safe | None]


_STYLES = (
    _Style("est", None, dots),
    _Style("bad", "7 3", diamonds),
    _Style("fn", "2 3", squares),
    _Style("un", "9 3 2 3", rings),
    _Style("est", "1 4", triangles),
)


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean output for one facet value, at each point of a feature."""

    label: str
    means: Sequence[float]


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: its points, and the curves over them.

    Parameters
    ----------
    label
        Name of the feature.
    points
        Values that it is set to: numbers in ascending order, or categories.
    curves
        Mean outputs, one curve for each facet value.
    shares
        Share of rows near each point.
    """

    label: str
    points: Sequence[float | str]
    curves: Sequence[Curve]
    shares: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class _Panel:
    """One feature's place in the drawing."""

    feature: Feature
    left: float
    right: float
    top: float
    scale: Scale

    @property
    def bottom(self) -> float:
        return self.top + _HIGH


def dependence(given: Sequence[Feature], *, head: Head, shares: bool = False) -> Safe:
    """SVG of a panel for each feature, all on one scale; below each, where the rows are.

    Parameters
    ----------
    given
        The features; after 12 a line says how many more there are. Of a feature's curves the first
        five are drawn, and of its points the first 60.
    head
        Title and description.
    shares
        The outputs are shares or chances, and are shown as percentages.

    Examples
    --------
    >>> age = Feature("age", [20, 40, 60], [Curve("female", [0.2, 0.4, 0.5])], [0.3, 0.5, 0.2])
    >>> dependence([age], head=Head("p", "Chance by age")).count(">female<")
    1
    """
    shown = [one for one in given if one.points and one.curves][:_MOST_FEATURES]
    if not shown:
        return said(head, "There are no features to draw.")
    figure = tick_percent if shares else tick
    means = [mean for one in shown for curve in _curves(one) for mean in curve.means]
    scale = spanning(means)
    axis_room = max(width_of(figure(value), _SMALL) for value in scale.ticks(4)) + 2 * _GAP
    made: list[Safe | None] = []
    height, y = _HIGH + _STRIP + 78, 0.0
    for place, feature in enumerate(shown):
        x = (WIDTH - _WIDE) * (place % 2)
        y = height * (place // 2)
        top = y + 28
        panel = _Panel(
            feature, x + axis_room, x + _WIDE - _NAMES, top, scale.between(top + _HIGH, top)
        )
        made.append(text(x, y + SIZE, cut(_shown(feature.label), _WIDE / BOLD), font_weight="bold"))
        made += _drawn(panel, figure)
    y += height
    left_out = more(len(given) - len(shown), y - 16)
    return drawing(head, y + 4 * len(left_out), *made, *left_out)


def _curves(feature: Feature) -> Sequence[Curve]:
    return feature.curves[:_MOST_CURVES]


def _shown(label: str) -> str:
    return printable(shortened(label))


def _drawn(panel: _Panel, figure: Callable[[float], str]) -> Iterator[Safe | None]:
    """Axis, shares, curves and names of one feature."""
    ticks = panel.scale.ticks(4)
    grid = (f"M{point(panel.left, panel.scale.at(v))}H{coordinate(panel.right)}" for v in ticks)
    yield path(grid, **stroke("grid"))
    labels = (text(panel.left - _GAP, panel.scale.at(v) + 4, figure(v)) for v in ticks)
    yield el("g", *labels, text_anchor="end", **MUTED)
    xs, numeric = _across(panel)
    base = panel.bottom + _STRIP
    yield path(_strip(panel, xs), **stroke("un", 3.0 if numeric else 10.0))
    yield path([f"M{point(panel.left, base)}H{coordinate(panel.right)}"], **stroke("grid"))
    yield text(panel.right + _GAP, base, "rows", **MUTED)
    yield el("g", *_below(panel, xs, numeric), text_anchor="middle", **MUTED)
    ends = []
    for curve, style in zip(_curves(panel.feature), _STYLES, strict=False):
        places = [
            (x, panel.scale.at(mean)) if math.isfinite(mean) else None
            for x, mean in zip(xs, curve.means, strict=False)
        ]
        known = [place for place in places if place]
        if not known:
            continue
        as_line = numeric and len(known) > 1
        ends.append(_End(known[-1][1], curve.label, style, as_line))
        if as_line:
            look = stroke(style.colour, 2.0)
            yield path(_line(places), **look, stroke_dasharray=style.dashes, fill="none")
        else:
            yield style.points(known, style.colour)
    yield from _names(ends, panel)


def _across(panel: _Panel) -> tuple[list[float], bool]:
    """Where each point stands, and whether the points are numbers."""
    points = panel.feature.points[:_MOST_POINTS]
    numbers = [float(one) for one in points if isinstance(one, (int, float))]
    if len(numbers) == len(points) and all(map(math.isfinite, numbers)):
        scale = _numbers_across(panel, numbers)
        return [scale.at(one) for one in numbers], True
    slot = (panel.right - panel.left) / len(points)
    return [panel.left + slot * (place + 0.5) for place in range(len(points))], False


def _numbers_across(panel: _Panel, numbers: Sequence[float]) -> Scale:
    return spanning(numbers, room=0.0).between(panel.left + 6, panel.right - 6)


def _below(panel: _Panel, xs: Sequence[float], numeric: bool) -> Iterator[Safe]:
    """Round numbers, or categories in two lines at most; so few that they do not touch."""
    y = panel.bottom + _STRIP + 18
    points = panel.feature.points[: len(xs)]
    if numeric:
        scale = _numbers_across(panel, [float(one) for one in points])
        ticks = [(scale.at(value), tick(value)) for value in scale.ticks(4)]
        widest = max((width_of(shown, _SMALL) for _, shown in ticks), default=0.0) + _GAP
        room = (panel.right - panel.left) / max(len(ticks), 1)
        for x, shown in ticks[:: math.ceil(widest / room)]:
            yield text(x, y, shown)
        return
    slot = (panel.right - panel.left) / len(points)
    every = math.ceil(_LEAST_SLOT / slot)
    for x, one in [*zip(xs, points, strict=True)][::every]:
        lines = wrapped(str(one), slot * every - _GAP, size=_SMALL)
        yield block(x, y - 4 + 7.5 * (len(lines) - 1), str(one), lines)


def _strip(panel: _Panel, xs: Sequence[float]) -> Iterator[str]:
    """Where the rows are: a bar at each point, as high as its share."""
    shares = [share if math.isfinite(share) else 0.0 for share in panel.feature.shares]
    most = max(shares, default=0.0)
    base = panel.bottom + _STRIP
    for x, share in zip(xs, shares, strict=False):
        high = (_STRIP - 6) * share / most if most > 0 else 0.0
        if high >= 0.05:
            yield f"M{point(x, base)}v{coordinate(-high)}"


def _line(places: Sequence[tuple[float, float] | None]) -> Iterator[str]:
    """Line through places, with a break where one is undefined."""
    pen = "M"
    for place in places:
        if place is None:
            pen = "M"
        else:
            yield f"{pen}{point(*place)}"
            pen = "L"


class _End(NamedTuple):
    """End of a curve, where its name stands."""

    y: float
    label: str
    style: _Style
    as_line: bool


def _names(ends: Sequence[_End], panel: _Panel) -> Iterator[Safe | None]:
    """Names of the curves where they end, moved apart where they would lie on one another."""
    ordered = sorted(ends, key=lambda end: end.y)
    heights: list[float] = []
    for end in ordered:
        heights.append(max(end.y, heights[-1] + SIZE + 2) if heights else end.y)
    over = max(0.0, heights[-1] - panel.bottom) if heights else 0.0
    x = panel.right + _GAP
    for end, y in zip(ordered, (y - over for y in heights), strict=True):
        style = end.style
        if end.as_line:
            look = stroke(style.colour, 2.0)
            yield path([f"M{point(x - 4, y)}h16"], **look, stroke_dasharray=style.dashes)
        else:
            yield style.points([(x + 4, y)], style.colour)
        yield block(x + 16, y, end.label, wrapped(end.label, _NAMES - 26, most=1))
