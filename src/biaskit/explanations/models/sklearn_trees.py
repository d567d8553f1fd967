"""scikit-learn's trees, forests and boosted trees, from their fitted objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.explanations.declined import Declined
from biaskit.explanations.models.ensembles import TreeModel, Trees

__all__ = ["from_sklearn"]


def from_sklearn(model: Any) -> TreeModel | None:
    """Trees of a fitted estimator; None if it has no trees.

    Raises
    ------
    Declined
        It holds something that the kernels do not support.
    """
    import sklearn.ensemble as e
    import sklearn.tree as t

    named = [str(name) for name in getattr(model, "feature_names_in_", ())]
    size = int(getattr(model, "n_features_in_", 0))
    features = named or [f"x{i}" for i in range(size)]
    match model:
        case t.DecisionTreeClassifier() | t.DecisionTreeRegressor():
            trees = [model.tree_]
        case (
            e.RandomForestClassifier()
            | e.RandomForestRegressor()
            | e.ExtraTreesClassifier()
            | e.ExtraTreesRegressor()
        ):
            trees = [one.tree_ for one in model.estimators_]
        case e.GradientBoostingClassifier() | e.GradientBoostingRegressor():
            return _gradient_boosting(model, features, bool(named))
        case e.HistGradientBoostingClassifier() | e.HistGradientBoostingRegressor():
            return _hist_gradient_boosting(model, features, bool(named))
        case _:
            return None
    if model.n_outputs_ != 1:
        raise Declined("several targets")
    classes = getattr(model, "classes_", None)
    parts = [Trees() for _ in range(1 if classes is None else len(classes))]
    for tree in trees:
        values = tree.value[:, 0, :]
        if classes is not None:
            values = values / values.sum(axis=1, keepdims=True)
        for k, part in enumerate(parts):
            _add(part, tree, values[:, k] / len(trees))
    ensembles = [part.ensemble(features, 0.0, rounds=True) for part in parts]
    if classes is None:
        made, own = {"": ensembles[0]}, _column(model.predict)
    elif len(classes) == 2:  # the second class determines the first
        made, own = {"": ensembles[1]}, lambda rows: model.predict_proba(rows)[:, 1:]
    else:
        made = dict(zip(map(str, classes), ensembles, strict=True))
        own = model.predict_proba
    is_probability = classes is not None
    unit = "probability" if is_probability else "output"
    return TreeModel(
        made,
        unit,
        is_probability=is_probability,
        own=_with_names(own, named),
        has_names=bool(named),
    )


def _add(trees: Trees, tree: Any, value: NDArray[np.float64]) -> None:
    trees.add(
        left=tree.children_left,
        right=tree.children_right,
        feature=np.maximum(tree.feature, 0),
        threshold=tree.threshold,
        missing_left=tree.missing_go_to_left,
        value=value,
        cover=tree.weighted_n_node_samples,
    )


def _gradient_boosting(model: Any, features: list[str], has_names: bool) -> TreeModel:
    if not (model.init_ == "zero" or type(model.init_).__name__.startswith("Dummy")):
        raise Declined("an initial model of its own")
    bases = np.ravel(model._raw_predict_init(np.zeros((1, len(features)))))
    made = []
    for k, base in enumerate(bases.tolist()):
        part = Trees()
        for tree in (one.tree_ for one in model.estimators_[:, k]):
            _add(part, tree, tree.value[:, 0, 0] * model.learning_rate)
        made.append(part.ensemble(features, base, rounds=True))
    return _boosted(model, made, has_names, getattr(model, "loss", "") != "exponential")


def _hist_gradient_boosting(model: Any, features: list[str], has_names: bool) -> TreeModel:
    if model.is_categorical_ is not None and np.any(model.is_categorical_):
        raise Declined("categorical splits")
    bases = np.ravel(model._baseline_prediction).tolist()
    parts = [Trees() for _ in bases]
    for iteration in model._predictors:
        for part, predictor in zip(parts, iteration, strict=True):
            nodes = predictor.nodes
            is_leaf = nodes["is_leaf"].astype(bool)
            part.add(
                left=np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
                right=np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
                feature=np.where(is_leaf, 0, nodes["feature_idx"]),
                threshold=nodes["num_threshold"],
                missing_left=nodes["missing_go_to_left"],
                value=nodes["value"],
                cover=nodes["count"],
            )
    made = [part.ensemble(features, base) for part, base in zip(parts, bases, strict=True)]
    return _boosted(model, made, has_names, True)


def _boosted(model: Any, ensembles: list[Any], has_names: bool, is_logistic: bool) -> TreeModel:
    classes = getattr(model, "classes_", None)
    own = model.predict if classes is None else model.decision_function
    if len(ensembles) > 1:
        assert classes is not None
        outputs = dict(zip(map(str, classes), ensembles, strict=True))
    else:
        outputs = {"": ensembles[0]}
    is_log_odds = classes is not None and len(ensembles) == 1 and is_logistic
    unit = "log-odds" if is_log_odds else "output" if classes is None else "margin"
    if classes is None and getattr(model, "loss", "") in ("poisson", "gamma"):
        unit, own = "log", lambda rows: np.log(model.predict(rows))
    named = [str(name) for name in getattr(model, "feature_names_in_", ())]
    return TreeModel(
        outputs,
        unit,
        is_log_odds=is_log_odds,
        own=_with_names(_column(own), named),
        has_names=has_names,
    )


def _column(own: Any) -> Any:
    """Function whose result has an axis of outputs."""

    def wide(rows: Any) -> NDArray[np.float64]:
        found = np.asarray(own(rows), dtype=np.float64)
        return found[:, np.newaxis] if found.ndim == 1 else found

    return wide


def _with_names(own: Any, names: list[str]) -> Any:
    """Function of plain rows, for a model that requires a frame of named columns."""

    def by_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        import pandas as pd

        found = own(pd.DataFrame(rows, columns=names) if names else rows)
        return np.asarray(found, dtype=np.float64)

    return by_rows
