"""Spellings: texts among the values of a column that differ only by case or blanks around them.

They are counted apart, since nothing is guessed, but a person may want to know of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from biaskit.counts.counts import Counts
from biaskit.counts.levels import Level
from biaskit.errors import listed

__all__ = ["alike", "spelled_alike"]


def alike(values: Iterable[Level]) -> list[list[str]]:
    """Groups of texts that differ only by case or by blanks around them.

    >>> alike(["Female", "male", "female ", "FEMALE", 3, None])
    [['Female', 'female ', 'FEMALE']]
    """
    groups: dict[str, list[str]] = {}
    for value in values:
        if isinstance(value, str):
            groups.setdefault(value.strip().casefold(), []).append(value)
    return [group for group in groups.values() if len(group) > 1]


def spelled_alike(counts: Counts) -> list[str]:
    """A line on each column of some counts that has such texts.

    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "f", "M", "M"], "hired": [0, 1, 1, 1]})
    >>> spelled_alike(biaskit.count(df, facet="sex", label="hired"))
    ["sex has values that differ only by case or blanks, and are counted apart: 'F', 'f'"]
    """
    found: dict[str, list[str]] = {}
    for column, values in _values(counts):
        if column not in found and (groups := alike(values)):
            found[column] = [text for group in groups for text in group]
    return [
        f"{column} has values that differ only by case or blanks, and are counted apart: "
        f"{listed(texts, most=6)}"
        for column, texts in found.items()
    ]


def _values(counts: Counts) -> Iterator[tuple[str, Iterable[Level]]]:
    """Columns of the tables of some counts, each with its values."""
    for facet, table in counts.shown_tables.items():
        for axis, levels in zip(counts.roles.axes(facet), table.levels, strict=True):
            for at, column in enumerate(axis.columns):
                parts = (one[at] if isinstance(one, tuple) else one for one in levels)
                yield column, dict.fromkeys(parts)
