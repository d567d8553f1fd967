"""Files as sources: Parquet, CSV and JSON Lines; one, many, a glob or a folder of them."""

from __future__ import annotations

import contextlib
import csv
import glob
import io
import itertools
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from biaskit.errors import BiaskitError, DataError, PointerError, listed
from biaskit.roles import Roles
from biaskit.sources.batches import Batch, Source, of_record_batch, refuse_missing_columns
from biaskit.sources.choice import against_kernels, kernels_pay
from biaskit.sources.encode import Encoder
from biaskit.sources.encoded import Cells, counted, planned
from biaskit.sources.places import (
    File,
    RemoteFile,
    is_address,
    opened,
    partition_arrays,
    partition_of,
    remote_files,
    size_of,
)

__all__ = [
    "ColumnPath",
    "ParquetFiles",
    "column_paths",
    "expanded",
    "file_source",
    "files_of",
    "open_parquet",
]

_FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_ROWS = 1 << 17
# Of a remote file, row groups are read ahead until their needed columns have so many bytes.
_AHEAD = 1 << 25
_POINTERS = {
    b"version https://git-lfs.github.com/spec/": ("Git-LFS", "git lfs pull"),
    b"/annex/objects/": ("git-annex", "git annex get"),
}
_MAGIC = {
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


def expanded(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Files of this machine that some paths, globs and folders stand for, as `files_of` has them.

    Raises
    ------
    DataError
        A path is an address or does not exist, or a glob or a folder has no file in a known format.
    """
    for given in paths:
        if is_address(text := os.fspath(given)):
            raise DataError(f"{text!r} is an address; here only files of this machine are read")
    return [file for file in files_of(paths) if isinstance(file, Path)]


def files_of(
    paths: Sequence[str | os.PathLike[str] | RemoteFile], filesystem: Any = None
) -> list[File]:
    """Files that some paths, globs and folders stand for, each once, globs and folders sorted.

    A path is an address (``s3://...``), or one on the filesystem that is given, or a local one.

    Raises
    ------
    DataError
        A path does not exist, or a glob or a folder has no file in a known format.
    """
    files: list[File] = []
    for given in paths:
        if isinstance(given, RemoteFile):
            files.append(given)
            continue
        text = os.fspath(given)
        path = Path(text)
        if filesystem is not None or is_address(text):
            files += remote_files(text, filesystem, _FORMATS)
        elif path.is_dir():
            found = sorted(p for p in path.rglob("*") if _is_data(p, path))
            if not found:
                raise DataError(f"folder {text!r} has no file ending in {listed([*_FORMATS])}")
            files += found
        elif path.exists():
            files.append(path)
        elif glob.has_magic(text):
            matches = glob.glob(text, recursive=True)  # noqa: PTH207 - an absolute pattern too
            found = sorted(path for path in map(Path, matches) if path.is_file())
            if not found:
                _refuse_dvc(glob.glob(f"{text}.dvc", recursive=True))  # noqa: PTH207
                raise DataError(f"no file matches {text!r}")
            files += found
        else:
            _refuse_dvc([f"{text}.dvc"])
            raise DataError(f"there is no file {text!r}{_nearby(path)}")
    if not files:
        raise DataError("no files were given; name at least one")
    return list(dict.fromkeys(files))


def file_source(
    paths: Sequence[str | os.PathLike[str] | RemoteFile], filesystem: Any = None
) -> Source:
    """Source of the rows of files, all of one format.

    Raises
    ------
    DataError
        A file is missing or of no known format, or the formats differ.
    """
    files = files_of(paths, filesystem)
    for path in files:
        if isinstance(path, Path):
            _refuse_pointer(path)
    formats = {format_of(path): path for path in reversed(files)}
    if len(formats) > 1:
        (one, first), (other, second), *_ = formats.items()
        raise DataError(
            f"{str(first)!r} is {one} and {str(second)!r} is {other}; "
            "count each format by itself and add the counts"
        )
    (format_,) = formats
    readers: dict[str, type[ParquetFiles] | type[_Csv] | type[_JsonLines]] = {
        "parquet": ParquetFiles,
        "csv": _Csv,
        "jsonl": _JsonLines,
    }
    return readers[format_](files)


def format_of(path: File) -> str:
    """Format of a file by its name: ``parquet``, ``csv`` or ``jsonl``."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in _FORMATS:
        raise DataError(
            f"{str(path)!r} is of no known format; names end in {listed([*_FORMATS])}, "
            f"the text formats also in {listed([*_COMPRESSIONS])} after it"
        )
    return _FORMATS[suffixes[-1]]


class ColumnPath(NamedTuple):
    """How a column of a file is read, and why so."""

    file: str
    column: str
    role: str
    #: Row groups of which this holds; 0 in a format that has none.
    row_groups: int
    #: ``encoded``, or what decodes it: ``Arrow`` or ``json``.
    path: str
    why: str


def column_paths(
    paths: Sequence[str | os.PathLike[str]], roles: Roles, encoders: Mapping[str, Encoder]
) -> Iterator[ColumnPath]:
    """How each column that roles name would be read from some files; one line for a text file.

    Raises
    ------
    DataError
        A file is missing, cannot be read or lacks a column, or the formats differ.
    """
    source = file_source(paths)
    if isinstance(source, ParquetFiles):
        yield from source.paths(roles, encoders)
        return
    ways = {
        "csv": ("Arrow", "CSV has no encoded form"),
        "jsonl": ("json", "JSON Lines have no encoded form"),
    }
    for path in files_of(paths):
        yield ColumnPath(str(path), "(all)", "", 0, *ways[format_of(path)])


class ParquetFiles:
    """Parquet files as a source, which may also count their rows where they are read."""

    from_text = False

    def __init__(self, files: list[File]):
        self._files = files

    def names(self) -> list[str]:
        """Names of the columns of the first file, and of its folders' values."""
        path = self._files[0]
        with _readable(path), _parquet(path) as file:
            return _with_partition(file.schema_arrow.names, path)

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        """Batches of the columns named."""
        sizes = _Sizes(self._files)
        for path in self._files:
            with _readable(path):
                file = open_parquet(path, columns)
            yield from _parquet_batches(file, path, columns, numeric, sizes)

    def parts(
        self, columns: Collection[str], roles: Roles, encoders: Mapping[str, Encoder]
    ) -> Iterator[Batch | Cells]:
        """Batches of the columns named, or counts of their rows, whichever is read sooner."""
        sizes = _Sizes(self._files)
        numeric = roles.numeric
        for path in self._files:
            with _readable(path):
                file = _parquet(path)
                names = file.schema_arrow.names
                refuse_missing_columns(columns, _with_partition(names, path), str(path))
                encoded = not _against_encoded(path, names, columns)
                if isinstance(path, Path) and encoded and kernels_pay(_rows(file)):
                    yield from counted(file, path, roles, encoders, partial(sizes.done, path))
                    continue
                file = open_parquet(path, columns, file)
            yield from _parquet_batches(file, path, columns, numeric, sizes)

    def paths(self, roles: Roles, encoders: Mapping[str, Encoder]) -> Iterator[ColumnPath]:
        """How `parts` would read each column, and why so."""
        by_column = roles.columns()
        for path in self._files:
            with _readable(path), _parquet(path) as file:
                names = file.schema_arrow.names
                refuse_missing_columns(by_column, _with_partition(names, path), str(path))
                against = _against_encoded(path, names, by_column)
                against = against or against_kernels(_rows(file))
                if against or not isinstance(path, Path):
                    groups = file.metadata.num_row_groups
                    found = dict.fromkeys(((c, "Arrow", against) for c in by_column), groups)
                else:
                    found = dict(planned(file, path, roles, encoders))
            for (column, *way), groups in found.items():
                yield ColumnPath(str(path), column, by_column[column], groups, *way)


def _rows(file: Any) -> int:
    return int(file.metadata.num_rows)


def _against_encoded(path: File, names: Collection[str], columns: Collection[str]) -> str:
    """Why no row group of a file can be counted in its encoded form; empty where that may be."""
    if isinstance(path, RemoteFile):
        return "the file is behind a filesystem"
    return "" if {*columns} <= {*names} else "a column is in the folders' names"


def open_parquet(path: File, columns: Collection[str], plain: Any = None) -> Any:
    """Parquet file whose columns of texts, of those named, are read as dictionaries.

    `plain` is the same file where it is open already.
    """
    plain = _parquet(path) if plain is None else plain
    names = plain.schema_arrow.names
    refuse_missing_columns(columns, _with_partition(names, path), str(path))
    texts = [name for name in columns if name in names and _is_bytes(plain, name)]
    return _parquet(path, metadata=plain.metadata, read_dictionary=texts)


def _parquet(path: File, **options: Any) -> Any:
    import pyarrow.parquet as pq

    if isinstance(path, RemoteFile):
        # Ranges of the needed columns that lie together are asked for together, several at a time.
        return pq.ParquetFile(opened(path), pre_buffer=True, **options)
    return pq.ParquetFile(path, **options)


def _parquet_batches(
    file: Any, path: File, columns: Collection[str], numeric: Collection[str], sizes: _Sizes
) -> Iterator[Batch]:
    rows, total = 0, max(1, file.metadata.num_rows)
    partition = _partition(columns, file.schema_arrow.names, path)
    own = [name for name in columns if name not in partition]
    with _readable(path), file:
        for groups in _windows(file.metadata, own, path):
            for batch in file.iter_batches(batch_size=_ROWS, row_groups=groups, columns=own):
                rows += batch.num_rows
                made = of_record_batch(batch, own, str(path), sizes.done(path, rows / total))
                yield _placed(made, partition, numeric)
    if rows != file.metadata.num_rows:
        raise DataError(
            f"{path} should have {file.metadata.num_rows:,} rows but {rows:,} were read; "
            "it is damaged: write it again"
        )


def _windows(metadata: Any, columns: Collection[str], path: File) -> Iterator[list[int]]:
    """Row groups that are read together: what is read ahead of a remote file stays bounded."""
    everything = list(range(metadata.num_row_groups))
    if isinstance(path, Path):
        yield everything
        return
    window: list[int] = []
    size = 0
    for group in everything:
        chunks = metadata.row_group(group)
        for i in range(chunks.num_columns):
            chunk = chunks.column(i)
            if chunk.path_in_schema.partition(".")[0] in columns:
                size += chunk.total_compressed_size
        window.append(group)
        if size >= _AHEAD:
            yield window
            window, size = [], 0
    if window:
        yield window


def _with_partition(names: Sequence[str], path: File) -> list[str]:
    return [*names, *(name for name in partition_of(path) if name not in names)]


def _partition(
    columns: Collection[str], names: Collection[str], path: File
) -> dict[str, str | None]:
    """Values of the columns that a file does not have itself but its folders' names do."""
    values = partition_of(path)
    return {name: values[name] for name in columns if name not in names and name in values}


def _placed(batch: Batch, partition: dict[str, str | None], numeric: Collection[str]) -> Batch:
    """Batch with the values that the file's folders name."""
    if not partition:
        return batch
    added = partition_arrays(partition, batch.rows, numeric, batch.where)
    return replace(batch, columns={**batch.columns, **added}, texts=frozenset(partition))


class _Csv:
    from_text = True

    def __init__(self, files: list[File]):
        self._files = files

    def names(self) -> list[str]:
        path = self._files[0]
        _refuse_mislabelled(path)
        return _with_partition(_csv_header(path, _delimiter(path)), path)

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        import pyarrow as pa
        import pyarrow.csv as pv

        types = {
            name: pa.float64() if name in numeric else pa.dictionary(pa.int32(), pa.string())
            for name in columns
        }
        sizes = _Sizes(self._files)
        for path in self._files:
            where, delimiter = str(path), _delimiter(path)
            _refuse_mislabelled(path)
            names = _csv_header(path, delimiter)
            refuse_missing_columns(columns, _with_partition(names, path), where)
            partition = _partition(columns, names, path)
            own = [name for name in columns if name not in partition]
            # An empty cell is missing, quoted or not; anything else is a value.
            convert = pv.ConvertOptions(
                include_columns=own or names[:1],
                column_types={name: types[name] for name in own},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            )
            parse = pv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
            with _readable(path), _opened(path) as (raw, text):
                for batch in pv.open_csv(text, parse_options=parse, convert_options=convert):
                    share = raw.tell() / max(1, sizes.of(path))
                    made = of_record_batch(batch, own, where, sizes.done(path, share))
                    yield _placed(made, partition, numeric)


class _JsonLines:
    from_text = False

    def __init__(self, files: list[File]):
        self._files = files

    def names(self) -> list[str]:
        """Keys of the first file's first records; there is no header to ask."""
        path, found = self._files[0], dict[str, None]()
        _refuse_mislabelled(path)
        with _readable(path), _opened(path) as (_, text):
            lines = io.TextIOWrapper(text, encoding="utf-8-sig")
            for line, record in enumerate(itertools.islice(lines, _ROWS), 1):
                if record.strip():
                    found.update(dict.fromkeys(_record(record, str(path), line)))
        return _with_partition(list(found), path)

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        import pyarrow as pa

        sizes = _Sizes(self._files)
        for path in self._files:
            where, seen, line = str(path), dict.fromkeys(columns, False), 0
            _refuse_mislabelled(path)
            names: dict[str, None] = {}
            partition: dict[str, str | None] | None = None
            with _readable(path), _opened(path) as (raw, text):
                lines = io.TextIOWrapper(text, encoding="utf-8-sig")
                while chunk := list(itertools.islice(lines, _ROWS)):
                    records = [
                        _record(t, where, line + i) for i, t in enumerate(chunk, 1) if t.strip()
                    ]
                    line += len(chunk)
                    for record in records[:1]:
                        names.update(dict.fromkeys(record))
                    if partition is None:
                        first = {name for record in records for name in record}
                        partition = _partition(columns, first, path)
                    own = [name for name in columns if name not in partition]
                    for name in own:
                        seen[name] = seen[name] or any(name in record for record in records)
                    arrays = {}
                    for name in own:
                        try:
                            arrays[name] = pa.array([record.get(name) for record in records])
                        except (pa.ArrowException, OverflowError) as error:
                            raise DataError(
                                f"{where}: column {name!r} holds values of different types up to "
                                f"line {line:,}: {error}; make it one type"
                            ) from error
                    share = raw.tell() / max(1, sizes.of(path))
                    batch = Batch(arrays, len(records), where, sizes.done(path, share))
                    yield _placed(batch, partition, numeric)
            if line:
                unseen = [n for n in columns if not seen[n] and n not in (partition or ())]
                refuse_missing_columns(unseen, _with_partition([*names], path), where)


class _Sizes:
    """Sizes of files in bytes, from which the share that is read so far follows."""

    def __init__(self, files: list[File]):
        self._size = {path: size_of(path) for path in files}
        self._before = dict(
            zip(files, itertools.accumulate(self._size.values(), initial=0), strict=False)
        )
        self._total = max(1, sum(self._size.values()))

    def of(self, path: File) -> int:
        return self._size[path]

    def done(self, path: File, share: float) -> float:
        return (self._before[path] + min(1.0, share) * self._size[path]) / self._total


def _is_data(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    hidden = any(part.startswith((".", "_")) for part in parts)
    known = any(suffix.lower() in _FORMATS for suffix in path.suffixes[-2:])
    return path.is_file() and known and not hidden


def _refuse_pointer(path: Path) -> None:
    """Refuse a small text file that a version control system has left in place of the data."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return  # whoever reads it says what is wrong
    for begins, (system, fetch) in _POINTERS.items():
        if start.startswith(begins):
            raise PointerError(
                f"{str(path)!r} is a pointer of {system}, not the data; fetch them: `{fetch}`"
            )
    if path.suffix == ".dvc":
        _refuse_dvc([str(path)])


def _refuse_dvc(pointers: Sequence[str]) -> None:
    for text in pointers:
        if Path(text).is_file():
            raise PointerError(
                f"{text!r} is a pointer of DVC, and the data are not there; fetch them: `dvc pull`"
            )


def _nearby(path: Path) -> str:
    from biaskit.errors import did_you_mean

    if not path.parent.is_dir():
        return f": there is no folder {str(path.parent)!r}"
    names = sorted(p.name for p in path.parent.iterdir() if _is_data(p, path.parent))
    return f"; {did_you_mean(path.name, names)}" if names else ""


@contextlib.contextmanager
def _readable(path: File) -> Iterator[None]:
    """Errors of the reader named after the file that they come from."""
    import pyarrow as pa

    try:
        yield
    except BiaskitError:
        raise
    except (OSError, EOFError, ValueError, pa.ArrowException) as error:
        if (isinstance(path, RemoteFile) or path.exists()) and size_of(path) == 0:
            raise DataError(f"{str(path)!r} is empty; it needs at least a header") from error
        reason = " ".join(str(error).split())
        raise DataError(
            f"{str(path)!r} cannot be read as {format_of(path)}: {reason[:300]}"
        ) from error


@contextlib.contextmanager
def _opened(path: File) -> Iterator[tuple[Any, Any]]:
    """Raw file, and the stream of its text, which is decompressed as the name says."""
    import pyarrow as pa

    raw = opened(path)
    compression = _COMPRESSIONS.get(path.suffix.lower())
    text = pa.CompressedInputStream(raw, compression) if compression else raw
    with raw, text:
        yield raw, text


def _refuse_mislabelled(path: File) -> None:
    """Refuse a text file that begins as a binary one does, before its bytes are taken for text."""
    with _readable(path), opened(path) as file:
        start = file.read(4)
    if not start:
        raise DataError(f"{str(path)!r} is empty; it needs at least a header")
    for magic, name in _MAGIC.items():
        compressed = path.suffix.lower() in _COMPRESSIONS
        if start.startswith(magic) and not (compressed and name != "Parquet"):
            raise DataError(f"{str(path)!r} is a {name} file by its first bytes; rename it")


def _delimiter(path: File) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


def _csv_header(path: File, delimiter: str) -> list[str]:
    with _readable(path), _opened(path) as (_, text):
        # Bytes that are no UTF-8 matter only in the columns that are read, and Arrow sees to those.
        lines = io.TextIOWrapper(text, encoding="utf-8-sig", errors="surrogateescape", newline="")
        return next(csv.reader(lines, delimiter=delimiter), [])


def _record(text: str, where: str, line: int) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}, line {line:,}: not JSON: {error}; give one object a line"
        ) from error
    if not isinstance(record, dict):
        raise DataError(
            f"{where}, line {line:,}: a {type(record).__name__} where an object should be; "
            "give one object a line"
        )
    return record


def _is_bytes(file: Any, name: str) -> bool:
    """Whether a column is stored as byte arrays, which can be read as a dictionary."""
    index = file.schema_arrow.get_field_index(name)
    type_ = str(file.schema_arrow.field(index).type)
    return type_ in {"string", "large_string", "string_view", "binary", "large_binary"}
