"""Intervals of every metric against fairlearn's bootstrap of seven, in one run, taking turns.

``python benchmarks/resampling.py`` prints the table; ``--write`` puts it into docs/benchmarks.md.
The rows are COMPAS (7,214, three facet values, three random groups). fairlearn resamples them; its
time for 1,000 resamples is scaled from ``--boot`` of them (10 by default), less its time for none.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from core import medians, seconds, write_section

import biaskit
from biaskit.counts.counts import Counts
from biaskit.reports.report import report_rows

ROLES = {"facet": "race", "label": "arrested", "predicted": "scored", "group": "band"}


def people() -> pd.DataFrame:
    """COMPAS with its smaller groups joined, and a random group."""
    frame = biaskit.datasets.compas()
    common = frame["race"].isin(["African-American", "Caucasian"])
    frame["race"] = frame["race"].where(common, "Other")
    frame["band"] = np.random.default_rng(0).integers(0, 3, len(frame))
    return frame


def fairlearn_seconds(frame: pd.DataFrame, boot: int) -> float:
    """Median seconds of fairlearn's MetricFrame with seven metrics and some resamples."""
    from fairlearn import metrics as fl
    from sklearn.metrics import accuracy_score, precision_score

    seven = {
        "selection_rate": fl.selection_rate,
        "true_positive_rate": fl.true_positive_rate,
        "true_negative_rate": fl.true_negative_rate,
        "false_positive_rate": fl.false_positive_rate,
        "false_negative_rate": fl.false_negative_rate,
        "accuracy": accuracy_score,
        "precision": precision_score,
    }

    def call(n_boot: int | None) -> object:
        return fl.MetricFrame(
            metrics=seven,
            y_true=frame["arrested"],
            y_pred=frame["scored"],
            sensitive_features=frame["race"],
            n_boot=n_boot,
            ci_quantiles=None if n_boot is None else [0.025, 0.975],
            random_state=0,
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        none = statistics.median(seconds(lambda: call(None)) for _ in range(3))
        some = statistics.median(seconds(lambda: call(boot)) for _ in range(3))
    return (some - none) / boot * 1000


def enlarged(counts: Counts, rows: int) -> Counts:
    """The same counts as of about so many rows."""
    times = rows // counts.rows
    tables = {facet: replace(table, n=table.n * times) for facet, table in counts.tables.items()}
    return Counts(counts.roles, tables, counts.rows * times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boot", type=int, default=10)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    frame = people()
    counts = biaskit.count(frame, **ROLES)
    many = enlarged(counts, 100_000_000)
    small, large = medians(lambda: report_rows(counts), lambda: report_rows(many), 25)
    bare = statistics.median(
        seconds(lambda: report_rows(counts, confidence=None)) for _ in range(25)
    )
    theirs = fairlearn_seconds(frame, args.boot)
    again, _ = medians(lambda: report_rows(counts), lambda: None, 25)
    ours = max(small, again)
    rows = [
        ("1,000 resamples by fairlearn, 7 metrics / intervals by biaskit, all 24", theirs, ours),
        (f"biaskit on {many.rows:,} rows' counts / on {counts.rows:,}", large, small),
        ("biaskit with intervals / without", small, bare),
    ]
    lines = [f"| {what} | {x:,.4g} | {y:,.4g} | {x / y:,.3g} |" for what, x, y in rows]
    table = "\n".join(["| what | one | other | ratio |", "| --- | ---: | ---: | ---: |", *lines])
    print(table)
    if args.write:
        write_section("resampling", table)


if __name__ == "__main__":
    main()
