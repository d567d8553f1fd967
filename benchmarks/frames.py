"""Ratios of peers' counts of tables in memory to biaskit's, each measured in one run, interleaved.

``python benchmarks/frames.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
Needs the ``bench`` extra. Polars and biaskit have two threads, and the kernels are loaded, but for
the last lines, which are of processes of their own.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from core import write_section

os.environ["POLARS_MAX_THREADS"] = "2"

import pandas as pd
import polars as pl
import pyarrow as pa

from biaskit import count

KEYS = ["sex", "y", "p", "place"]
ROLES = {"facet": "sex", "label": "y", "predicted": "p", "group": "place"}
PACKAGES = ("biaskit", "numpy", "pandas", "pyarrow", "polars")
FIRST = """
import sys, time
import biaskit, frames
table = frames.people(int(sys.argv[1]))
start = time.perf_counter()
biaskit.count(table, **frames.ROLES)
print(time.perf_counter() - start)
"""


def people(rows: int) -> pa.Table:
    """Arrow table of random people: sex (2 texts), place (16), y and p (0 or 1)."""
    rng = np.random.default_rng(0)
    texts = {"sex": ["female", "male"], "place": [f"place {i:02d}" for i in range(16)]}
    columns = {
        name: pa.DictionaryArray.from_arrays(
            pa.array(rng.integers(0, len(values), rows)), values
        ).dictionary_decode()
        for name, values in texts.items()
    }
    return pa.table(columns | {name: rng.integers(0, 2, rows) for name in ("y", "p")})


def as_texts(table: pa.Table) -> pa.Table:
    """Table whose y and p are texts, too."""
    for name in ("y", "p"):
        values = pa.array(["no", "yes"]).take(table[name])
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def of_few_objects(frame: pd.DataFrame) -> pd.DataFrame:
    """Frame of objects, one for each value, as pandas' readers make them."""
    texts = frame.select_dtypes("str").columns
    made = {c: frame[c].astype("category").cat.codes.to_numpy() for c in texts}
    values = {c: np.array([*frame[c].astype("category").cat.categories], object) for c in texts}
    return frame.assign(
        **{c: pd.Series(values[c][codes], dtype=object) for c, codes in made.items()}
    )


def taken(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleaved(calls: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Median seconds of calls that take turns, after a turn that is not counted."""
    for call in calls.values():
        call()
    turns = [[taken(call) for call in calls.values()] for _ in range(times)]
    medians = [statistics.median(column) for column in zip(*turns, strict=True)]
    return dict(zip(calls, medians, strict=True))


def lines(table: pa.Table, what: str, times: int) -> list[str]:
    """Rows of the report for a table in every form."""
    frame, polars = table.to_pandas(), pl.from_arrow(table)
    encoded = pa.table(
        {n: c.dictionary_encode() for n, c in zip(KEYS, table.select(KEYS), strict=True)}
    )
    forms = {"pandas frame": frame, "polars frame": polars, "Arrow table": table,
             "Arrow table, dictionaries": encoded}  # fmt: skip
    calls = {form: lambda data=data: count(data, **ROLES) for form, data in forms.items()}
    calls["Polars"] = lambda: polars.group_by(KEYS).len()
    found = interleaved(calls, times)
    rows = [(form, "Polars", found["Polars"], found[form]) for form in forms]
    texts = frame.select_dtypes("str").columns
    objects = {
        "pandas frame, one object a value": of_few_objects(frame),
        "pandas frame, one object a row": frame.astype(dict.fromkeys(texts, object)),
    }
    for form, data in objects.items():
        calls = {
            "biaskit": lambda data=data: count(data, **ROLES),
            "pandas": lambda data=data: data.groupby(KEYS, observed=True).size(),
        }
        found = interleaved(calls, max(3, times // 3))
        rows.append((form, "pandas", found["pandas"], found["biaskit"]))
    return [
        f"| {form}, {what}: {peer} / biaskit | {theirs:.4f} | {ours:.4f} | {theirs / ours:.2f} |"
        for form, peer, theirs, ours in rows
    ]


def first_count(rows: int, choice: str) -> float:
    """Median seconds of the first count of a process, with the kernels or without them."""
    here = str(Path(__file__).resolve().parent)
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "BIASKIT_KERNELS": choice, "PYTHONPATH": path}
    call = [sys.executable, "-c", FIRST, str(rows)]
    run = [subprocess.run(call, env=environment, check=True, capture_output=True) for _ in "123"]
    return statistics.median(float(one.stdout) for one in run)


def cold(rows: int) -> list[str]:
    """Rows of the report for a process that counts once, and where the kernels begin to pay."""
    first_count(100_000, "always")  # compiles what is not compiled
    few, many = 100_000, rows
    seconds = {(n, c): first_count(n, c) for n in (few, many) for c in ("always", "never")}
    made = [
        f"| first count of a process, {n:,} rows: without kernels / with | "
        f"{seconds[n, 'never']:.4f} | {seconds[n, 'always']:.4f} | "
        f"{seconds[n, 'never'] / seconds[n, 'always']:.2f} |"
        for n in (few, many)
    ]
    per_row = {c: (seconds[many, c] - seconds[few, c]) / (many - few) for c in ("always", "never")}
    loading = seconds[few, "always"] - few * per_row["always"]
    pays = loading / max(1e-12, per_row["never"] - per_row["always"])
    loaded = f"Loading the kernels takes {loading:.2f} s, so the first count of a process is faster"
    return [*made, "", f"{loaded} with them from {pays / 1e6:.0f} million rows on."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    importlib.import_module("biaskit._kernels.columns")  # as where the kernels have been used

    table = people(args.rows)
    rows = lines(table, f"{args.rows:,} rows, two texts and two integers", args.times)
    rows += lines(as_texts(table), f"{args.rows:,} rows, four texts", args.times)
    rows += cold(args.rows)
    made = "\n".join(["| what | one | other | ratio |", "| --- | ---: | ---: | ---: |", *rows])
    print(made)
    if args.write:
        write_section("frames", made, packages=PACKAGES)


if __name__ == "__main__":
    main()
