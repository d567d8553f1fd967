"""Sides that are chosen by a number or a value: at most 25 is d, and 1 is predicted positive."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import biaskit
from biaskit import BiaskitError, Counts, Roles
from biaskit.cli import main
from biaskit.gate.config import DataSet
from biaskit.gate.outcomes import check_data_set

RNG = np.random.default_rng(0)
PEOPLE = pd.DataFrame(
    {
        "age": RNG.integers(18, 60, 900),
        "sex": RNG.choice(["f", "m"], 900),
        "paid": RNG.choice(["yes", "no", "late"], 900),
        "guess": RNG.integers(0, 2, 900),
    }
)
LABEL = {"label": "paid", "positive": "yes"}


# -- at most ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["frame", "parquet", "csv"])
def test_at_most_is_the_other_side_of_above(form: str, tmp_path: Path) -> None:
    data: Any = PEOPLE
    if form != "frame":
        data = str(tmp_path / f"people.{form}")
        PEOPLE.to_parquet(data) if form == "parquet" else PEOPLE.to_csv(data, index=False)
    above = biaskit.report(data, facet="age", facet_above=25, **LABEL, metrics="CI,DPL,TVD")
    most = biaskit.report(data, facet="age", facet_at_most=25, **LABEL, metrics="CI,DPL,TVD")
    assert most["value"].unique().tolist() == ["<=25"]
    assert most["n_d"].unique().tolist() == [(PEOPLE["age"] <= 25).sum()]
    assert most["estimate"].tolist()[:2] == (-above["estimate"]).tolist()[:2]
    assert most["estimate"][2] == above["estimate"][2]
    assert most["p_value"].tolist() == above["p_value"].tolist()


def test_at_most_of_one_facet_of_several(tmp_path: Path, capsys: Any) -> None:
    several = {"facet": ["age", "sex"], **LABEL, "metrics": "DPL"}
    report = biaskit.report(PEOPLE, facet_at_most={"age": 25}, **several)
    assert report["value"].tolist() == ["<=25", "f", "m"]
    with pytest.raises(BiaskitError, match=r"give a mapping: facet_at_most=\{'age': 25\}"):
        biaskit.report(PEOPLE, facet_at_most=25, **several)
    path = str(tmp_path / "people.parquet")
    PEOPLE.to_parquet(path)
    flags = ["report", path, "--facet", "age", "--facet", "sex", "--label", "paid"]
    flags += ["--positive", "yes", "--metrics", "DPL", "--format", "csv"]
    assert main([*flags, "--facet-at-most", "age=25"]) == 0
    found = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert [row["value"] for row in found] == ["<=25", "f", "m"]
    assert [float(row["estimate"]) for row in found] == report["estimate"].tolist()
    assert main([*flags, "--facet-at-most", "25"]) == 2
    assert "name the facet: --facet-at-most age=25" in capsys.readouterr().err


@pytest.mark.parametrize("other", [{"facet_above": 25}, {"facet_edges": [30]}, {"facet_values": 7}])
def test_one_cut_of_a_facet(other: dict[str, Any]) -> None:
    with pytest.raises(BiaskitError, match="two of facet_values, facet_above, facet_at_most and"):
        Roles(facet="age", facet_at_most=25, **other)


def test_at_most_is_kept_with_counts_and_in_a_configuration(tmp_path: Path) -> None:
    counts = biaskit.count(PEOPLE, facet="age", facet_at_most=25, **LABEL)
    counts.save(tmp_path / "age.counts")
    loaded = Counts.load(tmp_path / "age.counts")
    assert loaded.roles == counts.roles
    assert biaskit.report(loaded).equals(biaskit.report(counts))
    PEOPLE.to_parquet(tmp_path / "people.parquet")
    roles = {"facet": "age", "facet_at_most": 25, **LABEL}
    data = DataSet.of({"files": "people.parquet", **roles, "limits": {"DPL": 0.9}}, tmp_path)
    assert [one.row.value for one in check_data_set(data).checked] == ["<=25"]


# -- predicted positive ----------------------------------------------------------------------------


def test_predictions_have_a_positive_value_of_their_own() -> None:
    given = {"facet": "sex", "predicted": "guess", **LABEL}
    said = biaskit.report(PEOPLE, **given, predicted_positive=1)
    as_label = PEOPLE.assign(guess=PEOPLE["guess"].map({1: "yes", 0: "no"}))
    pd.testing.assert_frame_equal(said, biaskit.report(as_label, **given))
    turned = biaskit.report(PEOPLE, **given, predicted_positive=[0])
    of = said["metric"] == "DPPL"
    assert turned["estimate"][of].tolist() == pytest.approx((-said["estimate"][of]).tolist())


def test_which_predictions_are_positive_is_chosen_after_counting() -> None:
    counts = biaskit.count(PEOPLE, facet="sex", predicted="guess", **LABEL)
    other = biaskit.count(PEOPLE, facet="sex", predicted="guess", **LABEL, predicted_positive=1)
    assert (counts + other).rows == 1_800
    assert biaskit.report(counts, predicted_positive=1).equals(biaskit.report(other))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "say which of them are positive with predicted_positive=, or cut a score with"),
        ({"predicted_positive": 2}, "predicted_positive: '2' does not occur in 'guess'"),
        ({"predicted_positive": 1, "predicted_above": 0.5}, "not both: they choose the same"),
        ({"predicted": None, "predicted_positive": 1}, "predicted_positive needs predicted"),
    ],
)
def test_a_positive_prediction_that_is_none_is_refused(given: dict[str, Any], told: str) -> None:
    roles: dict[str, Any] = {"facet": "sex", "predicted": "guess", **LABEL, **given}
    with pytest.raises(BiaskitError, match=told):
        biaskit.report(PEOPLE, **roles)


def test_positive_predictions_on_the_command_line(tmp_path: Path, capsys: Any) -> None:
    path = str(tmp_path / "people.csv")
    PEOPLE.to_csv(path, index=False)
    flags = ["--facet", "sex", "--label", "paid", "--positive", "yes", "--predicted", "guess"]
    argv = ["report", path, *flags, "--metrics", "DI", "--format", "csv"]
    assert main(argv) == 2
    assert "say which of them are positive with --predicted-positive" in capsys.readouterr().err
    assert main([*argv, "--predicted-positive", "1"]) == 0
    found = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    roles = {"facet": "sex", "predicted": "guess", **LABEL, "predicted_positive": 1}
    expected = biaskit.report(PEOPLE, **roles, metrics="DI")["estimate"].tolist()
    assert [float(row["estimate"]) for row in found] == expected
