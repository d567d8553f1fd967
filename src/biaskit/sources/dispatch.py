"""Dispatch: which source reads the rows of some data, and whether the data are saved counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from biaskit.counts.counts import Counts
from biaskit.counts.roles import Roles
from biaskit.errors import DataError, RolesError
from biaskit.sources.batches import Counting, Source, refuse_missing_columns
from biaskit.sources.engines import engine_source
from biaskit.sources.files.finding import files_of, refuse_pointer
from biaskit.sources.files.places import File, RemoteFile
from biaskit.sources.files.reading import ColumnPath, format_of
from biaskit.sources.files.texts import CsvFiles, JsonLinesFiles
from biaskit.sources.frames import frame_source
from biaskit.sources.histogram import encoders_of
from biaskit.sources.parquet.source import ParquetFiles
from biaskit.store import saved
from biaskit.store.addresses import is_address, said

__all__ = ["SOURCES", "file_source", "paths_of", "refuse_unfit", "saved_counts", "source_of"]

#: Sources of data that are no paths: each function gives one, or None for what it does not read.
#: They are asked in this order.
SOURCES: list[Callable[[Any], Source | None]] = [engine_source, frame_source]


class _FileSource(Source, Protocol):
    def paths(self, counting: Counting) -> Iterator[ColumnPath]: ...


#: Sources of files, by the name of their format.
_READERS: dict[str, Callable[[list[File]], _FileSource]] = {
    "parquet": ParquetFiles,
    "csv": CsvFiles,
    "jsonl": JsonLinesFiles,
}


def source_of(data: Any, filesystem: Any = None) -> Source:
    """Source of the rows of any table that biaskit reads.

    Raises
    ------
    DataError
        The data are no such table.
    RolesError
        A filesystem is given for what are no paths.
    """
    paths = (str, os.PathLike, RemoteFile)
    if isinstance(data, paths):
        return file_source([data], filesystem)
    if isinstance(data, (list, tuple)) and all(isinstance(p, paths) for p in data):
        return file_source(data, filesystem)
    if filesystem is not None:
        raise RolesError(
            f"filesystem= applies to paths only, but data is a {type(data).__name__}; remove it"
        )
    for of_kind in SOURCES:
        if (source := of_kind(data)) is not None:
            return source
    raise DataError(
        f"a {type(data).__module__}.{type(data).__qualname__} is no table that biaskit reads; "
        "give a path, a pandas or polars frame, or anything with __arrow_c_stream__"
    )


def file_source(
    paths: Sequence[str | os.PathLike[str] | RemoteFile], filesystem: Any = None
) -> _FileSource:
    """Source of the rows of files, all of one format.

    Raises
    ------
    DataError
        A file is missing or of no known format, or the formats differ.
    """
    files = files_of(paths, filesystem)
    for path in files:
        if isinstance(path, Path):
            refuse_pointer(path)
    formats = {format_of(path): path for path in reversed(files)}
    if len(formats) > 1:
        (one, first), (other, second), *_ = formats.items()
        raise DataError(
            f"{str(first)!r} is {one} and {str(second)!r} is {other}; "
            "count each format by itself and add the counts"
        )
    (format_,) = formats
    return _READERS[format_](files)


def paths_of(paths: Sequence[str | os.PathLike[str]], roles: Roles) -> list[ColumnPath]:
    """How each column would be read if the rows of some files were counted, and why so.

    Raises
    ------
    DataError
        A file is missing, cannot be read or lacks a column, or the formats differ.
    """
    return list(file_source(paths).paths(Counting(roles, encoders_of(roles))))


def refuse_unfit(path: str | os.PathLike[str], roles: Roles) -> None:
    """Refuse files that lack a column that roles name, from their footers and headers alone.

    Raises
    ------
    DataError
        A file is missing, cannot be read or lacks a column.
    """
    for file in files_of([path]):
        refuse_missing_columns(roles.columns(), file_source([file]).names(), str(file))


def saved_counts(data: Any) -> Counts | None:
    """Counts that `data` is, or is the path of a file of; None for a table of rows."""
    if isinstance(data, Counts):
        return data
    if isinstance(data, (str, os.PathLike)) and _may_be_counts(os.fspath(data)):
        return None if saved.header(data) is None else Counts.load(data)
    return None


def _may_be_counts(path: str) -> bool:
    if is_address(path):  # to look into every file far away would take requests
        return path.partition("?")[0].endswith(".counts")
    try:
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError as error:
        raise DataError(f"cannot read {said(path)}: {error.strerror}") from error
