"""Slices: where a metric is worst, of all slices of some columns, and how bad it can be at most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from biaskit.audits.slices.differential import differential_fairness
from biaskit.audits.slices.found import Found, found_in
from biaskit.audits.slices.ranking import candidates, few_and_different
from biaskit.audits.slices.searching import Asked, Segmented, asked_of
from biaskit.audits.surely import shrunk, variance_of
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet, column_name
from biaskit.counts.levels import kind, show
from biaskit.counts.roles import RoleArguments, Roles, roles_of, takes_roles
from biaskit.errors import RolesError, in_short, listed
from biaskit.metrics import Metric
from biaskit.sources.counting import counted
from biaskit.sources.dispatch import opened
from biaskit.sources.files.dialect import dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SegmentRow",
    "SliceRow",
    "columns_given",
    "gap_given",
    "intersection",
    "refuse_list",
    "rows_of",
    "slices",
    "worst_row",
]

# A column of more numbers than this, none of them cut, is perhaps one that should be.
_MANY_NUMBERS = 20
# Roles of which no slice can make use.
_UNUSED = ("group", "score", "score_range", "features")


class SliceRow(NamedTuple):
    """One slice; the fields are the columns. The first row of each metric is its certificate."""

    metric: str
    slice: str
    columns: int
    estimate: float
    low: float
    high: float
    shrunk: float
    p_adjusted: float
    rate_d: float
    rate_a: float
    n_d: int
    n_a: int
    n_missing: int
    note: str


class SegmentRow(NamedTuple):
    """One segment of a gap; the fields are the columns."""

    metric: str
    segment: str
    columns: int
    estimate: float
    low: float
    high: float
    more_low: float
    more_high: float
    shrunk: float
    p_adjusted: float
    rate_d: float
    rate_a: float
    n_d: int
    n_a: int
    n_missing: int
    note: str


@takes_roles
def slices(
    data: Any,
    roles: Roles | None = None,
    *,
    columns: Sequence[str] | str | None = None,
    metric: str | Metric | Sequence[str | Metric] = "DPL",
    depth: int | None = None,
    min_rows: int = 30,
    direction: str = "against",
    confidence: float = 0.95,
    top: int | None = 10,
    overlap: float = 0.5,
    csv: Mapping[str, Any] | None = None,
    filesystem: Any = None,
    **given: Unpack[RoleArguments],
) -> pd.DataFrame:
    """Tidy table of the slices in which a metric is worst, with a bound on all others.

    A slice is the rows that have some values in up to `depth` columns, as ``sex=F & age=(25, 40]``.
    Every one is compared with all other rows whose values are known, and none is missed. All
    intervals hold together at level `confidence`, so a slice that is listed was not found by
    chance, and none is worse than the first row says.

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes; or a `Counts` (or the path of a saved one) of which a
        facet is the intersection of the columns, or of more columns.
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
predicted_positive, facet_values, reference, facet_above, facet_at_most, facet_edges, score, \
score_range, features
        The roles of the columns, as `Roles` takes them. `facet` is given to search where the gap
        between its values is widest: between those of `facet_values` and all others, or a
        `reference`. `facet_edges` cuts numbers among the columns and takes a mapping by column.
        `group`, `score` and `features` are not used.
    columns
        1 to 20 columns whose values make the slices; of counts, by default those of their facet.
    metric
        A metric that is the difference of two proportions: DPL, DPPL, AD, RD, DAR, SD, DRR, FPRD or
        FNRD; or several, whose slices are then judged together.
    depth
        Most columns of a slice; by default 3, or as many as there are.
    min_rows
        Fewest rows on either side, of those that the proportions are taken of.
    direction
        ``"against"`` (the slice is worse off, by what the metric calls against d), ``"for"`` or
        ``"either"``.
    confidence
        Level at which everything in the table holds together.
    top
        Most slices of each metric that are listed; None lists every slice that was searched.
    overlap
        A slice is left out where more than this part of its rows lies in one above it.
    csv, filesystem
        As for `biaskit.count`.

    Returns
    -------
    pandas.DataFrame
        Columns ``metric, slice, columns, estimate, low, high, shrunk, p_adjusted, rate_d, rate_a,
        n_d, n_a, n_missing, note``. The first row of each metric, ``any of ... slices``, is the
        certificate: the worst slice is at least ``low`` and no slice worse than ``high`` (where
        below 0 is against d, the other way round), and ``n_d`` is the number of rows that were
        searched. In every other row side d is the slice; ``n_d`` and ``n_a`` are the rows that the
        proportions are taken of, ``n_missing`` those whose values on the slice's columns are not
        known. ``shrunk`` is the estimate to quote, since the worst of many is overstated;
        ``p_adjusted`` is Holm's. A slice is listed where it is surely worse, more so than without
        any of its conditions, and mostly of rows that no slice above it has. With `facet`, the
        column ``segment`` stands for ``slice``, and ``more_low, more_high`` are the interval of how
        much more the gap is there than elsewhere.

    Raises
    ------
    RolesError
        An argument is invalid, a role is missing, or a column is an identifier.
    DataError
        The data cannot be read, no slice is large enough, or there are too many.

    Examples
    --------
    >>> import biaskit
    >>> found = biaskit.slices(
    ...     biaskit.datasets.berkeley(), columns=["gender", "department"], label="decision",
    ...     positive="admitted",
    ... )
    >>> found[["slice", "estimate", "low", "high"]].round(3)
                   slice  estimate    low   high
    0   any of 19 slices       NaN  0.344  0.418
    1       department=F     0.384  0.344  0.418
    2      gender=female     0.142  0.098  0.184
    3       department=D     0.058  0.001  0.113
    """
    if roles is not None:
        given = roles_of(roles, given).given()  # type: ignore[assignment]
    refuse_list(top, overlap)
    dialect = dialect_of(csv)
    table = opened(data, filesystem, dialect)
    gap = gap_given(given)
    asked = asked_of(
        columns_given(columns, table, gap),
        metric,
        depth=depth,
        min_rows=min_rows,
        direction=direction,
        confidence=confidence,
        gap=gap,
    )
    counts, facet = intersection(table, asked, given, filesystem=filesystem, dialect=dialect)
    rows = rows_of(found_in(counts, facet, asked), counts, top=top, overlap=overlap)
    fields = (SliceRow if asked.gap is None else SegmentRow)._fields
    return formats.frame({name: [getattr(row, name) for row in rows] for name in fields})


def rows_of(
    found: Sequence[Found], counts: Counts, *, top: int | None = 10, overlap: float = 0.5
) -> list[SliceRow | SegmentRow]:
    """Rows of the table: for each metric its certificate, then its slices, the worst first."""
    made = []
    for one in found:
        made.append(_certificate_row(one, [*_notes_on_all(one, counts)]))
        made += _slice_rows(one, _listed(one, top, overlap))
    return made


def worst_row(found: Found) -> SliceRow | SegmentRow:
    """Row of the slice whose gap is surely the largest, even where none is sure."""
    worst = int(np.argmax(found.sure.max(axis=0)))
    return next(_slice_rows(found, [worst]))


def _listed(found: Found, top: int | None, overlap: float) -> list[int]:
    """Places of the slices that are listed, among those that stand."""
    search, sure = found.search, found.sure
    if top is None:
        return [*np.argsort(-sure.max(axis=0), kind="stable").tolist()]
    lattice, stand = search.lattice, search.stand
    ranked = candidates(sure, lattice, stand, search.of_slice)
    # The whole table holds every segment, and is there to compare them with.
    is_whole = search.depth == 0
    whole = np.flatnonzero(is_whole).tolist()
    ranked = ranked[~is_whole[ranked]]
    return whole + few_and_different(
        ranked, lattice, stand, search.rows_of_cells, top=top, overlap=overlap
    )


def _slice_rows(found: Found, listed_: Sequence[int]) -> Iterator[SliceRow | SegmentRow]:
    search, gaps = found.search, found.gaps
    d, a = search.d.effective(), search.a.effective()
    drawn = shrunk(gaps.estimate, variance_of(*d, *a), search.depth)
    more = None if search.elsewhere is None else search.more(found.tail)
    known = search.known
    for i in listed_:
        conditions = search.lattice.values(int(search.stand[i]))
        rate_d, rate_a = float(d[0][i] / d[1][i]), float(a[0][i] / a[1][i])
        n_d, n_a = round(search.d.rows[i]), round(search.a.rows[i])
        values: dict[str, Any] = {
            "metric": search.metric.symbol,
            "columns": len(conditions),
            **{name: float(of[i]) for name, of in gaps._asdict().items()},
            "shrunk": float(drawn[i]),
            "p_adjusted": float(found.p_adjusted[i]),
            "rate_d": rate_d,
            "rate_a": rate_a,
            "n_d": n_d,
            "n_a": n_a,
            "n_missing": round(search.rows - known[i]),
            "note": _note(rate_d, rate_a, n_d, gap=more is not None),
        }
        name = _named(found, conditions)
        if more is None:
            yield SliceRow(slice=name, **values)
        else:
            values |= {"more_low": float(more.low[i]), "more_high": float(more.high[i])}
            yield SegmentRow(segment=name, **values)


def _certificate_row(found: Found, notes: Sequence[str]) -> SliceRow | SegmentRow:
    one, search = found.certificate, found.search
    low, high = one.at_least, one.at_most
    if search.signs == (-1,):
        low, high = -high, -low
    nan = math.nan
    values: dict[str, Any] = {
        "metric": one.metric.symbol,
        "columns": 0,
        "low": low,
        "high": high,
        **dict.fromkeys(("estimate", "shrunk", "p_adjusted", "rate_d", "rate_a"), nan),
        "n_d": round(search.rows),
        "n_a": 0,
        "n_missing": 0,
        "note": "; ".join(notes),
    }
    if search.elsewhere is None:
        return SliceRow(slice=f"any of {len(search):,} slices", **values)
    name = f"any of {len(search):,} segments"
    return SegmentRow(segment=name, more_low=nan, more_high=nan, **values)


def _named(found: Found, conditions: Sequence[tuple[int, int]]) -> str:
    joint = found.search.joint
    parts = (f"{joint.columns[c]}={show(joint.levels[c][v])}" for c, v in conditions)
    return " & ".join(parts) or "all rows"


def _note(rate_d: float, rate_a: float, n_d: int, *, gap: bool) -> str:
    """Note on a slice whose rows all have the same outcome."""
    if rate_d not in (0.0, 1.0) or (gap and rate_a not in (0.0, 1.0)):
        return ""
    share = "all" if rate_d else "none"
    return (
        f"{share} of its {n_d:,} rows: if one of its columns only restates the outcome, leave that "
        "column out"
    )


def _notes_on_all(found: Found, counts: Counts) -> Iterator[str]:
    """What the certificate speaks of, and what a reader should know of the columns."""
    asked, search = found.asked, found.search
    what = "slices" if asked.gap is None else "segments"
    columns = "1 column" if asked.depth == 1 else f"1 to {asked.depth} columns"
    sides = "on either side"
    yield f"{what} of {columns} with {asked.min_rows:,} rows or more {sides}"
    if asked.direction == "either":
        yield "in either direction"
    if found.certificate.slices > len(search):
        yield f"judged together with those of other metrics, {found.certificate.slices:,} in all"
    if counts.roles.weight is not None:
        yield "each side counts as its effective number of rows (Kish)"
    if (apart := differential_fairness(search)) is not None:
        pair = " and ".join(_named(found, search.lattice.values(one)) for one in apart[1:])
        yield f"differential fairness {apart.epsilon:.4g}, of {pair}, without an interval"
    joint = search.joint
    single = {
        s[0]
        for s, used in zip(search.lattice.sets, search.has_slices, strict=True)
        if used and len(s) == 1
    }
    for i, (column, levels) in enumerate(zip(joint.columns, joint.levels, strict=True)):
        if len(levels) > _MANY_NUMBERS and all(kind(one) == "number" for one in levels):
            yield (
                f"{column!r} has {len(levels):,} numbers, each a value of its own: cut them with "
                f"facet_edges={{{column!r}: [...]}}"
            )
        if i not in single:
            yield f"each of the {len(levels):,} values of {column!r} has too few rows by itself"


def refuse_list(top: Any, overlap: Any) -> None:
    """Refuse an invalid number of slices to list, or an invalid overlap of them.

    Raises
    ------
    RolesError
        One of them is invalid.
    """
    if top is not None and (not isinstance(top, int) or isinstance(top, bool) or top < 1):
        raise RolesError(f"top must be 1 or more, or None for all slices, not {in_short(top)}")
    if not isinstance(overlap, (int, float)) or not 0 <= overlap <= 1:
        raise RolesError(f"overlap must be a number from 0 to 1, not {in_short(overlap)}")


def columns_given(columns: Any, table: Any, gap: Segmented | None = None) -> tuple[str, ...]:
    """Columns that a caller names; of counts with one facet, by default those of it.

    The facet whose gap is searched is none of these.

    Raises
    ------
    RolesError
        They are no names, or are needed.
    """
    if columns is None and isinstance(table, Counts) and len(table.roles.facet) == 1:
        return tuple(one for one in table.roles.facet[0].columns if gap is None or one != gap.facet)
    named = column_name(tuple(columns) if isinstance(columns, list) else columns)
    named = (named,) if isinstance(named, str) else named
    if not isinstance(named, tuple) or not all(isinstance(one, str) for one in named):
        raise RolesError(
            "columns takes the columns whose values make the slices, such as ['sex', 'age'], not "
            f"{in_short(columns)}"
        )
    return named


def gap_given(given: RoleArguments) -> Segmented | None:
    """Facet whose gap is searched, and the choices of its sides; None where there is none.

    Raises
    ------
    RolesError
        It is not one column, or a role is given that slices do not use.
    """
    for name in _UNUSED:
        if given.get(name) is not None:
            raise RolesError(f"slices takes no {name}; leave it out, or make it one of the columns")
    if given.get("facet") is None:
        for name in ("facet_values", "reference"):
            if given.get(name) is not None:
                raise RolesError(
                    f"{name} goes with facet, the column whose gap is searched; a slice is "
                    "compared with all other rows"
                )
        return None
    choices = ("facet", "facet_values", "reference", "facet_above", "facet_at_most")
    sides: dict[str, Any] = {name: given.get(name) for name in choices}
    roles = Roles(**sides)
    if len(roles.facet) != 1 or len(roles.facet[0].columns) != 1:
        raise RolesError(
            f"facet= of slices is one column, whose gap is searched, not {given['facet']!r}"
        )
    return Segmented(roles.facet[0].columns[0], roles)


def intersection(
    table: Any, asked: Asked, given: RoleArguments, **how: Any
) -> tuple[Counts, Facet]:
    """Counts of the columns that are searched, and the facet that is their intersection.

    `table` is what `opened` gave, `how` is how it is read.

    Raises
    ------
    RolesError
        The roles contradict each other, or saved counts lack the intersection.
    DataError
        The data cannot be read, or the columns have too many values together.
    """
    columns = asked.columns if asked.gap is None else (asked.gap.facet, *asked.columns)
    kept: dict[str, Any] = {
        name: value
        for name, value in given.items()
        if name not in ("facet", "facet_values", "reference") and value is not None
    }
    if isinstance(table, Counts):
        fitting = [one for one in table.roles.facet if {*columns} <= {*one.columns}]
        if not fitting:
            raise RolesError(
                f"these counts have no intersection of {listed(columns)} among their facets, "
                f"{listed([one.name for one in table.roles.facet])}: count the rows again with the "
                f"facet {Facet(columns).name!r}"
            )
        facet = min(fitting, key=lambda one: len(one.columns))
        counts = table.choosing(**{**kept, "facet": facet.given})
    else:
        facet = Facet(columns)
        roles = Roles(**{**kept, "facet": [facet.columns]})
        counts = counted(table, roles, **how).counts
    return counts, facet
