"""Text files, plain or compressed."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from biaskit.errors import DataError
from biaskit.sources.files.dialect import Dialect, option
from biaskit.sources.files.endings import COMPRESSIONS, ending_of_bytes
from biaskit.sources.files.places import File
from biaskit.sources.files.ranges import Fetcher, RemoteBytes
from biaskit.sources.files.reading import ColumnPath, format_of, kernels_choice, readable
from biaskit.sources.files.streams import StreamBytes, Tailed
from biaskit.sources.files.turns import Known, Readable, open_text
from biaskit.sources.files.unpacking import unpacked
from biaskit.sources.text.cleaning import cleaned

__all__ = ["FOUND", "LINE", "OpenText", "lines_of", "opening", "paths", "unpaid"]

#: Most characters of a line.
LINE = 1 << 23
# Names of what may be taken for text, by the endings that names of such files have.
_NAMES = {
    ".parquet": "a Parquet",
    ".gz": "a gzip",
    ".bz2": "a bzip2",
    ".zst": "a Zstandard",
    ".xz": "an xz",
    ".zip": "a zip",
}
# Marks of the byte order, and the encodings of files that begin with them.
_MARKS = {
    codecs.BOM_UTF8: ("utf-8",),
    codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le", "utf-32", "utf-32-le"),
    codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be"),
}


#: Why a kernel reads a file, where `paths` says so.
FOUND = "values found by the kernel; what it cannot read is read without it"


def unpaid(least: int) -> str:
    """Why no kernel reads a file; it is loaded from `least` bytes on."""
    choice = kernels_choice()
    if choice != "auto":
        return f"BIASKIT_KERNELS is {choice}"
    return f"fewer than {least >> 20:,} MB: the kernel would take longer to load"


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

    def __init__(self, path: File, data: Readable, dialect: Dialect | None = None):
        self.path = path
        self.data = data
        self.dialect = dialect
        self.is_closed = False
        self._raw: Any = None
        self._texts: list[Any] = []
        self._lines: Any = None
        self._compression = self._compression_of(bytes(data.read(0, 4)))

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
        """Whether its bytes may have to be waited for: it is behind a filesystem, or a stream."""
        return isinstance(self.data, (RemoteBytes, StreamBytes))

    @property
    def is_read_once(self) -> bool:
        """Whether `first_lines` are there only before the text is read."""
        return isinstance(self.data, StreamBytes)

    def closes(self, value: str) -> bool:
        """Whether the last value of a text that is read once, and was read, is closed."""
        return bool(self._texts[-1].closes(value))

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
        text = self._plain(self._raw)
        if self.is_read_once:
            text = Tailed(text)
        self._texts.append(text)  # kept: it closes the file when collected
        return text

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
        made = unpacked(raw, self._compression) if self._compression else raw
        if self.dialect is None or not self.dialect.is_cleaned:
            return made
        return cleaned(made, self.dialect, self.delimiter, str(self.path))

    def _compression_of(self, start: bytes) -> str:
        """How the file is compressed: by its name, or by its first bytes if a call says its format.

        Raises
        ------
        DataError
            The first bytes are those of no text.
        """
        if not start:
            raise DataError(f"{str(self.path)!r} is empty; it needs at least a header")
        dialect = self.dialect or Dialect()
        last = dialect.endings_of(self.path)[-1:]
        found = ending_of_bytes(start)
        is_named = not COMPRESSIONS.keys().isdisjoint(last)
        may_be_packed = is_named or dialect.input_format is not None or self.is_read_once
        if found in _NAMES and not (may_be_packed and found in COMPRESSIONS):
            raise DataError(
                f"{str(self.path)!r} is {_NAMES[found]} file by its first bytes; "
                + ("write it to a file first, and name that" if self.is_read_once else "rename it")
            )
        for mark, names in _MARKS.items():
            if start.startswith(mark) and dialect.encoding not in names:
                is_csv = format_of(self.path, "csv", self.dialect) == "csv"
                raise DataError(
                    f"{str(self.path)!r} is {names[0].upper()} text by its first bytes; "
                    + (f"give {option('encoding', names[0])}" if is_csv else "save it as UTF-8")
                )
        ending = "".join(last) if is_named else found
        return COMPRESSIONS.get(ending, "")


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
        with readable(path, dialect):
            data = open_text(path, known, fetcher)
            try:
                return OpenText(path, data, dialect)
            except BaseException:
                data.close()
                raise

    return open_one
