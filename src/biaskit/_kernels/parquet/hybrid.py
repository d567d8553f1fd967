"""Parquet's hybrid of run-length and bit-packed codes, and the definition levels made with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit._kernels import BAD, SLACK, fits, inner, int64, ones, peek, poke, shifted, uint64
from biaskit._kernels.parquet.thrift import varint

__all__ = [
    "append",
    "hybrid",
    "hybrid_pairs",
    "hybrid_wide",
    "level_bits",
    "packed_codes",
    "spread",
    "spread_wide",
]

# A word holds eight codes of one byte each, lowest first.
_ONES = uint64(0x0101010101010101)
_HIGH = uint64(0x8080808080808080)
_LOW = uint64(0x7F7F7F7F7F7F7F7F)
_DIAGONAL = uint64(0x8040201008040201)
# Or four codes of two bytes each.
_PAIR_ONES = uint64(0x0001000100010001)
_PAIR_HIGH = uint64(0x8000800080008000)
_NONE = uint64(0)
_ALL = uint64(0xFFFFFFFFFFFFFFFF)
_U1 = uint64(1)
_U7 = uint64(7)
_U8 = uint64(8)
_U16 = uint64(16)
_U32 = uint64(32)


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
def hybrid_pairs(
    source: Any, at: int, end: int, width: int, size: int, out: Any, start: int, count: int
) -> int:
    """Codes of up to 12 bits, each into a 16-bit number; `size` is up to 4,096."""
    if (
        at < 0
        or end > source.size - SLACK
        or not 0 <= width <= 12
        or not 1 <= size <= 4096
        or not fits(start, count, out.size - (SLACK >> 1))
    ):
        return BAD
    w = uint64(width)
    # Four codes of `width` bits become four of 16 in two steps. Four codes later, they start here.
    half = (_U1 << (w + w)) - _U1
    single = ((_U1 << w) - _U1) * uint64(0x0000000100000001)
    further, shift = (4 * width) >> 3, uint64((4 * width) & 7)
    # A code is at least `size` where it and `lift` carry into the high bit.
    lift = uint64(32768 - size) * _PAIR_ONES
    bad = _NONE
    i = start
    stop = start + count
    while i < stop:
        head, at = varint(source, at, end)
        run = head >> 1
        left = stop - i
        if head < 0 or run == 0:
            return BAD
        if head & 1:
            if run * width > end - at:
                return BAD
            taken = min(run * 8, left)
            p = at
            for j in range(i, i + taken, 8):
                x, y = peek(source, p), peek(source, p + further) >> shift
                p += width
                x = (x & half) | (((x >> (w + w)) & half) << _U32)
                y = (y & half) | (((y >> (w + w)) & half) << _U32)
                x = (x & single) | (((x >> w) & single) << _U16)
                y = (y & single) | (((y >> w) & single) << _U16)
                poke(out, 2 * j, x)
                poke(out, 2 * j + 8, y)
                rest = i + taken - j
                if rest < 8:  # what follows is padding
                    if rest < 4:
                        x &= (_U1 << uint64(16 * rest)) - _U1
                    y &= (_U1 << uint64(16 * max(rest - 4, 0))) - _U1
                bad |= (x + lift) | (y + lift)
            i += taken
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
            x = uint64(value) * _PAIR_ONES
            after = i + min(run, left)
            for j in range(i, after, 4):
                poke(out, 2 * j, x)
            i = after
    return BAD if bad & _PAIR_HIGH else at


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
def append(source: Any, at: int, bits: int, out: Any, to: int, kept: Any) -> None:
    """Copy bits to any place, over whatever follows there in the next 64 bytes.

    The caller has checked both arrays, which end in `SLACK` spare bytes.

    Parameters
    ----------
    source, at
        Bytes, and which of them has the first bit.
    bits
        How many bits.
    out, to
        Array whose bytes take them, and the number of the bit that takes the first.
    kept
        Word of the bits before that one in the same byte.
    """
    shift, place = uint64(to & 7), to >> 3
    for done in range(0, ((to & 7) + bits + 7) >> 3, 64):  # the last bits may have another byte
        shifted(source, at + done, out, place + done, shift, kept)
        kept = uint64(source[at + done + 63]) >> (_U8 - shift)


@inner
def packed_codes(
    source: Any, at: int, end: int, bits: int, width: int, out: Any, to: int, count: int
) -> int:
    """Codes of up to eight bits, one after the other without runs.

    Parameters
    ----------
    source, at, end
        As for `hybrid`.
    bits
        Bits of a code in `source`: `width`, or 0 where all codes are 0.
    width
        Bits of a code in `out`, 1 to 8.
    out, to
        Array whose bytes take the codes, `SLACK` spare ones after them, and the number of the bit
        that takes the first.
    count
        Number of codes.

    Returns
    -------
    int
        `count`, or `BAD`.
    """
    if at < 0 or end > source.size - SLACK or not 1 <= width <= 8 or not 0 <= bits <= width:
        return BAD
    if to < 0 or count < 0 or to + count * width > 8 * (out.itemsize * out.size - SLACK):
        return BAD
    pattern = _NONE  # a code of 1, as often as a word holds it
    for i in range(0, 64, width):
        pattern |= _U1 << uint64(i)
    stop = to + count * width
    # Bits of the byte in which the next code starts, which are the codes before it.
    kept = peek(out, to >> 3) & ((_U1 << uint64(to & 7)) - _U1)
    step = 56 - 56 % width  # whole codes, so that a word has room for seven bits before them
    while to < stop:
        if at >= end:
            return BAD
        head = int64(source[at])
        at += 1
        if head >= 128:
            head, at = varint(source, at - 1, end)
        run = head >> 1
        if head < 0 or run == 0:
            return BAD
        value, length = int64(0), min(run * width, stop - to)
        if head & 1:
            if run * bits > end - at:
                return BAD
            length = min(8 * run * width, stop - to)
            if bits:
                append(source, at, length, out, to, kept)
                at += run * bits
                kept = uint64(source[at - 1]) >> (_U8 - uint64(to & 7))
                to += length
                continue
        elif bits:
            if at >= end or int64(source[at]) >> width:
                return BAD
            value = int64(source[at])
            at += 1
        codes = pattern * uint64(value)
        while length > 0:
            shift = to & 7
            word = (codes << uint64(shift)) | kept
            poke(out, to >> 3, word)
            whole = shift + min(step, length)
            kept = (word >> uint64(whole & ~7)) & ((_U1 << uint64(whole & 7)) - _U1)
            to += whole - shift
            length -= step
    return count


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
    head, value = varint(source, at, end)
    if head >= 0 and not head & 1 and head >> 1 >= count > 0 and value < end and source[value] == 1:
        return count
    if packed_codes(source, at, end, int64(1), int64(1), levels, int64(0), count) < 0:
        return BAD
    present: int = int64(0)
    for k in range(0, count, 64):
        x = peek(levels, k >> 3)
        if count - k < 64:
            x &= (_U1 << uint64(count - k)) - _U1
        present += ones(x)
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
