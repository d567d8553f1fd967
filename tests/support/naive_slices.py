"""Slices by brute force: every one found and counted row by row, in plain Python and SciPy.

A row is a mapping by column; what is missing is None. Nothing here knows of joint tables.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from scipy import stats

Row = dict[str, Any]
#: Whether a row is in a metric's denominator, and whether it is in its numerator.
Rate = Callable[[Row], tuple[bool, bool]]

#: For each metric, its rate and the side that is subtracted.
RATES: dict[str, tuple[Rate, str]] = {
    "DPL": (lambda r: (True, r["y"] == 1), "d"),
    "DPPL": (lambda r: (True, r["predicted"] == 1), "d"),
    "AD": (lambda r: (True, r["y"] == r["predicted"]), "d"),
    "RD": (lambda r: (r["y"] == 1, r["predicted"] == 1), "d"),
    "FPRD": (lambda r: (r["y"] == 0, r["predicted"] == 1), "a"),
}


class Slice(NamedTuple):
    """One slice: its conditions, its two sides as (counted, of) and what is missing."""

    conditions: tuple[tuple[str, Any], ...]
    d: tuple[int, int]
    a: tuple[int, int]
    n_missing: int


def slices(
    rows: Sequence[Row], columns: Sequence[str], metric: str, depth: int, min_rows: int
) -> list[Slice]:
    """Every slice with enough rows on both sides, one for all of the same rows."""
    rate, _ = RATES[metric]
    usable = [r for r in rows if r["y"] is not None]
    if metric != "DPL":
        usable = [r for r in usable if r["predicted"] is not None]
    usable = [r for r in usable if rate(r)[0]]
    made: dict[frozenset[int], Slice] = {}
    for k in range(1, depth + 1):
        for chosen in itertools.combinations(columns, k):
            known = [i for i, r in enumerate(usable) if all(r[c] is not None for c in chosen)]
            values = sorted({tuple(usable[i][c] for c in chosen) for i in known})
            for value in values:
                inside = {i for i in known if tuple(usable[i][c] for c in chosen) == value}
                outside = [i for i in known if i not in inside]
                if min(len(inside), len(outside)) < max(min_rows, 1):
                    continue
                one = Slice(
                    tuple(zip(chosen, value, strict=True)),
                    (sum(rate(usable[i])[1] for i in inside), len(inside)),
                    (sum(rate(usable[i])[1] for i in outside), len(outside)),
                    len(usable) - len(known),
                )
                made.setdefault(frozenset(inside), one)
    return list(made.values())


def interval(one: Slice, metric: str, tail: float) -> tuple[float, float, float]:
    """Estimate and the ends of its interval, in the metric's sign."""
    plus, minus = (one.d, one.a) if RATES[metric][1] == "a" else (one.a, one.d)
    p, p_low, p_high = limits(*plus, tail)
    q, q_low, q_high = limits(*minus, tail)
    return (
        float(Fraction(*plus) - Fraction(*minus)),
        p - q - math.hypot(p - p_low, q_high - q),
        p - q + math.hypot(p_high - p, q - q_low),
    )


def limits(x: int, n: int, tail: float) -> tuple[float, float, float]:
    """Proportion and Jeffreys' limits of it."""
    beta = stats.beta(x + 0.5, n - x + 0.5)
    return x / n, beta.ppf(tail) if x else 0.0, beta.isf(tail) if x < n else 1.0


def p_value(one: Slice) -> float:
    """Likelihood-ratio test of two proportions."""
    (x, n), (y, m) = one.d, one.a
    both = (x + y) / (n + m)
    g = 0.0
    for seen, expected in (
        (x, n * both),
        (n - x, n * (1 - both)),
        (y, m * both),
        (m - y, m * (1 - both)),
    ):
        g += 2 * seen * math.log(seen / expected) if seen else 0.0
    return float(stats.chi2.sf(max(g, 0.0), 1))


def adjusted(p: Sequence[float]) -> list[float]:
    """P-values adjusted by Holm's rule."""
    order = sorted(range(len(p)), key=p.__getitem__)
    made, most = [0.0] * len(p), 0.0
    for done, i in enumerate(order):
        most = max(most, min(p[i] * (len(p) - done), 1.0))
        made[i] = most
    return made


def name(one: Slice) -> str:
    return " & ".join(f"{column}={value}" for column, value in one.conditions)
