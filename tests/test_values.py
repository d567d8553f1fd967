"""Values keep what they are, whichever way they come: folders, nulls, decimals, long numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit


def in_folders(frame: pd.DataFrame, by: str, folder: Path) -> Path:
    """Folder of Parquet files, one for each value of a column that only the folders name."""
    for value, part in frame.groupby(by):
        (folder / f"{by}={value}").mkdir(parents=True)
        table = pa.table({name: part[name].to_numpy() for name in part if name != by})
        pq.write_table(table, folder / f"{by}={value}" / "x.parquet")
    return folder


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 400
    frame = pd.DataFrame({"s": rng.choice(["a", "d"], n), "x": rng.normal(size=n)})
    frame["p"] = (frame["x"] + (frame["s"] == "a") + rng.normal(size=n) > 0.5).astype(int)
    frame["k"] = rng.integers(8, 12, n)
    return frame


@pytest.mark.parametrize("by", ["p", "s", "k"])
def test_a_column_of_the_folders_is_what_it_is_in_a_frame_for_ft(
    by: str, people: pd.DataFrame, tmp_path: Path
) -> None:
    call: dict[str, Any] = {
        "facet": "s",
        "facet_values": "d",
        "predicted": "p",
        "features": ["x", "k"],
        "metrics": "FT",
    }
    folder = in_folders(people, by, tmp_path)
    found = biaskit.report(folder, **call)
    ordered = people.sort_values(by, kind="stable")
    pd.testing.assert_frame_equal(found, biaskit.report(ordered, **call))
    assert found["estimate"].abs().item() > 0.05


def test_a_column_of_the_folders_is_what_it_is_in_a_frame_for_explain(
    people: pd.DataFrame, tmp_path: Path
) -> None:
    people["member"] = people["x"] > 0
    call: dict[str, Any] = {"background": people[["x", "k"]].head(20), "features": ["x", "k"]}

    def model(rows: Any) -> Any:
        return rows["x"] + 0.1 * np.asarray(rows["k"], dtype=float)

    for by, facet in (("member", "member"), ("k", "k"), ("k", "s")):
        folder = in_folders(people, by, tmp_path / f"{by} {facet}")
        ordered = people.sort_values(by, kind="stable")
        found = biaskit.explain(model, folder, facet=facet, **call)
        expected = biaskit.explain(model, ordered, facet=facet, **call)
        assert found["value"].tolist() == expected["value"].tolist()
        pd.testing.assert_frame_equal(found, expected)
