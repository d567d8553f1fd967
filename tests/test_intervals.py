"""Intervals and tests: they hold, they agree with each other, and they repeat to the bit."""

from __future__ import annotations

import importlib.util
import itertools
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from scipy import stats

import biaskit
from biaskit import METRICS, BiaskitError
from biaskit.counts.tables import Tally
from biaskit.intervals.draws import MOST_DRAWN, Drawn, draws_for, interval
from biaskit.intervals.figures import LEAST_P, evidence_of, figures_of
from biaskit.intervals.proportions import difference
from biaskit.metrics import Metric
from support.strategies import tallies

each = pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
TWO = np.array([False, True])


def leading(side: Tally) -> Tally:
    squares = None if side.squares is None else side.squares[np.newaxis]
    return replace(side, cells=side.cells[np.newaxis], squares=squares)


def one(
    a: Tally, d: Tally, metric: Metric, confidence: float = 0.95
) -> tuple[float, float, float, float]:
    """Estimate, low, high and p of a metric of two tallies without leading axes."""
    a, d = leading(a), leading(d)
    estimate = metric(a, d)
    form = metric.form_of(a, d)
    assert form is not None, "every metric of the library says what it is made of"
    squares = None
    if a.squares is not None and d.squares is not None:
        squares = metric.form_of(replace(a, cells=a.squares), replace(d, cells=d.squares))
    evidence = evidence_of(form, estimate, squares)
    parity = math.nan if metric.kind == "inequality" else metric.parity
    found = figures_of([evidence], [parity], [metric.bounds], confidence)[0]
    return float(estimate[0]), *(float(x[0]) for x in found)


@pytest.mark.slow
@each
@given(sides=tallies())
def test_an_interval_holds_its_estimate_inside_the_bounds(
    metric: Metric, sides: tuple[Tally, Tally]
) -> None:
    estimate, low, high, p = one(*sides, metric)
    if math.isnan(estimate):
        assert math.isnan(low)
        assert math.isnan(high)
        assert math.isnan(p)
        return
    assert metric.bounds[0] <= low <= high <= metric.bounds[1] + 1e-12
    assert low <= estimate <= high
    if metric.kind != "inequality":
        assert LEAST_P <= p <= 1


@pytest.mark.slow
@each
@given(sides=tallies())
def test_p_is_the_level_at_which_the_interval_meets_parity(
    metric: Metric, sides: tuple[Tally, Tally]
) -> None:
    """At every level the interval leaves parity out exactly when p is below 1 less the level."""
    estimate, _, _, p = one(*sides, metric)
    if math.isnan(p) or estimate == metric.parity:
        return
    for alpha in (0.5, 0.2, 0.05, 0.01, 1e-4):
        if abs(p / alpha - 1) > 1e-5:
            _, low, high, _ = one(*sides, metric, confidence=1 - alpha)
            outside = not low <= metric.parity <= high
            assert outside == (p < alpha), (alpha, p, low, high)


@pytest.mark.slow
@each
@given(sides=tallies())
def test_the_sides_swapped_have_the_mirrored_interval_to_the_bit(
    metric: Metric, sides: tuple[Tally, Tally]
) -> None:
    estimate, low, high, p = one(*sides, metric)
    swapped = one(sides[1], sides[0], metric)
    if metric.swap == "negates":
        expected = -estimate, -high, -low, p
    elif metric.swap == "keeps":
        expected = estimate, low, high, p
    elif metric.swap == "inverts":
        assert swapped[3] == p or math.isnan(p)
        if sides[0].n1_hat * sides[1].n == sides[1].n1_hat * sides[0].n == 0:
            return
        # One of the two has the reciprocal ends of the other, and 1 / (1 / x) may not be x.
        found, turned = (low, high), tuple(1 / x if x else math.inf for x in swapped[2:0:-1])
        again = tuple(1 / x if x else math.inf for x in (high, low))
        assert math.isnan(p) or found == turned or again == swapped[1:3]
        return
    else:
        assert swapped[3] == p or math.isnan(p)  # KL's test is that of the gap
        return
    np.testing.assert_array_equal(swapped, expected)


@pytest.mark.parametrize("symbol", ["JS", "LP", "TVD", "KS"])
def test_neither_ties_nor_the_order_of_labels_matter(symbol: str) -> None:
    """Labels with equal shares on both sides, and largest gaps that are equally large."""
    for a, d in (
        ([0, 0, 30, 30], [0, 10, 0, 10]),
        ([50, 20, 30], [2, 5, 3]),
        ([4, 0, 0], [1, 1, 1]),
    ):
        sides = [Tally(np.array(side).reshape(-1, 1, 1), np.arange(len(a)) == 0) for side in (a, d)]
        found = one(*sides, METRICS[symbol])
        assert one(*sides[::-1], METRICS[symbol]) == found
        turned = [replace(side, cells=side.cells[::-1]) for side in sides]
        assert one(*turned, METRICS[symbol]) == pytest.approx(found)


@pytest.mark.slow
@each
@given(sides=tallies())
def test_equal_sides_have_a_symmetric_interval(metric: Metric, sides: tuple[Tally, Tally]) -> None:
    estimate, low, high, p = one(sides[0], sides[0], metric)
    if math.isnan(estimate) or metric.kind == "inequality":
        return
    assert p == 1
    if metric.swap == "negates":
        assert low == -high
    if metric.swap == "inverts":
        assert low == pytest.approx(1 / high)


@pytest.mark.parametrize("symbol", ["DPL", "DPPL", "RD", "SD", "DAR", "DRR", "AD", "CI", "DD"])
def test_large_samples_agree_with_wald(symbol: str) -> None:
    a = Tally(np.array([[[21_000], [9_000]], [[4_000], [16_000]]]), TWO, TWO)
    d = Tally(np.array([[[12_000], [8_000]], [[5_000], [15_000]]]), TWO, TWO)
    shares = {
        "DPL": (a.n1, a.n, d.n1, d.n),
        "DPPL": (a.n1_hat, a.n, d.n1_hat, d.n),
        "RD": (a.tp, a.n1, d.tp, d.n1),
        "SD": (d.tn, d.n0, a.tn, a.n0),
        "DAR": (a.tp, a.n1_hat, d.tp, d.n1_hat),
        "DRR": (d.tn, d.n0_hat, a.tn, a.n0_hat),
        "AD": (a.tp + a.tn, a.n, d.tp + d.tn, d.n),
        "DD": (d.n0, a.n0 + d.n0, d.n1, a.n1 + d.n1),
    }
    if symbol == "CI":
        share = a.n / (a.n + d.n)
        expected, error = 2 * share - 1, 2 * math.sqrt(share * (1 - share) / (a.n + d.n))
    else:
        x, n, y, m = shares[symbol]
        expected = x / n - y / m
        error = math.sqrt(x / n * (1 - x / n) / n + y / m * (1 - y / m) / m)
    estimate, low, high, _ = one(a, d, METRICS[symbol])
    assert estimate == pytest.approx(expected)
    assert low == pytest.approx(expected - 1.96 * error, abs=0.05 * error)
    assert high == pytest.approx(expected + 1.96 * error, abs=0.05 * error)


@each
def test_figures_of_many_tables_at_once_agree_with_each_other(metric: Metric) -> None:
    """Small sides, rare outcomes, endless and undefined numbers, side by side."""
    rng = np.random.default_rng(0)
    cells = [
        rng.multinomial(n, law, 300).reshape(300, 2, 2, 1)
        for n, law in ((30, [0.8, 0.15, 0.02, 0.03]), (9, [0.5, 0.2, 0.1, 0.2]))
    ]
    a, d = (Tally(side, TWO, TWO) for side in cells)
    form = metric.form_of(a, d)
    assert form is not None
    evidence = evidence_of(form, metric(a, d))
    p = figures_of([evidence], [metric.parity], [metric.bounds], 0.95)[0].p_value
    known = ~np.isnan(evidence.estimate)
    assert not np.isnan(p[known]).any()
    for alpha in (0.2, 0.05, 0.01):
        found = figures_of([evidence], [metric.parity], [metric.bounds], 1 - alpha)[0]
        outside = (found.low > metric.parity) | (found.high < metric.parity)
        agree = (outside == (p < alpha)) | (np.abs(p / alpha - 1) < 1e-5)
        assert agree[known].all()


def every_table(rows: int, cells: int) -> list[list[int]]:
    if cells == 1:
        return [[rows]]
    return [[i, *rest] for i in range(rows + 1) for rest in every_table(rows - i, cells - 1)]


@each
def test_every_table_of_seven_rows(metric: Metric) -> None:
    """Defined, within bounds, in agreement with p at every level, and mirrored to the bit."""
    pairs = list(itertools.product(every_table(4, 4), every_table(3, 4)))
    a, d = (
        Tally(np.array([pair[i] for pair in pairs]).reshape(-1, 2, 2, 1), TWO, TWO) for i in (0, 1)
    )
    parity = math.nan if metric.kind == "inequality" else metric.parity

    def figures(a: Tally, d: Tally, alpha: float) -> tuple[Any, Any]:
        form = metric.form_of(a, d)
        assert form is not None
        evidence = evidence_of(form, metric(a, d))
        return evidence.estimate, figures_of([evidence], [parity], [metric.bounds], 1 - alpha)[0]

    estimate, (low, high, p) = figures(a, d, 0.05)
    known = ~np.isnan(estimate)
    assert not np.isnan([low, high])[:, known].any()
    assert ((metric.bounds[0] <= low) & (low <= estimate) & (estimate <= high))[known].all()
    assert (high <= metric.bounds[1] + 1e-12)[known].all()
    _, back = figures(d, a, 0.05)
    if metric.swap in ("negates", "keeps"):
        ends = (-back.high, -back.low) if metric.swap == "negates" else (back.low, back.high)
        np.testing.assert_array_equal(ends, (low, high))
    if math.isnan(parity):
        return
    assert not np.isnan(p[known]).any()
    np.testing.assert_array_equal(back.p_value[known], p[known])
    for alpha in (0.5, 0.05, 1e-3):
        _, found = figures(a, d, alpha)
        outside = (found.low > parity) | (found.high < parity)
        agree = (outside == (p < alpha)) | (estimate == parity) | (np.abs(p / alpha - 1) < 1e-5)
        assert agree[known].all()


@each
def test_a_higher_confidence_gives_a_wider_interval(metric: Metric) -> None:
    a = Tally(np.array([[[40], [20]], [[10], [60]]]), TWO, TWO)
    d = Tally(np.array([[[40], [10]], [[30], [30]]]), TWO, TWO)
    widths = [
        high - low
        for _, low, high, _ in (one(a, d, metric, confidence=c) for c in (0.8, 0.95, 0.999))
    ]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


@each
def test_weights_of_one_are_no_weights(metric: Metric) -> None:
    a = Tally(np.array([[[40], [20]], [[10], [60]]]), TWO, TWO)
    d = Tally(np.array([[[40], [10]], [[30], [30]]]), TWO, TWO)
    weighted = [
        replace(t, cells=t.cells.astype(float), squares=t.cells.astype(float)) for t in (a, d)
    ]
    assert one(*weighted, metric) == pytest.approx(one(a, d, metric), nan_ok=True)


def test_heavier_rows_say_less() -> None:
    """A row of weight 4 is one row, not four: its interval is wider than four rows' would be."""
    cells = np.array([[[400]], [[400]]])
    rows = [Tally(cells, TWO) for _ in range(2)]
    heavy = [Tally(cells.astype(float), TWO, None, 4.0 * cells) for _ in range(2)]
    narrow, wide = (np.subtract(*one(*sides, METRICS["DPL"])[2:0:-1]) for sides in (rows, heavy))
    assert wide / narrow == pytest.approx(2, rel=0.01)


def test_weights_that_go_with_the_outcome_say_less() -> None:
    """Where the rows that are counted weigh more, few of them carry the share."""
    flat = Tally(np.array([[[300.0]], [[100.0]]]), TWO, None, np.array([[[300.0]], [[100.0]]]))
    # The same sums and sums of squares in all; the positive rows are 25 of weight 4.
    tied = Tally(np.array([[[300.0]], [[100.0]]]), TWO, None, np.array([[[0.5]], [[399.5]]]))
    widths = [np.subtract(*one(side, side, METRICS["DPL"])[2:0:-1]) for side in (flat, tied)]
    assert widths[1] > 1.3 * widths[0]
    other = Tally(np.array([[[80.0]], [[20.0]]]), TWO, None, np.array([[[100.0]], [[80.0]]]))
    gap = one(tied, other, METRICS["DPL"])
    for symbol in ("TVD", "KS", "KL", "JS", "LP"):  # of two labels: one test, and one interval
        assert one(tied, other, METRICS[symbol])[3] == pytest.approx(gap[3])
    assert one(tied, other, METRICS["TVD"])[2] == pytest.approx(max(-gap[1], gap[2]))


# Small groups and rare outcomes: what other methods say


@pytest.mark.parametrize(
    ("x_a", "n_a", "x_d", "n_d"),
    [
        *[(5, 5000, 0, 40), (10, 100_000, 0, 50), (20, 20_000, 1, 40), (50, 5000, 2, 40)],
        *[(50, 5000, 3, 40), (20, 100_000, 1, 30), (2, 1000, 1, 30), (150, 300, 5, 20)],
    ],
)
def test_rare_outcomes_agree_with_fishers_test(x_a: int, n_a: int, x_d: int, n_d: int) -> None:
    """Within what counting the table itself half (mid-p) or whole makes of an exact test."""
    a, d = (Tally(np.array([[[n - x]], [[x]]]), TWO) for x, n in ((x_a, n_a), (x_d, n_d)))
    p = one(a, d, METRICS["DPL"])[3]
    fisher = stats.fisher_exact([[x_a, n_a - x_a], [x_d, n_d - x_d]]).pvalue
    assert fisher / 3 <= p <= max(fisher * 1.5, 0.01)
    assert (p < 0.05) == (fisher < 0.05) or 0.02 < fisher < 0.09


def frame(*cells: tuple[str, int, int]) -> pd.DataFrame:
    """Rows of facet values with their positives: (value, positives, rows)."""
    return pd.DataFrame(
        {
            "s": [value for value, _, n in cells for _ in range(n)],
            "y": [int(i < x) for _, x, n in cells for i in range(n)],
        }
    )


def test_one_hit_does_not_fail_a_limit() -> None:
    """1 of 40 against 20 of 20,000: Fisher says 0.041, which is no ratio that is surely 1.25."""
    df = frame(("d", 1, 40), ("a", 20, 20_000)).rename(columns={"y": "p"})
    report = biaskit.report(df, facet="s", facet_values="d", predicted="p", metrics=["DI", "DPPL"])
    checked = biaskit.check(report, {"DI": [0.8, 1.25], "DPPL": 0.02})
    assert checked["verdict"].tolist() == ["uncertain", "uncertain"]


def test_a_constant_label_passes_nothing_that_its_rows_do_not_warrant() -> None:
    df = pd.DataFrame({"s": list("aabb"), "y": [1, 1, 1, 1]})
    report = biaskit.report(df, facet="s", facet_values="a", label="y", positive=1)
    checked = biaskit.check(report, {"DPL": 0.01, "TVD": 0.01, "JS": 0.001, "KL": 0.01})
    assert set(checked["verdict"]) == {"uncertain"}
    rows = report.set_index("metric")
    assert rows.loc["DPL", "high"] == pytest.approx(1 - 0.05 ** (1 / 2))
    assert rows.loc["TVD", "high"] == pytest.approx(rows.loc["DPL", "high"])
    many = pd.DataFrame({"s": ["a", "b"] * 5_000, "y": [1] * 10_000})
    report = biaskit.report(many, facet="s", facet_values="a", label="y", positive=1)
    assert set(biaskit.check(report, {"DPL": 0.01, "TVD": 0.01})["verdict"]) == {"pass"}


def test_a_model_without_errors_may_make_some_of_either_kind() -> None:
    side = Tally(np.array([[[40], [0]], [[0], [40]]]), TWO, TWO)
    most = 0.05 ** (1 / 40)  # least share of the 40 that may be both, and so found
    estimate, low, high, p = one(side, side, METRICS["DCAcc"])
    assert (estimate, p) == (0, 1)
    assert high == -low
    assert high == pytest.approx(math.hypot(1 / most - 1, 1 - most))


def test_two_labels_share_one_test_and_one_interval() -> None:
    report = biaskit.report(frame(("d", 9, 60), ("a", 300, 900)), facet="s", label="y")
    rows = report[report["value"] == "d"].set_index("metric")
    assert len({rows.loc[name, "p_value"] for name in ("DPL", "KL", "JS", "TVD", "KS", "LP")}) == 1
    low, high = rows.loc["DPL", ["low", "high"]]
    for name, times in (("TVD", 1), ("KS", 1), ("LP", math.sqrt(2))):
        assert rows.loc[name, ["low", "high"]].tolist() == pytest.approx(
            [times * low, times * high]
        )


def test_naming_a_role_that_a_metric_does_not_use_changes_nothing() -> None:
    df = frame(("d", 3, 40), ("a", 50, 800)).rename(columns={"y": "p"})
    df = df.assign(y=np.arange(len(df)) % 2, g=np.arange(len(df)) % 3)
    columns = ["value", "metric", "estimate", "low", "high", "p_value", "rate_a", "rate_d"]
    alone = biaskit.report(df, facet="s", predicted="p", metrics=["DPPL", "DI"])[columns]
    for more in ({"label": "y"}, {"group": "g"}, {"label": "y", "group": "g"}):
        found = biaskit.report(df, facet="s", predicted="p", metrics=["DPPL", "DI"], **more)
        pd.testing.assert_frame_equal(found[columns], alone, check_exact=True)


def test_names_change_nothing() -> None:
    """Neither the names of the columns nor those of the labels are in any number."""
    rng = np.random.default_rng(0)
    df = pd.DataFrame({name: rng.integers(0, k, 300) for name, k in (("s", 2), ("y", 5), ("g", 4))})
    other = df.rename(columns={"s": "z", "y": "a", "g": "b"})
    other["a"] = other["a"].map(dict(enumerate("qzaxm")))
    other["b"] = other["b"].map(dict(enumerate("lkjh")))
    symbols = ["KL", "JS", "LP", "TVD", "KS", "CDDL", "DPL"]
    columns = ["estimate", "low", "high", "p_value"]
    one = biaskit.report(df, facet="s", label="y", group="g", positive=[1, 3], metrics=symbols)
    more = biaskit.report(
        other, facet="z", label="a", group="b", positive=["z", "x"], metrics=symbols
    )
    pd.testing.assert_frame_equal(one[columns], more[columns], rtol=1e-9)


def test_the_mirrored_rows_of_a_comparison_say_the_same() -> None:
    report = biaskit.report(
        biaskit.datasets.berkeley(),
        facet="gender",
        label="decision",
        positive="admitted",
        group="department",
    )
    women, men = (
        report[report["value"] == name].set_index("metric") for name in ("female", "male")
    )
    assert women["p_value"].equals(men["p_value"])
    for name in ("CI", "DPL", "DD", "CDDL"):
        assert women.loc[name, "low"] == -men.loc[name, "high"]
        assert women.loc[name, "high"] == -men.loc[name, "low"]
    assert women["note"].tolist() == men["note"].tolist()


# Coverage


def benchmark() -> ModuleType:
    path = Path(__file__).parent.parent / "benchmarks" / "interval_coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_intervals_hold_in_small_cells() -> None:
    found = [one for one in benchmark().small() if one.binds]
    assert len(found) > 250
    assert {one.cell: one for one in found if one.covered < 0.90} == {}
    assert max(one.alarms for one in found if not math.isnan(one.alarms)) <= 0.10
    assert max(one.contradicted for one in found) == 0


# Metrics that do not declare their proportions


def odd_rate(**more: Any) -> Metric:
    facts: dict[str, Any] = {
        "needs": ("label", "positive"),
        "bounds": (0, 1),
        "reading": "The share of positive labels on side d.",
        "kind": "rate",
    }

    @biaskit.metric("PR", "q_d", **{**facts, **more})
    def positive_rate(a: Any, d: Any) -> Any:
        """Share of positive labels."""
        return d.q

    return positive_rate


def test_a_plain_rate_has_the_interval_of_a_proportion() -> None:
    df = frame(("d", 448, 1000), ("a", 100, 300))
    roles: dict[str, Any] = {"facet": "s", "facet_values": "d", "label": "y"}
    declared = odd_rate(rate=lambda side: (side.n1, side.n))
    found = biaskit.report(df, **roles, metrics=declared).iloc[0]
    assert found["estimate"] == 0.448
    expected = stats.binomtest(448, 1000).proportion_ci(method="wilson")
    assert found[["low", "high"]].tolist() == pytest.approx([expected.low, expected.high], abs=1e-3)
    assert math.isnan(found["p_value"])
    drawn = biaskit.report(df, **roles, metrics=odd_rate()).iloc[0]
    assert drawn[["low", "high"]].tolist() == pytest.approx([expected.low, expected.high], abs=3e-3)
    assert math.isnan(drawn["p_value"])
    assert "no difference" not in drawn["note"]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"kind": None, "against_d": "!=", "parity": 0}, 'kind="rate"'),
        ({"kind": None, "against_d": "!=", "parity": 0.5, "swap": "keeps"}, "least at parity"),
        ({"kind": None}, "parity= and against_d= are needed"),
        ({"kind": "rates"}, "kind='rates'; it is one of"),
        ({"swap": "keep"}, "swap='keep'; it is one of"),
        ({"needs": ("labels",)}, "needs 'labels'; did you mean 'label'"),
        ({"parity": 0.0}, "it has no parity"),
        ({"rate": lambda side: (side.n1, side.n), "compares": "a - d"}, "compares is 'a - d'"),
    ],
)
def test_a_metric_that_contradicts_itself_is_refused(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(BiaskitError, match=message):
        odd_rate(**facts)


def errors_of_d(**more: Any) -> Metric:
    @biaskit.metric(
        "ER",
        "errors_a - errors_d",
        needs=("label", "predicted", "positive"),
        bounds=(-1, 1),
        parity=0,
        against_d="<",
        swap="negates",
        reading="How much more often the model is wrong about side a.",
        **more,
    )
    def error_gap(a: Any, d: Any) -> Any:
        """Gap in errors."""
        return (a.fp + a.fn) / a.n - (d.fp + d.fn) / d.n

    return error_gap


FRAME = pd.DataFrame(
    {
        "sex": ["F", "M", "X"] * 40,
        "y": [0, 1, 1, 0, 1, 0] * 20,
        "p": [0, 1, 1, 1, 1, 0, 0, 1] * 15,
        "g": ["a", "b", "c", "d", "e"] * 24,
    }
)
ROLES = {"facet": "sex", "label": "y", "predicted": "p", "group": "g"}


def test_draws_follow_from_the_seed_and_the_counts_alone() -> None:
    metric = errors_of_d()
    first, again = (biaskit.report(FRAME, **ROLES, metrics=metric, seed=1) for _ in range(2))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    other = biaskit.report(FRAME, **ROLES, metrics=metric, seed=2)
    assert not (other["low"] == first["low"]).all()
    renamed = FRAME.rename(columns={"sex": "zzz"}).replace({"sex": {"F": "Q"}})
    named = biaskit.report(renamed, **{**ROLES, "facet": "zzz"}, metrics=metric, seed=1)
    assert named["low"].tolist() == first["low"].tolist()
    # The library's own metrics have no draws.
    one, more = (biaskit.report(FRAME, **ROLES, seed=seed) for seed in (1, 2))
    pd.testing.assert_frame_equal(one, more, check_exact=True)


def test_an_end_that_is_drawn_hardly_moves_with_the_seed() -> None:
    df = FRAME[FRAME["sex"] != "X"]
    found = pd.concat(
        biaskit.report(df, **ROLES, facet_values="F", metrics=errors_of_d(), seed=seed)
        for seed in range(20)
    )
    width = (found["high"] - found["low"]).mean()
    assert np.ptp(found["low"]) <= 0.04 * width
    assert np.ptp(found["high"]) <= 0.04 * width


@pytest.mark.parametrize("x", [3, 40])
def test_draws_agree_with_the_proportions(x: int) -> None:
    """A metric of two proportions that does not say so has nearly the interval of one that does."""
    a = Tally(np.array([[[700], [100]], [[50], [150]]]), TWO, TWO)
    d = Tally(np.array([[[70], [x]], [[3], [20]]]), TWO, TWO)
    drawn = interval(errors_of_d(), float(errors_of_d()(a, d)), Drawn(a, d, 0, 0.95))
    _, *exact = difference(150, 1000, x + 3, 93 + x)
    width = float(exact[1] - exact[0])
    assert drawn[:2] == pytest.approx([float(end) for end in exact], abs=0.06 * width)


def test_draws_of_the_sides_swapped_are_swapped() -> None:
    metric = errors_of_d()
    a = Tally(np.array([[[70], [10]], [[5], [15]]]), TWO, TWO)
    d = Tally(np.array([[[20], [9]], [[3], [20]]]), TWO, TWO)
    one, other = (
        interval(metric, float(metric(*sides)), Drawn(*sides, 0, 0.95))
        for sides in ((a, d), (d, a))
    )
    assert other == (-one[1], -one[0], one[2])
    low, high, p = interval(metric, 0.0, Drawn(a, a, 0, 0.95))
    assert low == -high
    assert p > 0.9


def test_a_metric_alone_has_the_interval_that_it_has_among_all() -> None:
    among = biaskit.report(FRAME, **ROLES, metrics=METRICS)
    columns = ["value", "estimate", "low", "high", "p_value"]
    for symbol in METRICS:
        expected = among[among["metric"] == symbol][columns].reset_index(drop=True)
        alone = biaskit.report(FRAME, **ROLES, metrics=symbol)
        pd.testing.assert_frame_equal(alone[columns], expected, check_exact=True)


def test_the_interval_does_not_depend_on_how_the_rows_were_cut_up() -> None:
    parts = [biaskit.count(FRAME[i : i + 17], **ROLES) for i in range(0, len(FRAME), 17)]
    pd.testing.assert_frame_equal(
        biaskit.report(sum(parts)), biaskit.report(FRAME, **ROLES), check_exact=True
    )


def test_no_confidence_means_no_interval() -> None:
    report = biaskit.report(FRAME, **ROLES, confidence=None)
    assert report[["low", "high", "p_value", "confidence"]].isna().all().all()
    for wrong in (0, 1, 95, -0.5, math.nan):
        with pytest.raises(BiaskitError, match="between 0 and 1"):
            biaskit.report(FRAME, **ROLES, confidence=wrong)
    with pytest.raises(BiaskitError, match="seed"):
        biaskit.report(FRAME, **ROLES, seed=-1)


def test_too_many_cells_to_draw_are_declined_with_a_note() -> None:
    cells = 2
    while cells * draws_for(0.95, cells) <= MOST_DRAWN:
        cells *= 2
    groups = cells // 4
    df = pd.DataFrame({"s": ["F", "M"] * groups * 2, "y": [0, 1, 1, 0] * groups})
    df = df.assign(p=df["y"], g=np.arange(len(df)) // 4)
    metric = errors_of_d()
    wide = biaskit.report(
        df,
        facet="s",
        facet_values="F",
        label="y",
        predicted="p",
        group="g",
        metrics=[replace(metric, needs=(*metric.needs, "group")), METRICS["CDDL"]],
    ).set_index("metric")
    assert math.isnan(wide.loc["ER", "low"])
    assert "no interval: too many cells to draw" in wide.loc["ER", "note"]
    assert not math.isnan(wide.loc["CDDL", "low"])


# Real tables


@pytest.mark.parametrize("groups", [3, 10, 30])
@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_groups_of_few_rows_are_not_surer_than_chance(groups: int, rate: float) -> None:
    """P-values of CDDL without a difference, at levels as many comparisons need them."""
    rng = np.random.default_rng(6)
    shape = (2_000, groups)
    sides = []
    for rows in (14, 6):
        positive = rng.binomial(rows, rate, shape)
        sides.append(Tally(np.stack([rows - positive, positive], axis=1)[:, :, np.newaxis], TWO))
    a, d = sides
    metric = METRICS["CDDL"]
    evidence = evidence_of(metric.form_of(a, d), metric(a, d), None)
    p = evidence.p_value(np.zeros(shape[0]))
    for level in (0.05, 0.01, 0.001):
        most = level * shape[0] + 3 * math.sqrt(level * shape[0])
        assert np.count_nonzero(p < level) <= most


def test_berkeley_disappears() -> None:
    report = biaskit.report(
        biaskit.datasets.berkeley(),
        facet="gender",
        facet_values="female",
        label="decision",
        positive="admitted",
        group="department",
    ).set_index("metric")
    # Multinomial bootstrap of the 24 cells, by another program: DD [.115, .173], CDDL [-.052,
    # .014].
    assert report.loc["DD", ["low", "high"]].tolist() == pytest.approx([0.1153, 0.1726], abs=0.004)
    assert report.loc["CDDL", ["low", "high"]].tolist() == pytest.approx(
        [-0.0523, 0.0144], abs=0.004
    )
    assert (
        report.loc["CDDL", "note"]
        == "by their own intervals, the disparity of DD disappears within groups"
    )


def test_a_reversal_is_called_one() -> None:
    """Two groups in each of which women are accepted more, though they are accepted less in all."""
    cells = [
        ("f", "hard", 300, 700),
        ("m", "hard", 20, 180),
        ("f", "easy", 190, 10),
        ("m", "easy", 800, 200),
    ]
    rows = [(s, g, y) for s, g, yes, no in cells for y, n in ((1, yes), (0, no)) for _ in range(n)]
    df = pd.DataFrame(rows, columns=["sex", "g", "y"])
    report = biaskit.report(df, facet="sex", label="y", group="g", facet_values="f").set_index(
        "metric"
    )
    assert report.loc["DD", "low"] > 0
    assert report.loc["CDDL", "high"] < 0
    assert (
        report.loc["CDDL", "note"]
        == "by their own intervals, the disparity of DD reverses within groups"
    )


def test_compas_false_positive_rates() -> None:
    """The gap of ProPublica's two groups; Wald's interval is [0.182, 0.245]."""
    compas = biaskit.datasets.compas()
    both = compas[compas["race"].isin(["African-American", "Caucasian"])]
    report = biaskit.report(
        both, facet="race", facet_values="African-American", label="arrested", predicted="scored"
    ).set_index("metric")
    assert report.loc["FPRD", ["low", "high"]].tolist() == pytest.approx([0.182, 0.245], abs=0.004)
    assert report.loc["FPRD", "p_value"] == LEAST_P
    # What people are told first: 44.8 % against 23.5 %, and of how many.
    assert report.loc["FPRD", "rate_d"] == pytest.approx(0.448, abs=0.001)
    assert report.loc["FPRD", "rate_a"] == pytest.approx(0.235, abs=0.001)
    assert report.loc["FPRD", ["of_a", "of_d"]].tolist() == [1488, 1795]


@pytest.mark.parametrize(
    ("n_a", "n_d", "share_a", "share_d", "most"),
    [
        *[(1_000, 30, 0.001, 0.0005, 0.11), (5_000, 200, 0.001, 0.0005, 0.11)],
        *[(5_000, 200, 0.01, 0.005, 0.05), (5_000, 40, 0.3, 0.15, 0.05), (30, 30, 0.3, 0.15, 0.05)],
    ],
)
def test_any_wrong_verdict_of_twenty_by_enumeration(
    n_a: int, n_d: int, share_a: float, share_d: float, most: float
) -> None:
    """Limits with an end at the truth, on either side of it; 11 % where 0.2 outcomes are expected.

    Of twenty such numbers the surest needs an interval of level 1 - 0.05 / 20.
    """
    x, y = (np.arange(stats.binom.isf(1e-12, *law) + 2) for law in ((n_a, share_a), (n_d, share_d)))
    chance = np.outer(stats.binom.pmf(x, n_a, share_a), stats.binom.pmf(y, n_d, share_d))
    _, low, high = difference(x[:, np.newaxis], n_a, y, n_d, 1 - 0.05 / 20)
    truth = share_a - share_d
    for wrong in (low > truth, high < truth):
        assert 1 - (1 - chance[wrong].sum()) ** 20 <= most
