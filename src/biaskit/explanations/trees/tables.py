"""Shapley values of tree ensembles: exact, in time that grows with rows plus background rows.

The background (or, without one, the shares of the training rows at every split) becomes one table
per group of leaves (`biaskit._kernels.models.trees`); a row's values are sums of table entries.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit._kernels.models import trees as kernels
from biaskit.explanations.declined import Declined
from biaskit.explanations.models.ensembles import UNREACHED, Ensemble
from biaskit.explanations.trees.codes import Codes, in_threads, refuse_unfit

__all__ = [
    "MOST_FEATURES",
    "Effort",
    "TreeValues",
    "effort",
]

MOST_FEATURES = kernels.MOST_FEATURES
#: Most bits in the pattern of a group of several leaves.
_BITS = 8
#: Most numbers in tables that are kept; larger tables are rebuilt for every batch of rows.
_MOST_RESIDENT = 1 << 26
#: Most numbers in all tables; more would take too long to compute.
_MOST_NUMBERS = 1 << 35


class TreeValues:
    """Shapley values of rows under one ensemble.

    Parameters
    ----------
    ensemble
        The trees.
    background
        Batches of rows to compare with, each a sequence of columns in the order of the features;
        None for path-dependent values.
    threads
        Number of threads; by default one per processor.

    Attributes
    ----------
    base
        Mean output over the background, or of the trees' own rows.

    Raises
    ------
    Declined
        A path to a leaf has more features than the kernels support.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        background: Iterable[Sequence[NDArray[Any]]] | None = None,
        *,
        threads: int | None = None,
    ):
        self._ensemble = ensemble
        self._threads = max(1, threads or os.cpu_count() or 1)
        self._codes = Codes(ensemble)
        self._layout = _Layout(ensemble, self._codes)
        self._rows = 0
        self._kept: list[NDArray[np.uint16]] = []
        self._resident = self._layout.table_size <= _MOST_RESIDENT
        self._counts = np.zeros(0, dtype=np.int64)
        if background is not None:
            self._take_background(background)
        self._parts = self._layout.parts(_MOST_RESIDENT)
        self._tables = np.empty(0)
        self.base = ensemble.base
        if self._resident:
            self._tables = np.empty(self._layout.table_size)
            self.base += self._tabulate(0, self._layout.groups, self._tables, self._counts)
        else:
            for _, _, mean in self._tables_in_parts():
                self.base += mean

    def __call__(self, columns: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Shapley values of some rows, shape ``(features + 1, rows)``; the last line is the output.

        The columns are those of the ensemble, arrays of numbers, NaN where a value is missing.
        """
        codes = self._codes(columns, self._threads)
        out = np.zeros((self._ensemble.origins.features + 1, codes.shape[1]))
        out[-1] = self._ensemble.base
        if self._resident:
            self._add(codes, 0, self._layout.groups, self._tables, out)
        else:
            for (first, last), tables, _ in self._tables_in_parts():
                self._add(codes, first, last, tables, out)
        return out

    def _take_background(self, batches: Iterable[Sequence[NDArray[Any]]]) -> None:
        layout = self._layout
        if self._resident:
            self._counts = np.zeros(layout.count_size, dtype=np.int64)
        for columns in batches:
            codes = self._codes(columns, self._threads)
            self._rows += codes.shape[1]
            if self._resident:
                self._count(codes, 0, layout.groups, layout.count_at, self._counts)
            else:
                self._kept.append(codes)
        if self._rows == 0:
            raise ValueError("the background has no rows")

    def _tables_in_parts(self) -> Iterable[tuple[tuple[int, int], NDArray[np.float64], float]]:
        """Tables of some groups at a time, where all of them are too large to keep."""
        layout = self._layout
        for first, last in self._parts:
            counts = np.zeros(0, dtype=np.int64)
            if self._rows:
                at = layout.count_at - layout.count_at[first]
                counts = np.zeros(int(layout.count_at[last] - layout.count_at[first]), np.int64)
                for codes in self._kept:
                    self._count(codes, first, last, at, counts)
            tables = np.empty(int(layout.table_at[last] - layout.table_at[first]))
            yield (first, last), tables, self._tabulate(first, last, tables, counts)

    def _count(
        self,
        codes: NDArray[np.uint16],
        first: int,
        last: int,
        at: NDArray[np.int64],
        counts: NDArray[np.int64],
    ) -> None:
        layout = self._layout

        def count(start: int, stop: int) -> None:
            refuse_unfit(
                kernels.count(codes, layout.arrays, first + start, first + stop, at, counts)
            )

        in_threads(count, last - first, self._threads)

    def _tabulate(
        self, first: int, last: int, tables: NDArray[np.float64], counts: NDArray[np.int64]
    ) -> float:
        layout = self._layout
        count_at = layout.count_at - layout.count_at[first]
        table_at = layout.table_at - layout.table_at[first]
        means = np.zeros(layout.groups)

        def tabulate(start: int, stop: int) -> None:
            done = kernels.tabulate(
                layout.arrays,
                first + start,
                first + stop,
                count_at,
                counts,
                self._rows,
                table_at,
                tables,
                means,
            )
            refuse_unfit(done)

        in_threads(tabulate, last - first, self._threads)
        return float(means.sum())  # in a fixed order, whatever the threads

    def _add(
        self,
        codes: NDArray[np.uint16],
        first: int,
        last: int,
        tables: NDArray[np.float64],
        out: NDArray[np.float64],
    ) -> None:
        layout = self._layout
        table_at = layout.table_at - layout.table_at[first]

        def add(start: int, stop: int) -> None:
            refuse_unfit(
                kernels.add(codes, start, stop, layout.arrays, first, last, table_at, tables, out)
            )

        in_threads(add, codes.shape[1], self._threads)


class _Layout:
    """Groups of leaves as the kernels take them.

    Raises
    ------
    Declined
        A path to a leaf has too many features, or too many paths have many.
    """

    def __init__(self, ensemble: Ensemble, codes: Codes):
        one, nodes = ensemble, codes.nodes
        self.tops, bits = _groups(one)
        if _numbers(bits) > _MOST_NUMBERS:
            raise Declined("too many leaves with many features on the way")
        self.groups = len(self.tops)
        splits = one.splits[self.tops].astype(np.int64)
        if int(bits.sum()) * codes.words > _MOST_RESIDENT:
            raise Declined("too many categories in too many splits")
        bit_start, leaf_start = _starts(bits), _starts(splits + 1)
        literal_start = _starts(np.repeat(bits, splits + 1))
        words = np.full((int(bit_start[-1]), codes.words), ~np.uint64(0))
        self.arrays = kernels.Layout(
            bit_start=bit_start,
            bits=np.zeros((int(bit_start[-1]), 5), dtype=np.int32),
            words=words,
            line_start=bit_start,
            lines=np.full(int(bit_start[-1]), -1, dtype=np.int32),
            leaf_start=leaf_start,
            leaves=np.zeros(int(leaf_start[-1])),
            literal_start=literal_start,
            literals=np.full((int(literal_start[-1]), 3), -1, dtype=np.int32),
            shares=np.ones(int(literal_start[-1])),
        )
        refuse_unfit(kernels.group(self.tops, nodes, self.arrays))
        patterns = np.int64(1) << bits
        self.count_at = _starts(patterns)
        self.table_at = _starts(patterns * (bits + 1))
        self.count_size = int(self.count_at[-1])
        self.table_size = int(self.table_at[-1])

    def parts(self, most: int) -> list[tuple[int, int]]:
        """Ranges of groups whose tables hold at most `most` numbers, or ranges of one group."""
        edges, first = [0], 0
        while first < self.groups:
            limit = int(self.table_at[first]) + most
            last = int(np.searchsorted(self.table_at, limit, side="right")) - 1
            first = max(first + 1, min(last, self.groups))
            edges.append(first)
        return list(itertools.pairwise(edges))


def _groups(one: Ensemble) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Node at the top of each group, and the bits of the group's pattern.

    Raises
    ------
    Declined
        A path to a leaf has too many features.
    """
    different = np.empty(len(one.left), dtype=np.int32)
    refuse_unfit(kernels.distinct(one.parent, one.feature, MOST_FEATURES, different))
    reached = one.parent != UNREACHED
    size = different + one.splits
    small = reached & (size <= _BITS)
    # The highest node of each small subtree, and single leaves that lie deeper.
    above = np.where(one.parent >= 0, small[np.maximum(one.parent, 0)], False)
    alone = reached & (one.left < 0) & ~small
    tops = np.flatnonzero((small & ~above) | alone).astype(np.int32)
    if np.any(different[tops] > MOST_FEATURES):
        raise Declined(f"more than {MOST_FEATURES} features on the way to a leaf")
    return tops, size[tops].astype(np.int64)


def _numbers(bits: NDArray[np.int64]) -> int:
    """Numbers in the tables of groups with so many bits."""
    return int((np.int64(1) << bits) @ (bits + 1))


class Effort(NamedTuple):
    """What tables of an ensemble take."""

    #: Numbers in the tables, and bits of the patterns that each row is looked up by.
    numbers: int
    bits: int

    @property
    def is_small(self) -> bool:
        """Whether the tables are kept between batches."""
        return self.numbers <= _MOST_RESIDENT


def effort(ensemble: Ensemble) -> Effort | None:
    """What tables of an ensemble take; None where there are none."""
    try:
        _, bits = _groups(ensemble)
    except Declined:
        return None
    found = Effort(_numbers(bits), int(bits.sum()))
    return found if found.numbers <= _MOST_NUMBERS else None


def _starts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes, dtype=np.int64)])
