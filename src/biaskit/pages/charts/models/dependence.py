"""Dependence: a model's mean output where a feature is set to a value, for each facet value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from biaskit.pages.charts.drawing import MUTED, WIDTH, Head, drawing, path, point, said, stroke
from biaskit.pages.charts.keys import key
from biaskit.pages.charts.marks import diamonds, dots, rings, squares, triangles
from biaskit.pages.charts.rows import axis, more, rows
from biaskit.pages.charts.scales import Scale, spanning
from biaskit.pages.charts.texts import BOLD, SIZE, block, cut, text, width_of, wrapped
from biaskit.pages.markup import Safe, coordinate, el
from biaskit.pages.numbers import percent, tick, tick_percent
from biaskit.store.formats import printable, shortened

__all__ = ["Curve", "Feature", "dependence"]

_MOST_FEATURES, _MOST_CURVES, _MOST_POINTS, _MOST_CATEGORIES = 12, 5, 60, 12
# A panel: its width, the height of its curves and of the shares below them, and its label column.
_WIDE, _HIGH, _STRIP, _NAMES, _GAP, _SMALL = 366.0, 130.0, 26.0, 126.0, 8.0, 12.0
_TALL = _HIGH + _STRIP + 66
# Curves are told apart by their names, their colours, and how their lines and points are drawn.
_Places: TypeAlias = Sequence[tuple[float, float]]


class _Style(NamedTuple):
    colour: str
    dashes: str | None
    points: Callable[[_Places, str], Safe | None]

    def mark(self, x: float, y: float) -> Safe | None:
        """Point of its own, for a key."""
        return self.points([(x, y)], self.colour)


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
    """SVG of a panel for each feature, all on one scale of outputs.

    A feature of numbers has lines, and bars below them that say where the rows are. Those of
    categories follow, each category a row.

    Parameters
    ----------
    given
        The features; after 12 a line says how many more there are. Of a feature's curves the first
        five are drawn, of its numbers the first 60, of its categories the 12 most frequent.
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
    there = [one for one in given if one.points and one.curves]
    shown = there[:_MOST_FEATURES]
    if not shown:
        return said(head, "There are no features to draw.")
    figure = tick_percent if shares else tick
    scale = spanning([mean for one in shown for curve in _curves(one) for mean in curve.means])
    axis_room = max(width_of(figure(value), _SMALL) for value in scale.ticks(4)) + 2 * _GAP
    made: list[Safe | None] = []
    numeric = [one for one in shown if _is_numeric(one)]
    for place, feature in enumerate(numeric):
        x, y = (WIDTH - _WIDE) * (place % 2), _TALL * (place // 2)
        panel = _Panel(
            feature,
            x + axis_room,
            x + _WIDE - _NAMES,
            y + 28,
            scale.between(y + 28 + _HIGH, y + 28),
        )
        made += [_title(feature, x, y, _WIDE), *_numbers(panel, figure)]
    y = _TALL * ((len(numeric) + 1) // 2)
    for feature in shown:
        if not _is_numeric(feature):
            panel_of_it, y = _categories(feature, y, scale, figure)
            made += panel_of_it
    left_out = more(len(there) - len(shown), y - 16)
    return drawing(head, y + 4 * len(left_out), *made, *left_out)


def _is_numeric(feature: Feature) -> bool:
    return all(isinstance(one, (int, float)) and math.isfinite(one) for one in feature.points)


def _title(feature: Feature, x: float, y: float, width: float) -> Safe:
    shown = cut(printable(shortened(feature.label)), width / BOLD)
    return text(x, y + SIZE, shown, font_weight="bold")


def _categories(
    feature: Feature, y: float, scale: Scale, figure: Callable[[float], str]
) -> tuple[list[Safe | None], float]:
    """Rows of the most frequent categories, and where the room below them begins."""
    places = [*range(len(feature.points))]
    frequency = [*feature.shares, *[0.0] * len(places)]
    if len(places) > _MOST_CATEGORIES:
        places = sorted(sorted(places, key=lambda place: -frequency[place])[:_MOST_CATEGORIES])
    curves = [*zip(_curves(feature), _STYLES, strict=False)]
    made, top = key(((curve.label, style.mark) for curve, style in curves), y + 18)
    laid = rows(
        [str(feature.points[place]) for place in places],
        [[percent(frequency[place], 1) if feature.shares else "" for place in places]],
        top=top,
        heads=["rows"],
        muted=(0,),
    )
    across = scale.between(laid.left, laid.right)
    lines, bottom = axis(across, laid.top, laid.bottom, figure)
    for curve, style in curves:
        at = [
            (across.at(curve.means[place]), middle)
            for place, middle in zip(places, laid.middles, strict=True)
            if place < len(curve.means) and across.holds(curve.means[place])
        ]
        lines.append(style.points(at, style.colour))
    left_out = more(len(feature.points) - len(places), bottom)
    drawn = [_title(feature, 0.0, y, WIDTH), *made, *lines, *laid.texts, *left_out]
    return drawn, bottom + 20 * len(left_out) + 24


def _curves(feature: Feature) -> Sequence[Curve]:
    return feature.curves[:_MOST_CURVES]


def _numbers(panel: _Panel, figure: Callable[[float], str]) -> Iterator[Safe | None]:
    """Axes, shares, curves and names of a feature of numbers."""
    ticks = panel.scale.ticks(4)
    grid = (f"M{point(panel.left, panel.scale.at(v))}H{coordinate(panel.right)}" for v in ticks)
    yield path(grid, **stroke("grid"))
    labels = (text(panel.left - _GAP, panel.scale.at(v) + 4, figure(v)) for v in ticks)
    yield el("g", *labels, text_anchor="end", **MUTED)
    points = [float(one) for one in panel.feature.points[:_MOST_POINTS]]
    across = spanning(points, room=0.0).between(panel.left + 6, panel.right - 6)
    xs = [across.at(one) for one in points]
    base = panel.bottom + _STRIP
    yield path(_strip(panel, xs), **stroke("un", 3.0))
    yield path([f"M{point(panel.left, base)}H{coordinate(panel.right)}"], **stroke("grid"))
    yield text(panel.right + _GAP, base, "rows", **MUTED)
    yield el("g", *_below(across, base + 18), text_anchor="middle", **MUTED)
    ends = []
    for curve, style in zip(_curves(panel.feature), _STYLES, strict=False):
        places = [
            (x, panel.scale.at(mean)) if math.isfinite(mean) else None
            for x, mean in zip(xs, curve.means, strict=False)
        ]
        known = [place for place in places if place]
        if not known:
            continue
        ends.append(_End(known[-1][1], curve.label, style, as_line=len(known) > 1))
        if len(known) > 1:
            look = stroke(style.colour, 2.0)
            yield path(_line(places), **look, stroke_dasharray=style.dashes, fill="none")
        else:
            yield style.points(known, style.colour)
    yield from _names(ends, panel)


def _below(across: Scale, y: float) -> Iterator[Safe]:
    """Round values of the feature, so few that they do not touch."""
    ticks = [(across.at(value), tick(value)) for value in across.ticks(4)]
    widest = max((width_of(shown, _SMALL) for _, shown in ticks), default=0.0) + _GAP
    room = (across.right - across.left) / max(len(ticks), 1)
    for x, shown in ticks[:: math.ceil(widest / room)]:
        yield text(x, y, shown)


def _strip(panel: _Panel, xs: Sequence[float]) -> Iterator[str]:
    """Where the rows are: a bar at each point, as high as its share."""
    shares = [share if math.isfinite(share) else 0.0 for share in panel.feature.shares]
    most = max(shares, default=0.0)
    base = panel.bottom + _STRIP
    for x, share in zip(xs, shares, strict=False):
        high = (_STRIP - 6) * (share / most) if most > 0 else 0.0
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
