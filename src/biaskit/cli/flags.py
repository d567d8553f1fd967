"""Flags that verbs share: the data, and a flag for each role."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NoReturn

from biaskit.cli.streams import say
from biaskit.counts.roles import Roles
from biaskit.errors import RolesError

__all__ = [
    "ROLE_HELP",
    "Once",
    "Parser",
    "above_of",
    "add_data",
    "add_roles",
    "add_seed",
    "confidence_or_none",
    "edges_of",
    "in_flags",
    "roles_given",
]

#: What each role is, for `--help`.
ROLE_HELP = {
    "facet": "column whose values may be favoured or not; repeat it for several; "
    "'gender & race' is the intersection of two columns",
    "label": "column of the observed outcome",
    "predicted": "column of the model's outcome",
    "group": "column of the strata of CDDL, such as a department",
    "weight": "column of the rows' weights",
    "frequency": "column of how many rows each row stands for, as in a table of cells",
    "positive": "value of the label that one would want; repeat it for several "
    "(default: true or 1 of a boolean or 0/1 label)",
    "positive_above": "cut a numeric label: above this number is positive",
    "predicted_above": "cut a numeric score: above this number is predicted positive",
    "facet_values": "value that is facet d, the disadvantaged side; repeat it for several that "
    "together are d (default: each value in turn)",
    "facet_above": "cut a numeric facet: the rows above this number are d",
    "facet_edges": "cut a numeric facet at these numbers (25,40,65): each bin in turn is d",
    "features": "column by which rows are alike, for the flip test FT; repeat it for several; "
    "'rest' is every column without another role",
}


class Parser(argparse.ArgumentParser):
    """Parser whose complaints are one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        """Refuse the call."""
        raise RolesError(f"{message}; see `{self.prog} --help`")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help to where everything else is written, which may be closed at any time."""
        say(message.rstrip())


class Once(argparse.Action):
    """A flag that may be given once: a role that is given twice is a mistake, not a correction."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        """Take the value, unless there is one."""
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} is given twice")
        setattr(namespace, self.dest, values)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the files of a verb that reads one table."""
    parser.add_argument(
        "data",
        nargs="+",
        metavar="DATA",
        help="Parquet, CSV or JSON Lines files, globs or folders; or one file of saved counts",
    )


def add_roles(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each role."""
    for field in fields(Roles):
        flag: dict[str, Any] = {"help": ROLE_HELP[field.name], "action": Once, "metavar": "COLUMN"}
        match field.name:
            case "facet" | "features":
                flag |= {"action": "append"}
            case "positive" | "facet_values":
                flag |= {"action": "append", "metavar": "VALUE"}
            case "facet_edges":
                flag |= {"action": "append", "type": edges_of, "metavar": "N,N"}
            case "facet_above":
                flag |= {"action": "append", "type": above_of, "metavar": "N"}
            case "positive_above" | "predicted_above":
                flag |= {"type": float, "metavar": "N"}
        parser.add_argument(f"--{field.name.replace('_', '-')}", **flag)


def roles_given(args: argparse.Namespace) -> dict[str, Any]:
    """Roles as a call gives them, as far as its verb has flags for them; None where it does not."""
    names = [field.name for field in fields(Roles)]
    given = {name: getattr(args, name) for name in names if hasattr(args, name)}
    if given.get("features") == ["rest"]:
        given["features"] = "rest"
    for name in ("facet_above", "facet_edges"):
        if given.get(name) is not None:
            given[name] = _by_facet(name, given[name])
    if given.get("facet_values") is not None:
        given["facet_values"] = _values_by_facet(given["facet_values"], given["facet"] or ())
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
    """Values that are d; of several facets by facet, which stands before ``=``."""
    made: dict[str, list[str]] = {}
    for text in given if len(facets) > 1 else ():
        named = [facet for facet in facets if text.startswith(f"{facet}=")]
        if not named:
            return given
        facet = max(named, key=len)
        made.setdefault(facet, []).append(text.removeprefix(f"{facet}="))
    return made or given


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the flag that what is drawn follows from."""
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of what is drawn, for metrics of your own"
    )


def confidence_or_none(text: str) -> float | None:
    """Level of an interval, or none."""
    return None if text == "none" else float(text)


def edges_of(text: str) -> tuple[str, list[float]]:
    """Numbers at which a column is cut, and the column, if it is named."""
    column, _, numbers = text.rpartition("=")
    try:
        return column, [float(part) for part in numbers.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} are not numbers like 25,40,65 or AGE=25,40,65"
        ) from None


def above_of(text: str) -> tuple[str, float]:
    """Number at which a column is cut, and the column, if it is named."""
    column, _, number = text.rpartition("=")
    try:
        return column, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number like 40 or AGE=40") from None


#: What an error says of arguments as Python has them, or a quoted text, which stays as it is.
_ARGUMENTS = "|".join(
    [*(field.name for field in fields(Roles)), "metrics", "confidence", "seed", "min_rows"]
)
# Those that are no words of English.
_LONG = "|".join(name for name in _ARGUMENTS.split("|") if "_" in name)
_PYTHON = rf"""(?P<by_facet>\b({_ARGUMENTS})=\{{['"](?P<facet>[^'"]+)['"]:\ (?P<value>[^}}]*)\}})
    | ['"][^'"]*['"]
    | \b(?P<name>{_ARGUMENTS})=(?P<any>\[?\.\.\.\]?)?
    | (?<=give\ )(?P<given>{_ARGUMENTS})\b
    | (?<!the\ )(?<![-\w])(?P<said>{_ARGUMENTS})(?=\ (is\ (an?|needed)|takes|needs|names)\b)
    | (?<![-\w])(?P<word>{_LONG})\b(?!=)"""


def in_flags(message: str) -> str:
    """Message about a call, with flags for what Python calls keyword arguments.

    >>> in_flags("give positive='yes', or cut it with facet_edges=[...]; metrics=... leaves it out")
    "give --positive 'yes', or cut it with --facet-edges; --metrics leaves it out"
    >>> in_flags("give a mapping: facet_edges={'AGE': [25.0, 40.0]}; 'facet_above' is a column")
    "name the facet: --facet-edges AGE=25,40; 'facet_above' is a column"
    """

    def flag(found: re.Match[str]) -> str:
        if found["by_facet"]:
            values = [one.strip(" '\"[](),") for one in found["value"].split(",")]
            cut = ",".join(one.removesuffix(".0") for one in values if one)
            return f"--{found[2].replace('_', '-')} {found['facet']}={cut}"
        if found["name"]:
            rest = message[found.end() :]
            space = "" if found["any"] or not rest or rest[0] in " ,.;:)" else " "
            return f"--{found['name'].replace('_', '-')}{space}"
        word = found["given"] or found["said"] or found["word"]
        return f"--{word.replace('_', '-')}" if word else found[0]

    return re.sub(_PYTHON, flag, message, flags=re.VERBOSE).replace(
        "give a mapping: --", "name the facet: --"
    )
