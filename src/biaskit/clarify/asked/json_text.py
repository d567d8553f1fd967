"""JSON text of a configuration: found, bounded, and read with the place of what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from biaskit.errors import DataError
from biaskit.store.addresses import said

__all__ = ["json_of"]

# A configuration of more is a mistake, or an attack.
_MOST_BYTES = 16 << 20
_MOST_DEPTH = 100
_NO_CONFIGURATION = "give the analysis configuration of a Clarify job"


def json_of(path: Path) -> Any:
    """Value of the JSON in a file, or in the only JSON file of a folder.

    Raises
    ------
    DataError
        There is no such file, or it is not JSON; the message says in which line and column.
    """
    file = _file_of(path)
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise DataError(
                f"{said(file)} has more than {_MOST_BYTES >> 20} MB; {_NO_CONFIGURATION}"
            )
        written = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {said(file)}: {error.strerror}") from error
    return _parsed(written, said(file))


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        if not path.exists():
            raise DataError(f"no configuration {said(path)}; {_NO_CONFIGURATION}")
        return path
    found = sorted(one for one in path.iterdir() if one.suffix == ".json" and one.is_file())
    if len(found) > 1:
        found = [one for one in found if one.name == "analysis_config.json"]
    if not found:
        raise DataError(
            f"the folder {said(path)} has no analysis_config.json, nor a single other file *.json; "
            f"{_NO_CONFIGURATION}"
        )
    return found[0]


class _TooDeepError(ValueError):
    """Objects within objects, deeper than any configuration."""


def _parsed(written: bytes, where: str) -> Any:
    """Value of a JSON text of bounded depth."""
    cause = f"Unable to load analysis configuration as JSON. {where}"
    try:
        decoded = written.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{cause} is not UTF-8 (byte {error.start:,}); save it as UTF-8") from error
    try:
        _refuse_deep(decoded)
        return json.loads(decoded, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{cause}, line {error.lineno}, column {error.colno}: {_said(error, decoded)}"
        ) from error
    except ValueError as error:
        raise DataError(f"{cause}: {error}") from error


def _said(error: json.JSONDecodeError, written: str) -> str:
    """Cause of an error as people make it: commas and quotes."""
    rest = written[error.pos :].lstrip()
    before = written[: error.pos].rstrip()
    if rest[:1] == "'":
        return "a text begins with ' where JSON needs \""
    if before[-1:] == "," and rest[:1] in ("}", "]"):
        return f"a comma stands before {rest[0]!r}; remove it"
    if "',' delimiter" in error.msg:
        return "a comma is missing before this place"
    return f"{error.msg[:1].lower()}{error.msg[1:]}"


def _refuse_deep(written: str) -> None:
    depth, quoted, escaped = 0, False, False
    for one in written:
        if quoted:
            escaped, quoted = one == "\\" and not escaped, one != '"' or escaped
        elif one == '"':
            quoted = True
        elif one in "[{":
            depth += 1
            if depth > _MOST_DEPTH:
                raise _TooDeepError(f"it is deeper than {_MOST_DEPTH} levels")
        elif one in "]}":
            depth -= 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} occurs twice in an object")
    return made


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a value of JSON")
