"""Models on the page: which files are opened, by whom, and what becomes of those that are not."""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import biaskit
from biaskit.browser import explaining
from biaskit.browser.desk import Desk
from biaskit.browser.explaining import Explanation, attributions_made, is_model
from biaskit.browser.jobs import Cancelled
from biaskit.browser.places import Root
from biaskit.counts.roles import Roles
from biaskit.errors import DataError
from support.served import Client, served, words

QUERY = "table=file:people.csv&facet=sex&label=hired"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and a model of each kind that was trained on it."""
    import lightgbm
    import xgboost
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    made = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    n = 600
    df = pd.DataFrame({"age": rng.integers(20, 60, n), "points": rng.normal(size=n).round(3)})
    df["hired"] = (df["points"] + df["age"] / 40 + rng.normal(size=n) > 1).astype(int)
    df["sex"] = np.where(rng.random(n) < 0.4, "F", "M")
    df.to_csv(made / "people.csv", index=False)
    df[:30].to_csv(made / "few.csv", index=False)  # rows that no method for trees explains
    features = df[["age", "points"]].astype(np.float32)
    tree = xgboost.XGBClassifier(n_estimators=5, max_depth=3).fit(features, df["hired"])
    tree.save_model(made / "trees.json")
    tree.save_model(made / "trees.ubj")
    data = lightgbm.Dataset(features, df["hired"])
    params = {"objective": "binary", "verbose": -1, "num_leaves": 7}
    lightgbm.train(params, data, 5).save_model(made / "trees.txt")
    linear = LogisticRegression().fit(features.to_numpy(), df["hired"])
    options = {id(linear): {"zipmap": False}}
    onnx = to_onnx(linear, features.to_numpy()[:1], options=options)
    (made / "linear.onnx").write_bytes(onnx.SerializeToString())
    (made / "harmful.pkl").write_bytes(pickle.dumps(Harmful()))
    (made / "notes.txt").write_text("nothing")
    (made / "rows.json").write_text('[{"sex": "F"}]')
    (made / "damaged.onnx").write_bytes(b"\x08\x01\x12" + b"\xff" * 500)
    (made / "damaged.json").write_text('{"learner": [[[[')
    return made


class Harmful:
    """What a pickle can do."""

    def __reduce__(self) -> Any:
        return sys.exit, (3,)


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with served(folder) as one:
        yield one


def shown(client: Client, address: str) -> Any:
    """Answer once a pass is over."""
    until = time.monotonic() + 90
    answer = client.get(address)
    while 'id="working"' in answer.text and time.monotonic() < until:
        time.sleep(0.2)
        answer = client.get(address)
    return answer


def onnx(folder: Path) -> Explanation:
    made = Explanation(Roles(facet="sex"), folder / "linear.onnx", folder / "few.csv")
    return made._replace(features=FEATURES)


FEATURES = ("age", "points")
MODELS = ("trees.json", "trees.ubj", "trees.txt", "linear.onnx")
# Importing what explains a model without trees takes long.
EACH = [pytest.param(one, marks=[pytest.mark.slow] * one.endswith(".onnx")) for one in MODELS]


def test_models_that_hold_no_program_are_listed(folder: Path, client: Client) -> None:
    desk = Desk(Root(folder))
    listed = {one.name for one in desk.models()}
    assert listed == {*MODELS, "damaged.onnx", "damaged.json"}
    assert not is_model(folder / "harmful.pkl")
    answer = client.get(f"/explain?{QUERY}")
    assert answer.status_code == 200
    assert "harmful" not in answer.text
    assert all(name in answer.text for name in MODELS)
    desk.close()


@pytest.mark.parametrize("name", EACH)
def test_the_parts_of_a_gap_are_those_of_biaskit_attribute(folder: Path, name: str) -> None:
    seen: list[int] = []
    roles = Roles(facet="sex", label="hired")
    trust = name.endswith(".onnx")
    features = FEATURES if trust else None
    data = folder / ("few.csv" if trust else "people.csv")
    asked = Explanation(roles, folder / name, data, features=features)
    found = attributions_made(asked, lambda rows, _: seen.append(rows))
    expected = biaskit.attribute(
        folder / name, data, facet="sex", trust_model=trust, features=features
    )
    assert found.rows == expected.rows > 0
    ours, theirs = (biaskit.explain(one, facet_values="F") for one in (found, expected))
    pd.testing.assert_frame_equal(ours, theirs)
    assert seen


@pytest.mark.parametrize("name", EACH)
def test_a_report_shows_the_parts_of_a_gap(client: Client, name: str) -> None:
    query = QUERY
    if name.endswith(".onnx"):
        query = f"{QUERY.replace('people', 'few')}&features=age,+points"
    answer = shown(client, f"/report?{query}&positive=1&model=file:{name}")
    assert answer.status_code == 200
    assert "What makes the gap in the model's output?" in words(answer)
    assert "points" in words(answer)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("harmful.pkl", "not there"),
        ("../trees.json", "not there"),
        ("gone.json", "not there"),
        ("people.csv", "not there"),
        ("linear.onnx", "Write them below, in their order"),
        ("notes.txt", "notes.txt"),
        ("rows.json", "rows.json"),
        ("damaged.json", "damaged.json"),
        ("damaged.onnx", "onnxruntime cannot read it"),
    ],
)
def test_what_is_no_such_model_is_an_error_beside_the_report(
    client: Client, model: str, told: str
) -> None:
    answer = shown(client, f"/report?{QUERY}&positive=1&model=file:{model}")
    assert answer.status_code == 422
    assert told in words(answer)
    assert "Traceback" not in answer.text
    assert "There is a problem" in words(answer)
    assert "Which model made the decisions?" in words(answer)


def test_counts_have_nothing_to_explain(folder: Path) -> None:
    with served(folder) as client:
        biaskit.count(folder / "people.csv", facet="sex", label="hired").save(folder / "s.counts")
        answer = shown(client, "/report?table=file:s.counts&positive=1&model=file:trees.json")
        assert "counts have no rows to be explained" in words(answer)
        (folder / "s.counts").unlink()


def test_a_library_that_breaks_down_takes_nothing_with_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho '[1, 0.5]'\nkill -SEGV $$\n")
    broken.chmod(0o755)
    monkeypatch.setattr(explaining.sys, "executable", str(broken))
    asked = onnx(folder)
    with pytest.raises(DataError, match="broken down"):
        attributions_made(asked, lambda *_: None)


def test_a_library_that_never_ends_is_ended(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = tmp_path / "python"
    said = tmp_path / "id"
    endless.write_text(f"#!/bin/sh\necho $$ > {said}\necho '[1, 0.5]'\nexec sleep 1000\n")
    endless.chmod(0o755)
    monkeypatch.setattr(explaining.sys, "executable", str(endless))
    asked = onnx(folder)

    def cancel(*_: Any) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        attributions_made(asked, cancel)
    assert not Path("/proc", said.read_text().strip()).exists()


@pytest.mark.slow
def test_no_module_of_the_folder_is_imported(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("onnxruntime", "json", "numpy", "biaskit"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(tmp_path)
    asked = onnx(folder)
    assert attributions_made(asked, lambda *_: None).rows == 30


def test_a_model_of_several_classes_asks_for_one(folder: Path, client: Client) -> None:
    answer = shown(client, f"/report?{QUERY}&positive=1&model=file:trees.json&output=nothing")
    assert answer.status_code == 422
    assert "no class 'nothing'" in words(answer)
