"""Drawings: the frame that every chart stands in, its colours, and lines and shapes in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from biaskit.pages.charts.texts import SIZE, text
from biaskit.pages.markup import Safe, coordinate, el

__all__ = [
    "COLOURS",
    "MUTED",
    "WIDTH",
    "Head",
    "drawing",
    "fill",
    "path",
    "point",
    "said",
    "standalone",
    "stroke",
]

# Width of a drawing; a page scales it down.
WIDTH = 760.0
# Colours for a host that takes no style sheet. page.css has these, and those for the dark. What is
# not among them has the colour of the text around the drawing.
COLOURS = {
    "est": "#0072b2",
    "bad": "#b3400a",
    "un": "#6b6b6b",
    "fn": "#7a3fa0",
    "bg": "#ffffff",
}
# Colour of texts, and the margin, of a drawing by itself.
_INK, _MARGIN = "#1b1d21", 16
# What is fainter, as a colour and its opacity: it has to be faint in the dark, too.
_FAINT = {"grid": ("currentColor", "0.17"), "band": ("#0072b2", "0.14")}
# Attributes of texts that matter less.
MUTED = {"class_": "mute", "font_size": "12"}


@dataclass(frozen=True, slots=True)
class Head:
    """What a chart is to those who do not see it.

    Parameters
    ----------
    id
        Id in the page, which no other element has.
    title
        What the chart shows.
    description
        What it says, where no sentence beside it does.
    described_by
        Id of the sentences beside it that say it.
    """

    id: str
    title: str
    description: str = ""
    described_by: str = ""


def drawing(head: Head, height: float, *children: Safe | None) -> Safe:
    """SVG of a chart, whole without a style sheet."""
    title, description = f"{head.id}-t", f"{head.id}-d"
    own = description if head.description else None
    return el(
        "svg",
        el("title", head.title, id=title),
        el("desc", head.description, id=description) if own else None,
        *children,
        class_="chart",
        id=head.id,
        viewBox=f"0 0 {coordinate(WIDTH)} {coordinate(height)}",
        width=WIDTH,
        height=float(height),
        role="img",
        aria_labelledby=title,
        aria_describedby=head.described_by or own,
        font_family="system-ui,sans-serif",
        font_size=SIZE,
        fill="currentColor",
    )


def standalone(drawn: Safe) -> str:
    """Text of a file that holds a drawing by itself, with a margin, on a white ground."""
    _, _, wide, high = drawn.partition('viewBox="')[2].partition('"')[0].split()
    width, height = (float(size) + 2 * _MARGIN for size in (wide, high))
    made = el(
        "svg",
        el("rect", width=width, height=height, fill="#ffffff"),
        el("g", drawn, transform=f"translate({_MARGIN} {_MARGIN})"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {coordinate(width)} {coordinate(height)}",
        width=width,
        height=height,
        color=_INK,
    )
    return f"{made}\n"


def said(head: Head, words: str) -> Safe:
    """Chart that has nothing to draw, and says so."""
    return drawing(head, 32, text(0.0, 20.0, words))


def fill(colour: str) -> dict[str, Any]:
    """Attributes of what is filled."""
    return _painted("fill", colour)


def stroke(colour: str, width: float = 1.0) -> dict[str, Any]:
    """Attributes of a line."""
    return {**_painted("stroke", colour), "stroke_width": width}


def _painted(how: str, colour: str) -> dict[str, Any]:
    made = {"class_": f"{how[0]}-{colour}"}
    if colour in _FAINT:
        paint, opacity = _FAINT[colour]
        return {**made, how: paint, f"{how}_opacity": opacity}
    return {**made, how: COLOURS[colour]}


def path(parts: Iterable[str], **attributes: Any) -> Safe | None:
    """One path of many parts; none where there are none."""
    data = "".join(parts)
    return el("path", d=Safe(data), **attributes) if data else None


def point(x: float, y: float) -> str:
    """Place, as the data of a path have it."""
    return f"{coordinate(x)} {coordinate(y)}"
