"""Codes of a long dictionary to places on a short axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import BAD, SLACK, fits, int64, jit

__all__ = ["examples", "placed", "used"]


@jit
def used(codes: Any, rows: int, seen: Any) -> int:
    """Mark the codes that occur.

    Parameters
    ----------
    codes
        Codes, uint32; the first `rows` of them count.
    rows
        Number of rows.
    seen
        A byte for each code there is, set to 1 where it occurs.

    Returns
    -------
    int
        `rows`, or `BAD` where a code has no byte.
    """
    if rows < 0 or rows > codes.size:
        return BAD
    for i in range(rows):
        code = codes[i]
        if code >= seen.size:
            return BAD
        seen[code] = 1
    return rows


@jit
def placed(codes: Any, rows: int, places: Any, out: Any, starts: Any) -> int:
    """Write the place of each code, in as many bytes as it has.

    Parameters
    ----------
    codes
        Codes, uint32; the first `rows` of them count.
    rows
        Number of rows.
    places
        Bytes of the place of each code, shape ``(planes, codes)``.
    out, starts
        Where the bytes of each plane go, `SLACK` spare ones at the end, and from where on, int64.

    Returns
    -------
    int
        `rows`, or `BAD` where a code has no place.
    """
    if rows < 0 or rows > codes.size or starts.size != places.shape[0]:
        return BAD
    largest = int64(0)
    for i in range(rows):
        largest = max(largest, int64(codes[i]))
    if rows > 0 and largest >= places.shape[1]:
        return BAD
    for plane in range(starts.size):
        at = starts[plane]
        if not fits(at, rows, out.size - SLACK):
            return BAD
        bytes_of = places[plane]
        for i in range(rows):
            out[at + i] = bytes_of[codes[i]]
    return rows


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    codes, seen, starts = np.zeros(1, np.uint32), np.zeros(1, np.uint8), np.zeros(1, np.int64)
    yield used, codes, 0, seen
    yield placed, codes, 0, np.zeros((1, 1), np.uint8), seen, starts
