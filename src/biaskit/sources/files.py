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
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from biaskit.errors import BiaskitError, DataError, PointerError, listed
from biaskit.roles import Roles
from biaskit.sources.batches import Batch, Source, of_record_batch, refuse_missing_columns
from biaskit.sources.choice import against_kernels, kernels_pay
from biaskit.sources.encode import Encoder
from biaskit.sources.encoded import Cells, counted, planned

__all__ = ["ColumnPath", "ParquetFiles", "column_paths", "expanded", "file_source", "open_parquet"]

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
    """Files that some paths, globs and folders stand for, each once, globs and folders sorted.

    Raises
    ------
    DataError
        A path does not exist, or a glob or a folder has no file in a known format.
    """
    files: list[Path] = []
    for given in paths:
        text = os.fspath(given)
        path = Path(text)
        if "://" in text:
            raise DataError(
                f"{text!r} is an address; biaskit reads local files: copy it here first"
            )
        if path.is_dir():
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


def file_source(paths: Sequence[str | os.PathLike[str]]) -> Source:
    """Source of the rows of files, all of one format.

    Raises
    ------
    DataError
        A file is missing or of no known format, or the formats differ.
    """
    files = expanded(paths)
    for path in files:
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


def format_of(path: Path) -> str:
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
    for path in expanded(paths):
        yield ColumnPath(str(path), "(all)", "", 0, *ways[format_of(path)])


class ParquetFiles:
    """Parquet files as a source, which may also count their rows where they are read."""

    from_text = False

    def __init__(self, files: list[Path]):
        self._files = files

    def names(self) -> list[str]:
        """Names of the columns of the first file."""
        import pyarrow.parquet as pq

        with _readable(self._files[0]):
            return list(pq.ParquetFile(self._files[0]).schema_arrow.names)

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        """Batches of the columns named."""
        sizes = _Sizes(self._files)
        for path in self._files:
            with _readable(path):
                file = open_parquet(path, columns)
            yield from _parquet_batches(file, path, columns, sizes)

    def parts(
        self, columns: Collection[str], roles: Roles, encoders: Mapping[str, Encoder]
    ) -> Iterator[Batch | Cells]:
        """Batches of the columns named, or counts of their rows, whichever is read sooner."""
        import pyarrow.parquet as pq

        sizes = _Sizes(self._files)
        for path in self._files:
            with _readable(path):
                file = pq.ParquetFile(path)
                refuse_missing_columns(columns, file.schema_arrow.names, str(path))
                if kernels_pay(file.metadata.num_rows):
                    yield from counted(file, path, roles, encoders, partial(sizes.done, path))
                    continue
                file = open_parquet(path, columns, file)
            yield from _parquet_batches(file, path, columns, sizes)

    def paths(self, roles: Roles, encoders: Mapping[str, Encoder]) -> Iterator[ColumnPath]:
        """How `parts` would read each column, and why so."""
        import pyarrow.parquet as pq

        by_column = roles.columns()
        for path in self._files:
            with _readable(path):
                file = pq.ParquetFile(path)
                refuse_missing_columns(by_column, file.schema_arrow.names, str(path))
                if against := against_kernels(file.metadata.num_rows):
                    groups = file.metadata.num_row_groups
                    found = dict.fromkeys(((c, "Arrow", against) for c in by_column), groups)
                else:
                    found = dict(planned(file, path, roles, encoders))
            for (column, *way), groups in found.items():
                yield ColumnPath(str(path), column, by_column[column], groups, *way)


def open_parquet(path: Path, columns: Collection[str], plain: Any = None) -> Any:
    """Parquet file whose columns of texts, of those named, are read as dictionaries.

    `plain` is the same file where it is open already.
    """
    import pyarrow.parquet as pq

    plain = pq.ParquetFile(path) if plain is None else plain
    refuse_missing_columns(columns, plain.schema_arrow.names, str(path))
    texts = [name for name in columns if _is_bytes(plain, name)]
    # A file that is read ahead is in memory whole before its last batch is handed over.
    return pq.ParquetFile(path, metadata=plain.metadata, read_dictionary=texts, pre_buffer=False)


def _parquet_batches(
    file: Any, path: Path, columns: Collection[str], sizes: _Sizes
) -> Iterator[Batch]:
    rows, total = 0, max(1, file.metadata.num_rows)
    reader = file.iter_batches(batch_size=_ROWS, columns=list(columns))
    with _readable(path):
        for batch in reader:
            rows += batch.num_rows
            yield of_record_batch(batch, columns, str(path), sizes.done(path, rows / total))
    if rows != file.metadata.num_rows:
        raise DataError(
            f"{path} should have {file.metadata.num_rows:,} rows but {rows:,} were read; "
            "it is damaged: write it again"
        )


class _Csv:
    from_text = True

    def __init__(self, files: list[Path]):
        self._files = files

    def names(self) -> list[str]:
        _refuse_mislabelled(self._files[0])
        return _csv_header(self._files[0], _delimiter(self._files[0]))

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        import pyarrow as pa
        import pyarrow.csv as pv

        types = {
            name: pa.float64() if name in numeric else pa.dictionary(pa.int32(), pa.string())
            for name in columns
        }
        # An empty cell is missing, quoted or not; anything else is a value.
        convert = pv.ConvertOptions(
            include_columns=list(columns),
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        )
        sizes = _Sizes(self._files)
        for path in self._files:
            where, delimiter = str(path), _delimiter(path)
            _refuse_mislabelled(path)
            refuse_missing_columns(columns, _csv_header(path, delimiter), where)
            parse = pv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
            with _readable(path), _opened(path) as (raw, text):
                for batch in pv.open_csv(text, parse_options=parse, convert_options=convert):
                    share = raw.tell() / max(1, sizes.of(path))
                    yield of_record_batch(batch, columns, where, sizes.done(path, share))


class _JsonLines:
    from_text = False

    def __init__(self, files: list[Path]):
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
        return list(found)

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        import pyarrow as pa

        sizes = _Sizes(self._files)
        for path in self._files:
            where, seen, line = str(path), dict.fromkeys(columns, False), 0
            _refuse_mislabelled(path)
            names: dict[str, None] = {}
            with _readable(path), _opened(path) as (raw, text):
                lines = io.TextIOWrapper(text, encoding="utf-8-sig")
                while chunk := list(itertools.islice(lines, _ROWS)):
                    records = [
                        _record(t, where, line + i) for i, t in enumerate(chunk, 1) if t.strip()
                    ]
                    line += len(chunk)
                    for record in records[:1]:
                        names.update(dict.fromkeys(record))
                    for name in columns:
                        seen[name] = seen[name] or any(name in record for record in records)
                    arrays = {}
                    for name in columns:
                        try:
                            arrays[name] = pa.array([record.get(name) for record in records])
                        except (pa.ArrowException, OverflowError) as error:
                            raise DataError(
                                f"{where}: column {name!r} holds values of different types up to "
                                f"line {line:,}: {error}; make it one type"
                            ) from error
                    share = raw.tell() / max(1, sizes.of(path))
                    yield Batch(arrays, len(records), where, sizes.done(path, share))
            if line:
                refuse_missing_columns([n for n in columns if not seen[n]], names, where)


class _Sizes:
    """Sizes of files in bytes, from which the share that is read so far follows."""

    def __init__(self, files: list[Path]):
        self._size = {path: path.stat().st_size for path in files}
        self._before = dict(
            zip(files, itertools.accumulate(self._size.values(), initial=0), strict=False)
        )
        self._total = max(1, sum(self._size.values()))

    def of(self, path: Path) -> int:
        return self._size[path]

    def done(self, path: Path, share: float) -> float:
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
def _readable(path: Path) -> Iterator[None]:
    """Errors of the reader named after the file that they come from."""
    import pyarrow as pa

    try:
        yield
    except BiaskitError:
        raise
    except (OSError, EOFError, ValueError, pa.ArrowException) as error:
        size = path.stat().st_size if path.exists() else 0
        if size == 0:
            raise DataError(f"{str(path)!r} is empty; it needs at least a header") from error
        reason = " ".join(str(error).split())
        raise DataError(
            f"{str(path)!r} cannot be read as {format_of(path)}: {reason[:300]}"
        ) from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Raw file, and the stream of its text, which is decompressed as the name says."""
    import pyarrow as pa

    raw = pa.OSFile(os.fspath(path))
    compression = _COMPRESSIONS.get(path.suffix.lower())
    text = pa.CompressedInputStream(raw, compression) if compression else raw
    with raw, text:
        yield raw, text


def _refuse_mislabelled(path: Path) -> None:
    """Refuse a text file that begins as a binary one does, before its bytes are taken for text."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise DataError(f"{str(path)!r} is empty; it needs at least a header")
    for magic, name in _MAGIC.items():
        compressed = path.suffix.lower() in _COMPRESSIONS
        if start.startswith(magic) and not (compressed and name != "Parquet"):
            raise DataError(f"{str(path)!r} is a {name} file by its first bytes; rename it")


def _delimiter(path: Path) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


def _csv_header(path: Path, delimiter: str) -> list[str]:
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
