"""Exact trees: the values of the margin of trees, by biaskit's own kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, RolesError
from biaskit.explanations.attributions import About
from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import matrix
from biaskit.explanations.methods.method import Task, Values
from biaskit.explanations.models.ensembles import TreeModel
from biaskit.explanations.models.model import chosen_outputs
from biaskit.explanations.outputs import Walked, refuse_other_outputs, spread
from biaskit.explanations.rows import Rows
from biaskit.sources.batches import Batch

if TYPE_CHECKING:
    from biaskit.explanations.trees import TreeValues

__all__ = ["ExactTrees"]

# Sums of tables differ from sums of leaves only by rounding.
_ROUNDING = 1e-9


class ExactTrees:
    """Exact values of the margin of trees, or of a probability that they add up to."""

    at_once = 1 << 16

    def __init__(self, task: Task):
        trees = task.model.read_trees()
        _refuse_scale(task.request.scale, trees)
        self._trees, self._features = trees, task.rows.features
        names = [*trees.outputs]
        self._chosen = chosen_outputs(names, task.request.output_class)
        background = _Background(task.rows) if task.rows.has_background else None
        self._values = self._tabulated(background)
        self._walked = Walked(trees, self._chosen)
        how = "path-dependent" if background is None else f"{background.rows:,} background rows"
        self.about = About(
            features=self._features,
            outputs=tuple(names[at] for at in self._chosen),
            scale="probability" if trees.is_probability else "raw",
            unit=trees.unit,
            method=f"trees, exact, {how}{task.model.remark}",
            base=tuple(values.base for values in self._values),
        )

    def __call__(self, batch: Batch) -> Values:
        """Values by looking up the patterns of rows in tables."""
        columns = matrix(batch, self._features, batch.where)
        found = np.stack([values(columns) for values in self._values])
        some = spread(batch.rows)
        walked = self._walked([column[some] for column in columns])
        refuse_other_outputs(found[:, -1, some].T, walked, _ROUNDING)
        return Values(found)

    def _tabulated(self, background: _Background | None) -> list[TreeValues]:
        """Tables of the values of each explained output."""
        from biaskit.explanations.trees import TreeValues

        # Several outputs use the background one after another, and it is read once.
        batches = background if background is None or len(self._chosen) == 1 else [*background]
        ensembles = [*self._trees.outputs.values()]
        try:
            return [TreeValues(ensembles[at], batches) for at in self._chosen]
        except ValueError as error:
            if isinstance(error, DataError):
                raise
            raise DataError("the background has no rows; give it at least one") from error


class _Background:
    """Columns of the background, batch by batch, and the number of rows that were read."""

    def __init__(self, rows: Rows):
        self._rows = rows
        self.rows = 0

    def __iter__(self) -> Iterator[list[NDArray[np.float64]]]:
        for batch in self._rows.background():
            self.rows += batch.rows
            if batch.rows:
                yield matrix(batch, self._rows.features, "the background")


def _refuse_scale(scale: str, trees: TreeModel) -> None:
    """Refuse a scale that no method supports for trees; decline one that others support."""
    if scale == "probability" and not trees.is_probability:
        if trees.is_log_odds:
            raise Declined
        raise RolesError(
            f"this model has no probability of one class ({trees.unit} of "
            f"{len(trees.outputs)} outputs); leave scale out, or say scale='raw'"
        )
    if scale == "raw" and trees.is_probability:
        raise RolesError(
            "the trees of this model add up to a probability and have no other scale; "
            "leave scale out, or say scale='probability'"
        )
