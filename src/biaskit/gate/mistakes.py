"""Mistakes: all that is wrong with a data set of a configuration, to be mended at once."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from biaskit.errors import BiaskitError, RolesError

__all__ = ["Mistakes", "MistakesError", "lines_of_keys", "texts_in"]

_DATA_SET = re.compile(r"\s*\[\[\s*(tool\s*\.\s*biaskit\s*\.\s*)?data\s*\]\]")
_INSIDE = re.compile(r"\s*\[\[?\s*(tool\s*\.\s*biaskit\s*\.\s*)?data\s*\.\s*(?P<key>\w+)\s*\]")
_KEY = re.compile(r"""\s*("(?P<double>[^"\\]+)"|'(?P<single>[^']+)'|(?P<bare>[\w-]+))\s*[=.]""")


class MistakesError(RolesError):
    """Mistakes of one data set, each an error of its own."""

    def __init__(self, errors: Sequence[BiaskitError], keys: Sequence[str] = ()):
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)
        self.keys = tuple(keys)


class Mistakes:
    """Errors of several checks, each with the key of a configuration that it is about.

    >>> mistakes = Mistakes()
    >>> with mistakes.about("seed"):
    ...     raise RolesError("seed must be an integer")
    >>> with mistakes.about("labell"):
    ...     raise RolesError("no key 'labell'")
    >>> mistakes.refuse_any()
    Traceback (most recent call last):
    biaskit.gate.mistakes.MistakesError: seed must be an integer; no key 'labell'
    """

    def __init__(self) -> None:
        self._found: list[tuple[str, BiaskitError]] = []

    @contextlib.contextmanager
    def about(self, key: str) -> Iterator[None]:
        """Keep an error of the check that follows, which is about this key."""
        try:
            yield
        except BiaskitError as error:
            self._found.append((key, error))

    def refuse_any(self) -> None:
        """Raise what was found, if anything.

        Raises
        ------
        MistakesError
            There is at least one.
        """
        if self._found:
            keys, errors = zip(*self._found, strict=True)
            raise MistakesError(errors, keys) from errors[0]


def lines_of_keys(text: str) -> dict[tuple[int, str], int]:
    r"""Lines of the keys of each data set in a TOML file, by the data set's number and the key.

    A number of 0 is before the first. Where texts go over lines, which keys could stand in, there
    are none.

    >>> lines_of_keys('strict = true\n[[data]]\nname = "a"\n[[data]]\nname = "b"\n')
    {(0, 'strict'): 1, (1, 'name'): 3, (2, 'name'): 5}
    """
    found: dict[tuple[int, str], int] = {}
    if '"""' in text or "'''" in text:
        return found
    number = 0
    for at, line in enumerate(text.splitlines(), 1):
        if _DATA_SET.match(line):
            number += 1
        elif inside := _INSIDE.match(line):
            found.setdefault((number, inside["key"]), at)
        elif key := _KEY.match(line):
            found.setdefault((number, key["double"] or key["single"] or key["bare"]), at)
    return found


def texts_in(value: Any) -> Iterator[str]:
    """Texts in a value of TOML, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from texts_in(one)
