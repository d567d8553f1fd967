"""Row groups of Parquet that are counted together: the same counts as one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit
from biaskit.sources.parquet import together
from biaskit.sources.parquet.encoded import _Counter

ROLES = {"facet": ["sex", ("sex", "old")], "label": "hired", "group": "place"}


def people(rows: int, seed: int = 0) -> pa.Table:
    """Rows of columns of few values each, with runs of the same value and without."""
    rng = np.random.default_rng(seed)
    places = np.array([f"place {i}" for i in rng.permutation(11)])
    return pa.table(
        {
            "sex": np.array(["F", "M"])[rng.integers(0, 2, rows)],
            "old": pa.array(rng.random(rows) < 0.1),
            "place": places[np.sort(rng.integers(0, 11, rows))],
            "hired": rng.integers(0, 3, rows),
        }
    )


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Kernels always, all row groups of a file in one part; the row groups counted one by one."""
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    monkeypatch.setattr(together, "_TURNS", 1)
    left: list[int] = []
    count = _Counter._count

    def counted(self: _Counter, number: int, room: Any) -> Any:
        left.append(number)
        return count(self, number, room)

    monkeypatch.setattr(_Counter, "_count", counted)
    return left


def agree(path: Path, roles: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Assert that the kernels and Arrow count the same."""
    fast = biaskit.count(path, **roles)
    monkeypatch.setenv("BIASKIT_KERNELS", "never")
    assert fast == biaskit.count(path, **roles)
    assert fast.rows == pq.read_metadata(path).num_rows


@pytest.mark.parametrize("codec", ["snappy", "none", "zstd"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("rows", [1, 63, 64, 1_000])
@pytest.mark.parametrize("page", [64, 1 << 20])
def test_row_groups_are_counted_together(
    codec: str,
    version: str,
    rows: int,
    page: int,
    tmp_path: Path,
    alone: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "a.parquet"
    table = people(5 * rows + rows // 2)
    options = {"compression": codec, "data_page_version": version, "row_group_size": rows}
    pq.write_table(table, path, data_page_size=page, write_batch_size=16, **options)
    agree(path, ROLES, monkeypatch)
    # The first of small pages have codes of fewer bits; levels beside a frame are not decompressed.
    if page > 64 and (codec, version) != ("zstd", "2.0"):
        assert not alone


def test_row_groups_with_other_values_are_left(
    tmp_path: Path, alone: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    table = people(900)
    sex = table["sex"].to_pylist()
    sex[350] = None
    other = table.set_column(0, "sex", [sex])
    pq.write_table(other, path, row_group_size=100)
    agree(path, ROLES, monkeypatch)
    assert alone == [3]


def test_tables_of_too_many_cells_are_left(
    tmp_path: Path, alone: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    table = people(600).append_column("more", [np.arange(600) % 16])
    pq.write_table(table, path, row_group_size=100)
    agree(path, {**ROLES, "predicted": "more"}, monkeypatch)
    assert sorted(alone) == [*range(6)]


def test_columns_that_folders_name_stand_beside_row_groups_counted_together(
    tmp_path: Path, alone: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for year in (2024, 2025):
        folder = tmp_path / f"year={year}"
        folder.mkdir()
        pq.write_table(people(500, year), folder / "a.parquet", row_group_size=100)
    roles = {"facet": ["sex", "year"], "label": "hired"}
    fast = biaskit.count(tmp_path, **roles)
    monkeypatch.setenv("BIASKIT_KERNELS", "never")
    assert fast == biaskit.count(tmp_path, **roles)
    assert not alone
