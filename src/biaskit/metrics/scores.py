"""Metrics of scores: how a model ranks, how far its scores lie apart, how well they are calibrated.

Each is a function of the `ScoreTally` of sides a and d, from which it is exact, or known to a bound
that comes with it: rows of one bin are taken as tied, and a mean is that of the scores themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.scores import ScoreTally
from biaskit.counts.tables import divide
from biaskit.metrics.metric import metric

__all__ = ["auc", "distribution", "tied"]


def auc(positive: NDArray[Any], negative: NDArray[Any]) -> NDArray[np.float64]:
    """Chance that a positive's score is above a negative's, ties counted as a half.

    `positive` and `negative` have rows by bin on their last axis.

    >>> auc(np.array([0, 1, 3]), np.array([2, 1, 1])).item()
    0.8125
    """
    below = np.cumsum(negative, axis=-1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=-1)
    return divide(wins, positive.sum(axis=-1) * 1.0 * negative.sum(axis=-1))


def tied(positive: NDArray[Any], negative: NDArray[Any]) -> NDArray[np.float64]:
    """Share of pairs of a positive and a negative that lie in one bin: twice the bound of `auc`."""
    pairs = (positive * 1.0 * negative).sum(axis=-1)
    return divide(pairs, positive.sum(axis=-1) * 1.0 * negative.sum(axis=-1))


def distribution(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Share of rows up to each bin."""
    return divide(np.cumsum(rows, axis=-1), rows.sum(axis=-1, keepdims=True))


def mean(sums: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.float64]:
    """Mean of the scores of some rows."""
    return divide(sums.sum(axis=-1), rows.sum(axis=-1))


_BY_LABEL = ("score", "label", "positive")


@metric(
    "AUCD",
    "AUC_a - AUC_d,  AUC = P(score of a positive > score of a negative) + half of the ties",
    needs=_BY_LABEL,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    undefined="a side lacks positive labels or any others",
    reading="Above 0, the scores rank the members of facet d less well among themselves.",
)
def auc_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in AUC."""
    return auc(a.positive, a.negative) - auc(d.positive, d.negative)


@metric(
    "xAUCD",
    "xAUC(a, d) - xAUC(d, a),  xAUC(a, d) = P(score of a positive of a > that of a negative of d)",
    needs=_BY_LABEL,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    undefined="a side lacks positive labels or any others",
    reading="Above 0, positives of facet a rank above negatives of facet d more often than "
    "positives of d above negatives of a. The first of both is BPSN of d, the second its BNSP.",
)
def cross_auc_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in cross-AUC."""
    return auc(a.positive, d.negative) - auc(d.positive, a.negative)


@metric(
    "ABROCA",
    "integral of |TPR_a(FPR) - TPR_d(FPR)|",
    needs=_BY_LABEL,
    bounds=(0, 1),
    parity=0,
    against_d="!=",
    swap="keeps",
    undefined="a side lacks positive labels or any others",
    reading="The area between both ROC curves: 0 where they are the same.",
)
def area_between_roc_curves(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Absolute area between the ROC curves."""
    return np.array(
        [
            _between(*(_roc(one.positive[i], one.negative[i]) for one in (a, d)))
            for i in range(len(a.positive))
        ]
    )


def _roc(
    positive: NDArray[Any], negative: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False and true positive rates at falling thresholds, from 0 to 1."""
    used = np.flatnonzero(positive + negative)[::-1]
    fp, tp = (np.concatenate([[0.0], np.cumsum(one[used])]) for one in (negative, positive))
    return divide(fp, fp[-1]), divide(tp, tp[-1])


def _between(
    one: tuple[NDArray[np.float64], NDArray[np.float64]],
    other: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> float:
    """Area between two curves of straight pieces, which may rise straight up."""
    if not all(np.isfinite(axis).all() for curve in (one, other) for axis in curve):
        return float("nan")
    xs = np.unique(np.concatenate([one[0], other[0]]))
    area = 0.0
    # Between two places both are straight, from where they leave the left to where they reach the
    # right: a rise at a place itself has no width.
    left = [_at(curve, xs[:-1], after=True) for curve in (one, other)]
    right = [_at(curve, xs[1:], after=False) for curve in (one, other)]
    first, last = left[0] - left[1], right[0] - right[1]
    width = np.diff(xs)
    crosses = first * last < 0
    whole = np.abs(first + last) / 2 * width
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = (first**2 + last**2) / (2 * (np.abs(first) + np.abs(last))) * width
    area += float(np.where(crosses, parts, whole).sum())
    return area


def _at(
    curve: tuple[NDArray[np.float64], NDArray[np.float64]],
    places: NDArray[np.float64],
    *,
    after: bool,
) -> NDArray[np.float64]:
    """Height of a curve at some places, just after them or just before."""
    x, y = curve
    if after:
        i = np.searchsorted(x, places, side="right") - 1
        j = np.minimum(i + 1, len(x) - 1)
    else:
        j = np.searchsorted(x, places, side="left")
        i = np.maximum(j - 1, 0)
    span = x[j] - x[i]
    share = divide(places - x[i], span)
    return np.where(span > 0, y[i] + share * (y[j] - y[i]), y[i] if after else y[j])


@metric(
    "KSS",
    "max |F_a - F_d|,  F the distribution of the scores",
    needs=("score",),
    bounds=(0, 1),
    parity=0,
    against_d="!=",
    swap="keeps",
    reading="The largest difference between the shares of both sides up to any score.",
)
def kolmogorov_smirnov_of_scores(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Kolmogorov-Smirnov distance of the scores."""
    return np.asarray(np.abs(distribution(a.every) - distribution(d.every)).max(axis=-1))


@metric(
    "W1",
    "integral of |F_a - F_d|,  F the distribution of the scores",
    needs=("score",),
    bounds=(0, np.inf),
    parity=0,
    against_d="!=",
    swap="keeps",
    reading="How far scores of one side would have to move, on average, to be distributed as the "
    "other's.",
)
def wasserstein_distance_of_scores(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Wasserstein distance of the scores."""
    apart = np.abs(distribution(a.every) - distribution(d.every))[..., :-1]
    places = _places(a, d)
    return np.asarray((apart * np.diff(places, axis=-1)).sum(axis=-1))


def _places(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Mean score of both sides in each bin; an empty one has the next place below it."""
    n, s = a.every + d.every, a.s + d.s
    found = np.where(n > 0, divide(s, n), -np.inf)
    found = np.maximum.accumulate(found, axis=-1)
    first = np.min(np.where(np.isfinite(found), found, np.inf), axis=-1, keepdims=True)
    return np.where(np.isfinite(found), found, first)


@metric(
    "MSD",
    "mean_a - mean_d of the scores",
    needs=("score",),
    bounds=(-np.inf, np.inf),
    parity=0,
    against_d="!=",
    kind="point",
    swap="negates",
    reading="Above 0, facet d has lower scores on average; whether that is against it depends on "
    "what a high score means.",
)
def mean_score_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in mean scores."""
    return mean(a.s, a.every) - mean(d.s, d.every)


@metric(
    "SMD",
    "(mean_d - mean_a) / standard deviation of all scores",
    needs=("score",),
    bounds=(-np.inf, np.inf),
    parity=0,
    against_d="!=",
    kind="point",
    swap="negates",
    undefined="all scores are alike",
    reading="The difference of the mean scores, d minus a, in units of the spread of all scores.",
)
def standardized_mean_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Standardized mean difference of the scores."""
    n = a.every.sum(axis=-1) + d.every.sum(axis=-1)
    middle = divide(a.s.sum(axis=-1) + d.s.sum(axis=-1), n)
    variance = divide(a.s2.sum(axis=-1) + d.s2.sum(axis=-1), n) - middle**2
    spread = np.sqrt(np.where(variance > 1e-14 * (1 + middle**2), variance, 0.0))
    return divide(mean(d.s, d.every) - mean(a.s, a.every), spread)


@metric(
    "BPC",
    "mean_a - mean_d of the scores of positive labels",
    needs=_BY_LABEL,
    bounds=(-np.inf, np.inf),
    parity=0,
    against_d=">",
    swap="negates",
    undefined="a side lacks positive labels",
    reading="Above 0, positives of facet d have lower scores on average.",
)
def balance_for_the_positive_class(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Balance for the positive class."""
    return mean(a.s_positive, a.positive) - mean(d.s_positive, d.positive)


@metric(
    "BNC",
    "mean_a - mean_d of the scores of labels that are not positive",
    needs=_BY_LABEL,
    bounds=(-np.inf, np.inf),
    parity=0,
    against_d=">",
    swap="negates",
    undefined="a side has positive labels only",
    reading="Above 0, negatives of facet d have lower scores on average.",
)
def balance_for_the_negative_class(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Balance for the negative class."""
    return mean(a.s_negative, a.negative) - mean(d.s_negative, d.negative)


def _observed_less_expected(side: ScoreTally) -> NDArray[np.float64]:
    return divide(side.positive.sum(axis=-1) - side.s.sum(axis=-1), side.every.sum(axis=-1))


@metric(
    "CALD",
    "c_a - c_d,  c = share of positive labels - mean score",
    needs=_BY_LABEL,
    bounds=(-2, 2),
    parity=0,
    against_d="!=",
    kind="point",
    swap="negates",
    reading="Above 0, the scores of facet a are too low by more than those of facet d, or too high "
    "by less.",
)
def calibration_in_the_large_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in calibration in the large."""
    return _observed_less_expected(a) - _observed_less_expected(d)


def _brier(side: ScoreTally) -> NDArray[np.float64]:
    squares = side.s2.sum(axis=-1) - 2 * side.s_positive.sum(axis=-1) + side.positive.sum(axis=-1)
    return divide(squares, side.every.sum(axis=-1))


@metric(
    "BRD",
    "B_d - B_a,  B = mean of (label - score)^2",
    needs=_BY_LABEL,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    reading="Above 0, the scores of facet d are farther from its labels.",
)
def brier_score_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in Brier scores."""
    return _brier(d) - _brier(a)
