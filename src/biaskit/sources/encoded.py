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
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, RolesError
from biaskit.roles import Facet, Roles
from biaskit.sources.batches import Batch, of_record_batch
from biaskit.sources.encode import Encoder, kind_of
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
_FEW_PAGES = 256
_MOST_PAGES = 1 << 16
# Encodings, by their numbers in the format.
_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY = 0, 2, 8
# Numbers of the codecs, and of the physical types with how their values are stored.
_UNCOMPRESSED, _SNAPPY = 0, 1
_STREAMED = {2: "gzip", 6: "zstd"}
_PHYSICAL = {
    "INT32": (1, "<i4"),
    "INT64": (2, "<i8"),
    "FLOAT": (4, "<f4"),
    "DOUBLE": (5, "<f8"),
    "BYTE_ARRAY": (6, ""),
}
_NONE = -1

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
    room = _Room()
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


class _Odd(Exception):  # noqa: N818 - not an error: it sends a chunk to Arrow
    """What the kernels do not read; the message says what."""


@dataclass(frozen=True)
class _Axis:
    """Codes of one column in a room: bytes from some places on, the highest byte first."""

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    #: The encoder's code of each place on the axis.
    codes: NDArray[np.intp]


@dataclass(frozen=True)
class _Leaf:
    """A column of the file: where it stands among the chunks, and what its values are."""

    column: str
    index: int
    optional: bool
    physical: str
    type: Any


class _Chunk(NamedTuple):
    """A column chunk as it stands in the file."""

    leaf: _Leaf
    rows: int
    codec: int
    source: NDArray[np.uint8]
    #: Its pages, as `pages.page_table` makes them; the first is the dictionary.
    table: NDArray[np.int64]


@dataclass(frozen=True)
class _Footer:
    """What the file says about its row groups."""

    #: Rows of each row group.
    rows: NDArray[np.int64]
    #: For each row group and column, the numbers in `_CHUNK_FIELDS`, -1 where they are not there.
    chunks: NDArray[np.int64]


class _Room:
    """Buffers of one thread, which grow as they must and are used again."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def array(self, name: str, size: int, dtype: Any = np.uint8) -> NDArray[Any]:
        """Array of at least some length."""
        found = self._arrays.get(name)
        if found is None or len(found) < size:
            found = self._arrays[name] = np.empty(size + size // 8, dtype)
        return found


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
        self._rooms: queue.SimpleQueue[_Room] = queue.SimpleQueue()

    def __enter__(self) -> _Reader:
        self._descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._size = os.fstat(self._descriptor).st_size
        self._footer = _footer(
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
            room = _Room()
        try:
            return self._count(number, room)
        finally:
            self._rooms.put(room)

    def against(self, number: int, column: str, room: _Room) -> str:
        """What sends a column chunk to Arrow, as far as it is seen without decompressing it."""
        try:
            self._chunk(number, column, room)
        except _Odd as odd:
            return str(odd)
        return ""

    def batches(self, number: int) -> Iterator[Batch]:
        """Rows of a row group, decoded by Arrow."""
        columns = list(self._encoders)
        for batch in self._decoded(number, columns):
            yield of_record_batch(batch, columns, self._where)

    def _count(self, number: int, room: _Room) -> Cells | None:
        from biaskit._kernels import SLACK

        try:
            rows, _ = self._group(number)
        except _Odd:
            return None
        stride = rows + SLACK
        buffer = room.array("codes", _PLANES * len(self._leaves) * stride)
        plain: list[str] = []
        axes: dict[str, _Axis] = {}
        for i, column in enumerate(self._leaves):
            try:
                axes[column] = self._axis(number, column, room, _PLANES * i * stride)
            except _Odd:
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

    def _leaf(self, column: str) -> _Leaf | None:
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
                physical in _PHYSICAL
                and (t.is_integer(value) if physical.startswith("INT") else t.is_floating(value))
                and not t.is_float16(value)
            )
        # A column that is cut must be numbers; the encoder says so.
        if not fits or (self._encoders[column].keep and kind_of(value) != "number"):
            return None
        return _Leaf(column, found[0], leaf.max_definition_level == 1, physical, value)

    def _group(self, number: int) -> tuple[int, NDArray[np.int64]]:
        """Rows of a row group, and the numbers of its column chunks."""
        if self._footer is None:
            raise _Odd("a footer that contradicts itself")
        rows = int(self._footer.rows[number])
        if not 0 < rows <= _MOST_ROWS:
            raise _Odd(f"a row group of no rows, or of more than {_MOST_ROWS:,}")
        return rows, self._footer.chunks[number]

    def _chunk(self, number: int, column: str, room: _Room) -> _Chunk:
        """Column chunk as it stands in the file, once its headers say that the kernels read it."""
        from biaskit._kernels.pages import DICTIONARY, ENCODING, KIND, PACKED, SIZE

        rows, chunks = self._group(number)
        leaf = self._leaves[column]
        if leaf is None:
            raise _Odd("no flat column of a kind that the kernels know")
        elsewhere, physical, codec, values, packed, data, dictionary, *_ = chunks[
            leaf.index
        ].tolist()
        if elsewhere != _NONE or values != rows or physical != _PHYSICAL[leaf.physical][0]:
            raise _Odd("the chunk is elsewhere, encrypted, or of another length or type")
        if codec not in {_UNCOMPRESSED, _SNAPPY, *_STREAMED}:
            raise _Odd("an unknown codec")
        start_of = dictionary if 0 < dictionary < data else data
        source = self._read(start_of, packed, room)
        table = _pages(source, packed, rows, room, self._where)
        if not len(table) or table[0, KIND] != DICTIONARY:
            raise _Odd("no dictionary")
        if table[0, ENCODING] not in (_PLAIN, _PLAIN_DICTIONARY):
            raise _Odd("an unknown kind of dictionary")
        encodings = table[1:, ENCODING]
        if np.any((encodings != _PLAIN_DICTIONARY) & (encodings != _RLE_DICTIONARY)):
            raise _Odd("pages that do not use the dictionary")
        largest = int(table[:, SIZE].max())
        if largest > _MOST_BYTES or int(table[1:, SIZE].sum()) > 8 * rows + 64 * len(table):
            raise _Odd("pages too large")
        if codec == _SNAPPY and (table[:, SIZE] > 24 * table[:, PACKED] + 64).any():
            raise _Odd("pages larger than their compressed bytes can hold")
        return _Chunk(leaf, rows, codec, source, table)

    def _axis(self, number: int, column: str, room: _Room, start: int) -> _Axis:
        """Codes of a column chunk, written from `start` on into the room."""
        from biaskit._kernels import SLACK
        from biaskit._kernels.chunks import chunk_codes
        from biaskit._kernels.pages import SIZE, VALUES

        leaf, rows, codec, source, table = self._chunk(number, column, room)
        largest = int(table[:, SIZE].max())
        if codec in _STREAMED:
            source = _inflated(source, table, _STREAMED[codec])
        page = room.array("page", largest + SLACK)
        raw = _content(source, table[0], codec == _SNAPPY, page)
        entries = int(table[0, VALUES])
        if entries > len(raw) + 1:
            raise _Odd("a dictionary too short")
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
            raise _Odd("pages that do not fit together")
        if is_wide:
            codes = self._place_of_used(leaf, raw, entries, wide[:rows])
            return _in_bytes(codes, buffer, start, rows + SLACK)
        place = self._place(leaf, raw, entries, missing > 0)
        if self._encoders[leaf.column].keep:
            bins = place.astype(
                np.uint8 if len(self._encoders[leaf.column].keep) < 256 else np.uint32
            )
            return _in_bytes(bins[buffer[start : start + rows]], buffer, start, rows + SLACK)
        return _Axis((start,), (len(place),), place)

    def _read(self, start: int, length: int, room: _Room) -> NDArray[np.uint8]:
        """Bytes of a column chunk, spare ones after them."""
        from biaskit._kernels import SLACK

        if start < 4 or not 0 < length <= _MOST_BYTES or start + length > self._size - 8:
            raise _Odd("a chunk outside of the file, or a large one")
        source = room.array("source", length + SLACK)
        if os.preadv(self._descriptor, [source[:length].data], start) != length:
            raise _Odd("a chunk cut short")
        return source

    def _place(self, leaf: _Leaf, raw: bytes, entries: int, missing: bool) -> NDArray[np.intp]:
        """Encoder's codes of a dictionary's entries, and after them that of a missing value."""
        key = (leaf.column, raw, entries, missing)
        with self._lock:
            found = self._known.get(key)
            if found is None:
                values = _dictionary(leaf, raw, entries)
                found = self._encoded(leaf.column, values, missing)
                if len(self._known) < 1_000:
                    self._known[key] = found
        return found

    def _place_of_used(
        self, leaf: _Leaf, raw: bytes, entries: int, wide: NDArray[np.uint32]
    ) -> NDArray[np.intp]:
        """Encoder's codes of the rows of a column whose dictionary is long."""
        values = _dictionary(leaf, raw, entries)
        used = np.flatnonzero(np.bincount(wide, minlength=entries + 1))
        missing = bool(len(used)) and used[-1] == entries
        place = np.zeros(entries + 1, dtype=np.intp)
        with self._lock:
            place[used] = self._encoded(
                leaf.column, _taken(values, used[: len(used) - missing]), missing
            )
        return place[wide]

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


_INT_32, _INT_64, _BINARY, _STRUCT = 5, 6, 8, 12  # Thrift's types
# Fields of the footer that say where a column chunk is, and what it is: by ids, with their type.
_CHUNK_FIELDS = (
    ((4, 1, 1), _BINARY),  # path of another file
    ((4, 1, 3, 1), _INT_32),  # physical type
    ((4, 1, 3, 4), _INT_32),  # codec
    ((4, 1, 3, 5), _INT_64),  # values
    ((4, 1, 3, 7), _INT_64),  # bytes
    ((4, 1, 3, 9), _INT_64),  # where its first data page starts
    ((4, 1, 3, 11), _INT_64),  # where its dictionary starts
    ((4, 1, 8), _STRUCT),  # encryption
    ((4, 1, 9), _BINARY),
)
_OTHER_FIELDS = (
    (4, 3),  # rows of a row group
    (4,),  # row group
    (4, 1),  # column chunk
    # Lists of how many values have each repetition level and each definition level.
    (4, 1, 3, 16, 2),
    (4, 1, 3, 16, 3),
)
# Type of each field of a column chunk; what is no field of one has no type that could be met.
_CHUNK_TYPES = np.array([*(type_ for _, type_ in _CHUNK_FIELDS), *[_NONE] * len(_OTHER_FIELDS)])


@cache
def _wanted() -> NDArray[np.int64]:
    """Fields of the footer that matter, as the kernel names them."""
    from biaskit._kernels.thrift import path

    fields = (*(ids for ids, _ in _CHUNK_FIELDS), *_OTHER_FIELDS)
    made = np.array([path(*ids) for ids in fields], np.int64)
    # As the constant of `page_table` is, so that both call one form of the kernel.
    made.setflags(write=False)
    return made


def _footer(
    descriptor: int, size: int, groups: int, levels: Sequence[tuple[int, int]]
) -> _Footer | None:
    """What a file says about its row groups; None where it is odd.

    `levels` are the highest repetition and definition level of each column.

    The numbers are read here and not asked of pyarrow, which ends the process where a column's
    metadata contradict themselves.
    """
    from biaskit._kernels.thrift import STACK, fields

    tail = os.pread(descriptor, 8, size - 8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or not 0 < length <= size - 12:
        return None
    columns = len(levels)
    source = np.frombuffer(os.pread(descriptor, length, size - 8 - length), np.uint8).copy()
    wanted = _wanted()
    rows_field, group, chunk, repetitions, definitions = range(len(_CHUNK_FIELDS), len(wanted))
    most = 2 * groups + groups * sum(len(wanted) + a + b for a, b in levels)
    events = np.empty((most, 3), np.int64)
    count, _ = fields(source, 0, len(source), wanted, np.empty(STACK, np.int64), events)
    event, type_, number = events[: max(count, 0)].T
    is_group = (event == group) & (type_ == _STRUCT)
    is_chunk = (event == chunk) & (type_ == _STRUCT)
    is_rows = (event == rows_field) & (type_ == _INT_64)
    in_group, in_chunk = np.cumsum(is_group) - 1, np.cumsum(is_chunk) - 1
    if (
        count < 0
        or not np.array_equal(in_group[is_chunk], np.repeat(np.arange(groups), columns))
        or not np.array_equal(in_group[is_rows], np.arange(groups))
    ):
        return None
    chunks = np.full((groups * columns, len(_CHUNK_FIELDS)), _NONE, np.int64)
    has_levels = bool(np.any(event >= repetitions))
    for i, which in enumerate((repetitions, definitions) if has_levels else ()):
        found = np.bincount(np.maximum(in_chunk[event == which], 0), minlength=len(chunks))
        most_levels = np.tile([1 + level[i] for level in levels], groups)
        if np.any((found != 0) & (found != most_levels)):
            return None
    is_field = type_ == _CHUNK_TYPES[event]
    chunks[in_chunk[is_field], event[is_field]] = number[is_field]
    encrypted = (chunks[:, -2:] != _NONE).any(axis=1)
    chunks[encrypted, 0] = 0
    return _Footer(number[is_rows], chunks.reshape(groups, columns, -1))


def _pages(
    source: NDArray[np.uint8], length: int, rows: int, room: _Room, where: str
) -> NDArray[np.int64]:
    """Table of a chunk's pages."""
    from biaskit._kernels.pages import FIELDS, MOST_EVENTS, OTHER_ROWS, page_table
    from biaskit._kernels.thrift import STACK

    stack = room.array("stack", STACK, np.int64)
    events = room.array("events", 3 * MOST_EVENTS, np.int64)[: 3 * MOST_EVENTS].reshape(-1, 3)
    most = _FEW_PAGES
    while most <= _MOST_PAGES:
        table = room.array("pages", most * FIELDS, np.int64)
        most = len(table) // FIELDS
        table = table[: most * FIELDS].reshape(most, FIELDS)
        pages = page_table(source, 0, length, rows, stack, events, table)
        if pages == OTHER_ROWS:
            # Arrow may read such a column with its values in other rows, and say nothing.
            raise DataError(
                f"{where} has a row group of {rows:,} rows with a column of another length; "
                "it is damaged: write it again"
            )
        if pages < 0:
            raise _Odd("odd page headers")
        if pages <= most:
            return table[:pages]
        most *= 4
    raise _Odd("too many pages")


def _content(
    source: NDArray[np.uint8], entry: NDArray[np.int64], is_snappy: bool, page: NDArray[np.uint8]
) -> bytes:
    """Content of the dictionary page."""
    from biaskit._kernels.chunks import page_body
    from biaskit._kernels.pages import BODY, PACKED, SIZE

    size = int(entry[SIZE])
    if size == 0:
        return b""
    at = page_body(source, int(entry[BODY]), int(entry[PACKED]), size, is_snappy, page)
    if at == -1:
        raise _Odd("a dictionary that cannot be decompressed")
    return (source[at : at + size] if at >= 0 else page[:size]).tobytes()


def _inflated(source: NDArray[np.uint8], table: NDArray[np.int64], codec: str) -> NDArray[np.uint8]:
    """Chunk whose pages are decompressed; the table then describes it."""
    import pyarrow as pa

    from biaskit._kernels import SLACK
    from biaskit._kernels.pages import BODY, LEVELS, PACKED, SIZE, STORED

    made = np.empty(int(table[:, SIZE].sum()) + SLACK, np.uint8)
    end = 0
    for entry in table:
        body, packed, size, levels = (int(entry[i]) for i in (BODY, PACKED, SIZE, LEVELS))
        if not 0 <= levels <= min(packed, size):
            raise _Odd("levels longer than their page")
        made[end : end + levels] = source[body : body + levels]
        text = source[body + levels : body + packed]
        if not entry[STORED] and size > levels:
            stream = pa.CompressedInputStream(pa.BufferReader(pa.py_buffer(text)), codec)
            try:
                text = np.frombuffer(stream.read(size - levels + 1), np.uint8)
            except (OSError, pa.ArrowException) as error:
                raise _Odd("a page that cannot be decompressed") from error
        if len(text) != size - levels:
            raise _Odd("a page of another size than it says")
        made[end + levels : end + size] = text
        entry[BODY], entry[PACKED] = end, size
        end += size
    return made


def _dictionary(leaf: _Leaf, raw: bytes, entries: int) -> Any:
    """Values of a dictionary page, an Arrow array."""
    import pyarrow as pa

    if leaf.physical == "BYTE_ARRAY":
        ends, texts, at = [0], [], 0
        for _ in range(entries):
            length = int.from_bytes(raw[at : at + 4], "little")
            at += 4
            if at + length > len(raw):
                raise _Odd("a dictionary too short")
            texts.append(raw[at : at + length])
            ends.append(ends[-1] + length)
            at += length
        if len(set(texts)) < entries:
            raise _Odd("a dictionary that repeats itself")
        content = b"".join(texts)
        is_text = "string" in str(leaf.type)
        try:
            for text in texts if is_text else ():
                text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _Odd("a text that is not UTF-8") from error
        type_ = pa.large_string() if is_text else pa.large_binary()
        buffers = [None, pa.py_buffer(np.array(ends, np.int64)), pa.py_buffer(content)]
        return pa.Array.from_buffers(type_, entries, buffers)
    stored = np.dtype(_PHYSICAL[leaf.physical][1])
    if entries * stored.itemsize > len(raw):
        raise _Odd("a dictionary too short")
    values = np.frombuffer(raw, stored, entries)
    if leaf.physical.startswith("INT"):
        unsigned = "uint" in str(leaf.type)
        values = values.astype(f"{'u' if unsigned else 'i'}{leaf.type.bit_width // 8}")
    return pa.Array.from_buffers(leaf.type, entries, [None, pa.py_buffer(values)])


def _taken(values: Any, used: NDArray[np.intp]) -> Any:
    """Some values of an Arrow array."""
    import pyarrow as pa

    indices = pa.Array.from_buffers(
        pa.int64(), len(used), [None, pa.py_buffer(used.astype(np.int64))]
    )
    return values.take(indices)


def _in_bytes(codes: NDArray[Any], buffer: NDArray[np.uint8], start: int, stride: int) -> _Axis:
    """Axis of codes that are the encoder's own, in as many bytes each as they need."""
    size = int(codes.max(initial=0)) + 1
    planes = 1
    while size > 256**planes:
        planes += 1
    starts = tuple(start + plane * stride for plane in range(planes))
    sizes = (-(-size // 256 ** (planes - 1)), *[256] * (planes - 1))
    for plane, at in enumerate(starts):
        np.copyto(
            buffer[at : at + len(codes)],
            codes >> (8 * (planes - 1 - plane)) & 255 if planes > 1 else codes,
            casting="unsafe",
        )
    return _Axis(starts, sizes, np.minimum(np.arange(np.prod(sizes)), size - 1))


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
