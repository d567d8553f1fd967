"""Model files: opened by their names, and handed to another library only with consent.

biaskit's own readers check the trees of XGBoost and LightGBM from root to leaf. All else is opened
by a library that trusts the file: a pickle runs its code, and native loaders follow its indices, so
a file that was made for it can crash the process, or worse.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biaskit.errors import DataError, RolesError, first_line
from biaskit.explanations.models.ensembles import TreesUnsupported
from biaskit.store.addresses import is_address, said

__all__ = ["opened"]

_MOST_BYTES = 4 << 30
_CONSENT = "if you know who made it, say --trust-model (trust_model=True)"
#: What opening a file of a kind means, where its library opens it.
_RISKS = {
    **dict.fromkeys(
        (".pkl", ".pickle", ".joblib"), "is a pickle: opening it runs whatever code is in it"
    ),
    ".onnx": "is opened by onnxruntime, which a file can be made to crash",
    ".skops": "is opened by skops, whose models a file can be made to crash",
}
#: Oldest versions that may open a file that somebody else made: those before have known holes.
_LEAST = {"lightgbm": (4, 6), "skops": (0, 13), "onnxruntime": (1, 27)}
_FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def opened(model: Any, *, trust_model: bool = False) -> Any:
    """Model that a path or ``module:function`` names; any other object is the model itself.

    Parameters
    ----------
    trust_model
        Whether a library may open a file that biaskit's own readers have not checked.

    Raises
    ------
    DataError
        There is no such file, or it holds no model of its kind.
    RolesError
        Nobody said that the file may be trusted, or the name is of no known kind.
    """
    if not isinstance(model, (str, os.PathLike)):
        return model
    text, path = os.fspath(model), Path(model)
    suffix = path.suffix.lower()
    readers: dict[str, Callable[[Path, bool], Any]] = {
        ".json": _xgboost,
        ".ubj": _xgboost,
        ".txt": _lightgbm,
        ".onnx": _onnx,
        ".skops": _skops,
        **dict.fromkeys((".pkl", ".pickle", ".joblib"), _pickle),
    }
    if is_address(text):
        raise RolesError(f"{said(text)} is an address, and a model is a local file; download it")
    if suffix not in readers:
        if _FUNCTION.fullmatch(text) and not path.exists():
            return _function(text)
        raise RolesError(
            f"which kind of model is {text!r}? Names end in {', '.join(readers)}, "
            "or are module:function"
        )
    if not path.is_file():
        raise DataError(f"there is no model file {text!r}")
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"the model file {text!r} has more than {_MOST_BYTES >> 30} GiB")
    if suffix in _RISKS and not trust_model:
        raise RolesError(
            f"{text!r} {_RISKS[suffix]}; {_CONSENT}; else ask for the .json of XGBoost or the .txt "
            "of LightGBM, which biaskit reads itself"
        )
    try:
        return readers[suffix](path, trust_model)
    except DataError as error:
        raise DataError(f"{text!r}: {error}") from error
    except RolesError as error:
        raise RolesError(f"{text!r}: {error}") from error


def _xgboost(path: Path, trust: bool) -> Any:
    from biaskit.explanations.models.xgboost_json import from_xgboost_file

    try:
        return from_xgboost_file(path.read_bytes())
    except TreesUnsupported as error:
        xgboost = _library("xgboost", "XGBoost", str(error), trust)
        return _loaded("XGBoost", lambda: _xgboost_wrapper(xgboost, path))


def _xgboost_wrapper(xgboost: Any, path: Path) -> Any:
    """Model that predicts with the rounds up to the best one, where the file names one."""
    booster = xgboost.Booster(model_file=path)
    booster.set_attr(scikit_learn=None)  # so that it need not be said whether it is a classifier
    made = xgboost.XGBModel()
    made.load_model(booster.save_raw("ubj"))
    return made


def _lightgbm(path: Path, trust: bool) -> Any:
    from biaskit.explanations.models.lightgbm_text import from_lightgbm

    try:
        return from_lightgbm(path.read_text(encoding="utf-8", errors="replace"))
    except TreesUnsupported as error:
        lightgbm = _library("lightgbm", "LightGBM", str(error), trust)
        return _loaded("LightGBM", lambda: lightgbm.Booster(model_file=os.fspath(path)))


def _library(module: str, library: str, what: str, trust: bool) -> Any:
    """Library that opens what the kernels do not read, with consent."""
    if not trust:
        raise RolesError(
            f"the model has {what}, which only {library} reads, and a file can be made to crash it;"
            f" {_CONSENT}"
        )
    return _imported(module, f"the model has {what}, for which {library} itself is needed")


def _onnx(path: Path, _: bool) -> Any:
    from biaskit.explanations.models.onnx import OnnxModel

    runtime = _imported("onnxruntime", "an ONNX file needs onnxruntime")
    return _loaded("onnxruntime", lambda: OnnxModel(runtime.InferenceSession(os.fspath(path))))


def _skops(path: Path, _: bool) -> Any:
    io = _imported("skops.io", "a .skops file needs skops")
    return _loaded("skops", lambda: io.load(path, trusted=io.get_untrusted_types(file=path)))


def _loaded(library: str, load: Callable[[], Any]) -> Any:
    """What a library makes of a file; whatever it stumbles over is a fault of the file."""
    try:
        return load()
    except Exception as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{library} cannot read it: {first_line(error)}") from error


def _pickle(path: Path, _: bool) -> Any:
    if path.suffix.lower() == ".joblib":
        load = _imported("joblib", "a .joblib file needs joblib").load
    else:
        import pickle

        load = pickle.load
    try:
        with path.open("rb") as file:
            return load(file)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise DataError(f"it cannot be unpickled: {type(error).__name__}: {reason}") from error


def _function(text: str) -> Any:
    import importlib

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


def _imported(module: str, why: str) -> Any:
    import importlib

    package = module.split(".")[0]
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise DataError(f"{why}: pip install {package}") from error
    version = str(getattr(sys.modules[package], "__version__", "0"))
    least = _LEAST.get(package, (0,))
    if tuple(map(int, re.findall(r"\d+", version)[: len(least)])) < least:
        needed = ".".join(map(str, least))
        raise DataError(
            f"{package} {version} has holes that a model file can use; "
            f"pip install '{package}>={needed}'"
        )
    return found
