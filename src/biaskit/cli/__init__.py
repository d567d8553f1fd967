"""Command line: each verb is a few lines that call one function of the library."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from biaskit import __version__
from biaskit.cli import counting, explaining, gating, reporting
from biaskit.cli.flags import Parser
from biaskit.errors import BiaskitError, RolesError, did_you_mean

__all__ = ["main"]

_FINE, _WRONG, _INTERRUPTED = 0, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code.

    0 is fine, 1 is what a check found, 2 is a call or data that are wrong, 130 an interruption.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        args = _parsed(list(sys.argv[1:] if argv is None else argv))
        code: int = args.run(args) or _FINE
        sys.stdout.flush()
    except BiaskitError as error:
        print(f"biaskit: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
        return _WRONG
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FINE
    except KeyboardInterrupt as error:
        told = str(error) or "interrupted; nothing was written"
        print(f"biaskit: {told}", file=sys.stderr)  # noqa: T201
        return _INTERRUPTED
    return code


def _parsed(argv: list[str]) -> argparse.Namespace:
    parser, verbs = _parser()
    if argv and not argv[0].startswith("-") and argv[0] not in verbs:
        raise RolesError(f"no verb {argv[0]!r}; {did_you_mean(argv[0], verbs)}")
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        flags = sorted(flag for flag in verbs[argv[0]]._option_string_actions if flag[:2] == "--")
        raise RolesError(f"no flag {unknown[0]!r} for {argv[0]}; {did_you_mean(unknown[0], flags)}")
    return args


def _parser() -> tuple[Parser, dict[str, Parser]]:
    shape: dict[str, Any] = {
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }
    parser = Parser(prog="biaskit", description="Measure bias in data and in models.", **shape)
    parser.add_argument("--version", action="version", version=f"biaskit {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, run: Callable[[Any], int | None], help_: str, **more: Any) -> Parser:
        made: Parser = verbs.add_parser(name, help=help_, description=help_, **shape, **more)
        made.set_defaults(run=run)
        return made

    for room in (reporting, counting, gating, explaining):
        room.add_verbs(verb)
    return parser, verbs.choices
