"""Metrics: each one a pure function of the tallies of facet a and facet d, declared once.

A metric never looks at leading axes, so one call serves every facet value. What is declared beside
the function is all that reports, the command line, the documents and the generic tests know of it.
Formulas and signs are those of the Amazon SageMaker Developer Guide, "Pre-training Bias Metrics".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import RolesError, did_you_mean
from biaskit.tables import Tally, divide

__all__ = ["METRICS", "Metric", "chosen", "lp_norm", "metric"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A metric and the facts about it; calling it with the tallies of a and d gives its value.

    Parameters
    ----------
    symbol, aliases
        Clarify's short name, and others by which it may be asked for.
    formula
        The formula in the documents' notation.
    needs
        Roles that must be given for it: ``label``, ``group``, ``positive`` ...
    bounds
        Least and greatest value.
    parity
        The value that means no difference.
    against_d
        ``">"`` or ``"<"``: on which side of parity facet d is worse off; ``"!="`` for a distance,
        which has no direction.
    swap
        What changing a for d does: ``"negates"``, ``"keeps"`` or ``"changes"`` the value.
    undefined
        Why the value is NaN when both sides have rows.
    reading
        One sentence on what a value says.
    remark
        From the tallies, a note per facet value on how the value came about, or "".
    """

    symbol: str
    formula: str
    function: Callable[[Tally, Tally], Any]
    needs: tuple[str, ...]
    bounds: tuple[float, float]
    parity: float
    against_d: Literal[">", "<", "!="]
    swap: Literal["negates", "keeps", "changes"]
    reading: str
    undefined: str = "0/0"
    aliases: tuple[str, ...] = ()
    remark: Callable[[Tally, Tally], list[str]] | None = None

    def __call__(self, a: Tally, d: Tally) -> Array:
        """Value of the metric, with the leading axes of `a` and `d`."""
        return np.asarray(self.function(a, d), dtype=np.float64)

    @property
    def title(self) -> str:
        """What the symbol stands for: the first line of the function's docstring."""
        return (self.function.__doc__ or self.symbol).strip().splitlines()[0].rstrip(".")

    @property
    def stage(self) -> str:
        """``"post-training"`` for a metric of predictions, else ``"pre-training"``."""
        return "post-training" if "predicted" in self.needs else "pre-training"


def metric(symbol: str, formula: str, **facts: Any) -> Callable[[Callable[..., Any]], Metric]:
    """Decorator that makes a `Metric` of a function of two tallies; `facts` are its other fields.

    >>> @metric("RR", "q_d / q_a", needs=("label", "positive"), bounds=(0, float("inf")), parity=1,
    ...         against_d="<", swap="changes", reading="The ratio of the positive rates.")
    ... def rate_ratio(a, d):
    ...     '''Ratio of positive rates.'''
    ...     return divide(d.q, a.q)
    >>> rate_ratio.title
    'Ratio of positive rates'
    """

    def declare(function: Callable[..., Any]) -> Metric:
        return Metric(symbol, formula, function, **facts)

    return declare


@metric(
    "CI",
    "(n_a - n_d) / (n_a + n_d)",
    needs=(),
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
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
    swap="changes",
    reading="How surprising facet a's labels would be to one who knows only facet d's, in nats; "
    "infinite where a has a label that d lacks.",
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
    swap="keeps",
    reading="How far the label distributions are from their mean, in nats; ln 2 where they share "
    "no label.",
)
def jensen_shannon_divergence(a: Tally, d: Tally) -> Array:
    """Jensen-Shannon divergence."""
    mean = (a.P + d.P) / 2
    return (_relative_entropy(a.P, mean) + _relative_entropy(d.P, mean)) / 2


def lp_norm(p: float) -> Metric:
    """Lp-norm of the difference between the label distributions, for any order `p` of at least 1.

    >>> lp_norm(1).symbol
    'LP(p=1)'

    Raises
    ------
    RolesError
        `p` is less than 1, where it would be no norm.
    """
    if not p >= 1:
        raise RolesError(f"lp_norm takes an order of 1 or more, not {p!r}")

    def norm(a: Tally, d: Tally) -> Any:
        """Lp-norm."""
        gap = np.abs(a.P - d.P)
        return gap.max(axis=-1) if math.isinf(p) else (gap**p).sum(axis=-1) ** (1 / p)

    return Metric(
        symbol="LP" if p == 2 else f"LP(p={p:g})",
        formula=f"(sum_y |P_a(y) - P_d(y)|^p)^(1/p),  p = {p:g}",
        function=norm,
        needs=("label",),
        bounds=(0, 2 ** (1 / p)),
        parity=0,
        against_d="!=",
        swap="keeps",
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
    reading="The share of one facet's rows whose label would have to change for the distributions "
    "to be equal.",
)
def total_variation_distance(a: Tally, d: Tally) -> Any:
    """Total variation distance."""
    return np.abs(a.P - d.P).sum(axis=-1) / 2


@metric(
    "KS",
    "max_y |P_a(y) - P_d(y)|",
    needs=("label",),
    bounds=(0, 1),
    parity=0,
    against_d="!=",
    swap="keeps",
    reading="The largest gap at any one label. (Clarify's definition: the labels have no order, so "
    "it is not the Kolmogorov-Smirnov statistic of cumulative distributions.)",
)
def kolmogorov_smirnov(a: Tally, d: Tally) -> Any:
    """Kolmogorov-Smirnov, largest gap between the label distributions."""
    return np.abs(a.P - d.P).max(axis=-1)


def _demographic_disparity(a: Tally, d: Tally) -> Array:
    return divide(d.n0, a.n0 + d.n0) - divide(d.n1, a.n1 + d.n1)


@metric(
    "DD",
    "n_d(0) / n(0) - n_d(1) / n(1)",
    needs=("label", "positive"),
    bounds=(-1, 1),
    parity=0,
    against_d=">",
    swap="negates",
    undefined="no positive labels, or none that are not: a share of none",
    reading="Above 0, facet d has a larger share of the rejections than of the acceptances.",
)
def demographic_disparity(a: Tally, d: Tally) -> Array:
    """Demographic disparity."""
    return _demographic_disparity(a, d)


def _strata_left_out(a: Tally, d: Tally) -> list[str]:
    strata_a, strata_d = a.by_group, d.by_group
    filled = (strata_a.n + strata_d.n) > 0
    left_out = filled & np.isnan(_demographic_disparity(strata_a, strata_d))
    return [
        f"{out} of {of} groups left out: no accepted or no rejected rows" if out else ""
        for out, of in zip(left_out.sum(axis=-1), filled.sum(axis=-1), strict=True)
    ]


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
    remark=_strata_left_out,
    reading="Above 0, facet d has, within groups, a larger share of the rejections than of the "
    "acceptances.",
)
def conditional_demographic_disparity_in_labels(a: Tally, d: Tally) -> Array:
    """Conditional demographic disparity in labels."""
    a, d = a.by_group, d.by_group
    disparity = _demographic_disparity(a, d)
    defined = ~np.isnan(disparity)
    n = np.where(defined, a.n + d.n, 0)
    return divide((n * np.where(defined, disparity, 0)).sum(axis=-1), n.sum(axis=-1))


def _relative_entropy(p: Array, q: Array) -> Array:
    """Kullback-Leibler divergence of distributions on the last axis, where 0 ln 0 is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p == 0, 0.0, p * np.log(p / q))
    total = np.asarray(terms.sum(axis=-1))
    # The terms of equal distributions can sum to -1e-17; no divergence is negative.
    return np.where(total < 0, 0.0, total)


#: Every metric by its symbol, in the order in which a report has them.
METRICS: Mapping[str, Metric] = {
    one.symbol: one
    for one in (
        class_imbalance,
        difference_in_proportions_of_labels,
        kullback_leibler_divergence,
        jensen_shannon_divergence,
        euclidean_norm,
        total_variation_distance,
        kolmogorov_smirnov,
        demographic_disparity,
        conditional_demographic_disparity_in_labels,
    )
}


def chosen(metrics: Iterable[str | Metric] | str | None) -> list[Metric] | None:
    """Metrics that a caller asks for by symbol, alias or themselves; None for no choice made.

    Raises
    ------
    RolesError
        No metric has this name.
    """
    if metrics is None:
        return None
    if isinstance(metrics, Mapping):
        metrics = metrics.values()
    if isinstance(metrics, (str, Metric)):
        metrics = [metrics]
    return [one if isinstance(one, Metric) else _named(one) for one in metrics]


def _named(name: str) -> Metric:
    for one in METRICS.values():
        if str(name).upper() in {one.symbol.upper(), *(alias.upper() for alias in one.aliases)}:
            return one
    raise RolesError(f"no metric {name!r}; {did_you_mean(str(name), METRICS)}")
