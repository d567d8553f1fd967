"""Odd and hostile jobs: what is wrong is said in a sentence, and no secret leaves with a result."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from biaskit import clarify
from biaskit.clarify.asked.configuration import configured
from biaskit.clarify.tables.separated import csv_read
from biaskit.errors import BiaskitError, DataError, RolesError
from support.clarify_jobs import job, metrics, people, refused

ROWS = "sex,hired\n" + "F,1\nM,0\nF,0\nM,1\n" * 30
RECORDS = [{"features": ["F" if i % 2 else "M"], "hired": i % 3 % 2} for i in range(120)]
LINES = {"dataset_type": "application/jsonlines", "features": "features"}
SECRET = "AKIASECRET"


def written(path: Path, text: str) -> Path:
    """A file with a text."""
    path.write_text(text)
    return path


def lines(path: Path, *more: str) -> Path:
    """A file of JSON Lines, with further lines at its end."""
    return written(path, "\n".join([*map(json.dumps, RECORDS), *more]))


def lined(**more: Any) -> dict[str, Any]:
    """Job on those lines."""
    return job(**LINES, headers=["sex", "hired"], **more)


def test_numbers_beyond_every_float_are_said(tmp_path: Path) -> None:
    with pytest.raises(RolesError, match=r"label_values_or_threshold\[0\] must be a text or a"):
        configured(job(label_values_or_threshold=[10**400]))
    data = lines(tmp_path / "x.jsonl", json.dumps({"features": ["F"], "hired": 10**400}))
    result = clarify.run(lined(), data, tmp_path / "out")
    assert metrics(result.analysis)["CI"]["value"] == pytest.approx(-1 / 121)
    facet = [{"name_or_index": "pay", "value_or_threshold": [1]}]
    rows = [{"features": [i], "hired": i % 2} for i in range(2_000)]
    rows.append({"features": [10**400], "hired": 1})
    many = written(tmp_path / "many.jsonl", "\n".join(map(json.dumps, rows)))
    given = job(**LINES, headers=["pay", "hired"], facet=facet)
    assert "has 2,001 different values" in refused(given, many, tmp_path)


def test_half_a_letter_is_written_as_json_writes_it(tmp_path: Path) -> None:
    facet = [{"name_or_index": "sex", "value_or_threshold": ["\ud800"]}]
    report = {"report": {"name": "r", "title": "\ud800"}}
    given = job(facet=facet, methods={"pre_training_bias": {"methods": "all"}, **report})
    clarify.run(given, written(tmp_path / "x.csv", ROWS), tmp_path / "out")
    for name in ("analysis.json", "biaskit.json", "analysis_config.json"):
        json.loads((tmp_path / "out" / name).read_text())
    assert "\\ud800" in (tmp_path / "out/biaskit.json").read_text()


def test_the_name_of_a_report_is_a_name_of_a_file(tmp_path: Path) -> None:
    for name in ("r" * 400, "../../x/analysis", "a\0b", "", "..."):
        methods = {"pre_training_bias": {"methods": ["CI"]}, "report": {"name": name}}
        out = tmp_path / "out"
        result = clarify.run(job(methods=methods), written(tmp_path / "x.csv", ROWS), out)
        (page,) = [one for one in result.files if one.endswith(".html")]
        assert (out / page).is_file()
        assert "/" not in page


@pytest.mark.parametrize("header", ["a,,a,a.1,a", "a,a,a.1", "a.1,a,a", "x,,,x", "Unnamed: 1,,b"])
def test_columns_without_a_name_of_their_own_are_named_as_by_pandas(
    header: str, tmp_path: Path
) -> None:
    row = ",".join("1" for _ in header.split(","))
    path = written(tmp_path / "x.csv", f"{header}\n{row}\n")
    found = csv_read(path, None, ["a", "x", "b"])
    assert list(found.names) == list(pd.read_csv(path).columns)
    assert any("are named as by pandas" in note for note in found.notes)
    with pytest.raises(RolesError, match="occur twice or are empty"):
        csv_read(path, header.split(","), [])


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_data_without_rows_are_said(kind: str, tmp_path: Path) -> None:
    empty = pd.DataFrame({"sex": pd.Series([], dtype=str), "hired": pd.Series([], dtype=int)})
    data: Any = empty
    if kind == "csv":
        data = written(tmp_path / "x.csv", "sex,hired\n")
    if kind == "parquet":
        data = tmp_path / "x.parquet"
        empty.to_parquet(data)
    type_ = "application/x-parquet" if kind == "parquet" else "text/csv"
    assert "has no rows" in refused(job(dataset_type=type_), data, tmp_path)


def test_a_column_that_is_two_facets_has_the_groups_of_both(tmp_path: Path) -> None:
    facet = [{"name_or_index": "sex", "value_or_threshold": [one]} for one in ("F", "M")]
    rows = people(300)
    result = clarify.run(job(facet=facet), rows, tmp_path)
    groups = result.analysis["pre_training_bias_metrics"]["facets"]["sex"]
    assert [one["value_or_threshold"] for one in groups] == ["F", "M"]
    alone = clarify.run(job(facet=facet[:1]), rows, tmp_path)
    assert groups[:1] == alone.analysis["pre_training_bias_metrics"]["facets"]["sex"]


def test_rows_without_a_match_are_counted_and_said(tmp_path: Path) -> None:
    rows = people(120)
    data, further = tmp_path / "x.csv", tmp_path / "predicted.csv"
    rows.assign(id=range(120))[["id", "sex", "hired"]].to_csv(data, index=False)
    pd.DataFrame({"id": range(100), "said": [0, 1] * 50}).to_csv(further, index=False)
    given = job(
        joinsource_name_or_index="id",
        predicted_label="said",
        predicted_label_dataset_uri=str(further),
        methods={"post_training_bias": {"methods": "all"}},
    )
    result = clarify.run(given, data, tmp_path / "out")
    (warning,) = [one for one in result.warnings if "have no match" in one]
    assert warning.startswith("20 of 120 rows have no match by 'id' in the file of predicted")
    # A single file without the column is matched by place, as in Clarify.
    pd.DataFrame({"said": [0, 1] * 60}).to_csv(further, index=False)
    clarify.run(given, data, tmp_path / "out")
    folder = tmp_path / "parts"
    folder.mkdir()
    for i in (0, 1):
        pd.DataFrame({"said": [0, 1] * 30}).to_csv(folder / f"{i}.csv", index=False)
    given["predicted_label_dataset_uri"] = str(folder)
    assert "must be among its headers too" in refused(given, data, tmp_path)


def test_many_values_that_do_not_occur_and_many_faults_are_one_short_message(
    tmp_path: Path,
) -> None:
    given = job(label_values_or_threshold=[*range(50_000)])
    result = clarify.run(given, written(tmp_path / "x.csv", ROWS), tmp_path / "out")
    (warning,) = result.warnings
    assert warning.startswith("label_values_or_threshold 2, 3, 4")
    assert "and 49,986 more do not occur in 'hired'" in warning
    with pytest.raises(RolesError, match="and 49,982 more") as error:
        configured({f"k{i}": 1 for i in range(50_000)} | {"dataset_type": 1})
    assert len(str(error.value)) < 10_000


@pytest.mark.parametrize(
    "path", ["a." * 5_000 + "a", "(" * 5_000, "`" + "[" * 5_000 + "`", "abs(" * 5_000]
)
def test_a_long_jmespath_is_shortened_in_messages(path: str, tmp_path: Path) -> None:
    given = {**lined(), "features": path}
    assert len(refused(given, lines(tmp_path / "x.jsonl"), tmp_path)) < 500


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[" * 100_000, "line 121 is not JSON"),
        ('{"features":["F"],"hired":' + "1" * 5_000 + "}", "line 121 is not JSON"),
        ("null", "line 121: features"),
        ('{"features":{"a":1},"hired":1}', "line 121: features"),
    ],
)
def test_a_line_that_is_no_record_is_named(line: str, said: str, tmp_path: Path) -> None:
    assert said in refused(lined(), lines(tmp_path / "x.jsonl", line), tmp_path)


def test_lines_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    data = lines(tmp_path / "x.jsonl")
    data.write_bytes(data.read_bytes() + b'\n{"features":["\xe9"],"hired":1}')
    assert "line 121 is not UTF-8 (byte 14)" in refused(lined(), data, tmp_path)


def secret_address(name: str = "x.csv") -> str:
    """Address with everything that must not be shown."""
    return f"s3://{SECRET}:pass%2Fword@bucket/{name}?session_token={SECRET}"


def leaks(folder: Path) -> list[str]:
    """Files that show a secret."""
    return [
        one.name
        for one in folder.rglob("*")
        if one.is_file() and any(word in one.read_text() for word in (SECRET, "pass%2Fword"))
    ]


@pytest.mark.parametrize("rows", [ROWS, None])
def test_passwords_of_addresses_stand_in_no_file(rows: str | None, tmp_path: Path) -> None:
    folder, out = tmp_path / "data", tmp_path / "out"
    folder.mkdir()
    if rows is not None:
        written(folder / "x.csv", rows)
    report = {"report": {"name": "r", "title": "t"}}
    methods = {"pre_training_bias": {"methods": "all"}, **report}
    given = job(dataset_uri=secret_address(), methods=methods)
    mapping = {f"s3://{SECRET}:pass%2Fword@bucket": folder}
    if rows is not None:
        result = clarify.run(given, None, out, mapping=mapping)
        assert {"r.html", "analysis_config.json"} <= {*result.files}
        assert json.loads((out / "analysis_config.json").read_text())["dataset_uri"] == (
            "s3://bucket/x.csv"
        )
    else:
        with pytest.raises(BiaskitError) as error:
            clarify.run(given, None, out, mapping=mapping)
        assert SECRET not in str(error.value)
    assert leaks(out) == []


def test_a_baseline_or_a_model_at_an_address_is_refused_without_its_password(
    tmp_path: Path,
) -> None:
    with pytest.raises(RolesError, match=r"'s3://bucket/a\.json' is an address") as error:
        clarify.run(job(), people(), tmp_path, baseline=secret_address("a.json"))
    assert SECRET not in str(error.value)
    given = job(
        methods={"post_training_bias": {"methods": "all"}}, predictor={"endpoint_name": "e"}
    )
    with pytest.raises(RolesError, match=r"'s3://bucket/model\.tar\.gz' is an address"):
        clarify.run(given, people(), tmp_path, model="s3://k:s@bucket/model.tar.gz")
    assert leaks(tmp_path) == []


def test_results_beside_their_configuration_leave_it_as_it_is(tmp_path: Path) -> None:
    text = json.dumps(job(dataset_uri=secret_address()))
    config = written(tmp_path / "analysis_config.json", text)
    data = written(tmp_path / "x.csv", ROWS)
    for place in (config, tmp_path):
        result = clarify.run(place, data, tmp_path)
        assert config.read_text() == text
        assert "analysis_config.json" not in result.files


def test_the_command_says_what_is_wrong_in_a_line(tmp_path: Path) -> None:
    config = written(tmp_path / "analysis_config.json", json.dumps(job()))
    data = written(tmp_path / "x.csv", ROWS)
    for out, more in (
        (data, []),  # a file, where a folder should be
        (tmp_path / "out", ["--ground-truth", "/nonexistent"]),
        (tmp_path / "out", ["--attribute", "x"]),
        (tmp_path / "out", ["--baseline", str(data)]),
    ):
        command = [sys.executable, "-m", "biaskit", "clarify", "--config", str(config)]
        command += ["--data", str(data), "--output", str(out), *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith("biaskit: ")
        assert done.stderr.count("\n") == 1


def test_a_dictionary_of_lists_is_refused(tmp_path: Path) -> None:
    table = pa.table({"sex": ["F", "M"] * 60, "hired": [[i % 2] for i in range(120)]})
    path = tmp_path / "x.parquet"
    pq.write_table(table, path)
    with pytest.raises(DataError, match="must hold texts, numbers or booleans"):
        clarify.run(job(dataset_type="application/x-parquet"), path, tmp_path / "out")


@pytest.mark.parametrize("kind", ["csv", "frame", "parquet"])
def test_many_floats_are_cut_with_missing_ones_beside(kind: str, tmp_path: Path) -> None:
    rows = people(30_000)
    pay = pd.Series(range(30_000), dtype=float) / 7
    rows["pay"] = pay.sample(frac=1, random_state=1).to_numpy()
    rows.loc[:99, "pay"] = None
    data: Any = rows
    if kind == "csv":
        data = tmp_path / "x.csv"
        rows.to_csv(data, index=False)
    if kind == "parquet":
        data = tmp_path / "x.parquet"
        rows.to_parquet(data, row_group_size=7_000)
    facet = [{"name_or_index": "pay", "value_or_threshold": [1_000]}]
    type_ = "application/x-parquet" if kind == "parquet" else "text/csv"
    result = clarify.run(job(facet=facet, dataset_type=type_), data, tmp_path / "out")
    (group,) = result.analysis["pre_training_bias_metrics"]["facets"]["pay"]
    assert group["value_or_threshold"] == f"(1000.0, {rows['pay'].max()}]"
    above = int((rows["pay"] > 1_000).sum())
    assert metrics(result.analysis, facet="pay")["CI"]["value"] == pytest.approx(
        (30_000 - 2 * above) / 30_000
    )


@pytest.mark.parametrize("given", [["v1"], []])
@pytest.mark.parametrize("kind", ["csv", "frame"])
def test_a_facet_of_thousands_of_texts_is_refused_in_the_words_of_a_job(
    given: list[str], kind: str, tmp_path: Path
) -> None:
    rows = people(6_000)
    rows["town"] = [f"v{i % 3_000}" for i in range(6_000)]
    data: Any = rows
    if kind == "csv":
        data = tmp_path / "x.csv"
        rows.to_csv(data, index=False)
    facet = [{"name_or_index": "town", "value_or_threshold": given}]
    message = refused(job(facet=facet), data, tmp_path)
    assert "column 'town' has" in message
    assert "1,000 are counted at most" in message
    assert "facet_edges" not in message


def test_a_group_of_thousands_of_values_does_not_hinder_a_threshold(tmp_path: Path) -> None:
    rows = people(6_000)
    rows["pay"] = [i / 7 for i in range(6_000)]
    rows["town"] = [i % 3_000 for i in range(6_000)]
    facet = [{"name_or_index": "pay", "value_or_threshold": [400]}]
    for town in (rows["town"], "v" + rows["town"].astype(str)):
        given = job(facet=facet, group_variable="town")
        result = clarify.run(given, rows.assign(town=town), tmp_path)
        assert "error" not in metrics(result.analysis, facet="pay")["CDDL"]


def test_an_interrupt_is_said_as_one(tmp_path: Path) -> None:
    def interrupted(_: pd.DataFrame) -> Any:
        raise KeyboardInterrupt

    methods = {"post_training_bias": {"methods": "all"}}
    given = job(methods=methods, predictor={"model_name": "m"})
    with pytest.raises(KeyboardInterrupt):
        clarify.run(given, people(), tmp_path, model=interrupted)
    failure = json.loads((tmp_path / "failure.json").read_text())
    assert failure["cause"] == "the job was interrupted"
    assert failure["phase"] == "predictions"
    assert not (tmp_path / "analysis.json").exists()


def test_a_job_that_leaves_its_model_no_column_is_refused(tmp_path: Path) -> None:
    given = job(
        methods={"post_training_bias": {"methods": "all"}},
        predictor={"model_name": "m"},
        excluded_columns=["sex", "age", "predicted"],
    )
    with pytest.raises(RolesError, match="No column is left that the model could take"):
        clarify.run(given, people(), tmp_path, model=lambda rows: rows["age"])
