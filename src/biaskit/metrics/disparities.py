"""Demographic disparity, over all rows or within groups: shared by CDDL and CDDPL."""

from __future__ import annotations

from typing import Any

import numpy as np

from biaskit.counts.tables import divide
from biaskit.metrics import forms
from biaskit.metrics.forms import Array, Share

__all__ = ["disparity", "remarks_on_groups", "strata", "within_groups"]


def disparity(a0: Any, a1: Any, d0: Any, d1: Any) -> Array:
    """Facet d's share of the rejections minus its share of the acceptances."""
    # Written this way, swapping the sides negates the result to the bit.
    return np.asarray((divide(d0 - a0, a0 + d0) - divide(d1 - a1, a1 + d1)) / 2)


def within_groups(a0: Any, a1: Any, d0: Any, d1: Any) -> Array:
    """Mean of the disparities within groups (the last axis), weighted by their rows.

    A group with no acceptances or no rejections has no disparity and is left out.
    """
    each = disparity(a0, a1, d0, d1)
    defined = ~np.isnan(each)
    n = np.where(defined, a0 + a1 + d0 + d1, 0)
    return divide((n * np.where(defined, each, 0)).sum(axis=-1), n.sum(axis=-1))


def strata(a0: Any, a1: Any, d0: Any, d1: Any) -> forms.Strata:
    """Proportions that `within_groups` is computed from."""
    zeros, ones = a0 + d0, a1 + d1
    n = np.where((zeros > 0) & (ones > 0), zeros + ones, 0)
    weight = np.nan_to_num(divide(n, n.sum(axis=-1, keepdims=True)))
    return forms.Strata(Share(d0, zeros), Share(d1, ones), weight)


def remarks_on_groups(a0: Any, a1: Any, d0: Any, d1: Any) -> list[str]:
    """Note, for each comparison, on groups that `within_groups` leaves out, or that are small."""
    n = a0 + a1 + d0 + d1
    left_out = (n > 0) & np.isnan(disparity(a0, a1, d0, d1))
    made = []
    for out, of, rows in zip(
        left_out.sum(axis=-1), (n > 0).sum(axis=-1), n.sum(axis=-1), strict=True
    ):
        some = f"{out} of {of} groups left out: no accepted or no rejected rows" if out else ""
        small = (
            "fewer than 10 rows a group: the interval may be too narrow" if rows < 10 * of else ""
        )
        made.append("; ".join(filter(None, [some, small])))
    return made
