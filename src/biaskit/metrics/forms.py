"""Forms: of which proportions a metric is made, so that its interval follows from their limits.

A form is made of two tallies, as the metric's value is; `biaskit.intervals` finds the ends. Counts
are sums over cells, so the form of the tallies' squared weights has the squares of the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Apart",
    "Array",
    "Curve",
    "Curves",
    "Difference",
    "Form",
    "Largest",
    "One",
    "Quotient",
    "Share",
    "Strata",
]

Array: TypeAlias = NDArray[np.float64]


class Share(NamedTuple):
    """Proportion of some rows: how many are counted, of how many, by comparison."""

    count: Any
    rows: Any


class One(NamedTuple):
    """A single proportion on a straight scale: ``offset + factor * share``."""

    share: Share
    factor: float = 1.0
    offset: float = 0.0


class Difference(NamedTuple):
    """One proportion less another that is independent of it."""

    plus: Share
    minus: Share


class Strata(NamedTuple):
    """Mean of differences within strata, the last axis; `weight` is 0 where one is left out."""

    plus: Share
    minus: Share
    weight: Any


class Quotient(NamedTuple):
    """One proportion divided by another that is independent of it."""

    over: Share
    under: Share


class Curve(NamedTuple):
    """A function of one or two independent proportions, vectorised; one of no rows may be any."""

    function: Callable[..., Array]
    shares: tuple[Share, ...]


class Curves(NamedTuple):
    """One curve, or one less another that is independent of it."""

    plus: Curve
    minus: Curve | None = None


class Largest(NamedTuple):
    """The largest of some differences, whichever way each of them points."""

    differences: tuple[Difference, ...]


class Apart(NamedTuple):
    """A distance between two distributions of labels; counts by label on the last axis.

    A distance is a length, or the square of one. Of more than two labels it is ``factor`` times
    half the sum of the gaps between the shares (``"split"``), or the largest of them
    (``"largest"``); any other (``"smooth"``) has the gradients of its length by the two
    distributions, where no share is 0, and what chance alone makes of its length.
    """

    a: Any
    d: Any
    value: Callable[[Array, Array], Array]
    squared: bool = False
    shape: Literal["split", "largest", "smooth"] = "smooth"
    factor: float = 1.0
    slopes: Callable[[Array, Array], tuple[Array, Array]] | None = None
    chance: Callable[[Any], Array] | None = None


Form: TypeAlias = One | Difference | Strata | Quotient | Curves | Largest | Apart
