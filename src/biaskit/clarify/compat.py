"""Metrics as AWS's open-source smclarify 0.5 computes them, to reproduce its numbers.

``biaskit.report(..., metrics=biaskit.compat.SMCLARIFY)`` gives the figures of its ``bias_report``.
They differ from `biaskit.METRICS` where the code departs from Clarify's documents: a ratio 0/0 is
0, and two infinities differ by 0; a stratum's undefined share is 0; the distances are between
positive and other labels, however many labels there are, and leave out what only one side has; FT
has the opposite sign and compares features as they are. On other tables of two labels both give the
same numbers. Where smclarify raises, the value is NaN. As in smclarify, no number has an interval.

Its guesses about types, and its counting of missing values as facet a or as negative, are not
reproduced: they happen to rows, before there are counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np

from biaskit.counts.tables import Tally, divide
from biaskit.metrics import FROM_ROWS, METRICS, Metric
from biaskit.metrics.metric import Array

__all__ = ["SMCLARIFY"]


def _ratio(numerator: Any, denominator: Any) -> Array:
    """Quotient in which 0/0 is 0."""
    nothing = (np.asarray(numerator) == 0) & (np.asarray(denominator) == 0)
    return np.where(nothing, 0.0, divide(numerator, denominator))


def _difference(one: Array, other: Array) -> Array:
    """Difference in which two equal infinities differ by 0."""
    with np.errstate(invalid="ignore"):
        return np.where(one == other, 0.0, one - other)


def _shares(side: Tally) -> Array:
    """Shares of the labels that are not positive and of those that are, on the last axis."""
    return np.stack([divide(side.n0, side.n), side.q], axis=-1)


def _distance(of_shares: Callable[[Array, Array], Any]) -> Callable[[Tally, Tally], Array]:
    """Distance over the labels that both sides have; NaN where there are none."""

    def distance(a: Tally, d: Tally) -> Array:
        p, q = _shares(a), _shares(d)
        shared = (p > 0) & (q > 0)
        # Equal shares add nothing to any of the distances, so 1 and 1 leave a label out.
        found = of_shares(np.where(shared, p, 1.0), np.where(shared, q, 1.0))
        return np.where(shared.any(axis=-1), found, np.nan)

    return distance


def _relative_entropy(p: Array, q: Array) -> Any:
    return (p * np.log(p / q)).sum(axis=-1)


def _to_the_mean(p: Array, q: Array) -> Any:
    mean = (p + q) / 2
    return (_relative_entropy(p, mean) + _relative_entropy(q, mean)) / 2


def _within_groups(a0: Any, a1: Any, d0: Any, d1: Any) -> Array:
    """Mean of the groups' disparities by rows; NaN where no group has one of the outcomes."""
    n = a0 + a1 + d0 + d1
    each = _ratio(d0, a0 + d0) - _ratio(d1, a1 + d1)
    both_outcomes = ((a0 + d0).sum(axis=-1) > 0) & ((a1 + d1).sum(axis=-1) > 0)
    mean = divide((n * each).sum(axis=-1), n.sum(axis=-1))
    return np.where(both_outcomes, mean, np.nan)


def _by_group(a: Tally, d: Tally) -> Array:
    a, d = a.by_group, d.by_group
    return _within_groups(a.n0, a.n1, d.n0, d.n1)


def _predicted_by_group(a: Tally, d: Tally) -> Array:
    a, d = a.by_group, d.by_group
    return _within_groups(a.n0_hat, a.n1_hat, d.n0_hat, d.n1_hat)


def _two_sided(function: Callable[[Tally, Tally], Any]) -> Callable[[Tally, Tally], Array]:
    """Same function, but NaN where a side is empty, where smclarify raises."""

    def checked(a: Tally, d: Tally) -> Array:
        return np.where((np.asarray(a.n) > 0) & (np.asarray(d.n) > 0), function(a, d), np.nan)

    return checked


def _documented(ours: Metric, theirs: Callable[[Tally, Tally], Any]) -> Callable[..., list[str]]:
    """Note, for each comparison, with the value of the documents' formula where it differs."""

    def note(a: Tally, d: Tally) -> list[str]:
        documented = np.atleast_1d(ours(a, d))
        same = np.isclose(documented, theirs(a, d), rtol=1e-9, atol=1e-12, equal_nan=True)
        return [
            "" if equal else f"the documents' formula gives {value:.6g}"
            for value, equal in zip(documented, same, strict=True)
        ]

    return note


def _as_smclarify(name: str, function: Callable[[Tally, Tally], Any], **facts: Any) -> Metric:
    """Metric of biaskit with smclarify's function, and the facts that change with it."""
    ours = METRICS[name]
    return replace(
        ours,
        function=wraps(ours.function)(function),  # for the title
        remark=_documented(ours, function),
        kind="point",
        rate=None,
        compares=None,
        form=None,
        without_groups="",
        **facts,
    )


def _two_sided_metric(name: str, function: Callable[[Tally, Tally], Any], **facts: Any) -> Metric:
    undefined = "the weights of a side sum to 0: smclarify raises"
    return _as_smclarify(name, _two_sided(function), undefined=undefined, **facts)


def _distance_metric(name: str, of_shares: Callable[[Array, Array], Any], **facts: Any) -> Metric:
    return _as_smclarify(
        name,
        _distance(of_shares),
        formula=f"{METRICS[name].formula},  y positive or not, where both sides have it",
        needs=("label", "positive"),
        undefined="the sides share neither positive nor other labels: smclarify raises",
        **facts,
    )


def _conditional_metric(name: str, function: Callable[[Tally, Tally], Any]) -> Metric:
    return _as_smclarify(
        name,
        function,
        swap="changes",  # shares of zero rows are both 0 and do not sum to 1
        undefined="nobody is accepted, or nobody is rejected: smclarify raises",
    )


#: Every metric that smclarify 0.5 computes, by its symbol there. FT needs rows and `features`.
SMCLARIFY: Mapping[str, Metric] = {
    one.symbol: one
    for one in (
        _two_sided_metric("CI", METRICS["CI"].function),
        _two_sided_metric("DPL", METRICS["DPL"].function),
        _distance_metric(
            "KL",
            _relative_entropy,
            bounds=(-1 / math.e, math.inf),
            reading="How many nats per row more it takes to describe facet a's labels by facet "
            "d's distribution, summed over the labels that both have; a value below 0 only says "
            "that d lacks a label.",
        ),
        _distance_metric(
            "JS",
            _to_the_mean,
            reading="How far the label distributions are from their mean, in nats, summed over "
            "the labels that both sides have.",
        ),
        _distance_metric("LP", lambda p, q: np.sqrt(np.square(p - q).sum(axis=-1))),
        _distance_metric("TVD", lambda p, q: np.abs(p - q).sum(axis=-1) / 2),
        _distance_metric("KS", lambda p, q: np.abs(p - q).max(axis=-1)),
        _conditional_metric("CDDL", _by_group),
        _two_sided_metric("DPPL", METRICS["DPPL"].function),
        _two_sided_metric(
            "DI",
            lambda a, d: _ratio(d.q_hat, a.q_hat),
            swap="changes",  # 0/0 is 0 both ways
        ),
        _two_sided_metric(
            "DCAcc",
            lambda a, d: _difference(_ratio(a.n1, a.n1_hat), _ratio(d.n1, d.n1_hat)),
            symbol="DCA",
            aliases=("DCAcc",),
        ),
        _two_sided_metric(
            "DCR", lambda a, d: _difference(_ratio(d.n0, d.n0_hat), _ratio(a.n0, a.n0_hat))
        ),
        _two_sided_metric("SD", lambda a, d: _ratio(d.tn, d.tn + d.fp) - _ratio(a.tn, a.tn + a.fp)),
        _two_sided_metric("RD", lambda a, d: _ratio(a.tp, a.tp + a.fn) - _ratio(d.tp, d.tp + d.fn)),
        _two_sided_metric(
            "DAR", lambda a, d: _ratio(a.tp, a.tp + a.fp) - _ratio(d.tp, d.tp + d.fp)
        ),
        _two_sided_metric(
            "DRR", lambda a, d: _ratio(d.tn, d.tn + d.fn) - _ratio(a.tn, a.tn + a.fn)
        ),
        _two_sided_metric("AD", METRICS["AD"].function),
        _two_sided_metric("TE", lambda a, d: _difference(_ratio(d.fn, d.fp), _ratio(a.fn, a.fp))),
        _conditional_metric("CDDPL", _predicted_by_group),
        replace(
            FROM_ROWS["FT"],
            formula="(F- - F+) / n_d",
            against_d="<",
            kind="point",
            options={"scaled": False, "sign": -1},
            sentence="",
            reading="The documents' FT with the opposite sign and unscaled features: below "
            "0, facet d is worse off than similar members of facet a.",
        ),
        replace(
            METRICS["GE"],
            kind="point",
            remark=None,
            undefined="every prediction is a false negative: smclarify raises",
        ),
    )
}
