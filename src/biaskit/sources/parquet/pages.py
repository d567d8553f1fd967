"""Pages of a Parquet file before Arrow decodes them: whether they fit, and how many rows at a time.

Nothing in a file is trusted: a few bytes may stand for gigabytes, and a page may stand twice.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from biaskit.counts.levels import MAX_TEXT
from biaskit.errors import DataError
from biaskit.sources.files.ranges import Bytes, RemoteBytes
from biaskit.store import footers
from biaskit.store.footers import ROWS, Group

__all__ = ["Pages", "of_another_length"]


class Pages:
    """Row groups of an open file and their pages, as its footer and its page headers have them.

    Parameters
    ----------
    data, metadata, where
        The file's bytes, what Arrow read in its footer, and its name in errors.
    """

    def __init__(self, data: Bytes, metadata: Any, where: str):
        self._data = data
        self._where = where
        schema = metadata.schema
        paths = [schema.column(i).path for i in range(len(schema))]
        self._index = {
            path: i
            for i, path in enumerate(paths)
            if schema.column(i).max_repetition_level == 0 and "." not in path
        }
        self._names = paths
        # Each header of a remote file that Arrow reads itself would be one more request.
        self._reads_headers = not isinstance(data, RemoteBytes) or data.is_whole

    def groups(self, columns: Collection[str]) -> list[Group]:
        """Row groups in their order, with the chunks of the columns that are no lists or records.

        Raises
        ------
        footers.Odd
            The footer is damaged.
        """
        data = self._data
        length = int.from_bytes(bytes(data.read(data.size - 8, 4)), "little")
        footer = bytes(data.read(data.size - 8 - length, length))
        return footers.groups_of(footer, [self._index[c] for c in columns if c in self._index])

    def rows_at_once(self, group: Group, *, with_headers: bool | None = None) -> int:
        """How many rows of a row group may be decoded at a time.

        Raises
        ------
        DataError
            A column has another number of values than the row group has rows, or pages too large.
        footers.Odd
            A page header is damaged.
        """
        rows = ROWS
        for index, chunk in group.chunks.items():
            if chunk.values != group.rows:
                raise of_another_length(self._where, group.rows)
            if self._reads_headers if with_headers is None else with_headers:
                rows = min(rows, self._rows_of_chunk(group, index))
        return rows

    def _rows_of_chunk(self, group: Group, index: int) -> int:
        try:
            return footers.rows_at_once(self._data.read, group, index)
        except footers.OtherRows as error:
            raise of_another_length(self._where, group.rows) from error
        except footers.TooLarge as error:
            raise DataError(
                f"{self._where}: column {self._names[index]!r} is not read: {error}; values of "
                f"more than {MAX_TEXT:,} bytes are not counted by: choose another column, shorten "
                "its values, or write smaller pages"
            ) from error


def of_another_length(where: str, rows: int) -> DataError:
    """Error of a column that has another number of values than its row group has rows.

    Arrow may read such a column with its values in other rows, and say nothing.
    """
    return DataError(
        f"{where} has a row group of {rows:,} rows with a column of another length; "
        "it is damaged: write it again"
    )
