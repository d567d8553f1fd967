"""Columns as pandas would type them: from their distinct values, whatever the file's format.

Clarify's container reads a table with pandas, and the type that pandas infers decides which rows a
value of the configuration selects. Here the rows are counted with their texts as they are written,
so that the type follows from the few distinct texts afterwards.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from biaskit.counts.levels import MISSING, Level, show

__all__ = [
    "NA_VALUES",
    "Column",
    "Dtype",
    "column_of",
    "dtype_of_arrow",
    "is_missing",
    "json_of_cell",
]

#: Types that decide what a value of the configuration selects, by pandas' names.
Dtype: TypeAlias = Literal["int64", "float64", "bool", "object", "category"]

#: Texts that pandas reads as missing (`pandas.read_csv`, argument ``na_values``).
NA_VALUES = (
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip

# What pandas' reader of CSV takes for an integer, a float and a boolean.
_INTEGER = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_FLOAT = re.compile(
    r"\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|infinity)\s*",
    re.ASCII | re.IGNORECASE,
)
_BOOLEAN = {"true": True, "false": False}  # in any case
_INT64 = range(-(2**63), 2**63)


class Column(NamedTuple):
    """A counted column: its type, and the value that each of its levels stands for.

    A missing level stands for None.
    """

    name: str
    dtype: Dtype
    value: Mapping[Level, Any]
    rows: Mapping[Level, int]
    #: Number of different values, where the column was cut because it has too many of them.
    many: int = 0

    @property
    def distinct(self) -> int:
        """Number of different values."""
        return self.many or len(self.known)

    @property
    def known(self) -> list[Level]:
        """Levels that are not missing."""
        return [level for level in self.value if level is not MISSING]

    @property
    def n(self) -> int:
        """Rows, those with a missing value included."""
        return sum(self.rows.values())

    def shown(self, level: Level) -> str:
        """Value of a level as Clarify writes it."""
        return "nan" if level is MISSING else str(self.value[level])


def column_of(
    name: str, rows: Mapping[Level, int], declared: Dtype | None, *, is_json: bool = False
) -> Column:
    """Column from its levels and their rows.

    Parameters
    ----------
    name, rows
        The column's name, and the rows of each of its levels.
    declared
        Its type, where the data have types; else the levels are texts of a CSV, or of JSON.
    is_json
        Whether the texts are JSON values.

    >>> column_of("y", {"0": 3, "1": 2}, None).dtype, column_of("y", {"0.0": 3, "1": 2}, None).dtype
    ('int64', 'float64')
    """
    levels = list(rows)
    known = [level for level in levels if level is not MISSING]
    has_missing = len(known) < len(levels)
    if declared is None:
        texts = [str(level) for level in known]
        dtype, values = _of_json(texts) if is_json else _of_csv(texts)
        if dtype == "int64" and has_missing:
            dtype, values = "float64", [float(one) for one in values]
        elif dtype == "bool" and has_missing:
            dtype = "object"
    else:
        dtype, values = _as_declared(declared, known, has_missing=has_missing)
    value: dict[Level, Any] = dict(zip(known, values, strict=True))
    if has_missing:
        value[MISSING] = None
    return Column(name, dtype, value, rows)


def dtype_of_arrow(type_: Any) -> Dtype:
    """Type of pandas for an Arrow type; whole numbers with missing ones are floats later."""
    import pyarrow.types as t

    if t.is_dictionary(type_):
        return "category"
    if t.is_boolean(type_):
        return "bool"
    if t.is_integer(type_):
        return "int64"
    if t.is_floating(type_):
        return "float64"
    return "object"


def _of_csv(texts: Sequence[str]) -> tuple[Dtype, list[Any]]:
    if not texts:
        return "float64", []
    if all(map(_INTEGER.fullmatch, texts)):
        whole = [int(text) for text in texts if len(text) < 30]
        if len(whole) == len(texts) and all(one in _INT64 for one in whole):
            return "int64", whole
        return "object", list(texts)
    if all(map(_FLOAT.fullmatch, texts)):
        return "float64", [float(text) for text in texts]
    if all(text.lower() in _BOOLEAN for text in texts):
        return "bool", [_BOOLEAN[text.lower()] for text in texts]
    return "object", list(texts)


def _of_json(texts: Sequence[str]) -> tuple[Dtype, list[Any]]:
    values = [json.loads(text) for text in texts]
    if not values:
        return "object", []
    if all(isinstance(one, bool) for one in values):
        return "bool", values
    if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in values):
        if all(isinstance(one, int) and one in _INT64 for one in values):
            return "int64", values
        with contextlib.suppress(OverflowError):  # whole numbers beyond every float
            return "float64", [float(one) for one in values]
    return "object", values


def _as_declared(
    declared: Dtype, known: Sequence[Level], *, has_missing: bool
) -> tuple[Dtype, list[Any]]:
    if declared == "int64" and has_missing:
        declared = "float64"
    if declared == "bool" and has_missing:
        declared = "object"
    if declared == "float64":
        return declared, [float(one) for one in known]  # type: ignore[arg-type]
    if declared == "object":
        return declared, [one if isinstance(one, (str, bool)) else show(one) for one in known]
    return declared, list(known)


def json_of_cell(text: str) -> Any:
    """Value of JSON that a cell of CSV stands for, as pandas would read it.

    >>> [json_of_cell(one) for one in ("7", "0.5", "NA", "tRue", "a")]
    [7, 0.5, None, True, 'a']
    """
    if not text or text in NA_VALUES:
        return None
    _, (value,) = _of_csv([text])
    return value


def is_missing(value: Any) -> bool:
    """Whether a value of Python is missing, as pandas sees it."""
    return value is None or (isinstance(value, float) and math.isnan(value))
