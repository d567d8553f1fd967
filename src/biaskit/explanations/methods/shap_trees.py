"""shap's trees: path-dependent values of trees that the kernels do not support."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, first_line
from biaskit.explanations.attributions import About
from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import RowTable, frame
from biaskit.explanations.methods.method import FEW_AT_ONCE, Task, Values
from biaskit.explanations.methods.shap_rows import imported_shap
from biaskit.explanations.models.model import chosen_outputs, output_names
from biaskit.explanations.outputs import refuse_other_outputs
from biaskit.sources.batches import Batch

__all__ = ["ShapTrees"]


class ShapTrees:
    """Path-dependent values of a margin by shap's TreeExplainer."""

    at_once = FEW_AT_ONCE

    def __init__(self, task: Task):
        request, rows, model = task.request, task.rows, task.model.for_shap
        if model is None or rows.has_background or request.scale == "probability":
            raise Declined
        self._model, self._features = model, rows.features
        self._table = RowTable(rows.features, rows.first)
        shap = imported_shap()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._shap = shap.TreeExplainer(model.model)
            except Exception as error:
                raise Declined(f"shap cannot read it: {first_line(error)}") from error
        _, bases = self._of(frame(rows.few, rows.features))
        names = output_names(model.classes, len(bases))
        self._chosen = chosen_outputs(names, request.output_class)
        why = f" ({task.why})" if task.why else ""
        self.about = About(
            features=rows.features,
            outputs=tuple(names[at] for at in self._chosen),
            scale="probability" if model.is_probability else "raw",
            unit=model.unit,
            method=f"shap's TreeExplainer, path-dependent{why}",
            base=tuple(bases[self._chosen].tolist()),
        )

    def __call__(self, batch: Batch) -> Values:
        """Values as shap gives them."""
        values, bases = self._of(frame(batch, self._features))
        total = bases[:, np.newaxis, np.newaxis] + values.sum(axis=1, keepdims=True)
        own = self._model.own(self._table, self._table.rows(batch))
        refuse_other_outputs(total[:, 0].T, own)
        return Values(np.concatenate([values, total], axis=1)[self._chosen])

    def _of(self, rows: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values, shape ``(outputs, features, rows)``, and the base of each output."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = self._shap(rows, check_additivity=False)
            except (ValueError, TypeError) as error:
                raise DataError(
                    f"the model does not take these rows: {first_line(error)}"
                ) from error
        values = np.asarray(found.values, dtype=np.float64)
        values = values[:, :, np.newaxis] if values.ndim == 2 else values
        bases = np.atleast_2d(np.asarray(found.base_values, dtype=np.float64))
        bases = bases.reshape(len(values), -1)[0] if len(values) else bases[0]
        skipped = self._model.skipped
        return values.transpose(2, 1, 0)[skipped:], bases[skipped:]
