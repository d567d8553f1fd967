"""Counting file by file: what was counted before a process ended is not read again.

The counts and the record of the files that are in them stand in one file, which is replaced as a
whole, so that they cannot disagree. While the work goes on that is ``FILE.partial``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

from biaskit import store
from biaskit.addresses import said
from biaskit.counts import Counts, cells_and_header, same_roles
from biaskit.errors import BiaskitError, DataError
from biaskit.roles import Roles
from biaskit.sources.ahead import in_order
from biaskit.sources.files import file_source, files_of
from biaskit.sources.places import File, RemoteFile, stamp_of

__all__ = ["Resumed", "count_files", "merged_record", "record_in", "save_with"]

#: Size and time of the last change of each file that is in some counts, by its full name.
Record: TypeAlias = "dict[str, tuple[int, int | None]]"

_KEY = "biaskit.files"
_SCHEMA = 1
_MAX_RECORD = 1 << 27
# Counts are kept at least so often, in seconds: a process that is killed loses no more work.
_EVERY = 1.0
# Files far away that are counted at a time.
_AT_ONCE = 4


class Resumed(NamedTuple):
    """Counts of some files, how many files are in them, and how many were before."""

    counts: Counts
    files: int
    before: int


def count_files(
    paths: Sequence[str | os.PathLike[str]],
    roles: Roles,
    output: str | os.PathLike[str],
    count: Callable[[File], Counts],
    progress: Callable[[int, float | None], None] | None = None,
) -> Resumed:
    """Counts of files, written to `output`; what `output` and its partial have is not counted anew.

    `count` counts one file; several threads may call it. `progress` is told of the rows counted and
    the share of the files.

    Raises
    ------
    DataError
        A file has changed since it was counted, or `output` does not say which files are in it.
    """
    files = files_of(paths)
    file_source(files)  # refuses formats that differ before any work is done
    output = Path(output)
    partial = output.with_name(f"{output.name}.partial")
    roles = replace(roles, features=None)
    total, record = _kept(output, partial, roles)
    before = len(record)
    fresh = [file for file in files if not _is_in(file, record, output)]
    kept_at = time.monotonic()
    kept = before
    rows = 0

    def counted(file: File) -> tuple[File, Counts, tuple[str, int, int | None]]:
        stamp = stamp_of(file)
        made = count(file)
        if stamp_of(file, again=True) != stamp:
            raise DataError(f"{file} changed while it was read; count it when it is whole")
        return file, made, stamp

    # A file far away is mostly waited for; one here is counted by as many threads as there are.
    threads = _AT_ONCE if any(isinstance(file, RemoteFile) for file in fresh) else 1
    try:
        with closing(in_order(counted, fresh, threads, 2 * threads)) as results:
            for file, made, (name, size, changed) in results:
                total = _added(total, made, file)
                record[name] = (size, changed)
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
        goes_on = "the same command with --resume goes on from there"
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(f"interrupted; {told}: {goes_on}") from None
        raise DataError(f"{error}; {told}: once that is put right, {goes_on}") from error
    save_with(record, total, output)
    partial.unlink(missing_ok=True)
    return Resumed(total, len(record), before)


def record_in(path: str | os.PathLike[str]) -> Record | None:
    """Record of the files that are in saved counts; None where they have none.

    Raises
    ------
    DataError
        There is no such file, or its record is damaged.
    """
    found = store.extra(path, _KEY, _MAX_RECORD)
    if found is None:
        return None
    try:
        if found["schema"] != _SCHEMA:
            raise DataError(
                f"{said(path)} has a record of files of schema {found['schema']!r}; this version "
                f"reads schema {_SCHEMA}: install a newer biaskit"
            )
        record = {name: (size, changed) for name, size, changed in found["files"]}
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{said(path)} has a damaged record of its files; count anew") from error
    return record


def save_with(
    record: Mapping[str, tuple[int, int | None]] | None,
    counts: Counts,
    path: str | os.PathLike[str],
) -> None:
    """Write counts with the record of the files that are in them, if there is one."""
    if record is None:
        return counts.save(path)
    told = {"schema": _SCHEMA, "files": [[name, *stamp] for name, stamp in record.items()]}
    return store.write(path, *cells_and_header(counts), extra={_KEY: told})


def merged_record(paths: Sequence[str | os.PathLike[str]]) -> Record | None:
    """Record of saved counts that are added; None where one of them has none.

    Raises
    ------
    DataError
        A file is in two of the counts, so that its rows would count twice.
    """
    records = [record_in(path) for path in paths]
    merged: Record = {}
    for path, record in zip(paths, records, strict=True):
        if both := next((name for name in record or () if name in merged), None):
            raise DataError(
                f"the rows of {both!r} are in {said(path)} and in counts before it; they would "
                "count twice"
            )
        merged |= record or {}
    return None if None in records else merged


def _kept(output: Path, partial: Path, roles: Roles) -> tuple[Counts, Record]:
    """Counts and record that were kept, whichever has more files: each is right by itself."""
    best: tuple[Counts, Record] = Counts.empty(roles), {}
    for path in (output, partial):
        if not path.exists():
            continue
        counts, record = Counts.load(path), record_in(path)
        if record is None:
            raise DataError(
                f"{said(path)} does not say which files are in it, since it was counted without "
                "--resume; give another file, or remove it and count anew"
            )
        made = same_roles(counts.roles, roles, f"(those in {said(path)}) cannot go on")
        if len(record) > len(best[1]):
            best = replace(counts, roles=made), record
    return best


def _is_in(file: File, record: Record, output: Path) -> bool:
    name, size, changed = stamp_of(file)
    if name not in record:
        return False
    if record[name] != (size, changed):
        raise DataError(
            f"{file} has changed since it was counted ({record[name][0]:,} bytes then, {size:,} "
            f"now), and its rows cannot be taken out of {str(output)!r} again; remove that file "
            f"(and {output.name}.partial) and count anew, or put the old file back"
        )
    return True


def _added(total: Counts, more: Counts, file: File) -> Counts:
    try:
        return total + more
    except BiaskitError as error:
        raise DataError(f"{file} does not go with the files before it: {error}") from error
