"""A profile by definition: rows in plain Python, exact sums over every possible cell, and SciPy.

A row is a mapping by column; what is missing is None.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from scipy import stats

Row = dict[str, Any]


def known(rows: Sequence[Row], *columns: str) -> list[Row]:
    return [row for row in rows if all(row[one] is not None for one in columns)]


def entropy(values: Sequence[Any]) -> float:
    return -sum(n / len(values) * math.log(n / len(values)) for n in Counter(values).values())


def information(rows: Sequence[Row], one: str, other: str) -> float:
    """Entropy of one column less what is left of it within the values of the other."""
    left = 0.0
    for value in {row[one] for row in rows}:
        within = [row[other] for row in rows if row[one] == value]
        left += len(within) / len(rows) * entropy(within)
    return entropy([row[other] for row in rows]) - left


def expected_information(rows: Sequence[Row], one: str, other: str) -> float:
    """Mean of it over all ways to pair the values, from the law of each cell."""
    n = len(rows)
    total = 0.0
    for a in Counter(row[one] for row in rows).values():
        for b in Counter(row[other] for row in rows).values():
            for k in range(max(1, a + b - n), min(a, b) + 1):
                chance = math.comb(a, k) * math.comb(n - a, b - k) / math.comb(n, b)
                total += chance * k / n * math.log(k * n / (a * b))
    return total


def told(rows: Sequence[Row], one: str, other: str) -> tuple[float, float]:
    """Share of the entropy of the other column that one tells, and less what chance would."""
    of = entropy([row[other] for row in rows])
    seen = information(rows, one, other)
    return seen / of, (seen - expected_information(rows, one, other)) / of


def chi_squared(rows: Sequence[Row], one: str, other: str) -> float:
    n, total = len(rows), 0.0
    for x, a in Counter(row[one] for row in rows).items():
        for y, b in Counter(row[other] for row in rows).items():
            seen = sum(row[one] == x and row[other] == y for row in rows)
            total += (seen - a * b / n) ** 2 / (a * b / n)
    return total


def cramer(rows: Sequence[Row], one: str, other: str) -> tuple[float, float]:
    """Cramér's V, and with the correction of Bergsma; NaN where that leaves no degree."""
    n = len(rows)
    r, c = (len({row[name] for row in rows}) for name in (one, other))
    phi = chi_squared(rows, one, other) / n
    less = max(0.0, phi - (r - 1) * (c - 1) / (n - 1))
    left = min(one - (one - 1) ** 2 / (n - 1) for one in (r, c)) - 1
    return math.sqrt(phi / (min(r, c) - 1)), math.sqrt(less / left) if left > 0 else math.nan


def guess(rows: Sequence[Row], one: str, other: str) -> float:
    """Mean recall of guessing, for each value, what it makes most likelier than it is."""
    by: dict[Any, Any] = {}
    of = Counter(row[other] for row in rows)
    for x in {row[one] for row in rows}:
        within = Counter(row[other] for row in rows if row[one] == x)
        by[x] = max(within, key=lambda y: within[y] / of[y])
    right = Counter(row[other] for row in rows if by[row[one]] == row[other])
    return sum(right[y] / of[y] for y in of) / len(of)


def missing(rows: Sequence[Row], column: str, facet: str, value: Any) -> tuple[float, float]:
    """Share of the rows of a value, and of all others, in which a column is missing."""
    own = [row for row in rows if row[facet] == value]
    others = [row for row in rows if row[facet] not in (None, value)]
    return tuple(  # type: ignore[return-value]
        sum(row[column] is None for row in of) / len(of) if of else math.nan for of in (own, others)
    )


def binomial_mid_p(x: int, n: int, share: float) -> float:
    law = stats.binom(n, share)
    here = law.pmf(x) / 2
    return min(1.0, 2 * min(law.cdf(x - 1) + here, law.sf(x) + here))
