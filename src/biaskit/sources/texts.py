"""Text files as sources: CSV, TSV and JSON Lines, plain or compressed."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
from collections.abc import Collection, Iterator
from typing import Any

from biaskit.errors import DataError
from biaskit.sources.batches import Batch, of_record_batch, refuse_missing_columns
from biaskit.sources.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.places import File, opened
from biaskit.sources.reading import COMPRESSIONS, Sizes, readable

__all__ = ["CsvFiles", "JsonLinesFiles"]

_ROWS = 1 << 17
_MAGIC = {
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


class CsvFiles:
    """CSV and TSV files as a source."""

    from_text = True

    def __init__(self, files: list[File]):
        self._files = files

    def names(self) -> list[str]:
        """Names of the columns of the first file, and of its folders' values."""
        path = self._files[0]
        _refuse_mislabelled(path)
        return names_with_folders(_csv_header(path, _delimiter(path)), path)

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        """Batches of the columns named."""
        import pyarrow as pa
        import pyarrow.csv as pv

        types = {
            name: pa.float64() if name in numeric else pa.dictionary(pa.int32(), pa.string())
            for name in columns
        }
        sizes = Sizes(self._files)
        for path in self._files:
            where, delimiter = str(path), _delimiter(path)
            _refuse_mislabelled(path)
            names = _csv_header(path, delimiter)
            refuse_missing_columns(columns, names_with_folders(names, path), where)
            partition = of_folders(columns, names, path)
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
            with readable(path), _opened(path) as (raw, text):
                for batch in pv.open_csv(text, parse_options=parse, convert_options=convert):
                    share = raw.tell() / max(1, sizes.of(path))
                    made = of_record_batch(batch, own, where, sizes.done(path, share))
                    yield with_folders(made, partition, numeric)


class JsonLinesFiles:
    """Files of a JSON object a line as a source."""

    from_text = False

    def __init__(self, files: list[File]):
        self._files = files

    def names(self) -> list[str]:
        """Keys of the first file's first records; there is no header to ask."""
        path, found = self._files[0], dict[str, None]()
        _refuse_mislabelled(path)
        with readable(path), _opened(path) as (_, text):
            lines = io.TextIOWrapper(text, encoding="utf-8-sig")
            for line, record in enumerate(itertools.islice(lines, _ROWS), 1):
                if record.strip():
                    found.update(dict.fromkeys(_record(record, str(path), line)))
        return names_with_folders(list(found), path)

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        """Batches of the columns named."""
        import pyarrow as pa

        sizes = Sizes(self._files)
        for path in self._files:
            where, seen, line = str(path), dict.fromkeys(columns, False), 0
            _refuse_mislabelled(path)
            names: dict[str, None] = {}
            partition: dict[str, str | None] | None = None
            with readable(path), _opened(path) as (raw, text):
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
                        partition = of_folders(columns, first, path)
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
                    yield with_folders(batch, partition, numeric)
            if line:
                unseen = [n for n in columns if not seen[n] and n not in (partition or ())]
                refuse_missing_columns(unseen, names_with_folders([*names], path), where)


@contextlib.contextmanager
def _opened(path: File) -> Iterator[tuple[Any, Any]]:
    """Raw file, and the stream of its text, which is decompressed as the name says."""
    import pyarrow as pa

    raw = opened(path)
    compression = COMPRESSIONS.get(path.suffix.lower())
    text = pa.CompressedInputStream(raw, compression) if compression else raw
    with raw, text:
        yield raw, text


def _refuse_mislabelled(path: File) -> None:
    """Refuse a text file that begins as a binary one does, before its bytes are taken for text."""
    with readable(path), opened(path) as file:
        start = file.read(4)
    if not start:
        raise DataError(f"{str(path)!r} is empty; it needs at least a header")
    for magic, name in _MAGIC.items():
        compressed = path.suffix.lower() in COMPRESSIONS
        if start.startswith(magic) and not (compressed and name != "Parquet"):
            raise DataError(f"{str(path)!r} is a {name} file by its first bytes; rename it")


def _delimiter(path: File) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


def _csv_header(path: File, delimiter: str) -> list[str]:
    with readable(path), _opened(path) as (_, text):
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
