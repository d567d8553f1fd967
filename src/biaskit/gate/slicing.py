"""Limits on slices: the worst of all slices of some columns against how bad any may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from biaskit.audits.slices.found import Found, found_in, least_rows
from biaskit.audits.slices.searching import Asked, asked_of
from biaskit.audits.slices.slices import columns_given, gap_given, intersection, worst_row
from biaskit.counts.counts import Counts
from biaskit.counts.roles import ROLES, Roles
from biaskit.errors import RolesError, did_you_mean, refuse_whole
from biaskit.gate.limits import Limit, number, refuse_unmet
from biaskit.gate.verdicts import FAIL, PASS, UNCERTAIN
from biaskit.metrics import named

__all__ = ["SliceLimits", "SlicesChecked", "checked_slices", "slice_limits"]

_OWN = ("facet", "facet_values", "reference", "facet_edges")
_KEYS = ("columns", "limit", "depth", "min_rows", "direction", *_OWN)
# Roles of the data set that say which rows there are and which outcomes are positive.
_SHARED = tuple(
    name for name in ROLES if name.startswith(("label", "predicted", "positive", "weight", "freq"))
)


@dataclass(frozen=True)
class SliceLimits:
    """What is searched, and how far from parity each metric of any slice may be."""

    asked: Asked
    limits: Mapping[str, float]
    #: Roles of the pass, as keyword arguments.
    given: Mapping[str, Any]

    def roles(self) -> Roles:
        """Roles of the columns, for a look at the data before they are read."""
        gap = () if self.asked.gap is None else (self.asked.gap.facet,)
        given = {name: one for name, one in self.given.items() if name not in _OWN[:3]}
        return Roles(**{**given, "facet": [(*gap, *self.asked.columns)]})


class SlicesChecked(NamedTuple):
    """Verdict on all slices of a metric at once."""

    metric: str
    #: Columns of the slices; with a facet, the gap between its sides is searched.
    columns: tuple[str, ...]
    facet: str
    slices: int
    min_rows: int
    #: The worst slice is at least this far from parity, and none is farther than that.
    at_least: float
    at_most: float
    limit: float
    verdict: str
    worst: str
    estimate: float
    low: float
    high: float
    n_d: int
    n_a: int
    reason: str

    @property
    def subject(self) -> str:
        """What was judged, in a few words."""
        what = f"slices of {', '.join(self.columns)}"
        if self.facet:
            what = f"gap of {self.facet} in segments of {', '.join(self.columns)}"
        return f"{self.metric}, {what}"


def slice_limits(given: Any, roles: Roles, confidence: float) -> tuple[SliceLimits, ...]:
    """Limits on slices as a configuration has them, checked.

    Raises
    ------
    RolesError
        A key is unknown, or a value is invalid for its key.
    """
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise RolesError("slices are tables: begin each with [[data.slices]]")
    return tuple(_limits_of(one, roles, confidence) for one in given)


def _limits_of(given: Mapping[str, Any], roles: Roles, confidence: float) -> SliceLimits:
    for key in given:
        if key not in _KEYS:
            raise RolesError(f"slices: no key {key!r}; {did_you_mean(key, _KEYS)}")
    limits = given.get("limit")
    if not isinstance(limits, Mapping) or not limits:
        raise RolesError("slices: limit is needed, such as limit = {DPL = 0.1}")
    metrics = {named(name): _distance(name, value) for name, value in limits.items()}
    refuse_unmet([Limit(metric, 0, 0) for metric in metrics], roles)
    columns = columns_given(given.get("columns"), None)
    own = {name: given[name] for name in _OWN if name in given}
    shared = {name: one for name, one in roles.given().items() if name in _SHARED}
    cuts = {name: [*one] for name, one in (roles.facet_edges or {}).items() if name in columns}
    edges = {**cuts, **dict(own.pop("facet_edges", {}))}
    kept: dict[str, Any] = {**shared, **own, **({"facet_edges": edges} if edges else {})}
    gap = gap_given(kept)  # type: ignore[arg-type]
    min_rows = given.get("min_rows", 30)
    refuse_whole("slices: min_rows", min_rows)
    asked = asked_of(
        columns,
        [*metrics],
        depth=given.get("depth"),
        min_rows=min_rows,
        direction=given.get("direction", "against"),
        confidence=confidence,
        gap=gap,
    )
    made = SliceLimits(asked, {one.symbol: limit for one, limit in metrics.items()}, kept)
    made.roles()
    return made


def _distance(name: str, value: Any) -> float:
    limit = number(name, value)
    if not 0 <= limit < 1:
        raise RolesError(
            f"slices: the limit on {name} is a distance from parity, 0 or more and below 1; not "
            f"{value!r}"
        )
    return limit


def checked_slices(
    limits: SliceLimits, table: Any, **how: Any
) -> tuple[Counts, list[SlicesChecked]]:
    """Counts of the columns that are searched, and the verdict on the slices of each metric.

    `table` is what `biaskit.sources.dispatch.opened` gave, `how` is how it is read.
    """
    asked = limits.asked
    counts, facet = intersection(table, asked, limits.given, **how)  # type: ignore[arg-type]
    return counts, [*_verdicts(found_in(counts, facet, asked), limits)]


def _verdicts(found: Sequence[Found], limits: SliceLimits) -> Iterator[SlicesChecked]:
    for one in found:
        asked, certificate = one.asked, one.certificate
        limit = limits.limits[certificate.metric.symbol]
        verdict, reason = PASS, ""
        if certificate.at_least > limit:
            verdict, reason = FAIL, "it is surely beyond"
        elif certificate.at_most > limit:
            rows = least_rows(one, limit)
            verdict = UNCERTAIN
            reason = (
                "no min_rows is large enough to pass"
                if rows is None
                else f"with min_rows = {rows:,} it passes"
            )
        worst = worst_row(one)
        yield SlicesChecked(
            certificate.metric.symbol,
            asked.columns,
            "" if asked.gap is None else asked.gap.facet,
            len(one.search),
            asked.min_rows,
            certificate.at_least,
            certificate.at_most,
            limit,
            verdict,
            worst[1],
            worst.estimate,
            worst.low,
            worst.high,
            worst.n_d,
            worst.n_a,
            reason,
        )
