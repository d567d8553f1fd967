"""biaskit measures bias in data and in models: read the rows once, then ask anything of the counts.

The names below load what they need when they are first used; importing the package loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biaskit import compat, datasets
    from biaskit.attributions import Attributions
    from biaskit.checks import check
    from biaskit.counts import Counts
    from biaskit.dependence import partial_dependence
    from biaskit.drift import compare, ndcg
    from biaskit.errors import BiaskitError
    from biaskit.explanations import attribute, explain, shap_values
    from biaskit.metrics import METRICS, lp_norm, metric
    from biaskit.reports import report
    from biaskit.sources import count

__version__ = "0.2.0"

__all__ = [
    "METRICS",
    "Attributions",
    "BiaskitError",
    "Counts",
    "attribute",
    "check",
    "compare",
    "compat",
    "count",
    "datasets",
    "explain",
    "lp_norm",
    "metric",
    "ndcg",
    "partial_dependence",
    "report",
    "shap_values",
]

_HOME = {
    "METRICS": "biaskit.metrics",
    "Attributions": "biaskit.attributions",
    "BiaskitError": "biaskit.errors",
    "Counts": "biaskit.counts",
    "attribute": "biaskit.explanations",
    "check": "biaskit.checks",
    "compare": "biaskit.drift",
    "count": "biaskit.sources",
    "explain": "biaskit.explanations",
    "lp_norm": "biaskit.metrics",
    "metric": "biaskit.metrics",
    "ndcg": "biaskit.drift",
    "partial_dependence": "biaskit.dependence",
    "report": "biaskit.reports",
    "shap_values": "biaskit.explanations",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOME:
        found = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = found
        return found
    if name in ("compat", "datasets"):
        return importlib.import_module(f"biaskit.{name}")
    raise AttributeError(f"module 'biaskit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
