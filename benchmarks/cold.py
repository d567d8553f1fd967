"""Whole processes on a census-sized file: biaskit beside DuckDB, taking turns; and compile time.

``python benchmarks/cold.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
Needs the ``bench`` extra. The file has 332,900 random people with four columns.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from core import medians, seconds, write_section
from parquet import FOUR, rows_of, write_file

import biaskit

_ROWS = 332_900
_COLUMNS = ", ".join(FOUR.values())
_ROLES = [part for role, column in FOUR.items() for part in (f"--{role}", column)]
_PACKAGES = ("biaskit", "numpy", "pyarrow", "numba", "duckdb")


def run(command: Sequence[str], **more: str) -> None:
    """Run Python in a process of its own, with bytecode as an installation has it."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, *command],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**environment, **more},
    )


def report(path: Path) -> list[str]:
    return ["-m", "biaskit", "report", str(path), *_ROLES]


def duckdb(path: Path) -> list[str]:
    query = f"SELECT {_COLUMNS}, count(*) FROM '{path}' GROUP BY ALL"
    return ["-c", f"import duckdb; print(duckdb.sql({query!r}).fetchall())"]


def processes(path: Path, times: int) -> list[tuple[str, float, float]]:
    """What is measured, one time and the other."""
    what = f"process on {_ROWS:,} rows of Parquet, four roles"
    ours, theirs = medians(lambda: run(report(path)), lambda: run(duckdb(path)), times)
    imports = ["-c", "import numpy, pyarrow.parquet"]
    again, least = medians(lambda: run(report(path)), lambda: run(imports), times)
    return [
        (f"{what}: DuckDB / biaskit report", theirs, ours),
        (f"{what}: import numpy, pyarrow.parquet / biaskit report", least, again),
    ]


def without_bytecode(path: Path, folder: Path, times: int) -> list[tuple[str, float, float]]:
    """A process that finds no bytecode of biaskit, and can write none, beside one that finds it."""
    source = Path(biaskit.__file__).parent
    shutil.copytree(source, folder / "biaskit", ignore=shutil.ignore_patterns("__pycache__"))
    bare = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    slow, fast = medians(lambda: run(report(path), **bare), lambda: run(report(path)), times)
    return [("the same report: without biaskit's bytecode / with it", slow, fast)]


def kernels(path: Path, folder: Path) -> list[tuple[str, float, float]]:
    """Compiling beside loading: what four roles need, and all kernels."""
    found = []
    for what, command in (
        ("the same report with kernels: compiling / loading them", report(path)),
        ("biaskit warm: compiling / loading all kernels", ["-m", "biaskit", "warm"]),
    ):
        kept: Mapping[str, str] = {
            "NUMBA_CACHE_DIR": str(folder / str(len(found))),
            "BIASKIT_KERNELS": "always",
        }
        first = seconds(lambda command=command, kept=kept: run(command, **kept))
        later = min(seconds(lambda c=command, k=kept: run(c, **k)) for _ in range(3))
        found.append((what, first, later))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=21)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        path = folder / "census.parquet"
        write_file(path, rows_of(_ROWS), "pyarrow", "snappy")
        lines = ["| what | one | other | ratio |", "| --- | ---: | ---: | ---: |"]
        for measure in (
            lambda: processes(path, args.times),
            lambda: without_bytecode(path, folder / "bare", args.times // 2),
            lambda: kernels(path, folder / "kernels"),
        ):
            for what, one, other in measure():
                lines.append(f"| {what} | {one:.3f} | {other:.3f} | {one / other:.2f} |")
                print(lines[-1], flush=True)
    if args.write:
        write_section("cold", "\n".join(lines), packages=_PACKAGES)


if __name__ == "__main__":
    main()
