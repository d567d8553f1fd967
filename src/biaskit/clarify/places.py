"""Places: where a job's files are, in SageMaker's container or on any machine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from biaskit.errors import DataError, RolesError
from biaskit.store.addresses import is_address, said

__all__ = ["CONTAINER", "Places", "mapping_of", "places_of", "resolved"]

#: Where SageMaker mounts the files of a processing job.
CONTAINER = Path("/opt/ml")

_INPUTS = {"config": "analysis_config", "data": "dataset"}
_FOLDERS = {
    "config": "processing/input/config",
    "data": "processing/input/data",
    "output": "processing/output",
}


class Places(NamedTuple):
    """Where a job's configuration and data are, and where its results go."""

    config: Path
    #: A path, an address, or a table in memory; None where only the configuration says it.
    data: Any
    output: Path
    #: File of the job's last message, where SageMaker's container has one.
    message: Path | None
    #: Variables of the job, those of its request included.
    environment: Mapping[str, str]


def places_of(
    config: str | os.PathLike[str] | None,
    data: Any,
    output: str | os.PathLike[str] | None,
    container: Path = CONTAINER,
) -> Places:
    """Places of a job: those that are given, then those of the container.

    Raises
    ------
    RolesError
        A place is not given, and this is no container.
    """
    request = _request(container)
    found = _mounted(request)
    is_container = bool(request) or (container / "processing").is_dir()

    def place(name: str, given: Any) -> Any:
        if given is not None:
            return given
        if name in found:
            return found[name]
        default = container / _FOLDERS[name]
        return default if is_container else None

    settled = {"config": place("config", config), "output": place("output", output)}
    for name, where in settled.items():
        if where is None:
            raise RolesError(
                f"give --{name}: this is no container of SageMaker, where {container} has it"
            )
    where = place("data", data)
    if data is None and where is not None and not Path(where).exists():
        where = None
    told = container / "output"
    return Places(
        Path(settled["config"]),
        where,
        Path(settled["output"]),
        told / "message" if told.is_dir() else None,
        {**os.environ, **_texts(request.get("Environment"))},
    )


def mapping_of(given: Sequence[str] | Mapping[str, Any]) -> dict[str, str]:
    """Local folder of each prefix of addresses, from texts such as ``s3://bucket/prefix=./dir``.

    >>> mapping_of(["s3://bucket/data=./data"])
    {'s3://bucket/data': './data'}

    Raises
    ------
    RolesError
        A text has no equals sign, or its prefix is no address.
    """
    pairs = given.items() if isinstance(given, Mapping) else (one.split("=", 1) for one in given)
    made: dict[str, str] = {}
    for pair in pairs:
        if len(pair) != 2 or not is_address(pair[0]) or not pair[1]:
            raise RolesError(f"--map takes s3://bucket/prefix=folder, not {said('='.join(pair))!r}")
        made[pair[0].rstrip("/")] = os.fspath(pair[1])
    return made


def resolved(place: str, mapping: Mapping[str, str]) -> str:
    """Path or address of a place that a configuration names.

    >>> resolved("s3://bucket/data/x.csv", {"s3://bucket/data": "./data"})
    'data/x.csv'

    Raises
    ------
    RolesError
        The rest of the place leads out of the folder that stands for its prefix.
    """
    for prefix in sorted(mapping, key=len, reverse=True):
        if place == prefix or place.startswith(f"{prefix}/"):
            rest = place[len(prefix) :].partition("?")[0].strip("/")  # without options
            if ".." in rest.split("/"):
                raise RolesError(f"the place {said(place)} leads out of its folder; remove '..'")
            return str(Path(mapping[prefix]) / rest) if rest else mapping[prefix]
    if place.startswith("file://"):
        return unquote(urlsplit(place).path)
    return place


def _request(container: Path) -> dict[str, Any]:
    """Request of the processing job that this container runs; empty elsewhere."""
    path = container / "config" / "processingjobconfig.json"
    try:
        written = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    try:
        request = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{said(path)} is not JSON: {error}") from error
    return request if isinstance(request, dict) else {}


def _mounted(request: Mapping[str, Any]) -> dict[str, str]:
    """Local paths of the inputs and the output, by what they hold."""
    found: dict[str, str] = {}
    for one in _objects(request.get("ProcessingInputs")):
        path = (one.get("S3Input") or {}).get("LocalPath")
        for name, called in _INPUTS.items():
            if one.get("InputName") == called and isinstance(path, str):
                found[name] = path
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs")
    for one in _objects(outputs):
        path = (one.get("S3Output") or {}).get("LocalPath")
        if isinstance(path, str):
            found.setdefault("output", path)
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> dict[str, str]:
    return {key: str(one) for key, one in value.items()} if isinstance(value, dict) else {}
