"""The lattice: every slice of up to so many columns, from one joint table.

For every set of columns, the cells of the joint table are summed by their values on it. A slice is
left out only where a side has too few rows, or where a slice of the same rows stands already, so
none is missed and none depends on an outcome.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.audits.slices.joint import Amounts, Array, Joint
from biaskit.errors import DataError

__all__ = ["Lattice", "Support", "lattice_of"]

#: From the amounts inside some slices and those of all rows that are known on their columns:
#: the rows of the smaller side.
Support: TypeAlias = Callable[[Sequence[Amounts], Sequence[Amounts]], Array]

#: Most slices, and most cells that are summed for all sets of columns together.
MAX_SLICES, MAX_SUMMED = 1_000_000, 200_000_000
# The values of a slice are one integer of 64 bits.
_LARGEST_KEY = 1 << 62
_SEED = 20_260_101
# Two sums of random integers below 2 ** 36, each exact in a float for 100,000 cells, tell sets of
# cells apart.
_MARKS = 1 << 36
# A table of the sums of all combinations is made where it has at most this many entries a cell.
_DENSE = 4


@dataclass(frozen=True)
class Lattice:
    """Slices, those of fewer columns first, then in the order of their columns and values.

    The arrays have an entry for each slice.
    """

    joint: Joint
    #: Columns of each set, as places in the joint table.
    sets: tuple[tuple[int, ...], ...]
    #: Set of each slice, and its values as one number.
    of_set: NDArray[np.int64]
    key: NDArray[np.int64]
    #: Amounts in each slice, and those of the rows that are known on its columns.
    inside: tuple[Amounts, ...]
    known: tuple[Amounts, ...]
    #: Rows of the smaller side.
    support: Array
    #: Two numbers that are the same for slices of the same cells.
    marks: NDArray[np.complex128]

    def __len__(self) -> int:
        return len(self.key)

    @property
    def depth(self) -> NDArray[np.int64]:
        """Number of columns of each slice."""
        return np.array([len(one) for one in self.sets], dtype=np.int64)[self.of_set]

    def stand(self, min_rows: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Slices that stand for all of the same rows, and for each slice which of them does.

        Only slices with `min_rows` on either side do; -1 for the others.
        """
        large = np.flatnonzero(self.support >= min_rows)
        _, first, which = np.unique(self.marks[large], return_index=True, return_inverse=True)
        order = np.argsort(first)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        of_slice = np.full(len(self), -1)
        of_slice[large] = place[which.ravel()]
        return large[first[order]], of_slice

    def values(self, one: int) -> list[tuple[int, int]]:
        """Conditions of a slice: places of its columns, and of its values on them."""
        columns = self.sets[self.of_set[one]]
        found, key = [], int(self.key[one])
        for column in reversed(columns):
            key, code = divmod(key, self.joint.sizes[column])
            found.append((column, code))
        return found[::-1]

    def cells(self, one: int) -> NDArray[np.bool_]:
        """Cells of a slice."""
        made = np.ones(self.joint.codes.shape[1], dtype=bool)
        for column, code in self.values(one):
            made &= self.joint.codes[column] == code
        return made

    def parents(self, these: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], ...]]:
        """Slices with one condition less than each of some: pairs of places in `these` and slices.

        A slice whose side is too small is none.
        """
        number = {columns: i for i, columns in enumerate(self.sets)}
        starts = np.searchsorted(self.of_set, np.arange(len(self.sets) + 1))
        for s in np.unique(self.of_set[these]).tolist():
            children = np.flatnonzero(self.of_set[these] == s)
            columns, keys = self.sets[s], self.key[these[children]]
            after = 1
            for dropped in range(len(columns) - 1, -1, -1):
                size = self.joint.sizes[columns[dropped]]
                parent = number.get(columns[:dropped] + columns[dropped + 1 :])
                rest = keys // (after * size) * after + keys % after
                after *= size
                if parent is None:
                    continue
                first, last = starts[parent], starts[parent + 1]
                at = first + np.searchsorted(self.key[first:last], rest)
                there = at < last
                there[there] = self.key[at[there]] == rest[there]
                yield children[there], at[there]


def lattice_of(
    joint: Joint,
    amounts: Sequence[Amounts],
    support: Support,
    *,
    depth: int,
    min_rows: int,
    whole: bool = False,
) -> Lattice:
    """Every slice of up to `depth` columns of which each side has `min_rows` rows.

    Parameters
    ----------
    joint, amounts
        The cells, and one or more amounts of each.
    support
        Rows of the smaller side of some slices.
    depth, min_rows
        Most columns of a slice, and fewest rows of a side.
    whole
        Whether the slice of no condition, which has all rows, is one too.

    Raises
    ------
    DataError
        There are too many slices to search.
    """
    places = range(len(joint.columns))
    sets = [s for k in range(0 if whole else 1, depth + 1) for s in combinations(places, k)]
    _refuse_many(joint, sets, depth)
    rng = np.random.default_rng(_SEED)
    marks = rng.integers(1, _MARKS, (2, joint.codes.shape[1])).astype(np.float64)
    found: list[_OnSet] = []
    total = 0
    for columns in sets:
        found.append(_slices_on(columns, joint, amounts, marks, support, max(min_rows, 1)))
        total += len(found[-1].key)
        if total > MAX_SLICES:
            raise DataError(_too_many_slices(joint))
    of_set = np.repeat(np.arange(len(sets)), [len(one.key) for one in found])
    numbers = range(len(amounts))
    return Lattice(
        joint,
        tuple(sets),
        of_set,
        np.concatenate([one.key for one in found]),
        tuple(_joined([one.inside[i] for one in found]) for i in numbers),
        tuple(_joined([one.known[i] for one in found]).take(of_set) for i in numbers),
        np.concatenate([one.support for one in found]),
        np.concatenate([one.marks for one in found]),
    )


class _OnSet(NamedTuple):
    """Slices on one set of columns, as `Lattice` has them; what is known has one entry."""

    key: NDArray[np.int64]
    inside: list[Amounts]
    known: list[Amounts]
    support: Array
    marks: NDArray[np.complex128]


def _slices_on(
    columns: Sequence[int],
    joint: Joint,
    amounts: Sequence[Amounts],
    marks: Array,
    support: Support,
    min_rows: int,
) -> _OnSet:
    codes = joint.codes[[*columns]]
    if codes.min(initial=0) < 0:
        is_known = np.asarray((codes >= 0).all(axis=0))
        codes, marks = codes[:, is_known], marks[:, is_known]
        amounts = [one.take(is_known) for one in amounts]
    keys = np.zeros(codes.shape[1], dtype=np.int64)
    for column, of_cell in zip(columns, codes, strict=True):
        keys *= joint.sizes[column]
        keys += of_cell
    sums = _Sums(keys, math.prod(joint.sizes[column] for column in columns))
    inside = [one.map(sums) for one in amounts]
    known = [one.map(lambda of: of.sum(keepdims=True)) for one in amounts]
    side = support(inside, known)
    large = np.flatnonzero(side >= min_rows)
    first, second = (sums(one)[large] for one in marks)
    kept = [one.take(large) for one in inside]
    return _OnSet(sums.keys(large), kept, known, side[large], first + 1j * second)


class _Sums:
    """Sums of amounts by key; of many possible keys, only those that occur have one."""

    def __init__(self, keys: NDArray[np.int64], space: int):
        self._at, self._size = keys, space
        self._found: NDArray[np.int64] | None = None
        if space > max(_DENSE * len(keys), 1 << 10):
            self._found, self._at = np.unique(keys, return_inverse=True)
            self._size = len(self._found)

    def __call__(self, amounts: Array) -> Array:
        return np.bincount(self._at, amounts, minlength=self._size).astype(np.float64, copy=False)

    def keys(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Keys of some of the sums."""
        return at if self._found is None else self._found[at]


def _joined(parts: Sequence[Amounts]) -> Amounts:
    squares = [one.squares for one in parts if one.squares is not None]
    return Amounts(
        np.concatenate([one.x for one in parts]),
        np.concatenate([one.n for one in parts]),
        np.concatenate([one.rows for one in parts]),
        np.concatenate(squares) if squares else None,
    )


def _refuse_many(joint: Joint, sets: Sequence[Sequence[int]], depth: int) -> None:
    cells = joint.codes.shape[1]
    largest = math.prod(sorted(joint.sizes)[-depth:])
    if len(sets) * cells > MAX_SUMMED or largest >= _LARGEST_KEY:
        raise DataError(
            f"{len(sets):,} sets of up to {depth} of {len(joint.columns)} columns, each over "
            f"{cells:,} combinations of values, are more than are searched: give a smaller depth, "
            "or fewer columns"
        )


def _too_many_slices(joint: Joint) -> str:
    size, column = max(zip(joint.sizes, joint.columns, strict=True))
    return (
        f"there are more than {MAX_SLICES:,} slices; {column!r} multiplies them most, with "
        f"{size:,} values: leave it out, cut it with facet_edges=[...], or give a smaller depth or "
        "a larger min_rows"
    )
