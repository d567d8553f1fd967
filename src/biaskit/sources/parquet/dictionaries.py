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

__all__ = ["Dictionaries", "dictionary_of", "seen_in"]

_LENGTH = struct.Struct("<I")
_MOST_KNOWN = 10_000


class Dictionaries:
    """Encoders' codes of the values of dictionaries, for any number of threads.

    Each row group has a dictionary of its own, mostly of the same values in another order, so what
    is known is kept by value as it is stored.
    """

    def __init__(self, encoders: Mapping[str, Encoder]):
        self._encoders = encoders
        self._known: dict[tuple[Any, ...], dict[bytes | None, int]] = {}
        self._lock = threading.Lock()

    def encode(self, column: str, values: Any, where: str) -> NDArray[np.intp]:
        """Encoder's codes of the values of an Arrow array."""
        return self._encoders[column].encode(values, where)

    def of_folder(self, column: str, values: Any, where: str) -> NDArray[np.intp]:
        """Encoder's codes of the value that a file's folders name."""
        return self._encoders[column].encode(values, where, is_text=True)

    def of_entries(
        self, leaf: Leaf, raw: bytes, entries: int, missing: bool, where: str
    ) -> NDArray[np.intp]:
        """Encoder's codes of a dictionary's entries, followed by that of a missing value."""
        stored: list[bytes | None] = [*entries_of(leaf, raw, entries)]
        if missing:
            stored.append(None)
        with self._lock:
            found = self._found(leaf, stored)
            if found is None:
                found = self._codes(leaf.column, dictionary_of(leaf, raw, entries), missing, where)
                self._keep(leaf, stored, found)
        return found

    def known(self, leaf: Leaf, raw: bytes, entries: int) -> NDArray[np.intp] | None:
        """Encoder's codes of a dictionary's entries, if all of them were asked for before."""
        stored = entries_of(leaf, raw, entries)
        with self._lock:
            return self._found(leaf, [*stored])

    def of_used(
        self, leaf: Leaf, raw: bytes, entries: int, seen: NDArray[np.uint8], where: str
    ) -> NDArray[np.intp]:
        """Encoder's codes of a long dictionary's entries, 0 for those that no row has.

        A categorical column, or a slice of one, is written with values that do not occur. The last
        of the marks that a value is `seen` is that of a missing one, where there may be one.
        """
        values = dictionary_of(leaf, raw, entries)
        occurring = np.flatnonzero(seen)
        missing = bool(seen[entries:].any())
        place = np.zeros(len(seen), dtype=np.intp)
        occurring_values = taken(values, occurring[: len(occurring) - missing])
        codes = self._codes(leaf.column, occurring_values, missing, where)
        place[occurring] = codes
        stored: list[bytes | None] = [*entries_of(leaf, raw, entries), None]
        with self._lock:
            self._keep(leaf, [stored[i] for i in occurring], codes)
        return place

    def _found(self, leaf: Leaf, stored: list[bytes | None]) -> NDArray[np.intp] | None:
        """Codes of stored values; None where one is not known."""
        known = self._known.get((leaf.column, leaf.physical, leaf.type, leaf.length))
        if known is None:
            return None
        try:
            return np.array([known[value] for value in stored], np.intp)
        except KeyError:
            return None

    def _keep(self, leaf: Leaf, stored: list[bytes | None], codes: NDArray[np.intp]) -> None:
        kind = leaf.column, leaf.physical, leaf.type, leaf.length
        known = self._known.setdefault(kind, {})
        if len(known) < _MOST_KNOWN:
            known.update(zip(stored, codes.tolist(), strict=True))

    def _codes(self, column: str, values: Any, missing: bool, where: str) -> NDArray[np.intp]:
        import pyarrow as pa

        encoder = self._encoders[column]
        codes = encoder.encode(values, where)
        if missing:
            codes = np.append(codes, encoder.encode(pa.nulls(1), where))
        return codes


def entries_of(leaf: Leaf, raw: bytes, entries: int) -> list[bytes]:
    """Values of a dictionary page, as they are stored."""
    if leaf.physical == "BOOLEAN":
        return [b"\0", b"\1"]
    if leaf.physical != "BYTE_ARRAY":
        width = leaf.length or np.dtype(PHYSICAL[leaf.physical][1]).itemsize
        if entries * width > len(raw):
            raise Odd("a dictionary too short")
        return [raw[at : at + width] for at in range(0, entries * width, width)]
    found, at = [], 0
    try:
        for _ in range(entries):
            (length,) = _LENGTH.unpack_from(raw, at)
            at += 4 + length
            found.append(raw[at - length : at])
    except struct.error:
        at = len(raw) + 1
    if at > len(raw):
        raise Odd("a dictionary too short")
    if len(set(found)) < entries:
        raise Odd("a dictionary that repeats itself")
    return found


def dictionary_of(leaf: Leaf, raw: bytes, entries: int) -> Any:
    """Values of a dictionary page, an Arrow array."""
    import pyarrow as pa
    import pyarrow.types as t

    if leaf.physical == "BOOLEAN":
        return pa.Array.from_buffers(pa.bool_(), 2, [None, pa.py_buffer(b"\x02")])
    if leaf.physical == "BYTE_ARRAY":
        return _texts(leaf, entries_of(leaf, raw, entries))
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


def _texts(leaf: Leaf, stored: Sequence[bytes]) -> Any:
    """Texts of a dictionary page."""
    import pyarrow as pa

    ends = np.cumsum([0, *map(len, stored)], dtype=np.int64)
    type_ = pa.large_string() if is_unicode(leaf.type) else pa.large_binary()
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(stored))]
    values = pa.Array.from_buffers(type_, len(stored), buffers)
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        raise Odd("a text that is not UTF-8") from error
    return values


def seen_in(codes: NDArray[np.uint32], rows: int, missing: int) -> NDArray[np.uint8]:
    """Whether some row has each code below that of a missing value and, at the end, this one."""
    from biaskit._kernels.joint import used

    seen = np.zeros(missing + 1, np.uint8)
    if used(codes, rows, seen) != rows:
        raise AssertionError("codes outside their dictionary")
    return seen
