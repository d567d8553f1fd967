"""Rates: shares of outcomes of every facet value, and how far apart the extremes are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from biaskit.counts.bounds import refuse_many_values
from biaskit.counts.comparisons import positive_labels, positive_predictions, positive_unsaid
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import is_missing, show
from biaskit.counts.roles import RoleArguments, Roles, takes_roles
from biaskit.counts.tables import Table, Tally, divide
from biaskit.errors import DataError, RolesError, refuse_level
from biaskit.intervals.boxes import share_ends
from biaskit.intervals.figures import share_of
from biaskit.intervals.proportions import Array, reach
from biaskit.metrics.forms import Share
from biaskit.progress import Asked
from biaskit.sources.counting import counts_given
from biaskit.sources.files.dialect import dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ALL", "APART", "RateRow", "rate_rows", "rates"]

#: Value of the rows on all known values together, and of those on the extremes.
ALL = "(all)"
APART = "(largest - smallest)"

_Rate = tuple[str, Callable[[Tally], tuple[Any, Any]]]

# Names of the rates, with the rows that each counts and the rows that it is taken of.
_OF_LABELS: tuple[_Rate, ...] = (("selection", lambda one: (one.n1, one.n)),)
_OF_PREDICTIONS: tuple[_Rate, ...] = (("selection", lambda one: (one.n1_hat, one.n)),)
_OF_BOTH: tuple[_Rate, ...] = (
    ("TPR", lambda one: (one.tp, one.n1)),
    ("FPR", lambda one: (one.fp, one.n0)),
    ("TNR", lambda one: (one.tn, one.n0)),
    ("FNR", lambda one: (one.fn, one.n1)),
    ("precision", lambda one: (one.tp, one.n1_hat)),
    ("accuracy", lambda one: (one.tp + one.tn, one.n)),
)
# Numbers of rows, which are taken of all rows of the value.
_CONFUSION: tuple[_Rate, ...] = (
    ("TP", lambda one: (one.tp, one.n)),
    ("FP", lambda one: (one.fp, one.n)),
    ("FN", lambda one: (one.fn, one.n)),
    ("TN", lambda one: (one.tn, one.n)),
)


class RateRow(NamedTuple):
    """One row of a table of rates; the fields are the columns."""

    facet: str
    value: str
    rate: str
    estimate: float
    low: float
    high: float
    n: int
    n_missing: int


@takes_roles
def rates(
    data: Any,
    roles: Roles | None = None,
    *,
    confidence: float = 0.95,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: Asked = None,
    **given: Unpack[RoleArguments],
) -> pd.DataFrame:
    """Rates of outcomes of every facet value, of all values, and between the extremes.

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes, or a `Counts` (or the path of a saved one), as for
        `biaskit.report`.
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
predicted_positive, facet_values, reference, facet_above, facet_at_most, facet_edges, features
        The roles of the columns, as `Roles` takes them. Every known value of a facet has its rates,
        whatever is compared with what.
    confidence
        Level of the intervals, between 0 and 1.
    csv
        How CSV files are written, as for `biaskit.count`.
    input_format, sheet
        Format of the files, and the sheet of a workbook, as for `biaskit.count`.
    filesystem
        Filesystem of pyarrow or fsspec that holds the paths.
    progress
        Whether a bar shows how far the call is, or a function that is told, as for `biaskit.count`.

    Returns
    -------
    pandas.DataFrame
        A row per facet, value and rate, with the columns ``facet, value, rate, estimate, low, high,
        n, n_missing``. ``selection`` is the share of positive predictions, or of positive labels
        where nothing is predicted. With labels and predictions there are ``TPR, FPR, TNR, FNR,
        precision, accuracy`` and the numbers of rows ``TP, FP, FN, TN`` (sums of weights where rows
        are weighted), which have no interval. ``n`` is the number of rows that a rate is taken of,
        and ``n_missing`` the rows whose facet, label or prediction is missing. The value ``(all)``
        stands for all known values together. In ``(largest - smallest)``, ``estimate`` is the
        difference between the largest and the smallest rate; its interval allows for their having
        been chosen among all values.

    Raises
    ------
    RolesError
        There is no outcome, or the roles contradict each other.
    DataError
        The data cannot be read, or have no rows.

    Notes
    -----
    Intervals of rates are mid-p, as in `biaskit.report` (docs/intervals.md). The interval of the
    difference is made of those of all pairs. Its low end is the largest of theirs, each at the
    level that Z. Sidak ("Rectangular confidence regions for the means of multivariate normal
    distributions", JASA 62, 1967) gives for as many. Its high end is the largest of theirs, too, at
    the level of one: it is above the difference of the two values that truly are the extremes
    wherever that of this pair is.

    Examples
    --------
    >>> import biaskit
    >>> made = biaskit.rates(
    ...     biaskit.datasets.berkeley(), facet="gender", label="decision", positive="admitted"
    ... )
    >>> made.drop(columns=["facet", "n_missing"]).round(3)
                      value       rate  estimate    low   high     n
    0                female  selection     0.304  0.283  0.325  1835
    1                  male  selection     0.445  0.426  0.464  2691
    2                 (all)  selection     0.388  0.374  0.402  4526
    3  (largest - smallest)  selection     0.142  0.113  0.170  4526
    """
    refuse_level(confidence)
    dialect = dialect_of(csv, input_format, sheet)
    counts = counts_given(
        data, roles, given, dialect=dialect, filesystem=filesystem, progress=progress
    )
    rows = rate_rows(counts, confidence)
    return formats.frame({name: [getattr(row, name) for row in rows] for name in RateRow._fields})


def rate_rows(counts: Counts, confidence: float = 0.95) -> list[RateRow]:
    """Rows of `rates` on some counts, as plain records.

    Raises
    ------
    RolesError
        There is no outcome, or it is unknown which one is positive.
    DataError
        There are no rows.
    """
    roles = counts.roles
    if roles.label is None and roles.predicted is None:
        raise RolesError("rates are shares of outcomes; give label= or predicted=")
    if not counts.rows:
        raise DataError("there are no rows, so there are no rates; is the table empty?")
    return [row for facet in roles.facet for row in _of_facet(facet, counts, confidence)]


def _of_facet(facet: Facet, counts: Counts, confidence: float) -> Iterator[RateRow]:
    table, roles = counts.shown_tables[facet], counts.roles
    positive = positive_labels(table.levels, roles)
    if positive is None:
        raise positive_unsaid(table.levels, roles)
    positive_hat = positive_predictions(table.levels, roles, positive)
    known = [axis for axis in ("label", "predicted") if getattr(roles, axis) is not None]
    there = [i for i, level in enumerate(table.levels.facet) if not is_missing(level)]
    refuse_many_values(facet.name, len(there))
    # A row for each known value, and one for all of them together.
    sides = np.zeros((len(there) + 1, len(table.levels.facet)), dtype=bool)
    sides[range(len(there)), there] = True
    sides[-1, there] = True
    names = [*(show(table.levels.facet[i]) for i in there), ALL]

    def tallied(of: Table) -> Tally:
        each = of.by_value(known=known, positive=positive, positive_hat=positive_hat)
        return each.together(sides)

    weighed, rows = tallied(table), tallied(replace(table, w=None, w2=None))
    squares = None if weighed.squares is None else replace(weighed, cells=weighed.squares)
    fewest, most = map(tallied, counts.ends(facet))
    n_missing = table.rows - int(table.rows_of(known).sum())
    of_predictions = roles.predicted is not None
    asked = _OF_PREDICTIONS if of_predictions else _OF_LABELS
    if of_predictions and roles.label is not None:
        asked += _OF_BOTH
    for rate, counted_of in asked:
        share = share_of(counted_of(weighed), None if squares is None else counted_of(squares))
        between = share, share
        if counts.protected is not None:
            between = share_ends(*(share_of(counted_of(one)) for one in (fewest, most)))
        estimate = divide(*counted_of(weighed))
        of = [*np.asarray(counted_of(rows)[1]).tolist()]
        ends = zip(names, estimate, *_ends(*between, (1 - confidence) / 2), of, strict=True)
        for value, middle, low, high, n in ends:
            inside = max(float(low), 0.0), min(float(high), 1.0)
            yield RateRow(facet.name, value, rate, float(middle), *inside, n, n_missing)
        low, high = (Share(one.count[:-1], one.rows[:-1]) for one in between)
        apart = _apart(estimate[:-1], low, high, confidence)
        yield RateRow(facet.name, APART, rate, *apart, of[-1], n_missing)
    if len(asked) > 1:
        for rate, counted_of in _CONFUSION:
            number, (_, of) = counted_of(weighed)[0], counted_of(rows)
            for value, count, n in zip(names, number.tolist(), of.tolist(), strict=True):
                yield RateRow(
                    facet.name, value, rate, float(count), math.nan, math.nan, n, n_missing
                )


def _ends(low: Share, high: Share, tail: float) -> tuple[Array, Array]:
    """Lower limits of the least proportions, and upper limits of the greatest."""
    down, up = _reaches(low, high, tail)
    return divide(*low) - down, divide(*high) + up


def _reaches(low: Share, high: Share, tail: float) -> Array:
    """How far limits lie below the least proportions, and above the greatest."""
    counts = np.stack([low.count, high.rows - high.count])
    return reach(counts, np.stack([low.rows, high.rows]), tail)


def _apart(
    estimate: Array, low: Share, high: Share, confidence: float
) -> tuple[float, float, float]:
    """Largest minus smallest of some rates, and the ends of its interval.

    `low` and `high` are the least and the greatest that each rate may be; with exact counts, the
    rate itself.
    """
    defined = ~np.isnan(estimate)
    low, high = (Share(one.count[defined], one.rows[defined]) for one in (low, high))
    if len(low.rows) < 2:
        return math.nan, math.nan, math.nan
    p, least, most = estimate[defined], divide(*low), divide(*high)
    pairs = len(p) * (len(p) - 1) / 2
    down, up = _reaches(low, high, -math.expm1(math.log(confidence) / pairs) / 2)
    lows = np.subtract.outer(least, most) - np.sqrt(np.add.outer(down**2, up**2))
    # One pair is truly the farthest apart, whatever was drawn: its own high end is allowed for.
    down, up = _reaches(low, high, (1 - confidence) / 2)
    highs = np.subtract.outer(most, least) + np.sqrt(np.add.outer(up**2, down**2))
    np.fill_diagonal(highs, -math.inf)  # a value is no pair with itself
    apart = float(p.max() - p.min())
    return apart, max(float(lows.max()), 0.0), min(float(highs.max()), 1.0)
