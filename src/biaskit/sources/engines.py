"""Frames of other engines as sources: the engine groups its rows and returns only the groups."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from biaskit.counts.bounds import MAX_CELLS
from biaskit.errors import DataError
from biaskit.sources.batches import Ask, Counting, Part, no_rows, refuse_missing_columns
from biaskit.sources.encode import Encoder, OptionalEncoder
from biaskit.sources.frames.source import frame_source
from biaskit.sources.queries import Groups, Query, asked, in_narwhals

__all__ = ["ENGINES", "Engine", "EngineFrame", "engine_source"]

# Most groups returned at once. More are requested facet by facet, after the encoders have refused
# any column of identifiers.
_FEW = 100_000


class Engine(NamedTuple):
    """An engine that groups the rows of its frames, and its peculiarities."""

    #: Name for people.
    name: str
    #: Columns of instants keep their time zone; in other engines, the session's is used.
    keeps_zones: bool = False
    #: Its rows may be streamed, since they are local.
    streams: bool = False
    #: Its columns are pandas columns: nullable booleans cannot be cast to integers.
    is_of_pandas: bool = False
    #: Decimals are compared exactly, not as texts or with fewer digits.
    compares_decimals: bool = True
    #: Integers can be cast to other integer types even with missing values.
    casts_missing: bool = True
    #: A dot or a backtick in the name of a column is syntax.
    reads_names: bool = False


POLARS = Engine("polars", keeps_zones=True, streams=True)

#: Engines by the package of their frames.
ENGINES = {
    "pyspark": Engine("PySpark", reads_names=True),
    "duckdb": Engine("DuckDB", streams=True),
    "ibis": Engine("Ibis", compares_decimals=False),
    "dask": Engine(
        "Dask", keeps_zones=True, is_of_pandas=True, compares_decimals=False, casts_missing=False
    ),
    "sqlframe": Engine("SQLFrame"),
    "modin": Engine("Modin", keeps_zones=True, is_of_pandas=True),
}


def engine_source(data: Any) -> EngineFrame | None:
    """Source for a frame of an engine that groups its own rows; None for other data."""
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(data, polars.LazyFrame):
        return EngineFrame(data, POLARS)
    engine = ENGINES.get(type(data).__module__.partition(".")[0])
    try:
        return None if engine is None else EngineFrame(data, engine)
    except TypeError:  # an object of the engine, but not a frame
        return None


class EngineFrame:
    """A frame of an engine as a source that groups its own rows."""

    def __init__(self, data: Any, engine: Engine):
        self.engine = engine
        self._where = f"the {engine.name} frame"
        self._frame = in_narwhals(data)

    def names(self) -> list[str]:
        """Names of the columns."""
        with asked(self.engine, "the schema"):
            return list(self._frame.collect_schema().names())

    def parts(self, ask: Ask) -> Iterable[Part]:
        """Groups of the rows, or the rows themselves where they are needed and can be streamed."""
        if ask.counting is not None and ask.counting.roles.score is None:
            return self._groups(ask.counting)
        source = frame_source(self._frame.to_native()) if self.engine.streams else None
        if source is None:
            raise no_rows(self._where)
        return source.parts(ask)

    def _groups(self, counting: Counting) -> Iterator[Groups]:
        """Groups of the rows: for all facets at once if they are few, else facet by facet."""
        roles = counting.roles
        names = self.names()
        refuse_missing_columns(roles.columns(), names, self._where)
        query = Query(self._frame, names, self.engine, roles)
        together = query.answer([*roles.counted_columns()], roles.facet, _FEW + 1)
        if sum(len(one.sizes[0]) for one in together) <= _FEW:
            yield from together
            return
        for one in together:  # refuses a column with too many values before more is requested
            for column, values in one.values.columns.items():
                counting.encoders[column].encode(values, self._where)
        del together
        rows: list[int] = []
        for facet in roles.facet:
            columns = counting.columns_of(facet)
            aside = [one for one in columns if _is_set_aside(counting.encoders[one])]
            found = query.answer(columns, (facet,), MAX_CELLS + 1, aside)
            if sum(len(one.sizes[0]) for one in found) > MAX_CELLS:
                raise DataError(
                    f"facet {facet.name!r} and the other columns make more than "
                    f"{MAX_CELLS:,} groups; choose columns with fewer values"
                )
            rows.append(sum(one.rows for one in found))
            if rows[-1] != rows[0]:
                raise DataError(
                    f"{self._where} had {rows[0]:,} rows in one pass and {rows[-1]:,} in the next; "
                    "keep the rows first (cache or persist), or count one facet at a time"
                )
            yield from found if len(rows) == 1 else (one._replace(rows=0) for one in found)


def _is_set_aside(encoder: Encoder) -> bool:
    return isinstance(encoder, OptionalEncoder) and bool(encoder.reason)
