"""References: the one facet value that is side a, where not all others are.

A caller names it, or names how the counts choose it: the value with the most rows, or the one with
the highest share of positive outcomes. It is chosen once for a facet, whatever the metric.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.arguments import KEYWORDS
from biaskit.counts.facets import Facet
from biaskit.counts.levels import Level, find, show
from biaskit.errors import RolesError, listed

__all__ = ["Outcomes", "Reference", "reference_of"]

# The highest share is sought among values with this part of the known rows or more.
_LEAST_PART = 0.02


class Outcomes(NamedTuple):
    """Positive outcomes by facet level: their share, the rows it is of, and what they are."""

    share: NDArray[np.float64]
    rows: NDArray[np.int64]
    what: str


class Reference(NamedTuple):
    """The facet value that is side a, and what the counts chose it for (empty if the caller did).

    `by_outcome` says that its outcomes made it the reference: gaps to it are the largest of many.
    """

    level: Level
    chosen: str = ""
    by_outcome: bool = False


def reference_of(
    wanted: Level,
    levels: Sequence[Level],
    of_d: Collection[Level],
    facet: Facet,
    rows: NDArray[Any],
    outcomes: Outcomes | None,
) -> Reference:
    """Reference that a caller wants: a level, or the one that a keyword finds.

    Parameters
    ----------
    wanted
        A value of the facet, or one of the two keywords, which a value of that name outranks.
    levels, rows
        Levels of the facet, the known ones first, and the number of rows of each.
    of_d
        Levels that are on side d whatever the reference.
    facet
        The facet, for messages.
    outcomes
        Positive outcomes by level, for the highest share; None where there are no outcomes.

    Raises
    ------
    RolesError
        The value does not occur or is on side d, or the counts cannot choose.
    """
    try:
        level = find(wanted, levels)
    except LookupError:
        if wanted not in KEYWORDS:
            raise RolesError(
                f"reference: {show(wanted)!r} does not occur in {facet.name!r}; the values are "
                f"{listed([show(one) for one in levels])} (or give 'largest' or 'highest')"
            ) from None
        others = np.array([one not in of_d for one in levels], dtype=bool)
        if wanted == "largest":
            return Reference(levels[_most(rows[: len(levels)], others)], "the most rows")
        if outcomes is None:
            raise RolesError(
                f"reference='highest' of facet {facet.name!r} needs an outcome; give label= or "
                "predicted=, or name the value of side a"
            ) from None
        return _highest(levels, others, facet, outcomes)
    if level in of_d:
        raise RolesError(
            f"reference: {show(level)!r} of facet {facet.name!r} is on side d; name another value"
        )
    return Reference(level)


def _highest(
    levels: Sequence[Level], others: NDArray[np.bool_], facet: Facet, outcomes: Outcomes
) -> Reference:
    """The level with the highest share of positive outcomes; of equal ones, that of more rows."""
    rows, share = outcomes.rows[: len(levels)], outcomes.share[: len(levels)]
    large = others & (rows > 0) & (rows >= _LEAST_PART * rows.sum())
    if not large.any():
        raise RolesError(
            f"reference='highest': no value of facet {facet.name!r} has {_LEAST_PART:.0%} of the "
            "known rows; name the value of side a"
        )
    top = large & (share >= share[large].max())
    chosen = f"the highest share of {outcomes.what}"
    return Reference(levels[_most(rows, top)], chosen, by_outcome=True)


def _most(rows: NDArray[Any], among: NDArray[np.bool_]) -> int:
    """Index of the level with the most rows; of equal ones, the first."""
    return int(np.argmax(np.where(among, rows, -1)))
