"""Methods: their input and their result."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from biaskit.explanations.attributions import About
from biaskit.explanations.floats import RowTable, matrix
from biaskit.explanations.models.model import Model
from biaskit.explanations.request import Request
from biaskit.explanations.rows import Rows
from biaskit.sources.batches import Batch

__all__ = ["FEW_AT_ONCE", "Method", "Numbers", "Task", "Values"]

#: Rows explained at a time by slow methods, so that progress shows.
FEW_AT_ONCE = 2_000


class Task(NamedTuple):
    """A request, its opened model, its rows, and the reasons why methods declined it."""

    request: Request
    model: Model
    rows: Rows
    #: Reasons of the methods that declined so far, each once.
    reasons: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.reasons)


class Numbers:
    """Columns of batches as the numbers that a model's trees compare.

    Where the model stores categories, a category becomes its code in the training data.
    """

    def __init__(self, task: Task):
        self._features, self._categories = task.rows.features, task.model.read_trees().categories
        if self._categories is not None:
            self._table = RowTable(self._features, task.rows.first)

    def __call__(self, batch: Batch, where: str) -> list[NDArray[np.float64]]:
        """Columns of a batch, in the order of the features, NaN where a value is missing."""
        if self._categories is None:
            return matrix(batch, self._features, where)
        return [*self._table.codes(self._table.rows(batch), self._categories).T]


class Values(NamedTuple):
    """Shapley values of a batch, shape ``(outputs, features + 1, rows)``; the last is the output.

    `noise` is the variance that sampling adds to each value; None if the values are exact.
    """

    shapley: NDArray[np.float64]
    noise: NDArray[np.float64] | None = None


class Method(Protocol):
    """Computes the Shapley values of batches of rows, one batch after another.

    A method is constructed from a `Task`, and raises `Declined` if it does not explain that model,
    on that scale, with or without a background.
    """

    about: About
    #: Most rows that a batch should have.
    at_once: int

    def __call__(self, batch: Batch) -> Values:
        """Shapley values of the rows of a batch.

        Raises
        ------
        DataError
            They do not add up to the model's own outputs.
        """
        ...
