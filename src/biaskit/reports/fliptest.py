"""Flip test: whether the members of facet a most like a member of facet d get the same outcome.

The rows are those that `biaskit.sources.sample` kept in the pass that counts. The distance of two
rows is Euclidean over their features: numbers in units of their standard deviation (over the rows
of sides a and d together; booleans are 0 and 1), and categories, where two different ones are at
distance 1. The neighbours of a row of d are the five nearest rows of a, or the nearest one where a
has fewer than ten. Rows tied for the last places share their votes equally, so the order of the
rows does not matter. The majority of the votes is what the neighbours got; an even split is neither
outcome, and no flip. Where rows are weighted, F+, F- and n_d are sums of weights; each neighbour
has one vote, whatever its weight.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet
from biaskit.counts.levels import MISSING, Level
from biaskit.errors import DataError, listed
from biaskit.sources.sample import SEED, Feature, Sample

__all__ = ["MAX_CATEGORIES", "Flip", "flip_tests"]

_NEIGHBOURS = 5
#: With fewer rows than this on side a, only one neighbour votes, as in Clarify.
_FEW_ROWS = 10
#: A feature with more categories than this is refused.
MAX_CATEGORIES = 1_000
# With more columns than this, a tree is slower than comparing all points.
_TREE_COLUMNS = 16
# A feature determines the outcome of every row if chance would do so less often than this.
_CHANCE = 1e-3
# Squared distances that differ by less than this share are equal up to rounding.
_ROUNDING = 1e-9
# Distances that are computed at once.
_AT_ONCE = 1 << 22

#: Maps points and k to squared distances to at least k points of side a, and their indices.
_Search: TypeAlias = "Callable[[NDArray[np.intp], int], tuple[NDArray[Any], NDArray[Any]]]"


class Flip(NamedTuple):
    """Flip test of one comparison: its value, the rows of the sides, and remarks on the method."""

    estimate: float
    n_a: int
    n_d: int
    n_other: int
    remarks: list[str]


def flip_tests(
    sample: Sample,
    facet: Facet,
    sides: Sequence[tuple[Collection[Level], ...]],
    positive_hat: Sequence[Level],
    *,
    scaled: bool = True,
    sign: int = 1,
) -> list[Flip]:
    """Flip test of each pair of sides, a and d, given as values of a facet.

    With `scaled` False, numbers are not divided by their spread; a `sign` of -1 negates the value.
    Both are for `biaskit.compat`.

    Raises
    ------
    DataError
        A feature has too many categories; or the features were not named, and one of them
        determines the label or the prediction, so that rows would be compared by their own outcome.
    """
    telling = _telling(sample, positive_hat)
    if telling and sample.is_rest:
        others = [one.column for one in sample.features if repr(one.column) not in telling]
        said = ", and ".join(f"{name} determines the {what}" for name, what in telling.items())
        raise DataError(
            f'features="rest": {said}, so rows are compared by their own outcome; name the columns '
            f"to compare by, such as {listed(others)}"
        )
    levels, of_row = sample.facet(facet)
    known = np.array([level is not MISSING for level in levels], dtype=bool)[of_row]
    # Rows with the same features are one point, so that ties cost nothing.
    points, point, repeats = np.unique(
        sample.values[known], axis=0, return_inverse=True, return_counts=True
    )
    space = _coordinates(points, repeats, sample.features, scaled=scaled)
    positive = sample.is_positive(positive_hat)[known]
    weight, of_row, point = sample.weight[known], of_row[known], point.ravel()
    made = []
    rows = sample.rows(facet)
    for sides_of in sides:
        on_a, on_d = (
            np.array([level in side for level in levels], dtype=bool)[of_row] for side in sides_of
        )
        n_a, n_d = (sum(rows.get(level, 0) for level in side) for side in sides_of)
        n_known = sum(n for level, n in rows.items() if level is not MISSING)
        remarks = _remarks(sample, telling)
        estimate = np.nan
        if on_d.any() and on_a.any():

            def by_point(rows: NDArray[np.bool_]) -> NDArray[np.intp]:
                return np.bincount(point[rows], minlength=len(points))

            k = 1 if np.count_nonzero(on_a) < _FEW_ROWS else _NEIGHBOURS
            if k == 1:
                remarks.insert(0, f"1 neighbour: side a has fewer than {_FEW_ROWS} rows")
            verdicts = _verdicts(
                *space, by_point(on_a), by_point(on_a & positive), by_point(on_d) > 0, k
            )
            rejected = on_d & ~positive & (verdicts[point] > 0)
            accepted = on_d & positive & (verdicts[point] < 0)
            total = weight[on_d].sum()
            if total > 0:
                estimate = sign * (weight[rejected].sum() - weight[accepted].sum()) / total
        made.append(Flip(float(estimate), n_a, n_d, n_known - n_a - n_d, remarks))
    return made


def _remarks(sample: Sample, telling: Mapping[str, str]) -> list[str]:
    remarks = []
    if sample.complete > len(sample.values):
        remarks.append(
            f"a sample of {len(sample.values):,} of {sample.complete:,} rows (seed {SEED})"
        )
    if sample.is_rest:
        remarks.append(f"features: {', '.join(repr(one.column) for one in sample.features)}")
    remarks += [f"feature {name} determines the {what}" for name, what in telling.items()]
    return remarks


def _telling(sample: Sample, positive_hat: Sequence[Level]) -> dict[str, str]:
    """Features that determine the label or the prediction, quoted, and which of the two it is."""
    outcomes = {"label": sample.labels(), "prediction": sample.is_positive(positive_hat)}
    return {
        repr(feature.column): what
        for feature, values in zip(sample.features, sample.values.T, strict=True)
        for what, outcome in outcomes.items()
        if outcome is not None and _determines(values, outcome, is_number=not feature.categories)
    }


def _determines(values: NDArray[np.float64], outcome: NDArray[Any], *, is_number: bool) -> bool:
    """Whether a feature determines the outcome of each row, by its values or by one threshold.

    By its values: all rows with the same value have one outcome, with two rows per value on
    average. A match that outcomes assigned at random would reach does not count.
    """
    from scipy.special import gammaln, logsumexp

    _, outcome, times = np.unique(outcome, return_inverse=True, return_counts=True)
    if len(times) < 2:
        return False
    distinct, which, rows = np.unique(values, return_inverse=True, return_counts=True)
    pairs = np.unique(which.ravel() * len(times) + outcome.ravel())
    if len(pairs) == len(distinct) and len(values) >= 2 * len(distinct):
        # Chance that all rows of a value share an outcome, multiplied over the values.
        shares = np.log(times / len(values))
        sizes, values_of_size = np.unique(rows, return_counts=True)
        chance = logsumexp(sizes[:, np.newaxis] * shares, axis=1) @ values_of_size
        return bool(chance < np.log(_CHANCE))
    if not is_number or len(times) > 2:
        return False
    first, second = (values[outcome.ravel() == k] for k in (0, 1))
    is_split = first.max() < second.min() or second.max() < first.min()
    orders = gammaln(len(values) + 1) - gammaln(times + 1).sum()
    return bool(is_split and np.log(2) - orders < np.log(_CHANCE))


def _coordinates(
    points: NDArray[np.float64],
    repeats: NDArray[np.intp],
    features: Sequence[Feature],
    *,
    scaled: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numbers of some points, in units of their spread, and codes of their categories.

    Shapes ``(points, numbers)`` and ``(points, categorical features)``. A feature of two categories
    may as well be the numbers 0 and 1.
    """
    numbers, categories = [np.zeros(len(points))], [np.zeros(len(points))]
    for feature, values in zip(features, points.T, strict=True):
        if len(feature.categories) > MAX_CATEGORIES:
            raise DataError(
                f"feature {feature.column!r} has {len(feature.categories):,} categories; "
                f"at most {MAX_CATEGORIES:,} are allowed, since rows that all differ have "
                "no similar neighbours: leave it out, or merge its rare values"
            )
        if not feature.categories:
            numbers.append(_scaled(values, repeats) if scaled else values)
        elif len(feature.categories) <= 2:
            numbers.append(values)
        else:
            categories.append(values)
    return np.stack(numbers, axis=1), np.stack(categories, axis=1)


def _scaled(values: NDArray[np.float64], repeats: NDArray[np.intp]) -> NDArray[np.float64]:
    """Numbers in units of their standard deviation; all 0 where they are all the same."""
    if not len(values) or values.min() == values.max():
        return np.zeros_like(values)
    unit = values / np.abs(values).max()  # so that no square overflows
    unit -= np.average(unit, weights=repeats)
    return np.asarray(unit / np.sqrt(np.average(unit**2, weights=repeats)))


def _spread(
    numbers: NDArray[np.float64], categories: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Coordinates for a tree: a column per number, and one of 0 and 1/√2 per category.

    Any two categories are then at distance 1. None where there are too many columns for a tree to
    help.
    """
    sizes = [int(column.max(initial=0)) + 1 for column in categories.T]
    if numbers.shape[1] + sum(size for size in sizes if size > 1) > _TREE_COLUMNS:
        return None
    spread = [
        (column == place)[:, np.newaxis] / np.sqrt(2)
        for column, size in zip(categories.T, sizes, strict=True)
        for place in range(size if size > 1 else 0)
    ]
    return np.concatenate([numbers, *spread], axis=1)


def _verdicts(
    numbers: NDArray[np.float64],
    categories: NDArray[np.float64],
    rows: NDArray[np.intp],
    positive: NDArray[np.intp],
    asking: NDArray[np.bool_],
    k: int,
) -> NDArray[np.int8]:
    """Majority of the k nearest rows of each point: 1 positive, -1 negative, else 0.

    Parameters
    ----------
    numbers, categories
        Coordinates of all points, as `_coordinates` gives them.
    rows, positive
        Rows of side a at each point, and those of them that are predicted positive.
    asking
        Points whose neighbours are wanted.
    """
    verdicts = np.zeros(len(numbers), dtype=np.int8)
    there = np.flatnonzero(rows)
    rows, positive = rows[there], positive[there]
    space = _spread(numbers, categories)
    if space is None:
        search = _by_comparing_all(numbers, categories, there)
    else:
        search = _by_tree(space, there)
    open_ = np.flatnonzero(asking)
    # One point more than needed shows whether the last place is tied; a tie needs a wider search.
    near = min(k + 1, len(there)) if space is not None else len(there)
    while len(open_):
        settled = []
        for part in np.array_split(open_, 1 + len(open_) * near // _AT_ONCE):
            squares, which = search(part, near)
            verdicts[part], is_settled = _vote(squares, which, rows, positive, k)
            settled.append(is_settled | (near == len(there)))
        open_ = open_[~np.concatenate(settled)]
        near = min(4 * near, len(there))
    return verdicts


def _by_tree(space: NDArray[np.float64], there: NDArray[np.intp]) -> _Search:
    """Search of a k-d tree: squared distances to the nearest points, ascending, and indices."""
    from scipy.spatial import cKDTree

    tree = cKDTree(space[there])

    def search(part: NDArray[np.intp], near: int) -> tuple[NDArray[Any], NDArray[Any]]:
        distances, which = tree.query(space[part], k=np.arange(1, near + 1), workers=-1)
        return np.square(distances), which

    return search


def _by_comparing_all(
    numbers: NDArray[np.float64], categories: NDArray[np.float64], there: NDArray[np.intp]
) -> _Search:
    """Search of all points: squared distances to each, in their order, and their indices."""
    from scipy.spatial.distance import cdist

    def search(part: NDArray[np.intp], _: int) -> tuple[NDArray[Any], NDArray[Any]]:
        squares = cdist(numbers[part], numbers[there], "sqeuclidean")
        share = cdist(categories[part], categories[there], "hamming")  # that differ
        squares += np.rint(share * categories.shape[1])
        return squares, np.broadcast_to(np.arange(len(there)), squares.shape)

    return search


def _vote(
    squares: NDArray[Any],
    which: NDArray[Any],
    rows: NDArray[np.intp],
    positive: NDArray[np.intp],
    k: int,
) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Majorities from the distances to some points, and whether these points were enough.

    Parameters
    ----------
    squares, which
        Squared distances and the indices of the points, one row per asking point.
    rows, positive
        Rows of side a at each point, and how many of them are positive.
    """
    first = min(k, squares.shape[1])
    nearest = np.argpartition(squares, first - 1, axis=1)[:, :first]
    nearest_squares = np.take_along_axis(squares, nearest, axis=1)
    order = np.argsort(nearest_squares, axis=1)
    nearest_rows = np.take_along_axis(rows[np.take_along_axis(which, nearest, 1)], order, 1)
    last = np.argmax(np.cumsum(nearest_rows, axis=1) >= k, axis=1)[:, np.newaxis]
    reach = np.take_along_axis(np.take_along_axis(nearest_squares, order, 1), last, 1)
    asker, place = np.nonzero(squares <= reach * (1 + _ROUNDING))
    is_closer = squares[asker, place] < reach[asker, 0] * (1 - _ROUNDING)
    point = which[asker, place]

    def total(weights: NDArray[Any]) -> NDArray[np.float64]:
        whole = weights.astype(np.float64)  # sums of whole numbers are exact
        return np.asarray(np.bincount(asker, whole, minlength=len(squares)), dtype=np.float64)

    seats = k - total(rows[point] * is_closer)
    shared = total(rows[point] * ~is_closer)
    # Votes × shared are compared with half of k × shared: without a division, nothing is rounded.
    votes = total(positive[point] * is_closer) * shared
    votes += total(positive[point] * ~is_closer) * seats
    is_settled = squares[:, -1] > reach[:, 0] * (1 + _ROUNDING)
    return np.sign(2 * votes - k * shared).astype(np.int8), is_settled
