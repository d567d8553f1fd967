"""Figures: intervals and p-values of numbers, from evidence or from draws."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from biaskit.counts.tables import divide
from biaskit.intervals.distances import of_distance
from biaskit.intervals.evidence import (
    Evidence,
    OfCurves,
    OfDifference,
    OfLargest,
    OfOne,
    OfQuotient,
    OfStrata,
)
from biaskit.intervals.proportions import Array, solve
from biaskit.metrics import forms
from biaskit.metrics.forms import Share

__all__ = ["LEAST_P", "Figures", "evidence_of", "figures_of", "inside", "share_of"]

#: Smallest p-value that is reported: smaller ones are not meaningful.
LEAST_P = 1e-6


def evidence_of(form: forms.Form, estimate: Array, squares: forms.Form | None = None) -> Evidence:
    """Evidence for a number of this form; `squares` is the form of the squared weights."""
    made: Any = _worth(form, squares) if squares is not None else form
    kind: Any = _EVIDENCE.get(type(form))
    if kind is None:
        module, name = _LOADED_LATER[type(form)]
        kind = getattr(importlib.import_module(f"biaskit.intervals.{module}"), name)
    found: Evidence = kind(made, np.asarray(estimate, dtype=np.float64))
    return found


def share_of(rate: Any, squares: Any = None) -> Share:
    """Share of some rows; given their squared weights, over the effective number of rows.

    The effective number is the lesser of two: the sum of the weights, squared, over the sum of
    their squares (L. Kish, "Survey Sampling", 1965), and the number of rows of weight 1 whose
    proportion would vary as much, which is less where the heavier rows are the ones counted.
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
    """Form whose shares are over effective numbers of rows."""
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
    """Counts by label (the last axis), scaled to effective rows as in `share_of`.

    For more labels, it is the number whose shares vary together as much as those of all labels (J.
    N. K. Rao and A. J. Scott, "The analysis of categorical data from complex sample surveys", JASA
    76, 1981).
    """
    rows = np.sum(counts, axis=-1, keepdims=True)
    of_rows = np.sum(squares, axis=-1, keepdims=True)
    p = divide(counts, rows)
    plain = divide(rows * rows, of_rows)
    spread = (1 - p) ** 2 * squares + p * p * np.maximum(of_rows - squares, 0)
    of_all = [one.sum(axis=-1, keepdims=True) for one in (p * (1 - p) * rows * rows, spread)]
    alike = divide(*of_all)
    return np.asarray(np.nan_to_num(p * np.where(alike < plain, alike, plain)))


_EVIDENCE: dict[type, Callable[[Any, Array], Evidence]] = {
    forms.One: OfOne,
    forms.Difference: OfDifference,
    forms.Strata: OfStrata,
    forms.Quotient: OfQuotient,
    forms.Curves: OfCurves,
    forms.Largest: OfLargest,
    forms.Apart: of_distance,
}
#: Modules, and names in them, that a report needs only where it is asked for odds or has scores.
_LOADED_LATER: dict[type, tuple[str, str]] = {
    forms.Odds: ("odds", "OfOdds"),
    forms.CommonOdds: ("odds", "OfCommonOdds"),
    forms.Ranks: ("ranks", "OfRanks"),
    forms.Means: ("scored", "OfMeans"),
    forms.Moving: ("scored", "OfMoving"),
    forms.Steps: ("steps", "of_steps"),
    forms.Quantiles: ("scored", "OfQuantiles"),
    forms.Miscalibration: ("scored", "OfMiscalibration"),
    forms.Exchanged: ("ranks", "OfExchanged"),
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

    A parity that is NaN has no test. All are computed together, which saves most of the time.
    """
    if not evidence:
        return []
    tail = (1 - confidence) / 2
    numbers = _stacked(evidence, parities)
    tests = [
        [] if np.isnan(one.parity).all() else one.evidence.tests(one.parity) for one in numbers
    ]
    # Distances of the same labels have limits and tests in common.
    known = {id(one.evidence.x): one.evidence.known(tail) for one in numbers}
    sought = {id(test): test for of_it in tests for test in of_it}
    reaches, tails = solve([*known.values()], [*sought.values()])
    reach_of = dict(zip(known, reaches, strict=True))
    tail_of = dict(zip(sought, tails, strict=True))
    shape = len(evidence), len(evidence[0].estimate)
    low, high, p = np.empty(shape), np.empty(shape), np.full(shape, np.nan)
    for (one, parity, places), of_it in zip(numbers, tests, strict=True):
        ends = one.ends_of(reach_of[id(one.x)], tail)
        low[places], high[places] = (end.reshape(len(places), -1) for end in ends)
        if not np.isnan(parity).all():
            found = one.p_of([tail_of[id(test)] for test in of_it])
            p[places] = found.reshape(len(places), -1)
    least, most = np.array(bounds, dtype=np.float64).T[:, :, np.newaxis]
    figures = inside(
        Figures(low, high, p), np.stack([one.estimate for one in evidence]), least, most
    )
    return [Figures(*of_it) for of_it in zip(*figures, strict=True)]


class _Together(NamedTuple):
    """Evidence for one or several numbers, their parities, and their indices."""

    evidence: Evidence
    parity: Array
    places: list[int]


def _stacked(evidence: Sequence[Evidence], parities: Sequence[float]) -> list[_Together]:
    """The numbers, with all differences of two proportions joined into one."""
    plain = {i: one for i, one in enumerate(evidence) if type(one) is OfDifference}
    if len(plain) == 1:
        plain = {}
    made = [
        _Together(one, np.array(parities[i]), [i])
        for i, one in enumerate(evidence)
        if i not in plain
    ]
    if plain:
        plus, minus = (
            Share(*(np.concatenate(parts) for parts in zip(*shares, strict=True)))
            for shares in (
                [one.plus for one in plain.values()],
                [one.minus for one in plain.values()],
            )
        )
        estimate = np.concatenate([one.estimate for one in plain.values()])
        parity = np.repeat([parities[i] for i in plain], len(estimate) // len(plain))
        stacked = OfDifference(forms.Difference(plus, minus), estimate)
        made.append(_Together(stacked, parity, [*plain]))
    return made


def inside(found: Figures, estimate: Array, least: Any, most: Any) -> Figures:
    """Figures whose intervals contain the estimates and stay within the bounds of the metric."""
    low = np.minimum(np.maximum(found.low, least), estimate)
    high = np.maximum(np.minimum(found.high, most), estimate)
    p = np.minimum(np.maximum(found.p_value, LEAST_P), 1)
    return Figures(low, high, np.where(np.isnan(estimate), np.nan, p))
