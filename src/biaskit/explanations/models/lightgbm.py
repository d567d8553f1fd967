"""LightGBM: its boosters and wrappers, and the text files that they save."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from biaskit.errors import DataError
from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import Categories
from biaskit.explanations.models.consent import library_for, loaded
from biaskit.explanations.models.lightgbm_text import from_lightgbm
from biaskit.explanations.models.model import Booster, Floats, Model, wide

__all__ = ["lightgbm_file", "of_lightgbm"]

_PROBABILITIES = ("binary", "cross_entropy", "multiclass", "multiclassova")
#: Oldest version that may open a file; older ones are vulnerable to crafted files.
_LEAST = (4, 6)


def of_lightgbm(model: Any) -> Model | None:
    """Model of a Booster or of a wrapper of one; None for any other object.

    Raises
    ------
    DataError
        The model stores categories, and it is unknown which features they belong to.
    """
    import lightgbm

    if not isinstance(model, (lightgbm.Booster, lightgbm.LGBMModel)):
        return None
    booster = getattr(model, "booster_", model)
    return _booster(model, booster).model(
        lambda: from_lightgbm(booster.model_to_string(), knows_categories=True)
    )


def lightgbm_file(path: Path, trust: bool) -> Any:
    """Content of a ``.txt`` file: its trees, or a Booster where biaskit cannot read them.

    Raises
    ------
    RolesError
        LightGBM would have to open the file, and the caller has not said that it may be trusted.
    DataError
        The file is not a LightGBM model, or is damaged.
    """
    try:
        return from_lightgbm(path.read_text(encoding="utf-8", errors="replace"))
    except Declined as declined:
        lightgbm = library_for(str(declined), "LightGBM", "lightgbm", trust=trust, least=_LEAST)
        return loaded("LightGBM", lambda: lightgbm.Booster(model_file=os.fspath(path)))


def _booster(model: Any, booster: Any) -> Booster:
    """Booster, or wrapper of one, called through LightGBM."""
    lines = booster.model_to_string(num_iteration=1).splitlines()
    outputs = booster.num_model_per_iteration()
    rounds = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    divisor = float(max(1, rounds)) if "average_output" in lines else 1.0
    columns = tuple(booster.feature_name())
    objective = next((one for one in lines if one.startswith("objective=")), "objective=")
    has_probability = objective.partition("=")[2].split(" ")[0] in _PROBABILITIES
    is_linear = "is_linear=1" in lines

    def predicted(rows: Floats, **asked: Any) -> Floats:
        return np.asarray(booster.predict(rows, **asked), float)

    def contributions(rows: Floats) -> Floats:
        if is_linear:
            raise Declined("no contributions of LightGBM: linear leaves")
        found = predicted(rows, pred_contrib=True).reshape(len(rows), outputs, -1)
        return np.asarray(found / divisor)

    is_classifier = outputs > 1 and hasattr(model, "classes_")
    kept = _categories(booster.pandas_categorical or (), lines, columns)
    return Booster(
        categories=Categories("LightGBM", columns, kept),
        has_names=columns != tuple(f"Column_{i}" for i in range(len(columns))),
        margin=lambda rows: wide(predicted(rows, raw_score=True), len(rows)) / divisor,
        probability=(lambda rows: wide(predicted(rows), len(rows))) if has_probability else None,
        contributions=contributions,
        classes=tuple(map(str, model.classes_)) if is_classifier else (),
    )


def _categories(
    kept: Any, lines: list[str], columns: tuple[str, ...]
) -> dict[str, tuple[Any, ...]]:
    """Pandas categories that a booster stores: a list for each categorical feature."""
    said = next((one for one in lines if one.startswith("[categorical_feature: ")), "")
    places = [int(one) for one in said.strip("[]").partition(": ")[2].split(",") if one.strip()]
    if kept and len(kept) != len(places):
        raise DataError(
            f"the model stores the categories of {len(kept)} columns but has {len(places)} "
            "categorical features, so they cannot be matched; give a function that calls the model"
        )
    return {columns[at]: tuple(one) for at, one in zip(sorted(places), kept, strict=False)}
