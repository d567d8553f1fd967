"""Counting: the columns of a job's bias metrics, in one pass, typed by what was found.

A column with more different values than are counted (ages in days, incomes) takes two passes: one
that finds its type, the number of its values and the largest, and one that counts it cut.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from biaskit.clarify.tables.aliases import Aliased
from biaskit.clarify.tables.columns import Column, Dtype, column_of
from biaskit.counts.bounds import MAX_LEVELS
from biaskit.counts.counts import Counts
from biaskit.counts.levels import MISSING, Interval, Level
from biaskit.counts.roles import Roles
from biaskit.counts.tables import Table
from biaskit.errors import DataError
from biaskit.sources.batches import rows_of
from biaskit.sources.counting import Progress, counted_from
from biaskit.sources.encode import numbers

if TYPE_CHECKING:
    from biaskit.clarify.tables.datasets import Dataset

__all__ = ["Parts", "Tables", "tables_of"]


class Parts(NamedTuple):
    """Columns that play a part in bias metrics, and the values that the job gives for each."""

    label: str
    facets: tuple[str, ...]
    predicted: str | None = None
    group: str | None = None
    positive: Sequence[Any] = ()
    of_facet: Mapping[str, Sequence[Sequence[Any]]] = {}

    def given(self) -> dict[str, list[Sequence[Any]]]:
        """Lists of values that are given for each column."""
        made: dict[str, list[Sequence[Any]]] = {one: [] for one in self.facets}
        for facet, values in self.of_facet.items():
            made[facet] += values
        for column in (self.label, self.predicted):
            if column is not None:
                made.setdefault(column, []).append(self.positive)
        if self.group is not None:
            made.setdefault(self.group, [])
        return made


class Tables(NamedTuple):
    """What was counted: a table for each facet, and the columns as pandas would type them."""

    of_facet: Mapping[str, Table]
    facets: Mapping[str, Column]
    label: Column
    predicted: Column | None
    group: Column | None
    counts: Counts

    @property
    def rows(self) -> int:
        """Rows of the data set."""
        return self.counts.rows


class _Many(NamedTuple):
    """What is known of a column with too many values to be counted."""

    dtype: Dtype
    distinct: int
    most: float
    #: The largest value up to the threshold.
    floor: float
    threshold: float


def tables_of(dataset: Dataset, parts: Parts, progress: Progress | None = None) -> Tables:
    """Tables of the rows of a data set.

    Raises
    ------
    DataError
        The data cannot be read, or a column that cannot be cut has too many values.
    """
    try:
        return _counted(dataset, parts, {}, progress)
    except DataError as error:
        many = _with_many_values(dataset, parts, error)
    return _counted(dataset, parts, many, progress)


def _counted(
    dataset: Dataset, parts: Parts, many: Mapping[str, _Many], progress: Progress | None
) -> Tables:
    # Each part has a name of its own, since a column may play several.
    plays = [*(("facet", one) for one in parts.facets), ("label", parts.label)]
    if parts.predicted is not None:
        plays.append(("predicted", parts.predicted))
    if parts.group is not None:
        plays.append(("group", parts.group))
    names: list[str] = []
    name_of: dict[str, str] = {}
    for part, column in plays:
        own = column
        while own in names or (own != column and own in dataset.names):
            own = f"{own} ({part})"
        names.append(own)
        if own != column:
            name_of[own] = column
    facets = names[: len(parts.facets)]
    of_part = dict(zip((part for part, _ in plays), names, strict=True))
    cuts: dict[str, Any] = {}
    above = {
        own: many[column].threshold
        for own, column in zip(facets, parts.facets, strict=True)
        if column in many
    }
    if above:
        cuts["facet_above"] = above
    for role, outcome in (("positive_above", parts.label), ("predicted_above", parts.predicted)):
        if outcome is not None and outcome in many:
            cuts[role] = many[outcome].threshold
    roles = Roles(
        facet=[(own,) for own in facets],
        label=of_part["label"],
        predicted=of_part.get("predicted"),
        group=of_part.get("group"),
        **cuts,
    )
    source = Aliased(dataset.source, name_of) if name_of else dataset.source
    counts = counted_from(source, roles, progress=progress, literal=True).counts
    by_name = dict(zip(parts.facets, counts.tables.values(), strict=True))
    first = next(iter(by_name.values()))

    def typed(name: str, table: Table, axis: int) -> Column:
        return _column(dataset, name, table, axis, many.get(name))

    return Tables(
        of_facet=by_name,
        facets={name: typed(name, table, 0) for name, table in by_name.items()},
        label=typed(parts.label, first, 1),
        predicted=None if parts.predicted is None else typed(parts.predicted, first, 2),
        group=None if parts.group is None else typed(parts.group, first, 3),
        counts=counts,
    )


def _column(dataset: Dataset, name: str, table: Table, axis: int, many: _Many | None) -> Column:
    others = tuple(i for i in range(4) if i != axis)
    levels = table.levels[axis]
    rows: dict[Level, int] = dict(zip(levels, table.n.sum(axis=others).tolist(), strict=True))
    if many is None:
        return column_of(name, rows, dataset.dtype(name), is_json=dataset.is_json)
    value: dict[Level, Any] = {}
    for level in levels:
        if isinstance(level, Interval):
            value[level] = many.most if level.high == np.inf else many.floor
        elif level is MISSING and rows[level]:
            value[level] = None
    kept = {level: n for level, n in rows.items() if level in value}
    return Column(name, many.dtype, value, kept, many.distinct)


def _with_many_values(dataset: Dataset, parts: Parts, cause: DataError) -> dict[str, _Many]:
    """Columns of numbers with too many values to be counted, and what a pass says of each.

    Raises
    ------
    DataError
        The cause, if it is not that a column has too many values, or if such a column is compared
        rather than cut.
    """
    found: dict[str, _Many] = {}
    for name, given in parts.given().items():
        if not given:  # a group may have more values, and is never cut
            continue
        thresholds = {float(one) for each in given for one in each if _is_number(one)}
        threshold = min(thresholds, default=math.inf)
        values = _numbers(dataset, name, threshold)
        if values is None:
            _refuse_many_texts(dataset, name)
            continue
        if values.distinct <= MAX_LEVELS["label"]:
            continue
        is_cut = all(len(each) == 1 for each in given) and len(thresholds) == 1
        is_whole = values.dtype == "int64" and values.distinct < 0.05 * values.rows
        if not is_cut or is_whole:
            raise _many_values(name, values.distinct)
        if values.dtype == "int64":
            threshold = float(int(threshold))  # as the value is cast
        found[name] = _Many(
            values.dtype,
            values.distinct,
            _plain(values.dtype, values.most),
            _plain(values.dtype, values.floor) if values.floor > -math.inf else -math.inf,
            threshold,
        )
    if not found:
        raise cause
    return found


def _many_values(name: str, distinct: int) -> DataError:
    return DataError(
        f"column {name!r} has {distinct:,} different values or more, each of which would be "
        f"compared, and {MAX_LEVELS['label']:,} are counted at most; write one word for all values "
        "that are not of interest, or give a threshold if they are numbers"
    )


def _refuse_many_texts(dataset: Dataset, name: str) -> None:
    """Refuse a column of texts that has too many of them to be counted."""
    import pyarrow.types as t

    known: set[Any] = set()
    for batch in rows_of(dataset.source, [name]):
        array = batch.columns[name]
        if not any(is_(array.type) for is_ in (t.is_dictionary, t.is_string, t.is_large_string)):
            return
        array = array if hasattr(array, "dictionary") else array.dictionary_encode()
        known.update(array.dictionary.to_pylist())
        if len(known) > MAX_LEVELS["label"]:
            raise _many_values(name, len(known))


class _Values(NamedTuple):
    """What is known of a column of numbers: of floats, not how many are different beyond many."""

    dtype: Dtype
    distinct: int
    rows: int
    most: float
    #: The largest value up to the threshold.
    floor: float


class _Distinct:
    """Different numbers of a column, merged when there are twice as many as before."""

    def __init__(self) -> None:
        self._known = np.empty(0)
        self._new: list[np.ndarray[Any, np.dtype[np.float64]]] = []
        self._waiting = 0

    def add(self, values: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        """Add some numbers."""
        self._new.append(np.unique(values))
        self._waiting += len(self._new[-1])
        if self._waiting > max(1 << 20, len(self._known)):
            self.count()

    def count(self) -> int:
        """Number of different ones so far."""
        self._known = np.unique(np.concatenate([self._known, *self._new]))
        self._new, self._waiting = [], 0
        return len(self._known)


def _numbers(dataset: Dataset, name: str, threshold: float) -> _Values | None:
    """What is known of a column of numbers; None if it does not hold numbers."""
    declared = dataset.dtype(name)
    if declared in ("object", "category", "bool"):
        return None
    distinct, rows, is_whole, is_many = _Distinct(), 0, True, False
    most = floor = -math.inf
    try:
        for batch in rows_of(dataset.source, [name], {name}):
            values = numbers(batch.columns[name], name, "column", batch.where)
            rows += len(values)
            is_whole &= not np.isnan(values).any()
            values = values[~np.isnan(values)]
            is_whole &= bool(np.all(values == np.trunc(values)))
            if is_whole or not is_many:
                distinct.add(values)
                is_many = is_many or distinct.count() > MAX_LEVELS["label"]
            most = max(most, values.max(initial=-math.inf))
            floor = max(floor, values[values <= threshold].max(initial=-math.inf))
    except (DataError, ValueError):
        return None
    if declared is None:
        is_whole = is_whole and not _has_points(dataset, name)
    else:
        is_whole = is_whole and declared == "int64"
    return _Values("int64" if is_whole else "float64", distinct.count(), rows, most, floor)


def _has_points(dataset: Dataset, name: str) -> bool:
    """Whether a text of a column of numbers is written as a float."""
    for batch in rows_of(dataset.source, [name]):
        array = batch.columns[name]
        texts = array.dictionary if hasattr(array, "dictionary") else array
        if any(
            not text.strip().lstrip("+-").isdigit()
            for text in texts.to_pylist()
            if text is not None
        ):
            return True
    return False


def _plain(dtype: Dtype, value: Any) -> Any:
    return int(value) if dtype == "int64" else float(value)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
