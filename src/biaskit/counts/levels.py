"""Levels: the values on an axis of a table; their types, order, display and saved form.

A level is a boolean, a number, a text, an `Interval` of a column that was cut, a tuple of those (an
intersection of columns), or `MISSING`. A tuple may have `MISSING` in it: a report takes it as
missing, a search among slices looks inside. Whole floats are kept as integers, so that a column of
codes gives the same level whether its reader made integers or floats of it. A decimal becomes the
integer or the float of the same text; it stays a decimal where it has more digits than a float.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from biaskit.errors import DataError

__all__ = [
    "ABSENT",
    "MAX_TEXT",
    "MISSING",
    "Interval",
    "Level",
    "bins",
    "find",
    "from_json",
    "is_missing",
    "kind",
    "level",
    "order",
    "show",
    "to_json",
    "typed",
]

MISSING = None
#: Most bytes of a text that is counted; longer ones are documents, not groups of people.
MAX_TEXT = 1 << 16
#: The only level of an axis without a column.
ABSENT = "*"

# Most characters of a number in a text, which keeps parsing fast.
_MOST_DIGITS = 400
# Most digits of Arrow's decimal types.
_DIGITS = Context(prec=76)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|-?inf|nan", re.IGNORECASE)
_BOOLEAN = {"true": True, "false": False}


@dataclass(frozen=True, order=True)
class Interval:
    """The numbers above `low` up to and including `high`.

    >>> show(Interval(25, 40))
    '(25, 40]'
    >>> show(Interval(float("-inf"), 25)), show(Interval(65, float("inf")))
    ('<=25', '>65')
    """

    low: float
    high: float


Level: TypeAlias = "bool | int | float | Decimal | str | Interval | tuple[Any, ...] | None"


def bins(edges: Sequence[float]) -> tuple[Interval, ...]:
    """Intervals into which ascending edges cut the line; one more than there are edges."""
    inner = [*edges]
    return tuple(
        Interval(low, high)
        for low, high in zip([-math.inf, *inner], [*inner, math.inf], strict=True)
    )


def level(value: Any) -> Level:
    """Level that a value of a column stands for.

    >>> level(2.0), level(float("nan")), level("F")
    (2, None, 'F')

    Raises
    ------
    DataError
        The value is not a plain value, but a list or a record.
    """
    # Most values are plain Python numbers.
    if type(value) is float:
        return _number(value)
    if type(value) is int:
        return value
    match value:
        case None | bool() | Interval():
            return value
        case str():
            return _text(value)
        case tuple():
            parts = tuple(level(part) for part in value)
            return MISSING if any(part is MISSING for part in parts) else parts
        case bytes():
            return value.decode("utf-8", "backslashreplace")
    if hasattr(value, "item") and not isinstance(value, numbers.Number):
        return level(value.item())
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, numbers.Number) and hasattr(value, "__float__"):
        return _number(float(value))
    if type(value).__name__ in {"NAType", "NaTType"}:
        return MISSING
    if hasattr(value, "isoformat") or type(value).__name__ in {"timedelta", "UUID"}:
        return str(value)
    raise DataError(
        f"a value of type {type(value).__name__} cannot be counted; "
        "give a column of texts, numbers or booleans"
    )


def _number(value: float) -> Level:
    if math.isnan(value):
        return MISSING
    return int(value) if value.is_integer() else value


def _decimal(value: Decimal) -> Level:
    if not value.is_finite():
        return MISSING if value.is_nan() else float(value)
    if abs(value.adjusted()) > _MOST_DIGITS:
        raise DataError(f"a decimal of about {value:.2e} is out of the range that can be counted")
    if value == value.to_integral_value():
        return int(value)
    return number if Decimal(repr(number := float(value))) == value else value.normalize(_DIGITS)


def _text(value: str) -> str:
    """A text with unpaired surrogates escaped, since no file can hold them."""
    plain = str(value)
    if plain.isascii():
        return plain
    return plain.encode("utf-8", "backslashreplace").decode()


def is_missing(a: Level) -> bool:
    """Whether a level, or a part of it, is missing: its rows are on no side of a comparison.

    >>> is_missing(None), is_missing(("F", None)), is_missing(("F", 2))
    (True, True, False)
    """
    return a is MISSING or (isinstance(a, tuple) and any(part is MISSING for part in a))


def kind(a: Level) -> str:
    """Kind of a level: values of different kinds never share an axis."""
    match a:
        case None:
            return "missing"
        case bool():
            return "boolean"
        case int() | float() | Decimal():
            return "number"
        case Interval():
            return "interval"
        case tuple():
            return "tuple"
    return "text"


def order(a: Level) -> tuple[Any, ...]:
    """Sort key of the canonical order: by kind, then by value, missing levels last."""
    if isinstance(a, tuple):
        return (int(is_missing(a)), "tuple", tuple(map(_order_of_part, a)))
    return (2, "") if a is MISSING else (0, kind(a), a)


@lru_cache(maxsize=1 << 13, typed=True)
def _order_of_part(a: Level) -> tuple[Any, ...]:
    """Sort key of a part of an intersection, of which a few make many combinations."""
    return order(a)


def show(a: Level) -> str:
    """Text by which a report names a level.

    >>> show(True), show(1), show(0.5), show(("F", 2)), show(None)
    ('True', '1', '0.5', 'F & 2', '(missing)')
    """
    match a:
        case None:
            return "(missing)"
        case Interval(low, high):
            if low == -math.inf:
                return f"<={show(level(high))}"
            if high == math.inf:
                return f">{show(level(low))}"
            return f"({show(level(low))}, {show(level(high))}]"
        case tuple():
            return " & ".join(show(part) for part in a)
    return str(a)


def find(wanted: Any, levels: Iterable[Level]) -> Level:
    """Level that a caller means, by value or, as on a command line, by its text.

    >>> find("False", [False, True]), find(1.0, [0, 1])
    (False, 1)

    Raises
    ------
    LookupError
        No level has this value or this text.
    """
    value = level(wanted)
    known = [a for a in levels if not is_missing(a)]
    for a in known:
        if a == value and kind(a) == kind(value):
            return a
    for a in known:
        if show(a) == show(value):
            return a
    raise LookupError(wanted)


def typed(texts: Sequence[str | None]) -> tuple[Level, ...]:
    """Levels of a column of texts in a file: numbers or booleans if all of them can be read so.

    A text with a leading zero or a sign in front is a code, not a number, and stays.

    >>> typed(["1", "0", None]), typed(["007", "8"]), typed(["true", "False"])
    ((1, 0, None), ('007', '8'), (True, False))
    """
    if any(text is not None and len(text) > _MOST_DIGITS for text in texts):
        return tuple(texts)
    known = [text for text in texts if text is not None]
    if known and all(text.lower() in _BOOLEAN for text in known):
        return tuple(None if t is None else _BOOLEAN[t.lower()] for t in texts)
    if known and all(_is_number(text) for text in known):
        return tuple(None if t is None else _parsed(t) for t in texts)
    return tuple(texts)


def _is_number(text: str) -> bool:
    """Whether a text is a number in the range of floats; others would all become infinity."""
    if not _NUMBER.fullmatch(text):
        return False
    return math.isfinite(float(text)) or text.lstrip("-")[0] in "iInN"


def _parsed(text: str) -> Level:
    return int(text) if text.lstrip("-").isdigit() else _number(float(text))


def to_json(a: Level) -> Any:
    """JSON value that stands for a level in a counts file."""
    match a:
        case Interval(low, high):
            return {"above": to_json(low), "up_to": to_json(high)}
        case tuple():
            parts = [to_json(part) for part in a]
            return {"partly": parts} if is_missing(a) else parts
        case float() if not math.isfinite(a):
            return {"float": str(a)}
        case Decimal():
            return {"decimal": str(a)}
    return a


def from_json(value: Any) -> Level:
    """Level that a JSON value stands for; the inverse of `to_json`.

    Raises
    ------
    ValueError
        The value is not one that `to_json` makes.
    """
    match value:
        case {"above": low, "up_to": high, **rest} if not rest:
            ends = [from_json(low), from_json(high)]
            numbers_ = [float(end) for end in ends if isinstance(end, (int, float))]
            if [kind(end) for end in ends] == ["number", "number"]:
                return Interval(*numbers_)
        case {"float": ("inf" | "-inf") as text, **rest} if not rest:
            return float(text)
        case {"decimal": str(text), **rest} if not rest and _NUMBER.fullmatch(text):
            return _decimal(Decimal(text))
        case {"partly": list(parts), **rest} if not rest and None in parts:
            return tuple(from_json(part) for part in parts)
        case list() if None not in value:
            return tuple(from_json(part) for part in value)
        case str() if not value.isascii() and _text(value) != value:
            raise ValueError(f"{value!r} has an unpaired surrogate")
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return _number(value)
    raise ValueError(f"{value!r} is not a level")
