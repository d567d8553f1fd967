"""What a metric is: a pure function of the tallies of facet a and facet d, and its facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.tables import Tally

__all__ = ["Array", "Metric", "metric"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric and the facts about it; calling it with the tallies of a and d gives its value.

    Parameters
    ----------
    symbol, aliases
        Clarify's short name, and others by which it may be asked for.
    formula
        The formula in the documents' notation.
    needs
        Roles that must be given for it: ``label``, ``group``, ``positive`` ...
    bounds
        Least and greatest value.
    parity
        The value that means no difference.
    against_d
        ``">"`` or ``"<"``: on which side of parity facet d is worse off; ``"!="`` for a distance,
        which has no direction.
    swap
        What changing a for d does to the value: ``"negates"``, ``"inverts"``, ``"keeps"`` or
        ``"changes"`` it.
    kind
        What sort of number it is, which decides how its interval is made: a ``"difference"`` or a
        ``"ratio"``; a ``"length"``, which obeys the triangle inequality, or the ``"squared
        length"`` whose root does; an ``"inequality"``, which compares no facets; a ``"point"``,
        which has no interval. By default a length where `against_d` is ``"!="``, else a difference.
    undefined
        Why the value is NaN when both sides have rows.
    reading
        One sentence on what a value says.
    sentence
        The same for one row of a report, for `biaskit.words.in_words` to fill in.
    without_groups
        Symbol of the metric that says the same without groups, if this one is within them.
    options
        Of a metric from rows: keyword arguments for the function that computes it.
    remark
        From the tallies, a note per facet value on how the value came about, or "".
    """

    symbol: str
    formula: str
    function: Callable[[Tally, Tally], Any]
    needs: tuple[str, ...]
    bounds: tuple[float, float]
    parity: float
    against_d: Literal[">", "<", "!="]
    swap: Literal["negates", "inverts", "keeps", "changes"]
    reading: str
    sentence: str = ""
    kind: (
        Literal["difference", "ratio", "length", "squared length", "inequality", "point"] | None
    ) = None
    undefined: str = "0/0"
    aliases: tuple[str, ...] = ()
    without_groups: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    remark: Callable[[Tally, Tally], list[str]] | None = None

    def __call__(self, a: Tally, d: Tally) -> Array:
        """Value of the metric, with the leading axes of `a` and `d`."""
        return np.asarray(self.function(a, d), dtype=np.float64)

    @property
    def title(self) -> str:
        """What the symbol stands for: the first line of the function's docstring."""
        return (self.function.__doc__ or self.symbol).strip().splitlines()[0].rstrip(".")

    @property
    def stage(self) -> str:
        """``"post-training"`` for a metric of predictions, else ``"pre-training"``."""
        return "post-training" if "predicted" in self.needs else "pre-training"


def metric(symbol: str, formula: str, **facts: Any) -> Callable[[Callable[..., Any]], Metric]:
    """Decorator that makes a `Metric` of a function of two tallies; `facts` are its other fields.

    >>> @metric("RR", "q_d / q_a", needs=("label", "positive"), bounds=(0, float("inf")), parity=1,
    ...         against_d="<", swap="changes", reading="The ratio of the positive rates.")
    ... def rate_ratio(a, d):
    ...     '''Ratio of positive rates.'''
    ...     return divide(d.q, a.q)
    >>> rate_ratio.title
    'Ratio of positive rates'
    """

    def declare(function: Callable[..., Any]) -> Metric:
        return Metric(symbol, formula, function, **facts)

    return declare
