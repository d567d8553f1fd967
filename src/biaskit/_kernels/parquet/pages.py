"""Page headers of a Parquet column chunk to a table of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import BAD, jit
from biaskit._kernels.parquet.thrift import (
    EVENT,
    FALSE,
    INT_32,
    NUMBER,
    STRUCT,
    TRUE,
    TYPE,
    fields,
    path,
)

__all__ = [
    "BODY",
    "CODED",
    "CODED_ROWS",
    "DATA",
    "DATA_2",
    "DICTIONARY",
    "ENCODING",
    "FACTS",
    "FIELDS",
    "KIND",
    "LARGEST",
    "LEVELS",
    "LONGEST",
    "MOST_EVENTS",
    "NULLS",
    "OTHER",
    "OTHER_ROWS",
    "PACKED",
    "SIZE",
    "STORED",
    "SWOLLEN",
    "TOTAL",
    "VALUES",
    "Pages",
    "Scratch",
    "examples",
    "page_table",
]

# A row of the table is a page; these are its columns.
KIND = 0  # DATA, DICTIONARY or DATA_2
BODY = 1  # where the page's body starts
PACKED = 2  # bytes of the body as stored in the file
SIZE = 3  # bytes of the body when it is decompressed
VALUES = 4  # values, missing ones too
ENCODING = 5
LEVELS = 6  # bytes of definition levels before the compressed part (DATA_2 only)
NULLS = 7  # missing values (DATA_2 only)
STORED = 8  # whether the body of a DATA_2 page is stored without compression
FIELDS = 9

DATA = 0
DICTIONARY = 2
DATA_2 = 3

# What holds of all pages together.
CODED = 0  # leading pages that are the dictionary or use it
CODED_ROWS = 1  # rows of those
LONGEST = 2  # most rows of a page
LARGEST = 3  # most bytes of a page's content
TOTAL = 4  # bytes of the content of all pages but the first
SWOLLEN = 5  # most bytes of a content beyond `SNAPPY_MOST` times its compressed ones
OTHER = 6  # encodings of the pages after the coded ones, a bit each
FACTS = 7
# Content that a compressed byte of Snappy can hold.
_SNAPPY_MOST = 24
_PLAIN_DICTIONARY, _RLE_DICTIONARY = 2, 8


class Pages(NamedTuple):
    """Pages of a column chunk."""

    #: Bytes of the chunk, `SLACK` spare ones after them.
    source: Any
    #: Its pages, as `page_table` makes them.
    table: Any
    #: Whether pages are compressed with Snappy, or not at all.
    is_snappy: bool
    #: Whether values may be missing, so that pages have definition levels.
    optional: bool


class Scratch(NamedTuple):
    """Memory that kernels write to while they read pages, each with `SLACK` spare entries."""

    #: Content of a page that is decompressed.
    page: Any
    #: For each row of a page: whether it has a value, codes of one and of four bytes, a number.
    levels: Any
    dense: Any
    wide_dense: Any
    values: Any


#: Returned by `page_table` where the pages' number of values is wrong.
OTHER_ROWS = -2
#: Length that the scratch array of events must have.
MOST_EVENTS = 32

_RLE = 3
# The header fields that are used, their columns in the table, and their kind of page. Without a
# column they are checked, but not kept.
_HEADER = BAD
_FIELDS = (
    (path(1), KIND, _HEADER),
    (path(2), SIZE, _HEADER),
    (path(3), PACKED, _HEADER),
    (path(5, 1), VALUES, DATA),
    (path(5, 2), ENCODING, DATA),
    (path(5, 3), BAD, DATA),
    (path(5, 4), BAD, DATA),
    (path(7, 1), VALUES, DICTIONARY),
    (path(7, 2), ENCODING, DICTIONARY),
    (path(8, 1), VALUES, DATA_2),
    (path(8, 2), NULLS, DATA_2),
    (path(8, 3), BAD, DATA_2),
    (path(8, 4), ENCODING, DATA_2),
    (path(8, 5), LEVELS, DATA_2),
    (path(8, 6), BAD, DATA_2),
    # From here on, fields that are optional or are not numbers.
    (path(8, 7), STORED, DATA_2),
    (path(5), BAD, DATA),
    (path(7), BAD, DICTIONARY),
    (path(8), BAD, DATA_2),
)
_NUMBERS = 15
_LEVEL_ENCODING = 5
_ROWS = 11
_REPETITION_LEVELS = 14
_STORED = 15
_PATHS = np.array([field[0] for field in _FIELDS], np.int64)
_COLUMNS = np.array([field[1] for field in _FIELDS], np.int64)
_KINDS = np.array([field[2] for field in _FIELDS], np.int64)


@jit
def page_table(
    source: Any, start: int, end: int, rows: int, stack: Any, events: Any, table: Any, facts: Any
) -> int:
    """Pages between two offsets, one in each row of `table`, which hold `rows` values together.

    Parameters
    ----------
    source
        Bytes of the column chunk.
    start, end
        Where its pages start and end.
    rows
        Values that the data pages must hold together.
    stack, events
        Scratch: `thrift.STACK` numbers, and `MOST_EVENTS` of `thrift.fields`' events, int64.
    table
        Place for the pages, shape ``(pages, FIELDS)``, int64.
    facts
        Place for `FACTS` numbers that hold of all pages together, int64.

    Returns
    -------
    int
        Number of pages; `BAD` where a header is odd; `OTHER_ROWS` where the values do not add up to
        `rows`; the number of rows of `table` plus 1 where it is too small for the pages.
    """
    if start < 0 or end > source.size or rows < 0 or table.shape[1] != FIELDS:
        return BAD
    if facts.size < FACTS:
        return BAD
    for i in range(FACTS):
        facts[i] = 0
    at = start
    pages = 0
    values = 0
    while at < end:
        if pages == table.shape[0]:
            return pages + 1
        found, at = fields(source, at, end, _PATHS, stack, events)
        if found < 0:
            return BAD
        for i in range(FIELDS):
            table[pages, i] = BAD
        table[pages, LEVELS] = 0
        table[pages, NULLS] = 0
        table[pages, STORED] = 0
        seen = 0
        in_rows = BAD
        for i in range(found):
            event = events[i, EVENT]
            kind = events[i, TYPE]
            number = events[i, NUMBER]
            # A field of the wrong type is invalid.
            if event < _NUMBERS and kind == INT_32:
                if event == _LEVEL_ENCODING and number != _RLE:
                    return BAD
                if event == _REPETITION_LEVELS and number != 0:
                    return BAD
                if event == _ROWS:
                    in_rows = number
            elif event == _STORED and kind in (TRUE, FALSE):
                number = 1 - number
            elif not (event > _STORED and kind == STRUCT):
                continue
            if event != _STORED:
                seen |= 1 << event
            if _COLUMNS[event] >= 0:
                table[pages, _COLUMNS[event]] = number
        kind = table[pages, KIND]
        needed = 0
        for i in range(_PATHS.size):
            if i != _STORED and (_KINDS[i] == _HEADER or _KINDS[i] == kind):
                needed |= 1 << i
        if seen != needed:
            return BAD
        packed = table[pages, PACKED]
        if packed < 0 or table[pages, SIZE] < 0 or packed > end - at:
            return BAD
        table[pages, BODY] = at
        at += packed
        count = table[pages, VALUES]
        if count < 0:
            return BAD
        if kind in (DATA, DATA_2):
            if count > rows - values or (kind == DATA_2 and in_rows != count):
                return OTHER_ROWS
            values += count
        elif kind != DICTIONARY or pages:
            return BAD
        size, encoding = table[pages, SIZE], table[pages, ENCODING]
        facts[LARGEST] = max(facts[LARGEST], size)
        facts[SWOLLEN] = max(facts[SWOLLEN], size - _SNAPPY_MOST * packed)
        if pages:
            facts[TOTAL] += size
        if kind != DICTIONARY:
            facts[LONGEST] = max(facts[LONGEST], count)
        uses = kind == DICTIONARY or encoding in (_PLAIN_DICTIONARY, _RLE_DICTIONARY)
        if uses and facts[CODED] == pages:
            facts[CODED] += 1
            facts[CODED_ROWS] += count if kind != DICTIONARY else 0
        else:
            facts[OTHER] |= 1 << min(max(encoding, 0), 62)
        pages += 1
    return pages if values == rows else OTHER_ROWS


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    source, stack, table = np.zeros(1, np.uint8), np.zeros(1, np.int64), np.zeros((1, 1), np.int64)
    yield page_table, source, 0, 0, 0, stack, table, table, stack
