"""Words: a row of a report as a sentence for people who know nothing of metrics."""

from __future__ import annotations

import math

from biaskit.metrics import Metric
from biaskit.roles import Roles

__all__ = ["in_words"]

# Nearer to parity than this, the rounded figures of a sentence would show no difference.
_NOTHING = 5e-4


def in_words(
    metric: Metric,
    roles: Roles,
    value: str,
    *,
    estimate: float,
    low: float = math.nan,
    high: float = math.nan,
    n_a: int = 0,
    n_d: int = 0,
    note: str = "",
) -> str:
    """Sentence on what a metric says of one facet value, and whether that could be chance.

    >>> from biaskit import METRICS
    >>> roles = Roles.of(facet="sex", label="paid", predicted="score")
    >>> in_words(METRICS["DAR"], roles, "Female", estimate=0.12, low=0.05, high=0.19)
    'Of those predicted positive, 12.0 points fewer of Female really were than of all others.'
    >>> in_words(METRICS["DI"], roles, "Female", estimate=0.9, low=0.7, high=1.1)
    'Female is predicted positive 0.90 times as often as all others. That could be chance.'
    """
    if math.isnan(estimate):
        return f"{metric.symbol} says nothing of {value}: {note or metric.undefined}."
    if abs(estimate - metric.parity) < _NOTHING:
        return f"{metric.title}: no difference between {value} and all others."
    above = estimate > metric.parity
    told = metric.sentence or f"{metric.title}: {{value}} for {{d}}."
    sentence = told.format(
        d=value,
        label=roles.label,
        group=roles.group,
        n_a=f"{n_a:,}",
        n_d=f"{n_d:,}",
        value=_number(estimate),
        size=_number(abs(estimate)),
        percent=f"{100 * abs(estimate):.1f} %",
        points=f"{100 * abs(estimate):.1f} points",
        fewer="fewer" if above else "more",
        more="more" if above else "fewer",
        lower="lower" if above else "higher",
    )
    chance = metric.kind != "inequality" and low <= metric.parity <= high
    return f"{sentence} That could be chance." if chance else sentence


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
