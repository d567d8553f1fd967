"""Counts of scores that a call gives: rows, counts, or the path of either."""

from __future__ import annotations

from typing import Any

from biaskit.counts.counts import Counts
from biaskit.counts.roles import RoleArguments, Roles
from biaskit.errors import DataError, RolesError
from biaskit.progress import Asked as Showing
from biaskit.sources.counting import counts_given
from biaskit.sources.files.dialect import Dialect

__all__ = ["refuse_no_scores", "refuse_unscored", "scored_counts"]


def scored_counts(
    data: Any,
    roles: Roles | None,
    dialect: Dialect | None,
    filesystem: Any,
    progress: Showing,
    given: RoleArguments,
) -> Counts:
    """Counts of scores of whatever a call names: rows are counted, saved counts are loaded."""
    counts = counts_given(
        *(data, roles, given),
        dialect=dialect,
        filesystem=filesystem,
        progress=progress,
        refuse=refuse_no_scores,
    )
    refuse_unscored(counts)
    return counts


def refuse_unscored(counts: Counts) -> None:
    """Refuse counts in which no row has a score.

    Raises
    ------
    RolesError
        They were made without a score.
    DataError
        There are no rows, or the score is missing in all of them.
    """
    refuse_no_scores(counts.roles)
    if not counts.rows:
        raise DataError("there are no rows, so there are no scores; is the table empty?")
    if not any(table.n.any() for table in counts.scores.values()):
        raise DataError(
            f"no row has a score: column {counts.roles.score!r} is missing in all "
            f"{counts.rows:,} rows"
        )


def refuse_no_scores(roles: Roles) -> None:
    """Refuse roles without a score.

    Raises
    ------
    RolesError
        They have no score.
    """
    if roles.score is None:
        raise RolesError(
            "score is needed: the column of the model's scores. Counts that were saved without a "
            "score have to be counted again with it"
        )
