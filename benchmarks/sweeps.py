"""Every threshold at once, beside a report for each, from counts of the Adult census table.

``python benchmarks/sweeps.py adult.data`` prints the table; ``--write`` also puts it into
docs/benchmarks.md. The file is that of the UCI repository. A row's score is the share of incomes
above 50K among the rows of the same years of education and ten years of age.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from core import medians, write_section

import biaskit

COLUMNS = ["age", "workclass", "education_num", "occupation", "sex", "income"]
_PLACES = [0, 1, 4, 6, 9, 14]
_THRESHOLDS = 101


def scored(path: Path) -> pd.DataFrame:
    """Adult with scores."""
    df = pd.read_csv(path, header=None, usecols=_PLACES, names=COLUMNS, skipinitialspace=True)
    rich = (df["income"] == ">50K").astype(int)
    band = [df["education_num"], df["age"] // 10]
    return df.assign(y=rich, score=rich.groupby(band).transform("mean"))


def measured(df: pd.DataFrame, times: int) -> Iterator[tuple[str, float, float]]:
    """What is measured, the time of single reports and that of a sweep."""
    for group, of_it in ((None, ""), ("occupation", ", CDDPL by occupation")):
        counts = biaskit.count(df, facet="sex", label="y", score="score", group=group)
        swept = biaskit.sweep(counts, thresholds=_THRESHOLDS)
        at = swept["threshold"].unique()
        metrics = [biaskit.METRICS[one] for one in swept["metric"].unique() if one != "FT"]
        single = [counts.at_threshold(one).without_scores() for one in at]
        for confidence, which in ((None, "without intervals"), (0.95, "with intervals and tests")):

            def each(single=single, confidence=confidence, metrics=metrics) -> None:
                for one in single:
                    biaskit.report(one, metrics=metrics, confidence=confidence)

            def together(counts=counts, confidence=confidence, metrics=metrics) -> None:
                biaskit.sweep(
                    counts, thresholds=_THRESHOLDS, confidence=confidence, metrics=metrics
                )

            theirs, ours = medians(each, together, times)
            what = f"{len(metrics)} metrics{of_it}, {which}"
            yield f"{what}: {_THRESHOLDS} reports / one sweep", theirs, ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adult", type=Path, help="the file adult.data")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    found = measured(scored(args.adult), args.times)
    lines = ["| from counts | ratio | reports | sweep |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {what} | {a / b:.1f} | {a:.3f} s | {b:.4f} s |" for what, a, b in found]
    table = "\n".join(lines)
    print(table)
    if args.write:
        write_section("sweeps", table, packages=("biaskit", "numpy", "pandas"))


if __name__ == "__main__":
    main()
