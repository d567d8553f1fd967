"""Frames: rows of a data set as a pandas frame, typed as pandas types them: what models take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from biaskit.clarify.tables.columns import column_of
from biaskit.clarify.tables.datasets import Dataset
from biaskit.counts.levels import MISSING, Level, level
from biaskit.sources.batches import rows_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame_of"]


def frame_of(dataset: Dataset, columns: Sequence[str], most: int | None = None) -> pd.DataFrame:
    """Some columns of a data set, of its first `most` rows if given.

    Raises
    ------
    DataError
        The data cannot be read.
    """
    import pandas as pd
    import pyarrow as pa

    kept: dict[str, list[Any]] = {name: [] for name in columns}
    rows = 0
    for batch in rows_of(dataset.source, list(columns)):
        for name in columns:
            kept[name].append(batch.columns[name])
        rows += batch.rows
        if most is not None and rows >= most:
            break
    made = {}
    for name, arrays in kept.items():
        whole = pa.chunked_array([_plain(array) for array in arrays])
        whole = whole if most is None else whole.slice(0, most)
        made[name] = _typed(dataset, name, whole)
    return pd.DataFrame(made, columns=list(columns))


def _plain(array: Any) -> Any:
    return array.dictionary_decode() if hasattr(array, "dictionary_decode") else array


def _typed(dataset: Dataset, name: str, whole: Any) -> Any:
    """Values of a column, of the type that pandas would infer."""
    import pandas as pd

    declared = dataset.dtype(name)
    if declared in ("int64", "float64", "bool"):
        return pd.Series(whole.to_numpy())
    encoded = whole.dictionary_encode().combine_chunks()
    encoded = encoded.chunk(0) if hasattr(encoded, "chunk") else encoded
    texts = encoded.dictionary.to_pylist()
    rows: dict[Level, int] = {level(text): 1 for text in texts}
    has_missing = bool(encoded.indices.null_count)
    if has_missing:
        rows[MISSING] = 1
    column = column_of(name, rows, declared, is_json=dataset.is_json)
    values = [column.value[level(text)] for text in texts]
    empty = np.nan if column.dtype == "float64" else None
    dtype = {"category": "object"}.get(column.dtype, column.dtype)
    distinct = pd.Series([*values, empty] if has_missing else values, dtype=dtype)
    places = encoded.indices.fill_null(len(values)).to_numpy()
    return distinct.take(places).reset_index(drop=True)
