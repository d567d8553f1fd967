"""CatBoost: its classifiers and regressors, whose symmetric trees are read from its JSON form."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import RowTable
from biaskit.explanations.models.ensembles import TreeModel, Trees
from biaskit.explanations.models.estimators import answered, classes_of, columns_of, outputs_of
from biaskit.explanations.models.model import (
    Floats,
    ForShap,
    Model,
    Outputs,
    trees_or_why_not,
    wide,
)

__all__ = ["of_catboost"]

_LOG_ODDS = {"Logloss", "CrossEntropy"}


def of_catboost(model: Any) -> Model:
    """Model of an object of CatBoost."""
    classes = classes_of(model)
    is_classifier = bool(classes) or hasattr(model, "predict_proba")
    columns = columns_of(model)

    def margin(rows: Any) -> Any:
        return model.predict(rows, prediction_type="RawFormulaVal")

    def own(table: RowTable, rows: Floats) -> Floats:
        return wide(margin(table.frame(rows)), len(rows))

    def outputs(scale: str, table: RowTable, some: Floats) -> Outputs:
        if scale == "probability":
            return outputs_of(model, scale, table, some)
        unit = "margin" if is_classifier else "output"
        return answered(margin, table, some, classes, "raw", unit)

    def read() -> TreeModel:
        unit = "margin" if is_classifier else "output"
        return _read(_json(model), columns, unit, lambda rows: wide(margin(rows), len(rows)))

    return Model(
        columns=columns,
        trees=trees_or_why_not(read),
        outputs=outputs,
        for_shap=ForShap(model, own, classes, "margin"),
    )


def _json(model: Any) -> Mapping[str, Any]:
    """The model in the JSON form that CatBoost writes, which it writes only to a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        model.save_model(os.fspath(path), format="json")
        found: Mapping[str, Any] = json.loads(path.read_bytes())
        return found


def _read(found: Mapping[str, Any], columns: tuple[str, ...], unit: str, own: Any) -> TreeModel:
    """Trees of a model with one output and numeric columns.

    Raises
    ------
    Declined
        It has something else.
    """
    about = found["features_info"]
    if "oblivious_trees" not in found:
        raise Declined("trees of CatBoost that are not symmetric")
    if any(about.get(kind) for kind in ("categorical_features", "text_features", "embeddings")):
        raise Declined("columns of CatBoost that are not numbers, which it keeps as hashes")
    scale, biases = found["scale_and_bias"]
    if len(biases) != 1:
        raise Declined("several outputs of CatBoost")
    floats = {one["feature_index"]: one for one in about["float_features"]}
    trees = Trees()
    for tree in found["oblivious_trees"]:
        _add(trees, tree, floats, scale)
    ensemble = trees.ensemble(columns, float(biases[0]), rounds=True)
    loss = found["model_info"]["params"].get("loss_function", {}).get("type")
    return TreeModel({"": ensemble}, unit, is_log_odds=loss in _LOG_ODDS, own=own)


def _add(trees: Trees, tree: Mapping[str, Any], floats: Mapping[int, Any], scale: float) -> None:
    """Add a symmetric tree: all nodes of a level split alike."""
    splits = (tree["splits"] or [])[::-1]  # the last split is the highest bit of a leaf's number
    if any(split["split_type"] != "FloatFeature" for split in splits):
        raise Declined("splits of CatBoost that are not of numbers")
    values = np.asarray(tree["leaf_values"], dtype=np.float64) * scale
    weights = np.asarray(tree.get("leaf_weights", ()), dtype=np.float64)
    if len(weights) != len(values):
        raise Declined("a model of CatBoost without weights of its leaves")
    inner = (1 << len(splits)) - 1
    if len(values) != inner + 1:
        raise Declined("leaves of CatBoost that its splits do not explain")
    used = [floats[split["float_feature_index"]] for split in splits]
    trees.add(
        left=_of_leaves(2 * np.arange(inner) + 1, inner),
        right=_of_leaves(2 * np.arange(inner) + 2, inner),
        feature=_by_level([one["flat_feature_index"] for one in used], 0, inner),
        threshold=_by_level([split["border"] for split in splits], 0.0, inner),
        missing_left=_by_level([one["nan_value_treatment"] != "AsTrue" for one in used], 0, inner),
        value=np.concatenate([np.zeros(inner), values]),
        cover=_sums(weights),
    )


def _of_leaves(inner: NDArray[np.int64], leaves: int) -> NDArray[np.int64]:
    """Entries of inner nodes, and -1 for the leaves."""
    return np.concatenate([inner, np.full(leaves + 1, -1)])


def _by_level(values: list[Any], of_leaves: Any, inner: int) -> NDArray[Any]:
    """Entries of the nodes of each level, level by level, and those of the leaves."""
    levels = [np.full(1 << level, value) for level, value in enumerate(values)]
    return np.concatenate([*levels, np.full(inner + 1, of_leaves)])


def _sums(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of all nodes, level by level, from those of the leaves."""
    levels = [weights]
    while len(levels[0]) > 1:
        levels.insert(0, levels[0].reshape(-1, 2).sum(axis=1))
    return np.concatenate(levels)
