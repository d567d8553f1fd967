"""Choices: the step on which it is said which outcome is the good one, and who is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from biaskit.browser.asked import Asked, has_room
from biaskit.browser.chosen import (
    compared_facets,
    has_decisions,
    known_labels,
    known_predictions,
    natural_of,
    refuse_unknown_range,
    scores_beyond,
    sides_are_needed,
)
from biaskit.browser.forms import (
    Choice,
    button,
    check_boxes,
    described_by,
    field_id,
    field_text,
    form,
    hidden,
    radio_buttons,
    text_field,
    with_errors_first,
    wrong_with,
)
from biaskit.browser.records import Shown
from biaskit.browser.steps.document import trail
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import Level, is_missing, show
from biaskit.pages.markup import Safe, el, table
from biaskit.pages.numbers import percent, whole
from biaskit.reports.words import name_in_words, value_in_words

__all__ = ["choices_shown", "notes_on", "threshold_field"]

# Values that are offered to be compared, those with most rows.
_MOST = 100
_MOST_OUTCOMES = 200
# Numbers from which on an outcome is rather an amount.
_MANY_NUMBERS = 12


def choices_shown(
    counts: Counts, asked: Asked, errors: Mapping[str, str] | None = None, *, name: str
) -> Shown:
    """Third step: which outcome is the good one, and who is compared with whom.

    All of it is chosen from the counts, so nothing is read again.

    Raises
    ------
    FieldError
        Scores lie outside their range, which is to be given first.
    """
    refuse_unknown_range(counts, asked)
    errors = errors or {}
    title = "Which outcome is the good one?"
    needed = sides_are_needed(counts)
    if not any(needed):
        title = "Who is compared with whom?"
    facets = compared_facets(counts, asked)
    own = {"positive", "predicted_positive", "threshold", "then"}
    own |= {f"{of}{facet.name}" for facet in facets for of in ("d.", "reference.")}
    body = with_errors_first(
        errors,
        el("h1", title),
        el("p", f"{whole(counts.rows)} rows of {name_in_words(name)} were counted."),
        *notes_on(counts, asked, facets),
        form(
            "report",
            hidden(asked.without(*own)),
            _labels(counts, asked, errors) if needed[0] else _cut_label(counts),
            _predictions(counts, asked, errors) if needed[1] else None,
            threshold_field(counts, asked, errors) if has_decisions(counts) else None,
            _sides(counts, asked, facets, errors, is_open=not any(needed)),
            el("p", button("Show the report")),
        ),
    )
    status = 422 if errors else 200
    return Shown(title, body, status, trail(asked, "choose"))


def notes_on(counts: Counts, asked: Asked, facets: Sequence[Facet]) -> list[Safe]:
    """What makes a report say little or nothing, with a way out."""
    told, back = [], el("a", "Choose other columns", href=asked.address("columns"))
    if not counts.rows:
        told.append("The table has no rows, so there is nothing to compare. ")
    labels = known_labels(counts)
    if _are_amounts(labels):
        name = name_in_words(counts.roles.label or "")
        told.append(
            f"{name} has {len(labels):,} different numbers. If it is an amount, go back and give "
            "the number above which it is good. "
        )
    if counts.rows and counts.roles.positive_above is not None:
        labels = tuple(one for one in labels if _rows_by(counts, "label")[one])
    if counts.rows and counts.roles.label is not None and len(labels) < 2:
        name = name_in_words(counts.roles.label)
        what = f"Every row has the same {name}, {value_in_words(show(labels[0]))}" if labels else ""
        why = what or f"No row has a value of {name}"
        told.append(f"{why}, so it cannot differ between groups. ")
    if beyond := scores_beyond(counts):
        edges = next(iter(counts.scores.values())).edges
        told.append(
            f"{beyond:,} of {counts.rows:,} scores are not between {edges.low:g} and "
            f"{edges.high:g}, so what is said of scores and thresholds may be wrong. "
        )
    for facet in facets:
        known = [one for one in counts.shown_tables[facet].levels.facet if not is_missing(one)]
        if counts.rows and len(known) < 2:
            has = f"only the value {value_in_words(show(known[0]))}" if known else "no value"
            name = name_in_words(facet.name)
            told.append(f"{name} has {has}, so there is nobody to compare with. ")
    return [el("p", el("strong", "Please note: "), one, back, class_="note") for one in told]


def _are_amounts(labels: Sequence[Level]) -> bool:
    """Whether labels are more numbers than anybody would tick."""
    return len(labels) > _MANY_NUMBERS and all(isinstance(one, (int, float)) for one in labels)


def _rows_by(counts: Counts, axis: str) -> dict[Level, int]:
    """Rows by level of the label or the prediction."""
    of = next(iter(counts.shown_tables.values()))
    place = of.levels._fields.index(axis)
    others = tuple(i for i in range(of.n.ndim) if i != place)
    return dict(zip(getattr(of.levels, axis), of.n.sum(axis=others).tolist(), strict=True))


def _labels(counts: Counts, asked: Asked, errors: Mapping[str, str]) -> Safe:
    column = name_in_words(counts.roles.label or "")
    legend = f"The good outcome is: {column} ="
    chosen = asked.each("positive") or tuple(map(show, counts.roles.positive or ()))
    known, rows = known_labels(counts), _rows_by(counts, "label")
    return _outcomes("positive", legend, known, rows, chosen, errors)


def _predictions(counts: Counts, asked: Asked, errors: Mapping[str, str]) -> Safe:
    column = name_in_words(counts.roles.predicted or "")
    legend = f"The good decision of the model is: {column} ="
    name = "predicted_positive"
    chosen = asked.each(name) or tuple(map(show, counts.roles.predicted_positive or ()))
    known, rows = known_predictions(counts), _rows_by(counts, "predicted")
    return _outcomes(name, legend, known, rows, chosen, errors)


def _outcomes(
    name: str,
    legend: str,
    known: Sequence[Level],
    rows: Mapping[Level, int],
    chosen: Sequence[str],
    errors: Mapping[str, str],
) -> Safe:
    """Which of several outcomes are good, with the rows of each; nothing guesses it."""
    every = sum(rows.values())
    natural = natural_of(known)
    hint = "The one that people would rather have."
    if natural and not chosen:
        chosen = tuple(map(show, natural))
        hint = (
            f"{show(natural[0])} is taken unless you say otherwise. If it is the bad outcome, such "
            "as an arrest, choose the other."
        )
    most = sorted(known, key=lambda one: -rows[one])[:_MOST_OUTCOMES]
    shown = [one for one in known if has_room(show(one)) and (one in most or show(one) in chosen)]
    choices = [
        Choice(
            show(one),
            value_in_words(show(one)),
            f"{whole(rows[one])} rows, {percent(rows[one] / every, 1)}" if every else None,
        )
        for one in shown
    ]
    if len(known) > 2:
        more = "" if len(shown) == len(known) else f" The {len(shown)} most frequent are here."
        hint = f"{hint} Tick several if several are good.{more}"
        return check_boxes(name, legend, choices, chosen, errors, hint=hint)
    return radio_buttons(name, legend, choices, chosen[0] if chosen else None, errors, hint=hint)


def _cut_label(counts: Counts) -> Safe | None:
    roles = counts.roles
    if roles.label is None or roles.positive_above is None:
        return None
    return el(
        "p", f"The good outcome is: {name_in_words(roles.label)} above {roles.positive_above:g}."
    )


def threshold_field(counts: Counts, asked: Asked, errors: Mapping[str, str]) -> Safe:
    """Threshold of the scores, as a number and on a slider."""
    edges = next(iter(counts.scores.values())).edges
    width = (edges.high - edges.low) / 100
    return text_field(
        "threshold",
        "A score is a yes above",
        asked.one("threshold"),
        errors,
        size=8,
        numeric=True,
        slider=(edges.low, edges.high, max(float(edges.step), width)),
        hint=f"A number from {edges.low:g} to {edges.high:g}. Without one, scores are compared, "
        "and no decisions.",
    )


def _sides(
    counts: Counts,
    asked: Asked,
    facets: Sequence[Facet],
    errors: Mapping[str, str],
    *,
    is_open: bool,
) -> Safe:
    names = [f"{of}{facet.name}" for facet in facets for of in ("d.", "reference.")]
    is_open = is_open or any(map(asked.each, names)) or not errors.keys().isdisjoint(names)
    return el(
        "details",
        el("summary", "Who is compared with whom? (each with all others, unless you choose)"),
        *(_side(counts, asked, facet, errors) for facet in facets),
        open=is_open,
        class_="more",
    )


def _side(counts: Counts, asked: Asked, facet: Facet, errors: Mapping[str, str]) -> Safe:
    """Table of the values of a facet, with a box and a radio button for each."""
    of = counts.shown_tables[facet]
    rows = dict(zip(of.levels.facet, of.n.sum(axis=(1, 2, 3)).tolist(), strict=True))
    known = [one for one in rows if not is_missing(one)]
    every = sum(rows[one] for one in known)
    on_d, reference = f"d.{facet.name}", f"reference.{facet.name}"
    chosen = {*asked.each(on_d), *asked.each(reference)}
    most = {*sorted(known, key=lambda one: -rows[one])[:_MOST]}
    shown = [one for one in known if has_room(show(one)) and (one in most or show(one) in chosen)]
    name = name_in_words(facet.name)
    nobody = _choice("radio", reference, None, asked, f"{name}: compare with all others")
    lines: list[list[object]] = [["all others", "", "", "", nobody]]
    for one in shown:
        told = value_in_words(show(one))
        lines.append(
            [
                told,
                whole(rows[one]),
                percent(rows[one] / every, 1) if every else "",
                _choice("checkbox", on_d, show(one), asked, f"{name}: look at {told}"),
                _choice("radio", reference, show(one), asked, f"{name}: compare with {told}"),
            ]
        )
    missing = sum(n for one, n in rows.items() if is_missing(one))
    left_out = len(known) - len(shown)
    hint = (
        "Without a tick each value is looked at in turn. Ticked values are looked at together. "
        "They are compared with all others, or with the one that is marked on the right."
    )
    if left_out:
        hint += f" The {len(shown)} values with most rows are here, {left_out:,} are not."
    if missing:
        hint += f" {whole(missing)} rows lack a value and are on no side."
    made = table(
        f"Values of {name}",
        ["Value", "Rows", "Share", "Look at", "Compare with"],
        lines,
        label=f"Values of {name}",
    )
    return el(
        "fieldset",
        el("legend", f"By {name}"),
        el("p", hint, class_="hint"),
        wrong_with(on_d, errors),
        wrong_with(reference, errors),
        made,
        id=field_id(on_d),
        aria_describedby=described_by(on_d, None, errors),
        class_="sides",
    )


def _choice(kind: str, field: str, value: str | None, asked: Asked, label: str) -> Safe:
    is_chosen = not asked.each(field) if value is None else value in asked.each(field)
    return el(
        "input",
        type=kind,
        name=field_text(field),
        value=field_text(value),
        checked=is_chosen,
        aria_label=label,
        id=field_id(field, "" if value is None else f"={value}"),
    )
