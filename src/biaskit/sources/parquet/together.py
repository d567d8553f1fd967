"""Row groups whose columns have few values each, counted several at a time.

Threads wait for each other where they use the interpreter, so few steps are taken for many rows. A
row group that is anything else is left to `chunks`, which reads what it can, or says what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet
from biaskit.sources.coded.cells import Cells
from biaskit.sources.files.ranges import RemoteBytes
from biaskit.sources.parquet.chunks import MOST_ROWS, SNAPPY, UNCOMPRESSED, Chunks
from biaskit.sources.parquet.dictionaries import Dictionaries
from biaskit.sources.parquet.inflating import ZSTD, frames_together
from biaskit.sources.parquet.layout import NONE, PHYSICAL, Footer, Leaf, Odd
from biaskit.sources.parquet.opening import OpenParquet
from biaskit.sources.parquet.scratch import Room

if TYPE_CHECKING:
    from biaskit._kernels.parquet.groups import Groups, Tables

__all__ = ["Together"]

# Bytes of the chunks that are read together, which then stay in a core's cache.
_MOST_TOGETHER = 1 << 20
# Row groups of them at most, and parts that each thread takes at least, so that all end at once.
_MOST_GROUPS = 16
_TURNS = 8
# Bytes of a row group's chunks, of a page, and of the dictionaries of a row group.
_MOST_OF_GROUP = 1 << 24
_MOST_OF_PAGE = 1 << 20
_MOST_OF_TEXTS = 1 << 14
# A chunk has a page for so many rows, and a few more, at most.
_ROWS_OF_PAGE, _FEW_PAGES = 1 << 12, 64


class _Chunks(NamedTuple):
    """Chunks of the counted columns, by row group and column, as the footer has them."""

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    codecs: NDArray[np.int64]
    #: Whether a row group may be counted with others.
    fits: NDArray[np.bool_]

    @classmethod
    def of(cls, footer: Footer, leaves: Sequence[Leaf], size: int) -> _Chunks:
        """Chunks in a file of some size. All is as `Chunks` has it, which says more about it."""
        facts = footer.chunks[:, [leaf.index for leaf in leaves]].transpose(2, 0, 1)
        elsewhere, physical, codecs, values, lengths, data, dictionary = facts[:7]
        rows = footer.rows
        starts = np.where((dictionary > 0) & (dictionary < data), dictionary, data)
        is_zstd = codecs == ZSTD
        of_chunks = (
            (elsewhere == NONE)
            & (physical == [PHYSICAL[leaf.physical][0] for leaf in leaves])
            & (np.isin(codecs, (UNCOMPRESSED, SNAPPY)) | is_zstd)
            & (is_zstd == is_zstd[:, :1])
            & (values == rows[:, None])
            & (lengths > 0)
            & (lengths <= _MOST_OF_GROUP)
            & (starts >= 4)
            & (starts <= size - 8 - lengths)
        )
        fits = of_chunks.all(axis=1) & (rows > 0) & (rows <= MOST_ROWS)
        fits &= np.where(fits[:, None], lengths, 0).sum(axis=1) <= _MOST_OF_GROUP
        return cls(rows, starts, lengths, codecs, fits)


class Together:
    """Row groups of one file; any number of threads may count them.

    Parameters
    ----------
    opened, chunks
        The file, and its column chunks.
    columns, of_facets
        Its counted columns, if all are counted by their values, and those of each facet's table.
    dictionaries
        Codes of the encoders, for all threads.
    constant
        Codes of the columns that the file's folders name.
    """

    def __init__(
        self,
        opened: OpenParquet,
        chunks: Chunks,
        columns: Sequence[str],
        of_facets: Mapping[Facet, Sequence[str]],
        dictionaries: Dictionaries,
        constant: Mapping[str, NDArray[np.intp]],
    ):
        self._data = opened.data
        self._where = str(opened.path)
        self._of_facets = of_facets
        self._dictionaries = dictionaries
        self._constant = constant
        self._number = opened.metadata.num_row_groups
        self._leaves = [leaf for column in columns if (leaf := chunks.leaves[column])]
        self._tables = np.full((len(of_facets), len(columns)), NONE, np.int64)
        self._chunks = None
        if chunks.footer is None or not columns or len(self._leaves) < len(columns):
            return
        self._chunks = _Chunks.of(chunks.footer, self._leaves, self._data.size)
        for table, of_facet in zip(self._tables, of_facets.values(), strict=True):
            own = [columns.index(column) for column in of_facet if column not in constant]
            table[: len(own)] = own

    def ranges(self, threads: int) -> Iterator[range]:
        """Numbers of all row groups, those that are counted together in one range."""
        is_far = isinstance(self._data, RemoteBytes)
        most = 1 if is_far else min(_MOST_GROUPS, max(1, self._number // (_TURNS * threads)))
        start = 0
        while start < self._number:
            stop = start + 1
            while stop < min(start + most, self._number) and self._fit(range(start, stop + 1)):
                stop += 1
            yield range(start, stop)
            start = stop

    def counts(self, numbers: range, room: Room) -> list[Cells | int]:
        """Counts of row groups, and the numbers of those that are left."""
        if not self._fit(numbers):
            return [*numbers]
        try:
            groups, tables = self._counted(numbers, room)
        except Odd:
            return self._left(numbers)
        alike: dict[tuple[tuple[int, bytes], ...], list[int]] = {}
        parts: list[Cells | int] = []
        for i, rows in enumerate(groups.state.tolist()):
            if rows < 0:
                parts += self._left([numbers[i]])
                continue
            found = tables.found[i].tolist()
            key = tuple((entries, tables.texts[at:end].tobytes()) for entries, at, end in found)
            alike.setdefault(key, []).append(i)
        for key, which in alike.items():
            rows = int(groups.state[which].sum())
            cells = self._cells(key, tables.counts[which].sum(axis=0), rows)
            parts += self._left([numbers[i] for i in which]) if cells is None else [cells]
        return parts

    def _fit(self, numbers: range) -> bool:
        """Whether row groups may be counted together."""
        chunks, which = self._chunks, slice(numbers.start, numbers.stop)
        if chunks is None or not chunks.fits[which].all():
            return False
        codecs = chunks.codecs[which]
        is_little = chunks.lengths[which].sum() <= _MOST_TOGETHER
        return len(numbers) == 1 or bool(is_little and (codecs == codecs[0]).all())

    def _left(self, numbers: Sequence[int]) -> list[Cells | int]:
        """Row groups that are left; those after them are probably of the same kind."""
        if self._chunks is not None:
            self._chunks.fits[numbers[0] :] = False
        return [*numbers]

    def _counted(self, numbers: range, room: Room) -> tuple[Groups, Tables]:
        """Row groups and their tables of counts."""
        from biaskit._kernels import BAD, SLACK
        from biaskit._kernels.parquet.groups import (
            CELLS,
            FOUND,
            Tables,
            group_counts,
            group_pages,
        )
        from biaskit._kernels.parquet.pages import FACTS, MOST_EVENTS, Scratch
        from biaskit._kernels.parquet.planes import MASKS, MOST_BITS, MOST_WIDTH, SPARE
        from biaskit._kernels.parquet.thrift import STACK

        groups = self._read(numbers, room)
        number, columns = groups.chunks.shape[:2]
        events = room.events.of(3 * MOST_EVENTS)[: 3 * MOST_EVENTS].reshape(-1, 3)
        pages = group_pages(groups, room.stack.of(STACK), events, room.facts.of(FACTS))
        if pages == BAD or (groups.state == BAD).all():
            raise Odd("pages that are not counted together")
        if self._codecs_of(numbers) == ZSTD:
            source = frames_together(groups.source, groups.table[:pages], room)
            groups = groups._replace(source=source)
        tables = Tables(
            self._tables,
            np.empty((number, len(self._tables), CELLS), np.int64),
            np.empty((number, columns, FOUND), np.int64),
            room.texts.of(number * _MOST_OF_TEXTS),
        )
        longest = int(groups.rows.max())
        words = (longest + 63) // 64 + SPARE
        scratch = Scratch(
            room.page.of(_MOST_OF_PAGE + SLACK),
            room.levels.of(longest // 8 + 2 * SLACK),
            room.dense.of(0),
            room.wide_dense.of(0),
            room.values.of(0),
        )
        packed = room.packed.of(4 * words)
        planes = room.planes.of(MOST_WIDTH * columns * words)
        masks, starts = room.masks.of(MASKS), np.empty(MOST_BITS, np.int64)
        if group_counts(groups, tables, scratch, packed, planes, starts, masks) < 0:
            raise AssertionError("arrays that do not fit together")
        return groups, tables

    def _read(self, numbers: range, room: Room) -> Groups:
        """Row groups whose chunks are read, and whose pages are still to be found."""
        from biaskit._kernels import SLACK
        from biaskit._kernels.parquet.groups import CHUNK, Groups
        from biaskit._kernels.parquet.pages import FIELDS

        assert self._chunks is not None
        which = slice(numbers.start, numbers.stop)
        starts, lengths = self._chunks.starts[which], self._chunks.lengths[which]
        ends = np.cumsum(lengths).reshape(lengths.shape)
        source = room.source.of(int(ends[-1, -1]) + SLACK)
        places = (starts.ravel().tolist(), lengths.ravel().tolist(), ends.ravel().tolist())
        for start, length, end in zip(*places, strict=True):
            if self._data.read_into(start, source[end - length : end].data) != length:
                raise Odd("a chunk cut short")
        chunks = np.empty((*lengths.shape, CHUNK), np.int64)
        chunks[..., 0], chunks[..., 1] = ends - lengths, ends
        chunks[..., 2] = self._chunks.codecs[which] == SNAPPY
        chunks[..., 3] = [leaf.optional for leaf in self._leaves]
        chunks[..., 4] = [leaf.physical == "BOOLEAN" for leaf in self._leaves]
        rows = self._chunks.rows[which]
        pages = int((rows // _ROWS_OF_PAGE + _FEW_PAGES).sum()) * len(self._leaves)
        table = room.pages.of(pages * FIELDS)[: pages * FIELDS].reshape(pages, FIELDS)
        state = np.empty(len(numbers), np.int64)
        bounds = np.empty((len(numbers), len(self._leaves) + 1), np.int64)
        return Groups(source, chunks, rows, state, table, bounds)

    def _codecs_of(self, numbers: range) -> int:
        assert self._chunks is not None
        return int(self._chunks.codecs[numbers.start, 0])

    def _cells(
        self, key: Sequence[tuple[int, bytes]], counts: NDArray[np.int64], rows: int
    ) -> Cells | None:
        """Counts by dictionaries, given as numbers of entries and bytes; None for invalid ones."""
        codes, widths = dict(self._constant), dict.fromkeys(self._constant, 0)
        known = self._dictionaries
        try:
            for leaf, (entries, raw) in zip(self._leaves, key, strict=True):
                codes[leaf.column] = known.of_entries(leaf, raw, entries, False, self._where)
                widths[leaf.column] = max(1, (entries - 1).bit_length())
        except Odd:
            return None
        tables: dict[Facet, Sequence[NDArray[Any]]] = {}
        for (facet, columns), cells in zip(self._of_facets.items(), counts, strict=True):
            shape = [1 << widths[column] for column in columns]
            there = tuple(slice(len(codes[column])) for column in columns)
            table = cells[: math.prod(shape)].reshape(shape)[there]
            if table.sum() != rows:  # a code has no entry
                return None
            tables[facet] = [table]
        return Cells(tables, codes, rows, self._where)
