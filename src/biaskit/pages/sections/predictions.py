"""Predictions of each facet value: which are right, and which are wrong."""

from __future__ import annotations

from collections.abc import Iterator

from biaskit.counts.facets import Facet
from biaskit.pages.contents import Contents
from biaskit.pages.drawn import drawn_outcomes
from biaskit.pages.figures import figure, headed
from biaskit.pages.markup import Safe, el, table
from biaskit.pages.numbers import percent, whole
from biaskit.pages.sections.extremes import from_to
from biaskit.reports.rates import ALL, APART
from biaskit.reports.words import name_in_words, value_in_words

__all__ = ["right_and_wrong"]

# Facet values that are drawn, and those in the table.
_DRAWN = 3
_MOST_ROWS = 50


def right_and_wrong(contents: Contents, facet: Facet) -> Iterator[Safe]:
    """Right and wrong predictions of each value."""
    rates = {(one.value, one.rate): one for one in contents.rates.get(facet.name, ())}
    values = [one for one, rate in rates if rate == "TP" and one not in (ALL, APART)]
    if not values:
        return
    drawn_of = [one for one in contents.by_distance(facet) if one in values][:_DRAWN]
    names, name = contents.names, name_in_words(facet.name)
    finding = "Right and wrong predictions"
    told, chance = from_to([one for (_, rate), one in rates.items() if rate == "TPR"])
    if told:
        finding = f"Of those whose {names.positive}, {told} are predicted positive{chance}"
    title = f"Right and wrong predictions, by {name}"
    head = headed(title, "outcomes", facet.name)
    drawn = drawn_outcomes(rates, drawn_of, head, positive=names.positive, negative=names.negative)
    numbers = table(
        title,
        ["Value", "TP", "FN", "FP", "TN", "TPR", "FPR", "Precision", "Accuracy"],
        [
            [
                value_in_words(value) if value != ALL else "all together",
                *(whole(rates[value, one].estimate) for one in ("TP", "FN", "FP", "TN")),
                *(
                    percent(rates[value, one].estimate, 1)
                    for one in ("TPR", "FPR", "precision", "accuracy")
                ),
            ]
            for value in [*values[:_MOST_ROWS], ALL]
        ],
        label=title,
    )
    which = (
        f" The {len(drawn_of)} that differ most; all are in the table."
        if len(drawn_of) < len(values)
        else ""
    )
    measure = f"All rows in four parts, by {name}, then the two shares that they answer.{which}"
    yield el("h3", "Right and wrong predictions")
    yield figure(drawn, finding, measure, numbers, label=title, name=head.described_by)
