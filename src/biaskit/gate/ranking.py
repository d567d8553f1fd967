"""Ranking: how much the order of a model's attributions has changed since a baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import groupby

from biaskit.errors import RolesError, in_short, keywords_checked

__all__ = ["ndcg"]


@keywords_checked
def ndcg(current: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    """Normalised discounted cumulative gain: how well a ranking of features agrees with a baseline.

    Parameters
    ----------
    current, baseline
        Attribution by feature, 0 or more, such as the mean absolute SHAP values of today and of
        the training data: any mapping, or a pandas Series with the features as its index.

    Returns
    -------
    float
        1 where the features of today, in descending order, are in the order of the baseline, less
        where they are not; NaN where the baseline has no attribution above 0. Clarify raises its
        alarm below 0.90. Only the order of today's features matters, not the size of their values;
        features that are tied today share the mean gain of their places.

    Raises
    ------
    RolesError
        The features differ, or an attribution is negative or not a number.

    Notes
    -----
    ``DCG / iDCG`` with ``DCG = sum over i of a(f'_i) / log2(i + 1)``, where ``a`` is the baseline's
    attribution and ``f'_i`` the feature that stands in place i today; iDCG has the baseline's own
    order (SageMaker Clarify, "Feature attribution drift"). Ties are averaged, as scikit-learn's
    ``ndcg_score`` does: F. McSherry and M. Najork, "Computing information retrieval performance
    measures efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> baseline = {"SAT": 0.70, "GPA": 0.50, "rank": 0.05}
    >>> round(ndcg({"SAT": 0.10, "GPA": 0.20, "rank": 0.70}, baseline), 4)
    0.6876
    >>> round(ndcg(dict.fromkeys(baseline, 0.0), baseline), 4)  # no order at all
    0.8534
    """
    now, then = _attributions(current), _attributions(baseline)
    if unknown := sorted({*now} ^ {*then}):
        where = "the baseline" if unknown[0] in now else "today's attributions"
        raise RolesError(f"feature {unknown[0]!r} is not in {where}; both must have the same")
    best = _discounted_gain(then, by=then)
    return _discounted_gain(then, by=now) / best if best else math.nan


def _discounted_gain(worth: Mapping[str, float], by: Mapping[str, float]) -> float:
    """Sum of the gains, discounted by their places in a ranking; ties share the mean gain.

    Sums are rounded once, so that the order of the mappings does not matter.
    """
    gains: list[float] = []
    for _, group in groupby(sorted(by, key=by.__getitem__, reverse=True), key=by.__getitem__):
        tied = [*group]
        places = range(len(gains), len(gains) + len(tied))
        shared = math.fsum(1 / math.log2(place + 2) for place in places) / len(tied)
        gains += [worth[feature] * shared for feature in tied]
    return math.fsum(gains)


def _attributions(given: Mapping[str, float]) -> dict[str, float]:
    if not hasattr(given, "items"):
        raise RolesError(
            f"ndcg takes attributions by feature, a mapping or a Series; not {in_short(given)}"
        )
    made = {str(feature): float(value) for feature, value in given.items()}
    for feature, value in made.items():
        if not (0 <= value < math.inf):
            raise RolesError(
                f"the attribution of {feature!r} is {value!r}; NDCG needs numbers of 0 or more, "
                "such as mean absolute SHAP values"
            )
    return made
