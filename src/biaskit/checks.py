"""Checks: from a report and limits to verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from biaskit.errors import DataError, RolesError, listed
from biaskit.metrics import Metric, named
from biaskit.reports import NOT_COMPUTED, Row
from biaskit.roles import Roles
from biaskit.verdicts import Claim, Verdict, verdicts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Checked", "Limit", "check", "check_rows", "limits_of", "scale_of"]


class Limit(NamedTuple):
    """What a metric may be: between `low` and `high`, both included."""

    metric: Metric
    low: float
    high: float


class Checked(NamedTuple):
    """A row of a report with the limits that it was held to and what came of it."""

    row: Row
    limit_low: float
    limit_high: float
    verdict: str
    reason: str
    judged: bool


def check(
    report: pd.DataFrame,
    limits: Mapping[str | Metric, Any],
    *,
    min_rows: int = 0,
    confidence: float = 0.95,
    correction: str | None = "holm",
) -> pd.DataFrame:
    """Rows of a report that limits speak of, each with a verdict.

    Parameters
    ----------
    report
        What `biaskit.report` returns, or rows of it.
    limits
        By metric, the distance from parity that is allowed (``{"DPL": 0.1}``), or a range
        (``{"DI": [0.8, 1.25]}``). A metric of your own is its own key.
    min_rows
        Rows that each side must have for a verdict other than uncertain.
    confidence
        Level of the report's intervals.
    correction
        ``"holm"``: the chance that any verdict of pass or fail among these is wrong stays below
        ``1 - confidence``. None: each row is judged by its own interval alone.

    Returns
    -------
    pandas.DataFrame
        The rows of `report` that have a limit, with ``limit_low``, ``limit_high``, ``verdict``
        (``"pass"`` where the whole interval is inside the limits, ``"fail"`` where the whole of it
        is outside, else ``"uncertain"``) and ``reason``.

    Raises
    ------
    RolesError
        A limit is not one, or speaks of a metric that is unknown or that the report does not have.
    DataError
        `report` is no report.

    Examples
    --------
    >>> import biaskit
    >>> report = biaskit.report(
    ...     biaskit.datasets.berkeley(), facet="gender", facet_values="female", group="department",
    ...     label="decision", positive="admitted",
    ... )
    >>> checked = biaskit.check(report, {"DPL": 0.1, "CDDL": 0.05})
    >>> checked[["metric", "estimate", "limit_low", "limit_high", "verdict"]].round(3)
      metric  estimate  limit_low  limit_high    verdict
    0    DPL     0.142      -0.10        0.10       fail
    1   CDDL    -0.019      -0.05        0.05  uncertain
    """
    if correction not in ("holm", None):
        raise RolesError(f'correction is "holm" or None, not {correction!r}')
    refuse_level(confidence)
    missing = [name for name in Row._fields if name not in getattr(report, "columns", ())]
    if missing:
        raise DataError(
            f"this is not a report: it has no column {missing[0]!r}; give what biaskit.report makes"
        )
    rows = [Row(*values) for values in report[list(Row._fields)].itertuples(index=False)]
    allowed = limits_of(limits)
    checked = check_rows(
        rows, allowed, min_rows=min_rows, confidence=confidence, together=correction is not None
    )
    symbols = {limit.metric.symbol for limit in allowed}
    return (
        report[report["metric"].isin(symbols)]
        .reset_index(drop=True)
        .assign(
            limit_low=[one.limit_low for one in checked],
            limit_high=[one.limit_high for one in checked],
            verdict=[one.verdict for one in checked],
            reason=[one.reason for one in checked],
        )
    )


def check_rows(
    rows: Sequence[Row],
    limits: Sequence[Limit],
    *,
    min_rows: int = 0,
    confidence: float = 0.95,
    together: bool = True,
) -> list[Checked]:
    """Rows that limits speak of, as plain records, in the order of the report."""
    by_symbol = {limit.metric.symbol: limit for limit in limits}
    there = dict.fromkeys(row.metric for row in rows if not row.note.startswith(NOT_COMPUTED))
    for symbol in by_symbol:
        if symbol not in there:
            why = next((row.note for row in rows if row.metric == symbol), "")
            what = f"is {why}" if why else f"the report does not have; it has {listed(list(there))}"
            raise RolesError(f"there is a limit on {symbol}, which {what}")
    held = [row for row in rows if row.metric in by_symbol]
    claims = [_claim(row, by_symbol[row.metric], min_rows) for row in held]
    made: Iterable[Verdict] = verdicts(claims, confidence=confidence, together=together)
    return [
        Checked(row, *by_symbol[row.metric][1:], verdict.name, verdict.reason, verdict.judged)
        for row, verdict in zip(held, made, strict=True)
    ]


def limits_of(given: Any) -> list[Limit]:
    """Limits as a user writes them, by metric, checked.

    Raises
    ------
    RolesError
        No metric has this name, a limit is no number or range, or it allows everything or nothing.
    """
    if not isinstance(given, Mapping) or not given:
        raise RolesError("limits are a mapping by metric, such as {'DPL': 0.1, 'DI': [0.8, 1.25]}")
    made: dict[str, Limit] = {}
    for name, value in given.items():
        metric = named(name)
        if metric.symbol in made:
            raise RolesError(f"{metric.symbol} has two limits; {name!r} is the same metric")
        made[metric.symbol] = _limit(metric, value)
    return list(made.values())


def refuse_unmet(limits: Sequence[Limit], roles: Roles) -> None:
    """Refuse limits on metrics that these roles do not give, before the pass."""
    for limit in limits:
        for part in limit.metric.needs:
            if part != "positive" and getattr(roles, part) is None:
                raise RolesError(
                    f"there is a limit on {limit.metric.symbol}, which needs {part}: "
                    f"say which column that is"
                )


def refuse_level(confidence: float) -> None:
    """Refuse a level that no interval has."""
    if not 0 < confidence < 1:
        raise RolesError(f"confidence is a number between 0 and 1, not {confidence!r}")


def scale_of(metric: Metric) -> Callable[[float], float]:
    """Scale on which the interval of a metric reaches about as far to either side."""
    match metric.kind:
        case "ratio":
            return lambda x: math.log(x) if x > 0 else -math.inf
        case "squared length":
            return lambda x: math.sqrt(x) if x > 0 else 0.0
    return lambda x: x


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
            raise RolesError(f"a range for {metric.symbol} is [low, high], not {value!r}")
        low, high = (number(metric.symbol, end) for end in value)
        if low > high:
            raise RolesError(f"the limits on {metric.symbol} cross: {low:g} is above {high:g}")
    else:
        distance = number(metric.symbol, value)
        if distance < 0:
            raise RolesError(
                f"the limit on {metric.symbol} is a distance from {metric.parity:g}, so 0 or more; "
                f"not {distance:g}. A range is [low, high]"
            )
        low, high = metric.parity - distance, metric.parity + distance
    least, most = metric.bounds
    if low > most or high < least:
        raise RolesError(
            f"{metric.symbol} lies in [{least:g}, {most:g}], so nothing is between "
            f"{low:g} and {high:g}"
        )
    if low <= least and high >= most:
        raise RolesError(
            f"{metric.symbol} lies in [{least:g}, {most:g}], so a limit of {value!r} allows "
            "everything; give a smaller one"
        )
    return Limit(metric, max(low, least), min(high, most))


def _claim(row: Row, limit: Limit, min_rows: int) -> Claim:
    least, most = limit.metric.bounds
    return Claim(
        row.estimate,
        row.low,
        row.high,
        -math.inf if limit.low <= least else limit.low,
        math.inf if limit.high >= most else limit.high,
        scale_of(limit.metric),
        _withheld(row, min_rows),
    )


def _withheld(row: Row, min_rows: int) -> str:
    """Why a row cannot be judged, or an empty text."""
    for side, n in (("a", row.n_a), ("d", row.n_d)):
        if n < min_rows:
            return f"{n:,} rows on side {side}; at least {min_rows:,} are asked for"
    if math.isnan(row.estimate):
        return row.note or "undefined"
    if math.isnan(row.low) or math.isnan(row.high):
        return row.note or "no interval, so nothing says how sure it is"
    return ""
