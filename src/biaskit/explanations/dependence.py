"""Partial dependence: what a model answers on average when one feature is set to a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit import formats
from biaskit.counts.facets import ALL_ROWS
from biaskit.counts.levels import level, order, show
from biaskit.counts.roles import Roles
from biaskit.errors import RolesError, did_you_mean, keywords_checked
from biaskit.explanations.outputs import Scores, scores
from biaskit.explanations.passes import Facets, Request, Rows, tickets

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_ROWS", "DependenceRow", "partial_dependence"]

#: Of more rows than this, a sample of so many is taken.
MOST_ROWS = 10_000
#: Of more categories than this, the most frequent ones are looked at.
_MOST_CATEGORIES = 50


class DependenceRow(NamedTuple):
    """One row of a partial dependence; the fields are the columns."""

    facet: str
    value: str
    feature: str
    at: Any
    output: str
    mean: float
    share: float
    n: int
    scale: str
    note: str


@keywords_checked
def partial_dependence(
    model: Any,
    data: Any,
    features: str | Sequence[str] | None = None,
    *,
    facet: Any = None,
    facet_above: Any = None,
    facet_edges: Any = None,
    frequency: str | None = None,
    grid: int = 15,
    columns: Sequence[str] | None = None,
    output_class: Any = None,
    scale: str = "auto",
    trust_model: bool = False,
    trust_pickle: bool = False,
) -> pd.DataFrame:
    """Tidy table of a model's mean output where one feature is set to a value in every row.

    Parameters
    ----------
    model, data, output_class, scale, trust_model, trust_pickle
        As for `biaskit.explain`.
    features
        Features to set, each by itself; by default all that the model takes.
    facet, facet_above, facet_edges
        Also the means over the rows of each facet value, as in `biaskit.count`.
    frequency
        Column that says how many rows each row stands for, as in `biaskit.count`.
    grid
        How many values a feature of numbers is set to at most: its quantiles, or all of its values
        where they are no more. Categories are set as they are.
    columns
        Columns that the model takes, in their order, where it does not name them itself.

    Returns
    -------
    pandas.DataFrame
        A row per facet value, feature, value ``at`` and output: ``mean`` is that of ``n``
        rows, ``share`` the part of these rows whose own value is nearest to ``at``. Rows of all
        facet values together have the facet ``(all)``.

    Raises
    ------
    RolesError
        The model takes no such feature, or the call contradicts itself.
    DataError
        The data or the model cannot be read, or do not fit each other.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"pay": [1, 2, 2, 3], "age": [30, 40, 50, 60]})
    >>> r = biaskit.partial_dependence(
    ...     lambda rows: rows["pay"] * 2, df, "pay", columns=["pay", "age"]
    ... )
    >>> r[["feature", "at", "mean", "share"]]
      feature  at  mean  share
    0     pay   1   2.0   0.25
    1     pay   2   4.0   0.50
    2     pay   3   6.0   0.25
    """
    if grid < 2:
        raise RolesError(f"grid is a number of 2 or more, not {grid!r}")
    roles = Roles(
        facet=facet, facet_above=facet_above, facet_edges=facet_edges, frequency=frequency
    )
    request = Request(
        model,
        data,
        roles,
        features=columns,
        output_class=output_class,
        scale=scale,
        trust_model=trust_model or trust_pickle,
    )
    rows = Rows(request)
    names = rows.plan.features
    asked = [features] if isinstance(features, str) else [*(features or names)]
    for name in asked:
        if name not in names:
            raise RolesError(f"the model takes no {name!r}; {did_you_mean(name, names)}")
    score = scores(rows.plan, rows.first)
    sample = _Sample(rows, score, Facets(roles))
    made = [
        row for name in asked for row in _of_feature(name, names.index(name), sample, score, grid)
    ]
    return formats.frame(
        {name: [getattr(row, name) for row in made] for name in DependenceRow._fields}
    )


class _Sample:
    """Rows as floats, `MOST_ROWS` at most, and which of them each facet value has."""

    def __init__(self, rows: Rows, score: Scores, facets: Facets):
        values, codes, places = [], [], []
        seen = 0
        for batch in rows:
            ticket = tickets(seen, batch.rows)
            values.append(score.rows(batch))
            codes.append({facet: np.stack(parts) for facet, parts in facets.parts(batch).items()})
            places.append(ticket)
            seen += batch.rows
            if sum(map(len, places)) > 2 * MOST_ROWS:
                values, codes, places = self._thinned(values, codes, places)
        values, codes, places = self._thinned(values, codes, places)
        self.matrix: NDArray[np.float64] = values[0]
        self.note = f"a sample of {MOST_ROWS:,} of {seen:,} rows" if seen > MOST_ROWS else ""
        self.sides: list[tuple[str, str, NDArray[np.bool_]]] = [
            (ALL_ROWS.name, ALL_ROWS.name, np.ones(len(self.matrix), dtype=bool))
        ]
        for facet, found in codes[0].items():
            for side, on_side in facets.members(facet, found):
                self.sides.append((facet.name, show(side), on_side))

    @staticmethod
    def _thinned(values: Any, codes: Any, places: Any) -> Any:
        ticket = np.concatenate(places)
        kept = np.sort(np.argsort(ticket, kind="stable")[:MOST_ROWS])
        joined = {
            facet: np.concatenate([part[facet] for part in codes], axis=1)[:, kept]
            for facet in codes[0]
        }
        return [np.concatenate(values)[kept]], [joined], [ticket[kept]]


def _of_feature(
    name: str, at: int, sample: _Sample, score: Scores, grid: int
) -> Iterator[DependenceRow]:
    places, note = _grid(sample.matrix[:, at], grid, is_number=score.is_number(at))
    if not score.is_number(at):  # by what they stand for, not by arrival
        shown = sorted(places.tolist(), key=lambda place: order(level(score.value(at, place))))
        places = np.array(shown, dtype=np.float64)
    nearest = _nearest(sample.matrix[:, at], places, is_number=score.is_number(at))
    notes = "; ".join(part for part in (sample.note, note) if part)
    means = np.empty((len(places), len(sample.sides), len(score.names)))
    rows = sample.matrix.copy()
    for i, place in enumerate(places):
        rows[:, at] = place
        outputs = score.outputs(rows)
        for side, (_, _, on_side) in enumerate(sample.sides):
            means[i, side] = outputs[on_side].mean(axis=0)
    for side, (facet, value, on_side) in enumerate(sample.sides):
        n = int(np.count_nonzero(on_side))
        for i, place in enumerate(places):
            for k, output in enumerate(score.names):
                yield DependenceRow(
                    facet=facet,
                    value=value,
                    feature=name,
                    at=score.value(at, place),
                    output=output,
                    mean=float(means[i, side, k]),
                    share=float(np.count_nonzero(nearest[on_side] == i) / n),
                    n=n,
                    scale=score.scale,
                    note=notes,
                )


def _grid(
    values: NDArray[np.float64], grid: int, *, is_number: bool
) -> tuple[NDArray[np.float64], str]:
    """Values that a feature is set to, and what was left out."""
    known = values[~np.isnan(values)]
    distinct, times = np.unique(known, return_counts=True)
    if not is_number:
        if len(distinct) <= _MOST_CATEGORIES:
            return distinct, ""
        most = np.sort(np.argsort(-times, kind="stable")[:_MOST_CATEGORIES])
        return distinct[most], f"{_MOST_CATEGORIES} of {len(distinct):,} categories"
    if len(distinct) <= grid:
        return distinct, ""
    return np.unique(np.quantile(known, np.linspace(0, 1, grid), method="nearest")), ""


def _nearest(
    values: NDArray[np.float64], places: NDArray[np.float64], *, is_number: bool
) -> NDArray[np.intp]:
    """Place that each value is nearest to; -1 for a missing value, or a category left out."""
    if not is_number:
        by_place = {place: i for i, place in enumerate(places.tolist())}
        return np.array([by_place.get(value, -1) for value in values.tolist()], dtype=np.intp)
    if not len(places):
        return np.full(len(values), -1)
    found = np.searchsorted((places[1:] + places[:-1]) / 2, values)
    return np.where(np.isnan(values), -1, found)
