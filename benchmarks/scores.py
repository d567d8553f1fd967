"""Scores of Parquet by facet and label, counted in 10,000 bins: biaskit beside DuckDB.

``python benchmarks/scores.py`` prints the table, ``--write`` puts it into docs/benchmarks.md. The
file has 50 million rows (``--rows``) in row groups of a million, compressed with Snappy, and is
kept in the folder of temporary files. One score is a random double, of which a writer's dictionary
holds only the first; the other has three decimals, all in a dictionary. Both engines use two
threads and take turns in one process. DuckDB counts, sums and sums squares by ``GROUP BY``, once
with bins that are equal to the row, once with those of ``ceil``, which puts some scores at an edge
into the bin above. Processor time is that of all threads, which a busy machine changes less.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from core import write_section
from parquet import write_file

import biaskit

_ROW_GROUP = 1_000_000
#: Scores, and what they are.
SCORES = {
    "score": "random doubles",
    "rounded": "three decimals",
}
_EXACT = "round({0} * 10000) + ({0} > round({0} * 10000) / 10000)::INT"
_CEIL = "ceil({0} * 10000)"


def rows_of(rows: int) -> Iterator[pa.Table]:
    """Tables of people with scores, a million rows at a time."""
    rng = np.random.default_rng(0)
    for start in range(0, rows, _ROW_GROUP):
        n = min(_ROW_GROUP, rows - start)
        score = rng.beta(2, 3, n)
        yield pa.table(
            {
                "sex": np.array(["F", "M"])[rng.integers(0, 2, n)],
                "hired": (rng.random(n) < score).astype(np.int64),
                "score": score,
                "rounded": score.round(3),
            }
        )


def file_of(rows: int) -> Path:
    """File of some rows, which is made where there is none."""
    path = Path(tempfile.gettempdir(), f"biaskit-benchmark-scores-{rows}.parquet")
    if not path.exists():
        partial = path.with_suffix(".part")
        write_file(partial, rows_of(rows), "pyarrow", "snappy")
        partial.replace(path)
    return path


def engines(path: Path, score: str) -> dict[str, Callable[[], Any]]:
    """Call that counts, for each engine."""
    connection = duckdb.connect()
    connection.execute("SET threads = 2")

    def grouped(bins: str) -> Callable[[], Any]:
        query = (
            f"SELECT sex, hired, ({bins.format(score)})::INT AS bin, count(*) AS n, sum({score}), "
            f"sum({score} * {score}) FROM '{path}' GROUP BY ALL"
        )
        return lambda: connection.execute(query).fetchnumpy()

    return {
        "biaskit": lambda: biaskit.count(path, facet="sex", label="hired", score=score),
        "exact": grouped(_EXACT),
        "ceil": grouped(_CEIL),
    }


def refuse_other_bins(counts: biaskit.Counts, groups: dict[str, Any]) -> None:
    """Stop where an engine has other numbers of rows in any cell and bin."""
    (table,) = counts.scores.values()
    n = np.zeros_like(table.n[:, :, 0])
    sex = [table.facet.index(one) for one in groups["sex"]]
    hired = [table.label.index(int(one)) for one in groups["hired"]]
    np.add.at(n, (sex, hired, np.maximum(groups["bin"], 1)), groups["n"])
    if not np.array_equal(n, table.n[:, :, 0]):
        raise SystemExit("the bins differ")


def compare(path: Path, score: str, repeats: int) -> dict[str, tuple[float, float]]:
    """Best seconds of each engine, and of its threads together, taking turns."""
    calls = engines(path, score)
    refuse_other_bins(calls["biaskit"](), calls["exact"]())
    calls["ceil"]()
    best = dict.fromkeys(calls, (float("inf"), float("inf")))
    for _ in range(repeats):
        for name, count in calls.items():
            start, used = time.perf_counter(), time.process_time()
            count()
            found = time.perf_counter() - start, time.process_time() - used
            best[name] = min(best[name][0], found[0]), min(best[name][1], found[1])
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    lines = [
        "| what | biaskit, ms | DuckDB, the same bins / biaskit | DuckDB, `ceil` / biaskit |",
        "| --- | ---: | ---: | ---: |",
    ]
    path = file_of(args.rows)
    for score, what in SCORES.items():
        best = compare(path, score, args.repeats)
        for i, time_ in enumerate(("", ", processor time")):
            ours, exact, ceil = (best[name][i] for name in ("biaskit", "exact", "ceil"))
            ratios = f"{exact / ours:.1f} | {ceil / ours:.1f}"
            lines.append(f"| {args.rows:,} rows, {what}{time_} | {1000 * ours:,.0f} | {ratios} |")
            print(lines[-1], flush=True)
    if args.write:
        packages = ("biaskit", "numpy", "pyarrow", "numba", "duckdb")
        write_section("scores", "\n".join(lines), packages=packages)


if __name__ == "__main__":
    main()
