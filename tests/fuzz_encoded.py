"""Damaged Parquet files, counted with and without the kernels: the same counts, or an error.

Run as a program for a long time: ``python tests/fuzz_encoded.py 100000``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

import biaskit
from biaskit.sources import parquet, ranges
from biaskit.tables import Table

ROLES = [
    {"facet": "sex", "label": "hired"},
    {
        "facet": ["sex", "age"],
        "label": "hired",
        "group": "place",
        "facet_edges": {"age": [30, 50.5]},
    },
    {"facet": ("sex", "place"), "label": "score", "positive_above": 0.5},
    {"facet": "old", "label": "measured", "positive_above": 0.5, "weight": "weight"},
    {"facet": ["day", "at"], "label": "paid"},
]


def table(rows: int, rng: np.random.Generator) -> pa.Table:
    """Small table of columns of every type that the kernels read."""
    missing = rng.random(rows) < 0.1
    sex = np.array(["F", "M", "X"])[rng.choice(3, rows, p=[0.48, 0.48, 0.04])]
    return pa.table(
        {
            "sex": pa.array(sex, mask=missing),
            "hired": pa.array(rng.integers(0, 2, rows)),
            "age": pa.array(rng.integers(18, 80, rows).astype(np.int32), mask=missing[::-1]),
            "place": pa.array([f"place {i}" for i in rng.integers(0, 20, rows)]),
            "score": pa.array(rng.integers(0, 9, rows) / 8),
            "old": pa.array(rng.random(rows) < 0.5, mask=missing),
            "measured": pa.array(rng.random(rows), mask=missing[::-1]),
            "weight": pa.array(rng.integers(0, 60, rows).astype(np.float64)),
            "day": pa.array(rng.integers(0, 5, rows).astype(np.int32), pa.date32(), mask=missing),
            "at": pa.array(rng.integers(0, 3, rows) * 10**6, pa.timestamp("us", "UTC")),
            "paid": pa.array([Decimal(int(x)) / 4 for x in rng.integers(-4, 4, rows)]),
        }
    )


def files(rng: np.random.Generator) -> list[bytes]:
    """Undamaged files, each written in another way."""
    made = []
    for codec in ("snappy", "none", "zstd", "gzip"):
        for version in ("1.0", "2.0"):
            for size in (1 << 20, 64):
                sink = pa.BufferOutputStream()
                pq.write_table(
                    table(300, rng),
                    sink,
                    compression=codec,
                    data_page_version=version,
                    data_page_size=size,
                    dictionary_pagesize_limit=600,  # less than that of `measured` takes
                    write_batch_size=32,
                    row_group_size=170,
                )
                made.append(sink.getvalue().to_pybytes())
    return made


def mutant(source: bytes, rand: random.Random) -> bytes:
    """A file with some bytes flipped, overwritten or cut out."""
    made = bytearray(source)
    footer = len(made) - 8 - int.from_bytes(made[-8:-4], "little")
    for _ in range(rand.choice([1, 1, 1, 2, 4])):
        at = rand.randrange(4, footer if rand.random() < 0.7 else len(made))
        match rand.randrange(5):
            case 0 | 1:
                made[at] ^= 1 << rand.randrange(8)
            case 2:
                made[at] = rand.choice([0, 1, 2, 3, 127, 128, 255, rand.randrange(256)])
            case 3:
                for i in range(at, min(at + rand.randrange(1, 9), len(made))):
                    made[i] = rand.randrange(256)
            case 4:
                length = rand.randrange(1, 5)
                made[at : at + length] = b"" if rand.random() < 0.5 else made[at - length : at]
    return bytes(made)


def outcome(
    path: Path, roles: dict[str, Any], kernels: str, filesystem: Any = None
) -> tuple[str, Any]:
    """Counts of a file or the error, with the kernels or without them."""
    os.environ["BIASKIT_KERNELS"] = kernels
    try:
        counts = biaskit.count(path, **roles, filesystem=filesystem)
    except biaskit.BiaskitError as error:
        return "error", str(error)
    return "counts", dict(counts.tables)


def same(one: dict[object, Table], other: dict[object, Table]) -> bool:
    """Whether counts are equal, and sums of weights but for their rounding."""
    return one.keys() == other.keys() and all(
        one[facet].levels == other[facet].levels
        and np.array_equal(one[facet].n, other[facet].n)
        and all(
            (a is None and b is None) or np.allclose(a, b, rtol=1e-12, atol=0)
            for a, b in ((one[facet].w, other[facet].w), (one[facet].w2, other[facet].w2))
        )
        for facet in one
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    sources = files(np.random.default_rng(args.seed))
    rand = random.Random(args.seed)
    seen: Counter[str] = Counter()
    ranges._FIRST, ranges._WHOLE, ranges._LONGEST, ranges._AHEAD = 100, 0, 400, 1_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mutant.parquet")
        for number in range(args.mutants):
            path.write_bytes(mutant(rand.choice(sources), rand))
            roles = rand.choice(ROLES)
            parquet._WORTH_THREADS = number % 2 << 21  # every other file's row groups go to threads
            if os.environ.get("BIASKIT_FUZZ_KEEP"):
                Path(os.environ["BIASKIT_FUZZ_KEEP"]).write_bytes(path.read_bytes())
            # Every third file is read as one from far away, in pieces.
            far = LocalFileSystem() if number % 3 == 0 else None
            plain, fast = outcome(path, roles, "never"), outcome(path, roles, "always", far)
            seen[f"{plain[0]} by Arrow, {fast[0]} by the kernels"] += 1
            if fast[0] == "counts" and not (plain[0] == "counts" and same(fast[1], plain[1])):
                kept = Path(tempfile.gettempdir(), f"biaskit-mutant-{args.seed}-{number}.parquet")
                kept.write_bytes(path.read_bytes())
                sys.stdout.write(f"DIFFERENT: {kept} with {roles}:\n  {plain}\n  {fast}\n")
                seen["different"] += 1
    sys.stdout.write(f"{json.dumps(seen)}\n")
    return 1 if seen["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
