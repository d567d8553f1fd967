"""Metrics: every one a pure function of the tallies of facet a and facet d, declared once.

A metric never looks at leading axes, so one call serves every facet value. Reports, the command
line, the documents and the generic tests know only what is declared with the function.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from biaskit.errors import RolesError, in_short, nearest
from biaskit.metrics import calibration, gaps, impact, scores
from biaskit.metrics import posttraining as post
from biaskit.metrics import pretraining as pre
from biaskit.metrics.gaps import quantile_gap
from biaskit.metrics.metric import Metric, metric
from biaskit.metrics.pretraining import lp_norm

if TYPE_CHECKING:
    from biaskit.counts.roles import Roles

__all__ = [
    "EVERY",
    "FROM_ROWS",
    "FROM_SCORES",
    "LEADING",
    "METRICS",
    "USUAL",
    "Metric",
    "chosen",
    "lp_norm",
    "metric",
    "named",
    "needs_rows",
    "no_metric",
    "quantile_gap",
]

_DECLARED = [
    one
    for module in (pre, post, impact, scores, gaps, calibration)
    for one in vars(module).values()
    if isinstance(one, Metric)
]

#: Every metric by its symbol, in the order in which they are declared and a report has them.
METRICS: Mapping[str, Metric] = {
    one.symbol: one for one in _DECLARED if not (one.is_of_rows or one.is_of_scores)
}

#: Metrics that need rows: a report has them only where it reads the rows.
FROM_ROWS: Mapping[str, Metric] = {one.symbol: one for one in _DECLARED if one.is_of_rows}

#: Metrics that need the distributions of scores: a report has them only where a score is given.
FROM_SCORES: Mapping[str, Metric] = {one.symbol: one for one in _DECLARED if one.is_of_scores}

#: All of these, in the order in which a report has them.
EVERY: Mapping[str, Metric] = {**METRICS, **FROM_ROWS, **FROM_SCORES}

#: Metrics that a report has where none are named.
USUAL: Mapping[str, Metric] = {symbol: one for symbol, one in EVERY.items() if not one.only_named}

#: Metrics that speak for a report, by their symbols: the first of them that it has.
LEADING = ("DPPL", "DPL", "CI")
# Letters of a symbol at most; a longer text is a name, or a part of one.
_MOST_OF_A_SYMBOL = 5


def chosen(metrics: Iterable[str | Metric] | str | None) -> list[Metric] | None:
    """Requested metrics, given as symbols, names or metrics, each once; None for no choice.

    Raises
    ------
    RolesError
        No metric has this name, or two have the same symbol.
    """
    if metrics is None:
        return None
    if isinstance(metrics, Mapping):
        metrics = metrics.values()
    if isinstance(metrics, str):  # as on the command line
        metrics = [one.strip() for one in metrics.split(",")]
    if isinstance(metrics, Metric):
        metrics = [metrics]
    if not isinstance(metrics, Iterable):
        raise RolesError(
            f'metrics takes symbols, such as ["DPL", "CI"], or metrics; not {in_short(metrics)}'
        )
    made: dict[str, Metric] = {}
    for one in map(named, metrics):
        if made.setdefault(one.symbol, one) is not one:
            raise RolesError(
                f"two metrics have the symbol {one.symbol!r}, and rows could not tell them "
                "apart; give one of them another symbol, or ask for them in two calls"
            )
    return [*made.values()]


def named(name: str | Metric) -> Metric:
    """Metric of a symbol, an alias or a full name in any case; a metric is returned as it is.

    >>> named("dpl").symbol, named("Disparate impact").symbol, named("equalized_odds").symbol
    ('DPL', 'DI', 'EO')

    Raises
    ------
    RolesError
        No metric has this name.
    """
    if isinstance(name, Metric):
        return name
    found = _by_name().get(_plain(str(name)))
    if found is None:
        raise no_metric(name)
    return found


@functools.cache
def _by_name() -> Mapping[str, Metric]:
    """Metrics by every name that they have, in letters and digits."""
    return {
        _plain(its): one
        for one in EVERY.values()
        for its in (one.function.__name__, one.title.split(",")[0], *one.aliases, one.symbol)
    }


def no_metric(name: object, also: Iterable[str] = ()) -> RolesError:
    """Error for a name that no metric has, nor any of the others that may be given there."""
    known = EVERY.values()
    symbols = {symbol: symbol for symbol in (*also, *(one.symbol for one in known))}
    titles = {_plain(one.title.split(",")[0]): one.symbol for one in known}
    plain = _plain(str(name))
    # A word of a name, such as "recall", may look like another symbol.
    near = next((one.symbol for one in known if plain in one.title.casefold().split()), None)
    near = near or symbols.get(nearest(str(name), symbols) or "")
    near = near or titles.get(nearest(plain, titles) or "")
    if near is None and len(plain) > _MOST_OF_A_SYMBOL:  # a part of a name
        near = next((titles[title] for title in titles if plain in title), None)
    suggested = f"did you mean {near!r}? " if near else ""
    return RolesError(f"no metric {name!r}; {suggested}`biaskit metrics` lists what there is")


def needs_rows(roles: Roles, metrics: Collection[Metric] | None) -> bool:
    """Whether a requested metric needs a sample of the rows besides their counts.

    With `metrics` None, every metric whose roles are given is requested.
    """
    asked = metrics is None or any(one.is_of_rows for one in metrics)
    given = roles.features is not None and roles.predicted is not None
    return asked and given


def _plain(name: str) -> str:
    """Letters and digits of a name, in lower case."""
    return "".join(char for char in name.casefold() if char.isalnum())
