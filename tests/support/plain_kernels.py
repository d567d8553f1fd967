"""The kernels' twins in plain Python and NumPy: slow, short, and what the tests hold them against.

A twin takes its input as it comes, returns what it made, and raises `ValueError` where the kernel
returns `BAD`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["facts", "header", "hybrid", "joint_counts", "snappy", "spread", "varint"]


def varint(source: bytes, at: int, bits: int = 35) -> tuple[int, int]:
    """Number of seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while True:
        if at >= len(source) or shift >= bits:
            raise ValueError("a number that does not end")
        value |= (source[at] & 127) << shift
        shift += 7
        at += 1
        if source[at - 1] < 128:
            return value, at


def header(source: bytes, at: int) -> tuple[dict[int, Any], int]:
    """Fields of a Thrift struct in compact form by id (a struct is a dictionary), and its end."""
    fields: dict[int, Any] = {}
    field = 0
    while True:
        if at >= len(source):
            raise ValueError("a struct cut short")
        byte = source[at]
        at += 1
        if byte == 0:
            return fields, at
        field += byte >> 4
        if byte >> 4 == 0:
            raise ValueError("an id written out")
        if byte & 15 in (1, 2):
            fields[field] = byte & 15 == 1
        else:
            fields[field], at = _value(source, at, byte & 15)


def _value(source: bytes, at: int, kind: int) -> tuple[Any, int]:
    """Value of a field or an item of some type, and its end."""
    match kind:
        case 1 | 2 | 3:
            return source[at], at + 1
        case 4 | 5 | 6:
            raw, at = varint(source, at, bits=70)
            return (raw >> 1) ^ -(raw & 1), at
        case 7:
            return source[at : at + 8], at + 8
        case 8:
            length, at = varint(source, at)
            return source[at : at + length], at + length
        case 9 | 10:
            length, item = source[at] >> 4, source[at] & 15
            length, at = varint(source, at + 1) if length == 15 else (length, at + 1)
            items = []
            for _ in range(length):
                value, at = _value(source, at, item)
                items.append(value)
            return items, at
        case 12:
            return header(source, at)
    raise ValueError(f"a field of type {kind}")


def snappy(source: bytes) -> bytes:
    """Content of Snappy's raw format."""
    size, at = varint(source, 0)
    made = bytearray()
    while at < len(source):
        tag = source[at]
        at += 1
        width = (tag >> 2) - 59 if tag & 3 == 0 and tag >> 2 >= 60 else (0, 1, 2, 4)[tag & 3]
        if at + width > len(source):
            raise ValueError("a tag cut short")
        number = int.from_bytes(source[at : at + width], "little")
        at += width
        if tag & 3 == 0:
            length = 1 + (number if width else tag >> 2)
            if at + length > len(source):
                raise ValueError("a literal cut short")
            made += source[at : at + length]
            at += length
        else:
            length = 4 + (tag >> 2 & 7) if tag & 3 == 1 else 1 + (tag >> 2)
            back = (tag >> 5 << 8 | number) if tag & 3 == 1 else number
            if not 0 < back <= len(made):
                raise ValueError("a copy from before the start")
            for _ in range(length):
                made.append(made[-back])
        if len(made) > size:
            raise ValueError("more content than was said")
    if len(made) != size:
        raise ValueError("less content than was said")
    return bytes(made)


def hybrid(source: bytes, width: int, size: int, count: int) -> NDArray[np.int64]:
    """`count` codes, each below `size`, from runs of codes of `width` bits."""
    codes: list[int] = []
    at = 0
    while len(codes) < count:
        head, at = varint(source, at)
        run = head >> 1
        length = run * width if head & 1 else (width + 7) // 8
        if run == 0 or at + length > len(source):
            raise ValueError("an empty run, or one cut short")
        number = int.from_bytes(source[at : at + length], "little")
        at += length
        left = count - len(codes)
        if head & 1:
            mask = (1 << width) - 1
            codes += [number >> (width * i) & mask for i in range(min(8 * run, left))]
        else:
            codes += [number] * min(run, left)
    if any(code >= size for code in codes):
        raise ValueError("a code without an entry")
    return np.array(codes, dtype=np.int64)


def spread(levels: NDArray[Any], dense: NDArray[Any], missing: int) -> NDArray[Any]:
    """Codes in their rows: those of `dense` where a level is 1, `missing` where it is 0."""
    made = np.full(len(levels), missing, dtype=dense.dtype)
    made[levels == 1] = dense
    return made


def joint_counts(columns: Sequence[NDArray[Any]], sizes: Sequence[int]) -> NDArray[np.int64]:
    """Rows by the combination of their codes, the last column changing fastest."""
    flat = np.ravel_multi_index([column.astype(np.intp) for column in columns], list(sizes))
    return np.bincount(flat, minlength=int(np.prod(sizes)))


def numbers(source: bytes, kind: int, count: int) -> NDArray[np.float64]:
    """Plain numbers of a physical type: 1 and 2 are integers, 4 and 5 floats, of 32 and 64 bits."""
    stored = {1: "<i4", 2: "<i8", 4: "<f4", 5: "<f8"}[kind]
    with np.errstate(invalid="ignore"):  # a NaN that signals
        return np.frombuffer(source, stored, count).astype(np.float64)


def cut(values: NDArray[np.float64], edges: Sequence[float], missing: int) -> NDArray[np.intp]:
    """How many edges lie below each number; `missing` for NaN."""
    return np.where(np.isnan(values), missing, np.searchsorted(edges, values, side="left"))


def booleans(source: bytes, count: int) -> NDArray[np.uint8]:
    """Booleans of a bit each."""
    return np.unpackbits(np.frombuffer(source, np.uint8), count=count, bitorder="little")


def joint_weights(
    columns: Sequence[NDArray[Any]], sizes: Sequence[int], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sums of weights by the combination of codes, the last column changing fastest."""
    flat = np.ravel_multi_index([column.astype(np.intp) for column in columns], list(sizes))
    return np.bincount(flat, weights, minlength=int(np.prod(sizes))).astype(np.float64)


def facts(table: NDArray[np.int64]) -> list[int]:
    """What holds of all pages of a table, from its definition."""
    kinds, packed, sizes, values, encodings = table[:, [0, 2, 3, 4, 5]].T.tolist()
    uses = [
        kind == 2 or encoding in (2, 8) for kind, encoding in zip(kinds, encodings, strict=True)
    ]
    coded = uses.index(False) if False in uses else len(uses)
    rows = [0 if kind == 2 else count for kind, count in zip(kinds, values, strict=True)]
    swollen = [size - 24 * inside for size, inside in zip(sizes, packed, strict=True)]
    others = 0
    for encoding in encodings[coded:]:
        others |= 1 << min(max(encoding, 0), 62)
    return [
        coded,
        sum(rows[:coded]),
        max(rows),
        max(sizes),
        sum(sizes[1:]),
        max([0, *swollen]),
        others,
    ]
