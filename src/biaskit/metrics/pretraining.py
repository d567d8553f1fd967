"""Pre-training metrics: what the observed labels say.

Source: Amazon SageMaker Developer Guide, "Measure Pre-training Bias", whose formulas and signs
these are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from biaskit.counts.tables import Tally, divide
from biaskit.errors import RolesError
from biaskit.metrics import forms
from biaskit.metrics.disparities import disparity, remarks_on_groups, strata, within_groups
from biaskit.metrics.forms import Share
from biaskit.metrics.metric import Array, Metric, metric

__all__ = ["lp_norm"]  # the metrics are gathered by `biaskit.metrics`


@metric(
    "CI",
    "(n_a - n_d) / (n_a + n_d)",
    needs=(),
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    form=lambda a, d: forms.One(Share(d.n, a.n + d.n), factor=-2.0, offset=1.0),
    sentence="Of the {whole}, {them} have {part_d} and {others} {part_a}.",
    reading="Above 0, facet d has fewer rows than facet a.",
)
def class_imbalance(a: Tally, d: Tally) -> Array:
    """Class imbalance."""
    return divide(a.n - d.n, a.n + d.n)


@metric(
    "DPL",
    "q_a - q_d,  q = n(1) / n",
    needs=("label", "positive"),
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    rate=lambda side: (side.n1, side.n),
    sentence="The share whose {positive} is {compared}.",
    reading="Above 0, facet d has a smaller share of positive labels than facet a.",
)
def difference_in_proportions_of_labels(a: Tally, d: Tally) -> Array:
    """Difference in proportions of labels."""
    return np.subtract(a.q, d.q)


@metric(
    "KL",
    "sum_y P_a(y) ln(P_a(y) / P_d(y))",
    needs=("label",),
    bounds=(0, math.inf),
    parity=0,
    against_d="!=",
    kind="squared length",
    swap="changes",
    form=lambda a, d: forms.Apart(
        a.by_label,
        d.by_label,
        _relative_entropy,
        squared=True,
        slopes=_slopes_of_relative_entropy,
        chance=lambda null: np.sqrt(null.pearson * null.scale / 2),
    ),
    sentence="Describing {label} among {others} by its distribution among {them} costs {value} "
    "extra nats per row on average.",
    endless="Some value of {label} occurs among {others} and never among {them}, so the "
    "divergence is infinite.",
    reading="How many nats per row more it takes to describe facet a's labels by facet d's "
    "distribution; infinite where a has a label that d lacks.",
)
def kullback_leibler_divergence(a: Tally, d: Tally) -> Array:
    """Kullback-Leibler divergence."""
    return _relative_entropy(a.P, d.P)


@metric(
    "JS",
    "(KL(P_a || P) + KL(P_d || P)) / 2,  P = (P_a + P_d) / 2",
    needs=("label",),
    bounds=(0, math.log(2)),
    parity=0,
    against_d="!=",
    kind="squared length",
    swap="keeps",
    form=lambda a, d: forms.Apart(
        a.by_label,
        d.by_label,
        _mean_relative_entropy,
        squared=True,
        slopes=_slopes_of_mean_relative_entropy,
        chance=lambda null: np.sqrt(null.pearson * null.scale / 8),
    ),
    sentence="The distributions of {label} among {them} and among {others} are {value} nats "
    "apart, where 0.69 would mean no value in common.",
    reading="How far the label distributions are from their mean, in nats; ln 2 where they share "
    "no label.",
)
def jensen_shannon_divergence(a: Tally, d: Tally) -> Array:
    """Jensen-Shannon divergence."""
    return _mean_relative_entropy(a.P, d.P)


def lp_norm(p: float) -> Metric:
    """Lp-norm of the difference between the label distributions, for any order `p` of at least 1.

    >>> lp_norm(1).symbol
    'LP(p=1)'

    Raises
    ------
    RolesError
        `p` is less than 1, which gives no norm.
    """
    if not p >= 1:
        raise RolesError(f"lp_norm takes an order of 1 or more, not {p!r}")

    def length(shares: Array, others: Array) -> Array:
        gap = np.abs(shares - others)
        if p == 2:  # a power's last bit may depend on the array's length; a root's does not
            return np.asarray(np.sqrt(np.square(gap).sum(axis=-1)))
        return np.asarray(gap.max(axis=-1) if math.isinf(p) else (gap**p).sum(axis=-1) ** (1 / p))

    def slopes(shares: Array, others: Array) -> tuple[Array, Array]:
        gap = shares - others
        unit = divide(gap, length(shares, others)[..., np.newaxis])
        slope = np.sign(unit) * np.abs(unit) ** (p - 1)
        return slope, -slope

    def chance(null: Any) -> Array:
        # A norm of an order above 2 is at most the Euclidean one, any other at most this many times
        # as long.
        wide = null.shares.shape[-1] ** max(1 / p - 1 / 2, 0)
        return np.asarray(wide * _euclidean_chance(null))

    def norm(a: Tally, d: Tally) -> Any:
        """Lp-norm."""
        return length(a.P, d.P)

    def form(a: Tally, d: Tally) -> forms.Apart:
        if p == 1:
            return forms.Apart(a.by_label, d.by_label, length, shape="split", factor=2.0)
        if math.isinf(p):
            return forms.Apart(a.by_label, d.by_label, length, shape="largest")
        return forms.Apart(a.by_label, d.by_label, length, slopes=slopes, chance=chance)

    return Metric(
        symbol="LP" if p == 2 else f"LP(p={p:g})",
        formula=f"(sum_y |P_a(y) - P_d(y)|^p)^(1/p),  p = {p:g}",
        function=norm,
        needs=("label",),
        bounds=(0, 2 ** (1 / p)),
        parity=0,
        against_d="!=",
        swap="keeps",
        form=form,
        sentence="The shares that each value of {label} has among {them} and among {others} are "
        f"{{value}} apart, where {2 ** (1 / p):.3g} would be the most.",
        reading="The length of the difference between the label distributions.",
    )


euclidean_norm = lp_norm(2)


@metric(
    "TVD",
    "(1/2) sum_y |P_a(y) - P_d(y)|",
    needs=("label",),
    bounds=(0, 1),
    parity=0,
    against_d="!=",
    swap="keeps",
    form=lambda a, d: forms.Apart(a.by_label, d.by_label, _half_the_gaps, shape="split"),
    sentence="For {them} to have the same distribution of {label} as {others}, {percent} of "
    "them would need another value.",
    reading="The share of one facet's rows whose label would have to change for the distributions "
    "to be equal.",
)
def total_variation_distance(a: Tally, d: Tally) -> Any:
    """Total variation distance."""
    return _half_the_gaps(a.P, d.P)


def _half_the_gaps(shares: Array, others: Array) -> Array:
    return np.asarray(np.abs(shares - others).sum(axis=-1) / 2)


@metric(
    "KS",
    "max_y |P_a(y) - P_d(y)|",
    needs=("label",),
    bounds=(0, 1),
    parity=0,
    against_d="!=",
    swap="keeps",
    form=lambda a, d: forms.Apart(a.by_label, d.by_label, _largest_gap, shape="largest"),
    sentence="The share of one value of {label} differs by {points} between {them} and {others}; "
    "that of no other value differs by more.",
    reading="The largest gap at any one label. (Clarify's definition: the labels have no order, so "
    "it is not the Kolmogorov-Smirnov statistic of cumulative distributions.)",
)
def kolmogorov_smirnov(a: Tally, d: Tally) -> Any:
    """Kolmogorov-Smirnov, largest gap between the label distributions."""
    return _largest_gap(a.P, d.P)


def _largest_gap(shares: Array, others: Array) -> Array:
    return np.asarray(np.abs(shares - others).max(axis=-1))


@metric(
    "DD",
    "n_d(0) / n(0) - n_d(1) / n(1)",
    needs=("label", "positive"),
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    form=lambda a, d: forms.Difference(Share(d.n0, a.n0 + d.n0), Share(d.n1, a.n1 + d.n1)),
    undefined="every label is positive, or every label is negative: one of the two shares has "
    "no rows to divide by",
    sentence="Among the rows whose {negative}, the share of {them} is {points} {higher} than among "
    "the rows whose {positive}.",
    reading="Above 0, facet d has a larger share of the rejections than of the acceptances.",
)
def demographic_disparity(a: Tally, d: Tally) -> Array:
    """Demographic disparity."""
    return disparity(a.n0, a.n1, d.n0, d.n1)


def _labels_by_group(a: Tally, d: Tally) -> tuple[Any, Any, Any, Any]:
    a, d = a.by_group, d.by_group
    return a.n0, a.n1, d.n0, d.n1


@metric(
    "CDDL",
    "(1/n) sum_i n_i DD_i,  i over the groups",
    aliases=("CDD",),
    needs=("label", "positive", "group"),
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    undefined="no group has both accepted and rejected rows",
    without_groups="DD",
    form=lambda a, d: strata(*_labels_by_group(a, d)),
    remark=lambda a, d: remarks_on_groups(*_labels_by_group(a, d)),
    sentence="Where {group} is the same, among the rows whose {negative}, the share of {them} is "
    "on average {points} {higher} than among the rows whose {positive}.",
    reading="Above 0, facet d has, within groups, a larger share of the rejections than of the "
    "acceptances.",
)
def conditional_demographic_disparity_in_labels(a: Tally, d: Tally) -> Array:
    """Conditional demographic disparity in labels."""
    return within_groups(*_labels_by_group(a, d))


def _mean_relative_entropy(p: Array, q: Array) -> Array:
    mean = (p + q) / 2
    return (_relative_entropy(p, mean) + _relative_entropy(q, mean)) / 2


def _slopes_of_relative_entropy(p: Array, q: Array) -> tuple[Array, Array]:
    """Gradients of the root of a Kullback-Leibler divergence."""
    twice = 2 * np.sqrt(_relative_entropy(p, q))[..., np.newaxis]
    return divide(np.log(p / q) + 1, twice), divide(-p / q, twice)


def _slopes_of_mean_relative_entropy(p: Array, q: Array) -> tuple[Array, Array]:
    """Gradients of the root of a Jensen-Shannon divergence."""
    mean, four = (p + q) / 2, 4 * np.sqrt(_mean_relative_entropy(p, q))[..., np.newaxis]
    return divide(np.log(p / mean), four), divide(np.log(q / mean), four)


def _euclidean_chance(null: Any) -> Array:
    """Length of a difference due to chance alone: a sum of squares, nearly a Gamma variable."""
    p = null.shares
    mean = (p * (1 - p)).sum(axis=-1)
    square = np.square(p).sum(axis=-1)
    variance = 2 * (square - 2 * (p * np.square(p)).sum(axis=-1) + square * square)
    spread = divide(variance, 9 * mean * mean)
    square = mean * null.scale * np.maximum(1 - spread + null.z * np.sqrt(spread), 0) ** 3
    return np.asarray(np.sqrt(square))


def _relative_entropy(p: Array, q: Array) -> Array:
    """Kullback-Leibler divergence of distributions on the last axis, where 0 ln 0 is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p == 0, 0.0, p * np.log(p / q))
    total = np.asarray(terms.sum(axis=-1))
    # The terms of equal distributions can sum to -1e-17; no divergence is negative.
    return np.where(total < 0, 0.0, total)
