"""Explanations: gaps split into features that add up to them, from any model and any table."""

from __future__ import annotations

import json
import os
import pickle
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

import biaskit
from biaskit.cli import main
from biaskit.errors import BiaskitError, DataError, RolesError
from biaskit.explanations import dependence, samples
from biaskit.explanations import rows as rows_read
from biaskit.explanations.trees import forests, tables
from biaskit.intervals import proportions
from support import naive_shapley as naive

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")


def people(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "sex": np.array(["F", "M", "M"])[rng.integers(0, 3, rows)],
            "age": rng.integers(20, 60, rows),
            "pay": np.round(rng.normal(size=rows), 2),
            "tall": rng.random(rows) < 0.5,
        }
    )
    frame.loc[frame.sex == "M", "pay"] += 1
    frame["hired"] = (frame.pay + rng.normal(size=rows) > 0.5).astype(int)
    return frame


PEOPLE = people()
FEATURES = ["age", "pay", "tall"]
XGB = xgboost.XGBClassifier(n_estimators=6, max_depth=3, n_jobs=1).fit(
    PEOPLE[FEATURES], PEOPLE.hired
)
GAP = {"facet": "sex", "facet_values": "F"}


FIXED = "the background is from the data and is treated as fixed"


def parts(report: pd.DataFrame) -> tuple[float, float]:
    """Sum of the features' gaps, and the gap of the output."""
    is_total = report.feature == "(total)"
    return report.gap[~is_total].sum(), report.gap[is_total].sum()


@pytest.mark.parametrize("background", [None, PEOPLE], ids=["alone", "background"])
def test_the_parts_add_up_to_the_gap_in_the_output(background: Any) -> None:
    report = biaskit.explain(XGB, PEOPLE, **GAP, background=background)
    assert [*report.feature] == [*FEATURES, "(total)"]
    margin = XGB.predict(PEOPLE[FEATURES], output_margin=True).astype(float)
    women = (PEOPLE.sex == "F").to_numpy()
    whole = margin[~women].mean() - margin[women].mean()
    added, total = parts(report)
    assert added == pytest.approx(total, rel=1e-9)
    assert total == pytest.approx(whole, abs=1e-5)
    assert report.share[:-1].sum() == pytest.approx(1)
    assert set(report.scale) == {"raw"}
    assert [*report.n_a.unique()] == [(~women).sum()]
    assert [*report.n_d.unique()] == [women.sum()]
    assert (report.low <= report.gap).all()
    assert (report.gap <= report.high).all()
    assert report.note[3] == ""
    assert set(report.note[:3]) == {"" if background is None else FIXED}


def test_the_columns() -> None:
    report = biaskit.explain(XGB, PEOPLE, facet="sex")
    assert [*report.columns] == [
        *("facet", "value", "feature", "mean_abs_a", "mean_abs_d", "mean_a", "mean_d", "gap"),
        *(
            "low",
            "high",
            "share",
            "n_a",
            "n_d",
            "n_missing",
            "n_other",
            "output",
            "scale",
            "method",
            "note",
        ),
    ]
    assert [*report.value.unique()] == ["F", "M"]
    assert type(report) is pd.DataFrame


def forms(tmp_path: Path) -> dict[str, Any]:
    pq.write_table(
        pa.Table.from_pandas(PEOPLE, preserve_index=False),
        tmp_path / "p.parquet",
        row_group_size=50,
    )
    half = len(PEOPLE) // 2
    PEOPLE[:half].assign(tall=PEOPLE.tall.astype(int)).to_csv(tmp_path / "1.csv", index=False)
    PEOPLE[half:].assign(tall=PEOPLE.tall.astype(int)).to_csv(tmp_path / "2.csv", index=False)
    PEOPLE.to_json(tmp_path / "p.jsonl", orient="records", lines=True)
    return {
        "pandas": PEOPLE,
        "polars": pl.from_pandas(PEOPLE),
        "arrow": pa.Table.from_pandas(PEOPLE),
        "parquet": tmp_path / "p.parquet",
        "csv": str(tmp_path / "?.csv"),
        "jsonl": tmp_path / "p.jsonl",
    }


@pytest.mark.slow
@pytest.mark.parametrize("form", ["pandas", "polars", "arrow", "parquet", "csv", "jsonl"])
@pytest.mark.parametrize("at_once", [7, 1 << 16])
def test_any_table_in_any_batches_says_the_same(
    form: str, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = biaskit.explain(XGB, PEOPLE, **GAP, background=PEOPLE)
    monkeypatch.setattr(rows_read, "_AT_ONCE", at_once)
    data = forms(tmp_path)[form]
    report = biaskit.explain(XGB, data, **GAP, background=data)
    pd.testing.assert_frame_equal(report, expected, rtol=1e-9)


def test_facets_cuts_intersections_and_missing_values() -> None:
    rows = PEOPLE.copy()
    rows.loc[:9, "sex"] = None
    report = biaskit.explain(
        XGB, rows, facet=["sex", "age", ("sex", "tall")], facet_edges={"age": [30, 40]}
    )
    assert [*report.facet.unique()] == ["sex", "age", "sex & tall"]
    ages = report[report.facet == "age"]
    assert [*ages.value.unique()] == ["<=30", "(30, 40]", ">40"]
    assert (ages.n_a + ages.n_d == len(rows)).all()
    assert (report[report.facet == "sex"].n_missing == 10).all()
    assert "F & True" in set(report.value)
    for _, block in report.groupby(["facet", "value"]):
        added, total = parts(block)
        assert added == pytest.approx(total)
        assert (block.n_a + block.n_d + block.n_missing == len(rows)).all()
    young = biaskit.explain(XGB, rows, facet="age", facet_above=40)
    assert [*young.value.unique()] == [">40"]
    assert young.note[young.feature == "age"].tolist() == ["this feature is the facet itself"]


def test_without_a_facet() -> None:
    report = biaskit.explain(XGB, PEOPLE)
    values = biaskit.shap_values(XGB, PEOPLE).values
    assert report.mean_abs[:-1].tolist() == pytest.approx(np.abs(values).mean(axis=0))
    assert report["median"][:-1].tolist() == pytest.approx(np.median(values, axis=0))
    assert report.mean_square[:-1].tolist() == pytest.approx((values**2).mean(axis=0))
    assert (report.n == len(PEOPLE)).all()


def test_a_median_of_many_rows_is_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MEDIAN_ROWS", 50)
    one, other = samples.Medians(), samples.Medians()
    values = np.random.default_rng(0).normal(size=(1, 2, 1_000))
    one.add(values)
    for start in range(0, 1_000, 30):
        other.add(values[:, :, start : start + 30])
    assert np.array_equal(one.found(), other.found())
    assert np.abs(one.found()).max() < 0.6


@pytest.mark.slow
def test_the_probability_of_trees_is_sampled_and_says_how_well() -> None:
    report = biaskit.explain(XGB, PEOPLE, **GAP, scale="probability")
    probability = XGB.predict_proba(PEOPLE[FEATURES])[:, 1].astype(float)
    women = (PEOPLE.sex == "F").to_numpy()
    added, total = parts(report)
    assert added == pytest.approx(total)
    assert total == pytest.approx(probability[~women].mean() - probability[women].mean(), abs=1e-5)
    assert set(report.scale) == {"probability"}
    assert report.method.str.contains("sampled: 2 orders × 50 rows of the data").all()
    assert report.note[1].startswith("sampling error")
    again = biaskit.explain(XGB, PEOPLE, **GAP, scale="probability")
    pd.testing.assert_frame_equal(again, report)


@pytest.mark.slow
def test_the_sampling_error_is_of_the_size_it_says() -> None:
    """Over seeds, the exact gap of a model of few features lies within its errors."""
    rows, background = PEOPLE[:60], PEOPLE[60:72]

    def output(mixed: np.ndarray) -> np.ndarray:
        frame = pd.DataFrame(mixed, columns=FEATURES)
        return XGB.predict_proba(frame)[:, 1].astype(float)

    plain = background[FEATURES].to_numpy(dtype=float)
    exact = np.array(
        [naive.interventional(output, row, plain) for row in rows[FEATURES].to_numpy(float)]
    )
    women = (rows.sex == "F").to_numpy()
    expected = exact[~women].mean(axis=0) - exact[women].mean(axis=0)
    within = []
    for seed in range(8):
        report = biaskit.explain(
            XGB, rows, **GAP, scale="probability", background=background, seed=seed
        )
        error = report.note[:3].str.extract(r"sampling error (\S+)")[0].astype(float)
        within += (np.abs(report.gap[:3] - expected) <= 2.5 * error).tolist()
    assert np.mean(within) > 0.9


class Score:
    def __init__(self, *weights: float):
        self.weights = weights

    def __call__(self, rows: Any) -> Any:
        return sum(w * rows[name] for w, name in zip(self.weights, FEATURES, strict=True))


def test_any_function_of_a_frame_or_of_an_array() -> None:
    report = biaskit.explain(
        Score(1, 2, 3), PEOPLE, **GAP, features=FEATURES, background=PEOPLE[:20]
    )
    women = (PEOPLE.sex == "F").to_numpy()
    means = PEOPLE[~women][FEATURES].mean() - PEOPLE[women][FEATURES].mean()
    assert report.gap[:3].tolist() == pytest.approx((means * [1, 2, 3]).tolist())
    assert set(report.method) == {"shap's Exact, 20 rows of the background"}
    array = biaskit.explain(
        lambda rows: rows[:, 0] + 2 * rows[:, 1] + 3 * rows[:, 2],
        PEOPLE,
        **GAP,
        features=FEATURES,
        background=PEOPLE[:20],
    )
    pd.testing.assert_frame_equal(array, report)


@pytest.mark.parametrize(
    ("hired", "rows", "hired_d"), [(300, 1_000, 0), (5, 5_000, 1), (0, 1_000, 0), (50, 50, 20)]
)
def test_decisions_have_the_interval_of_proportions(hired: int, rows: int, hired_d: int) -> None:
    """That of their one feature as well, where its parts are two values."""
    sides = [(hired, rows, "a"), (hired_d, 20, "d")]
    made = [(float(i < yes), name) for yes, n, name in sides for i in range(n)]
    table = pd.DataFrame(made, columns=["x", "s"])
    found = biaskit.explain(
        lambda some: (some["x"] > 0.5) * 1.0,
        table,
        facet="s",
        facet_values="d",
        features=["x"],
        background=pd.DataFrame({"x": [0.0, 1.0]}),
    )
    expected = [float(one) for one in proportions.difference(hired, rows, hired_d, 20)]
    assert found.loc[1, ["gap", "low", "high"]].tolist() == pytest.approx(expected, abs=1e-12)
    if table.x.nunique() == 2:
        assert found.loc[0, ["gap", "low", "high"]].tolist() == pytest.approx(expected, abs=1e-12)
    assert (found.note[found.gap != 0] == "").all()


def test_the_part_of_the_facet_itself_is_sure() -> None:
    """Other rows of a side would have the same facet; outputs are decisions all the same."""
    found = biaskit.explain(
        Score(0, 0, 1),
        PEOPLE,
        facet="tall",
        facet_values=True,
        features=FEATURES,
        background=PEOPLE[:20],
    )
    ends = found[["gap", "low", "high"]].to_numpy()
    assert ends[2] == pytest.approx([-1, -1, -1])
    assert ends[3] == pytest.approx([-1, -1, -0.95], abs=0.03)
    assert ends[3, 2] > -1


@pytest.mark.slow
def test_an_offset_of_the_output_leaves_the_interval_as_it_is() -> None:
    """The interval of the output is that of its one feature."""
    values = np.random.default_rng(0).normal(size=20_000)
    rows = pd.DataFrame({"b": values, "s": ["p", "q"] * 10_000})
    found = biaskit.explain(
        lambda some: some["b"] + 1e9,
        rows,
        facet="s",
        facet_values="q",
        features=["b"],
        background=pd.DataFrame({"b": [0.0, 1.0]}),
    )
    assert found.low[1] == pytest.approx(found.low[0], abs=1e-6)
    assert found.high[1] == pytest.approx(found.high[0], abs=1e-6)
    assert found.high[1] - found.low[1] < 0.06


@pytest.mark.slow
def test_a_sum_that_few_rows_carry_says_so() -> None:
    rng = np.random.default_rng(0)
    rare = np.where(rng.random(2_040) < 0.01, rng.lognormal(size=2_040), 0.0)
    rows = pd.DataFrame(
        {"rare": rare, "b": rng.normal(size=2_040), "s": ["a"] * 2_000 + ["d"] * 40}
    )
    found = biaskit.explain(
        lambda some: some["rare"] + some["b"],
        rows,
        facet="s",
        facet_values="d",
        features=["rare", "b"],
        background=rows[:10],
    )
    assert found.note[0].startswith("few rows carry this sum: about 1 on one side")
    assert (found.note[1:] == "").all()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["object", "path", "paths", "none"])
def test_a_background_of_the_data_counts_as_fixed(form: str, tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    PEOPLE.to_parquet(path)
    data, background = {
        "object": (PEOPLE, PEOPLE),
        "path": (path, str(path)),
        "paths": ([str(path)], path),
        "none": (PEOPLE, None),
    }[form]
    options: dict[str, Any] = {**GAP, "features": FEATURES}
    found = biaskit.explain(Score(1, 2, 3), data, background=background, **options)
    assert set(found.note[:3]) == {FIXED}
    assert found.note[3] == ""
    other = biaskit.explain(Score(1, 2, 3), data, background=PEOPLE[:50], **options)
    assert set(other.note) == {""}


def test_where_the_background_is_from_stays_with_the_attributions(tmp_path: Path) -> None:
    one = biaskit.attribute(XGB, PEOPLE, facet="sex", background=PEOPLE)
    other = biaskit.attribute(XGB, PEOPLE[:50], facet="sex", background=PEOPLE)
    for added in (one + other, other + one):
        added.save(tmp_path / "both")
        found = biaskit.explain(biaskit.Attributions.load(tmp_path / "both"), facet_values="F")
        assert set(found.note[:3]) == {FIXED}
    assert not biaskit.explain(other, facet_values="F").note.str.contains(FIXED).any()


def test_a_background_of_one_row() -> None:
    report = biaskit.explain(Score(1, 2, 3), PEOPLE, features=FEATURES, background=PEOPLE[:1])
    assert report.method[0] == "shap's Exact, 1 rows of the background"
    away = PEOPLE[FEATURES].astype(float) - PEOPLE[FEATURES].iloc[0].astype(float)
    assert report["mean"][:3].tolist() == pytest.approx((away * [1, 2, 3]).mean().tolist())


@pytest.mark.parametrize("background", [None, pl.from_pandas(PEOPLE)], ids=["own", "given"])
def test_a_background_with_texts_of_polars_is_drawn(background: Any) -> None:
    """Its texts are views, from which Arrow takes no rows."""

    def score(rows: Any) -> Any:
        return (rows["sex"] == "F") * rows["age"]

    columns = ["sex", "age"]
    given = None if background is None else PEOPLE
    expected = biaskit.explain(score, PEOPLE[:60], features=columns, background=given)
    some = pl.from_pandas(PEOPLE[:60])
    report = biaskit.explain(score, some, features=columns, background=background)
    pd.testing.assert_frame_equal(report, expected)


def test_an_array_has_the_columns_that_the_model_names() -> None:
    rows = PEOPLE[FEATURES].to_numpy(dtype=float)
    expected = biaskit.shap_values(XGB, PEOPLE)
    for model in (XGB, XGB.get_booster()):
        assert np.array_equal(biaskit.shap_values(model, rows).values, expected.values)


def test_many_features_are_sampled_by_shap() -> None:
    rng = np.random.default_rng(0)
    names = [f"f{i}" for i in range(11)]
    rows = pd.DataFrame(rng.normal(size=(12, 11)), columns=names)
    rows["g"] = ["a", "b"] * 6
    report = biaskit.explain(
        lambda some: some[names].sum(axis=1), rows, facet="g", features=names, background=rows
    )
    assert report.method[0].startswith("shap's Permutation, 10 orders there and back, seed 0")
    added, total = parts(report[report.value == "a"])
    assert added == pytest.approx(total)
    means = rows[names][rows.g == "b"].mean() - rows[names][rows.g == "a"].mean()
    assert report.gap[:11].tolist() == pytest.approx(means.tolist())  # additive: exact all the same


@pytest.mark.slow
def test_a_pipeline_is_explained_by_its_own_columns() -> None:
    columns = ["sex", "age", "pay"]
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["sex"]), remainder="passthrough"),
        LogisticRegression(max_iter=1_000),
    ).fit(PEOPLE[columns], PEOPLE.hired)
    for scale, found, method in (
        ("auto", "raw", "linear, exact, 50 rows of the data"),
        ("probability", "probability", "shap's Exact, 50 rows of the data"),
    ):
        report = biaskit.explain(model, PEOPLE, **GAP, scale=scale)
        assert [*report.feature] == [*columns, "(total)"]
        assert set(report.scale) == {found}
        assert set(report.method) == {method}
    assert report.note[0] == f"this feature is the facet itself; {FIXED}"
    probability = model.predict_proba(PEOPLE[columns])[:, 1]
    women = (PEOPLE.sex == "F").to_numpy()
    added, total = parts(report)
    assert added == pytest.approx(total)
    assert total == pytest.approx(probability[~women].mean() - probability[women].mean())
    raw = biaskit.explain(model, PEOPLE, **GAP, scale="raw")
    margin = model.decision_function(PEOPLE[columns])
    assert parts(raw)[1] == pytest.approx(margin[~women].mean() - margin[women].mean())


@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression()], ids=str)
def test_a_linear_model_has_a_formula(model: Any) -> None:
    model.fit(PEOPLE[FEATURES], PEOPLE.hired)
    report = biaskit.explain(model, PEOPLE, **GAP, background=PEOPLE[:30])
    assert report.method[0] == "linear, exact, 30 rows of the background"
    women = (PEOPLE.sex == "F").to_numpy()
    means = PEOPLE[~women][FEATURES].mean() - PEOPLE[women][FEATURES].mean()
    assert report.gap[:3].tolist() == pytest.approx((means * model.coef_.ravel()).tolist())
    background = PEOPLE[:30]
    found = biaskit.shap_values(model, PEOPLE, background=background)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        masker = shap.maskers.Independent(background[FEATURES].astype(float))
        theirs = shap.LinearExplainer(model, masker)(PEOPLE[FEATURES].astype(float))
    assert found.values == pytest.approx(theirs.values)


def test_several_classes_are_a_block_each_or_one_of_them() -> None:
    bands = pd.cut(PEOPLE.pay, 3, labels=["low", "mid", "top"]).astype(str)
    forest = RandomForestClassifier(4, max_depth=3, random_state=0).fit(PEOPLE[FEATURES], bands)
    report = biaskit.explain(forest, PEOPLE, **GAP)
    assert [*report.output.unique()] == ["low", "mid", "top"]
    for _, block in report.groupby("output"):
        added, total = parts(block)
        assert added == pytest.approx(total)
    assert set(report.scale) == {"probability"}
    top = biaskit.explain(forest, PEOPLE, **GAP, output_class="top")
    expected = report[report.output == "top"].reset_index(drop=True)
    pd.testing.assert_frame_equal(top, expected)
    with pytest.raises(RolesError, match="did you mean 'top'"):
        biaskit.explain(forest, PEOPLE, **GAP, output_class="tpo")
    neighbours = KNeighborsClassifier().fit(PEOPLE[FEATURES], bands)
    report = biaskit.explain(neighbours, PEOPLE[:30], **GAP)
    assert [*report.output.unique()] == ["low", "mid", "top"]
    assert biaskit.shap_values(forest, PEOPLE).values.shape == (len(PEOPLE), 3, 3)
    boosted = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(
        PEOPLE[FEATURES], bands.map({"low": 0, "mid": 1, "top": 2})
    )
    assert [*biaskit.explain(boosted, PEOPLE, **GAP).output.unique()] == ["0", "1", "2"]


def test_categorical_splits_are_explained_by_the_kernels() -> None:
    rows = PEOPLE.assign(city=np.array(["x", "y", "z"])[PEOPLE.age % 3])
    frame = rows[["city", "pay"]].astype({"city": "category"})
    label = ((rows.city == "y") & (rows.pay > 0)).astype(int)
    for model in (
        lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1),
        xgboost.XGBClassifier(
            n_estimators=3, enable_categorical=True, max_cat_to_onehot=1, n_jobs=1
        ),
    ):
        model.fit(frame, label)
        report = biaskit.explain(model, rows, **GAP)
        assert report.method[0] == "trees, exact, path-dependent"
        added, total = parts(report)
        assert added == pytest.approx(total, abs=1e-5)


@pytest.mark.slow
def test_catboost_is_explained_by_the_kernels() -> None:
    catboost = pytest.importorskip("catboost")
    model = catboost.CatBoostClassifier(
        iterations=4, depth=3, verbose=False, allow_writing_files=False, thread_count=1
    ).fit(PEOPLE[FEATURES].astype(float), PEOPLE.hired)
    report = biaskit.explain(model, PEOPLE, **GAP)
    assert report.method[0] == "trees, exact, path-dependent"
    margin = model.predict(PEOPLE[FEATURES].astype(float), prediction_type="RawFormulaVal")
    women = (PEOPLE.sex == "F").to_numpy()
    assert parts(report)[1] == pytest.approx(margin[~women].mean() - margin[women].mean())
    compared = biaskit.explain(model, PEOPLE, **GAP, background=PEOPLE[:10])
    assert parts(compared)[1] == pytest.approx(parts(report)[1])
    assert compared.method[0] == "trees, exact, 10 background rows"


def test_deep_trees_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether by tables or by walks, the values and what is said of them are the same."""
    model = GradientBoostingClassifier(n_estimators=3).fit(PEOPLE[FEATURES], PEOPLE.hired)
    expected = biaskit.explain(model, PEOPLE, **GAP, background=PEOPLE[:10])
    alone = biaskit.explain(model, PEOPLE, **GAP)
    monkeypatch.setattr(tables, "MOST_FEATURES", 1)
    monkeypatch.setattr(tables, "_BITS", 1)
    report = biaskit.explain(model, PEOPLE, **GAP, background=PEOPLE[:10])
    assert report.method[0] == "trees, exact, 10 background rows" == expected.method[0]
    assert report.gap.tolist() == pytest.approx(expected.gap.tolist(), abs=1e-12)
    report = biaskit.explain(model, PEOPLE, **GAP)
    assert report.method[0] == "trees, exact, path-dependent" == alone.method[0]
    assert report.gap.tolist() == pytest.approx(alone.gap.tolist(), abs=1e-12)


def test_tables_and_walks_are_chosen_by_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = GradientBoostingClassifier(n_estimators=3).fit(PEOPLE[FEATURES], PEOPLE.hired)
    monkeypatch.setattr(tables, "_MOST_RESIDENT", 10)
    made = []
    for name, values in (("tables", tables.TreeValues), ("walks", forests.ForestValues)):
        real = values.__init__
        monkeypatch.setattr(
            values,
            "__init__",
            lambda self, *args, name=name, real=real, **given: (
                made.append(name),
                real(self, *args, **given),
            )[1],
        )
    few = biaskit.explain(model, PEOPLE[:1], background=PEOPLE[:2])
    many = biaskit.explain(model, PEOPLE, background=PEOPLE)
    assert made == ["walks", "tables"]
    assert few.method[0] == "trees, exact, 2 background rows"
    assert many.method[0] == f"trees, exact, {len(PEOPLE):,} background rows"


def test_a_sample_of_the_background_has_the_wanted_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither tables nor walks are fast enough for all of it."""
    model = GradientBoostingClassifier(n_estimators=3).fit(PEOPLE[FEATURES], PEOPLE.hired)
    background = pd.concat([PEOPLE] * 20, ignore_index=True)
    rows = PEOPLE[FEATURES][:200]
    exact = biaskit.shap_values(model, rows, background=background)
    monkeypatch.setattr(tables, "MOST_FEATURES", 1)
    monkeypatch.setattr(tables, "_BITS", 1)
    drawn = {}
    for wanted in (0.03, 0.02):
        found = biaskit.explain(model, rows, background=background, sampling_error=wanted, seed=3)
        said = re.search(
            r"exact against ([\d,]+) of ([\d,]+) background rows, seed 3 "
            r"\(sampling error ([\d.]+) % of the largest part\)",
            found.method[0],
        )
        assert said is not None, found.method[0]
        drawn[wanted] = int(said[1].replace(",", ""))
        assert int(said[2].replace(",", "")) == len(background)
        values = biaskit.shap_values(
            model, rows, background=background, sampling_error=wanted, seed=3
        )
        off = np.sqrt(((values.values - exact.values) ** 2).mean(axis=0)).max()
        assert 0 < off < 3 * wanted * np.abs(exact.values).mean(axis=0).max()
        assert float(said[3]) <= 100 * wanted
    assert drawn[0.03] < drawn[0.02] < len(background)
    whole = biaskit.explain(model, rows, background=background, sampling_error=1e-9)
    assert whole.method[0] == f"trees, exact, {len(background):,} background rows"
    with pytest.raises(RolesError, match="sampling_error is a number between 0 and 1"):
        biaskit.explain(model, rows, background=background, sampling_error=0)


def test_too_many_thresholds_fall_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected = biaskit.explain(XGB, PEOPLE, **GAP)
    dependence_expected = biaskit.partial_dependence(XGB, PEOPLE, "tall", scale="probability")
    monkeypatch.setattr(tables.kernels, "MOST_CODES", 2)
    report = biaskit.explain(XGB, PEOPLE, **GAP)
    assert "more than 2 thresholds" in report.method[0]
    assert report.gap.tolist() == pytest.approx(expected.gap.tolist(), abs=1e-5)
    report = biaskit.explain(XGB, PEOPLE, **GAP, background=PEOPLE[:10])
    assert "more than 2 thresholds" in report.method[0]
    found = biaskit.partial_dependence(XGB, PEOPLE, "tall", scale="probability")
    assert found["mean"].tolist() == pytest.approx(dependence_expected["mean"].tolist(), abs=1e-5)
    XGB.save_model(tmp_path / "model.json")
    for call in (biaskit.explain, biaskit.partial_dependence):
        with pytest.raises(DataError, match="needs its library"):
            call(tmp_path / "model.json", PEOPLE)


def test_shap_values_are_shaps_own() -> None:
    import shap

    found = biaskit.shap_values(XGB, PEOPLE, background=PEOPLE)
    assert isinstance(found, shap.Explanation)
    assert found.feature_names == FEATURES
    assert found.data.shape == found.values.shape == (len(PEOPLE), 3)
    margin = XGB.predict(PEOPLE[FEATURES], output_margin=True)
    assert found.values.sum(axis=1) + found.base_values == pytest.approx(margin, abs=1e-5)
    array = biaskit.shap_values(
        XGB, PEOPLE[FEATURES].to_numpy(dtype=float), background=PEOPLE, features=FEATURES
    )
    assert np.array_equal(array.values, found.values)


def test_a_model_that_has_no_names() -> None:
    rows = PEOPLE[FEATURES].to_numpy(dtype=float)
    model = xgboost.XGBClassifier(n_estimators=6, max_depth=3, n_jobs=1).fit(rows, PEOPLE.hired)
    with pytest.raises(RolesError, match="features="):
        biaskit.explain(model, PEOPLE, **GAP)
    report = biaskit.explain(model, PEOPLE, **GAP, features=FEATURES)
    expected = biaskit.explain(XGB, PEOPLE, **GAP)
    pd.testing.assert_frame_equal(report, expected)
    with pytest.raises(RolesError, match="takes 3"):
        biaskit.explain(model, PEOPLE, **GAP, features=["age"])


def test_attributions_are_explained_later() -> None:
    whole = biaskit.attribute(XGB, PEOPLE, facet="sex")
    halves = [biaskit.attribute(XGB, PEOPLE[i::2], facet="sex") for i in (0, 1)]
    expected = biaskit.explain(XGB, PEOPLE, **GAP)
    pd.testing.assert_frame_equal(biaskit.explain(whole, facet_values="F"), expected)
    added = biaskit.explain(sum(halves), facet_values="F")
    pd.testing.assert_frame_equal(added, expected, rtol=1e-9)


# ---------------------------------------------------------------------------
# Bad input


def nan_model(rows: Any) -> Any:
    return rows["pay"] * np.nan


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: biaskit.explain(XGB, PEOPLE.rename(columns={"pay": "pya"})), "mean 'pya'"),
        (lambda: biaskit.explain(XGB, PEOPLE.assign(pay="much")), "'pay' holds .*string.* numbers"),
        (lambda: biaskit.explain(XGB, PEOPLE, background=PEOPLE[:0]), "background has no rows"),
        (
            lambda: biaskit.explain(XGB, PEOPLE, background=PEOPLE[["age"]]),
            "no column 'pay'|no column 'tall'",
        ),
        (lambda: biaskit.explain(XGB, PEOPLE[:0]), "no rows to explain"),
        (lambda: biaskit.explain(XGB), "data is needed"),
        (lambda: biaskit.explain(nan_model, PEOPLE, features=["pay"]), "returns NaN for 2"),
        (
            lambda: biaskit.explain(lambda r: np.array(["yes"] * len(r)), PEOPLE, features=["pay"]),
            "'yes', a class without a score",
        ),
        (
            lambda: biaskit.explain(lambda r: np.ones((2, 2, 2)), PEOPLE, features=["pay"]),
            r"shape \(2, 2, 2\)",
        ),
        (lambda: biaskit.explain(lambda r: r.nothing, PEOPLE, features=["pay"]), "model fails"),
        (lambda: biaskit.explain(Score(1, 2, 3), PEOPLE), "which columns does the model take"),
        (lambda: biaskit.explain(3, PEOPLE, features=["pay"]), "builtins.int is not a model"),
        (lambda: biaskit.explain(XGB, PEOPLE, scale="logit"), "no scale 'logit'"),
        (lambda: biaskit.explain(XGB, PEOPLE, facet="sex", facet_values="X"), "does not occur"),
        (lambda: biaskit.explain(XGB, PEOPLE, facet="xes"), "no column 'xes'"),
        (lambda: biaskit.explain(XGB, PEOPLE, facet="sex", confidence=95), "between 0 and 1"),
        (lambda: biaskit.explain("model.bin", PEOPLE), "which kind of model"),
        (lambda: biaskit.explain("model.json", PEOPLE), "no model file"),
        (lambda: biaskit.explain("nowhere_at_all:f", PEOPLE), "nowhere_at_all"),
        (lambda: biaskit.explain("json:nothing", PEOPLE), "has no 'nothing'"),
        (lambda: biaskit.explain(XGB, np.zeros(3)), "two dimensions"),
        (lambda: biaskit.explain(XGB, np.zeros((3, 2))), "2 columns.* takes 3"),
        (
            lambda: biaskit.explain(Score(1, 2, 3), PEOPLE, features=["age", "age"]),
            "names a column twice",
        ),
    ],
)
def test_bad_input_is_named(call: Any, message: str) -> None:
    with pytest.raises(BiaskitError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_classes_without_scores() -> None:
    from sklearn.linear_model import Perceptron
    from sklearn.neighbors import NearestCentroid

    model = NearestCentroid().fit(PEOPLE[FEATURES], PEOPLE.hired)
    if not hasattr(model, "decision_function"):
        with pytest.raises(DataError, match="without scores"):
            biaskit.explain(model, PEOPLE, **GAP)
    for margins in (LinearSVC(), Perceptron()):
        margins.fit(PEOPLE[FEATURES], PEOPLE.hired)
        assert set(biaskit.explain(margins, PEOPLE, **GAP).scale) == {"raw"}
        with pytest.raises(RolesError, match="no probability"):
            biaskit.explain(margins, PEOPLE, **GAP, scale="probability")
    regressor = xgboost.XGBRegressor(n_estimators=2, n_jobs=1).fit(PEOPLE[FEATURES], PEOPLE.pay)
    with pytest.raises(RolesError, match="no probability"):
        biaskit.explain(regressor, PEOPLE, **GAP, scale="probability")


def test_a_model_that_answers_otherwise_each_time_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="do not add up"):
        biaskit.explain(lambda rows: rng.normal(size=len(rows)), PEOPLE, **GAP, features=FEATURES)


# ---------------------------------------------------------------------------
# Files and the command line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    PEOPLE.to_parquet(tmp_path / "rows.parquet", index=False)
    XGB.save_model(tmp_path / "model.json")
    XGB.save_model(tmp_path / "model.ubj")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> int:
    return main(["explain", "rows.parquet", "--facet", "sex", "--facet-values", "F", *arguments])


@pytest.mark.parametrize("name", ["model.json", "model.ubj"])
def test_the_command_line_says_what_python_says(name: str, folder: Path) -> None:
    assert run("--model", name, "-o", "gap.parquet") == 0
    report = pd.read_parquet("gap.parquet")
    expected = biaskit.explain(XGB, PEOPLE, **GAP)
    pd.testing.assert_frame_equal(report, expected, rtol=1e-6)  # text and binary round otherwise
    assert run("--model", name, "--background", "rows.parquet", "-o", "gap.json") == 0
    made = json.loads((folder / "gap.json").read_text())
    expected = biaskit.explain(XGB, PEOPLE, **GAP, background=PEOPLE)
    assert [row["gap"] for row in made["explanation"]] == pytest.approx(expected.gap.tolist())
    assert made["roles"] == {"facet": ["sex"], "facet_values": [["sex", ["F"]]]}


def test_the_table_on_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", "model.json") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "240 rows; raw scale (log-odds); trees, exact, path-dependent"
    assert shown[1].startswith("in every row: facet sex, value F, n_a ")
    assert shown[-1].split()[0] == "(total)"


def test_a_lightgbm_file(folder: Path) -> None:
    model = lightgbm.LGBMClassifier(n_estimators=4, num_leaves=5, verbose=-1, n_jobs=1)
    model.fit(PEOPLE[FEATURES], PEOPLE.hired)
    model.booster_.save_model(folder / "model.txt")
    assert run("--model", "model.txt", "-o", "gap.csv") == 0
    expected = biaskit.explain(model, PEOPLE, **GAP)
    assert pd.read_csv("gap.csv").gap.tolist() == pytest.approx(expected.gap.tolist())


def test_a_function_of_a_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "my_scores.py").write_text("def score(rows):\n    return rows['pay'] * 2\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert run("--model", "my_scores:score", "--features", "pay,age", "-o", "gap.csv") == 0
    found = pd.read_csv("gap.csv")
    women = PEOPLE.sex == "F"
    assert found.gap[0] == pytest.approx(2 * (PEOPLE.pay[~women].mean() - PEOPLE.pay[women].mean()))
    assert found.gap[1] == pytest.approx(0)


class Trap:
    """A pickle that would leave a file behind."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("sprung",)


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib"])
def test_a_pickle_is_not_opened_without_consent(
    suffix: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / f"trap{suffix}").write_bytes(pickle.dumps(Trap()))
    assert run("--model", f"trap{suffix}") == 2
    assert "--trust-model" in capsys.readouterr().err
    assert not (folder / "sprung").exists()
    (folder / f"model{suffix}").write_bytes(pickle.dumps(XGB))
    expected = biaskit.explain(XGB, PEOPLE, **GAP)
    for consent in ("--trust-model", "--trust-pickle"):
        assert run("--model", f"model{suffix}", consent, "-o", "gap.csv") == 0
        assert pd.read_csv("gap.csv").gap.tolist() == pytest.approx(expected.gap.tolist())
    report = biaskit.explain(f"model{suffix}", PEOPLE, **GAP, trust_pickle=True)
    assert report.gap.tolist() == pytest.approx(expected.gap.tolist())


@pytest.mark.slow
def test_a_skops_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skops = pytest.importorskip("skops.io")
    model = GradientBoostingClassifier(n_estimators=3).fit(PEOPLE[FEATURES], PEOPLE.hired)
    skops.dump(model, folder / "model.skops")
    assert run("--model", "model.skops", "-o", "gap.csv") == 2
    assert "opened by skops" in capsys.readouterr().err
    assert run("--model", "model.skops", "--trust-model", "-o", "gap.csv") == 0
    expected = biaskit.explain(model, PEOPLE, **GAP)
    assert pd.read_csv("gap.csv").gap.tolist() == pytest.approx(expected.gap.tolist())


@pytest.mark.slow
def test_an_onnx_file(folder: Path) -> None:
    pytest.importorskip("onnxruntime")
    convert = pytest.importorskip("skl2onnx")
    model = LogisticRegression().fit(PEOPLE[FEATURES].to_numpy(np.float32), PEOPLE.hired)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = convert.to_onnx(
            model, PEOPLE[FEATURES].to_numpy(np.float32)[:1], options={"zipmap": False}
        )
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    assert (
        run(
            "--model",
            "model.onnx",
            "--trust-model",
            "--features",
            ",".join(FEATURES),
            "--output-class",
            "1",
            "-o",
            "gap.csv",
        )
        == 0
    )
    women = (PEOPLE.sex == "F").to_numpy()
    probability = model.predict_proba(PEOPLE[FEATURES].to_numpy(np.float32))[:, 1]
    total = pd.read_csv("gap.csv").gap.iloc[-1]
    assert total == pytest.approx(probability[~women].mean() - probability[women].mean(), abs=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        *("model.json", "model.ubj", "model.txt", "model.pkl", "model.joblib"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("model.skops", "m.onnx")),
    ],
)
def test_a_file_that_is_not_a_model(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).write_bytes(b"\x80nonsense")
    assert run("--model", name, "--trust-model") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_values_of_every_row(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_read, "_AT_ONCE", 100)
    keyed = PEOPLE.assign(who=[f"p{i}" for i in range(len(PEOPLE))])
    keyed.to_parquet(folder / "rows.parquet", index=False)
    assert run("--model", "model.json", "--values", "v.parquet", "--key", "who") == 0
    found = pd.read_parquet("v.parquet")
    assert [*found.columns] == ["who", *FEATURES, "(total)"]
    assert [*found.who] == [*keyed.who]
    values = biaskit.shap_values(XGB, PEOPLE).values
    assert found[FEATURES].to_numpy() == pytest.approx(values)
    assert run("--model", "model.json", "--values", "w.parquet") == 0
    assert pd.read_parquet("w.parquet").row.tolist() == [*range(len(PEOPLE))]


def test_an_interrupted_run_leaves_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "v.parquet").write_bytes(b"as it was")
    calls = []
    real = tables.TreeValues.__call__

    def interrupted(self: Any, columns: Any) -> Any:
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return real(self, columns)

    monkeypatch.setattr(rows_read, "_AT_ONCE", 50)
    monkeypatch.setattr(tables.TreeValues, "__call__", interrupted)
    assert run("--model", "model.json", "--values", "v.parquet", "-o", "gap.csv") == 130
    assert "interrupted" in capsys.readouterr().err
    assert (folder / "v.parquet").read_bytes() == b"as it was"
    assert sorted(p.name for p in folder.iterdir()) == [
        "model.json",
        "model.ubj",
        "rows.parquet",
        "v.parquet",
    ]


def test_numbers_of_the_background_are_not_rounded_for_the_rows() -> None:
    """The background has whole numbers only, the rows have not."""
    rows = PEOPLE.assign(age=PEOPLE.age + 0.5)
    report = biaskit.explain(
        lambda some: some["age"] * 1.0, rows, **GAP, features=["age"], background=PEOPLE
    )
    women = (PEOPLE.sex == "F").to_numpy()
    assert report.gap[0] == pytest.approx(rows.age[~women].mean() - rows.age[women].mean())


def test_texts_of_numbers_in_a_facet_stay_texts(tmp_path: Path) -> None:
    codes = np.where(PEOPLE.sex == "F", "007", "8")
    rows = PEOPLE.assign(sex=codes, tall=PEOPLE.tall.astype(int))
    rows.to_csv(tmp_path / "rows.csv", index=False)
    report = biaskit.explain(
        lambda some: some["pay"], tmp_path / "rows.csv", facet="sex", features=["pay", "tall"]
    )
    assert [*report.value.unique()] == ["007", "8"]


@pytest.mark.slow
def test_categories_with_a_background(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = PEOPLE.assign(city=np.array(["x", "y", "z"])[PEOPLE.age % 3])
    frame = rows[["city", "pay"]].astype({"city": "category"})
    label = ((rows.city == "y") & (rows.pay > 0)).astype(int)
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(frame, label)
    report = biaskit.explain(model, rows, **GAP, background=rows[:20], scale="raw")
    margin = model.predict(frame, raw_score=True)
    women = (PEOPLE.sex == "F").to_numpy()
    assert parts(report)[1] == pytest.approx(margin[~women].mean() - margin[women].mean())
    assert report.method[0] == "trees, exact, 20 background rows"
    boosted = xgboost.XGBClassifier(
        n_estimators=3, enable_categorical=True, max_cat_to_onehot=1, n_jobs=1
    ).fit(frame, label)
    monkeypatch.delattr(xgboost.Booster, "get_categories")  # as before XGBoost 3.1
    with pytest.raises(DataError, match="does not store its categories"):
        biaskit.explain(boosted, rows, **GAP)


def test_trees_that_say_something_else_than_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    other = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(PEOPLE[FEATURES], PEOPLE.tall)
    content = other.get_booster().save_raw("json")
    monkeypatch.setattr(xgboost.Booster, "save_raw", lambda *_: content)
    with pytest.raises(DataError, match="does not reproduce the model's outputs"):
        biaskit.explain(XGB, PEOPLE, **GAP)


# ---------------------------------------------------------------------------
# Partial dependence


def test_partial_dependence_sets_a_feature_in_every_row() -> None:
    found = biaskit.partial_dependence(XGB, PEOPLE, ["pay", "tall"], facet="sex", grid=5)
    assert [*found.columns] == [
        *("facet", "value", "feature", "at", "output", "mean", "share", "n", "scale", "note")
    ]
    assert [*found.value.unique()] == ["(all)", "F", "M"]
    for row in found.itertuples():
        rows = PEOPLE if row.value == "(all)" else PEOPLE[row.value == PEOPLE.sex]
        changed = rows[FEATURES].assign(**{row.feature: row.at})
        margin = XGB.predict(changed, output_margin=True)
        assert row.mean == pytest.approx(margin.mean(), abs=1e-5)
        assert row.n == len(rows)
    pay = found[(found.feature == "pay") & (found.facet == "(all)")]
    assert pay["at"].tolist() == sorted(
        np.quantile(PEOPLE.pay, [0, 0.25, 0.5, 0.75, 1], method="nearest")
    )
    assert found.groupby(["value", "feature"]).share.sum().tolist() == pytest.approx([1] * 6)
    tall = found[(found.feature == "tall") & (found.facet == "(all)")]
    assert tall["at"].tolist() == [False, True]
    assert tall.share.tolist() == pytest.approx([1 - PEOPLE.tall.mean(), PEOPLE.tall.mean()])


def test_partial_dependence_of_any_model() -> None:
    columns = ["sex", "age", "pay"]
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["sex"]), remainder="passthrough"),
        LogisticRegression(max_iter=1_000),
    ).fit(PEOPLE[columns], PEOPLE.hired)
    found = biaskit.partial_dependence(model, pl.from_pandas(PEOPLE), "sex")
    assert found["at"].tolist() == ["F", "M"]
    for row in found.itertuples():
        changed = PEOPLE[columns].assign(sex=row.at)
        assert row.mean == pytest.approx(model.predict_proba(changed)[:, 1].mean())
        assert row.share == pytest.approx((PEOPLE.sex == row.at).mean())
    chance = biaskit.partial_dependence(XGB, PEOPLE, "pay", scale="probability", grid=3)
    changed = PEOPLE[FEATURES].assign(pay=chance["at"][1])
    assert chance["mean"][1] == pytest.approx(XGB.predict_proba(changed)[:, 1].mean(), abs=1e-5)


def test_partial_dependence_of_many_rows_is_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependence, "MOST_ROWS", 60)
    whole = biaskit.partial_dependence(XGB, PEOPLE, "pay", facet="sex")
    assert set(whole.note) == {"a sample of 60 of 240 rows"}
    assert whole.n[0] == 60
    monkeypatch.setattr(rows_read, "_AT_ONCE", 13)
    pd.testing.assert_frame_equal(
        biaskit.partial_dependence(XGB, PEOPLE, "pay", facet="sex"), whole
    )


def test_partial_dependence_names_what_is_wrong() -> None:
    with pytest.raises(RolesError, match="no scale 'logit'"):
        biaskit.partial_dependence(XGB, PEOPLE, "pay", scale="logit")
    with pytest.raises(RolesError, match="did you mean 'pay'"):
        biaskit.partial_dependence(XGB, PEOPLE, "pya")
    with pytest.raises(RolesError, match="grid"):
        biaskit.partial_dependence(XGB, PEOPLE, "pay", grid=1)


def test_missing_values_have_no_place_in_a_grid() -> None:
    rows = PEOPLE.assign(pay=PEOPLE.pay.where(PEOPLE.pay > 0))
    found = biaskit.partial_dependence(XGB, rows, "pay", grid=4)
    assert found["at"].notna().all()
    assert found.share.sum() == pytest.approx((PEOPLE.pay > 0).mean())
