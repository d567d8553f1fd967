"""Plain values in pages: numbers to cut or to add up, and booleans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import (
    BAD,
    SLACK,
    as_double,
    as_single,
    fits,
    inner,
    int64,
    jit,
    peek,
    poke,
    uint64,
)
from biaskit._kernels.parquet.chunks import IN_PAGE, little, page_parts
from biaskit._kernels.parquet.hybrid import hybrid, spread
from biaskit._kernels.parquet.pages import (
    DICTIONARY,
    ENCODING,
    FIELDS,
    KIND,
    VALUES,
    Pages,
    Scratch,
)

__all__ = [
    "BOOLEAN",
    "DOUBLE",
    "INT_32",
    "INT_64",
    "SINGLE",
    "chunk_places",
    "chunk_values",
    "cut",
    "examples",
    "numbers",
]

#: Numbers of the physical types in the format.
BOOLEAN, INT_32, INT_64, SINGLE, DOUBLE = 0, 1, 2, 4, 5
# Encodings, by their numbers in the format.
_PLAIN = 0
_RLE = 3

_U32 = uint64(32)
_U7 = uint64(7)
_ONES = uint64(0x0101010101010101)
_LOW = uint64(0x7F7F7F7F7F7F7F7F)
_DIAGONAL = uint64(0x8040201008040201)


@inner
def numbers(text: Any, at: int, end: int, kind: int, out: Any, start: int, count: int) -> int:
    """Numbers of a plain page as float64.

    Parameters
    ----------
    text, at, end
        Bytes, `SLACK` spare ones after them, and which of them are the numbers.
    kind
        Their physical type: `INT_32`, `INT_64`, `SINGLE` or `DOUBLE`.
    out, start, count
        Where the numbers go, and how many there are.

    Returns
    -------
    int
        `count`, or `BAD`.
    """
    width = 4 if kind in (INT_32, SINGLE) else 8
    if at < 0 or not fits(start, count, out.size):
        return BAD
    if end > text.size - SLACK or width * count > end - at:
        return BAD
    if kind == DOUBLE:
        for i in range(count):
            out[start + i] = as_double(peek(text, at + 8 * i))
    elif kind == SINGLE:
        for i in range(count):
            out[start + i] = as_single(peek(text, at + 4 * i))
    elif kind == INT_64:
        for i in range(count):
            out[start + i] = int64(peek(text, at + 8 * i))
    elif kind == INT_32:
        for i in range(count):
            out[start + i] = int64(peek(text, at + 4 * i) << _U32) >> 32
    else:
        return BAD
    return count


@inner
def cut(values: Any, edges: Any, missing: int, out: Any, start: int, count: int) -> int:
    """Bin of each number: the number of edges below it.

    Parameters
    ----------
    values
        Numbers, float64; NaN is a missing one.
    edges
        Numbers, ascending, float64.
    missing
        Bin of a missing number.
    out, start, count
        Bytes that the bins are written to, from where on, and how many.

    Returns
    -------
    int
        `count`, or `BAD`.
    """
    if count > values.size or not edges.size < missing < 256:
        return BAD
    if not fits(start, count, out.size - SLACK):
        return BAD
    first = edges[0] if edges.size else 0.0
    for i in range(count):
        value = values[i]
        out[start + i] = missing if value != value else int64(value > first)
    for k in range(1, edges.size):
        edge = edges[k]
        for i in range(count):
            out[start + i] += int64(values[i] > edge)
    return count


@inner
def booleans(text: Any, at: int, end: int, encoding: int, out: Any, start: int, count: int) -> int:
    """Booleans of a page, each into a byte: plain, a bit each, or runs preceded by their length.

    Returns `count`, or `BAD` where they are invalid; the other arguments are as in `hybrid`.
    """
    if encoding == _RLE:
        if end - at < 4:
            return BAD
        length = little(text, at)
        if length > end - at - 4:
            return BAD
        runs = at + 4
        done = hybrid(text, runs, runs + length, int64(1), int64(2), out, start, count)
        return count if done >= 0 else BAD
    if encoding != _PLAIN or at < 0 or end > text.size - SLACK:
        return BAD
    if not fits(start, count, out.size - SLACK) or (count + 7) >> 3 > end - at:
        return BAD
    for k in range((count + 7) >> 3):
        word = (uint64(text[at + k]) * _ONES) & _DIAGONAL
        poke(out, start + 8 * k, ((word + _LOW) >> _U7) & _ONES)
    return count


@jit
def chunk_places(
    pages: Pages, kind: int, edges: Any, scratch: Scratch, codes: Any, start: int, rows: int
) -> int:
    """Bins, or booleans, of the rows of a chunk with plain values in its pages.

    Parameters
    ----------
    pages, scratch
        As for `chunks.chunk_codes`.
    kind
        Physical type of the values.
    edges
        Numbers at which they are cut, ascending; empty for booleans. A missing value has the code
        after those of the bins, or 2.
    codes, start, rows
        Where the codes go, a byte each, and how many rows there are.

    Returns
    -------
    int
        `rows`, or `BAD` where anything is invalid.
    """
    missing = edges.size + 1 if kind != BOOLEAN else 2
    if missing > 255 or not fits(start, rows, codes.size - SLACK):
        return BAD
    table, levels, dense, values = pages.table, scratch.levels, scratch.dense, scratch.values
    row = start
    for number in range(table.shape[0]):
        if table[number, KIND] == DICTIONARY:
            continue
        count = table[number, VALUES]
        where, at, end, present = page_parts(pages, number, rows - (row - start), scratch)
        if where < 0:
            return BAD
        text = scratch.page if where == IN_PAGE else pages.source
        into, place = (codes, row) if present == count else (dense, 0)
        encoding = table[number, ENCODING]
        if kind == BOOLEAN:
            if booleans(text, at, end, encoding, into, place, present) < 0:
                return BAD
        elif (
            encoding != _PLAIN
            or numbers(text, at, end, kind, values, int64(0), present) < 0
            or cut(values, edges, missing, into, place, present) < 0
        ):
            return BAD
        if present < count and spread(levels, dense, present, missing, codes, row, count) < 0:
            return BAD
        row += count
    return rows if row - start == rows else BAD


@jit
def chunk_values(pages: Pages, kind: int, scratch: Scratch, out: Any, rows: int) -> int:
    """Numbers of the rows of a chunk with plain values in its pages; none may be missing.

    Returns `rows`, or `BAD` where anything does not fit; `out` takes the numbers, float64, and the
    other arguments are as for `chunk_places`.
    """
    table = pages.table
    row = int64(0)
    for number in range(table.shape[0]):
        if table[number, KIND] == DICTIONARY:
            continue
        count = table[number, VALUES]
        if table[number, ENCODING] != _PLAIN:
            return BAD
        where, at, end, present = page_parts(pages, number, rows - row, scratch)
        if where < 0 or present != count:
            return BAD
        text = scratch.page if where == IN_PAGE else pages.source
        if numbers(text, at, end, kind, out, row, count) < 0:
            return BAD
        row += count
    return rows if row == rows else BAD


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    octets, edges = np.zeros(1, np.uint8), np.zeros(1)
    pages = Pages(octets, np.zeros((1, FIELDS), np.int64), True, True)
    scratch = Scratch(octets, octets, octets, np.zeros(1, np.uint32), edges)
    yield chunk_places, pages, 0, edges, scratch, octets, 0, 0
    yield chunk_values, pages, 0, scratch, edges, 0
