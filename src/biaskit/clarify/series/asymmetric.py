"""Asymmetric Shapley values: what each step of a series adds to a forecast, in the order of time.

Shapley values average what a player adds over all orders of the players; asymmetric ones over the
orders that causes allow (C. Frye, C. Rowat and I. Feige, "Asymmetric Shapley values: incorporating
causal knowledge into model-agnostic explainability", 2020). Here the players of an earlier time
come before those of a later one, or after, so that coalitions are beginnings or ends of a series.
With one player for each time there is one order, and the values are exact. With one for each series
and time, the players of a time are ordered at random, or in all ways where these take no more
forecasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.explaining.coalitions import all_coalitions

__all__ = ["Scores", "fine_grained", "timewise"]

Floats: TypeAlias = NDArray[np.float64]
#: Forecasts, shape ``(coalitions, steps)``, of which players have their own values rather than
#: those of the baseline, shape ``(coalitions, players)``.
Forecast: TypeAlias = Callable[[NDArray[np.bool_]], Floats]


class Scores(NamedTuple):
    """Scores of players.

    Attributes
    ----------
    values
        Shape ``(players, steps)``.
    offset
        Forecast on the baseline, shape ``(steps,)``.
    whole
        Forecast on the series themselves.
    squared
        Mean square of the standard errors of the scores: 0 where they are exact, NaN where too few
        orders were drawn to tell.
    """

    values: Floats
    offset: Floats
    whole: Floats
    squared: float


def timewise(forecast: Forecast, of_time: NDArray[np.intp], direction: str) -> Scores:
    """Scores of whole times.

    Parameters
    ----------
    forecast
        Forecasts of coalitions.
    of_time
        Index of the time of each player, from 0 and without gaps.
    direction
        ``"chronological"`` adds times from the first, ``"anti_chronological"`` from the last;
        ``"bidirectional"`` is the mean of both.

    Examples
    --------
    The last value of a series, if known, is its forecast:

    >>> def last(members):
    ...     return np.where(members, [[3.0, 5.0]], 0.0)[:, 1:]
    >>> timewise(last, np.arange(2), "chronological").values.tolist()
    [[0.0], [5.0]]
    """
    times = np.arange(int(of_time.max()) + 2)[:, np.newaxis]
    beginnings, ends = of_time < times, (of_time >= times)[::-1]
    chains = {
        "chronological": [beginnings],
        "anti_chronological": [ends],
        "bidirectional": [beginnings, ends],
    }[direction]
    asked, which = np.unique(np.concatenate(chains), axis=0, return_inverse=True)
    found = forecast(asked)[which.ravel()].reshape(len(chains), len(times), -1)
    steps = np.diff(found, axis=1)
    parts = [
        one if chain is beginnings else one[::-1] for one, chain in zip(steps, chains, strict=True)
    ]
    return Scores(np.mean(parts, axis=0), found[0, 0], found[0, -1], 0.0)


def fine_grained(
    forecast: Forecast, groups: Sequence[NDArray[np.intp]], orders: int, seed: int = 0
) -> Scores:
    """Scores of single players, whose groups are added one after another.

    Parameters
    ----------
    forecast
        Forecasts of coalitions.
    groups
        Players of each time, in the order in which they are added.
    orders
        Number of orders of a group that are drawn, each followed by its reverse.
    """
    players = sum(map(len, groups))
    random = np.random.default_rng(seed)
    ways = [_ways(len(group), orders, random) for group in groups]
    asked: dict[bytes, int] = {}
    members: list[NDArray[np.bool_]] = []
    places: list[NDArray[np.intp]] = []
    before = np.zeros(players, dtype=bool)
    for group, way in zip(groups, ways, strict=True):
        of_group = []
        for one in way.members:
            member = before.copy()
            member[group] = one
            key = member.tobytes()
            if key not in asked:
                asked[key] = len(members)
                members.append(member)
            of_group.append(asked[key])
        places.append(np.array(of_group, dtype=np.intp))
        before[group] = True
    found = forecast(np.array(members))
    values = np.empty((players, found.shape[1]))
    squares = []
    for group, way, at in zip(groups, ways, places, strict=True):
        values[group] = way.values @ found[at]
        if way.pairs:
            each = np.stack([pair @ found[at] for pair in way.pairs])
            spread = each.var(axis=0, ddof=1) if len(each) > 1 else np.full(each[0].shape, np.nan)
            squares.append(spread / len(each))
        else:
            squares.append(np.zeros((len(group), found.shape[1])))
    squared = float(np.mean(np.concatenate(squares)))
    return Scores(values, found[0], found[asked[before.tobytes()]], squared)


class _Ways(NamedTuple):
    """Coalitions within a group, and how their forecasts make scores.

    `pairs` has the same for each order with its reverse; it is empty where the scores are exact.
    """

    members: NDArray[np.bool_]
    values: Floats
    pairs: Sequence[Floats] = ()


def _ways(size: int, orders: int, random: np.random.Generator) -> _Ways:
    """Coalitions of a group: all where these are not more than those of drawn orders."""
    if size <= 16 and 2**size - 2 <= orders * (size - 1):
        return _Ways(*all_coalitions(size)[:2])
    drawn: list[NDArray[np.intp]] = []
    while len(drawn) < orders:
        one = random.permutation(size)
        drawn += [one, one[::-1]]
    number: dict[bytes, int] = {}
    chains = []
    for order in drawn[:orders]:
        first = np.argsort(order) < np.arange(size + 1)[:, np.newaxis]
        chains.append([number.setdefault(one.tobytes(), len(number)) for one in first])
    made = np.zeros((len(chains), size, len(number)))
    for matrix, order, at in zip(made, drawn, chains, strict=False):
        matrix[order, at[1:]] += 1
        matrix[order, at[:-1]] -= 1
    members = np.frombuffer(b"".join(number), dtype=bool).reshape(-1, size)
    pairs = [made[i : i + 2].mean(axis=0) for i in range(0, len(made), 2)]
    return _Ways(members, made.mean(axis=0), pairs)
