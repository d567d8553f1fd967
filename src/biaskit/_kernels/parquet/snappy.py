"""Compressed pages: Snappy's raw format, and whether frames of zstd are as they should be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import BAD, SLACK, fits, inner, int64, jit, peek, poke
from biaskit._kernels.parquet.pages import BODY, FIELDS, LEVELS, PACKED, SIZE, STORED
from biaskit._kernels.parquet.thrift import varint

__all__ = ["examples", "frames_fit", "join_frames", "snappy", "snappy_literal"]

# How a frame of zstd begins.
_MAGIC = 0xFD2FB528
# Bits of a frame's descriptor: a dictionary, or what is reserved.
_UNKNOWN = 0b1011
_RUN, _RESERVED = 1, 3  # types of a block
# A frame of `SLACK` zero bytes: the beginning, a descriptor that a byte says the length of the
# content, that byte, and one last block that is a run of zeros.
_BLOCK = SLACK << 3 | _RUN << 1 | 1
_SPARE = np.frombuffer(
    _MAGIC.to_bytes(4, "little") + bytes([0x20, SLACK]) + _BLOCK.to_bytes(4, "little"), np.uint8
)


@inner
def snappy_literal(source: Any, at: int, end: int, size: int) -> int:
    """Start of the content, if all its `size` bytes are one literal; else `BAD`.

    Bit-packed codes rarely repeat, so many pages are one literal, which can be read in place.
    """
    length, at = varint(source, at, end)
    if length != size or size == 0 or at >= end or source[at] & 3:
        return BAD
    length, at = _literal(source, at, end)
    return at if length == size and at + size == end else BAD


@inner
def _literal(source: Any, at: int, end: int) -> tuple[int, int]:
    """Length of the literal whose tag is at `at`, and the start of its bytes."""
    length = int64(source[at]) >> 2
    at += 1
    if length >= 60:
        extra = length - 59
        if end - at < extra:
            return BAD, BAD
        length = 0
        for i in range(extra):
            length |= int64(source[at + i]) << (8 * i)
        at += extra
    return length + 1, at


@inner
def _copy(source: Any, at: int, out: Any, to: int, length: int) -> None:
    """Copy bytes, and up to 31 more, into bytes that come later or into the slack."""
    short = length if length < 64 else 0
    for i in range(0, short, 8):
        poke(out, to + i, peek(source, at + i))
    for i in range(short, length, 32):
        # Read before any is written, they are copied together.
        a, b = peek(source, at + i), peek(source, at + i + 8)
        c, d = peek(source, at + i + 16), peek(source, at + i + 24)
        poke(out, to + i, a)
        poke(out, to + i + 8, b)
        poke(out, to + i + 16, c)
        poke(out, to + i + 24, d)


@inner
def snappy(source: Any, at: int, end: int, out: Any, size: int) -> int:
    """Number of bytes decompressed from ``source[at:end]`` into ``out``: `size`, or else `BAD`.

    Both arrays end in `SLACK` spare bytes.
    """
    if at < 0 or end > source.size - SLACK or size > out.size - SLACK:
        return BAD
    length, at = varint(source, at, end)
    if length != size:
        return BAD
    made = int64(0)
    while at < end:
        tag = int64(source[at])
        kind = tag & 3
        if kind == 0:
            length, at = _literal(source, at, end)
            if length < 0 or length > end - at or length > size - made:
                return BAD
            _copy(source, at, out, made, length)
            at += length
            made += length
            continue
        if kind == 1:
            if end - at < 2:
                return BAD
            length = 4 + ((tag >> 2) & 7)
            back = ((tag >> 5) << 8) | int64(source[at + 1])
            at += 2
        else:
            width = 2 if kind == 2 else 4
            if end - at < 1 + width:
                return BAD
            length = (tag >> 2) + 1
            back = 0
            for i in range(width):
                back |= int64(source[at + 1 + i]) << (8 * i)
            at += 1 + width
        if back == 0 or back > made or length > size - made:
            return BAD
        if back >= 8:
            for i in range(0, length, 8):
                poke(out, made + i, peek(out, made - back + i))
        else:
            for i in range(length):
                out[made + i] = out[made + i - back]
        made += length
    return made if made == size else BAD


@inner
def _number(source: Any, at: int, end: int, width: int) -> int:
    """Number of some bytes, the lowest first; `BAD` where they are not all there."""
    if end - at < width:
        return BAD
    number = int64(0)
    for k in range(width):
        number |= int64(source[at + k]) << (8 * k)
    return int(number)


@inner
def _frame_fits(source: Any, at: int, end: int, size: int) -> bool:
    """Whether a range of bytes is one frame that states this length of its content."""
    if not fits(at, end - at, source.size) or _number(source, at, end, 4) != _MAGIC:
        return False
    if end - at < 6:
        return False
    kind = int64(source[at + 4])
    is_single, width = kind >> 5 & 1, 1 << (kind >> 6)
    # A length of eight bytes is for more than a page has, and without a bit no length is said.
    if kind & _UNKNOWN or width == 8 or (width == 1 and not is_single):
        return False
    at += 6 - is_single
    said = _number(source, at, end, width)
    if said < 0 or said + (256 if width == 2 else 0) != size:
        return False
    at += width
    is_last = int64(0)
    while not is_last:
        head = _number(source, at, end, 3)
        block = head >> 1 & 3
        if head < 0 or block == _RESERVED:
            return False
        at += 3 + (1 if block == _RUN else head >> 3)
        is_last = head & 1
    return bool(at + 4 * (kind >> 2 & 1) == end)


@jit
def frames_fit(source: Any, starts: Any, ends: Any, sizes: Any) -> int:
    """Whether each range of bytes is one frame that states the length of its content.

    A decompressor enforces the stated length, so decompressing such frames together gives the same
    contents as each alone (RFC 8878, section 3.1.1).

    Parameters
    ----------
    source
        Bytes.
    starts, ends, sizes
        Where each range starts and ends, and how long its content should be, int64.

    Returns
    -------
    int
        1, or 0 where a frame is anything else.
    """
    if ends.size != starts.size or sizes.size != starts.size:
        return 0
    for i in range(starts.size):
        if not _frame_fits(source, starts[i], ends[i], sizes[i]):
            return 0
    return 1


@jit
def join_frames(source: Any, table: Any, out: Any) -> int:
    """Copy pages that are a frame of zstd each one after the other, and one of `SLACK` zero bytes.

    Parameters
    ----------
    source, table
        Bytes and pages in them, as `page_table` makes them. The table then describes their content,
        one after the other.
    out
        Place for the frames, with `SLACK` spare bytes.

    Returns
    -------
    int
        Number of bytes, or `BAD` where a page is anything else than a frame as in `frames_fit`.
    """
    made, content = int64(0), int64(0)
    for i in range(table.shape[0]):
        at, packed, size = table[i, BODY], table[i, PACKED], table[i, SIZE]
        if table[i, LEVELS] or table[i, STORED] or not fits(made, packed, out.size - SLACK):
            return BAD
        if not _frame_fits(source, at, at + packed, size) or at + packed > source.size - SLACK:
            return BAD
        _copy(source, at, out, made, packed)
        made += packed
        table[i, BODY], table[i, PACKED] = content, size
        content += size
    for k in range(_SPARE.size):
        out[made + k] = _SPARE[k]
    return int(made + _SPARE.size)


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    octets, starts = np.zeros(1, np.uint8), np.zeros(1, np.int64)
    yield frames_fit, octets, starts, starts, starts
    yield join_frames, octets, np.zeros((1, FIELDS), np.int64), octets
