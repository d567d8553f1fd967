"""How often the intervals of the metrics of scores cover the truth, on simulated scores.

Scores are drawn from distributions on the middles of the bins, or on a few values, so the truth is
computed and not drawn. Where both sides have one distribution, what is not covered are false
alarms. ABROCA has a test alone, so of it the alarms are counted. ``--write`` puts the tables into
docs/score-intervals.md.

There are two families of scores. The methods were chosen by the first alone; the second tells
whether that was luck.

Run it alone: ``nice -n 19 python benchmarks/score_coverage.py --write``.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from biaskit.counts.edges import Edges
from biaskit.counts.scores import ScoreTally
from biaskit.intervals.figures import evidence_of, figures_of
from biaskit.metrics import FROM_SCORES

Floats = NDArray[np.float64]
Rng = np.random.Generator

#: Fewer bins than those of counts, which takes less time.
EDGES = Edges(0.0, 1.0, Decimal("0.002"))
SHOWN = [one for one in FROM_SCORES if one != "ABROCA"]
SIZES = ((40, 40), (100, 30), (5_000, 40), (1_000, 200), (100_000, 2_000))
OTHER_SIZES = ((60, 25), (400, 400), (3_000, 120), (50_000, 700))
#: Rows of the truth, data sets made at once, and those of which ABROCA is tested.
_TRUTH, _AT_ONCE, _ALARMS = 1e12, 100, 100
_MIDDLES = (np.arange(EDGES.bins) - 0.5) * float(EDGES.step)


class Side(NamedTuple):
    """Scores of a side: the one in each bin, the share of rows, and that of positive labels."""

    at: Floats
    share: Floats
    chance: Floats


def spread(law: Any, chance: Callable[[Floats], Floats]) -> Side:
    """A continuous law, on the middles of the bins."""
    edges = EDGES.values
    share = np.concatenate([[0.0], np.diff(law.cdf(edges)), [0.0]])
    return _side(_MIDDLES, share, chance)


def tied(weights: Mapping[float, float], chance: Callable[[Floats], Floats]) -> Side:
    """Scores of a few values."""
    at, share = _MIDDLES.copy(), np.zeros(EDGES.bins)
    scores = np.array([*weights])
    bins = EDGES.of(scores)
    at[bins], share[bins] = scores, [*weights.values()]
    return _side(at, share, chance)


def mixed(parts: Sequence[tuple[float, Side]], chance: Callable[[Floats], Floats]) -> Side:
    """Some of the rows from each of several sides; those of a few values come last."""
    at, share = parts[0][1].at, np.zeros(EDGES.bins)
    for weight, side in parts:
        used = side.share > 0
        at = np.where(used, side.at, at)
        share = share + weight * side.share
    return _side(at, share, chance)


def _side(at: Floats, share: Floats, chance: Callable[[Floats], Floats]) -> Side:
    at = np.clip(at, 0, 1)
    return Side(at, share / share.sum(), np.clip(chance(at), 0, 1))


def logit(mean: float, spread: float) -> Any:
    """Law of the logistic function of a normal variable."""

    class Law:
        def cdf(self, x: Floats) -> Floats:
            with np.errstate(divide="ignore"):
                return np.asarray(stats.norm.cdf(np.log(x / (1 - x)), mean, spread))

    return Law()


def even(*weights: float) -> dict[float, float]:
    """Evenly spaced values from 0 to 1 with these weights."""
    return {i / (len(weights) - 1): one for i, one in enumerate(weights)}


def calibrated(scores: Floats) -> Floats:
    return scores


_BETA = stats.beta
_ELEVEN = even(11, 7, 5, 9, 3, 2, 6, 4, 2, 5, 3)
_LOW = mixed(
    [(0.3, spread(_BETA(1, 4), calibrated)), (0.7, tied({0.02: 1}, calibrated))], calibrated
)
#: Kinds of scores by name: sides a and d, which are the same where there is one.
KINDS: dict[str, tuple[Side, ...]] = {
    "normal logits": (spread(logit(-0.5, 1.2), calibrated),),
    "rare labels, 2 %": (spread(_BETA(2, 3), lambda s: 0.05 * s),),
    "skewed": (spread(_BETA(0.5, 6), calibrated),),
    "eleven values": (tied(_ELEVEN, lambda s: 0.1 + 0.6 * s),),
    "mostly one value": (_LOW,),
    "shifted logits": (spread(logit(-0.5, 1.2), calibrated), spread(logit(-0.9, 1), calibrated)),
    "other shapes": (
        spread(_BETA(0.5, 6), calibrated),
        spread(_BETA(2, 2), lambda s: 0.2 * s),
    ),
    "eleven values, others": (
        tied(_ELEVEN, lambda s: 0.1 + 0.6 * s),
        tied(even(1, 2, 3, 2, 5, 6, 3, 8, 9, 4, 2), lambda s: 0.9 * s),
    ),
    "far apart": (spread(_BETA(5, 2), calibrated), spread(_BETA(1, 5), calibrated)),
    "decisions, 0 or 1": (
        tied(even(0.4, 0.6), lambda s: 0.1 + 0.7 * s),
        tied(even(0.6, 0.4), lambda s: 0.2 + 0.5 * s),
    ),
    "d miscalibrated": (
        spread(_BETA(2, 3), calibrated),
        spread(_BETA(2, 3), lambda s: 0.3 + 0.4 * s),
    ),
    "constant on d": (
        spread(_BETA(2, 3), calibrated),
        tied({0.3: 1}, lambda s: 0.35 + 0 * s),
    ),
    "nearly sure": (spread(_BETA(0.15, 0.3), lambda s: 0.01 + 0.98 * s),),
    "rare on d": (
        spread(_BETA(1, 6), calibrated),
        spread(_BETA(1, 40), calibrated),
    ),
}


def _steep(middle: float, slope: float) -> Callable[[Floats], Floats]:
    return lambda s: 1 / (1 + np.exp(-slope * (s - middle)))


_TRIANGLE = stats.triang
_PEAKS = mixed(
    [(0.6, spread(_BETA(3, 12), calibrated)), (0.4, spread(_BETA(14, 4), calibrated))], calibrated
)
_CARD = {i / 20: float(stats.binom.pmf(i, 20, 0.35)) for i in range(21)}
#: The second family.
OTHERS: dict[str, tuple[Side, ...]] = {
    "triangle": (spread(_TRIANGLE(0.3), calibrated),),
    "two peaks": (_PEAKS,),
    "card of 21 values": (tied(_CARD, lambda s: 0.05 + 0.7 * s),),
    "a tenth at 0": (
        mixed(
            [(0.9, spread(_BETA(2, 5), calibrated)), (0.1, tied({0.0: 1}, calibrated))],
            lambda s: 0.01 + 0.2 * s,
        ),
    ),
    "fraud, 1 %": (spread(_BETA(1, 30), lambda s: 0.3 * s),),
    "good ranks": (
        spread(_BETA(0.4, 0.6), _steep(0.5, 12)),
        spread(_BETA(0.6, 0.9), _steep(0.55, 6)),
    ),
    "lower on d": (
        spread(_TRIANGLE(0.6), lambda s: 0.9 * s),
        spread(_TRIANGLE(0.2), lambda s: 0.9 * s),
    ),
    "half of d at 0.4": (
        spread(_BETA(4, 5), calibrated),
        mixed(
            [(0.5, spread(_BETA(4, 5), calibrated)), (0.5, tied({0.4: 1}, calibrated))], calibrated
        ),
    ),
    "backwards on d": (
        spread(_BETA(2, 2), lambda s: 0.1 + 0.5 * s),
        spread(_BETA(2, 2), lambda s: 0.5 - 0.3 * s),
    ),
    "five values, others": (
        tied(even(5, 1, 1, 2, 1), lambda s: 0.2 + 0.6 * s),
        tied(even(6, 2, 1, 0.5, 0.5), lambda s: 0.1 + 0.8 * s),
    ),
    "rare and higher on d": (
        spread(_BETA(1, 9), lambda s: 0.2 * s),
        spread(_BETA(1, 5), lambda s: 0.3 * s),
    ),
}

#: Both families: their kinds, and rows of sides a and d.
FAMILIES = {"first": (KINDS, SIZES), "second": (OTHERS, OTHER_SIZES)}


class Cell(NamedTuple):
    """One kind of scores with so many rows on sides a and d; numbers by metric.

    `covered` is the share of the data sets whose interval covers the truth, `wide` the mean width
    in units of 3.92 standard deviations of the estimates; `alarms` is the share of p < 0.05 of
    ABROCA.
    """

    kind: str
    rows: tuple[int, int]
    covered: list[float]
    wide: list[float]
    alarms: float
    seconds: float


def drawn(side: Side, rng: Rng, sets: int, rows: int) -> ScoreTally:
    """Tallies of some data sets."""
    used = np.flatnonzero(side.share > 0)
    both = np.concatenate([side.share * side.chance, side.share * (1 - side.chance)])
    cells = np.concatenate([used, EDGES.bins + used])
    n = np.zeros((sets, 2 * EDGES.bins), dtype=np.int64)
    n[:, cells] = rng.multinomial(rows, both[cells] / both[cells].sum(), size=sets)
    return tally(n[:, : EDGES.bins], n[:, EDGES.bins :], side.at)


def tally(positive: NDArray[np.int64], negative: NDArray[np.int64], at: Floats) -> ScoreTally:
    """Tally of rows by bin, each with the score of its bin."""
    sums = [rows * at**power for power in (1, 2) for rows in (positive, negative)]
    return ScoreTally(EDGES, positive, negative, *sums)


def truth_of(sides: tuple[Side, Side], rows: tuple[int, int]) -> dict[str, float]:
    """Numbers of so many rows that they are the truth, in the proportion of the sides."""
    if sides[0] is sides[1]:
        return dict.fromkeys(SHOWN, 0.0)
    both = []
    for side, n in zip(sides, rows, strict=True):
        each = side.share * n / max(rows) * _TRUTH
        parts = [np.rint(each * one).astype(np.int64) for one in (side.chance, 1 - side.chance)]
        both.append(tally(parts[0][None], parts[1][None], side.at))
    return {one: float(FROM_SCORES[one](*both)[0]) for one in SHOWN}


class Tried(NamedTuple):
    """What a metric's intervals were in some data sets."""

    estimate: Floats
    low: Floats
    high: Floats


def tried(
    sides: tuple[Side, Side], rows: tuple[int, int], sets: int, rng: Rng, metrics: Sequence[str]
) -> Iterator[tuple[dict[str, Tried], Any]]:
    """Intervals of metrics in data sets, some at a time, and the sets."""
    for start in range(0, sets, _AT_ONCE):
        size = min(_AT_ONCE, sets - start)
        a, d = (drawn(side, rng, size, n) for side, n in zip(sides, rows, strict=True))
        estimates = [FROM_SCORES[one](a, d) for one in metrics]
        evidence = [
            evidence_of(FROM_SCORES[one].form_of(a, d), estimate)  # type: ignore[arg-type]
            for one, estimate in zip(metrics, estimates, strict=True)
        ]
        bounds = [FROM_SCORES[one].bounds for one in metrics]
        figures = figures_of(evidence, [math.nan] * len(metrics), bounds, 0.95)
        found = zip(metrics, estimates, figures, strict=True)
        yield {one: Tried(e, f.low, f.high) for one, e, f in found}, (a, d)


def simulated(
    kind: str,
    sides: tuple[Side, ...],
    rows: tuple[int, int],
    sets: int,
    seed: tuple[int, ...],
    metrics: Sequence[str] = SHOWN,
    alarms: bool = False,
) -> Cell:
    """Coverage of one kind of scores with so many rows on sides a and d."""
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    both = sides[0], sides[-1]
    truth = truth_of(both, rows)
    parts: dict[str, list[Tried]] = {one: [] for one in metrics}
    p: list[Floats] = []
    for found, (a, d) in tried(both, rows, sets, rng, metrics):
        for one, of_it in found.items():
            parts[one].append(of_it)
        if alarms and both[0] is both[1] and sum(map(len, p)) < _ALARMS:
            metric = FROM_SCORES["ABROCA"]
            form: Any = metric.form_of(a, d)
            few = form._replace(
                a=tuple(x[:_ALARMS] for x in form.a), d=tuple(x[:_ALARMS] for x in form.d)
            )
            p.append(evidence_of(few, metric(a, d)[:_ALARMS]).p_value(0.0))
    covered, wide = [], []
    for one, of_it in parts.items():
        estimate, low, high = (np.concatenate(arrays) for arrays in zip(*of_it, strict=True))
        has = ~np.isnan(low)
        near = 1e-9 + 1e-9 * abs(truth[one])
        covers = (low <= truth[one] + near) & (high >= truth[one] - near) & has
        covered.append(covers.sum() / has.sum() if 2 * has.sum() >= sets else math.nan)
        sd = estimate[has].std() if has.any() else 0.0
        wide.append(float((high - low)[has].mean() / (3.92 * sd)) if sd > 0 else math.nan)
    every = np.concatenate(p) if p else np.empty(0)
    every = every[~np.isnan(every)]
    share = float((every < 0.05).mean()) if len(every) else math.nan
    return Cell(kind, rows, covered, wide, share, time.perf_counter() - started)


def table(cells: Iterable[Cell]) -> str:
    """Markdown table of coverage, a row per cell."""
    lines = [
        f"| scores | rows of a, d | {' | '.join(SHOWN)} | ABROCA, alarms |",
        f"| --- | ---: |{' ---: |' * (len(SHOWN) + 1)}",
    ]
    for one in cells:
        rows = " / ".join(f"{n:,}" for n in one.rows)
        shares = [_percent(share) for share in (*one.covered, one.alarms)]
        lines.append(f"| {' | '.join((one.kind, rows, *shares))} |")
    return "\n".join(lines)


def summary(cells: Sequence[Cell]) -> str:
    """Markdown table of the cells of each metric: the least coverage, and widths."""
    lines = [
        "| metric | cells | mean | under 93 | least | in the cell | width, median |",
        "| --- | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for i, metric in enumerate(SHOWN):
        known = [one for one in cells if not math.isnan(one.covered[i])]
        covered = [one.covered[i] for one in known]
        least = known[covered.index(min(covered))]
        wide = [one.wide[i] for one in known if not math.isnan(one.wide[i])]
        where = f"{least.kind}, {least.rows[0]:,} / {least.rows[1]:,}"
        under = sum(one < 0.93 for one in covered)
        lines.append(
            f"| {metric} | {len(known)} | {_percent(float(np.mean(covered)))} | {under} | "
            f"{_percent(min(covered))} | {where} | {np.median(wide):.2f} |"
        )
    return "\n".join(lines)


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.1f}"


class Asked(NamedTuple):
    """What a process simulates: a family, one of its kinds and sizes, data sets, a seed."""

    family: str
    kind: str
    rows: tuple[int, int]
    sets: int
    seed: tuple[int, ...]


def asked_cells(sets: int, seed: int) -> Iterator[Asked]:
    """Every cell of both families."""
    for k, (family, (kinds, sizes)) in enumerate(FAMILIES.items()):
        for i, kind in enumerate(kinds):
            for j, rows in enumerate(sizes):
                yield Asked(family, kind, rows, sets, (seed + k, i, j))


def cell_of(one: Asked) -> Cell:
    """Coverage of one cell; alarms are counted in the first family, at one size."""
    sides = FAMILIES[one.family][0][one.kind]
    alarms = one.family == "first" and one.rows == (1_000, 200)
    return simulated(one.kind, sides, one.rows, one.sets, one.seed, alarms=alarms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1000, help="data sets a cell")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--kind", help="only this kind of scores, printed cell by cell")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    cells: dict[str, list[Cell]] = {"first": [], "second": []}
    asked = [*asked_cells(args.sets, args.seed)]
    if args.kind is not None:
        asked = [one for one in asked if one.kind == args.kind]
    with ProcessPoolExecutor(args.jobs) as pool:
        for one, cell in zip(asked, pool.map(cell_of, asked), strict=True):
            cells[one.family].append(cell)
            print(table([cell]).splitlines()[-1], f"{cell.seconds:.1f} s", flush=True)
    if args.kind is not None:
        return
    first, second = cells.values()
    told = f"{args.sets:,} data sets a cell: a true 95 % is found as 93.6 to 96.4 in most cells."
    parts = [
        told,
        "Over the cells of the first family:",
        summary(first),
        "Over those of the second:",
        summary(second),
        "Cell by cell, the first family:",
        table(first),
        "And the second:",
        table(second),
    ]
    made = "\n\n".join(parts)
    print(made)
    if args.write:
        write(made)


def write(made: str) -> None:
    """Put the tables between the markers of docs/score-intervals.md."""
    page = Path(__file__).parent.parent / "docs" / "score-intervals.md"
    start, end = "<!-- coverage: begin -->", "<!-- coverage: end -->"
    before, rest = page.read_text(encoding="utf-8").split(start)
    _, after = rest.split(end)
    page.write_text(f"{before}{start}\n{made}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
