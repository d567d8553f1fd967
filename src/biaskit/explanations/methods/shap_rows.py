"""shap's rows: the values of any function of rows, from its outputs on mixtures of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.explanations.attributions import About
from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import RowTable
from biaskit.explanations.methods.method import FEW_AT_ONCE, Task, Values
from biaskit.explanations.models.model import chosen_outputs
from biaskit.sources.batches import Batch

__all__ = ["ShapRows", "imported_shap"]

# Most features for which all subsets are evaluated; for more, orders are sampled.
_FEW_FEATURES = 10
# Orders of the features that shap samples for each row, each forwards and backwards.
_ORDERS = 10


def imported_shap() -> Any:
    """The package shap, which is slow to import and may emit warnings on import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    return shap


class ShapRows:
    """Values of any model that can be called, by shap's Exact or Permutation explainer."""

    at_once = FEW_AT_ONCE

    def __init__(self, task: Task):
        request, rows, outputs_of = task.request, task.rows, task.model.outputs
        if outputs_of is None:
            raise Declined
        drawn, whence = rows.compared
        # In the types of the rows that are compared with.
        self._table = RowTable(rows.features, drawn if rows.has_background else rows.first)
        self._background = self._table.rows(drawn)
        outputs = outputs_of(request.scale, self._table, self._background)
        self._outputs = outputs.of
        self._chosen = chosen_outputs(outputs.names, request.output_class)
        base = self._outputs(self._background).mean(axis=0)
        is_exact = len(rows.features) <= _FEW_FEATURES
        self._shap = self._exact() if is_exact else self._sampled(len(rows.features), request.seed)
        how = "shap's Exact"
        if not is_exact:
            how = f"shap's Permutation, {_ORDERS} orders there and back, seed {request.seed}"
        why = f"; {task.why}: no kernels" if task.why else ""
        self.about = About(
            features=rows.features,
            outputs=tuple(outputs.names[at] for at in self._chosen),
            scale=outputs.scale,
            unit=outputs.unit,
            method=f"{how}, {whence}{why}{task.model.remark}",
            base=tuple(base[self._chosen].tolist()),
            own_background=not rows.has_background,
        )

    def __call__(self, batch: Batch) -> Values:
        """Values of the distinct rows of a batch, each explained once."""
        rows = self._table.rows(batch)
        distinct, place = np.unique(rows, axis=0, return_inverse=True)  # NaN equals itself here
        values = self._of(distinct)
        return Values(values[self._chosen][:, :, place.ravel()])

    def _masker(self) -> Any:
        most = len(self._background)
        return imported_shap().maskers.Independent(self._background, max_samples=most)

    def _exact(self) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        exact = imported_shap().ExactExplainer(self._outputs, self._masker())

        def values(rows: NDArray[np.float64]) -> NDArray[np.float64]:
            # shap fails on a row in which nothing differs from the background; its values are 0.
            differs = np.any(rows[:, np.newaxis] != self._background, axis=(1, 2))
            if differs.all():
                return _wide(exact(rows, silent=True).values)
            found = np.zeros((*rows.shape, len(self._outputs(rows[:1])[0])))
            if differs.any():
                found[differs] = _wide(exact(rows[differs], silent=True).values)
            return found

        return values

    def _sampled(
        self, features: int, seed: int
    ) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        shap = imported_shap()
        sampled = shap.PermutationExplainer(self._outputs, self._masker(), seed=seed)
        evaluations = _ORDERS * (2 * features + 1)
        return lambda rows: _wide(sampled(rows, max_evals=evaluations, silent=True).values)

    def _of(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values, shape ``(outputs, features + 1, rows)``."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = self._shap(rows)
        output = self._outputs(rows)[:, np.newaxis, :]
        return np.concatenate([found, output], axis=1).transpose(2, 1, 0)


def _wide(found: Any) -> NDArray[np.float64]:
    """Values with an axis of outputs, shape ``(rows, features, outputs)``."""
    values = np.asarray(found, dtype=np.float64)
    return values[:, :, np.newaxis] if values.ndim == 2 else values
