"""Texts in pages: a column chunk without a dictionary, or whose dictionary grew too long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import BAD, SLACK, inner, int64, jit, peek, uint64
from biaskit._kernels.distinct import Distinct, are_valid, code_of, room_for
from biaskit._kernels.parquet.chunks import IN_PAGE, page_parts
from biaskit._kernels.parquet.hybrid import hybrid_wide, spread_wide
from biaskit._kernels.parquet.pages import (
    DICTIONARY,
    ENCODING,
    FIELDS,
    KIND,
    VALUES,
    Pages,
    Scratch,
)
from biaskit._kernels.parquet.thrift import varint

__all__ = ["DELTA_BYTES", "DELTA_LENGTHS", "LONGEST", "PLAIN", "chunk_texts", "examples"]

#: Encodings of texts in pages, by their numbers in the format.
PLAIN, DELTA_LENGTHS, DELTA_BYTES = 0, 6, 7
_PLAIN_DICTIONARY, _RLE_DICTIONARY = 2, 8
#: Most bytes of a text that is stored as what it shares with the one before, and the rest.
LONGEST = 1 << 16

_LENGTH = uint64(0xFFFFFFFF)
_U1 = uint64(1)


@jit
def chunk_texts(
    pages: Pages,
    entries: Any,
    scratch: Scratch,
    lengths: Any,
    value: Any,
    distinct: Distinct,
    wide: Any,
    rows: int,
) -> int:
    """Codes of the rows of a column chunk; each text has the code that `distinct` has for it.

    Parameters
    ----------
    pages
        Pages of the chunk. Pages with codes use the dictionary.
    entries
        Content of the dictionary, uint8, and `SLACK` spare bytes; nothing but these without one.
    scratch
        Memory for the largest and for the longest page.
    lengths
        Scratch: two numbers for each row of the longest page, int64.
    value
        Scratch: `LONGEST` bytes and `SLACK` spare ones.
    distinct
        No texts of one column at first, and then those found, the dictionary's before the others.
    wide, rows
        Output of the codes, uint32, and how many rows there are. A missing value has the number of
        texts that there is room for.

    Returns
    -------
    int
        `rows`, or `BAD` where anything is invalid, or where there are too many texts.
    """
    if rows < 0 or wide.size < rows or value.size < LONGEST + SLACK or entries.size < SLACK:
        return BAD
    if not are_valid(distinct) or distinct.words.shape[0] != 1 or distinct.sizes[0] != 0:
        return BAD
    table = pages.table
    missing = distinct.words.shape[1]
    size = _entered(entries, entries.size - SLACK, distinct)
    if size < 0:
        return BAD
    row = int64(0)
    for number in range(table.shape[0]):
        if table[number, KIND] == DICTIONARY:
            continue
        count, encoding = table[number, VALUES], table[number, ENCODING]
        where, at, end, present = page_parts(pages, number, rows - row, scratch)
        if where < 0 or present > scratch.wide_dense.size or 2 * present > lengths.size:
            return BAD
        text = scratch.page if where == IN_PAGE else pages.source
        if end > text.size - SLACK:
            return BAD
        full = present == count
        into, place = (wide, row) if full else (scratch.wide_dense, int64(0))
        done = int64(0)
        if present == 0:
            pass
        elif encoding in (_PLAIN_DICTIONARY, _RLE_DICTIONARY):
            if at >= end or size == 0:
                return BAD
            done = hybrid_wide(text, at + 1, end, int64(text[at]), size, into, place, present)
        elif encoding == PLAIN:
            done = _plain(text, at, end, distinct, into, place, present)
        elif encoding == DELTA_LENGTHS:
            done = _after_lengths(text, at, end, lengths, distinct, into, place, present)
        elif encoding == DELTA_BYTES:
            done = _after_shared(text, at, end, lengths, value, distinct, into, place, present)
        else:
            return BAD
        if done < 0:
            return BAD
        if not full:
            dense, levels = scratch.wide_dense, scratch.levels
            if spread_wide(levels, dense, present, missing, wide, row, count) < 0:
                return BAD
        row += count
    return rows if row == rows else BAD


@inner
def _entered(entries: Any, end: int, distinct: Distinct) -> int:
    """Number of a dictionary's entries, once each has its place as its code."""
    at, size = int64(0), int64(0)
    while at < end:
        length = int64(peek(entries, at) & _LENGTH)
        at += 4
        if length > end - at or code_of(entries, at, at + length, distinct, 0) != size:
            return BAD
        at += length
        size += 1
    return int(size)


@inner
def _plain(
    text: Any, at: int, end: int, distinct: Distinct, out: Any, start: int, count: int
) -> int:
    """Codes of texts that each follow their length; `count`, or `BAD`."""
    for i in range(count):
        if end - at < 4:
            return BAD
        length = int64(peek(text, at) & _LENGTH)
        at += 4
        if length > end - at:
            return BAD
        code = code_of(text, at, at + length, distinct, 0)
        if code < 0:
            return BAD
        out[start + i] = code
        at += length
    return count


@inner
def _after_lengths(
    text: Any,
    at: int,
    end: int,
    lengths: Any,
    distinct: Distinct,
    out: Any,
    start: int,
    count: int,
) -> int:
    """Codes of texts that all follow their lengths; `count`, or `BAD`."""
    at = _deltas(text, at, end, lengths, 0, count)
    if at < 0:
        return BAD
    for i in range(count):
        length = lengths[i]
        if length < 0 or length > end - at:
            return BAD
        code = code_of(text, at, at + length, distinct, 0)
        if code < 0:
            return BAD
        out[start + i] = code
        at += length
    return count


@inner
def _after_shared(
    text: Any,
    at: int,
    end: int,
    lengths: Any,
    value: Any,
    distinct: Distinct,
    out: Any,
    start: int,
    count: int,
) -> int:
    """Codes of texts that begin as the one before them, and how far; `count`, or `BAD`."""
    at = _deltas(text, at, end, lengths, 0, count)
    if at >= 0:
        at = _deltas(text, at, end, lengths, count, count)
    if at < 0:
        return BAD
    before = int64(0)
    for i in range(count):
        shared, length = lengths[i], lengths[count + i]
        if not 0 <= shared <= before or not 0 <= length <= min(end - at, LONGEST - shared):
            return BAD
        for k in range(length):
            value[shared + k] = text[at + k]
        before = shared + length
        code = code_of(value, 0, before, distinct, 0)
        if code < 0:
            return BAD
        out[start + i] = code
        at += length
    return count


@inner
def _deltas(text: Any, at: int, end: int, out: Any, start: int, count: int) -> int:
    """End of some numbers of 32 bits that are packed as differences, once they are read; or `BAD`.

    Blocks of them have a least difference, and parts with a number of bits each.
    """
    in_block, at = varint(text, at, end)
    parts, at = varint(text, at, end) if at >= 0 else (BAD, BAD)
    total, at = varint(text, at, end) if at >= 0 else (BAD, BAD)
    first, at = varint(text, at, end) if at >= 0 else (BAD, BAD)
    if at < 0 or total != count or parts < 1 or in_block < 1 or in_block % (32 * parts):
        return BAD
    if count == 0:
        return at
    number = _unfolded(first)
    out[start] = number
    done = int64(1)
    in_part = in_block // parts
    while done < count:
        least, at = varint(text, at, end)
        if at < 0 or parts > end - at:
            return BAD
        least = _unfolded(least)
        widths = at
        at += parts
        for part in range(parts):
            if done == count:
                break
            width = int64(text[widths + part])
            if width > 32 or in_part * width > 8 * (end - at):
                return BAD
            mask = (_U1 << uint64(width)) - _U1
            taken = min(in_part, count - done)
            for i in range(taken):
                bit = i * width
                word = peek(text, at + (bit >> 3)) >> uint64(bit & 7)
                number += least + int64(word & mask)
                out[start + done + i] = number
            done += taken
            at += (in_part * width) >> 3
    return at


@inner
def _unfolded(number: Any) -> Any:
    """Signed number of one whose lowest bit is its sign."""
    return (number >> 1) ^ -(number & 1)


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    octets, table = np.zeros(1, np.uint8), np.zeros((1, FIELDS), np.int64)
    pages = Pages(octets, table, True, True)
    words = np.zeros(1, np.uint32)
    scratch = Scratch(octets, octets, octets, words, np.zeros(1))
    numbers, distinct = np.zeros(1, np.int64), room_for(1, 1, 1)
    yield chunk_texts, pages, octets, scratch, numbers, octets, distinct, words, 0
