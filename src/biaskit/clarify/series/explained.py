"""Explained: the asymmetric Shapley values of a job's items, as Clarify writes them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.asked.configuration import Asymmetric, Configuration
from biaskit.clarify.asked.keys import BASELINE_OF_SERIES
from biaskit.clarify.asked.schema import Findings
from biaskit.clarify.series.asymmetric import Scores, fine_grained, timewise
from biaskit.clarify.series.forecasts import Asked, Forecaster
from biaskit.clarify.series.items import Item, Names, names_of
from biaskit.clarify.tables.columns import is_missing
from biaskit.clarify.tables.json_rows import document_of
from biaskit.errors import DataError, RolesError, in_short

__all__ = ["SeriesExplained", "baseline_of", "explained_series", "forecast_of", "path_of"]

# Sums of scores may differ from the forecast by rounding, relative to the largest score.
_ROUNDING = 1e-9


class SeriesExplained(NamedTuple):
    """Explanations of items.

    Attributes
    ----------
    lines
        Text of ``out.jsonl``.
    added
        How the scores were found, for ``biaskit.json``.
    """

    lines: str
    added: dict[str, Any]


class _Player(NamedTuple):
    """A value that is the item's own or the baseline's.

    `time` is None for a static covariate. `series` is 0 for the target, then the number of the
    related series, or that of the covariate.
    """

    name: str
    series: int
    time: int | None


def path_of(asked: Asymmetric) -> str:
    """Path of the explanations in a job's output."""
    return f"asymmetric_shapley_value/{asked.granularity}_{asked.direction}/out.jsonl"


def baseline_of(file: str) -> Any:
    """Baseline in a JSON file.

    Raises
    ------
    DataError, RolesError
        The file cannot be read, or has no baseline of time series.
    """
    found = Findings()
    made = BASELINE_OF_SERIES(document_of(file), "asymmetric_shapley_value.baseline", found)
    if found.faults:
        raise RolesError("; ".join(found.faults))
    return made


def explained_series(
    job: Configuration,
    items: Sequence[Item],
    forecaster: Forecaster,
    baseline: Any = None,
    told: Callable[[float], None] = lambda _: None,
) -> SeriesExplained:
    """Asymmetric Shapley values of items.

    Parameters
    ----------
    job, items, forecaster
        The configuration, its data and its model.
    baseline
        Baseline of the configuration, or what is in the file that it names.
    told
        Called with the share of the items that are explained.

    Raises
    ------
    DataError, RolesError
        The model cannot be asked, or the baseline does not fit the items.
    """
    asked = job.asymmetric
    assert asked is not None
    names = names_of(job)
    lines, squares, number = [], [], 0
    for i, item in enumerate(items):
        one = _Explained(item, names, asked, _baseline(item, names, asked, baseline), forecaster)
        scores = one.scores()
        lines.append(one.line(scores))
        squares.append(scores.squared)
        number += one.number
        told((i + 1) / len(items))
    error = math.sqrt(float(np.mean(squares)))
    method = "exact"
    if error:
        method = f"{asked.num_samples} orders of the values of each time"
    added: dict[str, Any] = {
        "method": method,
        "error_of_a_score": None if math.isnan(error) else error,
        "items": len(items),
        "forecasts": number,
    }
    return SeriesExplained("".join(lines), added)


def forecast_of(item: Item, forecaster: Forecaster) -> NDArray[np.float64]:
    """Forecast of an item as it is, shape ``(steps,)``.

    Raises
    ------
    DataError
        The model cannot be asked, or its forecast has values that are no finite numbers.
    """
    found: NDArray[np.float64] = _finite(item, forecaster.forecasts([_asked_of(item)]))[0]
    return found


def _finite(item: Item, found: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.all(np.isfinite(found)):
        raise DataError(
            f"item {in_short(item.id)}: the model's forecast has values that are not finite numbers"
        )
    return found


def _asked_of(item: Item) -> Asked:
    """What a model is given of an item; the lists are the caller's to change."""
    return {
        "start_time": item.timestamps[0],
        "target_time_series": [*item.target],
        "related_time_series": [[*one] for one in item.related],
        "static_covariates": [*item.static],
    }


@dataclass
class _Explained:
    """An item, and the forecasts of its coalitions."""

    item: Item
    names: Names
    asked: Asymmetric
    baseline: Item
    forecaster: Forecaster
    #: Forecasts that were asked for.
    number: int = 0
    players: list[_Player] = field(init=False)

    def __post_init__(self) -> None:
        item, names = self.item, self.names
        self.players = [
            *(_Player(names.target, 0, time) for time in range(len(item.target))),
            *(
                _Player(name, i + 1, time)
                for i, name in enumerate(names.related)
                for time in range(len(item.timestamps))
            ),
        ]
        if self.asked.granularity == "fine_grained":
            self.players += [_Player(name, i, None) for i, name in enumerate(names.static)]

    def scores(self) -> Scores:
        """Scores of the players, or of whole times."""
        asked = self.asked
        if asked.granularity == "timewise":
            of_time = np.array([player.time for player in self.players], dtype=np.intp)
            found = timewise(self._forecast, of_time, asked.direction)
        else:
            found = fine_grained(self._forecast, self._groups(), asked.num_samples or 1)
        away = found.offset + found.values.sum(axis=0) - found.whole
        size = np.abs(found.values).sum(axis=0) + np.abs(found.offset) + np.abs(found.whole)
        if not np.all(np.abs(away) <= _ROUNDING * size + 1e-12):
            raise DataError(
                f"item {in_short(self.item.id)}: the scores and the offset do not add up to the "
                f"forecast; they differ by {float(np.max(np.abs(away))):.3g}"
            )
        return found

    def line(self, scores: Scores) -> str:
        """Line of ``out.jsonl``, with its keys in Clarify's order."""
        made = []
        if self.asked.granularity == "timewise":
            for time, values in enumerate(scores.values):
                made.append({"scores": values.tolist(), "timestamp": self.item.timestamps[time]})
        else:
            for player, values in zip(self.players, scores.values, strict=True):
                one = {"feature_name": player.name, "scores": values.tolist()}
                if player.time is not None:
                    one["timestamp"] = self.item.timestamps[player.time]
                made.append(one)
        line = {"explanations": made, "item_id": self.item.id, "offset": scores.offset.tolist()}
        return json.dumps(line, ensure_ascii=False) + "\n"

    def _groups(self) -> list[NDArray[np.intp]]:
        """Players by their times; static covariates are known before any time."""
        of: dict[int, list[int]] = {}
        for i, player in enumerate(self.players):
            of.setdefault(-1 if player.time is None else player.time, []).append(i)
        return [np.array(of[time], dtype=np.intp) for time in sorted(of)]

    def _forecast(self, members: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Forecasts of coalitions."""
        self.number += len(members)
        asked = [self._mixed(one) for one in members]
        return _finite(self.item, self.forecaster.forecasts(asked))

    def _mixed(self, member: NDArray[np.bool_]) -> Asked:
        """The baseline with the item's own values where a coalition has them."""
        item, made = self.item, _asked_of(self.baseline)
        for at in np.flatnonzero(member):
            _, series, time = self.players[at]
            if time is None:
                made["static_covariates"][series] = item.static[series]
            elif series:
                made["related_time_series"][series - 1][time] = item.related[series - 1][time]
            else:
                made["target_time_series"][time] = item.target[time]
        return made


def _baseline(item: Item, names: Names, asked: Asymmetric, given: Any) -> Item:
    """What an item is compared with."""
    given = given or {}
    target = _level(item.target, given.get("target_time_series"))
    related = [_level(one, given.get("related_time_series")) for one in item.related]
    static: Sequence[Any] = item.static
    if names.static and asked.granularity == "fine_grained":
        static = _of_static(item, names, given.get("static_covariates"))
    return Item(item.id, item.timestamps, target, related, static)


def _level(values: Sequence[Any], kind: str | None) -> list[float]:
    """A series of one value: 0, or the mean of the known values."""
    known = [one for one in values if not is_missing(one)]
    level = sum(known) / len(known) if kind == "mean" and known else 0.0
    return [level] * len(values)


def _of_static(item: Item, names: Names, given: Any) -> Sequence[Any]:
    """Static covariates that an item is compared with."""
    found = given.get(str(item.id)) if isinstance(given, Mapping) else None
    if not isinstance(found, list) or len(found) != len(names.static):
        raise RolesError(
            "asymmetric_shapley_value.baseline.static_covariates must have a list of "
            f"{len(names.static)} values ({', '.join(names.static)}) for every item; for "
            f"{in_short(item.id)} it has {in_short(found)}"
        )
    return found
