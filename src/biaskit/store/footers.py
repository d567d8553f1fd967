"""Footers: the metadata of a Parquet file on its column chunks and pages, read in plain Python.

Arrow reads as many values of a chunk as it needs and ignores the rest: a duplicated page shifts all
rows after it. Here every page header of a chunk is read before Arrow decodes it, so inconsistent
numbers of rows are refused, as are pages that would take too much memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "ROWS",
    "Chunk",
    "Group",
    "Odd",
    "OtherRows",
    "Page",
    "TooLarge",
    "groups_of",
    "pages_of",
    "rows_at_once",
]

#: Reads bytes of a file, given the start and the number of bytes.
Read: TypeAlias = "Callable[[int, int], Any]"
# Reads a field of some type, given its start; returns its value and its end.
_Reader: TypeAlias = "Callable[[Any, int, int], tuple[Any, int]]"

# Types of Thrift's compact protocol.
_TRUE, _FALSE, _BYTE, _INT_64, _DOUBLE, _BINARY = 1, 2, 3, 6, 7, 8
_LIST, _SET, _MAP, _STRUCT = 9, 10, 11, 12
_MOST_NESTED = 32
# Bytes read for a page header; one with long statistics takes more of them.
_HEADER, _MOST_HEADER = 1 << 8, 1 << 24
# Kinds of pages.
DATA, DICTIONARY, DATA_2 = 0, 2, 3
#: Most rows that are decoded at a time.
ROWS = 1 << 17
# Most bytes of a page that is read, and most bytes of its values on average, including their
# lengths.
_MOST_BYTES = 1 << 27
_MOST_EACH = (1 << 16) + 4
# Bytes of a column that are decoded at a time, as far as the headers tell.
_AT_ONCE = 1 << 26
# Encoding in which texts share prefixes with those before; each may be as long as its page.
_DELTA_TEXTS = 7
_AT_WORST = 1 << 29


class Odd(ValueError):  # noqa: N818 - the same word as in the kernels' layout
    """Not a valid Parquet footer or page header."""


class OtherRows(Odd):
    """A column whose number of values differs from the rows of its row group."""


class TooLarge(Odd):
    """A page that is refused, since its values take too much memory."""


class Chunk(NamedTuple):
    """A column chunk as the footer describes it."""

    start: int
    length: int
    values: int


class Group(NamedTuple):
    """A row group as the footer describes it: its rows, and the requested chunks by column."""

    rows: int
    chunks: Mapping[int, Chunk]


class Page(NamedTuple):
    """A page as its header describes it."""

    kind: int
    #: Bytes of the page when it is decompressed.
    size: int
    values: int
    #: Rows where the header has them, otherwise values.
    rows: int
    encoding: int


def groups_of(footer: bytes, columns: Collection[int]) -> list[Group]:
    """Row groups that a footer names, with the chunks of some columns.

    Raises
    ------
    Odd
        It is invalid.
    """
    wanted = frozenset(columns)

    def chunks(source: Any, at: int, kind: int) -> tuple[dict[int, Chunk], int]:
        count, item, at = _list_head(source, at, kind)
        found = {}
        for i in range(count):
            if i in wanted:
                fields, at = _struct(source, at, item, _CHUNK)
                found[i] = _chunk(fields.get(3, {}))
            else:
                at = _skipped(source, at, item, 0)
        return found, at

    def groups(source: Any, at: int, kind: int) -> tuple[list[Group], int]:
        count, item, at = _list_head(source, at, kind)
        found = []
        for _ in range(count):
            fields, at = _struct(source, at, item, {1: chunks, 3: _number})
            found.append(Group(fields.get(3, 0), fields.get(1, {})))
        return found, at

    try:
        fields, _ = _struct(footer, 0, _STRUCT, {4: groups})
    except IndexError as error:
        raise Odd("the footer ends too early") from error
    made: list[Group] = fields.get(4, [])
    return made


def pages_of(read: Read, chunk: Chunk) -> Iterator[Page]:
    """Pages of a chunk, to its last byte.

    Raises
    ------
    Odd
        A header is invalid, or a page ends beyond the chunk.
    """
    at, end = chunk.start, chunk.start + chunk.length
    while at < end:
        fields, length = _header(read, at, end)
        kind, size, packed = (fields.get(i, -1) for i in (1, 2, 3))
        about = fields.get({DATA: 5, DICTIONARY: 7, DATA_2: 8}.get(kind, 0), {})
        values, encoding = about.get(1, 0), about.get(4 if kind == DATA_2 else 2, -1)
        rows = about.get(3, -1) if kind == DATA_2 else values
        at += length + packed
        if min(size, packed, values) < 0 or at > end:
            raise Odd("a page contradicts itself")
        yield Page(kind, size, values, rows, encoding)


def rows_at_once(read: Read, group: Group, index: int) -> int:
    """How many values of a chunk may be decoded at a time, as far as its headers tell.

    Raises
    ------
    OtherRows
        The chunk's number of values differs from the rows of its row group.
    TooLarge
        A page has too many bytes, or too many for its values.
    Odd
        A header is invalid.
    """
    chunk, rows, values = group.chunks[index], ROWS, 0
    if chunk.values != group.rows:
        raise OtherRows("a column and its row group differ in length")
    for page in pages_of(read, chunk) if group.rows else ():
        if page.kind != DICTIONARY:
            values += page.values
        if page.rows != page.values:
            raise OtherRows("a page has other values than rows")
        each = page.size // max(1, page.values)
        if page.size > _MOST_BYTES or (each > _MOST_EACH and page.size > 2 * _MOST_EACH):
            raise TooLarge(f"a page has {page.size:,} bytes for {page.values:,} values")
        rows = min(rows, _AT_ONCE // max(1, each))
        if page.encoding == _DELTA_TEXTS:
            rows = min(rows, _AT_WORST // max(1, page.size))
    if values != group.rows:
        raise OtherRows("the pages of a column have another length than its row group")
    return max(1, rows)


def _header(read: Read, at: int, end: int) -> tuple[dict[int, Any], int]:
    length = _HEADER
    while True:
        source = bytes(read(at, min(length, end - at)))
        try:
            return _struct(source, 0, _STRUCT, _PAGE)
        except IndexError as error:
            if length >= min(_MOST_HEADER, end - at):
                raise Odd("a page header ends too early") from error
        length *= 8


def _chunk(fields: Mapping[int, int]) -> Chunk:
    data, dictionary = fields.get(9, 0), fields.get(11, 0)
    start = dictionary if 0 < dictionary < data else data
    return Chunk(start, fields.get(7, 0), fields.get(5, 0))


def _struct(
    source: Any, at: int, kind: int, readers: Mapping[int, _Reader]
) -> tuple[dict[int, Any], int]:
    """Values of some fields of a struct, and where it ends."""
    if kind != _STRUCT:
        raise Odd("a field has the wrong type")
    found: dict[int, Any] = {}
    last = 0
    while head := source[at]:
        at += 1
        kind = head & 15
        if head >> 4:
            last += head >> 4
        else:
            number, at = _varint(source, at)
            last = (number >> 1) ^ -(number & 1)
        reader = readers.get(last)
        if reader is None:
            at = _skipped(source, at, kind, 0)
        else:
            found[last], at = reader(source, at, kind)
    return found, at + 1


def _varint(source: Any, at: int) -> tuple[int, int]:
    value, shift = source[at] & 127, 7
    while source[at] > 127:
        at += 1
        value |= (source[at] & 127) << shift
        shift += 7
        if shift > 70:
            raise Odd("a number is too long")
    return value, at + 1


def _number(source: Any, at: int, kind: int) -> tuple[int, int]:
    if not _BYTE < kind <= _INT_64:
        raise Odd("a field has the wrong type")
    number, at = _varint(source, at)
    return (number >> 1) ^ -(number & 1), at


def _list_head(source: Any, at: int, kind: int) -> tuple[int, int, int]:
    """Number of a list's items, their type, and where the first starts."""
    if kind not in (_LIST, _SET):
        raise Odd("a field has the wrong type")
    head, at = source[at], at + 1
    if head >> 4 < 15:
        return head >> 4, head & 15, at
    count, at = _varint(source, at)
    return count, head & 15, at


def _skipped(source: Any, at: int, kind: int, depth: int) -> int:
    """Where a value of some type ends."""
    if _BYTE < kind <= _INT_64:
        while source[at] > 127:
            at += 1
        return at + 1
    if kind == _BINARY:
        length, at = _varint(source, at)
        return at + length
    if depth > _MOST_NESTED:
        raise Odd("fields are nested too deep")
    if kind == _STRUCT:
        return _struct_skipped(source, at, depth + 1)
    if kind in (_LIST, _SET):
        count, item, at = _list_head(source, at, kind)
        return _items_skipped(source, at, [item], count, depth)
    if kind == _MAP:
        count, at = _varint(source, at)
        if not count:
            return at
        kinds = [source[at] >> 4, source[at] & 15]
        return _items_skipped(source, at + 1, kinds, count, depth)
    widths = {_TRUE: 0, _FALSE: 0, _BYTE: 1, _DOUBLE: 8}
    if kind not in widths:
        raise Odd("a field has an unknown type")
    return at + widths[kind]


def _struct_skipped(source: Any, at: int, depth: int) -> int:
    """End of a struct; frequent fields are read inline, since a footer is mostly structs."""
    while head := source[at]:
        at += 1
        if head < 16:
            _, at = _varint(source, at)
        kind = head & 15
        if _BYTE < kind <= _INT_64:
            while source[at] > 127:
                at += 1
            at += 1
        elif kind == _BINARY and source[at] < 128:
            at += 1 + source[at]
        else:
            at = _skipped(source, at, kind, depth)
    return at + 1


def _items_skipped(source: Any, at: int, kinds: Sequence[int], count: int, depth: int) -> int:
    if count and any(kind not in range(_TRUE, _STRUCT + 1) for kind in kinds):
        raise Odd("items have an unknown type")
    for _ in range(count):
        for kind in kinds:  # a boolean item of a list takes a byte; a boolean field does not
            at = _skipped(source, at, _BYTE if kind == _FALSE else max(kind, _BYTE), depth + 1)
        source[at - 1]  # a huge count of items that do not exist costs no time
    return at


def _fields(*numbers: int) -> _Reader:
    """Reader of a struct, some of whose fields are numbers."""
    readers = dict.fromkeys(numbers, _number)
    return lambda source, at, kind: _struct(source, at, kind, readers)


_CHUNK: Mapping[int, _Reader] = {3: _fields(5, 7, 9, 11)}
_PAGE: Mapping[int, _Reader] = {
    **dict.fromkeys((1, 2, 3), _number),
    5: _fields(1, 2),
    7: _fields(1, 2),
    8: _fields(1, 3, 4),
}
