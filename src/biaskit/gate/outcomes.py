"""Outcomes: a data set read, counted and checked against its limits, or why that failed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from biaskit.counts.counts import Counts, same_roles
from biaskit.counts.spellings import spelled_alike
from biaskit.errors import DataError, RolesError
from biaskit.gate.check import Checked, check_rows
from biaskit.gate.config import DataSet
from biaskit.gate.findings import (
    ERROR,
    Finding,
    Passed,
    of_checked,
    of_drift,
    of_error,
    of_passed,
    of_slices,
)
from biaskit.gate.mistakes import MistakesError
from biaskit.metrics import needs_rows
from biaskit.progress import Progress
from biaskit.reports.report import report_rows, what_was_read
from biaskit.sources.counting import Counted, counted
from biaskit.sources.dispatch import opened, refuse_unfit, saved_counts
from biaskit.sources.files.local import LocalBytes
from biaskit.store import saved, written
from biaskit.store.addresses import said, shown

if TYPE_CHECKING:
    from biaskit.gate.compare import Drift
    from biaskit.gate.slicing import SlicesChecked

__all__ = [
    "Outcome",
    "Table",
    "broken",
    "check_data_set",
    "dry_run",
    "failed",
    "worst_first",
    "write_baseline",
]

#: A file that `biaskit.sources.dispatch.opened` has opened.
Table: TypeAlias = Counts | LocalBytes


@dataclass(frozen=True)
class Outcome:
    """What became of one data set, or of one file of it."""

    name: str
    files: tuple[str, ...] = ()
    #: What was read, in one line.
    about: str = ""
    rows: int = 0
    checked: tuple[Checked, ...] = ()
    drift: tuple[Drift, ...] = ()
    slices: tuple[SlicesChecked, ...] = ()
    findings: tuple[Finding, ...] = ()
    passed: tuple[Passed, ...] = ()
    #: How long it took.
    seconds: float = 0.0
    #: Whether it could not be checked.
    broken: bool = False

    @property
    def verdicts(self) -> dict[str, int]:
        """Number of rows by verdict."""
        named = [*(one.verdict for one in self.checked), *(one.verdict for one in self.drift)]
        named += [one.verdict for one in self.slices]
        return {name: named.count(name) for name in ("fail", "uncertain", "pass")}


def check_data_set(
    data: DataSet,
    files: Sequence[Path | str] | None = None,
    *,
    strict: bool = False,
    progress: Progress | None = None,
    table: Table | None = None,
) -> Outcome:
    """Outcome of one data set, or of some of its files alone; errors are findings in it.

    `table` is its only file, where the caller has opened it.
    """
    start = time.perf_counter()
    paths: list[Path | str] = []
    found: list[Finding] = []
    made = Outcome(data.name)
    try:
        paths = list(files) if files is not None else data.paths()
        if not paths:  # it is optional, then
            return replace(made, about="no file is there, and it is optional")
        made = replace(made, files=tuple(map(shown, paths)))
        counts, sample = Counts.empty(data.roles), None
        if data.roles.facet:
            counts, sample = _counted(data, paths, progress, table)
            made = replace(made, about=_about(counts), rows=counts.rows)
        at = "" if data.threshold is None else f", at the threshold {data.threshold:g}"
        if data.limits:
            metrics = [limit.metric for limit in data.limits]
            rows = report_rows(
                counts, metrics, data.confidence, data.seed, sample, missing=data.missing
            )
            checked = check_rows(
                rows,
                data.limits,
                min_rows=data.min_rows,
                confidence=data.confidence,
                required=data.required,
            )
            found += [
                one._replace(subject=f"{one.subject}{at}")
                for one in of_checked(checked, data.confidence, strict)
            ]
            made = replace(made, checked=tuple(checked))
        if data.baseline is not None and data.drift is not None:
            then, allowed = _baseline(data.baseline), data.drift
            from biaskit.gate.compare import compare_rows  # few data sets have a baseline

            drift = compare_rows(counts, then, allowed, confidence=data.confidence, seed=data.seed)
            found += of_drift(drift, data.confidence, strict)
            made = replace(made, drift=tuple(drift))
        for limits in data.slices:
            from biaskit.gate.slicing import checked_slices  # few data sets have any

            rows_, judged = checked_slices(
                limits, _opened(data, paths), progress=progress, dialect=data.csv
            )
            found += of_slices(judged, data.confidence, strict)
            made = replace(made, slices=(*made.slices, *judged))
            if not made.about:
                made = replace(made, about=_about(rows_), rows=rows_.rows)
    except Exception as error:  # noqa: BLE001 - what was judged before stands, and the others go on
        found.append(of_error(error))
        made = replace(made, files=tuple(map(shown, paths)), broken=True)
    return replace(
        made,
        findings=tuple(worst_first(found)),
        passed=tuple(of_passed(made.checked, made.drift, made.slices, data.confidence)),
        seconds=time.perf_counter() - start,
    )


def broken(name: str, error: Exception, paths: Sequence[Path | str] = ()) -> Outcome:
    """Outcome of a data set that could not be checked."""
    errors = error.errors if isinstance(error, MistakesError) else (error,)
    findings = tuple(map(of_error, errors))
    return Outcome(name, tuple(map(shown, paths)), findings=findings, broken=True)


def dry_run(
    data: DataSet, files: Sequence[Path | str] | None = None, table: Table | None = None
) -> Outcome:
    """Outcome of a data set whose columns and baseline are looked up, but no rows are read.

    `table` is its only file, where the caller has opened it.
    """
    paths: list[Path | str] = []
    try:
        paths = list(files) if files is not None else data.paths()
        for held in paths if table is None else [table]:
            if not isinstance(one := opened(held, dialect=data.csv), Counts):
                for roles in (data.roles, *(limits.roles() for limits in data.slices)):
                    refuse_unfit(one, roles, data.csv)
        if data.baseline is not None:
            same_roles(data.roles, _baseline(data.baseline).roles, "cannot be compared")
    except Exception as error:  # noqa: BLE001 - the other data sets are checked all the same
        return broken(data.name, error, paths)
    there = f"{len(paths):,} files have the columns" if len(paths) != 1 else "the columns are there"
    return Outcome(
        data.name, tuple(map(shown, paths)), there if paths else "no file is there; optional"
    )


def write_baseline(data: DataSet, progress: Progress | None = None) -> str:
    """Save the counts of a data set as its baseline; returns a line that says what was written.

    Raises
    ------
    BiaskitError
        The data cannot be counted, or the file cannot be written.
    """
    if data.baseline is None:
        raise RolesError(f"data set {data.name!r} names no baseline; add baseline and drift to it")
    saved.refuse_unwritable(data.baseline)
    paths = data.paths()
    if not paths:
        raise DataError(f"data set {data.name!r} has no file, so there is nothing to count")
    written.refuse_inputs(data.baseline, paths)
    counts = _counted(data, paths, progress)[0]
    counts.save(data.baseline)
    return f"{data.name}: {counts.rows:,} rows: {data.baseline}"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings with the worst first: errors before warnings, then by how far beyond the limit."""
    return sorted(findings, key=lambda one: (one.level != ERROR, -one.excess))


def failed(outcomes: Iterable[Outcome]) -> bool:
    """Whether any finding is an error."""
    return any(finding.level == ERROR for one in outcomes for finding in one.findings)


def _counted(
    data: DataSet,
    paths: Sequence[Path | str],
    progress: Progress | None,
    table: Table | None = None,
) -> Counted:
    held = table or _opened(data, paths)
    if isinstance(held, Counts):
        if data.threshold is not None:
            held = held.at_threshold(data.threshold)
        return Counted(held.choosing(**data.roles.given()))
    keep_rows = needs_rows(data.roles, [limit.metric for limit in data.limits])
    return counted(held, data.roles, keep_rows=keep_rows, progress=progress, dialect=data.csv)


def _opened(data: DataSet, paths: Sequence[Path | str]) -> Any:
    return opened(paths[0] if len(paths) == 1 else paths, dialect=data.csv)


def _about(counts: Counts) -> str:
    """What was read, in one line."""
    return "; ".join([what_was_read(counts), *spelled_alike(counts)])


def _baseline(path: Path | str) -> Counts:
    is_there = isinstance(path, str) or path.is_file()
    counts = saved_counts(path) if is_there else None
    if counts is None:
        raise DataError(f"there is no counts file {said(path)}; `biaskit baseline` writes it")
    return counts
