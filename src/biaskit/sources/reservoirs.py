"""Reservoirs: the rows with the smallest tickets of many, however they come in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reservoir", "array_reservoir"]

Part = TypeVar("Part")


class Reservoir(Generic[Part]):
    """Rows with the smallest tickets, in the order in which they came.

    Parameters
    ----------
    most
        How many rows are kept.
    take
        Function of a part and places to these rows of the part.
    join
        Function of parts to one that has the rows of all.

    Attributes
    ----------
    seen
        Number of rows that were added.
    """

    def __init__(
        self,
        most: int,
        take: Callable[[Part, NDArray[np.intp]], Part],
        join: Callable[[list[Part]], Part],
    ):
        self._most, self._take, self._join = most, take, join
        self._parts: list[Part] = []
        self._tickets: list[NDArray[Any]] = []
        self._last: Any = np.inf  # rows with larger tickets cannot be kept any more
        self.seen = 0

    def may_keep(self, tickets: NDArray[Any]) -> NDArray[np.bool_]:
        """Which rows with these tickets may be kept; others need not be added."""
        return np.asarray(tickets <= self._last)

    def add(self, part: Part, tickets: NDArray[Any]) -> None:
        """Add some rows, each with its ticket."""
        self.seen += len(tickets)
        kept = np.flatnonzero(self.may_keep(tickets))
        if not len(kept):
            return
        self._parts.append(part if len(kept) == len(tickets) else self._take(part, kept))
        self._tickets.append(tickets[kept])
        if sum(map(len, self._tickets)) > 2 * self._most:
            self._thin()

    def found(self) -> Part | None:
        """Rows that are kept; None if no row was added."""
        if not self._parts:
            return None
        self._thin()
        return self._parts[0]

    def _thin(self) -> None:
        tickets, part = np.concatenate(self._tickets), self._join(self._parts)
        if len(tickets) > self._most:
            kept = np.sort(np.argpartition(tickets, self._most - 1)[: self._most])
            tickets, part = tickets[kept], self._take(part, kept)
            self._last = tickets.max()
        self._parts, self._tickets = [part], [tickets]


def array_reservoir(most: int, axis: int) -> Reservoir[Sequence[NDArray[Any]]]:
    """Reservoir of parts that are arrays with their rows on one axis."""
    return Reservoir(
        most,
        lambda arrays, at: [np.take(array, at, axis) for array in arrays],
        lambda parts: [np.concatenate(arrays, axis) for arrays in zip(*parts, strict=True)],
    )
