"""Figures: a chart with its finding above and its numbers below."""

from __future__ import annotations

from biaskit.pages.charts.drawing import Head
from biaskit.pages.markup import Safe, chart_id, el

__all__ = ["figure", "folded", "headed", "opener"]


def headed(title: str, *names: str) -> Head:
    """Head of a chart of these names, which the finding of its figure describes."""
    own = chart_id(*names)
    return Head(own, title, described_by=f"{own}-f")


def figure(
    chart: Safe,
    finding: object,
    measure: object,
    numbers: Safe | None,
    *,
    label: str,
    summary: object = "The numbers of this chart",
    name: str | None = None,
) -> Safe:
    """Chart in a figure: first what it shows, in words, last its numbers, as a table.

    Parameters
    ----------
    chart
        The drawing, or several.
    finding
        What it shows, in a sentence: the figure's title.
    measure
        What is drawn, of whom, and at which level.
    numbers
        Table of the numbers; none where the page has it elsewhere.
    label
        Name of the chart, as a region that scrolls on a narrow screen; with `name` it is the
        finding.
    summary
        Name of the table where it is folded away.
    name
        Id of the finding, for a chart that is described by it.
    """
    return el(
        "figure",
        el("figcaption", el("strong", finding, id=name), el("br"), el("small", measure)),
        el(
            "div",
            chart,
            class_="scroll",
            role="group",
            tabindex=0,
            aria_label=None if name else label,
            aria_labelledby=name,
        ),
        folded(summary, numbers) if numbers is not None else None,
    )


def folded(summary: object, *children: object, name: str | None = None) -> Safe:
    """Details that are folded away until they are asked for, or printed."""
    return el("details", el("summary", summary), *children, id=name)


def opener(words: object) -> Safe:
    """Button that opens all that is folded away, or folds it again; hidden without scripts."""
    return el("button", words, id="open-all", type="button", aria_expanded="false", hidden=True)
