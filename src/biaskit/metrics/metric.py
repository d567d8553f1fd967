"""A metric: a pure function of the tallies of facet a and facet d, and its declared facts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from biaskit.counts.scores import ScoreTally
from biaskit.counts.tables import Tally
from biaskit.errors import RolesError, did_you_mean
from biaskit.metrics.forms import Array, Difference, Form, One, Quotient, Share

__all__ = ["NEEDS", "AnyTally", "Array", "Metric", "metric"]

#: What a metric may need: columns, and the positive outcome.
NEEDS = ("label", "predicted", "group", "positive", "features", "score")

_COMPARED = {
    "difference": ("a - d", "d - a"),
    "ratio": ("a / d", "d / a"),
    "rate": ("a", "d"),
}


#: Tally that a metric is computed from: of scores, where it needs them.
AnyTally: TypeAlias = Tally | ScoreTally
Against: TypeAlias = Literal[">", "<", "!=", "either", ""]
Swap: TypeAlias = Literal["negates", "inverts", "keeps", "changes"]
Kind: TypeAlias = Literal[
    "difference", "ratio", "length", "squared length", "inequality", "rate", "point"
]
#: How a metric combines the proportions of two sides, or which side's proportion it is.
Compares: TypeAlias = Literal["a - d", "d - a", "a / d", "d / a", "a", "d"]


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric and the facts about it; calling it with the tallies of a and d gives its value.

    Parameters
    ----------
    symbol, aliases
        Clarify's short name, and other names that are accepted.
    formula
        The formula in the documents' notation.
    needs
        Roles that must be given for it: ``label``, ``group``, ``positive`` ...
    bounds
        Least and greatest value.
    parity
        The value that means no difference; NaN where there is none.
    against_d
        ``">"`` or ``"<"``: on which side of parity facet d is worse off; ``"!="`` for a distance,
        which has no direction and is least at parity; ``"either"`` for a difference that may be
        against either side (a high score need not be good); nothing for a rate.
    swap
        What swapping a and d does to the value: ``"negates"``, ``"inverts"``, ``"keeps"`` or
        ``"changes"`` it.
    kind
        What sort of number it is, which decides how its interval is made: a ``"difference"`` or a
        ``"ratio"``; a ``"length"``, which obeys the triangle inequality, or the ``"squared
        length"`` whose root does; an ``"inequality"``, which compares no facets; a ``"rate"``, the
        proportion of one side, which has no parity and no test; a ``"point"``, which has no
        interval. By default a length where `against_d` is ``"!="``, else a difference.
    rate
        From a tally, the numerator and the denominator, in rows, of the proportion that the metric
        compares between the sides, or reports for one side. It gives the metric an exact-tail
        interval at every level; without it (and without `form`) the interval comes from random
        draws.
    compares
        How the metric combines the proportions: ``"a - d"`` (default of a difference), ``"d - a"``,
        ``"d / a"`` (default of a ratio), ``"a / d"``, ``"d"`` (default of a rate) or ``"a"``.
    form
        From both tallies, the proportions that the metric is computed from
        (`biaskit.metrics.forms`).
    undefined
        Why the value is NaN when both sides have rows.
    reading
        One sentence on what a value says.
    sentence
        A template of the same for one row of a report. ``{compared}`` is the comparison of the
        proportions of a metric with a `rate`, after "the share is"; ``{them}`` and ``{others}`` are
        the sides, ``{positive}`` and ``{negative}`` say what the label is, ``{label}`` and
        ``{group}`` are columns; ``{value}``, ``{size}`` (its distance from 0), ``{percent}`` and
        ``{points}`` are the estimate; ``{more}``, ``{fewer}``, ``{higher}`` and ``{lower}`` are for
        an estimate above parity, and become their opposites below it.
    endless
        The same for an infinite estimate; ``{d_if_above}`` is side d if it is above parity and
        side a if it is below, ``{d_if_below}`` the other one.
    largest_of
        Symbols of the library's metrics whose largest distance from 0 this one is; ``{largest}`` is
        the sentence about the largest.
    without_groups
        Symbol of the same metric without groups, if this one is computed within groups.
    options
        Keyword arguments for the function that computes a metric from rows.
    only_named
        Whether a report has it only where it is named.
    remark
        From the tallies, a note per facet value on how the value was computed, or "".

    Raises
    ------
    RolesError
        The facts contradict each other.
    """

    symbol: str
    formula: str
    function: Callable[[Any, Any], Any]
    needs: tuple[str, ...]
    bounds: tuple[float, float]
    reading: str
    parity: float = math.nan
    against_d: Against = ""
    swap: Swap = "changes"
    sentence: str = ""
    endless: str = ""
    largest_of: tuple[str, ...] = ()
    kind: Kind | None = None
    rate: Callable[[Any], tuple[Any, Any]] | None = None
    compares: Compares | None = None
    form: Callable[[Any, Any], Form] | None = None
    undefined: str = "0/0"
    aliases: tuple[str, ...] = ()
    without_groups: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    only_named: bool = False
    remark: Callable[[Any, Any], list[str]] | None = None

    def __post_init__(self) -> None:
        if self.kind is None:
            kind: Kind = "length" if self.against_d == "!=" else "difference"
            object.__setattr__(self, "kind", kind)
        if self.rate is not None and self.compares is None:
            compares = {"difference": "a - d", "ratio": "d / a", "rate": "d"}.get(str(self.kind))
            object.__setattr__(self, "compares", compares)
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        def refuse(why: str) -> None:
            raise RolesError(f"metric {self.symbol!r}: {why}")

        for name, known in (
            ("against_d", get_args(Against)),
            ("swap", get_args(Swap)),
            ("kind", get_args(Kind)),
            ("compares", (*get_args(Compares), None)),
        ):
            if (value := getattr(self, name)) not in known:
                refuse(f"{name}={value!r}; it is one of {', '.join(filter(None, known))}")
        if unknown := [one for one in self.needs if one not in NEEDS]:
            refuse(f"needs {unknown[0]!r}; {did_you_mean(unknown[0], NEEDS)}")
        if self.kind == "rate":
            if self.against_d or not math.isnan(self.parity):
                refuse(
                    'kind="rate" is the proportion of one side: it has no parity and no against_d'
                )
        elif self.kind == "point":
            pass
        elif math.isnan(self.parity) or not self.against_d:
            refuse(
                "parity= and against_d= are needed: which value means no difference, and on which "
                'side of it is d worse off? A proportion of one side has neither: kind="rate"'
            )
        elif self.against_d == "!=" and (
            self.parity != self.bounds[0]
            or (self.swap != "keeps" and self.kind != "squared length")
        ):
            refuse(
                'against_d="!=" is for a distance, which is least at parity and the same when the '
                'sides are swapped (swap="keeps"); for a proportion of one side say kind="rate"'
            )
        if self.rate is not None and self.compares not in _COMPARED.get(str(self.kind), ()):
            refuse(
                f"rate= goes with a difference, a ratio or a rate; kind is {self.kind!r} and "
                f"compares is {self.compares!r}"
            )

    def __call__(self, a: AnyTally, d: AnyTally) -> Array:
        """Value of the metric, with the leading axes of `a` and `d`."""
        return np.asarray(self.function(a, d), dtype=np.float64)

    def form_of(self, a: AnyTally, d: AnyTally) -> Form | None:
        """Proportions that the value is computed from; None where none are declared."""
        if self.rate is not None:
            return self.compared(Share(*self.rate(a)), Share(*self.rate(d)))
        return None if self.form is None else self.form(a, d)

    def form_of_rates(self, rate_a: Any, rate_d: Any, of_a: Any, of_d: Any) -> Form | None:
        """The same from the proportions of both sides and their denominators."""
        if self.rate is None:
            return None
        return self.compared(_counted(rate_a, of_a), _counted(rate_d, of_d))

    def compared(self, a: Share, d: Share) -> Form:
        """Value of a metric with a `rate`, from the proportions of both sides."""
        match self.compares:
            case "a - d":
                return Difference(a, d)
            case "d - a":
                return Difference(d, a)
            case "a / d":
                return Quotient(a, d)
            case "d / a":
                return Quotient(d, a)
        return One(a if self.compares == "a" else d)

    @property
    def title(self) -> str:
        """Title of the metric: the first line of the function's docstring."""
        return (self.function.__doc__ or self.symbol).strip().splitlines()[0].rstrip(".")

    @property
    def is_of_rows(self) -> bool:
        """Whether it is computed from rows and not from counts."""
        return "features" in self.needs

    @property
    def is_of_scores(self) -> bool:
        """Whether it is computed from the distributions of scores, `ScoreTally`."""
        return "score" in self.needs

    @property
    def is_drawn(self) -> bool:
        """Whether its interval comes from random draws, since it declares no proportions."""
        has_none = self.form is None and self.rate is None
        return has_none and self.kind != "point" and not self.is_of_scores

    @property
    def stage(self) -> str:
        """``"post-training"`` for a metric of predictions or scores, else ``"pre-training"``."""
        return "post-training" if {"predicted", "score"} & {*self.needs} else "pre-training"


def metric(symbol: str, formula: str, **facts: Any) -> Callable[[Callable[..., Any]], Metric]:
    """Decorator that makes a `Metric` of a function of two tallies; `facts` are its other fields.

    >>> @metric("RR", "q_d / q_a", needs=("label", "positive"), bounds=(0, float("inf")), parity=1,
    ...         against_d="<", swap="inverts", kind="ratio", rate=lambda side: (side.n1, side.n),
    ...         reading="The ratio of the positive rates.")
    ... def rate_ratio(a, d):
    ...     '''Ratio of positive rates.'''
    ...     return divide(d.q, a.q)
    >>> rate_ratio.title, rate_ratio.compares
    ('Ratio of positive rates', 'd / a')
    """

    def declare(function: Callable[..., Any]) -> Metric:
        return Metric(symbol, formula, function, **facts)

    return declare


def _counted(rate: Array, of: Array) -> Share:
    """Share of a proportion and its rows; a count within rounding of all rows is taken as all."""
    count = np.where(of > 0, rate, 0) * of
    whole = np.rint(count)
    return Share(np.where(np.abs(count - whole) <= 1e-9 * np.maximum(whole, 1), whole, count), of)
