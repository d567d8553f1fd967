"""Records in JSON Lines: where the values of the needed keys are, and which of them are equal.

A line is either plainly fine, by the whole grammar of JSON, or odd, and then the caller must parse
it in another way. Odd are lines that are invalid, too deep, or have a number too long, NaN, an
infinity or a key with an escape. Whether the text is UTF-8 is for the caller to check, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import BAD, SLACK, inlined, inner, int64, jit, peek, uint64

__all__ = [
    "ABSENT",
    "FIRST",
    "FRACTION",
    "LINES",
    "NUMBER",
    "ODD",
    "REPEATED",
    "SIZE",
    "Found",
    "Wanted",
    "examples",
    "line_ends",
    "records",
]

#: Codes of a value that is absent, and of a number that is in `Found.numbers`.
ABSENT, NUMBER = -1, -2
#: Places in `Found.told`: lines, odd ones among them, whether a record has a needed key twice, and
#: where the line of the first record begins.
LINES, ODD, REPEATED, FIRST = 0, 1, 2, 3
#: Columns of `Found.columns`: distinct values, and whether a number in `Found.numbers` has a
#: fraction or an exponent.
SIZE, FRACTION = 0, 1

# Containers inside of a record's value; an integer has a bit for each.
_DEEPEST = 60
# Bytes of a number; Python refuses integers of many digits.
_LONGEST_NUMBER = 300
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

_U1, _U3, _U8, _U29, _U56, _U64 = (uint64(n) for n in (1, 3, 8, 29, 56, 64))
_ALL = uint64((1 << 64) - 1)
_ONES = uint64(0x0101010101010101)
_HIGH = uint64(0x8080808080808080)
_QUOTES = uint64(0x2222222222222222)
_BACKSLASHES = uint64(0x5C5C5C5C5C5C5C5C)
_SPACES = uint64(0x2020202020202020)
_ODD_FACTOR = uint64(0x9E3779B97F4A7C15)


class Wanted(NamedTuple):
    """The needed keys."""

    #: Bytes of the keys, one after the other, and `SLACK` spare ones.
    names: Any
    #: Where the first key begins and where each ends, int64.
    ends: Any
    #: For each key, whether numbers are needed as floats, uint8.
    numeric: Any


class Found(NamedTuple):
    """What is found: a line of each array for each key, except `odd` and `told`."""

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
    #: `LINES`, `ODD`, `REPEATED` and `FIRST`, int64, zero at first.
    told: Any


@jit
def records(text: Any, size: int, wanted: Wanted, found: Found) -> int:
    r"""Rows in a text of whole lines; blank lines have none.

    Parameters
    ----------
    text, size
        Bytes, uint8, and how many of them are the text; `SLACK` spare ones after it are ``\n``.
    wanted, found
        The needed keys, and where to write what is found.

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
            end = _record(text, at, wanted, found, row)
            if end != BAD:
                at = _after_space(text, end)
            if end == BAD or (text[at] != _NEWLINE and text[at] != _RETURN):
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
def line_ends(text: Any) -> int:
    r"""Number of bytes ``\n`` and ``\r``."""
    count = 0
    for at in range(text.size):
        count += text[at] == _NEWLINE
        count += text[at] == _RETURN
    return count


@inner
def _are_valid(text: Any, size: int, wanted: Wanted, found: Found) -> bool:
    """Whether arrays are as long as they must be, and a line ends the text.

    No byte after an end of a line is looked at before it has been seen, so nothing is read beyond
    the first end after the text, but for words, which may begin there.
    """
    if not 0 <= size <= text.size - SLACK or text[size] != _NEWLINE:
        return False
    keys, most = found.codes.shape
    slots = found.table.shape[1]
    if wanted.ends.size != keys + 1 or wanted.numeric.size != keys or wanted.ends[0] < 0:
        return False
    for i in range(keys):
        if not wanted.ends[i] <= wanted.ends[i + 1] <= wanted.names.size - SLACK:
            return False
    if found.numbers.shape[0] != keys or found.numbers.shape[1] != most:
        return False
    if found.starts.shape[0] != keys or found.starts.shape[1] != most:
        return False
    if found.ends.shape[0] != keys or found.ends.shape[1] != most:
        return False
    if found.table.shape[0] != keys or slots < 1 or slots & (slots - 1):
        return False
    if found.columns.shape[0] != keys or found.columns.shape[1] != 2:
        return False
    return bool(found.odd.shape[0] >= most and found.odd.shape[1] == 4 and found.told.size == 4)


@inlined
def _record(text: Any, at: int, wanted: Wanted, found: Found, row: int) -> int:
    """End of the record at `at`, whose needed values are written; `BAD` where it is odd."""
    keys = found.codes.shape[0]
    for column in range(keys):
        found.codes[column, row] = ABSENT
    if text[at] != _BRACE:
        return BAD
    at = _after_space(text, at + 1)
    if text[at] == _BRACE_END:
        return at + 1
    following = 0
    while True:
        if text[at] != _QUOTE:
            return BAD
        end = _plain_end(text, at + 1)
        if text[end] != _QUOTE:  # an escape may spell a needed key
            return BAD
        column = _column(text, at + 1, end, wanted, following)
        at = _after_space(text, end + 1)
        if text[at] != _COLON:
            return BAD
        at = _after_space(text, at + 1)
        end = _value_end(text, at)
        if end == BAD:
            return BAD
        if column != BAD:
            following = column + 1
            if found.codes[column, row] != ABSENT:
                found.told[REPEATED] = 1
            code = _kept(text, at, end, wanted, found, column, row)
            if code == BAD:
                return BAD
        at = _after_space(text, end)
        if text[at] == _BRACE_END:
            return at + 1
        if text[at] != _COMMA:
            return BAD
        at = _after_space(text, at + 1)


@inlined
def _kept(text: Any, at: int, end: int, wanted: Wanted, found: Found, column: int, row: int) -> Any:
    """Code of a value, which is written for a row, or 0; `BAD` where there is no room."""
    if wanted.numeric[column]:
        is_exact, has_fraction, number = _number(text, at, end)
        if is_exact:
            found.codes[column, row] = NUMBER
            found.numbers[column, row] = number
            if has_fraction:
                found.columns[column, FRACTION] = 1
            return 0
    code = _code(text, at, end, found, column)
    if code != BAD:
        found.codes[column, row] = code
    return code


@inlined
def _column(text: Any, start: int, end: int, wanted: Wanted, following: int) -> int:
    """Which needed key a text is, or `BAD`; `following` is looked at first."""
    keys = wanted.numeric.size
    column = following
    for _ in range(keys):
        if column >= keys:
            column = 0
        name = wanted.ends[column]
        if wanted.ends[column + 1] - name == end - start and _are_equal(
            text, start, end, wanted.names, name
        ):
            return column
        column += 1
    return BAD


@inner
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


@inner
def _lowest(count: int) -> Any:
    """Word with its lowest one to eight bytes full."""
    return _ALL >> (_U64 - (uint64(count) << _U3))


@inlined
def _code(text: Any, start: int, end: int, found: Found, column: int) -> Any:
    """Code of the value in some bytes, in the order of arrival; `BAD` where there is no room."""
    mixed = uint64(end - start)
    for at in range(start, end, 8):
        word = peek(text, at)
        if end - at < 8:
            word &= _lowest(end - at)
        mixed = (mixed ^ word) * _ODD_FACTOR
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


@inner
def _after_space(text: Any, at: int) -> int:
    """Place of the first byte from `at` on that is no blank within a line."""
    while text[at] == _SPACE or text[at] == _TAB:
        at += 1
    return at


@inner
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
            below = (hits & (~hits + _U1)) - _U1
            return at + int(((below & _ONES) * _ONES) >> _U56) - 1
        at += 8


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


@inner
def _is_digit(byte: int) -> bool:
    return _ZERO <= byte <= _NINE


@inner
def _number_end(text: Any, at: int) -> int:
    """End of a number, or `BAD`; what follows it is for the caller to check."""
    start = at
    if text[at] == _MINUS:
        at += 1
    if not _is_digit(text[at]):
        return BAD
    if text[at] == _ZERO:
        at += 1
    else:
        while _is_digit(text[at]):
            at += 1
    if text[at] == _POINT:
        at += 1
        if not _is_digit(text[at]):
            return BAD
        while _is_digit(text[at]):
            at += 1
    if text[at] == _E or text[at] == _BIG_E:
        at += 1
        if text[at] == _MINUS or text[at] == _PLUS:
            at += 1
        if not _is_digit(text[at]):
            return BAD
        while _is_digit(text[at]):
            at += 1
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
    numbers = np.zeros(1, np.int64)
    wanted = Wanted(text, numbers, np.zeros(1, np.uint8))
    places, table = np.zeros((1, 1), np.int32), np.zeros((1, 1), np.int64)
    found = Found(places, np.zeros((1, 1)), places, places, places, table, table, numbers)
    yield records, text, 0, wanted, found
    yield (line_ends, text)
