"""Scores of several classes: each class against the rest, by its own column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from biaskit.counts.counts import Counts
from biaskit.counts.levels import level, show
from biaskit.counts.roles import RoleArguments, Roles
from biaskit.errors import RolesError, in_short

__all__ = ["CLASS", "joined"]

#: Column that tells the classes apart.
CLASS = "class"
# Roles that each class has in its own way.
_OF_A_CLASS = ("score", "positive", "positive_above", "predicted", "predicted_above")


def joined(
    scores: Any,
    data: Any,
    roles: Roles | None,
    given: RoleArguments,
    columns_of_class: Callable[[RoleArguments], Mapping[str, Any]],
) -> dict[str, list[Any]]:
    """Columns of a call for each class, one below the other, and the class of each row.

    Raises
    ------
    RolesError
        `scores` is no mapping from values of the label to columns, or what is given besides
        contradicts it.
    """
    made: dict[str, list[Any]] = {}
    for value, column in _checked(scores, data, roles, given):
        own: Any = {**given, "score": column, "positive": value}
        columns = columns_of_class(own)
        rows = len(next(iter(columns.values())))
        made.setdefault(CLASS, []).extend([show(level(value))] * rows)
        for name, values in columns.items():
            made.setdefault(name, []).extend(values)
    return made


def _checked(
    scores: Any, data: Any, roles: Roles | None, given: RoleArguments
) -> Iterator[tuple[Any, str]]:
    if not isinstance(scores, Mapping) or not scores:
        raise RolesError(
            "scores is a mapping from each class, a value of the label, to the column of its "
            f"scores, such as {{'A': 'p_a', 'B': 'p_b'}}; not {in_short(scores)}"
        )
    if isinstance(data, Counts):
        raise RolesError("scores of several classes are counted from rows, not from saved counts")
    if isinstance(data, Iterator):
        raise RolesError(
            "scores of several classes take a pass over the rows for each; give a table or a file "
            "in place of what can be read once"
        )
    if roles is not None:
        raise RolesError("scores go with roles that are given by name: facet=..., label=...")
    if given.get("label") is None:
        raise RolesError("label is needed: scores of several classes are told apart by its values")
    if also := next((name for name in _OF_A_CLASS if given.get(name) is not None), None):
        raise RolesError(f"{also}= is given together with scores=, which says it for each class")
    yield from scores.items()
