"""Mixtures: rows that take some features from the explained rows and the others from a baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.predictors.models import InProcess
from biaskit.clarify.predictors.predictor import Predictor

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Mixtures", "Scores"]

#: Scores of the mixtures of some explained rows with every row of the baseline, shape ``(rows,
#: coalitions, baseline, outputs)``: of the indices of the former and of the features that come from
#: them, shape ``(coalitions, features)``.
Scores: TypeAlias = Callable[[NDArray[np.intp], NDArray[np.bool_]], NDArray[np.float64]]


class Mixtures:
    """Mixtures of explained rows and a baseline, each column in the type that holds both."""

    def __init__(self, rows: pd.DataFrame, baseline: pd.DataFrame):
        self._names = list(rows.columns)
        self._first = len(rows)
        self._columns: list[Any] = [
            _together(rows.iloc[:, i], baseline.iloc[:, i]) for i in range(len(self._names))
        ]

    def together(self) -> pd.DataFrame:
        """Explained rows and then the baseline."""
        import pandas as pd

        return pd.DataFrame(dict(zip(self._names, self._columns, strict=True)))

    def scores(self, predictor: Predictor) -> Scores:
        """Scores of mixtures by a model, which is asked for equal mixtures once."""
        columns, ask = self._columns, self._asked_as_frames(predictor)
        if isinstance(predictor, InProcess):
            floats, of = predictor.on_floats(self.together())
            columns, ask = list(floats.T), lambda mixed: of(np.stack(mixed).T)
        keys = _Keys(self._columns, self._first)
        baseline = len(self._columns[0]) - self._first

        def scores(own: NDArray[np.intp], members: NDArray[np.bool_]) -> NDArray[np.float64]:
            shape = len(own), len(members), baseline
            first, which = keys.first(own, members)
            row, coalition, other = np.unravel_index(first, shape)
            row, other = own[row], other + self._first
            mixed = [
                column[np.where(is_own[coalition], row, other)]
                for column, is_own in zip(columns, members.T, strict=True)
            ]
            return ask(mixed)[which].reshape(*shape, -1)

        return scores

    def _asked_as_frames(
        self, predictor: Predictor
    ) -> Callable[[Sequence[NDArray[Any]]], NDArray[np.float64]]:
        import pandas as pd

        def ask(mixed: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
            return predictor.scores(pd.DataFrame(dict(zip(self._names, mixed, strict=True))))

        return ask


class _Keys:
    """A number for each mixture, the same for equal ones."""

    def __init__(self, columns: Sequence[NDArray[Any]], first: int):
        import pandas as pd

        codes = [pd.factorize(column)[0] + 1 for column in columns]
        self._codes = np.stack(codes, axis=1).astype(np.int64)
        self._first = first
        sizes = [int(one.max()) + 1 for one in codes]
        self._fits = math.prod(sizes) < 1 << 62
        if self._fits:
            strides = [math.prod(sizes[:i]) for i in range(len(sizes))]
            self._codes *= np.array(strides, dtype=np.int64)

    def first(
        self, own: NDArray[np.intp], members: NDArray[np.bool_]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Places of the different mixtures as they come, and which of these each mixture is."""
        rows, baseline = self._codes[own], self._codes[self._first :]
        if self._fits:
            theirs, others = members.astype(np.int64), (~members).astype(np.int64)
            keys = (rows @ theirs.T)[:, :, np.newaxis] + others @ baseline.T
            _, first, which = np.unique(keys.ravel(), return_index=True, return_inverse=True)
        else:
            keys = np.where(
                members[np.newaxis, :, np.newaxis], rows[:, np.newaxis, np.newaxis], baseline
            )
            _, first, which = np.unique(
                keys.reshape(-1, keys.shape[-1]), axis=0, return_index=True, return_inverse=True
            )
        order = np.argsort(first)
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.arange(len(order))
        return first[order], place[which.ravel()]


def _together(one: pd.Series[Any], other: pd.Series[Any]) -> NDArray[Any]:
    """Values of both, as an array."""
    values, more = one.to_numpy(), other.to_numpy()
    if values.dtype.kind in "iufb" and more.dtype.kind in "iufb":
        if values.dtype.kind in "iu" and np.array_equal(more, np.trunc(more)):
            more = more.astype(values.dtype)  # whole numbers stay whole
        return np.concatenate([values, more])
    return np.concatenate([values.astype(object), more.astype(object)])
