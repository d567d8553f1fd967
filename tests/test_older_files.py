"""Files of older versions: every later one reads them, and reads the same out of them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import biaskit
from biaskit import Attributions, Counts
from biaskit.sources.record import merged

OLD = Path(__file__).parent / "data" / "v0_1_0"
EXPECTED = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["plain", "weighted", "texts"])
def test_counts_of_0_1_0(name: str) -> None:
    counts = Counts.load(OLD / f"{name}.counts")
    assert counts.rows == EXPECTED[name]["rows"]
    frame = counts.to_frame()
    kept = EXPECTED[name]["frame"]
    assert list(frame.columns) == kept["columns"]
    shown = frame.astype(object).where(lambda x: x.notna(), None).map(str)
    assert shown.to_numpy().tolist() == kept["data"]


def test_counts_of_0_1_0_give_the_estimates_that_they_gave() -> None:
    old = pd.read_csv(OLD / "report.csv", keep_default_na=False, na_values=[""])
    new = biaskit.report(OLD / "plain.counts")
    same = ["stage", "facet", "value", "metric", "n_a", "n_d", "n_missing"]
    pd.testing.assert_frame_equal(new[same].astype(str), old[same].astype(str))
    pd.testing.assert_series_equal(new["estimate"], old["estimate"], atol=1e-12)


def test_a_record_of_files_of_0_1_0() -> None:
    assert Counts.load(OLD / "resumed.counts").rows == EXPECTED["resumed"]["rows"]
    _, record = merged([OLD / "resumed.counts"])
    assert record is not None
    assert [Path(name).name for name in record] == ["0.csv", "1.csv", "2.csv"]


def test_attributions_of_0_1_0() -> None:
    kept = EXPECTED["attributions"]
    found = biaskit.explain(Attributions.load(OLD / "model.attributions"), facet_values="F")
    expected = pd.DataFrame(kept["data"], columns=kept["columns"])
    pd.testing.assert_frame_equal(found[kept["columns"]], expected, rtol=1e-12)
