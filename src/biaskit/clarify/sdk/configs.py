"""Configs: the configuration objects of SageMaker's Python SDK, where that is not installed.

Each has the arguments of the SDK's class of its name (sagemaker.clarify, version 2), and makes the
keys of the analysis configuration that the SDK makes of them. The SDK's own objects serve as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from biaskit.errors import RolesError

__all__ = [
    "AsymmetricShapleyValueConfig",
    "BiasConfig",
    "DataConfig",
    "ModelConfig",
    "ModelPredictedLabelConfig",
    "PDPConfig",
    "SHAPConfig",
    "TimeSeriesDataConfig",
    "TimeSeriesModelConfig",
]


def _given(**keys: Any) -> dict[str, Any]:
    """Keys that have a value."""
    return {key: value for key, value in keys.items() if value is not None}


class TimeSeriesDataConfig:
    """Where a time series has its parts, by JMESPath or by places from 0."""

    def __init__(
        self,
        target_time_series: str | int,
        item_id: str | int,
        timestamp: str | int,
        related_time_series: Sequence[str | int] | None = None,
        static_covariates: Sequence[str | int] | None = None,
        dataset_format: Any = None,
    ):
        self.time_series_data_config = _given(
            target_time_series=target_time_series,
            item_id=item_id,
            timestamp=timestamp,
            related_time_series=_list(related_time_series),
            static_covariates=_list(static_covariates),
            dataset_format=getattr(dataset_format, "value", dataset_format),
        )

    def get_time_series_data_config(self) -> dict[str, Any]:
        """Keys of ``time_series_data_config``."""
        return dict(self.time_series_data_config)


class DataConfig:
    """The data set of a job, and where its results go.

    `s3_data_input_path` and `s3_output_path` may be local paths.
    """

    def __init__(
        self,
        s3_data_input_path: str,
        s3_output_path: str,
        s3_analysis_config_output_path: str | None = None,
        label: str | int | None = None,
        headers: Sequence[str] | None = None,
        features: str | None = None,
        dataset_type: str = "text/csv",
        s3_compression_type: str = "None",
        joinsource: str | int | None = None,
        facet_dataset_uri: str | None = None,
        facet_headers: Sequence[str] | None = None,
        predicted_label_dataset_uri: str | None = None,
        predicted_label_headers: Sequence[str] | None = None,
        predicted_label: str | int | None = None,
        excluded_columns: Sequence[str | int] | None = None,
        segmentation_config: Any = None,
        time_series_data_config: Any = None,
    ):
        self.s3_data_input_path = s3_data_input_path
        self.s3_output_path = s3_output_path
        self.s3_analysis_config_output_path = s3_analysis_config_output_path
        self.s3_compression_type = s3_compression_type
        series = time_series_data_config
        self.analysis_config = _given(
            dataset_type=dataset_type,
            features=features,
            headers=_list(headers),
            label=label,
            joinsource_name_or_index=joinsource,
            facet_dataset_uri=facet_dataset_uri,
            facet_headers=_list(facet_headers),
            predicted_label_dataset_uri=predicted_label_dataset_uri,
            predicted_label_headers=_list(predicted_label_headers),
            predicted_label=predicted_label,
            excluded_columns=_list(excluded_columns),
            segment_config=segmentation_config and [one.to_dict() for one in segmentation_config],
            time_series_data_config=series and series.get_time_series_data_config(),
        )

    def get_config(self) -> dict[str, Any]:
        """Keys of the analysis configuration."""
        return dict(self.analysis_config)


class BiasConfig:
    """Which labels are desirable, and who is compared."""

    def __init__(
        self,
        label_values_or_threshold: Any,
        facet_name: str | int | Sequence[str | int],
        facet_values_or_threshold: Sequence[Any] | None = None,
        group_name: str | None = None,
    ):
        several = isinstance(facet_name, (list, tuple))
        names: list[Any] = [*facet_name] if several else [facet_name]  # type: ignore[misc]
        if facet_values_or_threshold is None:
            values: list[Any] = [None] * len(names)
        else:
            values = [*facet_values_or_threshold] if several else [facet_values_or_threshold]
        if len(values) != len(names):
            raise RolesError(
                f"facet_values_or_threshold has {len(values)} lists for {len(names)} facets; give "
                "one for each, or None"
            )
        facets = [
            _given(name_or_index=name, value_or_threshold=_list(value))
            for name, value in zip(names, values, strict=True)
        ]
        self.analysis_config = _given(
            label_values_or_threshold=_list(label_values_or_threshold),
            facet=facets,
            group_variable=group_name,
        )

    def get_config(self) -> dict[str, Any]:
        """Keys of the analysis configuration."""
        return dict(self.analysis_config)


class TimeSeriesModelConfig:
    """Where a model's answer has its forecast."""

    def __init__(self, forecast: str):
        self.time_series_model_config = {"forecast": forecast}

    def get_time_series_model_config(self) -> dict[str, Any]:
        """Keys of ``time_series_predictor_config``."""
        return dict(self.time_series_model_config)


class ModelConfig:
    """The model of a job, and how its requests are written."""

    def __init__(
        self,
        model_name: str | None = None,
        instance_count: int | None = None,
        instance_type: str | None = None,
        accept_type: str | None = None,
        content_type: str | None = None,
        content_template: Any = None,
        record_template: str | None = None,
        custom_attributes: str | None = None,
        accelerator_type: str | None = None,
        endpoint_name_prefix: str | None = None,
        target_model: str | None = None,
        endpoint_name: str | None = None,
        time_series_model_config: Any = None,
    ):
        if (model_name is None) == (endpoint_name is None):
            raise RolesError("give ModelConfig either model_name or endpoint_name")
        series = time_series_model_config
        self.predictor_config = _given(
            model_name=model_name,
            endpoint_name=endpoint_name,
            instance_type=instance_type,
            initial_instance_count=instance_count,
            accept_type=accept_type,
            content_type=content_type,
            content_template=content_template,
            record_template=record_template,
            custom_attributes=custom_attributes,
            accelerator_type=accelerator_type,
            endpoint_name_prefix=endpoint_name_prefix,
            target_model=target_model,
            time_series_predictor_config=series and series.get_time_series_model_config(),
        )

    def get_predictor_config(self) -> dict[str, Any]:
        """Keys of ``predictor``."""
        return dict(self.predictor_config)


class ModelPredictedLabelConfig:
    """Where a model's answer has the label or the score."""

    def __init__(
        self,
        label: str | int | None = None,
        probability: str | int | None = None,
        probability_threshold: float | None = None,
        label_headers: Sequence[Any] | None = None,
    ):
        self.probability_threshold = probability_threshold
        self.predictor_config = _given(
            label=label, probability=probability, label_headers=_list(label_headers)
        )

    def get_predictor_config(self) -> tuple[float | None, dict[str, Any]]:
        """The threshold, and keys of ``predictor``."""
        return self.probability_threshold, dict(self.predictor_config)


class PDPConfig:
    """Arguments of partial dependence."""

    def __init__(
        self,
        features: Sequence[str | int] | None = None,
        grid_resolution: int = 15,
        top_k_features: int = 10,
    ):
        self.pdp_config = _given(
            features=_list(features),
            grid_resolution=grid_resolution,
            top_k_features=None if features else top_k_features,
        )

    def get_explainability_config(self) -> dict[str, Any]:
        """Keys of ``methods``."""
        return {"pdp": dict(self.pdp_config)}


class SHAPConfig:
    """Arguments of SHAP values."""

    def __init__(
        self,
        baseline: Any = None,
        num_samples: int | None = None,
        agg_method: str | None = None,
        use_logit: bool = False,
        save_local_shap_values: bool = True,
        seed: int | None = None,
        num_clusters: int | None = None,
        text_config: Any = None,
        image_config: Any = None,
        features_to_explain: Sequence[str | int] | None = None,
    ):
        if baseline is not None and num_clusters is not None:
            raise RolesError("baseline and num_clusters exclude each other; give one")
        self.shap_config = _given(
            use_logit=use_logit,
            save_local_shap_values=save_local_shap_values,
            baseline=baseline,
            num_samples=num_samples,
            agg_method=agg_method,
            seed=seed,
            num_clusters=num_clusters,
            text_config=text_config and text_config.get_text_config(),
            image_config=image_config and image_config.get_image_config(),
            features_to_explain=_list(features_to_explain),
        )

    def get_explainability_config(self) -> dict[str, Any]:
        """Keys of ``methods``."""
        return {"shap": dict(self.shap_config)}


class AsymmetricShapleyValueConfig:
    """Arguments of asymmetric Shapley values, for time series."""

    def __init__(
        self,
        direction: str = "chronological",
        granularity: str = "timewise",
        num_samples: int | None = None,
        baseline: str | Mapping[str, Any] | None = None,
    ):
        self.asymmetric_shapley_value_config = _given(
            direction=direction,
            granularity=granularity,
            num_samples=num_samples,
            baseline=baseline,
        )

    def get_explainability_config(self) -> dict[str, Any]:
        """Keys of ``methods``."""
        return {"asymmetric_shapley_value": dict(self.asymmetric_shapley_value_config)}


def _list(values: Any) -> list[Any] | None:
    """List of values; None stays None, and a text is one value."""
    if values is None:
        return None
    return [*values] if isinstance(values, (list, tuple)) else [values]
