"""Dictionaries of Parquet column chunks, and their entries' codes from the encoders."""

from __future__ import annotations

import struct
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.sources.encode import Encoder, taken
from biaskit.sources.parquet.layout import PHYSICAL, Leaf, Odd
from biaskit.store.arrays import is_unicode

__all__ = ["Dictionaries", "dictionary_of"]

_LENGTH = struct.Struct("<I")
_MOST_KNOWN = 1_000


class Dictionaries:
    """Encoders' codes of the values of dictionaries, for any number of threads."""

    def __init__(self, encoders: Mapping[str, Encoder]):
        self._encoders = encoders
        self._known: dict[Any, NDArray[np.intp]] = {}
        self._lock = threading.Lock()

    def encode(self, column: str, values: Any, where: str) -> NDArray[np.intp]:
        """Encoder's codes of the values of an Arrow array."""
        return self._encoders[column].encode(values, where)

    def of_folder(self, column: str, values: Any, where: str) -> NDArray[np.intp]:
        """Encoder's codes of the value that a file's folders name."""
        return self._encoders[column].encode(values, where, is_text=True)

    def of_entries(
        self, leaf: Leaf, raw: bytes, entries: int, *, missing: bool, where: str
    ) -> NDArray[np.intp]:
        """Encoder's codes of a dictionary's entries, followed by that of a missing value."""
        key = (leaf.column, leaf.physical, leaf.type, leaf.length, raw, entries, missing)
        with self._lock:
            found = self._known.get(key)
            if found is None:
                values = dictionary_of(leaf, raw, entries)
                found = self._codes(leaf.column, values, missing, where)
                if len(self._known) < _MOST_KNOWN:
                    self._known[key] = found
        return found

    def of_used(
        self, leaf: Leaf, raw: bytes, entries: int, wide: NDArray[np.uint32], rows: int, where: str
    ) -> NDArray[np.intp]:
        """Encoder's codes of a long dictionary's entries, 0 for those that no row has.

        A categorical column, or a slice of one, is written with values that do not occur.
        """
        from biaskit._kernels.joint import used

        values = dictionary_of(leaf, raw, entries)
        seen = np.zeros(entries + 1, np.uint8)
        if used(wide, rows, seen) != rows:
            raise AssertionError("codes outside their dictionary")
        occurring = np.flatnonzero(seen)
        missing = bool(seen[entries])
        place = np.zeros(entries + 1, dtype=np.intp)
        occurring_values = taken(values, occurring[: len(occurring) - missing])
        place[occurring] = self._codes(leaf.column, occurring_values, missing, where)
        return place

    def _codes(self, column: str, values: Any, missing: bool, where: str) -> NDArray[np.intp]:
        import pyarrow as pa

        encoder = self._encoders[column]
        codes = encoder.encode(values, where)
        if missing:
            codes = np.append(codes, encoder.encode(pa.nulls(1), where))
        return codes


def dictionary_of(leaf: Leaf, raw: bytes, entries: int) -> Any:
    """Values of a dictionary page, an Arrow array."""
    import pyarrow as pa
    import pyarrow.types as t

    if leaf.physical == "BOOLEAN":
        return pa.Array.from_buffers(pa.bool_(), 2, [None, pa.py_buffer(b"\x02")])
    if leaf.physical == "BYTE_ARRAY":
        return _texts(leaf, raw, entries)
    if leaf.physical == "FIXED_LEN_BYTE_ARRAY":
        starts = range(0, entries * leaf.length, leaf.length)
        if entries * leaf.length > len(raw):
            raise Odd("a dictionary too short")
        digits = [int.from_bytes(raw[at : at + leaf.length], "big", signed=True) for at in starts]
        return _decimals(digits, leaf.type)
    stored = np.dtype(PHYSICAL[leaf.physical][1])
    if entries * stored.itemsize > len(raw):
        raise Odd("a dictionary too short")
    values = np.frombuffer(raw, stored, entries)
    if t.is_decimal(leaf.type):
        return _decimals(values.tolist(), leaf.type)
    if leaf.physical.startswith("INT"):
        sign = "u" if t.is_unsigned_integer(leaf.type) else "i"
        values = values.astype(f"{sign}{leaf.type.bit_width // 8}")
    return pa.Array.from_buffers(leaf.type, entries, [None, pa.py_buffer(values)])


def _decimals(digits: Sequence[int], type_: Any) -> Any:
    """Decimals of an Arrow type, from their digits as integers."""
    import pyarrow as pa

    if any(abs(number) >= 10**type_.precision for number in digits):
        raise Odd("a decimal number of more digits than its type has")
    size = type_.bit_width // 8
    raw = b"".join(number.to_bytes(size, "little", signed=True) for number in digits)
    return pa.Array.from_buffers(type_, len(digits), [None, pa.py_buffer(raw)])


def _texts(leaf: Leaf, raw: bytes, entries: int) -> Any:
    """Texts of a dictionary page, each preceded by its length in four bytes."""
    import pyarrow as pa

    starts, at = [0] * (entries + 1), 0
    for i in range(entries):
        if at + 4 > len(raw):
            raise Odd("a dictionary too short")
        at += 4 + _LENGTH.unpack_from(raw, at)[0]
        starts[i + 1] = at
    if at > len(raw):
        raise Odd("a dictionary too short")
    ends = np.array(starts, np.int64)
    is_text = np.ones(at, bool)
    is_text[(ends[:-1, np.newaxis] + np.arange(4)).ravel()] = False
    content = np.frombuffer(raw, np.uint8, at)[is_text]
    ends -= 4 * np.arange(entries + 1)
    type_ = pa.large_string() if is_unicode(leaf.type) else pa.large_binary()
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(content)]
    values = pa.Array.from_buffers(type_, entries, buffers)
    try:
        if len(set(values.to_pylist())) < entries:
            raise Odd("a dictionary that repeats itself")
    except UnicodeDecodeError as error:
        raise Odd("a text that is not UTF-8") from error
    return values
