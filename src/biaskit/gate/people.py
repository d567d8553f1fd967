"""Outcomes as people read them: lines in a terminal, and Markdown for a step's summary."""

from __future__ import annotations

from collections.abc import Sequence

from biaskit.gate.findings import CODES
from biaskit.gate.outcomes import Outcome
from biaskit.store.formats import as_markdown, markdown, printable

__all__ = ["as_text", "conclusion", "markdown_summary"]


# Findings of one table that a person is shown.
_SHOWN = 20


def as_text(
    outcomes: Sequence[Outcome], unmatched: int = 0, *, verbose: bool = False, quiet: bool = False
) -> str:
    """Findings of each data set, the worst first, and the conclusion on all of them.

    With `verbose`, the numbers that passed too; with `quiet`, only data sets with findings, and
    nothing at all where there are none.
    """
    parts = []
    if quiet and not any(one.findings for one in outcomes):
        return ""
    for one in outcomes:
        if quiet and not one.findings:
            continue
        lines = [f"{_title(one)}: {one.about}" if one.about else _title(one)]
        lines += [
            f"  {finding.level} {finding.code}: {finding.subject}: {finding.message}"
            for finding in one.findings[:_SHOWN]
        ]
        if len(one.findings) > _SHOWN:
            lines.append(f"  {_more(one)}")
        if verbose:
            lines += [f"  pass: {passed.subject}: {passed.message}" for passed in one.passed]
        parts.append("\n".join(map(printable, lines)))
    return "\n".join([*parts, conclusion(outcomes, unmatched)])


def conclusion(outcomes: Sequence[Outcome], unmatched: int = 0) -> str:
    """One line on all data sets: how many numbers passed, failed, or were left uncertain."""
    named = [one.verdicts for one in outcomes]
    total = {key: sum(one[key] for one in named) for key in ("fail", "uncertain", "pass")}
    said = [f"{number:,} {key}" for key, number in total.items()]
    if not any(total.values()):
        said = ["nothing was judged"]
    if broken := sum(one.broken for one in outcomes):
        said.append(f"{broken:,} could not be checked")
    checked = "1 table" if len(outcomes) == 1 else f"{len(outcomes):,} tables"
    line = f"{checked}: {', '.join(said)}"
    together = (sum(each.verdicts.values()) - len(each.slices) for each in outcomes)
    if any(number > 1 for number in together):
        line += "; the numbers of a table are judged together (Holm)"
    if unmatched == 1:
        line += "; 1 file belongs to no data set and was not checked"
    elif unmatched:
        line += f"; {unmatched:,} files belong to no data set and were not checked"
    return line


def markdown_summary(outcomes: Sequence[Outcome], unmatched: int = 0) -> str:
    """Conclusion and a table of the findings in Markdown, in which no value can become markup."""
    rows = [
        (finding.level, finding.code, one.name, finding.subject, finding.message)
        for one in outcomes
        for finding in one.findings[:_SHOWN]
    ]
    parts = ["### biaskit", markdown(conclusion(outcomes, unmatched))]
    if rows:
        parts.append(as_markdown(("level", "code", "data", "about", "finding"), rows))
        parts += [
            markdown(f"{one.name}: {_more(one)}") for one in outcomes if len(one.findings) > _SHOWN
        ]
        codes = dict.fromkeys(row[1] for row in rows)
        parts.append("\n".join(f"* {code}: {markdown(CODES[code].title)}" for code in codes))
    return "\n\n".join(parts)


def _more(outcome: Outcome) -> str:
    more = len(outcome.findings) - _SHOWN
    return f"and {more:,} more, closer to their limits; --format json has them all"


def _title(outcome: Outcome) -> str:
    files = outcome.files
    if not files or outcome.name in files:
        return outcome.name
    return f"{outcome.name} ({files[0] if len(files) == 1 else f'{len(files):,} files'})"
