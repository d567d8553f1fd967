"""MXNet: arrays in a ``.params`` file, and the linear model that SageMaker's Linear Learner makes.

The form is MXNet's own (``NDArray::Save``): a number that names it, then the arrays, then their
names. Every length is compared with what is left of the file before it is used.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError

__all__ = ["LinearLearner", "arrays_of", "linear_learner"]

_LIST = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_TYPES = ("<f4", "<f8", "<f2", "<u1", "<i4", "<i1", "<i8")
_MOST_AXES = 32
_MOST_ARRAYS = 10_000
_MOST_CLASSES = 10_000
_AGAIN = "export the model again"


class _Reader:
    """Numbers and bytes of a file, one after another."""

    def __init__(self, content: bytes):
        self._content = content
        self._at = 0

    def take(self, size: int) -> bytes:
        """Next bytes."""
        if not 0 <= size <= len(self._content) - self._at:
            raise DataError(f"the file of parameters ends too early; {_AGAIN}")
        self._at += size
        return self._content[self._at - size : self._at]

    def number(self, form: str) -> int:
        """Next number."""
        (found,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(found)

    def count(self, most: int, what: str) -> int:
        """Next number of things, of which there may only be so many."""
        found = self.number("<Q")
        if found > most:
            raise DataError(f"the file of parameters has {found:,} {what}; {_AGAIN}")
        return found


def arrays_of(content: bytes) -> dict[str, NDArray[Any]]:
    """Arrays of a ``.params`` file by their names.

    Raises
    ------
    DataError
        It is no such file, or is damaged.
    """
    read = _Reader(content)
    if read.number("<Q") != _LIST:
        raise DataError(f"the file of parameters is not MXNet's; {_AGAIN}")
    read.number("<Q")  # reserved
    arrays = [_array(read) for _ in range(read.count(_MOST_ARRAYS, "arrays"))]
    if read.count(_MOST_ARRAYS, "names") != len(arrays):
        raise DataError(f"the file of parameters has an array without a name; {_AGAIN}")
    names = [
        read.take(read.count(1 << 16, "letters in a name")).decode(errors="replace") for _ in arrays
    ]
    return dict(zip(names, arrays, strict=True))


def _array(read: _Reader) -> NDArray[Any]:
    form = read.number("<I")
    if form in (_V2, _V3) and read.number("<i") != 0:
        raise DataError("the file of parameters has a sparse array, which is not read here")
    # Before its first version, an array began with its number of axes, and had short lengths.
    axes, length = (read.number("<I"), "<q") if form in (_V1, _V2, _V3) else (form, "<I")
    if axes > _MOST_AXES:
        raise DataError(f"the file of parameters is not MXNet's, or is damaged; {_AGAIN}")
    shape = [read.number(length) for _ in range(axes)]
    if not axes and form != _V3:
        return np.empty(0)  # an array that was never filled ends here
    read.take(8)  # the device it was on
    kind = read.number("<i")
    if not 0 <= kind < len(_TYPES) or min(shape, default=0) < 0:
        raise DataError(f"the file of parameters is damaged; {_AGAIN}")
    type_ = np.dtype(_TYPES[kind])
    return np.frombuffer(read.take(math.prod(shape) * type_.itemsize), type_).reshape(shape)


class LinearLearner(NamedTuple):
    """Model of SageMaker's Linear Learner: a linear function, and what its scores are.

    Attributes
    ----------
    weights, bias
        Weights of shape ``(outputs, features)``, and a bias for each output.
    kind
        ``"binary"``: the score is the probability of 1. ``"classes"``: of each class.
        ``"number"``: the linear function itself.
    threshold
        A score above it is the label 1 to the model, if the archive has it.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    kind: str
    threshold: float | None = None

    def scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of rows, shape ``(rows, outputs)``."""
        margin = rows @ self.weights.T + self.bias
        if self.kind == "number":
            return np.asarray(margin)
        if self.kind == "binary":
            # Written so that no exponential overflows.
            small = np.exp(-np.abs(margin))
            return np.where(margin >= 0, 1 / (1 + small), small / (1 + small))
        shares = np.exp(margin - margin.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def __call__(self, rows: Any) -> NDArray[np.float64]:
        """Scores of a frame or an array of numbers."""
        try:
            numbers = np.asarray(rows, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"Could not convert string to float. The model takes numbers only: {error}"
            ) from error
        if numbers.shape[1:] != self.weights.shape[1:]:
            raise DataError(
                f"the model takes {self.weights.shape[1]} features, and gets {numbers.shape[1]}"
            )
        return self.scores(numbers)


def linear_learner(files: Mapping[str, bytes]) -> LinearLearner:
    """Model in the files of Linear Learner: its parameters, its symbol and its further numbers.

    Raises
    ------
    DataError
        The files are no such model, or are damaged.
    """
    names = [name for name in files if name.endswith(".params")]
    if len(names) != 1:
        raise DataError(f"Linear Learner has one file .params, not {len(names)}; {_AGAIN}")
    arrays = {name.rpartition(":")[2]: one for name, one in arrays_of(files[names[0]]).items()}
    weights, bias = (
        _only({name: one for name, one in arrays.items() if name.endswith(ending)}, ending)
        for ending in ("weight", "bias")
    )
    if weights is None:
        raise DataError(f"the file of parameters has no weights; {_AGAIN}")
    weights = weights.reshape(len(weights), -1).astype(np.float64)
    bias = np.zeros(len(weights)) if bias is None else bias.reshape(-1).astype(np.float64)
    if len(bias) != len(weights) or not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise DataError(f"the weights and the bias do not fit, or are not finite; {_AGAIN}")
    if len(bias) > _MOST_CLASSES:
        raise DataError(f"the model has {len(bias):,} outputs; {_AGAIN}")
    return LinearLearner(weights, bias, _kind(files, len(bias)), _threshold(files))


def _only(found: Mapping[str, NDArray[Any]], what: str) -> NDArray[Any] | None:
    if len(found) > 1:
        raise DataError(
            f"the file of parameters has {len(found)} arrays {what} ({', '.join(sorted(found))}), "
            "and Linear Learner has one"
        )
    return next(iter(found.values()), None)


def _kind(files: Mapping[str, bytes], outputs: int) -> str:
    """What the scores are, from the symbol's operations."""
    symbol = next((_json(files[name]) for name in files if name.endswith("symbol.json")), None)
    nodes = symbol.get("nodes") if isinstance(symbol, dict) else None
    if not isinstance(nodes, list):
        raise DataError(f"Linear Learner has a file symbol.json with its operations; {_AGAIN}")
    operations = {str(one.get("op")).lower() for one in nodes if isinstance(one, dict)}
    activations = {
        str((one.get("attrs") or one.get("attr") or one.get("param") or {}).get("act_type"))
        for one in nodes
        if isinstance(one, dict) and one.get("op") == "Activation"
    }
    if any("softmax" in one for one in operations):
        return "classes"
    is_logistic = "sigmoid" in operations | activations or any(
        "logistic" in one for one in operations
    )
    return "binary" if is_logistic and outputs == 1 else "number"


def _threshold(files: Mapping[str, bytes]) -> float | None:
    """The model's own threshold, a number whose key says so in one of its JSON files."""
    for name in sorted(files):
        if name.endswith(".json") and not name.endswith("symbol.json"):
            for key, value in _numbers(_json(files[name])):
                if "threshold" in key.lower() and math.isfinite(value):
                    return value
    return None


def _numbers(value: Any) -> Iterator[tuple[str, float]]:
    """Numbers in JSON with their keys."""
    left = [("", value)]
    while left:
        key, one = left.pop()
        if isinstance(one, dict):
            left += one.items()
        elif isinstance(one, list):
            left += [(key, each) for each in one]
        elif isinstance(one, float):
            yield key, one


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"a JSON file of the model is damaged; {_AGAIN}") from error
