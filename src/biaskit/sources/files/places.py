"""Places: files on this machine or behind a filesystem, found by path, glob or folder."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from biaskit.errors import BiaskitError, DataError, listed
from biaskit.sources.files.archives import Member
from biaskit.sources.files.globs import matcher
from biaskit.sources.files.streams import Stream
from biaskit.store.addresses import is_address, said, shown, with_quoted_password, without_secrets

__all__ = [
    "File",
    "RemoteFile",
    "fsspec_of",
    "opened",
    "remote_files",
    "seekable",
    "size_of",
    "stamp_of",
    "stands_for",
]

#: How long requests to Google's store are retried; pyarrow's default is 15 minutes.
_PATIENCE = "retry_limit_seconds=30"
_HADOOP = "; say where Hadoop's library is: set ARROW_LIBHDFS_DIR, JAVA_HOME and CLASSPATH"
#: Advice, by the text of an error.
_HINTS = {
    "libhdfs": _HADOOP,
    "libjvm": _HADOOP,
    "Unrecognized filesystem type": "; addresses begin with s3://, gs://, abfss:// or hdfs://",
}
_MAGIC = re.compile(r"[*[]")
_MAGIC_PLAIN = re.compile(r"[*?[]")


@dataclass(frozen=True)
class RemoteFile:
    """A file on a pyarrow filesystem: its path there, and its name for people."""

    filesystem: Any = field(compare=False, repr=False)
    path: str = field(repr=False)
    shown: str
    size: int
    #: Time of the last change, in nanoseconds since 1970; None if the filesystem does not report
    #: it.
    changed: int | None

    def __str__(self) -> str:
        return self.shown

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self._pure.name

    @property
    def suffix(self) -> str:
        """Last suffix of the name."""
        return self._pure.suffix

    @property
    def suffixes(self) -> list[str]:
        """Suffixes of the name."""
        return self._pure.suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the path."""
        return self._pure.parts

    @property
    def _pure(self) -> PurePosixPath:
        # On an HTTP filesystem the path is the address, which may end in a signature.
        return PurePosixPath(shown(self.path))


#: A file that rows are read from.
File: TypeAlias = "Path | RemoteFile | Member | Stream"


def seekable(file: File) -> Path | RemoteFile:
    """The file itself, if it can be read from any place.

    Raises
    ------
    DataError
        It is a stream, or in an archive.
    """
    if isinstance(file, (Stream, Member)):
        instead = "write it to a file" if isinstance(file, Stream) else "unpack the archive"
        raise DataError(
            f"{str(file)!r} is of a format whose end is read first, and can be read only from the "
            f"start; {instead}"
        )
    return file


def opened(file: File) -> Any:
    """Arrow's seekable stream of a file's bytes."""
    file = seekable(file)
    import pyarrow as pa

    if isinstance(file, RemoteFile):
        return file.filesystem.open_input_file(file.path)
    return pa.OSFile(str(file))


def fsspec_of(filesystem: Any) -> Any:
    """The fsspec filesystem that a pyarrow filesystem wraps; None where it wraps none."""
    return getattr(getattr(filesystem, "handler", None), "fs", None)


def size_of(file: File) -> int | None:
    """Size in bytes; None if it is unknown."""
    if isinstance(file, Stream):
        return None
    return file.stat().st_size if isinstance(file, Path) else file.size


def stamp_of(file: File, *, again: bool = False) -> tuple[str, int, int | None]:
    """Full name, size and time of the last change, which identify a file's content.

    For a remote file they are from when it was found, unless it is to be looked up `again`. A file
    in an archive is identified by its checksum.

    Raises
    ------
    DataError
        The file is a stream, which nothing identifies.
    """
    if isinstance(file, Stream):
        raise DataError(
            f"{file} can be read only once, so it cannot be resumed; leave out --resume, or write "
            "the rows to a file first"
        )
    if isinstance(file, Member):
        return f"{file.archive.resolve()}/{file.inner}", file.size, file.checksum
    if isinstance(file, RemoteFile):
        if not again:
            return file.shown, file.size, file.changed
        with _asked(repr(file.shown), file.path):
            info = file.filesystem.get_file_info(file.path)
        return file.shown, int(info.size or 0), info.mtime_ns
    found = file.stat()
    return str(file.resolve()), found.st_size, found.st_mtime_ns


def remote_files(text: str, filesystem: Any, suffixes: Collection[str]) -> list[RemoteFile]:
    """Files that an address, or a path on the caller's filesystem, names.

    It may be a glob or a folder; in a folder, only files with one of the suffixes are used. A glob
    that matches folders and no file means the files in them. Only in an address does ``?`` start
    the options.

    Raises
    ------
    DataError
        The file does not exist, or the filesystem cannot be reached.
    """
    name = said(text)
    with _asked(name, text):
        place, called, path = _place(text, filesystem)
        is_plain = filesystem is not None and not is_address(path)
        magic = (_MAGIC_PLAIN if is_plain else _MAGIC).search(path if is_plain else shown(path))
        # A name may contain brackets; an exact match takes precedence over the pattern.
        info = None if magic and "[" not in path else place.get_file_info(path)
        if info is not None and info.type.name == "File":
            found = [info]
        elif magic is not None:
            base = path[: magic.start()].rpartition("/")[0]
            deep = "**" in path or "/" in path[magic.start() :]
            matches = matcher(path)
            there = [one for one in _there(place, base, deep) if matches(one.path)]
            found = [one for one in there if one.type.name == "File"]
            if not found:
                folders = [one.path for one in there if one.type.name == "Directory"]
                inside = (one for folder in folders for one in _data_in(place, folder, suffixes))
                found = [*{one.path: one for one in inside}.values()]
        elif info is not None and info.type.name == "Directory":
            found = _data_in(place, path, suffixes)
            if not found:
                raise DataError(f"folder {name} has no file ending in {listed([*suffixes])}")
        else:
            raise DataError(f"there is no file {name}")
    if not found:
        raise DataError(f"no file matches {name}")
    if any(one.size is None for one in found):
        raise DataError(
            f"the filesystem does not report the size of {name}; copy it to this machine"
        )
    return [
        RemoteFile(place, f.path, called(f.path), int(f.size), f.mtime_ns)
        for f in sorted(found, key=lambda one: str(one.path))
    ]


def stands_for(address: str, name: str) -> bool:
    """Whether a file of this name is, or would be, among those that an address names.

    >>> stands_for("s3://bucket/day=*", "s3://bucket/day=1"), stands_for("s3://b", "s3://b/x.csv")
    (True, True)
    """
    path = shown(address).rstrip("/")
    is_named = name == path or name.startswith(f"{path}/")
    return is_named or matcher(path)(name)


def _place(text: str, filesystem: Any) -> tuple[Any, Callable[[str], str], str]:
    """Filesystem, the prefix of its paths in the address, and the path."""
    from pyarrow import fs

    if filesystem is not None:
        if not isinstance(filesystem, fs.FileSystem):
            filesystem = fs.PyFileSystem(fs.FSSpecHandler(filesystem))
        own = fsspec_of(filesystem)
        if own is not None:  # on some filesystems, such as HTTP's, a path is the address
            path = str(own._strip_protocol(text))
        else:
            path = text.partition("://")[2] if is_address(text) else text
        return filesystem, shown, path.rstrip("/")
    text, _, options = with_quoted_password(text).partition("?")
    scheme, _, rest = text.partition("://")
    host, _, path = rest.partition("/")
    if scheme in {"gs", "gcs"} and "retry_limit_seconds" not in options:
        options = "&".join(filter(None, [options, _PATIENCE]))
    made, base = fs.FileSystem.from_uri(f"{scheme}://{host}/{'?' if options else ''}{options}")
    # A bucket or a container, "/" on HDFS, and nothing where an Azure account is the host.
    base = base and f"{base.rstrip('/')}/"
    known = shown(f"{scheme}://{host}/")
    return made, lambda p: f"{known}{p[len(base) :]}", f"{base}{path}".rstrip("/")


def _there(place: Any, base: str, deep: bool) -> list[Any]:
    """Files and folders in a folder of a filesystem, and with `deep` in the folders in it."""
    from pyarrow import fs

    chosen = fs.FileSelector(base, allow_not_found=True, recursive=deep)
    return [*place.get_file_info(chosen)]


def _data_in(place: Any, folder: str, suffixes: Collection[str]) -> list[Any]:
    """Files of data in a folder of a filesystem and in the folders in it."""
    return [
        one
        for one in _there(place, folder, True)
        if one.type.name == "File" and _is_data(one.path, folder, suffixes)
    ]


def _is_data(path: str, folder: str, suffixes: Collection[str]) -> bool:
    inner = PurePosixPath(path[len(folder) :].lstrip("/"))
    hidden = any(part.startswith((".", "_")) for part in inner.parts)
    return not hidden and any(suffix.lower() in suffixes for suffix in inner.suffixes[-2:])


@contextlib.contextmanager
def _asked(name: str, address: str) -> Iterator[None]:
    """Errors of a filesystem, raised with the name of what was looked up.

    The filesystem's own error may hold the address with its secrets, and is not passed on.
    """
    try:
        yield
    except (BiaskitError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - stores raise errors of their own
        reason = " ".join(without_secrets(str(error), [address]).split())
        hint = next((hint for sign, hint in _HINTS.items() if sign in reason), "")
        raise DataError(f"{name} cannot be looked up: {reason[:300]}{hint}") from None
