"""Tables of scores counted by kernels and engines: what a plain loop over the rows makes."""

from __future__ import annotations

import math
import os
import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow.fs import LocalFileSystem

import biaskit
import fuzz_encoded
from biaskit import BiaskitError
from biaskit._kernels import BAD, SLACK
from biaskit._kernels.joint import ROWS
from biaskit._kernels.scores import FLUSHED, FORM, add_parts, add_scores, score_bins, taken
from biaskit.counts.edges import edges_of
from biaskit.counts.levels import ABSENT
from biaskit.counts.roles import Roles
from biaskit.sources.coded import scored
from biaskit.sources.coded.scored import ScoreRoom, _range_of
from biaskit.sources.dispatch import paths_of
from biaskit.sources.frames import counted, of_pandas, source
from support.scored import (
    RANGES,
    assert_naive,
    assert_scores_equal,
    naive_bin,
    naive_edges,
    numbers,
)

IS_SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
some = settings(
    max_examples=15 if IS_SLOW else 60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
ranges = pytest.mark.parametrize("within", RANGES, ids=str)
ROLES: dict[str, Any] = {"facet": "sex", "label": "y", "score": "s"}
CALLS: list[dict[str, Any]] = [
    ROLES,
    {"facet": ["sex", "race"], "label": "y", "score": "s", "group": "g"},
    {"facet": ("sex", "race"), "score": "s"},
    {"facet": ["race", ("race", "sex"), "sex"], "label": "y", "score": "s"},
    {**ROLES, "predicted": "s", "predicted_above": 0.3},
    {"facet": "sex", "predicted": "y", "score": "s", "group": "g"},
]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few rows, so that a small table has several."""
    monkeypatch.setattr(counted, "FEW", 0)
    for module in (source, of_pandas):
        monkeypatch.setattr(module, "ROWS", 17)


def result(data: Any, choice: str, roles: dict[str, Any]) -> Any:
    """Counts, or the words of the error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIASKIT_KERNELS", choice)
        try:
            return biaskit.count(data, **roles)
        except BiaskitError as error:
            return str(error)


def both(data: Any, **roles: Any) -> Any:
    """What is counted, or said, with the kernels and without them."""
    ours, theirs = result(data, "always", roles), result(data, "never", roles)
    if isinstance(ours, str) or isinstance(theirs, str):
        assert ours == theirs
    else:
        assert_scores_equal(ours, theirs)
    return ours


@st.composite
def columns(draw: Any, scores: st.SearchStrategy[Any]) -> dict[str, list[Any]]:
    """Columns of a table with scores, of which some are missing."""
    row = st.tuples(
        st.sampled_from(["F", "M", None]),
        st.sampled_from(["b", "w"]),
        st.sampled_from([0, 1, None]),
        st.sampled_from(["k", "l", None]),
        scores | st.none() | st.just(math.nan),
    )
    rows = [("F", "b", 0, "k", 0.25), *draw(st.lists(row, max_size=60))]
    return dict(
        zip(("sex", "race", "y", "g", "s"), map(list, zip(*rows, strict=True)), strict=True)
    )


def rows_of(made: dict[str, list[Any]]) -> list[tuple[Any, ...]]:
    """Facet, label, absent group and score of each row."""
    return [
        (sex, y, ABSENT, s) for sex, y, s in zip(made["sex"], made["y"], made["s"], strict=True)
    ]


@ranges
def test_bins_of_scores_at_and_beside_every_edge(within: tuple[float, float]) -> None:
    edges = edges_of(*within)
    plain = naive_edges(*map(float, within), RANGES[within])
    assert edges.values.tolist() == plain
    values = edges.values
    probes = [values, np.nextafter(values, -np.inf), np.nextafter(values, np.inf)]
    probes += [values.astype("f4").astype("f8"), (values[1:] + values[:-1]) / 2, values * 3 - 1]
    scores = np.concatenate([*probes, [np.nan, 1e308, -1e308, 0.0, -0.0, 5e-324]])
    room = ScoreRoom(edges)
    found = room.binned(scores)
    assert found is not None
    assert found.bins.tolist() == [naive_bin(plain, x) for x in scores.tolist()]
    assert _range_of(edges) is not None
    assert room.binned(np.array([0.5, np.inf])) is None


@some
@given(data=st.data(), within=st.sampled_from([*RANGES]))
def test_bins_of_any_scores(data: Any, within: tuple[float, float]) -> None:
    edges, plain = edges_of(*within), naive_edges(*map(float, within), RANGES[within])
    drawn = data.draw(st.lists(numbers(*map(float, within), RANGES[within]), max_size=50))
    found = ScoreRoom(edges).binned(np.array(drawn, dtype=float))
    assert found is not None
    assert found.bins.tolist() == [naive_bin(plain, x) for x in drawn]
    assert edges.of(np.array(drawn, dtype=float)).tolist() == found.bins.tolist()


def test_a_range_finer_than_floats_is_binned_by_searching() -> None:
    edges = edges_of(1e15, 1e15 + 8)
    assert _range_of(edges) is None
    scores = 1e15 + np.arange(-4, 80) / 8
    found = ScoreRoom(edges).binned(scores)
    assert found is not None
    assert np.array_equal(found.bins, edges.of(scores))
    assert ScoreRoom(edges).binned(np.array([np.inf])) is None


def test_kernels_refuse_arrays_that_do_not_fit() -> None:
    within = _range_of(edges_of(0, 1))
    assert within is not None
    values, bins = np.zeros(4), np.zeros(4, np.uint16)
    for rows in (-1, 5):
        assert score_bins(values, within, rows, bins) == BAD
    assert score_bins(values, within._replace(edges=1), 4, bins) == BAD
    assert score_bins(values, within._replace(edges=1 << 16), 4, bins) == BAD
    assert score_bins(values, within, 4, bins[:3]) == BAD
    codes = np.zeros(4 + SLACK, np.uint8)
    pairs, index = codes.view(np.uint16), np.zeros(ROWS, np.uint32)
    starts, sizes = np.zeros(1, np.int64), np.full(1, 2, np.uint64)
    places, tables = np.array([0, -1]), [np.zeros((7, FORM)) for _ in range(2)]
    fine = [codes, pairs, starts, sizes, places, bins, values, index, *tables]
    assert add_scores(*fine) == 4
    wrong: list[tuple[int, Any]] = [
        (0, codes[:5]),
        (0, codes + 1),  # a place of no rows
        (0, codes + 2),  # no place
        (2, starts + 1),
        (3, sizes[:0]),
        (3, sizes + np.uint64(500)),
        (4, places[:0]),
        (4, places + 7),
        (5, bins[:3]),
        (5, bins + np.uint16(7)),
        (7, index[:5]),
        (8, np.zeros((7, 3))),
        (9, np.zeros((6, FORM))),
    ]
    for i, other in wrong:
        if i == 3 and len(other):
            starts_of_pairs = [*fine]
            starts_of_pairs[2], starts_of_pairs[3] = np.array([1]), other
            assert add_scores(*starts_of_pairs) == BAD
            starts_of_pairs[2] = np.array([2 * len(pairs)])
            assert add_scores(*starts_of_pairs) == BAD
            continue
        assert add_scores(*[other if j == i else one for j, one in enumerate(fine)]) == BAD
    parts = [np.zeros(2, t) for t in (np.int32, np.uint16, np.int64, np.float64, np.float64)]
    tables = [np.zeros((8, FORM)) for _ in range(2)]
    tables[0][[0, 3, 7], 0] = 1
    assert taken(*tables, 4, *parts) == BAD
    assert taken(*tables, 3, *parts) == BAD
    assert taken(*tables, 0, *parts) == BAD
    assert taken(tables[0], tables[1][:4], 4, *parts) == BAD
    parts = [np.zeros(2, t) for t in (np.int32, np.uint16, np.int64, np.float64, np.float64)]
    whole = np.array([0]), np.zeros(5, np.int64), np.zeros((4, 5))
    assert add_parts(*parts, *whole) == 2
    assert add_parts(*parts[:4], parts[4][:1], *whole) == BAD
    assert add_parts(parts[0] + 1, *parts[1:], *whole) == BAD
    assert add_parts(parts[0] - 1, *parts[1:], *whole) == BAD
    assert add_parts(parts[0], parts[1] + np.uint16(5), *parts[2:], *whole) == BAD
    assert add_parts(*parts, np.array([-1]), *whole[1:]) == BAD
    assert add_parts(*parts, *whole[:2], np.zeros((4, 4))) == BAD


@pytest.mark.parametrize("score", [0.1, 0.7, 1 / 3, 1e-9, 123.4, 1e150])
def test_sums_of_many_equal_scores_lose_nothing(score: float) -> None:
    rows = 3 * FLUSHED + 17 if IS_SLOW else 200_000
    df = pd.DataFrame({"sex": "F", "y": 1, "s": np.full(rows, score)})
    counts = both(df, **ROLES)
    (table,) = counts.scores.values()
    assert table.n.sum() == rows
    for made, exact in ((table.s, Fraction(score)), (table.s2, Fraction(score) ** 2)):
        assert abs(Fraction(float(made.sum())) - rows * exact) <= rows * exact / 10**12


@some
@given(data=st.data(), within=st.sampled_from([*RANGES]), call=st.sampled_from(CALLS))
def test_frames_give_what_a_plain_loop_makes(
    data: Any, within: tuple[float, float], call: dict[str, Any], small_blocks: None
) -> None:
    low, high = map(float, within)
    made = data.draw(columns(numbers(low, high, RANGES[within])))
    df = pd.DataFrame(made).astype({"s": float})
    counts = both(df, **call, score_range=within)
    if call is ROLES:
        (table,) = counts.scores.values()
        assert_naive(table, rows_of(made), naive_edges(low, high, RANGES[within]))
    for frame in (pl.DataFrame(made, strict=False), pa.table(made)):
        assert_scores_equal(both(frame, **call, score_range=within), counts)


TYPES: dict[Any, list[Any]] = {
    pa.float64(): [0.1, 0.3, 0.1 + 0.2, None, math.nan, 1.0, 2.0, 1e300],
    pa.float32(): [np.float32(0.1), np.float32(0.8), None, np.float32(0.3)],
    pa.float16(): [np.float16(0.1), np.float16(0.5), None],
    pa.int8(): [0, 1, None, -1, 100],
    pa.int64(): [0, 1, 2**53 + 1, -(2**62), None],
    pa.uint64(): [0, 1, 2**64 - 1],
    pa.decimal128(5, 3): [Decimal("0.300"), Decimal("0.7"), None, Decimal("0.301")],
    pa.decimal256(40, 20): [Decimal("0.3"), Decimal("0.00000000000000000001")],
    pa.dictionary(pa.int8(), pa.float64()): [0.3, 0.25, None],
    pa.null(): [None, None],
    pa.string(): ["0.3", "high"],
    pa.bool_(): [True, False],
}


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_scores_of_every_type(type_: Any, small_blocks: None) -> None:
    values = TYPES[type_] * 20
    n = len(values)
    table = pa.table(
        {"sex": ["F", "M"] * (n // 2) + ["F"] * (n % 2), "y": [0, 1, 1] * (n // 3) + [1] * (n % 3)}
    ).append_column("s", pa.array(values, type_))
    counts = both(table, **ROLES)
    assert isinstance(counts, str) == (type_ in (pa.null(), pa.string(), pa.bool_()))
    both(pa.concat_tables([table.slice(3, 11), table.slice(30)]), **ROLES)


@pytest.mark.parametrize("dtype", ["object", "Float64", "float32", "double[pyarrow]", "category"])
def test_scores_of_every_pandas_dtype(dtype: str, small_blocks: None) -> None:
    scores = [0.1, 0.5, None, 0.3, 0.25] * 11
    made = {"sex": ["F", "M", None, "F", "M"] * 11, "y": [0, 1, 1, 0, None] * 11, "s": scores}
    df = pd.DataFrame(made).astype({"s": float}).astype({"s": dtype})
    if dtype == "object":
        df["s"] = pd.Series(scores, dtype=object)
    both(df, **ROLES)


def test_object_columns_of_pandas_2(small_blocks: None) -> None:
    made = {"sex": ["F", "M", None, "F"] * 30, "y": [0, 1, 1, 0] * 30, "s": [0.5, 1, None, 0] * 30}
    df = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in made.items()})
    counts = both(df, **ROLES)
    (table,) = counts.scores.values()
    assert table.missing.sum() == 30
    mixed = df.assign(s=pd.Series([0.5, "high", None, 0] * 30, dtype=object))
    assert "cannot be read as one type" in both(mixed, **ROLES)


@pytest.mark.parametrize("values", [[0.5, math.inf], [-math.inf, None], ["a", "b"], [True, False]])
def test_what_is_no_score_is_said_as_without_kernels(values: list[Any], small_blocks: None) -> None:
    said = both(pa.table({"sex": ["F", "M"] * 30, "y": [0, 1] * 30, "s": values * 30}), **ROLES)
    assert isinstance(said, str)


def test_too_many_cells_are_counted_otherwise(
    monkeypatch: pytest.MonkeyPatch, small_blocks: None
) -> None:
    monkeypatch.setattr(scored, "_MOST", 20_000)
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"sex": rng.choice(list("FMX"), 200), "y": 1, "s": rng.random(200)})
    both(df, **ROLES)


def test_the_sums_do_not_depend_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    n = 5_000 if IS_SLOW else 400_000
    df = pd.DataFrame({"sex": rng.choice(["F", "M"], n), "y": 1, "s": rng.random(n)})
    one = result(df, "always", ROLES)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    for _ in range(3):
        assert result(df, "always", ROLES) == one


WRITERS = st.fixed_dictionaries(
    {
        "use_dictionary": st.sampled_from([True, True, False, ["sex", "y", "race", "g"]]),
        "data_page_version": st.sampled_from(["1.0", "2.0"]),
        "compression": st.sampled_from(["snappy", "none", "zstd", "gzip", "lz4"]),
        "data_page_size": st.sampled_from([1, 40, 1 << 20]),
        "dictionary_pagesize_limit": st.sampled_from([8, 60, 1 << 20]),
        "write_batch_size": st.sampled_from([7, 1024]),
        "row_group_size": st.sampled_from([3, 13, 1 << 20]),
    }
)
STORED = [pa.float64(), pa.float32(), pa.int32(), pa.int64(), pa.uint32(), pa.decimal128(9, 4)]


@some
@given(data=st.data(), options=WRITERS, call=st.sampled_from(CALLS), type_=st.sampled_from(STORED))
def test_parquet_gives_what_arrow_does(
    data: Any, options: dict[str, Any], call: dict[str, Any], type_: Any, tmp_path: Path
) -> None:
    low, high = data.draw(st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.0, 100.0)]))
    made = data.draw(columns(numbers(low, high, RANGES[low, high])))
    if type_ == pa.decimal128(9, 4):
        scores = [Decimal(repr(round(x, 4))) if x is not None and abs(x) < 1e4 else None
                  for x in made["s"]]  # fmt: skip
    elif type_ == pa.float64():
        scores = made["s"]
    else:
        scores = [None if x is None or not abs(x) < 2e9 else x for x in made["s"]]
        whole = type_ != pa.float32()
        scores = [int(abs(x)) if whole and x is not None else x for x in scores]
    required = data.draw(st.booleans()) and None not in scores
    field = pa.field("s", type_, nullable=not required)
    table = pa.table({name: made[name] for name in ("sex", "race", "y", "g")})
    table = table.append_column(field, pa.array(scores, type_))
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, **options)
    both(path, **call, score_range=(low, high))
    frame = result(table, "never", {**call, "score_range": (low, high)})
    assert_scores_equal(result(path, "always", {**call, "score_range": (low, high)}), frame)
    far = biaskit.count(path, **call, score_range=(low, high), filesystem=LocalFileSystem())
    assert_scores_equal(far, frame)


@pytest.mark.parametrize("by", ["polars", "duckdb"])
@pytest.mark.parametrize("digits", [1, 3, 17])
def test_parquet_of_other_writers(by: str, digits: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 2_000 if IS_SLOW else 60_000
    scores = rng.beta(2, 3, n).round(digits)
    scores[:50] = np.nan
    df = pd.DataFrame({"sex": rng.choice(["F", "M"], n), "y": rng.integers(0, 2, n), "s": scores})
    path = tmp_path / "t.parquet"
    if by == "polars":
        pl.DataFrame(df).write_parquet(path)
    else:
        duckdb.sql("SELECT * FROM df").write_parquet(str(path))
    assert_scores_equal(both(path, **ROLES), result(df, "never", ROLES))


def test_a_dictionary_that_ends_in_the_middle_of_a_chunk(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 3_000
    scores = [None if x < 0.1 else x for x in rng.random(n)]
    table = pa.table({"sex": rng.choice(["F", "M"], n), "y": rng.integers(0, 2, n), "s": scores})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, dictionary_pagesize_limit=4_000, write_batch_size=100)
    ways = {way.column: (way.path, way.why) for way in paths_of_kernels(path)}
    assert ways["s"] == ("encoded", "dictionary-encoded, then values in their pages")
    assert_scores_equal(both(path, **ROLES), result(table, "never", ROLES))


def paths_of_kernels(path: Path) -> list[Any]:
    """How each column is counted, by the kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIASKIT_KERNELS", "always")
        return paths_of(str(path), Roles(**ROLES))


@pytest.mark.parametrize(
    ("options", "way"),
    [
        ({}, ("encoded", "dictionary-encoded")),
        ({"use_dictionary": ["sex"]}, ("encoded", "values in their pages")),
        (
            {"use_dictionary": ["sex"], "column_encoding": {"s": "BYTE_STREAM_SPLIT"}},
            ("Arrow", "an unsupported encoding"),
        ),
    ],
)
def test_a_plan_says_how_scores_are_counted(
    options: dict[str, Any], way: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"sex": ["F", "M"] * 50, "y": [0, 1] * 50, "s": [0.25, 0.5] * 50})
    pq.write_table(table, path, **options)
    (of_score,) = [one for one in paths_of_kernels(path) if one.column == "s"]
    assert (of_score.path, of_score.why, of_score.role) == (*way, "score")
    assert_scores_equal(both(path, **ROLES), result(table, "never", ROLES))


def test_a_score_that_folders_name(tmp_path: Path) -> None:
    for score in ("0.25", "0.5"):
        (tmp_path / f"s={score}").mkdir()
        table = pa.table({"sex": ["F", "M"], "y": [0, 1]})
        pq.write_table(table, tmp_path / f"s={score}" / "t.parquet")
    counts = both(tmp_path, **ROLES)
    (table,) = counts.scores.values()
    assert table.n.sum() == 4
    (first, *_) = paths_of_kernels(tmp_path)
    assert first.why == "the score is in the folders' names"


def test_damaged_files_give_the_counts_of_arrow_or_an_error(tmp_path: Path) -> None:
    asked = [one for one in fuzz_encoded.ROLES if "score" in one]
    sources = fuzz_encoded.files(np.random.default_rng(5))
    rand = random.Random(5)
    path = tmp_path / "mutant.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIASKIT_KERNELS", "always")
        for _ in range(40 if IS_SLOW else 200):
            change = rand.choice([fuzz_encoded.mutant, fuzz_encoded.lying])
            path.write_bytes(change(rand.choice(sources), rand))
            roles = rand.choice(asked)
            plain, fast = (fuzz_encoded.outcome(path, roles, how) for how in ("never", "always"))
            if fast[0] == "counts":
                assert plain[0] == "counts"
                assert fuzz_encoded.same(fast[1], plain[1])
