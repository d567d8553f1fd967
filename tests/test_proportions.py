"""Limits of proportions, against SciPy's incomplete beta function and binomial law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats

from biaskit.intervals import proportions
from biaskit.intervals.proportions import (
    LEAST_TAIL,
    Array,
    Known,
    Sought,
    both_reaches,
    difference,
    reach,
    solve,
)
from biaskit.intervals.tails import mills


def sought(counts: Array, rows: Array, gap: Array) -> Sought:
    """Level at which limits, shape ``(limits, comparisons)``, together reach a gap."""
    of = np.broadcast_to(np.arange(len(gap)), counts.shape).ravel()

    def reached(reaches: Array, tail: Array) -> Array:
        return np.sqrt(np.add.accumulate(reaches.reshape(counts.shape) ** 2, axis=0)[-1])

    return Sought(counts.ravel(), rows.ravel(), of, gap, reached)


def tail_of_gap(counts: Array, rows: Array, gap: Array) -> Array:
    return solve([], [sought(counts, rows, gap)])[1][0]


def tail_of(x: float, n: float, p: float) -> float:
    """Chance of more than x of n, and half of that of x, of incomplete beta functions."""
    at_least = special.betainc(x, n - x + 1, p) if x > 0 else 1.0
    more = special.betainc(x + 1, n - x, p) if x < n else 0.0
    return float(at_least + more) / 2


@pytest.mark.parametrize("tail", [0.4, 0.1, 0.025, 1e-3, 1e-6])
@pytest.mark.parametrize(
    ("x", "n"),
    [
        *[(1, 40), (20, 40), (39, 40), (0.5, 3.2), (3.5, 3.7), (60, 200), (50, 5000), (1500, 5000)],
        *[(41, 10**6), (45, 450), (400, 441), (999_958, 10**6)],  # near to where formulas change
        *[(3570, 11_900), (100, 10**5), (30_000, 10**5), (300, 10**7), (10**8, 10**9)],
    ],
)
def test_the_tail_at_the_limit_is_the_one_asked_for(x: float, n: float, tail: float) -> None:
    exact = optimize.brentq(
        lambda p: tail_of(x, n, p) - tail, 1e-300, x / n, xtol=1e-300, rtol=1e-14
    )
    deviation = np.sqrt(x * (n - x) / n) / n
    close = max(2e-6 * min(deviation, exact), 1e-16)
    assert x / n - reach(x, n, tail) == pytest.approx(exact, abs=close)


def test_nothing_and_everything_counted() -> None:
    """The law's tail is a power there, so the limits are known in closed form."""
    down, up = both_reaches([0, 40], 40, 0.025)
    assert down.tolist() == pytest.approx([0, 1 - 0.05 ** (1 / 40)])
    assert up.tolist() == pytest.approx([1 - 0.05 ** (1 / 40), 0])
    assert np.isnan(reach(0, 0, 0.025))


@pytest.mark.slow
@pytest.mark.parametrize("few", [1, 2, 3, 10, 40])
@pytest.mark.parametrize("many", [2, 20, 47, 500, 5000])
def test_the_tail_of_a_gap_reaches_it_from_sides_of_a_few_rows(few: int, many: int) -> None:
    step = max(many // 50, 1)
    x, y = (one.ravel() for one in np.meshgrid(np.arange(0, many + 1, step), range(few)))
    x, y = x[x * few > y * many], y[x * few > y * many]
    gap = x / many - y / few
    counts = np.stack([x, few - y]).astype(float)
    rows = np.broadcast_to([[many], [few]], counts.shape).astype(float)
    tail = tail_of_gap(counts, rows, gap)
    reached = np.sqrt((reach(counts, rows, np.maximum(tail, LEAST_TAIL)) ** 2).sum(axis=0))
    known = (tail > LEAST_TAIL) & (tail < 0.5)
    assert reached[known] == pytest.approx(gap[known], rel=1e-6)
    assert (reached[tail == 0.5] >= gap[tail == 0.5]).all()
    assert (reached[tail == 0] <= gap[tail == 0]).all()
    alone = [tail_of_gap(counts[:, [i]], rows[:, [i]], gap[[i]])[0] for i in range(len(gap))]
    assert alone == tail.tolist()


def test_the_tail_of_the_normal_law() -> None:
    z = np.concatenate([np.linspace(0, 12, 997), [1e-9, 1e-3, 20, 37]])
    assert mills(z) * stats.norm.pdf(z) == pytest.approx(stats.norm.sf(z), rel=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=2, max_size=12),
    st.floats(1e-9, 0.5),
)
def test_a_reach_does_not_depend_on_its_neighbours(
    counts: list[tuple[int, int]], tail: float
) -> None:
    x = np.array([one for one, _ in counts])
    n = x + np.array([rest for _, rest in counts])
    together = reach(x, n, tail)
    alone = [float(reach(one, rows, tail)) for one, rows in zip(x, n, strict=True)]
    assert together.tolist() == pytest.approx(alone, abs=0, rel=0, nan_ok=True)
    known = ~np.isnan(together)
    assert (together[known] >= 0).all()
    assert (together[known] <= (x / np.maximum(n, 1))[known]).all()


@given(st.integers(0, 400), st.integers(1, 400), st.integers(0, 9000), st.integers(1, 9000))
def test_a_difference_swapped_is_mirrored(x: int, more: int, y: int, others: int) -> None:
    n, m = x + more, y + others
    estimate, low, high = difference(x, n, y, m)
    assert low <= estimate <= high
    assert difference(y, m, x, n) == (-estimate, -high, -low)


def test_the_chance_at_which_a_gap_is_reached() -> None:
    x, n = np.array([3.0, 40, 900, 5, 7]), np.array([20.0, 4000, 2700, 9, 50])
    gap = np.array([0.05, 0.002, 0.05, 0.6, 0.0])  # the fourth lies beyond 0
    found = tail_of_gap(x[np.newaxis], n[np.newaxis], gap)
    assert found[3:].tolist() == [0, 0.5]
    exact = [tail_of(a, b, a / b - c) for a, b, c in zip(x, n, gap, strict=True)]
    assert found[:3].tolist() == pytest.approx(exact[:3], rel=1e-5)
    assert (found[:3] > LEAST_TAIL).all()


def test_what_is_found_depends_on_nothing_else_that_is_looked_for() -> None:
    rng = np.random.default_rng(0)
    n = np.concatenate([rng.integers(1, 12, 200), 10 ** rng.integers(1, 9, 200)]).astype(float)
    x = np.minimum(np.rint(n * rng.random(400) ** 3), n)
    levels = (0.5, 0.0677, 0.07, 0.02, 1e-11, 0.49, 0.025, 1e-4)
    counts, rows = x.reshape(2, -1), n.reshape(2, -1)
    gaps = [rng.random(200) * scale for scale in (0.01, 0.3, 1.0)]
    together = solve(
        [Known(x, n, np.full(400, tail)) for tail in levels],
        [sought(counts, rows, gap) for gap in gaps],
    )
    for tail, found in zip(levels, together[0], strict=True):
        np.testing.assert_array_equal(found, reach(x, n, tail))
        for i in range(0, 400, 7):
            alone = float(reach(x[i], n[i], tail))
            assert found[i] == alone
            if x[i] > 0 and 1e-8 < tail < 0.3 and n[i] < 1e6:
                assert tail_of(x[i], n[i], x[i] / n[i] - alone) == pytest.approx(tail)
    for gap, found in zip(gaps, together[1], strict=True):
        for i in range(0, 200, 7):
            (alone,) = tail_of_gap(counts[:, [i]], rows[:, [i]], gap[[i]])
            assert found[i] == alone


def test_limits_by_the_million_are_found_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    n = rng.integers(1, 90, 500).astype(float)
    x = rng.binomial(n.astype(int), 0.3).astype(float)
    asked = [Known(x[:9], n[:9], np.full(9, 0.1)), Known(x[9:], n[9:], np.full(491, 0.025))]
    root = sought(x.reshape(2, -1), n.reshape(2, -1), np.full(250, 0.2))
    together = solve(asked, [root])
    monkeypatch.setattr(proportions, "_AT_ONCE", 64)
    in_parts = solve(asked, [root])
    for one, other in zip([*together[0], *together[1]], [*in_parts[0], *in_parts[1]], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("tail", [0.025, 5e-4, 1e-9])
def test_a_small_part_of_a_row_reaches_down_to_0(tail: float) -> None:
    """One light row of many is a small effective count, of which no level is too high."""
    x, n = 0.008, 13.9
    assert reach(x, n, tail) == pytest.approx(x / n)
    assert x / n < reach(n - x, n, tail) < 1
