"""Metrics of scores: their naive twins, their laws, and their intervals against other libraries."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

import biaskit
from biaskit import BiaskitError, Counts
from biaskit.counts.edges import Edges, edges_of
from biaskit.counts.scores import ScoreTally
from biaskit.intervals.figures import Figures, evidence_of, figures_of
from biaskit.metrics import FROM_SCORES, METRICS, Metric, named, quantile_gap
from biaskit.metrics.scores import auc, tied
from biaskit.reports.report import report_rows
from biaskit.reports.sentences import row_sentences
from support import naive

each = pytest.mark.parametrize("metric", FROM_SCORES.values(), ids=list(FROM_SCORES))
UNIT = edges_of(0, 1)
ROLES: dict[str, Any] = {"facet": "sex", "facet_values": "d", "label": "y", "positive": 1}

# Sixteenths are exact as floats, and each has a bin of its own.
ROWS = st.lists(
    st.tuples(st.sampled_from("ad"), st.booleans(), st.integers(0, 16).map(lambda k: k / 16)),
    max_size=40,
).map(lambda rows: [("a", True, 0.25), ("d", False, 0.5), *rows])


def tallied(rows: list[naive.Scored], edges: Edges = UNIT) -> tuple[ScoreTally, ScoreTally]:
    """Both sides of one comparison."""
    made = []
    for name in "ad":
        parts: list[Any] = []
        for power in (0, 1, 2):
            for label in (True, False):
                scores = np.array(naive.scores(rows, name, label), dtype=float)
                sums = np.bincount(edges.of(scores), scores**power, minlength=edges.bins)
                parts.append((sums.astype(np.int64) if power == 0 else sums)[np.newaxis])
        made.append(ScoreTally(edges, *parts))
    return made[0], made[1]


def stacked(sides: list[ScoreTally]) -> ScoreTally:
    """Sides of several comparisons as one."""
    fields = [*ScoreTally.__dataclass_fields__][1:]
    arrays = [np.concatenate([getattr(one, f) for one in sides]) for f in fields]
    return ScoreTally(sides[0].edges, *arrays)


def value(metric: Metric, rows: list[naive.Scored]) -> float:
    return float(metric(*tallied(rows))[0])


def swapped(rows: list[naive.Scored]) -> list[naive.Scored]:
    return [("d" if name == "a" else "a", y, s) for name, y, s in rows]


def figures(metric: Metric, a: ScoreTally, d: ScoreTally, confidence: float = 0.95) -> Figures:
    form = metric.form_of(a, d)
    assert form is not None
    evidence = evidence_of(form, metric(a, d))
    return figures_of([evidence], [metric.parity], [metric.bounds], confidence)[0]


def drawn(seed: int, n_a: int = 400, n_d: int = 150, shift: float = 0.0) -> pd.DataFrame:
    """Scores of two sides, of which those of d are lower by a shift."""
    rng = np.random.default_rng(seed)
    sex = np.repeat(["a", "d"], [n_a, n_d])
    chance = rng.beta(2, 3, n_a + n_d)
    y = (rng.random(n_a + n_d) < chance).astype(int)
    score = np.round(np.clip(chance - shift * (sex == "d"), 0, 1), 3)
    return pd.DataFrame({"sex": sex, "y": y, "s": score})


def rows_of(table: pd.DataFrame) -> list[naive.Scored]:
    return [*zip(table["sex"], table["y"] == 1, table["s"], strict=True)]


def one(table: Any, metric: str | Metric, **more: Any) -> Any:
    """The row of a metric in a report on drawn scores."""
    roles = {**ROLES, "score": "s", **more}
    return next(biaskit.report(table, metrics=[metric], **roles).itertuples())


def test_every_metric_has_a_twin_and_facts() -> None:
    assert set(naive.FROM_SCORES) == set(FROM_SCORES)
    for symbol, metric in FROM_SCORES.items():
        assert metric.symbol == symbol
        assert metric.title
        assert metric.reading
        assert metric.sentence
        assert metric.bounds[0] <= metric.parity <= metric.bounds[1]
        assert metric.stage == "post-training"
        assert symbol not in METRICS


@each
@settings(max_examples=60)
@given(rows=ROWS)
def test_equals_its_naive_twin_on_rows(metric: Metric, rows: list[naive.Scored]) -> None:
    expected, found = naive.FROM_SCORES[metric.symbol](rows), value(metric, rows)
    if expected is None:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(expected, abs=1e-12)


@each
@settings(max_examples=40)
@given(rows=ROWS)
def test_swapping_the_sides_does_what_is_declared(metric: Metric, rows: list[naive.Scored]) -> None:
    there, back = value(metric, rows), value(metric, swapped(rows))
    sign = {"negates": -1, "keeps": 1}[metric.swap]
    assert there == pytest.approx(sign * back, abs=1e-12, nan_ok=True)


@each
@settings(max_examples=40)
@given(rows=ROWS)
def test_is_at_parity_on_equal_sides_and_inside_its_bounds(
    metric: Metric, rows: list[naive.Scored]
) -> None:
    a, d = tallied(rows)
    alike = float(metric(a, a)[0])
    assert math.isnan(alike) or alike == pytest.approx(metric.parity, abs=1e-12)
    found = float(metric(a, d)[0])
    assert math.isnan(found) or metric.bounds[0] - 1e-12 <= found <= metric.bounds[1] + 1e-12


@each
@settings(max_examples=20)
@given(many=st.lists(ROWS, min_size=2, max_size=4))
def test_a_batch_gives_the_same_numbers_as_one_by_one(
    metric: Metric, many: list[list[naive.Scored]]
) -> None:
    a, d = (stacked([tallied(rows)[i] for rows in many]) for i in (0, 1))
    assert metric(a, d).tolist() == pytest.approx([value(metric, r) for r in many], nan_ok=True)


@settings(max_examples=40)
@given(rows=ROWS)
def test_scores_turned_round_turn_the_metrics(rows: list[naive.Scored]) -> None:
    """AUC(1 - s) is 1 - AUC(s)."""
    turned = [(name, y, 1 - s) for name, y, s in rows]
    for symbols, sign in ((("AUCD", "xAUCD", "MSD", "SMD", "BPC", "BNC"), -1), (("KSS", "W1"), 1)):
        for symbol in symbols:
            there, back = (value(FROM_SCORES[symbol], one) for one in (rows, turned))
            assert there == pytest.approx(sign * back, abs=1e-12, nan_ok=True)
    a, _ = tallied(rows)
    b, _ = tallied(turned)
    parts = auc(a.positive, a.negative), 1 - auc(b.positive, b.negative)
    assert float(parts[0][0]) == pytest.approx(float(parts[1][0]), abs=1e-12, nan_ok=True)


@settings(max_examples=40)
@given(rows=ROWS)
def test_ranks_do_not_depend_on_the_scale(rows: list[naive.Scored]) -> None:
    bent = [(name, y, s * s) for name, y, s in rows]
    for symbol in ("AUCD", "xAUCD", "ABROCA", "KSS"):
        there, here = (value(FROM_SCORES[symbol], one) for one in (rows, bent))
        assert there == pytest.approx(here, abs=1e-12, nan_ok=True)


@settings(max_examples=30)
@given(rows=ROWS, where=st.integers(0, 40))
def test_counts_of_parts_add_to_the_counts_of_all(rows: list[naive.Scored], where: int) -> None:
    table = pd.DataFrame(rows, columns=["sex", "y", "s"]).astype({"y": int})
    parts = [table[:where], table[where:]]
    counted = [biaskit.count(p, **ROLES, score="s") for p in (table, *parts) if len(p)]
    together = sum(counted[2:], counted[1])
    assert together == counted[0]
    pd.testing.assert_frame_equal(biaskit.report(together), biaskit.report(counted[0]))


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_the_bounds_hold_the_number_on_rows(seed: int) -> None:
    """With bins of width 1, and scores from 0 to 5 that are not whole."""
    rng, edges = np.random.default_rng(seed), edges_of(0, 10_000)
    scores, labels = rng.uniform(0, 5, 80), rng.random(80) < 0.4
    rows = [*zip("ad" * 40, labels.tolist(), scores.tolist(), strict=True)]
    a, d = tallied(rows, edges)
    for side, name in ((a, "a"), (d, "d")):
        true = naive.outranks(naive.scores(rows, name, True), naive.scores(rows, name, False))
        if true is not None:
            off = float(tied(side.positive, side.negative)[0]) / 2
            assert abs(float(auc(side.positive, side.negative)[0]) - true) <= off + 1e-12
    for symbol in ("AUCD", "xAUCD", "ABROCA", "KSS"):
        metric = FROM_SCORES[symbol]
        true = naive.FROM_SCORES[symbol](rows)
        found = float(metric(a, d)[0])
        assert metric.remark is not None
        said = metric.remark(a, d)[0]
        if true is not None:
            off = float(said.split("off by ")[1].split()[0]) if "off by" in said else 1e-3
            assert abs(found - true) <= 1.05 * off  # it is said with two digits
    assert abs(float(FROM_SCORES["W1"](a, d)[0]) - (naive.w1(rows) or 0)) <= 1


def test_scores_of_one_value_in_a_bin_are_exact() -> None:
    """Ties that are true leave nothing uncertain, however many rows a bin has."""
    rows = [(side, k % 2 == 0, 0.1) for side in "ad" for k in range(1000)]
    for symbol in ("AUCD", "xAUCD", "KSS"):
        remark = FROM_SCORES[symbol].remark
        assert remark is not None
        assert remark(*tallied(rows)) == [""]


def test_agrees_with_other_libraries() -> None:
    table = drawn(1, shift=0.1)
    parts = [table[table.sex == name] for name in "ad"]
    a, d = (part.s.to_numpy() for part in parts)
    areas = [roc_auc_score(part.y, part.s) for part in parts]
    assert one(table, "AUCD").estimate == pytest.approx(areas[0] - areas[1], abs=1e-12)
    assert one(table, "KSS").estimate == pytest.approx(stats.ks_2samp(a, d).statistic, abs=1e-12)
    assert one(table, "W1").estimate == pytest.approx(stats.wasserstein_distance(a, d), abs=1e-12)
    for share in (0.1, 0.5, 0.9, 0.25):
        low, high = (np.quantile(side, share, method="inverted_cdf") for side in (d, a))
        assert one(table, quantile_gap(share)).estimate == pytest.approx(high - low, abs=1e-12)
    welch = stats.ttest_ind(a, d, equal_var=False)
    found, ends = one(table, "MSD"), welch.confidence_interval()
    assert found.low <= ends.low + 1e-12
    assert found.high >= ends.high - 1e-12
    assert found.high - found.low < 1.02 * (ends.high - ends.low)  # beta(2, 3) is hardly skewed


def test_the_interval_of_two_aucs_is_that_of_delong() -> None:
    """Its variance from the rows, in loops; ends on the logit, combined across the sides."""
    table = drawn(2, n_a=500, n_d=300, shift=0.2)
    limits = []
    for name in "ad":
        p, q = (naive.scores(rows_of(table), name, label) for label in (True, False))
        assert min(len(p), len(q)) >= 50
        wins = np.array([[(x > y) + (x == y) / 2 for y in q] for x in p])
        area = wins.mean()
        variance = wins.mean(1).var(ddof=1) / len(p) + wins.mean(0).var(ddof=1) / len(q)
        reach = stats.norm.ppf(0.975) * math.sqrt(variance) / (area * (1 - area))
        logit = math.log(area / (1 - area))
        limits.append((area, *(1 / (1 + math.exp(-logit - s * reach)) for s in (-1, 1))))
    (a, a_low, a_high), (d, d_low, d_high) = limits
    found = one(table, "AUCD")
    assert found.estimate == pytest.approx(a - d, abs=1e-12)
    assert found.low == pytest.approx(a - d - math.hypot(a - a_low, d_high - d), abs=1e-9)
    assert found.high == pytest.approx(a - d + math.hypot(a_high - a, d - d_low), abs=1e-9)


def test_few_positives_have_the_limits_of_method_5() -> None:
    """Where all positives are above all negatives, DeLong's variance is 0."""
    from biaskit.intervals.ranks import _Auc

    p, q = np.array([[0, 0, 8]]), np.array([[12, 5, 0]])
    z = np.array([1.96])
    (down,), (up,) = _Auc(p, q).reaches(z)
    low = 1 - down
    rows = (8 + 17) / 2 - 1
    variance = (
        low * (1 - low) / (8 * 17) * (1 + rows * (1 - low) / (2 - low) + rows * low / (1 + low))
    )
    assert 1 - low == pytest.approx(1.96 * math.sqrt(variance), rel=1e-9)
    assert up == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("metric", FROM_SCORES.values(), ids=list(FROM_SCORES))
def test_an_interval_and_its_p_value_never_contradict_each_other(metric: Metric) -> None:
    tables = [drawn(k, 200, 60, shift) for k in range(12) for shift in (0.0, 0.06)]
    sides = [tallied(rows_of(table)) for table in tables]
    a, d = (stacked([pair[i] for pair in sides]) for i in (0, 1))
    if metric.symbol == "ABROCA":  # it has a test alone
        found = figures(metric, a, d)
        assert np.isnan(found.low).all()
        assert ((found.p_value > 0) & (found.p_value <= 1)).all()
        return
    estimate = metric(a, d)
    for confidence in (0.5, 0.8, 0.95, 0.99):
        found = figures(metric, a, d, confidence)
        assert (found.low <= estimate).all()
        assert (estimate <= found.high).all()
        holds = (found.low <= metric.parity) & (metric.parity <= found.high)
        assert (holds == (found.p_value >= 1 - confidence)).all()


@each
def test_evidence_has_the_ends_of_the_report_at_its_level(metric: Metric) -> None:
    a, d = tallied(rows_of(drawn(3, shift=0.1)))
    form = metric.form_of(a, d)
    assert form is not None
    low, high = evidence_of(form, metric(a, d)).ends(0.025)
    found = figures(metric, a, d)
    assert (low[0], high[0]) == pytest.approx((found.low[0], found.high[0]), nan_ok=True)


def test_the_test_of_two_scores_is_that_of_their_interval() -> None:
    """Student's t with one degree of freedom: its quantiles grow endlessly."""
    rows = [("a", True, k / 100) for k in range(60, 96)] + [("d", True, 0.25), ("d", True, 0.31)]
    metric = FROM_SCORES["BPC"]
    found = [figures(metric, *tallied(rows), confidence=level) for level in (0.95, 0.999)]
    assert found[0].low[0] > 0 > found[1].low[0]
    assert 0.001 < found[0].p_value[0] < 0.05


@each
def test_higher_levels_have_wider_intervals(metric: Metric) -> None:
    a, d = tallied(rows_of(drawn(3, shift=0.1)))
    narrow, wide = (figures(metric, a, d, level) for level in (0.8, 0.99))
    if metric.symbol != "ABROCA":
        assert wide.low[0] <= narrow.low[0]
        assert wide.high[0] >= narrow.high[0]
        assert wide.high[0] - wide.low[0] > narrow.high[0] - narrow.low[0]


def test_the_same_rows_with_the_sides_swapped_have_the_same_test() -> None:
    a, d = tallied(rows_of(drawn(4, shift=0.1)))
    for symbol in FROM_SCORES:
        there, back = (figures(FROM_SCORES[symbol], *both) for both in ((a, d), (d, a)))
        assert there.p_value == pytest.approx(
            back.p_value, rel=0.15 if symbol == "ABROCA" else 1e-6
        )


def test_scores_of_two_values_have_the_interval_of_proportions() -> None:
    table = drawn(5)
    table["s"] = (table.s > 0.5).astype(float)
    assert (one(table, "MSD").low, one(table, "MSD").high) == pytest.approx(
        tuple(
            biaskit.report(
                table.astype({"s": int}),
                facet="sex",
                facet_values="d",
                label="s",
                positive=1,
                metrics=["DPL"],
            )[["low", "high"]].iloc[0]
        ),
        abs=1e-9,
    )


def test_a_report_has_the_metrics_that_need_no_label() -> None:
    table = drawn(6).drop(columns="y")
    report = biaskit.report(table, facet="sex", facet_values="d", score="s")
    needing = [symbol for symbol, one in FROM_SCORES.items() if "label" not in one.needs]
    assert report.metric.tolist() == ["CI", *needing]
    asked = biaskit.report(table, facet="sex", facet_values="d", score="s", metrics=["AUCD"])
    assert asked.note[0].startswith("not computed without a label column")
    without = biaskit.report(table[["sex"]], facet="sex", metrics=["MSD"])
    assert without.note[0] == "not computed without a score column: give score="


def test_a_report_without_a_score_has_none_of_them() -> None:
    report = biaskit.report(drawn(6), **ROLES)
    assert not {*report.metric} & {*FROM_SCORES}


def test_a_saved_count_gives_the_same_report(tmp_path: Path) -> None:
    table = drawn(7)
    counts = biaskit.count(table, **ROLES, score="s")
    counts.save(tmp_path / "s.counts")
    loaded = biaskit.report(Counts.load(tmp_path / "s.counts"))
    pd.testing.assert_frame_equal(loaded, biaskit.report(table, **ROLES, score="s"))


def test_rows_that_lack_a_score_or_a_label_are_missing() -> None:
    table = drawn(8).astype({"y": object})
    table.loc[:2, "s"] = np.nan
    table.loc[2:4, "y"] = None
    row = one(table, "AUCD")
    assert (row.n_a, row.n_d, row.n_missing) == (395, 150, 5)
    assert "3 rows have no score" in row.note
    known = table.dropna()
    assert row.estimate == pytest.approx(naive.aucd(rows_of(known)), abs=1e-12)


def test_what_missing_facets_would_change_is_told_to_be_unknown() -> None:
    table = drawn(8).astype({"sex": object})
    table.loc[:2, "sex"] = None
    counts = biaskit.count(table, **ROLES, score="s")
    report = biaskit.report(counts, missing="bounds").set_index("metric")
    for symbol in FROM_SCORES:
        row = report.loc[symbol]
        assert not math.isnan(row.estimate)
        assert all(math.isnan(row[name]) for name in ("least", "most", "low", "high", "p_value"))
        assert "3 rows have no sex; no bounds and no interval, since what their scores" in row.note
    assert not report["low"][["DPL"]].isna().any()
    whole = biaskit.report(drawn(8), **ROLES, score="s", missing="bounds", metrics="MSD,ABROCA")
    assert whole["least"].tolist() == whole["most"].tolist() == whole["estimate"].tolist()
    assert whole["note"].tolist() == ["", "a test, but no interval"]


def test_protected_counts_say_that_they_hold_no_scores() -> None:
    counts = biaskit.count(drawn(8), **ROLES, score="s")
    with pytest.raises(BiaskitError, match="counts of scores cannot be protected"):
        counts.protect(round_to=11)
    protected = counts.without_scores().protect(round_to=11)
    (note,) = biaskit.report(protected, metrics="MSD")["note"]
    assert note == "not computed: protected counts hold no scores"
    with pytest.raises(BiaskitError, match="score is needed"):
        biaskit.sweep(protected)


def test_a_label_that_a_side_lacks_is_told() -> None:
    table = drawn(9)
    table.loc[table.sex == "d", "y"] = 0
    for symbol in ("AUCD", "xAUCD", "ABROCA", "BPC"):
        row = one(table, symbol)
        assert math.isnan(row.estimate)
        assert math.isnan(row.low)
        assert "undefined: a side lacks positive labels" in row.note
    assert not math.isnan(one(table, "BNC").estimate)


def test_constant_scores() -> None:
    report = biaskit.report(drawn(10).assign(s=0.3), **ROLES, score="s").set_index("metric")
    assert report.estimate[["AUCD", "xAUCD", "KSS", "W1", "MSD", "QG50"]].tolist() == [0.0] * 6
    assert report.p_value[["AUCD", "KSS", "W1", "MSD", "QG50"]].tolist() == [1.0] * 5
    assert "undefined: all scores are alike" in report.note["SMD"]


def test_scores_beyond_their_range_are_told() -> None:
    table = drawn(11)
    table.loc[:1, "s"] = [-1.5, 1.25]
    note = one(table, "MSD").note
    assert "1 below 0 and 1 above 1" in note
    assert "log-odds" in note
    table["s"] = 100 * drawn(11).s
    table.loc[0, "s"] = 0.5
    assert "if they are percentages, give score_range=(0, 100)" in one(table, "MSD").note
    assert one(table, "MSD", score_range=(0, 100)).note == ""


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (lambda s: 5 + 90 * s, r"all 550 scores in 's' are above their range, 0 to 1.*score_range"),
        (lambda s: -1 - s, r"all 550 scores in 's' are below .* log-odds.*score_range"),
        (lambda s: s.astype(str) + "x", r"score 's' must be numbers"),
    ],
)
def test_scores_that_are_none_are_refused(scores: Any, said: str) -> None:
    table = drawn(12)
    with pytest.raises(BiaskitError, match=said):
        biaskit.report(table.assign(s=scores(table.s)), **ROLES, score="s")


def test_calibration_is_of_chances_alone() -> None:
    table = drawn(13)
    table["s"] *= 40
    for symbol in ("CALD", "BRD", "CE2"):
        row = one(table, symbol, score_range=(0, 50))
        assert math.isnan(row.estimate)
        assert "so they are no chances of a label" in row.note
    assert not math.isnan(one(table, "AUCD", score_range=(0, 50)).estimate)


def test_a_quantile_gap_needs_a_share() -> None:
    with pytest.raises(BiaskitError, match="above 0 and below 1"):
        quantile_gap(1)
    assert named("difference in the median of the scores") is FROM_SCORES["QG50"]


def test_sentences_have_the_interval_in_their_own_direction() -> None:
    table = drawn(14, shift=-0.2)
    counts = biaskit.count(table, **ROLES, score="s")
    report = biaskit.report(counts, metrics=["MSD"])
    assert report.estimate[0] < 0
    (sentence,) = row_sentences(report_rows(counts, [FROM_SCORES["MSD"]]), counts)
    assert sentence.startswith("The mean of s is 0.2")
    assert "higher for those whose sex is d than for those whose sex is a" in sentence


#: Defendants of Broward County by decile of their COMPAS score, 1 to 10: J. Larson, S. Mattu,
#: L. Kirchner and J. Angwin, "How We Analyzed the COMPAS Recidivism Algorithm", ProPublica 2016
#: (the notebook's table of decile_score by race).
DECILES = {
    "African-American": (365, 346, 298, 337, 323, 318, 343, 301, 317, 227),
    "Caucasian": (605, 321, 238, 243, 200, 160, 113, 96, 77, 50),
}


def test_published_deciles() -> None:
    rows = [(race, s) for race, n in DECILES.items() for s, k in enumerate(n, 1) for _ in range(k)]
    table = pd.DataFrame(rows, columns=["race", "decile"])
    a, d = (
        table.decile[table.race == race].to_numpy() for race in ("Caucasian", "African-American")
    )
    assert (len(d), len(a)) == (3175, 2103)
    report = biaskit.report(
        table,
        facet="race",
        facet_values="African-American",
        score="decile",
        score_range=(0, 10),
    ).set_index("metric")
    assert report.estimate["MSD"] == pytest.approx(a.mean() - d.mean(), abs=1e-12)
    assert report.estimate["KSS"] == pytest.approx(stats.ks_2samp(a, d).statistic, abs=1e-12)
    assert report.estimate["W1"] == pytest.approx(stats.wasserstein_distance(a, d), abs=1e-12)
    assert report.estimate["QG50"] == np.median(a) - np.median(d)
    assert set(report.note) == {""}
