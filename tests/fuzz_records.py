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
from typing import Any

import pyarrow as pa

from biaskit.errors import DataError
from biaskit.sources.text.records import SPARE, Block, Kernel, by_library

COLUMNS, NUMERIC = ["g", "y", "w", "né", "a.b"], ["w"]
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
    '"gg"',
    '""',
    '"longer than eight"',
]
BETWEEN = ["", "", " ", "\t", "\r", "\x0b", "\xa0", "\ufeff"]
ENDS = [*["\n"] * 90, "\r\n", "\r", "\n\n", " \n", "\x1c\n", "\x85\n", "\u2028\n\n", ""]


def line(rand: random.Random, kinds: dict[str, list[str]]) -> str:
    """A line, mostly a valid record whose values are of the kinds of their keys."""

    def space() -> str:
        return rand.choice(BETWEEN) if rand.random() < 0.01 else rand.choice(["", " "])

    def value(key: str) -> str:
        odd = rand.random() < 0.01
        return rand.choice(OTHERS if odd else kinds[key])

    keys = rand.choices(KEYS, k=rand.randrange(6))
    pairs = [f"{space()}{key}{space()}:{space()}{value(key)}{space()}" for key in keys]
    return space() + "{" + ",".join(pairs) + "}" + space()


def text(rand: random.Random) -> bytes:
    """Some lines, of which bytes may be flipped, cut out, repeated or put in."""
    kinds = {key: rand.choice(KINDS) for key in KEYS}
    kinds['"w"'] = NUMBERS
    lines = (line(rand, kinds) + rand.choice(ENDS) for _ in range(rand.randrange(1, 9)))
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


def of_library(block: bytes) -> Any:
    """What the standard library makes of a text."""
    lines = io.TextIOWrapper(io.BytesIO(block), encoding="utf-8")
    try:
        parts = [*by_library(lines, COLUMNS, "x.jsonl", 7)]
    except UnicodeDecodeError:
        return "not UTF-8"
    except DataError as error:
        return str(error)
    if not parts:
        return [None] * len(COLUMNS), 0, 0, []
    (part,) = parts
    values = [told(part.arrays, name) for name in COLUMNS]
    return values, part.rows, part.lines, [*part.names]


def of_kernel(kernel: Kernel, block: bytes) -> Any:
    """What the kernel makes of a text; None where it leaves it to the library."""
    try:
        finish = kernel.found(Block(block + SPARE, len(block)))
        part = finish("x.jsonl", 7) if finish else None
    except DataError as error:
        return str(error)
    if part is None:
        return None
    values = [told(part.arrays, name) for name in COLUMNS]
    return values, part.rows, part.lines, [*part.names]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rand = random.Random(args.seed)
    kernel, seen = Kernel(COLUMNS, NUMERIC), Counter[str]()
    for _ in range(args.mutants):
        block = text(rand)
        ours, theirs = of_kernel(kernel, block), of_library(block)
        if ours is None:
            seen["left to the library"] += 1
        elif ours != theirs:
            seen["different"] += 1
            sys.stdout.write(f"DIFFERENT: {block!r}\n  {ours}\n  {theirs}\n")
        else:
            seen["refused" if isinstance(ours, str) else "read"] += 1
    sys.stdout.write(f"{json.dumps(dict(sorted(seen.items())))}\n")
    return 1 if seen["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
