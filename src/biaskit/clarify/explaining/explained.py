"""Explained: the explanations that a job asks for, and the files beside ``analysis.json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.explaining import baselines
from biaskit.clarify.explaining.kernel_shap import Local, global_values, local_values
from biaskit.clarify.explaining.partial import MOST_ROWS, partial_dependence_of
from biaskit.clarify.measured.bias import Bias
from biaskit.clarify.predictors.predictor import Predictor
from biaskit.clarify.tables.datasets import Dataset
from biaskit.clarify.tables.frames import frame_of
from biaskit.errors import DataError, RolesError, did_you_mean
from biaskit.explanations.attributions import TOTAL
from biaskit.intervals import means
from biaskit.intervals.moments import of_groups

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Explanations", "explanations_of"]

# Level of the intervals of gaps.
_LEVEL = 0.95


class Explanations(NamedTuple):
    """Explanations of a job.

    Attributes
    ----------
    content
        Content of ``explanations`` in ``analysis.json``.
    files
        Text of each further file, by its path in the output.
    added
        How the values were found, for ``biaskit.json``.
    """

    content: dict[str, Any]
    files: dict[str, str]
    added: dict[str, Any]
    #: SHAP values of every row, if asked for, and the rows.
    local: Local | None
    rows: pd.DataFrame


def explanations_of(
    job: Configuration,
    dataset: Dataset,
    predictor: Predictor,
    bias: Bias | None,
    *,
    baseline: Any = None,
    sampled: bool = False,
    told: Callable[[float], None] = lambda _: None,
) -> Explanations:
    """SHAP values and partial dependence of a job's model.

    Parameters
    ----------
    job, dataset, predictor
        The configuration, the rows and the model.
    bias
        Bias metrics of the same job, whose facets the values are also averaged by.
    baseline
        Rows of the file that the configuration names as the baseline, if it names one.
    sampled
        Whether to draw coalitions even where exact values are possible.
    told
        Called with the share of the rows that are explained.

    Raises
    ------
    DataError, RolesError
        The model cannot be asked, or a feature is unknown.
    """
    features = [*dataset.features]
    if not features:
        raise DataError("Data must contain features. No column is left that the model could take")
    rows = frame_of(dataset, features)
    content: dict[str, Any] = {}
    files: dict[str, str] = {}
    added: dict[str, Any] = {}
    local = None
    if job.shap is not None:
        compared = _baseline(job, rows, baseline)
        local = local_values(predictor, rows, compared, job.shap, sampled=sampled, told=told)
        chosen = _named(job.shap.features_to_explain, dataset, "shap.features_to_explain")
        content["kernel_shap"] = global_values(local, features, job.shap, chosen)
        files["explanations_shap/baseline.csv"] = _csv(compared)
        if job.shap.save_local_shap_values:
            files["explanations_shap/out.csv"] = _csv(_out(local, features, chosen, dataset))
        added["shap"] = {"method": local.method, "error_of_a_value": local.error}
        if bias is not None:
            files["explanations_shap/facets.csv"] = _csv(_by_facet(local, features, dataset, bias))
    if job.pdp is not None:
        asked = _named(job.pdp.features, dataset, "pdp.features")
        if asked is None:
            assert local is not None
            asked = _largest(content["kernel_shap"], job.pdp.top_k_features)
        grid = job.pdp.grid_resolution
        content["pdp"] = partial_dependence_of(predictor, rows, asked, grid)
        added["pdp"] = {"rows": min(len(rows), MOST_ROWS)}
    return Explanations(content, files, added, local, rows)


def _baseline(job: Configuration, rows: pd.DataFrame, held: Any) -> pd.DataFrame:
    """Rows to compare with: given in the configuration or in a file, or computed."""
    assert job.shap is not None
    if held is not None:
        return held if hasattr(held, "iloc") else baselines.given(job, held, list(rows.columns))
    if job.shap.baseline is not None:
        return baselines.given(job, job.shap.baseline, list(rows.columns))
    return baselines.computed(rows, job.shap.num_clusters, job.shap.seed or 0)


def _named(asked: Sequence[str | int] | None, dataset: Dataset, key: str) -> list[str] | None:
    """Features that a configuration names, by their names or their places."""
    if asked is None:
        return None
    made = []
    for one in asked:
        # A place is that of a column of the data set, and of a feature where columns have no names.
        names: Sequence[str] = dataset.features if dataset.is_json else dataset.names
        found = names[one] if isinstance(one, int) and one < len(names) else one
        if found not in dataset.features:
            raise RolesError(
                f"Feature names not found. {key}: no feature {one!r}; "
                f"{did_you_mean(str(one), dataset.features)}"
            )
        made.append(str(found))
    return made


def _largest(shap: Mapping[str, Any], most: int) -> list[str]:
    """Features of the largest global values of any label."""
    sizes: dict[str, float] = {}
    for one in shap.values():
        for name, value in one["global_shap_values"].items():
            sizes[name] = max(sizes.get(name, 0.0), abs(value))
    return sorted(sizes, key=lambda name: -sizes[name])[:most]


def _out(
    local: Local, features: Sequence[str], chosen: Sequence[str] | None, dataset: Dataset
) -> pd.DataFrame:
    """Local values, a column for each feature and label, and the column that names the rows."""
    import pandas as pd

    made = {
        f"{name}_{label}": values[:, i]
        for label, values in zip(local.labels, local.values, strict=True)
        for i, name in enumerate(features)
        if chosen is None or name in chosen
    }
    frame = pd.DataFrame(made)
    if dataset.join is not None:
        frame[dataset.join] = frame_of(dataset, [dataset.join])[dataset.join]
    return frame


def _by_facet(local: Local, features: Sequence[str], dataset: Dataset, bias: Bias) -> pd.DataFrame:
    """Mean values of each group of a facet and of all other rows, and the gap between them.

    The last feature is the total: the mean score beyond that of the baseline.
    """
    import pandas as pd

    from biaskit.clarify.measured.groups import rows_of_groups

    made = []
    for facet, shown, inside in rows_of_groups(dataset, bias):
        if not inside.any() or inside.all():
            continue
        for label, values in zip(local.labels, local.values, strict=True):
            whole = np.concatenate([values.T, values.sum(axis=1)[np.newaxis]])
            both = of_groups(whole, inside.astype(np.intp), 2)
            a, d = both.at(0), both.at(1)
            unknown = np.full(a.mean.shape, np.nan)
            found = means.difference(a, d, unknown, unknown, _LEVEL)
            parts = (d.mean, a.mean, a.mean - d.mean, found.low, found.high)
            for name, *numbers in zip((*features, TOTAL), *parts, strict=True):
                made.append((facet, shown, label, name, int(d.n), int(a.n), *numbers))
    titles = ["facet", "group", "label", "feature", "rows_group", "rows_all_others"]
    titles += ["mean_group", "mean_all_others", "gap", "low", "high"]
    return pd.DataFrame(made, columns=titles)


def _csv(frame: pd.DataFrame) -> str:
    """CSV of a frame."""
    return str(frame.to_csv(index=False, lineterminator="\n"))
