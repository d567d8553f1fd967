"""Linear: the values of a linear model, by its formula."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.explanations.attributions import About
from biaskit.explanations.declined import Declined
from biaskit.explanations.methods.method import FEW_AT_ONCE, Task, Values
from biaskit.explanations.methods.shap_rows import row_table
from biaskit.explanations.models.model import chosen_outputs
from biaskit.explanations.outputs import refuse_other_outputs
from biaskit.sources.batches import Batch

__all__ = ["Linear"]


class Linear:
    """Exact values of a linear function: weights times the distances of numbers from their means.

    The means are those of the rows that are compared with.
    """

    at_once = FEW_AT_ONCE

    def __init__(self, task: Task):
        request, rows, formula = task.request, task.rows, task.model.formula
        if formula is None or request.scale == "probability":
            raise Declined
        self._table = row_table(rows)
        if not self._table.is_numeric:
            raise Declined
        self._formula = formula
        drawn, whence = rows.compared
        self._background = self._table.rows(drawn)
        self._chosen = chosen_outputs(formula.names, request.output_class)
        base = self._outputs(self._background).mean(axis=0)
        self.about = About(
            features=rows.features,
            outputs=tuple(formula.names[at] for at in self._chosen),
            scale="raw",
            unit=formula.unit,
            method=f"linear, exact, {whence}",
            base=tuple(base[self._chosen].tolist()),
            own_background=not rows.has_background,
        )

    def __call__(self, batch: Batch) -> Values:
        """Values by the formula."""
        rows = self._table.rows(batch)
        outputs = self._outputs(rows)
        refuse_other_outputs(outputs, self._formula.own(self._table, rows))
        away = rows - self._background.mean(axis=0)
        parts = away * self._formula.weights[:, np.newaxis, :]
        total = outputs.T[:, :, np.newaxis]
        return Values(np.concatenate([parts, total], axis=2).transpose(0, 2, 1)[self._chosen])

    def _outputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs by the formula, shape ``(rows, outputs)``."""
        found: NDArray[np.float64] = rows @ self._formula.weights.T + self._formula.at_zero
        if not np.all(np.isfinite(found)):
            raise DataError(
                "a linear model takes no missing values; leave those rows out or fill them"
            )
        return found
