"""Counts: the result of one pass over the rows, which is all that any metric needs."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from biaskit.counts import embedded
from biaskit.counts.bounds import MAX_CELLS, MAX_ROWS, refuse_large, refuse_many_rows
from biaskit.counts.cells import (
    by_facet,
    cells_of,
    cells_of_scores,
    columns_of,
    levels_of,
    no_sums,
    scores_of_cells,
    table_of_cells,
)
from biaskit.counts.facets import Facet
from biaskit.counts.levels import show
from biaskit.counts.roles import AXES, CHOICES, RoleArguments, Roles
from biaskit.counts.scores import ScoreTable
from biaskit.counts.sharing.rounding import (
    Rounding,
    refuse_unprotected_roles,
    rounding_of_sum,
    rounding_to,
)
from biaskit.counts.tables import Table, empty_table
from biaskit.errors import DataError, RolesError, in_short
from biaskit.store import blocks, formats, saved
from biaskit.store.addresses import said

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FORM",
    "Counts",
    "cells_and_header",
    "deciding",
    "from_cells",
    "from_page",
    "loaded",
    "same_roles",
]

_COLUMNS = ("table", *AXES, "n", "w", "w2")
#: Schema 2 is for protected counts, which a reader of schema 1 would take for exact ones.
FORM = saved.Form("counts", dict.fromkeys((1, 2), _COLUMNS), "count the data again")
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
    #: A table per facet, as it may be shown: of protected counts, each cell has the middle of its
    #: class. What reads these must allow for that (`ends`); all else reads `tables`.
    shown_tables: Mapping[Facet, Table]
    rows: int
    #: Distributions of the scores, for each facet, where there is a score.
    scores: Mapping[Facet, ScoreTable] = field(default_factory=dict)
    #: How the counts are rounded, where they are protected.
    protected: Rounding | None = None

    @classmethod
    def empty(cls, roles: Roles) -> Counts:
        """Counts of no rows: adding them to others of the same roles changes nothing."""
        tables = {facet: empty_table(roles, facet) for facet in roles.facet}
        scores = {}
        if (edges := roles.score_edges) is not None:
            scores = {one: ScoreTable.empty(edges, table.levels) for one, table in tables.items()}
        return cls(roles, tables, 0, scores)

    @property
    def tables(self) -> Mapping[Facet, Table]:
        """A table per facet, of exact numbers of rows.

        Raises
        ------
        RolesError
            The counts are protected.
        """
        if self.protected is not None:
            raise RolesError(
                f"these {self.protected.text}, and exact numbers of rows are needed here: give the "
                "counts from before they were protected, or ask for what allows for rounding, such "
                "as biaskit.report"
            )
        return self.shown_tables

    def __add__(self, other: Counts) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        roles, rows = same_roles(self.roles, other.roles), self.rows + other.rows
        refuse_many_rows(rows)
        tables = {
            facet: _added(facet, table, other.shown_tables[facet])
            for facet, table in self.shown_tables.items()
        }
        scores = {facet: one + other.scores[facet] for facet, one in self.scores.items()}
        filled = [one.protected for one in (self, other) if one.rows] or [other.protected]
        return Counts(roles, tables, rows, scores, rounding_of_sum(filled))

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
        tables = {one: self.shown_tables[one] for one in roles.facet}
        return replace(
            self,
            roles=roles,
            shown_tables=tables,
            scores={one: self.scores[one] for one in roles.facet if one in self.scores},
            # Each table is rounded by itself, so the first one says how many rows there are.
            rows=self.rows if self.protected is None else _rows_of_first(tables),
        )

    def at_threshold(self, threshold: float) -> Counts:
        """These counts with the scores above a threshold as the positive predictions.

        They equal the counts of the rows with ``predicted_above=threshold``.

        >>> import pandas as pd, biaskit
        >>> df = pd.DataFrame({"sex": ["F", "M", "M"], "score": [0.2, 0.6, 0.9]})
        >>> counts = biaskit.count(df, facet="sex", score="score")
        >>> made = biaskit.report(counts.at_threshold(0.5), facet_values="F", metrics="DPPL")
        >>> made["estimate"].item()
        1.0

        Raises
        ------
        RolesError
            There are no scores.
        DataError
            The threshold lies within a bin that has rows.
        """
        if self.roles.score is None:
            raise RolesError("these counts have no scores; count the rows again with score=")
        tables = {facet: one.decided(threshold) for facet, one in self.scores.items()}
        return replace(self, roles=deciding(self.roles, threshold), shown_tables=tables)

    def protect(self, round_to: int = 11) -> Counts:
        """These counts with each cell rounded to the middle of its class, to be given to others.

        With ``round_to=11``, 1 to 11 rows show as 6, 12 to 22 as 17, and so on; an empty cell stays
        empty. Reports on protected counts have intervals that hold for all counts that look so
        (docs/sharing.md).

        Parameters
        ----------
        round_to
            How many sizes of a cell look the same, from 3 to 10,000; odd numbers have a middle.

        Raises
        ------
        RolesError
            The counts are protected already, or have weights or scores.

        Examples
        --------
        >>> import pandas as pd, biaskit
        >>> df = pd.DataFrame({"sex": ["F"] * 3 + ["M"] * 20, "hired": [0, 1, 1] + [0, 1] * 10})
        >>> biaskit.count(df, facet="sex", label="hired").protect().to_frame()["n"].tolist()
        [6, 6, 6, 6]
        """
        made = rounding_to(round_to)
        if self.protected is not None:
            raise RolesError(
                f"these {self.protected.text} already; protect exact counts, once, after adding "
                "them"
            )
        refuse_unprotected_roles(self.roles.weight, self.roles.score)
        tables = {facet: made.table(table) for facet, table in self.tables.items()}
        rows = _rows_of_first(tables)
        return replace(self, shown_tables=tables, rows=rows, protected=made)

    def ends(self, facet: Facet) -> tuple[Table, Table]:
        """Tables of the fewest and of the most rows that a facet's cells may truly have."""
        table = self.shown_tables[facet]
        return (table, table) if self.protected is None else self.protected.tables(table)

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
        for facet, table in self.shown_tables.items():
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


def deciding(roles: Roles, threshold: float) -> Roles:
    """Roles whose positive predictions are the scores above a threshold."""
    return roles.replaced(
        predicted=roles.score, predicted_above=float(threshold), predicted_positive=None
    )


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
    cells = [*map(cells_of, counts.shown_tables.values())]
    if counts.scores:
        # A score's bin stands on the axis of predictions, and its sums where those of weights do.
        nothing = [one._replace(amounts={**one.amounts, **no_sums(one)}) for one in cells]
        cells = [*nothing, *map(cells_of_scores, counts.scores.values())]
    columns = columns_of(cells)
    if counts.roles.weight is None and not counts.scores:
        columns |= dict.fromkeys(("w", "w2"), [None] * len(columns["n"]))
    header = {
        "schema": 1,
        "rows": counts.rows,
        "roles": counts.roles.replaced(features=None).to_json(),
    }
    if counts.protected is not None:
        header |= {"schema": 2, "protected": counts.protected.to_json()}
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


def _rows_of_first(tables: Mapping[Facet, Table]) -> int:
    return next(iter(tables.values())).rows


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
    told = header.get("protected")
    protected = None if told is None else Rounding.from_json(told)
    if header.get("schema") != (1 if protected is None else 2):
        raise ValueError(f"protected is {in_short(told)} in a file of another schema")
    if protected is not None and (roles.weight is not None or roles.score is not None):
        raise ValueError("protected counts have no weights or scores")
    if not isinstance(rows, int) or isinstance(rows, bool) or not 0 <= rows <= MAX_ROWS:
        raise ValueError(f"rows is {rows!r}")
    if any(isinstance(columns[name], saved.Texts) for name in ("table", "n", "w", "w2")):
        raise ValueError("a text stands where a number should")
    if columns["n"].dtype.kind != "i" or np.any(columns["n"] <= 0):
        raise ValueError("a cell has zero rows, or a negative number of them")
    if protected is not None and not protected.is_shown(columns["n"]):
        raise ValueError(f"a cell is not rounded to {protected.round_to}")
    of_facet, facets = columns["table"], len(roles.facet)
    parts = facets if roles.score is None else 2 * facets
    if of_facet.dtype.kind != "i" or np.any((of_facet < 0) | (of_facet >= parts)):
        raise ValueError("a cell belongs to no facet")
    levels = {axis: levels_of(columns[axis]) for axis in AXES}
    tables, size = {}, 0
    chosen_cells = by_facet(of_facet, parts)
    for facet, chosen in zip(roles.facet, chosen_cells, strict=False):
        codes = {axis: columns[axis].codes[chosen] for axis in AXES}
        cells = {name: columns[name][chosen] for name in ("n", "w", "w2")}
        n = cells["n"]
        total = (int((n >> 32).sum()) << 32) + int((n & 0xFFFFFFFF).sum())  # without a wrap
        tables[facet] = table = table_of_cells(roles, facet, levels, codes, cells)
        first = next(iter(tables.values()))
        apart = 0 if protected is None or table is first else protected.may_be_apart(first, table)
        if abs(total - rows) > apart:
            raise ValueError(f"the cells of facet {facet.name!r} do not add up to {rows} rows")
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
    return Counts(roles, tables, rows, scores, protected)
