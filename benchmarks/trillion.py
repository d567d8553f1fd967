"""What a trillion rows would cost, by what a few million cost here: rates, bytes and requests.

``python benchmarks/trillion.py`` prints the table; ``--write`` also puts it into docs/scale.md.
Needs the ``dev`` extra, and Java for Spark.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from core import seconds, write_section
from engines import KEYS, ROLES, people, spark

import biaskit

#: List prices in US dollars, of the first region: docs/scale.md says where they stand.
CORE_HOUR = 0.06
THOUSAND_GETS = 0.0004
CORES = 1_000
#: Bytes that a network card of ten gigabits brings in a second.
CARD = 1.25e9
ROW_GROUP = 1_000_000


def by_spark(session: Any, path: Path) -> float:
    """Rows that a core of Spark's groups in a second."""
    one, nine = ([str(path)] * copies for copies in (1, 9))
    return rows_a_second(path, session.read.parquet(*one), session.read.parquet(*nine))


def by_kernels(path: Path) -> float:
    """Rows that a core counts in a second in biaskit's own pass over files."""
    files = [path, *(path.with_name(f"{i}.parquet") for i in range(8))]
    for file in files[1:]:
        os.link(path, file)
    return rows_a_second(path, files[:1], files)


def rows_a_second(path: Path, one: Any, nine: Any) -> float:
    """Rows a second and core, by what more rows take, so that fixed costs fall out."""
    for data in (one, nine):
        biaskit.count(data, **ROLES)
    times = [
        [seconds(lambda d=d: biaskit.count(d, **ROLES)) for d in (one, nine)] for _ in range(5)
    ]
    few, many = (statistics.median(column) for column in zip(*times, strict=True))
    return 8 * pq.ParquetFile(path).metadata.num_rows / (many - few) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    os.environ["BIASKIT_KERNELS"] = "always"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.parquet"
        pq.write_table(people(args.rows), path, row_group_size=ROW_GROUP)
        metadata = pq.ParquetFile(path).metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
        needed = [chunk for chunk in chunks if chunk.path_in_schema in KEYS]
        size = sum(chunk.total_compressed_size for chunk in needed) / args.rows
        own_rate = by_kernels(path)
        frame, *_ = spark(path)
        rate = by_spark(frame.sparkSession, path)
    trillion = 1e12
    core_hours, own_hours = (trillion / one / 3_600 for one in (rate, own_rate))
    card_hours = size * trillion / CARD / 3_600
    gets = trillion / ROW_GROUP * (len(KEYS) + 2)
    lines = [
        "| of a trillion rows, four roles | | from |",
        "| --- | ---: | --- |",
        f"| rows a second and core | {rate / 1e6:.1f} million | measured: Spark on 2 cores |",
        f"| core hours | {core_hours:,.0f} | a trillion by that rate |",
        f"| hours on {CORES:,} cores | {core_hours / CORES:.2f} | if they shared the rows evenly |",
        f"| bytes a row | {size:.2f} | measured: column chunks of the four roles |",
        f"| terabytes read | {size * trillion / 1e12:.2f} | of files that are all columns wide |",
        f"| GET requests | {gets / 1e6:,.0f} million | 4 chunks and 2 of each million rows |",
        f"| dollars for cores | {core_hours * CORE_HOUR:,.0f} | {CORE_HOUR} a core hour |",
        f"| dollars for requests | {gets / 1e3 * THOUSAND_GETS:,.2f} | {THOUSAND_GETS} for 1,000 |",
        f"| rows a second and core, no engine | {own_rate / 1e6:,.0f} million | measured: files |",
        f"| core hours | {own_hours:,.1f} | a trillion by that rate |",
        f"| hours of one network card | {card_hours:,.1f} | ten gigabits a second, all the time |",
        "| what comes back | 3 × 2 × 2 × 16 cells | with a missing value of the facet |",
    ]
    made = "\n".join(lines)
    print(made)
    if args.write:
        write_section("trillion", made, "scale.md", ("biaskit", "pyarrow", "pyspark"))


if __name__ == "__main__":
    main()
