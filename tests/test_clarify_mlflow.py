"""Predictions of a real model server, ``mlflow models serve``, in each form that it takes."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biaskit import clarify
from support.clarify_jobs import job

pytest.importorskip("mlflow", reason="MLflow is not installed, whose server is asked")
pytest.importorskip("sklearn.linear_model")

pytestmark = pytest.mark.slow


def frame(rows: int = 3_000) -> pd.DataFrame:
    """People with numbers alone, which MLflow takes in each of its forms."""
    random = np.random.default_rng(5)
    age, years = random.integers(18, 70, rows).astype(float), random.normal(5, 2, rows).round(3)
    hired = (age / 10 + years + random.normal(0, 3, rows) > 9).astype(int)
    sex = random.choice(["F", "M"], rows)
    return pd.DataFrame({"age": age, "years": years, "sex": sex, "hired": hired})


@pytest.fixture(scope="module")
def model() -> Any:
    """A fitted model of the age and the years."""
    from sklearn.linear_model import LogisticRegression

    rows = frame()
    return LogisticRegression().fit(rows[["age", "years"]], rows["hired"])


@pytest.fixture(scope="module")
def server(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of MLflow's server of that model."""
    folder = tmp_path_factory.mktemp("mlflow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own
        import mlflow.sklearn

        mlflow.sklearn.save_model(
            model,
            folder / "model",
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder / "model")]
    command += ["--env-manager", "local", "-h", "127.0.0.1", "-p", str(port), "-w", "1"]
    # MLflow runs the server by its command, which lies beside Python's.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PATH": path},
            start_new_session=True,
        )
    try:
        _wait_for(port, process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/ping")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.5)
        finally:
            connection.close()
    raise AssertionError(log.read_text())


FORMS = {
    "inputs": ('{"inputs":$records}', "$features"),
    "split": ('{"dataframe_split":{"columns":$feature_names,"data":$records}}', "$features"),
    "records": ('{"dataframe_records":$records}', "$features_kvp"),
}


@pytest.mark.parametrize("form", FORMS)
def test_mlflows_server_is_asked_in_each_of_its_forms(
    form: str, server: str, model: Any, tmp_path: Path
) -> None:
    content, record = FORMS[form]
    predictor = {
        "endpoint_name": "mlflow",
        "content_type": "application/json",
        "content_template": content,
        "record_template": record,
        "probability": "predictions[*][1]",
    }
    rows, methods = frame(), {"post_training_bias": {"methods": ["AD", "DPPL", "RD"]}}
    given = job(predictor=predictor, methods=methods, excluded_columns=["sex"])
    result = clarify.run(given, rows, tmp_path / "asked", endpoint=server)
    score = model.predict_proba(rows[["age", "years"]])[:, 1]
    theirs = job(predicted_label="said", methods=methods)
    again = clarify.run(theirs, rows.assign(said=(score > 0.5).astype(int)), tmp_path / "said")
    assert result.analysis == again.analysis


def test_shap_values_are_found_by_asking_the_server(
    server: str, model: Any, tmp_path: Path
) -> None:
    predictor = {
        "endpoint_name": "mlflow",
        "content_type": "application/json",
        "content_template": '{"dataframe_split":{"columns":["age","years"],"data":$records}}',
        "record_template": "$features",
        "probability": "predictions[*][1]",
    }
    rows = frame(40)[["age", "years"]]
    given = {
        "dataset_type": "text/csv",
        "methods": {"shap": {"baseline": [[40.0, 5.0]]}},
        "predictor": predictor,
    }
    found = clarify.run(given, rows, tmp_path / "asked", endpoint=server).analysis
    values = found["explanations"]["kernel_shap"]["label0"]["global_shap_values"]

    def score(*, age: bool, years: bool) -> Any:
        some = rows.assign(**({} if age else {"age": 40.0}), **({} if years else {"years": 5.0}))
        return model.predict_proba(some)[:, 1]

    neither, both = score(age=False, years=False), score(age=True, years=True)
    alone, last = score(age=True, years=False), score(age=False, years=True)
    expected = np.abs((alone - neither + both - last) / 2).mean()
    assert values["age"] == pytest.approx(expected)
