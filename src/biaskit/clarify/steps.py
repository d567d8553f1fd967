"""Steps: what a job does one after another, and what it has found and written so far."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaskit.clarify.asked.configuration import Configuration, Report
from biaskit.clarify.copies import as_notebook, as_pdf
from biaskit.clarify.opened import data_of
from biaskit.clarify.places import Places, resolved
from biaskit.clarify.tables.datasets import Dataset
from biaskit.sources.counting import Progress
from biaskit.store import written
from biaskit.store.formats import json_value
from biaskit.store.version import __version__

if TYPE_CHECKING:
    from biaskit.clarify.measured.bias import Bias
    from biaskit.clarify.predictors.predictor import Predictor
    from biaskit.clarify.series.items import Item

__all__ = [
    "Running",
    "compare",
    "explain",
    "explain_series",
    "is_in",
    "items",
    "measure",
    "report",
    "stem",
    "write_extras",
]


# Letters of a file's name, which file systems bound.
_MOST_STEM = 100
_COPY = "analysis_config.json"


@dataclass
class Running:
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
    #: Contents of further files, by their names.
    texts: dict[str, str | bytes] = field(default_factory=dict)

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file of the results, whole or not at all."""
        path = self.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with written.atomically(path) as file:
            if isinstance(content, str):
                content = content.encode(errors="backslashreplace")  # as JSON writes half a letter
            file.write(content)
        self.files.append(name)


def explain(
    job: Running,
    predictor: Predictor,
    folders: Mapping[str, str],
    *,
    sampled: bool,
    progress: Progress | None,
) -> None:
    """Explain the model's scores."""
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


def items(job: Configuration, data: Any, places: Places, folders: Mapping[str, str]) -> list[Item]:
    """Time series of a job."""
    from biaskit.clarify.series.items import items_of

    return items_of(job, data_of(job, data, places, folders))


def explain_series(
    job: Running,
    items: Sequence[Item],
    folders: Mapping[str, str],
    given: Mapping[str, Any],
    progress: Progress | None,
) -> None:
    """Explain the forecasts of time series."""
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


def _baseline_of(job: Running, place: str) -> Any:
    """Rows of a file of the data set's type that has the baseline."""
    from biaskit.clarify.tables.datasets import baseline_frame

    return baseline_frame(job.configuration, job.dataset, place)


def measure(job: Running, typing: Any, progress: Progress | None) -> None:
    """Measure bias metrics."""
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


def compare(job: Running, analysis: Mapping[str, Any], baseline: str, rule: Any) -> None:
    """Compare the numbers with those of an earlier job."""
    from biaskit.clarify.monitor.violations import baseline_of, drift_of

    drift = drift_of(baseline_of(baseline), analysis, job.bias, rule)
    job.violations += drift.violations
    job.added["drift"] = {"rule": rule, "undecided": drift.undecided}


def stem(name: str) -> str:
    """Name of the report's file, which leads to no other folder."""
    kept = "".join(one if one.isalnum() or one in "._- " else "_" for one in name).strip(". ")
    return kept[:_MOST_STEM] or "report"


def report(
    job: Running, asked: Report, analysis: Mapping[str, Any], copies: Collection[str]
) -> None:
    """The report of the results, and its copies."""
    from biaskit.clarify.report import Reported, report_of

    cautions = [*job.configuration.warnings, *job.warnings]
    html = report_of(
        Reported(
            *(job.configuration, job.bias, job.explanations, job.violations, job.local, job.rows),
            *(cautions, job.assumed),
        )
    )
    name = stem(asked.name)
    job.texts[f"{name}.html"] = html
    if "ipynb" in copies:
        job.texts[f"{name}.ipynb"] = as_notebook(asked.title, analysis, cautions)
    if "pdf" in copies:
        job.texts[f"{name}.pdf"] = as_pdf(html)


def is_in(config: Path, output: Path) -> bool:
    """Whether the configuration is the very file that its copy would replace."""
    copy = (output / _COPY).resolve()
    return copy in (config.resolve(), (config / _COPY).resolve())


def write_extras(job: Running, *, is_own: bool) -> None:
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
