"""Flags that verbs share: the data, and a flag for each role."""

from __future__ import annotations

import argparse
import functools
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from biaskit.cli.writing.streams import say
from biaskit.counts.arguments import Kind
from biaskit.counts.roles import ROLES
from biaskit.errors import BOUNDS, RolesError, listed
from biaskit.sources.files.dialect import OPTIONS, Dialect, Option, dialect_of, flags_of

__all__ = [
    "Once",
    "Parser",
    "above_of",
    "add_csv",
    "add_data",
    "add_missing_facet",
    "add_roles",
    "add_round_to",
    "add_seed",
    "confidence_or_none",
    "dialect_given",
    "edges_of",
    "in_flags",
    "limit_of",
    "limits_given",
    "roles_given",
]


# Characters of a line of help where nobody sees it.
_HELP_WIDTH = 78


def _of_width(width: int) -> Any:
    return functools.partial(argparse.RawDescriptionHelpFormatter, width=width)


class Parser(argparse.ArgumentParser):
    """Parser whose errors are one line, like every other error."""

    def __init__(self, **more: Any):
        super().__init__(formatter_class=_of_width(_HELP_WIDTH), allow_abbrev=False, **more)

    def format_help(self) -> str:
        """Help in the width of the terminal."""
        import shutil  # only here: a parser makes a formatter for each flag, too

        self.formatter_class = _of_width(shutil.get_terminal_size().columns - 2)
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Refuse the call."""
        raise RolesError(f"{message}; see `{self.prog} --help`")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help to standard output, which may be closed at any time."""
        say(message.rstrip())


class Once(argparse.Action):
    """A flag that may be given only once: giving a role twice is a mistake, not a correction."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        """Store the value; refuse a second one."""
        if getattr(namespace, self.dest) is not self.default:
            parser.error(f"{option_string} is given twice")
        setattr(namespace, self.dest, values)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the files of a verb that reads one table."""
    parser.add_argument(
        "data",
        nargs="+",
        metavar="DATA",
        help="Parquet, CSV or JSON files, .xlsx, .zip, globs or folders; - for standard input; or "
        "one file of saved counts, or a page that carries them",
    )


def add_csv(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how files are written, one for each option of CSV files."""
    parser.add_argument(
        "--input-format",
        action=Once,
        metavar="FORMAT",
        help="format of DATA whose names do not say it: csv, tsv, jsonl, parquet or xlsx; csv.gz "
        "and the like",
    )
    parser.add_argument("--sheet", action=Once, metavar="NAME", help="sheet of a workbook")
    group = parser.add_argument_group("CSV files that are written in another way")
    for name, (takes, help_) in OPTIONS.items():
        flag = f"--{name.replace('_', '-')}"
        group.add_argument(flag, help=help_, **_OF_CSV[takes])


def dialect_given(args: argparse.Namespace) -> Dialect | None:
    """How files are written, by the flags of a call; None where none is given."""
    given = {name: getattr(args, name) for name in OPTIONS}
    if given["delimiter"] == r"\t":  # what people type for a tab
        given["delimiter"] = "\t"
    options = {name: value for name, value in given.items() if value is not None}
    return dialect_of(options or None, args.input_format, args.sheet)


def add_roles(
    parser: argparse.ArgumentParser,
    names: Collection[str] = tuple(ROLES),
    required: Collection[str] = (),
) -> None:
    """Add a flag for each role, or for those named; a required one must be given."""
    for name, role in ROLES.items():
        if name in names:
            flag = f"--{name.replace('_', '-')}"
            more: dict[str, Any] = {"required": True} if name in required else {}
            parser.add_argument(flag, help=role.help, **more, **_FLAGS[role.kind])


def roles_given(args: argparse.Namespace) -> dict[str, Any]:
    """Roles of a call, for the flags that its verb has; None where a role is not given."""
    given = {name: getattr(args, name) for name in ROLES if hasattr(args, name)}
    if given.get("features") == ["rest"]:
        given["features"] = "rest"
    for name in ("facet_above", "facet_at_most", "facet_edges"):
        if given.get(name) is not None:
            given[name] = _by_facet(name, given[name])
    for name in ("facet_values", "reference"):
        if given.get(name) is not None:
            given[name] = _values_by_facet(given[name], given["facet"] or ())
    return given


def _by_facet(name: str, given: Sequence[tuple[str, Any]]) -> Any:
    """Value of a flag that is given once, or values by the facet that each names before ``=``."""
    if len(given) == 1 and not given[0][0]:
        return given[0][1]
    facets = [facet for facet, _ in given]
    if len(set(facets)) < len(facets) or "" in facets:
        flag = f"--{name.replace('_', '-')}"
        raise RolesError(f"{flag} is given twice; for several facets, name each: {flag} AGE=40")
    return dict(given)


def _values_by_facet(given: list[str], facets: Sequence[str]) -> Any:
    """Values that are d; for several facets, values by facet, with its name before ``=``."""
    made: dict[str, list[str]] = {}
    for text in given if len(facets) > 1 else ():
        named = [facet for facet in facets if text.startswith(f"{facet}=")]
        if not named:
            return given
        facet = max(named, key=len)
        made.setdefault(facet, []).append(text.removeprefix(f"{facet}="))
    return made or given


def add_round_to(parser: argparse.ArgumentParser) -> None:
    """Add the flag that protects counts."""
    parser.add_argument(
        "--round-to",
        type=int,
        metavar="N",
        help="protect the counts: round each cell to the middle of its class of N sizes, such as "
        "11 (1 to 11 rows show as 6)",
    )


def add_missing_facet(parser: argparse.ArgumentParser) -> None:
    """Add the flag for rows of a missing facet."""
    parser.add_argument(
        "--missing-facet",
        choices=[BOUNDS],
        help="bounds: intervals hold whichever side the rows of a missing facet are on",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the flag for the seed of the random draws."""
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the random draws, for metrics of your own",
    )


def limit_of(text: str) -> tuple[str, float | list[float]]:
    """Metric and its limit, as a flag gives them."""
    name, equals, value = text.partition("=")
    try:
        numbers = [float(part) for part in value.split(",")]
    except ValueError:
        numbers = []
    if not (name and equals and len(numbers) in (1, 2)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a limit such as DPL=0.1 or DI=0.8,1.25")
    return name.strip(), numbers[0] if len(numbers) == 1 else numbers


def limits_given(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Limits by metric, each given once."""
    names = [name for name, _ in pairs]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise RolesError(f"--limit gives {listed(twice)} more than one limit")
    return dict(pairs)


def confidence_or_none(text: str) -> float | None:
    """Level of an interval, or None for no intervals."""
    return None if text == "none" else float(text)


def edges_of(text: str) -> tuple[str, list[float]]:
    """Numbers at which a column is cut, and the column, if it is named."""
    column, _, numbers = text.rpartition("=")
    try:
        return column, [float(part) for part in numbers.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} are not numbers such as 25,40,65 or AGE=25,40,65"
        ) from None


def range_of(text: str) -> list[float]:
    """Two numbers with a comma between them, as the ends of a range.

    >>> range_of("-1,1")
    [-1.0, 1.0]
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not two numbers, as in 0,1") from None
    return [low, high]


def above_of(text: str) -> tuple[str, float]:
    """Number at which a column is cut, and the column, if it is named."""
    column, _, number = text.rpartition("=")
    try:
        return column, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 40 or AGE=40") from None


#: How a role of each kind is given as a flag.
_FLAGS: Mapping[Kind, dict[str, Any]] = {
    "facets": {"metavar": "COLUMN", "action": "append"},
    "column": {"metavar": "COLUMN", "action": Once},
    "amount": {"metavar": "COLUMN", "action": Once},
    "values": {"metavar": "VALUE", "action": "append"},
    "cut": {"metavar": "N", "action": Once, "type": float},
    "values of d": {"metavar": "VALUE", "action": "append"},
    "reference": {"metavar": "VALUE", "action": "append"},
    "cut of d": {"metavar": "N", "action": "append", "type": above_of},
    "edges": {"metavar": "N,N", "action": "append", "type": edges_of},
    "range": {"metavar": "LOW,HIGH", "action": Once, "type": range_of},
    "features": {"metavar": "COLUMN", "action": "append"},
}

#: How an option of each kind is given as a flag.
_OF_CSV: Mapping[Option, dict[str, Any]] = {
    "text": {"action": Once, "metavar": "TEXT"},
    "texts": {"action": Once, "metavar": "A,B"},
    "true": {"action": "store_const", "const": True},
    "true or false": {"action": argparse.BooleanOptionalAction},
}
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_CSV = rf"csv=\{{'(?P<option>[a-z_]+)': (?P<value>True|False|{_QUOTED})\}}"

# Flags that say how files are written, besides the options of CSV files.
_FILES = ("input_format", "sheet")
# Arguments of audits, and of reports, checks and counts.
_OF_AUDITS = ("steps", "selected", "classes", "names", "exclude_below", "justification")
_OF_REPORTS = ("metrics", "confidence", "seed", "min_rows", "round_to")
#: Python's arguments in an error message, or a quoted text, which stays as it is.
_NAMES = (*ROLES, *_OF_REPORTS, *_FILES, *_OF_AUDITS)
_ARGUMENTS = "|".join(_NAMES)
# Arguments that are not English words.
_LONG = "|".join(name for name in _NAMES if "_" in name)
_PYTHON = rf"""(?P<by_facet>\b({_ARGUMENTS})=\{{['"](?P<facet>[^'"]+)['"]:\ (?P<value>[^{{}}]*)\}})
    | ['"][^'"]*['"]
    | \b(?P<name>{_ARGUMENTS})=(?P<any>\[?\.\.\.\]?)?
    | (?<=give\ )(?P<given>{_ARGUMENTS})\b
    | (?<!the\ )(?<![-\w])(?P<said>{_ARGUMENTS})
      (?=\ (is\ (an?|needed)|must\ be|takes|needs|names)\b)
    | (?<![-\w])(?P<role>{_ARGUMENTS})(?=:\ ')
    | (?<![-\w])(?P<word>{_LONG})\b(?!=)"""


def in_flags(message: str) -> str:
    """Message about a call, with flags for what Python calls keyword arguments.

    >>> in_flags("give positive='yes', or cut it with facet_edges=[...]; metrics=... leaves it out")
    "give --positive 'yes', or cut it with --facet-edges; --metrics leaves it out"
    >>> in_flags("give a mapping: facet_edges={'AGE': [25.0, 40.0]}; 'facet_above' is a column")
    "name the facet: --facet-edges AGE=25,40; 'facet_above' is a column"
    >>> in_flags("give csv={'delimiter': ';'}, csv={'header': False} or csv={'strip': True}")
    "give --delimiter ';', --no-header or --strip"
    """

    def flag(found: re.Match[str]) -> str:
        if found["by_facet"]:
            values = [one.strip(" '\"[](),") for one in found["value"].split(",")]
            cut = ",".join(one.removesuffix(".0") for one in values if one)
            return f"--{found[2].replace('_', '-')} {found['facet']}={cut}"
        if found["name"]:
            after = message[found.end() : found.end() + 1]
            space = "" if found["any"] or after in {"", *" ,.;:)"} else " "
            return f"--{found['name'].replace('_', '-')}{space}"
        word = found["given"] or found["said"] or found["role"] or found["word"]
        return f"--{word.replace('_', '-')}" if word else found[0]

    if not any(name in message for name in (*_NAMES, "csv")):
        return message  # most notes, so that a call need not compile the patterns
    message = re.sub(_CSV, _csv_flag, message)
    return re.sub(_PYTHON, flag, message, flags=re.VERBOSE).replace(
        "give a mapping: --", "name the facet: --"
    )


def _csv_flag(found: re.Match[str]) -> str:
    import ast

    value = ast.literal_eval(found["value"])
    if value == "...":
        return f"--{found['option']}"
    first, *rest = flags_of({found["option"]: value})
    return f"{first} {shlex.quote(rest[0])}" if rest else first
