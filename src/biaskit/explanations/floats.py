"""Rows as floats: the input of models and kernels, and the way back to the data's own values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, listed
from biaskit.sources.batches import Batch
from biaskit.sources.encode import dictionary, kind_of, numbers

__all__ = ["Categories", "RowTable", "frame", "matrix"]


class Categories(NamedTuple):
    """Categories that a model stores from its training, and how it treats others."""

    library: str
    #: Names of the model's own columns, in their order.
    columns: tuple[str, ...]
    #: Values of the categories of a column, in the order of their codes.
    of: Mapping[str, tuple[Any, ...]]
    #: Whether the library raises for a category that was not in the training data.
    refuses_others: bool = False


class RowTable:
    """Rows as plain floats, and back; a text becomes its index among the texts seen so far."""

    def __init__(self, features: Sequence[str], like: Batch):
        self.features = features
        self._kinds = {name: _kind(like.columns[name], name, like.where) for name in features}
        self._texts: dict[str, dict[Any, int]] = {
            name: {} for name, kind in self._kinds.items() if kind == "text"
        }

    @property
    def is_numeric(self) -> bool:
        """Whether all features are numbers or booleans."""
        return not self._texts

    def rows(self, batch: Batch) -> NDArray[np.float64]:
        """Rows of a batch as floats, NaN where a value is missing; shape ``(rows, features)``."""
        made = np.empty((batch.rows, len(self.features)))
        for at, name in enumerate(self.features):
            array = batch.columns[name]
            if name in self._texts:
                made[:, at] = self._places(name, array, batch.where)
            else:
                made[:, at] = _numbers(array, name, batch.where)
        return made

    def _places(self, name: str, array: Any, where: str) -> NDArray[np.float64]:
        if kind_of(array.type) not in ("text", "missing"):
            raise DataError(
                f"{where}: feature {name!r} holds {array.type} where earlier rows hold "
                "texts; make the column the same type everywhere"
            )
        indices, values = dictionary(array)
        known = self._texts[name]
        place = [known.setdefault(value, len(known)) for value in values.to_pylist()]
        return np.take(np.array([*place, math.nan]), indices)

    def is_number(self, at: int) -> bool:
        """Whether the feature at an index is numeric."""
        return self._kinds[self.features[at]] in ("integer", "float")

    def value(self, at: int, place: float) -> Any:
        """Value in the data that a float represents."""
        if math.isnan(place):
            return None
        (value,) = self._column(self.features[at], np.array([place])).tolist()
        return value

    def array(self, rows: NDArray[np.float64]) -> NDArray[Any]:
        """Rows as an array for a model: of floats where all are numbers, else of objects."""
        if self.is_numeric:
            return rows
        columns = self._columns(rows).values()
        return np.stack([np.asarray(column, dtype=object) for column in columns], axis=1)

    def frame(self, rows: NDArray[np.float64]) -> Any:
        """Rows as a pandas frame for a model, in the types of the data."""
        import pandas as pd

        return pd.DataFrame(self._columns(rows))

    def codes(self, rows: NDArray[np.float64], categories: Categories) -> NDArray[np.float64]:
        """Rows in the form that a model's library takes: categories as its own codes.

        Raises
        ------
        DataError
            A feature holds texts where the model takes numbers, categories of another kind, or a
            category that the model was not trained on and refuses.
        """
        made = rows.copy()
        for at, (name, its_name) in enumerate(zip(self.features, categories.columns, strict=True)):
            kept = categories.of.get(its_name)
            if kept is not None:
                made[:, at] = self._codes_of(name, rows[:, at], kept, categories)
            elif name in self._texts:
                raise DataError(
                    f"feature {name!r} holds texts, and the model does not store its categories, "
                    "so they cannot be mapped to its codes; encode them as for training, or "
                    "train it again with the "
                    f"newest {categories.library}"
                )
        return made

    def _codes_of(
        self, name: str, values: NDArray[np.float64], kept: Sequence[Any], categories: Categories
    ) -> NDArray[np.float64]:
        """Codes of the categories of a feature, NaN where one is missing or unknown."""
        is_text = name in self._texts
        distinct, place = np.unique(values, return_inverse=True)
        known = distinct[~np.isnan(distinct)].tolist()
        if known and is_text != any(isinstance(one, str) for one in kept):
            raise DataError(
                f"feature {name!r} holds {'texts' if is_text else 'numbers'}, and the model's "
                f"categories are {listed(kept, most=4)}; give the feature the type that it had "
                "in training"
            )
        number = {one: i for i, one in enumerate(kept)}
        texts = [*self._texts[name]] if is_text else []
        codes = np.full(len(distinct), math.nan)
        for i, value in enumerate(known):
            one = texts[int(value)] if is_text else value
            if one in number:
                codes[i] = number[one]
            elif categories.refuses_others:
                raise DataError(
                    f"feature {name!r} holds {one!r}, which was not in the training data; the "
                    f"model knows {listed(kept, most=6)}"
                )
        return codes[place.ravel()]

    def _columns(self, rows: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Columns of rows in the types of the data."""
        return {name: self._column(name, rows[:, at]) for at, name in enumerate(self.features)}

    def _column(self, name: str, values: NDArray[np.float64]) -> NDArray[Any]:
        if name in self._texts:
            texts = np.array([*self._texts[name], None], dtype=object)
            return np.take(texts, np.where(np.isnan(values), len(texts) - 1, values).astype(int))
        kind = self._kinds[name]
        if kind == "integer" and np.all(values == np.floor(values)):  # no NaN among them
            return values.astype(np.int64)
        if kind == "boolean" and np.all((values == 0) | (values == 1)):
            return values.astype(np.bool_)
        return values


def _kind(array: Any, name: str, where: str) -> str:
    import pyarrow.types as t

    kind = kind_of(array.type)
    if kind is None:
        raise DataError(f"{where}: feature {name!r} has type {array.type}; convert it")
    if kind == "number":
        return "integer" if t.is_integer(array.type) else "float"
    return {"missing": "float"}.get(kind, kind)


def _numbers(array: Any, name: str, where: str) -> NDArray[np.float64]:
    """Numbers of a feature, NaN where they are missing; a boolean is 0 or 1.

    Raises
    ------
    DataError
        The column does not hold numbers.
    """
    import pyarrow as pa

    kind = kind_of(array.type)
    if kind == "missing":
        return np.full(len(array), np.nan)
    if kind == "boolean":
        array = array.cast(pa.uint8())
    elif kind != "number":
        raise DataError(
            f"{where}: feature {name!r} holds {array.type}, but the model takes numbers; "
            "encode it as for training"
        )
    return numbers(array, name, "feature", where)


def matrix(batch: Batch, features: Sequence[str], where: str) -> list[NDArray[np.float64]]:
    """Numeric columns of a batch, in the order of the features."""
    return [_numbers(batch.columns[name], name, where) for name in features]


def frame(batch: Batch, features: Sequence[str]) -> Any:
    """Pandas frame of some columns of a batch, its texts as categories."""
    import pyarrow as pa

    columns = {name: batch.columns[name] for name in features}
    texts = {name: kind_of(column.type) == "text" for name, column in columns.items()}
    made = pa.table(
        {
            name: column.dictionary_encode() if texts[name] else column
            for name, column in columns.items()
        }
    )
    return made.to_pandas()
