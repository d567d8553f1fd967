"""Every metric from its definition, on rows, in plain Python: slow, obvious, and the oracle.

A row is ``(side, label, group, predicted)``: side "a" or "d", the label and the group as they stand
in the column, and whether the prediction is positive. Nothing here knows of counts, of NumPy, or of
the library's code. What is undefined is None.
"""

from __future__ import annotations

import itertools
import math
import statistics
from fractions import Fraction
from typing import Any

Row = tuple[str, Any, Any, Any]


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
    labels = {label for _, label, _, _ in rows}
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


def outcomes(rows: list[Row], positive: set[Any]) -> list[tuple[bool, bool]]:
    """Whether each row's label, and its prediction, is positive."""
    return [(label in positive, predicted) for _, label, _, predicted in rows]


def rate(rows: list[Row], name: str, positive: set[Any], of: Any, which: Any) -> float | None:
    """Among one side's rows for which `of` holds, the share of those for which `which` does."""
    whole = [pair for pair in outcomes(side(rows, name), positive) if of(*pair)]
    return share([pair for pair in whole if which(*pair)], whole)


def gap(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def quotient(numerator: float, denominator: float) -> float | None:
    if denominator:
        return numerator / denominator
    return math.inf if numerator else None


def rate_gap(first: str, of: Any, which: Any) -> Any:
    """Metric that is the rate on one side less that on the other."""
    second = "d" if first == "a" else "a"

    def found(rows: list[Row], positive: set[Any]) -> float | None:
        return gap(rate(rows, first, positive, of, which), rate(rows, second, positive, of, which))

    return found


def ratio_gap(first: str, numerator: Any, denominator: Any) -> Any:
    """Metric that is a ratio of counts on one side less that on the other."""
    second = "d" if first == "a" else "a"

    def ratio(rows: list[Row], positive: set[Any]) -> float | None:
        pairs = outcomes(rows, positive)
        return quotient(
            sum(numerator(*pair) for pair in pairs), sum(denominator(*pair) for pair in pairs)
        )

    def found(rows: list[Row], positive: set[Any]) -> float | None:
        one, other = ratio(side(rows, first), positive), ratio(side(rows, second), positive)
        return None if one == other == math.inf else gap(one, other)

    return found


def di(rows: list[Row], positive: set[Any]) -> float | None:
    shares = [share([r for r in side(rows, s) if r[3]], side(rows, s)) for s in ("d", "a")]
    return None if None in shares else quotient(*shares)


def cddpl(rows: list[Row], positive: set[Any]) -> float | None:
    return cddl([(s, predicted, group, None) for s, _, group, predicted in rows], {True})


def eo(rows: list[Row], positive: set[Any]) -> float | None:
    gaps = [METRICS[symbol](rows, positive) for symbol in ("FPRD", "FNRD")]
    return None if None in gaps else max(abs(one) for one in gaps)


def ge(rows: list[Row], positive: set[Any]) -> float | None:
    benefits = [predicted - label + 1 for label, predicted in outcomes(rows, positive)]
    mean = sum(benefits) / len(benefits)
    if not mean:
        return None
    return sum((b / mean) ** 2 - 1 for b in benefits) / (2 * len(benefits))


def anything(y: bool, p: bool) -> bool:
    return True


def squared_distance(one: tuple[Any, ...], other: tuple[Any, ...], units: list[float]) -> float:
    """Of features: numbers in their units, and 1 for each text that differs."""
    return sum(
        float(x != y) if isinstance(x, str) else ((x - y) / unit) ** 2
        for x, y, unit in zip(one, other, units, strict=True)
    )


def ft(rows: list[tuple[str, bool, tuple[Any, ...]]]) -> float | None:
    """Flip test of rows ``(side, predicted positive, features)``."""
    a, d = ([row for row in rows if row[0] == name] for name in "ad")
    if not a or not d:
        return None
    units = [
        0.0 if isinstance(column[0], str) else statistics.pstdev(column) or 1.0
        for column in zip(*(features for _, _, features in rows), strict=True)
    ]
    k = 5 if len(a) >= 10 else 1
    flips = 0
    for _, predicted, features in d:
        near = sorted((squared_distance(features, other, units), got) for _, got, other in a)
        reach = near[k - 1][0]
        closer = [got for square, got in near if square < reach * (1 - 1e-9)]
        tied = [got for s, got in near if reach * (1 - 1e-9) <= s <= reach * (1 + 1e-9)]
        votes = sum(closer) + Fraction((k - len(closer)) * sum(tied), len(tied))
        flips += 2 * votes > k and not predicted
        flips -= 2 * votes < k and predicted
    return flips / len(d)


def ldi(rows: list[Row], positive: set[Any]) -> float | None:
    shares = [positive_share(side(rows, name), positive) for name in ("d", "a")]
    return None if None in shares else quotient(*shares)


def square(rows: list[Row], positive: set[Any]) -> tuple[int, int, int, int]:
    """Positive labels and others of side d, and of side a."""
    ones = [sum(row[1] in positive for row in side(rows, name)) for name in ("d", "a")]
    return ones[0], len(side(rows, "d")) - ones[0], ones[1], len(side(rows, "a")) - ones[1]


def odds(rows: list[Row], positive: set[Any]) -> float | None:
    d1, d0, a1, a0 = square(rows, positive)
    return quotient(d1 * a0, d0 * a1)


def sf(rows: list[Row], positive: set[Any]) -> float | None:
    d = side(rows, "d")
    if not d or len(d) == len(rows):
        return None
    expected = len(d) * Fraction(sum(row[1] in positive for row in rows), len(rows))
    return float(expected - sum(row[1] in positive for row in d))


def ch(rows: list[Row], positive: set[Any]) -> float | None:
    shares = [positive_share(side(rows, name), positive) for name in ("a", "d")]
    if None in shares:
        return None
    turned = [2 * math.asin(math.sqrt(share)) for share in shares]
    return turned[0] - turned[1]


def mhor(rows: list[Row], positive: set[Any]) -> float | None:
    over = under = Fraction(0)
    for group in {row[2] for row in rows}:
        stratum = [row for row in rows if row[2] == group]
        d1, d0, a1, a0 = square(stratum, positive)
        over += Fraction(d1 * a0, len(stratum))
        under += Fraction(d0 * a1, len(stratum))
    found = quotient(over, under)
    return None if found is None else float(found)


def mhrd(rows: list[Row], positive: set[Any]) -> float | None:
    total = weight = Fraction(0)
    for group in {row[2] for row in rows}:
        stratum = [row for row in rows if row[2] == group]
        d1, d0, a1, a0 = square(stratum, positive)
        if d1 + d0 and a1 + a0:
            one = Fraction((d1 + d0) * (a1 + a0), len(stratum))
            total += one * (Fraction(a1, a1 + a0) - Fraction(d1, d1 + d0))
            weight += one
    return float(total / weight) if weight else None


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
    "DPPL": rate_gap("a", anything, lambda y, p: p),
    "DI": di,
    "DCAcc": ratio_gap("a", lambda y, p: y, lambda y, p: p),
    "DCR": ratio_gap("d", lambda y, p: not y, lambda y, p: not p),
    "SD": rate_gap("d", lambda y, p: not y, lambda y, p: not p),
    "RD": rate_gap("a", lambda y, p: y, lambda y, p: p),
    "DAR": rate_gap("a", lambda y, p: p, lambda y, p: y),
    "DRR": rate_gap("d", lambda y, p: not p, lambda y, p: not y),
    "AD": rate_gap("a", anything, lambda y, p: y == p),
    "TE": ratio_gap("d", lambda y, p: y and not p, lambda y, p: p and not y),
    "CDDPL": cddpl,
    "FPRD": rate_gap("d", lambda y, p: not y, lambda y, p: p),
    "FNRD": rate_gap("d", lambda y, p: y, lambda y, p: not p),
    "EO": eo,
    "GE": ge,
    "LDI": ldi,
    "OR": odds,
    "SF": sf,
    "CH": ch,
    "MHOR": mhor,
    "MHRD": mhrd,
}


#: A row of scores: the side, whether the label is positive, and the score.
Scored = tuple[str, bool, float]


def scores(rows: list[Scored], name: str, label: bool | None = None) -> list[float]:
    return [s for n, y, s in rows if n == name and label in (None, y)]


def average(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def outranks(higher: list[float], lower: list[float]) -> float | None:
    """Chance that one of the first is above one of the second, ties for a half."""
    if not higher or not lower:
        return None
    wins = sum((x > y) + (x == y) / 2 for x in higher for y in lower)
    return wins / (len(higher) * len(lower))


def aucd(rows: list[Scored]) -> float | None:
    return gap(*(outranks(scores(rows, n, True), scores(rows, n, False)) for n in "ad"))


def xaucd(rows: list[Scored]) -> float | None:
    return gap(
        outranks(scores(rows, "a", True), scores(rows, "d", False)),
        outranks(scores(rows, "d", True), scores(rows, "a", False)),
    )


def roc(positives: list[float], negatives: list[float]) -> list[tuple[Fraction, Fraction]]:
    """Corners of an ROC curve, from (0, 0) to (1, 1)."""
    thresholds = sorted({*positives, *negatives}, reverse=True)
    made = [(Fraction(0), Fraction(0))]
    for t in thresholds:
        fp, tp = (sum(x >= t for x in part) for part in (negatives, positives))
        made.append((Fraction(fp, len(negatives)), Fraction(tp, len(positives))))
    return made


def height(curve: list[tuple[Fraction, Fraction]], x: Fraction) -> Fraction:
    """Height of a curve inside of a piece that does not rise straight up."""
    for (x0, y0), (x1, y1) in itertools.pairwise(curve):
        if x0 < x1 and x0 <= x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    raise AssertionError(x)


def abroca(rows: list[Scored]) -> float | None:
    curves = []
    for name in "ad":
        positives, negatives = scores(rows, name, True), scores(rows, name, False)
        if not positives or not negatives:
            return None
        curves.append(roc(positives, negatives))
    places = sorted({x for curve in curves for x, _ in curve})
    area = Fraction(0)
    for left, right in itertools.pairwise(places):
        # Both are straight here: two places inside say where they are at the ends.
        third = (right - left) / 3
        one, two = (
            height(curves[0], x) - height(curves[1], x) for x in (left + third, right - third)
        )
        first, last = 2 * one - two, 2 * two - one
        if first * last >= 0:
            area += abs(first + last) / 2 * (right - left)
        else:
            area += (first**2 + last**2) / (2 * (abs(first) + abs(last))) * (right - left)
    return float(area)


def kss(rows: list[Scored]) -> float | None:
    a, d = scores(rows, "a"), scores(rows, "d")
    if not a or not d:
        return None
    return max(
        abs(sum(x <= t for x in a) / len(a) - sum(x <= t for x in d) / len(d)) for t in a + d
    )


def w1(rows: list[Scored]) -> float | None:
    a, d = scores(rows, "a"), scores(rows, "d")
    if not a or not d:
        return None
    places, total = sorted({*a, *d}), 0.0
    for left, right in itertools.pairwise(places):
        shares = [sum(x <= left for x in side) / len(side) for side in (a, d)]
        total += abs(shares[0] - shares[1]) * (right - left)
    return total


def mean_gap(label: bool | None) -> Any:
    return lambda rows: gap(*(average(scores(rows, n, label)) for n in "ad"))


def smd(rows: list[Scored]) -> float | None:
    difference = mean_gap(None)(rows)
    spread = statistics.pstdev(s for _, _, s in rows) if difference is not None else 0.0
    return None if difference is None or spread < 1e-6 else -difference / spread


def quantile(share: float) -> Any:
    def found(values: list[float]) -> float | None:
        rank = math.ceil(Fraction(str(share)) * len(values))
        return sorted(values)[max(rank, 1) - 1] if values else None

    return lambda rows: gap(*(found(scores(rows, n)) for n in "ad"))


def cald(rows: list[Scored]) -> float | None:
    return gap(*(average([y - s for n, y, s in rows if n == name]) for name in "ad"))


def brd(rows: list[Scored]) -> float | None:
    return gap(*(average([(y - s) ** 2 for n, y, s in rows if n == name]) for name in "da"))


def squared_calibration_error(rows: list[Scored]) -> float | None:
    parts: dict[int, list[Scored]] = {}
    for row in rows:
        parts.setdefault(max(math.ceil(Fraction(str(row[2])) * 10), 1), []).append(row)
    used = [part for part in parts.values() if len(part) > 1]
    total, n = 0.0, sum(map(len, used))
    for part in used:
        q = sum(y for _, y, _ in part) / len(part)
        expected = math.fsum(s for _, _, s in part) / len(part)
        total += len(part) * ((q - expected) ** 2 - q * (1 - q) / (len(part) - 1))
    return total / n if n else None


def ce2(rows: list[Scored]) -> float | None:
    return gap(*(squared_calibration_error([r for r in rows if r[0] == n]) for n in "da"))


FROM_SCORES = {
    "AUCD": aucd,
    "xAUCD": xaucd,
    "ABROCA": abroca,
    "KSS": kss,
    "W1": w1,
    "MSD": mean_gap(None),
    "SMD": smd,
    "BPC": mean_gap(True),
    "BNC": mean_gap(False),
    "QG10": quantile(0.1),
    "QG50": quantile(0.5),
    "QG90": quantile(0.9),
    "CALD": cald,
    "BRD": brd,
    "CE2": ce2,
}
