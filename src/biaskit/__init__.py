"""biaskit measures bias in data and in models: read the rows once, compute all else from counts.

The names below load what they need when they are first used; importing the package loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biaskit import audits, clarify, datasets
    from biaskit._kernels.warm import warm
    from biaskit.audits.impact import impact
    from biaskit.audits.profile.profile import profile
    from biaskit.audits.reweighing import reweighing
    from biaskit.audits.slices.slices import slices
    from biaskit.browser.app import app
    from biaskit.clarify import compat
    from biaskit.counts.counts import Counts
    from biaskit.counts.roles import Roles
    from biaskit.errors import BiaskitError
    from biaskit.explanations.attributions import Attributions
    from biaskit.explanations.dependence import partial_dependence
    from biaskit.explanations.explain import attribute, explain, shap_values
    from biaskit.gate.check import check
    from biaskit.gate.compare import compare
    from biaskit.gate.ranking import ndcg
    from biaskit.metrics import METRICS, lp_norm, metric
    from biaskit.pages.chart import chart
    from biaskit.pages.exports.show import show
    from biaskit.pages.page import page
    from biaskit.reports.rates import rates
    from biaskit.reports.report import report
    from biaskit.reports.sentences import sentences
    from biaskit.reports.summary import summary
    from biaskit.scores.calibration import calibration
    from biaskit.scores.sweep import sweep
    from biaskit.scores.threshold import threshold
    from biaskit.sources.counting import count
    from biaskit.store.version import __version__

__all__ = [
    "METRICS",
    "Attributions",
    "BiaskitError",
    "Counts",
    "Roles",
    "__version__",
    "app",
    "attribute",
    "audits",
    "calibration",
    "chart",
    "check",
    "clarify",
    "compare",
    "compat",
    "count",
    "datasets",
    "explain",
    "impact",
    "lp_norm",
    "metric",
    "ndcg",
    "page",
    "partial_dependence",
    "profile",
    "rates",
    "report",
    "reweighing",
    "sentences",
    "shap_values",
    "show",
    "slices",
    "summary",
    "sweep",
    "threshold",
    "warm",
]

_HOME = {
    "__version__": "biaskit.store.version",
    "METRICS": "biaskit.metrics",
    "Attributions": "biaskit.explanations.attributions",
    "BiaskitError": "biaskit.errors",
    "Counts": "biaskit.counts.counts",
    "Roles": "biaskit.counts.roles",
    "app": "biaskit.browser.app",
    "attribute": "biaskit.explanations.explain",
    "calibration": "biaskit.scores.calibration",
    "chart": "biaskit.pages.chart",
    "check": "biaskit.gate.check",
    "compare": "biaskit.gate.compare",
    "count": "biaskit.sources.counting",
    "explain": "biaskit.explanations.explain",
    "impact": "biaskit.audits.impact",
    "lp_norm": "biaskit.metrics",
    "metric": "biaskit.metrics",
    "ndcg": "biaskit.gate.ranking",
    "page": "biaskit.pages.page",
    "partial_dependence": "biaskit.explanations.dependence",
    "profile": "biaskit.audits.profile.profile",
    "rates": "biaskit.reports.rates",
    "report": "biaskit.reports.report",
    "reweighing": "biaskit.audits.reweighing",
    "sentences": "biaskit.reports.sentences",
    "shap_values": "biaskit.explanations.explain",
    "show": "biaskit.pages.exports.show",
    "slices": "biaskit.audits.slices.slices",
    "summary": "biaskit.reports.summary",
    "sweep": "biaskit.scores.sweep",
    "threshold": "biaskit.scores.threshold",
    "warm": "biaskit._kernels.warm",
}


if not TYPE_CHECKING:  # type checkers accept the names above and refuse all others

    def __getattr__(name: str) -> Any:
        import importlib

        if name in _HOME:
            found = getattr(importlib.import_module(_HOME[name]), name)
            globals()[name] = found
            return found
        if name in ("audits", "clarify", "datasets"):
            return importlib.import_module(f"biaskit.{name}")
        if name == "compat":
            return importlib.import_module("biaskit.clarify.compat")
        raise AttributeError(f"module 'biaskit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
