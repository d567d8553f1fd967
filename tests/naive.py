"""Every metric from its definition, on rows, in plain Python: slow, obvious, and the oracle.

A row is ``(side, label, group)``: side "a" or "d", and the values of its columns. Nothing here
knows of counts, of NumPy, or of the library's code. What is undefined is None.
"""

from __future__ import annotations

import math
from typing import Any

Row = tuple[str, Any, Any]


def share(part: list[Any], whole: list[Any]) -> float | None:
    return len(part) / len(whole) if whole else None


def side(rows: list[Row], name: str) -> list[Row]:
    return [row for row in rows if row[0] == name]


def positive_share(rows: list[Row], positive: set[Any]) -> float | None:
    return share([row for row in rows if row[1] in positive], rows)


def distributions(rows: list[Row]) -> list[tuple[float, float]] | None:
    a, d = side(rows, "a"), side(rows, "d")
    if not a or not d:
        return None
    labels = {label for _, label, _ in rows}
    return [
        (sum(r[1] == y for r in a) / len(a), sum(r[1] == y for r in d) / len(d)) for y in labels
    ]


def divergence(pairs: list[tuple[float, float]]) -> float:
    total = 0.0
    for p, q in pairs:
        if p > 0 and q == 0:
            return math.inf
        if p > 0:
            total += p * math.log(p / q)
    return total


def ci(rows: list[Row], positive: set[Any]) -> float | None:
    a, d = len(side(rows, "a")), len(side(rows, "d"))
    return (a - d) / (a + d) if a + d else None


def dpl(rows: list[Row], positive: set[Any]) -> float | None:
    q_a = positive_share(side(rows, "a"), positive)
    q_d = positive_share(side(rows, "d"), positive)
    return None if q_a is None or q_d is None else q_a - q_d


def kl(rows: list[Row], positive: set[Any]) -> float | None:
    pairs = distributions(rows)
    return None if pairs is None else divergence(pairs)


def js(rows: list[Row], positive: set[Any]) -> float | None:
    pairs = distributions(rows)
    if pairs is None:
        return None
    to_mean_a = divergence([(p, (p + q) / 2) for p, q in pairs])
    to_mean_d = divergence([(q, (p + q) / 2) for p, q in pairs])
    return (to_mean_a + to_mean_d) / 2


def lp(rows: list[Row], positive: set[Any]) -> float | None:
    pairs = distributions(rows)
    return None if pairs is None else math.sqrt(sum((p - q) ** 2 for p, q in pairs))


def tvd(rows: list[Row], positive: set[Any]) -> float | None:
    pairs = distributions(rows)
    return None if pairs is None else sum(abs(p - q) for p, q in pairs) / 2


def ks(rows: list[Row], positive: set[Any]) -> float | None:
    pairs = distributions(rows)
    return None if pairs is None else max(abs(p - q) for p, q in pairs)


def dd(rows: list[Row], positive: set[Any]) -> float | None:
    accepted = [row for row in rows if row[1] in positive]
    rejected = [row for row in rows if row[1] not in positive]
    d_of_rejected = share(side(rejected, "d"), rejected)
    d_of_accepted = share(side(accepted, "d"), accepted)
    return None if d_of_rejected is None or d_of_accepted is None else d_of_rejected - d_of_accepted


def cddl(rows: list[Row], positive: set[Any]) -> float | None:
    total, weight = 0.0, 0
    for group in {row[2] for row in rows}:
        stratum = [row for row in rows if row[2] == group]
        disparity = dd(stratum, positive)
        if disparity is not None:
            total += len(stratum) * disparity
            weight += len(stratum)
    return total / weight if weight else None


METRICS = {
    "CI": ci,
    "DPL": dpl,
    "KL": kl,
    "JS": js,
    "LP": lp,
    "TVD": tvd,
    "KS": ks,
    "DD": dd,
    "CDDL": cddl,
}
