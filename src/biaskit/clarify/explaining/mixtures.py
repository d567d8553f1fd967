"""Mixtures: rows that take some features from the explained rows and the others from a baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Mixtures"]


class Mixtures:
    """Frames of mixtures, each column in the type that holds the values of both."""

    def __init__(self, rows: pd.DataFrame, baseline: pd.DataFrame):
        self._names = list(rows.columns)
        self._first = len(rows)
        self._columns: list[Any] = [
            _together(rows.iloc[:, i], baseline.iloc[:, i]) for i in range(len(self._names))
        ]

    def frame(
        self, own: NDArray[np.intp], other: NDArray[np.intp], members: NDArray[np.bool_]
    ) -> pd.DataFrame:
        """Mixtures of rows.

        Parameters
        ----------
        own, other
            Index of the explained row, and of the baseline's row, of each mixture.
        members
            Features that come from the explained row, shape ``(mixtures, features)``.
        """
        import pandas as pd

        other = other + self._first
        return pd.DataFrame(
            {
                name: column[np.where(members[:, i], own, other)]
                for i, (name, column) in enumerate(zip(self._names, self._columns, strict=True))
            }
        )


def _together(one: pd.Series[Any], other: pd.Series[Any]) -> NDArray[Any]:
    """Values of both, as an array."""
    values, more = one.to_numpy(), other.to_numpy()
    if values.dtype.kind in "iufb" and more.dtype.kind in "iufb":
        if values.dtype.kind in "iu" and np.array_equal(more, np.trunc(more)):
            more = more.astype(values.dtype)  # whole numbers stay whole
        return np.concatenate([values, more])
    return np.concatenate([values.astype(object), more.astype(object)])
