"""CSV files of a job, whose first row is told from the data by rules that are said."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biaskit.clarify.tables.columns import NA_VALUES
from biaskit.clarify.tables.read import Read, files_of_type
from biaskit.errors import DataError, RolesError, listed
from biaskit.sources.dispatch import source_of
from biaskit.sources.files.dialect import Dialect
from biaskit.sources.files.finding import files_of
from biaskit.sources.files.turns import looked_into
from biaskit.sources.text.texts import OpenText
from biaskit.store.addresses import said

__all__ = ["csv_read"]

# Rows by which a header is told from data.
_ROWS = 1_000


def csv_read(data: Any, headers: list[str] | None, mentioned: Sequence[str]) -> Read:
    """CSV files, whose first row is told from the data by rules that are said."""
    files = files_of_type(data, "text/csv")
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
    notes = []
    if headers is not None:
        names = headers
    elif has_header:
        names = _as_pandas_names(rows[0])
        if changed := [
            f"{own!r} is {name!r}" for own, name in zip(rows[0], names, strict=True) if own != name
        ]:
            notes = [
                f"columns without a name of their own are named as by pandas: {listed(changed)}"
            ]
    else:
        names = [f"column_{place}" for place in range(width)]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1 or not name]:
        raise RolesError(
            f"the headers {listed(twice)} occur twice or are empty; give each column its own"
        )
    dialect = Dialect(columns=tuple(names), header=has_header, na_values=NA_VALUES)
    first = "has the columns' names" if has_header else "is data"
    return Read(
        source_of(files, dialect=dialect),
        names,
        files=len(files),
        notes=[*notes, f"{Path(files[0]).name}: the first row {first}, since {why}"],
    )


def _first_rows(file: str) -> list[list[str]]:
    """First rows of a CSV file, empty ones left out."""
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


def _as_pandas_names(first: Sequence[str]) -> list[str]:
    """Names of columns whose header is empty or occurs twice, as pandas makes them.

    >>> _as_pandas_names(["a", "", "a", "a.1", "a"])
    ['a', 'Unnamed: 1', 'a.2', 'a.1', 'a.3']
    """
    names: list[str] = []
    taken = {*first}
    for place, own in enumerate(first):
        name = own or f"Unnamed: {place}"
        number = 0
        while name in names or (number and name in taken):
            number += 1
            name = f"{own or f'Unnamed: {place}'}.{number}"
        names.append(name)
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
