"""Parts of a gap: what the features of a model add to it, and what the model makes of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from biaskit.counts.facets import Facet
from biaskit.explanations.attributions import TOTAL
from biaskit.explanations.gaps import GapRow
from biaskit.pages.contents import Contents
from biaskit.pages.drawn import drawn_dependence, drawn_gap
from biaskit.pages.figures import figure, headed
from biaskit.pages.markup import Safe, el, table
from biaskit.pages.numbers import interval, number
from biaskit.pages.sections.extremes import CHANCE
from biaskit.reports.words import called, name_in_words, value_in_words

__all__ = ["dependence_by_value", "parts_of_gap"]


def parts_of_gap(contents: Contents, facet: Facet) -> Iterator[Safe]:
    """What each feature adds to the gap of the foremost value, for every output of the model."""
    mine = [row for row in contents.gaps if row.facet == facet.name]
    if not mine:
        return
    values = list(dict.fromkeys(row.value for row in mine))
    value = next((one for one in contents.foremost(facet) if one in values), values[0])
    by_output: dict[str, list[GapRow]] = defaultdict(list)
    for row in mine:
        if row.value == value:
            by_output[row.output].append(row)
    yield el("h3", "What makes the gap in the model's output?")
    for output, rows in by_output.items():
        yield _waterfall(facet, value, output, rows)


def _waterfall(facet: Facet, value: str, output: str, rows: Sequence[GapRow]) -> Safe:
    told, name = called(facet.name, value), name_in_words(facet.name)
    total = next(row for row in rows if row.feature == TOTAL)
    features = [row for row in rows if row.feature != TOTAL]
    largest = max(features, key=lambda row: row.gap if total.gap >= 0 else -row.gap)
    of_output = f" for {name_in_words(output)}" if output else ""
    less = "lower" if total.gap > 0 else "higher"
    finding = f"The model's output{of_output} is {number(abs(total.gap))} {less} for {told}"
    if _could_be_0(total):
        finding += CHANCE
    elif not _could_be_0(largest):
        finding += (
            f"; {name_in_words(largest.feature)} makes the largest part of it "
            f"({number(largest.gap)})"
        )
    if not total.gap:
        finding = f"The model's mean output{of_output} is the same for {told} and the others"
    title = f"Parts of the gap in the model's output{of_output}, {name}: {value_in_words(value)}"
    head = headed(title, "waterfall", facet.name, value, output)
    drawn = drawn_gap(rows, head)
    table_of = table(
        title,
        ["Feature", "Part of the gap", "Interval", "Mean, others", f"Mean, {told}", "Note"],
        [
            [
                name_in_words(row.feature) if row.feature != TOTAL else "the gap",
                number(row.gap),
                interval(row.low, row.high),
                number(row.mean_a),
                number(row.mean_d),
                row.note,
            ]
            for row in [*sorted(features, key=lambda row: -abs(row.gap)), total]
        ],
        label=title,
        texts=(5,),
    )
    measure = (
        f"Mean output of the others minus that of {told}, split by Shapley values "
        f"({total.method}; scale: {total.scale}); {total.n_d:,} rows and {total.n_a:,} others"
    )
    return figure(drawn, finding, measure, table_of, label=title, name=head.described_by)


def _could_be_0(row: GapRow) -> bool:
    return row.low <= 0 <= row.high


def dependence_by_value(contents: Contents, facet: Facet) -> Iterator[Safe]:
    """Mean output of the model as one feature is set, by facet value."""
    mine, name = (
        [one for one in contents.dependence if one.facet == facet.name],
        name_in_words(facet.name),
    )
    for output in dict.fromkeys(row.output for row in mine):
        rows = [row for row in mine if row.output == output]
        of_output = f" for {name_in_words(output)}" if output else ""
        title = f"The model's mean output{of_output} as one feature is set, by {name}"
        head = headed(title, "dependence", facet.name, output)
        drawn = drawn_dependence(rows, head)
        measure = (
            "Each line is the mean over the rows of one value, with the feature set alike in all; "
            "below it, where the rows are. Lines that are not parallel: the model treats the "
            "feature differently for them."
        )
        numbers_of = table(
            title,
            ["Feature", "Set to", "Value", "Mean output", "Share of rows near"],
            [
                [
                    name_in_words(row.feature),
                    str(row.at),
                    value_in_words(row.value),
                    number(row.mean),
                    number(row.share),
                ]
                for row in rows
            ],
            label=title,
            texts=(1, 2),
        )
        yield figure(drawn, title, measure, numbers_of, label=title, name=head.described_by)
