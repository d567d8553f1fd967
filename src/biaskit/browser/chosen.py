"""Chosen: what is compared and shown of counts, without another pass over the rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from biaskit.browser.asked import Asked
from biaskit.browser.passed import errors_of, facets_of, numbers_of
from biaskit.browser.records import FieldError
from biaskit.counts.arguments import KEYWORDS
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import MISSING, Level, find, is_missing, show
from biaskit.errors import BiaskitError, RolesError
from biaskit.gate.limits import limits_of
from biaskit.metrics import EVERY, USUAL, Metric
from biaskit.reports.numbers import not_given
from biaskit.reports.words import name_in_words

__all__ = [
    "LEVELS",
    "Chosen",
    "chosen_of",
    "compared_facets",
    "has_decisions",
    "known_labels",
    "known_predictions",
    "natural_of",
    "refuse_unknown_range",
    "scores_beyond",
    "sides_are_needed",
]

#: Levels of intervals that are offered.
LEVELS = ("0.8", "0.9", "0.95", "0.99")


@dataclass(frozen=True)
class Chosen:
    """Counts with all choices made, and what is shown of them."""

    counts: Counts
    metrics: list[Metric] | None = None
    limits: Mapping[str, float | list[float]] | None = None
    confidence: float = 0.95
    round_to: int | None = None
    #: Scores above it are the positive predictions.
    threshold: float | None = None


def compared_facets(counts: Counts, asked: Asked) -> list[Facet]:
    """Facets that are compared, without the one that is there for its slices only."""
    wanted = facets_of(asked)
    found = [facet for facet in counts.roles.facet if facet in wanted]
    return found or [*counts.roles.facet]


def known_labels(counts: Counts) -> tuple[Level, ...]:
    """Labels that occur, but the missing one; none without labels."""
    table = next(iter(counts.shown_tables.values()))
    is_there = counts.roles.label is not None
    return tuple(one for one in table.levels.label if one is not MISSING) if is_there else ()


def known_predictions(counts: Counts) -> tuple[Level, ...]:
    """Predictions that occur, but the missing one; none without predictions."""
    table = next(iter(counts.shown_tables.values()))
    is_there = counts.roles.predicted is not None
    return tuple(one for one in table.levels.predicted if one is not MISSING) if is_there else ()


def natural_of(known: Sequence[Level]) -> tuple[Level, ...]:
    """Positive values by biaskit's own default, where nothing can be misread; else none."""
    if known and all(isinstance(one, bool) for one in known):
        return (True,)
    if known and all(type(one) is int and one in (0, 1) for one in known):
        return (1,)
    return ()


def sides_are_needed(counts: Counts) -> tuple[bool, bool]:
    """Whether it has to be said which labels, and which predictions, are positive."""
    labels, predictions = known_labels(counts), known_predictions(counts)
    roles = counts.roles
    of_labels = bool(labels) and roles.positive_above is None
    if not predictions or roles.predicted_above is not None:
        return of_labels, False
    share_values = {*map(show, labels)} & {*map(show, predictions)}
    return of_labels, not share_values


def has_decisions(counts: Counts) -> bool:
    """Whether decisions follow from a threshold of the scores."""
    return counts.roles.score is not None and counts.roles.predicted is None


def scores_beyond(counts: Counts) -> int:
    """Number of rows whose score lies outside the range that was counted in."""
    if not counts.scores:
        return 0
    rows = next(iter(counts.scores.values())).n
    return int(rows[..., 0].sum() + rows[..., -1].sum())


def refuse_unknown_range(counts: Counts, asked: Asked) -> None:
    """Refuse scores that leave the range which is taken where nobody gave one.

    Raises
    ------
    FieldError
        Some do; the range is to be given.
    """
    beyond = scores_beyond(counts)
    if not beyond or asked.one("range") or not asked.one("score"):
        return
    edges = next(iter(counts.scores.values())).edges
    told = (
        f"{beyond:,} of {counts.rows:,} scores are not between {edges.low:g} and {edges.high:g}. "
        "Give the least and the greatest score that there can be, such as 0, 100."
    )
    raise FieldError({"range": told})


def chosen_of(counts: Counts, asked: Asked) -> Chosen:
    """Counts with the choices that were asked for, and what is shown of them.

    Raises
    ------
    FieldError
        A choice is missing or invalid.
    """
    refuse_unknown_range(counts, asked)
    wrong: dict[str, str] = {}
    given: dict[str, Any] = {"facet": [one.given for one in compared_facets(counts, asked)]}
    _positive(counts, asked, given, wrong)
    _sides(counts, asked, given, wrong)
    threshold = _threshold(counts, asked, wrong)
    confidence = _level(asked, wrong)
    round_to = _rounding(counts, asked, wrong)
    limits = _limits(asked, wrong)
    if wrong:
        raise FieldError(wrong)
    known = [EVERY[one] for one in asked.each("metric") if one in EVERY]
    try:
        made = counts.choosing(**given)
        if threshold is not None:
            made = made.at_threshold(threshold)
        if round_to is not None:
            made = made.protect(round_to)
    except BiaskitError as error:
        raise FieldError(errors_of(error, asked)) from error
    able = known or [one for one in USUAL.values() if not not_given(one, made.roles)]
    symbols = {one.symbol for one in able}
    limits = {symbol: limit for symbol, limit in limits.items() if symbol in symbols}
    return Chosen(made, known or None, limits or None, confidence, round_to, threshold)


def _positive(counts: Counts, asked: Asked, given: dict[str, Any], wrong: dict[str, str]) -> None:
    needed = dict(zip(("positive", "predicted_positive"), sides_are_needed(counts), strict=True))
    known = {"positive": known_labels(counts), "predicted_positive": known_predictions(counts)}
    chosen_before = {name: getattr(counts.roles, name) for name in needed}
    for name, is_needed in needed.items():
        if not is_needed:
            continue
        wanted = asked.each(name) or tuple(map(show, chosen_before[name] or ()))
        found = _found(name, wanted, known[name], wrong)
        if not wanted:
            if not natural_of(known[name]):
                wrong[name] = "Choose the outcome that people would rather have."
        elif len({*found}) == len(known[name]) > 1:
            wrong[name] = "Every outcome is ticked; leave at least one that is not the good one."
        elif found:
            given[name] = [*found]


def _found(
    field: str, wanted: Iterable[str], known: Sequence[Level], wrong: dict[str, str]
) -> list[Level]:
    found = []
    for one in wanted:
        try:
            found.append(find(one, known))
        except LookupError:
            wrong[field] = f"{name_in_words(one)} does not occur here; choose one that does."
    return found


def _sides(counts: Counts, asked: Asked, given: dict[str, Any], wrong: dict[str, str]) -> None:
    """Values of side d, and references, by facet."""
    on_d, references = asked.after("d."), asked.after("reference.")
    values: dict[Any, list[Any]] = {}
    of_a: dict[Any, Any] = {}
    for facet in compared_facets(counts, asked):
        known = [one for one in counts.shown_tables[facet].levels.facet if not is_missing(one)]
        wanted = on_d.get(facet.name, ())
        found = _found(f"d.{facet.name}", wanted, known, wrong)
        if len({*found}) == len(known) > 0:
            wrong[f"d.{facet.name}"] = "Every value is ticked, so nobody is left to compare with."
        elif found:
            values[facet.given] = [_plain(one) for one in found]
        if not (named := references.get(facet.name, ())):
            continue
        (reference,) = named
        if reference in KEYWORDS:
            of_a[facet.given] = reference
            continue
        for one in _found(f"reference.{facet.name}", [reference], known, wrong):
            if one in found:
                wrong[f"reference.{facet.name}"] = (
                    f"{name_in_words(reference)} is ticked as the value to look at; it cannot be "
                    "what that is compared with, too."
                )
            of_a[facet.given] = _plain(one)
    if values:
        given["facet_values"] = values
    if of_a:
        given["reference"] = of_a


def _plain(one: Level) -> Any:
    """A level as roles take it: an interval or a combination by its text."""
    return one if isinstance(one, (str, int, float)) else show(one)


def _threshold(counts: Counts, asked: Asked, wrong: dict[str, str]) -> float | None:
    if not asked.one("threshold") or not has_decisions(counts):
        return None
    numbers = numbers_of(asked.one("threshold"))
    if numbers is None or len(numbers) != 1:
        wrong["threshold"] = "Give one number, such as 0.5."
        return None
    edges = next(iter(counts.scores.values())).edges
    if not edges.low <= numbers[0] <= edges.high:
        wrong["threshold"] = f"Give a number from {edges.low:g} to {edges.high:g}."
        return None
    near = edges.values[edges.nearest(numbers[0])]
    return float(near)


def _level(asked: Asked, wrong: dict[str, str]) -> float:
    numbers = numbers_of(asked.one("confidence") or "0.95")
    if numbers is None or len(numbers) != 1 or not 0.5 <= numbers[0] < 1:
        wrong["confidence"] = "Give a level from 0.5 to below 1, such as 0.95."
        return 0.95
    return numbers[0]


def _rounding(counts: Counts, asked: Asked, wrong: dict[str, str]) -> int | None:
    text = asked.one("round_to")
    if not text:
        return None
    if counts.protected is not None:
        wrong["round_to"] = "These counts are protected already."
    elif counts.roles.weight is not None or counts.roles.score is not None:
        what = "weighted rows" if counts.roles.weight is not None else "scores"
        wrong["round_to"] = f"Counts of {what} cannot be protected; leave this empty."
    elif not text.isascii() or not text.isdigit() or not 3 <= int(text[:6]) <= 10_000:
        wrong["round_to"] = "Give a whole number from 3 to 10,000, such as 11."
    else:
        return int(text)
    return None


def _limits(asked: Asked, wrong: dict[str, str]) -> dict[str, float | list[float]]:
    """Limits by metric: a distance from parity, or the least and the greatest value."""
    made: dict[str, float | list[float]] = {}
    each = {name: asked.after(name) for name in ("limit.", "least.", "most.")}
    for symbol, metric in EVERY.items():
        found = {
            name: (f"{name}{symbol}", numbers_of(values[symbol][0]))
            for name, values in each.items()
            if symbol in values
        }
        for field, numbers in found.values():
            if numbers is None or len(numbers) != 1:
                wrong[field] = "Give one number, such as 0.1."
        if not found or any(field in wrong for field, _ in found.values()):
            continue
        one = {name: (numbers or (math.nan,))[0] for name, (_, numbers) in found.items()}
        low, high = metric.bounds
        if "limit." in one:
            made[symbol] = one["limit."]
        else:
            made[symbol] = [one.get("least.", low), one.get("most.", high)]
        try:
            limits_of({symbol: made[symbol]})
        except RolesError as error:
            told, *_ = str(error).split(" A range is ")  # which is how programs write it
            wrong[next(field for field, _ in found.values())] = f"{told[0].upper()}{told[1:]}"
    return made
