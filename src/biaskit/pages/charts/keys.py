"""Keys: what the marks of a drawing mean, in a line above it, or several."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from biaskit.pages.charts.drawing import WIDTH
from biaskit.pages.charts.texts import SIZE, cut, text, width_of
from biaskit.pages.markup import Safe
from biaskit.store.formats import printable, shortened

__all__ = ["key"]

_LINE, _ROOM, _GAP = 20.0, 19.0, 16.0


def key(
    entries: Iterable[tuple[str, Callable[[float, float], Safe | None]]], top: float = 0.0
) -> tuple[list[Safe | None], float]:
    """Marks with their names, and where the room below them begins.

    Parameters
    ----------
    entries
        Each a name and what draws its mark around a place.
    top
        Where they begin.
    """
    x, y = 0.0, top + 12
    made: list[Safe | None] = []
    for name, mark in entries:
        shown = cut(printable(shortened(name)), WIDTH / 2)
        wide = _ROOM + width_of(shown)
        if x and x + wide > WIDTH:
            x, y = 0.0, y + _LINE
        made += [mark(x + 8, y), text(x + _ROOM, y + SIZE * 0.35, shown)]
        x += wide + _GAP
    return made, y + 14
