"""Opened: the configuration and the data set of a job, from what the caller and the job name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from biaskit.clarify.asked.configuration import Configuration, configured, read_configuration
from biaskit.clarify.asked.keys import CAPTURE
from biaskit.clarify.places import Places, resolved
from biaskit.clarify.tables.datasets import Dataset, dataset_of
from biaskit.clarify.tables.read import is_captured
from biaskit.errors import RolesError

__all__ = ["CaptureSaid", "asked_of", "data_of", "opened_data", "place_of"]


class CaptureSaid(NamedTuple):
    """What the caller says of captured data."""

    truth: Any
    attributes: Mapping[str, Any] | Sequence[str]

    @property
    def is_said(self) -> bool:
        """Whether the caller says that the data are captured."""
        return self.truth is not None or bool(self.attributes)


def place_of(config: Any) -> Any:
    """Place of a configuration; the folder itself where the caller gives the object."""
    return "." if isinstance(config, Mapping) else config


def asked_of(config: Any, places: Places, captured: CaptureSaid) -> Configuration:
    """Configuration of a job, checked."""
    if isinstance(config, Mapping):
        job = configured(dict(config), is_captured=captured.is_said)
    else:
        job = read_configuration(places.config, is_captured=captured.is_said)
    _refuse_unsupported(job)
    return job


def opened_data(
    job: Configuration,
    data: Any,
    places: Places,
    folders: Mapping[str, str],
    captured: CaptureSaid,
    facet_data: Any = None,
    predicted_data: Any = None,
) -> Dataset:
    """Data set of a job, from all of its files."""
    found = data_of(job, data, places, folders)
    if job.dataset_type == CAPTURE or is_captured(found):
        return _captured_data(job, found, folders, captured)
    return dataset_of(
        job,
        found,
        _further(facet_data, job.facet_dataset_uri, folders),
        _further(predicted_data, job.predicted_label_dataset_uri, folders),
    )


def _captured_data(
    job: Configuration, data: Any, folders: Mapping[str, str], captured: CaptureSaid
) -> Dataset:
    """Data set of what an endpoint was asked and answered."""
    from biaskit.clarify.monitor.attributes import attributes_of
    from biaskit.clarify.monitor.captured import captured_read

    attributes = attributes_of(captured.attributes)
    truth = _further(captured.truth, None, folders)
    read, source = captured_read(job, data, truth, attributes)
    excluded = [*(job.excluded_columns or ()), *attributes.excluded]
    columns = replace(
        job, label=read.label, predicted_label=read.predicted, excluded_columns=excluded
    )
    return replace(dataset_of(columns, read), unmatched=source.said)


def _refuse_unsupported(job: Configuration) -> None:
    """Refuse text and images, which are not explained here."""
    for what, is_asked in (
        ("images", job.dataset_type == "application/x-image"),
        ("images", job.shap is not None and job.shap.image_config is not None),
        ("text", job.shap is not None and job.shap.text_config is not None),
    ):
        if is_asked:
            raise RolesError(
                f"SHAP values of {what} are not computed here: they need a model that splits "
                f"{what} into parts, which biaskit does not have. Run the job's tabular methods "
                f"without {'image_config' if what == 'images' else 'text_config'}"
            )


def data_of(job: Configuration, data: Any, places: Places, folders: Mapping[str, str]) -> Any:
    """The job's data: those given, those that the configuration names, those of the container."""
    if data is not None:
        return resolved(os.fspath(data), folders) if isinstance(data, (str, os.PathLike)) else data
    if job.dataset_uri is not None:
        return resolved(job.dataset_uri, folders)
    if places.data is None:
        raise RolesError("give --data: neither the configuration nor a container has the data set")
    return str(places.data)


def _further(given: Any, uri: str | None, folders: Mapping[str, str]) -> Any:
    place = uri if given is None else given
    return resolved(place, folders) if isinstance(place, str) else place
