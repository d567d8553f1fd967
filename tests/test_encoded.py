"""Parquet counted in its encoded form: the same counts as Arrow's, and plain Python's."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import fsspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow.fs import LocalFileSystem

import biaskit
from biaskit.counts.levels import level
from biaskit.counts.roles import Roles
from biaskit.sources.dispatch import paths_of
from biaskit.sources.files import ranges
from biaskit.sources.parquet import choice
from biaskit.sources.parquet import source as parquet

many = settings(
    max_examples=25 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
TYPES = {
    pa.string(): st.sampled_from(["F", "M", "", "ü", "a longer text"]),
    pa.large_string(): st.sampled_from(["x", "y"]),
    pa.binary(): st.sampled_from([b"x", b"\xff"]),
    pa.int8(): st.integers(-3, 3),
    pa.uint16(): st.sampled_from([0, 65_535]),
    pa.int32(): st.integers(-2, 2),
    pa.uint32(): st.sampled_from([1, 4_294_967_295]),
    pa.int64(): st.integers(0, 400),
    pa.uint64(): st.sampled_from([0, 18_446_744_073_709_551_615]),
    pa.float32(): st.sampled_from([0.5, -0.0, 1.0, float("nan"), 3.25]),
    pa.float64(): st.sampled_from([0.0, 1.0, 2.5, float("nan"), float("inf")]),
    pa.bool_(): st.booleans(),
    pa.decimal128(5, 2): st.sampled_from([Decimal("-1.50"), Decimal("999.99"), Decimal(0)]),
    pa.decimal128(18, 0): st.sampled_from([Decimal(10) ** 17, Decimal(-1)]),
    pa.decimal128(38, 3): st.sampled_from([Decimal(10) ** 34, Decimal("-0.001")]),
    pa.decimal256(50, 1): st.sampled_from([Decimal(1), Decimal("-2.5")]),
    pa.date32(): st.sampled_from([-1, 0, 20_000]),
    pa.date64(): st.sampled_from([0, 86_400_000]),
    pa.time32("ms"): st.sampled_from([0, 1_500]),
    pa.time64("us"): st.sampled_from([0, 1_500]),
    pa.timestamp("s"): st.sampled_from([-1, 0, 1_700_000_000]),
    pa.timestamp("ms", "UTC"): st.sampled_from([-1, 0, 1_700_000_000_000]),
    pa.timestamp("us", "Europe/Berlin"): st.sampled_from([-1, 1_700_000_000_000_000]),
    pa.timestamp("ns"): st.sampled_from([0, 1_700_000_000_000_000_000]),
    pa.duration("s"): st.sampled_from([0, 60]),
    pa.dictionary(pa.int32(), pa.string()): st.sampled_from(["p", "q"]),
}


@pytest.fixture
def kernels(monkeypatch):
    return lambda choice: monkeypatch.setenv("BIASKIT_KERNELS", choice)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 120))
    columns = {}
    for name in ("one", "two", "three", "four"):
        type_ = draw(st.sampled_from(list(TYPES)))
        required = draw(st.booleans())
        values = TYPES[type_] if required else TYPES[type_] | st.none()
        run = draw(st.sampled_from([1, 1, 9, 40]))
        items = draw(st.lists(values, min_size=-(-rows // run), max_size=-(-rows // run)))
        spread = [item for item in items for _ in range(run)][:rows]
        field = pa.field(name, type_, nullable=not required)
        columns[field] = pa.array(spread, type_)
    return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(list(columns)))


settings_of_a_writer = st.fixed_dictionaries(
    {
        "use_dictionary": st.sampled_from([True, True, True, False, ["one", "three"]]),
        "data_page_version": st.sampled_from(["1.0", "2.0"]),
        "compression": st.sampled_from(["snappy", "none", "zstd", "gzip", "lz4", "brotli"]),
        "data_page_size": st.sampled_from([1, 40, 1 << 20]),
        "dictionary_pagesize_limit": st.sampled_from([8, 1 << 20]),
        "write_batch_size": st.sampled_from([7, 1024]),
        "row_group_size": st.sampled_from([1, 13, 50, 1 << 20]),
        "write_statistics": st.booleans(),
        "write_page_checksum": st.booleans(),
        "store_decimal_as_integer": st.booleans(),
    }
)
ROLES = [
    {"facet": "one", "label": "two"},
    {"facet": "one"},
    {"facet": ["one", "two"], "label": "three", "group": "four"},
    {"facet": ("one", "two"), "label": "three", "predicted": "four"},
]


@pytest.mark.slow
@many
@given(tables(), settings_of_a_writer, st.sampled_from(ROLES), st.sampled_from([0, 1 << 21]))
def test_kernels_arrow_and_plain_python_agree(
    tmp_path, kernels, monkeypatch, table, options, roles, worth_threads
):
    monkeypatch.setattr(parquet, "_WORTH_THREADS", worth_threads)
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, **options)
    kernels("never")
    expected = biaskit.count(path, **roles)
    kernels("always")
    counts = biaskit.count(path, **roles)
    assert counts.rows == expected.rows == len(table)
    assert dict(counts.tables) == dict(expected.tables)
    # As a remote file, of which little has been fetched, and in pieces.
    for name, small in {"_FIRST": 50, "_WHOLE": 0, "_LONGEST": 64, "_AHEAD": 200}.items():
        monkeypatch.setattr(ranges, name, small)
    for filesystem in (LocalFileSystem(), fsspec.filesystem("file")):
        far = biaskit.count(path, **roles, filesystem=filesystem)
        assert dict(far.tables) == dict(expected.tables)
    values = {name: [level(x) for x in table[name].to_pylist()] for name in table.column_names}
    if set(roles) == {"facet", "label"}:
        seen = Counter(zip(values["one"], values["two"], strict=True))
        (made,) = counts.tables.values()
        for (facet, label), rows in seen.items():
            where = made.levels[0].index(facet), made.levels[1].index(label), 0, 0
            assert made.n[where] == rows


@many
@given(
    st.lists(st.none() | st.floats(width=32) | st.integers(-5, 5), max_size=400),
    settings_of_a_writer,
    st.sampled_from([pa.float64(), pa.float32(), pa.int64()]),
)
def test_cut_columns_agree(tmp_path, kernels, numbers, options, type_):
    if pa.types.is_integer(type_):
        numbers = [x if isinstance(x, int) else None for x in numbers]
    path = tmp_path / "t.parquet"
    column = pa.array([None if x is None else float(x) for x in numbers], pa.float64())
    table = pa.table({"one": column.cast(type_), "two": column})
    options["use_dictionary"] = True
    pq.write_table(table, path, **options)
    roles = {"facet": "one", "facet_edges": [-1, 0, 2.5], "label": "two", "positive_above": 1.0}
    kernels("never")
    expected = biaskit.count(path, **roles)
    kernels("always")
    assert dict(biaskit.count(path, **roles).tables) == dict(expected.tables)


@pytest.mark.parametrize("values", [255, 256, 257, 2_000])
@pytest.mark.parametrize("missing", [False, True])
def test_long_dictionaries(tmp_path, kernels, values, missing):
    rng = np.random.default_rng(0)
    group = np.concatenate([np.arange(values), rng.integers(0, values, 1_000)])
    mask = rng.random(len(group)) < 0.1 if missing else None
    table = pa.table({"a": group % 2, "b": group % 3, "g": pa.array(group, mask=mask)})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, data_page_size=500, write_batch_size=100, row_group_size=6_000)
    for roles in (
        {"facet": "a", "label": "b", "group": "g"},
        {"facet": "g", "facet_above": 100, "label": "b"},
    ):
        kernels("never")
        expected = biaskit.count(path, **roles)
        kernels("always")
        assert dict(biaskit.count(path, **roles).tables) == dict(expected.tables)


def test_an_identifier_is_refused_either_way(tmp_path, kernels):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": list(range(3_000)), "y": [0, 1] * 1_500}), path)
    for way in ("never", "always"):
        kernels(way)
        with pytest.raises(biaskit.BiaskitError, match="facet 'id' has"):
            biaskit.count(path, facet="id", label="y")


def test_columns_that_arrow_decodes_stand_beside_those_that_kernels_do(tmp_path, kernels):
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "sex": pa.array(["F", "M"]).take(pa.array(rng.integers(0, 2, 900))),
            "old": pa.array(rng.random(900) < 0.5),
            "y": rng.integers(0, 2, 900),
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=400)
    kernels("never")
    expected = biaskit.count(path, facet=["sex", "old"], label="y")
    kernels("always")
    counts = biaskit.count(path, facet=["sex", "old"], label="y")
    assert dict(counts.tables) == dict(expected.tables)


@pytest.mark.parametrize(
    "roles",
    [
        {"facet": "sex", "label": "y", "group": "day"},
        {"facet": ["day", "sex"], "label": "y", "weight": "w"},
        {"facet": ("day", "branch"), "label": "age", "positive_above": 40},
        {"facet": "day", "facet_edges": {"day": [1, 2]}, "label": "age", "positive_above": 40},
        {"facet": "day", "label": "branch"},
        {"facet": "day", "label": "branch", "weight": "w"},
        {"facet": "sex", "label": "y", "weight": "age"},
    ],
)
def test_values_of_folders_stand_beside_those_of_files(tmp_path, kernels, roles):
    rng = np.random.default_rng(0)
    for day in (1, 2, 3):
        sex = pa.array(["F", "M"]).take(pa.array(rng.integers(0, 2, 50)))
        table = pa.table({"sex": sex, "y": rng.integers(0, 2, 50), "w": rng.integers(1, 9, 50)})
        folder = tmp_path / f"day={day}" / "branch=north%2F1" / f"age={20 * day}"
        folder.mkdir(parents=True)
        pq.write_table(table, folder / "x.parquet", row_group_size=20)
    kernels("never")
    expected = biaskit.count(tmp_path, **roles)
    kernels("always")
    assert dict(biaskit.count(tmp_path, **roles).tables) == dict(expected.tables)
    ways = {(path.column, path.path) for path in paths_of([tmp_path], Roles(**roles))}
    assert {way for _, way in ways} == {"Arrow" if roles.get("weight") == "age" else "encoded"}


def test_files_that_are_encoded_stand_beside_those_that_are_not(tmp_path, kernels, monkeypatch):
    kernels("auto")
    monkeypatch.setattr(choice, "CROSSOVER_LOADED", 500)
    pytest.importorskip("biaskit._kernels")
    for i, rows in enumerate((10, 900, 700, 0, 20, 600)):
        table = pa.table({"sex": ["F", "M"] * (rows // 2), "y": [True] * rows})
        schema = pa.schema([("sex", pa.string()), ("y", pa.bool_())])
        pq.write_table(table.cast(schema), tmp_path / f"{i}.parquet", row_group_size=250)
    counts = biaskit.count(tmp_path, facet="sex", label="y")
    kernels("never")
    expected = biaskit.count(tmp_path, facet="sex", label="y")
    assert counts.rows == expected.rows == 2_230
    assert dict(counts.tables) == dict(expected.tables)


def test_the_choice_between_kernels_and_arrow(kernels, monkeypatch):
    kernels("never")
    assert choice.against_kernels(10**9)
    kernels("always")
    assert not choice.against_kernels(1)
    kernels("auto")
    monkeypatch.setitem(sys.modules, "biaskit._kernels", None)
    assert not choice.against_kernels(choice.CROSSOVER_LOADED)
    assert choice.against_kernels(choice.CROSSOVER_LOADED - 1)
    monkeypatch.delitem(sys.modules, "biaskit._kernels")
    assert choice.against_kernels(choice.CROSSOVER - 1)
    assert not choice.against_kernels(1, choice.CROSSOVER - 1)
    assert choice.against_kernels(choice.CROSSOVER_SCORES - 1, has_scores=True)
    assert not choice.against_kernels(1, choice.CROSSOVER_SCORES - 1, has_scores=True)
    kernels("perhaps")
    with pytest.raises(biaskit.BiaskitError, match="auto, always or never"):
        choice.against_kernels(1)


def test_kernels_are_loaded_once_as_many_rows_were_read_as_pay_for_it(
    tmp_path, kernels, monkeypatch
):
    """To ask how a file would be read, however often, reads no rows."""
    kernels("auto")
    monkeypatch.delitem(sys.modules, "biaskit._kernels", raising=False)
    monkeypatch.setattr(choice, "CROSSOVER", 1_500)
    monkeypatch.setattr(parquet.ParquetFiles, "rows_by_arrow", 0)
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"sex": ["F", "M"] * 300, "y": [0, 1] * 300}), path)

    def ways() -> set[str]:
        return {found.path for found in paths_of([path], Roles(facet="sex", label="y"))}

    for _ in range(5):
        assert ways() == {"Arrow"}
    biaskit.count(path, facet="sex", label="y")
    assert ways() == {"Arrow"}
    biaskit.count(path, facet="sex", label="y")
    assert ways() == {"encoded"}


def test_dates_times_and_decimals_are_counted_by_their_codes(tmp_path, kernels):
    kernels("always")
    table = pa.table(
        {
            "day": pa.array([0, 1, None], pa.date32()),
            "at": pa.array([0, 1, None], pa.timestamp("us", "UTC")),
            "paid": pa.array([Decimal("1.50"), Decimal("-1.50"), None], pa.decimal128(9, 2)),
            "lasted": pa.array([0, 1, None], pa.duration("s")),
        }
    )
    path = tmp_path / "t.parquet"
    for as_integer in (False, True):
        pq.write_table(table, path, store_decimal_as_integer=as_integer)
        roles = Roles(facet=["day", "at"], label="paid", group="lasted")
        ways = {one.column: (one.path, one.why) for one in paths_of([path], roles)}
        assert ways == {
            "day": ("encoded", "dictionary-encoded"),
            "at": ("encoded", "dictionary-encoded"),
            "paid": ("encoded", "dictionary-encoded"),
            "lasted": ("Arrow", "not a flat column of a supported type"),
        }
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    assert [one.path for one in paths_of([path], Roles(facet="at"))] == ["Arrow"]


def test_a_date_that_no_calendar_has_is_named(tmp_path, kernels):
    table = pa.table({"day": pa.array([0, 2**30], pa.date32()), "y": [0, 1]})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    for way in ("never", "always"):
        kernels(way)
        with pytest.raises(biaskit.BiaskitError, match="facet 'day' holds a value that cannot"):
            biaskit.count(path, facet="day", label="y")


@pytest.mark.slow
@many
@given(
    st.lists(
        st.tuples(
            st.sampled_from([True, False, None]),
            st.none() | st.floats(width=32) | st.integers(-(2**40), 2**40),
            st.integers(0, 9),
        ),
        min_size=1,
        max_size=300,
    ),
    settings_of_a_writer,
    st.sampled_from([pa.float64(), pa.float32(), pa.int64(), pa.int8(), pa.uint32()]),
    st.sampled_from([pa.float64(), pa.float32(), pa.int64(), pa.int16()]),
    st.booleans(),
)
def test_values_that_stand_in_pages_agree(
    tmp_path, kernels, rows, options, type_, weight_type, with_edges
):
    """Booleans, numbers to cut and weights, with a dictionary, without one, or with both."""
    flags, numbers, weights = zip(*rows, strict=True)
    if pa.types.is_integer(type_):
        low, high = {"int8": (-128, 127), "uint32": (0, 2**32 - 1)}.get(str(type_), (-(2**40),) * 2)
        high = max(high, 2**40) if low == -(2**40) else high
        numbers = [min(max(x, low), high) if isinstance(x, int) else None for x in numbers]
    else:
        numbers = [None if x is None else float(x) for x in numbers]
    table = pa.table(
        {
            "flag": pa.array(flags, pa.bool_()),
            "number": pa.array(numbers, type_),
            "weight": pa.array([float(w) for w in weights]).cast(weight_type),
        }
    )
    path = tmp_path / "t.parquet"
    options = {**options, "use_dictionary": options["use_dictionary"] is True}
    pq.write_table(table, path, **options)
    roles = {"facet": "flag", "label": "number", "weight": "weight", "positive_above": 2.5}
    if with_edges:
        roles = {"facet": "number", "facet_edges": [-10.0, 0, 0.25, 70], "label": "flag"}
    kernels("never")
    expected = biaskit.count(path, **roles)
    kernels("always")
    assert dict(biaskit.count(path, **roles).tables) == dict(expected.tables)


def test_a_dictionary_that_grew_too_long_and_was_left(tmp_path, kernels):
    """The first pages use a dictionary, the others hold the values, some of them missing."""
    rng = np.random.default_rng(0)
    rows = 60_000
    score = pa.array(rng.random(rows), mask=rng.random(rows) < 0.1)
    weight = pa.array(rng.integers(0, 50_000, rows).astype(float))
    table = pa.table({"sex": rng.choice(["f", "m"], rows), "score": score, "weight": weight})
    path = tmp_path / "t.parquet"
    for codec in ("snappy", "zstd"):
        pq.write_table(
            table,
            path,
            compression=codec,
            dictionary_pagesize_limit=50_000,
            data_page_size=20_000,
            row_group_size=40_000,
        )
        encodings = pq.ParquetFile(path).metadata.row_group(0).column(1).encodings
        assert {"PLAIN", "RLE_DICTIONARY"} <= set(encodings)
        roles = {"facet": "sex", "label": "score", "positive_above": 0.5, "weight": "weight"}
        kernels("never")
        expected = biaskit.count(path, **roles)
        kernels("always")
        assert dict(biaskit.count(path, **roles).tables) == dict(expected.tables)
        assert all(one.path == "encoded" for one in paths_of([path], Roles(**roles)))


TEXTS = st.sampled_from(["", "a", "ab", "abc", "x" * 9, "x" * 12 + "y", "ü", "F", "M"])
IN_PAGES = ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]


@many
@given(
    st.lists(TEXTS | st.none(), max_size=300),
    st.sampled_from([1, 1, 40, 200]),
    settings_of_a_writer,
    st.tuples(st.sampled_from(IN_PAGES), st.sampled_from(IN_PAGES)),
    st.sampled_from([pa.string(), pa.large_string(), pa.binary()]),
)
def test_texts_that_stand_in_pages_agree(tmp_path, kernels, texts, run, options, encodings, type_):
    path = tmp_path / "t.parquet"
    one = [text for text in texts for _ in range(run)][:3_000]
    two = pa.array([text or "-" for text in one[::-1]])
    schema = pa.schema([("one", type_), pa.field("two", pa.string(), nullable=False)])
    table = pa.table([pa.array(one, pa.string()).cast(type_), two], schema=schema)
    written = {
        "use_dictionary": False,
        "column_encoding": dict(zip(("one", "two"), encodings, strict=True)),
    }
    pq.write_table(table, path, **{**options, **written})
    roles = {"facet": "one", "label": "two"}
    kernels("never")
    expected = biaskit.count(path, **roles)
    kernels("always")
    assert dict(biaskit.count(path, **roles).tables) == dict(expected.tables)
    if options["compression"] in ("snappy", "none", "zstd", "gzip") and len(table):
        assert {found.path for found in paths_of([path], Roles(**roles))} == {"encoded"}


@pytest.mark.parametrize("texts", [200, 300, 900])
@pytest.mark.parametrize("missing", [0, 0.1])
def test_a_dictionary_of_texts_that_was_left(tmp_path, kernels, texts, missing):
    rng = np.random.default_rng(1)
    rows = 30_000
    values = np.array([f"text {i:09}" for i in range(texts)])[rng.integers(0, texts, rows)]
    table = pa.table(
        {
            "sex": pa.array(values, mask=rng.random(rows) < missing),
            "y": pa.array(rng.integers(0, 2, rows)),
        }
    )
    path = tmp_path / "t.parquet"
    options = {"dictionary_pagesize_limit": 2_000, "data_page_size": 3_000}
    pq.write_table(table, path, row_group_size=20_000, write_batch_size=100, **options)
    roles = {"facet": "sex", "label": "y"}
    kernels("never")
    expected = biaskit.count(path, **roles)
    kernels("always")
    one, *_ = paths_of([path], Roles(**roles))
    assert one.why == "dictionary-encoded, then values in their pages"
    assert dict(biaskit.count(path, **roles).tables) == dict(expected.tables)


@pytest.mark.parametrize("encoding", IN_PAGES)
def test_what_the_kernel_of_texts_does_not_hold_goes_to_arrow(tmp_path, kernels, encoding):
    """Too many texts, long ones, and those that are not UTF-8 where they should be."""
    kernels("always")
    path = tmp_path / "t.parquet"
    group = [f"{i:x}" for i in range(70_000)]
    long = ["y" * 70_000, "y" * 70_001] * 2 + ["z"] * 69_996
    table = pa.table({"sex": ["f", "m"] * 35_000, "group": group, "long": long})
    written = {
        "use_dictionary": False,
        "column_encoding": dict.fromkeys(("group", "long"), encoding),
    }
    pq.write_table(table, path, **written)
    (made,) = biaskit.count(path, facet="sex", group="group").tables.values()
    assert made.n.sum() == len(made.levels[3]) == 70_000
    with pytest.raises(biaskit.BiaskitError, match="long"):
        biaskit.count(path, facet="sex", label="long")


def _codes(rng, rows):
    """Codes of a few or many values, single or in runs, the first ones most often or all alike."""
    values = int(rng.choice([2, 2, 2, 3, 5, 9, 16, 17, 300, 900]))
    codes = rng.integers(0, values, rows)
    match rng.integers(0, 3):
        case 1:
            codes = np.repeat(codes, rng.integers(1, 30, rows))[:rows]
        case 2:
            codes = np.minimum(rng.geometric(0.6, rows) - 1, values - 1)
    return codes


def _column(rng, rows):
    codes, missing = _codes(rng, rows), rng.random(rows) < 0.03
    match rng.integers(0, 4):
        case 0:
            return pa.array(codes)
        case 1:
            return pa.array(codes % 2 == 0)
        case 2:
            return pa.array(np.char.add("v", codes.astype(str)))
        case _:
            return pa.array(np.char.add("v", codes.astype(str)), mask=missing)


@pytest.mark.slow
@pytest.mark.parametrize("writer", ["pyarrow", "polars", "duckdb"])
def test_long_files_of_every_writer_agree(tmp_path, kernels, writer):
    """Runs and pages of any lengths, in memory that holds what was there before."""
    rng = np.random.default_rng(len(writer))
    path = tmp_path / "t.parquet"
    for _ in range(30):
        rows = int(rng.integers(1_000, 200_000))
        table = pa.table({name: _column(rng, rows) for name in ("one", "two", "three")})
        group, page = int(rng.integers(2_048, 200_001)), int(rng.choice([600, 20_000, 1 << 20]))
        codec = str(rng.choice(["snappy", "zstd"]))
        options = {"compression": codec, "row_group_size": group}
        if writer == "polars":
            pl.from_arrow(table).write_parquet(path, data_page_size=page, **options)
        elif writer == "duckdb":
            duckdb.from_arrow(table).write_parquet(str(path), **options)
        else:
            pq.write_table(table, path, data_page_size=page, write_batch_size=501, **options)
        for roles in ({"facet": ["one", "two"], "label": "three"}, {"facet": ("one", "three")}):
            kernels("never")
            expected = biaskit.count(path, **roles)
            kernels("always")
            assert dict(biaskit.count(path, **roles).tables) == dict(expected.tables)


@pytest.mark.parametrize("wrong", [-1.0, math.inf, math.nan, None])
@pytest.mark.parametrize("use_dictionary", [True, False])
def test_a_wrong_weight_is_said_as_arrow_says_it(tmp_path, kernels, wrong, use_dictionary):
    weights = [1.0] * 700 + [wrong] + [2.0] * 299
    table = pa.table({"sex": ["f", "m"] * 500, "y": [0, 1, 1, 1] * 250, "w": weights})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=400, use_dictionary=use_dictionary)
    said = []
    for way in ("never", "always"):
        kernels(way)
        with pytest.raises(
            biaskit.BiaskitError, match=r"weight 'w' is .*first in row 701"
        ) as error:
            biaskit.count(path, facet="sex", label="y", weight="w")
        said.append("".join(str(error.value).split("of the")[0]))
    assert said[0] == said[1]


@pytest.mark.parametrize("facet", ["sex", "day"])
@pytest.mark.parametrize("choice", ["always", "never"])
def test_weights_whose_squares_no_float_holds_are_refused(tmp_path, kernels, choice, facet):
    kernels(choice)
    folder = tmp_path / "day=1"
    folder.mkdir()
    pq.write_table(pa.table({"sex": ["F", "M"], "w": [1.0, 1e200]}), folder / "x.parquet")
    with pytest.raises(biaskit.BiaskitError, match="weight 'w' has sums of squares that overflow"):
        biaskit.count(tmp_path, facet=facet, weight="w")


def test_fractional_weights_agree_but_for_rounding(tmp_path, kernels):
    rng = np.random.default_rng(0)
    rows = 5_000
    table = pa.table(
        {"sex": rng.choice(["f", "m"], rows), "y": rng.integers(0, 2, rows), "w": rng.random(rows)}
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=999)
    made = []
    for way in ("never", "always"):
        kernels(way)
        (one,) = biaskit.count(path, facet="sex", label="y", weight="w").tables.values()
        made.append(one)
    assert (made[0].n == made[1].n).all()
    for name in ("w", "w2"):
        one, other = (getattr(table, name) for table in made)
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_small_files_do_not_import_numba(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1, 2], "b": [0, 1]}), path)
    code = (
        "import sys, biaskit; biaskit.count(sys.argv[1], facet='a', label='b'); "
        "assert 'numba' not in sys.modules and 'pandas' not in sys.modules"
    )
    environment = {**os.environ, "BIASKIT_KERNELS": "auto"}
    subprocess.run([sys.executable, "-c", code, path], check=True, env=environment, timeout=60)


compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled, so nothing is kept"
)
# Counts of a file, as text, from a process of its own.
COUNT = """
import sys, biaskit
(table,) = biaskit.count(sys.argv[1], facet="a", label="b", group="g").tables.values()
print(table.levels, table.n.tolist())
"""
# Numba finds no folder to keep a kernel in, as where neither the package nor the home is writable.
# Permissions would not show it: they do not bind the root user.
NO_FOLDER = """
from biaskit._kernels import kept
kept._is_usable = lambda *_: False
"""


FULL = """
from biaskit._kernels import kept
def full(*_):
    raise OSError(28, "no place")
kept._Files._open_for_write = full
"""


@pytest.fixture
def counted_apart(tmp_path):
    """Start of a process that counts a file: some code before it, `BIASKIT_KERNELS`, and the rest.

    The file has texts, a long dictionary and missing values, so that every kernel is needed.
    """
    path = tmp_path / "t.parquet"
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "a": pa.array(["F", "M", None]).take(pa.array(rng.integers(0, 3, 3_000))),
            "b": rng.integers(0, 2, 3_000),
            "g": rng.integers(0, 300, 3_000),
        }
    )
    pq.write_table(table, path, row_group_size=1_000)

    def start(choice, before="", **environment):
        kept = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
        return subprocess.Popen(
            [sys.executable, "-c", before + COUNT, path],
            env={**kept, "BIASKIT_KERNELS": choice, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def output_of(process):
    out, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (0, "")
    return out


@pytest.mark.slow
@compiled
def test_kernels_work_where_no_folder_can_be_written(tmp_path, counted_apart):
    expected = output_of(counted_apart("never"))
    (tmp_path / "file").touch()
    where = {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "cache")}
    out, err = counted_apart("always", NO_FOLDER, **where).communicate(timeout=240)
    assert out == expected
    assert "cannot be written (NotADirectoryError" in err
    assert err.count("RuntimeWarning") == 1


@pytest.mark.slow
@compiled
def test_damage_to_the_kept_kernels_is_said_and_mended(tmp_path, counted_apart):
    """A power cut leaves empty files, and a worn disk flips bytes of what Numba would run."""
    expected = output_of(counted_apart("never"))
    where = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert output_of(counted_apart("always", **where)) == expected
    indices = sorted((tmp_path / "cache").rglob("*.nbi"))
    codes = sorted((tmp_path / "cache").rglob("*.nbc"))
    for path, damage in (
        (indices[0], lambda content: b""),
        (indices[1], lambda content: content[: len(content) // 2]),
        (codes[2], lambda content: b""),
        (codes[3], lambda content: content[:3_000] + b"\xff" * 16 + content[3_016:]),
    ):
        path.write_bytes(damage(path.read_bytes()))
    out, err = counted_apart("always", **where).communicate(timeout=240)
    assert out == expected
    assert "is damaged; the kernels are recompiled" in err
    assert err.count("RuntimeWarning") == 1
    assert output_of(counted_apart("always", **where)) == expected


@pytest.mark.slow
@compiled
def test_kernels_that_find_no_place_on_the_disk(tmp_path, counted_apart):
    expected = output_of(counted_apart("never"))
    where = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    out, err = counted_apart("always", FULL, **where).communicate(timeout=240)
    assert out == expected
    assert "cannot be written (OSError: [Errno 28] no place)" in err
    assert err.count("RuntimeWarning") == 1


@pytest.mark.slow
@compiled
def test_processes_that_compile_into_one_folder_at_once(tmp_path, counted_apart):
    expected = output_of(counted_apart("never"))
    cache = tmp_path / "cache"
    where = {"NUMBA_CACHE_DIR": str(cache)}
    both = [counted_apart("always", **where) for _ in range(2)]
    assert [output_of(process) for process in both] == [expected, expected]
    kept = {file: file.stat().st_mtime_ns for file in cache.rglob("*.nbc")}
    assert kept
    # One form of each kernel: of two, processes might take one for the other.
    alone = tmp_path / "alone"
    assert output_of(counted_apart("always", NUMBA_CACHE_DIR=str(alone))) == expected
    assert {file.relative_to(cache) for file in kept} == {
        file.relative_to(alone) for file in alone.rglob("*.nbc")
    }
    # What they left behind is whole: a third process loads it, and has nothing to add.
    assert output_of(counted_apart("always", **where)) == expected
    assert kept == {file: file.stat().st_mtime_ns for file in cache.rglob("*.nbc")}


@pytest.mark.slow
def test_damaged_files_give_arrows_counts_or_an_error():
    program = Path(__file__).with_name("fuzz_encoded.py")
    mutants = "40" if os.environ.get("NUMBA_DISABLE_JIT") == "1" else "400"
    done = subprocess.run(
        [sys.executable, program, mutants, "--guard"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["counts by Arrow, counts by the kernels"] >= int(mutants) // 20
    assert seen["error by Arrow, error by the kernels"] >= int(mutants) // 20
    # What the kernels do not read goes to Arrow, so they seldom err alone.
    assert seen.get("counts by Arrow, error by the kernels", 0) <= int(mutants) // 20
