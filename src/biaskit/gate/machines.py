"""Outcomes for programs: JSON, JUnit, GitHub's annotations, SARIF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from biaskit.gate.findings import CANNOT, CODES, ERROR, Finding, Passed
from biaskit.gate.outcomes import Outcome, worst_first
from biaskit.gate.people import conclusion
from biaskit.reports.report import Row
from biaskit.store.addresses import is_address
from biaskit.store.formats import as_json, printable

__all__ = ["as_gate_json", "as_github", "as_junit", "as_sarif"]

# GitHub shows ten annotations of each level per step; one of them is the conclusion.
_SHOWN = 10
# Most results that GitHub reads of one SARIF run.
_MOST_RESULTS = 25_000


def as_gate_json(outcomes: Sequence[Outcome], unmatched: int, version: str, exit_code: int) -> str:
    """One JSON object with every number that was judged, and every finding."""
    return as_json(
        {
            "biaskit": {"version": version, "schema": 1},
            "exit_code": exit_code,
            "not_checked": unmatched,
            "check": [_record(one) for one in outcomes],
        }
    )


def as_junit(outcomes: Sequence[Outcome], *, strict: bool = False) -> str:
    """JUnit XML: a suite per data set, a case per number that was judged, with its values.

    A suite has the seconds that its data set took; each case has its part of them, since viewers
    sum the cases.
    An uncertain number is a skipped case, or with `strict` a failed one.
    """
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    root = Element("testsuites", name="biaskit")
    for outcome in outcomes:
        counts = outcome.verdicts
        subjects = list(_subjects(outcome))
        failed = counts["fail"] + (counts["uncertain"] if strict else 0)
        suite = SubElement(
            root,
            "testsuite",
            name=printable(outcome.name),
            tests=str(len(subjects)),
            failures=str(failed),
            errors=str(subjects.count(CANNOT)),
            skipped=str(0 if strict else counts["uncertain"]),
            time=f"{outcome.seconds:.3f}",
        )
        found: dict[str, list[Finding]] = {}
        for finding in outcome.findings:
            found.setdefault(finding.subject, []).append(finding)
        passed: dict[str, list[Passed]] = {}
        for one in outcome.passed:
            passed.setdefault(one.subject, []).append(one)
        for subject in subjects:
            case = SubElement(
                suite,
                "testcase",
                classname=printable(outcome.name),
                name=printable(subject),
                time=f"{outcome.seconds / len(subjects):.6f}",
            )
            if found.get(subject):
                finding = found[subject].pop(0)  # two numbers may have one name
                tag = "skipped"
                if finding.level == ERROR:
                    tag = "error" if subject == CANNOT else "failure"
                said = {"message": printable(f"{finding.code}: {finding.message}")}
                if tag != "skipped":
                    said["type"] = finding.code
                SubElement(case, tag, said)
            elif passed.get(subject):
                SubElement(case, "system-out").text = printable(passed[subject].pop(0).message)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode")


def as_github(outcomes: Sequence[Outcome], unmatched: int = 0) -> str:
    """Commands that GitHub Actions shows as annotations: the conclusion, then the worst of it."""
    found = [(one, finding) for one in outcomes for finding in one.findings]
    worst = worst_first([finding for _, finding in found])
    of = {id(finding): one for one, finding in found}
    left = {ERROR: _SHOWN, "warning": _SHOWN}
    level = worst[0].level if worst else "notice"
    if level in left:
        left[level] -= 1
    lines = [f"::{level} title=biaskit::{_command(conclusion(outcomes, unmatched))}"]
    for finding in worst:
        if left[finding.level]:
            left[finding.level] -= 1
            lines.append(_annotation(of[id(finding)], finding))
    return "\n".join(lines)


def as_sarif(outcomes: Sequence[Outcome], version: str) -> str:
    """SARIF 2.1.0: one run, a rule per code, a result per finding."""
    results = [
        {
            "ruleId": finding.code,
            "ruleIndex": [*CODES].index(finding.code),
            "level": finding.level,
            "message": {"text": _plain(f"{finding.subject}: {finding.message}")},
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": _uri(name)}}}
                for name in outcome.files[:1]
            ],
            # The same finding of the same data set is the same alert the next time.
            "partialFingerprints": {
                "biaskit/v1": printable(f"{outcome.name}/{finding.code}/{finding.subject}")
            },
        }
        for outcome in outcomes
        for finding in outcome.findings
    ]
    rules = [
        {
            "id": code.code,
            "shortDescription": {"text": code.title},
            "fullDescription": {"text": code.meaning},
            "help": {"text": code.advice},
        }
        for code in CODES.values()
    ]
    driver = {"name": "biaskit", "version": version, "rules": rules}
    return as_json(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "results": results[:_MOST_RESULTS]}],
        }
    )


def _record(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "files": list(outcome.files),
        "about": outcome.about,
        "rows": outcome.rows,
        "broken": outcome.broken,
        "verdicts": outcome.verdicts,
        "checked": [_of_row(one.row) | _without_row(one._asdict()) for one in outcome.checked],
        "drift": [one._asdict() for one in outcome.drift],
        "slices": [one._asdict() for one in outcome.slices],
        "findings": [
            {name: value for name, value in one._asdict().items() if name != "excess"}
            for one in outcome.findings
        ],
    }


def _of_row(row: Row) -> dict[str, Any]:
    """Row of a report, with its extremes only where its counts are not exact."""
    unknown = () if row.least <= row.most else ("least", "most")
    return {name: value for name, value in row._asdict().items() if name not in unknown}


def _without_row(checked: dict[str, Any]) -> dict[str, Any]:
    # The code of its finding shows whether it is certain.
    return {name: value for name, value in checked.items() if name not in ("row", "sure")}


def _subjects(outcome: Outcome) -> Iterator[str]:
    """Name of each judged number; for a data set that could not be checked, its findings."""
    rows: list[Row] = [one.row for one in outcome.checked]
    yield from (f"{row.metric}, {row.facet} = {row.value}" for row in rows)
    for drift in outcome.drift:
        if drift.verdict:
            yield f"change of {drift.metric}, {drift.facet} = {drift.value}"
    yield from (one.subject for one in outcome.slices)
    if outcome.broken:
        yield from (CANNOT for finding in outcome.findings if finding.subject == CANNOT)
    elif not (rows or outcome.drift or outcome.slices):
        yield outcome.about


def _annotation(outcome: Outcome, finding: Finding) -> str:
    named = {"title": f"{finding.code} {CODES[finding.code].title}"}
    if outcome.files and not is_address(outcome.files[0]):  # GitHub looks for it in the checkout
        named = {"file": PurePath(outcome.files[0]).as_posix(), **named}
    properties = ",".join(f"{name}={_property(value)}" for name, value in named.items())
    message = f"{outcome.name}: {finding.subject}: {finding.message}"
    return f"::{finding.level} {properties}::{_command(message)}"


def _command(text: str) -> str:
    """Text of a workflow command: it cannot end the line, nor hold an escape of its own."""
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _command(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """Text of a SARIF message: no placeholder (3.11.5 of the standard), no link (3.11.6)."""
    return printable(text).replace("{", "{{").replace("}", "}}").replace("](", "\\](")


def _uri(path: str) -> str:
    if is_address(path):
        return quote(path, safe=":/@")
    pure = PurePath(path)
    if pure.is_absolute():
        return pure.as_uri()
    return quote(pure.as_posix(), errors="surrogateescape")  # a name on disk is any bytes
