"""Values keep what they are, whichever way they come: folders, nulls, decimals, long numbers."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit
from biaskit.counts.levels import show
from support.engines import CONSTRUCTORS


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda choice: monkeypatch.setenv("BIASKIT_KERNELS", choice)


def in_folders(frame: pd.DataFrame, by: str, folder: Path) -> Path:
    """Folder of Parquet files, one for each value of a column that only the folders name."""
    for value, part in frame.groupby(by):
        (folder / f"{by}={value}").mkdir(parents=True)
        table = pa.table({name: part[name].to_numpy() for name in part if name != by})
        pq.write_table(table, folder / f"{by}={value}" / "x.parquet")
    return folder


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 400
    frame = pd.DataFrame({"s": rng.choice(["a", "d"], n), "x": rng.normal(size=n)})
    frame["p"] = (frame["x"] + (frame["s"] == "a") + rng.normal(size=n) > 0.5).astype(int)
    frame["k"] = rng.integers(8, 12, n)
    return frame


@pytest.mark.parametrize("by", ["p", "s", "k"])
def test_a_column_of_the_folders_is_what_it_is_in_a_frame_for_ft(
    by: str, people: pd.DataFrame, tmp_path: Path
) -> None:
    call: dict[str, Any] = {
        "facet": "s",
        "facet_values": "d",
        "predicted": "p",
        "features": ["x", "k"],
        "metrics": "FT",
    }
    folder = in_folders(people, by, tmp_path)
    found = biaskit.report(folder, **call)
    ordered = people.sort_values(by, kind="stable")
    pd.testing.assert_frame_equal(found, biaskit.report(ordered, **call))
    assert found["estimate"].abs().item() > 0.05


@pytest.mark.slow
def test_a_column_of_the_folders_is_what_it_is_in_a_frame_for_explain(
    people: pd.DataFrame, tmp_path: Path
) -> None:
    people["member"] = people["x"] > 0
    call: dict[str, Any] = {"background": people[["x", "k"]].head(20), "features": ["x", "k"]}

    def model(rows: Any) -> Any:
        return rows["x"] + 0.1 * np.asarray(rows["k"], dtype=float)

    for by, facet in (("member", "member"), ("k", "k"), ("k", "s")):
        folder = in_folders(people, by, tmp_path / f"{by} {facet}")
        ordered = people.sort_values(by, kind="stable")
        found = biaskit.explain(model, folder, facet=facet, **call)
        expected = biaskit.explain(model, ordered, facet=facet, **call)
        assert found["value"].tolist() == expected["value"].tolist()
        pd.testing.assert_frame_equal(found, expected)


# ------------------------------------------------------------------------------------- cuts


SCORES = [k / 100 for k in range(1_000)]


def cut(data: Any, above: float = 0.7) -> list[int]:
    """Rows at or below a cut, above it, and missing."""
    (table,) = biaskit.count(data, facet="x", facet_above=above).tables.values()
    n = dict(zip(table.levels[0], table.n.ravel().tolist(), strict=True))
    return [n.get(level, 0) for level in (*table.levels[0][:2], None)]


ENGINES = [
    "arrow table",
    "pandas",
    "pandas arrow",
    "polars",
    "polars lazy",
    "duckdb relation",
    "ibis",
    "dask",
    "sqlframe",
    "spark",
    "parquet",
]


@pytest.mark.parametrize("name", ENGINES)
def test_a_cut_is_the_decimal_that_was_written(name: str, tmp_path: Path) -> None:
    decimals = [Decimal(k) / 100 for k in range(1_000)] + [None]
    make = CONSTRUCTORS[name]
    for values in (decimals, [*SCORES, None]):
        data = make({"x": values}, tmp_path)
        for above in (0.7, 0.35, 0.82, 0.705, -0.5, 1e30):
            below = sum(x is not None and x <= Decimal(repr(above)) for x in decimals)
            assert cut(data, above) == [below, 1_000 - below, 1], (above, type(values[0]))


@pytest.mark.parametrize("name", ENGINES)
def test_a_decimal_of_many_digits_is_cut_exactly_or_not_at_all(name: str, tmp_path: Path) -> None:
    values = [Decimal(10) ** 15 + Decimal(k) / 10**9 for k in range(1_000)]
    data = CONSTRUCTORS[name]({"x": [*values, None, Decimal("0.12345")]}, tmp_path)
    if name in ("ibis", "dask"):
        with pytest.raises(biaskit.BiaskitError, match="too many digits"):
            cut(data, 1e15)
        return
    for above, below in ((1e15, 2), (1e15 + 0.125, 1_001), (0.12345, 1), (1e30, 1_001), (-1e30, 0)):
        assert cut(data, above) == [below, 1_001 - below, 1], above


def _by_dictionary(array: pa.Array) -> pa.Array:
    """The same values as a dictionary's; Arrow does not make one of every type."""
    indices = pa.array([None if one is None else i for i, one in enumerate(array.to_pylist())])
    return pa.DictionaryArray.from_arrays(indices.cast(pa.int32()), array)


def test_decimals_of_every_type_are_cut_as_decimals(kernels: Any, tmp_path: Path) -> None:
    types = [pa.decimal128(9, 2), pa.decimal128(38, 20), pa.decimal256(60, 4)]
    types += [getattr(pa, name)(7, 2) for name in ("decimal32", "decimal64") if hasattr(pa, name)]
    for type_ in types:
        array = pa.array([Decimal(k) / 100 for k in range(1_000)] + [None], type_)
        for data in (pa.table({"x": array}), pa.table({"x": _by_dictionary(array)})):
            for above in (0.7, 0.35, 0.82, 0.705, -0.5, 1e30, -1e30):
                below = sum(Decimal(k) / 100 <= Decimal(repr(above)) for k in range(1_000))
                assert cut(data, above) == [below, 1_000 - below, 1], (type_, above)
        if type_.bit_width >= 128:
            pq.write_table(pa.table({"x": array}), tmp_path / "x.parquet")
            for choice in ("never", "always"):
                kernels(choice)
                assert cut(tmp_path / "x.parquet") == [71, 929, 1]


def test_a_short_float_is_cut_where_its_text_is(kernels: Any, tmp_path: Path) -> None:
    for type_ in (pa.float32(), pa.float16()):
        array = pa.array(np.array([0.1, 0.7, 0.8, np.inf], type_.to_pandas_dtype()), type_)
        table = pa.table({"x": array})
        assert cut(table, 0.1) == [1, 3, 0]
        assert cut(table, 1e300) == [3, 1, 0]
        if type_ == pa.float32():
            assert cut(pl.from_arrow(table).lazy(), 0.1) == [1, 3, 0]
            for use_dictionary in (True, False):
                path = tmp_path / f"{use_dictionary}.parquet"
                pq.write_table(table, path, use_dictionary=use_dictionary)
                for choice in ("never", "always"):
                    kernels(choice)
                    assert cut(path, 0.1) == [1, 3, 0]


@pytest.mark.parametrize("name", ["int64", "uint64"])
def test_integers_are_cut_exactly(name: str, kernels: Any, tmp_path: Path) -> None:
    info = np.iinfo(name)
    middle = 2**53
    values = [info.min, info.min + 1, middle - 1, middle, middle + 1, info.max - 1, info.max]
    table = pa.table({"x": pa.array([*values, None], name)})
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    sources: list[Any] = [table, pl.from_arrow(table).lazy(), frame]
    for use_dictionary in (True, False):
        path = tmp_path / f"{use_dictionary}.parquet"
        pq.write_table(table, path, use_dictionary=use_dictionary)
        sources.append(path)
    for choice in ("never", "always"):
        kernels(choice)
        for source in sources:
            for above in (float(middle), middle - 0.5, 2.0**63, 2.0**64, -(2.0**63), -1e300, 0.5):
                below = sum(x <= Decimal(above) for x in values)
                assert cut(source, above) == [below, len(values) - below, 1], (above, source)


# --------------------------------------------------------------------------- what values are


def levels(data: Any, facet: Any = "x") -> list[Any]:
    (table,) = biaskit.count(data, facet=facet).tables.values()
    return list(table.levels[0])


def test_what_lies_under_a_null_is_no_value(tmp_path: Path) -> None:
    plain = pd.Series(range(3_000))
    for dtype in ("Int64", "int64[pyarrow]", "Float64", "double[pyarrow]", "UInt16"):
        masked = plain.astype(dtype).mask(plain >= 3)
        assert levels(pd.DataFrame({"x": masked})) == [0, 1, 2, None]
    hidden = pa.Array.from_buffers(
        pa.int64(), 3_000, [pa.py_buffer(b"\x07" + bytes(374)), pa.py_buffer(np.arange(3_000))]
    )
    assert levels(pa.table({"x": hidden})) == [0, 1, 2, None]
    assert levels(pa.table({"x": pa.array([None] * 3_000, pa.int64())})) == [None]


def test_long_numbers_stay_apart(tmp_path: Path) -> None:
    a, b = 2**53, 2**53 + 1
    whole = pa.array([Decimal(a), Decimal(b)], pa.decimal128(38, 0))
    assert levels(pa.table({"x": whole})) == [a, b]
    fraction = [Decimal("0.1234567890123456789"), Decimal("0.1234567890123456788"), Decimal("0.5")]
    table = pa.table({"x": pa.array(fraction, pa.decimal128(38, 20))})
    found = biaskit.count(table, facet="x")
    found.save(tmp_path / "x.counts")
    assert biaskit.Counts.load(tmp_path / "x.counts") == found
    assert next(iter(found.tables.values())).levels[0] == (fraction[1], fraction[0], 0.5)
    assert "0.1234567890123456788" in set(found.to_frame()["value"].astype(str))
    (tmp_path / "x.csv").write_text(f"x\n{a}\n{b}\n{'1' * 60}\n{'1' * 59}2\n")
    assert levels(tmp_path / "x.csv") == [a, b, int("1" * 60), int("1" * 59 + "2")]


def test_a_number_has_one_name_in_whichever_order_it_comes() -> None:
    one = biaskit.count(pa.table({"x": [2**53]}), facet="x")
    other = biaskit.count(pa.table({"x": [2.0**53]}), facet="x")
    for both in (one + other, other + one):
        assert [show(value) for value in levels(pa.table({"x": [1]}))] == ["1"]
        (table,) = both.tables.values()
        assert [show(value) for value in table.levels[0]] == ["9007199254740992"]


def test_numbers_that_no_float_comes_near_are_texts(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x\n1e400\n1e500\n7\n")
    assert levels(tmp_path / "x.csv") == ["1e400", "1e500", "7"]
    (tmp_path / "x.csv").write_text("x\ninf\n-Infinity\n7\nnan\n")
    assert levels(tmp_path / "x.csv") == ["-Infinity", "7", "inf", "nan"]
    (tmp_path / "x.csv").write_text("x\ninf\n7\n")
    assert levels(tmp_path / "x.csv") == [7, float("inf")]


def test_half_of_a_letter_is_read_as_it_is_written_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": pd.Series(["\ud800", "b", None], dtype=object), "y": [0, 1, 1]})
    (tmp_path / "x.jsonl").write_text('{"x": "\\ud800", "y": 0}\n{"x": "b", "y": 1}\n{"y": 1}\n')
    for data in (frame, tmp_path / "x.jsonl"):
        assert levels(data) == ["\\ud800", "b", None]
        assert biaskit.report(data, facet="x", label="y", metrics="CI")["value"].tolist() == [
            "\\ud800",
            "b",
        ]


def test_a_column_named_by_half_of_a_letter(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": ["a", "b"], "y": [0, 1]})
    named = pd.DataFrame([["a", 0], ["b", 1]], columns=pd.Index(["\ud800", "y"], dtype=object))
    with pytest.raises(biaskit.BiaskitError, match="holds an unpaired surrogate; rename it"):
        biaskit.count(named, facet="\ud800", label="y")
    biaskit.count(frame, facet="x", label="y").save(tmp_path / "x.counts")
    table = pq.read_table(tmp_path / "x.counts")
    told = table.schema.metadata[b"biaskit"].replace(b'"x"', b'"\\ud800"')
    pq.write_table(table.replace_schema_metadata({b"biaskit": told}), tmp_path / "x.counts")
    with pytest.raises(biaskit.BiaskitError, match="unpaired surrogate"):
        biaskit.Counts.load(tmp_path / "x.counts")


def test_columns_that_are_numbered() -> None:
    frame = pd.DataFrame({0: ["a", "d"] * 4, 1: [0, 1, 1, 1] * 2, 2: range(8)})
    named = frame.rename(columns=str)
    for facet, label in ((0, 1), ("0", "1"), (np.int64(0), np.int32(1))):
        for more in ({"label": label}, {"predicted": label, "features": [2]}):
            found = biaskit.report(frame, facet=facet, facet_values={facet: "d"}, **more)
            expected = biaskit.report(named, facet="0", facet_values="d", **more)
            pd.testing.assert_frame_equal(found, expected)
    cut_ = biaskit.count(frame, facet=[2, (0, 1)], facet_edges={2: [3]}, weight=None)
    assert cut_ == biaskit.count(named, facet=["2", ("0", "1")], facet_edges={"2": [3]})
    with pytest.raises(biaskit.BiaskitError, match="no column '7'"):
        biaskit.count(frame, facet=7)
    with pytest.raises(biaskit.BiaskitError, match="2 columns are named '0'"):
        biaskit.count(pd.concat([frame, named], axis=1), facet=0)
