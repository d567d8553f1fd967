"""Moments of values in groups of rows, which give a mean, its spread and its skewness.

They are taken about the mean of their own group, so adding a constant to all values does not change
them, and groups merge without the rows (T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for
computing the sample variance", The American Statistician 37, 1983).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moments", "joined", "no_rows", "of_groups", "spread", "together"]


class Moments(NamedTuple):
    """Moments of values in groups of rows.

    `n` has the shape ``(groups,)``, the other arrays have ``(..., groups)``. A group without rows
    has 0 in all of them; an unknown moment is NaN.
    """

    n: NDArray[Any]
    mean: NDArray[Any]
    #: Sums of the squares and of the cubes of the deviations from the mean.
    second: NDArray[Any]
    third: NDArray[Any]
    least: NDArray[Any]
    most: NDArray[Any]
    #: Sums of the absolute values, and of the variance that sampling gives the values.
    absolute: NDArray[Any]
    noise: NDArray[Any]

    def at(self, where: Any) -> Moments:
        """Moments of some of the groups."""
        return Moments(*(array[..., where] for array in self))


def no_rows(inner: tuple[int, ...], groups: int) -> Moments:
    """Moments of groups without rows, in arrays of the shape ``(*inner, groups)``."""
    n = np.zeros(groups, dtype=np.int64)
    return Moments(n, *(np.zeros((*inner, groups)) for _ in Moments._fields[1:]))


def of_groups(
    values: NDArray[np.float64],
    codes: NDArray[np.intp],
    groups: int,
    noise: NDArray[np.float64] | None = None,
) -> Moments:
    """Moments of the values of some rows, by the group that each row is in.

    Parameters
    ----------
    values
        Shape ``(..., rows)``.
    codes
        Group of each row, at least 0 and below `groups`, shape ``(rows,)``.
    groups
        Number of groups.
    noise
        Variance that sampling gives each value; None where the values are exact.

    Examples
    --------
    >>> import numpy as np
    >>> made = of_groups(np.array([1.0, 5.0, 3.0]), np.array([0, 1, 0]), 2)
    >>> made.n.tolist(), made.mean.tolist(), made.second.tolist()
    ([2, 1], [2.0, 5.0], [2.0, 0.0])
    """
    by_group = np.argsort(codes, kind="stable")
    used, starts = np.unique(codes[by_group], return_index=True)
    inner = values.shape[:-1]
    made = no_rows(inner, groups)
    made.n[used] = np.diff(starts, append=len(codes))
    for at in np.ndindex(*inner):
        noises = np.zeros(len(codes)) if noise is None else noise[at][by_group]
        one = _of_runs(values[at][by_group], starts, made.n[used], noises)
        for array, found in zip(made[1:], one, strict=True):
            array[(*at, used)] = found
    return made


def _of_runs(
    values: NDArray[np.float64],
    starts: NDArray[np.intp],
    n: NDArray[np.int64],
    noise: NDArray[np.float64],
) -> tuple[NDArray[Any], ...]:
    """All moments besides `n`, of values sorted by group."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.add.reduceat(values, starts) / n
        mean += np.add.reduceat(values - np.repeat(mean, n), starts) / n
        off = values - np.repeat(mean, n)
        square = off * off
        return (
            mean,
            np.add.reduceat(square, starts),
            np.add.reduceat(square * off, starts),
            np.minimum.reduceat(values, starts),
            np.maximum.reduceat(values, starts),
            np.add.reduceat(np.abs(values), starts),
            np.add.reduceat(noise, starts),
        )


def joined(parts: Moments) -> Moments:
    """Moments of the rows of all groups, merged along the last axis, which is dropped.

    The order of the groups changes only the last digits, and that of two groups not even those.

    Examples
    --------
    >>> import numpy as np
    >>> made = of_groups(np.array([1.0, 5.0, 3.0]), np.array([0, 1, 0]), 2)
    >>> joined(made).mean.tolist(), joined(made).second.tolist()
    (3.0, 8.0)
    """
    n = parts.n.sum(axis=-1)
    has_rows = parts.n > 0
    share = parts.n / np.maximum(n, 1)[..., np.newaxis]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = (share * parts.mean).sum(axis=-1)
        mean += (share * (parts.mean - mean[..., np.newaxis])).sum(axis=-1)
        off = np.where(has_rows, parts.mean - mean[..., np.newaxis], 0.0)
        square = parts.n * off * off
        second = (parts.second + square).sum(axis=-1)
        third = (parts.third + 3 * off * parts.second + off * square).sum(axis=-1)
    least = np.where(has_rows, parts.least, np.inf).min(axis=-1, initial=np.inf)
    most = np.where(has_rows, parts.most, -np.inf).max(axis=-1, initial=-np.inf)
    return Moments(
        n,
        mean,
        second,
        third,
        np.where(n > 0, least, 0.0),
        np.where(n > 0, most, 0.0),
        parts.absolute.sum(axis=-1),
        parts.noise.sum(axis=-1),
    )


def together(one: Moments, other: Moments) -> Moments:
    """Moments of the rows of both parts, group by group."""
    both = zip(one, other, strict=True)
    return joined(Moments(*(np.stack(arrays, axis=-1) for arrays in both)))


def spread(parts: Moments, place: Any, groups: int) -> Moments:
    """Moments of `groups` groups: at `place` those given, elsewhere those of no rows."""
    made = no_rows(parts.mean.shape[:-1], groups)
    for array, part in zip(made, parts, strict=True):
        array[..., place] = part
    return made
