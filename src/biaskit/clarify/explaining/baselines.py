"""Baselines: the rows that an explanation compares with, given or computed.

A computed baseline has the centres of groups of rows: means of numbers and the most frequent value
of any other column, by k-prototypes (Z. Huang, "Extensions to the k-means algorithm for clustering
large data sets with categorical values", 1998). How Clarify judges which number of groups is best
is not published; here it is the one of the largest mean silhouette, or 1 where none is above 0.25.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.tables.expressions import expression
from biaskit.errors import DataError, RolesError, in_short

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["computed", "given"]

_MOST_CLUSTERS = 12
_TURNS = 100
# Rows by which the number of groups is chosen, and from which groups are made.
_ROWS = 2_000
_MOST_ROWS = 20_000
_CLEAR = 0.25


def given(job: Configuration, baseline: Any, features: Sequence[str]) -> pd.DataFrame:
    """Baseline of a configuration: rows as lists, as objects of JSON Lines, or as a document.

    Raises
    ------
    DataError, RolesError
        It is not in the form of the data set, or has other features.
    """
    import pandas as pd

    rows = baseline
    if job.dataset_type == "application/json":
        rows = expression(job.features or "@", "features")(baseline, "shap.baseline")
    elif job.dataset_type == "application/jsonlines" and isinstance(baseline, list):
        path = expression(job.features or "@", "features")
        rows = [path(one, "shap.baseline") if isinstance(one, dict) else one for one in baseline]
    if not isinstance(rows, list) or not rows or not all(isinstance(one, list) for one in rows):
        raise RolesError(
            f"shap.baseline must have the form of the data set ({job.dataset_type}), a list of "
            f"rows for CSV; it gives {in_short(rows)}"
        )
    if wrong := [one for one in rows if len(one) != len(features)]:
        raise RolesError(
            f"shap.baseline has a row of {len(wrong[0])} values, but the model takes "
            f"{len(features)} features: {', '.join(features)}"
        )
    return pd.DataFrame({name: [row[i] for row in rows] for i, name in enumerate(features)})


def computed(rows: pd.DataFrame, clusters: int | None, seed: int) -> pd.DataFrame:
    """Centres of groups of rows, as many as asked for, else as many as fit best.

    Raises
    ------
    DataError
        There are fewer different rows than groups.
    """
    space = _Space(rows, seed)
    if clusters is not None:
        return space.centres(space.groups(clusters))
    best, score = 1, _CLEAR
    few = _Space(rows.iloc[space.some[:_ROWS]], seed)
    for k in range(2, _MOST_CLUSTERS + 1):
        try:
            found = few.silhouette(few.groups(k))
        except DataError:
            break
        if found > score:
            best, score = k, found
    return space.centres(space.groups(best))


class _Space:
    """Rows as points: numbers in units of their spread, and codes of any other column."""

    def __init__(self, rows: pd.DataFrame, seed: int):
        import pandas as pd

        self._random = np.random.default_rng(seed)
        #: Places of the rows that groups are made of.
        self.some = self._random.permutation(len(rows))[:_MOST_ROWS]
        self._rows = rows.iloc[self.some]
        self._is_number = [
            pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
            for dtype in rows.dtypes
        ]
        numbers, codes = [], []
        for place, is_number in enumerate(self._is_number):
            column = self._rows.iloc[:, place]
            if is_number:
                values = column.to_numpy(np.float64)
                is_known = np.isfinite(values)
                middle = values[is_known].mean() if is_known.any() else 0.0
                values = np.where(is_known, values, middle)
                spread = values.std()
                numbers.append((values - values.mean()) / (spread if spread > 0 else 1.0))
            else:
                codes.append(pd.factorize(column)[0])
        n = len(self._rows)
        self._numbers = np.stack(numbers, axis=1) if numbers else np.zeros((n, 0))
        self._codes = np.stack(codes, axis=1) if codes else np.zeros((n, 0), dtype=int)

    def groups(self, k: int) -> NDArray[np.intp]:
        """Group of each row, by k-prototypes from centres that are far apart."""
        distinct = np.unique(np.concatenate([self._numbers, self._codes], axis=1), axis=0)
        if len(distinct) < k:
            raise DataError(
                f"shap.num_clusters is {k}, but the data have {len(distinct)} different rows"
            )
        n = len(self._numbers)
        first = [int(self._random.integers(n))]
        away = self._away(first[0])
        for _ in range(k - 1):
            first.append(int(self._random.choice(n, p=away / away.sum())))
            away = np.minimum(away, self._away(first[-1]))
        numbers, codes = self._numbers[first], self._codes[first]
        of = np.full(n, -1)
        for _ in range(_TURNS):
            found = np.argmin(self._distances(numbers, codes), axis=1)
            if np.array_equal(found, of):
                break
            of = found
            for group in range(k):
                inside = of == group
                if inside.any():
                    numbers[group] = self._numbers[inside].mean(axis=0)
                    codes[group] = [_mode(column) for column in self._codes[inside].T]
        return np.asarray(of)

    def silhouette(self, of: NDArray[np.intp]) -> float:
        """Mean silhouette of groups, by their centres."""
        k = int(of.max()) + 1
        inside = [of == group for group in range(k)]
        if not all(one.any() for one in inside):
            return -1.0
        numbers = np.stack([self._numbers[one].mean(axis=0) for one in inside])
        codes = np.array([[_mode(c) for c in self._codes[one].T] for one in inside], dtype=int)
        distances = np.sqrt(self._distances(numbers, codes.reshape(k, -1)))
        own = distances[np.arange(len(of)), of]
        distances[np.arange(len(of)), of] = np.inf
        other = distances.min(axis=1)
        widest = np.maximum(own, other)
        return float(
            np.mean(np.where(widest > 0, (other - own) / np.where(widest > 0, widest, 1), 0))
        )

    def centres(self, of: NDArray[np.intp]) -> pd.DataFrame:
        """Centre of each group in the types of the data; numbers are means."""
        import pandas as pd

        made: dict[str, list[Any]] = {}
        groups = np.unique(of)
        for place, name in enumerate(self._rows.columns):
            column = self._rows.iloc[:, place]
            inside = [column[of == group] for group in groups]
            if self._is_number[place]:
                made[str(name)] = [float(one.mean()) for one in inside]
            else:
                made[str(name)] = [one.mode(dropna=False).iloc[0] for one in inside]
        return pd.DataFrame(made)

    def _away(self, place: int) -> NDArray[np.float64]:
        return self._distances(self._numbers[[place]], self._codes[[place]])[:, 0]

    def _distances(self, numbers: NDArray[np.float64], codes: NDArray[Any]) -> NDArray[np.float64]:
        """Squared distances of rows to centres; a different category counts 1."""
        made = np.zeros((len(self._numbers), len(numbers)))
        for group in range(len(numbers)):
            made[:, group] = np.square(self._numbers - numbers[group]).sum(axis=1)
            made[:, group] += (self._codes != codes[group]).sum(axis=1)
        return made


def _mode(codes: NDArray[Any]) -> int:
    values, times = np.unique(codes, return_counts=True)
    return int(values[np.argmax(times)])
