"""XGBoost's models, from the JSON form that the library itself writes."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from biaskit.errors import DataError
from biaskit.explanations.declined import Declined
from biaskit.explanations.models.ensembles import (
    Ensemble,
    TreeModel,
    Trees,
    best_rounds,
    refuse_large,
)
from biaskit.explanations.models.ubjson import from_ubjson

__all__ = ["from_xgboost", "from_xgboost_file"]

_LOG_ODDS = {"binary:logistic", "binary:logitraw", "reg:logistic"}
_MOST_FEATURES, _MOST_CLASSES = 100_000, 10_000
_LOGS = {"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"}


def from_xgboost_file(content: bytes) -> TreeModel:
    """Model in the bytes of a ``.json`` or ``.ubj`` file.

    A file that names its best round, as early stopping leaves it, predicts with the rounds up to
    it, as XGBoost's wrappers do once they have loaded the file.

    Raises
    ------
    DataError
        The file is not an XGBoost model, or is damaged.
    Declined
        It holds something that the kernels do not support.
    """
    try:
        is_text = content.lstrip()[:1] == b"{" and content.lstrip()[1:2] in b' "\n\r\t}'
        found = json.loads(content) if is_text else from_ubjson(content)
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"the model is not whole JSON: {error}; save it again") from error
    with _damage_named():
        best = (found["learner"].get("attributes") or {}).get("best_iteration")
        if any(len(one.get("values", ())) for one in _kept_categories(found["learner"])):
            raise Declined("categories that the file stores")
        return _read(found["learner"], None if best is None else int(best) + 1, math.nan)


def from_xgboost(model: Any, *, rounds: int | None = None, missing: float = math.nan) -> TreeModel:
    """Model in the parsed JSON of XGBoost.

    Parameters
    ----------
    model
        What the JSON holds.
    rounds
        Number of rounds of boosting that it predicts with; None for all.
    missing
        Number that counts as missing, besides NaN.

    Raises
    ------
    DataError
        It is not an XGBoost model, or is damaged.
    Declined
        It holds something that the kernels do not support.
    """
    with _damage_named():
        return _read(model["learner"], rounds, missing)


@contextlib.contextmanager
def _damage_named() -> Iterator[None]:
    """Turn errors from unexpected content into one `DataError`."""
    try:
        yield
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
            f"this is not a model that XGBoost wrote, or it is damaged ({_short(error)}); "
            "save it with save_model"
        ) from error


def _kept_categories(learner: Mapping[str, Any]) -> Any:
    """Encodings of the categories of each feature, as XGBoost stores them since version 3.1."""
    booster = learner["gradient_booster"]
    kept = booster.get("gbtree", booster).get("model", {}).get("cats") or {}
    return kept.get("enc") or ()


def _short(error: BaseException) -> str:
    text = repr(error)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _read(learner: Mapping[str, Any], rounds: int | None, missing: float) -> TreeModel:
    booster, weights = learner["gradient_booster"], None
    if booster["name"] == "dart":
        with np.errstate(over="ignore"):  # what is infinite is refused with the trees
            weights = [float(np.float32(weight)) for weight in booster["weight_drop"]]
        booster = booster["gbtree"]
    elif booster["name"] != "gbtree":
        raise Declined(f"the booster {booster['name']}")
    trees, infos = booster["model"]["trees"], booster["model"]["tree_info"]
    parameters = learner["learner_model_param"]
    objective = str(learner["objective"]["name"])
    size = int(parameters["num_feature"])
    if not 0 < size <= _MOST_FEATURES:
        raise DataError(
            f"the model says it has {size:,} features; at most {_MOST_FEATURES:,} are read"
        )
    given = learner.get("feature_names")
    names = () if given is None else given
    if len(names) not in (0, size):
        raise DataError("the model is damaged: its names and features differ in number")
    # One for all classes.
    features = tuple(map(str, names)) or tuple(f"f{i}" for i in range(size))
    # A model with several targets has trees for each, like one with several classes.
    outputs = max(1, int(parameters["num_class"]), int(parameters.get("num_target", 1)))
    if outputs > _MOST_CLASSES:
        raise DataError(
            f"the model says it has {outputs:,} classes; at most {_MOST_CLASSES:,} are read"
        )
    refuse_large(outputs, size)
    bases = _bases(parameters["base_score"], objective, outputs)
    if len(infos) != len(trees) or (weights is not None and len(weights) != len(trees)):
        raise DataError("the model is damaged: its classes and trees differ in number")
    used, remark = _used(booster["model"], rounds, outputs)
    parts = [Trees() for _ in range(outputs)]
    whole: set[int] = set()
    for number, (tree, output) in enumerate(zip(trees[:used], infos[:used], strict=True)):
        if not 0 <= int(output) < outputs:
            raise DataError("the model is damaged: a tree belongs to no class")
        whole |= _add(parts[int(output)], tree, 1.0 if weights is None else weights[number])
    made: dict[str, Ensemble] = {
        str(k) if outputs > 1 else "": part.ensemble(
            features, base, rounds=True, missing=missing, whole=frozenset(whole)
        )
        for k, (part, base) in enumerate(zip(parts, bases, strict=True))
    }
    is_log_odds = objective in _LOG_ODDS
    unit = "log-odds" if is_log_odds else "log" if objective in _LOGS else "margin"
    unit = "output" if objective.startswith("reg:") and unit == "margin" else unit
    return TreeModel(made, unit, is_log_odds=is_log_odds, has_names=len(names) > 0, remark=remark)


def _used(model: Mapping[str, Any], rounds: int | None, outputs: int) -> tuple[int, str]:
    """Number of trees that the first rounds have, and what a method says of it."""
    trees = len(model["trees"])
    if rounds is None:
        return trees, ""
    edges = model.get("iteration_indptr")
    if edges is None:  # before XGBoost 2 all rounds have the same number of trees
        each = outputs * max(1, int(model["gbtree_model_param"].get("num_parallel_tree", 1)))
        edges = [*range(0, trees, each), trees]
    total = len(edges) - 1
    used = int(edges[min(rounds, total)]) if rounds > 0 else -1
    if not 0 <= used <= trees:
        raise DataError("the model is damaged: its best round does not exist")
    return used, best_rounds(rounds, total)


def _add(trees: Trees, tree: Mapping[str, Any], weight: float) -> set[int]:
    """Add a tree; returns the features that it splits by categories."""
    if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise Declined("leaves with several outputs")
    with np.errstate(over="ignore"):
        conditions = np.asarray(tree["split_conditions"], dtype=np.float32)
    left = np.asarray(tree["left_children"])
    right = np.where(left < 0, -1, np.asarray(tree["right_children"]))
    feature, missing_left = np.asarray(tree["split_indices"]), np.asarray(tree["default_left"])
    sets = _sets(tree)
    if sets:  # XGBoost's sets go right
        named = np.zeros(len(left), dtype=bool)
        named[[*sets]] = True
        left, right = np.where(named, right, left), np.where(named, left, right)
        missing_left = np.where(named, 1 - missing_left, missing_left)
    trees.add(
        left=left,
        right=right,
        feature=feature,
        # A row goes left below the threshold: at most the preceding float.
        threshold=np.nextafter(conditions, np.float32(-np.inf)),
        missing_left=missing_left,
        value=conditions.astype(np.float64) * weight,
        cover=np.asarray(tree["sum_hessian"], dtype=np.float64),
        sets=sets,
    )
    return {int(feature[node]) for node in sets}


def _sets(tree: Mapping[str, Any]) -> dict[int, Any]:
    """Categories that each categorical node names."""
    categorical = {*np.flatnonzero(np.asarray(tree.get("split_type", ()))).tolist()}
    named = np.asarray(tree.get("categories_nodes", ()), dtype=np.int64).tolist()
    starts = np.asarray(tree.get("categories_segments", ()), dtype=np.int64).tolist()
    sizes = np.asarray(tree.get("categories_sizes", ()), dtype=np.int64).tolist()
    values = np.asarray(tree.get("categories", ()), dtype=np.float64)
    if not len(named) == len(starts) == len(sizes) or not categorical <= {*named}:
        raise DataError("the model is damaged: its sets of categories and nodes differ in number")
    made = {}
    for node, start, size in zip(named, starts, sizes, strict=True):
        if node not in categorical or not (start >= 0 and 0 <= size <= len(values) - start):
            raise DataError("the model is damaged: a set of categories lies outside of them")
        made[node] = values[start : start + size]
    return made


def _bases(text: Any, objective: str, classes: int) -> list[float]:
    """Outputs that the trees are added to, on the scale of the trees."""
    given = json.loads(text) if isinstance(text, str) else text
    scores = [float(score) for score in (given if isinstance(given, list) else [given])]
    if len(scores) == 1:
        scores *= classes
    if len(scores) != classes:
        raise DataError("the model is damaged: its base scores and classes differ in number")
    if objective in _LOG_ODDS - {"binary:logitraw"}:
        scores = [math.log(score / (1 - score)) for score in scores]
    elif objective in _LOGS:
        scores = [math.log(score) for score in scores]
    return scores
