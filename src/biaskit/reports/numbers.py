"""Numbers: the values of metrics for the comparisons of one facet, as arrays with one axis."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.comparisons import (
    Comparisons,
    comparisons,
    positive_labels,
    positive_predictions,
    positive_unsaid,
)
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import Level
from biaskit.counts.references import Outcomes
from biaskit.counts.roles import Roles
from biaskit.counts.scores import ScoreTable
from biaskit.counts.sharing.rounding import Rounding
from biaskit.counts.tables import Table, Tally, divide
from biaskit.intervals.draws import Drawn, interval
from biaskit.intervals.evidence import Evidence
from biaskit.intervals.figures import Figures, evidence_of, figures_of, inside, share_of
from biaskit.metrics import Metric
from biaskit.metrics.forms import Share
from biaskit.reports.scored import refuse_another_range, split
from biaskit.reports.sides import Box, Sides, with_more

if TYPE_CHECKING:
    from biaskit.sources.sample import Sample

__all__ = [
    "Asked",
    "Compared",
    "Numbers",
    "compared",
    "known_axes",
    "not_given",
    "numbers_of",
    "references",
]

_Floats = NDArray[np.float64]


class Asked(NamedTuple):
    """How intervals are made: their level (None for none), the seed, and whether to test."""

    confidence: float | None
    seed: int
    tests: bool = True


class Compared(NamedTuple):
    """One facet with its comparisons, and the outcomes that are positive."""

    facet: Facet
    table: Table
    roles: Roles
    comparisons: Comparisons
    positive: tuple[Level, ...]
    positive_hat: tuple[Level, ...]
    #: Sides that were made before, by the axes on which values must be known.
    made: dict[tuple[str, ...], Sides]
    #: Tables of the fewest and of the most rows that its cells may have.
    ends: tuple[Table, Table]
    #: How the table is rounded, where it is protected.
    protected: Rounding | None = None
    #: Whether rows of a missing facet may be on either side.
    bounds: bool = False
    #: Distribution of the scores, where there are scores.
    scores: ScoreTable | None = None

    def sides(self, metric: Metric) -> Sides:
        """Both sides of every comparison, over the rows that count in a metric."""
        if metric.is_of_scores and self.scores is not None:
            return self._sides_of_scores(self.scores)
        known = known_axes(metric, self.roles)
        if known not in self.made:
            on_a, on_d = self.comparisons.on_a, self.comparisons.on_d
            rows = self.table.rows_of(known)
            n_a, n_d = on_a @ rows, on_d @ rows
            n_unknown = int(self.table.of_missing.rows_of(known).sum()) if self.bounds else 0
            self.made[known] = Sides(
                *self._split(self.table, known),
                *(n_a, n_d, rows.sum() - n_a - n_d),
                box=self._box(known) if n_unknown or self.protected is not None else None,
                n_unknown=n_unknown,
            )
        return self.made[known]

    def _sides_of_scores(self, scores: ScoreTable) -> Sides:
        if ("score",) not in self.made:
            a, d, n_other = split(scores, self.comparisons, self.positive, self.roles)
            n_a, n_d = (side.every.sum(axis=-1) for side in (a, d))
            n_unknown = int(self.table.of_missing.rows_of(()).sum()) if self.bounds else 0
            self.made["score",] = Sides(a, d, n_a, n_d, n_other, n_unknown=n_unknown)
        return self.made["score",]

    def _counting(self, known: tuple[str, ...]) -> dict[str, Any]:
        return {
            "known": known,
            "positive": self.positive,
            "positive_hat": self.positive_hat,
        }

    def _split(self, table: Table, known: tuple[str, ...]) -> tuple[Tally, Tally]:
        on_a, on_d = self.comparisons.on_a, self.comparisons.on_d
        return table.split(on_d, on_a, **self._counting(known))

    def _box(self, known: tuple[str, ...]) -> Box:
        """Fewest and most rows that the cells of both sides may have."""
        least, most = (self._split(one, known) for one in self.ends)
        if self.bounds:
            each = self.ends[1].of_missing.by_value(**self._counting(known))
            either = each.together(np.ones((1, len(each.cells)), dtype=bool)).at(0)
            most = with_more(most[0], either), with_more(most[1], either)
        return Box(least, most)


class Numbers(NamedTuple):
    """Numbers of a metric for each comparison of a facet."""

    estimate: _Floats
    low: _Floats
    high: _Floats
    p_value: _Floats
    #: Proportions of sides a and d, and the rows each is taken of, shape ``(4, comparisons)``.
    rates: _Floats
    n_a: NDArray[np.int64]
    n_d: NDArray[np.int64]
    n_other: NDArray[np.int64]
    #: Its evidence at any level; None where only the interval at the report's level is known.
    evidence: Evidence | None = None
    #: For a metric from rows: remarks on each comparison.
    remarks: tuple[tuple[str, ...], ...] = ()
    #: Least and greatest value, whatever the counts truly are, shape ``(2, comparisons)``; NaN
    #: where that is not known, None where the counts are taken as they are.
    range: _Floats | None = None


def compared(
    counts: Counts, facet: Facet, metrics: Sequence[Metric], *, bounds: bool = False
) -> Compared:
    """Comparisons that a report makes on one facet, for some metrics.

    With `bounds`, the rows of a missing facet may be on either side.

    Raises
    ------
    RolesError
        There is nothing to compare, or a metric needs to know which outcomes are positive.
    DataError
        All scores lie beyond one end of their range.
    """
    table, roles = counts.shown_tables[facet], counts.roles
    scores = counts.scores.get(facet)
    if scores is not None and any(one.is_of_scores for one in metrics):
        refuse_another_range(scores, roles)
    positive = positive_labels(table.levels, roles)
    predicting = any("predicted" in one.needs for one in metrics)
    by_outcome = (roles.reference or {}).get(facet) == "highest"
    positive_hat: tuple[Level, ...] = ()
    if predicting or (by_outcome and roles.predicted is not None):
        positive_hat = positive_predictions(table.levels, roles, positive)
    outcomes = _outcomes(table, roles, positive, positive_hat) if by_outcome else None
    rows = table.n.sum(axis=(1, 2, 3))
    made = comparisons(table.levels.facet, rows, facet, roles, outcomes)
    if positive is None and (unmet := [one.symbol for one in metrics if "positive" in one.needs]):
        raise positive_unsaid(table.levels, roles, unmet)
    return Compared(
        *(facet, table, roles, made, positive or (), positive_hat, {}),
        ends=counts.ends(facet),
        protected=counts.protected,
        bounds=bounds,
        scores=scores,
    )


def references(counts: Counts) -> dict[Any, Any]:
    """Reference of each facet that has one, by the facet as a caller writes it."""
    made = {
        facet: compared(counts, facet, ()).comparisons.reference
        for facet in counts.roles.reference or ()
    }
    return {facet.given: one.level for facet, one in made.items() if one is not None}


def _outcomes(
    table: Table,
    roles: Roles,
    positive: tuple[Level, ...] | None,
    positive_hat: tuple[Level, ...],
) -> Outcomes | None:
    """Positive predictions by facet level, or positive labels where nothing is predicted."""
    known = [axis for axis in ("label", "predicted") if getattr(roles, axis) is not None]
    if not known:
        return None
    if known == ["label"] and positive is None:
        raise positive_unsaid(table.levels, roles)
    each = table.by_value(known=known, positive=positive or (), positive_hat=positive_hat)
    rows = table.rows_of(known)
    if roles.predicted is None:
        return Outcomes(each.q, rows, "positive labels")
    return Outcomes(each.q_hat, rows, "positive predictions")


def numbers_of(
    metrics: Sequence[Metric], of: Compared, asked: Asked, sample: Sample | None
) -> dict[Metric, Numbers]:
    """Numbers of some metrics, made together."""
    counted = [one for one in metrics if sample is None or not one.is_of_rows]
    found = _from_counts(counted, of, asked)
    if sample is not None:
        found |= {one: _from_rows(one, of, sample) for one in metrics if one.is_of_rows}
    return found


def not_given(metric: Metric, roles: Roles) -> list[str]:
    """Columns that a metric needs and the roles lack."""
    parts = ("score", "label", "predicted", "group", "features")
    return [part for part in parts if part in metric.needs and getattr(roles, part) is None]


def known_axes(metric: Metric, roles: Roles) -> tuple[str, ...]:
    """Axes on which a row's value must be known for the row to count in a metric.

    The label counts for every metric, so that all pre-training metrics speak of the same rows.
    """
    return tuple(
        axis
        for axis in ("label", "predicted", "group")
        if axis in metric.needs or (axis == "label" and roles.label is not None)
    )


def _from_rows(metric: Metric, of: Compared, sample: Sample) -> Numbers:
    """Flip test of each comparison, from the rows that the pass kept."""
    from biaskit.reports.fliptest import flip_tests  # few reports have rows

    levels, made = of.table.levels.facet, of.comparisons
    sides = [
        tuple({one for one, is_in in zip(levels, side, strict=True) if is_in} for side in both)
        for both in zip(made.on_a, made.on_d, strict=True)
    ]
    flips = flip_tests(sample, of.facet, sides, of.positive_hat, **metric.options)
    undefined = np.full(len(flips), np.nan)
    return Numbers(
        estimate=np.array([one.estimate for one in flips]),
        low=undefined,
        high=undefined,
        p_value=undefined,
        rates=np.stack([undefined] * 4),
        n_a=np.array([one.n_a for one in flips]),
        n_d=np.array([one.n_d for one in flips]),
        n_other=np.array([one.n_other for one in flips]),
        remarks=tuple(tuple(one.remarks) for one in flips),
    )


class _Estimated(NamedTuple):
    """A metric of both sides, and its evidence."""

    sides: Sides
    estimate: _Floats
    #: Shares of sides a and d, for a metric that compares two proportions.
    shares: tuple[Share, Share] | None = None
    evidence: Evidence | None = None
    #: Its least and its greatest value, whatever the counts truly are.
    range: _Floats | None = None


def _from_counts(metrics: Sequence[Metric], of: Compared, asked: Asked) -> dict[Metric, Numbers]:
    """Estimates, intervals and p-values of metrics; all intervals are found together."""
    undefined = np.full(len(of.comparisons.names), np.nan)
    known = {
        one: _Estimated(of.sides(one), undefined)
        if not_given(one, of.roles)
        else _estimated(one, of.sides(one))
        for one in metrics
    }
    made = dict.fromkeys(metrics, Figures(undefined, undefined, undefined))
    if asked.confidence is not None:
        evidence = {
            one: of_it.evidence for one, of_it in known.items() if of_it.evidence is not None
        }
        figures = figures_of(
            list(evidence.values()),
            [_tested(one) if asked.tests else math.nan for one in evidence],
            [one.bounds for one in evidence],
            asked.confidence,
        )
        made |= dict(zip(evidence, figures, strict=True))
        made |= _from_draws(known, asked.confidence, asked.seed)
    rates = _rates([known[one].shares for one in metrics], len(undefined))
    return {
        metric: Numbers(
            *(known[metric].estimate, made[metric].low, made[metric].high, made[metric].p_value),
            rates=of_it,
            n_a=known[metric].sides.n_a,
            n_d=known[metric].sides.n_d,
            n_other=known[metric].sides.n_other,
            evidence=known[metric].evidence,
            range=_range(known[metric], of),
        )
        for metric, of_it in zip(metrics, rates, strict=True)
    }


def _range(found: _Estimated, of: Compared) -> _Floats | None:
    """Least and greatest value of a metric; where nothing is unknown, they are the value itself."""
    is_exact = found.range is None and of.bounds
    return np.stack([found.estimate] * 2) if is_exact else found.range


def _estimated(metric: Metric, sides: Sides) -> _Estimated:
    """A metric with its evidence at any level, if it declares its proportions."""
    a, d, squares = sides.a, sides.d, sides.squares
    made = _Estimated(sides, metric(a, d))
    if metric.is_of_scores and sides.n_unknown:  # what their scores would do is not known
        return made._replace(range=np.full((2, len(made.estimate)), np.nan))
    if metric.rate is not None:
        shares = share_of(metric.rate(a)), share_of(metric.rate(d))
        if squares is not None:
            shares = (
                share_of(metric.rate(a), metric.rate(squares[0])),
                share_of(metric.rate(d), metric.rate(squares[1])),
            )
        made = made._replace(shares=shares)
    if sides.box is not None:
        return _in_box(made, metric, sides.box)
    if made.shares is not None:
        return made._replace(evidence=evidence_of(metric.compared(*made.shares), made.estimate))
    if metric.kind == "point" or (form := metric.form_of(a, d)) is None:
        return made
    of_squares = None if squares is None else metric.form_of(*squares)
    return made._replace(evidence=evidence_of(form, made.estimate, of_squares))


def _in_box(made: _Estimated, metric: Metric, box: Box) -> _Estimated:
    """A metric with the evidence of all that its counts may be, if its extremes are known."""
    from biaskit.intervals.boxes import in_box  # few reports have bounds

    shown = metric.form_of(made.sides.a, made.sides.d)
    squares = (None, None) if box.squares is None else box.squares.forms_of(metric)
    evidence = in_box(shown, *box.forms_of(metric), made.estimate, squares)
    if evidence is None:
        return made._replace(range=np.full((2, len(made.estimate)), np.nan))
    return made._replace(evidence=evidence, range=np.stack([evidence.least, evidence.most]))


def _tested(metric: Metric) -> float:
    """Parity that a metric is tested for; NaN where it compares no facets."""
    return math.nan if metric.kind == "inequality" else metric.parity


def _from_draws(
    known: Mapping[Metric, _Estimated], confidence: float, seed: int
) -> dict[Metric, Figures]:
    """Figures of metrics that have draws, comparison by comparison."""
    together: dict[int, list[Metric]] = defaultdict(list)
    for one, of_it in known.items():
        if (
            one.is_drawn
            and of_it.sides.box is None
            and not of_it.sides.is_too_large_to_draw(confidence)
        ):
            together[id(of_it.sides)].append(one)
    made = {}
    for metrics in together.values():
        sides = known[metrics[0]].sides
        drawn = np.full((len(metrics), 3, len(sides.n_a)), np.nan)
        for at in range(len(sides.n_a)):
            assert isinstance(sides.a, Tally)
            assert isinstance(sides.d, Tally)
            draws = Drawn(sides.a.at(at), sides.d.at(at), seed, confidence)
            for one, ends in zip(metrics, drawn, strict=True):
                ends[:, at] = interval(one, float(known[one].estimate[at]), draws)
        for one, ends in zip(metrics, drawn, strict=True):
            made[one] = inside(Figures(*ends), known[one].estimate, *one.bounds)
    return made


def _rates(shares: Sequence[tuple[Share, Share] | None], comparisons: int) -> _Floats:
    """Proportions of both sides, and the rows they are taken of, for metrics that have them.

    Shape ``(metrics, 4, comparisons)``.
    """
    made = np.full((len(shares), 4, comparisons), np.nan)
    have = [i for i, one in enumerate(shares) if one is not None]
    if have:
        known = np.array([shares[i] for i in have], dtype=np.float64)
        made[have, :2] = divide(known[:, :, 0], known[:, :, 1])
        made[have, 2:] = known[:, :, 1]
    return made
