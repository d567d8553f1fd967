"""Boxes: intervals of a number whose counts are known only to lie between two numbers.

A cell may have any number of rows between two: it is rounded, or rows of an unknown facet may be
among it. A proportion is least where the cells that it counts have the fewest rows and the others
of its denominator the most, and greatest the other way round. So a number that is computed from
independent proportions is least in one table and greatest in another, and both are known in
advance. Its interval for all tables that it may be of runs from the low end of the first one's to
the high end of the other's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from biaskit.counts.tables import divide
from biaskit.intervals.evidence import Evidence, OfLargest
from biaskit.intervals.figures import evidence_of
from biaskit.intervals.proportions import Array, Sought
from biaskit.metrics import forms
from biaskit.metrics.forms import Form, Share

__all__ = ["InBox", "LargestInBox", "corners", "in_box", "share_ends", "value_of"]


# Values of the forms that rise with their first proportion and fall with their second.
_OF_TWO: dict[type, Callable[[Share, Share], Array]] = {
    forms.Difference: lambda plus, minus: divide(*plus) - divide(*minus),
    forms.Quotient: lambda over, under: divide(divide(*over), divide(*under)),
    forms.Odds: lambda over, under: divide(_odds(over), _odds(under)),
}


def _odds(share: Share) -> Array:
    rows, of = share
    return divide(rows, of - rows)


def share_ends(least: Share, most: Share) -> tuple[Share, Share]:
    """Least and greatest proportion, from its counts with the fewest and the most rows in cells.

    >>> low, high = share_ends(Share(20, 50), Share(30, 70))
    >>> [int(n) for n in low], [int(n) for n in high]
    ([20, 60], [30, 60])
    """
    (x, n), (y, m) = least, most
    # For weighted rows, the sums may miss 0 by their rounding.
    return Share(x, x + np.maximum(m - y, 0)), Share(y, y + np.maximum(n - x, 0))


def in_box(
    shown: Form | None,
    least: Form | None,
    most: Form | None,
    estimate: Array,
    squares: tuple[Form | None, Form | None] = (None, None),
) -> InBox | LargestInBox | None:
    """Evidence for all tables of a box; None where the extremes are not known.

    Parameters
    ----------
    shown, least, most
        Form of the number at the table that is shown, where all cells have the fewest rows, and
        where they have the most.
    estimate
        The number at the table that is shown.
    squares
        The last two forms of the squared weights, where rows are weighted.
    """
    if shown is None or least is None or most is None:
        return None
    if isinstance(shown, forms.Largest):
        made = []
        for i, one in enumerate(shown.differences):
            ends = corners(*(_difference(form, i) for form in (least, most)))
            both = None
            if squares[0] is not None and squares[1] is not None:
                both = corners(*(_difference(form, i) for form in squares))
            made.append(InBox(*ends, value_of(one), both))
        return LargestInBox(shown, estimate, made)
    if not isinstance(shown, forms.One) and type(shown) not in _OF_TWO:
        return None
    both = None if squares[0] is None or squares[1] is None else corners(squares[0], squares[1])
    return InBox(*corners(least, most), estimate, both)


def _difference(form: Any, place: int) -> Form:
    """One of the differences of which a number is the largest."""
    found: Form = form.differences[place]
    return found


def corners(least: Form, most: Form) -> tuple[Form, Form]:
    """Form of the lowest and of the highest number in a box.

    Parameters
    ----------
    least, most
        Its form where all cells have the fewest rows, and where they have the most.
    """
    match least, most:
        case forms.One(share, factor, offset), forms.One(other):
            low, high = share_ends(share, other)
            ends = (high, low) if factor < 0 else (low, high)
            return forms.One(ends[0], factor, offset), forms.One(ends[1], factor, offset)
        case _ if type(least) in _OF_TWO:
            form: Any = type(least)
            over, under = map(share_ends, least, most)
            return form(over[0], under[1]), form(over[1], under[0])
    raise TypeError(f"a {type(least).__name__} has no known corners")


def value_of(form: Form) -> Array:
    """Number of a form that has corners."""
    match form:
        case forms.One(share, factor, offset):
            return np.asarray(offset + factor * divide(*share))
        case _ if type(form) in _OF_TWO:
            over, under = map(Share._make, form)
            return _OF_TWO[type(form)](over, under)
    raise TypeError(f"a {type(form).__name__} has no known corners")


class InBox(Evidence):
    """Evidence for all tables of a box: that of the lowest number, and that of the highest.

    Parameters
    ----------
    lowest, highest
        Forms of the number in the two tables.
    squares
        The same forms of the squared weights, where rows are weighted.
    estimate
        The number at the table that is shown.
    """

    def __init__(
        self,
        lowest: Form,
        highest: Form,
        estimate: Array,
        squares: tuple[Form, Form] | None = None,
    ):
        super().__init__(estimate)
        undefined = np.isnan(estimate)
        #: The number in the two tables.
        self.least, self.most = (
            np.where(undefined, np.nan, value_of(form)) for form in (lowest, highest)
        )
        of_squares: tuple[Any, Any] = (None, None) if squares is None else squares
        self.low = evidence_of(lowest, self.least, of_squares[0])
        self.high = evidence_of(highest, self.most, of_squares[1])
        self.x, self.n, self.of = (
            np.concatenate([getattr(self.low, name), getattr(self.high, name)])
            for name in ("x", "n", "of")
        )

    def levels(self, tail: Array) -> Array:
        """Tail probabilities of the limits of both."""
        return np.concatenate([self.low.levels(tail), self.high.levels(tail)])

    def _ends(self, reaches: Array, tail: Array) -> tuple[Array, Array]:
        at = len(self.low.x)
        low, _ = self.low.ends_of(reaches[:at], tail)
        _, high = self.high.ends_of(reaches[at:], tail)
        return np.minimum(low, self.least), np.maximum(high, self.most)

    def sought(self, value: Any) -> Sought:
        """The level at which the end on a value's side meets it; any does inside of the box."""
        value = self._each(value)
        low = self.low.sought(np.minimum(value, self.least))
        high = self.high.sought(np.maximum(value, self.most))
        at, below = len(low.x), value < self.least

        def reached(reaches: Array, tail: Array) -> Array:
            return np.where(
                below, low.reached(reaches[:at], tail), high.reached(reaches[at:], tail)
            )

        x, n, of = (
            np.concatenate([getattr(low, name), getattr(high, name)]) for name in ("x", "n", "of")
        )
        inside = (value >= self.least) & (value <= self.most)
        gap = np.where(inside, 0.0, np.where(below, low.gap, high.gap))
        return Sought(x, n, of, gap, reached)


class LargestInBox(OfLargest):
    """Evidence for the largest of several differences, each of which has its own box."""

    def __init__(self, form: forms.Largest, estimate: Array, each: Sequence[InBox]):
        super().__init__(form, estimate, each)
        least = [np.maximum(np.maximum(one.least, -one.most), 0.0) for one in each]
        most = [np.maximum(one.most, -one.least) for one in each]
        undefined = np.isnan(estimate)
        #: The number where it is least and where it is greatest.
        self.least, self.most = (
            np.where(undefined, np.nan, np.max(found, axis=0)) for found in (least, most)
        )
