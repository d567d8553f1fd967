"""Passed: the roles of a pass over the rows, and how the file is written, from what was asked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from biaskit.browser.asked import Asked
from biaskit.browser.records import FieldError
from biaskit.counts.facets import Facet
from biaskit.counts.roles import Roles
from biaskit.errors import BiaskitError, RolesError
from biaskit.reports.words import name_in_words
from biaskit.sources.files.dialect import Dialect

__all__ = ["PARTS", "dialect_of", "errors_of", "facets_of", "numbers_of", "roles_of"]

#: What a column may be, besides one whose values are compared, in words.
PARTS: Mapping[str, str] = {
    "label": "the outcome",
    "predicted": "the decisions of a model",
    "score": "the scores of a model",
    "group": "the group within which gaps are looked at",
    "weight": "the weight of a row",
    "frequency": "how many people a row stands for",
}
_DELIMITERS = {"tab": "\t", "blank": " "}
# Most columns whose combinations are compared, and most whose slices are searched.
_TOGETHER, _SLICED = 4, 8


def roles_of(asked: Asked) -> Roles:
    """Roles of the pass over the rows.

    Raises
    ------
    FieldError
        A part is missing, or does not fit another.

    Examples
    --------
    >>> roles_of(Asked.of_query("facet=sex&facet=age&cut.age=40&label=hired")).given()
    {'facet': ['sex', 'age'], 'label': 'hired', 'facet_edges': {'age': (40.0,)}}
    """
    wrong: dict[str, str] = {}
    given: dict[str, Any] = {name: asked.one(name) or None for name in PARTS}
    _refuse_two_parts(asked, wrong)
    if not asked.each("facet"):
        wrong["facet"] = "Tick the column whose values are to be compared, or several columns."
    if not any(map(asked.one, ("label", "predicted", "score"))):
        wrong["label"] = "Choose the column of the outcome, or of what a model decided."
    if len(asked.each("slice")) > _SLICED:
        wrong["slice"] = f"Tick {_SLICED} columns or fewer."
    if asked.one("together") and len(asked.each("facet")) > _TOGETHER:
        wrong["together"] = (
            f"Combinations of more than {_TOGETHER} columns have too few people each; tick fewer "
            "columns, or leave the combinations out."
        )
    given |= _cuts(asked, wrong)
    if asked.one("range"):
        if not asked.one("score"):
            wrong["range"] = "Choose the column of the scores, whose range this is."
        elif len(ends := _checked("range", asked.one("range"), wrong, many=True)) == 2:
            given["score_range"] = ends
        elif "range" not in wrong:
            wrong["range"] = "Give the least and the greatest score, such as 0, 100."
    if wrong:
        raise FieldError(wrong)
    given["facet"] = [facet.given for facet in (*facets_of(asked), *_sliced(asked))]
    try:
        return Roles(**given)
    except RolesError as error:
        raise FieldError(errors_of(error, asked)) from error


def facets_of(asked: Asked) -> list[Facet]:
    """Facets that are compared: the columns that are ticked, and their combinations if asked."""
    facets = [Facet((column,)) for column in asked.each("facet")]
    if asked.one("together") and len(facets) > 1:
        facets.append(Facet(asked.each("facet")))
    return facets


def _sliced(asked: Asked) -> list[Facet]:
    """Facet whose slices are searched, unless it is compared anyhow."""
    facet = Facet(asked.each("slice"))
    return [] if not facet.columns or facet in facets_of(asked) else [facet]


def dialect_of(asked: Asked) -> Dialect | None:
    r"""How the file is written; None where nothing was asked for that is not so anyhow.

    Raises
    ------
    FieldError
        A part is invalid.

    Examples
    --------
    >>> dialect_of(Asked.of_query("delimiter=tab&header=no")).given()
    {'delimiter': '\t', 'header': False}
    >>> dialect_of(Asked.of_query("encoding=utf-8&decimal=."))
    """
    given: dict[str, Any] = {}
    for name in (
        *("delimiter", "encoding", "decimal", "comment"),
        *("na_values", "input_format", "sheet"),
    ):
        if value := asked.one(name):
            given[name] = value
    if "delimiter" in given:
        given["delimiter"] = _DELIMITERS.get(given["delimiter"], given["delimiter"])
    if asked.one("header"):
        given["header"] = asked.one("header") != "no"
    if asked.one("strip"):
        given["strip"] = True
    if asked.one("names"):
        given["columns"] = tuple(one.strip() for one in asked.one("names").split(","))
    try:
        made = Dialect(**given)
    except RolesError as error:
        blamed = next((name for name in given if f"{{'{name}'" in str(error)), "")
        blamed = "names" if "columns" in given and "column" in str(error) else blamed
        raise FieldError({blamed: _WRONG_DIALECT.get(blamed, str(error))}) from error
    return made if made.given() else None


_WRONG_DIALECT = {
    "delimiter": "Give the one character that stands between two values.",
    "encoding": "No encoding of texts has this name; try utf-8, latin-1, cp1252 or utf-16.",
    "names": "Give every column a name of its own, with commas between them.",
    "comment": "Give the one character that begins lines which are no rows.",
    "decimal": "Choose a decimal mark that is not the separator, too.",
}


def _refuse_two_parts(asked: Asked, wrong: dict[str, str]) -> None:
    taken = dict.fromkeys(asked.each("facet"), "one whose values are compared")
    for name, told in PARTS.items():
        column = asked.one(name)
        if not column:
            continue
        if column in taken:
            wrong[name] = (
                f"{name_in_words(column)} is already {taken[column]}; choose another column."
            )
        taken.setdefault(column, told)
        if column in asked.each("slice"):
            wrong["slice"] = (
                f"{name_in_words(column)} is already {told}; untick it here, or choose another "
                "column there."
            )
    if asked.one("score") and asked.one("weight"):
        wrong["weight"] = (
            "Scores of weighted rows are not counted; leave out the weight, or the score."
        )


def _cuts(asked: Asked, wrong: dict[str, str]) -> dict[str, Any]:
    """Cuts of columns of numbers, each by what its column is."""
    made: dict[str, Any] = {}
    for name, column in {"label_above": "label", "predicted_above": "predicted"}.items():
        if not (text := asked.one(name)):
            continue
        if not asked.one(column):
            wrong[name] = "Choose the column that this number is about, or leave it empty."
        elif found := _checked(name, text, wrong, many=False):
            made["positive_above" if column == "label" else name] = found[0]
    edges: dict[str, tuple[float, ...]] = {}
    several = {*asked.each("facet"), *asked.each("slice")}
    for column, (text, *_) in asked.after("cut.").items():
        if column in several and (found := _checked(f"cut.{column}", text, wrong, many=True)):
            edges[column] = found
    return made | ({"facet_edges": edges} if edges else {})


def _checked(field: str, text: str, wrong: dict[str, str], *, many: bool) -> tuple[float, ...]:
    """Numbers in a text; none, and what is wrong, where it has others."""
    numbers = numbers_of(text)
    column = field.removeprefix("cut.")
    what = "" if column == field else f"Ranges of {name_in_words(column)}: "
    told = ""
    if numbers is None or (len(numbers) > 1 and not many):
        told = "give numbers with commas between them, such as 25, 40, 65."
        told = told if many else "give one number, such as 50000 or 0.5, with a decimal point."
    elif any(one >= other for one, other in pairwise(numbers)):
        told = "give each number once, the smallest first."
    if told or numbers is None:
        wrong[field] = f"{what}{told}" if what else told[:1].upper() + told[1:]
        return ()
    return numbers


def numbers_of(text: str) -> tuple[float, ...] | None:
    """Numbers with commas or semicolons between them; None where something else stands there.

    >>> numbers_of("25, 40;65"), numbers_of("forty"), numbers_of("1e999")
    ((25.0, 40.0, 65.0), None, None)
    """
    try:
        made = tuple(float(part) for part in text.replace(";", ",").split(",") if part.strip())
    except ValueError:
        return None
    return made if made and all(map(math.isfinite, made)) else None


# A column with more values than a pass tells apart.
_MANY_VALUES = re.compile(
    r"\w+ '(?P<column>.*)' has (?P<many>[\d,]+) different values or more; an? \w+ has "
    r"(?P<most>[\d,]+) at most",
    re.DOTALL,
)
_WAYS_OUT = {
    "together": "or leave their combinations out",
    "label": "or say above which number it is good, if it is an amount",
    "predicted": "or say above which number it is a yes, if it has numbers",
    "slice": "or tick it above, and give ranges, if it has numbers",
    "group": "or make groups of its values in the table",
}
# How the library says that a file is written otherwise.
_OF_CSV = re.compile(r"give csv=\{.*?\}(?:, csv=\{.*?\})*(?: or csv=\{.*?\})?")
_OTHER_NAMES = re.compile(r"names ([\d,]+) columns, but the first row has ([\d,]+)")
# What the library calls its arguments, as the page calls its fields.
_IN_FIELDS = {
    "cut it with facet_edges=[...] or facet_above=...": "give the numbers at which it is cut",
    "cut it with facet_edges=[...]": "give the numbers at which it is cut",
    "cut it with positive_above=...": "give the number above which the outcome is the good one",
    "; or name the values of side d with facet_values=...": "",
    "cut a score with predicted_above=": "give the number above which a score is a yes",
}


def errors_of(error: BaseException, asked: Asked) -> dict[str, str]:
    """What is wrong, by the field that is to blame for it.

    An error of the library is about the field whose column it names, where it names one.
    """
    if isinstance(error, FieldError):
        return error.messages
    told = str(error) if isinstance(error, BiaskitError) else "Something went wrong in biaskit."
    for arguments, fields_ in _IN_FIELDS.items():
        told = told.replace(arguments, fields_)
    if asked.one("names") and (found := _OTHER_NAMES.search(told)):
        names, cells = found.groups()
        return {"names": f"The first row has {cells} values, and these are {names} names."}
    told = _OF_CSV.sub("say so below “How the file is read”", told)
    if found := _MANY_VALUES.match(told):
        field = _columns(asked).get(found["column"], "")
        way = _WAYS_OUT.get(field, "or give the numbers at which it is cut, if it has numbers")
        told = (
            f"{name_in_words(found['column'])} has {found['many']} different values or more; at "
            f"most {found['most']} can be told apart. Choose another column, {way}."
        )
        return {field: told}
    fields = _columns(asked)
    named = [column for column in fields if f"{column!r}" in told]
    longest = max(named, key=len, default=None)
    return {"" if longest is None else fields[longest]: told}


def _columns(asked: Asked) -> dict[str, str]:
    """Field of each column that has a part, and of combinations of columns."""
    fields = {Facet(asked.each("slice")).name: "slice", Facet(asked.each("facet")).name: "together"}
    fields |= dict.fromkeys(asked.each("slice"), "slice")
    fields |= {column: name for name in PARTS if (column := asked.one(name))}
    fields |= dict.fromkeys(asked.each("facet"), "facet")
    return fields | {column: f"cut.{column}" for column in asked.after("cut.") if column in fields}
