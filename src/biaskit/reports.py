"""Reports: from counts to one row per facet value and metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit import metrics as room
from biaskit import store
from biaskit.counts import Counts
from biaskit.errors import DataError, RolesError, listed
from biaskit.fliptest import flip_tests, sample_for
from biaskit.levels import MISSING, Interval, Level, find, show
from biaskit.metrics import FROM_ROWS, METRICS, Metric
from biaskit.roles import Facet, Roles, facet_name
from biaskit.sources import count_roles, saved_counts
from biaskit.sources.sample import Sample
from biaskit.tables import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Row", "report", "report_rows", "summary"]

# Above this many facet values, if nearly every row has its own, the column is an identifier.
_MANY_VALUES = 50
_ALL = (*METRICS.values(), *FROM_ROWS.values())


class Row(NamedTuple):
    """One row of a report; the fields are the columns."""

    stage: str
    facet: str
    value: str
    metric: str
    estimate: float
    n_a: int
    n_d: int
    n_missing: int
    note: str


def report(
    data: Any,
    *,
    facet: Any = None,
    label: str | None = None,
    predicted: str | None = None,
    group: str | None = None,
    weight: str | None = None,
    positive: Any = None,
    positive_above: float | None = None,
    predicted_above: float | None = None,
    facet_values: Any = None,
    facet_above: Any = None,
    facet_edges: Any = None,
    features: Any = None,
    metrics: Iterable[str | Metric] | str | None = None,
) -> pd.DataFrame:
    """Tidy table of every metric for every facet value.

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes, or a `Counts` (or the path of a saved one), which
        brings its roles along; `facet`, `positive` and `facet_values` may then be chosen anew.
    facet, label, predicted, group, weight, positive, positive_above, predicted_above
        The roles of the columns, as in `biaskit.count`.
    facet_values, facet_above, facet_edges
        Which values of the facet are d, as in `biaskit.count`.
    features
        Columns by which rows are alike, for the flip test FT; ``"rest"`` is every column of
        numbers, booleans or texts that has no other role. They are read for FT only.
    metrics
        Symbols or metrics; by default every metric whose columns are given.

    Returns
    -------
    pandas.DataFrame
        A row per facet, facet value (as d) and metric, with the columns ``stage, facet, value,
        metric, estimate, n_a, n_d, n_missing, note``. ``n_a + n_d + n_missing`` is the number of
        rows read. What is undefined is NaN and ``note`` says why; what is infinite is infinite.

    Raises
    ------
    RolesError
        The roles contradict each other, or name a value that does not occur.
    DataError
        The data cannot be read, or a column is not what its role needs.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "F", "M", "M"], "hired": [0, 1, 1, 1]})
    >>> r = biaskit.report(df, facet="sex", label="hired", facet_values="F", metrics=["CI", "DPL"])
    >>> r[["value", "metric", "estimate", "n_a", "n_d"]]
      value metric  estimate  n_a  n_d
    0     F     CI       0.0    2    2
    1     F    DPL       0.5    2    2
    """
    given = {
        "facet": facet,
        "label": label,
        "predicted": predicted,
        "group": group,
        "weight": weight,
        "positive": positive,
        "positive_above": positive_above,
        "predicted_above": predicted_above,
        "facet_values": facet_values,
        "facet_above": facet_above,
        "facet_edges": facet_edges,
        "features": features,
    }
    asked = room.chosen(metrics)
    counts, sample = saved_counts(data), None
    if counts is None:
        roles = Roles.of(**given)
        sample = sample_for(roles, asked)
        counts = count_roles(data, roles, sample=sample)
    else:
        roles = counts.roles.chosen(**given)
    rows = report_rows(counts, roles, asked, sample)
    columns = {name: [getattr(row, name) for row in rows] for name in Row._fields}
    return store.frame(columns)


def report_rows(
    counts: Counts,
    roles: Roles,
    metrics: Sequence[Metric] | None = None,
    sample: Sample | None = None,
) -> list[Row]:
    """Rows of the report on some counts, as plain records.

    `roles` are those of the counts, or the same with other choices made (`Roles.chosen`). With
    `metrics` None, every metric runs whose roles are given. `sample` has the rows of FT.
    """
    if not counts.rows:
        raise DataError("there are no rows, so there is nothing to report; is the table empty?")
    made: list[Row] = []
    for facet in roles.facet:
        made += _facet_rows(counts.tables[facet], facet, roles, metrics, sample)
    return made


def summary(counts: Counts, roles: Roles) -> str:
    """One line on what a report speaks of: how many rows, which outcome, which sides."""
    parts = [f"{counts.rows:,} rows"]
    table = next(iter(counts.tables.values()))
    if positive := _positive(table.levels[1], roles):
        parts.append(f"positive is {roles.label} = {' or '.join(show(a) for a in positive)}")
    if roles.weight is not None:
        parts.append(f"weighted by {roles.weight}")
    parts.append("side d is the value in the row, side a every other known value")
    return "; ".join(parts)


def _facet_rows(
    table: Table,
    facet: Facet,
    roles: Roles,
    metrics: Sequence[Metric] | None,
    sample: Sample | None,
) -> list[Row]:
    names, sides = _comparisons(table, facet, roles)
    positive = _positive(table.levels[1], roles)
    if metrics is None:
        metrics = [one for one in _ALL if not _not_given(one, roles)]
    if positive is None and (unmet := [one.symbol for one in metrics if "positive" in one.needs]):
        raise _positive_needed(table.levels[1], roles, unmet)
    positive_hat = _positive_hat(table, roles, positive, metrics)
    by_metric = [
        _flip_rows(one, table, names, sides, facet, roles, positive_hat, sample)
        if sample is not None and one.symbol in FROM_ROWS
        else _metric_rows(one, table, names, sides, facet, roles, positive or (), positive_hat)
        for one in metrics
    ]
    return [row for rows in zip(*by_metric, strict=True) for row in rows]


def _metric_rows(
    metric: Metric,
    table: Table,
    names: Sequence[str],
    sides: NDArray[np.bool_],
    facet: Facet,
    roles: Roles,
    positive: tuple[Level, ...],
    positive_hat: tuple[Level, ...],
) -> list[Row]:
    """Rows of one metric, one for each comparison."""
    missing_roles = _not_given(metric, roles)
    known = _known_axes(metric, roles)
    n_a, n_d = table.side_rows(sides, known)
    if missing_roles:
        estimates = np.full(len(names), np.nan)
        column = "features" if missing_roles[0] == "features" else f"{missing_roles[0]} column"
        notes = [f"no {column}: give {missing_roles[0]}="] * len(names)
    else:
        a, d = table.split(sides, known=known, positive=positive, positive_hat=positive_hat)
        estimates = metric(a, d)
        remarks = metric.remark(a, d) if metric.remark else [""] * len(names)
        constant = np.count_nonzero((a.by_label + d.by_label) > 0, axis=-1) == 1
        notes = [
            "; ".join(
                filter(
                    None,
                    _notes(metric, float(x), int(a_rows), int(d_rows), bool(same), remark, roles),
                )
            )
            for x, a_rows, d_rows, same, remark in zip(
                estimates, n_a, n_d, constant, remarks, strict=True
            )
        ]
    return [
        Row(
            metric.stage,
            facet_name(facet),
            name,
            metric.symbol,
            float(x),
            int(a_rows),
            int(d_rows),
            table.rows - int(a_rows) - int(d_rows),
            note,
        )
        for name, x, a_rows, d_rows, note in zip(names, estimates, n_a, n_d, notes, strict=True)
    ]


def _flip_rows(
    metric: Metric,
    table: Table,
    names: Sequence[str],
    sides: NDArray[np.bool_],
    facet: Facet,
    roles: Roles,
    positive_hat: tuple[Level, ...],
    sample: Sample,
) -> list[Row]:
    """Rows of the flip test, one for each comparison."""
    groups = [
        {level for level, of_d in zip(table.levels[0], side, strict=True) if of_d} for side in sides
    ]
    flips = flip_tests(sample, facet, groups, positive_hat)
    return [
        Row(
            stage=metric.stage,
            facet=facet_name(facet),
            value=name,
            metric=metric.symbol,
            estimate=one.estimate,
            n_a=one.n_a,
            n_d=one.n_d,
            n_missing=table.rows - one.n_a - one.n_d,
            note="; ".join(
                [
                    *filter(None, _notes(metric, one.estimate, one.n_a, one.n_d, False, "", roles)),
                    *one.remarks,
                ]
            ),
        )
        for name, one in zip(names, flips, strict=True)
    ]


def _notes(
    metric: Metric, estimate: float, n_a: int, n_d: int, constant: bool, remark: str, roles: Roles
) -> list[str]:
    notes = [
        f"no rows on side {side}" if n == 0 else f"one row on side {side}" if n == 1 else ""
        for side, n in (("a", n_a), ("d", n_d))
    ]
    if np.isnan(estimate) and n_a and n_d:
        notes.append(f"undefined: {metric.undefined}")
    elif remark:
        notes.append(remark)
    if constant and "label" in metric.needs and n_a and n_d:
        notes.append(f"every known {roles.label} is the same")
    return notes


def _known_axes(metric: Metric, roles: Roles) -> list[str]:
    """Axes on which a row's value must be known for the row to count in a metric.

    The label counts for every metric, so that all pre-training metrics speak of the same rows.
    """
    needed = {*metric.needs, *({"label"} if roles.label is not None else ())}
    return [axis for axis in ("label", "predicted", "group") if axis in needed]


def _not_given(metric: Metric, roles: Roles) -> list[str]:
    parts = ("label", "predicted", "group", "features")
    return [part for part in parts if part in metric.needs and getattr(roles, part) is None]


def _comparisons(table: Table, facet: Facet, roles: Roles) -> tuple[list[str], NDArray[np.bool_]]:
    """Names of the values that are d in turn, and which levels each of them has."""
    levels = table.levels[0]
    known = [level for level in levels if level is not MISSING]
    wanted = (roles.facet_values or {}).get(facet)
    if not known:
        name = "(missing)" if wanted is None else ", ".join(map(show, wanted))
        return [name], np.zeros((1, len(levels)), dtype=bool)
    if wanted is not None:
        together = _found("facet_values", wanted, known, facet_name(facet))
        if len(together) == len(known):
            raise RolesError(
                f"facet_values names every value of {facet_name(facet)!r} ({listed(known)}), so "
                "nothing is left to compare with; name the values of side d only"
            )
        groups = [together]
    elif isinstance(facet, str) and facet in (roles.facet_above or {}):
        groups = [
            {level for level in known if isinstance(level, Interval) and level.high == np.inf}
        ]
    else:
        groups = [{level} for level in known]
        _refuse_no_comparison(table, known, facet, roles)
    sides = np.array([[level in group for level in levels] for group in groups])
    return [", ".join(show(level) for level in levels if level in group) for group in groups], sides


def _refuse_no_comparison(table: Table, known: Sequence[Level], facet: Facet, roles: Roles) -> None:
    name = facet_name(facet)
    if len(known) == 1:
        raise RolesError(
            f"facet {name!r} has one value, {show(known[0])!r}, so there is nothing to compare it "
            "with; choose another column"
        )
    cut = {*(roles.facet_above or {}), *(roles.facet_edges or {})}
    if len(known) > max(_MANY_VALUES, table.rows // 2) and not cut & {facet}:
        raise RolesError(
            f"facet {name!r} has {len(known):,} values in {table.rows:,} rows: nearly every row "
            "has its own. Choose another column; if it is a number, cut it with facet_edges=[...] "
            "or facet_above=...; or name the values of side d with facet_values=..."
        )


def _positive(levels: tuple[Level, ...], roles: Roles) -> tuple[Level, ...] | None:
    """Positive labels: those chosen, or true and 1 where nothing can be misread; None if unsaid."""
    known = [level for level in levels if level is not MISSING]
    if roles.label is None or not known:
        return ()
    if roles.positive_above is not None:
        return _above(known)
    if roles.positive is not None:
        return tuple(_found("positive", roles.positive, known, roles.label))
    return _natural(known)


def _positive_hat(
    table: Table,
    roles: Roles,
    positive: tuple[Level, ...] | None,
    metrics: Sequence[Metric],
) -> tuple[Level, ...]:
    """Positive predictions: the positive labels, or what lies above the cut.

    A model may predict no positives; predictions that share no value with the labels are a mistake.
    """
    known = [level for level in table.levels[2] if level is not MISSING]
    if roles.predicted is None or not known or not any("predicted" in m.needs for m in metrics):
        return ()
    if roles.predicted_above is not None:
        return _above(known)
    if roles.positive is None and (natural := _natural(known)) is not None:
        return natural
    labels = [show(level) for level in table.levels[1] if level is not MISSING]
    wanted = roles.positive or positive or ()
    if roles.label is not None and not {show(level) for level in known} & {*labels}:
        raise RolesError(
            f"predicted {roles.predicted!r} has the values {listed([*map(show, known)])}, none of "
            f"which label {roles.label!r} has ({listed(labels)}); give both the same values, or "
            "cut a score with predicted_above="
        )
    if not wanted:
        raise RolesError(
            f"which values of predicted {roles.predicted!r} are the positive ones? They are "
            f"{listed(known)}: give positive=, or cut a score with predicted_above="
        )
    return tuple(level for level in known if any(show(level) == show(one) for one in wanted))


def _above(known: Sequence[Level]) -> tuple[Level, ...]:
    return tuple(a for a in known if isinstance(a, Interval) and a.high == np.inf)


def _natural(known: Sequence[Level]) -> tuple[Level, ...] | None:
    """Positive values where nothing can be misread: true, and 1 of 0 and 1."""
    if all(isinstance(level, bool) for level in known):
        return (True,)
    if all(type(level) is int and level in (0, 1) for level in known):
        return (1,)
    return None


def _positive_needed(levels: tuple[Level, ...], roles: Roles, metrics: list[str]) -> RolesError:
    known = [level for level in levels if level is not MISSING]
    cut = " (or positive_above=, if it is a number)" if isinstance(known[0], (int, float)) else ""
    return RolesError(
        f"which values of label {roles.label!r} are the positive ones? They are {listed(known)}: "
        f"give one or more of them as positive={cut}. "
        f"({', '.join(metrics)} need it; metrics=... can leave them out)"
    )


def _found(role: str, wanted: Iterable[Level], known: Sequence[Level], column: str) -> set[Level]:
    found = set()
    for value in wanted:
        try:
            found.add(find(value, known))
        except LookupError:
            raise RolesError(
                f"{role}: {show(value)!r} does not occur in {column!r}; "
                f"the values are {listed([show(level) for level in known])}"
            ) from None
    return found
