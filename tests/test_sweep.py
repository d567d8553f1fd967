"""Sweeps, thresholds and calibration, against reports, rows and published figures."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import biaskit
from biaskit.cli import main
from biaskit.counts.edges import edges_of
from biaskit.errors import DataError, RolesError
from biaskit.metrics import METRICS, metric
from biaskit.scores.cuts import thresholds_of

ROLES: dict[str, Any] = {"facet": "sex", "label": "y"}
# Boston mortgages: black, denied, and how many have a ratio of debts to income in (0, .30], (.30,
# .36], (.36, .40], (.40, .50] and (.50, 3].
BANDS = (0.2, 0.33, 0.38, 0.45, 0.7)
MORTGAGES = {
    ("no", "no"): (654, 723, 336, 121, 19),
    ("no", "yes"): (47, 49, 32, 44, 17),
    ("yes", "no"): (61, 88, 63, 28, 3),
    ("yes", "yes"): (19, 20, 27, 20, 10),
}


def rows(n: int = 1_500, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["F", "M", "X", None], n, p=[0.45, 0.45, 0.08, 0.02])
    score = np.round(np.clip(rng.beta(2, 3, n) + (sex == "M") * 0.1, 0, 1), 3)
    y = (rng.random(n) < score).astype(float)
    y[:5] = np.nan
    score[5:9] = np.nan
    score[9:12], score[12:14] = 0.0, 1.0
    return pd.DataFrame({"sex": sex, "s": score, "y": y, "g": rng.choice(["k", "l", "m"], n)})


def mortgages() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"black": black, "deny": deny, "dir": at, "n": n}
            for (black, deny), cells in MORTGAGES.items()
            for at, n in zip(BANDS, cells, strict=True)
        ]
    )


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        one.reset_index(drop=True), other.reset_index(drop=True), check_exact=True
    )


@pytest.mark.parametrize("more", [{}, {"group": "g"}, {"reference": "M"}, {"facet_values": "F"}])
@pytest.mark.parametrize("confidence", [0.95, 0.8, None])
def test_a_sweep_has_the_reports_of_its_thresholds_to_the_bit(
    more: dict[str, Any], confidence: float | None
) -> None:
    df, at = rows(), [0.0, 0.2, 0.45, 0.5, 0.9, 1.0]
    made = biaskit.sweep(df, **ROLES, **more, score="s", thresholds=at, confidence=confidence)
    made = made[made["metric"] != "FT"]
    symbols = [*dict.fromkeys(made["metric"])]
    assert {"DPPL", "DI", "EO", "GE", "TE"} < {*symbols}
    assert ("CDDPL" in symbols) is ("group" in more)
    for threshold, of_it in made.groupby("threshold"):
        report = biaskit.report(
            df,
            **ROLES,
            **more,
            predicted="s",
            predicted_above=threshold,
            metrics=symbols,
            confidence=confidence,
        )
        same(of_it.drop(columns="threshold"), report)


def test_counts_at_a_threshold_are_those_of_the_rows() -> None:
    df = rows()
    counts = biaskit.count(df, **ROLES, group="g", score="s")
    for threshold in (0.0, 0.25, 0.999, 1.0):
        made = counts.at_threshold(threshold)
        own = biaskit.count(df, **ROLES, group="g", predicted="s", predicted_above=threshold)
        assert made.without_scores() == own
    with pytest.raises(DataError, match=r"0\.25 or 0\.251.*predicted_above=0\.2505"):
        counts.at_threshold(0.2505)
    with pytest.raises(RolesError, match="score="):
        biaskit.count(df, **ROLES).at_threshold(0.5)


def test_published_figures_of_mortgages() -> None:
    made = biaskit.sweep(
        mortgages(),
        facet="black",
        facet_values="yes",
        label="deny",
        positive="yes",
        score="dir",
        score_range=(0, 3),
        frequency="n",
        thresholds=[0.30, 0.36, 0.40, 0.50],
        metrics="DI,FPRD",
    )
    di, fprd = (made.loc[made["metric"] == one, "estimate"].tolist() for one in ("DI", "FPRD"))
    assert di == pytest.approx([1.163395, 1.598530, 1.828057, 2.175188], abs=5e-7)
    assert fprd == pytest.approx([0.101912, 0.129951, 0.052019, 0.002092], abs=5e-7)
    assert (made["note"] == "").all()


def test_the_flip_test_says_why_a_sweep_lacks_it() -> None:
    made = biaskit.sweep(rows(), **ROLES, score="s", thresholds=3)
    ft = made[made["metric"] == "FT"]
    assert len(ft) == 9
    assert ft["estimate"].isna().all()
    assert ft["note"].str.contains("compares rows").all()


def test_intervals_together_have_the_level_of_all_thresholds() -> None:
    df, at = rows(), [0.3, 0.5, 0.7]
    asked: dict[str, Any] = {**ROLES, "score": "s", "metrics": "DPPL", "facet_values": "F"}
    one = biaskit.sweep(df, **asked, thresholds=at)
    together = biaskit.sweep(df, **asked, thresholds=at, together=True)
    wider = biaskit.sweep(df, **asked, thresholds=at, confidence=1 - 0.05 / 3)
    for name in ("estimate", "low", "high", "confidence"):
        assert together[name].tolist() == wider[name].tolist()
    assert together["p_value"].tolist() == [min(3 * p, 1) for p in one["p_value"]]
    # A threshold that decides as another one does is no further test.
    assert df["s"].between(0.3004, 0.3005).sum() == 0
    again = biaskit.sweep(df, **asked, thresholds=[0.3, 0.3004, 0.5, 0.7], together=True)
    assert again["confidence"].tolist() == [together["confidence"].iloc[0]] * 4


@pytest.mark.parametrize(("more", "step"), [({}, 10), ({"group": "g"}, 100)])
@settings(deadline=None, max_examples=40)
@given(
    given_rows=st.lists(
        st.tuples(
            st.sampled_from("FM"),
            st.sampled_from([0, 1]),
            st.integers(0, 120),
            st.integers(1, 3),
            st.sampled_from("kl"),
        ),
        min_size=2,
        max_size=60,
    ),
    at=st.integers(0, 120),
)
def test_a_threshold_within_a_bin_says_by_how_much_it_may_be_off(
    more: dict[str, Any], step: int, given_rows: list[tuple[str, int, int, int, str]], at: int
) -> None:
    """Scores of a step of 1e-5 in bins of 1e-4, or of 1e-3 where there are groups."""
    df = pd.DataFrame(given_rows, columns=["sex", "y", "s", "n", "g"])
    df["s"] = (0.5 + df["s"] / 1e5).round(5)
    surely = pd.DataFrame({"sex": [*"FFMM"], "y": [0, 1, 0, 1], "s": 0.9, "n": 1, "g": "k"})
    df = pd.concat([df, surely])
    threshold = round(0.5 + at / 1e5, 5)
    roles: dict[str, Any] = {**ROLES, "positive": 1, "facet_values": "F", "frequency": "n", **more}
    lacking = {"predicted"} if "group" in more else {"predicted", "group"}
    metrics = [one for one in METRICS.values() if lacking & {*one.needs} == {"predicted"}]
    assert {"GE", "EO", "TE", "DI"} < {one.symbol for one in metrics}
    made = biaskit.sweep(
        df, **roles, score="s", thresholds=[threshold], metrics=metrics, confidence=None
    )
    truth = biaskit.report(
        df, **roles, predicted="s", predicted_above=threshold, metrics=metrics, confidence=None
    )
    for found, true, note in zip(made["estimate"], truth["estimate"], made["note"], strict=True):
        if math.isnan(found) or math.isnan(true) or math.isinf(true):
            continue
        said = [one for one in note.split("; ") if "may be off" in one]
        if found != true:
            assert said, (found, true)
        if said and "up to" in said[0]:
            assert abs(found - true) <= 1.06 * float(said[0].rpartition(" ")[2]) + 1e-12
        if at % step == 0:
            assert found == true


@pytest.mark.parametrize("symbol", ["GE", "EO"])
def test_what_lies_between_the_ends_of_a_bin_is_within_the_bound(symbol: str) -> None:
    """Benefits are most unequal, and gaps are closed, with some of the rows above a threshold."""
    y, n, many = (0, 40, 1) if symbol == "GE" else (1, 20, 10)
    others = [("F", 0, 0.1), ("M", 1, 0.2), ("M", 1, 0.95), ("M", 0, 0.1)]
    df = pd.DataFrame(
        [("F", y, 0.90001 + k / 1e6, 1) for k in range(n)]
        + [(*one, many) for one in others]
        + [("F", 1, 0.2, 2)],
        columns=["sex", "y", "s", "n"],
    )
    roles: dict[str, Any] = {**ROLES, "facet_values": "F", "frequency": "n"}
    made = biaskit.sweep(df, **roles, score="s", metrics=symbol, thresholds=[0.90003])
    said = float(made["note"][0].rpartition(" ")[2])
    reports = [
        biaskit.report(df, **roles, predicted="s", predicted_above=above, metrics=symbol)
        for above in np.linspace(0.9, 0.9001, 101)
    ]
    apart = [abs(made["estimate"][0] - one["estimate"][0]) for one in reports]
    assert max(apart) > 1.05 * max(apart[0], apart[-1])
    assert max(apart) <= 1.05 * said


def test_nothing_is_known_of_a_number_without_a_declared_proportion() -> None:
    own = metric("OWN", "?", needs=("predicted",), bounds=(0, 1), kind="point", reading="?")(
        lambda a, d: d.q_hat * (1 - d.q_hat)
    )
    made = biaskit.sweep(rows(), **ROLES, score="s", metrics=[own], thresholds=[0.29995])
    assert made["note"].str.contains("be off without a bound").all()


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 300), st.integers(0, 2**31))
def test_a_sweep_of_merged_counts_is_that_of_all_rows(cut: int, seed: int) -> None:
    df = rows(300, seed % 7)
    parts = [biaskit.count(part, **ROLES, score="s") for part in (df[:cut], df[cut:])]
    whole = biaskit.count(df, **ROLES, score="s")
    same(biaskit.sweep(sum(parts), thresholds=7), biaskit.sweep(whole, thresholds=7))


def test_thresholds_are_edges_unless_they_are_named() -> None:
    assert thresholds_of(101, edges_of(0, 1)) == tuple(k / 100 for k in range(101))
    assert thresholds_of(4, edges_of(-1, 1)) == (-1.0, -0.3334, 0.3334, 1.0)
    assert thresholds_of([0.12345, 0.1], edges_of(0, 1)) == (0.1, 0.12345)
    assert thresholds_of(0.5, edges_of(0, 1)) == (0.5,)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"thresholds": 1}, "from 2 to"),
        ({"thresholds": "half"}, "a list such as"),
        ({"thresholds": [0.1, math.nan]}, "finite"),
        ({"thresholds": []}, r"finite numbers, not \[\]"),
        ({"thresholds": True}, "a list such as"),
        ({"thresholds": {"F": 0.4, "M": 0.5}}, "every facet value has the same thresholds"),
        ({"metrics": "DPL"}, "DPL does not depend on decisions"),
        ({"reference": "highest"}, "another value at each threshold"),
        ({"score": None}, "score is needed"),
        ({"confidence": 2.0}, "confidence"),
    ],
)
def test_what_a_sweep_refuses(given: dict[str, Any], said: str) -> None:
    with pytest.raises(RolesError, match=said):
        biaskit.sweep(rows(200), **{**ROLES, "score": "s", **given})


def test_a_label_whose_positive_value_is_unknown_is_named() -> None:
    df = rows(200).assign(y=lambda df: df["y"].map({0: "no", 1: "yes"}))
    with pytest.raises(RolesError, match="which values of label 'y'"):
        biaskit.sweep(df, **ROLES, score="s")
    with pytest.raises(RolesError, match="which values of label 'y'"):
        biaskit.calibration(df, **ROLES, score="s")


def test_scores_beyond_their_range_are_an_error_that_names_it() -> None:
    df = rows(200).assign(s=lambda df: 100 * df["s"] + 2)
    with pytest.raises(DataError, match=r"above their range, 0 to 1.*score_range"):
        biaskit.sweep(df, **ROLES, score="s")


@pytest.mark.filterwarnings("error")
def test_scores_that_are_all_missing_are_an_error() -> None:
    df = rows(50).assign(s=np.nan)
    said = "no row has a score: column 's' is missing in all 50 rows"
    for call in (biaskit.sweep, biaskit.calibration):
        with pytest.raises(DataError, match=said):
            call(df, **ROLES, score="s")
    with pytest.raises(DataError, match=said):
        biaskit.threshold(df, **ROLES, score="s", limit={"RD": 0.1})
    report = biaskit.report(df, **ROLES, score="s", metrics="W1,KSS,SMD,QG50,CE2,DPL")
    assert report["note"][report["metric"] != "DPL"].str.contains("50 rows have no score").all()
    assert not report["estimate"][report["metric"] == "DPL"].isna().any()


def test_a_sweep_says_that_scores_lie_beyond_their_range() -> None:
    df = rows(200).assign(s=lambda df: 100 * df["s"])
    made = biaskit.sweep(df, **ROLES, score="s", metrics="DPPL,FT", thresholds=3)
    assert made["note"].str.contains(r"above 1, are not told apart; if they are percentages").all()


# Thresholds that keep a limit ------------------------------------------------------------------


def test_a_threshold_holds_where_every_interval_is_inside_its_limit() -> None:
    df, limit = rows(4_000), {"DPPL": 0.15, "RD": [-0.3, 0.3]}
    made = biaskit.threshold(df, **ROLES, score="s", limit=limit, thresholds=21)
    swept = biaskit.sweep(df, **ROLES, score="s", metrics=[*limit], thresholds=21, together=True)
    ends = {"DPPL": (-0.15, 0.15), "RD": (-0.3, 0.3)}
    inside = [
        ends[metric][0] <= low and high <= ends[metric][1]
        for metric, low, high in zip(swept["metric"], swept["low"], swept["high"], strict=True)
    ]
    holds = swept.assign(inside=inside).groupby("threshold")["inside"].all()
    assert made["holds"].tolist() == holds.tolist()
    assert made["holds"].any()
    assert not made["holds"].all()
    known = df.dropna(subset=["y", "s"])
    for row in made.itertuples():
        above = known["s"] > row.threshold
        assert row.selection_rate == pytest.approx(above.mean(), abs=1e-12)
        assert row.accuracy == pytest.approx((above == known["y"]).mean(), abs=1e-12)
    assert made["accuracy_lost"].min() == 0
    assert made["accuracy_lost"].to_numpy() == pytest.approx(
        (made["accuracy"].max() - made["accuracy"]).to_numpy()
    )


def test_a_threshold_without_a_label_has_no_accuracy() -> None:
    made = biaskit.threshold(
        rows(), facet="sex", score="s", limit={"DI": [0.8, 1.25]}, thresholds=3
    )
    assert made["accuracy"].isna().all()
    assert made["selection_rate"].tolist()[-1] == 0
    # Where nobody is selected, nothing is known of the ratio.
    assert not made["holds"].tolist()[-1]


def test_limits_that_no_threshold_changes_are_refused() -> None:
    with pytest.raises(RolesError, match="does not depend on decisions"):
        biaskit.threshold(rows(100), **ROLES, score="s", limit={"DPL": 0.1})
    with pytest.raises(RolesError, match="compares rows"):
        biaskit.threshold(rows(100), **ROLES, score="s", limit={"FT": 0.1})


# Calibration -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", [1, 10, 20])
def test_calibration_is_that_of_the_rows(bins: int) -> None:
    df = rows()
    made = biaskit.calibration(df, **ROLES, score="s", bins=bins, confidence=0.9)
    known = df.dropna(subset=["sex", "y", "s"])
    assert made["value"].unique().tolist() == ["F", "M", "X", "(all)"]
    for row in made.itertuples():
        of = known if row.value == "(all)" else known[known["sex"] == row.value]
        first = row.above == 0
        inside = (of["s"] > row.above) | ((of["s"] == 0) & first)
        of = of[inside & (of["s"] <= row.up_to)]
        n, k = len(of), int(of["y"].sum())
        assert row.n == n
        assert row.mean_score == pytest.approx(of["s"].mean(), rel=1e-12)
        assert row.positive == pytest.approx(k / n)
        low, high = stats.beta(k + 0.5, n - k + 0.5).ppf([0.05, 0.95])
        assert row.low == pytest.approx(low if k else 0.0)
        assert row.high == pytest.approx(high if k < n else 1.0)
    assert made[made["value"] == "(all)"]["n"].sum() == len(known)


def test_scores_beyond_their_range_have_bands_of_their_own() -> None:
    df = rows(200).assign(s=lambda df: 1.5 * df["s"] - 0.2)
    made = biaskit.calibration(df, **ROLES, score="s", bins=2)
    both = made[made["value"] == "(all)"]
    assert both["above"].tolist() == [-math.inf, 0.0, 0.5, 1.0]
    assert both["up_to"].tolist() == [0.0, 0.5, 1.0, math.inf]


def test_calibration_needs_a_label() -> None:
    with pytest.raises(RolesError, match="label is needed"):
        biaskit.calibration(rows(100), facet="sex", score="s")
    with pytest.raises(RolesError, match="bins is a whole number"):
        biaskit.calibration(rows(100), **ROLES, score="s", bins=0)


# Several classes -------------------------------------------------------------------------------


def classes() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    df = pd.DataFrame(rng.dirichlet([2, 1, 1], 900).round(3), columns=["p_a", "p_b", "p_c"])
    df["y"] = [rng.choice([*"abc"], p=[0.4, 0.3, 0.3]) for _ in range(900)]
    df["sex"] = rng.choice(["F", "M"], 900)
    return df


def test_each_class_is_compared_with_the_rest() -> None:
    df = classes()
    scores = {"a": "p_a", "b": "p_b", "c": "p_c"}
    swept = biaskit.sweep(df, **ROLES, scores=scores, thresholds=5, metrics="RD,DPPL")
    bands = biaskit.calibration(df, **ROLES, scores=scores, bins=4)
    assert swept["class"].unique().tolist() == bands["class"].unique().tolist() == [*"abc"]
    for value, column in scores.items():
        alone = df.assign(y=(df["y"] == value).astype(int))
        own = swept[swept["class"] == value].drop(columns="class")
        same(own, biaskit.sweep(alone, **ROLES, score=column, thresholds=5, metrics="RD,DPPL"))
        own = bands[bands["class"] == value].drop(columns="class")
        same(own, biaskit.calibration(alone, **ROLES, score=column, bins=4))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scores": ["p_a"]}, "scores is a mapping"),
        ({"scores": {"a": "p_a"}, "score": "p_a"}, "score= is given together with scores="),
        ({"scores": {"a": "p_a"}, "label": None}, "label is needed"),
        ({"scores": {"z": "p_a"}}, "'z' does not occur"),
    ],
)
def test_what_scores_of_classes_refuse(given: dict[str, Any], said: str) -> None:
    with pytest.raises(RolesError, match=said):
        biaskit.sweep(classes(), **{**ROLES, **given})


# Command line ----------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    df = rows()
    df.to_parquet(tmp_path / "rows.parquet")
    df.to_csv(tmp_path / "rows.csv", index=False)
    biaskit.count(df, **ROLES, score="s").save(tmp_path / "rows.counts")
    monkeypatch.chdir(tmp_path)
    return df


@pytest.mark.parametrize("data", ["rows.parquet", "rows.csv", "rows.counts"])
def test_the_command_line_sweeps(
    data: str, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    roles = [] if data == "rows.counts" else ["--facet", "sex", "--label", "y", "--score", "s"]
    assert main(["sweep", data, *roles, "--metrics", "DPPL", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    made = biaskit.sweep(table, **ROLES, score="s", metrics="DPPL")
    assert [row["estimate"] for row in told["sweep"]] == made["estimate"].tolist()
    assert told["roles"]["score"] == "s"
    assert main(["sweep", data, *roles, "--metrics", "DPPL", "--thresholds", "0.3,0.5"]) == 0
    assert "0.5000" in capsys.readouterr().out
    assert main(["sweep", data, *roles, "--limit", "DPPL=0.15", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    own = biaskit.threshold(table, **ROLES, score="s", limit={"DPPL": 0.15})
    assert [row["holds"] for row in told["thresholds"]] == own["holds"].tolist()
    assert main(["calibration", data, *roles, "--bins", "5", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    bands = biaskit.calibration(table, **ROLES, score="s", bins=5)
    assert [row["n"] for row in told["calibration"]] == bands["n"].tolist()


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--thresholds", "half"], "neither a number of thresholds"),
        (["--limit", "DPPL=0.1", "--metrics", "DPPL"], "leave out --metrics"),
        (["--metrics", "DPL"], "does not depend on decisions"),
    ],
)
def test_calls_that_the_command_line_refuses(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "rows.counts", *flags]) == 2
    assert said in capsys.readouterr().err


def test_a_sweep_needs_a_score(table: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "rows.csv", "--facet", "sex", "--label", "y"]) == 2
    assert "--score is needed" in capsys.readouterr().err


# The gate --------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["rows.parquet", "rows.counts"])
@pytest.mark.parametrize(("limit", "code"), [(0.02, 1), (0.5, 0)])
def test_a_check_judges_the_decisions_of_a_threshold(
    data: str,
    limit: float,
    code: int,
    table: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
) -> None:
    roles = ["--facet", "sex", "--label", "y", "--score", "s"]
    given = [] if data == "rows.counts" else roles
    flags = ["--threshold", "0.4", "--limit", f"DPPL={limit}"]
    assert main(["check", data, *given, *flags, "-v"]) == code
    told = capsys.readouterr().out
    report = biaskit.report(table, **ROLES, predicted="s", predicted_above=0.4, metrics="DPPL")
    assert f"{report['estimate'].iloc[0]:.4g}" in told
    if code:
        assert "DPPL, sex = F, at the threshold 0.4" in told
    Path("biaskit.toml").write_text(
        f'[[data]]\nfiles = "{data}"\nfacet = "sex"\nlabel = "y"\nscore = "s"\nthreshold = 0.4\n'
        f"limits = {{DPPL = {limit}}}\n"
    )
    assert main(["check", "-v"]) == code
    assert f"{report['estimate'].iloc[0]:.4g}" in capsys.readouterr().out


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("threshold = 0.4", "threshold needs score"),
        ('score = "s"\npredicted = "y2"\nthreshold = 0.4', "threshold makes predictions"),
        ('score = "s"\nthreshold = "high"', "threshold must be a number"),
        ('score = "s"', "limit on DPPL, which needs predicted"),
    ],
)
def test_a_configuration_of_a_threshold_is_checked(
    keys: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("biaskit.toml").write_text(
        f'[[data]]\nfiles = "rows.parquet"\nfacet = "sex"\nlabel = "y"\n{keys}\n'
        "limits = {DPPL = 0.1}\n"
    )
    assert main(["check"]) == 2
    assert said in capsys.readouterr().out
