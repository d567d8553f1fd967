"""Blocks of CSV: rows that a kernel counts on their bytes, several blocks at a time."""

from __future__ import annotations

import codecs
import math
import os
import queue
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet
from biaskit.errors import DataError
from biaskit.sources.batches import Ask, Batch, of_record_batch
from biaskit.sources.coded.axes import Axis, Codes, joint
from biaskit.sources.coded.cells import Cells
from biaskit.sources.files.ahead import in_order
from biaskit.sources.files.local import LocalBytes
from biaskit.sources.text.texts import OpenText

if TYPE_CHECKING:
    from biaskit._kernels.text.separated import Form

__all__ = ["Blocks", "Columns"]

# Bytes of CSV counted at a time.
_BLOCK = 1 << 21
# Most distinct texts of a column, and most bytes of those of all columns.
_TEXTS = 1 << 16
_LETTERS = 1 << 22
# Most cells of a table that a block adds.
_MOST_CELLS = 1 << 16
# Empty lines, and then a row.
_FIRST_ROW = re.compile(rb'[\r\n]*+(?:[^"\r\n]++|"[^"]*+")*+')


class Columns(NamedTuple):
    """Columns of a CSV file."""

    #: Names of all columns, and whether the first row has names.
    names: Sequence[str]
    has_header: bool
    #: Names of the needed columns, without those that the file's folders name.
    own: Sequence[str]
    #: Bytes that a row has at most.
    longest: int
    #: Arrow's options by which cells become the values of some columns.
    converting: Callable[[Sequence[str]], Any]
    #: What makes a batch of them one whose texts are as they are counted, and one that has the
    #: columns named by folders.
    tidied: Callable[[Batch], Batch]
    with_folders: Callable[[Batch], Batch]


class _Block(NamedTuple):
    """Whole rows in a buffer, and the bytes of the file that were read by then."""

    buffer: NDArray[np.uint8]
    text: NDArray[np.uint8]
    #: Bytes of the rows; -1 where no row ends in the buffer.
    size: int
    read: int


class _Room:
    """What a thread knows of a file: the texts of its columns so far, and place for codes."""

    def __init__(self, columns: int, rows: int, size: int):
        from biaskit._kernels import SLACK
        from biaskit._kernels.distinct import room_for

        self.distinct = room_for(columns, _TEXTS, _LETTERS)
        self.ends = np.empty(size + SLACK, np.uint32)
        self.codes = np.empty((2 * columns, rows + SLACK), np.uint8)
        #: For each column the encoder's codes of its first texts.
        self.known = [np.empty(0, np.intp) for _ in range(columns)]

    def count(self, text: NDArray[np.uint8], size: int, form: Form) -> int:
        """Rows of a block, whose codes are written; a negative number if Arrow must read it."""
        from biaskit._kernels.text.separated import separated

        return separated(text, size, form, self.distinct, self.ends, self.codes)

    def axes(self) -> list[Axis]:
        """Axis of each column."""
        columns, stride = len(self.known), self.codes.shape[1]
        return [
            Axis.of(size, [(place + columns) * stride, place * stride])
            for place, size in enumerate(self.distinct.sizes.tolist())
        ]

    def texts(self, column: int, first: int, end: int) -> list[bytes]:
        """Texts of some codes, as they stand in the file."""
        starts = self.distinct.starts[column, first:end].tolist()
        lengths = self.distinct.lengths[column, first:end].tolist()
        return [
            self.distinct.bytes[start : start + length].tobytes()
            for start, length in zip(starts, lengths, strict=True)
        ]


class _Found(NamedTuple):
    """What was found in a block."""

    room: _Room
    rows: int
    #: Number of texts of each column, and the number of its codes in `tables`.
    sizes: Sequence[int]
    shape: Sequence[int]
    tables: Mapping[Facet, NDArray[np.int64]]
    read: int


class Blocks:
    """Rows of a CSV file, as far as a kernel reads them.

    Parameters
    ----------
    file, columns
        An open file, and which of its columns are needed.
    ask
        What is counted.
    done
        Share of the source that has been read, from the bytes of the file.
    """

    #: Rows that were counted so in this process.
    rows_of_all: ClassVar[int] = 0

    def __init__(
        self, file: OpenText, columns: Columns, ask: Ask, done: Callable[[int], float | None]
    ):
        from biaskit._kernels.text.separated import Form

        self._file, self._columns, self._done = file, columns, done
        self._numeric = ask.numeric
        assert ask.counting is not None
        self._encoders = ask.counting.encoders
        self._columns_of = {
            facet: ask.counting.columns_of(facet) for facet in ask.counting.roles.facet
        }
        names = columns.names
        self._own = sorted(columns.own, key=names.index)
        places = [*map(names.index, self._own)]
        delimiter = ord(file.delimiter)
        self._form = Form(delimiter, len(names), columns.longest, np.array(places, np.int64))
        self._buffers: queue.SimpleQueue[NDArray[np.uint8]] = queue.SimpleQueue()
        self._rooms: queue.SimpleQueue[_Room] = queue.SimpleQueue()
        self._of_folders: dict[str, Axis] = {}
        #: Rows that were counted, and whether they are all rows of the file.
        self.rows = 0
        self.are_all = False

    @staticmethod
    def can_read(file: OpenText, ask: Ask) -> bool:
        """Whether the kernel counts what is asked for, and Arrow can read the file after it."""
        if ask.counting is None or not isinstance(file.data, LocalBytes):
            return False
        roles = ask.counting.roles
        return roles.weight is None and roles.frequency is None and roles.score is None

    def parts(self) -> Iterator[Cells]:
        """Counts of the first rows: of all, or of those before a block that Arrow must read."""
        threads = os.cpu_count() or 1
        with closing(in_order(self._found, self._blocks(), threads, 2 * threads)) as blocks:
            for found in blocks:
                cells = None if found is None else self._cells(found)
                if cells is None:
                    return
                self.rows += cells.rows
                Blocks.rows_of_all += cells.rows
                if cells.rows:
                    yield cells
        self.are_all = self.rows > 0

    def _blocks(self) -> Iterator[_Block]:
        from biaskit._kernels import SLACK
        from biaskit._kernels.text.separated import end_of_rows

        stream = self._file.text()
        left, is_first, is_last = np.empty(0, np.uint8), True, False
        while not is_last:
            buffer = self._buffer(_BLOCK + SLACK)
            size = len(left)
            buffer[:size] = left
            size = _filled(stream, buffer, size, _BLOCK)
            is_last = size < _BLOCK
            start = self._start(buffer, size) if is_first else 0
            text = buffer[max(0, start) :]
            length = size - start
            end = length if is_last else end_of_rows(text, length)
            read = self._file.bytes_read
            if start < 0 or (end == 0 and not is_last):
                yield _Block(buffer, text, -1, read)
                return
            left, is_first = text[end:length].copy(), False
            text[end : end + SLACK] = ord("\n")
            yield _Block(buffer, text, end, read)

    def _start(self, buffer: NDArray[np.uint8], size: int) -> int:
        """Where the rows begin after the header; -1 where that is unclear."""
        from biaskit._kernels import SLACK

        start = len(codecs.BOM_UTF8) if buffer[:3].tobytes() == codecs.BOM_UTF8 else 0
        if not self._columns.has_header:
            return start
        found = _FIRST_ROW.match(buffer[start:size].data)
        assert found is not None  # it matches nothing, too
        header, length = found[0], len(found[0])
        text = np.frombuffer(header + b"\n" * SLACK, np.uint8).copy()
        form = self._form._replace(places=np.empty(0, np.int64))
        is_plain = _Room(0, 1, length).count(text, length, form) == 1
        # Arrow skips two rows where the first has a NUL.
        return start + length if is_plain and b"\0" not in header else -1

    def _found(self, block: _Block) -> _Found | None:
        """What the kernel finds in a block; None where Arrow must read it."""
        room = self._room()
        try:
            if block.size < 0:
                return None
            # Kernels that are not compiled count in NumPy's integers.
            rows = int(room.count(block.text, block.size, self._form))
            if rows < 0:
                return None
            of_own = room.axes()
            axes = dict(zip(self._own, of_own, strict=True))
            tables = {}
            for facet, columns in self._columns_of.items() if rows else ():
                of_facet = [axes[column] for column in columns if column in axes]
                if math.prod(axis.size for axis in of_facet) > _MOST_CELLS:
                    return None
                counts = joint(of_facet, Codes.of_bytes(room.codes.reshape(-1)), rows)
                if counts is None:
                    return None
                shape = [len(axes[column].codes) if column in axes else 1 for column in columns]
                tables[facet] = counts[0].reshape(shape)
            sizes = room.distinct.sizes.tolist()
            return _Found(room, rows, sizes, [len(a.codes) for a in of_own], tables, block.read)
        finally:
            self._rooms.put(room)
            self._buffers.put(block.buffer)

    def _cells(self, found: _Found) -> Cells | None:
        """Cells of a block; None where a column is not what it should be, as Arrow will say."""
        import pyarrow as pa

        where = str(self._file.path)
        codes: dict[str, NDArray[np.intp]] = {}
        if found.rows:
            try:
                for place, name in enumerate(self._own):
                    known = self._codes(found.room, place, found.sizes[place])
                    codes[name] = known[np.minimum(np.arange(found.shape[place]), len(known) - 1)]
                one = self._columns.with_folders(Batch({}, 1, where))
                codes |= {name: self._encoders[name].codes(one) for name in one.columns}
            except (DataError, pa.ArrowInvalid):
                return None
        tables = {facet: (table,) for facet, table in found.tables.items()}
        return Cells(tables, codes, found.rows, where, self._done(found.read))

    def _codes(self, room: _Room, place: int, size: int) -> NDArray[np.intp]:
        """Encoder's codes of the first texts of a column."""
        known, name = room.known[place], self._own[place]
        if size > len(known):
            batch = self._converted(name, room.texts(place, len(known), size))
            room.known[place] = np.concatenate([known, self._encoders[name].codes(batch)])
        return room.known[place][:size]

    def _converted(self, name: str, texts: Sequence[bytes]) -> Batch:
        """Cells of a column as Arrow reads them."""
        import pyarrow as pa
        import pyarrow.csv as pv

        # Arrow would take a mark of UTF-8 in the first cell for that of a file.
        data = b"\n".join([b"", *texts, b""])
        read = pv.ReadOptions(column_names=[name], block_size=len(data) + 1, use_threads=False)
        parse = pv.ParseOptions(
            delimiter=self._file.delimiter, newlines_in_values=True, ignore_empty_lines=False
        )
        convert = self._columns.converting([name])
        with pv.open_csv(pa.BufferReader(data), read, parse, convert) as reader:
            batch = reader.read_next_batch().slice(1)
        of_texts = frozenset([name]).difference(self._numeric)
        made = of_record_batch(batch, [name], str(self._file.path), None, of_texts)
        return self._columns.tidied(made)

    def _room(self) -> _Room:
        try:
            return self._rooms.get_nowait()
        except queue.Empty:
            # Each cell but the last has a separator, and an empty line is no row.
            return _Room(len(self._own), _BLOCK // max(2, self._form.cells) + 1, _BLOCK)

    def _buffer(self, size: int) -> NDArray[np.uint8]:
        try:
            return self._buffers.get_nowait()
        except queue.Empty:
            return np.empty(size, np.uint8)


def _filled(stream: Any, buffer: NDArray[np.uint8], size: int, most: int) -> int:
    """Number of bytes in a buffer that has some, after as many were read as there are."""
    place = buffer.data
    while size < most and (fresh := stream.readinto(place[size:most])):
        size += fresh
    return size
