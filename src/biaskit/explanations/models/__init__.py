"""Models: objects and files of model libraries, each read to one `Model`.

The lists name the reader of each kind as ``module:function`` in this folder. A reader and its
library are imported only when a model needs them.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FORMATS", "LIBRARIES", "Format", "kinds_of_files"]


class Format(NamedTuple):
    """A kind of model file."""

    #: Library that makes such files.
    maker: str
    #: Reads a file, given its path and whether it may be trusted.
    reader: str
    #: Risk of opening the file with a library; empty where biaskit reads it itself.
    risk: str = ""


_PICKLE = Format(
    "pickle", "consent:pickle_file", "is a pickle: opening it runs whatever code is in it"
)

#: Kinds of model files by their suffix, in the order of messages.
FORMATS: dict[str, Format] = {
    ".json": Format("XGBoost", "xgboost:xgboost_file"),
    ".ubj": Format("XGBoost", "xgboost:xgboost_file"),
    ".txt": Format("LightGBM", "lightgbm:lightgbm_file"),
    ".onnx": Format(
        "ONNX", "onnx:onnx_file", "is opened by onnxruntime, which a crafted file can crash"
    ),
    ".skops": Format(
        "skops",
        "sklearn:skops_file",
        "is opened by skops, whose models a crafted file can crash",
    ),
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".joblib": _PICKLE,
}

#: Maker of a `Model` from an object, by the package of its class; other objects can only be called.
LIBRARIES: dict[str, str] = {
    "xgboost": "xgboost:of_xgboost",
    "lightgbm": "lightgbm:of_lightgbm",
    "catboost": "catboost:of_catboost",
    "sklearn": "sklearn:of_sklearn",
}


def kinds_of_files(*, risky: bool) -> str:
    """Kinds of model files that a library opens, or that biaskit reads itself, for messages.

    >>> kinds_of_files(risky=False)
    'XGBoost .json or .ubj, LightGBM .txt'
    """
    suffixes: dict[str, list[str]] = {}
    for suffix, one in FORMATS.items():
        if bool(one.risk) is risky:
            suffixes.setdefault(one.maker, []).append(suffix)
    return ", ".join(f"{maker} {' or '.join(found)}" for maker, found in suffixes.items())
