"""JSON Lines and JSON documents as a source."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from typing import Any, ClassVar

from biaskit.errors import DataError, listed
from biaskit.sources.batches import Ask, Batch, Counting, refuse_missing_columns
from biaskit.sources.coded.cells import Cells
from biaskit.sources.files.ahead import in_order
from biaskit.sources.files.dialect import Dialect
from biaskit.sources.files.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.files.places import File
from biaskit.sources.files.reading import ColumnPath, Sizes, readable
from biaskit.sources.files.turns import Known, looked_into, opened_in_turn
from biaskit.sources.text.documents import OnLines, is_document, records_of
from biaskit.sources.text.found import CROSSOVER, Kernel, Tables, kernels_pay
from biaskit.sources.text.records import (
    LETTERS,
    ROWS,
    Columns,
    Origin,
    as_columns,
    names_in,
    records_in,
)
from biaskit.sources.text.texts import FOUND, LINE, OpenText, lines_of, opening, paths, unpaid
from biaskit.sources.text.whole_lines import Block, Blocks

__all__ = ["JsonLinesFiles"]

# Bytes of JSON parsed at a time, and bytes from which a line is cut.
_BLOCK = 1 << 21
_LONGEST = 4 * LINE


class JsonLinesFiles:
    """Files of JSON records as a source: one per line, or in an array."""

    #: Bytes that the standard library has parsed in this process.
    bytes_by_library: ClassVar[int] = 0

    def __init__(self, files: list[File], known: Known, dialect: Dialect | None = None):
        self._files = files
        self._known = known
        self._dialect = dialect  # which says their format at most

    def names(self) -> list[str]:
        """Names of the values in the first file's first records; there is no header to ask."""
        path, found = self._files[0], dict[str, None]()
        with readable(path), looked_into(path, self._known, from_start=True) as data:
            letters, text = 0, OpenText(path, data, self._dialect)
            for _, record, length in itertools.islice(_first_records(text), ROWS):
                found.update(dict.fromkeys(names_in(record or {})))
                letters += length
                if letters > LETTERS:
                    break
        return names_with_folders(list(found), path)

    def paths(self, counting: Counting) -> Iterator[ColumnPath]:
        """How each file would be read, and why."""
        pays = kernels_pay(JsonLinesFiles.bytes_by_library + Sizes(self._files).total)
        return paths(self._files, *(("kernel", FOUND) if pays else ("json", unpaid(CROSSOVER))))

    def parts(self, ask: Ask) -> Iterator[Batch | Cells]:
        """Batches of the named columns, or counts where they suffice."""
        sizes = Sizes(self._files)
        size = JsonLinesFiles.bytes_by_library + sizes.total
        with opened_in_turn(self._files, opening(self._known, self._dialect)) as files:
            for file in files:
                with readable(file.path, self._dialect), closing(file):
                    yield from _parts(file, ask, sizes, size)


def _parts(file: OpenText, ask: Ask, sizes: Sizes, size: int) -> Iterator[Batch | Cells]:
    """Rows of a file; `size` is the bytes that the process will have read after this source."""
    import pyarrow as pa

    path, where = file.path, str(file.path)
    seen: set[str] = set()
    names: dict[str, None] = {}
    folders: dict[str, str | None] | None = None
    file.fetch()
    with closing(_parsed(file, ask, size)) as parsed:
        for read, part in parsed:
            names.update(dict.fromkeys(part.names))
            seen.update(part.seen)
            if folders and (both := seen.intersection(folders)):
                raise DataError(
                    f"{where}: {listed(sorted(both))} is named by the file's folder, and by a "
                    "record that is not among the first; take it out of the folder's name"
                )
            done = sizes.done(path, read / sizes.of(path))
            if isinstance(part, Tables):
                yield Cells(part.tables, part.codes, part.rows, where, done)
                continue
            if folders is None:
                folders = of_folders(ask.columns, seen, path)
            arrays = {
                name: part.arrays.get(name, pa.nulls(part.rows))
                for name in ask.columns
                if name not in folders
            }
            batch = Batch(arrays, part.rows, where, done)
            yield with_folders(batch, folders, ask.numeric)
    unseen = [name for name in ask.columns if name not in seen and name not in (folders or ())]
    refuse_missing_columns(unseen, names_with_folders([*names], path), where)


def _first_records(file: OpenText) -> Iterator[tuple[int, Any, int]]:
    """Records from the start of a file, as `as_columns` takes them."""
    if is_document(file):
        return records_of(file.beginning(), Origin(str(file.path), "record"))
    return records_in(file.first_lines(), Origin(str(file.path)), 0)


def _parsed(
    file: OpenText, ask: Ask, size: int
) -> Generator[tuple[int, Columns | Tables], None, None]:
    """Parts of a file, each after the bytes read so far."""
    is_array = is_document(file)
    origin = Origin(str(file.path), "record" if is_array else "line")
    stream = file.text()
    if is_array and not kernels_pay(size):
        for part in as_columns(records_of(stream, origin), ask.columns, origin):
            yield file.bytes_read, part
        return
    line = 0
    blocks = Blocks(OnLines(stream, origin) if is_array else stream, _BLOCK, _LONGEST)
    kernel = partial(Kernel, _countable(ask, file.path), origin)
    with closing(_found(file, blocks, kernel, size)) as found:
        for block, read, made in found:
            if made is None:
                JsonLinesFiles.bytes_by_library += block.size
                text = io.StringIO(_decoded(block, origin, line), newline=None)
                records = records_in(lines_of(text, file.path, line, origin.unit), origin, line)
                for part in as_columns(records, ask.columns, origin):
                    line += part.lines
                    yield read, part
            else:
                line += made.lines
                yield read, made
            blocks.give_back(block)


def _found(
    file: OpenText, blocks: Blocks, kernel: Callable[[], Kernel], size: int
) -> Generator[tuple[Block, int, Columns | Tables | None], None, None]:
    """Blocks of a file, the bytes read so far, and what a kernel made of each, if anything."""
    read = ((block, file.bytes_read) for block in blocks)
    for block, at in read:
        if kernels_pay(max(size, JsonLinesFiles.bytes_by_library)):  # it may be compressed
            yield from _found_by(kernel(), itertools.chain([(block, at)], read))
        else:
            yield block, at, None


def _found_by(
    kernel: Kernel, blocks: Iterator[tuple[Block, int]]
) -> Generator[tuple[Block, int, Columns | Tables | None], None, None]:
    """Blocks, the bytes read so far, and what the kernel made of each, by all processors."""
    threads = os.cpu_count() or 1
    made = in_order(lambda one: (*one, kernel.made(one[0])), blocks, threads, 2 * threads)
    with closing(made):
        yield from made


def _decoded(block: Block, origin: Origin, before: int) -> str:
    """Text of a block; `before` lines precede it."""
    data = block.part(0, block.size)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        number = before + len(data[: error.start + 1].splitlines())
        raise DataError(
            f"{origin.at(number)}: the byte 0x{data[error.start]:02x} is not UTF-8; save the file "
            "as UTF-8"
        ) from None


def _countable(ask: Ask, path: File) -> Ask:
    """Request for columns of rows, where a block cannot be counted by itself."""
    counting = ask.counting
    if counting is None:
        return ask
    roles = counting.roles
    needs_rows = roles.frequency is not None or roles.score is not None
    is_counted = not needs_rows and not of_folders(ask.columns, (), path)
    return ask if is_counted else ask._replace(counting=None)
