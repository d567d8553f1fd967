"""The verbs of scores: sweep, calibration."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from biaskit.cli.counting import counts_of
from biaskit.cli.flags import (
    Once,
    Parser,
    add_csv,
    add_data,
    add_roles,
    confidence_or_none,
    limit_of,
    limits_given,
)
from biaskit.cli.writing.output import about, add_output, emit, refuse_overwriting, settle_output
from biaskit.cli.writing.screen import Records
from biaskit.counts.counts import Counts
from biaskit.counts.spellings import spelled_alike
from biaskit.errors import RolesError, refuse_level
from biaskit.gate.limits import limits_of
from biaskit.intervals.figures import LEAST_P
from biaskit.metrics import chosen
from biaskit.reports.report import what_was_read
from biaskit.scores.calibration import CalibrationRow, calibration_rows, refuse_bands
from biaskit.scores.given import refuse_unscored
from biaskit.scores.sweep import SweepRow, sweep_rows
from biaskit.scores.threshold import ThresholdRow, threshold_rows

__all__ = ["VERBS"]

# Thresholds of a table that people read, and of anything else.
_ON_SCREEN, _THRESHOLDS = 11, 101

_EXAMPLES = """examples:
  biaskit sweep loans.parquet --facet gender --label paid --score chance --metrics DPPL,RD
  biaskit sweep counts.parquet --thresholds 0.3,0.5,0.7 -o sweep.csv
  biaskit sweep counts.parquet --limit DPPL=0.05       thresholds at which the limit surely holds
"""


def _add_sweep(verb: Callable[..., Parser]) -> None:
    sweep = verb("sweep", _sweep, "Metrics at every threshold of a score.", epilog=_EXAMPLES)
    add_data(sweep)
    add_roles(sweep)
    add_csv(sweep)
    sweep.add_argument(
        "--thresholds",
        type=_thresholds,
        action=Once,
        metavar="N",
        help="number of thresholds, spread evenly, or the thresholds with commas between them "
        f"(default: {_THRESHOLDS}; in a table {_ON_SCREEN})",
    )
    sweep.add_argument(
        "--metrics",
        metavar="DPPL,RD",
        action=Once,
        help="metrics to sweep (default: all of decisions whose columns are given)",
    )
    sweep.add_argument(
        "--limit",
        action="append",
        type=limit_of,
        metavar="DPPL=0.05",
        help="say at which thresholds this distance from parity, or range (DI=0.8,1.25), surely "
        "holds, and what each costs in accuracy; repeat it",
    )
    sweep.add_argument(
        "--together", action="store_true", help="intervals that hold at all thresholds at once"
    )
    sweep.add_argument(
        "--confidence",
        type=confidence_or_none,
        default=0.95,
        metavar="LEVEL",
        help="level of the intervals, or 'none' to leave them out (default: 0.95)",
    )
    add_output(sweep)


def _add_calibration(verb: Callable[..., Parser]) -> None:
    calibration = verb(
        "calibration", _calibration, "Mean score and share of positive labels, in bands of scores."
    )
    add_data(calibration)
    add_roles(calibration)
    add_csv(calibration)
    calibration.add_argument(
        "--bins", type=int, default=10, metavar="N", help="number of bands (default: 10)"
    )
    calibration.add_argument(
        "--confidence", type=float, default=0.95, metavar="LEVEL", help="level of the intervals"
    )
    add_output(calibration)


#: Each verb, and what adds it to the command line.
VERBS = {"sweep": _add_sweep, "calibration": _add_calibration}


def _thresholds(text: str) -> int | list[float]:
    """Number of thresholds, or thresholds with commas between them.

    >>> _thresholds("11"), _thresholds("0.3,0.5"), _thresholds("0.5")
    (11, [0.3, 0.5], [0.5])
    """
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a number of thresholds nor thresholds such as 0.3,0.5"
        ) from None


def _sweep(args: argparse.Namespace) -> None:
    asked = chosen(args.metrics)
    settle_output(args)
    refuse_overwriting(args.output, args.data)
    if args.confidence is not None:
        refuse_level(args.confidence)
    if args.limit and (asked is not None or args.together or args.confidence is None):
        raise RolesError(
            "--limit says which thresholds keep it, by the intervals of its own metrics that hold "
            "together; leave out --metrics, --together and --confidence none"
        )
    thresholds = args.thresholds
    if thresholds is None:
        # A table is read by people, but what holds may not depend on where it is shown.
        is_short = args.format == "table" and not args.limit
        thresholds = _ON_SCREEN if is_short else _THRESHOLDS
    counts = _scored(args)
    if args.limit:
        limits = limits_of(limits_given(args.limit))
        rows: Any = threshold_rows(counts, limits, thresholds, args.confidence)
        fields = ThresholdRow._fields
        return emit(
            args,
            Records(
                "thresholds",
                fields,
                rows,
                blank=("low", "high", "accuracy", "accuracy_lost"),
                optional=("accuracy", "accuracy_lost", "note"),
                once=("facet", "value", "metric", "limit_low", "limit_high"),
                spare=("limit_low", "limit_high"),
                **_head(counts, args.confidence),
            ),
        )
    rows = sweep_rows(counts, thresholds, asked, args.confidence, together=args.together)
    made = Records(
        "sweep",
        SweepRow._fields,
        rows,
        hidden=("stage", "confidence", "of_a", "of_d"),
        blank=("low", "high", "p_value", "rate_a", "rate_d"),
        least={"p_value": LEAST_P},
        optional=("low", "high", "p_value", "rate_a", "rate_d", "n_missing", "n_other", "note"),
        once=("facet", "value", "metric", "n_a", "n_d", "n_missing", "n_other", "note"),
        spare=("n_other", "n_missing", "n_a", "n_d", "p_value", "rate_a", "rate_d"),
        **_head(counts, args.confidence),
    )
    return emit(args, made)


def _calibration(args: argparse.Namespace) -> None:
    settle_output(args)
    refuse_overwriting(args.output, args.data)
    refuse_level(args.confidence)
    refuse_bands(args.bins)
    counts = _scored(args)
    rows = calibration_rows(counts, args.bins, args.confidence)
    made = Records(
        "calibration",
        CalibrationRow._fields,
        rows,
        once=("facet",),
        **_head(counts, args.confidence),
    )
    emit(args, made)


def _scored(args: argparse.Namespace) -> Counts:
    counts, _ = counts_of(args, [])
    refuse_unscored(counts)
    return counts


def _head(counts: Counts, level: float | None) -> dict[str, Any]:
    """What is printed with the rows of every verb."""
    return {
        "head": {**about(1), "roles": counts.roles.to_json()},
        "before": [what_was_read(counts), *spelled_alike(counts)],
        "level": level,
    }
