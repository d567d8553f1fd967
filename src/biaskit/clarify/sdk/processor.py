"""Processor: the class of SageMaker's Python SDK that runs Clarify's jobs, on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from biaskit.clarify.job import Result, run
from biaskit.clarify.places import mapping_of, resolved
from biaskit.errors import RolesError
from biaskit.store.addresses import is_address, said

__all__ = ["SageMakerClarifyProcessor"]

_REPORT = {"name": "report", "title": "Analysis Report"}


class SageMakerClarifyProcessor:
    """Runs the jobs that SageMaker's class of the same name ran, in this process.

    Arguments that say where SageMaker runs a job (``role``, ``instance_count``, ``instance_type``
    and others) are taken and ignored.

    Parameters
    ----------
    endpoint, model, trust_model
        Where predictions come from, in place of SageMaker's endpoints: see `biaskit.clarify.run`.
    mapping
        Local folders that stand for prefixes of addresses: ``{"s3://bucket/prefix": "./dir"}``.
    typing
        How given values are read: see `biaskit.clarify.run`.

    Examples
    --------
    >>> import pandas as pd, pathlib, tempfile
    >>> from biaskit.clarify import BiasConfig, DataConfig, SageMakerClarifyProcessor
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> rows = pd.DataFrame({"sex": ["F", "F", "M", "M"] * 50, "hired": [0, 1, 1, 1] * 50})
    >>> rows.to_csv(folder / "people.csv", index=False)
    >>> data = DataConfig(str(folder / "people.csv"), str(folder / "out"), label="hired")
    >>> processor = SageMakerClarifyProcessor(role="any", instance_count=1)
    >>> result = processor.run_pre_training_bias(data, BiasConfig([1], "sex", ["F"]), ["DPL"])
    >>> result.analysis["pre_training_bias_metrics"]["facets"]["sex"][0]["metrics"][0]["value"]
    0.5
    """

    def __init__(
        self,
        role: Any = None,
        instance_count: Any = None,
        instance_type: Any = None,
        *,
        endpoint: str | None = None,
        model: Any = None,
        trust_model: bool = False,
        mapping: Mapping[str, Any] | Sequence[str] = (),
        typing: str = "clarify",
        **ignored: Any,
    ):
        del role, instance_count, instance_type, ignored
        self._given = {
            "endpoint": endpoint,
            "model": model,
            "trust_model": trust_model,
            "typing": typing,
        }
        self._folders = mapping_of(mapping)

    def run(self, **_: Any) -> None:
        """Refused, as by SageMaker's class: a job is run by the methods below."""
        raise RolesError("call run_bias, run_explainability or another of the methods run_...")

    def run_pre_training_bias(
        self, data_config: Any, data_bias_config: Any, methods: Any = "all", **ignored: Any
    ) -> Result:
        """Metrics on labels."""
        del ignored
        config = {**data_config.get_config(), **data_bias_config.get_config()}
        return self._run(data_config, config, {"pre_training_bias": {"methods": methods}})

    def run_post_training_bias(
        self,
        data_config: Any,
        data_bias_config: Any,
        model_config: Any = None,
        model_predicted_label_config: Any = None,
        methods: Any = "all",
        **ignored: Any,
    ) -> Result:
        """Metrics on predictions."""
        del ignored
        config = {**data_config.get_config(), **data_bias_config.get_config()}
        config |= _predictor(model_config, model_predicted_label_config)
        return self._run(data_config, config, {"post_training_bias": {"methods": methods}})

    def run_bias(
        self,
        data_config: Any,
        bias_config: Any,
        model_config: Any = None,
        model_predicted_label_config: Any = None,
        pre_training_methods: Any = "all",
        post_training_methods: Any = "all",
        **ignored: Any,
    ) -> Result:
        """Metrics on labels and on predictions."""
        del ignored
        config = {**data_config.get_config(), **bias_config.get_config()}
        config |= _predictor(model_config, model_predicted_label_config)
        methods = {
            "pre_training_bias": {"methods": pre_training_methods},
            "post_training_bias": {"methods": post_training_methods},
        }
        return self._run(data_config, config, methods)

    def run_explainability(
        self,
        data_config: Any,
        model_config: Any,
        explainability_config: Any,
        model_scores: Any = None,
        **ignored: Any,
    ) -> Result:
        """SHAP values, partial dependence, or asymmetric Shapley values."""
        del ignored
        config = {**data_config.get_config(), **_predictor(model_config, model_scores)}
        return self._run(data_config, config, _explaining(explainability_config))

    def run_bias_and_explainability(
        self,
        data_config: Any,
        model_config: Any,
        explainability_config: Any,
        bias_config: Any,
        pre_training_methods: Any = "all",
        post_training_methods: Any = "all",
        model_predicted_label_config: Any = None,
        **ignored: Any,
    ) -> Result:
        """Metrics on labels and on predictions, and explanations."""
        del ignored
        config = {**data_config.get_config(), **bias_config.get_config()}
        config |= _predictor(model_config, model_predicted_label_config)
        methods = {
            **_explaining(explainability_config),
            "pre_training_bias": {"methods": pre_training_methods},
            "post_training_bias": {"methods": post_training_methods},
        }
        return self._run(data_config, config, methods)

    def _run(
        self, data_config: Any, config: Mapping[str, Any], methods: Mapping[str, Any]
    ) -> Result:
        output = resolved(data_config.s3_output_path, self._folders)
        if is_address(output):
            raise RolesError(
                f"results are written to a local folder, not to {said(output)}; give "
                "DataConfig one as s3_output_path, or mapping={...} for its prefix"
            )
        return run(
            {**config, "methods": {"report": dict(_REPORT), **methods}},
            data_config.s3_data_input_path,
            output,
            mapping=self._folders,
            **self._given,
        )


def _predictor(model_config: Any, labels: Any) -> dict[str, Any]:
    """Keys of the configuration that say how the model is asked."""
    predictor = {} if model_config is None else model_config.get_predictor_config()
    threshold = None
    if hasattr(labels, "get_predictor_config"):
        threshold, more = labels.get_predictor_config()
        predictor = {**predictor, **more}
    elif labels is not None:
        predictor = {**predictor, "label": labels}  # a place or a JMESPath, as the SDK has it
    made: dict[str, Any] = {"predictor": predictor} if predictor else {}
    if threshold is not None:
        made["probability_threshold"] = threshold
    return made


def _explaining(explainability_config: Any) -> dict[str, Any]:
    """Keys of ``methods`` of one explanation or several."""
    several = isinstance(explainability_config, (list, tuple))
    made: dict[str, Any] = {}
    for one in explainability_config if several else [explainability_config]:
        for method, arguments in one.get_explainability_config().items():
            if method in made:
                raise RolesError(f"{method} is configured twice; give each method once")
            made[method] = arguments
    return made
