"""Errors of the user's call or data. Every message says what is wrong, where, and what to do."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Any, ParamSpec, TypeVar

__all__ = [
    "BOUNDS",
    "BiaskitError",
    "DataError",
    "PointerError",
    "RolesError",
    "did_you_mean",
    "first_line",
    "in_short",
    "keywords_checked",
    "listed",
    "nearest",
    "refuse_level",
    "refuse_missing",
    "refuse_seed",
    "refuse_whole",
]

#: Way with rows of a missing facet: what they could do to a metric.
BOUNDS = "bounds"

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


class BiaskitError(ValueError):
    """An error that the caller can fix: the base of all errors that biaskit raises."""


class RolesError(BiaskitError):
    """The call is invalid: a role, value or cut does not fit the data or another role."""


class DataError(BiaskitError):
    """The data are invalid: a file, column or cell cannot be read as it should."""


class PointerError(DataError):
    """The data are a pointer to data that are kept elsewhere."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggestion to append to a message after a semicolon: the nearest known name, or all of them.

    >>> did_you_mean("gendr", ["gender", "age"])
    "did you mean 'gender'? There are 'gender', 'age'"
    >>> did_you_mean("income", ["gender", "age"])
    "there are 'gender', 'age'"
    """
    names = list(known)
    near = nearest(name, names)
    if near is None:
        return f"there are {listed(names)}" if names else "there are none"
    return f"did you mean {near!r}? There are {listed(names)}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelled one is most like, if any is.

    >>> nearest("gendr", ["gender", "age"]), nearest("income", ["gender", "age"])
    ('gender', None)
    """
    import difflib  # most calls are right, and need not wait for it

    lowered: dict[str, str] = {}
    for one in known:
        lowered.setdefault(one, one)
        lowered.setdefault(one.lower(), one)
    found = difflib.get_close_matches(name, lowered, n=1)
    found = found or [one for one in [name.lower()] if one in lowered]
    return lowered[found[0]] if found else None


def first_line(error: BaseException) -> str:
    """First line of another library's error message; its type, if the message is empty.

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


def in_short(value: object) -> str:
    """An argument, shortened for a message: never a whole table or column.

    >>> in_short("sex"), in_short([0.5] * 400), in_short(range(3))
    ("'sex'", 'a list of 400', 'a range of 3')
    """
    plain = isinstance(value, (str, bytes)) or not (
        isinstance(value, Sized) or hasattr(value, "__arrow_c_stream__")
    )
    if plain or (isinstance(value, (list, tuple, dict)) and len(repr(value)) <= 60):
        return _short(value)
    size = f" of {len(value):,}" if isinstance(value, Sized) else ""
    return f"a {type(value).__name__}{size}"


def refuse_level(confidence: Any) -> None:
    """Refuse an invalid level of intervals.

    Raises
    ------
    RolesError
        It is not a number between 0 and 1.
    """
    is_number = isinstance(confidence, numbers.Real) and not isinstance(confidence, bool)
    if not (is_number and 0 < confidence < 1):
        raise RolesError(
            f"confidence must be a number between 0 and 1, such as 0.95, not {in_short(confidence)}"
        )


def refuse_missing(missing: object) -> None:
    """Refuse a way with rows of a missing facet that does not exist.

    Raises
    ------
    RolesError
        It is neither `BOUNDS` nor None.
    """
    if missing not in (None, BOUNDS):
        raise RolesError(
            f'missing must be "{BOUNDS}", or None to leave out rows of a missing facet, not '
            f"{in_short(missing)}"
        )


def refuse_seed(seed: Any) -> None:
    """Refuse an invalid seed.

    Raises
    ------
    RolesError
        It is not an integer of 0 or more.
    """
    refuse_whole("seed", seed)


def refuse_whole(name: str, value: Any) -> None:
    """Refuse an argument that is not an integer of 0 or more.

    Raises
    ------
    RolesError
        It is something else.
    """
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (is_whole and value >= 0):
        raise RolesError(f"{name} must be an integer of 0 or more, not {in_short(value)}")


def keywords_checked(
    function: Callable[_Given, _Made], also: Iterable[str] = ()
) -> Callable[_Given, _Made]:
    """Decorator whose function, called with an unknown keyword, suggests the one that was meant.

    It knows the function's own keywords, and those in `also`.
    """
    code = function.__code__
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    known = (*own[: code.co_argcount], *also, *own[code.co_argcount :])

    @functools.wraps(function)
    def checked(*args: _Given.args, **given: _Given.kwargs) -> _Made:
        for name in given:
            if name not in known:
                raise RolesError(
                    f"{function.__name__} takes no {name!r}; {did_you_mean(name, known)}"
                )
        return function(*args, **given)

    return checked


def _short(item: object) -> str:
    text = repr(item)
    return text if len(text) <= 60 else f"{text[:57]}..."
