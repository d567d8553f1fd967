"""Dialect: how files are written, where that is not as their names say."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from biaskit.errors import RolesError, did_you_mean, in_short, listed
from biaskit.sources.files.endings import checked_input_format

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
    """How files are written; its default is what `biaskit.count` reads without `csv`.

    The fields but the last two are the options of CSV files.

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
    #: Format of files, whatever their names say, such as ``csv.gz``.
    input_format: str | None = None
    #: Sheet of a workbook.
    sheet: str | None = None

    def __post_init__(self) -> None:
        _refuse_characters(self.delimiter, self.comment, self.decimal)
        for name in ("header", "strip"):
            value = getattr(self, name)
            if not isinstance(value, bool) and (value is not None or name == "strip"):
                raise RolesError(f"{option(name, value)}: give True or False")
        sheet: Any = self.sheet
        if sheet is not None and not (isinstance(sheet, str) and sheet):
            raise RolesError(f"sheet takes the name of a sheet, not {in_short(sheet)}")
        kept = {
            "input_format": checked_input_format(self.input_format),
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
        named = "\t" if ".tsv" in self.endings_of(path) else ","
        return named if self.delimiter is None else self.delimiter

    def endings_of(self, path: Any) -> list[str]:
        """Endings of a file's name in lower case, or those that stand in their place."""
        if self.input_format is not None:
            return [f".{one}" for one in self.input_format.split(".")]
        return [suffix.lower() for suffix in path.suffixes]

    @property
    def is_of_csv(self) -> bool:
        """Whether options of CSV files are given, even if they are as by default."""
        given = self.given()
        return not given or not given.keys().isdisjoint(OPTIONS)

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
        """Error for data that have no dialect, such as CSV files have."""
        name, value = next(iter(self.given().items()), ("header", True))
        if name in OPTIONS:
            return RolesError(f"{option(name, value)} is for CSV files, but {why}; leave it out")
        of = "workbooks" if name == "sheet" else "files"
        return RolesError(f"{name}={value!r} is for {of}, but {why}; leave it out")


#: What each option takes, and its help text.
OPTIONS: Mapping[str, tuple[Option, str]] = {
    one.name: (one.metadata["takes"], one.metadata["help"])
    for one in fields(Dialect)
    if one.metadata
}


def dialect_of(
    given: Mapping[str, Any] | Dialect | None,
    input_format: str | None = None,
    sheet: str | None = None,
) -> Dialect | None:
    """Dialect of a call, from the options of CSV files and the rest; None where it has none.

    Raises
    ------
    RolesError
        An option is unknown or invalid.

    Examples
    --------
    >>> dialect_of({"strip": True}).strip, dialect_of({}), dialect_of(None)
    (True, None, None)
    >>> dialect_of(None, "csv.gz").input_format
    'csv.gz'
    """
    if isinstance(given, Dialect):
        return given
    others: dict[str, Any] = {"input_format": input_format, "sheet": sheet}
    others = {name: value for name, value in others.items() if value is not None}
    if given is None:
        return Dialect(**others) if others else None
    if not isinstance(given, Mapping):
        raise RolesError(
            f"csv takes options such as csv={{'delimiter': ';'}}, not {in_short(given)}"
        )
    for name in given:
        if name not in OPTIONS:
            raise RolesError(f"csv has no option {name!r}; {did_you_mean(str(name), OPTIONS)}")
    return Dialect(**given, **others) if given or others else None


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
