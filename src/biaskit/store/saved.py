"""Files that biaskit saves: a small table with a JSON header, in Parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.store import written
from biaskit.store.addresses import is_address, said, without_secrets
from biaskit.store.arrays import indices_of, missing_of, values_of
from biaskit.store.footers import ROWS, groups_of, rows_at_once

__all__ = [
    "Texts",
    "extra",
    "header",
    "header_in",
    "parquet_of",
    "read",
    "texts_of",
    "write",
]

_KEY = b"biaskit"
_MAX_HEADER = 1 << 20
# Metadata stand in a file twice, the second time a third longer; by itself pyarrow reads 100 MB.
_MAX_METADATA = 1 << 28
_MOST_LETTERS = 1 << 26


def write(
    path: str | os.PathLike[str],
    columns: Mapping[str, Any],
    header: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write columns of equal length to a Parquet file, and a JSON header if there is one.

    Columns are sequences, arrays or `Texts`, of which each text is held and written once.
    `extra` has more JSON, each under a key of its own, which `read` passes over.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pa.table({name: _arrow(values) for name, values in columns.items()})
    except (UnicodeEncodeError, pa.ArrowException) as error:
        raise DataError(
            f"cannot write {said(path)}: {error}; mend the texts in the data, or write JSON"
        ) from error
    if header is not None:
        told = {_KEY: header, **{key.encode(): value for key, value in (extra or {}).items()}}
        told = {key: json.dumps(value).encode() for key, value in told.items()}
        table = table.replace_schema_metadata(told)
    with written.atomically(path) as file:
        pq.write_table(table, file, write_page_checksum=True)


def _arrow(values: Any) -> Any:
    import pyarrow as pa

    if isinstance(values, Texts):
        return pa.DictionaryArray.from_arrays(values.codes, pa.array(values.distinct, pa.string()))
    return pa.array(values)


def header(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """JSON header of a Parquet file that biaskit wrote; None for any other Parquet file."""
    with _bytes_of(path) as source:
        return header_in(parquet_of(source, path), path)


def header_in(file: Any, path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The same of a file that `parquet_of` gave."""
    return _json(file, path, _KEY, _MAX_HEADER)


def extra(path: str | os.PathLike[str], key: str, most: int) -> dict[str, Any] | None:
    """JSON object under a key of its own in a file that biaskit wrote, of at most so many bytes."""
    with _bytes_of(path) as source:
        return _json(parquet_of(source, path), path, key.encode(), most)


def read(
    path: str | os.PathLike[str], names: tuple[str, ...], most_rows: int, source: Any = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns and header of a file that `write` made: `Texts`, and numbers, NaN where missing.

    `source` is the file where it is open already; it stays so.

    Raises
    ------
    DataError
        The file is missing, cut short, not one of biaskit's, or has more than `most_rows` rows.
    """
    # It is opened once: another may take its place between the header and the columns.
    with _bytes_of(path) if source is None else nullcontext(source) as opened:
        return _read(opened, path, names, most_rows)


def _read(
    source: IO[bytes], path: str | os.PathLike[str], names: tuple[str, ...], most_rows: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    import pyarrow as pa

    file = parquet_of(source, path)
    found = _json(file, path, _KEY, _MAX_HEADER)
    if found is None:
        raise DataError(
            f"{said(path)} is not a counts file; `biaskit count` or Counts.save makes one"
        )
    if file.metadata.num_rows > most_rows:
        raise DataError(
            f"{said(path)} says it has {file.metadata.num_rows:,} cells; at most {most_rows:,} "
            "are read"
        )
    missing = [name for name in names if name not in file.schema_arrow.names]
    if missing:
        raise DataError(f"{said(path)} has no column {missing[0]!r}; save the counts again")
    try:
        return _columns(source, file, names), found
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise DataError(
            f"{said(path)} is damaged: {_reason(error, path)}; save the counts again"
        ) from None


def _bytes_of(path: str | os.PathLike[str]) -> Any:
    """Open file of bytes, here or behind an address."""
    from pyarrow import ArrowException, fs

    _refuse_special(path)
    try:
        if not is_address(os.fspath(path)):
            return Path(path).open("rb")
        place, inner = fs.FileSystem.from_uri(os.fspath(path))
        return place.open_input_file(inner)
    except FileNotFoundError:
        raise DataError(f"there is no file {said(path)}") from None
    except (OSError, ValueError, ArrowException) as error:
        raise DataError(f"{said(path)} cannot be read: {_reason(error, path)}") from None


def _refuse_special(path: str | os.PathLike[str]) -> None:
    if Path(path).exists() and not Path(path).is_file():
        raise DataError(f"{said(path)} is no file: a folder, a pipe or a device")


class Texts(NamedTuple):
    """Texts that repeat themselves: each once, and which of them stands in each row."""

    distinct: list[str]
    codes: NDArray[np.int32]

    def tolist(self) -> list[str]:
        """The text of each row, as an array has it."""
        return [self.distinct[code] for code in self.codes.tolist()]


def texts_of(texts: Iterable[str]) -> Texts:
    """Texts as `read` gives them."""
    places: dict[str, int] = {}
    codes = [places.setdefault(text, len(places)) for text in texts]
    return Texts([*places], np.array(codes, np.int32))


def _columns(source: IO[bytes], opened: Any, names: Sequence[str]) -> dict[str, Any]:
    """Columns of a Parquet file, read in batches that are bounded by bytes."""
    import pyarrow.parquet as pq
    import pyarrow.types as t

    size = opened.metadata.num_rows
    kinds = {name: opened.schema_arrow.field(name).type for name in names}
    texts = [name for name, kind in kinds.items() if t.is_string(_plain(kind))]
    rows = _rows_at_once(source, opened.metadata, names)
    file = pq.ParquetFile(
        source,
        read_dictionary=texts,
        page_checksum_verification=True,
        thrift_string_size_limit=_MAX_METADATA,
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
        raise ValueError("it has other rows than it says")
    return {**numbers, **{name: Texts([*places[name]], codes[name]) for name in texts}}


def _plain(kind: Any) -> Any:
    import pyarrow.types as t

    return kind.value_type if t.is_dictionary(kind) else kind


def _dtype(kind: Any) -> str:
    """NumPy's type for numbers of an Arrow type; all missing, they are floats."""
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


def parquet_of(source: Any, path: str | os.PathLike[str]) -> Any:
    """Open file as `pyarrow.parquet.ParquetFile` has it.

    Raises
    ------
    DataError
        It is no whole Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(
            source,
            page_checksum_verification=True,
            thrift_string_size_limit=_MAX_METADATA,
        )
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{said(path)} is not a whole Parquet file: {_reason(error, path)}; write it again"
        ) from None


def _reason(error: Exception, path: str | os.PathLike[str]) -> str:
    """What pyarrow says of a file; its own error may hold the address, and is not passed on."""
    return without_secrets(" ".join(str(error).split()), [os.fspath(path)])


def _json(file: Any, path: str | os.PathLike[str], key: bytes, most: int) -> dict[str, Any] | None:
    text = (file.schema_arrow.metadata or {}).get(key)
    if text is None:
        return None
    try:
        found = json.loads(text) if len(text) <= most else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"{said(path)} has a damaged biaskit header; save the counts again")
    return found
