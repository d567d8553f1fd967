"""Holm's rule: which of many statements are certain when they are made together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["holm", "holm_adjusted"]


def holm(doubts: Sequence[float], alpha: float) -> list[bool]:
    """Which statements hold together, if the chance that any of these is wrong is at most `alpha`.

    The most certain of m is allowed a doubt of ``alpha / m``, the next one ``alpha / (m - 1)``, and
    so on until one does not hold (S. Holm, "A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 6, 1979).

    Parameters
    ----------
    doubts
        P-value of each statement: the chance of so much evidence for it if it is wrong.
    alpha
        Chance that is allowed, between 0 and 1.

    Examples
    --------
    >>> holm([0.04, 0.001, 0.02], 0.05)
    [True, True, True]
    >>> holm([0.04, 0.001, 0.03], 0.05)
    [False, True, False]
    """
    hold = [False] * len(doubts)
    for done, i in enumerate(sorted(range(len(doubts)), key=doubts.__getitem__)):
        # A statement that is certain by itself alone has the doubt alpha, which is enough for the
        # last one; it is computed with a rounding error.
        if not doubts[i] <= alpha / (len(doubts) - done) * (1 + 1e-9):
            break
        hold[i] = True
    return hold


def holm_adjusted(p: NDArray[np.float64], tests: int | None = None) -> NDArray[np.float64]:
    """P-values adjusted by Holm's rule: at most alpha where the rule rejects at level alpha.

    A NaN is no test. `tests` is the number of tests, if those left out have larger p-values.

    >>> holm_adjusted(np.array([0.04, np.nan, 0.01, 0.03]))
    array([0.06,  nan, 0.03, 0.06])
    """
    order = np.argsort(p, kind="stable")[: np.count_nonzero(~np.isnan(p))]  # NaN is last
    times = (len(order) if tests is None else tests) - np.arange(len(order))
    made = np.full_like(p, np.nan)
    made[order] = np.minimum(np.maximum.accumulate(p[order] * times), 1.0)
    return made
