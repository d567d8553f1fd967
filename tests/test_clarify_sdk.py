"""SageMaker's Python SDK: its objects and those of the same names here make the same jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from biaskit import clarify
from biaskit.clarify import (
    AsymmetricShapleyValueConfig,
    BiasConfig,
    DataConfig,
    ModelConfig,
    ModelPredictedLabelConfig,
    PDPConfig,
    SageMakerClarifyProcessor,
    SHAPConfig,
)
from biaskit.clarify.asked.configuration import configured
from biaskit.errors import RolesError
from support.clarify_jobs import people


def by_age(rows: pd.DataFrame) -> Any:
    """Score that grows with the age."""
    return rows["age"].to_numpy() / 100


def data_config(tmp_path: Path, **more: Any) -> DataConfig:
    """Data of people, in a folder that stands for a bucket."""
    people().to_csv(tmp_path / "people.csv", index=False)
    return DataConfig("s3://bucket/in/people.csv", "s3://bucket/out", label="hired", **more)


def processor(tmp_path: Path, **more: Any) -> SageMakerClarifyProcessor:
    """Processor as notebooks make it."""
    mapping = {"s3://bucket/in": tmp_path, "s3://bucket/out": tmp_path / "out"}
    return SageMakerClarifyProcessor(
        role="arn:aws:iam::111122223333:role/x",
        instance_count=1,
        instance_type="ml.m5.xlarge",
        sagemaker_session=None,
        mapping=mapping,
        **more,
    )


def test_all_methods_of_the_processor_run_their_jobs(tmp_path: Path) -> None:
    data = data_config(tmp_path, excluded_columns=["sex", "predicted"])
    bias = BiasConfig([1], "sex", ["F"], group_name="age")
    model = ModelConfig("m", 1, "ml.m5.xlarge", "text/csv", "text/csv")
    labels = ModelPredictedLabelConfig(probability_threshold=0.4)
    shap = SHAPConfig([[40]], num_samples=10, agg_method="mean_abs")
    made = processor(tmp_path, model=by_age)
    assert [*made.run_pre_training_bias(data, bias).analysis] == [
        "version",
        "pre_training_bias_metrics",
    ]
    post = made.run_post_training_bias(data, bias, model, labels, methods=["DPPL"], wait=True)
    assert [*post.analysis] == ["version", "post_training_bias_metrics"]
    both = made.run_bias(data, bias, model, labels)
    assert [*both.analysis][1:] == ["post_training_bias_metrics", "pre_training_bias_metrics"]
    explained = made.run_explainability(data, model, [shap, PDPConfig(["age"], 5)])
    assert [*explained.analysis["explanations"]] == ["kernel_shap", "pdp"]
    assert (tmp_path / "out/explanations_shap/out.csv").read_text().startswith("age_label0\n")
    whole = made.run_bias_and_explainability(
        data, model, shap, bias, model_predicted_label_config=labels
    )
    assert [*whole.analysis] == ["version", "explanations", *[*both.analysis][1:]]
    assert whole.analysis["pre_training_bias_metrics"] == both.analysis["pre_training_bias_metrics"]


def test_the_configuration_of_the_sdk_is_read(tmp_path: Path) -> None:
    """Keys that the SDK writes for these arguments (sagemaker.clarify, version 2)."""
    assert SHAPConfig([[1]], 15, "mean_abs").get_explainability_config() == {
        "shap": {
            "use_logit": False,
            "save_local_shap_values": True,
            "baseline": [[1]],
            "num_samples": 15,
            "agg_method": "mean_abs",
        }
    }
    assert PDPConfig().get_explainability_config() == {
        "pdp": {"grid_resolution": 15, "top_k_features": 10}
    }
    assert BiasConfig([1], ["a", "b"], [[0], None], "g").get_config() == {
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "a", "value_or_threshold": [0]}, {"name_or_index": "b"}],
        "group_variable": "g",
    }
    assert AsymmetricShapleyValueConfig().get_explainability_config() == {
        "asymmetric_shapley_value": {"direction": "chronological", "granularity": "timewise"}
    }
    config = {**data_config(tmp_path).get_config(), "methods": {"shap": {}, "report": {}}}
    config["predictor"] = ModelConfig(endpoint_name="e").get_predictor_config()
    assert configured(config).label == "hired"


def test_mistakes_are_said(tmp_path: Path) -> None:
    with pytest.raises(RolesError, match="either model_name or endpoint_name"):
        ModelConfig()
    with pytest.raises(RolesError, match="exclude each other"):
        SHAPConfig([[1]], num_clusters=2)
    with pytest.raises(RolesError, match="has 1 lists for 2 facets"):
        BiasConfig([1], ["a", "b"], [[0]])
    with pytest.raises(RolesError, match="call run_bias"):
        processor(tmp_path).run()
    shap, model = SHAPConfig([[1]]), ModelConfig(endpoint_name="e")
    data = data_config(tmp_path)
    with pytest.raises(RolesError, match="configured twice"):
        processor(tmp_path).run_explainability(data, model, [shap, shap])
    elsewhere = SageMakerClarifyProcessor(mapping={"s3://bucket/in": tmp_path})
    with pytest.raises(RolesError, match="written to a local folder"):
        elsewhere.run_pre_training_bias(data, BiasConfig([1], "sex"))


def test_objects_of_sagemakers_sdk_are_taken(tmp_path: Path) -> None:
    sdk = pytest.importorskip("sagemaker.clarify", reason="sagemaker 2 is not installed")
    people().to_csv(tmp_path / "people.csv", index=False)
    data = sdk.DataConfig(
        s3_data_input_path=str(tmp_path / "people.csv"),
        s3_output_path=str(tmp_path / "out"),
        label="hired",
        headers=["sex", "age", "hired", "predicted"],
        dataset_type="text/csv",
    )
    bias = sdk.BiasConfig([1], "sex", ["F"])
    result = SageMakerClarifyProcessor().run_pre_training_bias(data, bias)
    written = json.loads((tmp_path / "out/analysis.json").read_text())
    assert written == result.analysis


def test_a_configuration_runs_with_a_model_as_an_object(tmp_path: Path) -> None:
    config = {
        **data_config(tmp_path, excluded_columns=["sex", "predicted"]).get_config(),
        "predictor": {"model_name": "m"},
        "methods": {"shap": {"baseline": [[40]]}},
    }
    result = clarify.run(
        config,
        tmp_path / "people.csv",
        tmp_path / "out",
        model=by_age,
    )
    shap = result.analysis["explanations"]["kernel_shap"]["label0"]
    ages = people()["age"]
    assert shap["expected_value"] == pytest.approx(0.4)
    assert shap["global_shap_values"]["age"] == pytest.approx((ages - 40).abs().mean() / 100)
