"""Cells: those of tables that are not empty, as the columns of a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.levels import Level, to_json
from biaskit.counts.roles import AXES
from biaskit.counts.tables import Table
from biaskit.store import saved

__all__ = ["Cells", "cells_of", "columns_of"]


class Cells(NamedTuple):
    """Cells of one table that are not empty."""

    #: Values on each axis.
    levels: Sequence[Sequence[Level]]
    #: Place of each cell in the table, counted row by row.
    at: NDArray[np.int64]
    #: Amounts in the cells: ``n``, where rows are weighted also ``w`` and ``w2``.
    amounts: Mapping[str, NDArray[Any]]


def cells_of(table: Table) -> Cells:
    """Cells of a table that are not empty, in the order of its arrays."""
    at = np.flatnonzero(table.n)
    arrays = {"n": table.n, "w": table.w, "w2": table.w2}
    amounts = {name: np.take(one, at) for name, one in arrays.items() if one is not None}
    return Cells(table.levels, at, amounts)


def columns_of(tables: Iterable[Cells]) -> dict[str, Any]:
    """Columns of the cells of some tables, without a Python object for each of them."""
    texts: dict[str, dict[str, int]] = {axis: {} for axis in AXES}
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("table", *AXES, "n", "w", "w2")}
    for number, (axes, at, amounts) in enumerate(tables):
        parts["table"].append(np.full(len(at), number))
        for name, amount in amounts.items():
            parts[name].append(amount)
        for axis, levels in reversed([*zip(AXES, axes, strict=True)]):
            at, codes = np.divmod(at, len(levels))
            place = texts[axis]
            named = [place.setdefault(json.dumps(to_json(a)), len(place)) for a in levels]
            parts[axis].append(np.take(np.array(named, dtype=np.int32), codes))
    columns: dict[str, Any] = {
        name: arrays[0] if len(arrays) == 1 else np.concatenate(arrays)  # a copy of 80 MB
        for name, arrays in parts.items()
        if arrays
    }
    return columns | {axis: saved.Texts([*texts[axis]], columns[axis]) for axis in AXES}
