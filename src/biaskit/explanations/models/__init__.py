"""Models: the objects and files of the libraries that make them, each read to one `Model`.

The lists name what reads each kind as ``module:function`` of this folder. A reader, and the library
that it needs, is imported when a model asks for it.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FORMATS", "LIBRARIES", "Format", "kinds_of_files"]


class Format(NamedTuple):
    """A kind of model file."""

    #: What makes such files.
    maker: str
    #: Function of a path, and of whether the file may be trusted, to what the file holds.
    reader: str
    #: What may happen where a library opens the file; empty where biaskit reads it itself.
    risk: str = ""


_PICKLE = Format(
    "pickle", "consent:pickle_file", "is a pickle: opening it runs whatever code is in it"
)

#: Kinds of model files by their suffix, in the order in which people are told of them.
FORMATS: dict[str, Format] = {
    ".json": Format("XGBoost", "xgboost:xgboost_file"),
    ".ubj": Format("XGBoost", "xgboost:xgboost_file"),
    ".txt": Format("LightGBM", "lightgbm:lightgbm_file"),
    ".onnx": Format(
        "ONNX", "onnx:onnx_file", "is opened by onnxruntime, which a file can be made to crash"
    ),
    ".skops": Format(
        "skops",
        "sklearn:skops_file",
        "is opened by skops, whose models a file can be made to crash",
    ),
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".joblib": _PICKLE,
}

#: What makes a `Model` of an object, by the package of its class; any other can only be called.
LIBRARIES: dict[str, str] = {
    "xgboost": "xgboost:of_xgboost",
    "lightgbm": "lightgbm:of_lightgbm",
    "catboost": "catboost:of_catboost",
    "sklearn": "sklearn:of_sklearn",
}


def kinds_of_files(*, risky: bool) -> str:
    """Kinds of model files that a library opens, or that biaskit reads itself, for people.

    >>> kinds_of_files(risky=False)
    'XGBoost .json or .ubj, LightGBM .txt'
    """
    suffixes: dict[str, list[str]] = {}
    for suffix, one in FORMATS.items():
        if bool(one.risk) is risky:
            suffixes.setdefault(one.maker, []).append(suffix)
    return ", ".join(f"{maker} {' or '.join(found)}" for maker, found in suffixes.items())
