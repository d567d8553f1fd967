"""First screen: what the page says, the one number it rests on, and what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from biaskit.counts.comparisons import positive_labels
from biaskit.counts.levels import show
from biaskit.gate.verdicts import FAIL, PASS, UNCERTAIN
from biaskit.pages.contents import Contents
from biaskit.pages.figures import opener
from biaskit.pages.markup import Safe, el, ident
from biaskit.pages.numbers import interval, number
from biaskit.reports.words import (
    interval_in_words,
    name_in_words,
    one_in_words,
    value_in_words,
)

__all__ = ["first_screen", "headline"]

# Facets that are linked from the first screen, at most.
_MOST_LINKS = 30


def headline(contents: Contents) -> str:
    """The sentence that a page is about: a breach of a limit, else the largest sure difference."""
    row = _breach(contents)
    if row is None:
        row = contents.summary.headline
    if row is not None:
        metric = contents.known[contents.rows[row].metric]
        return one_in_words(metric, contents.names, contents.rows[row], bare=True)
    return contents.summary.findings[0].sentence


def _breach(contents: Contents) -> int | None:
    """The row outside of its limits that is farthest against its value.

    None where nothing is, or where the value of the summary's headline has one.
    """
    judged, headline = contents.judged, contents.summary.headline
    keys = {(one.row.facet, one.row.value, one.row.metric): one for one in contents.checked}
    failed = [
        i
        for i, row in enumerate(contents.rows)
        if (one := keys.get((row.facet, row.value, row.metric))) is not None
        and one.verdict == FAIL
        and judged.is_against(i)
    ]
    subject = None if headline is None else contents.rows[headline][1:3]
    if not failed or subject in [contents.rows[i][1:3] for i in failed]:
        return None
    return max(failed, key=judged.reach)


def first_screen(contents: Contents) -> Iterator[Safe | None]:
    """What a reader sees before scrolling."""
    roles = contents.whole.roles
    facets = ", ".join(name_in_words(facet.name) for facet in roles.facet)
    outcomes = [one for one in (roles.label, roles.predicted) if one is not None]
    what = f"{facets} and {' and '.join(map(name_in_words, outcomes))}" if outcomes else facets
    yield el("p", f"Bias report: {what}, in {name_in_words(contents.name)}", class_="mute")
    yield el("h1", headline(contents))
    yield _number(contents)
    findings = [one for one in contents.summary.findings if one.kind != "largest"]
    said = headline(contents)
    told = [one.sentence for one in findings if one.sentence != said]
    yield el("ul", *(el("li", sentence) for sentence in told), id="summary") if told else None
    yield _gate(contents)
    yield el("p", _what_was_read(contents))
    yield _links(contents)


def _number(contents: Contents) -> Safe | None:
    """The number of the headline, with its metric, value, interval and parity."""
    place = contents.summary.headline
    if place is None:
        return None
    row = contents.rows[place]
    metric = contents.known[row.metric]
    words = interval_in_words(metric, row)
    return el(
        "p",
        el("strong", f"{row.metric} {number(row.estimate)}"),
        f" for {name_in_words(row.facet)} = {value_in_words(row.value)}; "
        f"{100 * row.confidence:g} % interval {interval(row.low, row.high)}; "
        f"{number(metric.parity, 0)} would be no difference."
        if words
        else f" for {name_in_words(row.facet)} = {value_in_words(row.value)}.",
    )


def _gate(contents: Contents) -> Safe | None:
    """How many numbers with limits fail, pass and are uncertain."""
    if contents.limits is None:
        return None
    found = Counter(one.verdict for one in contents.checked)
    parts = [
        f"{found[FAIL]:,} fail{'s' if found[FAIL] == 1 else ''}",
        f"{found[UNCERTAIN]:,} {'is' if found[UNCERTAIN] == 1 else 'are'} uncertain",
        f"{found[PASS]:,} pass{'es' if found[PASS] == 1 else ''}",
    ]
    told = f"Of {len(contents.checked):,} numbers with limits, {', '.join(parts)}"
    return el("p", f"{told}, judged together (Holm). ", el("a", "See the limits", href="#limits"))


def _what_was_read(contents: Contents) -> str:
    counts = contents.whole
    roles, parts = counts.roles, [f"{counts.rows:,} rows were read."]
    table = next(iter(counts.tables.values()))
    positive = positive_labels(table.levels, roles)
    if positive:
        named = " or ".join(name_in_words(show(one)) for one in positive)
        column = name_in_words(roles.label or "")
        parts.append(
            f"Positive is {column} = {named}, and is taken for the good outcome; where it is the "
            "bad one, read every direction the other way round."
        )
    elif roles.predicted is not None and contents.has_positive:
        parts.append(
            "A positive prediction is taken for the good outcome; where it is the bad one, read "
            "every direction the other way round."
        )
    if roles.reference:
        named = ", ".join(
            f"{name_in_words(facet)} = {name_in_words(value)}"
            for facet, value in contents.names.references.items()
        )
        parts.append(f"Each value is compared with the reference alone ({named}).")
    else:
        parts.append("Each value is compared with all other known values together.")
    if roles.weight is not None:
        parts.append(f"Rows are weighted by {name_in_words(roles.weight)}.")
    if roles.frequency is not None:
        parts.append(f"Each row stands for {name_in_words(roles.frequency)} rows.")
    return " ".join(parts)


def _links(contents: Contents) -> Safe:
    facets = contents.whole.roles.facet
    links = [
        el("a", name_in_words(facet.name), href=f"#{ident('facet', facet.name)}")
        for facet in facets[:_MOST_LINKS]
    ]
    links += [
        el("a", "How to read this", href="#reading"),
        el("a", "Where it comes from", href="#origin"),
    ]
    items = [el("li", link) for link in links]
    return el(
        "nav",
        el("ul", *items, class_="links"),
        opener("Open all details"),
        aria_label="Parts of this page",
    )
