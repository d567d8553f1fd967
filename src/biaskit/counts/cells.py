"""Cells: those of tables that are not empty, as the columns of a file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import refuse_large, refuse_mixed
from biaskit.counts.edges import Edges
from biaskit.counts.facets import Facet
from biaskit.counts.levels import MISSING, Level, from_json, order, to_json
from biaskit.counts.roles import AXES, Roles
from biaskit.counts.scores import ScoreTable, refuse_large_scores
from biaskit.counts.tables import Levels, Table, empty_table
from biaskit.store import saved

__all__ = [
    "Cells",
    "by_facet",
    "cells_of",
    "cells_of_scores",
    "columns_of",
    "levels_of",
    "no_sums",
    "scores_of_cells",
    "table_of_cells",
]


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


def cells_of_scores(table: ScoreTable) -> Cells:
    """Cells of scores that are not empty: a bin stands on the axis of predictions.

    The missing score is the bin after the last.
    """
    n = np.concatenate([table.n, table.missing[..., np.newaxis]], axis=-1)
    # The axes of a table of counts: facet, label, prediction, group.
    n, s, s2 = (np.moveaxis(one, -1, 2) for one in (n, _widened(table.s), _widened(table.s2)))
    at = np.flatnonzero(n)
    bins: list[Level] = [*range(table.edges.bins), MISSING]
    amounts = {name: np.take(one, at) for name, one in {"n": n, "w": s, "w2": s2}.items()}
    return Cells((table.facet, table.label, bins, table.group), at, amounts)


def _widened(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums with a 0 for the missing score."""
    return np.concatenate([sums, np.zeros((*sums.shape[:-1], 1))], axis=-1)


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


def no_sums(cells: Cells) -> dict[str, Any]:
    """Sums of cells that have none, as NaN."""
    return {name: np.full(len(cells.at), np.nan) for name in ("w", "w2")}


def by_facet(of_facet: NDArray[np.int64], facets: int) -> list[Any]:
    """Places of the cells of each facet, however many facets there are."""
    if facets == 1:
        return [slice(None)]
    places = np.argsort(of_facet, kind="stable")
    return np.split(places, np.searchsorted(of_facet[places], np.arange(1, facets)))


def levels_of(texts: saved.Texts) -> list[Level]:
    """Level of each text on an axis."""
    if not isinstance(texts, saved.Texts):
        raise ValueError("a level is not a text")
    return [from_json(json.loads(text)) for text in texts.distinct]


def _used(codes: NDArray[np.int32], levels: int) -> NDArray[Any]:
    """Codes of the levels that some cells have, ascending; a few cells look at few levels."""
    if len(codes) < levels:
        return np.unique(codes)
    return np.flatnonzero(np.bincount(codes, minlength=levels))


def table_of_cells(
    roles: Roles,
    facet: Facet,
    levels: Mapping[str, list[Level]],
    codes: Mapping[str, NDArray[np.int32]],
    cells: Mapping[str, NDArray[Any]],
) -> Table:
    """Table of one facet from the cells of a file, which are checked.

    Raises
    ------
    ValueError, DataError
        They are not as `cells_of` makes them.
    """
    empty = empty_table(roles, facet)
    axes: list[tuple[Level, ...]] = []
    used: dict[str, NDArray[Any]] = {}
    for axis, kept in zip(AXES, empty.levels, strict=True):
        used[axis] = _used(codes[axis], len(levels[axis]))
        seen = {levels[axis][code] for code in used[axis].tolist()}
        axes.append(tuple(sorted({*seen, *kept}, key=order)))
        if axis != "facet" and getattr(roles, axis) is None and seen - {*kept}:
            raise ValueError(f"{axis} has values but no column")
    refuse_mixed(axes)
    refuse_large(axes, facet.name)
    shape = [len(axis) for axis in axes]
    flat = np.zeros(len(cells["n"]), dtype=np.int64)
    for name, known in zip(AXES, axes, strict=True):
        place = {level: i for i, level in enumerate(known)}
        of_code = np.empty(len(levels[name]), dtype=np.int64)
        of_code[used[name]] = [place[levels[name][code]] for code in used[name].tolist()]
        flat *= len(known)
        flat += np.take(of_code, codes[name])
    is_there = np.zeros(math.prod(shape), dtype=bool)
    is_there[flat] = True
    if np.count_nonzero(is_there) < len(flat):
        raise ValueError("it holds a cell twice")

    def table_of(name: str, dtype: Any) -> NDArray[Any]:
        made = np.zeros(math.prod(shape), dtype=dtype)
        made[flat] = cells[name]
        return made.reshape(shape)

    n = table_of("n", np.int64)
    if roles.weight is None:
        return Table(Levels(*axes), n)
    for name in ("w", "w2"):
        sums = cells[name]
        if sums.dtype.kind != "f" or not np.all(np.isfinite(sums) & (sums >= 0)):
            raise ValueError(f"a sum of weights ({name}) is negative, missing or not finite")
    return Table(Levels(*axes), n, table_of("w", np.float64), table_of("w2", np.float64))


def scores_of_cells(
    edges: Edges,
    table: Table,
    levels: Mapping[str, list[Level]],
    codes: Mapping[str, NDArray[np.int32]],
    cells: Mapping[str, NDArray[Any]],
) -> ScoreTable:
    """Distribution of scores from the cells of a file, which are checked.

    Raises
    ------
    ValueError
        They are not as `cells_of_scores` makes them.
    """
    axes = {axis: getattr(table.levels, axis) for axis in ("facet", "label", "group")}
    flat = np.zeros(len(cells["n"]), dtype=np.int64)
    for axis, known in axes.items():
        place = {level: i for i, level in enumerate(known)}
        found = [place.get(level, -1) for level in levels[axis]]
        at = np.take(np.array(found or [-1], dtype=np.int64), codes[axis])
        if np.any(at < 0):
            raise ValueError(f"a score is of a {axis} that has no rows")
        flat = flat * len(known) + at
    bins = [-1 if one is MISSING else one for one in levels["predicted"]]
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in bins):
        bins = [one if type(one) is int else -2 for one in bins]
    at = np.take(np.array(bins or [-2], dtype=np.int64), codes["predicted"])
    if np.any((at < -1) | (at >= edges.bins)):
        raise ValueError("a score is in no bin of its range")
    at = np.where(at < 0, edges.bins, at)
    refuse_large_scores([*map(len, axes.values())], edges.bins)
    shape = (*map(len, axes.values()), edges.bins + 1)
    flat = flat * (edges.bins + 1) + at
    if len(np.unique(flat)) < len(flat):
        raise ValueError("it holds a cell of scores twice")

    def spread(name: str, dtype: Any) -> NDArray[Any]:
        made = np.zeros(math.prod(shape), dtype=dtype)
        made[flat] = cells[name]
        return made.reshape(shape)

    n, s, s2 = spread("n", np.int64), spread("w", np.float64), spread("w2", np.float64)
    if not (np.isfinite(s).all() and np.isfinite(s2).all()):
        raise ValueError("a sum of scores is missing or not finite")
    facet, label, group = axes.values()
    return ScoreTable(
        edges, facet, label, group, n[..., :-1], s[..., :-1], s2[..., :-1], n[..., -1]
    )
