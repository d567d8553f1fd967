"""Shapley values from their definition, by looking at every subset of the features."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from biaskit.explanations.models.ensembles import Ensemble


def weight(size: int, features: int) -> float:
    return math.factorial(size) * math.factorial(features - size - 1) / math.factorial(features)


def from_game(game: Callable[[frozenset[int]], float], features: int) -> list[float]:
    """Shapley values of a game: a number for every set of features."""
    sets = [
        frozenset(chosen)
        for size in range(features + 1)
        for chosen in itertools.combinations(range(features), size)
    ]
    worth = {chosen: game(chosen) for chosen in sets}
    return [
        sum(
            weight(len(chosen), features) * (worth[chosen | {i}] - worth[chosen])
            for chosen in sets
            if i not in chosen
        )
        for i in range(features)
    ]


def interventional(
    output: Callable[[np.ndarray], np.ndarray], row: np.ndarray, background: np.ndarray
) -> list[float]:
    """Values where the features outside of a set come from each background row in turn."""

    def game(chosen: frozenset[int]) -> float:
        mixed = background.copy()
        mixed[:, [*chosen]] = row[[*chosen]]
        return float(np.mean(output(mixed)))

    return from_game(game, len(row))


def goes_left(one: Ensemble, node: int, row: np.ndarray) -> bool:
    value = row[one.feature[node]]
    if np.isnan(value):
        return bool(one.missing_left[node])
    if one.set_of[node] >= 0:
        return bool(np.isin(value, one.sets[one.set_of[node]]))
    return bool(value <= one.threshold[node])


def output(one: Ensemble, rows: np.ndarray) -> np.ndarray:
    """Sum of the leaves that each row reaches."""
    made = []
    for row in rows:
        total = one.base
        for root in one.roots:
            node = int(root)
            while one.left[node] >= 0:
                node = int(one.left[node] if goes_left(one, node, row) else one.right[node])
            total += one.value[node]
        made.append(total)
    return np.array(made)


def path_dependent(one: Ensemble, row: np.ndarray) -> list[float]:
    """Values where a split of a feature outside of a set is averaged over the trees' own rows."""

    def below(node: int, chosen: frozenset[int]) -> float:
        if one.left[node] < 0:
            return float(one.value[node])
        children = [int(one.left[node]), int(one.right[node])]
        if int(one.origins.of[one.feature[node]]) in chosen:
            return below(children[not goes_left(one, node, row)], chosen)
        return sum(below(c, chosen) * one.cover[c] / one.cover[node] for c in children)

    def game(chosen: frozenset[int]) -> float:
        return sum(below(int(r), chosen) for r in one.roots)

    return from_game(game, one.origins.features)
