"""Sentences: a row of a report in words, for people who do not know metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from biaskit.counts.comparisons import positive_labels
from biaskit.counts.counts import Counts
from biaskit.counts.levels import is_missing, show
from biaskit.counts.roles import Roles
from biaskit.errors import RolesError, in_short, keywords_checked
from biaskit.metrics import METRICS, Metric, chosen
from biaskit.metrics.metric import NEEDS
from biaskit.reports.numbers import references
from biaskit.reports.reading import rows_of
from biaskit.reports.repeated import known_metrics, tables
from biaskit.reports.report import Row, report_rows
from biaskit.reports.words import Names, names_of, one_in_words, unknown_in_words

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["given_counts", "names_in", "row_sentences", "sentences"]


@keywords_checked
def sentences(
    report: pd.DataFrame,
    *,
    counts: Counts | None = None,
    metrics: Iterable[str | Metric] | str | None = None,
) -> list[str]:
    """Sentence about each row of a report, for people who do not know metrics.

    Parameters
    ----------
    report
        What `biaskit.report` returns, or rows of it, perhaps read back from a file.
    counts
        The counts that the report is of. They name the label, its positive values and the group;
        without them the sentences speak of a positive label.
    metrics
        Metrics of your own that the report has; of others it only says the number.

    Returns
    -------
    list of str
        One sentence for each row, with a second one where the interval holds parity: "That could be
        chance."

    Raises
    ------
    DataError
        `report` is not a report.

    Examples
    --------
    >>> import biaskit
    >>> report = biaskit.report(
    ...     biaskit.datasets.berkeley(), facet="gender", facet_values="female", label="decision",
    ...     positive="admitted", metrics="DPL",
    ... )
    >>> biaskit.sentences(report)[0]
    'The share whose label is positive is 30.4 % for those whose gender is female, 14.2 points \
lower than the 44.5 % for all others.'
    """
    return row_sentences(rows_of(report), given_counts(counts), chosen(metrics))


def given_counts(counts: Counts | None) -> Counts | None:
    """The counts that a caller gives, checked."""
    if counts is not None and not isinstance(counts, Counts):
        raise RolesError(
            f"counts takes what biaskit.count returns, not {in_short(counts)}; leave it out, or "
            "load saved ones with biaskit.Counts.load"
        )
    return counts


def row_sentences(
    rows: Sequence[Row], counts: Counts | None = None, metrics: Iterable[Metric] | None = None
) -> list[str]:
    """Sentence about each row of a report; see `sentences`."""
    known = known_metrics(metrics)
    names = names_in(rows, counts, known)
    parts = _parts_of_largest(rows, counts, known)

    def largest(row: Row, table: int) -> str:
        symbols = known[row.metric].largest_of
        of_row = [parts.get((table, row.facet, row.value, one)) for one in symbols]
        found = [part for part in of_row if part is not None and not math.isnan(part.estimate)]
        if not found or len(found) < len(symbols) or math.isnan(row.estimate):
            return ""
        part = max(found, key=lambda part: abs(part.estimate))
        return one_in_words(METRICS[part.metric], names, part)

    return [
        one_in_words(known[row.metric], names, row, largest(row, table))
        if row.metric in known
        else unknown_in_words(names, row)
        for row, table in zip(rows, tables(rows), strict=True)
    ]


def _parts_of_largest(
    rows: Sequence[Row], counts: Counts | None, known: Mapping[str, Metric]
) -> dict[tuple[int, str, str, str], Row]:
    """Rows of the metrics whose largest distance from 0 another row is."""
    symbols = {
        symbol for row in rows if row.metric in known for symbol in known[row.metric].largest_of
    }
    if counts is not None and symbols:
        asked = [METRICS[symbol] for symbol in METRICS if symbol in symbols]
        rows = report_rows(counts, asked, confidence=None)
    return {
        (table, row.facet, row.value, row.metric): row
        for row, table in zip(rows, tables(rows), strict=True)
        if row.metric in symbols
    }


def names_in(rows: Sequence[Row], counts: Counts | None, known: Mapping[str, Metric]) -> Names:
    """What sentences about some rows call the columns: as in the counts, if these are given."""
    if counts is not None:
        return names_of(_with_positive_named(counts))._replace(
            references={
                " & ".join([given] if isinstance(given, str) else given): show(level)
                for given, level in references(counts).items()
            },
            pairs=_pairs(counts),
        )
    given = {
        need
        for row in rows
        if row.metric in known and not math.isnan(row.estimate)
        for need in known[row.metric].needs
    }
    return Names(lacking=frozenset(NEEDS) - {"positive", *given}, is_guess=True)


def _pairs(counts: Counts) -> dict[str, tuple[str, str]]:
    """Values of each facet that has two, by the facet's name."""
    made = {}
    for facet, table in counts.shown_tables.items():
        known = [show(level) for level in table.levels.facet if not is_missing(level)]
        if len(known) == 2:
            made[facet.name] = known[0], known[1]
    return made


def _with_positive_named(counts: Counts) -> Roles:
    """Roles that name the positive labels, including default ones."""
    roles = counts.roles
    if roles.label is None or roles.positive_above is not None:
        return roles
    positive = positive_labels(next(iter(counts.shown_tables.values())).levels, roles)
    return roles.replaced(positive=positive or None)
