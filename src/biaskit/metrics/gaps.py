"""Metrics of scores: by how much one side's are higher, on average and at quantiles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.scores import ScoreTally
from biaskit.counts.tables import divide
from biaskit.errors import RolesError
from biaskit.metrics.forms import Means, Moving, Quantiles, Values
from biaskit.metrics.metric import Metric, metric
from biaskit.metrics.scores import BY_LABEL, gap, mean

__all__ = ["quantile_gap", "values"]

_FEWER_BINS = 1_000


def values(n: NDArray[Any], s: NDArray[Any], s2: NDArray[Any]) -> Values:
    """Scores by bin, from their number, their sums and the sums of their squares."""
    middle = divide(s, n)
    middle = np.where(n > 0, middle, 0.0)
    return Values(n, middle, np.maximum(s2 - middle * s, 0.0))


def _every(side: ScoreTally) -> Values:
    return values(side.every, side.s, side.s2)


@metric(
    "MSD",
    "mean_a - mean_d of the scores",
    needs=("score",),
    bounds=(-np.inf, np.inf),
    parity=0,
    against_d="either",
    swap="negates",
    reading="Above 0, facet d has lower scores on average; whether that is against it depends on "
    "what a high score means.",
    sentence="The mean of {score} is {size} {lower} for {them} than for {others}.",
    form=lambda a, d: Means(_every(a), _every(d)),
)
def mean_score_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in mean scores."""
    return gap(mean(a.s, a.every), mean(d.s, d.every))


def _in_units(a: ScoreTally, d: ScoreTally) -> Moving:
    """What a row adds to the standardized difference: its score, and its effect on the spread."""
    n = a.every.sum(axis=-1) + d.every.sum(axis=-1)
    middle = divide(a.s.sum(axis=-1) + d.s.sum(axis=-1), n)[..., np.newaxis]
    spread = _spread(a, d)[..., np.newaxis]

    def moved(side: Values, size: NDArray[np.float64]) -> Values:
        rows, at, within = side
        share = divide(rows.sum(axis=-1), n)[..., np.newaxis]
        z = (at - middle) / spread
        square = z * z + divide(within, np.maximum(rows, 1)) / spread**2
        slope = 1 - size * share * z
        return Values(rows, z - size * share * square / 2, within * (slope / spread) ** 2)

    on_a, on_d = (_in_fewer_bins(_every(side)) for side in (a, d))

    def means(number: NDArray[np.float64]) -> Means:
        size = number[..., np.newaxis]
        with np.errstate(all="ignore"):  # without any spread the number is undefined
            return Means(moved(on_d, size), moved(on_a, -size))

    return Moving(means)


def _in_fewer_bins(side: Values) -> Values:
    """The same values in a thousand bins, since these means are taken time and again."""
    rows, at, within = side
    starts = np.arange(0, rows.shape[-1], -(-rows.shape[-1] // _FEWER_BINS))
    n = np.add.reduceat(rows, starts, axis=-1)
    mean = np.where(n > 0, divide(np.add.reduceat(rows * at, starts, axis=-1), n), 0.0)
    own = np.repeat(mean, np.diff(starts, append=rows.shape[-1]), axis=-1)
    apart = within + rows * (at - own) ** 2
    return Values(n, mean, np.add.reduceat(apart, starts, axis=-1))


def _spread(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Standard deviation of the scores of both sides; 0 where they are alike but for rounding."""
    n = a.every.sum(axis=-1) + d.every.sum(axis=-1)
    middle = divide(a.s.sum(axis=-1) + d.s.sum(axis=-1), n)
    variance = divide(a.s2.sum(axis=-1) + d.s2.sum(axis=-1), n) - middle**2
    return np.sqrt(np.where(variance > 1e-14 * (1 + middle**2), variance, 0.0))


@metric(
    "SMD",
    "(mean_d - mean_a) / standard deviation of all scores",
    needs=("score",),
    bounds=(-np.inf, np.inf),
    parity=0,
    against_d="either",
    swap="negates",
    undefined="all scores are alike",
    reading="The difference of the mean scores, d minus a, in units of the spread of all scores.",
    sentence="The mean of {score} is {size} standard deviations {higher} for {them} than for "
    "{others}.",
    form=_in_units,
)
def standardized_mean_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Standardized mean difference of the scores."""
    spread = _spread(a, d)
    apart = gap(mean(d.s, d.every), mean(a.s, a.every))
    return np.where(spread > 0, divide(apart, spread), np.nan)


def _of_positives(side: ScoreTally) -> Values:
    return values(side.positive, side.s_positive, side.s2_positive)


def _of_negatives(side: ScoreTally) -> Values:
    return values(side.negative, side.s_negative, side.s2_negative)


@metric(
    "BPC",
    "mean_a - mean_d of the scores of positive labels",
    needs=BY_LABEL,
    bounds=(-np.inf, np.inf),
    parity=0,
    against_d=">",
    swap="negates",
    undefined="a side lacks positive labels",
    reading="Above 0, positives of facet d have lower scores on average.",
    sentence="Of the rows whose {positive}, the mean of {score} is {size} {lower} for {them} than "
    "for {others}.",
    form=lambda a, d: Means(_of_positives(a), _of_positives(d)),
)
def balance_for_the_positive_class(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Balance for the positive class."""
    return gap(mean(a.s_positive, a.positive), mean(d.s_positive, d.positive))


@metric(
    "BNC",
    "mean_a - mean_d of the scores of labels that are not positive",
    needs=BY_LABEL,
    bounds=(-np.inf, np.inf),
    parity=0,
    against_d=">",
    swap="negates",
    undefined="a side has positive labels only",
    reading="Above 0, negatives of facet d have lower scores on average.",
    sentence="Of the rows whose {negative}, the mean of {score} is {size} {lower} for {them} than "
    "for {others}.",
    form=lambda a, d: Means(_of_negatives(a), _of_negatives(d)),
)
def balance_for_the_negative_class(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Balance for the negative class."""
    return gap(mean(a.s_negative, a.negative), mean(d.s_negative, d.negative))


def quantile_gap(share: float) -> Metric:
    """Difference in a quantile of the scores: that of side a minus that of side d.

    Parameters
    ----------
    share
        Share of rows, above 0 and below 1, that have the quantile or a lower score.

    Raises
    ------
    RolesError
        `share` is not between 0 and 1.

    Examples
    --------
    >>> quantile_gap(0.95).symbol
    'QG95'
    """
    if not 0 < share < 1:
        raise RolesError(f"a quantile needs a share above 0 and below 1, not {share!r}")
    percent = f"{100 * share:g}"
    name = "median" if share == 0.5 else f"{percent} % quantile"

    def function(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
        return gap(_quantile(_every(a), share), _quantile(_every(d), share))

    function.__name__ = f"quantile_gap_{percent}"
    function.__doc__ = f"Difference in the {name} of the scores."

    def form(a: ScoreTally, d: ScoreTally) -> Quantiles:
        edges = np.concatenate([[-np.inf], a.edges.values, [np.inf]])
        return Quantiles(_every(a), _every(d), share, edges)

    return metric(
        f"QG{percent}",
        f"Q_a - Q_d,  Q the least score that {percent} % of the rows have or stay below",
        needs=("score",),
        bounds=(-np.inf, np.inf),
        parity=0,
        against_d="either",
        swap="negates",
        reading=f"Above 0, the {name} of the scores is lower in facet d. It is known to the width "
        "of a bin.",
        sentence=f"The {name} of {{score}} is {{size}} {{lower}} for {{them}} than for {{others}}.",
        form=form,
    )(function)


def _quantile(side: Values, share: float) -> NDArray[np.float64]:
    """Mean score of the bin in which the sum of the rows reaches a share of all."""
    rows = np.cumsum(side.rows, axis=-1)
    needed = np.maximum(np.ceil(share * rows[..., -1:] * (1 - 1e-12)), 1)
    at = np.argmax(rows >= needed, axis=-1)[..., np.newaxis]
    found = np.take_along_axis(np.asarray(side.mean), at, axis=-1)[..., 0]
    return np.where(rows[..., -1] > 0, found, math.nan)


low_quantile_gap, median_gap, high_quantile_gap = map(quantile_gap, (0.1, 0.5, 0.9))
