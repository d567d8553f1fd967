"""``kernel_shap``: global and local SHAP values of a job's model, with Clarify's names.

Values are exact where they can be: by the trees or the formula of a model in this process on the
scale that is explained, or by all coalitions of features where these are few enough. Otherwise they
are those of KernelSHAP, with a stated error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.asked.configuration import Shap
from biaskit.clarify.explaining.coalitions import all_coalitions, drawn_coalitions, shapley
from biaskit.clarify.explaining.logistic import logistic_values, work_of
from biaskit.clarify.explaining.mixtures import Mixtures
from biaskit.clarify.predictors.models import InProcess
from biaskit.clarify.predictors.predictor import Predictor
from biaskit.errors import BiaskitError, DataError, RolesError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Local", "global_values", "local_values", "names_of"]

# Mixtures of rows of a model in this process that are worth an exact value.
_MOST_MIXTURES = 20_000_000
_MOST_FEATURES = 16
# Products of complex numbers that exact values of a logistic model are worth: half a minute.
_MOST_WORK = 2e9
# Rounding of a model's own scores, against which exact values are checked.
_SAME = 1e-4
# Probabilities are kept this far from 0 and 1 before their log-odds are taken.
_LEAST = 1e-9


class Local(NamedTuple):
    """Values of rows.

    Attributes
    ----------
    labels
        Names of the outputs.
    values
        Shape ``(outputs, rows, features)``.
    expected
        Mean output over the baseline, for each output.
    method
        How the values were found, in words.
    error
        Root mean square of their errors; 0 where they are exact, NaN where too few coalitions were
        drawn to tell.
    """

    labels: list[str]
    values: NDArray[np.float64]
    expected: NDArray[np.float64]
    method: str
    error: float


def local_values(
    predictor: Predictor,
    rows: pd.DataFrame,
    baseline: pd.DataFrame,
    shap: Shap,
    *,
    sampled: bool = False,
    told: Callable[[float], None] = lambda _: None,
) -> Local:
    """SHAP values of rows.

    Parameters
    ----------
    predictor
        The model.
    rows, baseline
        Rows to explain, and rows to compare with.
    shap
        Arguments of the method.
    sampled
        Whether to draw coalitions even where exact values are possible.
    told
        Called with the share of the rows that are explained.

    Raises
    ------
    DataError
        The model cannot be asked, or returns no finite scores.
    """
    if isinstance(predictor, InProcess) and not sampled:
        for exact in (_by_the_formula, _by_the_model):
            found = exact(predictor, rows, baseline, use_logit=shap.use_logit)
            if found is not None:
                return found
    features = rows.shape[1]
    is_here = isinstance(predictor, InProcess)
    most = shap.num_samples or 2 * features + 2_048
    mixtures = len(rows) * len(baseline) * 2 ** min(features, 60)
    is_exact = 2**features - 2 <= most or (
        is_here and not sampled and features <= _MOST_FEATURES and mixtures <= _MOST_MIXTURES
    )
    coalitions = (
        all_coalitions(features) if is_exact else drawn_coalitions(features, most, shap.seed or 0)
    )
    mixed = Mixtures(rows, baseline).scores(predictor)

    def score(own: NDArray[np.intp], members: NDArray[np.bool_]) -> NDArray[np.float64]:
        outputs = mixed(own, members)
        return _log_odds(outputs) if shap.use_logit else outputs

    made = shapley(score, len(rows), len(baseline), coalitions, told)
    number = len(coalitions.members) - 2
    how = (
        f"exact, all {number + 2:,} coalitions of {features} features"
        if is_exact
        else f"KernelSHAP with {number:,} coalitions of {features} features"
    )
    return Local(names_of(predictor, len(made.values)), made.values, made.base, how, made.error)


def global_values(
    local: Local, features: Sequence[str], shap: Shap, chosen: Sequence[str] | None = None
) -> dict[str, Any]:
    """Content of ``kernel_shap``: global values and the expected value of each label."""
    made: dict[str, Any] = {}
    for label, values, expected in zip(local.labels, local.values, local.expected, strict=True):
        match shap.agg_method:
            case "median":
                whole = np.median(values, axis=0)
            case "mean_sq":
                whole = np.mean(np.square(values), axis=0)
            case _:
                whole = np.mean(np.abs(values), axis=0)
        by_name = dict(zip(features, whole.tolist(), strict=True))
        kept = [*features] if chosen is None else [one for one in features if one in chosen]
        made[label] = {
            "global_shap_values": {name: by_name[name] for name in kept},
            "expected_value": float(expected),
        }
    return made


def _by_the_formula(
    predictor: InProcess, rows: pd.DataFrame, baseline: pd.DataFrame, *, use_logit: bool
) -> Local | None:
    """Values of the probability of a logistic model, by its formula; None for any other."""
    formula = predictor.model.formula
    if use_logit or formula is None or formula.unit != "log-odds" or len(formula.weights) != 1:
        return None
    floats, scores = predictor.on_floats(Mixtures(rows, baseline).together())
    if not np.all(np.isfinite(floats)):
        return None
    own, other = floats[: len(rows)], floats[len(rows) :]
    weights = formula.weights[0]
    parts = (own[:, np.newaxis] - other) * weights
    start = other @ weights + formula.at_zero[0]
    if work_of(parts, start) > _MOST_WORK:
        return None
    made = logistic_values(parts, start)[np.newaxis]
    method = "exact, by the formula of the logistic model"
    base = scores(other).mean(axis=0)
    if not _add_up(made, base, scores(own), base):
        return None
    return Local(names_of(predictor, len(made)), made, base, method, 0.0)


def _by_the_model(
    predictor: InProcess, rows: pd.DataFrame, baseline: pd.DataFrame, *, use_logit: bool
) -> Local | None:
    """Values by the model's own trees or formula; None where they are not exact on the scale."""
    from biaskit.counts.roles import Roles
    from biaskit.explanations.methods.choice import explained
    from biaskit.explanations.request import Request

    floats, scores = predictor.on_floats(Mixtures(rows, baseline).together())
    request = Request(
        predictor.model,
        rows,
        Roles(),
        background=baseline,
        features=[str(name) for name in rows.columns],
        scale="raw" if use_logit else predictor.scale_of(rows),
    )
    try:
        _, about, batches = explained(request)
        if "exact" not in about.method or (use_logit and about.unit != "log-odds"):
            return None
        found = [values.shapley[:, :-1] for _, values in batches]
    except BiaskitError:
        return None
    values = np.concatenate(found, axis=2).transpose(0, 2, 1)
    base = np.array(about.base)
    own, other = scores(floats[: len(rows)]), scores(floats[len(rows) :])
    mean = (_log_odds(other) if use_logit else other).mean(axis=0)
    if not _add_up(values, base, own, mean, use_logit=use_logit):
        return None
    return Local(names_of(predictor, len(values)), values, base, about.method, 0.0)


def _add_up(
    values: NDArray[np.float64],
    base: NDArray[np.float64],
    scores: NDArray[np.float64],
    mean: NDArray[np.float64],
    *,
    use_logit: bool = False,
) -> bool:
    """Whether values and a base make the scores that the model itself gives, and their mean."""
    if base.shape != mean.shape or len(values) != len(base):
        return False
    whole = values.sum(axis=2).T + base
    if use_logit:
        whole = np.exp(-np.logaddexp(0, -whole))
    # Libraries sum float32.
    near = _SAME * (1 + np.abs(scores).max(initial=0.0))
    is_same = np.all(np.abs(whole - scores) <= near)
    return bool(is_same and np.all(np.abs(base - mean) <= near + _SAME * np.abs(mean)))


def names_of(predictor: Predictor, outputs: int) -> list[str]:
    """Names of a model's outputs.

    Raises
    ------
    RolesError
        The configuration names more or fewer than there are.
    """
    names = predictor.names
    if len(names) != outputs:
        raise RolesError(
            f"predictor.label_headers names {len(names)} outputs ({', '.join(names)}), but the "
            f"model has {outputs}"
        )
    return names


def _log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    if np.any((scores < 0) | (scores > 1)):
        raise DataError(
            "shap.use_logit needs scores between 0 and 1, but the model's answers go beyond; leave "
            "it out"
        )
    kept = np.clip(scores, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(kept) - np.log1p(-kept))
