"""Sides: the tallies that are compared, and what they may be where counts are not exact."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.tables import Tally
from biaskit.intervals.draws import MOST_DRAWN, draws_for
from biaskit.metrics import Metric
from biaskit.metrics.forms import Form
from biaskit.metrics.metric import AnyTally

__all__ = ["Box", "Sides", "with_more"]


@dataclass(frozen=True)
class Sides:
    """Tallies of sides a and d, with the comparisons as their first axis, and their rows.

    `n_other` are the rows of known facet values that are on neither side.
    """

    a: AnyTally
    d: AnyTally
    n_a: NDArray[np.int64]
    n_d: NDArray[np.int64]
    n_other: NDArray[np.int64]
    #: What the tallies may be, where they are not known exactly.
    box: Box | None = None
    #: Rows of a missing facet that may be on either side; 0 where they are left out.
    n_unknown: int = 0

    @property
    def is_weighted(self) -> bool:
        """Whether rows are weighted."""
        return self.squares is not None

    @cached_property
    def squares(self) -> tuple[Tally, Tally] | None:
        """The same tallies of squared weights, where rows are weighted."""
        if not (isinstance(self.a, Tally) and isinstance(self.d, Tally)):
            return None
        return None if self.a.squares is None else of_squares((self.a, self.d))

    @cached_property
    def has_one_label(self) -> NDArray[np.bool_]:
        """Whether all rows of a comparison have the same label, for each comparison."""
        labels = np.count_nonzero((self.a.by_label + self.d.by_label) > 0, axis=-1)
        return np.asarray(labels == 1)

    def is_too_large_to_draw(self, confidence: float) -> bool:
        """Whether one side of one comparison needs more numbers than may be drawn."""
        assert isinstance(self.a, Tally)  # no metric of scores is drawn
        cells = math.prod(self.a.cells.shape[1:])
        return cells * draws_for(confidence, cells) > MOST_DRAWN


class Box(NamedTuple):
    """Tallies of sides a and d whose cells have the fewest rows, and the most, that they may."""

    least: tuple[Tally, Tally]
    most: tuple[Tally, Tally]

    def forms_of(self, metric: Metric) -> tuple[Form | None, Form | None]:
        """Forms of a metric where all cells have the fewest rows, and the most."""
        return metric.form_of(*self.least), metric.form_of(*self.most)

    @property
    def squares(self) -> Box | None:
        """The same of the squared weights, where rows are weighted."""
        if self.least[0].squares is None:
            return None
        least, most = (of_squares(one) for one in self)
        return Box(least, most)


def with_more(side: Tally, more: Tally) -> Tally:
    """Tally of a side and of more rows."""
    squares = None
    if side.squares is not None and more.squares is not None:
        squares = side.squares + more.squares
    return replace(side, cells=side.cells + more.cells, squares=squares)


def of_squares(sides: tuple[Tally, Tally]) -> tuple[Tally, Tally]:
    """Tallies of the squared weights of both sides."""
    a, d = (replace(one, cells=np.asarray(one.squares)) for one in sides)
    return a, d
