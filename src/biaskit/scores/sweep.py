"""Sweeps: every metric of a model's decisions at every threshold, from scores counted once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Unpack

import numpy as np
from numpy.typing import NDArray

from biaskit import metrics as room
from biaskit.counts.counts import Counts, deciding
from biaskit.counts.facets import Facet
from biaskit.counts.roles import RoleArguments, Roles, takes_roles
from biaskit.counts.scores import ScoreTable
from biaskit.errors import RolesError, refuse_level
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
from biaskit.reports.scored import note_on_range, refuse_another_range
from biaskit.scores.classes import joined
from biaskit.scores.cuts import Cuts, Split, cuts_of, off_by, thresholds_of
from biaskit.scores.given import refuse_no_scores, scored_counts
from biaskit.sources.files.dialect import dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SweepRow", "columns_of", "sweep", "sweep_rows"]

# Values of one name in all rows: numbers in an array, texts in a list.
_Column: TypeAlias = NDArray[Any] | list[Any]
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

    def columns(given: RoleArguments) -> dict[str, _Column]:
        counts = scored_counts(data, roles, dialect, filesystem, progress, given)
        return _columns(counts, thresholds, asked, Asked(confidence, 0), together=together)

    if scores is not None:
        return formats.frame(joined(scores, data, roles, given, columns))
    return formats.frame(columns(given))


def columns_of(kind: type[Any], rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Columns of rows of some kind, by name."""
    columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in kind._fields)
    return dict(zip(kind._fields, columns, strict=True))


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
    lists = (one.tolist() if isinstance(one, np.ndarray) else one for one in columns.values())
    return [*map(SweepRow._make, zip(*lists, strict=True))]


def _columns(
    counts: Counts,
    thresholds: Any,
    metrics: Sequence[Metric] | None,
    asked: Asked,
    *,
    together: bool,
) -> dict[str, _Column]:
    """Columns of a sweep by name, in which thousands of rows are made without a record for each."""
    edges = counts.roles.score_edges
    if edges is None:
        refuse_no_scores(counts.roles)
        return {name: [] for name in SweepRow._fields}
    chosen = thresholds_of(thresholds, edges)
    roles = deciding(counts.roles, chosen[0])
    metrics = _of_decisions(roles, metrics)
    parts = [
        _of_facet(facet, counts.scores[facet], roles, chosen, metrics, asked, together=together)
        for facet in roles.facet
    ]
    return {name: _one_column([part[name] for part in parts]) for name in SweepRow._fields}


def _one_column(parts: Sequence[_Column]) -> _Column:
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return [one for part in parts for one in part]


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
) -> dict[str, _Column]:
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
    told = _arranged(np.array([notes[one] for one in metrics], dtype=object), cuts, values)
    if beyond := note_on_range(table):
        told = np.array([*map(_with(beyond), told.ravel())], dtype=object).reshape(told.shape)
    for i, metric in enumerate(metrics):
        for j, most in off[metric].items():
            _add_doubt(told[:, i, j], found[metric], most, cuts.place[j])
    return _laid_out(of, cuts, metrics, found, told, asked.confidence, times)


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


def _laid_out(
    of: Compared,
    cuts: Cuts,
    metrics: Sequence[Metric],
    found: Mapping[Metric, Sequence[Numbers]],
    told: NDArray[Any],
    level: float | None,
    times: int,
) -> dict[str, _Column]:
    """Columns by name, from numbers and notes; a p-value counts so many times."""
    names, at = of.comparisons.names, cuts.thresholds

    def numbers(name: str) -> NDArray[Any]:
        each = [[getattr(part, name) for part in found[one]] for one in metrics]
        joined = [parts[0] if len(parts) == 1 else np.concatenate(parts, -1) for parts in each]
        return _arranged(np.array(joined), cuts, len(names))

    rates = numbers("rates")
    n_a, n_d, n_other = map(numbers, ("n_a", "n_d", "n_other"))
    made: list[NDArray[Any]] = [
        *map(numbers, ("estimate", "low", "high")),
        np.minimum(numbers("p_value") * times, 1.0),
        np.full(told.shape, math.nan if level is None else level),
        *(rates[..., k, :] for k in range(4)),
        *(n_a, n_d, of.table.rows - n_a - n_d - n_other, n_other),
    ]
    texts: list[list[str]] = [
        [one.stage for one in metrics for _ in at] * len(names),
        [of.facet.name] * told.size,
        [name for name in names for _ in range(len(metrics) * len(at))],
        [one.symbol for one in metrics for _ in at] * len(names),
    ]
    every: list[_Column] = [
        *texts,
        np.tile(at, len(names) * len(metrics)),
        *(one.ravel() for one in made),
        told.ravel().tolist(),
    ]
    return dict(zip(SweepRow._fields, every, strict=True))


def _arranged(of_decisions: NDArray[Any], cuts: Cuts, values: int) -> NDArray[Any]:
    """What decisions have, by facet value, metric (and more) and threshold.

    The last axis has the decisions, one after another, each with the facet values.
    """
    parts = of_decisions.reshape(*of_decisions.shape[:-1], -1, values)
    return np.moveaxis(parts[..., cuts.place, :], -1, 0)


def _add_doubt(
    notes: NDArray[Any], found: Sequence[Numbers], most: Array, decision: np.intp
) -> None:
    """Say of each facet value by how much its estimate may be off, at one threshold."""
    estimates = np.concatenate([part.estimate for part in found]).reshape(-1, len(most))
    for i, (estimate, off) in enumerate(zip(estimates[decision], most.tolist(), strict=True)):
        if not math.isnan(estimate):
            notes[i] = _with(_told(off))(notes[i])


def _with(more: str) -> Callable[[str], str]:
    """What adds some words to a note."""
    return lambda note: "; ".join(filter(None, [note, more]))


def _told(worst: float) -> str:
    if not worst:
        return ""
    by = f"be off by up to {worst:.2g}" if math.isfinite(worst) else "be off without a bound"
    return f"the threshold lies within a bin of scores, so the estimate may {by}"
