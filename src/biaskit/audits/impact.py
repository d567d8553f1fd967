"""Adverse impact: selection rates of every value of a facet beside those of one of them.

The figures are those by which US law compares selection rates (29 CFR 1607.4D, the Uniform
Guidelines on Employee Selection Procedures): the impact ratio and the four-fifths rule, standard
deviations, an exact test, shortfalls; and within groups, those of Mantel and Haenszel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from biaskit.audits.selections import Part, selected, steps_of
from biaskit.audits.two_rates import (
    FOUR_FIFTHS,
    after_one_swap,
    fisher_mid_p,
    to_reach,
    z_of,
)
from biaskit.counts.comparisons import Comparisons, comparisons
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import Level, show
from biaskit.counts.references import Outcomes
from biaskit.counts.roles import RoleArguments, Roles, takes_roles
from biaskit.counts.tables import Table, Tally, divide
from biaskit.errors import DataError, RolesError, refuse_level
from biaskit.intervals.figures import evidence_of, figures_of
from biaskit.intervals.holm import holm_adjusted
from biaskit.metrics import METRICS
from biaskit.metrics.groups import (
    breslow_day,
    chance_of,
    cochran_mantel_haenszel,
    groups_of,
    weights,
)
from biaskit.progress import Asked
from biaskit.sources.counting import counts_given
from biaskit.sources.files.dialect import dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ABOVE", "BELOW", "UNSURE", "Impact", "impact", "impact_in_words", "impact_rows"]

#: Where the whole interval of an impact ratio lies, seen from 0.8.
BELOW, ABOVE, UNSURE = "below", "above", "unsure"

# With fewer rows on a side than this, the normal approximation of z is poor.
_FEW_ROWS = 30
# Sentences about values whose ratio is surely below four fifths.
_MOST_NAMED = 5

_Floats = NDArray[np.float64]


class Impact(NamedTuple):
    """Table of adverse impact: its columns, and its rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


_COLUMNS = (
    *("facet", "value", "n", "selected", "rate", "impact_ratio", "low", "high", "z", "p_value"),
    *("p_adjusted", "shortfall", "to_reach", "after_one_swap", "z_after_one_swap", "odds_ratio"),
    *("h", "four_fifths"),
)
_WITHIN = (
    *("mh_odds_ratio", "mh_low", "mh_high", "mh_difference", "mh_shortfall", "cmh", "cmh_p"),
    *("cmh_corrected", "cmh_corrected_p", "breslow_day", "breslow_day_p"),
)


@takes_roles
def impact(
    data: Any,
    roles: Roles | None = None,
    *,
    steps: Sequence[Any] | None = None,
    confidence: float | None = 0.95,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: Asked = None,
    **given: Unpack[RoleArguments],
) -> pd.DataFrame:
    """Selection rates of every facet value beside those of one of them, and what they say.

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes, or a `Counts` (or the path of a saved one), as for
        `biaskit.report`.
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, frequency, positive, positive_above, predicted_above, \
predicted_positive, facet_values, reference, facet_above, facet_at_most, facet_edges, score, \
score_range, features
        The roles of the columns, as `Roles` takes them. A row is selected where its prediction is
        positive, or its label where nothing is predicted. `reference` is by default ``"highest"``:
        the value with the highest rate, among those with 2 % of the known rows or more. With a
        `group`, there are figures within groups as well. Weights are refused.
    steps
        Values of the label, in order, each the furthest step that a row has reached, such as
        ``["applied", "interviewed", "hired"]``. Each step then has its rows: who passes it, of
        those who reach it; the last rows are those from the first step to the last.
    confidence
        Level of the intervals, between 0 and 1; None for a table without them and without
        ``four_fifths``.
    csv
        How CSV files are written, as for `biaskit.count`.
    input_format, sheet
        Format of the files, and the sheet of a workbook, as for `biaskit.count`.
    filesystem
        Filesystem of pyarrow or fsspec that holds the paths.
    progress
        Whether a bar shows how far the call is, or a function that is told, as for `biaskit.count`.

    Returns
    -------
    pandas.DataFrame
        A row per facet and value, the reference too, with the columns ``facet, value, n, selected,
        rate, impact_ratio, low, high, z, p_value, p_adjusted, shortfall, to_reach, after_one_swap,
        z_after_one_swap, odds_ratio, h, four_fifths, n_missing, note``. With `steps`, ``step``
        stands before ``value``, and ``entered, passed`` in place of ``n, selected``. With a group,
        ``mh_odds_ratio, mh_low, mh_high, mh_difference, mh_shortfall, cmh, cmh_p, cmh_corrected,
        cmh_corrected_p, breslow_day, breslow_day_p`` stand before ``n_missing``. docs/impact.md
        explains each of them.

    Raises
    ------
    RolesError
        There is no outcome, rows are weighted, the roles contradict each other, or `steps` lacks a
        value of the label.
    DataError
        The data cannot be read, or have no rows.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"race": ["white"] * 80 + ["black"] * 40,
    ...                    "hired": [1] * 48 + [0] * 32 + [1] * 12 + [0] * 28})
    >>> made = biaskit.impact(df, facet="race", label="hired")
    >>> made[["value", "n", "selected", "rate", "four_fifths", "impact_ratio", "to_reach"]]
       value   n  selected  rate four_fifths  impact_ratio  to_reach
    0  black  40        12   0.3       below           0.5         6
    1  white  80        48   0.6                       1.0         0
    """
    if confidence is not None:
        refuse_level(confidence)
    dialect = dialect_of(csv, input_format, sheet)
    counts = counts_given(
        *(data, roles, given),
        dialect=dialect,
        filesystem=filesystem,
        progress=progress,
        refuse=lambda roles: _refuse_roles(roles, steps),
    )
    found = impact_rows(counts, steps, confidence)
    columns = zip(*found.rows, strict=True)
    return formats.frame(dict(zip(found.columns, map(list, columns), strict=True)))


def _refuse_roles(roles: Roles, steps: Sequence[Any] | None) -> None:
    if roles.label is None and roles.predicted is None:
        raise RolesError("impact compares who is selected; give label= or predicted=")
    if roles.weight is not None:
        raise RolesError(
            "impact counts people, and its tests are of whole numbers: leave weight out (a column "
            "of numbers of rows is frequency=), or ask biaskit.report for the metric LDI"
        )
    if steps is None:
        return
    if roles.label is None:
        raise RolesError("steps are values of the label: give label=, the furthest step of a row")
    if roles.positive is not None or roles.positive_above is not None:
        raise RolesError("steps say what is reached at each step; leave positive out")


def impact_rows(
    counts: Counts, steps: Sequence[Any] | None = None, confidence: float | None = 0.95
) -> Impact:
    """Rows of `impact` on some counts, as plain tuples.

    Raises
    ------
    RolesError
        There is no outcome, rows are weighted, or `steps` lacks a value of the label.
    DataError
        There are no rows.
    """
    roles = counts.roles
    _refuse_roles(roles, steps)
    if counts.protected is not None:
        raise RolesError(
            "impact tests exact numbers of people, and these counts are rounded: give the exact "
            "counts, or ask biaskit.report for the metrics LDI and OR"
        )
    if not counts.rows:
        raise DataError("there are no rows, so nobody is selected; is the table empty?")
    by_facet = {**dict.fromkeys(roles.facet, "highest"), **(roles.reference or {})}
    rows: list[tuple[Any, ...]] = []
    for facet in roles.facet:
        table = counts.tables[facet]
        parts = steps_of(table, roles, steps) if steps is not None else [selected(table, roles)]
        made: list[dict[str, Any]] = []
        for part in parts:
            sides = _compared(part, table, facet, roles, by_facet[facet])
            made += _of_part(part, sides, table, facet, confidence, roles.group is not None)
        _adjust(made)
        rows += [tuple(one.values()) for one in made]
    return Impact(_columns(has_steps=steps is not None, has_groups=roles.group is not None), rows)


def _columns(*, has_steps: bool, has_groups: bool) -> tuple[str, ...]:
    names = [*_COLUMNS, *(_WITHIN if has_groups else ()), "n_missing", "note"]
    if has_steps:
        names[1:1] = ["step"]
        names = [{"n": "entered", "selected": "passed"}.get(name, name) for name in names]
    return tuple(names)


def impact_in_words(found: Impact) -> list[str]:
    """What a table says about four fifths, in sentences: who is surely below, and who is not sure.

    >>> import biaskit
    >>> counts = biaskit.count(biaskit.datasets.berkeley(), facet="gender", label="decision",
    ...                        positive="admitted")
    >>> impact_in_words(impact_rows(counts))
    ['gender female: the rate is 30.4 %, 0.682 times that of the reference; the ratio is below 0.8 \
and its interval is too.']
    """
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    below = [row for row in rows if row["four_fifths"] == BELOW]
    made = [
        f"{', '.join(filter(None, [row.get('step'), row['facet']]))} {row['value']}: the rate is "
        f"{100 * row['rate']:.1f} %, {row['impact_ratio']:.3f} times that of the reference; the "
        "ratio is below 0.8 and its interval is too."
        for row in below[:_MOST_NAMED]
    ]
    if more := len(below) - len(made):
        made.append(f"So are those of {more:,} more row{'' if more == 1 else 's'}.")
    if unsure := sum(row["four_fifths"] == UNSURE for row in rows):
        made.append(
            f"For {unsure:,} row{'' if unsure == 1 else 's'} the interval of the ratio holds 0.8, "
            "so these data do not tell on which side of it the ratio lies."
        )
    return made


def _compared(
    part: Part, table: Table, facet: Facet, roles: Roles, reference: Level
) -> Comparisons:
    outcomes = Outcomes(part.tally.q, part.rows, "selected rows")
    return comparisons(
        table.levels.facet,
        table.n.sum(axis=(1, 2, 3)),
        facet,
        roles.replaced(reference={facet: reference}),
        outcomes,
    )


def _of_part(
    part: Part,
    made: Comparisons,
    table: Table,
    facet: Facet,
    confidence: float | None,
    has_groups: bool,
) -> list[dict[str, Any]]:
    """Rows of one facet, or of one of its steps; that of the reference at its place."""
    a, d = part.tally.together(made.on_a), part.tally.together(made.on_d)
    x, n, y, m = (np.asarray(one, dtype=np.int64) for one in (d.n1, d.n, a.n1, a.n))
    low, high = _ends("LDI", a, d, confidence)
    ratio, z_swapped = after_one_swap(x, n, y, m)
    head = {"facet": [facet.name] * len(n)}
    if part.step is not None:
        head["step"] = [part.step] * len(n)
    numbers: dict[str, Any] = {
        **head,
        "value": [*made.names],
        "n": n,
        "selected": x,
        "rate": d.q,
        "impact_ratio": METRICS["LDI"](a, d),
        "low": low,
        "high": high,
        "z": z_of(x, n, y, m),
        "p_value": fisher_mid_p(x, n, y, m),
        "p_adjusted": np.full(len(n), np.nan),
        "shortfall": METRICS["SF"](a, d),
        "to_reach": np.array(to_reach(x, n, y, m), dtype=object),
        "after_one_swap": ratio,
        "z_after_one_swap": z_swapped,
        "odds_ratio": METRICS["OR"](a, d),
        "h": METRICS["CH"](a, d),
        "four_fifths": [_seen(*ends) for ends in zip(low, high, strict=True)],
        **(_within(a, d, confidence) if has_groups else {}),
        "n_missing": [table.rows - int(part.rows.sum())] * len(n),
        "note": [*_notes(part, made, x, n, y, m)],
    }
    columns = {name: np.asarray(one).tolist() for name, one in numbers.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if made.reference is not None:
        place = table.levels.facet.index(made.reference.level)
        at = sum(int(np.argmax(side)) < place for side in made.on_d)
        rows.insert(at, _of_reference(rows[0], part, made, place))
    return rows


def _ends(symbol: str, a: Tally, d: Tally, confidence: float | None) -> tuple[_Floats, _Floats]:
    """Ends of the intervals of a metric; NaN where there is no level."""
    metric = METRICS[symbol]
    estimate = metric(a, d)
    if confidence is None:
        return np.full_like(estimate, np.nan), np.full_like(estimate, np.nan)
    form = metric.form_of(a, d)
    assert form is not None  # every metric of the library declares its proportions
    found = figures_of([evidence_of(form, estimate)], [math.nan], [metric.bounds], confidence)[0]
    return found.low, found.high


def _seen(low: float, high: float) -> str:
    """Where an interval lies, seen from four fifths."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return BELOW if high < FOUR_FIFTHS else ABOVE if low >= FOUR_FIFTHS else UNSURE


def _within(a: Tally, d: Tally, confidence: float | None) -> dict[str, Any]:
    """Columns of the figures within groups."""
    of = groups_of(a, d)
    low, high = _ends("MHOR", a, d, confidence)
    weight = weights(of)
    gaps = np.where(weight > 0, divide(of.a1, of.n_a) - divide(of.d1, of.n_d), 0.0)
    plain, corrected = (cochran_mantel_haenszel(of, corrected=one) for one in (False, True))
    statistic, _, p = breslow_day(of)
    found = (
        *(METRICS["MHOR"](a, d), low, high, METRICS["MHRD"](a, d), (weight * gaps).sum(axis=-1)),
        *(plain, chance_of(plain, 1), corrected, chance_of(corrected, 1), statistic, p),
    )
    return dict(zip(_WITHIN, found, strict=True))


def _notes(part: Part, made: Comparisons, x: Any, n: Any, y: Any, m: Any) -> Iterator[str]:
    """Note on each comparison: why a number is undefined, few rows, which reference it has."""
    against = ""
    if (reference := made.reference) is not None:
        chosen = f", chosen for {reference.chosen}" if reference.chosen else ""
        against = f"compared with {show(reference.level)}{chosen}"
    for d1, rows_d, a1, rows_a in zip(x, n, y, m, strict=True):
        parts = [
            "no rows" if not rows_d else "no rows to compare with" if not rows_a else "",
            _alike(d1 + a1, rows_d + rows_a) if rows_d and rows_a else "",
            "fewer than 30 rows on a side: read p_value, which is exact, and not z"
            if 0 < min(rows_d, rows_a) < _FEW_ROWS
            else "",
            against,
        ]
        others = int(part.rows.sum() - rows_d - rows_a)
        if reference is not None and len(made.names) == 1 and others:
            parts.append(f"{others:,} rows of other values are on neither side")
        yield "; ".join(filter(None, parts))


def _alike(chosen: int, rows: int) -> str:
    """What is undefined where both sides have one outcome only."""
    if not chosen:
        return "undefined: nobody is selected on either side"
    return "z is undefined: everybody is selected on both sides" if chosen == rows else ""


def _of_reference(
    like: Mapping[str, Any], part: Part, made: Comparisons, place: int
) -> dict[str, Any]:
    """Row of the reference itself: what it is, and that its ratio to itself is 1."""
    tally = part.tally.at(place)
    n, x = int(tally.n), int(tally.n1)
    reference = made.reference
    assert reference is not None
    has_rate = x > 0
    own: dict[str, Any] = {
        **dict.fromkeys(like, math.nan),
        "facet": like["facet"],
        **({"step": like["step"]} if "step" in like else {}),
        "value": show(reference.level),
        "n": n,
        "selected": x,
        "rate": float(tally.q),
        "impact_ratio": 1.0 if has_rate else math.nan,
        "shortfall": 0.0,
        "to_reach": 0,
        "odds_ratio": 1.0 if 0 < x < n else math.nan,
        "h": 0.0 if n else math.nan,
        "four_fifths": "",
        "n_missing": like["n_missing"],
        "note": _of_the_reference(reference.chosen, n, x),
    }
    return own


def _of_the_reference(chosen: str, n: int, x: int) -> str:
    why = f"the reference, chosen for {chosen}" if chosen else "the reference"
    if not n:
        return f"{why}; no rows"
    return why if x else f"{why}; undefined: nobody is selected"


def _adjust(rows: list[dict[str, Any]]) -> None:
    """Put the p-values that hold for all rows of a facet together, its steps included."""
    adjusted = holm_adjusted(np.array([row["p_value"] for row in rows]))
    for row, p in zip(rows, adjusted.tolist(), strict=True):
        row["p_adjusted"] = p
