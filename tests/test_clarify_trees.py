"""Trees of result files: the same from every data type, and from every published configuration."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biaskit import clarify
from biaskit.clarify.job import Result
from support.clarify_jobs import JOBS, predicted_by_the_linear_model, refused
from support.invocations import Reply, serving

GOLDEN = JOBS / "golden"
NAMES = ["age", "sex", "city", "pay"]


def people() -> list[list[Any]]:
    """Features and label of 40 people, without chance."""
    return [
        [
            20 + 7 * i % 40,
            "FM"[i % 3 % 2],
            ["Rome", "Oslo"][i % 5 // 3],
            i * i % 17 / 4,
            i * 3 % 7 % 2,
        ]
        for i in range(40)
    ]


def score(rows: pd.DataFrame) -> Any:
    """A score that is no sum of its parts."""
    pay = rows["pay"].astype(float)
    return 1 / (1 + np.exp(-(rows["age"] - 35) / 20 * (rows["city"] == "Rome") - pay / 3 + 0.5))


def written(dataset_type: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The people in a format, and what a configuration says of it."""
    rows = people()
    records = [{"f": row[:4], "y": row[4]} for row in rows]
    frame = pd.DataFrame(rows, columns=[*NAMES, "hired"])
    match dataset_type:
        case "text/csv":
            frame.to_csv(folder / "data.csv", index=False)
            return folder / "data.csv", {"label": "hired"}
        case "application/x-parquet":
            frame.to_parquet(folder / "data.parquet")
            return folder / "data.parquet", {"label": "hired"}
        case "application/jsonlines":
            path = folder / "data.jsonl"
            path.write_text("\n".join(map(json.dumps, records)))
            return path, {"headers": [*NAMES, "hired"], "features": "f", "label": "y"}
    path = folder / "data.json"
    path.write_text(json.dumps({"people": records}))
    at = "people[*]"
    return path, {"headers": [*NAMES, "hired"], "features": f"{at}.f", "label": f"{at}.y"}


def ran(dataset_type: str, folder: Path) -> Path:
    """Output of a job with every tabular method on a format."""
    path, said = written(dataset_type, folder)
    baseline: Any = [[40, "M", "Oslo", 1.5]]
    if dataset_type == "application/json":
        baseline = {"people": [{"f": baseline[0]}]}
    given = {
        "dataset_type": dataset_type,
        **said,
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex"}],
        "group_variable": "city",
        "predictor": {"model_name": "m", "content_type": "text/csv"},
        "methods": {
            "pre_training_bias": {"methods": "all"},
            "post_training_bias": {"methods": "all"},
            "shap": {"baseline": baseline, "save_local_shap_values": True},
            "pdp": {"features": ["age", "city"], "grid_resolution": 4},
            "report": {"name": "report", "title": "People"},
        },
    }
    clarify.run(given, path, folder / "out", model=score)
    return folder / "out"


def is_near(ours: Any, golden: Any) -> None:
    """Assert that two JSON values have the same keys in the same order, texts and numbers."""
    assert type(ours) is type(golden) or {type(ours), type(golden)} == {int, float}
    if isinstance(golden, dict):
        assert [*ours] == [*golden]
        for key, one in golden.items():
            is_near(ours[key], one)
    elif isinstance(golden, list):
        assert len(ours) == len(golden)
        for one, other in zip(ours, golden, strict=True):
            is_near(one, other)
    elif isinstance(golden, float):
        assert ours == pytest.approx(golden, rel=1e-9, abs=1e-12)
    else:
        assert ours == golden


@pytest.mark.parametrize(
    "dataset_type",
    ["text/csv", "application/jsonlines", "application/json", "application/x-parquet"],
)
def test_every_data_type_gives_the_same_tree(dataset_type: str, tmp_path: Path) -> None:
    out = ran(dataset_type, tmp_path)
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert found == [
        "analysis.json",
        "analysis_config.json",
        "biaskit.json",
        "explanations_shap/baseline.csv",
        "explanations_shap/facets.csv",
        "explanations_shap/out.csv",
        "report.html",
    ]
    is_near(
        json.loads((out / "analysis.json").read_text()),
        json.loads((GOLDEN / "analysis.json").read_text()),
    )
    for name in ("baseline", "facets", "out"):
        path = out / f"explanations_shap/{name}.csv"
        pd.testing.assert_frame_equal(
            pd.read_csv(path), pd.read_csv(GOLDEN / f"{name}.csv"), rtol=1e-9, atol=1e-12
        )
    added = json.loads((out / "biaskit.json").read_text())
    assert added["shap"] == {
        "method": "exact, all 16 coalitions of 4 features",
        "error_of_a_value": 0.0,
    }


# --- every published configuration


def adult(folder: Path, headers: list[str]) -> pd.DataFrame:
    """The published rows under the headers of a configuration, without a header row."""
    document = predicted_by_the_linear_model()["instances"]
    names = json.loads((JOBS / "adult_linear_model.json").read_text())["feature_order"]
    rows = pd.DataFrame([row["features"] for row in document], columns=names)
    rows["Target"] = [row["label"] for row in document]
    rows["Predicted_label"] = [row["predicted"] for row in document]
    rows[headers].to_csv(folder / "data.csv", index=False, header=False)
    return rows


def of_the_guide(folder: Path, kind: str) -> None:
    """Rows like those of the guide's examples."""
    random = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "Age": random.integers(18, 80, 100),
            "Gender": random.integers(0, 2, 100),
            "Income": random.normal(3_000, 500, 100).round(),
            "Occupation": random.integers(0, 4, 100),
            "Target": random.integers(0, 2, 100),
        }
    )
    if kind == "text/csv":
        rows.to_csv(folder / "data.csv", index=False)
        return
    records = [
        {"Features": [int(one) for one in row[:4]], "Label": int(row[4])}
        for row in rows.to_numpy().tolist()
    ]
    if kind == "application/json":
        (folder / "data.json").write_text(json.dumps(records))
    else:
        (folder / "data.jsonl").write_text("\n".join(map(json.dumps, records)))


def any_score(rows: Any) -> Any:
    """A score of any rows of numbers; a forecast of any series."""
    if isinstance(rows, list):
        return [[float(sum(one["target_time_series"]))] for one in rows]
    numbers = rows.apply(pd.to_numeric, errors="coerce").fillna(0).to_numpy(float)
    return 1 / (1 + np.exp(-np.tanh(numbers / 50).sum(axis=1) + 2))


def stars(body: bytes) -> Reply:
    """One to five stars for each line."""
    lines = body.decode().splitlines()
    return Reply("\n".join(f'{{"predicted_label": {len(one) % 5 + 1}}}' for one in lines).encode())


def run_on_its_data(name: str, given: Any, tmp_path: Path, stack: ExitStack) -> Result:
    """Result of a published configuration on data of its form."""
    kind, headers = given["dataset_type"], given.get("headers")
    more: dict[str, Any] = {"model": any_score}
    if "d5" in name:
        lines = [
            {"features": ["x" * (i % 7), "yz"[i % 2]], "star_rating": i % 5 + 1} for i in range(99)
        ]
        (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, lines)))
        more = {"endpoint": stack.enter_context(serving(stars)).url}
    elif "timeseries" in name:
        rows = [
            {"item_id": "a", "timestamp": i, "p_mbar": i / 2, "rain_mm": 0, "T_degC": i}
            for i in range(4)
        ]
        (tmp_path / "data.json").write_text(json.dumps(rows))
    elif "fraud" in name:
        rows = pd.DataFrame({"fraud": [0, 1] * 50, "customer_gender_female": [0, 1, 1, 0] * 25})
        rows.to_csv(tmp_path / "data.csv", index=False)
        del more["model"]
    elif "adult_linear" in name:
        (tmp_path / "data.json").write_text((JOBS / "adult_linear.json").read_text())
        given["methods"].get("shap", {})["num_samples"] = 30
        more["sampled"] = True
    elif headers is not None and "Workclass" in headers:
        rows = adult(tmp_path, headers)
        if "facet_dataset_uri" in given:
            beside = tmp_path / "beside"
            beside.mkdir()
            for key, name in (
                ("facet_headers", "facet_data"),
                ("predicted_label_headers", "predicted_labels"),
            ):
                rows[given[key]].to_csv(beside / f"{name}.csv", index=False, header=False)
            more = {"mapping": {"s3://bucket/prefix": str(beside)}}
        more["sampled"] = "shap" in given["methods"]
    else:
        of_the_guide(tmp_path, kind)
    data = next(one for one in tmp_path.iterdir() if one.stem == "data")
    return clarify.run(given, data, tmp_path / "out", **more)


CONFIGS = sorted((JOBS / "configs").glob("*.json"))
REFUSED = {"18_doc_nlp_token": "SHAP values of text", "19_doc_image_object_detection": "of images"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_published_configuration_is_run_or_refused(path: Path, tmp_path: Path) -> None:
    given = json.loads(path.read_text())
    given.pop("dataset_uri", None)
    if path.stem in REFUSED:
        assert REFUSED[path.stem] in refused(given, tmp_path, tmp_path)
        return
    with ExitStack() as stack:
        result = run_on_its_data(path.stem, given, tmp_path, stack)
    methods = given["methods"]
    for key, stage in (
        ("pre_training_bias", "pre_training_bias_metrics"),
        ("post_training_bias", "post_training_bias_metrics"),
    ):
        assert (key in methods) == (stage in result.analysis)
    explanations = result.analysis.get("explanations", {})
    for key, name in (
        ("shap", "kernel_shap"),
        ("pdp", "pdp"),
        ("asymmetric_shapley_value", "asymmetric_shapley_value"),
    ):
        assert (key in methods) == (name in explanations)
    has_report = "report" in methods and "asymmetric_shapley_value" not in methods
    assert (tmp_path / "out/report.html").exists() == has_report
