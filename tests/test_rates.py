"""Rates by facet value: against rows, against reports, and the interval between the extremes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import biaskit
from biaskit.cli import main
from biaskit.reports.rates import ALL, APART, rate_rows

ROLES: dict[str, Any] = {"facet": "g", "label": "y", "predicted": "p"}
NAMES = ["selection", "TPR", "FPR", "TNR", "FNR", "precision", "accuracy", "TP", "FP", "FN", "TN"]


def rows(n: int = 600, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "g": rng.choice(["k", "l", "m", None], n, p=[0.5, 0.3, 0.1, 0.1]),
            "y": np.where(rng.random(n) < 0.05, np.nan, rng.integers(0, 2, n)),
            "p": rng.integers(0, 2, n),
            "w": rng.integers(1, 5, n) / 2,
        }
    )


def by_hand(of: pd.DataFrame, weight: str | None = None) -> dict[str, float]:
    w = of[weight] if weight else pd.Series(1.0, of.index)
    y, p = of["y"] == 1, of["p"] == 1
    tp, fp, fn, tn = (w[one].sum() for one in (y & p, ~y & p, y & ~p, ~y & ~p))
    return {
        "selection": (tp + fp) / w.sum(),
        "TPR": tp / (tp + fn),
        "FPR": fp / (fp + tn),
        "TNR": tn / (fp + tn),
        "FNR": fn / (tp + fn),
        "precision": tp / (tp + fp),
        "accuracy": (tp + tn) / w.sum(),
        "TP": tp,
        "FP": fp,
        "FN": fn,
        "TN": tn,
    }


@pytest.mark.parametrize("weight", [None, "w"])
def test_every_rate_is_that_of_the_rows(weight: str | None) -> None:
    df = rows()
    found = biaskit.rates(df, **ROLES, weight=weight)
    assert list(found.columns) == [
        *("facet", "value", "rate", "estimate", "low", "high", "n", "n_missing")
    ]
    known = df.dropna(subset=["g", "y"])
    of_value = dict(iter(known.groupby("g"))) | {ALL: known}
    for value, part in of_value.items():
        mine = found[found["value"] == value].set_index("rate")
        assert list(mine.index) == NAMES
        assert mine["estimate"].to_dict() == pytest.approx(by_hand(part, weight))
        assert mine.loc["selection", "n"] == mine.loc["TN", "n"] == len(part)
        assert mine.loc["TPR", "n"] == (part["y"] == 1).sum()
        assert mine.loc["precision", "n"] == (part["p"] == 1).sum()
        shares = mine.loc["selection":"accuracy"]
        assert ((shares["low"] < shares["estimate"]) & (shares["estimate"] < shares["high"])).all()
        assert mine.loc["TP":"TN", ["low", "high"]].isna().all(axis=None)
    assert set(found["n_missing"]) == {len(df) - len(known)}
    for rate in NAMES[:7]:
        mine = found[(found["rate"] == rate) & ~found["value"].isin([ALL, APART])]["estimate"]
        apart = found[(found["rate"] == rate) & (found["value"] == APART)].iloc[0]
        assert apart["estimate"] == pytest.approx(mine.max() - mine.min())
        assert apart["low"] <= apart["estimate"] <= apart["high"]


def test_rates_are_those_of_the_report() -> None:
    df = rows()
    found = biaskit.rates(df, **ROLES).set_index(["rate", "value"])
    report = biaskit.report(df, **ROLES, metrics=["DPPL", "FPRD"])
    for row in report.itertuples():
        rate = {"DPPL": "selection", "FPRD": "FPR"}[row.metric]
        assert row.rate_d == found.loc[(rate, row.value), "estimate"]
        assert row.of_d == found.loc[(rate, row.value), "n"]


def test_labels_alone_have_one_rate_and_counts_give_the_same() -> None:
    df = rows()
    found = biaskit.rates(df, facet="g", label="y")
    assert set(found["rate"]) == {"selection"}
    assert found["estimate"][0] == (df[df["g"] == "k"]["y"].dropna() == 1).mean()
    counts = biaskit.count(df, facet="g", label="y")
    pd.testing.assert_frame_equal(biaskit.rates(counts), found)
    two = biaskit.rates(df[df["g"].isin(["k", "l"])], facet="g", label="y").set_index("value")
    gap = biaskit.report(
        df[df["g"].isin(["k", "l"])], facet="g", label="y", metrics="DPL", facet_values="k"
    ).iloc[0]
    if gap["low"] > 0 or gap["high"] < 0:  # else the sign is open, and so is the low end
        assert two.loc[APART, "low"] == pytest.approx(min(abs(gap["low"]), abs(gap["high"])))
    assert two.loc[APART, "high"] == pytest.approx(max(abs(gap["low"]), abs(gap["high"])))


@pytest.mark.slow
def test_the_interval_of_the_difference_holds() -> None:
    """Coverage of the true difference, over tables of few and of many values."""
    rng = np.random.default_rng(20)
    truths = [[0.3, 0.3], [0.2, 0.5, 0.5], [0.1] * 6, [0.05, 0.1, 0.2, 0.3, 0.4, 0.9, 0.9]]
    for truth in truths:
        sizes = rng.integers(30, 400, len(truth))
        rate = np.array(truth)
        held = 0
        for _ in range(300):
            positive = rng.binomial(sizes, rate)
            df = frequencies(positive.tolist(), sizes.tolist())
            counts = biaskit.count(df, facet="g", label="y", frequency="n")
            apart = next(row for row in rate_rows(counts) if row.value == APART)
            held += apart.low <= rate.max() - rate.min() + 1e-12 <= apart.high + 2e-12
        assert held >= 0.925 * 300, truth


def frequencies(positive: list[int], rows: list[int]) -> pd.DataFrame:
    """Positive and negative rows of some values, each as one row and how often it occurs."""
    return pd.DataFrame(
        {
            "g": np.repeat([f"v{i}" for i in range(len(rows))], 2),
            "y": np.tile([1, 0], len(rows)),
            "n": np.ravel(np.column_stack([positive, np.subtract(rows, positive)])),
        }
    )


@pytest.mark.parametrize(
    ("positive", "rows"),
    [([1, 500], [2, 1000]), ([3, 8, 20, 1], [30, 40, 50, 4]), ([10, 30, 40, 20], [100] * 4)],
)
def test_the_difference_is_below_the_high_end_of_a_pair(
    positive: list[int], rows: list[int]
) -> None:
    """One pair is truly the farthest apart: no pair's own high end is exceeded, nor widened."""
    roles = {"facet": "g", "label": "y", "frequency": "n"}
    df = frequencies(positive, rows)
    apart = biaskit.rates(df, **roles).set_index("value").loc[APART]
    pairs = []
    for one in df["g"].unique():
        for other in df["g"].unique():
            if one != other:
                two = df[df["g"].isin([one, other])]
                gap = biaskit.report(two, **roles, metrics="DPL", facet_values=one).iloc[0]
                pairs.append(gap["high"])
    assert apart["high"] == pytest.approx(max(pairs))


def test_what_cannot_be_is_undefined() -> None:
    df = pd.DataFrame({"g": ["a", "b", "b"], "y": [0, 1, 0], "p": [0, 1, 1]})
    found = biaskit.rates(df, **ROLES).set_index(["rate", "value"])
    assert np.isnan(found.loc[("TPR", "a"), "estimate"])
    assert found.loc[("TPR", "a"), "n"] == 0
    assert np.isnan(found.loc[("TPR", APART), "estimate"])  # only one value has it
    with pytest.raises(biaskit.BiaskitError, match="give label= or predicted="):
        biaskit.rates(df, facet="g")
    with pytest.raises(biaskit.BiaskitError, match="positive="):
        biaskit.rates(df.assign(y=["u", "v", "u"]), facet="g", label="y")
    with pytest.raises(biaskit.BiaskitError, match="no rows"):
        biaskit.rates(df[:0], **ROLES)


def test_the_command_prints_the_same(tmp_path: Any, capsys: Any) -> None:
    df = rows()
    df.to_parquet(tmp_path / "t.parquet")
    ends = ["--facet", "g", "--label", "y", "--predicted", "p"]
    assert main(["rates", str(tmp_path / "t.parquet"), *ends, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)["rates"]
    made = biaskit.rates(df, **ROLES)
    assert [one["estimate"] for one in told] == made["estimate"].tolist()
    assert main(["rates", str(tmp_path / "t.parquet"), *ends]) == 0
    assert "(largest - smallest)" in capsys.readouterr().out
