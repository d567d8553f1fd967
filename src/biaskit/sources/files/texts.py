"""Text files as sources: CSV, TSV and JSON Lines, plain or compressed."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import os
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, ClassVar

from biaskit.errors import DataError
from biaskit.sources.batches import (
    Ask,
    Batch,
    Counting,
    of_record_batch,
    refuse_missing_columns,
)
from biaskit.sources.files.ahead import elsewhere, in_order
from biaskit.sources.files.faults import line_of_open_quote, unfit_cell
from biaskit.sources.files.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.files.places import File
from biaskit.sources.files.ranges import Bytes, Fetcher, RemoteBytes
from biaskit.sources.files.reading import COMPRESSIONS, ColumnPath, Sizes, readable
from biaskit.sources.files.records import (
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
from biaskit.sources.files.turns import Known, looked_into, open_bytes, opened_in_turn

__all__ = ["CsvFiles", "JsonLinesFiles"]

# Bytes of CSV parsed at a time; more where the header is long, since rows may then be long too.
_BLOCK = 1 << 20
_HEADERS_IN_BLOCK = 8
# Bytes of JSON Lines parsed at a time.
_JSON_BLOCK = 1 << 21
_MAGIC = {
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


class CsvFiles:
    """CSV and TSV files as a source."""

    def __init__(self, files: list[File], known: Known):
        self._files = files
        self._known = known

    def names(self) -> list[str]:
        """Names of the columns of the first file, and of its folders' values."""
        first = self._files[0]
        with readable(first), looked_into(first, self._known, from_start=True) as data:
            return names_with_folders(_csv_header(_OpenText(first, data)), first)

    def paths(self, counting: Counting) -> Iterator[ColumnPath]:
        """How each file would be read, and why."""
        return _paths(self._files, "Arrow", "CSV has no encoded form")

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the named columns."""
        import pyarrow as pa
        import pyarrow.csv as pv

        columns, numeric = ask.columns, ask.numeric
        types = {
            name: pa.float64() if name in numeric else pa.dictionary(pa.int32(), pa.string())
            for name in columns
        }
        texts = frozenset(name for name in columns if name not in numeric)
        sizes = Sizes(self._files)
        with opened_in_turn(self._files, _opening(self._known)) as files:
            for file in files:
                path = file.path
                names = _csv_header(file)
                refuse_missing_columns(columns, names_with_folders(names, path), str(path))
                folders = of_folders(columns, names, path)
                own = [name for name in columns if name not in folders]
                # An empty cell is missing, quoted or not; anything else is a value.
                # The last column is read too, as bytes where it has no role: it shows whether a
                # quotation mark is never closed.
                last = _last_column(names)
                included = dict.fromkeys([*own, *last]) or names[:1]
                convert = pv.ConvertOptions(
                    include_columns=[*included],
                    column_types={name: types.get(name, pa.binary()) for name in included},
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                )
                parse = pv.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True)
                with readable(path), closing(file):
                    file.fetch()
                    batches = _csv_batches(file, names, last, parse, convert)
                    for batch in elsewhere(batches) if file.is_far else batches:
                        done = sizes.done(path, file.bytes_read / sizes.of(path))
                        made = of_record_batch(batch, own, str(path), done, texts)
                        yield with_folders(made, folders, numeric)


def _paths(files: Sequence[File], path: str, why: str) -> Iterator[ColumnPath]:
    for file in files:
        yield ColumnPath(str(file), "(all)", "", 0, path, why)


def _block_of(names: Sequence[str]) -> int:
    """Bytes that Arrow parses at a time, the limit for the length of a row."""
    return max(_BLOCK, _HEADERS_IN_BLOCK * sum(len(name) + 1 for name in names))


def _last_column(names: Sequence[str]) -> list[str]:
    """Name of the last column, where Arrow finds it by its name."""
    return [name for name in names[-1:] if name.isprintable() and names.count(name) == 1]


def _csv_batches(
    file: _OpenText, names: Sequence[str], last: Sequence[str], parse: Any, convert: Any
) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.csv as pv

    block = _block_of(names)
    read = pv.ReadOptions(block_size=block)
    cell = None
    try:
        for batch in pv.open_csv(file.text(), read, parse, convert):
            if last and batch.num_rows:
                cell = batch.column(last[0])[-1]
            yield batch
    except pa.ArrowInvalid as error:
        if unfit := unfit_cell(error, names, str(file.path)):
            raise unfit from error
        if "straddling" not in str(error):
            raise
        raise DataError(
            f"{str(file.path)!r} has a row of more than {block >> 20} MB, perhaps because a "
            "quotation mark is never closed; close it, leave out the column of long texts, or "
            "write Parquet"
        ) from error
    if cell is not None:
        _refuse_open_quote(file, cell.as_py())


def _refuse_open_quote(file: _OpenText, cell: object) -> None:
    """Refuse a file whose last cell may be the rest of the file after a quotation mark.

    Arrow ends such a cell with the file. Where the cell is in another column, the row is too short
    for Arrow, and where it is longer than a block, too long.
    """
    text = cell.decode(errors="replace") if isinstance(cell, bytes) else cell
    if not isinstance(text, str) or len(text.splitlines()) < 2:
        return
    if line := line_of_open_quote(file.first_lines(errors="replace"), _delimiter(file.path)):
        raise DataError(
            f"{file.path}, line {line:,}: a quotation mark is never closed, so the rows after it "
            "are lost; close it, or double it if it is part of the text"
        )


class JsonLinesFiles:
    """Files with one JSON object per line as a source."""

    #: Bytes that the standard library has parsed in this process.
    bytes_by_library: ClassVar[int] = 0

    def __init__(self, files: list[File], known: Known):
        self._files = files
        self._known = known

    def names(self) -> list[str]:
        """Keys of the first file's first records; there is no header to ask."""
        path, found = self._files[0], dict[str, None]()
        with readable(path), looked_into(path, self._known, from_start=True) as data:
            letters = 0
            lines = _OpenText(path, data).first_lines()
            for line, record in enumerate(itertools.islice(lines, ROWS), 1):
                if record.strip():
                    found.update(dict.fromkeys(record_of(record, str(path), line)))
                letters += len(record)
                if letters > LETTERS:
                    break
        return names_with_folders(list(found), path)

    def paths(self, counting: Counting) -> Iterator[ColumnPath]:
        """How each file would be read, and why."""
        return _paths(self._files, "json", "JSON Lines have no encoded form")

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the named columns."""
        sizes = Sizes(self._files)
        size = JsonLinesFiles.bytes_by_library + sizes.total
        with opened_in_turn(self._files, _opening(self._known)) as files:
            for file in files:
                with readable(file.path), closing(file):
                    yield from _json_batches(file, ask, sizes, size)


def _json_batches(file: _OpenText, ask: Ask, sizes: Sizes, size: int) -> Iterator[Batch]:
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
    file: _OpenText, columns: Sequence[str], numeric: Collection[str], size: int
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


class _OpenText:
    """An open text file, and the streams of its text.

    Raises
    ------
    DataError
        The file is empty, or begins like a binary file.
    """

    def __init__(self, path: File, data: Bytes):
        self.path = path
        self.data = data
        self.is_closed = False
        self._raw: Any = None
        self._text: Any = None
        self._lines: Any = None
        self._refuse_mislabelled(bytes(data.read(0, 4)))

    @property
    def bytes_read(self) -> int:
        """Bytes of the file read for `text` or `blocks` so far."""
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
        """Stream of the text, decompressed according to the name; it is read once."""
        self._raw = self.data.source(once=True)
        self._text = self._decompressed(self._raw)  # kept, since it closes the file when collected
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
        return self._lines_of(self._decompressed(self.data.beginning()), **options)

    def close(self) -> None:
        """Close the file."""
        self.is_closed = True
        if self._raw is not None:
            self._raw.close()
        self.data.close()

    def _decompressed(self, raw: Any) -> Any:
        import pyarrow as pa

        compression = COMPRESSIONS.get(self.path.suffix.lower())
        return pa.CompressedInputStream(raw, compression) if compression else raw

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

    def _refuse_mislabelled(self, start: bytes) -> None:
        if not start:
            raise DataError(f"{str(self.path)!r} is empty; it needs at least a header")
        for magic, name in _MAGIC.items():
            compressed = self.path.suffix.lower() in COMPRESSIONS
            if start.startswith(magic) and not (compressed and name != "Parquet"):
                raise DataError(
                    f"{str(self.path)!r} is a {name} file by its first bytes; rename it"
                )
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DataError(
                f"{str(self.path)!r} is UTF-16 text by its first bytes; save it as UTF-8"
            )


def _block(parts: Sequence[bytes | memoryview], *, is_first: bool) -> Block:
    """Block of bytes that follow each other, without a mark of UTF-8 at the start of the text."""
    text = b"".join([*parts, SPARE])
    if is_first:
        text = text.removeprefix(codecs.BOM_UTF8)
    return Block(text, len(text) - len(SPARE))


def _opening(known: Known) -> Callable[[File, Fetcher], _OpenText]:
    """Opener of text files, for `opened_in_turn`; a local file may be open already."""

    def open_one(path: File, fetcher: Fetcher) -> _OpenText:
        with readable(path):
            data = open_bytes(path, known, fetcher, from_start=True)
            try:
                return _OpenText(path, data)
            except BaseException:
                data.close()
                raise

    return open_one


def _delimiter(path: File) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


def _csv_header(file: _OpenText) -> list[str]:
    with readable(file.path):
        # Invalid UTF-8 matters only in the columns that are read, where Arrow refuses it.
        lines = file.first_lines(errors="surrogateescape", newline="")
        try:
            rows = csv.reader(lines, delimiter=_delimiter(file.path))
            return next(filter(None, rows), [])  # Arrow skips empty lines, too
        except csv.Error as error:
            raise DataError(f"{str(file.path)!r} has no readable header: {error}") from error
