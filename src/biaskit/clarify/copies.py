"""Copies of the report: as a notebook of texts and tables, and as the printed page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any, TypeVar

from biaskit.errors import RolesError
from biaskit.store.formats import as_markdown, markdown

__all__ = ["as_notebook", "as_pdf", "refuse_copies"]

T = TypeVar("T")

#: What makes a copy, by the ending of its name.
_MADE_BY = {
    "ipynb": ("nbformat", "pip install nbformat"),
    "pdf": ("playwright", "pip install playwright && playwright install chromium"),
}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_STAGES = {
    "pre_training_bias_metrics": "Bias before training",
    "post_training_bias_metrics": "Bias after training",
}
# A notebook names the largest; `analysis.json` has all.
_MOST_FEATURES = 100


def refuse_copies(copies: Collection[str]) -> None:
    """Refuse copies that cannot be made here.

    Raises
    ------
    RolesError
        Their kind is unknown, or what makes them is not installed.
    """
    if isinstance(copies, str):
        raise RolesError(f"report_as is a list, such as ['pdf'], not {copies!r}")
    for kind in copies:
        if kind not in _MADE_BY:
            raise RolesError(f"a report is copied as {' or '.join(_MADE_BY)}, not as {kind!r}")
        library, how = _MADE_BY[kind]
        if find_spec(library) is None:
            raise RolesError(f"a report as {kind} is made by {library}, which is missing: {how}")
    # Before the job, not after it: its results would wait for a browser.
    if "pdf" in copies and _with_chromium(_path) is None:
        raise RolesError("a report as pdf is printed by Chromium: playwright install chromium")


def as_notebook(title: str, analysis: Mapping[str, Any], cautions: Sequence[str]) -> str:
    """Notebook with the results of ``analysis.json``, which needs no run to be read."""
    import nbformat
    from nbformat.v4 import new_markdown_cell, new_notebook

    cells = [f"# {markdown(title)}\n\nA SageMaker Clarify job, run by biaskit."]
    if cautions:
        listed = "\n".join(f"* {markdown(one)}" for one in cautions)
        cells.append(f"## What to be careful of\n\n{listed}")
    for stage, heading in _STAGES.items():
        if stage in analysis:
            cells += [f"## {heading}", *_bias(analysis[stage])]
    cells += _shap(analysis.get("explanations", {}).get("kernel_shap", {}))
    made = new_notebook(
        cells=[new_markdown_cell(text, id=f"part-{i}") for i, text in enumerate(cells)]
    )
    nbformat.validate(made)
    return str(nbformat.writes(made)) + "\n"


def _bias(found: Mapping[str, Any]) -> Iterator[str]:
    for facet, groups in found["facets"].items():
        for one in groups:
            metrics = one["metrics"]
            columns = {"metric": "description", "value": "value"}
            if any("error" in metric for metric in metrics):
                columns["why it has no value"] = "error"
            rows = [[metric.get(key, "") for key in columns.values()] for metric in metrics]
            group = markdown(str(one["value_or_threshold"]))
            yield f"### {markdown(facet)}: {group}\n\n{as_markdown([*columns], rows)}"


def _shap(found: Mapping[str, Any]) -> Iterator[str]:
    for label, one in found.items():
        values = one["global_shap_values"]
        largest = sorted(values, key=lambda name: -abs(values[name]))[:_MOST_FEATURES]
        rows = [(name, values[name]) for name in largest]
        text = as_markdown(["feature", "global SHAP value"], rows)
        yield f"## What the model's scores rest on: {markdown(label)}\n\n{text}"


def as_pdf(html: str) -> bytes:
    """A page, printed by Chromium without scripts or network."""

    def printed(chromium: Any) -> bytes:
        with chromium.launch(executable_path=_path(chromium)) as browser:
            page = browser.new_context(java_script_enabled=False, offline=True).new_page()
            page.set_content(html)
            return bytes(page.pdf(format="A4", print_background=True))

    return _with_chromium(printed)


def _path(chromium: Any) -> str | None:
    """Playwright's browser, or one that is installed beside it."""
    own = str(chromium.executable_path)
    return own if Path(own).exists() else next(filter(None, map(which, _BROWSERS)), None)


def _with_chromium(use: Callable[[Any], T]) -> T:
    """What is made with Playwright's Chromium.

    A thread of its own, since a notebook's thread has an event loop, which Playwright refuses.
    """
    from playwright.sync_api import sync_playwright

    def used() -> T:
        with sync_playwright() as started:
            return use(started.chromium)

    with ThreadPoolExecutor(1) as one:
        return one.submit(used).result()
