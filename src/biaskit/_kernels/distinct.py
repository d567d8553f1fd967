"""Distinct texts: a code for each text of some columns, in the order of arrival.

The codes stay the same from one call to the next, so a caller looks at a text once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import BAD, SLACK, inlined, inner, int64, peek, uint64

__all__ = ["Distinct", "are_valid", "code_of", "room_for"]

# Slots that are looked at for a text. Who knows the hash can make many texts share one.
_MOST_PROBES = 64
# A column has 2 to the power of this number of slots at first.
_FEWEST = 10
_ODD_FACTOR = uint64(0x9E3779B97F4A7C15)
_U0, _U29 = uint64(0), uint64(29)
# Words of eight bytes of which the lowest 0 to 8 are full.
_FULL = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)


class Distinct(NamedTuple):
    """Texts of some columns, a line of each array for each column; all numbers are 0 at first."""

    #: Bytes of the texts, one after the other, uint8, and `SLACK` spare ones.
    bytes: Any
    #: How many of them are used, int64, of length 1.
    used: Any
    #: Number of texts of each column, and of its slots that are used, of which there are 2 to the
    #: power of that number and of 10, int64.
    sizes: Any
    doublings: Any
    #: For each slot 1 more than the code of a text, or 0, int32.
    table: Any
    #: For each code the bytes of a text, or their hash if they are more than eight, uint64.
    words: Any
    #: For each code where its text begins and how long it is, int64.
    starts: Any
    lengths: Any


def room_for(columns: int, texts: int, octets: int) -> Distinct:
    """Room for some texts of each of some columns, and for their bytes together."""
    return Distinct(
        bytes=np.empty(octets + SLACK, np.uint8),
        used=np.zeros(1, np.int64),
        sizes=np.zeros(columns, np.int64),
        doublings=np.zeros(columns, np.int64),
        table=np.zeros((columns, 2 * texts), np.int32),
        words=np.empty((columns, texts), np.uint64),
        starts=np.empty((columns, texts), np.int64),
        lengths=np.empty((columns, texts), np.int64),
    )


@inner
def are_valid(distinct: Distinct) -> bool:
    """Whether the arrays fit one another, and no number leads out of them."""
    columns, most = distinct.words.shape
    slots = distinct.table.shape[1]
    if distinct.table.shape[0] != columns or slots & (slots - 1) or slots < 2 * most:
        return False
    if distinct.starts.shape[0] != columns or distinct.starts.shape[1] != most:
        return False
    if distinct.lengths.shape[0] != columns or distinct.lengths.shape[1] != most:
        return False
    if (
        distinct.sizes.size != columns
        or distinct.doublings.size != columns
        or distinct.used.size != 1
    ):
        return False
    if not 0 <= distinct.used[0] <= distinct.bytes.size - SLACK:
        return False
    for column in range(columns):
        if not 0 <= distinct.sizes[column] <= most:
            return False
        if not 0 <= distinct.doublings[column] <= 20 or _slots(distinct, column) > slots:
            return False
    return True


@inlined
def code_of(text: Any, start: int, end: int, distinct: Distinct, column: int) -> Any:
    """Code of the text in some bytes; `BAD` where there is no room for it."""
    length = end - start
    word = peek(text, start) & _FULL[length] if length <= 8 else _mixed(text, start, end)
    last = _slots(distinct, column) - 1
    slot = _slot(word, length, distinct.doublings[column])
    for _ in range(_MOST_PROBES):
        code = int64(distinct.table[column, slot]) - 1
        if code < 0:
            return _added(text, start, end, word, distinct, column)
        if (
            distinct.words[column, code] == word
            and distinct.lengths[column, code] == length
            and (
                length <= 8
                or _are_equal(text, start, end, distinct.bytes, distinct.starts[column, code])
            )
        ):
            return code
        slot = (slot + 1) & last
    return BAD


@inner
def _slots(distinct: Distinct, column: int) -> Any:
    """Number of slots that a column uses."""
    return int64(1) << (distinct.doublings[column] + _FEWEST)


@inner
def _slot(word: Any, length: int, doublings: int) -> Any:
    """First slot that is looked at for a text: the highest bits of a product depend on all."""
    mixed = (word ^ uint64(length)) * _ODD_FACTOR
    return int64(mixed >> uint64(64 - _FEWEST - doublings))


@inner
def _mixed(text: Any, start: int, end: int) -> Any:
    """Hash of more than eight bytes."""
    mixed = uint64(end - start)
    while end - start >= 8:
        mixed = (mixed ^ peek(text, start)) * _ODD_FACTOR
        mixed ^= mixed >> _U29
        start += 8
    mixed = (mixed ^ (peek(text, start) & _FULL[end - start])) * _ODD_FACTOR
    return mixed ^ mixed >> _U29


@inner
def _are_equal(text: Any, start: int, end: int, other: Any, there: int) -> bool:
    """Whether the same bytes stand in two arrays with spare bytes."""
    while end - start >= 8:
        if peek(text, start) != peek(other, there):
            return False
        start += 8
        there += 8
    return bool((peek(text, start) ^ peek(other, there)) & _FULL[end - start] == _U0)


@inner
def _added(text: Any, start: int, end: int, word: Any, distinct: Distinct, column: int) -> Any:
    """Code of a new text; `BAD` where there is no room for it."""
    code = distinct.sizes[column]
    at = distinct.used[0]
    if code >= distinct.words.shape[1] or end - start > distinct.bytes.size - SLACK - at:
        return BAD
    for i in range(end - start):
        distinct.bytes[at + i] = text[start + i]
    distinct.used[0] = at + end - start
    distinct.words[column, code] = word
    distinct.starts[column, code] = at
    distinct.lengths[column, code] = end - start
    distinct.sizes[column] = code + 1
    if 2 * code < _slots(distinct, column):
        return code if _placed(distinct, column, code) else BAD
    distinct.doublings[column] += 1
    for slot in range(_slots(distinct, column)):
        distinct.table[column, slot] = 0
    for one in range(code + 1):
        if not _placed(distinct, column, one):
            return BAD
    return code


@inner
def _placed(distinct: Distinct, column: int, code: int) -> bool:
    """Whether a text has found a slot."""
    word, length = distinct.words[column, code], distinct.lengths[column, code]
    last = _slots(distinct, column) - 1
    slot = _slot(word, length, distinct.doublings[column])
    for _ in range(_MOST_PROBES):
        if distinct.table[column, slot] == 0:
            distinct.table[column, slot] = code + 1
            return True
        slot = (slot + 1) & last
    return False
