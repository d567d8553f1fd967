"""Requests: what to explain and how, as the caller says it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from biaskit.counts.roles import Roles
from biaskit.errors import RolesError, did_you_mean, refuse_seed

__all__ = ["Request"]

_SCALES = ("auto", "raw", "probability")


@dataclass(frozen=True)
class Request:
    """What to explain, and how; `explain` documents the fields.

    Raises
    ------
    RolesError
        There are no data, or the seed or the scale is invalid.
    """

    model: Any
    data: Any
    roles: Roles
    background: Any = None
    features: Sequence[str] | None = None
    output_class: Any = None
    scale: str = "auto"
    seed: int = 0
    trust_model: bool = False
    #: Parquet file for the values of each row, and the column that is the rows' key.
    values_to: str | os.PathLike[str] | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        refuse_seed(self.seed)
        if self.data is None:
            raise RolesError("data is needed: the rows to explain")
        if self.scale not in _SCALES:
            raise RolesError(f"no scale {self.scale!r}; {did_you_mean(self.scale, _SCALES)}")
