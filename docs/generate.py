"""Pages about the metrics, made of their declarations: ``python docs/generate.py``.

A test holds that the pages in the repository are what this makes of the code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

import biaskit
from biaskit.metrics import Metric
from biaskit.roles import Roles
from biaskit.words import in_words

METRICS_FOLDER = Path(__file__).parent / "metrics"

_AGAINST = {
    ">": "A value **above** {parity:g} is against facet d.",
    "<": "A value **below** {parity:g} is against facet d.",
    "!=": "It is a distance: it says how far apart the facets are, not which of them is worse off.",
}
_SWAP = {
    "negates": "Changing a for d changes its sign.",
    "inverts": "Changing a for d inverts it: 1 / DI.",
    "keeps": "Changing a for d leaves it as it is.",
    "changes": "Changing a for d gives another value: it is not symmetric.",
}


def pages() -> dict[str, str]:
    """Text of every page by its file name."""
    made = {f"{metric.symbol}.md": page(metric) for metric in biaskit.METRICS.values()}
    made["README.md"] = overview()
    return made


def overview() -> str:
    """Text of the page that lists the metrics."""
    rows = [
        f"| [{one.symbol}]({one.symbol}.md) | {one.title} | `{cell(one.formula)}` | "
        f"{interval(one)} | {one.parity:g} | {one.stage} |"
        for one in biaskit.METRICS.values()
    ]
    return "\n".join(
        [
            "# The metrics",
            "",
            "*a* and *d* are the sides of a comparison: facet d is the value in the report's row,",
            "facet a every other known value. `n` counts rows, `n(1)` those with a positive label,",
            "`n(0)` the others, `q = n(1) / n`, and `P(y)` is the share of label `y`.",
            "",
            "| symbol | name | formula | range | parity | stage |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "`biaskit metrics` prints this table; `biaskit.METRICS` is it as data.",
            "",
        ]
    )


def page(metric: Metric) -> str:
    """Text of the page of one metric."""
    needs = ", ".join(f"`{role}`" for role in ("facet", *metric.needs))
    also = f" (also {', '.join(metric.aliases)})" if metric.aliases else ""
    return "\n".join(
        [
            f"# {metric.symbol}{also}: {metric.title}",
            "",
            "```text",
            f"{metric.symbol} = {metric.formula}",
            "```",
            "",
            metric.reading,
            "",
            f"* **Range** {interval(metric)}; parity, no difference, is {metric.parity:g}.",
            f"* **Sign** {_AGAINST[metric.against_d].format(parity=metric.parity)}",
            f"* **Swap** {_SWAP[metric.swap]}",
            f"* **Needs** {needs}; a {metric.stage} metric.",
            f"* **Undefined** (NaN, with a note) where a side has no rows{undefined(metric)}.",
            "",
            "## A worked example",
            "",
            *example(metric),
            "",
        ]
    )


def example(metric: Metric) -> list[str]:
    """Lines of an example on a table that has what the metric needs."""
    table, roles, told = BERKELEY
    if {"label", "predicted"} <= {*metric.needs}:
        table, roles, told = COMPAS
    elif "predicted" in metric.needs:
        roles = {"predicted" if k == "label" else k: v for k, v in roles.items()}
    report = biaskit.report(getattr(biaskit.datasets, table)(), **roles, metrics=[metric])
    value = round(float(report["estimate"].iloc[0]), 4)
    return [
        told,
        "",
        "```pycon",
        ">>> import biaskit",
        ">>> report = biaskit.report(",
        f"...     biaskit.datasets.{table}(),",
        *(f"...     {name}={value!r}," for name, value in roles.items()),
        f"...     metrics={metric.symbol!r},",
        "... )",
        '>>> report["estimate"].round(4).item()',
        f"{value!r}",
        "```",
        "",
        f"In words: {sentence(metric, report, roles)}",
        *(["", strata()] if "group" in metric.needs else []),
    ]


def sentence(metric: Metric, report: pd.DataFrame, roles: dict[str, Any]) -> str:
    """What the one row of a report says, in words."""
    columns = ["estimate", "low", "high", "n_a", "n_d", "note"]
    row = report.iloc[0]
    figures = {name: row[name] for name in columns}
    return in_words(metric, Roles.of(**roles), str(row["value"]), **figures)


def undefined(metric: Metric) -> str:
    """End of the sentence on when a metric is undefined."""
    return "" if metric.undefined == "0/0" else f", or: {metric.undefined}"


def strata() -> str:
    """Line with the counts by department."""
    cells = biaskit.datasets.BERKELEY
    each = [
        f"{a[0]} {d[2]} of {d[2] + d[3]} women and {a[2]} of {a[2] + a[3]} men"
        for a, d in zip(cells[::2], cells[1::2], strict=True)
    ]
    return f"By department: {'; '.join(each)}."


BERKELEY = (
    "berkeley",
    {
        "facet": "gender",
        "facet_values": "female",
        "label": "decision",
        "positive": "admitted",
        "group": "department",
    },
    (
        "The admissions of 1973 at Berkeley, with women as facet d: 557 of 1,835 women and 1,198 "
        "of 2,691 men were admitted."
    ),
)
COMPAS = (
    "compas",
    {
        "facet": "race",
        "facet_values": "African-American",
        "label": "arrested",
        "predicted": "scored",
        "positive": 1,
    },
    (
        "The COMPAS scores, with African-American defendants as facet d. Of them TP 1,369, FP 805, "
        "FN 532, TN 990; of all others TP 666, FP 477, FN 684, TN 1,691. Positive is, as "
        "published, an arrest."
    ),
)


def interval(metric: Metric) -> str:
    """Range of a metric in brackets."""
    low, high = metric.bounds
    return f"[{low:.4g}, {'∞)' if high == float('inf') else f'{high:.4g}]'}"


def cell(text: str) -> str:
    """Text that cannot end a cell of a Markdown table."""
    return text.replace("|", "\\|")


def main() -> None:
    """Write the pages, and delete those of metrics that are gone."""
    METRICS_FOLDER.mkdir(exist_ok=True)
    made = pages()
    for old in METRICS_FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (METRICS_FOLDER / name).write_text(text, encoding="utf-8")
        print(METRICS_FOLDER / name)


if __name__ == "__main__":
    main()
