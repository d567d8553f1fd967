"""scikit-learn: its trees and linear models, pipelines that end in one, and other estimators."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from biaskit.errors import DataError, first_line
from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import RowTable
from biaskit.explanations.models.consent import imported, loaded
from biaskit.explanations.models.ensembles import TreeModel
from biaskit.explanations.models.estimators import classes_of, columns_of, outputs_of
from biaskit.explanations.models.model import (
    Floats,
    Formula,
    ForShap,
    Model,
    output_names,
    trees_or_why_not,
)
from biaskit.explanations.models.opening import opened
from biaskit.explanations.models.sklearn_trees import from_sklearn
from biaskit.explanations.pipelines.encoding import Encoding, encoding_of, taken_apart

__all__ = ["of_sklearn", "skops_file"]


def of_sklearn(model: Any) -> Model:
    """Model of an estimator or a pipeline of scikit-learn, or of a class derived from one."""
    from sklearn.pipeline import Pipeline

    if isinstance(model, Pipeline):
        return _of_pipeline(model)
    trees = trees_or_why_not(lambda: from_sklearn(model))
    outputs = partial(outputs_of, model)
    if not isinstance(trees, TreeModel):
        return Model(
            columns=columns_of(model), trees=trees, outputs=outputs, formula=_formula(model, model)
        )
    return Model(
        columns=trees.features,
        has_names=trees.has_names,
        trees=trees,
        outputs=outputs,
        for_shap=_for_shap(model, trees),
    )


def skops_file(path: Path, _: bool) -> Any:
    """Estimator in a ``.skops`` file.

    Raises
    ------
    DataError
        skops is missing or too old, or cannot read the file.
    """
    io = imported("skops.io", "a .skops file needs skops", least=(0, 13))
    return loaded("skops", lambda: io.load(path, trusted=io.get_untrusted_types(file=path)))


def _of_pipeline(pipeline: Any) -> Model:
    """Model of a pipeline: by its last step and what the others make of the columns of the data."""
    whole = Model(columns=columns_of(pipeline), outputs=partial(outputs_of, pipeline))
    _, last = taken_apart(pipeline)
    if not (hasattr(last, "predict") and pipeline.__sklearn_is_fitted__()):
        return whole
    try:
        model = opened(last)
        trees = None if model.trees is None else model.read_trees()
        formula = _formula(last, pipeline) if trees is None else None
        if trees is None and formula is None:
            return whole
        encoding = encoding_of(pipeline)
        if trees is not None:
            trees = _made_of(encoding, trees)
        return replace(whole, trees=trees, formula=formula, encoding=encoding, remark=model.remark)
    except Declined as declined:
        return replace(whole, trees=declined.with_traceback(None))
    except DataError as error:
        return replace(whole, trees=Declined(first_line(error)))


def _made_of(encoding: Encoding, trees: TreeModel) -> TreeModel:
    """Trees whose splits are credited to the columns that an encoding makes theirs of."""
    if trees.categories is not None:
        raise Declined("a last step that takes categories")
    if len(trees.features) != len(encoding.origins.of):
        raise Declined("steps that make other columns than they say")
    outputs = {name: replace(one, origins=encoding.origins) for name, one in trees.outputs.items()}
    return replace(trees, outputs=outputs)


def _for_shap(model: Any, trees: TreeModel) -> ForShap:
    own, classes = trees.own, classes_of(model)
    assert own is not None  # the object exists, so its library is installed
    return ForShap(
        model,
        lambda _, rows: own(rows),
        classes,
        trees.unit,
        is_probability=trees.is_probability,
        skipped=int(trees.is_probability and len(classes) == 2),
    )


def _formula(model: Any, whole: Any) -> Formula | None:
    """Formula of a linear model, the last step of `whole` or the same; None for any other."""
    if not any(one.__module__.startswith("sklearn.linear_model") for one in type(model).__mro__):
        return None
    from sklearn.linear_model import (
        ElasticNet,
        Lasso,
        LinearRegression,
        LogisticRegression,
        Ridge,
    )

    if not isinstance(model, (LinearRegression, LogisticRegression, Ridge, Lasso, ElasticNet)):
        return None
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    at_zero = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64), (len(weights),))
    classes = classes_of(model)
    unit = "output" if not classes else "log-odds" if len(weights) == 1 else "margin"
    call = getattr(whole, "decision_function", whole.predict)

    def own(table: RowTable, rows: Floats) -> Floats:
        shaped = table.frame if hasattr(whole, "feature_names_in_") else table.array
        return np.asarray(call(shaped(rows)), dtype=np.float64).reshape(len(rows), -1)

    return Formula(weights, at_zero, output_names(classes, len(weights)), unit, own)
