"""Damaged files of every kind but Parquet's rows: only errors that biaskit means to raise come out.

Models that are read are explained as well: their values add up to the outputs of their trees. Run
as a program for a long time: ``NUMBA_BOUNDSCHECK=1 python tests/fuzz_loaders.py 900000``. A file
that takes longer than ``--seconds`` ends the program, with where it was.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import random
import struct
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import biaskit
from biaskit import Attributions, BiaskitError, Counts
from biaskit.counts.counts import from_page
from biaskit.counts.embedded import to_block
from biaskit.explanations.declined import Declined
from biaskit.explanations.models.ensembles import TreeModel
from biaskit.explanations.models.lightgbm_text import from_lightgbm
from biaskit.explanations.models.xgboost_json import from_xgboost, from_xgboost_file
from biaskit.explanations.trees.tables import TreeValues
from biaskit.explanations.trees.walks import TreeOutputs
from biaskit.gate.config import read_config
from support.carried import page_of, sealed

ODD: list[Any] = [
    *(0, 1, -1, 1.5, -0.0, 1e308, float("nan"), float("inf"), 10**30, 2**63, -(2**63), 2**31),
    *(True, None, "", "x", "nan", "1", "\ud800", "\x1b[31m", "9" * 5_000, "[" * 3_000),
    *([], [1], [[]], {}, {"a": 1}, {"above": 1, "up_to": 0}, {"float": "inf"}, ["F", 1]),
    *({"decimal": "1"}, {"decimal": "1e999999"}),
]
ODD_NUMBERS = ["", "0", "-1", "-2", "1", "2", "4", "99999", "nan", "inf", "-inf", "1e400", "1.5"]
ODD_NUMBERS += ["2147483648", "x", "9" * 5_000]
FEATURES = ["a", "b", "c"]


def splits(rand: random.Random, count: int) -> list[tuple[int, int, int, float]]:
    """Splits of a random tree: the leaf that is split, the other it leaves, feature, threshold."""
    return [
        (rand.randrange(n + 1), n + 1, rand.randrange(len(FEATURES)), rand.randrange(-8, 9) / 4)
        for n in range(count)
    ]


def xgboost_tree(rand: random.Random) -> dict[str, Any]:
    """A tree as XGBoost's JSON has it."""
    nodes, leaf = 1, {0: 0}
    made: dict[str, list[Any]] = {name: [-1] for name in ("left_children", "right_children")}
    made |= {name: [0] for name in ("split_indices", "default_left", "split_type")}
    made |= {"split_conditions": [0.25], "sum_hessian": [64.0], "categories_nodes": []}
    for old, new, feature, threshold in splits(rand, rand.randrange(7)):
        at = leaf[old]
        made["left_children"][at], made["right_children"][at] = nodes, nodes + 1
        made["split_indices"][at], made["split_conditions"][at] = feature, threshold
        made["default_left"][at] = rand.randrange(2)
        leaf[old], leaf[new] = nodes, nodes + 1
        for name in ("left_children", "right_children"):
            made[name] += [-1, -1]
        for name in ("split_indices", "default_left", "split_type"):
            made[name] += [0, 0]
        made["split_conditions"] += [rand.randrange(-9, 9) / 8, rand.randrange(-9, 9) / 8]
        made["sum_hessian"] += [made["sum_hessian"][at] / 4, made["sum_hessian"][at] * 3 / 4]
        nodes += 2
    return {"tree_param": {"num_nodes": str(nodes), "size_leaf_vector": "1"}, **made}


def xgboost(rand: random.Random) -> dict[str, Any]:
    """A model as XGBoost's JSON has it: of one output or of two, of all rounds or the best."""
    rounds, outputs = rand.randrange(1, 4), rand.choice([1, 2])
    trees = [xgboost_tree(rand) for _ in range(rounds * outputs)]
    booster: dict[str, Any] = {
        "name": "gbtree",
        "model": {
            "gbtree_model_param": {"num_trees": str(len(trees)), "num_parallel_tree": "1"},
            "trees": trees,
            "tree_info": [i % outputs for i in range(len(trees))],
            "iteration_indptr": [*range(0, len(trees) + 1, outputs)],
        },
    }
    if rand.random() < 0.3:
        booster = {"name": "dart", "gbtree": booster, "weight_drop": [0.5] * len(trees)}
    objective = rand.choice(["binary:logistic", "reg:squarederror", "count:poisson"])
    return {
        "learner": {
            "attributes": rand.choice([{}, {"best_iteration": "0"}]),
            "feature_names": FEATURES,
            "gradient_booster": booster,
            "learner_model_param": {
                "base_score": "5E-1",
                "num_class": "0" if outputs == 1 else "2",
                "num_feature": "3",
            },
            "objective": {"name": "multi:softprob" if outputs == 2 else objective},
        }
    }


def lightgbm(rand: random.Random) -> str:
    """A model as LightGBM's text has it."""
    head = (
        "tree\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=2\n"
        f"objective=binary sigmoid:1\nfeature_names={' '.join(FEATURES)}\n"
    )
    kinds = rand.choices([2, 0, 8, 10, 4, 6], k=len(FEATURES))  # one of a feature, as LightGBM has
    blocks = []
    for number in range(rand.randrange(1, 4)):
        parts = splits(rand, rand.randrange(1, 7))
        left, right = [0] * len(parts), [0] * len(parts)
        above: dict[int, tuple[list[int], int]] = {}
        for node, (old, new, _, _) in enumerate(parts):
            if old in above:
                side, at = above[old]
                side[at] = node
            left[node], right[node] = ~old, ~new
            above[old], above[new] = (left, node), (right, node)
        lines: dict[str, list[Any]] = {
            "num_leaves": [len(parts) + 1],
            "split_feature": [feature for _, _, feature, _ in parts],
            "threshold": [threshold for *_, threshold in parts],
            "decision_type": [kinds[feature] for _, _, feature, _ in parts],
            "left_child": left,
            "right_child": right,
            "leaf_value": [rand.randrange(-9, 9) / 8 for _ in range(len(parts) + 1)],
            "leaf_count": [8] * (len(parts) + 1),
            "internal_count": [8 * (len(parts) + 1 - i) for i in range(len(parts))],
        }
        told = "\n".join(f"{name}={' '.join(map(str, of))}" for name, of in lines.items())
        blocks.append(f"\nTree={number}\n{told}\n")
    return f"{head}{''.join(blocks)}end of trees\n"


def ubjson(value: Any) -> bytes:
    """UBJSON of a value, with arrays of numbers as XGBoost writes them."""

    def text(one: str) -> bytes:
        made = one.encode("utf-8", "replace")
        return b"L" + struct.pack(">q", len(made)) + made

    match value:
        case None | bool():
            return {None: b"Z", True: b"T", False: b"F"}[value]
        case int():
            return b"L" + struct.pack(">q", value) if -(2**63) <= value < 2**63 else b"i\0"
        case float():
            return b"D" + struct.pack(">d", value)
        case str():
            return b"S" + text(value)
        case dict():
            return b"{" + b"".join(text(k) + ubjson(one) for k, one in value.items()) + b"}"
        case list() if value and all(type(one) is float for one in value):
            head = b"[$d#L" + struct.pack(">q", len(value))
            return head + np.array(value).astype(">f4").tobytes()
        case list() if value and all(type(one) is int and abs(one) < 2**31 for one in value):
            head = b"[$l#L" + struct.pack(">q", len(value))
            return head + np.array(value).astype(">i4").tobytes()
    return b"[" + b"".join(map(ubjson, value)) + b"]"


def explained(model: TreeModel) -> None:
    """Walk the trees, and explain them: whatever was read must be safe to index by."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(-9, 9, 24) / 4.0 for _ in FEATURES]
    rows[0][:3] = np.nan, np.inf, -np.inf
    for ensemble in [*model.outputs.values()][:3]:
        if len(ensemble.features) != len(rows):
            continue
        whole = TreeOutputs(ensemble, threads=1)(rows)
        if not np.isfinite(whole).all():
            continue
        for background in ([[column[:9] for column in rows]], None):
            try:
                explain = TreeValues(ensemble, background, threads=1)
            except Declined:
                continue
            values = explain(rows)
            near = 1e-6 * max(1.0, np.abs(whole).max())
            assert np.allclose(values[-1], whole, 1e-6, near), "the outputs differ"
            if background is not None:
                # Parts far larger than the outputs cancel only as far as their digits reach.
                near = max(near, 1e-12 * np.abs(values).max())
                together = explain.base + values[:-1].sum(axis=0)
                assert np.allclose(together, whole, 1e-6, near), "the parts do not add up"


CONFIG = """[[data]]
name = "x"
files = "*.csv"
facet = "g"
label = "y"
positive = 1
[data.limits]
DPL = 0.1
"""
#: Endings of files, and the codec that goes with each.
PLAIN = {"": ""}
PACKED = {"": "", ".gz": "gzip", ".zst": "zstd"}
CSV = "g,y,w\n" + 'F,1,0.5\nM,0,1\n,1,2\n"a, b",0,1e3\n' * 9
#: Options of CSV files, and values for each, some of them invalid.
DIALECTS: dict[str, list[Any]] = {
    "delimiter": [";", "\t", " ", "|"],
    "columns": ["g,y,w", "g,y,w", "g,y", ["y", "w", "g"]],
    "encoding": ["utf-16", "latin-1", "utf-16-le", "cp500", "gb18030", "utf-7"],
    "comment": ["#", "F", ",", "\ufffd"],
    "decimal": [",", "."],
    "strip": [True],
    "na_values": ["0,F", ["a, b"]],
}
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


def respelled(text: str, rand: random.Random) -> str:
    """Lines of ``name=values`` of which one value is another, or a line stands twice."""
    lines = text.split("\n")
    at = rand.randrange(len(lines))
    name, equals, values = lines[at].partition("=")
    if equals:
        parts = values.split(" ")
        parts[rand.randrange(len(parts))] = rand.choice(ODD_NUMBERS)
        lines[at] = f"{name}={' '.join(parts)}"
    else:
        lines.insert(at, rand.choice(lines))
    return "\n".join(lines)


def packed(content: bytes, codec: str) -> bytes:
    """Bytes compressed, but for the empty codec."""
    return pa.compress(content, codec, asbytes=True) if codec else content


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
    told.pop(b"biaskit.checksums")  # who writes a hostile file can leave them out
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

    def of_text(
        name: str, whole: str, load: Callable[[Path], Any], codecs: Mapping[str, str] = PLAIN
    ) -> Callable[[Any], Any]:
        def run(rand: random.Random) -> Any:
            suffix, codec = rand.choice([*codecs.items()])
            content = packed(damaged(whole.encode(), rand), codec)
            path = folder / f"{name}{suffix}"
            path.write_bytes(damaged(content, rand) if codec and rand.random() < 0.5 else content)
            return load(path)

        return run

    def of_xgboost(rand: random.Random) -> Any:
        model = xgboost(rand)
        for _ in range(rand.choice([0, 1, 1, 2])):
            model = changed(model, rand)
        explained(from_xgboost(model))

    def of_xgboost_trees(rand: random.Random) -> Any:
        model = xgboost(rand)
        booster = model["learner"]["gradient_booster"]
        trees = booster.get("gbtree", booster)["model"]["trees"]
        at = rand.randrange(len(trees))
        for _ in range(rand.choice([1, 2, 3])):
            trees[at] = changed(trees[at], rand)
        explained(from_xgboost(model))

    def of_xgboost_file(write: Callable[[Any], bytes]) -> Callable[[random.Random], Any]:
        def run(rand: random.Random) -> Any:
            content = write(xgboost(rand))
            explained(from_xgboost_file(damaged(content, rand) if rand.random() < 0.9 else content))

        return run

    def of_lightgbm(rand: random.Random) -> Any:
        text = lightgbm(rand)
        match rand.randrange(4):
            case 0:
                text = damaged(text.encode(), rand).decode("utf-8", "replace")
            case 1 | 2:
                text = respelled(text, rand)
        explained(from_lightgbm(text))

    def of_page(rand: random.Random) -> Any:
        block = to_block(Counts.load(folder / "whole.counts"), {"seed": 0})
        if rand.random() < 0.3:
            text = damaged(page_of(block).encode(), rand).decode("utf-8", "surrogateescape")
        else:  # who writes a hostile page makes its digest anew
            for _ in range(rand.choice([0, 1, 1, 2])):
                block = changed(block, rand)
            text = page_of(sealed(block) if isinstance(block, dict) else block)
        return report(from_page(text))

    def report(counts: Counts) -> Any:
        return biaskit.report(counts, positive=1, metrics=["DPL", "CI"], confidence=None)

    def of_rows(path: Path) -> Any:
        return biaskit.count(path, facet="g", label="y", weight="w")

    def of_dialect(rand: random.Random) -> Any:
        chosen = {name: rand.choice(values) for name, values in DIALECTS.items()}
        form = {name: value for name, value in chosen.items() if rand.random() < 0.25}
        form.setdefault("strip", rand.random() < 0.5)
        text = CSV
        if is_early := rand.random() < 0.5:
            text = damaged(CSV.encode(), rand).decode("utf-8", "replace")
        text = text.replace(",", form.get("delimiter", ","))
        if "columns" in form and not form.setdefault("header", rand.random() < 0.5):
            text = text.partition("\n")[2]
        content = text.encode(form.get("encoding", "utf-8"), "replace")
        path = folder / f"x.data{(suffix := rand.choice([*PACKED]))}"
        content = content if is_early else damaged(content, rand)
        path.write_bytes(packed(content, PACKED[suffix]))
        return biaskit.count(path, facet="g", label="y", weight="w", csv=form)

    return {
        "counts": of_biaskit("whole.counts", lambda path: report(Counts.load(path))),
        "pages": of_page,
        "attributions": of_biaskit("whole.attributions", Attributions.load),
        "XGBoost's values": of_xgboost,
        "XGBoost's trees": of_xgboost_trees,
        "XGBoost's JSON": of_xgboost_file(lambda model: json.dumps(model).encode()),
        "XGBoost's UBJSON": of_xgboost_file(ubjson),
        "LightGBM's text": of_lightgbm,
        "TOML": of_text("biaskit.toml", CONFIG, read_config),
        "CSV": of_text("x.csv", CSV, of_rows, PACKED),
        "CSV in a dialect": of_dialect,
        "JSON Lines": of_text("x.jsonl", JSON_LINES, of_rows, PACKED),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60, help="most that a file may take")
    args = parser.parse_args()
    rand = random.Random(args.seed)
    seen: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        kinds = loaders(Path(folder))
        for number in range(args.mutants):
            kind = rand.choice([*kinds])
            faulthandler.dump_traceback_later(args.seconds, exit=True)
            try:
                kinds[kind](rand)
                seen[f"{kind}: read"] += 1
            except (BiaskitError, Declined):
                seen[f"{kind}: refused"] += 1
            except Exception:  # noqa: BLE001 - what should not come is what it looks for
                seen["escaped"] += 1
                sys.stdout.write(f"ESCAPED: {kind}, mutant {number}\n{traceback.format_exc()}\n")
    faulthandler.cancel_dump_traceback_later()
    sys.stdout.write(f"{json.dumps(dict(sorted(seen.items())))}\n")
    return 1 if seen["escaped"] else 0


if __name__ == "__main__":
    sys.exit(main())
