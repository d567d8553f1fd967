"""XGBoost's models, from the JSON form that the library itself writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from biaskit.errors import DataError
from biaskit.models.ensembles import Ensemble, TreeModel, Trees, TreesUnsupported, refuse_large
from biaskit.models.ubjson import from_ubjson

__all__ = ["from_xgboost", "from_xgboost_file"]

_LOG_ODDS = {"binary:logistic", "binary:logitraw", "reg:logistic"}
_MOST_FEATURES, _MOST_CLASSES = 100_000, 10_000
_LOGS = {"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"}


def from_xgboost_file(content: bytes) -> TreeModel:
    """Model in the bytes of a ``.json`` or ``.ubj`` file.

    Raises
    ------
    DataError
        The file is no model of XGBoost, or is damaged.
    TreesUnsupported
        It holds what the kernels do not read.
    """
    try:
        is_text = content.lstrip()[:1] == b"{" and content.lstrip()[1:2] in b' "\n\r\t}'
        found = json.loads(content) if is_text else from_ubjson(content)
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"the model is not whole JSON: {error}; save it again") from error
    return from_xgboost(found)


def from_xgboost(model: Any) -> TreeModel:
    """Model in the parsed JSON of XGBoost.

    Raises
    ------
    DataError
        It is no model of XGBoost, or is damaged.
    TreesUnsupported
        It holds what the kernels do not read.
    """
    try:
        return _read(model["learner"])
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"this is no model that XGBoost wrote, or it is damaged ({error!r}); "
            "save it with save_model"
        ) from error


def _read(learner: Mapping[str, Any]) -> TreeModel:
    booster, weights = learner["gradient_booster"], None
    if booster["name"] == "dart":
        weights = [float(np.float32(weight)) for weight in booster["weight_drop"]]
        booster = booster["gbtree"]
    elif booster["name"] != "gbtree":
        raise TreesUnsupported(f"the booster {booster['name']}")
    trees, infos = booster["model"]["trees"], booster["model"]["tree_info"]
    parameters = learner["learner_model_param"]
    objective = str(learner["objective"]["name"])
    if int(parameters.get("num_target", 1)) > 1:
        raise TreesUnsupported("several targets")
    names = [str(name) for name in learner.get("feature_names") or ()]
    size = int(parameters["num_feature"])
    if not 0 < size <= _MOST_FEATURES:
        raise DataError(f"the model says it has {size:,} features; {_MOST_FEATURES:,} is the most")
    features = tuple(names or [f"f{i}" for i in range(size)])  # one for all classes
    if len(features) != size:
        raise DataError("the model is damaged: it has other names than features")
    classes = max(1, int(parameters["num_class"]))
    if classes > _MOST_CLASSES:
        raise DataError(f"the model says it has {classes:,} classes; {_MOST_CLASSES:,} is the most")
    refuse_large(classes, size)
    bases = _bases(parameters["base_score"], objective, classes)
    if len(infos) != len(trees) or (weights is not None and len(weights) != len(trees)):
        raise DataError("the model is damaged: it has other classes than trees")
    parts = [Trees() for _ in range(classes)]
    for number, (tree, class_) in enumerate(zip(trees, infos, strict=True)):
        if not 0 <= int(class_) < classes:
            raise DataError("the model is damaged: a tree belongs to no class")
        _add(parts[int(class_)], tree, 1.0 if weights is None else weights[number])
    made: dict[str, Ensemble] = {
        str(k) if classes > 1 else "": part.ensemble(features, base, rounds=True)
        for k, (part, base) in enumerate(zip(parts, bases, strict=True))
    }
    is_log_odds = objective in _LOG_ODDS
    unit = "log-odds" if is_log_odds else "log" if objective in _LOGS else "margin"
    unit = "output" if objective.startswith("reg:") and unit == "margin" else unit
    return TreeModel("XGBoost", made, unit, is_log_odds=is_log_odds, has_names=bool(names))


def _add(trees: Trees, tree: Mapping[str, Any], weight: float) -> None:
    if len(tree.get("categories_nodes", ())) or np.any(np.asarray(tree.get("split_type", 0))):
        raise TreesUnsupported("categorical splits")
    if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise TreesUnsupported("leaves with several outputs")
    with np.errstate(over="ignore"):
        conditions = np.asarray(tree["split_conditions"], dtype=np.float32)
    left = np.asarray(tree["left_children"])
    trees.add(
        left=left,
        right=np.where(left < 0, -1, np.asarray(tree["right_children"])),
        feature=np.asarray(tree["split_indices"]),
        # A row goes left below the threshold: up to the float that comes before it.
        threshold=np.nextafter(conditions, np.float32(-np.inf)),
        missing_left=np.asarray(tree["default_left"]),
        value=conditions.astype(np.float64) * weight,
        cover=np.asarray(tree["sum_hessian"], dtype=np.float64),
    )


def _bases(text: Any, objective: str, classes: int) -> list[float]:
    """Outputs that the trees are added to, on the scale of the trees."""
    given = json.loads(text) if isinstance(text, str) else text
    scores = [float(score) for score in (given if isinstance(given, list) else [given])]
    if len(scores) == 1:
        scores *= classes
    if len(scores) != classes:
        raise DataError("the model is damaged: it has other base scores than classes")
    if objective in _LOG_ODDS - {"binary:logitraw"}:
        scores = [math.log(score / (1 - score)) for score in scores]
    elif objective in _LOGS:
        scores = [math.log(score) for score in scores]
    return scores
