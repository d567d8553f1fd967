"""Logistic: exact Shapley values of a probability whose log-odds are a sum of the features' parts.

The probability of log-odds m is 1/2 plus the integral of ``sin(t m) / sinh(pi t)`` over t > 0. Of a
sum, the sine is the imaginary part of a product, whose mean over the coalitions that have each
feature with chance q is a product too. The integral over q gives Shapley's weights (G. Owen,
"Multilinear extensions of games", 1972); the integrand is a polynomial in q, so that Gauss's rule
is exact, and the sum over t has an error below the last digit. So no coalition is ever formed, and
any number of features will do.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["logistic_values", "work_of"]

# Distance to the next period of the sum over t, beyond the largest log-odds: its error is exp(-36).
_APART = 36.0
# From here on, ``1 / sinh(pi t)`` is below the last digit.
_LAST = 12.5
# Complex numbers that are held at once.
_AT_ONCE = 1 << 20


def work_of(parts: NDArray[np.float64], start: NDArray[np.float64]) -> float:
    """Number of complex products that values of some rows take; the arguments are as below."""
    times, _ = _times(parts, start)
    return float(parts.size) * _nodes(parts.shape[2]) * len(times)


def logistic_values(parts: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shapley values of probabilities, shape ``(rows, features)``: means over a baseline.

    Parameters
    ----------
    parts
        What each feature adds to the log-odds when it changes from the baseline's value to the
        row's, shape ``(rows, baseline, features)``.
    start
        Log-odds of the baseline's rows, shape ``(baseline,)``.

    Examples
    --------
    >>> logistic_values(np.array([[[2.0]]]), np.array([-1.0])).round(4).tolist()
    [[0.4621]]
    """
    rows, _, features = parts.shape
    times, step = _times(parts, start)
    chances, weights = np.polynomial.legendre.leggauss(_nodes(features))
    chances, weights = (chances + 1) / 2, weights / 2
    density = step / np.sinh(math.pi * times)
    pairs = parts.reshape(-1, features)
    starts = np.tile(start, rows)
    # The term of t = 0, which is the limit of the others.
    made = pairs * (step / (2 * math.pi))
    at_once = max(1, _AT_ONCE // (len(times) * features))
    for first in range(0, len(pairs), at_once):
        some = slice(first, first + at_once)
        turned = np.exp(1j * times[:, np.newaxis] * pairs[some, np.newaxis, :])
        outer = density * np.exp(1j * times * starts[some, np.newaxis])
        total = np.zeros(turned.shape, dtype=complex)
        for chance, weight in zip(chances, weights, strict=True):
            factors = (1 - chance) + chance * turned
            whole = weight * np.prod(factors, axis=2, keepdims=True)
            total += whole / factors
        total *= turned - 1
        made[some] += np.einsum("pt,ptf->pf", outer, total).imag
    return np.asarray(made.reshape(parts.shape).mean(axis=1))


def _nodes(features: int) -> int:
    """Nodes of Gauss's rule: an even number, so that no chance is 1/2, where a factor may be 0."""
    needed = (features + 1) // 2
    return needed + needed % 2


def _times(
    parts: NDArray[np.float64], start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Values of t that are summed over, and the step between them."""
    farthest = float(np.max(np.abs(start) + np.abs(parts).sum(axis=2), initial=0.0))
    step = 2 * math.pi / (2 * farthest + _APART)
    return step * np.arange(1.0, math.ceil(_LAST / step)), step
