"""Metrics of scores that are chances: whether labels come true as often as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.scores import ScoreTally
from biaskit.counts.tables import divide
from biaskit.metrics.forms import Means, Miscalibration, Parts, Share, Values
from biaskit.metrics.gaps import values
from biaskit.metrics.metric import metric
from biaskit.metrics.scores import BY_LABEL, gap

__all__ = ["PARTS"]

#: Upper ends of the parts of the scores by which calibration is compared, but the last.
PARTS = np.arange(1, 10) / 10

_NO_CHANCES = "the range of the scores is not within 0 and 1, so they are no chances of a label"


def _of_chances(side: ScoreTally, found: NDArray[np.float64]) -> NDArray[np.float64]:
    """A number where scores can be chances, else NaN."""
    are_chances = side.edges.low >= 0 and side.edges.high <= 1
    return found if are_chances else np.full_like(found, np.nan)


def _joined(*parts: Values) -> Values:
    return Values(*(np.concatenate(of_each, axis=-1) for of_each in zip(*parts, strict=True)))


def _of_label(side: ScoreTally, counted: NDArray[Any]) -> Share:
    return Share(counted.sum(axis=-1), side.every.sum(axis=-1))


def _rarer(side: ScoreTally) -> NDArray[Any]:
    """Rows of the label that fewer rows of a side have."""
    positive = side.positive.sum(axis=-1) <= side.negative.sum(axis=-1)
    return np.where(positive[..., np.newaxis], side.positive, side.negative)


def _observed_less_expected(side: ScoreTally) -> NDArray[np.float64]:
    n = side.every.sum(axis=-1)
    found = gap(divide(side.positive.sum(axis=-1), n), divide(side.s.sum(axis=-1), n))
    return _of_chances(side, found)


def _residuals(side: ScoreTally) -> Values:
    """Label, 1 or 0, less the score."""
    positive = values(side.positive, side.s_positive, side.s2_positive)
    negative = values(side.negative, side.s_negative, side.s2_negative)
    return _joined(
        positive._replace(mean=1 - positive.mean), negative._replace(mean=-negative.mean)
    )


@metric(
    "CALD",
    "c_a - c_d,  c = share of positive labels - mean score",
    needs=BY_LABEL,
    bounds=(-np.inf, np.inf),
    parity=0,
    against_d="either",
    swap="negates",
    undefined=_NO_CHANCES,
    reading="Above 0, the scores of facet a are too low by more than those of facet d, or too high "
    "by less.",
    sentence="The share of rows whose {positive}, less the mean of {score}, is {size} {lower} for "
    "{them} than for {others}.",
    form=lambda a, d: Means(
        _residuals(a), _residuals(d), (_of_label(a, a.positive), _of_label(d, d.positive))
    ),
)
def calibration_in_the_large_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in calibration in the large."""
    return gap(_observed_less_expected(a), _observed_less_expected(d))


def _brier(side: ScoreTally) -> NDArray[np.float64]:
    squares = side.s2.sum(axis=-1) - 2 * side.s_positive.sum(axis=-1) + side.positive.sum(axis=-1)
    return _of_chances(side, divide(squares, side.every.sum(axis=-1)))


def _squares(side: ScoreTally) -> Values:
    """Squares of the residuals."""
    rows, at, within = _residuals(side)
    return Values(rows, at * at + divide(within, np.maximum(rows, 1)), 4 * at * at * within)


@metric(
    "BRD",
    "B_d - B_a,  B = mean of (label - score)^2",
    needs=BY_LABEL,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    undefined=_NO_CHANCES,
    reading="Above 0, the scores of facet d are farther from its labels.",
    sentence="The mean squared difference between {score} and the label, 1 or 0, is {size} "
    "{higher} for {them} than for {others}.",
    form=lambda a, d: Means(
        _squares(d),
        _squares(a),
        (_of_label(d, _rarer(d)), _of_label(a, _rarer(a))),
    ),
)
def brier_score_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in Brier scores."""
    return gap(_brier(d), _brier(a))


def _by_part(side: ScoreTally) -> tuple[NDArray[Any], ...]:
    """Rows, share of positive labels and mean score of each tenth of the scores."""
    ends = np.concatenate([side.edges.values, [np.inf]])
    starts = np.searchsorted(np.searchsorted(PARTS, ends), np.arange(len(PARTS) + 1))

    def sums(array: NDArray[Any]) -> NDArray[np.float64]:
        none = np.zeros((*array.shape[:-1], 1))
        up_to = np.concatenate([none, np.cumsum(array, axis=-1)], axis=-1)
        return np.diff(up_to[..., [*starts, array.shape[-1]]], axis=-1)

    n = sums(side.every)
    return n, divide(sums(side.positive), n), divide(sums(side.s), n)


def _squared_error(side: ScoreTally) -> NDArray[np.float64]:
    n, observed, expected = _by_part(side)
    used = n >= 2
    n = np.where(used, n, 0)
    chance = divide(observed * (1 - observed), n - 1)
    each = np.where(used, (observed - expected) ** 2 - chance, 0.0)
    return _of_chances(side, divide((n * each).sum(axis=-1), n.sum(axis=-1)))


def _errors(side: ScoreTally) -> Parts:
    """Parts of the scores; the variance that was observed is drawn to the one expected."""
    n, observed, expected = _by_part(side)
    near, expected_in = (
        np.clip(one, 0, 1) for one in ((n * observed + expected) / (n + 1), expected)
    )
    parts = (n, observed - expected, near * (1 - near), expected_in * (1 - expected_in))
    return Parts(*(np.where(n >= 2, one, 0.0) for one in parts))


@metric(
    "CE2",
    "E_d - E_a,  E = sum of n_b / n * ((share of positives - mean score)^2 - q_b (1 - q_b) / "
    "(n_b - 1)) over tenths b",
    needs=BY_LABEL,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    undefined=f"no tenth of the scores has two rows of a side, or {_NO_CHANCES}",
    reading="Above 0, the scores of facet d say less well how often its labels are positive. What "
    "chance adds to the error of few rows is taken off.",
    sentence="The squared calibration error of {score}, less what chance adds to it, is {size} "
    "{higher} for {them} than for {others}.",
    form=lambda a, d: Miscalibration(_errors(d), _errors(a)),
)
def calibration_error_difference(a: ScoreTally, d: ScoreTally) -> NDArray[np.float64]:
    """Difference in squared calibration errors."""
    return gap(_squared_error(d), _squared_error(a))
