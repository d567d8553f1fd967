"""Answering: scores and labels of rows from what a server or a script answers to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.predictors.responses import Answer
from biaskit.sources.counting import Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answering"]


class Answering:
    """A model whose answers are read as a configuration says.

    Parameters
    ----------
    names
        Names of the outputs, if the configuration has them.
    threshold
        A single score above it is the label 1.
    progress
        Called with the number of rows that have their label, and their share.
    """

    def __init__(
        self,
        names: Sequence[str] | None = None,
        threshold: float = 0.5,
        progress: Progress | None = None,
    ):
        self._given = None if names is None else list(names)
        self._threshold = threshold
        self._progress = progress
        self._found: list[str] | None = None

    @property
    def names(self) -> list[str]:
        """Names of the outputs, known after the first answer."""
        return self._given or self._found or ["label0"]

    def scores(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Scores of some rows, shape ``(rows, outputs)``."""
        made = [answer.as_scores() for answer in self._answers(rows)]
        found = np.concatenate(made) if made else np.empty((0, 1))
        if self._found is None:
            self._found = [f"label{i}" for i in range(found.shape[1])]
        return found

    def labels(self, rows: pd.DataFrame) -> list[Any]:
        """Predicted label of each row."""
        made: list[Any] = []
        for answer in self._answers(rows):
            made += answer.predicted(self._threshold, self._given)
            if self._progress is not None:
                self._progress(len(made), len(made) / len(rows))
        return made

    def _answers(self, rows: pd.DataFrame) -> Iterator[Answer]:
        """Answers to all rows, in their order."""
        raise NotImplementedError
