"""Pages of checks: every data set with its verdicts, those that need somebody first."""

from __future__ import annotations

from collections.abc import Iterator

from biaskit.gate.findings import ERROR
from biaskit.gate.forms import Result
from biaskit.gate.outcomes import Outcome, failed
from biaskit.gate.people import conclusion
from biaskit.gate.verdicts import FAIL, UNCERTAIN
from biaskit.pages.document import document
from biaskit.pages.figures import folded, opener
from biaskit.pages.markup import Safe, el, ident, table
from biaskit.pages.numbers import interval, number
from biaskit.pages.sections.tables import judged_table, verdict
from biaskit.reports.words import name_in_words, value_in_words

__all__ = ["page_of_checks"]

# Findings of a data set that are shown one by one.
_MOST_FINDINGS = 50


def page_of_checks(result: Result) -> str:
    """HTML of the outcomes of a check."""
    outcomes = sorted(result.outcomes, key=_urgency)
    told = conclusion(result.outcomes, result.unmatched)
    body = [
        el("p", "Check of data sets against their limits", class_="mute"),
        el("h1", _headline(outcomes)),
        el("p", told),
        opener("Open all details"),
        *(_section(one) for one in outcomes),
    ]
    return document("Bias check", Safe("".join(body)), description=told)


def _urgency(one: Outcome) -> int:
    return 0 if one.broken else 1 if failed([one]) else 2


def _headline(outcomes: list[Outcome]) -> str:
    if not outcomes:
        return "Nothing was checked"
    bad = [one for one in outcomes if one.broken or failed([one])]
    if not bad and not any(map(_is_judged, outcomes)):
        return "No number was judged"
    if not bad:
        every = "The data set" if len(outcomes) == 1 else f"All {len(outcomes):,} data sets"
        return f"{every} passed: no number is surely outside of its limits"
    if len(outcomes) == 1:
        return f"{name_in_words(bad[0].name)} did not pass"
    names = ", ".join(name_in_words(one.name) for one in bad[:3])
    more = f" and {len(bad) - 3:,} more" if len(bad) > 3 else ""
    return f"{len(bad):,} of {len(outcomes):,} did not pass: {names}{more}"


def _is_judged(one: Outcome) -> bool:
    """Whether a data set was judged; one without a file, or of a dry run, was not."""
    return any(one.verdicts.values()) or bool(one.findings)


def _section(one: Outcome) -> Safe:
    return el(
        "section",
        el("h2", name_in_words(one.name), id=ident("data", one.name)),
        el("p", _counts_of(one)) if one.broken or _is_judged(one) else None,
        el("p", f"{one.about[0].upper()}{one.about[1:]}.") if one.about else None,
        *_findings(one),
        *_numbers(one),
    )


def _counts_of(one: Outcome) -> str:
    if one.broken:
        return "It could not be checked."
    found = one.verdicts
    told = f"{found['fail']:,} failed, {found['uncertain']:,} uncertain, {found['pass']:,} passed"
    return f"{told}, in {len(one.files):,} file{'' if len(one.files) == 1 else 's'}."


def _findings(one: Outcome) -> Iterator[Safe]:
    if not one.findings:
        return
    shown = one.findings[:_MOST_FINDINGS]
    more = len(one.findings) - len(shown)
    yield table(
        f"Findings of {name_in_words(one.name)}" + (f"; {more:,} more" if more else ""),
        ["Code", "Level", "Subject", "What was found"],
        [
            [
                finding.code,
                el("span", finding.level, class_="fail" if finding.level == ERROR else None),
                finding.subject,
                finding.message,
            ]
            for finding in shown
        ],
        label=f"Findings of {name_in_words(one.name)}",
        texts=(1, 2, 3),
    )


def _numbers(one: Outcome) -> Iterator[Safe]:
    if one.checked:
        order = {FAIL: 0, UNCERTAIN: 1}
        checked = sorted(one.checked, key=lambda each: order.get(each.verdict, 2))
        many = len(checked)
        caption = "1 number with a limit" if many == 1 else f"{many:,} numbers with limits"
        label = f"Numbers of {name_in_words(one.name)}"
        yield folded(caption, judged_table(caption, checked, label))
    if one.slices:
        caption = f"{len(one.slices):,} searches among slices"
        yield folded(
            caption,
            table(
                caption,
                [
                    "What was searched",
                    "Slices",
                    "Worst at least",
                    "Worst at most",
                    "Limit",
                    "Verdict",
                ],
                [
                    [
                        each.subject,
                        f"{each.slices:,}",
                        number(max(each.at_least, 0.0)),
                        number(each.at_most),
                        number(each.limit),
                        verdict(each.verdict),
                    ]
                    for each in one.slices
                ],
                label=f"Slices of {name_in_words(one.name)}",
                texts=(0,),
            ),
        )
    limited = [each for each in one.drift if each.verdict]
    if limited:
        caption = f"{len(limited):,} changes since the baseline"
        yield folded(
            caption,
            table(
                caption,
                ["Metric", "Value", "Baseline", "Now", "Change", "Interval", "Verdict"],
                [
                    [
                        each.metric,
                        f"{name_in_words(each.facet)}: {value_in_words(each.value)}",
                        number(each.baseline),
                        number(each.current),
                        number(each.change),
                        interval(each.low, each.high),
                        verdict(each.verdict),
                    ]
                    for each in limited
                ],
                label=f"Changes of {name_in_words(one.name)}",
                texts=(1,),
            ),
        )
