"""JSON documents, arrays of records: each record on a line of its own, where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit._kernels import BAD, jit

__all__ = ["AT", "RECORDS", "STATE", "examples", "put_on_lines"]

#: Places in the state of a document: what may be next, how many containers are open in a record,
#: whether the next byte is in a text, and after a backslash, and the number of records so far.
AT, DEPTH, IS_TEXT, ESCAPED, RECORDS = 0, 1, 2, 3, 4
#: Numbers of a state.
STATE = 5

# What may be next: the array; a record or the end; a record; a separator or the end; nothing.
_BEFORE, _FIRST, _RECORD, _SEPARATOR, _AFTER = 0, 1, 2, 3, 4

_NEWLINE, _RETURN, _SPACE, _TAB = 10, 13, 32, 9
_QUOTE, _BACKSLASH, _COMMA = 34, 92, 44
_BRACE, _BRACE_END, _BRACKET, _BRACKET_END = 123, 125, 91, 93


@jit
def put_on_lines(text: Any, size: int, state: Any) -> int:
    r"""Make ``\n`` of the separators of an array of records, and blanks of other ends of lines.

    Parameters
    ----------
    text, size
        Some bytes of the document, uint8, and their number; they are overwritten.
    state
        State before them, int64, and afterwards the one after them; zeros at first.

    Returns
    -------
    int
        Number of bytes that were read: up to the first one that cannot stand where it is. `BAD`
        where an argument is invalid.
    """
    if not 0 <= size <= text.size or state.size != STATE:
        return BAD
    following, depth, records = state[AT], state[DEPTH], state[RECORDS]
    is_text, escaped = state[IS_TEXT], state[ESCAPED]
    at = 0
    while at < size:
        byte = text[at]
        if is_text:
            if escaped:
                escaped = 0
            elif byte == _BACKSLASH:
                escaped = 1
            elif byte == _QUOTE:
                is_text = 0
        elif byte in (_NEWLINE, _RETURN):
            text[at] = _SPACE
        elif depth:
            if byte == _QUOTE:
                is_text = 1
            elif byte in (_BRACE, _BRACKET):
                depth += 1
            elif byte in (_BRACE_END, _BRACKET_END):
                depth -= 1
        elif byte == _BRACE and following in (_FIRST, _RECORD):
            following, depth = _SEPARATOR, 1
            records += 1
        elif byte == _COMMA and following == _SEPARATOR:
            following = _RECORD
            text[at] = _NEWLINE
        elif byte == _BRACKET_END and following in (_FIRST, _SEPARATOR):
            following = _AFTER
            text[at] = _NEWLINE
        elif byte == _BRACKET and following == _BEFORE:
            following = _FIRST
            text[at] = _SPACE
        elif byte not in (_SPACE, _TAB):
            break
        at += 1
    state[AT], state[DEPTH], state[RECORDS] = following, depth, records
    state[IS_TEXT], state[ESCAPED] = is_text, escaped
    return at


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    yield put_on_lines, np.zeros(1, np.uint8), 0, np.zeros(STATE, np.int64)
