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
    those_in,
)

__all__ = ["first_screen", "headline"]

# Facets that are linked from the first screen, at most.
_MOST_LINKS = 30


def headline(contents: Contents) -> str:
    """The sentence that a page is about: a breach of a limit, else the largest sure difference."""
    place = _subject(contents)
    if place is not None:
        row = contents.rows[place]
        return one_in_words(contents.known[row.metric], contents.names, row, bare=True)
    findings = contents.summary.findings
    return next((one for one in findings if one.kind == "largest"), findings[0]).sentence


def _subject(contents: Contents) -> int | None:
    """The row that the headline is about.

    Where a report has one value, and that is surely in favour, there is no other to speak of.
    """
    breach = _breach(contents)
    if breach is not None:
        return breach
    leading = [
        i for i, row in enumerate(contents.rows) if contents.known[row.metric] is contents.leading
    ]
    if (
        contents.summary.headline is None
        and len(leading) == 1
        and contents.judged.is_sure[leading[0]]
    ):
        return leading[0]
    return contents.summary.headline


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
    outcomes = [name_in_words(one) for one in (roles.label, roles.predicted) if one is not None]
    what = f"{' and '.join(outcomes)} by {facets}" if outcomes else facets
    yield el("p", f"Bias report: {what}, in {name_in_words(contents.name)}", class_="mute")
    yield el("h1", headline(contents))
    yield _number(contents)
    said, about = headline(contents), (_subject(contents),)
    told = [
        one.sentence
        for one in contents.summary.findings
        if one.sentence != said and (one.kind, one.rows) != ("largest", about)
    ]
    yield el("ul", *(el("li", sentence) for sentence in told), id="summary") if told else None
    yield _gate(contents)
    yield el("p", _what_was_read(contents))
    yield _links(contents)


def _number(contents: Contents) -> Safe | None:
    """The number of the headline, with its metric, value, interval and parity."""
    place = _subject(contents)
    if place is None:
        return None
    row = contents.rows[place]
    metric = contents.known[row.metric]
    words = interval_in_words(metric, row)
    return el(
        "p",
        el("strong", f"{row.metric} {number(row.estimate)}"),
        f" for {those_in(row.facet, row.value)}; "
        f"{100 * row.confidence:g} % interval {interval(row.low, row.high)}; "
        f"{number(metric.parity, 0)} would be no difference."
        if words
        else f" for {those_in(row.facet, row.value)}.",
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
    many = len(contents.checked)
    of = "1 number with a limit" if many == 1 else f"{many:,} numbers with limits"
    told = f"Of {of}, {', '.join(parts)}"
    return el("p", f"{told}, judged together (Holm). ", el("a", "See the limits", href="#limits"))


def _what_was_read(contents: Contents) -> str:
    counts = contents.whole
    about = "" if counts.protected is None else "About "
    roles, parts = counts.roles, [f"{about}{counts.rows:,} rows were read."]
    if contents.dated:
        last = name_in_words(contents.dated[-1].name)
        told = (
            f"the {counts.rows:,} rows of {last}, the last of {len(contents.dated):,} dated counts"
        )
        parts = [f"All is about {told}, but for the charts over time."]
    table = next(iter(counts.shown_tables.values()))
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
    if counts.protected is not None:
        told = counts.protected.text.capitalize()
        parts.append(f"{told}, and intervals hold for all counts that look so.")
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
