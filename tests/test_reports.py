"""The report: its shape, its reconciliation of rows, its notes, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given

import biaskit
from biaskit import METRICS, BiaskitError, lp_norm
from support import naive
from support.strategies import columns

COLUMNS = ["stage", "facet", "value", "metric", "estimate", "low", "high", "p_value"]
COLUMNS += [
    "confidence",
    "rate_a",
    "rate_d",
    "of_a",
    "of_d",
    "n_a",
    "n_d",
    "n_missing",
    "n_other",
    "note",
]

USUAL = [metric for metric in METRICS.values() if not metric.only_named]
PRE = [metric.symbol for metric in USUAL if metric.stage == "pre-training"]


def frame(**more: Any) -> pd.DataFrame:
    made = {"sex": ["F", "F", "M", "M", "M"], "y": [0, 1, 1, 1, 0], "g": ["a", "b", "a", "b", "b"]}
    return pd.DataFrame({**made, **more})


def one(report: pd.DataFrame, metric: str, value: str | None = None) -> pd.Series:
    rows = report[(report["metric"] == metric) & ((report["value"] == value) if value else True)]
    assert len(rows) == 1
    return rows.iloc[0]


@given(table=columns())
def test_every_figure_equals_its_naive_twin(table: dict[str, list[Any]]) -> None:
    """From rows, through counting, splitting and reporting, missing values and all."""
    report = biaskit.report(
        pa.table(table),
        facet="sex",
        label="outcome",
        group="group",
        positive=["yes", "wait"] if "wait" in table["outcome"] else "yes",
    )
    positive = {"yes", "wait"}
    for row in report.itertuples():
        known = [
            ("d" if sex == row.value else "a", label, group, None)
            for sex, label, group in zip(
                table["sex"], table["outcome"], table["group"], strict=True
            )
            if sex is not None
            and label is not None
            and (group is not None or "group" not in METRICS[row.metric].needs)
        ]
        expected = naive.METRICS[row.metric](known, positive)
        if expected is None:
            assert math.isnan(row.estimate)
            assert row.note
        else:
            assert row.estimate == pytest.approx(expected, abs=1e-12)
        assert row.n_d == sum(side == "d" for side, *_ in known)
        assert row.n_a == len(known) - row.n_d


@pytest.mark.slow
@given(table=columns())
def test_no_row_is_lost(table: dict[str, list[Any]]) -> None:
    report = biaskit.report(
        pa.table(table),
        facet=["sex", ("sex", "race")],
        label="y",
        group="group",
        facet_values={("sex", "race"): [("F", "b")]},
    )
    assert (report["n_a"] + report["n_d"] + report["n_missing"] == len(table["y"])).all()


@pytest.mark.parametrize("labels", [2, 5])
@pytest.mark.parametrize("weight", [None, "w"])
def test_a_number_is_the_same_alone_and_among_others(labels: int, weight: str | None) -> None:
    """All intervals of a report are found together, which may not change any of them."""
    rng = np.random.default_rng(labels)
    rows = 3_000
    df = pd.DataFrame(
        {
            "s": rng.choice(list("abcd"), rows, p=[0.9, 0.08, 0.015, 0.005]),
            "y": rng.integers(0, labels, rows),
            "p": rng.integers(0, labels, rows),
            "g": rng.integers(0, 40, rows),
            "w": rng.lognormal(size=rows),
        }
    )
    roles = {"facet": "s", "label": "y", "predicted": "p", "group": "g", "positive": 1}
    counts = biaskit.count(df, **roles, weight=weight)
    together = biaskit.report(counts)
    alone = pd.concat([biaskit.report(counts, metrics=[one]) for one in METRICS])
    alone = alone.set_index(["value", "metric"]).loc[
        [*zip(together["value"], together["metric"], strict=True)]
    ]
    figures = ["estimate", "low", "high", "p_value"]
    np.testing.assert_array_equal(alone[figures], together[figures])


def test_the_report_is_a_plain_tidy_frame() -> None:
    report = biaskit.report(frame(), facet="sex", label="y", group="g")
    assert type(report) is pd.DataFrame
    assert list(report.columns) == COLUMNS
    assert report.index.equals(pd.RangeIndex(len(report)))
    assert report.attrs == {}
    assert report["value"].tolist() == ["F"] * 9 + ["M"] * 9
    assert report["metric"].tolist() == PRE * 2
    assert report["estimate"].dtype == np.float64
    assert {report[n].dtype for n in ("n_a", "n_d", "n_missing")} == {np.dtype(np.int64)}
    wide = report.pivot(index=["facet", "value"], columns="metric", values="estimate")
    assert wide.loc[("sex", "F"), "DPL"] == pytest.approx(2 / 3 - 1 / 2)


def test_a_metric_runs_when_its_columns_are_given() -> None:
    assert biaskit.report(frame(), facet="sex")["metric"].unique().tolist() == ["CI"]
    without_group = biaskit.report(frame(), facet="sex", label="y")["metric"].unique().tolist()
    assert without_group == [symbol for symbol in PRE if symbol != "CDDL"]


def test_metrics_are_chosen_by_name_alias_or_object() -> None:
    asked = biaskit.report(frame(), facet="sex", label="y", group="g", metrics=["CDD", lp_norm(1)])
    assert asked["metric"].tolist() == ["CDDL", "LP(p=1)"] * 2
    with pytest.raises(BiaskitError, match="no metric 'DPX'"):
        biaskit.report(frame(), facet="sex", label="y", metrics="DPX")


def test_a_metric_asked_for_without_its_column_says_so() -> None:
    report = biaskit.report(frame(), facet="sex", label="y", metrics=["CDDL", "CI"])
    row = one(report, "CDDL", "F")
    assert math.isnan(row["estimate"])
    assert row["note"] == "not computed without a group column: give group="


def test_several_facets_are_several_reports_of_one_pass() -> None:
    df = frame(race=["b", "w", "b", "w", "w"])
    both = biaskit.report(df, facet=["sex", "race"], label="y")
    apart = [biaskit.report(df, facet=facet, label="y") for facet in ("sex", "race")]
    pd.testing.assert_frame_equal(both, pd.concat(apart, ignore_index=True))


def test_an_intersection_has_a_value_per_combination() -> None:
    df = frame(race=["b", "w", "b", "w", None])
    report = biaskit.report(df, facet=("sex", "race"), label="y", metrics="CI")
    assert report["facet"].unique().tolist() == ["sex & race"]
    assert report["value"].tolist() == ["F & b", "F & w", "M & b", "M & w"]
    assert set(report["n_missing"]) == {1}
    chosen = biaskit.report(
        df, facet=("sex", "race"), label="y", metrics="CI", facet_values=[("F", "b")]
    )
    assert chosen["value"].tolist() == ["F & b"]


def test_facet_values_together_are_d() -> None:
    df = pd.DataFrame({"race": ["b", "h", "w", "w"], "y": [0, 1, 1, 1]})
    report = biaskit.report(df, facet="race", label="y", facet_values=["h", "b"])
    assert one(report, "DPL")["estimate"] == 0.5
    assert report["value"].unique().tolist() == ["b, h"]


def test_facet_above_compares_the_rows_above() -> None:
    df = pd.DataFrame({"age": [20, 40, 41, None], "y": [1, 1, 0, 1]})
    report = biaskit.report(df, facet="age", label="y", facet_above=40)
    row = one(report, "DPL")
    assert (row["value"], row["estimate"], row["n_d"], row["n_missing"]) == (">40", 1.0, 1, 1)


def test_empty_bins_stay_and_say_that_they_are_empty() -> None:
    df = pd.DataFrame({"age": [20, 70], "y": [1, 0]})
    report = biaskit.report(df, facet="age", label="y", facet_edges=[25, 40, 65])
    assert report["value"].unique().tolist() == ["<=25", "(25, 40]", "(40, 65]", ">65"]
    row = one(report, "KL", "(25, 40]")
    assert math.isnan(row["estimate"])
    assert row["note"] == "only 2 rows on side a; no rows on side d"


def test_weights_weigh() -> None:
    df = frame(w=[1.0, 3.0, 1.0, 1.0, 2.0])
    row = one(biaskit.report(df, facet="sex", label="y", weight="w"), "DPL", "F")
    assert row["estimate"] == pytest.approx(2 / 4 - 3 / 4)
    assert (row["n_a"], row["n_d"]) == (3, 2)


def test_choices_do_not_change_the_counts() -> None:
    df = frame()
    yes = biaskit.report(df, facet="sex", label="y", positive=1)
    no = biaskit.report(df, facet="sex", label="y", positive=0)
    assert one(yes, "DPL", "F")["estimate"] == pytest.approx(-one(no, "DPL", "F")["estimate"])
    assert one(yes, "KL", "F")["estimate"] == one(no, "KL", "F")["estimate"]


@pytest.mark.parametrize(
    ("label", "positive"),
    [
        ([0, 1, 1, 1, 0], None),
        ([0.0, 1.0, 1.0, 1.0, 0.0], None),
        ([False, True, True, True, False], None),
        ([False, True, True, True, False], "True"),
        ([False, True, True, True, False], [True]),
        (["0", "1", "1", "1", "0"], 1),
        ([2, 1, 1, 1, 2], 1),
        ([2, 1, 1, 1, 2], "1"),
        ([2, 1, 1, 1, 2], np.int64(1)),
        ([2.5, 1.5, 1.5, 1.5, 2.5], 1.5),
        (["no", ">50K", ">50K", ">50K", "no"], ">50K"),
    ],
)
def test_the_positive_value_is_the_one_that_was_meant(label: list[Any], positive: Any) -> None:
    report = biaskit.report(frame(y=label), facet="sex", label="y", positive=positive)
    assert one(report, "DPL", "F")["estimate"] == pytest.approx(2 / 3 - 1 / 2)


def test_notes_on_what_is_undefined_or_small() -> None:
    never = biaskit.report(frame(y=[0, 0, 0, 0, 0]), facet="sex", label="y", group="g")
    assert one(never, "DPL", "F")["estimate"] == 0
    few = "only 3 rows on side a; only 2 rows on side d"
    assert one(never, "DPL", "F")["note"] == f"{few}; every known y is the same"
    assert math.isnan(one(never, "DD", "F")["estimate"])
    assert (
        "undefined: every label is positive, or every label is negative"
        in one(never, "DD", "F")["note"]
    )
    assert "no group has both" in one(never, "CDDL", "F")["note"]
    single = biaskit.report(frame(sex=["F", "M", "M", "M", "M"]), facet="sex", label="y")
    assert one(single, "DPL", "F")["note"] == "only 4 rows on side a; one row on side d"
    assert one(single, "DPL", "M")["note"] == "one row on side a; only 4 rows on side d"
    strata = biaskit.report(
        frame(g=["a", "a", "a", "b", "b"], y=[0, 1, 0, 1, 1]), facet="sex", label="y", group="g"
    )
    told = one(strata, "CDDL", "F")["note"]
    assert "1 of 2 groups left out: no accepted or no rejected rows" in told


def test_columns_that_are_only_missing() -> None:
    no_label = biaskit.report(
        pa.table({"sex": ["F", "M"], "y": pa.nulls(2)}), facet="sex", label="y"
    )
    assert no_label["estimate"].isna().all()
    assert set(no_label["note"]) == {"no rows on side a; no rows on side d"}
    assert set(no_label["n_missing"]) == {2}
    no_facet = biaskit.report(frame(sex=[None] * 5), facet="sex", label="y")
    assert no_facet["value"].unique().tolist() == ["(missing)"]
    assert no_facet["estimate"].isna().all()
    no_group = biaskit.report(frame(g=[None] * 5), facet="sex", label="y", group="g")
    assert math.isnan(one(no_group, "CDDL", "F")["estimate"])
    assert one(no_group, "DPL", "F")["n_missing"] == 0


def test_infinity_is_infinite() -> None:
    report = biaskit.report(frame(y=[0, 0, 1, 1, 0]), facet="sex", label="y")
    assert one(report, "KL", "F")["estimate"] == math.inf
    assert 0 < one(report, "KL", "M")["estimate"] < math.inf


def test_stacked_reports_are_a_report_and_survive_files(tmp_path: Any) -> None:
    df = frame()
    stacked = pd.concat(
        [biaskit.report(df, facet=f, label="y") for f in ("sex", "g")], ignore_index=True
    )
    stacked.to_parquet(tmp_path / "r.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "r.parquet"), stacked)


def test_counts_of_yesterday_and_today() -> None:
    df = frame()
    roles = {"facet": "sex", "label": "y", "group": "g"}
    parts = biaskit.count(df.iloc[:2], **roles) + biaskit.count(df.iloc[2:], **roles)
    pd.testing.assert_frame_equal(biaskit.report(parts), biaskit.report(df, **roles))


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"label": "y"}, "facet is needed"),
        ({"facet": "sex", "label": "name"}, "They are 'no', 'yes': give one or more"),
        (
            {"facet": "sex", "label": "name", "positive": "ye"},
            "'ye' does not occur in 'name'; did you mean 'yes'\\? The values are 'no', 'yes'",
        ),
        ({"facet": "sex", "label": "y", "positive": ["1", 7]}, "'7' does not occur"),
        ({"facet": "sex", "label": "y", "facet_values": "W"}, "'W' does not occur in 'sex'"),
        ({"facet": "sex", "label": "y", "facet_values": ["F", "M"]}, "nothing is left to compare"),
        ({"facet": "same", "label": "y"}, "has one value, 'x'"),
        ({"facet": "sex", "label": "sex"}, "'sex' is given as facet and as label"),
        ({"facet": "sex", "label": "y", "group": "y"}, "'y' is given as label and as group"),
        ({"facet": ["sex", "sex"], "label": "y"}, "names a column twice"),
        ({"facet": ("sex", "sex"), "label": "y"}, "names a column twice"),
        ({"facet": ("sex", None), "label": "y"}, "an intersection is a tuple of columns"),
        ({"facet": 3.5, "label": "y"}, "facet takes one column name"),
        ({"facet": "sex", "label": ["y"]}, "label takes one column name"),
        ({"facet": "sex", "label": "y", "positive": 1, "positive_above": 0}, "not both"),
        ({"facet": "sex", "positive": 1}, "positive needs label"),
        ({"facet": "sex", "positive_above": 1}, "positive_above needs label"),
        ({"facet": "sex", "predicted_above": 1}, "predicted_above needs predicted"),
        ({"facet": "sex", "label": "y", "positive": []}, "positive needs one or more values"),
        ({"facet": "sex", "label": "y", "positive": [None]}, "none of them missing"),
        ({"facet": "sex", "label": "y", "positive_above": "high"}, "takes a number"),
        ({"facet": "sex", "label": "y", "positive_above": True}, "takes a number"),
        ({"facet": "sex", "label": "y", "positive_above": math.nan}, "takes a"),
        ({"facet": "sex", "label": "y", "facet_edges": [3, 1]}, "ascending"),
        ({"facet": "sex", "label": "y", "facet_edges": []}, "ascending"),
        ({"facet": "sex", "label": "y", "facet_edges": [1], "facet_above": 1}, "two of"),
        (
            {"facet": ["sex", "g"], "label": "y", "facet_values": "F"},
            "give a mapping: facet_values={'sex': 'F'}",
        ),
        ({"facet": ["sex", "g"], "label": "y", "facet_above": 1}, "give a mapping"),
        (
            {"facet": "sex", "label": "y", "facet_above": {"sx": 1}},
            "no facet 'sx'; did you mean 'sex'",
        ),
        ({"facet": "sex", "label": "y", "facet_values": {"sx": 1}}, "no facet 'sx'"),
    ],
)
def test_what_the_call_gets_wrong(roles: dict[str, Any], message: str) -> None:
    df = frame(name=["no", "no", "yes", "yes", "no"], same="x")
    with pytest.raises(BiaskitError, match=message):
        biaskit.report(df, **roles)


def test_a_label_of_many_values_needs_no_positive_for_distances() -> None:
    df = frame(y=["a", "b", "c", "a", "b"])
    report = biaskit.report(df, facet="sex", label="y", metrics=["KL", "JS", "LP", "TVD", "KS"])
    assert len(report) == 10


def test_predictions_are_positive_as_labels_are() -> None:
    df = frame(y=["no", "yes", "yes", "yes", "no"], p=["no", "no", "yes", "yes", "yes"])
    text = biaskit.report(df, facet="sex", label="y", predicted="p", positive="yes")
    numbers = biaskit.report(
        frame(y=[0, 1, 1, 1, 0], p=[False, False, True, True, True]),
        facet="sex",
        label="y",
        predicted="p",
    )
    scores = biaskit.report(
        frame(y=[0, 1, 1, 1, 0], p=[0.1, 0.5, 0.6, 0.9, 0.8]),
        facet="sex",
        label="y",
        predicted="p",
        predicted_above=0.5,
    )
    pd.testing.assert_frame_equal(text, numbers)
    pd.testing.assert_frame_equal(text, scores)
    assert one(text, "DPPL", "F")["estimate"] == 1.0
    assert set(text["stage"]) == {"pre-training", "post-training"}


def test_a_model_that_predicts_no_positives_has_a_report() -> None:
    report = biaskit.report(
        frame(y=["no", "yes", "yes", "yes", "no"], p="no"),
        facet="sex",
        label="y",
        predicted="p",
        positive="yes",
    )
    assert one(report, "DPPL", "F")["estimate"] == 0
    assert math.isnan(one(report, "DI", "F")["estimate"])
    assert "undefined: neither side has a positive prediction" in one(report, "DI", "F")["note"]
    assert one(report, "GE", "F")["estimate"] == pytest.approx(0.75)


def test_predictions_without_labels() -> None:
    report = biaskit.report(frame(p=[0, 1, 1, 1, 1]), facet="sex", predicted="p", group="g")
    assert report["metric"].unique().tolist() == ["CI", "DPPL", "DI", "CDDPL"]


def test_a_missing_prediction_is_missing_for_post_training_metrics_only() -> None:
    report = biaskit.report(frame(p=[0, 1, 1, 1, None]), facet="sex", label="y", predicted="p")
    assert one(report, "DPL", "F")["n_missing"] == 0
    assert one(report, "RD", "F")["n_missing"] == 1


@pytest.mark.parametrize(
    ("predicted", "roles", "message"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], {}, "predicted_above"),
        (["n", "j", "j", "n", "n"], {"positive": 1}, "none of which label 'y' has"),
    ],
)
def test_predictions_that_cannot_be_understood(predicted: Any, roles: Any, message: str) -> None:
    with pytest.raises(BiaskitError, match=message):
        biaskit.report(frame(p=predicted), facet="sex", label="y", predicted="p", **roles)


def test_a_predicted_column_is_counted_on_an_axis_of_its_own() -> None:
    counts = biaskit.count(
        frame(p=[0.2, 0.9, 0.4, None, 0.6]),
        facet="sex",
        label="y",
        predicted="p",
        predicted_above=0.5,
    )
    (table,) = counts.tables.values()
    assert table.n.sum(axis=(0, 1, 3)).tolist() == [2, 2, 1]
