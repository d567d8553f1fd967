"""Parquet counted in its encoded form: from dictionary indices to joint counts.

Nothing in a file is trusted. A column chunk that is not exactly what the kernels read (one flat
column, dictionary-encoded or of numbers to cut, a known codec, all numbers consistent) is decoded
by Arrow, which reads it rightly or says what is wrong; the two ways mix freely within a row group.
"""

from __future__ import annotations

import math
import os
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.roles import Facet, Roles
from biaskit.sources.axes import Axis, in_bytes, joint, joint_sums, placed_in_bytes
from biaskit.sources.batches import Batch, of_record_batch
from biaskit.sources.encode import Encoder, kind_of, numbers, taken
from biaskit.sources.layout import (
    NONE,
    PHYSICAL,
    Leaf,
    Odd,
    Room,
    content_of,
    dictionary_of,
    footer_of,
    inflated,
    pages_of,
)
from biaskit.tables import AXES

__all__ = ["Cells", "counted", "planned"]

# A file of fewer rows is counted before threads have started and taken turns at the interpreter.
_WORTH_THREADS = 1 << 21
_ROWS = 1 << 17
# What is larger than this is left to Arrow, so that a thread's buffers stay small.
_MOST_ROWS = 1 << 24
_MOST_BYTES = 1 << 26
_MOST_CELLS = 1 << 20
# A code is of four bytes at most, each in a plane of its own.
_PLANES = 4
# Encodings, by their numbers in the format.
_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8
# Numbers of the codecs.
_UNCOMPRESSED, _SNAPPY = 0, 1
_STREAMED = {2: "gzip", 6: "zstd"}
# Bins that a byte can name, beside the missing values.
_MOST_BINS = 254


@dataclass(frozen=True)
class Cells:
    """Counts of the rows of one row group, over codes that mean the same in every row group."""

    #: For each facet, rows by the codes of its columns: an axis each, in `codes`' terms.
    counts: Mapping[Facet, NDArray[np.int64]]
    #: Where rows are weighted, sums of the weights and of their squares in the same cells.
    sums: Mapping[Facet, tuple[NDArray[np.float64], NDArray[np.float64]]]
    #: For each column, the encoder's code of each place on its axis.
    codes: Mapping[str, NDArray[np.intp]]
    rows: int
    where: str
    done: float | None = None


def counted(
    file: Any,
    path: Path,
    roles: Roles,
    encoders: Mapping[str, Encoder],
    done: Callable[[float], float],
) -> Iterator[Cells | Batch]:
    """Counts of the row groups of an open ``pyarrow.parquet.ParquetFile``, in the file's order.

    A row group that would take much memory comes as batches of its rows instead.

    Parameters
    ----------
    file, path
        The file, and where it is.
    roles, encoders
        What to count, and the encoder of each column.
    done
        Share of the whole source that is read, from the share of this file.

    Raises
    ------
    DataError
        A column is not what its role needs, or the file is damaged.
    """
    metadata = file.metadata
    groups = range(metadata.num_row_groups)
    total = max(1, metadata.num_rows)
    rows = 0
    threads = (os.cpu_count() or 1) if total >= _WORTH_THREADS else 1
    with (
        _Reader(file, path, roles, encoders) as reader,
        closing(_in_order(threads, reader.count, groups)) as counts,
    ):
        for group, cells in enumerate(counts):
            for part in reader.batches(group) if cells is None else (cells,):
                rows += part.rows
                yield replace(part, done=done(min(1.0, rows / total)))
    if rows != metadata.num_rows:
        raise DataError(
            f"{path} should have {metadata.num_rows:,} rows but {rows:,} were read; "
            "it is damaged: write it again"
        )


def planned(
    file: Any, path: Path, roles: Roles, encoders: Mapping[str, Encoder]
) -> Counter[tuple[str, str, str]]:
    """Numbers of row groups by column, the path it takes (``encoded`` or ``Arrow``), and why.

    It follows from the file's metadata and the headers of its pages. What stands in the pages may
    still send a damaged column, or a table of very many cells, to Arrow.

    Parameters
    ----------
    file, path, roles, encoders
        As for `counted`.
    """
    room = Room()
    with _Reader(file, path, roles, encoders) as reader:
        return Counter(
            (column, *reader.way(number, column, room))
            for column in (*encoders, *([] if roles.weight is None else [roles.weight]))
            for number in range(file.metadata.num_row_groups)
        )


_In = TypeVar("_In")
_Out = TypeVar("_Out")


def _in_order(
    threads: int, function: Callable[[_In], _Out], items: Sequence[_In]
) -> Generator[_Out, None, None]:
    """Results of a function, several made at a time; one thread, or one item, starts no other."""
    threads = min(threads, len(items))
    if threads <= 1:
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(function, item) for item in items)
        try:
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class _Chunk(NamedTuple):
    """A column chunk as it stands in the file."""

    leaf: Leaf
    rows: int
    codec: int
    source: NDArray[np.uint8]
    #: Its pages, as `pages.page_table` makes them; a dictionary comes first.
    table: NDArray[np.int64]
    #: How many of them, from the first on, are the dictionary and pages that use it.
    coded: int

    @property
    def coded_rows(self) -> int:
        """Rows in the pages that use the dictionary."""
        from biaskit._kernels.pages import VALUES

        return int(self.table[1 : self.coded, VALUES].sum()) if self.coded else 0


class _Reader:
    """Counts row groups of one file; any number of threads may ask it to."""

    def __init__(self, file: Any, path: Path, roles: Roles, encoders: Mapping[str, Encoder]):
        self._file = file
        self._metadata = file.metadata
        self._path = path
        self._where = str(path)
        self._encoders = encoders
        self._weight = roles.weight
        self._columns_of = {facet: _columns(facet, roles) for facet in roles.facet}
        schema = self._metadata.schema
        self._paths = [schema.column(i).path for i in range(len(schema))]
        self._types = file.schema_arrow
        weights = [] if roles.weight is None else [roles.weight]
        self._leaves = {column: self._leaf(column) for column in (*encoders, *weights)}
        self._known: dict[Any, NDArray[np.intp]] = {}
        self._lock = threading.Lock()
        self._rooms: queue.SimpleQueue[Room] = queue.SimpleQueue()

    def __enter__(self) -> _Reader:
        self._descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._size = os.fstat(self._descriptor).st_size
        self._footer = footer_of(
            self._descriptor,
            self._size,
            self._metadata.num_row_groups,
            [(c.max_repetition_level, c.max_definition_level) for c in self._metadata.schema],
        )
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def count(self, number: int) -> Cells | None:
        """Counts of a row group; None where they would take too much memory."""
        try:
            room = self._rooms.get_nowait()
        except queue.Empty:
            room = Room()
        try:
            return self._count(number, room)
        finally:
            self._rooms.put(room)

    def way(self, number: int, column: str, room: Room) -> tuple[str, str]:
        """Path that a column chunk takes, and why, as far as it is seen without its content."""
        try:
            chunk = self._chunk(number, column, room)
        except Odd as odd:
            return "Arrow", str(odd)
        in_pages = "values in their pages" if chunk.coded < len(chunk.table) else ""
        dictionary = "dictionary-encoded" if chunk.coded else ""
        return "encoded", ", then ".join(filter(None, (dictionary, in_pages)))

    def batches(self, number: int) -> Iterator[Batch]:
        """Rows of a row group, decoded by Arrow."""
        columns = list(self._leaves)
        for batch in self._decoded(number, columns):
            yield of_record_batch(batch, columns, self._where)

    def _count(self, number: int, room: Room) -> Cells | None:
        from biaskit._kernels import SLACK

        try:
            rows, _ = self._group(number)
            weights = None if self._weight is None else self._weights(number, self._weight, room)
        except Odd:
            return None
        stride = rows + SLACK
        buffer = room.array("codes", _PLANES * len(self._encoders) * stride)
        plain: list[str] = []
        axes: dict[str, Axis] = {}
        for i, column in enumerate(self._encoders):
            try:
                axes[column] = self._axis(number, column, room, _PLANES * i * stride)
            except Odd:
                plain.append(column)
        if plain:
            decoded = self._codes(number, plain)
            for column, codes in decoded.items():
                if len(codes) != rows:
                    raise DataError(
                        f"{self._where}: row group {number + 1} should have {rows:,} rows but "
                        f"{len(codes):,} were read; it is damaged: write it again"
                    )
                i = list(self._encoders).index(column)
                axes[column] = in_bytes(codes, buffer, _PLANES * i * stride, stride)
        counts, sums = {}, {}
        for facet, columns in self._columns_of.items():
            of_facet = [axes[column] for column in columns]
            if math.prod(len(axis.codes) for axis in of_facet) > _MOST_CELLS:
                return None
            counts[facet] = joint(of_facet, buffer, rows)
            if weights is not None:
                sums[facet] = joint_sums(of_facet, buffer, weights)
        codes_of = {column: axis.codes for column, axis in axes.items()}
        return Cells(counts, sums, codes_of, rows, self._where)

    def _leaf(self, column: str) -> Leaf | None:
        """Column as the kernels can read it; None for one that they never can."""
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
        # A column that is cut, and the weight, must be numbers; who decodes the others says so.
        must_be_numbers = encoder is None or bool(encoder.keep)
        in_pages = False
        if physical == "BYTE_ARRAY":
            fits = str(value) in _TEXTS and not must_be_numbers
        elif physical == "BOOLEAN":
            fits = in_pages = t.is_boolean(value) and not must_be_numbers
        else:
            is_integer = physical.startswith("INT") and t.is_integer(value)
            is_float = physical in ("FLOAT", "DOUBLE") and t.is_floating(value)
            fits = is_integer or is_float or _follows(value, physical, leaf.length)
            fits = fits and (kind_of(value) == "number" or not must_be_numbers)
            in_pages = must_be_numbers and (is_float or t.is_signed_integer(value))
            in_pages = in_pages and (encoder is None or len(encoder.keep) <= _MOST_BINS)
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
            raise Odd(f"a row group of no rows, or of more than {_MOST_ROWS:,}")
        return rows, self._footer.chunks[number]

    def _chunk(self, number: int, column: str, room: Room) -> _Chunk:
        """Column chunk as it stands in the file, once its headers say that the kernels read it."""
        from biaskit._kernels.pages import DICTIONARY, ENCODING, KIND, PACKED, SIZE

        rows, chunks = self._group(number)
        leaf = self._leaves[column]
        if leaf is None:
            raise Odd("no flat column of a kind that the kernels know")
        elsewhere, physical, codec, values, packed, data, dictionary, *_ = chunks[
            leaf.index
        ].tolist()
        if elsewhere != NONE or values != rows or physical != PHYSICAL[leaf.physical][0]:
            raise Odd("the chunk is elsewhere, encrypted, or of another length or type")
        if codec not in {_UNCOMPRESSED, _SNAPPY, *_STREAMED}:
            raise Odd("an unknown codec")
        start_of = dictionary if 0 < dictionary < data else data
        source = self._read(start_of, packed, room)
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
        # A writer whose dictionary has grown too long goes on without it.
        coded = int(np.argmin(uses)) if not uses.all() else len(table)
        if not has_dictionary and coded:
            raise Odd("no dictionary")
        if coded < len(table):
            if not leaf.in_pages:
                raise Odd("pages that do not use the dictionary" if coded else "no dictionary")
            others = (_PLAIN, _RLE) if leaf.physical == "BOOLEAN" else (_PLAIN,)
            if not np.isin(encodings[coded:], others).all():
                raise Odd("an encoding that the kernels do not know")
        largest = int(table[:, SIZE].max())
        if largest > _MOST_BYTES or int(table[1:, SIZE].sum()) > 16 * rows + 64 * len(table):
            raise Odd("pages too large")
        if codec == _SNAPPY and (table[:, SIZE] > 24 * table[:, PACKED] + 64).any():
            raise Odd("pages larger than their compressed bytes can hold")
        return _Chunk(leaf, rows, codec, source, table, coded)

    def _axis(self, number: int, column: str, room: Room, start: int) -> Axis:
        """Codes of a column chunk, written from `start` on into the room."""
        chunk = self._content(number, column, room)
        if chunk.coded == len(chunk.table):
            return self._coded(chunk, room, start)
        return self._in_pages(chunk, room, start)

    def _content(self, number: int, column: str, room: Room) -> _Chunk:
        """Column chunk that needs no other decompression than the kernels' own."""
        chunk = self._chunk(number, column, room)
        if chunk.codec in _STREAMED:
            source = inflated(chunk.source, chunk.table, _STREAMED[chunk.codec])
            chunk = chunk._replace(source=source)
        return chunk

    def _coded(self, chunk: _Chunk, room: Room, start: int) -> Axis:
        """Codes of the rows whose pages use the dictionary."""
        from biaskit._kernels import SLACK

        leaf, rows, encoder = chunk.leaf, chunk.coded_rows, self._encoders[chunk.leaf.column]
        raw, entries, missing = self._codes_of_pages(chunk, room, start)
        buffer = room.array("codes", 0)
        if entries > _MOST_ENTRIES:
            wide = room.array("wide", rows, np.uint32)
            place = self._place_of_used(leaf, raw, entries, wide, rows)
            return placed_in_bytes(wide, rows, place, buffer, start)
        place = self._place(leaf, raw, entries, missing > 0)
        if encoder.keep:
            bins = place.astype(np.uint8 if len(encoder.keep) <= _MOST_BINS else np.uint32)
            return in_bytes(bins[buffer[start : start + rows]], buffer, start, rows + SLACK)
        return Axis((start,), (len(place),), place)

    def _codes_of_pages(self, chunk: _Chunk, room: Room, start: int) -> tuple[bytes, int, int]:
        """Dictionary of a chunk, its entries, and how many values are missing.

        The codes of the rows are in the room: bytes from `start` on, or `wide` if entries are many.
        """
        from biaskit._kernels import SLACK
        from biaskit._kernels.chunks import chunk_codes
        from biaskit._kernels.pages import SIZE, VALUES

        table, rows = chunk.table[: chunk.coded], chunk.coded_rows
        page = room.array("page", int(table[:, SIZE].max()) + SLACK)
        is_snappy = chunk.codec == _SNAPPY
        raw = content_of(chunk.source, table[0], is_snappy, page)
        entries = int(table[0, VALUES])
        if entries > len(raw) + 1:
            raise Odd("a dictionary too short")
        is_wide = entries > _MOST_ENTRIES
        most = int(table[1:, VALUES].max(initial=0)) + SLACK
        missing = chunk_codes(
            chunk.source,
            table,
            is_snappy,
            chunk.leaf.optional,
            entries,
            page,
            room.array("levels", most),
            room.array("dense", most),
            room.array("wide dense", most, np.uint32) if is_wide else _NO_CODES,
            room.array("codes", 0),
            room.array("wide", rows, np.uint32) if is_wide else _NO_CODES,
            start,
            rows,
        )
        if missing < 0:
            raise Odd("pages that do not fit together")
        return raw, entries, missing

    def _in_pages(self, chunk: _Chunk, room: Room, start: int) -> Axis:
        """Codes of the rows of a chunk of which some pages hold the values themselves."""
        from biaskit._kernels import SLACK
        from biaskit._kernels.pages import SIZE, VALUES
        from biaskit._kernels.values import BOOLEAN, chunk_places

        leaf, encoder = chunk.leaf, self._encoders[chunk.leaf.column]
        kind = PHYSICAL[leaf.physical][0]
        done = 0
        if chunk.coded:  # these codes are the bins, a byte each
            done = chunk.coded_rows
            self._coded(chunk, room, start)
        table = chunk.table[chunk.coded :]
        most = int(table[:, VALUES].max()) + SLACK
        buffer = room.array("codes", 0)
        rows = chunk.rows - done
        found = chunk_places(
            chunk.source,
            table,
            chunk.codec == _SNAPPY,
            leaf.optional,
            kind,
            encoder.edges,
            room.array("page", int(table[:, SIZE].max()) + SLACK),
            room.array("levels", most),
            room.array("dense", most),
            room.array("values", most, np.float64),
            buffer,
            start + done,
            rows,
        )
        if found != rows:
            raise Odd("pages that do not fit together")
        if kind == BOOLEAN:
            missing = bool((buffer[start : start + rows] == 2).any())
            place = self._place(leaf, b"", 2, missing)
        else:
            place = np.arange(len(encoder.keep) + 1)
        return Axis((start,), (len(place),), place)

    def _weights(self, number: int, column: str, room: Room) -> NDArray[np.float64]:
        """Weights of the rows; any that is wrong sends the row group to Arrow, where that is said.

        Whole numbers of more than 53 bits are rounded as Arrow's are.
        """
        from biaskit._kernels import SLACK
        from biaskit._kernels.pages import SIZE, VALUES
        from biaskit._kernels.values import chunk_values

        chunk = self._content(number, column, room)
        leaf, rows, done = chunk.leaf, chunk.rows, chunk.coded_rows
        if not leaf.in_pages:
            raise Odd("weights of a kind that the kernels do not know")
        weights = room.array("weights", rows, np.float64)[:rows]
        if chunk.coded:
            room.array("codes", rows + SLACK)
            raw, entries, missing = self._codes_of_pages(chunk, room, 0)
            if missing:
                raise Odd("a missing weight")
            values = numbers(dictionary_of(leaf, raw, entries), column, "weight", self._where)
            is_wide = entries > _MOST_ENTRIES
            codes = room.array("wide", done, np.uint32) if is_wide else room.array("codes", done)
            np.take(values, codes[:done], out=weights[:done])
        table = chunk.table[chunk.coded :]
        if len(table):
            found = chunk_values(
                chunk.source,
                table,
                chunk.codec == _SNAPPY,
                leaf.optional,
                PHYSICAL[leaf.physical][0],
                room.array("page", int(table[:, SIZE].max()) + SLACK),
                room.array("levels", int(table[:, VALUES].max()) + SLACK),
                weights[done:],
                rows - done,
            )
            if found != rows - done:
                raise Odd("pages that do not fit together")
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise Odd("a weight that is not a finite number of 0 or more")
        return weights

    def _read(self, start: int, length: int, room: Room) -> NDArray[np.uint8]:
        """Bytes of a column chunk, spare ones after them."""
        from biaskit._kernels import SLACK

        if start < 4 or not 0 < length <= _MOST_BYTES or start + length > self._size - 8:
            raise Odd("a chunk outside of the file, or a large one")
        source = room.array("source", length + SLACK)
        if os.preadv(self._descriptor, [source[:length].data], start) != length:
            raise Odd("a chunk cut short")
        return source

    def _place(self, leaf: Leaf, raw: bytes, entries: int, missing: bool) -> NDArray[np.intp]:
        """Encoder's codes of a dictionary's entries, and after them that of a missing value."""
        key = (leaf.column, raw, entries, missing)
        with self._lock:
            found = self._known.get(key)
            if found is None:
                values = dictionary_of(leaf, raw, entries)
                found = self._encoded(leaf.column, values, missing)
                if len(self._known) < 1_000:
                    self._known[key] = found
        return found

    def _place_of_used(
        self, leaf: Leaf, raw: bytes, entries: int, wide: NDArray[np.uint32], rows: int
    ) -> NDArray[np.intp]:
        """Encoder's codes of a long dictionary's entries, 0 for those that no row has.

        A frame of categories, or a part of one, is written with values that do not occur.
        """
        from biaskit._kernels.places import used

        values = dictionary_of(leaf, raw, entries)
        seen = np.zeros(entries + 1, np.uint8)
        if used(wide, rows, seen) != rows:
            raise AssertionError("codes outside of their dictionary")
        occurring = np.flatnonzero(seen)
        missing = bool(seen[entries])
        place = np.zeros(entries + 1, dtype=np.intp)
        with self._lock:
            place[occurring] = self._encoded(
                leaf.column, taken(values, occurring[: len(occurring) - missing]), missing
            )
        return place

    def _encoded(self, column: str, values: Any, missing: bool) -> NDArray[np.intp]:
        import pyarrow as pa

        encoder = self._encoders[column]
        codes = encoder.encode(values, self._where)
        if missing:
            codes = np.append(codes, encoder.encode(pa.nulls(1), self._where))
        return codes

    def _decoded(self, number: int, columns: list[str]) -> Iterator[Any]:
        """Record batches of some columns of a row group."""
        from biaskit.sources.parquet import open_parquet

        file = open_parquet(self._path, columns, self._file)
        yield from file.iter_batches(
            batch_size=_ROWS, row_groups=[number], columns=columns, use_threads=False
        )

    def _codes(self, number: int, columns: list[str]) -> dict[str, NDArray[np.uint32]]:
        """Encoder's codes of some columns of a row group."""
        codes: dict[str, list[NDArray[Any]]] = {column: [_NO_CODES] for column in columns}
        for batch in self._decoded(number, columns):
            with self._lock:
                for column in columns:
                    array = batch.column(column)
                    made = self._encoders[column].encode(array, self._where)
                    codes[column].append(made.astype(np.uint32))
        return {column: np.concatenate(parts) for column, parts in codes.items()}


_NO_CODES = np.empty(0, np.uint32)
# Entries of a dictionary up to which a byte is a code, beside that of a missing value.
_MOST_ENTRIES = 255
_TEXTS = {"string", "large_string", "string_view", "binary", "large_binary", "binary_view"}


def _follows(type_: Any, physical: str, length: int) -> bool:
    """Whether values of an Arrow type are made of the whole numbers that are stored."""
    import pyarrow.types as t

    match physical:
        case "INT32":
            return bool(t.is_date32(type_) or t.is_time32(type_) or t.is_decimal128(type_))
        case "INT64":
            return bool(t.is_timestamp(type_) or t.is_time64(type_) or t.is_decimal128(type_))
        case "FIXED_LEN_BYTE_ARRAY":
            return bool(t.is_decimal128(type_)) and 0 < length <= type_.bit_width // 8
    return False


def _columns(facet: Facet, roles: Roles) -> list[str]:
    """Columns of a facet's table, in the order of its axes."""
    others = (getattr(roles, axis) for axis in AXES[1:])
    return [
        *((facet,) if isinstance(facet, str) else facet),
        *(column for column in others if column is not None),
    ]
