"""Parquet's hybrid of run-length and bit-packed codes, and the definition levels made with it."""

from __future__ import annotations

from typing import Any

from biaskit._kernels import BAD, SLACK, int64, jit, peek, poke, uint64
from biaskit._kernels.thrift import varint

__all__ = ["all_present", "hybrid", "hybrid_wide", "ones", "spread", "spread_wide"]

# A word holds eight codes of one byte each, lowest first.
_ONES = uint64(0x0101010101010101)
_HIGH = uint64(0x8080808080808080)
_LOW = uint64(0x7F7F7F7F7F7F7F7F)
_DIAGONAL = uint64(0x8040201008040201)
_NONE = uint64(0)
_ALL = uint64(0xFFFFFFFFFFFFFFFF)
_U1 = uint64(1)
_U7 = uint64(7)
_U8 = uint64(8)
_U16 = uint64(16)
_U32 = uint64(32)
_U56 = uint64(56)
_U64 = uint64(64)


@jit
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
        Number of codes there are: each must be below it. 1 to 256.
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
        or start < 0
        or count < 0
        or start + count > out.size - SLACK
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
            if width > 0:  # a code of no bits has no byte either
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


@jit
def hybrid_wide(
    source: Any, at: int, end: int, width: int, size: int, out: Any, start: int, count: int
) -> int:
    """Codes of up to 32 bits, each into a 32-bit number; as `hybrid` but for `out`."""
    if (
        at < 0
        or end > source.size - SLACK
        or width < 0
        or width > 32
        or size < 1
        or start < 0
        or count < 0
        or start + count > out.size
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


@jit
def all_present(source: Any, at: int, end: int, count: int) -> bool:
    """Whether definition levels are a single run that says that `count` values are there."""
    head, at = varint(source, at, end)
    return head >= 0 and head & 1 == 0 and head >> 1 >= count and end - at == 1 and source[at] == 1


@jit
def spread(
    levels: Any, dense: Any, present: int, missing: int, out: Any, start: int, count: int
) -> int:
    """Codes in their rows: ``dense`` where a level is 1, `missing` where it is 0.

    Parameters
    ----------
    levels
        A byte a row, 0 or 1 (as `hybrid` gives them), `SLACK` spare ones after them.
    dense
        Codes of the rows whose value is there, `present` of them and `SLACK` spare ones.
    missing
        Code of the other rows, 0 to 255.
    out, start, count
        Where the codes go, and how many rows there are.

    Returns
    -------
    int
        `count`, or `BAD` where the levels do not say that `present` values are there.
    """
    if (
        start < 0
        or count < 0
        or count > levels.size - SLACK
        or present > dense.size - SLACK
        or start + count > out.size - SLACK
        or not 0 <= missing < 256
    ):
        return BAD
    code = uint64(missing)
    j = 0
    for i in range(0, count, 8):
        if j > present:
            return BAD  # up to eight codes more are looked at below, which are spare ones
        word = peek(levels, i) & _ONES
        gaps = word ^ _ONES
        x = peek(dense, j)
        # Where a code is missing, those after it move up by a byte. Which rows of eight have none
        # cannot be foretold, so no branch asks: with no gap left, a step changes nothing.
        for _ in range(2):
            gap = gaps & (_NONE - gaps)
            below = gap - _U1
            x = (x & below) | (gap * code) | ((x & ~below) << _U8)
            gaps ^= gap
        if gaps == _NONE and i + 8 <= count:
            poke(out, start + i, x)
            j += int64((word * _ONES) >> _U56)
        else:
            for k in range(i, min(i + 8, count)):
                level = int64(levels[k]) & 1
                out[start + k] = missing + (int64(dense[j]) - missing) * level
                j += level
    return count if j == present else BAD


@jit
def ones(levels: Any, count: int) -> int:
    """Number of levels that are 1 among the first `count`, bytes that are 0 or 1."""
    found = 0
    for i in range(count >> 3):
        found += int64((peek(levels, 8 * i) * _ONES) >> _U56)
    for i in range(count & ~7, count):
        found += int64(levels[i])
    return found


@jit
def spread_wide(
    levels: Any, dense: Any, present: int, missing: int, out: Any, start: int, count: int
) -> int:
    """Codes of 32 bits in their rows; as `spread`, but that no spare codes are needed."""
    if (
        start < 0
        or count < 0
        or count > levels.size - SLACK
        or present > dense.size
        or start + count > out.size
    ):
        return BAD
    j = 0
    for i in range(count):
        if levels[i]:
            if j >= present:
                return BAD
            out[start + i] = dense[j]
            j += 1
        else:
            out[start + i] = missing
    return count if j == present else BAD
