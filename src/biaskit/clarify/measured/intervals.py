"""Intervals of a job's numbers, where biaskit's definition of a metric gives the same estimate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from biaskit.clarify.measured.bias import Bias, Group
from biaskit.errors import BiaskitError
from biaskit.metrics import METRICS
from biaskit.reports.report import Row, report_rows

__all__ = ["OURS", "Places", "intervals_of"]

#: Facet, index of its group, and metric by Clarify's name.
Places: TypeAlias = "tuple[str, int, str]"

#: Clarify's names of metrics that have another name in its own documents, and here.
OURS = {"DCA": "DCAcc"}


def intervals_of(bias: Bias, confidence: float = 0.95) -> dict[Places, Row]:
    """Row of a report, with its interval, for each number of which one is known.

    Clarify's arithmetic and biaskit's differ where a ratio is 0/0, values are missing, or labels
    are many; such a number has no interval, since it would be one of something else.
    """
    made: dict[Places, Row] = {}
    for (facet, groups), (own, _) in zip(
        bias.facets.items(), bias.tables.counts.tables.items(), strict=True
    ):
        for i, group in enumerate(groups):
            rows = _rows(bias, own.name, group, confidence)
            for value in (*group.pre_training, *group.post_training):
                row = rows.get(OURS.get(value.name, value.name))
                if row is not None and value.value is not None and _is_same(row, value.value):
                    made[facet, i, value.name] = row
    return made


def _rows(bias: Bias, facet: str, group: Group, confidence: float) -> Mapping[str, Row]:
    """Rows of a report on one group, by metric; none where there is nothing to compare."""
    roles = bias.tables.counts.roles
    chosen: dict[str, Any] = {"facet": [(facet,)]}
    if roles.facet_above is None or facet not in roles.facet_above:
        chosen["facet_values"] = sorted(group.levels, key=str)
    if roles.positive_above is None:
        chosen["positive"] = sorted(bias.positive.levels, key=str)
    if bias.positive_hat is not None and roles.predicted_above is None:
        chosen["predicted_positive"] = sorted(bias.positive_hat.levels, key=str)
    if not all(chosen.values()):
        return {}
    wanted = {value.name for value in (*group.pre_training, *group.post_training)}
    metrics = [
        METRICS[symbol] for symbol in (OURS.get(one, one) for one in wanted) if symbol in METRICS
    ]
    try:
        counts = bias.tables.counts.choosing(**chosen)
        has = {role for role in ("predicted", "group") if getattr(roles, role) is not None}
        known = [one for one in metrics if {*one.needs} - {"label", "positive"} <= has]
        return {row.metric: row for row in report_rows(counts, known, confidence)}
    except BiaskitError:  # nothing is left to compare with
        return {}


def _is_same(row: Row, value: float) -> bool:
    return row.estimate == value or math.isclose(row.estimate, value, rel_tol=1e-9, abs_tol=1e-12)
