"""Scores: the bin of each, and rows, sums and sums of squares by cell and bin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import BAD, SLACK, fits, inner, int64, jit, uint64
from biaskit._kernels.joint import ROWS

__all__ = [
    "FLUSHED",
    "FORM",
    "Range",
    "add_entries",
    "add_parts",
    "add_scores",
    "examples",
    "score_bins",
    "taken",
]

#: Numbers of a cell and bin: its rows, the sum of their scores and of the squares; one is spare.
FORM = 4
#: Rows of a cell and bin after which their sums are added to the others: a sum of as many floats
#: is off by less than 5e-13 of it.
FLUSHED = 4096

_u32: Any = np.uint32
_MOST_OF_BYTE = uint64(256)


class Range(NamedTuple):
    """Range of scores: its edges are its ends and, between them, multiples of a step."""

    low: float
    high: float
    #: Number of edges.
    edges: int
    #: Number of the last multiple that is not above the low end.
    before: float
    #: Multiples in a unit of the scores, nearly.
    inverse: float
    #: Multiple k is ``k * times / over``.
    times: float
    over: float


@jit
def score_bins(values: Any, within: Range, rows: int, out: Any) -> int:
    """Write the bin of each score: bin k has those above edge k - 1, up to edge k.

    The low end is in bin 1, what is below it in bin 0; what is missing is in the bin after those
    above the range.

    Parameters
    ----------
    values
        Scores, float64; NaN is a missing one.
    within
        Range with at most 65,534 edges.
    rows
        Number of scores.
    out
        Where the bins go, uint16.

    Returns
    -------
    int
        How many scores are infinite, or `BAD`.
    """
    edges = within.edges
    if rows < 0 or rows > values.size or rows > out.size or not 2 <= edges <= 65_534:
        return BAD
    low, high, before = within.low, within.high, within.before
    last, above, missing = np.float64(edges - 1), np.float64(edges), np.float64(edges + 1)
    infinite: int = int64(0)
    for i in range(rows):
        x = values[i]
        # The nearest multiple is the edge above or the one below: comparing with it decides.
        k = np.rint(x * within.inverse)
        edge = k * within.times / within.over
        bin_ = k - before + (1.0 if x > edge else 0.0)
        bin_ = min(last, max(1.0, bin_))
        bin_ = 0.0 if x < low else bin_
        bin_ = above if x > high else bin_
        bin_ = missing if x != x else bin_
        infinite += int64(abs(x) == np.inf)
        out[i] = np.int32(bin_)
    return infinite


@jit
def add_scores(
    codes: Any,
    pairs: Any,
    starts: Any,
    sizes: Any,
    places: Any,
    bins: Any,
    values: Any,
    index: Any,
    table: Any,
    kept: Any,
) -> int:
    """Add scores to the sums of their cells and bins.

    Parameters
    ----------
    codes, pairs, starts, sizes
        Codes of the rows, as for `joint.joint_counts`.
    places
        For each combination of codes the place in `table` of its first bin, int64; -1 for one that
        has no row.
    bins, values
        Bin and score of each row, uint16 and float64; NaN is a missing score.
    index
        Any `ROWS` numbers, uint32.
    table, kept
        Sums of the latest rows and of those before, float64, shape ``(places, FORM)``.

    Returns
    -------
    int
        Number of rows, or `BAD`; the sums are then of no use.
    """
    rows: int = values.size
    if bins.size < rows or index.size < ROWS or places.size < 1:
        return BAD
    if table.shape[1] != FORM or kept.shape[0] != table.shape[0] or kept.shape[1] != FORM:
        return BAD
    if not _are_there(codes, pairs, starts, sizes, rows):
        return BAD
    for done in range(0, rows, ROWS):
        n = min(ROWS, rows - done)
        _combine(codes, pairs, starts, sizes, done, n, index)
        for i in range(n):
            if index[i] >= places.size:
                return BAD
            at = places[index[i]] + int64(bins[done + i])
            if places[index[i]] < 0 or at >= table.shape[0]:
                return BAD
            if table[at, 0] == FLUSHED:
                for j in range(3):
                    kept[at, j] += table[at, j]
                    table[at, j] = 0.0
            x = values[done + i]
            x = 0.0 if x != x else x
            table[at, 0] += 1.0
            table[at, 1] += x
            table[at, 2] += x * x
    return rows


@jit
def add_entries(
    codes: Any,
    pairs: Any,
    starts: Any,
    sizes: Any,
    places: Any,
    entries: Any,
    rows: int,
    index: Any,
    counts: Any,
) -> int:
    """Add rows to the counts of their cells and entries of a dictionary of scores.

    Parameters
    ----------
    codes, pairs, starts, sizes, places, index
        As for `add_scores`; the places are those of a cell's first entry in `counts`.
    entries, rows
        Number of each row's entry, uint32, and how many rows there are.
    counts
        Where the rows are counted, int64.

    Returns
    -------
    int
        Number of rows, or `BAD`; the counts are then of no use.
    """
    if rows < 0 or rows > entries.size or index.size < ROWS or places.size < 1:
        return BAD
    if not _are_there(codes, pairs, starts, sizes, rows):
        return BAD
    for done in range(0, rows, ROWS):
        n = min(ROWS, rows - done)
        _combine(codes, pairs, starts, sizes, done, n, index)
        for i in range(n):
            if index[i] >= places.size:
                return BAD
            at = places[index[i]] + int64(entries[done + i])
            if places[index[i]] < 0 or at >= counts.size:
                return BAD
            counts[at] += 1
    return rows


@inner
def _are_there(codes: Any, pairs: Any, starts: Any, sizes: Any, rows: int) -> bool:
    """Whether the codes of all columns, of a byte or two, are in the arrays."""
    if starts.size != sizes.size:
        return False
    for k in range(starts.size):
        if sizes[k] <= _MOST_OF_BYTE:
            if not fits(starts[k], rows, codes.size - SLACK):
                return False
        elif starts[k] & 1 or not fits(starts[k] >> 1, rows, pairs.size):
            return False
    return True


@inner
def _combine(
    codes: Any, pairs: Any, starts: Any, sizes: Any, done: int, n: int, index: Any
) -> None:
    """Write the combination of codes of each of some rows as one number."""
    for i in range(n):
        index[i] = _u32(0)
    for k in range(starts.size):
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


@jit
def taken(table: Any, kept: Any, width: int, cells: Any, bins: Any, n: Any, s: Any, s2: Any) -> int:
    """Move the sums of all places that have rows out of a table, which is then empty.

    Parameters
    ----------
    table, kept
        As `add_scores` leaves them.
    width
        Number of bins of a cell.
    cells, bins, n, s, s2
        Where the cell and the bin, the rows, their sum and that of the squares go: int32, uint16,
        int64, float64 and float64, of the same length.

    Returns
    -------
    int
        Number of places with rows, or `BAD` where there is no room for them.
    """
    if width < 1 or width > 65_536 or table.shape[0] % width or kept.shape[0] != table.shape[0]:
        return BAD
    if table.shape[1] != FORM or kept.shape[1] != FORM:
        return BAD
    most = min(cells.size, bins.size, n.size, s.size, s2.size)
    found: int = int64(0)
    for cell in range(table.shape[0] // width):
        for bin_ in range(width):
            at = cell * width + bin_
            if table[at, 0] == 0.0:
                continue
            if found >= most:
                return BAD
            cells[found] = cell
            bins[found] = bin_
            n[found] = int64(table[at, 0] + kept[at, 0])
            s[found] = table[at, 1] + kept[at, 1]
            s2[found] = table[at, 2] + kept[at, 2]
            found += 1
            for j in range(FORM):
                table[at, j] = 0.0
                kept[at, j] = 0.0
    return found


@jit
def add_parts(
    cells: Any, bins: Any, n: Any, s: Any, s2: Any, places: Any, rows: Any, sums: Any
) -> int:
    """Add sums of cells and bins to those of a whole, with what rounding loses.

    Parameters
    ----------
    cells, bins, n, s, s2
        As `taken` makes them; a cell and bin may occur again.
    places
        Place of the first bin of each cell in the whole, int64.
    rows, sums
        The whole: numbers of rows, int64; sums and what they lost, and those of the squares and
        what they lost, float64, shape ``(4, places)``.

    Returns
    -------
    int
        Number of parts, or `BAD`.
    """
    parts: int = int64(cells.size)
    if bins.size != parts or n.size != parts or s.size != parts or s2.size != parts:
        return BAD
    if sums.shape[0] != 4 or sums.shape[1] != rows.size:
        return BAD
    for i in range(parts):
        cell = int64(cells[i])
        if cell < 0 or cell >= places.size or places[cell] < 0:
            return BAD
        at = places[cell] + int64(bins[i])
        if at >= rows.size:
            return BAD
        rows[at] += n[i]
        for j in range(2):
            old, more = sums[2 * j, at], s[i] if j == 0 else s2[i]
            new = old + more
            sums[2 * j, at] = new
            if abs(new) != np.inf:
                part = new - old
                sums[2 * j + 1, at] += (old - (new - part)) + (more - part)
    return parts


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    octets, pairs, index = (np.zeros(1, dtype) for dtype in (np.uint8, np.uint16, np.uint32))
    integers, sizes, numbers = np.zeros(1, np.int64), np.zeros(1, np.uint64), np.zeros(1)
    table = np.zeros((1, FORM))
    within = Range(0.0, 1.0, 2, 0.0, 1.0, 1.0, 1.0)
    yield score_bins, numbers, within, 0, pairs
    columns = octets, pairs, integers, sizes, integers
    yield add_scores, *columns, pairs, numbers, index, table, table
    yield add_entries, *columns, index, 0, index, integers
    parts = np.zeros(1, np.int32), pairs, integers, numbers, numbers
    yield taken, table, table, 1, *parts
    yield add_parts, *parts, integers, integers, table
