"""Command line: each verb is a few lines that call one function of the library."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from biaskit.cli.flags import Parser, in_flags
from biaskit.cli.writing.streams import complain
from biaskit.errors import RolesError, did_you_mean, listed
from biaskit.store.addresses import in_one_line
from biaskit.store.version import __version__

__all__ = ["main"]

_FINE, _WRONG, _INTERRUPTED = 0, 2, 130
# Modules of the verbs, in the order of the help. A call loads that of its own verb alone.
_MODULES = {
    "reporting": ("report", "rates", "metrics", "demo"),
    "counting": ("count", "merge"),
    "auditing": ("impact", "audit", "slices", "reweighing"),
    "audits.profiling": ("profile",),
    "gating": ("check", "compare", "baseline"),
    "scoring": ("sweep", "calibration"),
    "explaining": ("explain",),
    "clarifying": ("clarify",),
    "browsing": ("app",),
    "warming": ("warm",),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code.

    0 is fine, 1 is what a check found, 130 an interruption. 2 is everything else that ends a verb:
    an invalid call, invalid data, or an unforeseen error; so 1 never means anything else.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parsed(argv)
        code: int = args.run(args) or _FINE
    except Exception as error:  # noqa: BLE001 - a traceback would end with the code 1
        complain(in_flags(in_one_line(error, _addresses(argv))))
        return _WRONG
    except KeyboardInterrupt as error:
        complain(str(error) or "interrupted; nothing was written")
        return _INTERRUPTED
    return code


def _addresses(argv: Sequence[str]) -> list[str]:
    """Addresses in a call, including the values of flags after an equals sign."""
    return [*argv, *(text.partition("=")[2] for text in argv if text.startswith("--"))]


def _parsed(argv: list[str]) -> argparse.Namespace:
    if argv[:1] == ["help"]:
        argv = [*argv[1:2], "--help"]
    first = argv[0] if argv else ""
    parser, verbs = _parser(first)
    if first.startswith("-") and first not in parser._option_string_actions:
        raise RolesError(f"no flag {first!r} before a verb; the verbs are {listed([*verbs])}")
    if first and not first.startswith("-") and first not in verbs:
        raise RolesError(f"no verb {first!r}; {did_you_mean(first, verbs)}")
    args, unknown = parser.parse_known_args(argv)
    if unknown and not unknown[0].startswith("-"):
        raise RolesError(
            f"unexpected argument {unknown[0]!r} for {first}; see `biaskit {first} --help`"
        )
    if unknown:
        known = verbs[first]._option_string_actions.items()
        flags = sorted(
            flag
            for flag, action in known
            if flag.startswith("--") and action.help != argparse.SUPPRESS
        )
        raise RolesError(f"no flag {unknown[0]!r} for {first}; {did_you_mean(unknown[0], flags)}")
    return args


def _parser(first: str = "") -> tuple[Parser, dict[str, Parser]]:
    """Parser of a call that begins with some verb; of every verb where it begins with none."""
    parser = Parser(prog="biaskit", description="Measure bias in data and in models.")
    parser.add_argument("--version", action="version", version=f"biaskit {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, run: Callable[[Any], int | None], help_: str, **more: Any) -> Parser:
        made: Parser = verbs.add_parser(name, help=help_, description=help_, **more)
        made.set_defaults(run=run)
        return made

    homes = {name: module for module, names in _MODULES.items() for name in names}
    for name in [first] if first in homes else homes:
        importlib.import_module(f"biaskit.cli.{homes[name]}").VERBS[name](verb)
    return parser, verbs.choices
