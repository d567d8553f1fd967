"""Snappy's raw format, in which most Parquet pages are compressed."""

from __future__ import annotations

from typing import Any

from biaskit._kernels import BAD, SLACK, inner, int64, peek, poke
from biaskit._kernels.thrift import varint

__all__ = ["snappy", "snappy_literal"]


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
def snappy(source: Any, at: int, end: int, out: Any, size: int) -> int:
    """Number of bytes decompressed from ``source[at:end]`` into ``out``: `size`, or else `BAD`.

    Both arrays end in `SLACK` spare bytes.
    """
    if at < 0 or end > source.size - SLACK or size > out.size - SLACK:
        return BAD
    length, at = varint(source, at, end)
    if length != size:
        return BAD
    made = 0
    while at < end:
        tag = int64(source[at])
        kind = tag & 3
        if kind == 0:
            length, at = _literal(source, at, end)
            if length < 0 or length > end - at or length > size - made:
                return BAD
            # Words may run up to 31 bytes over, into bytes that come later or into the slack.
            short = length if length < 64 else 0
            for i in range(0, short, 8):
                poke(out, made + i, peek(source, at + i))
            for i in range(short, length, 32):
                # Read before any is written, they are copied together.
                a, b = peek(source, at + i), peek(source, at + i + 8)
                c, d = peek(source, at + i + 16), peek(source, at + i + 24)
                poke(out, made + i, a)
                poke(out, made + i + 8, b)
                poke(out, made + i + 16, c)
                poke(out, made + i + 24, d)
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
