"""Every engine and reader counts the same rows the same, and says what it cannot read."""

from __future__ import annotations

import decimal
import functools
import gzip
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biaskit
from biaskit import BiaskitError
from biaskit.counts.bounds import MAX_LEVELS
from biaskit.counts.levels import show
from support.engines import CONSTRUCTORS, Columns
from support.strategies import columns

ROWS: Columns = {
    "sex": ["F", None, "M", "F", "X", "M", "M", "F", None, "M", "F"],
    "race": ["b", "w", None, "w", "b", "b", "é | <b>", "w", "b", "b", "w"],
    "y": [0, 1, 1, None, 1, 0, 1, 0, 1, None, 1],
    "hired": [True, None, False, True, True, False, True, False, True, True, None],
    "outcome": ["no", "yes", "wait", None, "yes", "no", "yes", "no", "no", "yes", "wait"],
    "group": ["g1", "g2", "g1", "g2", None, "g2", "g1", "g1", "g2", "g1", "g2"],
    "age": [18, 25, None, 26, 40, 41, 65, 66, 25, 40, 90],
    "score": [0.5, -1.25, None, 0.0, 3.5, 0.5, float("inf"), -0.0, 0.75, 2.0, 0.25],
    "weight": [1, 2, 0, 3, 1, 1, 4, 2, 2, 1, 5],
    "id": list(range(11)),
}
CALLS: list[dict[str, Any]] = [
    {"facet": "sex", "label": "y", "group": "group"},
    {"facet": ["sex", "race"], "label": "hired"},
    {"facet": ("sex", "race"), "label": "outcome", "positive": ["yes", "wait"], "group": "group"},
    {"facet": "age", "facet_edges": [25, 40, 65], "label": "y", "weight": "weight"},
    {"facet": "age", "facet_above": 40, "label": "hired", "predicted": "y", "group": "sex"},
    {"facet": "sex", "label": "score", "positive_above": 0.5, "facet_values": ["F", "X"]},
    {"facet": ["age", "sex"], "facet_edges": {"age": [40]}, "label": "outcome", "positive": "no"},
    {"facet": "score", "label": "y"},
]


@functools.cache
def of_arrow(call: int) -> pd.DataFrame:
    """What every engine must report, made once."""
    return biaskit.report(pa.table(ROWS), **CALLS[call])


@pytest.mark.parametrize(
    "call",
    [*range(4), *(pytest.param(call, marks=pytest.mark.slow) for call in range(4, len(CALLS)))],
)
def test_every_engine_gives_the_same_bits(constructor: Any, call: int) -> None:
    found = biaskit.report(constructor(ROWS), **CALLS[call])
    pd.testing.assert_frame_equal(found, of_arrow(call), check_exact=True)


@pytest.mark.parametrize("name", ["pandas", "polars", "arrow dictionaries", "parquet", "csv"])
@settings(max_examples=25)
@given(table=columns())
def test_counts_are_those_of_a_plain_loop(name: str, table: Columns, tmp_path: Path) -> None:
    counts = biaskit.count(
        CONSTRUCTORS[name](table, tmp_path), facet="sex", label="outcome", group="group"
    )
    found = Counter()
    (one,) = counts.tables.values()
    for place in np.argwhere(one.n):
        sex, outcome, _, group = (axis[i] for axis, i in zip(one.levels, place, strict=True))
        found[sex, outcome, group] += int(one.n[tuple(place)])
    assert found == Counter(zip(table["sex"], table["outcome"], table["group"], strict=True))


@given(
    values=st.lists(st.floats(allow_nan=True), min_size=1, max_size=30),
    edges=st.lists(st.integers(-50, 50), min_size=1, max_size=4, unique=True).map(sorted),
)
def test_bins_hold_what_is_above_low_and_not_above_high(
    values: list[float], edges: list[int]
) -> None:
    counts = biaskit.count(pa.table({"x": values}), facet="x", facet_edges=edges)
    (table,) = counts.tables.values()
    for interval, n in zip(table.levels[0], table.n.ravel(), strict=True):
        if interval is None:
            assert n == sum(x != x for x in values)
        else:
            assert n == sum(interval.low < x <= interval.high for x in values if x == x) + (
                sum(x == -np.inf for x in values) if interval.low == -np.inf else 0
            )


def test_a_lower_bound_is_outside_its_bin() -> None:
    counts = biaskit.count(
        pd.DataFrame({"age": [25, 25.1, 40, 41]}), facet="age", facet_edges=[25, 40]
    )
    (table,) = counts.tables.values()
    assert [show(level) for level in table.levels[0]] == ["<=25", "(25, 40]", ">40"]
    assert table.n.ravel().tolist() == [1, 2, 1]


@pytest.mark.parametrize("name", [n for n in CONSTRUCTORS if "csv" not in n and "tsv" not in n])
def test_an_empty_text_is_a_value_where_a_reader_can_tell(name: str, tmp_path: Path) -> None:
    made = CONSTRUCTORS[name]({"sex": ["", "F", None, "", "F"], "y": [0, 1, 1, 1, 0]}, tmp_path)
    rows = biaskit.report(made, facet="sex", label="y", metrics="CI")
    assert rows["value"].tolist() == ["", "F"]
    assert rows["n_missing"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "text", ["sex,y\n,0\nF,1\n", 'sex,y\n"",0\nF,1\n', "\ufeffsex,y\r\n,0\r\nF,1\r\n"]
)
def test_an_empty_cell_of_a_csv_is_missing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8", newline="")
    (table,) = biaskit.count(path, facet="sex", label="y").tables.values()
    assert table.levels[0] == ("F", None)


def test_texts_that_say_na_are_values_and_codes_keep_their_zeros(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("country,code,y\nNA,007,0\nDE,8,1\nnull,07,1\n")
    country, code = biaskit.count(path, facet=["country", "code"], label="y").tables.values()
    assert country.levels[0] == ("DE", "NA", "null")
    assert code.levels[0] == ("007", "07", "8")
    assert code.levels[1] == (0, 1)


def test_quoted_newlines_and_delimiters_in_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('"a, b",y\n"line\none",1\n"x ""y""",0\n')
    (table,) = biaskit.count(path, facet="a, b", label="y").tables.values()
    assert table.levels[0] == ("line\none", 'x "y"')


def test_types_are_the_same_whichever_reader_found_them(tmp_path: Path) -> None:
    types = {
        "int8": pa.int8(),
        "uint64": pa.uint64(),
        "float32": pa.float32(),
        "float16": pa.float16(),
        "decimal": pa.decimal128(9, 2),
        "dictionary of ints": pa.dictionary(pa.int8(), pa.int64()),
    }
    for type_ in types.values():
        values = [decimal.Decimal(x) for x in (1, 2, 2)] if "decimal" in str(type_) else [1, 2, 2]
        if "half" in str(type_):
            values = [np.float16(x) for x in (1, 2, 2)]
        if pa.types.is_dictionary(type_):
            array = pa.DictionaryArray.from_arrays(pa.array([1, 0, 0], pa.int8()), pa.array([2, 1]))
        else:
            array = pa.array(values, type_)
        table = pa.table({"x": array, "y": [0, 1, 0]})
        (one,) = biaskit.count(table, facet="x", label="y").tables.values()
        assert one.levels[0] == (1, 2)
        cut = biaskit.count(table, facet="x", facet_above=1.5, label="y")
        assert [int(n) for n in next(iter(cut.tables.values())).n.sum((1, 2, 3))] == [1, 2]


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "int64", "uint64"])
def test_many_integers_close_together(name: str) -> None:
    """Enough of them not to be sorted, at either end of what the type holds."""
    info = np.iinfo(name)
    for least in (info.min, info.max - 200, 0 if info.min == 0 else -100):
        values = np.arange(least, least + 201, 50, dtype=name).repeat(4_000)
        counts = biaskit.count(pa.table({"x": values}), facet="x")
        (table,) = counts.tables.values()
        assert table.levels[0] == tuple(range(least, least + 201, 50))
        assert table.n.ravel().tolist() == [4_000] * 5
    spread = np.array([info.min, info.max, 0], dtype=name).repeat(5_000)
    (table,) = biaskit.count(pa.table({"x": spread}), facet="x").tables.values()
    assert table.levels[0] == tuple(sorted({int(info.min), 0, int(info.max)}))
    with_nulls = pa.array([None, 1, 0] * 5_000, pa.int16() if name == "int8" else pa.int64())
    (table,) = biaskit.count(pa.table({"x": with_nulls}), facet="x").tables.values()
    assert table.levels[0] == (0, 1, None)


def test_texts_of_every_arrow_type(tmp_path: Path) -> None:
    for type_ in (
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary(1),
    ):
        array = pa.array(["F", "M", "F"], pa.string())
        array = (
            array.cast(type_)
            if "view" in str(type_) or "large_s" in str(type_)
            else pa.array([b"F", b"M", b"F"], type_)
        )
        table = pa.table({"x": array, "y": [0, 1, 0]})
        (one,) = biaskit.count(table, facet="x", label="y").tables.values()
        assert one.levels[0] == ("F", "M")
        if type_ != pa.string_view():
            pq.write_table(table, tmp_path / "x.parquet")
            (again,) = biaskit.count(tmp_path / "x.parquet", facet="x", label="y").tables.values()
            assert again == one


def test_dates_are_known_by_their_text() -> None:
    df = pl.DataFrame({"day": [date(2026, 1, 2), date(2026, 1, 1), None], "y": [0, 1, 1]})
    (table,) = biaskit.count(df, facet="day", label="y").tables.values()
    assert table.levels[0] == ("2026-01-01", "2026-01-02", None)


def test_bins_of_pandas_cut_are_known_by_their_text() -> None:
    df = pd.DataFrame({"age": pd.cut([20, 30, 50], [0, 25, 65]), "y": [0, 1, 1]})
    (table,) = biaskit.count(df, facet="age", label="y").tables.values()
    assert table.levels[0] == ("(0, 25]", "(25, 65]")


def test_unused_categories_are_not_invented() -> None:
    sex = pd.Categorical(["F", "M", "F"], categories=["F", "M", "X"])
    (table,) = biaskit.count(
        pd.DataFrame({"sex": sex, "y": [0, 1, 1]}), facet="sex", label="y"
    ).tables.values()
    assert table.levels[0] == ("F", "M")
    wide = pd.Categorical(["v7", "v900"], categories=[f"v{i}" for i in range(5_000)])
    (table,) = biaskit.count(
        pd.DataFrame({"sex": wide, "y": [0, 1]}), facet="sex", label="y"
    ).tables.values()
    assert table.levels[0] == ("v7", "v900")


def test_the_frame_is_not_changed() -> None:
    df = pd.DataFrame({"sex": pd.Categorical(["F", "M"]), "y": [0, 1], "positive": [["x"], ["y"]]})
    before, positive = df.copy(deep=True), [1]
    biaskit.report(df, facet="sex", label="y", positive=positive)
    pd.testing.assert_frame_equal(df, before)
    assert positive == [1]


def test_only_the_needed_columns_are_read(tmp_path: Path) -> None:
    """A column that no role names may hold anything, even what cannot be read."""
    path = tmp_path / "rows.csv"
    path.write_text("sex,y,broken\nF,0,1\nM,1,\xff\n", encoding="latin-1")
    assert biaskit.count(path, facet="sex", label="y").rows == 2


def test_weights_add_and_their_squares() -> None:
    df = pd.DataFrame({"sex": ["F", "F", "M"], "y": [1, 1, 0], "w": [0.5, 0.25, 2.0]})
    (table,) = biaskit.count(df, facet="sex", label="y", weight="w").tables.values()
    assert table.w is not None
    assert table.w2 is not None
    assert table.w.sum((1, 2, 3)).tolist() == [0.75, 2.0]
    assert table.w2.sum((1, 2, 3)).tolist() == [0.3125, 4.0]
    once = biaskit.report(df.loc[[0, 1, 2, 2, 2, 2, 1, 0, 0]].assign(w=1), facet="sex", label="y")
    weighted = biaskit.report(
        pd.DataFrame({"sex": ["F", "F", "M"], "y": [1, 1, 0], "w": [3, 2, 4]}),
        facet="sex",
        label="y",
        weight="w",
    )
    assert weighted["estimate"].tolist() == once["estimate"].tolist()
    assert weighted["note"].str.contains("weighted: the interval is approximate").all()
    assert set(weighted["n_a"]) == {1, 2}


# ---------------------------------------------------------------------------------- bad input


def refuses(data: Any, match: str, **roles: Any) -> None:
    given = {"facet": "sex", "label": "y", **roles}
    with pytest.raises(BiaskitError, match=match):
        biaskit.report(data, **given)


GOOD = {"sex": ["F", "M", "F"], "y": [0, 1, 1], "w": [1.0, 2.0, 3.0], "name": ["a", "b", "c"]}


@pytest.fixture
def good() -> pd.DataFrame:
    return pd.DataFrame(GOOD)


def test_missing_and_unknown_files(tmp_path: Path) -> None:
    (tmp_path / "loans.csv").write_text("sex,y\nF,1\n")
    refuses(tmp_path / "loan.csv", "there is no file .*did you mean 'loans.csv'")
    refuses(tmp_path / "no" / "loan.csv", "there is no folder")
    refuses(str(tmp_path / "*.parquet"), "no file matches")
    refuses(tmp_path / "data", "there is no file")
    (tmp_path / "data").mkdir()
    refuses(tmp_path / "data", "has no file ending in '.parquet'")
    (tmp_path / "rows.xlsx").write_text("x")
    refuses(tmp_path / "rows.xlsx", "it is not a workbook, or damaged")
    (tmp_path / "rows.xls").write_text("x")
    refuses(tmp_path / "rows.xls", "no known format")
    refuses("nowhere://bucket/x.parquet", "cannot be looked up")
    refuses([], "no files were given")


def test_files_that_are_not_what_their_name_says(tmp_path: Path, good: pd.DataFrame) -> None:
    good.to_parquet(tmp_path / "real.parquet")
    for name in ("rows.csv", "rows.jsonl"):
        (tmp_path / name).write_bytes((tmp_path / "real.parquet").read_bytes())
        refuses(tmp_path / name, "is a Parquet file by its first bytes")
        (tmp_path / name).write_bytes(gzip.compress(b"sex,y\nF,1\n"))
        refuses(tmp_path / name, "is a gzip file by its first bytes")
    (tmp_path / "text.parquet").write_text("sex,y\nF,1\n")
    refuses(tmp_path / "text.parquet", "text.parquet' cannot be read as parquet")
    (tmp_path / "text.csv.gz").write_text("sex,y\nF,1\n")
    refuses(tmp_path / "text.csv.gz", "cannot be read as csv")


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.jsonl", "x.csv.gz"])
def test_an_empty_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    refuses(tmp_path / name, "is empty")


def test_a_header_without_rows(tmp_path: Path, good: pd.DataFrame) -> None:
    (tmp_path / "x.csv").write_text("sex,y\n")
    good.iloc[:0].to_parquet(tmp_path / "x.parquet")
    for data in (
        tmp_path / "x.csv",
        tmp_path / "x.parquet",
        good.iloc[:0],
        pl.DataFrame(GOOD).head(0),
    ):
        refuses(data, "there are no rows")
        assert biaskit.count(data, facet="sex", label="y").rows == 0


def test_a_truncated_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    rng = np.random.default_rng(0)
    sex = rng.choice(["F", "M"], 20_000)
    pq.write_table(
        pa.table({"sex": sex, "y": rng.integers(0, 2, 20_000)}), path, row_group_size=999
    )
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        refuses(path, "x.parquet' is not a whole Parquet file")
    path.write_bytes(whole[:2000] + b"\xff" * 1000 + whole[3000:])
    refuses(path, "x.parquet")


def test_ragged_rows_and_bad_encodings(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("sex,y\nF,1\nM,1,2\n")
    refuses(path, "x.csv.*Expected 2 columns, got 3")
    path.write_bytes(b"sex,y\nF,1\n\xff\xfe,0\n")
    refuses(path, "x.csv")
    path = tmp_path / "x.jsonl"
    path.write_text('{"sex": "F", "y": 1}\n{"sex": \n')
    refuses(path, "line 2: not JSON")
    path.write_text('{"sex": "F", "y": 1}\n[1, 2]\n')
    refuses(path, "line 2: an array where an object should be")
    path.write_text('{"sex": "F", "y": 1}\n{"sex": 1, "y": 1}\n')
    refuses(path, "column 'sex' holds values of different types")
    path.write_text('{"sex": ["F"], "y": 1}\n')
    refuses(path, "column 'sex' has type list")


def test_json_keys_may_come_late(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"y": 1}\n\n{"sex": "F", "y": 1}\n{"sex": "M", "y": 0, "z": null}\n')
    counts = biaskit.count(path, facet="sex", label="y")
    assert counts.rows == 3
    refuses(path, "no column 'sx'", facet="sx")


def test_unknown_and_doubled_columns(good: pd.DataFrame, tmp_path: Path) -> None:
    for data in (good, pl.DataFrame(GOOD), pl.LazyFrame(GOOD), pa.table(GOOD)):
        refuses(data, "no column 'sx'; did you mean 'sex'", facet="sx")
    refuses(pd.concat([good, good[["sex"]]], axis=1), "2 columns are named 'sex'")
    (tmp_path / "x.csv").write_text("sex,sex,y\nF,F,1\n")
    refuses(tmp_path / "x.csv", "2 columns are named 'sex'")


def test_a_column_whose_name_reads_as_an_intersection_is_a_tuple_of_one() -> None:
    frame = pd.DataFrame({"R & D": [1, 0, 1, 0], "y": [1, 0, 1, 1]})
    refuses(frame, r"no column 'R'; .* give it as \('R & D',\)", facet="R & D")
    assert biaskit.count(frame, facet=("R & D",), label="y").rows == 4


def test_files_of_different_schemas(tmp_path: Path, good: pd.DataFrame) -> None:
    good.to_parquet(tmp_path / "a.parquet")
    good.drop(columns="y").to_parquet(tmp_path / "b.parquet")
    refuses(str(tmp_path / "*.parquet"), "b.parquet: no column 'y'")
    good.astype({"y": str}).to_parquet(tmp_path / "b.parquet")
    refuses(
        str(tmp_path / "*.parquet"),
        "label 'y' holds values of kind text in .*b.parquet but number in .*a.parquet",
    )
    good.astype({"y": float}).to_parquet(tmp_path / "b.parquet")
    assert biaskit.count(str(tmp_path / "*.parquet"), facet="sex", label="y").rows == 6
    good.to_csv(tmp_path / "c.csv")
    refuses([tmp_path / "a.parquet", tmp_path / "c.csv"], "count each format by itself")


def test_an_identifier_taken_for_a_facet(tmp_path: Path) -> None:
    many = MAX_LEVELS["facet"] + 1
    df = pd.DataFrame({"sex": [f"person {i}" for i in range(many)], "y": 1, "n": range(many)})
    for data in (df, pl.DataFrame(df.to_dict("list")), df.astype({"sex": "category"})):
        refuses(data, "facet 'sex' has 1,001 different values or more")
    refuses(df, "facet_edges", facet="n")
    refuses(df.iloc[:80], "nearly every row has its own.*facet_edges", facet="n")
    df.to_csv(tmp_path / "x.csv")
    refuses(tmp_path / "x.csv", "different values or more")
    at_most = biaskit.count(df.iloc[: many - 1], facet="sex", label="y")
    assert at_most.rows == many - 1


def test_too_many_cells() -> None:
    n = 4_000
    df = pd.DataFrame(
        {"sex": [i % 999 for i in range(n)], "y": [i % 998 for i in range(n)], "g": range(n)}
    )
    refuses(df, "cells", group="g")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -2.0, 1.0], "negative in 1 rows .* row 2"),
        ([1.0, None, 1.0], "missing or not a number in 1 rows"),
        ([1.0, float("inf"), 1.0], "infinite"),
        ([None, None, None], "missing in every row|missing or not a number in 3"),
        (["1", "2", "3"], "must be numbers"),
        ([True, False, True], "must be numbers"),
    ],
)
def test_bad_weights(weights: list[Any], message: str) -> None:
    refuses(pa.table({**GOOD, "w": weights}), message, weight="w")


def test_a_bad_weight_in_a_csv(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("sex,y,w\nF,1,2\nM,0,two\n")
    refuses(tmp_path / "x.csv", "x.csv.*two", weight="w")


def test_cuts_need_numbers(good: pd.DataFrame, tmp_path: Path) -> None:
    refuses(good, "facet 'name' must be numbers", facet="name", facet_above=3)
    refuses(
        good.astype({"name": "category"}),
        "facet 'name' must be numbers",
        facet="name",
        facet_above=3,
    )
    refuses(
        pa.table({**GOOD, "b": [True, False, True]}), "must be numbers", facet="b", facet_edges=[1]
    )
    good.to_csv(tmp_path / "x.csv")
    refuses(tmp_path / "x.csv", "x.csv", facet="name", facet_above=3)


def test_columns_that_are_not_plain_values() -> None:
    refuses(pa.table({"sex": [["F"], ["M"]], "y": [0, 1]}), "has type list")
    refuses(pd.DataFrame({"sex": ["F", 1], "y": [0, 1]}), "cannot be read as one type.*int, str")
    refuses(pd.DataFrame({"sex": [{1}, {2}], "y": [0, 1]}), "'sex'")


def test_data_that_are_not_a_table() -> None:
    refuses(3, "builtins.int is not a table")
    refuses({"sex": ["F"]}, "builtins.dict is not a table")
    refuses(pl.Series([1, 2]), "Series could not be read as a table")
    refuses(pd.DataFrame({0: [1]}), "no column 'sex'; there are '0'")
    refuses(pd.DataFrame({("sex", "x"): [1]}), "no column 'sex'")
    with pytest.raises(BiaskitError, match="facet is needed"):
        biaskit.count(pd.DataFrame(GOOD))


def test_json_lines_with_a_number_too_large(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"sex": 10**30, "y": 1}) + "\n")
    refuses(path, "x.jsonl")
