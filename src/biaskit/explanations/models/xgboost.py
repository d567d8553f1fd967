"""XGBoost: its boosters and wrappers, and the files that they save."""

from __future__ import annotations

import json
import math
import re
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from biaskit.errors import first_line
from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import Categories
from biaskit.explanations.models.consent import library_for, loaded
from biaskit.explanations.models.ensembles import TreeModel, best_rounds
from biaskit.explanations.models.model import Booster, Floats, Model, wide
from biaskit.explanations.models.xgboost_json import from_xgboost, from_xgboost_file

__all__ = ["best_rounds_of", "booster_of", "of_xgboost", "xgboost_content", "xgboost_file"]

#: Timestamp and source line at the start of an XGBoost message.
_PLACE = re.compile(r"^\[[\d:]+\] \S+: ")
_PROBABILITIES = ("binary:logistic", "reg:logistic", "multi:softprob")


class _Options(NamedTuple):
    """Settings, besides the trees, that change a model's predictions."""

    #: Rounds used for predictions; None for all.
    rounds: int | None
    #: Number that counts as missing, besides NaN.
    missing: float


def of_xgboost(model: Any) -> Model | None:
    """Model of a Booster or of a wrapper of one; None for any other object."""
    import xgboost

    if isinstance(model, xgboost.XGBModel):
        booster = model.get_booster()
    elif isinstance(model, xgboost.Booster):
        booster = model
    else:
        return None
    return _booster(model, booster).model(partial(_trees, model, booster))


def xgboost_file(path: Path, trust: bool) -> Any:
    """Content of a ``.json`` or ``.ubj`` file: its trees, or a wrapper if they are unreadable.

    Raises
    ------
    RolesError
        XGBoost would have to open the file, and the caller has not said that it may be trusted.
    DataError
        The file is not an XGBoost model, or is damaged.
    """
    return xgboost_content(path.read_bytes(), trust)


def xgboost_content(content: bytes, trust: bool) -> Any:
    """Model in the bytes of a JSON or UBJSON file, as `xgboost_file` has it."""
    try:
        return from_xgboost_file(content)
    except Declined as declined:
        xgboost = library_for(str(declined), "XGBoost", "xgboost", trust=trust)
        return loaded("XGBoost", lambda: best_rounds_of(booster_of(xgboost, content)))


def booster_of(xgboost: Any, content: bytes) -> Any:
    """Booster in the bytes of a file that XGBoost itself opens."""
    return xgboost.Booster(model_file=bytearray(content))


def best_rounds_of(booster: Any) -> Any:
    """Wrapper that predicts with the rounds up to the best one, if the booster names one."""
    import xgboost

    booster.set_attr(scikit_learn=None)  # works without knowing whether it is a classifier
    made = xgboost.XGBModel()
    made.load_model(booster.save_raw("ubj"))
    return made


def _options(model: Any) -> _Options:
    """Settings of a wrapper: its best rounds and its missing value. A Booster uses all rounds.

    As in the wrapper, predictions stop at ``best_iteration`` if the booster has one, also after
    saving and loading.
    """
    import xgboost

    if not isinstance(model, xgboost.XGBModel):
        return _Options(None, math.nan)
    missing = getattr(model, "missing", None)
    best = model.get_booster().attr("best_iteration")
    return _Options(
        rounds=None if best is None else int(best) + 1,
        missing=math.nan if missing is None else float(missing),
    )


def _trees(model: Any, booster: Any) -> TreeModel | None:
    """Trees of a booster; None where it is linear."""
    parsed = json.loads(bytes(booster.save_raw("json")))
    if parsed["learner"]["gradient_booster"]["name"] == "gblinear":
        return None
    options = _options(model)
    return from_xgboost(parsed, rounds=options.rounds, missing=options.missing)


def _booster(model: Any, booster: Any) -> Booster:
    """Booster, or wrapper of one, called through XGBoost."""
    import xgboost

    options = _options(model)
    learner = json.loads(booster.save_config())["learner"]
    is_linear = learner["gradient_booster"]["name"] == "gblinear"
    rounds = None if is_linear else options.rounds  # a linear booster has no rounds to leave out
    names, types = booster.feature_names, booster.feature_types

    def predicted(rows: Floats, **asked: Any) -> Floats:
        data = xgboost.DMatrix(
            rows,
            missing=options.missing,
            feature_names=names,
            feature_types=types,
            enable_categorical=True,
        )
        return np.asarray(booster.predict(data, iteration_range=(0, rounds or 0), **asked), float)

    def margin(rows: Floats) -> Floats:
        if model is not booster:  # its own prediction, so that all its settings apply
            found = model.predict(rows, output_margin=True, validate_features=False)
            return wide(found, len(rows))
        return wide(predicted(rows, output_margin=True), len(rows))

    def contributions(rows: Floats) -> Floats:
        try:
            found = predicted(rows, pred_contribs=True)
        except xgboost.core.XGBoostError as error:
            why = _PLACE.sub("", first_line(error))
            raise Declined(f"no contributions of XGBoost: {why}") from error
        return found.reshape(len(rows), -1, rows.shape[1] + 1)

    has_probability = learner["objective"]["name"] in _PROBABILITIES
    several = int(learner["learner_model_param"]["num_class"]) > 1
    columns = tuple(names or (f"f{i}" for i in range(booster.num_features())))
    return Booster(
        categories=Categories("XGBoost", columns, _categories(booster), refuses_others=True),
        has_names=bool(names),
        margin=margin,
        probability=(lambda rows: wide(predicted(rows), len(rows))) if has_probability else None,
        contributions=None if is_linear else contributions,
        classes=tuple(map(str, model.classes_)) if several and hasattr(model, "classes_") else (),
        remark=best_rounds(rounds, booster.num_boosted_rounds()),
    )


def _categories(booster: Any) -> dict[str, tuple[Any, ...]]:
    """Categories that the booster stores, by feature; before XGBoost 3.1 none are stored."""
    if "c" not in (booster.feature_types or ()) or not hasattr(booster, "get_categories"):
        return {}
    kept = booster.get_categories(export_to_arrow=True).to_arrow() or ()
    return {name: tuple(values.to_pylist()) for name, values in kept if values is not None}
