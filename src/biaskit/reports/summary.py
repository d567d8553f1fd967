"""Summary: what a report as a whole says, in a few sentences that are never surer than its rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from biaskit.counts.counts import Counts
from biaskit.errors import keywords_checked
from biaskit.metrics import LEADING, Metric, chosen
from biaskit.reports.reading import OF_CHECKS, rows_of
from biaskit.reports.repeated import tables
from biaskit.reports.report import Row
from biaskit.reports.sentences import given_counts
from biaskit.reports.surely import FEW_ROWS, Judged
from biaskit.reports.within import (
    APPEARS,
    DISAPPEARS,
    REVERSES,
    STAYS,
    UNCLEAR,
    Change,
    changes_within,
)
from biaskit.reports.words import (
    interval_in_words,
    name_in_words,
    name_of,
    one_in_words,
    those_in,
    value_in_words,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Finding", "Summary", "each_within", "summarised", "summary", "summary_of"]

# Most names in an enumeration.
_MOST_NAMED = 3


class Finding(NamedTuple):
    """One sentence of a summary, and the rows that it rests on."""

    #: ``"verdict"``, ``"largest"``, ``"within groups"``, ``"few rows"``, ``"undefined"`` or
    #: ``"missing"``.
    kind: str
    sentence: str
    #: Indices of rows of the report.
    rows: tuple[int, ...] = ()


class Summary(NamedTuple):
    """What a report as a whole says."""

    findings: tuple[Finding, ...]
    #: Rows of distinct comparisons that leave parity surely, and of those that may be chance.
    sure: tuple[int, ...]
    unsure: tuple[int, ...]
    #: The row that speaks for the report: the largest sure difference that is against its value.
    headline: int | None

    @property
    def text(self) -> str:
        """The sentences, one on a line."""
        return "\n".join(one.sentence for one in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return {
            "comparisons": len(self.sure) + len(self.unsure),
            "sure": len(self.sure),
            "findings": [{"kind": one.kind, "sentence": one.sentence} for one in self.findings],
        }


@keywords_checked
def summary(
    report: pd.DataFrame,
    *,
    counts: Counts | None = None,
    metrics: Iterable[str | Metric] | str | None = None,
) -> str:
    """What a report as a whole says, in a few lines for people who do not know metrics.

    It says how many comparisons differ surely from parity; the largest difference that is against a
    value, if any; whether it disappears, stays or reverses within groups; and which values have few
    rows, what is undefined and how many rows are missing. "Surely" means beyond chance though many
    numbers are judged together, by Holm's rule: where no value differs, a report says that any does
    with a chance of at most 1 minus its level. A comparison counts once, however many metrics and
    mirrored rows tell of it. CI, which compares numbers of rows, counts only where it is alone.

    Parameters
    ----------
    report
        What `biaskit.report` returns, or rows of it, perhaps stacked or read back from a file.
    counts
        The counts that the report is of. They name the label, its positive values and the group;
        without them the text speaks of a positive label.
    metrics
        Metrics of your own that the report has.

    Raises
    ------
    DataError
        `report` is not a report.

    Examples
    --------
    >>> import biaskit
    >>> counts = biaskit.count(
    ...     biaskit.datasets.berkeley(), facet="gender", label="decision", group="department",
    ...     positive="admitted",
    ... )
    >>> told = biaskit.summary(biaskit.report(counts), counts=counts).splitlines()
    >>> told[0]
    '2 of 3 distinct comparisons differ surely: by more than chance explains, with all 3 judged \
together (95 %).'
    >>> told[2]
    'Where department is the same, the difference disappears for those whose gender is female: \
what is left could be chance (CDDL, 95 % interval: minus 5.3 to 1.4 points).'
    """
    rows = rows_of(report)
    made = summarised(rows, given_counts(counts), chosen(metrics), _where(report, rows))
    return made.text


def _where(report: pd.DataFrame, rows: Sequence[Row]) -> list[str]:
    """What tells the tables of stacked reports apart, in other columns than those of a report."""
    if not any(tables(rows)):
        return []
    others = [name for name in report.columns if name not in (*Row._fields, *OF_CHECKS)]
    parts = [[f"{name} {value}" for value in report[name].tolist()] for name in others]
    return [name_in_words(", ".join(one)) for one in zip(*parts, strict=True)]


def summarised(
    rows: Sequence[Row],
    counts: Counts | None = None,
    metrics: Iterable[Metric] | None = None,
    where: Sequence[str] = (),
) -> Summary:
    """Findings of a report, with the rows that they rest on; see `summary`.

    `where` says for each row of which table it is, where several are stacked.
    """
    return summary_of(Judged(rows, counts, metrics), where)


def summary_of(read: Judged, where: Sequence[str] = ()) -> Summary:
    """Findings of a report whose rows are judged; see `summarised`."""
    headline = _headline(read)
    findings = [
        *_verdict(read),
        *_largest(read, headline, where),
        *_within_groups(read, headline),
        *_few_rows(read),
        *_undefined(read),
        *_missing(read),
    ]
    sure = tuple(i for i in read.judged if read.is_sure[i])
    unsure = tuple(i for i in read.judged if not read.is_sure[i])
    return Summary(tuple(findings), sure, unsure, headline)


def _leading(read: Judged) -> Metric | None:
    """The metric that speaks for the report: the first of these that the report has."""
    there = {row.metric for row in read.rows if not math.isnan(row.estimate)}
    return next((read.known[symbol] for symbol in LEADING if symbol in there), None)


def _headline(read: Judged) -> int | None:
    """The row of the leading metric that is surely and farthest against its value.

    Without one, it is a row of another metric that compares two proportions, then of any other. A
    distance, which has no direction, counts where it does not say again what one with a direction
    does: that may be in favour of its value.
    """
    leading = _leading(read)
    kinds: tuple[Callable[[Metric], bool], ...] = (
        lambda metric: metric is leading,
        lambda metric: metric.rate is not None and metric.kind == "difference",
        lambda metric: metric.against_d in ("<", ">"),
        lambda _: True,
    )
    for kind in kinds:
        found = [
            i
            for i, metric in enumerate(map(read.metric, range(len(read.rows))))
            if metric is not None
            and kind(metric)
            and read.is_sure[i]
            and (read.is_against(i) or (metric.against_d == "!=" and read.first[i] == i))
            and not read.has_few_rows(i)
        ]
        if found:
            return max(found, key=read.reach)
    return None


def _verdict(read: Judged) -> Iterator[Finding]:
    number = len(read.judged)
    if not number:
        some = any(not math.isnan(row.estimate) for row in read.rows)
        told = (
            "This report has no intervals, so it does not show which differences are beyond chance."
            if some
            else "This report compares nothing: none of its numbers is defined."
        )
        yield Finding("verdict", told)
        return
    sure = tuple(i for i in read.judged if read.is_sure[i])
    level = f"{100 * read.level:g} %"
    if sure:
        differ = "differs" if len(sure) == 1 else "differ"
        if number == 1:
            told = f"The only comparison differs surely: by more than chance explains ({level})."
        else:
            part = f"{len(sure):,} of {number:,}"
            if len(sure) == number:
                part = "Both" if number == 2 else f"All {number:,}"
            together = "both" if number == 2 else f"all {number:,}"
            told = (
                f"{part} distinct comparisons {differ} surely: by more than chance explains, with "
                f"{together} judged together ({level})."
            )
        yield Finding("verdict", told, sure)
        return
    facets = [name_in_words(one) for one in dict.fromkeys(row.facet for row in read.rows)]
    alike = "That does not show that they are equal."
    told = f"No value of {_either(facets)} differs surely from {_others(read)}. {alike}"
    yield Finding("verdict", told, tuple(read.judged))


def _others(read: Judged) -> str:
    """What the values of a report are compared with."""
    has_reference = read.names.references or any(row.n_other for row in read.rows)
    return "the reference value" if has_reference else "all others"


def _largest(read: Judged, headline: int | None, where: Sequence[str]) -> Iterator[Finding]:
    if not any(read.is_sure):
        return
    leading = _leading(read)
    of_leading = [i for i in read.judged if read.metric(i) is leading]
    worse = f"No value with {FEW_ROWS} rows or more is surely worse off than {_others(read)}"
    if headline is None:
        if all(read.metric(i) for i in read.judged if read.is_sure[i]):  # else it is unknown
            yield Finding("largest", f"{worse}.")
        return
    row, metric = read.rows[headline], read.metric(headline)
    assert metric is not None
    if leading is not None and metric is not leading and of_leading:
        yield Finding("largest", f"{worse} in {_name(leading)}.", tuple(of_leading))
    compared = [i for i in read.judged if read.metric(i) is metric and not read.has_few_rows(i)]
    told = one_in_words(metric, read.names, row, bare=True).removesuffix(".")
    interval = interval_in_words(metric, row)
    told = f"{told} ({interval})." if interval else f"{told}."
    largest = {0: "", 1: "", 2: "The larger of 2 gaps"}.get(
        len(compared), f"The largest of {len(compared):,} gaps"
    )
    if largest and where and where[headline]:
        largest = f"{largest}, in {where[headline]}"
    if largest:
        told = f"{largest}: {told[0].lower()}{told[1:]}"
    yield Finding("largest", told, (headline,))


def _name(metric: Metric) -> str:
    name = name_of(metric)
    return name[0].lower() + name[1:]


#: What is said of a difference within groups, by what it does there.
_WITHIN = {
    REVERSES: "{within}, {difference} reverses for {them}{figures}.",
    DISAPPEARS: "{within}, {difference} disappears for {them}: what is left could be chance"
    "{figures}.",
    APPEARS: "{within}, there is {a_difference} for {them} that does not show surely over all "
    "rows{figures}.",
    UNCLEAR: "{within}, it is not sure whether {difference} stays for {them}{figures}.",
    STAYS: "{within}, {difference} stays for {them}{figures}.",
}


def _within_groups(read: Judged, headline: int | None) -> Iterator[Finding]:
    """What differences do within groups; those of the headline's stage first, and in full."""
    found: dict[tuple[Metric, str], list[Change]] = defaultdict(list)
    for change in changes_within(read.rows, read.known, read.table, read.is_sure):
        found[read.known[read.rows[change.row].metric], change.what].append(change)
    stages = {metric.stage for metric, _ in found}
    first = "" if headline is None else read.rows[headline].stage
    for metric in sorted({metric for metric, _ in found}, key=lambda one: one.stage != first):
        kind = _kind(metric, len(stages) > 1)
        for what in _WITHIN:
            if what in (STAYS, UNCLEAR) and len(stages) > 1 and metric.stage != first:
                continue
            if changes := _one_of_each(read, found.get((metric, what), [])):
                told = _told_within(read, metric, changes, kind)
                yield Finding("within groups", told, tuple(one.row for one in changes))


def _told_within(read: Judged, metric: Metric, changes: Sequence[Change], kind: str) -> str:
    """What a difference of some values, which all do the same, does within groups."""
    figures = ""
    if len(changes) == 1:
        above = read.rows[changes[0].whole].estimate > 0
        interval = interval_in_words(metric, read.rows[changes[0].row], above)
        figures = f" ({metric.symbol}, {interval})"
    return _WITHIN[changes[0].what].format(
        within=f"Where {read.names.group} is the same",
        difference=f"the difference{kind}",
        a_difference=f"a difference{kind}",
        them=_those(read, [one.row for one in changes]),
        figures=figures,
    )


def each_within(read: Judged) -> Mapping[int, str]:
    """What the difference of each row within groups does there, of its value alone."""
    changes = [*changes_within(read.rows, read.known, read.table, read.is_sure)]
    metrics = {one.row: read.known[read.rows[one.row].metric] for one in changes}
    several = len({one.stage for one in metrics.values()}) > 1
    return {
        one.row: _told_within(read, metrics[one.row], [one], _kind(metrics[one.row], several))
        for one in changes
    }


def _kind(metric: Metric, several: bool) -> str:
    if not several:
        return ""
    return " in predictions" if "predicted" in metric.needs else " in labels"


def _one_of_each(read: Judged, changes: Sequence[Change]) -> list[Change]:
    """One change of each comparison, the largest difference over all rows first.

    Of two values that mirror each other, it is the one that the difference is against.
    """
    made: dict[int, Change] = {}
    for one in sorted(changes, key=lambda one: not read.is_against(one.whole)):
        made.setdefault(read.first[one.row], one)
    return sorted(made.values(), key=lambda one: -read.reach(one.whole))


def _few_rows(read: Judged) -> Iterator[Finding]:
    few = [i for i, row in enumerate(read.rows) if row.n_d < FEW_ROWS]
    facets = {read.rows[i].facet for i in few}
    others = [
        i
        for i, row in enumerate(read.rows)
        if row.n_a < FEW_ROWS and row.n_d >= FEW_ROWS and row.facet not in facets
    ]
    if few:
        have = f"have fewer than {FEW_ROWS} rows: their numbers are loose"
        told = f"T{_those(read, few)[1:]} {have}."
        yield Finding("few rows", told, tuple(few))
    if others:
        told = f"Fewer than {FEW_ROWS} rows are compared with {_those(read, others)}."
        yield Finding("few rows", told, tuple(others))
    known = {*few, *others}
    shares = [i for i in read.judged if i not in known and _least_of(read.rows[i]) < FEW_ROWS]
    if shares:
        them = "1 comparison takes" if len(shares) == 1 else f"{len(shares):,} comparisons take"
        also = " more" if known else ""
        told = f"{them.replace(' ', f'{also} ', 1)} a share of fewer than {FEW_ROWS} rows."
        yield Finding("few rows", told, tuple(shares))


def _least_of(row: Row) -> float:
    known = [of for of in (row.of_a, row.of_d) if not math.isnan(of)]
    return min(known, default=math.inf)


def _undefined(read: Judged) -> Iterator[Finding]:
    undefined = [i for i in read.own if math.isnan(read.rows[i].estimate)]
    if not undefined:
        return
    named = dict.fromkeys(name_in_words(read.rows[i].metric) for i in undefined)
    are = "is" if len(undefined) == 1 else "are"
    told = f"{len(undefined):,} of {len(read.own):,} distinct numbers {are} undefined"
    yield Finding("undefined", f"{told}: {_and([*named])}.", tuple(undefined))


def _missing(read: Judged) -> Iterator[Finding]:
    most: dict[str, int] = {}
    for i, row in enumerate(read.rows):
        if row.n_missing > read.rows[most.setdefault(row.facet, i)].n_missing:
            most[row.facet] = i
    found = [i for i in most.values() if read.rows[i].n_missing]
    if found:
        parts = []
        for i in found:
            row = read.rows[i]
            total = row.n_a + row.n_d + row.n_missing + row.n_other
            parts.append(f"{row.n_missing:,} of {total:,} rows for {name_in_words(row.facet)}")
        told = f"Up to {_and(parts)} are left out: a value that is needed is missing."
        yield Finding("missing", told, tuple(found))


def _those(read: Judged, rows: Iterable[int]) -> str:
    """The facet values of some rows, each once: "those whose sex is F, or whose race is B or C"."""
    named = dict.fromkeys((read.rows[i].facet, read.rows[i].value) for i in rows)
    values: dict[str, list[str]] = defaultdict(list)
    for facet, value in [*named][:_MOST_NAMED]:
        values[facet].append(value)
    if len(named) == 1:
        return those_in(*next(iter(named)))
    told = ", or ".join(
        f"whose {name_in_words(facet)} is {_either(list(map(value_in_words, of_it)))}"
        for facet, of_it in values.items()
    )
    more = len(named) - _MOST_NAMED
    if more > 0:
        told += f", and those of {more:,} other value{'s' if more > 1 else ''}"
    return f"those {told}"


def _either(names: Sequence[str]) -> str:
    return _joined(names, "or")


def _and(names: Sequence[str]) -> str:
    return _joined(names, "and")


def _joined(names: Sequence[str], word: str) -> str:
    """Enumeration, cut where it is long."""
    shown = [*names]
    if len(shown) > _MOST_NAMED + 1:
        shown = [*shown[:_MOST_NAMED], f"{len(shown) - _MOST_NAMED:,} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {word} {shown[-1]}"
