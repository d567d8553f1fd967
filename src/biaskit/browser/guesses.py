"""Guesses: how a text file of rows seems to be written, to be shown and corrected."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from biaskit.counts.levels import typed
from biaskit.sources.files.dialect import Dialect
from biaskit.sources.files.endings import COMPRESSIONS, ending_of_bytes
from biaskit.sources.files.local import LocalBytes
from biaskit.sources.files.unpacking import unpacked

__all__ = ["guessed"]

# Bytes of the start, and of each of some pieces further on; rows that are compared.
_START, _PIECE, _PIECES, _ROWS = 1 << 17, 1 << 14, 32, 200
_SEPARATORS = (",", ";", "\t", "|")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WITH_COMMA = re.compile(r"-?\d+,\d+")
_WITHOUT = re.compile(r"-?\d*")


def guessed(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options by which a file of separated values seems to be written, where they are not default.

    What is `given` is believed, and the rest is guessed from the first rows; the encoding also from
    pieces all over the file.
    """
    file = LocalBytes(path)
    try:
        packing = COMPRESSIONS.get(ending_of_bytes(bytes(file.read(0, 4))), "")
        start = file.beginning()
        start = bytes((unpacked(start, packing) if packing else start).read(_START))
        pieces = [start]
        if not packing:
            pieces += (bytes(file.read(at, _PIECE)) for at in _spread(file.size))
    finally:
        file.close()
    encoding = given.get("encoding") or _encoding(pieces)
    text = start.decode(encoding, "replace").removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)
    if len(start) == _START and len(lines) > 1:
        lines.pop()  # cut
    found: dict[str, Any] = {"encoding": encoding}
    comment = given.get("comment") or _comment(lines)
    if comment:
        found["comment"] = comment
        lines = [line for line in lines if not line.startswith(comment)]
    named = Dialect().delimiter_of(path)
    delimiter = given.get("delimiter") or _delimiter(lines, named)
    if delimiter != named:
        found["delimiter"] = delimiter
    rows = [*_rows(lines, delimiter)]
    if delimiter != " " and _are_padded(rows):
        found["strip"] = True
        rows = [[cell.strip(" \t") for cell in row] for row in rows]
    if delimiter != "," and _has_comma_decimals(rows[1:]):
        found["decimal"] = ","
    if "columns" not in given and _begins_with_values(rows, found.get("decimal", ".")):
        found["header"] = False
    default = Dialect()
    # The encoding is told even where it is the usual one, so that there is something to correct.
    return {one: v for one, v in found.items() if one == "encoding" or v != getattr(default, one)}


def _spread(size: int) -> Iterator[int]:
    """Places of pieces after the start of a file."""
    step = max(_PIECE, (size - _START) // _PIECES)
    return iter(range(_START, max(_START, size - 1), step))


def _encoding(pieces: Sequence[bytes]) -> str:
    """Encoding of a text; one of bytes where it is not UTF-8."""
    for mark, name in _MARKS:
        if pieces[0].startswith(mark):
            return name
    if not all(map(_is_utf8, pieces)):
        try:
            for piece in pieces:
                piece.decode("cp1252")
        except UnicodeDecodeError:
            return "latin-1"
        return "cp1252"
    return "utf-8"


def _is_utf8(piece: bytes) -> bool:
    """Whether a piece of a text is UTF-8, but for letters that are cut at its ends."""
    inside = piece.lstrip(bytes(range(0x80, 0xC0))) if len(piece) > 3 else piece
    if len(piece) - len(inside) > 3:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(inside)
    except UnicodeDecodeError:
        return False
    return True


def _comment(lines: Sequence[str]) -> str:
    """Character that begins the first lines but not those after them."""
    first = lines[0][:1] if lines else ""
    begins = sum(line.startswith(first) for line in lines[:_ROWS])
    return first if first in ("#", "%") and begins < min(len(lines), _ROWS) else ""


def _delimiter(lines: Sequence[str], named: str) -> str:
    """Character that parts most rows into the same number of values, more than one."""

    def fits(delimiter: str) -> tuple[float, bool, int]:
        widths = Counter(len(row) for row in _rows(lines, delimiter))
        if not widths:
            return 0.0, delimiter == named, 0
        width, rows = widths.most_common(1)[0]
        share = rows / widths.total() if width > 1 else 0.0
        return round(share, 2), delimiter == named, width

    best = max((named, *_SEPARATORS), key=fits)
    return best if fits(best)[0] > 0 else named


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    """First rows that are not empty, as far as they can be read."""
    try:
        for row in csv.reader(lines[:_ROWS], delimiter=delimiter):
            if row:
                yield row
    except csv.Error:
        return


def _are_padded(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a blank stands beside most values that something precedes."""
    cells = [cell for row in rows for cell in row[1:] if cell.strip()]
    return bool(cells) and sum(cell != cell.strip(" \t") for cell in cells) > len(cells) / 2


def _has_comma_decimals(rows: Sequence[Sequence[str]]) -> bool:
    """Whether all values of some column are numbers, and some of them have a comma."""
    for cells in zip(*rows, strict=False):
        known = [cell.strip() for cell in cells if cell.strip()]
        if any(map(_WITH_COMMA.fullmatch, known)) and all(
            _WITH_COMMA.fullmatch(cell) or _WITHOUT.fullmatch(cell) for cell in known
        ):
            return True
    return False


def _begins_with_values(rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Whether the first row has numbers where the rows below have some, and no name twice."""
    if len(rows) < 2:
        return False

    def is_number(cell: str) -> bool:
        cell = cell.strip()
        cell = cell.replace(",", ".") if decimal == "," else cell
        return bool(cell) and not isinstance(typed([cell])[0], str)

    pairs = zip(rows[0], rows[1], strict=False)
    return any(is_number(first) and is_number(below) for first, below in pairs)
