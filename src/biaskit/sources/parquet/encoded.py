"""Parquet counted in its encoded form: from dictionary indices to joint counts.

A column chunk that the kernels do not support is decoded by Arrow, which reads it correctly or
raises; both paths may occur in one row group.
"""

from __future__ import annotations

import math
import queue
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet
from biaskit.errors import DataError
from biaskit.sources.batches import Batch, Counting, of_record_batch
from biaskit.sources.coded.axes import Axis, Codes, in_bytes, joint
from biaskit.sources.coded.cells import Cells
from biaskit.sources.coded.scored import Entries, ScoreCells, scores_by_facet
from biaskit.sources.encode import numbers
from biaskit.sources.files.ahead import in_order
from biaskit.sources.files.partitions import of_folders, partition_arrays, with_folders
from biaskit.sources.files.places import File
from biaskit.sources.files.ranges import RemoteBytes
from biaskit.sources.files.reading import readable
from biaskit.sources.parquet.dictionaries import Dictionaries
from biaskit.sources.parquet.layout import Odd
from biaskit.sources.parquet.opening import OpenParquet
from biaskit.sources.parquet.scored import ScoredChunks
from biaskit.sources.parquet.scratch import Room
from biaskit.sources.parquet.together import Together

__all__ = ["counted", "planned"]

# Row groups queued for each thread; the bytes of remote ones are being fetched.
_AHEAD = 4
_MOST_CELLS = 1 << 20
# A code has at most four bytes, each a digit of its own.
_DIGITS = 4
_NO_CODES = np.empty(0, np.uint32)


def counted(
    files: Iterable[OpenParquet],
    counting: Counting,
    done: Callable[[File, float], float | None],
    threads: int,
) -> Iterator[Cells | Batch]:
    """Counts of the row groups of open Parquet files, in their order; each file is closed.

    A row group that would take too much memory is returned as batches of its rows.

    Parameters
    ----------
    files
        The files, consumed as needed.
    counting
        What to count.
    done
        Share of the whole source that has been read, from a file and the share of it.
    threads
        Number of row groups counted at a time.

    Raises
    ------
    DataError
        A column is not what its role needs, or a file is damaged.
    """
    rows = 0
    shared = _Shared(counting)

    def row_groups() -> Iterator[tuple[_Counter, range]]:
        for file in files:
            with readable(file.path):
                counter = _Counter(file, shared)
                counter.fetch()
            yield from ((counter, numbers) for numbers in counter.ranges(threads))
            if not file.metadata.num_row_groups:
                file.refuse_other_rows(0)
                file.close()

    def count(item: tuple[_Counter, range]) -> tuple[_Counter, range, list[Cells | int]]:
        counter, numbers = item
        with readable(counter.file.path):
            return counter, numbers, counter.count(numbers)

    with closing(in_order(count, row_groups(), threads, _AHEAD * threads)) as counts:
        for counter, numbers, found in counts:
            file = counter.file
            for cells in found:
                for part in counter.batches(cells) if isinstance(cells, int) else (cells,):
                    rows += part.rows
                    share = min(1.0, rows / max(1, file.rows))
                    yield replace(part, done=done(file.path, share))
            for number in numbers:
                file.data.forget(number)
            if numbers.stop == file.metadata.num_row_groups:
                file.refuse_other_rows(rows)
                rows = 0
                file.close()


def planned(file: OpenParquet, counting: Counting) -> Counter[tuple[str, str, str]]:
    """Numbers of row groups by column, the path it takes (``encoded`` or ``Arrow``), and why.

    It follows from the file's metadata and the headers of its pages. The pages' content may still
    send a damaged column, or a table with very many cells, to Arrow.

    Parameters
    ----------
    file, counting
        An open file, and what to count.
    """
    counter = _Counter(file, _Shared(counting))
    counter.fetch()
    room = Room()
    ways: dict[str, list[tuple[str, str]]] = {column: [] for column in counting.roles.columns()}
    for number in range(file.metadata.num_row_groups):
        for column, found in ways.items():
            found.append(counter.way(number, column, room))
        file.data.forget(number)
    return Counter((column, *way) for column, found in ways.items() for way in found)


class _Shared:
    """State shared by the threads that count the row groups of several files."""

    def __init__(self, counting: Counting):
        self.roles = counting.roles
        self.encoders = counting.encoders
        self.dictionaries = Dictionaries(counting.encoders)
        self.columns_of = {facet: counting.columns_of(facet) for facet in counting.roles.facet}
        self.scored = {
            facet: (columns, counting.score_columns_of(facet))
            for facet, columns in self.columns_of.items()
        }
        self._rooms: queue.SimpleQueue[Room] = queue.SimpleQueue()

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Buffers for one thread, possibly reused from another."""
        try:
            room = self._rooms.get_nowait()
        except queue.Empty:
            room = Room()
        try:
            yield room
        finally:
            self._rooms.put(room)


class _Counter:
    """Counts row groups of one file, for any number of threads."""

    def __init__(self, file: OpenParquet, shared: _Shared):
        self.file = file
        self._shared = shared
        self._where = str(file.path)
        self._weight = shared.roles.weight
        columns = shared.roles.columns()
        self._folders = of_folders(columns, file.names, file.path)
        self._own = [column for column in columns if column not in self._folders]
        self._chunks = ScoredChunks(file, self._own, shared.encoders, shared.dictionaries)
        in_folders = partition_arrays(self._folders, 1, shared.roles.numeric, self._where)
        self._constant = {
            column: Axis(shared.dictionaries.of_folder(column, value, self._where))
            for column, value in in_folders.items()
        }
        is_plain = self._weight is None and not any(e.keep for e in shared.encoders.values())
        self._together = Together(
            file,
            self._chunks,
            self._own if is_plain else (),
            shared.columns_of,
            shared.dictionaries,
            {column: axis.codes for column, axis in self._constant.items()},
        )

    def fetch(self) -> None:
        """Request the bytes that the row groups need, if the file is remote."""
        if isinstance(self.file.data, RemoteBytes):
            self.file.data.plan(self._chunks.extents())

    def way(self, number: int, column: str, room: Room) -> tuple[str, str]:
        """Path that a column takes, and why, as far as known without its content."""
        if column in self._constant:
            return "encoded", "named by the file's folders"
        return self._chunks.way(number, column, room)

    def ranges(self, threads: int) -> Iterator[range]:
        """Numbers of the row groups, in parts that are counted at a time."""
        return self._together.ranges(threads)

    def count(self, numbers: range) -> list[Cells | int]:
        """Counts of row groups, and the numbers of those that would take too much memory."""
        with self._shared.room() as room:
            found: list[Cells | int] = []
            for one in self._together.counts(numbers, room):
                cells = self._count(one, room) if isinstance(one, int) else one
                found.append(one if cells is None else cells)
            return found

    def batches(self, number: int) -> Iterator[Batch]:
        """Rows of a row group, decoded by Arrow."""
        with readable(self.file.path):
            for batch in self.file.batches_of(number, self._own):
                made = of_record_batch(batch, self._own, self._where)
                yield with_folders(made, self._folders, self._shared.roles.numeric)

    def _count(self, number: int, room: Room) -> Cells | None:
        try:
            rows = self._chunks.rows(number)
            weight = self._weight
            weights = None if weight is None else self._chunks.weights(number, weight, room)
        except Odd:
            return None
        axes, codes = self._axes(number, rows, room)
        tables: dict[Facet, Sequence[NDArray[Any]]] = {}
        for facet, columns in self._shared.columns_of.items():
            of_facet = [axes[column] for column in columns]
            if math.prod(axis.size for axis in of_facet) > _MOST_CELLS:
                return None
            found = joint(of_facet, codes, rows, weights)
            if found is None:
                return None
            tables[facet] = found
        scores: dict[Facet, ScoreCells] | None = None
        if (edges := self._shared.roles.score_edges) is not None:
            values = self._scores(number, rows, room)
            held = room.for_scores(edges)
            scores = scores_by_facet(self._shared.scored, axes, tables, codes, values, held)
            if scores is None:
                return None
        codes_of = {column: axis.codes for column, axis in axes.items()}
        return Cells(tables, codes_of, rows, self._where, scores=scores)

    def _scores(self, number: int, rows: int, room: Room) -> NDArray[np.float64] | Entries:
        """Scores of the rows, read by the kernels or else by Arrow."""
        column = str(self._shared.roles.score)
        try:
            return self._chunks.scores(number, column, room)
        except Odd:
            arrays = (batch.column(column) for batch in self.file.batches_of(number, [column]))
            made = [numbers(one, column, "score", self._where) for one in arrays]
        values = np.concatenate([np.empty(0), *made])
        self._refuse_other_rows(number, rows, len(values))
        return values

    def _refuse_other_rows(self, number: int, rows: int, read: int) -> None:
        if read != rows:
            raise DataError(
                f"{self._where}: row group {number + 1} should have {rows:,} rows but "
                f"{read:,} were read; it is damaged: write it again"
            )

    def _axes(self, number: int, rows: int, room: Room) -> tuple[dict[str, Axis], Codes]:
        """Axes of the counted columns, and their codes."""
        from biaskit._kernels import SLACK
        from biaskit._kernels.parquet.planes import MOST_WIDTH, SPARE

        columns = [column for column in self._own if column in self._shared.encoders]
        stride, words = rows + SLACK, (rows + 63) // 64 + SPARE
        pairs = room.codes.of(_DIGITS * len(columns) * stride // 2)
        planes = room.planes.of(MOST_WIDTH * len(columns) * words)
        codes = Codes(pairs.view(np.uint8), pairs, planes)
        starts = {column: _DIGITS * i * stride for i, column in enumerate(columns)}
        axes = dict(self._constant)
        left: list[str] = []
        for i, (column, start) in enumerate(starts.items()):
            first = MOST_WIDTH * i * words
            try:
                axes[column] = self._chunks.axis(number, column, room, codes, start, first)
            except Odd:
                left.append(column)
        for column, decoded in self._decoded(number, left).items():
            self._refuse_other_rows(number, rows, len(decoded))
            axes[column] = in_bytes(decoded, codes.narrow, starts[column], stride)
        return axes, codes

    def _decoded(self, number: int, columns: list[str]) -> dict[str, NDArray[np.uint32]]:
        """Encoder's codes of some columns of a row group, decoded by Arrow."""
        codes: dict[str, list[NDArray[np.uint32]]] = {column: [_NO_CODES] for column in columns}
        for batch in self.file.batches_of(number, columns) if columns else ():
            for column in columns:
                array = batch.column(column)
                made = self._shared.dictionaries.encode(column, array, self._where)
                codes[column].append(made.astype(np.uint32))
        return {column: np.concatenate(parts) for column, parts in codes.items()}
