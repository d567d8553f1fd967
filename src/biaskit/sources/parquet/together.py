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
from biaskit.sources.encode import Encoder
from biaskit.sources.files.ranges import RemoteBytes
from biaskit.sources.parquet.chunks import MOST_ROWS, SNAPPY, UNCOMPRESSED, Chunks
from biaskit.sources.parquet.dictionaries import Dictionaries
from biaskit.sources.parquet.inflating import ZSTD, frames_together
from biaskit.sources.parquet.layout import NONE, PHYSICAL, Footer, Leaf, Odd
from biaskit.sources.parquet.opening import OpenParquet
from biaskit.sources.parquet.scratch import Room

if TYPE_CHECKING:
    from biaskit._kernels.parquet.groups import Groups, Memory, Tables
    from biaskit._kernels.parquet.pages import Scratch

__all__ = ["Together"]

# Bytes of the chunks that are read together, which then stay in a core's cache.
_MOST_TOGETHER = 3 << 19
# Row groups of them at most, and parts that each thread takes at least, so that all end at once.
_MOST_GROUPS = 16
_TURNS = 5
# Bytes of a row group's chunks, of a page, and of the dictionaries of a row group.
_MOST_OF_GROUP = 1 << 24
_MOST_OF_PAGE = 1 << 21
_MOST_OF_TEXTS = 1 << 14
# Bins of a column that is cut, and entries of its dictionary.
_MOST_BINS = 1 << 4
_MOST_ENTRIES = 1 << 18
# Combinations of dictionaries that are kept.
_MOST_KNOWN = 1 << 10
# A chunk has a page for so many rows, and a few more, at most.
_ROWS_OF_PAGE, _FEW_PAGES = 1 << 12, 64


class _Chunks(NamedTuple):
    """Chunks of the counted columns in each row group, as the footer has them."""

    rows: NDArray[np.int64]
    #: As `Groups.chunks`, for the bytes of one row group in the order of the file.
    chunks: NDArray[np.int64]
    #: Where the chunks of a row group start in the file, and how long they are, in that order.
    extents: NDArray[np.int64]
    #: Bytes of all of them, and whether zstd has compressed them.
    sizes: NDArray[np.int64]
    is_zstd: NDArray[np.bool_]
    #: Whether a row group may be counted with others.
    fits: NDArray[np.bool_]

    @classmethod
    def of(cls, footer: Footer, leaves: Sequence[Leaf], size: int) -> _Chunks:
        """Chunks in a file of some size. All is as `Chunks` has it, which says more about it."""
        facts = footer.chunks[:, [leaf.index for leaf in leaves]].transpose(2, 0, 1)
        elsewhere, physical, codecs, values, lengths, data, dictionary = facts[:7]
        kinds = [PHYSICAL[leaf.physical][0] for leaf in leaves]
        rows, is_zstd = footer.rows, codecs == ZSTD
        starts = np.where((dictionary > 0) & (dictionary < data), dictionary, data)
        of_chunks = (
            (elsewhere == NONE)
            & (physical == kinds)
            & (np.isin(codecs, (UNCOMPRESSED, SNAPPY)) | is_zstd)
            & (is_zstd == is_zstd[:, :1])
            & (values == rows[:, None])
            & (lengths > 0)
            & (lengths <= _MOST_OF_GROUP)
            & (starts >= 4)
            & (starts <= size - 8 - lengths)
        )
        lengths = np.where(of_chunks, lengths, 0)
        sizes = lengths.sum(axis=1)
        fits = of_chunks.all(axis=1) & (rows > 0) & (rows <= MOST_ROWS) & (sizes <= _MOST_OF_GROUP)
        order = np.argsort(starts, axis=1)
        extents = np.take_along_axis(np.stack((starts, lengths), 2), order[..., None], 1)
        ends = np.empty_like(lengths)
        np.put_along_axis(ends, order, np.cumsum(extents[..., 1], axis=1), 1)
        of_leaves = np.broadcast_to([leaf.optional for leaf in leaves], ends.shape)
        is_snappy, of_kinds = codecs == SNAPPY, np.broadcast_to(kinds, ends.shape)
        chunks = np.stack((ends - lengths, ends, is_snappy, of_leaves, of_kinds), 2)
        return cls(rows, chunks, extents, sizes, is_zstd[:, 0], fits)


class _Meaning(NamedTuple):
    """What the codes of row groups with the same dictionaries stand for."""

    #: For each column, the encoder's code of each.
    codes: Mapping[str, NDArray[np.intp]]
    #: For each facet, the shape of its table, and which part of it has entries.
    shapes: Mapping[Facet, tuple[int, ...]]
    there: Mapping[Facet, tuple[slice, ...]]


class Together:
    """Row groups of one file; any number of threads may count them.

    Parameters
    ----------
    opened, chunks
        The file, and its column chunks.
    columns, of_facets
        Its counted columns, and those of each facet's table.
    encoders, dictionaries
        Encoder of each counted column, and codes of the encoders, for all threads.
    constant
        Codes of the columns that the file's folders name.
    """

    def __init__(
        self,
        opened: OpenParquet,
        chunks: Chunks,
        columns: Sequence[str],
        of_facets: Mapping[Facet, Sequence[str]],
        encoders: Mapping[str, Encoder],
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
        self._chunks: _Chunks | None = None
        self._known: dict[tuple[tuple[int, bytes], ...], _Meaning] = {}
        #: Edges of the columns that are cut.
        self._edges = {
            leaf.column: chunks.cut(leaf)[1]
            for leaf in self._leaves
            if leaf.in_pages and encoders[leaf.column].keep
        }
        must_be = {column for column in columns if encoders[column].keep}
        is_few = all(edges.size < _MOST_BINS for edges in self._edges.values())
        if chunks.footer is None or must_be != self._edges.keys() or not is_few:
            return
        if not columns or len(self._leaves) < len(columns):
            return
        self._chunks = _Chunks.of(chunks.footer, self._leaves, self._data.size)
        for table, of_facet in zip(self._tables, of_facets.values(), strict=True):
            own = [columns.index(column) for column in of_facet if column not in constant]
            table[: len(own)] = own
        cuts = [len(self._edges[c]) if c in self._edges else NONE for c in columns]
        self._cuts = np.array(cuts, np.int64)

    def ranges(self, threads: int) -> Iterator[range]:
        """Numbers of all row groups, those that are counted together in one range."""
        # The bytes of a remote file come one after the other, and columns that are cut are long.
        most = min(_MOST_GROUPS, max(1, self._number // (_TURNS * threads)))
        if self._edges or isinstance(self._data, RemoteBytes):
            most = 1
        start = 0
        while start < self._number:
            stop = start + 1
            if self._chunks is not None:
                stop += self._others(self._chunks, start, min(start + most, self._number))
            yield range(start, stop)
            start = stop

    def _others(self, of: _Chunks, start: int, end: int) -> int:
        """How many of the row groups after the first are counted with it."""
        size, found = of.sizes[start], 0
        for other in range(start + 1, end):
            size += of.sizes[other]
            if not (of.fits[start] and of.fits[other]) or size > _MOST_TOGETHER:
                break
            if of.is_zstd[other] != of.is_zstd[start]:
                break
            found += 1
        return found

    def counts(self, numbers: range, room: Room) -> list[Cells | int]:
        """Counts of row groups, and the numbers of those that are left."""
        of = self._chunks
        if of is None or not of.fits[numbers.start : numbers.stop].all():
            return [*numbers]
        try:
            groups, tables = self._counted(of, numbers, room)
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

    def _left(self, numbers: Sequence[int]) -> list[Cells | int]:
        """Row groups that are left; those after them are probably of the same kind."""
        if self._chunks is not None:
            self._chunks.fits[numbers[0] :] = False
        return [*numbers]

    def _counted(self, of: _Chunks, numbers: range, room: Room) -> tuple[Groups, Tables]:
        """Row groups and their tables of counts."""
        from biaskit._kernels import BAD, SLACK
        from biaskit._kernels.parquet.groups import (
            CELLS,
            FOUND,
            Memory,
            Tables,
            group_counts,
            group_pages,
        )
        from biaskit._kernels.parquet.pages import FACTS, MOST_EVENTS, Scratch
        from biaskit._kernels.parquet.planes import MASKS, MOST_BITS, MOST_WIDTH, SPARE
        from biaskit._kernels.parquet.thrift import STACK

        groups = self._read(of, numbers, room)
        number, columns = groups.chunks.shape[:2]
        events = room.events.of(3 * MOST_EVENTS)[: 3 * MOST_EVENTS].reshape(-1, 3)
        pages = group_pages(groups, room.stack.of(STACK), events, room.facts.of(FACTS))
        if pages == BAD or (groups.state == BAD).all():
            raise Odd("pages that are not counted together")
        if of.is_zstd[numbers.start]:
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
        cut = longest if self._edges else 0
        entries = _MOST_ENTRIES if self._edges else 0
        scratch = Scratch(
            room.page.of(_MOST_OF_PAGE + SLACK),
            room.levels.of(longest // 8 + 2 * SLACK),
            room.dense.of(cut + 2 * SLACK),
            room.wide_dense.of(cut),
            room.values.of(max(cut, entries)),
        )
        memory = Memory(
            room.packed.of(4 * words),
            room.planes.of(MOST_WIDTH * columns * words),
            np.empty(MOST_BITS, np.int64),
            room.masks.of(MASKS),
        )
        if self._edges:
            self._cut(groups, tables, scratch, room.bins.of(entries + SLACK), memory)
        if group_counts(groups, tables, scratch, memory) < 0:
            raise AssertionError("arrays that do not fit together")
        return groups, tables

    def _cut(
        self,
        groups: Groups,
        tables: Tables,
        scratch: Scratch,
        bins: NDArray[np.uint8],
        memory: Memory,
    ) -> None:
        """Put the columns of a row group that are cut into planes."""
        from biaskit._kernels.parquet.cuts import chunk_bins
        from biaskit._kernels.parquet.groups import IS_OPTIONAL, IS_SNAPPY, PHYSICAL
        from biaskit._kernels.parquet.pages import Pages
        from biaskit._kernels.parquet.planes import MOST_WIDTH, SPARE

        rows = int(groups.rows[0])
        stride = MOST_WIDTH * ((rows + 63) // 64 + SPARE)
        for i, leaf in enumerate(self._leaves):
            if leaf.column in self._edges:
                edges, facts = self._edges[leaf.column], groups.chunks[0, i].tolist()
                start, end = groups.starts[0, i : i + 2].tolist()
                pages = Pages(
                    groups.source,
                    groups.table[start:end],
                    facts[IS_SNAPPY] != 0,
                    facts[IS_OPTIONAL] != 0,
                )
                to = memory.planes, stride * i, rows
                if chunk_bins(pages, facts[PHYSICAL], edges, scratch, bins, *to) != rows:
                    raise Odd("numbers that are missing")
                tables.found[0, i] = len(edges) + 1, 0, 0

    def _read(self, of: _Chunks, numbers: range, room: Room) -> Groups:
        """Row groups whose chunks are read, and whose pages are still to be found."""
        from biaskit._kernels import SLACK
        from biaskit._kernels.parquet.groups import IS_SNAPPY, Groups
        from biaskit._kernels.parquet.pages import FIELDS

        which = slice(numbers.start, numbers.stop)
        ends = of.sizes[which].cumsum()
        source, end = room.source.of(int(ends[-1]) + SLACK), 0
        for start, length in _adjoining(of.extents[which].reshape(-1, 2).tolist()):
            place = source[end : end + length].data
            end += length
            if self._data.read_into(start, place) != length:
                raise Odd("a chunk cut short")
        chunks, rows = of.chunks[which].copy(), of.rows[which]
        chunks[..., :IS_SNAPPY] += (ends - of.sizes[which])[:, None, None]
        number, columns = chunks.shape[:2]
        pages = (int(rows.sum()) // _ROWS_OF_PAGE + _FEW_PAGES * number) * columns
        table = room.pages.of(pages * FIELDS)[: pages * FIELDS].reshape(pages, FIELDS)
        state, starts = np.empty(number, np.int64), np.empty((number, columns + 1), np.int64)
        return Groups(source, chunks, self._cuts, rows, state, table, starts)

    def _cells(
        self, key: tuple[tuple[int, bytes], ...], counts: NDArray[np.int64], rows: int
    ) -> Cells | None:
        """Counts by dictionaries, given as numbers of entries and bytes; None for invalid ones."""
        meaning = self._known.get(key)
        if meaning is None:
            try:
                meaning = self._meaning(key)
            except Odd:
                return None
            if len(self._known) < _MOST_KNOWN:
                self._known[key] = meaning
        tables: dict[Facet, Sequence[NDArray[Any]]] = {}
        for (facet, shape), cells in zip(meaning.shapes.items(), counts, strict=True):
            table = cells[: math.prod(shape)].reshape(shape)[meaning.there[facet]]
            if table.sum() != rows:  # a code has no entry
                return None
            tables[facet] = [table]
        return Cells(tables, meaning.codes, rows, self._where)

    def _meaning(self, key: tuple[tuple[int, bytes], ...]) -> _Meaning:
        codes, sizes = dict(self._constant), dict.fromkeys(self._constant, 1)
        known = self._dictionaries
        for leaf, (entries, raw) in zip(self._leaves, key, strict=True):
            if leaf.column in self._edges:
                codes[leaf.column] = np.arange(entries)
            else:
                codes[leaf.column] = known.of_entries(leaf, raw, entries, False, self._where)
            sizes[leaf.column] = 1 << max(1, (entries - 1).bit_length())
        shapes, there = {}, {}
        for facet, columns in self._of_facets.items():
            shapes[facet] = tuple(sizes[column] for column in columns)
            there[facet] = tuple(slice(len(codes[column])) for column in columns)
        return _Meaning(codes, shapes, there)


def _adjoining(extents: list[list[int]]) -> list[list[int]]:
    """Starts and lengths, where one that follows the one before has become a part of it."""
    made = extents[:1]
    for start, length in extents[1:]:
        if sum(made[-1]) == start:
            made[-1][1] += length
        else:
            made.append([start, length])
    return made
