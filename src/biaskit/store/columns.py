"""Columns of a saved file: repeated texts, numbers, and the checksum of either."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.store.arrays import indices_of, missing_of, values_of
from biaskit.store.footers import ROWS, groups_of, rows_at_once
from biaskit.store.readers import parquet_file

__all__ = ["MAX_METADATA", "Texts", "checksum", "columns_of", "of_arrow", "texts_of"]

#: A file holds its metadata twice, the second time a third longer; pyarrow alone would allow 100
#: MB.
MAX_METADATA = 1 << 28
_MOST_LETTERS = 1 << 26


class Texts(NamedTuple):
    """Repeated texts: each distinct text once, and its index in each row."""

    distinct: list[str]
    codes: NDArray[np.int32]

    def tolist(self) -> list[str]:
        """The text of each row, as an array."""
        return [self.distinct[code] for code in self.codes.tolist()]


def texts_of(texts: Iterable[str]) -> Texts:
    """Texts as `read` returns them."""
    places: dict[str, int] = {}
    codes = [places.setdefault(text, len(places)) for text in texts]
    return Texts([*places], np.array(codes, np.int32))


def checksum(column: Any) -> int:
    """Checksum of a column of `Texts` or numbers, independent of the order of distinct texts."""
    if not isinstance(column, Texts):
        return zlib.crc32(np.ascontiguousarray(column).data)
    used, first = np.unique(column.codes, return_index=True)
    order = used[np.argsort(first)]
    place = np.zeros(len(column.distinct), dtype="<i4")
    place[order] = np.arange(len(order))
    texts = json.dumps([column.distinct[code] for code in order.tolist()])
    return zlib.crc32(texts.encode(), zlib.crc32(place[column.codes].data))


def of_arrow(array: Any) -> Any:
    """A column to write, in the form that `columns_of` returns."""
    import pyarrow.types as t

    array = array.combine_chunks()
    if t.is_dictionary(array.type):
        return Texts(array.dictionary.to_pylist(), indices_of(array).astype(np.int32))
    if t.is_string(array.type):
        return texts_of(array.to_pylist())
    if t.is_null(array.type):
        return np.full(len(array), np.nan)
    made = np.zeros(len(array), _dtype(array.type))
    if array.null_count == 0:
        made[:] = values_of(array)
    else:
        made[:] = np.where(missing_of(array), np.nan, values_of(array))
    return made


def columns_of(source: IO[bytes], opened: Any, names: Sequence[str]) -> dict[str, Any]:
    """Columns of a Parquet file, read in batches that are bounded by bytes."""
    import pyarrow.types as t

    size = opened.metadata.num_rows
    kinds = {name: opened.schema_arrow.field(name).type for name in names}
    texts = [name for name, kind in kinds.items() if t.is_string(_plain(kind))]
    rows = _rows_at_once(source, opened.metadata, names)
    file = parquet_file(
        source,
        read_dictionary=texts,
        page_checksum_verification=True,
        thrift_string_size_limit=MAX_METADATA,
    )
    codes = {name: np.empty(size, np.int32) for name in texts}
    places: dict[str, dict[str, int]] = {name: {} for name in texts}
    numbers: dict[str, NDArray[Any]] = {
        name: np.empty(size, _dtype(kind)) for name, kind in kinds.items() if name not in texts
    }
    at = letters = 0
    for batch in file.iter_batches(batch_size=rows, columns=[*names]):
        end = at + batch.num_rows
        for name in texts:
            column, place = batch.column(name), places[name]
            if column.null_count:
                raise ValueError(f"a {name} is missing")
            found = column.dictionary.to_pylist()
            letters += sum(len(text) for text in found if text not in place)
            if letters > _MOST_LETTERS:
                raise ValueError(f"its texts have more than {_MOST_LETTERS:,} letters")
            known = [place.setdefault(text, len(place)) for text in found]
            codes[name][at:end] = np.array(known, np.int32)[indices_of(column)]
        for name, array in numbers.items():
            column = batch.column(name)
            if column.null_count == 0:
                array[at:end] = values_of(column)
            elif array.dtype.kind != "f":
                raise ValueError(f"a number ({name}) is missing")
            elif column.null_count == len(column):
                array[at:end] = np.nan
            else:
                array[at:end] = np.where(missing_of(column), np.nan, values_of(column))
        at = end
    if at != size:
        raise ValueError("its number of rows is not the stated one")
    return {**numbers, **{name: Texts([*places[name]], codes[name]) for name in texts}}


def _plain(kind: Any) -> Any:
    import pyarrow.types as t

    return kind.value_type if t.is_dictionary(kind) else kind


def _dtype(kind: Any) -> str:
    """NumPy type for numbers of an Arrow type; float if all are missing."""
    import pyarrow.types as t

    if t.is_integer(kind):
        return "int64"
    if t.is_floating(kind) or t.is_null(kind):
        return "float64"
    raise TypeError(f"a column is of type {kind}")


def _rows_at_once(source: IO[bytes], metadata: Any, names: Sequence[str]) -> int:
    """How many rows are decoded at a time, so that a small file takes little memory."""

    def read(start: int, length: int) -> bytes:
        source.seek(start)
        return source.read(length)

    size = source.seek(0, os.SEEK_END)
    length = int.from_bytes(read(size - 8, 4), "little")
    paths = [metadata.schema.column(i).path for i in range(len(metadata.schema))]
    rows = ROWS
    for group in groups_of(read(size - 8 - length, length), [paths.index(name) for name in names]):
        for index in group.chunks:
            rows = min(rows, rows_at_once(read, group, index))
    return rows
