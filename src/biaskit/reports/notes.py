"""Notes: why a number of a report is undefined, rests on few rows, or needs care."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from biaskit.counts.levels import show
from biaskit.counts.references import Reference
from biaskit.metrics import Metric
from biaskit.reports.numbers import Asked, Compared, Numbers, not_given
from biaskit.reports.scored import note_on_scores
from biaskit.reports.sides import Sides
from biaskit.reports.within import DISAPPEARS, REVERSES, Gap, change_within

__all__ = ["NOT_COMPUTED", "notes_of", "of_outcome"]

#: First words of the note on a metric that lacks a column.
NOT_COMPUTED = "not computed"

_NO_BOUNDS = "no interval, since bounds of this metric are not known"

# Fewer rows than this on a side get a note: the interval is wide and less reliable.
_FEW_ROWS = 10


def notes_of(
    metric: Metric, found: Mapping[Metric, Numbers], of: Compared, asked: Asked
) -> list[str]:
    """Note on each comparison of a metric, given the other metrics that were `found`."""
    own = found[metric]
    against = _reference(of.comparisons.reference)
    if own.remarks:
        return [_joined(_of_rows(metric, own, i), against) for i in range(len(own.remarks))]
    if missing := not_given(metric, of.roles):
        what = "list of features" if missing[0] == "features" else f"{missing[0]} column"
        note = (
            f"{NOT_COMPUTED} without a {what}: give {missing[0]}={of_outcome(metric, missing[0])}"
        )
        return [note] * len(own.n_a)
    notes = _of_counts(metric, own, of, asked)
    if metric.is_of_scores and of.scores is not None:
        odd = note_on_scores(of.scores)
        return [_joined(note, odd, against) for note in notes]
    without = next((one for one in found if one.symbol == metric.without_groups), None)
    if without is not None:
        gaps = zip(_gaps(own), _gaps(found[without]), strict=True)
        for i, (within, whole) in enumerate(gaps):
            sure = _is_apart(within), _is_apart(whole)
            change = change_within(within, whole, without, *sure)
            if change in (DISAPPEARS, REVERSES):
                told = f"by their own intervals, the disparity of {without.symbol} {change}"
                notes[i] = _joined(f"{told} within groups", notes[i])
    return [_joined(note, against) for note in notes] if against else notes


def _reference(one: Reference | None) -> str:
    """What the row's value is compared with, if not with all others."""
    if one is None:
        return ""
    if not one.chosen:
        return f"compared with {show(one.level)} alone"
    larger = ": gaps look larger than to a reference named beforehand" if one.by_outcome else ""
    return f"compared with {show(one.level)} alone, chosen for {one.chosen}{larger}"


def of_outcome(metric: Metric, missing: str) -> str:
    """How to measure the outcome itself by a metric of predictions, where none are given."""
    if missing != "predicted" or "label" in metric.needs or metric.is_of_rows:
        return ""
    return "; to measure the outcome itself, give its column as predicted= and no label="


def _of_rows(metric: Metric, own: Numbers, i: int) -> str:
    is_undefined = math.isnan(own.estimate[i]) and own.n_a[i] and own.n_d[i]
    why = f"undefined: {metric.undefined}" if is_undefined else ""
    few = _few("a", int(own.n_a[i])), _few("d", int(own.n_d[i]))
    return _joined(*few, why, *own.remarks[i], "no interval")


def _of_counts(metric: Metric, own: Numbers, of: Compared, asked: Asked) -> list[str]:
    sides = of.sides(metric)
    remarks = metric.remark(sides.a, sides.d) if metric.remark else [""] * len(own.n_a)
    too_many = (
        asked.confidence is not None
        and metric.is_drawn
        and sides.is_too_large_to_draw(asked.confidence)
    )
    weighted = sides.is_weighted
    uncertain = _of_box(own, sides, of, asked)
    is_undefined = np.isnan(own.estimate)
    has_few = np.minimum(own.n_a, own.n_d) < _FEW_ROWS
    is_constant = sides.has_one_label & ("label" in metric.needs)
    # Of thousands of rows, most have nothing of their own to tell.
    made = [_joined(one, *uncertain) for one in remarks] if uncertain else [*remarks]
    for i in np.flatnonzero(is_undefined | has_few | is_constant | too_many | weighted).tolist():
        n_a, n_d = int(own.n_a[i]), int(own.n_d[i])
        known = n_a > 0 and n_d > 0
        notes = [_few("a", n_a), _few("d", n_d)]
        if is_undefined[i]:
            notes.append(f"undefined: {metric.undefined}" if known else "")
        else:
            notes.append(remarks[i])
            notes.append("no interval: too many cells to draw" if too_many else "")
            notes += uncertain
            approximate = weighted and not math.isnan(own.low[i])
            notes.append("weighted: the interval is approximate" if approximate else "")
        if is_constant[i] and known:
            notes.append(f"every known {of.roles.label} is the same")
        made[i] = _joined(*notes)
    return made


def _of_box(own: Numbers, sides: Sides, of: Compared, asked: Asked) -> list[str]:
    """What the interval allows for besides chance, or why there is none."""
    if sides.box is None:
        return []
    known = own.evidence is not None
    has_interval = known and asked.confidence is not None
    notes = []
    if of.protected is not None:
        notes.append(of.protected.text)
        notes.append("the interval holds for all counts that look so" if has_interval else "")
    if sides.n_unknown:
        rows = "1 row has" if sides.n_unknown == 1 else f"{sides.n_unknown:,} rows have"
        notes.append(f"{rows} no {of.facet.name}")
        notes.append("the interval holds whichever side they are on" if has_interval else "")
    return [*notes, "" if known else _NO_BOUNDS]


def _few(side: str, n: int) -> str:
    if n >= _FEW_ROWS:
        return ""
    return f"{['no rows', 'one row'][n] if n < 2 else f'only {n} rows'} on side {side}"


def _gaps(of: Numbers) -> list[Gap]:
    """Numbers of each comparison, as `change_within` takes them."""
    columns = (of.estimate, of.low, of.high, *of.rates, of.n_a, of.n_d)
    return [Gap(*numbers) for numbers in zip(*(one.tolist() for one in columns), strict=True)]


def _is_apart(gap: Gap) -> bool:
    return gap.low > 0 or gap.high < 0


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
