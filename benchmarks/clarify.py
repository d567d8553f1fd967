"""Clarify jobs beside what they are compared with, each measured in one run, taking turns.

``python benchmarks/clarify.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
Needs the ``bench`` extra.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from core import medians, people, seconds, write_section

from biaskit import clarify

_PACKAGES = ("biaskit", "numpy", "pandas", "pyarrow", "smclarify")
#: All metrics on predictions but FT, which compares rows.
POSTTRAINING = ["AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "GE", "RD", "SD", "TE"]
_FEATURES = 14
_MOST_BODY = 5_000_000


def job(**more: Any) -> dict[str, Any]:
    """Bias job on people, without FT and without a report."""
    return {
        "dataset_type": "text/csv",
        "label": "y",
        "label_values_or_threshold": [1],
        "predicted_label": "said",
        "group_variable": "education",
        "facet": [{"name_or_index": "gender"}],
        "methods": {
            "pre_training_bias": {"methods": "all"},
            "post_training_bias": {"methods": POSTTRAINING},
        },
        **more,
    }


def predicted(rows: int) -> pd.DataFrame:
    """People with predictions."""
    said = np.random.default_rng(1).integers(0, 2, rows)
    return people(rows).assign(said=said)


def smclarify_reports(frame: pd.DataFrame) -> None:
    """Run smclarify's reports on labels and on predictions, as its notebook does."""
    from smclarify.bias.report import FacetColumn, LabelColumn, StageType, bias_report

    label = LabelColumn("y", frame["y"], [1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = {"group_variable": frame["education"]}
        bias_report(frame, FacetColumn("gender"), label, StageType.PRE_TRAINING, **given)
        bias_report(
            frame,
            FacetColumn("gender"),
            label,
            StageType.POST_TRAINING,
            LabelColumn("said", frame["said"], [1]),
            metrics=POSTTRAINING,
            **given,
        )


def in_memory(folder: Path) -> tuple[str, float, float]:
    frame = predicted(1_000_000)
    ours = frame.astype({"gender": "category", "education": "category"})
    theirs = frame.astype({"gender": object, "education": object})  # it fails on pandas 3's texts

    def run() -> float:
        clarify.run(job(), ours, folder / "out")
        return statistics.median(
            seconds(lambda: clarify.run(job(), ours, folder / "out")) for _ in range(9)
        )

    before = run()
    time = seconds(lambda: smclarify_reports(theirs))
    title = "20 metrics of each group, a frame of 1,000,000 rows: smclarify / biaskit.clarify.run"
    return title, time, max(before, run())


def as_process(folder: Path) -> tuple[str, float, float]:
    predicted(1_000).to_csv(folder / "small.csv", index=False)
    (folder / "config.json").write_text(json.dumps(job()))
    command = ["-m", "biaskit", "clarify", "--config", str(folder / "config.json")]
    command += ["--data", str(folder / "small.csv"), "--output", str(folder / "out")]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def run(*given: str) -> None:
        subprocess.run(
            [sys.executable, *given], check=True, stdout=subprocess.DEVNULL, env=environment
        )

    ours, theirs = medians(
        lambda: run(*command), lambda: run("-c", "import numpy, pyarrow.parquet"), 15
    )
    return "process on 1,000 rows: biaskit clarify / import numpy, pyarrow.parquet", ours, theirs


def _serve(told: Connection) -> None:
    """Answer each request with the logistic function of the sums of its rows."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            numbers = np.fromstring(body.replace(b"\n", b","), sep=",").reshape(-1, _FEATURES)
            score = 1 / (1 + np.exp(-numbers.sum(axis=1)))
            answer = "\n".join(map(repr, score.tolist())).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.send(server.server_port)
    server.serve_forever()


@contextlib.contextmanager
def serving() -> Iterator[int]:
    """Port of a server in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,))
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def plain_loop(frame: pd.DataFrame, port: int) -> np.ndarray:
    """Scores by a loop of requests that are as large as they may be, one after another."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    made = []
    at_once = _MOST_BODY // len(frame.iloc[:1].to_csv(header=False, index=False)) * 9 // 10
    for start in range(0, len(frame), at_once):
        body = frame.iloc[start : start + at_once].to_csv(header=False, index=False).rstrip("\n")
        assert len(body) <= _MOST_BODY
        connection.request("POST", "/invocations", body.encode(), {"Content-Type": "text/csv"})
        made.append(np.array(connection.getresponse().read().split(b"\n"), dtype=np.float64))
    connection.close()
    return np.concatenate(made)


def forwarded() -> tuple[str, float, float]:
    from biaskit.clarify.asked.configuration import configured
    from biaskit.clarify.predictors.opening import predictor_of

    random = np.random.default_rng(2)
    columns = [f"x{i}" for i in range(_FEATURES)]
    frame = pd.DataFrame(random.integers(-9, 9, (100_000, _FEATURES)), columns=columns)
    frame["x0"] = random.normal(size=len(frame)).round(6)
    asked = configured(
        {
            "dataset_type": "text/csv",
            "methods": {"pdp": {"features": ["x0"]}},
            "predictor": {"endpoint_name": "e"},
        }
    )
    with serving() as port:
        url = f"http://127.0.0.1:{port}"

        def ours() -> np.ndarray:
            with contextlib.closing(predictor_of(asked, columns, endpoint=url)) as predictor:
                return predictor.scores(frame)[:, 0]

        assert np.allclose(ours(), plain_loop(frame, port))
        one, other = medians(ours, lambda: plain_loop(frame, port), 9)
    return "100,000 rows through /invocations: a loop of maximal requests / biaskit", other, one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    lines = ["| what | one | other | ratio |", "| --- | ---: | ---: | ---: |"]
    with tempfile.TemporaryDirectory() as name:
        for measure in (
            lambda: in_memory(Path(name)),
            lambda: as_process(Path(name)),
            forwarded,
        ):
            title, one, other = measure()
            lines.append(f"| {title} | {one:,.3f} | {other:,.3f} | {one / other:,.2f} |")
            print(lines[-1], flush=True)
    if args.write:
        write_section("clarify", "\n".join(lines), packages=_PACKAGES)


if __name__ == "__main__":
    main()
