"""What a trillion rows would cost, by what a few million cost here: rates, bytes and requests.

``python benchmarks/trillion.py`` prints the table; ``--write`` also puts it into docs/scale.md.
Needs the ``dev`` extra, and Java for Spark.
"""

from __future__ import annotations

import argparse
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
ROW_GROUP = 1_000_000


def rows_a_second(session: Any, path: Path) -> float:
    """Rows that a core counts in a second: what more rows take, so that fixed costs fall out."""
    few, many = ([str(path)] * copies for copies in (1, 9))
    frames = [session.read.parquet(*paths) for paths in (few, many)]
    for frame in frames:
        biaskit.count(frame, **ROLES)
    times = [[seconds(lambda f=f: biaskit.count(f, **ROLES)) for f in frames] for _ in range(3)]
    one, nine = (statistics.median(column) for column in zip(*times, strict=True))
    rows = pq.ParquetFile(path).metadata.num_rows
    return 8 * rows / (nine - one) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.parquet"
        pq.write_table(people(args.rows), path, row_group_size=ROW_GROUP)
        metadata = pq.ParquetFile(path).metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
        needed = [chunk for chunk in chunks if chunk.path_in_schema in KEYS]
        size = sum(chunk.total_compressed_size for chunk in needed) / args.rows
        frame, _, _ = spark(path)
        rate = rows_a_second(frame.sparkSession, path)
    trillion = 1e12
    core_hours = trillion / rate / 3_600
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
        "| what comes back | 3 × 2 × 2 × 16 cells | with a missing value of the facet |",
    ]
    made = "\n".join(lines)
    print(made)
    if args.write:
        write_section("trillion", made, "scale.md", ("biaskit", "pyarrow", "pyspark"))


if __name__ == "__main__":
    main()
