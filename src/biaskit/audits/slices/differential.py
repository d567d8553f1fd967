"""Differential fairness: how far apart the rates of two combinations of values are, at most."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from biaskit.audits.slices.joint import Array
from biaskit.audits.slices.searching import Search

__all__ = ["Differential", "differential_fairness", "farthest_apart"]


class Differential(NamedTuple):
    """Largest absolute logarithm of a ratio of rates, and the two that it is of."""

    epsilon: float
    #: Places of the larger rate and of the smaller one, of the outcome that it is the ratio of.
    larger: int
    smaller: int


def farthest_apart(x: Array, n: Array) -> Differential:
    """The pair of rates ``x / n`` whose ratio, or that of the other outcome, is farthest from 1.

    Rates are smoothed by half a row of either outcome (J. R. Foulds, R. Islam, K. N. Keya and S.
    Pan, "An intersectional definition of fairness", ICDE 2020).

    >>> farthest_apart(np.array([30.0, 10.0, 12.0]), np.array([100.0, 100.0, 100.0]))
    Differential(epsilon=1.0663..., larger=0, smaller=1)
    """
    both = [np.log((count + 0.5) / (n + 1)) for count in (x, n - x)]
    made = [
        Differential(float(log.max() - log.min()), int(log.argmax()), int(log.argmin()))
        for log in both
    ]
    return max(made, key=lambda one: one.epsilon)


def differential_fairness(search: Search) -> Differential | None:
    """The same of the slices that have a value in every column, as places in the lattice.

    None where the search is less deep, is for a gap, or has less than two of them.
    """
    lattice = search.lattice
    whole = np.flatnonzero(lattice.depth == len(lattice.joint.columns))
    if search.elsewhere is not None or len(whole) < 2:
        return None
    found = farthest_apart(*lattice.inside[0].take(whole).effective())
    larger, smaller = (int(whole[one]) for one in found[1:])
    return Differential(found.epsilon, larger, smaller)
