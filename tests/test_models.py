"""Models: explained as they themselves predict, whatever they are told to leave out or to join."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import ensemble as sk
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import biaskit
from biaskit.counts.roles import Roles
from biaskit.errors import BiaskitError, DataError, RolesError
from biaskit.explanations import rows as rows_read
from biaskit.explanations.declined import Declined
from biaskit.explanations.methods.choice import first_that_does, task_of
from biaskit.explanations.methods.method import Task
from biaskit.explanations.models import FORMATS, LIBRARIES, Format, estimators, kinds_of_files
from biaskit.explanations.models.estimators import outputs_of
from biaskit.explanations.models.model import Model
from biaskit.explanations.models.xgboost_json import from_xgboost_file
from biaskit.explanations.outputs import refuse_other_outputs
from biaskit.explanations.request import Request
from biaskit.explanations.trees import tables
from biaskit.explanations.trees.walks import TreeOutputs
from support import naive_shapley as naive

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

Outputs = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Many small predictions: threads that wait for each other would take most of the time."""
    with threadpool_limits(1):
        yield


def table(rows: int = 160, seed: int = 0) -> pd.DataFrame:
    """Numbers, among them -1 and the codes 3, 13, ... of a category, and a label of both."""
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "pay": np.where(rng.random(rows) < 0.3, -1, rng.integers(1, 9, rows)).astype(float),
            "age": rng.integers(20, 60, rows),
            "dept": rng.integers(0, 6, rows) * 10 + 3,
        }
    )
    made["y"] = ((made.dept % 20 == 3) ^ (made.pay < 0) ^ (made.age > 50)).astype(int)
    made["sex"] = np.where(rng.random(rows) < np.where(made.pay < 0, 0.7, 0.4), "F", "M")
    return made


ROWS = table()
COLUMNS = ["pay", "age", "dept"]
X, Y = ROWS[COLUMNS], ROWS.y
GAP = {"facet": "sex", "facet_values": "F"}


def refuse_another_explanation(
    model: Any, own: Outputs, *, near: float = 1e-5, output: str | None = None, **options: Any
) -> None:
    """An explanation, with and without background, against the outputs themselves.

    `own` gives the outputs of plain rows. Values with a background are those of the definition.
    """
    some = ROWS[:40]
    plain = some[COLUMNS].to_numpy(dtype=float)
    outputs = own(plain)
    women = (some.sex == "F").to_numpy()
    gap = outputs[~women].mean() - outputs[women].mean()
    for background in (None, ROWS[:9]):
        report = biaskit.explain(model, some, **GAP, background=background, **options)
        chosen = report if output is None else report[report.output == output]
        assert chosen.gap.iloc[-1] == pytest.approx(gap, abs=near)
        assert chosen.gap.iloc[:-1].sum() == pytest.approx(gap, abs=near)
    found = biaskit.shap_values(model, ROWS[:4], background=ROWS[:9], **options)
    at = 0 if output is None else found.output_names.index(output)
    values = found.values.reshape(4, 3, -1)[:, :, at]
    for i in range(4):
        expected = naive.interventional(own, plain[i], plain[:9])
        assert values[i] == pytest.approx(expected, abs=near)
    dependence = biaskit.partial_dependence(model, ROWS, "dept", **options)
    chosen = dependence if output is None else dependence[dependence.output == output]
    assert chosen["at"].tolist() == sorted(ROWS.dept.unique())
    for row in chosen.itertuples():
        changed = X.assign(dept=row.at).to_numpy(dtype=float)
        assert row.mean == pytest.approx(own(changed).mean(), abs=near)


# ---------------------------------------------------------------------------
# What a wrapper leaves out: its missing value, its later rounds


@pytest.mark.parametrize("missing", [-1.0, 33, np.nan], ids=str)
def test_a_wrappers_missing_value_is_missing(missing: float) -> None:
    model = xgboost.XGBClassifier(n_estimators=8, max_depth=3, missing=missing, n_jobs=1)
    model.fit(X, Y)

    def own(rows: np.ndarray) -> np.ndarray:
        holes = np.where(rows == missing, np.nan, rows)
        data = xgboost.DMatrix(holes, feature_names=COLUMNS)
        return model.get_booster().predict(data, output_margin=True).astype(float)

    refuse_another_explanation(model, own)
    chance = biaskit.explain(model, ROWS, **GAP, scale="probability")
    women = (ROWS.sex == "F").to_numpy()
    probability = model.predict_proba(X)[:, 1]
    expected = probability[~women].mean() - probability[women].mean()
    assert chance.gap.iloc[-1] == pytest.approx(expected, abs=1e-5)


def stopped_early(**options: Any) -> Any:
    model = xgboost.XGBClassifier(
        n_estimators=40,
        max_depth=4,
        learning_rate=1.0,
        early_stopping_rounds=4,
        n_jobs=1,
        **options,
    )
    noise = np.random.default_rng(1).integers(0, 2, len(ROWS))
    return model.fit(X[:80], Y[:80] ^ noise[:80], eval_set=[(X[80:], Y[80:])], verbose=False)


@pytest.mark.parametrize("options", [{}, {"booster": "dart"}, {"num_parallel_tree": 2}], ids=str)
def test_rounds_after_the_best_are_left_out_where_the_model_leaves_them_out(
    options: dict[str, Any], tmp_path: Path
) -> None:
    model = stopped_early(**options)
    used, total = model.best_iteration + 1, model.get_booster().num_boosted_rounds()
    assert used < total
    model.save_model(tmp_path / "model.json")
    model.save_model(tmp_path / "model.ubj")
    loaded = xgboost.XGBClassifier()
    loaded.load_model(tmp_path / "model.json")
    best = model.predict(X, output_margin=True).astype(float)
    every = model.get_booster().predict(xgboost.DMatrix(X), output_margin=True).astype(float)
    assert not np.allclose(best, every, atol=1e-3)
    remark = f"the best {used} of {total} rounds"
    for one, expected, is_said in [
        (model, best, True),
        (loaded, best, True),
        (tmp_path / "model.json", best, True),
        (tmp_path / "model.ubj", best, True),
        (model.get_booster(), every, False),
    ]:
        for background in (None, ROWS[:20]):
            found = biaskit.shap_values(one, ROWS, background=background)
            sums = found.values.sum(axis=1) + found.base_values
            assert sums == pytest.approx(expected, abs=1e-4)
        for scale in ("raw", "probability"):
            report = biaskit.explain(one, ROWS, **GAP, scale=scale)
            assert (remark in report.method[0]) is is_said
        dependence = biaskit.partial_dependence(one, ROWS, "pay", grid=2)
        own = one if hasattr(one, "predict") else model
        changed = X.assign(pay=dependence["at"][0])
        if isinstance(own, xgboost.Booster):
            changed = xgboost.DMatrix(changed)
        margin = own.predict(changed, output_margin=True)
        assert dependence["mean"][0] == pytest.approx(margin.mean(), abs=1e-4)


def test_early_stopping_with_categories(tmp_path: Path) -> None:
    columns = X.astype({"dept": "category"})
    model = xgboost.XGBClassifier(
        n_estimators=40, learning_rate=1.0, early_stopping_rounds=4, n_jobs=1, max_cat_to_onehot=1,
        enable_categorical=True,
    )  # fmt: skip
    noise = np.random.default_rng(1).integers(0, 2, len(ROWS))
    model.fit(columns[:80], Y[:80] ^ noise[:80], eval_set=[(columns[80:], Y[80:])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    margin = model.predict(columns[:20], output_margin=True).astype(float)
    model.save_model(tmp_path / "model.json")
    for one, background in [(model, None), (model, ROWS[:5]), (tmp_path / "model.json", None)]:
        asked = {"background": background, "trust_model": True}
        found = biaskit.shap_values(one, ROWS[:20], **asked)
        assert found.values.sum(axis=1) + found.base_values == pytest.approx(margin, abs=1e-4)
        method = biaskit.explain(one, ROWS[:4], **asked).method[0]
        assert f"the best {model.best_iteration + 1} of" in method


def test_the_best_round_of_an_older_or_a_damaged_file() -> None:
    model = stopped_early(num_parallel_tree=2)
    found = json.loads(model.get_booster().save_raw("json"))
    trees = found["learner"]["gradient_booster"]["model"]

    def read() -> Any:
        return from_xgboost_file(json.dumps(found).encode())

    expected = model.predict(X, output_margin=True)
    columns = [*X.to_numpy(dtype=float).T]
    edges = trees.pop("iteration_indptr")  # XGBoost before 2 wrote none
    made = read()
    assert TreeOutputs(made.outputs[""])(columns) == pytest.approx(expected, abs=1e-5)
    assert f"the best {model.best_iteration + 1} of {len(edges) - 1} rounds" in made.remark
    trees["iteration_indptr"] = edges
    for best in ("-1", "x", "[]"):
        found["learner"]["attributes"]["best_iteration"] = best
        with pytest.raises(DataError, match="damaged"):
            read()
    found["learner"]["attributes"]["best_iteration"] = "99999"
    assert read().remark == ""
    found["learner"]["attributes"]["best_iteration"] = "0"
    trees["iteration_indptr"] = [0, 10**9]
    with pytest.raises(DataError, match="damaged"):
        read()


# ---------------------------------------------------------------------------
# What the kernels do not read


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [sk.HistGradientBoostingClassifier, sk.HistGradientBoostingRegressor]
)
def test_categorical_splits_of_scikit_learn(kind: Any) -> None:
    model = kind(max_iter=8, min_samples_leaf=2, categorical_features=["dept"]).fit(X, Y)

    def own(rows: np.ndarray) -> np.ndarray:
        frame = pd.DataFrame(rows, columns=COLUMNS)
        if kind is sk.HistGradientBoostingClassifier:
            return model.predict_proba(frame)[:, 1]
        return model.predict(frame)

    method = biaskit.explain(model, ROWS[:4]).method[0]
    assert method == "shap's Exact, 4 rows of the data; categorical splits: no kernels"
    refuse_another_explanation(model, own)


def test_categories_of_pandas_in_scikit_learn() -> None:
    texts = ROWS.assign(dept=ROWS.dept.map("d{}".format))
    columns = texts[COLUMNS].astype({"dept": "category"})
    model = sk.HistGradientBoostingClassifier(
        max_iter=8, min_samples_leaf=2, categorical_features="from_dtype"
    ).fit(columns, Y)
    probability = model.predict_proba(columns)[:12, 1]
    for background in (None, texts[:9]):
        found = biaskit.shap_values(model, texts[:12], background=background)
        assert found.values.sum(axis=1) + found.base_values == pytest.approx(probability)


@pytest.mark.parametrize("kind", [xgboost.XGBClassifier, xgboost.XGBRegressor, None])
def test_a_linear_booster(kind: Any) -> None:
    if kind is None:
        parameters = {"booster": "gblinear", "nthread": 1, "objective": "binary:logistic"}
        model = xgboost.train(parameters, xgboost.DMatrix(X, Y), 4)

        def own(rows: np.ndarray) -> np.ndarray:
            data = xgboost.DMatrix(rows, feature_names=COLUMNS)
            return model.predict(data, output_margin=True).astype(float)
    else:
        model = kind(booster="gblinear", n_estimators=4, n_jobs=1).fit(X, Y)

        def own(rows: np.ndarray) -> np.ndarray:
            frame = pd.DataFrame(rows, columns=COLUMNS)
            return model.predict(frame, output_margin=True).astype(float)

    refuse_another_explanation(model, own, near=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize(
    "model",
    [
        xgboost.XGBRegressor(n_estimators=4, max_depth=3, n_jobs=1),
        xgboost.XGBRegressor(
            n_estimators=4, max_depth=3, n_jobs=1, multi_strategy="multi_output_tree"
        ),
        sk.RandomForestRegressor(3, max_depth=3, random_state=0),
        LinearRegression(),
        Ridge(),
    ],
    ids=["xgboost", "vector leaves", "forest", "linear", "ridge"],
)
def test_several_targets(model: Any, k: int) -> None:
    model.fit(X, np.stack([ROWS.pay * 2 + ROWS.dept, -ROWS.age], axis=1))

    def own(rows: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict(pd.DataFrame(rows, columns=COLUMNS)), dtype=float)[:, k]

    refuse_another_explanation(model, own, near=1e-4, output=str(k))
    assert biaskit.shap_values(model, ROWS).values.shape == (len(ROWS), 3, 2)


def test_several_labels() -> None:
    model = xgboost.XGBClassifier(n_estimators=4, max_depth=3, n_jobs=1)
    model.fit(X, np.stack([Y, ROWS.age > 40, ROWS.pay > 3], axis=1))
    for scale, expected in [
        ("raw", model.predict(X, output_margin=True)),
        ("probability", model.predict_proba(X)),
    ]:
        found = biaskit.shap_values(model, ROWS, scale=scale)
        assert found.output_names == ["0", "1", "2"]
        sums = found.values.sum(axis=1) + found.base_values
        assert sums == pytest.approx(expected.astype(float), abs=1e-5)


# ---------------------------------------------------------------------------
# Categories that are numbers


def numbered(library: str) -> tuple[Any, Outputs]:
    """Model trained on a category column of numbers, and its margins of plain rows."""
    columns = X.astype({"dept": "category"})
    if library == "xgboost":
        model = xgboost.XGBClassifier(
            n_estimators=6, max_depth=3, n_jobs=1, max_cat_to_onehot=1, enable_categorical=True
        ).fit(columns, Y)
    else:
        model = lightgbm.LGBMClassifier(
            n_estimators=6, num_leaves=6, n_jobs=1, verbose=-1, min_data_per_group=1
        ).fit(columns, Y)
    margin = {"output_margin": True} if library == "xgboost" else {"raw_score": True}

    def own(rows: np.ndarray) -> np.ndarray:
        frame = pd.DataFrame(rows, columns=COLUMNS).astype({"dept": columns.dtypes["dept"]})
        return model.predict(frame, **margin).astype(float)

    return model, own


@pytest.mark.parametrize("as_booster", [False, True], ids=["wrapper", "booster"])
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_categories_that_are_numbers(library: str, as_booster: bool) -> None:
    model, own = numbered(library)
    if as_booster:
        model = model.get_booster() if library == "xgboost" else model.booster_
    refuse_another_explanation(model, own)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_batches_that_have_other_categories(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of a category is the model's, not that of the rows at hand."""
    model, own = numbered(library)
    rows = ROWS.sort_values("dept", ignore_index=True)
    monkeypatch.setattr(rows_read, "_AT_ONCE", 7)
    expected = own(rows[COLUMNS].to_numpy(dtype=float))
    for data in (rows, rows.astype({"dept": "category"}), rows.astype({"dept": float})):
        found = biaskit.shap_values(model, data)
        assert found.values.sum(axis=1) + found.base_values == pytest.approx(expected, abs=1e-5)


def test_categories_that_the_model_does_not_know() -> None:
    other = ROWS[:20].assign(dept=99)
    model, _ = numbered("xgboost")
    for call in (biaskit.explain, biaskit.partial_dependence):
        with pytest.raises(DataError, match=r"'dept' holds 99\.0, which was not in the training"):
            call(model, other)
    model, own = numbered("lightgbm")  # to LightGBM it is missing
    expected = own(other.assign(dept=np.nan)[COLUMNS].to_numpy(dtype=float))
    found = biaskit.shap_values(model, other)
    assert found.values.sum(axis=1) + found.base_values == pytest.approx(expected)
    for library in ("xgboost", "lightgbm"):
        model, _ = numbered(library)
        with pytest.raises(DataError, match="'dept' holds texts, and the model's categories are 3"):
            biaskit.explain(model, ROWS.assign(dept=ROWS.dept.astype(str)))


def test_categories_that_are_given_as_their_numbers() -> None:
    """Trained on an array: the numbers in the data are the library's own."""
    codes = X.assign(dept=(X.dept - 3) // 10).to_numpy(dtype=float)
    rows = ROWS.assign(dept=(X.dept - 3) // 10)
    model = xgboost.XGBClassifier(
        n_estimators=6, n_jobs=1, max_cat_to_onehot=1, feature_types=["q", "q", "c"]
    ).fit(codes, Y)
    margin = model.predict(codes, output_margin=True)
    for background in (None, rows[:9]):
        found = biaskit.shap_values(model, rows, features=COLUMNS, background=background)
        assert found.values.sum(axis=1) + found.base_values == pytest.approx(margin, abs=1e-5)
    model = lightgbm.LGBMClassifier(n_estimators=4, n_jobs=1, verbose=-1, min_data_per_group=1)
    model.fit(codes, Y, categorical_feature=[2])
    margin = model.booster_.predict(codes, raw_score=True)
    found = biaskit.shap_values(model, rows, features=COLUMNS)
    assert found.values.sum(axis=1) + found.base_values == pytest.approx(margin)


def test_ordered_categories_are_not_taken_for_their_numbers(tmp_path: Path) -> None:
    """LightGBM numbers them as categories and splits them as numbers."""
    columns = X.assign(dept=pd.Categorical(X.dept, ordered=True))
    model = lightgbm.LGBMClassifier(n_estimators=4, n_jobs=1, verbose=-1).fit(columns, Y)
    with pytest.raises(DataError, match="so they cannot be matched"):
        biaskit.explain(model, ROWS)
    model.booster_.save_model(tmp_path / "model.txt")
    with pytest.raises(RolesError, match="categories of pandas"):
        biaskit.explain(tmp_path / "model.txt", ROWS)


def test_linear_leaves() -> None:
    model = lightgbm.LGBMRegressor(n_estimators=4, n_jobs=1, verbose=-1, linear_tree=True)
    model.fit(X.astype(float), ROWS.pay * ROWS.age)

    def own(rows: np.ndarray) -> np.ndarray:
        return np.asarray(model.booster_.predict(rows), dtype=float)

    refuse_another_explanation(model, own)


# ---------------------------------------------------------------------------
# Every explanation is checked against the model itself


class OtherLinear(LinearRegression):
    def predict(self, rows: Any) -> Any:
        return super().predict(rows) ** 2


def test_a_formula_that_is_not_the_models_is_refused() -> None:
    with pytest.raises(DataError, match="does not reproduce the model's outputs"):
        biaskit.explain(OtherLinear().fit(X, Y), ROWS)
    model = LogisticRegression().fit(X, Y)
    found = biaskit.shap_values(model, ROWS)
    expected = model.decision_function(X)
    assert found.values.sum(axis=1) + found.base_values == pytest.approx(expected)


@pytest.mark.parametrize(
    "model",
    [
        sk.RandomForestClassifier(3, max_depth=4, random_state=0),
        sk.GradientBoostingClassifier(n_estimators=3),
        sk.HistGradientBoostingRegressor(max_iter=3, loss="poisson"),
    ],
    ids=["forest", "boosted", "poisson"],
)
def test_what_shap_says_of_trees_is_checked(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model.fit(X, Y)
    alone = biaskit.explain(model, ROWS, **GAP)
    monkeypatch.setattr(tables.kernels, "MOST_CODES", 2)
    by_shap = biaskit.explain(model, ROWS, **GAP)
    assert by_shap.method[0].startswith("shap's TreeExplainer")
    assert by_shap.gap.tolist() == pytest.approx(alone.gap.tolist())
    assert by_shap.output.tolist() == alone.output.tolist()
    import shap

    real = shap.TreeExplainer.__call__

    def wrong(self: Any, rows: Any, **options: Any) -> Any:
        return real(self, rows, **options) * 1.01

    monkeypatch.setattr(shap.TreeExplainer, "__call__", wrong)
    with pytest.raises(DataError, match="does not reproduce the model's outputs"):
        biaskit.explain(model, ROWS, **GAP)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_what_a_library_says_of_its_trees_is_checked(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = numbered(library)
    monkeypatch.setattr(tables.kernels, "MOST_CODES", 2)
    booster = xgboost.Booster if library == "xgboost" else lightgbm.Booster
    real = booster.predict

    def wrong(self: Any, *given: Any, **options: Any) -> Any:
        is_part = options.get("pred_contribs") or options.get("pred_contrib")
        return real(self, *given, **options) * (1.01 if is_part else 1)

    monkeypatch.setattr(booster, "predict", wrong)
    with pytest.raises(DataError, match="does not reproduce the model's outputs"):
        biaskit.explain(model, ROWS, **GAP)


def test_walks_and_partial_dependence_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, Y)
    other = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(X, 1 - Y)
    content = other.get_booster().save_raw("json")
    monkeypatch.setattr(xgboost.Booster, "save_raw", lambda *_: content)
    for background in (None, ROWS[:9]):
        with pytest.raises(DataError, match="does not reproduce the model's outputs"):
            biaskit.explain(model, ROWS, **GAP, scale="probability", background=background)
    with pytest.raises(DataError, match="does not reproduce the model's outputs"):
        biaskit.partial_dependence(model, ROWS, "pay")


def test_partial_dependence_takes_no_texts_for_numbers() -> None:
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, Y)
    with pytest.raises(DataError, match=r"'age' holds .* takes numbers"):
        biaskit.partial_dependence(model, ROWS.assign(age="old"), "pay")


class Halves:
    """Model of a library that biaskit does not know."""

    def answer(self, rows: Any) -> Any:
        return rows["pay"] / 2


def halves_file(path: Path, _: bool) -> Halves:
    assert path.read_text() == "halves"
    return Halves()


def of_halves(model: Halves) -> Model:
    return Model(columns=("pay",), outputs=partial(outputs_of, model.answer))


def test_a_new_kind_of_model_is_a_function_and_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimators, "of_halves", of_halves, raising=False)
    monkeypatch.setattr(estimators, "halves_file", halves_file, raising=False)
    monkeypatch.setitem(LIBRARIES, Halves.__module__.split(".")[0], "estimators:of_halves")
    monkeypatch.setitem(FORMATS, ".halves", Format("Halver", "estimators:halves_file", "is odd"))
    expected = biaskit.shap_values(lambda rows: rows["pay"] / 2, ROWS, features=["pay"])
    (tmp_path / "model.halves").write_text("halves")
    asked = {"trust_model": True}
    for model in (Halves(), tmp_path / "model.halves"):
        assert np.array_equal(biaskit.shap_values(model, ROWS, **asked).values, expected.values)
    with pytest.raises(RolesError, match=r"is odd; .*--trust-model"):
        biaskit.explain(tmp_path / "model.halves", ROWS)
    with pytest.raises(RolesError, match=r"Names end in \.json, .*\.halves, or are"):
        biaskit.explain("model.thirds", ROWS)
    assert kinds_of_files(risky=True).endswith("Halver .halves")


@pytest.mark.parametrize("reader", [*LIBRARIES.values(), *(one.reader for one in FORMATS.values())])
def test_what_the_lists_of_models_name_is_there(reader: str) -> None:
    module, _, name = reader.partition(":")
    found = import_module(f"biaskit.explanations.models.{module}")
    assert callable(getattr(found, name))
    assert name in found.__all__


def test_a_reason_that_changes_with_the_clock_is_not_in_the_method() -> None:
    """Attributions of one model add, whenever they were made."""
    model = xgboost.XGBRegressor(n_estimators=2, max_depth=2, multi_strategy="multi_output_tree")
    model.fit(X, np.stack([ROWS.pay, ROWS.age], axis=1))
    (method,) = set(biaskit.explain(model, ROWS[:5]).method)
    assert "no contributions of XGBoost: Check failed" in method


def test_a_model_without_trees_has_no_reason_why_they_are_not_read() -> None:
    """Its outputs are counted as those of a forest with several targets are."""
    model = MLPClassifier((2,), max_iter=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not converge
        model.fit(X, ROWS.age % 3)
    (method,) = set(biaskit.explain(model, ROWS[:5]).method)
    assert method == "shap's Exact, 5 rows of the data"


def declining(why: str) -> Callable[[Task], str]:
    def way(task: Task) -> str:
        raise Declined(why)

    return way


def test_each_way_is_told_why_those_before_it_declined() -> None:
    task = task_of(Request(LinearRegression().fit(X, Y), ROWS, Roles()))
    ways = [declining(why) for why in ("deep", "", "deep", "wide")]
    assert first_that_does([*ways, lambda task: task.why], task) == "deep; wide"
    with pytest.raises(DataError, match="the model has deep; wide, which needs its library"):
        first_that_does(ways, task)


# ---------------------------------------------------------------------------
# Files that nobody vouches for


CATEGORICAL_TEXT = {
    "num_leaves": 3,
    "num_cat": 1,
    "split_feature": "0 0",
    "split_gain": "1 1",
    "threshold": "0 0",
    "decision_type": "1 1",
    "left_child": "-1 -2",
    "right_child": "1 -3",
    "leaf_value": "1 2 3",
    "leaf_weight": "1 1 1",
    "leaf_count": "1 1 1",
    "internal_value": "0 0",
    "internal_weight": "0 0",
    "internal_count": "3 2",
    "cat_boundaries": "0 1",
    "cat_threshold": "3",
    "is_linear": 0,
    "shrinkage": 1,
}


def lightgbm_text(kept: str = '[["a","b"]]', **changes: Any) -> str:
    """LightGBM's text of one tree of categorical splits, with the categories that pandas had."""
    lines = "\n".join(f"{name}={value}" for name, value in {**CATEGORICAL_TEXT, **changes}.items())
    head = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=0\n"
        f"objective=regression\nfeature_names=pay\nfeature_infos=[0:9]\ntree_sizes={len(lines) + 8}"
    )
    return f"{head}\n\nTree=0\n{lines}\n\n\nend of trees\n\npandas_categorical:{kept}\n"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"left_child": "99999999 1", "right_child": "88888888 1"},
        {"left_child": "1 0", "right_child": "1 0"},
        {"split_feature": "99999999 5"},
        {"cat_boundaries": "0 999999999"},
        {"is_linear": 1, "num_features": "99999999 1 1"},
    ],
    ids=str,
)
def test_no_text_of_lightgbm_is_loaded_by_it_without_consent(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loaded all the same, most of these end the process."""
    (tmp_path / "model.txt").write_text(lightgbm_text(**changes))
    monkeypatch.setattr(lightgbm, "Booster", None)
    with pytest.raises(BiaskitError, match=r"--trust-model|damaged") as caught:
        biaskit.explain(tmp_path / "model.txt", ROWS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"cat_boundaries": "0 999999999"},
        {"cat_boundaries": "0 -1"},
        {"cat_threshold": "1e300"},
        {"threshold": "7 7"},
        {"threshold": "-1 0"},
        {"threshold": "nan 0"},
        {"num_cat": -5},
    ],
    ids=str,
)
def test_damaged_categories_of_lightgbm_are_refused(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    """biaskit reads them itself where the data hold the codes."""
    path = tmp_path / "model.txt"
    path.write_text(lightgbm_text("null"))
    rows = pd.DataFrame({"pay": [0.0, 1.0, 2.0, 40.0, None]})
    found = biaskit.shap_values(path, rows)
    path.write_text(lightgbm_text("null", **changes))
    with pytest.raises(DataError, match="damaged"):
        biaskit.explain(path, rows)
    assert np.all(np.isfinite(found.values))


@pytest.mark.parametrize("name", ["model.json", "model.ubj"])
def test_no_file_of_xgboost_is_loaded_by_it_without_consent(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, own = numbered("xgboost")
    model.save_model(tmp_path / name)
    refused = biaskit.explain, biaskit.attribute, biaskit.shap_values, biaskit.partial_dependence
    with monkeypatch.context() as patch:
        patch.setattr(xgboost, "Booster", None)
        for call in refused:
            with pytest.raises(RolesError, match=r"which only XGBoost reads.*--trust-model"):
                call(tmp_path / name, ROWS)
    expected = own(X.to_numpy(dtype=float))
    found = biaskit.shap_values(tmp_path / name, ROWS, trust_model=True)
    assert found.values.sum(axis=1) + found.base_values == pytest.approx(expected, abs=1e-5)
    for call in (biaskit.attribute, biaskit.partial_dependence):
        call(tmp_path / name, ROWS[:20], trust_model=True)


def test_a_file_of_categories_with_consent(tmp_path: Path) -> None:
    model, own = numbered("lightgbm")
    model.booster_.save_model(tmp_path / "model.txt")
    found = biaskit.shap_values(tmp_path / "model.txt", ROWS, trust_model=True)
    expected = own(X.to_numpy(dtype=float))
    assert found.values.sum(axis=1) + found.base_values == pytest.approx(expected)
    (tmp_path / "model.txt").write_text(lightgbm_text("null", leaf_value="1 2"))
    with pytest.raises(DataError, match=r"damaged|cannot read it"):
        biaskit.explain(tmp_path / "model.txt", ROWS, trust_model=True)


@pytest.mark.parametrize("suffix", [".onnx", ".skops", ".pkl", ".joblib"])
def test_what_other_libraries_open_needs_consent(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("onnxruntime", "skops", "skops.io", "joblib", "pickle"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    (tmp_path / f"model{suffix}").write_bytes(b"anything")
    with pytest.raises(RolesError, match="--trust-model"):
        biaskit.explain(tmp_path / f"model{suffix}", ROWS)


@pytest.mark.parametrize(
    ("package", "old", "name"),
    [
        ("lightgbm", "4.5.0", "model.txt"),
        ("skops", "0.12.1", "model.skops"),
        ("onnxruntime", "1.26.0", "model.onnx"),
    ],
)
def test_libraries_with_known_holes_open_no_file(
    package: str, old: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytest.importorskip(package), "__version__", old)
    (tmp_path / name).write_text(lightgbm_text())
    with pytest.raises(
        DataError, match=f"{package} {old} has vulnerabilities .* install '{package}>="
    ):
        biaskit.explain(tmp_path / name, ROWS, trust_model=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("s3://key:secret@bucket/model", "'s3://bucket/model' is an address"),
        ("s3://bucket/model.json", "is an address"),
        ("s3:/bucket/model", "which kind of model"),
        ("s3:", "which kind of model"),
        ("s3:model()", "which kind of model"),
    ],
)
def test_an_address_is_no_module(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s3.py").write_text("open('run', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(RolesError, match=message):
        biaskit.explain(name, ROWS)
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------------------
# The background of the data


def product(rows: Any) -> Any:
    return rows["a"] * rows["b"] + rows["a"]


def sorted_rows(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"a": np.repeat([0.0, 1.0], rows // 2), "b": rng.normal(size=rows)})
    return made.assign(side=np.repeat(["p", "q"], rows // 2))


def in_chunks(rows: pd.DataFrame) -> pa.Table:
    """Table whose first batch has rows of one side only."""
    return pa.Table.from_batches(pa.Table.from_pandas(rows, preserve_index=False).to_batches(60))


@pytest.mark.slow
def test_the_background_is_drawn_from_all_of_the_data(tmp_path: Path) -> None:
    rows = sorted_rows()
    asked = {"features": ["a", "b"], "facet": "side", "facet_values": "p"}
    expected = biaskit.explain(product, rows, **asked)
    assert expected.method[0] == "shap's Exact, 50 rows of the data"
    pq.write_table(in_chunks(rows), tmp_path / "rows.parquet", row_group_size=60)
    for data in (in_chunks(rows), tmp_path / "rows.parquet", [str(tmp_path / "rows.parquet")]):
        found = biaskit.explain(product, data, **asked)
        pd.testing.assert_frame_equal(found, expected, rtol=1e-9)
    values = biaskit.shap_values(product, in_chunks(rows), features=["a", "b"])
    assert values.base_values[0] > 0.1  # of the first batch alone it would be 0
    numbers = rows[["a", "b"]]
    boosted = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(numbers, rows.a > 0)
    of_trees = biaskit.shap_values(boosted, in_chunks(numbers), scale="probability")
    assert 0.3 < of_trees.base_values[0] < 0.7
    linear = LinearRegression().fit(numbers, rows.a)
    assert 0.3 < biaskit.shap_values(linear, in_chunks(numbers)).base_values[0] < 0.7


def test_of_a_stream_the_first_rows_are_the_background_and_that_is_said() -> None:
    reader = in_chunks(sorted_rows()).to_reader()
    report = biaskit.explain(product, reader, features=["a", "b"])
    assert report.method[0] == "shap's Exact, 50 of the first 60 rows"
    assert (report.n == 300).all()


def test_a_text_file_is_read_again_with_its_numbers(tmp_path: Path) -> None:
    rows = sorted_rows()
    rows.to_csv(tmp_path / "rows.csv", index=False)
    found = biaskit.explain(product, tmp_path / "rows.csv", features=["a", "b"])
    expected = biaskit.explain(product, rows, features=["a", "b"])
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


#: Rows whose last 60 differ from those before.
LATE = pd.concat([ROWS] * 18 + [ROWS[:60].assign(pay=99.0)], ignore_index=True)


class LateLinear(LinearRegression):
    def predict(self, rows: Any) -> Any:
        return super().predict(rows) + (np.asarray(rows)[:, 0] == 99)


class LateBoosted(sk.GradientBoostingClassifier):
    def decision_function(self, rows: Any) -> Any:
        return super().decision_function(rows) + (np.asarray(rows)[:, 0] == 99)


@pytest.mark.parametrize(
    ("model", "options", "method"),
    [
        (LateLinear(), {}, "linear"),
        (LateBoosted(n_estimators=3), {}, "trees, exact"),
        (LateBoosted(n_estimators=3), {"background": ROWS[:9]}, "trees, exact"),
        (
            LateBoosted(n_estimators=3),
            {"background": ROWS[:9], "scale": "probability"},
            "trees, sampled",
        ),
        (LateBoosted(n_estimators=3), {"shap": True}, "shap's TreeExplainer"),
    ],
    ids=["linear", "trees", "trees with a background", "walks", "shap"],
)
def test_the_last_rows_are_checked_too(
    model: Any, options: dict[str, Any], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if options.pop("shap", False):
        monkeypatch.setattr(tables.kernels, "MOST_CODES", 2)
    model.fit(X, Y)
    found = biaskit.explain(model, LATE[:-60], **GAP, **options)
    assert found.method[0].startswith(method)
    with pytest.raises(DataError, match="does not reproduce the model's outputs"):
        biaskit.explain(model, LATE, **GAP, **options)


def test_what_a_library_says_of_later_rows_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = numbered("xgboost")
    monkeypatch.setattr(tables.kernels, "MOST_CODES", 2)
    real = xgboost.Booster.predict
    parts: list[Any] = []

    def wrong(self: Any, *given: Any, **options: Any) -> Any:
        found = real(self, *given, **options)
        if not options.get("pred_contribs"):
            return found
        parts.append(found)
        return found + (len(parts) > 2)  # those of a first look and of the first batch are right

    monkeypatch.setattr(xgboost.Booster, "predict", wrong)
    with pytest.raises(DataError, match="does not reproduce the model's outputs"):
        biaskit.explain(model, LATE, **GAP)


def test_large_outputs_may_differ_by_the_rounding_of_what_they_add_up() -> None:
    """A library adds up float32, so that an output near 0 is as uncertain as the others."""
    ours, own = np.array([[2e9], [-1e9], [0.0]]), np.array([[2e9], [-1e9], [900.0]])
    refuse_other_outputs(ours, own)
    with pytest.raises(DataError, match="they differ by 900"):
        refuse_other_outputs(ours / 1e6, own / 1e6 + [[0], [0], [899.9991]])


def test_small_outputs_are_compared_as_closely_as_large_ones() -> None:
    class Other(LinearRegression):
        def predict(self, rows: Any) -> Any:
            return super().predict(rows) * 1.5

    with pytest.raises(DataError, match="does not reproduce the model's outputs"):
        biaskit.explain(Other().fit(X, Y * 1e-6), ROWS, **GAP)


def test_weights_of_trees_beyond_floats_are_refused(tmp_path: Path) -> None:
    """A dropped tree's weight becomes a 32-bit float, which may be infinite."""
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "sex": ["F", "M"] * 2})
    model = xgboost.XGBRegressor(booster="dart", n_estimators=2, n_jobs=1)
    path = tmp_path / "model.json"
    model.fit(rows[["x"]], [0.0, 1.0, 1.0, 3.0]).save_model(path)
    made = json.loads(path.read_text())
    made["learner"]["gradient_booster"]["weight_drop"] = [1e300, 1.0]
    path.write_text(json.dumps(made))
    with pytest.raises(BiaskitError, match="not a finite number"):
        biaskit.explain(str(path), rows, facet="sex", background=rows)
