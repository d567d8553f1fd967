"""Ratios of peers' counts of text files to biaskit's, each measured in one run, interleaved.

``python benchmarks/texts.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
Needs the ``bench`` extra. Every program has two threads, and the kernels are loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from core import write_section

os.environ["POLARS_MAX_THREADS"] = "2"

import duckdb
import polars as pl

import biaskit

KEYS = ["sex", "y", "p", "place"]
PACKAGES = ("biaskit", "numpy", "pyarrow", "duckdb", "polars")


def people(rows: int) -> dict[str, Any]:
    """Columns of random people: the four that are counted, and three others."""
    rng = np.random.default_rng(0)
    return {
        "sex": np.array(["F", "M"])[rng.integers(0, 2, rows)],
        "place": np.array([f"place {i:02d}" for i in range(16)])[rng.integers(0, 16, rows)],
        "age": rng.integers(18, 90, rows),
        "y": rng.integers(0, 2, rows),
        "p": rng.integers(0, 2, rows),
        "w": rng.uniform(0.5, 2, rows).round(4),
        "id": np.arange(rows),
    }


def write_lines(path: Path, rows: int) -> None:
    """Write random people as JSON Lines."""
    columns = people(rows)
    lists = [column.tolist() for column in columns.values()]
    with path.open("w", encoding="utf-8") as file:
        for row in zip(*lists, strict=True):
            file.write(json.dumps(dict(zip(columns, row, strict=True))) + "\n")


def taken(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of processors."""
    start, processors = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - processors


def json_lines(path: Path, rows: int, times: int) -> list[str]:
    """Rows of the table for a file of JSON Lines."""
    connection = duckdb.connect(config={"threads": 2})
    keys = ", ".join(KEYS)
    query = f"SELECT {keys}, count(*) FROM read_json_auto('{path}') GROUP BY ALL"
    roles = {"facet": "sex", "label": "y", "predicted": "p", "group": "place"}
    calls: dict[str, Callable[[], object]] = {
        "biaskit": lambda: biaskit.count(path, **roles),
        "DuckDB": lambda: connection.sql(query).fetchall(),
        "Polars": lambda: pl.scan_ndjson(path).group_by(KEYS).len().collect(),
    }
    for call in calls.values():
        call()
    turns = [[taken(call) for call in calls.values()] for _ in range(times)]
    found = {
        name: [statistics.median(turn[i][kind] for turn in turns) for kind in (0, 1)]
        for i, name in enumerate(calls)
    }
    ours = found.pop("biaskit")
    what = f"JSON Lines, {rows:,} rows, {path.stat().st_size / 1e6:.0f} MB, four roles"
    return [
        f"| {what}{kind}: {name} / biaskit | {their:.3f} | {our:.3f} | {their / our:.2f} |"
        for name, theirs in found.items()
        for kind, their, our in zip(("", ", processors"), theirs, ours, strict=True)
    ]


def write_csv(path: Path, rows: int) -> None:
    """Write random people as CSV."""
    pl.DataFrame(people(rows)).write_csv(path)


# What whole processes run on a file; each takes two threads, as the others here.
COLD = {
    "biaskit": "import biaskit; biaskit.count({path!r}, facet='sex', label='y', predicted='p', "
    "group='place')",
    "DuckDB": "import duckdb; duckdb.connect(config={{'threads': 2}}).sql('SELECT {keys}, count(*) "
    "FROM read_csv(' + repr({path!r}) + ') GROUP BY ALL').fetchall()",
    "Polars": "import polars; polars.scan_csv({path!r}).group_by({names!r}).len().collect()",
}


def separated(path: Path, rows: int, times: int) -> list[str]:
    """Rows of the table for a CSV file, with the kernels loaded and in processes of their own."""
    connection = duckdb.connect(config={"threads": 2})
    keys = ", ".join(KEYS)
    query = f"SELECT {keys}, count(*) FROM read_csv('{path}') GROUP BY ALL"
    roles = {"facet": "sex", "label": "y", "predicted": "p", "group": "place"}
    loaded: dict[str, Callable[[], object]] = {
        "biaskit": lambda: biaskit.count(path, **roles),
        "DuckDB": lambda: connection.sql(query).fetchall(),
        "Polars, scanning": lambda: pl.scan_csv(path).group_by(KEYS).len().collect(),
        "Polars, reading": lambda: pl.read_csv(path, columns=KEYS).group_by(KEYS).len(),
    }
    programs = {
        name: [sys.executable, "-c", program.format(path=str(path), keys=keys, names=KEYS)]
        for name, program in COLD.items()
    }
    cold = {
        name: lambda program=program: subprocess.run(program, check=True)
        for name, program in programs.items()
    }
    what = f"CSV, {rows:,} rows, {path.stat().st_size / 1e6:.0f} MB, four roles"
    os.environ["BIASKIT_KERNELS"] = "always"
    made = ratios(what, loaded, times)
    del os.environ["BIASKIT_KERNELS"]
    return made + ratios(f"{what}, whole processes", cold, max(3, times // 2))


def ratios(what: str, calls: dict[str, Callable[[], object]], times: int) -> list[str]:
    """Rows of the table for calls that take turns, of which the first is biaskit's."""
    for call in calls.values():
        call()
    turns = [[taken(call)[0] for call in calls.values()] for _ in range(times)]
    ours, *theirs = map(statistics.median, zip(*turns, strict=True))
    return [
        f"| {what}: {name} / biaskit | {their:.3f} | {ours:.3f} | {their / ours:.2f} |"
        for name, their in zip([*calls][1:], theirs, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.jsonl"
        write_lines(path, args.rows)
        rows = json_lines(path, args.rows, args.times)
        path = Path(folder) / "people.csv"
        write_csv(path, args.rows)
        rows += separated(path, args.rows, args.times)
    table = "\n".join(["| what | one | other | ratio |", "| --- | ---: | ---: | ---: |", *rows])
    print(table)
    if args.write:
        write_section("texts", table, packages=PACKAGES)


if __name__ == "__main__":
    main()
