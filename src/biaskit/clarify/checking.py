"""Checking: what a job would do, from its configuration and its first thousand rows.

Everything that can be learnt is said before what is wrong, since one fault need not hide the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.measured.bias import Bias, bias_of
from biaskit.clarify.measured.selections import Typing
from biaskit.clarify.predictors.predictor import Predictor
from biaskit.clarify.series.explained import forecast_of
from biaskit.clarify.series.forecasts import Forecaster
from biaskit.clarify.series.items import Item, names_of
from biaskit.clarify.tables.datasets import Dataset
from biaskit.clarify.tables.frames import frame_of
from biaskit.errors import BiaskitError
from biaskit.sources.batches import Ask, Batch, Source, rows_of

__all__ = ["Finding", "checked", "checked_series"]

_ROWS = 1_000


class Finding(NamedTuple):
    """A line of what was found: its part of the job, and whether it is wrong."""

    part: str
    said: str
    is_fault: bool = False


def checked(
    job: Configuration,
    dataset: Callable[[], Dataset],
    predictor: Callable[[Dataset], Predictor],
    typing: Typing = "clarify",
) -> Iterator[Finding]:
    """What a job would do, faults last.

    Parameters
    ----------
    job
        The configuration.
    dataset
        Opens the data set.
    predictor
        Opens the model, given the data set.
    typing
        How values are read.
    """
    for warning in job.warnings:
        yield Finding("configuration", warning)
    yield from _asked(job)
    faults: list[Finding] = []
    found = None
    try:
        found = dataset()
    except BiaskitError as error:
        faults.append(Finding("data", str(error), is_fault=True))
    if found is not None:
        found = replace(found, source=_First(found.source, _ROWS))
        yield from _of_data(found)
        yield from _of_bias(job, found, typing, faults)
        yield from _of_model(job, found, predictor, faults)
    yield from faults


def checked_series(
    job: Configuration, items: Callable[[], Sequence[Item]], forecaster: Callable[[], Forecaster]
) -> Iterator[Finding]:
    """What a job on time series would do, faults last; the arguments are as of `checked`."""
    for warning in job.warnings:
        yield Finding("configuration", warning)
    yield from _asked(job)
    try:
        names, found = names_of(job), items()
        every = (names.target, *names.related, *names.static)
        yield Finding("data", f"{len(found):,} items: {_listed([item.id for item in found], 10)}")
        first = found[0]
        yield Finding(
            "data",
            f"{len(every)} series and covariates: {_listed(every)}; item {first.id!r} has "
            f"{len(first.timestamps):,} times, and the target at {len(first.target):,} of them",
        )
        with closing(forecaster()) as model:
            steps = forecast_of(first, model)
        said = ", ".join(f"{one:.6g}" for one in steps[:5])
        more = f" and {len(steps) - 5} more" if len(steps) > 5 else ""
        yield Finding("model", f"forecasts {said}{more} for item {first.id!r}")
    except BiaskitError as error:
        yield Finding("series", str(error), is_fault=True)


class _First:
    """The first rows of a source."""

    def __init__(self, source: Source, most: int):
        self._source = source
        self._most = most

    def names(self) -> list[str]:
        """Names of the columns."""
        return self._source.names()

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the first rows."""
        left = self._most
        for batch in rows_of(self._source, ask.columns, ask.numeric):
            if batch.rows > left:
                columns = {name: one.slice(0, left) for name, one in batch.columns.items()}
                batch = replace(batch, columns=columns, rows=left)
            yield batch
            left -= batch.rows
            if not left:
                return


def _asked(job: Configuration) -> Iterator[Finding]:
    asked = [
        ("pre-training metrics", job.pre_training),
        ("post-training metrics", job.post_training),
    ]
    for what, metrics in asked:
        if metrics is not None:
            yield Finding("methods", f"{what}: {', '.join(metrics)}")
    for what, method in (
        ("SHAP values", job.shap),
        ("partial dependence", job.pdp),
        ("asymmetric Shapley values", job.asymmetric),
    ):
        if method is not None:
            yield Finding("methods", what)


def _of_data(dataset: Dataset) -> Iterator[Finding]:
    for note in dataset.notes:
        yield Finding("data", note)
    yield Finding("data", f"{len(dataset.names)} columns: {_listed(dataset.names)}")
    yield Finding("model", f"takes {len(dataset.features)} of them: {_listed(dataset.features)}")


def _of_bias(
    job: Configuration, dataset: Dataset, typing: Typing, faults: list[Finding]
) -> Iterator[Finding]:
    if not job.has_bias:
        return
    known = job if dataset.predicted is not None else replace(job, post_training=None)
    # FT compares rows, which says nothing about what is compared.
    metrics = tuple(one for one in known.post_training or () if one != "FT") or None
    known = replace(known, pre_training=job.pre_training or ("CI",), post_training=metrics)
    try:
        bias = bias_of(known, dataset, typing)
    except BiaskitError as error:
        faults.append(Finding("bias", str(error), is_fault=True))
        return
    yield from _compared(bias)


def _compared(bias: Bias) -> Iterator[Finding]:
    for one in bias.assumed:
        yield Finding("typing", one)
    rows = f"the first {bias.tables.rows:,} rows"
    positive = sum(bias.tables.label.rows.get(level, 0) for level in bias.positive.levels)
    yield Finding(
        "compared",
        f"desirable label of {bias.label!r}: {bias.label_shown or '(none)'}, in {positive:,} of "
        f"{rows}",
    )
    for facet, groups in bias.facets.items():
        for group in groups:
            yield Finding(
                "compared",
                f"{facet!r} {group.shown or '(nobody)'}, {group.n_d:,} rows, with all others, "
                f"{group.n_a:,} rows, of {rows}",
            )
    for warning in bias.warnings:
        yield Finding("warning", warning)


def _of_model(
    job: Configuration,
    dataset: Dataset,
    predictor: Callable[[Dataset], Predictor],
    faults: list[Finding],
) -> Iterator[Finding]:
    if job.predictor is None:
        return
    try:
        model = predictor(dataset)
        row = frame_of(dataset, dataset.features, 1)
        scores = model.scores(row)
        said = ", ".join(f"{one:.6g}" for one in scores[0])
        yield Finding("model", f"answers {said} to the first row, as {', '.join(model.names)}")
        if job.post_training is not None and dataset.predicted is None:
            (label,) = model.labels(row)
            yield Finding("model", f"predicts the label {label!r} for it")
    except BiaskitError as error:
        faults.append(Finding("model", str(error), is_fault=True))


def _listed(names: Sequence[Any], most: int = 30) -> str:
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
