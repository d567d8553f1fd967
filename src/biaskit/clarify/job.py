"""Jobs: a Clarify processing job from its configuration to its result files."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from biaskit.clarify import steps
from biaskit.clarify.analysis import analysis_of, as_text
from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.copies import refuse_copies
from biaskit.clarify.endings import Phase, told
from biaskit.clarify.opened import CaptureSaid, asked_of, opened_data, place_of
from biaskit.clarify.places import CONTAINER, mapping_of, places_of, resolved
from biaskit.clarify.tables.datasets import Dataset
from biaskit.errors import RolesError
from biaskit.sources.counting import Progress

if TYPE_CHECKING:
    from biaskit.clarify.checking import Finding
    from biaskit.clarify.predictors.predictor import Predictor

__all__ = ["Result", "check", "run"]


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
    report_as: Collection[str] = (),
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
    report_as
        Copies of the report: ``"ipynb"``, which nbformat makes, or ``"pdf"``, which Playwright's
        Chromium prints.
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
    refuse_copies(report_as)
    phase = Phase()
    captured = CaptureSaid(ground_truth, attributes)
    places = places_of(place_of(config), data, output, CONTAINER)
    folders = mapping_of(mapping)
    with told(places, phase):
        job = asked_of(config, places, captured)
        phase.name = "data"
        made = steps.Running(job, places.output)
        given = {"endpoint": endpoint, "seconds": endpoint_timeout, "model": model}
        if job.asymmetric is not None:
            items = steps.items(job, data, places, folders)
            phase.name = "explanations"
            steps.explain_series(made, items, folders, given, progress)
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
                    steps.measure(made, typing, progress)
                if job.shap is not None or job.pdp is not None:
                    phase.name = "explanations"
                    steps.explain(
                        made, asked.predictor(), folders, sampled=sampled, progress=progress
                    )
            made.warnings += dataset.unmatched()
        analysis = analysis_of(made.bias, made.explanations)
        before = baseline or places.environment.get("baseline_constraints")
        if before:
            phase.name = "drift check"
            steps.compare(made, analysis, resolved(os.fspath(before), folders), rule)
        if job.report is not None and job.asymmetric is None:
            phase.name = "report"
            steps.report(made, job.report, analysis, report_as)
        phase.name = "files"
        for name, text in made.texts.items():
            made.write(name, text)
        made.write("analysis.json", as_text(analysis))
        is_own = not isinstance(config, Mapping) and steps.is_in(places.config, places.output)
        steps.write_extras(made, is_own=is_own)
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
                lambda: steps.items(job, data, places, folders),
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
