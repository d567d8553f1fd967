"""SHAP values of Clarify's jobs: coalitions, baselines, and what is written of them."""

from __future__ import annotations

import json
import math
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biaskit import clarify
from biaskit.clarify.asked.configuration import configured
from biaskit.clarify.explaining import baselines
from biaskit.clarify.explaining.coalitions import all_coalitions, drawn_coalitions, shapley
from biaskit.clarify.explaining.logistic import logistic_values
from biaskit.errors import BiaskitError, DataError
from support.clarify_jobs import JOBS
from support.invocations import Reply, serving


def by_orders(value: Any, features: int) -> np.ndarray[Any, Any]:
    """Shapley values by what each feature adds in every order."""
    found = np.zeros(features)
    orders = [*permutations(range(features))]
    for order in orders:
        known: list[int] = []
        for one in order:
            found[one] += value([*known, one]) - value(known)
            known.append(one)
    return found / len(orders)


def of_table(table: Any, features: int) -> Any:
    """Function of mixtures: a value for each row, row of the baseline and coalition."""

    def score(own: Any, members: Any) -> Any:
        return table[own][:, members @ (1 << np.arange(features))]

    return score


@pytest.mark.parametrize("features", [1, 2, 3, 5])
def test_all_coalitions_give_the_values_of_all_orders(features: int) -> None:
    table = np.random.default_rng(features).normal(size=(2, 1 << features, 3, 2))
    found = shapley(of_table(table, features), 2, 3, all_coalitions(features))
    for output in range(2):
        for row in range(2):
            mean = table[row, :, :, output].mean(axis=1) - table[row, 0, :, output].mean()
            mean[1:] += table[row, 0, :, output].mean() - table[0, 0, :, output].mean()
            wanted = by_orders(lambda known, v=mean: v[sum(1 << one for one in known)], features)
            assert found.values[output, row] == pytest.approx(wanted)
    assert found.base == pytest.approx(table[0, 0].mean(axis=0))
    assert found.error == 0


@pytest.mark.parametrize(("features", "most"), [(1, 1), (2, 10), (3, 6), (7, 126)])
def test_as_many_coalitions_as_there_are_make_the_values_exact(features: int, most: int) -> None:
    found = drawn_coalitions(features, most, 0)
    assert found.is_exact
    assert len(found.members) == 2**features


@pytest.mark.parametrize(
    ("features", "most"), [(4, 1), (7, 1), (7, 30), (8, 30), (8, 200), (13, 30), (13, 200)]
)
def test_drawn_coalitions_are_exact_for_sums_of_pairs(features: int, most: int) -> None:
    random = np.random.default_rng(features)
    own = random.normal(size=features)
    pairs = np.triu(random.normal(size=(features, features)), 1) * (most > 2 * features)

    def score(_: Any, members: Any) -> Any:
        z = members.astype(float)
        return (z @ own + np.einsum("ci,ij,cj->c", z, pairs, z))[np.newaxis, :, np.newaxis, None]

    drawn = drawn_coalitions(features, most, 3)
    assert len(drawn.members) <= 2 + max(most, 2 * features)
    found = shapley(score, 1, 1, drawn).values[0, 0]
    assert found == pytest.approx(own + (pairs + pairs.T).sum(axis=1) / 2, abs=1e-9)


@pytest.mark.parametrize("features", [9, 10])
def test_the_error_of_drawn_coalitions_is_stated(features: int) -> None:
    table = np.random.default_rng(1).normal(size=(4, 1 << features, 1, 1))
    score = of_table(table, features)
    exact = shapley(score, 4, 1, all_coalitions(features)).values
    away, said = [], []
    for seed in range(60):
        found = shapley(score, 4, 1, drawn_coalitions(features, 180, seed))
        away.append(np.mean((found.values - exact) ** 2))
        said.append(found.error**2)
        whole = table[:, -1, 0, 0] - table[0, 0, 0, 0]
        assert found.values[0].sum(axis=1) == pytest.approx(whole)
    assert 0.7 < math.sqrt(np.mean(said) / np.mean(away)) < 2
    assert math.isnan(shapley(score, 4, 1, drawn_coalitions(features, 20, 0)).error)


@pytest.mark.parametrize(
    ("features", "size"), [(1, 1.0), (2, 40.0), (5, 3.0), (8, 0.1), (4, 300.0)]
)
def test_values_of_a_logistic_sum_need_no_coalitions(features: int, size: float) -> None:
    random = np.random.default_rng(features)
    parts = random.normal(size=(6, 3, features)) * size
    parts[0] = 0
    start = random.normal(size=3) * size
    every = all_coalitions(features)
    margins = start[:, np.newaxis] + parts @ every.members.T
    wanted = np.exp(-np.logaddexp(0, -margins)).mean(axis=1) @ every.values.T
    assert logistic_values(parts, start) == pytest.approx(wanted, abs=1e-12)


def test_a_logistic_sum_of_a_hundred_features_adds_up() -> None:
    random = np.random.default_rng(0)
    parts, start = random.normal(size=(3, 1, 100)) / 3, np.array([-1.0])
    whole = [1 / (1 + math.exp(1 - one)) - 1 / (1 + math.e) for one in parts.sum(axis=2)[:, 0]]
    assert logistic_values(parts, start).sum(axis=1) == pytest.approx(whole, abs=1e-12)


# --- jobs


def linear(rows: pd.DataFrame) -> Any:
    """The published linear model."""
    model = json.loads((JOBS / "adult_linear_model.json").read_text())
    margin = rows.to_numpy(float) @ np.array(model["weights"]) + model["bias"]
    return 1 / (1 + np.exp(-margin))


def logistic() -> Any:
    """The published linear model as one of scikit-learn."""
    numbers = json.loads((JOBS / "adult_linear_model.json").read_text())
    model = pytest.importorskip("sklearn.linear_model").LogisticRegression()
    model.coef_, model.intercept_ = np.array([numbers["weights"]]), np.array([numbers["bias"]])
    model.classes_, model.n_features_in_ = np.array([0, 1]), 14
    return model


def test_exact_values_are_within_the_noise_of_three_published_runs(tmp_path: Path) -> None:
    given = json.loads((JOBS / "configs/05_adult_linear_json_shap_dict_baseline.json").read_text())
    published = json.loads((JOBS / "outputs/adult_linear_shap_runs.json").read_text())
    result = clarify.run(given, JOBS / "adult_linear.json", tmp_path, model=logistic())
    (found,) = result.analysis["explanations"]["kernel_shap"].values()
    ours = found["global_shap_values"]
    assert ours == pytest.approx(published["exact_mean_abs_shapley"], abs=1e-6)
    for run in published["clarify_runs"].values():
        assert found["expected_value"] == pytest.approx(run["expected_value"], abs=1e-6)
        assert [*ours] == [*run["values"]]
        for name, theirs in run["values"].items():
            assert theirs == pytest.approx(ours[name], rel=0.025, abs=0.0015), name
            if ours[name] > 0.05:
                assert theirs == pytest.approx(ours[name], rel=0.005), name
    added = json.loads((tmp_path / "biaskit.json").read_text())["shap"]
    assert added == {
        "method": "exact, by the formula of the logistic model",
        "error_of_a_value": 0.0,
    }


def test_drawn_values_are_as_near_as_the_published_runs(tmp_path: Path) -> None:
    given = json.loads((JOBS / "configs/05_adult_linear_json_shap_dict_baseline.json").read_text())
    exact = json.loads((JOBS / "outputs/adult_linear_shap_runs.json").read_text())
    result = clarify.run(given, JOBS / "adult_linear.json", tmp_path, model=linear, sampled=True)
    (found,) = result.analysis["explanations"]["kernel_shap"].values()
    wanted = exact["exact_mean_abs_shapley"]
    assert found["global_shap_values"] == pytest.approx(wanted, rel=0.025, abs=0.0015)
    added = json.loads((tmp_path / "biaskit.json").read_text())["shap"]
    assert added["method"] == "KernelSHAP with 100 coalitions of 14 features"
    assert 0 < added["error_of_a_value"] < 0.01


def table(rows: int = 60, features: int = 3, seed: int = 0) -> pd.DataFrame:
    """Numbers in columns a, b, c ... and a label y."""
    random = np.random.default_rng(seed)
    made = pd.DataFrame({"abcdefgh"[i]: random.normal(size=rows) for i in range(features)})
    return made.assign(y=(made.sum(axis=1) > 0).astype(int))


def shap_job(**shap: Any) -> dict[str, Any]:
    """Configuration of a job that explains; `predictor` and the like are keys of the job."""
    keys = {
        key: shap.pop(key)
        for key in ("predictor", "joinsource_name_or_index", "headers", "dataset_type", "features")
        if key in shap
    }
    return {
        "dataset_type": "text/csv",
        "label": "y",
        "predictor": {"model_name": "m", "content_type": "text/csv"},
        "methods": {"shap": {"save_local_shap_values": True, **shap}},
        **keys,
    }


def explained(given: dict[str, Any], data: Any, model: Any, tmp_path: Path, **more: Any) -> Any:
    """Explanations of a job, and its local values and baseline as they are written."""
    result = clarify.run(given, data, tmp_path / "out", model=model, **more)
    folder = tmp_path / "out/explanations_shap"
    out = folder / "out.csv"
    return (
        result.analysis["explanations"]["kernel_shap"],
        pd.read_csv(out) if out.exists() else None,
        (folder / "baseline.csv").read_text(),
    )


@pytest.mark.parametrize("rows_of_baseline", [1, 3])
def test_a_logistic_regression_is_exact_by_its_formula(
    rows_of_baseline: int, tmp_path: Path
) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rows = table(features=6)
    features = rows.drop(columns="y")
    model = linear_model.LogisticRegression().fit(features, rows["y"])
    baseline = features.head(rows_of_baseline).values.tolist()
    _, out, _ = explained(shap_job(baseline=baseline), rows, model, tmp_path)

    def score(frame: pd.DataFrame) -> Any:
        return model.predict_proba(frame)[:, 1]

    _, others, _ = explained(shap_job(baseline=baseline), rows, score, tmp_path / "f")
    assert out.to_numpy() == pytest.approx(others.to_numpy(), abs=1e-12)
    added = json.loads((tmp_path / "out/biaskit.json").read_text())["shap"]
    assert added["method"] == "exact, by the formula of the logistic model"


def test_a_linear_regression_and_the_logit_of_a_logistic_one_are_exact(tmp_path: Path) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rows = table(features=3)
    features = rows.drop(columns="y")
    line = linear_model.LinearRegression().fit(features, features @ [1.0, 2.0, -3.0])
    found, out, _ = explained(shap_job(baseline=[[0, 0, 1]]), rows, line, tmp_path)
    assert out.to_numpy() == pytest.approx(((features - [0, 0, 1]) * [1, 2, -3]).to_numpy())
    assert found["label0"]["expected_value"] == pytest.approx(-3)
    model = linear_model.LogisticRegression().fit(features, rows["y"])
    given = shap_job(baseline=[[0, 0, 1]], use_logit=True)
    found, out, _ = explained(given, rows, model, tmp_path)
    assert out.to_numpy() == pytest.approx(((features - [0, 0, 1]) * model.coef_[0]).to_numpy())
    base = model.decision_function(pd.DataFrame([[0, 0, 1.0]], columns=features.columns))[0]
    assert found["label0"]["expected_value"] == pytest.approx(base)
    assert "exact" in json.loads((tmp_path / "out/biaskit.json").read_text())["shap"]["method"]


def test_classes_aggregates_and_a_join_column_are_written_as_clarify_does(tmp_path: Path) -> None:
    rows = table().assign(id=[f"r{i}" for i in range(60)])

    def two(frame: pd.DataFrame) -> Any:
        part = 1 / (1 + np.exp(-frame["a"] - 2 * frame["b"]))
        return np.stack([1 - part, part], axis=1)

    predictor = {"model_name": "m", "label_headers": ["no", "yes"]}
    for how, whole in (
        ("mean_abs", lambda v: v.abs().mean()),
        ("median", lambda v: v.median()),
        ("mean_sq", lambda v: (v**2).mean()),
    ):
        given = shap_job(
            baseline=[[0, 0, 0]],
            agg_method=how,
            predictor=predictor,
            joinsource_name_or_index="id",
            features_to_explain=["b", 0],
        )
        found, out, baseline = explained(given, rows, two, tmp_path)
        assert [*out.columns] == ["a_no", "b_no", "a_yes", "b_yes", "id"]
        assert out["id"].tolist() == rows["id"].tolist()
        assert [*found] == ["no", "yes"]
        assert found["yes"]["global_shap_values"] == pytest.approx(
            {"a": whole(out["a_yes"]), "b": whole(out["b_yes"])}
        )
        assert found["yes"]["expected_value"] == 0.5
        assert baseline == "a,b,c\n0,0,0\n"
    del given["predictor"]["label_headers"]
    found, _, _ = explained(given, rows, two, tmp_path)
    assert [*found] == ["label0", "label1"]
    wrong = shap_job(baseline=[[0, 0, 0]], predictor={"model_name": "m", "label_headers": ["no"]})
    wrong["joinsource_name_or_index"] = "id"
    with pytest.raises(BiaskitError, match=r"names 1 outputs \(no\), but the model has 2"):
        clarify.run(wrong, rows, tmp_path / "out", model=two)


def test_log_odds_of_a_function_are_explained_and_other_scores_refused(tmp_path: Path) -> None:
    rows = table()

    def score(frame: pd.DataFrame) -> Any:
        return 1 / (1 + np.exp(-frame["a"] + 3 * frame["c"]))

    given = shap_job(baseline=[[0, 0, 0]], use_logit=True)
    _, out, _ = explained(given, rows, score, tmp_path)
    assert out.to_numpy() == pytest.approx((rows[["a", "b", "c"]] * [1, 0, -3]).to_numpy())
    with pytest.raises(DataError, match="use_logit needs scores between 0 and 1"):
        explained(given, rows, lambda frame: frame["a"] * 5, tmp_path)


def test_a_seed_makes_drawn_values_the_same(tmp_path: Path) -> None:
    rows = table(features=8)

    def score(frame: pd.DataFrame) -> Any:
        return np.tanh(frame.sum(axis=1)) * frame["a"]

    def values(seed: int) -> Any:
        given = shap_job(baseline=[[0] * 8], num_samples=40, seed=seed)
        return explained(given, rows, score, tmp_path, sampled=True)[1].to_numpy()

    assert np.array_equal(values(1), values(1))
    assert not np.array_equal(values(1), values(2))


def mixed(rows: int = 40) -> pd.DataFrame:
    """Whole numbers, texts and missing values."""
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "age": random.integers(20, 60, rows),
            "city": random.choice(["Rome", 'O"slo', "Köln"], rows),
            "pay": np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows)),
            "y": random.integers(0, 2, rows),
        }
    )


@pytest.mark.parametrize("is_parquet", [False, True])
def test_texts_whole_numbers_and_missing_values_reach_the_model_as_they_are(
    is_parquet: bool, tmp_path: Path
) -> None:
    rows = mixed()
    given = shap_job(baseline=[[40, "Rome", 0.5]])
    data = tmp_path / ("data.parquet" if is_parquet else "data.csv")
    if is_parquet:
        given["dataset_type"] = "application/x-parquet"
        rows.to_parquet(data)
    else:
        rows.to_csv(data, index=False)
    seen: list[bytes] = []

    def answer(body: bytes) -> Reply:
        lines = body.decode().splitlines()
        seen.extend(line.encode() for line in lines)
        cells = [line.split(",") for line in lines]
        scores = [
            int(age) / 100 + (city == '"Rome"') + (0.0 if pay == "" else float(pay))
            for age, city, pay in cells
        ]
        return Reply("\n".join(f"{one}" for one in scores).encode())

    with serving(answer) as server:
        _, out, _ = explained(given, data, None, tmp_path, endpoint=server.url)
    pay = rows["pay"].fillna(0) - 0.5
    wanted = np.stack([(rows["age"] - 40) / 100, (rows["city"] == "Rome") * 1 - 1, pay], axis=1)
    assert out.to_numpy() == pytest.approx(wanted)
    # No mixture is asked for twice, but for the first, by which the server is tried.
    assert len(seen) <= len(set(seen)) + 1

    def here(frame: pd.DataFrame) -> Any:
        assert frame["age"].dtype == np.int64
        pay = frame["pay"].astype(float).fillna(0)
        return frame["age"] / 100 + (frame["city"] == "Rome") + pay

    _, out, _ = explained(given, data, here, tmp_path / "here")
    assert out.to_numpy() == pytest.approx(wanted)


def test_rows_share_requests(tmp_path: Path) -> None:
    rows = table(rows=200, features=5)
    given = shap_job(baseline=[[0] * 5])
    with serving(
        lambda body: Reply("\n".join("0.5" for _ in body.decode().splitlines()).encode())
    ) as server:
        explained(given, rows, None, tmp_path, endpoint=server.url)
        # 200 rows of 31 mixtures: one to try, then 1,000, 2,000 and the rest.
        assert len(server.bodies) <= 6
        asked = sum(len(body.splitlines()) for body in server.bodies)
    assert asked == 1 + 200 * 31


# --- baselines


def baseline_of(dataset_type: str, baseline: Any, features: str | None = None) -> pd.DataFrame:
    """Baseline that a configuration gives, of features a and b."""
    given = shap_job(dataset_type=dataset_type, features=features, baseline=baseline)
    given = {key: value for key, value in given.items() if value is not None}
    return baselines.given(configured(given), baseline, ["a", "b"])


@pytest.mark.parametrize(
    ("dataset_type", "baseline", "features"),
    [
        ("text/csv", [[1, "x"], [2, None]], None),
        ("application/x-parquet", [[1, "x"], [2, None]], None),
        ("application/jsonlines", [{"f": [1, "x"]}, {"f": [2, None]}], "f"),
        ("application/jsonlines", [[1, "x"], [2, None]], "f"),
        ("application/json", {"i": [{"f": [1, "x"]}, {"f": [2, None]}]}, "i[*].f"),
    ],
)
def test_a_baseline_has_the_form_of_the_data(
    dataset_type: str, baseline: Any, features: str | None
) -> None:
    found = baseline_of(dataset_type, baseline, features)
    assert found["a"].tolist() == [1, 2]
    assert found["b"].tolist()[0] == "x"
    assert found["b"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("dataset_type", "baseline", "features", "said"),
    [
        ("text/csv", [[1]], None, "a row of 1 values, but the model takes 2 features: a, b"),
        ("text/csv", [1, 2], None, "must have the form of the data set"),
        ("text/csv", [], None, "must have the form of the data set"),
        ("text/csv", {"f": [1, 2]}, None, "must have the form of the data set"),
        ("application/json", {"j": []}, "i[*].f", "must have the form of the data set"),
        ("application/jsonlines", [{"g": [1, 2]}], "f", "must have the form of the data set"),
    ],
)
def test_a_baseline_in_another_form_is_refused(
    dataset_type: str, baseline: Any, features: str | None, said: str
) -> None:
    with pytest.raises(BiaskitError) as error:
        baseline_of(dataset_type, baseline, features)
    assert said in str(error.value)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet"])
def test_a_baseline_may_be_a_file_of_the_type_of_the_data(suffix: str, tmp_path: Path) -> None:
    rows = table(features=2)
    three = [[0.5, 1.0], [1.5, 2.0], [2.5, 3.0]]
    features = rows[["a", "b"]].values.tolist()
    data, file = tmp_path / f"data.{suffix}", tmp_path / "held" / f"baseline.{suffix}"
    file.parent.mkdir()
    kinds = {
        "csv": {},
        "jsonl": {"dataset_type": "application/jsonlines", "features": "f", "label": "y"},
        "json": {"dataset_type": "application/json", "features": "[*].f", "label": "[*].y"},
        "parquet": {"dataset_type": "application/x-parquet"},
    }
    records = [{"f": f, "y": int(y)} for f, y in zip(features, rows["y"], strict=True)]
    if suffix == "csv":
        rows.to_csv(data, index=False)
        file.write_text("\n".join(",".join(map(str, one)) for one in three))
    elif suffix == "parquet":
        rows.to_parquet(data)
        pd.DataFrame(three, columns=["a", "b"]).to_parquet(file)
    else:
        join = json.dumps if suffix == "json" else lambda v: "\n".join(map(json.dumps, v))
        data.write_text(join(records))
        file.write_text(join([{"f": one} for one in three]))
    given = {**shap_job(baseline=f"s3://bucket/{file.name}"), **kinds[suffix]}
    found, _, written = explained(
        given,
        data,
        lambda frame: frame.iloc[:, 0] + 10 * frame.iloc[:, 1],
        tmp_path,
        mapping={"s3://bucket": str(file.parent)},
    )
    assert found["label0"]["expected_value"] == pytest.approx(21.5)
    assert [line.split(",") for line in written.splitlines()[1:]] == [
        [str(one) for one in row] for row in three
    ]


def test_a_computed_baseline_finds_groups_of_numbers_and_texts() -> None:
    random = np.random.default_rng(2)
    group = np.repeat([0, 1, 2], 50)
    rows = pd.DataFrame(
        {
            "n": 100.0 * group + random.normal(size=150),
            "t": np.array(["x", "y", "z"])[group],
            "same": 7,
            "gone": np.nan,
            "some": np.where(random.random(150) < 0.3, np.nan, 50.0 * group),
            "is": group == 1,
        }
    )
    found = baselines.computed(rows, 3, 0).sort_values("n").reset_index(drop=True)
    assert found["n"].tolist() == pytest.approx([0, 100, 200], abs=0.6)
    assert found["t"].tolist() == ["x", "y", "z"]
    assert found["same"].tolist() == [7, 7, 7]
    assert found["gone"].isna().all()
    assert found["some"].tolist() == pytest.approx([0, 50, 100])
    assert found["is"].tolist() == [False, True, False]
    # How many groups there are is found where they are plain.
    assert len(baselines.computed(rows.drop(columns="some"), None, 0)) == 3


def test_a_computed_baseline_of_one_group_or_too_many() -> None:
    rows = pd.DataFrame({"n": np.random.default_rng(0).normal(size=300), "t": [None] * 300})
    assert baselines.computed(rows, 1, 0)["n"].tolist() == pytest.approx([rows["n"].mean()])
    same = pd.DataFrame({"n": [1.0] * 5})
    assert baselines.computed(same, None, 0)["n"].tolist() == [1.0]
    with pytest.raises(DataError, match="num_clusters is 2, but the data have 1 different rows"):
        baselines.computed(same, 2, 0)


def test_every_coalition_of_a_size_is_taken_before_any_is_drawn() -> None:
    found = drawn_coalitions(9, 18 + 72 + 10, 0).members
    sizes = found.sum(axis=1)
    for size in (1, 2, 7, 8):
        kept = {tuple(np.flatnonzero(one)) for one in found[sizes == size]}
        assert kept == set(combinations(range(9), size))
    assert np.array_equal(found[91:-1:2], ~found[92:-1:2])


def test_values_of_each_group_have_a_gap_with_an_interval(tmp_path: Path) -> None:
    rows = table(rows=300).assign(sex=np.tile(["F", "M", "X"], 100))
    rows.loc[rows["sex"] == "F", "a"] -= 1
    given = {
        **shap_job(baseline=[[0, 0, 0]]),
        "excluded_columns": ["sex"],
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex"}],
    }
    given["methods"]["pre_training_bias"] = {"methods": ["DPL"]}
    _, out, _ = explained(given, rows, lambda frame: frame["a"] + frame["b"] ** 2, tmp_path)
    found = pd.read_csv(tmp_path / "out/explanations_shap/facets.csv")
    assert [*found.columns] == [
        *("facet", "group", "label", "feature", "rows_group", "rows_all_others"),
        *("mean_group", "mean_all_others", "gap", "low", "high"),
    ]
    assert found["group"].unique().tolist() == ["F", "M", "X"]
    assert found["feature"].tolist() == ["a", "b", "c", "(total)"] * 3
    assert set(found["rows_group"]) == {100}
    assert set(found["rows_all_others"]) == {200}
    one = found[found["group"] == "F"].set_index("feature")
    inside = rows["sex"] == "F"
    values = out.rename(columns=lambda name: name[0]).assign(**{"(total)": out.sum(axis=1)})
    gap = values[~inside].mean() - values[inside].mean()
    assert one["gap"].to_dict() == pytest.approx(gap.to_dict())
    assert (one["mean_all_others"] - one["mean_group"]).tolist() == pytest.approx(one["gap"])
    # Welch's interval is the narrowest that it can be.
    error = math.hypot(*(values[side]["a"].sem() for side in (inside, ~inside)))
    assert 0.7 < one.loc["a", "low"] <= one.loc["a", "gap"] - 1.96 * error
    assert one.loc["a", "high"] - one.loc["a", "low"] == pytest.approx(2 * 1.97 * error, rel=0.05)
    assert one.loc["c", ["gap", "low", "high"]].tolist() == pytest.approx([0, 0, 0], abs=1e-12)
