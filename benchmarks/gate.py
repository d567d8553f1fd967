"""What the gate costs, as ratios to the imports that it needs, in one run, taking turns.

``python benchmarks/gate.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from core import medians, people, write_section

import biaskit

CONFIG = """
[[data]]
name = "people"
files = "*.parquet"
facet = "gender"
label = "y"
limits = {DPL = 0.1, KL = 0.05}
"""
TIMES = 21


def run(folder: Path, *command: str) -> None:
    """Run Python in a folder, with its bytecode kept as usual; what it finds does not matter."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr or done.stdout)


def cells(seed: int) -> biaskit.Counts:
    """Counts of 1,000 cells: ten facet values, two labels, two predictions, 25 groups."""
    rng = np.random.default_rng(seed)
    rows = 200_000
    frame = pd.DataFrame(
        {
            "facet": rng.integers(0, 10, rows),
            "y": rng.integers(0, 2, rows),
            "p": rng.integers(0, 2, rows),
            "g": rng.integers(0, 25, rows),
        }
    )
    return biaskit.count(frame, facet="facet", label="y", predicted="p", group="g")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    imports = ("-c", "import numpy, pyarrow.parquet")
    lines = ["| what | one | other | ratio |", "| --- | ---: | ---: | ---: |"]

    def measure(title: str, ours: tuple[str, ...], theirs: tuple[str, ...]) -> None:
        one, other = medians(lambda: run(folder, *ours), lambda: run(folder, *theirs), TIMES)
        lines.append(f"| {title} | {one:.3f} | {other:.3f} | {one / other:.2f} |")
        print(lines[-1], flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "biaskit.toml").write_text(CONFIG)
        for i in range(20):
            people(10_000, seed=i).to_parquet(folder / f"{i}.parquet", index=False)
        people(10_000).to_csv(folder / "people.csv", index=False)
        for i in range(2):
            cells(i).save(folder / f"{i}.counts")
        files = [f"{i}.parquet" for i in range(20)]
        check = ("-m", "biaskit", "check")
        by_hand = ("--facet", "gender", "--label", "y", "--limit", "DPL=0.1", "--limit", "KL=0.05")
        small = "process on 10,000 rows of"
        measure(f"{small} Parquet: check / imports", (*check, files[0], *by_hand), imports)
        measure(f"{small} CSV: check / imports", (*check, "people.csv", *by_hand), imports)
        measure(f"{small} Parquet, configured: check / imports", (*check, files[0]), imports)
        measure("the hook's process: 20 files / one file", (*check, *files), (*check, files[0]))
        measure(
            "process comparing two counts files of 1,000 cells, one metric / imports",
            ("-m", "biaskit", "compare", "0.counts", "1.counts", "--limit", "DPL=0.05"),
            imports,
        )
        measure(
            "process comparing two counts files of 1,000 cells, every metric / imports",
            ("-m", "biaskit", "compare", "0.counts", "1.counts"),
            imports,
        )
    if args.write:
        write_section("gate", "\n".join(lines))


if __name__ == "__main__":
    main()
