"""A Parquet file taken apart into its footer, chunks and pages, to be changed and put together.

A value of Thrift's compact form is an int, a bool, bytes, a `Raw`, a `Listed` or a `Fields`; what a
file is put together of may contradict itself, since that is what it is for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
_TRUE, _FALSE, _BYTE, _DOUBLE = 1, 2, 3, 7


class Fields(dict[int, tuple[int, Any]]):
    """Struct: type and value of each field, by its number."""

    def value(self, number: int, default: Any = None) -> Any:
        return self[number][1] if number in self else default

    def put(self, number: int, value: Any, kind: int = I32) -> None:
        """Value of a field, of the type that it has already, or else of `kind`."""
        self[number] = (self[number][0] if number in self else kind, value)


@dataclass
class Listed:
    """List: the type of its items, and the items."""

    kind: int
    items: list[Any]


@dataclass
class Raw:
    """Bytes of a value that matter to nobody, as they stand."""

    content: bytes


def varint(number: int) -> bytes:
    made = bytearray()
    number &= (1 << 64) - 1
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _varint_at(source: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = source[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _value_at(source: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (_TRUE, _FALSE, _BYTE):
        return source[at], at + 1
    if kind in (4, I32, I64):
        number, at = _varint_at(source, at)
        return (number >> 1) ^ -(number & 1), at
    if kind == _DOUBLE:
        return Raw(source[at : at + 8]), at + 8
    if kind == BINARY:
        length, at = _varint_at(source, at)
        return source[at : at + length], at + length
    if kind == LIST:
        count, item = source[at] >> 4, source[at] & 15
        at += 1
        if count == 15:
            count, at = _varint_at(source, at)
        items = []
        for _ in range(count):
            one, at = _value_at(source, at, item)
            items.append(one)
        return Listed(item, items), at
    return fields_at(source, at)


def fields_at(source: bytes, at: int) -> tuple[Fields, int]:
    """Struct that starts at a place, and where it ends."""
    made, last = Fields(), 0
    while source[at]:
        step, kind = source[at] >> 4, source[at] & 15
        at += 1
        last += step
        if kind in (_TRUE, _FALSE):
            made[last] = (_TRUE, kind == _TRUE)
        else:
            value, at = _value_at(source, at, kind)
            made[last] = (kind, value)
    return made, at + 1


def _written_value(kind: int, value: Any) -> bytes:
    match value:
        case Raw(content):
            return content
        case Fields():
            return written(value)
        case Listed(item, items):
            size = len(items)
            head = bytes([size << 4 | item]) if size < 15 else bytes([240 | item]) + varint(size)
            return head + b"".join(_written_value(item, one) for one in items)
        case bytes():
            return varint(len(value)) + value
    return bytes([value & 255]) if kind in (_TRUE, _FALSE, _BYTE) else varint(_zigzag(value))


def written(fields: Fields) -> bytes:
    """Bytes of a struct."""
    made, last = b"", 0
    for number in sorted(fields):
        kind, value = fields[number]
        flag = kind if kind != _TRUE else _TRUE if value else _FALSE
        step = number - last
        made += bytes([step << 4 | flag]) if step < 16 else bytes([flag]) + varint(_zigzag(number))
        made += b"" if kind == _TRUE else _written_value(kind, value)
        last = number
    return made + b"\0"


@dataclass
class Page:
    header: Fields
    body: bytes


@dataclass
class Chunk:
    pages: list[Page]
    #: What the footer says of it; its places and lengths follow from the pages, but for `lies`.
    about: Fields
    lies: dict[int, int] = field(default_factory=dict)


class File:
    """A file of flat columns, as pyarrow writes it."""

    def __init__(self, content: bytes):
        length = int.from_bytes(content[-8:-4], "little")
        self.footer, _ = fields_at(content, len(content) - 8 - length)
        self.groups = [
            [self._chunk(content, one.value(3)) for one in group.value(1).items]
            for group in self.footer.value(4).items
        ]

    @staticmethod
    def _chunk(content: bytes, about: Fields) -> Chunk:
        at = min(about.value(9), about.value(11) or about.value(9))
        end, pages = at + about.value(7), []
        while at < end:
            header, at = fields_at(content, at)
            pages.append(Page(header, content[at : at + header.value(3)]))
            at += header.value(3)
        return Chunk(pages, about)

    def content(self) -> bytes:
        """Bytes of the file, put together again."""
        made = bytearray(b"PAR1")
        for group, chunks in zip(self.footer.value(4).items, self.groups, strict=False):
            for place, chunk in zip(group.value(1).items, chunks, strict=False):
                start, data = len(made), None
                for page in chunk.pages:
                    if data is None and page.header.value(1) != 2:
                        data = len(made)
                    made += written(page.header) + page.body
                about = place.value(3)
                about.put(7, len(made) - start, I64)
                about.put(9, start if data is None else data, I64)
                if chunk.pages and chunk.pages[0].header.value(1) == 2:
                    about.put(11, start, I64)
                for number, lie in chunk.lies.items():
                    about.put(number, lie, I64)
        footer = written(self.footer)
        return bytes(made + footer + len(footer).to_bytes(4, "little") + b"PAR1")
