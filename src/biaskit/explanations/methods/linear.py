"""Linear: the values of a linear model, by its formula."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.explanations.attributions import About
from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import RowTable
from biaskit.explanations.methods.method import FEW_AT_ONCE, Task, Values
from biaskit.explanations.models.model import chosen_outputs
from biaskit.explanations.outputs import refuse_other_outputs
from biaskit.explanations.rows import Rows, pieces
from biaskit.sources.batches import Batch

__all__ = ["Linear"]


class Linear:
    """Exact values of a linear function: weights times the distances of numbers from their means.

    The means are those of the rows that are compared with. Where a pipeline's steps make several
    numbers of a column, their values are added.
    """

    at_once = FEW_AT_ONCE

    def __init__(self, task: Task):
        request, rows, formula = task.request, task.rows, task.model.formula
        if formula is None or request.scale == "probability":
            raise Declined
        self._table, self._encoding = RowTable(rows.features, rows.first), task.model.encoding
        if self._encoding is None and not self._table.is_numeric:
            raise Declined
        self._formula = formula
        if self._encoding is not None:
            self._encoding.accept(self._table, self._table.rows(rows.first))
        self._mean, whence = self._compared(rows)
        self._chosen = chosen_outputs(formula.names, request.output_class)
        (base,) = self._outputs(self._mean[np.newaxis])
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
        numbers = self._numbers(batch)
        outputs = self._outputs(numbers)
        refuse_other_outputs(outputs, self._formula.own(self._table, self._table.rows(batch)))
        away = numbers - self._mean
        add = _same if self._encoding is None else self._encoding.added
        parts = np.stack([add(away * weights) for weights in self._formula.weights])
        total = outputs.T[:, :, np.newaxis]
        return Values(np.concatenate([parts, total], axis=2).transpose(0, 2, 1)[self._chosen])

    def _compared(self, rows: Rows) -> tuple[NDArray[np.float64], str]:
        """Mean of the numbers of the rows to compare with, and how many rows these are."""
        if not rows.has_background:
            drawn, whence = rows.compared
            return self._numbers(drawn).mean(axis=0), whence
        total, count = np.zeros(self._formula.weights.shape[1]), 0
        for batch in rows.background():
            for piece in pieces(batch, FEW_AT_ONCE):
                if piece.rows:
                    total += self._numbers(piece).sum(axis=0)
                    count += piece.rows
        if not count:
            raise DataError("the background has no rows; give it at least one")
        return total / count, f"{count:,} rows of the background"

    def _numbers(self, batch: Batch) -> NDArray[np.float64]:
        """Numbers that the formula takes, shape ``(rows, numbers)``."""
        rows = self._table.rows(batch)
        if self._encoding is None:
            return rows
        return self._encoding.checked(self._table, rows, batch.where)

    def _outputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs by the formula, shape ``(rows, outputs)``."""
        found: NDArray[np.float64] = rows @ self._formula.weights.T + self._formula.at_zero
        if not np.all(np.isfinite(found)):
            raise DataError(
                "a linear model takes no missing values; leave those rows out or fill them"
            )
        return found


def _same(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    return parts
