"""Forms: the proportions that a metric is computed from, whose limits give its interval.

A form is computed from two tallies, like the metric's value; `biaskit.intervals` finds the ends.
Counts are sums over cells, so the form of the tallies of squared weights describes the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Apart",
    "Array",
    "CommonOdds",
    "Curve",
    "Curves",
    "Difference",
    "Exchanged",
    "Form",
    "Largest",
    "Means",
    "Miscalibration",
    "Moving",
    "Odds",
    "One",
    "Parts",
    "Quantiles",
    "Quotient",
    "Ranks",
    "Share",
    "Steps",
    "Strata",
    "Values",
]

Array: TypeAlias = NDArray[np.float64]


class Share(NamedTuple):
    """Proportion of some rows: the number counted and the number of rows, by comparison."""

    count: Any
    rows: Any


class One(NamedTuple):
    """A single proportion on a linear scale: ``offset + factor * share``."""

    share: Share
    factor: float = 1.0
    offset: float = 0.0


class Difference(NamedTuple):
    """Difference of two independent proportions."""

    plus: Share
    minus: Share


class Strata(NamedTuple):
    """Mean of differences within strata, the last axis; `weight` is 0 for a stratum left out."""

    plus: Share
    minus: Share
    weight: Any


class Quotient(NamedTuple):
    """Quotient of two independent proportions."""

    over: Share
    under: Share


class Odds(NamedTuple):
    """Ratio of the odds of two independent proportions."""

    over: Share
    under: Share


class CommonOdds(NamedTuple):
    """Ratio of the odds of two proportions within strata, the last axis."""

    over: Share
    under: Share


class Curve(NamedTuple):
    """A vectorised function of one or two independent proportions, which may lack rows."""

    function: Callable[..., Array]
    shares: tuple[Share, ...]


class Curves(NamedTuple):
    """A curve, or the difference of two independent ones."""

    plus: Curve
    minus: Curve | None = None


class Largest(NamedTuple):
    """The largest of some differences in absolute value."""

    differences: tuple[Difference, ...]


class Apart(NamedTuple):
    """A distance between two distributions of labels; counts by label on the last axis.

    A distance is a length, or the square of one. For more than two labels it is ``factor`` times
    half the sum of the gaps between the shares (``"split"``) or the largest gap (``"largest"``).
    Any other distance (``"smooth"``) supplies the gradients of its length by the two distributions,
    where no share is 0, and the length that chance alone makes.
    """

    a: Any
    d: Any
    value: Callable[[Array, Array], Array]
    squared: bool = False
    shape: Literal["split", "largest", "smooth"] = "smooth"
    factor: float = 1.0
    slopes: Callable[[Array, Array], tuple[Array, Array]] | None = None
    chance: Callable[[Any], Array] | None = None


class Ranks(NamedTuple):
    """Difference of two chances that a positive has a higher score than a negative.

    Each is the rows of the positives and those of the negatives, by bin on the last axis; no row is
    in two of the four.
    """

    plus: tuple[Any, Any]
    minus: tuple[Any, Any]


class Values(NamedTuple):
    """Values of the rows of a side by bin, the last axis.

    `within` is the sum of the squares of the deviations from the mean of the bin.
    """

    rows: Any
    mean: Any
    within: Any


class Means(NamedTuple):
    """Difference of two means.

    `shares` are proportions that the means move with, one for one at most.
    """

    plus: Values
    minus: Values
    shares: tuple[Share, Share] | None = None


class Moving(NamedTuple):
    """A number that moves as a difference of means does, which depends on the number itself."""

    means: Callable[[Array], Means]


class Steps(NamedTuple):
    """Distance between two distributions of scores: rows by bin, and the places of the bins.

    It is the largest gap between both sums of shares, or the area between them, where there are
    places.
    """

    a: Any
    d: Any
    places: Any = None


class Quantiles(NamedTuple):
    """Difference of two quantiles: the values on each side, the share of rows up to them.

    Bin k has the values from ``edges[k]`` to ``edges[k + 1]``; the first and the last have those
    beyond what a value should be.
    """

    plus: Values
    minus: Values
    share: float
    edges: Any


class Parts(NamedTuple):
    """Rows of parts of the scores, the last axis, and what was observed less what was expected.

    `variance` is that of a row, and `expected` the one of a row of scores without an error.
    """

    rows: Any
    gap: Any
    variance: Any
    expected: Any


class Miscalibration(NamedTuple):
    """Difference of two sums of squared gaps, less what chance adds to each."""

    plus: Parts
    minus: Parts


class Exchanged(NamedTuple):
    """A distance that has a test alone: what it is where rows of one label change sides by chance.

    Rows by bin of the positives and the negatives of side a, and of side d.
    """

    a: tuple[Any, Any]
    d: tuple[Any, Any]
    value: Callable[[tuple[Any, Any], tuple[Any, Any]], Array]


Form: TypeAlias = (
    One
    | Difference
    | Strata
    | Quotient
    | Odds
    | CommonOdds
    | Curves
    | Largest
    | Apart
    | Ranks
    | Means
    | Moving
    | Steps
    | Quantiles
    | Miscalibration
    | Exchanged
)
