"""Clarify: SageMaker Clarify's job files in, its result files out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biaskit.clarify.job import check, run
    from biaskit.clarify.sdk.configs import (
        AsymmetricShapleyValueConfig,
        BiasConfig,
        DataConfig,
        ModelConfig,
        ModelPredictedLabelConfig,
        PDPConfig,
        SHAPConfig,
        TimeSeriesDataConfig,
        TimeSeriesModelConfig,
    )
    from biaskit.clarify.sdk.processor import SageMakerClarifyProcessor

__all__ = [
    "AsymmetricShapleyValueConfig",
    "BiasConfig",
    "DataConfig",
    "ModelConfig",
    "ModelPredictedLabelConfig",
    "PDPConfig",
    "SHAPConfig",
    "SageMakerClarifyProcessor",
    "TimeSeriesDataConfig",
    "TimeSeriesModelConfig",
    "check",
    "run",
]

_HOMES = {"check": "job", "run": "job", "SageMakerClarifyProcessor": "sdk.processor"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "sdk.configs")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
