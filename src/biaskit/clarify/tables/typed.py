"""Data that have names and types: Parquet, and tables in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.tables.aliases import Aliased
from biaskit.clarify.tables.columns import Dtype, dtype_of_arrow
from biaskit.clarify.tables.read import Read
from biaskit.errors import RolesError, listed
from biaskit.sources.batches import Source, rows_of

__all__ = ["dtypes_of_frame", "typed_read"]


def typed_read(job: Configuration, source: Source, data: Any = None) -> Read:
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
    return Read(Aliased(source, name_of), job.headers, renamed)


def _dtypes(source: Source, names: Sequence[str], data: Any) -> dict[str, Dtype]:
    """Type of each column of data that have types, as pandas sees it."""
    if hasattr(data, "dtypes") and hasattr(data, "iloc"):
        return dtypes_of_frame(data)
    for batch in rows_of(source, list(names)):
        found = {name: dtype_of_arrow(batch.columns[name].type) for name in names}
        # A dictionary of a file is how its texts are stored.
        return {name: "object" if one == "category" else one for name, one in found.items()}
    return dict.fromkeys(names, "object")


def dtypes_of_frame(frame: Any) -> dict[str, Dtype]:
    """Type of each column of a pandas frame."""
    return {str(name): _of_pandas(dtype) for name, dtype in frame.dtypes.items()}


def _of_pandas(dtype: Any) -> Dtype:
    match getattr(dtype, "kind", "O"):
        case "i" | "u":
            return "int64"
        case "f":
            return "float64"
        case "b":
            return "bool"
    return "category" if str(dtype) == "category" else "object"
