"""Profile: what each column tells of a facet, where it is missing more often, whom the rows are of.

No label is needed. The figures are associations and shares; none of them says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from biaskit.audits.profile.pairs import Profiled, profiled, rows_by_value
from biaskit.audits.profile.population import (
    Expected,
    expected_of_shares,
    expected_of_table,
    shares_given,
)
from biaskit.audits.profile.rows import (
    ProfileRow,
    missing_rows,
    population_rows,
    proxy_rows,
)
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet, column_name
from biaskit.counts.levels import MISSING
from biaskit.counts.roles import RoleArguments, Roles, roles_of, takes_roles
from biaskit.errors import RolesError, in_short, listed, refuse_level
from biaskit.progress import Asked, Progress, told
from biaskit.sources.counting import counted
from biaskit.sources.dispatch import opened
from biaskit.sources.files.dialect import Dialect, dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LIMIT", "ProfileAsked", "profile", "profile_rows"]

#: Share of the entropy of facet and of label above which a proxy matters, by default.
LIMIT = 0.01


class ProfileAsked(NamedTuple):
    """What a profile is asked for, besides its roles."""

    columns: Sequence[str] | None = None
    population: Any = None
    confidence: float = 0.95
    limit: float = LIMIT


@takes_roles
def profile(
    data: Any,
    roles: Roles | None = None,
    *,
    columns: str | Sequence[str] | None = None,
    population: Any = None,
    limit: float = LIMIT,
    confidence: float = 0.95,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: Asked = None,
    **given: Unpack[RoleArguments],
) -> pd.DataFrame:
    """What each column tells of a facet, where it is missing more often, and whom the rows are of.

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes; or a `Counts` (or the path of a saved one) that counts
        the facet together with other columns.
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
predicted_positive, facet_values, reference, facet_above, facet_at_most, facet_edges, score, \
score_range, features
        The roles of the columns, as `Roles` takes them. A `label` adds what each column tells of
        the label. `facet_edges`, `facet_above` and `facet_at_most` cut numbers of any column that
        is profiled, and take a mapping by column. Those that say which values are compared, weights
        and scores are not used.
    columns
        Columns to profile, by default all of the data.
    population
        Shares of the facet's values that the rows are compared with: ``{"sex": {"F": 0.51, "M":
        0.49}}``, or without the name of the facet where there is one. Values that it does not name
        are one, with the rest of the shares. Or a table with the columns of the facets, or counts
        of it, which is taken for a sample of the population.
    limit
        Share of the entropy of facet and of label above which a proxy matters.
    confidence
        Level of the intervals, between 0 and 1.
    csv
        How CSV files are written, as for `biaskit.count`.
    input_format, sheet
        Format of the files, and the sheet of a workbook, as for `biaskit.count`.
    filesystem
        Filesystem of pyarrow or fsspec that holds the paths.
    progress
        Whether a bar shows how far the call is, or a function that is told, as for `biaskit.count`.

    Returns
    -------
    pandas.DataFrame
        Three tables, one after the other; the column ``table`` says which row is of which.
        ``proxies`` has a row per facet and column: ``u_corrected``, the share of the facet's
        entropy that the column tells, with its interval ``low, high``. ``missing`` has a row per
        facet, column and value: ``share`` of its rows in which the column is missing, that of all
        ``other`` values, and their ``difference``. ``population`` has a row per facet and value:
        its ``share`` of the rows, the ``other`` of the population, and their ``difference``; and a
        row ``(all)`` with chi-squared and distances. docs/profile.md explains every column.

    Raises
    ------
    RolesError
        A role has no use here, the population does not fit, or counts are protected.
    DataError
        The data cannot be read, or have no rows.

    Examples
    --------
    >>> import biaskit
    >>> found = biaskit.profile(biaskit.datasets.berkeley(), facet="gender")
    >>> found[found["table"] == "proxies"][["column", "levels", "u_corrected", "guess"]].round(3)
           column  levels  u_corrected  guess
    0  department       6        0.199  0.721
    1    decision       2        0.015  0.571
    """
    if roles is not None:
        given = roles_of(roles, given).given()  # type: ignore[assignment]
    named = [columns] if isinstance(columns, str) else columns
    asked = ProfileAsked(named, population, confidence, limit)
    dialect = dialect_of(csv, input_format, sheet)
    with told(progress) as tell:
        _, rows = profile_rows(
            opened(data, filesystem, dialect),
            given,
            asked,
            progress=tell,
            filesystem=filesystem,
            dialect=dialect,
        )
    return formats.frame(
        {name: [getattr(row, name) for row in rows] for name in ProfileRow._fields}
    )


def profile_rows(
    table: Any,
    given: RoleArguments,
    asked: ProfileAsked,
    *,
    progress: Progress | None = None,
    filesystem: Any = None,
    dialect: Dialect | None = None,
) -> tuple[Profiled, list[ProfileRow]]:
    """What was counted, and the rows of `profile` on it; `table` is what `opened` gave.

    Raises
    ------
    RolesError
        An argument is invalid.
    DataError
        The data cannot be read, or have no rows.
    """
    refuse_level(asked.confidence)
    columns = _names(asked.columns)
    limit: Any = asked.limit
    if not isinstance(limit, (int, float)) or not 0 <= limit < 1:
        raise RolesError(f"limit must be a number from 0 to 1, not {in_short(asked.limit)}")
    how: dict[str, Any] = {"filesystem": filesystem, "dialect": dialect}
    made = profiled(table, given, columns, progress=progress, **how)
    if asked.population is None and not any(made.columns.values()):
        names = listed([one.name for one in made.columns])
        raise RolesError(f"there is no column to profile beside {names}, and no population")
    rows = proxy_rows(made, made.counts.roles.label, asked.confidence, asked.limit)
    rows += missing_rows(made, asked.confidence)
    if asked.population is not None:
        expected = _expected(made, asked.population)
        unknown = {one: made.rows_of(one).get(MISSING, 0) for one in expected}
        rows += population_rows(expected, unknown, asked.confidence)
    return made, rows


def _names(columns: Any) -> list[str] | None:
    if columns is None:
        return None
    named = [*map(column_name, columns)] if isinstance(columns, (list, tuple)) else [columns]
    if not named or not all(isinstance(one, str) for one in named):
        raise RolesError(
            f"columns takes names of columns, such as ['postcode', 'job'], not {in_short(columns)}"
        )
    return [*dict.fromkeys(named)]


def _expected(made: Profiled, population: Any) -> dict[Facet, Expected]:
    """Values of each facet beside those of a population."""
    facets = [*made.columns]
    if isinstance(population, Mapping):
        shares = shares_given(population, facets)
        return {one: expected_of_shares(one, made.rows_of(one), of) for one, of in shares.items()}
    if not isinstance(counts := opened(population), Counts):
        used = {column for one in facets for column in one.columns}
        roles: Any = {"facet": [one.columns for one in facets]}
        for name in ("facet_above", "facet_at_most", "facet_edges"):
            cut = getattr(made.counts.roles, name) or {}
            roles[name] = {column: one for column, one in cut.items() if column in used} or None
        counts = counted(counts, Roles(**roles)).counts
    return {
        one: expected_of_table(one, made.rows_of(one), rows_by_value(counts, one)) for one in facets
    }
