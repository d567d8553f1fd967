"""Figures: a chart with its finding above and its numbers below."""

from __future__ import annotations

from biaskit.pages.markup import Safe, el

__all__ = ["figure", "folded", "opener"]


def figure(
    chart: Safe,
    finding: object,
    measure: object,
    numbers: Safe | None,
    *,
    label: str,
    summary: object = "The numbers of this chart",
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
        Name of the chart, as a region that scrolls on a narrow screen.
    summary
        Name of the table where it is folded away.
    """
    return el(
        "figure",
        el("figcaption", el("strong", finding), el("br"), el("small", measure)),
        el("div", chart, class_="scroll", role="group", tabindex=0, aria_label=label),
        folded(summary, numbers) if numbers is not None else None,
    )


def folded(summary: object, *children: object, name: str | None = None) -> Safe:
    """Details that are folded away until they are asked for, or printed."""
    return el("details", el("summary", summary), *children, id=name)


def opener(words: object) -> Safe:
    """Button that opens all that is folded away, or folds it again; hidden without scripts."""
    return el("button", words, id="open-all", type="button", aria_expanded="false", hidden=True)
