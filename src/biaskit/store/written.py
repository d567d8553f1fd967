"""Files written whole or not at all, through links, to devices, and with concurrent writers."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from biaskit.errors import DataError
from biaskit.store.addresses import is_address, said

__all__ = ["atomically", "locked", "refuse_inputs", "refuse_unwritable"]


def refuse_unwritable(path: str | os.PathLike[str]) -> None:
    """Check, before any work is done, that a file can be written at `path`.

    Raises
    ------
    DataError
        The folder does not exist or cannot be written, or the path is a folder or an address.
    """
    if is_address(os.fspath(path)):
        raise DataError(
            f"cannot write {said(path)}: it is an address; write a file here and copy it"
        )
    with _writing(path):
        target = _target(path)
        if target.is_dir():
            raise DataError(f"cannot write {said(path)}: it is a folder; name a file in it")
        folder = target.parent
        if not folder.is_dir():
            raise DataError(
                f"cannot write {said(path)}: there is no folder {said(folder)}; make it first"
            )
        written = target if _is_special(target) else folder
        if not os.access(written, os.W_OK):
            raise DataError(f"cannot write {said(path)}: no permission to write in {said(written)}")


def refuse_inputs(
    output: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str] | None]
) -> None:
    """Check that writing an output would not replace one of its inputs, under any name.

    Raises
    ------
    DataError
        The output is one of the inputs.
    """
    with _writing(output):
        if not _target(output).is_file():  # a file that does not exist yet is not an input
            return
        for one in inputs:
            if one is None or is_address(os.fspath(one)):
                continue
            if os.path.exists(one) and os.path.samefile(one, output):  # noqa: PTH110, PTH121
                raise DataError(
                    f"cannot write {said(output)}: {said(one)} is an input and would be "
                    "overwritten; give the output another name"
                )


@contextlib.contextmanager
def atomically(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Binary file that takes the place of `path` only once it is whole.

    A process that is killed, or an error inside the block, leaves the old file as it was.
    Concurrent writers each have a temporary file, and the last one's stays. A link stays a link,
    and its target is replaced; the mode of an old file is kept. A device or a pipe is not replaced
    but written to, once everything is there.
    """
    refuse_unwritable(path)
    with _writing(path):
        target = _target(path)
        with _written_through(target) if _is_special(target) else _replaced(target) as file:
            yield file


@contextlib.contextmanager
def locked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Lock under which no other process may read, extend and replace a file.

    Raises
    ------
    DataError
        Another process holds the lock, or the file system has no locks.
    """
    import fcntl

    refuse_unwritable(path)
    target = _target(path)
    if _is_special(target):  # it cannot be extended
        yield
        return
    lock = target.with_name(f".{target.name[:200]}.lock")
    with contextlib.ExitStack() as stack:
        with _writing(lock):
            while True:
                handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
                stack.callback(os.close, handle)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise DataError(
                        f"another process is adding to {said(path)}; wait until it ends, or give "
                        "another file and merge the two"
                    ) from None
                # The previous holder may have removed the file that is now locked.
                if lock.exists() and os.path.samestat(os.fstat(handle), lock.stat()):
                    break
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Errors of the operating system, raised with the name of the file that is written."""
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot write {said(path)}: {error.strerror or error}") from error


def _target(path: str | os.PathLike[str]) -> Path:
    """File that a path leads to: the target of a link, else the path itself.

    Raises
    ------
    DataError
        No file can have this name.
    """
    text = os.fspath(path)
    if not text or "\0" in text:
        raise DataError(f"cannot write {said(path)}: a file cannot have this name")
    # A link to an open pipe, such as /dev/stdout, points at something that is not a path.
    path = Path(text)
    return Path(os.path.realpath(text)) if path.is_symlink() and not _is_special(path) else path


def _is_special(path: Path) -> bool:
    """Whether a path is a device, a pipe or a socket."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextlib.contextmanager
def _replaced(target: Path) -> Iterator[IO[bytes]]:
    """New file beside `target`, which takes its place at the end."""
    old = target.stat() if target.exists() else None
    # The name is unpredictable, and an existing file is not opened.
    partial = target.with_name(f".{os.urandom(8).hex()}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            if old is not None:
                os.fchmod(handle, stat.S_IMODE(old.st_mode))
            yield file
            file.flush()
            os.fsync(handle)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


@contextlib.contextmanager
def _written_through(target: Path) -> Iterator[IO[bytes]]:
    """Temporary file, copied to a device or a pipe at the end: a writer may need to seek."""
    import shutil
    import tempfile

    with tempfile.TemporaryFile() as file:
        yield file
        file.seek(0)
        with target.open("wb") as place:
            shutil.copyfileobj(file, place)


def _sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where its file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
