"""What the interval of the largest gap among many values holds, and alarms over sparse groups.

``python benchmarks/extremes_coverage.py`` prints two tables; ``--write`` puts them into
docs/intervals.md. Both are simulated: of values that differ or do not, the share of data sets in
which the interval of "(largest - smallest)" holds the truth; of groups with few outcomes in which
nothing differs, how often the test of CDDL says that something does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
from core import write_section
from interval_coverage import LEVEL, evidence_for, tally

from biaskit.intervals.figures import figures_of
from biaskit.metrics import METRICS
from biaskit.metrics.forms import Share
from biaskit.reports.rates import _apart

PACKAGES = ("numpy",)
SEED = 20
# Part of the rows of each group that is side d.
PART_OF_D = 0.3


def truths() -> Iterator[tuple[str, list[float], list[int]]]:
    """Names, rates and rows of the values of some tables."""
    for k in (2, 3, 8, 30):
        for rows in ([30] * k, [300] * k, [20, *[1000] * (k - 1)]):
            sizes = "20 and 1,000" if len(set(rows)) > 1 else f"{rows[0]:,}"
            for rate in (0.01, 0.1, 0.5):
                yield f"{k} values, {sizes} rows", [rate] * k, rows
            spread = np.linspace(0.1, 0.9, k).tolist()
            yield f"{k} values, {sizes} rows", spread, rows


def of_largest(sets: int) -> Iterator[tuple[str, str, float, float, float]]:
    """Coverage, how often the low end is above 0, and width, of each table."""
    for place, (name, rates, rows) in enumerate(truths()):
        rng = np.random.default_rng([SEED, place])
        n = np.array(rows, dtype=np.float64)
        counts = rng.binomial(rows, rates, (sets, len(rows))).astype(np.float64)
        ends = np.array([_apart(x / n, Share(x, n), Share(x, n), LEVEL) for x in counts])
        gap = max(rates) - min(rates)
        held = (ends[:, 1] <= gap + 1e-12) & (ends[:, 2] >= gap - 1e-12)
        above = float(np.mean(ends[:, 1] > 0)) if gap == 0 else np.nan
        told = f"{rates[0]:g}" if gap == 0 else f"{rates[0]:g} to {rates[-1]:g}"
        yield name, told, float(held.mean()), above, float(np.mean(ends[:, 2] - ends[:, 1]))


def of_groups(sets: int) -> Iterator[tuple[str, float, float, float, float]]:
    """How often p of CDDL is small where the sides are alike in every group."""
    metric = METRICS["CDDL"]
    place = 0
    for groups in (2, 5, 30):
        for rows in (20, 100, 1000):
            for rate in (0.005, 0.02, 0.1, 0.3):
                place += 1
                rng = np.random.default_rng([SEED, 1, place])
                sides = []
                for part in (1 - PART_OF_D, PART_OF_D):
                    n = round(rows * part)
                    positive = rng.binomial(n, rate, (sets, groups))
                    sides.append(np.stack([n - positive, positive], axis=1)[:, :, np.newaxis])
                evidence = evidence_for(metric, *map(tally, sides))
                p = figures_of([evidence], [metric.parity], [metric.bounds], LEVEL)[0].p_value
                known = ~np.isnan(p)
                alarms = [float(np.mean(known & (p < level))) for level in (0.05, 0.01, 0.001)]
                yield f"{groups} groups of {rows:,} rows", rate, *alarms


def table_of(found: Sequence[Sequence[object]], heads: Sequence[str]) -> str:
    """Markdown table of some rows."""
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in found)])


def percent(share: float, places: int = 1) -> str:
    return "" if np.isnan(share) else f"{100 * share:.{places}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1000, help="data sets of each table")
    parser.add_argument("--write", action="store_true", help="write into docs/intervals.md")
    args = parser.parse_args()
    largest = [*of_largest(args.sets)]
    groups = [*of_groups(4 * args.sets)]
    alike = [one[3] for one in largest if not np.isnan(one[3])]
    held = [one[2] for one in largest]
    told = (
        f"The largest minus the smallest rate, {len(largest)} cells of {args.sets:,} data sets: "
        f"the interval holds the truth in {percent(min(held))} % at least and in "
        f"{percent(float(np.mean(held)))} % on average; where all values are alike, its low end is "
        f"above 0 in {percent(max(alike))} % at most."
    )
    worst = [max(one[i] for one in groups) for i in (2, 3, 4)]
    also = (
        f"CDDL where nothing differs, {len(groups)} cells of {4 * args.sets:,} data sets: p is "
        f"below .05 in {percent(worst[0])} % at most, below .01 in {percent(worst[1])} % and below "
        f".001 in {percent(worst[2], 2)} %."
    )
    shown = table_of(
        [(a, b, percent(c), percent(d), f"{e:.3f}") for a, b, c, d, e in largest],
        ["values", "rates", "holds, %", "low end above 0, %", "width"],
    )
    by_group = table_of(
        [(a, f"{b:g}", *map(percent, rest[:2]), percent(rest[2], 2)) for a, b, *rest in groups],
        ["groups", "rate", "p < .05, %", "p < .01, %", "p < .001, %"],
    )
    print(f"{told}\n\n{shown}\n\n{also}\n\n{by_group}")
    if args.write:
        write_section("extremes", f"{told} {also}", "intervals.md", PACKAGES)


if __name__ == "__main__":
    main()
