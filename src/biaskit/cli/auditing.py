"""The verbs of audits: impact, audit, slices and reweighing."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from biaskit.audits.slices.found import certified, found_in
from biaskit.audits.slices.searching import asked_of
from biaskit.audits.slices.slices import (
    SegmentRow,
    SliceRow,
    columns_given,
    gap_given,
    intersection,
    refuse_list,
    rows_of,
)
from biaskit.cli.counting import counts_of
from biaskit.cli.flags import (
    Once,
    Parser,
    add_csv,
    add_data,
    add_roles,
    confidence_or_none,
    dialect_given,
    roles_given,
)
from biaskit.cli.writing.output import (
    FORMS,
    Form,
    about,
    add_output,
    emit,
    progress_line,
    refuse_overwriting,
    settle_output,
)
from biaskit.cli.writing.screen import Records
from biaskit.counts.counts import Counts
from biaskit.counts.levels import show
from biaskit.counts.roles import ROLES
from biaskit.counts.spellings import spelled_alike
from biaskit.errors import RolesError, refuse_level
from biaskit.intervals.figures import LEAST_P
from biaskit.reports.report import what_was_read
from biaskit.sources.dispatch import opened

__all__ = ["VERBS"]

_IMPACT = """examples:
  biaskit impact hires.csv --facet race --label hired
  biaskit impact hires.csv --facet race --label hired --group job --reference White
  biaskit impact hires.csv --facet sex --label stage --steps applied,interviewed,hired
"""
_AUDIT = """examples:
  biaskit audit nyc-144 hires.csv --sex sex --race race --selected hired -o audit.md
  biaskit audit nyc-144 hires.csv --sex sex --race race --score score -o audit.html
  biaskit audit nyc-144 hires.csv --sex sex --race race --selected hired \\
      --names sex:1=Male --names sex:2=Female --names 'race:AA=Black or African American'
"""
_SLICES = """examples:
  biaskit slices loans.parquet --over sex,race,age --facet-edges age=25,40,65 --label paid
  biaskit slices loans.parquet --over race,branch --facet sex --facet-values F --label paid
the first row says how bad the worst slice is, and how bad any other can be at most
"""
_REWEIGHING = """examples:
  biaskit reweighing loans.parquet --facet sex --label paid -o weights.csv
  biaskit reweighing loans.parquet --facet sex --label paid --group branch
"""
# Roles that no slice makes use of.
_UNUSED = {"group", "score", "score_range", "features"}
# The rules that there are tables for.
_RULES = ("nyc-144",)


def _add_impact(verb: Callable[..., Parser]) -> None:
    impact = verb("impact", _impact, "Selection rates beside the highest one.", epilog=_IMPACT)
    add_data(impact)
    add_roles(impact)
    add_csv(impact)
    impact.add_argument(
        "--steps",
        metavar="A,B,C",
        action=Once,
        help="values of the label in order, each the furthest step that a row has reached",
    )
    _add_confidence(impact)
    add_output(impact)


def _add_confidence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--confidence",
        type=confidence_or_none,
        default=0.95,
        metavar="LEVEL",
        help="level of the intervals, or 'none' to leave them out (default: 0.95)",
    )


def _add_audit(verb: Callable[..., Parser]) -> None:
    audit = verb("audit", _audit, "Tables that a law asks for.", epilog=_AUDIT)
    audit.add_argument("rule", choices=_RULES, help="the law: New York City's Local Law 144")
    add_data(audit)
    audit.add_argument("--sex", metavar="COLUMN", action=Once, required=True, help="sex")
    audit.add_argument("--race", metavar="COLUMN", action=Once, required=True, help="race")
    audit.add_argument(
        "--selected", metavar="COLUMN", action=Once, help="whether the applicant moves forward"
    )
    audit.add_argument("--score", metavar="COLUMN", action=Once, help="score of the tool, instead")
    audit.add_argument(
        "--classes", metavar="COLUMN", action=Once, help="class that the tool assigns"
    )
    add_roles(audit, ("positive", "frequency"))
    audit.add_argument(
        "--names",
        metavar="COLUMN:VALUE=NAME",
        action="append",
        help="the rule's name of a value: sex:1=Male, 'race:AA=Black or African American'",
    )
    audit.add_argument(
        "--exclude-below",
        type=float,
        metavar="PART",
        action=Once,
        help="leave categories of less than this part of the data, at most 0.02, out of the ratios",
    )
    audit.add_argument("--justification", metavar="TEXT", action=Once, help="why they are left out")
    add_csv(audit)
    _add_confidence(audit)
    add_output(audit, _AUDIT_FORMS)


def _add_slices(verb: Callable[..., Parser]) -> None:
    slices = verb("slices", _slices, "Where a metric is worst, among all slices.", epilog=_SLICES)
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


def _add_reweighing(verb: Callable[..., Parser]) -> None:
    weights = verb(
        "reweighing",
        _reweighing,
        "Weights with which a label no longer depends on a facet.",
        epilog=_REWEIGHING,
    )
    add_data(weights)
    add_roles(weights)
    add_csv(weights)
    add_output(weights)


#: Each verb, and what adds it to the command line.
VERBS = {
    "impact": _add_impact,
    "audit": _add_audit,
    "slices": _add_slices,
    "reweighing": _add_reweighing,
}


def _impact(args: argparse.Namespace) -> None:
    from biaskit.audits.impact import impact_in_words, impact_rows

    if args.confidence is not None:
        refuse_level(args.confidence)
    settle_output(args)
    refuse_overwriting(args.output, args.data)
    counts, _ = counts_of(args, [])
    steps = None if args.steps is None else [one.strip() for one in args.steps.split(",")]
    made = impact_rows(counts, steps, args.confidence)
    emit(
        args,
        Records(
            "impact",
            made.columns,
            made.rows,
            head={**about(1), "roles": counts.roles.to_json()},
            summary=impact_in_words(made),
            before=[what_was_read(counts), *spelled_alike(counts)],
            blank=[name for name in made.columns if name not in ("rate", "impact_ratio")],
            least={"p_value": LEAST_P, "p_adjusted": LEAST_P},
            optional=("n_missing", "note"),
            once=("facet", "n_missing", "note"),
            spare=(
                *("h", "z_after_one_swap", "after_one_swap", "odds_ratio", "p_adjusted", "mh_low"),
                *("mh_high", "cmh_corrected", "cmh_corrected_p", "mh_shortfall", "breslow_day"),
                *("shortfall", "z", "to_reach", "n_missing"),
            ),
            level=args.confidence,
        ),
    )


def _reweighing(args: argparse.Namespace) -> None:
    from biaskit.audits.reweighing import WeightRow, weight_rows

    settle_output(args)
    refuse_overwriting(args.output, args.data)
    counts, _ = counts_of(args, [])
    rows = [
        row._replace(value=show(row.value), group=show(row.group), label=show(row.label))
        for row in weight_rows(counts)
    ]
    emit(
        args,
        Records(
            "weights",
            WeightRow._fields,
            rows,
            head={**about(1), "roles": counts.roles.to_json()},
            before=[what_was_read(counts), *spelled_alike(counts)],
            hidden=() if counts.roles.group else ("group",),
            blank=("weight",),
            optional=("note",),
            once=("facet", "note"),
        ),
    )


def _audit(args: argparse.Namespace) -> None:
    from biaskit.audits.local_law.summary_of_results import statements
    from biaskit.audits.local_law.tables import audit_nyc_144, columns_of_audit

    settle_output(args, _AUDIT_FORMS)
    refuse_overwriting(args.output, args.data)
    dialect = dialect_given(args)
    with progress_line() as progress:
        made = audit_nyc_144(
            args.data[0] if len(args.data) == 1 else args.data,
            sex=args.sex,
            race=args.race,
            selected=args.selected,
            score=args.score,
            positive=args.positive,
            classes=args.classes,
            names=_names(args.names or ()),
            exclude_below=args.exclude_below,
            justification=args.justification,
            frequency=args.frequency,
            confidence=args.confidence,
            dialect=dialect,
            progress=progress,
        )
    columns, rows = columns_of_audit(made, intervals=args.confidence is not None)
    emit(
        args,
        Records(
            "audit",
            columns,
            rows,
            head={**about(1), "rule": args.rule},
            before=statements(made),
            blank=("rate", "impact_ratio", "low", "high"),
            optional=("note",),
            once=("note",),
            spare=("low", "high"),
            level=args.confidence,
            source=made,
        ),
        _AUDIT_FORMS,
    )


def _names(given: Any) -> dict[str, dict[str, str]] | None:
    """Names of values by column, from texts such as ``sex:1=Male``."""
    made: dict[str, dict[str, str]] = {}
    for text in given:
        column, colon, rest = text.partition(":")
        value, equals, name = rest.rpartition("=")
        if not (colon and equals and value and name) or column not in ("sex", "race"):
            raise RolesError(
                f"--names takes a column, a value and its name, such as sex:1=Male, not {text!r}"
            )
        made.setdefault(column, {})[value] = name
    return made or None


def _markdown(made: Records) -> str:
    from biaskit.audits.local_law.summary_of_results import markdown

    return markdown(made.source)


def _html(made: Records) -> str:
    from biaskit.pages.local_law import page_of_audit

    return page_of_audit(made.source).removesuffix("\n")


def _excel(made: Records, path: str) -> None:
    from biaskit.pages.local_law import write_audit

    write_audit(made.source, path)


_AUDIT_FORMS = {
    **FORMS,
    "markdown": Form(".md", _markdown),
    "html": Form(".html", _html),
    "excel": Form(".xlsx", None, _excel, FORMS["excel"].ready),
}


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
        least={"p_adjusted": LEAST_P},
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
