"""A column chunk's pages of plain values to numbers, of which some may be missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import BAD, fits, inner, int64, jit
from biaskit._kernels.parquet.chunks import IN_PAGE, page_parts
from biaskit._kernels.parquet.pages import (
    DICTIONARY,
    ENCODING,
    FIELDS,
    KIND,
    VALUES,
    Pages,
    Scratch,
)
from biaskit._kernels.parquet.values import numbers

__all__ = ["chunk_numbers", "examples"]

_PLAIN = 0


@jit
def chunk_numbers(
    pages: Pages, kind: int, scratch: Scratch, out: Any, start: int, rows: int
) -> int:
    """Numbers of the rows of a chunk with plain values in its pages; NaN is a missing one.

    Parameters
    ----------
    pages, scratch
        As for `chunks.chunk_codes`.
    kind
        Physical type of the values, of those of `values.numbers`.
    out, start, rows
        Where the numbers go, float64, from which on, and how many rows there are.

    Returns
    -------
    int
        `rows`, or `BAD` where anything is invalid.
    """
    if not fits(start, rows, out.size):
        return BAD
    table, levels, values = pages.table, scratch.levels, scratch.values
    row: int = int64(0)
    for number in range(table.shape[0]):
        if table[number, KIND] == DICTIONARY:
            continue
        count = table[number, VALUES]
        if table[number, ENCODING] != _PLAIN:
            return BAD
        where, at, end, present = page_parts(pages, number, rows - row, scratch)
        if where < 0:
            return BAD
        text = scratch.page if where == IN_PAGE else pages.source
        full = present == count
        into, place = (out, start + row) if full else (values, int64(0))
        if numbers(text, at, end, kind, into, place, present) < 0:
            return BAD
        if not full and _spread(levels, values, present, out, start + row, count) < 0:
            return BAD
        row += count
    return rows if row == rows else BAD


@inner
def _spread(levels: Any, dense: Any, present: int, out: Any, start: int, count: int) -> int:
    """Numbers in their rows: those of `dense` where a level is 1, NaN where it is 0."""
    if count > 8 * levels.size or not 0 <= present < dense.size or not fits(start, count, out.size):
        return BAD
    j = int64(0)
    for i in range(count):
        there = int64(levels[i >> 3] >> (i & 7)) & 1
        out[start + i] = dense[j] if there else np.nan
        j += there
        if j > present:
            return BAD
    return count if j == present else BAD


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    octets, values = np.zeros(1, np.uint8), np.zeros(1)
    pages = Pages(octets, np.zeros((1, FIELDS), np.int64), True, True)
    scratch = Scratch(octets, octets, octets, np.zeros(1, np.uint32), values)
    yield chunk_numbers, pages, 0, scratch, values, 0, 0
