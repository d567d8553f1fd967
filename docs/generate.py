"""Pages about the metrics, made of their declarations: ``python docs/generate.py``.

A test holds that the pages in the repository are what this makes of the code.
"""

from __future__ import annotations

from pathlib import Path

import biaskit
from biaskit.metrics import Metric

METRICS_FOLDER = Path(__file__).parent / "metrics"

_AGAINST = {
    ">": "A value **above** {parity:g} is against facet d.",
    "<": "A value **below** {parity:g} is against facet d.",
    "!=": "It is a distance: it says how far apart the facets are, not which of them is worse off.",
}
_SWAP = {
    "negates": "Changing a for d changes its sign.",
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
            "The admissions of 1973 at Berkeley, with women as facet d:",
            "",
            "```pycon",
            ">>> import biaskit",
            ">>> report = biaskit.report(",
            "...     biaskit.datasets.berkeley(),",
            '...     facet="gender",',
            '...     facet_values="female",',
            '...     label="decision",',
            '...     positive="admitted",',
            '...     group="department",',
            f'...     metrics="{metric.symbol}",',
            "... )",
            '>>> report["estimate"].round(4).item()',
            f"{berkeley(metric)!r}",
            "```",
            "",
            worked(metric),
            "",
        ]
    )


def undefined(metric: Metric) -> str:
    """End of the sentence on when a metric is undefined."""
    return "" if metric.undefined == "0/0" else f", or: {metric.undefined}"


def berkeley(metric: Metric) -> float:
    """Value of a metric on the Berkeley admissions."""
    report = biaskit.report(
        biaskit.datasets.berkeley(),
        facet="gender",
        facet_values="female",
        label="decision",
        positive="admitted",
        group="department",
        metrics=[metric],
    )
    return round(float(report["estimate"].iloc[0]), 4)


def worked(metric: Metric) -> str:
    """Line with the counts that the value comes from."""
    admitted = {g: sum(row[2] for row in biaskit.datasets.BERKELEY if row[1] == g) for g in GENDERS}
    rejected = {g: sum(row[3] for row in biaskit.datasets.BERKELEY if row[1] == g) for g in GENDERS}
    sides = [
        f"{side} {admitted[gender]:,} of {admitted[gender] + rejected[gender]:,}"
        for side, gender in (("men (a)", "male"), ("women (d)", "female"))
    ]
    line = f"Admitted: {', '.join(sides)}."
    if "group" not in metric.needs:
        return line
    cells = biaskit.datasets.BERKELEY
    strata = [
        f"{a[0]} {d[2]} of {d[2] + d[3]} women and {a[2]} of {a[2] + a[3]} men"
        for a, d in zip(cells[::2], cells[1::2], strict=True)
    ]
    return f"{line} By department: {'; '.join(strata)}."


GENDERS = ("male", "female")


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
