"""Reweighing: weights with which a label does not depend on a facet."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biaskit
from biaskit.cli import main
from biaskit.errors import DataError, RolesError

TABLES = st.lists(st.integers(1, 40), min_size=12, max_size=12)


def rows(cells: Any) -> pd.DataFrame:
    """Rows of a table of three facet values, two labels and two groups."""
    shape = np.reshape(cells, (3, 2, 2))
    made = [("FMX"[f], y, "uv"[g], int(n)) for (f, y, g), n in np.ndenumerate(shape)]
    return pd.DataFrame(made, columns=["sex", "y", "g", "n"])


def merged(df: pd.DataFrame, weights: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Rows with their weights, times the number of rows that each stands for."""
    right = ["value", "label", "group"][: len(by)]
    found = df.merge(weights.drop(columns="n"), left_on=[*by], right_on=right)
    return found.assign(w=found["weight"] * found["n"])


@given(TABLES)
def test_labels_are_as_frequent_for_every_value_and_all_rows_count(cells: Any) -> None:
    df = rows(cells)
    weights = biaskit.reweighing(df, facet="sex", label="y", frequency="n")
    found = merged(df, weights, "sex", "y")
    assert found["w"].sum() == pytest.approx(df["n"].sum(), rel=1e-12)
    positive = found[found["y"] == 1].groupby("sex")["w"].sum()
    rate = (df["n"] * df["y"]).sum() / df["n"].sum()
    assert np.allclose(positive / found.groupby("sex")["w"].sum(), rate, rtol=1e-12)
    assert np.allclose(found.groupby("sex")["w"].sum(), df.groupby("sex")["n"].sum())


@given(TABLES)
def test_within_groups_they_are_as_frequent_in_each(cells: Any) -> None:
    df = rows(cells)
    weights = biaskit.reweighing(df, facet="sex", label="y", group="g", frequency="n")
    found = merged(df, weights, "sex", "y", "g")
    for group, of in found.groupby("g"):
        inside = df[df["g"] == group]
        rate = (inside["n"] * inside["y"]).sum() / inside["n"].sum()
        by_sex = of[of["y"] == 1].groupby("sex")["w"].sum() / of.groupby("sex")["w"].sum()
        assert np.allclose(by_sex, rate, rtol=1e-12)


def test_weights_of_rows_are_multiplied() -> None:
    df = rows(range(1, 13)).rename(columns={"n": "own"})
    weights = biaskit.reweighing(df, facet="sex", label="y", weight="own")
    found = df.merge(weights, left_on=["sex", "y"], right_on=["value", "label"])
    found["w"] = found["own"] * found["weight"]
    report = biaskit.report(found, facet="sex", label="y", weight="w", metrics="DPL")
    assert np.allclose(report["estimate"], 0, atol=1e-12)


def test_berkeley() -> None:
    """From the published counts: 1,198 of 2,691 men and 557 of 1,835 women were admitted."""
    found = biaskit.reweighing(biaskit.datasets.berkeley(), facet="gender", label="decision")
    of = found.set_index(["value", "label"])["weight"]
    assert of["female", "admitted"] == pytest.approx(1835 * 1755 / (4526 * 557), rel=1e-14)
    assert of["male", "admitted"] == pytest.approx(2691 * 1755 / (4526 * 1198), rel=1e-14)


def test_what_is_missing_or_has_no_rows_is_said() -> None:
    df = pd.DataFrame({"sex": ["F", "F", "M", None, "M"], "y": [0, 0, 1, 1, None]})
    found = biaskit.reweighing(df, facet="sex", label="y")
    unknown = found[found["value"].isna() | found["label"].isna()]
    assert (unknown["weight"] == 1).all()
    assert unknown["note"].str.contains("value is missing").all()
    assert found["n"].sum() == len(df)
    empty = found[found["n"] == 0]
    assert [*zip(empty["value"], empty["label"], strict=True)] == [("F", 1.0), ("M", 0.0)]
    assert empty["weight"].isna().all()
    assert empty["note"].str.contains("no rows to weigh").all()


def test_bins_of_cut_columns_are_texts() -> None:
    df = pd.DataFrame({"age": [20, 30, 50, 60], "score": [0.1, 0.9, 0.2, 0.8]})
    found = biaskit.reweighing(df, facet="age", facet_above=40, label="score", positive_above=0.5)
    assert {*found["value"]} == {"<=40", ">40"}
    assert {*found["label"]} == {"<=0.5", ">0.5"}
    assert (found["weight"] == 1).all()


def test_what_has_no_weights_is_refused() -> None:
    df = rows(range(1, 13))
    with pytest.raises(RolesError, match="give label="):
        biaskit.reweighing(df, facet="sex")
    with pytest.raises(DataError, match="no rows"):
        biaskit.reweighing(df.iloc[:0], facet="sex", label="y")
    counts = biaskit.count(df, facet="sex", label="y", frequency="n").protect()
    with pytest.raises(RolesError, match="rounded"):
        biaskit.reweighing(counts)


def test_the_command_line_gives_the_same(tmp_path: Path, capsys: Any) -> None:
    df = rows(range(1, 13))
    path = tmp_path / "t.csv"
    df.to_csv(path, index=False)
    flags = ["--facet", "sex", "--label", "y", "--frequency", "n", "--format", "json"]
    assert main(["reweighing", str(path), *flags]) == 0
    found = json.loads(capsys.readouterr().out)["weights"]
    expected = biaskit.reweighing(df, facet="sex", label="y", frequency="n")
    assert [one["weight"] for one in found] == expected["weight"].tolist()
    assert not any(math.isnan(one["weight"]) for one in found)
    assert main(["reweighing", str(path), "--facet", "sex", "--label", "yy"]) == 2
    assert "did you mean 'y'" in capsys.readouterr().err
