"""Beside: further files of a job, of facets or of predicted labels, as columns of the data set.

Single files are matched row by row; files of several parts by the values of a common column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from biaskit.clarify.tables.read import Read
from biaskit.errors import DataError, RolesError
from biaskit.sources.batches import Ask, Batch, Source, rows_of

__all__ = ["Both", "beside"]


class Both(NamedTuple):
    """A data set with the columns of a further file.

    Attributes
    ----------
    source
        The rows of both.
    name_of
        Name here of each further column.
    unmatched
        Rows without a match, in sentences; known once the rows have been read.
    """

    source: Source
    name_of: dict[str, str]
    unmatched: Callable[[], list[str]] = list


def beside(source: Source, other: Read, join: str | None, what: str) -> Both:
    """Both tables as one.

    Parameters
    ----------
    source, other
        The data set, and the further file.
    join
        Column by whose values rows are matched; those of a single file without it, and all if it
        is None, are matched by their place.
    what
        Key of the configuration that names the further file, for errors.

    Raises
    ------
    RolesError
        The further data have several files, and lack the common column.
    """
    own = set(source.names())
    if join is not None and join in other.names:
        name_of = {name: _free(name, own) for name in other.names if name != join}
        joined = _Joined(source, other.source, join, name_of, what)
        return Both(joined, name_of, joined.said)
    if join is not None and other.files > 1:
        raise RolesError(
            f"{what}: joinsource_name_or_index is {join!r}, which must be among its headers too"
        )
    name_of = {name: _free(name, own) for name in other.names}
    return Both(_Beside(source, other.source, name_of, what), name_of)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_2"
    return name


class _Beside:
    """Two sources whose rows belong together by their place."""

    def __init__(self, source: Source, other: Source, name_of: dict[str, str], what: str):
        self._source = source
        self._other = other
        self._real = {own: name for name, own in name_of.items()}
        self._what = what

    def names(self) -> list[str]:
        """Names of the columns."""
        return [*self._source.names(), *self._real]

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the named columns."""
        theirs = [name for name in ask.columns if name in self._real]
        ours = [name for name in ask.columns if name not in self._real]
        if not theirs:
            yield from rows_of(self._source, ours, {*ask.numeric})
            return
        further = rows_of(
            self._other,
            [self._real[name] for name in theirs],
            {self._real[name] for name in theirs if name in ask.numeric},
        )
        if not ours:
            ours = self._source.names()[:1]  # rows are counted, so that none is lost
        yield from _zipped(
            rows_of(self._source, ours, {*ask.numeric}.intersection(ours)),
            further,
            {self._real[name]: name for name in theirs},
            self._what,
        )


def _zipped(
    one: Iterator[Batch], other: Iterator[Batch], name_of: dict[str, str], what: str
) -> Iterator[Batch]:
    """Rows of both, in batches of those that both have delivered."""
    left = right = None
    rows = 0
    while True:
        left = left if left is not None and left.rows else next(_filled(one), None)
        right = right if right is not None and right.rows else next(_filled(other), None)
        if left is None and right is None:
            return
        if left is None or right is None:
            longer = "more" if left is None else "fewer"
            raise DataError(
                f"the file of {what} has {longer} rows than the data set, which has "
                f"{'' if left is None else 'more than '}{rows:,}; rows are matched by their "
                "place: give files of equal length, or joinsource_name_or_index"
            )
        n = min(left.rows, right.rows)
        rows += n
        columns = {name: array.slice(0, n) for name, array in left.columns.items()}
        columns |= {own: right.columns[name].slice(0, n) for name, own in name_of.items()}
        texts = left.texts | {own for name, own in name_of.items() if name in right.texts}
        yield Batch(columns, n, left.where, left.done, texts)
        left, right = _rest(left, n), _rest(right, n)


def _filled(batches: Iterator[Batch]) -> Iterator[Batch]:
    return (batch for batch in batches if batch.rows)


def _rest(batch: Batch, n: int) -> Batch:
    columns = {name: array.slice(n) for name, array in batch.columns.items()}
    return replace(batch, columns=columns, rows=batch.rows - n)


class _Joined:
    """Two sources whose rows belong together by the values of a column: an inner join."""

    def __init__(
        self, source: Source, other: Source, join: str, name_of: dict[str, str], what: str
    ):
        self._source = source
        self._other = other
        self._join = join
        self._real = {own: name for name, own in name_of.items()}
        self._what = what
        self._rows = self._matched = 0

    def names(self) -> list[str]:
        """Names of the columns."""
        return [*self._source.names(), *self._real]

    def said(self) -> list[str]:
        """Rows of the data set that have no match, in a sentence; after the rows were read."""
        left = self._rows - self._matched
        if not left:
            return []
        said = (
            f"{left:,} of {self._rows:,} rows have no match by {self._join!r} in the file of "
            f"{self._what}, and are left out, as in Clarify"
        )
        return [said]

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the named columns."""
        import pyarrow as pa

        self._rows = self._matched = 0

        theirs = [name for name in ask.columns if name in self._real]
        ours = [name for name in ask.columns if name not in self._real]
        numeric = {*ask.numeric}
        further = {self._real[name] for name in theirs}
        table = _table(
            self._other, [self._join, *further], {self._real[n] for n in numeric & {*theirs}}
        )
        place: dict[Any, int] = {}
        for i, key in enumerate(table.column(self._join).to_pylist()):
            if key is not None and place.setdefault(key, i) != i:
                raise DataError(
                    f"the file of {self._what} has the value {key!r} of {self._join!r} twice, so "
                    "rows cannot be matched; give each row its own value"
                )
        for batch in rows_of(
            self._source, list(dict.fromkeys([*ours, self._join])), numeric - {*theirs}
        ):
            keys = batch.columns[self._join].to_pylist()
            found = [(i, place[key]) for i, key in enumerate(keys) if key in place]
            self._rows += batch.rows
            self._matched += len(found)
            here = pa.array([i for i, _ in found], pa.int64())
            there = pa.array([i for _, i in found], pa.int64())
            columns = {name: batch.columns[name].take(here) for name in ours}
            for name in theirs:
                taken = table.column(self._real[name]).take(there)
                columns[name] = (
                    taken.combine_chunks() if hasattr(taken, "combine_chunks") else taken
                )
            texts = frozenset(name for name in ask.columns if name not in numeric)
            yield Batch(columns, len(found), batch.where, batch.done, texts)


def _table(source: Source, columns: Sequence[str], numeric: set[str]) -> Any:
    import pyarrow as pa

    batches = [
        pa.table({name: _plain(batch.columns[name]) for name in columns})
        for batch in rows_of(source, list(columns), numeric)
    ]
    return pa.concat_tables(batches)


def _plain(array: Any) -> Any:
    return array.dictionary_decode() if hasattr(array, "dictionary_decode") else array
