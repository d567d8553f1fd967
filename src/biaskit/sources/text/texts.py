"""Text files, plain or compressed."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from biaskit.errors import DataError
from biaskit.sources.files.dialect import Dialect, option
from biaskit.sources.files.places import File
from biaskit.sources.files.ranges import Bytes, Fetcher, RemoteBytes
from biaskit.sources.files.reading import COMPRESSIONS, ColumnPath, readable
from biaskit.sources.files.turns import Known, open_bytes
from biaskit.sources.text.cleaning import cleaned

__all__ = ["LINE", "OpenText", "lines_of", "opening", "paths"]

#: Most characters of a line.
LINE = 1 << 23
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
        self._texts: list[Any] = []
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

        That of a CSV in another dialect is plain CSV in UTF-8. A local file can be read again: the
        stream of another call begins at the start, and those before it are lost.
        """
        self._raw = self.data.source(once=True)
        self._texts.append(self._plain(self._raw))  # kept: it closes the file when collected
        return self._texts[-1]

    def first_lines(self, **options: Any) -> Iterator[str]:
        """Lines from the start, for a look at them before the text is read."""
        self._lines = io.TextIOWrapper(self.beginning(), **{"encoding": "utf-8-sig"} | options)
        return lines_of(self._lines, self.path)  # kept, since it closes the stream when collected

    def beginning(self) -> Any:
        """Stream of the text from the start, for a look at it before it is read."""
        return self._plain(self.data.beginning())

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


def lines_of(text: io.TextIOBase, path: File, before: int = 0, unit: str = "line") -> Iterator[str]:
    """Lines of a text, none of them longer than `LINE`; `before` lines precede them."""
    while line := text.readline(LINE):
        before += 1
        if len(line) == LINE:
            raise DataError(
                f"{str(path)!r} has more than {LINE:,} letters in {unit} {before:,}; "
                f"it must have one row per {unit}"
            )
        yield line


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
