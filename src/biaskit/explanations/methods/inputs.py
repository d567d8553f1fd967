"""Inputs: the numbers that a model's trees compare, of batches of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biaskit.explanations.floats import RowTable, matrix
from biaskit.explanations.methods.method import Task
from biaskit.sources.batches import Batch

__all__ = ["Numbers"]

# Numbers that steps make at a time: 8 bytes each.
_MOST_NUMBERS = 1 << 24


class Numbers:
    """Columns of batches as the numbers that a model's trees compare.

    Where the model stores categories, a category becomes its code in the training data; where a
    pipeline's steps come before the trees, columns are what they make of those of the data.

    Raises
    ------
    Declined
        The steps are not what they seem on the first rows.
    """

    def __init__(self, task: Task):
        self._features = task.rows.features
        self._categories = task.model.read_trees().categories
        self._encoding = task.model.encoding
        if self._encoding is not None or self._categories is not None:
            self._table = RowTable(self._features, task.rows.first)
        if self._encoding is not None:
            self._encoding.accept(self._table, self._table.rows(task.rows.first))

    def at_once(self, most: int) -> int:
        """Rows whose columns fit in memory together, at most a given number."""
        if self._encoding is None:
            return most
        return min(most, max(1, _MOST_NUMBERS // max(1, len(self._encoding.origins.of))))

    def __call__(self, batch: Batch, where: str) -> list[NDArray[np.float64]]:
        """Columns of a batch, in the order of the trees'.

        Raises
        ------
        DataError
            The batch does not hold what the model takes.
        """
        if self._encoding is not None:
            return [*self._encoding.checked(self._table, self._table.rows(batch), where).T]
        if self._categories is not None:
            return [*self._table.codes(self._table.rows(batch), self._categories).T]
        return matrix(batch, self._features, where)
