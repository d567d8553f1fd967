"""Opening: a Parquet file whose footer is read, and Arrow's batches of its rows."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from biaskit.errors import DataError
from biaskit.sources.batches import refuse_missing_columns
from biaskit.sources.files.ahead import elsewhere
from biaskit.sources.files.local import LocalBytes
from biaskit.sources.files.partitions import names_with_folders
from biaskit.sources.files.places import File
from biaskit.sources.files.ranges import Bytes, Fetcher, RemoteBytes
from biaskit.sources.files.reading import readable
from biaskit.sources.files.turns import Known, open_bytes
from biaskit.sources.parquet.pages import Pages
from biaskit.store.arrays import is_bytes, is_unicode
from biaskit.store.footers import ROWS, Group, Odd
from biaskit.store.readers import parquet_file

__all__ = ["OpenParquet", "open_parquet", "parquet_of"]

# Rows from which a row group is decoded alone.
_TOGETHER = 1 << 20
# Decoded bytes of the row groups of a remote file that Arrow reads in advance.
_AHEAD = 1 << 26


@dataclass(frozen=True, eq=False)
class OpenParquet:
    """An open Parquet file."""

    path: File
    data: Bytes
    #: The file as ``pyarrow.parquet.ParquetFile`` has it.
    file: Any

    @property
    def metadata(self) -> Any:
        """Arrow's metadata of the footer."""
        return self.file.metadata

    @property
    def rows(self) -> int:
        """Number of rows according to the footer."""
        return int(self.file.metadata.num_rows)

    @property
    def names(self) -> list[str]:
        """Names of the file's own columns."""
        return list(self.file.schema_arrow.names)

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Record batches of some columns of all rows, columns of texts as dictionaries.

        Raises
        ------
        DataError
            A column and its row group differ in rows, or its values take too much memory.
        """
        is_far = isinstance(self.data, RemoteBytes) and not self.data.is_whole
        # Adjacent ranges are merged, and several are read at a time.
        batches = (
            batch
            for window, rows in self._windows(columns)
            for batch in self._decoded(columns, window, rows, pre_buffer=is_far)
        )
        # While Arrow waits for a store, this thread could not be interrupted.
        yield from elsewhere(batches) if isinstance(self.data, RemoteBytes) else batches

    def batches_of(self, group: int, columns: Sequence[str]) -> Iterator[Any]:
        """Record batches of some columns of one row group, made without threads of Arrow's."""
        rows = self._pages.rows_at_once(self._groups(columns)[group], with_headers=True)
        yield from self._decoded(columns, [group], rows, use_threads=False)

    def first_rows(self, columns: Sequence[str], rows: int) -> Any:
        """Record batch of some columns of the first rows; None where there are no rows.

        Raises
        ------
        DataError
            The first row group is not as its footer says.
        """
        groups = self._groups(columns)
        at = next((n for n in range(len(groups)) if self.metadata.row_group(n).num_rows), None)
        if at is None:
            return None
        rows = min(rows, self._pages.rows_at_once(groups[at]))
        batches = self._decoded(columns, [at], rows, use_threads=False)
        with closing(batches):
            return next(batches, None)

    def _decoded(
        self,
        columns: Sequence[str],
        groups: list[int],
        rows: int,
        *,
        pre_buffer: bool = False,
        use_threads: bool = True,
    ) -> Generator[Any]:
        """Record batches of `rows` rows, columns of texts as dictionaries where Arrow can."""
        import pyarrow as pa

        given = 0
        for texts in (self._texts(columns), []):
            file = self._decoding(texts, pre_buffer=pre_buffer)
            seen = 0
            try:
                for batch in file.iter_batches(
                    batch_size=rows, row_groups=groups, columns=columns, use_threads=use_threads
                ):
                    seen += batch.num_rows
                    if (new := seen - given) > 0:
                        yield batch.slice(batch.num_rows - new)
                        given = seen
            except (OSError, pa.ArrowException) as error:
                # Arrow makes no dictionaries of texts in the delta encodings.
                if not texts or "not yet implemented" not in str(error).lower():
                    raise
            else:
                return

    def refuse_other_rows(self, rows: int) -> None:
        """Refuse a file whose number of rows differs from its footer's.

        Raises
        ------
        DataError
            It is damaged.
        """
        if rows != self.rows:
            raise DataError(
                f"{self.path} should have {self.rows:,} rows but {rows:,} were read; "
                "it is damaged: write it again"
            )

    @property
    def is_closed(self) -> bool:
        """Whether the file was closed."""
        return bool(self.file.closed)

    def close(self) -> None:
        """Close the file."""
        self.file.close(force=True)
        self.data.close()

    def _decoding(self, texts: Collection[str], *, pre_buffer: bool) -> Any:
        data = self.data
        return parquet_file(
            data.ahead() if pre_buffer and isinstance(data, RemoteBytes) else data.source(),
            metadata=self.metadata,
            read_dictionary=texts,
            pre_buffer=pre_buffer,
        )

    def _texts(self, columns: Collection[str]) -> list[str]:
        """Columns that are stored as byte arrays, which can be read as dictionaries."""
        wanted = frozenset(columns)
        own = {one.name: one.type for one in self.file.schema_arrow if one.name in wanted}
        return [name for name, type_ in own.items() if is_unicode(type_) or is_bytes(type_)]

    def _windows(self, columns: Sequence[str]) -> Iterator[tuple[list[int], int]]:
        """Row groups that are read together, and how many rows at a time.

        What is read in advance, and what is decoded at a time, stays bounded. Arrow is not asked
        about their columns: it aborts the process where those are contradictory.
        """
        is_far = isinstance(self.data, RemoteBytes) and not self.data.is_whole
        most = _AHEAD if is_far else _TOGETHER
        window: list[int] = []
        size, rows = 0, ROWS
        for number, group in enumerate(self._groups(columns)):
            window.append(number)
            rows = min(rows, self._pages.rows_at_once(group))
            about = self.metadata.row_group(number)
            size += max(0, about.total_byte_size if is_far else about.num_rows)
            if size >= most:
                yield window, rows
                window, size, rows = [], 0, ROWS
        if window:
            yield window, rows

    @cached_property
    def _pages(self) -> Pages:
        return Pages(self.data, self.metadata, str(self.path))

    @cached_property
    def _known_groups(self) -> dict[tuple[str, ...], list[Group]]:
        return {}

    def _groups(self, columns: Sequence[str]) -> list[Group]:
        """Row groups as the footer describes them; read once for the same columns."""
        key = tuple(columns)
        if key not in self._known_groups:
            groups = self._pages.groups(key)
            if len(groups) != self.metadata.num_row_groups:
                raise Odd("the footer has other row groups than Arrow finds")
            self._known_groups[key] = groups
        return self._known_groups[key]


def open_parquet(
    path: File, columns: Collection[str], known: Known, fetcher: Fetcher
) -> OpenParquet:
    """Open a Parquet file that has the named columns, itself or in its folders' names.

    Raises
    ------
    DataError
        It is not a Parquet file, or lacks a column.
    """
    with readable(path):
        data = open_bytes(path, known, fetcher)
        try:
            file = parquet_of(data)
            refuse_missing_columns(
                columns, names_with_folders(file.schema_arrow.names, path), str(path)
            )
        except BaseException:
            data.close()
            raise
    return OpenParquet(path, data, file)


def parquet_of(data: Bytes) -> Any:
    """Open file as `pyarrow.parquet.ParquetFile` has it; its footer is read once."""
    if isinstance(data, LocalBytes) and data.parquet is not None:
        return data.parquet
    made = parquet_file(data.source())
    if isinstance(data, LocalBytes):
        data.parquet = made
    return made
