"""Every engine and reader that the tests run on: a name, and how it makes a table of columns."""

from __future__ import annotations

import functools
import gzip
import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.dataset as pds
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from biaskit.sources.files.finding import files_of
from biaskit.sources.files.places import File
from support import loopback

__all__ = ["CONSTRUCTORS", "Columns", "spark"]

Columns = dict[str, list[Any]]


def _arrow(columns: Columns) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def _pandas_strings(dtype: str) -> Callable[[Columns, Path], pd.DataFrame]:
    def make(columns: Columns, _: Path) -> pd.DataFrame:
        frame = pd.DataFrame(columns)
        texts = [n for n, v in columns.items() if any(isinstance(x, str) for x in v)]
        return frame.astype(dict.fromkeys(texts, dtype))

    return make


def _pandas_nullable(columns: Columns, _: Path) -> pd.DataFrame:
    with np.errstate(invalid="ignore"):  # pandas 2 tries whether infinity is an integer
        return pd.DataFrame(columns).convert_dtypes()


def _pandas_arrow(columns: Columns, _: Path) -> pd.DataFrame:
    return _arrow(columns).to_pandas(types_mapper=pd.ArrowDtype)


def _pandas_shuffled_index(columns: Columns, _: Path) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    return frame.set_index(pd.Index([7] * len(frame)))


def _reader(columns: Columns, _: Path) -> pa.RecordBatchReader:
    return _arrow(columns).to_reader(max_chunksize=3)


def _sliced(columns: Columns, _: Path) -> pa.Table:
    padded = {name: [values[-1], *values, values[0]] for name, values in columns.items()}
    return _arrow(padded).slice(1, len(next(iter(columns.values()))))


def _dictionary_reader(columns: Columns, _: Path) -> pa.RecordBatchReader:
    """Batches whose dictionaries differ, in length and in order."""
    table = _arrow(columns)
    batches = []
    for batch in table.to_batches(max_chunksize=4):
        arrays = [column.dictionary_encode() for column in batch.columns]
        batches.append(pa.record_batch(arrays, names=batch.schema.names))
    return pa.RecordBatchReader.from_batches(batches[0].schema, batches)


def _duckdb(columns: Columns, _: Path) -> duckdb.DuckDBPyRelation:
    table = _arrow(columns)
    return duckdb.connect().from_arrow(table)


@functools.cache
def spark() -> Any:
    """Session of a local Spark, one for all tests; what needs it skips where it cannot start."""
    pyspark = pytest.importorskip("pyspark", reason="PySpark is not installed")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java, and there is none on this machine")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    options = {
        **_connect_options(Path(pyspark.__file__).parent),
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.memory": "1g",
        "spark.log.level": "OFF",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = pyspark.sql.SparkSession.builder.master("local[2]").appName("biaskit")
    for name, value in options.items():
        builder = builder.config(name, value)
    with _untried_pandas():
        return builder.getOrCreate()


def _untried_pandas() -> warnings.catch_warnings[None]:
    """No warning of Spark's that it has not been tried on a version of pandas so new."""
    return warnings.catch_warnings(action="ignore", category=FutureWarning)


def _connect_options(package: Path) -> dict[str, str]:
    """Options by which a session serves Spark Connect too, where Spark ships what does that."""
    if not list(package.glob("jars/spark-connect_*.jar")):
        return {}
    return {
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(loopback.free_port()),
    }


@functools.cache
def spark_connect() -> Any:
    """Session of Spark Connect with the server that the session of a local Spark has."""
    pytest.importorskip("grpc", reason="what Spark Connect needs (grpcio) is not installed")
    port = spark().conf.get("spark.connect.grpc.binding.port", None)
    if port is None:
        pytest.skip("this Spark ships no server of Spark Connect")
    with _untried_pandas():
        from pyspark.sql.connect.session import SparkSession

        return SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()


def _spark_frame(session: Any, table: pa.Table) -> Any:
    import pyspark
    from pyspark.sql.pandas.types import from_arrow_schema

    if pyspark.__version__ >= "4":
        with _untried_pandas():
            return session.createDataFrame(table)
    try:  # Spark 3.5 makes no frame of an Arrow table
        schema = from_arrow_schema(table.schema)
    except TypeError as error:
        pytest.skip(f"Spark {pyspark.__version__} has no such type: {error}")
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return session.createDataFrame(rows, schema)


def _spark(columns: Columns, _: Path) -> Any:
    return _spark_frame(spark(), _arrow(columns))


def _spark_connect(columns: Columns, _: Path) -> Any:
    return _spark_frame(spark_connect(), _arrow(columns))


def _dask(columns: Columns, _: Path) -> Any:
    dask = pytest.importorskip("dask.dataframe", reason="Dask is not installed")
    return dask.from_pandas(_pandas_arrow(columns, _), npartitions=3)


def _dask_nullable(columns: Columns, _: Path) -> Any:
    dask = pytest.importorskip("dask.dataframe", reason="Dask is not installed")
    return dask.from_pandas(_pandas_nullable(columns, _), npartitions=2)


def _ibis(columns: Columns, _: Path) -> Any:
    ibis = pytest.importorskip("ibis", reason="Ibis is not installed")
    return ibis.memtable(_arrow(columns))


def _sqlframe(columns: Columns, folder: Path) -> Any:
    sqlframe = pytest.importorskip("sqlframe.duckdb", reason="SQLFrame is not installed")
    pq.write_table(_arrow(columns), folder / "sqlframe.parquet")
    return sqlframe.DuckDBSession().read.parquet(str(folder / "sqlframe.parquet"))


def _dataset(columns: Columns, folder: Path) -> pds.Dataset:
    pq.write_table(_arrow(columns), folder / "data.parquet")
    return pds.dataset(folder / "data.parquet")


def _parquet(**options: Any) -> Callable[[Columns, Path], str]:
    def make(columns: Columns, folder: Path) -> str:
        path = folder / "rows.parquet"
        pq.write_table(_arrow(columns), path, **options)
        return str(path)

    return make


def _parquet_by_polars(columns: Columns, folder: Path) -> Path:
    pl.DataFrame(columns).write_parquet(folder / "polars.parquet")
    return folder / "polars.parquet"


def _parquet_folder(columns: Columns, folder: Path) -> Path:
    table = _arrow(columns)
    (folder / "parts" / "deep").mkdir(parents=True, exist_ok=True)
    half = table.num_rows // 2
    pq.write_table(table.slice(0, half), folder / "parts" / "one.parquet")
    pq.write_table(table.slice(half), folder / "parts" / "deep" / "two.parquet")
    return folder / "parts"


def _csv(columns: Columns, folder: Path) -> Path:
    pv.write_csv(_arrow(columns), folder / "rows.csv")
    return folder / "rows.csv"


def _csv_by_pandas(columns: Columns, folder: Path) -> list[str]:
    pd.DataFrame(columns).to_csv(folder / "pandas.csv", index=False)
    return [str(folder / "pandas.csv")]


def _csv_gzip(columns: Columns, folder: Path) -> Path:
    path = _csv(columns, folder)
    packed = folder / "rows.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def _tsv_glob(columns: Columns, folder: Path) -> str:
    table = _arrow(columns)
    half = table.num_rows // 2
    for name, part in (("a", table.slice(0, half)), ("b", table.slice(half))):
        pv.write_csv(part, folder / f"{name}.tsv", pv.WriteOptions(delimiter="\t"))
    return str(folder / "*.tsv")


def _json_lines(columns: Columns, folder: Path) -> Path:
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def _far(make: Callable[[Columns, Path], Any]) -> Callable[[Columns, Path], Any]:
    """As files behind a filesystem, which happens to be this machine's."""

    def made(columns: Columns, folder: Path) -> list[File]:
        return files_of([str(make(columns, folder))], LocalFileSystem())

    return made


CONSTRUCTORS: dict[str, Callable[[Columns, Path], Any]] = {
    "pandas": lambda columns, _: pd.DataFrame(columns),
    "pandas object": _pandas_strings("object"),
    "pandas category": _pandas_strings("category"),
    "pandas string[python]": _pandas_strings("string[python]"),
    "pandas string[pyarrow]": _pandas_strings("string[pyarrow]"),
    "pandas nullable": _pandas_nullable,
    "pandas arrow": _pandas_arrow,
    "pandas shuffled index": _pandas_shuffled_index,
    "polars": lambda columns, _: pl.DataFrame(columns),
    "polars lazy": lambda columns, _: pl.LazyFrame(columns),
    "arrow table": lambda columns, _: _arrow(columns),
    "arrow slice": _sliced,
    "arrow batch": lambda columns, _: pa.record_batch(_arrow(columns).to_batches()[0]),
    "arrow reader": _reader,
    "arrow dictionaries": _dictionary_reader,
    "arrow dataset": _dataset,
    "duckdb relation": _duckdb,
    "spark": _spark,
    "spark connect": _spark_connect,
    "dask": _dask,
    "dask nullable": _dask_nullable,
    "ibis": _ibis,
    "sqlframe": _sqlframe,
    "parquet": _parquet(),
    "parquet row groups": _parquet(row_group_size=3),
    "parquet plain": _parquet(use_dictionary=False, row_group_size=5),
    "parquet v2 zstd": _parquet(data_page_version="2.0", compression="zstd"),
    "parquet by polars": _parquet_by_polars,
    "parquet folder": _parquet_folder,
    "csv": _csv,
    "csv by pandas": _csv_by_pandas,
    "csv gzip": _csv_gzip,
    "tsv glob": _tsv_glob,
    "json lines": _json_lines,
    "far parquet folder": _far(_parquet_folder),
    "far csv gzip": _far(_csv_gzip),
    "far tsv glob": _far(_tsv_glob),
    "far json lines": _far(_json_lines),
}
