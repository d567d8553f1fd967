"""Facets: the facet values of rows as codes, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import ALL_ROWS, Facet
from biaskit.counts.levels import MISSING, Level, order
from biaskit.counts.roles import Roles
from biaskit.sources.batches import Batch
from biaskit.sources.grids import Grid, encoders_of

__all__ = ["Facets"]


class Facets:
    """Codes of the facets of each row."""

    def __init__(self, roles: Roles):
        self.names: tuple[Facet, ...] = roles.facet or (ALL_ROWS,)
        self._encoders = encoders_of(roles)
        self._grids = {
            facet: Grid([[self._encoders[column] for column in facet.columns]])
            for facet in self.names
        }

    def parts(self, batch: Batch) -> dict[Facet, list[NDArray[np.intp]]]:
        """Codes of each row in each column of each facet; empty without a facet."""
        by_column = {column: encoder.codes(batch) for column, encoder in self._encoders.items()}
        return {
            facet: [by_column[column] for column in facet.columns]
            for facet in self.names
            if facet.columns
        }

    def codes(self, batch: Batch) -> dict[Facet, NDArray[np.intp]]:
        """Code of each row for each facet; an intersection has an axis for each of its columns."""
        parts = self.parts(batch)
        return {facet: self._flat(facet, parts.get(facet, []), batch.rows) for facet in self.names}

    def _flat(self, facet: Facet, parts: Sequence[NDArray[np.intp]], rows: int) -> NDArray[np.intp]:
        grid = self._grids[facet]
        return grid.cells(parts, grid.shape(), rows)

    def members(
        self, facet: Facet, parts: NDArray[np.intp]
    ) -> Iterator[tuple[Level, NDArray[np.bool_]]]:
        """Known levels of a facet in canonical order, and the rows of each.

        `parts` has the codes of the rows in each column of the facet, as `parts` gives them.
        """
        flat = self._flat(facet, [*parts], parts.shape[1])
        levels = self.levels(facet)
        used = {levels[code] for code in np.unique(flat).tolist()} - {MISSING}
        for level in sorted(used, key=order):
            yield level, np.isin(flat, [i for i, one in enumerate(levels) if one == level])

    def size(self, facet: Facet) -> tuple[int, ...]:
        """Number of codes of each column of a facet so far."""
        return self._grids[facet].shape()

    def levels(self, facet: Facet) -> tuple[Level, ...]:
        """Levels of a facet in the order of its codes."""
        return self._grids[facet].levels()[0]

    def bins(self, facet: Facet) -> set[Level]:
        """Levels that are kept even without rows."""
        return self._grids[facet].keep if len(facet.columns) == 1 else set()
