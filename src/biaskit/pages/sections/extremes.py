"""Extremes: the smallest and the largest of some rates, and whether chance alone makes as much."""

from __future__ import annotations

import math
from collections.abc import Sequence

from biaskit.pages.numbers import percent
from biaskit.reports.rates import ALL, APART, RateRow
from biaskit.reports.surely import FEW_ROWS
from biaskit.reports.words import value_in_words

__all__ = ["CHANCE", "from_to"]

#: What is said after a difference that the data do not show surely.
CHANCE = "; that could be chance"


def from_to(rows: Sequence[RateRow]) -> tuple[str, str]:
    """From which rate to which, and what is said of it where chance alone may make as much.

    Both are empty where fewer than two values have a rate. Values of few rows are passed over where
    two others are left: their rates are at the extremes by chance more often than any.

    >>> rows = [RateRow("f", value, "selection", share, low, high, n, 0)
    ...         for value, share, low, high, n in [("x", 0.2, 0.15, 0.26, 200),
    ...         ("y", 0.4, 0.34, 0.47, 200), ("z", 1.0, 0.4, 1.0, 2),
    ...         (APART, 0.8, 0.14, 0.85, 402)]]
    >>> from_to(rows)
    ('from 20.0 % (x) to 40.0 % (y)', '')
    """
    apart = next((one for one in rows if one.value == APART), None)
    values = [one for one in rows if one.value not in (ALL, APART)]
    known = [one for one in values if not math.isnan(one.estimate)]
    large = [one for one in known if one.n >= FEW_ROWS]
    shown = large if len(large) > 1 else known
    if apart is None or len(shown) < 2:
        return "", ""
    least, most = (of(shown, key=lambda one: one.estimate) for of in (min, max))
    told = (
        f"from {percent(least.estimate, 1)} ({value_in_words(least.value)}) to "
        f"{percent(most.estimate, 1)} ({value_in_words(most.value)})"
    )
    # Where values were passed over, the interval is not that of the two that are named.
    is_theirs = most.estimate - least.estimate == apart.estimate
    is_sure = apart.low > 0 and (is_theirs or most.low > least.high)
    return told, "" if is_sure else CHANCE
