"""Page headers of a Parquet column chunk, in Thrift's compact form, to a table of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from biaskit._kernels import BAD, jit

__all__ = [
    "BODY",
    "DATA",
    "DATA_2",
    "DICTIONARY",
    "ENCODING",
    "FIELDS",
    "KIND",
    "LEVELS",
    "NULLS",
    "PACKED",
    "SIZE",
    "VALUES",
    "page_table",
]

# A row of the table is a page; these are its columns.
KIND = 0  # DATA, DICTIONARY or DATA_2
BODY = 1  # where the page's body starts
PACKED = 2  # bytes of the body as it stands in the file
SIZE = 3  # bytes of the body when it is decompressed
VALUES = 4  # values, missing ones too
ENCODING = 5
LEVELS = 6  # bytes of definition levels before the compressed part (DATA_2 only)
NULLS = 7  # missing values (DATA_2 only)
STORED = 8  # whether the body of a DATA_2 page is stored without compression
FIELDS = 9

DATA = 0
INDEX = 1
DICTIONARY = 2
DATA_2 = 3

# Types of a field in Thrift's compact protocol.
_STOP, _TRUE, _FALSE, _INT_16, _INT_32, _INT_64, _BINARY, _STRUCT = 0, 1, 2, 4, 5, 6, 8, 12
# Fields of the header, by their ids, that are structs: one of them for each kind of page.
_OF_DATA, _OF_DICTIONARY, _OF_DATA_2 = 5, 7, 8
# Fields that each must have, a bit for each id.
_NEEDED_HEADER = 0b1110
_NEEDED_DATA = 0b11110
_NEEDED_DICTIONARY = 0b110
_NEEDED_DATA_2 = 0b1111110
_RLE = 3


@jit
def varint(source: Any, at: int, end: int) -> tuple[int, int]:
    """Number of seven bits a byte, lowest first, and where it ends; `BAD` where it does not fit."""
    value = 0
    shift = 0
    while at < end and shift < 35:
        byte = np.int64(source[at])
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    return BAD, BAD


@jit
def page_table(source: Any, start: int, end: int, rows: int, table: Any) -> int:
    """Pages between two offsets, one in each row of `table`, until they hold `rows` values.

    Parameters
    ----------
    source
        Bytes of the column chunk.
    start, end
        Where its pages start and end.
    rows
        Values that the data pages must hold together.
    table
        Place for the pages, shape ``(pages, FIELDS)``, int64.

    Returns
    -------
    int
        Number of pages; `BAD` where a header is odd or the values do not add up to `rows`; the
        number of rows of `table` plus 1 where the pages are more than it has place for.
    """
    if start < 0 or end > source.size or rows < 0 or table.shape[1] != FIELDS:
        return BAD
    at = start
    pages = 0
    values = 0
    while values < rows:
        if pages == table.shape[0]:
            return pages + 1
        page = table[pages]
        at = _header(source, at, end, page)
        if at < 0 or page[PACKED] < 0 or page[SIZE] < 0 or page[PACKED] > end - at:
            return BAD
        page[BODY] = at
        at += page[PACKED]
        if page[KIND] == DATA or page[KIND] == DATA_2:
            if page[VALUES] < 0 or page[VALUES] > rows - values:
                return BAD
            values += page[VALUES]
        elif page[KIND] != DICTIONARY or pages or page[VALUES] < 0:
            return BAD
        pages += 1
    return pages if values == rows else BAD


@jit
def _header(source: Any, at: int, end: int, page: Any) -> int:
    """End of the page header that starts at `at`; its fields go into `page`."""
    for i in range(FIELDS):
        page[i] = BAD
    page[LEVELS] = 0
    page[NULLS] = 0
    page[STORED] = 0
    # `inside` is the field of the header whose struct we are in (0: the header itself); structs
    # further down are only passed over. `last` are the ids of the fields read last, 16 bits each,
    # and `seen` those of the numbers in the header (low half) and in the struct (high half).
    depth = 0
    inside = 0
    last = 0
    seen = 0
    while at < end:
        byte = np.int64(source[at])
        at += 1
        if byte == _STOP:
            if depth == 0:
                kind = page[KIND]
                if kind == DATA:
                    needed = _NEEDED_DATA << 16 | 1 << (_OF_DATA + 32)
                elif kind == DICTIONARY:
                    needed = _NEEDED_DICTIONARY << 16 | 1 << (_OF_DICTIONARY + 32)
                else:
                    needed = _NEEDED_DATA_2 << 16 | 1 << (_OF_DATA_2 + 32)
                needed |= _NEEDED_HEADER
                return at if seen & needed == needed and seen >> 32 == needed >> 32 else BAD
            depth -= 1
            last >>= 16
            continue
        kind = byte & 15
        field = (last & 0x7FFF) + (byte >> 4)
        # Ids written out in full are legal, but no field that a page has needs one.
        if byte >> 4 == 0 or field > (15 if depth == 0 else 0x7FFF):
            return BAD
        last = (last & ~0xFFFF) | field
        if kind == _STRUCT:
            if depth == 2:
                return BAD
            if depth == 0:
                inside = field
                seen |= 1 << (32 + field)
            depth += 1
            last <<= 16
            continue
        if kind == _BINARY:
            length, at = varint(source, at, end)
            if length < 0 or length > end - at:
                return BAD
            at += length
            continue
        number = np.int64(kind == _TRUE)
        if _INT_16 <= kind <= _INT_64:
            raw, at = varint(source, at, end)
            if raw < 0:
                return BAD
            number = (raw >> 1) ^ -(raw & 1)
        elif kind != _TRUE and kind != _FALSE:
            return BAD
        if depth == 2:
            continue
        # A field of another type than its own is none.
        is_flag = depth == 1 and (
            (inside == _OF_DICTIONARY and field == 3) or (inside == _OF_DATA_2 and field == 7)
        )
        if field > 15 or (kind > _FALSE if is_flag else kind != _INT_32):
            return BAD
        seen |= 1 << (field + 16 * depth)
        if depth == 0:
            if field == 1:
                page[KIND] = number
            elif field == 2:
                page[SIZE] = number
            elif field == 3:
                page[PACKED] = number
        elif field == 1:
            page[VALUES] = number
        elif inside == _OF_DATA_2:
            if field == 2:
                page[NULLS] = number
            elif field == 4:
                page[ENCODING] = number
            elif field == 5:
                page[LEVELS] = number
            elif field == 6 and number != 0:
                return BAD
            elif field == 7:
                page[STORED] = 1 - number
        elif field == 2:
            page[ENCODING] = number
        elif field == 3 and inside == _OF_DATA and number != _RLE:
            return BAD
    return BAD
