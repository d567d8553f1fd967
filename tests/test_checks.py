"""Checks: a verdict is where the interval lies, judged together with the others."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biaskit
from biaskit.errors import BiaskitError
from biaskit.gate.check import check_rows
from biaskit.gate.findings import of_checked
from biaskit.gate.limits import limits_of
from biaskit.gate.verdicts import Claim, Verdict, verdicts
from biaskit.intervals import evidence
from biaskit.reports.reading import rows_of

ROLES: dict[str, Any] = {"facet": "gender", "label": "decision", "positive": "admitted"}
COLUMNS = ["limit_low", "limit_high", "verdict", "reason"]


@pytest.fixture(scope="module")
def report() -> pd.DataFrame:
    return biaskit.report(biaskit.datasets.berkeley(), **ROLES, facet_values="female")


def by_metric(checked: pd.DataFrame) -> dict[str, tuple[Any, ...]]:
    return {row["metric"]: tuple(row[COLUMNS[:3]]) for _, row in checked.iterrows()}


def test_a_verdict_is_where_the_interval_lies(report: pd.DataFrame) -> None:
    """DPL is 0.142 with an interval of 0.113 to 0.170, DD 0.144 with 0.115 to 0.172."""
    checked = biaskit.check(report, {"DPL": 0.1, "DD": 0.15, "CI": [0.1, 0.3]})
    assert by_metric(checked) == {
        "CI": (0.1, 0.3, "pass"),
        "DPL": (-0.1, 0.1, "fail"),
        "DD": (-0.15, 0.15, "uncertain"),
    }
    settled = (
        "these rows could distinguish 0.122 from 0.15; 0.144 needs about 21 times as many rows"
    )
    assert checked["reason"].tolist() == [
        "",
        "the whole interval is above 0.1",
        f"the interval crosses 0.15; {settled}",
    ]
    kept = report[report["metric"].isin(["CI", "DPL", "DD"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(checked[report.columns], kept)


def test_the_intervals_of_all_metrics_are_found_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"sex": ["F", "M"] * 200, "y": [0, 1, 1, 0] * 100, "said": [0, 1, 1, 1, 1, 0, 0, 0] * 50}
    report = biaskit.report(pd.DataFrame(rows), facet="sex", label="y", predicted="said")
    searches: list[int] = []

    def counted(*asked: Any) -> Any:
        searches.append(len(asked))
        return solve(*asked)

    solve = evidence.solve
    monkeypatch.setattr(evidence, "solve", counted)
    needed = []
    for metrics in (["DPL"], ["DPL", "DPPL", "RD", "AD", "SD"]):
        searches.clear()
        checked = biaskit.check(report, dict.fromkeys(metrics, 0.9))
        assert set(checked["verdict"]) == {"pass"}
        needed.append(len(searches))
    assert needed[0] == needed[1]


def test_below_the_limit_is_outside_as_well(report: pd.DataFrame) -> None:
    checked = biaskit.check(report, {"DPL": [0.2, 0.5]})
    assert checked["verdict"].tolist() == ["fail"]
    assert checked["reason"].tolist() == ["the whole interval is below 0.2"]


def test_a_distance_is_from_parity_which_is_1_for_di(report: pd.DataFrame) -> None:
    df = biaskit.datasets.compas()
    made = biaskit.report(df, facet="race", predicted="scored", positive=1)
    checked = biaskit.check(made, {"DI": 0.2})
    assert set(zip(checked["limit_low"], checked["limit_high"], strict=True)) == {(0.8, 1.2)}
    assert by_metric(biaskit.check(report, {"KL": 0.1}))["KL"][:2] == (0.0, 0.1)


def test_an_alias_is_the_metric(report: pd.DataFrame) -> None:
    assert biaskit.check(report, {"dpl": 0.1})["metric"].tolist() == ["DPL"]


def test_a_metric_of_ones_own_is_its_own_key() -> None:
    @biaskit.metric(
        "RR",
        "q_d / q_a",
        needs=("label", "positive"),
        bounds=(0, math.inf),
        parity=1,
        against_d="<",
        swap="inverts",
        kind="ratio",
        rate=lambda side: (side.n1, side.n),
        reading="The ratio of the shares of positive labels.",
    )
    def ratio(a: Any, d: Any) -> Any:
        """Ratio of positive shares."""
        return d.q / a.q

    made = biaskit.report(biaskit.datasets.berkeley(), **ROLES, metrics=[ratio])
    checked = biaskit.check(made, {ratio: [0.8, 1.25]})
    assert dict(zip(checked["value"], checked["verdict"], strict=True)) == {
        "female": "fail",
        "male": "fail",
    }
    with pytest.raises(BiaskitError, match="no metric 'RR'"):
        biaskit.check(made, {"RR": 0.1})


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "limits is empty; name a metric"),
        ([("DPL", 0.1)], "limits are a mapping by metric"),
        ({"DPPPL": 0.1}, "no metric 'DPPPL'; did you mean 'DPPL'"),
        ({"DPPL": 0.1}, "limit on DPPL, which the report does not have; it has 'CI', 'DPL'"),
        ({"DPL": math.nan}, "limit on DPL is a number or two"),
        ({"DPL": "0.1"}, "limit on DPL is a number or two"),
        ({"DPL": True}, "limit on DPL is a number or two"),
        ({"DPL": [0.1]}, r"range for DPL must be \[low, high\]"),
        ({"DPL": [0.1, math.nan]}, "limit on DPL is a number or two"),
        ({"DPL": [0.2, 0.1]}, "limits on DPL cross: 0.2 is above 0.1"),
        ({"DPL": -0.1}, "distance from 0, so 0 or more; not -0.1"),
        ({"DPL": 10}, r"DPL lies in \[-1, 1\], so a limit of 10 allows everything"),
        ({"DPL": [2, 3]}, r"DPL lies in \[-1, 1\], so no value is between 2 and 3"),
        ({"DPL": 0.1, "dpl": 0.2}, "DPL has two limits"),
    ],
)
def test_an_invalid_limit_is_refused(report: pd.DataFrame, limits: Any, message: str) -> None:
    with pytest.raises(BiaskitError, match=message):
        biaskit.check(report, limits)


def test_an_invalid_report_is_refused(report: pd.DataFrame) -> None:
    for other in (report.drop(columns="low"), pd.DataFrame(), 3):
        with pytest.raises(BiaskitError, match="this is not a report: it has no column"):
            biaskit.check(other, {"DPL": 0.1})
    for bad in ({"confidence": 1}, {"correction": "bonferroni"}):
        with pytest.raises(BiaskitError, match=r"must be a number between|correction must be"):
            biaskit.check(report, {"DPL": 0.1}, **bad)


def test_a_metric_whose_column_was_not_given_is_not_computed() -> None:
    df = biaskit.datasets.berkeley()
    made = biaskit.report(df, **ROLES, metrics=["DPL", "CDDL"])
    with pytest.raises(BiaskitError, match="limit on CDDL, which is not computed without a group"):
        biaskit.check(made, {"CDDL": 0.1})


def test_few_rows_are_uncertain(report: pd.DataFrame) -> None:
    checked = biaskit.check(report, {"DPL": 0.01}, min_rows=2_000)
    assert checked["verdict"].tolist() == ["uncertain"]
    assert checked["reason"].tolist() == ["1,835 rows on side d; at least 2,000 are required"]
    assert biaskit.check(report, {"DPL": 0.01}, min_rows=1_835)["verdict"].tolist() == ["fail"]


def test_what_is_undefined_is_uncertain() -> None:
    df = pd.DataFrame({"sex": list("ffmm"), "p": [0, 0, 0, 0]})
    made = biaskit.report(df, facet="sex", predicted="p", metrics="DI")
    checked = biaskit.check(made, {"DI": 0.2})
    assert checked["verdict"].tolist() == ["uncertain"] * 2
    assert all("undefined" in reason for reason in checked["reason"])


def test_what_has_no_interval_is_uncertain() -> None:
    without = biaskit.report(biaskit.datasets.berkeley(), **ROLES, confidence=None)
    checked = biaskit.check(without, {"DPL": 0.5, "DD": 0.5}).set_index("metric")
    assert set(checked.loc["DD", "verdict"]) == {"uncertain"}
    assert set(checked.loc["DD", "reason"]) == {"no interval, so its uncertainty is unknown"}
    assert set(checked.loc["DPL", "verdict"]) == {"pass"}  # its proportions say how sure it is
    df = pd.DataFrame({"sex": list("fm") * 20, "p": [0, 1, 1, 0] * 10, "x": range(40)})
    flips = biaskit.report(df, facet="sex", predicted="p", features="x", metrics="FT")
    checked = biaskit.check(flips, {"FT": 0.1})
    assert set(checked["verdict"]) == {"uncertain"}
    assert all("no interval" in reason for reason in checked["reason"])


def test_an_infinite_ratio_fails_by_its_interval_alone() -> None:
    df = pd.DataFrame({"sex": ["f"] * 60 + ["m"] * 60, "p": [1] * 50 + [0] * 70})
    made = biaskit.report(df, facet="sex", facet_values="f", predicted="p", metrics="DI")
    assert made["estimate"].tolist() == [math.inf]
    assert biaskit.check(made, {"DI": [0.8, 1.25]})["verdict"].tolist() == ["fail"]


# Verdicts


def claims_of(
    numbers: Sequence[tuple[float, float, float]], confidence: float = 0.95
) -> list[Claim]:
    """Claims whose intervals have the shape of a normal law at every level."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)

    def doubt(gap: float, reach: float) -> float:
        return math.erfc(z * abs(gap) / reach / math.sqrt(2))

    return [
        Claim(
            *(e, e - below, e + above, -1.0, 1.0),
            *(doubt(limit - e, below if limit < e else above) for limit in (-1.0, 1.0)),
        )
        for e, below, above in numbers
    ]


def with_width(claim: Claim, times: float) -> Claim:
    return claim._replace(
        low=claim.estimate - times * (claim.estimate - claim.low),
        high=claim.estimate + times * (claim.high - claim.estimate),
    )


def slowly(claims: Sequence[Claim], confidence: float) -> list[str]:
    """Holm's rule as it is defined: interval by interval, each widened for its place in line."""
    normal = NormalDist()
    alpha, left = 1 - confidence, list(range(len(claims)))
    made = ["uncertain"] * len(claims)

    def verdict(i: int, level: float) -> str:
        times = normal.inv_cdf((1 + level) / 2) / normal.inv_cdf((1 + confidence) / 2)
        return verdicts([with_width(claims[i], times)], together=False)[0].name

    while left:
        level = 1 - alpha / len(left)
        sure = [i for i in left if verdict(i, level) != "uncertain"]
        if not sure:
            break
        for i in sure:
            made[i] = verdict(i, level)
        left = [i for i in left if i not in sure]
    return made


number = st.tuples(st.floats(-3, 3), st.floats(0.01, 1), st.floats(0.01, 1))


@given(st.lists(number, max_size=8), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_verdicts_are_holms(numbers: list[tuple[float, float, float]], confidence: float) -> None:
    claims = claims_of(numbers, confidence)
    made = [one.name for one in verdicts(claims, confidence=confidence)]
    assert made == slowly(claims, confidence)


@given(st.lists(number, min_size=1, max_size=8), st.integers(0, 99))
def test_judging_together_only_takes_away(
    numbers: list[tuple[float, float, float]], seed: int
) -> None:
    claims = claims_of(numbers)
    alone = verdicts(claims, together=False)
    together = verdicts(claims)
    for one, other in zip(alone, together, strict=True):
        assert other.name in (one.name, "uncertain")
        if other.name != one.name:
            assert other.reason.startswith(f"a {one.name} by itself, but not certainly among")
    assert verdicts(claims[:1]) == verdicts(claims[:1], together=False)
    order = random.Random(seed).sample(range(len(claims)), len(claims))
    shuffled = verdicts([claims[i] for i in order])
    assert [shuffled[order.index(i)].name for i in range(len(claims))] == [
        one.name for one in together
    ]


def test_what_is_withheld_does_not_count_among_those_judged() -> None:
    near = Claim(1.4, 1.01, 1.8, -1, 1)
    withheld = Claim(math.nan, math.nan, math.nan, -1, 1, withheld="undefined: 0/0")
    made = verdicts([near, *[withheld] * 9])
    assert made[0].name == "fail"
    assert set(made[1:]) == {Verdict("uncertain", "undefined: 0/0", 1.0, judged=False)}


@pytest.mark.parametrize("metric", ["DPL", "DI"])
def test_what_would_settle_it_is_what_settles_it(metric: str) -> None:
    """So many rows a side, with the same shares, and the verdict is no longer uncertain."""

    def table(times: float) -> pd.DataFrame:
        n_f, n_m = round(300 * times), round(900 * times)
        yes = [round(0.4 * n_f), round(0.45 * n_m)]
        p = [1] * yes[0] + [0] * (n_f - yes[0]) + [1] * yes[1] + [0] * (n_m - yes[1])
        return pd.DataFrame({"sex": ["f"] * n_f + ["m"] * n_m, "p": p})

    symbol = {"DPL": "DPPL"}.get(metric, metric)
    limit = {symbol: 0.1 if metric == "DPL" else [0.8, 1.25]}
    roles = {"facet": "sex", "facet_values": "f", "predicted": "p", "metrics": symbol}
    checked = biaskit.check(biaskit.report(table(1), **roles), limit)
    assert checked["verdict"].tolist() == ["uncertain"]
    told = checked["reason"][0]
    rows = int(told.split("needs about ")[1].split()[0].replace(",", ""))
    balanced = rows / 300 * (2 / (1 / 300 + 1 / 900)) ** -1 * 300  # as many times the rows
    for times, verdict in ((balanced * 1.1, "pass"), (balanced * 0.85, "uncertain")):
        again = biaskit.check(biaskit.report(table(times), **roles), limit)
        assert again["verdict"].tolist() == [verdict]


def test_beyond_its_own_level_an_interval_reaches_as_nothing_counted_does() -> None:
    """Two of 21 verdicts on a metric without proportions: CDDL of a report at 95 %."""
    row = {"estimate": 0.3, "low": 0.2, "high": 0.4}
    wide = math.log(0.05 / 2) / math.log(0.05)  # of two together
    for gap, verdict in ((0.1 * wide * 1.001, "fail"), (0.1 * wide * 0.999, "uncertain")):
        report = pd.DataFrame(
            {
                **{name: [value] * 2 for name, value in row.items()},
                **{name: ["x"] * 2 for name in ("stage", "facet", "value")},
                **{name: [50] * 2 for name in ("n_a", "n_d", "n_missing")},
                **{
                    name: [math.nan] * 2 for name in ("rate_a", "rate_d", "of_a", "of_d", "p_value")
                },
                "metric": ["CDDL"] * 2,
                "note": [""] * 2,
                "confidence": [0.95] * 2,
            }
        )
        checked = biaskit.check(report, {"CDDL": [-0.5, 0.3 - gap]})
        assert checked["verdict"].tolist() == [verdict] * 2
        # A report of 0.1.0 does not say more than it shows.
        older = report.drop(columns=["confidence", "rate_a", "rate_d", "of_a", "of_d"])
        assert set(biaskit.check(older, {"CDDL": [-0.5, 0.1]})["verdict"]) == {"uncertain"}
        alone = biaskit.check(older, {"CDDL": [-0.5, 0.1]}, correction=None)
        assert set(alone["verdict"]) == {"fail"}


def test_an_uncertain_verdict_on_what_is_required_is_a_fail(report: pd.DataFrame) -> None:
    limits = {"DPL": 0.15, "CI": 0.3}
    checked = biaskit.check(report, limits, required=["DPL"])
    assert by_metric(checked)["DPL"][2] == "fail"
    assert by_metric(checked)["CI"][2] == "pass"
    reason = checked.set_index("metric").loc["DPL", "reason"]
    assert reason.startswith("required to be certain, but it is not: the interval crosses 0.15")
    rows = rows_of(report)
    held = check_rows(rows, limits_of(limits), required={"DPL"})
    codes = [finding.code for finding in of_checked(held, 0.95, strict=False)]
    assert codes == ["BK102"]  # not BK101: the interval is not outside
    with pytest.raises(BiaskitError, match="DD is required, but it has no limit"):
        biaskit.check(report, limits, required="DD")


def test_another_level_than_the_reports(report: pd.DataFrame) -> None:
    """DPL's proportions give its interval at any level; CDDL's is known at the report's only."""
    assert biaskit.check(report, {"DPL": 0.11})["verdict"].tolist() == ["fail"]
    assert biaskit.check(report, {"DPL": 0.11}, confidence=0.99)["verdict"].tolist() == [
        "uncertain"
    ]
    checked = biaskit.check(report, {"DD": 0.05}, confidence=0.99)
    assert checked["verdict"].tolist() == ["uncertain"]
    assert checked["reason"][0] == (
        "its interval has the level 95 %, and 99 % is required: report with confidence=0.99"
    )


# The whole gate


@pytest.mark.slow
def test_false_alarms_stay_below_the_nominal_level() -> None:
    """Of 500 tables whose five facet values do not differ, fewer than 5 % have any wrong verdict.

    The limits are as sharp as can be: no distance from parity at all, so every fail is wrong.
    """
    rng = np.random.default_rng(20)
    alarms = {"holm": 0, None: 0}
    for seed in range(500):
        rows = 600
        frame = pd.DataFrame(
            {"f": rng.integers(0, 5, rows), "y": (rng.random(rows) < 0.3).astype(int)}
        )
        made = biaskit.report(frame, facet="f", label="y", metrics=["DPL", "KL"], seed=seed)
        for correction in alarms:
            checked = biaskit.check(made, {"DPL": 0.0, "KL": [0, 0]}, correction=correction)
            alarms[correction] += "fail" in set(checked["verdict"])
    assert alarms["holm"] <= 0.05 * 500
    assert alarms[None] > 0.10 * 500  # so the correction is needed
