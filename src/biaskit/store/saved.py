"""Files that biaskit saves: a small table with a JSON header, in Parquet."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, NamedTuple

from biaskit.errors import DataError
from biaskit.store import written
from biaskit.store.addresses import PAGES, is_address, reason_of, said
from biaskit.store.columns import (
    MAX_METADATA,
    Texts,
    checksum,
    columns_of,
    of_arrow,
    texts_of,
)
from biaskit.store.readers import parquet_file

__all__ = [
    "Form",
    "Texts",
    "bytes_of",
    "extra",
    "header",
    "header_in",
    "load",
    "parquet_of",
    "refuse_unwritable",
    "save",
    "texts_of",
    "write",
]

_KEY = b"biaskit"
_MAX_HEADER = 1 << 20
# Checksums of the columns and of each JSON; files of 0.1.0 have none.
_SUMS = b"biaskit.checksums"


class Form(NamedTuple):
    """Description of one kind of saved file."""

    kind: str
    #: Columns by schema; the newest is written, all are read.
    columns: Mapping[int, tuple[str, ...]]
    #: Advice on how to make such a file again.
    again: str

    @property
    def schema(self) -> int:
        """The newest schema."""
        return max(self.columns)


def refuse_unwritable(path: str | os.PathLike[str]) -> None:
    """Check, before any work is done, that a file of biaskit's own can be written at `path`.

    Raises
    ------
    DataError
        No file can be written there, or it is named as a page.
    """
    if os.fspath(path).lower().endswith(PAGES):
        raise DataError(
            f"cannot write {said(path)}: it would be a table, and not a page as its name says; "
            "give it another name, such as one that ends in .counts"
        )
    written.refuse_unwritable(path)


def save(
    path: str | os.PathLike[str],
    form: Form,
    columns: Mapping[str, Any],
    header: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write columns and a JSON header to a file of some form; `load` reads them.

    `extra` has more JSON objects, each under its own key, which `load` ignores.

    Raises
    ------
    DataError
        The file cannot be written, or it is named as a page.
    """
    refuse_unwritable(path)
    from biaskit.store.version import __version__

    stamp = {"schema": form.schema, "version": __version__, "kind": form.kind}
    write(path, columns, {**stamp, **header}, extra)


def load(
    path: str | os.PathLike[str], form: Form, most_rows: int, source: Any = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns and header of a file that `save` made: `Texts`, and numbers, NaN where missing.

    `source` is the file if it is already open; it stays open.

    Raises
    ------
    DataError
        The file is missing, cut short, of another form or a newer schema, or has more than
        `most_rows` rows.
    """
    # It is opened once: another file could replace it between the header and the columns.
    with bytes_of(path) if source is None else nullcontext(source) as opened:
        return _read(opened, path, form, most_rows)


def write(
    path: str | os.PathLike[str],
    columns: Mapping[str, Any],
    header: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write columns of equal length to a Parquet file, and JSON if there is any.

    Columns are sequences, arrays or `Texts`, whose distinct texts are held and written once.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pa.table({name: _arrow(values) for name, values in columns.items()})
    except (UnicodeEncodeError, pa.ArrowException) as error:
        raise DataError(
            f"cannot write {said(path)}: {error}; fix the texts in the data, or write JSON"
        ) from error
    if header is not None:
        told = {_KEY: header, **{key.encode(): value for key, value in (extra or {}).items()}}
        told = {key: json.dumps(value).encode() for key, value in told.items()}
        sums = {
            "columns": {name: checksum(of_arrow(table.column(name))) for name in columns},
            "json": {key.decode(): zlib.crc32(text) for key, text in told.items()},
        }
        told[_SUMS] = json.dumps(sums).encode()
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
    with bytes_of(path) as source:
        return header_in(parquet_of(source, path), path)


def header_in(file: Any, path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The same for a file from `parquet_of`."""
    return _json(file, path, _KEY, _MAX_HEADER)


def extra(path: str | os.PathLike[str], key: str, most: int) -> dict[str, Any] | None:
    """JSON object under its own key in a file that biaskit wrote, of at most `most` bytes."""
    with bytes_of(path) as source:
        return _json(parquet_of(source, path), path, key.encode(), most)


def _read(
    source: IO[bytes], path: str | os.PathLike[str], form: Form, most_rows: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    import pyarrow as pa

    file = parquet_of(source, path)
    found = _json(file, path, _KEY, _MAX_HEADER)
    if found is None:
        raise DataError(
            f"{said(path)} is not a counts file; `biaskit count` or Counts.save makes one"
        )
    schema = found.get("schema")
    if found.get("kind") != form.kind or type(schema) is not int or schema not in form.columns:
        raise DataError(
            f"{said(path)} has {found.get('kind')!r} of schema {schema!r}, made by biaskit "
            f"{found.get('version')!r}; this version reads {form.kind} of schema "
            f"{' and '.join(map(str, form.columns))}: install a newer biaskit, or {form.again}"
        )
    names = form.columns[schema]
    if file.metadata.num_rows > most_rows:
        raise DataError(
            f"{said(path)} says it has {file.metadata.num_rows:,} cells; at most {most_rows:,} "
            "are read"
        )
    missing = [name for name in names if name not in file.schema_arrow.names]
    if missing:
        raise DataError(f"{said(path)} has no column {missing[0]!r}; save the counts again")
    try:
        columns = columns_of(source, file, names)
        sums = _sums_in(file, path)
        if sums is not None and any(
            checksum(columns[name]) != sums["columns"].get(name) for name in names
        ):
            raise ValueError("its cells are not those that were saved")
        return columns, found
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise DataError(
            f"{said(path)} is damaged: {reason_of(error, path)}; save the counts again"
        ) from None


def bytes_of(path: str | os.PathLike[str]) -> Any:
    """Open binary file, local or remote.

    Raises
    ------
    DataError
        The file does not exist, cannot be read, or is a folder, a pipe or a device.
    """
    from pyarrow import ArrowException

    _refuse_special(path)
    try:
        if not is_address(os.fspath(path)):
            return Path(path).open("rb")
        from pyarrow import fs

        place, inner = fs.FileSystem.from_uri(os.fspath(path))
        return place.open_input_file(inner)
    except FileNotFoundError:
        raise DataError(f"there is no file {said(path)}") from None
    except (OSError, ValueError, ArrowException) as error:
        raise DataError(f"{said(path)} cannot be read: {reason_of(error, path)}") from None


def _refuse_special(path: str | os.PathLike[str]) -> None:
    if Path(path).exists() and not Path(path).is_file():
        raise DataError(f"{said(path)} is not a regular file but a folder, a pipe or a device")


def parquet_of(source: Any, path: str | os.PathLike[str]) -> Any:
    """Open file as `pyarrow.parquet.ParquetFile` has it.

    Raises
    ------
    DataError
        It is not a complete Parquet file.
    """
    import pyarrow as pa

    try:
        file = parquet_file(
            source,
            page_checksum_verification=True,
            thrift_string_size_limit=MAX_METADATA,
        )
        # Names are decoded when they are read: those of a damaged footer may not be texts.
        _ = file.schema_arrow.names
        return file
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{said(path)} is not a whole Parquet file: {reason_of(error, path)}; write it again"
        ) from None


def _json(file: Any, path: str | os.PathLike[str], key: bytes, most: int) -> dict[str, Any] | None:
    text = (file.schema_arrow.metadata or {}).get(key)
    if text is None:
        return None
    try:
        found = json.loads(text) if len(text) <= most else None
    except (ValueError, RecursionError):
        found = None
    sums = _sums_in(file, path)
    if not isinstance(found, dict) or (
        sums is not None and sums["json"].get(key.decode()) != zlib.crc32(text)
    ):
        raise DataError(f"{said(path)} has a damaged biaskit header; save the counts again")
    return found


def _sums_in(file: Any, path: str | os.PathLike[str]) -> dict[str, dict[str, int]] | None:
    """Checksums in a file; None in one saved by 0.1.0."""
    text = (file.schema_arrow.metadata or {}).get(_SUMS)
    if text is None:
        return None
    try:
        found = json.loads(text) if len(text) <= _MAX_HEADER else None
    except (ValueError, RecursionError):
        found = None
    if not (
        isinstance(found, dict)
        and all(isinstance(found.get(part), dict) for part in ("columns", "json"))
    ):
        raise DataError(f"{said(path)} has damaged checksums; save the counts again")
    return found
