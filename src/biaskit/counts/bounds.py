"""Bounds: how many values an axis may have and how large a table may be, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from biaskit.counts.levels import MISSING, Level, kind
from biaskit.counts.roles import AXES
from biaskit.errors import DataError

__all__ = [
    "MAX_CELLS",
    "MAX_COMBINATIONS",
    "MAX_LEVELS",
    "MAX_ROWS",
    "refuse_large",
    "refuse_many_rows",
    "refuse_many_values",
    "refuse_mixed",
    "refuse_mixed_axis",
    "too_many_cells",
    "too_many_combinations",
    "too_many_values",
]

#: Most values on an axis and most cells in a table: a column with more is an identifier or a
#: measurement, not a facet or a label. Groups may be more numerous. A column is any other one.
MAX_LEVELS = {
    "facet": 1_000,
    "label": 1_000,
    "predicted": 1_000,
    "group": 100_000,
    "column": 1_000,
}
#: Most combinations of values of an intersection; a report compares `MAX_LEVELS` of them at most.
MAX_COMBINATIONS = 100_000
MAX_CELLS = 10_000_000
#: Most rows: a signed integer of 64 bits holds no more.
MAX_ROWS = 2**63 - 1


def refuse_large(levels: Sequence[Collection[Level]], facet: str) -> None:
    """Refuse an axis with more levels than `MAX_LEVELS`, or more than `MAX_CELLS` cells in all."""
    for axis, values in zip(AXES, levels, strict=True):
        known = len(values) - (MISSING in values)
        if axis == "facet" and any(isinstance(value, tuple) for value in values):
            if known > MAX_COMBINATIONS:
                raise DataError(too_many_combinations(facet, known))
        elif known > MAX_LEVELS[axis]:
            name = f"facet {facet!r}" if axis == "facet" else f"the {axis}"
            raise DataError(too_many_values(axis, name, known))
    if math.prod(map(len, levels)) > MAX_CELLS:
        raise DataError(too_many_cells([len(values) for values in levels]))


def refuse_many_rows(rows: int) -> None:
    """Refuse more rows than `MAX_ROWS`; below that, no sum of cells wraps."""
    if rows > MAX_ROWS:
        raise DataError(
            f"{rows:,} rows are more than counts can hold ({MAX_ROWS:,}); were counts added "
            "twice, or does the frequency column hold something other than numbers of rows?"
        )


def too_many_values(axis: str, name: str, seen: int) -> str:
    """Message for a column with too many values."""
    cut = {
        "facet": "cut it with facet_edges=[...] or facet_above=...",
        "label": "cut it with positive_above=...",
        "predicted": "cut it with predicted_above=...",
        "group": "put it into bands first",
    }[axis]
    return (
        f"{name} has {seen:,} different values or more; a {axis} has {MAX_LEVELS[axis]:,} at most. "
        f"An identifier cannot be a {axis}; if it is a number, {cut}"
    )


def refuse_many_values(facet: str, known: int) -> None:
    """Refuse to compare more values of a facet, one by one, than `MAX_LEVELS`."""
    if known > MAX_LEVELS["facet"]:
        raise DataError(too_many_values("facet", f"facet {facet!r}", known))


def too_many_combinations(facet: str, seen: int) -> str:
    """Message for an intersection of which more combinations of values occur than are counted."""
    return (
        f"facet {facet!r} has {seen:,} combinations of values; an intersection has "
        f"{MAX_COMBINATIONS:,} at most. Leave out a column, or cut its numbers with "
        "facet_edges=[...]"
    )


def too_many_cells(sizes: Sequence[int]) -> str:
    """Message for columns that make too large a table together."""
    return (
        f"{' × '.join(f'{size:,}' for size in sizes)} values make more than {MAX_CELLS:,} cells; "
        "choose columns with fewer values, or cut a numeric facet with facet_edges"
    )


def refuse_mixed(levels: Sequence[Collection[Level]]) -> None:
    """Refuse an axis with levels of different kinds, such as numbers and texts."""
    for name, axis in zip(AXES, levels, strict=True):
        refuse_mixed_axis(name, axis)


def refuse_mixed_axis(name: str, levels: Collection[Level]) -> None:
    """Refuse an axis whose levels are of different kinds."""
    kinds = sorted({kind(level) for level in levels if level is not MISSING})
    if len(kinds) > 1:
        raise DataError(
            f"the {name} holds values of kind {kinds[0]} in one part, {kinds[1]} in another; "
            "make the column the same type everywhere"
        )
