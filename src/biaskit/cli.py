"""Command line: each verb is a few lines that call one function of the library."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from biaskit import __version__, datasets, formats, store
from biaskit.counts import Counts
from biaskit.errors import BiaskitError, RolesError, did_you_mean
from biaskit.fliptest import sample_for
from biaskit.metrics import FROM_ROWS, METRICS, Metric, chosen
from biaskit.reports import Row, refuse_choices, report_rows, summary
from biaskit.roles import Roles
from biaskit.sources import ColumnPath, count_roles, kernels_choice, paths_of, saved_counts
from biaskit.sources.sample import Sample
from biaskit.words import in_words

__all__ = ["main"]

_FINE, _WRONG, _INTERRUPTED = 0, 2, 130

_HELP = {
    "facet": "column whose values may be favoured or not; repeat it for several; "
    "'gender & race' is the intersection of two columns",
    "label": "column of the observed outcome",
    "predicted": "column of the model's outcome",
    "group": "column of the strata of CDDL, such as a department",
    "weight": "column of the rows' weights",
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
_EXAMPLES = """examples:
  biaskit report loans.parquet --facet gender --label paid
  biaskit report loans.csv --facet age --facet-above 40 --label status --positive approved
  biaskit report 'day-*.parquet' --facet gender --facet race --label paid --group branch -o bias.csv
"""
_EXPLAIN = "Split the gap between two sides' model outputs into the features that make it."
_EXPLAIN_MORE = """examples:
  biaskit explain --model model.json rows.parquet --facet gender --facet-values F
  biaskit explain --model model.txt rows.csv --facet age --facet-above 40 --background rows.csv
  biaskit explain --model scores:score rows.csv --features income,debt --facet gender -o gap.csv
"""
_SUFFIXES = {
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".parquet": "parquet",
    ".txt": "table",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0 when all is fine, 2 when the call or the data is wrong."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        args = _parsed(list(sys.argv[1:] if argv is None else argv))
        args.run(args)
        sys.stdout.flush()
    except BiaskitError as error:
        print(f"biaskit: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
        return _WRONG
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("biaskit: interrupted; nothing was written", file=sys.stderr)  # noqa: T201
        return _INTERRUPTED
    return _FINE


def _report(args: argparse.Namespace) -> None:
    asked = chosen(args.metrics)
    refuse_choices(args.confidence, args.seed)
    _settle_output(args)
    counts, roles, sample = _counted(args, asked)
    rows = report_rows(counts, roles, asked, args.confidence, args.seed, sample)
    columns: Sequence[str] = Row._fields
    words = _sentences(rows, roles, asked) if args.explain else []
    if args.format == "json":
        records = [row._asdict() for row in rows]
        for record, sentence in zip(records, words, strict=False):
            record["words"] = sentence
        about = {"version": __version__, "schema": 1}
        report = {"biaskit": about, "roles": roles.to_json(), "report": records}
        return _write(args, formats.as_json(report))
    if args.format in ("table", "markdown"):  # people know the stage from the metric
        columns = [name for name in columns if name != "stage"]
    cells = [[getattr(row, name) for name in columns] for row in rows]
    if args.format == "table":
        parts = [summary(counts, roles), formats.as_table(columns, cells)]
        if words:
            parts.append("\n".join(map(formats.printable, words)))
        return _write(args, "\n\n".join(parts))
    if words:
        columns = [*columns, "words"]
        cells = [[*line, sentence] for line, sentence in zip(cells, words, strict=True)]
    return _write(args, _tabular(args, columns, cells))


def _sentences(rows: Sequence[Row], roles: Roles, asked: Sequence[Metric] | None) -> list[str]:
    known = (*METRICS.values(), *FROM_ROWS.values(), *(asked or ()))
    by_symbol = {metric.symbol: metric for metric in known}
    return [
        in_words(
            by_symbol[row.metric],
            roles,
            row.value,
            estimate=row.estimate,
            low=row.low,
            high=row.high,
            n_a=row.n_a,
            n_d=row.n_d,
            note=row.note,
        )
        for row in rows
    ]


def _count(args: argparse.Namespace) -> None:
    if args.explain:
        return _explain_paths(args)
    store.refuse_unwritable(args.output)
    counts, _, _ = _counted(args, [])
    counts.save(args.output)
    cells = sum(int((table.n > 0).sum()) for table in counts.tables.values())
    return _say(f"{counts.rows:,} rows in {cells:,} cells: {args.output}")


def _explain_paths(args: argparse.Namespace) -> None:
    if len(args.data) == 1 and saved_counts(args.data[0]) is not None:
        return _say(f"{args.data[0]} is a file of saved counts: there are no rows to read")
    rows = paths_of(args.data, Roles.of(**_roles_given(args)))
    columns = [name.replace("_", " ") for name in ColumnPath._fields]
    return _say(f"BIASKIT_KERNELS is {kernels_choice()}\n\n{formats.as_table(columns, rows)}")


def _explain(args: argparse.Namespace) -> None:
    from biaskit.explained import Request, attributions_of
    from biaskit.explanations import GapRow, gap_rows, refuse_confidence

    refuse_confidence(args.confidence)
    _settle_output(args)
    if args.values is not None:
        store.refuse_unwritable(args.values)
    asked = ("facet", "facet_values", "facet_above", "facet_edges")
    roles = Roles.of(**{name: getattr(args, name) for name in asked})
    request = Request(
        model=args.model,
        data=args.data,
        roles=roles,
        background=args.background,
        features=args.features,
        output_class=args.output_class,
        scale=args.scale,
        seed=args.seed,
        trust_pickle=args.trust_pickle,
        values_to=args.values,
        key=args.key,
    )
    with _progress() as progress:
        found = attributions_of(request, progress)
    rows = gap_rows(found, roles, args.confidence)
    if args.format == "json":
        records = [row._asdict() for row in rows]
        about = {"version": __version__, "schema": 1}
        made = {"biaskit": about, "roles": roles.to_json(), "explanation": records}
        return _write(args, formats.as_json(made))
    columns: Sequence[str] = GapRow._fields
    if args.format == "table":  # people read once what is the same in every row
        same = {"output", "scale", "method"} - (
            {"output"} if len(found.about.outputs) > 1 else set()
        )
        columns = [name for name in columns if name not in same]
        unit = f"{found.about.scale} scale ({found.about.unit}); {found.about.method}"
    cells = [[getattr(row, name) for name in columns] for row in rows]
    if args.format == "table":
        table = formats.as_table(columns, cells)
        return _write(args, f"{found.rows:,} rows; {formats.printable(unit)}\n\n{table}")
    return _write(args, _tabular(args, columns, cells))


def _merge(args: argparse.Namespace) -> None:
    store.refuse_unwritable(args.output)
    parts = [Counts.load(path) for path in args.counts]
    total = sum(parts[1:], parts[0])
    total.save(args.output)
    _say(f"{total.rows:,} rows from {len(parts):,} files: {args.output}")


def _metrics(args: argparse.Namespace) -> None:
    _settle_output(args)
    columns = ("metric", "name", "formula", "needs", "range", "parity", "against d")
    rows = [
        (
            one.symbol,
            one.title,
            one.formula,
            ", ".join(("facet", *one.needs)),
            f"[{one.bounds[0]:.4g}, {one.bounds[1]:.4g}]",
            f"{one.parity:g}",
            one.against_d,
        )
        for one in (*METRICS.values(), *FROM_ROWS.values())
    ]
    if args.format == "json":
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        return _write(args, formats.as_json({"metrics": named}))
    return _write(args, _tabular(args, columns, rows))


def _demo(args: argparse.Namespace) -> None:
    import tempfile

    with contextlib.ExitStack() as stack:
        if args.output is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            path = Path(folder) / "berkeley.parquet"
        else:
            path = Path(args.output)
        store.write(path, datasets.berkeley_columns())
        roles = Roles.of(
            facet="gender",
            label="decision",
            group="department",
            positive="admitted",
            facet_values="female",
        )
        counts = count_roles(str(path), roles)
        rows = report_rows(counts, roles)
    by_metric = {row.metric: row.estimate for row in rows}
    columns = ("metric", "estimate", "low", "high", "n_a", "n_d", "note")
    table = formats.as_table(columns, [[getattr(row, name) for name in columns] for row in rows])
    _say(
        "Graduate admissions at Berkeley, 1973: six departments, "
        f"{counts.rows:,} applicants, written to a Parquet file and counted.\n\n"
        "$ biaskit report berkeley.parquet --facet gender --facet-values female \\\n"
        "      --label decision --positive admitted --group department\n\n"
        f"{summary(counts, roles)}\n\n{table}\n\n"
        f"{_berkeley_reading(by_metric)}"
    )
    if args.output is not None:
        _say(f"\nThe table is in {args.output}: try the command above on it.")


def _berkeley_reading(estimate: dict[str, float]) -> str:
    """What the figures of the demo say, in words."""
    points = 100 * estimate["DPL"]
    return (
        f"DPL {estimate['DPL']:+.3f}: the share of women who were admitted is {points:.0f} points "
        "below that of men.\n"
        f"DD {estimate['DD']:+.3f}: women are more of the rejected than they are of the admitted.\n"
        f"CDDL {estimate['CDDL']:+.3f}: within departments that gap is gone: the interval holds 0. "
        "Women applied more to the\ndepartments that admit few of anyone. That a disparity can "
        "disappear, or even reverse, within groups\nis what CDDL exists to show: look at groups "
        "before you conclude."
    )


def _counted(
    args: argparse.Namespace, asked: Sequence[Metric] | None
) -> tuple[Counts, Roles, Sample | None]:
    """Counts of the data that a command names, roles of a report, and rows for the metrics asked.

    Saved counts are taken as they are.
    """
    if len(args.data) == 1 and (saved := saved_counts(args.data[0])) is not None:
        return saved, saved.roles.chosen(**_roles_given(args)), None
    roles = Roles.of(**_roles_given(args))
    sample = sample_for(roles, asked)
    with _progress() as progress:
        return count_roles(args.data, roles, progress, sample), roles, sample


def _roles_given(args: argparse.Namespace) -> dict[str, Any]:
    given = {field.name: getattr(args, field.name) for field in fields(Roles)}
    return {**given, "features": "rest" if args.features == ["rest"] else args.features}


def _tabular(
    args: argparse.Namespace, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> str:
    if args.format == "parquet":
        store.write(args.output, dict(zip(columns, zip(*rows, strict=True), strict=True)))
        return ""
    write: dict[str, Callable[..., str]] = {
        "table": formats.as_table,
        "csv": formats.as_csv,
        "markdown": formats.as_markdown,
    }
    return write[args.format](columns, rows)


def _write(args: argparse.Namespace, text: str) -> None:
    """Write text where the call says, standard output by default."""
    if args.output is None:
        _say(text)
    elif args.format != "parquet":
        with store.atomically(args.output) as file:
            file.write(f"{text}\n".encode())


def _settle_output(args: argparse.Namespace) -> None:
    """Settle the format, and refuse an output that could not be written, before any work."""
    output = args.output
    if output is not None:
        store.refuse_unwritable(output)
        suffix = Path(output).suffix.lower()
        if args.format is None and suffix not in _SUFFIXES:
            raise RolesError(
                f"which format is {output!r}? Give --format, or end in {', '.join(_SUFFIXES)}"
            )
        args.format = args.format or _SUFFIXES[suffix]
    elif args.format == "parquet":
        raise RolesError("--format parquet needs a file: -o FILE")
    args.format = args.format or "table"


def _say(text: str) -> None:
    print(text)  # noqa: T201


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, float | None], None] | None]:
    """Line on standard error while long work goes on; only where a person can see it."""
    if not sys.stderr.isatty():
        yield None
        return
    start = shown = time.monotonic()

    def show(rows: int, done: float | None) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - start < 1 or now - shown < 0.2:  # quick work needs no line
            return
        shown = now
        line = f"{rows:,} rows, {rows / (now - start):,.0f} a second"
        if done:
            line += f", {(now - start) * (1 - done) / done:,.0f} s left"
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        if shown > start:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class _Parser(argparse.ArgumentParser):
    """Parser whose complaints are one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        raise RolesError(f"{message}; see `{self.prog} --help`")


class _Once(argparse.Action):
    """A flag that may be given once: a role that is given twice is a mistake, not a correction."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} is given twice")
        setattr(namespace, self.dest, values)


def _parsed(argv: list[str]) -> argparse.Namespace:
    parser, verbs = _parser()
    if argv and not argv[0].startswith("-") and argv[0] not in verbs:
        raise RolesError(f"no verb {argv[0]!r}; {did_you_mean(argv[0], verbs)}")
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        flags = sorted(flag for flag in verbs[argv[0]]._option_string_actions if flag[:2] == "--")
        raise RolesError(f"no flag {unknown[0]!r} for {argv[0]}; {did_you_mean(unknown[0], flags)}")
    return args


def _parser() -> tuple[_Parser, dict[str, _Parser]]:
    shape: dict[str, Any] = {
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }
    parser = _Parser(prog="biaskit", description="Measure bias in data and in models.", **shape)
    parser.add_argument("--version", action="version", version=f"biaskit {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, run: Callable[[argparse.Namespace], None], help_: str, **more: Any) -> Any:
        made = verbs.add_parser(name, help=help_, description=help_, **shape, **more)
        made.set_defaults(run=run)
        return made

    report = verb("report", _report, "Every metric for every facet value.", epilog=_EXAMPLES)
    _add_data(report)
    report.add_argument(
        "--metrics",
        type=lambda text: text.split(","),
        metavar="CI,DPL",
        action=_Once,
        help="metrics to report (default: all whose columns are given)",
    )
    report.add_argument(
        "--explain", action="store_true", help="say in a sentence what each row means"
    )
    report.add_argument(
        "--confidence",
        type=_confidence,
        default=0.95,
        metavar="LEVEL",
        help="level of the intervals, or 'none' for none (default: 0.95)",
    )
    report.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the draws behind the intervals"
    )
    _add_output(report)

    count = verb("count", _count, "Read the rows once and save their counts.")
    _add_data(count)
    # What is explained is not counted, so there is nothing to write.
    either = count.add_mutually_exclusive_group(required=True)
    either.add_argument("-o", "--output", metavar="FILE", help="counts file to write")
    either.add_argument(
        "--explain",
        action="store_true",
        help="do not count; say how each column would be read, and why",
    )

    _add_explain(verb("explain", _explain, _EXPLAIN, epilog=_EXPLAIN_MORE))

    merge = verb("merge", _merge, "Add saved counts of the same roles.")
    merge.add_argument("counts", nargs="+", metavar="COUNTS", help="files that `count` wrote")
    merge.add_argument("-o", "--output", required=True, metavar="FILE", help="counts file to write")

    metrics = verb("metrics", _metrics, "Table of all metrics: formula, range, sign.")
    _add_output(metrics)

    demo = verb("demo", _demo, "Run the whole pipeline on a real table.")
    demo.add_argument("-o", "--output", metavar="FILE", help="keep the table in this Parquet file")
    return parser, verbs.choices


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data",
        nargs="+",
        metavar="DATA",
        help="Parquet, CSV or JSON Lines files, globs or folders; or one file of saved counts",
    )
    for field in fields(Roles):
        flag: dict[str, Any] = {"help": _HELP[field.name], "action": _Once, "metavar": "COLUMN"}
        match field.name:
            case "facet":
                flag |= {"action": "append", "type": _facet}
            case "features":
                flag |= {"action": "append"}
            case "positive" | "facet_values":
                flag |= {"action": "append", "metavar": "VALUE"}
            case "facet_edges":
                flag |= {"type": _edges, "metavar": "N,N"}
            case "positive_above" | "predicted_above" | "facet_above":
                flag |= {"type": float, "metavar": "N"}
        parser.add_argument(f"--{field.name.replace('_', '-')}", **flag)


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", nargs="+", metavar="DATA", help="files, globs or folders of rows")
    parser.add_argument(
        "--model",
        required=True,
        action=_Once,
        metavar="MODEL",
        help="XGBoost .json or .ubj, LightGBM .txt, .onnx, .skops, module:function; .pkl, .pickle "
        "or .joblib with --trust-pickle",
    )
    parser.add_argument(
        "--facet",
        required=True,
        action="append",
        type=_facet,
        metavar="COLUMN",
        help=_HELP["facet"],
    )
    parser.add_argument(
        "--facet-values", action="append", metavar="VALUE", help=_HELP["facet_values"]
    )
    parser.add_argument(
        "--facet-above", type=float, action=_Once, metavar="N", help=_HELP["facet_above"]
    )
    parser.add_argument(
        "--facet-edges", type=_edges, action=_Once, metavar="N,N", help=_HELP["facet_edges"]
    )
    parser.add_argument(
        "--background",
        action="append",
        metavar="FILE",
        help="rows to compare with; the data themselves are one choice (default: what the trees "
        "say of their training rows, or 50 rows of the data for other models)",
    )
    parser.add_argument(
        "--features",
        type=lambda text: text.split(","),
        action=_Once,
        metavar="A,B",
        help="columns that the model takes, in its order (default: those that it names)",
    )
    parser.add_argument(
        "--output-class", action=_Once, metavar="CLASS", help="the one class to explain, of several"
    )
    parser.add_argument(
        "--scale",
        choices=["auto", "raw", "probability"],
        default="auto",
        help="what is explained (default: what can be exact: a tree ensemble's margin, such as "
        "log-odds, or any other model's own output)",
    )
    parser.add_argument(
        "--values",
        action=_Once,
        metavar="FILE",
        help="also write every row's values to this Parquet file",
    )
    parser.add_argument(
        "--key", action=_Once, metavar="COLUMN", help="column that names the rows in that file"
    )
    parser.add_argument(
        "--confidence", type=float, default=0.95, metavar="LEVEL", help="of the intervals"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is drawn")
    parser.add_argument(
        "--trust-pickle",
        action="store_true",
        help="open a pickled model, which runs whatever code is in the file: only if you know who "
        "made it",
    )
    _add_output(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=["table", "json", "csv", "markdown", "parquet"],
        action=_Once,
        help="form of the output (default: by the name of FILE, else table)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write to a file, whole or not at all"
    )


def _facet(text: str) -> str | tuple[str, ...]:
    parts = tuple(text.split(" & "))
    return parts if len(parts) > 1 else text


def _confidence(text: str) -> float | None:
    return None if text == "none" else float(text)


def _edges(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are not numbers like 25,40,65") from None
