"""Pages of a Parquet file, checked before Arrow decodes them, and how many rows at a time.

Nothing in a file is trusted: a few bytes may expand to gigabytes, and a page may be duplicated.
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
    """Row groups of an open file and their pages, as its footer and page headers describe them.

    Parameters
    ----------
    data, metadata, where
        The file's bytes, Arrow's metadata of its footer, and its name for errors.
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
        # In a remote file that Arrow reads itself, each header would take another request.
        self._reads_headers = not isinstance(data, RemoteBytes) or data.is_whole

    def groups(self, columns: Collection[str]) -> list[Group]:
        """Row groups in their order, with the chunks of the columns that are not lists or records.

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
            A column's number of values differs from the row group's rows, or its pages are too
            large.
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
                f"more than {MAX_TEXT:,} bytes cannot be counted: choose another column, shorten "
                "its values, or write smaller pages"
            ) from error


def of_another_length(where: str, rows: int) -> DataError:
    """Error for a column whose number of values differs from its row group's rows.

    Arrow may silently read such a column with its values in the wrong rows.
    """
    return DataError(
        f"{where} has a row group of {rows:,} rows with a column of another length; "
        "it is damaged: write it again"
    )
