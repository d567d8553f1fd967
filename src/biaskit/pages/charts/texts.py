"""Texts in a drawing: how wide they are, and how they fit where there is little room."""

from __future__ import annotations

import functools
import unicodedata

from biaskit.pages.markup import Safe, el
from biaskit.store.formats import printable, shortened

__all__ = ["BOLD", "SIZE", "block", "cut", "text", "width_of", "wrapped"]

# Height of letters in a drawing; smaller texts say their own.
SIZE = 13.0
# Width of bold letters in widths of others.
BOLD = 1.12
# Widths of characters in heights of letters, in a wide face: DejaVu Sans, which is wider than
# those that most systems have, so that what fits here fits there.
_WIDTHS = {
    **dict.fromkeys(" iIlJj.,:;'|/\\·", 0.34),
    **dict.fromkeys("()[]ft!-r‘’", 0.41),
    **dict.fromkeys('csz?_*–"“”', 0.56),
    **dict.fromkeys("ABCDGHKNOQRUVXZ&", 0.79),
    **dict.fromkeys("w#+<>=~−×≤≥∞←→", 0.84),
    **dict.fromkeys("mMW@%…—", 1.0),
}
_LATIN, _GREEK_OR_CYRILLIC, _WIDE, _PICTURE, _UNKNOWN = 0.65, 0.9, 1.05, 1.4, 1.0
_ELLIPSIS = "…"


def width_of(shown: str, size: float = SIZE) -> float:
    """Width of a text at most, in units of the drawing."""
    return size * sum(map(_width, shown))


@functools.lru_cache(4096)
def _width(char: str) -> float:
    known = _WIDTHS.get(char)
    if known is not None:
        return known
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0.0
    if char < "\u0370":
        return _LATIN
    if char < "\u0590":
        return _GREEK_OR_CYRILLIC
    if char >= "\U0001f000":
        return _PICTURE
    if unicodedata.east_asian_width(char) in "WF":
        return _WIDE
    return _UNKNOWN * len(unicodedata.normalize("NFKC", char))  # a sign may stand for a sentence


def cut(shown: str, width: float, size: float = SIZE) -> str:
    """As much of a text as fits into a width, with an ellipsis where something is missing."""
    if width_of(shown, size) <= width + 0.01:  # a width that was made of it may be less by a bit
        return shown
    left = width - width_of(_ELLIPSIS, size)
    end = _fitting(shown, left, size)
    return shown[:end].rstrip() + _ELLIPSIS


def _fitting(shown: str, width: float, size: float) -> int:
    """Number of characters from the start of a text that fit into a width."""
    for place, char in enumerate(shown):
        width -= size * _width(char)
        if width < 0:
            return place
    return len(shown)


def wrapped(label: str, width: float, most: int = 2, size: float = SIZE) -> list[str]:
    """Label as lines of a width, `most` of them, the last with an ellipsis if that is not all."""
    rest = printable(shortened(label))
    found: list[str] = []
    while rest and len(found) < most - 1 and width_of(rest, size) > width:
        end = max(1, _fitting(rest, width, size))
        gap = max(rest.rfind(" ", 1, end + 1), rest.rfind("-", 1, end) + 1)
        end = gap if gap > end / 3 else end
        found.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*found, cut(rest, width, size)]


def text(
    x: float, y: float, shown: object, *, anchor: str | None = None, **attributes: object
) -> Safe:
    """Text whose base line starts, ends or has its middle at a place, in whole units."""
    return el("text", shown, x=round(x), y=round(y), text_anchor=anchor, **attributes)


def block(x: float, y: float, label: str, shown: list[str], **attributes: object) -> Safe:
    """Lines of a label, their middle at `y`; a pointer shows the whole where some is missing."""
    step = round(SIZE + 2)
    x, top = round(x), round(y - step * (len(shown) - 1) / 2 + SIZE * 0.35)
    inside: list[Safe] = []
    if "".join(shown).replace(" ", "") != printable(shortened(label)).replace(" ", ""):
        inside.append(el("title", label))
    if len(shown) == 1:
        return el("text", *inside, shown[0], x=x, y=top, **attributes)
    parts = (el("tspan", line, x=x, y=top + step * place) for place, line in enumerate(shown))
    return el("text", *inside, *parts, **attributes)
