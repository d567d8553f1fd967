"""Findings: what a check reports, under codes that never change their meaning."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from biaskit.errors import PointerError
from biaskit.gate.check import Checked
from biaskit.gate.limits import SHARES
from biaskit.gate.verdicts import FAIL, PASS, UNCERTAIN
from biaskit.store.addresses import in_one_line

if TYPE_CHECKING:
    from biaskit.gate.compare import Drift
    from biaskit.gate.slicing import SlicesChecked

__all__ = [
    "CANNOT",
    "CODES",
    "ERROR",
    "WARNING",
    "Code",
    "Finding",
    "Passed",
    "of_checked",
    "of_drift",
    "of_error",
    "of_passed",
    "of_slices",
]

ERROR, WARNING = "error", "warning"
#: Subject of findings about data sets that could not be checked.
CANNOT = "cannot be checked"


class Code(NamedTuple):
    """A kind of finding: its code, what it is in a few words, what it means, and what to do."""

    code: str
    title: str
    meaning: str
    advice: str


#: Every code, in order. A code is never used again for something else.
CODES: dict[str, Code] = {
    one.code: one
    for one in (
        Code(
            "BK101",
            "outside the limit",
            "The whole interval of a metric is outside its limit, so chance does not explain it.",
            "Look at the rows behind it before you change either the data or the limit: "
            "`biaskit report` has all metrics, and `--words` says them in words.",
        ),
        Code(
            "BK102",
            "not certain to be inside the limit",
            "The interval of a metric crosses its limit, or comes so close to it that, among the "
            "numbers judged together, the verdict may be due to chance.",
            "More rows make it narrower. Until then this is a warning, or with `--strict`, and for "
            "metrics that are `required`, an error: a group that is small is not treated fairly "
            "for that reason.",
        ),
        Code(
            "BK103",
            "cannot be judged",
            "A metric with a limit is undefined, has no interval, or rests on fewer rows than "
            "`min_rows`.",
            "The message says why. If a facet value is too rare to be judged, merge it with "
            "another, or name the values that are d with `facet_values`.",
        ),
        Code(
            "BK111",
            "a slice is outside the limit",
            "The worst of all slices of some columns is surely farther from parity than its limit "
            "allows. The intervals of all slices hold together, so it was not found by chance.",
            "`biaskit slices` lists the worst slices. Look at their rows before you change either "
            "the data or the limit.",
        ),
        Code(
            "BK112",
            "not certain that every slice is inside the limit",
            "No slice is surely beyond the limit, but some may be: their intervals cross it.",
            "The message names the worst slice, and the least `min_rows` at which all slices "
            "surely keep the limit, if there is one. More rows make the intervals narrower; fewer "
            "columns, or a smaller `depth`, make fewer slices.",
        ),
        Code(
            "BK201",
            "farther from parity than the baseline",
            "A metric has moved away from parity by more than `drift` allows, beyond chance.",
            "Compare the two with `biaskit compare`. If the change is meant, rewrite the "
            "baseline with `biaskit baseline` and commit it.",
        ),
        Code(
            "BK202",
            "not certain to be as near to parity as the baseline",
            "The interval of the change crosses what `drift` allows, or the metric is "
            "undefined now or was in the baseline.",
            "More rows, here or in the baseline, make it narrower; or allow more drift.",
        ),
        Code(
            "BK203",
            "a facet value is new or gone",
            "A value of the facet has rows now but none in the baseline, or the other way round.",
            "If it is a misspelling, fix the data. If it is meant, rewrite the baseline with "
            "`biaskit baseline`.",
        ),
        Code(
            "BK204",
            "a share of the rows has moved",
            "The share of the rows that a facet value or a label has differs from the baseline by "
            "more than `drift` allows, beyond chance, or may do so.",
            "Check where the rows come from: a source that is missing moves shares first.",
        ),
        Code(
            "BK301",
            CANNOT,
            "A file, a column or the configuration is not what the check needs, so this data "
            "set could not be checked. The others still are; the exit code is 2.",
            "The message says what is wrong and where.",
        ),
        Code(
            "BK302",
            "a pointer in place of the data",
            "The file is a pointer of Git-LFS, DVC or git-annex: a line of text that stands for "
            "data kept elsewhere. The exit code is 2.",
            "Fetch the data before the check (`git lfs pull`, `dvc pull`, `git annex get`), or "
            "run the check where the data are.",
        ),
    )
}


class Finding(NamedTuple):
    """One thing that a check found."""

    code: str
    level: str
    #: Its subject in a few words; one line, like the message.
    subject: str
    message: str
    #: Distance of the number beyond its limit, in widths of its interval; the worst first.
    excess: float


class Passed(NamedTuple):
    """A number that passed: its subject, and its values."""

    subject: str
    message: str


def of_checked(checked: Sequence[Checked], confidence: float, strict: bool) -> Iterator[Finding]:
    """Findings on rows of a report that have limits."""
    for one in checked:
        row = one.row
        if one.verdict not in (FAIL, UNCERTAIN):
            continue
        outside = one.verdict == FAIL and one.sure
        code = "BK101" if outside else "BK102" if one.judged else "BK103"
        yield Finding(
            code,
            ERROR if one.verdict == FAIL or strict else WARNING,
            *_of_row(one, confidence),
            _excess(row.estimate, row.low, row.high, one.limit_low, one.limit_high),
        )


def of_drift(drifts: Sequence[Drift], confidence: float, strict: bool) -> Iterator[Finding]:
    """Findings on rows of a comparison with a baseline."""
    for one in drifts:
        if one.verdict not in (FAIL, UNCERTAIN):
            continue
        gone = not (one.n_baseline and one.n_current)
        share = one.metric in SHARES
        code = "BK203" if gone and share else "BK204" if share else "BK202"
        if one.verdict == FAIL and not share:
            code = "BK201"
        yield Finding(
            code,
            ERROR if one.verdict == FAIL or strict else WARNING,
            *_of_change(one, confidence),
            _excess(one.change, one.low, one.high, -one.limit if share else -math.inf, one.limit),
        )


def of_slices(
    checked: Sequence[SlicesChecked], confidence: float, strict: bool
) -> Iterator[Finding]:
    """Findings on the slices of some metrics."""
    for one in checked:
        if one.verdict not in (FAIL, UNCERTAIN):
            continue
        outside = one.verdict == FAIL
        yield Finding(
            "BK111" if outside else "BK112",
            ERROR if outside or strict else WARNING,
            *_of_slices(one, confidence),
            _excess(abs(one.estimate), one.at_least, one.at_most, -math.inf, one.limit),
        )


def of_passed(
    checked: Sequence[Checked],
    drifts: Sequence[Drift],
    slices: Sequence[SlicesChecked],
    confidence: float,
) -> Iterator[Passed]:
    """Numbers that passed, for a reader who wants to see them too."""
    yield from (_of_row(one, confidence) for one in checked if one.verdict == PASS)
    yield from (_of_change(one, confidence) for one in drifts if one.verdict == PASS)
    yield from (_of_slices(one, confidence) for one in slices if one.verdict == PASS)


def _of_row(one: Checked, confidence: float) -> Passed:
    """Subject and values of a row with limits."""
    row = one.row
    parts = [
        _number(row.estimate, row.low, row.high, confidence),
        f"limit {_short(one.limit_low)} to {_short(one.limit_high)}",
        one.reason,
        f"{row.n_d:,} rows, all others {row.n_a:,}",
    ]
    return Passed(f"{row.metric}, {row.facet} = {row.value}", "; ".join(filter(None, parts)))


def _of_change(one: Drift, confidence: float) -> Passed:
    """Subject and values of a row of a comparison with a baseline."""
    parts = [
        f"{_short(one.baseline)} in the baseline, {_short(one.current)} now",
        f"change {_number(one.change, one.low, one.high, confidence)}",
        "" if math.isnan(one.limit) else f"limit {_short(one.limit)}",
        one.note,
        f"{one.n_current:,} rows, {one.n_baseline:,} in the baseline",
    ]
    return Passed(
        f"change of {one.metric}, {one.facet} = {one.value}", "; ".join(filter(None, parts))
    )


def _of_slices(one: SlicesChecked, confidence: float) -> Passed:
    """Subject and values of a certificate on slices."""
    ends = f"{_short(max(one.at_least, 0.0))} to {_short(one.at_most)}"
    value = f"{_short(one.estimate)} ({_short(one.low)} to {_short(one.high)})"
    parts = [
        f"the worst of {one.slices:,} is {ends} from parity ({100 * confidence:g} %)",
        f"limit {_short(one.limit)}",
        one.reason,
        f"{one.worst}: {value}, {one.n_d:,} rows against {one.n_a:,}",
    ]
    return Passed(one.subject, "; ".join(filter(None, parts)))


def of_error(error: Exception) -> Finding:
    """Finding that a data set could not be checked, whatever went wrong."""
    code = "BK302" if isinstance(error, PointerError) else "BK301"
    return Finding(code, ERROR, CANNOT, in_one_line(error), math.inf)


def _number(estimate: float, low: float, high: float, confidence: float) -> str:
    if math.isnan(estimate):
        return "undefined"
    if math.isnan(low):
        return _short(estimate)
    return f"{_short(estimate)} ({100 * confidence:g} %: {_short(low)} to {_short(high)})"


def _short(value: float) -> str:
    return f"{value:.4g}"


def _excess(estimate: float, low: float, high: float, least: float, most: float) -> float:
    beyond = max(estimate - most, least - estimate)
    width = high - low
    return beyond / width if width > 0 and math.isfinite(beyond / width) else 0.0
