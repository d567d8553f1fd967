"""Chunks: column chunks of a Parquet file, read by the kernels to codes or weights.

Nothing in a file is trusted. A chunk that is not exactly what the kernels support (a flat column,
dictionary-encoded or numeric and cut, a known codec, consistent metadata) is `Odd`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.sources.coded.axes import (
    Axis,
    Codes,
    in_bytes,
    pairs_of,
    placed_in_bytes,
    planes_of,
)
from biaskit.sources.cuts import floats_of
from biaskit.sources.encode import Encoder, numbers
from biaskit.sources.files.ranges import Extent
from biaskit.sources.parquet.dictionaries import Dictionaries, dictionary_of, seen_in
from biaskit.sources.parquet.inflating import ZSTD, inflated
from biaskit.sources.parquet.layout import (
    NONE,
    PHYSICAL,
    Leaf,
    Odd,
    content_of,
    footer_of,
    pages_of,
)
from biaskit.sources.parquet.leaves import MOST_BINS, leaf_of
from biaskit.sources.parquet.opening import OpenParquet
from biaskit.sources.parquet.pages import of_another_length
from biaskit.sources.parquet.scratch import Room
from biaskit.sources.parquet.texts import place_of, texts_in

if TYPE_CHECKING:
    from biaskit._kernels.parquet.pages import Pages, Scratch

__all__ = ["MOST_ROWS", "SNAPPY", "UNCOMPRESSED", "Chunks"]

#: Larger chunks are left to Arrow, so that a thread's buffers stay small.
MOST_ROWS = 1 << 24
_MOST_BYTES = 1 << 26
# Encodings, by their numbers in the format, and those of values in pages by their physical type.
_PLAIN, _PLAIN_DICTIONARY, _RLE, _DELTA_LENGTHS, _DELTA_BYTES = 0, 2, 3, 6, 7
_IN_PAGES = {
    "BOOLEAN": 1 << _PLAIN | 1 << _RLE,
    "BYTE_ARRAY": 1 << _PLAIN | 1 << _DELTA_LENGTHS | 1 << _DELTA_BYTES,
}
#: Numbers of the codecs.
UNCOMPRESSED, SNAPPY = 0, 1
_STREAMED = {2: "gzip", ZSTD: "zstd"}
# Most entries of a dictionary whose codes are bytes; one more code is for missing values.
_MOST_ENTRIES = 255
# Most entries of a dictionary whose codes are pairs of bytes.
_MOST_OF_PAIRS = 4_096
_NO_CODES = np.empty(0, np.uint32)


class _Chunk(NamedTuple):
    """A column chunk as it is stored in the file."""

    leaf: Leaf
    rows: int
    codec: int
    source: NDArray[np.uint8]
    #: Its pages, as `pages.page_table` makes them; a dictionary comes first.
    table: NDArray[np.int64]
    #: Number of leading pages that are the dictionary or use it, and their rows.
    coded: int
    coded_rows: int
    #: Most bytes and most rows of a page.
    largest: int
    longest: int

    @property
    def entries(self) -> int:
        """Number of entries of its dictionary, if it has one."""
        from biaskit._kernels.parquet.pages import SIZE, VALUES

        entries, size = self.table[0, [VALUES, SIZE]].tolist()
        if entries > size + 1:
            raise Odd("a dictionary too short")
        return int(entries)

    def scratch(self, room: Room, *, wide: bool = False) -> Scratch:
        """Memory for any of its pages."""
        return room.for_pages(self.largest, self.longest, wide=wide)

    def pages(self, table: NDArray[np.int64]) -> Pages:
        """Some of its pages, as the kernels take them."""
        from biaskit._kernels.parquet.pages import Pages

        return Pages(self.source, table, self.codec == SNAPPY, self.leaf.optional)


class Chunks:
    """Column chunks of one file; any number of threads may ask for them.

    Parameters
    ----------
    opened
        The file.
    columns, encoders
        Columns to read, and the encoder of each counted one; the weight has none.
    dictionaries
        Codes of the encoders, for all threads.
    """

    def __init__(
        self,
        opened: OpenParquet,
        columns: Sequence[str],
        encoders: Mapping[str, Encoder],
        dictionaries: Dictionaries,
    ):
        self._data = opened.data
        self._metadata = opened.metadata
        self._where = str(opened.path)
        self._encoders = encoders
        self._dictionaries = dictionaries
        schema = self._metadata.schema
        self._paths = [schema.column(i).path for i in range(len(schema))]
        types = opened.file.schema_arrow
        self.leaves = {
            column: leaf_of(schema, types, column, encoders.get(column)) for column in columns
        }
        self.footer = footer_of(
            self._data,
            self._metadata.num_row_groups,
            [(c.max_repetition_level, c.max_definition_level) for c in schema],
        )

    def extents(self) -> list[list[Extent]]:
        """Positions of each row group's chunks in the file, as far as the footer has them."""
        found: list[list[Extent]] = []
        for number in range(self._metadata.num_row_groups):
            found.append([])
            for column in self.leaves:
                with contextlib.suppress(Odd):
                    found[-1].append(self._extent(number, self._index(column)))
        return found

    def rows(self, number: int) -> int:
        """Rows of a row group, if not too many."""
        return self._group(number)[0]

    def way(self, number: int, column: str, room: Room) -> tuple[str, str]:
        """Path that a column chunk takes, and why, as far as known without its content."""
        try:
            chunk = self._chunk(number, column, room)
        except Odd as odd:
            return "Arrow", str(odd)
        in_pages = "values in their pages" if chunk.coded < len(chunk.table) else ""
        dictionary = "dictionary-encoded" if chunk.coded else ""
        return "encoded", ", then ".join(filter(None, (dictionary, in_pages)))

    def axis(
        self, number: int, column: str, room: Room, codes: Codes, start: int, first: int
    ) -> Axis:
        """Codes of a column chunk, as bytes from `start` on or as planes from the word `first`."""
        chunk = self._content(number, column, room)
        found = self._in_planes(chunk, room, codes, start, first)
        found = found or self._in_pairs(chunk, room, codes.pairs, start)
        if found is not None:
            return found
        if chunk.coded == len(chunk.table):
            return self._coded(chunk, room, codes.narrow, start)
        if chunk.leaf.physical == "BYTE_ARRAY":
            return self._texts(chunk, room, codes.narrow, start)
        return self._in_pages(chunk, room, codes.narrow, start)

    def weights(self, number: int, column: str, room: Room) -> NDArray[np.float64]:
        """Weights of the rows. An invalid one sends the row group to Arrow, whose path raises.

        Integers of more than 53 bits are rounded as Arrow does.
        """
        from biaskit._kernels import SLACK
        from biaskit._kernels.parquet.values import chunk_values

        chunk = self._content(number, column, room)
        leaf, rows, done = chunk.leaf, chunk.rows, chunk.coded_rows
        if not leaf.in_pages:
            raise Odd("weights of an unsupported type")
        weights = room.weights.of(rows)[:rows]
        if chunk.coded:
            codes = room.codes.of((rows + SLACK + 1) // 2).view(np.uint8)
            if self._codes_of_pages(chunk, room, codes, 0):
                raise Odd("a missing weight")
            entries = dictionary_of(leaf, self._dictionary(chunk, room), chunk.entries)
            values = numbers(entries, column, "weight", self._where)
            used = room.wide.of(done) if chunk.entries > _MOST_ENTRIES else codes
            np.take(values, used[:done], out=weights[:done])
        table = chunk.table[chunk.coded :]
        if len(table):
            pages, scratch = chunk.pages(table), chunk.scratch(room)
            kind = PHYSICAL[leaf.physical][0]
            found = chunk_values(pages, kind, scratch, weights[done:], rows - done)
            if found != rows - done:
                raise Odd("pages that do not fit together")
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise Odd("a weight that is not a finite number of 0 or more")
        return weights

    def _group(self, number: int) -> tuple[int, NDArray[np.int64]]:
        """Rows of a row group, and the numbers of its column chunks."""
        if self.footer is None:
            raise Odd("a footer that contradicts itself")
        rows = int(self.footer.rows[number])
        if not 0 < rows <= MOST_ROWS:
            raise Odd(f"an empty row group, or one of more than {MOST_ROWS:,}")
        return rows, self.footer.chunks[number]

    def _chunk(self, number: int, column: str, room: Room) -> _Chunk:
        """Column chunk as stored in the file, once its headers show that it is supported."""
        from biaskit._kernels.parquet.pages import DICTIONARY, ENCODING, KIND

        rows, chunks = self._group(number)
        leaf = self.leaves[column]
        if leaf is None:
            raise Odd("not a flat column of a supported type")
        elsewhere, physical, codec, values, packed, *_ = chunks[leaf.index].tolist()
        if values != rows:
            raise of_another_length(self._where, rows)
        if elsewhere != NONE or physical != PHYSICAL[leaf.physical][0]:
            raise Odd("the chunk is elsewhere, encrypted, or of another type")
        if codec not in {UNCOMPRESSED, SNAPPY, *_STREAMED}:
            raise Odd("an unknown codec")
        source = self._read(*self._extent(number, leaf.index), room)
        table, facts = pages_of(source, packed, rows, room, self._where)
        coded, coded_rows, longest, largest, total, swollen, others = facts
        if not len(table):
            raise Odd("no pages")
        if table[0, KIND] == DICTIONARY:
            if table[0, ENCODING] not in (_PLAIN, _PLAIN_DICTIONARY):
                raise Odd("an unknown kind of dictionary")
            if leaf.physical == "BOOLEAN":
                raise Odd("a dictionary of booleans")
        elif coded:
            raise Odd("no dictionary")
        # A writer stops using a dictionary that has grown too long.
        if coded < len(table):
            if not leaf.in_pages:
                raise Odd("pages that do not use the dictionary" if coded else "no dictionary")
            if others & ~_IN_PAGES.get(leaf.physical, 1 << _PLAIN):
                raise Odd("an unsupported encoding")
        has_texts = coded < len(table) and leaf.physical == "BYTE_ARRAY"
        most = _MOST_BYTES if has_texts else 16 * rows + 64 * len(table)
        if largest > _MOST_BYTES or total > most:
            raise Odd("pages too large")
        if codec == SNAPPY and swollen > 64:
            raise Odd("pages larger than their compressed bytes can hold")
        return _Chunk(leaf, rows, codec, source, table, coded, coded_rows, largest, longest)

    def _content(self, number: int, column: str, room: Room) -> _Chunk:
        """Column chunk that needs only the kernels' own decompression."""
        chunk = self._chunk(number, column, room)
        if chunk.codec in _STREAMED:
            source = inflated(chunk.source, chunk.table, _STREAMED[chunk.codec])
            chunk = chunk._replace(source=source)
        return chunk

    def _coded(self, chunk: _Chunk, room: Room, buffer: NDArray[np.uint8], start: int) -> Axis:
        """Codes of the rows whose pages use the dictionary."""
        from biaskit._kernels import SLACK

        leaf, rows, encoder = chunk.leaf, chunk.coded_rows, self._encoders[chunk.leaf.column]
        missing = self._codes_of_pages(chunk, room, buffer, start)
        entries, is_wide = chunk.entries, chunk.entries > _MOST_ENTRIES
        wide = room.wide.of(rows if is_wide else 0)
        place: NDArray[Any]
        if encoder.keep and leaf.in_pages:
            place = self._bins(chunk, room)
        else:
            raw = self._dictionary(chunk, room)
            known = self._dictionaries
            if is_wide:
                seen = seen_in(wide, rows, entries)
                place = known.of_used(leaf, raw, entries, seen, self._where)
            else:
                place = known.of_entries(leaf, raw, entries, missing > 0, self._where)
        if is_wide:
            return placed_in_bytes(wide, rows, place, buffer, start)
        if encoder.keep:
            bins = place.astype(np.uint8 if len(encoder.keep) <= MOST_BINS else np.uint32)
            return in_bytes(bins[buffer[start : start + rows]], buffer, start, rows + SLACK)
        return Axis(place, (start,), (len(place),))

    def _bins(self, chunk: _Chunk, room: Room) -> NDArray[Any]:
        """Bins of a dictionary of numbers, read as a page of values, and of a missing one."""
        from biaskit._kernels import SLACK
        from biaskit._kernels.parquet.pages import DATA, ENCODING, KIND
        from biaskit._kernels.parquet.values import chunk_places

        kind, edges = self._cut(chunk.leaf)
        table = chunk.table[:1].copy()
        table[0, KIND], table[0, ENCODING] = DATA, _PLAIN
        entries = chunk.entries
        bins = room.bins.of(entries + SLACK)[: entries + SLACK]
        pages = chunk.pages(table)._replace(optional=False)
        scratch = room.for_pages(chunk.largest, entries)
        if chunk_places(pages, kind, edges, scratch, bins, 0, entries) != entries:
            raise Odd("a dictionary too short")
        bins[entries] = len(edges) + 1
        return bins[: entries + 1]

    def _cut(self, leaf: Leaf) -> tuple[int, NDArray[np.float64]]:
        """Physical type of a column's plain values, and the numbers at which they are cut."""
        kind, stored = PHYSICAL[leaf.physical]
        is_float = leaf.physical in ("FLOAT", "DOUBLE")
        edges = floats_of(self._encoders[leaf.column].edges, stored if is_float else np.float64)
        return kind, edges

    def _in_planes(
        self, chunk: _Chunk, room: Room, codes: Codes, start: int, first: int
    ) -> Axis | None:
        """Codes of a chunk with few values and none missing; None for others."""
        from biaskit._kernels.parquet.planes import MOST_WIDTH, SPARE, chunk_planes

        leaf, rows = chunk.leaf, chunk.rows
        is_boolean = leaf.physical == "BOOLEAN"
        if chunk.coded < len(chunk.table) and not is_boolean:
            return None
        entries = 2 if is_boolean else chunk.entries
        width = max(1, (entries - 1).bit_length())
        if width > MOST_WIDTH or self._encoders[leaf.column].keep:
            return None
        raw = b"" if is_boolean else self._dictionary(chunk, room)
        packed = room.packed.of(0 if width == 1 else 4 * ((rows + 63) // 64) + SPARE)
        pages, scratch = chunk.pages(chunk.table), chunk.scratch(room)
        done = chunk_planes(pages, width, is_boolean, scratch, packed, codes.planes, first, rows)
        if done != rows:
            return None
        place = self._dictionaries.of_entries(leaf, raw, entries, False, self._where)
        return planes_of(place, width, rows, first, start)

    def _in_pairs(
        self, chunk: _Chunk, room: Room, pairs: NDArray[np.uint16], start: int
    ) -> Axis | None:
        """Codes of two bytes of a chunk with none missing; None for others."""
        from biaskit._kernels.parquet.chunks import chunk_pairs

        leaf, rows = chunk.leaf, chunk.rows
        if chunk.coded < len(chunk.table) or self._encoders[leaf.column].keep:
            return None
        entries = chunk.entries
        if not _MOST_ENTRIES < entries <= _MOST_OF_PAIRS:
            return None
        raw = self._dictionary(chunk, room)
        place = self._dictionaries.known(leaf, raw, entries)
        seen = np.zeros(entries if place is None else 0, np.uint8)
        scratch = chunk.scratch(room)
        pages = chunk.pages(chunk.table)
        if chunk_pairs(pages, entries, scratch, pairs, start // 2, rows, seen) != rows:
            return None
        if place is None:
            place = self._dictionaries.of_used(leaf, raw, entries, seen, self._where)
        return pairs_of(place, start)

    def _dictionary(self, chunk: _Chunk, room: Room) -> bytes:
        """Content of a chunk's dictionary page."""
        from biaskit._kernels import SLACK
        from biaskit._kernels.parquet.pages import SIZE

        page = room.page.of(int(chunk.table[0, SIZE]) + SLACK)
        return content_of(chunk.source, chunk.table[0], chunk.codec == SNAPPY, page)

    def _codes_of_pages(
        self, chunk: _Chunk, room: Room, buffer: NDArray[np.uint8], start: int
    ) -> int:
        """Number of missing values in the pages that use the dictionary.

        The codes of the rows are bytes in the buffer from `start` on, or, if entries are many, in
        the scratch memory's `wide`.
        """
        from biaskit._kernels.parquet.chunks import chunk_codes

        table, rows, entries = chunk.table[: chunk.coded], chunk.coded_rows, chunk.entries
        is_wide = entries > _MOST_ENTRIES
        wide = room.wide.of(rows) if is_wide else _NO_CODES
        scratch = chunk.scratch(room, wide=is_wide)
        missing = chunk_codes(chunk.pages(table), entries, scratch, buffer, wide, start, rows)
        if missing < 0:
            raise Odd("pages that do not fit together")
        return int(missing)

    def _in_pages(self, chunk: _Chunk, room: Room, buffer: NDArray[np.uint8], start: int) -> Axis:
        """Codes of the rows of a chunk, some of whose pages hold plain values."""
        from biaskit._kernels.parquet.values import BOOLEAN, chunk_places

        leaf, encoder = chunk.leaf, self._encoders[chunk.leaf.column]
        kind, edges = self._cut(leaf)
        done = 0
        if chunk.coded:  # these codes are the bins, a byte each
            done = chunk.coded_rows
            self._coded(chunk, room, buffer, start)
        table = chunk.table[chunk.coded :]
        rows = chunk.rows - done
        pages, scratch = chunk.pages(table), chunk.scratch(room)
        found = chunk_places(pages, kind, edges, scratch, buffer, start + done, rows)
        if found != rows:
            raise Odd("pages that do not fit together")
        if kind == BOOLEAN:
            missing = bool((buffer[start : start + rows] == 2).any())
            place = self._dictionaries.of_entries(leaf, b"", 2, missing, self._where)
        else:
            place = np.arange(len(encoder.keep) + 1)
        return Axis(place, (start,), (len(place),))

    def _texts(self, chunk: _Chunk, room: Room, buffer: NDArray[np.uint8], start: int) -> Axis:
        """Codes of the rows of a chunk, some of whose pages hold texts."""
        leaf, rows = chunk.leaf, chunk.rows
        own = self._dictionary(chunk, room) if chunk.coded else b""
        pages, scratch = chunk.pages(chunk.table), chunk.scratch(room, wide=True)
        found = texts_in(pages, own, scratch, room, rows, chunk.longest)
        known = self._dictionaries
        place = known.of_used(leaf, found.raw, found.entries, found.seen, self._where)
        return placed_in_bytes(found.codes, rows, place_of(found, place), buffer, start)

    def _index(self, column: str) -> int:
        """Index of a column's chunk in a row group."""
        if self._paths.count(column) != 1:
            raise Odd("not a flat column")
        return self._paths.index(column)

    def _extent(self, number: int, index: int) -> Extent:
        """Where a chunk starts in the file, and how many bytes it has."""
        _, chunks = self._group(number)
        _, _, _, _, length, data, dictionary, *_ = chunks[index].tolist()
        start = dictionary if 0 < dictionary < data else data
        if start < 4 or not 0 < length <= _MOST_BYTES or start + length > self._data.size - 8:
            raise Odd("a chunk outside the file, or a very large one")
        return start, length

    def _read(self, start: int, length: int, room: Room) -> NDArray[np.uint8]:
        """Bytes of a column chunk, followed by spare ones."""
        from biaskit._kernels import SLACK

        source = room.source.of(length + SLACK)
        if self._data.read_into(start, source[:length].data) != length:
            raise Odd("a chunk cut short")
        return source
