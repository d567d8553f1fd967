"""Drift: what has changed between the counts of a baseline and those of today."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from biaskit import store
from biaskit.addresses import said
from biaskit.checks import number, refuse_level
from biaskit.counts import Counts, same_roles
from biaskit.errors import DataError, RolesError, did_you_mean
from biaskit.levels import show
from biaskit.metrics import FROM_ROWS, METRICS, Metric, named
from biaskit.reports import NOT_COMPUTED, Row, report_rows
from biaskit.roles import Roles, facet_name
from biaskit.sources import Progress, count_roles, saved_counts
from biaskit.tables import Table
from biaskit.verdicts import UNCERTAIN, Claim, Verdict, verdicts

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SHARES",
    "Allowed",
    "Drift",
    "allowed_changes",
    "compare",
    "compare_rows",
    "counts_of_both",
    "ndcg",
]

#: What is compared beside metrics, under the names that limits on them have.
SHARES = ("facet share", "label share")


class Drift(NamedTuple):
    """One row of a comparison with a baseline; the fields are the columns."""

    stage: str
    facet: str
    value: str
    metric: str
    baseline: float
    current: float
    change: float
    low: float
    high: float
    limit: float
    verdict: str
    n_baseline: int
    n_current: int
    note: str


class Allowed(NamedTuple):
    """How much may change: metrics by how far they may move from parity, and shares of rows."""

    #: One number for every metric, or numbers for some.
    metrics: float | dict[Metric, float]
    shares: dict[str, float]


class _Between(NamedTuple):
    """A number and the ends of its interval."""

    estimate: float
    low: float
    high: float


def compare(
    current: Any,
    baseline: Any,
    *,
    limits: float | Mapping[Any, float] = 0.0,
    facet: Any = None,
    positive: Any = None,
    facet_values: Any = None,
    confidence: float = 0.95,
    seed: int = 0,
    correction: str | None = "holm",
) -> pd.DataFrame:
    """How far bias has drifted from a baseline, metric by metric.

    Parameters
    ----------
    current
        A `Counts` or the path of a saved one; or anything that `biaskit.count` takes, which is then
        counted with the roles of the baseline.
    baseline
        A `Counts`, or the path of a saved one, of the same roles.
    limits
        How much farther from parity than in the baseline a metric may be: a number for all, or a
        mapping by metric, which leaves the others out. ``"facet share"`` and ``"label share"`` may
        be among its keys: by how much a share of the rows may change.
    facet, positive, facet_values
        Choices that can be made after counting, as in `biaskit.report`.
    confidence, seed
        Level of the intervals, and what the draws behind them follow from.
    correction
        ``"holm"`` or None, as in `biaskit.check`.

    Returns
    -------
    pandas.DataFrame
        A row per facet, facet value and metric, with the columns ``stage, facet, value, metric,
        baseline, current, change, low, high, limit, verdict, n_baseline, n_current, note``.
        ``change`` is the distance from the metric's parity now less that of the baseline: above 0,
        the bias has grown. ``low`` and ``high`` are its interval. ``verdict`` is ``"fail"`` where
        the whole interval is above the limit, ``"pass"`` where none of it is, else
        ``"uncertain"``. Below are rows for the share of each facet value and of each label,
        whose ``change`` is simply that of the share; a value that is new or gone is uncertain.

    Raises
    ------
    RolesError
        The counts are of different roles, or a limit is not one.
    DataError
        A file cannot be read.

    Notes
    -----
    The interval of the change is made of the intervals of the two numbers, taken as independent
    (G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures", Statistics
    in Medicine 27, 2008).

    Examples
    --------
    >>> import biaskit
    >>> df = biaskit.datasets.berkeley()
    >>> roles = dict(facet="gender", facet_values="female", label="decision", positive="admitted")
    >>> first, rest = df[df["department"] == "A"], df[df["department"] != "A"]
    >>> drift = biaskit.compare(rest, biaskit.count(first, **roles), limits={"DPL": 0.02})
    >>> drift[["value", "metric", "baseline", "current", "change", "verdict"]].round(3).head(1)
        value metric  baseline  current  change verdict
    0  female    DPL    -0.203    0.097  -0.107    pass
    """
    if correction not in ("holm", None):
        raise RolesError(f'correction is "holm" or None, not {correction!r}')
    refuse_level(confidence)
    now, then = counts_of_both(current, baseline)
    choices = {"facet": facet, "positive": positive, "facet_values": facet_values}
    rows = compare_rows(
        now,
        then,
        allowed_changes(limits),
        choices,
        confidence=confidence,
        seed=seed,
        together=correction is not None,
    )
    return store.frame({name: [getattr(row, name) for row in rows] for name in Drift._fields})


def counts_of_both(
    current: Any, baseline: Any, progress: Progress | None = None
) -> tuple[Counts, Counts]:
    """Counts of today and of the baseline; data of today are counted by the baseline's roles.

    Raises
    ------
    DataError
        The baseline is no counts, or a file cannot be read.
    """
    then = saved_counts(baseline)
    if then is None:
        what = f"{said(baseline)} is" if isinstance(baseline, (str, os.PathLike)) else "is"
        raise DataError(
            f"the baseline {what} not a counts file; `biaskit count -o` or Counts.save makes one"
        )
    now = saved_counts(current)
    return (count_roles(current, then.roles, progress) if now is None else now), then


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
            known = [*SHARES, *METRICS]
            raise RolesError(f"no metric {name!r}; {did_you_mean(str(name), known)}") from None
        if metric.symbol in FROM_ROWS:
            raise RolesError(f"{metric.symbol} is made of rows, so counts cannot be compared by it")
        metrics[metric] = _allowed(metric.symbol, value)
    return Allowed(metrics, shares)


def compare_rows(
    now: Counts,
    then: Counts,
    allowed: Allowed,
    choices: Mapping[str, Any] | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    together: bool = True,
) -> list[Drift]:
    """Rows of a comparison of counts with those of a baseline, as plain records.

    `choices` are keyword arguments of `Roles.chosen`.
    """
    roles = same_roles(now.roles, then.roles, "cannot be compared").chosen(**(choices or {}))
    for when, counts in (("baseline", then), ("data of today", now)):
        if not counts.rows:
            raise DataError(f"the {when} has no rows, so there is nothing to compare")
    now, then = _aligned(now, then), _aligned(then, now)
    found = [
        *_of_metrics(now, then, roles, allowed, confidence, seed),
        *_of_shares(now, then, roles, allowed, confidence),
    ]
    claims = [claim for _, claim in found if claim is not None]
    judged = iter(verdicts(claims, confidence=confidence, together=together))
    return [drift if claim is None else _judged(drift, next(judged)) for drift, claim in found]


def ndcg(current: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    """Normalised discounted cumulative gain: how well a ranking of features agrees with a baseline.

    Parameters
    ----------
    current, baseline
        Attribution by feature, 0 or more, such as the mean absolute SHAP values of today and of
        the training data: any mapping, or a pandas Series with the features as its index.

    Returns
    -------
    float
        1 where the features of today, in descending order, are in the order of the baseline, less
        where they are not; NaN where the baseline has no attribution above 0. Clarify raises its
        alarm below 0.90. Only the order of today's features counts, not the size of their values.

    Raises
    ------
    RolesError
        The features differ, or an attribution is negative or no number.

    Notes
    -----
    ``DCG / iDCG`` with ``DCG = sum over i of a(f'_i) / log2(i + 1)``, where ``a`` is the baseline's
    attribution and ``f'_i`` the feature that stands in place i today; iDCG has the baseline's own
    order (SageMaker Clarify, "Feature attribution drift").

    Examples
    --------
    >>> baseline = {"SAT": 0.70, "GPA": 0.50, "rank": 0.05}
    >>> round(ndcg({"SAT": 0.10, "GPA": 0.20, "rank": 0.70}, baseline), 4)
    0.6876
    """
    now, then = _attributions(current), _attributions(baseline)
    if unknown := sorted({*now} ^ {*then}):
        where = "the baseline" if unknown[0] in now else "today's attributions"
        raise RolesError(f"feature {unknown[0]!r} is not in {where}; both must have the same")
    discounts = [1 / math.log2(place + 2) for place in range(len(then))]
    ranked = sorted(now, key=lambda feature: -now[feature])
    gain = sum(then[f] * discount for f, discount in zip(ranked, discounts, strict=True))
    best = sum(a * b for a, b in zip(sorted(then.values(), reverse=True), discounts, strict=True))
    return gain / best if best else math.nan


def _attributions(given: Mapping[str, float]) -> dict[str, float]:
    made = {str(feature): float(value) for feature, value in given.items()}
    for feature, value in made.items():
        if not (0 <= value < math.inf):
            raise RolesError(
                f"the attribution of {feature!r} is {value!r}; NDCG needs numbers of 0 or more, "
                "such as mean absolute SHAP values"
            )
    return made


def _allowed(name: str, value: Any) -> float:
    allowed = number(name, value)
    if allowed < 0:
        raise RolesError(f"the limit on {name} is how much it may change, 0 or more; not {value!r}")
    return allowed


def _aligned(one: Counts, other: Counts) -> Counts:
    """Counts with the levels of both, so that both reports have the same rows."""
    tables = {facet: table.beside(other.tables[facet]) for facet, table in one.tables.items()}
    return replace(one, tables=tables)


def _of_metrics(
    now: Counts, then: Counts, roles: Roles, allowed: Allowed, confidence: float, seed: int
) -> Iterator[tuple[Drift, Claim]]:
    """Change of each metric for each facet value that has rows both times."""
    limits = allowed.metrics
    metrics = list(limits) if isinstance(limits, dict) else None
    if metrics == []:
        return
    by_symbol = {one.symbol: one for one in (metrics or METRICS.values())}
    before, after = (
        report_rows(counts, roles, metrics, confidence, seed) for counts in (then, now)
    )
    for was, row in zip(before, after, strict=True):
        if row.note.startswith(NOT_COMPUTED):
            raise RolesError(f"there is a limit on {row.metric}, which is {row.note}")
        if was.n_d and row.n_d:  # the shares say what is new or gone
            metric = by_symbol[row.metric]
            limit = limits[metric] if isinstance(limits, dict) else limits
            yield _of_metric(was, row, metric, limit)


def _of_metric(was: Row, row: Row, metric: Metric, limit: float) -> tuple[Drift, Claim]:
    change = _change(*(_from_parity(_Between(*one[4:7]), metric.parity) for one in (was, row)))
    withheld = ""
    for when, one in (("in the baseline", was), ("today", row)):
        if not math.isfinite(one.estimate) and not withheld:
            withheld = f"{one.note or 'infinite'} {when}"
    if not withheld and math.isnan(change.low):
        withheld = "no interval, so nothing says how sure it is"
    drift = Drift(
        *row[:4],
        was.estimate,
        row.estimate,
        *change,
        limit,
        "",
        was.n_d,
        row.n_d,
        _reversal(was, row, metric),
    )
    return drift, Claim(*change, -math.inf, limit, withheld=withheld)


def _of_shares(
    now: Counts,
    then: Counts,
    roles: Roles,
    allowed: Allowed,
    confidence: float,
) -> Iterator[tuple[Drift, Claim | None]]:
    """Share of each facet value, and of each label, with a claim where there is a limit on it."""
    parts = [("facet share", 0, facet_name(facet), facet) for facet in roles.facet]
    if roles.label is not None:
        parts.append(("label share", 1, roles.label, roles.facet[0]))
    for name, axis, column, facet in parts:
        limit = allowed.shares.get(name, math.nan)
        tables = then.tables[facet], now.tables[facet]
        for drift in _shares(name, axis, column, *tables, limit, confidence):
            claim = Claim(*drift[6:9], -limit, limit, withheld=drift.note)
            yield drift, None if math.isnan(limit) else claim


def _shares(
    name: str,
    axis: int,
    column: str,
    then: Table,
    now: Table,
    limit: float,
    confidence: float,
) -> Iterator[Drift]:
    others = tuple(i for i in range(now.n.ndim) if i != axis)
    rows = [table.n.sum(axis=others).tolist() for table in (then, now)]
    shares = [_wilson(table, others, confidence) for table in (then, now)]
    for i, level in enumerate(now.levels[axis]):
        n_then, n_now = rows[0][i], rows[1][i]
        was, is_ = shares[0][i], shares[1][i]
        change = _change(was, is_)
        note = "" if n_then and n_now else "new: not in the baseline" if n_now else "gone"
        if not (n_then or n_now):  # a bin of a cut that both have empty
            continue
        yield Drift(
            "data",
            column,
            show(level),
            name,
            was.estimate,
            is_.estimate,
            *change,
            limit,
            UNCERTAIN if note else "",
            n_then,
            n_now,
            note,
        )


def _wilson(table: Table, others: tuple[int, ...], confidence: float) -> list[_Between]:
    """Share of the rows at each level with Wilson's interval; of weighted rows, as many as count.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22, 1927. Weighted rows are worth ``(sum of w)² / sum of
    w²`` rows (L. Kish, "Survey Sampling", 1965).
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    weighed = table.n if table.w is None else table.w
    n = float(table.n.sum() if table.w2 is None else weighed.sum() ** 2 / table.w2.sum())
    p = np.asarray(weighed.sum(axis=others) / weighed.sum(), dtype=np.float64)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = np.clip(middle - half, 0, p), np.clip(middle + half, p, 1)
    return [_Between(*ends) for ends in zip(p.tolist(), low.tolist(), high.tolist(), strict=True)]


def _from_parity(value: _Between, parity: float) -> _Between:
    """Distance of a number from parity, and its interval."""
    ends = abs(value.low - parity), abs(value.high - parity)
    nearest = 0.0 if value.low <= parity <= value.high else min(ends)
    return _Between(abs(value.estimate - parity), nearest, max(ends))


def _change(was: _Between, is_: _Between) -> _Between:
    """Difference of two independent numbers, and its interval, of their own intervals."""
    change = is_.estimate - was.estimate
    low = change - math.hypot(is_.estimate - is_.low, was.high - was.estimate)
    high = change + math.hypot(is_.high - is_.estimate, was.estimate - was.low)
    return _Between(change, low, high)


def _reversal(was: Row, row: Row, metric: Metric) -> str:
    """Note where the other side is now the one worse off, beyond chance both times."""
    if metric.against_d == "!=":
        return ""
    up = was.low > metric.parity and row.high < metric.parity
    down = was.high < metric.parity and row.low > metric.parity
    return "reversed: the other side is worse off now" if up or down else ""


def _judged(drift: Drift, verdict: Verdict) -> Drift:
    notes = dict.fromkeys(filter(None, (drift.note, verdict.reason)))
    return drift._replace(verdict=verdict.name, note="; ".join(notes))
