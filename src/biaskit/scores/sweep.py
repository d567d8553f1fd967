"""Sweeps: every metric of a model's decisions at every threshold, from scores counted once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Unpack

import numpy as np

from biaskit import metrics as room
from biaskit.counts.counts import Counts, deciding
from biaskit.counts.facets import Facet
from biaskit.counts.roles import RoleArguments, Roles, takes_roles
from biaskit.counts.scores import ScoreTable
from biaskit.errors import DataError, RolesError, refuse_level
from biaskit.metrics import FROM_ROWS, METRICS, Metric
from biaskit.metrics.forms import Array
from biaskit.progress import Asked as Showing
from biaskit.reports.notes import NOT_COMPUTED, notes_of
from biaskit.reports.numbers import (
    Asked,
    Compared,
    Numbers,
    compared,
    known_axes,
    not_given,
    numbers_of,
)
from biaskit.reports.scored import refuse_another_range
from biaskit.scores.classes import joined
from biaskit.scores.cuts import Cuts, Split, cuts_of, off_by, thresholds_of
from biaskit.sources.counting import counts_given
from biaskit.sources.files.dialect import Dialect, dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SweepRow",
    "columns_of",
    "refuse_no_scores",
    "scored_counts",
    "sweep",
    "sweep_rows",
]

# Columns of some rows.
_Part: TypeAlias = Sequence[Sequence[Any]]
# Comparisons that are made at once, whatever the number of thresholds and facet values.
_AT_ONCE = 4_000


class SweepRow(NamedTuple):
    """One row of a sweep; the fields are the columns: those of a report, and the threshold."""

    stage: str
    facet: str
    value: str
    metric: str
    threshold: float
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


@takes_roles
def sweep(
    data: Any,
    roles: Roles | None = None,
    *,
    thresholds: int | float | Iterable[float] = 101,
    metrics: Iterable[str | Metric] | str | None = None,
    confidence: float | None = 0.95,
    together: bool = False,
    scores: Mapping[Any, str] | None = None,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: Showing = None,
    **given: Unpack[RoleArguments],
) -> pd.DataFrame:
    """Tidy table of every post-training metric at every threshold of a score.

    At a threshold, the scores above it are the positive predictions, as with `predicted_above`.

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes, or a `Counts` with scores (or the path of a saved one).
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
predicted_positive, facet_values, reference, facet_above, facet_at_most, facet_edges, score, \
score_range, features
        The roles of the columns, as `Roles` takes them; `score` is needed.
    thresholds
        Number of thresholds, spread evenly over the range of the scores, or the thresholds.
    metrics
        Symbols or metrics; by default every post-training metric whose columns are given.
    confidence
        Level of the intervals, between 0 and 1; None for a sweep without them.
    together
        Whether the intervals of a metric hold at all thresholds at once, so that any of them may be
        chosen afterwards. Each then has the level ``1 - (1 - confidence) / k`` for the ``k``
        thresholds that decide differently, and a p-value is multiplied by ``k``.
    scores
        For a label of several classes, the column of scores of each: ``{"A": "p_a", "B": "p_b"}``,
        in place of `score` and `positive`. Each class is compared with the rest, in a pass of its
        own, and the first column, ``class``, says which it is.
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
        The columns of `biaskit.report`, and ``threshold``: a row per facet, facet value (as d),
        metric and threshold, in this order. Each row is the one that `biaskit.report` has with
        ``predicted_above=threshold``. Where a threshold lies between two edges of the bins in which
        scores are counted, the row is that of the nearest edge, and its note says by how much the
        estimate may be off.

    Raises
    ------
    RolesError
        There is no score, a metric does not depend on decisions, or the roles contradict each
        other.
    DataError
        The data cannot be read, or a column is not what its role needs.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "F", "M", "M"], "score": [0.2, 0.6, 0.5, 0.9]})
    >>> made = biaskit.sweep(df, facet="sex", facet_values="F", score="score", metrics="DPPL",
    ...                      thresholds=[0.3, 0.55, 0.7], confidence=None)
    >>> made[["metric", "threshold", "estimate", "rate_a", "rate_d"]]
      metric  threshold  estimate  rate_a  rate_d
    0   DPPL       0.30       0.5     1.0     0.5
    1   DPPL       0.55       0.0     0.5     0.5
    2   DPPL       0.70       0.5     0.5     0.0
    """
    asked = room.chosen(metrics)
    dialect = dialect_of(csv, input_format, sheet)
    if confidence is not None:
        refuse_level(confidence)

    def columns(given: RoleArguments) -> dict[str, list[Any]]:
        counts = scored_counts(data, roles, dialect, filesystem, progress, given)
        return _columns(counts, thresholds, asked, Asked(confidence, 0), together=together)

    if scores is not None:
        return formats.frame(joined(scores, data, roles, given, columns))
    return formats.frame(columns(given))


def columns_of(kind: type[Any], rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Columns of rows of some kind, by name."""
    columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in kind._fields)
    return dict(zip(kind._fields, columns, strict=True))


def scored_counts(
    data: Any,
    roles: Roles | None,
    dialect: Dialect | None,
    filesystem: Any,
    progress: Showing,
    given: RoleArguments,
) -> Counts:
    """Counts of scores of whatever a call names: rows are counted, saved counts are loaded."""
    counts = counts_given(
        *(data, roles, given),
        dialect=dialect,
        filesystem=filesystem,
        progress=progress,
        refuse=refuse_no_scores,
    )
    refuse_no_scores(counts.roles)
    if not counts.rows:
        raise DataError("there are no rows, so there are no scores; is the table empty?")
    return counts


def refuse_no_scores(roles: Roles) -> None:
    """Refuse roles without a score.

    Raises
    ------
    RolesError
        They have no score.
    """
    if roles.score is None:
        raise RolesError(
            "score is needed: the column of the model's scores. Counts that were saved without a "
            "score have to be counted again with it"
        )


def sweep_rows(
    counts: Counts,
    thresholds: Any = 101,
    metrics: Sequence[Metric] | None = None,
    confidence: float | None = 0.95,
    *,
    together: bool = False,
    tests: bool = True,
) -> list[SweepRow]:
    """Rows of `sweep` on some counts of scores, as plain records.

    Without `tests` there are no p-values, which take most of the time.
    """
    asked = Asked(confidence, 0, tests)
    columns = _columns(counts, thresholds, metrics, asked, together=together)
    return [*map(SweepRow._make, zip(*columns.values(), strict=True))]


def _columns(
    counts: Counts,
    thresholds: Any,
    metrics: Sequence[Metric] | None,
    asked: Asked,
    *,
    together: bool,
) -> dict[str, list[Any]]:
    """Columns of a sweep by name, in which thousands of rows are made without a record for each."""
    made: dict[str, list[Any]] = {name: [] for name in SweepRow._fields}
    edges = counts.roles.score_edges
    if edges is None:
        refuse_no_scores(counts.roles)
        return made
    chosen = thresholds_of(thresholds, edges)
    roles = deciding(counts.roles, chosen[0])
    metrics = _of_decisions(roles, metrics)
    for facet in roles.facet:
        table = counts.scores[facet]
        for part in _of_facet(facet, table, roles, chosen, metrics, asked, together=together):
            for column, values in zip(made.values(), part, strict=True):
                column.extend(values)
    return made


def _of_decisions(roles: Roles, metrics: Sequence[Metric] | None) -> list[Metric]:
    """Metrics of a sweep: those asked, or every one of decisions whose columns are given.

    Raises
    ------
    RolesError
        A metric asked does not depend on decisions.
    """
    if metrics is None:
        known = (*METRICS.values(), *FROM_ROWS.values())
        return [
            one
            for one in known
            if "predicted" in one.needs and (one.is_of_rows or not not_given(one, roles))
        ]
    for one in metrics:
        if "predicted" not in one.needs:
            raise RolesError(
                f"{one.symbol} does not depend on decisions, so it is the same at every threshold; "
                "biaskit.report has it"
            )
    return [*metrics]


def _of_facet(
    facet: Facet,
    table: ScoreTable,
    roles: Roles,
    thresholds: Sequence[float],
    metrics: Sequence[Metric],
    asked: Asked,
    *,
    together: bool,
) -> Iterator[_Part]:
    """Columns of one facet: value by value, metric by metric, threshold by threshold."""
    if (roles.reference or {}).get(facet) == "highest":
        raise RolesError(
            f"reference='highest' of {facet.name!r} may be another value at each threshold; name "
            "the value that is the reference"
        )
    refuse_another_range(table, roles)
    of = compared(Counts(roles, {facet: table.cut_at(0)}, table.rows), facet, metrics)
    cuts = cuts_of(table, thresholds)
    times = cuts.decisions if together else 1
    if asked.confidence is not None and together:
        asked = asked._replace(confidence=1 - (1 - asked.confidence) / times)
    values = len(of.comparisons.names)
    of_counts = [one for one in metrics if not one.is_of_rows]
    of_rows = [one for one in metrics if one.is_of_rows]
    off = {
        one: {j: off_by(cuts, table, of, one, j) for j in cuts.unsure if not one.is_of_rows}
        for one in metrics
    }
    found: dict[Metric, list[Numbers]] = {one: [] for one in metrics}
    notes: dict[Metric, list[str]] = {one: [] for one in metrics}
    step = max(_AT_ONCE // values, 1)
    for start in range(0, cuts.decisions, step):
        part = _decided(cuts, table, of, metrics, slice(start, start + step))
        numbers = numbers_of(of_counts, part, asked, None)
        for one in of_counts:
            notes[one] += notes_of(one, numbers, part, asked)
        numbers |= numbers_of(of_rows, part, Asked(None, seed=0), None)
        for one in of_rows:
            notes[one] += [_NEEDS_ROWS] * len(part.comparisons.names)
        for one in metrics:
            found[one].append(numbers[one])
    for i, value in enumerate(of.comparisons.names):
        for metric in metrics:
            curve = _Curve(of, cuts, metric, value, i, values, asked.confidence, times, off[metric])
            yield _part(found[metric], notes[metric], curve)


_NEEDS_ROWS = (
    f"{NOT_COMPUTED}: it compares rows, which counts of scores do not keep; biaskit.report on the "
    "rows has it at one threshold, with predicted_above= and features="
)


def _decided(
    cuts: Cuts, table: ScoreTable, of: Compared, metrics: Sequence[Metric], which: slice
) -> Compared:
    """Comparisons of some decisions: those of a facet once for each decision."""
    below = cuts.below[..., which]
    names = of.comparisons.names * below.shape[-1]
    made = of._replace(comparisons=replace(of.comparisons, names=names), made={})
    for metric in metrics:
        known = known_axes(metric, of.roles)
        if known not in made.made:
            made.made[known] = Split(table, of, metric).sides(below, cuts.known)
    return made


class _Curve(NamedTuple):
    """A metric of one facet value over the thresholds."""

    of: Compared
    cuts: Cuts
    metric: Metric
    value: str
    #: Which comparison it is, and out of how many.
    i: int
    values: int
    level: float | None
    #: How often a p-value counts.
    times: int
    #: How far the estimates at thresholds within a bin may be off, by threshold and comparison.
    off: Mapping[int, Array]


def _part(found: Sequence[Numbers], notes: Sequence[str], curve: _Curve) -> _Part:
    """Columns of one curve, in the order of `SweepRow`."""
    own, place = slice(curve.i, None, curve.values), curve.cuts.place

    def at_each(name: str) -> Any:
        """Numbers of the value, threshold by threshold, on the last axis."""
        arrays = [getattr(one, name) for one in found]
        every = arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=-1)
        return np.asarray(every)[..., own][..., place]

    estimate, low, high, p = map(at_each, ("estimate", "low", "high", "p_value"))
    n_a, n_d, n_other = map(at_each, ("n_a", "n_d", "n_other"))
    numbers = np.stack([estimate, low, high, np.minimum(p * curve.times, 1.0)]).tolist()
    rows = np.stack([n_a, n_d, curve.of.table.rows - n_a - n_d - n_other, n_other]).tolist()
    told = [notes[own][at] for at in place.tolist()]
    for j, off in curve.off.items():
        if not math.isnan(estimate[j]):
            told[j] = "; ".join(filter(None, [told[j], _told(float(off[curve.i]))]))
    times = len(told)
    first = (curve.metric.stage, curve.of.facet.name, curve.value, curve.metric.symbol)
    level = math.nan if curve.level is None else curve.level
    return (
        *([one] * times for one in first),
        curve.cuts.thresholds,
        *(*numbers, [level] * times, *at_each("rates").tolist()),
        *(*rows, told),
    )


def _told(worst: float) -> str:
    if not worst:
        return ""
    by = f"be off by up to {worst:.2g}" if math.isfinite(worst) else "be off without a bound"
    return f"the threshold lies within a bin of scores, so the estimate may {by}"
