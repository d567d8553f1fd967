"""Explanations: which features make the difference between the outputs that two sides get."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit import formats
from biaskit.counts.comparisons import comparisons
from biaskit.counts.facets import Facet
from biaskit.counts.levels import MISSING
from biaskit.counts.roles import Roles
from biaskit.errors import DataError, RolesError, keywords_checked, refuse_level
from biaskit.explanations.attributions import ADDS_UP, TOTAL, Attributions, gap
from biaskit.explanations.methods import imported_shap
from biaskit.explanations.outputs import frame
from biaskit.explanations.passes import MEDIAN_ROWS, Medians, Pass, Request, attributions_of
from biaskit.intervals.moments import joined

if TYPE_CHECKING:
    import pandas as pd
    import shap

__all__ = [
    "FEW_CARRY",
    "GapRow",
    "ImportanceRow",
    "attribute",
    "explain",
    "gap_rows",
    "importance_rows",
    "shap_values",
]

_FEW_ROWS = 10
#: Rows of a rare value below which intervals of skewed values cover too little.
FEW_CARRY = 5


class GapRow(NamedTuple):
    """One row of an explanation; the fields are the columns."""

    facet: str
    value: str
    feature: str
    mean_abs_a: float
    mean_abs_d: float
    mean_a: float
    mean_d: float
    gap: float
    low: float
    high: float
    share: float
    n_a: int
    n_d: int
    n_missing: int
    output: str
    scale: str
    method: str
    note: str


class ImportanceRow(NamedTuple):
    """One row of a global explanation; the fields are the columns."""

    feature: str
    mean_abs: float
    median: float
    mean_square: float
    mean: float
    n: int
    output: str
    scale: str
    method: str
    note: str


@keywords_checked
def explain(
    model: Any,
    data: Any = None,
    *,
    facet: Any = None,
    facet_values: Any = None,
    facet_above: Any = None,
    facet_edges: Any = None,
    frequency: str | None = None,
    background: Any = None,
    features: Sequence[str] | None = None,
    output_class: Any = None,
    scale: str = "auto",
    confidence: float = 0.95,
    seed: int = 0,
    trust_model: bool = False,
    trust_pickle: bool = False,
) -> pd.DataFrame:
    """Tidy table of the features that make the gap between the outputs of two sides.

    Parameters
    ----------
    model
        A fitted model of scikit-learn, XGBoost, LightGBM or CatBoost; a pipeline, whose own input
        columns are explained; any function of a frame or an array; the path of a model file; the
        text ``module:function``; or `Attributions`, which need no data.
    data
        Rows, in any form that `biaskit.count` takes, or a two-dimensional array.
    facet, facet_values, facet_above, facet_edges
        Whose outputs are compared, as in `biaskit.count`. Without a facet, the table says how
        important each feature is in all rows.
    frequency
        Column that says how many rows each row stands for, as in `biaskit.count`: rows are repeated
        so often, those of a background that has the column as well.
    background
        Rows that the explained rows are compared with, in any form; the data themselves are one.
        Without it, trees say what they know of their training rows (path-dependent values), and
        other models are compared with 50 rows of the data.
    features
        Columns that the model takes, in their order, where it does not name them itself.
    output_class
        The one class to explain, of several; by default a block of rows for each.
    scale
        ``"raw"`` for the margin, such as log-odds; ``"probability"``; ``"auto"`` for what can be
        exact: a tree ensemble's margin, any other model's own output.
    confidence
        Level of the intervals, between 0 and 1.
    seed
        What is drawn at random follows from it.
    trust_model
        Whether a library may open a model file that biaskit does not read itself: a pickle runs the
        code that is in it, and the loaders of ONNX, skops and of categorical splits can be crashed.
    trust_pickle
        The same, as it was called first.

    Returns
    -------
    pandas.DataFrame
        A row per facet, value (as d) and feature, and one of the output itself, ``(total)``.
        ``gap`` is ``mean_a - mean_d`` of the feature's Shapley values, in the unit of ``scale``;
        the gaps of the features add up to that of the output. ``low`` and ``high`` are the ends of
        its interval, for the model and the background as they are: for values of two kinds, such
        as decisions, that of a difference of proportions, and for others one that allows for their
        skewness. ``share`` is the part of the whole gap. Without a facet: ``feature,
        mean_abs, median, mean_square, mean, n, output, scale, method, note``.

    Raises
    ------
    RolesError
        The call contradicts itself, or asks for what the model does not have.
    DataError
        The data or the model cannot be read, or do not fit each other.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "F", "M", "M"], "pay": [1, 2, 3, 4], "age": [30, 40] * 2})
    >>> def score(rows):
    ...     return 2 * rows["pay"] + rows["age"]
    >>> r = biaskit.explain(
    ...     score, df, facet="sex", facet_values="F", features=["pay", "age"], background=df
    ... )
    >>> r[["feature", "gap", "n_a", "n_d"]]
       feature  gap  n_a  n_d
    0      pay  4.0    2    2
    1      age  0.0    2    2
    2  (total)  4.0    2    2
    """
    refuse_level(confidence)
    if isinstance(model, Attributions):
        given = {"facet": facet, "facet_values": facet_values, "frequency": frequency}
        rows = gap_rows(model, model.roles.chosen(**given), confidence)
        return formats.frame(_columns(GapRow._fields, rows))
    roles = Roles(
        facet=facet,
        facet_values=facet_values,
        facet_above=facet_above,
        facet_edges=facet_edges,
        frequency=frequency,
    )
    trust = trust_model or trust_pickle
    request = Request(model, data, roles, background, features, output_class, scale, seed, trust)
    medians = None if roles.facet else Medians()
    found = attributions_of(request, medians=medians)
    if medians is not None:
        return formats.frame(
            _columns(ImportanceRow._fields, importance_rows(found, medians.found()))
        )
    return formats.frame(_columns(GapRow._fields, gap_rows(found, roles, confidence)))


@keywords_checked
def attribute(
    model: Any,
    data: Any,
    *,
    facet: Any = None,
    facet_values: Any = None,
    facet_above: Any = None,
    facet_edges: Any = None,
    frequency: str | None = None,
    background: Any = None,
    features: Sequence[str] | None = None,
    output_class: Any = None,
    scale: str = "auto",
    seed: int = 0,
    trust_model: bool = False,
    trust_pickle: bool = False,
) -> Attributions:
    """Sums of the Shapley values of all rows per facet value, which add up across files and days.

    The arguments are those of `explain`, which makes its table of the result.

    Raises
    ------
    RolesError, DataError
        As for `explain`.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "M"], "pay": [1, 2]})
    >>> one = biaskit.attribute(
    ...     lambda rows: rows["pay"], df, facet="sex", features=["pay"], background=df
    ... )
    >>> biaskit.explain(one + one, facet_values="F").gap.tolist()
    [1.0, 1.0]
    """
    roles = Roles(
        facet=facet,
        facet_values=facet_values,
        facet_above=facet_above,
        facet_edges=facet_edges,
        frequency=frequency,
    )
    trust = trust_model or trust_pickle
    return attributions_of(
        Request(model, data, roles, background, features, output_class, scale, seed, trust)
    )


@keywords_checked
def shap_values(
    model: Any,
    data: Any,
    *,
    frequency: str | None = None,
    background: Any = None,
    features: Sequence[str] | None = None,
    output_class: Any = None,
    scale: str = "auto",
    seed: int = 0,
    trust_model: bool = False,
    trust_pickle: bool = False,
) -> shap.Explanation:
    """Shapley values of every row, as shap's own object, which all of shap's plots take.

    The arguments are those of `explain`.

    Returns
    -------
    shap.Explanation
        ``values`` of the shape ``(rows, features)``, or ``(rows, features, outputs)`` where there
        are several outputs, ``base_values``, ``data`` and ``feature_names``.

    Raises
    ------
    RolesError, DataError
        As for `explain`.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"pay": [1, 2], "age": [30, 40]})
    >>> found = biaskit.shap_values(
    ...     lambda rows: rows["pay"] * 2, df, features=["pay", "age"], background=df
    ... )
    >>> found.values.tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    import pandas as pd

    library = imported_shap()
    roles = Roles(frequency=frequency)
    trust = trust_model or trust_pickle
    request = Request(model, data, roles, background, features, output_class, scale, seed, trust)
    values, rows = [], []
    explained = Pass(request)
    about = explained.about
    for batch, found in explained:
        values.append(found.shapley[:, :-1])
        rows.append(frame(batch, about.features))
    joined = np.concatenate(values, axis=2).transpose(2, 1, 0)
    base = np.broadcast_to(np.array(about.base), (len(joined), len(about.base)))
    one = len(about.outputs) == 1
    made: shap.Explanation = library.Explanation(
        values=joined[:, :, 0] if one else joined,
        base_values=base[:, 0].copy() if one else base.copy(),
        data=pd.concat(rows, ignore_index=True).to_numpy(),
        feature_names=[*about.features],
        output_names=None if one else [*about.outputs],
    )
    return made


def gap_rows(found: Attributions, roles: Roles, confidence: float) -> list[GapRow]:
    """Rows of an explanation: per facet, comparison, output and feature, the total last."""
    if not roles.facet:
        raise RolesError("facet is needed: these attributions have none")
    made = []
    for facet in roles.facet:
        sums = found.sums[facet]
        sides = comparisons(sums.levels, int(sums.n.sum()), facet, roles)
        known = np.array([level is not MISSING for level in sums.levels], dtype=bool)
        for name, on_d in zip(sides.names, sides.sides, strict=True):
            made += _comparison_rows(found, facet, name, on_d & known, ~on_d & known, confidence)
    return made


def _comparison_rows(
    found: Attributions,
    facet: Facet,
    name: str,
    on_d: NDArray[np.bool_],
    on_a: NDArray[np.bool_],
    confidence: float,
) -> list[GapRow]:
    about, sums = found.about, found.sums[facet]
    columns = {*facet.columns}
    is_facet = [name in columns and name not in found.roles.cuts for name in about.features]
    one = gap(sums, on_d, on_a, confidence, np.array([*is_facet, False]))
    parts, total = one.gap[:, :-1].sum(axis=1), one.gap[:, -1]
    size = np.abs(one.mean_a[:, :-1]).sum(axis=1) + np.abs(one.mean_d[:, :-1]).sum(axis=1)
    size += np.abs(one.mean_a[:, -1]) + np.abs(one.mean_d[:, -1])
    if one.n_a and one.n_d and np.any(np.abs(parts - total) > ADDS_UP * size + 1e-12):
        raise DataError(
            f"the parts of the gap add up to {parts} and not to {total}: the attributions are "
            "damaged; explain the data again"
        )
    rows = []
    for output, feature in itertools.product(
        range(len(about.outputs)), range(len(about.features) + 1)
    ):
        at = (output, feature)
        named = (*about.features, TOTAL)[feature]
        whole = total[output]
        notes = []
        if named in columns:
            notes.append("this feature is the facet itself")
        if min(one.n_a, one.n_d) == 0:
            notes.append("a side has no rows")
        elif min(one.n_a, one.n_d) < _FEW_ROWS:
            notes.append(f"few rows: {min(one.n_a, one.n_d)} on one side")
        if one.few[at] < FEW_CARRY:
            carrying = f"about {max(round(one.few[at]), 1)} on one side"
            notes.append(f"few rows carry this sum: {carrying}; its interval may be too narrow")
        if one.is_plain[at]:
            notes.append(
                "the skewness is unknown, as in files of biaskit 0.1: the interval is Welch's"
            )
        if one.noise[at] > 0:
            notes.append(f"sampling error {one.noise[at]:.1g}")
        if about.own_background and named != TOTAL:
            notes.append("the background is from the data and counts as fixed")
        if whole == 0 and one.n_a and one.n_d:
            notes.append("no gap to have a share of")
        rows.append(
            GapRow(
                facet=facet.name,
                value=name,
                feature=named,
                mean_abs_a=float(one.mean_abs_a[at]),
                mean_abs_d=float(one.mean_abs_d[at]),
                mean_a=float(one.mean_a[at]),
                mean_d=float(one.mean_d[at]),
                gap=float(one.gap[at]),
                low=float(one.low[at]),
                high=float(one.high[at]),
                share=float(one.gap[at] / whole) if whole else math.nan,
                n_a=one.n_a,
                n_d=one.n_d,
                n_missing=found.rows - one.n_a - one.n_d,
                output=about.outputs[output],
                scale=about.scale,
                method=about.method,
                note="; ".join(notes),
            )
        )
    return rows


def importance_rows(
    found: Attributions, medians: NDArray[np.float64] | None, note: str = ""
) -> list[ImportanceRow]:
    """Rows of a global explanation: per output and feature, the total last."""
    about = found.about
    sums = next(iter(found.sums.values()))
    all_rows = joined(sums.moments)
    mean_square = all_rows.second / found.rows + all_rows.mean**2
    rows = []
    for output, feature in itertools.product(
        range(len(about.outputs)), range(len(about.features) + 1)
    ):
        at = (output, feature)
        notes = [note] if note else []
        if found.rows > MEDIAN_ROWS:
            notes.append("the median is of a sample of the rows")
        rows.append(
            ImportanceRow(
                feature=(*about.features, TOTAL)[feature],
                mean_abs=float(all_rows.absolute[at] / found.rows),
                median=math.nan if medians is None else float(medians[at]),
                mean_square=float(mean_square[at]),
                mean=float(all_rows.mean[at]),
                n=found.rows,
                output=about.outputs[output],
                scale=about.scale,
                method=about.method,
                note="; ".join(notes),
            )
        )
    return rows


def _columns(names: Sequence[str], rows: Sequence[NamedTuple]) -> Mapping[str, list[Any]]:
    return {name: [getattr(row, name) for row in rows] for name in names}
