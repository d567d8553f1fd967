"""Forms of the outcomes of a check, by the name that ``--format`` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from biaskit.gate.machines import as_gate_json, as_github, as_junit, as_sarif
from biaskit.gate.outcomes import Outcome
from biaskit.gate.people import as_text, markdown_summary
from biaskit.store.version import __version__

__all__ = ["FORMS", "Form", "Result"]


class Result(NamedTuple):
    """Result of a check: its outcomes."""

    outcomes: Sequence[Outcome]
    #: Named files that belong to no data set.
    unmatched: int
    strict: bool
    exit_code: int
    #: Whether people see the numbers that passed too, or findings alone.
    verbose: bool = False
    quiet: bool = False


class Form(NamedTuple):
    """A form of output: the suffix of a file's name that selects it, and the text of a result."""

    suffix: str
    text: Callable[[Result], str]


FORMS: Mapping[str, Form] = {
    "text": Form(
        ".txt",
        lambda one: as_text(one.outcomes, one.unmatched, verbose=one.verbose, quiet=one.quiet),
    ),
    "json": Form(
        ".json",
        lambda one: as_gate_json(one.outcomes, one.unmatched, __version__, one.exit_code),
    ),
    "junit": Form(".xml", lambda one: as_junit(one.outcomes, strict=one.strict)),
    "sarif": Form(".sarif", lambda one: as_sarif(one.outcomes, __version__)),
    "markdown": Form(".md", lambda one: markdown_summary(one.outcomes, one.unmatched)),
    "github": Form("", lambda one: as_github(one.outcomes, one.unmatched)),
}
