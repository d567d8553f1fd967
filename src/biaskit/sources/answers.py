"""Answers of an engine: its frames as narwhals and in memory, its columns, its errors."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.sources.frames.source import frame_source

if TYPE_CHECKING:
    from biaskit.sources.engines import Engine

__all__ = ["array_of", "asked", "in_memory", "in_narwhals"]


@contextlib.contextmanager
def asked(engine: Engine, what: str) -> Iterator[None]:
    """Errors of an engine, of any type, raised with the name of the query."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{engine.name} failed in {what}: {_reason(error)}") from error


def in_narwhals(data: Any) -> Any:
    """Frame of an engine as a narwhals frame."""
    import narwhals as nw

    with warnings.catch_warnings():  # narwhals announces where its Dask support moves
        warnings.simplefilter("ignore", FutureWarning)
        return nw.from_native(data)


def in_memory(frame: Any) -> Any:
    """Materialised frame, of a type that the sources know, from an engine's lazy one."""
    native = frame.to_native()
    if frame.implementation.is_pyspark_connect() and not hasattr(type(native), "toArrow"):
        return _table_of_rows(native)
    found = frame.collect() if hasattr(frame, "collect") else frame
    made = found.to_native()
    return made if frame_source(made) is not None else found.to_pandas()


def _table_of_rows(frame: Any) -> Any:
    """Arrow table of the rows of a Spark frame, through Python values.

    Spark Connect before 4 has no other exact way: through pandas, 64-bit integers with missing
    values become floats.
    """
    import pyarrow as pa

    rows = frame.collect()
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(frame.columns)})


def array_of(array: Any, dtype: str) -> NDArray[Any]:
    """Array of the numbers of an Arrow column; missing ones are NaN."""
    import pyarrow as pa

    values = array.cast(pa.type_for_alias(dtype))
    if values.null_count:
        return np.array([np.nan if x is None else x for x in values.to_pylist()], dtype=dtype)
    return np.asarray(values)


def _reason(error: BaseException) -> str:
    """First and last line of an engine's message, without the frames of its stack between them."""
    details = getattr(error, "details", None)  # the message in gRPC errors of Spark Connect
    text = details() if callable(details) else error
    lines = [line.strip() for line in str(text).splitlines()]
    lines = [line for line in lines if line and not line.startswith(("at ", "SQLSTATE"))]
    told = lines[:1] + (lines[-1:] if len(lines) > 1 else [])
    return " ... ".join(line[:200] for line in told) or type(error).__name__
