"""The recipes of docs/pipelines.md, run as the page has them."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import biaskit

PAGE = Path(__file__).parent.parent / "docs" / "pipelines.md"
BLOCK = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS: dict[str, str] = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
FAIR, BIASED, UNSURE = 0.0, 0.4, 0.1


def loans(gap: float) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], 2000)
    chance = np.where(sex == "f", 0.5 - gap / 2, 0.5 + gap / 2)
    return pd.DataFrame({"sex": sex, "paid": (rng.random(2000) < chance).astype(int)})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the page's configuration, in which nothing calls home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    for name in ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "true")
    (tmp_path / "home").mkdir()
    Path("biaskit.toml").write_text(BLOCKS["biaskit.toml"])
    loans(FAIR).to_parquet("loans.parquet")
    return tmp_path


def recipe(name: str) -> dict[str, Any]:
    """Names that a block of the page defines."""
    names: dict[str, Any] = {"__name__": name.removesuffix(".py")}
    exec(compile(BLOCKS[name], name, "exec"), names)
    return names


def installed(package: str) -> None:
    """Skip a test of a package that is too heavy for everybody to install."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


def printed(script: str, **variables: str) -> Any:
    """The JSON that the last line of a script's output is, in a process of its own."""
    Path("script.py").write_text(script)
    done = shell(f"'{sys.executable}' script.py", **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-c", command],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


# GitHub Actions


def steps() -> list[dict[str, Any]]:
    workflow = yaml.safe_load(BLOCKS[".github/workflows/bias.yml"])
    assert workflow["permissions"] == {"contents": "read", "security-events": "write"}
    (job,) = workflow["jobs"].values()
    assert job["runs-on"] == "ubuntu-latest"
    found: list[dict[str, Any]] = job["steps"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("gap", "code"), [(FAIR, 0), (BIASED, 1)])
def test_the_workflow_annotates_sums_up_and_uploads(project: Path, gap: float, code: int) -> None:
    loans(gap).to_parquet("loans.parquet")
    annotate, write = [step for step in steps() if "biaskit check" in step.get("run", "")]
    first = shell(annotate["run"], GITHUB_STEP_SUMMARY="first.md")
    second = shell(write["run"], GITHUB_STEP_SUMMARY="second.md")
    assert (first.returncode, second.returncode) == (code, code)
    assert first.stdout.startswith("::error title=" if code else "::notice title=")
    assert Path("first.md").read_text().count("BK101") == (3 if code else 0)
    assert not Path("second.md").exists()
    (upload,) = [step for step in steps() if "upload-sarif" in step.get("uses", "")]
    sarif = json.loads(Path(upload["with"]["sarif_file"]).read_text())
    assert len(sarif["runs"][0]["results"]) == 2 * code


def test_steps_after_a_failed_one_run_and_all_else_is_a_step() -> None:
    kinds = [step.get("uses", step.get("run", "")).split("@")[0] for step in steps()]
    assert len(kinds) == 6
    assert all(kinds)
    after = kinds.index("biaskit check --format github") + 1
    assert all(step["if"] == "always()" for step in steps()[after:])
    assert not any("if" in step for step in steps()[:after])


# pytest


@pytest.mark.slow
@pytest.mark.parametrize(("gap", "failed"), [(FAIR, 0), (UNSURE, 0), (BIASED, 2)])
def test_tests_fail_on_biased_data(project: Path, gap: float, failed: int) -> None:
    loans(gap).to_parquet("loans.parquet")
    for name in ("conftest.py", "test_loans.py", "test_more_loans.py"):
        Path(name).write_text(BLOCKS[name])
    done = shell(f"'{sys.executable}' -m pytest -q -p no:cacheprovider")
    assert done.returncode == bool(failed), done.stdout
    said = f"{failed} failed" if failed else "2 passed"
    assert said in done.stdout
    if failed:
        assert "the whole interval is above 0.1" in done.stdout


# pandera


# Where PySpark is installed, pandera imports it.
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
def test_a_schema_refuses_biased_data(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandera", reason="pandera is in the dev extra")
    from pandera.errors import SchemaError

    schema = recipe("schema.py")["loans"]
    fair = loans(FAIR)
    assert schema.validate(fair).equals(fair)
    schema.validate(loans(UNSURE))
    with pytest.raises(SchemaError, match=r"bias within \{'DPL': 0.1\}"):
        schema.validate(loans(BIASED))
    with pytest.raises(SchemaError, match="isin"):
        schema.validate(fair.assign(paid=2))


# scikit-learn


def test_a_scorer_sees_the_facet_of_each_fold() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn comes with shap")
    rng = np.random.default_rng(0)
    facet = pd.Series(rng.choice(["f", "m"], 2000))
    merit = rng.normal(size=2000)
    y = (merit > 0).astype(int)
    names = recipe("scores.py")
    fair = names["scores"](pd.DataFrame({"merit": merit}), y, facet)
    shifted = pd.DataFrame({"merit": merit + 2 * (facet == "m")})
    biased = names["scores"](shifted, ((merit + (facet == "m")) > 0.5).astype(int), facet)
    for made in (fair, biased):
        assert made["test_accuracy"].min() > 0.8
        assert len(made["test_DPPL"]) == 5
    assert abs(fair["test_DPPL"]).max() < 0.15
    assert biased["test_DPPL"].min() > 0.25
    predicted = np.where(np.arange(2000) % 2, 1, y)
    share = pd.Series(predicted).groupby(facet).mean()
    assert names["dppl"](y, predicted, facet=facet) == pytest.approx(share["m"] - share["f"])


# MLflow

RUN = """
import json

with mlflow.start_run() as run:
    log_bias("loans.parquet", {"DPL": 0.1}, facet="sex", label="paid")
made = mlflow.get_run(run.info.run_id).data
checked = mlflow.load_table("bias/checked.json", [run.info.run_id])
print(json.dumps([dict(made.metrics), made.tags["bias"], list(checked["verdict"])]))
"""


@pytest.mark.parametrize(("gap", "tag"), [(FAIR, "no fail"), (BIASED, "fail")])
def test_a_run_has_the_numbers_and_the_tables(project: Path, gap: float, tag: str) -> None:
    installed("mlflow")
    loans(gap).replace({"sex": {"f": "f/../=%"}}).to_parquet("loans.parquet")
    store = {"MLFLOW_TRACKING_URI": (project / "runs").as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"}
    metrics, tagged, verdicts = printed(BLOCKS["log.py"] + RUN, **store)
    paid = loans(gap).groupby("sex")["paid"].mean()
    assert metrics["bias/sex/m/DPL"] == pytest.approx(paid["f"] - paid["m"])
    assert metrics["bias/sex/f______/DPL"] == pytest.approx(paid["m"] - paid["f"])
    assert tagged == tag
    assert verdicts == ["pass" if gap == FAIR else "fail"] * 2


# SageMaker model cards


def test_an_evaluation_is_added_to_a_model_card(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    loans(BIASED).to_parquet("loans.parquet")
    done = shell(BLOCKS["make-card.sh"])
    assert done.returncode == 0, done.stderr
    before = {"evaluation_details": [{"name": "Accuracy"}], "model_overview": {"model_name": "x"}}
    with mock_aws():
        sagemaker = boto3.client("sagemaker")
        sagemaker.create_model_card(
            ModelCardName="loans", Content=json.dumps(before), ModelCardStatus="Draft"
        )
        add_bias = recipe("card.py")["add_bias"]
        add_bias("loans")
        add_bias("loans")
        content = json.loads(sagemaker.describe_model_card(ModelCardName="loans")["Content"])
    assert content["model_overview"] == before["model_overview"]
    accuracy, bias = content["evaluation_details"]
    assert accuracy == {"name": "Accuracy"}
    report = biaskit.report("loans.parquet", facet="sex", label="paid")
    numbers = [one["value"] for group in bias["metric_groups"][:-1] for one in group["metric_data"]]
    assert numbers == report["estimate"].tolist()
    assert bias["datasets"] == ["loans.parquet"]


# Dagster

MATERIALIZED = """
import json

result = loans_within_limits()
done = dg.materialize([loans, loans_within_limits], raise_on_error=False)
said = {name: one.value for name, one in result.metadata.items()}
(passed,) = [one.passed for one in done.get_asset_check_evaluations()]
print(json.dumps([passed, result.severity.value, done.success, said]))
"""


@pytest.mark.parametrize(
    ("gap", "passed", "severity"),
    [(FAIR, True, "WARN"), (UNSURE, False, "WARN"), (BIASED, False, "ERROR")],
)
def test_an_asset_check_is_as_severe_as_the_verdict(
    project: Path, gap: float, passed: bool, severity: str
) -> None:
    installed("dagster")
    loans(gap).to_parquet("loans.parquet")
    home = str(project / "home")
    made = printed(BLOCKS["definitions.py"] + MATERIALIZED, DAGSTER_HOME=home, TMPDIR=home)
    said = made.pop()
    assert made == [passed, severity, severity != "ERROR"]
    verdict = {FAIR: "pass", UNSURE: "uncertain", BIASED: "fail"}[gap]
    assert set(said) == {"DPL, sex = f", "DPL, sex = m"}
    assert all(one.endswith(f": {verdict}") for one in said.values())


# Airflow


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gap", "flags", "code"),
    [(FAIR, "", 0), (UNSURE, "", 0), (UNSURE, " --strict", 1), (BIASED, "", 1), (None, "", 2)],
)
def test_the_command_of_the_task_ends_with_its_code(
    project: Path, gap: float | None, flags: str, code: int
) -> None:
    if gap is None:
        Path("loans.parquet").unlink()
    else:
        loans(gap).to_parquet("loans.parquet")
    assert shell(task()["bash_command"] + flags).returncode == code


def task() -> dict[str, Any]:
    """What the page gives to BashOperator."""
    (call,) = [
        node
        for node in ast.walk(ast.parse(BLOCKS["dag.py"]))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "BashOperator"
    ]
    return {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg}


DAG = """
import json

(operator,) = DAGS.task_dict.values()
print(json.dumps([operator.task_id, operator.bash_command, operator.cwd, operator.retries]))
"""


def test_the_dag_is_one_task(project: Path) -> None:
    installed("airflow")
    script = BLOCKS["dag.py"].replace("catchup=False):", "catchup=False) as DAGS:") + DAG
    told = printed(script, AIRFLOW_HOME=str(project / "home"))
    assert told == [task()[name] for name in ("task_id", "bash_command", "cwd", "retries")]


def test_each_recipe_is_run() -> None:
    told = Path(__file__).read_text(encoding="utf-8")
    assert len(BLOCKS) == 12
    assert not [name for name in BLOCKS if f'"{name}"' not in told]
