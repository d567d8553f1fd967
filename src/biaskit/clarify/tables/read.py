"""Read: a table that was opened, before its columns play parts; and the files of a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from biaskit.clarify.asked.keys import CAPTURE
from biaskit.clarify.tables.columns import Dtype
from biaskit.errors import DataError
from biaskit.sources.batches import Source
from biaskit.store.addresses import is_address, said

__all__ = ["Read", "files_of_type", "is_captured"]


_SUFFIXES = {
    "text/csv": (".csv",),
    "application/jsonlines": (".jsonl", ".ndjson", ".json"),
    "application/json": (".json",),
    "application/x-parquet": (".parquet", ".pq", ".parq"),
    CAPTURE: (".jsonl",),
}


@dataclass(frozen=True)
class Read:
    """A table that was opened: its rows, columns and types, and what was assumed."""

    source: Source
    names: Sequence[str]
    dtypes: Mapping[str, Dtype] = field(default_factory=dict)
    is_json: bool = False
    notes: Sequence[str] = ()
    #: Number of files, where it is known.
    files: int = 1
    #: Columns whose names the format gives, as JSON does.
    label: str | None = None
    predicted: str | None = None


def files_of_type(data: Any, dataset_type: str) -> list[str]:
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


def is_captured(data: Any) -> bool:
    """Whether a file or a folder has lines that an endpoint captured."""
    if not isinstance(data, (str, Path)) or is_address(str(data)):
        return False
    if not Path(data).is_dir() and not str(data).endswith(".jsonl"):
        return False
    try:
        first = files_of_type(data, CAPTURE)[0]
        with Path(first).open("rb") as file:
            return first.endswith(".jsonl") and b'"captureData"' in file.read(1 << 16)
    except (DataError, OSError):
        return False
