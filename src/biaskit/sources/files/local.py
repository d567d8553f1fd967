"""Local files, opened once for all their readers, and pointers in place of data."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from biaskit.errors import PointerError

__all__ = ["LocalBytes", "refuse_dvc", "refuse_pointer", "refuse_small_pointers"]

_POINTERS = {
    b"version https://git-lfs.github.com/spec/": ("Git-LFS", "git lfs pull"),
    b"/annex/objects/": ("git-annex", "git annex get"),
}
# Bytes by which a pointer is known, and bytes that a pointer has at most.
_START = 64
_SMALL = 1 << 10


class LocalBytes:
    """Bytes of a local file, which Arrow opens once for all its readers.

    Any number of threads may read. They read the file that was opened, even if another has its name
    by then.

    Raises
    ------
    OSError
        The file cannot be opened.
    """

    def __init__(self, path: Path):
        import pyarrow as pa

        self.path = path
        self._stamp = _stamp(path)
        try:
            self._file = pa.OSFile(os.fsencode(path))
        except OSError as error:
            if error.errno is None:
                raise
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
        self.size = int(self._file.size())
        #: The file as `pyarrow.parquet.ParquetFile` has it, where its footer was read already.
        self.parquet: Any = None

    @property
    def handle(self) -> int:
        """Descriptor of the open file."""
        return int(self._file.fileno())

    @property
    def has_changed(self) -> bool:
        """Whether the file was written to, or another has its name, since it was opened."""
        return _stamp(self.path) != self._stamp

    def source(self, *, once: bool = False) -> Any:
        """What Arrow reads the file from, from any place or `once`, from the start to the end."""
        if once:
            self._file.seek(0)
        return self._file

    def beginning(self) -> Any:
        """Stream of the bytes from the start, with its own position."""
        return self._file.get_stream(0, self.size)

    def read(self, start: int, length: int) -> Any:
        """Up to `length` bytes, fewer at the end of the file."""
        return self._file.read_at(length, start)

    def read_into(self, start: int, place: memoryview) -> int:
        """How many bytes were read, of as many as the place has."""
        return int(self._file.get_stream(start, len(place)).readinto(place))

    def forget(self, group: int) -> None:
        """Nothing: no bytes are kept."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file is written to, or another takes its place."""
    try:
        there = path.stat()
    except OSError:  # it is gone, and opening it says so
        return ()
    return there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns


def refuse_pointer(data: LocalBytes) -> None:
    """Refuse a small text file that a version control system has left in place of the data.

    Raises
    ------
    PointerError
        The data are still to be fetched; the message says how.
    """
    start = bytes(data.read(0, _START))
    for begins, (system, fetch) in _POINTERS.items():
        if start.startswith(begins):
            raise PointerError(
                f"{str(data.path)!r} is a pointer of {system}, not the data; fetch them: `{fetch}`"
            )


def refuse_small_pointers(paths: Iterable[Path]) -> None:
    """Refuse pointers among files before any file is counted; larger files are not opened.

    Raises
    ------
    PointerError
        The data of a file are still to be fetched; the message says how.
    """
    for path in paths:
        try:
            if path.stat().st_size > _SMALL:
                continue
            data = LocalBytes(path)
        except OSError:
            continue  # its reader raises the error
        refuse_pointer(data)
        data.close()


def refuse_dvc(pointers: Iterable[str]) -> None:
    """Refuse DVC's pointers by their names, where such files exist.

    Raises
    ------
    PointerError
        The data are still to be fetched; the message says how.
    """
    for text in pointers:
        if Path(text).is_file():
            raise PointerError(
                f"{text!r} is a pointer of DVC, and the data are not there; fetch them: `dvc pull`"
            )
