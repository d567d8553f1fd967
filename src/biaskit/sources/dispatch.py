"""Dispatch: which source reads the rows of some data, and whether the data are saved counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from biaskit.counts.counts import Counts, loaded
from biaskit.counts.roles import Roles, refuse_no_facet
from biaskit.errors import DataError, RolesError
from biaskit.sources.batches import Counting, Source, refuse_missing_columns
from biaskit.sources.files.archives import Member
from biaskit.sources.files.dialect import OPTIONS, Dialect, dialect_of
from biaskit.sources.files.finding import files_of
from biaskit.sources.files.local import LocalBytes, refuse_dvc, refuse_small_pointers
from biaskit.sources.files.places import File, RemoteFile
from biaskit.sources.files.reading import ColumnPath, format_of
from biaskit.sources.files.streams import STANDARD_INPUT, Stream, is_open_file
from biaskit.sources.frames.source import frame_source
from biaskit.sources.grids import encoders_of
from biaskit.sources.text.faults import instead_of_names
from biaskit.store import blocks, saved
from biaskit.store.addresses import is_address, said

if TYPE_CHECKING:
    from biaskit.sources.files.turns import Known

__all__ = [
    "SOURCES",
    "dialect_for",
    "file_source",
    "is_csv",
    "opened",
    "paths_of",
    "refuse_counts",
    "refuse_unfit",
    "saved_counts",
    "source_of",
]


def _engine_source(data: Any) -> Source | None:
    from biaskit.sources.engines import engine_source  # not loaded where files are read

    return engine_source(data)


#: Sources of data other than paths: each function returns one, or None for data that it does not
#: read. They are tried in this order.
SOURCES: list[Callable[[Any], Source | None]] = [_engine_source, frame_source]


class _FileSource(Source, Protocol):
    def paths(self, counting: Counting) -> Iterator[ColumnPath]: ...


def source_of(data: Any, filesystem: Any = None, dialect: Dialect | None = None) -> Source:
    """Source of the rows of any table that biaskit reads, or of a file that `opened` gave.

    Raises
    ------
    DataError
        The data are not such a table.
    RolesError
        A filesystem is given for data that are not paths, or a dialect for data that are not CSV.
    """
    if isinstance(data, LocalBytes) or _are_paths(data):
        return file_source(data, filesystem, dialect)
    if is_open_file(data) and filesystem is None:
        return file_source(Stream.of_file(data), None, dialect)
    if filesystem is not None:
        raise RolesError(
            f"filesystem= applies to paths only, but data is a {type(data).__name__}; remove it"
        )
    if dialect is not None:
        raise dialect.refused(f"data is a {type(data).__name__}")
    refuse_counts(data)
    for of_kind in SOURCES:
        if (source := of_kind(data)) is not None:
            return source
    plain = "; pandas.DataFrame(data) makes a frame of it" if type(data) in (dict, list) else ""
    raise DataError(
        f"a {type(data).__module__}.{type(data).__qualname__} is not a table that biaskit reads; "
        f"give a path, a pandas or polars frame, or anything with __arrow_c_stream__{plain}"
    )


def refuse_counts(data: Any) -> None:
    """Refuse counts where rows are needed.

    Raises
    ------
    DataError
        The data are counts.
    """
    if isinstance(data, Counts):
        raise DataError(
            "these are counts already, and have no rows: biaskit.report takes them as they are, "
            "and + adds them to others"
        )


def file_source(data: Any, filesystem: Any = None, dialect: Dialect | None = None) -> _FileSource:
    """Source of the rows of files, all of one format: a path, several, or what `opened` gave.

    With a dialect, files whose names say no format are CSV.

    Raises
    ------
    DataError
        A file is missing or has no known format, or the formats differ.
    RolesError
        There is a dialect, but the files are not CSV.
    """
    known: Known = {data.path: data} if isinstance(data, LocalBytes) else {}
    files = files_of([*known] or (data if isinstance(data, (list, tuple)) else [data]), filesystem)
    here = [file for file in files if isinstance(file, Path)]
    refuse_dvc(str(path) for path in here if path.suffix == ".dvc")
    if len(here) > 1:  # a single file is checked when it is opened
        refuse_small_pointers(here)
    otherwise = "csv" if dialect is not None and dialect.is_of_csv else None
    formats = {format_of(path, otherwise, dialect): path for path in reversed(files)}
    if len(formats) > 1:
        (one, first), (other, second), *_ = formats.items()
        raise DataError(
            f"{str(first)!r} is {one} and {str(second)!r} is {other}; "
            "count each format by itself and add the counts"
        )
    (format_,) = formats
    if dialect is not None:
        is_for_it = dialect.is_of_csv if format_ != "csv" else dialect.sheet is not None
        if is_for_it:
            raise dialect.refused(f"{str(files[0])!r} is {format_}")
    return _reader_of(format_)(files, known, dialect)


def is_csv(data: Any, dialect: Dialect | None = None) -> bool:
    """Whether data are paths of CSV files, or of files that are CSV where a dialect is given."""
    if isinstance(data, LocalBytes):
        data = data.path
    if not _are_paths(data):
        return False
    files = files_of(data if isinstance(data, (list, tuple)) else [data])
    return {format_of(file, "csv", dialect) for file in files} == {"csv"}


def dialect_for(data: Any, dialect: Dialect | None) -> Dialect | None:
    """What of a dialect holds for other data of the same call, such as a background.

    Names that say a format are believed, and options are for files of their own format alone.
    """
    if dialect is None or not (_are_paths(data) or is_open_file(data)):
        return None
    given = dialect.given()
    paths = list(data) if isinstance(data, (list, tuple)) else [data]
    files = files_of(paths) if _are_paths(data) else [Stream.of_file(data)]
    if all(format_of(file, "") for file in files):
        given.pop("input_format", None)
    formats = {
        format_of(file, "csv", dialect_of(None, given.get("input_format"))) for file in files
    }
    options = {name: value for name, value in given.items() if name in OPTIONS}
    return dialect_of(
        options if formats == {"csv"} else None,
        given.get("input_format"),
        given.get("sheet") if formats == {"excel"} else None,
    )


def paths_of(data: Any, roles: Roles, dialect: Dialect | None = None) -> list[ColumnPath]:
    """How each column of some files would be read for counting, and why.

    Raises
    ------
    DataError
        A file is missing, cannot be read or lacks a column, or the formats differ.
    """
    refuse_no_facet(roles)
    return list(file_source(data, dialect=dialect).paths(Counting(roles, encoders_of(roles))))


def refuse_unfit(data: Any, roles: Roles, dialect: Dialect | None = None) -> None:
    """Refuse files that lack a column that roles name, from their footers and headers alone.

    Raises
    ------
    DataError
        A file is missing, cannot be read or lacks a column.
    """
    for file in [data] if isinstance(data, LocalBytes) else files_of([data]):
        where = str(file.path if isinstance(file, LocalBytes) else file)
        names = file_source(file, dialect=dialect).names()
        hint = instead_of_names(names) if is_csv(file, dialect) else ""
        refuse_missing_columns(roles.columns(), names, where, hint)


def opened(data: Any, filesystem: Any = None, dialect: Dialect | None = None) -> Any:
    """Counts, if `data` are counts or the path of saved ones; else the data, for `source_of`.

    A page that carries counts is a file of saved ones.

    A single local file stays open, so that it is not opened again to read its rows.

    Raises
    ------
    DataError
        The file cannot be read, or is cut short.
    RolesError
        There is a dialect, but the data are counts.
    """
    found = _opened(data, filesystem)
    if dialect is not None and isinstance(found, Counts):
        raise dialect.refused("these are counts")
    return found


def _opened(data: Any, filesystem: Any) -> Any:
    if not isinstance(data, (str, os.PathLike)) or filesystem is not None:
        return data
    if is_address(os.fspath(data)):  # checking every remote file would take requests
        if blocks.is_named_page(data):
            return Counts.load(data)
        may_be = os.fspath(data).partition("?")[0].endswith(".counts")
        return Counts.load(data) if may_be and saved.header(data) is not None else data
    path = Path(data)
    try:
        if str(data) in STANDARD_INPUT or not path.is_file():
            return data
        file = LocalBytes(path)
        start = bytes(file.read(0, blocks.START))
        if blocks.is_page(start, data):
            return loaded(data, file.source())
        if not start.startswith(b"PAR1"):
            return file
    except OSError as error:
        raise DataError(f"cannot read {said(data)}: {error.strerror}") from error
    file.parquet = saved.parquet_of(file.source(), data)
    is_saved = saved.header_in(file.parquet, data) is not None
    return loaded(data, file.source()) if is_saved else file


def saved_counts(data: Any) -> Counts | None:
    """The counts, if `data` are counts or the path of saved ones; None for a table of rows."""
    found = opened(data)
    return found if isinstance(found, Counts) else None


def _reader_of(format_: str) -> Callable[[list[File], Known, Dialect | None], _FileSource]:
    """Source of files of a format. Only its own modules are loaded, so that calls start sooner."""
    if format_ == "csv":
        from biaskit.sources.text.separated import CsvFiles

        return CsvFiles
    if format_ in ("jsonl", "json"):
        from biaskit.sources.text.lines import JsonLinesFiles

        return JsonLinesFiles
    if format_ == "excel":
        from biaskit.sources.workbooks.source import WorkbookFiles

        return WorkbookFiles
    from biaskit.sources.parquet.source import ParquetFiles

    return lambda files, known, _: ParquetFiles(files, known)


def _are_paths(data: Any) -> bool:
    """Whether data are a path or several, rather than a table."""
    paths = (str, os.PathLike, RemoteFile, Member, Stream)
    several = isinstance(data, (list, tuple)) and all(isinstance(one, paths) for one in data)
    return several or isinstance(data, paths)
