"""Reading: what the readers of all formats share, from the names of the formats to errors."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from biaskit.errors import BiaskitError, DataError, RolesError, listed
from biaskit.sources.files.dialect import Dialect, option
from biaskit.sources.files.endings import ARCHIVE, COMPRESSIONS, FORMATS
from biaskit.sources.files.places import File, RemoteFile, size_of
from biaskit.sources.files.streams import Stream
from biaskit.store.addresses import without_secrets

__all__ = [
    "ColumnPath",
    "Sizes",
    "format_of",
    "kernels_choice",
    "kernels_run",
    "readable",
]

# Names of files that hold counts, and of pages that carry them.
_OF_COUNTS = (".counts", ".html", ".htm")


class ColumnPath(NamedTuple):
    """How a column of a file is read, and why."""

    file: str
    column: str
    role: str
    #: Number of row groups read this way; 0 in a format without row groups.
    row_groups: int
    #: ``encoded``, or what decodes it: ``Arrow`` or ``json``.
    path: str
    why: str


def format_of(path: File, otherwise: str | None = None, dialect: Dialect | None = None) -> str:
    """Format of a file by its name: ``parquet``, ``csv``, ``jsonl``, ``json`` or ``excel``.

    The dialect may say otherwise. Where neither says, it is `otherwise`, or an error.
    """
    suffixes = (dialect or Dialect()).endings_of(path)
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    if last in _OF_COUNTS:
        raise DataError(
            f"{str(path)!r} is named as counts, which have no rows; name files of rows, or counts "
            "alone where they can stand (`biaskit merge` adds several)"
        )
    if last == ARCHIVE:
        raise DataError(
            f"{str(path)!r} is an archive behind a filesystem or in another archive; copy it to "
            "this machine, or unpack it"
        )
    if last not in FORMATS:
        if otherwise is not None:
            return otherwise
        if isinstance(path, Stream):
            raise DataError(
                f"{path} has no name that says its format; give input_format='csv', or another "
                f"of {listed([one[1:] for one in FORMATS])}"
            )
        raise DataError(
            f"{str(path)!r} has no known format; names end in {listed([*FORMATS])}, "
            f"the text formats also in {listed([*COMPRESSIONS])} after it; give "
            "input_format='csv' (or another), or for a CSV of another name say how it is "
            f"written, such as {option('delimiter', ',')}"
        )
    return FORMATS[last]


@contextlib.contextmanager
def readable(path: File, dialect: Dialect | None = None) -> Iterator[None]:
    """Errors of a reader, raised with the name of the file."""
    import pyarrow as pa

    try:
        yield
    except (BiaskitError, MemoryError):
        raise
    except Exception as error:
        is_far = isinstance(path, RemoteFile)
        told = (OSError, EOFError, ValueError, csv.Error, pa.ArrowException)
        if not (is_far or isinstance(error, told)):  # stores raise errors of their own
            raise
        is_there = not isinstance(path, Path) or path.exists()
        if is_there and size_of(path) == 0:
            raise DataError(f"{str(path)!r} is empty; it needs at least a header") from None
        address = [path.path] if isinstance(path, RemoteFile) else []
        said = str(error) or type(error).__name__  # a time limit often says nothing
        reason = " ".join(without_secrets(said, address).split())
        raise DataError(
            f"{str(path)!r} cannot be read as {format_of(path, 'csv', dialect)}: {reason[:300]}"
        ) from (None if is_far else error)  # a store's message may hold a signed address


class Sizes:
    """Sizes of files in bytes, which give the share read so far; those of streams are unknown."""

    def __init__(self, files: list[File]):
        sizes = {path: size_of(path) for path in files}
        self._is_known = None not in sizes.values()
        self._size = {path: size or 0 for path, size in sizes.items()}
        self._before = dict(
            zip(files, itertools.accumulate(self._size.values(), initial=0), strict=False)
        )
        #: Size of all files in bytes, as far as it is known.
        self.total = sum(self._size.values())

    def of(self, path: File) -> int:
        """Size of one file; 1 for one that is empty or unknown, since shares are taken of it."""
        return self._size[path] or 1

    def done(self, path: File, share: float) -> float | None:
        """Share of all bytes read so far, from the share of one file; None where it is unknown."""
        if not self._is_known:
            return None
        return (self._before[path] + min(1.0, share) * self._size[path]) / max(1, self.total)


def kernels_choice() -> str:
    """Value of ``BIASKIT_KERNELS``: ``auto``, ``always`` or ``never``.

    Raises
    ------
    RolesError
        It is something else.
    """
    choice = os.environ.get("BIASKIT_KERNELS", "auto")
    if choice not in {"auto", "always", "never"}:
        raise RolesError(f"BIASKIT_KERNELS is {choice!r}; set it to auto, always or never")
    return choice


def kernels_run() -> bool:
    """Whether the kernels run on this system."""
    return sys.byteorder == "little" and os.name == "posix"
