"""Blocks of a table in memory, counted by kernels in several threads."""

from __future__ import annotations

import math
import os
import queue
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet
from biaskit.errors import DataError
from biaskit.sources.batches import Batch, Counting
from biaskit.sources.coded.axes import Codes, joint
from biaskit.sources.coded.cells import Cells
from biaskit.sources.coded.scored import ScoreCells, ScoreRoom, scores_by_facet
from biaskit.sources.encode import numbers
from biaskit.sources.files.ahead import in_order
from biaskit.sources.frames.codes import PLANES, Coder, Room
from biaskit.sources.frames.rows import Block, Objects, Odd
from biaskit.sources.repeats import weights

__all__ = ["FEW", "counted"]

# Blocks that wait for each thread.
_AHEAD = 2
# Most cells of a table; one with more is sparse, and the encoders' codes are counted instead.
_MOST_CELLS = 1 << 17
#: Blocks of fewer rows are counted faster by the encoders.
FEW = 1 << 12


def counted(blocks: Iterable[Block], counting: Counting) -> Iterator[Cells | Batch]:
    """Counts of the rows of blocks, in their order; those of unusual blocks as batches.

    Raises
    ------
    DataError
        A column is not what its role needs.
    """
    counter = _Counter(counting)
    threads = os.cpu_count() or 1
    with closing(in_order(counter.count, blocks, threads, _AHEAD * threads)) as found:
        for block, cells in found:
            if cells is None:
                yield from block.batches()
            else:
                yield cells


class _Thread:
    """What one thread needs: the coders of the columns, and the bytes of their codes."""

    def __init__(self, counting: Counting):
        self.coders = {column: Coder(one) for column, one in counting.encoders.items()}
        self._buffer = np.empty(0, np.uint8)
        edges = counting.roles.score_edges
        self.scores = None if edges is None else ScoreRoom(edges)

    def rooms(self, rows: int) -> dict[str, Room]:
        """Room of each column in the buffer."""
        from biaskit._kernels import SLACK

        size = PLANES * (rows + SLACK)
        if len(self._buffer) < size * len(self.coders):
            self._buffer = np.empty(size * len(self.coders), np.uint8)
        return {name: Room(self._buffer, i * size, rows) for i, name in enumerate(self.coders)}


class _Counter:
    """Counts blocks, for any number of threads."""

    def __init__(self, counting: Counting):
        self._counting = counting
        self._weight = counting.roles.weight
        self._score = str(counting.roles.score)
        self._columns_of = {facet: counting.columns_of(facet) for facet in counting.roles.facet}
        self._scored = {
            facet: (columns, counting.score_columns_of(facet))
            for facet, columns in self._columns_of.items()
        }
        self._threads: queue.SimpleQueue[_Thread] = queue.SimpleQueue()

    def count(self, block: Block) -> tuple[Block, Cells | None]:
        """Counts of a block; None where its rows must be counted otherwise."""
        if block.arrays is None or block.rows < FEW:
            return block, None
        with self._thread() as thread:
            try:
                return block, self._cells(block, block.arrays, thread)
            except Odd:
                return block, None

    @contextmanager
    def _thread(self) -> Iterator[_Thread]:
        try:
            thread = self._threads.get_nowait()
        except queue.Empty:
            thread = _Thread(self._counting)
        try:
            yield thread
        finally:
            self._threads.put(thread)

    def _cells(self, block: Block, arrays: Mapping[str, Any], thread: _Thread) -> Cells | None:
        of_weight = None
        if self._weight is not None:
            of_weight = _weights(block, self._weight, arrays[self._weight])
            if of_weight is None:
                return None
        values = None
        if thread.scores is not None:
            values = _scores(block, self._score, arrays[self._score])
            if values is None:
                return None
        rooms = thread.rooms(block.rows)
        coded = {
            column: coder.coded(arrays[column], rooms[column], block.where)
            for column, coder in thread.coders.items()
        }
        axes = {column: one.axis for column, one in coded.items()}
        held = Codes.of_bytes(next(iter(rooms.values())).buffer)
        tables: dict[Facet, Sequence[NDArray[Any]]] = {}
        for facet, columns in self._columns_of.items():
            of_facet = [axes[column] for column in columns]
            if math.prod(len(axis.codes) for axis in of_facet) > _MOST_CELLS:
                return None
            counts = joint(of_facet, held, block.rows, of_weight)
            if counts is None:
                return None
            tables[facet] = counts
        for column, coder in thread.coders.items():
            if coded[column].values is not None:
                coder.settle(coded[column], self._used(column, tables), block.where)
        scores: dict[Facet, ScoreCells] | None = None
        if values is not None and thread.scores is not None:
            scores = scores_by_facet(self._scored, axes, tables, held, values, thread.scores)
            if scores is None:
                return None
        codes = {column: axis.codes for column, axis in axes.items()}
        return Cells(tables, codes, block.rows, block.where, block.done, scores)

    def _used(
        self, column: str, tables: Mapping[Facet, Sequence[NDArray[Any]]]
    ) -> NDArray[np.intp]:
        """Places of a column's axis that rows are at, by the table of a facet that has it."""
        for facet, columns in self._columns_of.items():
            if column in columns:
                axis = columns.index(column)
                counts = tables[facet][0]
                others = tuple(i for i in range(counts.ndim) if i != axis)
                return np.flatnonzero(counts.sum(axis=others))
        raise AssertionError("a column of no facet")


def _weights(block: Block, column: str, array: Any) -> NDArray[np.float64] | None:
    """Weights of the rows; None where one is invalid, of which a batch says more."""
    if isinstance(array, Objects):
        array = array.array(array.values)
    try:
        return weights(Batch({column: array}, block.rows, block.where), column, 0)
    except DataError:
        return None


def _scores(block: Block, column: str, array: Any) -> NDArray[np.float64] | None:
    """Scores of the rows; None where they are no numbers, of which a batch says more."""
    if isinstance(array, Objects):
        array = array.array(array.values)
    try:
        return numbers(array, column, "score", block.where)
    except DataError:
        return None
