"""Archives: the files of a ``model.tar.gz``, read in memory, whatever the archive claims to hold.

An archive may be crafted: nothing is taken but regular files within it, and what it may grow to is
bounded while it is read. Nothing is unpacked to the disk.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from biaskit.errors import DataError
from biaskit.store.addresses import said

__all__ = ["archived", "is_archive", "visible", "zipped"]

_SUFFIXES = (".tar.gz", ".tgz", ".tar")
_MOST_BYTES = 2 << 30
_MOST_MEMBERS = 10_000
_PIECE = 1 << 20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError)


def is_archive(model: object) -> bool:
    """Whether a model is named that is a tar, as SageMaker keeps models.

    >>> is_archive("model.tar.gz"), is_archive("model.json")
    (True, False)
    """
    return isinstance(model, (str, Path)) and str(model).lower().endswith(_SUFFIXES)


def archived(path: Path, most: int = _MOST_BYTES) -> dict[str, bytes]:
    """Content of each regular file of a tar, compressed or not, by its path within it.

    Raises
    ------
    DataError
        It cannot be read, holds anything but files and folders, leads out of itself, or is larger
        than `most` bytes once it is unpacked.
    """
    if not path.is_file():
        raise DataError(f"there is no model file {said(path)}")
    try:
        with path.open("rb") as file, _Bounded(_unpacked(file), most, said(path)) as stream:
            return _files_of(stream, said(path))
    except _DAMAGE as error:
        if isinstance(error, DataError):
            raise
        reason = str(error) or type(error).__name__
        raise DataError(f"{said(path)} is no whole tar of a model: {reason}") from error


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    is_packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if is_packed else file  # type: ignore[return-value]


class _Bounded(io.RawIOBase):
    """A stream of which no more than a number of bytes is read."""

    def __init__(self, stream: IO[bytes], most: int, where: str):
        self._stream = stream
        self._most = self._left = most
        self._where = where

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Next bytes."""
        wanted = min(_PIECE if size < 0 else size, self._left + 1)
        found = self._stream.read(wanted)
        self._left -= len(found)
        if self._left < 0:
            raise DataError(
                f"{self._where} unpacks to more than {self._most:,} bytes, too much for a model"
            )
        return found


def _files_of(stream: io.RawIOBase, where: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    # Read once from its start to its end, so that no place in it can be named twice.
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for number, member in enumerate(tar, 1):
            if number > _MOST_MEMBERS:
                raise DataError(f"{where} has more than {_MOST_MEMBERS:,} files; is it a model?")
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts or "\\" in member.name:
                raise DataError(f"{where} has the file {member.name!r}, which leads out of it")
            if member.isdir():
                continue
            content = tar.extractfile(member) if member.isreg() and not member.issparse() else None
            if content is None:
                raise DataError(
                    f"{where}: {member.name!r} is a link, a device or the like, and a model has "
                    "files only; pack the files themselves"
                )
            found[str(name)] = content.read()
    return found


def visible(files: Mapping[str, bytes]) -> list[str]:
    """Files at the top of an archive whose names do not begin with a dot, in order."""
    return sorted(name for name in files if "/" not in name and not name.startswith("."))


def zipped(content: bytes, where: str, most: int = _MOST_BYTES) -> dict[str, bytes]:
    """Content of each file of a zip, by its path within it.

    Raises
    ------
    DataError
        It cannot be read, or is larger than `most` bytes once it is unpacked.
    """
    made: dict[str, bytes] = {}
    left = most
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = file.infolist()
            if len(members) > _MOST_MEMBERS:
                raise DataError(f"{where} has more than {_MOST_MEMBERS:,} files; is it a model?")
            for member in members:
                with file.open(member) as packed:
                    made[member.filename] = packed.read(left + 1)
                left -= len(made[member.filename])
                if left < 0:
                    raise DataError(
                        f"{where} unpacks to more than {most:,} bytes, too much for a model"
                    )
    except (*_DAMAGE, RuntimeError, NotImplementedError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where} is no whole zip: {str(error) or type(error).__name__}") from error
    return made
