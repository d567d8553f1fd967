"""The page in a browser: how soon it starts, what an upload takes, how fast it follows a slider.

``python benchmarks/app.py`` prints the table; ``--write`` also puts it into docs/benchmarks.md.
Needs the ``dev`` extra. Every pair is measured in turns, and its least is taken, in seconds of the
processor, which other work on the machine disturbs little. ``--browser`` adds the seconds that pass
until Chromium shows a picture, which it does disturb.
"""

from __future__ import annotations

import argparse
import resource
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
from biaskit.browser.asked import Asked
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
    """Processor seconds from the start of the command until its first page was there."""
    import httpx2

    began = of_children()
    run = [sys.executable, "-m", "biaskit", "app", str(path), "--no-open"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with httpx2.Client(timeout=60, follow_redirects=True) as browser:
            browser.get(url)
        server.terminate()
    return of_children() - began


def imported() -> float:
    """Processor seconds of a process that imports what serves a page, and what reads Parquet."""
    began = of_children()
    code = "import uvicorn, starlette.applications, numpy, pyarrow.parquet"
    subprocess.run([sys.executable, "-c", code], check=True)
    return of_children() - began


def of_children() -> float:
    """Processor seconds of the processes that this one has started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def least(one: Any, other: Any, times: int) -> tuple[float, float]:
    """Least of what two calls return, in turns, after a turn that is not counted."""
    one(), other()
    pairs = [(one(), other()) for _ in range(times)]
    first, second = map(min, zip(*pairs, strict=True))
    return first, second


def processor(call: Any) -> float:
    """Processor seconds of a call, those of all threads of this process included."""
    began = time.process_time()
    call()
    return time.process_time() - began


def seconds(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def by_path(path: Path, rows: int) -> tuple[str, float, float]:
    """Processor seconds of a pass behind the page, and of the same count by a call."""
    roles = biaskit.Roles(facet=["race", "sex"], label="repaid")

    def on_page() -> None:
        desk = Desk(Root(path.parent))  # which has kept no counts
        job = desk.counts(f"file:{path.name}", roles)
        assert isinstance(job, Job)
        job.wait(600)
        assert job.outcome == "counted"
        desk.close()

    return (
        f"processor, pass over {rows:,} rows of Parquet: page / biaskit.count",
        *least(
            lambda: processor(on_page), lambda: processor(lambda: biaskit.count(path, roles)), 15
        ),
    )


def starts(path: Path) -> tuple[str, float, float]:
    """Processor seconds to the first page, and of imports that it needs."""
    title = "processor, to the first page: biaskit app / import uvicorn, starlette, pyarrow.parquet"
    return title, *least(lambda: started(path), imported, 9)


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
            home = browser.get(url).url
            before = peak(server.pid)
            base = url.partition("/?")[0]
            headers = {"content-type": "multipart/form-data; boundary=b", "origin": base}
            sent = browser.post(
                home.join("upload"), content=form(), headers=headers, follow_redirects=False
            )
            assert sent.status_code == 303
            after = peak(server.pid)
        server.terminate()
    return f"peak memory in MB, {UPLOADED} MB uploaded: after / before", after, before


def peak(pid: int) -> float:
    """Peak memory of a process in MB."""
    said = Path("/proc", str(pid), "status").read_text()
    return int(said.split("VmHWM:")[1].split()[0]) / 1024


CHANGES = {
    "limit": ("limit.DPL", [f"{n / 100:.2f}" for n in range(3, 19)]),
    "threshold": ("threshold", [f"{n / 100:.2f}" for n in range(31, 47)]),
}


def address_of(path: Path, field: str, value: str) -> str:
    """Address of the report with another value in a field."""
    asked = Asked.of_query(f"table=file:{path.name}&{CHOSEN}&threshold=0.5")
    return f"/{asked.replaced({field: value}).address('report')}"


def answers(path: Path, rows: int) -> Iterator[tuple[str, float, float]]:
    """Processor seconds of an answer to a slider, and of a page of the same counts."""
    roles = biaskit.Roles(facet=["race", "sex"], label="repaid", score="score")
    counts = biaskit.count(path, roles).at_threshold(0.5)
    page = min(processor(lambda: biaskit.page(counts, positive=1)) for _ in range(5))
    with served(path) as client:
        for name, (field, values) in CHANGES.items():
            used = []
            for value in values:
                address = address_of(path, field, value)
                used.append(processor(lambda at=address: client.get(at)))
            title = f"processor, new {name} of {rows:,} rows: answer / biaskit.page of the counts"
            yield title, min(used[1:]), page


def pictures(path: Path, rows: int) -> Iterator[tuple[str, float, float]]:
    """Seconds from a field to its picture in Chromium, and of the answer of the server in it."""
    size = {"width": 1300, "height": 900}
    with (
        served(path) as client,
        chromium() as browser,
        browser.new_context(viewport=size) as window,
    ):
        page = window.new_page()
        page.goto(client.app.url)
        page.goto(f"{client.pages}{address_of(path, 'threshold', '0.5')}")
        page.locator("#result").wait_for(timeout=120_000)
        for name, (field, values) in CHANGES.items():
            shown, answered = [], []
            for value in values:
                shown.append(page.evaluate(_UNTIL_SHOWN, [field, value]))
                address = f"/report?{page.url.partition('?')[2]}"
                answered.append(seconds(lambda at=address: client.get(at)))
            title = f"new {name} of {rows:,} rows: shown in Chromium / answered by the server"
            yield title, min(shown[1:]), min(answered[1:])


def main() -> None:
    """Print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--browser", action="store_true")
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
        for found in answers(path, args.rows):
            add(*found)
        for found in pictures(path, args.rows) if args.browser else ():
            add(*found)
    if args.write:
        write_section("app", "\n".join(lines), packages=PACKAGES)


if __name__ == "__main__":
    main()
