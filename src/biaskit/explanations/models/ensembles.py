"""Ensembles: the trees of any library as plain arrays, checked before use."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.explanations.floats import Categories
from biaskit.explanations.pipelines.origins import Origins

__all__ = [
    "MOST_DEPTH",
    "UNREACHED",
    "Ensemble",
    "TreeModel",
    "Trees",
    "best_rounds",
    "refuse_large",
]

#: A tree that is deeper than this is refused.
MOST_DEPTH = 1_000
#: Parent of a node that is unreachable from a root, such as a pruned one.
UNREACHED = -2
_MOST_NODES = 50_000_000
_MOST_VALUES = 10_000_000


def best_rounds(used: int | None, total: int) -> str:
    """Addition to the text of the method if a model stops at its best round."""
    return "" if used is None or used >= total else f", the best {used:,} of {total:,} rounds"


@dataclass(frozen=True, eq=False)
class TreeModel:
    """Ensembles of a model, one for each of its outputs."""

    #: Ensemble by the name of the output: a class, or the empty text of a single output.
    outputs: Mapping[str, Ensemble]
    #: Unit of the sum of the leaves, in words, such as log-odds.
    unit: str
    #: Whether the leaves add up to a probability, and whether the logistic function turns the sum
    #: into one.
    is_probability: bool = False
    is_log_odds: bool = False
    #: Outputs by the library itself, shape ``(rows, outputs)``, from rows as floats; None where the
    #: library is not available.
    own: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    #: Whether the columns have names of their own, not derived from their numbers.
    has_names: bool = True
    #: Addition to the text of the method, such as the number of rounds that are used.
    remark: str = ""
    #: Categories of the columns whose values the trees know by their codes; None without any.
    categories: Categories | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        return next(iter(self.outputs.values())).features


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trees whose leaves are added, for one output.

    A row goes left at a node where its value is at most the threshold, or is one of the set of
    values that the node names instead, or is missing and `missing_left` says so. `left` is -1 at a
    leaf. Every array has an entry per node.

    Raises
    ------
    DataError
        An index is invalid or leads in a circle, or a number is not finite.
    """

    features: tuple[str, ...]
    roots: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.uint8]
    value: NDArray[np.float64]
    #: Training rows, or their weights, at each node.
    cover: NDArray[np.float64]
    base: float = 0.0
    #: Whether the library rounds values to float32 before it compares them.
    rounds: bool = False
    #: Features in which NaN counts as 0, and those in which 0 counts as missing.
    nan_is_zero: frozenset[int] = frozenset()
    zero_is_missing: frozenset[int] = frozenset()
    #: Number that counts as missing in every feature, besides NaN.
    missing: float = math.nan
    #: Sets of values, and which of them goes left at each node; -1 where the threshold decides.
    sets: tuple[NDArray[np.float64], ...] = ()
    set_of: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    #: Features whose values are cut to whole numbers before they are compared.
    whole: frozenset[int] = frozenset()
    #: Feature of the data that each of `features` is made of; by default each is one itself.
    origins: Origins = field(default_factory=lambda: Origins.same(0))
    #: Parent of each node, -1 for a root, `UNREACHED` for an unreachable node; and splits at or
    #: below it. Both follow from the other fields.
    parent: NDArray[np.int32] = field(init=False)
    splits: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.left)
        if not self.sets and len(self.set_of) == 0:
            object.__setattr__(self, "set_of", np.full(n, -1, dtype=np.int32))
        if len(self.origins.of) == 0:
            object.__setattr__(self, "origins", Origins.same(len(self.features)))
        arrays = (
            self.set_of,
            self.right,
            self.feature,
            self.threshold,
            self.missing_left,
            self.value,
        )
        if any(len(array) != n for array in (*arrays, self.cover)):
            raise DataError("the model is damaged: its arrays of nodes differ in length")
        if n > _MOST_NODES:
            raise DataError(f"the model has {n:,} nodes; at most {_MOST_NODES:,} are read")
        inner = self.left >= 0
        if np.any(inner != (self.right >= 0)) or (
            np.any(self.left >= n) or np.any(self.right >= n)
        ):
            raise DataError("the model is damaged: a node has a child that does not exist")
        if np.any(self.feature[inner] < 0) or np.any(self.feature[inner] >= len(self.features)):
            raise DataError("the model is damaged: a node splits by a feature that does not exist")
        of, features = self.origins
        if len(of) != len(self.features) or np.any(of < 0) or np.any(of >= features):
            raise DataError("the model is damaged: a column is made of no feature")
        if not np.isfinite(self.base) or not np.all(np.isfinite(self.value[~inner])):
            raise DataError("the model is damaged: the value of a leaf is not a finite number")
        if np.any(np.isnan(self.threshold[inner])):
            raise DataError("the model is damaged: a threshold is not a number")
        if np.any(self.set_of < -1) or np.any(self.set_of >= len(self.sets)):
            raise DataError("the model is damaged: a node names a set that does not exist")
        if not all(np.all(np.isfinite(one)) for one in self.sets):
            raise DataError("the model is damaged: a category is not a finite number")
        if not np.all(np.isfinite(self.cover)) or np.any(self.cover < 0):
            raise DataError("the model is damaged: a node's cover is not a number of 0 or more")
        parent, splits = self._shape(inner)
        object.__setattr__(self, "parent", parent)
        object.__setattr__(self, "splits", splits)

    def _shape(self, inner: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Parent of each node and splits below it; raises if the nodes do not form a forest."""
        n = len(self.left)
        times = np.zeros(n, dtype=np.int64)
        for children in (self.left[inner], self.right[inner], self.roots):
            if len(children) and (children.min() < 0 or children.max() >= n):
                raise DataError("the model is damaged: a tree has no root")
            times += np.bincount(children, minlength=n)
        # With at most one edge into each node, and none into a root, no path from a root is a
        # cycle.
        if np.any(times > 1):
            raise DataError("the model is damaged: two branches lead to the same node of a tree")
        parent = np.full(n, UNREACHED, dtype=np.int32)
        parent[self.roots] = -1
        levels: list[NDArray[np.int32]] = [self.roots]
        while len(nodes := levels[-1]):
            if len(levels) > MOST_DEPTH:
                raise DataError(f"the model has a tree of more than {MOST_DEPTH:,} levels")
            above = nodes[inner[nodes]]
            parent[self.left[above]] = parent[self.right[above]] = above
            levels.append(np.concatenate([self.left[above], self.right[above]]))
        splits = np.zeros(n, dtype=np.int32)
        for nodes in reversed(levels):
            above = nodes[inner[nodes]]
            splits[above] = 1 + splits[self.left[above]] + splits[self.right[above]]
        return parent, splits


def refuse_large(outputs: int, features: int) -> None:
    """Refuse a model whose outputs times features would not fit in memory.

    Raises
    ------
    DataError
        They are too many.
    """
    if outputs * features > _MOST_VALUES:
        raise DataError(
            f"the model says it has {outputs:,} outputs of {features:,} features; at most "
            f"{_MOST_VALUES:,} are explained together"
        )


class Trees:
    """Builder of an `Ensemble`, tree by tree."""

    def __init__(self) -> None:
        self._parts: list[dict[str, NDArray[Any]]] = []
        self._roots: list[int] = []
        self._size = 0
        self._sets: dict[tuple[float, ...], int] = {}

    def add(
        self,
        *,
        left: Sequence[int] | NDArray[np.generic],
        right: Sequence[int] | NDArray[np.generic],
        feature: Sequence[int] | NDArray[np.generic],
        threshold: Sequence[float] | NDArray[np.generic],
        missing_left: Sequence[int] | NDArray[np.generic],
        value: Sequence[float] | NDArray[np.generic],
        cover: Sequence[float] | NDArray[np.generic],
        sets: Mapping[int, Collection[float]] | None = None,
    ) -> None:
        """Add a tree whose root is its node 0, and whose leaves have a `left` below 0.

        `sets` has the values that go left at the nodes where no threshold decides.
        """
        part: dict[str, NDArray[Any]] = {
            "left": _indices(left),
            "right": _indices(right),
            "feature": _indices(feature),
            "threshold": np.asarray(threshold, dtype=np.float64),
            "missing_left": np.asarray(missing_left).astype(np.bool_).astype(np.uint8),
            "value": np.asarray(value, dtype=np.float64),
            "cover": np.asarray(cover, dtype=np.float64),
            "set_of": np.full(len(left), -1, dtype=np.int32),
        }
        n = len(part["left"])
        if n == 0 or any(array.shape != (n,) for array in part.values()):
            raise DataError("the model is damaged: the arrays of a tree differ in length")
        for name in ("left", "right"):
            children = part[name]
            if np.any(children >= n):
                raise DataError("the model is damaged: a node has a child that does not exist")
            part[name] = np.where(children < 0, -1, children + self._size)
        part["threshold"] = np.where(part["left"] < 0, 0.0, part["threshold"])
        part["value"] = np.where(part["left"] < 0, part["value"], 0.0)
        for node, values in (sets or {}).items():
            if not 0 <= node < n:
                raise DataError("the model is damaged: a set of values belongs to no node")
            part["set_of"][node] = self._sets.setdefault(
                tuple(sorted({*map(float, values)})), len(self._sets)
            )
            part["threshold"][node] = 0.0
        self._parts.append(part)
        self._roots.append(self._size)
        self._size += n

    def ensemble(
        self,
        features: Sequence[str],
        base: float,
        *,
        rounds: bool = False,
        nan_is_zero: frozenset[int] = frozenset(),
        zero_is_missing: frozenset[int] = frozenset(),
        missing: float = math.nan,
        whole: frozenset[int] = frozenset(),
    ) -> Ensemble:
        """Ensemble of the trees that were added."""

        def joined(name: str, kind: type) -> NDArray[Any]:
            parts = [part[name] for part in self._parts]
            return np.concatenate(parts).astype(kind) if parts else np.empty(0, dtype=kind)

        return Ensemble(
            features=tuple(features),
            roots=np.array(self._roots, dtype=np.int32),
            left=joined("left", np.int32),
            right=joined("right", np.int32),
            feature=joined("feature", np.int32),
            threshold=joined("threshold", np.float64),
            missing_left=joined("missing_left", np.uint8),
            value=joined("value", np.float64),
            cover=joined("cover", np.float64),
            base=base,
            rounds=rounds,
            nan_is_zero=nan_is_zero,
            zero_is_missing=zero_is_missing,
            missing=missing,
            sets=tuple(np.array(values, dtype=np.float64) for values in self._sets),
            set_of=joined("set_of", np.int32),
            whole=whole,
        )


def _indices(values: Sequence[int] | NDArray[np.generic]) -> NDArray[np.int64]:
    """Integers, checked to fit int32."""
    found = np.asarray(values)
    if found.dtype.kind not in "iu" and len(found):
        raise DataError("the model is damaged: a node's index is not a whole number")
    found = found.astype(np.int64)
    if len(found) and not (found.min() >= -(2**31) and found.max() < 2**31):
        raise DataError("the model is damaged: a node's index is out of range")
    return found
