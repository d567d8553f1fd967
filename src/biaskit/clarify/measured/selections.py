"""Selections: the rows that values or a threshold of a configuration select, as Clarify reads them.

Clarify decides by a column's type whether the given value is compared or is a threshold
(smclarify 0.5, ``series_datatype``): floats are always cut, whole numbers where at least one in
twenty rows has its own value, all others are compared. A cut at t selects ``(t, max]``. Whoever
meant the value itself then gets another group, and nothing says so; here a warning does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from biaskit.clarify.tables.columns import Column
from biaskit.counts.levels import MISSING, Level
from biaskit.errors import RolesError, did_you_mean, listed

__all__ = ["Selection", "Typing", "is_continuous", "kind_of", "selected"]

#: How values are read: as Clarify does, or as they are written.
Typing: TypeAlias = Literal["clarify", "literal"]

# Share of rows with a value of their own from which whole numbers are continuous.
_UNIQUE = 0.05


class Selection(NamedTuple):
    """Levels of a column that are selected, as a text of Clarify's, and what to be warned of."""

    levels: frozenset[Level]
    shown: str
    is_cut: bool
    warnings: tuple[str, ...] = ()


def kind_of(column: Column, given: Sequence[Any]) -> str:
    """Whether given values are thresholds, with the reason.

    >>> from biaskit.clarify.tables.columns import column_of
    >>> kind_of(column_of("y", {"0.0": 900, "1.0": 100}, None), [0])
    'continuous: floats'
    """
    if len(given) > 1:
        return "categorical: more than one value is given"
    match column.dtype:
        case "category":
            return "categorical: pandas' type category"
        case "float64":
            return "continuous: floats"
        case "int64":
            return _of_whole_numbers(column)
        case "object" if _are_whole(column):
            return _of_whole_numbers(column)
        case "bool":
            return "categorical: booleans"
    return "categorical: texts"


def is_continuous(column: Column, given: Sequence[Any]) -> bool:
    """Whether given values are thresholds."""
    return kind_of(column, given).startswith("continuous")


def selected(
    column: Column, given: Sequence[Any], typing: Typing, what: str = "value_or_threshold"
) -> Selection:
    """Selection of the values or the threshold that a configuration gives for a column.

    Raises
    ------
    RolesError
        A value cannot be of the column's type, or, read literally, does not occur.
    """
    if typing == "literal":
        return _literally(column, given, what)
    values = [_cast(column, one, what) for one in given]
    if is_continuous(column, given):
        return _above(column, values[0], given[0], what)
    levels = frozenset(level for level in column.known if _value(column, level) in values)
    shown = ",".join(map(str, values))
    return Selection(levels, shown, False, tuple(_of_values(column, given, values, what)))


def _value(column: Column, level: Level) -> Any:
    """Value of a level as it is compared: texts that are all whole numbers are numbers."""
    value = column.value[level]
    return int(value) if column.dtype == "object" and _are_whole(column) else value


def _are_whole(column: Column) -> bool:
    """Whether texts are all whole numbers, as pandas' conversion to them takes them."""
    if MISSING in column.value:
        return False
    try:
        for level in column.known:
            int(column.value[level])
    except (ValueError, TypeError):
        return False
    return bool(column.known)


def _of_whole_numbers(column: Column) -> str:
    share = column.distinct / max(1, column.n)
    how = f"{column.distinct:,} different values in {column.n:,} rows"
    if share >= _UNIQUE:
        return f"continuous: {how}, one in twenty or more"
    return f"categorical: {how}, fewer than one in twenty"


def _cast(column: Column, given: Any, what: str) -> Any:
    """Given value in the column's type, by Python's conversions, as Clarify casts it."""
    try:
        match column.dtype:
            case "int64":
                return int(given)
            case "float64":
                return float(given)
            case "bool":
                return bool(given)
            case "object" if _are_whole(column):
                return int(given)
            case "object":
                return str(given)
    except (ValueError, OverflowError) as error:
        raise RolesError(
            f"Could not convert string to float. {what} {given!r} of column {column.name!r} cannot "
            f"be compared with its values, which are of type {column.dtype}"
        ) from error
    return next((one for one in column.value.values() if str(one) == str(given)), given)


def _above(column: Column, threshold: Any, given: Any, what: str) -> Selection:
    levels = list(column.known)
    numbers = [_value(column, level) for level in levels]
    most = max(numbers, default=threshold)
    if threshold == most:
        chosen, shown = frozenset[Level](), ""
    elif threshold > most:
        chosen, shown = frozenset[Level](), f"({most}, {threshold}]"
    else:
        chosen = frozenset(
            level for level, one in zip(levels, numbers, strict=True) if one > threshold
        )
        shown = f"({threshold}, {most}]"
    warnings = []
    if threshold in numbers and len(set(numbers)) > 1:
        measured = f"the group {shown}" if chosen else "an empty group"
        warnings.append(
            f"{what} {given!r} of {column.name!r} occurs as a value, but Clarify takes it for a "
            f"threshold ({kind_of(column, [given])}) and measures {measured}, without the rows of "
            f"{given!r} themselves; --typing literal compares the value"
        )
    return Selection(chosen, shown, True, tuple(warnings))


def _of_values(column: Column, given: Sequence[Any], values: Sequence[Any], what: str) -> list[str]:
    """Warnings where the values that are compared are not the values given, or do not occur."""
    found: list[str] = []
    absent: list[Any] = []
    known = [_value(column, level) for level in column.known]
    for one, value in zip(given, values, strict=True):
        if str(one) != str(value) and one != value:
            found.append(
                f"{what} {one!r} of {column.name!r} is compared as {value!r}, as Clarify casts it "
                f"to the column's type {column.dtype}; --typing literal compares what is written"
            )
        elif column.dtype == "bool" and isinstance(one, str) and one.lower() != str(value).lower():
            found.append(
                f"{what} {one!r} of {column.name!r} is compared as {value}, as Clarify reads any "
                "text of a boolean column; --typing literal compares what is written"
            )
        elif value not in known:
            absent.append(one)
    if absent:
        hint = did_you_mean(str(absent[0]), [str(each) for each in known])
        verb = "does" if len(absent) == 1 else "do"
        found.append(f"{what} {_listed(absent)} {verb} not occur in {column.name!r}; {hint}")
    return found


def _listed(values: Sequence[Any], most: int = 12) -> str:
    shown = ", ".join(map(repr, values[:most]))
    return shown if len(values) <= most else f"{shown} and {len(values) - most:,} more"


def _literally(column: Column, given: Sequence[Any], what: str) -> Selection:
    """Levels whose value is one of those given, as numbers or as texts."""
    levels = []
    for one in given:
        matches = [level for level in column.known if _is_same(column.value[level], one)]
        if not matches:
            shown = [str(column.value[level]) for level in column.known]
            raise RolesError(
                f"{what} {one!r} does not occur in {column.name!r}; the values are {listed(shown)}"
                ". With --typing literal a value is compared, never a threshold"
            )
        levels += matches
    return Selection(frozenset(levels), ",".join(map(str, given)), False)


def _is_same(value: Any, given: Any) -> bool:
    if isinstance(value, bool) or isinstance(given, bool):
        return str(value).lower() == str(given).lower()
    if isinstance(value, (int, float)):
        try:
            return bool(value == float(given))
        except (TypeError, ValueError):
            return False
    return str(value) == str(given)
