"""Reweighing: weights of rows with which a label is as frequent for every value of a facet.

The method is that of F. Kamiran and T. Calders ("Data preprocessing techniques for classification
without discrimination", Knowledge and Information Systems 33, 2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import MISSING, Level, is_missing, show
from biaskit.counts.roles import RoleArguments, Roles, takes_roles
from biaskit.counts.tables import Table, divide
from biaskit.errors import DataError, RolesError
from biaskit.progress import Asked
from biaskit.sources.counting import counts_given
from biaskit.sources.files.dialect import dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WeightRow", "reweighing", "weight_rows"]

_UNKNOWN = "outside of the weights, since a value is missing: its rows keep their weight"
_EMPTY = "no rows to weigh, so this outcome cannot be made as frequent here"


class WeightRow(NamedTuple):
    """The weight of the rows of one facet value and label, in one group."""

    facet: str
    value: Level
    group: Level
    label: Level
    n: int
    weight: float
    note: str


@takes_roles
def reweighing(
    data: Any,
    roles: Roles | None = None,
    *,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: Asked = None,
    **given: Unpack[RoleArguments],
) -> pd.DataFrame:
    """Weights with which the label no longer depends on the facet, for training.

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes, or a `Counts` (or the path of a saved one), as for
        `biaskit.report`.
    roles
        A `Roles`, instead of a keyword argument for each role.
    facet, label, predicted, group, weight, frequency, positive, positive_above, predicted_above, \
predicted_positive, facet_values, reference, facet_above, facet_at_most, facet_edges, score, \
score_range, features
        The roles of the columns, as `Roles` takes them. With a `group`, label and facet are made
        independent within each group, and CDDL becomes 0 in place of DPL. Where rows have a
        `weight`, the weights here multiply it. All labels have their weights, so that the choice
        of the positive one has no effect.
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
        A row per facet, value, label and group, with the columns ``facet, value, group, label, n,
        weight, note``; without a group, there is no column ``group``. The weight is the number of
        rows expected of the value and the label if they were independent, over the number that
        there are. It is 1 where a value is missing, and NaN where there are no rows.

    Raises
    ------
    RolesError
        There is no label, or counts are protected.
    DataError
        The data cannot be read, or have no rows.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F"] * 40 + ["M"] * 60,
    ...                    "hired": ([1] * 10 + [0] * 30) + ([1] * 30 + [0] * 30)})
    >>> weights = biaskit.reweighing(df, facet="sex", label="hired")
    >>> weights[["value", "label", "n", "weight"]]
      value  label   n  weight
    0     F      0  30     0.8
    1     F      1  10     1.6
    2     M      0  30     1.2
    3     M      1  30     0.8
    >>> rows = df.merge(weights, left_on=["sex", "hired"], right_on=["value", "label"])
    >>> made = biaskit.report(rows, facet="sex", label="hired", weight="weight", metrics="DPL")
    >>> made["estimate"].round(12).abs().tolist()
    [0.0, 0.0]
    """
    counts = counts_given(
        *(data, roles, given),
        dialect=dialect_of(csv, input_format, sheet),
        filesystem=filesystem,
        progress=progress,
        refuse=_refuse_no_label,
    )
    rows = weight_rows(counts)
    names = [name for name in WeightRow._fields if name != "group" or counts.roles.group]
    return formats.frame({name: [getattr(row, name) for row in rows] for name in names})


def _refuse_no_label(roles: Roles) -> None:
    if roles.label is None:
        raise RolesError("weights make a label independent of a facet; give label=")


def weight_rows(counts: Counts) -> list[WeightRow]:
    """Rows of `reweighing` on some counts, as plain records.

    Raises
    ------
    RolesError
        There is no label, or counts are protected.
    DataError
        There are no rows.
    """
    _refuse_no_label(counts.roles)
    if counts.protected is not None:
        raise RolesError("weights rest on exact counts, and these are rounded: give the exact ones")
    if not counts.rows:
        raise DataError("there are no rows, so there is nothing to weigh; is the table empty?")
    return [row for facet in counts.roles.facet for row in _of_facet(facet, counts.tables[facet])]


def _of_facet(facet: Facet, whole: Table) -> Iterator[WeightRow]:
    table = whole.as_reported()
    values, labels, groups = table.levels.facet, table.levels.label, table.levels.group
    n = table.n.sum(axis=2)
    weights = _weights(table)
    for place in product(*map(range, n.shape)):
        value, label, group = values[place[0]], labels[place[1]], groups[place[2]]
        rows = int(n[place])
        unknown = any(map(is_missing, (value, label, group)))
        if unknown and not rows:
            continue
        note = _UNKNOWN if unknown else ("" if rows else _EMPTY)
        weight = 1.0 if unknown else float(weights[place])
        yield WeightRow(
            *(facet.name, _plain(value), _plain(group), _plain(label)), rows, weight, note
        )


def _weights(table: Table) -> NDArray[np.float64]:
    """Expected over observed rows of ``(facet, label, group)``, within groups."""
    cells = np.asarray(table.n if table.w is None else table.w, dtype=np.float64).sum(axis=2)
    for axis, levels in enumerate((table.levels.facet, table.levels.label, table.levels.group)):
        gone = [*map(is_missing, levels)]
        cells[(slice(None),) * axis + (gone,)] = 0.0
    of_value, of_label = cells.sum(axis=1, keepdims=True), cells.sum(axis=0, keepdims=True)
    of_group = cells.sum(axis=(0, 1), keepdims=True)
    weights = divide(of_value * of_label, of_group * cells)
    return np.where(cells > 0, weights, np.nan)


def _plain(value: Level) -> Level:
    """A value as its column has it; the bins of a cut column and intersections as texts."""
    return value if value is MISSING or isinstance(value, (bool, int, float, str)) else show(value)
