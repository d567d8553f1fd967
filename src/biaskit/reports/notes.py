"""Notes: why a number of a report is undefined, rests on little, or needs care."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from biaskit.metrics import Metric
from biaskit.reports.numbers import Asked, Compared, Numbers, not_given

__all__ = ["NOT_COMPUTED", "notes_of"]

#: How the note of a metric begins that lacks a column.
NOT_COMPUTED = "not computed"

# Fewer rows than this on a side get a note: their interval is wide, and rests on little.
_FEW_ROWS = 10


def notes_of(
    metric: Metric, found: Mapping[Metric, Numbers], of: Compared, asked: Asked
) -> list[str]:
    """Note on each comparison of a metric, beside which others were `found`."""
    own = found[metric]
    if own.remarks:
        return [_of_rows(metric, own, i) for i in range(len(own.remarks))]
    if missing := not_given(metric, of.roles):
        what = "list of features" if missing[0] == "features" else f"{missing[0]} column"
        return [f"{NOT_COMPUTED} without a {what}: give {missing[0]}="] * len(own.n_a)
    notes = _of_counts(metric, own, of, asked)
    without = next((one for one in found if one.symbol == metric.without_groups), None)
    if without is not None:
        for i, note in enumerate(notes):
            if change := _change_within_groups(found[without], own, i):
                told = f"the disparity of {metric.without_groups} {change} within groups"
                notes[i] = _joined(told, note)
    return notes


def _of_rows(metric: Metric, own: Numbers, i: int) -> str:
    is_undefined = math.isnan(own.estimate[i]) and own.n_a[i] and own.n_d[i]
    why = f"undefined: {metric.undefined}" if is_undefined else ""
    few = _few("a", int(own.n_a[i])), _few("d", int(own.n_d[i]))
    return _joined(*few, why, *own.remarks[i], "no interval")


def _of_counts(metric: Metric, own: Numbers, of: Compared, asked: Asked) -> list[str]:
    sides = of.sides(metric)
    remarks = metric.remark(sides.a, sides.d) if metric.remark else [""] * len(own.n_a)
    labels = (sides.a.by_label + sides.d.by_label) > 0
    constant = np.count_nonzero(labels, axis=-1) == 1
    too_many = (
        asked.confidence is not None
        and metric.is_drawn
        and sides.is_too_large_to_draw(asked.confidence)
    )
    made = []
    for i, remark in enumerate(remarks):
        known = own.n_a[i] > 0 and own.n_d[i] > 0
        notes = [_few("a", int(own.n_a[i])), _few("d", int(own.n_d[i]))]
        if math.isnan(own.estimate[i]):
            notes.append(f"undefined: {metric.undefined}" if known else "")
        else:
            notes.append(remark)
            notes.append("no interval: too many cells to draw" if too_many else "")
            approximate = sides.squares is not None and not math.isnan(own.low[i])
            notes.append("weighted: the interval is approximate" if approximate else "")
        if constant[i] and "label" in metric.needs and known:
            notes.append(f"every known {of.roles.label} is the same")
        made.append(_joined(*notes))
    return made


def _few(side: str, n: int) -> str:
    if n >= _FEW_ROWS:
        return ""
    return f"{['no rows', 'one row'][n] if n < 2 else f'only {n} rows'} on side {side}"


def _change_within_groups(whole: Numbers, within: Numbers, i: int) -> str:
    """What becomes within groups of a disparity that is beyond chance without them."""
    sign = np.sign(whole.estimate[i])
    if np.isnan(whole.low[i]) or whole.low[i] <= 0 <= whole.high[i]:
        return ""
    if within.low[i] <= 0 <= within.high[i]:
        return "disappears"
    return "reverses" if np.sign(within.estimate[i]) == -sign else ""


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
