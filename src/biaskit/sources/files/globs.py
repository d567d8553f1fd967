"""Globs of paths: ``*`` within a folder, ``**`` across folders, matched in bounded time."""

from __future__ import annotations

import glob
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

__all__ = ["matcher", "matches_here"]

#: Number of characters that a step matches, and which.
_Step: TypeAlias = "tuple[int, re.Pattern[str]]"

# Repeated stars are merged into one step, which means the same.
_TOKENS = re.compile(r"(?:\*\*/)+|(?:\*\*)+(?!/)|\*|\?|\[!?\]?[^]]*\]|.", re.DOTALL)
_ANY = re.compile(".", re.DOTALL)
_IN_FOLDER = re.compile("[^/]", re.DOTALL)


def matches_here(pattern: str, folder: str | os.PathLike[str] = "") -> list[str]:
    """Local files that a glob matches, each once; relative patterns start from `folder`.

    ``**`` follows links to folders too, but enters no folder twice, so that links in a circle end.
    """
    return list(dict.fromkeys(_matches(pattern, os.fspath(folder))))


def _matches(pattern: str, folder: str) -> Iterator[str]:
    parts = pattern.split("/")
    if "**" not in parts:
        yield from _plain_matches(pattern, folder)
        return
    at = parts.index("**")
    after = parts[at + 1 :]
    while after[:1] == ["**"]:
        del after[0]
    start = "/".join(parts[:at]) or ("/" if at else "")
    for above in _plain_matches(start, folder) if glob.has_magic(start) else [start]:
        for name in _folders_in(above, folder):
            rest = "/".join(after) if after else "*"
            yield from _matches(_joined(glob.escape(name), rest), folder)


def _plain_matches(pattern: str, folder: str) -> list[str]:
    return glob.glob(pattern, root_dir=folder or None)  # noqa: PTH207


def _folders_in(top: str, folder: str) -> Iterator[str]:
    """A folder and those in it that are not hidden, links after what they point at."""
    if not Path(folder, top).is_dir():
        return
    waiting = deque([top])
    entered = set[tuple[int, int, frozenset[str]]]()
    while waiting:
        name = waiting.popleft()
        path = Path(folder, name)
        there = path.stat()
        # What folders' names say of their rows (day=1) belongs to what a folder is.
        said = frozenset(part for part in name.split("/") if "=" in part)
        if (there.st_dev, there.st_ino, said) in entered:
            continue
        entered.add((there.st_dev, there.st_ino, said))
        yield name
        with os.scandir(path) as entries:
            inner = [one for one in entries if not one.name.startswith(".") and one.is_dir()]
        inner.sort(key=lambda one: (one.is_symlink(), one.name))
        waiting.extend(_joined(name, one.name) for one in inner)


def _joined(folder: str, name: str) -> str:
    """Path of what is in a folder; the empty one is where relative paths start."""
    return os.path.join(folder, name)  # noqa: PTH118 - paths lose what globs are made of


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
