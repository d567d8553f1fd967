"""Finding: the files that paths, globs and folders name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from biaskit.errors import BiaskitError, DataError, listed
from biaskit.sources.files.archives import Member, members_of
from biaskit.sources.files.endings import ARCHIVE, IN_FOLDERS, is_data
from biaskit.sources.files.globs import matches_here
from biaskit.sources.files.local import refuse_dvc
from biaskit.sources.files.partitions import partition_of
from biaskit.sources.files.places import File, RemoteFile, remote_files
from biaskit.sources.files.streams import STANDARD_INPUT, Stream
from biaskit.store.addresses import in_one_line, is_address, said

__all__ = ["expanded", "files_of"]


def expanded(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Local files that some paths, globs and folders name, as from `files_of`.

    An archive is one file, and a stream is none.

    Raises
    ------
    DataError
        A path is an address or does not exist, or a glob or a folder has no file in a known format.
    """
    for given in paths:
        if is_address(text := os.fspath(given)):
            raise DataError(f"{said(text)} is an address, but only local files can be read here")
    return [file for file in _named(paths) if isinstance(file, Path)]


def files_of(
    paths: Sequence[str | os.PathLike[str] | RemoteFile | Member | Stream], filesystem: Any = None
) -> list[File]:
    """Files that some paths, globs and folders name, each once; globs and folders are sorted.

    A glob that matches folders and no file means the files in them, and a local archive those in
    it. A path is an address (``s3://...``), a path on the given filesystem, a local path, or ``-``
    for standard input.

    Raises
    ------
    DataError
        A path does not exist, or a glob, a folder or an archive has no file in a known format.
    """
    files: list[File] = []
    for file in _named(paths, filesystem):
        if isinstance(file, Path) and file.suffix.lower() == ARCHIVE:
            files += members_of(file)
        else:
            files.append(file)
    return files


def _named(
    paths: Sequence[str | os.PathLike[str] | RemoteFile | Member | Stream], filesystem: Any = None
) -> list[File]:
    """Files as in `files_of`, but an archive is one file."""
    files: list[File] = []
    for given in paths:
        if isinstance(given, (RemoteFile, Member, Stream)):
            files.append(given)
            continue
        text = os.fspath(given)
        if not text:
            raise DataError("a path is empty; name a file, or give '.' for the current folder")
        if filesystem is not None or is_address(text):
            files += remote_files(text, filesystem, IN_FOLDERS)
            continue
        try:
            files += _local_files(text)
        except (OSError, ValueError) as error:  # no permission, or an invalid file name
            if isinstance(error, BiaskitError):
                raise
            raise DataError(f"cannot look up {in_one_line(error)}") from error
    if not files:
        raise DataError("no files were given; name at least one")
    return _each_once(files)


def _each_once(files: Sequence[File]) -> list[File]:
    """Files, each once, by the first of its names; a link is a second name.

    Raises
    ------
    DataError
        The folders of two names give a file's rows different values.
    """
    first: dict[Any, File] = {}
    for file in files:
        if isinstance(file, Stream) and _identity(file) in first:
            raise DataError(f"{file} can be read only once; name it once")
        known = first.setdefault(_identity(file), file)
        if partition_of(known) != partition_of(file):
            raise DataError(
                f"{str(known)!r} and {str(file)!r} are the same file, and their folders' names "
                "give its rows different values; name it once"
            )
    return list(first.values())


def _identity(file: File) -> Any:
    """Key that all names of one file share."""
    if isinstance(file, Stream):
        return file.key
    if not isinstance(file, Path):
        return file
    try:
        there = file.stat()
    except OSError:  # its reader raises the error
        return file
    return (there.st_dev, there.st_ino) if there.st_ino else file.resolve()


def _local_files(text: str) -> Sequence[Path | Stream]:
    """Local files that a path, a glob or a folder names."""
    path = Path(text)
    if text in STANDARD_INPUT:
        return [Stream.standard_input()]
    if path.is_dir():
        return _in_folders([path], f"folder {text!r} has")
    if path.is_fifo():
        return [Stream.of_pipe(path)]
    if path.exists():
        _refuse_special(path)
        return [path]
    if glob.has_magic(text):
        matches = [*map(Path, matches_here(text))]
        if found := sorted(path for path in matches if path.is_file()):
            return found
        if folders := [path for path in matches if path.is_dir()]:
            return _in_folders(folders, f"the folders that match {text!r} have")
        refuse_dvc(matches_here(f"{text}.dvc"))
        raise DataError(f"no file matches {text!r}")
    refuse_dvc([f"{text}.dvc"])
    raise DataError(f"there is no file {said(text)}{_nearby(path)}")


def _in_folders(folders: Sequence[Path], what: str) -> list[Path]:
    """Files of data in some folders; `what` begins the error if there is none."""
    found = {path for folder in folders for path in _inside(folder) if _is_data(path, folder)}
    if not found:
        raise DataError(f"{what} no file ending in {listed([*IN_FOLDERS])}")
    return sorted(found)


def _inside(folder: Path) -> Iterator[Path]:
    """Files in a folder and the folders in it; one that cannot be opened is an error."""

    def refuse(error: OSError) -> None:
        raise error

    for where, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(where, name) for name in names)


def _is_data(path: Path, folder: Path) -> bool:
    return path.is_file() and is_data(path.relative_to(folder))


def _refuse_special(path: Path) -> None:
    """Refuse what may never end."""
    if not path.is_file():
        raise DataError(f"{str(path)!r} is a device, not a file; write the rows to a file first")


def _nearby(path: Path) -> str:
    from biaskit.errors import did_you_mean

    if not path.parent.is_dir():
        return f": there is no folder {said(path.parent)}"
    names = sorted(p.name for p in path.parent.iterdir() if _is_data(p, path.parent))
    return f"; {did_you_mean(path.name, names)}" if names else ""
