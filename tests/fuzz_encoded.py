"""Damaged Parquet files, counted with and without the kernels: the same counts, or an error.

Run as a program for a long time: ``python tests/fuzz_encoded.py 100000``. With ``--guard``, a page
that nobody may touch follows each buffer of the kernels: one byte too far ends the process.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import json
import mmap
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
from biaskit import Counts
from biaskit.counts.tables import Table
from biaskit.sources.files import ranges
from biaskit.sources.parquet import chunks, encoded, together
from biaskit.sources.parquet import source as parquet
from biaskit.sources.parquet.scratch import Room
from support.taken_apart import I64, File, Page, varint

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
    {"facet": "sex", "label": "hired", "score": "measured"},
    {"facet": ["sex", ("sex", "old")], "score": "score", "group": "place"},
    {
        "facet": "old",
        "label": "hired",
        "score": "measured",
        "predicted": "measured",
        "predicted_above": 0.5,
    },
    {"facet": "sex", "label": "old", "score": "age", "score_range": [0, 60]},
    {"facet": "sex", "score": "paid", "score_range": [-1, 0.5]},
    {"facet": "sex", "predicted": "old", "score": "weight", "score_range": [0, 50]},
    {"facet": ["kind", "yes"], "label": "hired", "group": "whole"},
    {"facet": "kind", "label": "yes"},
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
            "kind": pa.array(np.array(["x", "y", "z"])[rng.choice(3, rows, p=[0.1, 0.8, 0.1])]),
            "yes": pa.array(rng.random(rows) < 0.5),
            "whole": pa.array(np.sort(rng.integers(0, 9, rows)).astype(np.int16)),
        }
    )


def files(rng: np.random.Generator) -> list[bytes]:
    """Undamaged files, each written in another way."""
    made = []
    for codec in ("snappy", "none", "zstd", "gzip", "lz4", "brotli"):
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
    in_pages = ("PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY")
    for i, codec in enumerate(("snappy", "none", "zstd", "none", "snappy", "none")):
        sink = pa.BufferOutputStream()
        pq.write_table(
            table(300, rng),
            sink,
            use_dictionary=["hired"],
            column_encoding={"sex": in_pages[i % 3], "place": in_pages[(i + 1) % 3]},
            compression=codec,
            data_page_version="2.0" if i % 2 else "1.0",
            data_page_size=1 << 20 if i < 3 else 64,
            row_group_size=170,
        )
        made.append(sink.getvalue().to_pybytes())
    return made


_EDGES = [0, 1, 2, 7, 8, 9, 31, 32, 64, 127, 128, 255, 256, 299, 300, 65_535, 1 << 20, 1 << 26]
_EDGES += [(1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 62, (1 << 63) - 1, -1, -8, -(1 << 31)]


def number(rand: random.Random, old: int) -> int:
    """Number that is a little off, or one at the end of what some type holds."""
    near = [old - 1, old + 1, 2 * old, old // 2, -old, rand.randrange(400)]
    return rand.choice([rand.choice(_EDGES), rand.choice(near)])


def lying(source: bytes, rand: random.Random) -> bytes:
    """A file whose pages, chunks or footer say what is not so; its form is whole."""
    file = File(source)
    for _ in range(rand.choice([1, 1, 1, 2, 3])):
        chunk = rand.choice(rand.choice(file.groups))
        kind = rand.randrange(10)
        if kind < 6 and chunk.pages:
            _change_page(chunk.pages, rand)
        elif kind < 8:
            field = rand.choice([5, 5, 7, 9, 11])
            chunk.lies[field] = number(rand, chunk.about.value(field, 4))
        elif kind == 8:
            chunk.about.put(rand.choice([1, 4]), rand.randrange(-1, 9))
        else:
            _change_footer(file, rand)
    return file.content()


def _change_page(pages: list[Page], rand: random.Random) -> None:
    at = rand.randrange(len(pages))
    page = pages[at]
    about = page.header.value({0: 5, 2: 7, 3: 8}.get(page.header.value(1), 5))
    match rand.randrange(9):
        case 0:
            pages.insert(at, copy.deepcopy(page))
        case 1:
            del pages[at]
        case 2:
            rand.shuffle(pages)
        case 3 if about is not None:
            field = rand.choice([field for field, (kind, _) in about.items() if kind == 5])
            about.put(field, number(rand, about.value(field)))
        case 4:
            page.header.put(rand.choice([1, 2, 3]), number(rand, page.header.value(2)))
        case 5:  # a page of nothing
            other = copy.deepcopy(page)
            other.header.put(2, 0)
            other.header.put(3, 0)
            if about is not None:
                other.header.value({2: 7, 3: 8}.get(page.header.value(1), 5)).put(1, 0)
            pages.insert(at, Page(other.header, b""))
        case 6:
            page.body = page.body[: rand.randrange(len(page.body) + 1)]
            page.header.put(3, len(page.body))
        case 7:  # a run of codes that is longer than all
            run = varint(rand.choice([1 << 30, (1 << 34) + 1, 601, 300 << 1, 7])) + b"\1"
            page.body = page.body[: rand.randrange(len(page.body) + 1)] + run + page.body[:9]
            page.header.put(3, len(page.body))
        case _:
            page.body = page.body + bytes(rand.randrange(256) for _ in range(rand.randrange(1, 20)))
            page.header.put(3, len(page.body))


def _change_footer(file: File, rand: random.Random) -> None:
    groups = file.footer.value(4)
    group = rand.choice(groups.items)
    match rand.randrange(6):
        case 0:
            file.footer.put(3, number(rand, file.footer.value(3)), I64)
        case 1:
            group.put(3, number(rand, group.value(3)), I64)
        case 2:
            column = rand.choice(file.footer.value(2).items[1:])
            column.put(rand.choice([1, 3]), rand.randrange(9))
        case 3:
            groups.items.insert(0, group)
            file.groups.insert(0, file.groups[0])
        case 4:
            rand.shuffle(group.value(1).items)
        case _:
            group.value(1).items.pop(rand.randrange(len(group.value(1).items)))


class GuardedRoom(Room):
    """Buffers that end where a page begins that nobody may touch."""

    def __init__(self) -> None:
        super().__init__(guarded)


def guarded(size: int, kind: Any) -> np.ndarray[Any, Any]:
    """Array that ends where a page begins that nobody may touch."""
    dtype = np.dtype(kind)
    length = size * dtype.itemsize
    pages = -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, pages + mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    if protect(ctypes.c_void_p(start + pages), mmap.PAGESIZE, mmap.PROT_READ & 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    whole = np.frombuffer(memory, np.uint8, pages)
    whole[:] = 0xA5
    return whole[pages - length :].view(dtype)


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
    return "counts", counts


def same(one: Counts, other: Counts) -> bool:
    """Whether counts are equal, and sums of weights and of scores but for their rounding."""
    return same_tables(dict(one.tables), dict(other.tables)) and all(
        (mine.facet, mine.label, mine.group) == (theirs.facet, theirs.label, theirs.group)
        and np.array_equal(mine.n, theirs.n)
        and np.array_equal(mine.missing, theirs.missing)
        and np.allclose(mine.s, theirs.s, rtol=1e-12, atol=1e-300, equal_nan=True)
        and np.allclose(mine.s2, theirs.s2, rtol=1e-12, atol=1e-300, equal_nan=True)
        for mine, theirs in ((one.scores[facet], other.scores[facet]) for facet in one.scores)
    )


def same_tables(one: dict[object, Table], other: dict[object, Table]) -> bool:
    """Whether tables are equal, and sums of weights but for their rounding."""
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
    parser.add_argument("--guard", action="store_true")
    args = parser.parse_args()
    if args.guard:
        encoded.Room = GuardedRoom  # type: ignore[misc]
    sources = files(np.random.default_rng(args.seed))
    rand = random.Random(args.seed)
    seen: Counter[str] = Counter()
    ranges._FIRST, ranges._WHOLE, ranges._LONGEST, ranges._AHEAD = 100, 0, 400, 1_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mutant.parquet")
        for number in range(args.mutants):
            change = rand.choice([mutant, lying])
            path.write_bytes(change(rand.choice(sources), rand))
            roles = rand.choice(ROLES)
            parquet._WORTH_THREADS = number % 2 << 21  # every other file's row groups go to threads
            # All of a file's row groups are counted together, or one after the other.
            together._TURNS = 1 if number % 5 else 1000
            # Every fourth file's dictionaries are long ones, whose codes are no bytes.
            chunks._MOST_ENTRIES = 15 if number % 4 == 0 else 255
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
