"""Engines that group their own rows: every type of key the same, and what they cannot do said."""

from __future__ import annotations

import datetime as dt
import decimal
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit
from biaskit import BiaskitError
from biaskit.sources import answers, engines, queries
from support.engines import CONSTRUCTORS, Columns
from support.loopback import free_port

ENGINES = ["polars lazy", "duckdb relation", "spark", "spark connect", "dask", "ibis", "sqlframe"]
each_engine = pytest.mark.parametrize("engine", ENGINES)
each_spark = pytest.mark.parametrize("engine", ["spark", "spark connect"])

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
KEYS: dict[str, list[Any]] = {
    "texts": ["F", "", None, "é | <b>", "F", "NA", "nan"],
    "booleans": [True, None, False, True, True, False, None],
    "integers with nulls": [1, None, 2, 2, 1, 3, None],
    "integers beyond 2**53": [2**53, 2**53 + 1, 2**53 + 2, 2**53 + 1, -(2**62), 0, 1],
    "the same with nulls": [2**53, 2**53 + 1, None, 2**53 + 1, -(2**62), 0, 1],
    "floats": [0.5, -0.0, 0.0, 2.0, float("inf"), float("-inf"), 1e300],
    "nan and null": [float("nan"), None, 0.5, float("nan"), None, 1.5, 0.5],
    "decimals": [decimal.Decimal(x) for x in ("1.10", "1.00", "2.50", "1.10", "-3.25", "0.00")]
    + [None],
    "dates": [dt.date(2026, 1, d) for d in (1, 2, 2, 1)]
    + [None, dt.date(1969, 12, 31), dt.date(9999, 12, 31)],
    "times of day": [dt.time(8, 30), None, dt.time(9), dt.time(8, 30), dt.time(0), None, None],
    "instants": [dt.datetime(2026, 3, 1, h, tzinfo=BERLIN) for h in (0, 1, 1, 0, 23, 12, 5)],
    "local instants": [dt.datetime(2026, 3, 1, h) for h in (0, 1, 1, 0, 23, 12)] + [None],
    "nothing": [None] * 7,
}  # fmt: skip
#: What an engine refuses, and why it says so.
REFUSED = {
    **{
        (name, "local instants"): "holds instants, which PySpark shows in the session's time zone"
        for name in ("spark", "spark connect")
    },
    **{
        (name, "times of day"): "PySpark failed in the GROUP BY of 'x', 'y': .*TIME"
        for name in ("spark", "spark connect")
    },
    ("sqlframe", "times of day"): "holds instants",
    **{
        (name, "instants"): "holds instants, which .* shows in the session's time zone"
        for name in ("spark", "spark connect", "duckdb relation", "ibis", "sqlframe")
    },
}


def same(found: biaskit.Counts, expected: biaskit.Counts) -> None:
    assert found.rows == expected.rows
    assert found.tables == expected.tables
    for facet, table in found.tables.items():
        assert repr(table.levels) == repr(expected.tables[facet].levels)


@each_engine
@pytest.mark.parametrize("key", list(KEYS))
def test_every_type_of_key(engine: str, key: str, tmp_path: Path) -> None:
    if (engine, key) == ("sqlframe", "nothing"):
        pytest.skip("SQLFrame cannot open a table that has a column of nulls only")
    columns: Columns = {"x": KEYS[key], "y": [0, 1, 1, 0, 1, None, 1]}
    data = CONSTRUCTORS[engine](columns, tmp_path)
    if message := REFUSED.get((engine, key)):
        with pytest.raises(BiaskitError, match=message):
            biaskit.count(data, facet="x", label="y")
        return
    same(
        biaskit.count(data, facet="x", label="y"),
        biaskit.count(pa.table(columns), facet="x", label="y"),
    )


@each_spark
def test_instants_of_spark_that_have_no_zone(engine: str, tmp_path: Path) -> None:
    data = CONSTRUCTORS[engine]({"i": list(range(4))}, tmp_path)
    found = data.selectExpr("TIMESTAMP_NTZ'2026-03-01 02:30:00' + make_interval(0, 0, 0, i) AS x")
    same(
        biaskit.count(found, facet="x"),
        biaskit.count(
            pa.table({"x": [dt.datetime(2026, 3, d, 2, 30) for d in range(1, 5)]}), facet="x"
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("key", [key for key in KEYS if ("spark connect", key) not in REFUSED])
def test_every_type_of_key_by_rows_of_spark(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark Connect before 4 makes no Arrow table."""
    columns: Columns = {"x": KEYS[key], "y": [0, 1, 1, 0, 1, None, 1], "w": [0.5] * 7}
    data = CONSTRUCTORS["spark connect"](columns, tmp_path)
    for one in type(data).__mro__:
        monkeypatch.delattr(one, "toArrow", raising=False)
    roles: dict[str, Any] = {"facet": "x", "label": "y", "weight": "w"}
    same(biaskit.count(data, **roles), biaskit.count(pa.table(columns), **roles))


def test_zones_that_a_polars_frame_has_are_kept() -> None:
    table = pa.table({"x": KEYS["instants"]})
    assert table.schema.field("x").type.tz == "Europe/Berlin"
    same(
        biaskit.count(pl.from_arrow(table).lazy(), facet="x"),  # type: ignore[union-attr]
        biaskit.count(table, facet="x"),
    )


@pytest.mark.parametrize("engine", [one for one in ENGINES if one != "sqlframe"])
def test_names_that_an_engine_could_read_otherwise(engine: str, tmp_path: Path) -> None:
    names = ["a.b", "w`q", 'say "x"', "n", "k0", "c1", "é", "w"]
    columns: Columns = {name: ["x", "y", "x", None] for name in names}
    data = CONSTRUCTORS[engine](columns, tmp_path)
    for facet, label in zip(names, [*names[1:], names[0]], strict=True):
        same(
            biaskit.count(data, facet=facet, label=label),
            biaskit.count(pa.table(columns), facet=facet, label=label),
        )


@each_engine
@pytest.mark.parametrize(
    "roles",
    [
        {"facet": "x", "facet_edges": [0, 0.5], "weight": "w"},
        {"facet": "x", "facet_above": -0.5, "label": "y", "positive_above": 0.5},
        {"facet": "i", "facet_edges": [0, 2**53], "label": "y"},
        {
            "facet": "d",
            "facet_edges": [1.1, 2],
            "label": "y",
            "predicted": "x",
            "predicted_above": 1,
        },
    ],
    ids=range(4),
)
def test_bins_and_weights_within_the_engine(
    engine: str, roles: dict[str, Any], tmp_path: Path
) -> None:
    """Bins are (low, high], NaN is missing however the engine orders it."""
    columns: Columns = {
        "x": [0.0, -0.0, float("nan"), None, 0.5, float("inf"), float("-inf"), 0.25],
        "y": [1, 0, 1, None, 1, 2, 0, 1],
        "i": [0, None, 1, 2**53, 2**53 + 1, 2**53 + 2, -1, 5],
        "d": [decimal.Decimal(x) for x in ("1.10", "1.11", "2.00", "2.01")] * 2,
        "w": [0, 1, 2, 3, 4, 5, 6, 2**40],
    }
    same(
        biaskit.count(CONSTRUCTORS[engine](columns, tmp_path), **roles),
        biaskit.count(pa.table(columns), **roles),
    )


#: Each side of whole edges and of others, and what integers of 64 bits are as floats.
WHOLE = [-129, -3, -2, -1, 0, 1, 2, 3, 128, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, 2**62]
EDGES = [[0], [-2.5, -0.5, 0, 2], [0.2, 0.7], [-1000, 1000], [2**53 - 1], [2**53], [-3, 2**62]]


@each_engine
@pytest.mark.parametrize("edges", EDGES, ids=str)
@pytest.mark.parametrize("missing", [False, True])
def test_integers_on_both_sides_of_an_edge(
    engine: str, edges: list[float], missing: bool, tmp_path: Path
) -> None:
    columns: Columns = {"x": [*WHOLE, None] if missing else WHOLE}
    roles: dict[str, Any] = {"facet": "x", "facet_edges": edges}
    same(
        biaskit.count(CONSTRUCTORS[engine](columns, tmp_path), **roles),
        biaskit.count(pa.table(columns), **roles),
    )


@each_engine
@pytest.mark.parametrize("dtype", [nw.Int8, nw.Int16, nw.Int32, nw.Int64, nw.Float32], ids=str)
def test_edges_beyond_what_a_narrow_type_holds(engine: str, dtype: Any, tmp_path: Path) -> None:
    columns: Columns = {"x": [-128, -1, 0, 1, 127]}
    data = answers.in_narwhals(CONSTRUCTORS[engine](columns, tmp_path))
    narrow = data.with_columns(nw.col("x").cast(dtype)).to_native()
    for edges in ([-1000, 0, 1000], [-1e300, 0.5], [2.0**40], [2.0**60]):
        same(
            biaskit.count(narrow, facet="x", facet_edges=edges),
            biaskit.count(pa.table(columns), facet="x", facet_edges=edges),
        )


def test_unsigned_integers_and_negative_edges() -> None:
    columns = {"x": pa.array([0, 1, 2**63, 2**64 - 1, None], pa.uint64())}
    frame = pl.from_arrow(pa.table(columns)).lazy()  # type: ignore[union-attr]
    for edges in ([-1, 0], [-0.5, 1, 2**63]):
        same(
            biaskit.count(frame, facet="x", facet_edges=edges),
            biaskit.count(pa.table(columns), facet="x", facet_edges=edges),
        )


@each_engine
@pytest.mark.parametrize("edges", [[0], [-0.5, 0.5], [1e300], [-1e300, 0, 1.5]], ids=str)
def test_floats_on_both_sides_of_an_edge(engine: str, edges: list[float], tmp_path: Path) -> None:
    inf, nan = float("inf"), float("nan")
    least = np.nextafter(0.5, 1)
    values = [-inf, -1e300, -0.5, -0.0, 0.0, 5e-324, 0.5, least, 1.5, 1e300, inf, nan, None, nan]
    columns: Columns = {"x": values, "w": [2**i for i in range(len(values))]}
    roles: dict[str, Any] = {"facet": "x", "facet_edges": edges, "weight": "w"}
    same(
        biaskit.count(CONSTRUCTORS[engine](columns, tmp_path), **roles),
        biaskit.count(pa.table(columns), **roles),
    )


def _of_duckdb(path: Path) -> Any:
    import duckdb

    return duckdb.connect().read_parquet(str(path))


def _of_polars(path: Path) -> Any:
    return pl.scan_parquet(path)


def _of_ibis(path: Path) -> Any:
    ibis = pytest.importorskip("ibis", reason="Ibis is not installed")
    return ibis.duckdb.connect().read_parquet(path)


def _of_sqlframe(path: Path) -> Any:
    sqlframe = pytest.importorskip("sqlframe.duckdb", reason="SQLFrame is not installed")
    return sqlframe.DuckDBSession().read.parquet(str(path))


def _of_dask(path: Path) -> Any:
    dask = pytest.importorskip("dask.dataframe", reason="Dask is not installed")
    return dask.read_parquet(path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ibis and Dask, by what they use
@pytest.mark.parametrize("read", [_of_duckdb, _of_polars, _of_ibis, _of_sqlframe, _of_dask])
@pytest.mark.parametrize("others", [(), (float("inf"),), (float("-inf"), None), (None,)], ids=str)
@pytest.mark.parametrize(
    "dtype", [pytest.param(pa.float32(), marks=pytest.mark.slow), pa.float64()], ids=str
)
def test_nan_beside_what_a_parquet_footer_says(
    read: Callable[[Path], Any], others: tuple[float | None, ...], dtype: Any, tmp_path: Path
) -> None:
    """A footer's least and most leave NaN out, and engines foresee from them what is compared."""
    x = pa.array([1.0, 5.0, float("nan"), 7.0, float("nan"), *others], dtype)
    table = pa.table({"x": x, "w": [2**i for i in range(len(x))]})
    pq.write_table(table, tmp_path / "x.parquet")
    for edges in ([2], [0], [10], [0, 10]):
        roles: dict[str, Any] = {"facet": "x", "facet_edges": edges, "weight": "w"}
        counts = biaskit.count(read(tmp_path / "x.parquet"), **roles)
        same(counts, biaskit.count(table, **roles))
    with pytest.raises(BiaskitError, match=r"weight 'x' is missing or not a number in [23] rows"):
        biaskit.count(read(tmp_path / "x.parquet"), facet="w", weight="x")


@each_engine
def test_hundreds_of_edges(engine: str, tmp_path: Path) -> None:
    """An engine, or the library between, gives up on what nests hundreds deep."""
    columns: Columns = {"x": [i / 2 for i in range(600)]}
    roles: dict[str, Any] = {"facet": "x", "facet_edges": list(range(290))}
    same(
        biaskit.count(CONSTRUCTORS[engine](columns, tmp_path), **roles),
        biaskit.count(pa.table(columns), **roles),
    )


@pytest.mark.parametrize("kind", ["pandas", "pandas nullable", "pandas arrow"])
def test_frames_that_are_grouped_as_modin_groups(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engines.ENGINES, "pandas", engines.ENGINES["modin"])
    columns: Columns = {
        "x": [0.0, float("nan"), None, 0.5, float("inf"), float("-inf")],
        "i": [0, None, 1, 3, -1, 2],
        "j": [0, 1, 2, 3, 4, 2**53 + 1],
        "w": [0, 1, 2, 3, 4, 2**40],
    }
    roles: dict[str, Any] = {"facet": ["x", "i", "j"], "weight": "w"}
    roles["facet_edges"] = {"x": [0, 0.4], "i": [0, 2.5], "j": [1.5, 2]}
    data = CONSTRUCTORS[kind](columns, tmp_path)
    assert engines.engine_source(data) is not None
    same(biaskit.count(data, **roles), biaskit.count(pa.table(columns), **roles))
    bad = CONSTRUCTORS[kind]({**columns, "w": [0.0, 1.0, None, -3.0, 4.0, 5.0]}, tmp_path)
    with pytest.raises(BiaskitError, match="weight 'w' is missing or not a number in 1 rows"):
        biaskit.count(bad, **roles)


@each_engine
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -2.0, 1.0], "weight 'w' is negative in 1 rows"),
        ([1.0, None, 1.0], "weight 'w' is missing or not a number in 1 rows"),
        ([1.0, float("nan"), -1.0], "weight 'w' is (missing or not a number|negative) in 1 rows"),
        ([1.0, float("inf"), float("inf")], "weight 'w' is infinite in 2 rows"),
        ([1.0, float("-inf"), float("inf")], "weight 'w' is negative in 1 rows"),
        ([None, None, None, 1.0], "weight 'w' is missing or not a number in 3 rows"),
        ([3, -1, 1], "weight 'w' is negative in 1 rows"),
        ([3, None, 1], "weight 'w' is missing or not a number in 1 rows"),
        ([-5e-324, 0.0, -0.0], "weight 'w' is negative in 1 rows"),
        ([1e200, 1.0, 1e308], "weight 'w' has sums that overflow a float"),
        (["1", "2", "3"], "weight 'w' must be numbers"),
        ([True, False, True], "weight 'w' must be numbers"),
    ],
    ids=range(12),
)
def test_bad_weights(engine: str, weights: list[Any], message: str, tmp_path: Path) -> None:
    data = CONSTRUCTORS[engine]({"sex": [*"FMFM"][: len(weights)], "w": weights}, tmp_path)
    with pytest.raises(BiaskitError, match=message):
        biaskit.count(data, facet="sex", weight="w")


@each_engine
def test_what_an_engine_is_not_asked_for(engine: str, tmp_path: Path) -> None:
    columns: Columns = {"sex": ["F", "M", "F"], "y": [0, 1, 1], "list": [[1], [2], [3]]}
    data = CONSTRUCTORS[engine](columns, tmp_path)
    with pytest.raises(BiaskitError, match="no column 'sx'; did you mean 'sex'"):
        biaskit.count(data, facet="sx")
    with pytest.raises(BiaskitError, match=r"(?i)column 'list' has type list|failed in"):
        biaskit.count(data, facet="list")
    with pytest.raises(BiaskitError, match="facet 'sex' must be numbers to be cut"):
        biaskit.count(data, facet="sex", facet_above=1)


@each_engine
def test_an_identifier_is_refused_before_all_its_groups_come_back(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    answer = queries.Query.answer

    def watched(self: Any, columns: Any, facets: Any, most: int) -> Any:
        asked.append(most)
        found = answer(self, columns, facets, most)
        assert sum(len(one.sizes[0]) for one in found) <= most
        return found

    monkeypatch.setattr(engines, "_FEW", 1_200)
    monkeypatch.setattr(queries.Query, "answer", watched)
    columns: Columns = {"id": [f"p{i}" for i in range(3_000)], "y": [0, 1, 1] * 1_000}
    with pytest.raises(BiaskitError, match="facet 'id' has 1,201 different values or more"):
        biaskit.count(CONSTRUCTORS[engine](columns, tmp_path), facet="id", label="y")
    assert asked == [1_201]


@each_engine
def test_many_groups_come_back_facet_by_facet(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    columns: Columns = {name: rng.integers(0, 9, 500).tolist() for name in ("a", "b", "c", "y")}
    roles: dict[str, Any] = {"facet": ["a", "b", ("c", "a")], "label": "y", "weight": "b2"}
    columns["b2"] = columns["b"]
    data = CONSTRUCTORS[engine](columns, tmp_path)
    expected = biaskit.count(pa.table(columns), **roles)
    same(biaskit.count(data, **roles), expected)
    monkeypatch.setattr(engines, "_FEW", 50)
    same(biaskit.count(data, **roles), expected)
    monkeypatch.setattr(engines, "MAX_CELLS", 80)
    with pytest.raises(BiaskitError, match="make more than 80 groups"):
        biaskit.count(data, **roles)


@each_engine
def test_a_table_without_rows(engine: str, tmp_path: Path) -> None:
    data = CONSTRUCTORS[engine]({"sex": ["F", "M"], "age": [1, 2], "y": [0, 1]}, tmp_path)
    none = answers.in_narwhals(data).filter(nw.col("age") > 5).to_native()
    counts = biaskit.count(none, facet=["sex", "age"], facet_edges={"age": [3]}, label="y")
    assert counts.rows == 0


def test_rows_that_change_between_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []

    def fewer(frame: pl.DataFrame) -> pl.DataFrame:
        passes.append(1)
        return frame.head(1_000 - 100 * len(passes))

    rng = np.random.default_rng(0)
    frame = pl.LazyFrame({name: rng.integers(0, 9, 1_000) for name in ("a", "b", "y")})
    monkeypatch.setattr(engines, "_FEW", 50)
    with pytest.raises(BiaskitError, match=r"had 800 rows in one pass and 700 in the next; keep"):
        biaskit.count(frame.map_batches(fewer), facet=["a", "b"], label="y")


def test_the_flip_test_needs_rows(tmp_path: Path) -> None:
    columns: Columns = {"sex": list("FMFM"), "p": [0, 1, 1, 0], "x": [1.0, 2.0, 3.0, 4.0]}
    roles: dict[str, Any] = {"facet": "sex", "predicted": "p", "features": ["x"]}
    expected = biaskit.report(pa.table(columns), **roles)
    for engine in ("polars lazy", "duckdb relation"):
        found = biaskit.report(CONSTRUCTORS[engine](columns, tmp_path), **roles)
        assert found.equals(expected)


@each_spark
def test_the_flip_test_gets_no_rows_of_spark(engine: str, tmp_path: Path) -> None:
    columns: Columns = {"sex": list("FMFM"), "p": [0, 1, 1, 0], "x": [1.0, 2.0, 3.0, 4.0]}
    data = CONSTRUCTORS[engine](columns, tmp_path)
    with pytest.raises(BiaskitError, match="the PySpark frame gives no rows, only groups"):
        biaskit.report(data, facet="sex", predicted="p", features=["x"])


@each_spark
def test_a_task_of_spark_that_raises(engine: str, tmp_path: Path) -> None:
    data = CONSTRUCTORS[engine]({"sex": ["F", "M"] * 50, "y": [0, 1] * 50}, tmp_path)
    broken = data.selectExpr("sex", "raise_error('the disk is on fire') AS y")
    with pytest.raises(BiaskitError, match=r"PySpark failed in the GROUP BY of 'sex', 'y': .*fire"):
        biaskit.count(broken, facet="sex", label="y").save(tmp_path / "x.counts")
    assert not (tmp_path / "x.counts").exists()


def test_a_server_of_spark_connect_that_does_not_answer() -> None:
    grpc = pytest.importorskip("grpc", reason="what Spark Connect needs (grpcio) is not installed")
    with (
        grpc.insecure_channel(f"127.0.0.1:{free_port()}") as channel,
        pytest.raises(grpc.RpcError) as raised,
    ):
        channel.unary_unary("/rows")(b"")
    assert answers._reason(raised.value).startswith("failed to connect to all addresses")


def test_a_duckdb_query_that_fails_half_way() -> None:
    import duckdb

    query = "SELECT i % 2 AS sex, CASE WHEN i = 9999 THEN error('no more') ELSE 1 END AS y"
    relation = duckdb.connect().sql(f"{query} FROM range(10000) t(i)")
    with pytest.raises(
        BiaskitError, match=r"DuckDB failed in the GROUP BY of 'sex', 'y': .*no more"
    ):
        biaskit.count(relation, facet="sex", label="y")


def test_what_is_of_an_engine_but_no_frame() -> None:
    import duckdb

    with pytest.raises(BiaskitError, match="is not a table that biaskit reads"):
        biaskit.count(duckdb.connect(), facet="sex")
