"""Text files, plain or compressed, and JSON Lines as a source."""

from __future__ import annotations

import codecs
import io
import itertools
import os
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, ClassVar

from biaskit.errors import DataError
from biaskit.sources.batches import Ask, Batch, Counting, refuse_missing_columns
from biaskit.sources.files.ahead import in_order
from biaskit.sources.files.dialect import Dialect, option
from biaskit.sources.files.endings import COMPRESSIONS, ending_of_bytes
from biaskit.sources.files.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.files.places import File
from biaskit.sources.files.ranges import Fetcher, RemoteBytes
from biaskit.sources.files.reading import ColumnPath, Sizes, format_of, readable
from biaskit.sources.files.streams import StreamBytes, Tailed
from biaskit.sources.files.turns import Known, Readable, looked_into, open_text, opened_in_turn
from biaskit.sources.files.unpacking import unpacked
from biaskit.sources.text.cleaning import cleaned
from biaskit.sources.text.records import (
    LETTERS,
    LINE,
    ROWS,
    SPARE,
    Block,
    Finish,
    Kernel,
    by_library,
    kernels_pay,
    record_of,
)

__all__ = ["JsonLinesFiles", "OpenText", "opening", "paths"]

# Bytes of JSON Lines parsed at a time.
_JSON_BLOCK = 1 << 21
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


def paths(files: Sequence[File], path: str, why: str) -> Iterator[ColumnPath]:
    """How each of some files would be read, and why."""
    for file in files:
        yield ColumnPath(str(file), "(all)", "", 0, path, why)


class JsonLinesFiles:
    """Files with one JSON object per line as a source."""

    #: Bytes that the standard library has parsed in this process.
    bytes_by_library: ClassVar[int] = 0

    def __init__(self, files: list[File], known: Known, dialect: Dialect | None = None):
        self._files = files
        self._known = known
        self._dialect = dialect  # which says their format at most

    def names(self) -> list[str]:
        """Keys of the first file's first records; there is no header to ask."""
        path, found = self._files[0], dict[str, None]()
        with readable(path), looked_into(path, self._known, from_start=True) as data:
            letters = 0
            lines = OpenText(path, data, self._dialect).first_lines()
            for line, record in enumerate(itertools.islice(lines, ROWS), 1):
                if record.strip():
                    found.update(dict.fromkeys(record_of(record, str(path), line)))
                letters += len(record)
                if letters > LETTERS:
                    break
        return names_with_folders(list(found), path)

    def paths(self, counting: Counting) -> Iterator[ColumnPath]:
        """How each file would be read, and why."""
        return paths(self._files, "json", "JSON Lines have no encoded form")

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the named columns."""
        sizes = Sizes(self._files)
        size = JsonLinesFiles.bytes_by_library + sizes.total
        with opened_in_turn(self._files, opening(self._known, self._dialect)) as files:
            for file in files:
                with readable(file.path, self._dialect), closing(file):
                    yield from _json_batches(file, ask, sizes, size)


def _json_batches(file: OpenText, ask: Ask, sizes: Sizes, size: int) -> Iterator[Batch]:
    """Rows of a file; `size` is the bytes that the process will have read after this source."""
    import pyarrow as pa

    columns, numeric = ask.columns, ask.numeric
    path, where = file.path, str(file.path)
    seen: set[str] = set()
    names: dict[str, None] = {}
    folders: dict[str, str | None] | None = None
    line = 0
    file.fetch()
    with closing(_found(file, columns, numeric, size)) as blocks:
        for block, read, found in blocks:
            made = found(where, line) if found else None
            if made is None:
                JsonLinesFiles.bytes_by_library += block.size
            lines = file.lines_in(block, line)
            for part in [made] if made else by_library(lines, columns, where, line):
                line += part.lines
                names.update(dict.fromkeys(part.names))
                seen.update(part.arrays)
                if folders is None:
                    folders = of_folders(columns, seen, path)
                arrays = {
                    name: part.arrays.get(name, pa.nulls(part.rows))
                    for name in columns
                    if name not in folders
                }
                done = sizes.done(path, read / sizes.of(path))
                yield with_folders(Batch(arrays, part.rows, where, done), folders, numeric)
    if line:
        unseen = [name for name in columns if name not in seen and name not in (folders or ())]
        refuse_missing_columns(unseen, names_with_folders([*names], path), where)


def _found(
    file: OpenText, columns: Sequence[str], numeric: Collection[str], size: int
) -> Generator[tuple[Block, int, Finish | None], None, None]:
    """Blocks of a file, the bytes read so far, and what a kernel found in each."""
    blocks = ((block, file.bytes_read) for block in file.blocks())
    for block, read in blocks:
        if kernels_pay(max(size, JsonLinesFiles.bytes_by_library)):  # the file may be compressed
            rest = itertools.chain([(block, read)], blocks)
            yield from _found_by(Kernel(columns, numeric), rest)
        else:
            yield block, read, None


def _found_by(
    kernel: Kernel, blocks: Iterator[tuple[Block, int]]
) -> Generator[tuple[Block, int, Finish | None], None, None]:
    """Blocks, the bytes read so far, and what the kernel found in each, by all processors."""
    threads = os.cpu_count() or 1
    tried = in_order(lambda one: (*one, kernel.found(one[0])), blocks, threads, 2 * threads)
    with closing(tried):
        yield from tried


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
        self._text: Any = None
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
        return bool(self._text.closes(value))

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
        if self.is_read_once:
            self._text = Tailed(self._text)
        return self._text

    def blocks(self) -> Iterator[Block]:
        """Whole lines of `text`, some `_JSON_BLOCK` bytes at a time; a line too long is cut."""
        stream = self.text()
        parts: list[bytes | memoryview] = []
        size, is_first = 0, True
        while fresh := stream.read(_JSON_BLOCK):
            # A "\r" at the end may be half of an end of a line.
            end = max(fresh.rfind(b"\n"), fresh.rfind(b"\r", 0, len(fresh) - 1)) + 1
            size += len(fresh)
            if end == 0 and size <= 4 * LINE:
                parts.append(fresh)
                continue
            end = end or len(fresh)
            yield _block([*parts, memoryview(fresh)[:end]], is_first=is_first)
            parts, size, is_first = [fresh[end:]], len(fresh) - end, False
        if size:
            yield _block(parts, is_first=is_first)

    def lines_in(self, block: Block, before: int) -> Iterator[str]:
        """Lines in a block, none of them longer than `LINE`; `before` lines precede it."""
        return self._lines_of(io.BytesIO(block.text[: block.size]), before, encoding="utf-8")

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
        made = unpacked(raw, self._compression) if self._compression else raw
        if self.dialect is None or not self.dialect.is_cleaned:
            return made
        return cleaned(made, self.dialect, self.delimiter, str(self.path))

    def _lines_of(
        self, stream: Any, number: int = 0, *, encoding: str = "utf-8-sig", **options: Any
    ) -> Iterator[str]:
        text = io.TextIOWrapper(stream, encoding=encoding, **options)
        self._lines = text  # it would close the stream when it is collected
        while line := text.readline(LINE):
            number += 1
            if len(line) == LINE:
                raise DataError(
                    f"{str(self.path)!r} has more than {LINE:,} letters in line {number:,}; "
                    "it must have one row per line"
                )
            yield line

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


def _block(parts: Sequence[bytes | memoryview], *, is_first: bool) -> Block:
    """Block of bytes that follow each other, without a mark of UTF-8 at the start of the text."""
    text = b"".join([*parts, SPARE])
    if is_first:
        text = text.removeprefix(codecs.BOM_UTF8)
    return Block(text, len(text) - len(SPARE))


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
