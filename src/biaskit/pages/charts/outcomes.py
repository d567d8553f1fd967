"""Outcomes: right and wrong predictions of each facet value, in four parts and by two questions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from biaskit.pages.charts.drawing import MUTED, WIDTH, Head, drawing, fill, point, said
from biaskit.pages.charts.keys import key
from biaskit.pages.charts.rows import Rows, more, rows
from biaskit.pages.charts.shares import ShareRow, share_panel, shares_scale
from biaskit.pages.charts.texts import BOLD, SIZE, cut, text, width_of
from biaskit.pages.markup import Safe, coordinate, el
from biaskit.pages.numbers import percent, whole

__all__ = ["OutcomeRow", "outcomes"]

_MOST_ROWS = 12
_COLOURS = ("est", "fn", "bad", "un")
_HALF, _SMALL, _GAP = 9.0, 12.0, 18.0
# A part is labelled where the label has some room at both sides.
_ROOM = 8.0


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """Predictions for one facet value.

    Parameters
    ----------
    label
        The value.
    parts
        Numbers of rows with a positive label that were predicted positive and negative (found and
        missed), then of the others (wrongly and rightly).
    found
        Share of those with a positive label that were found: estimate, low, high.
    wrongly
        Share of the others that were predicted positive: estimate, low, high.
    """

    label: str
    parts: tuple[float, float, float, float]
    found: tuple[float, float, float]
    wrongly: tuple[float, float, float]


def outcomes(
    given: Sequence[OutcomeRow],
    *,
    head: Head,
    names: tuple[str, str, str, str],
    questions: tuple[str, str],
) -> Safe:
    """SVG of predictions: all rows in four parts, then the two shares that the parts answer.

    Parameters
    ----------
    given
        Rows from top to bottom; after 12 a line says how many more there are.
    head
        Title and description.
    names
        Names of the four parts, such as "repaid, and expected to".
    questions
        What is drawn of those with a positive label, and of the others.

    Examples
    --------
    >>> row = OutcomeRow("female", (50, 10, 20, 20), (0.83, 0.72, 0.91), (0.5, 0.35, 0.65))
    >>> drawn = outcomes(
    ...     [row],
    ...     head=Head("o", "Right and wrong"),
    ...     names=("found", "missed", "wrongly", "rightly"),
    ...     questions=("Found, of those with the label", "Wrongly, of the others"),
    ... )
    >>> drawn.count("<rect"), drawn.count("<path") > 4
    (4, True)
    """
    if not given:
        return said(head, "There are no predictions to draw.")
    shown = given[:_MOST_ROWS]
    made, y = key((name, _swatch(colour)) for name, colour in zip(names, _COLOURS, strict=True))
    totals = [sum(part for part in row.parts if _is_drawn(part)) for row in shown]
    laid = rows(
        [row.label for row in shown],
        [[f"{whole(total)} rows" for total in totals]],
        top=y,
    )
    made += [*_bars(shown, totals, laid), *laid.texts]
    y = laid.bottom
    found = [ShareRow(row.label, *row.found, n=row.parts[0] + row.parts[1]) for row in shown]
    wrongly = [ShareRow(row.label, *row.wrongly, n=row.parts[2] + row.parts[3]) for row in shown]
    scale = shares_scale([*found, *wrongly])
    for question, answers in zip(questions, (found, wrongly), strict=True):
        y += _GAP
        made.append(text(0.0, y + SIZE, cut(question, WIDTH / BOLD), font_weight="bold"))
        panel, y = share_panel(answers, y + SIZE + 2, None, "", scale)
        made += panel
    left_out = more(len(given) - len(shown), y)
    return drawing(head, y + 20 * len(left_out), *made, *left_out)


def _is_drawn(part: float) -> bool:
    return math.isfinite(part) and part > 0


def _swatch(colour: str) -> Callable[[float, float], Safe | None]:
    """What draws a square of a colour."""
    return lambda x, y: el("rect", x=x - 8, y=y - 6, width=12, height=12, **fill(colour))


def _bars(shown: Sequence[OutcomeRow], totals: Sequence[float], laid: Rows) -> Iterator[Safe]:
    """Bars of 100 %, each part labelled where its label fits; all bars of a colour are one path."""
    labels = []
    bars: dict[str, list[str]] = {colour: [] for colour in _COLOURS}
    for row, total, y in zip(shown, totals, laid.middles, strict=True):
        x = laid.left
        for part, colour in zip(row.parts, _COLOURS, strict=True):
            if not (_is_drawn(part) and math.isfinite(total)):
                continue
            wide = (laid.right - laid.left) * (part / total)
            if wide >= 1.2:  # a unit of it is the gap to the next
                across = f"h{coordinate(wide - 1)}v{2 * _HALF:g}H{coordinate(x)}z"
                bars[colour].append(f"M{point(x, y - _HALF)}{across}")
            label = percent(part / total)
            if width_of(label, _SMALL) + _ROOM <= wide:
                labels.append(text(x + (wide - 1) / 2, y + 4, label))
            x += wide
    for colour, parts in bars.items():
        if parts:
            yield el("path", d=Safe("".join(parts)), **fill(colour))
    yield el(
        "g",
        *labels,
        text_anchor="middle",
        **{**MUTED, **fill("bg")},
    )
