"""Scores that hypothesis draws, tables of scores in plain Python, and their equality."""

from __future__ import annotations

import bisect
import math
from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from biaskit import Counts
from biaskit.counts.scores import ScoreTable

__all__ = ["RANGES", "assert_scores_equal", "naive_bin", "naive_edges", "naive_scores", "numbers"]

#: Ranges, and the step of their bins.
RANGES: dict[tuple[float, float], str] = {
    (0, 1): "0.0001",
    (-1, 1): "0.0002",
    (0, 3): "0.0005",
    (0, 100): "0.01",
    (300, 850): "0.1",
    (0.05, 0.95): "0.0001",
    (-0.3, 0.7): "0.0001",
    (-7.5, 1e6): "200",
    (0, 1e-9): "1E-13",
    (0, 1e12): "1E+8",
    (1 / 3, 2 / 3): "0.00005",
}


def naive_edges(low: float, high: float, step: str) -> list[float]:
    """Edges of a range: its ends, and the multiples of the step between them."""
    width, first = Decimal(step), math.floor(Decimal(repr(low)) / Decimal(step))
    last = math.ceil(Decimal(repr(high)) / width)
    between = [float(k * width) for k in range(first, last + 1)]
    return [low, *(edge for edge in between if low < edge < high), high]


def naive_bin(edges: list[float], score: float | None) -> int:
    """Bin of a score; a missing one is in that after the last."""
    if score is None or score != score:
        return len(edges) + 1
    return max(bisect.bisect_left(edges, score), int(score >= edges[0]))


def naive_scores(
    rows: list[tuple[Any, ...]], edges: list[float]
) -> dict[tuple[Any, ...], tuple[int, Fraction, Fraction]]:
    """Rows, sum and squares by (facet, label, group, bin), from rows of a score and the others."""
    n: Counter[tuple[Any, ...]] = Counter()
    sums: dict[tuple[Any, ...], list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
    for *key, score in rows:
        place = (*key, naive_bin(edges, score))
        n[place] += 1
        if score is not None and score == score:
            sums[place][0] += Fraction(score)
            sums[place][1] += Fraction(score) ** 2
    return {place: (rows, *sums[place]) for place, rows in n.items()}


def assert_naive(table: ScoreTable, rows: list[tuple[Any, ...]], edges: list[float]) -> None:
    """A table has what a plain loop over its rows makes."""
    assert table.edges.values.tolist() == edges
    found = {}
    arrays = [np.concatenate([table.n, table.missing[..., None]], axis=-1)]
    arrays += [np.concatenate([one, 0.0 * table.missing[..., None]], axis=-1) for one in (
        table.s, table.s2)]  # fmt: skip
    for place in np.argwhere(arrays[0]).tolist():
        key = table.facet[place[0]], table.label[place[1]], table.group[place[2]], place[3]
        found[key] = [one[tuple(place)] for one in arrays]
    expected = naive_scores(rows, edges)
    assert {key: n for key, (n, *_) in found.items()} == {k: n for k, (n, *_) in expected.items()}
    for key, (_, *sums) in found.items():
        for made, exact in zip(sums, expected[key][1:], strict=True):
            assert abs(Fraction(float(made)) - exact) <= abs(exact) * Fraction(1, 10**12) + tiny


#: Squares of tiny scores are rounded to the least floats.
tiny = Fraction(1, 10**300)


def assert_scores_equal(one: Counts, other: Counts) -> None:
    """Two counts have equal tables, and equal scores but for the rounding of their sums."""
    assert one.rows == other.rows
    assert dict(one.tables) == dict(other.tables)
    assert [*one.scores] == [*other.scores]
    for facet, mine in one.scores.items():
        theirs = other.scores[facet]
        assert (mine.edges, mine.facet, mine.label, mine.group) == (
            theirs.edges,
            theirs.facet,
            theirs.label,
            theirs.group,
        )
        assert np.array_equal(mine.n, theirs.n)
        assert np.array_equal(mine.missing, theirs.missing)
        for a, b in ((mine.s, theirs.s), (mine.s2, theirs.s2)):
            assert np.allclose(a, b, rtol=1e-12, atol=1e-300, equal_nan=True)


def numbers(low: float, high: float, step: str) -> st.SearchStrategy[float]:
    """Scores at the edges of a range, right beside them, between and beyond them."""
    edges = naive_edges(low, high, step)
    at = st.sampled_from(edges)
    beside = st.builds(math.nextafter, at, st.sampled_from([-math.inf, math.inf]))
    within = st.floats(low, high)
    beyond = st.sampled_from([low - (high - low), high + 1e-3, 1e150, -1e150, -0.0, 5e-324])
    short = st.builds(lambda x: float(np.float32(x)), at)
    written = st.builds(lambda x: round(x, 3), within)
    return at | beside | within | beyond | short | written
