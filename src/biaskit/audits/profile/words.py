"""What a profile says, in sentences, and its three tables as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from biaskit.audits.profile.rows import (
    COMPLETE,
    MISSING_VALUES,
    POPULATION,
    PROXIES,
    TABLES,
    ProfileRow,
)
from biaskit.errors import listed

__all__ = ["ProfileTable", "profile_in_words", "profile_tables"]

_ABOUT = {
    PROXIES: "share of the facet's entropy that each column tells (u_corrected)",
    MISSING_VALUES: "share of a value's rows in which the column is missing, beside all others",
    POPULATION: "share of the rows that have a value, beside its share in the population",
}
# Columns, and values, that sentences name.
_MOST_NAMED = 3


class ProfileTable(NamedTuple):
    """One of the three tables: its name, its columns and rows, and what people read of it."""

    name: str
    #: What the numbers are, in a line.
    about: str
    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]
    #: Places of the rows that say something, and a line on the others.
    telling: list[int]
    others: str


def profile_tables(rows: Sequence[ProfileRow]) -> list[ProfileTable]:
    """The tables of a profile that have rows."""
    made = []
    for name, columns in TABLES.items():
        own = [one for one in rows if one.table == name]
        if not own:
            continue
        if not any(one.matters for one in own):
            columns = tuple(one for one in columns if one not in ("u_label", "matters"))
        complete = [name == MISSING_VALUES and one.note == COMPLETE for one in own]
        whole = dict.fromkeys(
            one.column for one, is_complete in zip(own, complete, strict=True) if is_complete
        )
        made.append(
            ProfileTable(
                name,
                _ABOUT[name],
                columns,
                [tuple(getattr(one, column) for column in columns) for one in own],
                [i for i, is_complete in enumerate(complete) if not is_complete],
                f"no value is missing in {listed([*whole])}" if whole else "",
            )
        )
    return made


def profile_in_words(rows: Sequence[ProfileRow], confidence: float) -> list[str]:
    """What is surely so, in sentences: the strongest proxies, what is missing more, who is fewer.

    >>> import biaskit
    >>> from biaskit.audits.profile.profile import ProfileAsked, profile_rows
    >>> _, rows = profile_rows(biaskit.datasets.berkeley(), {"facet": "gender"}, ProfileAsked())
    >>> profile_in_words(rows, 0.95)[1]
    'No column is surely missing more often for one value of gender.'
    """
    alpha = 1 - confidence
    return [
        *_on_proxies([one for one in rows if one.table == PROXIES], alpha),
        *_on_missing([one for one in rows if one.table == MISSING_VALUES], alpha),
        *_on_population([one for one in rows if one.table == POPULATION], alpha),
    ]


def _by_facet(rows: Sequence[ProfileRow]) -> Mapping[str, list[ProfileRow]]:
    made: dict[str, list[ProfileRow]] = {}
    for one in rows:
        made.setdefault(one.facet, []).append(one)
    return made


def _on_proxies(rows: Sequence[ProfileRow], alpha: float) -> Iterator[str]:
    for facet, own in _by_facet(rows).items():
        sure = [one for one in own if one.p_adjusted <= alpha and one.u_corrected > 0]
        if not sure:
            yield f"No column surely tells anything of {facet}."
            continue
        best, tested = sure[0], sum(one.levels > 0 for one in own)
        of = f"Of {tested:,} columns, " if tested > 1 else ""
        yield (
            f"{of}{best.column} tells {facet} best: {100 * best.u_corrected:.1f} % of its entropy "
            f"({100 * (1 - alpha):g} % interval: {100 * best.low:.1f} to {100 * best.high:.1f} %). "
            f"A guess by it is right for {100 * best.guess:.1f} % of each value on average, and "
            f"one without it for {100 * best.chance:.1f} %."
        )
        if matter := [one.column for one in own if one.matters == "yes"]:
            tell = "tells" if len(matter) == 1 else "tell"
            yield f"{_named(matter)} surely {tell} both {facet} and the label."


def _on_missing(rows: Sequence[ProfileRow], alpha: float) -> Iterator[str]:
    for facet, own in _by_facet(rows).items():
        sure = [one for one in own if one.p_adjusted <= alpha and one.difference > 0]
        if not sure:
            yield f"No column is surely missing more often for one value of {facet}."
        for one in sure[:_MOST_NAMED]:
            yield (
                f"{one.column} is surely missing more often where {facet} is {one.value}: in "
                f"{100 * one.share:.1f} % of the rows, elsewhere in {100 * one.other:.1f} %."
            )
        if (more := len(sure) - _MOST_NAMED) > 0:
            yield f"So it is in {more:,} more row{'' if more == 1 else 's'} of the table."


def _on_population(rows: Sequence[ProfileRow], alpha: float) -> Iterator[str]:
    for facet, own in _by_facet(rows).items():
        sure = [one for one in own if one.p_adjusted <= alpha and one.value != "(all)"]
        sure.sort(key=lambda one: -abs(one.difference))
        most = 1 if len(own) == 3 else _MOST_NAMED  # two values, which mirror each other, and all
        if not sure:
            yield f"No share of {facet} surely differs from that of the population."
        for one in sure[:most]:
            yield (
                f"{100 * one.share:.1f} % of the rows have {facet} {one.value}, and "
                f"{100 * one.other:.1f} % of the population: surely "
                f"{'more' if one.difference > 0 else 'fewer'}."
            )


def _named(columns: Sequence[str]) -> str:
    first, more = columns[:_MOST_NAMED], len(columns) - _MOST_NAMED
    if more > 0:
        return f"{', '.join(first)} and {more:,} more"
    return " and ".join(filter(None, [", ".join(first[:-1]), first[-1]]))
