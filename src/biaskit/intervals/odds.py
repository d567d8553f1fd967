"""Odds: intervals and tests of the ratio of the odds of two proportions, also within groups."""

from __future__ import annotations

import numpy as np

from biaskit.counts.tables import divide
from biaskit.intervals.distances import normal_quantile
from biaskit.intervals.evidence import Evidence, OfQuotient
from biaskit.intervals.figures import share_of
from biaskit.intervals.proportions import Array, Sought
from biaskit.metrics import forms
from biaskit.metrics.forms import Share

__all__ = ["OfCommonOdds", "OfOdds"]

# With fewer rows of an outcome on a side, the logarithm of its odds is not normal.
_FEW = 10


class OfOdds(OfQuotient):
    """Ratio of odds on the log scale; where an outcome has no rows, half a row stands in for it."""

    def __init__(self, form: forms.Odds, estimate: Array):
        super().__init__(forms.Quotient(*form), estimate)
        whole = (self.counts >= self.rows) & (self.rows > 0)
        self.middle = np.where(whole, (self.rows + 0.5) / (self.rows + 1), self.middle)
        odds = self.middle / (1 - self.middle)
        self.quotient = np.where(np.isnan(estimate), np.nan, odds[0] / odds[1])

    def _reaches(self, reaches: Array) -> tuple[Array, Array]:
        down, up = reaches.reshape(self.shape)
        middle = _log_odds(self.middle)
        down = np.where(self.counts > 0, middle - _log_odds(self.share - down), np.inf)
        up = np.where(self.counts < self.rows, _log_odds(self.share + up) - middle, np.inf)
        down, up = np.maximum(down, 0.0) ** 2, np.maximum(up, 0.0) ** 2
        return np.sqrt(down[0] + up[1]), np.sqrt(up[0] + down[1])


def _log_odds(share: Array) -> Array:
    return np.asarray(np.log(share) - np.log1p(-share))


class OfCommonOdds(Evidence):
    """Odds ratio of Mantel and Haenszel, whose logarithm is nearly normal where rows are many.

    The variance is that of J. Robins, N. Breslow and S. Greenland ("Estimators of the
    Mantel-Haenszel variance consistent in both sparse data and large-strata limiting models",
    Biometrics 42, 1986). Where the ratio is 0 or infinite, half a row of each outcome on either
    side, spread over the groups by their rows, stands in for the centre.

    Where a side has few rows of an outcome, the logarithm is far from normal. There an end is at
    least as far away as that of the odds ratio of one table, whose shares are those of the sides
    with the groups weighted as in the ratio.
    """

    def __init__(self, form: forms.CommonOdds, estimate: Array):
        super().__init__(estimate)
        (d1, n_d), (a1, n_a) = (
            tuple(np.asarray(one, dtype=np.float64) for one in share) for share in form
        )
        cells = np.stack([d1, n_d - d1, a1, n_a - a1])
        used = (n_a > 0) & (n_d > 0)
        self.few = np.where(used, cells, 0.0).sum(axis=-1).min(axis=0) < _FEW
        self.whole = self._of_one_table(cells, np.where(used, n_a + n_d, np.inf))
        over, under = _products(cells)
        endless = (over.sum(axis=-1) == 0) | (under.sum(axis=-1) == 0)
        rows = np.where(used, n_a + n_d, 0.0)
        half = 0.5 * np.nan_to_num(divide(rows, rows.sum(axis=-1, keepdims=True)))
        cells = np.where(endless[..., np.newaxis], cells + half, cells)
        over, under = _products(cells)
        self.log = np.log(over.sum(axis=-1)) - np.log(under.sum(axis=-1))
        self.spread = np.sqrt(_variance(cells, over, under))
        self._asks(*(one.reshape(self.whole.shape) for one in (self.whole.x, self.whole.n)))

    def _of_one_table(self, cells: Array, rows: Array) -> OfOdds:
        """Odds of both sides, each with its groups weighted by the part of the other side."""
        d1, d0, a1, a0 = cells
        sides = []
        for count, of, other in ((d1, d1 + d0, a1 + a0), (a1, a1 + a0, d1 + d0)):
            weight = other / rows
            shares = Share((weight * count).sum(axis=-1), (weight * of).sum(axis=-1))
            squares = (weight**2 * count).sum(axis=-1), (weight**2 * of).sum(axis=-1)
            found = share_of(shares, squares)
            # Others need no limits: nothing of one row has none.
            sides.append(
                Share(np.where(self.few, found.count, 0), np.where(self.few, found.rows, 1))
            )
        return OfOdds(forms.Odds(*sides), self.estimate)

    def _away(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        """How far the logarithm reaches down, and up."""
        wide = _quantiles(tail) * self.spread
        down, up = self.whole._reaches(reaches)
        down, up = np.where(self.whole.turned, [up, down], [down, up])
        return (
            np.where(self.few, np.maximum(wide, down), wide),
            np.where(self.few, np.maximum(wide, up), wide),
        )

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        down, up = self._away(reaches, tail)
        # Of two sides, one has the reciprocal ends of the other, to the bit.
        size, below = np.abs(self.log), self.log < 0
        near = np.exp(size - np.where(below, up, down))
        far = np.exp(size + np.where(below, down, up))
        low, high = (np.where(below, *pair) for pair in ((1 / far, near), (1 / near, far)))
        return (
            np.where(self.estimate == 0, 0.0, low),
            np.where(np.isinf(self.estimate), np.inf, high),
        )

    def _sought(self, value: Array) -> Sought:
        above = np.log(value) - self.log
        # All values beyond a ratio that is 0 or infinite lie on one side of it.
        gap = np.where(self.estimate == 0, np.maximum(above, 0.0), np.abs(above))
        gap = np.where(np.isinf(self.estimate), np.maximum(-above, 0.0), gap)

        def reached(reaches: Array, tail: Array) -> Array:
            down, up = self._away(reaches, tail)
            return np.where(above > 0, up, down)

        return Sought(self.x, self.n, self.of, np.where(np.isfinite(gap), gap, 0.0), reached)


def _quantiles(tail: Array) -> Array:
    """How many standard deviations leave these chances beyond, 0 at a half."""
    found = [0.0 if one >= 0.5 else -normal_quantile(max(one, 1e-300)) for one in tail.tolist()]
    return np.array(found)


def _products(cells: Array) -> tuple[Array, Array]:
    """Parts of the numerator and of the denominator of the ratio, by group."""
    d1, d0, a1, a0 = cells
    n = cells.sum(axis=0)
    return np.nan_to_num(divide(d1 * a0, n)), np.nan_to_num(divide(d0 * a1, n))


def _variance(cells: Array, over: Array, under: Array) -> Array:
    """Variance of the logarithm of the ratio."""
    d1, d0, a1, a0 = cells
    n = cells.sum(axis=0)
    along, across = np.nan_to_num(divide(d1 + a0, n)), np.nan_to_num(divide(d0 + a1, n))
    r, s = over.sum(axis=-1), under.sum(axis=-1)
    own = divide((along * over).sum(axis=-1), 2 * r * r)
    other = divide((across * under).sum(axis=-1), 2 * s * s)
    mixed = (along * under + across * over).sum(axis=-1)
    return np.asarray((own + other) + divide(mixed, 2 * r * s))
