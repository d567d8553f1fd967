"""Counting of Parquet files: biaskit beside DuckDB and Polars, in one process, interleaved, warm.

``python benchmarks/parquet.py --rows 50000000 --folder /somewhere``
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import biaskit

ROLES = {
    "facet × label": {"facet": "sex", "label": "hired"},
    "four roles": {"facet": "sex", "label": "hired", "predicted": "invited", "group": "place"},
}


def write(path: Path, rows: int, row_group: int, compression: str) -> None:
    rng = np.random.default_rng(0)
    sexes, places = pa.array(["F", "M"]), pa.array([f"place {i:02}" for i in range(16)])
    writer = None
    for start in range(0, rows, row_group):
        n = min(row_group, rows - start)
        table = pa.table(
            {
                "sex": sexes.take(pa.array(rng.integers(0, 2, n))),
                "place": places.take(pa.array(rng.integers(0, 16, n))),
                "hired": (rng.random(n) < 0.3).astype(np.int64),
                "invited": (rng.random(n) < 0.35).astype(np.int64),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema, compression=compression)
        writer.write_table(table, row_group_size=row_group)
    if writer is not None:
        writer.close()


def counters(path: Path, roles: dict[str, str]) -> dict[str, Callable[[], list[int]]]:
    columns = list(roles.values())
    connection = duckdb.connect()
    query = f"select {', '.join(columns)}, count(*) from '{path}' group by all"
    lazy = pl.scan_parquet(path).group_by(columns).len()
    arguments: dict[str, Any] = dict(roles)
    return {
        "biaskit": lambda: biaskit.count(path, **arguments).to_frame()["n"].tolist(),
        "DuckDB": lambda: [row[-1] for row in connection.execute(query).fetchall()],
        "Polars": lambda: lazy.collect(engine="streaming")["len"].to_list(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--row-group", type=int, default=1_000_000)
    parser.add_argument("--compression", default="snappy")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    versions = f"DuckDB {duckdb.__version__}, Polars {pl.__version__}, pyarrow {pa.__version__}"
    print(f"{args.rows:,} rows, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(versions)
    with tempfile.TemporaryDirectory() as made:
        folder = args.folder or Path(made)
        name = f"{args.rows}-{args.row_group}-{args.compression}.parquet"
        path = folder / name
        if not path.exists():
            write(path, args.rows, args.row_group, args.compression)
        for title, roles in ROLES.items():
            engines = counters(path, roles)
            results = {name: sorted(count()) for name, count in engines.items()}  # and warm up
            if any(result != results["biaskit"] for result in results.values()):
                raise SystemExit(f"the counts differ: {results}")
            best = dict.fromkeys(engines, float("inf"))
            for _ in range(args.repeats):
                for engine, count in engines.items():
                    start = time.perf_counter()
                    count()
                    best[engine] = min(best[engine], time.perf_counter() - start)
            for engine, seconds in best.items():
                ratio = seconds / best["biaskit"]
                print(f"{title:15} {engine:8} {seconds:7.3f} s  {ratio:5.1f} × biaskit's time")


if __name__ == "__main__":
    main()
