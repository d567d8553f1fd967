"""Gaps: attributions to the rows of an explanation, with their intervals and notes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.comparisons import comparisons
from biaskit.counts.facets import Facet
from biaskit.counts.levels import MISSING
from biaskit.counts.roles import Roles
from biaskit.counts.tables import divide
from biaskit.errors import DataError, RolesError
from biaskit.explanations.attributions import ADDS_UP, TOTAL, About, Attributions, Sums
from biaskit.explanations.samples import MEDIAN_ROWS
from biaskit.intervals import means
from biaskit.intervals.moments import joined

__all__ = ["FEW_CARRY", "Gap", "GapRow", "ImportanceRow", "gap", "gap_rows", "importance_rows"]

_FEW_ROWS = 10
#: Rows of a rare value below which intervals of skewed values undercover.
FEW_CARRY = 5


class GapRow(NamedTuple):
    """One row of an explanation; the fields are the columns."""

    facet: str
    value: str
    feature: str
    mean_abs_a: float
    mean_abs_d: float
    mean_a: float
    mean_d: float
    gap: float
    low: float
    high: float
    share: float
    n_a: int
    n_d: int
    n_missing: int
    n_other: int
    output: str
    scale: str
    method: str
    note: str


class ImportanceRow(NamedTuple):
    """One row of a global explanation; the fields are the columns."""

    feature: str
    mean_abs: float
    median: float
    mean_square: float
    mean: float
    n: int
    output: str
    scale: str
    method: str
    note: str


def gap_rows(found: Attributions, roles: Roles, confidence: float) -> list[GapRow]:
    """Rows of an explanation: per facet, comparison, output and feature, the total last."""
    if not roles.facet:
        raise RolesError("facet is needed: these attributions have no facet")
    made = []
    for facet in roles.facet:
        sums = found.sums[facet]
        sides = comparisons(sums.levels, sums.n, facet, roles)
        for name, on_a, on_d in zip(sides.names, sides.on_a, sides.on_d, strict=True):
            made += _comparison_rows(found, facet, name, on_d, on_a, confidence)
    return made


def _comparison_rows(
    found: Attributions,
    facet: Facet,
    name: str,
    on_d: NDArray[np.bool_],
    on_a: NDArray[np.bool_],
    confidence: float,
) -> list[GapRow]:
    about, sums = found.about, found.sums[facet]
    columns = {*facet.columns}
    is_facet = [name in columns and name not in found.roles.cuts for name in about.features]
    one = gap(sums, on_d, on_a, confidence, np.array([*is_facet, False]))
    n_missing = int(sums.n[[level is MISSING for level in sums.levels]].sum())
    parts, total = one.gap[:, :-1].sum(axis=1), one.gap[:, -1]
    size = np.abs(one.mean_a[:, :-1]).sum(axis=1) + np.abs(one.mean_d[:, :-1]).sum(axis=1)
    size += np.abs(one.mean_a[:, -1]) + np.abs(one.mean_d[:, -1])
    if one.n_a and one.n_d and np.any(np.abs(parts - total) > ADDS_UP * size + 1e-12):
        raise DataError(
            f"the parts of the gap add up to {parts} and not to {total}: the attributions are "
            "damaged; explain the data again"
        )
    rows = []
    for output, feature in itertools.product(
        range(len(about.outputs)), range(len(about.features) + 1)
    ):
        at = (output, feature)
        named = (*about.features, TOTAL)[feature]
        whole = total[output]
        rows.append(
            GapRow(
                facet=facet.name,
                value=name,
                feature=named,
                mean_abs_a=float(one.mean_abs_a[at]),
                mean_abs_d=float(one.mean_abs_d[at]),
                mean_a=float(one.mean_a[at]),
                mean_d=float(one.mean_d[at]),
                gap=float(one.gap[at]),
                low=float(one.low[at]),
                high=float(one.high[at]),
                share=float(one.gap[at] / whole) if whole else math.nan,
                n_a=one.n_a,
                n_d=one.n_d,
                n_missing=n_missing,
                n_other=found.rows - n_missing - one.n_a - one.n_d,
                output=about.outputs[output],
                scale=about.scale,
                method=about.method,
                note="; ".join(_notes(about, one, output, feature, is_facet=named in columns)),
            )
        )
    return rows


def _notes(about: About, one: Gap, output: int, feature: int, *, is_facet: bool) -> Iterator[str]:
    """Caveats on one row of an explanation."""
    at, is_total = (output, feature), feature == len(about.features)
    fewest = min(one.n_a, one.n_d)
    if is_facet:
        yield "this feature is the facet itself"
    if fewest == 0:
        yield "a side has no rows"
    elif fewest < _FEW_ROWS:
        yield f"few rows: {fewest} on one side"
    if one.few[at] < FEW_CARRY:
        carrying = f"about {max(round(one.few[at]), 1)} on one side"
        yield f"few rows carry this sum: {carrying}; its interval may be too narrow"
    if one.is_plain[at]:
        yield "the skewness is unknown, as in files of biaskit 0.1: the interval is Welch's"
    if one.noise[at] > 0:
        yield f"sampling error {one.noise[at]:.1g}"
    if about.own_background and not is_total:
        yield "the background is from the data and is treated as fixed"
    if one.gap[output, -1] == 0 and fewest > 0:
        yield "the gap is 0, so shares of it are undefined"


def importance_rows(found: Attributions, medians: NDArray[np.float64]) -> list[ImportanceRow]:
    """Rows of a global explanation: per output and feature, the total last."""
    about = found.about
    sums = next(iter(found.sums.values()))
    all_rows = joined(sums.moments)
    mean_square = all_rows.second / found.rows + all_rows.mean**2
    note = "the median is taken over a sample of the rows" if found.rows > MEDIAN_ROWS else ""
    rows = []
    for output, feature in itertools.product(
        range(len(about.outputs)), range(len(about.features) + 1)
    ):
        at = (output, feature)
        rows.append(
            ImportanceRow(
                feature=(*about.features, TOTAL)[feature],
                mean_abs=float(all_rows.absolute[at] / found.rows),
                median=float(medians[at]),
                mean_square=float(mean_square[at]),
                mean=float(all_rows.mean[at]),
                n=found.rows,
                output=about.outputs[output],
                scale=about.scale,
                method=about.method,
                note=note,
            )
        )
    return rows


class Gap(NamedTuple):
    """Means of one feature's values on both sides, and their difference.

    Arrays of the shape ``(outputs, features + 1)``.
    """

    mean_a: NDArray[np.float64]
    mean_d: NDArray[np.float64]
    mean_abs_a: NDArray[np.float64]
    mean_abs_d: NDArray[np.float64]
    gap: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    #: Standard error that sampling alone gives the gap; 0 where values are exact.
    noise: NDArray[np.float64]
    #: Number of rows that carry the sum of a side, as `means.Interval` has it.
    few: NDArray[np.float64]
    #: Whether the skewness of the values is unknown and taken as 0, as in files of biaskit 0.1.
    is_plain: NDArray[np.bool_]
    n_a: int
    n_d: int


def gap(
    sums: Sums,
    on_d: NDArray[np.bool_],
    on_a: NDArray[np.bool_],
    confidence: float,
    is_facet: NDArray[np.bool_] | None = None,
) -> Gap:
    """Difference of the means of the rows on side a and on side d, with its interval.

    Parameters
    ----------
    sums
        Sums of one facet.
    on_d, on_a
        Masks of the levels on each side, shape ``(levels,)``.
    confidence
        Level of the interval, between 0 and 1.
    is_facet
        Which features are the facet itself, shape ``(features + 1,)``. All rows of a side have the
        same value there.

    Returns
    -------
    Gap
        ``mean_a - mean_d`` and its interval (`means.difference`). Where there are two values, and
        where outputs are decisions, 0 or 1, it is the interval of a difference of two proportions;
        for decisions even if only one of the two occurs. NaN where a side has fewer than two rows,
        or no rows for decisions.
    """
    a, d = (joined(sums.moments.at(side)) for side in (on_a, on_d))
    least, most = np.minimum(a.least, d.least), np.maximum(a.most, d.most)
    is_decision = np.zeros(least.shape, dtype=bool)
    is_decision[:, -1] = _is_0_or_1(least[:, -1]) & _is_0_or_1(most[:, -1])
    is_alone = np.full(least.shape, min(a.n, d.n) < 2)
    if is_facet is not None:
        is_alone |= (a.least == a.most) & (d.least == d.most) & is_facet
    least = np.where(is_decision, 0.0, np.where(is_alone, np.nan, least))
    most = np.where(is_decision, 1.0, most)
    found = means.difference(a, d, least, most, confidence)
    mean_a, mean_d = (np.where(side.n > 0, side.mean, np.nan) for side in (a, d))
    return Gap(
        mean_a,
        mean_d,
        divide(a.absolute, a.n),
        divide(d.absolute, d.n),
        mean_a - mean_d,
        found.low,
        found.high,
        np.sqrt(sum(divide(divide(side.noise, side.n), side.n) for side in (a, d))),
        found.few,
        ~(np.isfinite(a.third) & np.isfinite(d.third)) & ~found.is_proportion,
        int(a.n),
        int(d.n),
    )


def _is_0_or_1(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((values == 0) | (values == 1))
