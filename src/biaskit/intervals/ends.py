"""Evidence whose ends are computed from a level alone, without limits of proportions."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from biaskit.intervals.distances import normal_quantile
from biaskit.intervals.evidence import Evidence
from biaskit.intervals.proportions import Array, Sought

__all__ = ["OfEnds", "quantiles_of"]

# Tail probability at which a reach is the unit of others.
_USUAL = 0.025


class OfEnds(Evidence):
    """Evidence with ends that move away from the estimate as the tail probability shrinks."""

    def __init__(self, estimate: Array):
        super().__init__(estimate)
        nothing = np.empty(0)
        self._asks(nothing, nothing, np.empty(0, dtype=np.intp))

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        return self._at(tail)

    def _sought(self, value: Array) -> Sought:
        # Reaches of few values grow much faster than the number that stands for their level, which
        # would mislead a search by secants; their logarithms do not.
        asked = super()._sought(value)
        unit = asked.reached(np.empty(0), np.full_like(self.estimate, _USUAL))
        unit = np.where((unit > 0) & np.isfinite(unit), unit, 1.0)
        return asked._replace(
            gap=np.log1p(asked.gap / unit),
            reached=lambda *given: np.log1p(asked.reached(*given) / unit),
        )

    @abstractmethod
    def _at(self, tail: Array) -> tuple[Array, Array]:
        """Low and high ends with these probabilities beyond each, by comparison."""


def quantiles_of(tail: Any) -> Array:
    """Numbers that a standard normal variable exceeds with these probabilities."""
    flat = [-normal_quantile(max(one, 1e-300)) for one in np.ravel(tail).tolist()]
    return np.array(flat).reshape(np.shape(tail))
