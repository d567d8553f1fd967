"""The verbs that print numbers and what they mean: report, metrics, demo."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from biaskit.cli.counting import counts_of, protected_counts_of
from biaskit.cli.flags import (
    Once,
    Parser,
    add_csv,
    add_data,
    add_missing_facet,
    add_roles,
    add_round_to,
    add_seed,
    confidence_or_none,
    limits_given,
)
from biaskit.cli.writing.cards import CARDS, Reported
from biaskit.cli.writing.output import (
    FORMS,
    about,
    add_output,
    emit,
    refuse_overwriting,
    settle_output,
    write,
)
from biaskit.cli.writing.paging import (
    PAGE,
    UNSAID,
    add_page,
    refuse_no_page,
    save_demo,
    take_over,
    write_page,
)
from biaskit.cli.writing.screen import Records, screen, width_of_terminal
from biaskit.cli.writing.shortening import of_largest, shown
from biaskit.cli.writing.streams import say
from biaskit.counts.counts import Counts
from biaskit.counts.roles import Roles
from biaskit.counts.spellings import spelled_alike
from biaskit.errors import RolesError, refuse_level
from biaskit.intervals.figures import LEAST_P
from biaskit.metrics import EVERY, Metric, chosen, named
from biaskit.reports.report import (
    Row,
    columns_of,
    refuse_choices,
    report_rows,
    what_is_compared,
    what_was_read,
)
from biaskit.reports.sentences import row_sentences
from biaskit.reports.summary import Summary, summarised
from biaskit.sources.counting import count_roles
from biaskit.store import formats, saved, written

__all__ = ["VERBS"]

_FORMS = {**FORMS, **CARDS, **PAGE}

# The stage is known from the metric, the level from the call, and n_a and n_d say how many rows.
_FOR_PROGRAMS = ("stage", "confidence", "of_a", "of_d")

# Numbers beside the estimate.
_NUMBERS = ("low", "high", "least", "most", "p_value", "rate_a", "rate_d")

# Characters of a line of prose where no terminal has a width.
_LINE = 100

_EXAMPLES = """examples:
  biaskit report loans.parquet --facet gender --label paid
  biaskit report loans.csv --facet age --facet-above 40 --label status --positive approved
  biaskit report people.data --columns age,sex,income --strip --facet sex --label income
  biaskit report 'day-*.parquet' --facet gender --facet race --label paid --group branch -o bias.csv
"""


def _add_report(verb: Callable[..., Parser]) -> None:
    report = verb("report", _report, "Every metric for every facet value.", epilog=_EXAMPLES)
    add_data(report)
    add_roles(report)
    add_csv(report)
    report.add_argument(
        "--metrics",
        metavar="CI,DPL",
        action=Once,
        help="metrics to report (default: all whose columns are given)",
    )
    report.add_argument(
        "--words", action="store_true", help="say in a sentence what each row means"
    )
    # Its name in 0.1.0; to be removed in 0.3.0.
    report.add_argument("--explain", dest="words", action="store_true", help=argparse.SUPPRESS)
    report.add_argument(
        "--confidence",
        type=confidence_or_none,
        default=UNSAID,
        metavar="LEVEL",
        help="level of the intervals, or 'none' to leave them out (default: that of the page that "
        "is read back, else 0.95)",
    )
    add_seed(report)
    report.add_argument(
        "--top", type=int, metavar="N", help="only the N values of each facet with most rows"
    )
    report.add_argument(
        "--min-rows",
        type=int,
        default=0,
        metavar="N",
        help="only facet values with at least N rows",
    )
    report.add_argument(
        "--all",
        action="store_true",
        help="a table of every row and column, with those that mirror or restate others",
    )
    add_missing_facet(report)
    add_round_to(report)
    add_page(report)
    add_output(report, _FORMS)


def _add_rates(verb: Callable[..., Parser]) -> None:
    rates = verb("rates", _rates, "Rates of outcomes of every facet value, with intervals.")
    add_data(rates)
    add_roles(rates)
    add_csv(rates)
    rates.add_argument(
        "--confidence", type=float, default=0.95, metavar="LEVEL", help="level of the intervals"
    )
    add_output(rates)


def _add_metrics(verb: Callable[..., Parser]) -> None:
    metrics = verb("metrics", _metrics, "Table of all metrics, or what some of them say.")
    metrics.add_argument(
        "metric", nargs="*", metavar="METRIC", help="symbols or names, such as DPL or 'recall'"
    )
    add_output(metrics)


def _add_demo(verb: Callable[..., Parser]) -> None:
    demo = verb("demo", _demo, "Run the whole pipeline on a real table.")
    demo.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="keep the table in this Parquet file; if FILE ends in .html, write a page instead",
    )
    demo.set_defaults(all=False, top=None)


#: Each verb, and what adds it to the command line.
VERBS = {"report": _add_report, "rates": _add_rates, "metrics": _add_metrics, "demo": _add_demo}


def _report(args: argparse.Namespace) -> None:
    asked = chosen(args.metrics)
    settle_output(args, _FORMS)
    refuse_no_page(args)
    take_over(args)
    refuse_choices(args.confidence, args.seed)
    if args.format == "html":
        return write_page(args, asked)
    refuse_overwriting(args.output, args.data)
    if args.all and args.top is not None:
        raise RolesError("give --all or --top, not both")
    if args.top is not None and args.top < 1:
        raise RolesError(f"--top must be 1 or more, not {args.top}")
    counts, sample = protected_counts_of(args, asked)
    missing = args.missing_facet
    rows = report_rows(counts, asked, args.confidence, args.seed, sample, missing=missing)
    rows = [rows[i] for i in of_largest(rows, args.top, args.min_rows)]
    said = summarised(rows, counts, asked)
    made = _records(
        counts,
        rows,
        said,
        words=row_sentences(rows, counts, asked) if args.words else [],
        shown=shown(counts, rows, asked, args),
        level=args.confidence,
        source=Reported(rows, counts, said, args.data, limits_given(args.limit or ())),
        missing=missing,
    )
    return emit(args, made, _FORMS)


def _records(
    counts: Counts, rows: Sequence[Row], said: Summary, missing: str | None = None, **more: Any
) -> Records:
    """Output of a report."""
    columns = columns_of(counts, missing)
    protected = {} if counts.protected is None else {"protected": counts.protected.to_json()}
    head = {**about(2), "roles": counts.roles.to_json(), **protected, "summary": said.to_json()}
    return Records(
        "report",
        columns,
        [[getattr(row, name) for name in columns] for row in rows],
        head=head,
        hidden=(*_FOR_PROGRAMS, *(() if any(row.n_other for row in rows) else ("n_other",))),
        blank=_NUMBERS,  # its estimate says "undefined"
        least={"p_value": LEAST_P},
        optional=(*_NUMBERS, "n_missing", "n_other", "note"),
        once=("facet", "value", "metric", "n_a", "n_d", "n_missing", "n_other", "note"),
        spare=("n_other", "n_missing", "n_a", "p_value", "rate_a", "rate_d", "n_d"),
        summary=[one.sentence for one in said.findings],
        before=[what_is_compared(counts), *spelled_alike(counts)],
        **more,
    )


def _rates(args: argparse.Namespace) -> None:
    from biaskit.reports.rates import RateRow, rate_rows  # a report has no use for it

    refuse_level(args.confidence)
    settle_output(args)
    refuse_overwriting(args.output, args.data)
    counts, _ = counts_of(args, [])
    rows = rate_rows(counts, args.confidence)
    made = Records(
        "rates",
        RateRow._fields,
        rows,
        head={**about(1), "roles": counts.roles.to_json()},
        before=[what_was_read(counts), *spelled_alike(counts)],
        blank=("low", "high"),
        optional=("n_missing",),
        once=("facet", "n_missing"),
        spare=("n_missing", "n"),
        level=args.confidence,
    )
    emit(args, made)


def _metrics(args: argparse.Namespace) -> None:
    settle_output(args)
    asked = _asked(args.metric)
    columns = ("metric", "name", "formula", "needs", "range", "parity", "against d")
    rows = [
        (
            one.symbol,
            one.title,
            one.formula,
            ", ".join(("facet", *one.needs)),
            _range(one),
            f"{one.parity:g}",
            one.against_d,
        )
        for one in asked or EVERY.values()
    ]
    if asked and args.format == "table":
        width = (width_of_terminal() if args.output is None else None) or _LINE
        return write(args, "\n\n".join(_told(one, width) for one in asked))
    return emit(args, Records("metrics", columns, rows))


def _asked(words: Sequence[str]) -> list[Metric]:
    """Metrics that are named: one by all the words, or each by a word."""
    with contextlib.suppress(RolesError):
        return [named(" ".join(words))]
    return chosen(",".join(words)) or [] if words else []


def _range(metric: Metric) -> str:
    return f"[{metric.bounds[0]:.4g}, {metric.bounds[1]:.4g}]"


_SWAPPED = {
    "negates": "changes its sign",
    "inverts": "inverts it",
    "keeps": "changes nothing",
    "changes": "gives another number",
}


def _told(metric: Metric, width: int | None) -> str:
    """What a metric is and says, for people."""
    worse = {">": "above", "<": "below"}.get(metric.against_d)
    sign = f"; {worse} {metric.parity:g} is against facet d" if worse else ""
    default = " (unless the outcome is true or false, or 0 or 1)"
    facts = {
        "formula": metric.formula,
        "says": metric.reading,
        "range": f"{_range(metric)}; {metric.parity:g} is parity{sign}",
        "swap": f"swapping the two sides {_SWAPPED[metric.swap]}",
        "needs": ", ".join(f"--{need}" for need in ("facet", *metric.needs))
        + (default if "positive" in metric.needs else ""),
        "also": ", ".join(metric.aliases),
    }
    rows = [(name, fact) for name, fact in facts.items() if fact]
    return formats.as_table((metric.symbol, metric.title), rows, width)


def _demo(args: argparse.Namespace) -> None:
    import tempfile

    from biaskit import datasets

    is_page = args.output is not None and Path(args.output).suffix.lower() == ".html"
    if is_page:
        written.refuse_unwritable(args.output)
    with contextlib.ExitStack() as stack:
        if args.output is None or is_page:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            path = Path(folder) / "berkeley.parquet"
        else:
            path = Path(args.output)
        saved.write(path, datasets.berkeley_columns())
        roles = Roles(
            facet="gender",
            label="decision",
            group="department",
            positive="admitted",
            facet_values="female",
        )
        counts = count_roles(str(path), roles)
        rows = report_rows(counts)
    by_metric = {row.metric: row.estimate for row in rows}
    made = _records(counts, rows, summarised(rows, counts), shown=shown(counts, rows, None, args))
    say(
        "Graduate admissions at Berkeley, 1973: six departments, "
        f"{counts.rows:,} applicants, written to a Parquet file and counted.\n\n"
        "$ biaskit report berkeley.parquet --facet gender --facet-values female \\\n"
        "      --label decision --positive admitted --group department\n\n"
        f"{screen(made, width_of_terminal())}\n\n"
        f"{_berkeley_reading(by_metric)}"
    )
    if is_page:
        save_demo(counts, args.output)
        say(f"\nThe page is {formats.printable(args.output)}: open it in a browser.")
    elif args.output is not None:
        say(f"\nThe table is in {formats.printable(args.output)}: try the command above on it.")


def _berkeley_reading(estimate: dict[str, float]) -> str:
    """What the figures of the demo mean, in words."""
    points = 100 * estimate["DPL"]
    return (
        f"DPL {estimate['DPL']:+.3f}: the share of women who were admitted is {points:.0f} points "
        "below that of men.\n"
        f"DD {estimate['DD']:+.3f}: women are a larger share of the rejected than of the admitted."
        "\n"
        f"CDDL {estimate['CDDL']:+.3f}: within departments the gap is gone: its interval "
        "contains 0. Women applied more to the\ndepartments that admit few of anyone. That a "
        "disparity can disappear, or even reverse, within groups\nis what CDDL exists to show: "
        "look at groups before you conclude."
    )
