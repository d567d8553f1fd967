"""Models of XGBoost and LightGBM as their own libraries answer: outputs, contributions, categories.

Rows go to a library as floats, and a category as the number by which the library knows it: a frame
of pandas would number the categories of its own rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, first_line
from biaskit.explanations.models.ensembles import TreesUnsupported, best_rounds

__all__ = ["Native", "XgboostOptions", "of_lightgbm", "of_xgboost", "xgboost_options"]

Rows = NDArray[np.float64]

_XGBOOST_PROBABILITIES = ("binary:logistic", "reg:logistic", "multi:softprob")
_LIGHTGBM_PROBABILITIES = ("binary", "cross_entropy", "multiclass", "multiclassova")


@dataclass(frozen=True, eq=False)
class Native:
    """A fitted model of XGBoost or LightGBM, called through its own library."""

    library: str
    features: tuple[str, ...]
    #: Whether these are names that the data had, not made of their numbers.
    has_names: bool
    #: Margins of rows, shape ``(rows, outputs)``, from floats of shape ``(rows, features)``.
    margin: Callable[[Rows], NDArray[np.float64]]
    #: Probabilities of rows, in the same shape; None where the model has none.
    probability: Callable[[Rows], NDArray[np.float64]] | None
    #: Path-dependent Shapley values, shape ``(rows, outputs, features + 1)``; the last is the base.
    contributions: Callable[[Rows], NDArray[np.float64]]
    #: Names of the classes; none of a single output.
    classes: tuple[str, ...] = ()
    #: Values of the categories of a feature, in the order of the numbers that stand for them.
    categories: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    #: Whether a category that was not in the training data is an error to the library.
    refuses_other_categories: bool = False
    #: What else the method should say, such as how many rounds are used.
    remark: str = ""


@dataclass(frozen=True)
class XgboostOptions:
    """What a model of XGBoost says beside its trees on how it predicts."""

    #: Rounds that it predicts with; None for all.
    rounds: int | None
    #: Number that is missing to it, beside NaN.
    missing: float


def xgboost_options(model: Any) -> XgboostOptions:
    """How a wrapper predicts: with its best rounds, and its own missing value; a Booster with all.

    The wrapper's own rule is followed: it stops at ``best_iteration`` wherever its booster has one,
    also after it was saved and loaded.
    """
    import xgboost

    if not isinstance(model, xgboost.XGBModel):
        return XgboostOptions(None, math.nan)
    missing = getattr(model, "missing", None)
    best = model.get_booster().attr("best_iteration")
    return XgboostOptions(
        rounds=None if best is None else int(best) + 1,
        missing=math.nan if missing is None else float(missing),
    )


def of_xgboost(model: Any) -> Native:
    """What XGBoost answers for a Booster or a wrapper of one."""
    import xgboost

    is_wrapper = isinstance(model, xgboost.XGBModel)
    booster = model.get_booster() if is_wrapper else model
    options = xgboost_options(model)
    learner = json.loads(booster.save_config())["learner"]
    is_linear = (
        learner["gradient_booster"]["name"] == "gblinear"
    )  # which has no rounds to leave out
    rounds = None if is_linear else options.rounds
    names, types = booster.feature_names, booster.feature_types

    def predicted(rows: Rows, **asked: Any) -> NDArray[np.float64]:
        data = xgboost.DMatrix(
            rows,
            missing=options.missing,
            feature_names=names,
            feature_types=types,
            enable_categorical=True,
        )
        return np.asarray(booster.predict(data, iteration_range=(0, rounds or 0), **asked), float)

    def margin(rows: Rows) -> NDArray[np.float64]:
        if is_wrapper:  # its own prediction, so that nothing it does is forgotten here
            found = model.predict(rows, output_margin=True, validate_features=False)
            return _wide(found, len(rows))
        return _wide(predicted(rows, output_margin=True), len(rows))

    def contributions(rows: Rows) -> NDArray[np.float64]:
        try:
            found = predicted(rows, pred_contribs=True)
        except xgboost.core.XGBoostError as error:
            raise TreesUnsupported(f"no contributions of XGBoost: {first_line(error)}") from error
        return found.reshape(len(rows), -1, rows.shape[1] + 1)

    several = int(learner["learner_model_param"]["num_class"]) > 1
    return Native(
        library="XGBoost",
        features=tuple(names or (f"f{i}" for i in range(booster.num_features()))),
        has_names=bool(names),
        margin=margin,
        probability=(lambda rows: _wide(predicted(rows), len(rows)))
        if learner["objective"]["name"] in _XGBOOST_PROBABILITIES
        else None,
        contributions=contributions,
        classes=tuple(map(str, model.classes_)) if several and hasattr(model, "classes_") else (),
        categories=_xgboost_categories(booster),
        refuses_other_categories=True,
        remark=best_rounds(rounds, booster.num_boosted_rounds()),
    )


def _xgboost_categories(booster: Any) -> dict[str, tuple[Any, ...]]:
    """Categories that the booster keeps, by feature; those before XGBoost 3.1 keep none."""
    if "c" not in (booster.feature_types or ()) or not hasattr(booster, "get_categories"):
        return {}
    kept = booster.get_categories(export_to_arrow=True).to_arrow() or ()
    return {name: tuple(values.to_pylist()) for name, values in kept if values is not None}


def of_lightgbm(model: Any) -> Native:
    """What LightGBM answers for a Booster or a wrapper of one.

    Raises
    ------
    DataError
        Nothing says which features the categories that the model keeps are of.
    """
    booster = getattr(model, "booster_", model)
    text = booster.model_to_string(num_iteration=1)
    lines = text.splitlines()
    outputs = booster.num_model_per_iteration()
    rounds = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    divisor = float(max(1, rounds)) if "average_output" in lines else 1.0
    features = tuple(booster.feature_name())
    objective = next((one for one in lines if one.startswith("objective=")), "objective=")
    is_linear = "is_linear=1" in lines

    def predicted(rows: Rows, **asked: Any) -> NDArray[np.float64]:
        return np.asarray(booster.predict(rows, **asked), float)

    def contributions(rows: Rows) -> NDArray[np.float64]:
        if is_linear:
            raise TreesUnsupported("no contributions of LightGBM: linear leaves")
        found = predicted(rows, pred_contrib=True).reshape(len(rows), outputs, -1)
        return np.asarray(found / divisor)

    return Native(
        library="LightGBM",
        features=features,
        has_names=features != tuple(f"Column_{i}" for i in range(len(features))),
        margin=lambda rows: _wide(predicted(rows, raw_score=True), len(rows)) / divisor,
        probability=(lambda rows: _wide(predicted(rows), len(rows)))
        if objective.partition("=")[2].split(" ")[0] in _LIGHTGBM_PROBABILITIES
        else None,
        contributions=contributions,
        classes=tuple(map(str, model.classes_))
        if outputs > 1 and hasattr(model, "classes_")
        else (),
        categories=_lightgbm_categories(booster.pandas_categorical or (), lines, features),
    )


def _lightgbm_categories(
    kept: Any, lines: list[str], features: tuple[str, ...]
) -> dict[str, tuple[Any, ...]]:
    """Categories of pandas that a booster keeps: a list for each feature of categories."""
    said = next((one for one in lines if one.startswith("[categorical_feature: ")), "")
    places = [int(one) for one in said.strip("[]").partition(": ")[2].split(",") if one.strip()]
    if kept and len(kept) != len(places):
        raise DataError(
            f"the model keeps the categories of {len(kept)} columns and has {len(places)} features "
            "of categories, so nothing says whose they are; give a function that calls the model"
        )
    return {features[at]: tuple(one) for at, one in zip(sorted(places), kept, strict=False)}


def _wide(found: Any, rows: int) -> NDArray[np.float64]:
    """Outputs with an axis of outputs."""
    return np.asarray(found, dtype=np.float64).reshape(rows, -1)
