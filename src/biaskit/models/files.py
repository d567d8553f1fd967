"""Model files: opened by their names, and never run without consent."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biaskit.errors import DataError, RolesError, first_line, listed
from biaskit.models.ensembles import TreesUnsupported

__all__ = ["opened"]

_PICKLES = (".pkl", ".pickle", ".joblib")
_MOST_BYTES = 4 << 30


def opened(model: Any, *, trust_pickle: bool = False) -> Any:
    """Model that a path or ``module:function`` names; any other object is the model itself.

    Raises
    ------
    DataError
        There is no such file, or it holds no model of its kind.
    RolesError
        Nobody said that a pickle may be run, or the name is of no known kind.
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
        **dict.fromkeys(_PICKLES, _pickle),
    }
    if suffix not in readers:
        if ":" in text and not path.exists():
            return _function(text)
        raise RolesError(
            f"which kind of model is {text!r}? Names end in {', '.join(readers)}, "
            "or are module:function"
        )
    if not path.is_file():
        raise DataError(f"there is no model file {text!r}")
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"the model file {text!r} has more than {_MOST_BYTES >> 30} GiB")
    if suffix in _PICKLES and not trust_pickle:
        raise RolesError(
            f"{text!r} is a pickle: opening it runs whatever code is in it. If you know who made "
            "it, say --trust-pickle (trust_pickle=True); else ask for a .json, .txt, .onnx or "
            ".skops file"
        )
    try:
        return readers[suffix](path, trust_pickle)
    except DataError as error:
        raise DataError(f"{text!r}: {error}") from error


def _xgboost(path: Path, _: bool) -> Any:
    from biaskit.models.xgboost_json import from_xgboost_file

    try:
        return from_xgboost_file(path.read_bytes())
    except TreesUnsupported as error:
        xgboost = _imported("xgboost", f"the model has {error}, for which XGBoost itself is needed")
        booster = xgboost.Booster()
        try:
            booster.load_model(path)
        except xgboost.core.XGBoostError as failure:
            raise DataError(f"XGBoost cannot read it: {first_line(failure)}") from failure
        return booster


def _lightgbm(path: Path, _: bool) -> Any:
    from biaskit.models.lightgbm_text import from_lightgbm

    try:
        return from_lightgbm(path.read_text(encoding="utf-8", errors="replace"))
    except TreesUnsupported as error:
        why = f"the model has {error}, for which LightGBM itself is needed"
        return _imported("lightgbm", why).Booster(model_file=os.fspath(path))


def _onnx(path: Path, _: bool) -> Any:
    from biaskit.models.onnx import OnnxModel

    runtime = _imported("onnxruntime", "an ONNX file needs onnxruntime")
    try:
        return OnnxModel(runtime.InferenceSession(os.fspath(path)))
    except Exception as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"onnxruntime cannot read it: {first_line(error)}") from error


def _skops(path: Path, trust: bool) -> Any:
    io = _imported("skops.io", "a .skops file needs skops")
    try:
        unknown = io.get_untrusted_types(file=path)
        if unknown and not trust:
            raise DataError(
                f"it holds types that skops does not trust: {listed(unknown, most=4)}; if you "
                "know who made it, say --trust-pickle (trust_pickle=True)"
            )
        return io.load(path, trusted=unknown)
    except (ValueError, TypeError, KeyError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"skops cannot read it: {error}") from error


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

    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise DataError(f"{why}: pip install {package}") from error
