"""Predictions of a job's model: requests, answers, and servers that answer well or badly."""

from __future__ import annotations

import csv
import io
import json
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biaskit import clarify
from biaskit.clarify.asked.configuration import Predictor, configured
from biaskit.clarify.predictors.endpoint import Endpoint, Limits
from biaskit.clarify.predictors.responses import reader_of
from biaskit.clarify.predictors.templates import bodies_of
from biaskit.errors import BiaskitError, DataError, RolesError
from support.clarify_jobs import JOBS, is_as, job, people
from support.invocations import Reply, Server, serving

ROWS = pd.DataFrame({"age": [41, 33], "pay": [1.5, np.nan], "town": ['Ros"e', "a,b"]})


def asked(kind: str = "text/csv", **more: Any) -> dict[str, Any]:
    """Configuration whose predictor takes and gives a type."""
    predictor = {"endpoint_name": "e", "content_type": kind, **more}
    methods = {"post_training_bias": {"methods": ["AD", "DPPL"]}}
    return job(predictor=predictor, methods=methods)


def bodies(given_: dict[str, Any], rows: pd.DataFrame = ROWS) -> list[str]:
    """Body of a request with all rows, and of one with the first."""
    read = configured(given_)
    assert read.predictor is not None
    made = bodies_of(read, read.predictor, list(rows.columns))
    parts = made.parts(rows)
    return [made.joined(parts), made.joined(parts[:1])]


def test_csv_has_no_header_and_quotes_texts() -> None:
    whole, first = bodies(asked())
    assert whole == '41,1.5,"Ros""e"\n33,,"a,b"'
    assert [*csv.reader(io.StringIO(whole))] == [["41", "1.5", 'Ros"e'], ["33", "", "a,b"]]
    assert first == '41,1.5,"Ros""e"'


@pytest.mark.parametrize(
    ("content", "record", "body"),
    [
        (
            '{"instances":$records}',
            '{"features":$features}',
            '{"instances":[{"features":[1,2]},{"features":[3,4]}]}',
        ),
        ("$records", "$features_kvp", '[{"A":1,"B":2},{"A":3,"B":4}]'),
        (
            '{"names":$feature_names,"rows":$records}',
            "$features",
            '{"names":["A", "B"],"rows":[[1,2],[3,4]]}',
        ),
        (
            '{"inputs":$records}',
            '{"x":"${B}","nested":{"y":"${A}"}}',
            '{"inputs":[{"x":2,"nested":{"y":1}},{"x":4,"nested":{"y":3}}]}',
        ),
    ],
)
def test_json_is_made_by_both_templates(content: str, record: str, body: str) -> None:
    rows = pd.DataFrame({"A": [1, 3], "B": [2, 4]})
    made = asked("application/json", content_template=content, record_template=record, label="x")
    assert bodies(made, rows)[0] == body


def test_a_template_of_one_record_sends_rows_one_by_one() -> None:
    made = asked(
        "application/json", content_template="$record", record_template="$features", label="x"
    )
    assert bodies(made)[1] == '[41,1.5,"Ros\\"e"]'


def test_json_lines_are_made_by_one_template() -> None:
    made = asked("application/jsonlines", content_template='{"features":$features}', label="x")
    assert bodies(made)[0] == ('{"features":[41,1.5,"Ros\\"e"]}\n{"features":[33,null,"a,b"]}')


@given(text=st.sampled_from(["$records", "$features", '"${age}"', "$record", "$feature_names"]))
def test_no_value_of_a_row_is_taken_for_a_placeholder(text: str) -> None:
    rows = pd.DataFrame({"age": [text]})
    for record in ("$features", '{"a":"${age}"}', "$features_kvp"):
        made = asked(
            "application/json", content_template='{"r":$records}', record_template=record, label="x"
        )
        (row,) = json.loads(bodies(made, rows)[0])["r"]
        assert text in (row if isinstance(row, list) else row.values())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "content_template is missing"),
        ({"content_template": "{}", "record_template": "$features"}, r"must contain \$records"),
        ({"content_template": "$records"}, "record_template is missing"),
        ({"content_template": "$records", "record_template": "{}"}, "record_template must contain"),
        ({"content_template": "$records" * 20_000, "record_template": "$features"}, "shorter"),
        ({"content_template": {"a": "b"}, "record_template": "$features"}, "must be a text here"),
    ],
)
def test_invalid_templates_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(RolesError, match=said):
        bodies(asked("application/json", **more))


def answer(accept: str, body: str, rows: int, **more: Any) -> Any:
    """What is read from an answer."""
    return reader_of(Predictor(**more), accept)(body.encode(), rows)


@pytest.mark.parametrize(
    ("accept", "body", "more", "predicted"),
    [
        ("text/csv", "0.2\n0.7\n", {}, [0, 1]),
        ("text/csv", "0.2,0.7", {}, [0, 1]),
        ("text/csv", "0.2\r\n0.7", {}, [0, 1]),
        ("text/csv", "1,0.3\n0,0.6", {"label": 0}, [1, 0]),
        ("text/csv", "a,0.3\nb,0.6", {"probability": 1}, [0, 1]),
        ("text/csv", "0.3,0.7\n0.6,0.4", {"label_headers": ["no", "yes"]}, ["yes", "no"]),
        (
            "text/csv",
            "\"['cat', 'dog']\",\"[0.1, 0.9]\"\n\"['dog', 'cat']\",\"[0.8, 0.2]\"",
            {"label": 0, "probability": 1},
            ["dog", "dog"],
        ),
        ("text/csv", "[0.1, 0.9],[0.8, 0.2]", {"label_headers": ["n", "y"]}, None),
        ("application/jsonlines", '{"s":0.2}\n{"s":0.7}\n', {"probability": "s"}, [0, 1]),
        (
            "application/json",
            '{"predictions":[{"predicted_label":0,"score":0.9},{"predicted_label":1,"score":0.1}]}',
            {"label": "predictions[*].predicted_label", "probability": "predictions[*].score"},
            [0, 1],
        ),
        ("application/json", '{"predictions":[0.2,0.7]}', {"probability": "predictions"}, [0, 1]),
        (
            "application/json",
            '[{"p":[0.1,0.9]},{"p":[0.8,0.2]}]',
            {"probability": "[*].p", "label_headers": [7, 8]},
            [8, 7],
        ),
    ],
)
def test_answers_are_read_in_every_documented_form(
    accept: str, body: str, more: dict[str, Any], predicted: list[Any] | None
) -> None:
    if predicted is None:  # a list of a row is no list of rows
        with pytest.raises(DataError, match="the model's answer has"):
            answer(accept, body, 2, **more).predicted(0.5, more.get("label_headers"))
        return
    found = answer(accept, body, 2, **more)
    assert found.predicted(0.5, more.get("label_headers")) == predicted


@pytest.mark.parametrize(
    ("accept", "body", "more", "said"),
    [
        ("text/csv", "0.2\n0.7\n0.1", {}, "has 3 lines for 2 rows"),
        ("text/csv", "", {}, "has 0 lines for 2 rows"),
        ("text/csv", "yes\nno", {}, "where a score should be"),
        ("text/csv", "0.1\nnan", {}, "where a score should be"),
        ("text/csv", "1\n2", {"probability": 3}, "has no column 3"),
        ("application/json", "{", {"label": "x"}, "is not JSON"),
        ("application/json", "[" * 100_000, {"label": "x"}, "is not JSON"),
        ("application/json", '{"x":1}', {"label": "x"}, "not a value for each of 2 rows"),
        ("application/json", '{"x":[1]}', {"label": "x"}, "has 1 values at 'x' for 2 rows"),
        ("application/jsonlines", "1\n", {"label": "@"}, "has 1 lines for 2 rows"),
        ("text/csv", "\x80", {}, "not UTF-8"),
    ],
)
def test_a_wrong_answer_is_said(accept: str, body: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        reader_of(Predictor(**more), accept)(body.encode("latin-1"), 2).as_scores()


def numbers(body: bytes) -> list[list[float]]:
    """Rows of a CSV body."""
    return [[float(cell) for cell in line] for line in csv.reader(io.StringIO(body.decode()))]


def by_age(body: bytes) -> Reply:
    """Score of each row: 0.9 from 40 years on, else 0.1."""
    return Reply("\n".join("0.9" if row[0] >= 40 else "0.1" for row in numbers(body)).encode())


def frame(rows: int = 5_000) -> pd.DataFrame:
    """Rows of a job whose model takes the age alone."""
    return people(rows)[["sex", "age", "hired"]]


def config() -> dict[str, Any]:
    """Job whose endpoint takes the age alone."""
    return asked() | {"excluded_columns": ["sex"]}


def test_labels_come_from_a_server(tmp_path: Path) -> None:
    rows = frame()
    with serving(by_age) as server:
        result = clarify.run(config(), rows, tmp_path, endpoint=server.url)
    rows["said"] = (rows["age"] >= 40).astype(int)
    given_ = job(predicted_label="said", methods=config()["methods"])
    again = clarify.run(given_, rows, tmp_path)
    assert result.analysis == again.analysis
    assert server.headers[0]["path"] == "/invocations"
    assert server.headers[0]["Content-Type"] == "text/csv"
    sent = sum(len(numbers(body)) for body in server.bodies)
    assert sent == 5_000
    assert {len(row) for body in server.bodies for row in numbers(body)} == {1}  # never the label


def test_the_published_linear_job_is_met_through_a_server(tmp_path: Path) -> None:
    given_ = json.loads((JOBS / "configs/04_adult_linear_json_bias_templates.json").read_text())
    model = json.loads((JOBS / "adult_linear_model.json").read_text())

    def reply(body: bytes) -> Reply:
        rows = np.array([one["features"] for one in json.loads(body)["instances"]], dtype=float)
        score = 1 / (1 + np.exp(-(rows @ np.array(model["weights"]) + model["bias"])))
        answers = [
            {"predicted_label": int(one > model["threshold"]), "score": float(one)} for one in score
        ]
        return Reply(json.dumps({"predictions": answers}).encode())

    with serving(reply) as server:
        result = clarify.run(given_, JOBS / "adult_linear.json", tmp_path, endpoint=server.url)
    theirs = json.loads((JOBS / "outputs/adult_linear_bias_analysis.json").read_text())
    is_as(result.analysis, theirs)


def test_batches_are_halved_where_a_server_takes_fewer_rows(tmp_path: Path) -> None:
    def reply(body: bytes) -> Reply:
        return Reply(b"too much", 413) if len(numbers(body)) > 100 else by_age(body)

    with serving(reply) as server:
        clarify.run(config(), frame(2_000), tmp_path, endpoint=server.url)
    answered = [body for body in server.bodies if len(numbers(body)) <= 100]
    assert sum(len(numbers(body)) for body in answered) == 2_000


def test_a_row_that_fails_by_itself_is_named(tmp_path: Path) -> None:
    rows = frame(300)
    rows.loc[123, "age"] = 99

    def reply(body: bytes) -> Reply:
        found = numbers(body)
        return Reply(b"no such age", 400) if [99.0] in found else by_age(body)

    with serving(reply) as server, pytest.raises(BiaskitError) as error:
        clarify.run(config(), rows, tmp_path, endpoint=server.url)
    assert "row 124 of the data" in str(error.value)
    assert "no such age" in str(error.value)
    assert json.loads((tmp_path / "failure.json").read_text())["phase"] == "predictions"


def test_a_server_that_fails_once_is_asked_again(tmp_path: Path) -> None:
    calls = iter(range(10**6))

    def reply(body: bytes) -> Reply:
        return Reply(b"busy", 503) if next(calls) == 0 else by_age(body)

    with serving(reply) as server:
        clarify.run(config(), frame(10), tmp_path, endpoint=server.url)
    assert len(server.bodies) >= 3


def endpoint(server: Server, **limits: Any) -> Endpoint:
    """Endpoint of a server, with its own limits."""
    read = configured(config())
    assert read.predictor is not None
    made = bodies_of(read, read.predictor, ["age"])
    limited = Limits(**{"seconds": 5.0, **limits})
    return Endpoint(server.url, made, reader_of(read.predictor, "text/csv"), limits=limited)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(b"", 302, {"Location": "http://elsewhere.invalid/"}), "redirects elsewhere"),
        (Reply(b"x" * 3_000_000), "answers with more than 1,000,000 bytes"),
        (Reply(b"0.5" * 1_000, slowly=0.05), "did not answer within 1 seconds"),
        (Reply(b"0.5\n0.5"), "has 2 lines for 1 rows"),
        (Reply(b"no model", 500), "answers with the status 500: no model"),
        (Reply(b"\x1b[31m", 500), "answers with the status 500"),
    ],
)
def test_a_server_that_behaves_badly_is_refused(reply: Reply, said: str) -> None:
    rows = pd.DataFrame({"age": [40]})
    with (
        serving(lambda _: reply) as server,
        closing(endpoint(server, answer=1_000_000, seconds=1.0)) as found,
        pytest.raises(DataError, match=said),
    ):
        found.scores(rows)


def test_a_server_that_does_not_answer_is_said() -> None:
    with serving(by_age) as server:
        pass
    with pytest.raises(DataError, match="cannot be reached"):
        endpoint(server).scores(pd.DataFrame({"age": [40]}))


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://localhost",
        "http://user:secret@localhost:8080",
        "http://",
        "http://h:99999",
    ],
)
def test_an_address_without_server_or_with_a_password_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(RolesError, match="--endpoint") as error:
        clarify.run(config(), frame(5), tmp_path, endpoint=url)
    assert "secret" not in str(error.value)


def test_a_model_that_is_nowhere_is_said(tmp_path: Path) -> None:
    with pytest.raises(RolesError, match="where is 'e'"):
        clarify.run(config(), frame(5), tmp_path)


def test_connections_are_used_again() -> None:
    with serving(by_age) as server:
        found = endpoint(server, body=2_000)
        scores = found.scores(pd.DataFrame({"age": [*range(60)] * 50}))
        found.close()
    assert scores.shape == (3_000, 1)
    assert scores[40:60, 0].tolist() == [0.9] * 20
    assert found.requests == len(server.bodies) > 5


@pytest.mark.parametrize("status", [200, 404, 405, 501])
def test_a_server_with_or_without_ping_is_asked(status: int) -> None:
    with serving(by_age, status) as server, closing(endpoint(server)) as found:
        assert found.scores(pd.DataFrame({"age": [40, 20]})).tolist() == [[0.9], [0.1]]


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_is_not_ready_gets_no_rows(status: int) -> None:
    with serving(by_age, status) as server, closing(endpoint(server)) as found:
        with pytest.raises(DataError, match="has not loaded its model"):
            found.scores(pd.DataFrame({"age": [40]}))
        assert server.bodies == []


def test_a_batch_of_a_size_that_was_refused_is_not_sent_again() -> None:
    def reply(body: bytes) -> Reply:
        return Reply(b"too much", 413) if len(numbers(body)) > 100 else by_age(body)

    with serving(reply) as server, closing(endpoint(server, together=1)) as found:
        found.scores(pd.DataFrame({"age": [*range(50)] * 100}))
    refused = [n for n in (len(numbers(body)) for body in server.bodies) if n > 100]
    assert all(later < n for n, later in pairwise(refused))


def test_batches_that_take_too_long_are_halved() -> None:
    def reply(body: bytes) -> Reply:
        return Reply(by_age(body).body, slowly=0.002)  # seconds a byte

    with serving(reply) as server, closing(endpoint(server, seconds=0.5)) as found:
        assert found.scores(pd.DataFrame({"age": [40] * 100})).shape == (100, 1)


def test_the_time_of_an_answer_is_chosen(tmp_path: Path) -> None:
    with (
        serving(lambda _: Reply(b"0.5" * 9, slowly=0.1)) as server,
        pytest.raises(DataError, match=r"within 0\.2 seconds.*--endpoint-timeout"),
    ):
        clarify.run(config(), frame(5), tmp_path, endpoint=server.url, endpoint_timeout=0.2)
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(RolesError, match="--endpoint-timeout must lie between"):
            clarify.run(config(), frame(5), tmp_path, endpoint="http://h", endpoint_timeout=seconds)


def test_an_error_or_an_interrupt_waits_for_no_answer() -> None:
    """The first answer raises, while others are on their way for a minute."""

    def reply(body: bytes) -> Reply:
        return by_age(body) if len(numbers(body)) == 1 else Reply(b"0.5\n" * 100, slowly=0.5)

    for error in (KeyboardInterrupt, DataError):

        def told(_: int, __: float | None, error: type[BaseException] = error) -> None:
            raise error

        with serving(reply) as server, closing(endpoint(server, seconds=60.0)) as found:
            found._progress = told
            start = time.monotonic()
            with pytest.raises(error):
                found.labels(pd.DataFrame({"age": [40] * 9_000}))
            assert time.monotonic() - start < 10


def test_rows_that_have_their_label_are_told(tmp_path: Path) -> None:
    told: list[tuple[int, float | None]] = []
    with serving(by_age) as server:
        clarify.run(
            config(),
            frame(),
            tmp_path,
            endpoint=server.url,
            progress=lambda rows, share: told.append((rows, share)),
        )
    asked_ = [one for one in told if one[1] is not None]
    assert asked_[0] == (1, 1 / 5_000)
    assert (5_000, 1.0) in asked_


def test_a_template_that_blows_a_row_up_is_refused_before_more_are_made() -> None:
    rows = pd.DataFrame({"age": [40] * 1_000, "name": ["x" * 5_000] * 1_000})
    for times, said in ((3_000, "one row makes a request of"), (100, None)):
        given_ = asked(
            "application/json",
            content_template="$records",
            record_template=f"[{','.join(['$features'] * times)}]",
            probability="[*]",
        )
        read = configured(given_)
        assert read.predictor is not None
        made = bodies_of(read, read.predictor, list(rows.columns))
        answers = reader_of(read.predictor, "application/json")

        def reply(body: bytes) -> Reply:
            return Reply(json.dumps([0.5] * len(json.loads(body))).encode())

        with serving(reply) as server, closing(Endpoint(server.url, made, answers)) as found:
            if said is None:
                found.scores(rows.iloc[:40])
                assert max(map(len, server.bodies)) < 2_500_000
            else:
                with pytest.raises(RolesError, match=said):
                    found.scores(rows)
                assert server.bodies == []
