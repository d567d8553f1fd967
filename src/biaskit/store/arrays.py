"""Arrow arrays of numbers as NumPy has them: values, indices, and which are missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError

__all__ = ["indices_of", "missing_of", "values_of"]


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
    """Values of an Arrow array of numbers as they lie in memory; any value may stand for null."""
    values = np.frombuffer(array.buffers()[1] or b"", dtype=_dtype(array.type))
    return values[array.offset : array.offset + len(array)]


def missing_of(array: Any) -> NDArray[np.bool_]:
    """Which values are null, from the validity bitmap (one bit a row, 1 for present)."""
    bitmap = np.frombuffer(array.buffers()[0], dtype=np.uint8)
    bits = np.unpackbits(bitmap, count=array.offset + len(array), bitorder="little")
    return np.equal(bits[array.offset :], 0)


def _dtype(type_: Any) -> np.dtype[Any]:
    import pyarrow.types as t

    if t.is_floating(type_):
        return np.dtype(f"f{type_.bit_width // 8}")
    return np.dtype(f"{'i' if t.is_signed_integer(type_) else 'u'}{type_.bit_width // 8}")
