"""Joint counts: how often each combination of the codes of some columns occurs."""

from __future__ import annotations

from typing import Any

import numpy as np

from biaskit._kernels import BAD, SLACK, jit, peek

__all__ = ["joint_counts"]

_BYTE = np.uint64(0xFF)
_NONE = np.uint64(0)
_U8 = np.uint64(8)
_BLOCK = 1024


@jit
def joint_counts(codes: Any, starts: Any, sizes: Any, rows: int, counts: Any) -> int:
    """Add the rows to the counts of their combinations of codes, the last column changing fastest.

    Parameters
    ----------
    codes
        Bytes in which each column has `rows` codes of a byte each, `SLACK` spare ones at the end.
    starts
        Where in `codes` each column starts, int64.
    sizes
        Number of codes of each column, 1 to 256; each code is below it.
    rows
        Number of rows.
    counts
        Where the counts are added, int64, of length the product of `sizes`.

    Returns
    -------
    int
        `rows`, or `BAD`.
    """
    if starts.size != sizes.size or rows < 0:
        return BAD
    cells = 1
    for k in range(sizes.size):
        if sizes[k] < 1 or sizes[k] > 256 or cells > counts.size:
            return BAD
        if starts[k] < 0 or starts[k] + rows > codes.size - SLACK:
            return BAD
        cells *= sizes[k]
    if cells != counts.size:
        return BAD
    return _narrow(codes, starts, sizes, rows, counts) if cells <= 256 else _any(
        codes, starts, sizes, rows, counts
    )


@jit
def _narrow(codes: Any, starts: Any, sizes: Any, rows: int, counts: Any) -> int:
    # Combinations that fit a byte are made for eight rows at once: no byte of a word overflows into
    # the next. Four tables take turns, so that equal rows do not wait for each other's sums.
    table = np.zeros(1024, np.int64)
    multipliers = sizes.astype(np.uint64)
    columns = sizes.size
    full = rows & ~7
    for i in range(0, full, 8):
        word = _NONE
        for k in range(columns):
            word = word * multipliers[k] + peek(codes, starts[k] + i)
        table[word & _BYTE] += 1
        table[np.uint64(256) + ((word >> _U8) & _BYTE)] += 1
        table[np.uint64(512) + ((word >> np.uint64(16)) & _BYTE)] += 1
        table[np.uint64(768) + ((word >> np.uint64(24)) & _BYTE)] += 1
        table[(word >> np.uint64(32)) & _BYTE] += 1
        table[np.uint64(256) + ((word >> np.uint64(40)) & _BYTE)] += 1
        table[np.uint64(512) + ((word >> np.uint64(48)) & _BYTE)] += 1
        table[np.uint64(768) + (word >> np.uint64(56))] += 1
    for i in range(full, rows):
        cell = 0
        for k in range(columns):
            cell = cell * sizes[k] + np.int64(codes[starts[k] + i])
        if cell >= 256:
            return BAD
        table[cell] += 1
    for i in range(256):
        total = table[i] + table[256 + i] + table[512 + i] + table[768 + i]
        if i < counts.size:
            counts[i] += total
        elif total:
            return BAD
    return rows


@jit
def _any(codes: Any, starts: Any, sizes: Any, rows: int, counts: Any) -> int:
    block = np.empty(_BLOCK, np.uint32)
    for first in range(0, rows, _BLOCK):
        n = min(_BLOCK, rows - first)
        block[:] = 0
        for k in range(sizes.size):
            size = np.uint32(sizes[k])
            column = codes[starts[k] + first : starts[k] + first + n]
            for i in range(n):
                block[i] = block[i] * size + column[i]
        for i in range(n):
            if block[i] >= counts.size:
                return BAD
            counts[block[i]] += 1
    return rows
