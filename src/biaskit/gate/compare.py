"""Drift: what has changed between the baseline's counts and today's."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from biaskit.counts.counts import Counts, same_roles
from biaskit.counts.facets import Facet
from biaskit.counts.levels import show
from biaskit.counts.roles import AXES
from biaskit.counts.tables import Table, divide
from biaskit.errors import (
    DataError,
    RolesError,
    keywords_checked,
    refuse_level,
    refuse_seed,
)
from biaskit.gate.changes import Change, Series
from biaskit.gate.limits import Allowed, allowed_changes
from biaskit.gate.verdicts import UNCERTAIN, Claim, Verdict, verdicts
from biaskit.intervals.boxes import InBox, corners
from biaskit.intervals.evidence import all_ends, all_tails_at
from biaskit.intervals.figures import evidence_of, share_of
from biaskit.intervals.proportions import Array
from biaskit.metrics import Metric
from biaskit.metrics.forms import Difference, Share
from biaskit.progress import Asked, Progress, told
from biaskit.reports.numbers import Numbers, not_given, references
from biaskit.reports.report import Measured, Row, measured
from biaskit.sources.counting import count_roles
from biaskit.sources.dispatch import opened, saved_counts
from biaskit.sources.files.dialect import Dialect, dialect_of
from biaskit.store import formats
from biaskit.store.addresses import is_address, said

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Drift",
    "compare",
    "compare_rows",
    "counts_of_both",
]


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


@keywords_checked
def compare(
    current: Any,
    baseline: Any,
    *,
    limits: float | Mapping[Any, float] = 0.0,
    facet: Any = None,
    positive: Any = None,
    facet_values: Any = None,
    reference: Any = None,
    confidence: float = 0.95,
    seed: int = 0,
    correction: str | None = "holm",
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    progress: Asked = None,
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
        mapping by metric, which leaves the others out. The keys ``"facet share"`` and ``"label
        share"`` limit by how much a share of the rows may change.
    facet, positive, facet_values, reference
        Choices that can be made after counting, as in `biaskit.report`. The baseline chooses the
        reference ``"largest"`` or ``"highest"`` for both.
    confidence, seed
        Level of the intervals, and seed of the random draws for metrics of your own.
    correction
        ``"holm"`` or None, as in `biaskit.check`.
    csv
        How CSV files of the current data are written, as for `biaskit.count`.
    input_format, sheet
        Format of the files, and the sheet of a workbook, as for `biaskit.count`.
    progress
        Whether a bar shows how far the call is, or a function that is told, as for `biaskit.count`.

    Returns
    -------
    pandas.DataFrame
        A row per facet, facet value and metric, with the columns ``stage, facet, value, metric,
        baseline, current, change, low, high, limit, verdict, n_baseline, n_current, note``.
        ``change`` is the distance from the metric's parity now minus that of the baseline: above 0,
        the bias has grown. ``low`` and ``high`` are its interval. ``verdict`` is ``"fail"`` where
        the whole interval is above the limit, ``"pass"`` where none of it is above, else
        ``"uncertain"``. Below are rows for the share of each facet value and of each label, whose
        ``change`` is simply that of the share; a value that is new or gone is uncertain.

    Raises
    ------
    RolesError
        The counts have different roles, or a limit is invalid.
    DataError
        A file cannot be read.

    Notes
    -----
    The interval of the change combines the intervals of the two numbers, taken as independent (G.
    Y. Zou and A. Donner, "Construction of confidence limits about effect measures", Statistics in
    Medicine 27, 2008), over both signs of each; docs/intervals.md describes the method and its
    coverage.

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
        raise RolesError(f'correction must be "holm" or None, not {correction!r}')
    refuse_level(confidence)
    refuse_seed(seed)
    dialect = dialect_of(csv, input_format, sheet)
    with told(progress) as tell:
        now, then = counts_of_both(current, baseline, tell, dialect)
    choices = {"facet": facet, "positive": positive, "facet_values": facet_values}
    choices["reference"] = reference
    rows = compare_rows(
        now,
        then,
        allowed_changes(limits),
        choices,
        confidence=confidence,
        seed=seed,
        together=correction is not None,
    )
    return formats.frame({name: [getattr(row, name) for row in rows] for name in Drift._fields})


def counts_of_both(
    current: Any,
    baseline: Any,
    progress: Progress | None = None,
    dialect: Dialect | None = None,
) -> tuple[Counts, Counts]:
    """Counts of today and of the baseline; data of today are counted by the baseline's roles.

    Raises
    ------
    DataError
        The baseline is not a counts file, or a file cannot be read.
    """
    then = saved_counts(baseline)
    if then is None:
        is_path = isinstance(baseline, (str, os.PathLike))
        is_here = is_path and not is_address(os.fspath(baseline))
        if is_here and not Path(baseline).exists():
            raise DataError(f"there is no baseline {said(baseline)}; `biaskit count -o` makes one")
        what = f"{said(baseline)} is" if is_path else "is"
        raise DataError(
            f"the baseline {what} not a counts file; `biaskit count -o` or Counts.save makes one"
        )
    now = opened(current, dialect=dialect)
    if not isinstance(now, Counts):
        now = count_roles(now, then.roles, progress, dialect=dialect)
    return now, then


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
    roles = same_roles(now.roles, then.roles, "cannot be compared")
    now, then = (replace(one, roles=roles).choosing(**(choices or {})) for one in (now, then))
    for when, counts in (("baseline", then), ("data of today", now)):
        if not counts.rows:
            raise DataError(f"the {when} has no rows, so there is nothing to compare")
    now, then = _aligned(now, then), _aligned(then, now)
    if chosen := references(then):
        now, then = (one.choosing(reference=chosen) for one in (now, then))
    found = [
        *_of_metrics(now, then, allowed, confidence, seed),
        *_of_shares(now, then, allowed, confidence),
    ]
    claims = [claim for _, claim in found if claim is not None]
    judged = iter(verdicts(claims, confidence=confidence, together=together))
    return [drift if claim is None else _judged(drift, next(judged)) for drift, claim in found]


def _aligned(one: Counts, other: Counts) -> Counts:
    """Both counts with the levels of either, so that their reports have the same rows."""
    tables = {
        facet: table.beside(other.shown_tables[facet]) for facet, table in one.shown_tables.items()
    }
    return replace(one, shown_tables=tables)


def _of_metrics(
    now: Counts, then: Counts, allowed: Allowed, confidence: float, seed: int
) -> Iterator[tuple[Drift, Claim]]:
    """Change of each metric for each facet value that has rows in both counts."""
    limits = allowed.metrics
    metrics = list(limits) if isinstance(limits, dict) else None
    if metrics == []:
        return
    before, after = (
        measured(counts, metrics, confidence, seed, tests=False) for counts in (then, now)
    )
    pairs = []
    for was, one in zip(before, after, strict=True):
        if not_given(one.metric, now.roles):
            raise RolesError(f"there is a limit on {one.row.metric}, which is {one.row.note}")
        if was.row.n_d and one.row.n_d:  # the rows on shares report what is new or gone
            pairs.append((was, one))
    numbers = {(one.row.facet, one.metric): (was.numbers, one.numbers) for was, one in pairs}
    changes = {
        (facet, metric): (
            Change(_series(was_), _series(is_), metric),
            limits[metric] if isinstance(limits, dict) else limits,
        )
        for (facet, metric), (was_, is_) in numbers.items()
    }
    told = dict(zip(changes, _told([*changes.values()], confidence), strict=True))
    for was, one in pairs:
        key = one.row.facet, one.metric
        yield _of_metric(was, one, changes[key][1], told[key])


def _series(numbers: Numbers) -> Series:
    is_exact = numbers.range is None
    return Series(numbers.estimate, numbers.low, numbers.high, numbers.evidence, is_exact)


class _Told(NamedTuple):
    """Change of a metric for each comparison, its ends, and how certain they make each limit."""

    estimate: Array
    low: Array
    high: Array
    doubt_low: Array
    doubt_high: Array


def _told(changes: Sequence[tuple[Change, float]], confidence: float) -> list[_Told]:
    """Verdict on the limit of each change, judged together."""
    ends = all_ends([change for change, _ in changes], (1 - confidence) / 2)
    doubts: dict[tuple[int, int], Array] = {}
    asked: dict[tuple[int, int], tuple[Change, Array]] = {}
    for i, ((change, limit), (low, high)) in enumerate(zip(changes, ends, strict=True)):
        for j, end in enumerate((-limit if math.isnan(change.metric.parity) else -math.inf, limit)):
            # Certainty matters only where the whole interval is on one side of the limit.
            told = (high <= end) | (low >= end)
            doubts[i, j] = np.where(told & math.isfinite(end), np.nan, 1.0)
            if math.isfinite(end) and told.any() and change.is_known_at_any_level:
                asked[i, j] = change, np.where(told, end, change.estimate)
    found = all_tails_at(
        [change for change, _ in asked.values()], [value for _, value in asked.values()]
    )
    for key, tail in zip(asked, found, strict=True):
        doubts[key] = np.where(np.isnan(doubts[key]), 2 * tail, doubts[key])
    return [
        _Told(change.estimate, *ends[i], doubts[i, 0], doubts[i, 1])
        for i, (change, _) in enumerate(changes)
    ]


def _of_metric(was: Measured, one: Measured, limit: float, told: _Told) -> tuple[Drift, Claim]:
    change, low, high, *doubts = (float(array[one.at]) for array in told)
    withheld = ""
    for when, row in (("in the baseline", was.row), ("today", one.row)):
        if not math.isfinite(row.estimate) and not withheld:
            withheld = f"{row.note or 'infinite'} {when}"
    if not withheld and math.isnan(low):
        withheld = "no interval, so its uncertainty is unknown"
    row = one.row
    drift = Drift(
        stage=row.stage,
        facet=row.facet,
        value=row.value,
        metric=row.metric,
        baseline=was.row.estimate,
        current=row.estimate,
        change=change,
        low=low,
        high=high,
        limit=limit,
        verdict="",
        n_baseline=was.row.n_d,
        n_current=row.n_d,
        note=_reversal(was.row, row, one.metric),
    )
    least = -limit if math.isnan(one.metric.parity) else -math.inf
    claim = Claim(drift.change, low, high, least, limit, doubts[0], doubts[1], withheld)
    return drift, claim


def _of_shares(
    now: Counts, then: Counts, allowed: Allowed, confidence: float
) -> Iterator[tuple[Drift, Claim | None]]:
    """Share of each facet value, and of each label, with a claim where there is a limit on it."""
    roles = now.roles
    parts = [("facet share", "facet", facet.name, facet) for facet in roles.facet]
    if roles.label is not None:
        parts.append(("label share", "label", roles.label, roles.facet[0]))
    for name, axis, column, facet in parts:
        limit = allowed.shares.get(name, math.nan)
        yield from _shares(name, axis, column, (then, now), facet, limit, confidence)


def _shares(
    name: str,
    axis: str,
    column: str,
    both: tuple[Counts, Counts],
    facet: Facet,
    limit: float,
    confidence: float,
) -> Iterator[tuple[Drift, Claim | None]]:
    others = tuple(i for i, one in enumerate(AXES) if one != axis)
    then, now = (counts.shown_tables[facet].as_reported() for counts in both)
    rows = [table.n.sum(axis=others) for table in (then, now)]
    was, is_ = (_share_of_rows(table, others) for table in (then, now))
    shares = [divide(*one) for one in (was, is_)]
    evidence = evidence_of(Difference(is_, was), shares[1] - shares[0])
    if any(counts.protected is not None for counts in both):
        fewest, most = (
            Difference(*(_share_of_rows(one.as_reported(), others) for one in reversed(tables)))
            for tables in zip(*(counts.ends(facet) for counts in both), strict=True)
        )
        evidence = InBox(*corners(fewest, most), evidence.estimate)
    low, high = evidence.ends((1 - confidence) / 2)
    limited = not math.isnan(limit)
    doubts = [2 * evidence.tail_at(one) if limited else low for one in (-limit, limit)]
    for i, level in enumerate(getattr(now.levels, axis)):
        n_then, n_now = int(rows[0][i]), int(rows[1][i])
        note = "" if n_then and n_now else "new: not in the baseline" if n_now else "gone"
        if not (n_then or n_now):  # a bin of a cut that is empty in both
            continue
        drift = Drift(
            stage="data",
            facet=column,
            value=show(level),
            metric=name,
            baseline=float(shares[0][i]),
            current=float(shares[1][i]),
            change=float(evidence.estimate[i]),
            low=float(low[i]),
            high=float(high[i]),
            limit=limit,
            verdict=UNCERTAIN if note else "",
            n_baseline=n_then,
            n_current=n_now,
            note=note,
        )
        ends = drift.change, drift.low, drift.high
        sure = float(doubts[0][i]), float(doubts[1][i])
        claim = Claim(*ends, -limit, limit, *sure, withheld=note)
        yield drift, claim if limited else None


def _share_of_rows(table: Table, others: tuple[int, ...]) -> Share:
    """Share of the rows at each level; weighted rows count as their effective number."""
    weighed = table.n if table.w is None else table.w
    by_level = weighed.sum(axis=others)
    rate = by_level, np.full(by_level.shape, weighed.sum())
    if table.w2 is None:
        return share_of(rate)
    squares = table.w2.sum(axis=others)
    return share_of(rate, (squares, np.full(squares.shape, squares.sum())))


def _reversal(was: Row, row: Row, metric: Metric) -> str:
    """Note where the other side is now worse off, beyond chance in both counts."""
    if metric.against_d not in ("<", ">"):
        return ""
    up = was.low > metric.parity and row.high < metric.parity
    down = was.high < metric.parity and row.low > metric.parity
    return "reversed: the other side is worse off now" if up or down else ""


def _judged(drift: Drift, verdict: Verdict) -> Drift:
    notes = dict.fromkeys(filter(None, (drift.note, verdict.reason)))
    return drift._replace(verdict=verdict.name, note="; ".join(notes))
