"""Counts: what one pass over the rows leaves behind, and all that any metric needs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from biaskit import store
from biaskit.addresses import said
from biaskit.errors import DataError, RolesError
from biaskit.levels import from_json, order, to_json
from biaskit.roles import Facet, Roles, facet_name
from biaskit.tables import (
    AXES,
    MAX_CELLS,
    MAX_ROWS,
    Table,
    empty_table,
    refuse_large,
    refuse_many_rows,
    refuse_mixed,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Counts", "cells_and_header", "same_roles"]

_SCHEMA = 1


@dataclass(frozen=True)
class Counts:
    """What one pass leaves behind: the roles, one `Table` per facet, and the number of rows read.

    Counts of the same roles add, in any order and any grouping, to the counts of all their rows;
    `sum` works on a list of them.

    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "M", "M"], "hired": [0, 1, 1]})
    >>> one = biaskit.count(df, facet="sex", label="hired")
    >>> (one + one).rows
    6
    """

    roles: Roles
    tables: Mapping[Facet, Table]
    rows: int

    @classmethod
    def empty(cls, roles: Roles) -> Counts:
        """Counts of no rows: adding them to others of the same roles changes nothing."""
        return cls(roles, {facet: empty_table(roles, facet) for facet in roles.facet}, 0)

    def __add__(self, other: Counts) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        refuse_many_rows(self.rows + other.rows)
        return Counts(
            same_roles(self.roles, other.roles),
            {
                facet: _added(facet, table, other.tables[facet])
                for facet, table in self.tables.items()
            },
            self.rows + other.rows,
        )

    def __radd__(self, other: object) -> Counts:
        if other == 0:  # the start of sum()
            return self
        return NotImplemented

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the counts to a Parquet file; `path` is replaced only once the new file is whole.

        Raises
        ------
        DataError
            The folder does not exist or cannot be written.
        """
        store.write(path, *cells_and_header(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Counts:
        """Counts that `save` wrote.

        Raises
        ------
        DataError
            There is no such file, it is cut short, foreign or newer, or does not add up.
        """
        columns, header = store.read(path, ("table", *AXES, "n", "w", "w2"), MAX_CELLS)
        if header.get("schema") != _SCHEMA or header.get("kind") != "counts":
            raise DataError(
                f"{said(path)} has {header.get('kind')!r} of schema {header.get('schema')!r}, "
                f"made by biaskit {header.get('version')!r}; this version reads counts of schema "
                f"{_SCHEMA}: install a newer biaskit, or count the data again"
            )
        try:
            return _from_cells(columns, header)
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise DataError(f"{said(path)} is damaged: {error}; save the counts again") from error

    def to_frame(self) -> pd.DataFrame:
        """Non-empty cells as a tidy DataFrame: a column per role that was given, and ``n``.

        Missing values are None; weighted counts have ``w`` and ``w2`` beside ``n``.

        >>> import pandas as pd, biaskit
        >>> df = pd.DataFrame({"sex": ["F", "M", "M"], "hired": [0, 1, 1]})
        >>> biaskit.count(df, facet="sex", label="hired").to_frame()
          facet value label  n
        0   sex     F     0  1
        1   sex     M     1  2
        """
        axes = [axis for axis in AXES[1:] if getattr(self.roles, axis) is not None]
        weights = ["w", "w2"] if self.roles.weight is not None else []
        columns: dict[str, list[Any]] = {
            name: [] for name in ("facet", "value", *axes, "n", *weights)
        }
        for facet, table in self.tables.items():
            for cell in np.argwhere(table.n):
                where = tuple(cell)
                named = dict(
                    zip(AXES, (t[i] for t, i in zip(table.levels, where, strict=True)), strict=True)
                )
                columns["facet"].append(facet_name(facet))
                columns["value"].append(named["facet"])
                for axis in axes:
                    columns[axis].append(named[axis])
                columns["n"].append(int(table.n[where]))
                for name in weights:
                    columns[name].append(float(getattr(table, name)[where]))
        return store.frame(columns)


def cells_and_header(counts: Counts) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Columns and header of the file that counts are saved in."""
    from biaskit import __version__

    columns: dict[str, list[Any]] = {name: [] for name in ("table", *AXES, "n", "w", "w2")}
    for number, table in enumerate(counts.tables.values()):
        for cell in np.argwhere(table.n):
            where = tuple(cell)
            columns["table"].append(number)
            for axis, levels, i in zip(AXES, table.levels, where, strict=True):
                columns[axis].append(json.dumps(to_json(levels[i])))
            columns["n"].append(int(table.n[where]))
            columns["w"].append(None if table.w is None else float(table.w[where]))
            columns["w2"].append(None if table.w2 is None else float(table.w2[where]))
    header = {
        "schema": _SCHEMA,
        "version": __version__,
        "kind": "counts",
        "rows": counts.rows,
        "roles": counts.roles.to_json(),
    }
    return columns, header


def same_roles(ours: Roles, theirs: Roles, doing: str = "do not add") -> Roles:
    """Roles of two counts: what was counted must be equal; a choice may be made by one only.

    Raises
    ------
    RolesError
        The roles differ; the message says what counts of different roles do not do.
    """
    if ours.counted != theirs.counted:
        one, other = ours.counted.given(), theirs.counted.given()
        name = next(n for n in {**one, **other} if one.get(n) != other.get(n))
        raise RolesError(
            f"counts of different roles {doing}: {name} is {one.get(name)!r} in one and "
            f"{other.get(name)!r} in the other; count both with the same roles"
        )
    chosen = {}
    for name in ("positive", "facet_values"):
        one, other = getattr(ours, name), getattr(theirs, name)
        if one is not None and other is not None and one != other:
            raise RolesError(
                f"counts with different {name} {doing}: {one!r} and {other!r}; "
                f"load both without it, or give both the same"
            )
        chosen[name] = other if one is None else one
    return replace(ours, **chosen)


def _added(facet: Facet, one: Table, other: Table) -> Table:
    refuse_large(
        [{*a, *b} for a, b in zip(one.levels, other.levels, strict=True)], facet_name(facet)
    )
    return one + other


def _from_cells(columns: Mapping[str, list[Any]], header: Mapping[str, Any]) -> Counts:
    """Counts of the cells in a file, checked: they come from outside."""
    roles, rows = Roles.from_json(header.get("roles")), header.get("rows")
    if not isinstance(rows, int) or isinstance(rows, bool) or not 0 <= rows <= MAX_ROWS:
        raise ValueError(f"rows is {rows!r}")
    if any(type(n) is not int or n <= 0 for n in columns["n"]):
        raise ValueError("a cell has no rows, or fewer than none")
    numbers = range(len(roles.facet))
    if any(number not in numbers for number in columns["table"]):
        raise ValueError("a cell belongs to no facet")
    tables = {}
    for number, facet in enumerate(roles.facet):
        cells = [i for i, t in enumerate(columns["table"]) if t == number]
        table = _table_of_cells(
            roles, facet, {k: [v[i] for i in cells] for k, v in columns.items()}
        )
        if table.rows != rows or sum(columns["n"][i] for i in cells) != rows:
            raise ValueError(
                f"the cells of facet {facet_name(facet)!r} do not add up to {rows} rows"
            )
        tables[facet] = table
    return Counts(roles, tables, rows)


def _table_of_cells(roles: Roles, facet: Facet, cells: Mapping[str, list[Any]]) -> Table:
    empty = empty_table(roles, facet)
    by_axis = [[from_json(json.loads(text)) for text in cells[axis]] for axis in AXES]
    levels = tuple(
        tuple(sorted({*seen, *kept}, key=order))
        for seen, kept in zip(by_axis, empty.levels, strict=True)
    )
    for axis, seen, kept in zip(AXES, levels, empty.levels, strict=True):
        if axis != "facet" and getattr(roles, axis) is None and seen != kept and cells["n"]:
            raise ValueError(f"{axis} has values but no column")
    refuse_mixed(levels)
    refuse_large(levels, facet_name(facet))
    shape = [len(axis) for axis in levels]
    places = [{level: i for i, level in enumerate(axis)} for axis in levels]
    where = tuple(
        np.array([place[a] for a in seen], dtype=np.intp)
        for place, seen in zip(places, by_axis, strict=True)
    )
    if len(set(zip(*(w.tolist() for w in where), strict=True))) < len(cells["n"]):
        raise ValueError("a cell stands in it twice")
    n = np.zeros(shape, dtype=np.int64)
    n[where] = cells["n"]
    if roles.weight is None:
        return Table(levels, n)
    sums = []
    for name in ("w", "w2"):
        if any(type(x) is not float or not 0 <= x < float("inf") for x in cells[name]):
            raise ValueError(f"a sum of weights ({name}) is negative, missing or not finite")
        total = np.zeros(shape)
        total[where] = cells[name]
        sums.append(total)
    return Table(levels, n, *sums)
