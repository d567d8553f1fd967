"""Turns: files opened one after another, remote ones in advance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Protocol, TypeAlias, TypeVar

from biaskit.errors import DataError
from biaskit.sources.files.ahead import in_order
from biaskit.sources.files.archives import Member, MemberBytes
from biaskit.sources.files.local import LocalBytes, refuse_pointer
from biaskit.sources.files.places import File, RemoteFile, seekable
from biaskit.sources.files.ranges import Bytes, Fetcher, RemoteBytes
from biaskit.sources.files.streams import Stream, StreamBytes

__all__ = ["Known", "Readable", "looked_into", "open_bytes", "open_text", "opened_in_turn"]

#: Files that are already open; the next reader of a file removes it from here.
Known: TypeAlias = "dict[File, LocalBytes | StreamBytes]"
#: Bytes that can be read from the start to the end.
Readable: TypeAlias = "Bytes | MemberBytes | StreamBytes"

# Number of remote files opened in advance, each in its own thread.
_OPENED = 16


class _Open(Protocol):
    @property
    def path(self) -> File: ...

    @property
    def data(self) -> Readable: ...

    @property
    def is_closed(self) -> bool: ...

    def close(self) -> None: ...


_OpenFile = TypeVar("_OpenFile", bound=_Open)


def open_bytes(file: File, known: Known, fetcher: Fetcher, *, from_start: bool = False) -> Bytes:
    """Bytes of a file; the end of a remote one is fetched first, or its start.

    Raises
    ------
    DataError
        The file is a stream, or in an archive: it has no end that can be read first.
    OSError
        The file cannot be opened.
    PointerError
        It is a pointer of a version control system.
    """
    place = seekable(file)
    if isinstance(place, RemoteFile):
        return RemoteBytes(place, fetcher, from_start=from_start)
    data = known.pop(place, None)
    if not isinstance(data, LocalBytes):
        data = LocalBytes(place)
    refuse_pointer(data)
    return data


def open_text(file: File, known: Known, fetcher: Fetcher) -> Readable:
    """Bytes of a file that is read from the start to the end; errors are those of `open_bytes`."""
    if isinstance(file, Member):
        return MemberBytes(file)
    if isinstance(file, Stream):
        data = known.pop(file, None)
        return data if isinstance(data, StreamBytes) else StreamBytes(file)
    return open_bytes(file, known, fetcher, from_start=True)


@contextmanager
def looked_into(file: File, known: Known, *, from_start: bool = False) -> Iterator[Any]:
    """Bytes of a file before its rows are read; a local one or a stream stays open until then."""
    with closing(Fetcher()) as fetcher:
        data = (open_text if from_start else open_bytes)(file, known, fetcher)
        try:
            yield data
        except BaseException:
            data.close()
            raise
        if isinstance(data, (LocalBytes, StreamBytes)):
            known[file] = data
        else:
            data.close()


@contextmanager
def opened_in_turn(
    paths: Sequence[File], open_one: Callable[[File, Fetcher], _OpenFile]
) -> Iterator[Iterator[_OpenFile]]:
    """Open files one after another; each stays open until it is closed or the iteration ends.

    Some remote files are opened in advance, and one fetcher gets the bytes of all.

    Raises
    ------
    DataError
        A local file has changed since it was opened, so old and new rows may be mixed.
    """
    still_open: list[_OpenFile] = []

    def refuse_changed(files: Iterable[_OpenFile]) -> None:
        for file in files:
            if file.data.has_changed:
                raise DataError(
                    f"{file.path} changed while it was being read; count it when it is complete"
                )

    def kept(files: Iterable[_OpenFile]) -> Iterator[_OpenFile]:
        for file in files:
            refuse_changed(one for one in still_open if one.is_closed)
            still_open[:] = [one for one in still_open if not one.is_closed]
            still_open.append(file)
            yield file

    is_far = len(paths) > 1 and any(isinstance(path, RemoteFile) for path in paths)
    with closing(Fetcher()) as fetcher:
        opening = in_order(
            lambda path: open_one(path, fetcher), paths, _OPENED if is_far else 1, _OPENED
        )
        with closing(opening) as files:
            try:
                yield kept(files)
                refuse_changed(still_open)
            finally:
                for file in still_open:
                    file.close()
