"""Partial dependence: a model's mean output when one feature is set to a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.arguments import Column, CutOfD, EdgesOfD, FacetsGiven, RoleArguments
from biaskit.counts.facets import ALL_ROWS
from biaskit.counts.levels import level, order, show
from biaskit.counts.roles import Roles
from biaskit.errors import RolesError, did_you_mean, keywords_checked
from biaskit.explanations.declined import Declined
from biaskit.explanations.facets import Facets
from biaskit.explanations.floats import RowTable, matrix
from biaskit.explanations.methods.choice import first_that_does, task_of
from biaskit.explanations.methods.method import Task
from biaskit.explanations.models.model import Outputs, chosen_outputs
from biaskit.explanations.outputs import Walked, spread
from biaskit.explanations.request import Request, sides_of
from biaskit.explanations.rows import Rows
from biaskit.explanations.samples import tickets
from biaskit.progress import Asked, told
from biaskit.sources.files.dialect import dialect_of
from biaskit.sources.reservoirs import array_reservoir
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_ROWS", "DependenceRow", "outputs_of_task", "partial_dependence"]

#: Most rows that are used; of more, a sample of this size.
MOST_ROWS = 10_000
#: Most categories of a feature that are used, the most frequent ones.
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
    roles: Roles | None = None,
    facet: FacetsGiven = None,
    facet_above: CutOfD = None,
    facet_at_most: CutOfD = None,
    facet_edges: EdgesOfD = None,
    frequency: Column | None = None,
    grid: int = 15,
    columns: Sequence[str] | None = None,
    output_class: Any = None,
    scale: str = "auto",
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    progress: Asked = None,
    trust_model: bool = False,
    trust_pickle: bool = False,
) -> pd.DataFrame:
    """Tidy table of a model's mean output where one feature is set to a value in every row.

    Parameters
    ----------
    model, data, output_class, scale, csv, input_format, sheet, progress, trust_model, trust_pickle
        As for `biaskit.explain`.
    features
        Features to set, each by itself; by default all that the model takes.
    roles
        A `Roles`, instead of the keywords for facets and frequencies.
    facet, facet_above, facet_at_most, facet_edges
        Also the means over the rows of each facet value, as in `biaskit.count`.
    frequency
        Column that says how many rows each row stands for, as in `biaskit.count`.
    grid
        Most values that a numeric feature is set to: its quantiles, or all of its values if they
        are fewer. Categorical features are set to their categories.
    columns
        Columns that the model takes, in their order, where it does not name them itself.

    Returns
    -------
    pandas.DataFrame
        A row per facet value, feature, value ``at`` and output: ``mean`` is over ``n`` rows,
        ``share`` the share of these rows whose own value is nearest to ``at``. Rows of all facet
        values together have the facet ``(all)``.

    Raises
    ------
    RolesError
        The model has no such feature, or the call contradicts itself.
    DataError
        The data or the model cannot be read, or are incompatible.

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
        raise RolesError(f"grid must be an integer of 2 or more, not {grid!r}")
    given: RoleArguments = {
        "facet": facet,
        "facet_above": facet_above,
        "facet_at_most": facet_at_most,
        "facet_edges": facet_edges,
        "frequency": frequency,
    }
    roles = sides_of(roles, given)
    request = Request(
        model,
        data,
        roles,
        features=columns,
        output_class=output_class,
        scale=scale,
        trust_model=trust_model or trust_pickle,
        dialect=dialect_of(csv, input_format, sheet),
    )
    task = task_of(request)
    names = task.rows.features
    asked = [features] if isinstance(features, str) else [*(features or names)]
    for name in asked:
        if name not in names:
            raise RolesError(f"the model takes no {name!r}; {did_you_mean(name, names)}")
    made: list[DependenceRow] = []
    with told(progress) as tell:
        table, outputs = outputs_of_task(task)
        sample = _Sample(task.rows, table, roles)
        for at, name in enumerate(asked, 1):
            made += _of_feature(name, names.index(name), sample, table, outputs, grid)
            if tell is not None:
                tell(len(sample.matrix), at / len(asked))
    return formats.frame(
        {name: [getattr(row, name) for row in made] for name in DependenceRow._fields}
    )


def outputs_of_task(task: Task) -> tuple[RowTable, Outputs]:
    """Outputs of a task's model on its scale, and the table that makes floats of rows for them.

    Raises
    ------
    RolesError
        The model lacks the requested scale or class.
    DataError
        The model needs its library, which is not there.
    """
    return first_that_does((_by_walks, _by_library), task)


def _by_walks(task: Task) -> tuple[RowTable, Outputs]:
    """Outputs of trees by walking down them."""
    if task.model.encoding is not None:  # it is called on a grid of values, with its steps
        raise Declined
    trees, rows, scale = task.model.read_trees(), task.rows, task.request.scale
    if trees.categories is not None:
        raise Declined
    names = [*trees.outputs]
    chosen = chosen_outputs(names, task.request.output_class)
    if scale == "probability" and not (trees.is_probability or trees.is_log_odds):
        raise RolesError("this model has no probability of one class; leave scale out")
    logistic = scale == "probability" and not trees.is_probability
    walked = Walked(trees, chosen)
    columns = matrix(rows.first, rows.features, rows.first.where)
    walked([column[spread(rows.first.rows)] for column in columns])

    def outputs(some: NDArray[np.float64]) -> NDArray[np.float64]:
        found = walked([*some.T])
        return 1 / (1 + np.exp(-found)) if logistic else found

    is_probability = logistic or trees.is_probability
    made = Outputs(
        outputs,
        tuple(names[at] for at in chosen),
        scale="probability" if is_probability else "raw",
        unit="probability" if is_probability else trees.unit,
    )
    return RowTable(rows.features, rows.first), made


def _by_library(task: Task) -> tuple[RowTable, Outputs]:
    """Outputs of a model by calling it."""
    if task.model.outputs is None:
        raise Declined
    table = RowTable(task.rows.features, task.rows.first)
    found = task.model.outputs(task.request.scale, table, table.rows(task.rows.first))
    chosen = chosen_outputs(found.names, task.request.output_class)
    names = tuple(found.names[at] for at in chosen)
    return table, found._replace(of=lambda rows: found.of(rows)[:, chosen], names=names)


class _Sample:
    """Rows as floats, at most `MOST_ROWS`, and the rows of each facet value."""

    def __init__(self, rows: Rows, table: RowTable, roles: Roles):
        facets = Facets(roles)
        kept = array_reservoir(MOST_ROWS, axis=-1)
        for batch in rows.batches():
            codes = facets.parts(batch).values()
            kept.add([table.rows(batch).T, *map(np.stack, codes)], tickets(kept.seen, batch.rows))
        found = kept.found()
        assert found is not None  # data without rows have already raised
        self.matrix: NDArray[np.float64] = np.ascontiguousarray(found[0].T)
        self.note = f"a sample of {MOST_ROWS:,} of {kept.seen:,} rows" * (kept.seen > MOST_ROWS)
        self.sides: list[tuple[str, str, NDArray[np.bool_]]] = [
            (ALL_ROWS.name, ALL_ROWS.name, np.ones(len(self.matrix), dtype=bool))
        ]
        for facet, parts in zip(roles.facet, found[1:], strict=True):
            for side, on_side in facets.members(facet, parts):
                self.sides.append((facet.name, show(side), on_side))


def _of_feature(
    name: str, at: int, sample: _Sample, table: RowTable, outputs: Outputs, grid: int
) -> Iterator[DependenceRow]:
    places, note = _grid(sample.matrix[:, at], grid, is_number=table.is_number(at))
    if not table.is_number(at):  # by value, not by order of arrival
        shown = sorted(places.tolist(), key=lambda place: order(level(table.value(at, place))))
        places = np.array(shown, dtype=np.float64)
    nearest = _nearest(sample.matrix[:, at], places, is_number=table.is_number(at))
    notes = "; ".join(part for part in (sample.note, note) if part)
    means = np.empty((len(places), len(sample.sides), len(outputs.names)))
    rows = sample.matrix.copy()
    for i, place in enumerate(places):
        rows[:, at] = place
        found = outputs.of(rows)
        for side, (_, _, on_side) in enumerate(sample.sides):
            means[i, side] = found[on_side].mean(axis=0)
    for side, (facet, value, on_side) in enumerate(sample.sides):
        n = int(np.count_nonzero(on_side))
        for i, place in enumerate(places):
            for k, output in enumerate(outputs.names):
                yield DependenceRow(
                    facet=facet,
                    value=value,
                    feature=name,
                    at=table.value(at, place),
                    output=output,
                    mean=float(means[i, side, k]),
                    share=float(np.count_nonzero(nearest[on_side] == i) / n),
                    n=n,
                    scale=outputs.scale,
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
    """Index of the nearest value; -1 for a missing value or a category left out."""
    if not is_number:
        by_place = {place: i for i, place in enumerate(places.tolist())}
        return np.array([by_place.get(value, -1) for value in values.tolist()], dtype=np.intp)
    if not len(places):
        return np.full(len(values), -1)
    found = np.searchsorted((places[1:] + places[:-1]) / 2, values)
    return np.where(np.isnan(values), -1, found)
