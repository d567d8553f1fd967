"""Joint counts: how often each combination of the codes of some columns occurs."""

from __future__ import annotations

from typing import Any

from biaskit._kernels import BAD, SLACK, int64, jit, peek, uint64

__all__ = ["SCRATCH", "joint_counts"]

# A byte counts up to 255, so a block has so many words.
_WORDS = 255
# Where a block's words start in the scratch array, after four tables.
_BLOCK = 4 * 256
#: Length of the scratch array.
SCRATCH = _BLOCK + 256

_BYTE = uint64(0xFF)
_NONE = uint64(0)
_ONE = uint64(1)
_ONES = uint64(0x0101010101010101)
_LOW = uint64(0x7F7F7F7F7F7F7F7F)
_U7 = uint64(7)
_U8 = uint64(8)
# Up to so many combinations, comparing every row with each of them is faster than a table.
_FEW = 20


@jit
def joint_counts(codes: Any, starts: Any, sizes: Any, rows: int, scratch: Any, counts: Any) -> int:
    """Add the rows to the counts of their combinations of codes, the last column changing fastest.

    Parameters
    ----------
    codes
        Bytes in which each column has `rows` codes of a byte each, `SLACK` spare ones at the end.
    starts
        Where in `codes` each column starts, int64.
    sizes
        Number of codes of each column, 1 to 256, uint64; each code is below it.
    rows
        Number of rows.
    scratch
        Any `SCRATCH` numbers, uint64.
    counts
        Where the counts are added, int64, of length the product of `sizes`.

    Returns
    -------
    int
        `rows`, or `BAD`.
    """
    columns = starts.size
    if columns != sizes.size or rows < 0 or scratch.size < SCRATCH:
        return BAD
    cells = 1
    for k in range(columns):
        size = int64(sizes[k])
        if size < 1 or size > 256 or cells > counts.size:
            return BAD
        if starts[k] < 0 or starts[k] + rows > codes.size - SLACK:
            return BAD
        cells *= size
    if cells != counts.size:
        return BAD
    # Combinations that fit a byte are made for eight rows at once: no byte of a word overflows into
    # the next. They are made for a block of words column by column, which a processor does several
    # times as fast as all columns word by word.
    words = 0 if cells > 256 else rows >> 3
    few = cells <= _FEW
    if not few and words:
        for i in range(_BLOCK):
            scratch[i] = _NONE
    for first in range(0, words, _WORDS):
        n = min(_WORDS, words - first)
        for i in range(n):
            scratch[_BLOCK + i] = _NONE
        for k in range(columns):
            size = sizes[k]
            at = starts[k] + 8 * first
            for i in range(n):
                scratch[_BLOCK + i] = scratch[_BLOCK + i] * size + peek(codes, at + 8 * i)
        if few:
            for cell in range(cells):
                pattern = uint64(cell) * _ONES
                other = _NONE  # in each byte, the rows of this block that are not of this cell
                for i in range(n):
                    other += (((scratch[_BLOCK + i] ^ pattern) + _LOW) >> _U7) & _ONES
                for _ in range(8):
                    counts[cell] += n - int64(other & _BYTE)
                    other >>= _U8
            continue
        # Four tables take turns, so that equal rows do not wait for each other's sums.
        for i in range(n):
            word = scratch[_BLOCK + i]
            scratch[word & _BYTE] += _ONE
            scratch[uint64(256) + ((word >> _U8) & _BYTE)] += _ONE
            scratch[uint64(512) + ((word >> uint64(16)) & _BYTE)] += _ONE
            scratch[uint64(768) + ((word >> uint64(24)) & _BYTE)] += _ONE
            scratch[(word >> uint64(32)) & _BYTE] += _ONE
            scratch[uint64(256) + ((word >> uint64(40)) & _BYTE)] += _ONE
            scratch[uint64(512) + ((word >> uint64(48)) & _BYTE)] += _ONE
            scratch[uint64(768) + (word >> uint64(56))] += _ONE
    if not few and words:
        for i in range(cells):
            counts[i] += int64(scratch[i] + scratch[256 + i] + scratch[512 + i] + scratch[768 + i])
    # What is left over: a few rows, or all of them where combinations are many.
    done = 8 * words
    while done < rows:
        n = min(_BLOCK, rows - done)
        for i in range(n):
            scratch[i] = _NONE
        for k in range(columns):
            size = sizes[k]
            at = starts[k] + done
            for i in range(n):
                scratch[i] = scratch[i] * size + uint64(codes[at + i])
        for i in range(n):
            if scratch[i] >= uint64(cells):
                return BAD
            counts[scratch[i]] += 1
        done += n
    return rows
