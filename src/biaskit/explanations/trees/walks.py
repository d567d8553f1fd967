"""Walks down trees: the outputs of rows, and Shapley values that are sampled with them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit._kernels.models import forests as kernels
from biaskit.explanations.models.ensembles import Ensemble
from biaskit.explanations.trees.codes import Codes, in_threads, refuse_unfit

__all__ = ["TreeOutputs", "TreeWalks"]


class TreeOutputs:
    """Outputs of rows under one ensemble, by walking down every tree."""

    def __init__(self, ensemble: Ensemble, threads: int | None = None):
        self._ensemble = ensemble
        self._codes = Codes(ensemble)
        self._threads = max(1, threads or os.cpu_count() or 1)

    def __call__(self, columns: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Sums of the leaves that each row reaches, shape ``(rows,)``."""
        codes = self._codes(columns, self._threads)
        one = self._ensemble
        out = np.full(codes.shape[1], one.base)

        def walk(start: int, stop: int) -> None:
            refuse_unfit(kernels.margins(codes, start, stop, one.roots, self._codes.nodes, out))

        in_threads(walk, codes.shape[1], self._threads)
        return out


class TreeWalks:
    """Sampled Shapley values of an ensemble's output, or of the probability that it is log-odds of.

    Each row is compared with every background row, along a random order of the features and its
    opposite. The values add up to the output exactly; each is exact on average.

    Parameters
    ----------
    ensemble
        The trees.
    background
        Columns of the rows to compare with, in the order of the ensemble's.
    logistic
        Whether the output is the logistic function of what the leaves add up to.
    seed
        Seed of the orders.
    threads
        Number of threads; by default one per processor.

    Attributes
    ----------
    base
        Mean output over the background.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        background: Sequence[NDArray[Any]],
        *,
        logistic: bool,
        seed: int = 0,
        threads: int | None = None,
    ):
        self._ensemble = ensemble
        self._codes = Codes(ensemble)
        self._logistic, self._seed = logistic, seed
        self._threads = max(1, threads or os.cpu_count() or 1)
        self._background = np.ascontiguousarray(self._codes(background, self._threads).T)
        self._before = 0  # rows explained so far, so that batches do not matter
        nothing = np.zeros(0, dtype=np.int64)
        self.base = float(self._walk(self._background, self._background[:1], nothing)[0][-1].mean())

    def __call__(
        self, columns: Sequence[NDArray[Any]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shapley values of the next rows, and the variance that sampling gives each of them.

        Both have the shape ``(features + 1, rows)``; the last line is the output itself.
        """
        rows = np.ascontiguousarray(self._codes(columns, self._threads).T)
        found = self._walk(rows, self._background, self._codes.used)
        self._before += len(rows)
        return found

    def _walk(
        self,
        rows: NDArray[np.uint16],
        background: NDArray[np.uint16],
        used: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        one = self._ensemble
        out = np.zeros((one.origins.features + 1, len(rows)))
        noise = np.zeros_like(out)
        columns, starts = one.origins.by_feature()
        trees = kernels.Trees(
            one.roots, self._codes.nodes, columns, starts, float(one.base), bool(self._logistic)
        )
        seed = self._seed + self._before * 7_919

        def walk(start: int, stop: int) -> None:
            refuse_unfit(kernels.walk(rows, start, stop, background, used, seed, trees, out, noise))

        in_threads(walk, len(rows), self._threads)
        return out, noise
