"""Checks: from a report and limits to verdicts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from biaskit.errors import (
    RolesError,
    keywords_checked,
    listed,
    refuse_level,
    refuse_whole,
)
from biaskit.gate.limits import Limit, limits_of, required_of
from biaskit.gate.settling import Judged, by_its_ends, would_settle
from biaskit.gate.verdicts import FAIL, UNCERTAIN, Claim, Verdict, verdicts
from biaskit.intervals.evidence import Evidence, all_ends, all_tails_at
from biaskit.intervals.figures import evidence_of
from biaskit.metrics import Metric
from biaskit.reports.notes import NOT_COMPUTED
from biaskit.reports.reading import rows_of
from biaskit.reports.report import Row

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Checked", "check", "check_rows"]

# Reports of 0.1.0 do not have these; without them each row is judged by its own interval.
_RATES = ("rate_a", "rate_d", "of_a", "of_d")


class Checked(NamedTuple):
    """A row of a report with its limits and its verdict."""

    row: Row
    limit_low: float
    limit_high: float
    verdict: str
    reason: str
    judged: bool
    #: False where the verdict is a fail only because it is required to be sure.
    sure: bool = True


@keywords_checked
def check(
    report: pd.DataFrame,
    limits: Mapping[str | Metric, Any],
    *,
    min_rows: int = 0,
    confidence: float = 0.95,
    correction: str | None = "holm",
    required: Collection[str | Metric] = (),
) -> pd.DataFrame:
    """Rows of a report that have a limit, each with a verdict.

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
        Level at which the rows are judged. A metric of two proportions is judged at any level; any
        other at most at the level of the report.
    correction
        ``"holm"``: the chance that any verdict of pass or fail among these is wrong stays below
        ``1 - confidence``. None: each row is judged by its own interval alone.
    required
        Metrics whose uncertain verdict is a fail.

    Returns
    -------
    pandas.DataFrame
        The rows of `report` that have a limit, with ``limit_low``, ``limit_high``, ``verdict``
        (``"pass"`` where the whole interval is inside the limits, ``"fail"`` where the whole of it
        is outside, else ``"uncertain"``) and ``reason``, which for an uncertain one says what would
        settle it.

    Raises
    ------
    RolesError
        A limit is invalid, or names a metric that is unknown or missing from the report.
    DataError
        `report` is not a report.

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
        raise RolesError(f'correction must be "holm" or None, not {correction!r}')
    refuse_level(confidence)
    refuse_whole("min_rows", min_rows)
    rows = rows_of(report)
    allowed = limits_of(limits)
    metrics = {limit.metric.symbol for limit in allowed}
    checked = check_rows(
        rows,
        allowed,
        min_rows=min_rows,
        confidence=confidence,
        together=correction is not None,
        required=required_of(required, allowed),
    )
    return (
        report[[row.metric in metrics for row in rows]]
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
    required: Collection[str] = (),
) -> list[Checked]:
    """Rows that have a limit, as plain records, in the order of the report.

    `required` are symbols of metrics whose uncertain verdict is a fail.
    """
    by_symbol = {limit.metric.symbol: limit for limit in limits}
    _refuse_absent(rows, limits)
    held = [row for row in rows if row.metric in by_symbol]
    judged = _judged(held, by_symbol, confidence)
    claims = [_claim(one, by_symbol[one.row.metric], min_rows, confidence) for one in judged]
    made: Iterable[Verdict] = verdicts(claims, confidence=confidence, together=together)
    number = sum(not claim.withheld for claim in claims)
    checked = []
    for one, claim, verdict in zip(judged, claims, made, strict=True):
        limit = by_symbol[one.row.metric]
        name, reason = verdict.name, verdict.reason
        if name == UNCERTAIN:
            # A verdict that is certain by itself lacks only the level that so many numbers need.
            among = number if verdict.doubt < 1 else 1
            alpha = (1 - confidence) / among
            told = would_settle(one, claim, limit.metric, alpha) if verdict.judged else ""
            reason = "; ".join(filter(None, [reason, told]))
            if one.row.metric in required:
                name, reason = FAIL, f"required to be certain, but it is not: {reason}"
        sure = name == verdict.name
        checked.append(Checked(one.row, limit.low, limit.high, name, reason, verdict.judged, sure))
    return checked


def _refuse_absent(rows: Sequence[Row], limits: Sequence[Limit]) -> None:
    """Refuse limits on metrics that a report does not have."""
    there = dict.fromkeys(row.metric for row in rows if not row.note.startswith(NOT_COMPUTED))
    for limit in limits:
        symbol = limit.metric.symbol
        if symbol not in there:
            why = next((row.note for row in rows if row.metric == symbol), "")
            what = f"is {why}" if why else f"the report does not have; it has {listed(list(there))}"
            raise RolesError(f"there is a limit on {symbol}, which {what}")


def _judged(held: Sequence[Row], limits: Mapping[str, Limit], confidence: float) -> list[Judged]:
    """Rows with their intervals at the requested level, and how certain each limit makes them."""
    by_metric: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(held):
        by_metric[row.metric].append(i)
    made: dict[int, Judged] = {}
    known: dict[str, Evidence] = {}
    for symbol, places in by_metric.items():
        limit = limits[symbol]
        estimate, *rates = (
            np.array([getattr(held[i], name) for i in places], dtype=np.float64)
            for name in ("estimate", *_RATES)
        )
        form = limit.metric.form_of_rates(*rates)
        # The proportions are those of one table of all that the counts may be.
        may_vary = any(held[i].least < held[i].most for i in places)
        if form is None or may_vary or np.isnan(rates[-1]).all():
            made |= {i: by_its_ends(held[i], limit.metric, limit.low, limit.high) for i in places}
        else:
            known[symbol] = evidence_of(form, estimate)
    # The ends and levels of all metrics are found together, which saves most of the time.
    evidence = [*known.values()]
    ends = all_ends(evidence, (1 - confidence) / 2)
    tails = all_tails_at(
        [*evidence, *evidence],
        [*(limits[one].low for one in known), *(limits[one].high for one in known)],
    )
    by_limit = zip(tails[: len(known)], tails[len(known) :], strict=True)
    for (symbol, one), of_ends, of_limits in zip(known.items(), ends, by_limit, strict=True):
        for at, i in enumerate(by_metric[symbol]):
            low, high = (float(end[at]) for end in of_ends)
            if held[i].confidence == confidence:  # the report's own ends, to the bit
                low, high = held[i].low, held[i].high
            doubt_low, doubt_high = (float(2 * tail[at]) for tail in of_limits)
            made[i] = Judged(held[i], low, high, doubt_low, doubt_high, one, at)
    return [made[i] for i in range(len(held))]


def _claim(one: Judged, limit: Limit, min_rows: int, confidence: float) -> Claim:
    least, most = limit.metric.bounds
    return Claim(
        estimate=one.row.estimate,
        low=one.low,
        high=one.high,
        limit_low=-math.inf if limit.low <= least else limit.low,
        limit_high=math.inf if limit.high >= most else limit.high,
        doubt_low=one.doubt_low,
        doubt_high=one.doubt_high,
        withheld=_withheld(one, min_rows, confidence),
    )


def _withheld(one: Judged, min_rows: int, confidence: float) -> str:
    """Why a row cannot be judged, or an empty text."""
    row = one.row
    for side, n in (("a", row.n_a), ("d", row.n_d)):
        if n < min_rows:
            return f"{n:,} rows on side {side}; at least {min_rows:,} are required"
    if math.isnan(row.estimate):
        return row.note or "undefined"
    if math.isnan(one.low) or math.isnan(one.high):
        return row.note or "no interval, so its uncertainty is unknown"
    if one.evidence is None and row.confidence < confidence:
        return (
            f"its interval has the level {100 * row.confidence:g} %, and {100 * confidence:g} % is "
            f"required: report with confidence={confidence:g}"
        )
    return ""
