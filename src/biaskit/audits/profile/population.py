"""Population: shares of a facet's values that the rows are compared with."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet, named_facet
from biaskit.counts.levels import MISSING, Level, find, order, show
from biaskit.errors import DataError, RolesError, did_you_mean, in_short, listed

__all__ = ["Expected", "expected_of_shares", "expected_of_table", "shares_given"]

# Name of the values that a population does not name.
_OTHERS = "(others)"
# Shares that are rounded may add up to a little more or less than 1.
_ROUNDED = 0.005


class Expected(NamedTuple):
    """A facet's values beside those of a population."""

    names: tuple[str, ...]
    #: Rows of each value.
    n: NDArray[np.int64]
    #: Share of each in the population, and its rows there where the population is a table.
    share: NDArray[np.float64]
    rows: NDArray[np.int64] | None
    note: str = ""


def shares_given(given: Any, facets: Sequence[Facet]) -> dict[Facet, dict[Any, float]]:
    """Shares of values by facet, checked; a mapping of shares alone is that of the only facet.

    Raises
    ------
    RolesError
        They are no shares, or of no facet.
    """
    if not isinstance(given, Mapping) or not given:
        raise RolesError(
            "population takes shares by facet, such as {'sex': {'F': 0.51, 'M': 0.49}}, or a table "
            f"with the columns of the facets, not {in_short(given)}"
        )
    if not any(isinstance(one, Mapping) for one in given.values()):
        if len(facets) != 1:
            raise RolesError(
                f"population does not say which of {listed([one.name for one in facets])} it is "
                "of: give a mapping of shares for each"
            )
        given = {facets[0]: given}
    made = {}
    for name, shares in given.items():
        facet = name if isinstance(name, Facet) else named_facet(name, facets)
        if facet is None:
            known = [one.name for one in facets]
            raise RolesError(f"population: no facet {name!r}; {did_you_mean(str(name), known)}")
        if not isinstance(shares, Mapping) or not shares:
            raise RolesError(
                f"population of {facet.name!r} takes a share for each value, such as "
                f"{{'F': 0.51, 'M': 0.49}}, not {in_short(shares)}"
            )
        made[facet] = {value: _share(facet, value, one) for value, one in shares.items()}
        if sum(made[facet].values()) > 1 + _ROUNDED:
            raise RolesError(
                f"population of {facet.name!r}: the shares add up to "
                f"{sum(made[facet].values()):g}, and shares are parts of 1: divide them by their "
                "sum"
            )
    return made


def _share(facet: Facet, value: Any, share: Any) -> float:
    is_number = isinstance(share, numbers.Real) and not isinstance(share, bool)
    if not is_number or not 0 <= share < math.inf:
        raise RolesError(
            f"population of {facet.name!r}: the share of {value!r} must be a number from 0 to 1, "
            f"not {in_short(share)}"
        )
    return float(share)


def expected_of_shares(
    facet: Facet, rows: Mapping[Level, int], shares: Mapping[Any, float]
) -> Expected:
    """Values of a facet beside shares of them; those that are not named are one, with the rest.

    Raises
    ------
    RolesError
        A value is named twice, or one that no row has, while another has no share.
    """
    known = [one for one in rows if one is not MISSING]
    of_value: dict[str, float] = {}
    absent = []
    for value, share in shares.items():
        try:
            name = show(find(value, known))
        except LookupError:
            name = show(value if not isinstance(value, tuple) else tuple(value))
            absent.append(name)
        if name in of_value:
            raise RolesError(f"population of {facet.name!r} names {name!r} twice")
        of_value[name] = share
    unnamed = [show(one) for one in known if show(one) not in of_value]
    rest = 1 - sum(of_value.values())
    is_whole = abs(rest) <= _ROUNDED
    if unnamed and absent:
        raise RolesError(
            f"population of {facet.name!r}: no row has the value {absent[0]!r}, and "
            f"{unnamed[0]!r} has no share; {did_you_mean(absent[0], unnamed)}"
        )
    if unnamed and is_whole:
        raise RolesError(
            f"population of {facet.name!r}: the shares add up to 1, and rows have values without "
            f"one: {listed(unnamed)}; give these a share, 0 if there are none"
        )
    n = {show(one): count for one, count in rows.items() if one is not MISSING}
    names = [*(one for one in map(show, known) if one in of_value), *absent]
    counted = [n.get(one, 0) for one in names]
    expected = [of_value[one] for one in names]
    note = ""
    if is_whole:
        expected = [one / (1 - rest) for one in expected]
    else:
        names.append(_OTHERS)
        counted.append(sum(n[one] for one in unnamed))
        expected.append(rest)
        note = "the others have the rest of the shares: " + (
            listed(unnamed) if unnamed else "no row has another value"
        )
    return Expected(tuple(names), np.array(counted), np.array(expected), None, note)


def expected_of_table(
    facet: Facet, rows: Mapping[Level, int], people: Mapping[Level, int]
) -> Expected:
    """Values of a facet beside those of a table of people, taken for a sample of the population.

    Raises
    ------
    DataError
        The population knows the facet of no row, or its values are of another kind.
    """
    theirs = {one: n for one, n in people.items() if one is not MISSING}
    ours = {one: n for one, n in rows.items() if one is not MISSING}
    if not sum(theirs.values()):
        raise DataError(f"population: {facet.name!r} is missing in every row")
    if ours and not {*map(show, ours)} & {*map(show, theirs)}:
        raise DataError(
            f"population: {facet.name!r} has the values {listed([*map(show, theirs)])}, and the "
            f"data have {listed([*map(show, ours)])}: give both the same names"
        )
    by_name: dict[str, list[int]] = {}
    for level in sorted({*ours, *theirs}, key=order):
        both = by_name.setdefault(show(level), [0, 0])
        both[0] += ours.get(level, 0)
        both[1] += theirs.get(level, 0)
    n, m = np.array([*by_name.values()]).T
    return Expected(tuple(by_name), n, m / m.sum(), m)
