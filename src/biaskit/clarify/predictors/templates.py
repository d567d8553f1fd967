"""Templates: rows as the bodies of requests, in the forms that a configuration asks for.

A text is put in for every placeholder in one pass over the template, so that no value of a row is
ever taken for a placeholder.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from biaskit.clarify.asked.configuration import Configuration, Predictor
from biaskit.errors import RolesError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Bodies", "bodies_of", "filled"]

# Longer templates, and those with more placeholders, are crafted rather than meant.
_MOST_LETTERS = 65_536
_MOST_PLACES = 10_000
_OF_ONE = ("$features_kvp", "$feature_names", "$features")
_OF_MANY = ("$records", "$record")


class Bodies(NamedTuple):
    """How rows become requests.

    Attributes
    ----------
    content_type, accept
        Types of the request and of its answer.
    parts
        Text of each of some rows.
    joined
        Body of a request from the texts of its rows.
    one_by_one
        Whether a request takes one row only.
    """

    content_type: str
    accept: str
    parts: Callable[[pd.DataFrame], list[str]]
    joined: Callable[[Sequence[str]], str]
    one_by_one: bool = False


def bodies_of(job: Configuration, predictor: Predictor, features: Sequence[str]) -> Bodies:
    """Form of the requests of a job.

    Raises
    ------
    RolesError
        A template is missing, or lacks a placeholder that it needs.
    """
    kind = predictor.content_type or job.dataset_type
    accept = predictor.accept_type or kind
    template, record = predictor.content_template, predictor.record_template
    match kind:
        case "text/csv":
            return Bodies(kind, accept, _csv_lines, "\n".join)
        case "application/jsonlines":
            template = _text(template, "content_template", kind)
            _refuse_without(template, (*_OF_ONE, "${"), "content_template")
            return Bodies(kind, accept, _records(template, features), "\n".join)
        case "application/json":
            template = _text(template, "content_template", kind)
            _refuse_without(template, _OF_MANY, "content_template")
            made = _records(_text(record, "record_template", kind), features)
            return _document(accept, template, made, features)
    if kind == "application/x-parquet":
        raise RolesError("predictor.content_type is missing, which Parquet needs: give text/csv")
    raise RolesError(f"predictor.content_type {kind!r} is not sent here; give text/csv or JSON")


def _document(
    accept: str, template: str, parts: Callable[[pd.DataFrame], list[str]], names: Sequence[str]
) -> Bodies:
    """Requests that are one JSON document each."""
    is_single = "$records" not in template
    constant = {"$feature_names": json.dumps(list(names))}

    def joined(texts: Sequence[str]) -> str:
        inside = {"$records": f"[{','.join(texts)}]", "$record": texts[0] if texts else ""}
        return filled(template, {**constant, **inside})

    return Bodies("application/json", accept, parts, joined, is_single)


def _text(template: Any, key: str, kind: str) -> str:
    if template is None:
        raise RolesError(f"predictor.{key} is missing, which {kind} needs")
    if not isinstance(template, str):
        raise RolesError(f"predictor.{key} must be a text here")
    if len(template) > _MOST_LETTERS or template.count("$") > _MOST_PLACES:
        raise RolesError(f"predictor.{key} has {len(template):,} letters; give a shorter one")
    return template


def _refuse_without(template: str, places: Sequence[str], key: str) -> None:
    if not any(place in template for place in places):
        wanted = " or ".join(place for place in places if place != "${")
        raise RolesError(f"predictor.{key} must contain {wanted}; it is {template[:80]!r}")


def filled(template: str, texts: dict[str, str]) -> str:
    """Template with a text for each placeholder."""
    longest = sorted(texts, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest)), lambda found: texts[found[0]], template)


def _records(template: str, names: Sequence[str]) -> Callable[[pd.DataFrame], list[str]]:
    """Texts of rows by a template for one of them."""
    if template.count("$features_kvp") > 1:
        raise RolesError("predictor.record_template may contain $features_kvp once")
    own = {f'"${{{name}}}"': i for i, name in enumerate(names)}
    places = [*own, *_OF_ONE]
    _refuse_without(template, places, "record_template")
    pieces = re.split(
        f"({'|'.join(map(re.escape, sorted(places, key=len, reverse=True)))})", template
    )
    keys = [json.dumps(name) for name in names]
    constant = json.dumps(list(names))

    def one(values: Sequence[str]) -> str:
        made = []
        for piece in pieces:
            match piece:
                case "$features":
                    made.append(f"[{','.join(values)}]")
                case "$feature_names":
                    made.append(constant)
                case "$features_kvp":
                    pairs = (f"{key}:{value}" for key, value in zip(keys, values, strict=True))
                    made.append(f"{{{','.join(pairs)}}}")
                case _ if piece in own:
                    made.append(values[own[piece]])
                case _:
                    made.append(piece)
        return "".join(made)

    return lambda rows: [one(values) for values in zip(*_columns(rows, _json_value), strict=True)]


def _columns(rows: pd.DataFrame, text: Callable[[Any], str]) -> list[list[str]]:
    """Texts of the values of each column."""
    return [_column(rows.iloc[:, i], text) for i in range(rows.shape[1])]


def _column(column: Any, text: Callable[[Any], str]) -> list[str]:
    values = column.tolist()
    if isinstance(column.dtype, np.dtype) and (
        column.dtype.kind in "iu"
        or (column.dtype.kind == "f" and np.isfinite(column.to_numpy()).all())
    ):
        return [*map(repr, values)]  # as both forms write a number
    return [*map(text, values)]


def _json_value(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "null"  # JSON has neither NaN nor infinities
    if isinstance(value, np.generic):
        value = value.item()
    return json.dumps(value, default=str)


def _csv_lines(rows: pd.DataFrame) -> list[str]:
    """Rows as lines of CSV, without a header; texts are quoted, missing values empty."""
    return [*map(",".join, zip(*_columns(rows, _csv_value), strict=True))]


def _csv_value(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return str(value)
