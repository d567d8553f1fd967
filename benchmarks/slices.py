"""Processor seconds and memory of a search among slices, beside DivExplorer and SliceLine.

``python benchmarks/slices.py ADULT`` prints two tables; ``--write`` puts them into docs/slices.md.
ADULT is the file ``adult.data`` of the census extract of the UCI repository. Every call runs in a
process of its own; its memory is the peak above that after the imports and the reading of the rows.
Seconds are the processor's, of all threads, so that other work on the machine does not count.
A peer that is not installed is left out. ``--python`` names the interpreter that has the peers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from core import write_section

PACKAGES = ("numpy", "scipy", "pandas")
NAMES = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital",
    "occupation",
    "relationship",
    "race",
    "sex",
    "gain",
    "loss",
    "hours",
    "country",
    "income",
]
COLUMNS = ["sex", "race", "age", "workclass", "education", "marital", "occupation"]

READ = f"""
import json, resource, sys, time, warnings
import numpy as np, pandas as pd
warnings.simplefilter("ignore")
df = pd.read_csv(sys.argv[1], names={NAMES!r}, skipinitialspace=True, na_values="?")
df["age"] = pd.cut(df["age"], [0, 25, 35, 45, 55, 65, 200]).astype(str)
df = df.dropna(subset={COLUMNS!r})[{COLUMNS!r} + ["income"]].reset_index(drop=True)
df["y"] = (df["income"] == ">50K").astype(int)
"""
CALLS = {
    "biaskit, 3 deep": """
import biaskit, scipy.special
call = lambda: biaskit.slices(df, columns=COLUMNS, label="y", min_rows=100)
""",
    "biaskit, of any depth": """
import biaskit, scipy.special
call = lambda: biaskit.slices(df, columns=COLUMNS, label="y", min_rows=100, depth=7)
""",
    "DivExplorer, of any depth": """
from divexplorer import DivergenceExplorer
own = df[COLUMNS + ["y"]]
call = lambda: DivergenceExplorer(own).get_pattern_divergence(
    min_support=100 / len(own), attributes=COLUMNS, boolean_outcomes=["y"])
""",
    "SliceLine, 3 deep": """
from sliceline.slicefinder import Slicefinder
X, errors = df[COLUMNS].to_numpy(), df["y"].to_numpy(dtype=float)
call = lambda: Slicefinder(alpha=0.95, k=10, max_l=3, min_sup=100, verbose=False).fit(X, errors)
""",
}
RUN = """
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, seconds = peak(), []
for _ in range(int(sys.argv[2])):
    start = time.process_time(); call(); seconds.append(time.process_time() - start)
print(json.dumps([min(seconds), seconds[0], peak() - before]))
"""
LARGE = """
import json, time
import numpy as np, pandas as pd, scipy.special
import biaskit
rng = np.random.default_rng(0)
names = [f"c{i}" for i in range(10)]
cells = np.unique(rng.integers(0, 8, (10, 50_000)), axis=1)
df = pd.DataFrame({name: np.tile(one, 2) for name, one in zip(names, cells)})
df["y"] = np.repeat([0, 1], cells.shape[1])
df["n"] = rng.integers(100, 400, len(df))
counts = biaskit.count(df, facet=[tuple(names)], label="y", frequency="n")
seconds = []
for _ in range(2):
    start = time.process_time()
    found = biaskit.slices(counts, depth=3)
    seconds.append(time.process_time() - start)
start = time.process_time()
biaskit.slices(df, columns=names, label="y", frequency="n")
whole = time.process_time() - start
print(json.dumps([counts.rows, len(df) // 2, found["slice"][0], min(seconds), whole]))
"""


def ran(python: str, code: str, *args: str) -> list[object] | None:
    """What a process prints; None where it cannot import a peer."""
    done = subprocess.run([python, "-c", code, *args], capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise SystemExit(done.stderr)
    made: list[object] = json.loads(done.stdout.splitlines()[-1])
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adult", type=Path)
    parser.add_argument("--python", default=sys.executable, help="interpreter of the peers")
    parser.add_argument("--times", type=int, default=5, help="calls, of which the best counts")
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--write", action="store_true", help="write into docs/slices.md")
    args = parser.parse_args()
    lines = [
        "| Adult, 30,718 rows, 7 columns | best, processor s | first, s | memory, MB |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, call in CALLS.items():
        python = sys.executable if name.startswith("biaskit") else args.python
        code = f"{READ}\nCOLUMNS = {COLUMNS!r}\n{call}\n{RUN}"
        if (found := ran(python, code, str(args.adult), str(args.times))) is None:
            print(f"{name} is not installed")
            continue
        best, first, memory = map(float, found)  # type: ignore[arg-type]
        lines.append(f"| {name} | {best:.2f} | {first:.2f} | {memory:,.0f} |")
    large = ran(sys.executable, LARGE.replace("50_000", str(args.cells)))
    assert large is not None
    rows, cells, slices, seconds, whole = large
    told = f"{seconds:.2f} s from counts, {whole:.2f} s with the counting"
    lines += ["", f"{rows:,} rows in {cells:,} cells of 10 columns, 3 deep ({slices}): {told}."]
    made = "\n".join(lines)
    print(made)
    if args.write:
        write_section("slices speed", made, "slices.md", PACKAGES)


if __name__ == "__main__":
    main()
