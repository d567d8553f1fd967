"""Post-training metrics: what a model's predictions say.

Source: Amazon SageMaker Developer Guide, "Measure Post-training Data and Model Bias", whose
formulas and signs these are. FPRD, FNRD and EO are not in it; other libraries have them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from biaskit.counts.tables import Tally, divide
from biaskit.metrics import forms
from biaskit.metrics.disparities import remarks_on_groups, strata, within_groups
from biaskit.metrics.forms import Share
from biaskit.metrics.metric import Array, metric

__all__: list[str] = []  # the metrics are gathered by `biaskit.metrics`

_PREDICTIONS = ("predicted", "positive")
_BOTH = ("label", "predicted", "positive")


@metric(
    "DPPL",
    "q'_a - q'_d,  q' = n'(1) / n",
    needs=_PREDICTIONS,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    rate=lambda side: (side.n1_hat, side.n),
    sentence="The share predicted positive is {compared}.",
    reading="Above 0, facet d has a smaller share of positive predictions than facet a.",
)
def difference_in_positive_proportions_in_predicted_labels(a: Tally, d: Tally) -> Any:
    """Difference in positive proportions in predicted labels."""
    return a.q_hat - d.q_hat


@metric(
    "DI",
    "q'_d / q'_a",
    needs=_PREDICTIONS,
    bounds=(0, math.inf),
    parity=1,
    against_d="<",
    kind="ratio",
    swap="inverts",
    rate=lambda side: (side.n1_hat, side.n),
    undefined="neither side has a positive prediction",
    sentence="The share predicted positive is {compared}.",
    reading="Below 1, facet d has a smaller share of positive predictions than facet a. The "
    "four-fifths rule of US employment guidelines asks for 0.8 or more.",
)
def disparate_impact(a: Tally, d: Tally) -> Array:
    """Disparate impact."""
    return divide(d.q_hat, a.q_hat)


@metric(
    "DCAcc",
    "c_a - c_d,  c = n(1) / n'(1)",
    aliases=("DCA",),
    needs=_BOTH,
    bounds=(-math.inf, math.inf),
    parity=0,
    against_d="<",
    swap="negates",
    form=lambda a, d: forms.Curves(*(_quotient(s.tp, s.fn, s.fp) for s in (a, d))),
    undefined="a side has neither positive labels nor positive predictions, or neither side has "
    "positive predictions",
    sentence="For each row predicted positive, there are {size} {fewer} rows whose {positive} "
    "among {them} than among {others}.",
    endless="Among {d_if_below}, nobody is predicted positive, though there are rows whose "
    "{positive}: the difference between {them} and {others} is infinite.",
    reading="Below 0, the model gives facet d fewer positive predictions for its positive labels "
    "than it gives facet a.",
)
def difference_in_conditional_acceptance(a: Tally, d: Tally) -> Array:
    """Difference in conditional acceptance."""
    return _difference(divide(a.n1, a.n1_hat), divide(d.n1, d.n1_hat))


@metric(
    "DCR",
    "r_d - r_a,  r = n(0) / n'(0)",
    needs=_BOTH,
    bounds=(-math.inf, math.inf),
    parity=0,
    against_d="<",
    swap="negates",
    form=lambda a, d: forms.Curves(*(_quotient(s.tn, s.fp, s.fn) for s in (d, a))),
    undefined="a side has neither negative labels nor negative predictions, or neither side has "
    "negative predictions",
    sentence="For each row predicted negative, there are {size} {more} rows whose {negative} among "
    "{them} than among {others}.",
    endless="Among {d_if_above}, nobody is predicted negative, though there are rows whose "
    "{negative}: the difference between {them} and {others} is infinite.",
    reading="Below 0, the model gives facet d more negative predictions for its negative labels "
    "than it gives facet a.",
)
def difference_in_conditional_rejection(a: Tally, d: Tally) -> Array:
    """Difference in conditional rejection."""
    return _difference(divide(d.n0, d.n0_hat), divide(a.n0, a.n0_hat))


@metric(
    "SD",
    "TNR_d - TNR_a,  TNR = TN / (TN + FP)",
    needs=_BOTH,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    rate=lambda side: (side.tn, side.tn + side.fp),
    compares="d - a",
    undefined="a side has no negative labels",
    sentence="Among those whose {negative}, the share rightly predicted negative is {compared}.",
    reading="Above 0, the model rightly rejects a larger share of facet d among those whose label "
    "is negative: more of facet a are accepted though they should not be.",
)
def specificity_difference(a: Tally, d: Tally) -> Array:
    """Specificity difference."""
    return divide(d.tn, d.tn + d.fp) - divide(a.tn, a.tn + a.fp)


@metric(
    "RD",
    "TPR_a - TPR_d,  TPR = TP / (TP + FN)",
    needs=_BOTH,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    rate=lambda side: (side.tp, side.tp + side.fn),
    undefined="a side has no positive labels",
    sentence="Among those whose {positive}, the share rightly predicted positive is {compared}.",
    reading="Above 0, the model finds a smaller share of facet d among those whose label is "
    "positive.",
)
def recall_difference(a: Tally, d: Tally) -> Array:
    """Recall difference."""
    return divide(a.tp, a.tp + a.fn) - divide(d.tp, d.tp + d.fn)


@metric(
    "DAR",
    "PPV_a - PPV_d,  PPV = TP / (TP + FP)",
    needs=_BOTH,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    rate=lambda side: (side.tp, side.tp + side.fp),
    undefined="a side has no positive predictions",
    sentence="Among those predicted positive, the share whose {positive} is {compared}.",
    reading="Above 0, a smaller share of facet d really are positive among those predicted "
    "positive.",
)
def difference_in_acceptance_rates(a: Tally, d: Tally) -> Array:
    """Difference in acceptance rates."""
    return divide(a.tp, a.tp + a.fp) - divide(d.tp, d.tp + d.fp)


@metric(
    "DRR",
    "NPV_d - NPV_a,  NPV = TN / (TN + FN)",
    needs=_BOTH,
    bounds=(-1, 1),
    parity=0,
    against_d="<",
    swap="negates",
    rate=lambda side: (side.tn, side.tn + side.fn),
    compares="d - a",
    undefined="a side has no negative predictions",
    sentence="Among those predicted negative, the share whose {negative} is {compared}.",
    reading="Below 0, a smaller share of facet d really are negative among those predicted "
    "negative: more of facet d are rejected wrongly.",
)
def difference_in_rejection_rates(a: Tally, d: Tally) -> Array:
    """Difference in rejection rates."""
    return divide(d.tn, d.tn + d.fn) - divide(a.tn, a.tn + a.fn)


@metric(
    "AD",
    "ACC_a - ACC_d,  ACC = (TP + TN) / n",
    needs=_BOTH,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    rate=lambda side: (side.tp + side.tn, side.n),
    sentence="The share of right predictions is {compared}.",
    reading="Above 0, the model is right less often about facet d.",
)
def accuracy_difference(a: Tally, d: Tally) -> Array:
    """Accuracy difference."""
    return divide(a.tp + a.tn, a.n) - divide(d.tp + d.tn, d.n)


@metric(
    "TE",
    "FN_d / FP_d - FN_a / FP_a",
    needs=_BOTH,
    bounds=(-math.inf, math.inf),
    parity=0,
    against_d=">",
    swap="negates",
    form=lambda a, d: forms.Curves(
        forms.Curve(_odds, (Share(d.fn, d.fn + d.fp),)),
        forms.Curve(_odds, (Share(a.fn, a.fn + a.fp),)),
    ),
    undefined="a side has no wrong predictions, or neither side has false positives",
    remark=lambda a, d: _few_false_positives(a, d),
    sentence="For each row wrongly predicted positive, there are {size} {more} wrongly predicted "
    "negative among {them} than among {others}.",
    endless="Among {d_if_above}, some are wrongly predicted negative and nobody is wrongly "
    "predicted positive: the difference between {them} and {others} is infinite.",
    reading="Above 0, the model's errors about facet d are more often wrong rejections, for each "
    "wrong acceptance, than those about facet a.",
)
def treatment_equality(a: Tally, d: Tally) -> Array:
    """Treatment equality."""
    return _difference(divide(d.fn, d.fp), divide(a.fn, a.fp))


def _predictions_by_group(a: Tally, d: Tally) -> tuple[Any, Any, Any, Any]:
    a, d = a.by_group, d.by_group
    return a.n0_hat, a.n1_hat, d.n0_hat, d.n1_hat


@metric(
    "CDDPL",
    "(1/n) sum_i n_i DD'_i,  DD' = n'_d(0) / n'(0) - n'_d(1) / n'(1),  i over the groups",
    needs=("predicted", "positive", "group"),
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    form=lambda a, d: strata(*_predictions_by_group(a, d)),
    undefined="no group has both positive and negative predictions",
    without_groups="DPPL",
    remark=lambda a, d: remarks_on_groups(*_predictions_by_group(a, d)),
    sentence="Where {group} is the same, among the rows predicted negative, the share of {them} is "
    "on average {points} {higher} than among the rows predicted positive.",
    reading="Above 0, facet d has, within groups, a larger share of the negative predictions than "
    "of the positive ones.",
)
def conditional_demographic_disparity_in_predicted_labels(a: Tally, d: Tally) -> Array:
    """Conditional demographic disparity in predicted labels."""
    return within_groups(*_predictions_by_group(a, d))


@metric(
    "FPRD",
    "FPR_d - FPR_a,  FPR = FP / (FP + TN)",
    needs=_BOTH,
    bounds=(-1, 1),
    parity=0,
    against_d="<",
    swap="negates",
    rate=lambda side: (side.fp, side.fp + side.tn),
    compares="d - a",
    undefined="a side has no negative labels",
    sentence="Among those whose {negative}, the share wrongly predicted positive is {compared}.",
    reading="Below 0, the model accepts a smaller share of facet d among those whose label is "
    "negative. It is -SD, under the name that other libraries use.",
)
def false_positive_rate_difference(a: Tally, d: Tally) -> Array:
    """False positive rate difference."""
    return divide(d.fp, d.fp + d.tn) - divide(a.fp, a.fp + a.tn)


@metric(
    "FNRD",
    "FNR_d - FNR_a,  FNR = FN / (FN + TP)",
    needs=_BOTH,
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    rate=lambda side: (side.fn, side.fn + side.tp),
    compares="d - a",
    undefined="a side has no positive labels",
    sentence="Among those whose {positive}, the share wrongly predicted negative is {compared}.",
    reading="Above 0, the model rejects a larger share of facet d among those whose label is "
    "positive. It is RD, under the name that other libraries use.",
)
def false_negative_rate_difference(a: Tally, d: Tally) -> Array:
    """False negative rate difference."""
    return divide(d.fn, d.fn + d.tp) - divide(a.fn, a.fn + a.tp)


@metric(
    "EO",
    "max(|FPR_d - FPR_a|, |FNR_d - FNR_a|)",
    needs=_BOTH,
    bounds=(0, 1),
    parity=0,
    against_d="!=",
    swap="keeps",
    form=lambda a, d: forms.Largest(
        (
            forms.Difference(Share(d.fp, d.fp + d.tn), Share(a.fp, a.fp + a.tn)),
            forms.Difference(Share(d.fn, d.fn + d.tp), Share(a.fn, a.fn + a.tp)),
        )
    ),
    undefined="a side has no positive, or no negative, labels",
    largest_of=("FPRD", "FNRD"),
    sentence="The larger of two gaps, in the share wrongly predicted positive and in the "
    "share wrongly predicted negative, is {largest}.",
    reading="The larger of two gaps between the facets, in how often the model is wrong about "
    "negative labels and about positive ones; 0 is equalised odds.",
)
def equalized_odds(a: Tally, d: Tally) -> Array:
    """Equalised odds, the larger of the two gaps."""
    false_positives = false_positive_rate_difference(a, d)
    false_negatives = false_negative_rate_difference(a, d)
    return np.maximum(np.abs(false_positives), np.abs(false_negatives))


@metric(
    "GE",
    "(1 / 2n) sum_i ((b_i / mean(b))^2 - 1),  b_i = y'_i - y_i + 1",
    needs=_BOTH,
    bounds=(0, math.inf),
    parity=0,
    against_d="!=",
    kind="inequality",
    swap="keeps",
    form=lambda a, d: forms.Curves(_inequality(a.n + d.n, a.fp + d.fp, a.fn + d.fn)),
    undefined="every prediction is a false negative: nobody has a benefit",
    remark=lambda a, _: ["over both sides together, so no test"] * len(a.cells),
    sentence="The inequality of the model's benefits, over the rows of both sides together, "
    "is {value}, where 0 is equality; the sides are not compared.",
    reading="How unequally the model gives out benefits (2 for a false positive, 0 for a false "
    "negative, 1 for a right prediction), over all rows of both facets.",
)
def generalized_entropy(a: Tally, d: Tally) -> Array:
    """Generalised entropy of order 2."""
    n, fp, fn = a.n + d.n, a.fp + d.fp, a.fn + d.fn
    total = n + fp - fn  # of the benefits; their squares sum to n + 3 FP - FN
    return (divide(n * (n + 3.0 * fp - fn), np.square(total, dtype=np.float64)) - 1) / 2


@metric(
    "FT",
    "(F+ - F-) / n_d",
    needs=("predicted", "positive", "features"),
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="changes",
    undefined="a side has no row in the sample, or the weights of the facet value's rows sum to 0",
    sentence="Among {them}, the share who are refused although most of those like them among "
    "{others} are accepted is {points} {higher} than the share who are accepted although most "
    "of those are refused.",
    reading="F+ counts the members of facet d with a negative prediction whose nearest neighbours "
    "in facet a, by their features, mostly have a positive one; F- counts the reverse. Above 0, "
    "facet d is worse off than similar members of facet a.",
)
def flip_test(a: Tally, d: Tally) -> Array:
    """Flip test: counterfactual fairness by nearest neighbours."""
    # Neighbours are found among rows, which a table lacks: `biaskit.reports.fliptest` finds them.
    return np.full(np.shape(a.n + d.n), np.nan)


def _difference(one: Array, other: Array) -> Array:
    """Difference in which two equal infinities are undefined, without a warning."""
    with np.errstate(invalid="ignore"):
        return one - other


def _odds(share: Array) -> Array:
    return divide(share, 1 - share)


def _quotient(both: Any, over: Any, under: Any) -> forms.Curve:
    """Form of ``(both + over) / (both + under)`` as a function of two proportions.

    They are the share of `both` in all these rows, and the share of `over` in the rest.
    """
    others = over + under

    def value(both: Array, over: Array) -> Array:
        rest = 1 - both
        return divide(both + rest * over, both + rest * (1 - over))

    return forms.Curve(value, (Share(both, both + others), Share(over, others)))


def _inequality(n: Any, fp: Any, fn: Any) -> forms.Curve:
    """GE as a function of the share of wrong predictions and of the false negatives among them."""

    def value(wrong: Array, negative: Array) -> Array:
        fp, fn = wrong * (1 - negative), wrong * negative
        return np.asarray((divide(1 + 3 * fp - fn, np.square(1 + fp - fn)) - 1) / 2)

    return forms.Curve(value, (Share(fp + fn, n), Share(fn, fp + fn)))


def _few_false_positives(a: Tally, d: Tally) -> list[str]:
    few = np.minimum(a.fp, d.fp) < 5
    return ["fewer than 5 false positives on a side: the ratio is loose" if f else "" for f in few]
