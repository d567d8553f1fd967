"""Items: the time series of a job's JSON, in any of Clarify's three formats.

Expressions are evaluated on a document in which every value is replaced by its number, so that a
value keeps its place: JMESPath drops missing values, and joins the lists of different items.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from biaskit.clarify.asked.configuration import Configuration, Series
from biaskit.clarify.tables.columns import is_missing
from biaskit.clarify.tables.expressions import expression
from biaskit.clarify.tables.json_rows import document_of
from biaskit.clarify.tables.read import files_of_type
from biaskit.errors import DataError, RolesError, in_short

__all__ = ["Item", "Names", "items_of", "names_of"]

# Place of a value: its indices in the lists that hold it, from the outermost.
_Place: TypeAlias = tuple[int, ...]
# Texts whose order is that of the times they stand for.
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?", re.DOTALL)


class Names(NamedTuple):
    """Names of a job's series, as ``headers`` has them, or the last words of the expressions."""

    target: str
    related: tuple[str, ...]
    static: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """Series of one item.

    Attributes
    ----------
    id
        What the item is called.
    timestamps
        Every time, those of the horizon included.
    target
        Values of the target at the first of these times, up to the last known one.
    related
        Values of each related series at every time, shape ``(series, times)``.
    static
        Value of each static covariate.
    """

    id: Any
    timestamps: Sequence[Any]
    target: Sequence[Any]
    related: Sequence[Sequence[Any]] = ()
    static: Sequence[Any] = ()


def names_of(job: Configuration) -> Names:
    """Names of the series of a job.

    Raises
    ------
    RolesError
        There are more or fewer headers than series.
    """
    asked = _asked(job)
    related, static = asked.related_time_series or [], asked.static_covariates or []
    every = [asked.target_time_series, *related, *static]
    if job.headers is not None:
        if len(job.headers) != len(every) + 2:
            raise RolesError(
                "Headers in config do not match with the number of columns in the dataset. Name "
                "the item, the timestamp, the target, each related series and each static "
                f"covariate: {len(every) + 2} headers, not {len(job.headers)}"
            )
        names = job.headers[2:]
    else:
        names = [re.findall(r"\w+|$", str(one))[-2:][0] or str(one) for one in every]
    return Names(names[0], tuple(names[1 : 1 + len(related)]), tuple(names[1 + len(related) :]))


def items_of(job: Configuration, data: Any) -> list[Item]:
    """Items of a job's data, sorted by their names as Clarify's results are.

    Parameters
    ----------
    job
        The configuration.
    data
        A JSON file, a folder of them, or the document itself.

    Raises
    ------
    DataError, RolesError
        The data cannot be read, or an expression does not fit them.
    """
    asked = _asked(job)
    if isinstance(data, (dict, list)):
        documents = [("the data", data)]
    else:
        documents = [(one, document_of(one)) for one in files_of_type(data, job.dataset_type)]
    rows: dict[Any, _Rows] = {}
    for where, document in documents:
        _gather(rows, asked, document, where)
    made = [_item(name, one, asked) for name, one in rows.items()]
    return sorted(made, key=lambda item: (isinstance(item.id, str), item.id))


@dataclass
class _Rows:
    """What was found of an item: a time, a target and related values for each row."""

    rows: list[tuple[Any, Any, list[Any]]]
    static: list[Any]


def _asked(job: Configuration) -> Series:
    if job.time_series_data_config is None:
        raise RolesError("time_series_data_config is missing, which says where the series are")
    return job.time_series_data_config


def _gather(rows: dict[Any, _Rows], asked: Series, document: Any, where: str) -> None:
    """Add what a document has of each item."""
    numbered = _Numbered(document, where)
    ids = numbered.found(asked.item_id, "item_id")
    times = numbered.found(asked.timestamp, "timestamp")
    target = numbered.found(asked.target_time_series, "target_time_series")
    related, static = (
        [numbered.found(one, f"{key}[{i}]") for i, one in enumerate(paths or ())]
        for key, paths in (
            ("related_time_series", asked.related_time_series),
            ("static_covariates", asked.static_covariates),
        )
    )
    for place, time in times.items():
        name = _of_item(ids, place)
        if is_missing(name) or isinstance(name, bool):
            raise DataError(f"{where}: the timestamp {in_short(time)} has no item_id")
        own = [_of_item(one, place) for one in static]
        item = rows.setdefault(name, _Rows([], own))
        if item.static != own:
            raise DataError(
                f"{where}: item {in_short(name)} has different static covariates at different "
                f"times: {in_short(item.static)} and {in_short(own)}"
            )
        values = [one.get(place) for one in related]
        item.rows.append((time, target.get(place), values))


def _of_item(found: Mapping[_Place, Any], place: _Place) -> Any:
    """Value of the row at a place, or of the item that holds the row."""
    for end in range(len(place), 0, -1):
        if place[:end] in found:
            return found[place[:end]]
    return None


def _item(name: Any, found: _Rows, asked: Series) -> Item:
    """Item of its rows, in the order of time."""
    times = [time for time, _, _ in found.rows]
    rows = found.rows
    if all(isinstance(one, (int, float)) for one in times) or all(
        isinstance(one, str) and _ISO.fullmatch(one) for one in times
    ):
        rows = sorted(rows, key=lambda row: row[0])
    if len({str(time) for time in times}) < len(times):
        seen: set[str] = set()
        twice = next(time for time in times if str(time) in seen or seen.add(str(time)))  # type: ignore[func-returns-value]
        raise DataError(
            f"item {in_short(name)} has the timestamp {in_short(twice)} twice; give one row a time"
        )
    target = [value for _, value, _ in rows]
    while target and is_missing(target[-1]):
        target.pop()
    if not target:
        raise DataError(
            f"item {in_short(name)} has no known value of the target "
            f"{asked.target_time_series!r}; its model has nothing to forecast from"
        )
    related = [list(one) for one in zip(*(values for _, _, values in rows), strict=True)]
    for value in (*target, *(one for series in related for one in series)):
        if not is_missing(value) and (
            isinstance(value, bool) or not isinstance(value, (int, float))
        ):
            raise DataError(
                f"item {in_short(name)}: {in_short(value)} is in a series, whose values must be "
                "numbers"
            )
    return Item(name, [time for time, _, _ in rows], target, related, found.static)


class _Numbered:
    """A document whose values are replaced by their numbers, and the values with their places."""

    def __init__(self, document: Any, where: str):
        self._where = where
        self._values: list[tuple[_Place, Any]] = []
        self._document = self._replaced(document, ())

    def found(self, path: str | int, key: str) -> dict[_Place, Any]:
        """Values that an expression finds, by their places.

        Raises
        ------
        DataError, RolesError
            It finds anything but single values, or is no expression.
        """
        key = f"time_series_data_config.{key}"
        if not isinstance(path, str):
            raise RolesError(
                f"{key} is {path!r}, but time series are read from JSON; give a JMESPath"
            )
        found = expression(path, key)(self._document, self._where)
        if found is None or found == []:
            raise DataError(f"{self._where}: {key} {path!r} finds nothing in the data")
        numbers = found if isinstance(found, list) else [found]
        if not all(isinstance(one, int) and not isinstance(one, bool) for one in numbers):
            raise DataError(
                f"{self._where}: {key} {path!r} must find a list of single values, one for each "
                "row or item"
            )
        return dict(self._values[one] for one in numbers)

    def _replaced(self, value: Any, place: _Place) -> Any:
        if isinstance(value, dict):
            return {key: self._replaced(one, place) for key, one in value.items()}
        if isinstance(value, list):
            return [self._replaced(one, (*place, i)) for i, one in enumerate(value)]
        self._values.append((place, value))
        return len(self._values) - 1
