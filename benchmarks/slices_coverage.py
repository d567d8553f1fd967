"""How often slices are claimed where there is nothing, and whether all intervals hold together.

``python benchmarks/slices_coverage.py`` prints a table; ``--write`` puts it into docs/slices.md.
Five columns that go together, as those of people do, and an outcome that is independent of them, or
depends on them by random effects. Of DivExplorer and SliceLine, where they are installed, it counts
what they would flag among the same shuffled outcomes.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from core import write_section

from biaskit.audits.slices.joint import Amounts, Joint
from biaskit.audits.slices.lattice import lattice_of
from biaskit.audits.surely import gaps_of

PACKAGES = ("numpy", "scipy")
SEED, LEVEL, DEPTH = 19, 0.95, 3
SIZES = (2, 3, 4, 5, 6)
NAMES = tuple("abcde")
_SMALL = 2000


class Table(NamedTuple):
    """One table of rows: its cells, which of them each slice has, and the rows of each."""

    codes: np.ndarray
    rows: np.ndarray
    inside: np.ndarray


def table_of(rows: int, min_rows: int, rng: np.random.Generator) -> Table:
    """Rows of five correlated columns, and every slice of up to three of them."""
    latent = rng.normal(size=rows)
    columns = [
        np.digitize(0.6 * latent + rng.normal(size=rows), np.linspace(-1.5, 1.5, size - 1))
        for size in SIZES
    ]
    codes, of_cell = np.unique(np.stack(columns), axis=1, return_counts=True)
    n = of_cell.astype(np.float64)
    joint = Joint(NAMES, tuple(tuple(range(size)) for size in SIZES), codes.astype(np.int64))
    lattice = lattice_of(
        joint,
        [Amounts(n, n, n)],
        lambda inside, known: np.minimum(inside[0].rows, known[0].rows - inside[0].rows),
        depth=DEPTH,
        min_rows=min_rows,
    )
    stand, _ = lattice.stand()
    inside = np.array([lattice.cells(one) for one in stand.tolist()], dtype=np.float64)
    return Table(codes, of_cell, inside)


def judged(table: Table, positives: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the intervals of all slices, for each data set."""
    n = table.inside @ table.rows
    x = positives @ table.inside.T
    total, rows = positives.sum(axis=1, keepdims=True), table.rows.sum()
    n = np.broadcast_to(n, x.shape)
    gaps = gaps_of(total - x, rows - n, x, n, tail)
    return gaps.low, gaps.high


def shuffled(table: Table, rate: float, sets: int, rng: np.random.Generator) -> np.ndarray:
    """Positive outcomes of each cell where they are independent of the columns."""
    total = round(rate * table.rows.sum())
    return rng.multivariate_hypergeometric(table.rows, total, size=sets, method="marginals")


def with_effects(
    table: Table, rate: float, sets: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Chance of each cell, with random effects of columns and of cells, and its outcomes."""
    chances = []
    for _ in range(sets):
        logit = np.log(rate / (1 - rate)) + rng.normal(0, 0.3, table.codes.shape[1])
        for column, size in zip(table.codes, SIZES, strict=True):
            logit += rng.normal(0, 0.4, size)[column]
        chances.append(1 / (1 + np.exp(-logit)))
    chance = np.array(chances)
    return chance, rng.binomial(table.rows, chance)


def true_gaps(table: Table, chance: np.ndarray) -> np.ndarray:
    """True difference of each slice from the other rows, for each data set."""
    n = table.inside @ table.rows
    expected = chance * table.rows
    x = expected @ table.inside.T
    return (expected.sum(axis=1, keepdims=True) - x) / (table.rows.sum() - n) - x / n


def frame_of(table: Table, positives: np.ndarray) -> pd.DataFrame:
    """Rows of one data set."""
    at = np.repeat(np.arange(len(table.rows)), table.rows)
    first = np.cumsum(table.rows) - table.rows
    frame = pd.DataFrame({name: one[at] for name, one in zip(NAMES, table.codes, strict=True)})
    frame["y"] = (np.arange(len(at)) - first[at] < positives[at]).astype(int)
    return frame


def of_divexplorer(table: Table, positives: np.ndarray, min_rows: int) -> list[int] | None:
    """Slices that DivExplorer gives a t above 2, in each data set."""
    try:
        from divexplorer import DivergenceExplorer
    except ImportError:
        return None
    found = []
    for one in positives:
        frame = frame_of(table, one)
        patterns = DivergenceExplorer(frame).get_pattern_divergence(
            min_support=min_rows / len(frame), attributes=[*NAMES], boolean_outcomes=["y"]
        )
        short = patterns["length"].between(1, DEPTH) if "length" in patterns else True
        found.append(int(((patterns["y_t"] > 2) & short).sum()))
    return found


def of_sliceline(table: Table, positives: np.ndarray, min_rows: int) -> list[int] | None:
    """Slices that SliceLine gives a score above 0, of the ten that it is asked for."""
    try:
        from sliceline.slicefinder import Slicefinder
    except ImportError:
        return None
    found = []
    for one in positives:
        frame = frame_of(table, one)
        finder = Slicefinder(alpha=0.95, k=10, max_l=DEPTH, min_sup=min_rows, verbose=False)
        finder.fit(frame[[*NAMES]].to_numpy(), frame["y"].to_numpy(dtype=float))
        scores = [row.get("slice_score", 0) for row in finder.top_slices_statistics_]
        found.append(sum(score > 0 for score in scores))
    return found


def cells(sets: int, of_peers: int) -> Iterator[list[str]]:
    """Rows of the table."""
    for place, (rows, rate, min_rows) in enumerate(
        (
            (2000, 0.3, 20),
            (2000, 0.05, 20),
            (2000, 0.05, 50),
            (20_000, 0.05, 50),
            (20_000, 0.02, 50),
        )
    ):
        rng = np.random.default_rng([SEED, place])
        table = table_of(rows, min_rows, rng)
        slices = len(table.inside)
        together, alone = (1 - LEVEL) / (2 * slices), (1 - LEVEL) / 2
        nothing = shuffled(table, rate, sets, rng)
        claims = []
        for tail in (together, alone):
            low, high = judged(table, nothing, tail)
            claims.append(float(((low > 0) | (high < 0)).any(axis=1).mean()))
        chance, seen = with_effects(table, rate, sets, rng)
        low, high = judged(table, seen, together)
        truth = true_gaps(table, chance)
        held = float(((low <= truth) & (truth <= high)).all(axis=1).mean())
        peers = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for peer in (of_divexplorer, of_sliceline):
                # Of large tables the peers take minutes.
                flagged = peer(table, nothing[:of_peers], min_rows) if rows <= _SMALL else None
                peers.append(told(flagged))
        yield [
            *(f"{rows:,}", f"{100 * rate:g} %", f"{min_rows}", f"{slices:,}"),
            *(f"{100 * claims[0]:.1f}", f"{100 * held:.1f}", f"{100 * claims[1]:.0f}", *peers),
        ]


def told(flagged: list[int] | None) -> str:
    """Share of the data sets in which a peer flags something, and how much on average."""
    if flagged is None:
        return ""
    some = np.mean([one > 0 for one in flagged])
    return f"{100 * some:.0f} ({np.mean(flagged):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=500, help="data sets of each row")
    parser.add_argument("--peer-sets", type=int, default=40, help="of them, those that peers see")
    parser.add_argument("--write", action="store_true", help="write into docs/slices.md")
    args = parser.parse_args()
    heads = ["rows", "rate", "min_rows", "slices", "something claimed, %", "all intervals hold, %"]
    heads += ["each at 95 %: claimed, %", "DivExplorer: t > 2, %", "SliceLine: score > 0, %"]
    found = [*cells(args.sets, args.peer_sets)]
    lines = [f"| {' | '.join(heads)} |", "| ---: " * len(heads) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in found]
    note = (
        f"{args.sets:,} data sets a row, {args.peer_sets:,} for the peers; in brackets, what they "
        "flag on average."
    )
    made = "\n".join([*lines, "", note])
    print(made)
    if args.write:
        write_section("slices coverage", made, "slices.md", PACKAGES)


if __name__ == "__main__":
    main()
