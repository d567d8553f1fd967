"""Explanations: how much each feature contributes to the gap between two sides' outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from biaskit.counts.arguments import (
    Column,
    CutOfD,
    EdgesOfD,
    FacetsGiven,
    Reference,
    RoleArguments,
    ValuesOfD,
)
from biaskit.counts.roles import Roles
from biaskit.errors import keywords_checked, refuse_level
from biaskit.explanations.attributions import Attributions
from biaskit.explanations.floats import frame
from biaskit.explanations.gaps import GapRow, ImportanceRow, gap_rows, importance_rows
from biaskit.explanations.methods.choice import explained
from biaskit.explanations.methods.shap_rows import imported_shap
from biaskit.explanations.request import Request, sides_of
from biaskit.explanations.samples import Medians
from biaskit.explanations.summing import attributions_of
from biaskit.progress import Asked, told
from biaskit.sources.files.dialect import dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd
    import shap

__all__ = ["attribute", "explain", "shap_values"]


@keywords_checked
def explain(
    model: Any,
    data: Any = None,
    roles: Roles | None = None,
    *,
    facet: FacetsGiven = None,
    facet_values: ValuesOfD = None,
    reference: Reference = None,
    facet_above: CutOfD = None,
    facet_at_most: CutOfD = None,
    facet_edges: EdgesOfD = None,
    frequency: Column | None = None,
    background: Any = None,
    features: Sequence[str] | None = None,
    output_class: Any = None,
    scale: str = "auto",
    confidence: float = 0.95,
    seed: int = 0,
    sampling_error: float = 0.01,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    progress: Asked = None,
    trust_model: bool = False,
    trust_pickle: bool = False,
) -> pd.DataFrame:
    """Tidy table of the features' contributions to the gap between two sides' outputs.

    Parameters
    ----------
    model
        A fitted model of scikit-learn, XGBoost, LightGBM or CatBoost; a pipeline, whose own input
        columns are explained; any function of a frame or an array; the path of a model file; the
        text ``module:function``; or `Attributions`, which need no data.
    data
        Rows, in any form that `biaskit.count` takes, or a two-dimensional array.
    roles
        A `Roles`, instead of the keywords for facets and frequencies: those of a report serve as
        well, though outcomes are not needed here.
    facet, facet_values, reference, facet_above, facet_at_most, facet_edges
        Sides whose outputs are compared, as in `biaskit.count`. Without a facet, the table says how
        important each feature is over all rows.
    frequency
        Column that says how many rows each row stands for, as in `biaskit.count`: rows are repeated
        accordingly, as are those of a background that has the column.
    background
        Rows that the explained rows are compared with, in any form, such as the data themselves.
        Without it, trees use the counts of their training rows (path-dependent values), and other
        models are compared with 50 rows of the data.
    features
        Columns that the model takes, in their order, where it does not name them itself.
    output_class
        Class to explain, where there are several; by default the table has a block of rows for
        each.
    scale
        ``"raw"`` for the margin, such as log-odds; ``"probability"``; ``"auto"`` for the scale that
        is exact: a tree ensemble's or a linear model's margin, also at the end of a pipeline; any
        other model's own output.
    confidence
        Level of the intervals, between 0 and 1.
    seed
        Seed of the random draws.
    sampling_error
        Where trees are so deep that they cannot be compared with the whole background: how large
        the standard error of a part may be, as a share of the largest part (both on average over
        rows). As many background rows are drawn; `method` says how many.
    csv
        How CSV files are written, as for `biaskit.count`: those of the data, and of the background.
    input_format, sheet
        Format of the files, and the sheet of a workbook, as for `biaskit.count`.
    progress
        Whether a bar shows how far the call is, or a function that is told, as for `biaskit.count`.
    trust_model
        Whether a library may open a model file that biaskit does not read itself: a pickle runs the
        code that it contains, and crafted files can crash the loaders of ONNX, skops and
        stored categories.
    trust_pickle
        Former name of `trust_model`.

    Returns
    -------
    pandas.DataFrame
        A row per facet, value (as d) and feature, and one of the output itself, ``(total)``.
        ``gap`` is ``mean_a - mean_d`` of the feature's Shapley values, in the unit of ``scale``;
        the gaps of the features add up to that of the output. ``low`` and ``high`` are the ends of
        its interval, for the model and the background as they are: for values of two kinds, such as
        decisions, that of a difference of proportions; for others, one that allows for skewness.
        ``share`` is the share of the whole gap. Without a facet: ``feature, mean_abs, median,
        mean_square, mean, n, output, scale, method, note``.

    Raises
    ------
    RolesError
        The call contradicts itself, or names something that the model lacks.
    DataError
        The data or the model cannot be read, or are incompatible.

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
    given: RoleArguments = {
        "facet": facet,
        "facet_values": facet_values,
        "reference": reference,
        "facet_above": facet_above,
        "facet_at_most": facet_at_most,
        "facet_edges": facet_edges,
        "frequency": frequency,
    }
    dialect = dialect_of(csv, input_format, sheet)
    if isinstance(model, Attributions):
        if dialect is not None:
            raise dialect.refused("these are attributions")
        asked = given if roles is None else sides_of(roles, given).given()
        rows = gap_rows(model, model.roles.chosen(**asked), confidence)
        return formats.frame(_columns(GapRow._fields, rows))
    roles = sides_of(roles, given)
    trust = trust_model or trust_pickle
    request = Request(
        model,
        data,
        roles,
        background,
        features,
        output_class,
        scale,
        seed,
        trust,
        dialect=dialect_of(csv, input_format, sheet),
        sampling_error=sampling_error,
    )
    medians = None if roles.facet else Medians()
    with told(progress) as tell:
        found = attributions_of(explained(request), tell, medians)
    if medians is not None:
        return formats.frame(
            _columns(ImportanceRow._fields, importance_rows(found, medians.found()))
        )
    return formats.frame(_columns(GapRow._fields, gap_rows(found, roles, confidence)))


@keywords_checked
def attribute(
    model: Any,
    data: Any,
    roles: Roles | None = None,
    *,
    facet: FacetsGiven = None,
    facet_values: ValuesOfD = None,
    reference: Reference = None,
    facet_above: CutOfD = None,
    facet_at_most: CutOfD = None,
    facet_edges: EdgesOfD = None,
    frequency: Column | None = None,
    background: Any = None,
    features: Sequence[str] | None = None,
    output_class: Any = None,
    scale: str = "auto",
    seed: int = 0,
    sampling_error: float = 0.01,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    progress: Asked = None,
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
    given: RoleArguments = {
        "facet": facet,
        "facet_values": facet_values,
        "reference": reference,
        "facet_above": facet_above,
        "facet_at_most": facet_at_most,
        "facet_edges": facet_edges,
        "frequency": frequency,
    }
    roles = sides_of(roles, given)
    trust = trust_model or trust_pickle
    request = Request(
        model,
        data,
        roles,
        background,
        features,
        output_class,
        scale,
        seed,
        trust,
        dialect=dialect_of(csv, input_format, sheet),
        sampling_error=sampling_error,
    )
    with told(progress) as tell:
        return attributions_of(explained(request), tell)


@keywords_checked
def shap_values(
    model: Any,
    data: Any,
    *,
    frequency: Column | None = None,
    background: Any = None,
    features: Sequence[str] | None = None,
    output_class: Any = None,
    scale: str = "auto",
    seed: int = 0,
    sampling_error: float = 0.01,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    progress: Asked = None,
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
    request = Request(
        model,
        data,
        roles,
        background,
        features,
        output_class,
        scale,
        seed,
        trust,
        dialect=dialect_of(csv, input_format, sheet),
        sampling_error=sampling_error,
    )
    values, rows = [], []
    count = 0
    with told(progress) as tell:
        _, about, batches = explained(request)
        for batch, found in batches:
            values.append(found.shapley[:, :-1])
            rows.append(frame(batch, about.features))
            count += batch.rows
            if tell is not None:
                tell(count, batch.done)
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


def _columns(names: Sequence[str], rows: Sequence[NamedTuple]) -> Mapping[str, list[Any]]:
    return {name: [getattr(row, name) for row in rows] for name in names}
