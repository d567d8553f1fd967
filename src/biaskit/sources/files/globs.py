"""Globs of paths: ``*`` within a folder, ``**`` across folders, matched in bounded time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

__all__ = ["matcher"]

#: How many letters a step takes, and which.
_Step: TypeAlias = "tuple[int, re.Pattern[str]]"

# What repeats itself is one step, as it means the same.
_TOKENS = re.compile(r"(?:\*\*/)+|(?:\*\*)+(?!/)|\*|\?|\[!?\]?[^]]*\]|.", re.DOTALL)
_ANY = re.compile(".", re.DOTALL)
_IN_FOLDER = re.compile("[^/]", re.DOTALL)


def matcher(glob: str) -> Callable[[str], bool]:
    """Whether a path matches a glob, in time bounded by the product of their lengths.

    >>> matches = matcher("lake/**/part-*.parquet")
    >>> matches("lake/part-0.parquet"), matches("lake/a/b/part-1.parquet"), matches("lake/x.csv")
    (True, True, False)
    """
    steps = [_step(token) for token in _TOKENS.findall(glob)]

    def matches(path: str) -> bool:
        # The steps that the letters so far may have led to.
        at = _onward({0}, steps)
        for letter in path:
            inside, after = set[int](), set[int]()
            for place in at - {len(steps)}:
                kind, letters = steps[place]
                if not letters.match(letter):
                    continue
                if kind == _FOLDERS:
                    inside.add(place)
                if kind == _MANY:
                    after.add(place)
                elif kind == _ONE or letter == "/":
                    after.add(place + 1)
            at = _onward(after, steps) | inside
        return len(steps) in at

    return matches


#: One letter; any number of them; any number of whole folders.
_ONE, _MANY, _FOLDERS = range(3)


def _step(token: str) -> _Step:
    if token.startswith("**/"):
        return _FOLDERS, _ANY
    if token.startswith("*"):
        return _MANY, _IN_FOLDER if token == "*" else _ANY
    if token == "?":
        return _ONE, _IN_FOLDER
    if token[0] == "[" and len(token) > 1:
        inner = token[1:-1].replace("\\", "\\\\")
        return _ONE, re.compile(
            f"[{'^' + inner[1:] if inner.startswith('!') else inner}]", re.DOTALL
        )
    return _ONE, re.compile(re.escape(token))


def _onward(places: set[int], steps: Sequence[_Step]) -> set[int]:
    """Steps, and those after them that need no letter more to come to."""
    found = set(places)
    for place in places:
        at = place
        while at < len(steps) and steps[at][0] != _ONE:
            at += 1
            found.add(at)
    return found
