"""Archives: the files of rows in a local .zip, read where they lie; nothing is unpacked to disk."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from biaskit.errors import DataError, listed
from biaskit.sources.files.endings import IN_FOLDERS, is_data
from biaskit.sources.files.local import LocalBytes
from biaskit.sources.files.streams import FullReads

if TYPE_CHECKING:
    import zipfile

__all__ = ["Bounded", "Member", "MemberBytes", "members_of"]

# Most bytes of an archive's table of contents, about 200,000 files.
_TABLE = 1 << 24
# Stored, deflated, bzip2: the others may take any amount of memory.
_METHODS = (0, 8, 12)
_ENCRYPTED = 1


@dataclass(frozen=True)
class Member:
    """A file in an archive: the archive, and its path there."""

    archive: Path
    inner: str
    size: int
    #: Checksum of its bytes, as the archive says it.
    checksum: int
    held: zipfile.ZipFile = field(compare=False, repr=False)
    data: LocalBytes = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.archive}/{self.inner}"

    @property
    def suffixes(self) -> list[str]:
        """Suffixes of the name."""
        return PurePosixPath(self.inner).suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the path, those of the archive's folders first."""
        return (*self.archive.parts[:-1], *PurePosixPath(self.inner).parts)


class MemberBytes:
    """Bytes of a file in an archive, which can be read from the start any number of times."""

    def __init__(self, member: Member):
        self.path = member
        self._start = b""

    @property
    def has_changed(self) -> bool:
        """Whether the archive was written to since it was opened."""
        return self.path.data.has_changed

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes near the start."""
        if len(self._start) < start + length:
            self._start = self.beginning().read(start + length)
        return self._start[start : start + length]

    def beginning(self) -> FullReads:
        """Stream of the bytes from the start."""
        return _Plain(self.path)

    def source(self, *, once: bool = True) -> FullReads:
        """Stream of the bytes from the start."""
        return self.beginning()

    def close(self) -> None:
        """Nothing: the archive is closed when none of its files is needed any more."""


class _Plain(FullReads):
    """Plain bytes of a file in an archive, no more than the archive says that it has."""

    def __init__(self, member: Member):
        self._at = 0
        with _damage_told():
            self._from = member.held.open(member.inner)

    def tell(self) -> int:
        return self._at

    def readinto(self, place: Any, /) -> int:
        with _damage_told():
            found = self._from.read(len(place))
        place[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        self._from.close()
        super().close()


@contextmanager
def _damage_told() -> Iterator[None]:
    """Errors of an archive as those of a file that cannot be read."""
    import zipfile
    import zlib

    try:
        yield
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise OSError(f"the archive is damaged: {error}") from error


class Bounded(io.RawIOBase):
    """An archive's bytes, of which no part is read that is too long to be held."""

    def __init__(self, file: Any, size: int):
        self._file = file
        self._size = size

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read from any place."""
        return True

    def tell(self) -> int:
        """Place of the next byte."""
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        start = {0: 0, 1: self.tell(), 2: self._size}[whence]
        if start + offset < 0:
            raise OSError("that is before the start")  # as any other file says it
        return int(self._file.seek(start + offset))

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to as many bytes.

        Raises
        ------
        DataError
            They are too many.
        """
        left = max(0, self._size - self.tell())
        size = left if size is None or size < 0 else min(size, left)
        if size > _TABLE:
            raise DataError(f"its table of contents has more than {_TABLE >> 20} MB")
        found: bytes = self._file.read(size)
        return found


def members_of(path: Path) -> list[Member]:
    """Files of rows in an archive, sorted by their names; the only file, whatever its name.

    Raises
    ------
    DataError
        It is not an archive, has no file of rows, or one that is encrypted.
    """
    import zipfile

    try:
        data = LocalBytes(path)
        held = zipfile.ZipFile(Bounded(data.source(), data.size))
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, DataError, ValueError, NotImplementedError) as error:
        raise DataError(f"{str(path)!r} cannot be read as an archive: {error}") from error
    files = [one for one in held.infolist() if not one.is_dir()]
    chosen = [one for one in files if is_data(PurePosixPath(one.filename))]
    chosen = chosen or (files if len(files) == 1 else [])
    if not chosen:
        raise DataError(f"archive {str(path)!r} has no file ending in {listed([*IN_FOLDERS])}")
    for one in chosen:
        _refuse_unreadable(one, f"{str(path)!r}: {one.filename!r}")
    (name, times), *_ = Counter(one.filename for one in chosen).most_common(1)
    if times > 1:
        raise DataError(f"{str(path)!r} has {times:,} files {name!r}; make the archive again")
    return sorted(
        (Member(path, one.filename, one.file_size, one.CRC, held, data) for one in chosen),
        key=lambda one: one.inner,
    )


def _refuse_unreadable(one: zipfile.ZipInfo, what: str) -> None:
    if one.flag_bits & _ENCRYPTED:
        raise DataError(f"{what} is encrypted; unpack it with its password")
    if one.compress_type not in _METHODS:
        raise DataError(f"{what} is compressed in a way that is not read here; unpack it")
