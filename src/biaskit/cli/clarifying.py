"""The verb that runs SageMaker Clarify's jobs: clarify."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from biaskit.cli.flags import Parser
from biaskit.cli.writing.output import progress_line
from biaskit.cli.writing.streams import complain, say

__all__ = ["VERBS"]


def _add_clarify(verb: Callable[..., Parser]) -> None:
    clarify = verb(
        "clarify", _clarify, "Run a SageMaker Clarify processing job as its configuration says."
    )
    clarify.add_argument(
        "--check",
        action="store_true",
        help="run nothing: read the configuration and the first thousand rows, and say what would "
        "be compared, what the model answers to one row, and what is wrong",
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
    clarify.add_argument(
        "--ground-truth",
        metavar="PATH",
        help="labels of data that an endpoint captured, a file or a folder of lines as SageMaker's "
        "monitor takes them",
    )
    clarify.add_argument(
        "--attribute",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="where captured data have their parts, by the names of SageMaker's monitor: "
        "FeaturesAttribute, InferenceAttribute, ProbabilityAttribute, "
        "ProbabilityThresholdAttribute, ExcludeFeaturesAttribute; repeat it for several",
    )
    clarify.add_argument(
        "--endpoint",
        metavar="URL",
        help="server that speaks /invocations, in place of the configuration's endpoint",
    )
    clarify.add_argument(
        "--endpoint-timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="time that the server has for one answer (default: 60, as SageMaker's has)",
    )
    clarify.add_argument(
        "--model",
        metavar="MODEL",
        help="the job's model, in place of the configuration's endpoint: a file, such as "
        "SageMaker's model.tar.gz, or module:function",
    )
    clarify.add_argument(
        "--trust-model",
        action="store_true",
        help="let its library open a model file that biaskit cannot read itself, or the script of "
        "a model.tar.gz run; this may do anything, so use it only if you know who made the file",
    )
    clarify.add_argument(
        "--sampled",
        action="store_true",
        help="sample SHAP values as Clarify does, even where they could be exact",
    )
    clarify.add_argument(
        "--baseline",
        metavar="FILE",
        help="analysis.json of an earlier job to compare with; violations end with the exit code 1",
    )
    clarify.add_argument(
        "--rule",
        choices=("clarify", "intervals"),
        default="clarify",
        help="whether a number is violated where it is larger in size than the baseline's, or "
        "where its whole interval is farther from parity (default: clarify)",
    )
    clarify.add_argument(
        "--report-as",
        action="append",
        default=[],
        choices=("ipynb", "pdf"),
        help="write the report as a notebook (by nbformat) or as PDF (by Playwright's Chromium), "
        "too; repeat it for both",
    )
    clarify.add_argument(
        "--fail-on-violation",
        action="store_true",
        help="end with the exit code 1 in SageMaker's container, too, where a job otherwise "
        "completes with its violations",
    )


#: The verb, and what adds it to the command line.
VERBS = {"clarify": _add_clarify}


def _clarify(args: argparse.Namespace) -> int:
    if args.check:
        return _check(args)
    from biaskit.clarify.job import run

    with progress_line() as progress:
        result = run(
            args.config,
            args.data,
            args.output,
            typing=args.typing,
            mapping=args.map,
            ground_truth=args.ground_truth,
            attributes=args.attribute,
            endpoint=args.endpoint,
            endpoint_timeout=args.endpoint_timeout,
            model=args.model,
            trust_model=args.trust_model,
            sampled=args.sampled,
            baseline=args.baseline,
            rule=args.rule,
            report_as=args.report_as,
            progress=progress,
        )
    for warning in result.warnings:
        complain(f"note: {warning}")
    say("\n".join(result.files))
    for one in result.violations:
        complain(f"violation: {one['metric_name']}: {one['description']}")
    fails = args.fail_on_violation or not result.is_contained
    return 1 if result.violations and fails else 0


def _check(args: argparse.Namespace) -> int:
    from biaskit.clarify.job import check

    found = check(
        args.config,
        args.data,
        typing=args.typing,
        mapping=args.map,
        ground_truth=args.ground_truth,
        attributes=args.attribute,
        endpoint=args.endpoint,
        endpoint_timeout=args.endpoint_timeout,
        model=args.model,
        trust_model=args.trust_model,
    )
    for one in found:
        if one.is_fault:
            complain(f"{one.part}: {one.said}")
        else:
            say(f"{one.part}: {one.said}")
    return 2 if any(one.is_fault for one in found) else 0
