"""Models: from the objects and files of the libraries that make them to what explains them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from biaskit.explanations.models.ensembles import Ensemble, TreeModel, TreesUnsupported
from biaskit.explanations.models.lightgbm_text import from_lightgbm
from biaskit.explanations.models.natives import Native, of_lightgbm, of_xgboost, xgboost_options
from biaskit.explanations.models.xgboost_json import from_xgboost

__all__ = [
    "Ensemble",
    "Native",
    "TreeModel",
    "TreesUnsupported",
    "library_of",
    "native_of",
    "tree_model",
]


def library_of(model: Any) -> str:
    """Name of the package that the class of a model, or one that it is derived from, is of."""
    known = ("xgboost", "lightgbm", "catboost", "sklearn")
    packages = [one.__module__.split(".")[0] for one in type(model).__mro__]
    return next((package for package in packages if package in known), packages[0])


def native_of(model: Any) -> Native | None:
    """Model of XGBoost or LightGBM as its library answers; None for any other.

    Raises
    ------
    DataError
        It keeps categories, and nothing says of which features.
    """
    match library_of(model):
        case "xgboost":
            import xgboost

            is_known = isinstance(model, (xgboost.Booster, xgboost.XGBModel))
            return of_xgboost(model) if is_known else None
        case "lightgbm":
            import lightgbm

            is_known = isinstance(model, (lightgbm.Booster, lightgbm.LGBMModel))
            return of_lightgbm(model) if is_known else None
    return None


def tree_model(model: Any) -> TreeModel | None:
    """Trees of a fitted model object; None where it is no model of trees that biaskit knows.

    Raises
    ------
    TreesUnsupported
        It holds what the kernels do not read.
    """
    if isinstance(model, TreeModel):
        return model
    native = native_of(model)
    if native is not None and native.categories:
        raise TreesUnsupported("categorical splits")
    match library_of(model):
        case "xgboost" if native is not None:
            made = _xgboost(model)
        case "lightgbm" if native is not None:
            made = from_lightgbm(getattr(model, "booster_", model).model_to_string())
        case "sklearn":
            from biaskit.explanations.models.sklearn_trees import from_sklearn

            return from_sklearn(model)
        case _:
            return None
    if made is None:
        return None
    outputs = made.outputs
    if len(native.classes) == len(outputs):
        outputs = dict(zip(native.classes, outputs.values(), strict=True))
    return replace(made, own=native.margin, outputs=outputs)


def _xgboost(model: Any) -> TreeModel | None:
    """Trees of a Booster or of a wrapper of one; None where it is linear."""
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    parsed = json.loads(bytes(booster.save_raw("json")))
    if parsed["learner"]["gradient_booster"]["name"] == "gblinear":
        return None
    options = xgboost_options(model)
    return from_xgboost(parsed, rounds=options.rounds, missing=options.missing)
