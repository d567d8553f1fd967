"""Curves to be drawn: how the scores of each facet value are distributed, and how they rank."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.comparisons import positive_labels, positive_unsaid
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import MISSING, show
from biaskit.counts.tables import divide

__all__ = ["Distribution", "Roc", "distributions", "roc_curves"]

# Places of a curve at most; it is drawn a few hundred pixels wide.
_MOST_PLACES = 120


class Distribution(NamedTuple):
    """Scores of one facet value: where the bands end, and the share of the rows in each."""

    value: str
    ends: list[float]
    shares: list[float]
    n: int
    mean: float


class Roc(NamedTuple):
    """How the scores of one facet value rank: false and true positive rates, and the area below.

    The area is the chance that a positive's score is above a negative's, ties counted as a half.
    """

    value: str
    places: list[tuple[float, float]]
    auc: float
    positives: int
    negatives: int


def distributions(counts: Counts, facet: Facet, bands: int = 20) -> list[Distribution]:
    """Distributions of the scores of each facet value, in bands that span its middle 99.8 %."""
    table = counts.scores[facet]
    by_value = table.n.sum(axis=(1, 2))
    sums = table.s.sum(axis=(1, 2, 3))
    edges = table.edges.values
    first, last = _middle(by_value.sum(axis=0), len(edges))
    at = np.unique(np.linspace(first, last, bands + 1).round().astype(np.intp))
    made = []
    for level, rows, total in zip(table.facet, by_value, sums.tolist(), strict=True):
        n = int(rows.sum())
        if level is MISSING or not n:
            continue
        below = np.cumsum(rows)[at]
        below[0], below[-1] = 0, n  # what lies beyond belongs to the bands at the ends
        shares = np.diff(below) / n
        ends = np.take(edges, at).tolist()
        made.append(Distribution(show(level), ends, shares.tolist(), n, total / n))
    return made


def _middle(rows: NDArray[Any], edges: int) -> tuple[int, int]:
    """Edges between which nearly all rows lie: all of a range that is used, else part of it."""
    share = divide(np.cumsum(rows), rows.sum())
    first = max(int(np.searchsorted(share, 0.001)) - 1, 0)
    last = min(int(np.searchsorted(share, 0.999)), edges - 1)
    is_used = last - first > 0.5 * edges
    return (0, edges - 1) if is_used or last <= first else (first, last)


def roc_curves(counts: Counts, facet: Facet) -> list[Roc]:
    """ROC curves of the facet values that have positive labels and others.

    Raises
    ------
    RolesError
        It is unknown which labels are positive.
    """
    table, levels = counts.scores[facet], counts.tables[facet].levels
    labels = positive_labels(levels, counts.roles)
    if labels is None:
        raise positive_unsaid(levels, counts.roles)
    is_positive = np.array([level in labels for level in table.label])
    is_negative = ~is_positive & np.array([level is not MISSING for level in table.label])
    by_value = table.n.sum(axis=2)
    made = []
    for level, rows in zip(table.facet, by_value, strict=True):
        positive, negative = (rows[one].sum(axis=0) for one in (is_positive, is_negative))
        p, n = int(positive.sum()), int(negative.sum())
        if level is MISSING or not (p and n):
            continue
        used = np.flatnonzero(positive + negative)[::-1]
        tpr, fpr = (
            np.concatenate([[0.0], np.cumsum(one[used]) / total])
            for one, total in ((positive, p), (negative, n))
        )
        area = float((np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2).sum())
        along = ((fpr + tpr) * _MOST_PLACES / 2).round()
        kept = np.unique(along, return_index=True)[1]
        kept = np.union1d(kept, [0, len(along) - 1])
        places = list(zip(fpr[kept].tolist(), tpr[kept].tolist(), strict=True))
        made.append(Roc(show(level), places, area, p, n))
    return made
