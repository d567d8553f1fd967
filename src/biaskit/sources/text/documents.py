"""JSON documents: an array of records, one by one or as lines with a record each."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit.errors import DataError
from biaskit.sources.files.reading import format_of
from biaskit.sources.text.records import Origin
from biaskit.sources.text.texts import LINE, OpenText

__all__ = ["OnLines", "is_document", "records_of"]

# Bytes in which a document must begin, and characters of it that are parsed at a time.
_START = 1 << 16
_CHUNK = 1 << 20
_BLANKS = re.compile(r"[ \t\r\n]*")
# What may be next in a document: its array; a record or the end; a record; a comma or the end;
# nothing. The kernel has the same numbers.
_BEFORE, _FIRST, _RECORD, _SEPARATOR, _AFTER = range(5)
_CUT = -1
_STEPS = {
    (_BEFORE, "["): _FIRST,
    (_FIRST, "]"): _AFTER,
    (_SEPARATOR, ","): _RECORD,
    (_SEPARATOR, "]"): _AFTER,
}
_RIGHT = 'give an array of objects, one per row, such as [{"sex": "F"}, ...], or JSON Lines'


def is_document(file: OpenText) -> bool:
    """Whether a file is one JSON document; otherwise it is JSON Lines.

    Raises
    ------
    DataError
        It is one, but not an array.
    """
    if format_of(file.path, "jsonl", file.dialect) != "json":
        return False
    start = bytes(file.beginning().read(_START)).removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")
    if start.startswith(b"["):
        return True
    if start.startswith(b"{") and _are_lines(file):
        return False
    kind = "one JSON object" if start.startswith(b"{") else "no JSON array"
    raise DataError(f"{str(file.path)!r} is {kind}; {_RIGHT}")


def _are_lines(file: OpenText) -> bool:
    """Whether the first line is a record: others follow it, or its values are no columns."""
    lines = (line for line in file.first_lines() if line.strip())
    try:
        first = json.loads(next(lines))
        has_more = next(lines, None) is not None
    except (ValueError, RecursionError, DataError):
        return False
    if not isinstance(first, dict):
        return False
    return has_more or not all(isinstance(one, dict | list) for one in first.values())


def records_of(stream: Any, origin: Origin) -> Iterator[tuple[int, dict[str, Any], int]]:
    """Records of a document: the number of each, the record, and its length.

    Raises
    ------
    DataError
        The document is not an array of objects.
    """
    source = _texts(stream)
    decode = json.JSONDecoder().raw_decode
    text, at, number = "", 0, 0
    state = _BEFORE
    while True:
        at = _BLANKS.match(text, at).end()  # type: ignore[union-attr]
        if at == len(text):
            text, at = next(source, ""), 0
            if text:
                continue
            break
        if text[at] == "{" and state in (_FIRST, _RECORD):
            number += 1
            while True:
                try:
                    record, end = decode(text, at)
                    break
                except (ValueError, RecursionError) as error:
                    more = next(source, "") if len(text) - at < LINE else ""
                    if not more:
                        raise origin.refused(error, number) from error
                    text, at = text[at:] + more, 0
            yield number, record, end - at
            state, at = _SEPARATOR, end
        else:
            following = _STEPS.get((state, text[at]))
            if following is None:
                raise _misplaced(state, number, origin)
            state, at = following, at + 1
    if state != _AFTER:
        raise _misplaced(_CUT, number, origin)


def _texts(stream: Any) -> Iterator[str]:
    """Texts of some characters each."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    while data := bytes(stream.read(_CHUNK)):
        if text := decoder.decode(data):
            yield text
    decoder.decode(b"", final=True)


def _misplaced(state: int, number: int, origin: Origin) -> DataError:
    """Error for a document in which a byte cannot stand after some records."""
    why = {
        _BEFORE: "it does not begin with '['",
        _FIRST: "record 1 is not an object",
        _RECORD: f"after record {number:,} there is a comma, but no other object",
        _SEPARATOR: f"after record {number:,} there is neither a comma nor the end of the array",
        _AFTER: "there is more after the end of its array",
        _CUT: f"it ends after record {number:,}, before its array does",
    }[state]
    return DataError(f"{origin.file}: not a JSON array of objects: {why}; {_RIGHT}")


class OnLines(io.RawIOBase):
    """Stream of a document's bytes in which each record is on a line of its own, by a kernel.

    It raises `DataError` where the document is not an array of objects.

    Parameters
    ----------
    stream, origin
        Stream of the document's bytes, and where they are from.
    """

    def __init__(self, stream: Any, origin: Origin):
        from biaskit._kernels.text.documents import STATE

        self._stream = stream
        self._origin = origin
        self._state = np.zeros(STATE, np.int64)
        self._is_first = True

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, place: Any) -> int:
        """Number of bytes that were put into a place; 0 after the document."""
        from biaskit._kernels.text.documents import AT, RECORDS, put_on_lines

        size = int(self._stream.readinto(place))
        text = np.frombuffer(place, np.uint8)
        if self._is_first and text[: len(codecs.BOM_UTF8)].tobytes() == codecs.BOM_UTF8:
            text[: len(codecs.BOM_UTF8)] = ord(" ")
        self._is_first = False
        done = put_on_lines(text, size, self._state)
        state, number = self._state[AT].item(), self._state[RECORDS].item()
        if done < size:
            raise _misplaced(state, number, self._origin)
        if not size and state != _AFTER:
            raise _misplaced(_CUT, number, self._origin)
        return size
