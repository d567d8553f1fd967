"""Partial dependence of Clarify's jobs, with the arithmetic of its published samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biaskit import clarify
from support.invocations import Reply, serving


def dependence(rows: pd.DataFrame, model: Any, tmp_path: Path, **more: Any) -> list[dict[str, Any]]:
    """Partial dependence that a job writes; keys of ``pdp`` and of the predictor."""
    keys = {key: more.pop(key) for key in ("label_headers", "endpoint") if key in more}
    given = {
        "dataset_type": "text/csv",
        "label": "y",
        "predictor": {"model_name": "m", **{k: v for k, v in keys.items() if k != "endpoint"}},
        "methods": {"pdp": {"grid_resolution": 15, **more}, "report": {}},
    }
    data = tmp_path / "data.csv"
    rows.assign(y=1).to_csv(data, index=False)
    result = clarify.run(given, data, tmp_path / "out", model=model, endpoint=keys.get("endpoint"))
    assert (tmp_path / "out/report.html").exists()
    found: list[dict[str, Any]] = result.analysis["explanations"]["pdp"]
    return found


def test_numbers_are_set_to_the_centres_of_buckets_as_in_the_published_sample(
    tmp_path: Path,
) -> None:
    rows = pd.DataFrame({"age": np.r_[19, 75, np.full(98, 30)], "b": np.arange(100.0)})
    (one,) = dependence(rows, lambda f: f["age"] + f["b"], tmp_path, features=["age"])
    assert [*one] == [
        *("feature_name", "data_type", "feature_values", "data_distribution"),
        *("model_predictions", "label_headers"),
    ]
    assert one["feature_values"][:3] == pytest.approx([20.8667, 24.6, 28.3333], abs=1e-4)
    assert len(one["feature_values"]) == 15
    assert one["data_distribution"][:3] == [0.01, 0, 0.98]
    assert sum(one["data_distribution"]) == pytest.approx(1)
    (means,) = one["model_predictions"]
    assert means == pytest.approx([value + 49.5 for value in one["feature_values"]])
    assert (one["data_type"], one["label_headers"]) == ("numerical", ["label0"])


def test_other_features_are_set_to_each_value_as_they_appear(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "c": ["x", "y", "x", None] * 5,
            "is": [True, False, False, False] * 5,
            "n": [1, 2, 3, 4] * 5,
        }
    )

    def model(frame: pd.DataFrame) -> Any:
        assert frame["is"].dtype == bool
        part = (frame["c"] == "y") * 0.5 + frame["is"] * 0.25
        return np.stack([1 - part, part], axis=1)

    c, boolean = dependence(
        rows, model, tmp_path, features=["c", "is"], label_headers=["no", "yes"]
    )
    assert (c["feature_values"], c["data_type"]) == (["x", "y"], "categorical")
    assert c["data_distribution"] == pytest.approx([2 / 3, 1 / 3])
    assert c["model_predictions"] == [[0.9375, 0.4375], [0.0625, 0.5625]]
    assert c["label_headers"] == ["no", "yes"]
    assert (boolean["feature_values"], boolean["data_type"]) == ([True, False], "categorical")
    assert boolean["model_predictions"][1] == [0.375, 0.125]


def test_a_feature_that_fails_has_its_error_and_the_others_their_values(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "gone": [np.nan] * 1_200,
            "key": [f"k{i}" for i in range(1_200)],
            "wide": [np.inf, *range(1_199)],
            "same": 7,
            "bad": [0, 1] * 600,
        }
    )

    def model(frame: pd.DataFrame) -> Any:
        if frame["bad"].between(0.4, 0.6).any():
            raise ValueError("no halves")
        return frame["same"] * 1.0

    found = dependence(rows, model, tmp_path, features=[*rows.columns])
    gone, key, wide, same, bad = found
    assert gone["error"] == "'gone' has no known value"
    assert "1,200 different values" in key["error"]
    assert "infinite values" in wide["error"]
    assert (same["feature_values"], same["data_distribution"]) == ([7.0], [1.0])
    assert same["model_predictions"] == [[7.0]]
    assert "feature_values" not in gone
    assert "no halves" in bad["error"]


def test_the_values_of_a_feature_share_requests(tmp_path: Path) -> None:
    rows = pd.DataFrame({"a": np.arange(20.0), "b": 1})
    with serving(
        lambda body: Reply(
            "\n".join(line.split(",")[0] for line in body.decode().splitlines()).encode()
        )
    ) as server:
        (one,) = dependence(rows, None, tmp_path, features=[0], endpoint=server.url)
        assert len(server.bodies) <= 3  # the first row alone, then the others
    assert one["model_predictions"] == [pytest.approx(one["feature_values"])]


def test_the_largest_features_are_chosen_where_none_are_named(tmp_path: Path) -> None:
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 3)), columns=["a", "b", "c"])
    given = {
        "dataset_type": "text/csv",
        "label": "y",
        "predictor": {"model_name": "m"},
        "methods": {
            "shap": {"baseline": [[0, 0, 0]]},
            "pdp": {"grid_resolution": 2, "top_k_features": 2},
        },
    }
    result = clarify.run(
        given, rows.assign(y=1), tmp_path, model=lambda f: f["a"] - 5 * f["b"] + 3 * f["c"]
    )
    assert [one["feature_name"] for one in result.analysis["explanations"]["pdp"]] == ["b", "c"]
