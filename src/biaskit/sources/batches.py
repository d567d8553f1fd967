"""Batches: the one form in which every source hands over its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Number
from typing import Any, Protocol

from biaskit.errors import DataError, did_you_mean

__all__ = ["Batch", "Source", "of_another_type", "of_record_batch", "refuse_missing_columns"]


@dataclass(frozen=True)
class Batch:
    """Some rows: an Arrow array per column, where they are from, and how far the source is read."""

    columns: Mapping[str, Any]
    rows: int
    where: str
    #: Share of the source that is read with this batch, 0 to 1; None where it cannot be known.
    done: float | None = None
    #: Columns whose values are texts that stand for numbers and booleans too, as in a CSV.
    texts: frozenset[str] = frozenset()


class Source(Protocol):
    """Anything whose rows can be read once, batch by batch."""

    def names(self) -> list[str]:
        """Names of the columns; asking leaves all rows to be read."""
        ...

    def batches(self, columns: Collection[str], numeric: Collection[str]) -> Iterator[Batch]:
        """Batches of the columns named; those in `numeric` are needed as numbers."""
        ...


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
    """Place of the first value, None aside, of another type than those before it; -1 for none.

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


def refuse_missing_columns(wanted: Collection[str], names: Iterable[str], where: str) -> None:
    """Refuse data without a column that a role names, or with two columns of its name."""
    found = [str(name) for name in names]  # pandas allows names of any type
    for column in wanted:
        if column not in found:
            raise DataError(f"{where}: no column {column!r}; {did_you_mean(column, found)}")
        if found.count(column) > 1:
            raise DataError(
                f"{where}: {found.count(column)} columns are named {column!r}; rename all but one"
            )
