"""Errors of the user's call or data. Every message says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = [
    "BiaskitError",
    "DataError",
    "PointerError",
    "RolesError",
    "did_you_mean",
    "first_line",
    "listed",
]


class BiaskitError(ValueError):
    """Anything that the caller can put right: the base of all errors that biaskit raises."""


class RolesError(BiaskitError):
    """The call is wrong: a role, a value or a cut that does not fit the data or another role."""


class DataError(BiaskitError):
    """The data are wrong: a file, a column or a cell that cannot be read as what it should be."""


class PointerError(DataError):
    """What should be data is a pointer to data that are kept elsewhere."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggestion to append to a message: the nearest known name, or all of them.

    >>> did_you_mean("gendr", ["gender", "age"])
    "did you mean 'gender'? There are 'gender', 'age'"
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if not near:
        lowered = {n.lower(): n for n in reversed(names)}
        near = [lowered[name.lower()]] if name.lower() in lowered else []
    there = f"There are {listed(names)}" if names else "There are none"
    return f"did you mean {near[0]!r}? {there}" if near else there


def first_line(error: BaseException) -> str:
    """First line of what another library's error says; its type, if it says nothing.

    >>> first_line(ValueError(" no such tree")), first_line(KeyError())
    ('no such tree', 'KeyError')
    """
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)


def listed(items: Sequence[object], most: int = 12) -> str:
    """Enumeration for a message, cut after `most` items so that a message stays a line.

    >>> listed(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(_short(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"


def _short(item: object) -> str:
    text = repr(item)
    return text if len(text) <= 60 else f"{text[:57]}..."
