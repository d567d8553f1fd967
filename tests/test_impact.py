"""Adverse impact: published figures, laws, twins in plain Python, and mistakes in calls."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

import biaskit
from biaskit import METRICS, BiaskitError
from biaskit.audits.impact import impact_in_words, impact_rows
from biaskit.audits.two_rates import after_one_swap, fisher_mid_p, to_reach, z_of
from biaskit.cli import main
from biaskit.counts.tables import Tally
from biaskit.intervals.holm import holm_adjusted
from biaskit.metrics.groups import breslow_day, chance_of, cochran_mantel_haenszel, groups_of

BERKELEY: dict[str, Any] = {"facet": "gender", "label": "decision", "positive": "admitted"}

#: Selected and all of side d and of side a, and what is published or was computed of them: impact
#: ratio, z, mid-p, Cohen's h, odds ratio, shortfalls to both rates, to reach 0.8.
KNOWN = {
    "Uniform Guidelines": (
        (12, 40, 48, 80),
        (0.5, 3.098387, 0.00214224, 0.612875, 0.285714, 8, 12, 6),
    ),
    "Local Law 144, sex": (
        (555, 1181, 667, 1390),
        (0.979337, 0.501709, 0.616186, 0.019856, 0.961017, 6.3310, 11.7101, 0),
    ),
    "Local Law 144, race": (
        (170, 390, 412, 797),
        (0.843229, 2.623330, 0.00877247, 0.162442, 0.722087, 21.2216, 31.6060, 0),
    ),
    "Berkeley": (
        (557, 1835, 1198, 2691),
        (0.681830, 9.602358, 4.394e-22, 0.293955, 0.543159, 154.5389, 259.9194, 63),
    ),
}


def arrays(*numbers: int) -> list[Any]:
    return [np.array([one]) for one in numbers]


def people(*cells: tuple[Any, ...], names: tuple[str, ...] = ("race", "hired")) -> pd.DataFrame:
    """A table from values and numbers of rows."""
    return pd.DataFrame(list(cells), columns=[*names, "n"])


def of_two(d1: int, n_d: int, a1: int, n_a: int) -> pd.DataFrame:
    return people(("d", 1, d1), ("d", 0, n_d - d1), ("a", 1, a1), ("a", 0, n_a - a1))


@pytest.mark.parametrize("case", KNOWN.values(), ids=list(KNOWN))
def test_known_figures(case: tuple[tuple[int, ...], tuple[float, ...]]) -> None:
    counts, (ratio, z, p, h, odds, pool, to_rate_of_a, k) = case
    table = biaskit.impact(of_two(*counts), facet="race", label="hired", frequency="n")
    row = table.set_index("value").loc["d"]
    assert row.impact_ratio == pytest.approx(ratio, abs=5e-7)
    assert row.z == pytest.approx(z, abs=5e-7)
    assert row.p_value == pytest.approx(p, rel=5e-4)
    assert row.h == pytest.approx(h, abs=5e-7)
    assert row.odds_ratio == pytest.approx(odds, abs=5e-7)
    assert row.shortfall == pytest.approx(pool, abs=5e-5)
    assert row.to_reach == k
    report = biaskit.report(
        *(of_two(*counts),), facet="race", facet_values="d", label="hired", frequency="n",
        metrics=["SF", "LDI", "OR", "CH"],
    ).set_index("metric")  # fmt: skip
    assert report["estimate"].to_dict() == pytest.approx(
        {"SF": row.shortfall, "LDI": row.impact_ratio, "OR": row.odds_ratio, "CH": row.h}
    )
    assert float(report.loc["SF", "note"].rpartition(" ")[2]) == pytest.approx(
        to_rate_of_a, rel=1e-3
    )
    assert report.loc["LDI", ["low", "high"]].tolist() == row[["low", "high"]].tolist()


def test_berkeley_within_departments() -> None:
    """Those of R's ``mantelhaen.test(UCBAdmissions)`` are 1 / 1.1053, 1.4269 and 0.2323."""
    table = biaskit.impact(biaskit.datasets.berkeley(), **BERKELEY, group="department")
    row = table.set_index("value").loc["female"]
    assert row.mh_odds_ratio == pytest.approx(1.1053426615, abs=1e-9)
    assert (row.mh_low, row.mh_high) == pytest.approx((0.9431028, 1.2954922), abs=5e-8)
    assert row.mh_difference == pytest.approx(-0.0184251962, abs=1e-9)
    assert row.mh_shortfall == pytest.approx(-15.3572, abs=5e-5)
    assert (row.cmh, row.cmh_p) == pytest.approx((1.524607, 0.216924), abs=1e-6)
    assert (row.cmh_corrected, row.cmh_corrected_p) == pytest.approx((1.426946, 0.232263), abs=1e-6)
    assert (row.breslow_day, row.breslow_day_p) == pytest.approx((18.825514, 0.0020714), abs=1e-6)
    assert row.impact_ratio == pytest.approx(0.681830, abs=1e-6)
    assert row.four_fifths == "below"
    report = biaskit.report(
        biaskit.datasets.berkeley(), **BERKELEY, group="department", facet_values="female",
        metrics=["MHOR", "MHRD"],
    ).set_index("metric")  # fmt: skip
    assert report.loc["MHOR", "estimate"] == row.mh_odds_ratio
    assert report.loc["MHOR", "note"] == ("the ratio differs between groups (Breslow-Day p 0.0021)")
    assert "the disparity of DPL disappears" not in report.loc["MHRD", "note"]


def test_a_report_has_these_metrics_only_where_they_are_named() -> None:
    counts = biaskit.count(biaskit.datasets.berkeley(), **BERKELEY, group="department")
    usual = set(biaskit.report(counts)["metric"])
    named = {"LDI", "OR", "SF", "CH", "MHOR", "MHRD"}
    assert named == {one.symbol for one in METRICS.values() if one.only_named}
    assert not usual & named
    assert set(biaskit.report(counts, metrics=named)["metric"]) == named


# Laws

counts_of_two = st.tuples(*[st.integers(0, 60)] * 4).map(
    lambda four: (min(four[:2]), max(four[:2]), min(four[2:]), max(four[2:]))
)


@given(counts_of_two)
def test_figures_of_two_rates_are_those_of_their_twins(four: tuple[int, int, int, int]) -> None:
    x, n, y, m = four
    found = z_of(*arrays(*four))[0]
    if n and m and 0 < x + y < n + m:
        chi2 = stats.chi2_contingency([[x, n - x], [y, m - y]], correction=False).statistic
        assert found**2 == pytest.approx(chi2)
        assert (found > 0) == (Fraction(x, n) < Fraction(y, m)) or chi2 < 1e-9
    if n and m:
        law = stats.hypergeom(n + m, x + y, n)
        half = law.pmf(x) / 2
        expected = min(1.0, 2 * min(law.cdf(x) - half, law.sf(x) + half))
        assert fisher_mid_p(*arrays(*four))[0] == pytest.approx(expected, rel=1e-9)
        reached = next(k for k in range(n + 1) if x + k == n or 5 * (x + k) * m >= 4 * (y - k) * n)
        assert to_reach(*arrays(*four)) == [reached]
    else:
        assert math.isnan(fisher_mid_p(*arrays(*four))[0])
        assert math.isnan(to_reach(*arrays(*four))[0])


@given(counts_of_two)
def test_one_swap_moves_one_selection_towards_the_lower_rate(
    four: tuple[int, int, int, int],
) -> None:
    x, n, y, m = four
    ratio, z = (one[0] for one in after_one_swap(*arrays(*four)))
    step = 1 if x * m <= y * n else -1
    swapped = x + step, n, y - step, m
    possible = n and m and 0 <= swapped[0] <= n and 0 <= swapped[2] <= m
    if not possible:
        assert math.isnan(ratio)
        assert math.isnan(z)
        return
    np.testing.assert_equal(z, z_of(*arrays(*swapped))[0])
    if swapped[2]:
        assert ratio == pytest.approx(swapped[0] * m / (n * swapped[2]))


def test_a_tail_of_many_people_is_that_of_the_normal_law() -> None:
    four = arrays(480_000_000, 1_000_000_000, 480_050_000, 1_000_000_000)
    expected = 2 * stats.norm.sf(z_of(*four)[0])
    assert fisher_mid_p(*four)[0] == pytest.approx(expected, rel=1e-3)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusted_p_values_are_holms(p: list[float]) -> None:
    found = holm_adjusted(np.array(p))
    for i, one in enumerate(p):
        smaller = sorted(p)[: sorted(p).index(one) + 1]
        expected = max(min(1.0, each * (len(p) - j)) for j, each in enumerate(smaller))
        assert found[i] == pytest.approx(expected)


strata = st.lists(st.tuples(*[st.integers(0, 25)] * 4), min_size=1, max_size=5)


def of_strata(cells: list[tuple[int, ...]]) -> tuple[Tally, Tally]:
    """Sides a and d of tables ``(a0, a1, d0, d1)``, one for each group."""
    table = np.array(cells).T[:, np.newaxis]
    return tuple(Tally(table[at : at + 2], np.array([False, True])) for at in (0, 2))  # type: ignore[return-value]


@given(strata)
def test_tests_within_groups_are_those_of_their_twins(cells: list[tuple[int, ...]]) -> None:
    a, d = of_strata(cells)
    of = groups_of(a, d)
    gap = variance = Fraction(0)
    for a0, a1, d0, d1 in cells:
        n, ones, n_d = a0 + a1 + d0 + d1, a1 + d1, d0 + d1
        if n > 1:
            variance += Fraction(n_d * (n - n_d) * ones * (n - ones), n * n * (n - 1))
        if n:
            gap += d1 - Fraction(n_d * ones, n)
    found = [float(cochran_mantel_haenszel(of, corrected=one)) for one in (False, True)]
    if not variance:
        assert all(map(math.isnan, found))
        return
    corrected = max(abs(gap) - Fraction(1, 2), 0)
    expected = [float(one * one / variance) for one in (abs(gap), corrected)]
    assert found == pytest.approx(expected, abs=1e-9)


@given(strata)
def test_homogeneity_is_tested_as_its_definition_says(cells: list[tuple[int, ...]]) -> None:
    a, d = of_strata(cells)
    statistic, free, p = (float(one) for one in breslow_day(groups_of(a, d)))
    ratio = float(METRICS["MHOR"](a, d))
    used = [
        one
        for one in cells
        if one[0] + one[1] and one[2] + one[3] and 0 < one[1] + one[3] < sum(one)
    ]
    if len(used) < 2 or not 0 < ratio < math.inf:
        assert math.isnan(statistic)
        assert math.isnan(p)
        return
    total = 0.0
    for a0, a1, d0, d1 in used:
        n_a, n_d, ones = a0 + a1, d0 + d1, a1 + d1
        low, high = max(0, ones - n_a), min(n_d, ones)
        at = optimize.brentq(
            lambda x, n_a=n_a, n_d=n_d, ones=ones: (
                x * (n_a - ones + x) - ratio * (n_d - x) * (ones - x)
            ),
            low,
            high,
            xtol=1e-13,
        )
        of = at, n_d - at, ones - at, n_a - ones + at
        total += (d1 - at) ** 2 * sum(1 / one for one in of)
    assert free == len(used) - 1
    assert statistic == pytest.approx(total, rel=1e-6, abs=1e-6)
    assert p == pytest.approx(float(chance_of(statistic, free)), nan_ok=True)


@given(counts_of_two)
def test_one_group_is_no_group(four: tuple[int, int, int, int]) -> None:
    x, n, y, m = four
    a, d = of_strata([(m - y, y, n - x, x)])
    for within, whole in (("MHOR", "OR"), ("MHRD", "DPL")):
        found, expected = float(METRICS[within](a, d)), float(METRICS[whole](a, d))
        assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


rows_of_people = st.lists(
    st.tuples(
        st.sampled_from([None, "x", "y", "z"]),
        st.sampled_from([None, "applied", "met", "hired"]),
        st.integers(1, 30),
    ),
    min_size=1,
    max_size=12,
)
STEPS = ["applied", "met", "hired"]


@given(rows_of_people)
def test_no_row_vanishes_and_the_reference_is_itself(rows: list[tuple[Any, ...]]) -> None:
    rows = [*rows, ("x", "hired", 3), ("y", "applied", 5)]
    df = people(*rows, names=("race", "stage"))
    total = sum(n for *_, n in rows)
    table = biaskit.impact(
        df, facet="race", label="stage", positive="hired", reference="x", frequency="n"
    )
    assert table["n"].sum() + table["n_missing"].iloc[0] == total
    assert table["value"].tolist() == sorted({race for race, *_ in rows if race})
    own = table.set_index("value").loc["x"]
    assert own.impact_ratio == own.odds_ratio == 1 or own.selected == own.n
    assert own.shortfall == own.to_reach == 0
    assert own.note == "the reference"
    turned = biaskit.impact(
        df, facet="race", label="stage", positive="hired", reference="y", frequency="n"
    ).set_index("value")
    there, back = table.set_index("value").loc["y"], turned.loc["x"]
    if there.impact_ratio > 0 and math.isfinite(there.impact_ratio):
        assert there.impact_ratio == pytest.approx(1 / back.impact_ratio)
    assert there.shortfall == pytest.approx(-back.shortfall)


@given(rows_of_people)
def test_steps_multiply_to_the_bottom_line(rows: list[tuple[Any, ...]]) -> None:
    rows = [*rows, ("x", "hired", 3), ("y", "applied", 5)]
    df = people(*rows, names=("race", "stage"))
    table = biaskit.impact(df, facet="race", label="stage", steps=STEPS, frequency="n")
    assert table["step"].unique().tolist() == ["applied → met", "met → hired", "applied → hired"]
    for value, of in table.groupby("value"):
        first, second, whole = (row for _, row in of.sort_index().iterrows())
        assert first.passed == second.entered
        assert (whole.entered, whole.passed) == (first.entered, second.passed)
        assert first.entered == sum(n for race, stage, n in rows if race == value and stage)
        if second.entered:
            assert first.rate * second.rate == pytest.approx(whole.rate)
    missing = sum(n for race, stage, n in rows if race is None or stage is None)
    assert table.loc[table["step"] == "applied → met", "n_missing"].eq(missing).all()


# Choices, verdicts, notes


def test_four_fifths_is_told_by_the_interval_and_not_by_the_estimate() -> None:
    df = people(
        ("a", 1, 600), ("a", 0, 400), ("b", 1, 300), ("b", 0, 700), ("c", 1, 560), ("c", 0, 440),
        ("d", 1, 7), ("d", 0, 8),
    )  # fmt: skip
    table = biaskit.impact(df, facet="race", label="hired", frequency="n").set_index("value")
    assert table["four_fifths"].to_dict() == {"a": "", "b": "below", "c": "above", "d": "unsure"}
    assert table.loc["d", "impact_ratio"] < 0.8
    assert table.loc["d", "note"].startswith("fewer than 30 rows on a side: read p_value")
    none = biaskit.impact(df, facet="race", label="hired", frequency="n", confidence=None)
    assert none[["low", "high"]].isna().all().all()
    assert set(none["four_fifths"]) == {""}
    counts = biaskit.count(df, facet="race", label="hired", frequency="n")
    told = impact_in_words(impact_rows(counts))
    assert told[0].startswith("race b: the rate is 30.0 %, 0.500 times that of the reference; the")
    assert told[1].startswith("For 1 row the interval of the ratio holds 0.8")


def test_predictions_are_selections_and_a_reference_may_be_named() -> None:
    df = pd.DataFrame(
        {
            "sex": ["F"] * 40 + ["M"] * 60,
            "good": [1, 0] * 50,
            "offer": [1] * 10 + [0] * 50 + [1] * 40,
        }
    )
    table = biaskit.impact(df, facet="sex", label="good", predicted="offer", reference="F")
    assert table.set_index("value")["selected"].to_dict() == {"F": 10, "M": 40}
    assert table.set_index("value").loc["M", "impact_ratio"] == pytest.approx(40 / 60 / 0.25)
    cut = biaskit.impact(
        df.assign(score=df["offer"] * 0.4 + 0.3), facet="sex", predicted="score",
        predicted_above=0.5, reference="F",
    )  # fmt: skip
    pd.testing.assert_frame_equal(cut, table)
    saved = biaskit.count(df, facet="sex", label="good", predicted="offer")
    pd.testing.assert_frame_equal(biaskit.impact(saved, reference="F"), table)


def test_named_values_together_and_the_rest_is_told() -> None:
    df = people(("a", 1, 50), ("a", 0, 50), ("b", 1, 20), ("b", 0, 30), ("c", 1, 10), ("c", 0, 40))
    table = biaskit.impact(
        df, facet="race", label="hired", frequency="n", facet_values=["c"], reference="a"
    )
    assert table["value"].tolist() == ["a", "c"]
    assert table["note"].iloc[1] == "compared with a; 50 rows of other values are on neither side"


def test_where_nobody_is_selected_it_says_so() -> None:
    df = people(("a", 0, 50), ("b", 0, 40))
    table = biaskit.impact(df, facet="race", label="hired", frequency="n")
    assert table["impact_ratio"].isna().all()
    assert table["selected"].tolist() == [0, 0]
    assert all("nobody is selected" in note for note in table["note"])


def test_where_everybody_is_selected_there_is_no_z() -> None:
    df = people(("a", 1, 50), ("b", 1, 40))
    table = biaskit.impact(df, facet="race", label="hired", frequency="n").set_index("value")
    assert table["impact_ratio"].tolist() == [1, 1]
    assert math.isnan(table.loc["b", "z"])
    assert table.loc["b", "note"].startswith("z is undefined: everybody is selected")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "impact compares who is selected; give label= or predicted="),
        ({"label": "hired", "weight": "n"}, "impact counts people"),
        ({"label": "race2"}, "no column 'race2'"),
        ({"label": "stage", "steps": ["applied"]}, "steps takes two or more values"),
        ({"label": "stage", "steps": ["applied", "applied"]}, "names a step twice"),
        (
            {"label": "stage", "steps": ["applied", "hired"]},
            "steps lacks 'met', which label 'stage'",
        ),
        ({"label": "hired", "steps": STEPS, "positive": 1}, "leave positive out"),
        ({"predicted": "hired", "steps": STEPS}, "steps are values of the label"),
        ({"label": "hired", "confidence": 2}, "between 0 and 1"),
        ({"label": "hired", "reference": "w"}, "'w' does not occur in 'race'"),
        ({"label": "stage"}, "which values of label 'stage' are the positive ones"),
    ],
)
def test_mistakes_are_told(given: dict[str, Any], message: str) -> None:
    df = people(("a", 1, 5), ("b", 0, 5)).assign(stage=["applied", "met"])
    with pytest.raises(BiaskitError, match=message):
        biaskit.impact(df, **{"facet": "race", **given})


def test_protected_counts_are_refused() -> None:
    counts = biaskit.count(biaskit.datasets.berkeley(), **BERKELEY).protect(round_to=11)
    with pytest.raises(BiaskitError, match="these counts are rounded"):
        biaskit.impact(counts)
    with pytest.raises(BiaskitError, match="these counts are rounded"):
        biaskit.audits.nyc_144(counts, sex="gender", race="gender2", selected="decision")


def test_no_rows_are_refused() -> None:
    with pytest.raises(BiaskitError, match="there are no rows"):
        biaskit.impact(people().iloc[:0], facet="race", label="hired")


def test_the_command(tmp_path: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    df = people(("d", 1, 12), ("d", 0, 28), ("a", 1, 48), ("a", 0, 32), (None, 1, 4))
    df.to_csv("hires.csv", index=False)
    flags = ["hires.csv", "--facet", "race", "--label", "hired", "--frequency", "n"]
    assert main(["impact", *flags]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "race d: the rate is 30.0 %, 0.500 times that of the reference; the ratio"
    )
    assert "the reference, chosen for the highest share of selected rows" in out
    assert main(["impact", *flags, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["impact"]
    assert [(row["value"], row["to_reach"], row["n_missing"]) for row in found] == [
        ("a", 0, 4), ("d", 6, 4),
    ]  # fmt: skip
    df.assign(stage=["hired", "applied", "hired", "met", "met"]).to_csv("hires.csv", index=False)
    flags[4] = "stage"
    assert main(["impact", *flags, "--steps", "applied, met, hired", "-o", "steps.csv"]) == 0
    assert pd.read_csv("steps.csv")["step"].nunique() == 3
    assert main(["impact", *flags, "--steps", "applied,hired"]) == 2
    assert "steps lacks 'met'" in capsys.readouterr().err
