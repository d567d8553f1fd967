"""Columns: the step on which it is said what each column holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from biaskit.browser.asked import Asked, has_room
from biaskit.browser.forms import (
    Choice,
    button,
    check_boxes,
    form,
    hidden,
    one_box,
    select,
    text_field,
    with_errors_first,
)
from biaskit.browser.passed import PARTS
from biaskit.browser.records import Column, Look, Shown
from biaskit.browser.steps.document import trail
from biaskit.browser.steps.tables import as_known
from biaskit.browser.steps.written import as_asked, dialect_form
from biaskit.pages.markup import Safe, el
from biaskit.pages.numbers import percent
from biaskit.reports.words import name_in_words

__all__ = ["columns_shown"]

# Columns in sight at once; of more, those are shown that are searched for.
_IN_SIGHT = 60
# Values of a facet that are counted, and from which on a column of numbers should be cut.
_MOST_VALUES, _MANY_NUMBERS = 1000, 12
_LETTERS = 24
_NUMBERS = ("number", "whole number")


def columns_shown(
    look: Look, asked: Asked, errors: Mapping[str, str] | None = None, *, name: str
) -> Shown:
    """Second step: whose outcomes are compared, and which columns have them.

    Parameters
    ----------
    look
        First look at the table.
    asked
        What was chosen so far, which stays chosen.
    errors
        What is wrong, by field.
    name
        Name of the table.
    """
    errors = errors or {}
    asked = as_asked(look, as_known(asked))
    title = f"What is in {name_in_words(name)}?"
    named = [one for one in look.columns if one.name and has_room(one.name)]
    if not named:
        back = el("a", "Choose another table", href=".")
        told = "This table has no columns with names that can be chosen. "
        nothing = el("h1", title) + el("p", told, back)
        return Shown(title, Safe(nothing), 422, trail(asked, "columns"))
    in_sight, told = _in_sight(named, asked)
    own = {"facet", "slice", *PARTS, "label_above", "predicted_above", "range", "together", "find"}
    cuts = {f"cut.{one.name}" for one in in_sight}
    carried = asked.without(*own, *cuts, "then")
    body = with_errors_first(
        errors,
        el("h1", title),
        el("p", _what_was_seen(look)),
        dialect_form(look, asked, errors),
        form(
            "count",
            el("button", "Count the rows", class_="default", tabindex="-1", aria_hidden="true"),
            hidden(carried),
            _search(asked, told) if told else None,
            _facets(in_sight, asked, errors),
            _outcome(in_sight, asked, errors),
            _model(in_sight, asked, errors),
            _alike(in_sight, asked, errors),
            _more(in_sight, asked, errors),
            el("p", button("Count the rows")),
        ),
    )
    status = 422 if errors else 200
    return Shown(title, body, status, trail(asked, "columns"))


def _what_was_seen(look: Look) -> str:
    columns = len(look.columns)
    rows = f" and {look.rows:,} rows" if look.rows is not None else ""
    seen = ""
    if look.looked_at and look.looked_at != look.rows:
        seen = f" What is said of them is from the first {look.looked_at:,} rows."
    elif not look.looked_at and not look.rows:
        return "The table has no rows."
    nameless = sum(not one.name for one in look.columns)
    if nameless:
        those = "One has no name" if nameless == 1 else f"{nameless:,} have no names"
        seen = f" {those}, and cannot be chosen.{seen}"
    too_long = sum(not has_room(one.name) for one in look.columns)
    if too_long:
        those = "One has a name" if too_long == 1 else f"{too_long:,} have names"
        seen = f" {those} of thousands of letters, and cannot be chosen.{seen}"
    return f"It has {columns:,} column{'' if columns == 1 else 's'}{rows}.{seen}"


def _in_sight(columns: Sequence[Column], asked: Asked) -> tuple[Sequence[Column], str]:
    """Columns that are shown, and what is said of the others; nothing where all are."""
    if len(columns) <= _IN_SIGHT:
        return columns, ""
    chosen = {*asked.each("facet"), *asked.each("slice"), *map(asked.one, PARTS)}
    wanted = asked.one("find").casefold()
    found = [one for one in columns if wanted in one.name.casefold()]
    kept = {one.name for one in columns if one.name in chosen}
    kept |= {one.name for one in found[:_IN_SIGHT]}
    shown = [one for one in columns if one.name in kept]
    if not wanted:
        return shown, f"{len(columns):,} columns; the first {_IN_SIGHT} are shown."
    some = "all" if len(found) <= _IN_SIGHT else f"the first {_IN_SIGHT}"
    what = f"{len(found):,} of {len(columns):,} names of columns hold {asked.one('find')!r}; "
    return shown, f"{what}{some} of these columns are shown, and those that are chosen."


def _search(asked: Asked, told: str) -> Safe:
    field = text_field("find", "Find a column by its name", asked.one("find"), {}, hint=told)
    return el("div", field, button("Find", to="columns", second=True), class_="search")


def _about(column: Column, of_facet: bool = False) -> str:
    """What is known of a column, in a few words."""
    values = ", ".join(
        name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
        for name in map(name_in_words, column.values[:4])
    )
    is_more = column.distinct is not None and column.distinct > len(column.values[:4])
    values = f"{values} …" if is_more and values else values
    parts = [f"{column.kind}: {values}" if values else column.kind]
    if is_more:
        parts.append(f"{column.distinct:,} different values")
    if column.missing:
        shown = percent(column.missing) if column.missing >= 0.005 else "fewer than 1 %"
        parts.append(f"{shown} missing")
    if of_facet and (advice := _advice(column)):
        parts.append(advice)
    return "; ".join(filter(None, parts))


def _advice(column: Column) -> str:
    """What to do with a column of too many values; nothing where there are few."""
    if column.distinct is None:
        return ""
    if column.kind in _NUMBERS:
        return "to be compared in ranges" if column.distinct > _MANY_NUMBERS else ""
    if column.distinct > _MOST_VALUES:
        return f"more than {_MOST_VALUES:,} values cannot be compared"
    if column.values and column.distinct == 1:
        return "with one value alone there is nothing to compare"
    return ""


def _facets(columns: Sequence[Column], asked: Asked, errors: Mapping[str, str]) -> Safe:
    choices = [
        Choice(one.name, name_in_words(one.name), _about(one, of_facet=True)) for one in columns
    ]
    cuts = {
        one.name: _cut(one, asked, errors)
        for one in columns
        if one.kind in _NUMBERS or f"cut.{one.name}" in errors
    }
    return check_boxes(
        "facet",
        "Who is to be compared?",
        choices,
        asked.each("facet"),
        errors,
        hint="Tick what people may be favoured or disadvantaged for, such as gender, age or "
        "origin. Tick several to look at each of them.",
        more=cuts,
    )


def _cut(column: Column, asked: Asked, errors: Mapping[str, str]) -> Safe:
    return text_field(
        f"cut.{column.name}",
        f"Ranges of {name_in_words(column.name)} end at",
        asked.one(f"cut.{column.name}"),
        errors,
        size=20,
        hint="Such as 25, 40, 65 for four ranges. Leave it empty to compare each number.",
    )


def _options(columns: Iterable[Column], nothing: str) -> list[Choice]:
    about = [
        Choice(
            one.name,
            f"{name_in_words(one.name)} ({_about(one)[:60]})",
            is_amount=one.kind in _NUMBERS and (one.distinct or 3) > 2,
        )
        for one in columns
    ]
    return [Choice(None, nothing), *about]


def _outcome(columns: Sequence[Column], asked: Asked, errors: Mapping[str, str]) -> Safe:
    return el(
        "fieldset",
        el("legend", "What happened to them?"),
        select(
            "label",
            "Column of the outcome",
            _options(columns, "no such column"),
            asked.one("label"),
            errors,
            hint="What was decided or came true: hired or not, paid back or not.",
        ),
        text_field(
            "label_above",
            "If the outcome is an amount: the good outcome is above",
            asked.one("label_above"),
            errors,
            size=12,
            numeric=True,
            amount=True,
            hint="Such as 50000 for a salary. Leave it empty if the column says the outcome.",
        ),
    )


def _model(columns: Sequence[Column], asked: Asked, errors: Mapping[str, str]) -> Safe:
    fields = [
        select(
            "predicted",
            "Column of what a model decided",
            _options(columns, "no such column"),
            asked.one("predicted"),
            errors,
            hint="Yes or no for each row, or the outcome that it predicts.",
        ),
        text_field(
            "predicted_above",
            "What it decided is a number: a yes is above",
            asked.one("predicted_above"),
            errors,
            size=12,
            numeric=True,
            amount=True,
        ),
        select(
            "score",
            "Column of the scores of a model",
            _options(columns, "no such column"),
            asked.one("score"),
            errors,
            hint="Numbers, such as the chance of a good outcome. You can then move the threshold "
            "above which a score is a yes.",
        ),
        text_field(
            "range",
            "Scores lie between",
            asked.one("range"),
            errors,
            size=12,
            amount=True,
            hint="Leave it empty for 0, 1. Give two numbers for other scores, such as 0, 100.",
        ),
    ]
    names = ("predicted", "predicted_above", "score", "range")
    is_open = any(map(asked.one, names)) or not errors.keys().isdisjoint(names)
    return _details("What did a model decide? (if there is one)", fields, is_open=is_open)


def _alike(columns: Sequence[Column], asked: Asked, errors: Mapping[str, str]) -> Safe:
    return el(
        "fieldset",
        el("legend", "What else may explain a difference?"),
        select(
            "group",
            "Look within groups that are alike in",
            _options(columns, "nothing"),
            asked.one("group"),
            errors,
            hint="Such as the department or the job: does the gap stay where that is the same?",
        ),
    )


def _more(columns: Sequence[Column], asked: Asked, errors: Mapping[str, str]) -> Safe:
    few = [one for one in columns if _can_be_searched(one, asked)]
    slices = [Choice(one.name, name_in_words(one.name)) for one in few]
    names = ("weight", "frequency", "together", "slice")
    fields = [
        one_box(
            "together",
            "yes",
            "Compare combinations of what is ticked above, too",
            errors,
            is_chosen=bool(asked.one("together")),
            hint="Such as women above 40.",
        ),
        check_boxes(
            "slice",
            "Search for the groups that are worst off",
            slices,
            asked.each("slice"),
            errors,
            hint="Of all combinations of these columns, up to three at a time. Columns of many "
            "numbers are here once they have ranges above.",
        ),
        select(
            "frequency",
            "A row stands for this many people",
            _options((one for one in columns if one.kind in _NUMBERS), "for one"),
            asked.one("frequency"),
            errors,
        ),
        select(
            "weight",
            "Weight of a row, as of a survey",
            _options((one for one in columns if one.kind in _NUMBERS), "all count alike"),
            asked.one("weight"),
            errors,
        ),
    ]
    is_open = any(map(asked.one, names)) or not errors.keys().isdisjoint(names)
    return _details("More: combinations, groups that are worst off, weights", fields, is_open)


def _can_be_searched(column: Column, asked: Asked) -> bool:
    """Whether combinations with a column have enough people each."""
    if column.name in asked.each("slice") or asked.one(f"cut.{column.name}"):
        return True
    most = _MANY_NUMBERS if column.kind in _NUMBERS else _MOST_VALUES
    return column.distinct is None or 1 < column.distinct <= most


def _details(title: str, fields: Sequence[Safe], is_open: bool) -> Safe:
    return el("details", el("summary", title), *fields, open=is_open, class_="more")
