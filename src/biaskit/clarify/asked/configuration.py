"""Configuration: a job's analysis configuration, read and checked before any data are.

The keys, their types and their defaults are those of SageMaker Clarify's processing container 1.0
(its developer guide, "Analysis Configuration Files", and the schema of SageMaker's Python SDK).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from biaskit.clarify.asked.json_text import json_of
from biaskit.clarify.asked.keys import CAPTURE, JOB
from biaskit.clarify.asked.schema import Findings
from biaskit.errors import RolesError
from biaskit.store.addresses import is_address, shown

__all__ = [
    "Asymmetric",
    "Configuration",
    "FacetAsked",
    "Pdp",
    "Predictor",
    "Report",
    "Series",
    "Shap",
    "configured",
    "read_configuration",
]

_Made = TypeVar("_Made")
_MOST_FAULTS = 20


@dataclass(frozen=True, kw_only=True)
class FacetAsked:
    """A facet that the job names, and the values or the threshold of its side d."""

    name_or_index: str | int
    value_or_threshold: list[Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Shap:
    """Arguments of the method ``shap``."""

    baseline: Any = None
    num_clusters: int | None = None
    num_samples: int | None = None
    agg_method: str = "mean_abs"
    use_logit: bool = False
    save_local_shap_values: bool = False
    seed: int | None = None
    features_to_explain: list[str | int] | None = None
    text_config: dict[str, Any] | None = None
    image_config: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Pdp:
    """Arguments of the method ``pdp``, partial dependence."""

    features: list[str | int] | None = None
    top_k_features: int = 10
    grid_resolution: int = 15


@dataclass(frozen=True, kw_only=True)
class Asymmetric:
    """Arguments of the method ``asymmetric_shapley_value``, for time series."""

    direction: str
    granularity: str
    num_samples: int | None = None
    baseline: Any = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Arguments of the method ``report``: the stem of its files, and its title."""

    name: str = "report"
    title: str = "Analysis Report"


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """Where predictions come from, how they are asked for, and how answers are read."""

    endpoint_name: str | None = None
    model_name: str | None = None
    target_model: str | None = None
    content_type: str | None = None
    accept_type: str | None = None
    content_template: Any = None
    record_template: str | None = None
    custom_attributes: str | None = None
    label: str | int | None = None
    probability: str | int | None = None
    label_headers: list[str | int] | None = None
    time_series_predictor_config: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """Where a time series has its parts: JMESPath expressions, or places from 0."""

    item_id: str | int
    timestamp: str | int
    target_time_series: str | int
    related_time_series: list[str | int] | None = None
    static_covariates: list[str | int] | None = None
    dataset_format: str | None = None


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """A job's configuration, with the names of its keys; absent ones are None."""

    dataset_type: str
    dataset_uri: str | None = None
    headers: list[str] | None = None
    label: str | int | None = None
    predicted_label: str | int | None = None
    features: str | None = None
    predicted_label_dataset_uri: str | None = None
    predicted_label_headers: list[str] | None = None
    facet_dataset_uri: str | None = None
    facet_headers: list[str] | None = None
    joinsource_name_or_index: str | int | None = None
    excluded_columns: list[str | int] | None = None
    probability_threshold: float = 0.5
    label_values_or_threshold: list[Any] | None = None
    facet: tuple[FacetAsked, ...] = ()
    group_variable: str | int | None = None
    time_series_data_config: Series | None = None
    pre_training: tuple[str, ...] | None = None
    post_training: tuple[str, ...] | None = None
    shap: Shap | None = None
    pdp: Pdp | None = None
    asymmetric: Asymmetric | None = None
    report: Report | None = None
    predictor: Predictor | None = None
    #: The configuration as it was given; its addresses have neither password nor options.
    given: dict[str, Any]
    #: What Clarify's schema would refuse, or a user may not expect.
    warnings: tuple[str, ...] = ()

    @property
    def has_bias(self) -> bool:
        """Whether bias metrics are asked for."""
        return self.pre_training is not None or self.post_training is not None


# A schedule of SageMaker's monitor names no methods: it computes all metrics.
_OF_A_SCHEDULE = {
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}}
}


def read_configuration(path: Path, *, is_captured: bool = False) -> Configuration:
    """Configuration in a file, or in the only JSON file of a folder.

    `is_captured` says that the data are what an endpoint captured, whatever the file says.

    Raises
    ------
    DataError
        There is no such file, or it is not JSON; the message says in which line and column.
    RolesError
        A key or a value is invalid; the message names all that are.
    """
    return configured(json_of(path), is_captured=is_captured)


def configured(given: Any, *, is_captured: bool = False) -> Configuration:
    """Configuration from the object that the JSON text stands for.

    >>> job = {"dataset_type": "text/csv", "label": "hired", "label_values_or_threshold": [1],
    ...        "facet": [{"name_or_index": "sex", "value_or_threshold": ["F"]}],
    ...        "methods": {"pre_training_bias": {"methods": "all"}}}
    >>> configured(job).facet[0].name_or_index
    'sex'

    Raises
    ------
    RolesError
        A key or a value is invalid; the message names all that are.
    """
    if isinstance(given, dict) and (is_captured or given.get("dataset_type") == CAPTURE):
        given = {**_OF_A_SCHEDULE, **given, "dataset_type": CAPTURE}
    found = Findings()
    read = JOB(given, "", found)
    methods = read.pop("methods") or {}
    bias = {
        "pre_training": (methods.get("pre_training_bias") or {}).get("methods"),
        "post_training": (methods.get("post_training_bias") or {}).get("methods"),
    }
    if not found.faults:
        found.faults += _contradictions(read, methods, bias)
    if found.faults:
        more = len(found.faults) - _MOST_FAULTS
        said = [*found.faults[:_MOST_FAULTS], *([f"and {more:,} more"] if more > 0 else [])]
        raise RolesError("Analysis configuration schema validation error. " + "; ".join(said))
    if read.pop("segment_config"):
        found.warnings.append("segment_config is ignored: no published result shows its output")
    if read.pop("version") not in (None, "1.0"):
        found.warnings.append('version is read as "1.0", the only one')
    facets = tuple(_made(FacetAsked, one) for one in read.pop("facet") or ())
    made: Configuration = _made(
        Configuration,
        {
            **read,
            **bias,
            "facet": facets,
            "shap": _made(Shap, methods.get("shap")),
            "pdp": _made(Pdp, methods.get("pdp")),
            "asymmetric": _made(Asymmetric, methods.get("asymmetric_shapley_value")),
            "report": _made(Report, methods.get("report")),
            "predictor": _made(Predictor, read["predictor"]),
            "time_series_data_config": _made(Series, read["time_series_data_config"]),
            "given": _shown(given),
            "warnings": tuple(found.warnings),
        },
    )
    return made


def _shown(value: Any) -> Any:
    """Part of a configuration as it may be written to a file."""
    if isinstance(value, str):
        return shown(value) if is_address(value) else value
    if isinstance(value, dict):
        return {key: _shown(one) for key, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, list) else value


def _made(type_: type[_Made], read: dict[str, Any] | None) -> Any:
    """Record of what was read, with its own defaults; None if there is nothing."""
    if read is None:
        return None
    names = {one.name for one in fields(type_)}  # type: ignore[arg-type]
    return type_(**{key: one for key, one in read.items() if key in names and one is not None})


class _Rule(NamedTuple):
    """What a configuration must not be, and what to do."""

    is_broken: bool
    cause: str


def _contradictions(
    read: dict[str, Any], methods: dict[str, Any], bias: dict[str, tuple[str, ...] | None]
) -> list[str]:
    """What is wrong with keys that are valid one by one."""
    has_bias = any(one is not None for one in bias.values())
    shap, pdp = methods.get("shap"), methods.get("pdp")
    series = methods.get("asymmetric_shapley_value")
    explains = any(one is not None for one in (shap, pdp, series))
    predictor = read["predictor"]
    is_json = read["dataset_type"] in ("application/json", "application/jsonlines")
    threshold = read["probability_threshold"]
    rules = [
        _Rule(
            not has_bias and not explains,
            "methods names nothing to do; name pre_training_bias, post_training_bias, shap, pdp or "
            "asymmetric_shapley_value",
        ),
        _Rule(has_bias and read["label"] is None, "label is missing, which bias metrics need"),
        _Rule(
            has_bias and not read["label_values_or_threshold"],
            "label_values_or_threshold is missing: say which labels are the desirable outcome",
        ),
        _Rule(
            has_bias and not read["facet"],
            "Unable to locate the facet. facet is missing: say which groups are compared",
        ),
        _Rule(
            bias["post_training"] is not None
            and predictor is None
            and read["predicted_label"] is None
            and read["predicted_label_dataset_uri"] is None
            and read["dataset_type"] != CAPTURE,
            "post_training_bias needs predictions: give predicted_label, a column, or predictor",
        ),
        _Rule(
            explains and predictor is None,
            "predictor is missing, which shap, pdp and asymmetric_shapley_value need",
        ),
        _Rule(
            pdp is not None and shap is None and not pdp["features"],
            "pdp.features is missing; it may be absent only where shap ranks the features",
        ),
        _Rule(
            shap is not None and shap["baseline"] is not None and shap["num_clusters"] is not None,
            "shap.baseline and shap.num_clusters exclude each other; remove one",
        ),
        _Rule(
            is_json and read["time_series_data_config"] is None and read["features"] is None,
            "Data must contain features. features is missing: the JMESPath of the features",
        ),
        _Rule(
            series is not None and read["time_series_data_config"] is None,
            "time_series_data_config is missing, which asymmetric_shapley_value needs",
        ),
        _Rule(
            series is None and read["time_series_data_config"] is not None,
            "time_series_data_config needs the method asymmetric_shapley_value",
        ),
        _Rule(
            series is not None and (has_bias or shap is not None or pdp is not None),
            "asymmetric_shapley_value explains time series, which have no other method; remove the "
            "others",
        ),
        _Rule(
            series is not None and read["dataset_type"] != "application/json",
            "time series are read as application/json only: change dataset_type",
        ),
        _Rule(
            series is not None
            and series["granularity"] == "fine_grained"
            and (series["direction"] != "chronological" or series["num_samples"] is None),
            "fine_grained needs the direction chronological and num_samples",
        ),
        _Rule(
            series is not None
            and series["granularity"] == "timewise"
            and series["num_samples"] is not None,
            "asymmetric_shapley_value.num_samples is for fine_grained only; remove it",
        ),
        _Rule(
            threshold is not None and not (math.isfinite(threshold) and 0 <= threshold <= 1),
            "probability_threshold must lie between 0 and 1",
        ),
    ]
    return [rule.cause for rule in rules if rule.is_broken]
