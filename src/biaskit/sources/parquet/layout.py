"""Layout: the metadata of a Parquet file, from the footer to the pages of a column chunk.

Nothing in it is trusted. Whatever the kernels do not support exactly is `Odd`, and goes to Arrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.sources.files.ranges import Bytes
from biaskit.sources.parquet.pages import of_another_length
from biaskit.sources.parquet.scratch import Room

__all__ = [
    "NONE",
    "PHYSICAL",
    "Footer",
    "Leaf",
    "Odd",
    "content_of",
    "footer_of",
    "pages_of",
]

_FEW_PAGES = 256
_MOST_PAGES = 1 << 16
# Numbers of the physical types in the format, and how their values are stored.
PHYSICAL = {
    "BOOLEAN": (0, ""),
    "INT32": (1, "<i4"),
    "INT64": (2, "<i8"),
    "FLOAT": (4, "<f4"),
    "DOUBLE": (5, "<f8"),
    "BYTE_ARRAY": (6, ""),
    "FIXED_LEN_BYTE_ARRAY": (7, ""),
}
#: Stands for a number that the file lacks.
NONE = -1


class Odd(Exception):  # noqa: N818 - not an error: it sends a chunk to Arrow
    """Something that the kernels do not support; the message says what."""


@dataclass(frozen=True)
class Leaf:
    """A column of the file: its index among the chunks, and the type of its values."""

    column: str
    index: int
    optional: bool
    physical: str
    type: Any
    #: Whether the kernels read its values in pages without a dictionary.
    in_pages: bool = False
    #: Bytes of a value, if all values have the same size.
    length: int = 0


@dataclass(frozen=True)
class Footer:
    """The file's metadata on its row groups."""

    #: Rows of each row group.
    rows: NDArray[np.int64]
    #: For each row group and column, the numbers in `_CHUNK_FIELDS`, -1 where they are absent.
    chunks: NDArray[np.int64]


_INT_32, _INT_64, _BINARY, _STRUCT = 5, 6, 8, 12  # Thrift's types
# Fields of the footer with a column chunk's position and kind: by ids, with their type.
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
    # Lists of the numbers of values by repetition level and by definition level.
    (4, 1, 3, 16, 2),
    (4, 1, 3, 16, 3),
)
# Expected Thrift type of each column-chunk field; other events have NONE, which never matches.
_CHUNK_TYPES = np.array([*(type_ for _, type_ in _CHUNK_FIELDS), *[NONE] * len(_OTHER_FIELDS)])


@cache
def _wanted() -> NDArray[np.int64]:
    """Fields of the footer that are used, as the kernel names them."""
    from biaskit._kernels.parquet.thrift import path

    fields = (*(ids for ids, _ in _CHUNK_FIELDS), *_OTHER_FIELDS)
    made = np.array([path(*ids) for ids in fields], np.int64)
    # Of the same type as the constant of `page_table`, so that both use one compiled kernel.
    made.setflags(write=False)
    return made


def footer_of(data: Bytes, groups: int, levels: Sequence[tuple[int, int]]) -> Footer | None:
    """A file's metadata on its row groups; None where it is odd.

    `levels` are the highest repetition and definition level of each column.

    The numbers are read here and not through pyarrow, which aborts the process where a column's
    metadata are contradictory.
    """
    from biaskit._kernels.parquet.thrift import STACK, fields

    size = data.size
    tail = bytes(data.read(size - 8, 8))
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or not 0 < length <= size - 12:
        return None
    columns = len(levels)
    if groups * columns > length:  # each chunk takes a byte, or the footer contradicts itself
        return None
    source = np.frombuffer(data.read(size - 8 - length, length), np.uint8).copy()
    wanted = _wanted()
    rows_field, group, chunk, repetitions, definitions = range(len(_CHUNK_FIELDS), len(wanted))
    most = min(length, 2 * groups + groups * sum(len(wanted) + a + b for a, b in levels))
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
    chunks = np.full((groups * columns, len(_CHUNK_FIELDS)), NONE, np.int64)
    has_levels = bool(np.any(event >= repetitions))
    for i, which in enumerate((repetitions, definitions) if has_levels else ()):
        found = np.bincount(np.maximum(in_chunk[event == which], 0), minlength=len(chunks))
        most_levels = np.tile([1 + level[i] for level in levels], groups)
        if np.any((found != 0) & (found != most_levels)):
            return None
    is_field = type_ == _CHUNK_TYPES[event]
    chunks[in_chunk[is_field], event[is_field]] = number[is_field]
    encrypted = (chunks[:, -2:] != NONE).any(axis=1)
    chunks[encrypted, 0] = 0
    return Footer(number[is_rows], chunks.reshape(groups, columns, -1))


def pages_of(
    source: NDArray[np.uint8], length: int, rows: int, room: Room, where: str
) -> tuple[NDArray[np.int64], list[int]]:
    """Table of a chunk's pages, and what holds of all of them, as `page_table` has it."""
    from biaskit._kernels.parquet.pages import FACTS, FIELDS, MOST_EVENTS, OTHER_ROWS, page_table
    from biaskit._kernels.parquet.thrift import STACK

    stack = room.stack.of(STACK)
    events = room.events.of(3 * MOST_EVENTS)[: 3 * MOST_EVENTS].reshape(-1, 3)
    facts = room.facts.of(FACTS)
    most = _FEW_PAGES
    while most <= _MOST_PAGES:
        table = room.pages.of(most * FIELDS)
        most = len(table) // FIELDS
        table = table[: most * FIELDS].reshape(most, FIELDS)
        pages = page_table(source, 0, length, rows, stack, events, table, facts)
        if pages == OTHER_ROWS:
            raise of_another_length(where, rows)
        if pages < 0:
            raise Odd("contradictory page headers")
        if pages <= most:
            return table[:pages], facts[:FACTS].tolist()
        most *= 4
    raise Odd("too many pages")


def content_of(
    source: NDArray[np.uint8], entry: NDArray[np.int64], is_snappy: bool, page: NDArray[np.uint8]
) -> bytes:
    """Content of the dictionary page."""
    from biaskit._kernels.parquet.chunks import page_body
    from biaskit._kernels.parquet.pages import BODY, PACKED, SIZE

    size = int(entry[SIZE])
    if size == 0:
        return b""
    at = page_body(source, int(entry[BODY]), int(entry[PACKED]), size, is_snappy, page)
    if at == -1:
        raise Odd("a dictionary that cannot be decompressed")
    return (source[at : at + size] if at >= 0 else page[:size]).tobytes()
