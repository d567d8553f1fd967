"""Thresholds that surely keep a limit, and what each costs in accuracy."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from biaskit.counts.comparisons import positive_labels
from biaskit.counts.counts import Counts
from biaskit.counts.levels import MISSING
from biaskit.counts.roles import RoleArguments, Roles, takes_roles
from biaskit.counts.tables import divide
from biaskit.errors import RolesError, refuse_level
from biaskit.gate.limits import Limit, limits_of
from biaskit.metrics import Metric
from biaskit.metrics.forms import Array
from biaskit.progress import Asked as Showing
from biaskit.scores.cuts import cuts_of
from biaskit.scores.given import scored_counts
from biaskit.scores.sweep import SweepRow, columns_of, sweep_rows
from biaskit.sources.files.dialect import dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ThresholdRow", "threshold", "threshold_rows"]


class ThresholdRow(NamedTuple):
    """One threshold; the fields are the columns."""

    threshold: float
    holds: bool
    facet: str
    value: str
    metric: str
    estimate: float
    low: float
    high: float
    limit_low: float
    limit_high: float
    selection_rate: float
    accuracy: float
    accuracy_lost: float
    note: str


@takes_roles
def threshold(
    data: Any,
    roles: Roles | None = None,
    *,
    limit: Mapping[str | Metric, Any],
    thresholds: int | float | Iterable[float] = 101,
    confidence: float = 0.95,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: Showing = None,
    **given: Unpack[RoleArguments],
) -> pd.DataFrame:
    """Table of thresholds: at which of them a limit surely holds, and what that costs.

    Every facet value has the same threshold: docs/scores.md says why.

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
    limit
        By metric, the distance from parity that is allowed (``{"DPPL": 0.05}``), or a range
        (``{"DI": [0.8, 1.25]}``), as for `biaskit.check`.
    thresholds
        Number of thresholds, spread evenly over the range of the scores, or the thresholds.
    confidence
        Chance that no threshold is wrongly said to keep the limits. The intervals hold at all
        thresholds at once, so any of them may be chosen.
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
        A row per threshold: whether every limit surely ``holds`` there for every facet value; the
        ``facet, value, metric`` that is nearest to breaching its limit or farthest beyond it, with
        its ``estimate, low, high, limit_low, limit_high``; the share of rows above the threshold
        (``selection_rate``) and, where there is a label, the share of right decisions
        (``accuracy``) and how much less that is than at the best of the thresholds
        (``accuracy_lost``), all over every row with a known label and score.

    Raises
    ------
    RolesError
        There is no score, a limit is invalid, or its metric does not depend on decisions.
    DataError
        The data cannot be read, or a column is not what its role needs.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> scores = [k / 1000 for k in range(1000)]
    >>> df = pd.DataFrame({"sex": ["F"] * 1000 + ["M"] * 1000,
    ...                    "score": [*scores, *(one ** 0.5 for one in scores)]})
    >>> made = biaskit.threshold(df, facet="sex", facet_values="F", score="score",
    ...                          thresholds=5, limit={"DPPL": 0.2})
    >>> made[["threshold", "holds", "estimate", "selection_rate"]].round(3)
       threshold  holds  estimate  selection_rate
    0       0.00   True     0.000           0.999
    1       0.25  False     0.188           0.843
    2       0.50  False     0.250           0.624
    3       0.75  False     0.188           0.343
    4       1.00   True     0.000           0.000
    """
    refuse_level(confidence)
    limits = limits_of(limit)
    dialect = dialect_of(csv, input_format, sheet)
    counts = scored_counts(data, roles, dialect, filesystem, progress, given)
    rows = threshold_rows(counts, limits, thresholds, confidence)
    return formats.frame(columns_of(ThresholdRow, rows))


def threshold_rows(
    counts: Counts, limits: Sequence[Limit], thresholds: Any = 101, confidence: float = 0.95
) -> list[ThresholdRow]:
    """Rows of `threshold` on some counts of scores, as plain records."""
    metrics = [one.metric for one in limits]
    if of_rows := next((one.symbol for one in metrics if one.is_of_rows), None):
        raise RolesError(f"{of_rows} compares rows, which counts of scores do not keep")
    swept = sweep_rows(counts, thresholds, metrics, confidence, together=True, tests=False)
    by_threshold: dict[float, list[SweepRow]] = defaultdict(list)
    for row in swept:
        by_threshold[row.threshold].append(row)
    allowed = {one.metric.symbol: one for one in limits}
    selected, accuracy = _of_all_rows(counts, [*by_threshold])
    known = accuracy[~np.isnan(accuracy)]
    lost = (known.max() if len(known) else math.nan) - accuracy
    made = []
    for (at, rows), *overall in zip(
        by_threshold.items(), selected.tolist(), accuracy.tolist(), lost.tolist(), strict=True
    ):
        beyond = [_beyond(row, allowed[row.metric]) for row in rows]
        i = beyond.index(max(beyond))
        row, limit = rows[i], allowed[rows[i].metric]
        held = [row.facet, row.value, row.metric, row.estimate, row.low, row.high]
        ends = [limit.low, limit.high]
        made.append(ThresholdRow._make([at, beyond[i] <= 0, *held, *ends, *overall, row.note]))
    return made


def _beyond(row: SweepRow, limit: Limit) -> float:
    """How far the interval of a row reaches beyond its limit, in widths of the limit."""
    if math.isnan(row.low) or math.isnan(row.high):
        return math.inf
    least, most = limit.metric.bounds
    gaps = [
        row.high - limit.high if limit.high < most else -math.inf,
        limit.low - row.low if limit.low > least else -math.inf,
    ]
    width = limit.high - limit.low
    return max(gaps) / (width if 0 < width < math.inf else 1.0)


def _of_all_rows(counts: Counts, thresholds: Sequence[float]) -> tuple[Array, Array]:
    """Share of rows above each threshold, and of right decisions, over all facet values."""
    table, roles = next(iter(counts.scores.values())), counts.roles
    cuts = cuts_of(table, thresholds)
    counted = np.array([roles.label is None or level is not MISSING for level in table.label])
    below = np.where(counted[:, np.newaxis, np.newaxis], cuts.below, 0).sum(axis=(0, 2))
    every = np.where(counted[:, np.newaxis], cuts.known, 0).sum(axis=(0, 2))
    above = every[:, np.newaxis] - below
    selected = divide(above.sum(axis=0), every.sum())[cuts.place]
    if roles.label is None:
        return selected, np.full(len(thresholds), np.nan)
    labels = positive_labels(counts.tables[roles.facet[0]].levels, roles)
    if labels is None:
        return selected, np.full(len(thresholds), np.nan)
    positive = np.array([level in labels for level in table.label])[:, np.newaxis]
    right = np.where(positive, above, below).sum(axis=0)
    return selected, divide(right, every.sum())[cuts.place]
