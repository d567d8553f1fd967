"""Small files that ask for much: an error, or the right counts, in bounded memory and time."""

from __future__ import annotations

import gzip
import json
import os
import re
import struct
import subprocess
import sys
import textwrap
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import biaskit
from biaskit import BiaskitError
from biaskit.counts.tables import Table
from biaskit.errors import DataError
from biaskit.explanations.models.lightgbm_text import from_lightgbm
from biaskit.explanations.models.ubjson import from_ubjson
from biaskit.explanations.models.xgboost_json import from_xgboost
from biaskit.sources.files.globs import matcher
from biaskit.sources.text import records
from biaskit.store.formats import as_csv, as_json, as_markdown, as_table

MEGABYTE = 1 << 20


def refuses(path: Path, match: str, **roles: Any) -> None:
    with pytest.raises(BiaskitError, match=match):
        biaskit.count(path, **{"facet": "g", "label": "y", **roles})


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["never", "always"])
def test_long_texts_are_not_counted_by(
    choice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", choice)
    path = tmp_path / "x.parquet"
    names = [f"v{i}" for i in range(200)]
    for g in (["x" * MEGABYTE] * 20 + names, [*names, "y" * 70_000]):
        table = pa.table({"g": g, "y": [0, 1] * (len(g) // 2) + [1] * (len(g) % 2)})
        for use_dictionary in (True, False):
            pq.write_table(table, path, compression="zstd", use_dictionary=use_dictionary)
            refuses(
                path,
                "of (70,000|1,048,576) bytes; a text that is counted has 65,536|cannot be counted",
            )
        refuses_table(table)
    table = pa.table({"g": ["x" * 60_000, "F"], "y": [0, 1]})
    pq.write_table(table, path)
    assert biaskit.count(path, facet="g", label="y").rows == 2


def refuses_table(table: pa.Table) -> None:
    with pytest.raises(BiaskitError, match="a text that is counted has 65,536 at most"):
        biaskit.count(table, facet="g", label="y")


def test_all_texts_of_a_column_together() -> None:
    strata = [f"{i}" + "x" * 60_000 for i in range(1_200)]
    with pytest.raises(BiaskitError, match="have more than 64 MB together"):
        biaskit.count(pa.table({"s": ["F"] * 1_200, "g": strata}), facet="s", group="g")


@pytest.mark.parametrize("choice", ["never", "always"])
def test_a_page_that_says_it_is_large(
    choice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", choice)
    path = tmp_path / "x.parquet"
    table = pa.table({"g": ["x" * (90 * MEGABYTE), "z"], "y": [0, 1]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < MEGABYTE
    refuses(path, "a page has .* bytes for 2 values")


@pytest.mark.slow
def test_a_footer_of_very_many_empty_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns times row groups would be a thousand million numbers, none of which exists."""
    from support.taken_apart import BINARY, I32, I64, LIST, STRUCT, Fields, Listed, written

    def column(name: bytes) -> Fields:
        return Fields({1: (I32, 1), 3: (I32, 0), 4: (BINARY, name)})

    names = [b"g", b"y", *(b"c%d" % i for i in range(9_998))]
    root = Fields({4: (BINARY, b"schema"), 5: (I32, len(names))})
    group = Fields({1: (LIST, Listed(STRUCT, [])), 2: (I64, 0), 3: (I64, 0)})
    footer = written(
        Fields(
            {
                1: (I32, 2),
                2: (LIST, Listed(STRUCT, [root, *map(column, names)])),
                3: (I64, 0),
                4: (LIST, Listed(STRUCT, [group] * 100_000)),
            }
        )
    )
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1")
    for choice in ("always", "never"):
        monkeypatch.setenv("BIASKIT_KERNELS", choice)
        refuses(path, "only 0 columns")


# ------------------------------------------------------------------------------------ texts


@pytest.mark.slow
def test_wide_json_lines_are_read_in_little_memory(tmp_path: Path) -> None:
    """131,072 lines of 300 keys took 4 GB, all of it dictionaries of what nobody asked for."""
    path = tmp_path / "wide.jsonl.gz"
    keys = ",".join(f'"c{i}":{i}' for i in range(300))
    with gzip.open(path, "wt", compresslevel=1) as file:
        for g in ("F", "M"):
            file.write(f'{{"g":"{g}","y":1,{keys}}}\n' * 30_000)
    program = f"""
        import biaskit
        counts = biaskit.count({str(path)!r}, facet="g", label="y")
        assert counts.to_frame()["n"].tolist() == [30_000, 30_000]
    """
    assert megabytes_of(program) < 600


def megabytes_of(program: str) -> int:
    """Most memory that a process of its own takes for a program."""
    program = textwrap.dedent(program) + "print(open('/proc/self/status').read())"
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell how much memory a process took")
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return int(told.stdout.partition("VmHWM:")[2].split()[0]) >> 10


@pytest.mark.parametrize("name", ["x.csv.gz", "x.jsonl.gz", "x.csv"])
def test_one_endless_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    line = b'{"g":"' + b"x" * (64 * MEGABYTE)
    path.write_bytes(gzip.compress(line, 1) if name.endswith("gz") else line)
    refuses(path, "has more than 8,388,608 letters in line 1")


def test_a_header_cell_that_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("g,y," + "x" * 200_000 + "\nF,1,2\n")
    refuses(tmp_path / "x.csv", "has no readable header")


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_a_row_of_csv_that_is_too_long(name: str, tmp_path: Path) -> None:
    path = tmp_path / name

    def write(length: int) -> None:
        text = f"g,y,t\nM,0,a\nF,1,{'x' * length}\nM,0,a\n".encode()
        path.write_bytes(gzip.compress(text, 1) if name.endswith("gz") else text)

    write(900_000)
    assert biaskit.count(path, facet="g", label="y").rows == 3
    write(3 * MEGABYTE)
    refuses(path, rf"{name}' has a row of more than 1 MB, .* leave out the column .*write Parquet")


def test_a_csv_of_very_many_columns(tmp_path: Path) -> None:
    names = [f"column{i}" for i in range(100_000)]
    rows = [",".join(["g", "y", *names]), *(f"{g},1" + ",100" * len(names) for g in "FM")]
    (tmp_path / "x.csv").write_text("\n".join(rows))
    assert biaskit.count(tmp_path / "x.csv", facet="g", label="y").to_frame()["n"].tolist() == [
        1,
        1,
    ]


def test_batches_of_json_lines_are_bounded_by_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl"
    rows = [{"g": "FM"[i % 2], "y": i % 3, "z": None} for i in range(1_000)]
    path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    whole = biaskit.count(path, facet="g", label="y")
    monkeypatch.setattr(records, "LETTERS", 500)
    assert biaskit.count(path, facet="g", label="y") == whole


# ----------------------------------------------------------------------------------- counts


def saved(path: Path, cells: dict[str, Any]) -> Path:
    """Counts file of some cells of one row each, whose values are `cells`."""
    one = pa.table({"g": ["F"], "y": [0], "p": [1]})
    biaskit.count(one, facet="g", label="y", predicted="p").save(path)
    header = json.loads(pq.read_schema(path).metadata[b"biaskit"])
    header["rows"] = rows = len(cells["label"])
    columns = {
        "table": np.zeros(rows, np.int64),
        "group": pa.array(['"*"'] * rows),
        "n": np.ones(rows, np.int64),
        "w": pa.nulls(rows, pa.float64()),
        "w2": pa.nulls(rows, pa.float64()),
    }
    told = {b"biaskit": json.dumps(header).encode()}
    table = pa.table({**columns, **cells}).replace_schema_metadata(told)
    pq.write_table(table, path, compression="zstd")
    return path


def repeated(texts: list[str], codes: Any) -> pa.Array:
    """Texts that stand in a file once, however many rows have them."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(texts))


@pytest.mark.parametrize("length", [100_000, 1_000_000])
def test_a_long_text_that_a_counts_file_repeats(length: int, tmp_path: Path) -> None:
    zeros = np.zeros(6_000, np.int32)
    facet = repeated([json.dumps("x" * length)], zeros)
    cells = {axis: repeated(["0"], zeros) for axis in ("label", "predicted")}
    path = saved(tmp_path / "x.counts", {"facet": facet, **cells})
    program = f"""
        import biaskit
        try:
            biaskit.Counts.load({str(path)!r})
        except biaskit.BiaskitError as error:
            assert "is damaged" in str(error), error
        else:
            raise SystemExit("it was loaded")
    """
    assert megabytes_of(program) < 300


@pytest.mark.slow
def test_counts_of_a_million_cells_take_little_memory(tmp_path: Path) -> None:
    values = [str(i) for i in range(1_000)]
    label, predicted = (part.ravel() for part in np.indices((1_000, 1_000)))
    cells = {
        "facet": repeated(['"F"'], np.zeros(1_000_000, np.int32)),
        "label": repeated(values, label),
        "predicted": repeated(values, predicted),
    }
    path = saved(tmp_path / "x.counts", cells)
    program = f"""
        import biaskit
        assert biaskit.Counts.load({str(path)!r}).rows == 1_000_000
    """
    assert megabytes_of(program) < 300


# ------------------------------------------------------------------------------ other things


def test_long_names_are_cut_where_people_read_and_whole_in_json() -> None:
    name = "x" * 60_000
    for table in (as_table, as_markdown):
        assert "x" * 997 + "..." in table(["value"], [[name]])
        assert len(table(["value"], [[name]])) < 4_000
    assert name in as_json({"value": name})
    assert name in as_csv(["value"], [[name]])


def test_devices_are_refused(tmp_path: Path) -> None:
    refuses(Path("/dev/zero"), "is a device")
    os.mkfifo(tmp_path / "x.counts")
    with pytest.raises(BiaskitError, match="is not a regular file"):
        biaskit.Counts.load(tmp_path / "x.counts")


def test_items_that_take_no_bytes_are_bounded_together() -> None:
    inner = b"[$T#l" + struct.pack(">i", 9_000)
    with pytest.raises(DataError, match="more than 1,000,000 values"):
        from_ubjson(b"[#l" + struct.pack(">i", 1_000) + inner * 1_000)
    honest = b"[$T#U\x03"
    assert from_ubjson(b"[" + honest + honest + b"]") == [[True] * 3] * 2


@pytest.mark.slow
@pytest.mark.parametrize("one", [b"Z", b"[]"], ids=["null", "array"])
def test_values_that_are_read_one_by_one_are_bounded(one: bytes) -> None:
    """A small model file must not take minutes: a number in an array takes no time of its own."""
    with pytest.raises(DataError, match=r"more than 1,000,000 values .*save the model as \.json"):
        from_ubjson(b"[" + one * 1_000_001 + b"]")
    numbers = from_ubjson(b"[$U#l" + struct.pack(">i", 2_000_000) + bytes(2_000_000))
    assert len(numbers) == 2_000_000


@pytest.mark.slow
def test_a_million_cells_are_saved_as_arrays(tmp_path: Path) -> None:
    levels = ([f"f{i:03}" for i in range(1_000)], range(100), ["*"], range(10))
    table = Table(tuple(map(tuple, levels)), np.arange(1, 1_000_001).reshape(1_000, 100, 1, 10))
    roles = biaskit.count(
        pa.table({"f": [], "y": [], "g": []}), facet="f", label="y", group="g"
    ).roles
    counts = biaskit.Counts(roles, {roles.facet[0]: table}, int(table.n.sum()))
    tracemalloc.start()
    counts.save(tmp_path / "x.counts")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100 * MEGABYTE
    assert biaskit.Counts.load(tmp_path / "x.counts").tables == counts.tables


def test_a_long_text_is_saved_once(tmp_path: Path) -> None:
    """Not once a cell, which would be 6 GB."""
    names = tuple(f"{i:02}{'x' * 60_000}" for i in range(100))
    levels = (names, tuple(range(1_000)), ("*",), ("*",))
    table = Table(levels, np.ones((100, 1_000, 1, 1), np.int64))
    roles = biaskit.count(pa.table({"f": [], "y": []}), facet="f", label="y").roles
    counts = biaskit.Counts(roles, {roles.facet[0]: table}, 100_000)
    counts.save(tmp_path / "x.counts")
    assert (tmp_path / "x.counts").stat().st_size < MEGABYTE
    assert biaskit.Counts.load(tmp_path / "x.counts").tables == counts.tables


def test_names_of_a_model_are_not_made_before_they_are_counted() -> None:
    names = np.zeros(50_000_000, np.uint8)  # as UBJSON may have them
    model = {
        "learner": {
            "feature_names": names,
            "gradient_booster": {"name": "gbtree", "model": {"trees": [], "tree_info": []}},
            "learner_model_param": {"num_feature": "2", "num_class": "0", "base_score": "0.5"},
            "objective": {"name": "binary:logistic"},
        }
    }
    tracemalloc.start()
    with pytest.raises(DataError, match="its names and features differ in number"):
        from_xgboost(model)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1 << 20


def test_a_base_score_that_is_nested_deep() -> None:
    parameters = {"num_feature": "1", "num_class": "0", "base_score": "[" * 3_000}
    learner = {
        "gradient_booster": {"name": "gbtree", "model": {"trees": [], "tree_info": []}},
        "learner_model_param": parameters,
        "objective": {"name": "binary:logistic"},
    }
    with pytest.raises(DataError, match="is not a model that XGBoost wrote"):
        from_xgboost({"learner": learner})


def test_models_of_very_many_outputs_and_features() -> None:
    parameters = {"num_feature": "100000", "num_class": "10000", "base_score": "0.5"}
    learner = {
        "gradient_booster": {"name": "gbtree", "model": {"trees": [], "tree_info": []}},
        "learner_model_param": parameters,
        "objective": {"name": "multi:softprob"},
    }
    names = " ".join(["a"] * 100_000)
    text = (
        "tree\nnum_class=10000\nnum_tree_per_iteration=10000\nmax_feature_idx=99999\n"
        f"objective=multiclass\nfeature_names={names}\n"
    )
    for read, model in ((from_xgboost, {"learner": learner}), (from_lightgbm, text)):
        with pytest.raises(DataError, match="10,000 outputs of 100,000 features"):
            read(model)  # type: ignore[operator]
    parameters["num_class"] = "100"
    made = from_xgboost({"learner": learner})
    assert len({id(ensemble.features) for ensemble in made.outputs.values()}) == 1


PARTS = st.sampled_from(["*", "**", "**/", "?", "/", "a", "b", ".", "[ab]", "[!a]"])


@example("****/", "")
@example("*****/a", "/a")
@given(st.lists(PARTS, max_size=8).map("".join), st.text("ab/.", max_size=8))
def test_a_glob_matches_what_its_regular_expression_does(glob: str, path: str) -> None:
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^]]*\]|.", glob)
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]", "[!a]": "[^a]"}
    expected = "".join(parts.get(t, t if t[0] == "[" else re.escape(t)) for t in tokens)
    assert matcher(glob)(path) is bool(re.fullmatch(expected, path))


def test_a_glob_takes_no_longer_than_its_length_times_the_paths() -> None:
    start = time.monotonic()
    assert not matcher("*a" * 30 + "b")("a" * 200)
    assert not matcher("**/" * 30 + "x")("a/" * 100)
    assert time.monotonic() - start < 60  # backtracking would take hours


@pytest.mark.slow
def test_damaged_files_raise_what_they_should() -> None:
    program = Path(__file__).with_name("fuzz_loaders.py")
    done = subprocess.run([sys.executable, program, "600"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 24, found  # of each kind some are read, and some are refused
