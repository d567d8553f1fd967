r"""Rows of CSV: which texts stand in the needed cells.

A quotation mark may only begin a cell, where it encloses separators and line ends until the next
one; two of them inside are one mark. A block with another mark, a row of more or fewer cells, or an
end within quotes, is left to the caller. Rows end in ``\n``, ``\r`` or both; empty lines are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import BAD, SLACK, inner, int64, jit, lowest, marks, ones, uint64
from biaskit._kernels.distinct import Distinct, are_valid, code_of

__all__ = ["Form", "end_of_rows", "examples", "separated"]

_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
_U0, _U1, _U2, _U4, _U8, _U16, _U32, _U63 = (uint64(n) for n in (0, 1, 2, 4, 8, 16, 32, 63))
# Places that are written at a time; most words of 64 bytes have fewer.
_AT_ONCE = 16
# Ends of cells from which on codes are made: their text is still near the processor.
_MANY = 1 << 13

_u8: Any = np.uint8
_u32: Any = np.uint32


class Form(NamedTuple):
    """Form of the rows."""

    #: Byte between cells.
    delimiter: int
    #: Cells of a row.
    cells: int
    #: Bytes that a row has at most.
    longest: int
    #: Places of the needed cells, int64.
    places: Any


@jit
def separated(text: Any, size: int, form: Form, distinct: Distinct, ends: Any, codes: Any) -> int:
    r"""Rows of a block of whole rows, of which the last may lack its line end.

    Parameters
    ----------
    text, size
        Bytes, uint8, and how many of them are the block; `SLACK` spare ones after it are ``\n``.
    form
        Which cells of a row are needed.
    distinct
        Texts of the needed cells so far, to which new ones are added.
    ends
        Any numbers, uint32, `SLACK` more than there are bytes.
    codes
        Where the code of each row is written, uint8: a line for the low bytes of each needed cell,
        and another, after all of these, for its high bytes.

    Returns
    -------
    int
        Rows, or `BAD` where the block or an argument is invalid, or there is no room.
    """
    if not _are_valid(text, size, form, distinct, ends, codes):
        return BAD
    rows = lines = count = int64(0)  # rows that have codes, lines, and ends after those rows
    start = int64(0)
    # What the last byte of the words before was: within quotes (all bits), a closing mark, the end
    # of a cell, the end of a line.
    within = was_closing = _U0
    was_end = was_line = _U1
    for first in range(0, size + 1, 64):
        ends_of_lines = marks(text, first, _NEWLINE) | marks(text, first, _RETURN)
        ends_of_cells = ends_of_lines | marks(text, first, form.delimiter)
        quotes = marks(text, first, _QUOTE)
        if quotes | within | was_closing:
            inside = _inside(quotes) ^ within
            opening, closing = quotes & inside, quotes & ~inside
            if opening & ~(ends_of_cells << _U1 | was_end | closing << _U1 | was_closing):
                return BAD
            if (closing << _U1 | was_closing) & ~(ends_of_cells | opening):
                return BAD
            within = _U0 - (inside >> _U63)
            was_closing = closing >> _U63
            ends_of_lines &= ~inside
            ends_of_cells &= ~inside
        is_last = size - first < 64
        if is_last:  # the first spare byte ends the last row
            kept = (_U1 << uint64(size - first) << _U1) - _U1
            ends_of_lines &= kept
            ends_of_cells &= kept
        was_end = ends_of_cells >> _U63
        empty = ends_of_lines & (ends_of_lines << _U1 | was_line)
        was_line = ends_of_lines >> _U63
        lines += ones(ends_of_lines & ~empty)
        ends_of_cells &= ~empty
        number = ones(ends_of_cells)
        for done in range(0, number, _AT_ONCE):
            for i in range(_AT_ONCE):
                ends[count + done + i] = _u32(first + lowest(ends_of_cells))
                ends_of_cells &= ends_of_cells - _U1
        count += number
        if count >= _MANY or is_last:
            full = count // form.cells
            if not _coded(text, start, ends, form, distinct, codes, rows, full):
                return BAD
            rows += full
            whole = full * form.cells
            if whole:
                start = int64(ends[whole - 1]) + 1
            for i in range(count - whole):
                ends[i] = ends[whole + i]
            count -= whole
    return BAD if within or count or rows != lines else rows


@jit
def end_of_rows(text: Any, size: int) -> int:
    """End of the last row that ends in some bytes, 0 if none does.

    A row begins at the first byte, and every quotation mark encloses.
    """
    if not 0 <= size <= text.size:
        return 0
    quotes = _U0
    for first in range(0, size - 63, 64):
        quotes ^= marks(text, first, _QUOTE)
    within = ones(quotes) & 1
    for at in range(size - size % 64, size):
        within ^= text[at] == _QUOTE
    for at in range(size - 1, -1, -1):
        if text[at] == _QUOTE:
            within ^= 1
        elif within == 0 and text[at] in (_NEWLINE, _RETURN):
            return at + 1
    return 0


@inner
def _coded(
    text: Any,
    start: int,
    ends: Any,
    form: Form,
    distinct: Distinct,
    codes: Any,
    row: int,
    rows: int,
) -> bool:
    """Whether some rows have lines of their own, and there was room for their codes.

    Parameters
    ----------
    start, ends
        Where the first row starts, and where the cells of all rows end.
    row, rows
        Number of rows before these, and of these.
    """
    cells = form.cells
    if rows > codes.shape[1] - row:
        return False
    before = start - 1
    for at in range(cells - 1, rows * cells, cells):
        end = int64(ends[at])
        if text[end] == form.delimiter or end - before > form.longest:
            return False
        before = end
    for column in range(form.places.size):
        place = form.places[column]
        low, high = codes[column], codes[form.places.size + column]
        for i in range(rows):
            at = i * cells + place
            first = int64(ends[at - 1]) + 1 if at else start
            if place == 0:  # after empty lines
                while text[first] == _NEWLINE or text[first] == _RETURN:
                    first += 1
            code = code_of(text, first, int64(ends[at]), distinct, column)
            if code < 0:
                return False
            low[row + i] = _u8(code & 255)
            high[row + i] = _u8(code >> 8)
    return True


@inner
def _inside(quotes: Any) -> Any:
    """Bits from each first quotation mark on to the next one, which is without."""
    quotes ^= quotes << _U1
    quotes ^= quotes << _U2
    quotes ^= quotes << _U4
    quotes ^= quotes << _U8
    quotes ^= quotes << _U16
    return quotes ^ quotes << _U32


@inner
def _are_valid(text: Any, size: int, form: Form, distinct: Distinct, ends: Any, codes: Any) -> bool:
    """Whether the arrays fit one another, and a line ends the text."""
    if not 0 <= size <= text.size - SLACK or text[size] != _NEWLINE or ends.size < size + SLACK:
        return False
    needed = form.places.size
    if not are_valid(distinct) or distinct.words.shape[0] != needed:
        return False
    if codes.shape[0] != 2 * needed or form.cells < 1:
        return False
    for column in range(needed):  # noqa: SIM110 - not for a compiler
        if not 0 <= form.places[column] < form.cells:
            return False
    return True


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    text, numbers = np.zeros(1, np.uint8), np.zeros(1, np.int64)
    places, words = np.zeros((1, 1), np.int64), np.zeros((1, 1), np.uint64)
    table, codes = np.zeros((1, 1), np.int32), np.zeros((1, 1), np.uint8)
    distinct = Distinct(text, numbers, numbers, numbers, table, words, places, places)
    form = Form(0, 1, 1, numbers)
    yield separated, text, 0, form, distinct, np.zeros(1, np.uint32), codes
    yield (end_of_rows, text, 0)
