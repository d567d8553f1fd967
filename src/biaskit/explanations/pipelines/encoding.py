"""Encoding: what the steps before a pipeline's last one make of rows, checked against it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, first_line
from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import RowTable
from biaskit.explanations.pipelines.origins import Origins, origins_of

__all__ = ["Encoding", "encoding_of", "taken_apart"]

#: Most columns that steps may make.
_MOST_COLUMNS = 10_000
#: Rows of a batch on which the steps are checked.
_CHECKED = 1_000
# Relative difference at which two predictions are the same: libraries compute in float32.
_SAME = 1e-5
_PREDICTS = ("predict_proba", "decision_function", "predict")


@dataclass(frozen=True, eq=False)
class Encoding:
    """Steps before a pipeline's last one, whose outputs are each made of one column of the data.

    So the outputs for a mixture of two rows are a mixture of the two rows' outputs, and rows can be
    encoded as they are.
    """

    pipeline: Any
    #: The steps, without their names, and the last one, which predicts.
    steps: Sequence[Any]
    last: Any
    origins: Origins
    #: What the last step takes an entry for that a sparse matrix leaves out.
    absent: float

    def accept(self, table: RowTable, rows: NDArray[np.float64]) -> None:
        """Try the steps on some rows.

        Raises
        ------
        Declined
            They do not make numbers, or are not what they seem.
        DataError
            They fail on the rows.
        """
        if differs := self._differs(table, rows):
            raise Declined(differs)

    def checked(
        self, table: RowTable, rows: NDArray[np.float64], where: str
    ) -> NDArray[np.float64]:
        """Numbers that the last step takes of rows, shape ``(rows, columns)``.

        Raises
        ------
        DataError
            The steps fail on the rows, or are not what they seem on the first ones.
        """
        if differs := self._differs(table, rows):
            raise DataError(
                f"{where}: the model has {differs}; give a function that calls the model instead"
            )
        return self._dense(self._transformed(table, rows))

    def added(self, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of the numbers that are made of each feature, shape ``(rows, features)``."""
        made = np.zeros((len(parts), self.origins.features))
        for column, feature in enumerate(self.origins.of.tolist()):
            made[:, feature] += parts[:, column]  # equal rows have equal sums, to the last bit
        return made

    def _differs(self, table: RowTable, rows: NDArray[np.float64]) -> str:
        """How the steps differ on some rows from what is assumed of them; empty where they agree.

        Each column of the data is drawn anew from the rows, and every output must follow its own
        column. The last step must predict from the numbers what the pipeline predicts from the
        rows.
        """
        some = rows[:: max(1, len(rows) // _CHECKED)]
        drawn = np.random.default_rng(0).integers(0, len(some), some.shape)
        given = self._transformed(table, some)
        apart = self._dense(given)
        together = self._dense(self._transformed(table, np.take_along_axis(some, drawn, axis=0)))
        expected = np.take_along_axis(apart, drawn[:, self.origins.of], axis=0)
        same = np.isclose(expected, together, rtol=1e-9, atol=1e-12, equal_nan=True)
        if not same.all():
            name = table.features[self.origins.of[np.flatnonzero(~same.all(axis=0))[0]]]
            return f"a step whose output for {name!r} depends on other columns or rows"
        name = next(name for name in _PREDICTS if hasattr(self.last, name))
        ours = _answered(getattr(self.last, name), _like(given, apart))
        theirs = _answered(getattr(self.pipeline, name), self._shaped(table, some))
        near = _SAME * float(np.abs(theirs).mean())
        if not np.allclose(ours, theirs, rtol=_SAME, atol=near):
            return "steps whose numbers are not all that its last step predicts from"
        return ""

    def _transformed(self, table: RowTable, rows: NDArray[np.float64]) -> Any:
        """What the steps make of rows, in their own form."""
        made = self._shaped(table, rows)
        for step in self.steps:
            made = _answered(step.transform, made)
        return made

    def _shaped(self, table: RowTable, rows: NDArray[np.float64]) -> Any:
        return (table.frame if hasattr(self.pipeline, "feature_names_in_") else table.array)(rows)

    def _dense(self, found: Any) -> NDArray[np.float64]:
        """Numbers as an array, in columns that lie in one piece each."""
        from scipy import sparse

        if sparse.issparse(found):
            entries = found.tocoo()
            made = np.full(found.shape, self.absent, order="F")
            made[entries.row, entries.col] = entries.data
        else:
            try:
                made = np.asarray(found, dtype=np.float64, order="F")
            except (ValueError, TypeError) as error:
                raise Declined("steps that leave texts to its last one") from error
        if made.ndim != 2 or made.shape[1] != len(self.origins.of):
            raise Declined("steps that make other columns than they say")
        return made


def _answered(call: Callable[[Any], Any], rows: Any) -> Any:
    """What a step or a model says of rows.

    Raises
    ------
    DataError
        It fails on them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call(rows)
        except Exception as error:
            raise DataError(f"the model does not take these rows: {first_line(error)}") from error


def _like(given: Any, numbers: NDArray[np.float64]) -> Any:
    """Numbers as a frame where the last step is given one, for the names of its columns."""
    if not hasattr(given, "columns"):
        return numbers
    import pandas as pd

    return pd.DataFrame(numbers, columns=[*given.columns])


def taken_apart(pipeline: Any) -> tuple[list[tuple[str, Any]], Any]:
    """Steps of a pipeline before its last one, with their names, and the last one.

    A last step that is a pipeline is taken apart as well.
    """
    from sklearn.pipeline import Pipeline

    steps, last = [], pipeline
    while isinstance(last, Pipeline):
        steps += last.steps[:-1]
        last = last.steps[-1][1]
    kept = [(name, step) for name, step in steps if step is not None and step != "passthrough"]
    return kept, last


def encoding_of(pipeline: Any) -> Encoding:
    """Encoding by the steps of a fitted pipeline.

    Raises
    ------
    Declined
        A step makes a number of several columns, or it is unknown whether it does.
    """
    steps, last = taken_apart(pipeline)
    features = getattr(pipeline, "n_features_in_", None)
    if features is None:
        raise Declined("a first step that does not say how many columns it takes")
    origins = origins_of(steps, features)
    if len(origins.of) > _MOST_COLUMNS:
        raise Declined(f"steps that make more than {_MOST_COLUMNS:,} columns")
    is_xgboost = any(one.__module__.startswith("xgboost.") for one in type(last).__mro__)
    absent = np.nan if is_xgboost else 0.0  # XGBoost takes such entries for missing
    return Encoding(pipeline, [step for _, step in steps], last, origins, absent)
