"""Forecasts: what a job's model says of series, asked of a server or of a function."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.asked.configuration import Configuration, Predictor
from biaskit.clarify.predictors.endpoint import Endpoint
from biaskit.clarify.predictors.opening import endpoint_of, refuse_nowhere
from biaskit.clarify.predictors.responses import Answer
from biaskit.clarify.predictors.templates import Bodies, filled
from biaskit.clarify.tables.expressions import expression
from biaskit.errors import DataError, RolesError, in_short

__all__ = ["Asked", "Forecaster", "forecaster_of"]

_PLACES = ("$start_time", "$target_time_series", "$related_time_series", "$static_covariates")


class Asked(TypedDict):
    """What a model is given of an item: the keys are the placeholders of a record's template."""

    start_time: Any
    target_time_series: list[Any]
    related_time_series: list[list[Any]]
    static_covariates: list[Any]


class Forecaster(Protocol):
    """A model of time series behind any door."""

    def forecasts(self, asked: Sequence[Asked]) -> NDArray[np.float64]:
        """Forecasts of some series, shape ``(series, steps)``.

        Raises
        ------
        DataError
            The model cannot be asked, or its answer is not what it should be.
        """
        ...

    def close(self) -> None:
        """End connections and the like."""
        ...


def forecaster_of(
    job: Configuration,
    *,
    endpoint: str | None = None,
    seconds: float = 60.0,
    model: Any = None,
) -> Forecaster:
    """Forecaster of a job.

    Parameters
    ----------
    job
        The configuration, whose predictor says how requests and answers are written.
    endpoint, model
        Address of a server that speaks ``/invocations``; or a function, or its
        ``module:function``, that takes a list of dictionaries with the keys of `Asked` and returns
        the forecast of each.
    seconds
        Time of a server for one answer.

    Raises
    ------
    RolesError
        Nothing stands for the configuration's endpoint, or its templates are invalid.
    """
    if model is not None and endpoint is not None:
        raise RolesError("give either --endpoint or --model, not both")
    if model is not None:
        return _OfFunction(model)
    asked = job.predictor
    if asked is None:
        raise RolesError("predictor is missing, which says how the model is asked")
    refuse_nowhere(asked, endpoint)
    bodies = _bodies(job, asked)
    return _OfServer(endpoint_of(job, asked, endpoint, bodies, _reader(asked), seconds))


class _OfFunction:
    """Forecasts by a function in this process."""

    def __init__(self, model: Any):
        if isinstance(model, str):
            from biaskit.explanations.models.opening import function_named

            model = function_named(model)
        if not callable(model):
            raise RolesError(
                "a model of time series must be a function, or its module:function: it takes a "
                "list of dictionaries with start_time, target_time_series, related_time_series "
                f"and static_covariates, and returns a forecast for each; not {in_short(model)}"
            )
        self._function = model

    def forecasts(self, asked: Sequence[Asked]) -> NDArray[np.float64]:
        """Forecasts of some series, shape ``(series, steps)``."""
        found = self._function([*asked])
        try:
            made = np.asarray(found, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"the model's forecasts are not lists of numbers of one length: {error}"
            ) from error
        if made.ndim != 2 or len(made) != len(asked):
            raise DataError(
                f"the model returns forecasts of the shape {made.shape} for {len(asked):,} series; "
                "it must return one list of numbers for each"
            )
        return made

    def close(self) -> None:
        """Nothing is open."""


class _OfServer:
    """Forecasts by a server."""

    def __init__(self, server: Endpoint):
        self._server = server

    def forecasts(self, asked: Sequence[Asked]) -> NDArray[np.float64]:
        """Forecasts of some series, shape ``(series, steps)``."""
        import pandas as pd

        try:
            return self._server.scores(pd.DataFrame({"asked": [*asked]}))
        except ValueError as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                "the model's forecasts of one item differ in length; predictor."
                "time_series_predictor_config.forecast can cut them, as predictions.mean[:24] does"
            ) from error

    def close(self) -> None:
        """End the connections."""
        self._server.close()


def _bodies(job: Configuration, asked: Predictor) -> Bodies:
    """Form of the requests."""
    kind = asked.content_type or job.dataset_type
    content, record = asked.content_template, asked.record_template
    if kind != "application/json":
        raise RolesError(
            f"predictor.content_type is {kind!r}, but time series are sent as application/json"
        )
    if not isinstance(content, str) or "$record" not in content:
        raise RolesError("predictor.content_template must contain $records or $record")
    if record is None or "$target_time_series" not in record:
        raise RolesError(
            f"predictor.record_template must contain $target_time_series, and may contain "
            f"{', '.join(one for one in _PLACES if one != '$target_time_series')}"
        )
    is_single = "$records" not in content

    def parts(rows: Any) -> list[str]:
        return [
            filled(record, {place: json.dumps(one[place[1:]]) for place in _PLACES})
            for one in rows["asked"]
        ]

    def joined(texts: Sequence[str]) -> str:
        return filled(content, {"$records": f"[{','.join(texts)}]", "$record": texts[0]})

    return Bodies(kind, asked.accept_type or kind, parts, joined, is_single)


def _reader(asked: Predictor) -> Callable[[bytes, int], Answer]:
    """Function of an answer and the number of the forecasts it should have."""
    given = (asked.time_series_predictor_config or {}).get("forecast")
    if given is None:
        raise RolesError(
            "predictor.time_series_predictor_config.forecast is missing: the JMESPath of the "
            "forecast in the model's answer"
        )
    path = expression(given, "forecast")

    def read(body: bytes, number: int) -> Answer:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise DataError(f"the model's answer is not JSON: {body[:80]!r}") from error
        found = path(value, "the model's answer")
        is_nested = isinstance(found, list) and any(isinstance(one, list) for one in found)
        if number == 1 and not is_nested:
            found = [found]
        if not isinstance(found, list) or len(found) != number:
            raise DataError(
                f"the model's answer has {in_short(found)} at {given!r}, not a forecast for each "
                f"of {number:,} series"
            )
        return Answer(None, found)

    return read
