"""Faults of text files, in words: cells that do not fit, and quotes that never end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from biaskit.errors import DataError
from biaskit.sources.files.dialect import option

__all__ = ["instead_of_names", "line_of_open_quote", "unfit_cell"]

# How pyarrow says that a cell is not what its column must be; it has no other form of this.
_UNFIT = re.compile(
    r"In CSV column #(?P<column>\d+): CSV conversion error to \S+ "
    r"(?:invalid UTF8 data|invalid value '(?P<value>.*)')",
    re.DOTALL,
)


def unfit_cell(
    error: Exception, names: Sequence[str], where: str, decimal: str
) -> DataError | None:
    """Error of a cell that does not fit its column, from pyarrow's; None for another error.

    `names` are all columns of the file, and `decimal` the mark in its numbers.
    """
    found = _UNFIT.search(str(error))
    if found is None:
        return None
    column = names[int(found["column"])]
    if found["value"] is None:
        return DataError(
            f"{where}: column {column!r} holds text that is not UTF-8; give the encoding of the "
            f"file, such as {option('encoding', 'latin-1')}"
        )
    other, name = (",", "comma") if decimal == "." else (".", "point")
    whole, mark, fraction = found["value"].strip().lstrip("+-").partition(other)
    if mark and (whole + fraction).isdecimal():
        right = f"give {option('decimal', ',')}" if decimal == "." else "write a comma"
        what = f"if that is a decimal {name}, {right}"
    else:
        what = f"choose another column, or write numbers such as 31500{decimal}5"
    return DataError(
        f"{where}: column {column!r} must be numbers to be cut or summed, but it holds "
        f"{found['value'][:60]!r}; {what}"
    )


def instead_of_names(cells: Sequence[str]) -> str:
    """What a first row looks like instead of names, to append to a message; mostly nothing.

    >>> instead_of_names(["sex;y"])
    "; that looks like columns separated by ';': give csv={'delimiter': ';'}"
    >>> instead_of_names(["sex", "y"])
    ''
    """
    first = cells[0] if len(cells) == 1 else ""
    if first.startswith(("#", "%")):
        reads = option("comment", first[0])
        return f"; that looks like a comment: give {reads}, or remove the lines before the names"
    if separator := next((one for one in ";\t|, " if one in first.strip()), ""):
        return (
            f"; that looks like columns separated by {separator!r}: give "
            f"{option('delimiter', separator)}"
        )
    numbers = (cell for cell in cells if cell.strip().replace(".", "", 1).isdecimal())
    if number := next(numbers, ""):
        return (
            f"; {number!r} looks like a value: if the file has no header, give the names of its "
            f"columns, {option('columns', 'a,b,c')}"
        )
    if any(cell != cell.strip(" \t") for cell in cells):
        return f"; names begin or end with a blank: give {option('strip', True)} to drop it"
    return ""


def line_of_open_quote(lines: Iterable[str], delimiter: str) -> int:
    r"""Number of the line with a quotation mark that is never closed, or 0.

    Only a mark at the start of a cell opens it, and a doubled one does not close it, as in pyarrow.

    >>> line_of_open_quote(['a,b\n', '1,"two\n', 'lines"\n', '5" pipe,"x\n', '2,y\n'], ",")
    4
    """
    opening = re.compile(rf'(?:^|{re.escape(delimiter)})"')
    closing = re.compile(r'(?:[^"]++|"")*+"')
    began = 0
    for number, line in enumerate(lines, 1):
        at = 0
        while found := closing.match(line, at) if began else opening.search(line, at):
            began, at = 0 if began else number, found.end()
    return began
