"""Attributes: where captured data have their parts, as the definition of a monitoring job says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from biaskit.errors import RolesError, did_you_mean

__all__ = ["Attributes", "attributes_of"]

_NAMES = (
    "FeaturesAttribute",
    "InferenceAttribute",
    "ProbabilityAttribute",
    "ProbabilityThresholdAttribute",
    "ExcludeFeaturesAttribute",
)


class Attributes(NamedTuple):
    """Where captured data have their parts, as a monitoring job's definition says.

    Attributes
    ----------
    features
        JMESPath of the features in the input; CSV needs none.
    inference, probability
        Place of a column from 0, or JMESPath, of the predicted label or its score in the output.
    threshold
        A score above it is the label 1.
    excluded
        Features that explanations leave out, by their names or places.
    """

    features: str | None = None
    inference: str | int | None = None
    probability: str | int | None = None
    threshold: float | None = None
    excluded: tuple[str | int, ...] = ()


def attributes_of(given: Sequence[str] | Mapping[str, Any]) -> Attributes:
    """Attributes from texts such as ``FeaturesAttribute=instances[*].features``.

    >>> attributes_of(["InferenceAttribute=0", "ProbabilityThresholdAttribute=0.8"])
    Attributes(features=None, inference='0', probability=None, threshold=0.8, excluded=())

    Raises
    ------
    RolesError
        A name is unknown, or a value is missing or no number.
    """
    pairs = given.items() if isinstance(given, Mapping) else (one.split("=", 1) for one in given)
    found: dict[str, str] = {}
    for pair in pairs:
        if len(pair) != 2 or str(pair[1]) == "":
            raise RolesError(f"--attribute takes NAME=VALUE, not {'='.join(map(str, pair))!r}")
        if pair[0] not in _NAMES:
            raise RolesError(f"--attribute: no {pair[0]!r}; {did_you_mean(pair[0], _NAMES)}")
        found[pair[0]] = str(pair[1])
    features, inference, probability, threshold, excluded = map(found.get, _NAMES)
    try:
        cut = None if threshold is None else float(threshold)
    except ValueError as error:
        raise RolesError(f"{_NAMES[3]} must be a number, not {threshold!r}") from error
    places = [one.strip() for one in (excluded or "").split(",") if one.strip()]
    return Attributes(features, inference, probability, cut, tuple(places))
