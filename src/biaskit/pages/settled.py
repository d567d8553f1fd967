"""Settled: choices as values of the table, so that a command and a call make the same page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from biaskit.counts.counts import Counts
from biaskit.counts.levels import Level, find, show

__all__ = ["settled"]


def settled(counts: Counts) -> Counts:
    """Counts whose choices are values of their tables, where a command gave the texts of them.

    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "M"], "y": [0, 1]})
    >>> settled(biaskit.count(df, facet="sex", label="y", positive="1")).roles.positive
    (1,)
    """
    roles = counts.roles
    chosen: dict[str, Any] = {}
    if roles.positive is not None:
        known = next(iter(counts.shown_tables.values())).levels.label
        chosen["positive"] = [_found(one, known) for one in roles.positive]
    if roles.predicted_positive is not None:
        known = next(iter(counts.shown_tables.values())).levels.predicted
        chosen["predicted_positive"] = [_found(one, known) for one in roles.predicted_positive]
    if roles.facet_values is not None:
        chosen["facet_values"] = {
            facet.given: [_found(one, counts.shown_tables[facet].levels.facet) for one in ones]
            for facet, ones in roles.facet_values.items()
        }
    if roles.reference is not None:
        chosen["reference"] = {
            facet.given: _found(one, counts.shown_tables[facet].levels.facet)
            for facet, one in roles.reference.items()
        }
    return counts.choosing(**chosen)


def _found(wanted: Level, known: Iterable[Level]) -> Level:
    """The value that is meant, an interval or a combination by its text.

    What is not there is refused when sides are made.
    """
    try:
        found = find(wanted, known)
    except LookupError:
        return wanted
    return found if isinstance(found, (str, int, float)) else show(found)
