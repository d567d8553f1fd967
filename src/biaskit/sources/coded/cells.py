"""Cells: rows that are counted by the codes of their columns, as a part of a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet
from biaskit.sources.coded.scored import ScoreCells

if TYPE_CHECKING:
    from biaskit.sources.histogram import Histograms

__all__ = ["Cells"]


@dataclass(frozen=True)
class Cells:
    """Counts of some rows, over codes that mean the same in every part."""

    #: For each facet, arrays with an axis for each of its columns, in `codes`' terms: numbers of
    #: rows and, where rows are weighted, sums of the weights and of their squares.
    tables: Mapping[Facet, Sequence[NDArray[Any]]]
    #: For each column, the encoder's code of each place on its axis.
    codes: Mapping[str, NDArray[np.intp]]
    rows: int
    where: str
    done: float | None = None
    #: For each facet the scores, where there are any.
    scores: Mapping[Facet, ScoreCells] | None = None

    def add_to(self, histograms: Histograms) -> None:
        """Add the rows to the counts."""
        histograms.add_cells(self.codes, self.tables, self.rows, self.where, self.scores)
