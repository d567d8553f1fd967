"""Outputs: those that an explanation adds up to, compared with the model's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, first_line
from biaskit.explanations.models.ensembles import TreeModel

__all__ = ["Walked", "refuse_other_outputs", "spread"]

# Rows of a batch that are compared with the model itself where trees are walked, which is as fast
# as the library's own prediction.
_CHECKED = 1_000
# Tolerance for the library's own outputs, which are sums of float32.
_SAME = 1e-4
_SMALL = 1e-6


class Walked:
    """Outputs of rows by walking the trees, compared with the library's own if it is available.

    About a thousand rows, spread over each batch, are compared.
    """

    def __init__(self, trees: TreeModel, chosen: Sequence[int]):
        from biaskit.explanations.trees.walks import TreeOutputs

        ensembles = [*trees.outputs.values()]
        self._own, self._chosen = trees.own, [*chosen]
        self._walks = [TreeOutputs(ensembles[at]) for at in chosen]

    def __call__(self, columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Outputs, shape ``(rows, outputs)``.

        Raises
        ------
        DataError
            They differ from the library's own.
        """
        walked = np.stack([walk(columns) for walk in self._walks], axis=1)
        if self._own is not None:
            some = spread(len(walked))
            try:
                own = self._own(np.stack([column[some] for column in columns], axis=1))
            except ValueError as error:
                reason = first_line(error)
                raise DataError(f"the model does not take these rows: {reason}") from error
            refuse_other_outputs(walked[some], own[:, self._chosen])
        return walked


def spread(rows: int) -> slice:
    """About a thousand rows, spread over a batch; all rows of a smaller batch."""
    return slice(None, None, max(1, rows // _CHECKED))


def refuse_other_outputs(
    ours: NDArray[np.float64], own: NDArray[np.float64], near: float = _SAME
) -> None:
    """Refuse an explanation that does not add up to the model's own outputs.

    Raises
    ------
    DataError
        They differ by more than the rounding of a library that sums float32. That rounding is
        relative to the summands: among large outputs, one near 0 is as uncertain as the others.
    """
    size = max(float(np.abs(own).mean()), _SMALL) if own.size else 0.0
    if ours.shape != own.shape or not np.allclose(ours, own, rtol=near, atol=near * size):
        by = f" by {np.abs(ours - own).max():.3g}" if ours.shape == own.shape else " in shape"
        raise DataError(
            f"the explanation does not reproduce the model's outputs: they differ{by}"
            "; give a function that calls the model instead"
        )
