"""Coverage of the intervals and false alarms of the tests, by simulation.

``python benchmarks/interval_coverage.py`` simulates data sets whose truth is known, and prints how
often the 95 % interval holds it and how often p is below 0.05 at parity; ``--write`` puts the
tables into docs/intervals.md. With 2,000 data sets a cell it takes some minutes.

The truth. Two labels: four groups with shares (.4 .3 .2 .1) on both sides; in them a positive label
has the probability r + (.10 0 -.05 -.10), where r is .30 on both sides (no gap), .36 and .30
(small), .60 and .30 (large). Predictions: true and false positive rates of .75 and .15 on side a;
on side d the same, .70 and .18, .50 and .35. Five labels: (.40 .25 .20 .10 .05) on a; on d the
same, (.34 .25 .22 .13 .06), (.20 .20 .25 .20 .15). CI: a share of d of .50, .45, .25. The rows of
each side are fixed, but for CI, DD, CDDL, CDDPL and GE, which speak of the split as well: for them
the rows of both sides are one sample.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biaskit import METRICS
from biaskit.intervals import Resampled, interval
from biaskit.metrics import Metric
from biaskit.tables import Tally

GAPS = ("none", "small", "large")
ROWS = (30, 200, 5000)
OF_THE_SPLIT = ("CI", "DD", "CDDL", "CDDPL", "GE")
OF_MANY_LABELS = ("KL", "JS", "LP", "TVD", "KS")
TWO = np.array([False, True])
_AT_ONCE = 50


@dataclass(frozen=True)
class Cell:
    """Result of one cell: shares of the data sets, and the width of the finite intervals."""

    metric: str
    labels: int
    rows: int
    gap: str
    covered: float
    width: float
    infinite: float
    rejected: float


def two_labels(gap: str) -> list[NDArray[np.float64]]:
    """Probabilities of the cells ``(label, predicted, group)`` on sides a and d."""
    rates = {"none": (0.30, 0.30), "small": (0.36, 0.30), "large": (0.60, 0.30)}[gap]
    on_d = {"none": (0.75, 0.15), "small": (0.70, 0.18), "large": (0.50, 0.35)}[gap]
    groups, step = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.10, 0, -0.05, -0.10])
    sides = []
    for rate, (hit, false_alarm) in zip(rates, ((0.75, 0.15), on_d), strict=True):
        label = np.stack([1 - rate - step, rate + step])
        predicted = np.array([[1 - false_alarm, false_alarm], [1 - hit, hit]])
        sides.append(label[:, None, :] * predicted[:, :, None] * groups)
    return sides


def five_labels(gap: str) -> list[NDArray[np.float64]]:
    """Probabilities of five labels on sides a and d."""
    a = [0.40, 0.25, 0.20, 0.10, 0.05]
    d = {
        "none": a,
        "small": [0.34, 0.25, 0.22, 0.13, 0.06],
        "large": [0.20, 0.20, 0.25, 0.20, 0.15],
    }
    return [np.array(side).reshape(5, 1, 1) for side in (a, d[gap])]


def samples(
    sides: Sequence[NDArray[np.float64]],
    rows: Sequence[int],
    sets: int,
    split: bool,
    seed: list[int],
) -> Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Tables of both sides of simulated data sets, some at a time."""
    rng = np.random.default_rng(seed)
    shape = sides[0].shape
    for start in range(0, sets, _AT_ONCE):
        size = min(_AT_ONCE, sets - start)
        if split:
            both = np.concatenate([side.ravel() * n for side, n in zip(sides, rows, strict=True)])
            drawn = rng.multinomial(sum(rows), both / both.sum(), size=size)
            drawn = drawn.reshape(size, 2, *shape)
            yield drawn[:, 0], drawn[:, 1]
        else:
            yield tuple(  # type: ignore[misc]
                rng.multinomial(n, side.ravel(), size=size).reshape(size, *shape)
                for side, n in zip(sides, rows, strict=True)
            )


def cover(
    metrics: Sequence[Metric],
    sides: Sequence[NDArray[np.float64]],
    rows: Sequence[int],
    sets: int,
    *,
    split: bool = False,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """How often each metric's interval holds the truth, and more, over simulated data sets."""
    positive = TWO if len(sides[0]) == 2 else np.arange(len(sides[0])) == 0
    hat = TWO if sides[0].shape[1] == 2 else None
    truths = [Tally(side * n, positive, hat) for side, n in zip(sides, rows, strict=True)]
    found: dict[str, list[NDArray[np.float64]]] = {metric.symbol: [] for metric in metrics}
    for i, tables in enumerate(samples(sides, rows, sets, split, [seed, 1])):
        a, d = (Tally(cells, positive, hat) for cells in tables)
        drawn = Resampled(a, d, np.random.SeedSequence([seed, 2, i]), 0.95)
        for metric in metrics:
            estimate = metric(a, d)
            found[metric.symbol].append(np.stack([estimate, *interval(metric, estimate, drawn)]))
    made = {}
    for metric in metrics:
        estimate, low, high, p = np.concatenate(found[metric.symbol], axis=1)
        truth = float(metric(*truths))
        undefined = np.isnan(estimate)  # an interval that says nothing is not wrong
        held = (low <= truth + 1e-12) & (truth - 1e-12 <= high)
        width = (high - low)[~undefined]
        made[metric.symbol] = {
            "covered": float((held | undefined).mean()),
            "width": float(width[np.isfinite(width)].mean()),
            "infinite": float((~np.isfinite(width)).mean()),
            "rejected": float((p < 0.05).mean()),
        }
    return made


def cells(rows: int, gap: str, sets: int, seed: int) -> list[Cell]:
    """Every metric at some rows a side and some gap."""
    made: list[Cell] = []

    def add(labels: int, results: dict[str, dict[str, float]]) -> None:
        made.extend(Cell(symbol, labels, rows, gap, **one) for symbol, one in results.items())

    fixed = [m for m in METRICS.values() if m.symbol not in OF_THE_SPLIT]
    of_split = [METRICS[symbol] for symbol in OF_THE_SPLIT if symbol != "CI"]
    both = (rows, rows)
    add(2, cover(fixed, two_labels(gap), both, sets, seed=seed))
    add(2, cover(of_split, two_labels(gap), both, sets, split=True, seed=seed + 1))
    share = {"none": 0.5, "small": 0.45, "large": 0.25}[gap]
    unequal = (round(2 * rows * (1 - share)), round(2 * rows * share))
    add(2, cover([METRICS["CI"]], two_labels("none"), unequal, sets, split=True, seed=seed + 2))
    many = [METRICS[symbol] for symbol in OF_MANY_LABELS]
    add(5, cover(many, five_labels(gap), both, sets, seed=seed + 3))
    return made


def coverage_table(found: Sequence[Cell]) -> str:
    """Markdown table of coverage and mean width, a row per metric and number of labels."""
    by_place = {(c.metric, c.labels, c.rows, c.gap): c for c in found}
    columns = [(rows, gap) for rows in ROWS for gap in GAPS]
    lines = [
        f"| metric | labels | {' | '.join(f'{rows:,}, {gap}' for rows, gap in columns)} |",
        f"| --- | ---: | {' | '.join(['---:'] * len(columns))} |",
    ]
    for symbol, labels in dict.fromkeys((c.metric, c.labels) for c in found):
        texts = []
        for rows, gap in columns:
            cell = by_place[symbol, labels, rows, gap]
            endless = f", {cell.infinite:.0%} endless" if cell.infinite >= 0.005 else ""
            texts.append(f"{100 * cell.covered:.1f} ({cell.width:.2g}{endless})")
        lines.append(f"| {symbol} | {labels} | {' | '.join(texts)} |")
    return "\n".join(lines)


def alarm_table(found: Sequence[Cell]) -> str:
    """Markdown table of the false alarms at parity."""
    at_parity = [c for c in found if c.gap == "none" and c.metric != "GE"]
    lines = ["| metric | labels | 30 | 200 | 5,000 |", "| --- | ---: | ---: | ---: | ---: |"]
    for symbol, labels in dict.fromkeys((c.metric, c.labels) for c in at_parity):
        shares = {c.rows: c.rejected for c in at_parity if (c.metric, c.labels) == (symbol, labels)}
        lines.append(
            f"| {symbol} | {labels} | {' | '.join(f'{100 * shares[rows]:.1f}' for rows in ROWS)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=2000, help="data sets a cell")
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    found: list[Cell] = []
    for i, (rows, gap) in enumerate((rows, gap) for rows in ROWS for gap in GAPS):
        # The false alarms are read off the cells without a gap, and a share of 5 % needs more sets.
        sets = args.sets * (5 if gap == "none" else 1)
        found += cells(rows, gap, sets, args.seed + 10 * i)
        print(f"{rows:,} rows a side, gap {gap}", flush=True)
    order = {symbol: i for i, symbol in enumerate(METRICS)}
    found.sort(key=lambda cell: (order[cell.metric], cell.labels))
    tables = {"coverage": coverage_table(found), "alarms": alarm_table(found)}
    worst = min(found, key=lambda cell: cell.covered)
    print(*tables.values(), sep="\n\n")
    print(f"\nleast: {worst.metric} {worst.covered:.1%} at {worst.rows} rows, gap {worst.gap}")
    if args.write:
        write(tables, args.sets)


def write(tables: dict[str, str], sets: int) -> None:
    """Put the tables between the markers of docs/intervals.md."""
    page = Path(__file__).parent.parent / "docs" / "intervals.md"
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        start, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, rest = text.split(start)
        _, after = rest.split(end)
        told = f"{sets:,} data sets a cell, {5 * sets:,} where there is no gap."
        text = f"{before}{start}\n{table}\n\n{told}\n{end}{after}"
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
