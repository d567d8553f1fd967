"""Grids: the cells of rows by the codes of some columns; they grow with new values."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import MAX_CELLS, too_many_cells
from biaskit.counts.facets import Facet
from biaskit.counts.levels import ABSENT, MISSING, Level
from biaskit.counts.roles import Roles
from biaskit.errors import DataError
from biaskit.sources.encode import Encoder, OptionalEncoder

__all__ = ["Grid", "encoders_of", "grown"]


def encoders_of(
    roles: Roles, *, literal: bool = False, optional: Collection[str] = ()
) -> dict[str, Encoder]:
    """Encoder of each counted column; if `literal`, texts are never read as numbers.

    An `optional` column, which is not cut, is set aside where it cannot be counted.
    """
    made: dict[str, Encoder] = {}
    for column, role in roles.counted_columns().items():
        cut = (roles.bins(column), roles.cuts.get(column, ()))
        made[column] = (
            OptionalEncoder(column)
            if column in optional
            else Encoder(column, role, *cut, literal=literal)
        )
    return made


class Grid:
    """Cells of one facet: an axis for each column of the axes of its table.

    Parameters
    ----------
    axes
        Encoders of the columns of each axis of the table; empty for an axis without a column.
    """

    def __init__(self, axes: Sequence[Sequence[Encoder]]):
        self._axes = axes
        self.encoders = [encoder for axis in axes for encoder in axis]

    @classmethod
    def of(cls, roles: Roles, facet: Facet, encoders: Mapping[str, Encoder]) -> Grid:
        """Cells of a facet by all counted columns."""
        return cls([[encoders[c] for c in axis.columns] for axis in roles.axes(facet)])

    def shape(self) -> tuple[int, ...]:
        """Numbers of codes so far; read them once per part, since other threads may add codes.

        Raises
        ------
        DataError
            There are more cells than `MAX_CELLS`.
        """
        shape = self.sizes()
        if math.prod(shape) > MAX_CELLS:
            raise DataError(too_many_cells(shape))
        return shape

    def sizes(self) -> tuple[int, ...]:
        """Numbers of codes so far, however many cells they make."""
        return tuple(encoder.size for encoder in self.encoders)

    def cells(
        self, codes: Sequence[NDArray[np.intp]], shape: Sequence[int], rows: int
    ) -> NDArray[np.intp]:
        """Cell of each row as one number, from its code on each axis."""
        if not codes:
            return np.zeros(rows, dtype=np.intp)
        flat = codes[0]
        for code, size in zip(codes[1:], shape[1:], strict=True):
            flat = flat * size
            flat += code
        return flat

    def levels(self, *, partly: bool = False) -> list[tuple[Level, ...]]:
        """Levels of each axis of the table, in the order of its cells; they may repeat.

        An intersection of which a part is missing is missing; with `partly`, it is only where all
        of it is.
        """
        return [
            _combinations([encoder.levels() for encoder in axis], partly) if axis else (ABSENT,)
            for axis in self._axes
        ]

    def levels_of_others(self) -> list[tuple[Level, ...]]:
        """Levels of each axis but the facet's."""
        return [axis[0].levels() if axis else (ABSENT,) for axis in self._axes[1:]]

    def combinations(self, codes: NDArray[np.int32]) -> tuple[Level, ...]:
        """Levels of the facet, by the codes of its columns; they may repeat.

        An intersection of which a part is missing is a tuple with a missing part.
        """
        of_column = [encoder.levels() for encoder in self._axes[0]]
        parts = (
            [levels[code] for code in of_cell.tolist()]
            for levels, of_cell in zip(of_column, codes, strict=True)
        )
        return tuple(
            MISSING if all(one is MISSING for one in whole) else whole
            for whole in zip(*parts, strict=True)
        )

    @property
    def keep(self) -> set[Level]:
        """Levels that are kept even without rows: the bins of cut columns."""
        return {one for encoder in self.encoders for one in encoder.keep}


def grown(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Array enlarged to hold every code, including new ones."""
    if array.shape == shape:
        return array
    made = np.zeros(shape, dtype=array.dtype)
    made[tuple(slice(0, size) for size in array.shape)] = array
    return made


def _combinations(levels: list[tuple[Level, ...]], partly: bool) -> tuple[Level, ...]:
    """Levels of an intersection in the order of its cells."""
    if len(levels) == 1:
        return levels[0]
    made: list[tuple[Level, ...]] = [()]
    for axis in levels:
        made = [(*before, value) for before in made for value in axis]
    missing = all if partly else any
    return tuple(
        MISSING if missing(part is MISSING for part in combination) else combination
        for combination in made
    )
