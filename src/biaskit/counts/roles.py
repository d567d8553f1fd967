"""Roles: what each column is used for, which values are positive, and where numbers are cut."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, ParamSpec, TypeVar, Unpack

from biaskit.counts.arguments import READERS, Kind, RoleArguments
from biaskit.counts.contradictions import refuse_contradictions
from biaskit.counts.edges import Edges, edges_of
from biaskit.counts.facets import Facet, columns_of, facets_of
from biaskit.counts.levels import Interval, Level, bins, from_json, to_json
from biaskit.errors import RolesError, did_you_mean, in_short, keywords_checked

__all__ = [
    "AXES",
    "CHOICES",
    "ROLES",
    "Axis",
    "Role",
    "RoleArguments",
    "Roles",
    "refuse_no_facet",
    "roles_of",
    "takes_roles",
]

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")

#: Axes of a table, in their order.
AXES = ("facet", "label", "predicted", "group")


class Role(NamedTuple):
    """Declaration of a role: the kind of its argument, and its help text."""

    kind: Kind
    help: str


class Axis(NamedTuple):
    """One axis of a table: its role, its columns (none if no column has the role), and its bins."""

    role: str
    columns: tuple[str, ...]
    bins: tuple[Interval, ...]


def _role(kind: Kind, said: str, default: Any = None) -> Any:
    return field(default=default, metadata={"role": Role(kind, said)})


@dataclass(frozen=True, init=False)
class Roles:
    """Parts that columns play, checked against each other.

    What is counted (columns and cuts) is fixed by the pass over the rows; what is chosen afterwards
    (`positive`, `facet_values`, `reference`) may be changed without another pass. `features` are
    columns of the rows themselves: they are never counted.

    Parameters
    ----------
    facet
        Column whose values may be favoured or not; a list for several; a tuple of columns for
        their intersection.
    label, predicted, group, weight
        Columns of the observed outcome, the model's outcome, the stratum, and the rows' weights.
    frequency
        Column that says how many rows each row stands for, as in a table of cells: whole numbers of
        0 or more. Counts are those of the repeated rows, each with the row's weight.
    positive
        Desirable value of the label, or a list of them. Needed for a report unless the label is
        boolean or 0/1.
    positive_above, predicted_above
        Cut a numeric label or score: above it is positive.
    predicted_positive
        Value of `predicted` that is positive, or a list of them, where it is not `positive`:
        predictions of 0 and 1 for labels that are texts.
    facet_values
        Value or list of values that together are facet d; for several facets, a mapping by facet.
        By default each value is d in turn.
    reference
        Value that alone is facet a, in place of all others; for several facets, a mapping by facet.
        ``"largest"`` is the value with the most rows, ``"highest"`` the one with the highest share
        of positive predictions (of positive labels without predictions) among those with 2 % of the
        known rows or more. A value of the column outranks these two words.
    facet_above, facet_at_most
        Cut a numeric facet: the rows above, or those at or below, are d.
    facet_edges
        Cut a numeric facet into bins ``(low, high]``, each d in turn.
    score
        Column of a model's scores, or of any number whose distribution is compared. It may be the
        column of `predicted`, which `predicted_above` then cuts.
    score_range
        Least and greatest score, by default 0 and 1. Scores beyond it are counted in bins of their
        own.
    features
        Columns to compare rows by, for the flip test FT; ``"rest"`` is every column of numbers,
        booleans or texts that has no other role. They are read for FT only.

    Raises
    ------
    RolesError
        An unknown role, a column with two roles, or choices that contradict each other.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> roles = biaskit.Roles(facet="age", label="hired", facet_above=40)
    >>> df = pd.DataFrame({"age": [25, 50, 61, 33], "hired": [1, 0, 1, 1]})
    >>> biaskit.report(df, roles, metrics="DPL")["estimate"].item()
    0.5
    """

    facet: tuple[Facet, ...] = _role(
        "facets",
        "column whose values may be favoured or not; repeat it for several; "
        "'gender & race' is the intersection of two columns",
        (),
    )
    label: str | None = _role("column", "column of the observed outcome")
    predicted: str | None = _role("column", "column of the model's outcome")
    group: str | None = _role("column", "column of the strata of CDDL, such as a department")
    weight: str | None = _role("amount", "column of the rows' weights")
    frequency: str | None = _role(
        "amount", "column of how many rows each row stands for, as in a table of cells"
    )
    positive: tuple[Level, ...] | None = _role(
        "values",
        "desirable value of the label; repeat it for several "
        "(default: true or 1 of a boolean or 0/1 label)",
    )
    positive_above: float | None = _role(
        "cut", "cut a numeric label: above this number is positive"
    )
    predicted_above: float | None = _role(
        "cut", "cut a numeric score: above this number is predicted positive"
    )
    predicted_positive: tuple[Level, ...] | None = _role(
        "values",
        "value of the model's outcome that is positive, where it is not that of the label; "
        "repeat it for several",
    )
    facet_values: Mapping[Facet, tuple[Level, ...]] | None = _role(
        "values of d",
        "value that is facet d, the disadvantaged side; repeat it for several that "
        "together are d (default: each value in turn)",
    )
    reference: Mapping[Facet, Level] | None = _role(
        "reference",
        "value that alone is facet a, in place of all others: one of the column, or 'largest' or "
        "'highest' (share of positive outcomes)",
    )
    facet_above: Mapping[str, float] | None = _role(
        "cut of d", "cut a numeric facet: the rows above this number are d"
    )
    facet_at_most: Mapping[str, float] | None = _role(
        "cut of d", "cut a numeric facet: the rows at or below this number are d"
    )
    facet_edges: Mapping[str, tuple[float, ...]] | None = _role(
        "edges", "cut a numeric facet at these numbers (25,40,65): each bin in turn is d"
    )
    score: str | None = _role("column", "column of the model's scores, or of any other number")
    score_range: tuple[float, float] | None = _role("range", "range of the scores (default: 0,1)")
    features: tuple[str, ...] | str | None = _role(
        "features",
        "column to compare rows by, for the flip test FT; repeat it for several; "
        "'rest' is every column without another role",
    )

    def __init__(self, **given: Unpack[RoleArguments]):
        for name in given:
            if name not in ROLES:
                raise RolesError(f"no role {name!r}; {did_you_mean(name, ROLES)}")
        facets = facets_of(given.get("facet"))
        for name, role in ROLES.items():
            object.__setattr__(self, name, READERS[role.kind](name, given.get(name), facets))
        refuse_contradictions(self)

    def chosen(self, **given: Unpack[RoleArguments]) -> Roles:
        """These roles with other choices, of those that can be made after counting.

        Raises
        ------
        RolesError
            A role that the pass over the rows has fixed was given another value, or `features` are
            given, which need rows.
        """
        asked: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if "features" in asked:
            raise RolesError(
                "FT needs the rows, which counts do not keep: report on the table itself with "
                "features=, or leave features out"
            )
        kept = self.facet
        if "facet" in asked:
            own = {facet.name: facet for facet in self.facet}
            wanted = [facet.name for facet in facets_of(asked.pop("facet"))]
            if unknown := [name for name in wanted if name not in own]:
                raise RolesError(
                    f"these counts have no facet {unknown[0]!r}; {did_you_mean(unknown[0], own)}"
                )
            kept = tuple(own[name] for name in wanted)
        made = self.replaced(facet=kept)
        for name in _of_kind("values of d", "reference"):
            by_facet = {f: one for f, one in (getattr(self, name) or {}).items() if f in kept}
            made = made.replaced(**{name: by_facet or None})
        for name in CHOICES:
            if name in asked:
                read = READERS[ROLES[name].kind]
                made = made.replaced(**{name: read(name, asked.pop(name), kept)})
        for name, value in asked.items():
            if getattr(Roles(**{**self.given(), name: value}), name) != getattr(self, name):
                raise RolesError(
                    f"{name}={value!r} differs from what was counted "
                    f"({getattr(self, name)!r}); count the rows again with it"
                )
        refuse_contradictions(made)
        return made

    def replaced(self, **kept: Any) -> Roles:
        """These roles with some fields replaced, in the form in which roles store them."""
        made = copy(self)
        for name, value in kept.items():
            object.__setattr__(made, name, value)
        return made

    def given(self) -> dict[str, Any]:
        """Keyword arguments that make these roles."""
        made: dict[str, Any] = {}
        for name, role in ROLES.items():
            value = getattr(self, name)
            if value is None or value == ():
                continue
            match role.kind:
                case "facets":
                    made[name] = [facet.given for facet in value]
                case "values":
                    made[name] = [*value]
                case "values of d":
                    made[name] = {facet.given: [*values] for facet, values in value.items()}
                case "reference":
                    made[name] = {facet.given: one for facet, one in value.items()}
                case _:
                    made[name] = value
        return made

    @property
    def counted(self) -> Roles:
        """Only the roles fixed by the pass over the rows: counts add when these are equal."""
        return self.replaced(**dict.fromkeys(CHOICES), features=None)

    @property
    def cuts(self) -> dict[str, tuple[float, ...]]:
        """Edges, ascending, at which the numbers of a column are cut, by column."""
        cuts: dict[str, tuple[float, ...]] = {
            column: (cut,)
            for cuts_of_d in (self.facet_above, self.facet_at_most)
            for column, cut in (cuts_of_d or {}).items()
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
        amounts = (self.weight, self.score)
        return {*self.cuts, *(column for column in amounts if column is not None)}

    @property
    def score_edges(self) -> Edges | None:
        """Edges of the bins of scores; None where there are none."""
        if self.score is None:
            return None
        low, high = self.score_range or (0.0, 1.0)
        return edges_of(low, high, has_groups=self.group is not None)

    def bins(self, column: str) -> tuple[Interval, ...]:
        """Intervals of a column that is cut; none for any other column."""
        edges = self.cuts.get(column)
        return () if edges is None else bins(edges)

    def axes(self, facet: Facet) -> tuple[Axis, ...]:
        """Axes of the table of one facet, in the order of `AXES`."""
        only = facet.columns[0] if len(facet.columns) == 1 else None
        made = [Axis("facet", facet.columns, () if only is None else self.bins(only))]
        for role in AXES[1:]:
            column = getattr(self, role)
            made.append(
                Axis(role, (), ()) if column is None else Axis(role, (column,), self.bins(column))
            )
        return tuple(made)

    def columns(self) -> dict[str, str]:
        """Role by column, for every column that the pass over the rows reads, facets first."""
        by_column = dict.fromkeys(columns_of(self.facet), "facet")
        for role in _of_kind("column", "amount"):
            if (column := getattr(self, role)) is not None:
                by_column.setdefault(column, role)  # a score may be the prediction, too
        return by_column

    def counted_columns(self) -> dict[str, str]:
        """Role by column, for the columns by whose values rows are counted."""
        summed = (*_of_kind("amount"), "score")
        return {column: role for column, role in self.columns().items() if role not in summed}

    def to_json(self) -> dict[str, Any]:
        """JSON object of the roles that were given, for a counts file or a report."""
        made: dict[str, Any] = {}
        for name, role in ROLES.items():
            value = getattr(self, name)
            if value is None or value == ():
                continue
            match role.kind:
                case "facets":
                    made[name] = [facet.to_json() for facet in value]
                case "values":
                    made[name] = [to_json(one) for one in value]
                case "values of d":
                    made[name] = [
                        [facet.to_json(), [to_json(one) for one in values]]
                        for facet, values in value.items()
                    ]
                case "reference":
                    made[name] = [[facet.to_json(), to_json(one)] for facet, one in value.items()]
                case "edges":
                    made[name] = {column: [*edges] for column, edges in value.items()}
                case "cut of d":
                    made[name] = dict(value)
                case "features" | "range" if isinstance(value, tuple):
                    made[name] = [*value]
                case _:
                    made[name] = value
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
            for name, role in ROLES.items():
                if name not in given:
                    continue
                match role.kind:
                    case "facets":
                        given[name] = [*map(_facet_of_json, given[name])]
                    case "values":
                        given[name] = [from_json(one) for one in given[name]]
                    case "values of d":
                        given[name] = {
                            _facet_of_json(facet): [from_json(one) for one in values]
                            for facet, values in given[name]
                        }
                    case "reference":
                        given[name] = {
                            _facet_of_json(facet): from_json(one) for facet, one in given[name]
                        }
        except TypeError as error:
            raise ValueError(f"roles are not what biaskit writes: {error}") from error
        return cls(**given)

    def parts(self) -> Iterator[tuple[str, str]]:
        """Role and column, for each part that a column is given."""
        for column in columns_of(self.facet):
            yield "facet", column
        for role in _of_kind("column", "amount"):
            column = getattr(self, role)
            if column is not None and not (role == "score" and column == self.predicted):
                yield role, column
        for column in self.features if isinstance(self.features, tuple) else ():
            yield "features", column


#: Roles that may be chosen after counting.
CHOICES = ("positive", "predicted_positive", "facet_values", "reference")

#: Every role, in the order of the help texts.
ROLES: Mapping[str, Role] = {one.name: one.metadata["role"] for one in fields(Roles)}


def roles_of(roles: Roles | None, given: RoleArguments) -> Roles:
    """Roles of a call that takes `Roles`, or a keyword argument for each.

    Raises
    ------
    RolesError
        Both are given, or the roles contradict each other.
    """
    if roles is None:
        return Roles(**given)
    if not isinstance(roles, Roles):
        raise RolesError(
            f"roles takes biaskit.Roles(...), not {in_short(roles)}; or give the roles by name: "
            "facet=..., label=..."
        )
    if also := [name for name, value in given.items() if value is not None]:
        raise RolesError(f"{also[0]}= is given together with roles; put it into biaskit.Roles(...)")
    return roles


def refuse_no_facet(roles: Roles) -> None:
    """Refuse roles without a facet.

    Raises
    ------
    RolesError
        They have no facet.
    """
    if not roles.facet:
        raise RolesError("facet is needed: the column whose values may be favoured or not")


def takes_roles(function: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """Decorator that shows a checked keyword for each role in place of ``**given``.

    Help and editors then list the roles like other keywords.
    """
    signature = inspect.signature(function)
    shown = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    first = sum(one.kind is not one.KEYWORD_ONLY for one in shown)
    shown[first:first] = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in ROLES
    ]
    made = keywords_checked(function, also=ROLES)
    made.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return made


def _of_kind(*kinds: Kind) -> tuple[str, ...]:
    return tuple(name for name, role in ROLES.items() if role.kind in kinds)


def _facet_of_json(value: Any) -> Facet:
    return Facet((value,) if isinstance(value, str) else tuple(value))
