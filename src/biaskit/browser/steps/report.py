"""Report: the page of the choices, and what can be changed of it while it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from biaskit.browser.asked import PASS, Asked
from biaskit.browser.chosen import Chosen, chosen_of, compared_facets
from biaskit.browser.forms import with_errors_first
from biaskit.browser.passed import PARTS, errors_of
from biaskit.browser.records import FieldError, Shown
from biaskit.browser.results import About, contents_made
from biaskit.browser.steps.choices import choices_shown, notes_on
from biaskit.browser.steps.controls import controls, is_of_controls
from biaskit.browser.steps.document import trail
from biaskit.browser.steps.reproduced import reproduced
from biaskit.browser.steps.thresholds import thresholds_that_keep
from biaskit.browser.steps.worst import worst_groups
from biaskit.counts.counts import Counts
from biaskit.errors import BiaskitError
from biaskit.pages.contents import Contents
from biaskit.pages.markup import Safe, el
from biaskit.pages.page import body_of
from biaskit.pages.sections.first import headline
from biaskit.reports.words import name_in_words

__all__ = ["report_shown", "shown_contents"]


def report_shown(
    counts: Counts, asked: Asked, about: About, errors: Mapping[str, str] | None = None
) -> Shown:
    """Fourth step: the report. Where a choice is missing, the step on which it is made.

    Parameters
    ----------
    counts
        Counts of the pass.
    asked
        What was chosen.
    about
        What the report is of, besides.
    errors
        What is wrong, by field, such as a baseline that cannot be compared.

    Raises
    ------
    FieldError
        What was counted cannot be compared, so other columns have to be chosen.
    """
    wrong = dict(errors or {})
    try:
        chosen, contents = shown_contents(counts, asked, about)
    except FieldError as error:
        if any(map(_is_of_the_pass, error.messages)):
            raise
        if not all(map(is_of_controls, error.messages)):
            return choices_shown(counts, asked, error.messages, name=about.name)
        wrong |= error.messages
        try:
            chosen, contents = shown_contents(counts, asked.without(*error.messages), about)
        except FieldError as other:
            return choices_shown(counts, asked, other.messages, name=about.name)
    told = [
        *thresholds_that_keep(chosen),
        *worst_groups(counts, chosen, asked),
        *reproduced(contents, about, asked),
    ]
    result = el("div", body_of(contents, *told), id="result", data_query=asked.address("report"))
    body = with_errors_first(
        wrong,
        controls(counts, contents, chosen, asked, wrong),
        el("p", "", id="status", role="status", aria_live="polite", class_="quiet"),
        *notes_on(counts, asked, compared_facets(counts, asked)),
        _since(asked, about),
        _explained(asked, about),
        result,
    )
    return Shown(
        headline(contents),
        body,
        422 if wrong else 200,
        trail(asked, "report"),
    )


def _is_of_the_pass(field: str) -> bool:
    """Whether a field stands on the step of the columns."""
    return field in PASS or field in PARTS or field.startswith("cut.")


def _since(asked: Asked, about: About) -> Safe | None:
    """What the report is compared with, and the way to leave that out."""
    if about.baseline is None:
        return None
    alone = asked.without("baseline").address("report")
    told = f"Compared with {name_in_words(about.baseline_name)}: what has changed stands by facet. "
    return el("p", told, el("a", "Leave out the comparison", href=alone), class_="mute")


def _explained(asked: Asked, about: About) -> Safe | None:
    """Which model a gap is explained by, and the way to leave that out."""
    if about.attributions is None:
        return None
    alone = asked.without("model", "features", "output").address("report")
    name = name_in_words(PurePath(about.model).name)
    told = f"Explained by {name}: what makes the gap in its output stands by facet. "
    return el("p", told, el("a", "Leave out the model", href=alone), class_="mute")


def shown_contents(counts: Counts, asked: Asked, about: About) -> tuple[Chosen, Contents]:
    """Choices that were asked for, and the contents of the page that shows them.

    Raises
    ------
    FieldError
        A choice is missing, invalid or impossible.
    """
    chosen = chosen_of(counts, asked)
    try:
        return chosen, contents_made(chosen, about)
    except BiaskitError as error:
        raise FieldError(errors_of(error, asked)) from error
