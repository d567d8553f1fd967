"""The verb that runs SageMaker Clarify's jobs: clarify."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from biaskit.cli.flags import Parser
from biaskit.cli.output import progress_line
from biaskit.cli.streams import complain, say

__all__ = ["add_verbs"]


def add_verbs(verb: Callable[..., Parser]) -> None:
    """Add the verb of this module to the command line."""
    clarify = verb(
        "clarify", _clarify, "Run a SageMaker Clarify processing job as its configuration says."
    )
    clarify.add_argument(
        "--config",
        metavar="PATH",
        help="the job's analysis configuration, or the folder that has it (in SageMaker's "
        "container: the folder of its input)",
    )
    clarify.add_argument(
        "--data",
        metavar="PATH",
        help="the job's data, a file, a folder or an address (default: dataset_uri of the "
        "configuration, then the container's input)",
    )
    clarify.add_argument(
        "--output", metavar="DIR", help="folder for the result files (default: the container's)"
    )
    clarify.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="s3://BUCKET/PREFIX=DIR",
        help="local folder that stands for a prefix of addresses; repeat it for several",
    )
    clarify.add_argument(
        "--typing",
        choices=("clarify", "literal"),
        default="clarify",
        help="whether a given value is read as Clarify does, perhaps as a threshold, or compared "
        "as it is written (default: clarify)",
    )


def _clarify(args: argparse.Namespace) -> int:
    from biaskit.clarify.job import run

    with progress_line() as progress:
        result = run(
            args.config,
            args.data,
            args.output,
            typing=args.typing,
            mapping=args.map,
            progress=progress,
        )
    for warning in result.warnings:
        complain(f"note: {warning}")
    say("\n".join(result.files))
    return 0
