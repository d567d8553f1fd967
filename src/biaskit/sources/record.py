"""Record of the files in saved counts and, if requested, the cells of each.

It is stored in the counts file, under keys that older versions ignore.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from biaskit.counts.counts import FORM, Counts, cells_and_header, from_cells
from biaskit.counts.roles import AXES
from biaskit.errors import DataError
from biaskit.store import blocks, saved
from biaskit.store.addresses import is_address, said

__all__ = ["Record", "Seen", "cells_of", "merged", "record_in", "save_with", "sum_of"]

#: A cell of counts, by the number of its table and its values as the counts file has them.
Cell: TypeAlias = "tuple[Any, ...]"
#: Rows in a cell; where rows are weighted, the sums of their weights and of the squares of those.
Amounts: TypeAlias = "tuple[Any, ...]"

_FILES, _CELLS = "biaskit.files", "biaskit.cells"
# Version 2 says how CSV files are written, for which version 1 has no place.
_SCHEMAS = (1, 2)
# Entries of a file's state in the record, besides its name and its cells.
_STATE = 3
_MAX_RECORD = 1 << 27
_CELL = ("table", *AXES)


class Seen(NamedTuple):
    """A file when it was counted, and how it was read; and its cells, where kept."""

    size: int
    changed: int | None
    #: How it was written, as `Dialect.text` says it.
    dialect: str = ""
    cells: Mapping[Cell, Amounts] | None = None


#: State of each counted file, by its full name.
Record: TypeAlias = "dict[str, Seen]"


def record_in(path: str | os.PathLike[str]) -> Record | None:
    """Record of the files in saved counts; None if they have no record, as those in a page.

    Raises
    ------
    DataError
        The file does not exist, or its record is damaged.
    """
    found = None if _is_page(path) else saved.extra(path, _FILES, _MAX_RECORD)
    if found is None:
        return None
    try:
        if found["schema"] not in _SCHEMAS:
            raise DataError(
                f"{said(path)} has a record of files of schema {found['schema']!r}; this version "
                f"reads schema {_SCHEMAS[-1]}: install a newer biaskit"
            )
        states = {name: state for name, *state in found["files"]}
        if any(len(state) != _STATE - 2 + found["schema"] for state in states.values()):
            raise ValueError("the state of a file has another form")
        record = {name: Seen(*state) for name, state in states.items()}
        kept = saved.extra(path, _CELLS, _MAX_RECORD)
        if kept is not None:
            return _with_cells(record, kept["cells"], kept["files"])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{said(path)} has a damaged record of its files; count again") from error
    return record


def save_with(record: Record | None, counts: Counts, path: str | os.PathLike[str]) -> None:
    """Write counts with the record of their files, if there is one.

    Raises
    ------
    DataError
        The file cannot be written, or its record would be too long to be read again.
    """
    if record is None:
        return counts.save(path)
    columns, header = cells_and_header(counts)
    in_dialects = any(seen.dialect for seen in record.values())
    kept = _STATE if in_dialects else _STATE - 1
    files = [[name, *seen[:kept]] for name, seen in record.items()]
    extra: dict[str, Any] = {_FILES: {"schema": _SCHEMAS[in_dialects], "files": files}}
    if any(seen.cells is not None for seen in record.values()):
        cells = _rows_of(columns, _CELL)
        place = {cell: i for i, cell in enumerate(cells)}
        extra[_CELLS] = {
            "cells": cells,
            "files": [
                None
                if seen.cells is None
                else [[place[cell], *amounts] for cell, amounts in seen.cells.items()]
                for seen in record.values()
            ],
        }
    if sum(len(json.dumps(told)) for told in extra.values()) > _MAX_RECORD:
        raise DataError(
            f"the record of {len(record):,} files is too long for {said(path)}; count fewer files "
            "into one, or leave out --replace"
        )
    return saved.save(path, FORM, columns, header, extra)


def merged(paths: Sequence[str | os.PathLike[str]]) -> tuple[Counts, Record | None]:
    """Sum of saved counts, and the record of their files; None where one of them has none.

    Raises
    ------
    DataError
        A file is in two of the counts, so that its rows would count twice.
    """
    parts = [_loaded(path) for path in paths]
    union: Record = {}
    for path, (_, record) in zip(paths, parts, strict=True):
        if both := next((name for name in record or () if name in union), None):
            raise DataError(
                f"the rows of {both!r} are in {said(path)} and in counts before it, so they "
                "would count twice"
            )
        union |= record or {}
    total = sum((counts for counts, _ in parts[1:]), parts[0][0])
    return total, None if any(record is None for _, record in parts) else union


def cells_of(counts: Counts) -> Mapping[Cell, Amounts]:
    """Cells of counts, as a record keeps them."""
    columns, _ = cells_and_header(counts)
    amounts = ("n",) if counts.roles.weight is None else ("n", "w", "w2")
    return dict(zip(_rows_of(columns, _CELL), _rows_of(columns, amounts), strict=True))


def _rows_of(columns: Mapping[str, Any], names: Sequence[str]) -> list[tuple[Any, ...]]:
    return [*zip(*(columns[name].tolist() for name in names), strict=True)]


def sum_of(parts: Iterable[Mapping[Cell, Amounts]], like: Counts) -> Counts:
    """Counts of the cells of several files, of the roles of other counts."""
    total: dict[Cell, Amounts] = {}
    for part in parts:
        for cell, amounts in part.items():
            before = total.get(cell, (0,) * len(amounts))
            total[cell] = tuple(a + b for a, b in zip(before, amounts, strict=True))
    tables, *axes = zip(*total, strict=True) if total else ((),) * len(_CELL)
    sums = [*zip(*total.values(), strict=True)] or [()]
    summed = sums if len(sums) == 3 else [sums[0], *(((math.nan,) * len(total),) * 2)]
    rows = sum(n for cell, (n, *_) in total.items() if cell[0] == 0)
    _, header = cells_and_header(Counts.empty(like.roles))
    try:
        numbers = zip(("n", "w", "w2"), summed, ("int64", "float64", "float64"), strict=True)
        columns = {
            "table": np.array(tables, "int64"),
            **{name: saved.texts_of(axis) for name, axis in zip(AXES, axes, strict=True)},
            **{name: np.array(values, kind) for name, values, kind in numbers},
        }
        return from_cells(columns, {**header, "rows": rows})
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"the record of the files is damaged: {error}; count again") from error


def _with_cells(record: Record, cells: Sequence[Any], files: Sequence[Any]) -> Record:
    """Record with the cells of its files; they are untrusted and checked."""
    named = [tuple(cell) for cell in cells]
    if len(files) != len(record) or any(len(cell) != len(_CELL) for cell in named):
        raise ValueError("the cells of the files are not those of the counts")
    made: Record = {}
    for (name, seen), kept in zip(record.items(), files, strict=True):
        its = None if kept is None else {named[i]: tuple(amounts) for i, *amounts in kept}
        for n, *weights in (its or {}).values():
            if type(n) is not int or n <= 0 or any(type(w) is not float for w in weights):
                raise ValueError("a cell of a file has no rows, or weights that are not numbers")
        made[name] = seen._replace(cells=its)
    return made


def _loaded(path: str | os.PathLike[str]) -> tuple[Counts, Record | None]:
    """Counts and their record from one version of a file, which others may replace."""
    while True:
        before = _version(path)
        found = Counts.load(path), record_in(path)
        if _version(path) == before:
            return found


def _is_page(path: str | os.PathLike[str]) -> bool:
    with saved.bytes_of(path) as source:
        return blocks.is_page(source.read(blocks.START), path)


def _version(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    if is_address(os.fspath(path)) or not Path(path).exists():
        return None
    there = Path(path).stat()
    return there.st_ino, there.st_mtime_ns
