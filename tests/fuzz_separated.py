"""CSV files with mistakes, counted by the kernel and by Arrow: both must agree.

``NUMBA_BOUNDSCHECK=1 python tests/fuzz_separated.py 100000`` runs it; the suite runs a few. With
``--guard``, a page that nobody may touch follows each block.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import biaskit
from biaskit import BiaskitError
from biaskit.sources.text import blocks

#: Cells of each kind that a column may have.
KINDS = [
    ["F", "M", '"F"', '"M"', "", '""', "?", "NA", "é🎉", " F", "M ", '"a, b"', '"two\nlines"'],
    [
        "a longer text",
        "a longer texu",
        '"a ""b"""',
        '"\r\n"',
        "exactly8",
        "\ufeffF",
        '"""F"',
        "F\0",
    ],
    ["0", "1", "-0", "1.5", "007", "1e3", "nan", "inf", "", '"1"', " 1 ", "0,5", '"0,5"', "?"],
    ["true", "False", "TRUE", "", '"true"'],
]
NUMBERS = [
    "0",
    "1",
    "-1.5",
    "31500.5",
    '"2"',
    " 3 ",
    "",
    "?",
    "nan",
    "-inf",
    "1e400",
    "0.1",
    '"4,5"',
]
NAMES = ["g", "y", "pay", "z", "né", '"a, b"', '"a ""b"""']
ENDS = ["\n", "\r\n", "\r", "\n", "\n"]
ODD = [
    b'"',
    b'""',
    b"\n",
    b"\r",
    b"\0",
    b",",
    b";",
    b"\xff",
    b"\xef\xbb\xbf",
    b"'",
    b"#",
    b" ",
    b"\t",
]
OPTIONS: list[dict[str, Any]] = [
    {}, {}, {}, {"na_values": ["?", "NA"]}, {"strip": True}, {"comment": "#"}, {"decimal": ","},
    {"delimiter": ";"}, {"encoding": "latin-1"}, {"header": False}, {"delimiter": " "},
    {"columns": ["g", "y", "pay", "z"]}, {"columns": ["g", "y", "pay", "z"], "header": True},
    {"delimiter": "\t", "strip": True, "comment": "#", "na_values": ["?"]},
]  # fmt: skip
SIZES = [1 << 21, 1 << 21, 400, 64, 31, 1 << 21]


def content(rand: random.Random, width: int, options: dict[str, Any]) -> bytes:
    """A file of some rows, of which bytes may be flipped, cut out, repeated or put in."""
    delimiter = options.get("delimiter", ",")
    kinds = [rand.choice(KINDS) for _ in range(width)]
    if width > 2:
        kinds[2] = NUMBERS
    has_names = options.get("header", "columns" not in options)
    rows = [NAMES[:width]] if has_names != (rand.random() < 0.02) else []
    rows += [[rand.choice(kind) for kind in kinds] for _ in range(rand.choice([0, 1, 3, 9, 40]))]
    lines = [delimiter.join(row).replace("a, b", f"a{delimiter} b") for row in rows]
    between = ["", "", "#", "# F,1"] if "comment" in options else ["", "", "", " "]
    while rand.random() < 0.2:
        lines.insert(rand.randrange(len(lines) + 1), rand.choice(between))
    end = rand.choice(ENDS)
    text = end.join(lines) + rand.choice([end, end, "", end * 2])
    made = bytearray(text.encode())
    if rand.random() < 0.1:
        made[:0] = b"\xef\xbb\xbf"
    for _ in range(rand.choice([0, 0, 0, 1, 2])):
        at, length = rand.randrange(len(made) + 1), rand.randrange(1, 9)
        match rand.randrange(4):
            case 0 if at < len(made):
                made[at] ^= 1 << rand.randrange(8)
            case 1:
                del made[at : at + length]
            case 2:
                made[at:at] = made[at : at + length]
            case _:
                made[at:at] = rand.choice(ODD)
    return bytes(made)


def mutant(rand: random.Random) -> tuple[bytes, dict[str, Any], dict[str, Any], int]:
    """A file, its dialect, what is counted in it, and the bytes of a block."""
    options = rand.choice(OPTIONS)
    width = 4 if "columns" in options else rand.choice([1, 2, 3, 4, 4, 7])
    has_names = options.get("header", True) or "columns" in options
    g, y, pay = ("g", "y", "pay") if has_names else ("0", "1", "2")
    roles: list[dict[str, Any]] = [{"facet": g}]
    if width > 1:
        roles += [{"facet": y}, {"facet": g, "label": y}]
    if width > 2:
        roles += [
            {"facet": g, "label": y, "group": pay},
            {"facet": [y, (g, y)], "label": pay, "positive_above": 1},
            {"facet": pay, "facet_edges": [0, 2], "label": g},
        ]
    made = content(rand, width, options)
    return made, options, rand.choice(roles), rand.choice(SIZES)


def counted(path: Path, options: dict[str, Any], roles: dict[str, Any], choice: str) -> Any:
    """What is counted with and without kernels: tables and rows, or an error."""
    os.environ["BIASKIT_KERNELS"] = choice
    try:
        counts = biaskit.count(path, csv=options or None, **roles)
    except BiaskitError as error:
        return f"{type(error).__name__}: {error}"
    tables = {str(facet): (repr(t.levels), t.n.tolist()) for facet, t in counts.tables.items()}
    return counts.rows, tables


def compared(rand: random.Random, path: Path) -> tuple[str, str]:
    """What became of a mutant, and what differs, if anything does."""
    made, options, roles, size = mutant(rand)
    path.write_bytes(made)
    blocks._BLOCK, blocks.Blocks.rows_of_all = size, 0
    ours = counted(path, options, roles, "always")
    rows = blocks.Blocks.rows_of_all
    theirs = counted(path, options, roles, "never")
    if ours != theirs:
        return "different", f"{made!r}\n  {options} {roles} {size}\n  {ours}\n  {theirs}\n"
    if isinstance(ours, str):
        return "refused", ""
    return "read by the kernel" if rows == ours[0] else "read by Arrow", ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guard", action="store_true")
    args = parser.parse_args()
    if args.guard:
        from fuzz_encoded import guarded

        blocks.Blocks._buffer = lambda _, size: guarded(size, "u1")  # type: ignore[method-assign]
    rand, seen = random.Random(args.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.mutants):
            what, how = compared(rand, Path(folder) / "x.csv")
            seen[what] += 1
            sys.stdout.write(how)
    sys.stdout.write(f"{json.dumps(dict(sorted(seen.items())))}\n")
    return 1 if seen["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
