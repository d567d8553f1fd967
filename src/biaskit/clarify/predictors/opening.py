"""Opening: the predictor of a job, from what the caller gives in place of Clarify's endpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.asked.configuration import Predictor as Asked
from biaskit.clarify.predictors.archives import archived, is_archive
from biaskit.clarify.predictors.endpoint import Endpoint, Limits
from biaskit.clarify.predictors.predictor import Predictor
from biaskit.clarify.predictors.responses import Answer, reader_of
from biaskit.clarify.predictors.templates import Bodies, bodies_of
from biaskit.errors import RolesError
from biaskit.sources.counting import Progress
from biaskit.store.addresses import is_address

__all__ = ["endpoint_of", "predictor_of", "refuse_nowhere"]

_MOST_ATTRIBUTES = 1_024
_MOST_SECONDS = 86_400


def predictor_of(
    job: Configuration,
    features: Sequence[str],
    *,
    endpoint: str | None = None,
    model: Any = None,
    trust_model: bool = False,
    seconds: float = 60.0,
    progress: Progress | None = None,
) -> Predictor:
    """Predictor of a job.

    Parameters
    ----------
    job
        The configuration, whose predictor says how requests and answers are written.
    features
        Columns that the model takes.
    endpoint, model
        Address of a server that speaks ``/invocations``; or a model, its file, or
        ``module:function``.
    trust_model
        Whether a library may open a model file that biaskit's own readers have not checked.
    seconds
        Time of a server for one answer.
    progress
        Called with the number of rows that have their label, and their share.

    Raises
    ------
    RolesError
        Nothing stands for the configuration's endpoint, or its templates are invalid.
    """
    asked = job.predictor
    if asked is None:
        raise RolesError("predictor is missing, which says how the model is asked")
    if not features:
        raise RolesError(
            "Data must contain features. No column is left that the model could take; shorten "
            "excluded_columns"
        )
    if endpoint is not None and model is not None:
        raise RolesError("give either --endpoint or --model, not both")
    if is_archive(model) and not is_address(str(model)):
        return _of_archive(job, asked, Path(model), features, progress, trust_model=trust_model)
    if model is not None:
        from biaskit.clarify.predictors.models import InProcess

        return InProcess(
            model, asked.label_headers, job.probability_threshold, trust_model=trust_model
        )
    refuse_nowhere(asked, endpoint)
    bodies = bodies_of(job, asked, features)
    return endpoint_of(
        job, asked, endpoint, bodies, reader_of(asked, bodies.accept), seconds, progress
    )


def refuse_nowhere(asked: Asked, endpoint: str | None) -> None:
    """Refuse a job whose model is neither here nor at an address."""
    if endpoint is None:
        name = asked.endpoint_name or asked.model_name or "the job's model"
        raise RolesError(
            f"where is {name!r}? Give --endpoint with the address of a server that speaks "
            "/invocations, or --model with a model file or module:function"
        )


def endpoint_of(
    job: Configuration,
    asked: Asked,
    endpoint: str | None,
    bodies: Bodies,
    read: Callable[[bytes, int], Answer],
    seconds: float = 60.0,
    progress: Progress | None = None,
) -> Endpoint:
    """Server of a job, with the headers and the names that its configuration asks for.

    Parameters
    ----------
    job, asked, endpoint, seconds, progress
        As of `predictor_of`; `asked` is the configuration's predictor.
    bodies, read
        How rows become requests, and how answers are read.

    Raises
    ------
    RolesError
        There is no address, or it, the time or a header is invalid.
    """
    refuse_nowhere(asked, endpoint)
    if not (math.isfinite(seconds) and 0 < seconds <= _MOST_SECONDS):
        raise RolesError(
            f"--endpoint-timeout must lie between 0 and {_MOST_SECONDS:,} seconds, not {seconds:g}"
        )
    return Endpoint(
        str(endpoint),
        bodies,
        read,
        _names(asked),
        job.probability_threshold,
        _headers(asked.custom_attributes, asked.target_model),
        Limits(seconds=seconds),
        progress,
    )


def _of_archive(
    job: Configuration,
    asked: Asked,
    path: Path,
    features: Sequence[str],
    progress: Progress | None,
    *,
    trust_model: bool,
) -> Predictor:
    """Predictor of the model in a ``model.tar.gz``: its own script, or what its files hold."""
    from biaskit.clarify.predictors.containers import model_in
    from biaskit.clarify.predictors.models import InProcess
    from biaskit.clarify.predictors.scripts import Script, script_in

    files = archived(path)
    threshold = job.probability_threshold
    if script := script_in(files):
        bodies = bodies_of(job, asked, features)
        read = reader_of(asked, bodies.accept)
        return Script(
            files,
            script,
            bodies,
            read,
            _names(asked),
            threshold,
            progress,
            trust_model=trust_model,
        )
    found = model_in(path, files, trust=trust_model)
    own = getattr(found, "threshold", None)
    if asked.label is not None and own is not None:
        threshold = own  # the label that the model itself answers with
    return InProcess(found, asked.label_headers, threshold, trust_model=trust_model)


def _names(asked: Asked) -> list[str] | None:
    return None if asked.label_headers is None else [str(one) for one in asked.label_headers]


def _headers(attributes: str | None, target: str | None) -> dict[str, str]:
    """Headers of SageMaker's that a configuration asks for."""
    made: dict[str, str] = {}
    for header, value in (
        ("X-Amzn-SageMaker-Custom-Attributes", attributes),
        ("X-Amzn-SageMaker-Target-Model", target),
    ):
        if value is None:
            continue
        if len(value) > _MOST_ATTRIBUTES or not (value.isascii() and value.isprintable()):
            raise RolesError(
                f"the header {header} takes {_MOST_ATTRIBUTES:,} visible ASCII characters at most"
            )
        made[header] = value
    return made
