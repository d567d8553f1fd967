"""Checks: a verdict is where the interval lies, judged together with the others."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biaskit
from biaskit.errors import BiaskitError
from biaskit.verdicts import Claim, Verdict, verdicts

ROLES: dict[str, Any] = {"facet": "gender", "label": "decision", "positive": "admitted"}
COLUMNS = ["limit_low", "limit_high", "verdict", "reason"]


@pytest.fixture(scope="module")
def report() -> pd.DataFrame:
    return biaskit.report(biaskit.datasets.berkeley(), **ROLES, facet_values="female")


def by_metric(checked: pd.DataFrame) -> dict[str, tuple[Any, ...]]:
    return {row["metric"]: tuple(row[COLUMNS[:3]]) for _, row in checked.iterrows()}


def test_a_verdict_is_where_the_interval_lies(report: pd.DataFrame) -> None:
    """DPL is 0.142 with an interval of 0.113 to 0.172, DD 0.144 with 0.114 to 0.174."""
    checked = biaskit.check(report, {"DPL": 0.1, "DD": 0.15, "CI": [0.1, 0.3]})
    assert by_metric(checked) == {
        "CI": (0.1, 0.3, "pass"),
        "DPL": (-0.1, 0.1, "fail"),
        "DD": (-0.15, 0.15, "uncertain"),
    }
    assert checked["reason"].tolist() == [
        "",
        "the whole interval is above 0.1",
        "the interval reaches over 0.15",
    ]
    kept = report[report["metric"].isin(["CI", "DPL", "DD"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(checked[report.columns], kept)


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
        ({}, "limits are a mapping by metric"),
        ([("DPL", 0.1)], "limits are a mapping by metric"),
        ({"DPPPL": 0.1}, "no metric 'DPPPL'; did you mean 'DPPL'"),
        ({"DPPL": 0.1}, "limit on DPPL, which the report does not have; it has 'CI', 'DPL'"),
        ({"DPL": math.nan}, "limit on DPL is a number or two"),
        ({"DPL": "0.1"}, "limit on DPL is a number or two"),
        ({"DPL": True}, "limit on DPL is a number or two"),
        ({"DPL": [0.1]}, r"range for DPL is \[low, high\]"),
        ({"DPL": [0.1, math.nan]}, "limit on DPL is a number or two"),
        ({"DPL": [0.2, 0.1]}, "limits on DPL cross: 0.2 is above 0.1"),
        ({"DPL": -0.1}, "distance from 0, so 0 or more; not -0.1"),
        ({"DPL": 10}, r"DPL lies in \[-1, 1\], so a limit of 10 allows everything"),
        ({"DPL": [2, 3]}, r"DPL lies in \[-1, 1\], so nothing is between 2 and 3"),
        ({"DPL": 0.1, "dpl": 0.2}, "DPL has two limits"),
    ],
)
def test_a_limit_that_is_none_is_refused(report: pd.DataFrame, limits: Any, message: str) -> None:
    with pytest.raises(BiaskitError, match=message):
        biaskit.check(report, limits)


def test_what_is_no_report_is_refused(report: pd.DataFrame) -> None:
    for other in (report.drop(columns="low"), pd.DataFrame(), 3):
        with pytest.raises(BiaskitError, match="this is not a report: it has no column"):
            biaskit.check(other, {"DPL": 0.1})
    for bad in ({"confidence": 1}, {"correction": "bonferroni"}):
        with pytest.raises(BiaskitError, match=r"is a number between|correction is"):
            biaskit.check(report, {"DPL": 0.1}, **bad)


def test_a_metric_whose_column_was_not_given_is_not_computed() -> None:
    df = biaskit.datasets.berkeley()
    made = biaskit.report(df, **ROLES, metrics=["DPL", "CDDL"])
    with pytest.raises(BiaskitError, match="limit on CDDL, which is not computed without a group"):
        biaskit.check(made, {"CDDL": 0.1})


def test_few_rows_are_uncertain(report: pd.DataFrame) -> None:
    checked = biaskit.check(report, {"DPL": 0.01}, min_rows=2_000)
    assert checked["verdict"].tolist() == ["uncertain"]
    assert checked["reason"].tolist() == ["1,835 rows on side d; at least 2,000 are asked for"]
    assert biaskit.check(report, {"DPL": 0.01}, min_rows=1_835)["verdict"].tolist() == ["fail"]


def test_what_is_undefined_is_uncertain() -> None:
    df = pd.DataFrame({"sex": list("ffmm"), "p": [0, 0, 0, 0]})
    made = biaskit.report(df, facet="sex", predicted="p", metrics="DI")
    checked = biaskit.check(made, {"DI": 0.2})
    assert checked["verdict"].tolist() == ["uncertain"] * 2
    assert all("undefined" in reason for reason in checked["reason"])


def test_what_has_no_interval_is_uncertain() -> None:
    without = biaskit.report(biaskit.datasets.berkeley(), **ROLES, confidence=None)
    checked = biaskit.check(without, {"DPL": 0.5})
    assert set(checked["verdict"]) == {"uncertain"}
    assert set(checked["reason"]) == {"no interval, so nothing says how sure it is"}
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


def claims_of(numbers: Sequence[tuple[float, float, float]]) -> list[Claim]:
    return [Claim(e, e - below, e + above, -1.0, 1.0) for e, below, above in numbers]


def with_width(claim: Claim, times: float) -> Claim:
    return claim._replace(
        low=claim.estimate - times * (claim.estimate - claim.low),
        high=claim.estimate + times * (claim.high - claim.estimate),
    )


def slowly(claims: Sequence[Claim], confidence: float) -> list[str]:
    """Holm's rule as it is defined: interval by interval, each widened for its place in line."""
    from statistics import NormalDist

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
    claims = claims_of(numbers)
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
            assert other.reason.startswith(f"by itself a {one.name}, but not surely so among")
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


def test_a_ratio_is_widened_on_its_own_scale() -> None:
    """An interval of 0.5 to 0.8 about 0.65 is wider above than it is below in logarithms."""
    low_end = Claim(0.65, 0.5, 0.8, 0.81, 1.25, math.log)
    assert verdicts([low_end])[0].name == "fail"
    twice = math.log(0.8 / 0.65) * 2.2414 / 1.96  # the level of 0.975, for two together
    touching = low_end._replace(limit_low=0.65 * math.exp(twice) * 1.001)
    short_of = low_end._replace(limit_low=0.65 * math.exp(twice) * 0.999)
    assert [one.name for one in verdicts([touching] * 2)] == ["fail"] * 2
    assert [one.name for one in verdicts([short_of] * 2)] == ["uncertain"] * 2


# The whole gate


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
