"""The summary of a report: never surer than its rows, each comparison once, readable by anyone."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biaskit
from biaskit.cli import main
from biaskit.counts.roles import Roles
from biaskit.errors import BiaskitError
from biaskit.metrics import EVERY, metric
from biaskit.reports.report import Row
from biaskit.reports.sentences import row_sentences
from biaskit.reports.summary import FEW_ROWS, Summary, summarised
from biaskit.reports.words import in_words

TEXTS = {"stage", "facet", "value", "metric", "note"}
HOSTILE = [
    "{them}",
    "a\nb",
    "\x1b[31m",
    "\u202etxt",
    "%s",
    "",
    "::error::x",
    "\udc80",
    "x" * 100_000,
]


def berkeley(**more: Any) -> pd.DataFrame:
    given = {"facet": "gender", "label": "decision", "positive": "admitted"}
    return biaskit.report(biaskit.datasets.berkeley(), **given, **more)


def kinds(made: Summary) -> dict[str, str]:
    return {one.kind: one.sentence for one in made.findings}


def row(symbol: str = "DPL", **fields: Any) -> Row:
    blank = {name: "" if name in TEXTS else 100 for name in Row._fields}
    rates = dict.fromkeys(("rate_a", "rate_d", "of_a", "of_d"), math.nan)
    known = {"facet": "sex", "value": "F", "metric": symbol, "confidence": 0.95, "n_missing": 0}
    return Row(**{**blank, **rates, **known, "n_other": 0, **fields})


def rows_like(estimates: list[float], p: list[float], **fields: Any) -> list[Row]:
    made = []
    for i, (estimate, p_value) in enumerate(zip(estimates, p, strict=True)):
        reach = abs(estimate) * (0.5 if p_value < 0.05 else 2)
        ends = {"low": estimate - reach, "high": estimate + reach, "p_value": p_value}
        made.append(row(estimate=estimate, value=f"v{i}", n_d=100 + i, **{**ends, **fields}))
    return made


@st.composite
def reports(draw: st.DrawFn) -> list[Row]:
    """Rows that no table need have: any numbers, metrics, names and sizes."""
    number = st.one_of(st.floats(-2, 2), st.sampled_from([0.0, 1.0, math.nan, math.inf, -math.inf]))
    chance = st.one_of(st.sampled_from([1e-6, 1e-3, 0.01, 0.04, math.nan]), st.floats(0, 1))
    size = st.one_of(st.integers(0, 40), st.integers(0, 10**9))
    made = []
    for _ in range(draw(st.integers(0, 12))):
        low, high = sorted([draw(number), draw(number)], key=lambda x: (math.isnan(x), x))
        numbers = {name: draw(number) for name in ("estimate", "rate_a", "rate_d", "of_a", "of_d")}
        sizes = {name: draw(size) for name in ("n_a", "n_d", "n_missing")}
        made.append(
            row(
                draw(st.sampled_from([*EVERY, "MINE"])),
                facet=draw(st.sampled_from(["sex", "race"])),
                value=draw(st.sampled_from(["F", "M", *HOSTILE[:6]])),
                confidence=draw(st.sampled_from([0.95, 0.9, math.nan])),
                p_value=draw(chance),
                **{"low": low, "high": high, **numbers, **sizes},
            )
        )
    return made


@given(reports())
def test_it_is_never_surer_than_holm(rows: list[Row]) -> None:
    made = summarised(rows)
    judged = [*made.sure, *made.unsure]
    level = max((r.confidence for r in rows if r.confidence < 1), default=0.95)
    known = [rows[i].p_value for i in judged]
    for i in made.sure:
        doubt = rows[i].p_value if rows[i].p_value == rows[i].p_value else 0.0
        smaller = sum(p < doubt for p in known)
        assert doubt <= (1 - level) / (len(judged) - smaller) * 1.001
        one = EVERY.get(rows[i].metric)
        assert one is None or rows[i].low > one.parity or rows[i].high < one.parity
    if made.headline is not None:
        of = rows[made.headline]
        assert min(of.n_a, of.n_d) >= FEW_ROWS
        against, parity = EVERY[of.metric].against_d, EVERY[of.metric].parity
        assert against == "!=" or (of.estimate > parity) == (against == ">")
    assert made.findings
    for sentence in [*(one.sentence for one in made.findings), *row_sentences(rows)]:
        assert sentence.isprintable()
        assert sentence.endswith(".")
        assert len(sentence) < 2_000
    json.dumps(made.to_json(), allow_nan=False)


def test_where_nothing_differs_it_says_so_and_no_more() -> None:
    made = summarised(rows_like([0.1, -0.1, 0.02], [0.03, 0.03, 0.5]))
    assert made.headline is None
    assert [one.sentence for one in made.findings] == [
        "No value of sex differs surely from all others. That does not show that they are equal."
    ]


def test_the_largest_is_the_one_whose_near_end_is_farthest_against_its_value() -> None:
    rows = rows_like([0.5, 0.3, -0.9, 0.8], [1e-6] * 4)
    rows[0] = rows[0]._replace(low=0.01)
    rows[3] = rows[3]._replace(n_d=29)
    made = summarised(rows)
    assert made.headline == 1
    assert kinds(made)["largest"].startswith("The largest of 3 gaps: the share whose label")
    assert "(95 % interval: 15.0 to 45.0 points)" in kinds(made)["largest"]
    assert kinds(made)["few rows"].startswith("Those whose sex is v3 have fewer than 30 rows")


def test_a_favoured_value_is_never_the_subject() -> None:
    made = summarised(rows_like([-0.9, -0.5, 0.1], [1e-6, 1e-6, 0.6]))
    assert made.headline is None
    told = kinds(made)["largest"]
    assert told == "No value with 30 rows or more is surely worse off than all others."


def test_predictions_lead_before_labels_and_other_metrics_follow() -> None:
    (label,) = rows_like([0.5], [1e-6])
    (guess,) = rows_like([0.2], [1e-6], metric="DPPL")
    assert summarised([label, guess]).headline == 1
    (guess,) = rows_like([0.2], [0.9], metric="DPPL")
    made = summarised([label, guess])
    assert made.headline == 0
    assert "no value" not in kinds(made)["verdict"].lower()
    first = next(one.sentence for one in made.findings if one.kind == "largest")
    assert "worse off than all others in difference in positive proportions in" in first


def test_two_values_are_one_comparison() -> None:
    both, one = berkeley(), berkeley(facet_values="female")
    assert biaskit.summary(both) == biaskit.summary(one)
    assert biaskit.summary(both).startswith("Both distinct comparisons differ surely")
    male = both[both["value"] == "male"]
    assert "surely worse off" in biaskit.summary(male)


def test_metrics_that_restate_another_change_nothing() -> None:
    few, many = berkeley(metrics=["DPL", "DD"]), berkeley(metrics=["DPL", "DD", "TVD", "KS", "KL"])
    assert biaskit.summary(few) == biaskit.summary(many)


def test_numbers_of_rows_are_no_difference_unless_alone() -> None:
    assert "CI" not in biaskit.summary(berkeley(metrics=["CI", "DPL"]))
    alone = biaskit.summary(berkeley(metrics="CI"))
    assert "those whose gender is female have 40.5 % (1,835) and all others 59.5 %" in alone


@pytest.mark.parametrize(
    ("whole", "within", "said"),
    [
        ((0.2, 0.15, 0.25, 1e-6), (0.1, 0.05, 0.15, 1e-6), "the difference stays for"),
        ((0.2, 0.15, 0.25, 1e-6), (-0.1, -0.15, -0.05, 1e-6), "the difference reverses for"),
        ((0.2, 0.15, 0.25, 1e-6), (0.01, -0.05, 0.07, 0.7), "the difference disappears for"),
        ((0.2, 0.15, 0.25, 1e-6), (0.1, -0.1, 0.3, 0.3), "not sure whether the difference stays"),
        ((0.2, 0.15, 0.25, 1e-6), (0.1, 0.001, 0.2, 0.04), "not sure whether the difference stays"),
        ((0.0, -0.1, 0.1, 1.0), (0.1, 0.05, 0.15, 1e-6), "there is a difference for"),
        ((0.1, -0.1, 0.3, 0.3), (-0.1, -0.3, 0.1, 0.3), None),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_words_on_groups_are_as_sure_as_the_intervals(
    whole: tuple[float, ...], within: tuple[float, ...], said: str | None, sign: int
) -> None:
    rows = []
    for symbol, (estimate, low, high, p) in (("DD", whole), ("CDDL", within)):
        ends = sorted([sign * low, sign * high])
        rows.append(
            row(symbol, estimate=sign * estimate, low=ends[0], high=ends[1], p_value=p, n_d=90)
        )
    # A third number that is no difference, so that 0.04 is not enough for all of them.
    rows.append(row("TE", estimate=0.0, low=-1.0, high=1.0, p_value=1.0))
    told = kinds(summarised(rows)).get("within groups")
    assert (told is None) == (said is None)
    assert said is None or (told is not None and told.startswith("Where the group is the same, "))
    assert said is None or said in str(told)


def test_predictions_within_groups_are_measured_in_one_unit() -> None:
    """A gap of 20 points for 1 % of the rows is a small difference in the shares of that value."""
    whole = row(
        "DPPL", estimate=0.2, low=0.15, high=0.25, p_value=1e-6, n_a=9900, n_d=100,
        rate_a=0.5, rate_d=0.3, of_a=9900, of_d=100,
    )  # fmt: skip
    numbers = {"p_value": 0.3, "n_a": 9900, "n_d": 100}
    near = row("CDDPL", estimate=0.004, low=-0.003, high=0.011, **numbers)
    assert "not sure whether" in kinds(summarised([whole, near]))["within groups"]
    gone = row("CDDPL", estimate=0.0, low=-0.003, high=0.003, **numbers)
    assert "disappears" in kinds(summarised([whole, gone]))["within groups"]
    weighted = whole._replace(of_a=7000.5)
    assert "not sure whether" in kinds(summarised([weighted, gone]))["within groups"]


def test_berkeley_reads_as_it_should() -> None:
    roles = {"facet": "gender", "label": "decision", "positive": "admitted", "group": "department"}
    counts = biaskit.count(biaskit.datasets.berkeley(), **roles)
    assert biaskit.summary(biaskit.report(counts), counts=counts) == (
        "2 of 3 distinct comparisons differ surely: by more than chance explains, with all 3 "
        "judged together (95 %).\n"
        "The share whose decision is admitted is 30.4 % for those whose gender is female, 14.2 "
        "points lower than the 44.5 % for those whose gender is male (95 % interval: 11.3 to 17.0 "
        "points).\n"
        "Where department is the same, the difference disappears for those whose gender is female: "
        "what is left could be chance (CDDL, 95 % interval: minus 5.3 to 1.4 points)."
    )


def test_what_is_undefined_missing_or_without_intervals_is_said() -> None:
    df = biaskit.datasets.berkeley()
    df.loc[:9, "gender"] = None
    told = biaskit.summary(
        biaskit.report(df, facet="gender", label="decision", positive="admitted",
                       metrics=["DPL", "RD"])
    )  # fmt: skip
    assert "1 of 2 distinct numbers is undefined: RD." in told
    assert "Up to 10 of 4,526 rows for gender are left out" in told
    told = biaskit.summary(berkeley(confidence=None))
    assert told == (
        "This report has no intervals, so it does not show which differences are beyond chance."
    )
    assert "compares nothing" in biaskit.summary(berkeley().head(0))


def test_a_report_from_a_file_says_the_same(tmp_path: Path) -> None:
    df = biaskit.datasets.berkeley().assign(female=lambda x: x["gender"] == "female", code=1)
    df["code"] = df["female"].astype(int)
    given = {"facet": ["female", "code"], "label": "decision", "positive": "admitted"}
    report = biaskit.report(df, **given, group="department")
    text = io.StringIO(report.to_csv(index=False))
    report.to_parquet(tmp_path / "r.parquet")
    for other in (
        pd.read_csv(text),
        pd.read_parquet(tmp_path / "r.parquet"),
        pd.read_json(io.StringIO(report.to_json(orient="records", double_precision=15))),
    ):
        assert biaskit.summary(other) == biaskit.summary(report)
        assert [one.lower() for one in biaskit.sentences(other)] == [
            one.lower() for one in biaskit.sentences(report)
        ]


def test_stacked_tables_are_told_apart() -> None:
    months = []
    for month, shift in (("May", 0), ("June", 1)):
        rng = np.random.default_rng(shift)
        sex = rng.choice(["F", "M"], 4000)
        paid = rng.random(4000) < np.where(sex == "F", 0.5 - 0.2 * shift, 0.7)
        df = pd.DataFrame({"sex": sex, "paid": paid})
        months.append(biaskit.report(df, facet="sex", label="paid").assign(month=month))
    told = biaskit.summary(pd.concat(months))
    assert told.startswith("All 4 distinct comparisons")
    assert "The larger of 2 gaps, in month June: the share whose label is positive" in told


@pytest.mark.parametrize("other", [pd.DataFrame({"a": [1]}), {"facet": 1}, 3, None])
@pytest.mark.parametrize("function", [biaskit.summary, biaskit.sentences])
def test_what_is_no_report_is_refused(function: Any, other: Any) -> None:
    with pytest.raises(BiaskitError, match="not a report: it has no column 'stage', 'facet'"):
        function(other)


def test_columns_that_hold_something_else_are_refused() -> None:
    report = berkeley()
    with pytest.raises(BiaskitError, match="estimate holds 'a lot', which is not a number"):
        biaskit.summary(report.astype({"estimate": object}).assign(estimate="a lot"))
    with pytest.raises(BiaskitError, match="n_d holds -1"):
        biaskit.sentences(report.assign(n_d=-1))
    with pytest.raises(BiaskitError, match="it has no column 'low'"):
        biaskit.summary(report.drop(columns="low"))
    with pytest.raises(BiaskitError, match=r"counts takes what biaskit\.count returns"):
        biaskit.summary(report, counts="berkeley.counts")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("symbol", EVERY)
def test_sentences_stay_sentences_whatever_the_names(symbol: str, name: str) -> None:
    one = EVERY[symbol]
    plain = name.encode("utf-8", "backslashreplace").decode()
    made = [
        row(symbol, facet=name or "f", value=name, estimate=0.25, low=0.1, high=0.4),
        row(symbol, facet=name or "f", value=name, estimate=math.nan),
    ]
    roles = Roles(facet=plain or "f", label=f"y{plain}"[:500], predicted="p", group="g")
    told = [
        *row_sentences(made),
        in_words(one, roles, plain, estimate=0.25),
    ]
    for sentence in told:
        assert sentence.isprintable()
        assert re.fullmatch(r"[A-Z].*[^.:]\.", sentence), sentence
        assert len(sentence) < 1_500
        assert not re.search(r"\b(?:nan|None)\b", sentence)
        left = sentence.replace("{them}", "")
        assert not {"{", "}"} & {*left}


def test_a_metric_of_ones_own_is_known_or_told_plainly() -> None:
    @metric(
        "MINE",
        "q_a - q_d",
        needs=("label", "positive"),
        bounds=(-1, 1),
        parity=0,
        against_d=">",
        swap="negates",
        rate=lambda side: (side.n1, side.n),
        reading="...",
    )
    def mine(a: Any, d: Any) -> Any:
        """My own gap."""
        return a.q - d.q

    report = berkeley(metrics=[mine])
    told = biaskit.summary(report, metrics=[mine])
    assert told.startswith("The only comparison differs surely")
    assert "My own gap: 30.4 % for those whose gender is female" in told
    assert biaskit.sentences(report)[0] == (
        "MINE is 0.14 for those whose gender is female, compared with all others."
    )
    # Which side is worse off is unknown without the metric.
    told = biaskit.summary(report)
    assert told == "The only comparison differs surely: by more than chance explains (95 %)."


def test_a_thousand_values_are_told_in_a_few_lines() -> None:
    rng = np.random.default_rng(0)
    rows = rows_like(list(rng.normal(0, 0.1, 1000)), list(rng.uniform(1e-4, 1, 1000)))
    assert summarised(rows).text.startswith("No value of sex differs surely from all others.")
    rows = rows_like(list(rng.normal(0, 0.1, 1000)), [1e-6] * 500 + [0.5] * 500)
    rows += [one._replace(metric="DD") for one in rows]
    rows += [one._replace(metric="CDDL", low=-1.0, high=1.0, p_value=1.0) for one in rows[:1000]]
    told = summarised(rows).text
    assert told.startswith("1,000 of 3,000 distinct comparisons differ surely")
    assert "The largest of 1,000 gaps: " in told
    assert ", and those of 497 other values" in told
    assert len(told) < 1_000


def test_a_reference_has_its_name_where_the_counts_know_it() -> None:
    rng = np.random.default_rng(0)
    race = rng.choice(["A", "B", "C"], 3000)
    df = pd.DataFrame({"race": race, "paid": rng.random(3000) < np.where(race == "B", 0.2, 0.5)})
    counts = biaskit.count(df, facet="race", label="paid", reference="largest")
    report = biaskit.report(counts, metrics="DPL")
    named = biaskit.summary(report, counts=counts)
    assert re.search(r"points lower than the [\d.]+ % for those whose race is [AC] ", named)
    assert "for the reference value (95 %" in biaskit.summary(report)
    assert "for the reference value." in biaskit.sentences(report)[0]


def test_a_reference_that_is_the_highest_makes_nothing_sure() -> None:
    """Of many equal values, the highest differs from some: these are the farthest of all pairs."""
    rows = rows_like([0.2] * 9, [0.003] * 9, n_other=500)
    assert "No value of sex differs surely from the reference value" in summarised(rows).text
    rows = rows_like([0.2] * 9, [0.0009] * 9, n_other=500)
    assert summarised(rows).headline is not None


def test_weighted_rows_are_told() -> None:
    df = biaskit.datasets.berkeley().assign(w=np.tile([0.5, 2.0], 2263))
    roles = {"facet": "gender", "label": "decision", "positive": "admitted", "weight": "w"}
    told = biaskit.summary(biaskit.report(df, **roles, group="department"))
    assert "distinct comparisons differ surely" in told
    assert "lower than the" in told


@pytest.mark.slow
def test_without_any_difference_hardly_any_summary_says_that_there_is_one() -> None:
    rng = np.random.default_rng(1)
    tables, alarms = 100, 0
    for _ in range(tables):
        n = 600
        df = pd.DataFrame({f"f{i}": rng.integers(0, 2 + i % 3, n) for i in range(5)})
        df["paid"] = rng.random(n) < 0.4
        df["town"] = rng.integers(0, 3, n)
        facets = [f"f{i}" for i in range(5)]
        report = biaskit.report(df, facet=facets, label="paid", group="town")
        alarms += "No value of f0, f1, f2" not in biaskit.summary(report)
    # 5 % would be 5; 11 or more would come once in a hundred such tests.
    assert alarms < 11


def test_the_command_line_says_it_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "b.parquet"
    biaskit.datasets.berkeley().to_parquet(path)
    flags = ["report", str(path), "--facet", "gender", "--label", "decision"]
    flags += ["--positive", "admitted"]
    first = "Both distinct comparisons differ surely: by more than chance explains"

    def out(*more: str) -> str:
        assert main([*flags, *more]) == 0
        return capsys.readouterr().out

    assert out().startswith(first)
    assert out("--format", "markdown").startswith(f"* {first}")
    made = json.loads(out("--format", "json"))["summary"]
    assert (made["comparisons"], made["sure"]) == (2, 2)
    assert [one["kind"] for one in made["findings"]] == ["verdict", "largest"]
    assert out("--format", "csv").startswith("stage,")


@pytest.mark.parametrize("seed", range(4))
def test_notes_are_no_surer_than_the_summary_of_what_groups_do(seed: int) -> None:
    """The gap is the same in all of 6 groups, and too few rows show it: nothing disappears."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(25):
        is_d = rng.random(300) < 0.4
        positive = rng.random(300) < np.where(is_d, 0.25, 0.45)
        df = pd.DataFrame({"f": np.where(is_d, "d", "a"), "y": positive})
        df["g"] = rng.integers(0, 6, 300)
        report = biaskit.report(df, facet="f", label="y", group="g", facet_values="d")
        made += [one for one in report["note"] if "within groups" in one]
        told = biaskit.summary(report)
        assert "disappears" not in told
    assert made == []
