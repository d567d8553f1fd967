"""Ratios of the attributions of tree ensembles against their peers, in one run, taking turns.

``python benchmarks/attributions.py`` prints the tables; ``--write`` also puts them into
docs/benchmarks.md. Needs the ``bench`` extra. The model: XGBoost, 100 trees of depth 6, 14
features of random normal numbers, 5 % of them missing. Every time is of the whole call, from the
fitted model to the values; each call has run once before, so that nothing is compiled in it. The
pipeline has a model and rows of its own. ``--adult adult.data`` names the census of
1994 from the UCI repository, for the forests; without it they learn from random columns with as
many values each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost
from core import PEAK, seconds, write_section
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from biaskit.counts.roles import Roles
from biaskit.explanations.methods.choice import explained
from biaskit.explanations.models.opening import opened
from biaskit.explanations.request import Request
from biaskit.explanations.trees.tables import TreeValues

NAMES = [f"x{i}" for i in range(14)]
PACKAGES = {
    "peers": ("biaskit", "numpy", "numba", "shap", "xgboost", "woodelf-explainer"),
    "pipelines": ("biaskit", "numpy", "numba", "shap", "scikit-learn"),
    "scale": ("biaskit", "numpy", "numba", "xgboost"),
    "forests": ("biaskit", "numpy", "numba", "shap", "scikit-learn"),
}
THREADS = os.cpu_count() or 1


def people(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows of random normal features, 5 % of them missing, as float32."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(rows, len(NAMES))).astype(np.float32)
    made[rng.random(made.shape, dtype=np.float32) < 0.05] = np.nan
    return pd.DataFrame(made, columns=NAMES)


def fitted(rows: pd.DataFrame) -> Any:
    plain = rows.fillna(0).to_numpy()
    noise = np.random.default_rng(1).normal(size=len(rows))
    label = (plain[:, 0] + plain[:, 1] * plain[:, 2] + noise > 0).astype(int)
    return xgboost.XGBClassifier(n_estimators=100, max_depth=6, n_jobs=THREADS).fit(rows, label)


def ours(
    model: Any, rows: pd.DataFrame, background: pd.DataFrame | None, threads: int = THREADS
) -> np.ndarray:
    """Values of the rows, shape ``(rows, features)``."""
    (ensemble,) = opened(model).read_trees().outputs.values()
    batches = None if background is None else [columns(background)]
    return TreeValues(ensemble, batches, threads=threads)(columns(rows))[:-1].T


def columns(rows: pd.DataFrame) -> list[np.ndarray]:
    return [*rows.to_numpy().T]


def compared(
    one: Callable[[], np.ndarray], other: Callable[[], np.ndarray], times: int
) -> tuple[float, float, float]:
    """Least seconds of two calls that take turns, and how much their results differ at most."""
    difference = float(np.abs(np.asarray(one()) - np.asarray(other())).max())
    pairs = [(seconds(one), seconds(other)) for _ in range(times)]
    first, second = (min(column) for column in zip(*pairs, strict=True))
    return first, second, difference


def against_shap(model: Any, rows: pd.DataFrame) -> tuple[float, float, float]:
    import shap

    few, background = rows[:2_000], rows[2_000:2_100]

    def theirs() -> np.ndarray:
        explainer = shap.TreeExplainer(model, background, feature_perturbation="interventional")
        return np.asarray(explainer.shap_values(few, check_additivity=False))

    return compared(theirs, lambda: ours(model, few, background), 3)


def against_woodelf(model: Any, rows: pd.DataFrame) -> tuple[float, float, float]:
    from woodelf import WoodelfExplainer

    def theirs() -> np.ndarray:
        found = WoodelfExplainer(model, rows).shap_values(rows, verbose=False)
        return np.asarray(found)

    return compared(theirs, lambda: ours(model, rows, rows), 3)


def who_is_right(model: Any, rows: pd.DataFrame) -> str:
    """Sentence on the rows that woodelf-explainer and biaskit explain in two ways."""
    import shap
    from woodelf import WoodelfExplainer

    def woodelf(some: pd.DataFrame, background: pd.DataFrame) -> np.ndarray:
        found = WoodelfExplainer(model, background).shap_values(some, verbose=False)
        return np.asarray(found)

    off = np.abs(woodelf(rows, rows) - ours(model, rows, rows)).max(axis=1) > 1e-5
    if not off.any():
        return "woodelf-explainer and biaskit agree to 1e-5 in every row."
    some, background = rows[off], rows[:100]
    explainer = shap.TreeExplainer(model, background, feature_perturbation="interventional")
    theirs = np.asarray(explainer.shap_values(some, check_additivity=False))
    mine = np.abs(theirs - ours(model, some, background)).max()
    other = np.abs(theirs - woodelf(some, background)).max()
    return (
        f"woodelf-explainer and biaskit differ by more than 1e-5 in {off.sum()} of {len(rows):,} "
        f"rows. On these, with 100 background rows, shap differs from biaskit by {mine:.0e} at "
        f"most, from woodelf-explainer by {other:.0e}."
    )


def against_xgboost(model: Any, rows: pd.DataFrame) -> tuple[float, float, float]:
    few, booster = rows[:20_000], model.get_booster()

    def theirs() -> np.ndarray:
        return booster.predict(xgboost.DMatrix(few), pred_contribs=True)[:, :-1]

    return compared(theirs, lambda: ours(model, few, None), 3)


def threads(model: Any, rows: pd.DataFrame) -> tuple[float, float, float]:
    return compared(lambda: ours(model, rows, rows, 1), lambda: ours(model, rows, rows, 2), 25)


def write(path: Path, rows: int) -> None:
    """Write a Parquet file of people with a gender, in row groups of 250,000 rows."""
    writer = None
    for start in range(0, rows, 250_000):
        part = people(min(250_000, rows - start), seed=start)
        part["gender"] = np.where(np.arange(len(part)) % 3 == 0, "F", "M")
        table = pa.Table.from_pandas(part, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def peak(model: Path, path: Path) -> float:
    """Peak memory in MB of a process of its own that explains a file per gender."""
    code = (
        "import sys, biaskit; biaskit.explain(sys.argv[1], sys.argv[2], facet='gender'); "
        f"print({PEAK})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model), str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def memory(model: Any, rows: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model.save_model(folder / "model.json")
        made = []
        for size in (rows, rows // 10):
            path = folder / "rows.parquet"
            write(path, size)
            made.append(peak(folder / "model.json", path))
    return made[0], made[1]


def peers(model: Any, rows: pd.DataFrame) -> str:
    lines = [
        "| what | peer, s | biaskit, s | ratio | largest difference |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    measures: dict[str, Callable[[Any, pd.DataFrame], tuple[float, float, float]]] = {
        "2,000 rows, 100 background rows: shap.TreeExplainer, interventional": against_shap,
        "100,000 rows, all of them the background: woodelf-explainer": against_woodelf,
        "20,000 rows, path-dependent: XGBoost's pred_contribs": against_xgboost,
    }
    for title, measure in measures.items():
        theirs, mine, difference = measure(model, rows)
        ratio = theirs / mine
        lines.append(f"| {title} | {theirs:.3f} | {mine:.3f} | {ratio:.1f} | {difference:.0e} |")
        print(lines[-1], flush=True)
    return "\n".join([*lines, "", who_is_right(model, rows)])


def applicants(rows: int, seed: int) -> pd.DataFrame:
    """Rows of four columns of texts, with 2 to 16 values, and six of random normal numbers."""
    rng = np.random.default_rng(seed)
    texts = {
        f"c{k}": np.array([f"v{i}" for i in range(k)])[rng.integers(0, k, rows)]
        for k in (2, 5, 7, 16)
    }
    return pd.DataFrame(texts | {f"x{i}": rng.normal(size=rows).round(3) for i in range(6)})


def piped(rows: pd.DataFrame) -> Any:
    """One-hot codes of the texts and scaled numbers before 100 boosted trees of depth 3."""
    noise = np.random.default_rng(1).normal(size=len(rows))
    label = (rows.c2 == "v1") + (rows.c5 == "v2") * rows.x0 + rows.x1 * rows.x2 + noise > 0.5
    texts = [name for name in rows if name.startswith("c")]
    steps = make_column_transformer((OneHotEncoder(), texts), remainder=StandardScaler())
    return make_pipeline(steps, GradientBoostingClassifier(random_state=0)).fit(rows, label)


def of_a_pipeline(model: Any, rows: pd.DataFrame, background: pd.DataFrame) -> np.ndarray:
    """Values of the rows, shape ``(rows, features)``, by all that `explain` does."""
    batches = explained(Request(model, rows, Roles(), background)).batches
    return np.concatenate([found.shapley[0, :-1].T for _, found in batches])


def by_shap(model: Any, rows: pd.DataFrame, background: pd.DataFrame, *, exact: bool) -> np.ndarray:
    """Values by shap, for which texts are numbered, as its maskers are faster with numbers."""
    import shap

    both = pd.concat([rows, background])
    kept = {name: np.unique(both[name]) for name in rows if name.startswith("c")}

    def numbers(some: pd.DataFrame) -> np.ndarray:
        coded = {name: np.searchsorted(values, some[name]) for name, values in kept.items()}
        return some.assign(**coded).to_numpy(dtype=float)

    def margin(some: np.ndarray) -> np.ndarray:
        made = pd.DataFrame(some, columns=[*rows])
        texts = {
            name: values[some[:, at].astype(int)] for at, (name, values) in enumerate(kept.items())
        }
        return model.decision_function(made.assign(**texts))

    masker = shap.maskers.Independent(numbers(background), max_samples=len(background))
    if exact:
        exhaustive = shap.ExactExplainer(margin, masker)
        return np.asarray(exhaustive(numbers(rows), silent=True).values)
    least = 2 * rows.shape[1] + 1
    sampled = shap.PermutationExplainer(margin, masker, seed=0)
    return np.asarray(sampled(numbers(rows), max_evals=least, silent=True).values)


def pipelines(most: int = 10_000) -> str:
    """Table of a pipeline's values against shap's two explainers of any model."""
    rows, background = applicants(most, 0), applicants(100, 5)
    model = piped(rows)
    mine, few = of_a_pipeline(model, rows, background), 20
    seconds_of = min(seconds(lambda: of_a_pipeline(model, rows, background)) for _ in range(5))
    lines = [
        "| a pipeline as any model | peer, s | biaskit, s | ratio | largest difference |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, exact in (
        ("shap's Permutation, one order there and back", False),
        ("shap's Exact", True),
    ):
        some = rows[: few // 10] if exact else rows[:few]
        theirs = by_shap(model, some, background, exact=exact)
        one = seconds(lambda some=some, exact=exact: by_shap(model, some, background, exact=exact))
        whole = one * most / len(some)
        off = np.abs(theirs - mine[: len(some)]).max()
        lines.append(
            f"| {name} | {whole:,.0f} | {seconds_of:.3f} | {whole / seconds_of:,.0f} | {off:.0e} |"
        )
        print(lines[-1], flush=True)
    said = (
        f"{most:,} rows, 100 background rows: one-hot codes of four columns of texts and six "
        f"scaled numbers before scikit-learn's boosted trees. shap explains one row after another: "
        f"its times are those of {few} and {few // 10} rows, multiplied."
    )
    return "\n".join([*lines, "", said])


#: Rows of the forests that shap explains, and biaskit.
FEW, MANY = 10, 500
#: Columns of the census, and how many values they have.
ADULT = {
    "age": 73,
    "workclass": 9,
    "fnlwgt": 21_648,
    "education": 16,
    "education_num": 16,
    "marital": 7,
    "occupation": 15,
    "relationship": 6,
    "race": 5,
    "sex": 2,
    "gain": 119,
    "loss": 92,
    "hours": 94,
    "country": 42,
    "income": 2,
}


def adult(path: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the census with texts as codes, and incomes; or random ones of the same kinds."""
    if path is None:
        rng = np.random.default_rng(0)
        made = np.stack([rng.integers(0, most, 32_561) for most in ADULT.values()], axis=1)
        made[:, -1] = made[:, 0] + 4 * made[:, 4] + rng.normal(size=len(made)) * 20 > 90
    else:
        table = pd.read_csv(path, names=[*ADULT], skipinitialspace=True, na_values="?")
        made = table.apply(
            lambda column: (
                column if column.dtype.kind in "if" else column.astype("category").cat.codes
            )
        ).to_numpy()
    return made[:, :-1].astype(float), made[:, -1].astype(int)


def forests(path: Path | None) -> str:
    """Table of scikit-learn's default random forest: few rows by shap, per row."""
    import shap
    from sklearn.ensemble import RandomForestClassifier

    from biaskit.explanations.trees.forests import ForestValues

    rows, label = adult(path)
    model = RandomForestClassifier(random_state=0, n_jobs=THREADS).fit(rows, label)
    leaves = sum(tree.tree_.n_leaves for tree in model.estimators_)
    features = rows.shape[1]
    lines = [
        "| what | shap, ms a row | biaskit, ms a row | ratio | largest difference |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for title, way, background in (
        ("100 background rows", "interventional", rows[-100:]),
        ("path-dependent", "tree_path_dependent", None),
    ):

        def theirs(some: np.ndarray, way: str = way, background: Any = background) -> np.ndarray:
            explainer = shap.TreeExplainer(model, background, feature_perturbation=way)
            return np.asarray(explainer.shap_values(some, check_additivity=False))[:, :, 1]

        def mine(some: np.ndarray, background: Any = background) -> np.ndarray:
            (ensemble,) = opened(model).read_trees().outputs.values()
            compared_with = None if background is None else [*background.T]
            return ForestValues(ensemble, compared_with, threads=THREADS)([*some.T])[:-1].T

        few, many = rows[:FEW], rows[:MANY]
        difference = float(np.abs(theirs(few) - mine(few)).max())
        pairs = [
            (seconds(lambda: theirs(few)) / len(few), seconds(lambda: mine(many)) / len(many))  # noqa: B023
            for _ in range(3)
        ]
        other, own = (1e3 * min(column) for column in zip(*pairs, strict=True))
        lines.append(
            f"| {title} | {other:.0f} | {own:.2f} | {other / own:.0f} | {difference:.0e} |"
        )
        print(lines[-1], flush=True)
    which = "the census of 1994 (Adult)" if path else "random columns like those of Adult"
    about = (
        f"scikit-learn's default random forest on {which}: {len(model.estimators_)} trees, "
        f"{leaves:,} leaves, {features} features. shap explains {FEW} rows, biaskit {MANY}, the "
        "same among them; each time is of the whole call, divided by its rows."
    )
    return "\n".join([*lines, "", about])


def scale(model: Any, rows: pd.DataFrame, most: int) -> str:
    one, two, _ = threads(model, rows)
    much, less = memory(model, most)
    return (
        f"100,000 rows, all of them the background: one thread takes {one / two:.2f} times as long "
        f"as two. Peak memory of a process that explains a Parquet file per gender: {much:,.0f} MB "
        f"of {most:,} rows, {less:,.0f} MB of {most // 10:,}."
    )


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the largest file")
    parser.add_argument("--part", choices=[*PACKAGES], action="append")
    parser.add_argument("--adult", type=Path, help="adult.data, for the forests")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    for part in args.part or PACKAGES:
        if part == "forests":
            made = forests(args.adult)
        elif part == "pipelines":
            made = pipelines()
        else:
            rows = people(100_000)
            model = fitted(rows)
            made = peers(model, rows) if part == "peers" else scale(model, rows, args.rows)
        print(made)
        if args.write:
            write_section(f"attributions: {part}", made, packages=PACKAGES[part])


if __name__ == "__main__":
    main()
