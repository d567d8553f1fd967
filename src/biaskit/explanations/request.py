"""Requests: what to explain and how, as the caller gives it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from biaskit.counts.roles import RoleArguments, Roles, roles_of
from biaskit.errors import RolesError, did_you_mean, refuse_seed
from biaskit.sources.files.dialect import Dialect
from biaskit.sources.files.streams import reads_once

__all__ = ["SIDES", "Request", "sides_of"]

#: Roles of an explanation: who is compared, and how often each row counts.
SIDES = (
    "facet",
    "facet_values",
    "reference",
    "facet_above",
    "facet_at_most",
    "facet_edges",
    "frequency",
)
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
    #: Parquet file for the values of each row, and the column with the rows' keys.
    values_to: str | os.PathLike[str] | None = None
    key: str | None = None
    #: Largest error of the parts, relative to the largest, where the background has to be sampled.
    sampling_error: float = 0.01
    #: How the data are written, and the background, where they are CSV files.
    dialect: Dialect | None = None

    def __post_init__(self) -> None:
        refuse_seed(self.seed)
        if self.data is None:
            raise RolesError("data is needed: the rows to explain")
        if not 0 < self.sampling_error < 1:
            raise RolesError(
                f"sampling_error is a number between 0 and 1, not {self.sampling_error!r}"
            )
        for one in _each(self.data):
            if reads_once(one) and any(one is other or one == other for other in self._streams()):
                raise RolesError(
                    "data and background are one stream, which can be read only once; write the "
                    "rows to a file first"
                )
        if self.scale not in _SCALES:
            raise RolesError(f"no scale {self.scale!r}; {did_you_mean(self.scale, _SCALES)}")

    def _streams(self) -> list[Any]:
        """What of the background can be read only once."""
        return [one for one in _each(self.background) if reads_once(one)]


def _each(data: Any) -> Sequence[Any]:
    return data if isinstance(data, (list, tuple)) else [data]


def sides_of(roles: Roles | None, given: RoleArguments) -> Roles:
    """Roles of an explanation: who is compared, and how often each row counts.

    Outcomes that roles have for a report are left out, since they need not be read.

    Raises
    ------
    RolesError
        Both are given, or the rows are weighted.
    """
    made = roles_of(roles, given)
    if made.weight is not None:
        raise RolesError(
            f"explanations do not weight rows, and weight={made.weight!r} would be left out; make "
            "the roles without it (whole numbers of rows are a frequency)"
        )
    kept: RoleArguments = {  # type: ignore[assignment]
        name: value for name, value in made.given().items() if name in SIDES
    }
    return Roles(**kept)
