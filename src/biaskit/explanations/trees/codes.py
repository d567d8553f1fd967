"""Codes: numbers of rows as those of the thresholds, and sets of values, that trees compare."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit._kernels.models import trees as kernels
from biaskit.explanations.declined import Declined
from biaskit.explanations.models.ensembles import Ensemble

__all__ = ["Codes", "in_threads", "refuse_unfit"]

# Most words of the sets of all splits.
_MOST_RESIDENT = 1 << 26
# LightGBM treats values closer to 0 than this as 0.
_ZERO = 1.0000000180025095e-35


class Codes:
    """Rows as the codes compared at an ensemble's nodes.

    Raises
    ------
    Declined
        A feature has more thresholds than a code can count.
    """

    def __init__(self, ensemble: Ensemble):
        self._ensemble = ensemble
        self._thresholds = _thresholds(ensemble)
        #: Words that the codes of a feature with sets take at most, 64 codes a word; 0 without.
        self.words = max(
            (len(self._thresholds[f]) // 64 + 1 for f in _sets_of_features(ensemble)), default=0
        )
        set_at, members = _members(ensemble, self._thresholds)
        inner = ensemble.left >= 0
        # A split by an empty set has no threshold, and yet sends missing values to a side.
        self._is_split = np.isin(np.arange(len(ensemble.features)), ensemble.feature[inner])
        origin = np.zeros(len(inner), dtype=np.int32)
        origin[inner] = ensemble.origins.of[ensemble.feature[inner]]
        #: The trees, with the largest code that goes left at each node.
        self.nodes = kernels.Nodes(
            parent=ensemble.parent,
            left=ensemble.left,
            right=ensemble.right,
            feature=ensemble.feature,
            code=_codes_of_nodes(ensemble, self._thresholds),
            missing_left=ensemble.missing_left,
            origin=origin,
            set_at=set_at,
            members=members,
            value=ensemble.value,
            cover=ensemble.cover,
        )

    @property
    def used(self) -> NDArray[np.int64]:
        """Features that at least one split is made of."""
        return np.unique(self._ensemble.origins.of[self._is_split]).astype(np.int64)

    def __call__(self, columns: Sequence[NDArray[Any]], threads: int) -> NDArray[np.uint16]:
        """Codes of some rows, shape ``(columns, rows)``; of a column in no split, all 0."""
        rows = len(columns[0]) if len(columns) else 0
        codes = np.zeros((len(columns), rows), dtype=np.uint16)

        def encode(start: int, stop: int) -> None:
            for feature in np.flatnonzero(self._is_split).tolist():
                values = self._as_compared(feature, columns[feature][start:stop])
                into = codes[feature, start:stop]
                refuse_unfit(
                    kernels.encode(values, self._thresholds[feature], 0, stop - start, into)
                )

        in_threads(encode, rows, threads)
        return codes

    def _as_compared(self, feature: int, values: NDArray[Any]) -> NDArray[np.float64]:
        """Numbers of a column as the library compares them, NaN where they are missing to it."""
        one = self._ensemble
        if one.rounds:
            with np.errstate(over="ignore"):
                values = values.astype(np.float32)
        values = np.ascontiguousarray(values, dtype=np.float64)
        if not math.isnan(one.missing):
            missing = np.float32(one.missing) if one.rounds else one.missing
            values = np.where(values == missing, np.nan, values)
        if feature in one.whole:
            values = np.trunc(values)
        if feature in one.nan_is_zero:
            values = np.where(np.isnan(values), 0.0, values)
        elif feature in one.zero_is_missing:
            values = np.where(np.abs(values) <= _ZERO, np.nan, values)
        return values


def _thresholds(one: Ensemble) -> list[NDArray[np.float64]]:
    """Thresholds of each feature, ascending, each once.

    A value of a set lies alone between two thresholds, so that its code is its own.
    """
    inner = np.flatnonzero((one.left >= 0) & (one.set_of < 0))
    by_feature = inner[np.lexsort((one.threshold[inner], one.feature[inner]))]
    edges = np.searchsorted(one.feature[by_feature], np.arange(len(one.features) + 1))
    made = [
        np.unique(one.threshold[by_feature[start:stop]])
        for start, stop in itertools.pairwise(edges)
    ]
    for feature, numbers in _sets_of_features(one).items():
        values = np.concatenate([one.sets[k] for k in numbers])
        made[feature] = np.unique(
            np.concatenate([made[feature], values, np.nextafter(values, -np.inf)])
        )
    if any(len(found) >= kernels.MOST_CODES for found in made):
        raise Declined(f"more than {kernels.MOST_CODES:,} thresholds of one feature")
    return made


def _sets_of_features(one: Ensemble) -> dict[int, NDArray[np.int32]]:
    """Sets that the splits of each feature name, each once; features without sets are left out."""
    nodes = np.flatnonzero((one.left >= 0) & (one.set_of >= 0))
    features = one.feature[nodes]
    return {int(f): np.unique(one.set_of[nodes[features == f]]) for f in np.unique(features)}


def _members(
    one: Ensemble, thresholds: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Where the codes of each node's set begin, and the codes of all sets as bits of words."""
    set_at = np.full(len(one.left), -1, dtype=np.int64)
    parts, size = [], 0
    for feature, numbers in _sets_of_features(one).items():
        nodes = np.flatnonzero((one.left >= 0) & (one.feature == feature) & (one.set_of >= 0))
        width = len(thresholds[feature]) // 64 + 1
        if size + len(numbers) * width > _MOST_RESIDENT:
            raise Declined("too many categories in too many splits")
        set_at[nodes] = size + np.searchsorted(numbers, one.set_of[nodes]) * width
        size += len(numbers) * width
        for number in numbers:
            codes = np.searchsorted(thresholds[feature], one.sets[number], side="left")
            is_in = np.zeros(width * 64, dtype=np.uint8)
            is_in[codes] = 1
            parts.append(np.packbits(is_in, bitorder="little").view("<u8").astype(np.uint64))
    return set_at, np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)


def _codes_of_nodes(one: Ensemble, thresholds: Sequence[NDArray[np.float64]]) -> NDArray[np.int32]:
    """Largest code that goes left at each node."""
    codes = np.zeros(len(one.left), dtype=np.int32)
    inner = np.flatnonzero(one.left >= 0)
    order = inner[np.argsort(one.feature[inner], kind="stable")]
    edges = np.searchsorted(one.feature[order], np.arange(len(one.features) + 1))
    for found, (start, stop) in zip(thresholds, itertools.pairwise(edges), strict=True):
        nodes = order[start:stop]
        codes[nodes] = np.searchsorted(found, one.threshold[nodes], side="left")
    return codes


def refuse_unfit(result: int) -> None:
    """Refuse the result of a kernel that was given inconsistent arrays."""
    if result < 0:
        raise AssertionError("a kernel was given arrays of inconsistent sizes")


def in_threads(work: Callable[[int, int], None], size: int, threads: int) -> None:
    """Work on parts of a range, one per thread; their outputs are disjoint."""
    parts = min(threads, size)
    if parts <= 1:
        if size:
            work(0, size)
        return
    edges = [size * i // parts for i in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
