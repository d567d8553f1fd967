"""Inputs of a page besides its table: what was asked before, dates, a baseline, a model's parts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biaskit.counts.counts import Counts
from biaskit.errors import DataError, RolesError, in_short
from biaskit.explanations.attributions import Attributions
from biaskit.explanations.dependence import DependenceRow
from biaskit.explanations.gaps import GapRow, gap_rows
from biaskit.gate.compare import Drift, compare_rows, counts_of_both
from biaskit.gate.limits import allowed_changes
from biaskit.pages.sections.facets import the_one_value
from biaskit.reports.numbers import references
from biaskit.sources.dispatch import opened
from biaskit.sources.files.dialect import Dialect
from biaskit.sources.files.finding import expanded, files_of
from biaskit.store.addresses import is_address

__all__ = [
    "comparable",
    "dated_counts",
    "dependence_of",
    "drift_of",
    "gaps_of",
    "paths_read",
    "refuse_exact",
]


def comparable(counts: Counts) -> Counts:
    """Counts without the facets of one value, which is compared with nothing."""
    lonely = {facet for facet in counts.roles.facet if the_one_value(counts, facet) is not None}
    if not counts.rows or not lonely:
        return counts
    others = [facet.given for facet in counts.roles.facet if facet not in lonely]
    if others:
        return counts.choosing(facet=others)
    return Counts.empty(counts.roles.replaced(facet_values=None, reference=None))


def dated_counts(
    data: Any, filesystem: Any = None, dialect: Dialect | None = None
) -> list[tuple[str, Counts]]:
    """Several saved counts by name, if `data` are several; none for one table."""
    if filesystem is not None:
        return []
    if isinstance(data, (list, tuple)) and data and all(isinstance(one, Counts) for one in data):
        return [(str(at), opened(one, dialect=dialect)) for at, one in enumerate(data, 1)]
    several = isinstance(data, (list, tuple))
    if not several and not (isinstance(data, str) and any(char in data for char in "*?[")):
        return []
    if several and not all(isinstance(one, (str, os.PathLike)) for one in data):
        return []
    paths = [str(one) for one in files_of(list(data) if several else [data])]
    if len(paths) < 2 or not isinstance(opened(paths[0], dialect=dialect), Counts):
        return []
    made = []
    for path in sorted(map(Path, paths), key=lambda one: one.name):
        found = opened(path)
        if not isinstance(found, Counts):
            raise DataError(
                f"{str(path)!r} is no counts file, and others are; give either, not both"
            )
        made.append((path.stem, found))
    return made


def paths_read(*given: Any) -> tuple[str, ...]:
    """Local files among what a page was made of."""
    each = [one for data in given for one in (data if isinstance(data, (list, tuple)) else [data])]
    paths = [os.fspath(one) for one in each if isinstance(one, (str, os.PathLike))]
    local = [one for one in paths if not is_address(one)]
    return tuple(map(str, expanded(local))) if local else ()


def refuse_exact(
    baseline: Any, dated: Sequence[tuple[str, Counts]], attributions: Any, dependence: Any
) -> None:
    """Refuse what would show exact numbers on a page of protected counts.

    Raises
    ------
    RolesError
        The baseline or some dated counts are not protected, or a model's parts are given.
    """
    parts = {"attributions": attributions, "dependence": dependence}
    for name, given in parts.items():
        if given is not None:
            raise RolesError(
                f"{name} are exact sums over rows, and the counts of this page are protected; "
                f"leave out {name}="
            )
    others = dict(dated)
    if baseline is not None:
        found = baseline if isinstance(baseline, Counts) else opened(baseline)
        if isinstance(found, Counts):
            others["the baseline"] = found
    for name, counts in others.items():
        if counts.protected is None:
            raise RolesError(
                f"{name} has exact counts, and those of this page are protected; protect both "
                "(biaskit merge COUNTS --round-to 11 -o SHARED)"
            )


def drift_of(counts: Counts, baseline: Any, confidence: float, seed: int) -> Sequence[Drift]:
    """Changes since a baseline, of the facets that the page shows."""
    if baseline is None:
        return ()
    now, then = counts_of_both(counts, baseline)
    facets = now.roles.facet
    if {*facets} < {*then.roles.facet}:
        then = then.choosing(facet=[one.given for one in facets])
    return compare_rows(now, then, allowed_changes(0.0), confidence=confidence, seed=seed)


def gaps_of(attributions: Any, counts: Counts, confidence: float) -> Sequence[GapRow]:
    """Parts of the gaps between the very sides that the report compares."""
    if attributions is None:
        return ()
    found = attributions
    if isinstance(attributions, (str, os.PathLike)):
        found = Attributions.load(attributions)
    if not isinstance(found, Attributions):
        raise RolesError(
            f"attributions takes what biaskit.attribute returns, or its file, not "
            f"{in_short(attributions)}"
        )
    roles = counts.roles
    both = [facet for facet in roles.facet if facet in found.roles.facet]
    if not both:
        names = ", ".join(repr(facet.name) for facet in roles.facet)
        raise RolesError(f"the attributions have no facet of the report ({names})")
    given = {facet.given for facet in both}
    values = {facet.given: [*of_it] for facet, of_it in (roles.facet_values or {}).items()}
    chosen = found.roles.chosen(
        facet=[facet.given for facet in both],
        facet_values={one: of_it for one, of_it in values.items() if one in given} or None,
        reference={one: of_it for one, of_it in references(counts).items() if one in given} or None,
    )
    return gap_rows(found, chosen, confidence)


def dependence_of(frame: Any) -> Sequence[DependenceRow]:
    """Rows of a partial dependence; none without one."""
    if frame is None:
        return ()
    columns = list(getattr(frame, "columns", ()))
    lacking = [one for one in DependenceRow._fields if one not in columns]
    if lacking:
        raise RolesError(
            "dependence takes what biaskit.partial_dependence returns; it lacks the column "
            f"{lacking[0]!r}"
        )
    parts = (frame[one].tolist() for one in DependenceRow._fields)
    return [DependenceRow(*row) for row in zip(*parts, strict=True)]
