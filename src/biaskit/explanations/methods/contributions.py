"""Contributions: path-dependent values of trees that only the model's own library can read."""

from __future__ import annotations

import numpy as np

from biaskit.explanations.attributions import About
from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import RowTable
from biaskit.explanations.methods.method import FEW_AT_ONCE, Task, Values
from biaskit.explanations.models.model import chosen_outputs, output_names
from biaskit.explanations.outputs import refuse_other_outputs
from biaskit.sources.batches import Batch

__all__ = ["LibraryContributions"]


class LibraryContributions:
    """Path-dependent values of a margin, as XGBoost and LightGBM compute them."""

    at_once = FEW_AT_ONCE

    def __init__(self, task: Task):
        request, rows, own = task.request, task.rows, task.model.contributions
        if own is None or rows.has_background or request.scale == "probability":
            raise Declined
        self._own, self._table = own, RowTable(rows.features, rows.first)
        found = own.values(self._table, self._table.rows(rows.few))
        names = output_names(own.classes, found.shape[1])
        self._chosen = chosen_outputs(names, request.output_class)
        self.about = About(
            features=rows.features,
            outputs=tuple(names[at] for at in self._chosen),
            scale="raw",
            unit="margin",
            method=f"{own.library}'s own contributions, path-dependent "
            f"({task.why}){task.model.remark}",
            base=tuple(found[0, self._chosen, -1].tolist()),
        )

    def __call__(self, batch: Batch) -> Values:
        """Values as the library returns them."""
        rows = self._table.rows(batch)
        found = self._own.values(self._table, rows)
        refuse_other_outputs(found.sum(axis=2), self._own.margin(self._table, rows))
        values = found[:, self._chosen].transpose(1, 2, 0)
        return Values(np.concatenate([values[:, :-1], values.sum(axis=1, keepdims=True)], axis=1))
