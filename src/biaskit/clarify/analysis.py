"""``analysis.json``: the results of a job with the keys, the order and the texts of Clarify's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from biaskit.clarify.measured.bias import Bias, Value

__all__ = ["DESCRIPTIONS", "analysis_of", "as_text"]

#: What Clarify says of each metric; programs match on these texts, the misspelling included.
DESCRIPTIONS: Mapping[str, str] = {
    "AD": "Accuracy Difference (AD)",
    "CDDPL": "Conditional Demographic Disparity in Predicted Labels (CDDPL)",
    "DAR": "Difference in Acceptance Rates (DAR)",
    "DCA": "Difference in Conditional Acceptance (DCA)",
    "DCR": "Difference in Conditional Rejection (DCR)",
    "DI": "Disparate Impact (DI)",
    "DPPL": "Difference in Positive Proportions in Predicted Labels (DPPL)",
    "DRR": "Difference in Rejection Rates (DRR)",
    "FT": "Flip Test (FT)",
    "GE": "Generalized Entropy (GE)",
    "RD": "Recall Difference (RD)",
    "SD": "Specificity Difference (SD)",
    "TE": "Treatment Equality (TE)",
    "CDDL": "Conditional Demographic Disparity in Labels (CDDL)",
    "CI": "Class Imbalance (CI)",
    "DPL": "Difference in Positive Proportions in Labels (DPL)",
    "JS": "Jensen-Shannon Divergence (JS)",
    "KL": "Kullback-Liebler Divergence (KL)",  # codespell:ignore
    "KS": "Kolmogorov-Smirnov Distance (KS)",
    "LP": "L-p Norm (LP)",
    "TVD": "Total Variation Distance (TVD)",
}


def analysis_of(bias: Bias | None, explanations: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Content of ``analysis.json``."""
    made: dict[str, Any] = {"version": "1.0"}
    if explanations:
        made["explanations"] = dict(explanations)
    if bias is not None:
        for key, stage in (
            ("post_training_bias_metrics", "post_training"),
            ("pre_training_bias_metrics", "pre_training"),
        ):
            facets = {
                facet: [
                    {
                        "value_or_threshold": group.shown,
                        "metrics": [*map(_metric, getattr(group, stage))],
                    }
                    for group in groups
                ]
                for facet, groups in bias.facets.items()
            }
            if any(getattr(one, stage) for groups in bias.facets.values() for one in groups):
                made[key] = {
                    "label": bias.label,
                    "facets": facets,
                    "label_value_or_threshold": bias.label_shown,
                }
    return made


def as_text(analysis: Mapping[str, Any]) -> str:
    """Text of the file: indented by four blanks, with infinities as texts."""
    return json.dumps(analysis, indent=4, allow_nan=False) + "\n"


def _metric(value: Value) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": value.name,
        "description": DESCRIPTIONS[value.name],
        "value": _number(value.value),
    }
    if value.error is not None:
        made["error"] = value.error
    return made


def _number(value: float | None) -> float | str | None:
    if value is not None and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
