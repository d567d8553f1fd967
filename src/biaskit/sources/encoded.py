"""Parquet counted in its encoded form: from dictionary indices to joint counts.

Nothing in a file is trusted. A column chunk that is not exactly what the kernels read (one flat
column, dictionary-encoded throughout, a known codec, all numbers consistent) is decoded by Arrow,
which reads it rightly or says what is wrong; the two ways mix freely within a row group.
"""

from __future__ import annotations

import math
import os
import queue
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, RolesError
from biaskit.roles import Facet, Roles
from biaskit.sources.batches import Batch, of_record_batch
from biaskit.sources.encode import Encoder, kind_of, taken
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

__all__ = ["Cells", "against_kernels", "counted", "kernels_choice", "kernels_pay", "planned"]

#: Rows from which reading with kernels pays for importing them; see `kernels_pay`. Measured on two
#: cores: import and load take 0.46 s, and Arrow 28 ms for a million rows of two columns.
CROSSOVER = 16_000_000
#: The same where a process has imported them already.
CROSSOVER_LOADED = 50_000

# A file of fewer rows is counted before threads have started and taken turns at the interpreter.
_WORTH_THREADS = 1 << 21
_ROWS = 1 << 17
# What is larger than this is left to Arrow, so that a thread's buffers stay small.
_MOST_ROWS = 1 << 23
_MOST_BYTES = 1 << 26
_MOST_CELLS = 1 << 20
# A code is of four bytes at most, each in a plane of its own.
_PLANES = 4
# Encodings, by their numbers in the format.
_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY = 0, 2, 8
# Numbers of the codecs.
_UNCOMPRESSED, _SNAPPY = 0, 1
_STREAMED = {2: "gzip", 6: "zstd"}

_rows_by_arrow = 0


@dataclass(frozen=True)
class Cells:
    """Counts of the rows of one row group, over codes that mean the same in every row group."""

    #: For each facet, rows by the codes of its columns: an axis each, in `codes`' terms.
    counts: Mapping[Facet, NDArray[np.int64]]
    #: For each column, the encoder's code of each place on its axis.
    codes: Mapping[str, NDArray[np.intp]]
    rows: int
    where: str
    done: float | None = None


def kernels_pay(rows: int, roles: Roles) -> bool:
    """Whether rows of Parquet should be counted by the kernels; see `against_kernels`."""
    return not against_kernels(rows, roles)


def against_kernels(rows: int, roles: Roles) -> str:
    """Reason why Arrow should read some rows of Parquet; an empty text where the kernels should.

    By itself, the choice is made by size: importing Numba and loading the kernels takes as long as
    Arrow takes for `CROSSOVER` rows. A process that counts often pays it once the rows of all its
    counts reach that number.
    """
    global _rows_by_arrow
    choice = kernels_choice()
    if roles.weight is not None:
        return "the rows are weighted"
    if sys.byteorder != "little" or not hasattr(os, "preadv"):
        return "the kernels do not run on this system"
    if choice == "never":
        return "BIASKIT_KERNELS is never"
    if choice == "always":
        return ""
    if "biaskit._kernels" in sys.modules:
        return "" if rows >= CROSSOVER_LOADED else f"fewer than {CROSSOVER_LOADED:,} rows"
    _rows_by_arrow += rows
    if _rows_by_arrow >= CROSSOVER:
        return ""
    return f"fewer than {CROSSOVER:,} rows: kernels would take longer to load"


def kernels_choice() -> str:
    """Value of ``BIASKIT_KERNELS``: ``auto``, ``always`` or ``never``.

    Raises
    ------
    RolesError
        It is something else.
    """
    choice = os.environ.get("BIASKIT_KERNELS", "auto")
    if choice not in {"auto", "always", "never"}:
        raise RolesError(f"BIASKIT_KERNELS is {choice!r}; set it to auto, always or never")
    return choice


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
) -> Counter[tuple[str, str]]:
    """Numbers of row groups by column and by what sends it to Arrow, an empty text for nothing.

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
            (column, reader.against(number, column, room))
            for column in encoders
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


@dataclass(frozen=True)
class _Axis:
    """Codes of one column in a room: bytes from some places on, the highest byte first."""

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    #: The encoder's code of each place on the axis.
    codes: NDArray[np.intp]


class _Chunk(NamedTuple):
    """A column chunk as it stands in the file."""

    leaf: Leaf
    rows: int
    codec: int
    source: NDArray[np.uint8]
    #: Its pages, as `pages.page_table` makes them; the first is the dictionary.
    table: NDArray[np.int64]


class _Reader:
    """Counts row groups of one file; any number of threads may ask it to."""

    def __init__(self, file: Any, path: Path, roles: Roles, encoders: Mapping[str, Encoder]):
        self._file = file
        self._metadata = file.metadata
        self._path = path
        self._where = str(path)
        self._encoders = encoders
        self._columns_of = {facet: _columns(facet, roles) for facet in roles.facet}
        schema = self._metadata.schema
        self._paths = [schema.column(i).path for i in range(len(schema))]
        self._types = file.schema_arrow
        self._leaves = {column: self._leaf(column) for column in encoders}
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

    def against(self, number: int, column: str, room: Room) -> str:
        """What sends a column chunk to Arrow, as far as it is seen without decompressing it."""
        try:
            self._chunk(number, column, room)
        except Odd as odd:
            return str(odd)
        return ""

    def batches(self, number: int) -> Iterator[Batch]:
        """Rows of a row group, decoded by Arrow."""
        columns = list(self._encoders)
        for batch in self._decoded(number, columns):
            yield of_record_batch(batch, columns, self._where)

    def _count(self, number: int, room: Room) -> Cells | None:
        from biaskit._kernels import SLACK

        try:
            rows, _ = self._group(number)
        except Odd:
            return None
        stride = rows + SLACK
        buffer = room.array("codes", _PLANES * len(self._leaves) * stride)
        plain: list[str] = []
        axes: dict[str, _Axis] = {}
        for i, column in enumerate(self._leaves):
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
                i = list(self._leaves).index(column)
                axes[column] = _in_bytes(codes, buffer, _PLANES * i * stride, stride)
        counts = {}
        for facet, columns in self._columns_of.items():
            if math.prod(len(axes[column].codes) for column in columns) > _MOST_CELLS:
                return None
            counts[facet] = _joint([axes[column] for column in columns], buffer, rows)
        return Cells(counts, {c: axis.codes for c, axis in axes.items()}, rows, self._where)

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
        physical = leaf.physical_type
        if physical == "BYTE_ARRAY":
            fits = str(value) in {
                "string",
                "large_string",
                "string_view",
                "binary",
                "large_binary",
                "binary_view",
            }
        else:
            fits = (
                physical in PHYSICAL
                and (t.is_integer(value) if physical.startswith("INT") else t.is_floating(value))
                and not t.is_float16(value)
            )
        # A column that is cut must be numbers; the encoder says so.
        if not fits or (self._encoders[column].keep and kind_of(value) != "number"):
            return None
        return Leaf(column, found[0], leaf.max_definition_level == 1, physical, value)

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
        if not len(table) or table[0, KIND] != DICTIONARY:
            raise Odd("no dictionary")
        if table[0, ENCODING] not in (_PLAIN, _PLAIN_DICTIONARY):
            raise Odd("an unknown kind of dictionary")
        encodings = table[1:, ENCODING]
        if np.any((encodings != _PLAIN_DICTIONARY) & (encodings != _RLE_DICTIONARY)):
            raise Odd("pages that do not use the dictionary")
        largest = int(table[:, SIZE].max())
        if largest > _MOST_BYTES or int(table[1:, SIZE].sum()) > 8 * rows + 64 * len(table):
            raise Odd("pages too large")
        if codec == _SNAPPY and (table[:, SIZE] > 24 * table[:, PACKED] + 64).any():
            raise Odd("pages larger than their compressed bytes can hold")
        return _Chunk(leaf, rows, codec, source, table)

    def _axis(self, number: int, column: str, room: Room, start: int) -> _Axis:
        """Codes of a column chunk, written from `start` on into the room."""
        from biaskit._kernels import SLACK
        from biaskit._kernels.chunks import chunk_codes
        from biaskit._kernels.pages import SIZE, VALUES

        leaf, rows, codec, source, table = self._chunk(number, column, room)
        largest = int(table[:, SIZE].max())
        if codec in _STREAMED:
            source = inflated(source, table, _STREAMED[codec])
        page = room.array("page", largest + SLACK)
        raw = content_of(source, table[0], codec == _SNAPPY, page)
        entries = int(table[0, VALUES])
        if entries > len(raw) + 1:
            raise Odd("a dictionary too short")
        is_wide = entries > 255
        most = int(table[1:, VALUES].max(initial=0)) + SLACK
        buffer = room.array("codes", 0)
        wide = room.array("wide", rows, np.uint32) if is_wide else _NO_CODES
        missing = chunk_codes(
            source,
            table,
            codec == _SNAPPY,
            leaf.optional,
            entries,
            page,
            room.array("levels", most),
            room.array("dense", most),
            room.array("wide dense", most, np.uint32) if is_wide else _NO_CODES,
            buffer,
            wide,
            start,
            rows,
        )
        if missing < 0:
            raise Odd("pages that do not fit together")
        if is_wide:
            place = self._place_of_used(leaf, raw, entries, wide, rows)
            return _placed(wide, rows, place, buffer, start)
        place = self._place(leaf, raw, entries, missing > 0)
        if self._encoders[leaf.column].keep:
            bins = place.astype(
                np.uint8 if len(self._encoders[leaf.column].keep) < 256 else np.uint32
            )
            return _in_bytes(bins[buffer[start : start + rows]], buffer, start, rows + SLACK)
        return _Axis((start,), (len(place),), place)

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
        from biaskit.sources.files import open_parquet

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


def _columns(facet: Facet, roles: Roles) -> list[str]:
    """Columns of a facet's table, in the order of its axes."""
    others = (getattr(roles, axis) for axis in AXES[1:])
    return [
        *((facet,) if isinstance(facet, str) else facet),
        *(column for column in others if column is not None),
    ]


def _in_bytes(codes: NDArray[Any], buffer: NDArray[np.uint8], start: int, stride: int) -> _Axis:
    """Axis of codes that are the encoder's own, in as many bytes each as they need."""
    planes, axis = _planes(codes, start, stride)
    for plane, at in zip(planes, axis.starts, strict=True):
        buffer[at : at + len(codes)] = plane
    return axis


def _placed(
    wide: NDArray[np.uint32],
    rows: int,
    place: NDArray[np.intp],
    buffer: NDArray[np.uint8],
    start: int,
) -> _Axis:
    """Axis of the places of some codes, in as many bytes each as they need."""
    from biaskit._kernels import SLACK
    from biaskit._kernels.places import placed

    planes, axis = _planes(place, start, rows + SLACK)
    if placed(wide, rows, planes, buffer, np.array(axis.starts, np.int64)) != rows:
        raise AssertionError("codes without a place")
    return axis


def _planes(codes: NDArray[Any], start: int, stride: int) -> tuple[NDArray[np.uint8], _Axis]:
    """Bytes of some codes, the highest first, shape ``(planes, codes)``, and the axis they make."""
    size = int(codes.max(initial=0)) + 1
    count = 1
    while size > 256**count:
        count += 1
    shifts = [8 * (count - 1 - plane) for plane in range(count)]
    planes = np.empty((count, len(codes)), np.uint8)
    for plane, shift in zip(planes, shifts, strict=True):
        np.copyto(plane, codes >> shift & 255 if count > 1 else codes, casting="unsafe")
    starts = tuple(start + plane * stride for plane in range(count))
    sizes = (-(-size // 256 ** (count - 1)), *[256] * (count - 1))
    return planes, _Axis(starts, sizes, np.minimum(np.arange(np.prod(sizes)), size - 1))


def _joint(axes: Sequence[_Axis], buffer: NDArray[np.uint8], rows: int) -> NDArray[np.int64]:
    """Counts of the rows by the codes of some columns, an axis each."""
    from biaskit._kernels.joint import SCRATCH, joint_counts

    shape = [len(axis.codes) for axis in axes]
    counts = np.zeros(math.prod(shape), np.int64)
    starts = np.array([at for axis in axes for at in axis.starts], np.int64)
    sizes = np.array([size for axis in axes for size in axis.sizes], np.uint64)
    scratch = np.empty(SCRATCH, np.uint64)
    if joint_counts(buffer, starts, sizes, rows, scratch, counts) != rows or counts.sum() != rows:
        raise AssertionError("codes outside of their axes")
    return counts.reshape(shape)
