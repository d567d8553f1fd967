"""Uploads: files that a browser sends, written as they come, and gone with the server."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from biaskit.browser.places import ending_of
from biaskit.errors import DataError

__all__ = ["Shelf", "received"]

_PREFIX = "biaskit-app-"
_LOCK = "open"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
# Characters of a name, and parts of a form: that of the page has one.
_NAME, _PARTS = 200, 100


class Shelf:
    """A folder of uploads that only its owner may enter. It goes when the server stops.

    Of a server that was killed, the next one removes it. A lock tells the dead from the living: it
    ends with the process that holds it.
    """

    def __init__(self) -> None:
        _sweep()
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))  # which makes it 0700
            with contextlib.suppress(FileNotFoundError):  # swept before the lock was held
                self._lock = (self.path / _LOCK).open("wb")
                if _hold(self._lock) and (self.path / _LOCK).exists():
                    break

    def new(self, name: str) -> Path:
        """Path of a new file: a random name, with the ending that says its format.

        Raises
        ------
        DataError
            The name has no known ending.
        """
        ending = ending_of(name)
        if not ending:
            raise DataError(
                f"{name!r} is no table by its name; choose a CSV, an Excel workbook, a Parquet or "
                "JSON Lines file, or a page that biaskit made"
            )
        return self.path / f"{secrets.token_hex(16)}{ending}"

    def close(self) -> None:
        """Remove the folder."""
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _sweep() -> None:
    """Remove the folders of this user's servers that are no more."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            there = path.lstat()
            is_ours = not hasattr(os, "getuid") or there.st_uid == os.getuid()
            if stat.S_ISDIR(there.st_mode) and is_ours and _is_dead(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_dead(path: Path) -> bool:
    """Whether nobody holds the lock of a folder."""
    if os.name != "posix":
        (path / _LOCK).unlink()  # what another process has open cannot be removed
        return True
    with (path / _LOCK).open("rb") as file:
        return _hold(file)


def _hold(file: IO[bytes]) -> bool:
    """Whether the lock of a folder is held from now on by this process alone."""
    if os.name != "posix":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class _Receiving:
    """Parts of a form as they come; the file among them is written, all else is dropped."""

    def __init__(self, shelf: Shelf):
        self.name = ""
        self.path: Path | None = None
        self.is_whole = False
        self._shelf = shelf
        self._file: IO[bytes] | None = None
        self._field, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._parts = 0

    def callbacks(self) -> Any:
        """What the parser calls, by the names of its own."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_of_header,
            "on_headers_finished": self._open,
            "on_part_data": self._write,
            "on_part_end": self.close,
            "on_end": self._end,
        }

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _end(self) -> None:
        self.is_whole = True

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _PARTS:
            raise DataError("the form has too many parts; choose one file and send it again")
        self._disposition = b""

    def _end_of_header(self) -> None:
        if bytes(self._field).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._field, self._value = bytearray(), bytearray()

    def _open(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._disposition)
        raw = options.get(b"filename")
        if not raw:
            return
        if self.path is not None:
            raise DataError("one file at a time: choose one")
        text = raw.decode("utf-8", "replace")
        self.name = text.replace("\\", "/").rpartition("/")[2][-_NAME:]
        self.path = self._shelf.new(self.name)
        self._file = os.fdopen(os.open(self.path, _NEW, 0o600), "wb")

    def _write(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(memoryview(data)[start:end])


async def received(request: Request, shelf: Shelf) -> tuple[Path, str]:
    """File that a form has sent, written to the shelf as it comes, and its name.

    Raises
    ------
    DataError
        It is no form with a file that may be a table, or does not end as it should.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise DataError("no file has come; choose one and send it again")
    parts = _Receiving(shelf)
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        stream: AsyncIterator[bytes] = request.stream()
        async for chunk in stream:
            if chunk:
                await run_in_threadpool(parser.write, chunk)
        if parts.path is None:
            raise DataError("no file has come; choose one and send it again")
        if not parts.is_whole:
            raise DataError("the file has not come whole; send it again")
    except BaseException as error:
        parts.close()
        if parts.path is not None:
            parts.path.unlink(missing_ok=True)
        if isinstance(error, FormParserError):
            raise DataError("the file has not come whole; send it again") from error
        if isinstance(error, OSError):
            raise DataError(f"the file cannot be kept: {error.strerror or error}") from error
        raise
    parts.close()
    return parts.path, parts.name
