"""Data sets: a job's table in any of Clarify's formats, with the parts that its columns play."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from biaskit.clarify.columns import NA_VALUES, Dtype, dtype_of_arrow
from biaskit.clarify.configuration import Configuration
from biaskit.clarify.counting import aliased
from biaskit.errors import DataError, RolesError, did_you_mean, listed
from biaskit.sources.batches import Source, rows_of
from biaskit.sources.dispatch import source_of
from biaskit.sources.files.dialect import Dialect
from biaskit.store.addresses import is_address, said

__all__ = ["Dataset", "dataset_of"]

# Rows by which a header is told from data.
_ROWS = 1_000
_SUFFIXES = {
    "text/csv": (".csv",),
    "application/jsonlines": (".jsonl", ".ndjson", ".json"),
    "application/json": (".json",),
    "application/x-parquet": (".parquet", ".pq", ".parq"),
}


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
        A file, a folder, an address, or a table in memory.
    facet_data, predicted_data
        Files of facets and of predicted labels, where the configuration names them.

    Raises
    ------
    DataError
        The data cannot be read, or differ from what the configuration says.
    RolesError
        A column that the configuration names is not there.
    """
    if _is_place(data):
        match job.dataset_type:
            case "text/csv":
                read = _csv(data, job.headers, _named(job))
            case "application/x-parquet":
                read = _typed(job, source_of(_files(data, job.dataset_type)))
            case "application/jsonlines" | "application/json":
                from biaskit.clarify.json_rows import json_read

                read = json_read(job, _files(data, job.dataset_type))
            case other:
                raise RolesError(f"dataset_type {other!r} is not read here")
    else:
        read = _typed(job, source_of(data), data)
    columns = _Columns(read.names)
    source, notes = read.source, [*read.notes]
    facet_columns = predicted_columns = columns
    extra: list[str] = []
    joined = job.joinsource_name_or_index
    join = columns.of(joined, "joinsource_name_or_index")
    for other, headers, key in (
        (facet_data, job.facet_headers, "facet"),
        (predicted_data, job.predicted_label_headers, "predicted_label"),
    ):
        if other is None:
            continue
        from biaskit.clarify.beside import beside

        more = _csv(other, headers, ())
        notes += more.notes
        source, added = beside(source, more, join, what=f"{key}_dataset_uri")
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
    )


@dataclass(frozen=True)
class Read:
    """A table that was opened: its rows, columns and types, and what was assumed."""

    source: Source
    names: Sequence[str]
    dtypes: Mapping[str, Dtype] = field(default_factory=dict)
    is_json: bool = False
    notes: Sequence[str] = ()
    #: Columns whose names the format gives, as JSON does.
    label: str | None = None
    predicted: str | None = None


def _is_place(data: Any) -> bool:
    return isinstance(data, (str, Path))


def _files(data: Any, dataset_type: str) -> list[str]:
    """Files of a data set: a file as it is, those of a folder that end as their type does."""
    if is_address(str(data)) or not Path(data).is_dir():
        return [str(data)]
    every = sorted(
        one
        for one in Path(data).rglob("*")
        if one.is_file() and not any(p.startswith((".", "_")) for p in one.relative_to(data).parts)
    )
    named = [one for one in every if {*_SUFFIXES[dataset_type]} & {*one.suffixes}]
    if not (found := named or every):
        raise DataError(
            f"the folder {said(data)} has no file; give the job's data as --data, a file or a "
            "folder"
        )
    return [str(one) for one in found]


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
    return tuple(one for one in mentioned if isinstance(one, str) and not one.isdigit())


def _csv(data: Any, headers: list[str] | None, mentioned: Sequence[str]) -> Read:
    """CSV files, whose first row is told from the data by rules that are said."""
    files = _files(data, "text/csv")
    rows = _first_rows(files[0])
    if not rows:
        raise DataError(f"{said(files[0])} is empty; it needs at least one row")
    width = len(rows[0])
    if headers is not None and len(headers) != width:
        raise RolesError(
            "Headers in config do not match with the number of columns in the dataset. There are "
            f"{len(headers)} headers, and {width} columns in the first row of {said(files[0])}: "
            f"{listed(rows[0])}"
        )
    has_header, why = _has_header(rows, headers, mentioned)
    if headers is not None:
        names = headers
    elif has_header:
        names = rows[0]
    else:
        names = [f"column_{place}" for place in range(width)]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise RolesError(f"the columns {listed(twice)} occur twice; give each its own header")
    dialect = Dialect(columns=tuple(names), header=has_header, na_values=NA_VALUES)
    first = "has the columns' names" if has_header else "is data"
    return Read(
        source_of(files, dialect=dialect),
        names,
        notes=[f"{Path(files[0]).name}: the first row {first}, since {why}"],
    )


def _first_rows(file: str) -> list[list[str]]:
    """First rows of a CSV file, empty ones left out."""
    from biaskit.sources.files.finding import files_of
    from biaskit.sources.files.turns import looked_into
    from biaskit.sources.text.texts import OpenText

    (path,) = files_of([file])
    with looked_into(path, {}, from_start=True) as data:
        lines = OpenText(path, data, Dialect()).first_lines(errors="replace", newline="")
        try:
            rows = csv.reader(lines)
            return list(itertools.islice((row for row in rows if row), _ROWS))
        except csv.Error as error:
            raise DataError(f"{said(file)} cannot be read as CSV: {error}") from error


def _has_header(
    rows: Sequence[Sequence[str]], headers: Sequence[str] | None, mentioned: Sequence[str]
) -> tuple[bool, str]:
    first = [cell.strip() for cell in rows[0]]
    if headers is not None:
        if first == [name.strip() for name in headers]:
            return True, "it equals the configuration's headers"
        return False, "the configuration has headers"
    if any(name in first for name in mentioned):
        return True, "it has names that the configuration mentions"
    if any(map(_is_number, first)):
        return False, "it has numbers"
    if any(_is_number(cell) for row in rows[1:] for cell in row):
        return True, "it has no numbers, and later rows do"
    return False, "no later row has numbers where it has none"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _typed(job: Configuration, source: Source, data: Any = None) -> Read:
    """Data that have names and types."""
    names = source.names()
    dtypes = _dtypes(source, names, data)
    if job.headers is None or [*job.headers] == names:
        return Read(source, names, dtypes)
    if len(job.headers) != len(names):
        raise RolesError(
            "Headers in config do not match with the number of columns in the dataset. There "
            f"are {len(job.headers)} headers and {len(names)} columns: {listed(names)}"
        )
    name_of = dict(zip(job.headers, names, strict=True))
    renamed = {header: dtypes[name] for header, name in name_of.items()}
    return Read(aliased(source, name_of), job.headers, renamed)


def _dtypes(source: Source, names: Sequence[str], data: Any) -> dict[str, Dtype]:
    """Type of each column of data that have types, as pandas sees it."""
    if hasattr(data, "dtypes") and hasattr(data, "iloc"):
        return {name: _of_pandas(data.dtypes.iloc[i]) for i, name in enumerate(names)}
    for batch in rows_of(source, list(names)):
        found = {name: dtype_of_arrow(batch.columns[name].type) for name in names}
        # A dictionary of a file is how its texts are stored.
        return {name: "object" if one == "category" else one for name, one in found.items()}
    return dict.fromkeys(names, "object")


def _of_pandas(dtype: Any) -> Dtype:
    match getattr(dtype, "kind", "O"):
        case "i" | "u":
            return "int64"
        case "f":
            return "float64"
        case "b":
            return "bool"
    return "category" if str(dtype) == "category" else "object"
