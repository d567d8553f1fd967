"""Pages: bytes, seconds of rendering beside the intervals, requests, and bytes that are zipped.

python benchmarks/pages.py [BROWSER]

A page of one facet with groups and drift, and one of five facets with 29 values and 638 numbers,
of tables that `tests/support/loans.py` makes. With the path of a Chromium, and Playwright, the
requests of each are counted, and the time until its document is ready.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import biaskit
from biaskit.pages.page import Page, made_of
from support.loans import ROLES, attributed, dependence, loans, many_facets

REPEATED = 7


def small() -> Page:
    """One facet of two values, with groups and drift."""
    roles = {"facet": "sex", "label": "repaid", "group": "branch"}
    then = biaskit.count(loans(drift=-0.1), **roles)
    return biaskit.page(loans(), **roles, baseline=then, name="loans")


def full() -> Page:
    """Two facets with everything: limits, predictions, groups, drift, a model."""
    then = biaskit.count(loans(drift=-0.1), **ROLES)
    return biaskit.page(
        loans(),
        **ROLES,
        name="loans",
        baseline=then,
        limits={"DPL": 0.1, "DI": [0.8, 1.25]},
        attributions=attributed(),
        dependence=dependence(),
    )


def large() -> Page:
    """Five facets with 29 values."""
    return biaskit.page(many_facets(), name="defendants")


def least(call: Callable[[], object]) -> float:
    """Least seconds of processor time of some calls."""
    times = []
    for _ in range(REPEATED):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def in_browser(page: Page, program: str) -> str:
    """Requests of a page, and the time until its document is ready."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        page.save(path)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        shown = browser.new_page()
        requests: list[str] = []
        shown.on("request", lambda request: requests.append(request.url))
        shown.goto(path.as_uri())
        ready = "performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart"
        took = shown.evaluate(ready)
        browser.close()
    return f"{len(requests)} request, ready in {took} ms"


def main() -> None:
    """Print a line for each page."""
    program = sys.argv[1] if len(sys.argv) > 1 else ""
    for make in (small, full, large):
        page = make()
        encoded = page.html.encode()
        contents = page.contents
        # A copy of the contents keeps nothing that was found while they were written before.
        again = least(lambda contents=contents: made_of(replace(contents)))
        whole = least(make)
        told = [
            f"{make.__name__}: {len(contents.rows)} numbers",
            f"{len(encoded):,} bytes ({len(gzip.compress(encoded)):,} zipped)",
            f"rendering {1000 * again:.0f} ms of {1000 * whole:.0f} ms",
        ]
        if program:
            told.append(in_browser(page, program))
        print("; ".join(told))


if __name__ == "__main__":
    main()
