"""Downloads: what was chosen as files, the same that the command line writes of the same table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from biaskit.browser.asked import Asked
from biaskit.browser.chosen import Chosen
from biaskit.browser.results import About
from biaskit.browser.steps.report import shown_contents
from biaskit.browser.steps.reproduced import configuration_of
from biaskit.counts.counts import Counts
from biaskit.counts.spellings import spelled_alike
from biaskit.pages.exports.results import Results, write_results
from biaskit.pages.page import made_of
from biaskit.reports.report import columns_of, report_rows, what_is_compared
from biaskit.reports.summary import summarised
from biaskit.store.formats import as_safe_csv

__all__ = ["KINDS", "downloaded"]

#: Kind of each file that can be downloaded, as HTTP names it.
KINDS = {
    "page.html": "text/html; charset=utf-8",
    "report.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "report.csv": "text/csv; charset=utf-8",
    "report.counts": "application/vnd.apache.parquet",
    "biaskit.toml": "application/toml",
}


def downloaded(name: str, counts: Counts, asked: Asked, about: About) -> bytes | None:
    """Bytes of a file to download; None where there is none of this name, or nothing for it.

    Raises
    ------
    FieldError
        A choice is missing, invalid or impossible.
    DataError
        A library is not installed.
    """
    chosen, contents = shown_contents(counts, asked, about)
    if name == "page.html":
        return made_of(contents).encode()
    if name == "biaskit.toml":
        text = configuration_of(contents, about)
        return None if text is None else text.encode()
    if name == "report.counts":
        return _written(chosen.counts.save)
    results = _results(chosen)
    if name == "report.csv":
        return f"{as_safe_csv(results.columns, results.rows)}\n".encode(errors="backslashreplace")
    if name == "report.xlsx":
        return _written(lambda path: write_results(path, results))
    return None


def _results(chosen: Chosen) -> Results:
    """All numbers of a report."""
    counts, metrics = chosen.counts, chosen.metrics
    rows = report_rows(counts, metrics, chosen.confidence)
    columns = columns_of(counts)
    said = summarised(rows, counts, metrics)
    return Results(
        "report",
        columns,
        [[getattr(row, name) for name in columns] for row in rows],
        [what_is_compared(counts), *spelled_alike(counts)],
        chosen.confidence,
        counts.roles.to_json(),
        [one.sentence for one in said.findings],
    )


def _written(write: Callable[[Path], None]) -> bytes:
    """Bytes of a file that somebody writes."""
    with tempfile.TemporaryDirectory(prefix="biaskit-") as folder:
        path = Path(folder, "written")
        write(path)
        return path.read_bytes()
