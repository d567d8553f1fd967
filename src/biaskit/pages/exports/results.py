"""Results: rows with what is told of them, as an Excel workbook of a sheet for each facet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from biaskit.pages.exports.workbook import Sheet, write_workbook
from biaskit.store.version import __version__

__all__ = ["Results", "write_results"]


class Results(NamedTuple):
    """Rows of a report or the like, and what is told of them."""

    #: What the rows are called.
    key: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    #: Lines that say what was read.
    before: Sequence[str] = ()
    #: Level of the intervals, if there are any.
    level: float | None = None
    #: Roles, as JSON has them.
    roles: Mapping[str, Any] = {}
    #: Sentences of what was found.
    summary: Sequence[str] = ()
    #: Sheets of the results, where they are several tables; else there is one for each facet.
    sheets: Sequence[Sheet] = ()


def write_results(path: str | os.PathLike[str], results: Results) -> None:
    """Write results to an Excel file: what is told of them, then a sheet for each facet.

    Raises
    ------
    DataError
        XlsxWriter is not installed, or the file cannot be written.
    """
    write_workbook(path, [*_facts(results)], results.sheets or _by_facet(results))


def _by_facet(results: Results) -> list[Sheet]:
    """A sheet for each facet, or one where there is none."""
    by_facet: dict[str, list[Sequence[Any]]] = {}
    place = results.columns.index("facet") if "facet" in results.columns else None
    for row in results.rows:
        by_facet.setdefault(results.key if place is None else row[place], []).append(row)
    sheets = [Sheet(name, results.columns, rows) for name, rows in by_facet.items()]
    return sheets or [Sheet(results.key, results.columns, ())]


def _facts(results: Results) -> Iterator[tuple[str, Any]]:
    """What the first sheet of a workbook says: what its tables are, and how to read them."""
    yield "biaskit", f"{results.key}, made by biaskit {__version__}"
    for place, line in enumerate(results.before):
        yield "" if place else "data", line
    if results.level is not None:
        yield "level of the intervals", results.level
    for name, value in results.roles.items():
        if value is not None:
            yield name.replace("_", " "), _said(value)
    for place, sentence in enumerate(results.summary):
        yield "" if place else "summary", sentence
    if any(value != value for row in results.rows for value in row):  # NaN
        yield (
            "empty cells",
            "numbers that are undefined, as a note says, or that a row does not have",
        )


def _said(value: Any) -> str:
    """Value of a role in plain JSON, as a reader of a table would write it."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
