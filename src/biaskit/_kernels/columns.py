"""Columns in memory to small codes: texts with offsets, views of texts, numbers, and cuts.

A table of distinct values gives each its code, in the order of arrival. It lasts for many calls, so
that a value is looked at closely only once. Texts of more than 16 bytes (views: 12) are found by a
hash and compared byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import BAD, SLACK, fits, inlined, inner, int64, jit, peek, uint64

__all__ = [
    "CODES",
    "FREE",
    "FULL",
    "Distinct",
    "Target",
    "cut_codes",
    "examples",
    "merged",
    "range_codes",
    "range_of",
    "text_codes",
    "view_codes",
    "word_codes",
]

#: Returned where a table holds as many values as it can.
FULL = -2
#: Third word of a slot that is free.
FREE = uint64((1 << 64) - 1)
#: Place in `Distinct.told` of the number of codes; after it comes that of bytes.
CODES = 0
_BYTES = 1

# Third word of the slot of a missing value.
_MISSING = uint64((1 << 64) - 2)
# Slots that are looked at for a value. Who knows the hash can make many values share one.
_MOST_PROBES = 64
# Most bytes of a text whose first and last eight are all of it, and of a view with its text inside.
_SHORT = 16
_INSIDE = 12
_EIGHT = 8
_MOST_INT = (1 << 63) - 1
_BYTE = 255

_U0, _U1, _U3, _U29, _U32, _U56 = (uint64(n) for n in (0, 1, 3, 29, 32, 56))
_U255 = uint64(255)
_ALL = uint64((1 << 64) - 1)
_LOW_HALF = uint64((1 << 32) - 1)
_ODD_FACTOR = uint64(0x9E3779B97F4A7C15)


class Distinct(NamedTuple):
    """Distinct values and their codes."""

    #: Hash table: three words of a value and its code, shape ``(slots, 4)``, uint64; the number of
    #: slots is a power of two, and at first the third word of each is `FREE`.
    slots: Any
    #: For each code the row in which it first occurred, in the call that gave it, int64.
    firsts: Any
    #: Where in `content` the bytes of each code's text begin, if it is long, int64.
    starts: Any
    #: Bytes of long texts, one after the other, and `SLACK` spare ones.
    content: Any
    #: Numbers of codes and of bytes of `content`, int64, zero at first.
    told: Any


class Target(NamedTuple):
    """Where codes are written."""

    #: Bytes, `SLACK` spare ones at the end.
    out: Any
    #: Where the bytes of the first row's code go, the highest first, int64; one or two.
    starts: Any


@jit
def text_codes(offsets: Any, data: Any, valid: Any, distinct: Distinct, target: Target) -> int:
    """Write the codes of texts that lie one after the other.

    Parameters
    ----------
    offsets
        Where in `data` each text begins, and where the last ends, int64.
    data
        Bytes, none of them spare.
    valid
        For each text whether it is there, uint8; empty where all are.
    distinct, target
        Values known so far, and where to write the codes.

    Returns
    -------
    int
        Number of texts, `BAD` where an argument is invalid, or `FULL`.
    """
    rows: int = int64(offsets.size) - 1
    if rows < 0 or not _are_valid(rows, valid, distinct, target):
        return BAD
    if offsets[0] < 0 or offsets[rows] > data.size:
        return BAD
    longest = int64(0)
    is_falling = False
    for i in range(rows):
        is_falling |= offsets[i + 1] < offsets[i]  # a difference may wrap around
        longest = max(longest, int64(offsets[i + 1]) - int64(offsets[i]))
    if is_falling:
        return BAD
    done = int64(0)
    if longest <= _EIGHT:
        done = _short_codes(offsets, data, valid, distinct, target)
        if done < 0:
            return done
    return _text_codes(offsets, data, valid, distinct, target, done)


@inner
def _short_codes(offsets: Any, data: Any, valid: Any, distinct: Distinct, target: Target) -> int:
    """Write the codes of texts of eight bytes at most, up to the first near the end of the bytes.

    Returns its row, or `FULL`.
    """
    rows: int = int64(offsets.size) - 1
    slots, shift, out = distinct.slots, _shift(distinct), target.out
    low, high = target.starts[target.starts.size - 1], target.starts[0]
    is_wide, has_missing = target.starts.size == 2, valid.size > 0
    last_word = int64(data.size) - _EIGHT
    for i in range(rows):
        at = int64(offsets[i])
        if at > last_word:
            return i
        length = int64(offsets[i + 1]) - at
        third = uint64(length)
        if has_missing and not valid[i]:
            length = 0
            third = _MISSING
        first = peek(data, at) & _lowest(length)
        slot = _slot(first, first, third, shift)
        code = int64(slots[slot, 3])
        if slots[slot, 0] != first or slots[slot, 2] != third:
            code = _code(distinct, (first, first, third), slot, i, (data, at, length), _SHORT)
            if code < 0:
                return code
        out[low + i] = code & _BYTE
        if is_wide:
            out[high + i] = code >> 8
    return rows


@inner
def _text_codes(
    offsets: Any, data: Any, valid: Any, distinct: Distinct, target: Target, start: int
) -> int:
    """Write the codes of texts from a row on; the number of texts, or `FULL`."""
    rows: int = int64(offsets.size) - 1
    slots, shift, out = distinct.slots, _shift(distinct), target.out
    low, high = target.starts[target.starts.size - 1], target.starts[0]
    is_wide, has_missing = target.starts.size == 2, valid.size > 0
    last_word = int64(data.size) - _EIGHT
    for i in range(start, rows):
        at = int64(offsets[i])
        length = int64(offsets[i + 1]) - at
        third = uint64(length)
        if has_missing and not valid[i]:
            at = length = 0
            third = _MISSING
        if at <= last_word and length <= _SHORT:
            lowest = _lowest(length)
            first = peek(data, at) & lowest
            second = peek(data, max(at, at + length - _EIGHT)) & lowest
        elif length <= _EIGHT:  # near the end of the bytes
            first = second = _word(data, at, length)
        else:
            first = peek(data, at)
            second = _hash(data, at, length) if length > _SHORT else peek(data, at + length - 8)
        slot = _slot(first, second, third, shift)
        code = int64(slots[slot, 3])
        if (
            length > _SHORT
            or slots[slot, 0] != first
            or slots[slot, 1] != second
            or slots[slot, 2] != third
        ):
            code = _code(distinct, (first, second, third), slot, i, (data, at, length), _SHORT)
            if code < 0:
                return code
        out[low + i] = code & _BYTE
        if is_wide:
            out[high + i] = code >> 8
    return rows


@jit
def view_codes(
    views: Any, data: Any, which: int, start: int, valid: Any, distinct: Distinct, target: Target
) -> int:
    """Write the codes of texts behind views, from a row on, up to one that needs another buffer.

    Parameters
    ----------
    views
        Two words for each text, uint64: its length and either itself, if it has 12 bytes at most,
        or its first four bytes, the number of a buffer and a place in it.
    data, which
        Bytes of one buffer, none of them spare, and its number.
    start
        First row to write.
    valid, distinct, target
        As for `text_codes`.

    Returns
    -------
    int
        The row that needs another buffer, or the number of texts; `BAD` where an argument is
        invalid, or `FULL`.
    """
    rows: int = int64(views.size) >> 1
    if not 0 <= start <= rows or not _are_valid(rows, valid, distinct, target):
        return BAD
    slots, shift, out = distinct.slots, _shift(distinct), target.out
    low, high = target.starts[target.starts.size - 1], target.starts[0]
    is_wide, has_missing = target.starts.size == 2, valid.size > 0
    for i in range(start, rows):
        first, second, third = views[2 * i], views[2 * i + 1], _U0
        if has_missing and not valid[i]:
            first, second, third = _U0, _U0, _MISSING
        length = int64(first & _LOW_HALF)
        at = int64(0)
        if length > _INSIDE:
            if length >> 31 or second >> uint64(63) or second & uint64(1 << 31):
                return BAD
            if int64(second & _LOW_HALF) != which:
                return i
            at = int64(second >> _U32)
            if not fits(at, length, int64(data.size)):
                return BAD
            second, third = _hash(data, at, length), _U1
        slot = _slot(first, second, third, shift)
        code = int64(slots[slot, 3])
        if (
            length > _INSIDE
            or slots[slot, 0] != first
            or slots[slot, 1] != second
            or slots[slot, 2] != third
        ):
            code = _code(distinct, (first, second, third), slot, i, (data, at, length), _INSIDE)
            if code < 0:
                return code
        out[low + i] = code & _BYTE
        if is_wide:
            out[high + i] = code >> 8
    return rows


@jit
def word_codes(words: Any, valid: Any, distinct: Distinct, target: Target) -> int:
    """Write the codes of words, uint64; the other arguments are as in `text_codes`."""
    rows: int = int64(words.size)
    if not _are_valid(rows, valid, distinct, target):
        return BAD
    slots, shift, out = distinct.slots, _shift(distinct), target.out
    low, high = target.starts[target.starts.size - 1], target.starts[0]
    is_wide, has_missing = target.starts.size == 2, valid.size > 0
    for i in range(rows):
        first, third = words[i], _U0
        if has_missing and not valid[i]:
            first, third = _U0, _MISSING
        slot = _slot(first, first, third, shift)
        code = int64(slots[slot, 3])
        if slots[slot, 0] != first or slots[slot, 2] != third:
            code = _code(distinct, (first, first, third), slot, i, (out, 0, 0), _SHORT)
            if code < 0:
                return code
        out[low + i] = code & _BYTE
        if is_wide:
            out[high + i] = code >> 8
    return rows


@jit
def range_of(values: Any, valid: Any, ends: Any) -> int:
    """Write the least and the most of some integers into `ends`, int64.

    The other arguments are as in `range_codes`. Returns the number of integers, or `BAD` where an
    argument is invalid.
    """
    rows: int = int64(values.size)
    if ends.size != 2 or (valid.size != 0 and valid.size != rows):
        return BAD
    least, most = _MOST_INT, ~_MOST_INT
    if valid.size == 0:
        for i in range(rows):
            least = min(least, values[i])
            most = max(most, values[i])
    else:
        for i in range(rows):
            least = min(least, values[i] if valid[i] else _MOST_INT)
            most = max(most, values[i] if valid[i] else ~_MOST_INT)
    ends[0] = least
    ends[1] = most
    return rows


@jit
def range_codes(values: Any, valid: Any, ends: Any, target: Target) -> int:
    """Write how far each integer is above `least`; a missing one is one above the highest.

    Parameters
    ----------
    values, valid
        Integers, int64, and for each whether it is there, uint8; empty where all are.
    ends
        The least and the most of them, int64; the range has 255 numbers at most.
    target
        Where to write the codes, of one byte.

    Returns
    -------
    int
        Number of integers, or `BAD` where an argument is invalid, or an integer is out of range.
    """
    rows: int = int64(values.size)
    out = target.out
    if target.starts.size != 1 or not fits(target.starts[0], rows, out.size - SLACK):
        return BAD
    if valid.size != 0 and valid.size != rows:
        return BAD
    if ends.size != 2 or ends[0] > ends[1]:
        return BAD
    lowest = uint64(ends[0])
    missing = uint64(ends[1]) - lowest + _U1
    if not _U0 < missing <= _U255:
        return BAD
    start = target.starts[0]
    is_outside = False
    if valid.size == 0:
        for i in range(rows):
            distance = uint64(values[i]) - lowest
            is_outside |= distance >= missing
            out[start + i] = distance
    else:
        for i in range(rows):
            distance = uint64(values[i]) - lowest if valid[i] else missing
            is_outside |= distance > missing or (distance == missing and valid[i] != 0)
            out[start + i] = distance
    return BAD if is_outside else rows


@jit
def cut_codes(values: Any, valid: Any, edges: Any, target: Target) -> int:
    """Write how many edges lie below each number; a missing one, or NaN, has a code of its own.

    Parameters
    ----------
    values, valid
        Numbers, float64, and for each whether it is there, uint8; empty where all are.
    edges
        Ascending, float64, 254 at most.
    target
        Where to write the codes, of one byte.

    Returns
    -------
    int
        Number of values, or `BAD` where an argument is invalid.
    """
    rows: int = int64(values.size)
    out = target.out
    if target.starts.size != 1 or not fits(target.starts[0], rows, out.size - SLACK):
        return BAD
    if (valid.size != 0 and valid.size != rows) or edges.size > 254:
        return BAD
    start = target.starts[0]
    missing = edges.size + 1
    for i in range(rows):
        out[start + i] = missing if values[i] != values[i] else 0
    for k in range(edges.size):
        edge = edges[k]
        for i in range(rows):
            out[start + i] += int64(values[i] > edge)
    if valid.size:
        for i in range(rows):
            out[start + i] = out[start + i] if valid[i] else missing
    return rows


@jit
def merged(rows: int, places: Any, target: Target) -> int:
    """Replace each code by its place.

    Parameters
    ----------
    rows
        Number of codes.
    places
        Place of each code, uint16.
    target
        Where the codes are, of one byte or two.

    Returns
    -------
    int
        `rows`, or `BAD` where a code has no place.
    """
    out, planes = target.out, target.starts.size
    if rows < 0 or not 1 <= planes <= 2:
        return BAD
    for k in range(planes):
        if not fits(target.starts[k], rows, out.size - SLACK):
            return BAD
    low, high = target.starts[planes - 1], target.starts[0]
    for i in range(rows):
        code = int64(out[low + i])
        if planes == 2:
            code |= int64(out[high + i]) << 8
        if code >= places.size:
            return BAD
        place = int64(places[code])
        out[low + i] = place
        if planes == 2:
            out[high + i] = place >> 8
    return rows


@inner
def _are_valid(rows: int, valid: Any, distinct: Distinct, target: Target) -> bool:
    """Whether arrays are as long as they must be, and codes fit the bytes they are written to."""
    planes = target.starts.size
    if not 1 <= planes <= 2 or (valid.size != 0 and valid.size != rows):
        return False
    for k in range(planes):
        if not fits(target.starts[k], rows, target.out.size - SLACK):
            return False
    slots, width = distinct.slots.shape
    if width != 4 or slots < 2 or slots & (slots - 1):
        return False
    codes, told = distinct.firsts.size, distinct.told
    if codes > 256**planes or 2 * codes > slots or distinct.starts.size != codes:
        return False
    return bool(
        told.size == 2
        and 0 <= told[CODES] <= codes
        and 0 <= told[_BYTES] <= int64(distinct.content.size) - SLACK
    )


@inner
def _shift(distinct: Distinct) -> Any:
    """By how much a hash is shifted to be a slot."""
    bits = 0
    while (1 << bits) < distinct.slots.shape[0]:
        bits += 1
    return uint64(64 - bits)


@inlined
def _slot(first: Any, second: Any, third: Any, shift: Any) -> Any:
    """Slot of a value; the second word of a short one is equal to the first, or to nothing."""
    return ((first ^ ((second ^ first) >> _U3) ^ (third << _U56)) * _ODD_FACTOR) >> shift


@inner
def _code(distinct: Distinct, words: Any, slot: Any, row: int, text: Any, short: int) -> int:
    """Code of a value, which is kept if it is new, or `FULL`.

    `text` is where its bytes are, and how many; they are compared if they are more than `short`.
    """
    first, second, third = words
    data, at, length = text
    slots = distinct.slots
    last = uint64(slots.shape[0] - 1)
    for _ in range(_MOST_PROBES):
        if slots[slot, 2] == FREE:
            code: int = int64(distinct.told[CODES])
            if code >= distinct.firsts.size:
                return FULL
            if length > short:
                start = int64(distinct.told[_BYTES])
                if not fits(start, length, int64(distinct.content.size) - SLACK):
                    return FULL
                for k in range(length):
                    distinct.content[start + k] = data[at + k]
                distinct.starts[code] = start
                distinct.told[_BYTES] = start + length
            distinct.firsts[code] = row
            distinct.told[CODES] = code + 1
            slots[slot, 0] = first
            slots[slot, 1] = second
            slots[slot, 2] = third
            slots[slot, 3] = uint64(code)
            return code
        if slots[slot, 2] == third and slots[slot, 0] == first and slots[slot, 1] == second:
            code = int64(slots[slot, 3])
            if length <= short or _are_equal(
                data, at, length, distinct.content, int64(distinct.starts[code])
            ):
                return code
        slot = (slot + _U1) & last
    return FULL


@inner
def _are_equal(data: Any, at: int, length: int, other: Any, there: int) -> bool:
    """Whether the same bytes, eight at least, stand in two arrays."""
    for k in range(0, length - _EIGHT, _EIGHT):
        if peek(data, at + k) != peek(other, there + k):
            return False
    end = length - _EIGHT
    return bool(peek(data, at + end) == peek(other, there + end))


@inner
def _hash(data: Any, at: int, length: int) -> Any:
    """Hash of eight bytes or more."""
    mixed = uint64(length)
    for k in range(0, length - _EIGHT, _EIGHT):
        mixed = (mixed ^ peek(data, at + k)) * _ODD_FACTOR
        mixed ^= mixed >> _U29
    mixed = (mixed ^ peek(data, at + length - _EIGHT)) * _ODD_FACTOR
    return mixed ^ (mixed >> _U29)


@inner
def _word(data: Any, at: int, length: int) -> Any:
    """Word of at most eight bytes."""
    word = _U0
    for k in range(length):
        word |= uint64(data[at + k]) << (uint64(k) << _U3)
    return word


@inlined
def _lowest(length: int) -> Any:
    """Word with as many of its lowest bytes full, at most all of them."""
    return _ALL if length >= _EIGHT else (_U1 << (uint64(length) << _U3)) - _U1


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    octets, words = np.zeros(SLACK, np.uint8), np.zeros((2, 4), np.uint64)
    integers = np.zeros(2, np.int64)
    distinct = Distinct(words, integers[:0], integers[:0], octets, integers)
    target = Target(octets, integers[:1])
    given = [np.zeros(0, dtype) for dtype in (np.uint8, np.int64, np.uint64, np.float64)]
    for one in given:
        one.flags.writeable = False
    none, no_integers, no_words, no_numbers = given
    yield text_codes, no_integers, none, none, distinct, target
    yield view_codes, no_words, none, 0, 0, none, distinct, target
    yield word_codes, no_words, none, distinct, target
    yield range_codes, no_integers, none, integers, target
    yield range_of, no_integers, none, integers
    yield cut_codes, no_numbers, none, no_numbers, target
    yield merged, 0, np.zeros(1, np.uint16), target
