"""Time series of SageMaker Clarify's jobs: read, forecast and explained."""

from __future__ import annotations

import json
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biaskit import clarify
from biaskit.clarify.asked.configuration import configured
from biaskit.clarify.series.asymmetric import fine_grained, timewise
from biaskit.clarify.series.items import items_of, names_of
from biaskit.errors import DataError, RolesError
from support.clarify_jobs import JOBS, refused
from support.invocations import Reply, serving

TIMES = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]
# Two items, whose last target is not known yet, with a related series and a static covariate.
ROWS: list[dict[str, Any]] = [
    {"id": "b", "at": TIMES[0], "y": 4.0, "x": 1.0, "size": 7},
    {"id": "a", "at": TIMES[0], "y": 1.0, "x": 5.0, "size": 3},
    {"id": "a", "at": TIMES[2], "y": 3.0, "x": 7.0, "size": 3},
    {"id": "a", "at": TIMES[1], "y": 2.0, "x": 6.0, "size": 3},
    {"id": "a", "at": TIMES[3], "y": None, "x": 8.0, "size": 3},
    {"id": "b", "at": TIMES[1], "y": None, "x": 2.0, "size": 7},
]


def series(form: str = "timestamp_records", root: str = "", **more: Any) -> dict[str, Any]:
    """Configuration of a job on time series."""
    inside = ".values[]" if form == "item_records" else ""
    each = "" if form == "columns" else f"{root}[*]"
    dot = "." if each else ""
    return {
        "dataset_type": "application/json",
        "time_series_data_config": {
            "item_id": f"{each}{dot}id",
            "timestamp": f"{each}{inside}{dot}at",
            "target_time_series": f"{each}{inside}{dot}y",
            "related_time_series": [f"{each}{inside}{dot}x"],
            "static_covariates": [f"{each}{dot}size"],
            "dataset_format": form,
        },
        "methods": {
            "asymmetric_shapley_value": {"direction": "chronological", "granularity": "timewise"}
        },
        "predictor": {
            "model_name": "m",
            "content_template": '{"instances": $records}',
            "record_template": '{"start": $start_time, "y": $target_time_series, '
            '"x": $related_time_series, "size": $static_covariates}',
            "time_series_predictor_config": {"forecast": "predictions[*].mean"},
        },
        **more,
    }


def method(direction: str = "chronological", granularity: str = "timewise", **more: Any) -> Any:
    """Methods of a job."""
    made = {"direction": direction, "granularity": granularity, **more}
    return {"methods": {"asymmetric_shapley_value": made}}


def documents() -> dict[str, Any]:
    """The same items in Clarify's three formats."""
    items: dict[str, Any] = {}
    for row in ROWS:
        one = items.setdefault(row["id"], {"id": row["id"], "size": row["size"], "values": []})
        one["values"].append({key: row[key] for key in ("at", "y", "x")})
    return {
        "timestamp_records": ROWS,
        "columns": {key: [row[key] for row in ROWS] for key in ROWS[0]},
        "item_records": list(items.values()),
    }


def score(asked: list[dict[str, Any]]) -> list[list[float]]:
    """A forecast of two steps that mixes all that it is given, so that order matters."""
    made = []
    for one in asked:
        y, (x,), (size,) = (
            one["target_time_series"],
            one["related_time_series"],
            one["static_covariates"],
        )
        level = sum(value * (i + 1) for i, value in enumerate(y))
        made.append([level * x[-1] + size * x[0], level + size * size])
    return made


def explained(tmp_path: Path, model: Any = score, **more: Any) -> list[dict[str, Any]]:
    """Lines of the explanations of the items."""
    given = series(**more)
    clarify.run(given, ROWS, tmp_path / "out", model=model)
    asked = given["methods"]["asymmetric_shapley_value"]
    folder = f"{asked['granularity']}_{asked['direction']}"
    path = tmp_path / "out/asymmetric_shapley_value" / folder / "out.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("form", ["timestamp_records", "columns", "item_records"])
def test_items_are_the_same_in_all_three_formats(form: str, tmp_path: Path) -> None:
    path = tmp_path / "series.json"
    path.write_text(json.dumps(documents()[form]))
    job = configured(series(form))
    a, b = items_of(job, path)
    assert (a.id, a.timestamps, a.target) == ("a", TIMES, [1.0, 2.0, 3.0])
    assert (a.related, a.static) == ([[5.0, 6.0, 7.0, 8.0]], [3])
    assert (b.id, b.timestamps, b.target) == ("b", TIMES[:2], [4.0])
    assert (b.related, b.static) == ([[1.0, 2.0]], [7])
    assert names_of(job) == ("y", ("x",), ("size",))


def test_items_may_lie_within_a_document_and_lack_keys() -> None:
    rows = [{key: value for key, value in row.items() if value is not None} for row in ROWS]
    a, b = items_of(configured(series(root="data.rows")), {"data": {"rows": rows}})
    assert (a.target, b.target) == ([1.0, 2.0, 3.0], [4.0])
    a, b = items_of(
        configured(series("item_records", root="all")), {"all": documents()["item_records"]}
    )
    assert (a.target, b.static) == ([1.0, 2.0, 3.0], [7])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"at": TIMES[0]}, "has the timestamp '2020-01-01' twice"),
        ({"size": 4}, "has different static covariates"),
        ({"y": "high"}, "'high' is in a series, whose values must be numbers"),
        ({"x": True}, "True is in a series"),
        ({"id": None}, "the timestamp '2020-01-02' has no item_id"),
        ({"y": [1]}, "must find a list of single values"),
    ],
)
def test_invalid_series_are_refused(change: dict[str, Any], said: str) -> None:
    rows = [*ROWS[:3], {**ROWS[3], **change}, *ROWS[4:]]
    with pytest.raises(DataError) as error:
        items_of(configured(series()), rows)
    assert said in str(error.value)


def test_an_item_without_a_known_target_and_a_missing_path_are_refused() -> None:
    with pytest.raises(DataError, match="item 'b' has no known value of the target"):
        items_of(configured(series()), [{**row, "y": None} for row in ROWS if row["id"] == "b"])
    with pytest.raises(DataError, match=r"item_id '.*' finds nothing"):
        items_of(configured(series()), {"other": []})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dataset_type": "application/jsonlines"}, "read as application/json only"),
        ({"methods": {"shap": {}}}, "needs the method asymmetric_shapley_value"),
        ({"methods": {**method()["methods"], "pdp": {"features": ["x"]}}}, "have no other method"),
        ({"headers": ["id", "at", "y"]}, "5 headers, not 3"),
        (method(granularity="fine_grained"), "fine_grained needs"),
        (method("bidirectional", "fine_grained", num_samples=2), "fine_grained needs"),
        (method(num_samples=2), "num_samples is for fine_grained only"),
        (method(baseline={"target_time_series": "median"}), "did you mean"),
        (method(granularity="fine_grained", num_samples=1), "a list of 1 values (size)"),
        (
            method(
                granularity="fine_grained",
                num_samples=1,
                baseline={"static_covariates": {"a": [1], "b": [1, 2]}},
            ),
            "for 'b' it has [1, 2]",
        ),
    ],
)
def test_invalid_configurations_are_refused(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(RolesError) as error:
        clarify.run(series(**change), ROWS, tmp_path / "out", model=score)
    assert said in str(error.value)
    assert not (tmp_path / "out/analysis.json").exists()


def test_whole_times_are_added_from_either_end(tmp_path: Path) -> None:
    whole = score(
        [
            {
                "target_time_series": [1.0, 2.0, 3.0],
                "related_time_series": [[5.0, 6.0, 7.0, 8.0]],
                "static_covariates": [3],
            }
        ]
    )[0]
    found = {}
    for direction in ("chronological", "anti_chronological", "bidirectional"):
        a, b = explained(tmp_path, **method(direction))
        assert [*a] == ["explanations", "item_id", "offset"]
        assert [*a["explanations"][0]] == ["scores", "timestamp"]
        assert [one["timestamp"] for one in a["explanations"]] == TIMES
        assert (a["item_id"], b["item_id"]) == ("a", "b")
        assert a["offset"] == [0.0, 9.0]  # the covariate is the item's own
        scores = np.array([one["scores"] for one in a["explanations"]])
        assert np.add(a["offset"], scores.sum(axis=0)).tolist() == pytest.approx(whole)
        found[direction] = scores
    # The level is multiplied by the last related value, which only the last time brings.
    assert found["chronological"][:, 0].tolist() == [15.0, 0.0, 0.0, 112.0]
    assert found["anti_chronological"][:, 0].tolist() == [23.0, 32.0, 72.0, 0.0]
    both = (found["chronological"] + found["anti_chronological"]) / 2
    assert found["bidirectional"].tolist() == both.tolist()


def test_single_values_are_averaged_over_the_orders_of_each_time(tmp_path: Path) -> None:
    baseline = {
        "target_time_series": "mean",
        "related_time_series": "mean",
        "static_covariates": {"a": [1], "b": [2]},
    }
    a, _ = explained(
        tmp_path, **method(granularity="fine_grained", num_samples=9, baseline=baseline)
    )
    own = {"y": [1.0, 2.0, 3.0], "x": [5.0, 6.0, 7.0, 8.0], "size": [3]}
    other = {"y": [2.0] * 3, "x": [6.5] * 4, "size": [1]}

    def value(known: set[tuple[str, int]]) -> list[float]:
        mixed = {
            name: [one if (name, i) in known else other[name][i] for i, one in enumerate(values)]
            for name, values in own.items()
        }
        return score(
            [
                {
                    "target_time_series": mixed["y"],
                    "related_time_series": [mixed["x"]],
                    "static_covariates": mixed["size"],
                }
            ]
        )[0]

    groups = [[("size", 0)]] + [
        [(name, i) for name in ("y", "x") if i < len(own[name])] for i in range(4)
    ]
    wanted: dict[tuple[str, int], Any] = {}
    orders = [*product(*(permutations(group) for group in groups))]
    for order in orders:
        known: set[tuple[str, int]] = set()
        for player in (one for group in order for one in group):
            before = np.array(value(known))
            known.add(player)
            wanted[player] = wanted.get(player, 0) + (value(known) - before) / len(orders)
    assert a["offset"] == value(set())
    assert [*a["explanations"][0]] == ["feature_name", "scores", "timestamp"]
    names = [(one["feature_name"], one.get("timestamp")) for one in a["explanations"]]
    assert names == [
        *(("y", time) for time in TIMES[:3]),
        *(("x", time) for time in TIMES),
        ("size", None),
    ]
    for (name, time), one in zip(names, a["explanations"], strict=True):
        key = (name, 0 if time is None else TIMES.index(time))
        assert one["scores"] == pytest.approx(wanted[key].tolist(), abs=1e-12), key
    extra = json.loads((tmp_path / "out/biaskit.json").read_text())["asymmetric_shapley_value"]
    assert (extra["method"], extra["error_of_a_score"]) == ("exact", 0)


def test_drawn_orders_state_their_error() -> None:
    random = np.random.default_rng(3)
    table = random.normal(size=(1 << 6, 2))

    def forecast(members: Any) -> Any:
        return table[members @ (1 << np.arange(6))]

    groups = [np.array([0, 3]), np.array([1, 2, 4, 5])]
    exact = fine_grained(forecast, groups, 100)
    assert exact.squared == 0
    away, said = [], []
    for seed in range(200):
        drawn = fine_grained(forecast, groups, 4, seed)
        away.append(np.mean((drawn.values - exact.values) ** 2))
        said.append(drawn.squared)
        total = drawn.offset + drawn.values.sum(axis=0)
        assert total.tolist() == pytest.approx(drawn.whole.tolist())
    assert np.mean(said) == pytest.approx(np.mean(away), rel=0.25)
    assert np.isnan(fine_grained(forecast, groups, 2).squared)


def test_drawing_asks_no_forecast_twice() -> None:
    asked: list[bytes] = []

    def forecast(members: Any) -> Any:
        asked.extend(one.tobytes() for one in members)
        return members.sum(axis=1, keepdims=True).astype(float)

    fine_grained(forecast, [np.arange(4), np.arange(4, 9)], 3)
    timewise(forecast, np.arange(4), "bidirectional")
    assert len(asked[:-8]) == len(set(asked[:-8])) <= 2 + 3 * (3 + 4)
    assert len(asked[-8:]) == len(set(asked[-8:])) == 8


def test_the_published_job_is_run_through_a_server(tmp_path: Path) -> None:
    given = json.loads((JOBS / "configs/06_timeseries_asymmetric_shapley.json").read_text())
    name = "timeseries_fine_grained_chronological_out.jsonl"
    theirs = [json.loads(line) for line in (JOBS / "outputs" / name).read_text().splitlines()]
    times = [one["timestamp"] for one in theirs[0]["explanations"][3:12]]
    random = np.random.default_rng(0)
    rows = [
        {
            "item_id": item,
            "timestamp": time,
            "p_mbar": float(random.normal()) if i < 3 else None,
            "rain_mm": 0.0,
            "T_degC": float(random.normal()),
        }
        for item in ("seattle", "sanjose")
        for i, time in enumerate(times)
    ]
    (tmp_path / "series.json").write_text(json.dumps(rows))

    def answer(body: bytes) -> Reply:
        one = json.loads(body)["instances"]
        assert [*one] == ["start", "target", "dynamic_feat"]
        assert (one["start"], len(one["target"])) == (times[0], 3)
        level = sum(one["target"]) * (2 + one["dynamic_feat"][1][0]) + one["dynamic_feat"][1][8]
        return Reply(json.dumps({"predictions": {"mean": [level + i for i in range(10)]}}).encode())

    with serving(answer) as server:
        result = clarify.run(given, tmp_path / "series.json", tmp_path / "out", endpoint=server.url)
    path = "asymmetric_shapley_value/fine_grained_chronological/out.jsonl"
    assert result.analysis == {
        "version": "1.0",
        "explanations": {
            "asymmetric_shapley_value": {
                "direction": "chronological",
                "granularity": "fine_grained",
                "explanation_results_path": str(tmp_path / "out" / path),
            }
        },
    }
    ours = [json.loads(line) for line in (tmp_path / "out" / path).read_text().splitlines()]
    for mine, other in zip(ours, theirs, strict=True):
        assert [*mine] == [*other]
        assert mine["item_id"] == other["item_id"]
        assert len(mine["offset"]) == len(other["offset"]) == 10
        for one, its in zip(mine["explanations"], other["explanations"], strict=True):
            assert [*one] == [*its]
            assert (one["feature_name"], one["timestamp"]) == (
                its["feature_name"],
                its["timestamp"],
            )
            assert len(one["scores"]) == len(its["scores"])
    rain = [one for one in ours[0]["explanations"] if one["feature_name"] == "rain_mm"]
    assert np.array([one["scores"] for one in rain]) == pytest.approx(0, abs=1e-12)
    assert not (tmp_path / "out/report.html").exists()


def test_several_series_go_in_one_request_and_forecasts_may_be_cut(tmp_path: Path) -> None:
    def answer(body: bytes) -> Reply:
        records = json.loads(body)["instances"]
        found = [{"mean": [sum(one["y"]), sum(one["x"][0]), one["size"][0]]} for one in records]
        return Reply(json.dumps({"predictions": found}).encode())

    given = series(**method("anti_chronological"))
    given["predictor"]["time_series_predictor_config"]["forecast"] = "predictions[*].mean[:2]"
    with serving(answer) as server:
        clarify.run(given, ROWS, tmp_path / "out", endpoint=server.url)
        assert len(server.bodies) < 8  # 5 and 3 forecasts
    path = tmp_path / "out/asymmetric_shapley_value/timewise_anti_chronological/out.jsonl"
    a, _ = (json.loads(line) for line in path.read_text().splitlines())
    assert [one["scores"] for one in a["explanations"]] == [[1, 5], [2, 6], [3, 7], [0, 8]]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda asked: [[1.0]], "forecasts of the shape (1, 1) for 5 series"),
        (lambda asked: [[float("nan")] for _ in asked], "not finite numbers"),
        (lambda asked: [["x"] for _ in asked], "not lists of numbers"),
        (lambda asked: [[1.0] * (i + 1) for i in range(len(asked))], "not lists of numbers"),
        (object(), "a model of time series must be a function"),
        ("model.json", "which function is 'model.json'"),
    ],
)
def test_invalid_forecasts_are_refused(model: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises((DataError, RolesError)) as error:
        clarify.run(series(), ROWS, tmp_path / "out", model=model)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"record_template": '{"x": $related_time_series}'}, "must contain $target_time_series"),
        ({"content_template": "{}"}, "must contain $records or $record"),
        ({"content_type": "text/csv"}, "sent as application/json"),
        ({"time_series_predictor_config": None}, "forecast is missing"),
    ],
)
def test_invalid_requests_are_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    given = series()
    given["predictor"] = {k: v for k, v in (given["predictor"] | change).items() if v is not None}
    with pytest.raises(RolesError) as error:
        clarify.run(given, ROWS, tmp_path / "out", endpoint="http://localhost:1")
    assert said in str(error.value)


def test_a_baseline_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"target_time_series": "mean", "static_covariates": {"a": [1]}}))
    a, b = explained(tmp_path, **method(baseline=str(path)))
    assert a["offset"] == [0.0, 2 * (1 + 2 + 3) + 9.0]
    assert b["offset"] == [0.0, 4.0 + 49.0]
    path.write_text('{"target_time_series": "most"}')
    given = series(**method(baseline=str(path)))
    assert "there are 'zero', 'mean'" in refused(given, ROWS, tmp_path)


def test_checking_says_which_series_there_are_and_what_is_forecast() -> None:
    found = clarify.check(series(), ROWS, model=score)
    said = [one.said for one in found]
    assert said[1:] == [
        "2 items: a, b",
        "3 series and covariates: y, x, size; item 'a' has 4 times, and the target at 3 of them",
        "forecasts 127, 23 for item 'a'",
    ]
    faults = [one for one in clarify.check(series(), [], model=score) if one.is_fault]
    assert "finds nothing" in faults[0].said
