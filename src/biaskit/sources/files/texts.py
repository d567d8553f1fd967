"""Text files, plain or compressed, and JSON Lines as a source."""

from __future__ import annotations

import codecs
import io
import itertools
import json
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from typing import Any

from biaskit.counts.levels import level
from biaskit.errors import DataError
from biaskit.sources.batches import (
    Ask,
    Batch,
    Counting,
    of_another_type,
    refuse_missing_columns,
)
from biaskit.sources.files.cleaning import cleaned
from biaskit.sources.files.dialect import Dialect, option
from biaskit.sources.files.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.files.places import File
from biaskit.sources.files.ranges import Bytes, Fetcher, RemoteBytes
from biaskit.sources.files.reading import COMPRESSIONS, ColumnPath, Sizes, readable
from biaskit.sources.files.turns import Known, looked_into, open_bytes, opened_in_turn

__all__ = ["JsonLinesFiles", "OpenText", "opening", "paths"]

_ROWS = 1 << 17
# Most characters of lines read at a time, and of one line.
_LETTERS = 1 << 25
_LINE = 1 << 23
_MAGIC = {
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
# Marks of the byte order, and the encodings of files that begin with them.
_MARKS = {
    codecs.BOM_UTF8: ("utf-8",),
    codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le", "utf-32", "utf-32-le"),
    codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be"),
}


def paths(files: Sequence[File], path: str, why: str) -> Iterator[ColumnPath]:
    """How each of some files would be read, and why."""
    for file in files:
        yield ColumnPath(str(file), "(all)", "", 0, path, why)


class JsonLinesFiles:
    """Files with one JSON object per line as a source."""

    def __init__(self, files: list[File], known: Known):
        self._files = files
        self._known = known

    def names(self) -> list[str]:
        """Keys of the first file's first records; there is no header to ask."""
        path, found = self._files[0], dict[str, None]()
        with readable(path), looked_into(path, self._known, from_start=True) as data:
            letters = 0
            lines = OpenText(path, data).first_lines()
            for line, record in enumerate(itertools.islice(lines, _ROWS), 1):
                if record.strip():
                    found.update(dict.fromkeys(_record(record, str(path), line)))
                letters += len(record)
                if letters > _LETTERS:
                    break
        return names_with_folders(list(found), path)

    def paths(self, counting: Counting) -> Iterator[ColumnPath]:
        """How each file would be read, and why."""
        return paths(self._files, "json", "JSON Lines have no encoded form")

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the named columns."""
        sizes = Sizes(self._files)
        with opened_in_turn(self._files, opening(self._known)) as files:
            for file in files:
                with readable(file.path), closing(file):
                    yield from _json_batches(file, ask.columns, ask.numeric, sizes)


def _json_batches(
    file: OpenText, columns: Collection[str], numeric: Collection[str], sizes: Sizes
) -> Iterator[Batch]:
    path, where = file.path, str(file.path)
    seen: set[str] = set()
    names: dict[str, None] = {}
    folders: dict[str, str | None] | None = None
    line = 0
    file.fetch()
    for chunk in _chunks(file.lines()):
        # Only the needed keys of a record are kept: it may have a thousand.
        at: list[int] = []
        values: dict[str, list[Any]] = {name: [] for name in columns}
        for number, text in enumerate(chunk, line + 1):
            if not text.strip():
                continue
            record = _record(text, where, number)
            if not at:
                names.update(dict.fromkeys(record))
            at.append(number)
            for name, column in values.items():
                if name in record:
                    seen.add(name)
                column.append(record.get(name))
        line += len(chunk)
        if folders is None:
            folders = of_folders(columns, seen, path)
        arrays = {
            name: _json_array(column, name, where, at)
            for name, column in values.items()
            if name not in folders
        }
        done = sizes.done(path, file.bytes_read / sizes.of(path))
        yield with_folders(Batch(arrays, len(at), where, done), folders, numeric)
    if line:
        unseen = [name for name in columns if name not in seen and name not in (folders or ())]
        refuse_missing_columns(unseen, names_with_folders([*names], path), where)


def _chunks(lines: Iterator[str]) -> Iterator[list[str]]:
    """Lines in lists of bounded number and length."""
    chunk, letters = list[str](), 0
    for line in lines:
        chunk.append(line)
        letters += len(line)
        if len(chunk) == _ROWS or letters > _LETTERS:
            yield chunk
            chunk, letters = [], 0
    if chunk:
        yield chunk


def _json_array(values: Sequence[Any], name: str, where: str, at: Sequence[int]) -> Any:
    """Array of the values under a name in some records; `at` are their lines."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except UnicodeEncodeError:  # an unpaired surrogate, which Arrow cannot hold
        return pa.array([level(one) if isinstance(one, str) else one for one in values])
    except (pa.ArrowException, OverflowError) as error:
        line = at[of_another_type(values)]
        raise DataError(
            f"{where}: column {name!r} holds values of different types up to "
            f"line {line:,}: {error}; make it one type"
        ) from error


class OpenText:
    """An open text file, and the streams of its text.

    Raises
    ------
    DataError
        The file is empty, or begins like a binary file.
    """

    def __init__(self, path: File, data: Bytes, dialect: Dialect | None = None):
        self.path = path
        self.data = data
        self.dialect = dialect
        self.is_closed = False
        self._raw: Any = None
        self._text: Any = None
        self._lines: Any = None
        self._refuse_mislabelled(bytes(data.read(0, 4)))

    @property
    def delimiter(self) -> str:
        """Character between values."""
        return (self.dialect or Dialect()).delimiter_of(self.path)

    @property
    def bytes_read(self) -> int:
        """Bytes of the file read for `text` or `lines` so far."""
        return int(self._raw.tell())

    @property
    def is_far(self) -> bool:
        """Whether the file is behind a filesystem."""
        return isinstance(self.data, RemoteBytes)

    def fetch(self) -> None:
        """Request the whole of a remote file."""
        if isinstance(self.data, RemoteBytes):
            self.data.plan_all()

    def text(self) -> Any:
        """Stream of the text, decompressed according to the name; it is read once.

        That of a CSV in another dialect is plain CSV in UTF-8.
        """
        self._raw = self.data.source(once=True)
        self._text = self._plain(self._raw)  # kept, since it closes the file when collected
        return self._text

    def lines(self) -> Iterator[str]:
        """Lines of `text`, none of them longer than `_LINE`."""
        return self._lines_of(self.text())

    def first_lines(self, **options: Any) -> Iterator[str]:
        """Lines from the start, for a look at them before the text is read."""
        return self._lines_of(self._plain(self.data.beginning()), **options)

    def close(self) -> None:
        """Close the file."""
        self.is_closed = True
        if self._raw is not None:
            self._raw.close()
        self.data.close()

    def _plain(self, raw: Any) -> Any:
        import pyarrow as pa

        compression = COMPRESSIONS.get(self.path.suffix.lower())
        made = pa.CompressedInputStream(raw, compression) if compression else raw
        if self.dialect is None or not self.dialect.is_cleaned:
            return made
        return cleaned(made, self.dialect, self.delimiter, str(self.path))

    def _lines_of(self, stream: Any, **options: Any) -> Iterator[str]:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", **options)
        self._lines = text  # it would close the stream when it is collected
        number = 0
        while line := text.readline(_LINE):
            number += 1
            if len(line) == _LINE:
                raise DataError(
                    f"{str(self.path)!r} has more than {_LINE:,} letters in line {number:,}; "
                    "it must have one row per line"
                )
            yield line

    def _refuse_mislabelled(self, start: bytes) -> None:
        if not start:
            raise DataError(f"{str(self.path)!r} is empty; it needs at least a header")
        for magic, name in _MAGIC.items():
            compressed = self.path.suffix.lower() in COMPRESSIONS
            if start.startswith(magic) and not (compressed and name != "Parquet"):
                raise DataError(
                    f"{str(self.path)!r} is a {name} file by its first bytes; rename it"
                )
        encoding = "utf-8" if self.dialect is None else self.dialect.encoding
        for mark, names in _MARKS.items():
            if start.startswith(mark) and encoding not in names:
                reads = option("encoding", names[0])
                raise DataError(
                    f"{str(self.path)!r} is {names[0].upper()} text by its first bytes; "
                    + ("save it as UTF-8" if self.dialect is None else f"give {reads}")
                )


def opening(known: Known, dialect: Dialect | None = None) -> Callable[[File, Fetcher], OpenText]:
    """Opener of text files, for `opened_in_turn`; a local file may be open already."""

    def open_one(path: File, fetcher: Fetcher) -> OpenText:
        with readable(path):
            data = open_bytes(path, known, fetcher, from_start=True)
            try:
                return OpenText(path, data, dialect)
            except BaseException:
                data.close()
                raise

    return open_one


def _record(text: str, where: str, line: int) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(
            f"{where}, line {line:,}: not JSON: {error}; give one object per line"
        ) from error
    except ValueError as error:  # Python's limit for the digits of an integer
        raise DataError(
            f"{where}, line {line:,}: an integer of more than {sys.get_int_max_str_digits():,} "
            "digits; write it as a text, or leave the key out"
        ) from error
    if not isinstance(record, dict):
        raise DataError(
            f"{where}, line {line:,}: a {type(record).__name__} where an object should be; "
            "give one object per line"
        )
    return record
