"""Marks: values with their intervals on a scale, told apart by shape as well as by colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from biaskit.pages.charts.drawing import fill, path, point, stroke
from biaskit.pages.charts.scales import Scale
from biaskit.pages.markup import Safe, coordinate

__all__ = ["Marks", "diamonds", "dots", "rings", "squares", "triangles"]

_RADIUS, _HALF = 4.5, 6.5


class _Mark(NamedTuple):
    y: float
    estimate: float
    low: float
    high: float


@dataclass(slots=True)
class Marks:
    """Values with intervals, by kind; a kind of many is drawn as a path for each of its shapes.

    A kind is ``dot``, ``diamond`` or ``ring``.
    """

    scale: Scale
    kinds: dict[str, list[_Mark]] = field(default_factory=dict)

    def add(
        self,
        kind: str,
        y: float,
        estimate: float,
        low: float = math.nan,
        high: float = math.nan,
    ) -> None:
        """Add a value at a height. What is undefined is not drawn."""
        self.kinds.setdefault(kind, []).append(_Mark(y, estimate, low, high))

    def drawn(self) -> list[Safe | None]:
        """Lines first, then the shapes on top of them, in the order of `_KINDS`."""
        found: list[Safe | None] = []
        for kind, (colour, shapes) in _KINDS.items():
            marks = self.kinds.get(kind, [])
            lines = (part for mark in marks for part in self._line(mark))
            found.append(path(lines, **stroke(colour, 2.0), fill="none"))
            at = [
                (self.scale.at(mark.estimate), mark.y)
                for mark in marks
                if self.scale.holds(mark.estimate)
            ]
            found.append(shapes(at, colour))
        return found

    def _line(self, mark: _Mark) -> Iterator[str]:
        """Interval as far as it lies on the axis, and an arrow to what lies beyond."""
        scale, y = self.scale, mark.y
        if math.isnan(mark.low) or math.isnan(mark.high):
            low = high = mark.estimate
        else:
            low, high = min(mark.low, mark.high), max(mark.low, mark.high)
        if math.isnan(low):
            return
        start, end = scale.at(low), scale.at(high)
        if end - start >= 0.05:
            yield f"M{point(start, y)}H{coordinate(end)}"
        if high > scale.high:
            yield f"M{point(end - 5, y - 4)}l5 4-5 4"
        if low < scale.low:
            yield f"M{point(start + 5, y - 4)}l-5 4 5 4"


def dots(places: Iterable[tuple[float, float]], colour: str, width: float = 9.0) -> Safe | None:
    """Filled circles: ends of lines that have no length."""
    data = (f"M{point(x, y)}h0" for x, y in places)
    return path(data, **stroke(colour, width), stroke_linecap="round")


def diamonds(places: Iterable[tuple[float, float]], colour: str) -> Safe | None:
    """Filled diamonds."""
    data = (f"M{point(x, y - _HALF)}l6.5 6.5-6.5 6.5-6.5-6.5z" for x, y in places)
    return path(data, **fill(colour))


def rings(places: Iterable[tuple[float, float]], colour: str) -> Safe | None:
    """Hollow circles."""
    half = "a4.5 4.5 0 1 0"
    data = (f"M{point(x - _RADIUS, y)}{half} 9 0{half}-9 0" for x, y in places)
    attributes = stroke(colour, 2.0)
    return path(data, **{**attributes, "class_": f"{attributes['class_']} f-bg"}, fill="#ffffff")


def squares(places: Iterable[tuple[float, float]], colour: str) -> Safe | None:
    """Filled squares."""
    return path((f"M{point(x - 4, y - 4)}h8v8h-8z" for x, y in places), **fill(colour))


def triangles(places: Iterable[tuple[float, float]], colour: str) -> Safe | None:
    """Filled triangles."""
    return path((f"M{point(x, y - 5)}l5 9h-10z" for x, y in places), **fill(colour))


# Kinds of marks: what a later one draws lies on top.
_KINDS = {"ring": ("un", rings), "dot": ("est", dots), "diamond": ("bad", diamonds)}
