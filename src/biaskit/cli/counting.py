"""The verbs that count: count and merge."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from biaskit.cli.flags import (
    Parser,
    add_csv,
    add_data,
    add_roles,
    add_round_to,
    dialect_given,
    roles_given,
)
from biaskit.cli.writing.output import progress_line, refuse_overwriting
from biaskit.cli.writing.streams import say
from biaskit.counts.counts import Counts
from biaskit.counts.roles import Roles
from biaskit.counts.sharing.rounding import refuse_unprotected_roles, rounding_to
from biaskit.errors import RolesError
from biaskit.metrics import Metric, needs_rows
from biaskit.sources.counting import Counted, counted
from biaskit.sources.dispatch import opened, paths_of
from biaskit.sources.files.reading import ColumnPath, kernels_choice
from biaskit.store import formats, saved, written

__all__ = ["VERBS", "counts_of", "protected", "protected_counts_of"]


def _add_count(verb: Callable[..., Parser]) -> None:
    count = verb("count", _count, "Read the rows once and save their counts.")
    add_data(count)
    add_roles(count)
    add_csv(count)
    # A plan counts nothing, so there is nothing to write.
    either = count.add_mutually_exclusive_group(required=True)
    either.add_argument("-o", "--output", metavar="FILE", help="counts file to write")
    either.add_argument(
        "--plan",
        action="store_true",
        help="do not count; say how each column would be read, and why",
    )
    # Its name in 0.1.0; to be removed in 0.3.0.
    either.add_argument("--explain", dest="plan", action="store_true", help=argparse.SUPPRESS)
    add_round_to(count)
    count.add_argument(
        "--resume",
        action="store_true",
        help="record in FILE which files it contains, and skip those that it already contains",
    )
    count.add_argument(
        "--replace",
        action="store_true",
        help="with --resume: also keep the counts of each file, and recount files that have "
        "changed",
    )


def _add_merge(verb: Callable[..., Parser]) -> None:
    merge = verb("merge", _merge, "Add saved counts of the same roles.")
    merge.add_argument(
        "counts", nargs="+", metavar="COUNTS", help="files that `count` wrote, or pages"
    )
    merge.add_argument("-o", "--output", required=True, metavar="FILE", help="counts file to write")
    add_round_to(merge)


#: Each verb, and what adds it to the command line.
VERBS = {"count": _add_count, "merge": _add_merge}


def _count(args: argparse.Namespace) -> None:
    if args.plan:
        return _plan(args)
    saved.refuse_unwritable(args.output)
    if args.replace and not args.resume:
        raise RolesError("--replace goes with --resume, which records the files to replace")
    if args.resume:
        if args.round_to is not None:
            raise RolesError(
                "--resume keeps exact counts to add to; protect a copy of them: biaskit merge "
                "FILE --round-to 11 -o SHARED"
            )
        return _resume(args)
    refuse_overwriting(args.output, args.data)
    if args.round_to is not None:
        rounding_to(args.round_to)
        refuse_unprotected_roles(args.weight, args.score)
    counts = protected(counts_of(args, []).counts, args.round_to)
    counts.save(args.output)
    return _say(f"{counts.rows:,} rows in {_cells(counts):,} cells: {args.output}")


def protected(counts: Counts, round_to: int | None) -> Counts:
    """Counts, protected if the call asks for it."""
    return counts if round_to is None else counts.protect(round_to)


def _resume(args: argparse.Namespace) -> None:
    from biaskit.sources.resume import count_resumed  # most calls do not resume

    roles, dialect = Roles(**roles_given(args)), dialect_given(args)
    with progress_line() as progress:
        found = count_resumed(
            args.data, roles, args.output, progress, by_file=args.replace, dialect=dialect
        )
    anew = f" and {found.anew:,} recounted" if found.anew else ""
    _say(
        f"{found.counts.rows:,} rows of {found.files:,} files, {found.before:,} of them counted "
        f"before{anew}, in {_cells(found.counts):,} cells: {args.output}"
    )
    if found.gone:
        _say(
            f"{len(found.gone):,} of the files counted before no longer exist, such as "
            f"{found.gone[0]!r}; their rows are still in the counts"
        )


def _say(line: str) -> None:
    """Print a line that contains names of files, which may hold any character."""
    say(formats.printable(line))


def _cells(counts: Counts) -> int:
    return sum(int((table.n > 0).sum()) for table in counts.shown_tables.values())


def _plan(args: argparse.Namespace) -> None:
    dialect = dialect_given(args)
    table = opened(args.data[0] if len(args.data) == 1 else args.data, dialect=dialect)
    if isinstance(table, Counts):
        return _say(f"{args.data[0]} is a file of saved counts: there are no rows to read")
    rows = paths_of(table, Roles(**roles_given(args)), dialect)
    columns = [name.replace("_", " ") for name in ColumnPath._fields]
    return say(f"BIASKIT_KERNELS is {kernels_choice()}\n\n{formats.as_table(columns, rows)}")


def _merge(args: argparse.Namespace) -> None:
    from biaskit.sources.record import merged, save_with  # a report does not merge

    saved.refuse_unwritable(args.output)
    if args.round_to is not None:
        rounding_to(args.round_to)
        # What is rounded cannot be made exact again, and a record of files has exact cells.
        refuse_overwriting(args.output, args.counts)
    # The output may be among the inputs: it is read, added to and replaced like any other.
    with written.locked(args.output):
        total, record = merged(args.counts)
        exact = args.round_to is None
        save_with(record if exact else None, protected(total, args.round_to), args.output)
    _say(f"{total.rows:,} rows from {len(args.counts):,} files: {args.output}")


def counts_of(args: argparse.Namespace, asked: Sequence[Metric] | None) -> Counted:
    """Counts of the data that a command names, and rows for the metrics asked.

    Saved counts are taken as they are.
    """
    dialect = dialect_given(args)
    table = opened(args.data[0] if len(args.data) == 1 else args.data, dialect=dialect)
    if isinstance(table, Counts):
        return Counted(table.choosing(**roles_given(args)))
    roles = Roles(**roles_given(args))
    keep_rows = needs_rows(roles, asked)
    with progress_line() as progress:
        return counted(table, roles, keep_rows=keep_rows, progress=progress, dialect=dialect)


def protected_counts_of(args: argparse.Namespace, asked: Sequence[Metric] | None) -> Counted:
    """The same for a verb that may protect them; protected ones come without rows."""
    if args.round_to is None:
        return counts_of(args, asked)
    rounding_to(args.round_to)
    refuse_unprotected_roles(args.weight, args.score, args.features)
    return Counted(protected(counts_of(args, asked).counts, args.round_to))
