"""Captured data: what an endpoint was asked and answered, joined with the ground truth."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from biaskit import clarify
from biaskit.clarify.monitor.attributes import attributes_of
from biaskit.errors import BiaskitError, RolesError
from support.clarify_jobs import JOBS, job, metrics, people

METHODS = {
    "pre_training_bias": {"methods": "all"},
    "post_training_bias": {"methods": ["AD", "DPPL", "RD"]},
}


def encoded(text: str, encoding: str, type_: str, mode: str) -> dict[str, str]:
    """One part of a captured line."""
    data = base64.b64encode(text.encode()).decode() if encoding == "BASE64" else text
    return {"observedContentType": type_, "mode": mode, "data": data, "encoding": encoding}


def in_csv(rows: Any) -> tuple[str, str, str]:
    """Input, output and labels of some rows as CSV."""
    features = rows[["sex", "age"]].to_csv(index=False, header=False)
    return features, "\n".join(map(str, rows["score"])), "\n".join(map(str, rows["hired"]))


def in_json(rows: Any) -> tuple[str, str, str]:
    """The same as JSON documents."""
    asked = [{"features": [row.sex, row.age]} for row in rows.itertuples()]
    answered = [{"score": row.score} for row in rows.itertuples()]
    labels = [{"label": row.hired} for row in rows.itertuples()]
    made = ({"instances": asked}, {"predictions": answered}, {"instances": labels})
    first, second, third = map(json.dumps, made)
    return first, second, third


def in_lines(rows: Any) -> tuple[str, str, str]:
    """The same as JSON Lines."""
    asked = [json.dumps({"features": [row.sex, row.age]}) for row in rows.itertuples()]
    answered = [json.dumps({"score": row.score}) for row in rows.itertuples()]
    labels = [json.dumps({"label": row.hired}) for row in rows.itertuples()]
    return "\n".join(asked), "\n".join(answered), "\n".join(labels)


FORMS = {
    "CSV": (in_csv, "CSV", "text/csv", {}),
    "BASE64": (in_csv, "BASE64", "text/csv; charset=utf-8", {}),
    "JSON": (
        in_json,
        "JSON",
        "application/json",
        {
            "FeaturesAttribute": "instances[*].features",
            "ProbabilityAttribute": "predictions[*].score",
        },
    ),
    "JSON in BASE64": (
        in_json,
        "BASE64",
        "application/json",
        {
            "FeaturesAttribute": "instances[*].features",
            "ProbabilityAttribute": "predictions[*].score",
        },
    ),
    "JSON Lines": (
        in_lines,
        "JSON",
        "application/jsonlines",
        {"FeaturesAttribute": "features", "ProbabilityAttribute": "score"},
    ),
}
LABELS = {
    "JSON": "instances[*].label",
    "JSON in BASE64": "instances[*].label",
    "JSON Lines": "label",
}


def frame(rows: int = 120) -> pd.DataFrame:
    """People with a score, at which 0.5 itself is no prediction of 1."""
    made = people(rows)
    made["score"] = (made["age"] % 10) / 10
    return made


def wrote(
    folder: Path, form: str, rows: pd.DataFrame, at_once: int = 3, *, with_inference: bool = False
) -> tuple[Path, Path]:
    """Folders of captured lines and of ground truth."""
    texts, encoding, type_, _ = FORMS[form]
    captured, truth = [], []
    for i, start in enumerate(range(0, len(rows), at_once)):
        asked, answered, labels = texts(rows.iloc[start : start + at_once])
        about = {"eventId": f"e{i}", "inferenceTime": "2026-01-01T00:00:00Z"}
        if with_inference:
            about["inferenceId"] = f"i{i}"
        both = {
            "endpointInput": encoded(asked, encoding, type_, "INPUT"),
            "endpointOutput": encoded(answered, encoding, type_, "OUTPUT"),
        }
        captured.append({"captureData": both, "eventMetadata": about, "eventVersion": "0"})
        data = {"data": labels, "encoding": "CSV" if texts is in_csv else "JSON"}
        own = f"i{i}" if with_inference else f"e{i}"
        truth.append({"groundTruthData": data, "eventMetadata": {"eventId": own}})
    made = []
    for name, lines in (("capture", captured), ("truth", truth)):
        path = folder / name / "endpoint/AllTraffic/2026/01/01/00/lines.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        made.append(folder / name)
    return made[0], made[1]


def config(form: str) -> dict[str, Any]:
    """Configuration of a schedule: neither a type of data nor methods."""
    label = LABELS.get(form, "hired")
    given = job(label=label, headers=["sex", "age", "hired"], methods=METHODS)
    return {key: value for key, value in given.items() if key != "dataset_type"}


def expected(rows: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Analysis of the same rows as a table."""
    table = rows.assign(said=(rows["score"] > 0.5).astype(int))[["sex", "age", "hired", "said"]]
    return clarify.run(job(predicted_label="said", methods=METHODS), table, folder).analysis


@pytest.mark.parametrize("with_inference", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_captured_lines_give_what_a_table_gives(
    form: str, with_inference: bool, tmp_path: Path
) -> None:
    rows = frame()
    data, truth = wrote(tmp_path, form, rows, with_inference=with_inference)
    result = clarify.run(
        config(form), data, tmp_path / "out", ground_truth=truth, attributes=FORMS[form][3]
    )
    assert result.analysis == expected(rows, tmp_path / "table")
    assert result.warnings == ()


def merged(data: Path, truth: Path) -> Path:
    """The captured lines with their ground truth."""
    names = [next(one.rglob("*.jsonl")) for one in (data, truth)]
    lines = [[json.loads(line) for line in name.read_text().splitlines()] for name in names]
    path = data.parent / "merged.jsonl"
    both = [{**one, "groundTruthData": o["groundTruthData"]} for one, o in zip(*lines, strict=True)]
    path.write_text("\n".join(map(json.dumps, both)))
    return path


def test_merged_lines_need_no_folder_of_ground_truth(tmp_path: Path) -> None:
    rows = frame()
    path = merged(*wrote(tmp_path, "CSV", rows))
    given = {**config("CSV"), "dataset_type": "application/sagemakercapturejson"}
    result = clarify.run(given, path, tmp_path / "out")
    assert result.analysis == expected(rows, tmp_path / "table")


def test_a_folder_of_captured_lines_is_known_by_its_lines(tmp_path: Path) -> None:
    rows = frame()
    path = merged(*wrote(tmp_path, "CSV", rows))
    folder = tmp_path / "merge/2026/01"
    folder.mkdir(parents=True)
    path.rename(folder / "part-0.jsonl")
    given = {**config("CSV"), "dataset_type": "text/csv", "predicted_label": "0"}
    given["methods"] = {"pre_training_bias": {"methods": "all"}}
    result = clarify.run(given, tmp_path / "merge", tmp_path / "out")
    theirs = expected(rows, tmp_path / "table")["pre_training_bias_metrics"]
    assert result.analysis["pre_training_bias_metrics"] == theirs


def test_a_published_merged_line_is_read(tmp_path: Path) -> None:
    given = json.loads((JOBS / "configs/04_adult_linear_json_bias_templates.json").read_text())
    del given["predictor"], given["dataset_type"]
    attributes = [
        "FeaturesAttribute=instances[*].features",
        "InferenceAttribute=predictions[*].predicted_label",
    ]
    path = JOBS / "merged_two_records.jsonl"
    for inference in ("predictions", "SageMakerOutput.predictions"):
        attributes[1] = f"InferenceAttribute={inference}[*].predicted_label"
        result = clarify.run(given, path, tmp_path / "out", attributes=attributes)
        assert result.analysis["pre_training_bias_metrics"]["label"] == "Target"
        assert metrics(result.analysis, facet="Sex")["CI"]["error"] == "Negated Facet set is empty"


def test_the_published_window_as_captured_lines_has_the_published_violations(
    tmp_path: Path,
) -> None:
    frame_ = pd.read_csv(JOBS / "adult_linear_window_merged.csv")
    features = list(frame_.columns[:14])
    lines = []
    for start in range(0, len(frame_), 7):
        part = frame_.iloc[start : start + 7]
        both = {
            "instances": [{"features": one} for one in part[features].to_numpy().tolist()],
            "SageMakerOutput": {
                "predictions": [
                    {"predicted_label": one} for one in part["predicted_label"].tolist()
                ]
            },
        }
        labels = {"instances": [{"label": one} for one in part["ground_truth"].tolist()]}
        line = {
            "captureData": {"batchTransformOutput": {"data": json.dumps(both), "encoding": "JSON"}},
            "groundTruthData": {"data": json.dumps(labels), "encoding": "JSON"},
            "eventMetadata": {"eventId": str(start)},
        }
        lines.append(json.dumps(line))
    data = tmp_path / "merge.jsonl"
    data.write_text("\n".join(lines))
    given = json.loads((JOBS / "configs/04_adult_linear_json_bias_templates.json").read_text())
    asked = {key: given[key] for key in ("headers", "label", "label_values_or_threshold", "facet")}
    asked["group_variable"] = given["group_variable"]
    result = clarify.run(
        asked,
        data,
        tmp_path / "out",
        attributes={
            "FeaturesAttribute": "instances[*].features",
            "InferenceAttribute": "predictions[*].predicted_label",
        },
        baseline=JOBS / "outputs/adult_linear_bias_analysis.json",
    )
    theirs = json.loads((JOBS / "outputs/bias_violations_batch_json_2024.json").read_text())
    ours = [(one["metric_name"], one["facet_value"]) for one in result.violations]
    assert ours == [(one["metric_name"], one["facet_value"]) for one in theirs["violations"]]


def test_events_that_match_nothing_are_counted_and_said(tmp_path: Path) -> None:
    rows = frame()
    data, truth = wrote(tmp_path, "CSV", rows, at_once=1)
    path = next(truth.rglob("*.jsonl"))
    lines = path.read_text().splitlines()
    lines[0] = lines[0].replace('"e0"', '"nobody"')
    path.write_text("\n".join(lines[:-1]))
    result = clarify.run(config("CSV"), data, tmp_path / "out", ground_truth=truth)
    assert result.analysis == expected(rows.iloc[1:-1], tmp_path / "table")
    assert result.warnings == (
        "2 of 120 captured events have no ground truth and are left out",
        "1 events of the ground truth were not captured, and are left out",
    )
    kept = json.loads((tmp_path / "out/biaskit.json").read_text())
    assert kept["warnings"] == list(result.warnings)


def test_batch_transforms_of_csv_have_output_after_input(tmp_path: Path) -> None:
    rows = frame()
    lines = []
    for i, start in enumerate(range(0, len(rows), 4)):
        part = rows.iloc[start : start + 4]
        both = part[["sex", "age", "score"]].to_csv(index=False, header=False)
        labels = "\n".join(map(str, part["hired"]))
        lines.append(
            {
                "captureData": {"batchTransformOutput": {"data": both, "encoding": "CSV"}},
                "groundTruthData": {"data": labels, "encoding": "CSV"},
                "eventMetadata": {"eventId": str(i)},
            }
        )
    data = tmp_path / "merge.jsonl"
    data.write_text("\n".join(map(json.dumps, lines)))
    for attributes in ({"ProbabilityAttribute": "2"}, {"ProbabilityThresholdAttribute": "0.5"}):
        result = clarify.run(config("CSV"), data, tmp_path / "out", attributes=attributes)
        assert result.analysis == expected(rows, tmp_path / "table")


def line(**more: Any) -> dict[str, Any]:
    """A merged line of one record, with some parts in other ways."""
    both = {
        "endpointInput": encoded("F,30", "CSV", "text/csv", "INPUT"),
        "endpointOutput": encoded("0.7", "CSV", "text/csv", "OUTPUT"),
    }
    return {
        "captureData": both,
        "groundTruthData": {"data": "1", "encoding": "CSV"},
        "eventMetadata": {"eventId": "1"},
        **more,
    }


def part(text: str, encoding: str = "CSV", type_: str = "") -> dict[str, str]:
    """Input of a line."""
    return encoded(text, "CSV", type_, "INPUT") | {"encoding": encoding}


OUTPUT = encoded("0.7", "CSV", "text/csv", "OUTPUT")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{", "is not JSON"),
        ("[1]", "has no captureData"),
        ("[" * 100_000, "is not JSON"),
        (line(captureData={}), "neither endpointInput nor batchTransformOutput"),
        (line(captureData={"endpointInput": part("F,30")}), "has no endpointOutput"),
        (
            line(captureData={"endpointInput": part("F,30\nM,4"), "endpointOutput": OUTPUT}),
            "has 1 lines for 2 rows",
        ),
        (line(groundTruthData={"data": "1\n0", "encoding": "CSV"}), "has 2 labels for 1 records"),
        (line(groundTruthData={"data": '{"a":1}', "encoding": "JSON"}), "JMESPath of its labels"),
        (
            line(captureData={"endpointInput": part("**", "BASE64"), "endpointOutput": OUTPUT}),
            "not BASE64",
        ),
        (
            line(captureData={"endpointInput": part("{}", "JSON"), "endpointOutput": OUTPUT}),
            "--attribute FeaturesAttribute",
        ),
        (line(captureData={"endpointInput": part(""), "endpointOutput": OUTPUT}), "are empty"),
        (
            line(captureData={"endpointInput": part("F,30,1"), "endpointOutput": OUTPUT}),
            "3 features",
        ),
    ],
)
def test_a_line_that_is_wrong_is_named(bad: Any, said: str, tmp_path: Path) -> None:
    data = tmp_path / "lines.jsonl"
    lines = [json.dumps(line()), bad if isinstance(bad, str) else json.dumps(bad)]
    data.write_text("\n".join(lines))
    given = {**config("CSV"), "dataset_type": "application/sagemakercapturejson"}
    with pytest.raises(BiaskitError) as error:
        clarify.run(given, data, tmp_path / "out")
    assert said in str(error.value)
    assert "lines.jsonl, line 2" in str(error.value)
    assert json.loads((tmp_path / "out/failure.json").read_text())["phase"] in ("data", "bias")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["FeaturesAttribut=x"], "did you mean 'FeaturesAttribute'"),
        (["FeaturesAttribute"], "takes NAME=VALUE"),
        (["ProbabilityThresholdAttribute=high"], "must be a number"),
    ],
)
def test_attributes_are_checked(given: Sequence[str], said: str) -> None:
    with pytest.raises(RolesError, match=said):
        attributes_of(given)


def test_lines_without_ground_truth_ask_for_it(tmp_path: Path) -> None:
    data, _ = wrote(tmp_path, "CSV", frame())
    given = {**config("CSV"), "dataset_type": "application/sagemakercapturejson"}
    with pytest.raises(BiaskitError, match="give --ground-truth"):
        clarify.run(given, data, tmp_path / "out")


def test_explanations_of_captured_rows_need_no_ground_truth(tmp_path: Path) -> None:
    data, _ = wrote(tmp_path, "CSV", frame())
    given = {
        "version": "1.0",
        "headers": ["sex", "age"],
        "dataset_type": "application/sagemakercapturejson",
        "methods": {"shap": {"baseline": [["F", 30]]}},
        "predictor": {"model_name": "m", "content_type": "text/csv"},
    }
    result = clarify.run(given, data, tmp_path / "out", model=lambda rows: rows["age"] / 100)
    values = result.analysis["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    assert values["sex"] == pytest.approx(0)
    assert values["age"] > 0


def test_the_command_reads_captured_data(tmp_path: Path) -> None:
    data, truth = wrote(tmp_path, "CSV", frame())
    (tmp_path / "schedule.json").write_text(json.dumps(config("CSV")))
    command = [sys.executable, "-m", "biaskit", "clarify", "--ground-truth", str(truth)]
    command += ["--config", str(tmp_path / "schedule.json"), "--data", str(data)]
    command += ["--attribute", "ProbabilityThresholdAttribute=0.5"]
    done = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "'sex' F" in done.stdout
    command += ["--output", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out/analysis.json").read_text())["version"] == "1.0"
