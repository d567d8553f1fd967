"""ONNX: its files, through a session of onnxruntime."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.explanations.models.consent import imported, loaded
from biaskit.explanations.models.estimators import outputs_of
from biaskit.explanations.models.model import Model

__all__ = ["onnx_file"]

_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}
#: Oldest version that may open a file; older ones are vulnerable to crafted files.
_LEAST = (1, 27)


def onnx_file(path: Path, _: bool) -> Model:
    """Model of an ``.onnx`` file.

    Raises
    ------
    DataError
        onnxruntime is missing or too old, or cannot read the file.
    """
    runtime = imported("onnxruntime", "an ONNX file needs onnxruntime", least=_LEAST)
    session = loaded("onnxruntime", lambda: _Session(runtime.InferenceSession(os.fspath(path))))
    return Model(columns=session.columns, outputs=partial(outputs_of, session))


class _Session:
    """Function of the rows of a frame: probabilities where the model has them, else its output."""

    def __init__(self, session: Any):
        self._session = session
        self._inputs = session.get_inputs()
        names = [output.name for output in session.get_outputs()]
        scores = [name for name in names if "prob" in name.lower() or "score" in name.lower()]
        self._output = (scores or names)[0] if len(names) == 1 or scores else names[-1]
        #: Names of the columns, where each has an input of its own.
        self.columns = tuple(one.name for one in self._inputs) if len(self._inputs) > 1 else ()

    def __call__(self, frame: Any) -> NDArray[np.float64]:
        """Outputs of the rows of a frame, shape ``(rows, outputs)`` or ``(rows,)``."""
        if len(self._inputs) == 1:
            type_ = _TYPES.get(self._inputs[0].type)
            if type_ is None:
                raise DataError(f"the ONNX model takes a {self._inputs[0].type}, not numbers")
            feed = {self._inputs[0].name: np.asarray(frame, dtype=type_)}
        else:
            feed = {
                one.name: np.asarray(
                    frame[one.name], dtype=_TYPES.get(one.type, np.object_)
                ).reshape(-1, 1)
                for one in self._inputs
            }
        (found,) = self._session.run([self._output], feed)
        if isinstance(found, list) and found and isinstance(found[0], dict):
            return np.array([[*row.values()] for row in found], dtype=np.float64)
        return np.asarray(found, dtype=np.float64)
