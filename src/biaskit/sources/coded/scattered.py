"""Scattered cells: sums of the few combinations of codes that occur, of very many possible ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import MAX_COMBINATIONS, too_many_combinations
from biaskit.errors import DataError

__all__ = ["Scattered"]

# Cells that wait to be merged, so that merging takes a part of the time of counting.
_MOST_WAITING = 1 << 19
_LARGEST_KEY = 1 << 62


class Scattered:
    """Sums of amounts by the codes of some columns, for the combinations that occur.

    Parameters
    ----------
    facet
        Name of the facet, for messages.
    of_facet
        How many of the columns, the first ones, are those of the facet.
    """

    def __init__(self, facet: str, of_facet: int):
        self._facet = facet
        self._of_facet = of_facet
        self._parts: list[tuple[NDArray[np.int32], list[NDArray[Any]]]] = []
        self._merged = 0

    def add(self, codes: Sequence[NDArray[Any]], amounts: Sequence[NDArray[Any] | None]) -> None:
        """Add rows, or groups of them: the codes of each column, and the amounts to sum.

        The first amount is a number of rows; without it, each row is one.

        Raises
        ------
        DataError
            The facet has more combinations of values than are counted.
        """
        self._parts.append(_summed(np.stack(codes).astype(np.int32, copy=False), amounts))
        waiting = sum(part.shape[1] for part, _ in self._parts)
        if waiting > 2 * self._merged + _MOST_WAITING:
            self.cells()

    def cells(self) -> tuple[NDArray[np.int32], list[NDArray[Any]]]:
        """Codes of every combination that occurs, shape ``(columns, cells)``, and its sums.

        Raises
        ------
        DataError
            The facet has more combinations of values than are counted.
        """
        if len(self._parts) > 1:
            codes = np.concatenate([part for part, _ in self._parts], axis=1)
            sums = [
                np.concatenate(one) for one in zip(*(sums for _, sums in self._parts), strict=True)
            ]
            self._parts = [_summed(codes, sums)]
        codes, sums = self._parts[0]
        self._merged = codes.shape[1]
        if self._merged > MAX_COMBINATIONS:
            found = len(np.unique(_keys(codes[: self._of_facet])))
            if found > MAX_COMBINATIONS:
                raise DataError(too_many_combinations(self._facet, found))
        return codes, sums


def _summed(
    codes: NDArray[np.int32], amounts: Sequence[NDArray[Any] | None]
) -> tuple[NDArray[np.int32], list[NDArray[Any]]]:
    """Distinct combinations of codes, and the sums of each."""
    _, first, which = np.unique(_keys(codes), return_index=True, return_inverse=True)
    which = which.ravel()
    sums = []
    for amount in amounts:
        if amount is None:
            sums.append(np.bincount(which, minlength=len(first)).astype(np.int64))
        elif amount.dtype.kind == "f":
            sums.append(np.bincount(which, amount, minlength=len(first)))
        else:  # no float holds every sum of integers
            made = np.zeros(len(first), dtype=np.int64)
            np.add.at(made, which, amount)
            sums.append(made)
    return codes[:, first], sums


def _keys(codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Combinations of codes as one number each."""
    keys, space = np.zeros(codes.shape[1], dtype=np.int64), 1
    for of_column in codes:
        size = int(of_column.max(initial=0)) + 1
        if space * size > _LARGEST_KEY:
            distinct, keys = np.unique(keys, return_inverse=True)
            keys, space = keys.ravel().astype(np.int64), len(distinct)
        keys = keys * size + of_column
        space *= size
    return keys
