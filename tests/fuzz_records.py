"""JSON Lines with mistakes, read by the kernel and by the standard library: both must agree.

``NUMBA_BOUNDSCHECK=1 python tests/fuzz_records.py 100000`` runs it; the suite runs a few.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from biaskit.counts.roles import Roles
from biaskit.errors import DataError
from biaskit.sources.batches import Ask, Batch, Counting, Part
from biaskit.sources.coded.cells import Cells
from biaskit.sources.grids import encoders_of
from biaskit.sources.histogram import Histograms
from biaskit.sources.text.found import Kernel
from biaskit.sources.text.records import Columns, Origin, as_columns, records_in
from biaskit.sources.text.whole_lines import SPARE, Block

COLUMNS, NUMERIC = ["g", "y", "w", "né", "a.b", "deep.er.x"], ["w"]
ORIGIN = Origin("x.jsonl")
# Values of each kind that a column may have, and of no kind.
TEXTS = [
    '"F"', '"M"', '"\\u0046"', '"a\\"b\\\\"', '"\\ud800"', '"\\ud83d\\ude00"', '"é🎉"', '""',
    '"' + "long " * 9 + '"', "null",
]  # fmt: skip
NUMBERS = [
    "0", "1", "-0", "-0.0", "1.5", "0.13436424411240122", "1e3", "1E-7", "1e400", "-1e22", "1e23",
    "0.1", "0.3", "2.675", "1e-22", "1e-23", "123456789012345678", "9007199254740992",
    "9007199254740993", "9223372036854775807", "NaN", "-Infinity", "null", "5e-324", "1e-400",
]  # fmt: skip
INTEGERS = [*"0123456789", "-7", "-0", "null", "9007199254740993", "-9223372036854775808"]
BOOLEANS = ["true", "false", "null"]
OTHERS = [
    "9223372036854775808", "-9223372036854775809", "1" * 400, "9" * 5_000, "Infinity", "[]", "{}",
    '[1, {"g": [2, "]"]}]', '{"g": "F", "y": {}}', "[" * 70 + "]" * 70, "01", "1.", ".5", "+1",
    "1e", "-", "nul", "tr", '"\\x"', '"\\u12"', '"\t"', "'F'", "truefalse", "[1 2]", '{"a" 1}',
]  # fmt: skip
KINDS = [TEXTS, TEXTS, NUMBERS, INTEGERS, BOOLEANS]
KEYS = [
    '"g"',
    '"y"',
    '"w"',
    '"z"',
    '"né"',
    '"\\u0067"',
    '"a.b"',
    '"a"',
    '"deep"',
    '"deep.er.x"',
    '"gg"',
    '""',
    '"longer than eight"',
]
BETWEEN = ["", "", " ", "\t", "\r", "\x0b", "\xa0", "\ufeff"]
ENDS = [*["\n"] * 90, "\r\n", "\r", "\n\n", " \n", "\x1c\n", "\x85\n", "\u2028\n\n", ""]


# Keys of objects, by the key whose value they are.
INNER = {
    '"a"': ['"b"', '"b"', '"c"', '"\\u0062"'],
    '"deep"': ['"er"'],
    '"er"': ['"x"', '"x"', '"a"'],
}


def line(rand: random.Random, kinds: dict[str, list[str]], keys: list[str]) -> str:
    """A line, mostly a valid record whose values are of the kinds of their keys."""
    is_even = rand.random() < 0.7

    def space() -> str:
        if is_even:
            return ""
        return rand.choice(BETWEEN) if rand.random() < 0.01 else rand.choice(["", " "])

    def value(key: str) -> str:
        if rand.random() < 0.01:
            return rand.choice(OTHERS)
        return record(rand.choices(INNER[key], k=rand.randrange(3))) if key in INNER else plain(key)

    def plain(key: str) -> str:
        return rand.choice(kinds[{'"b"': '"a.b"', '"x"': '"deep.er.x"'}.get(key, key)])

    def record(keys: list[str]) -> str:
        pairs = [f"{space()}{key}{space()}:{space()}{value(key)}{space()}" for key in keys]
        return "{" + ",".join(pairs) + "}"

    return space() + record(keys) + space()


def text(rand: random.Random) -> bytes:
    """Some lines, of which bytes may be flipped, cut out, repeated or put in."""
    kinds = {key: rand.choice(KINDS) for key in [*KEYS, '"c"', '"\\u0062"']}
    kinds['"w"'] = NUMBERS

    def keys() -> list[str]:
        return rand.choices(KEYS, k=rand.randrange(6))

    usual = keys()
    lines = (
        line(rand, kinds, usual if rand.random() < 0.7 else keys()) + rand.choice(ENDS)
        for _ in range(rand.randrange(1, 9))
    )
    made = bytearray("".join(lines).encode())
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
                odd = [b'"', b"\n", b"\0", b",", b"{", b"}", b"\xff", b"\\", b":"]
                made[at:at] = rand.choice(odd)
    return bytes(made)


def told(arrays: dict[str, Any], name: str) -> Any:
    """Values of a column, and what they are, to be compared."""
    if name not in arrays:
        return None
    array = arrays[name]
    if name in NUMERIC and pa.types.is_integer(array.type):  # needed as floats
        array = array.cast(pa.float64(), safe=False)
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    return str(kind), repr(array.to_pylist())


def _by_library(lines: Iterable[str], columns: Sequence[str]) -> Iterator[Columns]:
    return as_columns(records_in(lines, ORIGIN, 7), columns, ORIGIN)


def of_library(block: bytes) -> Any:
    """What the standard library makes of a text."""
    lines = io.TextIOWrapper(io.BytesIO(block), encoding="utf-8")
    try:
        parts = [*_by_library(lines, COLUMNS)]
    except UnicodeDecodeError:
        return "not UTF-8"
    except DataError as error:
        return str(error)
    if not parts:
        return [None] * len(COLUMNS), 0, 0, []
    (part,) = parts
    values = [told(part.arrays, name) for name in COLUMNS]
    return values, part.rows, part.lines, [*part.names]


def kernel() -> Kernel:
    """The kernel for the columns."""
    return Kernel(Ask(COLUMNS, NUMERIC), ORIGIN)


def of_kernel(kernel: Kernel, block: bytes) -> Any:
    """What the kernel makes of a text; None where it leaves it to the library."""
    part = kernel.made(Block(np.frombuffer(block + SPARE, np.uint8), len(block)))
    if part is None:
        return None
    values = [told(part.arrays, name) for name in COLUMNS]
    return values, part.rows, part.lines, [*part.names]


ROLES = [
    {"facet": "g", "label": "y"},
    {"facet": ["g", ("y", "a.b")], "label": "z", "weight": "w", "group": "né"},
    {"facet": "w", "facet_above": 0.5, "label": "a.b", "predicted": "deep.er.x"},
]


def counted_by_kernel(block: bytes, given: Mapping[str, Any] = ROLES[0]) -> Any:
    """Tables that the kernel makes of a text; None where it leaves it to the library."""
    roles = Roles(**given)
    ask = _ask(roles)
    part = Kernel(ask, ORIGIN).made(Block(np.frombuffer(block + SPARE, np.uint8), len(block)))
    if part is None:
        return None
    if isinstance(part, Columns):
        return _tables(ask, [_batch(ask, part)])
    return _tables(ask, [Cells(part.tables, part.codes, part.rows, "x.jsonl")])


def counted_by_library(block: bytes, given: Mapping[str, Any] = ROLES[0]) -> Any:
    """Tables of the rows that the standard library finds in a text, or the error."""
    ask = _ask(Roles(**given))
    lines = io.TextIOWrapper(io.BytesIO(block), encoding="utf-8")
    return _tables(ask, (_batch(ask, part) for part in _by_library(lines, ask.columns)))


def _ask(roles: Roles) -> Ask:
    return Ask([*roles.columns()], roles.numeric, Counting(roles, encoders_of(roles)))


def _batch(ask: Ask, part: Columns) -> Batch:
    arrays = {name: part.arrays.get(name, pa.nulls(part.rows)) for name in ask.columns}
    return Batch(arrays, part.rows, "x.jsonl")


def _tables(ask: Ask, parts: Iterable[Part]) -> Any:
    assert ask.counting is not None
    try:
        with Histograms(ask.counting.roles, ask.counting.encoders) as histograms:
            for part in parts:
                part.add_to(histograms)
        return histograms.tables(), histograms.rows
    except (DataError, UnicodeDecodeError) as error:
        return str(error)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rand = random.Random(args.seed)
    ours_by, seen = kernel(), Counter[str]()
    for _ in range(args.mutants):
        block, roles = text(rand), rand.choice(ROLES)
        compared = {
            "columns": (of_kernel(ours_by, block), of_library(block)),
            "counts": (counted_by_kernel(block, roles), counted_by_library(block, roles)),
        }
        for what, (ours, theirs) in compared.items():
            if ours is None:
                how = "left to the library"
            elif ours == theirs:
                how = "refused" if isinstance(ours, str) else "read"
            else:
                how = "different"
                sys.stdout.write(f"DIFFERENT {what}: {block!r}\n  {ours}\n  {theirs}\n")
            seen[f"{what} {how}"] += 1
    sys.stdout.write(f"{json.dumps(dict(sorted(seen.items())))}\n")
    return 1 if any("different" in how for how in seen) else 0


if __name__ == "__main__":
    sys.exit(main())
