"""Data sets: a job's table in any of Clarify's formats, with the parts that its columns play."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.tables.columns import Dtype
from biaskit.clarify.tables.read import Read, files_of_type
from biaskit.clarify.tables.typed import typed_read
from biaskit.errors import RolesError, did_you_mean
from biaskit.sources.batches import Source
from biaskit.sources.dispatch import source_of

__all__ = ["Dataset", "baseline_frame", "dataset_of"]


@dataclass(frozen=True)
class Dataset:
    """A job's table: its rows, and the columns that play a part.

    Attributes
    ----------
    source
        The rows. Texts of a CSV are as they are written, those of JSON are JSON values.
    names
        Every column: of the data set, then of the files of facets and of predicted labels.
    label, predicted, group, join
        Columns by the parts they play; None for a part that the job does not name.
    facets
        Column of each facet of the configuration, in its order.
    features
        Columns that a model takes, in the order of the file.
    dtypes
        Type of each column, where the data have types.
    is_json
        Whether texts are JSON values.
    notes
        What was assumed, in sentences.
    unmatched
        Rows that could not be matched, in sentences; known once the rows have been read.
    """

    source: Source
    names: tuple[str, ...]
    label: str | None
    predicted: str | None
    group: str | None
    join: str | None
    facets: tuple[str, ...]
    features: tuple[str, ...]
    dtypes: Mapping[str, Dtype] = field(default_factory=dict)
    is_json: bool = False
    notes: tuple[str, ...] = ()
    unmatched: Callable[[], Sequence[str]] = tuple

    def dtype(self, column: str) -> Dtype | None:
        """Type of a column, None where it follows from texts."""
        return self.dtypes.get(column)


class _Columns:
    """Columns of a data set, found by their names or by their places from 0."""

    def __init__(self, names: Sequence[str]):
        self.names = list(names)

    def of(self, wanted: str | int | None, key: str) -> str | None:
        """Name of a column that the configuration names."""
        if wanted is None:
            return None
        if isinstance(wanted, int):
            if wanted >= len(self.names):
                raise RolesError(
                    f"{key} is column {wanted}, but the data set has {len(self.names)} columns, "
                    f"0 to {len(self.names) - 1}"
                )
            return self.names[wanted]
        if wanted in self.names:
            return wanted
        if wanted.isdigit() and int(wanted) < len(self.names):
            return self.names[int(wanted)]
        phrase = {
            "label": "Headers must contain label. ",
            "facet": "Unable to locate the facet. ",
        }.get(key.partition("[")[0], "")
        raise RolesError(f"{phrase}{key}: no column {wanted!r}; {did_you_mean(wanted, self.names)}")


def dataset_of(
    job: Configuration,
    data: Any,
    facet_data: Any = None,
    predicted_data: Any = None,
) -> Dataset:
    """Data set of a job.

    Parameters
    ----------
    job
        The configuration.
    data
        A file, a folder, an address, a table in memory, or a table that was opened.
    facet_data, predicted_data
        Files of facets and of predicted labels, where the configuration names them.

    Raises
    ------
    DataError
        The data cannot be read, or differ from what the configuration says.
    RolesError
        A column that the configuration names is not there.
    """
    read = _read(job, data)
    columns = _Columns(read.names)
    source, notes = read.source, [*read.notes]
    facet_columns = predicted_columns = columns
    extra: list[str] = []
    unmatched: list[Callable[[], Sequence[str]]] = []
    joined = job.joinsource_name_or_index
    join = columns.of(joined, "joinsource_name_or_index")
    of_facets = [one.name_or_index for one in job.facet]
    for other, headers, key, mentioned in (
        (facet_data, job.facet_headers, "facet", of_facets),
        (
            predicted_data,
            job.predicted_label_headers,
            "predicted_label",
            [job.predicted_label or "predicted_label"],
        ),
    ):
        if other is None:
            continue
        from biaskit.clarify.tables.beside import beside
        from biaskit.clarify.tables.separated import csv_read

        more = csv_read(other, headers, _texts(mentioned))
        notes += more.notes
        source, added, missed = beside(source, more, join, what=f"{key}_dataset_uri")
        unmatched.append(missed)
        extra += added.values()
        renamed = _Columns([added.get(name, name) for name in more.names])
        if key == "facet":
            facet_columns = renamed
        else:
            predicted_columns = renamed
    label = read.label or columns.of(job.label, "label")
    predicted = read.predicted
    if predicted is None:
        wanted = job.predicted_label
        if predicted_data is not None and wanted is None:
            wanted = "predicted_label" if "predicted_label" in predicted_columns.names else 0
        predicted = predicted_columns.of(wanted, "predicted_label")
    facets = tuple(
        str(facet_columns.of(one.name_or_index, f"facet[{i}].name_or_index"))
        for i, one in enumerate(job.facet)
    )
    excluded = [columns.of(one, "excluded_columns") for one in job.excluded_columns or ()]
    taken = {label, predicted, join, *excluded, *extra}
    return Dataset(
        source=source,
        names=(*read.names, *extra),
        label=label,
        predicted=predicted,
        group=columns.of(job.group_variable, "group_variable"),
        join=join,
        facets=facets,
        features=tuple(name for name in read.names if name not in taken),
        dtypes=read.dtypes,
        is_json=read.is_json,
        notes=tuple(notes),
        unmatched=lambda: [said for one in unmatched for said in one()],
    )


def baseline_frame(job: Configuration, dataset: Dataset, place: str) -> Any:
    """Rows of a file of the data set's type that has the features alone, as a frame.

    Raises
    ------
    DataError, RolesError
        The file cannot be read, or has other columns.
    """
    from biaskit.clarify.tables.frames import frame_of

    features = [*dataset.features]
    like = replace(job, headers=features, label=None, predicted_label=None)
    read = _read(like, place)
    return frame_of(
        Dataset(
            source=read.source,
            names=tuple(read.names),
            label=None,
            predicted=None,
            group=None,
            join=None,
            facets=(),
            features=tuple(features),
            dtypes=read.dtypes,
            is_json=read.is_json,
        ),
        features,
    )


def _read(job: Configuration, data: Any) -> Read:
    """The data set, by the type that the configuration names; each loads its own modules."""
    if isinstance(data, Read):
        return data
    if not isinstance(data, (str, Path)):
        return typed_read(job, source_of(data), data)
    match job.dataset_type:
        case "text/csv":
            from biaskit.clarify.tables.separated import csv_read

            return csv_read(data, job.headers, _named(job))
        case "application/x-parquet":
            return typed_read(job, source_of(files_of_type(data, job.dataset_type)))
        case "application/jsonlines" | "application/json":
            from biaskit.clarify.tables.json_rows import json_read

            return json_read(job, files_of_type(data, job.dataset_type))
    raise RolesError(f"dataset_type {job.dataset_type!r} is not read here")


def _named(job: Configuration) -> tuple[str, ...]:
    """Names of columns that the configuration mentions."""
    mentioned = [
        job.label,
        job.predicted_label,
        job.group_variable,
        job.joinsource_name_or_index,
        *(one.name_or_index for one in job.facet),
        *(job.excluded_columns or ()),
    ]
    return _texts(mentioned)


def _texts(mentioned: Sequence[Any]) -> tuple[str, ...]:
    """Columns that are mentioned by their names."""
    return tuple(one for one in mentioned if isinstance(one, str) and not one.isdigit())
