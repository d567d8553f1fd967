"""Contradictions: choices of roles that cannot hold together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaskit.errors import RolesError

if TYPE_CHECKING:
    from biaskit.counts.roles import Roles

__all__ = ["refuse_contradictions"]


def refuse_contradictions(roles: Roles) -> None:
    """Refuse roles that contradict each other.

    Raises
    ------
    RolesError
        A column has two roles, two choices are of the same thing, or one lacks its column.
    """
    by_column: dict[str, str] = {}
    for role, column in roles.parts():
        if (other := by_column.setdefault(column, role)) != role:
            raise RolesError(
                f"column {column!r} is given as {other} and as {role}; a column has one role"
            )
    if roles.positive is not None and roles.positive_above is not None:
        raise RolesError("give positive or positive_above, not both: they choose the same thing")
    if roles.positive is not None and roles.label is None and roles.predicted is None:
        raise RolesError("positive needs label (or predicted): the column whose values it names")
    if roles.positive_above is not None and roles.label is None:
        raise RolesError("positive_above needs label: the column that it cuts")
    if roles.predicted_above is not None and roles.predicted is None:
        raise RolesError("predicted_above needs predicted: the column that it cuts")
    if roles.predicted_positive is not None:
        if roles.predicted is None:
            raise RolesError("predicted_positive needs predicted: the column whose values it names")
        if roles.predicted_above is not None:
            raise RolesError(
                "give predicted_positive or predicted_above, not both: they choose the same thing"
            )
    if roles.score_range is not None and roles.score is None:
        raise RolesError("score_range needs score: the column whose range it is")
    if roles.score is not None and roles.weight is not None:
        raise RolesError(
            "scores of weighted rows are not counted; leave weight or score out (whole numbers of "
            "rows are a frequency)"
        )
    if roles.score is not None and roles.score == roles.predicted and roles.predicted_above is None:
        raise RolesError(
            f"column {roles.score!r} is given as score and as predicted; cut the prediction with "
            "predicted_above"
        )
    named = {f.columns[0]: () for f in roles.facet_values or {} if len(f.columns) == 1}
    sides = (named, roles.facet_above, roles.facet_at_most, roles.facet_edges)
    given = [column for of_d in sides for column in of_d or ()]
    for column in sorted(given):
        if given.count(column) > 1:
            raise RolesError(
                f"facet {column!r} has two of facet_values, facet_above, facet_at_most and "
                "facet_edges; give one"
            )
