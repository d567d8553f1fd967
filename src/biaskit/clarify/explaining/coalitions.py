"""Coalitions: Shapley values of any function of rows, from its outputs on mixtures of two rows.

A mixture takes the features of a coalition from the explained row and the others from a row of the
baseline. With all coalitions the values are exact. With fewer they are those of KernelSHAP: the
weighted least squares of the outputs on the coalitions, of which the small and the large ones are
taken whole and the others drawn in pairs of complements (S. Lundberg and S.-I. Lee, "A unified
approach to interpreting model predictions", 2017; I. Covert and S.-I. Lee, "Improving KernelSHAP",
2021). All rows share the coalitions, so one matrix makes values of outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Coalitions", "Explained", "all_coalitions", "drawn_coalitions", "shapley"]

Floats: TypeAlias = NDArray[np.float64]
# Mixtures that are made at once.
_AT_ONCE = 1 << 17


class Coalitions(NamedTuple):
    """Coalitions of features, and how their outputs make values.

    Attributes
    ----------
    members
        Which features each has, shape ``(coalitions, features)``. The first has none, the last all.
    values
        Matrix from the outputs on coalitions to values, shape ``(features, coalitions)``.
    halves
        The same from either half of those that were drawn, which shows the error; empty where there
        are too few, and where the values are exact.
    is_exact
        Whether these are all coalitions.
    """

    members: NDArray[np.bool_]
    values: Floats
    halves: tuple[Floats, ...] = ()
    is_exact: bool = False


class Explained(NamedTuple):
    """Values of rows.

    Attributes
    ----------
    values
        Shape ``(outputs, rows, features)``.
    base
        Mean output over the baseline, for each output.
    error
        Root mean square of the errors of the values, by comparing two halves of the coalitions; 0
        where they are exact, NaN where too few were drawn.
    """

    values: Floats
    base: Floats
    error: float


def all_coalitions(features: int) -> Coalitions:
    """Every coalition; the matrix has Shapley's weights.

    >>> all_coalitions(2).values.tolist()
    [[-0.5, 0.5, -0.5, 0.5], [-0.5, -0.5, 0.5, 0.5]]
    """
    number = np.arange(1 << features)
    members = (number[:, np.newaxis] >> np.arange(features)) & 1 == 1
    size = members.sum(axis=1)
    # Weight of a coalition without the feature: |S|! (M - |S| - 1)! / M!
    weight = np.array(
        [1 / (features * math.comb(features - 1, k)) for k in range(features)], dtype=np.float64
    )
    with_it = weight[np.clip(size - 1, 0, features - 1)]
    without = weight[np.clip(size, 0, features - 1)]
    values = np.where(members.T, with_it, -without)
    return Coalitions(members, values, is_exact=True)


def drawn_coalitions(features: int, most: int, seed: int) -> Coalitions:
    """At most `most` coalitions besides those of no and of all features.

    Those of one feature and of all but one are always there, and further sizes as long as all of
    them fit; the rest are drawn.
    """
    if most >= 2**features - 2:
        return all_coalitions(features)
    whole, left, sizes = _whole_sizes(features, max(most, 2 * features))
    mass = {size: _mass(features, size) for size in range(1, features)}
    kept = [one for size in whole for one in combinations(range(features), size)]
    of_kept = [mass[len(one)] / math.comb(features, len(one)) for one in kept]
    members = np.zeros((len(kept), features), dtype=bool)
    for row, one in zip(members, kept, strict=True):
        row[list(one)] = True
    drawn = _drawn(features, sizes, left // 2, np.random.default_rng(seed))
    rest = sum(mass[size] for size in range(1, features) if size not in whole)
    of_drawn = np.full(len(drawn), rest / max(1, len(drawn)))
    ends = np.zeros((1, features), dtype=bool), np.ones((1, features), dtype=bool)
    every = np.concatenate([ends[0], members, drawn, ends[1]])
    halves = []
    if len(drawn) >= 4 * features:
        first = np.arange(len(drawn)) // 2 % 2 == 0  # pairs of complements stay together
        for half in (first, ~first):
            own = np.where(half, of_drawn * len(drawn) / half.sum(), 0.0)
            halves.append(_solution(every, np.concatenate([of_kept, own])))
    return Coalitions(every, _solution(every, np.concatenate([of_kept, of_drawn])), tuple(halves))


def shapley(
    score: Callable[[NDArray[np.intp], NDArray[np.bool_]], Floats],
    rows: int,
    baseline: int,
    coalitions: Coalitions,
    told: Callable[[float], None] = lambda _: None,
) -> Explained:
    """Values of rows.

    Parameters
    ----------
    score
        Outputs of mixtures, shape ``(rows, coalitions, baseline, outputs)``: of the indices of some
        explained rows, and which features come from them, shape ``(coalitions, features)``.
    rows, baseline
        Numbers of rows to explain, and of rows to compare with.
    coalitions
        Those that mixtures are made of.
    told
        Called with the share of the rows that are explained.
    """
    number, features = coalitions.members.shape
    none = np.zeros((1, features), dtype=bool)
    base = score(np.zeros(1, dtype=np.intp), none).mean(axis=(0, 1, 2))
    found = np.empty((len(base), rows, features))
    errors: list[float] = []
    step = max(1, _AT_ONCE // (number * baseline))
    for start in range(0, rows, step):
        own = np.arange(start, min(start + step, rows))
        # The first coalition's output is the base, which is known.
        means = score(own, coalitions.members[1:]).mean(axis=2)
        first = np.broadcast_to(base, (len(own), 1, len(base)))
        whole = np.concatenate([first, means], axis=1)
        found[:, own] = _of_outputs(coalitions.values, whole)
        if coalitions.halves:
            one, two = (_of_outputs(half, whole) for half in coalitions.halves)
            errors.append(float(np.mean(((one - two) / 2) ** 2)) * len(own))
        told((own[-1] + 1) / rows)
    if coalitions.is_exact:
        return Explained(found, base, 0.0)
    return Explained(found, base, math.sqrt(sum(errors) / rows) if errors else math.nan)


def _of_outputs(matrix: Floats, outputs: Floats) -> Floats:
    """Values, shape ``(outputs, rows, features)``, of outputs, ``(rows, coalitions, outputs)``."""
    return np.tensordot(outputs, matrix, axes=(1, 1)).transpose(1, 0, 2)


def _mass(features: int, size: int) -> float:
    """KernelSHAP's weight of all coalitions of a size together."""
    return (features - 1) / (size * (features - size))


def _whole_sizes(features: int, most: int) -> tuple[list[int], int, list[int]]:
    """Sizes that are taken whole, how many coalitions are left, and the sizes that are drawn."""
    whole: list[int] = []
    left = most
    half = range(1, features // 2 + 1)
    for size in half:
        sizes = sorted({size, features - size})
        needed = sum(math.comb(features, one) for one in sizes)
        if needed > left:
            return whole, left, [one for one in half if one >= size]
        whole += sizes
        left -= needed
    return whole, left, []


def _drawn(
    features: int, sizes: list[int], pairs: int, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Coalitions of some sizes by their weights, each followed by its complement."""
    mass = np.array([_mass(features, size) * (1 if 2 * size == features else 2) for size in sizes])
    of = random.choice(sizes, pairs, p=mass / mass.sum())
    rank = random.random((pairs, features)).argsort(axis=1).argsort(axis=1)
    one = rank < of[:, np.newaxis]
    made = np.empty((2 * pairs, features), dtype=bool)
    made[::2], made[1::2] = one, ~one
    return made


def _solution(members: NDArray[np.bool_], weight: Floats) -> Floats:
    """Matrix of the weighted least squares whose values add up to the whole difference.

    `members` begin with the coalition of none and end with that of all, which have no weight of
    their own: they are met exactly.
    """
    features = members.shape[1]
    z = members[1:-1].astype(np.float64)
    # The last value follows from the others: it is eliminated.
    x = z[:, :-1] - z[:, -1:]
    xtw = x.T * weight
    inner = np.linalg.pinv(xtw @ x) @ xtw  # (features - 1, coalitions)
    made = np.zeros((features, len(members)))
    made[:-1, 1:-1] = inner
    # y - base - z_last * (whole - base)
    made[:-1, 0] = -(inner @ (1 - z[:, -1]))
    made[:-1, -1] = -(inner @ z[:, -1])
    made[-1] = -made[:-1].sum(axis=0)
    made[-1, 0] -= 1
    made[-1, -1] += 1
    return made
