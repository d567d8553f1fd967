"""Ranges: the bytes of a remote file, fetched ahead of their use.

Each needed byte is fetched once, whatever decodes it: adjacent ranges in one request, long ones in
several, with a bounded number of requests at a time.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from biaskit.sources.files.ahead import Daemons
from biaskit.sources.files.local import LocalBytes
from biaskit.sources.files.places import RemoteFile, fsspec_of, opened

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Bytes", "Extent", "Fetcher", "RemoteBytes"]

#: Start of some bytes in a file, and their number.
Extent: TypeAlias = "tuple[int, int]"

# Bytes of a file's end, or its start, that are fetched first: few footers or headers are longer.
_FIRST = 1 << 16
# A smaller file is fetched whole: a second request takes longer than the saved bytes.
_WHOLE = 1 << 20
# Ranges with a gap between them are merged into a request of at most this length; longer ranges are
# split.
_LONGEST = 1 << 23
# Such a gap has at most this share of the bytes before it.
_HOLE = 1 / 8
_REQUESTS = 16
# Most bytes that are requested before those that have arrived are released.
_AHEAD = 1 << 26
# Seconds without any answer after which a store is given up.
_PATIENCE = 120


class _Range:
    """Some bytes of a remote file that are fetched in one request."""

    def __init__(self, start: int, end: int, fetch: Callable[[int, int], Any]):
        self.start = start
        self.end = end
        self.fetch = fetch
        #: Numbers of the unfinished row groups that need it.
        self.groups: set[int] = set()
        self.future: Future[Any] | None = None
        self.is_over = False

    @property
    def length(self) -> int:
        return self.end - self.start


class Fetcher:
    """Requests for ranges of remote files: several at a time, and bounded bytes ahead of their use.

    Bytes that are needed immediately are requested immediately, regardless of the bound.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Range] = deque()
        self._held = 0
        self._lock = threading.Lock()
        self._requests = Daemons(_REQUESTS)
        self._asked: set[Future[Any]] = set()
        self._answers = 0
        self._is_closed = False

    def queue(self, ranges: Iterable[_Range]) -> None:
        """Queue requests for ranges."""
        with self._lock:
            self._waiting.extend(ranges)
            self._go_on()

    def content(self, wanted: _Range) -> Any:
        """Bytes of a queued range, once they have arrived."""
        with self._lock:
            if wanted.future is None:
                self._ask(wanted)
            future = wanted.future
        assert future is not None
        return self._answer(future)

    def fetch(self, ask: Callable[[], Any]) -> Any:
        """Answer to a request that is sent immediately.

        Raises
        ------
        OSError
            The store has not answered anything for `_PATIENCE` seconds.
        """
        with self._lock:
            future = self._submit(ask)
        return self._answer(future)

    def forget(self, ranges: Iterable[_Range]) -> None:
        """Release ranges that are no longer needed."""
        with self._lock:
            for one in ranges:
                if one.future is not None and not one.is_over:
                    one.future.cancel()
                    self._held -= one.length
                one.is_over, one.future = True, None
            self._go_on()

    def close(self) -> None:
        """Cancel pending requests and wake whoever waits for them."""
        with self._lock:
            self._waiting.clear()
            self._is_closed = True
            asked = [*self._asked]
        if not asked:
            return  # as for local files, which no thread reads
        from concurrent.futures import InvalidStateError

        for future in asked:
            if not future.cancel():
                with suppress(InvalidStateError):
                    future.set_exception(OSError("the file is no longer being read"))

    def _go_on(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            if first.future is None and not first.is_over:
                if self._held and self._held + first.length > _AHEAD:
                    return
                self._ask(first)
            self._waiting.popleft()

    def _ask(self, wanted: _Range) -> None:
        self._held += wanted.length
        wanted.future = self._submit(lambda: wanted.fetch(wanted.start, wanted.length))

    def _submit(self, ask: Callable[[], Any]) -> Future[Any]:
        if self._is_closed:
            raise OSError("the file is no longer being read")
        future = self._requests.submit(ask)
        self._asked.add(future)
        future.add_done_callback(self._note)
        return future

    def _note(self, future: Future[Any]) -> None:
        self._asked.discard(future)
        self._answers += 1

    def _answer(self, future: Future[Any]) -> Any:
        """Answer to a request; gives up once no answers arrive at all."""
        from concurrent.futures import wait

        while True:
            before = self._answers
            done, _ = wait([future], timeout=_PATIENCE)
            if done:
                return future.result()
            if self._answers == before:
                raise OSError(
                    f"the store has not answered for {_PATIENCE:,} seconds; check the store and "
                    "the network, then try again"
                )


class RemoteBytes:
    """Bytes of a file on a filesystem; planned ranges are fetched before they are read.

    Any number of threads may read.

    Raises
    ------
    OSError
        The filesystem does not deliver the requested bytes.
    """

    def __init__(self, file: RemoteFile, fetcher: Fetcher, *, from_start: bool = False):
        self.size = file.size
        self._file = file
        self._fetcher = fetcher
        self._handle: Any = None
        self._ask = self._requests()
        length = min(self.size, _FIRST if self.size > _WHOLE else self.size)
        #: The piece that is fetched first and kept: the end of the file or its start.
        self._first = self._fetched(0 if from_start else self.size - length, length)
        self._ranges = [self._first]
        self._starts = [self._first.start]
        self._needed: dict[int, list[_Range]] = {}

    @property
    def is_whole(self) -> bool:
        """Whether the whole file has been fetched."""
        return self._first.length == self.size

    @property
    def has_changed(self) -> bool:
        """Whether the file is known to have changed, without a request to the store."""
        return False

    @property
    def handle(self) -> Any:
        """Arrow's own handle of the file, which caches nothing."""
        if self._handle is None:
            self._handle = opened(self._file)
        return self._handle

    def ahead(self) -> Any:
        """File for Arrow to read from when it merges ranges itself: its own handle.

        A filesystem of fsspec may stall, so its bytes are requested here, with a time limit.
        """
        return self.handle if fsspec_of(self._file.filesystem) is None else self.source()

    def source(self, *, once: bool = False) -> Any:
        """File for Arrow to read from: fetched bytes, and requests for the rest.

        A stream that is read `once`, front to back, releases the pieces that are done with.
        """
        import pyarrow as pa

        if self.is_whole:
            return pa.BufferReader(pa.py_buffer(self.read(0, self.size)))
        return pa.PythonFile(_Stream(self, once), mode="r")

    def beginning(self) -> Any:
        """Stream of the bytes from the start, with its own position."""
        return self.source()

    def read(self, start: int, length: int) -> Any:
        """Up to `length` bytes, fewer at the end of the file."""
        end = min(start + length, self.size)
        if end <= start:
            return memoryview(b"")
        parts = self._parts(start, end)
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))

    def read_into(self, start: int, place: memoryview) -> int:
        """How many bytes were read, of as many as the place has."""
        found = self.read(start, len(place))
        place[: len(found)] = found
        return len(found)

    def plan(self, groups: Sequence[Iterable[Extent]]) -> None:
        """Fetch the bytes that each row group needs, in that order, unless already fetched."""
        first = self._first
        made: list[_Range] = []
        for group, extents in enumerate(groups):
            for start, length in sorted(extents):
                end = start + length
                if start < first.start:
                    _add(made, group, start, min(end, first.start), self._fetch)
                if end > first.end:
                    _add(made, group, max(start, first.end), end, self._fetch)
        self._ranges = sorted([first, *made], key=lambda one: one.start)
        self._starts = [one.start for one in self._ranges]
        for one in made:
            for group in one.groups:
                self._needed.setdefault(group, []).append(one)
        self._fetcher.queue(made)

    def plan_all(self) -> None:
        """Fetch the whole file from the start."""
        starts = range(0, self.size, _LONGEST)
        self.plan([[(start, min(_LONGEST, self.size - start))] for start in starts])

    def forget(self, group: int) -> None:
        """Release the bytes that only this row group needed."""
        needed = self._needed.pop(group, [])
        for one in needed:
            one.groups.discard(group)
        self._fetcher.forget(one for one in needed if not one.groups)

    def close(self) -> None:
        """Release the file."""
        self._fetcher.forget(one for one in self._ranges if one is not self._first)
        if self._handle is not None:
            self._handle.close()

    def _parts(self, start: int, end: int) -> list[memoryview]:
        """Some bytes, in the pieces that were fetched; unplanned ones are requested now."""
        return [
            memoryview(self._fetcher.content(one))[at - one.start : to - one.start]
            for one, at, to in self._covering(start, end)
        ] or [memoryview(self._fetcher.fetch(lambda: self._fetch(start, end - start)))]

    def _fetched(self, start: int, length: int) -> _Range:
        """Range whose bytes are already here."""
        from concurrent.futures import Future

        made = _Range(start, start + length, self._fetch)
        made.future = Future()
        made.future.set_result(self._fetcher.fetch(lambda: self._fetch(start, length)))
        return made

    def _covering(self, start: int, end: int) -> list[tuple[_Range, int, int]]:
        """Ranges that hold some bytes, with the bytes of each; empty where any byte is missing."""
        number = bisect_right(self._starts, start) - 1
        found: list[tuple[_Range, int, int]] = []
        while 0 <= number < len(self._ranges) and start < end:
            one = self._ranges[number]
            if one.is_over or not one.start <= start < one.end:
                return []
            found.append((one, start, min(end, one.end)))
            start, number = one.end, number + 1
        return found if start >= end else []

    def _requests(self) -> Callable[[int, int], Any]:
        """Read some bytes from the filesystem, from any thread."""
        own = fsspec_of(self._file.filesystem)
        if own is None:
            handle = self.handle
            return lambda start, length: handle.read_at(length, start)
        # A file of fsspec has a single position, and reads ahead bytes that are not needed.
        path = self._file.path
        return lambda start, length: own.cat_file(path, start=start, end=start + length)

    def _fetch(self, start: int, length: int) -> Any:
        try:
            found = self._ask(start, length) if length else b""
        except (OSError, MemoryError):
            raise
        except Exception as error:  # filesystems of fsspec raise their libraries' own errors
            raise OSError(f"{type(error).__name__}: {error}") from error
        if not isinstance(found, (bytes, bytearray, memoryview)):
            raise OSError(f"the filesystem gave a {type(found).__name__}, not bytes")
        if len(found) != length:
            raise OSError(
                f"{length:,} bytes from {start:,} on were requested, and {len(found):,} came; "
                "was the file replaced while it was being read?"
            )
        return found


Bytes: TypeAlias = LocalBytes | RemoteBytes


class _Stream:
    """Bytes of a remote file as a Python file object, which Arrow reads one range at a time."""

    closed = False

    def __init__(self, data: RemoteBytes, once: bool):
        self._data = data
        self._once = once
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._data.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, length: int = -1) -> bytes:
        return bytes(self._read(length))

    def read_buffer(self, length: int = -1) -> Any:
        import pyarrow as pa

        return pa.py_buffer(self._read(length))

    def close(self) -> None:
        self.closed = True

    def _read(self, length: int) -> Any:
        found = self._data.read(self._at, self._data.size if length < 0 else length)
        if self._once:
            for group in range(self._at // _LONGEST, (self._at + len(found)) // _LONGEST):
                self._data.forget(group)
        self._at += len(found)
        return found


def _add(
    made: list[_Range], group: int, start: int, end: int, fetch: Callable[[int, int], Any]
) -> None:
    """Add bytes that a row group needs: to the last range if it is near, else as new ranges."""
    last = made[-1] if made else None
    if (
        last is not None
        and last.start <= start <= last.end + _HOLE * last.length
        and end - last.start <= _LONGEST
    ):
        last.end = max(last.end, end)
        last.groups.add(group)
        return
    parts = max(1, round((end - start) / _LONGEST))
    bounds = [start + (end - start) * i // parts for i in range(parts + 1)]
    for one, other in pairwise(bounds):
        made.append(_Range(one, other, fetch))
        made[-1].groups.add(group)
