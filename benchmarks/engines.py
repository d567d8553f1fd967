"""Ratios of a count on an engine against the engine's own GROUP BY, in one run, interleaved.

``python benchmarks/engines.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
Needs the ``dev`` extra, and Java for Spark. Start-up is not counted.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable, Sequence
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
#: The same by a hand that lets no missing age be old, and no weight that is none go unseen.
KNOWN_AGE = AGE.replace("ELSE 3", "WHEN age > 65 THEN 3")
GOOD_WEIGHT = "CASE WHEN w >= 0 THEN w ELSE CAST('Infinity' AS DOUBLE) END"

Call = Callable[[], Any]


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


def spark(path: Path) -> tuple[Any, Call, Call, Call]:
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    session = builder.config("spark.log.level", "OFF").getOrCreate()
    frame = session.read.parquet(str(path))
    sums = [f.count("*"), f.sum("w"), f.sum(f.col("w") * f.col("w"))]

    def guarded() -> Any:
        made = frame.selectExpr("sex", f"{KNOWN_AGE} AS bin", "y", "p", f"{GOOD_WEIGHT} AS w")
        return made.groupBy("sex", "bin", "y", "p").agg(*sums).toArrow()

    return (
        frame,
        lambda: frame.groupBy(*KEYS).count().toArrow(),
        lambda: frame.groupBy("sex", f.expr(AGE), "y", "p").agg(*sums).toArrow(),
        guarded,
    )


def duck(path: Path) -> tuple[Any, Call, Call, Call]:
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    sums = "count(*), sum(w), sum(w * w)"
    plain = f"SELECT {', '.join(KEYS)}, count(*) FROM '{path}' GROUP BY ALL"
    more = f"SELECT sex, {AGE}, y, p, {sums} FROM '{path}' GROUP BY ALL"
    good = f"SELECT sex, {KNOWN_AGE} AS bin, y, p, {GOOD_WEIGHT} AS w FROM '{path}'"
    guarded = f"SELECT sex, bin, y, p, {sums} FROM ({good}) GROUP BY ALL"
    return (
        connection.read_parquet(str(path)),
        lambda: connection.sql(plain).to_arrow_table(),
        lambda: connection.sql(more).to_arrow_table(),
        lambda: connection.sql(guarded).to_arrow_table(),
    )


def polars(path: Path) -> tuple[Any, Call, Call, Call]:
    import polars as pl

    age = sum((pl.col("age") > edge).cast(pl.Int32) for edge in (25, 40, 65)).alias("bin")
    sums = [pl.len(), pl.col("w").sum(), (pl.col("w") * pl.col("w")).sum().alias("w2")]
    good = pl.when(pl.col("w") >= 0).then("w").otherwise(float("inf")).alias("w")
    frame = pl.scan_parquet(path)
    return (
        frame,
        lambda: frame.group_by(KEYS).agg(pl.len()).collect(),
        lambda: frame.group_by("sex", age, "y", "p").agg(*sums).collect(),
        lambda: frame.with_columns(good).group_by("sex", age, "y", "p").agg(*sums).collect(),
    )


def dask(path: Path) -> tuple[Any, Call, Call, Call]:
    import dask.dataframe as dd

    frame = dd.read_parquet(path, split_row_groups=True)

    def more(guarded: bool = False) -> Any:
        age = sum((frame["age"] > edge).astype("int64") for edge in (25, 40, 65))
        w = frame["w"].where(frame["w"] >= 0, np.inf) if guarded else frame["w"]
        made = frame[["sex", "y", "p"]].assign(bin=age, w=w, w2=w * w)
        grouped = made.groupby(["sex", "bin", "y", "p"], dropna=False)
        return grouped.agg(n=("w", "size"), w=("w", "sum"), w2=("w2", "sum")).compute()

    return (
        frame,
        lambda: frame.groupby(KEYS, dropna=False).size().compute(),
        more,
        lambda: more(guarded=True),
    )


def ibis(path: Path) -> Any:
    import ibis

    return ibis.duckdb.connect(threads=2).read_parquet(path)


def sqlframe(path: Path) -> Any:
    import duckdb
    from sqlframe.duckdb import DuckDBSession

    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    return DuckDBSession(conn=connection).read.parquet(str(path))


PACKAGES = (
    *("biaskit", "narwhals", "pyarrow", "pyspark", "duckdb", "polars", "dask"),
    *("ibis-framework", "sqlframe"),
)
ENGINES = {"PySpark": spark, "DuckDB": duck, "Polars": polars, "Dask": dask}
#: Engines that write SQL for DuckDB, and what they are installed as.
ON_DUCKDB = {"Ibis": (ibis, "ibis-framework"), "SQLFrame": (sqlframe, "sqlframe")}


def least(calls: Sequence[Call], times: int) -> list[float]:
    """Least seconds of some calls that take turns, the first turns of each not counted."""
    for _ in range(2):
        for call in calls:
            call()
    rounds: list[list[float]] = []
    for i in range(times):  # whoever comes later has the others' caches, so the first changes
        order = [(i + j) % len(calls) for j in range(len(calls))]
        taken = {j: seconds(calls[j]) for j in order}
        rounds.append([taken[j] for j in range(len(calls))])
    return [min(column) for column in zip(*rounds, strict=True)]


def row(what: str, frame: Any, roles: dict[str, Any], by_hand: Sequence[Call], times: int) -> str:
    """Line of the table: a count on a frame against queries by hand, the plain one first."""
    ours, *own = least([lambda: biaskit.count(frame, **roles), *by_hand], times)
    cells = [f"{ours:.3f}", *(cell for one in own for cell in (f"{one:.3f}", f"{ours / one:.2f}"))]
    line = "| " + " | ".join([what, *cells, *[""] * (5 - len(cells))]) + " |"
    print(line, flush=True)
    return line


def check(frame: Any, roles: dict[str, Any], expected: biaskit.Counts) -> None:
    """Hold a count on a frame to the numbers that it should give."""
    found = biaskit.count(frame, **roles)
    for facet, one in found.tables.items():
        assert (one.n == expected.tables[facet].n).all(), (type(frame), roles)


def table(rows: int, times: int) -> str:
    lines = [
        f"| {rows:,} rows | biaskit, s | own GROUP BY, s | ratio | guarded by hand, s | ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.parquet"
        pq.write_table(people(rows), path, row_group_size=500_000)
        four, several = (biaskit.count(path, **roles) for roles in (ROLES, MORE))
        for name, engine in ENGINES.items():
            frame, plain, more, guarded = engine(path)
            what = f"{name} {version(name.lower())}"
            check(frame, ROLES, four)
            lines.append(row(f"{what}, four roles", frame, ROLES, [plain], times))
            check(frame, MORE, several)
            what = f"{what}, two facets, a cut, weights"
            lines.append(row(what, frame, MORE, [more, guarded], times))
        by_hand = duck(path)[1]
        for name, (opened, package) in ON_DUCKDB.items():
            frame = opened(path)
            check(frame, ROLES, four)
            what = f"{name} {version(package)} on DuckDB, four roles"
            lines.append(row(what, frame, ROLES, [by_hand], times))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--times", type=int, default=31)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    made = table(args.rows, args.times)
    if args.write:
        write_section("engines", made, packages=PACKAGES)


if __name__ == "__main__":
    main()
