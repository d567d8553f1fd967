"""Flip test: whether those of facet a who are most like a member of facet d get what it gets.

The rows are those that `biaskit.sources.sample` kept in the pass that counts. Two rows are as far
apart as their features are: Euclidean, of numbers in units of their standard deviation (over the
rows of sides a and d together, booleans being 0 and 1) and of categories, where two that differ are
at distance 1. The neighbours of a row of d are the five nearest rows of a, or the nearest one where
a has fewer than ten. Where rows are tied for the last of these places, they share them, each with
an equal part of a vote; so nothing depends on the order of the rows. What most votes are for is
what the neighbours got; with half of them it is neither, and no flip.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, listed
from biaskit.levels import MISSING, Level
from biaskit.metrics import FROM_ROWS, Metric
from biaskit.roles import Facet, Roles
from biaskit.sources.sample import SEED, Feature, Sample

__all__ = ["Flip", "flip_tests", "sample_for"]

_NEIGHBOURS = 5
#: Of fewer rows than this on side a, one neighbour is asked, as Clarify does.
_FEW_ROWS = 10
#: More columns than this, of numbers and of single categories, are refused.
MAX_COLUMNS = 1_000
# Distances that differ by less than this share of themselves are the same but for rounding.
_ROUNDING = 1e-9
# Distances that are looked at in one go.
_AT_ONCE = 1 << 22


class Flip(NamedTuple):
    """Flip test of one comparison: its value, the rows of the sides, and remarks on how it came."""

    estimate: float
    n_a: int
    n_d: int
    remarks: list[str]


def sample_for(roles: Roles, metrics: Collection[Metric] | None) -> Sample | None:
    """Sample to be filled while the rows are counted; None where no metric asked for needs rows.

    With `metrics` None, every metric is asked for whose roles are given.
    """
    asked = metrics is None or any(one.symbol in FROM_ROWS for one in metrics)
    given = roles.features is not None and roles.predicted is not None
    return Sample(roles) if asked and given else None


def flip_tests(
    sample: Sample,
    facet: Facet,
    groups: Sequence[Collection[Level]],
    positive_hat: Sequence[Level],
) -> list[Flip]:
    """Flip test of each of some groups of a facet's values as d, all other known values being a.

    Raises
    ------
    DataError
        The features have too many categories.
    """
    levels, of_row = sample.facet(facet)
    known = np.array([level is not MISSING for level in levels], dtype=bool)[of_row]
    # Rows with the same features are one point, so that ties cost nothing.
    points, point, repeats = np.unique(
        sample.values[known], axis=0, return_inverse=True, return_counts=True
    )
    space = _spread(points, repeats, sample.features)
    positive = sample.is_positive(positive_hat)[known]
    weight, of_row, point = sample.weight[known], of_row[known], point.ravel()
    made = []
    for group in groups:
        on_d = np.array([level in group for level in levels], dtype=bool)[of_row]
        n_a, n_d = _side_rows(sample, facet, group)
        remarks = _remarks(sample)
        estimate = np.nan
        if on_d.any() and not on_d.all():

            def by_point(rows: NDArray[np.bool_], weight: Any = None) -> NDArray[Any]:
                return np.bincount(point[rows], weight, minlength=len(space))

            k = 1 if np.count_nonzero(~on_d) < _FEW_ROWS else _NEIGHBOURS
            if k == 1:
                remarks.insert(0, f"1 neighbour: side a has fewer than {_FEW_ROWS} rows")
            verdicts = np.zeros(len(space), dtype=np.int8)
            asking = by_point(on_d) > 0
            verdicts[asking] = _verdicts(
                space, by_point(~on_d), by_point(~on_d & positive), space[asking], k
            )
            rejected = on_d & ~positive & (verdicts[point] > 0)
            accepted = on_d & positive & (verdicts[point] < 0)
            total = weight[on_d].sum()
            if total > 0:
                estimate = (weight[rejected].sum() - weight[accepted].sum()) / total
        made.append(Flip(float(estimate), n_a, n_d, remarks))
    return made


def _side_rows(sample: Sample, facet: Facet, group: Collection[Level]) -> tuple[int, int]:
    rows = sample.rows(facet)
    n_d = sum(n for level, n in rows.items() if level in group)
    return sum(n for level, n in rows.items() if level is not MISSING) - n_d, n_d


def _remarks(sample: Sample) -> list[str]:
    remarks = []
    if sample.complete > len(sample.values):
        remarks.append(
            f"a sample of {len(sample.values):,} of {sample.complete:,} rows (seed {SEED})"
        )
    if sample.is_rest:
        remarks.append(f"features: {listed([one.column for one in sample.features])}")
    return remarks


def _spread(
    points: NDArray[np.float64], repeats: NDArray[np.intp], features: Sequence[Feature]
) -> NDArray[np.float64]:
    """Coordinates of points, shape ``(points, columns)``, from their features.

    A feature of two categories is a column of 0 and 1; one of more has a column for each, of 0 and
    1/√2, so that any two are at distance 1.
    """
    columns = sum(max(1, len(one.categories)) for one in features)
    if columns > MAX_COLUMNS:
        most = max(features, key=lambda one: len(one.categories))
        raise DataError(
            f"the features have {columns:,} columns, a column for each category; "
            f"{MAX_COLUMNS:,} is the most. Feature {most.column!r} alone has "
            f"{len(most.categories):,} categories: leave it out, or join its rare values"
        )
    made: list[NDArray[np.float64]] = []
    for feature, values in zip(features, points.T, strict=True):
        if not feature.categories:
            made.append(_scaled(values, repeats))
        elif len(feature.categories) <= 2:
            made.append(values)
        else:
            made += [(values == place) / np.sqrt(2) for place in range(len(feature.categories))]
    return np.stack(made, axis=1)


def _scaled(values: NDArray[np.float64], repeats: NDArray[np.intp]) -> NDArray[np.float64]:
    """Numbers in units of their standard deviation; all 0 where they are all the same."""
    if not len(values) or values.min() == values.max():
        return np.zeros_like(values)
    unit = values / np.abs(values).max()  # so that no square overflows
    mean = np.average(unit, weights=repeats)
    return np.asarray((unit - mean) / np.sqrt(np.average((unit - mean) ** 2, weights=repeats)))


def _verdicts(
    space: NDArray[np.float64],
    rows: NDArray[np.intp],
    positive: NDArray[np.intp],
    asking: NDArray[np.float64],
    k: int,
) -> NDArray[np.int8]:
    """What the k nearest rows say to some points: 1 positive, -1 negative, 0 neither.

    Parameters
    ----------
    space
        Coordinates of all points.
    rows, positive
        Rows of side a at each point, and those of them that are predicted positive.
    asking
        Coordinates of the points that ask.
    """
    from scipy.spatial import cKDTree

    there = np.flatnonzero(rows)
    rows, positive = rows[there], positive[there]
    tree = cKDTree(space[there])
    verdicts = np.zeros(len(asking), dtype=np.int8)
    open_ = np.arange(len(asking))
    # One point more than are needed shows whether the last place is tied; then more are asked for.
    near = min(k + 1, len(there))
    while len(open_):
        settled = np.zeros(len(open_), dtype=bool)
        step = max(1, _AT_ONCE // near)
        for start in range(0, len(open_), step):
            part = open_[start : start + step]
            distance, which = tree.query(asking[part], k=np.arange(1, near + 1), workers=-1)
            last = np.argmax(np.cumsum(rows[which], axis=1) >= k, axis=1)
            reach = distance[np.arange(len(part)), last][:, np.newaxis]
            closer = distance < reach * (1 - _ROUNDING)
            tied = ~closer & (distance <= reach * (1 + _ROUNDING))
            seats = k - np.sum(rows[which] * closer, axis=1)
            shared = np.sum(rows[which] * tied, axis=1)
            # All in whole numbers: votes × shared, against half of k × shared.
            votes = np.sum(positive[which] * closer, axis=1) * shared
            votes += seats * np.sum(positive[which] * tied, axis=1)
            verdicts[part] = np.sign(2 * votes - k * shared)
            settled[start : start + step] = (near == len(there)) | ~tied[:, -1]
        open_ = open_[~settled]
        near = min(4 * near, len(there))
    return verdicts
