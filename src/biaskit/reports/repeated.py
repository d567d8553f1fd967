"""Repeated rows: those of a report that say again what another row says."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from biaskit.counts.tables import Tally
from biaskit.metrics import EVERY, METRICS, Metric
from biaskit.reports.report import Row

__all__ = ["Same", "known_metrics", "said_before", "tables"]


#: Rows with the row that each says again.
_Found: TypeAlias = "Iterator[tuple[int, Same]]"


class Same(NamedTuple):
    """That a row says again what another one says."""

    #: Index of the other row, which says nothing again itself.
    row: int
    #: ``"repeats"`` it, ``"mirrors"`` it (the sides are swapped), ``"restates"`` it, or
    #: ``"retests"`` it: its number is another one, and its test is the same.
    how: str


def known_metrics(metrics: Iterable[Metric] | None = None) -> dict[str, Metric]:
    """The library's metrics by symbol, and others."""
    return {one.symbol: one for one in (*EVERY.values(), *(metrics or ()))}


def said_before(rows: Sequence[Row], metrics: Iterable[Metric] | None = None) -> list[Same | None]:
    """For each row, the row that it says again; None for a comparison of its own.

    A row mirrors another of its metric if their sides are swapped and so are their numbers. Metrics
    of one facet value restate each other if they compare the same proportions (SD and FPRD), if one
    is the largest of the others (EO), or if a distance of labels is what two labels with the
    proportions of another metric have (TVD and DPL). Distances of more labels share one test. All
    this is read off the declarations and the numbers; a metric of your own restates none.

    Examples
    --------
    >>> from biaskit import Counts, METRICS, datasets
    >>> from biaskit.reports.report import report_rows
    >>> from biaskit.sources.counting import count_roles
    >>> from biaskit.counts.roles import Roles
    >>> roles = Roles(facet="gender", label="decision", positive="admitted")
    >>> counts = count_roles(datasets.berkeley(), roles)
    >>> rows = report_rows(counts, [METRICS["DPL"], METRICS["TVD"]])
    >>> [(row.value, row.metric) for row in rows]
    [('female', 'DPL'), ('female', 'TVD'), ('male', 'DPL'), ('male', 'TVD')]
    >>> said_before(rows)[1:3]
    [Same(row=0, how='restates'), Same(row=0, how='mirrors')]
    """
    known = known_metrics(metrics)
    found: dict[int, Same] = {}
    for same in (_repeated(rows, known), _mirrored(rows, known), _restated(rows, known)):
        for row, one in same:
            found.setdefault(row, one)

    def first(row: int) -> int:
        while row in found:
            row = found[row].row
        return row

    return [found[i]._replace(row=first(i)) if i in found else None for i in range(len(rows))]


def tables(rows: Sequence[Row]) -> list[int]:
    """Which table each row is of, from 0: reports may be stacked, and a table has a row once."""
    times: dict[Any, int] = defaultdict(int)
    made = []
    for row in rows:
        key = row.facet, row.value, row.metric
        made.append(times[key])
        times[key] += 1
    return made


def _repeated(rows: Sequence[Row], known: Mapping[str, Metric]) -> _Found:
    """Rows that are in the report twice, perhaps with intervals of another level."""
    seen: dict[Any, int] = {}
    for i, row in enumerate(rows):
        n_a, n_d, *rest = _sides(row)
        who: tuple[Any, ...] = row.value, n_a, n_d
        if (metric := known.get(row.metric)) and metric.kind == "inequality":
            who = (n_a + n_d,)  # it compares no sides, so every value has the same one
        numbers = f"{row.estimate:.9g}", f"{row.p_value:.9g}"
        at = seen.setdefault((row.facet, row.metric, *who, *rest, *numbers), i)
        if at != i:
            yield i, Same(at, "repeats")


def _mirrored(rows: Sequence[Row], known: Mapping[str, Metric]) -> _Found:
    """Rows whose sides are those of an earlier one, swapped."""
    seen: dict[Any, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        n_a, n_d, *rest = _sides(row)
        metric = known.get(row.metric)
        for at in seen[row.facet, row.metric, n_d, n_a, *rest]:
            if rows[at].value != row.value and _is_swapped(metric, rows[at], row):
                yield i, Same(at, "mirrors")
                break
        else:
            seen[row.facet, row.metric, n_a, n_d, *rest].append(i)


def _is_swapped(metric: Metric | None, one: Row, other: Row) -> bool:
    """Whether two rows of a metric have the numbers of the same sides, swapped."""
    match metric.swap if metric is not None else "changes":
        case "negates":
            swapped = -one.estimate
        case "inverts":
            swapped = math.inf if one.estimate == 0 else 1 / one.estimate
        case "keeps":
            swapped = one.estimate
        case _:  # only the test is the same
            return one.p_value == other.p_value
    return _alike(swapped, other.estimate) and _alike(one.p_value, other.p_value)


def _restated(rows: Sequence[Row], known: Mapping[str, Metric]) -> _Found:
    """Rows that restate another metric of the same facet value, one that is declared earlier."""
    order = {symbol: i for i, symbol in enumerate(METRICS) if known[symbol] is METRICS[symbol]}
    values: dict[Any, dict[str, int]] = defaultdict(dict)
    for i, (row, table) in enumerate(zip(rows, tables(rows), strict=True)):
        if row.metric in order:
            values[table, row.facet, row.value][row.metric] = i
    for places in values.values():
        earlier: list[int] = []
        for symbol in sorted(places, key=order.__getitem__):
            i = places[symbol]
            at = next((at for at in earlier if _restates(rows[i], rows[at])), None)
            if at is None:
                at = _largest(rows, places, rows[i])
            if at is not None:
                yield i, Same(at, "restates")
            else:
                at = next((at for at in earlier if _retests(rows[i], rows[at])), None)
                if at is not None:
                    yield i, Same(at, "retests")
            earlier.append(i)


def _retests(row: Row, other: Row) -> bool:
    """Whether both are distances of the same labels, which share a test."""
    both = METRICS[row.metric], METRICS[other.metric]
    return (
        all(one.needs == ("label",) and one.against_d == "!=" for one in both)
        and _sides(row) == _sides(other)
        and _alike(row.p_value, other.p_value)
    )


def _largest(rows: Sequence[Row], places: Mapping[str, int], row: Row) -> int | None:
    """Which of the metrics whose largest distance from 0 a row is, if all of them are there."""
    parts = METRICS[row.metric].largest_of
    if not parts or not {*parts} <= {*places}:
        return None
    found = (places[one] for one in parts)
    return next((at for at in found if _alike(abs(rows[at].estimate), row.estimate)), None)


def _restates(row: Row, other: Row) -> bool:
    """Whether a row of a facet value says what another one says, by another metric."""
    if _sides(row) != _sides(other):
        return False
    metric, base = METRICS[row.metric], METRICS[other.metric]
    if _proportions(row.metric) and _proportions(row.metric) == _proportions(other.metric):
        return True
    is_distance = metric.needs == ("label",) and metric.against_d == "!="
    if not is_distance or base.rate is None or {*base.needs} != {"label", "positive"}:
        return False
    return _alike(row.estimate, float(metric(_two(other.rate_a), _two(other.rate_d))), 1e-6)


def _two(share: float) -> Tally:
    """Side with two labels, of which the positive one has this share."""
    return Tally(np.array([[[1 - share]], [[share]]]), positive=np.array([False, True]))


@functools.cache
def _proportions(symbol: str) -> frozenset[float]:
    """The proportions that one of the library's metrics compares, to tell them apart.

    They are those of a table without equal shares; a proportion and its complement are one.
    """
    rate = METRICS[symbol].rate
    if rate is None:
        return frozenset()
    yes = np.array([False, True])
    count, rows = map(int, rate(Tally(np.array([[[11], [3]], [[5], [2]]]), yes, yes)))
    return frozenset({count / rows, (rows - count) / rows})


def _sides(row: Row) -> tuple[int, ...]:
    return row.n_a, row.n_d, row.n_missing, row.n_other


def _alike(one: float, other: float, tolerance: float = 1e-9) -> bool:
    """Whether numbers are equal but for rounding; NaN equals NaN."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12)
