"""Estimators and functions: any object that predicts or can be called, used through its outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from biaskit.errors import DataError, RolesError, listed
from biaskit.explanations.floats import RowTable
from biaskit.explanations.models.model import (
    NO_PROBABILITY,
    Floats,
    Model,
    Outputs,
    finite,
    output_names,
)

__all__ = ["answered", "classes_of", "columns_of", "of_anything", "outputs_of"]

_PREDICTS = ("predict", "predict_proba", "decision_function")


class _Question(NamedTuple):
    """Function of a model to call, and the meaning of its result."""

    call: Callable[[Any], Any]
    scale: str = "raw"
    unit: str = "output"
    #: Whether the second of two columns determines the first.
    is_binary: bool = False


def of_anything(model: Any) -> Model:
    """Model of an object that predicts, or of a function of a frame or an array.

    Raises
    ------
    RolesError
        The object neither predicts nor can be called.
    """
    _refuse_no_model(model)
    return Model(columns=columns_of(model), outputs=partial(outputs_of, model))


def classes_of(model: Any) -> tuple[str, ...]:
    """Names of the classes of a classifier; empty for any other model."""
    return tuple(str(one) for one in getattr(model, "classes_", ()))


def columns_of(model: Any) -> tuple[str, ...]:
    """Columns that a model declares, in their order; empty where it declares none."""
    for name in ("feature_names_in_", "feature_names_", "feature_names", "columns"):
        found = getattr(model, name, None)
        if callable(found):
            found = found()
        if found is not None and len(found):
            return tuple(str(one) for one in found)
    return ()


def outputs_of(model: Any, scale: str, table: RowTable, some: Floats) -> Outputs:
    """Outputs of an estimator or a function on a scale.

    Raises
    ------
    RolesError
        It does not have the scale, or it is not a model.
    DataError
        It predicts only classes, or fails on the rows.
    """
    classes = classes_of(model)
    asked = _question(model, scale, classes)
    if scale == "probability" and asked.scale != "probability":
        raise RolesError(NO_PROBABILITY)
    if scale == "raw" and asked.scale == "probability":
        if not asked.is_binary:
            raise RolesError("this model has no raw scale; leave scale out")
        return answered(asked.call, table, some, classes, "raw", "log-odds", _log_odds)
    second = _second if asked.is_binary else None
    return answered(asked.call, table, some, classes, asked.scale, asked.unit, second)


def _question(model: Any, scale: str, classes: Sequence[str]) -> _Question:
    is_classifier = bool(classes) or hasattr(model, "predict_proba")
    if is_classifier and scale == "raw" and hasattr(model, "decision_function"):
        return _Question(model.decision_function, unit="margin")
    if hasattr(model, "predict_proba"):
        return _Question(model.predict_proba, "probability", "probability", len(classes) == 2)
    if classes and hasattr(model, "decision_function"):
        return _Question(model.decision_function, unit="margin")
    if classes:
        raise DataError(
            f"{type(model).__name__} predicts classes without scores; give a model with "
            "predict_proba or decision_function, or a function that returns a score"
        )
    if hasattr(model, "predict"):
        return _Question(model.predict)
    if callable(model):
        return _Question(model)
    _refuse_no_model(model)
    return _Question(model.decision_function, unit="margin")


def _refuse_no_model(model: Any) -> None:
    if not (callable(model) or any(hasattr(model, name) for name in _PREDICTS)):
        raise RolesError(
            f"a {type(model).__module__}.{type(model).__qualname__} is not a model: it has no "
            "predict and cannot be called"
        )


def answered(
    call: Callable[[Any], Any],
    table: RowTable,
    some: Floats,
    classes: Sequence[str],
    scale: str,
    unit: str,
    then: Callable[[Floats], Floats] | None = None,
) -> Outputs:
    """Outputs by calling a model with a frame, or with an array if it takes no frame.

    Parameters
    ----------
    call
        Function of a frame or an array.
    table
        Makes frames from rows as floats.
    some
        Rows that the model is tried on.
    classes
        Names of the classes; empty for any other model.
    scale, unit
        What the outputs are.
    then
        Function of the numbers that the model returns to the outputs; by default the same numbers.

    Raises
    ------
    DataError
        The model fails on the rows, or does not return finite numbers.
    """
    take = _reader(call, table, some)
    of = finite(take if then is None else lambda rows: then(take(rows)))
    return Outputs(of, output_names(classes, of(some[:2]).shape[1]), scale, unit)


def _second(probabilities: Floats) -> Floats:
    """Probability of the second of two classes, which determines that of the first."""
    return probabilities[:, 1:] if probabilities.shape[1] == 2 else probabilities


def _log_odds(probabilities: Floats) -> Floats:
    found = _second(probabilities)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(found) - np.log1p(-found))


def _reader(
    call: Callable[[Any], Any], table: RowTable, some: Floats
) -> Callable[[Floats], Floats]:
    """Function of rows as floats; calls with a frame if the model takes one, else an array."""
    failures = []
    for shape in (table.frame, table.array):
        try:
            found = call(shape(some[:2]))
        except BaseException as error:
            if isinstance(error, (DataError, KeyboardInterrupt)):
                raise
            failures.append(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
            continue
        _as_scores(found, len(some[:2]))
        return lambda rows, shape=shape: _as_scores(call(shape(rows)), len(rows))  # type: ignore[misc]
    raise DataError(
        f"the model fails on these columns ({listed(table.features)}): {failures[0]}; "
        "did they have these types when it was trained?"
    )


def _as_scores(found: Any, rows: int) -> Floats:
    """Scores that a model returned, shape ``(rows, outputs)``."""
    scores = np.asarray(found)
    if scores.dtype == object or scores.dtype.kind in "US":
        try:
            scores = scores.astype(np.float64)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"the model returns {str(np.ravel(scores)[0])[:40]!r}, a class without a score; "
                "give one that returns numbers, such as its predict_proba"
            ) from error
    scores = scores.astype(np.float64)
    scores = scores[:, np.newaxis] if scores.ndim == 1 else scores
    if scores.ndim != 2 or len(scores) != rows:
        raise DataError(
            f"the model returns an array of shape {np.shape(found)} for {rows} rows; "
            "it must return a number, or one for each class, for every row"
        )
    return scores
