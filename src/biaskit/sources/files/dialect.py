"""Dialect: how a CSV file is written, where that is not as its name says."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from biaskit.errors import RolesError, did_you_mean, in_short, listed

__all__ = ["OPTIONS", "Dialect", "Option", "dialect_of", "flags_of", "option"]

#: What an option takes: a text, several texts, ``True``, or ``True`` and ``False``.
Option: TypeAlias = Literal["text", "texts", "true", "true or false"]

# Encodings whose bytes mean something else after others, or that stand for no file's text.
_STATEFUL = ("hz", "idna", "iso2022", "mbcs", "oem", "punycode", "utf-7")
_ESCAPES = ("unicode-escape", "raw-unicode-escape")


def option(name: str, value: Any) -> str:
    """An option as a message names it; the command line makes a flag of it.

    >>> option("delimiter", ";")
    "csv={'delimiter': ';'}"
    """
    return f"csv={{{name!r}: {value!r}}}"


def _option(takes: Option, help_: str, default: Any = None) -> Any:
    return field(default=default, metadata={"takes": takes, "help": help_})


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a CSV file is written; its default is what `biaskit.count` reads without `csv`.

    Raises
    ------
    RolesError
        An option is not what it must be, or two options contradict each other.

    Examples
    --------
    >>> Dialect(delimiter=";", decimal=",", encoding="latin1").encoding
    'iso8859-1'
    >>> Dialect(columns="age,sex").has_header
    False
    """

    delimiter: str | None = _option(
        "text", "character between values (default: a comma; in a .tsv a tab)"
    )
    header: bool | None = _option(
        "true or false",
        "whether the first row has the names of the columns (default: yes, unless "
        "--columns names them); without names, they are 0, 1, 2 ...",
    )
    columns: tuple[str, ...] | None = _option(
        "texts", "names of all columns, in their order (a,b,c)"
    )
    encoding: str = _option("text", "encoding, such as latin-1 or utf-16 (default: utf-8)", "utf-8")
    comment: str | None = _option("text", "character that begins lines to be left out, such as '#'")
    decimal: str = _option("text", "decimal mark of numbers, '.' or ',' (default: '.')", ".")
    strip: bool = _option(
        "true",
        "drop blanks around values that are not quoted; with --delimiter ' ', several "
        "blanks separate once",
        False,
    )
    na_values: tuple[str, ...] = _option(
        "texts", "values that are missing, besides the empty cell (?,NA)", ()
    )

    def __post_init__(self) -> None:
        _refuse_characters(self.delimiter, self.comment, self.decimal)
        for name in ("header", "strip"):
            value = getattr(self, name)
            if not isinstance(value, bool) and (value is not None or name == "strip"):
                raise RolesError(f"{option(name, value)}: give True or False")
        kept = {
            "columns": None if self.columns is None else _columns(self.columns),
            "encoding": _encoding(self.encoding),
            "na_values": tuple(sorted({*_texts("na_values", self.na_values)})),
        }
        for name, value in kept.items():
            object.__setattr__(self, name, value)

    @property
    def has_header(self) -> bool:
        """Whether the first row has names, which `columns` may replace."""
        return self.columns is None if self.header is None else self.header

    @property
    def is_cleaned(self) -> bool:
        """Whether the bytes are made plain CSV in UTF-8 before they are parsed."""
        return self.strip or self.comment is not None or self.encoding != "utf-8"

    def delimiter_of(self, path: Any) -> str:
        """Character between the values of a file."""
        named = "\t" if ".tsv" in path.suffixes else ","
        return named if self.delimiter is None else self.delimiter

    def given(self) -> dict[str, Any]:
        """Options that are not as by default; they make this dialect, and JSON holds them."""
        values = {one.name: (getattr(self, one.name), one.default) for one in fields(self)}
        return {
            name: [*value] if isinstance(value, tuple) else value
            for name, (value, default) in values.items()
            if value != default
        }

    @property
    def text(self) -> str:
        """The options as a text, equal for equal dialects; empty for the default."""
        given = self.given()
        return json.dumps(given, sort_keys=True) if given else ""

    def refused(self, why: str) -> RolesError:
        """Error for data that have no dialect."""
        name, value = next(iter(self.given().items()), ("header", True))
        return RolesError(f"{option(name, value)} is for CSV files, but {why}; leave it out")


#: What each option takes, and its help text.
OPTIONS: Mapping[str, tuple[Option, str]] = {
    one.name: (one.metadata["takes"], one.metadata["help"]) for one in fields(Dialect)
}


def dialect_of(given: Mapping[str, Any] | Dialect | None) -> Dialect | None:
    """Dialect of a call, from its options; None where it has none.

    Raises
    ------
    RolesError
        An option is unknown or invalid.

    Examples
    --------
    >>> dialect_of({"strip": True}).strip, dialect_of({}), dialect_of(None)
    (True, None, None)
    """
    if given is None or isinstance(given, Dialect):
        return given
    if not isinstance(given, Mapping):
        raise RolesError(
            f"csv takes options such as csv={{'delimiter': ';'}}, not {in_short(given)}"
        )
    for name in given:
        if name not in OPTIONS:
            raise RolesError(f"csv has no option {name!r}; {did_you_mean(str(name), OPTIONS)}")
    return Dialect(**given) if given else None


def flags_of(given: Mapping[str, Any]) -> list[str]:
    r"""Flags of the command line that stand for options.

    >>> flags_of({"columns": ["a", "b,c"], "header": False, "strip": True, "delimiter": "\t"})
    ['--columns', 'a,"b,c"', '--no-header', '--strip', '--delimiter', '\\t']
    """
    flags: list[str] = []
    for name, value in given.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
            continue
        if not isinstance(value, str):
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow(value)
            value = line.getvalue()
        value = value.replace("\t", "\\t") if name == "delimiter" else value
        flags += [f"--{flag}={value}"] if value.startswith("-") else [f"--{flag}", value]
    return flags


def _refuse_characters(delimiter: Any, comment: Any, decimal: Any) -> None:
    for name, value in {"delimiter": delimiter, "comment": comment}.items():
        if value is None:
            continue
        if not isinstance(value, str) or len(value) != 1 or value in '"\r\n\0':
            raise RolesError(
                f"{option(name, value)}: give one character, but no quotation mark or line end"
            )
    if delimiter is not None and not delimiter.isascii():
        raise RolesError(f"{option('delimiter', delimiter)}: give an ASCII character")
    if comment is not None and comment in " \t":
        raise RolesError(f"{option('comment', comment)}: a blank begins values, not comments")
    if decimal not in (".", ","):
        raise RolesError(f"{option('decimal', decimal)}: give '.' or ','")
    if comment is not None and comment in (delimiter, decimal):
        other = "delimiter" if comment == delimiter else "decimal"
        raise RolesError(f"{option('comment', comment)} is the {other} too; they must differ")
    if delimiter == decimal:
        raise RolesError(f"{option('decimal', decimal)} is the delimiter too; they must differ")


def _columns(given: Any) -> tuple[str, ...]:
    names = _texts("columns", given)
    if isinstance(given, str):
        names = tuple(name.strip() for name in names)
    if not names or not all(names):
        raise RolesError(f"{option('columns', given)}: give every column a name")
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise RolesError(f"csv names {listed(twice)} twice among its columns; names must differ")
    return names


def _texts(name: str, given: Any) -> tuple[str, ...]:
    """Several texts: a list, or one text with commas between them."""
    if isinstance(given, str):
        return tuple(next(csv.reader([given]), ()))
    if not isinstance(given, Sequence) or not all(isinstance(one, str) for one in given):
        raise RolesError(f"csv {name} takes a list of texts, not {in_short(given)}")
    return tuple(given)


def _encoding(given: Any) -> str:
    """Canonical name of an encoding of texts."""
    try:
        found = codecs.lookup(given)
        "".encode(given)  # refuses codecs that are not for text
    except (LookupError, TypeError, ValueError) as error:
        raise RolesError(
            f"{option('encoding', given)} is no encoding of texts; give one such as 'latin-1', "
            "'cp1252' or 'utf-16'"
        ) from error
    name = found.name.replace("_", "-")
    if name.startswith(_STATEFUL) or name in _ESCAPES or found.incrementaldecoder is None:
        raise RolesError(
            f"{option('encoding', given)} is not read here: its bytes depend on those before them; "
            "save the file as UTF-8"
        )
    return "utf-8" if name == "utf-8-sig" else found.name
