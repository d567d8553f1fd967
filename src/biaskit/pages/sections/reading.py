"""Reading: how to read a page, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from biaskit.pages.contents import Contents
from biaskit.pages.figures import folded
from biaskit.pages.markup import Safe, el, lines, table
from biaskit.pages.numbers import number, whole
from biaskit.reports.words import name_in_words
from biaskit.store.version import __version__

__all__ = ["how_to_read", "where_from"]

_INTERVALS = (
    "An interval is the range of true gaps that the rows do not contradict: of many {level} "
    "intervals, {level} hold the truth. Where one holds parity, the difference could be chance; "
    "that does not show that there is none."
)
_SURELY = (
    "Surely means: beyond chance even though many numbers are looked at together (Holm's rule)."
)
_GAPS = (
    "A gap is not yet unfair treatment, and no gap is not yet fairness: a page shows what is, and "
    "not why. Look within groups, and at who is missing from the rows."
)
_AGREEING = "Metrics that measure the same in other units agree; they are no further evidence."
_SIDES = (
    "In formulas and readings, d is the value that a number is of, and a is what that is compared "
    "with."
)
_HOW = (_INTERVALS, _SURELY, _GAPS, _AGREEING)


def how_to_read(contents: Contents) -> Safe:
    """What intervals, parity and directions mean, and every metric that the page shows."""
    level = f"{100 * contents.confidence:g} %"
    told = [line.format(level=level) for line in _HOW]
    metrics = table(
        "The metrics of this page",
        ["Metric", "Name", "Formula", "Reading"],
        [[one.symbol, one.title, el("code", one.formula), one.reading] for one in contents.metrics],
        label="The metrics of this page",
        texts=(1, 2, 3),
    )
    return el(
        "section",
        el("h2", "How to read this", id="reading"),
        *(el("p", one) for one in told),
        folded(
            f"The {len(contents.metrics):,} metrics: names, formulas, readings",
            el("p", _SIDES),
            metrics,
        ),
    )


def where_from(contents: Contents, command: str | None, call: str, carried: str) -> Safe:
    """Data, choices and version, and the command and the call that make the page."""
    roles = contents.whole.roles
    shown: dict[str, Any] = {
        "Data": name_in_words(contents.name),
        "Rows": whole(contents.whole.rows),
        **{f"Role: {role}": name_in_words(_short(value)) for role, value in roles.given().items()},
        "Level of intervals": f"{100 * contents.confidence:g} %",
        "Seed": number(contents.seed, 0),
        "Made by": f"biaskit {__version__}",
        "Counts": carried,
    }
    parts = [item for name, value in shown.items() for item in (el("dt", name), el("dd", value))]
    return el(
        "section",
        el("h2", "Where it comes from", id="origin"),
        el("dl", *parts),
        el("p", "The same page, from the command line:") if command else None,
        el("pre", el("code", lines(command))) if command else None,
        el("p", "and from Python:" if command else "The same page, from Python:"),
        el("pre", el("code", lines(call))),
    )


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_short, value))
    if isinstance(value, Mapping):
        return "; ".join(f"{_short(key)}: {_short(one)}" for key, one in value.items())
    if isinstance(value, tuple):
        return " & ".join(map(_short, value))
    return str(value)
