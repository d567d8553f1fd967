"""Counting file by file: files counted before a process ended are not read again.

The counts and the record of their files are in one file, which is replaced as a whole, so that they
cannot disagree. During the work that is ``FILE.partial``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from biaskit.counts.counts import Counts, same_roles
from biaskit.counts.roles import Roles
from biaskit.errors import BiaskitError, DataError
from biaskit.progress import Progress
from biaskit.sources.counting import count_roles
from biaskit.sources.dispatch import file_source
from biaskit.sources.files.ahead import in_order
from biaskit.sources.files.dialect import Dialect
from biaskit.sources.files.finding import files_of
from biaskit.sources.files.places import File, RemoteFile, stamp_of, stands_for
from biaskit.sources.record import Record, Seen, cells_of, record_in, save_with, sum_of
from biaskit.store import saved, written
from biaskit.store.addresses import is_address, said

__all__ = ["Resumed", "count_resumed"]

# Seconds between saves of the counts: a process that is killed loses no more work than this.
_EVERY = 1.0
# Remote files that are counted at a time.
_AT_ONCE = 4


class Resumed(NamedTuple):
    """Counts of some files, and the state of the files."""

    counts: Counts
    files: int
    #: How many were in the counts before.
    before: int
    #: How many of those have changed since and were recounted.
    anew: int
    #: Files counted before that no longer exist; their rows are still in the counts.
    gone: tuple[str, ...]


def count_resumed(
    paths: Sequence[str | os.PathLike[str]],
    roles: Roles,
    output: str | os.PathLike[str],
    progress: Progress | None = None,
    *,
    by_file: bool = False,
    dialect: Dialect | None = None,
) -> Resumed:
    """Counts of files, written to `output`; files already in it or its partial are skipped.

    `progress` receives the rows counted and the share of the files. With `by_file`, the cells of
    each file are kept besides the sum, so that a file that has changed is recounted.

    Raises
    ------
    DataError
        A file cannot be read, or has changed since it was counted, another process counts into
        `output`, or `output` does not say which files are in it.
    """
    files = files_of(paths)
    file_source(files, dialect=dialect)  # refuses formats that differ before any work is done
    saved.refuse_unwritable(output)
    written.refuse_inputs(output, [file for file in files if isinstance(file, Path)])
    with written.locked(output):
        found = _counted_into(Path(output), files, roles, progress, by_file, dialect)
    return found._replace(gone=_gone(found.gone, paths, files))


def _counted_into(
    output: Path,
    files: Sequence[File],
    roles: Roles,
    progress: Progress | None,
    by_file: bool,
    dialect: Dialect | None,
) -> Resumed:
    partial = output.with_name(f"{output.name}.partial")
    if partial.is_symlink():  # only this command creates it, and this command creates no links
        raise DataError(
            f"{said(partial)} is a symbolic link, so the counts would be written elsewhere; "
            "remove it"
        )
    roles = roles.replaced(features=None)
    total, record = _kept(output, partial, roles)
    recorded = tuple(record)
    written_as = "" if dialect is None else dialect.text
    rewritten = _rewritten(files, record, output, written_as, by_file=by_file)
    for name in rewritten:
        del record[name]
    if rewritten:
        total = sum_of((seen.cells for seen in record.values() if seen.cells is not None), total)
    by_file = by_file or any(seen.cells is not None for seen in record.values())
    fresh = [file for file in files if stamp_of(file)[0] not in record]
    before = len(record)
    kept_at = time.monotonic()
    kept = before
    rows = 0

    def counted(file: File) -> tuple[File, Counts, str, Seen]:
        name, size, changed = stamp_of(file)
        made = count_roles([file], roles, dialect=dialect)
        if stamp_of(file, again=True) != (name, size, changed):
            raise DataError(f"{file} changed while it was being read; count it when it is complete")
        return (
            file,
            made,
            name,
            Seen(size, changed, written_as, cells_of(made) if by_file else None),
        )

    # Counting a remote file is mostly waiting; a local one is counted by all threads.
    threads = _AT_ONCE if any(isinstance(file, RemoteFile) for file in fresh) else 1
    try:
        with closing(in_order(counted, fresh, threads, 2 * threads)) as results:
            for file, made, name, seen in results:
                total = _added(total, made, file)
                record[name] = seen
                rows += made.rows
                if progress is not None:
                    progress(rows, (len(record) - before) / len(fresh))
                if time.monotonic() - kept_at >= _EVERY:
                    save_with(record, total, partial)
                    kept_at, kept = time.monotonic(), len(record)
    except (BiaskitError, KeyboardInterrupt) as error:
        if len(record) > kept:
            save_with(record, total, partial)
        if not record:
            raise
        told = f"the counts of {len(record):,} files are kept"
        goes_on = "the same command with --resume continues from there"
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(f"interrupted; {told}: {goes_on}") from None
        raise DataError(f"{error}; {told}: once that is put right, {goes_on}") from error
    save_with(record, total, output)
    partial.unlink(missing_ok=True)
    return Resumed(total, len(record), len(recorded), len(rewritten), recorded)


def _kept(output: Path, partial: Path, roles: Roles) -> tuple[Counts, Record]:
    """Saved counts and record: those of the file or its partial, whichever has more files."""
    best: tuple[Counts, Record] = Counts.empty(roles), {}
    for path in (output, partial):
        if not path.exists():
            continue
        counts, record = Counts.load(path), record_in(path)
        if record is None:
            raise DataError(
                f"{said(path)} does not say which files are in it, since it was counted without "
                "--resume; give another file, or remove it and count again"
            )
        made = same_roles(counts.roles, roles, f"(those in {said(path)}) cannot be continued")
        if len(record) > len(best[1]):
            best = replace(counts, roles=made), record
    return best


def _rewritten(
    files: Sequence[File], record: Record, output: Path, written_as: str, *, by_file: bool
) -> list[str]:
    """Names of the files that have changed since they were counted and can be recounted.

    A file that is to be read in another dialect than it was has changed, too.

    Raises
    ------
    DataError
        A file has changed and may not be recounted, or its rows cannot be separated from the sum.
    """
    found = []
    for file in files:
        name, size, changed = stamp_of(file)
        seen = record.get(name)
        if seen is None or seen[:3] == (size, changed, written_as):
            continue
        told = f"{file} has changed since it was counted ({seen.size:,} bytes then, {size:,} now)"
        back = "put the old file back"
        if seen[:2] == (size, changed):
            then, now = (f"csv={text}" if text else "no options" for text in (seen[2], written_as))
            told, back = f"{file} was counted with {then}, now with {now}", "give the same options"
        if any(one.cells is None for one in record.values()):
            raise DataError(
                f"{told}, and its rows cannot be taken out of {str(output)!r} again; remove that "
                f"file (and {output.name}.partial) and count again, with --resume --replace if "
                f"files may change; or {back}"
            )
        if not by_file:
            raise DataError(f"{told}; give --replace to recount it, or {back}")
        found.append(name)
    return found


def _gone(
    names: Sequence[str], paths: Sequence[str | os.PathLike[str]], files: Sequence[File]
) -> tuple[str, ...]:
    """Names in a record of files that no longer exist, as far as known.

    Remote files are not looked up one by one: the paths' files were listed.
    """
    there = {stamp_of(file)[0] for file in files}
    return tuple(
        name
        for name in names
        if name not in there
        and (
            any(stands_for(os.fspath(path), name) for path in paths)
            if is_address(name)
            else not Path(name).exists()
        )
    )


def _added(total: Counts, more: Counts, file: File) -> Counts:
    try:
        return total + more
    except BiaskitError as error:
        raise DataError(f"{file} is incompatible with the files before it: {error}") from error
