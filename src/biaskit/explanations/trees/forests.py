"""Shapley values of deep trees: exact, whatever the number of features on the way to a leaf.

Tables of patterns (`biaskit.explanations.trees.tables`) double with each feature on the way. Here
each row walks down the trees (`biaskit._kernels.models.forests`): alone, or with every background
row.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit._kernels.models import forests as kernels
from biaskit.explanations.declined import Declined
from biaskit.explanations.models.ensembles import UNREACHED, Ensemble
from biaskit.explanations.trees.codes import Codes, in_threads, refuse_unfit

__all__ = ["ForestValues", "steps_of"]

#: Most numbers that the walk of a thread keeps for each block of rows.
_MOST_KEPT = 1 << 22
#: Most rows of a block: the walk's numbers for them stay in the cache.
_BLOCK = 128
#: Most features on a way: the work of path-dependent values grows with them, as with the nodes.
_MOST_FEATURES = 1_000


class ForestValues:
    """Shapley values of rows under one ensemble of trees of any depth.

    Parameters
    ----------
    ensemble
        The trees.
    background
        Columns of the rows to compare with, in the order of the features; None for path-dependent
        values.
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

    Examples
    --------
    >>> import numpy as np
    >>> from biaskit.explanations.models.ensembles import Trees
    >>> one = Trees()
    >>> one.add(
    ...     left=[1, -1, -1], right=[2, -1, -1], feature=[0, 0, 0], threshold=[0.5, 0, 0],
    ...     missing_left=[0, 0, 0], value=[0, 1, 3], cover=[4, 3, 1],
    ... )
    >>> values = ForestValues(one.ensemble(["x"], 0.0))
    >>> values.base, values([np.array([0.0, 1.0])]).tolist()
    (1.5, [[-0.5, 1.5], [1.0, 3.0]])
    """

    def __init__(
        self,
        ensemble: Ensemble,
        background: Sequence[NDArray[Any]] | None = None,
        *,
        threads: int | None = None,
    ):
        self._ensemble = ensemble
        self._threads = max(1, threads or os.cpu_count() or 1)
        self._codes = Codes(ensemble)
        self._places = _places(ensemble, self._codes)
        self._most = int(self._places.different.max(initial=0))
        if self._most > _MOST_FEATURES:
            raise Declined(f"more than {_MOST_FEATURES:,} features on the way to a leaf")
        self._background: NDArray[np.uint16] | None = None
        if background is None:
            is_leaf = ensemble.left[self._places.node] < 0
            means = ensemble.value[self._places.node[is_leaf]] * self._places.reached[is_leaf]
            self.base = ensemble.base + float(means.sum())
        else:
            self._background = self._codes(background, self._threads)
            if self._background.shape[1] == 0:
                raise ValueError("the background has no rows")
            self.base = float(self._outputs(self._background).mean())

    def __call__(self, columns: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Shapley values of some rows, shape ``(features + 1, rows)``; the last line is the output.

        Each column is an array of numbers, NaN where a value is missing.
        """
        codes = self._codes(columns, self._threads)
        out = np.zeros((self._ensemble.origins.features + 1, codes.shape[1]))
        nodes, places = self._codes.nodes, self._places
        if self._background is None:
            points, weights = _quadrature(self._most)
            deepest = int(places.level.max(initial=0)) + 1
            block = max(1, min(_BLOCK, _MOST_KEPT // (deepest * len(points))))

            def explain(start: int, stop: int) -> None:
                done = kernels.path_dependent(
                    codes, start, stop, nodes, places, points, weights, block, out
                )
                refuse_unfit(done)
        else:
            background = self._background

            def explain(start: int, stop: int) -> None:
                done = kernels.against(
                    codes, start, stop, background, nodes, places, self._most, out
                )
                refuse_unfit(done)

        in_threads(explain, codes.shape[1], self._threads)
        if self._background is not None:
            out /= self._background.shape[1]
        out[-1] = self._outputs(codes)
        return out

    def _outputs(self, codes: NDArray[np.uint16]) -> NDArray[np.float64]:
        one = self._ensemble
        found = np.full(codes.shape[1], one.base)

        def walk(start: int, stop: int) -> None:
            refuse_unfit(kernels.margins(codes, start, stop, one.roots, self._codes.nodes, found))

        in_threads(walk, codes.shape[1], self._threads)
        return found


def steps_of(ensemble: Ensemble) -> float:
    """Edges on the way to a leaf, on average over a tree's leaves, summed over the trees."""
    places = _places(ensemble, Codes(ensemble))
    is_leaf = ensemble.left[places.node] < 0
    leaves = np.add.reduceat(is_leaf, places.start[:-1], dtype=np.float64)
    levels = np.add.reduceat(np.where(is_leaf, places.level, 0), places.start[:-1])
    return float((levels / leaves).sum())


def _places(ensemble: Ensemble, codes: Codes) -> kernels.Places:
    """The trees in the order of a walk."""
    size = int(np.count_nonzero(ensemble.parent != UNREACHED))
    whole = [np.zeros(size, dtype=np.int32) for _ in range(6)]
    node, level, end, feature, above, different = whole
    places = kernels.Places(
        start=np.zeros(len(ensemble.roots) + 1, dtype=np.int64),
        node=node,
        level=level,
        end=end,
        feature=feature,
        above=above,
        different=different,
        share=np.ones(size),
        reached=np.ones(size),
    )
    refuse_unfit(kernels.lay(ensemble.roots, codes.nodes, ensemble.origins.features, places))
    return places


def _quadrature(features: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points between 0 and 1, and weights, exact for a polynomial of a degree below `features`."""
    points, weights = np.polynomial.legendre.leggauss(max(1, math.ceil(features / 2)))
    return (points + 1) / 2, weights / 2
