"""Rows of a profile: its three tables, one row after the other, with what is sure of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.audits.profile.association import Association, association, told_by
from biaskit.audits.profile.pairs import Pair, Profiled
from biaskit.audits.profile.population import Expected
from biaskit.audits.surely import gaps_of, p_values
from biaskit.audits.two_rates import fisher_mid_p
from biaskit.counts.facets import Facet
from biaskit.counts.levels import MISSING, show
from biaskit.counts.tables import divide
from biaskit.intervals.holm import holm_adjusted
from biaskit.intervals.proportions import jeffreys

__all__ = [
    "COMPLETE",
    "MISSING_VALUES",
    "POPULATION",
    "PROXIES",
    "TABLES",
    "ProfileRow",
    "missing_rows",
    "population_rows",
    "proxy_rows",
]

#: Names of the tables.
PROXIES, MISSING_VALUES, POPULATION = "proxies", "missing", "population"
#: Name of the row of all values together.
_ALL = "(all)"
#: Note on a column that is known in all rows.
COMPLETE = "no value is missing"
#: Verdicts on whether a column is a proxy that matters.
_YES, _NO, _UNSURE = "yes", "no", "unsure"
_NAN = math.nan
# Beyond a fifth of the rows, the cells of a table are too few for what they seem to say.
_FEW_A_CELL = 5
# Fewer expected rows than this are few for the tail of chi-squared.
_FEW_EXPECTED = 5

_Floats = NDArray[np.float64]
_Whole = NDArray[np.int64]


class ProfileRow(NamedTuple):
    """One row of a profile; the fields are the columns, and NaN where its table has no such."""

    table: str
    facet: str
    column: str
    value: str
    n: int
    n_others: int = 0
    n_missing: int = 0
    levels: int = 0
    u_corrected: float = _NAN
    low: float = _NAN
    high: float = _NAN
    u: float = _NAN
    v: float = _NAN
    v_uncorrected: float = _NAN
    guess: float = _NAN
    chance: float = _NAN
    u_label: float = _NAN
    matters: str = ""
    share: float = _NAN
    other: float = _NAN
    difference: float = _NAN
    ratio: float = _NAN
    z: float = _NAN
    chi_squared: float = _NAN
    tvd: float = _NAN
    kl: float = _NAN
    psi: float = _NAN
    p_value: float = _NAN
    p_adjusted: float = _NAN
    note: str = ""


#: Columns of each table.
TABLES: Mapping[str, tuple[str, ...]] = {
    PROXIES: (
        *("facet", "column", "levels", "n", "n_missing", "u_corrected", "low", "high", "u", "v"),
        *("v_uncorrected", "guess", "chance", "u_label", "matters", "p_value", "p_adjusted"),
        "note",
    ),
    MISSING_VALUES: (
        *("facet", "column", "value", "n", "n_others", "n_missing", "share", "other"),
        *("difference", "low", "high", "ratio", "p_value", "p_adjusted", "note"),
    ),
    POPULATION: (
        *("facet", "value", "n", "n_others", "n_missing", "share", "other", "difference", "low"),
        *("high", "ratio", "z", "chi_squared", "tvd", "kl", "psi", "p_value", "p_adjusted"),
        "note",
    ),
}


def proxy_rows(
    made: Profiled, label: str | None, confidence: float, limit: float
) -> list[ProfileRow]:
    """How much each column tells of each facet, and of the label; the most telling one first."""
    places = [(facet, column) for facet, columns in made.columns.items() for column in columns]
    tail = (1 - confidence) / 2
    of_label = None if label is None else Facet((label,))
    # Both shares of all columns together.
    sure = tail / max(2 * len(places), 1)
    rows = []
    for facet, column in places:
        if column in made.set_aside:
            reason = f"not counted: {made.set_aside[column]}"
            rows.append(ProfileRow(PROXIES, facet.name, column, "", 0, note=reason))
            continue
        pair = made.pair(column, facet).known()
        row = _proxy(facet, column, pair, made.counts.rows, tail)
        if of_label is not None and column != label:
            told = made.pair(column, of_label).known()
            ends = [told_by(one.n, sure) for one in (pair, told)]
            row = row._replace(
                u_label=ends[1].u_corrected, matters=_seen([one[2:] for one in ends], limit)
            )
        rows.append(row)
    adjusted = holm_adjusted(np.array([one.p_value for one in rows])).tolist()
    rows = [one._replace(p_adjusted=p) for one, p in zip(rows, adjusted, strict=True)]
    by_facet = {facet.name: i for i, facet in enumerate(made.columns)}
    return sorted(rows, key=lambda one: (by_facet[one.facet], *_last(-one.u_corrected)))


def _last(number: float) -> tuple[bool, float]:
    """Sort key of a number, NaN last."""
    return (True, 0.0) if math.isnan(number) else (False, number)


def _proxy(facet: Facet, column: str, pair: Pair, rows: int, tail: float) -> ProfileRow:
    found = association(pair.n, tail)
    told = found.told
    return ProfileRow(
        PROXIES,
        facet.name,
        column,
        "",
        found.n,
        n_missing=rows - found.n,
        levels=found.levels,
        u_corrected=told.u_corrected,
        low=told.low,
        high=told.high,
        u=told.u,
        v=found.v,
        v_uncorrected=found.v_uncorrected,
        guess=found.guess,
        chance=found.chance,
        p_value=found.p_value,
        note=_note(found, len(pair.others)),
    )


def _note(found: Association, values: int) -> str:
    """What a reader should know of a column."""
    if not found.n:
        return "no row is known on both"
    if values < 2:
        return "the facet has one value in these rows, so there is nothing to tell"
    if found.levels < 2:
        return "one value only, so it tells nothing"
    parts = []
    if found.levels * values * _FEW_A_CELL > found.n:
        parts.append(
            f"few rows for its {found.levels:,} values: u and guess are higher than what another "
            "table would show, so read u_corrected"
        )
    elif found.told.u > 1 - 1e-9:
        parts.append("it tells the facet exactly: does it restate it?")
    return "; ".join(parts)


def _seen(ends: Iterable[tuple[float, float]], limit: float) -> str:
    """Whether shares are all surely above a limit, by their intervals."""
    found = [*ends]
    if any(high <= limit for _, high in found):
        return _NO
    return _YES if all(low > limit for low, _ in found) else _UNSURE


def missing_rows(made: Profiled, confidence: float) -> list[ProfileRow]:
    """How often each column is missing for each value of each facet, beside all other values."""
    rows: list[ProfileRow] = []
    for facet, columns in made.columns.items():
        for column in columns:
            rows += _missing(facet, column, made.pair(column, facet), confidence)
    rows = _adjusted(rows, lambda one: (one.facet, one.column))
    return sorted(rows, key=lambda one: _last(-max(one.low, -one.high)))


def _missing(facet: Facet, column: str, pair: Pair, confidence: float) -> Iterator[ProfileRow]:
    known = [i for i, one in enumerate(pair.others) if one is not MISSING]
    n = pair.n[:, known].sum(axis=0)
    gone = [one is MISSING for one in pair.values]
    x = pair.n[gone][:, known].sum(axis=0)
    unknown = int(pair.n.sum() - n.sum())
    if not x.sum():
        yield ProfileRow(
            *(MISSING_VALUES, facet.name, column, _ALL, int(n.sum())),
            n_missing=unknown,
            share=float(divide(0, n.sum())),
            note=COMPLETE if n.sum() else "the facet is known in no row",
        )
        return
    y, m = x.sum() - x, n.sum() - n
    gaps = gaps_of(x, n, y, m, (1 - confidence) / 2)
    p = p_values(*(one.astype(float) for one in (x, n, y, m)))
    for i, place in enumerate(known):
        yield ProfileRow(
            MISSING_VALUES,
            facet.name,
            column,
            show(pair.others[place]),
            int(n[i]),
            int(m[i]),
            unknown,
            low=float(gaps.low[i]),
            high=float(gaps.high[i]),
            share=float(x[i] / n[i]),
            other=float(divide(y[i], m[i])),
            difference=float(gaps.estimate[i]),
            ratio=float(divide(divide(x[i], n[i]), divide(y[i], m[i]))),
            p_value=float(p[i]) if m[i] else _NAN,
            note="" if m[i] else "the facet has one value in these rows: no others to compare with",
        )


def population_rows(
    of_facet: Mapping[Facet, Expected], unknown: Mapping[Facet, int], confidence: float
) -> list[ProfileRow]:
    """Share of each value of each facet beside its share in a population, and all together."""
    rows: list[ProfileRow] = []
    whole: list[ProfileRow] = []
    for facet, one in of_facet.items():
        rows += _shares(facet, one, unknown[facet], confidence)
        whole.append(_together(facet, one, unknown[facet]))
    rows = _adjusted(rows, lambda one: one.facet)
    p = holm_adjusted(np.array([one.p_value for one in whole])).tolist()
    whole = [one._replace(p_adjusted=its) for one, its in zip(whole, p, strict=True)]
    return [one for own in whole for one in (*(row for row in rows if row.facet == own.facet), own)]


def _shares(facet: Facet, one: Expected, unknown: int, confidence: float) -> Iterator[ProfileRow]:
    rows = int(one.n.sum())
    total = np.full(len(one.n), rows)
    tail = (1 - confidence) / 2
    share = divide(one.n, total)
    if one.rows is None:
        low, high = (end - one.share for end in jeffreys(one.n, total, tail))
        p = _binomial_mid_p(one.n, rows, one.share)
        z = divide(share - one.share, np.sqrt(divide(one.share * (1 - one.share), rows)))
    else:
        people = np.full(len(one.n), one.rows.sum())
        sides = np.array([one.n, total, one.rows, people], dtype=np.float64)
        _, low, high = gaps_of(sides[0], sides[1], sides[2], sides[3], tail)
        p = fisher_mid_p(one.n, total, one.rows, people)
        both = divide(one.n + one.rows, total + people)
        z = divide(
            share - one.share,
            np.sqrt(both * (1 - both) * divide(total + people, total * 1.0 * people)),
        )
    for i, name in enumerate(one.names):
        yield ProfileRow(
            *(POPULATION, facet.name, "", name, int(one.n[i]), rows - int(one.n[i]), unknown),
            low=float(low[i]),
            high=float(high[i]),
            share=float(share[i]),
            other=float(one.share[i]),
            difference=float(share[i] - one.share[i]),
            ratio=float(divide(share[i], one.share[i])),
            z=float(z[i]),
            p_value=float(p[i]),
        )


def _together(facet: Facet, one: Expected, unknown: int) -> ProfileRow:
    """All values of a facet beside those of a population."""
    from scipy.special import chdtrc, rel_entr

    rows, used = int(one.n.sum()), (one.n > 0) | (one.share > 0)
    n, share = one.n[used], one.share[used]
    p = divide(n, rows)
    seen = [n] if one.rows is None else [n, one.rows[used]]
    pooled = share if one.rows is None else divide(sum(seen), sum(of.sum() for of in seen))
    expected = [of.sum() * pooled for of in seen]
    gaps = [
        np.where(of == e, 0.0, divide((of - e) ** 2, e))
        for of, e in zip(seen, expected, strict=True)
    ]
    square = float(np.sum(gaps)) if rows else _NAN
    freedom = len(n) - 1
    notes = [one.note, "" if rows else "no row is known on the facet"]
    if rows and min(float(e.min()) for e in expected) < _FEW_EXPECTED:
        notes.append("some values are expected in fewer than 5 rows: read their own p-values")
    if one.rows is not None:
        notes.append(f"the population is a table of {int(one.rows.sum()):,} rows")
    return ProfileRow(
        *(POPULATION, facet.name, "", _ALL, rows),
        n_missing=unknown,
        chi_squared=square,
        tvd=float(np.abs(p - share).sum() / 2),
        kl=float(rel_entr(p, share).sum()),
        psi=float(rel_entr(p, share).sum() + rel_entr(share, p).sum()),
        p_value=float(chdtrc(freedom, square)) if freedom and rows else _NAN,
        note="; ".join(filter(None, notes)),
    )


def _binomial_mid_p(x: _Whole, n: int, share: _Floats) -> _Floats:
    """P-value of the exact test of a share in its mid-p form, the smaller tail doubled."""
    from scipy.special import bdtr, bdtrc, gammaln, xlog1py, xlogy

    below = np.where(x > 0, bdtr(np.maximum(x - 1, 0), n, share), 0.0)
    above = np.where(x < n, bdtrc(np.minimum(x, n), n, share), 0.0)
    ways = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    here = np.exp(ways + xlogy(x, share) + xlog1py(n - x, -share))
    return np.asarray(np.minimum(2 * (np.minimum(below, above) + here / 2), 1.0))


def _adjusted(rows: Sequence[ProfileRow], of: Callable[[ProfileRow], object]) -> list[ProfileRow]:
    """Rows with p-values that hold together; the two of two values are one test."""
    size: dict[object, int] = {}
    for one in rows:
        size[of(one)] = size.get(of(one), 0) + 1
    seen: set[object] = set()
    tests: list[float] = []
    for one in rows:
        is_mirrored = size[of(one)] == 2 and of(one) in seen
        seen.add(of(one))
        tests.append(_NAN if is_mirrored else one.p_value)
    adjusted = holm_adjusted(np.array(tests)).tolist()
    made: list[ProfileRow] = []
    for one, own, p in zip(rows, tests, adjusted, strict=True):
        mirrored = math.isnan(own) and not math.isnan(one.p_value)
        made.append(one._replace(p_adjusted=made[-1].p_adjusted if mirrored else p))
    return made
