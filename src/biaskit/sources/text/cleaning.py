"""Cleaning: the bytes of a CSV file in any dialect as plain CSV in UTF-8, in bounded memory."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from biaskit.errors import DataError
from biaskit.sources.files.dialect import Dialect, option

__all__ = ["cleaned"]

# Bytes that are read at a time, and most characters of a line.
_BLOCK = 1 << 18
_LINE = 1 << 23
# What stands in quotes, if each mark that is not doubled begins or ends such a cell.
_CELLS = re.compile(r'("(?:[^"]++|"")*+"?)')


def cleaned(
    stream: Any, dialect: Dialect, delimiter: str, where: str, block: int = _BLOCK
) -> io.BufferedReader:
    """Stream of plain CSV in UTF-8: without comments, and without blanks if they are dropped.

    Each line of the file stays a line, so that errors name the right one: a comment becomes an
    empty line, which is no row.

    Parameters
    ----------
    stream
        Bytes of the file, decompressed.
    dialect, delimiter
        How the file is written, and the character between its values.
    where
        Name of the file, for errors.
    block
        Bytes that are read at a time.
    """
    texts = _decoded(stream, dialect.encoding, where, block)
    if dialect.strip or dialect.comment is not None:
        texts = _tidied(_lines(texts, where), dialect, delimiter)
    return io.BufferedReader(_Pieces(stream, texts), _BLOCK)


class _Pieces(io.RawIOBase):
    """Texts as a stream of bytes; invalid UTF-8 in the file is the same bytes again."""

    def __init__(self, stream: Any, texts: Iterator[str]):
        self._stream = stream  # kept, since it closes the file when collected
        self._texts = texts
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, place: Any) -> int:
        while not self._left:
            text = next(self._texts, None)
            if text is None:
                return 0
            self._left = memoryview(text.encode("utf-8", "surrogateescape"))
        length = min(len(place), len(self._left))
        place[:length] = self._left[:length]
        self._left = self._left[length:]
        return length


def _decoded(stream: Any, encoding: str, where: str, block: int) -> Iterator[str]:
    """Texts of blocks of bytes, without a mark of the byte order in front.

    Invalid UTF-8 is kept, since it matters only in the columns that are read.
    """
    errors = "surrogateescape" if encoding == "utf-8" else "strict"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    line, is_first, is_last = 1, True, False
    while not is_last:
        data = stream.read(block)
        is_last = not data
        before = decoder.getstate()
        try:
            text = decoder.decode(data, is_last)
        except UnicodeDecodeError as error:
            decoder.setstate(before)
            pending = len(error.object) - len(data)
            sound = decoder.decode(data[: max(0, error.start - pending)])
            wrong = error.object[error.start : error.start + 1].hex()
            raise DataError(
                f"{where}, line {line + sound.count(chr(10)):,}: the byte 0x{wrong} is not "
                f"{encoding}; give the encoding of the file, such as {option('encoding', 'cp1252')}"
            ) from None
        if is_first and text:
            text, is_first = text.removeprefix("\ufeff"), False
        line += text.count("\n")
        if text:
            yield text


def _lines(texts: Iterator[str], where: str) -> Iterator[str]:
    """Whole lines, many at a time."""
    rest = ""
    for text in texts:
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        if end:
            yield rest + text[:end]
            rest = text[end:]
        else:
            rest += text
        if len(rest) > _LINE:
            raise DataError(
                f"{where} has a line of more than {_LINE:,} characters; it must have one row per "
                "line"
            )
    if rest:
        yield rest


def _tidied(lines: Iterator[str], dialect: Dialect, delimiter: str) -> Iterator[str]:
    """Lines without comments and blanks around values, quoted cells as they are."""
    dropped, quoted = _dropped(dialect, delimiter), _quoted(delimiter)
    special = ('"',) if dialect.comment is None else ('"', dialect.comment)
    is_open = False
    for text in lines:
        if not is_open and not any(one in text for one in special):  # as most lines are
            yield _stripped(text, delimiter) if dialect.strip else text
            continue
        # A cell that is still open goes on as if its quotation mark stood here.
        text = f'"{text}' if is_open else text
        was_open = is_open
        made, is_open = _plainly_quoted(text, dialect, delimiter)
        if made is None:
            made = dropped.sub(r"\1", text)
            for cell in quoted.finditer(made):
                is_open = not cell["end"]
        yield made[was_open:]


def _plainly_quoted(text: str, dialect: Dialect, delimiter: str) -> tuple[str | None, bool]:
    r"""Lines without blanks around values, as most are that have quotes, and whether one is open.

    None where a quotation mark stands inside a value, or what may be a comment outside of one. What
    is between the quoted cells is tidied at once, with a mark in the place of each.

    >>> _plainly_quoted(' a , " b ""x"" " \n "c\n', Dialect(strip=True), ",")
    ('a," b ""x"" "\n"c\n', True)
    >>> _plainly_quoted('5" pipe,"x"\n', Dialect(strip=True), ",")
    (None, False)
    """
    pieces = _CELLS.split(text)
    between = '"'.join(pieces[::2])
    if dialect.comment is not None and dialect.comment in between:
        return None, False
    if dialect.strip:
        between = _stripped(between, delimiter)
    starts = sum(between.count(f'{one}"') for one in f"{delimiter}\n\r")
    if starts + between.startswith('"') != len(pieces) // 2:
        return None, False
    is_open = len(pieces) > 1 and pieces[-2].count('"') % 2 == 1
    pieces[::2] = between.split('"')
    return "".join(pieces), is_open


def _stripped(text: str, delimiter: str) -> str:
    r"""Lines without blanks around values, none of which is quoted.

    >>> _stripped(" a , b c\t\r\n,  ,", ","), _stripped("  a   b  \n c", " ")
    ('a,b c\r\n,,', 'a b\nc')
    """
    data = np.frombuffer(text.encode("utf-8", "surrogateescape"), np.uint8)
    blanks = np.frombuffer(_blanks(delimiter).encode(), np.uint8)
    at = np.flatnonzero(np.logical_or.reduce([data == blank for blank in blanks]))
    if not len(at):
        return text
    is_first = np.diff(at, prepend=-2) != 1
    starts = at[is_first]
    lengths = np.diff(np.flatnonzero(is_first), append=len(at))
    is_edge = np.zeros(256, bool)
    is_edge[[*f"{delimiter}\n\r".encode()]] = True
    is_edge[blanks] = False  # as one that separates is
    # Around the text, as around every value, blanks are dropped.
    framed = np.concatenate([[True], is_edge[data], [True]])
    dropped = np.repeat(framed[starts] | framed[starts + lengths + 1], lengths)
    if delimiter == " ":
        dropped |= ~is_first
    keep = np.ones(len(data), bool)
    keep[at[dropped]] = False
    return data[keep].tobytes().decode("utf-8", "surrogateescape")


def _blanks(delimiter: str) -> str:
    """Characters that are blanks: a tab that separates is none."""
    return " " if delimiter in " \t" else " \t"


def _quoted(delimiter: str) -> re.Pattern[str]:
    r"""Quoted cell, or the rest of the text if it is not closed there.

    >>> [(one[0], one["end"]) for one in _quoted(",").finditer('a"b,"c,""d",e\n"f\n')]
    [('"c,""d"', '"'), ('"f\n', '')]
    """
    return re.compile(rf'(?:\A|(?<=[{re.escape(delimiter)}\r\n]))"(?:[^"]++|"")*+(?P<end>"?)')


def _dropped(dialect: Dialect, delimiter: str) -> re.Pattern[str]:
    r"""What is replaced by its first group: quoted cells are kept, all else is dropped.

    >>> _dropped(Dialect(strip=True, comment="#"), ",").sub(r"\1", ' a , " b #" \n# c\n  d  e\n')
    'a," b #"\n\nd  e\n'
    >>> _dropped(Dialect(strip=True), " ").sub(r"\1", "  a   b  \n")
    'a b\n'
    """
    separator = re.escape(delimiter)
    cell, line = rf"(?:\A|(?<=[{separator}\r\n]))", r"(?:\A|(?<=[\r\n]))"
    blank = f"[{_blanks(delimiter)}]"  # of blanks that separate, the first is left
    before = rf"{blank}*+" if dialect.strip else ""
    kinds = [rf'{cell}{before}("(?:[^"]++|"")*+"?)']
    if dialect.comment is not None:
        kinds.insert(0, rf"{line}{before}{re.escape(dialect.comment)}[^\r\n]*+")
    if dialect.strip:
        kinds += [rf"{cell}{blank}++", rf"(?<!{blank}){blank}++(?=[{separator}\r\n]|\Z)"]
    return re.compile("|".join(kinds))
