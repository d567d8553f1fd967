"""Walks down decision trees: their outputs, and Shapley values from sampled orders of features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from biaskit._kernels import BAD, inner, int64, jit_with_arrays
from biaskit._kernels.trees import Nodes, goes_left

__all__ = ["Trees", "examples", "margins", "walk"]

_PRIME = (1 << 31) - 1


class Trees(NamedTuple):
    """Trees whose leaves add up to an output."""

    roots: Any
    nodes: Nodes
    #: What the leaves are added to.
    base: float
    #: Whether the output is the logistic function of the sum.
    logistic: bool


@inner
def _below(node: int, c: Any, nodes: Nodes) -> int:
    """Node that a row whose feature has code `c` goes to."""
    below = nodes.left[node] if goes_left(node, c, nodes) else nodes.right[node]
    return int(below)


@jit_with_arrays
def margins(codes: Any, start: int, stop: int, roots: Any, nodes: Nodes, out: Any) -> int:
    """Outputs of some rows, by walking down every tree.

    Parameters
    ----------
    codes
        Codes of the rows, uint16, shape ``(features, rows)``.
    start, stop
        Which of the rows.
    roots, nodes
        The trees, as `trees.group` takes them, and their roots; every path downwards ends.
    out
        Where the sums of the leaves are added, float64.

    Returns
    -------
    int
        `stop`, or `BAD`.
    """
    features, rows = codes.shape
    size = nodes.left.size
    if not 0 <= start <= stop <= min(rows, out.size):
        return BAD
    for root in roots:
        for i in range(start, stop):
            node = int64(root)
            while 0 <= node < size and nodes.left[node] >= 0:
                f = nodes.feature[node]
                if f < 0 or f >= features:
                    return BAD
                node = _below(node, codes[f, i], nodes)
            if node < 0 or node >= size:
                return BAD
            out[i] += nodes.value[node]
    return stop


@jit_with_arrays
def _one_output(codes: Any, trees: Trees) -> float:
    """Output of one row: the sum of its leaves, or the logistic function of it."""
    nodes, total = trees.nodes, trees.base
    for root in trees.roots:
        node = int64(root)
        while nodes.left[node] >= 0:
            node = _below(node, codes[nodes.feature[node]], nodes)
        total += nodes.value[node]
    return 1.0 / (1.0 + np.exp(-total)) if trees.logistic else total


@jit_with_arrays
def walk(
    rows: Any,
    start: int,
    stop: int,
    background: Any,
    used: Any,
    seed: int,
    trees: Trees,
    out: Any,
    noise: Any,
) -> int:
    """Sampled Shapley values of the output of trees, or of the logistic function of it.

    From every background row, a walk changes one feature after the other to the row's, in a random
    order, and another walk in the opposite order; the change of the output in each step is credited
    to its feature.

    Parameters
    ----------
    rows, background
        Codes, uint16, shapes ``(rows, features)`` and ``(background rows, features)``.
    start, stop
        Which of the rows.
    used
        Features that some tree splits by, int64.
    seed
        Seed of the orders, combined with a row's place.
    trees
        The trees.
    out, noise
        Where the values of the rows are written, shape ``(features + 1, rows)``, the last line
        their output; and an estimate of the variance that sampling gives them, which is not too
        small on average. Zeros before.

    Returns
    -------
    int
        `stop`, or `BAD`.
    """
    n, features = rows.shape
    k = background.shape[0]
    nodes, roots = trees.nodes, trees.roots
    left, right, feature = nodes.left, nodes.right, nodes.feature
    size = left.size
    if not 0 <= start <= stop <= n or background.shape[1] != features or k == 0:
        return BAD
    if out.shape != (features + 1, n) or noise.shape != (features + 1, n):
        return BAD
    for f in used:
        if f < 0 or f >= features:
            return BAD
    for node in range(size):
        if left[node] >= 0 and (
            left[node] >= size
            or right[node] < 0
            or right[node] >= size
            or feature[node] < 0
            or feature[node] >= features
        ):
            return BAD
    for root in roots:
        if root < 0 or root >= size:
            return BAD
    order = used.copy()
    now = np.empty(features, dtype=np.uint16)
    once = np.empty((2, features))
    for i in range(start, stop):
        order[:] = used
        # S. K. Park and K. W. Miller's generator, with the multiplier of 1993.
        state = (seed + i * 7_919) % (_PRIME - 1) + 1
        for _ in range(4):
            state = state * 48_271 % _PRIME
        end = _one_output(rows[i], trees)
        out[features, i] = end
        for b in range(k):
            for j in range(order.size - 1, 0, -1):
                state = state * 48_271 % _PRIME
                other = state % (j + 1)
                order[j], order[other] = order[other], order[j]
            first = _one_output(background[b], trees)
            once[:] = 0.0
            for turn in range(2):
                now[:] = background[b]
                before = first
                for j in range(order.size):
                    f = order[j] if turn == 0 else order[order.size - 1 - j]
                    if now[f] == rows[i, f]:
                        continue
                    now[f] = rows[i, f]
                    after = _one_output(now, trees)
                    once[turn, f] = after - before
                    before = after
            for j in range(order.size):
                f = order[j]
                out[f, i] += (once[0, f] + once[1, f]) / (2 * k)
                noise[f, i] += (once[0, f] - once[1, f]) ** 2 / (4 * k * k)
    return stop


def examples() -> Iterator[tuple[Any, ...]]:
    """Each kernel, and arguments of the types that it is called with."""
    whole, real, codes = np.zeros(1, np.int32), np.zeros(1), np.zeros((1, 1), np.uint16)
    used, bits = np.zeros(1, np.int64), np.zeros(1, np.uint64)
    nodes = Nodes(whole, whole, whole, whole, whole, np.zeros(1, np.uint8), used, bits, real, real)
    out = np.zeros((1, 1))
    yield margins, codes, 0, 0, whole, nodes, real
    yield walk, codes, 0, 0, codes, used, 0, Trees(whole, nodes, 0.0, True), out, out
