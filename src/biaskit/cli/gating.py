"""The verbs that check data against limits or a baseline: check, compare, baseline."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from biaskit.cli.flags import (
    Once,
    Parser,
    add_csv,
    add_missing_facet,
    add_roles,
    add_seed,
    dialect_given,
    in_flags,
    limit_of,
    limits_given,
    roles_given,
)
from biaskit.cli.writing.output import (
    about,
    add_output,
    emit,
    progress_line,
    refuse_overwriting,
    settle_output,
    write,
)
from biaskit.cli.writing.screen import Records
from biaskit.cli.writing.streams import say
from biaskit.counts.counts import Counts
from biaskit.errors import (
    BiaskitError,
    DataError,
    RolesError,
    did_you_mean,
    refuse_level,
    refuse_seed,
)
from biaskit.gate.config import Config, DataSet, config_file, data_of, read_config
from biaskit.gate.forms import FORMS, Form, Result
from biaskit.gate.limits import allowed_changes
from biaskit.gate.outcomes import (
    Outcome,
    Table,
    broken,
    check_data_set,
    dry_run,
    failed,
    write_baseline,
)
from biaskit.gate.people import conclusion, markdown_summary
from biaskit.gate.verdicts import FAIL, UNCERTAIN
from biaskit.sources.dispatch import opened
from biaskit.sources.files.dialect import OPTIONS
from biaskit.sources.files.finding import expanded
from biaskit.sources.files.local import LocalBytes
from biaskit.store import formats, written
from biaskit.store.addresses import in_one_line

__all__ = ["VERBS"]

_FOUND, _WRONG = 1, 2


def _page(result: Result) -> str:
    from biaskit.pages.checks import page_of_checks  # only where a page is made

    return page_of_checks(result).rstrip("\n")


_FORMS = {**FORMS, "html": Form(".html", _page)}
_EXAMPLES = """examples:
  biaskit check                                  every data set of biaskit.toml or pyproject.toml
  biaskit check loans.parquet                    the data sets that have this file, this file only
  biaskit check loans.parquet --facet gender --label paid --limit DPL=0.1 --limit KL=0,0.05
exit codes: 0 nothing found, 1 a limit is breached, 2 something could not be checked
"""


def _add_check(verb: Callable[..., Parser]) -> None:
    check = verb("check", _check, "Check data against limits.", epilog=_EXAMPLES)
    check.add_argument("data", nargs="*", metavar="DATA", help="files, globs or folders")
    _add_config(check)
    check.add_argument(
        "--limit",
        action="append",
        type=limit_of,
        metavar="DPL=0.1",
        help="distance from parity that a metric may have, or its range (DI=0.8,1.25); repeat it",
    )
    check.add_argument(
        "--threshold",
        type=float,
        metavar="N",
        help="scores above this number are the positive predictions (with --score)",
    )
    check.add_argument(
        "--required",
        action="append",
        metavar="DPL",
        help="metric whose uncertain verdict is a fail; repeat it",
    )
    check.add_argument(
        "--min-rows", type=int, metavar="N", help="rows that each side needs before it is judged"
    )
    check.add_argument(
        "--confidence", type=float, metavar="LEVEL", help="level of the intervals (default: 0.95)"
    )
    add_missing_facet(check)
    check.add_argument(
        "--strict", action="store_true", help="treat uncertain verdicts as errors, not warnings"
    )
    how_much = check.add_mutually_exclusive_group()
    how_much.add_argument(
        "-v", "--verbose", action="store_true", help="list the numbers that passed too"
    )
    how_much.add_argument(
        "-q", "--quiet", action="store_true", help="list findings alone, and nothing without any"
    )
    check.add_argument(
        "--dry-run",
        action="store_true",
        help="only check that the configuration is valid and the files have the columns",
    )
    add_seed(check)
    add_roles(check)
    add_csv(check)
    add_output(check, _FORMS, "text")


def _add_compare(verb: Callable[..., Parser]) -> None:
    compare = verb("compare", _compare, "What has changed since a baseline.")
    compare.add_argument(
        "current", metavar="CURRENT", help="saved counts or a page, or data to be counted"
    )
    compare.add_argument(
        "baseline", metavar="BASELINE", help="saved counts of the same roles, or a page"
    )
    compare.add_argument(
        "--limit",
        action="append",
        type=limit_of,
        metavar="DPL=0.05",
        help="how much farther from parity a metric may be ('facet share' and 'label share': how "
        "much a share may change); repeat it (default: no farther, for every metric)",
    )
    compare.add_argument("--facet", action="append", metavar="COLUMN")
    compare.add_argument("--positive", action="append", metavar="VALUE")
    compare.add_argument("--facet-values", action="append", metavar="VALUE")
    compare.add_argument("--confidence", type=float, default=0.95, metavar="LEVEL")
    compare.add_argument(
        "--strict", action="store_true", help="uncertain verdicts make the exit code 1 too"
    )
    add_csv(compare)
    add_seed(compare)
    add_output(compare)


def _add_baseline(verb: Callable[..., Parser]) -> None:
    baseline = verb("baseline", _baseline, "Write the counts that data sets name as baselines.")
    _add_config(baseline)


#: Each verb, and what adds it to the command line.
VERBS = {"check": _add_check, "compare": _add_compare, "baseline": _add_baseline}


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        action=Once,
        help="configuration (default: biaskit.toml or pyproject.toml, here or above)",
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="data set of it, by name; repeat it"
    )


def _check(args: argparse.Namespace) -> int:
    settle_output(args, _FORMS, "text")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        written.refuse_unwritable(summary)
    outcomes, unmatched, strict = _outcomes(args)
    code = _FOUND if failed(outcomes) else 0
    if any(one.broken for one in outcomes):
        code = _WRONG
    result = Result(outcomes, unmatched, strict, code, args.verbose, args.quiet)
    text = _FORMS[args.format].text(result)
    if text or args.output is not None:
        write(args, text)
    if args.output is not None and not (args.quiet and code == 0):
        say(formats.printable(conclusion(outcomes, unmatched)))
    if summary:
        _append(summary, markdown_summary(outcomes, unmatched))
    return code


def _outcomes(args: argparse.Namespace) -> tuple[list[Outcome], int, bool]:
    """Outcomes of a call, how many of its files belong to no data set, and whether it is strict."""
    if args.limit or any(value is not None for value in roles_given(args).values()):
        refuse_overwriting(args.output, args.data)
        data, table = _by_hand(args)
        return [_in_flags(_outcome(args, data, None, args.strict, table))], 0, args.strict
    others = ("threshold", "required", "min_rows", "confidence", "missing_facet")
    for flag in (*others, "input_format", "sheet", *OPTIONS):
        if getattr(args, flag) is not None:
            name = flag.removesuffix("_facet")
            key = f"{name} in its table csv" if flag in OPTIONS else f"{name} as a key"
            raise RolesError(
                f"--{flag.replace('_', '-')} goes with --facet and --limit; "
                f"a configuration has {key}"
            )
    config = _config(args)
    chosen = _chosen(config, args.only)
    refuse_overwriting(args.output, (), _read(config, chosen))
    strict = args.strict or config.strict
    made: list[Outcome] = []
    files = [*map(data_of, expanded(args.data))] if args.data else None
    if files is not None and not files:
        raise RolesError(
            "no data set of a configuration is in a pipe or standard input; give --facet and "
            "--limit to check it"
        )
    matched: set[Path] = set()
    for one in chosen:
        if not isinstance(one, DataSet):
            made.append(broken(*one))
        elif files is None:
            made.append(_outcome(args, one, None, strict))
        else:
            its = [path for path in files if one.has(path)]
            matched.update(its)
            made += [_outcome(args, one, [path], strict) for path in its]
    return made, len(files or ()) - len(matched), strict


def _read(
    config: Config, chosen: Sequence[DataSet | tuple[str, BiaskitError]]
) -> Iterator[str | Path | None]:
    """Files that a check of a configuration reads, including the configuration itself."""
    yield config.path
    for one in chosen:
        if isinstance(one, DataSet):
            yield one.baseline
            with contextlib.suppress(OSError, ValueError):  # its outcome says what is wrong
                yield from expanded([path for path in one.paths() if isinstance(path, Path)])


def _outcome(
    args: argparse.Namespace,
    data: DataSet,
    files: Sequence[Path] | None,
    strict: bool,
    table: Table | None = None,
) -> Outcome:
    if args.dry_run:
        return dry_run(data, files, table)
    with progress_line() as progress:
        return check_data_set(data, files, strict=strict, progress=progress, table=table)


def _in_flags(outcome: Outcome) -> Outcome:
    """Outcome of a call whose roles are flags; errors name the flags."""
    findings = tuple(one._replace(message=in_flags(one.message)) for one in outcome.findings)
    return replace(outcome, findings=findings) if outcome.broken else outcome


def _by_hand(args: argparse.Namespace) -> tuple[DataSet, Table | None]:
    """Data set that the flags describe, and its file, if it is one, opened.

    Saved counts bring their own roles.
    """
    if not args.data:
        raise RolesError(
            "which data? Name files, or leave out the flags to check the data sets of a "
            "configuration"
        )
    if not args.limit:
        raise RolesError(
            "--limit is needed: what to check the data against, such as --limit DPL=0.1"
        )
    roles = {name: value for name, value in roles_given(args).items() if value is not None}
    dialect = dialect_given(args)
    table = opened(args.data[0], dialect=dialect) if len(args.data) == 1 else None
    if isinstance(table, Counts):
        roles = {**table.roles.given(), **roles}
    keys = ("threshold", "required", "min_rows", "confidence")
    given = {flag: getattr(args, flag) for flag in keys}
    given["missing"] = args.missing_facet
    made = DataSet.of(
        {
            "files": args.data,
            "limits": limits_given(args.limit),
            "seed": args.seed,
            "csv": dialect,
            **{name: value for name, value in given.items() if value is not None},
            **roles,
        }
    )
    return made, table if isinstance(table, (Counts, LocalBytes)) else None


def _config(args: argparse.Namespace) -> Config:
    path = Path(args.config) if args.config is not None else config_file(Path.cwd())
    if path is None:
        raise RolesError(
            "no biaskit.toml here or above, and no [tool.biaskit] in a pyproject.toml; write one"
            + (", or give DATA with --facet and --limit" if hasattr(args, "limit") else "")
        )
    return read_config(path)


def _chosen(config: Config, only: Sequence[str] | None) -> list[DataSet | tuple[str, BiaskitError]]:
    names = [one.name if isinstance(one, DataSet) else one[0] for one in config.data]
    for name in only or ():
        if name not in names:
            raise RolesError(f"no data set is called {name!r}; {did_you_mean(name, names)}")
    return [
        one for one, name in zip(config.data, names, strict=True) if only is None or name in only
    ]


def _compare(args: argparse.Namespace) -> int:
    from biaskit.gate import compare as drift

    settle_output(args)
    refuse_overwriting(args.output, [args.current], [args.baseline])
    refuse_level(args.confidence)
    refuse_seed(args.seed)
    limits = allowed_changes(limits_given(args.limit) if args.limit else 0.0)
    choices = roles_given(args)
    with progress_line() as progress:
        now, then = drift.counts_of_both(args.current, args.baseline, progress, dialect_given(args))
    unwanted = (FAIL, UNCERTAIN) if args.strict else (FAIL,)
    rows = drift.compare_rows(
        now, then, limits, choices, confidence=args.confidence, seed=args.seed
    )
    code = _FOUND if any(row.verdict in unwanted for row in rows) else 0
    fields = drift.Drift._fields
    made = Records(
        "compare",
        fields,
        rows,
        head=about(1),
        hidden=("stage",),
        blank=("limit",),
        optional=("limit", "note"),
        once=("facet", "value", "limit", "n_baseline", "n_current"),
        spare=("n_baseline", "n_current", "limit", "baseline", "current"),
        level=args.confidence,
    )
    emit(args, made)
    return code


def _baseline(args: argparse.Namespace) -> int:
    code = 0
    chosen = _chosen(_config(args), args.only)
    if all(isinstance(one, DataSet) and one.baseline is None for one in chosen):
        raise RolesError("no data set names a baseline; add baseline and drift to one")
    for one in chosen:
        if isinstance(one, DataSet) and one.baseline is None:
            continue
        try:
            if not isinstance(one, DataSet):
                raise one[1]
            with progress_line() as progress:
                said = write_baseline(one, progress)
        except Exception as error:  # noqa: BLE001 - the other data sets have theirs written
            name = one.name if isinstance(one, DataSet) else one[0]
            said, code = f"{name}: {in_one_line(error)}", _WRONG
        say(formats.printable(said))
    return code


def _append(path: str, text: str) -> None:
    """Append to a file that other processes also append to."""
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except OSError as error:
        raise DataError(f"cannot write {path!r}: {error.strerror or error}") from error
