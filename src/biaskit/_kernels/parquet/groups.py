"""Row groups whose columns have few values each: from their bytes to their counts in two calls.

Between two calls threads wait for the interpreter, so each call is for several row groups. Whatever
is unusual makes a row group `BAD`: then the kernels for single chunks say what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import BAD, fits, int64, jit, merged
from biaskit._kernels.parquet.chunks import page_body
from biaskit._kernels.parquet.pages import (
    BODY,
    CODED,
    DICTIONARY,
    ENCODING,
    KIND,
    PACKED,
    SIZE,
    SWOLLEN,
    TOTAL,
    VALUES,
    Pages,
    Scratch,
    page_table,
)
from biaskit._kernels.parquet.planes import (
    MOST_BITS,
    MOST_WIDTH,
    SPARE,
    chunk_planes,
    plane_counts,
)

__all__ = [
    "AT",
    "CELLS",
    "CHUNK",
    "END",
    "ENTRIES",
    "FOUND",
    "IS_BOOLEAN",
    "IS_OPTIONAL",
    "IS_SNAPPY",
    "TEXT_AT",
    "TEXT_END",
    "Groups",
    "Tables",
    "examples",
    "group_counts",
    "group_pages",
]

# Columns of `Groups.chunks`.
AT, END, IS_SNAPPY, IS_OPTIONAL, IS_BOOLEAN = 0, 1, 2, 3, 4
CHUNK = 5
# Columns of `Tables.found`.
ENTRIES, TEXT_AT, TEXT_END = 0, 1, 2
FOUND = 3
#: Cells of a table of counts.
CELLS = 1 << MOST_BITS
# Encodings, by their numbers in the format.
_PLAIN, _PLAIN_DICTIONARY = 0, 2


class Groups(NamedTuple):
    """Row groups, and the pages of their chunks."""

    #: Bytes of all chunks.
    source: Any
    #: For each row group and column, where the chunk starts and ends, and of what kind it is.
    chunks: Any
    #: For each row group, its rows; and 0, or `BAD` where it is not supported.
    rows: Any
    state: Any
    #: Pages of all chunks, and for each row group, where in them those of each chunk start; the
    #: last number is where they end.
    table: Any
    starts: Any


class Tables(NamedTuple):
    """What is counted, and the counts."""

    #: Columns of each table, shape ``(tables, columns)``; `BAD` follows the last.
    columns: Any
    #: Counts of each row group's combinations of codes, shape ``(groups, tables, CELLS)``.
    counts: Any
    #: Entries of each chunk's dictionary, shape ``(groups, columns, FOUND)``, and their bytes.
    found: Any
    texts: Any


@jit
def group_pages(groups: Groups, stack: Any, events: Any, facts: Any) -> int:
    """Find the pages of the row groups' chunks, and which row groups are supported.

    Parameters
    ----------
    groups
        Row groups; `state`, `table` and `starts` are written.
    stack, events, facts
        As for `page_table`.

    Returns
    -------
    int
        Number of pages.
    """
    number, columns = groups.chunks.shape[0], groups.chunks.shape[1]
    if groups.rows.size < number or groups.state.size < number or groups.chunks.shape[2] < CHUNK:
        return BAD
    if groups.starts.shape[0] < number or groups.starts.shape[1] != columns + 1:
        return BAD
    used = int64(0)
    for group in range(number):
        groups.state[group] = 0
        groups.starts[group, 0] = used
        for column in range(columns):
            if groups.state[group] == 0:
                pages = _chunk_pages(groups, group, column, used, stack, events, facts)
                if pages < 0:
                    groups.state[group] = BAD
                else:
                    used += pages
            groups.starts[group, column + 1] = used
    return int(used)


@merged
def _chunk_pages(
    groups: Groups, group: int, column: int, used: int, stack: Any, events: Any, facts: Any
) -> int:
    """Number of pages of a chunk, which are put into the table; `BAD` for unsupported ones."""
    chunk, rows = groups.chunks[group, column], groups.rows[group]
    table = groups.table[used:]
    pages = page_table(groups.source, chunk[AT], chunk[END], rows, stack, events, table, facts)
    if pages < 1 or pages > table.shape[0]:
        return BAD
    if facts[TOTAL] > 16 * rows + 64 * pages or (chunk[IS_SNAPPY] and facts[SWOLLEN] > 64):
        return BAD
    first = table[0]
    if chunk[IS_BOOLEAN]:
        return BAD if facts[CODED] or first[KIND] == DICTIONARY else pages
    if first[KIND] != DICTIONARY or facts[CODED] != pages:
        return BAD
    if first[ENCODING] != _PLAIN and first[ENCODING] != _PLAIN_DICTIONARY:
        return BAD
    return pages if first[VALUES] <= min(first[SIZE] + 1, 1 << MOST_WIDTH) else BAD


@jit
def group_counts(
    groups: Groups,
    tables: Tables,
    scratch: Scratch,
    packed: Any,
    planes: Any,
    starts: Any,
    masks: Any,
) -> int:
    """Count the rows of row groups by the codes of their columns, and copy their dictionaries.

    Parameters
    ----------
    groups
        Row groups, as `group_pages` has made them. `state` becomes the rows of each that is
        counted, and `BAD` of others.
    tables
        Tables; all but `columns` are written.
    scratch, packed, planes, masks
        As for `chunk_planes` and `plane_counts`; `planes` for all columns of a row group.
    starts
        Any `MOST_BITS` numbers, int64.

    Returns
    -------
    int
        Number of row groups that are counted.
    """
    number, columns = groups.chunks.shape[0], groups.chunks.shape[1]
    found, counts = tables.found, tables.counts
    if found.shape[0] < number or found.shape[1] != columns or found.shape[2] < FOUND:
        return BAD
    if counts.shape[0] < number or counts.shape[2] != CELLS:
        return BAD
    if counts.shape[1] != tables.columns.shape[0] or starts.size < MOST_BITS:
        return BAD
    text, counted = int64(0), 0
    for group in range(number):
        rows = groups.rows[group]
        for column in range(columns):
            if groups.state[group] == 0:
                text = _chunk_planes(groups, group, column, tables, text, scratch, packed, planes)
                if found[group, column, ENTRIES] < 0:
                    groups.state[group] = BAD
        for i in range(tables.columns.shape[0]):
            if groups.state[group] == 0:
                bits = _bits(tables.columns[i], found[group], rows, starts)
                cells = counts[group, i, : 1 << max(bits, 0)]
                for cell in range(cells.size):
                    cells[cell] = 0
                if bits < 0 or plane_counts(planes, starts[:bits], rows, masks, cells) != rows:
                    groups.state[group] = BAD
        if groups.state[group] == 0:
            groups.state[group] = rows
            counted += 1
    return counted


@merged
def _chunk_planes(
    groups: Groups,
    group: int,
    column: int,
    tables: Tables,
    text: int,
    scratch: Scratch,
    packed: Any,
    planes: Any,
) -> int:
    """Put a chunk into planes and its dictionary into the texts from `text` on; the new end.

    The number of its entries is `BAD` where it is not supported.
    """
    chunk, rows = groups.chunks[group, column], groups.rows[group]
    found = tables.found[group, column]
    found[ENTRIES], found[TEXT_AT], found[TEXT_END] = BAD, text, text
    table = groups.table[groups.starts[group, column] : groups.starts[group, column + 1]]
    is_snappy, is_boolean = chunk[IS_SNAPPY] != 0, chunk[IS_BOOLEAN] != 0
    pages = Pages(groups.source, table, is_snappy, chunk[IS_OPTIONAL] != 0)
    entries = int64(2) if is_boolean else table[0, VALUES]
    width = _width(entries)
    first = column * MOST_WIDTH * (((rows + 63) >> 6) + SPARE)
    done = chunk_planes(pages, width, is_boolean, scratch, packed, planes, first, rows)
    if done != rows:
        return text
    if not is_boolean:
        at, size = table[0, BODY], table[0, SIZE]
        where = page_body(groups.source, at, table[0, PACKED], size, is_snappy, scratch.page)
        if where == BAD or not fits(text, size, tables.texts.size):
            return text
        content, start = (groups.source, where) if where >= 0 else (scratch.page, int64(0))
        for i in range(size):
            tables.texts[text + i] = content[start + i]
        text += size
    found[ENTRIES], found[TEXT_END] = entries, text
    return text


@merged
def _width(entries: int) -> int:
    """Bits of the codes of a dictionary, as `chunk_planes` takes them."""
    width = int64(1)
    while 1 << width < entries:
        width += 1
    return int(width)


@merged
def _bits(columns: Any, found: Any, rows: int, starts: Any) -> int:
    """Number of planes of a table's columns, whose `starts` are put; `BAD` where they are many."""
    bits, stride = int64(0), ((rows + 63) >> 6) + SPARE
    for column in columns:
        if column < 0:
            break
        if column >= found.shape[0]:
            return BAD
        width = _width(found[column, ENTRIES])
        if bits + width > MOST_BITS:
            return BAD
        for bit in range(width):
            starts[bits + bit] = (column * MOST_WIDTH + width - 1 - bit) * stride
        bits += width
    return int(bits)


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    octets, words, numbers = np.zeros(1, np.uint8), np.zeros(1, np.uint64), np.zeros(1, np.int64)
    lines, cube = np.zeros((1, 1), np.int64), np.zeros((1, 1, 1), np.int64)
    groups = Groups(octets, cube, numbers, numbers, lines, lines)
    scratch = Scratch(octets, octets, octets, np.zeros(1, np.uint32), np.zeros(1))
    yield group_pages, groups, numbers, lines, numbers
    tables = Tables(lines, cube, cube, octets)
    yield group_counts, groups, tables, scratch, words, words, numbers, words
