"""Metrics of adverse impact: what selection rates, within groups too, say of two sides.

A report has them only where they are named. Sources: US Uniform Guidelines on Employee Selection
Procedures, 29 CFR 1607.4; N. Mantel and W. Haenszel, "Statistical aspects of the analysis of data
from retrospective studies of disease", Journal of the National Cancer Institute 22, 1959.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from biaskit.counts.tables import Tally, divide
from biaskit.metrics import forms
from biaskit.metrics.forms import Share
from biaskit.metrics.groups import Groups, breslow_day, groups_of, odds_parts, weights
from biaskit.metrics.metric import Array, metric

__all__: list[str] = []  # the metrics are gathered by `biaskit.metrics`

_LABELS = ("label", "positive")
# A p-value of the homogeneity of odds ratios that is worth a note.
_DIFFERS = 0.05


def _share(side: Tally) -> Share:
    return Share(side.n1, side.n)


@metric(
    "LDI",
    "q_d / q_a,  q = n(1) / n",
    needs=_LABELS,
    bounds=(0, math.inf),
    parity=1,
    against_d="<",
    kind="ratio",
    swap="inverts",
    rate=lambda side: (side.n1, side.n),
    undefined="neither side has a positive label",
    only_named=True,
    sentence="The share whose {positive} is {compared}.",
    reading="Below 1, facet d has a smaller share of positive labels than facet a. It is DI of the "
    "labels, without a model; with `reference=` it is the adverse impact ratio.",
)
def disparate_impact_of_labels(a: Tally, d: Tally) -> Array:
    """Disparate impact of labels."""
    return divide(d.q, a.q)


@metric(
    "OR",
    "n_d(1) n_a(0) / (n_d(0) n_a(1))",
    needs=_LABELS,
    bounds=(0, math.inf),
    parity=1,
    against_d="<",
    kind="ratio",
    swap="inverts",
    form=lambda a, d: forms.Odds(_share(d), _share(a)),
    undefined="no side has both labels that are positive and labels that are not",
    only_named=True,
    sentence="The odds that {positive} are {value} times as high for {them} as for {others}.",
    endless="The odds that {positive} are infinitely higher for {them} than for {others}: one of "
    "the two sides has only one outcome.",
    reading="Below 1, the odds of a positive label are lower in facet d than in facet a.",
)
def odds_ratio(a: Tally, d: Tally) -> Array:
    """Odds ratio."""
    d1, d0, a1, a0 = (np.asarray(one, dtype=np.float64) for one in (d.n1, d.n0, a.n1, a.n0))
    return divide(d1 * a0, d0 * a1)


def _owed(a: Tally, d: Tally) -> Array:
    """Positive labels that a unit of difference between the shares takes from side d."""
    n_a, n_d = (np.asarray(side.n, dtype=np.float64) for side in (a, d))
    return divide(n_a * n_d, n_a + n_d)


def _shortfall_form(a: Tally, d: Tally) -> forms.Curves:
    rows = _owed(a, d)

    def owed(share: Array) -> Array:
        return np.asarray(rows * share)

    return forms.Curves(forms.Curve(owed, (_share(a),)), forms.Curve(owed, (_share(d),)))


def _to_the_rate_of_a(a: Tally, d: Tally) -> list[str]:
    """Shortfall by the other convention: to the rate of side a, not of both together."""
    owed = np.atleast_1d(d.n * (a.q - d.q))
    return [f"to the share of side a: {one:.4g}" if math.isfinite(one) else "" for one in owed]


@metric(
    "SF",
    "n_d q - n_d(1),  q = n(1) / n of both sides together",
    needs=_LABELS,
    bounds=(-math.inf, math.inf),
    parity=0,
    against_d=">",
    swap="negates",
    form=_shortfall_form,
    remark=_to_the_rate_of_a,
    only_named=True,
    sentence="At the share of {them} and {others} together, there would be {size} {more} of the "
    "former whose {positive}.",
    reading="How many positive labels facet d lacks to have the share that both sides have "
    "together, in rows.",
)
def shortfall(a: Tally, d: Tally) -> Array:
    """Shortfall."""
    return np.asarray(_owed(a, d) * (a.q - d.q))


def _turned(share: Array) -> Array:
    return np.asarray(2 * np.arcsin(np.sqrt(share)))


@metric(
    "CH",
    "2 asin(sqrt(q_a)) - 2 asin(sqrt(q_d))",
    aliases=("Cohen's h",),
    needs=_LABELS,
    bounds=(-math.pi, math.pi),
    parity=0,
    against_d=">",
    swap="negates",
    form=lambda a, d: forms.Curves(
        forms.Curve(_turned, (_share(a),)), forms.Curve(_turned, (_share(d),))
    ),
    only_named=True,
    sentence="Cohen's h, the gap between the shares whose {positive} on a scale on which gaps of "
    "rare outcomes compare with others, is {value} for {them}, compared with {others}.",
    reading="Above 0, facet d has a smaller share of positive labels than facet a, on a scale on "
    "which every share varies alike. (J. Cohen calls .2 small, .5 medium and .8 large.)",
)
def cohens_h(a: Tally, d: Tally) -> Array:
    """Cohen's h, effect size of two proportions."""
    return np.asarray(_turned(a.q) - _turned(d.q))


def _common_odds(a: Tally, d: Tally) -> forms.CommonOdds:
    return forms.CommonOdds(_share(d.by_group), _share(a.by_group))


def _on_groups(a: Tally, d: Tally) -> list[str]:
    """Note, for each comparison, on odds ratios that differ between groups."""
    _, _, p = breslow_day(groups_of(a, d))
    return [
        f"the ratio differs between groups (Breslow-Day p {chance:.2g})"
        if chance < _DIFFERS
        else ""
        for chance in np.atleast_1d(p).tolist()
    ]


@metric(
    "MHOR",
    "sum_i n_di(1) n_ai(0) / n_i  /  sum_i n_di(0) n_ai(1) / n_i,  i over the groups",
    aliases=("Mantel-Haenszel odds ratio",),
    needs=(*_LABELS, "group"),
    bounds=(0, math.inf),
    parity=1,
    against_d="<",
    kind="ratio",
    swap="inverts",
    form=_common_odds,
    remark=_on_groups,
    undefined="no group has both sides and both outcomes",
    only_named=True,
    sentence="Where {group} is the same, the odds that {positive} are {value} times as high for "
    "{them} as for {others}.",
    endless="Where {group} is the same, the odds that {positive} are infinitely higher for {them} "
    "than for {others}: in every group one of the two sides has only one outcome.",
    reading="Below 1, the odds of a positive label are lower in facet d than in facet a, within "
    "groups.",
)
def mantel_haenszel_odds_ratio(a: Tally, d: Tally) -> Array:
    """Odds ratio within groups."""
    return divide(*odds_parts(groups_of(a, d)))


def _within(a: Tally, d: Tally) -> forms.Strata:
    of = groups_of(a, d)
    weight = weights(of)
    share = divide(weight, weight.sum(axis=-1, keepdims=True))
    return forms.Strata(Share(of.a1, of.n_a), Share(of.d1, of.n_d), np.nan_to_num(share))


@metric(
    "MHRD",
    "sum_i w_i (q_ai - q_di) / sum_i w_i,  w_i = n_ai n_di / n_i,  i over the groups",
    aliases=("Mantel-Haenszel risk difference",),
    needs=(*_LABELS, "group"),
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    form=_within,
    undefined="no group has both sides",
    without_groups="DPL",
    only_named=True,
    sentence="Where {group} is the same, the share whose {positive} is on average {points} {lower} "
    "among {them} than among {others}.",
    reading="Above 0, facet d has a smaller share of positive labels than facet a within groups.",
)
def mantel_haenszel_difference(a: Tally, d: Tally) -> Array:
    """Difference in proportions of labels within groups."""
    of: Groups = groups_of(a, d)
    weight = weights(of)
    gaps: Any = np.where(weight > 0, divide(of.a1, of.n_a) - divide(of.d1, of.n_d), 0.0)
    return divide((weight * gaps).sum(axis=-1), weight.sum(axis=-1))
