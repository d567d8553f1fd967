"""How often the intervals of the metrics of scores cover the truth, on simulated scores.

The truth is the number of four million rows a side. Where both sides have one distribution, what is
not covered are false alarms. ABROCA has a test alone, so of it the alarms are counted. ``--write``
puts the table into docs/score-intervals.md.

Run it alone: ``nice -n 19 python benchmarks/score_coverage.py --write``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.edges import edges_of
from biaskit.counts.scores import ScoreTally
from biaskit.intervals.figures import evidence_of, figures_of
from biaskit.metrics import FROM_SCORES

Floats = NDArray[np.float64]
Rng = np.random.Generator

EDGES = edges_of(0, 1, has_groups=True)
SHOWN = [one for one in FROM_SCORES if one != "ABROCA"]
SIZES = ((100, 30), (1_000, 200), (100_000, 2_000))
#: Rows a side of the truth, and rows that are drawn at a time.
_TRUTH, _AT_ONCE = 4_000_000, 5_000_000
_ARRAYS = [one.name for one in fields(ScoreTally)][1:]


class Side(NamedTuple):
    """How the scores of a side are drawn, and with which chance a score's label is positive."""

    scores: Callable[[Rng, tuple[int, int]], Floats]
    chance: Callable[[Floats], Floats]


def beta(p: float, q: float) -> Callable[[Rng, tuple[int, int]], Floats]:
    return lambda rng, shape: rng.beta(p, q, shape)


def logit(mean: float, spread: float) -> Callable[[Rng, tuple[int, int]], Floats]:
    return lambda rng, shape: 1 / (1 + np.exp(-rng.normal(mean, spread, shape)))


def tied(*weights: float) -> Callable[[Rng, tuple[int, int]], Floats]:
    share = np.array(weights) / sum(weights)
    return lambda rng, shape: rng.choice(len(share), shape, p=share) / (len(share) - 1)


def mostly_low(rng: Rng, shape: tuple[int, int]) -> Floats:
    return np.where(rng.random(shape) < 0.7, 0.02, rng.beta(1, 4, shape))


def calibrated(scores: Floats) -> Floats:
    return scores


_TIED = tied(11, 7, 5, 9, 3, 2, 6, 4, 2, 5, 3)
#: Kinds of scores by name: sides a and d, which are the same where there is one.
KINDS: dict[str, tuple[Side, ...]] = {
    "normal logits": (Side(logit(-0.5, 1.2), calibrated),),
    "rare labels, 2 %": (Side(beta(2, 3), lambda s: 0.05 * s),),
    "skewed": (Side(beta(0.5, 6), calibrated),),
    "eleven values": (Side(_TIED, lambda s: 0.1 + 0.6 * s),),
    "mostly one value": (Side(mostly_low, calibrated),),
    "shifted logits": (Side(logit(-0.5, 1.2), calibrated), Side(logit(-0.9, 1), calibrated)),
    "other shapes": (Side(beta(0.5, 6), calibrated), Side(beta(2, 2), lambda s: 0.2 * s)),
    "eleven values, others": (
        Side(_TIED, lambda s: 0.1 + 0.6 * s),
        Side(tied(1, 2, 3, 2, 5, 6, 3, 8, 9, 4, 2), lambda s: 0.9 * s),
    ),
    "far apart": (Side(beta(5, 2), calibrated), Side(beta(1, 5), calibrated)),
    "decisions, 0 or 1": (
        Side(tied(0.4, 0.6), lambda s: 0.1 + 0.7 * s),
        Side(tied(0.6, 0.4), lambda s: 0.2 + 0.5 * s),
    ),
    "d miscalibrated": (
        Side(beta(2, 3), calibrated),
        Side(beta(2, 3), lambda s: 0.3 + 0.4 * s),
    ),
}


class Cell(NamedTuple):
    """Share of the sets whose interval covers the truth, by metric; of ABROCA, the alarms."""

    kind: str
    rows: tuple[int, int]
    covered: list[float]
    alarms: float


def drawn(side: Side, rng: Rng, sets: int, rows: int) -> ScoreTally:
    """Tallies of some data sets."""
    scores = side.scores(rng, (sets, rows))
    labels = rng.random(scores.shape) < side.chance(scores)
    codes = EDGES.of(scores.ravel()).reshape(scores.shape) + np.arange(sets)[:, None] * EDGES.bins
    made: list[Any] = []
    for power in (0, 1, 2):
        for these in (labels, ~labels):
            weights = these * scores**power
            sums = np.bincount(codes.ravel(), weights.ravel(), minlength=sets * EDGES.bins)
            made.append(np.rint(sums).astype(np.int64) if power == 0 else sums)
    return ScoreTally(EDGES, *(one.reshape(sets, -1) for one in made))


def joined(parts: Iterable[ScoreTally], weight: float = 1.0) -> ScoreTally:
    """The rows of several tallies as one, each as often as a weight says."""
    every = [*parts]
    sums = [sum(getattr(one, name) for one in every) * weight for name in _ARRAYS]
    return ScoreTally(EDGES, *sums)


def truths(sides: tuple[Side, Side], rows: tuple[int, int], rng: Rng) -> dict[str, float]:
    """Numbers of so many rows that they are the truth, in the proportion of the sides."""
    if sides[0] is sides[1]:
        return dict.fromkeys(SHOWN, 0.0)
    both = [
        joined((drawn(one, rng, 1, _TRUTH // 4) for _ in range(4)), n / _TRUTH)
        for one, n in zip(sides, rows, strict=True)
    ]
    # Quantiles count whole rows.
    whole = [joined([one], _TRUTH / n) for one, n in zip(both, rows, strict=True)]
    return {one: float(FROM_SCORES[one](*(both if one == "SMD" else whole))[0]) for one in SHOWN}


def simulated(kind: str, rows: tuple[int, int], sets: int, seed: tuple[int, ...]) -> Cell:
    """Coverage of one kind of scores with so many rows on sides a and d."""
    rng = np.random.default_rng(seed)
    sides = KINDS[kind][0], KINDS[kind][-1]
    truth = truths(sides, rows, rng)
    hits, known = np.zeros(len(SHOWN)), np.zeros(len(SHOWN))
    alarms = tests = 0
    size = max(1, min(sets, 100, _AT_ONCE // max(rows)))
    for _ in range(0, sets, size):
        a, d = (drawn(*one) for one in zip(sides, [rng] * 2, [size] * 2, rows, strict=True))
        estimates = [FROM_SCORES[one](a, d) for one in SHOWN]
        evidence = [
            evidence_of(FROM_SCORES[one].form_of(a, d), estimate)  # type: ignore[arg-type]
            for one, estimate in zip(SHOWN, estimates, strict=True)
        ]
        bounds = [FROM_SCORES[one].bounds for one in SHOWN]
        figures = figures_of(evidence, [np.nan] * len(SHOWN), bounds, 0.95)
        for i, found in enumerate(figures):
            has = ~np.isnan(found.low)
            near = 1e-9 + 1e-9 * abs(truth[SHOWN[i]])
            covers = (found.low <= truth[SHOWN[i]] + near) & (found.high >= truth[SHOWN[i]] - near)
            hits[i] += (covers & has).sum()
            known[i] += has.sum()
        if sides[0] is sides[1] and rows == SIZES[1]:
            metric = FROM_SCORES["ABROCA"]
            test = evidence_of(metric.form_of(a, d), metric(a, d))  # type: ignore[arg-type]
            p = test.p_value(0.0)
            alarms, tests = alarms + (p < 0.05).sum(), tests + (~np.isnan(p)).sum()
    share = alarms / tests if tests else np.nan
    return Cell(kind, rows, (hits / np.maximum(known, 1)).tolist(), share)


def table(cells: Iterable[Cell]) -> str:
    """Markdown table, a row per cell."""
    lines = [
        f"| scores | rows of a, d | {' | '.join(SHOWN)} | ABROCA, alarms |",
        f"| --- | ---: |{' ---: |' * (len(SHOWN) + 1)}",
    ]
    for one in cells:
        rows = " / ".join(f"{n:,}" for n in one.rows)
        shares = [f"{100 * share:.1f}" for share in one.covered]
        alarms = "" if np.isnan(one.alarms) else f"{100 * one.alarms:.1f}"
        lines.append(f"| {' | '.join((one.kind, rows, *shares, alarms))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1000, help="data sets a cell")
    parser.add_argument("--large", type=int, default=200, help="of the largest sides")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    cells = []
    for i, kind in enumerate(KINDS):
        for j, rows in enumerate(SIZES):
            sets = args.large if rows == SIZES[-1] else args.sets
            cells.append(simulated(kind, rows, sets, (args.seed, i, j)))
            print(table(cells[-1:]).splitlines()[-1], flush=True)
    if args.write:
        write(table(cells), args.sets, args.large)


def write(made: str, sets: int, large: int) -> None:
    """Put the table between the markers of docs/score-intervals.md."""
    page = Path(__file__).parent.parent / "docs" / "score-intervals.md"
    start, end = "<!-- coverage: begin -->", "<!-- coverage: end -->"
    before, rest = page.read_text(encoding="utf-8").split(start)
    _, after = rest.split(end)
    told = f"{sets:,} data sets a cell, {large:,} of the largest sides."
    page.write_text(f"{before}{start}\n{made}\n\n{told}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
