"""A column chunk's data pages to the codes of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import BAD, SLACK, fits, inner, int64, jit
from biaskit._kernels.parquet.hybrid import (
    hybrid,
    hybrid_pairs,
    hybrid_wide,
    level_bits,
    spread,
    spread_wide,
)
from biaskit._kernels.parquet.pages import (
    BODY,
    DATA,
    DATA_2,
    DICTIONARY,
    ENCODING,
    FIELDS,
    KIND,
    LEVELS,
    NULLS,
    PACKED,
    SIZE,
    STORED,
    VALUES,
    Pages,
    Scratch,
)
from biaskit._kernels.parquet.snappy import snappy, snappy_literal

__all__ = [
    "IN_PAGE",
    "IN_SOURCE",
    "chunk_codes",
    "chunk_pairs",
    "examples",
    "little",
    "page_body",
    "page_parts",
]

#: Where the content of a page is.
IN_SOURCE, IN_PAGE = 0, 1

# Encodings, by their numbers in the format.
_PLAIN_DICTIONARY = 2
_RLE_DICTIONARY = 8


@jit
def page_body(source: Any, at: int, packed: int, size: int, is_snappy: bool, out: Any) -> int:
    """Start of a page's content in `source`; -2 where it is decompressed into `out`.

    Parameters
    ----------
    source, at, packed
        Bytes, and which of them are the page's.
    size
        Bytes of the content.
    is_snappy
        Whether they are compressed.
    out
        Buffer for the content if it must be decompressed.
    """
    if size < 0 or not fits(at, packed, source.size - SLACK):
        return BAD
    if not is_snappy:
        return at if packed == size else BAD
    where = snappy_literal(source, at, at + packed, size)
    if where >= 0:
        return where
    return -2 if snappy(source, at, at + packed, out, size) == size else BAD


@inner
def page_parts(
    pages: Pages,
    number: int,
    most: int,
    scratch: Scratch,
) -> Any:
    """Position of a data page's values, and the number of rows that have one, checked.

    Parameters
    ----------
    pages, number
        Pages of the chunk, and which of them.
    most
        How many rows the page may have.
    scratch
        `page` takes decompressed content, `levels` whether each row has a value.

    Returns
    -------
    tuple
        `IN_SOURCE` or `IN_PAGE`, or `BAD` where the page is invalid; start and end of the values;
        their number.
    """
    bad = (int64(BAD), int64(0), int64(0), int64(0))
    source, table, page, levels = pages.source, pages.table, scratch.page, scratch.levels
    kind, body = table[number, KIND], table[number, BODY]
    packed, size = table[number, PACKED], table[number, SIZE]
    count = table[number, VALUES]
    # In a page of version 2, the levels precede the compressed part.
    before = table[number, LEVELS]
    if count < 0 or count > most:
        return bad
    if before < 0 or before > packed or before > size or (before > 0 and kind != DATA_2):
        return bad
    content = size - before
    where, at = int64(IN_SOURCE), body + before
    if content > 0 or kind != DATA_2:
        compressed = pages.is_snappy and table[number, STORED] == 0
        at = page_body(source, body + before, packed - before, content, compressed, page)
        if at == -2:
            where, at = int64(IN_PAGE), int64(0)
    if at < 0:
        return bad
    end = at + content
    present = count
    if pages.optional:
        level_text = page if kind == DATA and where == IN_PAGE else source
        level_at, level_end = body, body + before
        if kind == DATA:
            if end - at < 4:
                return bad
            length = little(level_text, at)
            level_at = at + 4
            if length > end - level_at:
                return bad
            level_end = at = level_at + length
        present = level_bits(level_text, level_at, level_end, count, levels)
    if present < 0 or (kind == DATA_2 and table[number, NULLS] != count - present):
        return bad
    return where, at, end, present


@inner
def little(text: Any, at: int) -> int:
    """Number of the four bytes from `at` on, the lowest first; all of them must be there."""
    number = int64(text[at])
    for k in range(1, 4):
        number |= int64(text[at + k]) << 8 * k
    return int(number)


@jit
def chunk_codes(
    pages: Pages, size: int, scratch: Scratch, codes: Any, wide: Any, start: int, rows: int
) -> int:
    """Codes of the rows of a column chunk; a missing value has the code `size`.

    Parameters
    ----------
    pages
        Pages of the chunk.
    size
        Number of entries of the dictionary.
    scratch
        Memory for the largest and for the longest page.
    codes, wide
        Output of the codes: `codes`, a byte each, if `wide` is empty; else `wide`.
    start, rows
        Where in `codes` to start (in `wide`, it is 0), and how many rows there are.

    Returns
    -------
    int
        Number of missing values, or `BAD` where anything is invalid.
    """
    is_wide = wide.size > 0
    if start < 0 or rows < 0 or size < 0 or (not is_wide and size > 255):
        return BAD
    if not is_wide and not fits(start, rows, codes.size - SLACK):
        return BAD
    table, levels = pages.table, scratch.levels
    dense, wide_dense = scratch.dense, scratch.wide_dense
    row = start
    missing = 0
    for number in range(table.shape[0]):
        if table[number, KIND] == DICTIONARY:
            continue
        count = table[number, VALUES]
        encoding = table[number, ENCODING]
        if encoding != _RLE_DICTIONARY and encoding != _PLAIN_DICTIONARY:
            return BAD
        where, at, end, present = page_parts(pages, number, rows - (row - start), scratch)
        if where < 0:
            return BAD
        text = scratch.page if where == IN_PAGE else pages.source
        full = present == count
        missing += count - present
        width = 0
        if at < end:
            width = int64(text[at])
            at += 1
        elif present:
            return BAD
        if width > 32 or (present and size == 0):
            return BAD
        if present:
            if is_wide:
                target, first = (wide, row - start) if full else (wide_dense, 0)
                done = hybrid_wide(text, at, end, width, size, target, first, present)
            else:
                into, place = (codes, row) if full else (dense, 0)
                done = hybrid(text, at, end, width, size, into, place, present)
            if done < 0:
                return BAD
        if not full:
            if is_wide:
                done = spread_wide(levels, wide_dense, present, size, wide, row - start, count)
            else:
                done = spread(levels, dense, present, size, codes, row, count)
            if done < 0:
                return BAD
        row += count
    return missing if row - start == rows else BAD


@jit
def chunk_pairs(
    pages: Pages, size: int, scratch: Scratch, codes: Any, start: int, rows: int, seen: Any
) -> int:
    """Codes of the rows of a column chunk without missing values, two bytes each.

    Parameters
    ----------
    pages, scratch
        As for `chunk_codes`.
    size
        Number of entries of the dictionary, 4,096 at most.
    codes, start, rows
        Numbers of 16 bits that the codes go to, from which on, and how many rows there are.
    seen
        A byte for each entry, set to 1 where a row has it; or none.

    Returns
    -------
    int
        `rows`, or `BAD` where a value is missing or anything is invalid.
    """
    if not fits(start, rows, codes.size) or (seen.size and seen.size < size):
        return BAD
    table = pages.table
    row = int64(0)
    for number in range(table.shape[0]):
        if table[number, KIND] == DICTIONARY:
            continue
        count, encoding = table[number, VALUES], table[number, ENCODING]
        if encoding != _RLE_DICTIONARY and encoding != _PLAIN_DICTIONARY:
            return BAD
        where, at, end, present = page_parts(pages, number, rows - row, scratch)
        if where < 0 or present != count:
            return BAD
        text = scratch.page if where == IN_PAGE else pages.source
        if count:
            if at >= end:
                return BAD
            width = int64(text[at])
            if hybrid_pairs(text, at + 1, end, width, size, codes, start + row, count) < 0:
                return BAD
        if seen.size:
            for i in range(count):
                seen[codes[start + row + i]] = 1
        row += count
    return rows if row == rows else BAD


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    octets, table = np.zeros(1, np.uint8), np.zeros((1, FIELDS), np.int64)
    pages = Pages(octets, table, True, True)
    scratch = Scratch(octets, octets, octets, np.zeros(1, np.uint32), np.zeros(1))
    yield page_body, octets, 0, 0, 0, True, octets
    yield chunk_codes, pages, 0, scratch, octets, np.zeros(1, np.uint32), 0, 0
    pairs = np.zeros(1, np.uint16)
    yield chunk_pairs, pages, 0, scratch, pairs, 0, 0, octets
