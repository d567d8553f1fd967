"""Selections: who is selected, of each value of a facet, at once or step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.comparisons import positive_labels, positive_predictions, positive_unsaid
from biaskit.counts.levels import MISSING, Level, find, show
from biaskit.counts.roles import Roles
from biaskit.counts.tables import Table, Tally
from biaskit.errors import RolesError, listed

__all__ = ["Part", "selected", "steps_of"]

# Between the names of two steps.
_TO = " → "


class Part(NamedTuple):
    """Rows by facet level, selected or not: a `Tally` by level, and the step that it is of."""

    tally: Tally
    step: str | None = None

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows of each level."""
        return np.asarray(self.tally.n)


def selected(table: Table, roles: Roles) -> Part:
    """Who is selected: by a positive prediction, or by a positive label where none is predicted.

    Raises
    ------
    RolesError
        It is unknown which outcomes are positive.
    """
    positive = positive_labels(table.levels, roles)
    if roles.predicted is None:
        if positive is None:
            raise positive_unsaid(table.levels, roles)
        each = table.by_value(known=_known("label", roles), positive=positive)
        return Part(_of_two(each.cells.sum(axis=-2), each.positive))
    hat = positive_predictions(table.levels, roles, positive)
    each = table.by_value(known=_known("predicted", roles), positive_hat=hat)
    chosen = np.array([level in hat for level in table.levels.predicted], dtype=bool)
    return Part(_of_two(each.cells.sum(axis=-3), chosen))


def _known(outcome: str, roles: Roles) -> tuple[str, ...]:
    return (outcome,) if roles.group is None else (outcome, "group")


def _of_two(cells: NDArray[Any], chosen: NDArray[np.bool_]) -> Tally:
    """Tally of two labels, from rows by ``(facet, outcome, group)`` and the outcomes chosen."""
    parts = cells[:, ~chosen].sum(axis=1), cells[:, chosen].sum(axis=1)
    return Tally(np.stack(parts, axis=1)[:, :, np.newaxis], np.array([False, True]))


def steps_of(table: Table, roles: Roles, steps: Sequence[Any]) -> list[Part]:
    """A part for each step, of those who reach it, and one from the first step to the last.

    Raises
    ------
    RolesError
        `steps` are too few, or lack a value of the label.
    """
    if isinstance(steps, str) or len(steps) < 2:
        raise RolesError(
            "steps takes two or more values of the label, in order, such as ['applied', 'hired']"
        )
    if len({*map(show, steps)}) < len(steps):
        raise RolesError(f"steps names a step twice: {listed([*map(show, steps)])}")
    known = [level for level in table.levels.label if level is not MISSING]
    place: dict[Level, int] = {}
    for at, step in enumerate(steps):
        try:
            place[find(step, known)] = at
        except LookupError:
            continue  # nobody stopped there
    if left := [show(level) for level in known if level not in place]:
        raise RolesError(
            f"steps lacks {listed(left)}, which label {roles.label!r} has; name every value in its "
            "place, or make rows that left the process missing or their furthest step"
        )
    each = table.by_value(known=_known("label", roles)).cells.sum(axis=-2)
    reached = np.zeros((len(each), len(steps), each.shape[-1]), dtype=each.dtype)
    for i, level in enumerate(table.levels.label):
        if level in place:
            reached[:, : place[level] + 1] += each[:, i : i + 1]
    pairs = [(at, at + 1) for at in range(len(steps) - 1)]
    if len(pairs) > 1:
        pairs.append((0, len(steps) - 1))
    return [
        Part(
            Tally(
                np.stack([reached[:, one] - reached[:, to], reached[:, to]], axis=1)[:, :, None],
                np.array([False, True]),
            ),
            f"{show(steps[one])}{_TO}{show(steps[to])}",
        )
        for one, to in pairs
    ]
