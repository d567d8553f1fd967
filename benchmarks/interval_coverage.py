"""What intervals cover, how often tests raise false alarms, and how often verdicts are wrong.

``python benchmarks/interval_coverage.py`` goes through cells whose truth is known and prints
summaries; ``--full FILE`` writes a line for every cell, ``--write`` puts the summaries into
docs/intervals.md. Intervals and p-values are the library's own, at 95 %. ``--only MHOR`` makes the
lines of the coverage of metrics within strata alone; the others stay as they are.

The cells. Rows a side: `ROWS`, in both orders. Shares with a positive label: `SHARES`, the same on
both sides, and two and ten times as rare on either (for .97: the other label two and ten times as
frequent). Predictions find .75 of the positives and .15 of the others; where shares are the same,
also .50 and .35 on one side. DPL and DI are enumerated: every table of two binomials with its
chance. All else is simulated with the rows of either side fixed; class imbalance, and "split"
cells of DD and GE, have one sample of both sides. A cell with the sides changed for each other says
the same of all metrics but KL, so one of the two is made, and KL is asked both ways.

Strata: eight groups, two to a half as large as the mean on side a and the other way round on side
d, with shares of 1.8 to .3 times that of the cell. Five labels: `FIVE`. An undefined estimate is
not counted, and a cell binds where at least half of the data sets define the number.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from biaskit import METRICS
from biaskit.counts.tables import Tally
from biaskit.gate.changes import Change, Series
from biaskit.gate.settling import by_its_ends
from biaskit.gate.verdicts import FAIL, PASS, Claim, verdicts
from biaskit.intervals.figures import Evidence, evidence_of, figures_of
from biaskit.metrics import Metric
from biaskit.reports.report import Row

Array = NDArray[np.float64]
Sides = Sequence[Array]

ROWS = [(30, 30), (200, 200), (5000, 5000), (1000, 30), (5000, 40), (5000, 200)]
ROWS += [(100_000, 100), (100_000, 1000)]
SHARES = [0.5, 0.3, 0.05, 0.01, 0.001, 0.97]
GAPS = [2, 10]
ALIKE, WORSE = (0.75, 0.15), (0.50, 0.35)
FIVE = {
    "common": [0.40, 0.25, 0.20, 0.10, 0.05],
    "rare": [0.90, 0.05, 0.03, 0.015, 0.005],
    "rarer": [0.97, 0.02, 0.007, 0.002, 0.001],
}
TWO = np.array([False, True])
LEVEL, Z2 = 0.95, 3.841458820694124
IN_STRATA = [METRICS[symbol] for symbol in ("CDDL", "CDDPL", "MHOR", "MHRD")]
CLOSED = [one for one in METRICS.values() if one.symbol != "CI" and one not in IN_STRATA]
OF_LABELS = [METRICS[symbol] for symbol in ("KL", "JS", "LP", "TVD", "KS")]
_AT_ONCE, _FISHERS = 20_000, 2_000


class Found(NamedTuple):
    """What was found of a metric in a cell, as shares of the data sets that define it."""

    metric: str
    cell: str
    defined: float
    covered: float
    #: Share of p < .05; NaN where the truth is not parity.
    alarms: float
    #: Share in which p and the interval contradict each other.
    contradicted: float
    width: float

    @property
    def binds(self) -> bool:
        """Whether at least half of the data sets define the number."""
        return self.defined >= 0.5


# Tables


def confusion(share: float, hit: float, wrong: float) -> Array:
    """Shares of the cells ``(label, predicted, group)`` of one side."""
    cells = [[(1 - share) * (1 - wrong), (1 - share) * wrong], [share * (1 - hit), share * hit]]
    return np.array(cells)[:, :, np.newaxis]


def in_strata(share: float, effect: float, on_d: bool) -> Array:
    """The same with eight groups of which the sides have different parts."""
    size, lean = np.linspace(2, 0.5, 8), np.linspace(1.8, 0.3, 8)
    if share > 0.9:
        shares = 1 - (1 - share) * lean * (effect if on_d else 1)
    else:
        shares = np.clip(share * lean * (effect if on_d else 1), 0, 0.95)
    size = (size[::-1] if on_d else size) / size.sum()
    return np.concatenate([confusion(one, *ALIKE) for one in shares], axis=2) * size


def drawn(rng: np.random.Generator, rows: int, shares: Array, sets: int) -> Array:
    """Simulated tables of one side, shape ``(sets, label, predicted, group)``."""
    return rng.multinomial(rows, shares.ravel() / shares.sum(), sets).reshape(sets, *shares.shape)


def tally(cells: Array, squares: Array | None = None) -> Tally:
    positive = TWO if cells.shape[-3] == 2 else np.arange(cells.shape[-3]) == 0
    return Tally(cells, positive, TWO if cells.shape[-2] == 2 else None, squares)


def evidence_for(metric: Metric, a: Tally, d: Tally) -> Evidence:
    squares = None
    if a.squares is not None and d.squares is not None:
        squares = metric.form_of(replace(a, cells=a.squares), replace(d, cells=d.squares))
    form = metric.form_of(a, d)
    assert form is not None
    return evidence_of(form, metric(a, d), squares)


def measured(
    metric: Metric,
    sides: Sides,
    truth: float,
    cell: str,
    *,
    chance: Array | None = None,
    test: bool = True,
    squares: Sequence[Array | None] = (None, None),
) -> Found:
    """Coverage and false alarms over tables that are as likely as `chance` says."""
    parts = []
    parity = math.nan if metric.kind == "inequality" or not test else metric.parity
    for start in range(0, len(sides[0]), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        a, d = (
            tally(side[part], None if of is None else of[part])
            for side, of in zip(sides, squares, strict=True)
        )
        evidence = evidence_for(metric, a, d)
        found = figures_of([evidence], [parity], [metric.bounds], LEVEL)[0]
        parts.append(np.stack([evidence.estimate, *found]))
    estimate, low, high, p = np.concatenate(parts, axis=1)
    weight = np.ones(len(estimate)) if chance is None else chance
    known = ~np.isnan(estimate)
    if not known.any():
        return Found(metric.symbol, cell, 0.0, *[math.nan] * 4)

    def share(of: NDArray[np.bool_]) -> float:
        return float(weight[known & of].sum() / weight[known].sum())

    slack = 1e-9 * (1 + abs(truth))
    outside = (low > metric.parity) | (high < metric.parity)
    finite = known & np.isfinite(high - low)
    at_parity = abs(truth - metric.parity) < 1e-12
    return Found(
        metric.symbol,
        cell,
        float(weight[known].sum() / weight.sum()),
        share((low <= truth + slack) & (high >= truth - slack)),
        share(p < 0.05 if test else outside) if at_parity else math.nan,
        share((outside != (p < 0.05)) & (np.abs(p - 0.05) > 1e-6) & ~np.isnan(p)),
        float(np.average((high - low)[finite], weights=weight[finite])) if finite.any() else 0.0,
    )


def truth_of(metric: Metric, *expected: Array) -> float:
    return float(metric(*(tally(side) for side in expected)))


# Cells


def both_orders() -> list[tuple[int, int]]:
    return [*ROWS, *((d, a) for a, d in ROWS if a != d)]


def rarer(share: float, times: float) -> float:
    return share / times if share < 0.9 else 1 - (1 - share) * times


def cells_of_shares() -> Iterator[tuple[tuple[int, int], tuple[float, float]]]:
    """Rows and shares of both sides, one of each pair that is the other with the sides changed."""
    for rows, share in product(ROWS, SHARES):
        yield rows, (share, share)
        for times in GAPS:
            yield rows, (share, rarer(share, times))
            if rows[0] != rows[1]:
                yield rows, (rarer(share, times), share)


def named(rows: tuple[int, int], shares: tuple[float, float], more: str = "") -> str:
    a, d = (f"{share:.5g}".lstrip("0") for share in shares)
    return f"{rows[0]:,}/{rows[1]:,}, {f'{a} on both' if a == d else f'{a}/{d}'}{more}"


# What is enumerated


def every_table(rows: tuple[int, int], shares: tuple[float, float]) -> tuple[Array, Array, Array]:
    """Positives on both sides in every table that is at all likely, and its chance."""
    x, y = (
        np.arange(stats.binom.ppf(1e-8, n, q), stats.binom.isf(1e-8, n, q) + 1)
        for n, q in zip(rows, shares, strict=True)
    )
    chance = np.outer(
        stats.binom.pmf(x, rows[0], shares[0]), stats.binom.pmf(y, rows[1], shares[1])
    )
    i, j = np.nonzero(chance > 1e-5 * chance.max())
    return x[i], y[j], chance[i, j]


def of_counts(x: Array, rows: int) -> Array:
    """Tables in which the label is the prediction, from the positives of some rows."""
    cells = np.zeros((len(x), 2, 2, 1))
    cells[:, 0, 0, 0], cells[:, 1, 1, 0] = rows - x, x
    return cells


def enumerated() -> Iterator[tuple[Found, list[Found]]]:
    """DPL and DI in every cell, each with what the methods of reference make of the same tables."""
    for rows, shares in cells_of_shares():
        x, y, chance = every_table(rows, shares)
        sides = of_counts(x, rows[0]), of_counts(y, rows[1])
        some = np.random.default_rng([*rows, round(1e6 * sum(shares))])
        few = some.choice(len(x), 1000, p=chance / chance.sum())
        name = named(rows, shares)
        for symbol, truth, score in (
            ("DPL", shares[0] - shares[1], miettinen_nurminen),
            ("DI", shares[1] / shares[0], koopman),
        ):
            metric = METRICS[symbol]
            own = measured(metric, sides, truth, name, chance=chance, test=False)
            if not own.binds:
                continue
            beside = []
            known = np.ones(len(x), dtype=bool) if symbol == "DPL" else x + y > 0
            here = measured(metric, (sides[0][few], sides[1][few]), truth, name, test=False)
            value = score(x, rows[0], y, rows[1], np.full(len(x), truth))
            held = np.abs(value) <= math.sqrt(Z2)
            ends = inverted(score, x[few], rows[0], y[few], rows[1], symbol == "DI")
            beside.append(_reference(score.__name__, own, chance, known, held, *ends, here))
            if symbol == "DPL":
                low, high = newcombe(x, rows[0], y, rows[1])
                held = (low <= truth + 1e-12) & (high >= truth - 1e-12)
                ends = low[few], high[few]
                beside.append(_reference("newcombe", own, chance, known, held, *ends, here))
                if shares[0] == shares[1] and len(x) <= _FISHERS:
                    p = np.array([fisher(*one, rows) for one in zip(x, y, strict=True)])
                    alarms = float(chance[p < 0.05].sum() / chance.sum())
                    beside.append(Found("fisher", name, 1.0, math.nan, alarms, math.nan, math.nan))
            yield own, beside


def _reference(
    name: str,
    own: Found,
    chance: Array,
    known: NDArray[np.bool_],
    held: NDArray[np.bool_],
    low: Array,
    high: Array,
    here: Found,
) -> Found:
    """Figures of another method; `width` is that of `here` by its own, over the same tables."""
    finite = np.isfinite(high - low)
    covered = float(chance[known & held].sum() / chance[known].sum())
    width = here.width / float((high - low)[finite].mean()) if finite.any() else math.nan
    alarms = math.nan if math.isnan(own.alarms) else 1 - covered
    return Found(name, own.cell, own.defined, covered, alarms, math.nan, width)


# Methods of reference


def wilson(x: Array, n: float) -> tuple[Array, Array]:
    middle, wide = x + Z2 / 2, np.sqrt(Z2 * (x * (1 - x / n) + Z2 / 4))
    return (middle - wide) / (n + Z2), (middle + wide) / (n + Z2)


def newcombe(x: Array, n: float, y: Array, m: float) -> tuple[Array, Array]:
    """R. G. Newcombe's hybrid score interval of a difference (Statistics in Medicine 17, 1998)."""
    (a_low, a_high), (d_low, d_high), p, q = wilson(x, n), wilson(y, m), x / n, y / m
    down, up = np.hypot(p - a_low, d_high - q), np.hypot(a_high - p, q - d_low)
    return p - q - down, p - q + up


def miettinen_nurminen(x: Array, n: float, y: Array, m: float, gap: Array) -> Array:
    """Score of a difference (O. Miettinen, M. Nurminen, Statistics in Medicine 4, 1985)."""
    p, q, ratio = x / n, y / m, m / n
    a, b = 1 + ratio, -(1 + ratio + p + ratio * q + gap * (ratio + 2))
    c = gap * gap + gap * (2 * p + ratio + 1) + p + ratio * q
    v = (b / (3 * a)) ** 3 - b * c / (6 * a * a) - p * gap * (1 + gap) / (2 * a)
    u = np.where(v < 0, -1, 1) * np.sqrt(np.maximum((b / (3 * a)) ** 2 - c / (3 * a), 0))
    with np.errstate(all="ignore"):
        turn = (math.pi + np.arccos(np.clip(np.where(u == 0, 0, v / u**3), -1, 1))) / 3
    on_a = np.clip(2 * u * np.cos(turn) - b / (3 * a), np.maximum(gap, 0), np.minimum(1 + gap, 1))
    on_d = np.clip(on_a - gap, 0, 1)
    variance = (on_a * (1 - on_a) / n + on_d * (1 - on_d) / m) * (n + m) / (n + m - 1)
    off = p - q - gap
    return np.where(np.abs(off) < 1e-12, 0, off / np.sqrt(np.maximum(variance, 1e-300)))


def koopman(x: Array, n: float, y: Array, m: float, ratio: Array) -> Array:
    """Score of a ratio, d's share by a's (P. A. R. Koopman, Biometrics 40, 1984)."""
    with np.errstate(all="ignore"):
        b = ratio * (m + x) + y + n
        root = np.sqrt(np.maximum(b * b - 4 * (n + m) * ratio * (x + y), 0))
        on_a = 2 * (x + y) / (b + root)
        on_d = np.minimum(ratio * on_a, 1)
        parts = [
            (count - rows * share) ** 2 / (rows * share * (1 - share))
            for count, rows, share in ((y, m, on_d), (x, n, on_a))
        ]
        size = np.sqrt(np.nan_to_num(parts[0]) + np.nan_to_num(parts[1]))
        return np.where(y * n >= ratio * x * m, size, -size)


def inverted(
    score: Callable[..., Array], x: Array, n: float, y: Array, m: float, ratio: bool
) -> Sides:
    """Ends at which a score that falls with the truth meets the level."""
    scale: Callable[[Array], Array] = np.exp if ratio else np.asarray
    with np.errstate(all="ignore"):
        middle = np.log((y / m) / (x / n)) if ratio else x / n - y / m
    most = 40.0 if ratio else 1.0
    ends = []
    for sign in (1, -1):
        near = np.clip(np.nan_to_num(middle, posinf=most, neginf=-most), -most, most)
        far = np.full_like(near, -most * sign)
        for _ in range(60):
            half = (near + far) / 2
            inside = sign * score(x, n, y, m, scale(half)) <= math.sqrt(Z2)
            near, far = np.where(inside, half, near), np.where(inside, far, half)
        ends.append(scale(near))
    low, high = ends
    if ratio:
        low, high = np.where(y == 0, 0, low), np.where(x == 0, np.inf, high)
    return low, high


def fisher(x: float, y: float, rows: tuple[int, int]) -> float:
    table = [[int(x), rows[0] - int(x)], [int(y), rows[1] - int(y)]]
    return float(stats.fisher_exact(table).pvalue)


# What is simulated


def simulated(sets: int, seed: int) -> Iterator[Found]:
    """Every metric of two labels, of five, within strata, and of one sample of both sides."""
    yield from _of_two_labels(sets, seed)
    yield from _of_five_labels(sets, seed)
    yield from _of_strata(sets, seed)
    yield from _of_one_sample(sets, seed)


def _of_two_labels(sets: int, seed: int) -> Iterator[Found]:
    for i, (rows, shares) in enumerate(cells_of_shares()):
        cells = [(ALIKE, ALIKE)]
        if shares[0] == shares[1]:
            cells += [(ALIKE, WORSE)] + [(WORSE, ALIKE)] * (rows[0] != rows[1])
        for j, models in enumerate(cells):
            rng = np.random.default_rng([seed, 1, i, j])
            laws = [confusion(q, *model) for q, model in zip(shares, models, strict=True)]
            sides = tuple(drawn(rng, n, law, sets) for n, law in zip(rows, laws, strict=True))
            more = {0: "", 1: ", worse on d", 2: ", worse on a"}[j]
            expected = [law * n for law, n in zip(laws, rows, strict=True)]
            test = shares[0] == shares[1] and j == 0
            for metric in CLOSED:
                if metric.symbol in ("DPL", "DI") or (j and metric.stage == "pre-training"):
                    continue
                ways = [(0, 1), (1, 0)] if metric.swap == "changes" else [(0, 1)]
                for a, d in ways if rows[0] != rows[1] else ways[:1]:
                    name = named((rows[a], rows[d]), (shares[a], shares[d]), more)
                    truth = truth_of(metric, expected[a], expected[d])
                    yield measured(metric, (sides[a], sides[d]), truth, name, test=test)


def _of_five_labels(sets: int, seed: int) -> Iterator[Found]:
    for i, (rows, name) in enumerate(product(both_orders(), FIVE)):
        base = np.array(FIVE[name])
        flat = base**0.85
        for j, (gap, on_d) in enumerate(
            {
                "no gap": base,
                "a gap": flat / flat.sum(),
                "turned": 0.7 * base + 0.3 * base[::-1],
            }.items()
        ):
            rng = np.random.default_rng([seed, 2, i, j])
            laws = [law.reshape(5, 1, 1) for law in (base, on_d)]
            sides = tuple(drawn(rng, n, law, sets) for n, law in zip(rows, laws, strict=True))
            for metric in OF_LABELS:
                cell = f"{rows[0]:,}/{rows[1]:,}, {name}, {gap}"
                one = measured(metric, sides, truth_of(metric, *laws), cell)
                yield one._replace(metric=f"{metric.symbol}, 5 labels")


def _of_strata(sets: int, seed: int) -> Iterator[Found]:
    for i, (rows, share, effect) in enumerate(product(both_orders(), SHARES, (1, 0.5, 1.6))):
        rng = np.random.default_rng([seed, 3, i])
        laws = [in_strata(share, effect, on_d) for on_d in (False, True)]
        sides = tuple(drawn(rng, n, law, sets) for n, law in zip(rows, laws, strict=True))
        expected = [law * n for law, n in zip(laws, rows, strict=True)]
        for metric in IN_STRATA:
            cell = f"{rows[0]:,}/{rows[1]:,}, {share:g} times {effect:g} on d"
            yield measured(metric, sides, truth_of(metric, *expected), cell, test=effect == 1)


def _of_one_sample(sets: int, seed: int) -> Iterator[Found]:
    for i, (rows, share) in enumerate(product(ROWS, SHARES)):
        rng = np.random.default_rng([seed, 4, i])
        laws = [confusion(share, *model) * n for model, n in zip((ALIKE, WORSE), rows, strict=True)]
        both = drawn(rng, sum(rows), np.stack(laws), sets)
        sides = both[:, 0], both[:, 1]
        for symbol in ("CI", "DD", "GE"):
            metric = METRICS[symbol]
            if share == SHARES[0] or symbol != "CI":
                cell = named(rows, (share, share), ", one sample")
                yield measured(metric, sides, truth_of(metric, *laws), cell)


# Verdicts on twenty numbers


class Wrong(NamedTuple):
    """How many of some tables of twenty numbers have a wrong verdict."""

    metric: str
    cell: str
    #: Outcomes that the side with fewer of them expects.
    expected: float
    share: float


def wrong_verdicts(tables: int, seed: int) -> Iterator[Wrong]:
    """Twenty numbers that are all alike, held to limits at, inside and outside their truth."""
    for i, (rows, share, times) in enumerate(
        product(both_orders(), (0.3, 0.01, 0.001), (1, 0.8, 0.5))
    ):
        shares = share, share * times
        rng = np.random.default_rng([seed, 5, i])
        x, y = (rng.binomial(n, q, 20 * tables) for n, q in zip(rows, shares, strict=True))
        pairs, at = np.unique(np.stack([x, y]), axis=1, return_inverse=True)
        sides = [tally(of_counts(count, n)) for count, n in zip(pairs, rows, strict=True)]
        least = min(n * q for n, q in zip(rows, shares, strict=True))
        for symbol, truth in (("DPL", shares[0] - shares[1]), ("DI", times)):
            for told, limits in _limits(METRICS[symbol], truth):
                claims = _claims(METRICS[symbol], sides, limits)
                wrong = _any_wrong([claims[j] for j in at.ravel()], truth, limits)
                yield Wrong(symbol, named(rows, shares, f", {told}"), least, wrong)


def wrong_by_ends(tables: int, seed: int) -> Iterator[Wrong]:
    """The same of metrics that are judged by their own ends alone."""
    five = [np.array(FIVE["common"]).reshape(5, 1, 1)]
    five.append(0.7 * five[0] + 0.3 * five[0][::-1])
    some = [(30, 30), (200, 200), (1000, 30), (5000, 40), (5000, 200), (100_000, 100)]
    for i, (rows, share) in enumerate(product(some, (0.3, 0.01))):
        laws = {
            "CDDL": [in_strata(share, 1.6, on_d) for on_d in (False, True)],
            "TE": [confusion(share, *ALIKE), confusion(share, *WORSE)],
            "GE": [confusion(share, *ALIKE), confusion(share, *WORSE)],
            "EO": [confusion(share, *ALIKE), confusion(share, *WORSE)],
            "TVD": five,
        }
        for j, (symbol, of) in enumerate(laws.items()):
            if symbol == "TVD" and share != 0.3:
                continue
            metric = METRICS[symbol]
            rng = np.random.default_rng([seed, 6, i, j])
            sides = [
                tally(drawn(rng, n, law, 20 * tables)) for n, law in zip(rows, of, strict=True)
            ]
            truth = truth_of(metric, *(law * n for n, law in zip(rows, of, strict=True)))
            evidence = evidence_for(metric, *sides)
            found = figures_of([evidence], [math.nan], [metric.bounds], LEVEL)[0]
            if np.isnan(evidence.estimate).mean() > 0.5:
                continue
            for told, limits in _limits(metric, truth):
                rows_ = _rows(symbol, evidence.estimate, found.low, found.high)
                claims = [_by_ends(row, metric, limits) for row in rows_]
                wrong = _any_wrong(claims, truth, limits)
                name = f"{rows[0]:,}/{rows[1]:,}, {share:g}, {told}"
                yield Wrong(symbol, name, min(rows) * share, wrong)


def _limits(metric: Metric, truth: float) -> Iterator[tuple[str, tuple[float, float]]]:
    """Limits at the truth, just inside it, and just outside."""
    for told, times in (("at", 1.0), ("inside", 0.98), ("outside", 1.02)):
        if metric.kind == "ratio":
            size = abs(math.log(truth)) * times
            limits = math.exp(-size), math.exp(size)
            if told == "at":
                limits = min(limits[0], truth), max(limits[1], truth)
        else:
            size = abs(truth) * times
            limits = (-math.inf if metric.bounds[0] == 0 else -size), size
        if told == "at" or truth != metric.parity:
            yield told, limits


def _claims(metric: Metric, sides: Sequence[Tally], limits: tuple[float, float]) -> list[Claim]:
    evidence = evidence_for(metric, *sides)
    low, high = evidence.ends((1 - LEVEL) / 2)
    inside = (low >= limits[0]) & (high <= limits[1])
    told = np.flatnonzero(inside | (low > limits[1]) | (high < limits[0]))
    doubts = np.full((2, len(low)), math.nan)
    if len(told):
        some = evidence_for(metric, *(tally(side.cells[told]) for side in sides))
        doubts[:, told] = [2 * some.tail_at(limit) for limit in limits]
    columns = (evidence.estimate, low, high, *doubts)
    return [
        Claim(*map(float, one[:3]), *limits, *map(float, one[3:]), _withheld(one[0]))
        for one in zip(*columns, strict=True)
    ]


def _rows(symbol: str, *columns: Array) -> list[Row]:
    blank = (math.nan,) * 4
    return [
        Row("", "", "", symbol, *map(float, one), math.nan, LEVEL, *blank, 0, 0, 0, 0, "")
        for one in zip(*columns, strict=True)
    ]


def _by_ends(row: Row, metric: Metric, limits: tuple[float, float]) -> Claim:
    one = by_its_ends(row, metric, max(limits[0], metric.bounds[0]), limits[1])
    ends = row.estimate, row.low, row.high
    return Claim(*ends, *limits, one.doubt_low, one.doubt_high, _withheld(row.estimate))


def _withheld(estimate: float) -> str:
    return "undefined" if math.isnan(estimate) else ""


def _any_wrong(claims: Sequence[Claim], truth: float, limits: tuple[float, float]) -> float:
    inside = limits[0] <= truth <= limits[1]
    mistake = FAIL if inside else PASS
    tables = range(0, len(claims), 20)
    wrong = sum(
        any(one.name == mistake for one in verdicts(claims[start : start + 20]))
        for start in tables
        if any(_may_be(mistake, claim) for claim in claims[start : start + 20])
    )
    return wrong / len(tables)


def _may_be(mistake: str, one: Claim) -> bool:
    if one.withheld:
        return False
    if mistake == FAIL:
        return one.low > one.limit_high or one.high < one.limit_low
    return one.low >= one.limit_low and one.high <= one.limit_high


# Drift


class Passed(NamedTuple):
    """How often a change passes a limit that it exceeds, and how often its interval holds it."""

    metric: str
    cell: str
    passed: float
    covered: float


def wrong_passes(sets: int, seed: int) -> Iterator[Passed]:
    """Changes that are just above the limit, of baselines at parity and off it."""
    sizes = [((500, 100), (20_000, 5000)), ((2000, 500), (2000, 500)), ((20_000, 5000), (500, 100))]
    five = {name: np.array(law) for name, law in FIVE.items()}["common"]
    off, far = (w * five + (1 - w) * five[::-1] for w in (0.9, 0.7))
    two = {
        "parity": ((0.4, 0.4), (0.4, 0.3)),
        "parity, rare": ((0.05, 0.05), (0.05, 0.1)),
        "a small gap": ((0.4, 0.38), (0.4, 0.3)),
        "a gap": ((0.4, 0.3), (0.4, 0.2)),
        "the other sign": ((0.4, 0.45), (0.4, 0.3)),
        "both at parity": ((0.4, 0.4), (0.4, 0.4)),
    }
    many = {"parity": ((five, five), (five, far)), "a gap": ((five, off), (five, far))}
    cases: list[tuple[str, str, Any]] = []
    for told, times in two.items():
        laws = [[confusion(q, 1.0, 0.0) for q in shares] for shares in times]
        cases += [(symbol, told, laws) for symbol in ("DPL", "DI", "TVD", "KS")]
    for told, pairs in many.items():
        laws = [[law.reshape(5, 1, 1) for law in pair] for pair in pairs]
        cases += [(symbol, f"{told}, 5 labels", laws) for symbol in ("TVD", "KS", "JS")]
    for i, ((symbol, told, laws), rows) in enumerate(product(cases, sizes)):
        metric = METRICS[symbol]
        rng = np.random.default_rng([seed, 7, i])
        series, distances = [], []
        for sides, numbers in zip(laws, rows, strict=True):
            tables = [drawn(rng, n, law, sets) for n, law in zip(numbers, sides, strict=True)]
            evidence = evidence_for(metric, *map(tally, tables))
            found = figures_of([evidence], [math.nan], [metric.bounds], LEVEL)[0]
            series.append(Series(evidence.estimate, found.low, found.high, evidence))
            distances.append(abs(truth_of(metric, *sides) - metric.parity))
        change = distances[1] - distances[0]
        known = ~np.isnan(series[0].estimate + series[1].estimate)
        low, high = (end[known] for end in Change(*series, metric).ends((1 - LEVEL) / 2))
        cell = f"{sum(rows[0]):,} → {sum(rows[1]):,}, baseline: {told}"
        slack = 1e-9
        passed = float((high < change - slack).mean())
        covered = float(((low <= change + slack) & (high >= change - slack)).mean())
        yield Passed(symbol, cell, passed, covered)


# Weights


def weighted(sets: int, seed: int) -> Iterator[Found]:
    """Rows of lognormal weights, whose logarithm is `tied` higher where the outcome is positive."""
    laws = [((500, 500), 0.3), ((5000, 200), 0.3), ((2000, 100), 0.05), ((5000, 40), 0.3)]
    laws += [((5000, 20), 0.5), ((1000, 30), 0.8)]
    for i, ((rows, share), sigma, tied) in enumerate(product(laws, (0.5, 1.0, 1.5), (0.0, 0.7))):
        rng = np.random.default_rng([seed, 8, i])
        sides, squares = zip(
            *(_weighted_side(rng, n, share, sigma, tied, sets) for n in rows), strict=True
        )
        for symbol in ("DPL", "DI", "TVD"):
            metric = METRICS[symbol]
            truth = 1.0 if symbol == "DI" else 0.0
            cell = f"{rows[0]:,}/{rows[1]:,}, {share:g}, sigma {sigma:g}{', tied' if tied else ''}"
            one = measured(metric, sides, truth, cell, test=False, squares=squares)
            yield one._replace(metric=f"{symbol}, sigma {sigma:g}{', tied' if tied else ''}")


def _weighted_side(
    rng: np.random.Generator, rows: int, share: float, sigma: float, tied: float, sets: int
) -> tuple[Array, Array]:
    """Sums of weights and of their squares, in tables as `of_counts` makes them."""
    made = np.zeros((2, sets, 2, 2, 1))
    for start in range(0, sets, 200):
        part = slice(start, min(start + 200, sets))
        shape = part.stop - start, rows
        positive = rng.random(shape) < share
        weight = np.exp(sigma * rng.standard_normal(shape) + tied * positive)
        for power in (1, 2):
            at = weight**power
            made[power - 1, part, 1, 1, 0] = (at * positive).sum(axis=1)
            made[power - 1, part, 0, 0, 0] = (at * ~positive).sum(axis=1)
    return made[0], made[1]


# Tables


def percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.1f}"


def markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    marks = ["---" if i in (0, len(heads) - 1) else "---:" for i in range(len(heads))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, marks, *lines))


def by_metric(found: Iterable[Any]) -> dict[str, list[Any]]:
    made: dict[str, list[Any]] = {}
    for one in found:
        made.setdefault(one.metric, []).append(one)
    return made


def coverage_table(found: Sequence[Found]) -> str:
    """A line for each metric, over the cells that bind."""
    lines = []
    for name, ones in by_metric(one for one in found if one.binds).items():
        worst = min(ones, key=lambda one: one.covered)
        alarms = [one.alarms for one in ones if not math.isnan(one.alarms)]
        lines.append(
            [
                name,
                str(len(ones)),
                percent(float(np.mean([one.covered for one in ones]))),
                str(sum(one.covered < 0.93 for one in ones)),
                percent(max(alarms, default=math.nan)),
                percent(worst.covered),
                worst.cell,
            ]
        )
    return markdown(
        ["metric", "cells", "mean", "under 93", "most alarms", "least", "in the cell"], lines
    )


def reference_table(own: Sequence[Found], beside: Sequence[Found]) -> str:
    """What other methods cover in the enumerated cells, and how wide theirs are beside these."""
    known = {
        "newcombe": "Newcombe, of DPL",
        "miettinen_nurminen": "Miettinen and Nurminen, of DPL",
        "koopman": "Koopman, of DI",
        "fisher": "Fisher's test",
    }
    lines = []
    for name, ones in [*by_metric(own).items(), *by_metric(beside).items()]:
        covered = [one.covered for one in ones]
        ratios = [one.width for one in ones] if name in known and name != "fisher" else []
        alarms = [one.alarms for one in ones if not math.isnan(one.alarms)]
        tested = name != "fisher"
        lines.append(
            [
                known.get(name, f"{name} here"),
                percent(min(covered)) if tested else "",
                str(sum(one < 0.93 for one in covered)) if tested else "",
                percent(max(alarms)),
                f"{np.mean(ratios):.2f}" if ratios else "",
                f"{np.max(ratios):.2f}" if ratios else "",
            ]
        )
    heads = ["method", "least coverage", "cells under 93", "most alarms", "mean", "widest"]
    return markdown(heads, lines)


def verdict_table(found: Sequence[Wrong]) -> str:
    lines = []
    for name, ones in by_metric(found).items():
        for told, some in (
            ("", [one for one in ones if one.expected >= 0.2]),
            (
                ", a side expects less than 0.2 outcomes",
                [one for one in ones if one.expected < 0.2],
            ),
        ):
            if some:
                worst = max(some, key=lambda one: one.share)
                mean = float(np.mean([one.share for one in some]))
                over = str(sum(one.share > 0.05 for one in some))
                line = [name + told, str(len(some)), percent(mean), over, percent(worst.share)]
                lines.append([*line, worst.cell])
    return markdown(["metric", "cells", "mean", "over 5", "most", "in the cell"], lines)


def drift_table(found: Sequence[Passed]) -> str:
    lines = []
    for name, ones in by_metric(found).items():
        most, least = max(ones, key=lambda one: one.passed), min(ones, key=lambda one: one.covered)
        figures = percent(most.passed), percent(least.covered)
        lines.append([name, str(len(ones)), figures[0], most.cell, figures[1], least.cell])
    heads = ["metric", "cells", "most passes", "in the cell", "least coverage", "in the cell"]
    return markdown(heads, lines)


def small(sets: int = 300, seed: int = 1) -> list[Found]:
    """A few cells of small sides and rare outcomes, in some seconds."""
    made = []
    for i, (rows, share) in enumerate(product([(30, 30), (1000, 30), (40, 5000)], (0.3, 0.05))):
        rng = np.random.default_rng([seed, i])
        law, worse = confusion(share, *ALIKE), confusion(share / 2, *WORSE)
        strata = [in_strata(share, 1.6, on_d) for on_d in (False, True)]
        five = [np.array(FIVE[name]).reshape(5, 1, 1) for name in ("common", "rare")]
        for laws, metrics in (
            ((law, law), CLOSED),
            ((law, worse), CLOSED),
            (strata, IN_STRATA),
            ((five[0], five[0]), OF_LABELS),
            (five, OF_LABELS),
        ):
            sides = tuple(drawn(rng, n, of, sets) for n, of in zip(rows, laws, strict=True))
            expected = [of * n for of, n in zip(laws, rows, strict=True)]
            for metric in metrics:
                truth = truth_of(metric, *expected)
                made.append(measured(metric, sides, truth, named(rows, (share, share))))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=2000, help="data sets a cell")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--full", type=Path, help="file for a line per cell")
    parser.add_argument("--write", action="store_true", help="put the summaries into the documents")
    parser.add_argument("--only", nargs="+", help="only the coverage of these, within strata")
    args = parser.parse_args()
    if args.only:
        main_of_strata(args)
        return
    exact = list(enumerated())
    own, beside = [one for one, _ in exact], [one for _, ones in exact for one in ones]
    order = {symbol: i for i, symbol in enumerate(METRICS)}
    found = [*own, *simulated(args.sets, args.seed)]
    found.sort(key=lambda one: (order[one.metric.split(",")[0]], one.metric))
    judged = [
        *wrong_verdicts(args.sets // 2, args.seed),
        *wrong_by_ends(args.sets // 4, args.seed),
    ]
    passed = list(wrong_passes(args.sets, args.seed))
    heavy = list(weighted(args.sets // 2, args.seed))
    tables = {
        "coverage": coverage_table(found),
        "methods": reference_table(own, beside),
        "verdicts": verdict_table(judged),
        "drift": drift_table(passed),
        "weights": coverage_table(heavy),
    }
    print(*tables.values(), sep="\n\n")
    print("contradictions of p and interval:", sum(one.contradicted > 0 for one in found))
    if args.full:
        lines = (*found, *beside, *judged, *passed, *heavy)
        args.full.write_text("\n".join("\t".join(map(str, one)) for one in lines) + "\n", "utf-8")
    if args.write:
        write(tables)


def main_of_strata(args: argparse.Namespace) -> None:
    """Lines of the table of coverage for some metrics within strata."""
    IN_STRATA[:] = [METRICS[symbol] for symbol in args.only]
    table = coverage_table(list(_of_strata(args.sets, args.seed)))
    print(table)
    if args.write:
        page = Path(__file__).parent.parent / "docs" / "intervals.md"
        text = page.read_text(encoding="utf-8")
        start, end = "<!-- coverage: begin -->", "<!-- coverage: end -->"
        before, rest = text.split(start)
        own, after = rest.split(end)
        for line in table.splitlines():
            name = line.split("|")[1]
            if name.strip() in args.only:
                own = re.sub(rf"^\|{re.escape(name)}\|.*$", line, own, flags=re.MULTILINE)
        page.write_text(f"{before}{start}{own}{end}{after}", encoding="utf-8")


def write(tables: dict[str, str]) -> None:
    """Put the tables between the markers of docs/intervals.md."""
    page = Path(__file__).parent.parent / "docs" / "intervals.md"
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        start, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, rest = text.split(start)
        _, after = rest.split(end)
        text = f"{before}{start}\n{table}\n{end}{after}"
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
