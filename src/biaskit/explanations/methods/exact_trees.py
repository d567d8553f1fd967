"""Exact trees: the values of the margin of trees, by biaskit's own kernels."""

from __future__ import annotations

import numpy as np

from biaskit.errors import RolesError
from biaskit.explanations.attributions import About
from biaskit.explanations.declined import Declined
from biaskit.explanations.methods.compared import values_of
from biaskit.explanations.methods.inputs import Numbers
from biaskit.explanations.methods.method import Task, Values
from biaskit.explanations.models.ensembles import TreeModel
from biaskit.explanations.models.model import chosen_outputs
from biaskit.explanations.outputs import Walked, refuse_other_outputs, spread
from biaskit.sources.batches import Batch

__all__ = ["ExactTrees"]

# Rows that are explained at a time.
_AT_ONCE = 1 << 16
# Sums of tables differ from sums of leaves only by rounding.
_ROUNDING = 1e-9


class ExactTrees:
    """Exact values of the margin of trees, or of a probability that they add up to."""

    def __init__(self, task: Task):
        trees = task.model.read_trees()
        _refuse_scale(task.request.scale, trees)
        self._numbers = Numbers(task)
        self.at_once = self._numbers.at_once(_AT_ONCE)
        names = [*trees.outputs]
        self._chosen = chosen_outputs(names, task.request.output_class)
        ensembles = [*trees.outputs.values()]
        self._values, how = values_of([ensembles[at] for at in self._chosen], task, self._numbers)
        self._walked = Walked(trees, self._chosen)
        self.about = About(
            features=task.rows.features,
            outputs=tuple(names[at] for at in self._chosen),
            scale="probability" if trees.is_probability else "raw",
            unit=trees.unit,
            method=f"trees, {how}{task.model.remark}",
            base=tuple(values.base for values in self._values),
        )

    def __call__(self, batch: Batch) -> Values:
        """Values, compared with a walk down the trees and with the model's own outputs."""
        columns = self._numbers(batch, batch.where)
        found = np.stack([values(columns) for values in self._values])
        some = spread(batch.rows)
        walked = self._walked([column[some] for column in columns])
        refuse_other_outputs(found[:, -1, some].T, walked, _ROUNDING)
        return Values(found)


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
