"""Bias: a job's metrics before and after training, as SageMaker Clarify computes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.compat import SMCLARIFY
from biaskit.clarify.measured.counting import Parts, Tables, tables_of
from biaskit.clarify.measured.selections import Selection, Typing, is_continuous, kind_of, selected
from biaskit.clarify.tables.columns import Column
from biaskit.clarify.tables.datasets import Dataset
from biaskit.counts.levels import MISSING, Level
from biaskit.counts.tables import Table, Tally
from biaskit.errors import DataError, RolesError
from biaskit.sources.batches import rows_of
from biaskit.sources.counting import Progress

__all__ = ["Bias", "Group", "Value", "bias_of"]

_NO_GROUP = "Group variable is empty or not provided"
_NO_FACET = "Facet set is empty"
_NOBODY_ELSE = "Negated Facet set is empty"
_NO_COMMON = "No instance of common facet found, dataset may be too small"
_NO_NUMBERS = "FlipTest does not support non-numeric columns"
_DISTANCES = frozenset(("KL", "JS", "LP", "TVD", "KS"))


class Value(NamedTuple):
    """Value of a metric: a number, or None with the reason."""

    name: str
    value: float | None
    error: str | None = None


class Group(NamedTuple):
    """One group of a facet against all other rows."""

    shown: str
    pre_training: tuple[Value, ...]
    post_training: tuple[Value, ...]
    #: Rows of the group, and all others.
    n_d: int
    n_a: int
    #: Levels of the group, in the facet's table.
    levels: frozenset[Level]


class Bias(NamedTuple):
    """Bias metrics of a job.

    Attributes
    ----------
    label, label_shown
        Name of the label's column, and its desirable values or range.
    facets
        Groups of each facet, by the facet's column.
    warnings
        Where the group that is measured may not be the one that was asked for, and what else
        Clarify would not have said.
    assumed
        Type and reading of each column, in sentences.
    tables, positive, positive_hat
        What was counted, and which labels and predictions are desirable.
    """

    label: str
    label_shown: str
    facets: Mapping[str, tuple[Group, ...]]
    warnings: tuple[str, ...]
    assumed: tuple[str, ...]
    tables: Tables
    positive: Selection
    positive_hat: Selection | None


def bias_of(
    job: Configuration,
    dataset: Dataset,
    typing: Typing = "clarify",
    progress: Progress | None = None,
) -> Bias:
    """Bias metrics of a job.

    Raises
    ------
    DataError
        The data cannot be read.
    RolesError
        A value does not fit its column, or the labels and the predictions are of different types.
    """
    if dataset.label is None or job.label_values_or_threshold is None:
        raise RolesError("label is missing, which bias metrics need")
    given: dict[str, list[Sequence[Any]]] = {}  # a facet may be asked for twice
    for facet, asked in zip(dataset.facets, job.facet, strict=True):
        given.setdefault(facet, []).append(asked.value_or_threshold or ())
    parts = Parts(
        dataset.label,
        tuple(given),
        None if job.post_training is None else dataset.predicted,
        dataset.group,
        job.label_values_or_threshold,
        given,
    )
    tables = tables_of(dataset, parts, progress)
    if not tables.rows:
        raise DataError("the data set has no rows; bias metrics need some of each group")
    values = job.label_values_or_threshold
    positive = selected(tables.label, values, typing, "label_values_or_threshold")
    warnings = [*positive.warnings, *_of_missing(tables)]
    assumed = [_said(tables.label, values, "label")]
    positive_hat = None
    if tables.predicted is not None:
        positive_hat = _of_predictions(tables.label, tables.predicted, values, typing)
        warnings += positive_hat.warnings
        assumed.append(_said(tables.predicted, values, "predicted label"))
        if not positive_hat.levels:
            warnings.append(
                "no prediction is positive: Clarify fails here (No Label values are present in the "
                "predicted Label Column), and metrics that divide by such rows say little"
            )
    if not positive.levels:
        warnings.append(f"no row has a desirable label ({positive.shown or values})")
    facets = {}
    for facet, each in given.items():
        column = tables.facets[facet]
        chosen = [group for one in each for group in _groups(dataset, column, one, typing)]
        warnings += [one for group in chosen for one in group.warnings]
        assumed += [_said(column, one, "facet") for one in each]
        flips: list[Value] = []
        if positive_hat is not None and "FT" in (job.post_training or ()):
            every = frozenset(tables.of_facet[facet].levels.facet)
            sides = [(every - one.levels, one.levels) for one in chosen]
            flips, said = _flips(dataset, facet, sides, positive_hat.levels)
            assumed += said
        hat = None if positive_hat is None else positive_hat.levels
        facets[facet] = _measured(job, tables, facet, chosen, positive.levels, hat, flips)
    shown = positive.shown
    return Bias(
        tables.label.name,
        shown,
        facets,
        tuple(warnings),
        tuple(assumed),
        tables,
        positive,
        positive_hat,
    )


def _said(column: Column, given: Sequence[Any], part: str) -> str:
    return f"{part} {column.name!r} is {kind_of(column, given)}"


def _of_missing(tables: Tables) -> list[str]:
    """Warnings of missing values, which Clarify takes for values."""
    said = []
    for part, column, taken in (
        ("label", tables.label, "negative"),
        ("predicted label", tables.predicted, "negative"),
        *(("facet", column, "side a") for column in tables.facets.values()),
    ):
        if column is not None and (rows := column.rows.get(MISSING, 0)):
            said.append(
                f"{rows:,} rows without a value of {part} {column.name!r} count as {taken}, as in "
                "Clarify; biaskit report leaves such rows out, and says so"
            )
    return said


def _of_predictions(
    label: Column, predicted: Column, values: Sequence[Any], typing: Typing
) -> Selection:
    if typing == "clarify" and is_continuous(label, values) != is_continuous(predicted, values):
        raise RolesError(
            "Predicted Label Column series data type is not the same as Label Column series. The "
            f"label {label.name!r} is {kind_of(label, values)}, but the predicted label "
            f"{predicted.name!r} is {kind_of(predicted, values)}; write both alike, or compare "
            "values with --typing literal"
        )
    return selected(predicted, values, typing, "label_values_or_threshold")


def _groups(
    dataset: Dataset, column: Column, given: Sequence[Any], typing: Typing
) -> list[Selection]:
    """Groups of a facet: the one of the values given, or each value by itself."""
    if given:
        return [selected(column, given, typing)]
    if typing == "clarify" and is_continuous(column, ()):
        raise RolesError(
            f"Threshold values must be provided. facet {column.name!r} is {kind_of(column, ())}: "
            "give its value_or_threshold, or --typing literal for each value by itself"
        )
    return [
        Selection(
            frozenset() if level is MISSING else frozenset([level]), column.shown(level), False
        )
        for level in _in_order(dataset, column)
    ]


def _in_order(dataset: Dataset, column: Column) -> list[Level]:
    """Levels of a column in the order in which they appear in the rows."""
    from biaskit.sources.encode import Encoder

    encoder = Encoder(column.name, "facet", (), (), literal=True)
    for batch in rows_of(dataset.source, [column.name]):
        encoder.codes(batch)
        if encoder.size == len(column.value):
            break
    return [level for level in encoder.levels() if level in column.value]


def _measured(
    job: Configuration,
    tables: Tables,
    facet: str,
    chosen: Sequence[Selection],
    positive: frozenset[Level],
    hat: frozenset[Level] | None,
    flips: Sequence[Value],
) -> tuple[Group, ...]:
    table = tables.of_facet[facet]
    group = _group_fault(tables.group)
    a, d = _sides(table, [one.levels for one in chosen], positive, hat)
    known = _of_known_groups(table, a), _of_known_groups(table, d)
    made = []
    for i, one in enumerate(chosen):
        n_a, n_d = int(np.asarray(a.n)[i]), int(np.asarray(d.n)[i])
        empty = _NO_FACET if not n_d else _NOBODY_ELSE if not n_a else None

        def value(name: str, i: int = i, empty: str | None = empty) -> Value:
            if name in ("CDDL", "CDDPL") and group is not None:
                return Value(name, None, group)
            if empty is not None and name != "GE":
                return Value(name, None, empty)
            if name == "FT":
                return flips[i]
            sides = known if name in ("CDDL", "CDDPL") else (a, d)
            return _value(name, SMCLARIFY[name](sides[0].at(i), sides[1].at(i)))

        pre = tuple(map(value, job.pre_training or ()))
        post = tuple(map(value, job.post_training or ())) if hat is not None else ()
        made.append(Group(one.shown, pre, post, n_d, n_a, one.levels))
    return tuple(made)


def _value(name: str, found: Any) -> Value:
    number = float(found)
    if not math.isnan(number):
        return Value(name, number)
    if name in _DISTANCES:
        return Value(name, None, _NO_COMMON)
    return Value(name, None, f"{name} is undefined: {SMCLARIFY[name].undefined}")


def _sides(
    table: Table,
    groups: Sequence[frozenset[Level]],
    positive: frozenset[Level],
    positive_hat: frozenset[Level] | None,
) -> tuple[Tally, Tally]:
    """Tallies of side a and d of each group; as in Clarify, missing values are not selected.

    Rows of a missing facet are therefore on side a, and missing outcomes are negative.
    """
    on_d = np.array([[level in one for level in table.levels.facet] for one in groups], dtype=bool)
    labels = np.array([level in positive for level in table.levels.label], dtype=bool)
    hat = None
    if positive_hat is not None:
        hat = np.array([level in positive_hat for level in table.levels.predicted], dtype=bool)
    each = Tally(table.n, labels, hat)
    return each.together(~on_d), each.together(on_d)


def _of_known_groups(table: Table, side: Tally) -> Tally:
    """Tally without the rows of a missing group, which Clarify leaves out of CDDL and CDDPL."""
    known = np.array([level is not MISSING for level in table.levels.group], dtype=bool)
    return Tally(side.cells[..., known], side.positive, side.positive_hat)


def _group_fault(group: Column | None) -> str | None:
    if group is None:
        return _NO_GROUP
    if MISSING in group.value and group.dtype not in ("float64", "int64"):
        return "'<' not supported between instances of 'float' and 'str'"
    return None


def _flips(
    dataset: Dataset,
    facet: str,
    sides: Sequence[tuple[frozenset[Level], frozenset[Level]]],
    positive_hat: frozenset[Level],
) -> tuple[list[Value], list[str]]:
    """FT of each group, and what it rests on where that is not all rows."""
    from biaskit.clarify.measured.flips import flips_of  # only FT needs rows

    found = flips_of(dataset, facet, sides, positive_hat)
    if found is None:
        return [Value("FT", None, _NO_NUMBERS) for _ in sides], []
    said = []
    if found.complete > found.compared:
        said.append(
            f"FT of facet {facet!r} compares a sample of {found.compared:,} of "
            f"{found.complete:,} rows"
        )
    return [_value("FT", one) for one in found.values], said
