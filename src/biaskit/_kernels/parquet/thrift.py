"""Thrift's compact protocol, in which Parquet writes its footer and its page headers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import BAD, inner, int64, jit

__all__ = [
    "BINARY",
    "EVENT",
    "FALSE",
    "INT_32",
    "INT_64",
    "NUMBER",
    "STACK",
    "STRUCT",
    "TRUE",
    "TYPE",
    "examples",
    "fields",
    "path",
    "varint",
]

# Types of a field.
TRUE, FALSE, BYTE, INT_16, INT_32, INT_64, DOUBLE = 1, 2, 3, 4, 5, 6, 7
BINARY, LIST, SET, STRUCT = 8, 9, 10, 12

# Columns of the events: which of the wanted fields, its type, and its number.
EVENT, TYPE, NUMBER = 0, 1, 2
#: Length of the scratch array.
STACK = 64

_DEPTH = 8
_IDS = 64


def path(*ids: int) -> int:
    """Number of a field: the ids of the structs and lists around it, and its own."""
    made = 0
    for one in ids:
        made = made * _IDS + one
    return made


@inner
def varint(source: Any, at: int, end: int) -> tuple[int, int]:
    """Varint of seven bits a byte, lowest first, and its end; `BAD` where it is too long.

    Parquet's varints have at most 32 bits.
    """
    value = 0
    shift = 0
    while at < end and shift < 35:
        byte = int64(source[at])
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return (value, at) if value >> 32 == 0 else (int64(BAD), int64(BAD))
        shift += 7
    return BAD, BAD


@jit
def fields(source: Any, at: int, end: int, wanted: Any, stack: Any, events: Any) -> tuple[int, int]:
    """Fields of a struct, including nested ones, in their order.

    Parameters
    ----------
    source
        Bytes.
    at, end
        Where the struct starts, and where it must end at the latest.
    wanted
        The fields wanted, by their `path`, int64. An item of a list has the list's path.
    stack
        Any `STACK` numbers, int64.
    events
        Place for what is found, shape ``(most, 3)``, int64. Structs emit an event at their start;
        binaries emit one for being present; a list emits one only when nested in another list.

    Returns
    -------
    int
        Number of events, or `BAD` where the bytes are odd or the events too many.
    int
        Where the struct ends.
    """
    if at < 0 or end > source.size or stack.size < STACK or events.shape[1] != 3:
        return BAD, BAD
    depth = 0
    where = 0  # path of the current container
    last = 0  # id of the field before, in a struct
    left = -1  # items to come, in a list; -1 in a struct
    item = 0  # type of the items
    count = 0
    while at < end:
        byte = int64(source[at])
        if left < 0:
            at += 1
        if left == 0 or (left < 0 and byte == 0):
            if depth == 0:
                return count, at
            depth -= 1
            where = stack[4 * depth]
            last = stack[4 * depth + 1]
            left = stack[4 * depth + 2]
            item = stack[4 * depth + 3]
            continue
        if left > 0:
            left -= 1
            kind = item
            here = where
        else:
            kind = byte & 15
            last += byte >> 4
            # Explicit field ids are legal, but no field of Parquet needs one.
            if byte >> 4 == 0 or kind == 0 or last >= _IDS:
                return BAD, BAD
            here = where * _IDS + last
        number = 0
        if kind in (TRUE, FALSE):
            if here == where:
                at += 1
            number = int64(kind == TRUE)
        elif kind == BYTE:
            at += 1
        elif kind <= INT_64:
            shift = 0
            byte = 128
            while byte >= 128:
                if at >= end or shift > 63:
                    return BAD, BAD
                byte = int64(source[at])
                at += 1
                number |= (byte & 127) << shift
                shift += 7
            number = (number >> 1) ^ -(number & 1)
        elif kind == DOUBLE:
            at += 8
        elif kind == BINARY:
            length, at = varint(source, at, end)
            if length < 0 or length > end - at:
                return BAD, BAD
            at += length
        elif kind in (LIST, SET, STRUCT):
            if depth == _DEPTH:
                return BAD, BAD
            stack[4 * depth] = where
            stack[4 * depth + 1] = last
            stack[4 * depth + 2] = left
            stack[4 * depth + 3] = item
            depth += 1
            is_item = here == where
            where = here
            last = 0
            left = -1
            if kind != STRUCT:
                if at >= end:
                    return BAD, BAD
                byte = int64(source[at])
                at += 1
                item = byte & 15
                left = byte >> 4
                if left == 15:
                    left, at = varint(source, at, end)
                    if left < 0:
                        return BAD, BAD
                if item > STRUCT or (item == 0 and left > 0):
                    return BAD, BAD
                if not is_item:
                    continue
        else:
            return BAD, BAD
        for i in range(wanted.size):
            if wanted[i] == here:
                if count == events.shape[0]:
                    return BAD, BAD
                events[count, EVENT] = i
                events[count, TYPE] = kind
                events[count, NUMBER] = number
                count += 1
    return BAD, BAD


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    source, stack, events = np.zeros(1, np.uint8), np.zeros(1, np.int64), np.zeros((1, 1), np.int64)
    wanted = np.zeros(1, np.int64)
    wanted.setflags(write=False)  # as a constant of a kernel is
    yield fields, source, 0, 0, wanted, stack, events
