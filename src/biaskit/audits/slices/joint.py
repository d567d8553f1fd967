"""Joint tables: the combinations of the values of some columns, as arrays of codes and amounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.levels import MISSING, Level, order
from biaskit.counts.tables import Table, Tally
from biaskit.metrics import Metric

__all__ = ["Amounts", "Array", "Joint", "Outcomes", "amounts_of", "joint_of"]

Array: TypeAlias = NDArray[np.float64]


class Amounts(NamedTuple):
    """What a metric's proportion is made of, for each of some cells, slices or sides.

    Weighted rows count as their effective number (Kish): `n` is the weight, squared and divided by
    the sum of the squared weights.
    """

    #: Weight of the rows that the proportion counts, and of those that it is taken of.
    x: Array
    n: Array
    #: Rows that it is taken of, whatever they weigh.
    rows: Array
    #: Sums of the squared weights of these rows; None where rows are not weighted.
    squares: Array | None = None

    def map(self, function: Callable[[Array], Array]) -> Amounts:
        """These amounts, each put through a function."""
        squares = None if self.squares is None else function(self.squares)
        n = function(self.n)
        rows = n if self.rows is self.n else function(self.rows)  # rows of no weight are both
        return Amounts(function(self.x), n, rows, squares)

    def take(self, these: NDArray[Any]) -> Amounts:
        """Those at some places, or where a mask is true."""
        return self.map(lambda of: of[these])

    def less(self, other: Amounts) -> Amounts:
        """These amounts without those of others among them."""
        both = self.squares is not None and other.squares is not None
        squares = self.squares - other.squares if both else None  # type: ignore[operator]
        return Amounts(self.x - other.x, self.n - other.n, self.rows - other.rows, squares)

    def effective(self) -> tuple[Array, Array]:
        """Numbers of rows that the proportion counts, and of those that it is taken of."""
        if self.squares is None:
            return self.x, self.n
        with np.errstate(divide="ignore", invalid="ignore"):
            n = np.where(self.squares > 0, self.n * self.n / self.squares, 0.0)
            share = np.where(self.n > 0, self.x / self.n, 0.0)
        return np.clip(share, 0, 1) * n, n


class Outcomes(NamedTuple):
    """Which labels and predictions are positive."""

    positive: tuple[Level, ...]
    positive_hat: tuple[Level, ...]


@dataclass(frozen=True)
class Joint:
    """Combinations of the values of some columns that occur: one cell each.

    `levels` are the known values of each column in canonical order; `codes` has the shape
    ``(columns, cells)`` and says which of them a cell has, -1 where it is missing.
    """

    columns: tuple[str, ...]
    levels: tuple[tuple[Level, ...], ...]
    codes: NDArray[np.int64]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of known values of each column."""
        return tuple(map(len, self.levels))

    def of(self, columns: Sequence[str]) -> Joint:
        """The same cells by some of the columns."""
        at = [self.columns.index(one) for one in columns]
        return Joint(tuple(columns), tuple(self.levels[i] for i in at), self.codes[at])

    def where(self, cells: NDArray[np.bool_]) -> Joint:
        """Some of the cells."""
        return replace(self, codes=self.codes[:, cells])


def joint_of(table: Table, columns: Sequence[str]) -> Joint:
    """Combinations of the values of the columns of a table's facet, in the table's order."""
    tuples = [
        one if isinstance(one, tuple) else (one,) * len(columns) for one in table.levels.facet
    ]
    levels, codes = [], []
    for values in zip(*tuples, strict=True) if tuples else ((),) * len(columns):
        known = tuple(sorted({*values} - {MISSING}, key=order))
        place: dict[Level, int] = {MISSING: -1, **{one: i for i, one in enumerate(known)}}
        levels.append(known)
        codes.append(np.fromiter(map(place.__getitem__, values), np.int64, len(values)))
    return Joint(tuple(columns), tuple(levels), np.array(codes, dtype=np.int64))


def amounts_of(table: Table, metric: Metric, known: Sequence[str], outcomes: Outcomes) -> Amounts:
    """What a metric's proportion is made of in each cell, of the rows known on some axes."""
    assert metric.rate is not None
    # A cell of which a part is missing still counts in the slices of its other parts.
    numbered = table.levels._replace(facet=tuple(range(len(table.levels.facet))))
    weighed = replace(table, levels=numbered)
    chosen: dict[str, Any] = {"known": known, **outcomes._asdict()}

    def rate(tally: Tally) -> tuple[Array, Array]:
        assert metric.rate is not None
        x, n = metric.rate(tally)
        return np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)

    each = weighed.by_value(**chosen)
    x, n = rate(each)
    if each.squares is None:
        return Amounts(x, n, n)
    rows = replace(weighed, w=None, w2=None).by_value(**chosen)
    return Amounts(x, n, rate(rows)[1], rate(replace(each, cells=each.squares))[1])
