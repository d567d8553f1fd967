"""Models in this process: an object, a function, or what a path or ``module:function`` names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.predictors.responses import Answer
from biaskit.counts.roles import Roles
from biaskit.errors import BiaskitError, DataError, RolesError, first_line
from biaskit.explanations.dependence import outputs_of_task
from biaskit.explanations.methods.choice import task_of
from biaskit.explanations.models.model import Model
from biaskit.explanations.models.opening import opened
from biaskit.explanations.request import Request
from biaskit.sources.batches import Batch, rows_of
from biaskit.sources.dispatch import source_of

if TYPE_CHECKING:
    import pandas as pd

    from biaskit.explanations.floats import RowTable
    from biaskit.explanations.models.model import Outputs

__all__ = ["InProcess", "Scale"]

#: Scale of a model's outputs: its margin, such as log-odds, or its probability.
Scale: TypeAlias = Literal["raw", "probability"]


class InProcess:
    """Scores and labels of rows, by a model in this process.

    Parameters
    ----------
    model
        The model, a path, or ``module:function``.
    headers
        Names of the outputs, if the configuration has them.
    threshold
        A single score above it is the label 1.
    trust_model
        Whether a library may open a file that biaskit's own readers have not checked.
    """

    def __init__(
        self,
        model: Any,
        headers: Sequence[Any] | None = None,
        threshold: float = 0.5,
        *,
        trust_model: bool = False,
    ):
        self._given = model
        self.model: Model = opened(model, trust_model=trust_model)
        self._headers = None if headers is None else list(headers)
        self._threshold = threshold
        self._outputs: tuple[RowTable, Outputs] | None = None
        self._width = 1

    @property
    def names(self) -> list[str]:
        """Names of the outputs."""
        if self._headers is not None:
            return [str(one) for one in self._headers]
        return [f"label{i}" for i in range(self._width)]

    def scores(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Scores of some rows, shape ``(rows, outputs)``: probabilities if the model has them."""
        batch = _whole(rows)
        if self._outputs is None:
            self._outputs = self._opened(rows)
        table, outputs = self._outputs
        found = _asked(outputs, table.rows(batch))
        self._width = found.shape[1]
        return found

    def on_floats(
        self, rows: pd.DataFrame
    ) -> tuple[NDArray[np.float64], Callable[[NDArray[np.float64]], NDArray[np.float64]]]:
        """Rows as floats, and the scores of any rows that are mixed of their values.

        Many mixtures are made of few rows, whose types and texts are looked at once here.
        """
        table, outputs = self._opened(rows)
        floats = table.rows(_whole(rows))
        self._width = _asked(outputs, floats[:1]).shape[1]
        return floats, lambda mixed: _asked(outputs, mixed)

    def scale_of(self, rows: pd.DataFrame) -> str:
        """Scale of the scores of some rows: ``probability``, or ``raw``."""
        return self._opened(rows)[1].scale

    def labels(self, rows: pd.DataFrame) -> list[Any]:
        """Predicted label of each row."""
        found = self.scores(rows)
        scores: list[Any] = found.tolist() if found.shape[1] > 1 else found[:, 0].tolist()
        return Answer(None, scores).predicted(self._threshold, self._headers)

    def close(self) -> None:
        """Nothing is open."""

    def _opened(self, rows: pd.DataFrame) -> tuple[RowTable, Outputs]:
        """The model's outputs on the scale of probabilities, or its only one."""
        features = [str(name) for name in rows.columns]
        reason: RolesError | None = None
        scales: tuple[Scale | Literal["auto"], ...] = ("probability", "auto")
        for scale in scales:
            request = Request(self.model, rows, Roles(), features=features, scale=scale)
            try:
                return outputs_of_task(task_of(request))
            except RolesError as error:
                reason = reason or error
        raise DataError(f"the model cannot be asked: {reason}") from reason


def _asked(outputs: Outputs, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Outputs of a model, whose own errors are those of the data."""
    try:
        return outputs.of(rows)
    except BaseException as error:
        if isinstance(error, BiaskitError) or not isinstance(error, Exception):
            raise
        raise DataError(f"the model fails: {type(error).__name__}: {first_line(error)}") from error


def _whole(rows: pd.DataFrame) -> Batch:
    """All rows of a frame as one batch."""
    import pyarrow as pa

    batches = [*rows_of(source_of(rows), [str(name) for name in rows.columns])]
    if len(batches) == 1:
        return batches[0]
    columns = {
        name: pa.concat_arrays([_plain(batch.columns[name]) for batch in batches])
        for name in batches[0].columns
    }
    return Batch(columns, len(rows), batches[0].where, None, batches[0].texts)


def _plain(array: Any) -> Any:
    return array.dictionary_decode() if hasattr(array, "dictionary_decode") else array
