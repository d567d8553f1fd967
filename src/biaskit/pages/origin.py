"""Origin: the command and the call that make a page again."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from biaskit.counts.levels import level, show
from biaskit.counts.roles import ROLES, Roles
from biaskit.metrics import EVERY, Metric
from biaskit.sources.files.dialect import OPTIONS, Dialect, flags_of
from biaskit.store.formats import printable

__all__ = ["IN_MEMORY", "call_of", "command_of", "file_names", "given_beside_roles"]

#: What stands for an argument that is no file, but a value of the caller's program.
IN_MEMORY: Final = object()
# Flags of other names than the keyword arguments.
_FLAGS = {"missing": "missing_facet"}


def file_names(data: Any) -> tuple[str, ...]:
    """Names of the files that data are in, without folders and in their order; none in memory.

    >>> file_names(["there/b.csv", "here/a.csv?key"]), file_names({"a": [1]})
    (('a.csv', 'b.csv'), ())
    """
    each = data if isinstance(data, (list, tuple)) else [data]
    if not all(isinstance(one, (str, os.PathLike)) for one in each):
        return ()
    names = [PurePath(os.fspath(one).partition("?")[0]).name for one in each]
    return tuple(sorted(names)) if all(names) else ()


def given_beside_roles(
    *,
    name: str | None,
    metrics: Sequence[Metric] | None,
    limits: Mapping[str | Metric, Any] | None,
    confidence: float,
    seed: int,
    counts: bool,
    round_to: int | None = None,
    missing: str | None = None,
    csv: Dialect | None = None,
    **files: Any,
) -> Mapping[str, Any]:
    """Keyword arguments of a page besides its roles, but those that it has by default.

    A file is its name without folders, what is in memory is `IN_MEMORY`.
    """
    given: dict[str, Any] = {}
    if name is not None:
        given["name"] = name
    if metrics is not None:
        known = all(EVERY.get(one.symbol) is one for one in metrics)
        given["metrics"] = [one.symbol for one in metrics] if known else IN_MEMORY
    if limits is not None:
        given["limits"] = {
            getattr(one, "symbol", one): _plain_limit(limit) for one, limit in limits.items()
        }
    for one, value in files.items():
        if value is not None:
            given[one] = next(iter(file_names(value)), IN_MEMORY)
    if csv is not None:
        written = csv.given()
        options = {one: value for one, value in written.items() if one in OPTIONS}
        given |= {"csv": options} if csv.is_of_csv else {}
        given |= {one: value for one, value in written.items() if one not in OPTIONS}
    if confidence != 0.95:
        given["confidence"] = float(confidence)
    if seed:
        given["seed"] = int(seed)
    if not counts:
        given["counts"] = False
    if round_to is not None:
        given["round_to"] = int(round_to)
    if missing is not None:
        given["missing"] = missing
    return given


def _plain_limit(limit: Any) -> float | list[float]:
    return [*map(float, limit)] if isinstance(limit, Iterable) else float(limit)


def command_of(files: Sequence[str], roles: Roles, given: Mapping[str, Any]) -> str | None:
    """Command that makes a page of these files, from its roles and its other keyword arguments.

    None where no command does: for a table in memory, what has no flag, a column with an ``&`` in
    its name, and names that a terminal would obey.

    >>> command_of(["t.csv"], Roles(facet="sex", label="y", positive=["a b"]), {"seed": 1})
    "biaskit report t.csv --facet sex --label y --positive 'a b' --seed 1 --format html"
    """
    has_flags = "dependence" not in given and not any(one is IN_MEMORY for one in given.values())
    names = [facet.name for facet in roles.facet]
    if not files or not has_flags or Roles(facet=names).facet != roles.facet:
        return None
    parts = [f"./{file}" if file.startswith("-") and file != "-" else file for file in files]
    for flag, value in [*_flags(roles), *_more_flags(given)]:
        name = f"--{flag.replace('_', '-')}"
        parts += [f"{name}={value}"] if value.startswith("-") else [name, value]
    parts += flags_of(given.get("csv", {}))
    if given.get("counts") is False:
        parts.append("--no-counts")
    command = " ".join(map(shlex.quote, ["biaskit", "report", *parts, "--format", "html"]))
    return command if printable(command) == command else None


def _more_flags(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if name == "limits":
            for metric, limit in value.items():
                yield "limit", f"{metric}={_joined(limit)}"
        elif name not in ("counts", "csv"):
            yield _FLAGS.get(name, name), _joined(value)


def _joined(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _flags(roles: Roles) -> Iterator[tuple[str, str]]:
    several = len(roles.facet) > 1
    for name, role in ROLES.items():
        given = getattr(roles, name)
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
            case "range":
                values = [",".join(show(level(end)) for end in given)]
            case "features":
                values = [given] if isinstance(given, str) else [*given]
            case _:
                values = [given]
        for value in values:
            yield name, value


def _named(facet: str, value: str, several: bool) -> str:
    return f"{facet}={value}" if several else value


def call_of(files: Sequence[str], roles: Roles, given: Mapping[str, Any]) -> str:
    """Python call that makes a page of these files, or of `data`.

    >>> print(call_of([], Roles(facet="sex", label="y"), {"baseline": IN_MEMORY, "seed": 1}))
    biaskit.page(
        data,
        facet='sex',
        label='y',
        baseline=baseline,
        seed=1,
    )
    """
    data = "data" if not files else repr(files[0] if len(files) == 1 else [*files])
    chosen = {one: _plain(value) for one, value in roles.given().items()} | dict(given)
    parts = [
        f"{one}={one if value is IN_MEMORY else _written(value)}" for one, value in chosen.items()
    ]
    inside = "".join(f"    {part},\n" for part in [data, *parts])
    return f"biaskit.page(\n{inside})"


def _written(value: Any) -> str:
    """A value as Python text, which an infinite number is not by its `repr`.

    >>> _written({"DI": [0.8, float("inf")]})
    "{'DI': [0.8, float('inf')]}"
    """
    if isinstance(value, float) and math.isinf(value):
        return f"float('{value}')"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {_written(one)}' for key, one in value.items())}}}"
    return repr(value)


def _plain(value: Any) -> Any:
    """A choice as a caller would write it: a list of one is that one, a single facet's its own."""
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    if isinstance(value, Mapping):
        return {one: _plain(of_it) for one, of_it in value.items()}
    return value
