"""Reading: the rows of a report that comes as a table, perhaps back from a file."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaskit.counts.levels import level, show
from biaskit.errors import DataError, in_short
from biaskit.reports.report import Row

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OF_CHECKS", "rows_of"]

#: Columns that `biaskit.check` adds to a report.
OF_CHECKS = ("limit_low", "limit_high", "verdict", "reason")

# Columns that reports need not have, such as those of 0.1.0, and what stands for them.
_LATER = {
    "confidence": math.nan,
    **dict.fromkeys(("rate_a", "rate_d", "of_a", "of_d"), math.nan),
    "n_other": 0,
    # Only those that ask what rows of a missing facet could do, and those on protected counts.
    "least": math.nan,
    "most": math.nan,
}

_TEXTS = ("stage", "facet", "value", "metric", "note")


def rows_of(report: pd.DataFrame) -> list[Row]:
    """Rows of a report, with the types that `biaskit.report` gives them.

    A file may have changed them: a facet value ``"1"`` comes back as a number, an empty note as
    NaN, and an infinite number from JSON as a text.

    Raises
    ------
    DataError
        It is not a report: columns are missing, or hold something else.
    """
    columns = [str(name) for name in getattr(report, "columns", ())]
    missing = [name for name in Row._fields if name not in columns and name not in _LATER]
    if missing:
        named = ", ".join(map(repr, missing))
        raise DataError(
            f"this is not a report: it has no column {named}; give what biaskit.report makes"
        )
    if not hasattr(report, "to_numpy"):
        raise DataError(f"a report is a pandas DataFrame, not {in_short(report)}; convert it")
    parts = [
        [_read(name)(value, name) for value in report[name].tolist()]
        if name in columns
        else [_LATER[name]] * len(report)
        for name in Row._fields
    ]
    return [Row(*values) for values in zip(*parts, strict=True)]


def _read(name: str) -> Callable[[Any, str], Any]:
    """How the values of a column are read."""
    if name in _TEXTS:
        return _text
    return _whole if name.startswith("n_") else _number


def _is_empty(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _number(value: Any, name: str) -> float:
    if _is_empty(value) or value == "":
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(
            f"this is not a report: {name} holds {in_short(value)}, which is not a number"
        ) from None


def _whole(value: Any, name: str) -> int:
    number = _number(value, name)
    if not number.is_integer() or number < 0:
        raise DataError(
            f"this is not a report: {name} holds {in_short(value)}, which is not a number of rows"
        )
    return int(number)


def _text(value: Any, _: str) -> str:
    return "" if _is_empty(value) else show(level(value))
