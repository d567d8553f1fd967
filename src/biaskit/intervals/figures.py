"""Figures: the intervals and p-values of some numbers, from evidence for them or from draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from biaskit.counts.tables import divide
from biaskit.intervals.distances import OfDistance
from biaskit.intervals.evidence import (
    Evidence,
    OfCurves,
    OfDifference,
    OfLargest,
    OfOne,
    OfQuotient,
    OfStrata,
)
from biaskit.intervals.proportions import Array
from biaskit.metrics import forms
from biaskit.metrics.forms import Share

__all__ = ["LEAST_P", "Figures", "evidence_of", "figures_of", "inside", "share_of"]

#: A smaller p-value is given as this one: it would say more than can be known.
LEAST_P = 1e-6


def evidence_of(form: forms.Form, estimate: Array, squares: forms.Form | None = None) -> Evidence:
    """Evidence for a number made as `form` says; `squares` is the same of squared weights."""
    made: Any = _worth(form, squares) if squares is not None else form
    found: Evidence = _EVIDENCE[type(form)](made, np.asarray(estimate, dtype=np.float64))
    return found


def share_of(rate: Any, squares: Any = None) -> Share:
    """Share of some rows; with the same of their squared weights, of as many as they are worth.

    That is the lesser of two numbers: the sum of the weights, squared, over the sum of their
    squares (L. Kish, "Survey Sampling", 1965), and the number of rows of weight 1 whose proportion
    would vary as much, which is less where the heavier rows are the ones counted.
    """
    count, rows = (np.asarray(one, dtype=np.float64) for one in rate)
    if squares is None:
        return Share(count, rows)
    of_count, of_rows = (np.asarray(one, dtype=np.float64) for one in squares)
    p = divide(count, rows)
    plain = divide(rows * rows, of_rows)
    spread = (1 - p) ** 2 * of_count + p * p * np.maximum(of_rows - of_count, 0)
    alike = divide(p * (1 - p) * rows * rows, spread)
    n = np.where(rows > 0, np.where(alike < plain, alike, plain), 0.0)
    return Share(np.where(rows > 0, np.clip(p, 0, 1) * n, 0.0), n)


def _worth(form: Any, squares: Any) -> Any:
    """Form whose shares are of as many rows as the weighted ones are worth."""
    match form:
        case Share():
            return share_of(form, squares)
        case forms.Apart():
            return form._replace(
                a=_labels_worth(form.a, squares.a), d=_labels_worth(form.d, squares.d)
            )
        case forms.Strata():
            return forms.Strata(
                _worth(form.plus, squares.plus), _worth(form.minus, squares.minus), form.weight
            )
        case tuple() if hasattr(form, "_fields"):
            return type(form)(*(_worth(a, b) for a, b in zip(form, squares, strict=True)))
        case tuple():
            return tuple(_worth(a, b) for a, b in zip(form, squares, strict=True))
    return form


def _labels_worth(counts: Any, squares: Any) -> Array:
    """Counts by label (the last axis), of as many rows as `share_of` has it for two labels.

    Of more labels, the rows vary together as much as the shares of all labels do (J. N. K. Rao and
    A. J. Scott, "The analysis of categorical data from complex sample surveys", JASA 76, 1981).
    """
    rows = np.sum(counts, axis=-1, keepdims=True)
    of_rows = np.sum(squares, axis=-1, keepdims=True)
    p = divide(counts, rows)
    plain = divide(rows * rows, of_rows)
    spread = (1 - p) ** 2 * squares + p * p * np.maximum(of_rows - squares, 0)
    of_all = [one.sum(axis=-1, keepdims=True) for one in (p * (1 - p) * rows * rows, spread)]
    alike = divide(*of_all)
    return np.asarray(np.nan_to_num(p * np.where(alike < plain, alike, plain)))


_EVIDENCE: dict[type, type[Any]] = {
    forms.One: OfOne,
    forms.Difference: OfDifference,
    forms.Strata: OfStrata,
    forms.Quotient: OfQuotient,
    forms.Curves: OfCurves,
    forms.Largest: OfLargest,
    forms.Apart: OfDistance,
}


class Figures(NamedTuple):
    """Ends of the intervals of a number, and the p-values of its parity, by comparison."""

    low: Array
    high: Array
    p_value: Array


def figures_of(
    evidence: Sequence[Evidence],
    parities: Sequence[float],
    bounds: Sequence[tuple[float, float]],
    confidence: float,
) -> list[Figures]:
    """Intervals and tests of several numbers; an interval holds its estimate, inside the bounds.

    A parity that is NaN has no test. Differences are found together, which saves most of the time.
    """
    tail = (1 - confidence) / 2
    made: dict[int, Figures] = {}
    plain = [i for i, one in enumerate(evidence) if type(one) is OfDifference]
    if len(plain) > 1:
        stacked = _stacked([evidence[i] for i in plain])
        sizes = [len(evidence[i].estimate) for i in plain]
        low, high = stacked.ends(tail)
        tested = np.repeat([parities[i] for i in plain], sizes)
        p = np.full_like(low, np.nan) if np.isnan(tested).all() else stacked.p_value(tested)
        parts = [np.split(one, np.cumsum(sizes)[:-1]) for one in (low, high, p)]
        made = {i: Figures(*found) for i, *found in zip(plain, *parts, strict=True)}
    for i, (one, parity) in enumerate(zip(evidence, parities, strict=True)):
        if i not in made:
            p = np.full_like(one.estimate, np.nan) if math.isnan(parity) else one.p_value(parity)
            made[i] = Figures(*one.ends(tail), p)
    return [
        inside(made[i], one.estimate, *bound)
        for i, (one, bound) in enumerate(zip(evidence, bounds, strict=True))
    ]


def _stacked(evidence: Sequence[Any]) -> OfDifference:
    counts = [np.concatenate([getattr(one, name) for one in evidence]) for name in "xnym"]
    form = forms.Difference(Share(*counts[:2]), Share(*counts[2:]))
    return OfDifference(form, np.concatenate([one.estimate for one in evidence]))


def inside(found: Figures, estimate: Array, least: float, most: float) -> Figures:
    """Figures whose intervals hold the estimates and stay in the bounds of the metric."""
    low = np.minimum(np.maximum(found.low, least), estimate)
    high = np.maximum(np.minimum(found.high, most), estimate)
    p = np.where(np.isnan(found.p_value), np.nan, np.clip(found.p_value, LEAST_P, 1))
    return Figures(low, high, np.where(np.isnan(estimate), np.nan, p))
