"""Opening: files one after the other, those far away ahead; and what an open Parquet file is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from biaskit.errors import DataError
from biaskit.sources.ahead import in_order
from biaskit.sources.batches import refuse_missing_columns
from biaskit.sources.partitions import names_with_folders
from biaskit.sources.places import File, RemoteFile
from biaskit.sources.ranges import Bytes, Fetcher, RemoteBytes, open_bytes
from biaskit.sources.reading import readable

__all__ = ["OpenParquet", "open_parquet", "opened_in_turn"]

_ROWS = 1 << 17
# Of a remote file, row groups of about so many bytes, decoded, are read ahead by Arrow.
_AHEAD = 1 << 26
# Files far away that are opened before they are read, each by a thread of its own.
_OPENED = 16


class _Open(Protocol):
    @property
    def is_closed(self) -> bool: ...

    def close(self) -> None: ...


_OpenFile = TypeVar("_OpenFile", bound=_Open)


@contextmanager
def opened_in_turn(
    paths: Sequence[File], open_one: Callable[[File, Fetcher], _OpenFile]
) -> Iterator[Iterator[_OpenFile]]:
    """Open files one after the other, each open until it is closed or all is over.

    Of files far away some are opened ahead, and the same fetcher gets the bytes of all.
    """
    still_open: list[_OpenFile] = []

    def kept(files: Iterable[_OpenFile]) -> Iterator[_OpenFile]:
        for file in files:
            still_open[:] = [one for one in still_open if not one.is_closed]
            still_open.append(file)
            yield file

    is_far = len(paths) > 1 and any(isinstance(path, RemoteFile) for path in paths)
    with closing(Fetcher()) as fetcher:
        opening = in_order(
            lambda path: open_one(path, fetcher), paths, _OPENED if is_far else 1, _OPENED
        )
        with closing(opening) as files:
            try:
                yield kept(files)
            finally:
                for file in still_open:
                    file.close()


@dataclass(frozen=True, eq=False)
class OpenParquet:
    """An open Parquet file."""

    path: File
    data: Bytes
    #: The file as ``pyarrow.parquet.ParquetFile`` has it.
    file: Any

    @property
    def metadata(self) -> Any:
        """What Arrow read in the footer."""
        return self.file.metadata

    @property
    def rows(self) -> int:
        """Number of rows that the footer says there are."""
        return int(self.file.metadata.num_rows)

    @property
    def names(self) -> list[str]:
        """Names of the file's own columns."""
        return list(self.file.schema_arrow.names)

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Record batches of some columns of all rows, columns of texts as dictionaries."""
        if isinstance(self.data, RemoteBytes) and not self.data.is_whole:
            # Ranges that lie together are asked for together, several at a time.
            file = self._decoding(columns, self.data.handle, pre_buffer=True)
            windows = self._windows()
        else:
            # A file that is read ahead is in memory whole before its last batch is handed over.
            file = self._decoding(columns, self.data.source(), pre_buffer=False)
            windows = iter([[*range(self.metadata.num_row_groups)]])
        for groups in windows:
            yield from file.iter_batches(batch_size=_ROWS, row_groups=groups, columns=columns)

    def batches_of(self, group: int, columns: Sequence[str]) -> Iterator[Any]:
        """Record batches of some columns of one row group, made without threads of Arrow's."""
        file = self._decoding(columns, self.data.source(), pre_buffer=False)
        yield from file.iter_batches(
            batch_size=_ROWS, row_groups=[group], columns=columns, use_threads=False
        )

    def refuse_other_rows(self, rows: int) -> None:
        """Refuse a file of which another number of rows was read than its footer says.

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
        """Whether the file was let go of."""
        return bool(self.file.closed)

    def close(self) -> None:
        """Let go of the file."""
        self.file.close(force=True)
        self.data.close()

    def _decoding(self, columns: Collection[str], source: Any, *, pre_buffer: bool) -> Any:
        import pyarrow.parquet as pq

        names = self.names
        texts = [name for name in columns if name in names and self._is_bytes(name)]
        return pq.ParquetFile(
            source, metadata=self.metadata, read_dictionary=texts, pre_buffer=pre_buffer
        )

    def _is_bytes(self, name: str) -> bool:
        """Whether a column is stored as byte arrays, which can be read as a dictionary."""
        type_ = str(self.file.schema_arrow.field(name).type)
        return type_ in {"string", "large_string", "string_view", "binary", "large_binary"}

    def _windows(self) -> Iterator[list[int]]:
        """Row groups that are read together, so that what is read ahead stays bounded.

        Of their columns nothing is asked: pyarrow ends the process where those are contradictory.
        """
        window: list[int] = []
        size = 0
        for group in range(self.metadata.num_row_groups):
            window.append(group)
            size += max(0, self.metadata.row_group(group).total_byte_size)
            if size >= _AHEAD:
                yield window
                window, size = [], 0
        if window:
            yield window


def open_parquet(path: File, columns: Collection[str], fetcher: Fetcher) -> OpenParquet:
    """Open a Parquet file that has the columns named, or whose folders' names do.

    Raises
    ------
    DataError
        It is no Parquet file, or lacks a column.
    """
    import pyarrow.parquet as pq

    with readable(path):
        data = open_bytes(path, fetcher)
        try:
            file = pq.ParquetFile(data.source(), pre_buffer=False)
            refuse_missing_columns(
                columns, names_with_folders(file.schema_arrow.names, path), str(path)
            )
        except BaseException:
            data.close()
            raise
    return OpenParquet(path, data, file)
