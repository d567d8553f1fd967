"""Counting of Parquet files: biaskit beside DuckDB and Polars, in one process, taking turns, warm.

``python benchmarks/parquet.py`` prints the table of ratios, ``--write`` puts it into
docs/benchmarks.md. ``--large`` adds a file of 50 million rows, which is kept in the folder of
temporary files, and one of ten times as many that shows whether time and memory grow with the rows.
``--rows`` is the size of the other files (10 million by default). All have row groups of a million.
Every engine uses two threads, and all must count the same. ``--file`` adds a file of your own, with
``--columns`` to count by. A file written by Spark is among the variants where pyspark is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from core import PEAK, write_section

import biaskit

TWO = {"facet": "sex", "label": "hired"}
SCORES = {"facet": "sex", "label": "hired", "predicted": "score", "predicted_above": 0.5}
FOUR = {"facet": "sex", "group": "place", "label": "hired", "predicted": "invited"}
#: Rows of the large file.
LARGE = 50_000_000
_ROW_GROUP = 1_000_000


def rows_of(
    rows: int, *, places: int = 16, order: str = "uniform", missing: float = 0.0
) -> Iterator[pa.Table]:
    """Tables of random people, a million rows at a time."""
    rng = np.random.default_rng(0)
    names = np.array([f"place {i:04}" for i in range(places)])
    for start in range(0, rows, _ROW_GROUP):
        n = min(_ROW_GROUP, rows - start)
        place = rng.integers(0, places, n)
        if order == "skewed":
            place = np.minimum(rng.geometric(0.5, n) - 1, places - 1)
        if order == "sorted":
            place = np.sort(place)
        sex = rng.integers(0, 2, n)
        absent = rng.random(n) < missing if missing else None
        yield pa.table(
            {
                "sex": pa.array(np.array(["F", "M"])[sex], mask=absent),
                "place": pa.array(names[place], mask=absent),
                "hired": pa.array((rng.random(n) < 0.3).astype(np.int64), mask=absent),
                "invited": pa.array((rng.random(n) < 0.35).astype(np.int64)),
            }
        )


def scores_of(rows: int) -> Iterator[pa.Table]:
    """Tables of people with a boolean label, a score and a weight, a million rows at a time."""
    rng = np.random.default_rng(0)
    for start in range(0, rows, _ROW_GROUP):
        n = min(_ROW_GROUP, rows - start)
        yield pa.table(
            {
                "sex": pa.array(np.array(["F", "M"])[rng.integers(0, 2, n)]),
                "hired": pa.array(rng.random(n) < 0.3),
                "score": pa.array(rng.random(n)),
                "weight": pa.array(rng.random(n)),
            }
        )


def large_file() -> Path:
    """File of `LARGE` rows, which is made where there is none."""
    path = Path(tempfile.gettempdir(), "biaskit-benchmark-large.parquet")
    if not path.exists():
        partial = path.with_suffix(".part")
        write_file(partial, rows_of(LARGE), "pyarrow", "snappy")
        partial.replace(path)
    return path


def write_file(
    path: Path, tables: Iterator[pa.Table], writer: str, compression: str, texts: str = ""
) -> None:
    """Write a file in row groups of a million rows, as one of the engines writes it.

    `texts` is the encoding of columns of texts, if it is not the usual one with a dictionary.
    """
    if writer == "pyarrow":
        first = next(tables)
        options: dict[str, Any] = {}
        if texts:
            strings = [one.name for one in first.schema if pa.types.is_string(one.type)]
            options["use_dictionary"] = [*{*first.column_names}.difference(strings)]
            options["column_encoding"] = dict.fromkeys(strings, texts)
        with pq.ParquetWriter(path, first.schema, compression=compression, **options) as file:
            file.write_table(first, row_group_size=_ROW_GROUP)
            for table in tables:
                file.write_table(table, row_group_size=_ROW_GROUP)
        return
    whole = pa.concat_tables(tables)
    if writer == "spark":
        write_by_spark(path, whole)
    elif writer == "polars":
        frame = pl.from_arrow(whole)
        frame.write_parquet(path, compression=compression, row_group_size=_ROW_GROUP)
    else:
        written = f"FORMAT parquet, COMPRESSION {compression}, ROW_GROUP_SIZE {_ROW_GROUP}"
        connection = duckdb.connect()
        connection.register("whole", whole)
        connection.execute(f"COPY whole TO '{path}' ({written})")


def write_by_spark(path: Path, table: pa.Table) -> None:
    """Write a file as Spark does: it reads one that pyarrow wrote, and writes it as one part."""
    from pyspark.sql import SparkSession

    quiet = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1"}
    builder = SparkSession.builder.master("local[2]").config("spark.driver.memory", "4g")
    for name, value in quiet.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(table, f"{folder}/in.parquet")
        spark.read.parquet(f"{folder}/in.parquet").coalesce(1).write.parquet(f"{folder}/out")
        (part,) = Path(folder, "out").glob("part-*.parquet")
        part.replace(path)
    spark.stop()


def counters(path: Path, columns: Sequence[str], roles: dict[str, Any]) -> dict[str, Any]:
    """Call that counts, for each engine; each returns its numbers of rows."""
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    listed = ", ".join(f'"{column}"' for column in columns)
    keys = [pl.col(column) for column in columns]
    sums, wanted = "", [pl.len()]
    if "predicted_above" in roles:
        listed += f', "{roles["predicted"]}" > {roles["predicted_above"]} AS above'
        keys.append((pl.col(roles["predicted"]) > roles["predicted_above"]).alias("above"))
    if "weight" in roles:
        weight = roles["weight"]
        sums = f'sum("{weight}"), sum("{weight}" * "{weight}"), '
        wanted += [pl.col(weight).sum(), (pl.col(weight) ** 2).sum().alias("squares")]
    query = f"SELECT {listed}, {sums}count(*) FROM '{path}' GROUP BY ALL"
    lazy = pl.scan_parquet(path).group_by(keys).agg(wanted)
    return {
        "biaskit": lambda: cells_of(biaskit.count(path, **roles)),
        "DuckDB": lambda: [row[-1] for row in connection.execute(query).fetchall()],
        "Polars": lambda: lazy.collect(engine="streaming")["len"].to_list(),
    }


def cells_of(counts: biaskit.Counts) -> list[int]:
    """Numbers of rows in the cells that have any."""
    (table,) = counts.tables.values()
    return table.n[table.n > 0].tolist()


def compare(path: Path, roles: dict[str, Any], repeats: int) -> dict[str, float]:
    """Best seconds of each engine, taking turns, after a turn in which their counts must agree."""
    cut = {"weight"} | ({"predicted"} if "predicted_above" in roles else set())
    columns = [v for role, v in roles.items() if isinstance(v, str) and role not in cut]
    engines = counters(path, columns, roles)
    results = {name: sorted(count()) for name, count in engines.items()}
    if any(result != results["biaskit"] for result in results.values()):
        raise SystemExit(f"the counts differ: {results}")
    best = dict.fromkeys(engines, float("inf"))
    for _ in range(repeats):
        for name, count in engines.items():
            start = time.perf_counter()
            count()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def floor(path: Path, roles: dict[str, Any], repeats: int) -> float:
    """Best seconds of reading and decompressing the needed column chunks, and nothing else."""
    from concurrent.futures import ThreadPoolExecutor

    from biaskit._kernels import SLACK, jit
    from biaskit._kernels.parquet.chunks import page_body
    from biaskit._kernels.parquet.pages import BODY, PACKED, SIZE
    from biaskit.counts.roles import Roles
    from biaskit.sources.files.ranges import Fetcher
    from biaskit.sources.grids import encoders_of
    from biaskit.sources.parquet.chunks import SNAPPY, Chunks
    from biaskit.sources.parquet.dictionaries import Dictionaries
    from biaskit.sources.parquet.opening import open_parquet
    from biaskit.sources.parquet.scratch import Room

    @jit
    def bodies(source: Any, table: Any, is_snappy: bool, page: Any) -> int:
        found = 0
        for i in range(table.shape[0]):
            at, packed, size = table[i, BODY], table[i, PACKED], table[i, SIZE]
            found += page_body(source, at, packed, size, is_snappy, page) != -1
        return found

    made = Roles(**roles)
    encoders = encoders_of(made)
    with closing(open_parquet(path, (), {}, Fetcher())) as file, ThreadPoolExecutor(2) as pool:
        groups = range(file.metadata.num_row_groups)
        chunks = Chunks(file, [*made.columns()], encoders, Dictionaries(encoders))

        def read(group: int) -> None:
            room = Room()
            for column in made.columns():
                chunk = chunks._chunk(group, column, room)
                page = room.page.of(int(chunk.table[:, SIZE].max()) + SLACK)
                if bodies(chunk.source, chunk.table, chunk.codec == SNAPPY, page) < 1:
                    raise SystemExit("a page cannot be decompressed")

        def all_groups() -> float:
            start = time.perf_counter()
            list(pool.map(read, groups))
            return time.perf_counter() - start

        all_groups()
        return min(all_groups() for _ in range(repeats))


def stages(path: Path, roles: dict[str, Any]) -> str:
    """Shares of the time of one thread in each stage, in words."""
    from unittest import mock

    import biaskit._kernels.joint as joint
    import biaskit._kernels.parquet.chunks as chunks
    import biaskit._kernels.parquet.groups as groups
    import biaskit._kernels.parquet.planes as planes
    from biaskit.sources.parquet import chunks as column_chunks
    from biaskit.sources.parquet import dictionaries, together

    named = [
        ("reading row groups together", together.Together, "_read"),
        ("their page headers", groups, "group_pages"),
        ("decompressing them by Arrow", together, "frames_together"),
        ("decompressing, decoding and counting them", groups, "group_counts"),
        ("what their codes mean", together.Together, "_cells"),
        ("reading", column_chunks.Chunks, "_read"),
        ("page headers", column_chunks, "pages_of"),
        ("decompressing by Arrow", column_chunks, "inflated"),
        ("decompressing and decoding", planes, "chunk_planes"),
        ("the same, to bytes", chunks, "chunk_codes"),
        ("codes of dictionaries", dictionaries.Dictionaries, "known"),
        ("counting", planes, "plane_counts"),
        ("the same, by bytes", joint, "joint_counts"),
    ]
    spent = dict.fromkeys((name for name, _, _ in named), 0.0)

    def timed(name: str, function: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                spent[name] += time.perf_counter() - start

        return call

    with mock.patch.object(os, "cpu_count", return_value=1):
        biaskit.count(path, **roles)
        patches = [
            mock.patch.object(home, attribute, timed(name, getattr(home, attribute)))
            for name, home, attribute in named
        ]
        for patch in patches:
            patch.start()
        start = time.perf_counter()
        biaskit.count(path, **roles)
        total = time.perf_counter() - start
        for patch in patches:
            patch.stop()
    spent["the rest"] = total - sum(spent.values())
    shares = {name: 100 * seconds / total for name, seconds in spent.items() if seconds}
    return ", ".join(f"{name} {share:.0f} %" for name, share in shares.items())


def grown(path: Path, rows: int, longest: int) -> str:
    """What a file of many times the rows takes, in time and in memory; it is written to `path`."""
    found = {}
    for size in (rows, longest):
        write_file(path, rows_of(size), "pyarrow", "snappy")
        biaskit.count(path, **FOUR)
        start = time.perf_counter()
        counts = biaskit.count(path, **FOUR)
        found[size] = time.perf_counter() - start, peak_above_import(path)
        if counts.rows != size:
            raise SystemExit(f"{counts.rows:,} rows were counted of {size:,}")
    (few, little), (many, much) = found.values()
    return (
        f"Counting four roles of {longest:,} rows takes {many / few:.1f} times as long as of "
        f"{rows:,}, and {much:,.0f} MB above an import of biaskit and numba against {little:,.0f}."
    )


def peak_above_import(path: Path) -> float:
    """Peak memory in MB of counting a file, above that of importing biaskit and numba."""
    code = (
        f"import sys, numba, pyarrow.parquet, biaskit; biaskit.count; idle = {PEAK}\n"
        f"biaskit.count(sys.argv[1], **{FOUR!r}); print({PEAK} - idle)"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def compile_seconds() -> float:
    """Seconds that compiling all kernels from nothing adds to counting a small file."""
    code = (
        "import sys, time, numba, pyarrow.parquet, biaskit\n"
        "start = time.perf_counter()\n"
        f"biaskit.count(sys.argv[1], **{FOUR!r})\n"
        "print(time.perf_counter() - start)"
    )
    with tempfile.TemporaryDirectory() as cache:
        path = Path(cache) / "small.parquet"
        write_file(path, rows_of(10_000), "pyarrow", "snappy")
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "BIASKIT_KERNELS": "always"}
        times = []
        for _ in range(2):
            command = [sys.executable, "-c", code, str(path)]
            done = subprocess.run(
                command, check=True, capture_output=True, text=True, env=environment
            )
            times.append(float(done.stdout))
    return times[0] - times[1]


def row(what: str, best: dict[str, float]) -> str:
    """Line of the table, with the ratio of each engine's time to biaskit's."""
    ratios = [
        f"{best[name] / best['biaskit']:.1f}" if name in best else ""
        for name in ("DuckDB", "Polars")
    ]
    return f"| {what} | {1000 * best['biaskit']:,.0f} | {' | '.join(ratios)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--columns", nargs=3, metavar=("FACET", "LABEL", "GROUP"))
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    lines = [
        "| what | biaskit, ms | DuckDB / biaskit | Polars / biaskit |",
        "| --- | ---: | ---: | ---: |",
    ]

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "main.parquet"
        facts = []
        if args.large:
            large = large_file()
            for what, roles in (("facet × label", TWO), ("four roles", FOUR)):
                best = compare(large, roles, args.repeats)
                say(row(f"{LARGE:,} rows, {what}", best))
                times = best["biaskit"] / floor(large, roles, args.repeats)
                facts.append(
                    f"Of {what}, reading and decompressing the needed column chunks alone takes "
                    f"1/{times:.1f} of the time. One thread's time goes into: "
                    f"{stages(large, roles)}."
                )
        few = args.rows
        variants: dict[str, tuple[dict[str, Any], str, str]] = {
            "snappy": ({}, "pyarrow", "snappy"),
            "zstd": ({}, "pyarrow", "zstd"),
            "uncompressed": ({}, "pyarrow", "none"),
            "1,000 groups": ({"places": 1000}, "pyarrow", "snappy"),
            "skewed groups": ({"order": "skewed"}, "pyarrow", "snappy"),
            "sorted groups": ({"order": "sorted"}, "pyarrow", "snappy"),
            "5 % missing": ({"missing": 0.05}, "pyarrow", "snappy"),
            "written by Polars": ({}, "polars", "snappy"),
            "written by DuckDB": ({}, "duckdb", "snappy"),
            "written by Spark": ({}, "spark", "snappy"),
        }
        if importlib.util.find_spec("pyspark") is None:
            print("pyspark is not installed, so no file is written by Spark")
            del variants["written by Spark"]
        for name, (options, writer, compression) in variants.items():
            write_file(path, rows_of(few, **options), writer, compression)
            if name == "snappy":
                say(row(f"{few:,} rows, facet × label", compare(path, TWO, args.repeats)))
            say(row(f"{few:,} rows, four roles, {name}", compare(path, FOUR, args.repeats)))
        for name, texts in {
            "texts without a dictionary": "PLAIN",
            "texts after their lengths": "DELTA_LENGTH_BYTE_ARRAY",
            "texts without what they share": "DELTA_BYTE_ARRAY",
        }.items():
            write_file(path, rows_of(few), "pyarrow", "snappy", texts)
            say(row(f"{few:,} rows, four roles, {name}", compare(path, FOUR, args.repeats)))
        write_file(path, scores_of(few), "pyarrow", "snappy")
        say(row(f"{few:,} rows, a boolean and a score to cut", compare(path, SCORES, args.repeats)))
        weighted = {**SCORES, "weight": "weight"}
        say(row(f"{few:,} rows, the same, weighted", compare(path, weighted, args.repeats)))
        if args.file is not None:
            own = dict(zip(("facet", "label", "group"), args.columns, strict=True))
            say(row(f"{args.file.name}, {', '.join(args.columns)}", compare(args.file, own, 25)))
        if args.large:
            facts.append(grown(path, LARGE, 10 * LARGE))
    facts.append(
        f"Compiling the kernels that four roles need from nothing takes {compile_seconds():.1f} s."
    )
    print("\n".join(facts))
    if args.write:
        listed = "\n".join(f"* {fact}" for fact in facts)
        write_section("parquet", "\n".join([*lines, "", listed]))


if __name__ == "__main__":
    main()
