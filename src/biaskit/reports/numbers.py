"""Numbers: what metrics say of the comparisons of one facet, as arrays with one axis."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.comparisons import (
    Comparisons,
    comparisons,
    positive_labels,
    positive_predictions,
    positive_unsaid,
)
from biaskit.counts.facets import Facet
from biaskit.counts.levels import Level
from biaskit.counts.roles import Roles
from biaskit.counts.tables import Table, Tally, divide
from biaskit.intervals.draws import MOST_DRAWN, Drawn, draws_for, interval
from biaskit.intervals.evidence import Evidence
from biaskit.intervals.figures import Figures, evidence_of, figures_of, inside, share_of
from biaskit.metrics import Metric
from biaskit.reports.fliptest import flip_tests
from biaskit.sources.sample import Sample

__all__ = ["Asked", "Compared", "Numbers", "Sides", "compared", "not_given", "numbers_of"]

_Floats = NDArray[np.float64]


class Asked(NamedTuple):
    """How intervals are made: their level (None without any), the seed, and whether to test."""

    confidence: float | None
    seed: int
    tests: bool = True


@dataclass(frozen=True)
class Compared:
    """One facet with its comparisons, and the outcomes that are positive."""

    facet: Facet
    table: Table
    roles: Roles
    comparisons: Comparisons
    positive: tuple[Level, ...]
    positive_hat: tuple[Level, ...]
    _made: dict[tuple[str, ...], Sides] = field(default_factory=dict, repr=False)

    def sides(self, metric: Metric) -> Sides:
        """Both sides in every comparison, of the rows that count in a metric."""
        known = _known_axes(metric, self.roles)
        if known not in self._made:
            a, d = self.table.split(
                self.comparisons.sides,
                known=known,
                positive=self.positive,
                positive_hat=self.positive_hat,
            )
            rows = self.table.side_rows(self.comparisons.sides, known)
            self._made[known] = Sides(a, d, *rows)
        return self._made[known]


@dataclass(frozen=True)
class Sides:
    """Tallies of sides a and d, with the comparisons as their first axis, and their rows."""

    a: Tally
    d: Tally
    n_a: NDArray[np.int64]
    n_d: NDArray[np.int64]

    @property
    def squares(self) -> tuple[Tally, Tally] | None:
        """The same tallies of squared weights, where rows are weighted."""
        if self.a.squares is None or self.d.squares is None:
            return None
        return replace(self.a, cells=self.a.squares), replace(self.d, cells=self.d.squares)

    def is_too_large_to_draw(self, confidence: float) -> bool:
        """Whether the draws of one side of one comparison are more numbers than are drawn."""
        cells = math.prod(self.a.cells.shape[1:])
        return cells * draws_for(confidence, cells) > MOST_DRAWN


@dataclass(frozen=True)
class Numbers:
    """What a metric says of each comparison of a facet."""

    estimate: _Floats
    low: _Floats
    high: _Floats
    p_value: _Floats
    #: Proportions of sides a and d, and of how many rows, shape ``(4, comparisons)``.
    rates: _Floats
    n_a: NDArray[np.int64]
    n_d: NDArray[np.int64]
    #: What the rows say of it at any level; None where that is known at the report's own only.
    evidence: Evidence | None = None
    #: Of a metric from rows: what is to be said of each comparison beside the numbers.
    remarks: tuple[tuple[str, ...], ...] = ()


def compared(table: Table, facet: Facet, roles: Roles, metrics: Sequence[Metric]) -> Compared:
    """Comparisons that a report on one facet makes for some metrics.

    Raises
    ------
    RolesError
        There is nothing to compare, or a metric needs to know which outcomes are positive.
    """
    made = comparisons(table.levels.facet, table.rows, facet, roles)
    positive = positive_labels(table.levels, roles)
    if positive is None and (unmet := [one.symbol for one in metrics if "positive" in one.needs]):
        raise positive_unsaid(table.levels, roles, unmet)
    predicting = any("predicted" in one.needs for one in metrics)
    positive_hat = positive_predictions(table.levels, roles, positive) if predicting else ()
    return Compared(facet, table, roles, made, positive or (), positive_hat)


def numbers_of(
    metrics: Sequence[Metric], of: Compared, asked: Asked, sample: Sample | None
) -> dict[Metric, Numbers]:
    """Numbers of some metrics; those that speak of the same rows are made together."""
    together: dict[tuple[str, ...], list[Metric]] = defaultdict(list)
    found: dict[Metric, Numbers] = {}
    for metric in metrics:
        if metric.is_of_rows and sample is not None:
            found[metric] = _from_rows(metric, of, sample)
        else:
            together[_known_axes(metric, of.roles)].append(metric)
    for some in together.values():
        found |= _from_counts(some, of.sides(some[0]), of.roles, asked)
    return found


def not_given(metric: Metric, roles: Roles) -> list[str]:
    """Columns that a metric needs and the roles do not have."""
    parts = ("label", "predicted", "group", "features")
    return [part for part in parts if part in metric.needs and getattr(roles, part) is None]


def _known_axes(metric: Metric, roles: Roles) -> tuple[str, ...]:
    """Axes on which a row's value must be known for the row to count in a metric.

    The label counts for every metric, so that all pre-training metrics speak of the same rows.
    """
    needed = {*metric.needs, *({"label"} if roles.label is not None else ())}
    return tuple(axis for axis in ("label", "predicted", "group") if axis in needed)


def _from_rows(metric: Metric, of: Compared, sample: Sample) -> Numbers:
    """Flip test of each comparison, from the rows that the pass kept."""
    groups = [
        {level for level, of_d in zip(of.table.levels.facet, side, strict=True) if of_d}
        for side in of.comparisons.sides
    ]
    flips = flip_tests(sample, of.facet, groups, of.positive_hat, **metric.options)
    undefined = np.full(len(flips), np.nan)
    return Numbers(
        estimate=np.array([one.estimate for one in flips]),
        low=undefined,
        high=undefined,
        p_value=undefined,
        rates=np.stack([undefined] * 4),
        n_a=np.array([one.n_a for one in flips]),
        n_d=np.array([one.n_d for one in flips]),
        remarks=tuple(tuple(one.remarks) for one in flips),
    )


def _from_counts(
    metrics: Sequence[Metric], sides: Sides, roles: Roles, asked: Asked
) -> dict[Metric, Numbers]:
    """Estimates, intervals and p-values of metrics that speak of the same rows."""
    undefined = np.full(len(sides.n_a), np.nan)
    lacking = {one for one in metrics if not_given(one, roles)}
    estimates = {one: undefined if one in lacking else one(sides.a, sides.d) for one in metrics}
    known = {
        one: evidence
        for one, estimate in estimates.items()
        if one not in lacking and (evidence := _evidence(one, sides, estimate)) is not None
    }
    made = dict.fromkeys(metrics, Figures(undefined, undefined, undefined))
    if asked.confidence is not None:
        found = figures_of(
            list(known.values()),
            [_tested(one) if asked.tests else math.nan for one in known],
            [one.bounds for one in known],
            asked.confidence,
        )
        made |= dict(zip(known, found, strict=True))
        drawn = {one: estimates[one] for one in metrics if one.is_drawn}
        if drawn and not sides.is_too_large_to_draw(asked.confidence):
            made |= _from_draws(drawn, sides, asked.confidence, asked.seed)
    return {
        metric: Numbers(
            *(estimates[metric], made[metric].low, made[metric].high, made[metric].p_value),
            rates=_rates(metric, sides),
            n_a=sides.n_a,
            n_d=sides.n_d,
            evidence=known.get(metric),
        )
        for metric in metrics
    }


def _evidence(metric: Metric, sides: Sides, estimate: _Floats) -> Evidence | None:
    """What the rows say of a metric at any level, if it says of which proportions it is made."""
    if metric.kind == "point" or (form := metric.form_of(sides.a, sides.d)) is None:
        return None
    squares = sides.squares
    return evidence_of(form, estimate, None if squares is None else metric.form_of(*squares))


def _tested(metric: Metric) -> float:
    """Parity that a metric is tested for; NaN where it compares no facets."""
    return math.nan if metric.kind == "inequality" else metric.parity


def _from_draws(
    estimates: Mapping[Metric, _Floats], sides: Sides, confidence: float, seed: int
) -> dict[Metric, Figures]:
    """Figures of metrics that have draws, comparison by comparison."""
    made = {one: np.full((3, len(sides.n_a)), np.nan) for one in estimates}
    for at in range(len(sides.n_a)):
        drawn = Drawn(sides.a.at(at), sides.d.at(at), seed, confidence)
        for one, estimate in estimates.items():
            made[one][:, at] = interval(one, float(estimate[at]), drawn)
    return {one: inside(Figures(*made[one]), estimates[one], *one.bounds) for one in estimates}


def _rates(metric: Metric, sides: Sides) -> _Floats:
    """Proportions of both sides, and of how many rows they are, of a metric that has some."""
    if metric.rate is None:
        return np.full((4, len(sides.n_a)), np.nan)
    of = sides.squares or (None, None)
    shares = [
        share_of(metric.rate(side), None if square is None else metric.rate(square))
        for side, square in zip((sides.a, sides.d), of, strict=True)
    ]
    return np.stack([*(divide(*one) for one in shares), *(one.rows for one in shares)])
