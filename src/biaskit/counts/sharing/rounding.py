"""Rounding: counts of which each cell shows its class of sizes, and what they may have been.

With ``round_to=11`` a cell of 1 to 11 rows shows as 6, one of 12 to 22 as 17, and so on; an empty
cell stays empty. No exact margin is left from which a small cell could be subtracted.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import Table
from biaskit.errors import DataError, RolesError, in_short

__all__ = ["Rounding", "refuse_unprotected_roles", "rounding_of_sum", "rounding_to"]

# Least rows in a class, and most: beyond that, little is left of any count.
_LEAST, _MOST = 3, 10_000
# A cell of this many rows and more could wrap once what it may have besides is added.
_LARGE = 2.0**61
_MOST_PARTS = 1 << 31


@dataclass(frozen=True)
class Rounding:
    """Classes of `round_to` sizes each, of which a cell shows the middle.

    >>> Rounding(11).shown(np.array([0, 1, 11, 12])).tolist()
    [0, 6, 6, 17]
    >>> [one.tolist() for one in Rounding(11).ends(np.array([0, 6, 17]))]
    [[0, 1, 12], [0, 11, 22]]
    """

    round_to: int
    #: Number of rounded counts that were added.
    parts: int = 1

    def shown(self, n: NDArray[np.int64]) -> NDArray[np.int64]:
        """What is shown of cells of so many rows."""
        _refuse_large(n)
        return np.asarray(np.where(n > 0, -(-n // self.round_to) * self.round_to - self._up, 0))

    def ends(self, shown: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Fewest and most rows that cells shown so may have."""
        _refuse_large(shown)
        # A part that is not empty shows the middle of the first class at least.
        parts = np.minimum(self.parts, shown // (self.round_to - self._up))
        return shown - parts * self._down, shown + parts * self._up

    def is_shown(self, n: NDArray[np.int64]) -> bool:
        """Whether cells could all be the sum of so many middles of classes."""
        left = np.unique(n % self.round_to)
        parts = np.arange(1, min(self.parts, self.round_to) + 1)
        known = np.unique(-parts * self._up % self.round_to)
        return bool(np.isin(left, known).all() and np.all(n >= self.round_to - self._up))

    def table(self, table: Table) -> Table:
        """Table of which each cell shows its class."""
        return replace(table, n=self.shown(table.n))

    def tables(self, shown: Table) -> tuple[Table, Table]:
        """Tables of the fewest and of the most rows that look like one."""
        least, most = self.ends(shown.n)
        return replace(shown, n=least), replace(shown, n=most)

    def may_be_apart(self, one: Table, other: Table) -> int:
        """Rows by which two rounded tables of the same rows may differ at most."""
        cells = np.count_nonzero(one.n) + np.count_nonzero(other.n)
        return int(cells) * self.parts * self._up

    def with_more(self, other: Rounding) -> Rounding:
        """Rounding of the sum of two counts.

        Raises
        ------
        RolesError
            They are rounded differently.
        """
        if other.round_to != self.round_to:
            raise RolesError(
                f"counts rounded to {self.round_to} and to {other.round_to} cannot be added: add "
                "the exact counts, and protect their sum; or protect both with the same round_to"
            )
        return replace(self, parts=self.parts + other.parts)

    def to_json(self) -> dict[str, int]:
        """JSON of the rounding."""
        return {"round_to": self.round_to, "parts": self.parts}

    @classmethod
    def from_json(cls, value: Any) -> Rounding:
        """Rounding from its JSON.

        Raises
        ------
        ValueError
            It is not as `to_json` makes it.
        """
        held = value if isinstance(value, Mapping) else {}
        numbers = [held.get(name) for name in ("round_to", "parts")]
        limits = ((_LEAST, _MOST), (1, _MOST_PARTS))
        for number, (least, most) in zip(numbers, limits, strict=True):
            if type(number) is not int or not least <= number <= most:
                raise ValueError(f"protected is {in_short(value)}")
        return cls(*numbers)  # type: ignore[arg-type]

    @property
    def text(self) -> str:
        """What a reader of the counts should know, in a clause."""
        few = f"1 to {self.round_to} rows show as {self.round_to - self._up}"
        if self.parts == 1:
            return f"counts are rounded to {self.round_to} ({few})"
        return f"counts are sums of {self.parts:,} that are rounded to {self.round_to} each ({few})"

    @property
    def _up(self) -> int:
        """Rows by which a cell may have more than it shows."""
        return self.round_to // 2

    @property
    def _down(self) -> int:
        """Rows by which a cell may have fewer than it shows."""
        return self.round_to - 1 - self._up


def _refuse_large(n: NDArray[np.int64]) -> None:
    if n.sum(dtype=np.float64) > _LARGE:
        raise DataError("so many rows cannot be rounded, since their sums would overflow")


def rounding_of_sum(parts: Sequence[Rounding | None]) -> Rounding | None:
    """Rounding of the sum of one or two counts that have rows, all of them protected or none.

    Raises
    ------
    RolesError
        One is protected and the other is not, or they are rounded differently.
    """
    rounded = [one for one in parts if one is not None]
    if rounded and len(rounded) < len(parts):
        raise RolesError(
            "protected counts and exact ones cannot be added, since their sum would show exact "
            "cells: protect both with the same round_to, or add the exact counts and protect the "
            "sum"
        )
    return functools.reduce(Rounding.with_more, rounded) if rounded else None


def rounding_to(round_to: Any) -> Rounding:
    """Rounding that a caller asks for.

    Raises
    ------
    RolesError
        It is not a whole number from 3 to 10,000.
    """
    if isinstance(round_to, bool) or not isinstance(round_to, (int, np.integer)):
        raise RolesError(f"round_to must be a whole number, such as 11, not {in_short(round_to)}")
    if not _LEAST <= round_to <= _MOST:
        raise RolesError(
            f"round_to must be from {_LEAST} to {_MOST:,}, not {round_to}; 11 hides cells of 1 to "
            "10 rows, as US health statistics ask for"
        )
    return Rounding(int(round_to))


def refuse_unprotected_roles(weight: Any, score: Any, features: Any = None) -> None:
    """Refuse roles of which single rows would show in spite of rounding.

    Raises
    ------
    RolesError
        Rows are weighted, have scores, or are kept themselves.
    """
    if weight is not None:
        raise RolesError(
            "counts of weighted rows cannot be protected: the sum of the weights of a cell of one "
            "row is that row's weight; count without weight="
        )
    if score is not None:
        raise RolesError(
            "counts of scores cannot be protected: the sum of a bin of one row is that row's "
            "score; count without score="
        )
    if features is not None:
        raise RolesError(
            "features are read from single rows, which rounding does not protect; leave out "
            "features="
        )
