"""Numbers that are cut, in pages of values or of a dictionary, to planes of their bins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import BAD, SLACK, fits, int64, jit, marks, merged, uint64
from biaskit._kernels.parquet.chunks import IN_PAGE, page_body, page_parts
from biaskit._kernels.parquet.hybrid import hybrid_wide
from biaskit._kernels.parquet.pages import (
    BODY,
    DICTIONARY,
    ENCODING,
    FIELDS,
    KIND,
    PACKED,
    SIZE,
    VALUES,
    Pages,
    Scratch,
)
from biaskit._kernels.parquet.planes import MOST_WIDTH, SPARE
from biaskit._kernels.parquet.values import cut_numbers

__all__ = ["chunk_bins", "examples"]

# Encodings, by their numbers in the format.
_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY = 0, 2, 8
_NONE = uint64(0)
_ONE = uint64(1)


@jit
def chunk_bins(
    pages: Pages,
    kind: int,
    edges: Any,
    scratch: Scratch,
    bins: Any,
    planes: Any,
    first: int,
    rows: int,
) -> int:
    """Planes of the bins of the rows of a column chunk of numbers, none of them missing.

    Parameters
    ----------
    pages, scratch
        As for `chunk_codes`; `dense` is for all rows.
    kind, edges
        Physical type of the numbers, and where they are cut, ascending, float64.
    bins
        Any bytes, for the entries of a dictionary and `SLACK` more.
    planes, first, rows
        As for `chunk_planes`.

    Returns
    -------
    int
        `rows`, or `BAD` where a number is missing or anything is invalid.
    """
    table, source, octets = pages.table, pages.source, scratch.dense
    missing = edges.size + 1
    row, entries = int64(0), int64(0)
    if not fits(0, rows, octets.size - SLACK):
        return BAD
    for number in range(table.shape[0]):
        count, encoding = table[number, VALUES], table[number, ENCODING]
        if table[number, KIND] == DICTIONARY:
            at, size = table[number, BODY], table[number, SIZE]
            packed, page = table[number, PACKED], scratch.page
            at = page_body(source, at, packed, size, pages.is_snappy, page)
            if at == BAD:
                return BAD
            text, at = (source, at) if at >= 0 else (page, int64(0))
            if (
                cut_numbers(text, at, at + size, kind, edges, scratch.values, bins, int64(0), count)
                < 0
            ):
                return BAD
            entries = count
            continue
        where, at, end, present = page_parts(pages, number, rows - row, scratch)
        if where < 0 or present != count:
            return BAD
        text = scratch.page if where == IN_PAGE else source
        if encoding == _PLAIN:
            if cut_numbers(text, at, end, kind, edges, scratch.values, octets, row, count) < 0:
                return BAD
        elif count:
            codes = scratch.wide_dense
            if (encoding != _RLE_DICTIONARY and encoding != _PLAIN_DICTIONARY) or at >= end:
                return BAD
            if hybrid_wide(text, at + 1, end, int64(text[at]), entries, codes, 0, count) < 0:
                return BAD
            for i in range(count):
                octets[row + i] = bins[codes[i]]
        row += count
    if row != rows:
        return BAD
    return _planes(octets, rows, missing, planes, first)


@merged
def _planes(octets: Any, rows: int, missing: int, planes: Any, first: int) -> int:
    """Planes of numbers of one byte below `missing`; `BAD` where one is that."""
    words, width = (rows + 63) >> 6, int64(1)
    stride = words + SPARE
    while 1 << width < missing:
        width += 1
    if width > MOST_WIDTH or not fits(first, width * stride, planes.size):
        return BAD
    for i in range(rows, 64 * words):
        octets[i] = 0
    found = _NONE
    for bit in range(width):
        for i in range(words):
            planes[first + bit * stride + i] = _NONE
    for i in range(words):
        found |= marks(octets, 64 * i, missing)
        for one in range(1, missing):
            where = marks(octets, 64 * i, one)
            for bit in range(width):
                if one >> bit & 1:
                    planes[first + bit * stride + i] |= where
    return BAD if found else rows


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    octets, words, numbers = np.zeros(1, np.uint8), np.zeros(1, np.uint64), np.zeros(1)
    pages = Pages(octets, np.zeros((1, FIELDS), np.int64), True, True)
    scratch = Scratch(octets, octets, octets, np.zeros(1, np.uint32), numbers)
    yield chunk_bins, pages, 0, numbers, scratch, octets, words, 0, 0
