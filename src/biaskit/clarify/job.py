"""Jobs: a Clarify processing job from its configuration to its result files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaskit.clarify.analysis import analysis_of, as_text
from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.endings import Phase, told
from biaskit.clarify.opened import CaptureSaid, asked_of, data_of, opened_data, place_of
from biaskit.clarify.places import CONTAINER, Places, mapping_of, places_of, resolved
from biaskit.clarify.tables.datasets import Dataset
from biaskit.errors import RolesError
from biaskit.formats import json_value
from biaskit.sources.counting import Progress
from biaskit.store import written
from biaskit.store.version import __version__

if TYPE_CHECKING:
    from biaskit.clarify.checking import Finding
    from biaskit.clarify.measured.bias import Bias
    from biaskit.clarify.predictors.predictor import Predictor
    from biaskit.clarify.series.items import Item

__all__ = ["Result", "check", "run"]

# Letters of a file's name, which file systems bound.
_MOST_STEM = 100
_COPY = "analysis_config.json"


@dataclass(frozen=True)
class Result:
    """Results of a job.

    Attributes
    ----------
    analysis
        Content of ``analysis.json``.
    warnings
        What Clarify would not have said, in sentences.
    files
        Files that were written, by their paths within the output.
    violations
        Numbers that are farther from parity than the baseline's, as Clarify writes them.
    """

    analysis: dict[str, Any]
    warnings: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    violations: tuple[dict[str, str], ...] = ()
    #: Whether SageMaker's container runs the job, which completes with its violations.
    is_contained: bool = False


@dataclass
class _Job:
    """A job while it runs: what was asked, what was found, and what was written."""

    configuration: Configuration
    output: Path
    #: The table, unless the data are time series.
    dataset: Dataset = field(init=False)
    #: What was assumed of the data.
    assumed: list[str] = field(default_factory=list)
    bias: Bias | None = None
    explanations: dict[str, Any] = field(default_factory=dict)
    #: SHAP values of every row, and the rows.
    local: Any = None
    rows: Any = None
    warnings: list[str] = field(default_factory=list)
    violations: list[dict[str, str]] = field(default_factory=list)
    #: What biaskit adds, for ``biaskit.json``.
    added: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    #: Texts of further files, by their names.
    texts: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> None:
        """Write a file of the results, whole or not at all."""
        path = self.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with written.atomically(path) as file:
            file.write(text.encode(errors="backslashreplace"))  # as JSON writes half a letter
        self.files.append(name)


def run(
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    data: Any = None,
    output: str | os.PathLike[str] | None = None,
    *,
    typing: str = "clarify",
    mapping: Mapping[str, Any] | Sequence[str] = (),
    facet_data: Any = None,
    predicted_data: Any = None,
    ground_truth: Any = None,
    attributes: Mapping[str, Any] | Sequence[str] = (),
    endpoint: str | None = None,
    endpoint_timeout: float = 60.0,
    model: Any = None,
    trust_model: bool = False,
    sampled: bool = False,
    baseline: str | os.PathLike[str] | None = None,
    rule: str = "clarify",
    progress: Progress | None = None,
) -> Result:
    """Run a SageMaker Clarify processing job, and write its result files.

    Parameters
    ----------
    config
        The analysis configuration: a file, a folder that has it, or the object itself.
    data
        The job's data: a file, a folder, an address, or a table in memory. By default what the
        configuration names.
    output
        Folder that the result files are written to.
    typing
        ``"clarify"`` reads a given value as Clarify does, perhaps as a threshold; ``"literal"``
        compares it with the column's values.
    mapping
        Local folders that stand for prefixes of addresses: ``{"s3://bucket/prefix": "./dir"}``.
    facet_data, predicted_data
        Files of facets and of predicted labels, in place of those that the configuration names.
    ground_truth
        File or folder of the labels of captured data, as SageMaker's monitor takes them.
    attributes
        Where captured data have their parts, by the names of SageMaker's monitor:
        ``{"FeaturesAttribute": "instances[*].features"}``.
    endpoint
        Address of a server that speaks ``/invocations``, in place of the configuration's endpoint.
    endpoint_timeout
        Seconds that the server has for one answer; SageMaker's has 60.
    model
        The job's model, in place of the configuration's endpoint: an object, a function of a frame,
        a model file, or ``module:function``.
    trust_model
        Whether a library may open a model file that biaskit cannot read itself.
    sampled
        Whether SHAP values are sampled, as Clarify's are, even where they could be exact.
    baseline
        The ``analysis.json`` of an earlier job, with which the numbers are compared; by default
        what the container's variable ``baseline_constraints`` names.
    rule
        ``"clarify"``: a number is violated where it is larger in size than the baseline's.
        ``"intervals"``: where its whole interval is farther from parity.
    progress
        Called after each part of the data with the rows read so far and the share, if known.

    Returns
    -------
    Result
        What was written.

    Raises
    ------
    BiaskitError
        The job is invalid or its data cannot be read. The output then has no ``analysis.json``, but
        a ``failure.json`` with the step and the cause.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> from biaskit import clarify
    >>> rows = pd.DataFrame({"sex": ["F", "F", "M", "M"] * 50, "hired": [0, 1, 1, 1] * 50})
    >>> job = {"dataset_type": "text/csv", "label": "hired", "label_values_or_threshold": [1],
    ...        "facet": [{"name_or_index": "sex", "value_or_threshold": ["F"]}],
    ...        "methods": {"pre_training_bias": {"methods": ["DPL"]}}}
    >>> result = clarify.run(job, rows, tempfile.mkdtemp())
    >>> result.analysis["pre_training_bias_metrics"]["facets"]["sex"][0]["metrics"][0]["value"]
    0.5
    """
    for name, value, choices in (
        ("typing", typing, ("clarify", "literal")),
        ("rule", rule, ("clarify", "intervals")),
    ):
        if value not in choices:
            raise RolesError(f"{name} is {' or '.join(map(repr, choices))}, not {value!r}")
    phase = Phase()
    captured = CaptureSaid(ground_truth, attributes)
    places = places_of(place_of(config), data, output, CONTAINER)
    folders = mapping_of(mapping)
    with told(places, phase):
        job = asked_of(config, places, captured)
        phase.name = "data"
        made = _Job(job, places.output)
        given = {"endpoint": endpoint, "seconds": endpoint_timeout, "model": model}
        if job.asymmetric is not None:
            items = _items(job, data, places, folders)
            phase.name = "explanations"
            _explain_series(made, items, folders, given, progress)
        else:
            dataset = opened_data(job, data, places, folders, captured, facet_data, predicted_data)
            made.dataset, made.assumed = dataset, [*dataset.notes]
            given |= {"trust_model": trust_model, "progress": progress}
            with closing(_Model(job, dataset, **given)) as asked:
                if job.post_training is not None and dataset.predicted is None:
                    phase.name = "predictions"
                    made.dataset = asked.predicted()
                if job.has_bias:
                    phase.name = "bias"
                    _measure(made, typing, progress)
                if job.shap is not None or job.pdp is not None:
                    phase.name = "explanations"
                    _explain(made, asked.predictor(), folders, sampled=sampled, progress=progress)
            made.warnings += dataset.unmatched()
        analysis = analysis_of(made.bias, made.explanations)
        before = baseline or places.environment.get("baseline_constraints")
        if before:
            phase.name = "drift check"
            _compare(made, analysis, resolved(os.fspath(before), folders), rule)
        if job.report is not None and job.asymmetric is None:
            phase.name = "report"
            made.texts[f"{_stem(job.report.name)}.html"] = _report(made)
        phase.name = "files"
        for name, text in made.texts.items():
            made.write(name, text)
        made.write("analysis.json", as_text(analysis))
        is_own = not isinstance(config, Mapping) and _is_in(places.config, places.output)
        _write_extras(made, is_own=is_own)
        if made.violations:
            found = {"version": "1.0", "violations": made.violations}
            made.write("constraint_violations.json", as_text(found))
            n = len(made.violations)
            phase.ending = (
                f"CompletedWithViolations: Job completed successfully with {n} "
                f"violation{'s' if n > 1 else ''}."
            )
    return Result(
        analysis,
        tuple(made.warnings),
        tuple(made.files),
        tuple(made.violations),
        places.message is not None,
    )


def check(
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    data: Any = None,
    *,
    typing: str = "clarify",
    mapping: Mapping[str, Any] | Sequence[str] = (),
    ground_truth: Any = None,
    attributes: Mapping[str, Any] | Sequence[str] = (),
    endpoint: str | None = None,
    endpoint_timeout: float = 60.0,
    model: Any = None,
    trust_model: bool = False,
) -> list[Finding]:
    """What a job would do, from its configuration and its first thousand rows; faults are last.

    The arguments are those of `run`; nothing is written.

    Raises
    ------
    BiaskitError
        The configuration itself cannot be read.
    """
    from biaskit.clarify.checking import checked

    places = places_of(place_of(config), data, ".", CONTAINER)
    folders = mapping_of(mapping)
    captured = CaptureSaid(ground_truth, attributes)
    job = asked_of(config, places, captured)
    if job.asymmetric is not None:
        from biaskit.clarify.checking import checked_series
        from biaskit.clarify.series.forecasts import forecaster_of

        return [
            *checked_series(
                job,
                lambda: _items(job, data, places, folders),
                lambda: forecaster_of(
                    job, endpoint=endpoint, seconds=endpoint_timeout, model=model
                ),
            )
        ]

    def dataset() -> Dataset:
        return opened_data(job, data, places, folders, captured)

    models: list[_Model] = []

    def predictor(found: Dataset) -> Predictor:
        models.append(
            _Model(
                job,
                found,
                endpoint=endpoint,
                seconds=endpoint_timeout,
                model=model,
                trust_model=trust_model,
            )
        )
        return models[-1].predictor()

    try:
        return [*checked(job, dataset, predictor, typing)]  # type: ignore[arg-type]
    finally:
        for one in models:
            one.close()


class _Model:
    """The job's model, opened when it is first asked."""

    def __init__(self, job: Configuration, dataset: Dataset, **given: Any):
        self._job = job
        self._dataset = dataset
        self._given = given
        self._opened: Predictor | None = None

    def predictor(self) -> Predictor:
        """The model as a predictor."""
        if self._opened is None:
            from biaskit.clarify.predictors.opening import predictor_of

            self._opened = predictor_of(self._job, self._dataset.features, **self._given)
        return self._opened

    def predicted(self) -> Dataset:
        """Data set with the labels that the model predicts."""
        from biaskit.clarify.predictors.predicted import with_predictions

        return with_predictions(self._dataset, self.predictor())

    def close(self) -> None:
        """End the model's connections."""
        if self._opened is not None:
            self._opened.close()


def _explain(
    job: _Job,
    predictor: Predictor,
    folders: Mapping[str, str],
    *,
    sampled: bool,
    progress: Progress | None,
) -> None:
    from biaskit.clarify.explaining.explained import explanations_of

    shap, held = job.configuration.shap, None
    if shap is not None and isinstance(shap.baseline, str):
        held = _baseline_of(job, resolved(shap.baseline, folders))

    found = explanations_of(
        job.configuration,
        job.dataset,
        predictor,
        job.bias,
        baseline=held,
        sampled=sampled,
        told=_told(progress),
    )
    job.explanations = found.content
    job.local, job.rows = found.local, found.rows
    job.texts |= found.files
    job.added |= found.added


def _items(job: Configuration, data: Any, places: Places, folders: Mapping[str, str]) -> list[Item]:
    """Time series of a job."""
    from biaskit.clarify.series.items import items_of

    return items_of(job, data_of(job, data, places, folders))


def _explain_series(
    job: _Job,
    items: Sequence[Item],
    folders: Mapping[str, str],
    given: Mapping[str, Any],
    progress: Progress | None,
) -> None:
    from biaskit.clarify.series.explained import baseline_of, explained_series, path_of
    from biaskit.clarify.series.forecasts import forecaster_of

    asked = job.configuration.asymmetric
    assert asked is not None
    held = asked.baseline
    if isinstance(held, str):
        held = baseline_of(resolved(held, folders))
    with closing(forecaster_of(job.configuration, **given)) as forecaster:
        found = explained_series(job.configuration, items, forecaster, held, _told(progress))
    path = path_of(asked)
    job.texts[path] = found.lines
    job.added["asymmetric_shapley_value"] = found.added
    job.explanations["asymmetric_shapley_value"] = {
        "direction": asked.direction,
        "granularity": asked.granularity,
        "explanation_results_path": str(job.output / path),
    }


def _told(progress: Progress | None) -> Callable[[float], None]:
    """Function of the share that is done."""
    return lambda share: None if progress is None else progress(0, share)


def _baseline_of(job: _Job, place: str) -> Any:
    """Rows of a file of the data set's type that has the baseline."""
    from biaskit.clarify.tables.datasets import baseline_frame

    return baseline_frame(job.configuration, job.dataset, place)


def _measure(job: _Job, typing: Any, progress: Progress | None) -> None:
    from biaskit.clarify.measured.bias import bias_of

    job.bias = bias_of(job.configuration, job.dataset, typing, progress)
    job.warnings += job.bias.warnings
    job.added["columns"] = list(job.bias.assumed)
    job.added["rows"] = job.bias.tables.rows
    job.added["groups"] = [
        {"facet": facet, "group": one.shown, "rows": one.n_d, "all_other_rows": one.n_a}
        for facet, groups in job.bias.facets.items()
        for one in groups
    ]


def _compare(job: _Job, analysis: Mapping[str, Any], baseline: str, rule: Any) -> None:
    from biaskit.clarify.monitor.violations import baseline_of, drift_of

    drift = drift_of(baseline_of(baseline), analysis, job.bias, rule)
    job.violations += drift.violations
    job.added["drift"] = {"rule": rule, "undecided": drift.undecided}


def _stem(name: str) -> str:
    """Name of the report's file, which leads to no other folder."""
    kept = "".join(one if one.isalnum() or one in "._- " else "_" for one in name).strip(". ")
    return kept[:_MOST_STEM] or "report"


def _report(job: _Job) -> str:
    from biaskit.clarify.report import Reported, report_of

    return report_of(
        Reported(
            job.configuration,
            job.bias,
            job.explanations,
            job.violations,
            job.local,
            job.rows,
            [*job.configuration.warnings, *job.warnings],
            job.assumed,
        )
    )


def _is_in(config: Path, output: Path) -> bool:
    """Whether the configuration is the very file that its copy would replace."""
    copy = (output / _COPY).resolve()
    return copy in (config.resolve(), (config / _COPY).resolve())


def _write_extras(job: _Job, *, is_own: bool) -> None:
    """Write the configuration, if it is not there already, and what biaskit adds."""
    given = job.configuration.given
    if not is_own:
        job.write(_COPY, json.dumps(given, indent=4) + "\n")
    added = {
        "biaskit": {"version": __version__, "schema": 1},
        "warnings": [*job.configuration.warnings, *job.warnings],
        "assumed": job.assumed,
        **job.added,
    }
    job.write("biaskit.json", json.dumps(json_value(added), indent=4, ensure_ascii=False) + "\n")
