"""Processes killed at random moments: what they wrote is whole, and totals are a calm run's.

``python tests/kill_resume.py 50 --seed 1`` kills `biaskit count --resume` fifty times with a
thousand files, and as often a process that saves and merges.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from biaskit import Counts
from biaskit.sources.resume import record_in

ROLES = ["--facet", "age", "--facet-edges", "40", "--label", "y", "--group", "sex", "--weight", "w"]


def make_files(folder: Path, files: int) -> None:
    """Write small Parquet files of random people, no two alike."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(files):
        rows = int(rng.integers(5, 50))
        columns = {
            "sex": np.array(["F", "M", "X"])[rng.integers(0, 3, rows)],
            "age": rng.integers(18, 90, rows),
            "y": rng.integers(0, 2, rows),
            "w": rng.uniform(0, 2, rows),
        }
        pq.write_table(pa.table(columns), folder / f"part-{i:04d}.parquet")


def command(folder: Path, output: Path) -> list[str]:
    """Command that counts the files of a folder, every save as soon as there is one."""
    start = "import sys; from biaskit.sources import resume; resume._EVERY = float(sys.argv.pop(1))"
    run = "from biaskit.cli import main; sys.exit(main(sys.argv[1:]))"
    ends = ["count", str(folder), *ROLES, "--resume", "-o", str(output)]
    return [sys.executable, "-c", f"{start}; {run}", "0.05", *ends]


def calm_run(folder: Path, output: Path) -> float:
    """Seconds that an undisturbed run takes."""
    start = time.monotonic()
    subprocess.run(command(folder, output), check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def killed_run(folder: Path, output: Path, seconds: float, rng: random.Random) -> tuple[int, int]:
    """Kill a run at a random moment, let it go on; returns what was kept, and what went on."""
    process = subprocess.Popen(command(folder, output), stdout=subprocess.DEVNULL)
    time.sleep(rng.uniform(0, seconds))
    process.kill()
    process.wait()
    partial = output.with_name(f"{output.name}.partial")
    kept = next((len(record_in(p) or ()) for p in (output, partial) if p.exists()), 0)
    done = subprocess.run(command(folder, output), check=True, capture_output=True, text=True)
    before = int(done.stdout.split(" files, ")[1].split(" ")[0].replace(",", ""))
    assert not partial.exists()
    return kept, before


def killed_writer(folder: Path, rng: random.Random) -> int:
    """Kill a process that saves ``rows.counts``, and merges it with itself, by turns.

    Returns the rows in the file that it wrote to, which is one of the two.
    """
    code = """
import sys
from biaskit import Counts
from biaskit.cli import main
one = Counts.load("rows.counts")
while True:
    one.save("written.counts")
    main(["merge", "rows.counts", "written.counts", "-o", "written.counts"])
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it is at work
    time.sleep(rng.uniform(0, 0.05))
    process.kill()
    process.communicate()
    left = {path.suffix for path in folder.iterdir() if path.name.startswith(".")}
    assert left <= {".partial", ".lock"}
    return Counts.load(folder / "written.counts").rows


def same(one: Path, other: Path) -> bool:
    """Whether two counts files have the same counts, bit by bit, of the same files."""
    a, b = Counts.load(one), Counts.load(other)
    return a.rows == b.rows and a.tables == b.tables and record_in(one) == record_in(other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=int)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder / "rows", args.files)
        calm = min(calm_run(folder / "rows", folder / f"calm{i}.counts") for i in range(2))
        unequal, halfway = 0, 0
        for i in range(args.times):
            output = folder / f"{i}.counts"
            kept, before = killed_run(folder / "rows", output, calm, rng)
            assert kept == before
            halfway += 0 < kept < args.files
            unequal += not same(output, folder / "calm0.counts")
        shutil.copy(folder / "calm0.counts", folder / "rows.counts")
        rows = Counts.load(folder / "rows.counts").rows
        for _ in range(args.times):
            assert killed_writer(folder, rng) in (rows, 2 * rows)
        print(
            f"{args.files:,} files, killed {args.times} times, {halfway} of them with some files "
            f"counted; totals that differ from the calm run's: {unequal}"
        )
        sys.exit(unequal > 0)


if __name__ == "__main__":
    main()
