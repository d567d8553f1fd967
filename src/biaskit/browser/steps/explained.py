"""Explained: the step on which a model is chosen, to see which columns make the gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from biaskit.browser.asked import Asked
from biaskit.browser.forms import (
    Choice,
    button,
    form,
    hidden,
    radio_buttons,
    text_field,
    with_errors_first,
)
from biaskit.browser.records import Listed, Shown
from biaskit.browser.steps.document import trail
from biaskit.browser.steps.tables import bytes_in_words
from biaskit.pages.markup import el
from biaskit.reports.words import name_in_words

__all__ = ["explained_shown"]

_TOLD = (
    "Choose the file of the model that made the decisions. biaskit then computes how much each "
    "column adds to the gap between the groups, from every row of the table. Only files that hold "
    "numbers and no program are opened: XGBoost (.json, .ubj), LightGBM (.txt) and ONNX (.onnx)."
)


def explained_shown(
    models: Sequence[Listed],
    asked: Asked,
    errors: Mapping[str, str] | None = None,
    *,
    name: str,
) -> Shown:
    """Step that asks which model a gap is explained by.

    Its answer leads to the report, where the parts of the gap stand with each facet.
    """
    errors = errors or {}
    title = "Which model made the decisions?"
    body = [el("h1", title), el("p", _TOLD)]
    own = ("model", "features", "output", "then")
    if models:
        choices = [
            Choice(one.key, name_in_words(one.name), bytes_in_words(one.size) or None)
            for one in models
        ]
        fields = [
            radio_buttons(
                "model", "File of the model", choices, asked.one("model"), errors, required=True
            ),
            text_field(
                "features",
                "Columns that the model takes, in their order",
                asked.one("features"),
                errors,
                hint="With commas between them, such as age, points. Only for a model whose file "
                "does not name them.",
            ),
            text_field(
                "output",
                "Class to explain",
                asked.one("output"),
                errors,
                hint="Only for a model of several classes.",
            ),
        ]
        send = el("p", button("Explain the gap"))
        body.append(form("report", hidden(asked.without(*own)), *fields, send))
    else:
        nothing = f"There is no such file beside {name_in_words(name)}."
        body.append(el("p", nothing))
    back = el("a", "Back to the report", href=asked.without(*own).address("report"))
    body.append(el("p", back))
    return Shown(
        title,
        with_errors_first(errors, *body),
        422 if errors else 200,
        trail(asked, "report"),
    )
