"""Categories of New York City's Local Law 144: names of sexes and races, and their synonyms.

The rule takes its categories from Component 1 of the EEO-1 report (6 RCNY 5-300, "Race/Ethnicity"),
and prints them in this order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from biaskit.counts.levels import Level, level, show
from biaskit.errors import RolesError, did_you_mean, in_short

__all__ = ["HISPANIC", "RACES", "SEXES", "Categories", "categories_of"]

#: Categories of the rule, in its order.
SEXES = ("Male", "Female")
HISPANIC = "Hispanic or Latino"
RACES = (
    HISPANIC,
    "White",
    "Black or African American",
    "Native Hawaiian or Pacific Islander",
    "Asian",
    "Native American or Alaska Native",
    "Two or More Races",
)

# What EEO-1 reports and personnel systems write for them, besides their letter case.
_SYNONYMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sex": {
        "Male": ("M", "Man", "Men", "Males"),
        "Female": ("F", "Woman", "Women", "Females"),
    },
    "race": {
        HISPANIC: ("Hispanic", "Latino", "Latina", "Hispanic/Latino", "Hispanic or Latina"),
        "White": ("White (Not Hispanic or Latino)",),
        "Black or African American": (
            *("Black", "African American", "Black/African American"),
            "Black or African American (Not Hispanic or Latino)",
        ),
        "Native Hawaiian or Pacific Islander": (
            *("Native Hawaiian or Other Pacific Islander", "Native Hawaiian", "Pacific Islander"),
            "Native Hawaiian or Other Pacific Islander (Not Hispanic or Latino)",
        ),
        "Asian": ("Asian (Not Hispanic or Latino)",),
        "Native American or Alaska Native": (
            *("American Indian or Alaska Native", "American Indian or Alaskan Native"),
            *("Native American", "American Indian", "Alaska Native"),
            "American Indian or Alaska Native (Not Hispanic or Latino)",
        ),
        "Two or More Races": (
            *("Two or More", "Multiracial", "Two or More Races (Not Hispanic or Latino)"),
        ),
    },
}


class Categories:
    """Categories of one column: which of its values is which of the rule's names.

    >>> races = Categories("race", RACES)
    >>> races.of("black / african-american"), races.of("Other")
    ('Black or African American', None)
    """

    def __init__(self, what: str, known: tuple[str, ...], given: Mapping[Any, Any] | None = None):
        self.what, self.known = what, known
        self._names = {_plain(one): one for one in known}
        for name, others in _SYNONYMS[what].items():
            self._names |= {_plain(other): name for other in others}
        # A name that the caller gives is the value as it is written.
        self._given = {
            show(level(value)): None if name is None else self._named(name)
            for value, name in (given or {}).items()
        }

    def of(self, value: Level) -> str | None:
        """The rule's name of a value; None for one that it does not have."""
        shown = show(value)
        if shown in self._given:
            return self._given[shown]
        return self._names.get(_plain(shown))

    def _named(self, name: Any) -> str:
        if not isinstance(name, str) or (found := self._names.get(_plain(name))) is None:
            raise RolesError(
                f"names: {in_short(name)} is no {self.what} of the rule; "
                f"{did_you_mean(str(name), self.known)}"
            )
        return found


def categories_of(names: Any) -> tuple[Categories, Categories]:
    """Categories of the sexes and of the races, with the names that a caller gives.

    Raises
    ------
    RolesError
        `names` is no mapping of such names.
    """
    given = names or {}
    if not isinstance(given, Mapping) or not all(
        isinstance(one, Mapping) for one in given.values()
    ):
        raise RolesError(
            'names takes a mapping for each column, such as {"sex": {"1": "Male"}, '
            f'"race": {{"AA": "Black or African American"}}}}, not {in_short(names)}'
        )
    if unknown := [one for one in given if one not in ("sex", "race")]:
        raise RolesError(f'names has "sex" and "race", not {in_short(unknown[0])}')
    return (
        Categories("sex", SEXES, given.get("sex")),
        Categories("race", RACES, given.get("race")),
    )


def _plain(text: str) -> str:
    """Letters and digits of a text, in lower case, where a slash is an "or"."""
    return "".join(re.findall(r"[^\W_]+", re.sub(r"\s*/\s*", " or ", text.casefold())))
