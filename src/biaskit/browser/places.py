"""Places: files under the root that may be opened; no path and no link leads out of it."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from biaskit.browser.records import Listed
from biaskit.errors import BiaskitError, DataError
from biaskit.sources.files.endings import ARCHIVE, COMPRESSIONS, FORMATS
from biaskit.store import blocks, saved
from biaskit.store.addresses import PAGES

__all__ = ["NoPlaceError", "Place", "Root", "Stamp", "ending_of", "is_written_as_text"]

#: What changes when a file is written to, or another takes its place.
Stamp = tuple[int, int, int, int]

# Endings of texts that are CSV once it is said how they are written.
_TEXTS = (".txt", ".tab", ".dat", ".data")
_PLAIN = (*FORMATS, ".counts", ARCHIVE, *PAGES, *_TEXTS)
_PACKED = tuple(end for end, format_ in FORMATS.items() if format_ in ("csv", "jsonl", "json"))
# How much of a folder is looked through: files and folders, how deep, and what is listed.
_LOOKED_AT, _DEEP, _LISTED = 20_000, 6, 500
_OF_PROGRAMS = frozenset({"node_modules", "__pycache__", "site-packages"})
# Bytes at the start of a page, by which those of biaskit are known.
_HEAD = 4096
_MADE_BY_US = b'name="generator" content="biaskit'


class NoPlaceError(Exception):
    """There is no such file under the root."""


class Place(NamedTuple):
    """A file that may be opened, as it was when it was found."""

    path: Path
    #: What people read: the path from the root, or the name of an upload.
    name: str
    stamp: Stamp

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.stamp[2]

    def refuse_other(self, handle: int) -> None:
        """Refuse an open file that is not the one that was found.

        Raises
        ------
        DataError
            It is another file, or was written to since.
        """
        if _stamp(os.fstat(handle)) != self.stamp:
            raise self.changed()

    def refuse_changed(self) -> None:
        """Refuse the file if it was written to since it was found, or is gone.

        Raises
        ------
        DataError
            It has changed.
        """
        try:
            now = _stamp(self.path.lstat())
        except OSError:
            raise DataError(f"{self.name} is gone; choose a table that is there") from None
        if now != self.stamp:
            raise self.changed()

    def changed(self) -> DataError:
        """Error of a file that has changed."""
        return DataError(f"{self.name} has changed since it was opened; count it again")


def ending_of(name: str) -> str:
    """Ending of a name that a table, counts or a page may have; empty where it is no such name.

    >>> ending_of("Loans.CSV.gz"), ending_of("a.b.parquet"), ending_of("id_rsa"), ending_of(".csv")
    ('.csv.gz', '.parquet', '', '')
    """
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes[-2:]]
    if suffixes and suffixes[-1] in _PLAIN:
        return suffixes[-1]
    if len(suffixes) == 2 and suffixes[0] in _PACKED and suffixes[1] in COMPRESSIONS:
        return "".join(suffixes)
    return ""


class Root:
    """A folder, under which files may be opened.

    A place is named by its path from the root. Names that begin with a dot are never opened, nor
    files without a known ending. Links are followed as long as they stay under the root.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.path = Path(folder).resolve()
        if not self.path.is_dir():
            raise DataError(f"root: there is no folder {str(folder)!r}")

    def place(self, asked: str, is_named: Callable[[str], object] = ending_of) -> Place:
        """File of a path from the root, whose name `is_named` accepts: by default that of a table.

        Raises
        ------
        NoPlaceError
            There is none, or the path leads elsewhere, or to something that is no table.
        """
        inner = PurePosixPath(asked)
        if not _may_be_named(inner, is_named) or "\0" in asked:
            raise NoPlaceError(asked)
        try:
            real = (self.path / inner).resolve(strict=True)
            inside = real.relative_to(self.path)
            if not _may_be_named(PurePosixPath(inside.as_posix()), is_named):
                raise NoPlaceError(asked)
            stamp = self._stamp_beneath(inside.parts)
        except (OSError, ValueError, RuntimeError):  # the last for a circle of links
            raise NoPlaceError(asked) from None
        return Place(real, str(inner), stamp)

    def listed(self) -> tuple[list[Listed], bool]:
        """Tables under the root, and whether there are more than are listed.

        Texts of any ending are left out, though their places may be opened.
        """
        found: list[Listed] = []
        for inner in self.names():
            if (ending := ending_of(inner)) == "" or ending.endswith(_TEXTS):
                continue
            if len(found) == _LISTED:
                return found, True
            try:
                place = self.place(inner)
                kind = _kind_of(place)
            except (NoPlaceError, BiaskitError, OSError):
                continue
            if kind is not None:
                found.append(Listed(f"file:{inner}", inner, kind, place.size))
        return found, False

    def names(self) -> Iterator[str]:
        """Paths of files, those of a folder before those in its folders."""
        folders, looked_at = [(self.path, PurePosixPath())], 0
        while folders:
            folder, inner = folders.pop(0)
            try:
                with os.scandir(folder) as entries:
                    some = itertools.islice(entries, _LOOKED_AT - looked_at + 1)
                    here = sorted(some, key=lambda one: one.name)
            except OSError:
                continue
            for entry in here:
                looked_at += 1
                if looked_at > _LOOKED_AT:
                    return
                path = inner / entry.name
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if len(path.parts) < _DEEP and entry.name not in _OF_PROGRAMS:
                        folders.append((folder / entry.name, path))
                else:
                    yield str(path)

    def _stamp_beneath(self, parts: tuple[str, ...]) -> Stamp:
        """Stamp of a regular file, reached from the root without following any link.

        Between looking up a path and opening it, somebody may put a link into the way.
        """
        if os.open not in os.supports_dir_fd:  # Windows
            return _stamp((self.path.joinpath(*parts)).lstat())
        look = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(self.path, look | os.O_DIRECTORY)
        try:
            for at, part in enumerate(parts, 1):
                kind = os.O_DIRECTORY if at < len(parts) else 0
                inner = os.open(part, look | kind, dir_fd=handle)
                os.close(handle)
                handle = inner
            return _stamp(os.fstat(handle))
        finally:
            os.close(handle)


def is_written_as_text(path: Path) -> bool:
    """Whether a file is CSV of a name that says no format.

    >>> is_written_as_text(Path("adult.data")), is_written_as_text(Path("a.csv"))
    (True, False)
    """
    return path.suffix.lower() in _TEXTS


def _may_be_named(inner: PurePosixPath, is_named: Callable[[str], object]) -> bool:
    parts = inner.parts
    is_plain = bool(parts) and not inner.is_absolute()
    is_seen = not any(one.startswith(".") for one in parts)
    return is_plain and is_seen and bool(is_named(parts[-1]))


def _stamp(found: os.stat_result) -> Stamp:
    """Stamp of a regular file.

    Raises
    ------
    OSError
        It is something else, which may never end.
    """
    if not stat.S_ISREG(found.st_mode):
        raise OSError("not a regular file")
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _kind_of(place: Place) -> str | None:
    """Kind of a place, as it is listed; None for a page that is not biaskit's."""
    ending = ending_of(place.path.name)
    if ending in PAGES:
        with place.path.open("rb") as file:
            head = file.read(_HEAD)
        ours = _MADE_BY_US in head and blocks.NONE.encode() not in head
        return "counts" if ours else None
    if ending in (".parquet", ".pq", ".counts"):
        return "table" if saved.header(place.path) is None else "counts"
    return "table"
