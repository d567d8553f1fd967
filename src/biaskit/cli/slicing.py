"""The verb that searches: slices."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from biaskit.audits.found import certified, found_in
from biaskit.audits.searching import asked_of
from biaskit.audits.slices import (
    SegmentRow,
    SliceRow,
    columns_given,
    gap_given,
    intersection,
    refuse_list,
    rows_of,
)
from biaskit.cli.flags import (
    Parser,
    add_csv,
    add_data,
    add_roles,
    dialect_given,
    roles_given,
)
from biaskit.cli.output import (
    about,
    add_output,
    emit,
    progress_line,
    refuse_overwriting,
    settle_output,
)
from biaskit.cli.screen import Records
from biaskit.counts.counts import Counts
from biaskit.counts.roles import ROLES
from biaskit.counts.spellings import spelled_alike
from biaskit.errors import RolesError
from biaskit.reports.report import what_was_read
from biaskit.sources.dispatch import opened

__all__ = ["VERBS"]

_EXAMPLES = """examples:
  biaskit slices loans.parquet --over sex,race,age --facet-edges age=25,40,65 --label paid
  biaskit slices loans.parquet --over race,branch --facet sex --facet-values F --label paid
the first row says how bad the worst slice is, and how bad any other can be at most
"""
# Roles that no slice makes use of.
_UNUSED = {"group", "score", "score_range", "features"}


def _add_slices(verb: Callable[..., Parser]) -> None:
    slices = verb("slices", _slices, "Where a metric is worst, among all slices.", epilog=_EXAMPLES)
    add_data(slices)
    slices.add_argument(
        "--over",
        action="append",
        metavar="A,B",
        help="columns whose values make the slices; repeat it for a name with a comma "
        "(default: those of saved counts)",
    )
    slices.add_argument(
        "--metric",
        default="DPL",
        metavar="DPL",
        help="difference of two proportions, or several (DPL,FNRD), judged together",
    )
    slices.add_argument(
        "--depth",
        type=int,
        metavar="N",
        help="most columns of a slice (default: 3, or as many as there are)",
    )
    slices.add_argument(
        "--min-rows", type=int, default=30, metavar="N", help="fewest rows on either side"
    )
    slices.add_argument(
        "--direction",
        choices=["against", "for", "either"],
        default="against",
        help="slices that are worse off (against), better off (for), or both",
    )
    slices.add_argument(
        "--confidence",
        type=float,
        default=0.95,
        metavar="LEVEL",
        help="level at which all that is printed holds together",
    )
    slices.add_argument(
        "--top", type=_top, default=10, metavar="N", help="most slices to list, or 'all'"
    )
    slices.add_argument(
        "--overlap",
        type=float,
        default=0.5,
        metavar="PART",
        help="leave out a slice of which more than this part lies in one above it",
    )
    add_roles(slices, [name for name in ROLES if name not in _UNUSED])
    add_csv(slices)
    add_output(slices)


#: The verb, and what adds it to the command line.
VERBS = {"slices": _add_slices}


def _top(text: str) -> int | None:
    return None if text == "all" else int(text)


def _slices(args: argparse.Namespace) -> None:
    settle_output(args)
    refuse_overwriting(args.output, args.data)
    refuse_list(args.top, args.overlap)
    dialect = dialect_given(args)
    table = opened(args.data[0] if len(args.data) == 1 else args.data, dialect=dialect)
    if args.over is None and not isinstance(table, Counts):
        raise RolesError("--over is needed: the columns whose values make the slices, as sex,age")
    given: Any = roles_given(args)
    gap = gap_given(given)
    asked = asked_of(
        columns_given(_over(args.over), table, gap),
        args.metric,
        depth=args.depth,
        min_rows=args.min_rows,
        direction=args.direction,
        confidence=args.confidence,
        gap=gap,
    )
    with progress_line() as progress:
        counts, facet = intersection(table, asked, given, progress=progress, dialect=dialect)
    found = found_in(counts, facet, asked)
    made = Records(
        "slices",
        (SliceRow if gap is None else SegmentRow)._fields,
        rows_of(found, counts, top=args.top, overlap=args.overlap),
        head={**about(1), "roles": counts.roles.to_json()},
        hidden=("columns",),
        blank=("estimate", "low", "high", "shrunk", "p_adjusted", "rate_d", "rate_a")
        + (() if gap is None else ("more_low", "more_high")),
        optional=("n_missing", "note"),
        once=("metric", "n_missing"),
        spare=("n_missing", "p_adjusted", "shrunk", "rate_a", "rate_d", "n_a"),
        summary=[certified(one) for one in found],
        before=[what_was_read(counts), *spelled_alike(counts)],
        level=args.confidence,
    )
    emit(args, made)


def _over(given: list[str] | None) -> list[str] | None:
    """Columns of a flag: several with commas between them, or one each time."""
    if given is None or len(given) > 1:
        return given
    return [one.strip() for one in given[0].split(",")]
