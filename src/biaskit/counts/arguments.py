"""Arguments: what a caller may pass for a role, and one reader for each kind of role."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Sized
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, TypeVar

from biaskit.counts.facets import (
    Facet,
    column_name,
    columns_of,
    facets_of,
    named_facet,
    no_name,
)
from biaskit.counts.levels import Level, level
from biaskit.errors import RolesError, did_you_mean, in_short, listed

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "KEYWORDS",
    "READERS",
    "Column",
    "CutOfD",
    "EdgesOfD",
    "FacetsGiven",
    "Kind",
    "Reference",
    "RoleArguments",
    "ValuesOfD",
]

_Read = TypeVar("_Read")

#: Name of a column; a number where pandas numbers the columns of a table without a header.
Column: TypeAlias = "str | int"
Columns: TypeAlias = "Column | tuple[Column, ...]"
Value: TypeAlias = "bool | int | float | Decimal | str | dt.date | dt.time | np.generic"
Values: TypeAlias = "Value | tuple[Value, ...] | Collection[Value | tuple[Value, ...]]"
Number: TypeAlias = "int | float | Decimal | np.number[Any]"
Numbers: TypeAlias = "Sequence[Number] | NDArray[Any]"


FacetsGiven: TypeAlias = "Columns | Sequence[Columns | Facet] | Facet | None"
ValuesOfD: TypeAlias = (
    "Values | Mapping[str, Values] | Mapping[tuple[str, ...], Values]"
    " | Mapping[str | tuple[str, ...], Values] | Mapping[Facet, Values] | None"
)
Reference: TypeAlias = (
    "Value | tuple[Value, ...] | Mapping[str, Value | tuple[Value, ...]]"
    " | Mapping[tuple[str, ...], Value | tuple[Value, ...]] | Mapping[Facet, Value] | None"
)
CutOfD: TypeAlias = "Number | Mapping[str, Number] | None"
EdgesOfD: TypeAlias = "Numbers | Mapping[str, Numbers] | None"


class RoleArguments(TypedDict, total=False):
    """Keyword arguments for roles, as every function that counts takes them."""

    facet: FacetsGiven
    label: Column | None
    predicted: Column | None
    group: Column | None
    weight: Column | None
    frequency: Column | None
    positive: Values | None
    positive_above: Number | None
    predicted_above: Number | None
    predicted_positive: Values | None
    facet_values: ValuesOfD
    reference: Reference
    facet_above: CutOfD
    facet_at_most: CutOfD
    facet_edges: EdgesOfD
    score: Column | None
    score_range: Numbers | None
    features: Column | Sequence[Column] | None


#: Kinds of arguments for roles. The rows of an `amount` are summed; those of other columns are
#: counted.
Kind: TypeAlias = Literal[
    "facets",
    "column",
    "amount",
    "values",
    "cut",
    "values of d",
    "reference",
    "cut of d",
    "edges",
    "range",
    "features",
]

#: References that the counts choose.
KEYWORDS = ("largest", "highest")


_NUMBERS = (int, float, Decimal)


def _facets(_: str, given: Any, __: tuple[Facet, ...]) -> tuple[Facet, ...]:
    return facets_of(given)


def _column(role: str, given: Any, _: tuple[Facet, ...]) -> str | None:
    made = column_name(given)
    if made is None or isinstance(made, str):
        return made
    raise RolesError(no_name(role, given))


def _features(_: str, given: Any, __: tuple[Facet, ...]) -> tuple[str, ...] | str | None:
    """Names of columns, or the text ``"rest"``; the list ``["rest"]`` names a column."""
    if given is None:
        return None
    if isinstance(given, str) and given == "rest":
        return "rest"
    columns = [given] if isinstance(column_name(given), str) else given
    if isinstance(columns, (list, tuple)):
        columns = [column_name(column) for column in columns]
    if not isinstance(columns, (list, tuple)) or not all(isinstance(c, str) for c in columns):
        raise RolesError(f'features takes a list of column names, or "rest", not {in_short(given)}')
    if not columns:
        raise RolesError('features needs one or more columns, or "rest" for all others')
    if len(set(columns)) < len(columns):
        raise RolesError(f"features names a column twice: {listed(columns)}")
    return tuple(columns)


def _values(role: str, given: Any, _: tuple[Facet, ...] = ()) -> tuple[Level, ...] | None:
    if given is None:
        return None
    is_array = hasattr(given, "__array__") and isinstance(given, Sized)  # a scalar has no length
    if isinstance(given, Mapping) or (is_array and not isinstance(given, (str, bytes))):
        raise RolesError(f"{role} takes a value or a list of values, not {in_short(given)}")
    values = given if isinstance(given, (list, set, frozenset)) else [given]
    made = tuple(dict.fromkeys(level(value) for value in values))
    if not made or None in made:
        raise RolesError(f"{role} needs one or more values, none of them missing; got {given!r}")
    return made


def _values_of_d(
    role: str, given: Any, facets: tuple[Facet, ...]
) -> Mapping[Facet, tuple[Level, ...]] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        if len(facets) != 1:
            raise _one_for_several(role, given, facets)
        given = {facets[0]: given}
    made: dict[Facet, tuple[Level, ...]] = {}
    for key, values in given.items():
        facet = named_facet(key, facets)
        if facet is None:
            raise _no_such_facet(role, key, [one.name for one in facets])
        found = _values(role, values)
        if found is not None:
            made[facet] = found
    return made or None


def _reference(role: str, given: Any, facets: tuple[Facet, ...]) -> Mapping[Facet, Level] | None:
    """Value of side a by facet; a keyword holds for every facet."""
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if isinstance(given, str) and given in KEYWORDS and facets:
        return dict.fromkeys(facets, given)
    by_facet = _values_of_d(role, given, facets)
    for facet, values in (by_facet or {}).items():
        if len(values) > 1:
            raise RolesError(
                f"{role} takes one value of {facet.name!r}, or one of {listed(KEYWORDS)}, not "
                f"{listed(values)}"
            )
    return None if by_facet is None else {facet: one for facet, (one,) in by_facet.items()}


def _cut(role: str, given: Any, _: tuple[Facet, ...]) -> float | None:
    return None if given is None else _number(role, given)


def _number(role: str, given: Any) -> float:
    is_array = isinstance(given, Sized) and not isinstance(given, (str, bytes))
    if is_array or isinstance(given, bool) or not isinstance(level(given), _NUMBERS):
        raise RolesError(f"{role} takes a number, not {in_short(given)}")
    cut = float(given)
    if not math.isfinite(cut):
        raise RolesError(f"{role} takes a finite number, not {given!r}")
    if cut.is_integer() and cut != given:  # an integer that no float represents
        raise RolesError(
            f"{role} takes a number of at most 53 bits, not {given!r}; choose a number near it"
        )
    return cut


def _edges_of(role: str, given: Any) -> tuple[float, ...]:
    if hasattr(given, "tolist"):  # a NumPy array
        given = given.tolist()
    values = given if isinstance(given, (list, tuple)) else [given]
    made = tuple(_number(role, value) for value in values if value is not None)
    if not made or any(low >= high for low, high in pairwise(made)):
        raise RolesError(
            f"{role} takes ascending numbers, such as [25, 40, 65]; got {in_short(given)}"
        )
    return made


def _cut_of_d(role: str, given: Any, facets: tuple[Facet, ...]) -> Mapping[str, float] | None:
    return _by_column(role, given, facets, _number)


def _edges(
    role: str, given: Any, facets: tuple[Facet, ...]
) -> Mapping[str, tuple[float, ...]] | None:
    return _by_column(role, given, facets, _edges_of)


def _range(role: str, given: Any, _: tuple[Facet, ...]) -> tuple[float, ...] | None:
    if given is None:
        return None
    if not isinstance(given, (list, tuple)) and not hasattr(given, "tolist"):
        raise RolesError(f"{role} takes two numbers, such as [0, 1], not {in_short(given)}")
    made = _edges_of(role, given)
    if len(made) != 2:
        raise RolesError(f"{role} takes two ascending numbers, such as [0, 1], not {given!r}")
    return made


#: Reads a role's argument, given its name, the value passed and the facets; returns what roles
#: store.
READERS: Mapping[Kind, Callable[[str, Any, tuple[Facet, ...]], Any]] = {
    "facets": _facets,
    "column": _column,
    "amount": _column,
    "values": _values,
    "cut": _cut,
    "values of d": _values_of_d,
    "reference": _reference,
    "cut of d": _cut_of_d,
    "edges": _edges,
    "range": _range,
    "features": _features,
}


def _by_column(
    role: str, given: Any, facets: tuple[Facet, ...], read: Callable[[str, Any], _Read]
) -> dict[str, _Read] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        if len(facets) != 1 or len(facets[0].columns) != 1:
            raise _one_for_several(role, given, facets)
        given = {facets[0].columns[0]: given}
    columns = columns_of(facets)
    given = {column_name(column): value for column, value in given.items()}
    for column in given:
        if column not in columns:
            raise _no_such_facet(role, column, columns)
    return {column: read(role, value) for column, value in given.items()} or None


def _one_for_several(role: str, given: Any, facets: tuple[Facet, ...]) -> RolesError:
    if not facets:
        return RolesError(f"{role} needs facet: the column that it refers to")
    columns = columns_of(facets)
    return RolesError(
        f"{role}={given!r} does not say which of {listed(columns)} it means; "
        f"give a mapping: {role}={{{columns[0]!r}: {given!r}}}"
    )


def _no_such_facet(role: str, given: Any, known: Iterable[str]) -> RolesError:
    columns = column_name(given)
    is_joined = isinstance(columns, tuple) and all(isinstance(one, str) for one in columns)
    name = Facet(columns).name if is_joined else str(columns)
    return RolesError(f"{role}: no facet {name!r}; {did_you_mean(name, known)}")
