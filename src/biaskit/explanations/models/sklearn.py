"""scikit-learn: its trees and linear models, and any other of its estimators and pipelines."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

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
from biaskit.explanations.models.sklearn_trees import from_sklearn

__all__ = ["of_sklearn", "skops_file"]


def of_sklearn(model: Any) -> Model:
    """Model of an estimator or a pipeline of scikit-learn, or of a class derived from one."""
    trees = trees_or_why_not(lambda: from_sklearn(model))
    outputs = partial(outputs_of, model)
    if not isinstance(trees, TreeModel):
        return Model(
            columns=columns_of(model), trees=trees, outputs=outputs, formula=_formula(model)
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


def _formula(model: Any) -> Formula | None:
    """Formula of a linear model; None for any other."""
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
    call = getattr(model, "decision_function", model.predict)

    def own(table: RowTable, rows: Floats) -> Floats:
        shaped = table.frame if hasattr(model, "feature_names_in_") else table.array
        return np.asarray(call(shaped(rows)), dtype=np.float64).reshape(len(rows), -1)

    return Formula(weights, at_zero, output_names(classes, len(weights)), unit, own)
