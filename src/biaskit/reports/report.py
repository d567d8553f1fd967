"""Reports: from counts to one row per facet value and metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from biaskit import metrics as room
from biaskit import progress as telling
from biaskit.counts.comparisons import positive_labels
from biaskit.counts.counts import Counts
from biaskit.counts.levels import show
from biaskit.counts.roles import RoleArguments, Roles, roles_of, takes_roles
from biaskit.errors import DataError, refuse_level, refuse_missing, refuse_seed
from biaskit.metrics import USUAL, Metric, needs_rows
from biaskit.reports.notes import notes_of
from biaskit.reports.numbers import Asked, Compared, Numbers, compared, not_given, numbers_of
from biaskit.sources.counting import counted
from biaskit.sources.dispatch import opened
from biaskit.sources.files.dialect import dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

    from biaskit.sources.sample import Sample

__all__ = [
    "Measured",
    "Row",
    "columns_of",
    "measured",
    "refuse_choices",
    "report",
    "report_rows",
    "what_is_compared",
    "what_was_read",
]


# Columns of what a metric may be, whatever the counts truly are.
_EXTREMES = ("least", "most")


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
    n_other: int
    note: str
    #: Least and greatest value, whatever the counts truly are; NaN where they are taken as exact.
    least: float = math.nan
    most: float = math.nan


class Measured(NamedTuple):
    """A row of a report, with the numbers that it is part of."""

    row: Row
    metric: Metric
    numbers: Numbers
    #: Which comparison of the metric's numbers it is.
    at: int


@takes_roles
def report(
    data: Any,
    roles: Roles | None = None,
    *,
    metrics: Iterable[str | Metric] | str | None = None,
    confidence: float | None = 0.95,
    seed: int = 0,
    missing: str | None = None,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: telling.Asked = None,
    **given: Unpack[RoleArguments],
) -> pd.DataFrame:
    """Tidy table of every metric for every facet value.

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes, or a `Counts` (or the path of a saved one), which
        brings its roles along; `facet`, `positive`, `facet_values` and `reference` may then be
        chosen again.
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
predicted_positive, facet_values, reference, facet_above, facet_at_most, facet_edges, score, \
score_range, features
        The roles of the columns, as `Roles` takes them.
    metrics
        Symbols or metrics; by default every metric whose columns are given, but those that a report
        has only where they are named (docs/impact.md).
    confidence
        Level of the intervals, between 0 and 1; None for a report without them.
    seed
        Seed of the random draws for intervals of metrics of your own that do not declare their
        proportions; no other number depends on it.
    missing
        ``"bounds"``: rows whose facet is missing may be on either side. The report then has the
        columns ``least`` and ``most``, between which a metric lies whatever their facet is, and
        ``low`` and ``high`` hold for all of that. By default those rows are left out.
    csv
        How CSV files are written, as for `biaskit.count`.
    input_format, sheet
        Format of the files, and the sheet of a workbook, as for `biaskit.count`.
    filesystem
        Filesystem of pyarrow or fsspec that holds the paths.
    progress
        Whether a bar shows how far the call is, or a function that is told, as for `biaskit.count`.

    Returns
    -------
    pandas.DataFrame
        A row per facet, facet value (as d) and metric, with the columns ``stage, facet, value,
        metric, estimate, low, high, p_value, confidence, rate_a, rate_d, of_a, of_d, n_a, n_d,
        n_missing, n_other, note``. ``low`` and ``high`` are the ends of the interval at level
        ``confidence``, ``p_value`` that of the test of parity (docs/intervals.md). Where a metric
        compares two proportions, ``rate_a`` and ``rate_d`` are those, and ``of_a`` and ``of_d`` the
        rows that they are taken of (for weighted rows, the effective number); elsewhere NaN. ``n_a
        + n_d + n_missing + n_other`` is the number of rows read; with `reference`, the rows of
        third values are ``n_other``. The reference has no row of its own. What is undefined is NaN
        and ``note`` says why; what is infinite is infinite. Reports on protected counts have
        ``least`` and ``most``, too: a metric lies between them whatever the exact counts are.

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
    refuse_choices(confidence, seed, missing)
    dialect = dialect_of(csv, input_format, sheet)
    table = opened(data, filesystem, dialect)
    if isinstance(table, Counts):
        chosen = given if roles is None else roles_of(roles, given).given()
        counts, sample = table.choosing(**chosen), None
    else:
        roles = roles_of(roles, given)
        keep_rows = needs_rows(roles, asked)
        with telling.told(progress) as tell:
            counts, sample = counted(
                table,
                roles,
                keep_rows=keep_rows,
                progress=tell,
                filesystem=filesystem,
                dialect=dialect,
            )
    rows = report_rows(counts, asked, confidence, seed, sample, missing=missing)
    names = columns_of(counts, missing)
    return formats.frame({name: [getattr(row, name) for row in rows] for name in names})


def columns_of(counts: Counts, missing: str | None = None) -> tuple[str, ...]:
    """Columns of a report on some counts: the extremes only where they can differ."""
    names = [name for name in Row._fields if name not in _EXTREMES]
    if missing is not None or counts.protected is not None:
        at = names.index("high") + 1
        names[at:at] = _EXTREMES
    return tuple(names)


def report_rows(
    counts: Counts,
    metrics: Sequence[Metric] | None = None,
    confidence: float | None = 0.95,
    seed: int = 0,
    sample: Sample | None = None,
    *,
    missing: str | None = None,
) -> list[Row]:
    """Rows of the report on some counts, as plain records.

    With `metrics` None, every usual metric whose roles are given runs. `sample` has the rows of FT.
    """
    found = measured(counts, metrics, confidence, seed, sample, missing=missing)
    return [one.row for one in found]


def measured(
    counts: Counts,
    metrics: Sequence[Metric] | None = None,
    confidence: float | None = 0.95,
    seed: int = 0,
    sample: Sample | None = None,
    *,
    tests: bool = True,
    missing: str | None = None,
) -> list[Measured]:
    """Rows of `report_rows`, each with its evidence at other levels.

    Without `tests` there are no p-values, which take most of the time.
    """
    refuse_choices(confidence, seed, missing)
    if not counts.rows:
        raise DataError("there are no rows, so there is nothing to report; is the table empty?")
    roles, asked = counts.roles, Asked(confidence, seed, tests)
    if metrics is None:
        metrics = [one for one in USUAL.values() if not not_given(one, roles)]
    made: list[Measured] = []
    for facet in roles.facet:
        of = compared(counts, facet, metrics, bounds=missing is not None)
        made += _of_facet(metrics, of, asked, sample)
    return made


def _of_facet(
    metrics: Sequence[Metric], of: Compared, asked: Asked, sample: Sample | None
) -> list[Measured]:
    """Rows of one facet, comparison by comparison."""
    found = numbers_of(metrics, of, asked, sample)
    by_metric = [
        (
            metric,
            found[metric],
            _rows(metric, found[metric], notes_of(metric, found, of, asked), of, asked),
        )
        for metric in metrics
    ]
    return [
        Measured(rows[i], metric, numbers, i)
        for i in range(len(of.comparisons.names))
        for metric, numbers, rows in by_metric
    ]


def _rows(
    metric: Metric, numbers: Numbers, notes: Sequence[str], of: Compared, asked: Asked
) -> list[Row]:
    """Rows of a metric, one for each comparison."""
    own = numbers.estimate, numbers.low, numbers.high, numbers.p_value
    total = of.table.rows
    extremes = numbers.range
    if extremes is None:
        extremes = np.full((2, len(numbers.estimate)), np.nan)
    level = math.nan if asked.confidence is None else asked.confidence
    return [
        Row._make(
            [
                *(metric.stage, of.facet.name, value, metric.symbol),
                *(*ends_and_p, level, *rates),
                *(n_a, n_d, total - n_a - n_d - n_other, n_other, note, *ends),
            ]
        )
        for value, ends_and_p, rates, n_a, n_d, n_other, note, ends in zip(
            of.comparisons.names,
            np.stack(own, axis=1).tolist(),
            numbers.rates.T.tolist(),
            numbers.n_a.tolist(),
            numbers.n_d.tolist(),
            numbers.n_other.tolist(),
            notes,
            extremes.T.tolist(),
            strict=True,
        )
    ]


def refuse_choices(confidence: float | None, seed: int, missing: str | None = None) -> None:
    """Refuse an invalid level, seed or way with missing facets; callers do so before the pass."""
    refuse_missing(missing)
    if confidence is not None:  # for a report without intervals
        refuse_level(confidence)
    refuse_seed(seed)


def what_is_compared(counts: Counts) -> str:
    """One line on what a report is about: how many rows, which outcome, which sides."""
    other = "its reference" if counts.roles.reference else "every other known value"
    return f"{what_was_read(counts)}; side d is the value in the row, side a {other}"


def what_was_read(counts: Counts) -> str:
    """How many rows were read, which outcome is positive, and what the rows weigh, in one line."""
    about = "" if counts.protected is None else "about "
    parts, roles = [f"{about}{counts.rows:,} rows"], counts.roles
    table = next(iter(counts.shown_tables.values()))
    if positive := positive_labels(table.levels, roles):
        parts.append(f"positive is {roles.label} = {' or '.join(show(a) for a in positive)}")
    if roles.weight is not None:
        parts.append(f"weighted by {roles.weight}")
    if roles.frequency is not None:
        parts.append(f"repeated by {roles.frequency}")
    if counts.protected is not None:
        parts.append(counts.protected.text)
    return "; ".join(parts)
