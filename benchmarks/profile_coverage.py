"""What a profile claims of facets that are shuffled, and how well its intervals hold.

``python benchmarks/profile_coverage.py`` prints the tables; ``--write`` puts them into
docs/profile.md. Only tables of cells are drawn, from the law of rows whose columns are independent,
or depend on each other by a known amount.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from core import write_section

from biaskit.audits.profile.association import association
from biaskit.audits.surely import gaps_of, p_values
from biaskit.intervals.holm import holm_adjusted

PACKAGES = ("numpy", "scipy")
SEED, ALPHA = 19, 0.05
#: Values of the columns of a table whose facet is shuffled.
SIZES = (2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)
MISSING = 0.03


def crossed(x: np.ndarray, y: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Table of two columns of codes, less the values that no row has."""
    made = np.bincount(x * columns + y, minlength=rows * columns).reshape(rows, columns)
    return made[made.sum(axis=1) > 0][:, made.sum(axis=0) > 0]


def shares(size: int) -> np.ndarray:
    """Shares of the values of a column, some of which are rare, as names of places are."""
    made = 1 / np.arange(1, size + 1)
    return made / made.sum()


def independent(sets: int) -> Iterator[list[str]]:
    """Of columns that tell nothing: what is told of them, by their size."""
    rng = np.random.default_rng(SEED)
    for rows in (500, 50_000):
        for size in (2, 50, 500):
            for minority in (0.5, 0.05):
                u, corrected, claimed, low = [], [], 0, 0
                for _ in range(sets):
                    x = rng.choice(size, rows, p=shares(size))
                    y = (rng.random(rows) < minority).astype(np.int64)
                    found = association(crossed(x, y, size, 2), ALPHA / 2)
                    u.append(found.told.u)
                    corrected.append(found.told.u_corrected)
                    claimed += found.p_value <= ALPHA
                    low += found.told.low > 0
                yield [
                    *(f"{rows:,}", f"{size}", f"{100 * minority:g} %", f"{np.mean(u):.5f}"),
                    *(f"{np.mean(corrected):.5f}", f"{np.std(corrected) / sets**0.5:.5f}"),
                    *(f"{100 * one / sets:.1f}" for one in (claimed, low)),
                ]


def dependent(sets: int) -> Iterator[list[str]]:
    """How often the interval of u holds the truth."""
    rng = np.random.default_rng(SEED)
    for rows in (500, 5_000):
        for size in (2, 10, 50):
            for strength in (0.1, 0.3, 1.0, 3.0):
                of_value = shares(size)
                chance = 1 / (1 + np.exp(-strength * np.linspace(-1, 1, size)))
                whole = np.stack([1 - chance, chance], axis=1) * of_value[:, None]
                facet = whole.sum(axis=0)
                true = (whole * np.log(whole / of_value[:, None] / facet)).sum()
                true /= -(facet * np.log(facet)).sum()
                held, above = 0, 0
                for _ in range(sets):
                    table = rng.multinomial(rows, whole.ravel()).reshape(whole.shape)
                    table = table[table.sum(axis=1) > 0]
                    told = association(table, ALPHA / 2).told
                    held += told.low <= true <= told.high
                    above += told.low > true
                yield [
                    *(f"{rows:,}", f"{size}", f"{true:.4f}"),
                    *(f"{100 * one / sets:.1f}" for one in (held, above)),
                ]


def shuffled(sets: int) -> Iterator[list[str]]:
    """How often a profile of twelve columns claims something of a facet that is shuffled."""
    rng = np.random.default_rng(SEED)
    for rows in (300, 2_000, 20_000):
        for minority in (0.5, 0.05):
            proxies, missing, each = 0, 0, 0
            for _ in range(sets):
                y = (rng.random(rows) < minority).astype(np.int64)
                p, gone = [], []
                for size in SIZES:
                    x = rng.choice(size, rows, p=shares(size))
                    p.append(association(crossed(x, y, size, 2), ALPHA / 2).p_value)
                    gone.append(np.bincount(y, rng.random(rows) < MISSING, minlength=2))
                n = np.tile(np.bincount(y, minlength=2).astype(float), (len(gone), 1)).T
                absent = np.array(gone).T
                told = p_values(absent[0], n[0], absent[1], n[1])
                proxies += (holm_adjusted(np.array(p)) <= ALPHA).any()
                missing += (holm_adjusted(told) <= ALPHA).any()
                gaps = gaps_of(absent[0], n[0], absent[1], n[1], ALPHA / 2)
                each += ((gaps.low > 0) | (gaps.high < 0)).sum()
            yield [
                *(f"{rows:,}", f"{100 * minority:g} %"),
                *(f"{100 * one / sets:.1f}" for one in (proxies, missing)),
                f"{100 - 100 * each / sets / len(SIZES):.1f}",
            ]


TABLES = {
    "profile independent": (
        independent,
        [
            *("rows", "values", "minority", "mean u", "mean u_corrected", "its error"),
            *("p ≤ 0.05, %", "low > 0, %"),
        ],
    ),
    "profile shuffled": (
        shuffled,
        [
            *("rows", "minority", "a proxy claimed, %", "missing claimed, %"),
            "interval of a difference holds 0, %",
        ],
    ),
    "profile coverage": (
        dependent,
        ["rows", "values", "u", "interval holds u, %", "all of it above u, %"],
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1000, help="data sets of each row")
    parser.add_argument("--write", action="store_true", help="write into docs/profile.md")
    args = parser.parse_args()
    for name, (function, heads) in TABLES.items():
        lines = [f"| {' | '.join(heads)} |", "| ---: " * len(heads) + "|"]
        lines += [f"| {' | '.join(row)} |" for row in function(args.sets)]
        made = "\n".join([*lines, "", f"{args.sets:,} data sets a row."])
        print(made)
        if args.write:
            write_section(name, made, "profile.md", PACKAGES)


if __name__ == "__main__":
    main()
