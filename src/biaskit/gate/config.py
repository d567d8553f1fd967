"""Configuration: the data sets of a project, from ``biaskit.toml`` or ``pyproject.toml``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from biaskit.counts.roles import ROLES, Roles
from biaskit.errors import (
    BiaskitError,
    DataError,
    RolesError,
    did_you_mean,
    nearest,
    refuse_level,
    refuse_missing,
    refuse_seed,
    refuse_whole,
)
from biaskit.gate.limits import (
    Allowed,
    Limit,
    allowed_changes,
    at_threshold,
    limits_of,
    refuse_unmet,
    required_of,
)
from biaskit.gate.mistakes import Mistakes, MistakesError, lines_of_keys, texts_in
from biaskit.gate.slicing import SliceLimits, slice_limits
from biaskit.sources.files.dialect import Dialect, dialect_of
from biaskit.sources.files.globs import matches_here
from biaskit.sources.files.streams import STANDARD_INPUT
from biaskit.store.addresses import (
    in_one_line,
    is_address,
    said,
    servers_of,
    shown,
    without_secrets,
)

__all__ = ["Config", "DataSet", "config_file", "data_of", "read_config"]

_POINTER = ".dvc"
# Servers, and options of addresses, that a configuration may name; separated by commas.
_ALLOWED = "BIASKIT_ENDPOINTS"
_ROLES = tuple(ROLES)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Files that form one table, the roles of its columns, and its limits."""

    name: str
    files: tuple[str, ...]
    roles: Roles
    limits: tuple[Limit, ...] = ()
    #: Scores above it are the positive predictions; the roles say so, too.
    threshold: float | None = None
    #: Path or address of a counts file, and how much may have changed since it was saved.
    baseline: Path | str | None = None
    drift: Allowed | None = None
    #: Metrics whose uncertain verdict is a fail.
    required: frozenset[str] = frozenset()
    min_rows: int = 0
    confidence: float = 0.95
    seed: int = 0
    #: ``"bounds"``: rows of a missing facet may be on either side.
    missing: str | None = None
    #: Whether the files may be missing.
    optional: bool = False
    #: How the files are written.
    csv: Dialect | None = None
    #: Limits on the worst of many slices.
    slices: tuple[SliceLimits, ...] = ()
    #: Folder that relative paths start from.
    folder: Path = Path()

    @classmethod
    def of(cls, given: Mapping[str, Any], folder: Path = Path(), name: str = "") -> DataSet:
        """Data set from the keys of a configuration, checked.

        Raises
        ------
        MistakesError
            Keys are unknown, or values are invalid for their keys: all of them are told.
        """
        known = [
            "name",
            *_ROLES,
            *_WRITTEN,
            *(f.name for f in fields(cls) if f.name not in _NOT_KEYS),
        ]
        mistakes = Mistakes()
        made: dict[str, Any] = {}
        for key in given:
            with mistakes.about(key):
                if key not in known:
                    raise RolesError(f"no key {key!r}; {_meant(key, known)}")
        for key, read in _READERS.items():
            with mistakes.about(key):
                made[key] = read(given, key)
        for limit in _each(given.get("limits")):
            with mistakes.about("limits"):
                limits_of(limit)
        mistakes.refuse_any()
        # What follows fits the parts together, so each of them must be right by itself.
        with mistakes.about("threshold"):
            made["roles"] = at_threshold(made["roles"], made["threshold"])
        with mistakes.about("limits"):
            made["limits"] = _limits(given, made["roles"])
        with mistakes.about("drift"):
            made["drift"] = _drift(given, made["roles"])
        with mistakes.about("slices"):
            made["slices"] = slice_limits(
                given.get("slices", []), made["roles"], made["confidence"]
            )
        mistakes.refuse_any()
        with mistakes.about("required"):
            made["required"] = _required(given, made["limits"])
        mistakes.refuse_any()
        called = made.pop("name") or name or ", ".join(map(shown, made["files"]))
        place = _place(given.get("baseline"), folder)
        return cls(name=called, baseline=place, folder=folder, **made)

    def paths(self) -> list[Path | str]:
        """Files that are there now, globs sorted, each file once; and addresses, as they are.

        Unless the data set is optional, a file whose DVC pointer alone exists is included, and a
        pattern without a match is kept as it is, so that reading it raises the error.
        """
        found: list[Path | str] = []
        folder = _from_here(self.folder)
        for pattern in self.files:
            if is_address(pattern):
                found.append(pattern)
                continue
            matches = self._matching(pattern)
            if not self.optional:
                pointers = self._matching(f"{pattern}{_POINTER}")
                matches |= {name.removesuffix(_POINTER) for name in pointers}
                matches = matches or {pattern}
            found += sorted(folder / name for name in matches)
        return list(dict.fromkeys(found))

    def _matching(self, pattern: str) -> set[str]:
        return set(matches_here(pattern, self.folder))

    def has(self, path: Path) -> bool:
        """Whether a file is one of the data set's, or lies in one of its folders."""
        there = path.resolve()
        return any(one in self._resolved for one in (there, *there.parents))

    @cached_property
    def _resolved(self) -> frozenset[Path]:
        """Files of the data set, looked up once: a hook asks about every file of a commit."""
        return frozenset(one.resolve() for one in self.paths() if isinstance(one, Path))


def data_of(path: Path) -> Path:
    """File that a DVC pointer names; any other file itself."""
    return path.with_suffix("") if path.suffix == _POINTER else path


@dataclass(frozen=True)
class Config:
    """Data sets of a project; an invalid one is kept as its error, the others are whole."""

    path: Path
    data: tuple[DataSet | tuple[str, BiaskitError], ...]
    strict: bool = False


def config_file(start: Path) -> Path | None:
    """Configuration that holds for a folder: its own, or that of the nearest folder above it.

    In a folder that has both, ``biaskit.toml`` wins over ``pyproject.toml``, which counts only if
    it has a table ``tool.biaskit``.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "biaskit.toml").is_file():
            return folder / "biaskit.toml"
        other = folder / "pyproject.toml"
        if other.is_file() and _table_of(other) is not None:
            return other
    return None


def read_config(path: Path) -> Config:
    """Configuration in a TOML file.

    Raises
    ------
    DataError
        The file is missing or not valid TOML; the message has the line and the column.
    RolesError
        It names no data set, or has an unknown key.
    """
    name = str(path)
    found = _table_of(path) if path.name == "pyproject.toml" else _toml(path)
    if not isinstance(found, dict):
        found = {}
    lines = lines_of_keys(_text_of(path))
    unknown = [key for key in found if key not in ("data", "strict")]
    if unknown:
        raise RolesError(
            "; ".join(
                f"{name}{_at(lines.get((0, key)))}: no key {key!r}; "
                f"{did_you_mean(key, ('data', 'strict'))}"
                for key in unknown
            )
        )
    tables = found.get("data")
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        what = "[[tool.biaskit.data]]" if path.name == "pyproject.toml" else "[[data]]"
        raise RolesError(f"{name} names no data set; begin one with {what}")
    made: list[DataSet | tuple[str, BiaskitError]] = []
    for number, table in enumerate(tables, 1):
        called = _called(table) or f"data set {number}"
        try:
            one = DataSet.of(table, path.parent)
            _refuse_streams(one)
            _refuse_servers(one)
            made.append(one)
        except MistakesError as error:
            told = [
                type(mistake)(
                    f"{path.name}{_at(lines.get((number, key)))}: "
                    f"{without_secrets(str(mistake), texts_in(table))}"
                )
                for key, mistake in zip(error.keys, error.errors, strict=True)
            ]
            made.append((called, MistakesError(told)))
        except BiaskitError as error:
            message = without_secrets(str(error), texts_in(table))
            made.append((called, type(error)(f"{path.name}: {message}")))
        except Exception as error:  # noqa: BLE001 - the other data sets are whole
            message = in_one_line(error, texts_in(table))
            made.append((called, DataError(f"{path.name}: {message}")))
    names = [one.name for one in made if isinstance(one, DataSet)]
    if twice := [one for one in dict.fromkeys(names) if names.count(one) > 1]:
        raise RolesError(f"{name}: two data sets are called {twice[0]!r}; give each its own name")
    return Config(path, tuple(made), _of_type(found, "strict", bool, False))


def _meant(key: str, known: Sequence[str]) -> str:
    """Key that was meant, or those that there are."""
    near = nearest(key, known)
    return did_you_mean(key, known) if near is None else f"did you mean {near!r}?"


def _at(line: int | None) -> str:
    return "" if line is None else f", line {line}"


def _called(table: Mapping[str, Any]) -> str:
    """Name of a data set whose keys may be invalid in any way."""
    named: Any = table.get("name") or table.get("files") or ""
    texts: list[str] = named if _texts(named) else [str(named)]
    return ", ".join(without_secrets(text, [text]) for text in texts)


def _refuse_servers(data: DataSet) -> None:
    """Refuse addresses that would send credentials to a server that a configuration names.

    A pull request can change a configuration, but not the environment.
    """
    allowed = {one.strip() for one in os.environ.get(_ALLOWED, "").split(",")}
    for address in (*data.files, data.baseline):
        if not isinstance(address, str) or not is_address(address):
            continue
        for server in servers_of(address):
            if server not in allowed:
                raise RolesError(
                    f"{said(address)} would be requested through {server!r}, and a "
                    "configuration must not decide where credentials go: set "
                    f"{_ALLOWED}={server} in the environment if you trust it"
                )


def _refuse_streams(data: DataSet) -> None:
    """Refuse what a check without a person would wait for."""
    if named := [one for one in data.files if one in STANDARD_INPUT]:
        raise RolesError(
            f"files names {named[0]!r}, and a configuration does not read standard input; name "
            "files, or give --facet and --limit on the command line"
        )


def _table_of(path: Path) -> Any:
    """The table ``tool.biaskit`` of a ``pyproject.toml``; None where it has no such table."""
    tools = _toml(path).get("tool")
    return tools.get("biaskit") if isinstance(tools, dict) else None


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig")


def _toml(path: Path) -> dict[str, Any]:
    import tomllib  # a call with flags has no configuration to read

    try:
        return tomllib.loads(_text_of(path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{shown(path)} is not valid TOML: {error}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {said(path)}: {reason}") from error


def _place(path: str | None, folder: Path) -> Path | str | None:
    """Path relative to a folder; an address stays as it is."""
    return path if path is None or is_address(path) else _from_here(folder) / path


def _from_here(folder: Path) -> Path:
    """Folder as a path relative to the working directory."""
    here, folder = Path.cwd(), folder.absolute()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _roles(given: Mapping[str, Any], _: str) -> Roles:
    """Roles as TOML has them: an intersection of columns is a list in the list of facets."""
    roles = {key: given[key] for key in _ROLES if key in given}
    facet = roles.get("facet")
    if isinstance(facet, list):
        roles["facet"] = [tuple(one) if isinstance(one, list) else one for one in facet]
    needs_facet = {"limits", "baseline", "drift"} & given.keys() or not given.get("slices")
    if needs_facet and not roles.get("facet"):
        raise RolesError("facet is needed: the column whose values may be favoured or not")
    return Roles(**roles)


def _threshold(given: Mapping[str, Any], key: str) -> float | None:
    return None if given.get(key) is None else _of_type(given, key, float, 0.0)


def _files(given: Mapping[str, Any], _: str) -> tuple[str, ...]:
    files = given.get("files", ())
    files = (files,) if isinstance(files, str) else files
    if not _texts(files) or not all(files) or not files:
        raise RolesError('files is needed: a path or a glob, or a list, such as ["data/*.csv"]')
    return tuple(files)


def _limits(given: Mapping[str, Any], roles: Roles) -> tuple[Limit, ...]:
    if "limits" not in given:
        if not {"baseline", "drift", "slices"} & given.keys():
            raise RolesError(
                "limits is needed (or baseline, or slices): what to check the data against"
            )
        return ()
    limits = tuple(limits_of(given["limits"]))
    refuse_unmet(limits, roles)
    return limits


def _each(limits: Any) -> Iterator[Any]:
    """Limits one by one, as far as they are a mapping by metric."""
    if isinstance(limits, Mapping):
        yield from ({name: value} for name, value in limits.items())


def _drift(given: Mapping[str, Any], roles: Roles) -> Allowed | None:
    """How much may have changed since the baseline, with which it is given."""
    baseline, drift = given.get("baseline"), given.get("drift")
    if not isinstance(baseline, (str, type(None))):
        raise RolesError(f"baseline must be the path of a counts file, not {baseline!r}")
    if (baseline is None) != (drift is None):
        one, other = ("drift", "baseline") if baseline is None else ("baseline", "drift")
        raise RolesError(
            f"{one} needs {other}: baseline names a counts file, drift how much "
            "farther from parity a metric may be than in it, such as drift = {DPL = 0.05}"
        )
    if drift is None:
        return None
    allowed = allowed_changes(drift)
    if isinstance(allowed.metrics, dict):
        refuse_unmet([Limit(one, 0, 0) for one in allowed.metrics], roles)
    return allowed


def _missing(given: Mapping[str, Any], key: str) -> str | None:
    value: str | None = given.get(key)
    refuse_missing(value)
    return value


def _required(given: Mapping[str, Any], limits: tuple[Limit, ...]) -> frozenset[str]:
    names = given.get("required", ())
    names = (names,) if isinstance(names, str) else names
    if not _texts(names):
        raise RolesError(f'required must be a list of metrics, such as ["DPL"], not {names!r}')
    return required_of(names, limits)


def _texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)


def _of_type(given: Mapping[str, Any], key: str, type_: Callable[..., Any], default: Any) -> Any:
    value = given.get(key, default)
    if type_ is float and type(value) is int:
        value = float(value)
    if type(value) is not type_:
        names: dict[Any, str] = {str: "a text", int: "an integer", float: "a number"}
        raise RolesError(f"{key} must be {names.get(type_, 'true or false')}, not {value!r}")
    return value


_NOT_KEYS = ("roles", "folder")
# Keys that, with `csv`, say how the files are written.
_WRITTEN = ("input_format", "sheet")


def _plain(
    type_: Callable[..., Any], default: Any, refuse: Callable[[Any], None] = lambda _: None
) -> Callable[[Mapping[str, Any], str], Any]:
    """Reader of a key of one plain value: its type, its default, and a further check."""

    def read(given: Mapping[str, Any], key: str) -> Any:
        refuse(value := _of_type(given, key, type_, default))
        return value

    return read


#: Readers of the keys that stand alone; roles are read together.
_READERS: Mapping[str, Callable[[Mapping[str, Any], str], Any]] = {
    "name": _plain(str, ""),
    "files": _files,
    "roles": _roles,
    "threshold": _threshold,
    "min_rows": _plain(int, 0, partial(refuse_whole, "min_rows")),
    "confidence": _plain(float, 0.95, refuse_level),
    "seed": _plain(int, 0, refuse_seed),
    "missing": _missing,
    "optional": _plain(bool, False),
    "csv": lambda given, key: dialect_of(given.get(key), *map(given.get, _WRITTEN)),
}
