"""`reference=`: side a is one value of the facet, not all others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import biaskit
from biaskit.cli import main

ROLES: dict[str, Any] = {"facet": "race", "label": "y", "predicted": "p", "group": "g"}


def rows(n: int = 900, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    race = rng.choice(["asian", "black", "white", "other", None], n, p=[0.2, 0.3, 0.4, 0.05, 0.05])
    likely = pd.Series(race).map({"asian": 0.6, "black": 0.3, "white": 0.5}).fillna(0.4)
    y = (rng.random(n) < likely).astype(float)
    y[:9] = np.nan
    return pd.DataFrame(
        {
            "race": race,
            "y": y,
            "p": (rng.random(n) < 0.8 * likely + 0.1).astype(int),
            "g": rng.choice(["k", "l"], n),
            "w": rng.integers(1, 4, n),
            "x": rng.random(n).round(1),
        }
    )


def numbers(report: pd.DataFrame) -> pd.DataFrame:
    return report.drop(columns=["n_missing", "n_other", "note"])


@pytest.mark.parametrize("more", [{}, {"weight": "w"}, {"features": ["x"]}])
def test_a_reference_gives_the_numbers_of_two_values_alone(
    more: dict[str, Any],
) -> None:
    df = rows()
    found = biaskit.report(df, **ROLES, **more, reference="white")
    assert found["value"].unique().tolist() == ["asian", "black", "other"]
    for value, of_value in found.groupby("value"):
        pair = df[df["race"].isin([value, "white"]) | df["race"].isna()]
        alone = biaskit.report(pair, **ROLES, **more, facet_values=value)
        # The flip test scales its features by the spread over all rows.
        both = of_value["metric"] != "FT"
        pd.testing.assert_frame_equal(
            numbers(of_value[both.to_numpy()]).reset_index(drop=True),
            numbers(alone[alone["metric"] != "FT"]).reset_index(drop=True),
        )
    whole = found[["n_a", "n_d", "n_missing", "n_other"]].sum(axis=1)
    assert (whole == len(df)).all()
    assert (found["n_other"] > 0).all()
    assert found["note"].str.contains("compared with white alone").all()


def test_without_a_reference_nobody_is_other() -> None:
    found = biaskit.report(rows(), **ROLES)
    assert (found["n_other"] == 0).all()
    assert list(found.columns)[-3:] == ["n_missing", "n_other", "note"]


def test_the_largest_and_the_highest_are_chosen_once_for_all_metrics() -> None:
    df = rows()
    known = df.dropna(subset=["race", "y"])
    largest = known["race"].value_counts().index[0]
    shares = known.groupby("race")["p"].mean()
    highest = shares.idxmax()
    for reference, chosen in [("largest", largest), ("highest", highest)]:
        named = biaskit.report(df, **ROLES, reference=chosen)
        found = biaskit.report(df, **ROLES, reference=reference)
        pd.testing.assert_frame_equal(found.drop(columns="note"), named.drop(columns="note"))
        assert found["note"].str.contains(f"compared with {chosen} alone, chosen for the").all()
    one = biaskit.report(df, **ROLES, reference="highest", metrics="CI")
    assert highest not in set(one["value"])
    labels = known.groupby("race")["y"].mean().idxmax()
    without = biaskit.report(df, facet="race", label="y", reference="highest", metrics="DPL")
    assert labels not in set(without["value"])


def test_a_small_value_is_never_the_highest() -> None:
    df = pd.DataFrame({"g": ["a"] * 50 + ["b"] * 49 + ["c"], "y": [1] * 20 + [0] * 79 + [1]})
    found = biaskit.report(df, facet="g", label="y", reference="highest", metrics="DPL")
    assert found["value"].tolist() == ["b", "c"]
    df = pd.concat([df, df.tail(1)], ignore_index=True)  # now 2 of 101 rows, 2 % at most
    found = biaskit.report(df, facet="g", label="y", reference="highest", metrics="DPL")
    assert found["value"].tolist() == ["b", "c"]
    df = pd.DataFrame({"g": ["a"] * 49 + ["b"] * 49 + ["c"] * 2, "y": [0] * 98 + [1] * 2})
    found = biaskit.report(df, facet="g", label="y", reference="highest", metrics="DPL")
    assert found["value"].tolist() == ["a", "b"]


def test_a_value_outranks_a_keyword() -> None:
    df = pd.DataFrame({"g": ["largest", "b", "b", "b", "c"], "y": [1, 0, 1, 0, 1]})
    found = biaskit.report(df, facet="g", label="y", reference="largest", metrics="CI")
    assert found["value"].tolist() == ["b", "c"]
    assert found["n_a"].tolist() == [1, 1]


def test_the_keyword_leaves_out_the_values_that_are_d() -> None:
    found = biaskit.report(
        rows(), **ROLES, facet_values=["white", "asian"], reference="largest", metrics="CI"
    )
    assert found["value"].tolist() == ["asian, white"]
    assert found["note"].str.contains("compared with black alone").all()


def test_several_facets_and_bins() -> None:
    df = rows()
    both = biaskit.report(
        df,
        facet=["race", "g"],
        label="y",
        reference={"race": "white"},
        metrics="DPL",
    )
    assert both["value"].tolist() == ["asian", "black", "other", "k", "l"]
    each = biaskit.report(df, facet=["race", "g"], label="y", reference="largest", metrics="DPL")
    assert len(each) == 4
    cut = biaskit.report(
        df, facet="x", label="y", facet_edges=[0.3, 0.6], reference="(0.3, 0.6]", metrics="DPL"
    )
    assert cut["value"].tolist() == ["<=0.3", ">0.6"]
    crossed = biaskit.report(
        df, facet=("race", "g"), label="y", reference=("white", "k"), metrics="CI"
    )
    assert "white & k" not in set(crossed["value"])
    assert len(crossed) == 7


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"reference": "nobody"}, "'nobody' does not occur in 'race'"),
        ({"reference": "white", "facet_values": "white"}, "is on side d"),
        ({"reference": {"sex": "white"}}, "no facet 'sex'"),
        ({"reference": ["white", "black"]}, "one value of 'race'"),
        ({"reference": "highest", "predicted": None, "label": None, "group": None}, "an outcome"),
    ],
)
def test_references_that_cannot_be(more: dict[str, Any], said: str) -> None:
    with pytest.raises(biaskit.BiaskitError, match=said):
        biaskit.report(rows(), **{**ROLES, **more})


def test_a_reference_without_rows_leaves_nothing_to_compare() -> None:
    df = pd.DataFrame({"age": [20, 30, 50], "y": [0, 1, 1]})
    found = biaskit.report(
        df, facet="age", label="y", facet_edges=[10, 40], reference="<=10", metrics="DPL"
    )
    assert found["n_a"].tolist() == [0, 0]
    assert math.isnan(found["estimate"][0])


def test_the_reference_is_chosen_after_counting(tmp_path: Any) -> None:
    df = rows()
    counts = biaskit.count(df, **ROLES)
    direct = biaskit.report(df, **ROLES, reference="white")
    pd.testing.assert_frame_equal(biaskit.report(counts, reference="white"), direct)
    kept = counts.choosing(reference="white")
    kept.save(tmp_path / "c.counts")
    again = biaskit.Counts.load(tmp_path / "c.counts")
    assert again.roles == kept.roles
    pd.testing.assert_frame_equal(biaskit.report(again), direct)
    with pytest.raises(biaskit.BiaskitError, match="different reference"):
        kept + counts.choosing(reference="black")
    assert (kept + counts).roles.reference == kept.roles.reference


def test_the_command_line_and_python_agree(tmp_path: Any, capsys: Any) -> None:
    df = rows()
    path = tmp_path / "t.parquet"
    df.to_parquet(path)
    ends = ["--label", "y", "--predicted", "p", "--group", "g", "--reference", "highest"]
    assert main(["report", str(path), "--facet", "race", *ends, "--format", "csv"]) == 0
    told = capsys.readouterr().out
    made = biaskit.report(df, **ROLES, reference="highest")
    assert len(told.strip().splitlines()) == len(made) + 1
    assert "n_other" in told
    two = ["--facet", "race", "--facet", "g", "--label", "y", "--reference", "race=white"]
    assert main(["report", str(path), *two, "--format", "csv"]) == 0
    assert "white alone" in capsys.readouterr().out
    assert main(["report", str(path), "--facet", "race", "--label", "y", "--reference", "x"]) == 2
    assert "'x' does not occur" in capsys.readouterr().err


def test_drift_uses_the_reference_of_the_baseline() -> None:
    one, other = rows(seed=5), rows(seed=6)
    other.loc[other["race"] == "black", "p"] = 1  # now the highest
    counts = [biaskit.count(df, **ROLES) for df in (one, other)]
    found = biaskit.compare(*reversed(counts), reference="highest", limits={"DPPL": 0.1})
    shown = found[found["metric"] == "DPPL"]
    alone = biaskit.compare(*reversed(counts), reference="asian", limits={"DPPL": 0.1})
    pd.testing.assert_frame_equal(shown, alone[alone["metric"] == "DPPL"])


def test_explanations_take_a_reference() -> None:
    df = rows().dropna(subset=["race"])
    roles: dict[str, Any] = {"facet": "race", "facet_values": "black", "features": ["x", "w"]}

    def score(batch: pd.DataFrame) -> pd.Series:
        return batch["x"] + batch["w"]

    found = biaskit.explain(score, df, **roles, reference="white", background=df)
    total = found[found["feature"] == "(total)"].iloc[0]
    of = df.assign(s=df["x"] + df["w"]).groupby("race")["s"]
    assert total["gap"] == pytest.approx(of.mean()["white"] - of.mean()["black"])
    assert (total["n_a"], total["n_d"]) == (of.size()["white"], of.size()["black"])
    assert total["n_other"] == of.size()["asian"] + of.size()["other"]
    with pytest.raises(biaskit.BiaskitError, match="needs an outcome"):
        biaskit.explain(score, df, **roles, reference="highest", background=df)


def test_a_configuration_takes_a_reference(tmp_path: Any, capsys: Any) -> None:
    df = rows()
    df.to_parquet(tmp_path / "t.parquet")
    (tmp_path / "biaskit.toml").write_text(
        "[[data]]\n"
        'files = "t.parquet"\nfacet = "race"\nlabel = "y"\nreference = "white"\n'
        "limits.DPL = 0.9\n"
    )
    assert main(["check", "--config", str(tmp_path / "biaskit.toml")]) == 0, capsys.readouterr()
