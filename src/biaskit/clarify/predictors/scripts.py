"""Scripts: models that SageMaker's containers serve by functions of the user, run in this process.

A container in script mode calls ``model_fn``, ``input_fn``, ``predict_fn`` and ``output_fn``, or
``transform_fn`` for the last three, of the script in the archive's folder ``code``. Functions that
the script lacks are the containers' own defaults. All of this is the archive's code, so it runs
with the caller's consent only.
"""

from __future__ import annotations

import importlib.util
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from biaskit.clarify.predictors.answering import Answering
from biaskit.clarify.predictors.responses import Answer
from biaskit.clarify.predictors.templates import Bodies
from biaskit.errors import DataError, RolesError, first_line
from biaskit.explanations.models.consent import CONSENT
from biaskit.sources.counting import Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Script", "script_in"]

_FOLDER = "code/"
_AT_ONCE = 10_000  # rows


def script_in(files: Mapping[str, bytes]) -> str | None:
    """Script that serves the model of an archive; None if it has none."""
    found = sorted(
        name
        for name in files
        if name.startswith(_FOLDER) and name.endswith(".py") and name.count("/") == 1
    )
    if f"{_FOLDER}inference.py" in found:
        return f"{_FOLDER}inference.py"
    serving = [name for name in found if b"def model_fn" in files[name]]
    return serving[0] if len(serving) == 1 else None


class Script(Answering):
    """Scores and labels of rows, by the functions of a script.

    Parameters
    ----------
    files
        Content of the archive's files; they are written to a temporary folder.
    script
        The script's path among them.
    bodies, read, names, threshold, progress
        As of `Endpoint`.
    trust_model
        Whether the script may run.

    Raises
    ------
    RolesError
        The caller has not said that the script may run.
    DataError
        It cannot be loaded, or its model cannot.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        script: str,
        bodies: Bodies,
        read: Callable[[bytes, int], Answer],
        names: Sequence[str] | None = None,
        threshold: float = 0.5,
        progress: Progress | None = None,
        *,
        trust_model: bool = False,
    ):
        super().__init__(names, threshold, progress)
        if not trust_model:
            raise RolesError(
                f"the model is served by its own script {script!r}, which runs as any program "
                f"does; {CONSENT}"
            )
        self._bodies = bodies
        self._read = read
        self._name = script
        self._held = tempfile.TemporaryDirectory(prefix="biaskit-")
        folder = Path(self._held.name)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        self._path = str((folder / script).parent)
        sys.path.insert(0, self._path)  # it may import what lies beside it
        try:
            self._module = self._called(lambda: _loaded(folder / script))
            if not hasattr(self._module, "model_fn"):
                raise DataError(f"{script!r} has no function model_fn, which loads the model")
            self._model = self._called(self._module.model_fn, str(folder))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the temporary folder."""
        if self._path in sys.path:
            sys.path.remove(self._path)
        self._held.cleanup()

    def _answers(self, rows: pd.DataFrame) -> Iterator[Answer]:
        at_once = 1 if self._bodies.one_by_one else _AT_ONCE
        for start in range(0, len(rows), at_once):
            texts = self._bodies.parts(rows.iloc[start : start + at_once])
            answer = self._answered(self._bodies.joined(texts))
            yield self._read(answer, len(texts))

    def _answered(self, body: str) -> bytes:
        """Answer to a body, by the script's functions or the container's defaults."""
        module, model, bodies = self._module, self._model, self._bodies
        if hasattr(module, "transform_fn"):
            made = self._called(
                module.transform_fn, model, body, bodies.content_type, bodies.accept
            )
        else:
            take = getattr(module, "input_fn", _numbers)
            data = self._called(take, body, bodies.content_type)
            predict = getattr(module, "predict_fn", _predicted)
            found = self._called(predict, data, model)
            made = self._called(getattr(module, "output_fn", _written), found, bodies.accept)
        if isinstance(made, tuple) and made:
            made = made[0]  # the answer, and its type
        made = made.get_data() if hasattr(made, "get_data") else made
        if isinstance(made, str):
            made = made.encode()
        if not isinstance(made, (bytes, bytearray)):
            raise DataError(
                f"{self._name!r} answers with a {type(made).__name__}; output_fn must return a "
                "text or bytes"
            )
        return bytes(made)

    def _called(self, function: Callable[..., Any], *given: Any) -> Any:
        try:
            return function(*given)
        except DataError:
            raise
        except Exception as error:
            name = getattr(function, "__name__", "")
            which = f"{self._name!r}" if name == "<lambda>" else f"{name} of {self._name!r}"
            raise DataError(
                f"{which} fails: {type(error).__name__}: {first_line(error)}"
            ) from error


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"biaskit_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _numbers(body: str, content_type: str) -> Any:
    """Numbers of a body, as the containers read CSV and JSON."""
    if content_type == "text/csv":
        found = np.genfromtxt(io.StringIO(body), dtype=np.float32, delimiter=",")
        return found.reshape(len(body.splitlines()), -1)
    if content_type == "application/json":
        import json

        return np.array(json.loads(body), dtype=np.float32)
    raise DataError(f"it has no input_fn, which {content_type} needs")


def _predicted(data: Any, model: Any) -> Any:
    """Predictions of a model, as the containers ask for them: of a classifier its classes."""
    if type(model).__module__.startswith("xgboost") and not hasattr(model, "get_booster"):
        import xgboost

        matrix = data if isinstance(data, xgboost.DMatrix) else xgboost.DMatrix(data)
        return model.predict(matrix, validate_features=False)
    return model.predict(data)


def _written(found: Any, accept: str) -> str:
    """Predictions as CSV or JSON, as the containers write them."""
    values = found.tolist() if hasattr(found, "tolist") else found
    if accept == "application/json":
        import json

        return json.dumps(values)
    rows = (one if isinstance(one, (list, tuple)) else [one] for one in values)
    return "\n".join(",".join(map(str, row)) for row in rows)
