"""Pairs: one pass over the rows, or saved counts, to the table of each column and each facet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet, column_name, columns_of, facets_of
from biaskit.counts.levels import MISSING, Level, order
from biaskit.counts.roles import AXES, RoleArguments, Roles, refuse_no_facet
from biaskit.counts.tables import Table
from biaskit.errors import DataError, RolesError, did_you_mean, listed
from biaskit.sources.batches import refuse_missing_columns
from biaskit.sources.counting import Progress, counted_in_part
from biaskit.sources.dispatch import source_of
from biaskit.sources.files.dialect import Dialect

__all__ = ["Pair", "Profiled", "profiled", "rows_by_value"]

# Roles that a profile makes no use of.
_UNUSED = (
    *("predicted", "group", "weight", "positive", "predicted_above", "predicted_positive"),
    *("facet_values", "reference", "score", "score_range", "features"),
)


class Pair(NamedTuple):
    """Rows by the values of two columns, in canonical order; a missing value is one, too."""

    values: tuple[Level, ...]
    others: tuple[Level, ...]
    #: Shape ``(values, others)``.
    n: NDArray[np.int64]

    def known(self) -> Pair:
        """Rows that are known on both, without values that none of them has."""
        n = self.n.copy()
        n[[one is MISSING for one in self.values]] = 0
        n[:, [one is MISSING for one in self.others]] = 0
        of_value, of_other = n.sum(axis=1) > 0, n.sum(axis=0) > 0
        return Pair(
            tuple(one for one, used in zip(self.values, of_value, strict=True) if used),
            tuple(one for one, used in zip(self.others, of_other, strict=True) if used),
            n[of_value][:, of_other],
        )


@dataclass(frozen=True)
class Profiled:
    """Counts of which each column has a table with each facet."""

    counts: Counts
    #: Columns that are profiled with each facet.
    columns: Mapping[Facet, tuple[str, ...]]
    #: Columns of which only missing values are counted, and why.
    set_aside: Mapping[str, str]

    @property
    def roles(self) -> Roles:
        """Roles with the facets that were asked for, and not their pairs with columns."""
        return self.counts.roles.replaced(facet=tuple(self.columns))

    def pair(self, column: str, other: Facet) -> Pair:
        """Rows by the values of a column and those of a facet, or of another column."""
        wanted = {column, *other.columns}
        fitting = [
            (table.n.size, facet)
            for facet, table in self.counts.tables.items()
            if wanted <= {*_columns(facet, self.counts.roles)}
        ]
        _, facet = min(fitting, key=lambda one: one[0])
        return _pair(self.counts.tables[facet], facet, self.counts.roles, (column,), other.columns)

    def rows_of(self, facet: Facet) -> dict[Level, int]:
        """Rows of each value of a facet, the missing ones last."""
        return rows_by_value(self.counts, facet)


def rows_by_value(counts: Counts, facet: Facet) -> dict[Level, int]:
    """Rows of each value of a facet, or of a part of one, the missing ones last.

    Raises
    ------
    RolesError
        No facet of the counts has its columns, or they are protected or weighted.
    """
    _refuse_weights(counts)
    wanted = {*facet.columns}
    of = next((one for one in counts.tables if wanted <= {*one.columns}), None)
    if of is None:
        raise _no_facet(facet, counts)
    made = _pair(counts.tables[of], of, counts.roles, facet.columns, ())
    return dict(zip(made.values, made.n.sum(axis=1).tolist(), strict=True))


def _refuse_weights(counts: Counts) -> None:
    if counts.roles.weight is not None:
        raise RolesError("a profile takes no weight; count the rows again without it")


def _no_facet(facet: Facet, counts: Counts) -> RolesError:
    names = dict.fromkeys(column for one in counts.roles.facet for column in one.columns)
    return RolesError(
        f"these counts have no facet {facet.name!r}; {did_you_mean(facet.name, names)}"
    )


def profiled(
    table: Any,
    given: RoleArguments,
    columns: Sequence[str] | None,
    *,
    progress: Progress | None = None,
    filesystem: Any = None,
    dialect: Dialect | None = None,
) -> Profiled:
    """Counts of each column with each facet; `table` is what `opened` gave.

    Raises
    ------
    RolesError
        The roles contradict each other, a role has no use here, or saved counts lack a column.
    DataError
        The data cannot be read, or have no rows.
    """
    for name in _UNUSED:
        if given.get(name) is not None:
            raise RolesError(f"a profile takes no {name}; leave it out")
    if isinstance(table, Counts):
        made = _of_counts(table, given, columns)
    else:
        made = _of_rows(table, given, columns, progress, filesystem, dialect)
    if not made.counts.rows:
        raise DataError("there are no rows, so there is nothing to profile; is the table empty?")
    return made


def _of_rows(
    table: Any,
    given: RoleArguments,
    columns: Sequence[str] | None,
    progress: Progress | None,
    filesystem: Any,
    dialect: Dialect | None,
) -> Profiled:
    facets = facets_of(given.get("facet"))
    refuse_no_facet(Roles(facet=given.get("facet")))
    source = source_of(table, filesystem, dialect)
    label, frequency = column_name(given.get("label")), column_name(given.get("frequency"))
    if columns is None:
        columns = [one for one in source.names() if one != frequency]
    else:
        refuse_missing_columns(columns, source.names(), "the data")
        columns = [*columns, *(one for one in [label] if one is not None and one not in columns)]
    by_facet = {f: tuple(one for one in columns if one not in f.columns) for f in facets}
    pairs = [
        Facet((*facet.columns, one))
        for facet, those in by_facet.items()
        for one in those
        if one != label
    ]
    kept: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    kept |= {name: _by_column(kept[name], facets) for name in _CUTS if name in kept}
    every = dict.fromkeys((*facets, *pairs))
    roles = Roles(**{**kept, "facet": [one.columns for one in every]})
    optional = {*columns} - {label} - {*columns_of(facets)} - {*roles.cuts}
    counts, set_aside = counted_in_part(source, roles, optional, progress)
    return Profiled(counts, by_facet, set_aside)


#: Roles that cut a column of a facet, which may be any column here.
_CUTS = ("facet_above", "facet_at_most", "facet_edges")


def _by_column(cut: Any, facets: Sequence[Facet]) -> Any:
    """Cuts by column; one that names none is that of the only facet."""
    columns = columns_of(facets)
    return {columns[0]: cut} if not isinstance(cut, Mapping) and len(columns) == 1 else cut


def _of_counts(counts: Counts, given: RoleArguments, columns: Sequence[str] | None) -> Profiled:
    if counts.protected is not None:
        raise RolesError(
            "a profile rests on exact numbers of rows, and these counts are rounded: give the "
            "exact ones"
        )
    _refuse_weights(counts)
    others: Any = {n: v for n, v in given.items() if n != "facet" and v is not None}
    counts = counts.choosing(**others)
    single = tuple(one for one in counts.roles.facet if len(one.columns) == 1)
    facets = single if given.get("facet") is None else facets_of(given["facet"])
    known = {one: _columns(one, counts.roles) for one in counts.roles.facet}
    for facet in facets:
        if not any({*facet.columns} <= {*one.columns} for one in known):
            raise _no_facet(facet, counts)
    if not facets:
        names = dict.fromkeys(column for one in known for column in one.columns)
        raise RolesError(f"facet is needed: one of {listed([*names])}")
    by_facet = {}
    for facet in facets:
        beside = [c for one in known.values() if {*facet.columns} <= {*one} for c in one]
        held = [one for one in dict.fromkeys(beside) if one not in facet.columns]
        if lacking := [one for one in columns or () if one not in (*held, *facet.columns)]:
            raise RolesError(
                f"these counts have no table of {lacking[0]!r} with {facet.name!r}: count the rows "
                f"again with the facet {Facet((*facet.columns, lacking[0])).name!r}"
            )
        by_facet[facet] = tuple(one for one in held if columns is None or one in columns)
    return Profiled(counts, by_facet, {})


def _columns(facet: Facet, roles: Roles) -> tuple[str, ...]:
    """Columns of the table of a facet, in the order of its axes."""
    return tuple(column for axis in roles.axes(facet) for column in axis.columns)


def _pair(
    table: Table, of: Facet, roles: Roles, columns: Sequence[str], others: Sequence[str]
) -> Pair:
    """Rows of a table by the values of some of its columns, and those of others."""
    axes = [axis.columns for axis in roles.axes(of)]
    found = []
    for names in (columns, others):
        axis = next((i for i, held in enumerate(axes) if {*names} <= {*held}), 0)
        at = [axes[axis].index(one) for one in names]
        values = [_value(one, at) for one in table.levels[axis]]
        kept = tuple(sorted({*values}, key=order))
        place = {one: i for i, one in enumerate(kept)}
        found.append((axis, kept, np.array([place[one] for one in values], dtype=np.int64)))
    (one, of_columns, of_one), (other, of_others, of_other) = found
    used = tuple(sorted({one, other}))
    n = table.n.sum(axis=tuple(i for i in range(len(AXES)) if i not in used))
    made = np.zeros((len(of_columns), len(of_others)), dtype=np.int64)
    if len(used) == 1:
        np.add.at(made, (of_one, of_other), n)
    else:
        np.add.at(made, np.ix_(of_one, of_other), n if one < other else n.T)
    return Pair(of_columns, of_others, made)


def _value(level: Level, at: Sequence[int]) -> Level:
    """Value of some columns of a level together; missing where one of them is."""
    if not isinstance(level, tuple):
        return level if at else MISSING
    parts = tuple(level[i] for i in at)
    if any(one is MISSING for one in parts):
        return MISSING
    return parts[0] if len(parts) == 1 else parts
