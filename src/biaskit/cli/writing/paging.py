"""Pages on the command line: a report or a check as HTML, with the flags of a page."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from biaskit.cli.counting import protected, protected_counts_of
from biaskit.cli.flags import Once, Parser, dialect_given, limit_of, limits_given, roles_given
from biaskit.cli.writing.output import Form, refuse_overwriting, write
from biaskit.cli.writing.screen import Records
from biaskit.counts.counts import Counts
from biaskit.errors import RolesError
from biaskit.metrics import Metric
from biaskit.store.blocks import is_named_page

__all__ = ["PAGE", "UNSAID", "add_page", "refuse_no_page", "save_demo", "take_over", "write_page"]


def _unused(_: Records) -> str:
    raise AssertionError("a page is made of counts, not of rows")


#: Level of intervals where the call names none.
UNSAID: Any = object()

#: Form of a page, for `--format`.
PAGE = {"html": Form(".html", _unused)}

_FLAGS = ("name", "limit", "baseline", "attributions")


def add_page(parser: Parser) -> None:
    """Add the flags of a page."""
    parser.add_argument(
        "--name",
        action=Once,
        help="with --format html: name of the data (default: that of the file)",
    )
    parser.add_argument(
        "--limit",
        action="append",
        type=limit_of,
        metavar="DPL=0.1",
        help="with --format html or model-card: what a metric may be; repeat it",
    )
    parser.add_argument(
        "--baseline",
        action=Once,
        metavar="COUNTS",
        help="with --format html: saved counts to compare with",
    )
    parser.add_argument(
        "--attributions",
        action=Once,
        metavar="FILE",
        help="with --format html: what `biaskit explain --save` wrote, to show what makes the gap",
    )

    parser.add_argument(
        "--no-counts",
        action="store_true",
        help="with --format html: leave the counts out of the page, which tell how many people "
        "each cell has",
    )


def refuse_no_page(args: argparse.Namespace) -> None:
    """Refuse the flags of a page where none is made."""
    given = [one for one in _FLAGS if getattr(args, one) is not None]
    given += ["no-counts"] if args.no_counts else []
    if args.format == "html" or (args.format == "model-card" and given == ["limit"]):
        return
    if given:
        also = " or model-card; `biaskit check` judges limits" if given[0] == "limit" else ""
        raise RolesError(f"--{given[0]} goes with --format html{also}")


def take_over(args: argparse.Namespace) -> None:
    """Take the level from a page that is read back, and its limits and name for another page.

    What the call gives itself holds; without either, the level is 0.95.
    """
    before: Mapping[str, Any] = {}
    if len(args.data) == 1 and is_named_page(args.data[0]):
        from biaskit.counts.embedded import asked_before  # only where a page is read

        before = asked_before(args.data[0])
    if args.confidence is UNSAID:
        args.confidence = before.get("confidence", 0.95)
    if args.format == "html":
        args.name = before.get("name") if args.name is None else args.name
        if args.limit is None and "limits" in before:
            args.limit = [*before["limits"].items()]


def write_page(args: argparse.Namespace, asked: Sequence[Metric] | None) -> None:
    """Write the page of a report."""
    from biaskit.pages.inputs import dated_counts
    from biaskit.pages.origin import file_names  # only where a page is made
    from biaskit.pages.page import Page, contents_of

    if args.confidence is None:
        raise RolesError("a page shows intervals; leave out --confidence none")
    if args.top is not None or args.min_rows:
        raise RolesError("a page has every value; --top and --min-rows are for tables")
    others = [args.baseline, args.attributions]
    refuse_overwriting(args.output, args.data, [one for one in others if one is not None])
    given = roles_given(args)
    limits: dict[str | Metric, Any] = dict(limits_given(args.limit or []).items())
    data = args.data[0] if len(args.data) == 1 else args.data
    dialect = dialect_given(args)
    found = dated_counts(data, dialect=dialect)
    dated = [(name, protected(one.choosing(**given), args.round_to)) for name, one in found]
    counts, sample = (dated[-1][1], None) if dated else protected_counts_of(args, asked)
    contents = contents_of(
        counts,
        sample,
        metrics=asked,
        limits=limits or None,
        baseline=args.baseline,
        attributions=args.attributions,
        name=args.name,
        files=file_names(args.data),
        carried=not args.no_counts,
        dated=dated,
        dialect=dialect,
        round_to=args.round_to,
        missing=args.missing_facet,
        confidence=args.confidence,
        seed=args.seed,
    )
    write(args, Page.of(contents).html.rstrip("\n"))


def save_demo(counts: Counts, path: str) -> None:
    """Save the page of the demo."""
    from biaskit.pages.page import Page, contents_of  # only where a page is made

    name = "Graduate admissions at Berkeley, 1973"
    Page.of(contents_of(counts, name=name, files=["berkeley.parquet"])).save(path)
