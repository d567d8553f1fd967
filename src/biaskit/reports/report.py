"""Reports: from counts to one row per facet value and metric."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from biaskit import formats
from biaskit import metrics as room
from biaskit.counts.comparisons import (
    Comparisons,
    comparisons,
    positive_labels,
    positive_predictions,
    positive_unsaid,
)
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import Level, show
from biaskit.counts.roles import RoleArguments, Roles, roles_of, takes_roles
from biaskit.counts.tables import Table, Tally, divide
from biaskit.errors import DataError, refuse_level, refuse_seed
from biaskit.intervals.draws import MOST_DRAWN, Drawn, draws_for, interval
from biaskit.intervals.evidence import Evidence
from biaskit.intervals.figures import Figures, evidence_of, figures_of, inside, share_of
from biaskit.metrics import FROM_ROWS, METRICS, Metric
from biaskit.reports.fliptest import flip_tests, sample_for
from biaskit.sources.counting import count_roles, saved_counts
from biaskit.sources.sample import Sample

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "NOT_COMPUTED",
    "Measured",
    "Row",
    "Series",
    "measured",
    "refuse_choices",
    "report",
    "report_rows",
    "summary",
    "what_was_read",
]

#: How the note of a metric begins that lacks a column.
NOT_COMPUTED = "not computed"

# Fewer rows than this on a side get a note: their interval is wide, and rests on little.
_FEW_ROWS = 10
_ALL = (*METRICS.values(), *FROM_ROWS.values())


class Row(NamedTuple):
    """One row of a report; the fields are the columns."""

    stage: str
    facet: str
    value: str
    metric: str
    estimate: float
    low: float
    high: float
    p_value: float
    confidence: float
    rate_a: float
    rate_d: float
    of_a: float
    of_d: float
    n_a: int
    n_d: int
    n_missing: int
    note: str


class Series(NamedTuple):
    """A metric for all comparisons of a facet: arrays with one axis."""

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    #: What the rows say of it at any level; None where that is known at the report's own only.
    evidence: Evidence | None


class Measured(NamedTuple):
    """A row of a report, with what it is a part of."""

    row: Row
    metric: Metric
    series: Series
    #: Which comparison of the series it is.
    at: int


@takes_roles
def report(
    data: Any,
    roles: Roles | None = None,
    *,
    metrics: Iterable[str | Metric] | str | None = None,
    confidence: float | None = 0.95,
    seed: int = 0,
    filesystem: Any = None,
    **given: Unpack[RoleArguments],
) -> pd.DataFrame:
    """Tidy table of every metric for every facet value.

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes, or a `Counts` (or the path of a saved one), which
        brings its roles along; `facet`, `positive` and `facet_values` may then be chosen anew.
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
facet_values, facet_above, facet_edges, features
        The roles of the columns, as `Roles` takes them.
    metrics
        Symbols or metrics; by default every metric whose columns are given.
    confidence
        Level of the intervals, between 0 and 1; None for a report without them.
    seed
        What is drawn for the intervals of metrics of your own follows from it, if they do not say
        of which proportions they are made; no other number depends on it.
    filesystem
        Filesystem of pyarrow or fsspec on which the paths lie.

    Returns
    -------
    pandas.DataFrame
        A row per facet, facet value (as d) and metric, with the columns ``stage, facet, value,
        metric, estimate, low, high, p_value, confidence, rate_a, rate_d, of_a, of_d, n_a, n_d,
        n_missing, note``. ``low`` and ``high`` are the ends of the interval of the level
        ``confidence``, ``p_value`` that of the test of parity (docs/intervals.md). Where a metric
        compares two proportions, ``rate_a`` and ``rate_d`` are those, and ``of_a`` and ``of_d`` the
        rows that they are taken of (of weighted rows, as many as they are worth); elsewhere NaN.
        ``n_a + n_d + n_missing`` is the number of rows read. What is undefined is NaN and ``note``
        says why; what is infinite is infinite.

    Raises
    ------
    RolesError
        The roles contradict each other, or name a value that does not occur.
    DataError
        The data cannot be read, or a column is not what its role needs.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "F", "M", "M"], "hired": [0, 1, 1, 1]})
    >>> r = biaskit.report(df, facet="sex", label="hired", facet_values="F", metrics=["CI", "DPL"])
    >>> r[["value", "metric", "estimate", "n_a", "n_d"]]
      value metric  estimate  n_a  n_d
    0     F     CI       0.0    2    2
    1     F    DPL       0.5    2    2
    """
    asked = room.chosen(metrics)
    refuse_choices(confidence, seed)
    counts, sample = saved_counts(data), None
    if counts is None:
        roles = roles_of(roles, given)
        sample = sample_for(roles, asked)
        counts = count_roles(data, roles, sample=sample, filesystem=filesystem)
    else:
        roles = counts.roles.chosen(**(given if roles is None else roles_of(roles, given).given()))
    rows = report_rows(counts, roles, asked, confidence, seed, sample)
    columns = {name: [getattr(row, name) for row in rows] for name in Row._fields}
    return formats.frame(columns)


def report_rows(
    counts: Counts,
    roles: Roles,
    metrics: Sequence[Metric] | None = None,
    confidence: float | None = 0.95,
    seed: int = 0,
    sample: Sample | None = None,
) -> list[Row]:
    """Rows of the report on some counts, as plain records.

    `roles` are those of the counts, or the same with other choices made (`Roles.chosen`). With
    `metrics` None, every metric runs whose roles are given. `sample` has the rows of FT.
    """
    return [one.row for one in measured(counts, roles, metrics, confidence, seed, sample)]


def measured(
    counts: Counts,
    roles: Roles,
    metrics: Sequence[Metric] | None = None,
    confidence: float | None = 0.95,
    seed: int = 0,
    sample: Sample | None = None,
    *,
    tests: bool = True,
) -> list[Measured]:
    """Rows of `report_rows`, each with what can be said of it at other levels.

    Without `tests` there are no p-values, which take most of the time.
    """
    refuse_choices(confidence, seed)
    if not counts.rows:
        raise DataError("there are no rows, so there is nothing to report; is the table empty?")
    made: list[Measured] = []
    for facet in roles.facet:
        made += _of_facet(
            counts.tables[facet], facet, roles, metrics, confidence, seed, sample, tests
        )
    return made


def refuse_choices(confidence: float | None, seed: int) -> None:
    """Refuse a level or a seed that no interval can be made with; callers do so before the pass."""
    if confidence is not None:  # for a report without intervals
        refuse_level(confidence)
    refuse_seed(seed)


def summary(counts: Counts, roles: Roles) -> str:
    """One line on what a report speaks of: how many rows, which outcome, which sides."""
    return (
        f"{what_was_read(counts, roles)}; side d is the value in the row, side a every other known "
        "value"
    )


def what_was_read(counts: Counts, roles: Roles) -> str:
    """How many rows were read, which outcome is positive, and what the rows weigh, in one line."""
    parts = [f"{counts.rows:,} rows"]
    table = next(iter(counts.tables.values()))
    if positive := positive_labels(table.levels, roles):
        parts.append(f"positive is {roles.label} = {' or '.join(show(a) for a in positive)}")
    if roles.weight is not None:
        parts.append(f"weighted by {roles.weight}")
    if roles.frequency is not None:
        parts.append(f"repeated by {roles.frequency}")
    return "; ".join(parts)


@dataclass(frozen=True)
class _Figures:
    """What a metric says of each comparison: arrays with one axis, and a note for each."""

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]
    #: Proportions of sides a and d, and of how many rows, shape ``(4, comparisons)``.
    rates: NDArray[np.float64]
    n_a: NDArray[np.int64]
    n_d: NDArray[np.int64]
    notes: list[str]
    evidence: Evidence | None = None


def _of_facet(
    table: Table,
    facet: Facet,
    roles: Roles,
    metrics: Sequence[Metric] | None,
    confidence: float | None,
    seed: int,
    sample: Sample | None,
    tests: bool,
) -> list[Measured]:
    compared = comparisons(table.levels.facet, table.rows, facet, roles)
    if metrics is None:
        metrics = [one for one in _ALL if not _not_given(one, roles)]
    positive = positive_labels(table.levels, roles)
    if positive is None and (unmet := [one.symbol for one in metrics if "positive" in one.needs]):
        raise positive_unsaid(table.levels, roles, unmet)
    predicting = any("predicted" in one.needs for one in metrics)
    positive_hat = positive_predictions(table.levels, roles, positive) if predicting else ()

    by_axes: dict[tuple[str, ...], list[Metric]] = defaultdict(list)
    found: dict[int, _Figures] = {}
    for metric in metrics:
        if metric.is_of_rows and sample is not None:
            found[id(metric)] = _flips(metric, table, facet, compared, positive_hat, sample)
        else:
            by_axes[_known_axes(metric, roles)].append(metric)
    for known, together in by_axes.items():
        a, d = table.split(
            compared.sides, known=known, positive=positive or (), positive_hat=positive_hat
        )
        n_a, n_d = table.side_rows(compared.sides, known)
        for metric, one in zip(
            together,
            _figures(together, a, d, n_a, n_d, roles, confidence, seed, tests),
            strict=True,
        ):
            found[id(metric)] = one
    _note_what_groups_change(metrics, found)
    level = math.nan if confidence is None else confidence
    series = {
        key: Series(one.estimate, one.low, one.high, one.evidence) for key, one in found.items()
    }
    rows = {
        id(metric): _rows(metric, found[id(metric)], facet, compared.names, table.rows, level)
        for metric in metrics
    }
    return [
        Measured(rows[id(metric)][i], metric, series[id(metric)], i)
        for i in range(len(compared.names))
        for metric in metrics
    ]


def _flips(
    metric: Metric,
    table: Table,
    facet: Facet,
    compared: Comparisons,
    positive_hat: tuple[Level, ...],
    sample: Sample,
) -> _Figures:
    """Flip test of each comparison, from the rows that the pass kept."""
    groups = [
        {level for level, of_d in zip(table.levels.facet, side, strict=True) if of_d}
        for side in compared.sides
    ]
    flips = flip_tests(sample, facet, groups, positive_hat, **metric.options)
    undefined = np.full(len(flips), np.nan)
    notes = []
    for one in flips:
        why = f"undefined: {metric.undefined}" if np.isnan(one.estimate) else ""
        said = [_few("a", one.n_a), _few("d", one.n_d), why if one.n_a and one.n_d else ""]
        notes.append("; ".join(filter(None, [*said, *one.remarks, "no interval"])))
    return _Figures(
        estimate=np.array([one.estimate for one in flips]),
        low=undefined,
        high=undefined,
        p_value=undefined,
        rates=np.stack([undefined] * 4),
        n_a=np.array([one.n_a for one in flips]),
        n_d=np.array([one.n_d for one in flips]),
        notes=notes,
    )


def _rows(
    metric: Metric,
    figures: _Figures,
    facet: Facet,
    names: Sequence[str],
    total: int,
    level: float,
) -> list[Row]:
    """Rows of a metric, one for each comparison of a facet."""
    named = metric.stage, facet.name
    arrays = (figures.estimate, figures.low, figures.high, figures.p_value, *figures.rates)
    columns = [one.tolist() for one in (*arrays, figures.n_a, figures.n_d)]
    return [
        Row._make([*named, name, metric.symbol, *of_row[:4], level, *of_row[4:], missing, note])
        for name, note, missing, *of_row in zip(
            names,
            figures.notes,
            (total - figures.n_a - figures.n_d).tolist(),
            *columns,
            strict=True,
        )
    ]


def _figures(
    metrics: Sequence[Metric],
    a: Tally,
    d: Tally,
    n_a: NDArray[np.int64],
    n_d: NDArray[np.int64],
    roles: Roles,
    confidence: float | None,
    seed: int,
    tests: bool,
) -> list[_Figures]:
    """Estimates, intervals and p-values of metrics that need the same axes, with their notes."""
    undefined = np.full(len(a.cells), np.nan)
    squares = None
    if a.squares is not None and d.squares is not None:
        squares = replace(a, cells=a.squares), replace(d, cells=d.squares)
    estimates = [undefined if _not_given(one, roles) else one(a, d) for one in metrics]
    known: dict[int, Evidence] = {}
    for i, (metric, estimate) in enumerate(zip(metrics, estimates, strict=True)):
        if metric.kind != "point" and not _not_given(metric, roles):
            form = metric.form_of(a, d)
            if form is not None:
                of_squares = None if squares is None else metric.form_of(*squares)
                known[i] = evidence_of(form, estimate, of_squares)
    made = dict.fromkeys(range(len(metrics)), Figures(undefined, undefined, undefined))
    if confidence is not None:
        found = figures_of(
            list(known.values()),
            [_tested(metrics[i]) if tests else math.nan for i in known],
            [metrics[i].bounds for i in known],
            confidence,
        )
        made |= dict(zip(known, found, strict=True))
        if _drawn(a, confidence) <= MOST_DRAWN:
            drawn = {i: one for i, one in enumerate(metrics) if _is_drawn(one)}
            made |= _of_draws(drawn, estimates, a, d, confidence, seed)
    return [
        _Figures(
            estimate=estimates[i],
            low=made[i].low,
            high=made[i].high,
            p_value=made[i].p_value,
            rates=_rates(metric, a, d, squares),
            n_a=n_a,
            n_d=n_d,
            notes=_notes(metric, estimates[i], made[i].low, a, d, n_a, n_d, roles, confidence),
            evidence=known.get(i),
        )
        for i, metric in enumerate(metrics)
    ]


def _tested(metric: Metric) -> float:
    """Parity that a metric is tested for; NaN where it compares no facets."""
    return math.nan if metric.kind == "inequality" else metric.parity


def _is_drawn(metric: Metric) -> bool:
    """Whether a metric's interval is made of draws: it does not say what it is made of."""
    return metric.kind != "point" and metric.form is None and metric.rate is None


def _of_draws(
    metrics: Mapping[int, Metric],
    estimates: Sequence[NDArray[np.float64]],
    a: Tally,
    d: Tally,
    confidence: float,
    seed: int,
) -> dict[int, Figures]:
    """Figures of metrics that have draws, comparison by comparison."""
    if not metrics:
        return {}
    made = {i: np.full((3, len(a.cells)), np.nan) for i in metrics}
    for at in range(len(a.cells)):
        drawn = Drawn(a.at(at), d.at(at), seed, confidence)
        for i, metric in metrics.items():
            made[i][:, at] = interval(metric, float(estimates[i][at]), drawn)
    return {i: inside(Figures(*made[i]), estimates[i], *metrics[i].bounds) for i in metrics}


def _rates(
    metric: Metric, a: Tally, d: Tally, squares: tuple[Tally, Tally] | None
) -> NDArray[np.float64]:
    """Proportions of both sides, and of how many rows they are, of a metric that has some."""
    if metric.rate is None:
        return np.full((4, len(a.cells)), np.nan)
    of = squares or (None, None)
    shares = [
        share_of(metric.rate(side), None if square is None else metric.rate(square))
        for side, square in zip((a, d), of, strict=True)
    ]
    return np.stack([*(divide(*one) for one in shares), *(one.rows for one in shares)])


def _notes(
    metric: Metric,
    estimate: NDArray[np.float64],
    low: NDArray[np.float64],
    a: Tally,
    d: Tally,
    n_a: NDArray[np.int64],
    n_d: NDArray[np.int64],
    roles: Roles,
    confidence: float | None,
) -> list[str]:
    """Note on each comparison: why a figure is undefined, rests on little, or needs care."""
    if missing := _not_given(metric, roles):
        what = "list of features" if missing[0] == "features" else f"{missing[0]} column"
        return [f"{NOT_COMPUTED} without a {what}: give {missing[0]}="] * len(n_a)
    remarks = metric.remark(a, d) if metric.remark else [""] * len(n_a)
    constant = np.count_nonzero((a.by_label + d.by_label) > 0, axis=-1) == 1
    too_many = confidence is not None and _is_drawn(metric) and _drawn(a, confidence) > MOST_DRAWN
    weighted = a.squares is not None
    made = []
    for remark, value, end, of_a, of_d, same in zip(
        *(remarks, estimate.tolist(), low.tolist(), n_a.tolist(), n_d.tolist(), constant.tolist()),
        strict=True,
    ):
        notes = [_few("a", of_a), _few("d", of_d)]
        if math.isnan(value):
            notes.append(f"undefined: {metric.undefined}" if of_a and of_d else "")
        else:
            notes.append(remark)
            notes.append("no interval: too many cells to draw" if too_many else "")
            approximate = weighted and not math.isnan(end)
            notes.append("weighted: the interval is approximate" if approximate else "")
        if same and "label" in metric.needs and of_a and of_d:
            notes.append(f"every known {roles.label} is the same")
        made.append("; ".join(filter(None, notes)))
    return made


def _drawn(side: Tally, confidence: float) -> int:
    """How many numbers the draws of one side of one comparison are."""
    cells = math.prod(side.cells.shape[1:])
    return cells * draws_for(confidence, cells)


def _few(side: str, n: int) -> str:
    if n >= _FEW_ROWS:
        return ""
    return f"{['no rows', 'one row'][n] if n < 2 else f'only {n} rows'} on side {side}"


def _note_what_groups_change(metrics: Sequence[Metric], found: dict[int, _Figures]) -> None:
    """Say in the notes of a metric within groups where it tells another story than without them."""
    by_symbol = {metric.symbol: found[id(metric)] for metric in metrics}
    for metric in metrics:
        whole, within = by_symbol.get(metric.without_groups), found[id(metric)]
        if whole is None:
            continue
        for i in range(len(within.notes)):
            change = _change_within_groups(whole, within, i)
            if change:
                told = f"the disparity of {metric.without_groups} {change} within groups"
                within.notes[i] = "; ".join(filter(None, [told, within.notes[i]]))


def _change_within_groups(whole: _Figures, within: _Figures, i: int) -> str:
    sign = np.sign(whole.estimate[i])
    if np.isnan(whole.low[i]) or whole.low[i] <= 0 <= whole.high[i]:
        return ""
    if within.low[i] <= 0 <= within.high[i]:
        return "disappears"
    return "reverses" if np.sign(within.estimate[i]) == -sign else ""


def _known_axes(metric: Metric, roles: Roles) -> tuple[str, ...]:
    """Axes on which a row's value must be known for the row to count in a metric.

    The label counts for every metric, so that all pre-training metrics speak of the same rows.
    """
    needed = {*metric.needs, *({"label"} if roles.label is not None else ())}
    return tuple(axis for axis in ("label", "predicted", "group") if axis in needed)


def _not_given(metric: Metric, roles: Roles) -> list[str]:
    parts = ("label", "predicted", "group", "features")
    return [part for part in parts if part in metric.needs and getattr(roles, part) is None]
