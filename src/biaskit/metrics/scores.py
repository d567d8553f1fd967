"""Metrics of scores: how a model ranks, and how far apart its scores are distributed.

Each is a function of the `ScoreTally` of sides a and d, from which it is exact, or known to a bound
that comes with it: rows of one bin are taken as tied, and a mean is that of the scores themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.scores import ScoreTally
from biaskit.counts.tables import divide
from biaskit.metrics.forms import Exchanged, Ranks, Steps
from biaskit.metrics.metric import metric

__all__ = ["BY_LABEL", "auc", "distribution", "gap", "mean", "places", "several", "tied"]

#: What a metric of scores needs that compares the rows of one label.
BY_LABEL = ("score", "label", "positive")

# A number that the bins leave uncertain by more than this has a note.
_MOST_UNSAID = 1e-3
# Relative difference of two numbers that rounding leaves where they are the same.
_ROUNDING = 1e-12


def auc(positive: NDArray[Any], negative: NDArray[Any]) -> NDArray[np.float64]:
    """Chance that a positive's score is above a negative's, ties counted as a half.

    `positive` and `negative` have rows by bin on their last axis.

    >>> auc(np.array([0, 1, 3]), np.array([2, 1, 1])).item()
    0.8125
    """
    below = np.cumsum(negative, axis=-1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=-1)
    return divide(wins, positive.sum(axis=-1) * 1.0 * negative.sum(axis=-1))


def tied(positive: NDArray[Any], negative: NDArray[Any], where: Any = True) -> NDArray[np.float64]:
    """Share of pairs of a positive and a negative that lie in one bin: twice the bound of `auc`.

    `where` are the bins that count: one with a single score has true ties.
    """
    pairs = (positive * 1.0 * negative * where).sum(axis=-1)
    return divide(pairs, positive.sum(axis=-1) * 1.0 * negative.sum(axis=-1))


def distribution(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Share of rows up to each bin."""
    return divide(np.cumsum(rows, axis=-1), rows.sum(axis=-1, keepdims=True))


def mean(sums: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.float64]:
    """Mean of the scores of some rows."""
    return divide(sums.sum(axis=-1), rows.sum(axis=-1))


def gap(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Difference of two numbers; 0 where they differ by no more than the rounding of sums."""
    found = one - other
    is_nothing = np.abs(found) <= _ROUNDING * np.maximum(np.abs(one), np.abs(other))
    return np.where(is_nothing, 0.0, found)


def several(a: ScoreTally, d: ScoreTally) -> NDArray[np.bool_]:
    """Whether a bin has several scores, as far as sums of floats can tell."""
    n, s, s2 = a.every + d.every, a.s + d.s, a.s2 + d.s2
    apart = s2 - divide(s * s, n)
    return np.asarray((n > 1) & (apart > (n + 4) * np.finfo(np.float64).eps * s2))


def _remarks(bounds: NDArray[np.float64], a: ScoreTally) -> list[str]:
    """Note for each comparison on how far the bins leave a number uncertain."""
    return [
        f"scores within {a.edges.step} are taken as ties: off by {one:.2g} at most"
        if one > _MOST_UNSAID
        else ""
        for one in bounds.tolist()
    ]


def _within_sides(a: ScoreTally, d: ScoreTally) -> list[str]:
    apart = several(a, d)
    bound = tied(a.positive, a.negative, apart) + tied(d.positive, d.negative, apart)
    return _remarks(bound / 2, a)


def _across_sides(a: ScoreTally, d: ScoreTally) -> list[str]:
    apart = several(a, d)
    bound = tied(a.positive, d.negative, apart) + tied(d.positive, a.negative, apart)
    return _remarks(bound / 2, a)


@metric(
    "AUCD",
    "AUC_a - AUC_d,  AUC = P(score of a positive > score of a negative) + half of the ties",
    needs=BY_LABEL,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    undefined="a side lacks positive labels or any others",
    reading="Above 0, the scores rank the members of facet d less well among themselves.",
    sentence="The chance that {score} ranks a positive above a negative is {points} {lower} among "
    "{them} than among {others}, where positive means that {positive}.",
    form=lambda a, d: Ranks((a.positive, a.negative), (d.positive, d.negative)),
    remark=_within_sides,
)
def auc_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in AUC."""
    return auc(a.positive, a.negative) - auc(d.positive, d.negative)


@metric(
    "xAUCD",
    "xAUC(a, d) - xAUC(d, a),  xAUC(a, d) = P(score of a positive of a > that of a negative of d)",
    needs=BY_LABEL,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    undefined="a side lacks positive labels or any others",
    reading="Above 0, positives of facet a rank above negatives of facet d more often than "
    "positives of d above negatives of a. The first of both is BPSN of d, the second its BNSP.",
    sentence="By {score}, a positive of {others} ranks above a negative of {them} {points} {more} "
    "often than a positive of {them} above a negative of {others}, where positive means that "
    "{positive}.",
    form=lambda a, d: Ranks((a.positive, d.negative), (d.positive, a.negative)),
    remark=_across_sides,
)
def cross_auc_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in cross-AUC."""
    return auc(a.positive, d.negative) - auc(d.positive, a.negative)


@metric(
    "ABROCA",
    "integral of |TPR_a(FPR) - TPR_d(FPR)|",
    needs=BY_LABEL,
    bounds=(0, 1),
    parity=0,
    against_d="!=",
    swap="keeps",
    undefined="a side lacks positive labels or any others",
    reading="The area between both ROC curves: 0 where they are the same.",
    sentence="The ROC curves of {score} for {them} and for {others} enclose an area of {size}.",
    form=lambda a, d: Exchanged((a.positive, a.negative), (d.positive, d.negative), _areas),
    remark=lambda a, d: [
        "; ".join(filter(None, ["a test, but no interval", one])) for one in _within_sides(a, d)
    ],
)
def area_between_roc_curves(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Absolute area between the ROC curves."""
    return _areas((a.positive, a.negative), (d.positive, d.negative))


def _areas(
    a: tuple[NDArray[Any], NDArray[Any]], d: tuple[NDArray[Any], NDArray[Any]]
) -> NDArray[np.float64]:
    """Areas between ROC curves, from rows by bin of positives and negatives on either side."""
    every = zip(zip(*a, strict=True), zip(*d, strict=True), strict=True)
    return np.array([_between(*(_roc(*side) for side in both)) for both in every])


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


def _of_gap(a: ScoreTally, d: ScoreTally) -> list[str]:
    """Note on how much wider the largest gap could be inside a bin."""
    up, down = distribution(a.every), distribution(d.every)
    before = [
        np.concatenate([np.zeros_like(one[..., :1]), one[..., :-1]], -1) for one in (up, down)
    ]
    inside = np.maximum(up - before[1], down - before[0])
    widest = np.where(several(a, d), inside, 0.0).max(axis=-1)
    return _remarks(widest - np.abs(up - down).max(axis=-1), a)


@metric(
    "KSS",
    "max |F_a - F_d|,  F the distribution of the scores",
    needs=("score",),
    bounds=(0, 1),
    parity=0,
    against_d="!=",
    swap="keeps",
    reading="The largest difference between the shares of both sides up to any score.",
    sentence="The share that has at most some value of {score} differs by {size} between {them} "
    "and {others} where it differs most.",
    form=lambda a, d: Steps(a.every, d.every),
    remark=_of_gap,
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
    sentence="For {score} to be distributed among {them} as among {others}, its values would have "
    "to move by {size} on average.",
    form=lambda a, d: Steps(a.every, d.every, places(a, d)),
)
def wasserstein_distance_of_scores(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Wasserstein distance of the scores."""
    apart = np.abs(distribution(a.every) - distribution(d.every))[..., :-1]
    return np.asarray((apart * np.diff(places(a, d), axis=-1)).sum(axis=-1))


def places(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Mean score of both sides in each bin; an empty one has the next place below it."""
    n, s = a.every + d.every, a.s + d.s
    found = np.where(n > 0, divide(s, n), -np.inf)
    found = np.maximum.accumulate(found, axis=-1)
    used = np.isfinite(found)
    first = np.min(np.where(used, found, np.inf), axis=-1, keepdims=True)
    return np.where(used, found, np.where(used.any(axis=-1, keepdims=True), first, 0.0))
