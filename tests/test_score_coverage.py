"""Intervals of scores hold the truth as often as they say, by the rules they are made by."""

from __future__ import annotations

import functools
import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from biaskit.intervals.figures import evidence_of
from biaskit.metrics import FROM_SCORES
from biaskit.metrics.forms import Means, Miscalibration, Parts, Values

TAIL = 0.025


@functools.cache
def benchmark() -> ModuleType:
    path = Path(__file__).parent.parent / "benchmarks" / "score_coverage.py"
    spec = importlib.util.spec_from_file_location("score_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("rare labels, 2 %", (1_000, 200)),
        ("skewed", (40, 40)),
        ("mostly one value", (5_000, 40)),
        ("other shapes", (100, 30)),
        ("nearly sure", (40, 40)),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(kind: str, rows: tuple[int, int]) -> None:
    """The full tables are made by benchmarks/score_coverage.py."""
    coverage = benchmark()
    cell = coverage.simulated(kind, coverage.KINDS[kind], rows, 1_000, (3, *rows))
    for symbol, covered in zip(coverage.SHOWN, cell.covered, strict=True):
        assert math.isnan(covered) or covered >= 0.93, symbol


def test_the_truth_of_a_cell_is_that_of_very_many_rows() -> None:
    coverage = benchmark()
    sides = coverage.KINDS["eleven values, others"]
    truth = coverage.truth_of(sides, (100, 30))
    drawn = [
        coverage.drawn(side, np.random.default_rng(k), 1, n)
        for k, (side, n) in enumerate(zip(sides, (4_000_000, 1_200_000), strict=True))
    ]
    for symbol, value in truth.items():
        assert float(FROM_SCORES[symbol](*drawn)[0]) == pytest.approx(value, abs=4e-3), symbol


def values(*scores: float) -> Values:
    at = np.array([scores], dtype=float)
    return Values(np.ones_like(at, dtype=np.int64), at, np.zeros_like(at))


def ends(form: Any, estimate: float) -> tuple[float, float]:
    low, high = evidence_of(form, np.array([estimate])).ends(TAIL)
    return float(low[0]), float(high[0])


def test_a_mean_of_few_rows_borrows_half_a_row() -> None:
    """Two values that are nearly the same say little about their spread."""
    plus = [0.1, 0.3, 0.4, 0.6, 0.8, 0.2, 0.5, 0.7, 0.35, 0.55, 0.45]
    minus = [0.3, 0.301]
    low, high = ends(Means(values(*plus), values(*minus)), np.mean(plus) - np.mean(minus))
    squares = [np.var(one) * len(one) for one in (plus, minus)]
    both = sum(squares) / (len(plus) + len(minus) - 2)
    free = [len(one) - 1 + 0.5 for one in (plus, minus)]
    errors = [
        (square + both / 2) / df / len(one)
        for square, df, one in zip(squares, free, (plus, minus), strict=True)
    ]
    freedom = sum(errors) ** 2 / sum(e * e / df for e, df in zip(errors, free, strict=True))
    reach = stats.t.ppf(1 - TAIL, freedom) * math.sqrt(sum(errors))
    assert (high - low) / 2 == pytest.approx(reach, rel=1e-9)
    welch = stats.ttest_ind(plus, minus, equal_var=False).confidence_interval()
    assert high - low > 1.2 * (welch.high - welch.low)


def test_the_test_of_a_standardized_difference_is_that_of_the_means() -> None:
    """Where nothing differs, the spread does not matter."""
    coverage = benchmark()
    rng = np.random.default_rng(8)
    side = coverage.KINDS["skewed"][0]
    a, d = (coverage.drawn(side, rng, 300, n) for n in (30, 20))
    p = []
    for symbol in ("MSD", "SMD"):
        metric = FROM_SCORES[symbol]
        form = metric.form_of(a, d)
        assert form is not None
        p.append(evidence_of(form, metric(a, d)).p_value(0.0) < 0.05)
    assert (p[0] == p[1]).mean() > 0.99


def test_a_calibration_error_of_nothing_varies_as_the_scores_say() -> None:
    """Thirty rows of score 0.03 of which none is positive are no proof of an error."""
    rows, expected = np.array([[30.0]]), np.array([[0.03 * 0.97]])
    nobody = Parts(rows, np.array([[-0.03]]), np.array([[0.0]]), expected)
    many = Parts(1e6 * rows, np.array([[0.0]]), expected, expected)
    low, high = ends(Miscalibration(nobody, many), 0.03**2)
    noise = 0.03 * 0.97 / 30
    reach = 1.959964 * math.sqrt(2 * 30 / 29) * noise
    assert low == pytest.approx(0.03**2 - reach, rel=1e-3)
    assert high == pytest.approx(0.03**2 + reach, rel=1e-3)
    assert low < 0 < high
