"""Ratios of a count on an engine against the engine's own GROUP BY, in one run, interleaved.

``python benchmarks/engines.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
Needs the ``dev`` extra, and Java for Spark. Start-up is not counted.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from core import seconds, write_section

import biaskit

ROLES: dict[str, Any] = {"facet": "sex", "label": "y", "predicted": "p", "group": "place"}
KEYS = ["sex", "y", "p", "place"]
#: Two facets, one of them cut, and weights: what a hand would write is longer.
MORE: dict[str, Any] = {
    "facet": ["sex", "age"],
    "facet_edges": {"age": [25, 40, 65]},
    "label": "y",
    "predicted": "p",
    "weight": "w",
}
AGE = "CASE WHEN age <= 25 THEN 0 WHEN age <= 40 THEN 1 WHEN age <= 65 THEN 2 ELSE 3 END"


def people(rows: int) -> pa.Table:
    """Table of random people: sex with 1 % missing, place (16 values), age, y, p, and weights."""
    rng = np.random.default_rng(0)
    sex = pa.DictionaryArray.from_arrays(
        pa.array(rng.integers(0, 2, rows), mask=rng.random(rows) < 0.01), ["F", "M"]
    )
    places = [f"place {i:02d}" for i in range(16)]
    place = pa.DictionaryArray.from_arrays(rng.integers(0, 16, rows), places)
    return pa.table(
        {
            "sex": sex.cast(pa.string()),
            "place": place.cast(pa.string()),
            "age": rng.integers(18, 90, rows),
            "y": rng.integers(0, 2, rows),
            "p": rng.integers(0, 2, rows),
            "w": rng.uniform(0.5, 2, rows),
        }
    )


def spark(path: Path) -> tuple[Any, Callable[[], Any], Callable[[], Any]]:
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    session = builder.config("spark.log.level", "OFF").getOrCreate()
    frame = session.read.parquet(str(path))
    age = f.expr(
        "CASE WHEN age <= 25 THEN 0 WHEN age <= 40 THEN 1 WHEN age <= 65 THEN 2 ELSE 3 END"
    )
    sums = [f.count("*"), f.sum("w"), f.sum(f.col("w") * f.col("w"))]
    return (
        frame,
        lambda: frame.groupBy(*KEYS).count().toArrow(),
        lambda: frame.groupBy("sex", age, "y", "p").agg(*sums).toArrow(),
    )


def duck(path: Path) -> tuple[Any, Callable[[], Any], Callable[[], Any]]:
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    query = f"SELECT {{}} FROM '{path}' GROUP BY ALL"
    plain = query.format(f"{', '.join(KEYS)}, count(*)")
    more = query.format(f"sex, {AGE}, y, p, count(*), sum(w), sum(w * w)")
    return (
        connection.read_parquet(str(path)),
        lambda: connection.sql(plain).to_arrow_table(),
        lambda: connection.sql(more).to_arrow_table(),
    )


def polars(path: Path) -> tuple[Any, Callable[[], Any], Callable[[], Any]]:
    import polars as pl

    age = sum((pl.col("age") > edge).cast(pl.Int32) for edge in (25, 40, 65)).alias("bin")
    sums = [pl.len(), pl.col("w").sum(), (pl.col("w") * pl.col("w")).sum().alias("w2")]
    frame = pl.scan_parquet(path)
    return (
        frame,
        lambda: frame.group_by(KEYS).agg(pl.len()).collect(),
        lambda: frame.group_by("sex", age, "y", "p").agg(*sums).collect(),
    )


def dask(path: Path) -> tuple[Any, Callable[[], Any], Callable[[], Any]]:
    import dask.dataframe as dd

    frame = dd.read_parquet(path, split_row_groups=True)

    def more() -> Any:
        age = sum((frame["age"] > edge).astype("int64") for edge in (25, 40, 65))
        made = frame[["sex", "y", "p", "w"]].assign(bin=age, w2=frame["w"] * frame["w"])
        grouped = made.groupby(["sex", "bin", "y", "p"], dropna=False)
        return grouped.agg(n=("w", "size"), w=("w", "sum"), w2=("w2", "sum")).compute()

    return frame, lambda: frame.groupby(KEYS, dropna=False).size().compute(), more


PACKAGES = ("biaskit", "narwhals", "pyarrow", "pyspark", "duckdb", "polars", "dask")
ENGINES = {"PySpark": spark, "DuckDB": duck, "Polars": polars, "Dask": dask}


def measured(ours: Callable[[], Any], theirs: Callable[[], Any], times: int) -> tuple[float, float]:
    """Least seconds of two calls that take turns, the first turns of each not counted."""
    for _ in range(2):
        ours(), theirs()
    pairs = []
    for i in range(times):  # whoever goes first has the other's caches, so they swap
        pair = [(j, seconds((ours, theirs)[j])) for j in ((0, 1) if i % 2 else (1, 0))]
        pairs.append([value for _, value in sorted(pair)])
    one, other = (min(column) for column in zip(*pairs, strict=True))
    return one, other


def table(rows: int, times: int) -> str:
    lines = [
        f"| {rows:,} rows | biaskit, s | own GROUP BY, s | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.parquet"
        pq.write_table(people(rows), path, row_group_size=500_000)
        expected = [biaskit.count(path, **roles) for roles in (ROLES, MORE)]
        for name, engine in ENGINES.items():
            frame, plain, more = engine(path)
            for what, roles, theirs, counts in (
                ("four roles", ROLES, plain, expected[0]),
                ("two facets, a cut, weights", MORE, more, expected[1]),
            ):
                found = biaskit.count(frame, **roles)
                for facet, one in found.tables.items():
                    assert (one.n == counts.tables[facet].n).all(), (name, what)
                ours, own = measured(lambda f=frame, r=roles: biaskit.count(f, **r), theirs, times)
                lines.append(
                    f"| {name} {version(name.lower())}, {what} "
                    f"| {ours:.3f} | {own:.3f} | {ours / own:.2f} |"
                )
                print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    made = table(args.rows, args.times)
    if args.write:
        write_section("engines", made, packages=PACKAGES)


if __name__ == "__main__":
    main()
