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

from biaskit.sources.coded.axes import Axis, in_bytes, placed_in_bytes
from biaskit.sources.cuts import floats_of
from biaskit.sources.encode import Encoder, kind_of, numbers
from biaskit.sources.files.ranges import Extent
from biaskit.sources.parquet.dictionaries import Dictionaries, dictionary_of
from biaskit.sources.parquet.layout import (
    NONE,
    PHYSICAL,
    Leaf,
    Odd,
    content_of,
    footer_of,
    inflated,
    pages_of,
)
from biaskit.sources.parquet.opening import OpenParquet
from biaskit.sources.parquet.pages import of_another_length
from biaskit.sources.parquet.scratch import Room
from biaskit.store.arrays import is_bytes, is_unicode

if TYPE_CHECKING:
    from biaskit._kernels.pages import Pages, Scratch

__all__ = ["Chunks"]

# Larger chunks are left to Arrow, so that a thread's buffers stay small.
_MOST_ROWS = 1 << 24
_MOST_BYTES = 1 << 26
# Encodings, by their numbers in the format.
_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8
# Numbers of the codecs.
_UNCOMPRESSED, _SNAPPY = 0, 1
_STREAMED = {2: "gzip", 6: "zstd"}
# From here on, several integers share one float.
_EXACT = 2.0**53
# Most bins that a byte can encode; one more code is for missing values.
_MOST_BINS = 254
# Most entries of a dictionary whose codes are bytes; one more code is for missing values.
_MOST_ENTRIES = 255
_NO_CODES = np.empty(0, np.uint32)


class _Chunk(NamedTuple):
    """A column chunk as it is stored in the file."""

    leaf: Leaf
    rows: int
    codec: int
    source: NDArray[np.uint8]
    #: Its pages, as `pages.page_table` makes them; a dictionary comes first.
    table: NDArray[np.int64]
    #: Number of leading pages that are the dictionary or use it.
    coded: int

    @property
    def coded_rows(self) -> int:
        """Rows in the pages that use the dictionary."""
        from biaskit._kernels.pages import VALUES

        return int(self.table[1 : self.coded, VALUES].sum()) if self.coded else 0

    def pages(self, table: NDArray[np.int64]) -> Pages:
        """Some of its pages, as the kernels take them."""
        from biaskit._kernels.pages import Pages

        return Pages(self.source, table, self.codec == _SNAPPY, self.leaf.optional)


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
        self._types = opened.file.schema_arrow
        self._leaves = {column: self._leaf(column) for column in columns}
        self._footer = footer_of(
            self._data,
            self._metadata.num_row_groups,
            [(c.max_repetition_level, c.max_definition_level) for c in schema],
        )

    def extents(self) -> list[list[Extent]]:
        """Positions of each row group's chunks in the file, as far as the footer has them."""
        found: list[list[Extent]] = []
        for number in range(self._metadata.num_row_groups):
            found.append([])
            for column in self._leaves:
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
        self, number: int, column: str, room: Room, buffer: NDArray[np.uint8], start: int
    ) -> Axis:
        """Codes of a column chunk, written from `start` on into a buffer."""
        chunk = self._content(number, column, room)
        if chunk.coded == len(chunk.table):
            return self._coded(chunk, room, buffer, start)
        return self._in_pages(chunk, room, buffer, start)

    def weights(self, number: int, column: str, room: Room) -> NDArray[np.float64]:
        """Weights of the rows. An invalid one sends the row group to Arrow, whose path raises.

        Integers of more than 53 bits are rounded as Arrow does.
        """
        from biaskit._kernels import SLACK
        from biaskit._kernels.values import chunk_values

        chunk = self._content(number, column, room)
        leaf, rows, done = chunk.leaf, chunk.rows, chunk.coded_rows
        if not leaf.in_pages:
            raise Odd("weights of an unsupported type")
        weights = room.weights.of(rows)[:rows]
        if chunk.coded:
            codes = room.codes.of(rows + SLACK)
            raw, entries, missing = self._codes_of_pages(chunk, room, codes, 0)
            if missing:
                raise Odd("a missing weight")
            values = numbers(dictionary_of(leaf, raw, entries), column, "weight", self._where)
            used = room.wide.of(done) if entries > _MOST_ENTRIES else codes
            np.take(values, used[:done], out=weights[:done])
        table = chunk.table[chunk.coded :]
        if len(table):
            pages, scratch = chunk.pages(table), _scratch_for(table, room)
            kind = PHYSICAL[leaf.physical][0]
            found = chunk_values(pages, kind, scratch, weights[done:], rows - done)
            if found != rows - done:
                raise Odd("pages that do not fit together")
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise Odd("a weight that is not a finite number of 0 or more")
        return weights

    def _leaf(self, column: str) -> Leaf | None:
        """Column as the kernels read it; None for one that they do not support."""
        import pyarrow.types as t

        found = [i for i, path in enumerate(self._paths) if path == column]
        type_ = self._types.field(column).type
        value = type_.value_type if t.is_dictionary(type_) else type_
        if len(found) != 1 or t.is_nested(value):
            return None
        leaf = self._metadata.schema.column(found[0])
        if leaf.max_repetition_level != 0 or leaf.max_definition_level > 1:
            return None
        physical, encoder = leaf.physical_type, self._encoders.get(column)
        # Cut columns and weights must be numeric; anything else goes to Arrow, whose path raises.
        must_be_numbers = encoder is None or bool(encoder.keep)
        in_pages = False
        if physical == "BYTE_ARRAY":
            fits = (is_unicode(value) or is_bytes(value)) and not must_be_numbers
        elif physical == "BOOLEAN":
            fits = in_pages = t.is_boolean(value) and not must_be_numbers
        else:
            is_integer = physical.startswith("INT") and t.is_integer(value)
            is_float = physical in ("FLOAT", "DOUBLE") and t.is_floating(value)
            fits = is_integer or is_float or _follows(value, physical, leaf.length)
            fits = fits and (kind_of(value) == "number" or not must_be_numbers)
            in_pages = must_be_numbers and (is_float or t.is_signed_integer(value))
            if encoder is not None:  # the kernels convert integers to floats
                is_exact = is_float or all(abs(edge) < _EXACT for edge in encoder.edges)
                in_pages = in_pages and is_exact and len(encoder.keep) <= _MOST_BINS
        if not fits:
            return None
        is_optional = leaf.max_definition_level == 1
        return Leaf(column, found[0], is_optional, physical, value, in_pages, leaf.length)

    def _group(self, number: int) -> tuple[int, NDArray[np.int64]]:
        """Rows of a row group, and the numbers of its column chunks."""
        if self._footer is None:
            raise Odd("a footer that contradicts itself")
        rows = int(self._footer.rows[number])
        if not 0 < rows <= _MOST_ROWS:
            raise Odd(f"an empty row group, or one of more than {_MOST_ROWS:,}")
        return rows, self._footer.chunks[number]

    def _chunk(self, number: int, column: str, room: Room) -> _Chunk:
        """Column chunk as stored in the file, once its headers show that it is supported."""
        from biaskit._kernels.pages import DICTIONARY, ENCODING, KIND, PACKED, SIZE

        rows, chunks = self._group(number)
        leaf = self._leaves[column]
        if leaf is None:
            raise Odd("not a flat column of a supported type")
        elsewhere, physical, codec, values, packed, *_ = chunks[leaf.index].tolist()
        if values != rows:
            raise of_another_length(self._where, rows)
        if elsewhere != NONE or physical != PHYSICAL[leaf.physical][0]:
            raise Odd("the chunk is elsewhere, encrypted, or of another type")
        if codec not in {_UNCOMPRESSED, _SNAPPY, *_STREAMED}:
            raise Odd("an unknown codec")
        source = self._read(*self._extent(number, leaf.index), room)
        table = pages_of(source, packed, rows, room, self._where)
        if not len(table):
            raise Odd("no pages")
        has_dictionary = table[0, KIND] == DICTIONARY
        if has_dictionary and table[0, ENCODING] not in (_PLAIN, _PLAIN_DICTIONARY):
            raise Odd("an unknown kind of dictionary")
        if has_dictionary and leaf.physical == "BOOLEAN":
            raise Odd("a dictionary of booleans")
        encodings = table[:, ENCODING]
        uses = (encodings == _PLAIN_DICTIONARY) | (encodings == _RLE_DICTIONARY)
        uses[0] |= has_dictionary
        # A writer stops using a dictionary that has grown too long.
        coded = int(np.argmin(uses)) if not uses.all() else len(table)
        if not has_dictionary and coded:
            raise Odd("no dictionary")
        if coded < len(table):
            if not leaf.in_pages:
                raise Odd("pages that do not use the dictionary" if coded else "no dictionary")
            others = (_PLAIN, _RLE) if leaf.physical == "BOOLEAN" else (_PLAIN,)
            if not np.isin(encodings[coded:], others).all():
                raise Odd("an unsupported encoding")
        largest = int(table[:, SIZE].max())
        if largest > _MOST_BYTES or int(table[1:, SIZE].sum()) > 16 * rows + 64 * len(table):
            raise Odd("pages too large")
        if codec == _SNAPPY and (table[:, SIZE] > 24 * table[:, PACKED] + 64).any():
            raise Odd("pages larger than their compressed bytes can hold")
        return _Chunk(leaf, rows, codec, source, table, coded)

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
        raw, entries, missing = self._codes_of_pages(chunk, room, buffer, start)
        if entries > _MOST_ENTRIES:
            wide = room.wide.of(rows)
            place = self._dictionaries.of_used(leaf, raw, entries, wide, rows, self._where)
            return placed_in_bytes(wide, rows, place, buffer, start)
        place = self._dictionaries.of_entries(
            leaf, raw, entries, missing=missing > 0, where=self._where
        )
        if encoder.keep:
            bins = place.astype(np.uint8 if len(encoder.keep) <= _MOST_BINS else np.uint32)
            return in_bytes(bins[buffer[start : start + rows]], buffer, start, rows + SLACK)
        return Axis((start,), (len(place),), place)

    def _codes_of_pages(
        self, chunk: _Chunk, room: Room, buffer: NDArray[np.uint8], start: int
    ) -> tuple[bytes, int, int]:
        """Dictionary of a chunk, its entries, and how many values are missing.

        The codes of the rows are bytes in the buffer from `start` on, or, if entries are many, in
        the scratch memory's `wide`.
        """
        from biaskit._kernels import SLACK
        from biaskit._kernels.chunks import chunk_codes
        from biaskit._kernels.pages import SIZE, VALUES

        table, rows = chunk.table[: chunk.coded], chunk.coded_rows
        page = room.page.of(int(table[:, SIZE].max()) + SLACK)
        raw = content_of(chunk.source, table[0], chunk.codec == _SNAPPY, page)
        entries = int(table[0, VALUES])
        if entries > len(raw) + 1:
            raise Odd("a dictionary too short")
        is_wide = entries > _MOST_ENTRIES
        wide = room.wide.of(rows) if is_wide else _NO_CODES
        scratch = _scratch_for(table, room, wide=is_wide)
        missing = chunk_codes(chunk.pages(table), entries, scratch, buffer, wide, start, rows)
        if missing < 0:
            raise Odd("pages that do not fit together")
        return raw, entries, missing

    def _in_pages(self, chunk: _Chunk, room: Room, buffer: NDArray[np.uint8], start: int) -> Axis:
        """Codes of the rows of a chunk, some of whose pages hold plain values."""
        from biaskit._kernels.values import BOOLEAN, chunk_places

        leaf, encoder = chunk.leaf, self._encoders[chunk.leaf.column]
        kind = PHYSICAL[leaf.physical][0]
        is_float = leaf.physical in ("FLOAT", "DOUBLE")
        done = 0
        if chunk.coded:  # these codes are the bins, a byte each
            done = chunk.coded_rows
            self._coded(chunk, room, buffer, start)
        table = chunk.table[chunk.coded :]
        rows = chunk.rows - done
        edges = floats_of(encoder.edges, PHYSICAL[leaf.physical][1] if is_float else np.float64)
        pages, scratch = chunk.pages(table), _scratch_for(table, room)
        found = chunk_places(pages, kind, edges, scratch, buffer, start + done, rows)
        if found != rows:
            raise Odd("pages that do not fit together")
        if kind == BOOLEAN:
            missing = bool((buffer[start : start + rows] == 2).any())
            place = self._dictionaries.of_entries(leaf, b"", 2, missing=missing, where=self._where)
        else:
            place = np.arange(len(encoder.keep) + 1)
        return Axis((start,), (len(place),), place)

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


def _scratch_for(table: NDArray[np.int64], room: Room, *, wide: bool = False) -> Scratch:
    """Memory for the pages with the most bytes and the most rows."""
    from biaskit._kernels.pages import DICTIONARY, KIND, SIZE, VALUES

    longest = int(table[table[:, KIND] != DICTIONARY, VALUES].max(initial=0))
    return room.for_pages(int(table[:, SIZE].max(initial=0)), longest, wide=wide)


def _follows(type_: Any, physical: str, length: int) -> bool:
    """Whether values of an Arrow type are derived from stored integers."""
    import pyarrow.types as t

    match physical:
        case "INT32":
            return bool(t.is_date32(type_) or t.is_time32(type_) or t.is_decimal128(type_))
        case "INT64":
            return bool(t.is_timestamp(type_) or t.is_time64(type_) or t.is_decimal128(type_))
        case "FIXED_LEN_BYTE_ARRAY":
            return bool(t.is_decimal128(type_)) and 0 < length <= type_.bit_width // 8
    return False
