"""Streams: what can be read only once, from the start to the end: standard input, pipes, files."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from biaskit.errors import DataError

__all__ = [
    "STANDARD_INPUT",
    "FullReads",
    "Stream",
    "StreamBytes",
    "Tailed",
    "is_open_file",
    "reads_once",
]

# Last bytes of a stream that are kept.
_TAIL = 1 << 12
#: Paths that mean standard input.
STANDARD_INPUT = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


class FullReads(io.RawIOBase):
    """Stream whose `read` gives as many bytes as are asked for, unless it ends.

    A pipe gives few bytes at a time, and Arrow takes what it gets for a block.
    """

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes, fewer at the end; all where no number is given."""
        if size is None or size < 0:
            return self.readall()
        made = memoryview(bytearray(size))
        length = 0
        while length < size and (more := self.readinto(made[length:])):
            length += more
        return bytes(made[:length])


@dataclass(frozen=True)
class Stream:
    """A file that is read once: its name for people, and how it is opened."""

    shown: str
    open: Callable[[], FullReads] = field(repr=False)
    #: What is equal for two names of one stream.
    key: Any = None

    def __str__(self) -> str:
        return self.shown

    @property
    def suffixes(self) -> list[str]:
        """Suffixes of the name."""
        return PurePath(self.shown).suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the path, none of which is a folder that says something of the rows."""
        return (self.shown,)

    @classmethod
    def standard_input(cls) -> Stream:
        """Standard input.

        Raises
        ------
        DataError
            It is closed, or a terminal, where nobody knows that rows are waited for.
        """
        given = sys.stdin
        if given is None or given.closed:
            raise DataError("standard input is closed; pipe rows into it, or name a file")
        if given.isatty():
            raise DataError(
                "standard input is a terminal, so there are no rows to read; pipe them into the "
                "command, such as `cat rows.csv | biaskit report - --input-format csv ...`"
            )
        try:
            descriptor = given.fileno()
        except (OSError, ValueError):  # a program has put something else in its place
            return cls("standard input", lambda: _Opened(getattr(given, "buffer", given)), "-")
        return cls("standard input", lambda: _Descriptor(descriptor, is_own=False), "-")

    @classmethod
    def of_pipe(cls, path: Path) -> Stream:
        """A named pipe, which is opened when its rows are read."""
        there = path.stat()
        key = (there.st_dev, there.st_ino)
        return cls(str(path), lambda: _Descriptor(os.open(path, os.O_RDONLY), is_own=True), key)

    @classmethod
    def of_file(cls, file: Any) -> Stream:
        """An open file of Python, read from where it stands; it is not closed."""
        name = getattr(file, "name", None)
        shown = name if isinstance(name, str) and name else f"the {type(file).__name__}"
        return cls(shown, lambda: _Opened(file), id(file))


def is_open_file(data: Any) -> bool:
    """Whether data are an open file of Python, or what reads like one."""
    inner = getattr(data, "file", None)  # what `tempfile` makes has its file there
    return (
        isinstance(data, io.IOBase) or hasattr(type(data), "read") or isinstance(inner, io.IOBase)
    )


def reads_once(data: Any) -> bool:
    """Whether a path or an open file can be read only once."""
    if isinstance(data, (str, os.PathLike)):
        return os.fspath(data) in STANDARD_INPUT or Path(data).is_fifo()
    return isinstance(data, Stream) or is_open_file(data)


class StreamBytes:
    """Bytes of a stream. What is looked at before the rows are read is kept until then."""

    has_changed = False

    def __init__(self, file: Stream):
        self.path = file
        self._from = file.open()
        self._seen = bytearray()
        self._is_given = False

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes near the start."""
        if len(self._seen) < start + length:
            self._seen += self._from.read(start + length - len(self._seen))
        return bytes(memoryview(self._seen)[start : start + length])

    def beginning(self) -> FullReads:
        """Stream of the bytes from the start, which may be read again; before `source` only."""
        assert not self._is_given
        return _Looked(self.read)

    def source(self, *, once: bool = True) -> FullReads:
        """Stream of all bytes, which can be read once."""
        self._is_given = True
        seen, self._seen = self._seen, bytearray()
        return _Rest(seen, self._from)

    def close(self) -> None:
        """Close the stream, and wake whoever waits for its bytes."""
        self._from.close()


class _Looked(FullReads):
    """Bytes from the start of a stream, which stay there for the next reader."""

    def __init__(self, seen: Callable[[int, int], bytes]):
        self._seen = seen
        self._at = 0

    def readinto(self, place: Any, /) -> int:
        found = self._seen(self._at, len(place))
        place[: len(found)] = found
        self._at += len(found)
        return len(found)


class _Rest(FullReads):
    """Bytes that were looked at before, and all that follow."""

    def __init__(self, seen: bytearray, rest: FullReads):
        self._seen = memoryview(seen)
        self._rest = rest
        self._at = 0

    def tell(self) -> int:
        return self._at

    def readinto(self, place: Any, /) -> int:
        length = min(len(self._seen), len(place))
        if length:
            place[:length] = self._seen[:length]
            self._seen = self._seen[length:]
        else:
            length = self._rest.readinto(place) or 0
        self._at += length
        return length

    def close(self) -> None:
        self._rest.close()
        super().close()


class Tailed(FullReads):
    """A stream that keeps its last bytes, since it cannot be read again."""

    def __init__(self, stream: Any):
        self._stream = stream
        self._tail = b""

    def closes(self, value: str) -> bool:
        """Whether the last value, which has several lines, is closed: no doubled mark closes it.

        Where the value is nothing but marks and ends of lines, the one that opens it might be taken
        for the one that closes it.
        """
        text = self._tail.rstrip(b"\r\n")
        is_odd = (len(text) - len(text.rstrip(b'"'))) % 2 == 1
        return is_odd and bool(value.rstrip("\r\n").strip('"'))

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes, fewer at the end."""
        found: bytes = self._stream.read(size)
        self._tail = (self._tail + found[-_TAIL:])[-_TAIL:]
        return found

    def readinto(self, place: Any, /) -> int:
        """Bytes for a place, fewer at the end; their number."""
        found = self.read(len(place))
        place[: len(found)] = found
        return len(found)


class _Descriptor(FullReads):
    """Bytes of a file descriptor; closing it ends a wait for them in another thread."""

    def __init__(self, descriptor: int, *, is_own: bool):
        self._descriptor = descriptor
        self._is_own = is_own
        self._wakes: tuple[int, int] | None = os.pipe() if os.name == "posix" else None
        if os.isatty(descriptor):
            self.close()
            raise DataError("a terminal has no rows to read; name a file, or pipe rows")

    def readinto(self, place: Any, /) -> int:
        if self._wakes is not None:
            import select

            waiting = select.poll()
            for one in (self._descriptor, self._wakes[0]):
                waiting.register(one, select.POLLIN)
            if any(one == self._wakes[0] for one, _ in waiting.poll()):
                raise OSError("the stream is no longer being read")
            return os.readv(self._descriptor, [place])
        found = os.read(self._descriptor, len(place))
        place[: len(found)] = found
        return len(found)

    def close(self) -> None:
        if not self.closed and self._wakes is not None:
            os.close(self._wakes[1])  # whoever waits sees its end
        super().close()

    def __del__(self) -> None:
        """Release the descriptors, once nobody reads any more."""
        self.close()
        if self._wakes is not None:
            os.close(self._wakes[0])
        if self._is_own:
            os.close(self._descriptor)


class _Opened(FullReads):
    """Bytes of an open file of Python."""

    def __init__(self, file: Any):
        self._file = file

    def readinto(self, place: Any, /) -> int:
        found = self._file.read(len(place))
        if not isinstance(found, (bytes, bytearray, memoryview)):
            raise DataError(
                "the open file gives no bytes; open it in binary mode, such as open(path, 'rb')"
            )
        place[: len(found)] = found
        return len(found)
