"""Predictor: what every source of predictions gives: a score for each row, and a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["Predictor"]


class Predictor(Protocol):
    """A model behind any door: rows in, scores and labels out.

    Rows are a frame of the columns that the model takes, in the order of the data set, with the
    types that pandas infers.
    """

    @property
    def names(self) -> list[str]:
        """Name of each output: ``label_headers``, or ``label0``, ``label1`` ..."""
        ...

    def scores(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Scores of some rows, shape ``(rows, outputs)``, for SHAP values and partial dependence.

        Raises
        ------
        DataError
            The model cannot be asked, or its answer is not what it should be.
        """
        ...

    def close(self) -> None:
        """End connections and the like."""
        ...

    def labels(self, rows: pd.DataFrame) -> list[Any]:
        """Predicted label of each row, for bias metrics.

        Clarify's order: the answer's own label; the one of the highest of several scores; a score
        above ``probability_threshold`` is 1, any other 0.

        Raises
        ------
        DataError
            The model cannot be asked, or its answer is not what it should be.
        """
        ...
