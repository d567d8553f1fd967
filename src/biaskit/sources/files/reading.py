"""Reading: what the readers of all formats share, from the names of the formats to errors."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

from biaskit.errors import BiaskitError, DataError, RolesError, listed
from biaskit.sources.files.dialect import option
from biaskit.sources.files.places import File, RemoteFile, size_of
from biaskit.store.addresses import without_secrets

__all__ = [
    "COMPRESSIONS",
    "FORMATS",
    "IN_FOLDERS",
    "ColumnPath",
    "Sizes",
    "format_of",
    "kernels_choice",
    "kernels_run",
    "readable",
]

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}
#: Endings of the files that a folder stands for: a JSON document beside others may describe them,
#: so it is named by itself.
IN_FOLDERS = tuple(ending for ending, format_ in FORMATS.items() if format_ != "json")
# Names of files that hold counts, and of pages that carry them.
_OF_COUNTS = (".counts", ".html", ".htm")
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


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


def format_of(path: File, otherwise: str | None = None) -> str:
    """Format of a file by its name: ``parquet``, ``csv``, ``jsonl`` or ``json``.

    Where its name does not say, it is `otherwise`, or an error.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    if suffixes and suffixes[-1] in _OF_COUNTS:
        raise DataError(
            f"{str(path)!r} is named as counts, which have no rows; name files of rows, or counts "
            "alone where they can stand (`biaskit merge` adds several)"
        )
    if not suffixes or suffixes[-1] not in FORMATS:
        if otherwise is not None:
            return otherwise
        raise DataError(
            f"{str(path)!r} has no known format; names end in {listed([*FORMATS])}, "
            f"the text formats also in {listed([*COMPRESSIONS])} after it; for a CSV of another "
            f"name say how it is written, such as {option('delimiter', ',')}"
        )
    return FORMATS[suffixes[-1]]


@contextlib.contextmanager
def readable(path: File) -> Iterator[None]:
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
        if (isinstance(path, RemoteFile) or path.exists()) and size_of(path) == 0:
            raise DataError(f"{str(path)!r} is empty; it needs at least a header") from None
        address = [path.path] if isinstance(path, RemoteFile) else []
        said = str(error) or type(error).__name__  # a time limit often says nothing
        reason = " ".join(without_secrets(said, address).split())
        raise DataError(
            f"{str(path)!r} cannot be read as {format_of(path, 'csv')}: {reason[:300]}"
        ) from (None if is_far else error)  # a store's message may hold a signed address


class Sizes:
    """Sizes of files in bytes, which give the share read so far."""

    def __init__(self, files: list[File]):
        self._size = {path: size_of(path) for path in files}
        self._before = dict(
            zip(files, itertools.accumulate(self._size.values(), initial=0), strict=False)
        )
        #: Size of all files in bytes.
        self.total = sum(self._size.values())

    def of(self, path: File) -> int:
        """Size of one file."""
        return self._size[path]

    def done(self, path: File, share: float) -> float:
        """Share of all bytes read so far, from the share of one file."""
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
