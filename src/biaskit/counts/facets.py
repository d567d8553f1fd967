"""Facets: a column whose values are compared, or the combinations of values of several columns."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from biaskit.counts.levels import Level, level
from biaskit.errors import RolesError, in_short

__all__ = [
    "ALL_ROWS",
    "JOINED_BY",
    "Facet",
    "column_name",
    "columns_of",
    "facets_of",
    "named_facet",
    "no_name",
]

#: What joins the columns of an intersection in a text.
JOINED_BY = " & "


@dataclass(frozen=True)
class Facet:
    """A column, or several whose combinations of values are the facet's values (an intersection).

    >>> Facet(("gender", "race")).name
    'gender & race'
    """

    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name in a report, the columns of an intersection joined by ``&``."""
        return JOINED_BY.join(self.columns) if self.columns else "(all)"

    def __str__(self) -> str:
        return self.name

    @property
    def given(self) -> str | tuple[str, ...]:
        """Facet as a caller writes it: a column's name, or a tuple of several."""
        only = self.columns[0] if len(self.columns) == 1 else ""
        return only if only and JOINED_BY not in only else self.columns

    def value(self, parts: Sequence[Level]) -> Level:
        """Value of the facet for rows with these values in its columns."""
        return parts[0] if len(parts) == 1 else level(tuple(parts))

    def to_json(self) -> str | list[str]:
        """JSON of the facet: a text, or a list for an intersection."""
        return self.columns[0] if len(self.columns) == 1 else list(self.columns)


#: Key of the sums over all rows, where nothing is compared.
ALL_ROWS = Facet(())


def column_name(given: Any) -> Any:
    """Name of a column as a text: pandas numbers the columns of a table without a header.

    >>> column_name(9), column_name("sex"), column_name((8, "sex"))
    ('9', 'sex', ('8', 'sex'))
    """
    if isinstance(given, tuple):
        return tuple(column_name(one) for one in given)
    if isinstance(given, str) and given.encode("utf-8", "replace").decode() != given:
        raise RolesError(
            f"a column is named {given!r}, which holds an unpaired surrogate; rename it"
        )
    is_number = isinstance(given, numbers.Integral) and not isinstance(given, bool)
    return str(given) if is_number else given


def columns_of(facets: Iterable[Facet]) -> list[str]:
    """Columns of some facets, each once."""
    return list(dict.fromkeys(column for facet in facets for column in facet.columns))


def facets_of(given: Any) -> tuple[Facet, ...]:
    """Facets that a caller writes: a column, a tuple of columns, or a list of either.

    Raises
    ------
    RolesError
        The argument is not the name of a column, or names one twice.
    """
    if given is None:
        return ()
    made: dict[Facet, None] = {}  # in their order
    for one in given if isinstance(given, list) else [given]:
        facet = _facet(one)
        if facet is None:
            raise RolesError(
                f"{no_name('facet', column_name(one))}; an intersection is a tuple of columns, and "
                "several facets are a list"
            )
        if facet in made or len(set(facet.columns)) < len(facet.columns):
            raise RolesError(f"facet {facet.name!r} names a column twice")
        made[facet] = None
    return tuple(made)


def named_facet(given: Any, facets: Sequence[Facet]) -> Facet | None:
    """The facet that a caller means; None if it is not among the known ones."""
    name = column_name(given)
    exact = Facet((name,)) if isinstance(name, str) else None
    return next((one for one in (exact, _facet(given)) if one in facets), None)


def no_name(role: str, given: Any) -> str:
    """Message for a role that is given values instead of the name of a column."""
    return (
        f"{role} takes one column name, not {in_short(given)}; if the values are not a column of "
        "the data, add them as one and give its name"
    )


def _facet(given: Any) -> Facet | None:
    """Facet of a name, of names in a text that joins them, or of names in a tuple."""
    name = column_name(given.columns if isinstance(given, Facet) else given)
    columns = tuple(name.split(JOINED_BY)) if isinstance(name, str) else name
    is_whole = isinstance(columns, tuple) and all(isinstance(column, str) for column in columns)
    return Facet(columns) if is_whole and columns else None
