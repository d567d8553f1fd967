"""The page beside Evidently's report of the same table, as a browser sees them.

Evidently is no dependency. It lives in an environment of its own, since 0.7 does not run with
pandas 3: ``python -m venv peers && peers/bin/pip install evidently 'pandas<3' pyarrow``.
``python benchmarks/pages_peers.py peers/bin/python`` prints the table;
``--write`` also puts it into docs/benchmarks.md. Chromium is needed, too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from core import write_section
from playwright.sync_api import sync_playwright

import biaskit

VALUE, TIMES = "African-American", 5
OURS = """
import json, sys, time
start = time.perf_counter()
import biaskit
biaskit.page
imported = time.perf_counter()
page = biaskit.page(
    sys.argv[1], facet="race", facet_values=sys.argv[2], label="arrested", predicted="scored",
    positive=1, name="COMPAS",
)
page.save(sys.argv[3])
made = time.perf_counter()
print(json.dumps([biaskit.__version__, imported - start, made - imported]))
"""
# One group beside all others: that is what its reports compare.
THEIRS = """
import json, sys, time
start = time.perf_counter()
import evidently, pandas
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.presets import ClassificationPreset, DataDriftPreset
imported = time.perf_counter()
rows = pandas.read_parquet(sys.argv[1])
roles = BinaryClassification(target="arrested", prediction_labels="scored", pos_label=1)
columns = ["race", "arrested", "scored"]
what = DataDefinition(classification=[roles], categorical_columns=columns)
is_d = rows["race"] == sys.argv[2]
d, a = (Dataset.from_pandas(rows[one], data_definition=what) for one in (is_d, ~is_d))
Report([ClassificationPreset(), DataDriftPreset()]).run(d, a).save_html(sys.argv[3])
made = time.perf_counter()
print(json.dumps([evidently.__version__, imported - start, made - imported]))
"""
# Figures of a report that Clarify wrote in 2025 and that lies in a public repository, as they were
# read there: it was not run here.
CLARIFY = ["SageMaker Clarify (read)", "983", "–", "10 critical, 13 serious", "no", "–", "–", "–"]
HEADS = ("page", "kB", "requests", "axe-core", "lang", "words without scripts", "import, s", "s")


def made(python: str, script: str, table: Path, page: Path) -> tuple[str, float, float]:
    """Version, and median seconds of the import and of making the page, in processes."""
    found = []
    for _ in range(TIMES):
        command = [python, "-c", script, str(table), VALUE, str(page)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    versions, imports, makes = zip(*found, strict=True)
    return versions[0], statistics.median(imports), statistics.median(makes)


def seen(browser: Any, page: Path) -> list[str]:
    """What a browser makes of a page: size, requests, what axe-core finds, language, words."""
    with browser.new_context(offline=True, bypass_csp=True) as window:
        shown, asked = window.new_page(), []
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(page.as_uri())
        shown.wait_for_timeout(3000)
        shown.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        found = Axe().run(shown).response["violations"]
        language = shown.evaluate("document.documentElement.lang") or "no"
    impacts = Counter(one["impact"] for one in found for _ in one["nodes"])
    with browser.new_context(offline=True, java_script_enabled=False) as window:
        shown = window.new_page()
        shown.goto(page.as_uri())
        words = len(shown.inner_text("body").split())
    fetched = [one for one in asked[1:] if not one.startswith(("data:", "blob:"))]
    return [
        f"{page.stat().st_size / 1000:,.0f}",
        str(1 + len(fetched)),
        ", ".join(f"{n:,} {impact}" for impact, n in sorted(impacts.items())) or "nothing",
        language,
        f"{words:,}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("evidently", nargs="?", help="Python that has evidently")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    lines = [f"| {' | '.join(HEADS)} |", "| --- | ---: | ---: | --- | --- | ---: | ---: | ---: |"]
    peers = [("biaskit", sys.executable, OURS)]
    if args.evidently:
        peers.append(("Evidently", args.evidently, THEIRS))
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        table = Path(name) / "compas.parquet"
        biaskit.datasets.compas().to_parquet(table)
        for peer, python, script in peers:
            page = Path(name) / f"{peer}.html"
            version, imports, makes = made(python, script, table, page)
            cells = [f"{peer} {version}", *seen(browser, page), f"{imports:.2f}", f"{makes:.2f}"]
            lines.append(f"| {' | '.join(cells)} |")
            print(lines[-1], flush=True)
        browser.close()
    lines.append(f"| {' | '.join(CLARIFY)} |")
    if args.write:
        packages = ["numpy", "pandas", "playwright"]
        write_section("pages beside peers", "\n".join(lines), packages=packages)


if __name__ == "__main__":
    main()
