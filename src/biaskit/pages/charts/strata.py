"""Strata: the shares of two sides within each group of rows, and in all groups together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from biaskit.pages.charts.drawing import WIDTH, Head, drawing, fill, path, point, said, stroke
from biaskit.pages.charts.keys import key
from biaskit.pages.charts.rows import axis, rows
from biaskit.pages.charts.shares import ShareRow, shares_scale
from biaskit.pages.markup import Safe, coordinate
from biaskit.pages.numbers import percent, tick_percent, whole

__all__ = ["StratumRow", "strata"]

_MOST_ROWS = 30
_LEAST_RADIUS, _MOST_RADIUS = 3.0, 9.0


@dataclass(frozen=True, slots=True)
class StratumRow:
    """Shares within one group of rows.

    Parameters
    ----------
    label
        The group.
    d, a
        Shares of the facet value and of the others, from 0 to 1; NaN where there are no rows.
    n_d, n_a
        Numbers of their rows.
    """

    label: str
    d: float
    a: float
    n_d: float
    n_a: float


def strata(
    given: Sequence[StratumRow],
    *,
    head: Head,
    together: StratumRow,
    names: tuple[str, str],
) -> Safe:
    """SVG of two dots for each group, joined by a line, whose areas are numbers of rows.

    Of more than 30 groups the 29 largest are drawn, and the others as one.

    Parameters
    ----------
    given
        Groups from top to bottom.
    head
        Title and description.
    together
        All groups as one, drawn under a rule.
    names
        Names of the facet value, whose dots are filled, and of the others, whose dots are hollow.

    Examples
    --------
    >>> a, b = StratumRow("A", 0.82, 0.62, 108, 825), StratumRow("E", 0.24, 0.28, 393, 191)
    >>> drawn = strata(
    ...     [a, b],
    ...     head=Head("s", "Admitted, by department"),
    ...     together=StratumRow("all departments", 0.30, 0.45, 501, 1016),
    ...     names=("female", "male"),
    ... )
    >>> drawn.count("82.0 %")
    1
    """
    if not given:
        return said(head, "There are no groups to draw.")
    shown = [*_largest(given), together]
    marks = (
        lambda x, y: path(_circles([(x, y, 5.0)]), **fill("est")),
        lambda x, y: _rings([(x, y, 5.0)]),
    )
    made, top = key(zip(names, marks, strict=True))
    columns = [
        [percent(row.d, 1) for row in shown],
        [percent(row.a, 1) for row in shown],
        [whole(row.n_d + row.n_a) for row in shown],
    ]
    laid = rows([row.label for row in shown], columns, top=top, heads=(*names, "rows"), muted=(2,))
    both = [ShareRow("", share) for row in shown for share in (row.d, row.a)]
    scale = shares_scale(both).between(laid.left, laid.right)
    most = max((n for row in shown[:-1] for n in (row.n_d, row.n_a) if math.isfinite(n)), default=1)

    def radius(n: float) -> float:
        if not (math.isfinite(n) and n > 0 and most > 0):
            return _LEAST_RADIUS
        return min(max(_MOST_RADIUS * math.sqrt(n / most), _LEAST_RADIUS), _MOST_RADIUS)

    places = [*zip(shown, laid.middles, strict=True)]
    known = [
        (row, y, scale.at(row.d), scale.at(row.a))
        for row, y in places
        if scale.holds(row.d) and scale.holds(row.a)
    ]
    lines, y = axis(scale, laid.top, laid.bottom, tick_percent)
    under = (laid.middles[-2] + laid.middles[-1]) / 2
    rule = path([f"M0 {coordinate(under)}H{coordinate(WIDTH)}"], stroke="currentColor")
    hollow = [(scale.at(row.a), y, radius(row.n_a)) for row, y in places if scale.holds(row.a)]
    filled = [(scale.at(row.d), y, radius(row.n_d)) for row, y in places if scale.holds(row.d)]
    return drawing(
        head,
        y,
        *made,
        *lines,
        rule,
        path(
            (f"M{point(d, y)}H{coordinate(a)}" for _, y, d, a in known),
            **stroke("un", 2.0),
        ),
        _rings(hollow),
        path(_circles(filled), **fill("est")),
        *laid.texts,
    )


def _largest(given: Sequence[StratumRow]) -> list[StratumRow]:
    """The groups with most rows, in their order, and the others as one, if there are too many."""
    if len(given) <= _MOST_ROWS:
        return [*given]
    by_size = sorted(range(len(given)), key=lambda place: -(given[place].n_d + given[place].n_a))
    kept = sorted(by_size[: _MOST_ROWS - 1])
    others = [given[place] for place in sorted(by_size[_MOST_ROWS - 1 :])]
    n_d, n_a = sum(row.n_d for row in others), sum(row.n_a for row in others)
    d = _mean([(row.d, row.n_d) for row in others])
    a = _mean([(row.a, row.n_a) for row in others])
    rest = StratumRow(f"the {len(others):,} smaller ones together", d, a, n_d, n_a)
    return [*(given[place] for place in kept), rest]


def _mean(parts: Sequence[tuple[float, float]]) -> float:
    """Mean of shares over all of their rows."""
    known = [(share, n) for share, n in parts if n > 0 and not math.isnan(share)]
    total = sum(n for _, n in known)
    return sum(share * n for share, n in known) / total if total else math.nan


def _circles(places: Iterable[tuple[float, float, float]]) -> Iterable[str]:
    for x, y, radius in places:
        r, twice = coordinate(radius), coordinate(2 * radius)
        yield f"M{point(x - radius, y)}a{r} {r} 0 1 0 {twice} 0a{r} {r} 0 1 0-{twice} 0"


def _rings(places: Iterable[tuple[float, float, float]]) -> Safe | None:
    attributes = stroke("un", 2.0)
    return path(
        _circles(places), **{**attributes, "class_": f"{attributes['class_']} f-bg"}, fill="#ffffff"
    )
