"""Turns: files opened one after the other, those far away ahead of their turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Protocol, TypeVar

from biaskit.errors import DataError
from biaskit.sources.files.ahead import in_order
from biaskit.sources.files.places import File, RemoteFile
from biaskit.sources.files.ranges import Fetcher

__all__ = ["opened_in_turn"]

# Files far away that are opened before they are read, each by a thread of its own.
_OPENED = 16


class _Open(Protocol):
    @property
    def path(self) -> File: ...

    @property
    def is_closed(self) -> bool: ...

    def close(self) -> None: ...


_OpenFile = TypeVar("_OpenFile", bound=_Open)


@contextmanager
def opened_in_turn(
    paths: Sequence[File], open_one: Callable[[File, Fetcher], _OpenFile]
) -> Iterator[Iterator[_OpenFile]]:
    """Open files one after the other, each open until it is closed or all is over.

    Of files far away some are opened ahead, and the same fetcher gets the bytes of all.

    Raises
    ------
    DataError
        A file of this machine is not what it was when it was opened: old rows and new ones may mix.
    """
    still_open: list[_OpenFile] = []
    stamps: dict[File, tuple[int, ...]] = {}

    def open_stamped(path: File, fetcher: Fetcher) -> _OpenFile:
        stamps[path] = _stamp(path)
        return open_one(path, fetcher)

    def refuse_changed(files: Iterable[_OpenFile]) -> None:
        for file in files:
            if _stamp(file.path) != stamps.pop(file.path):
                raise DataError(f"{file.path} changed while it was read; count it when it is whole")

    def kept(files: Iterable[_OpenFile]) -> Iterator[_OpenFile]:
        for file in files:
            refuse_changed(one for one in still_open if one.is_closed)
            still_open[:] = [one for one in still_open if not one.is_closed]
            still_open.append(file)
            yield file

    is_far = len(paths) > 1 and any(isinstance(path, RemoteFile) for path in paths)
    with closing(Fetcher()) as fetcher:
        opening = in_order(
            lambda path: open_stamped(path, fetcher), paths, _OPENED if is_far else 1, _OPENED
        )
        with closing(opening) as files:
            try:
                yield kept(files)
                refuse_changed(still_open)
            finally:
                for file in still_open:
                    file.close()


def _stamp(path: File) -> tuple[int, ...]:
    """What changes when a local file is written to, or another takes its place."""
    if isinstance(path, RemoteFile):  # to ask again would take a request
        return ()
    try:
        there = path.stat()
    except OSError:  # it is gone, and whoever opens it says so
        return ()
    return there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns
