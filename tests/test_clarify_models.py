"""Models as SageMaker's containers pack them: what is read, what needs consent, what is refused."""

from __future__ import annotations

import contextlib
import gzip
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biaskit import clarify
from biaskit.clarify.predictors import archives
from biaskit.clarify.predictors.mxnet import arrays_of, linear_learner
from biaskit.errors import BiaskitError, DataError, RolesError
from support.clarify_jobs import JOBS, is_as, job, people
from support.model_archives import linear_archive, params, symbol, tarred, zipped

METHODS = {"post_training_bias": {"methods": ["AD", "DPPL"]}}


def asked(**predictor: Any) -> dict[str, Any]:
    """Job on people whose model takes the age alone."""
    return job(
        predictor={"model_name": "m", "content_type": "text/csv", **predictor},
        methods=METHODS,
        excluded_columns=["sex"],
    )


def rows(n: int = 300) -> pd.DataFrame:
    """People without a prediction."""
    return people(n)[["sex", "age", "hired"]]


def booster(**settings: Any) -> Any:
    """Booster of people's ages."""
    xgboost = pytest.importorskip("xgboost")
    frame = rows()
    data = xgboost.DMatrix(frame[["age"]].to_numpy(float), frame["hired"])
    return xgboost.train({"objective": "binary:logistic", "seed": 1, **settings}, data, 5)


def by_the_booster(model: Any, tmp_path: Path) -> dict[str, Any]:
    """Analysis with the labels that a booster's probabilities give."""
    import xgboost

    frame = rows()
    found = model.predict(xgboost.DMatrix(frame[["age"]].to_numpy(float)), validate_features=False)
    frame["said"] = (found > 0.5).astype(int)
    given_ = job(methods=METHODS, predicted_label="said")
    return clarify.run(given_, frame, tmp_path / "labels").analysis


@pytest.mark.parametrize("form", ["json", "ubj"])
@pytest.mark.parametrize("names", [None, ["years"]])
def test_a_model_of_xgboosts_container_is_read(
    form: str, names: list[str] | None, tmp_path: Path
) -> None:
    model = booster()
    model.feature_names = names  # as in the container, columns go by their place
    files = {"._xgboost-model": b"hidden", "xgboost-model": bytes(model.save_raw(form))}
    path = tarred(tmp_path / "model.tar.gz", files)
    result = clarify.run(asked(), rows(), tmp_path / "out", model=path)
    assert result.analysis == by_the_booster(model, tmp_path)


def test_only_the_best_rounds_of_a_model_are_used(tmp_path: Path) -> None:
    model = booster(max_depth=1, eta=3)
    model.set_attr(best_iteration="0")
    packed = {"xgboost-model": bytes(model.save_raw("ubj"))}
    path = tarred(tmp_path / "model.tar.gz", packed)
    result = clarify.run(asked(), rows(), tmp_path / "out", model=path)
    assert result.analysis == by_the_booster(model[:1], tmp_path)
    pickled = tarred(tmp_path / "old.tar.gz", {"xgboost-model": pickle.dumps(model)})
    again = clarify.run(asked(), rows(), tmp_path / "out", model=pickled, trust_model=True)
    assert again.analysis == result.analysis


def test_a_pickled_model_needs_consent(tmp_path: Path) -> None:
    model = booster()
    path = tarred(tmp_path / "model.tar.gz", {"xgboost-model": pickle.dumps(model)})
    with pytest.raises(RolesError, match=r"is a pickle: opening it runs .* --trust-model"):
        clarify.run(asked(), rows(), tmp_path / "out", model=path)
    result = clarify.run(asked(), rows(), tmp_path / "out", model=path, trust_model=True)
    assert result.analysis == by_the_booster(model, tmp_path)


def test_a_model_in_xgboosts_older_form_is_said(tmp_path: Path) -> None:
    path = tarred(tmp_path / "model.tar.gz", {"xgboost-model": b"binf" + bytes(500)})
    with pytest.raises(RolesError, match=r"binary form.*--trust-model"):
        clarify.run(asked(), rows(), tmp_path / "out", model=path)
    with pytest.raises(DataError, match="save the model as JSON"):
        clarify.run(asked(), rows(), tmp_path / "out", model=path, trust_model=True)


def test_a_pickle_of_scikit_learn_is_read_with_consent(tmp_path: Path) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    frame = rows()
    model = linear_model.LogisticRegression().fit(frame[["age"]].to_numpy(), frame["hired"])
    path = tarred(tmp_path / "model.tar.gz", {"model.pkl": pickle.dumps(model)})
    with pytest.raises(RolesError, match="--trust-model"):
        clarify.run(asked(), frame, tmp_path / "out", model=path)
    result = clarify.run(asked(), frame, tmp_path / "out", model=path, trust_model=True)
    frame["said"] = model.predict(frame[["age"]].to_numpy())
    given_ = job(methods=METHODS, predicted_label="said")
    assert result.analysis == clarify.run(given_, frame, tmp_path / "labels").analysis


SCRIPT = """
import json, os
from beside import CUT

def model_fn(folder):
    with open(os.path.join(folder, "model.json")) as file:
        return json.load(file)["cut"] + CUT

def input_fn(body, content_type):
    assert content_type == "text/csv"
    return [float(line) for line in body.split("\\n")]

def predict_fn(ages, cut):
    return [0.9 if age >= cut else 0.1 for age in ages]

def output_fn(found, accept):
    return "\\n".join(map(str, found)), accept
"""


def test_a_model_with_its_own_script_is_run_with_consent(tmp_path: Path) -> None:
    files = {
        "code/inference.py": SCRIPT.encode(),
        "code/beside.py": b"CUT = 10",
        "model.json": b'{"cut": 30}',
    }
    path = tarred(tmp_path / "model.tar.gz", files)
    with pytest.raises(RolesError, match=r"'code/inference.py', which runs as any program"):
        clarify.run(asked(), rows(), tmp_path / "out", model=path)
    result = clarify.run(asked(), rows(), tmp_path / "out", model=path, trust_model=True)
    frame = rows().assign(said=lambda all_: (all_["age"] >= 40).astype(int))
    given_ = job(methods=METHODS, predicted_label="said")
    assert result.analysis == clarify.run(given_, frame, tmp_path / "labels").analysis


def test_a_script_without_the_other_functions_has_the_containers_own(tmp_path: Path) -> None:
    script = b"""
class Old:
    def predict(self, rows):
        return (rows[:, 0] >= 40).astype(int)

def model_fn(folder):
    return Old()
"""
    path = tarred(tmp_path / "model.tar.gz", {"code/serve.py": script})
    result = clarify.run(asked(), rows(), tmp_path / "out", model=path, trust_model=True)
    frame = rows().assign(said=lambda all_: (all_["age"] >= 40).astype(int))
    given_ = job(methods=METHODS, predicted_label="said")
    assert result.analysis == clarify.run(given_, frame, tmp_path / "labels").analysis


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (b"import no_such_module", "'code/inference.py' fails: ModuleNotFoundError"),
        (b"x = 1", "has no function model_fn"),
        (b"def model_fn(folder):\n  1 / 0", "model_fn of .* fails: ZeroDivisionError"),
        (
            b"def model_fn(folder):\n  return 1\ndef transform_fn(*_):\n  return 5",
            "answers with a int",
        ),
        (
            b"def model_fn(folder):\n  return 1\ndef transform_fn(*_):\n  return '0.5'",
            "has 1 lines for 300 rows",
        ),
    ],
)
def test_a_script_that_fails_is_said(script: bytes, said: str, tmp_path: Path) -> None:
    path = tarred(tmp_path / "model.tar.gz", {"code/inference.py": script})
    with pytest.raises(DataError, match=said):
        clarify.run(asked(), rows(), tmp_path / "out", model=path, trust_model=True)


def test_the_published_linear_job_is_met_from_the_archive_of_its_model(tmp_path: Path) -> None:
    given_ = json.loads((JOBS / "configs/04_adult_linear_json_bias_templates.json").read_text())
    threshold = json.loads((JOBS / "adult_linear_model.json").read_text())["threshold"]
    path = linear_archive(tmp_path / "model.tar.gz", threshold)
    result = clarify.run(given_, JOBS / "adult_linear.json", tmp_path / "out", model=path)
    theirs = json.loads((JOBS / "outputs/adult_linear_bias_analysis.json").read_text())
    is_as(result.analysis, theirs)


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_arrays_of_mxnet_are_read_in_every_version(version: int) -> None:
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = arrays_of(params({"arg:w": weights, "arg:b": [1.5]}, version))
    np.testing.assert_array_equal(found["arg:w"], weights)
    np.testing.assert_array_equal(found["arg:b"], [1.5])


@settings(max_examples=300, deadline=None)
@given(cut=st.integers(0, 200), place=st.integers(0, 150), byte=st.integers(0, 255))
def test_damaged_parameters_are_said_and_take_no_memory(cut: int, place: int, byte: int) -> None:
    whole = bytearray(params({"arg:fc0_weight": [[1.0, 2.0]], "arg:fc0_bias": [0.5]}))
    whole[place % len(whole)] = byte
    with contextlib.suppress(BiaskitError):  # and nothing else
        linear_learner({"a.params": bytes(whole[: cut or None]), "a-symbol.json": symbol("x")})


@pytest.mark.parametrize(
    ("operations", "outputs", "scores"),
    [
        (("FullyConnected", "LogisticRegressionOutput"), 1, [[0.5], [1.0]]),
        (("FullyConnected", "LinearRegressionOutput"), 1, [[0.0], [1000.0]]),
        (("FullyConnected", "SoftmaxOutput"), 2, [[0.5, 0.5], [0.5, 0.5]]),
    ],
)
def test_linear_learner_has_three_kinds_of_scores(
    operations: tuple[str, ...], outputs: int, scores: list[list[float]]
) -> None:
    files = {
        "a.params": params({"w_weight": [[1.0]] * outputs, "w_bias": [0.0] * outputs}),
        "a-symbol.json": symbol(*operations),
    }
    found = linear_learner(files)(pd.DataFrame({"x": [0, 1000]}))
    np.testing.assert_allclose(found, scores)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.params": b"PAR1" * 9}, "is not MXNet's"),
        ({"a.params": params({"b_bias": [1]})}, "has no weights"),
        ({"a.params": params({"a_weight": [1], "b_weight": [1]})}, "has 2 arrays weight"),
        ({"a.params": params({"a_weight": [[1]], "a_bias": [1, 2]})}, "do not fit"),
        ({"a.params": params({"a_weight": [[np.nan]]})}, "not finite"),
        ({"a.params": params({"a_weight": [[1]]})}, "symbol.json"),
        ({"a.params": params({"a_weight": [[1]]}), "b-symbol.json": b"["}, "damaged"),
        ({"a.params": b"", "b.params": b""}, "one file .params, not 2"),
    ],
)
def test_files_that_are_no_linear_model_are_said(files: dict[str, bytes], said: str) -> None:
    with pytest.raises(DataError, match=said):
        linear_learner(files)


def member(name: str, **more: Any) -> tarfile.TarInfo:
    """An entry of a tar."""
    made = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(made, key, value)
    return made


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (member("xgboost-model", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "is a link"),
        (member("xgboost-model", type=tarfile.LNKTYPE, linkname="x"), "is a link"),
        (member("xgboost-model", type=tarfile.CHRTYPE), "is a link, a device"),
        (member("xgboost-model", type=tarfile.FIFOTYPE), "is a link, a device"),
        (member("../xgboost-model"), "leads out of it"),
        (member("a/../../xgboost-model"), "leads out of it"),
        (member("/xgboost-model"), "leads out of it"),
        (member("..\\xgboost-model"), "leads out of it"),
        (member("xgboost-model", type=tarfile.GNUTYPE_SPARSE), "model"),
    ],
)
def test_a_crafted_archive_is_refused(entry: tarfile.TarInfo, said: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(entry)
    with pytest.raises(DataError, match=said):
        clarify.run(asked(), rows(5), tmp_path / "out", model=path, trust_model=True)
    assert not (tmp_path / "out/analysis.json").exists()


def test_an_archive_that_grows_is_refused_while_it_is_read(tmp_path: Path) -> None:
    path = tarred(tmp_path / "model.tar.gz", {"xgboost-model": bytes(5_000_000)})
    assert path.stat().st_size < 50_000
    with pytest.raises(DataError, match="unpacks to more than 1,000,000 bytes"):
        archives.archived(path, most=1_000_000)
    packed = zipped({"a": bytes(5_000_000)})
    with pytest.raises(DataError, match="unpacks to more than 1,000,000 bytes"):
        archives.zipped(packed, "'m'", most=1_000_000)


def test_an_archive_of_thousands_of_files_is_refused(tmp_path: Path) -> None:
    path = tarred(tmp_path / "model.tar.gz", {str(i): b"" for i in range(10_001)})
    with pytest.raises(DataError, match="more than 10,000 files"):
        archives.archived(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no whole tar"),
        (b"no tar at all", "no whole tar"),
        (gzip.compress(b"x" * 2_000, mtime=0), "no whole tar"),
        (gzip.compress(bytes(10_240), mtime=0), "no file that is not hidden"),
    ],
    ids=["empty", "text", "packed", "nothing"],
)
def test_a_file_that_is_no_archive_is_said(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        clarify.run(asked(), rows(5), tmp_path / "out", model=path)


def test_an_archive_that_ends_early_is_said(tmp_path: Path) -> None:
    path = tarred(tmp_path / "model.tar.gz", {"m": np.random.default_rng(1).bytes(100_000)})
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(DataError, match="no whole tar"):
        archives.archived(path)


def test_a_header_that_claims_gigabytes_is_damage(tmp_path: Path) -> None:
    header = member("xgboost-model", size=8 << 30).tobuf()
    path = tmp_path / "model.tar"
    path.write_bytes(header + b"x" * 1_000)
    with pytest.raises(DataError, match="no whole tar"):
        archives.archived(path)


def test_several_models_in_one_archive_are_refused(tmp_path: Path) -> None:
    path = tarred(tmp_path / "model.tar.gz", {"xgboost-model-0": b"{}", "xgboost-model-1": b"{}"})
    with pytest.raises(DataError, match="several files, 'xgboost-model-0', 'xgboost-model-1'"):
        clarify.run(asked(), rows(5), tmp_path / "out", model=path)
