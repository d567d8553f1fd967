"""Laws of every metric, read off its declaration, and its equality with its naive twin."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biaskit
from biaskit import METRICS, BiaskitError, lp_norm
from biaskit.counts.tables import Tally, divide
from biaskit.metrics import Metric, chosen
from support import naive
from support.strategies import tallies

each = pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))


def as_rows(a: Tally, d: Tally) -> list[naive.Row]:
    return [
        (side, label, group, bool(predicted))
        for side, tally in (("a", a), ("d", d))
        for (label, predicted, group), n in np.ndenumerate(tally.cells)
        for _ in range(int(n))
    ]


def small(a: Tally, d: Tally) -> tuple[Tally, Tally]:
    """The same shape of counts with few rows, for the slow twin."""
    return replace(a, cells=a.cells % 7), replace(d, cells=d.cells % 7)


@pytest.mark.slow
@each
@given(sides=tallies())
def test_equals_its_naive_twin_on_rows(metric: Metric, sides: tuple[Tally, Tally]) -> None:
    a, d = small(*sides)
    positive = set(np.flatnonzero(a.positive).tolist())
    expected = naive.METRICS[metric.symbol](as_rows(a, d), positive)
    found = float(metric(a, d))
    if expected is None:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(expected, abs=1e-12)


def test_every_metric_has_a_twin_and_facts() -> None:
    assert set(naive.METRICS) == set(METRICS)
    for symbol, metric in METRICS.items():
        assert metric.symbol == symbol
        assert metric.title
        assert metric.reading
        assert metric.sentence
        assert metric.bounds[0] <= metric.parity <= metric.bounds[1]


@pytest.mark.slow
@each
@given(sides=tallies())
def test_is_inside_its_bounds(metric: Metric, sides: tuple[Tally, Tally]) -> None:
    found = float(metric(*sides))
    low, high = metric.bounds
    assert math.isnan(found) or low - 1e-12 <= found <= high + 1e-12


@pytest.mark.slow
@each
@given(sides=tallies())
def test_is_at_parity_on_equal_sides(metric: Metric, sides: tuple[Tally, Tally]) -> None:
    a, _ = sides
    found = float(metric(a, a))
    if metric.symbol != "GE":  # it is about all rows together, not about the sides
        assert math.isnan(found) or found == metric.parity


@pytest.mark.slow
@each
@given(sides=tallies())
def test_swapping_the_sides_does_what_is_declared(
    metric: Metric, sides: tuple[Tally, Tally]
) -> None:
    a, d = sides
    there, back = float(metric(a, d)), float(metric(d, a))
    if math.isnan(there):
        assert math.isnan(back)
    elif metric.swap == "negates":
        assert there == pytest.approx(-back, abs=1e-12)
    elif metric.swap == "inverts":
        assert there == pytest.approx(float(divide(1.0, back)), rel=1e-12)
    elif metric.swap == "keeps":
        assert there == pytest.approx(back, abs=1e-12)


@pytest.mark.slow
@each
@given(sides=tallies(), times=st.integers(2, 50))
def test_does_not_depend_on_the_size_of_the_table(
    metric: Metric, sides: tuple[Tally, Tally], times: int
) -> None:
    a, d = sides
    larger = (replace(a, cells=a.cells * times), replace(d, cells=d.cells * times))
    expected = float(metric(a, d)) * (times if metric.symbol == "SF" else 1)  # SF is in rows
    assert float(metric(*larger)) == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.slow
@each
@given(both=st.lists(tallies(labels=3), min_size=2, max_size=4))
def test_a_batch_gives_the_same_bits_as_one_by_one(
    metric: Metric, both: list[tuple[Tally, Tally]]
) -> None:
    a, d = (replace(both[0][0], cells=np.stack([pair[i].cells for pair in both])) for i in (0, 1))
    one_by_one = np.array([metric(*pair) for pair in both])
    assert metric(a, d).tobytes() == one_by_one.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("symbol", ["KL", "JS", "LP", "TVD", "KS"])
@given(sides=tallies(labels=4), order=st.permutations(range(4)))
def test_distances_do_not_depend_on_the_names_of_labels(
    symbol: str, sides: tuple[Tally, Tally], order: list[int]
) -> None:
    renamed = [replace(t, cells=t.cells[list(order)]) for t in sides]
    found, expected = METRICS[symbol](*renamed), METRICS[symbol](*sides)
    assert float(found) == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize("symbol", [m.symbol for m in METRICS.values() if m.against_d != "!="])
def test_the_sign_says_that_d_is_worse_off(symbol: str) -> None:
    """Labels and predictions (TN, FP, FN, TP) under which d fares worse in every respect."""
    positive = np.array([False, True])
    tn, fp, fn, tp = np.array([20, 8]), np.array([10, 1]), np.array([5, 6]), np.array([65, 5])
    if symbol == "DAR":  # of d's positive predictions fewer are right
        tn, fp, tp = np.array([20, 8]), np.array([10, 4]), np.array([65, 5])
    cells = np.array([[tn, fp], [fn, tp]])
    a, d = (Tally(cells[:, :, side, None], positive, positive) for side in (0, 1))
    metric = METRICS[symbol]
    value = float(metric(a, d))
    assert value > metric.parity if metric.against_d == ">" else value < metric.parity


def test_orders_of_the_norm() -> None:
    """The documents' example of the KS page: P_a = (.4, .4, .2), P_d = (.2, .1, .7)."""
    positive = np.array([False, False, True])
    a = Tally(np.array([4, 4, 2]).reshape(3, 1, 1), positive)
    d = Tally(np.array([2, 1, 7]).reshape(3, 1, 1), positive)
    assert float(METRICS["KS"](a, d)) == pytest.approx(0.5, abs=1e-12)
    assert float(METRICS["LP"](a, d)) == pytest.approx(0.6164414003, abs=1e-9)
    assert float(lp_norm(1)(a, d)) == pytest.approx(2 * float(METRICS["TVD"](a, d)), abs=1e-12)
    assert float(lp_norm(math.inf)(a, d)) == pytest.approx(0.5, abs=1e-12)
    with pytest.raises(BiaskitError, match="1 or more"):
        lp_norm(0.5)


def test_metrics_are_found_by_symbol_alias_and_object() -> None:
    assert [m.symbol for m in chosen(["CDD", "dpl", METRICS["CI"]]) or []] == ["CDDL", "DPL", "CI"]
    assert chosen(None) is None
    with pytest.raises(BiaskitError, match="did you mean 'DPL'"):
        chosen("DPLL")


def test_a_metric_that_forgets_its_predictions_is_refused() -> None:
    rows = pd.DataFrame({"sex": ["F", "M"] * 20, "p": [0, 1, 1, 1] * 10})
    forgetful = replace(METRICS["DPPL"], symbol="OWN", needs=())
    with pytest.raises(BiaskitError, match="name 'predicted' and 'positive' in its needs"):
        biaskit.report(rows, facet="sex", predicted="p", metrics=[forgetful])


def test_a_metric_of_ones_own_that_is_called_as_the_flip_test() -> None:
    rows = pd.DataFrame({"sex": ["F", "M"] * 20, "p": [0, 1, 1, 1] * 10, "x": range(40)})
    own = replace(METRICS["DPPL"], symbol="FT")
    report = biaskit.report(rows, facet="sex", predicted="p", metrics=[own], features=["x"])
    assert report.estimate.tolist() == [0.5, -0.5]
