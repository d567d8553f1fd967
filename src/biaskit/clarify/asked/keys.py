"""Keys of a configuration, each with the kind of its value, as Clarify's schema has them."""

from __future__ import annotations

from typing import Any

from biaskit.clarify.asked.schema import (
    Findings,
    Key,
    Kind,
    anything,
    either,
    exact_number,
    flag,
    list_of,
    name,
    object_of,
    one_of,
    text,
    texts,
    values,
    whole,
)

__all__ = ["BASELINE_OF_SERIES", "CAPTURE", "JOB", "POSTTRAINING", "PRETRAINING"]

#: Type of what an endpoint was asked and answered, as SageMaker keeps it.
CAPTURE = "application/sagemakercapturejson"
#: Metrics that Clarify computes on labels, and those on predictions, as it names them.
PRETRAINING = ("CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD")
POSTTRAINING = (
    "AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "FT", "GE", "RD", "SD", "TE"
)  # fmt: skip


def _methods(every: tuple[str, ...]) -> Kind:
    def read(value: Any, place: str, found: Findings) -> tuple[str, ...] | None:
        if value == "all":
            return every
        names = list_of(text)(value, place, found)
        upper = [one.upper() for one in names if one is not None]
        for one, given in zip(upper, names, strict=False):
            if one not in every:
                found.faults.append(f"{place}: no metric {given!r}; there are {', '.join(every)}")
        if not upper:
            found.faults.append(f'{place} names no metric; "all" stands for every one')
        return tuple(one for one in every if one in upper)

    return read


_NAMES = list_of(name)
#: A baseline of time series.
BASELINE_OF_SERIES = object_of(
    {
        "target_time_series": Key(one_of("zero", "mean")),
        "related_time_series": Key(one_of("zero", "mean")),
        "static_covariates": Key(anything),
    }
)
_SHAP = object_of(
    {
        "baseline": Key(either((str, text), (list, anything), (dict, anything))),
        "num_clusters": Key(whole()),
        "num_samples": Key(whole()),
        "agg_method": Key(one_of("mean_abs", "median", "mean_sq")),
        "use_logit": Key(flag),
        "save_local_shap_values": Key(flag),
        "seed": Key(whole(0)),
        "features_to_explain": Key(_NAMES),
        "text_config": Key(either((dict, anything))),
        "image_config": Key(either((dict, anything))),
    }
)
_PDP = object_of(
    {
        "features": Key(_NAMES),
        "top_k_features": Key(whole()),
        "grid_resolution": Key(whole(2)),
    }
)
_ASYMMETRIC = object_of(
    {
        "direction": Key(one_of("chronological", "anti_chronological", "bidirectional"), True),
        "granularity": Key(one_of("timewise", "fine_grained"), True),
        "num_samples": Key(whole()),
        "baseline": Key(either((str, text), (dict, BASELINE_OF_SERIES))),
    }
)
_METHODS = object_of(
    {
        "pre_training_bias": Key(object_of({"methods": Key(_methods(PRETRAINING), True)})),
        "post_training_bias": Key(object_of({"methods": Key(_methods(POSTTRAINING), True)})),
        "shap": Key(_SHAP),
        "pdp": Key(_PDP),
        "asymmetric_shapley_value": Key(_ASYMMETRIC),
        "report": Key(object_of({"name": Key(text), "title": Key(text)})),
    }
)
_TYPES = ("text/csv", "application/jsonlines", "application/json")
_PREDICTOR = object_of(
    {
        "endpoint_name": Key(text),
        "model_name": Key(text),
        "instance_type": Key(text),
        "initial_instance_count": Key(whole()),
        "endpoint_name_prefix": Key(text),
        "target_model": Key(text),
        "accelerator_type": Key(text),
        "content_type": Key(
            one_of(*_TYPES, "image/jpeg", "image/jpg", "image/png", "application/x-npy")
        ),
        "accept_type": Key(one_of(*_TYPES)),
        "content_template": Key(either((str, text), (dict, anything))),
        "record_template": Key(text),
        "custom_attributes": Key(text),
        "label": Key(name),
        "probability": Key(name),
        "label_headers": Key(list_of(either((str, text), (int, whole(0))))),
        "time_series_predictor_config": Key(object_of({"forecast": Key(text, True)})),
    }
)
_SERIES = object_of(
    {
        "item_id": Key(name, True),
        "timestamp": Key(name, True),
        "target_time_series": Key(name, True),
        "related_time_series": Key(_NAMES),
        "static_covariates": Key(_NAMES),
        "dataset_format": Key(one_of("columns", "item_records", "timestamp_records")),
    }
)
#: The whole configuration.
JOB = object_of(
    {
        "version": Key(text),
        "dataset_type": Key(
            one_of(
                *_TYPES,
                "application/x-parquet",
                "application/x-image",
                CAPTURE,
                aliases={"application/parquet": "application/x-parquet"},
            ),
            True,
        ),
        "dataset_uri": Key(text),
        "headers": Key(texts),
        "label": Key(name),
        "predicted_label": Key(name),
        "features": Key(text),
        "predicted_label_dataset_uri": Key(text),
        "predicted_label_headers": Key(texts),
        "facet_dataset_uri": Key(text),
        "facet_headers": Key(texts),
        "joinsource_name_or_index": Key(name),
        "excluded_columns": Key(_NAMES),
        "probability_threshold": Key(exact_number),
        "label_values_or_threshold": Key(values),
        "facet": Key(
            list_of(
                object_of({"name_or_index": Key(name, True), "value_or_threshold": Key(values)})
            )
        ),
        "group_variable": Key(name),
        "segment_config": Key(anything),
        "time_series_data_config": Key(_SERIES),
        "methods": Key(_METHODS, True),
        "predictor": Key(_PREDICTOR),
    }
)
