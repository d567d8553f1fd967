"""Origin: the command and the call that make a page, from roles and choices."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from biaskit.counts.levels import level, show
from biaskit.counts.roles import ROLES, Roles

__all__ = ["call_of", "command_of"]


def command_of(name: str, roles: Roles, more: Mapping[str, Any]) -> str:
    """Command that makes a page of the data with this name; `more` are flags besides roles.

    >>> command_of("t.csv", Roles(facet="sex", label="y", positive=["a b"]), {"limit": ["DPL=0.1"]})
    "biaskit report t.csv --facet sex --label y --positive 'a b' --limit DPL=0.1 --format html"
    """
    parts = ["biaskit", "report", name, *_flags(roles)]
    for flag, values in more.items():
        for value in values if isinstance(values, list) else [values]:
            parts += [f"--{flag.replace('_', '-')}", str(value)]
    return " ".join(shlex.quote(part) for part in [*parts, "--format", "html"])


def _flags(roles: Roles) -> Iterator[str]:
    several = len(roles.facet) > 1
    for name, role in ROLES.items():
        given = getattr(roles, name)
        flag = f"--{name.replace('_', '-')}"
        if given is None or given == ():
            continue
        match role.kind:
            case "facets":
                values = [facet.name for facet in given]
            case "values":
                values = [show(one) for one in given]
            case "values of d":
                values = [
                    _named(facet.name, show(one), several)
                    for facet, ones in given.items()
                    for one in ones
                ]
            case "reference":
                values = [_named(facet.name, show(one), several) for facet, one in given.items()]
            case "cut of d":
                values = [_named(one, show(level(cut)), several) for one, cut in given.items()]
            case "edges":
                values = [
                    _named(one, ",".join(show(level(edge)) for edge in edges), several)
                    for one, edges in given.items()
                ]
            case "cut":
                values = [show(level(given))]
            case "features":
                values = [given] if isinstance(given, str) else [*given]
            case _:
                values = [given]
        for value in values:
            yield flag
            yield value


def _named(facet: str, value: str, several: bool) -> str:
    return f"{facet}={value}" if several else value


def call_of(name: str | None, roles: Roles, more: Mapping[str, Any]) -> str:
    """Python call that makes a page of the data with this name, or of `data`.

    >>> print(call_of(None, Roles(facet="sex", label="y"), {"limits": {"DPL": 0.1}}))
    biaskit.page(
        data,
        facet='sex',
        label='y',
        limits={'DPL': 0.1},
    )
    """
    given = {one: _plain(value) for one, value in roles.given().items()} | dict(more)
    parts = ["data" if name is None else repr(name)]
    parts += [f"{one}={value!r}" for one, value in given.items()]
    inside = "".join(f"    {part},\n" for part in parts)
    return f"biaskit.page(\n{inside})"


def _plain(value: Any) -> Any:
    """A choice as a caller would write it: a list of one is that one, a single facet's its own."""
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    if isinstance(value, Mapping):
        return {one: _plain(of_it) for one, of_it in value.items()}
    return value
