"""Ratios of counting files behind S3's protocol against its peers, in one run, interleaved.

``python benchmarks/remote.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
The store is a process on this machine that answers after some milliseconds, as from far away.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
from core import seconds, write_section
from engines import KEYS, ROLES, people

import biaskit

PACKAGES = ("biaskit", "pyarrow", "polars")
DELAY = 0.03


class Store(BaseHTTPRequestHandler):
    """As much of S3 as readers need: lists, heads and ranges of the files of a folder."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder: Path
    told: ClassVar = {"requests": 0, "bytes": 0}

    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""

    def do_HEAD(self) -> None:
        """Answer as to a GET, without the bytes."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer a request."""
        url = urlsplit(self.path)
        if url.path == "/told":
            self.answer(200, json.dumps(self.told).encode())
            return
        self.told["requests"] += 1
        time.sleep(DELAY)
        path = self.folder / url.path.removeprefix("/bucket").lstrip("/")
        if "list-type" in url.query:
            self.answer(200, self.listed(parse_qs(url.query).get("prefix", [""])[0]))
        elif not path.is_file():
            self.answer(404, b"")
        elif self.command == "HEAD":
            self.answer(200, b"", path.stat().st_size)
        else:
            self.send_range(path)

    def send_range(self, path: Path) -> None:
        """Send the bytes of a file that are requested."""
        size = path.stat().st_size
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        start = int(first) if first else size - int(last)
        end = min(size, int(last) + 1) if first and last else size
        with path.open("rb") as file:
            file.seek(start)
            body = file.read(end - start)
        self.told["bytes"] += len(body)
        self.answer(206, body, span=f"bytes {start}-{end - 1}/{size}")

    def listed(self, prefix: str) -> bytes:
        """List of the files whose names start so."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        keys = sorted((str(path.relative_to(self.folder)), path) for path in files)
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{path.stat().st_size}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for key, path in keys
            if key.startswith(prefix)
        )
        return f"<?xml version='1.0'?><ListBucketResult>{entries}</ListBucketResult>".encode()

    def answer(self, status: int, body: bytes, size: int | None = None, span: str = "") -> None:
        """Send an answer."""
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body) if size is None else size))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("ETag", '"x"')
        if span:
            self.send_header("Content-Range", span)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def serve(folder: str) -> None:
    """Serve a folder until the process ends."""
    Store.folder = Path(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


@contextmanager
def store(folder: Path) -> Iterator[str]:
    """Address of a store of a folder's files, in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def table(rows: int, times: int) -> str:
    lines = [
        f"| {rows:,} rows, four roles | time, s | requests | MB | times biaskit's |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        everyone = people(rows)
        for files in (1, 100):
            (folder / f"{files}").mkdir()
            each = rows // files
            for i in range(files):
                path = folder / f"{files}" / f"{i:03d}.parquet"
                part = everyone.slice(i * each, each)
                pq.write_table(part, path, row_group_size=1_000_000)
        with store(folder) as endpoint:
            environment(endpoint)
            for files in (1, 100):
                lines += measured(files, endpoint, times)
    return "\n".join(lines)


def environment(endpoint: str) -> None:
    """Let every reader find the store."""
    os.environ |= {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "of-nobody",
        "AWS_SECRET_ACCESS_KEY": "of-nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def measured(files: int, endpoint: str, times: int) -> list[str]:
    """Lines of the table for so many files."""
    import polars as pl
    import pyarrow.dataset as ds
    from pyarrow import fs

    address = f"s3://bucket/{files}/"
    s3, _ = fs.FileSystem.from_uri("s3://bucket/")

    def ours() -> int:
        return biaskit.count(f"{address}*.parquet", **ROLES).rows

    def by_polars() -> int:
        frame = pl.scan_parquet(f"{address}*.parquet")
        return int(frame.group_by(KEYS).agg(pl.len()).collect()["len"].sum())

    def by_arrow() -> int:
        found = s3.get_file_info(fs.FileSelector(f"bucket/{files}"))
        made = ds.dataset([one.path for one in found], filesystem=s3).to_table(columns=KEYS)
        counted = pa.TableGroupBy(made, KEYS).aggregate([([], "count_all")])
        return sum(counted["count_all"].to_pylist())

    calls: dict[str, Callable[[], int]] = {
        "biaskit": ours,
        "Polars": by_polars,
        "pyarrow.dataset": by_arrow,
    }
    sent = {}
    for name, call in calls.items():
        call()
        before = told(endpoint)
        call()
        sent[name] = {key: value - before[key] for key, value in told(endpoint).items()}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(times):
        for name, call in calls.items():
            taken[name].append(seconds(call))
    least = {name: min(values) for name, values in taken.items()}
    lines = [
        f"| {name}, {files} file{'s' * (files > 1)} | {least[name]:.2f} "
        f"| {sent[name]['requests']} | {sent[name]['bytes'] / 1e6:.1f} "
        f"| {least[name] / least['biaskit']:.2f} |"
        for name in calls
    ]
    print("\n".join(lines), flush=True)
    return lines


def told(endpoint: str) -> dict[str, int]:
    """What the store has sent so far."""
    with urlopen(f"{endpoint}/told") as answer:
        return dict(json.load(answer))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--serve", metavar="FOLDER")
    args = parser.parse_args()
    if args.serve:
        return serve(args.serve)
    made = table(args.rows, args.times)
    if args.write:
        write_section("remote", made, packages=PACKAGES)
    return None


if __name__ == "__main__":
    main()
