"""Containers: models as the containers of SageMaker pack them, in a ``model.tar.gz``.

XGBoost's container takes the first file that is not hidden, usually ``xgboost-model``: JSON,
UBJSON, its older binary form, or a pickle of a booster. Linear Learner's is a zip of MXNet's files.
What biaskit cannot read itself is opened by its library, with the caller's consent.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from biaskit.clarify.predictors.archives import visible, zipped
from biaskit.clarify.predictors.mxnet import linear_learner
from biaskit.errors import DataError, RolesError, first_line, listed
from biaskit.explanations.models.consent import CONSENT, imported, library_for, loaded
from biaskit.explanations.models.xgboost import best_rounds_of, booster_of, xgboost_content
from biaskit.store.addresses import said

__all__ = ["model_in"]

_XGBOOST = "xgboost-model"
_PICKLES = (".joblib", ".pkl", ".pickle")
_ZIP = b"PK\x03\x04"


def model_in(path: Path, files: Mapping[str, bytes], *, trust: bool) -> Any:
    """Model in the files of an archive.

    Raises
    ------
    RolesError
        A library would have to open it, and the caller has not said that it may.
    DataError
        The archive has no model, several, or one that cannot be read.
    """
    names = visible(files)
    if any(name.endswith(".params") for name in names):
        return linear_learner(files)
    if not names:
        raise DataError(f"{said(path)} has no file that is not hidden; where is the model?")
    name = _XGBOOST if _XGBOOST in names else names[0]
    content = files[name]
    if content.startswith(_ZIP) and not name.endswith((".joblib", ".npz")):
        return linear_learner(zipped(content, f"{name!r} of {said(path)}"))
    if len(names) > 1 and name != _XGBOOST:
        raise DataError(
            f"{said(path)} has several files, {listed(names)}; pack the model alone (of several "
            "models, as cross-validation leaves them, one)"
        )
    try:
        return _one(name, content, trust)
    except (DataError, RolesError) as error:
        raise type(error)(f"{name!r} of {said(path)}: {error}") from error


def _one(name: str, content: bytes, trust: bool) -> Any:
    """Model in a file, told by its first bytes."""
    if (
        name.endswith(_PICKLES)
        or content[:1] in (b"\x80", b"c", b"(")
        or b"cxgboost" in content[:99]
    ):
        return _unpickled(name, content, trust)
    if content[:1] == b"{":
        return xgboost_content(content, trust)
    what = "XGBoost's binary form"
    xgboost = library_for(what, "XGBoost", "xgboost", trust=trust)
    try:
        return best_rounds_of(loaded("XGBoost", lambda: booster_of(xgboost, content)))
    except DataError as error:
        raise DataError(
            f"{error}. XGBoost reads its older binary form up to version 3.0; save the model as "
            "JSON with the version that made it"
        ) from error


def _unpickled(name: str, content: bytes, trust: bool) -> Any:
    """Object in a pickle, with the caller's consent; a booster predicts with its best rounds."""
    if not trust:
        raise RolesError(f"it is a pickle: opening it runs whatever code is in it; {CONSENT}")
    load: Callable[[Any], Any] = pickle.load
    if name.endswith(".joblib"):
        load = imported("joblib", "a .joblib file needs joblib").load
    try:
        found = load(io.BytesIO(content))
    except Exception as error:
        raise DataError(f"it cannot be unpickled: {first_line(error)}") from error
    if type(found).__module__.startswith("xgboost") and not hasattr(found, "get_booster"):
        return best_rounds_of(found)
    return found
