"""Compared: the step on which an earlier table is chosen, to see what has changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from biaskit.browser.asked import Asked
from biaskit.browser.forms import (
    Choice,
    button,
    form,
    hidden,
    radio_buttons,
    select,
    with_errors_first,
)
from biaskit.browser.records import Listed, Shown
from biaskit.browser.steps.document import trail
from biaskit.browser.steps.tables import bytes_in_words
from biaskit.pages.markup import el
from biaskit.reports.words import name_in_words

__all__ = ["compared_shown"]

# Tables that are all in sight; more are on a list that opens.
_IN_SIGHT = 25


def compared_shown(
    listed: Sequence[Listed],
    asked: Asked,
    errors: Mapping[str, str] | None = None,
    *,
    name: str,
) -> Shown:
    """Step that asks which earlier table a report is compared with.

    Its answer leads to the report, where the changes stand beside the numbers of today.
    """
    errors = errors or {}
    title = "What has changed since when?"
    others = [one for one in listed if one.key != asked.table and not one.key.startswith("demo:")]
    choices = [
        Choice(one.key, name_in_words(one.name), bytes_in_words(one.size) or None) for one in others
    ]
    told = (
        f"Choose the table that {name_in_words(name)} is compared with: the same columns, of an "
        "earlier day, or counts that were saved then. The report then shows what has changed, and "
        "whether that is more than chance."
    )
    body = [el("h1", title), el("p", told)]
    if others:
        chosen = asked.one("baseline")
        if len(others) <= _IN_SIGHT:
            field = radio_buttons(
                "baseline", "Earlier table", choices, chosen, errors, required=True
            )
        else:
            field = select("baseline", "Earlier table", choices, chosen, errors)
        body.append(
            form(
                "report",
                hidden(asked.without("baseline", "then")),
                field,
                el("p", button("Show what has changed")),
            )
        )
    else:
        body.append(el("p", "There is no other table here."))
    elsewhere = "Is it not here? Open it first, then come back to this page: "
    body.append(el("p", elsewhere, el("a", "choose a file", href="."), "."))
    back = asked.without("baseline", "then").address("report")
    body.append(el("p", el("a", "Back to the report, without a comparison", href=back)))
    return Shown(
        title,
        with_errors_first(errors, *body),
        422 if errors else 200,
        trail(asked, "report"),
    )
