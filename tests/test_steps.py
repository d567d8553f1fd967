"""Steps: pipelines are explained exactly in the columns of the data, or say why they are not."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import compose as c
from sklearn import ensemble as e
from sklearn import feature_selection as f
from sklearn import impute as i
from sklearn import linear_model as lm
from sklearn import preprocessing as p
from sklearn import tree as t
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

import biaskit
from biaskit.errors import DataError, RolesError
from biaskit.explanations.methods import inputs
from biaskit.explanations.models.ensembles import Ensemble
from biaskit.explanations.models.opening import opened
from biaskit.explanations.pipelines import encoding
from biaskit.explanations.pipelines.origins import Origins
from biaskit.explanations.trees.forests import ForestValues
from biaskit.explanations.trees.tables import TreeValues
from biaskit.explanations.trees.walks import TreeOutputs, TreeWalks
from support import naive_shapley as naive
from test_trees import random_ensemble, random_rows, replace_covers

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

# ---------------------------------------------------------------------------
# Trees whose splits are credited to the feature that their column is made of


def with_origins(rng: np.random.Generator, columns: int, features: int) -> Ensemble:
    one = replace_covers(random_ensemble(rng, columns, trees=3, depth=4))
    of = rng.integers(0, features, columns).astype(np.int32)
    return replace(one, origins=Origins(of, features))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 4))
def test_columns_of_one_feature_change_together(seed: int, columns: int, features: int) -> None:
    rng = np.random.default_rng(seed)
    one = with_origins(rng, columns, features)
    rows, background = random_rows(rng, 3, columns), random_rows(rng, 5, columns)
    found = TreeValues(one, [[*background.T]])([*rows.T])
    alone = TreeValues(one)([*rows.T])
    deep = ForestValues(one, [*background.T])([*rows.T])
    deep_alone = ForestValues(one)([*rows.T])

    def game(row: np.ndarray) -> Callable[[frozenset[int]], float]:
        def worth(chosen: frozenset[int]) -> float:
            is_own = np.isin(one.origins.of, [*chosen])
            return float(naive.output(one, np.where(is_own, row, background)).mean())

        return worth

    for at, row in enumerate(rows):
        expected = naive.from_game(game(row), features)
        assert found[:-1, at] == pytest.approx(expected, abs=1e-12)
        assert deep[:-1, at] == pytest.approx(expected, abs=1e-12)
        expected = naive.path_dependent(one, row)
        assert alone[:-1, at] == pytest.approx(expected, abs=1e-12)
        assert deep_alone[:-1, at] == pytest.approx(expected, abs=1e-12)
    assert found[-1] == pytest.approx(naive.output(one, rows), abs=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_walks_change_the_columns_of_a_feature_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = with_origins(rng, 6, 2)  # of two features both orders are walked, so nothing is sampled
    rows, background = random_rows(rng, 3, 6), random_rows(rng, 5, 6)
    exact = TreeValues(one, [[*background.T]])([*rows.T])
    found, _ = TreeWalks(one, [*background.T], logistic=False)([*rows.T])
    assert found == pytest.approx(exact, abs=1e-12)
    assert TreeOutputs(one)([*rows.T]) == pytest.approx(found[-1], abs=1e-12)


def test_a_column_is_made_of_a_feature_that_exists() -> None:
    one = random_ensemble(np.random.default_rng(0), 2, 1, 2)
    for of in ([0], [0, 2], [-1, 0]):
        with pytest.raises(DataError, match="made of no feature"):
            replace(one, origins=Origins(np.array(of, dtype=np.int32), 2))


# ---------------------------------------------------------------------------
# Pipelines


def people(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "town": np.array(["A", "B", "C", "D", None], dtype=object)[rng.integers(0, 5, rows)],
            "age": rng.integers(18, 70, rows),
            "pay": np.round(rng.normal(size=rows), 2),
            "kids": rng.integers(0, 4, rows).astype(float),
        }
    )
    made.loc[rng.random(rows) < 0.2, "pay"] = np.nan
    return made


def hired(rows: pd.DataFrame) -> pd.Series:
    score = rows.pay.fillna(0.5) + (rows.town == "B") * rows.kids + (rows.age > 40)
    noise = np.random.default_rng(9).normal(size=len(rows))
    return (score + noise / 2 > 1.5).astype(int)


TRAINED = people(150, 1)
LABEL = hired(TRAINED)
ROWS, BACKGROUND = people(4, 2), people(9, 3)
BACKGROUND.loc[0, "town"] = "Z"  # not in the training data

OF_TEXTS: dict[str, Callable[[], Any]] = {
    "one-hot": lambda: p.OneHotEncoder(handle_unknown="ignore"),
    "one-hot, one dropped": lambda: p.OneHotEncoder(
        handle_unknown="ignore", drop="first", sparse_output=False
    ),
    "one-hot, rare ones together": lambda: p.OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=33
    ),
    "one-hot, rare ones dropped": lambda: p.OneHotEncoder(
        handle_unknown="ignore", max_categories=3, drop="first"
    ),
    "ordinal": lambda: p.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    ),
    "target": lambda: p.TargetEncoder(cv=2, random_state=0),
    "filled": lambda: make_pipeline(
        i.SimpleImputer(strategy="most_frequent", add_indicator=True),
        c.make_column_transformer(
            (p.OneHotEncoder(handle_unknown="ignore"), [0]), remainder="passthrough"
        ),
    ),
    "filled with a text": lambda: make_pipeline(
        i.SimpleImputer(strategy="constant", fill_value="none"),
        p.OneHotEncoder(handle_unknown="ignore"),
    ),
    "two ways": lambda: FeatureUnion(
        [
            ("one", p.OneHotEncoder(handle_unknown="ignore", min_frequency=40)),
            ("other", p.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=9)),
            ("none", "drop"),
        ]
    ),
}
OF_NUMBERS: dict[str, Callable[[], Any]] = {
    "standard": p.StandardScaler,
    "min-max": p.MinMaxScaler,
    "max-abs": p.MaxAbsScaler,
    "robust": p.RobustScaler,
    "mean": lambda: i.SimpleImputer(add_indicator=True),
    "median": lambda: i.SimpleImputer(strategy="median"),
    "ordinal": lambda: p.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    ),
    "bins": lambda: make_pipeline(
        i.SimpleImputer(strategy="most_frequent"), p.KBinsDiscretizer(4, strategy="uniform")
    ),
    "numbered bins": lambda: make_pipeline(
        i.SimpleImputer(), p.KBinsDiscretizer(3, encode="ordinal", strategy="uniform")
    ),
    "binary": lambda: make_pipeline(i.SimpleImputer(fill_value=0), p.Binarizer(threshold=0.5)),
    "splines": lambda: make_pipeline(i.SimpleImputer(), p.SplineTransformer(3, degree=2)),
    "same": p.FunctionTransformer,
    "a function of NumPy": lambda: p.FunctionTransformer(np.cbrt),
    "power": p.PowerTransformer,
    "quantiles": lambda: p.QuantileTransformer(n_quantiles=20),
    "missing or not": i.MissingIndicator,
    "varying": f.VarianceThreshold,
    "best two": lambda: make_pipeline(i.SimpleImputer(), f.SelectKBest(f.f_classif, k=2)),
    "as they are": lambda: "passthrough",
}
TREES: dict[str, Callable[[], Any]] = {
    "tree": lambda: t.DecisionTreeClassifier(max_depth=4, random_state=0),
    "forest": lambda: e.RandomForestClassifier(5, max_depth=4, random_state=0),
    "extra": lambda: e.ExtraTreesRegressor(5, max_depth=4, random_state=0),
    "boosted": lambda: e.GradientBoostingClassifier(n_estimators=5, random_state=0),
    "histograms": lambda: e.HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=5),
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1),
    "lightgbm": lambda: lightgbm.LGBMClassifier(
        n_estimators=5, min_child_samples=5, n_jobs=1, verbose=-1
    ),
}
LINEAR: dict[str, Callable[[], Any]] = {
    "logistic": lambda: lm.LogisticRegression(max_iter=2_000),
    "ridge": lm.Ridge,
    "least squares": lm.LinearRegression,
}
#: Last steps that take no missing values.
FILLED = ("boosted", "logistic", "ridge", "least squares")


def fitted(texts: str, numbers: str, last: str, shape: str) -> Pipeline:
    columns = c.ColumnTransformer(
        [
            ("texts", OF_TEXTS[texts](), ["town"]),
            ("numbers", OF_NUMBERS[numbers](), ["pay", "age"]),
        ],
        remainder=p.StandardScaler() if shape == "scaled" else "passthrough",
        sparse_threshold=1.0 if shape == "sparse" and last != "histograms" else 0.0,
    )
    steps = [columns]
    if last in FILLED or (shape == "sparse" and last not in ("xgboost", "lightgbm")):
        steps.append(i.SimpleImputer())
    steps += [None, (TREES | LINEAR)[last]()]
    if shape == "nested":
        steps = [steps[0], make_pipeline(*steps[1:])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_pipeline(*steps).fit(TRAINED, LABEL)


def output_of(model: Any) -> Callable[[pd.DataFrame], np.ndarray]:
    """Output that the values add up to."""
    last = model[-1][-1] if isinstance(model[-1], Pipeline) else model[-1]
    if isinstance(last, xgboost.XGBModel):
        return lambda rows: model.predict(rows, output_margin=True)
    if isinstance(last, lightgbm.LGBMModel):
        return lambda rows: model.predict(rows, raw_score=True)
    if hasattr(model, "decision_function"):
        return model.decision_function
    if hasattr(model, "predict_proba"):
        return lambda rows: model.predict_proba(rows)[:, 1]
    return model.predict


def of_the_definition(model: Any, rows: pd.DataFrame, background: pd.DataFrame) -> np.ndarray:
    """Shapley values of rows, by mixing the columns of the data in all ways."""
    output = output_of(model)

    def plain(mixed: np.ndarray) -> np.ndarray:
        frame = pd.DataFrame(mixed, columns=[*rows])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(output(frame.astype(dict(rows.dtypes))), dtype=float)

    below = background.to_numpy(dtype=object)
    return np.array(
        [naive.interventional(plain, row, below) for row in rows.to_numpy(dtype=object)]
    )


@settings(max_examples=60)
@given(
    texts=st.sampled_from([*OF_TEXTS]),
    numbers=st.sampled_from([*OF_NUMBERS]),
    last=st.sampled_from([*TREES, *LINEAR]),
    shape=st.sampled_from(["dense", "sparse", "scaled", "nested"]),
)
def test_a_pipeline_has_the_values_of_the_definition(
    texts: str, numbers: str, last: str, shape: str
) -> None:
    model = fitted(texts, numbers, last, shape)
    found = biaskit.shap_values(model, ROWS, background=BACKGROUND)
    assert found.feature_names == [*TRAINED]
    expected = of_the_definition(model, ROWS, BACKGROUND)
    assert found.values == pytest.approx(expected, abs=2e-6)
    report = biaskit.explain(model, ROWS, background=BACKGROUND)
    kind = "linear" if last in LINEAR else "trees"
    assert report.method[0].startswith(f"{kind}, exact, 9 ")


def test_path_dependent_values_of_a_pipeline_are_those_of_the_definition() -> None:
    model = fitted("filled", "splines", "boosted", "dense")
    opened_model = opened(model)
    (one,) = opened_model.read_trees().outputs.values()
    encoded = model[:-1].transform(ROWS)
    found = biaskit.shap_values(model, ROWS)
    expected = [naive.path_dependent(one, row) for row in encoded]
    assert found.values == pytest.approx(np.array(expected), abs=1e-12)
    assert biaskit.explain(model, ROWS).method[0] == "trees, exact, path-dependent"


@pytest.mark.parametrize("last", ["boosted", "logistic"])
def test_a_pipeline_has_shap_s_values(last: str) -> None:
    model = fitted("one-hot", "mean", last, "sparse")

    def margin(rows: pd.DataFrame) -> np.ndarray:
        return model.decision_function(rows)

    side = {"facet": "town", "background": BACKGROUND}
    exact = biaskit.explain(model, TRAINED, **side)
    of_shap = biaskit.explain(margin, TRAINED, **side, features=[*TRAINED])
    assert of_shap.method[0].startswith("shap's Exact")
    assert [*exact.feature] == [*of_shap.feature]
    for column in ("gap", "mean_abs_a", "mean_d"):
        assert exact[column].to_numpy() == pytest.approx(of_shap[column].to_numpy(), abs=1e-12)


@pytest.mark.parametrize("background", [None, BACKGROUND], ids=["alone", "background"])
def test_a_deep_forest_behind_steps_is_exact(background: Any) -> None:
    rng = np.random.default_rng(0)
    steps = c.make_column_transformer(
        (p.OneHotEncoder(handle_unknown="ignore"), ["town", "kids"]),
        (make_pipeline(i.SimpleImputer(), p.SplineTransformer(6)), ["age", "pay"]),
    )
    last = e.RandomForestRegressor(4, max_features=3, random_state=0)
    model = make_pipeline(steps, last).fit(TRAINED, rng.normal(size=len(TRAINED)))
    report = biaskit.explain(model, ROWS, background=background)
    found = biaskit.shap_values(model, ROWS, background=background).values
    if background is None:
        assert report.method[0] == "trees, exact, path-dependent"
        (one,) = opened(model).read_trees().outputs.values()
        expected = [naive.path_dependent(one, row) for row in steps.transform(ROWS)]
    else:
        assert report.method[0] == "trees, exact, 9 background rows"
        expected = of_the_definition(model, ROWS, BACKGROUND)
    assert found == pytest.approx(np.array(expected), abs=1e-12)


def test_every_class_of_a_pipeline() -> None:
    label = TRAINED.kids.clip(upper=2)
    steps = c.make_column_transformer(
        (p.TargetEncoder(random_state=0), ["town"]),
        (i.SimpleImputer(), ["pay", "age"]),
    )
    for last in (e.RandomForestClassifier(4, max_depth=3), lm.LogisticRegression(max_iter=2_000)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = make_pipeline(steps, p.StandardScaler(), last).fit(TRAINED, label)
        report = biaskit.explain(model, ROWS, background=BACKGROUND)
        assert [*report.output.unique()] == ["0.0", "1.0", "2.0"]
        assert ", exact, 9 " in report.method[0]
        assert (report.mean_abs[report.feature == "kids"] == 0).all()
        one = biaskit.shap_values(model, ROWS, background=BACKGROUND, output_class=1.0)
        call = getattr(model, "decision_function", model.predict_proba)

        def output(rows: np.ndarray, call: Any = call) -> np.ndarray:
            made = pd.DataFrame(rows, columns=[*ROWS]).astype(dict(ROWS.dtypes))
            return np.asarray(call(made))[:, 1]

        expected = naive.interventional(
            output, ROWS.to_numpy(dtype=object)[0], BACKGROUND.to_numpy(dtype=object)
        )
        assert one.values[0] == pytest.approx(expected, abs=1e-12)


def test_the_whole_background_of_a_linear_pipeline_counts() -> None:
    model = fitted("one-hot", "standard", "ridge", "dense")
    report = biaskit.explain(model, ROWS, background=TRAINED)
    assert report.method[0] == "linear, exact, 150 rows of the background"
    values = biaskit.shap_values(model, ROWS, background=TRAINED)
    assert values.base_values[0] == pytest.approx(model.predict(TRAINED).mean())
    with pytest.raises(DataError, match="the background has no rows"):
        biaskit.explain(model, ROWS, background=TRAINED[:0])


# ---------------------------------------------------------------------------
# Data in other forms


def test_data_in_any_form_have_the_same_values(tmp_path: Path) -> None:
    model = fitted("one-hot", "mean", "boosted", "dense")
    expected = biaskit.explain(model, TRAINED, facet="town", background=BACKGROUND)
    TRAINED.to_csv(tmp_path / "rows.csv", index=False)
    turned = TRAINED[[*TRAINED][::-1]].assign(other="x")
    forms = {
        "in another order": turned,
        "categories": TRAINED.astype({"town": "category"}),
        "polars": pl.from_pandas(TRAINED),
        "arrow": pa.Table.from_pandas(TRAINED),
        "csv": tmp_path / "rows.csv",
    }
    for form, rows in forms.items():
        found = biaskit.explain(model, rows, facet="town", background=BACKGROUND)
        for column in ("value", "feature"):
            assert [*found[column]] == [*expected[column]], form
        assert found.gap.to_numpy() == pytest.approx(expected.gap.to_numpy(), abs=1e-12), form


def test_booleans_and_named_columns_between_the_steps() -> None:
    rows = TRAINED.assign(tall=TRAINED.age > 40)[["tall", "pay", "age"]]
    numbers = make_pipeline(i.SimpleImputer(add_indicator=True), p.StandardScaler())
    for last in (e.ExtraTreesClassifier(4, max_depth=4), xgboost.XGBClassifier(n_estimators=3)):
        model = make_pipeline(numbers, last).set_output(transform="pandas").fit(rows, LABEL)
        found = biaskit.shap_values(model, rows[:6], background=rows[:5])
        assert found.values == pytest.approx(of_the_definition(model, rows[:6], rows[:5]), abs=2e-6)
        assert found.values[:, 0].any() or found.values[:, 1].any()


def test_arrays_whose_columns_are_named_by_the_caller() -> None:
    rows = TRAINED[["age", "pay"]].to_numpy()
    model = make_pipeline(
        c.make_column_transformer(
            (p.KBinsDiscretizer(3, strategy="uniform"), [0]), (i.SimpleImputer(), [1])
        ),
        lm.LogisticRegression(),
    ).fit(rows, LABEL)
    report = biaskit.explain(model, rows, features=["age", "pay"], background=rows)
    assert report.method[0] == "linear, exact, 150 rows of the background"
    frame = biaskit.explain(model, TRAINED, features=["age", "pay"], background=TRAINED)
    assert frame.mean_abs.tolist() == report.mean_abs.tolist()
    with pytest.raises(RolesError, match="which columns does the model take"):
        biaskit.explain(model, rows)


def test_few_numbers_at_a_time_make_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("one-hot", "bins", "forest", "dense")
    expected = biaskit.shap_values(model, TRAINED, background=TRAINED).values
    monkeypatch.setattr(inputs, "_MOST_NUMBERS", 200)
    found = biaskit.shap_values(model, TRAINED, background=TRAINED).values
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_probability_of_log_odds_is_sampled() -> None:
    model = fitted("one-hot", "mean", "boosted", "dense")
    report = biaskit.explain(model, TRAINED, scale="probability", background=BACKGROUND)
    assert report.method[0].startswith("trees, sampled: 2 orders × 9 rows of the background")
    found = biaskit.shap_values(model, TRAINED, scale="probability", background=BACKGROUND)
    total = found.values.sum(axis=1) + found.base_values
    assert total == pytest.approx(model.predict_proba(TRAINED)[:, 1])


def test_rare_steps() -> None:
    text = TRAINED.town.fillna("none")
    rows = pd.DataFrame({"words": text + " and " + text.str.lower(), "age": TRAINED.age})
    model = make_pipeline(
        c.ColumnTransformer(
            [
                ("words", TfidfVectorizer(token_pattern=r"\w+"), "words"),
                ("curve", p.PolynomialFeatures(2), ["age"]),
                ("own", p.FunctionTransformer(lambda age: age > 40), ["age"]),
                ("out", "drop", ["words"]),
            ]
        ),
        f.SelectKBest(f.mutual_info_regression, k=8),
        lm.Ridge(),
    ).fit(rows, LABEL)
    found = biaskit.shap_values(model, rows[:5], background=rows[:7])
    assert found.values == pytest.approx(of_the_definition(model, rows[:5], rows[:7]), abs=1e-9)
    assert biaskit.explain(model, rows).method[0].startswith("linear, exact")


def test_a_pickled_pipeline_takes_consent(tmp_path: Path) -> None:
    model = fitted("one-hot", "mean", "boosted", "dense")
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    with pytest.raises(RolesError, match="trust_model=True"):
        biaskit.explain(tmp_path / "model.pkl", TRAINED)
    report = biaskit.explain(tmp_path / "model.pkl", TRAINED, trust_model=True)
    assert report.method[0] == "trees, exact, path-dependent"


# ---------------------------------------------------------------------------
# What is not explained through its steps says why


class Centred(p.StandardScaler):
    """A scaler that subtracts the mean of a row."""

    def transform(self, rows: Any, copy: Any = None) -> Any:
        made = super().transform(rows, copy)
        return made - made.mean(axis=1, keepdims=True)


class Twice(p.StandardScaler):
    def transform(self, rows: Any, copy: Any = None) -> Any:
        return np.hstack([super().transform(rows, copy)] * 2)


class Own(TransformerMixin, BaseEstimator):
    """A transformer that scikit-learn does not know."""

    def fit(self, rows: Any, label: Any = None) -> Own:
        self.feature_names_in_, self.n_features_in_ = np.array([*rows]), rows.shape[1]
        return self

    def transform(self, rows: Any) -> Any:
        return np.asarray(rows)


class Unnamed(Own):
    def fit(self, rows: Any, label: Any = None) -> Own:
        self.fitted_ = True
        return self


class Turned(Pipeline):
    """A pipeline that predicts otherwise than its last step."""

    def predict_proba(self, rows: Any) -> Any:
        return super().predict_proba(rows)[:, ::-1]


class OfTexts(e.RandomForestClassifier):
    """A forest that takes texts, and numbers them."""

    def fit(self, rows: Any, label: Any = None) -> Any:
        return super().fit(self.numbered(rows), label)

    def predict_proba(self, rows: Any) -> Any:
        return super().predict_proba(self.numbered(rows))

    def numbered(self, rows: Any) -> Any:
        return np.array([[len(str(one)) for one in row] for row in np.asarray(rows, object)])


FOREST = e.RandomForestClassifier(3, max_depth=3, random_state=0)
NUMBERS = ["age", "kids"]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([PCA(2)], "a step 'pca' (PCA) that makes numbers of several columns"),
        (
            [Pipeline([("powers", p.PolynomialFeatures(2))])],
            "a step 'powers' (PolynomialFeatures) that multiplies columns by each other",
        ),
        (
            [p.StandardScaler(), p.Normalizer()],
            "a step 'normalizer' (Normalizer) that divides the columns of a row by their norm",
        ),
        (
            [p.FunctionTransformer(lambda rows: rows * 2)],
            (
                "a step 'functiontransformer' (FunctionTransformer) that calls a function of "
                "several columns"
            ),
        ),
        (
            [i.KNNImputer()],
            "a step 'knnimputer' (KNNImputer) that fills a column from the others",
        ),
        (
            [c.make_column_transformer((make_pipeline(p.StandardScaler(), PCA(1)), NUMBERS))],
            "a step 'pca' (PCA) that makes numbers of several columns",
        ),
        ([Own()], "a step 'own' (Own) that may make numbers of several columns"),
        ([Unnamed()], "a first step that does not say how many columns it takes"),
        ([Centred()], "a step whose output for 'age' depends on other columns or rows"),
        ([Twice()], "steps that make other columns than they say"),
        (
            [c.make_column_transformer((Twice(), NUMBERS))],
            "a step 'twice' (Twice) that makes unknown columns",
        ),
    ],
)
def test_steps_that_do_not_work_column_by_column_are_named(steps: list[Any], why: str) -> None:
    rows = TRAINED[NUMBERS]
    for last in (FOREST, lm.Ridge()):
        model = make_pipeline(*steps, last).fit(rows, LABEL)
        features = None if hasattr(model, "feature_names_in_") else NUMBERS
        report = biaskit.explain(model, rows[:9], background=rows[:5], features=features)
        method = f"shap's Exact, 5 rows of the background; {why}: no kernels"
        assert set(report.method) == {method}


def test_a_pipeline_that_predicts_otherwise_is_called() -> None:
    rows = TRAINED[NUMBERS]
    model = Turned([("scale", p.StandardScaler()), ("last", FOREST)]).fit(rows, LABEL)
    report = biaskit.explain(model, rows[:9], background=rows[:5])
    assert report.method[0] == (
        "shap's Exact, 5 rows of the background; steps whose numbers are not all that its last "
        "step predicts from: no kernels"
    )
    values = biaskit.shap_values(model, rows[:9], background=rows[:5])
    total = values.values.sum(axis=1) + values.base_values
    assert total == pytest.approx(model.predict_proba(rows[:9])[:, 1])


def test_steps_that_leave_texts_are_called() -> None:
    rows = TRAINED[["town", "age"]].dropna()
    steps = p.FunctionTransformer()
    model = make_pipeline(steps, OfTexts(3, max_depth=3)).fit(rows, LABEL[rows.index])
    report = biaskit.explain(model, rows[:9], background=rows[:5])
    assert "; steps that leave texts to its last one: no kernels" in report.method[0]


def test_steps_that_make_too_many_columns_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("one-hot", "mean", "boosted", "dense")
    monkeypatch.setattr(encoding, "_MOST_COLUMNS", 7)
    report = biaskit.explain(model, ROWS, background=BACKGROUND)
    assert "; steps that make more than 7 columns: no kernels" in report.method[0]


def test_a_last_step_that_is_not_explained_by_kernels() -> None:
    rows = TRAINED[NUMBERS]
    model = make_pipeline(p.StandardScaler(), KNeighborsClassifier()).fit(rows, LABEL)
    report = biaskit.explain(model, rows[:9], background=rows[:5])
    assert report.method[0] == "shap's Exact, 5 rows of the background"
    with pytest.raises(DataError, match="the model fails on these columns"):
        biaskit.explain(make_pipeline(p.StandardScaler(), FOREST), rows, features=NUMBERS)


def test_steps_that_differ_on_later_rows_are_refused() -> None:
    def odd(column: pd.DataFrame) -> Any:
        return column - (column.to_numpy().mean() if (column > 1_000).to_numpy().any() else 0)

    rows = TRAINED[NUMBERS]
    steps = c.make_column_transformer(
        (p.FunctionTransformer(odd), ["age"]), remainder="passthrough"
    )
    model = make_pipeline(steps, FOREST).fit(rows, LABEL)
    old = pd.concat([rows[:20], rows[20:40].assign(age=2_000)])
    with pytest.raises(DataError, match="the background: the model has a step whose output for"):
        biaskit.explain(model, rows, background=old)
    model = make_pipeline(steps, lm.Ridge()).fit(rows, LABEL)
    with pytest.raises(DataError, match="give a function that calls the model instead"):
        biaskit.explain(model, rows, background=old)


def test_rows_that_the_steps_refuse() -> None:
    steps = c.make_column_transformer((p.OneHotEncoder(), ["town"]), remainder="passthrough")
    model = make_pipeline(steps, xgboost.XGBClassifier(n_estimators=2)).fit(TRAINED, LABEL)
    with pytest.raises(DataError, match="the model does not take these rows: Found unknown"):
        biaskit.explain(model, ROWS, background=BACKGROUND)
    model = make_pipeline(p.StandardScaler(), lm.Ridge()).fit(TRAINED[NUMBERS], LABEL)
    with pytest.raises(DataError, match="the model does not take these rows: Input X contains NaN"):
        biaskit.explain(model, TRAINED[NUMBERS].assign(kids=np.nan))


def test_a_number_that_depends_on_other_rows_is_named() -> None:
    steps = c.make_column_transformer(
        (p.FunctionTransformer(lambda rows: rows - rows.mean()), ["kids"]), remainder="passthrough"
    )
    model = make_pipeline(steps, FOREST).fit(TRAINED[NUMBERS], LABEL)
    why = "do not add up .* a step whose output for 'kids' depends on other columns or rows"
    with pytest.raises(DataError, match=why):
        biaskit.explain(model, TRAINED[NUMBERS][:9], background=TRAINED[NUMBERS][:5])
