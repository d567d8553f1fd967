"""Parquet files as a source, which may also count their rows in encoded form."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, closing
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from biaskit.counts.roles import Roles
from biaskit.sources.batches import Ask, Batch, Counting, of_record_batch
from biaskit.sources.files.partitions import names_with_folders, of_folders, with_folders
from biaskit.sources.files.places import File, RemoteFile
from biaskit.sources.files.reading import ColumnPath, Sizes, readable
from biaskit.sources.files.turns import Known, looked_into, opened_in_turn
from biaskit.sources.parquet.choice import against_kernels
from biaskit.sources.parquet.opening import OpenParquet, open_parquet, parquet_of

if TYPE_CHECKING:
    from biaskit.sources.coded.cells import Cells

__all__ = ["ParquetFiles"]

# Fewer rows are counted faster than threads start and share the interpreter.
_WORTH_THREADS = 1 << 21


class ParquetFiles:
    """Parquet files as a source, which may also count their own rows."""

    #: Rows that Arrow has read in this process for counts that the kernels could have made.
    rows_by_arrow: ClassVar[int] = 0

    def __init__(self, files: list[File], known: Known):
        self._files = files
        self._known = known
        self._is_remote = any(isinstance(file, RemoteFile) for file in files)

    def names(self) -> list[str]:
        """Names of the columns of the first file, and of its folders' values."""
        first = self._files[0]
        with readable(first), looked_into(first, self._known) as data:
            return names_with_folders(parquet_of(data).schema_arrow.names, first)

    def parts(self, ask: Ask) -> Iterator[Batch | Cells]:
        """Batches of the named columns, or counts where they suffice and are faster."""
        sizes = Sizes(self._files)
        with self._opened(ask.columns) as files:
            for threads, run in groupby(files, lambda file: self._threads(file, ask.counting)):
                if threads and ask.counting is not None:
                    from biaskit.sources.parquet.encoded import counted  # few files are so large

                    yield from counted(run, ask.counting, sizes.done, threads)
                else:
                    for file in run:
                        if ask.counting is not None:
                            ParquetFiles.rows_by_arrow += file.rows
                        yield from _batches(file, ask, sizes)

    def paths(self, counting: Counting) -> Iterator[ColumnPath]:
        """How `parts` would read each column, and why."""
        from biaskit.sources.parquet.encoded import planned

        roles = counting.roles
        by_column = roles.columns()
        with self._opened(by_column) as files:
            for file in files:
                with readable(file.path), closing(file):
                    if against := _against(file, roles):
                        groups = file.metadata.num_row_groups
                        found = dict.fromkeys(((c, "Arrow", against) for c in by_column), groups)
                    else:
                        found = dict(planned(file, counting))
                for (column, *way), groups in found.items():
                    yield ColumnPath(str(file.path), column, by_column[column], groups, *way)

    def _opened(self, columns: Collection[str]) -> AbstractContextManager[Iterator[OpenParquet]]:
        return opened_in_turn(
            self._files, lambda path, fetcher: open_parquet(path, columns, self._known, fetcher)
        )

    def _threads(self, file: OpenParquet, counting: Counting | None) -> int:
        """Number of threads for row groups of files like this one; 0 where Arrow reads them."""
        if counting is None or _against(file, counting.roles):
            return 0
        is_worth = self._is_remote or file.rows * len(self._files) >= _WORTH_THREADS
        return (os.cpu_count() or 1) if is_worth else 1


def _against(file: OpenParquet, roles: Roles) -> str:
    """Why Arrow decodes a file; empty where its row groups are counted in encoded form."""
    if roles.weight is not None and roles.weight not in file.names:
        return "the weight is in the folders' names"
    if roles.score is not None and roles.score not in file.names:
        return "the score is in the folders' names"
    if roles.frequency is not None:
        return "the kernels count each row once, whatever its frequency"
    has_scores = roles.score is not None
    return against_kernels(file.rows, ParquetFiles.rows_by_arrow, has_scores=has_scores)


def _batches(file: OpenParquet, ask: Ask, sizes: Sizes) -> Iterator[Batch]:
    """Rows of a file, which is closed afterwards."""
    rows = 0
    where = str(file.path)
    folders = of_folders(ask.columns, file.names, file.path)
    own = [name for name in ask.columns if name not in folders]
    with readable(file.path), closing(file):
        for batch in file.batches(own):
            rows += batch.num_rows
            done = sizes.done(file.path, rows / max(1, file.rows))
            yield with_folders(of_record_batch(batch, own, where, done), folders, ask.numeric)
    file.refuse_other_rows(rows)
