"""A column chunk's data pages to the codes of its rows."""

from __future__ import annotations

from typing import Any

from biaskit._kernels import BAD, SLACK, int64, jit
from biaskit._kernels.hybrid import all_present, hybrid, hybrid_wide, ones, spread, spread_wide
from biaskit._kernels.pages import (
    BODY,
    DATA,
    DATA_2,
    DICTIONARY,
    ENCODING,
    KIND,
    LEVELS,
    NULLS,
    PACKED,
    SIZE,
    STORED,
    VALUES,
)
from biaskit._kernels.snappy import snappy, snappy_literal

__all__ = ["chunk_codes", "page_body"]

# Encodings, by their numbers in the format.
_PLAIN_DICTIONARY = 2
_RLE_DICTIONARY = 8


@jit
def page_body(source: Any, at: int, packed: int, size: int, is_snappy: bool, out: Any) -> int:
    """Where a page's content starts in `source`; -2 where it is decompressed, into `out`.

    Parameters
    ----------
    source, at, packed
        Bytes, and which of them are the page's.
    size
        Bytes of the content.
    is_snappy
        Whether they are compressed.
    out
        Place for the content where it must be decompressed.
    """
    if at < 0 or packed < 0 or size < 0 or at + packed > source.size - SLACK:
        return BAD
    if not is_snappy:
        return at if packed == size else BAD
    where = snappy_literal(source, at, at + packed, size)
    if where >= 0:
        return where
    return -2 if snappy(source, at, at + packed, out, size) == size else BAD


@jit
def chunk_codes(
    source: Any,
    table: Any,
    is_snappy: bool,
    optional: bool,
    size: int,
    page: Any,
    levels: Any,
    dense: Any,
    wide_dense: Any,
    codes: Any,
    wide: Any,
    start: int,
    rows: int,
) -> int:
    """Codes of the rows of a column chunk; a missing value has the code `size`.

    Parameters
    ----------
    source
        Bytes of the chunk, `SLACK` spare ones after them.
    table
        Its pages, as `pages.page_table` makes them.
    is_snappy
        Whether the pages are compressed with Snappy, or not at all.
    optional
        Whether values may be missing, so that pages have definition levels.
    size
        Number of entries of the dictionary.
    page, levels, dense, wide_dense
        Scratch: the largest page, and a value for each row of the longest page.
    codes, wide
        Where the codes go: to `codes`, of a byte each, where `wide` is empty; else to `wide`.
    start, rows
        Where in `codes` to start (in `wide`, it is 0), and how many rows there are.

    Returns
    -------
    int
        Number of missing values, or `BAD` where anything does not fit.
    """
    is_wide = wide.size > 0
    if start < 0 or rows < 0 or size < 0 or (not is_wide and size > 255):
        return BAD
    if start + rows > codes.size - SLACK and not is_wide:
        return BAD
    row = start
    missing = 0
    for number in range(table.shape[0]):
        entry = table[number]
        if entry[KIND] == DICTIONARY:
            continue
        count = entry[VALUES]
        if count < 0 or count > rows - (row - start):
            return BAD
        if entry[ENCODING] != _RLE_DICTIONARY and entry[ENCODING] != _PLAIN_DICTIONARY:
            return BAD
        # The levels of a page of the second version stand before the compressed part.
        before = entry[LEVELS]
        if before < 0 or before > entry[PACKED] or before > entry[SIZE]:
            return BAD
        if before > 0 and entry[KIND] != DATA_2:
            return BAD
        body = entry[BODY]
        compressed = is_snappy and entry[STORED] == 0
        content = entry[SIZE] - before
        if content == 0 and entry[KIND] == DATA_2:
            at = body + before
            from_page = False
        else:
            at = page_body(source, body + before, entry[PACKED] - before, content, compressed, page)
            from_page = at == -2
            if from_page:
                at = 0
        if at < 0:
            return BAD
        text = page if from_page else source
        end = at + content
        level_text, level_at, level_end = source, body, body + before
        if entry[KIND] == DATA and optional:
            if end - at < 4:
                return BAD
            length = (
                int64(text[at])
                | int64(text[at + 1]) << 8
                | int64(text[at + 2]) << 16
                | int64(text[at + 3]) << 24
            )
            at += 4
            if length > end - at:
                return BAD
            level_text, level_at, level_end = text, at, at + length
            at += length
        full = not optional or all_present(level_text, level_at, level_end, count)
        present = count
        if not full:
            # Numba would compile another kernel for constants than it does for int64 below.
            one, two, zero = int64(1), int64(2), int64(0)
            if hybrid(level_text, level_at, level_end, one, two, levels, zero, count) < 0:
                return BAD
            present = ones(levels, count)
        if entry[KIND] == DATA_2 and entry[NULLS] != count - present:
            return BAD
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
                target, where = (wide, row - start) if full else (wide_dense, 0)
                done = hybrid_wide(text, at, end, width, size, target, where, present)
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
