"""Calibration: mean score and share of positive labels in each band of scores, by facet value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.comparisons import positive_labels, positive_unsaid
from biaskit.counts.counts import Counts
from biaskit.counts.edges import Edges
from biaskit.counts.facets import Facet
from biaskit.counts.levels import MISSING, show
from biaskit.counts.roles import RoleArguments, Roles, takes_roles
from biaskit.counts.tables import divide
from biaskit.errors import RolesError, refuse_level
from biaskit.intervals.proportions import jeffreys
from biaskit.progress import Asked as Showing
from biaskit.scores.classes import joined
from biaskit.scores.given import scored_counts
from biaskit.scores.sweep import columns_of
from biaskit.sources.files.dialect import dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ALL", "CalibrationRow", "calibration", "calibration_rows", "refuse_bands"]

_MOST_BANDS = 100
#: What a row over all facet values has in place of one.
ALL = "(all)"


class CalibrationRow(NamedTuple):
    """One band of scores of one facet value; the fields are the columns."""

    facet: str
    value: str
    above: float
    up_to: float
    n: int
    mean_score: float
    positive: float
    low: float
    high: float


@takes_roles
def calibration(
    data: Any,
    roles: Roles | None = None,
    *,
    bins: int = 10,
    confidence: float = 0.95,
    scores: Mapping[Any, str] | None = None,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: Showing = None,
    **given: Unpack[RoleArguments],
) -> pd.DataFrame:
    """Reliability table: what was predicted and what came true, in bands of scores.

    Where scores are chances, a band's share of positive labels is its mean score but for chance.

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes, or a `Counts` with scores (or the path of a saved one).
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
predicted_positive, facet_values, reference, facet_above, facet_at_most, facet_edges, score, \
score_range, features
        The roles of the columns, as `Roles` takes them; `score` and `label` are needed.
    bins
        Number of bands of equal width that the range of the scores is cut into.
    confidence
        Level of the intervals, between 0 and 1.
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
        A row per facet, facet value (and all of them together, ``(all)``) and band with rows:
        scores ``above`` the lower end of the band, ``up_to`` the upper one (the lowest score is in
        the first band); the rows ``n`` with a known label, their ``mean_score``, the share whose
        label is ``positive``, and the ends of its interval ``low`` and ``high``, by Jeffreys. Where
        scores lie beyond their range, the bands below and above it are infinite.

    Raises
    ------
    RolesError
        There is no score or no label, or it is unknown which labels are positive.
    DataError
        The data cannot be read, or a column is not what its role needs.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "F", "M", "M"], "hired": [0, 1, 1, 1],
    ...                    "score": [0.2, 0.6, 0.7, 0.9]})
    >>> made = biaskit.calibration(df, facet="sex", label="hired", score="score", bins=2)
    >>> made[["value", "above", "up_to", "n", "mean_score", "positive"]].round(3)
       value  above  up_to  n  mean_score  positive
    0      F    0.0    0.5  1       0.200       0.0
    1      F    0.5    1.0  1       0.600       1.0
    2      M    0.5    1.0  2       0.800       1.0
    3  (all)    0.0    0.5  1       0.200       0.0
    4  (all)    0.5    1.0  3       0.733       1.0
    """
    refuse_level(confidence)
    refuse_bands(bins)
    dialect = dialect_of(csv, input_format, sheet)

    def columns(given: RoleArguments) -> dict[str, list[Any]]:
        counts = scored_counts(data, roles, dialect, filesystem, progress, given)
        return columns_of(CalibrationRow, calibration_rows(counts, bins, confidence))

    if scores is not None:
        return formats.frame(joined(scores, data, roles, given, columns))
    return formats.frame(columns(given))


def refuse_bands(bins: Any) -> None:
    """Refuse an invalid number of bands."""
    if not isinstance(bins, int) or isinstance(bins, bool) or not 1 <= bins <= _MOST_BANDS:
        raise RolesError(f"bins is a whole number from 1 to {_MOST_BANDS}, not {bins!r}")


def calibration_rows(
    counts: Counts, bins: int = 10, confidence: float = 0.95
) -> list[CalibrationRow]:
    """Rows of `calibration` on some counts of scores, as plain records."""
    if counts.roles.label is None:
        raise RolesError("label is needed: calibration compares scores with what came true")
    return [
        row for facet in counts.roles.facet for row in _of_facet(facet, counts, bins, confidence)
    ]


def _of_facet(
    facet: Facet, counts: Counts, bins: int, confidence: float
) -> Iterator[CalibrationRow]:
    table, levels = counts.scores[facet], counts.tables[facet].levels
    labels = positive_labels(levels, counts.roles)
    if labels is None:
        raise positive_unsaid(levels, counts.roles)
    starts, ends = _bands(table.edges, bins)
    is_known = np.array([level is not MISSING for level in table.label])
    is_positive = np.array([level in labels for level in table.label])

    def banded(array: NDArray[Any], which: NDArray[np.bool_]) -> NDArray[Any]:
        """Sums by facet value and band, over all facet values last."""
        by_bin = array[:, which].sum(axis=(1, 2))
        known = [level is not MISSING for level in table.facet]
        by_band = np.add.reduceat(by_bin, starts, axis=-1)[known]
        return np.concatenate([by_band, by_band.sum(axis=0, keepdims=True)])

    n, positive = banded(table.n, is_known), banded(table.n, is_positive)
    mean_score = divide(banded(table.s, is_known), n)
    low, high = jeffreys(positive, n, (1 - confidence) / 2)
    names = [*(show(level) for level in table.facet if level is not MISSING), ALL]
    share = divide(positive, n)
    for i, value in enumerate(names):
        for j in np.flatnonzero(n[i]).tolist():
            yield CalibrationRow(
                *(facet.name, value, ends[j], ends[j + 1], int(n[i, j])),
                *(float(one[i, j]) for one in (mean_score, share, low, high)),
            )


def _bands(edges: Edges, bins: int) -> tuple[NDArray[np.intp], list[float]]:
    """First bin of each band, those beyond the range included, and the ends of the bands."""
    low, high = (Decimal(repr(end)) for end in (edges.low, edges.high))
    even = [float(low + (high - low) * k / bins) for k in range(bins + 1)]
    last = edges.nearest(even)  # bin k ends at edge k
    ends = [-math.inf, *np.take(edges.values, last).tolist(), math.inf]
    return np.array([0, *(one + 1 for one in last)]), ends
