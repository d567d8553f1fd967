"""Ranking: of many slices, the few that are surely far off and not the same rows again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biaskit.audits.slices.joint import Array
from biaskit.audits.slices.lattice import Lattice

__all__ = ["candidates", "few_and_different"]


def candidates(
    sure: Array, lattice: Lattice, stand: NDArray[np.int64], of_slice: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Slices whose gap is sure, and of which every condition makes it more so; the worst first.

    Parameters
    ----------
    sure
        Least size of the gap of each slice that stands, below 0 where there may be none; shape
        ``(directions, slices)``.
    lattice, stand, of_slice
        All slices, those that stand, and for each slice the one that stands for it.

    Returns
    -------
    numpy.ndarray
        Places among those that stand; of equal ones, that of fewer columns is first.
    """
    raises = sure > 0
    these = np.flatnonzero(raises.any(axis=0))
    for child, parent in lattice.parents(stand[these]):
        standing = of_slice[parent]
        counts = standing >= 0
        child, standing = these[child[counts]], standing[counts]
        raises[:, child] &= sure[:, child] > sure[:, standing]
    found = np.flatnonzero(raises.any(axis=0))
    return found[np.lexsort((found, -sure[:, found].max(axis=0)))]


def few_and_different(
    ranked: NDArray[np.int64],
    lattice: Lattice,
    stand: NDArray[np.int64],
    rows: Array,
    *,
    top: int,
    overlap: float,
) -> list[int]:
    """The first of some slices, less those that lie mostly in one of them.

    Parameters
    ----------
    ranked
        Places among the slices that stand, the worst first.
    lattice, stand
        All slices, and those that stand.
    rows
        Rows of each cell.
    top
        Most slices.
    overlap
        A slice is left out where more than this part of its rows lie in one that is taken.
    """
    taken: list[int] = []
    cells: list[NDArray[np.bool_]] = []
    for one in ranked.tolist():
        if len(taken) >= top:
            break
        its = lattice.cells(int(stand[one]))
        most = overlap * rows[its].sum()
        if all(rows[its & other].sum() <= most for other in cells):
            taken.append(one)
            cells.append(its)
    return taken
