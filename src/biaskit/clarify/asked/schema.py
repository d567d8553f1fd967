"""Schema: the kinds of values that a job's configuration may have, and a reader for each.

Everything invalid is gathered, so that one run names all of it. What Clarify's own schema refuses
though its meaning is plain, such as ``1`` for ``1.0``, is read, with a warning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from biaskit.errors import did_you_mean, in_short

__all__ = [
    "Findings",
    "Key",
    "Kind",
    "anything",
    "either",
    "exact_number",
    "flag",
    "list_of",
    "name",
    "object_of",
    "one_of",
    "text",
    "texts",
    "values",
    "whole",
]


@dataclass
class Findings:
    """What was noticed while a configuration was read."""

    #: What makes the configuration invalid, each with the place of its key.
    faults: list[str] = field(default_factory=list)
    #: What Clarify's schema refuses, or a user may not expect.
    warnings: list[str] = field(default_factory=list)


#: Reads a value at a place of the configuration; returns None where it is invalid.
Kind: TypeAlias = Callable[[Any, str, Findings], Any]


class Key(NamedTuple):
    """A key of an object: the kind of its value, and whether it must be there."""

    kind: Kind
    required: bool = False


def text(value: Any, place: str, found: Findings) -> str | None:
    """A text."""
    if isinstance(value, str):
        return value
    found.faults.append(f"{place} must be a text, not {in_short(value)}")
    return None


def name(value: Any, place: str, found: Findings) -> str | int | None:
    """A column: its name, or its place from 0."""
    if isinstance(value, str) or (_is_whole(value) and value >= 0):
        return value  # type: ignore[no-any-return]
    found.faults.append(
        f"{place} must be a column's name or its place from 0, not {in_short(value)}"
    )
    return None


def whole(least: int = 1) -> Kind:
    """Kind of whole numbers."""

    def read(value: Any, place: str, found: Findings) -> int | None:
        if isinstance(value, float) and value.is_integer():
            found.warnings.append(f"{place}: {value!r} is read as {int(value)}")
            value = int(value)
        if _is_whole(value) and value >= least:
            return value  # type: ignore[no-any-return]
        found.faults.append(
            f"{place} must be a whole number of {least} or more, not {in_short(value)}"
        )
        return None

    return read


def exact_number(value: Any, place: str, found: Findings) -> float | None:
    """A finite number. Clarify's schema refuses whole ones, which are read here."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            made = float(value)
        except OverflowError:
            made = math.inf
        if math.isfinite(made):
            return made
    found.faults.append(f"{place} must be a number, not {in_short(value)}")
    return None


def flag(value: Any, place: str, found: Findings) -> bool | None:
    """``true`` or ``false``."""
    if isinstance(value, bool):
        return value
    found.faults.append(f"{place} must be true or false, not {in_short(value)}")
    return None


def anything(value: Any, _: str, __: Findings) -> Any:
    """Any value; its reader checks it."""
    return value


def one_of(*choices: str, aliases: Mapping[str, str] | None = None) -> Kind:
    """Kind of texts that are one of some words, in any case."""

    def read(value: Any, place: str, found: Findings) -> str | None:
        if isinstance(value, str):
            lowered = value.strip().lower()
            lowered = (aliases or {}).get(lowered, lowered)
            if lowered in choices:
                return lowered
            found.faults.append(f"{place}: no {value!r}; {did_you_mean(value, choices)}")
        else:
            found.faults.append(f"{place} must be one of {', '.join(choices)}")
        return None

    return read


def list_of(kind: Kind) -> Kind:
    """Kind of lists; a single value, which Clarify's schema refuses, is a list of one."""

    def read(value: Any, place: str, found: Findings) -> list[Any]:
        if not isinstance(value, list):
            found.warnings.append(f"{place} is read as a list of one")
            value = [value]
        return [kind(one, f"{place}[{i}]", found) for i, one in enumerate(value)]

    return read


def texts(value: Any, place: str, found: Findings) -> list[Any]:
    """A list of texts."""
    return list_of(text)(value, place, found)  # type: ignore[no-any-return]


def values(value: Any, place: str, found: Findings) -> list[Any]:
    """A list of values of a column: texts and numbers."""
    return list_of(_value)(value, place, found)  # type: ignore[no-any-return]


def either(*kinds: tuple[type | tuple[type, ...], Kind]) -> Kind:
    """Kind of values of several types, each with its own kind."""

    def read(value: Any, place: str, found: Findings) -> Any:
        for type_, kind in kinds:
            if isinstance(value, type_) and not (isinstance(value, bool) and type_ is not bool):
                return kind(value, place, found)
        found.faults.append(f"{place} cannot be {in_short(value)}")
        return None

    return read


def object_of(keys: Mapping[str, Key]) -> Kind:
    """Kind of objects of known keys; those that are absent are None."""

    def read(value: Any, place: str, found: Findings) -> dict[str, Any]:
        made: dict[str, Any] = dict.fromkeys(keys)
        if not isinstance(value, dict):
            found.faults.append(f"{place or 'the configuration'} must be an object {{...}}")
            return made
        inside = f"{place}." if place else ""
        for key, held in value.items():
            if key not in keys:
                found.faults.append(f"{inside}{key}: no such key; {did_you_mean(key, keys)}")
            elif held is None:
                found.warnings.append(f"{inside}{key} is null, and read as absent")
            else:
                made[key] = keys[key].kind(held, f"{inside}{key}", found)
        for key, declared in keys.items():
            if declared.required and value.get(key) is None:
                found.faults.append(f"{inside}{key} is missing")
        return made

    return read


def _value(value: Any, place: str, found: Findings) -> Any:
    if isinstance(value, bool):
        found.warnings.append(
            f"{place}: Clarify takes no true or false here; {value} is compared as {str(value)!r}"
        )
        return value
    if isinstance(value, str) or exact_number(value, place, Findings()) is not None:
        return value
    found.faults.append(f"{place} must be a text or a number, not {in_short(value)}")
    return None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
