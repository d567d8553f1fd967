"""Over time: one number at several times, with its intervals."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
from biaskit.pages.charts.marks import dots
from biaskit.pages.charts.scales import Scale, spanning
from biaskit.pages.charts.texts import SIZE, cut, text, width_of
from biaskit.pages.markup import Safe, coordinate, el
from biaskit.pages.numbers import tick, tick_percent
from biaskit.store.formats import printable, shortened

__all__ = ["Moment", "over_time"]

_MOST_MOMENTS = 120
# Words, numbers and dates, and what stands between them.
_WORDS = re.compile(r"(?:[^\W_]|-)+|.")
_TOP, _HEIGHT, _SMALL, _GAP, _MOST_LABEL = 14.0, 190.0, 12.0, 8.0, 140.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Number at one time.

    Parameters
    ----------
    label
        The time, or the name of what was counted then.
    estimate, low, high
        The number and its interval; NaN is undefined.
    """

    label: str
    estimate: float
    low: float = math.nan
    high: float = math.nan


def over_time(
    given: Sequence[Moment],
    *,
    head: Head,
    parity: float | None = 0.0,
    limits: tuple[float, float] | None = None,
    shares: bool = False,
    ends: tuple[str, str] = ("", ""),
) -> Safe:
    """SVG of a number at times from left to right, joined by a line, with intervals.

    Parameters
    ----------
    given
        The times in their order; of more than 120 the last ones are drawn.
    head
        Title and description.
    parity
        Value that has a line of its own.
    limits
        Range that passes, drawn as a band; its ends may be infinite.
    shares
        The numbers are shares, and are shown as percentages.
    ends
        What the lower and the upper end of the axis mean.

    Examples
    --------
    >>> moments = [Moment("May", 0.05, 0.02, 0.08), Moment("June", 0.09, 0.06, 0.12)]
    >>> over_time(moments, head=Head("t", "DPL of female")).count("June")
    1
    """
    if not given:
        return said(head, "There are no times to draw.")
    shown = given[-_MOST_MOMENTS:]
    values = [value for one in shown for value in (one.estimate, one.low, one.high)]
    top = _TOP + (20.0 if ends[1] else 0.0)
    bottom = top + _HEIGHT
    scale = spanning([*values, *(limits or ())], around=parity).between(bottom, top)
    labels = _told_apart([printable(shortened(one.label)) for one in shown])
    widest = max(width_of(label, _SMALL) for label in labels)
    shown_value = tick_percent if shares else tick
    left = max(_at_left(scale, shown_value), widest / 2) + 3 * _GAP
    right = WIDTH - max(widest / 2, 2 * _GAP)
    step = (right - left) / max(len(shown) - 1, 1)
    xs = [left + step * place for place in range(len(shown))]
    if len(shown) == 1:
        xs = [(left + right) / 2]
    dense = 5.0 if step < 12 else 9.0
    y = bottom + 16
    made = [
        *_band(limits, scale, left - _GAP, right + _GAP),
        *_lines(scale, left - _GAP, right + _GAP, parity, shown_value),
        el("g", *_below(labels, xs, y, widest, step), text_anchor="middle", **MUTED),
        path(_joined(shown, xs, scale), **stroke("est", 1.5), fill="none"),
        path(_whiskers(shown, xs, scale), **stroke("est", 2.0), fill="none"),
        dots(
            [
                (x, scale.at(one.estimate))
                for one, x in zip(shown, xs, strict=True)
                if scale.holds(one.estimate)
            ],
            "est",
            dense,
        ),
    ]
    if ends[1]:
        made.append(text(0.0, SIZE, cut(ends[1], WIDTH, _SMALL), **MUTED))
    if ends[0]:
        y += 20
        made.append(text(0.0, y, cut(ends[0], WIDTH, _SMALL), **MUTED))
    if len(given) > len(shown):
        y += 20
        earlier = f"and {len(given) - len(shown):,} earlier ones, in the table"
        made.append(text(0.0, y, earlier, **MUTED))
    return drawing(head, y + 6, *made)


def _told_apart(labels: Sequence[str]) -> list[str]:
    """Labels that fit; of long ones, such as names of files, first what they all share goes."""
    if len(labels) > 1 and max(width_of(label, _SMALL) for label in labels) > _MOST_LABEL:
        words = [_WORDS.findall(label) for label in labels]
        start = _shared(words)
        end = _shared([one[start:][::-1] for one in words])
        labels = [
            "".join(one[start : len(one) - end]) or label
            for one, label in zip(words, labels, strict=True)
        ]
    return [cut(label, _MOST_LABEL, _SMALL) for label in labels]


def _shared(words: Sequence[Sequence[str]]) -> int:
    """Number of words that all begin with."""
    columns = zip(*words, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda column: len(set(column)) == 1, columns))


def _at_left(scale: Scale, shown: Callable[[float], str]) -> float:
    """Width of the texts at the axis."""
    return max((width_of(shown(value), _SMALL) for value in scale.ticks()), default=0.0)


def _lines(
    scale: Scale, left: float, right: float, parity: float | None, shown: Callable[[float], str]
) -> Iterator[Safe | None]:
    """Round values with their lines, and the line at parity."""
    ticks = scale.ticks()
    grid = (f"M{point(left, scale.at(value))}H{coordinate(right)}" for value in ticks)
    yield path(grid, **stroke("grid"))
    labels = (text(left - _GAP, scale.at(value) + 4, shown(value)) for value in ticks)
    yield el("g", *labels, text_anchor="end", **MUTED)
    if parity is not None and scale.holds(parity):
        yield path(
            [f"M{point(left, scale.at(parity))}H{coordinate(right)}"],
            stroke="currentColor",
            stroke_width="1.5",
        )


def _band(
    limits: tuple[float, float] | None, scale: Scale, left: float, right: float
) -> list[Safe | None]:
    """Range that passes, and lines at its ends."""
    if limits is None or any(map(math.isnan, limits)):
        return []
    low, high = (scale.at(limit) for limit in limits)
    across = f"H{coordinate(right)}"
    area = f"M{point(left, high)}{across}V{coordinate(low)}H{coordinate(left)}z"
    ends = (f"M{point(left, scale.at(at))}{across}" for at in limits if scale.holds(at))
    return [path([area], **fill("band")), path(ends, **stroke("un", 1.5), stroke_dasharray="6 3")]


def _below(
    labels: Sequence[str], xs: Sequence[float], y: float, widest: float, step: float
) -> Iterator[Safe]:
    """Labels of the times, so few of them that they do not touch; the last is among them."""
    every = max(1, math.ceil((widest + _GAP) / step)) if len(xs) > 1 else 1
    last = len(labels) - 1
    for place, (label, x) in enumerate(zip(labels, xs, strict=True)):
        if (last - place) % every == 0:
            yield text(x, y, label)


def _joined(shown: Sequence[Moment], xs: Sequence[float], scale: Scale) -> Iterator[str]:
    """Line through the numbers, with a break where one is undefined."""
    pen = "M"
    for one, x in zip(shown, xs, strict=True):
        if math.isfinite(one.estimate):
            yield f"{pen}{point(x, scale.at(one.estimate))}"
            pen = "L"
        else:
            pen = "M"


def _whiskers(shown: Sequence[Moment], xs: Sequence[float], scale: Scale) -> Iterator[str]:
    """Intervals as far as they lie on the axis, and arrows to what lies beyond."""
    for one, x in zip(shown, xs, strict=True):
        known = not (math.isnan(one.low) or math.isnan(one.high))
        low, high = (one.low, one.high) if known else (one.estimate, one.estimate)
        if math.isnan(low):
            continue
        start, end = scale.at(low), scale.at(high)
        if start - end >= 0.05:
            yield f"M{point(x, start)}V{coordinate(end)}"
        if high > scale.high:
            yield f"M{point(x - 4, end + 5)}l4-5 4 5"
        if low < scale.low:
            yield f"M{point(x - 4, start - 5)}l4 5 4-5"
