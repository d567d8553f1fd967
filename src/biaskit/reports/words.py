"""Words: a metric for one facet value in a sentence, from its numbers and the names of columns."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from biaskit.counts.levels import level, show
from biaskit.counts.roles import Roles
from biaskit.metrics import Metric
from biaskit.metrics.metric import NEEDS
from biaskit.reports.report import Row
from biaskit.store.formats import printable

__all__ = [
    "Names",
    "called",
    "in_words",
    "interval_in_words",
    "name_in_words",
    "name_of",
    "names_of",
    "one_in_words",
    "sides_of",
    "those_in",
    "unknown_in_words",
    "value_in_words",
]

_OTHERS = "all others"
_REFERENCE = "the reference value"

# Rounding leaves at most this where there is no difference; a row makes a larger one.
_NOTHING = 1e-9

# Most characters of a name in a sentence.
_MOST_LETTERS = 80

# Value of a column that was cut, as a report shows it.
_NUMBER = r"-?[\d.]+(?:e[-+]?\d+)?"
_CUT = re.compile(
    rf"\((?P<low>{_NUMBER}), (?P<high>{_NUMBER})\]|<=(?P<most>{_NUMBER})|>(?P<above>{_NUMBER})"
)


class Names(NamedTuple):
    """What sentences call the columns of a report and its outcomes."""

    label: str = "the label"
    group: str = "the group"
    score: str = "the score"
    positive: str = "label is positive"
    negative: str = "label is not positive"
    weighted: bool = False
    #: Roles without a column; those that may lack one, where only a report is known.
    lacking: frozenset[str] = frozenset()
    is_guess: bool = False
    #: The value that alone is side a, by facet; where only a report is known, its name is not.
    references: Mapping[str, str] = {}
    #: The values of a facet that has two, each of which is all others of the other one.
    pairs: Mapping[str, tuple[str, str]] = {}


def names_of(roles: Roles) -> Names:
    """What sentences call the columns with these roles."""
    if roles.positive_above is not None:
        outcome = f"above {show(level(roles.positive_above))}"
    else:
        outcome = " or ".join(name_in_words(show(one)) for one in roles.positive or ("positive",))
    label = name_in_words(roles.label or "label")
    return Names(
        label=name_in_words(roles.label) if roles.label is not None else "the label",
        group=name_in_words(roles.group) if roles.group is not None else "the group",
        score=name_in_words(roles.score) if roles.score is not None else "the score",
        positive=f"{label} is {outcome}",
        negative=f"{label} is not {outcome}",
        weighted=roles.weight is not None,
        lacking=frozenset(
            need for need in NEEDS if need != "positive" and getattr(roles, need) is None
        ),
    )


def one_in_words(
    metric: Metric, names: Names, row: Row, largest: str = "", *, bare: bool = False
) -> str:
    """Sentence about one row; a `bare` one does not say whether it could be chance."""
    figures = _Figures(*(getattr(row, name) for name in _Figures._fields[:-1]))
    return _in_words(metric, names, sides_of(row, names), figures, largest, bare=bare)


def in_words(
    metric: Metric,
    roles: Roles,
    value: str,
    *,
    estimate: float,
    low: float = math.nan,
    high: float = math.nan,
    n_a: int | None = None,
    n_d: int | None = None,
    note: str = "",
    facet: str = "",
    rate_a: float = math.nan,
    rate_d: float = math.nan,
) -> str:
    """Sentence about a metric for one facet value, and whether it could be chance.

    The keywords are the fields of a row of a report. `facet` is needed where the roles have more
    than one.

    >>> from biaskit import METRICS
    >>> roles = Roles(facet="sex", label="paid", predicted="score")
    >>> in_words(METRICS["DPPL"], roles, "Female", estimate=0.12, rate_a=0.32, rate_d=0.2)
    'The share predicted positive is 20.0 % for those whose sex is Female, 12.0 points lower than \
the 32.0 % for all others.'
    >>> in_words(METRICS["DI"], roles, "Female", estimate=0.9, low=0.7, high=1.1)
    'The share predicted positive is 0.90 times as large for those whose sex is Female as for \
all others. That could be chance.'
    """
    if not facet and len(roles.facet) == 1:
        facet = roles.facet[0].name
    sides = Sides(those_in(facet, value) if facet else f"those in {value}")
    figures = _Figures(estimate, low, high, rate_a, rate_d, n_a, n_d, note)
    return _in_words(metric, names_of(roles), sides, figures)


class Sides(NamedTuple):
    """What sentences call side d and side a."""

    them: str
    others: str = _OTHERS


class _Figures(NamedTuple):
    """Numbers of a row that a sentence is made of."""

    estimate: float
    low: float
    high: float
    rate_a: float
    rate_d: float
    n_a: int | None
    n_d: int | None
    note: str = ""


def sides_of(row: Row, names: Names) -> Sides:
    """What sentences call the sides of a row."""
    others = _OTHERS
    if row.facet in names.references:
        others = those_in(row.facet, names.references[row.facet])
    elif row.value in (pair := names.pairs.get(row.facet, ())):
        others = those_in(row.facet, next((one for one in pair if one != row.value), row.value))
    elif row.n_other:
        others = _REFERENCE
    return Sides(those_in(row.facet, row.value), others)


def those_in(facet: str, value: str) -> str:
    """Rows that have a value of a facet.

    >>> those_in("age", "(25, 40]"), those_in("sex", "Female")
    ('those whose age is above 25 and at most 40', 'those whose sex is Female')
    """
    return f"those whose {name_in_words(facet)} is {value_in_words(value)}"


def value_in_words(value: str) -> str:
    """Value of a facet; that of a cut column in words, as a report shows it."""
    if found := _CUT.fullmatch(value):
        low, high = found["low"] or found["above"], found["high"] or found["most"]
        parts = (f"above {low}" if low else "", f"at most {high}" if high else "")
        return " and ".join(filter(None, parts))
    return name_in_words(value) or "empty"


def called(facet: str, value: str) -> str:
    """Value of a facet in a few words, with the facet where the value alone says nothing.

    >>> called("sex", "Female"), called("sex", "2"), called("age", "<=25")
    ('Female', 'sex 2', 'age at most 25')
    """
    told = value_in_words(value)
    return told if value[:1].isalpha() else f"{name_in_words(facet)} {told}"


def name_in_words(name: str) -> str:
    """Name or value on one line, cut where it is long."""
    return printable(name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 3]}...")


def _in_words(
    metric: Metric,
    names: Names,
    sides: Sides,
    of: _Figures,
    largest: str = "",
    *,
    bare: bool = False,
) -> str:
    """Sentence about a metric; a `bare` one does not say whether it could be chance."""
    them, others = sides
    if math.isnan(of.estimate):
        why = _why_undefined(metric, names, sides, of)
        return f"{name_of(metric)} is undefined for {them}: {why}."
    apart = of.low > metric.parity or of.high < metric.parity
    same = abs(of.estimate - metric.parity) < _NOTHING and not apart
    template = metric.sentence or _plain(metric)
    if math.isinf(of.estimate) and metric.endless:
        template = metric.endless
    of_each = metric.kind == "inequality" or "{compared}" in template or "{part_d}" in template
    if same and not of_each:
        told = f"{name_of(metric)}: {them} and {others} show no difference in these rows."
    else:
        told = template.format_map(
            {
                "them": them,
                "others": others,
                "label": names.label,
                "group": names.group,
                "score": names.score,
                "positive": names.positive,
                "negative": names.negative,
                **_figures(metric, of.estimate),
                **_directions(of.estimate > metric.parity, sides),
                **_parts(names, of),
                "compared": _compared(metric, of, sides, same),
                "largest": _largest(largest, of.estimate, sides),
            }
        )
    chance = metric.kind != "inequality" and of.low <= metric.parity <= of.high
    return f"{told} That could be chance." if chance and not bare else told


def unknown_in_words(names: Names, row: Row) -> str:
    """Sentence about a metric of which only the row is known."""
    name, (them, others) = name_in_words(row.metric), sides_of(row, names)
    if math.isnan(row.estimate):
        return f"{name} is undefined for {them}."
    if math.isinf(row.estimate):
        return f"{name} is infinite for {them}, compared with {others}."
    sign = "minus " if row.estimate < 0 else ""
    size = abs(row.estimate)
    told = f"{name} is {sign}{_number(size, size)} for {them}, compared with {others}."
    return f"{told} That could be chance." if row.p_value >= 1 - row.confidence else told


def interval_in_words(metric: Metric, row: Row, above: bool | None = None) -> str:
    """Interval of a row, in the units of its sentence and in the direction of its estimate.

    For the direction of another number, `above` says whether that is above parity.

    >>> from biaskit import METRICS
    >>> row = Row(*("pre-training", "sex", "F", "DPL", -0.2, -0.3, -0.1, 0.0, 0.95), *[0.0] * 4,
    ...           *[0] * (len(Row._fields) - 14), "")
    >>> interval_in_words(METRICS["DPL"], row)
    '95 % interval: 10.0 to 30.0 points'
    """
    low, high = row.low, row.high
    if "{part_d}" in metric.sentence:
        low, high, unit = 50 * (1 - high), 50 * (1 - low), " %"
    elif metric.kind == "difference" and metric.bounds == (-1.0, 1.0):
        if not (row.estimate > metric.parity if above is None else above):
            low, high = -high, -low
        low, high, unit = 100 * low, 100 * high, " points"
    else:
        unit = ""
        if metric.is_of_scores and metric.kind == "difference":
            above = row.estimate > metric.parity if above is None else above
            low, high = (low, high) if above else (-high, -low)
    if math.isnan(low) or math.isnan(high):
        return ""
    places = max(_places(abs(high - low), 1 if unit else 2), 0)
    level = f"{100 * row.confidence:g} % interval" if row.confidence < 1 else "interval"
    return f"{level}: {_signed(low, places)} to {_signed(high, places)}{unit}"


def _signed(number: float, places: int) -> str:
    if math.isinf(number):
        return "infinity" if number > 0 else "minus infinity"
    text = f"{abs(number):,.{places}f}"
    return f"minus {text}" if number < 0 and float(text.replace(",", "")) else text


def _why_undefined(metric: Metric, names: Names, sides: Sides, of: _Figures) -> str:
    lacking = [need for need in metric.needs if need in names.lacking]
    what = "" if not lacking else _no_column(lacking[0])
    if what and not names.is_guess:
        return what
    if of.n_d == 0 or of.n_a == 0:
        return f"there are no rows of {sides.them if of.n_d == 0 else sides.others} to count"
    if of.n_a is None and of.note:
        return of.note
    why = "there is nothing to divide by" if metric.undefined == "0/0" else metric.undefined
    return f"{why}, or {what}" if what else why


def _no_column(need: str) -> str:
    return f"no {'features are' if need == 'features' else f'{need} column is'} given"


def name_of(metric: Metric) -> str:
    """Name of a metric, with its symbol."""
    return f"{metric.title.partition(':')[0]} ({metric.symbol})"


def _plain(metric: Metric) -> str:
    """Template for a metric that declares no sentence."""
    title = metric.title.replace("{", "{{").replace("}", "}}")
    return f"{title}: {'{compared}' if metric.rate else '{value} for {them}'}."


def _figures(metric: Metric, estimate: float) -> Mapping[str, str]:
    size = abs(estimate)
    from_parity = abs(estimate - metric.parity)
    sign = "minus " if estimate < 0 else ""
    return {
        "value": sign + _number(size, from_parity),
        "size": _number(size, size),
        "percent": _percent(size, size),
        "points": _points(size),
    }


def _directions(above: bool, sides: Sides) -> Mapping[str, str]:
    them, others = sides
    return {
        "more": "more" if above else "fewer",
        "fewer": "fewer" if above else "more",
        "higher": "higher" if above else "lower",
        "lower": "lower" if above else "higher",
        "d_if_above": them if above else others,
        "d_if_below": others if above else them,
    }


def _parts(names: Names, of: _Figures) -> Mapping[str, str]:
    """Shares of a whole that the two sides have, for a metric that is the gap between them."""
    a, d, gap = of.n_a or 0, of.n_d or 0, of.estimate
    of_rows = a + d > 0 and abs((a - d) / (a + d) - gap) < _NOTHING
    weighted = names.weighted or (a + d > 0 and not of_rows)

    def part(share: float, n: int) -> str:
        percent = _percent(share, gap / 2)
        return f"{percent} ({n:,})" if of_rows and not weighted else percent

    return {
        "whole": "weight" if weighted else "rows",
        "part_a": part((1 + gap) / 2, a),
        "part_d": part((1 - gap) / 2, d),
        "n_a": f"{a:,}",
        "n_d": f"{d:,}",
    }


def _compared(metric: Metric, of: _Figures, between: Sides, same: bool) -> str:
    """Comparison of the two proportions of a metric, after the words "the share is"."""
    estimate = of.estimate
    sides = [(of.rate_d, between.them), (of.rate_a, between.others)]
    if metric.compares in ("a", "a / d"):
        sides.reverse()
    (rate, one), (other_rate, other) = sides
    gap = rate - other_rate
    known = not math.isnan(gap)
    told, other_told = _percent(rate, gap), _percent(other_rate, gap)
    if metric.kind == "rate":
        return f"{_percent(estimate, estimate)} for {one}"
    if same:
        same_told = f"{told} both" if known else "the same"
        return f"{same_told} for {one} and for {other}: no difference in these rows"
    if metric.kind == "ratio":
        if estimate == 0:
            rest = f"{other_told} for {other}" if known else f"above that for {other}"
            return f"0 % (nobody) for {one}, and {rest}"
        if math.isinf(estimate):
            rest = f"{told} for {one}" if known else f"above that for {one}"
            return f"{rest}, and 0 % (nobody) for {other}"
        times = f"{_number(estimate, abs(estimate - metric.parity))} times"
        if known:
            return f"{told} for {one}, {times} the {other_told} for {other}"
        return f"{times} as large for {one} as for {other}"
    higher = "higher" if (estimate > metric.parity) == (metric.compares == "d - a") else "lower"
    by = f"{_points(abs(estimate))} {higher}"
    if known:
        return f"{told} for {one}, {by} than the {other_told} for {other}"
    return f"{by} for {one} than for {other}"


def _largest(part: str, estimate: float, sides: Sides) -> str:
    if not part:
        return f"{_points(abs(estimate))}, between {sides.them} and {sides.others}"
    return f"this: {part[0].lower()}{part[1:].removesuffix('.')}"


def _points(size: float) -> str:
    return f"{100 * size:.{_places(100 * size, 1)}f} points"


def _percent(share: float, gap: float) -> str:
    """Percentage with enough decimals to show the gap, and not to look like 0 or 100."""
    percent = 100 * share
    nearest = 0 if share < 0.5 else 100
    away = abs(percent - nearest)
    if away < _NOTHING:
        return f"{nearest} %"
    return f"{percent:.{max(_places(100 * abs(gap), 1), _places(10 * away, 1))}f} %"


def _number(size: float, from_parity: float) -> str:
    if math.isinf(size):
        return "endlessly many"
    if size == 0:
        return "0"
    return f"{size:,.{max(_places(size, 2), _places(from_parity, 2))}f}"


def _places(size: float, least: int) -> int:
    """Number of decimals that shows two digits of a size, `least` at the least."""
    if not _NOTHING < size < math.inf:
        return least
    return max(least, 1 - math.floor(math.log10(size)))
