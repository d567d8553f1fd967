"""Codes of few bits as planes, each with one bit of every row's code: 64 rows in a word.

Rows are counted by counting bits, hundreds at a time, and a code of one bit is never unpacked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import (
    BAD,
    SLACK,
    add_bits,
    fits,
    inner,
    int64,
    jit,
    ones,
    peek,
    uint64,
)
from biaskit._kernels.parquet.chunks import IN_PAGE, little, page_parts
from biaskit._kernels.parquet.hybrid import append, packed_codes
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
    "MASKS",
    "MOST_BITS",
    "MOST_WIDTH",
    "SPARE",
    "chunk_planes",
    "examples",
    "plane_bytes",
    "plane_counts",
]

#: Most bits of a code.
MOST_WIDTH = 4
#: Most planes that are counted together, or make a byte.
MOST_BITS = 8
#: Spare words after each plane.
SPARE = SLACK // 8
# Words of a plane that are counted at a time: all that is used together stays in a core's cache.
_BLOCK = 128
# Planes of which every combination is a mask.
_HALF = MOST_BITS // 2
#: Length of the scratch array of masks: two halves.
MASKS = (2 << _HALF) * _BLOCK

# Encodings, by their numbers in the format.
_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8

_NONE = uint64(0)
_ALL = uint64(0xFFFFFFFFFFFFFFFF)
_ONE = uint64(1)
_ONES = uint64(0x0101010101010101)
_LOW = uint64(0x7F7F7F7F7F7F7F7F)
_DIAGONAL = uint64(0x8040201008040201)
_BYTE = uint64(0xFF)
_QUARTER = uint64(0xFFFF)
_U3 = uint64(3)
_U6 = uint64(6)
_U7 = uint64(7)
_U8 = uint64(8)
_U15 = uint64(15)
_U16 = uint64(16)
_U30 = uint64(30)
_U32 = uint64(32)
_U48 = uint64(48)


def _swapped(high: int, low: int) -> Any:
    """Mask of the lower bit of each two that a swap of two bits of their numbers exchanges."""
    return uint64(sum(1 << at for at in range(64) if at >> low & 1 and not at >> high & 1))


_SWAP_5_1, _SWAP_3_1 = _swapped(5, 1), _swapped(3, 1)
_SWAP_4_0, _SWAP_2_0 = _swapped(4, 0), _swapped(2, 0)


@inner
def _quarters(x: Any) -> Any:
    """Sixteen codes of four bits, the lowest first, as four planes of sixteen bits, likewise.

    The number of a bit is its code's and, in the last two bits, its place in the code. Four swaps
    of two bits of that number put the last two first.
    """
    moved = ((x >> _U30) ^ x) & _SWAP_5_1
    x ^= moved ^ (moved << _U30)
    moved = ((x >> _U6) ^ x) & _SWAP_3_1
    x ^= moved ^ (moved << _U6)
    moved = ((x >> _U15) ^ x) & _SWAP_4_0
    x ^= moved ^ (moved << _U15)
    moved = ((x >> _U3) ^ x) & _SWAP_2_0
    return x ^ moved ^ (moved << _U3)


@inner
def _widened(packed: Any, width: int, count: int) -> None:
    """Make codes of two or three bits ones of four, in place, from the last to the first."""
    w = uint64(width)
    half = (_ONE << (_U8 * w)) - _ONE
    quarter = ((_ONE << (uint64(4) * w)) - _ONE) * uint64(0x0000000100000001)
    eighth = ((_ONE << (uint64(2) * w)) - _ONE) * uint64(0x0001000100010001)
    one = ((_ONE << w) - _ONE) * _ONES
    by_32, by_16 = _U32 - _U8 * w, _U16 - uint64(4) * w
    by_8, by_4 = _U8 - uint64(2) * w, uint64(4) - w
    for i in range((count - 1) >> 4, -1, -1):
        x = peek(packed, 2 * width * i)
        x = (x & half) | ((x << by_32) & (half << _U32))
        x = (x & quarter) | ((x << by_16) & (quarter << _U16))
        x = (x & eighth) | ((x << by_8) & (eighth << _U8))
        packed[i] = (x & one) | ((x << by_4) & (one << uint64(4)))


@jit
def chunk_planes(
    pages: Pages,
    width: int,
    is_boolean: bool,
    scratch: Scratch,
    packed: Any,
    planes: Any,
    first: int,
    rows: int,
) -> int:
    """Planes of the codes of the rows of a column chunk without missing values.

    Parameters
    ----------
    pages
        Pages of the chunk. Each uses the dictionary, with codes of `width` bits or of none, or
        holds booleans.
    width
        Bits of a code, 1 to `MOST_WIDTH`. It is not checked that the codes have an entry.
    is_boolean
        Whether the values are booleans without a dictionary.
    scratch
        Memory for the largest and for the longest page.
    packed
        Any words, uint64: four for each 64 rows, and `SPARE` ones. None are needed for one bit.
    planes, first
        Where the planes go, uint64, and from which word on: one for the lowest bit, or four if
        there are several bits, each with a word for 64 rows and `SPARE` ones. What the last word
        has beyond the rows, and the spare ones, have any bits.
    rows
        Number of rows.

    Returns
    -------
    int
        `rows`, or `BAD` where a value is missing or anything is invalid.
    """
    words = (rows + 63) >> 6
    stride = words + SPARE
    if not 1 <= width <= MOST_WIDTH or rows < 0 or (is_boolean and width != 1):
        return BAD
    if not fits(first, stride if width == 1 else 4 * stride, planes.size):
        return BAD
    if width > 1 and packed.size < 4 * words + SPARE:
        return BAD
    table = pages.table
    # Of the same type as levels are, so that what writes them has one compiled form.
    octets, begin = planes.view(np.uint8), 64 * first
    if width > 1:
        octets, begin = packed.view(np.uint8), int64(0)
    row = int64(0)
    for number in range(table.shape[0]):
        if table[number, KIND] == DICTIONARY:
            continue
        count = table[number, VALUES]
        where, at, end, present = page_parts(pages, number, rows - row, scratch)
        if where < 0 or present != count:
            return BAD
        text = scratch.page if where == IN_PAGE else pages.source
        encoding = table[number, ENCODING]
        to = begin + row * width
        row += count
        if count == 0:
            continue
        if is_boolean and encoding == _PLAIN:
            if end > text.size - SLACK or (count + 7) >> 3 > end - at:
                return BAD
            before = peek(octets, to >> 3) & ((_ONE << uint64(to & 7)) - _ONE)
            append(text, at, count, octets, to, before)
            continue
        bits = int64(1)
        if is_boolean:
            if encoding != _RLE or end - at < 4 or little(text, at) > end - at - 4:
                return BAD
            end = at + 4 + little(text, at)
            at += 4
        else:
            if (encoding != _RLE_DICTIONARY and encoding != _PLAIN_DICTIONARY) or at >= end:
                return BAD
            bits = int64(text[at])
            at += 1
        if bits != 0 and bits != width:
            return BAD
        if packed_codes(text, at, end, bits, width, octets, to, count) < 0:
            return BAD
    if row != rows:
        return BAD
    if width == 1:
        return rows
    if width < MOST_WIDTH:
        _widened(packed, width, rows)
    second, third, fourth = first + stride, first + 2 * stride, first + 3 * stride
    for i in range(words):
        a, b = _quarters(packed[4 * i]), _quarters(packed[4 * i + 1])
        c, d = _quarters(packed[4 * i + 2]), _quarters(packed[4 * i + 3])
        even = (a & _QUARTER) | ((b & _QUARTER) << _U16)
        planes[first + i] = even | ((c & _QUARTER) << _U32) | (d << _U48)
        a, b, c, d = a >> _U16, b >> _U16, c >> _U16, d >> _U16
        even = (a & _QUARTER) | ((b & _QUARTER) << _U16)
        planes[second + i] = even | ((c & _QUARTER) << _U32) | (d << _U48)
        a, b, c, d = a >> _U16, b >> _U16, c >> _U16, d >> _U16
        even = (a & _QUARTER) | ((b & _QUARTER) << _U16)
        planes[third + i] = even | ((c & _QUARTER) << _U32) | (d << _U48)
        a, b, c, d = a >> _U16, b >> _U16, c >> _U16, d >> _U16
        even = a | (b << _U16)
        planes[fourth + i] = even | (c << _U32) | (d << _U48)
    return rows


@inner
def _masks(planes: Any, starts: Any, at: int, n: int, masks: Any, base: int) -> None:
    """Rows of each combination of bits of some planes, `_BLOCK` words each from `base` on.

    The first mask holds the rows to start with; the first plane has the highest bit.
    """
    made = 1
    for k in range(starts.size):
        for j in range(made - 1, -1, -1):
            # A mask goes to the places of its two halves; the first is its own, or a later one's.
            old, new = base + j * _BLOCK, base + 2 * j * _BLOCK
            plane = planes[starts[k] + at : starts[k] + at + n]
            whole, zero = masks[old : old + n], masks[new : new + n]
            one = masks[new + _BLOCK : new + _BLOCK + n]
            for i in range(n):
                one[i] = whole[i] & plane[i]
            for i in range(n):
                zero[i] = whole[i] & ~plane[i]
        made *= 2


@jit
def plane_counts(planes: Any, starts: Any, rows: int, masks: Any, counts: Any) -> int:
    """Add the rows to the counts of the combinations of their bits.

    Parameters
    ----------
    planes, starts
        Words of 64 rows each, uint64, and where in them each plane starts, int64; `MOST_BITS`
        planes at most.
    rows
        Number of rows.
    masks
        Any `MASKS` words.
    counts
        Where the counts are added, int64: one for each number that the bits of a row make, those
        of the first plane the highest.

    Returns
    -------
    int
        `rows`, or `BAD`.
    """
    bits = starts.size
    words = (rows + 63) >> 6
    if bits > MOST_BITS or rows < 0 or masks.size < MASKS or counts.size != 1 << bits:
        return BAD
    for k in range(bits):
        if not fits(starts[k], words, planes.size):
            return BAD
    high = bits >> 1
    others = _BLOCK << _HALF
    for at in range(0, words, _BLOCK):
        n = min(_BLOCK, words - at)
        for i in range(n):
            masks[i] = _ALL
            masks[others + i] = _ALL
        if at + n == words and rows & 63:
            masks[n - 1] = (_ONE << uint64(rows & 63)) - _ONE
        _masks(planes, starts[:high], at, n, masks, int64(0))
        _masks(planes, starts[high:], at, n, masks, int64(others))
        for j in range(1 << high):
            for k in range(1 << (bits - high)):
                one = masks[j * _BLOCK : j * _BLOCK + n]
                other = masks[others + k * _BLOCK : others + k * _BLOCK + n]
                found = int64(0)
                for i in range(n):
                    found += ones(one[i] & other[i])
                counts[(j << (bits - high)) + k] += found
    return rows


@jit
def plane_bytes(planes: Any, starts: Any, rows: int, out: Any, start: int) -> int:
    """Numbers that the bits of the rows make, a byte each.

    Parameters
    ----------
    planes, starts
        As for `plane_counts`.
    rows
        Number of rows.
    out, start
        Bytes that the numbers are written to, `SLACK` spare ones after them, and from where on.

    Returns
    -------
    int
        `rows`, or `BAD`.
    """
    if starts.size > MOST_BITS or not fits(start, rows, out.size - SLACK):
        return BAD
    for k in range(starts.size):
        if not fits(starts[k], (rows + 63) >> 6, planes.size):
            return BAD
    whole = rows & ~63 if starts.size else 0
    for i in range(0, whole, 64):
        for k in range(starts.size):
            add_bits(out, start + i, planes[starts[k] + (i >> 6)], int64(k == 0))
    for i in range(whole, rows):
        number = int64(0)
        for k in range(starts.size):
            bit = planes[starts[k] + (i >> 6)] >> uint64(i & 63)
            number = (number << 1) | int64(bit & _ONE)
        out[start + i] = number
    return rows


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    octets, words, starts = np.zeros(1, np.uint8), np.zeros(1, np.uint64), np.zeros(1, np.int64)
    pages = Pages(octets, np.zeros((1, FIELDS), np.int64), True, True)
    scratch = Scratch(octets, octets, octets, np.zeros(1, np.uint32), np.zeros(1))
    yield chunk_planes, pages, 0, True, scratch, words, words, 0, 0
    yield plane_counts, words, starts, 0, words, starts
    yield plane_bytes, words, starts, 0, octets, 0
