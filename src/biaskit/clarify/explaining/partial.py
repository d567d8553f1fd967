"""``pdp``: partial dependence as Clarify reports it: the mean score with a feature set to a value.

Numbers are set to the centres of buckets of equal width, any other feature to each of its values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.explaining.kernel_shap import names_of
from biaskit.clarify.predictors.predictor import Predictor
from biaskit.errors import BiaskitError, DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_ROWS", "partial_dependence_of"]

#: Most rows whose scores are averaged; of more, a sample.
MOST_ROWS = 10_000
# Most different values of a feature that is no number: one of more is a name or a key.
_MOST_VALUES = 1_000
# Rows that a model is given at once.
_AT_ONCE = 100_000


def partial_dependence_of(
    predictor: Predictor, rows: pd.DataFrame, features: Sequence[str], grid: int, seed: int = 0
) -> list[dict[str, Any]]:
    """Partial dependence of each of some features; one that fails has its error instead."""
    some = rows
    if len(rows) > MOST_ROWS:
        kept = np.random.default_rng(seed).permutation(len(rows))[:MOST_ROWS]
        some = rows.iloc[np.sort(kept)]
    made = []
    for name in features:
        kind = "numerical" if _is_number(rows[name]) else "categorical"
        one: dict[str, Any] = {"feature_name": name, "data_type": kind}
        try:
            values, shares = _grid(rows[name], grid)
            means = np.concatenate([*_means(predictor, some, name, values)])
            one |= {
                "feature_values": values,
                "data_distribution": shares,
                "model_predictions": means.T.tolist(),
                "label_headers": names_of(predictor, means.shape[1]),
            }
        except BiaskitError as error:
            one["error"] = str(error)
        made.append(one)
    return made


def _is_number(column: pd.Series[Any]) -> bool:
    import pandas as pd

    return bool(
        pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    )


def _grid(column: pd.Series[Any], grid: int) -> tuple[list[Any], list[float]]:
    """Values that a feature is set to, and the share of the known rows at or about each."""
    known = column.dropna()
    if known.empty:
        raise DataError(f"{column.name!r} has no known value")
    if _is_number(column):
        return _buckets(column.name, known.to_numpy(np.float64), grid)
    counts = known.value_counts(sort=False)
    if len(counts) > _MOST_VALUES:
        raise DataError(
            f"{column.name!r} has {len(counts):,} different values, too many to set it to each; "
            f"partial dependence takes {_MOST_VALUES:,}"
        )
    values = list(dict.fromkeys(known.tolist()))
    return values, [float(counts[value] / len(known)) for value in values]


def _buckets(name: Any, numbers: NDArray[np.float64], grid: int) -> tuple[list[float], list[float]]:
    """Centres of buckets of equal width, and shares; the number itself if there is only one."""
    if not np.all(np.isfinite(numbers)):
        raise DataError(f"{name!r} has infinite values, which have no buckets")
    if numbers.min() == numbers.max():
        return [float(numbers[0])], [1.0]
    times, edges = np.histogram(numbers, bins=grid)
    return ((edges[1:] + edges[:-1]) / 2).tolist(), (times / len(numbers)).tolist()


def _means(
    predictor: Predictor, rows: pd.DataFrame, name: str, values: Sequence[Any]
) -> Iterator[NDArray[np.float64]]:
    """Mean scores with the feature set to each of some values, shape ``(values, outputs)``."""
    at_once = max(1, _AT_ONCE // len(rows))
    for start in range(0, len(values), at_once):
        some = values[start : start + at_once]
        changed = rows.iloc[np.tile(np.arange(len(rows)), len(some))].reset_index(drop=True)
        dtype = object if isinstance(some[0], str) else None
        changed[name] = np.repeat(np.array(some, dtype=dtype), len(rows))
        scores = predictor.scores(changed)
        yield scores.reshape(len(some), len(rows), -1).mean(axis=1)
