"""Parquet files as a source, which may also count their rows where they are encoded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from biaskit.errors import DataError
from biaskit.roles import Roles
from biaskit.sources.batches import Batch, of_record_batch, refuse_missing_columns
from biaskit.sources.choice import against_kernels, kernels_pay
from biaskit.sources.encode import Encoder
from biaskit.sources.encoded import Cells, counted, planned
from biaskit.sources.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.places import File, RemoteFile, opened
from biaskit.sources.reading import Sizes, readable

__all__ = ["ColumnPath", "ParquetFiles", "open_parquet"]

_ROWS = 1 << 17
# Of a remote file, row groups are read ahead until their needed columns have so many bytes.
_AHEAD = 1 << 25


class ColumnPath(NamedTuple):
    """How a column of a file is read, and why so."""

    file: str
    column: str
    role: str
    #: Row groups of which this holds; 0 in a format that has none.
    row_groups: int
    #: ``encoded``, or what decodes it: ``Arrow`` or ``json``.
    path: str
    why: str


class ParquetFiles:
    """Parquet files as a source, which may also count their rows where they are read."""

    from_text = False

    def __init__(self, files: list[File]):
        self._files = files

    def names(self) -> list[str]:
        """Names of the columns of the first file, and of its folders' values."""
        path = self._files[0]
        with readable(path), _parquet(path) as file:
            return names_with_folders(file.schema_arrow.names, path)

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        """Batches of the columns named."""
        sizes = Sizes(self._files)
        for path in self._files:
            with readable(path):
                file = open_parquet(path, columns)
            yield from _parquet_batches(file, path, columns, numeric, sizes)

    def parts(
        self, columns: Collection[str], roles: Roles, encoders: Mapping[str, Encoder]
    ) -> Iterator[Batch | Cells]:
        """Batches of the columns named, or counts of their rows, whichever is read sooner."""
        sizes = Sizes(self._files)
        numeric = roles.numeric
        for path in self._files:
            with readable(path):
                file = _parquet(path)
                names = file.schema_arrow.names
                refuse_missing_columns(columns, names_with_folders(names, path), str(path))
                encoded = not _against_encoded(path, names, columns)
                if isinstance(path, Path) and encoded and kernels_pay(_rows(file)):
                    yield from counted(file, path, roles, encoders, partial(sizes.done, path))
                    continue
                file = open_parquet(path, columns, file)
            yield from _parquet_batches(file, path, columns, numeric, sizes)

    def paths(self, roles: Roles, encoders: Mapping[str, Encoder]) -> Iterator[ColumnPath]:
        """How `parts` would read each column, and why so."""
        by_column = roles.columns()
        for path in self._files:
            with readable(path), _parquet(path) as file:
                names = file.schema_arrow.names
                refuse_missing_columns(by_column, names_with_folders(names, path), str(path))
                against = _against_encoded(path, names, by_column)
                against = against or against_kernels(_rows(file))
                if against or not isinstance(path, Path):
                    groups = file.metadata.num_row_groups
                    found = dict.fromkeys(((c, "Arrow", against) for c in by_column), groups)
                else:
                    found = dict(planned(file, path, roles, encoders))
            for (column, *way), groups in found.items():
                yield ColumnPath(str(path), column, by_column[column], groups, *way)


def _rows(file: Any) -> int:
    return int(file.metadata.num_rows)


def _against_encoded(path: File, names: Collection[str], columns: Collection[str]) -> str:
    """Why no row group of a file can be counted in its encoded form; empty where that may be."""
    if isinstance(path, RemoteFile):
        return "the file is behind a filesystem"
    return "" if {*columns} <= {*names} else "a column is in the folders' names"


def open_parquet(path: File, columns: Collection[str], plain: Any = None) -> Any:
    """Parquet file whose columns of texts, of those named, are read as dictionaries.

    `plain` is the same file where it is open already.
    """
    plain = _parquet(path) if plain is None else plain
    names = plain.schema_arrow.names
    refuse_missing_columns(columns, names_with_folders(names, path), str(path))
    texts = [name for name in columns if name in names and _is_bytes(plain, name)]
    return _parquet(path, metadata=plain.metadata, read_dictionary=texts)


def _parquet(path: File, **options: Any) -> Any:
    import pyarrow.parquet as pq

    if isinstance(path, RemoteFile):
        # Ranges of the needed columns that lie together are asked for together, several at a time.
        return pq.ParquetFile(opened(path), pre_buffer=True, **options)
    # A file that is read ahead is in memory whole before its last batch is handed over.
    return pq.ParquetFile(path, pre_buffer=False, **options)


def _parquet_batches(
    file: Any, path: File, columns: Collection[str], numeric: Collection[str], sizes: Sizes
) -> Iterator[Batch]:
    rows, total = 0, max(1, file.metadata.num_rows)
    partition = of_folders(columns, file.schema_arrow.names, path)
    own = [name for name in columns if name not in partition]
    with readable(path), file:
        for groups in _windows(file.metadata, own, path):
            for batch in file.iter_batches(batch_size=_ROWS, row_groups=groups, columns=own):
                rows += batch.num_rows
                made = of_record_batch(batch, own, str(path), sizes.done(path, rows / total))
                yield with_folders(made, partition, numeric)
    if rows != file.metadata.num_rows:
        raise DataError(
            f"{path} should have {file.metadata.num_rows:,} rows but {rows:,} were read; "
            "it is damaged: write it again"
        )


def _windows(metadata: Any, columns: Collection[str], path: File) -> Iterator[list[int]]:
    """Row groups that are read together: what is read ahead of a remote file stays bounded."""
    everything = list(range(metadata.num_row_groups))
    if isinstance(path, Path):
        yield everything
        return
    window: list[int] = []
    size = 0
    for group in everything:
        chunks = metadata.row_group(group)
        for i in range(chunks.num_columns):
            chunk = chunks.column(i)
            if chunk.path_in_schema.partition(".")[0] in columns:
                size += chunk.total_compressed_size
        window.append(group)
        if size >= _AHEAD:
            yield window
            window, size = [], 0
    if window:
        yield window


def _is_bytes(file: Any, name: str) -> bool:
    """Whether a column is stored as byte arrays, which can be read as a dictionary."""
    index = file.schema_arrow.get_field_index(name)
    type_ = str(file.schema_arrow.field(index).type)
    return type_ in {"string", "large_string", "string_view", "binary", "large_binary"}
