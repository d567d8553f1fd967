"""Batches: rows in the form that sources deliver, what is requested of a source, and its parts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from biaskit.counts.facets import JOINED_BY
from biaskit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from biaskit.counts.facets import Facet
    from biaskit.counts.roles import Roles
    from biaskit.sources.encode import Encoder
    from biaskit.sources.histogram import Histograms

__all__ = [
    "Ask",
    "Batch",
    "Counting",
    "Part",
    "Source",
    "no_rows",
    "of_another_type",
    "of_record_batch",
    "refuse_missing_columns",
    "rows_of",
]


class Part(Protocol):
    """Some rows of a source, in the source's own form."""

    @property
    def done(self) -> float | None:
        """Share of the source that has been read after this part, 0 to 1; None if unknown."""
        ...

    def add_to(self, histograms: Histograms) -> None:
        """Add the rows to the counts."""
        ...


@dataclass(frozen=True)
class Batch:
    """Some rows: an Arrow array per column, their origin, and the share of the source read."""

    columns: Mapping[str, Any]
    rows: int
    where: str
    #: Share of the source that has been read after this batch, 0 to 1; None if unknown.
    done: float | None = None
    #: Columns of texts that may stand for numbers or booleans, as in a CSV. Only the reader knows
    #: this, and only what consumes values (an encoder, a feature) asks and remembers it.
    texts: frozenset[str] = frozenset()

    def add_to(self, histograms: Histograms) -> None:
        """Add the rows to the counts."""
        histograms.add_rows(self)


class Counting(NamedTuple):
    """What is counted: the roles of the columns, and the encoder of each column."""

    roles: Roles
    encoders: Mapping[str, Encoder]

    def columns_of(self, facet: Facet) -> list[str]:
        """Columns of a facet's table, in the order of its axes."""
        return [column for axis in self.roles.axes(facet) for column in axis.columns]

    def score_columns_of(self, facet: Facet) -> list[str]:
        """Columns of a facet's table of scores, which has no predictions."""
        axes = self.roles.axes(facet)
        return [column for axis in axes if axis.role != "predicted" for column in axis.columns]


class Ask(NamedTuple):
    """A request to a source: columns, and which of them are needed as numbers."""

    columns: Sequence[str]
    numeric: Collection[str]
    #: What is counted, if the rows are needed only for counting: the source may then count or group
    #: them itself. If None, the rows themselves are needed, and every part is a `Batch`.
    counting: Counting | None = None


class Source(Protocol):
    """Anything whose rows can be read, part by part."""

    def names(self) -> list[str]:
        """Names of the columns; asking consumes no rows."""
        ...

    def parts(self, ask: Ask) -> Iterable[Part]:
        """All rows, in parts."""
        ...


def rows_of(
    source: Source, columns: Sequence[str], numeric: Collection[str] = ()
) -> Iterator[Batch]:
    """The rows of a source, batch by batch.

    Raises
    ------
    DataError
        The source cannot be read, or delivers only groups of its rows.
    """
    for part in source.parts(Ask(columns, numeric)):
        if not isinstance(part, Batch):
            raise no_rows("the source")
        yield part


def no_rows(where: str) -> DataError:
    """Error for a source whose rows are needed but which delivers only groups."""
    return DataError(
        f"{where} gives no rows, only groups of them; leave features out, or give a sample of the "
        "rows as a pandas or Arrow table"
    )


def of_record_batch(
    batch: Any,
    columns: Iterable[str],
    where: str,
    done: float | None = None,
    texts: frozenset[str] = frozenset(),
) -> Batch:
    """Batch of some columns of an Arrow record batch."""
    arrays = {name: batch.column(name) for name in columns}
    return Batch(arrays, batch.num_rows, where, done, texts)


def of_another_type(values: Iterable[Any]) -> int:
    """Index of the first value, ignoring None, whose type differs from those before it, or -1.

    >>> of_another_type([2, None, 2.5, "two"])
    3
    """
    first = None
    for place, value in enumerate(values):
        is_number = isinstance(value, Number) and not isinstance(value, bool)
        type_ = Number if is_number else type(value)
        first = first or (None if value is None else type_)
        if value is not None and type_ is not first:
            return place
    return -1


def _hint_of_joined(column: str, found: Collection[str]) -> str:
    """What to do where a column's own name reads as an intersection that has `column` in it."""
    for name in found:
        if len(parts := name.split(JOINED_BY)) > 1 and column in parts:
            return f"; {name!r} reads as an intersection: rename it, or give it as ({name!r},)"
    return ""


def refuse_missing_columns(
    wanted: Collection[str], names: Iterable[Any], where: str, hint: str = ""
) -> None:
    """Refuse data without a column that a role names, or with two columns of its name.

    `hint` is appended where a column is missing.
    """
    found = [str(name) for name in names]  # pandas allows names of any type
    for column in wanted:
        if column not in found:
            told = f"{where}: no column {column!r}; {did_you_mean(column, found)}{hint}"
            raise DataError(told + _hint_of_joined(column, found))
        if found.count(column) > 1:
            raise DataError(
                f"{where}: {found.count(column)} columns are named {column!r}; rename all but one"
            )
