"""Flags that verbs share: the data, and a flag for each role."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any, NoReturn

from biaskit.cli.streams import say
from biaskit.errors import RolesError
from biaskit.roles import Roles

__all__ = [
    "ROLE_HELP",
    "Once",
    "Parser",
    "add_data",
    "add_roles",
    "add_seed",
    "confidence_or_none",
    "edges_of",
    "facet_of",
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
            case "facet":
                flag |= {"action": "append", "type": facet_of}
            case "features":
                flag |= {"action": "append"}
            case "positive" | "facet_values":
                flag |= {"action": "append", "metavar": "VALUE"}
            case "facet_edges":
                flag |= {"type": edges_of, "metavar": "N,N"}
            case "positive_above" | "predicted_above" | "facet_above":
                flag |= {"type": float, "metavar": "N"}
        parser.add_argument(f"--{field.name.replace('_', '-')}", **flag)


def roles_given(args: argparse.Namespace) -> dict[str, Any]:
    """Roles as a call gives them; None where it does not."""
    given = {field.name: getattr(args, field.name) for field in fields(Roles)}
    return {**given, "features": "rest" if args.features == ["rest"] else args.features}


def facet_of(text: str) -> str | tuple[str, ...]:
    """Column, or columns whose intersection it is, as they are written on a command line."""
    parts = tuple(text.split(" & "))
    return parts if len(parts) > 1 else text


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the flag of what the draws follow from."""
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the draws behind the intervals"
    )


def confidence_or_none(text: str) -> float | None:
    """Level of an interval, or none."""
    return None if text == "none" else float(text)


def edges_of(text: str) -> list[float]:
    """Numbers at which a column is cut."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are not numbers like 25,40,65") from None
