"""Parquet's hybrid of run-length and bit-packed codes, and the definition levels made with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit._kernels import BAD, SLACK, fits, inner, int64, peek, poke, uint64
from biaskit._kernels.thrift import varint

__all__ = ["hybrid", "hybrid_wide", "level_bits", "spread", "spread_wide"]

# A word holds eight codes of one byte each, lowest first.
_ONES = uint64(0x0101010101010101)
_HIGH = uint64(0x8080808080808080)
_LOW = uint64(0x7F7F7F7F7F7F7F7F)
_DIAGONAL = uint64(0x8040201008040201)
_NONE = uint64(0)
_ALL = uint64(0xFFFFFFFFFFFFFFFF)
_U1 = uint64(1)
_U2 = uint64(2)
_U4 = uint64(4)
_U7 = uint64(7)
_U8 = uint64(8)
_U16 = uint64(16)
_U32 = uint64(32)
# Sums of the bits of a word, by twos, fours and eights.
_PAIRS = uint64(0x5555555555555555)
_QUADS = uint64(0x3333333333333333)
_NIBBLES = uint64(0x0F0F0F0F0F0F0F0F)
_BYTE = uint64(0xFF)


def _moves() -> NDArray[np.uint64]:
    """For each byte of levels, masks that move the next eight codes to the rows that have one.

    A code moves up by the number of missing rows below its own: by 4, by 2 and by 1. The first
    three masks are the rows that codes move into, the last is all rows that have one.
    """
    bits = np.arange(256)[:, None] >> np.arange(8) & 1
    masks = np.zeros((256, 4, 8), np.uint8)
    masks[:, 3] = 255 * bits
    levels, rows = bits.nonzero()
    order = (np.cumsum(bits, axis=1) - 1)[levels, rows]
    for step, move in enumerate((4, 2, 1)):
        moved = (rows - order) & move != 0
        to = order + ((rows - order) & -move)
        masks[levels[moved], step, to[moved]] = 255
    return np.ascontiguousarray(masks.view("<u8")[:, :, 0].T)


_BY_4, _BY_2, _BY_1, _THERE = _moves()
_COUNT = (np.arange(256)[:, None] >> np.arange(8) & 1).sum(axis=1).astype(np.uint8)


@inner
def hybrid(
    source: Any, at: int, end: int, width: int, size: int, out: Any, start: int, count: int
) -> int:
    """Codes of up to 8 bits, each into a byte.

    Parameters
    ----------
    source
        Bytes, `SLACK` spare ones after them.
    at, end
        Where the runs start, and where they must end at the latest.
    width
        Bits of a code, 0 to 8.
    size
        Number of distinct codes, 1 to 256; each must be below it.
    out
        Bytes that the codes are written to, `SLACK` spare ones after them.
    start, count
        Where in `out` to start, and how many codes to read.

    Returns
    -------
    int
        Where in `source` the last run ends, or `BAD`.
    """
    if (
        at < 0
        or end > source.size - SLACK
        or width < 0
        or width > 8
        or size < 1
        or size > 256
        or not fits(start, count, out.size - SLACK)
    ):
        return BAD
    stop = start + count
    # Eight codes of `width` bits become eight bytes in three steps: halves, quarters, bytes.
    w = uint64(width)
    shift_4 = uint64(4) * w
    mask_4 = (_U1 << shift_4) - _U1
    shift_2 = _U16 - uint64(2) * w
    mask_2 = ((_U1 << (uint64(2) * w)) - _U1) * uint64(0x0000000100000001)
    mask_2_up = mask_2 << _U16
    shift_1 = _U8 - w
    mask_1 = ((_U1 << w) - _U1) * uint64(0x0001000100010001)
    mask_1_up = mask_1 << _U8
    # A byte b is at least `size` where, by halves of its range, its low seven bits and `lift` carry
    # into the high bit, and that agrees with the high bit of b.
    if size <= 128:
        lift = uint64(128 - size) * _ONES
        either = _ALL
    else:
        lift = uint64(256 - size) * _ONES
        either = _NONE
    bad = _NONE
    i = start
    while i < stop:
        if at >= end:
            return BAD
        head = int64(source[at])
        at += 1
        if head >= 128:
            head, at = varint(source, at - 1, end)
            if head < 0:
                return BAD
        run = head >> 1
        left = stop - i
        if head & 1:
            if run == 0 or run * width > end - at:
                return BAD
            taken = min(run * 8, left)
            full = i + (taken & ~7)
            p = at
            if width == 1 and size > 1:
                # Each byte of a word keeps the bit that is its code; any bit carries into the high.
                for k in range((full - i) >> 3):
                    x = (uint64(source[p + k]) * _ONES) & _DIAGONAL
                    poke(out, i + 8 * k, ((x + _LOW) >> _U7) & _ONES)
                p += (full - i) >> 3
                i = full
            while i < full:
                x = peek(source, p)
                p += width
                x = (x & mask_4) | (((x >> shift_4) & mask_4) << _U32)
                x = (x & mask_2) | ((x << shift_2) & mask_2_up)
                x = (x & mask_1) | ((x << shift_1) & mask_1_up)
                poke(out, i, x)
                i += 8
                carry = (x & _LOW) + lift
                bad |= (carry & x) | ((carry | x) & either)
            if taken & 7:
                x = peek(source, p)
                x = (x & mask_4) | (((x >> shift_4) & mask_4) << _U32)
                x = (x & mask_2) | ((x << shift_2) & mask_2_up)
                x = (x & mask_1) | ((x << shift_1) & mask_1_up)
                poke(out, i, x)
                x &= (_U1 << uint64(8 * (taken & 7))) - _U1  # what follows is padding
                i += taken & 7
                carry = (x & _LOW) + lift
                bad |= (carry & x) | ((carry | x) & either)
            at += run * width
        else:
            if run == 0 or (at >= end and width > 0):
                return BAD
            value = 0
            if width > 0:  # a code of zero bits has no byte either
                value = int64(source[at])
                at += 1
            if value >= size:
                return BAD
            x = uint64(value) * _ONES
            after = i + min(run, left)
            while i < after:
                poke(out, i, x)
                i += 8
            i = after
    return BAD if bad & _HIGH else at


@inner
def hybrid_wide(
    source: Any, at: int, end: int, width: int, size: int, out: Any, start: int, count: int
) -> int:
    """Codes of up to 32 bits, each into a 32-bit number; as `hybrid` except for `out`."""
    if (
        at < 0
        or end > source.size - SLACK
        or width < 0
        or width > 32
        or size < 1
        or not fits(start, count, out.size)
    ):
        return BAD
    stop = start + count
    w = uint64(width)
    mask = (_U1 << w) - _U1
    largest = _NONE
    i = start
    while i < stop:
        head, at = varint(source, at, end)
        if head < 0:
            return BAD
        run = head >> 1
        left = stop - i
        if run == 0:
            return BAD
        if head & 1:
            if run * width > end - at:
                return BAD
            bit = _NONE
            for j in range(i, i + min(run * 8, left)):
                x = (peek(source, at + int64(bit >> uint64(3))) >> (bit & _U7)) & mask
                bit += w
                out[j] = x
                largest = max(largest, x)
            i += min(run * 8, left)
            at += run * width
        else:
            wide = (width + 7) >> 3
            if wide > end - at:
                return BAD
            value = 0
            for j in range(wide):
                value |= int64(source[at + j]) << (8 * j)
            at += wide
            if value >= size:
                return BAD
            for j in range(i, i + min(run, left)):
                out[j] = value
            i += min(run, left)
    return BAD if largest >= uint64(size) else at


@inner
def level_bits(source: Any, at: int, end: int, count: int, levels: Any) -> int:
    """Definition levels of an optional column, a bit each.

    Parameters
    ----------
    source, at, end
        Bytes, `SLACK` spare ones after them, and where in them the runs are.
    count
        Number of levels.
    levels
        Bytes that the bits are written to, `SLACK` spare ones after them; they may be left as they
        are where all levels are 1.

    Returns
    -------
    int
        How many of the levels are 1, or `BAD`.
    """
    if at < 0 or end > source.size - SLACK or count < 0 or count > 8 * (levels.size - SLACK):
        return BAD
    levels[0] = 0
    i = 0
    while i < count:
        head, at = varint(source, at, end)
        run = head >> 1
        if head < 0 or run == 0:
            return BAD
        is_packed = head & 1
        size = run if is_packed else 1
        if size > end - at or (not is_packed and source[at] > 1):
            return BAD
        if i == 0 and not is_packed and run >= count and source[at] == 1:
            return count
        same = _ALL if source[at] else _NONE
        taken = min(8 * run if is_packed else run, count - i)
        for first in range(0, taken, 56):
            # The byte in which they begin holds up to seven earlier bits.
            n = min(56, taken - first)
            x = peek(source, at + (first >> 3)) if is_packed else same
            x &= (_U1 << uint64(n)) - _U1
            poke(levels, i >> 3, uint64(levels[i >> 3]) | x << uint64(i & 7))
            i += n
        at += size
    present = 0
    for k in range(0, count, 64):
        x = peek(levels, k >> 3)
        if count - k < 64:
            x &= (_U1 << uint64(count - k)) - _U1
        x -= (x >> _U1) & _PAIRS
        x = (x & _QUADS) + ((x >> _U2) & _QUADS)
        x = (x + (x >> _U4)) & _NIBBLES
        x += x >> _U8
        x += x >> _U16
        present += int64((x + (x >> _U32)) & _BYTE)
    return present


@inner
def spread(
    levels: Any, dense: Any, present: int, missing: int, out: Any, start: int, count: int
) -> int:
    """Codes in their rows: ``dense`` where a level is 1, `missing` where it is 0.

    Parameters
    ----------
    levels
        A bit a row, 1 where the value is there, `SLACK` spare bytes after them.
    dense
        Codes of the rows whose value is there, `present` of them and `SLACK` spare ones.
    missing
        Code of the other rows, 0 to 255.
    out, start, count
        Where the codes go, and how many rows there are.

    Returns
    -------
    int
        `count`, or `BAD` where the levels do not have `present` ones.
    """
    if (
        not fits(start, count, out.size - SLACK)
        or count > 8 * (levels.size - SLACK)
        or not 0 <= present <= dense.size - SLACK
        or not 0 <= missing < 256
    ):
        return BAD
    filler = uint64(missing) * _ONES
    j = 0
    for i in range(0, count, 8):
        which = uint64(levels[i >> 3])
        if count - i < 8:
            which &= (_U1 << uint64(count - i)) - _U1
        there = _THERE[which]
        x = peek(dense, j)
        x ^= (x ^ (x << _U32)) & _BY_4[which]
        x ^= (x ^ (x << _U16)) & _BY_2[which]
        x ^= (x ^ (x << _U8)) & _BY_1[which]
        poke(out, start + i, (x & there) | (filler & ~there))
        j += int64(_COUNT[which])
        if j > present:
            return BAD
    return count if j == present else BAD


@inner
def spread_wide(
    levels: Any, dense: Any, present: int, missing: int, out: Any, start: int, count: int
) -> int:
    """Codes of 32 bits in their rows; as `spread`, but without spare codes."""
    if (
        not fits(start, count, out.size)
        or count > 8 * (levels.size - SLACK)
        or present < 0
        or present >= dense.size
    ):
        return BAD
    j = 0
    for i in range(count):
        there = int64(levels[i >> 3] >> (i & 7)) & 1
        out[start + i] = dense[j] if there else missing
        j += there
        if j > present:
            return BAD
    return count if j == present else BAD
