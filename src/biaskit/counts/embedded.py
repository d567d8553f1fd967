"""Embedded counts: those that a page carries, as plain JSON, and what was asked besides."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import MAX_CELLS
from biaskit.counts.cells import Cells, cells_of, columns_of
from biaskit.counts.levels import from_json, to_json
from biaskit.counts.roles import AXES
from biaskit.counts.tables import Table
from biaskit.store import blocks, saved
from biaskit.store.addresses import is_address

if TYPE_CHECKING:
    from biaskit.counts.counts import Counts

__all__ = ["FORM", "asked_before", "asked_of", "cells_in", "to_block"]

#: Form of the block of counts in a page; schema 2 is for protected ones.
FORM = blocks.Form("counts", (1, 2), "make the page again")


def to_block(counts: Counts, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Counts as plain JSON values, for a page; `asked` is what was asked for besides the roles.

    Each table has the values on its four axes and its cells in the order of those, ``n``: numbers
    of rows, and for empty cells their number below zero. `Counts.load` reads a page with it.

    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "M", "M"], "hired": [0, 1, 1]})
    >>> block = to_block(biaskit.count(df, facet="sex", label="hired"), {"confidence": 0.95})
    >>> block["tables"], block["asked"]
    ([{'levels': [['F', 'M'], [0, 1], ['*'], ['*']], 'n': [1, -2, 2]}], {'confidence': 0.95})

    Raises
    ------
    RolesError
        JSON would not give `asked` back as it is, or it is longer than 64 kB.
    """
    told: dict[str, Any] = {
        "rows": counts.rows,
        "roles": counts.roles.replaced(features=None).to_json(),
        "tables": [_told(table) for table in counts.shown_tables.values()],
    }
    if counts.protected is not None:
        told |= {"schema": 2, "protected": counts.protected.to_json()}
    return blocks.block(FORM, told, _with_ends(asked or {}, to_json))


def cells_in(block: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns and header of the counts in a block, as a counts file has them; they are unchecked.

    Raises
    ------
    ValueError, TypeError, OverflowError
        They are not as `to_block` makes them.
    """
    tables = block.get("tables")
    if not isinstance(tables, list) or not tables:
        raise ValueError("it has no list of tables")
    columns = columns_of(_cells(table) for table in tables)
    return columns, {name: block.get(name) for name in ("schema", "rows", "roles", "protected")}


def asked_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What was asked for besides the roles when a page was made; nothing of any other file.

    Raises
    ------
    DataError
        The file is missing, or is a page whose counts are missing, cut short, changed or newer.
    """
    with saved.bytes_of(path) as source:
        if not blocks.is_page(source.read(blocks.START), path):
            return {}
        asked: dict[str, Any] = blocks.load(source, path, FORM)["asked"]
        return _with_ends(asked, _end_of)


def asked_before(data: Any) -> dict[str, Any]:
    """What was asked of a page, if `data` is the path of one; nothing of patterns and other data.

    Raises
    ------
    DataError
        As for `asked_of`.
    """
    if not isinstance(data, (str, os.PathLike)) or not blocks.is_named_page(data):
        return {}
    is_there = is_address(os.fspath(data)) or Path(data).is_file()
    return asked_of(data) if is_there else {}


def _with_ends(asked: Mapping[str, Any], made: Callable[[Any], Any]) -> dict[str, Any]:
    """What was asked, with each end of a limit's range as something else: JSON has no infinity."""
    limits = asked.get("limits")
    if not isinstance(limits, Mapping):
        return {**asked}
    ranges = {
        name: [*map(made, one)] if isinstance(one, list) else one for name, one in limits.items()
    }
    return {**asked, "limits": ranges}


def _end_of(told: Any) -> Any:
    """End of a range as a page has it; what is none is refused where limits are read."""
    return from_json(told) if told in ({"float": "inf"}, {"float": "-inf"}) else told


def _told(table: Table) -> dict[str, Any]:
    """Table as a block has it."""
    levels, at, amounts = cells_of(table)
    empty = np.diff(at, prepend=-1) - 1  # before each cell
    n = np.stack([-empty, amounts["n"]], axis=1).ravel()
    return {
        "levels": [[to_json(a) for a in axis] for axis in levels],
        "n": n[n != 0].tolist(),
        **{name: amounts[name].tolist() for name in ("w", "w2") if name in amounts},
    }


def _cells(told: Any) -> Cells:
    """Cells of a table in a block."""
    axes = told.get("levels") if isinstance(told, dict) else None
    if not isinstance(axes, list) or not all(isinstance(axis, list) for axis in axes):
        raise ValueError("a table has no lists of values")
    levels = [[*map(from_json, axis)] for axis in axes]
    if any(len({*axis}) < len(axis) for axis in levels):
        raise ValueError("an axis has a value twice")
    size = math.prod(map(len, levels))
    if len(levels) != len(AXES) or size > MAX_CELLS:
        raise ValueError(f"a table has {len(levels)} axes and {size:,} cells")
    n = _numbers(told.get("n"), int)
    if np.any((n == 0) | (n < -size)):
        raise ValueError("a number of cells is out of range")
    is_cell = n > 0
    at = (np.cumsum(np.where(is_cell, 1, -n)) - 1)[is_cell]
    if np.any(at >= size):
        raise ValueError("a table has more cells than its values make")
    sums = {name: _sums(told.get(name), len(at)) for name in ("w", "w2")}
    return Cells(levels, at, {"n": n[is_cell], **sums})


def _sums(told: Any, cells: int) -> NDArray[np.float64]:
    """Sums of weights, one for each cell; NaN where rows are not weighted."""
    sums = np.full(cells, np.nan) if told is None else _numbers(told, float)
    if len(sums) != cells:
        raise ValueError(f"there are {len(sums):,} sums of weights for {cells:,} cells")
    return sums


def _numbers(told: Any, kind: type) -> NDArray[Any]:
    """Array of a list of numbers, all of one type."""
    if not isinstance(told, list) or {*map(type, told)} - {kind}:
        raise ValueError(f"a list has something else than numbers ({kind.__name__})")
    return np.array(told, np.int64 if kind is int else np.float64)
