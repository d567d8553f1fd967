"""The page in a browser: how soon it starts, what an upload takes, how fast it follows a slider.

``python benchmarks/app.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
Needs the ``dev`` extra and Chromium. Every pair is measured in turns.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from core import write_section

import biaskit
from biaskit.browser.desk import Desk
from biaskit.browser.jobs import Job
from biaskit.browser.places import Root
from support.browser import chromium
from support.served import served

PACKAGES = ("biaskit", "starlette", "uvicorn", "python-multipart", "numpy", "pyarrow")
CHOSEN = "facet=race&facet=sex&label=repaid&positive=1&score=score"
UPLOADED = 300
# Changes a field of the page, and waits until the report that follows it is painted.
_UNTIL_SHOWN = """async ([name, value]) => {
  const field = document.querySelector(`[name="${name}"]`), began = performance.now();
  const shown = new Promise((done) => {
    const seen = new MutationObserver(() => {
      const query = new URLSearchParams(document.getElementById("result").dataset.query);
      if (query.get(name) === value) { seen.disconnect(); done(); }
    });
    seen.observe(document.body, { childList: true, subtree: true });
  });
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await shown;
  await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
  return (performance.now() - began) / 1000;
}"""


def scored(path: Path, rows: int) -> Path:
    """Loans of random people of five races and two sexes, with a score and what came of them."""
    rng = np.random.default_rng(0)
    score = rng.beta(2, 2, rows).round(6)
    table = pa.table(
        {
            "race": pa.array([f"race {n}" for n in range(5)]).take(
                pa.array(rng.integers(0, 5, rows))
            ),
            "sex": pa.array(["F", "M"]).take(pa.array(rng.integers(0, 2, rows))),
            "score": score,
            "repaid": (rng.random(rows) < score).astype(np.int64),
        }
    )
    pq.write_table(table, path, row_group_size=1 << 20)
    return path


def started(path: Path) -> float:
    """Seconds from the start of the command until its first page is there."""
    import httpx2

    began = time.perf_counter()
    run = [sys.executable, "-m", "biaskit", "app", str(path), "--no-open"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with httpx2.Client(timeout=60) as browser:
            browser.get(url)
            took = time.perf_counter() - began
        server.terminate()
    return took


def imported() -> float:
    """Seconds of a process that imports what serves a page, and what reads Parquet."""
    began = time.perf_counter()
    code = "import uvicorn, starlette.applications, numpy, pyarrow.parquet"
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def medians(one: Any, other: Any, times: int) -> tuple[float, float]:
    """Medians of what two calls return, in turns, after a turn that is not counted."""
    one(), other()
    pairs = [(one(), other()) for _ in range(times)]
    first, second = map(statistics.median, zip(*pairs, strict=True))
    return first, second


def seconds(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def by_path(path: Path, rows: int) -> tuple[str, float, float]:
    """Seconds of a pass behind the page, and of the same count by a call."""
    roles = biaskit.Roles(facet=["race", "sex"], label="repaid")

    def on_page() -> None:
        desk = Desk(Root(path.parent))  # which has kept no counts
        job = desk.counts(f"file:{path.name}", roles)
        assert isinstance(job, Job)
        job.wait(600)
        assert job.outcome == "counted"
        desk.close()

    return (
        f"pass over {rows:,} rows of Parquet: page / biaskit.count",
        *medians(lambda: seconds(on_page), lambda: seconds(lambda: biaskit.count(path, roles)), 7),
    )


def starts(path: Path) -> tuple[str, float, float]:
    """Seconds until the first page is there, and of the imports that it needs."""
    title = "process to the first page: biaskit app / import uvicorn, starlette, pyarrow.parquet"
    return title, *medians(lambda: started(path), imported, 7)


def uploads(folder: Path) -> tuple[str, float, float]:
    """Peak memory in MB of a server after an upload, and before it."""
    import httpx2

    some = b"F,34,0.5,yes\n" * 80_000

    def form() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n'
        yield from (some for _ in range(UPLOADED))
        yield b"\r\n--b--\r\n"

    run = [sys.executable, "-m", "biaskit", "app", str(folder), "--no-open"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with httpx2.Client(timeout=120, follow_redirects=True) as browser:
            browser.get(url)
            before = peak(server.pid)
            base = url.partition("/?")[0]
            headers = {"content-type": "multipart/form-data; boundary=b", "origin": base}
            sent = browser.post(
                f"{base}/upload", content=form(), headers=headers, follow_redirects=False
            )
            assert sent.status_code == 303
            after = peak(server.pid)
        server.terminate()
    return f"peak memory in MB, {UPLOADED} MB uploaded: after / before", after, before


def peak(pid: int) -> float:
    """Peak memory of a process in MB."""
    said = Path("/proc", str(pid), "status").read_text()
    return int(said.split("VmHWM:")[1].split()[0]) / 1024


def pictures(path: Path, rows: int) -> Iterator[tuple[str, float, float]]:
    """Seconds from a field to its picture in Chromium, and of the answer of the server in it."""
    changes = {
        "limit": ("limit.DPL", [f"{n / 100:.2f}" for n in range(3, 19)]),
        "threshold": ("threshold", [f"{n / 100:.2f}" for n in range(31, 47)]),
    }
    query = f"table=file:{path.name}&{CHOSEN}&threshold=0.5"
    size = {"width": 1300, "height": 900}
    with (
        served(path) as client,
        chromium() as browser,
        browser.new_context(viewport=size) as window,
    ):
        page = window.new_page()
        page.goto(client.app.url)
        page.goto(f"{client.pages}/report?{query}")
        page.locator("#result").wait_for(timeout=120_000)
        for name, (field, values) in changes.items():
            shown, answered = [], []
            for value in values:
                shown.append(page.evaluate(_UNTIL_SHOWN, [field, value]))
                address = f"/report?{page.url.partition('?')[2]}&n={value}"
                answered.append(seconds(lambda at=address: client.get(at)))
            yield (
                f"new {name} of {rows:,} rows: shown in Chromium / answered by the server",
                statistics.median(shown[1:]),
                statistics.median(answered[1:]),
            )


def main() -> None:
    """Print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    lines = ["| what | one | other | ratio |", "| --- | ---: | ---: | ---: |"]

    def add(title: str, one: float, other: float) -> None:
        digits = 0 if "MB" in title else 3
        lines.append(f"| {title} | {one:,.{digits}f} | {other:,.{digits}f} | {one / other:,.2f} |")
        print(lines[-1], flush=True)

    with tempfile.TemporaryDirectory() as name:
        path = scored(Path(name, "loans.parquet"), args.rows)
        add(*starts(path))
        add(*by_path(path, args.rows))
        add(*uploads(path.parent))
        for found in pictures(path, args.rows):
            add(*found)
    if args.write:
        write_section("app", "\n".join(lines), packages=PACKAGES)


if __name__ == "__main__":
    main()
