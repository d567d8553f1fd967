"""JSON Lines and JSON documents as a source."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import ClassVar

from biaskit.sources.batches import Ask, Batch, Counting, refuse_missing_columns
from biaskit.sources.coded.cells import Cells
from biaskit.sources.files.ahead import in_order
from biaskit.sources.files.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.files.places import File
from biaskit.sources.files.reading import ColumnPath, Sizes, readable
from biaskit.sources.files.turns import Known, looked_into, opened_in_turn
from biaskit.sources.text.found import Kernel, Tables, kernels_pay
from biaskit.sources.text.records import LETTERS, ROWS, Columns, by_library, names_in, record_of
from biaskit.sources.text.texts import LINE, OpenText, lines_of, opening, paths
from biaskit.sources.text.whole_lines import Block, Blocks

__all__ = ["JsonLinesFiles"]

# Bytes of JSON Lines parsed at a time, and bytes from which a line is cut.
_BLOCK = 1 << 21
_LONGEST = 4 * LINE


class JsonLinesFiles:
    """Files with one JSON object per line as a source."""

    #: Bytes that the standard library has parsed in this process.
    bytes_by_library: ClassVar[int] = 0

    def __init__(self, files: list[File], known: Known):
        self._files = files
        self._known = known

    def names(self) -> list[str]:
        """Names of the values in the first file's first records; there is no header to ask."""
        path, found = self._files[0], dict[str, None]()
        with readable(path), looked_into(path, self._known, from_start=True) as data:
            letters = 0
            lines = OpenText(path, data).first_lines()
            for line, record in enumerate(itertools.islice(lines, ROWS), 1):
                if record.strip():
                    found.update(dict.fromkeys(names_in(record_of(record, str(path), line))))
                letters += len(record)
                if letters > LETTERS:
                    break
        return names_with_folders(list(found), path)

    def paths(self, counting: Counting) -> Iterator[ColumnPath]:
        """How each file would be read, and why."""
        return paths(self._files, "json", "JSON Lines have no encoded form")

    def parts(self, ask: Ask) -> Iterator[Batch | Cells]:
        """Batches of the named columns, or counts where they suffice."""
        sizes = Sizes(self._files)
        size = JsonLinesFiles.bytes_by_library + sizes.total
        with opened_in_turn(self._files, opening(self._known)) as files:
            for file in files:
                with readable(file.path), closing(file):
                    yield from _parts(file, ask, sizes, size)


def _parts(file: OpenText, ask: Ask, sizes: Sizes, size: int) -> Iterator[Batch | Cells]:
    """Rows of a file; `size` is the bytes that the process will have read after this source."""
    import pyarrow as pa

    path, where = file.path, str(file.path)
    seen: set[str] = set()
    names: dict[str, None] = {}
    folders: dict[str, str | None] | None = None
    line = 0
    file.fetch()
    with closing(_parsed(file, ask, size)) as parsed:
        for read, part in parsed:
            line += part.lines
            names.update(dict.fromkeys(part.names))
            seen.update(part.seen)
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
    if line:
        unseen = [name for name in ask.columns if name not in seen and name not in (folders or ())]
        refuse_missing_columns(unseen, names_with_folders([*names], path), where)


def _parsed(
    file: OpenText, ask: Ask, size: int
) -> Generator[tuple[int, Columns | Tables], None, None]:
    """Parts of a file, each after the bytes read so far."""
    where, line = str(file.path), 0
    blocks = Blocks(file.text(), _BLOCK, _LONGEST)
    with closing(_found(file, blocks, ask, size)) as found:
        for block, read, made in found:
            if made is None:
                JsonLinesFiles.bytes_by_library += block.size
                text = io.TextIOWrapper(io.BytesIO(block.part(0, block.size)), encoding="utf-8")
                lines = lines_of(text, file.path, line)
                for part in by_library(lines, ask.columns, where, line):
                    line += part.lines
                    yield read, part
            else:
                line += made.lines
                yield read, made
            blocks.give_back(block)


def _found(
    file: OpenText, blocks: Blocks, ask: Ask, size: int
) -> Generator[tuple[Block, int, Columns | Tables | None], None, None]:
    """Blocks of a file, the bytes read so far, and what a kernel made of each, if anything."""
    read = ((block, file.bytes_read) for block in blocks)
    for block, at in read:
        if kernels_pay(max(size, JsonLinesFiles.bytes_by_library)):  # it may be compressed
            kernel = Kernel(_countable(ask, file.path), str(file.path))
            yield from _found_by(kernel, itertools.chain([(block, at)], read))
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


def _countable(ask: Ask, path: File) -> Ask:
    """Request for columns of rows, where a block cannot be counted by itself."""
    counting = ask.counting
    if counting is None:
        return ask
    is_counted = counting.roles.frequency is None and not of_folders(ask.columns, (), path)
    return ask if is_counted else ask._replace(counting=None)
