"""Configuration: a job's analysis configuration, read and checked before any data are.

The keys, their types and their defaults are those of SageMaker Clarify's processing container 1.0
(its developer guide, "Analysis Configuration Files", and the schema of SageMaker's Python SDK).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from biaskit.clarify.schema import (
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
from biaskit.errors import DataError, RolesError
from biaskit.store.addresses import said

__all__ = [
    "POSTTRAINING",
    "PRETRAINING",
    "Asymmetric",
    "Configuration",
    "FacetAsked",
    "Pdp",
    "Predictor",
    "Report",
    "Shap",
    "configured",
    "read_configuration",
]

#: Metrics that Clarify computes on labels, and those on predictions, as it names them.
PRETRAINING = ("CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD")
POSTTRAINING = (
    "AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "FT", "GE", "RD", "SD", "TE"
)  # fmt: skip

# A configuration of more is a mistake, or an attack.
_MOST_BYTES = 16 << 20
_MOST_DEPTH = 100

_Made = TypeVar("_Made")


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
    #: The configuration as it was given.
    given: dict[str, Any]
    #: What Clarify's schema would refuse, or a user may not expect.
    warnings: tuple[str, ...] = ()

    @property
    def has_bias(self) -> bool:
        """Whether bias metrics are asked for."""
        return self.pre_training is not None or self.post_training is not None


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
_BASELINE_OF_SERIES = object_of(
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
        "baseline": Key(either((str, text), (dict, _BASELINE_OF_SERIES))),
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
_JOB = object_of(
    {
        "version": Key(text),
        "dataset_type": Key(
            one_of(
                *_TYPES,
                "application/x-parquet",
                "application/x-image",
                "application/sagemakercapturejson",
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


def read_configuration(path: Path) -> Configuration:
    """Configuration in a file, or in the only JSON file of a folder.

    Raises
    ------
    DataError
        There is no such file, or it is not JSON; the message says in which line and column.
    RolesError
        A key or a value is invalid; the message names all that are.
    """
    file = _file_of(path)
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise DataError(
                f"{said(file)} has more than {_MOST_BYTES >> 20} MB; {_NO_CONFIGURATION}"
            )
        written = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {said(file)}: {error.strerror}") from error
    return configured(_parsed(written, said(file)))


def configured(given: Any) -> Configuration:
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
    found = Findings()
    read = _JOB(given, "", found)
    methods = read.pop("methods") or {}
    bias = {
        "pre_training": (methods.get("pre_training_bias") or {}).get("methods"),
        "post_training": (methods.get("post_training_bias") or {}).get("methods"),
    }
    if not found.faults:
        found.faults += _contradictions(read, methods, bias)
    if found.faults:
        raise RolesError(
            "Analysis configuration schema validation error. " + "; ".join(found.faults)
        )
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
            "given": given,
            "warnings": tuple(found.warnings),
        },
    )
    return made


_NO_CONFIGURATION = "give the analysis configuration of a Clarify job"


def _made(type_: type[_Made], read: dict[str, Any] | None) -> Any:
    """Record of what was read, with its own defaults; None if there is nothing."""
    if read is None:
        return None
    names = {one.name for one in fields(type_)}  # type: ignore[arg-type]
    return type_(**{key: one for key, one in read.items() if key in names and one is not None})


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        if not path.exists():
            raise DataError(f"no configuration {said(path)}; {_NO_CONFIGURATION}")
        return path
    found = sorted(one for one in path.iterdir() if one.suffix == ".json" and one.is_file())
    if len(found) > 1:
        found = [one for one in found if one.name == "analysis_config.json"]
    if not found:
        raise DataError(
            f"the folder {said(path)} has no analysis_config.json, nor a single other file *.json; "
            f"{_NO_CONFIGURATION}"
        )
    return found[0]


class _TooDeepError(ValueError):
    """Objects within objects, deeper than any configuration."""


def _parsed(written: bytes, where: str) -> Any:
    """Value of a JSON text of bounded depth."""
    cause = f"Unable to load analysis configuration as JSON. {where}"
    try:
        decoded = written.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{cause} is not UTF-8 (byte {error.start:,}); save it as UTF-8") from error
    try:
        _refuse_deep(decoded)
        return json.loads(decoded, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{cause}, line {error.lineno}, column {error.colno}: {_said(error, decoded)}"
        ) from error
    except ValueError as error:
        raise DataError(f"{cause}: {error}") from error


def _said(error: json.JSONDecodeError, written: str) -> str:
    """Cause of an error as people make it: commas and quotes."""
    rest = written[error.pos :].lstrip()
    before = written[: error.pos].rstrip()
    if rest[:1] == "'":
        return "a text begins with ' where JSON needs \""
    if before[-1:] == "," and rest[:1] in ("}", "]"):
        return f"a comma stands before {rest[0]!r}; remove it"
    if "',' delimiter" in error.msg:
        return "a comma is missing before this place"
    return f"{error.msg[:1].lower()}{error.msg[1:]}"


def _refuse_deep(written: str) -> None:
    depth, quoted, escaped = 0, False, False
    for one in written:
        if quoted:
            escaped, quoted = one == "\\" and not escaped, one != '"' or escaped
        elif one == '"':
            quoted = True
        elif one in "[{":
            depth += 1
            if depth > _MOST_DEPTH:
                raise _TooDeepError(f"it is deeper than {_MOST_DEPTH} levels")
        elif one in "]}":
            depth -= 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} occurs twice in an object")
    return made


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a value of JSON")


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
            and read["predicted_label_dataset_uri"] is None,
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
