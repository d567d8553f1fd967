"""Universal Binary JSON, the binary form of XGBoost's model files, read without XGBoost.

Every length is checked against the remaining bytes. Nesting is limited, as is the number of values
that are read one by one; the numbers of a tree are arrays, each counted as one value.
"""

from __future__ import annotations

import re
import struct
from typing import Any

import numpy as np

from biaskit.errors import DataError

__all__ = ["from_ubjson"]

# In the notation of both struct and NumPy.
_NUMBERS = {"i": ">b", "U": ">B", "I": ">h", "l": ">i", "L": ">q", "d": ">f", "D": ">d"}
# After any number of no-op markers.
_MARKER = re.compile(rb"N*+(.)", re.DOTALL)
_MOST_NESTED = 100
# A tree has about twenty.
_MOST_VALUES = 1_000_000


def from_ubjson(content: bytes) -> Any:
    """Value encoded as Universal Binary JSON; arrays of numbers are NumPy arrays.

    >>> from_ubjson(b"[TFZ]")
    [True, False, None]

    Raises
    ------
    DataError
        The bytes end too early, or are invalid in the format.
    """
    reader = _Reader(content)
    value = reader.value(reader.marker(), 0)
    if reader.at != len(content):
        raise DataError("the UBJSON has bytes after its end")
    return value


class _Reader:
    def __init__(self, content: bytes):
        self._content = content
        self.at = 0
        self._values = 0

    def _take(self, count: int) -> bytes:
        if not 0 <= count <= len(self._content) - self.at:
            raise DataError("the UBJSON is cut short, or shorter than a length that it states")
        self.at += count
        return self._content[self.at - count : self.at]

    def marker(self) -> str:
        found = _MARKER.match(self._content, self.at)
        if found is None:
            raise DataError("the UBJSON is cut short")
        self.at = found.end()
        return found[1].decode("latin-1")

    def _number(self, marker: str) -> int | float:
        kind = _NUMBERS[marker]
        number: int | float = struct.unpack(kind, self._take(struct.calcsize(kind)))[0]
        return number

    def _length(self) -> int:
        marker = self.marker()
        if marker not in "iUIlL":
            raise DataError(f"the UBJSON has a length of type {marker!r}")
        return int(self._number(marker))

    def _text(self) -> str:
        return self._take(self._length()).decode("utf-8", "replace")

    def value(self, marker: str, depth: int) -> Any:
        if depth > _MOST_NESTED:
            raise DataError(f"the UBJSON is nested more than {_MOST_NESTED} deep")
        self._values += 1
        if self._values > _MOST_VALUES:
            raise DataError(
                f"the UBJSON has more than {_MOST_VALUES:,} values outside its arrays of numbers; "
                "save the model as .json"
            )
        if marker in _NUMBERS:
            return self._number(marker)
        match marker:
            case "Z":
                return None
            case "T" | "F":
                return marker == "T"
            case "C":
                return self._take(1).decode("latin-1")
            case "S" | "H":
                return self._text()
            case "[":
                return self._array(depth)
            case "{":
                return self._object(depth)
        raise DataError(f"the UBJSON has a marker {marker!r}, which is not in the format")

    def _head(self) -> tuple[str | None, int | None, str]:
        """Type and count of a container, if given, and the next marker."""
        kind, count, marker = None, None, self.marker()
        if marker == "$":
            kind, marker = self.marker(), self.marker()
            if marker != "#":
                raise DataError("the UBJSON has a typed container without a count")
        if marker == "#":
            count, marker = self._length(), ""
            takes_no_bytes = kind in ("Z", "T", "F")
            most = _MOST_VALUES if takes_no_bytes else len(self._content) - self.at
            if not 0 <= count <= most:
                raise DataError("the UBJSON is shorter than a count that it states")
        return kind, count, marker

    def _array(self, depth: int) -> Any:
        kind, count, marker = self._head()
        if count is None:
            found = []
            while marker != "]":
                found.append(self.value(marker, depth + 1))
                marker = self.marker()
            return found
        if kind in _NUMBERS:
            type_ = np.dtype(_NUMBERS[kind])
            content = self._take(count * type_.itemsize)
            return np.frombuffer(content, type_).astype(type_.newbyteorder("="))
        return [self.value(kind or self.marker(), depth + 1) for _ in range(count)]

    def _object(self, depth: int) -> dict[str, Any]:
        kind, count, marker = self._head()
        found: dict[str, Any] = {}
        if count is not None:
            for _ in range(count):
                name = self._text()
                found[name] = self.value(kind or self.marker(), depth + 1)
            return found
        while marker != "}":
            self.at -= 1  # a name has no marker of its own: its length comes first
            name = self._text()
            found[name] = self.value(self.marker(), depth + 1)
            marker = self.marker()
        return found
