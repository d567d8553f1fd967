"""What a screen shows of a report: distinct rows, of the facet values with most rows."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from biaskit.cli.writing.screen import Shown, is_terminal
from biaskit.counts.counts import Counts
from biaskit.counts.levels import is_missing, kind
from biaskit.errors import RolesError
from biaskit.metrics import Metric
from biaskit.reports.repeated import Same, known_metrics, said_before
from biaskit.reports.report import Row

__all__ = ["of_largest", "shown"]

# Most values of a facet that a terminal shows unasked.
_MOST_VALUES = 20
# Numbers that differ by less are the same; a row makes a larger difference.
_SAME = 1e-12


def of_largest(rows: Sequence[Row], top: int | None = None, least: int = 0) -> list[int]:
    """Places of the rows of the `top` values of each facet with most rows, and at least `least`.

    Raises
    ------
    RolesError
        No value has so many rows.
    """
    sizes: dict[str, dict[str, int]] = {}
    for row in rows:
        by_value = sizes.setdefault(row.facet, {})
        by_value[row.value] = max(by_value.get(row.value, 0), row.n_d)
    kept = {
        (facet, value)
        for facet, by_value in sizes.items()
        for value in sorted(by_value, key=by_value.__getitem__, reverse=True)[:top]
        if by_value[value] >= least
    }
    if not kept:
        raise RolesError(
            f"no facet value has {least:,} rows; the largest has {max(row.n_d for row in rows):,}: "
            "give a smaller --min-rows"
        )
    return [i for i, row in enumerate(rows) if (row.facet, row.value) in kept]


def shown(
    counts: Counts, rows: Sequence[Row], asked: Sequence[Metric] | None, args: argparse.Namespace
) -> Shown:
    """Rows of a report that a screen shows, and lines on those that it leaves out."""
    if args.all:
        return Shown(range(len(rows)), briefly=False)
    most = _MOST_VALUES if is_terminal() and args.top is None else None
    largest = of_largest(rows, most)
    there = [rows[i] for i in largest]
    found = _repeats(there, asked)
    left_out = {*found.restating}
    turned = {(one.facet, one.value) for one in found.mirrors}
    kept = [
        i
        for i, row in zip(largest, there, strict=True)
        if row.metric not in left_out and (row.facet, row.value) not in turned
    ]
    return Shown(kept, [*_of_repeats(found), *_of_many_values(counts, rows, most)])


class _Mirror(NamedTuple):
    """A value of a facet whose rows are those of another, with the sides swapped."""

    facet: str
    value: str
    of: str
    #: Metrics that have a direction of their own, so their numbers differ.
    but: list[str]


class _Repeats(NamedTuple):
    """What a report says more than once."""

    mirrors: list[_Mirror]
    #: Metrics that restate another one in every row, each with that one.
    restating: dict[str, str]


def _repeats(rows: Sequence[Row], asked: Sequence[Metric] | None) -> _Repeats:
    """Whole values and whole metrics whose numbers are those of others.

    A metric that was asked for by name restates nothing.
    """
    said = said_before(rows, asked)
    known = known_metrics(asked)
    mirrors = [*_mirrors(rows, said, known)]
    if asked is not None:
        return _Repeats(mirrors, {})
    turned = {(one.facet, one.value) for one in mirrors}
    shown = [i for i, row in enumerate(rows) if (row.facet, row.value) not in turned]
    return _Repeats(mirrors, dict(_restating(rows, said, known, shown)))


def _mirrors(
    rows: Sequence[Row], said: Sequence[Same | None], known: Mapping[str, Metric]
) -> Iterator[_Mirror]:
    """Values whose rows all mirror those of another, but for metrics with a direction."""
    by_value: dict[tuple[str, str], list[int]] = {}
    for i, row in enumerate(rows):
        by_value.setdefault((row.facet, row.value), []).append(i)
    for (facet, value), places in by_value.items():
        directed = [i for i in places if known[rows[i].metric].swap == "changes"]
        same = [said[i] for i in places if i not in directed]
        of = {rows[one.row].value for one in same if one is not None and one.how == "mirrors"}
        # What compares no sides, such as GE, is the same for every value.
        if len(of) == 1 and all(one and one.how in ("mirrors", "repeats") for one in same):
            yield _Mirror(facet, value, of.pop(), [rows[i].metric for i in directed])


def _restating(
    rows: Sequence[Row],
    said: Sequence[Same | None],
    known: Mapping[str, Metric],
    shown: Sequence[int],
) -> Iterator[tuple[str, str]]:
    """Metrics that restate another in every row shown, up to sign and one factor.

    The factor is that of the most that either can be. EO, the larger of two others, is looked for
    by its name, and is now one of them and now the other.
    """
    by_metric: dict[str, list[int]] = {}
    for i in shown:
        by_metric.setdefault(rows[i].metric, []).append(i)
    for symbol, places in by_metric.items():
        others = [one.row for one in map(said.__getitem__, places) if one and one.how == "restates"]
        restated = {rows[i].metric for i in others}
        if len(others) < len(places) or len(restated) > 1 or known[symbol].largest_of:
            continue
        (other,) = restated
        factor = known[symbol].bounds[1] / known[other].bounds[1]
        if all(
            _is_same(rows[i].estimate, factor * rows[at].estimate)
            for i, at in zip(places, others, strict=True)
        ):
            yield symbol, other


def _is_same(one: float, other: float) -> bool:
    """Whether two sizes are the same; undefined ones are."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(abs(one), abs(other), rel_tol=_SAME, abs_tol=_SAME)


def _of_repeats(found: _Repeats) -> Iterator[str]:
    """A line on rows that repeat others."""
    by_restated: dict[str, list[str]] = {}
    for symbol, restated in found.restating.items():
        by_restated.setdefault(restated, []).append(symbol)
    parts = [
        f"{_joined(symbols)}, which restate{'s' if len(symbols) == 1 else ''} {restated}"
        for restated, symbols in by_restated.items()
    ]
    for one in found.mirrors:
        but = f", except for {_joined(one.but)}" if one.but else ""
        parts.append(f"{one.facet} = {one.value}, the mirror image of {one.of}{but}")
    if parts:
        yield f"left out: {'; '.join(parts)}; --all shows them"


def _of_many_values(counts: Counts, rows: Sequence[Row], most: int | None) -> Iterator[str]:
    """Lines on facets of many values, of which a terminal shows the largest."""
    for facet in counts.roles.facet:
        number = len({row.value for row in rows if row.facet == facet.name})
        if number <= _MOST_VALUES:
            continue
        named = f"{facet.name}=" if len(counts.roles.facet) > 1 else ""
        levels = [a for a in counts.shown_tables[facet].levels.facet if not is_missing(a)]
        cut = ""
        if all(kind(level) == "number" for level in levels):
            cut = f"; --facet-edges {named}N,N,N cuts these numbers into ranges"
        if most is not None:
            yield (
                f"{facet.name}: the {most} of {number:,} values with most rows; --all shows all, "
                f"--top N others{cut}"
            )
        elif cut:
            yield f"{facet.name} has {number:,} values{cut}"


def _joined(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
