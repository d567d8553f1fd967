"""Trees: read right from every library, and explained as the definition says."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import ensemble as sk
from sklearn import tree as sk_tree

from biaskit.errors import DataError
from biaskit.explanations.declined import Declined
from biaskit.explanations.models.ensembles import Ensemble, TreeModel, Trees
from biaskit.explanations.models.lightgbm_text import from_lightgbm
from biaskit.explanations.models.opening import opened
from biaskit.explanations.models.ubjson import from_ubjson
from biaskit.explanations.models.xgboost_json import from_xgboost, from_xgboost_file
from biaskit.explanations.trees import tables as tree_values
from biaskit.explanations.trees.forests import ForestValues
from biaskit.explanations.trees.tables import TreeValues
from biaskit.explanations.trees.walks import TreeWalks
from support import naive_shapley as naive

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

# ---------------------------------------------------------------------------
# Random trees


def random_ensemble(rng: np.random.Generator, features: int, trees: int, depth: int) -> Ensemble:
    """Trees on thresholds 0, 1 and 2, so that rows of whole numbers tie with them, and on sets."""
    made = Trees()
    for _ in range(trees):
        sets: dict[int, list[int]] = {}
        nodes: dict[str, list[Any]] = {
            name: []
            for name in ("left", "right", "feature", "threshold", "missing_left", "value", "cover")
        }

        def grow(
            level: int,
            cover: int,
            nodes: dict[str, list[Any]] = nodes,
            sets: dict[int, list[int]] = sets,
        ) -> int:
            at = len(nodes["left"])
            for name, value in zip(
                nodes, (-1, -1, 0, 0.0, 0, rng.normal(), float(cover)), strict=True
            ):
                nodes[name].append(value)
            if level > 0 and rng.random() < 0.85:
                nodes["feature"][at] = int(rng.integers(features))
                nodes["threshold"][at] = float(rng.integers(3))
                nodes["missing_left"][at] = int(rng.integers(2))
                if rng.random() < 0.3:
                    sets[at] = np.flatnonzero(rng.random(5) < 0.5).tolist()
                to_left = int(rng.integers(0, cover + 1))
                nodes["left"][at] = grow(level - 1, to_left)
                nodes["right"][at] = grow(level - 1, cover - to_left)
            return at

        grow(depth, 1_000)
        made.add(**nodes, sets=sets)
    return made.ensemble([f"x{i}" for i in range(features)], float(rng.normal()))


def random_rows(rng: np.random.Generator, rows: int, features: int) -> np.ndarray:
    made = rng.integers(0, 4, (rows, features)).astype(float)
    made[rng.random(made.shape) < 0.2] = np.nan
    return made


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    features=st.integers(1, 8),
    trees=st.integers(0, 3),
    depth=st.integers(0, 5),
    rows=st.integers(1, 4),
    bits=st.sampled_from([1, 3, 8]),
)
# A column whose only split has an empty set.
@example(seed=2_999_324, features=6, trees=1, depth=3, rows=1, bits=1)
def test_values_are_those_of_the_definition(
    seed: int, features: int, trees: int, depth: int, rows: int, bits: int
) -> None:
    """With ties, missing values, single leaves, unused features, one background row."""
    rng = np.random.default_rng(seed)
    one = random_ensemble(rng, features, trees, depth)
    background, explained = random_rows(rng, rows, features), random_rows(rng, 2, features)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_values, "_BITS", bits)  # however the trees are cut into groups
        tabulated = TreeValues(one, [[*background.T]], threads=2)
    for values in (tabulated, ForestValues(one, [*background.T], threads=2)):
        found = values([*explained.T])
        assert found[-1] == pytest.approx(naive.output(one, explained))
        assert values.base == pytest.approx(naive.output(one, background).mean())
        for i, row in enumerate(explained):
            expected = naive.interventional(lambda mixed: naive.output(one, mixed), row, background)
            assert found[:-1, i] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    features=st.integers(1, 8),
    trees=st.integers(0, 3),
    depth=st.integers(0, 5),
)
def test_path_dependent_values_are_those_of_the_definition(
    seed: int, features: int, trees: int, depth: int
) -> None:
    rng = np.random.default_rng(seed)
    one = random_ensemble(rng, features, trees, depth)
    inner = one.left >= 0
    if np.any(one.cover[inner] == 0):  # a share of no rows is not defined
        one = replace_covers(one)
    explained = random_rows(rng, 2, features)
    for values in (TreeValues(one), ForestValues(one, threads=2)):
        found = values([*explained.T])
        assert found[:-1].sum(axis=0) + values.base == pytest.approx(found[-1])
        for i, row in enumerate(explained):
            assert found[:-1, i] == pytest.approx(naive.path_dependent(one, row), abs=1e-12)


def replace_covers(one: Ensemble) -> Ensemble:
    """Ensemble with a row at every leaf."""
    cover = np.where(one.left < 0, 1.0, 0.0)
    for node in range(len(cover) - 1, -1, -1):  # children come after their parents here
        if one.left[node] >= 0:
            cover[node] = cover[one.left[node]] + cover[one.right[node]]
    return _again(one, cover=cover)


def _again(one: Ensemble, **changes: Any) -> Ensemble:
    return replace(one, **changes)


def test_batches_of_the_background_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    one, rows = random_ensemble(rng, 5, 3, 4), random_rows(rng, 9, 5)
    whole = TreeValues(one, [[*rows.T]])
    parts = TreeValues(one, [[*rows[:2].T], [*rows[2:2].T], [*rows[2:].T]])
    assert np.array_equal(whole([*rows.T]), parts([*rows.T]))


def test_tables_that_are_too_many_are_made_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    one, rows = random_ensemble(rng, 5, 6, 4), random_rows(rng, 9, 5)
    for background in ([[*rows.T]], None):
        if background is None:
            one = replace_covers(one)
        whole = TreeValues(one, background)
        with monkeypatch.context() as patch:
            patch.setattr(tree_values, "_MOST_RESIDENT", 100)
            parts = TreeValues(one, background)
            assert parts([*rows.T]) == pytest.approx(whole([*rows.T]), abs=1e-12)
            assert parts.base == pytest.approx(whole.base)


def test_a_way_with_too_many_features_is_declined() -> None:
    """A chain of splits, each by another feature."""

    def chain(n: int) -> Ensemble:
        made = Trees()
        made.add(
            left=[*range(n, 2 * n), *[-1] * (n + 1)],
            right=[*range(1, n), 2 * n, *[-1] * (n + 1)],
            feature=[*range(n), *[0] * (n + 1)],
            threshold=[0.5] * (2 * n + 1),
            missing_left=[0] * (2 * n + 1),
            value=np.arange(2 * n + 1.0),
            cover=[1.0] * (2 * n + 1),
        )
        return made.ensemble([f"x{i}" for i in range(n)], 0.0)

    most = tree_values.MOST_FEATURES
    rows = np.zeros((1, most))
    assert TreeValues(chain(most), [[*rows.T]])([*rows.T])[-1].tolist() == [most]
    with pytest.raises(Declined, match=f"more than {most} features"):
        TreeValues(chain(most + 1))


def test_sampled_values_add_up_and_are_near_the_exact_ones() -> None:
    rng = np.random.default_rng(3)
    one = random_ensemble(rng, 4, 3, 3)
    background, rows = random_rows(rng, 5, 4), random_rows(rng, 3, 4)

    def probability(mixed: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-naive.output(one, mixed)))

    many = np.repeat(rows, 40, axis=0)
    walks = TreeWalks(one, [*background.T], logistic=True, seed=5)
    found, noise = walks([*many.T])
    assert found[:-1].sum(axis=0) + walks.base == pytest.approx(found[-1])
    assert found[-1] == pytest.approx(probability(many))
    for i, row in enumerate(rows):
        part = slice(40 * i, 40 * (i + 1))
        expected = np.array(naive.interventional(probability, row, background))
        error = np.sqrt(noise[:-1, part].sum(axis=1)) / 40
        assert np.all(np.abs(found[:-1, part].mean(axis=1) - expected) <= 5 * error + 1e-12)


def test_sampled_values_do_not_depend_on_batches() -> None:
    rng = np.random.default_rng(4)
    one, rows = random_ensemble(rng, 4, 2, 3), random_rows(rng, 7, 4)

    def values(*parts: np.ndarray) -> np.ndarray:
        walks = TreeWalks(one, [*rows[:3].T], logistic=False, seed=1, threads=2)
        return np.concatenate([walks([*part.T])[0] for part in parts], axis=1)

    assert np.array_equal(values(rows), values(rows[:2], rows[2:6], rows[6:]))


# ---------------------------------------------------------------------------
# The libraries


def table(seed: int = 0, rows: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows on a coarse grid (ties), the same with missing values, and a binary label."""
    rng = np.random.default_rng(seed)
    full = np.round(rng.normal(size=(rows, 5)), 1)
    full[:, 4] = 1.0  # a constant
    label = (full[:, 0] + full[:, 1] * full[:, 2] + rng.normal(size=rows) > 0).astype(int)
    holes = full.copy()
    holes[rng.random(full.shape) < 0.1] = np.nan
    return full, holes, label


FULL, HOLES, LABEL = table()
THREE = np.random.default_rng(1).integers(0, 3, len(LABEL))
SKLEARN = [
    (sk_tree.DecisionTreeClassifier(max_depth=4), FULL, LABEL),
    (sk_tree.DecisionTreeRegressor(max_depth=4), HOLES, FULL[:, 0]),
    (sk_tree.DecisionTreeClassifier(max_depth=3), HOLES, THREE),
    (sk_tree.DecisionTreeRegressor(max_depth=1), FULL, np.ones(len(FULL))),  # a single leaf
    (sk.RandomForestClassifier(4, max_depth=4, random_state=0), HOLES, LABEL),
    (sk.RandomForestRegressor(4, max_depth=4, random_state=0), FULL, FULL[:, 0]),
    (sk.ExtraTreesClassifier(4, max_depth=4, random_state=0), FULL, THREE),
    (sk.ExtraTreesRegressor(4, max_depth=4, random_state=0), FULL, FULL[:, 0]),
    (sk.GradientBoostingClassifier(n_estimators=4), FULL, LABEL),
    (sk.GradientBoostingClassifier(n_estimators=3, init="zero"), FULL, LABEL),
    (sk.GradientBoostingClassifier(n_estimators=2), FULL, THREE),
    (sk.GradientBoostingRegressor(n_estimators=4), FULL, FULL[:, 0]),
    (sk.HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=6), HOLES, LABEL),
    (sk.HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=6), HOLES, THREE),
    (sk.HistGradientBoostingRegressor(max_iter=4, max_leaf_nodes=6), HOLES, FULL[:, 0]),
]


def read(model: Any) -> TreeModel:
    return opened(model).read_trees()


def refuse_other_outputs(model: TreeModel, rows: np.ndarray, near: float) -> None:
    """Outputs, values from their definition, and additivity, against the library's own outputs."""
    assert model.own is not None
    theirs = model.own(rows)
    background = rows[10:13]
    for k, one in enumerate(model.outputs.values()):
        for batches in ([[*background.T]], None):
            values = TreeValues(one, batches)
            found = values([*rows[:20].T])
            assert found[-1] == pytest.approx(theirs[:20, k], abs=near)
            assert found[:-1].sum(axis=0) + values.base == pytest.approx(found[-1], abs=1e-9)
            if batches is not None:
                expected = naive.interventional(
                    lambda mixed, k=k: model.own(mixed)[:, k],  # type: ignore[misc]
                    rows[0],
                    background,
                )
                assert found[:-1, 0] == pytest.approx(expected, abs=near)


@pytest.mark.parametrize(
    ("model", "rows", "label"), SKLEARN, ids=[str(model)[:45] for model, *_ in SKLEARN]
)
def test_sklearn(model: Any, rows: np.ndarray, label: np.ndarray) -> None:
    model.fit(rows, label)
    refuse_other_outputs(read(model), rows, 1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "binary:logistic"},
        pytest.param({"objective": "binary:logistic", "base_score": 0.2}, marks=pytest.mark.slow),
        pytest.param({"objective": "binary:logitraw"}, marks=pytest.mark.slow),
        {"objective": "reg:squarederror"},
        pytest.param({"objective": "count:poisson"}, marks=pytest.mark.slow),
        {"objective": "multi:softprob", "num_class": 3},
        {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5},
        pytest.param(
            {"objective": "binary:logistic", "tree_method": "exact"}, marks=pytest.mark.slow
        ),
        pytest.param(
            {"objective": "binary:logistic", "num_parallel_tree": 2}, marks=pytest.mark.slow
        ),
        pytest.param(
            {"objective": "binary:logistic", "max_depth": 0, "max_leaves": 5, "gamma": 1.0},
            marks=pytest.mark.slow,
        ),
    ],
    ids=str,
)
def test_xgboost(options: dict[str, Any]) -> None:
    label = THREE if "num_class" in options else LABEL
    parameters = {"max_depth": 3, "nthread": 1, **options}
    booster = xgboost.train(parameters, xgboost.DMatrix(HOLES, label), 4)
    found = read(booster)
    refuse_other_outputs(found, HOLES, 1e-5)
    # The binary file says the same.
    binary = from_xgboost_file(bytes(booster.save_raw("ubj")))
    for one, same in zip(found.outputs.values(), binary.outputs.values(), strict=True):
        assert np.array_equal(one.value, same.value)
        assert np.array_equal(one.threshold, same.threshold)
    assert binary.unit == found.unit
    # XGBoost's own path-dependent values, which are float32.
    theirs = booster.predict(xgboost.DMatrix(HOLES), pred_contribs=True)
    theirs = theirs.reshape(len(HOLES), len(found.outputs), -1)
    for k, one in enumerate(found.outputs.values()):
        assert pytest.approx(theirs[:, k, :-1], abs=1e-5) == TreeValues(one)([*HOLES.T])[:-1].T


@pytest.mark.parametrize("is_full", [True, False], ids=["full", "holes"])
@pytest.mark.parametrize(
    "options",
    [
        {"objective": "binary"},
        {"objective": "binary", "zero_as_missing": True},
        pytest.param({"objective": "binary", "use_missing": False}, marks=pytest.mark.slow),
        pytest.param({"objective": "regression"}, marks=pytest.mark.slow),
        {"objective": "multiclass", "num_class": 3},
        {"objective": "binary", "boosting": "dart"},
        pytest.param(
            {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
            marks=pytest.mark.slow,
        ),
        pytest.param({"objective": "poisson"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_lightgbm(options: dict[str, Any], is_full: bool) -> None:
    label = THREE if "num_class" in options else LABEL
    parameters = {"num_leaves": 6, "num_threads": 1, "verbose": -1, **options}
    data = lightgbm.Dataset(FULL if is_full else HOLES, label)
    booster = lightgbm.train(parameters, data, 4)
    found = read(booster)
    rows = np.where(np.isnan(HOLES) & (np.arange(len(HOLES)) % 2 == 0)[:, None], 0.0, HOLES)
    refuse_other_outputs(found, rows, 1e-9)
    if found.is_log_odds:
        (one,) = found.outputs.values()
        probability = 1 / (1 + np.exp(-TreeValues(one)([*rows.T])[-1]))
        assert probability == pytest.approx(booster.predict(rows), abs=1e-9)


def test_shap_agrees_where_it_reads_the_same_numbers() -> None:
    """On rows that float32 holds exactly; shap rounds values and thresholds in some readers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    rng = np.random.default_rng(2)
    rows = rng.integers(-8, 8, (200, 5)) / 8
    label = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 0).astype(int)
    models = [
        xgboost.XGBClassifier(n_estimators=5, max_depth=4, n_jobs=1),
        lightgbm.LGBMClassifier(n_estimators=5, num_leaves=8, n_jobs=1, verbose=-1),
        sk.RandomForestRegressor(5, max_depth=5, random_state=0),
        sk.GradientBoostingClassifier(n_estimators=5),
        sk.HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=8),
        sk_tree.DecisionTreeRegressor(max_depth=5),
    ]
    for model in models:
        model.fit(rows, label)
        (one,) = read(model).outputs.values()
        for background in (None, rows[:20]):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                way = "tree_path_dependent" if background is None else "interventional"
                theirs = shap.TreeExplainer(model, background, feature_perturbation=way)
                expected = np.asarray(theirs.shap_values(rows[:30], check_additivity=False))
            batches = None if background is None else [[*background.T]]
            found = TreeValues(one, batches)([*rows[:30].T])[:-1].T
            assert found == pytest.approx(expected, abs=1e-6), type(model).__name__


def test_early_stopping_counts() -> None:
    model = xgboost.XGBClassifier(n_estimators=30, early_stopping_rounds=2, n_jobs=1)
    model.fit(HOLES, LABEL, eval_set=[(HOLES[:30], LABEL[:30])], verbose=False)
    (one,) = read(model).outputs.values()
    margin = model.predict(HOLES, output_margin=True)
    assert TreeValues(one)([*HOLES.T])[-1] == pytest.approx(margin, abs=1e-5)
    assert len(one.roots) == model.best_iteration + 1


def test_splits_by_categories_are_read() -> None:
    """Codes that the data hold, unknown and missing ones among them."""
    rng = np.random.default_rng(5)
    rows = np.stack([rng.integers(0, 9, 300).astype(float), FULL[:, 0]], axis=1)
    label = 5 * np.isin(rows[:, 0], [1, 4, 7]) + rows[:, 1] + rng.normal(size=300) / 3
    others = rows.copy()
    others[::5, 0] = np.nan
    others[1::5, 0] = 12.0
    data = xgboost.DMatrix(rows, label, feature_types=["c", "q"], enable_categorical=True)
    boosters = [
        xgboost.train({"max_depth": 3, "max_cat_to_onehot": most, "nthread": 1}, data, 4)
        for most in (1, 99)
    ]
    for most in (1, 99):
        gbm = lightgbm.Dataset(rows, label, categorical_feature=[0])
        options = {"num_leaves": 6, "min_data_per_group": 1, "max_cat_to_onehot": most}
        options |= {"min_data_in_leaf": 3, "cat_smooth": 0.1, "cat_l2": 0.1}
        boosters.append(lightgbm.train({**options, "verbose": -1, "num_threads": 1}, gbm, 4))
    for booster in boosters:
        found = read(booster)
        assert any(len(one.sets) for one in found.outputs.values()), type(booster)
        refuse_other_outputs(found, others, 1e-5)
        contributions = (
            booster.predict(others, pred_contrib=True)
            if isinstance(booster, lightgbm.Booster)
            else booster.predict(
                xgboost.DMatrix(others, feature_types=["c", "q"], enable_categorical=True),
                pred_contribs=True,
            )
        )
        (one,) = found.outputs.values()
        for values in (TreeValues(one), ForestValues(one)):
            assert pytest.approx(contributions[:, :-1], abs=1e-5) == values([*others.T])[:-1].T


def test_symmetric_trees_are_read() -> None:
    catboost = pytest.importorskip("catboost")
    quiet = {"verbose": False, "allow_writing_files": False, "thread_count": 1}
    for made in (
        catboost.CatBoostClassifier(iterations=4, depth=3, **quiet).fit(HOLES, LABEL),
        catboost.CatBoostRegressor(iterations=4, depth=3, nan_mode="Max", **quiet).fit(
            HOLES, FULL[:, 0]
        ),
    ):
        found = read(made)
        refuse_other_outputs(found, HOLES, 1e-9)
        theirs = made.get_feature_importance(catboost.Pool(HOLES), type="ShapValues")
        (one,) = found.outputs.values()
        assert pytest.approx(theirs[:, :-1], abs=1e-9) == ForestValues(one)([*HOLES.T])[:-1].T
    assert read(
        catboost.CatBoostClassifier(iterations=2, depth=2, **quiet).fit(FULL, LABEL)
    ).is_log_odds
    texts = np.array([["a"], ["b"], ["c"]] * 20, dtype=object)
    hashed = catboost.CatBoostClassifier(iterations=2, cat_features=[0], **quiet).fit(
        texts, [0, 1, 1] * 20
    )
    with pytest.raises(Declined, match="keeps as hashes"):
        opened(hashed).read_trees()


def test_deep_forests_are_those_of_shap() -> None:
    """Trees without a limit of their depth, whose ways have more features than tables take."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

    rng = np.random.default_rng(0)
    rows = np.round(rng.normal(size=(600, 40)), 1)
    label = (rows[:, 0] * rows[:, 1] + rows[:, 2] + rng.normal(size=600) > 0).astype(int)
    model = sk.ExtraTreesClassifier(3, max_features=1, random_state=0).fit(rows, label)
    (one,) = read(model).outputs.values()
    with pytest.raises(Declined, match="more than 16 features"):
        TreeValues(one)
    for background in (None, rows[:70]):
        way = "tree_path_dependent" if background is None else "interventional"
        theirs = shap.TreeExplainer(model, background, feature_perturbation=way)
        expected = theirs.shap_values(rows[:100], check_additivity=False)[:, :, 1]
        columns = None if background is None else [*background.T]
        values = ForestValues(one, columns)
        found = values([*rows[:100].T])
        assert pytest.approx(expected, abs=1e-7) == found[:-1].T  # shap's are float32
        assert found[:-1].sum(axis=0) + values.base == pytest.approx(found[-1], abs=1e-12)


def test_a_chain_of_a_thousand_splits() -> None:
    """The deepest tree that is read: nothing is called for each level."""
    n = 999
    made = Trees()
    made.add(
        left=[*range(n, 2 * n), *[-1] * (n + 1)],
        right=[*range(1, n), 2 * n, *[-1] * (n + 1)],
        feature=[k % 3 for k in range(n)] + [0] * (n + 1),
        threshold=np.arange(2.0 * n + 1) // 3,
        missing_left=[0] * (2 * n + 1),
        value=np.sin(np.arange(2 * n + 1.0)),
        cover=[*range(n + 1, 1, -1), *[1] * (n + 1)],
    )
    one = made.ensemble(["a", "b", "c"], 0.0)
    rows = np.array([[5.0, 9.0, 300.0], [333.0, 333.0, 333.0], [np.nan, 2.0, 50.0]])
    game = naive.interventional(lambda mixed: naive.output(one, mixed), rows[0], rows[1:])
    assert ForestValues(one, [*rows[1:].T])([*rows.T])[:-1, 0] == pytest.approx(game, abs=1e-12)
    values = ForestValues(one)
    found = values([*rows.T])
    assert found[:-1].sum(axis=0) + values.base == pytest.approx(found[-1], abs=1e-12)


def test_what_the_kernels_do_not_read_is_named() -> None:
    linear = xgboost.train({"booster": "gblinear"}, xgboost.DMatrix(FULL, LABEL), 2)
    assert opened(linear).trees is None
    hist = sk.HistGradientBoostingClassifier(categorical_features=[0], max_iter=2)
    hist.fit((FULL - FULL.min()).round(), LABEL)
    with pytest.raises(Declined, match="categorical"):
        opened(hist).read_trees()


# ---------------------------------------------------------------------------
# Hostile files


def model_json() -> dict[str, Any]:
    parameters = {"max_depth": 2, "objective": "binary:logistic", "nthread": 1}
    booster = xgboost.train(parameters, xgboost.DMatrix(FULL, LABEL), 2)
    found: dict[str, Any] = json.loads(booster.save_raw("json"))
    return found


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        ("left_children", 0, 99),
        ("left_children", 0, 0),
        ("left_children", 1, 0),
        ("right_children", 0, -5),
        ("right_children", 0, 1),
        ("left_children", 0, 2**40),
        ("left_children", 0, 1.5),
        ("split_indices", 0, 5),
        ("split_indices", 0, -1),
        ("split_conditions", -1, float("nan")),
        ("split_conditions", -1, float("inf")),
        ("split_conditions", 0, float("nan")),
        ("sum_hessian", 1, -1.0),
        ("sum_hessian", 1, float("nan")),
        ("default_left", None, [0]),
        ("split_conditions", 0, "x"),
    ],
)
def test_a_damaged_tree_is_refused(name: str, at: int | None, value: Any) -> None:
    damaged = model_json()
    tree = damaged["learner"]["gradient_booster"]["model"]["trees"][0]
    if at is None:
        tree[name] = value
    else:
        tree[name][at] = value
    with pytest.raises(DataError, match="damaged"):
        from_xgboost(damaged)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_feature", "1000000000"),
        ("num_feature", "0"),
        ("num_feature", "3"),
        ("num_class", "1000000000"),
        ("num_class", "x"),
        ("base_score", "1"),
        ("base_score", "0"),
        ("base_score", "[0.5,0.5]"),
        ("base_score", "{}"),
    ],
)
def test_a_damaged_parameter_is_refused(name: str, value: str) -> None:
    damaged = model_json()
    damaged["learner"]["learner_model_param"][name] = value
    damaged["learner"]["feature_names"] = damaged["learner"]["feature_names"] or []
    if (name, value) == ("num_feature", "3"):
        damaged["learner"]["feature_names"] = ["a", "b"]
    with pytest.raises(DataError):
        from_xgboost(damaged)


@pytest.mark.parametrize(
    "content", ["[]", "1", '{"learner": []}', '{"learner": {"gradient_booster": 1}}', "{}"]
)
def test_other_json_is_not_a_model(content: str) -> None:
    with pytest.raises(DataError):
        from_xgboost(json.loads(content))


def test_a_circle_apart_from_the_root_harms_nothing() -> None:
    """Pruned nodes stay in the arrays; no way from the root leads to them."""
    made = Trees()
    made.add(
        left=[-1, 2, 1],
        right=[-1, 1, 2],
        feature=[0, 0, 0],
        threshold=[0.0] * 3,
        missing_left=[0] * 3,
        value=[1.5, 0, 0],
        cover=[1.0] * 3,
    )
    with pytest.raises(DataError, match="two branches"):
        made.ensemble(["x"], 0.0)
    made = Trees()
    made.add(
        left=[-1, 2, -1],
        right=[-1, 1, -1],
        feature=[0, 0, 0],
        threshold=[0.0] * 3,
        missing_left=[0] * 3,
        value=[1.5, 0, 0],
        cover=[1.0] * 3,
    )
    one = made.ensemble(["x"], 0.0)
    assert TreeValues(one)([np.array([0.0])])[-1].tolist() == [1.5]


def test_a_very_deep_tree_is_refused() -> None:
    n = 1_001
    made = Trees()
    made.add(
        left=[*range(n, 2 * n), *[-1] * (n + 1)],
        right=[*range(1, n), 2 * n, *[-1] * (n + 1)],
        feature=[0] * (2 * n + 1),
        threshold=[0.0] * (2 * n + 1),
        missing_left=[0] * (2 * n + 1),
        value=[0.0] * (2 * n + 1),
        cover=[1.0] * (2 * n + 1),
    )
    with pytest.raises(DataError, match="levels"):
        made.ensemble(["x"], 0.0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("num_leaves=", "num_leaves=9"),
        ("left_child=", "left_child=7 "),
        ("split_feature=", "split_feature=77 "),
        ("leaf_value=", "leaf_value=nan "),
        ("threshold=", "threshold=x "),
        ("max_feature_idx=", "max_feature_idx=1"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=0"),
        ("tree\n", "bush\n"),
    ],
)
def test_a_damaged_text_is_refused(old: str, new: str) -> None:
    parameters = {"objective": "binary", "num_leaves": 4, "verbose": -1, "num_threads": 1}
    text = lightgbm.train(parameters, lightgbm.Dataset(FULL, LABEL), 2).model_to_string()
    assert old in text
    with pytest.raises(DataError):
        from_lightgbm(text.replace(old, new))


@pytest.mark.parametrize("name", ["left_child", "right_child", "split_feature", "decision_type"])
@pytest.mark.parametrize("value", ["nan", "inf", "1e30", "1.5"])
def test_an_index_in_a_text_is_a_whole_number(name: str, value: str) -> None:
    parameters = {"objective": "binary", "num_leaves": 4, "verbose": -1, "num_threads": 1}
    text = lightgbm.train(parameters, lightgbm.Dataset(FULL, LABEL), 2).model_to_string()
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"{name}="))
    lines[at] = f"{name}={value} " + lines[at].partition("=")[2].partition(" ")[2]
    with pytest.raises(DataError, match="not a whole number"):
        from_lightgbm("\n".join(lines))


def test_damaged_bytes_are_refused_or_read() -> None:
    """No damage to a binary model ends in anything but an error that says so."""
    parameters = {"max_depth": 2, "objective": "binary:logistic", "nthread": 1}
    booster = xgboost.train(parameters, xgboost.DMatrix(FULL, LABEL), 2)
    content = bytes(booster.save_raw("ubj"))
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place] = rng.integers(0, 256)
        try:
            for one in from_xgboost_file(bytes(damaged)).outputs.values():
                TreeValues(one, [[*FULL[:3, : len(one.features)].T]])
        except (DataError, Declined):
            refused += 1
    assert refused > 100
    for cut in range(0, len(content), 97):
        with pytest.raises(DataError):
            from_xgboost_file(content[:cut])


@pytest.mark.parametrize(
    "content",
    [b"", b"[", b"[$l#l\x7f\xff\xff\xff", b"{i\x01", b"Si\xff", b"[" * 500, b"Q", b"ZZ", b"[$l"],
)
def test_damaged_ubjson_is_refused(content: bytes) -> None:
    with pytest.raises(DataError):
        from_ubjson(content)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"[i\x01U\xffI\x01\x00]", [1, 255, 256]),
        (b"{i\x01aT}", {"a": True}),
        (b"[#i\x02ZF", [None, False]),
        (b"{#i\x01i\x01aSi\x02hi", {"a": "hi"}),
        (b"{}", {}),
        (b"D\x3f\xf0\x00\x00\x00\x00\x00\x00", 1.0),
        (b"NNCx", "x"),
    ],
)
def test_ubjson(content: bytes, value: Any) -> None:
    assert from_ubjson(content) == value
