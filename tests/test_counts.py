"""Counts are a commutative monoid; what they refuse to add; files they are saved in."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biaskit
from biaskit import BiaskitError, Counts
from biaskit.counts.bounds import MAX_LEVELS
from support.strategies import chunkings, columns

ROLES: list[dict[str, Any]] = [
    {"facet": "sex", "label": "y"},
    {"facet": ["sex", ("sex", "race")], "label": "outcome", "group": "group", "predicted": "y"},
    {"facet": "age", "facet_edges": [25, 40, 65], "label": "y", "weight": "weight"},
    {"facet": ("sex", "race"), "label": "outcome", "frequency": "weight"},
    {"facet": ["age", "race"], "facet_above": {"age": 40}, "label": "outcome"},
    {"facet": ("age", "sex"), "facet_edges": {"age": [30]}, "label": "y"},
    {
        "facet": "sex",
        "label": "age",
        "positive_above": 40,
        "predicted": "weight",
        "predicted_above": 4,
    },
]
each_roles = pytest.mark.parametrize("roles", ROLES, ids=range(len(ROLES)))


def count(table: dict[str, list[Any]], roles: dict[str, Any]) -> Counts:
    # Arrow keeps integers with missing values integers, and knows the type of an empty part.
    return biaskit.count(pa.table(table, schema=SCHEMA), **roles)


def rows_in(table: dict[str, list[Any]], roles: dict[str, Any]) -> int:
    return sum(table[roles["frequency"]]) if "frequency" in roles else len(table["y"])


SCHEMA = pa.schema(
    {
        "sex": pa.string(),
        "race": pa.string(),
        "y": pa.int64(),
        "outcome": pa.string(),
        "group": pa.string(),
        "age": pa.float64(),
        "predicted": pa.int64(),
        "weight": pa.int64(),
    }
)


@pytest.mark.slow
@each_roles
@given(table=columns(), data=st.data())
def test_parts_add_to_the_whole_in_any_order(
    roles: dict[str, Any], table: dict[str, list[Any]], data: st.DataObject
) -> None:
    rows = len(table["y"])
    parts = [
        count({name: values[part] for name, values in table.items()}, roles)
        for part in data.draw(chunkings(rows))
    ]
    whole = count(table, roles)
    assert sum(data.draw(st.permutations(parts)), Counts.empty(whole.roles)) == whole
    assert sum(parts) == whole
    assert whole.rows == rows_in(table, roles)


@pytest.mark.slow
@each_roles
@given(one=columns(), other=columns(), third=columns())
def test_adding_is_commutative_and_associative(
    roles: dict[str, Any], one: Any, other: Any, third: Any
) -> None:
    a, b, c = (count(table, roles) for table in (one, other, third))
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Counts.empty(a.roles) == a


@pytest.mark.slow
@each_roles
@given(table=columns())
def test_every_row_is_in_one_cell(roles: dict[str, Any], table: dict[str, list[Any]]) -> None:
    counts = count(table, roles)
    for facet_table in counts.tables.values():
        assert facet_table.rows == counts.rows == rows_in(table, roles)


@pytest.mark.slow
@each_roles
@given(table=columns())
def test_saved_counts_come_back_equal(
    roles: dict[str, Any], table: dict[str, list[Any]], tmp_path: Path
) -> None:
    counts = count(table, roles)
    counts.save(tmp_path / "counts.parquet")
    assert Counts.load(tmp_path / "counts.parquet") == counts


def test_choices_survive_saving_and_may_be_made_anew(tmp_path: Path) -> None:
    df = pd.DataFrame({"sex": ["F", "M", "X", "M"], "y": ["no", "yes", "no", "yes"]})
    counts = biaskit.count(df, facet="sex", label="y", positive="yes", facet_values=["F", "X"])
    counts.save(tmp_path / "counts.parquet")
    saved = biaskit.report(str(tmp_path / "counts.parquet"))
    assert set(saved["value"]) == {"F, X"}
    anew = biaskit.report(counts, positive="no", facet_values="M")
    assert set(anew["value"]) == {"M"}
    with pytest.raises(BiaskitError, match="label='z' differs from what was counted"):
        biaskit.report(counts, label="z")
    with pytest.raises(BiaskitError, match="no facet 'sx'; did you mean 'sex'"):
        biaskit.report(counts, facet="sx")


def test_to_frame_has_a_row_per_cell_and_the_missing_ones() -> None:
    df = pd.DataFrame({"sex": ["F", None, "M", "M"], "y": [1, 1, 0, 0], "w": [2.0, 1.0, 0.5, 0.5]})
    frame = biaskit.count(df, facet="sex", label="y", weight="w").to_frame()
    assert list(frame.columns) == ["facet", "value", "label", "n", "w", "w2"]
    assert frame["n"].tolist() == [1, 2, 1]
    assert frame["w"].tolist() == [2.0, 1.0, 1.0]
    assert frame["w2"].tolist() == [4.0, 0.5, 1.0]
    assert frame["value"].isna().tolist() == [False, False, True]


def test_counts_of_different_roles_do_not_add() -> None:
    df = pd.DataFrame({"sex": ["F", "M"], "y": [0, 1], "z": [1, 0], "age": [20, 50]})
    by_y = biaskit.count(df, facet="sex", label="y")
    with pytest.raises(BiaskitError, match="label is 'y' in one and 'z' in the other"):
        by_y + biaskit.count(df, facet="sex", label="z")
    young = biaskit.count(df, facet="age", facet_above=30, label="y")
    with pytest.raises(BiaskitError, match="facet_above"):
        young + biaskit.count(df, facet="age", facet_above=40, label="y")
    with pytest.raises(BiaskitError, match="different positive"):
        biaskit.count(df, facet="sex", label="y", positive=1) + biaskit.count(
            df, facet="sex", label="y", positive=0
        )
    assert (by_y + biaskit.count(df, facet="sex", label="y", positive=0)).roles.positive == (0,)
    texts = biaskit.count(df.astype({"y": str}), facet="sex", label="y")
    with pytest.raises(BiaskitError, match="label holds values of kind number in one part, text"):
        by_y + texts
    with pytest.raises(TypeError):
        by_y + 1


def test_sums_past_the_limit_are_refused() -> None:
    half = MAX_LEVELS["facet"] * 2 // 3
    ids = np.arange(2 * half)
    one, other = (
        biaskit.count(pd.DataFrame({"id": part, "y": 1}), facet="id", label="y")
        for part in (ids[:half], ids[half:])
    )
    with pytest.raises(BiaskitError, match=r"facet 'id'.*different values"):
        one + other


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    df = pd.DataFrame({"sex": ["F", "M", None], "y": [0, 1, 1], "w": [1.0, 2.0, 3.0]})
    path = tmp_path / "counts.parquet"
    biaskit.count(df, facet="sex", label="y", weight="w").save(path)
    return path


def rewritten(path: Path, change: Any = None, columns: Any = None) -> Path:
    """The counts file with its header or its columns changed, as an attacker could."""
    table = pq.read_table(path)
    header = json.loads(table.schema.metadata[b"biaskit"])
    if change is not None:
        change(header)
    if columns is not None:
        for name, values in columns.items():
            index = table.schema.get_field_index(name)
            table = table.set_column(index, name, pa.array(values))
    pq.write_table(table.replace_schema_metadata({b"biaskit": json.dumps(header).encode()}), path)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.update(schema=3, version="9.9"), "install a newer biaskit"),
        (lambda h: h.update(kind="attributions"), "reads counts of schema 1"),
        (lambda h: h.update(rows=4), "add up"),
        (lambda h: h.update(rows=-1), "damaged"),
        (lambda h: h.update(rows=True), "damaged"),
        (lambda h: h.update(roles=None), "damaged"),
        (lambda h: h["roles"].update(facet=[]), "damaged"),
        (lambda h: h["roles"].update(facet=[["sex", ["y"]]]), "damaged"),
        (lambda h: h["roles"].update(facets="sex"), "damaged"),
        (lambda h: h["roles"].update(positive=3), "damaged"),
        (lambda h: h["roles"].update(facet_values=[1]), "damaged"),
        (lambda h: h["roles"].pop("label"), "damaged"),
        (lambda h: h["roles"].update(facet_above={"sex": "x"}), "damaged"),
    ],
)
def test_a_changed_header_is_refused(saved: Path, change: Any, message: str) -> None:
    with pytest.raises(BiaskitError, match=message):
        Counts.load(rewritten(saved, change))


@pytest.mark.parametrize(
    "columns",
    [
        {"n": [1, 2, -3]},
        {"n": [0, 2, 1]},
        {"n": [1.0, 1.0, 1.0]},
        {"n": [2**62, 2**62, 2**62]},
        {"table": [0, 0, 1]},
        {"facet": ['"F"', '"F"', "nonsense"]},
        {"facet": ['"F"', "{}", "null"]},
        {"facet": ['"F"', "1", "null"]},
        {"label": ["1", "1", "1"], "facet": ['"F"', '"F"', '"F"']},
        {"group": ['"g"', '"*"', '"*"']},
        {"w": [1.0, -2.0, 3.0]},
        {"w2": [1.0, float("nan"), 3.0]},
        {"w": [1.0, None, 3.0]},
    ],
)
def test_changed_cells_are_refused(saved: Path, columns: Any) -> None:
    with pytest.raises(BiaskitError, match="damaged"):
        Counts.load(rewritten(saved, columns=columns))


def test_files_that_are_not_counts_are_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(BiaskitError, match="there is no file"):
        Counts.load(tmp_path / "nothing.parquet")
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"a": [1]}), foreign)
    with pytest.raises(BiaskitError, match="not a counts file"):
        Counts.load(foreign)
    whole = saved.read_bytes()
    for end in (0, 3, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:end])
        with pytest.raises(BiaskitError, match="not a whole Parquet file"):
            Counts.load(saved)


@given(data=st.data())
def test_no_damage_to_a_counts_file_is_silent(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "counts.parquet"
    df = pd.DataFrame({"sex": ["F", "M", None], "y": [0, 1, 1], "w": [0.5, 1.5, 2.0]})
    counts = biaskit.count(df, facet="sex", label="y", weight="w", positive=1)
    counts.save(path)
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(raw))
    with contextlib.suppress(BiaskitError):
        assert Counts.load(path) == counts


@pytest.mark.slow
def test_no_byte_of_a_counts_file_changes_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "counts.parquet"
    df = pd.DataFrame({"sex": ["F", "M", None], "y": [0, 1, 1]})
    counts = biaskit.count(df, facet="sex", label="y")
    counts.save(path)
    raw, refused = path.read_bytes(), 0
    for place in range(len(raw)):
        for flipped in (1, 0x20, 0x80):
            changed = bytearray(raw)
            changed[place] ^= flipped
            path.write_bytes(bytes(changed))
            try:
                assert Counts.load(path) == counts, (place, flipped)
            except BiaskitError:
                refused += 1
    assert refused > len(raw)  # most bytes matter


def test_saving_is_whole_or_not_at_all(tmp_path: Path) -> None:
    """A process killed while it writes leaves the old file."""
    path = tmp_path / "counts.parquet"
    path.write_bytes(b"old")
    script = (
        "import os, sys\n"
        "from biaskit.store import written\n"
        "with written.atomically(sys.argv[1]) as file:\n"
        "    file.write(b'new' * 100_000); file.flush(); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    df = pd.DataFrame({"sex": ["F", "M"], "y": [0, 1]})
    with pytest.raises(BiaskitError, match="no permission"):
        biaskit.count(df, facet="sex", label="y").save(tmp_path / "counts.parquet")


def test_a_failed_save_leaves_nothing_behind(tmp_path: Path) -> None:
    df = pd.DataFrame({"sex": ["F", "M"], "y": [0, 1]})
    counts = biaskit.count(df, facet="sex", label="y")
    with pytest.raises(BiaskitError, match="there is no folder"):
        counts.save(tmp_path / "no" / "counts.parquet")
    with pytest.raises(BiaskitError, match="is a folder"):
        counts.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
