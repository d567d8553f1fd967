"""Coverage of the intervals of gaps in attributions, by simulation.

``python benchmarks/attribution_coverage.py`` simulates values of two sides whose means are known,
and prints how often the 95 % interval of their difference holds the true one, beside Welch's
interval, and how much wider it is on average; ``--write`` puts the table into docs/explanations.md.
With 2,000 data sets a cell it takes about a quarter of a minute on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, stdtrit

from biaskit.explanations.attributions import Sums
from biaskit.explanations.gaps import FEW_CARRY, gap
from biaskit.intervals.moments import of_groups

Values = NDArray[np.float64]
Shape = tuple[int, ...]
_AT_ONCE = 2_000_000  # values


class Law(NamedTuple):
    """Law of the values of one side: how they are drawn, and their mean."""

    draw: Callable[[np.random.Generator, Shape], Values]
    mean: float


@dataclass(frozen=True)
class Cell:
    """Laws of both sides, and how many rows of each there are."""

    name: str
    a: Law
    d: Law
    rows: tuple[int, int]


@dataclass(frozen=True)
class Result:
    """Result of one cell, in shares of the data sets but for the width."""

    cell: Cell
    welch: float
    covered: float
    #: Misses with the whole interval above the truth, and below it.
    above: float
    below: float
    #: Mean width, of Welch's.
    width: float
    noted: float


def rare(share: float, value: float = 1.0) -> Law:
    """One value in a share of the rows, 0 in the others."""
    return Law(lambda rng, shape: value * (rng.random(shape) < share), share * value)


def lognormal(sigma: float, times: float = 1.0) -> Law:
    return Law(
        lambda rng, shape: times * rng.lognormal(0, sigma, shape), times * np.exp(sigma**2 / 2)
    )


def inflated(share: float) -> Law:
    """Lognormal values in a share of the rows, 0 in the others."""
    return Law(
        lambda rng, shape: (rng.random(shape) < share) * rng.lognormal(0, 1, shape),
        share * np.exp(0.5),
    )


def bulk(share: float, value: float) -> Law:
    """Normal values, and in a share of the rows values about another place."""
    return Law(
        lambda rng, shape: rng.normal(0, 1, shape) + value * (rng.random(shape) < share),
        share * value,
    )


def normal(mean: float = 0.0, deviation: float = 1.0) -> Law:
    return Law(lambda rng, shape: rng.normal(mean, deviation, shape), mean)


def three_values(low: float, high: float) -> Law:
    """-1 and 3, each in a share of the rows, and 0 in the others."""

    def draw(rng: np.random.Generator, shape: Shape) -> Values:
        place = rng.random(shape)
        return np.where(place < low, -1.0, np.where(place < low + high, 3.0, 0.0))

    return Law(draw, 3 * high - low)


def probability(mean: float, deviation: float) -> Law:
    """Probabilities whose log-odds are normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    expected = float(weights @ expit(mean + deviation * nodes) / weights.sum())
    return Law(lambda rng, shape: expit(rng.normal(mean, deviation, shape)), expected)


EXPONENTIAL = Law(lambda rng, shape: rng.exponential(1, shape), 1.0)
UNIFORM = Law(lambda rng, shape: rng.random(shape), 0.5)
STUDENT = Law(lambda rng, shape: rng.standard_t(3, shape), 0.0)
CONSTANT = Law(lambda rng, shape: 0.0 * rng.random(shape), 0.0)

CELLS = (
    Cell("decisions, .30 and .05", rare(0.3), rare(0.05), (1000, 20)),
    Cell("decisions, .02 and .02", rare(0.02), rare(0.02), (1000, 50)),
    Cell("decisions, .01 and .01", rare(0.01), rare(0.01), (5000, 40)),
    Cell("decisions, .95 and .90", rare(0.95), rare(0.9), (1000, 30)),
    Cell("decisions, .50 and .50", rare(0.5), rare(0.5), (1000, 20)),
    Cell("two values, 3 % at 2", rare(0.03, 2), rare(0.03, 2), (2000, 40)),
    Cell("two values, 3 % at 2", rare(0.03, 2), rare(0.03, 2), (40, 40)),
    Cell("two values, 0.1 % at -5", rare(0.001, -5), rare(0.001, -5), (5000, 200)),
    Cell("lognormal(1.2)", lognormal(1.2), lognormal(1.2), (2000, 30)),
    Cell("lognormal(1.2), below 0", lognormal(1.2, -1), lognormal(1.2, -1), (2000, 30)),
    Cell("lognormal(1.2)", lognormal(1.2), lognormal(1.2), (30, 2000)),
    Cell("lognormal(1.2)", lognormal(1.2), lognormal(1.2), (30, 30)),
    Cell("lognormal(1.2)", lognormal(1.2), lognormal(1.2), (2000, 200)),
    Cell("lognormal(1.2), d three times a", lognormal(1.2), lognormal(1.2, 3), (2000, 30)),
    Cell("lognormal(1.2), a three times d", lognormal(1.2, 3), lognormal(1.2), (2000, 30)),
    Cell("lognormal(1.2)", lognormal(1.2), lognormal(1.2), (2000, 5)),
    Cell("lognormal(1.6)", lognormal(1.6), lognormal(1.6), (5000, 50)),
    Cell("exponential", EXPONENTIAL, EXPONENTIAL, (2000, 10)),
    Cell("probabilities about .02", probability(-4, 1.5), probability(-4, 1.5), (2000, 30)),
    Cell("probabilities about .002", probability(-6, 2), probability(-6, 2), (5000, 40)),
    Cell("3 % lognormal, else 0", inflated(0.03), inflated(0.03), (2000, 40)),
    Cell("3 % lognormal, else 0", inflated(0.03), inflated(0.03), (5000, 200)),
    Cell("3 % and 30 % lognormal, else 0", inflated(0.03), inflated(0.3), (2000, 40)),
    Cell("normal, 3 % of it 8 higher", bulk(0.03, 8), bulk(0.03, 8), (2000, 40)),
    Cell(
        "3 % at -1, 3 % at 3, else 0",
        three_values(0.03, 0.03),
        three_values(0.03, 0.03),
        (2000, 40),
    ),
    Cell("a constant, d lognormal(1.2)", CONSTANT, lognormal(1.2), (2000, 30)),
    Cell("a lognormal(1.2), d normal", lognormal(1.2), normal(2, 1), (2000, 30)),
    Cell("a lognormal(1.2), d normal(2, .3)", lognormal(1.2), normal(2, 0.3), (2000, 30)),
    Cell("a lognormal(1.2), d normal(2, .3)", lognormal(1.2), normal(2, 0.3), (100_000, 2000)),
    Cell("Student's t(3)", STUDENT, STUDENT, (2000, 20)),
    Cell("normal", normal(), normal(), (1000, 10)),
    Cell("normal", normal(), normal(), (10, 10)),
    Cell("normal", normal(), normal(), (200, 200)),
    Cell("normal, a three times as wide", normal(0, 3), normal(), (1000, 10)),
    Cell("normal, d three times as wide", normal(), normal(0, 3), (1000, 10)),
    Cell("uniform", UNIFORM, UNIFORM, (1000, 10)),
    Cell("uniform", UNIFORM, UNIFORM, (20, 20)),
)


def simulated(cell: Cell, sets: int, seed: Iterable[int]) -> Result:
    """How often the interval of a cell holds the true difference of the means."""
    rng = np.random.default_rng([*seed])
    codes = np.repeat([0, 1], cell.rows)
    truth = cell.a.mean - cell.d.mean
    on_d = np.array([False, True])
    found: list[tuple[Any, ...]] = []
    for start in range(0, sets, _AT_ONCE // len(codes)):
        some = min(_AT_ONCE // len(codes), sets - start)
        sides = zip((cell.a, cell.d), cell.rows, strict=True)
        values = np.concatenate([law.draw(rng, (some, 1, rows)) for law, rows in sides], axis=2)
        sums = Sums(("a", "d"), of_groups(values, codes, 2))
        made = gap(sums, on_d, ~on_d, 0.95)
        found.append((made.low, made.high, made.few, made.gap, welch_reach(sums)))
    low, high, few, estimate, reach = (
        np.concatenate(arrays) for arrays in zip(*found, strict=True)
    )
    above, below = np.mean(low > truth + 1e-12), np.mean(high < truth - 1e-12)
    return Result(
        cell,
        welch=float(np.mean(np.abs(estimate - truth) <= reach + 1e-12)),
        covered=float(1 - above - below),
        above=float(above),
        below=float(below),
        width=float(np.mean(high - low) / np.mean(2 * reach)),
        noted=float(np.mean(few < FEW_CARRY)),
    )


def welch_reach(sums: Sums) -> Values:
    """Half the width of Welch's interval."""
    n, second = sums.moments.n, sums.moments.second
    errors = second / (n - 1) / n
    variance = errors.sum(axis=-1)
    squares = (errors**2 / (n - 1)).sum(axis=-1)
    freedom = np.divide(variance**2, squares, out=np.ones_like(squares), where=squares > 0)
    return np.asarray(stdtrit(freedom, 0.975) * np.sqrt(variance))


def table(found: Iterable[Result]) -> str:
    """Markdown table, a row per cell."""
    lines = [
        "| values | rows of a, d | Welch's | covered | misses above, below | width | noted |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in found:
        rows = " / ".join(f"{n:,}" for n in one.cell.rows)
        shares = [f"{100 * share:.1f}" for share in (one.welch, one.covered)]
        misses = f"{100 * one.above:.1f}, {100 * one.below:.1f}"
        told = (one.cell.name, rows, *shares, misses, f"{one.width:.2f}", f"{100 * one.noted:.0f}")
        lines.append(f"| {' | '.join(told)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=2000, help="data sets a cell")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    found = [simulated(cell, args.sets, (args.seed, i)) for i, cell in enumerate(CELLS)]
    print(table(found))
    if args.write:
        write(table(found), args.sets)


def write(made: str, sets: int) -> None:
    """Put the table between the markers of docs/explanations.md."""
    page = Path(__file__).parent.parent / "docs" / "explanations.md"
    start, end = "<!-- coverage: begin -->", "<!-- coverage: end -->"
    before, rest = page.read_text(encoding="utf-8").split(start)
    _, after = rest.split(end)
    text = f"{before}{start}\n{made}\n\n{sets:,} data sets a cell.\n{end}{after}"
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
