"""Opening: the `Model` of the object, file or function that a caller names.

biaskit's own readers check the trees of XGBoost and LightGBM from root to leaf. All other files are
opened by a library that trusts them: a pickle runs its code, and native loaders follow its indices,
so a crafted file can crash the process, or worse.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biaskit.errors import DataError, RolesError
from biaskit.explanations.models import FORMATS, LIBRARIES, kinds_of_files
from biaskit.explanations.models.consent import CONSENT
from biaskit.explanations.models.ensembles import TreeModel
from biaskit.explanations.models.estimators import of_anything
from biaskit.explanations.models.model import Model
from biaskit.store.addresses import is_address, said

__all__ = ["function_named", "opened"]

_FOLDER = "biaskit.explanations.models"
_MOST_BYTES = 4 << 30
_FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def opened(model: Any, *, trust_model: bool = False) -> Model:
    """Model of an object, a function, or what a path or ``module:function`` names.

    Parameters
    ----------
    model
        Model, path or name, as the caller gives it.
    trust_model
        Whether a library may open a file that biaskit's own readers have not checked.

    Raises
    ------
    DataError
        The file does not exist, or does not hold a model of its kind.
    RolesError
        The caller has not said that the file may be trusted, or the name is of an unknown kind.
    """
    held = _named(model, trust_model) if isinstance(model, (str, os.PathLike)) else model
    if isinstance(held, Model):
        return held
    if isinstance(held, TreeModel):
        return Model(held.features, held.has_names, held, remark=held.remark)
    library = _library_of(held)
    adapted = _function_of(LIBRARIES[library])(held) if library else None
    return of_anything(held) if adapted is None else adapted


def _function_of(reader: str) -> Callable[..., Any]:
    """Function that a list of models names as ``module:function``."""
    module, _, name = reader.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(f"{_FOLDER}.{module}"), name)
    return found


def _library_of(model: Any) -> str:
    """Top-level package of the model's class, or of its first base class from a known library."""
    packages = [one.__module__.split(".")[0] for one in type(model).__mro__]
    return next((package for package in packages if package in LIBRARIES), "")


def _named(model: str | os.PathLike[str], trust: bool) -> Any:
    """Object that a path or ``module:function`` names."""
    text, path = os.fspath(model), Path(model)
    format_ = FORMATS.get(path.suffix.lower())
    if is_address(text):
        raise RolesError(
            f"{said(text)} is an address, but a model must be a local file; download it"
        )
    if format_ is None:
        if _FUNCTION.fullmatch(text) and not path.exists():
            return function_named(text)
        raise RolesError(
            f"which kind of model is {text!r}? Names end in {', '.join(FORMATS)}, "
            "or are module:function"
        )
    if not path.is_file():
        raise DataError(f"there is no model file {text!r}")
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"the model file {text!r} has more than {_MOST_BYTES >> 30} GiB")
    if format_.risk and not trust:
        raise RolesError(
            f"{text!r} {format_.risk}; {CONSENT}; otherwise ask for one that biaskit reads itself: "
            f"{kinds_of_files(risky=False)}"
        )
    try:
        return _function_of(format_.reader)(path, trust)
    except (DataError, RolesError) as error:
        raise type(error)(f"{text!r}: {error}") from error


def function_named(text: str) -> Any:
    """Object that ``module:function`` names, of a module here or on Python's path.

    Raises
    ------
    RolesError
        There is no such module, or it has no such name.
    """
    if not _FUNCTION.fullmatch(text):
        raise RolesError(f"which function is {text!r}? Name it as module:function")
    module, _, name = text.partition(":")
    folder = os.fspath(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise RolesError(f"{text!r}: {error}; name it as module:function") from error
    if not hasattr(found, name):
        raise RolesError(f"module {module!r} has no {name!r}; name it as module:function")
    return getattr(found, name)
