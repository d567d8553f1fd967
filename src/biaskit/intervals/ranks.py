"""Evidence on how scores rank positives above negatives: AUC on either side, and between them.

The variance of an AUC is that of E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson ("Comparing
the areas under two or more correlated receiver operating characteristic curves", Biometrics 44,
1988), whose interval is made on the scale of the logit. With few positives or negatives it is too
short where the AUC is near 1, so there it reaches at least as far as method 5 of R. G. Newcombe
("Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2",
Statistics in Medicine 25, 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import divide
from biaskit.intervals.draws import exceedance
from biaskit.intervals.ends import OfEnds, quantiles_of
from biaskit.intervals.proportions import Array, Sought
from biaskit.metrics import forms

__all__ = ["OfExchanged", "OfRanks"]

#: With fewer positives or negatives than this, both intervals of an AUC are made.
_FEW = 50
# Halvings of the interval in which an end of method 5 lies.
_HALVINGS = 50
# Draws of a test by exchange, and the bins in which they are made.
_DRAWS, _BINS = 999, 100


class _Auc:
    """Chance that a positive has a higher score than a negative, and its reaches."""

    def __init__(self, positive: NDArray[Any], negative: NDArray[Any]):
        p, q = positive, negative
        self.positives, self.negatives = (one.sum(axis=-1).astype(np.float64) for one in (p, q))
        many_p, many_q = self.positives[..., np.newaxis], self.negatives[..., np.newaxis]
        beaten = divide(np.cumsum(q, axis=-1) - q / 2, many_q)
        beating = 1 - divide(np.cumsum(p, axis=-1) - p / 2, many_p)
        self.share = divide((p * np.nan_to_num(beaten)).sum(axis=-1), self.positives)
        middle = self.share[..., np.newaxis]
        of_p, of_q = ((p * (beaten - middle) ** 2), (q * (beating - middle) ** 2))
        parts = (
            divide(one.sum(axis=-1), rows * (rows - 1))
            for one, rows in ((of_p, self.positives), (of_q, self.negatives))
        )
        self.variance = sum(parts)

    def reaches(self, z: Array) -> tuple[Array, Array]:
        """How far the limits lie below and above."""
        a = self.share
        inside = (a > 0) & (a < 1)
        middle = np.where(inside, a, 0.5)
        odds = middle / (1 - middle)
        by = np.exp(z * np.sqrt(self.variance) / (middle * (1 - middle)))
        down, up = a - odds / (odds + by), odds / (odds + 1 / by) - a
        few = (np.minimum(self.positives, self.negatives) < _FEW) | ~inside
        if not few.any():
            return down, up
        own = [np.where(inside, one, np.nan) for one in (down, up)]
        others = a - self._far(z, 0.0), self._far(z, 1.0) - a
        made = [
            np.where(few, np.fmax(one, other), one) for one, other in zip(own, others, strict=True)
        ]
        return made[0], made[1]

    def _far(self, z: Array, end: float) -> Array:
        """Value on the way to 0 or 1 from which the share is z standard errors away."""
        pairs = self.positives * self.negatives
        rows = (self.positives + self.negatives) / 2 - 1
        near, far = self.share, np.full_like(self.share, end)
        for _ in range(_HALVINGS):
            at = (near + far) / 2
            of_pairs = 1 + rows * (1 - at) / (2 - at) + rows * at / (1 + at)
            error = np.sqrt(divide(at * (1 - at) * of_pairs, pairs))
            is_near = np.abs(at - self.share) < z * error
            near, far = np.where(is_near, at, near), np.where(is_near, far, at)
        return (near + far) / 2


class OfRanks(OfEnds):
    """Difference of two AUCs of different rows."""

    def __init__(self, form: forms.Ranks, estimate: Array):
        super().__init__(estimate)
        with np.errstate(all="ignore"):
            self.plus, self.minus = _Auc(*form.plus), _Auc(*form.minus)

    def _at(self, tail: Array) -> tuple[Array, Array]:
        z = quantiles_of(tail)
        (down, up), (other_down, other_up) = self.plus.reaches(z), self.minus.reaches(z)
        return self.estimate - np.hypot(down, other_up), self.estimate + np.hypot(up, other_down)


class OfExchanged(OfEnds):
    """A test alone: how often a distance is as large where rows of a label change sides by chance.

    Both sides are drawn from the scores of all rows of their label, in a hundred bins.
    """

    def __init__(self, form: forms.Exchanged, estimate: Array):
        super().__init__(estimate)
        self.form = form

    def _at(self, tail: Array) -> tuple[Array, Array]:
        unknown = np.full_like(self.estimate, np.nan)
        return unknown, unknown

    def tests(self, parity: Any) -> list[Sought]:
        """No levels: the test is one of its own."""
        return []

    def _p_of(self, tails: Sequence[Array]) -> Array:
        sides = zip(*self.form.a, *self.form.d, strict=True)
        return np.array([self._test([*rows]) for rows in sides])

    def _test(self, rows: list[NDArray[Any]]) -> float:
        import hashlib

        totals = [int(one.sum()) for one in rows]
        if not all(totals):
            return np.nan
        rows = _in_fewer_bins(rows)
        # The same rows give the same draws, whichever side they are called.
        text = b"".join(sorted(one.astype(np.int64).tobytes() for one in rows))
        told = np.frombuffer(hashlib.sha256(text).digest(), dtype=np.uint32)
        rng = np.random.default_rng(told)
        pools = [rows[i] + rows[i + 2] for i in range(2)] * 2
        drawn = [
            rng.multinomial(total, pool / pool.sum(), size=_DRAWS)
            for total, pool in zip(totals, pools, strict=True)
        ]
        null = self.form.value((drawn[0], drawn[1]), (drawn[2], drawn[3]))
        once = [one[np.newaxis] for one in rows]
        found = self.form.value((once[0], once[1]), (once[2], once[3]))
        return float(exceedance(found, null[np.newaxis], squared=False)[0])


def _in_fewer_bins(rows: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Rows in bins that are joined so that each has about as many."""
    every = np.sum(rows, axis=0)
    used = np.flatnonzero(every)
    part = np.cumsum(every[used]) * _BINS // (every.sum() + 1)
    starts = used[np.flatnonzero(np.diff(part, prepend=-1))]
    return [np.add.reduceat(one, starts) for one in rows]
