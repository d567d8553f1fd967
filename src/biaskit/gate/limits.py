"""Limits: what a metric may be, as users write it, checked before any row is read."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from biaskit.counts.counts import deciding
from biaskit.counts.roles import Roles
from biaskit.errors import RolesError, did_you_mean
from biaskit.metrics import Metric, named, no_metric
from biaskit.reports.notes import of_outcome

__all__ = [
    "SHARES",
    "Allowed",
    "Limit",
    "allowed_changes",
    "at_threshold",
    "limits_of",
    "number",
    "refuse_unmet",
    "required_of",
]


#: What is compared besides metrics, by the names that limits use.
SHARES = ("facet share", "label share")


class Limit(NamedTuple):
    """What a metric may be: between `low` and `high`, both included."""

    metric: Metric
    low: float
    high: float


def limits_of(given: Any) -> list[Limit]:
    """Limits as a user writes them, by metric, checked.

    Raises
    ------
    RolesError
        No metric has this name, or a limit is not a number or a range, or allows everything or
        nothing.
    """
    if isinstance(given, Mapping) and not given:
        raise RolesError("limits is empty; name a metric, such as {'DPL': 0.1}")
    if not isinstance(given, Mapping):
        raise RolesError("limits are a mapping by metric, such as {'DPL': 0.1, 'DI': [0.8, 1.25]}")
    made: dict[str, Limit] = {}
    for name, value in given.items():
        metric = named(name)
        if metric.symbol in made:
            raise RolesError(f"{metric.symbol} has two limits; name each metric once")
        made[metric.symbol] = _limit(metric, value)
    return list(made.values())


def refuse_unmet(limits: Sequence[Limit], roles: Roles) -> None:
    """Refuse limits on metrics that these roles do not yield, before the pass."""
    for limit in limits:
        for part in limit.metric.needs:
            if part != "positive" and getattr(roles, part) is None:
                raise RolesError(
                    f"there is a limit on {limit.metric.symbol}, which needs {part}: "
                    f"say which column that is{of_outcome(limit.metric, part)}"
                )


def at_threshold(roles: Roles, threshold: float | None) -> Roles:
    """Roles whose positive predictions are the scores above a threshold, if there is one.

    Raises
    ------
    RolesError
        There is no score, or predictions are given besides.
    """
    if threshold is None:
        return roles
    if roles.score is None:
        raise RolesError("threshold needs score: the column of the scores that it decides by")
    if roles.predicted is not None:
        raise RolesError(
            "threshold makes predictions of the scores, and predicted names others; leave out one"
        )
    return deciding(roles, threshold)


def required_of(given: Collection[str | Metric], limits: Sequence[Limit]) -> frozenset[str]:
    """Symbols of the metrics whose uncertain verdict is a fail, checked.

    Raises
    ------
    RolesError
        One of them has no limit, so it could never be uncertain.
    """
    if isinstance(given, (str, Metric)):
        given = [given]
    limited = {limit.metric.symbol: limit.metric for limit in limits}
    metrics = [named(one) for one in given]
    for metric in metrics:
        symbol = metric.symbol
        if symbol not in limited:
            raise RolesError(
                f"{symbol} is required, but it has no limit; {did_you_mean(symbol, limited)}"
            )
        if limited[symbol] is not metric:
            raise RolesError(
                f"{symbol} is required, but the limit is on another metric of that symbol"
            )
    return frozenset(metric.symbol for metric in metrics)


def number(name: str, value: Any) -> float:
    """Number that a user gave for a limit.

    Raises
    ------
    RolesError
        It is something else, or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise RolesError(f"the limit on {name} is a number or two, [low, high]; not {value!r}")
    return float(value)


def _limit(metric: Metric, value: Any) -> Limit:
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise RolesError(f"a range for {metric.symbol} must be [low, high], not {value!r}")
        low, high = (number(metric.symbol, end) for end in value)
        if low > high:
            raise RolesError(f"the limits on {metric.symbol} cross: {low:g} is above {high:g}")
    else:
        distance = number(metric.symbol, value)
        if math.isnan(metric.parity):
            raise RolesError(
                f"{metric.symbol} has no parity, so a limit on it is a range, [low, high]; not "
                f"{distance:g}"
            )
        if distance < 0:
            raise RolesError(
                f"the limit on {metric.symbol} is a distance from {metric.parity:g}, so 0 or more; "
                f"not {distance:g}. A range is [low, high]"
            )
        low, high = metric.parity - distance, metric.parity + distance
    least, most = metric.bounds
    if low > most or high < least:
        raise RolesError(
            f"{metric.symbol} lies in [{least:g}, {most:g}], so no value is between "
            f"{low:g} and {high:g}"
        )
    if low <= least and high >= most:
        raise RolesError(
            f"{metric.symbol} lies in [{least:g}, {most:g}], so a limit of {value!r} allows "
            "everything; give a smaller one"
        )
    return Limit(metric, max(low, least), min(high, most))


class Allowed(NamedTuple):
    """How much may change: metrics by how far they may move from parity, and shares of rows."""

    #: One number for every metric, or numbers for some.
    metrics: float | dict[Metric, float]
    shares: dict[str, float]


def allowed_changes(limits: float | Mapping[Any, float]) -> Allowed:
    """Limits on changes as a user writes them, checked.

    Raises
    ------
    RolesError
        No metric has this name, or a limit is not a number of 0 or more.
    """
    if not isinstance(limits, Mapping):
        return Allowed(_allowed("a change", limits), {})
    if not limits:
        raise RolesError("limits is empty; name a metric, such as {'DPL': 0.05}")
    metrics: dict[Metric, float] = {}
    shares: dict[str, float] = {}
    for name, value in limits.items():
        if isinstance(name, str) and name in SHARES:
            shares[name] = _allowed(name, value)
            continue
        try:
            metric = named(name)
        except RolesError:
            raise no_metric(name, SHARES) from None
        if metric.is_of_rows:
            raise RolesError(
                f"{metric.symbol} is computed from rows, so counts cannot be compared by it"
            )
        if metric.symbol in {one.symbol for one in metrics}:
            raise RolesError(f"{metric.symbol} has two limits; name each metric once")
        metrics[metric] = _allowed(metric.symbol, value)
    return Allowed(metrics, shares)


def _allowed(name: str, value: Any) -> float:
    allowed = number(name, value)
    if allowed < 0:
        raise RolesError(f"the limit on {name} is how much it may change, 0 or more; not {value!r}")
    return allowed
