"""Arrow arrays: numbers as NumPy arrays, masks of missing values, and types of texts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError

__all__ = ["bits_of", "indices_of", "is_bytes", "is_unicode", "is_view", "missing_of", "values_of"]


def indices_of(array: Any) -> NDArray[Any]:
    """Indices of a dictionary array, -1 where the value is missing."""
    raw = array.indices
    values = values_of(raw)
    if raw.null_count:
        if values.dtype.kind == "u" or values.dtype.itemsize < 4:
            values = values.astype(np.int64)
        values = np.where(missing_of(raw), -1, values)
    lowest = -1 if raw.null_count else 0
    if len(values) and not lowest <= values.min() <= values.max() < len(array.dictionary):
        raise DataError(
            "a dictionary index lies outside of its dictionary; the data are damaged: write them "
            "again"
        )
    return values


def values_of(array: Any) -> NDArray[Any]:
    """Values of an Arrow array of numbers as in memory; the value of a null is arbitrary."""
    values = np.frombuffer(array.buffers()[1] or b"", dtype=_dtype(array.type))
    return values[array.offset : array.offset + len(array)]


def missing_of(array: Any) -> NDArray[np.bool_]:
    """Which values are null, from the validity bitmap."""
    return np.equal(bits_of(array, 0), 0)


def bits_of(array: Any, buffer: int) -> NDArray[np.uint8]:
    """Bits of an Arrow array's rows in one of its buffers, a byte each: 0 is the validity bitmap.

    Other buffers are those of an array of booleans.
    """
    start = array.offset % 8
    first, end = array.offset // 8, -(-(array.offset + len(array)) // 8)
    octets = np.frombuffer(array.buffers()[buffer] or b"", dtype=np.uint8)[first:end]
    return np.unpackbits(octets, count=start + len(array), bitorder="little")[start:]


def is_unicode(type_: Any) -> bool:
    """Whether an Arrow type holds UTF-8 texts, with short or long offsets."""
    import pyarrow.types as t

    return bool(t.is_string(type_) or t.is_large_string(type_) or _is(type_, "is_string_view"))


def is_bytes(type_: Any) -> bool:
    """Whether an Arrow type holds bytes, with short or long offsets."""
    import pyarrow.types as t

    return bool(t.is_binary(type_) or t.is_large_binary(type_) or _is(type_, "is_binary_view"))


def is_view(type_: Any) -> bool:
    """Whether an Arrow type is a view of texts or bytes."""
    return _is(type_, "is_string_view") or _is(type_, "is_binary_view")


def _is(type_: Any, check: str) -> bool:
    """Result of a type check of pyarrow; False where an older version lacks it."""
    import pyarrow.types as t

    return hasattr(t, check) and bool(getattr(t, check)(type_))


def _dtype(type_: Any) -> np.dtype[Any]:
    import pyarrow.types as t

    if t.is_floating(type_):
        return np.dtype(f"f{type_.bit_width // 8}")
    return np.dtype(f"{'i' if t.is_signed_integer(type_) else 'u'}{type_.bit_width // 8}")
