"""Frames of zstd: whether they say how long their content is, and end where they should."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import BAD, fits, inner, int64, jit

__all__ = ["examples", "frames_fit"]

_MAGIC = 0xFD2FB528
# Bits of a frame's descriptor: a dictionary, or what is reserved.
_UNKNOWN = 0b1011
_RUN, _RESERVED = 1, 3  # types of a block


@inner
def _number(source: Any, at: int, end: int, width: int) -> int:
    """Number of some bytes, the lowest first; `BAD` where they are not all there."""
    if end - at < width:
        return BAD
    number = int64(0)
    for k in range(width):
        number |= int64(source[at + k]) << (8 * k)
    return int(number)


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
        at, end = starts[i], ends[i]
        if not fits(at, end - at, source.size) or _number(source, at, end, 4) != _MAGIC:
            return 0
        if end - at < 6:
            return 0
        kind = int64(source[at + 4])
        is_single, width = kind >> 5 & 1, 1 << (kind >> 6)
        # A length of eight bytes is for more than a page has, and without a bit no length is said.
        if kind & _UNKNOWN or width == 8 or (width == 1 and not is_single):
            return 0
        at += 6 - is_single
        size = _number(source, at, end, width)
        if size < 0 or size + (256 if width == 2 else 0) != sizes[i]:
            return 0
        at += width
        is_last = int64(0)
        while not is_last:
            head = _number(source, at, end, 3)
            block = head >> 1 & 3
            if head < 0 or block == _RESERVED:
                return 0
            at += 3 + (1 if block == _RUN else head >> 3)
            is_last = head & 1
        if at + 4 * (kind >> 2 & 1) != end:
            return 0
    return 1


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    starts = np.zeros(1, np.int64)
    yield frames_fit, np.zeros(1, np.uint8), starts, starts, starts
