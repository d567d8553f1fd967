"""Jobs of SageMaker Clarify: a small one, and those that were published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biaskit import clarify
from biaskit.errors import BiaskitError

__all__ = ["JOBS", "is_as", "job", "metrics", "people", "predicted_by_the_linear_model", "refused"]

JOBS = Path(__file__).parent.parent / "data" / "clarify_jobs"


def job(**more: Any) -> dict[str, Any]:
    """Configuration of a job on sex and hired; keys that are None are left out."""
    made = {
        "dataset_type": "text/csv",
        "label": "hired",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["F"]}],
        "methods": {"pre_training_bias": {"methods": "all"}},
        **more,
    }
    return {key: value for key, value in made.items() if value is not None}


def people(rows: int = 200) -> pd.DataFrame:
    """People with a sex, an age and whether they were hired and predicted to be."""
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "sex": random.choice(["F", "M"], rows),
            "age": random.integers(18, 70, rows),
            "hired": random.integers(0, 2, rows),
            "predicted": random.integers(0, 2, rows),
        }
    )


def metrics(analysis: dict[str, Any], stage: str = "pre", facet: str = "sex") -> dict[str, Any]:
    """Metrics of the first group of a facet, by name."""
    found = analysis[f"{stage}_training_bias_metrics"]["facets"][facet][0]["metrics"]
    return {one["name"]: one for one in found}


def refused(given: dict[str, Any], data: Any, tmp_path: Path) -> str:
    """Message with which a job fails."""
    with pytest.raises(BiaskitError) as error:
        clarify.run(given, data, tmp_path / "out")
    return str(error.value)


def is_as(ours: dict[str, Any], theirs: dict[str, Any], besides: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Assert that an analysis has the keys, the order, the texts and the numbers of Clarify's."""
    assert list(ours) == list(theirs)
    for stage in [key for key in theirs if key.endswith("metrics")]:
        one, other = ours[stage], theirs[stage]
        assert [*one] == [*other]
        assert one["label"] == other["label"]
        assert one["label_value_or_threshold"] == other["label_value_or_threshold"]
        assert [*one["facets"]] == [*other["facets"]]
        for facet, groups in other["facets"].items():
            for mine, group in zip(one["facets"][facet], groups, strict=True):
                assert mine["value_or_threshold"] == group["value_or_threshold"]
                have = {metric["name"]: metric for metric in mine["metrics"]}
                assert sorted(have) == list(have)
                for metric in group["metrics"]:
                    if metric["name"] in besides:
                        continue
                    found = have[metric["name"]]
                    assert found["description"] == metric["description"]
                    assert found.get("error") == metric.get("error")
                    if metric["value"] is None:
                        assert found["value"] is None
                    else:
                        assert found["value"] == pytest.approx(metric["value"], abs=1e-9, rel=1e-9)


def predicted_by_the_linear_model() -> dict[str, Any]:
    """Published rows with the predictions of the published model."""
    document = json.loads((JOBS / "adult_linear.json").read_text())
    model = json.loads((JOBS / "adult_linear_model.json").read_text())
    features = np.array([row["features"] for row in document["instances"]], dtype=float)
    score = 1 / (1 + np.exp(-(features @ np.array(model["weights"]) + model["bias"])))
    for row, one in zip(document["instances"], score, strict=True):
        row["predicted"] = int(one > model["threshold"])
    return document
