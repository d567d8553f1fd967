"""Partitions: columns whose values are in the names of a file's folders, as Hive writes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from biaskit.counts.levels import typed
from biaskit.errors import DataError
from biaskit.sources.batches import Batch
from biaskit.sources.files.places import File

__all__ = ["names_with_folders", "of_folders", "partition_arrays", "partition_of", "with_folders"]

#: Text for a missing value in the name of a partition's folder.
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def partition_of(file: File) -> dict[str, str | None]:
    """Values that the folders of a file name, as in ``day=2026-01-01/part-0.parquet``.

    >>> from pathlib import Path
    >>> partition_of(Path("loans/day=2026-01-01/branch=a%2Fb/x.csv"))
    {'day': '2026-01-01', 'branch': 'a/b'}
    """
    made: dict[str, str | None] = {}
    for part in file.parts[:-1]:
        name, equals, value = part.partition("=")
        if name and equals:
            made[unquote(name)] = None if value == _NO_VALUE else unquote(value)
    return made


def names_with_folders(names: Sequence[str], path: File) -> list[str]:
    """Names of a file's own columns, and of those that only its folders name."""
    return [*names, *(name for name in partition_of(path) if name not in names)]


def of_folders(
    columns: Collection[str], names: Collection[str], path: File
) -> dict[str, str | None]:
    """Values of the columns that only the names of a file's folders have."""
    values = partition_of(path)
    return {name: values[name] for name in columns if name not in names and name in values}


def partition_arrays(
    values: dict[str, str | None], rows: int, numeric: Collection[str], where: str
) -> dict[str, Any]:
    """Arrow array of each value that the folders name, repeated for some rows.

    Raises
    ------
    DataError
        A column that is needed as numbers has another value.
    """
    import pyarrow as pa

    made = {}
    for name, value in values.items():
        (known,) = typed([value])
        if name not in numeric:
            plain: Any = pa.array([value], pa.string())
        elif value is None or (isinstance(known, int | float) and not isinstance(known, bool)):
            plain = pa.array([known], pa.float64())
        else:
            raise DataError(
                f"{where}: the folder says {name}={value!r}, and {name!r} must be numbers to be "
                "cut or summed"
            )
        made[name] = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), plain)
    return made


def with_folders(batch: Batch, partition: dict[str, str | None], numeric: Collection[str]) -> Batch:
    """Batch with the values that the file's folders name."""
    if not partition:
        return batch
    added = partition_arrays(partition, batch.rows, numeric, batch.where)
    texts = batch.texts.union(name for name in partition if name not in numeric)
    return replace(batch, columns={**batch.columns, **added}, texts=texts)
