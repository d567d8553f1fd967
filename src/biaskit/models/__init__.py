"""Models: from the objects and files of the libraries that make them to what explains them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.models.ensembles import Ensemble, TreeModel, TreesUnsupported

__all__ = ["Ensemble", "TreeModel", "TreesUnsupported", "library_of", "tree_model"]


def library_of(model: Any) -> str:
    """Name of the package that the class of a model, or one that it is derived from, is of."""
    known = ("xgboost", "lightgbm", "catboost", "sklearn")
    packages = [one.__module__.split(".")[0] for one in type(model).__mro__]
    return next((package for package in packages if package in known), packages[0])


def tree_model(model: Any) -> TreeModel | None:
    """Trees of a fitted model object; None where it is no model of trees that biaskit knows.

    Raises
    ------
    TreesUnsupported
        It holds what the kernels do not read.
    """
    if isinstance(model, TreeModel):
        return model
    match library_of(model):
        case "xgboost":
            return _xgboost(model)
        case "lightgbm":
            return _lightgbm(model)
        case "sklearn":
            from biaskit.models.sklearn_trees import from_sklearn

            return from_sklearn(model)
    return None


def _xgboost(model: Any) -> TreeModel:
    from dataclasses import replace

    import xgboost

    from biaskit.models.xgboost_json import from_xgboost_file

    booster = model
    if isinstance(model, xgboost.XGBModel):
        booster = model.get_booster()
        best = getattr(model, "best_iteration", None) if model.early_stopping_rounds else None
        if best is not None:  # with early stopping, the model predicts with its best rounds only
            booster = booster[: best + 1]
    made = from_xgboost_file(bytes(booster.save_raw("json")))
    names = [*next(iter(made.outputs.values())).features] if made.has_names else None

    def own(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found = booster.predict(xgboost.DMatrix(rows, feature_names=names), output_margin=True)
        return _wide(found)

    outputs = made.outputs
    if len(outputs) > 1 and hasattr(model, "classes_"):
        outputs = dict(zip(map(str, model.classes_), outputs.values(), strict=True))
    return replace(made, own=own, outputs=outputs)


def _lightgbm(model: Any) -> TreeModel:
    from dataclasses import replace

    from biaskit.models.lightgbm_text import from_lightgbm

    booster = getattr(model, "booster_", model)
    text = booster.model_to_string()
    made = from_lightgbm(text)
    trees = sum(len(one.roots) for one in made.outputs.values())
    rounds = trees / len(made.outputs)
    divisor = rounds if "\naverage_output\n" in text else 1.0

    def own(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return _wide(booster.predict(rows, raw_score=True)) / divisor

    outputs = made.outputs
    if len(outputs) > 1 and hasattr(model, "classes_"):
        outputs = dict(zip(map(str, model.classes_), outputs.values(), strict=True))
    return replace(made, own=own, outputs=outputs)


def _wide(found: Any) -> NDArray[np.float64]:
    values = np.asarray(found, dtype=np.float64)
    return values[:, np.newaxis] if values.ndim == 1 else values
