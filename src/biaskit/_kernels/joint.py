"""Joint counts: how often each combination of codes occurs; and short codes for long ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import BAD, SLACK, fits, inner, int64, jit, peek, uint64

__all__ = [
    "ROWS",
    "SCRATCH",
    "examples",
    "joint_counts",
    "joint_weights",
    "placed",
    "table_size",
    "used",
]

# Words per block: a byte counts only up to 255.
_WORDS = 255
# Start of a block's words in the scratch array, after four tables.
_BLOCK = 4 * 256
#: Length of the scratch array.
SCRATCH = _BLOCK + 256
# Most combinations whose 16-bit indices are computed for many rows at once.
_MOST_16 = 1 << 16
#: Rows of a block of them.
ROWS = 2048
# Most combinations for which four tables alternate.
_TAKE_TURNS = 4096

_u16: Any = np.uint16
_u32: Any = np.uint32
_U32_ONE: Any = np.uint32(1)
_U32_NONE: Any = np.uint32(0)
_BYTE = uint64(0xFF)
_PAIR = uint64(0xFFFF)
_MOST_OF_BYTE = uint64(256)
_NONE = uint64(0)
_ONE = uint64(1)
_ONES = uint64(0x0101010101010101)
_LOW = uint64(0x7F7F7F7F7F7F7F7F)
_U7 = uint64(7)
_U8 = uint64(8)
# Most combinations for which comparing every row with each is faster than a table.
_FEW = 20


def table_size(cells: int) -> int:
    """Length of the scratch array `tables` for this many combinations."""
    if not 256 < cells <= _MOST_16:
        return 0
    return 4 * cells if cells <= _TAKE_TURNS else cells


@inner
def _is_there(codes: Any, pairs: Any, start: int, size: Any, rows: int) -> bool:
    """Whether a column's codes, of a byte or two, are in the arrays."""
    if size <= _MOST_OF_BYTE:
        return bool(fits(start, rows, codes.size - SLACK))
    return start & 1 == 0 and bool(fits(start >> 1, rows, pairs.size))


@inner
def _counts_of_16_bits(
    codes: Any,
    pairs: Any,
    starts: Any,
    sizes: Any,
    rows: int,
    cells: int,
    index: Any,
    tables: Any,
    counts: Any,
) -> int:
    """Add a multiple of four rows to the counts of their combinations, of more than a byte."""
    turns = 4 if cells <= _TAKE_TURNS else 1
    if index.size < ROWS or tables.size < turns * cells:
        return BAD
    for cell in range(turns * cells):
        tables[cell] = _U32_NONE
    apart = uint64(cells if turns == 4 else 0)
    second, third, fourth = apart, apart + apart, apart + apart + apart
    for done in range(0, rows, ROWS):
        n = min(ROWS, rows - done)
        for i in range(n):
            index[i] = _u16(0)
        for k in range(starts.size):
            size = _u16(sizes[k] & _PAIR)  # if it is 65,536, each index is 0 before
            if sizes[k] > _MOST_OF_BYTE:
                at = (starts[k] >> 1) + done
                pair = pairs[at : at + n]
                for i in range(n):
                    index[i] = _u16(index[i] * size) + pair[i]
                continue
            at = starts[k] + done
            column = codes[at : at + n]
            for i in range(n):
                index[i] = _u16(index[i] * size) + _u16(column[i])
        largest = _u16(0)
        for i in range(n):
            largest = max(largest, index[i])
        if int64(largest) >= cells:
            return BAD
        for i in range(0, n, 4):
            tables[index[i]] += _U32_ONE
            tables[second + uint64(index[i + 1])] += _U32_ONE
            tables[third + uint64(index[i + 2])] += _U32_ONE
            tables[fourth + uint64(index[i + 3])] += _U32_ONE
    for cell in range(cells):
        for turn in range(turns):
            counts[cell] += int64(tables[turn * cells + cell])
    return rows


@jit
def joint_counts(
    codes: Any,
    pairs: Any,
    starts: Any,
    sizes: Any,
    rows: int,
    scratch: Any,
    index: Any,
    tables: Any,
    counts: Any,
) -> int:
    """Add the rows to the counts of their combinations of codes, the last column changing fastest.

    Parameters
    ----------
    codes
        Bytes in which each column has `rows` codes of a byte each, `SLACK` spare ones at the end.
    pairs
        The same bytes as numbers of 16 bits, for columns of more than 256 codes.
    starts
        Where in `codes` each column starts, int64; even for one of more than 256 codes.
    sizes
        Number of codes of each column, 1 to 65,536, uint64; each code is below it.
    rows
        Number of rows.
    scratch, index, tables
        Any numbers: `SCRATCH` of uint64, `ROWS` of uint16, and of uint32 as many as `table_size`
        says.
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
        if size < 1 or size > _MOST_16 or cells > counts.size:
            return BAD
        if not _is_there(codes, pairs, starts[k], sizes[k], rows):
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
        # Four tables alternate, so that equal rows do not wait for each other's sums.
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
    # The remaining rows: a few, or all of them where there are very many combinations.
    done = 8 * words
    if 256 < cells <= _MOST_16:
        done = _counts_of_16_bits(
            codes, pairs, starts, sizes, int64(rows & ~3), int64(cells), index, tables, counts
        )
        if done < 0:
            return BAD
    for row in range(done, rows):
        cell = _NONE
        for k in range(columns):
            if sizes[k] > _MOST_OF_BYTE:
                cell = cell * sizes[k] + uint64(pairs[(starts[k] >> 1) + row])
            else:
                cell = cell * sizes[k] + uint64(codes[starts[k] + row])
        if cell >= uint64(cells):
            return BAD
        counts[cell] += 1
    return rows


@jit
def joint_weights(
    codes: Any,
    pairs: Any,
    starts: Any,
    sizes: Any,
    weights: Any,
    index: Any,
    sums: Any,
    squares: Any,
) -> int:
    """Add the rows' weights, and their squares, to the sums of their combinations of codes.

    Parameters
    ----------
    codes, pairs, starts, sizes
        As for `joint_counts`.
    weights
        Weight of each row, float64.
    index
        Any `ROWS` numbers, uint32.
    sums, squares
        Where they are added, float64, of length the product of `sizes`.

    Returns
    -------
    int
        Number of rows, or `BAD`.
    """
    rows: int = weights.size
    columns = starts.size
    if columns != sizes.size or squares.size != sums.size or index.size < ROWS:
        return BAD
    for k in range(columns):
        if not _is_there(codes, pairs, starts[k], sizes[k], rows):
            return BAD
    for done in range(0, rows, ROWS):
        n = min(ROWS, rows - done)
        for i in range(n):
            index[i] = _U32_NONE
        for k in range(columns):
            size = _u32(sizes[k])
            if sizes[k] > _MOST_OF_BYTE:
                at = (starts[k] >> 1) + done
                pair = pairs[at : at + n]
                for i in range(n):
                    index[i] = _u32(index[i] * size) + _u32(pair[i])
                continue
            at = starts[k] + done
            column = codes[at : at + n]
            for i in range(n):
                index[i] = _u32(index[i] * size) + _u32(column[i])
        for i in range(n):
            cell = index[i]
            if cell >= sums.size:
                return BAD
            weight = weights[done + i]
            sums[cell] += weight
            squares[cell] += weight * weight
    return rows


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
    codes, starts, sizes = np.zeros(1, np.uint8), np.zeros(1, np.int64), np.zeros(1, np.uint64)
    index, sums = np.zeros(1, np.uint32), np.zeros(1)
    scratch = np.zeros(1, np.uint64), np.zeros(1, np.uint16), index, starts
    columns = codes, np.zeros(1, np.uint16), starts, sizes
    yield joint_counts, *columns, 0, *scratch
    yield joint_weights, *columns, sums, index, sums, sums
    yield used, index, 0, codes
    yield placed, index, 0, np.zeros((1, 1), np.uint8), codes, starts
