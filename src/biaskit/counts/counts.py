"""Counts: the result of one pass over the rows, which is all that any metric needs."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from biaskit import formats
from biaskit.counts import embedded
from biaskit.counts.cells import (
    cells_of,
    cells_of_scores,
    columns_of,
    no_sums,
    scores_of_cells,
)
from biaskit.counts.facets import Facet
from biaskit.counts.levels import Level, from_json, order, show
from biaskit.counts.roles import AXES, CHOICES, RoleArguments, Roles
from biaskit.counts.scores import ScoreTable
from biaskit.counts.tables import (
    MAX_CELLS,
    MAX_ROWS,
    Levels,
    Table,
    empty_table,
    refuse_large,
    refuse_many_rows,
    refuse_mixed,
)
from biaskit.errors import DataError, RolesError
from biaskit.store import blocks, saved
from biaskit.store.addresses import said

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FORM",
    "Counts",
    "cells_and_header",
    "from_cells",
    "from_page",
    "loaded",
    "same_roles",
]

FORM = saved.Form("counts", {1: ("table", *AXES, "n", "w", "w2")}, "count the data again")
# Most numbers, of 8 bytes each, that the tables of a file may have together.
_MOST_NUMBERS = 1 << 26


@dataclass(frozen=True)
class Counts:
    """Result of one pass: the roles, one `Table` per facet, and the number of rows read.

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
    #: Distributions of the scores, for each facet, where there is a score.
    scores: Mapping[Facet, ScoreTable] = field(default_factory=dict)

    @classmethod
    def empty(cls, roles: Roles) -> Counts:
        """Counts of no rows: adding them to others of the same roles changes nothing."""
        tables = {facet: empty_table(roles, facet) for facet in roles.facet}
        scores = {}
        if (edges := roles.score_edges) is not None:
            scores = {one: ScoreTable.empty(edges, table.levels) for one, table in tables.items()}
        return cls(roles, tables, 0, scores)

    def __add__(self, other: Counts) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        roles, rows = same_roles(self.roles, other.roles), self.rows + other.rows
        refuse_many_rows(rows)
        tables = {
            facet: _added(facet, table, other.tables[facet]) for facet, table in self.tables.items()
        }
        scores = {facet: one + other.scores[facet] for facet, one in self.scores.items()}
        return Counts(roles, tables, rows, scores)

    def __radd__(self, other: object) -> Counts:
        if other == 0:  # the start of sum()
            return self
        return NotImplemented

    def choosing(self, **choices: Unpack[RoleArguments]) -> Counts:
        """These counts with other choices, of those that can be made after counting.

        `facet` selects some of the facets; `positive`, `facet_values` and `reference` say what is
        compared.

        >>> import pandas as pd, biaskit
        >>> df = pd.DataFrame({"sex": ["F", "M", "M"], "hired": ["no", "yes", "yes"]})
        >>> counts = biaskit.count(df, facet="sex", label="hired").choosing(positive="yes")
        >>> biaskit.report(counts, metrics="DPL", facet_values="F")["estimate"].item()
        1.0

        Raises
        ------
        RolesError
            A role that is fixed by the pass over the rows was given another value.
        """
        roles = self.roles.chosen(**choices)
        return replace(
            self,
            roles=roles,
            tables={one: self.tables[one] for one in roles.facet},
            scores={one: self.scores[one] for one in roles.facet if one in self.scores},
        )

    def without_scores(self) -> Counts:
        """These counts without the distributions of scores."""
        roles = self.roles.replaced(score=None, score_range=None)
        return replace(self, roles=roles, scores={})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the counts to a Parquet file; `path` is replaced only once the new file is whole.

        Raises
        ------
        DataError
            The folder does not exist or cannot be written.
        """
        saved.save(path, FORM, *cells_and_header(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Counts:
        """Counts that `save` wrote, or that a page carries.

        Of a page (HTML), only the counts are read, never what it shows.

        Raises
        ------
        DataError
            The file is missing, cut short, of another kind, newer, or inconsistent, or a page
            without counts or of more than 64 MB.
        """
        return loaded(path)

    def to_frame(self) -> pd.DataFrame:
        """Non-empty cells as a tidy DataFrame: a column per role that was given, and ``n``.

        Missing values are None; weighted counts have ``w`` and ``w2`` besides ``n``.

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
                columns["facet"].append(facet.name)
                columns["value"].append(named["facet"])
                for axis in axes:
                    columns[axis].append(named[axis])
                columns["n"].append(int(table.n[where]))
                for name in weights:
                    columns[name].append(float(getattr(table, name)[where]))
        return formats.frame(columns)


def loaded(path: str | os.PathLike[str], source: Any = None) -> Counts:
    """Counts in a file or a page; `source` is the file if it is already open.

    Raises
    ------
    DataError
        The file is missing, cut short, of another kind, newer, or inconsistent.
    """
    with saved.bytes_of(path) if source is None else nullcontext(source) as opened:
        opened.seek(0)
        is_page = blocks.is_page(opened.read(blocks.START), path)
        held: Any = (
            blocks.load(opened, path, embedded.FORM)
            if is_page
            else saved.load(path, FORM, MAX_CELLS, opened)
        )
    try:
        return from_cells(*(embedded.cells_in(held) if is_page else held))
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        again = embedded.FORM.again if is_page else "save the counts again"
        raise DataError(f"{said(path)} is damaged: {error}; {again}") from error


def from_page(text: str) -> Counts:
    """Counts in the text of a page; `Counts.load` reads those of a page in a file.

    Raises
    ------
    DataError
        The page carries no counts, or they are cut short, changed or newer.
    """
    return loaded("page.html", io.BytesIO(text.encode("utf-8", "replace")))


def cells_and_header(counts: Counts) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns and header of the file that counts are saved in."""
    cells = [*map(cells_of, counts.tables.values())]
    if counts.scores:
        # A score's bin stands on the axis of predictions, and its sums where those of weights do.
        nothing = [one._replace(amounts={**one.amounts, **no_sums(one)}) for one in cells]
        cells = [*nothing, *map(cells_of_scores, counts.scores.values())]
    columns = columns_of(cells)
    if counts.roles.weight is None and not counts.scores:
        columns |= dict.fromkeys(("w", "w2"), [None] * len(columns["n"]))
    header = {
        "rows": counts.rows,
        "roles": counts.roles.replaced(features=None).to_json(),
    }
    return columns, header


def same_roles(ours: Roles, theirs: Roles, doing: str = "cannot be added") -> Roles:
    """Common roles of two counts: what was counted must be equal; a choice may be set in only one.

    Raises
    ------
    RolesError
        The roles differ; `doing` says in the message what is refused.
    """
    if ours.counted != theirs.counted:
        one, other = ours.counted.given(), theirs.counted.given()
        name = next(n for n in {**one, **other} if one.get(n) != other.get(n))
        raise RolesError(
            f"counts of different roles {doing}: {name} is {one.get(name)!r} in one and "
            f"{other.get(name)!r} in the other; count both with the same roles"
        )
    chosen = {}
    for name in CHOICES:
        one, other = getattr(ours, name), getattr(theirs, name)
        if one is not None and other is not None and _shown(one) != _shown(other):
            raise RolesError(
                f"counts with different {name} {doing}: {one!r} and {other!r}; "
                f"load both without it, or give both the same"
            )
        chosen[name] = other if one is None else one
    return ours.replaced(**chosen)


def _shown(choice: Any) -> Any:
    """Choice as texts: a command gives ``'0'`` where a table has 0, and means the same."""
    if isinstance(choice, Mapping):
        return {facet: _shown(one) for facet, one in choice.items()}
    return [*map(show, choice)] if isinstance(choice, (list, tuple)) else show(choice)


def _added(facet: Facet, one: Table, other: Table) -> Table:
    refuse_large([{*a, *b} for a, b in zip(one.levels, other.levels, strict=True)], facet.name)
    with np.errstate(over="ignore"):
        total = one + other
    if not all(np.isfinite(sums).all() for sums in (total.w, total.w2) if sums is not None):
        raise DataError(
            "the sum of the weights, or of their squares, overflows a float; make the weights "
            "smaller and count again"
        )
    return total


def from_cells(columns: Mapping[str, Any], header: Mapping[str, Any]) -> Counts:
    """Counts from the cells of a file, as `saved.load` returns them; they are checked.

    Raises
    ------
    ValueError
        They are not as `cells_and_header` makes them.
    """
    roles, rows = Roles.from_json(header.get("roles")), header.get("rows")
    if not isinstance(rows, int) or isinstance(rows, bool) or not 0 <= rows <= MAX_ROWS:
        raise ValueError(f"rows is {rows!r}")
    if any(isinstance(columns[name], saved.Texts) for name in ("table", "n", "w", "w2")):
        raise ValueError("a text stands where a number should")
    if columns["n"].dtype.kind != "i" or np.any(columns["n"] <= 0):
        raise ValueError("a cell has zero rows, or a negative number of them")
    of_facet, facets = columns["table"], len(roles.facet)
    parts = facets if roles.score is None else 2 * facets
    if of_facet.dtype.kind != "i" or np.any((of_facet < 0) | (of_facet >= parts)):
        raise ValueError("a cell belongs to no facet")
    levels = {axis: _levels(columns[axis]) for axis in AXES}
    tables, size = {}, 0
    chosen_cells = _by_facet(of_facet, parts)
    for facet, chosen in zip(roles.facet, chosen_cells, strict=False):
        codes = {axis: columns[axis].codes[chosen] for axis in AXES}
        cells = {name: columns[name][chosen] for name in ("n", "w", "w2")}
        n = cells["n"]
        if (int((n >> 32).sum()) << 32) + int((n & 0xFFFFFFFF).sum()) != rows:  # without a wrap
            raise ValueError(f"the cells of facet {facet.name!r} do not add up to {rows} rows")
        tables[facet] = table = _table_of_cells(roles, facet, levels, codes, cells)
        size += table.n.size * (1 if table.w is None else 3)
        if size > _MOST_NUMBERS:
            raise ValueError(f"its tables have more than {_MOST_NUMBERS:,} numbers")
    scores, edges = {}, roles.score_edges
    for facet, chosen in zip(roles.facet, chosen_cells[facets:], strict=False):
        assert edges is not None
        held = {axis: columns[axis].codes[chosen] for axis in AXES}
        sums = {name: columns[name][chosen] for name in ("n", "w", "w2")}
        scores[facet] = one = scores_of_cells(edges, tables[facet], levels, held, sums)
        size += 3 * one.n.size
        if size > _MOST_NUMBERS:
            raise ValueError(f"its tables have more than {_MOST_NUMBERS:,} numbers")
        if one.rows != rows:
            raise ValueError(f"the scores of facet {facet.name!r} do not add up to {rows} rows")
    return Counts(roles, tables, rows, scores)


def _by_facet(of_facet: NDArray[np.int64], facets: int) -> list[Any]:
    """Places of the cells of each facet, however many facets there are."""
    if facets == 1:
        return [slice(None)]
    order = np.argsort(of_facet, kind="stable")
    return np.split(order, np.searchsorted(of_facet[order], np.arange(1, facets)))


def _levels(texts: saved.Texts) -> list[Level]:
    """Level of each text on an axis."""
    if not isinstance(texts, saved.Texts):
        raise ValueError("a level is not a text")
    return [from_json(json.loads(text)) for text in texts.distinct]


def _used(codes: NDArray[np.int32], levels: int) -> NDArray[Any]:
    """Codes of the levels that some cells have, ascending; a few cells look at few levels."""
    if len(codes) < levels:
        return np.unique(codes)
    return np.flatnonzero(np.bincount(codes, minlength=levels))


def _table_of_cells(
    roles: Roles,
    facet: Facet,
    levels: Mapping[str, list[Level]],
    codes: Mapping[str, NDArray[np.int32]],
    cells: Mapping[str, NDArray[Any]],
) -> Table:
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
