"""``pdp``: partial dependence as Clarify reports it: the mean score with a feature set to a value.

Numbers are set to the centres of buckets of equal width, any other feature to each of its values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from biaskit.clarify.predictors.predictor import Predictor
from biaskit.errors import BiaskitError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_ROWS", "partial_dependence_of"]

#: Most rows whose scores are averaged; of more, a sample.
MOST_ROWS = 10_000


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
            means = [*_means(predictor, some, name, values)]
            one |= {
                "feature_values": values,
                "data_distribution": shares,
                "model_predictions": [list(each) for each in zip(*means, strict=True)],
                "label_headers": predictor.names,
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
    """Values that a feature is set to, and the share of the rows at or about each."""
    known = column.dropna()
    if _is_number(column):
        numbers = known.to_numpy(np.float64)
        times, edges = np.histogram(numbers, bins=grid)
        centres = (edges[1:] + edges[:-1]) / 2
        return centres.tolist(), (times / max(1, len(numbers))).tolist()
    values = list(dict.fromkeys(known.tolist()))
    counts = known.value_counts()
    return values, [float(counts[value] / len(known)) for value in values]


def _means(
    predictor: Predictor, rows: pd.DataFrame, name: str, values: Sequence[Any]
) -> Iterator[list[float]]:
    """Mean scores with the feature set to each value."""
    changed = rows.copy()
    for value in values:
        changed[name] = value
        yield predictor.scores(changed).mean(axis=0).tolist()
