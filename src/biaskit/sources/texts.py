"""Text files as sources: CSV, TSV and JSON Lines, plain or compressed."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from biaskit.errors import DataError
from biaskit.sources.batches import Batch, of_another_type, of_record_batch, refuse_missing_columns
from biaskit.sources.opening import opened_in_turn
from biaskit.sources.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.places import File, RemoteFile, opened
from biaskit.sources.ranges import Fetcher, RemoteBytes
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
        with opened_in_turn(self._files[:1], _OpenText) as files:
            (file,) = files
            return names_with_folders(_csv_header(file, _delimiter(file.path)), file.path)

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        """Batches of the columns named."""
        import pyarrow as pa
        import pyarrow.csv as pv

        types = {
            name: pa.float64() if name in numeric else pa.dictionary(pa.int32(), pa.string())
            for name in columns
        }
        texts = frozenset(name for name in columns if name not in numeric)
        sizes = Sizes(self._files)
        with opened_in_turn(self._files, _OpenText) as files:
            for file in files:
                path, delimiter = file.path, _delimiter(file.path)
                names = _csv_header(file, delimiter)
                refuse_missing_columns(columns, names_with_folders(names, path), str(path))
                folders = of_folders(columns, names, path)
                own = [name for name in columns if name not in folders]
                # An empty cell is missing, quoted or not; anything else is a value.
                convert = pv.ConvertOptions(
                    include_columns=own or names[:1],
                    column_types={name: types[name] for name in own},
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                )
                parse = pv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
                with readable(path), closing(file):
                    file.fetch()
                    text = file.text()
                    for batch in pv.open_csv(text, parse_options=parse, convert_options=convert):
                        done = sizes.done(path, file.bytes_read / sizes.of(path))
                        made = of_record_batch(batch, own, str(path), done, texts)
                        yield with_folders(made, folders, numeric)


class JsonLinesFiles:
    """Files of a JSON object a line as a source."""

    from_text = False

    def __init__(self, files: list[File]):
        self._files = files

    def names(self) -> list[str]:
        """Keys of the first file's first records; there is no header to ask."""
        path, found = self._files[0], dict[str, None]()
        with opened_in_turn(self._files[:1], _OpenText) as files, readable(path):
            (file,) = files
            for line, record in enumerate(itertools.islice(file.lines(), _ROWS), 1):
                if record.strip():
                    found.update(dict.fromkeys(_record(record, str(path), line)))
        return names_with_folders(list(found), path)

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        """Batches of the columns named."""
        sizes = Sizes(self._files)
        with opened_in_turn(self._files, _OpenText) as files:
            for file in files:
                with readable(file.path), closing(file):
                    yield from _json_batches(file, columns, numeric, sizes)


def _json_batches(
    file: _OpenText, columns: Collection[str], numeric: Collection[str], sizes: Sizes
) -> Iterator[Batch]:
    path, where = file.path, str(file.path)
    seen, line = dict.fromkeys(columns, False), 0
    names: dict[str, None] = {}
    folders: dict[str, str | None] | None = None
    file.fetch()
    lines = file.lines()
    while chunk := list(itertools.islice(lines, _ROWS)):
        at = [line + i for i, text in enumerate(chunk, 1) if text.strip()]
        records = [_record(chunk[i - line - 1], where, i) for i in at]
        line += len(chunk)
        for record in records[:1]:
            names.update(dict.fromkeys(record))
        if folders is None:
            first = {name for record in records for name in record}
            folders = of_folders(columns, first, path)
        own = [name for name in columns if name not in folders]
        for name in own:
            seen[name] = seen[name] or any(name in record for record in records)
        arrays = {name: _json_array(records, name, where, at) for name in own}
        done = sizes.done(path, file.bytes_read / sizes.of(path))
        yield with_folders(Batch(arrays, len(records), where, done), folders, numeric)
    if line:
        unseen = [name for name in columns if not seen[name] and name not in (folders or ())]
        refuse_missing_columns(unseen, names_with_folders([*names], path), where)


def _json_array(
    records: Sequence[Mapping[str, Any]], name: str, where: str, at: Sequence[int]
) -> Any:
    """Array of what records have under a name; `at` are their lines."""
    import pyarrow as pa

    values = [record.get(name) for record in records]
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError) as error:
        line = at[of_another_type(values)]
        raise DataError(
            f"{where}: column {name!r} holds values of different types up to "
            f"line {line:,}: {error}; make it one type"
        ) from error


class _OpenText:
    """An open text file, whose text can be read from its start any number of times.

    Raises
    ------
    DataError
        The file is empty, or begins as a binary one does: its bytes are not to be taken for text.
    """

    def __init__(self, path: File, fetcher: Fetcher):
        self.path = path
        self.is_closed = False
        self._data: RemoteBytes | None = None
        self._raw: Any = None
        try:
            with readable(path):
                if isinstance(path, RemoteFile):
                    self._data = RemoteBytes(path, fetcher, from_start=True)
                self._refuse_mislabelled(self._opened().read(4))
        except BaseException:
            self.close()
            raise

    @property
    def bytes_read(self) -> int:
        """Bytes of the file that are read so far."""
        return int(self._raw.tell())

    def fetch(self) -> None:
        """Ask for all of the file, where it is far away."""
        if self._data is not None:
            self._data.plan_all()

    def text(self) -> Any:
        """Stream of the text from its start, decompressed as the name says."""
        import pyarrow as pa

        raw = self._opened()
        compression = COMPRESSIONS.get(self.path.suffix.lower())
        return pa.CompressedInputStream(raw, compression) if compression else raw

    def lines(self, **options: Any) -> io.TextIOWrapper:
        """Lines of the text from its start."""
        return io.TextIOWrapper(self.text(), encoding="utf-8-sig", **options)

    def close(self) -> None:
        """Let go of the file."""
        self.is_closed = True
        if self._raw is not None:
            self._raw.close()
        if self._data is not None:
            self._data.close()

    def _opened(self) -> Any:
        if self._raw is not None:
            self._raw.close()
        self._raw = opened(self.path) if self._data is None else self._data.source(once=True)
        return self._raw

    def _refuse_mislabelled(self, start: bytes) -> None:
        if not start:
            raise DataError(f"{str(self.path)!r} is empty; it needs at least a header")
        for magic, name in _MAGIC.items():
            compressed = self.path.suffix.lower() in COMPRESSIONS
            if start.startswith(magic) and not (compressed and name != "Parquet"):
                raise DataError(
                    f"{str(self.path)!r} is a {name} file by its first bytes; rename it"
                )


def _delimiter(path: File) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


def _csv_header(file: _OpenText, delimiter: str) -> list[str]:
    with readable(file.path):
        # Bytes that are no UTF-8 matter only in the columns that are read, and Arrow sees to those.
        lines = file.lines(errors="surrogateescape", newline="")
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
