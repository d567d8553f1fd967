"""Methods: their input and their result."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from biaskit.explanations.attributions import About
from biaskit.explanations.models.model import Model
from biaskit.explanations.request import Request
from biaskit.explanations.rows import Rows
from biaskit.sources.batches import Batch

__all__ = ["FEW_AT_ONCE", "Method", "Task", "Values"]

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
