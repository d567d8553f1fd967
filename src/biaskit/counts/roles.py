"""Roles: which column plays which part, which values are positive, and where numbers are cut."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeAlias

from biaskit.counts.levels import Interval, Level, bins, from_json, level, to_json
from biaskit.errors import RolesError, did_you_mean, in_short, listed

__all__ = ["Facet", "Roles", "column_name", "facet_name"]

#: A column, or several whose combinations of values are the facet's values.
Facet: TypeAlias = "str | tuple[str, ...]"


def facet_name(facet: Facet) -> str:
    """Name of a facet in a report; an intersection is joined by `` & ``.

    >>> facet_name(("gender", "race"))
    'gender & race'
    """
    return facet if isinstance(facet, str) else " & ".join(facet)


def column_name(given: Any) -> Any:
    """Name of a column as a text: pandas numbers the columns of a table without a header.

    >>> column_name(9), column_name("sex"), column_name((8, "sex"))
    ('9', 'sex', ('8', 'sex'))
    """
    if isinstance(given, tuple):
        return tuple(column_name(one) for one in given)
    if isinstance(given, str) and given.encode("utf-8", "replace").decode() != given:
        raise RolesError(f"a column is named {given!r}, which holds half of a letter; rename it")
    is_number = isinstance(given, numbers.Integral) and not isinstance(given, bool)
    return str(given) if is_number else given


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Parts that columns play. Make one with `Roles.of`, which takes them as a user writes them.

    What is counted (columns and cuts) is fixed by the pass over the rows; what is chosen afterwards
    (`positive`, `facet_values`) may be chosen anew without another pass. `features` are columns of
    the rows themselves: they are never counted.
    """

    facet: tuple[Facet, ...] = ()
    label: str | None = None
    predicted: str | None = None
    group: str | None = None
    weight: str | None = None
    frequency: str | None = None
    positive: tuple[Level, ...] | None = None
    positive_above: float | None = None
    predicted_above: float | None = None
    facet_values: Mapping[Facet, tuple[Level, ...]] | None = None
    facet_above: Mapping[str, float] | None = None
    facet_edges: Mapping[str, tuple[float, ...]] | None = None
    features: tuple[str, ...] | str | None = None

    @classmethod
    def of(cls, **given: Any) -> Roles:
        """Roles from keyword arguments as `biaskit.report` takes them, checked against each other.

        >>> Roles.of(facet="age", label="hired", facet_above=40).facet_above
        {'age': 40.0}

        Raises
        ------
        RolesError
            An unknown role, a column with two roles, or choices that contradict each other.
        """
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise RolesError(f"no role {name!r}; {did_you_mean(name, names)}")
        facets = _facets(given.get("facet"))
        made = cls(
            facet=facets,
            **{name: _column(name, given.get(name)) for name in _SINGLE},
            positive=_values("positive", given.get("positive")),
            positive_above=_cut("positive_above", given.get("positive_above")),
            predicted_above=_cut("predicted_above", given.get("predicted_above")),
            facet_values=_values_by_facet(given.get("facet_values"), facets),
            facet_above=_by_column("facet_above", given.get("facet_above"), facets, _cut),
            facet_edges=_by_column("facet_edges", given.get("facet_edges"), facets, _edges),
            features=_features(given.get("features")),
        )
        made._refuse_contradictions()
        return made

    def chosen(self, **given: Any) -> Roles:
        """These roles with the choices that may be made after counting made anew.

        Raises
        ------
        RolesError
            A role that the pass over the rows has fixed was given another value, or `features`,
            which need rows.
        """
        given = {name: value for name, value in given.items() if value is not None}
        if "features" in given:
            raise RolesError(
                "FT needs the rows, and counts have none left: report on the table itself with "
                "features=, or leave features out"
            )
        if "facet" in given:
            own = {facet_name(facet): facet for facet in self.facet}
            kept = tuple(own.get(facet_name(f), f) for f in _facets(given.pop("facet")))
            if unknown := [facet_name(f) for f in kept if f not in self.facet]:
                raise RolesError(
                    f"these counts have no facet {unknown[0]!r}; "
                    f"{did_you_mean(unknown[0], map(facet_name, self.facet))}"
                )
        else:
            kept = self.facet
        by_facet = (
            None
            if self.facet_values is None
            else {facet: values for facet, values in self.facet_values.items() if facet in kept}
        )
        made = replace(self, facet=kept, facet_values=by_facet or None)
        if "positive" in given:
            made = replace(made, positive=_values("positive", given.pop("positive")))
        if "facet_values" in given:
            values = _values_by_facet(given.pop("facet_values"), kept)
            made = replace(made, facet_values=values)
        for name, value in given.items():
            if getattr(Roles.of(**{**self.given(), name: value}), name) != getattr(self, name):
                raise RolesError(
                    f"{name}={value!r} differs from what was counted "
                    f"({getattr(self, name)!r}); count the rows again with it"
                )
        made._refuse_contradictions()
        return made

    def given(self) -> dict[str, Any]:
        """Roles as keyword arguments that make them again."""
        made: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value != ():
                made[field.name] = [*map(_as_given, value)] if field.name == "facet" else value
        return made

    @property
    def counted(self) -> Roles:
        """Only what the pass over the rows fixes: counts add when these are equal."""
        return replace(self, positive=None, facet_values=None, features=None)

    @property
    def cuts(self) -> dict[str, tuple[float, ...]]:
        """Edges, ascending, at which the numbers of a column are cut, by column."""
        cuts: dict[str, tuple[float, ...]] = {
            column: (above,) for column, above in (self.facet_above or {}).items()
        }
        cuts.update(self.facet_edges or {})
        if self.label is not None and self.positive_above is not None:
            cuts[self.label] = (self.positive_above,)
        if self.predicted is not None and self.predicted_above is not None:
            cuts[self.predicted] = (self.predicted_above,)
        return cuts

    @property
    def numeric(self) -> set[str]:
        """Columns that are needed as floats: those that are cut, and the weight."""
        return {*self.cuts, *(() if self.weight is None else (self.weight,))}

    def bins(self, column: str) -> tuple[Interval, ...]:
        """Intervals of a column that is cut; none for any other column."""
        edges = self.cuts.get(column)
        return () if edges is None else bins(edges)

    def columns(self) -> dict[str, str]:
        """Role by column, for every column that the pass over the rows reads, facets first."""
        by_column = dict.fromkeys(_facet_columns(self.facet), "facet")
        for role in _SINGLE:
            if (column := getattr(self, role)) is not None:
                by_column[column] = role
        return by_column

    def counted_columns(self) -> dict[str, str]:
        """Role by column, for the columns by whose values rows are counted."""
        return {column: role for column, role in self.columns().items() if role not in _SUMMED}

    def to_json(self) -> dict[str, Any]:
        """JSON object of the roles that were given, for a counts file or a report."""
        made = self.given()
        if self.facet:
            made["facet"] = [f if isinstance(f, str) else list(f) for f in self.facet]
        if isinstance(self.features, tuple):
            made["features"] = list(self.features)
        if self.positive is not None:
            made["positive"] = [to_json(a) for a in self.positive]
        if self.facet_values is not None:
            made["facet_values"] = [
                [f if isinstance(f, str) else list(f), [to_json(a) for a in values]]
                for f, values in self.facet_values.items()
            ]
        for name in ("facet_above", "facet_edges"):
            if name in made:
                made[name] = {
                    c: v if isinstance(v, float) else list(v) for c, v in made[name].items()
                }
        return made

    @classmethod
    def from_json(cls, value: Any) -> Roles:
        """Roles that a JSON object stands for; the inverse of `to_json`.

        Raises
        ------
        ValueError
            The object is not one that `to_json` makes.
        """
        if not isinstance(value, dict):
            raise ValueError("roles are not an object")
        given = dict(value)
        try:
            facets = [f if isinstance(f, str) else tuple(f) for f in given.get("facet", [])]
            given["facet"] = [*map(_as_given, facets)]
            if "positive" in given:
                given["positive"] = [from_json(a) for a in given["positive"]]
            if "facet_values" in given:
                given["facet_values"] = {
                    f if isinstance(f, str) else tuple(f): [from_json(a) for a in values]
                    for f, values in given["facet_values"]
                }
        except TypeError as error:
            raise ValueError(f"roles are not what biaskit writes: {error}") from error
        return cls.of(**given)

    def _refuse_contradictions(self) -> None:
        by_column: dict[str, str] = {}
        for role, column in self._parts():
            if (other := by_column.setdefault(column, role)) != role:
                raise RolesError(
                    f"column {column!r} is given as {other} and as {role}; a column has one role"
                )
        if self.positive is not None and self.positive_above is not None:
            raise RolesError(
                "give positive or positive_above, not both: they choose the same thing"
            )
        if self.positive is not None and self.label is None and self.predicted is None:
            raise RolesError(
                "positive needs label (or predicted): the column whose values it names"
            )
        if self.positive_above is not None and self.label is None:
            raise RolesError("positive_above needs label: the column that it cuts")
        if self.predicted_above is not None and self.predicted is None:
            raise RolesError("predicted_above needs predicted: the column that it cuts")
        both = {*(self.facet_above or {})} & {*(self.facet_edges or {})}
        cut = {*(self.facet_above or {}), *(self.facet_edges or {})}
        named = {f for f in self.facet_values or {} if isinstance(f, str)}
        for column in sorted(both | (cut & named)):
            raise RolesError(
                f"facet {column!r} has two of facet_values, facet_above and facet_edges; give one"
            )

    def _parts(self) -> Iterator[tuple[str, str]]:
        for column in _facet_columns(self.facet):
            yield "facet", column
        for role in _SINGLE:
            if (column := getattr(self, role)) is not None:
                yield role, column
        for column in self.features if isinstance(self.features, tuple) else ():
            yield "features", column


# Columns of which rows have amounts: these are summed, and not counted by.
_SUMMED = ("weight", "frequency")
_SINGLE = ("label", "predicted", "group", *_SUMMED)


def _facet_columns(facets: Iterable[Facet]) -> list[str]:
    columns = (c for f in facets for c in ((f,) if isinstance(f, str) else f))
    return list(dict.fromkeys(columns))


def _column(role: str, given: Any) -> str | None:
    made = column_name(given)
    if made is None or isinstance(made, str):
        return made
    raise RolesError(_no_name(role, given))


def _no_name(role: str, given: Any) -> str:
    """What is wrong with a role that is given values where the name of a column belongs."""
    return (
        f"{role} takes one column name, not {in_short(given)}; where the values are not a column "
        "of the data yet, add one and give its name"
    )


def _intersection(facet: Any) -> Any:
    """Columns that a text joins by `` & ``, as on the command line; one in a tuple is as it is."""
    if isinstance(facet, tuple) and len(facet) == 1:
        return facet[0]
    parts = tuple(facet.split(" & ")) if isinstance(facet, str) else ()
    return parts if len(parts) > 1 else facet


def _as_given(facet: Facet) -> Any:
    """Facet as `Roles.of` takes it, where the name of a column looks like an intersection."""
    return (facet,) if isinstance(facet, str) and " & " in facet else facet


def _facets(given: Any) -> tuple[Facet, ...]:
    if given is None:
        return ()
    facets = [_intersection(one) for one in (given if isinstance(given, list) else [given])]
    made: list[Facet] = []
    for given in facets:
        facet = column_name(given)
        whole = isinstance(facet, str) or (
            isinstance(facet, tuple) and len(facet) > 1 and all(isinstance(c, str) for c in facet)
        )
        if not whole:
            raise RolesError(
                f"{_no_name('facet', facet)}; an intersection is a tuple of columns, and several "
                "facets are a list"
            )
        if facet in made or (isinstance(facet, tuple) and len(set(facet)) < len(facet)):
            raise RolesError(f"facet {facet_name(facet)!r} names a column twice")
        made.append(facet)
    return tuple(made)


def _features(given: Any) -> tuple[str, ...] | str | None:
    """Columns named; the text ``"rest"`` stays, and a list of it is a column of that name."""
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


def _values(role: str, given: Any) -> tuple[Level, ...] | None:
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


def _values_by_facet(
    given: Any, facets: tuple[Facet, ...]
) -> Mapping[Facet, tuple[Level, ...]] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        if len(facets) != 1:
            raise _one_for_several("facet_values", given, facets)
        given = {facets[0]: given}
    made: dict[Facet, tuple[Level, ...]] = {}
    for key, values in given.items():
        facet = column_name(key)
        facet = facet if facet in facets else _intersection(facet)
        if facet not in facets:
            raise _no_such_facet("facet_values", facet, facets)
        found = _values("facet_values", values)
        if found is not None:
            made[facet] = found
    return made or None


def _by_column(name: str, given: Any, facets: tuple[Facet, ...], read: Any) -> Any:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        if len(facets) != 1 or not isinstance(facets[0], str):
            raise _one_for_several(name, given, facets)
        given = {facets[0]: given}
    columns = _facet_columns(facets)
    given = {column_name(column): value for column, value in given.items()}
    for column in given:
        if column not in columns:
            raise _no_such_facet(name, column, columns)
    return {column: read(name, value) for column, value in given.items()} or None


def _one_for_several(name: str, given: Any, facets: tuple[Facet, ...]) -> RolesError:
    if not facets:
        return RolesError(f"{name} needs facet: the column that it speaks of")
    columns = _facet_columns(facets)
    return RolesError(
        f"{name}={given!r} does not say which of {listed(columns)} it means; "
        f"give a mapping: {name}={{{columns[0]!r}: {given!r}}}"
    )


def _no_such_facet(name: str, facet: Any, facets: Iterable[Facet]) -> RolesError:
    shown = facet_name(facet) if isinstance(facet, (str, tuple)) else str(facet)
    return RolesError(f"{name}: no facet {shown!r}; {did_you_mean(shown, map(facet_name, facets))}")


def _cut(name: str, given: Any) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(level(given), (int, float, Decimal)):
        raise RolesError(f"{name} takes a number, not {given!r}")
    cut = float(given)
    if not math.isfinite(cut):
        raise RolesError(f"{name} takes a finite number, not {given!r}")
    if cut.is_integer() and cut != given:  # a whole number that no float is
        raise RolesError(f"{name} takes a number of at most 53 bits, not {given!r}; cut beside it")
    return cut


def _edges(name: str, given: Any) -> tuple[float, ...]:
    if hasattr(given, "tolist"):  # an array of NumPy's
        given = given.tolist()
    values = given if isinstance(given, (list, tuple)) else [given]
    edges = [_cut(name, value) for value in values]
    made = tuple(edge for edge in edges if edge is not None)
    if not made or any(low >= high for low, high in pairwise(made)):
        raise RolesError(f"{name} takes ascending numbers, such as [25, 40, 65]; got {given!r}")
    return made
