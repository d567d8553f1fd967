"""Comparisons: which facet values are side d, one after another, and which outcomes are positive.

Everything here is a choice that is made after counting, from the levels that were counted. Nothing
is guessed: where an omitted choice could be misread, an error lists the values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import refuse_many_values
from biaskit.counts.facets import Facet
from biaskit.counts.levels import MISSING, Interval, Level, find, is_missing, show
from biaskit.counts.references import Outcomes, Reference, reference_of
from biaskit.counts.roles import Roles
from biaskit.counts.tables import Levels
from biaskit.errors import RolesError, listed, nearest

__all__ = [
    "Comparisons",
    "comparisons",
    "positive_labels",
    "positive_predictions",
    "positive_unsaid",
]

# Above this many facet values, if nearly every row has its own, the column is an identifier.
_MANY_VALUES = 50


@dataclass(frozen=True)
class Comparisons:
    """Sides of some comparisons: the names of d, and which levels of the facet are on each side.

    `on_a` and `on_d` have the shape ``(comparisons, facet levels)``. A missing level is on neither
    side, as are the levels other than d where there is a reference.
    """

    names: tuple[str, ...]
    on_a: NDArray[np.bool_]
    on_d: NDArray[np.bool_]
    reference: Reference | None = None


def comparisons(
    levels: Sequence[Level],
    rows: NDArray[np.int64],
    facet: Facet,
    roles: Roles,
    outcomes: Outcomes | None = None,
) -> Comparisons:
    """Comparisons that a report makes on one facet, over the levels that occur.

    `rows` has the number of rows at each level; `outcomes` are needed for the reference of the
    highest share only.

    Raises
    ------
    RolesError
        There is nothing to compare, or a named value does not occur.
    """
    known = [level for level in levels if not is_missing(level)]
    wanted = (roles.facet_values or {}).get(facet)
    reference = (roles.reference or {}).get(facet)
    if not known:
        name = "(missing)" if wanted is None else ", ".join(map(show, wanted))
        nobody = np.zeros((1, len(levels)), dtype=bool)
        return Comparisons((name,), nobody, nobody)
    together = _together(wanted, known, facet, roles)
    if together is None:
        refuse_many_values(facet.name, len(known))
        _refuse_no_comparison(known, int(rows.sum()), facet, roles)
    other = None
    if reference is not None:
        other = reference_of(reference, known, together or (), facet, rows, outcomes)
    each = [{level} for level in known if other is None or level != other.level]
    groups: Sequence[Collection[Level]] = each if together is None else [together]
    names = (", ".join(show(level) for level in levels if level in group) for group in groups)
    on_d = np.array([[level in group for level in levels] for group in groups], dtype=bool)
    if other is None:
        on_a = ~on_d & [not is_missing(level) for level in levels]
    else:
        on_a = np.tile([level == other.level for level in levels], (len(groups), 1))
    return Comparisons(tuple(names), on_a, on_d, other)


def _together(
    wanted: Sequence[Level] | None, known: Sequence[Level], facet: Facet, roles: Roles
) -> set[Level] | None:
    """Levels that together are d; None where each is in turn."""
    if wanted is not None:
        together = _found("facet_values", wanted, known, facet.name)
        if len(together) == len(known):
            raise RolesError(
                f"facet_values names every value of {facet.name!r} ({listed(known)}), so "
                "nothing is left to compare with; name the values of side d only"
            )
        return together
    if len(facet.columns) == 1 and facet.columns[0] in (roles.facet_above or {}):
        return {*_above(known)}
    if len(facet.columns) == 1 and facet.columns[0] in (roles.facet_at_most or {}):
        return {*known} - {*_above(known)}
    return None


def _refuse_no_comparison(known: Sequence[Level], rows: int, facet: Facet, roles: Roles) -> None:
    name = facet.name
    if len(known) == 1:
        raise RolesError(
            f"facet {name!r} has one value, {show(known[0])!r}, so there is nothing to compare it "
            "with; choose another column"
        )
    if len(known) > max(_MANY_VALUES, rows // 2) and facet.name not in roles.cuts:
        raise RolesError(
            f"facet {name!r} has {len(known):,} values in {rows:,} rows: nearly every row "
            "has its own. Choose another column; if it is a number, cut it with facet_edges=[...] "
            "or facet_above=...; or name the values of side d with facet_values=..."
        )


def positive_labels(levels: Levels, roles: Roles) -> tuple[Level, ...] | None:
    """Positive labels: those chosen, or true and 1 where unmistakable; None if unknown."""
    known = [level for level in levels.label if level is not MISSING]
    if roles.label is None or not known:
        return ()
    if roles.positive_above is not None:
        return _above(known)
    if roles.positive is not None:
        return tuple(_found("positive", roles.positive, known, roles.label))
    return _natural(known)


def positive_predictions(
    levels: Levels, roles: Roles, positive: tuple[Level, ...] | None
) -> tuple[Level, ...]:
    """Positive predictions: those chosen, the positive labels, or what lies above the cut.

    A model may predict no positives; predictions that share no value with the labels are a mistake.

    Raises
    ------
    RolesError
        The predictions and labels share no value, or it is unknown which predictions are positive.
    """
    known = [level for level in levels.predicted if level is not MISSING]
    if roles.predicted is None or not known:
        return ()
    if roles.predicted_above is not None:
        return _above(known)
    if roles.predicted_positive is not None:
        found = _found("predicted_positive", roles.predicted_positive, known, roles.predicted)
        return tuple(level for level in known if level in found)
    if roles.positive is None and (natural := _natural(known)) is not None:
        return natural
    labels = [show(level) for level in levels.label if level is not MISSING]
    wanted = roles.positive or positive or ()
    if roles.label is not None and not {show(level) for level in known} & {*labels}:
        raise RolesError(
            f"predicted {roles.predicted!r} has the values {listed([*map(show, known)])}, none of "
            f"which label {roles.label!r} has ({listed(labels)}); give both the same values, "
            "say which of them are positive with predicted_positive=, or cut a score with "
            "predicted_above="
        )
    if not wanted:
        raise RolesError(
            f"which values of predicted {roles.predicted!r} are the positive ones? They are "
            f"{listed(known)}: give predicted_positive=, or cut a score with predicted_above="
        )
    return tuple(level for level in known if any(show(level) == show(one) for one in wanted))


def _above(known: Sequence[Level]) -> tuple[Level, ...]:
    return tuple(a for a in known if isinstance(a, Interval) and a.high == np.inf)


def _natural(known: Sequence[Level]) -> tuple[Level, ...] | None:
    """Positive values where they cannot be misread: true, or 1 where the values are 0 and 1."""
    if all(isinstance(level, bool) for level in known):
        return (True,)
    if all(type(level) is int and level in (0, 1) for level in known):
        return (1,)
    return None


def positive_unsaid(levels: Levels, roles: Roles, symbols: Sequence[str] = ()) -> RolesError:
    """Error where the positive labels are needed (by the metrics named) and unknown."""
    known = [level for level in levels.label if level is not MISSING]
    cut = " (or positive_above=, if it is a number)" if isinstance(known[0], (int, float)) else ""
    them = f". ({', '.join(symbols)} need it; metrics=... can leave them out)" if symbols else ""
    return RolesError(
        f"which values of label {roles.label!r} are the positive ones? They are {listed(known)}: "
        f"give one or more of them as positive={cut}{them}"
    )


def _found(role: str, wanted: Iterable[Level], known: Sequence[Level], column: str) -> set[Level]:
    found = set()
    for value in wanted:
        try:
            found.add(find(value, known))
        except LookupError:
            shown = [show(level) for level in known]
            near = nearest(show(value), shown)
            if padded := [one for one in shown if one.strip() == show(value).strip() != one]:
                meant = (
                    f"values begin or end with a blank; did you mean {padded[0]!r}? Or drop the "
                    "blanks of a CSV: csv={'strip': True}. "
                )
            else:
                meant = "" if near is None else f"did you mean {near!r}? "
            raise RolesError(
                f"{role}: {show(value)!r} does not occur in {column!r}; {meant}"
                f"{'The' if meant else 'the'} values are {listed(shown)}"
            ) from None
    return found
