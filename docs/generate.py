"""Pages made of the code: metrics, findings, rooms, a gallery: ``python docs/generate.py``.

A test holds that the pages in the repository are what this makes of the code.
"""

from __future__ import annotations

import ast
import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

import biaskit
from biaskit.cli import main as run
from biaskit.counts.roles import Roles
from biaskit.gate.findings import CODES, Code
from biaskit.metrics import EVERY, Metric, needs_rows
from biaskit.reports.report import report_rows
from biaskit.reports.sentences import row_sentences
from biaskit.sources.counting import counted

ALL = tuple(EVERY.values())
DOCS = Path(__file__).parent
PACKAGE = Path(biaskit.__file__).parent
BEGIN, END = "<!-- folders: made by docs/generate.py -->", "<!-- end of folders -->"
# Folders and modules of the package, from those that use others to those that others use.
_DOWNWARDS = (
    *(
        "__init__.py",
        "__main__.py",
        "cli",
        "browser",
        "clarify",
        "pages",
        "scores",
        "gate",
        "audits",
        "reports",
    ),
    *("explanations", "sources", "intervals", "metrics", "counts", "datasets.py"),
    *("store", "_kernels", "progress.py", "errors.py"),
)

_AGAINST = {
    ">": "A value **above** {parity:g} is against facet d.",
    "<": "A value **below** {parity:g} is against facet d.",
    "!=": "It is a distance: it says how far apart the facets are, not which of them is worse off.",
    "either": "Either sign may be against facet d: that depends on what a high score means.",
}
_SWAP = {
    "negates": "Changing a for d changes its sign.",
    "inverts": "Changing a for d inverts it: 1 / {symbol}.",
    "keeps": "Changing a for d leaves it as it is.",
    "changes": "Changing a for d gives another value: it is not symmetric.",
}


def pages() -> dict[str, dict[str, str]]:
    """Text of every page, by folder and file name."""
    metrics = {f"{metric.symbol}.md": page(metric) for metric in ALL}
    findings = {f"{code.code}.md": finding(code) for code in CODES.values()}
    return {
        "metrics": {**metrics, "README.md": overview()},
        "findings": {**findings, "README.md": overview_of_findings()},
        ".": {"rooms.md": rooms(), "design.md": design()},
        "pages": gallery(),
    }


def gallery() -> dict[str, str]:
    """Pages of real tables, by file name; docs/pages/README.md has their sources."""
    at = DOCS / "pages"
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        berkeley = Path(folder) / "berkeley.html"
        if run(["demo", "-o", str(berkeley)]):
            raise SystemExit("biaskit demo failed")
        made = {berkeley.name: berkeley.read_text(encoding="utf-8")}
    adult, compas = at / "adult.counts", at / "compas.counts"
    of_adult = {"positive": ">50K", "limits": {"DPPL": 0.1, "RD": 0.1}}
    after = at / "adult-after.counts"
    pages_of = {
        "adult.html": biaskit.page(
            adult,
            **of_adult,
            attributions=at / "adult.attributions",
            name="Incomes of the US census, 1994",
        ),
        "compas.html": biaskit.page(compas, name="COMPAS, Broward County"),
        "drift.html": biaskit.page(
            after,
            **of_adult,
            facet="sex",
            baseline=at / "adult-before.counts",
            name="Incomes of the US census, 1994: another model",
        ),
    }
    return {**made, **{name: one.html for name, one in pages_of.items()}}


def folders() -> str:
    """Drawing of the package for design.md: what each of its folders and modules is."""
    width = max(map(len, _DOWNWARDS)) + 1
    lines = []
    for name in _DOWNWARDS:
        path = PACKAGE / name
        shown = name if path.is_file() else f"{name}/"
        said = docstring(path if path.is_file() else path / "__init__.py")
        said = said.removeprefix(f"{path.stem.capitalize()}: ")
        lines.append(f"  {shown:<{width}}  {said}")
    return "\n".join([BEGIN, "```text", "src/biaskit/", *lines, "```", END])


def rooms() -> str:
    """Text of the page that lists every module."""
    lines = [
        "# Rooms",
        "",
        "Made by `python docs/generate.py` of the first lines of the modules' docstrings.",
    ]
    for name in _DOWNWARDS:
        path = PACKAGE / name
        if path.is_file():
            lines += ["", f"**{name}** {docstring(path)}"]
            continue
        for folder in [path, *sorted(one.parent for one in path.glob("*/__init__.py"))]:
            inside = sorted(one for one in folder.glob("*.py") if one.name != "__init__.py")
            lines += ["", f"## {folder.relative_to(PACKAGE)}/", ""]
            lines += [docstring(folder / "__init__.py"), "", "| module | |", "| --- | --- |"]
            lines += [f"| {one.name} | {cell(docstring(one))} |" for one in inside]
    return "\n".join([*lines, ""])


def docstring(path: Path) -> str:
    """First line of a module's docstring."""
    found = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return found.partition("\n")[0]


def design() -> str:
    """Text of design.md with the drawing of the folders as the code has it."""
    text = (DOCS / "design.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return before + folders() + rest.partition(END)[2]


def finding(code: Code) -> str:
    """Text of the page of one finding."""
    return f"# {code.code}: {code.title}\n\n{code.meaning}\n\n**What to do.** {code.advice}\n"


def overview_of_findings() -> str:
    """Text of the page that lists the findings."""
    rows = [f"| [{one.code}]({one.code}.md) | {one.title} |" for one in CODES.values()]
    return "\n".join(
        [
            "# What a check finds",
            "",
            "Codes of [the gate](../gate.md): BK1xx are limits, BK2xx a baseline, BK3xx data that",
            "cannot be checked. A code is never used again for something else.",
            "",
            "| code | what |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def overview() -> str:
    """Text of the page that lists the metrics."""
    rows = [
        f"| [{one.symbol}]({one.symbol}.md) | {one.title} | `{cell(one.formula)}` | "
        f"{interval(one)} | {one.parity:g} | {one.stage} |"
        for one in ALL
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
            "`biaskit metrics` prints this table; `biaskit.METRICS` is it as data, but for FT,",
            "which is made of rows and not of counts, and the metrics that need a `score`, which",
            "are made of its distribution ([how sure they are](../score-intervals.md)).",
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
            f"* **Swap** {_SWAP[metric.swap].format(symbol=metric.symbol)}",
            f"* **Needs** {needs}; a {metric.stage} metric{named(metric)}.",
            f"* **Undefined** (NaN, with a note) where a side has no rows{undefined(metric)}.",
            "",
            "## A worked example",
            "",
            *example(metric),
            "",
        ]
    )


def named(metric: Metric) -> str:
    """That a report has a metric only where it is named, if so."""
    return ", which a report has only where it is named" if metric.only_named else ""


def example(metric: Metric) -> list[str]:
    """Lines of an example on a table that has what the metric needs."""
    if metric.is_of_scores:
        return example_of_scores(metric)
    table, roles, told = BERKELEY
    if {"label", "predicted"} <= {*metric.needs}:
        table, roles, told = COMPAS
    elif "predicted" in metric.needs:
        roles = {"predicted" if k == "label" else k: v for k, v in roles.items()}
    if "features" in metric.needs:
        roles = {"features" if k == "group" else k: v for k, v in roles.items()}
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
        f"In words: {sentence(metric, getattr(biaskit.datasets, table)(), roles)}",
        *(["", strata()] if {"group", "features"} & {*metric.needs} else []),
        *(["", *LIKENESS] if "features" in metric.needs else []),
    ]


def example_of_scores(metric: Metric) -> list[str]:
    """Lines of an example on a small table of scores."""
    roles = {"facet": "sex", "facet_values": "F", "score": "score"}
    if "label" in metric.needs:
        roles |= {"label": "repaid", "positive": "yes"}
    table = pd.DataFrame(SCORES)
    report = biaskit.report(table, **roles, metrics=[metric])
    value = round(float(report["estimate"].iloc[0]), 4)
    columns = (name for name in SCORES if name in roles.values())
    return [
        "Sixteen borrowers (made up), with women as facet d.",
        "",
        "```pycon",
        ">>> import biaskit",
        ">>> import pandas as pd",
        ">>> borrowers = {",
        *(line for name in columns for line in in_lines(name, SCORES[name])),
        "... }",
        ">>> report = biaskit.report(",
        "...     pd.DataFrame(borrowers),",
        *(f"...     {name}={value!r}," for name, value in roles.items()),
        f"...     metrics={metric.symbol!r},",
        "... )",
        '>>> report["estimate"].round(4).item()',
        f"{value!r}",
        "```",
        "",
        f"In words: {sentence(metric, table, roles)}",
    ]


def in_lines(name: str, values: list[Any]) -> list[str]:
    """Lines of an entry of a dictionary, with eight values a line."""
    parts = [", ".join(map(repr, values[i : i + 8])) for i in range(0, len(values), 8)]
    return [f"...     {name!r}: [", *(f"...         {part}," for part in parts), "...     ],"]


def sentence(metric: Metric, data: Any, roles: dict[str, Any]) -> str:
    """What the one row of a report says, in words."""
    given = Roles(**roles)
    counts, sample = counted(data, given, keep_rows=needs_rows(given, [metric]))
    rows = report_rows(counts, [metric], sample=sample)
    return row_sentences(rows, counts)[0]


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


SCORES = {
    "sex": ["F", "M"] * 8,
    "repaid": [
        *("no", "no", "yes", "no", "no", "yes", "yes", "yes"),
        *("no", "yes", "no", "no", "yes", "yes", "yes", "yes"),
    ],
    "score": [
        *(0.15, 0.12, 0.13, 0.38, 0.31, 0.35, 0.36, 0.72),
        *(0.55, 0.51, 0.58, 0.59, 0.74, 0.78, 0.52, 0.95),
    ],
}
LIKENESS = (
    "In A and B most men were admitted, elsewhere most were rejected: F+ is 19 + 8 = 27 women, F-",
    "is 202 + 131 + 94 + 24 = 451, of 1,835. (With one feature of six values the men of a",
    "department are all equally near, so the test compares with their majority; it is meant for",
    "finer features.)",
    "",
    "## How rows are compared",
    "",
    "* `features` are the columns by which rows are compared; on the command line `--features X`,",
    '  repeated. `"rest"` is every column of numbers, booleans or texts that has no other role (of',
    "  JSON Lines, those in the first 131,072 lines), and the note lists them. They are read only",
    "  for FT, in the same pass as the counts. Counts have no rows, so they cannot give FT.",
    "* A feature that determines the label or the prediction would compare rows by their outcome.",
    '  `"rest"` refuses such a feature; where features are named, the note says so. All rows with',
    "  one of its values have one outcome (with two rows a value on average), or a threshold",
    "  separates the outcomes, and not by chance.",
    "* The distance is Euclidean: numbers and booleans in units of their standard deviation over",
    "  the rows of both sides, and 1 between two categories. Dates are categories. A feature has",
    "  1,000 categories at most.",
    "* The neighbours are the 5 nearest rows of facet a, or the nearest one if a has fewer than",
    "  10. Rows that are tied for the last places share them, so the order of the rows does not",
    "  matter. The majority of the neighbours decides; with exactly half, nothing flips.",
    "* A row counts when its facet, label (where given), prediction and features are all known.",
    "  Where there are more than 100,000 rows, a sample of 100,000 is compared, and the note says",
    "  so; it depends only on the places of the rows in the table. `n_a` and `n_d` count all rows.",
    "* Where rows are weighted, F+, F- and n_d are sums of weights; each neighbour has one vote.",
    "  Rows with a `frequency` are repeated that often, and each repetition is a neighbour.",
    "* In a text file, a feature with the value `nan` is missing.",
    "",
    "smclarify 0.5 has the opposite sign to the documents, leaves the features unscaled (so that",
    "the one with the largest numbers decides), and takes no texts.",
)
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
    least = "(-∞" if low == float("-inf") else f"[{low:.4g}"
    return f"{least}, {'∞)' if high == float('inf') else f'{high:.4g}]'}"


def cell(text: str) -> str:
    """Text that cannot end a cell of a Markdown table."""
    return text.replace("|", "\\|")


def written_in(folder: str) -> list[Path]:
    """Files of a folder that are made of the code, but for those in the one above."""
    kind = {"pages": "*.html", ".": ""}.get(folder, "*.md")
    return [*(DOCS / folder).glob(kind)] if kind else []


def main() -> None:
    """Write the pages, and delete those of what is gone."""
    for folder, made in pages().items():
        (DOCS / folder).mkdir(exist_ok=True)
        for old in written_in(folder):
            if old.name not in made:
                old.unlink()
        for name, text in made.items():
            (DOCS / folder / name).write_text(text, encoding="utf-8")
            print(DOCS / folder / name)


if __name__ == "__main__":
    main()
