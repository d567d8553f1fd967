"""Tables: the mergeable contingency table of one facet, and the tallies of its two sides."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import refuse_mixed
from biaskit.counts.facets import Facet
from biaskit.counts.levels import ABSENT, MISSING, Level, is_missing, order
from biaskit.counts.roles import AXES, Axis, Roles
from biaskit.errors import RolesError

__all__ = [
    "Levels",
    "Table",
    "Tally",
    "divide",
    "empty_table",
    "regrouped",
]


def divide(numerator: Any, denominator: Any) -> NDArray[np.float64]:
    """Quotient by which every metric divides: 0/0 is NaN, and x/0 an infinity with the sign of x.

    >>> divide([1, 0, 3], [2, 0, 0])
    array([0.5, nan, inf])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.true_divide(numerator, denominator), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of one side of a comparison, named as in the formulas of Clarify's documents.

    `cells` has the shape ``(..., label, predicted, group)``; every property carries leading axes
    (facet values, replicates) along, so one call serves them all. It holds only known values.
    `positive` and `positive_hat` mark the positive labels and the positive predictions.

    >>> t = Tally(np.array([[[30]], [[10]]]), positive=np.array([False, True]))
    >>> print(t.n, t.n1, t.q)
    40 10 0.25
    """

    cells: NDArray[Any]
    positive: NDArray[np.bool_]
    positive_hat: NDArray[np.bool_] | None = None
    #: Sums of the squared weights in each cell, where rows are weighted.
    squares: NDArray[np.float64] | None = None

    @cached_property
    def n(self) -> NDArray[Any]:
        """Rows (sums of weights where rows are weighted)."""
        return np.asarray(self.cells.sum(axis=(-3, -2, -1)))[()]

    @cached_property
    def n1(self) -> NDArray[Any]:
        """Rows with a positive label."""
        return np.asarray(self.by_label[..., self.positive].sum(axis=-1))[()]

    @cached_property
    def n0(self) -> NDArray[Any]:
        """Rows with a label that is not positive."""
        return np.asarray(self.by_label[..., ~self.positive].sum(axis=-1))[()]

    @cached_property
    def by_label(self) -> NDArray[Any]:
        """Rows by label, shape ``(..., label)``."""
        return np.asarray(self.cells.sum(axis=(-2, -1)))

    @cached_property
    def q(self) -> NDArray[np.float64]:
        """Share of rows with a positive label; NaN where there are no rows."""
        return divide(self.n1, self.n)

    @cached_property
    def n1_hat(self) -> NDArray[Any]:
        """Rows predicted positive."""
        return np.asarray(self._predicted[..., self._hat].sum(axis=-1))[()]

    @cached_property
    def n0_hat(self) -> NDArray[Any]:
        """Rows with a prediction that is not positive."""
        return np.asarray(self._predicted[..., ~self._hat].sum(axis=-1))[()]

    @cached_property
    def q_hat(self) -> NDArray[np.float64]:
        """Share of rows predicted positive; NaN where there are no rows."""
        return divide(self.n1_hat, self.n)

    @cached_property
    def tp(self) -> NDArray[Any]:
        """True positives: rows with a positive label that are predicted positive."""
        return self._confusion(self.positive, self._hat)

    @cached_property
    def fp(self) -> NDArray[Any]:
        """False positives."""
        return self._confusion(~self.positive, self._hat)

    @cached_property
    def fn(self) -> NDArray[Any]:
        """False negatives."""
        return self._confusion(self.positive, ~self._hat)

    @cached_property
    def tn(self) -> NDArray[Any]:
        """True negatives."""
        return self._confusion(~self.positive, ~self._hat)

    @cached_property
    def P(self) -> NDArray[np.float64]:  # noqa: N802 - the documents' name
        """Distribution of the labels, shape ``(..., label)``; NaN where there are no rows."""
        return divide(self.by_label, np.asarray(self.n)[..., np.newaxis])

    @cached_property
    def by_group(self) -> Tally:
        """The same rows with the group as the last leading axis."""
        cells = np.moveaxis(self.cells, -1, -3)[..., np.newaxis]
        return replace(self, cells=cells, squares=None)

    def together(self, sides: NDArray[np.bool_]) -> Tally:
        """Tallies of sides, each of some entries of the first axis: ``(sides, entries)``."""

        def added(cells: NDArray[Any]) -> NDArray[Any]:
            flat = cells.reshape(len(cells), math.prod(cells.shape[1:]))
            made = sides.astype(cells.dtype) @ flat
            return np.asarray(made.reshape(len(sides), *cells.shape[1:]))

        squares = None if self.squares is None else added(self.squares)
        return replace(self, cells=added(self.cells), squares=squares)

    def at(self, comparison: int) -> Tally:
        """One of the comparisons, the first axis."""
        squares = None if self.squares is None else self.squares[comparison]
        return replace(self, cells=self.cells[comparison], squares=squares)

    @property
    def _hat(self) -> NDArray[np.bool_]:
        if self.positive_hat is None:
            raise RolesError(
                "a metric asks for predictions (q_hat, tp and the like) where none are counted: "
                "name 'predicted' and 'positive' in its needs"
            )
        return self.positive_hat

    @cached_property
    def _predicted(self) -> NDArray[Any]:
        return np.asarray(self.cells.sum(axis=(-3, -1)))

    def _confusion(self, label: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> NDArray[Any]:
        rows = self.cells[..., label, :, :][..., predicted, :]
        return np.asarray(rows.sum(axis=(-3, -2, -1)))[()]


class Levels(NamedTuple):
    """Values on each axis of a table, in canonical order."""

    facet: tuple[Level, ...]
    label: tuple[Level, ...]
    predicted: tuple[Level, ...]
    group: tuple[Level, ...]


@dataclass(frozen=True, eq=False)
class Table:
    """Contingency table of one facet: `n` rows per cell of ``(facet, label, predicted, group)``.

    Where rows are weighted, `w` has the sums of the weights and `w2` those of their squares, in the
    same cells. `levels` are the values on each axis in canonical order; an axis without a column
    has only the level ``"*"``. Tables add cell by cell, even where their levels differ.
    """

    levels: Levels
    n: NDArray[np.int64]
    w: NDArray[np.float64] | None = None
    w2: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        levels: Sequence[Sequence[Level]],
        arrays: Sequence[NDArray[Any]],
        keep: Collection[Level],
    ) -> Table:
        """Table in canonical form from arrays ``n`` or ``n, w, w2`` on raw levels.

        Repeated levels are merged; levels without rows are dropped, except those in `keep` (the
        bins of a cut column).
        """
        final: list[tuple[Level, ...]] = []
        for axis, raw in enumerate(levels):
            rows = arrays[0].sum(axis=tuple(i for i in range(len(levels)) if i != axis))
            used = {a for a, count in zip(raw, rows.tolist(), strict=True) if count} | {
                a for a in raw if a in keep
            }
            kept = tuple(sorted(used, key=order))
            arrays = [regrouped(array, axis, raw, kept) for array in arrays]
            final.append(kept)
        return cls(Levels(*final), *arrays)

    @property
    def rows(self) -> int:
        """Number of rows in the table, including those with missing values."""
        return int(self.n.sum())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Table):
            return NotImplemented
        return self.levels == other.levels and all(
            (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b))
            for a, b in zip(self._arrays(), other._arrays(), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Table) -> Table:
        if not isinstance(other, Table):
            return NotImplemented
        levels = Levels(
            *(
                tuple(sorted({*ours, *theirs}, key=order))
                for ours, theirs in zip(self.levels, other.levels, strict=True)
            )
        )
        refuse_mixed(levels)
        added = (
            None if a is None or b is None else a + b
            for a, b in zip(self._spread(levels), other._spread(levels), strict=True)
        )
        return Table(levels, *added)  # type: ignore[arg-type]

    def beside(self, other: Table) -> Table:
        """Table with the levels of another added, without rows."""
        return self + Table(
            other.levels,
            np.zeros_like(other.n),
            None if other.w is None else np.zeros_like(other.w),
            None if other.w2 is None else np.zeros_like(other.w2),
        )

    def as_reported(self) -> Table:
        """Table in which an intersection of which a part is missing is missing as a whole."""
        levels = self.levels.facet
        if not any(isinstance(one, tuple) and is_missing(one) for one in levels):
            return self
        raw = tuple(MISSING if is_missing(one) else one for one in levels)
        kept = (*(one for one in levels if not is_missing(one)), MISSING)
        arrays = (None if one is None else regrouped(one, 0, raw, kept) for one in self._arrays())
        return Table(self.levels._replace(facet=kept), *arrays)  # type: ignore[arg-type]

    def split(
        self,
        on_d: NDArray[np.bool_],
        on_a: NDArray[np.bool_] | None = None,
        *,
        known: Collection[str] = (),
        positive: Collection[Level] = (),
        positive_hat: Collection[Level] = (),
    ) -> tuple[Tally, Tally]:
        """Sides a and d of some comparisons, each a `Tally` with one leading axis.

        Parameters
        ----------
        on_d, on_a
            Shape ``(comparisons, facet levels)``: the levels that together are d, and those that
            together are a, by default every other one. Rows of a missing level are on no side.
        known
            Axes, besides the facet, on which a row's value must be known for it to count.
        positive, positive_hat
            Levels of the label and of the prediction that are positive.
        """
        each = self.by_value(known=known, positive=positive, positive_hat=positive_hat)
        return each.together(~on_d if on_a is None else on_a), each.together(on_d)

    def by_value(
        self,
        *,
        known: Collection[str] = (),
        positive: Collection[Level] = (),
        positive_hat: Collection[Level] = (),
    ) -> Tally:
        """`Tally` of each facet level, with the levels as its leading axis, as for `split`.

        That of a missing level is empty.
        """
        labels = np.array([level in positive for level in self.levels.label], dtype=bool)
        hat = None
        if "predicted" in known:
            hat = np.array([level in positive_hat for level in self.levels.predicted], dtype=bool)
        cells = self._known(self.n if self.w is None else self.w, known)
        return Tally(cells, labels, hat, None if self.w2 is None else self._known(self.w2, known))

    @property
    def of_missing(self) -> Table:
        """Table of the rows whose facet is missing, as if that were a value."""
        gone = [*map(is_missing, self.levels.facet)]
        arrays = (None if one is None else one[gone] for one in self._arrays())
        levels = self.levels._replace(facet=(ABSENT,) * sum(gone))
        return Table(levels, *arrays)  # type: ignore[arg-type]

    def rows_of(self, known: Collection[str]) -> NDArray[np.int64]:
        """Rows of each facet level that count, whatever they weigh; a missing level has none."""
        return np.asarray(self._known(self.n, known).sum(axis=(1, 2, 3)))

    def _known(self, cells: NDArray[Any], axes: Collection[str]) -> NDArray[Any]:
        """Cells emptied of the rows whose facet, or value on one of the axes named, is missing.

        Predictions and groups that are not named are summed.
        """
        cells = cells.copy()
        for axis, (name, levels) in enumerate(zip(AXES, self.levels, strict=True)):
            if name != "facet" and name not in axes:
                continue
            if gone := sum(map(is_missing, levels)):
                cells[(slice(None),) * axis + (slice(-gone, None),)] = 0
        for axis, name in ((-2, "predicted"), (-1, "group")):
            if name not in axes:
                cells = cells.sum(axis=axis, keepdims=True)
        return cells

    def _arrays(self) -> tuple[NDArray[Any] | None, ...]:
        return (self.n, self.w, self.w2)

    def _spread(self, levels: Levels) -> list[NDArray[Any] | None]:
        """Arrays on a superset of this table's levels."""
        where = np.ix_(
            *(
                [wide.index(level) for level in own]
                for wide, own in zip(levels, self.levels, strict=True)
            )
        )
        made: list[NDArray[Any] | None] = []
        for array in self._arrays():
            if array is None:
                made.append(None)
                continue
            wider = np.zeros([len(axis) for axis in levels], dtype=array.dtype)
            wider[where] = array
            made.append(wider)
        return made


def empty_table(roles: Roles, facet: Facet) -> Table:
    """Table of no rows for one facet: no levels but the bins of columns that are cut."""
    levels = Levels(*map(_empty_axis, roles.axes(facet)))
    shape = [len(axis) for axis in levels]
    n = np.zeros(shape, dtype=np.int64)
    if roles.weight is None:
        return Table(levels, n)
    return Table(levels, n, np.zeros(shape), np.zeros(shape))


def _empty_axis(axis: Axis) -> tuple[Level, ...]:
    return axis.bins if axis.columns else (ABSENT,)


def regrouped(
    array: NDArray[Any], axis: int, raw: Sequence[Level], kept: Sequence[Level]
) -> NDArray[Any]:
    """Array whose entries along one axis are summed by level, in the order of `kept`."""
    if tuple(raw) == tuple(kept):
        return array
    source = {level: i for i, level in enumerate(raw)}
    if len(source) == len(raw) and all(level in source for level in kept):
        return np.take(array, [source[level] for level in kept], axis=axis)
    place = {level: i for i, level in enumerate(kept)}
    shape = [*array.shape]
    shape[axis] = len(kept)
    made = np.zeros(shape, dtype=array.dtype)
    target = np.moveaxis(made, axis, 0)
    for level, part in zip(raw, np.moveaxis(array, axis, 0), strict=True):
        if level in place:
            target[place[level]] += part
    return made
