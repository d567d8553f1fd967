"""Damaged files of every kind but Parquet's rows: only errors that biaskit means to raise come out.

Run as a program for a long time: ``python tests/fuzz_loaders.py 100000``.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import biaskit
from biaskit import Attributions, BiaskitError, Counts
from biaskit.explanations.models.ensembles import TreesUnsupported
from biaskit.explanations.models.lightgbm_text import from_lightgbm
from biaskit.explanations.models.xgboost_json import from_xgboost, from_xgboost_file
from biaskit.gate.config import read_config

ODD: list[Any] = [
    *(0, 1, -1, 1.5, -0.0, 1e308, float("nan"), float("inf"), 10**30, 2**63, -(2**63), 2**31),
    *(True, None, "", "x", "nan", "1", "\ud800", "\x1b[31m", "9" * 5_000, "[" * 3_000),
    *([], [1], [[]], {}, {"a": 1}, {"above": 1, "up_to": 0}, {"float": "inf"}, ["F", 1]),
    *({"decimal": "1"}, {"decimal": "1e999999"}),
]
TREE = {
    "tree_param": {"num_nodes": "3", "size_leaf_vector": "1", "num_feature": "2"},
    "left_children": [1, -1, -1],
    "right_children": [2, -1, -1],
    "split_indices": [1, 0, 0],
    "split_conditions": [0.5, 0.1, -0.1],
    "default_left": [1, 0, 0],
    "sum_hessian": [9.0, 4.0, 5.0],
    "split_type": [0, 0, 0],
    "categories_nodes": [],
}
XGBOOST = {
    "learner": {
        "feature_names": ["a", "b"],
        "gradient_booster": {
            "name": "gbtree",
            "model": {"trees": [TREE, TREE], "tree_info": [0, 0]},
        },
        "learner_model_param": {"base_score": "5E-1", "num_class": "0", "num_feature": "2"},
        "objective": {"name": "binary:logistic"},
    }
}
LIGHTGBM = """tree
num_class=1
num_tree_per_iteration=1
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a b

Tree=0
num_leaves=2
split_feature=1
threshold=0.5
decision_type=2
left_child=-1
right_child=-2
leaf_value=0.1 -0.1
leaf_count=4 5
internal_count=9
end of trees
"""
CONFIG = """[[data]]
name = "x"
files = "*.csv"
facet = "g"
label = "y"
positive = 1
[data.limits]
DPL = 0.1
"""
CSV = "g,y,w\n" + 'F,1,0.5\nM,0,1\n,1,2\n"a, b",0,1e3\n' * 9
JSON_LINES = '{"g": "F", "y": 1, "w": 2}\n{"g": "M", "y": 0, "w": 1}\n{"y": 1, "w": 1}\n' * 9


def changed(value: Any, rand: random.Random) -> Any:
    """A JSON value with one change somewhere in it."""
    if isinstance(value, dict) and value and rand.random() < 0.8:
        made, key = dict(value), rand.choice([*value])
        if rand.random() < 0.1:
            del made[key]
        else:
            made[key] = changed(value[key], rand)
        return made
    if isinstance(value, list) and value and rand.random() < 0.8:
        items, at = list(value), rand.randrange(len(value))
        match rand.randrange(6):
            case 0:
                del items[at]
            case 1:
                items.insert(at, items[at])
            case _:
                items[at] = changed(items[at], rand)
        return items
    if isinstance(value, (int, float)) and not isinstance(value, bool) and rand.random() < 0.5:
        return rand.choice([value + 1, value - 1, -value, value * 10**6])
    return rand.choice(ODD)


def damaged(content: bytes, rand: random.Random) -> bytes:
    """Bytes of which some are flipped, cut out, repeated or put in."""
    made = bytearray(content)
    for _ in range(rand.choice([1, 1, 2, 4])):
        at, length = rand.randrange(len(made) + 1), rand.randrange(1, 9)
        match rand.randrange(4):
            case 0 if at < len(made):
                made[at] ^= 1 << rand.randrange(8)
            case 1:
                del made[at : at + length]
            case 2:
                made[at:at] = made[at : at + length]
            case _:
                made[at:at] = rand.choice(
                    [b'"', b"\n", b"\0", b",", b"-", b"e9", b"\xff", b"[", b"="]
                )
    return bytes(made)


def rewritten(path: Path, rand: random.Random) -> None:
    """A file of biaskit's own whose header, or one of whose cells, says something else."""
    table = pq.read_table(path)
    told = dict(table.schema.metadata)
    if rand.random() < 0.5:
        told[b"biaskit"] = json.dumps(changed(json.loads(told[b"biaskit"]), rand)).encode()
    else:
        name = rand.choice(table.column_names)
        cells = table.column(name).to_pylist()
        at = rand.randrange(len(cells))
        if isinstance(cells[at], str):
            cells[at] = json.dumps(changed(json.loads(cells[at]), rand))
            made = pa.array(cells)
        else:
            numbers = [-1, 0, 1, 2**62, 2**63 - 1, None]
            cells[at] = rand.choice(numbers)
            made = pa.array(cells, pa.int64())
        table = table.set_column(table.column_names.index(name), name, made)
    pq.write_table(table.replace_schema_metadata(told), path)


def loaders(folder: Path) -> dict[str, Callable[[random.Random], Any]]:
    """For each kind of file, what makes one of a random generator and loads it."""
    rows = pa.table({"g": ["F", "M", None, "F"], "y": [0, 1, 1, 1], "w": [1.0, 2.0, 0.5, 1.0]})
    biaskit.count(rows, facet="g", label="y", weight="w").save(folder / "whole.counts")
    frame = {"x": np.arange(8.0), "g": np.array(["F", "M"] * 4)}
    biaskit.attribute(
        lambda r: r["x"] * 2, pa.table(frame).to_pandas(), facet="g", features=["x"],
        background=pa.table({"x": [0.0, 1.0]}).to_pandas(),
    ).save(folder / "whole.attributions")  # fmt: skip

    def of_biaskit(name: str, load: Callable[[Path], Any]) -> Callable[[random.Random], Any]:
        whole, path = (folder / name).read_bytes(), folder / f"mutant-{name}"

        def run(rand: random.Random) -> Any:
            path.write_bytes(whole if rand.random() < 0.5 else damaged(whole, rand))
            if path.read_bytes() == whole:
                rewritten(path, rand)
            return load(path)

        return run

    def of_text(name: str, whole: str, load: Callable[[Path], Any]) -> Callable[[Any], Any]:
        def run(rand: random.Random) -> Any:
            (folder / name).write_bytes(damaged(whole.encode(), rand))
            return load(folder / name)

        return run

    def report(counts: Counts) -> Any:
        return biaskit.report(counts, positive=1, metrics=["DPL", "CI"], confidence=None)

    def of_rows(path: Path) -> Any:
        return biaskit.count(path, facet="g", label="y", weight="w")

    return {
        "counts": of_biaskit("whole.counts", lambda path: report(Counts.load(path))),
        "attributions": of_biaskit("whole.attributions", Attributions.load),
        "XGBoost's values": lambda rand: from_xgboost(changed(XGBOOST, rand)),
        "XGBoost's bytes": lambda rand: from_xgboost_file(
            damaged(json.dumps(XGBOOST).encode(), rand)
        ),
        "LightGBM's text": lambda rand: from_lightgbm(
            damaged(LIGHTGBM.encode(), rand).decode("utf-8", "replace")
        ),
        "TOML": of_text("biaskit.toml", CONFIG, read_config),
        "CSV": of_text("x.csv", CSV, of_rows),
        "JSON Lines": of_text("x.jsonl", JSON_LINES, of_rows),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rand = random.Random(args.seed)
    seen: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        kinds = loaders(Path(folder))
        for number in range(args.mutants):
            kind = rand.choice([*kinds])
            try:
                kinds[kind](rand)
                seen[f"{kind}: read"] += 1
            except (BiaskitError, TreesUnsupported):
                seen[f"{kind}: refused"] += 1
            except Exception:  # noqa: BLE001 - what should not come is what it looks for
                seen["escaped"] += 1
                sys.stdout.write(f"ESCAPED: {kind}, mutant {number}\n{traceback.format_exc()}\n")
    sys.stdout.write(f"{json.dumps(dict(sorted(seen.items())))}\n")
    return 1 if seen["escaped"] else 0


if __name__ == "__main__":
    sys.exit(main())
