"""Records in JSON Lines: where the values of the needed keys are, and which of them are equal.

A line is either plainly fine, by the whole grammar of JSON, or odd, and then the caller must parse
it in another way. Odd are lines that are invalid, too deep, or have a number too long, NaN, an
infinity or a key with an escape. Whether the text is UTF-8 is for the caller to check, too.

Records mostly have the same keys in the same places, so the bytes between two values are compared
with those of the record before, and parsed only where they differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import BAD, SLACK, inlined, inner, int64, jit, peek, uint64

__all__ = [
    "ABSENT",
    "FIELDS",
    "FIRST",
    "FRACTION",
    "LINES",
    "NUMBER",
    "ODD",
    "SIZE",
    "Found",
    "Wanted",
    "examples",
    "records",
    "survey",
]

#: Codes of a value that is absent, and of a number that is in `Found.numbers`.
ABSENT, NUMBER = -1, -2
#: Places in `Found.told`: lines, odd ones among them, and where the line of the first record
#: begins.
LINES, ODD, FIRST = 0, 1, 2
#: Columns of `Found.columns`: distinct values, and whether a number in `Found.numbers` has a
#: fraction or an exponent.
SIZE, FRACTION = 0, 1
#: Values of a record before which the bytes are remembered; those of later ones are parsed.
FIELDS = 256

# Containers inside of a record's value; an integer has a bit for each.
_DEEPEST = 60
# Bytes of a number; Python refuses integers of many digits.
_LONGEST_NUMBER = 300
# Instead of the start of a value.
_AMBIGUOUS = -2
# Bytes before a value that are remembered.
_LONGEST_GAP = 48
# Slots that are looked at for a value. Who knows the hash can make many values share one.
_MOST_PROBES = 64
# Integers up to 2^53 and powers of ten up to 10^22 are exact as floats, so that one product or
# quotient of them is rounded once, as the nearest float is (Clinger 1990).
_EXACT = 1 << 53
_POWERS = 10.0 ** np.arange(23)

_NEWLINE, _RETURN, _SPACE, _TAB = 10, 13, 32, 9
_QUOTE, _BACKSLASH, _COMMA, _COLON = 34, 92, 44, 58
_BRACE, _BRACE_END, _BRACKET, _BRACKET_END = 123, 125, 91, 93
# What may stand after a backslash, but for u.
_ESCAPED = (34, 92, 47, 98, 102, 110, 114, 116)
_MINUS, _PLUS, _POINT, _ZERO, _NINE, _E, _BIG_E = 45, 43, 46, 48, 57, 101, 69
_TRUE = uint64(int.from_bytes(b"true", "little"))
_NULL = uint64(int.from_bytes(b"null", "little"))
_FALSE = uint64(int.from_bytes(b"false", "little"))
_FOUR = uint64((1 << 32) - 1)
_FIVE = uint64((1 << 40) - 1)

# Words after which the sums of their bytes are added up.
_WORDS = 255
_NONE, _BYTE = uint64(0), uint64(0xFF)
_U1, _U3, _U7, _U8, _U29, _U56, _U64 = (uint64(n) for n in (1, 3, 7, 8, 29, 56, 64))
_ALL = uint64((1 << 64) - 1)
_ONES = uint64(0x0101010101010101)
_HIGH = uint64(0x8080808080808080)
_LOW = uint64(0x7F7F7F7F7F7F7F7F)
_NEWLINES = uint64(0x0A0A0A0A0A0A0A0A)
_RETURNS = uint64(0x0D0D0D0D0D0D0D0D)
_QUOTES = uint64(0x2222222222222222)
_BACKSLASHES = uint64(0x5C5C5C5C5C5C5C5C)
_ZEROS = uint64(0x3030303030303030)
_ABOVE_NINE = uint64(0x7676767676767676)
_SPACES = uint64(0x2020202020202020)
_ODD_FACTOR = uint64(0x9E3779B97F4A7C15)


class Wanted(NamedTuple):
    """The needed columns: keys, or paths through objects in objects."""

    #: Bytes of the keys, one after the other, and `SLACK` spare ones. First the name of each
    #: column, then the first keys of the paths, then what follows in them.
    names: Any
    #: Where the first key begins and where each ends, int64.
    ends: Any
    #: For each column, whether numbers are needed as floats, uint8.
    numeric: Any
    #: For each column the place of its path's first key, and where its next ones begin and end
    #: among the keys, int64; 0, 0 and 0 for a column without a path.
    paths: Any


class Found(NamedTuple):
    """What is found: a line of each array for each column, except `odd` and `told`."""

    #: For each row the code of its value, `ABSENT` or `NUMBER`, int32.
    codes: Any
    #: For each row its number, where the code says so, float64.
    numbers: Any
    #: Where the value of each code begins and ends, int32.
    starts: Any
    ends: Any
    #: Hash table of the codes, -1 where a slot is free, int32; its length is a power of two.
    table: Any
    #: `SIZE` and `FRACTION`, int64, zero at first.
    columns: Any
    #: For each odd line its row, its number in the text, its start and its end, int64.
    odd: Any
    #: `LINES`, `ODD` and `FIRST`, int64, zero at first.
    told: Any
    #: Scratch: where the value of each key of a record begins and ends, int64.
    spans: Any
    #: Scratch: where the bytes before each value begin, how many they are, and the needed key in
    #: them or -1, int64, zero at first; `FIELDS` lines.
    gaps: Any


@jit
def records(text: Any, size: int, wanted: Wanted, found: Found) -> int:
    r"""Rows in a text of whole lines; blank lines have none.

    Parameters
    ----------
    text, size
        Bytes, uint8, and how many of them are the text; `SLACK` spare ones after it are ``\n``.
    wanted, found
        The needed columns, and where to write what is found.

    Returns
    -------
    int
        Rows, or `BAD` where an argument is invalid or there are more rows than `found` has.
    """
    if not _are_valid(text, size, wanted, found):
        return BAD
    most = found.codes.shape[1]
    row = lines = odd = at = 0
    while at < size:
        start = at
        at = _after_space(text, at)
        if text[at] != _NEWLINE and text[at] != _RETURN:
            if row == most:
                return BAD
            if row == 0:
                found.told[FIRST] = start
            at = _line(text, at, wanted, found, row)
            if at == BAD:
                at = start
                while text[at] != _NEWLINE and text[at] != _RETURN:
                    at += 1
                found.odd[odd, 0] = row
                found.odd[odd, 1] = lines
                found.odd[odd, 2] = start
                found.odd[odd, 3] = at
                odd += 1
            row += 1
        lines += 1
        at += 2 if text[at] == _RETURN and at + 1 < size and text[at + 1] == _NEWLINE else 1
    found.told[LINES] = lines
    found.told[ODD] = odd
    return row


@jit
def survey(text: Any, size: int) -> tuple[int, bool]:
    r"""Upper bound of a text's lines, and whether all of its bytes are ASCII.

    Parameters
    ----------
    text, size
        As for `records`.

    Returns
    -------
    int, bool
        Number of bytes ``\n`` and ``\r`` in the text and a few after it, and whether none of them
        has its high bit; 0 and False where the text is shorter.
    """
    if not 0 <= size <= text.size - SLACK:
        return 0, False
    count, words = 0, (size >> 3) + 1
    every = _NONE
    for first in range(0, words, _WORDS):
        ends = _NONE  # in each byte, those of this block
        for at in range(8 * first, 8 * min(first + _WORDS, words), 8):
            word = peek(text, at)
            every |= word
            newline, back = word ^ _NEWLINES, word ^ _RETURNS
            # The high bit of each byte that is not zero.
            newline |= (newline & _LOW) + _LOW
            back |= (back & _LOW) + _LOW
            ends += ((newline & back & _HIGH) ^ _HIGH) >> _U7
        for _ in range(8):
            count += int64(ends & _BYTE)
            ends >>= _U8
    return int(count), bool(every & _HIGH == _NONE)


@inner
def _are_valid(text: Any, size: int, wanted: Wanted, found: Found) -> bool:
    """Whether arrays are as long as they must be, and a line ends the text.

    No byte after an end of a line is looked at before it has been seen, so nothing is read beyond
    the first end after the text, but for words, which may begin there.
    """
    if not 0 <= size <= text.size - SLACK or text[size] != _NEWLINE:
        return False
    columns, most = found.codes.shape
    top, names = found.spans.shape[0], wanted.ends.size - 1
    if not columns <= top <= names or found.spans.shape[1] != 2 or wanted.ends[0] < 0:
        return False
    for i in range(names):
        if not wanted.ends[i] <= wanted.ends[i + 1] <= wanted.names.size - SLACK:
            return False
    if wanted.numeric.size != columns:
        return False
    if wanted.paths.shape[0] != columns or wanted.paths.shape[1] != 3:
        return False
    for column in range(columns):
        first, start, end = wanted.paths[column]
        if not (0 <= first <= top and 0 <= start <= end <= names and (first < top or start == end)):
            return False
    if found.numbers.shape[0] != columns or found.numbers.shape[1] != most:
        return False
    if found.starts.shape[0] != columns or found.starts.shape[1] != most:
        return False
    if found.ends.shape[0] != columns or found.ends.shape[1] != most:
        return False
    slots = found.table.shape[1]
    if found.table.shape[0] != columns or slots < 1 or slots & (slots - 1):
        return False
    if found.columns.shape[0] != columns or found.columns.shape[1] != 2:
        return False
    if found.gaps.shape[0] != FIELDS or found.gaps.shape[1] != 3:
        return False
    return bool(found.odd.shape[0] >= most and found.odd.shape[1] == 4 and found.told.size == 3)


@inlined
def _line(text: Any, at: int, wanted: Wanted, found: Found, row: int) -> int:
    """End of the line of the record at `at`, whose needed values are written; `BAD` if odd."""
    at = _record(text, at, wanted, found)
    if at == BAD:
        return BAD
    at = _after_space(text, at)
    if text[at] != _NEWLINE and text[at] != _RETURN:
        return BAD
    for column in range(found.codes.shape[0]):
        found.codes[column, row] = ABSENT
        start, end = found.spans[column]
        if start == BAD and wanted.paths[column, 1] < wanted.paths[column, 2]:
            start, end = _along(text, wanted, found, column)
        if start == _AMBIGUOUS or (
            start != BAD and not _is_kept(text, start, end, wanted, found, column, row)
        ):
            return BAD
    return at


@inlined
def _record(text: Any, at: int, wanted: Wanted, found: Found) -> int:
    """End of the record at `at`, `BAD` where it is odd; `spans` are those of its needed values."""
    for key in range(found.spans.shape[0]):
        found.spans[key, 0] = BAD
    field = following = 0
    while True:
        gap = field if field < FIELDS else FIELDS - 1
        length = found.gaps[gap, 1]
        start = at
        if length and _are_equal(text, at, at + length, text, found.gaps[gap, 0]):
            key = found.gaps[gap, 2]
            at = _after_space(text, at + length)
        elif text[at] == _BRACE_END and field:
            return at + 1
        else:
            if text[at] != (_COMMA if field else _BRACE):
                return BAD
            at = _after_space(text, at + 1)
            if text[at] == _BRACE_END and not field:
                return at + 1
            if text[at] != _QUOTE:
                return BAD
            end = _plain_end(text, at + 1)
            if text[end] != _QUOTE:  # an escape may spell a needed key
                return BAD
            key = _key(text, at + 1, end, wanted, found.spans.shape[0], following)
            at = _after_space(text, end + 1)
            if text[at] != _COLON:
                return BAD
            at = _after_space(text, at + 1)
            if at - start <= _LONGEST_GAP and field < FIELDS:
                found.gaps[gap, 0] = start
                found.gaps[gap, 1] = at - start
                found.gaps[gap, 2] = key
        byte = text[at]
        if byte == _QUOTE:
            end = _plain_end(text, at + 1)
            end = end + 1 if text[end] == _QUOTE else _string_end(text, end)
        elif _is_digit(byte):
            end = _number_end(text, at)
        else:
            end = _value_end(text, at)
        if end == BAD:
            return BAD
        if key != BAD:
            following = key + 1
            found.spans[key, 0] = at
            found.spans[key, 1] = end
        at = _after_space(text, end)
        field += 1


@inner
def _along(text: Any, wanted: Wanted, found: Found, column: int) -> tuple[int, int]:
    """Start and end of the value at the end of a column's path, `BAD` where there is none.

    The start is `_AMBIGUOUS` where an escape may spell one of the keys.
    """
    first, name, last = wanted.paths[column]
    at, end = found.spans[first]
    while name < last:
        if at == BAD or text[at] != _BRACE:
            return BAD, BAD
        inside, at = at + 1, BAD
        inside = _after_space(text, inside)
        while text[inside] != _BRACE_END:
            key = inside + 1
            stop = _plain_end(text, key)
            if text[stop] != _QUOTE:
                return _AMBIGUOUS, BAD
            inside = _after_key(text, inside)
            value = _value_end(text, inside)
            length = wanted.ends[name + 1] - wanted.ends[name]
            if stop - key == length and _are_equal(
                text, key, stop, wanted.names, wanted.ends[name]
            ):
                at, end = inside, value
            inside = _after_space(text, value)
            if text[inside] == _COMMA:
                inside = _after_space(text, inside + 1)
        name += 1
    return at, end


@inlined
def _is_kept(
    text: Any, at: int, end: int, wanted: Wanted, found: Found, column: int, row: int
) -> bool:
    """Whether there is room for a value, which is written for a row."""
    if wanted.numeric[column]:
        is_exact, has_fraction, number = _number(text, at, end)
        if is_exact:
            found.codes[column, row] = NUMBER
            found.numbers[column, row] = number
            if has_fraction:
                found.columns[column, FRACTION] = 1
            return True
    code = _code(text, at, end, found, column)
    found.codes[column, row] = code
    return bool(code != BAD)


@inlined
def _key(text: Any, start: int, end: int, wanted: Wanted, keys: int, following: int) -> int:
    """Which of the needed keys a text is, or `BAD`; `following` is looked at first."""
    key = following
    for _ in range(keys):
        if key >= keys:
            key = 0
        name = wanted.ends[key]
        if wanted.ends[key + 1] - name == end - start and _are_equal(
            text, start, end, wanted.names, name
        ):
            return key
        key += 1
    return BAD


@inlined
def _are_equal(text: Any, start: int, end: int, other: Any, there: int) -> bool:
    """Whether the same bytes stand in two arrays with spare bytes."""
    while end - start >= 8:
        if peek(text, start) != peek(other, there):
            return False
        start += 8
        there += 8
    return end == start or bool(
        (peek(text, start) ^ peek(other, there)) & _lowest(end - start) == uint64(0)
    )


@inlined
def _lowest(count: int) -> Any:
    """Word with its lowest one to eight bytes full."""
    return _ALL >> (_U64 - (uint64(count) << _U3))


@inlined
def _code(text: Any, start: int, end: int, found: Found, column: int) -> Any:
    """Code of the value in some bytes, in the order of arrival; `BAD` where there is no room."""
    size = end - start
    if size <= 8:
        mixed = (peek(text, start) & _lowest(size)) * _ODD_FACTOR
    else:
        mixed = peek(text, start) * _ODD_FACTOR
        for at in range(start + 8, end - 8, 8):
            mixed = ((mixed ^ (mixed >> _U29)) ^ peek(text, at)) * _ODD_FACTOR
        mixed = ((mixed ^ (mixed >> _U29)) ^ peek(text, end - 8)) * _ODD_FACTOR
    mixed ^= mixed >> _U29
    last = found.table.shape[1] - 1
    slot = int64(mixed >> _U8) & last
    for _ in range(_MOST_PROBES):
        code = int64(found.table[column, slot])
        if code < 0:
            code = found.columns[column, SIZE]
            if code >= found.starts.shape[1]:
                return BAD
            found.columns[column, SIZE] = code + 1
            found.table[column, slot] = code
            found.starts[column, code] = start
            found.ends[column, code] = end
            return code
        there = int64(found.starts[column, code])
        if int64(found.ends[column, code]) - there == end - start and _are_equal(
            text, start, end, text, there
        ):
            return code
        slot = (slot + 1) & last
    return BAD


@inlined
def _after_space(text: Any, at: int) -> int:
    """Place of the first byte from `at` on that is no blank within a line."""
    while text[at] == _SPACE or text[at] == _TAB:
        at += 1
    return at


@inlined
def _plain_end(text: Any, at: int) -> int:
    """Place of the first quotation mark, backslash or control character from `at` on."""
    while True:
        word = peek(text, at)
        quote = word ^ _QUOTES
        backslash = word ^ _BACKSLASHES
        # The high bit of the lowest byte that is zero, or below 32; bytes after it may be wrong.
        hits = (quote - _ONES) & ~quote
        hits |= (backslash - _ONES) & ~backslash
        hits |= (word - _SPACES) & ~word
        hits &= _HIGH
        if hits:
            return at + _lowest_byte(hits)
        at += 8


@inlined
def _lowest_byte(hits: Any) -> int:
    """Which byte of a word is the lowest that has its high bit; no other bits are given."""
    below = (hits & (~hits + _U1)) - _U1
    return int(((below & _ONES) * _ONES) >> _U56) - 1


@inner
def _string_end(text: Any, at: int) -> int:
    """End of the string whose opening mark is before `at`, or `BAD`."""
    while True:
        at = _plain_end(text, at)
        if text[at] == _QUOTE:
            return at + 1
        if text[at] != _BACKSLASH:
            return BAD
        at += 1
        byte = text[at]
        at += 1
        if byte == 117:  # u
            for _ in range(4):
                if not _is_hexadecimal(text[at]):
                    return BAD
                at += 1
        elif byte not in _ESCAPED:
            return BAD


@inner
def _is_hexadecimal(byte: int) -> bool:
    return _ZERO <= byte <= _NINE or 65 <= byte <= 70 or 97 <= byte <= 102


@inlined
def _is_digit(byte: int) -> bool:
    return _ZERO <= byte <= _NINE


@inlined
def _digits_end(text: Any, at: int) -> int:
    """Place of the first byte from `at` on that is no digit."""
    while True:
        word = peek(text, at) ^ _ZEROS
        # The high bit of the lowest byte that is above 9; bytes after it may be wrong.
        hits = ((word + _ABOVE_NINE) | word) & _HIGH
        if hits:
            return at + _lowest_byte(hits)
        at += 8


@inlined
def _number_end(text: Any, at: int) -> int:
    """End of a number, or `BAD`; what follows it is for the caller to check."""
    start = at
    if text[at] == _MINUS:
        at += 1
    first, at = at, _digits_end(text, at)
    if at == first or (text[first] == _ZERO and at > first + 1):
        return BAD
    if text[at] == _POINT:
        first, at = at + 1, _digits_end(text, at + 1)
        if at == first:
            return BAD
    if text[at] == _E or text[at] == _BIG_E:
        at += 1
        if text[at] == _MINUS or text[at] == _PLUS:
            at += 1
        first, at = at, _digits_end(text, at)
        if at == first:
            return BAD
    return BAD if at - start > _LONGEST_NUMBER else at


@inner
def _number(text: Any, at: int, end: int) -> tuple[bool, bool, float]:
    """Whether a value is a number that is easily exact, whether it is a float, and the number."""
    is_negative = text[at] == _MINUS
    if is_negative:
        at += 1
    if not _is_digit(text[at]):
        return False, False, 0.0
    has_fraction = False
    digits = exponent = 0
    while at < end and text[at] != _E and text[at] != _BIG_E:
        if text[at] == _POINT:
            has_fraction = True
        else:
            digits = 10 * digits + int64(text[at]) - _ZERO
            if digits > _EXACT:
                return False, False, 0.0
            exponent -= has_fraction
        at += 1
    if at < end:
        has_fraction = True
        at += 1
        sign = -1 if text[at] == _MINUS else 1
        if not _is_digit(text[at]):
            at += 1
        power = 0
        while at < end:
            power = 10 * power + int64(text[at]) - _ZERO
            if power > 400:
                return False, False, 0.0
            at += 1
        exponent += sign * power
    if not -23 < exponent < 23:
        return False, False, 0.0
    number = float(digits)
    number = number / _POWERS[-exponent] if exponent < 0 else number * _POWERS[exponent]
    if is_negative and (has_fraction or digits):  # the integer -0 is 0
        number = -number
    return True, has_fraction, number


@inner
def _scalar_end(text: Any, at: int) -> int:
    """End of a string, a number, a boolean or a null, or `BAD`."""
    byte = text[at]
    if byte == _QUOTE:
        return _string_end(text, at + 1)
    if byte == _MINUS or _is_digit(byte):
        return _number_end(text, at)
    word = peek(text, at)
    if word & _FOUR == _NULL or word & _FOUR == _TRUE:
        return at + 4
    return at + 5 if word & _FIVE == _FALSE else BAD


@inner
def _value_end(text: Any, at: int) -> int:
    """End of a value, or `BAD`."""
    depth = kinds = 0  # a bit for each container around the value, 1 for an object
    while True:
        byte = text[at]
        if byte in (_BRACE, _BRACKET):
            if depth == _DEEPEST:
                return BAD
            is_object = byte == _BRACE
            at = _after_space(text, at + 1)
            if text[at] == (_BRACE_END if is_object else _BRACKET_END):
                at += 1
            else:
                depth += 1
                kinds = kinds << 1 | is_object
                if is_object:
                    at = _after_key(text, at)
                    if at == BAD:
                        return BAD
                continue
        else:
            at = _scalar_end(text, at)
            if at == BAD:
                return BAD
        while depth:
            at = _after_space(text, at)
            is_object = kinds & 1 == 1
            if text[at] == _COMMA:
                at = _after_space(text, at + 1)
                if is_object:
                    at = _after_key(text, at)
                    if at == BAD:
                        return BAD
                break
            if text[at] != (_BRACE_END if is_object else _BRACKET_END):
                return BAD
            at += 1
            depth -= 1
            kinds >>= 1
        if depth == 0:
            return at


@inner
def _after_key(text: Any, at: int) -> int:
    """Place of the value after the key at `at`, or `BAD`."""
    if text[at] != _QUOTE:
        return BAD
    at = _string_end(text, at + 1)
    if at == BAD:
        return BAD
    at = _after_space(text, at)
    return _after_space(text, at + 1) if text[at] == _COLON else BAD


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    text = np.frombuffer(b" ", np.uint8)  # as texts are: they cannot be written
    numbers, table = np.zeros(1, np.int64), np.zeros((1, 1), np.int64)
    wanted = Wanted(text, numbers, np.zeros(1, np.uint8), table)
    places = np.zeros((1, 1), np.int32)
    found = Found(
        places, np.zeros((1, 1)), places, places, places, table, table, numbers, table, table
    )
    yield records, text, 0, wanted, found
    yield survey, text, 0
