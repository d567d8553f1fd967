"""Violations: numbers of a job that are farther from parity than those of its baseline.

Clarify's documents describe an interval; its container compares sizes alone: a metric is violated
where today's number is larger in size than the baseline's (observed on a published window, whose
eight violations and thirteen other numbers follow so). DI is then taken to be fair at 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from biaskit.clarify.asked.json_text import json_of
from biaskit.clarify.measured.bias import Bias
from biaskit.clarify.measured.intervals import OURS, intervals_of
from biaskit.errors import DataError, RolesError
from biaskit.gate.ranking import ndcg
from biaskit.metrics import METRICS
from biaskit.store.addresses import is_address, said

__all__ = ["Drift", "Rule", "baseline_of", "drift_of"]

#: How drift is judged: by Clarify's rule, or by where a number's interval lies.
Rule: TypeAlias = Literal["clarify", "intervals"]

_STAGES = ("post_training_bias_metrics", "pre_training_bias_metrics")
_LEAST_NDCG = 0.90
# Sums in another order differ by this share, which is no drift.
_ROUNDING = 1e-12
_INFINITE = {"Infinity": math.inf, "-Infinity": -math.inf, "∞": math.inf, "-∞": -math.inf}


class Drift(NamedTuple):
    """Violations as Clarify writes them, and the numbers that could not be judged, with why."""

    violations: list[dict[str, str]]
    undecided: list[str]


class _Number(NamedTuple):
    facet: str
    place: int
    shown: str
    name: str
    value: float


def baseline_of(path: str | Path) -> dict[str, Any]:
    """Content of a baseline, the ``analysis.json`` of an earlier job.

    Raises
    ------
    DataError
        It cannot be read, or is no result of Clarify's.
    RolesError
        It is an address.
    """
    if is_address(str(path)):
        raise RolesError(f"the baseline {said(path)} is an address; download it, or give --map")
    read = json_of(Path(path))
    if not isinstance(read, dict) or not ({*_STAGES, "explanations"} & {*read}):
        raise DataError(
            f"{said(path)} has neither bias metrics nor explanations; give the analysis.json of an "
            "earlier job"
        )
    return read


def drift_of(
    baseline: Mapping[str, Any],
    analysis: Mapping[str, Any],
    bias: Bias | None,
    rule: Rule = "clarify",
    confidence: float = 0.95,
) -> Drift:
    """What has drifted since a baseline, of the metrics and attributions that both have.

    Parameters
    ----------
    baseline, analysis
        Contents of ``analysis.json``, then and today.
    bias
        Today's numbers with their counts, which the rule ``"intervals"`` needs.
    rule
        ``"clarify"``, or ``"intervals"``: a number is violated where its whole interval is farther
        from parity than the baseline's number, all numbers together at the level `confidence`.

    Raises
    ------
    RolesError
        Both have nothing in common.
    """
    pairs = [
        (then, now)
        for stage in _STAGES
        for then, now in _pairs(baseline.get(stage), analysis.get(stage))
    ]
    attributions = [*_attributions(baseline, analysis)]
    if not pairs and not _global(baseline).keys() & _global(analysis).keys():
        raise RolesError(
            "the baseline and the job have no number in common: their facets, values, metrics and "
            "labels differ; give the baseline of the same job"
        )
    if rule == "clarify" or bias is None:
        violated = [
            (then, now) for then, now in pairs if abs(now.value) > abs(then.value) * (1 + _ROUNDING)
        ]
        undecided: list[str] = []
    else:
        violated, undecided = _by_intervals(pairs, bias, confidence)
    return Drift([*(_violation(*pair) for pair in violated), *attributions], undecided)


def _by_intervals(
    pairs: Sequence[tuple[_Number, _Number]], bias: Bias, confidence: float
) -> tuple[list[tuple[_Number, _Number]], list[str]]:
    """Numbers whose intervals, at a level that serves all, are beyond the baseline's."""
    rows = intervals_of(bias, 1 - (1 - confidence) / max(1, len(pairs)))
    violated, undecided = [], []
    for then, now in pairs:
        row = rows.get((now.facet, now.place, now.name))
        which = f"{now.name} of {now.facet} {now.shown}"
        if row is None:
            undecided.append(f"{which}: it has no interval, so nothing is certain of it")
            continue
        parity = METRICS[OURS.get(now.name, now.name)].parity
        reach = abs(then.value - parity)
        if row.low > parity + reach or row.high < parity - reach:
            violated.append((then, now))
        elif row.low < parity - reach or row.high > parity + reach:
            undecided.append(f"{which}: its interval reaches beyond the baseline's {then.value:g}")
    return violated, undecided


def _pairs(then: Any, now: Any) -> Iterator[tuple[_Number, _Number]]:
    """Numbers of the same facet, group and metric in both, in the order of today's."""
    before = {(one.facet, one.shown, one.name): one for one in _numbers(then)}
    for one in _numbers(now):
        if (known := before.get((one.facet, one.shown, one.name))) is not None:
            yield known, one


def _numbers(stage: Any) -> Iterator[_Number]:
    facets = stage.get("facets") if isinstance(stage, Mapping) else None
    for facet, groups in (facets if isinstance(facets, Mapping) else {}).items():
        for place, group in enumerate(groups if isinstance(groups, list) else ()):
            if not isinstance(group, Mapping) or not isinstance(group.get("metrics"), list):
                continue
            for metric in group["metrics"]:
                value = _value(metric.get("value")) if isinstance(metric, Mapping) else None
                if value is not None:
                    shown = str(group.get("value_or_threshold"))
                    yield _Number(facet, place, shown, str(metric.get("name")), value)


def _value(value: Any) -> float | None:
    if isinstance(value, str):
        return _INFINITE.get(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return None if math.isnan(value) else float(value)
    return None


def _violation(then: _Number, now: _Number) -> dict[str, str]:
    return {
        "constraint_check_type": "bias_drift_check",
        "description": f"Metric value {_shown(now.value)} doesn't meet the baseline constraint "
        f"requirement {_shown(then.value)}",
        "facet": now.facet,
        "facet_value": now.shown,
        "metric_name": now.name,
    }


def _shown(value: float) -> str:
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _attributions(
    baseline: Mapping[str, Any], analysis: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    """Labels whose ranking of features has changed much."""
    before, today = _global(baseline), _global(analysis)
    for label, now in today.items():
        then = before.get(label)
        if then is None:
            continue
        sizes = [{name: abs(value) for name, value in one.items()} for one in (now, then)]
        found = ndcg(*sizes)
        if found < _LEAST_NDCG:
            yield {
                "label": label,
                "metric_name": "shap",
                "constraint_check_type": "feature_attribution_drift_check",
                "description": f"Feature attribution drift {found!r} exceeds threshold "
                f"{_LEAST_NDCG}",
            }


def _global(analysis: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Global SHAP values of each label."""
    explanations = analysis.get("explanations")
    found = explanations.get("kernel_shap") if isinstance(explanations, Mapping) else None
    made: dict[str, dict[str, float]] = {}
    for label, one in (found if isinstance(found, Mapping) else {}).items():
        values = one.get("global_shap_values") if isinstance(one, Mapping) else None
        if isinstance(values, Mapping) and values:
            numbers = {name: _value(value) for name, value in values.items()}
            if all(value is not None for value in numbers.values()):
                made[label] = numbers  # type: ignore[assignment]
    return made
