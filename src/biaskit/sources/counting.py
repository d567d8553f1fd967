"""Sources: from any table to `Counts`, in one pass over its rows."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import ABSENT, MISSING, Level, level
from biaskit.counts.roles import RoleArguments, Roles, roles_of, takes_roles
from biaskit.counts.tables import (
    MAX_CELLS,
    Table,
    refuse_large,
    refuse_many_rows,
    too_many_cells,
)
from biaskit.errors import DataError, RolesError
from biaskit.sources.batches import Batch, Source, refuse_missing_columns
from biaskit.sources.encode import Encoder
from biaskit.sources.engines import EngineFrame, Groups, engine_source
from biaskit.sources.files.finding import column_paths, expanded, file_source, files_of
from biaskit.sources.files.places import File, RemoteFile
from biaskit.sources.frames import frame_source
from biaskit.sources.parquet.choice import kernels_choice
from biaskit.sources.parquet.encoded import Cells
from biaskit.sources.parquet.source import ColumnPath, ParquetFiles
from biaskit.sources.record import merged, save_with
from biaskit.sources.repeats import counted_rows
from biaskit.sources.resume import Resumed, count_files
from biaskit.sources.sample import Sample
from biaskit.store import saved
from biaskit.store.addresses import is_address, said

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = [
    "ColumnPath",
    "Progress",
    "combinations",
    "count",
    "count_resumed",
    "count_roles",
    "expanded",
    "kernels_choice",
    "merged",
    "paths_of",
    "refuse_unfit",
    "save_with",
    "saved_counts",
    "source_of",
]

# Smaller batches are encoded sooner than threads have started.
_WORTH_THREADS = 50_000

#: Called after each batch with the rows counted so far and the share of the source, if it is known.
Progress: TypeAlias = "Callable[[int, float | None], None]"


@takes_roles
def count(
    data: Any,
    roles: Roles | None = None,
    *,
    filesystem: Any = None,
    **given: Unpack[RoleArguments],
) -> Counts:
    """Counts of the rows of any table, read once and in pieces.

    Parameters
    ----------
    data
        A path, a glob, a folder or a list of them (Parquet, CSV, TSV or JSON Lines, the texts also
        compressed), local or an address such as ``s3://bucket/key``; a pandas or polars frame; a
        pyarrow table, reader or dataset; anything that speaks Arrow's stream protocol; a frame of
        PySpark, DuckDB, Ibis, Dask, SQLFrame, Modin or polars lazy, which groups its own rows.
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
facet_values, facet_above, facet_edges, features
        The roles of the columns, as `Roles` takes them. `features` are not counted: counts have no
        rows. They are accepted so that the same roles serve `biaskit.report` as well.
    filesystem
        Filesystem of pyarrow or fsspec on which the paths lie.

    Returns
    -------
    Counts
        Counts of every row; missing values are a level of their own.

    Raises
    ------
    RolesError
        The roles contradict each other.
    DataError
        The data cannot be read, or a column is not what its role needs.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "F", "M", "M"], "hired": [0, 1, 1, 1]})
    >>> biaskit.count(df, facet="sex", label="hired").rows
    4
    >>> cells = pd.DataFrame({"sex": ["F", "M"], "hired": [0, 1], "people": [40, 60]})
    >>> biaskit.count(cells, facet="sex", label="hired", frequency="people").rows
    100
    """
    return count_roles(data, roles_of(roles, given), filesystem=filesystem)


def count_roles(
    data: Any,
    roles: Roles,
    progress: Progress | None = None,
    sample: Sample | None = None,
    filesystem: Any = None,
) -> Counts:
    """Counts of the rows of any table, for roles already made; a sample is filled in the same pass.

    The counts have no features; their roles name those that the sample has.
    """
    encoders = _encoders(roles)
    source = source_of(data, filesystem)
    by_column = roles.columns()
    tallies = {facet: _Histogram(roles, facet, encoders) for facet in roles.facet}
    read = [*by_column] if sample is None else [*by_column, *sample.start(source, encoders)]
    rows = 0
    parts: Iterable[Batch | Cells | Groups]
    if isinstance(source, ParquetFiles) and sample is None:
        parts = source.parts(read, roles, encoders)
    elif isinstance(source, EngineFrame) and sample is None:
        parts = source.groups(roles, encoders)
    else:
        parts = source.batches(read, roles.numeric)
    with _Columns(encoders) as encode:
        for part in counted_rows(parts, roles):
            if isinstance(part, Groups):
                codes = encode(part.values)
                for facet in part.facets:
                    tallies[facet].add_groups(codes, part.sizes)
            elif isinstance(part, Cells):
                for facet, tally in tallies.items():
                    tally.add_cells(part.codes, part.counts[facet], *part.sums.get(facet, ()))
            elif part.rows:
                codes = encode(part.batch)
                for tally in tallies.values():
                    tally.add(codes, part.weight, part.times)
                if sample is not None:
                    part.keep(sample, codes, rows)
            rows += part.rows
            refuse_many_rows(rows)
            if progress is not None:
                progress(rows, None if isinstance(part, Groups) else part.done)
    tables = {facet: tally.table() for facet, tally in tallies.items()}
    for facet, table in tables.items():
        refuse_large(table.levels, facet.name)
    if sample is not None:
        sample.finish()
    kept = roles.replaced(features=None) if sample is None else roles
    return Counts(kept, tables, rows)


def count_resumed(
    paths: Sequence[str | os.PathLike[str]],
    roles: Roles,
    output: str | os.PathLike[str],
    progress: Progress | None = None,
    *,
    by_file: bool = False,
) -> Resumed:
    """Counts of files, written to `output` with a record of the files: those are not read again.

    With `by_file`, each file's own counts are kept too, so that one that has changed since is
    counted anew.

    Raises
    ------
    DataError
        A file cannot be read, or has changed since it was counted.
    """

    def count(file: File) -> Counts:
        return count_roles([file], roles)

    return count_files(paths, roles, output, count, progress, by_file=by_file)


def paths_of(paths: Sequence[str | os.PathLike[str]], roles: Roles) -> list[ColumnPath]:
    """How each column would be read if the rows of some files were counted, and why so."""
    return list(column_paths(paths, roles, _encoders(roles)))


def refuse_unfit(path: str | os.PathLike[str], roles: Roles) -> None:
    """Refuse files that lack a column that roles name, from their footers and headers alone.

    Raises
    ------
    DataError
        A file is missing, cannot be read or lacks a column.
    """
    for file in files_of([path]):
        refuse_missing_columns(roles.columns(), file_source([file]).names(), str(file))


def saved_counts(data: Any) -> Counts | None:
    """Counts that `data` is, or is the path of a file of; None for a table of rows."""
    if isinstance(data, Counts):
        return data
    if isinstance(data, (str, os.PathLike)) and _may_be_counts(os.fspath(data)):
        return None if saved.header(data) is None else Counts.load(data)
    return None


def _may_be_counts(path: str) -> bool:
    if is_address(path):  # to look into every file far away would take requests
        return path.partition("?")[0].endswith(".counts")
    try:
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError as error:
        raise DataError(f"cannot read {said(path)}: {error.strerror}") from error


def _encoders(roles: Roles) -> dict[str, Encoder]:
    """Encoder of each column that is counted."""
    if not roles.facet:
        raise RolesError("facet is needed: the column whose values may be favoured or not")
    return {
        column: Encoder(column, role, roles.bins(column), roles.cuts.get(column, ()))
        for column, role in roles.counted_columns().items()
    }


class _Columns:
    """Codes of a batch's columns, several columns at a time where the batch is large.

    Each column has an encoder of its own, so which column is done first changes nothing.
    """

    def __init__(self, encoders: Mapping[str, Encoder]):
        self._encoders = encoders
        self._pool: Executor | None = None

    def __enter__(self) -> _Columns:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def __call__(self, batch: Batch) -> dict[str, NDArray[np.intp]]:
        if self._pool is None and batch.rows >= _WORTH_THREADS and len(self._encoders) > 1:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(os.cpu_count())
        run = map if self._pool is None else self._pool.map
        columns = [column for column in self._encoders if column in batch.columns]
        codes = run(lambda column: self._encoders[column].codes(batch), columns)
        return dict(zip(columns, codes, strict=True))


class _Histogram:
    """Counts of one facet that grow batch by batch, an axis for each column that takes part."""

    def __init__(self, roles: Roles, facet: Facet, encoders: Mapping[str, Encoder]):
        #: Encoders of the columns of each axis of the table.
        self._of_axis = [[encoders[c] for c in axis.columns] for axis in roles.axes(facet)]
        self._weight = roles.weight
        self._axes = [encoder for axis in self._of_axis for encoder in axis]
        count_types: list[type] = [np.int64]
        if roles.weight is not None:
            count_types += [np.float64, np.float64]
        empty = [0 for _ in self._axes]
        self._arrays: list[NDArray[Any]] = [np.zeros(empty, dtype=one) for one in count_types]

    def add(
        self,
        codes: Mapping[str, NDArray[np.intp]],
        weight: NDArray[np.float64] | None,
        times: NDArray[np.int64] | None,
    ) -> None:
        """Add rows: the codes of each column, the weights, and how often each row counts."""
        shape = self._shape()
        flat = codes[self._axes[0].column]
        for encoder in self._axes[1:]:
            flat = flat * encoder.size
            flat += codes[encoder.column]
        cells = int(np.prod(shape))
        amounts: list[NDArray[Any] | None] = [times]
        if weight is not None:
            with np.errstate(over="ignore"):
                of_one = (weight, weight * weight)
                amounts += of_one if times is None else [times * one for one in of_one]
        for i, amount in enumerate(amounts):
            sums = _sums(flat, amount, cells).reshape(shape)
            corner = tuple(slice(0, size) for size in self._arrays[i].shape)
            sums[corner] += self._arrays[i]
            self._arrays[i] = sums

    def add_cells(
        self,
        codes: Mapping[str, NDArray[np.intp]],
        counts: NDArray[np.int64],
        *sums: NDArray[np.float64],
    ) -> None:
        """Add rows already counted: an axis for each column, and the codes of its places.

        `sums` are those of the weights and of their squares, where there are any.
        """
        used = counts.nonzero()
        by_axis = [codes[e.column][i] for e, i in zip(self._axes, used, strict=True)]
        shape = self._shape()
        for i, amounts in enumerate((counts, *sums)):
            if list(self._arrays[i].shape) != shape:
                self._arrays[i] = self._full(self._arrays[i])
            np.add.at(self._arrays[i], tuple(by_axis), amounts[used])

    def add_groups(
        self, codes: Mapping[str, NDArray[np.intp]], sizes: Sequence[NDArray[Any]]
    ) -> None:
        """Add rows already grouped: the codes of each group, its rows and its weights."""
        self._shape()
        where = tuple(codes[encoder.column] for encoder in self._axes)
        for i, size in enumerate(sizes):
            self._arrays[i] = self._full(self._arrays[i])
            np.add.at(self._arrays[i], where, size)

    def _shape(self) -> list[int]:
        shape = [encoder.size for encoder in self._axes]
        if math.prod(shape) > MAX_CELLS:
            raise DataError(too_many_cells(shape))
        return shape

    def table(self) -> Table:
        """Table of what was counted, in canonical form."""
        levels = [
            combinations([encoder.levels() for encoder in axis]) if axis else (ABSENT,)
            for axis in self._of_axis
        ]
        shape = [len(axis) for axis in levels]
        keep = {bin_ for e in self._axes for bin_ in e.keep}
        if not all(np.isfinite(array).all() for array in self._arrays):
            raise DataError(
                f"weight {self._weight!r} has sums of squares that are beyond what a float holds; "
                "make the weights smaller"
            )
        arrays = [self._full(array).reshape(shape) for array in self._arrays]
        return Table.of(levels, arrays, keep)

    def _full(self, array: NDArray[Any]) -> NDArray[Any]:
        """Array with a place for every code, also for those that no batch had rows of."""
        made = np.zeros([encoder.size for encoder in self._axes], dtype=array.dtype)
        made[tuple(slice(0, size) for size in array.shape)] = array
        return made


def _sums(
    codes: NDArray[np.intp], amounts: NDArray[Any] | None, cells: int
) -> NDArray[np.int64] | NDArray[np.float64]:
    """Sum of the amounts of each code, or number of its places where there are no amounts."""
    if amounts is None or amounts.dtype.kind == "f":
        return np.bincount(codes, amounts, minlength=cells)
    sums = np.zeros(cells, dtype=amounts.dtype)
    np.add.at(sums, codes, amounts)
    return sums


def source_of(data: Any, filesystem: Any = None) -> Source:
    """Source of the rows of any table that biaskit reads.

    Raises
    ------
    DataError
        The data are no such table.
    RolesError
        A filesystem is given for what are no paths.
    """
    if isinstance(data, (str, os.PathLike, RemoteFile)):
        return file_source([data], filesystem)
    paths = (str, os.PathLike, RemoteFile)
    if isinstance(data, (list, tuple)) and all(isinstance(p, paths) for p in data):
        return file_source(data, filesystem)
    if filesystem is not None:
        raise RolesError(
            f"filesystem is where paths lead, and data is a {type(data).__name__}; leave it out"
        )
    source: Source | None = engine_source(data) or frame_source(data)
    if source is None:
        raise DataError(
            f"a {type(data).__module__}.{type(data).__qualname__} is no table that biaskit reads; "
            "give a path, a pandas or polars frame, or anything with __arrow_c_stream__"
        )
    return source


def combinations(levels: list[tuple[Level, ...]]) -> tuple[Level, ...]:
    """Levels of an intersection in the order of its cells; one with a missing part is missing."""
    if len(levels) == 1:
        return levels[0]
    made: list[tuple[Level, ...]] = [()]
    for axis in levels:
        made = [(*before, value) for before in made for value in axis]
    return tuple(MISSING if MISSING in combination else level(combination) for combination in made)
