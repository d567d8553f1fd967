"""Searching: counts to all slices of them, or all segments of a gap, with both of their sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from biaskit.audits.slices.joint import Amounts, Array, Joint, Outcomes, amounts_of, joint_of
from biaskit.audits.slices.lattice import Lattice, lattice_of
from biaskit.audits.surely import Gaps, differing, gaps_of, p_values
from biaskit.counts.comparisons import (
    positive_labels,
    positive_predictions,
    positive_unsaid,
)
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import Interval, Level, kind, order
from biaskit.counts.roles import Roles
from biaskit.counts.tables import Table, regrouped
from biaskit.errors import (
    DataError,
    RolesError,
    did_you_mean,
    in_short,
    listed,
    refuse_level,
    refuse_whole,
)
from biaskit.metrics import METRICS, Metric, chosen
from biaskit.reports.numbers import compared, known_axes, not_given

__all__ = ["Asked", "Direction", "Search", "Segmented", "asked_of", "searched"]

Direction: TypeAlias = Literal["against", "for", "either"]
_MOST_COLUMNS, _DEPTH = 20, 3
# Above this many values, if nearly every row has its own, a column is an identifier.
_MANY_VALUES = 50
# Roles that say which values of a facet are on which side.
_SIDES = ("facet_values", "reference", "facet_above", "facet_at_most")


class Segmented(NamedTuple):
    """Facet whose gap is searched, and the choices of its sides."""

    facet: str
    roles: Roles


class Asked(NamedTuple):
    """What is searched."""

    columns: tuple[str, ...]
    metrics: tuple[Metric, ...]
    depth: int
    min_rows: int = 30
    direction: Direction = "against"
    confidence: float = 0.95
    #: Facet whose gap is searched; None where slices are compared with all other rows.
    gap: Segmented | None = None


@dataclass(frozen=True)
class Search:
    """Slices of one metric: those that stand for all of the same rows, with their two sides.

    The amounts have an entry for each of these slices; in a search for a gap, `elsewhere` has the
    two sides outside of it.
    """

    metric: Metric
    #: For each direction that is searched, 1 where above 0 is worse, -1 where below is.
    signs: tuple[int, ...]
    lattice: Lattice
    #: Slices of the lattice that stand, and for each of its slices the one that stands for it.
    stand: NDArray[np.int64]
    of_slice: NDArray[np.int64]
    d: Amounts
    a: Amounts
    elsewhere: tuple[Amounts, Amounts] | None
    #: Rows of each cell, and those of the metric, whatever is known of them.
    rows_of_cells: Array
    rows: float

    def __len__(self) -> int:
        return len(self.stand)

    @property
    def depth(self) -> NDArray[np.int64]:
        """Number of columns of each slice."""
        return self.lattice.depth[self.stand]

    @property
    def known(self) -> Array:
        """Rows that are known on the columns of each slice, and on a side."""
        return np.sum([one.rows[self.stand] for one in self.lattice.known], axis=0)  # type: ignore[no-any-return]

    @property
    def has_slices(self) -> list[bool]:
        """Whether each set of columns of the lattice has a slice."""
        used = {*np.unique(self.lattice.of_set).tolist()}
        return [s in used for s in range(len(self.lattice.sets))]

    @property
    def joint(self) -> Joint:
        """Joint table of the columns that are searched."""
        return self.lattice.joint

    def gaps(self, tail: float) -> Gaps:
        """Values of the metric, with `tail` beyond either end."""
        return self._compared(self.d, self.a, tail)

    def more(self, tail: float) -> Gaps:
        """How much more the gap is in each segment than elsewhere; NaN where nothing is."""
        assert self.elsewhere is not None
        return differing(self.gaps(tail), self._compared(*self.elsewhere, tail))

    def large(self, min_rows: int) -> Search:
        """The same slices, less those with a smaller side."""
        stand, of_slice = self.lattice.stand(min_rows)
        return _sided(self, stand, of_slice)

    @cached_property
    def p_values(self) -> Array:
        """P-value of each slice by itself."""
        return p_values(*self.d.effective(), *self.a.effective())

    def _compared(self, d: Amounts, a: Amounts, tail: float) -> Gaps:
        plus, minus = (a, d) if self.metric.compares == "a - d" else (d, a)
        return gaps_of(*plus.effective(), *minus.effective(), tail)


def asked_of(
    columns: Sequence[str],
    metric: str | Metric | Sequence[str | Metric],
    *,
    depth: int | None = None,
    min_rows: int = 30,
    direction: str = "against",
    confidence: float = 0.95,
    gap: Segmented | None = None,
) -> Asked:
    """What is searched, checked.

    Raises
    ------
    RolesError
        An argument is invalid, or a metric compares no two proportions.
    """
    if not 1 <= len(columns) <= _MOST_COLUMNS or len({*columns}) < len(columns):
        raise RolesError(
            f"columns takes 1 to {_MOST_COLUMNS} different columns, not {in_short([*columns])}"
        )
    if gap is not None and gap.facet in columns:
        raise RolesError(
            f"{gap.facet!r} is the facet whose gap is searched; leave it out of the columns"
        )
    if depth is None:
        depth = min(_DEPTH, len(columns))
    refuse_whole("depth", depth)
    if not 1 <= depth <= len(columns):
        raise RolesError(f"depth must be 1 to {len(columns)}, the number of columns, not {depth}")
    refuse_whole("min_rows", min_rows)
    if min_rows < 1:
        raise RolesError("min_rows must be 1 or more: a slice without rows has no rate")
    if direction not in get_args(Direction):
        raise RolesError(
            f"direction {direction!r}; {did_you_mean(str(direction), get_args(Direction))}"
        )
    refuse_level(confidence)
    metrics = tuple(chosen([metric] if isinstance(metric, Metric) else metric) or ())
    for one in metrics:
        if one.rate is None or one.kind != "difference" or one.compares not in ("a - d", "d - a"):
            known = [m.symbol for m in METRICS.values() if m.rate and m.kind == "difference"]
            raise RolesError(
                f"{one.symbol} is not a difference of two proportions, so slices cannot be "
                f"searched by it; {', '.join(known)} are. biaskit.report has it for the slices "
                "that are found"
            )
    if not metrics:
        raise RolesError("metric takes the symbol of a metric, such as 'DPL'")
    return Asked(tuple(columns), metrics, depth, min_rows, direction, confidence, gap)  # type: ignore[arg-type]


def searched(counts: Counts, facet: Facet, asked: Asked) -> list[Search]:
    """All slices of each metric, from the table of one facet of some counts.

    Raises
    ------
    RolesError
        A metric lacks a column, or sides or positive outcomes are unknown.
    DataError
        No slice has enough rows, or there are too many.
    """
    table, roles = counts.tables[facet], counts.roles
    if counts.protected is not None:
        raise RolesError(
            "slices need the exact numbers of rows, and these counts are rounded: search the exact "
            "counts, or ask biaskit.report for the slices that you know"
        )
    if not counts.rows:
        raise DataError("there are no rows, so there is nothing to search; is the table empty?")
    for metric in asked.metrics:
        if lacking := not_given(metric, roles):
            raise RolesError(f"{metric.symbol} needs {lacking[0]}: give its column")
    joint = joint_of(table, facet.columns).of(asked.columns)
    _refuse_identifiers(joint, counts.rows)
    if asked.gap is None:
        outcomes, sides = _outcomes(table, roles, asked), None
    else:
        outcomes, sides = _sides(table, roles, facet, asked.gap, asked.metrics)
    found = []
    for metric in asked.metrics:
        cells = amounts_of(table, metric, known_axes(metric, roles), outcomes)
        parts = [cells] if sides is None else [cells.map(partial(np.multiply, on)) for on in sides]
        found.append(_search(metric, joint, parts, asked, float(cells.rows.sum())))
        if not len(found[-1]):
            raise DataError(_none_is_large(joint, metric, asked))
    return found


def _search(
    metric: Metric, joint: Joint, parts: Sequence[Amounts], asked: Asked, rows: float
) -> Search:
    of_cells = np.sum([one.rows for one in parts], axis=0)
    of_metric = of_cells > 0
    lattice = lattice_of(
        joint.where(of_metric),
        [one.take(of_metric) for one in parts],
        _support if len(parts) == 1 else _support_of_gap,
        depth=asked.depth,
        min_rows=asked.min_rows,
        whole=asked.gap is not None,
    )
    against = -1 if metric.against_d == "<" else 1
    signs = {"against": (against,), "for": (-against,), "either": (against, -against)}
    nothing = lattice.inside[0]
    made = Search(
        metric,
        signs[asked.direction],
        lattice,
        np.arange(0),
        np.arange(0),
        nothing,
        nothing,
        None,
        of_cells[of_metric],
        rows,
    )
    return _sided(made, *lattice.stand())


def _sided(search: Search, stand: NDArray[np.int64], of_slice: NDArray[np.int64]) -> Search:
    """A search with the sides of the slices that stand."""
    lattice = search.lattice
    inside = [one.take(stand) for one in lattice.inside]
    known = [one.take(stand) for one in lattice.known]
    outside = [all_.less(one) for all_, one in zip(known, inside, strict=True)]
    d, a = inside if len(inside) == 2 else (inside[0], outside[0])
    elsewhere = (outside[0], outside[1]) if len(inside) == 2 else None
    return replace(search, stand=stand, of_slice=of_slice, d=d, a=a, elsewhere=elsewhere)


def _support(inside: Sequence[Amounts], known: Sequence[Amounts]) -> Array:
    return np.asarray(np.minimum(inside[0].rows, known[0].rows - inside[0].rows))


def _support_of_gap(inside: Sequence[Amounts], _: Sequence[Amounts]) -> Array:
    return np.asarray(np.minimum(inside[0].rows, inside[1].rows))


def _outcomes(table: Table, roles: Roles, asked: Asked) -> Outcomes:
    positive = positive_labels(table.levels, roles)
    hat: tuple[Level, ...] = ()
    if any("predicted" in one.needs for one in asked.metrics):
        hat = positive_predictions(table.levels, roles, positive)
    if positive is None and any("positive" in one.needs for one in asked.metrics):
        raise positive_unsaid(table.levels, roles)
    return Outcomes(positive or (), hat)


def _sides(
    table: Table, roles: Roles, facet: Facet, gap: Segmented, metrics: Sequence[Metric]
) -> tuple[Outcomes, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Positive outcomes, and whether each cell is on side d, and on side a, of a gap."""
    at = facet.columns.index(gap.facet)
    raw = tuple(one[at] if isinstance(one, tuple) else one for one in table.levels.facet)
    kept = tuple(sorted({*raw}, key=order))
    arrays = (
        None if one is None else regrouped(one, 0, raw, kept)
        for one in (table.n, table.w, table.w2)
    )
    marginal = Table(table.levels._replace(facet=kept), *arrays)  # type: ignore[arg-type]
    rows = marginal.rows
    one_facet = Facet((gap.facet,))
    choices = {name: getattr(gap.roles, name) for name in _SIDES}
    of_sides = roles.replaced(facet=(one_facet,), **choices)
    of = compared(Counts(of_sides, {one_facet: marginal}, rows), one_facet, metrics)
    if len(of.comparisons.names) > 1:
        raise RolesError(
            f"which values of {gap.facet!r} are side d of the gap? They are "
            f"{listed(of.comparisons.names)}: name those of side d with facet_values="
        )
    place = {level: i for i, level in enumerate(kept)}
    of_cell = np.array([place[one] for one in raw], dtype=np.int64)
    on_d, on_a = of.comparisons.on_d[0][of_cell], of.comparisons.on_a[0][of_cell]
    return Outcomes(of.positive, of.positive_hat), (on_d, on_a)


def _refuse_identifiers(joint: Joint, rows: int) -> None:
    for column, levels in zip(joint.columns, joint.levels, strict=True):
        is_cut = any(isinstance(one, Interval) for one in levels)
        if len(levels) > max(_MANY_VALUES, rows // 2) and not is_cut:
            numbers = all(kind(one) == "number" for one in levels)
            cut = f", or cut it with facet_edges={{{column!r}: [...]}}" if numbers else ""
            raise RolesError(
                f"column {column!r} has {len(levels):,} values in {rows:,} rows: nearly every row "
                f"has its own, so it makes no slices; leave it out{cut}"
            )


def _none_is_large(joint: Joint, metric: Metric, asked: Asked) -> str:
    what = "segment" if asked.gap else "slice"
    sides = "on both sides of the gap" if asked.gap else "in it and as many outside of it"
    return (
        f"no {what} of {listed(joint.columns)} has {asked.min_rows:,} rows of {metric.symbol} "
        f"{sides}; give a smaller min_rows"
    )
