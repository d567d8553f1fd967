"""Ratios of the core against its peers, each measured in one run, interleaved.

``python benchmarks/core.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
Needs the ``bench`` extra. ``--rows`` sets the size of the larger file (50 million by default).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import biaskit

ROLES = {"facet": "gender", "label": "y", "group": "education"}
EDUCATION = [f"level {i:02d}" for i in range(16)]


def people(rows: int, seed: int = 0) -> pd.DataFrame:
    """Table of random people: gender (2 values), education (16), y (0 or 1)."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "gender": np.array(["F", "M"])[rng.integers(0, 2, rows)],
            "education": np.array(EDUCATION)[rng.integers(0, 16, rows)],
            "y": rng.integers(0, 2, rows),
        }
    )


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def medians(ours: Callable[[], object], theirs: Callable[[], object], times: int) -> list[float]:
    """Median seconds of two calls that take turns, after a turn that is not counted."""
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(times)]
    return [statistics.median(column) for column in zip(*pairs, strict=True)]


def smclarify_report(frame: pd.DataFrame) -> object:
    """Run smclarify's pre-training report on the frame, as its notebook does."""
    from smclarify.bias.report import FacetColumn, LabelColumn, StageType, bias_report

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bias_report(
            frame,
            FacetColumn("gender"),
            LabelColumn("y", frame["y"], [1]),
            StageType.PRE_TRAINING,
            group_variable=frame["education"],
        )


def against_smclarify(rows: int) -> tuple[str, float, float]:
    frame = people(rows)
    objects = frame.astype({"gender": object, "education": object})  # it fails on pandas 3's texts
    ours = statistics.median(seconds(lambda: biaskit.report(frame, **ROLES)) for _ in range(9))
    theirs = seconds(lambda: smclarify_report(objects))
    again = statistics.median(seconds(lambda: biaskit.report(frame, **ROLES)) for _ in range(9))
    return "report on a pandas frame, 1,000,000 rows: smclarify / biaskit", theirs, max(ours, again)


def against_duckdb(path: Path) -> tuple[str, float, float]:
    import duckdb

    query = f"SELECT gender, y, education, count(*) FROM '{path}' GROUP BY ALL"
    ours, theirs = medians(
        lambda: biaskit.count(path, **ROLES), lambda: duckdb.sql(query).fetchall(), 15
    )
    return "count of a Parquet file, 1,000,000 rows: biaskit / DuckDB", ours, theirs


def flip_test(rows: int) -> tuple[str, float, float]:
    """FT of people with eight numeric features, as both compute it, reading the rows included."""
    from smclarify.bias.metrics.posttraining import FT

    rng = np.random.default_rng(0)
    features = [f"x{i}" for i in range(8)]
    frame = pd.DataFrame(rng.normal(size=(rows, 8)), columns=features)
    frame["gender"] = np.array(["F", "M"])[rng.integers(0, 2, rows)]
    frame["predicted"] = (frame["x0"] + rng.normal(size=rows) > 0).astype(int)
    roles = {"facet": "gender", "facet_values": "F", "predicted": "predicted"}
    ours, theirs = medians(
        lambda: biaskit.report(frame, **roles, features=features, metrics="FT"),
        lambda: FT(
            df=frame[features],
            sensitive_facet_index=frame["gender"] == "F",
            positive_predicted_label_index=frame["predicted"] == 1,
        ),
        5,
    )
    return f"FT of {rows:,} rows, 8 features: smclarify / biaskit", theirs, ours


def start_up(folder: Path) -> tuple[str, float, float]:
    path = folder / "small.parquet"
    people(1000).to_parquet(path, index=False)
    flags = ["--facet", "gender", "--label", "y", "--group", "education"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def run(*command: str) -> None:
        subprocess.run(
            [sys.executable, *command], check=True, stdout=subprocess.DEVNULL, env=environment
        )

    ours, theirs = medians(
        lambda: run("-m", "biaskit", "report", str(path), *flags),
        lambda: run("-c", "import numpy, pyarrow.parquet"),
        15,
    )
    return "process on 1,000 rows: biaskit report / import numpy, pyarrow.parquet", ours, theirs


#: Peak memory in MB of the process that runs it. Not `getrusage`, which a child inherits.
PEAK = "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1024"


def peak(path: Path) -> float:
    """Peak memory in MB of a process of its own that counts a file."""
    code = f"import sys, biaskit; biaskit.count(sys.argv[1], **{ROLES!r}); print({PEAK})"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def write(path: Path, rows: int) -> None:
    """Write a Parquet file in row groups of a million rows, snappy, dictionary-encoded."""
    schema = pa.schema({"gender": pa.string(), "education": pa.string(), "y": pa.int64()})
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, 1_000_000):
            part = people(min(1_000_000, rows - start), seed=start)
            writer.write_table(pa.Table.from_pandas(part, schema, preserve_index=False))


def memory(folder: Path, rows: int) -> tuple[str, float, float]:
    tenth, whole = folder / "tenth.parquet", folder / "whole.parquet"
    write(tenth, rows // 10)
    write(whole, rows)
    title = f"peak memory in MB, {rows:,} rows / {rows // 10:,} rows"
    return title, peak(whole), peak(tenth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    lines = ["| what | one | other | ratio |", "| --- | ---: | ---: | ---: |"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "million.parquet", 1_000_000)
        for measure in (
            lambda: start_up(folder),
            lambda: against_duckdb(folder / "million.parquet"),
            lambda: memory(folder, args.rows),
            lambda: against_smclarify(1_000_000),
            lambda: flip_test(20_000),
        ):
            title, one, other = measure()
            digits = 0 if "MB" in title else 3
            row = f"| {title} | {one:,.{digits}f} | {other:,.{digits}f} | {one / other:,.2f} |"
            lines.append(row)
            print(row, flush=True)
    table = "\n".join(lines)
    if args.write:
        write_section("core", table)


PACKAGES = ("biaskit", "numpy", "pandas", "pyarrow", "duckdb", "smclarify", "fairlearn")


def machine(packages: Sequence[str] = PACKAGES) -> str:
    """Line that says on what the figures were measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory_gb:.0f} GiB, {platform.machine()}, "
        f"Python {platform.python_version()}; {versions}."
    )


def write_section(
    name: str, table: str, page: str = "benchmarks.md", packages: Sequence[str] = PACKAGES
) -> None:
    """Put a table between its markers in a page of the documents."""
    path = Path(__file__).parent.parent / "docs" / page
    start, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = path.read_text(encoding="utf-8")
    before, after = text.split(start)[0], text.split(end)[1]
    made = f"{start}\n{table}\n\n{machine(packages)}\n{end}"
    path.write_text(f"{before}{made}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
