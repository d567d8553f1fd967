"""Files whose rows contradict themselves are refused, whoever decodes them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

import biaskit
from biaskit.store.footers import Odd, groups_of
from support.taken_apart import File

ROWS = 3_000
SEX = np.array(["F", "M"])[(np.arange(ROWS) * 7919 // 64) % 2]


def file_of(**options: Any) -> File:
    """File in which F is always 1 and M always 0, of several pages a chunk."""
    sink = pa.BufferOutputStream()
    table = pa.table({"sex": SEX, "y": (SEX == "F").astype(int)})
    options = {"row_group_size": 1_000, "data_page_size": 64, "write_batch_size": 100, **options}
    pq.write_table(table, sink, **options)
    return File(sink.getvalue().to_pybytes())


CODECS = ["snappy", "none", "zstd", "lz4", "brotli"]


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["never", "always"])
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_pages_too_many_and_too_few(
    codec: str, version: str, choice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", choice)
    path = tmp_path / "x.parquet"

    def count(file: File, far: bool = False) -> biaskit.Counts:
        path.write_bytes(file.content())
        place = LocalFileSystem() if far else None
        return biaskit.count(str(path), facet="sex", label="y", filesystem=place)

    whole = count(file_of(compression=codec, data_page_version=version))
    assert whole.to_frame()["n"].sum() == ROWS
    for at in (2, 3, -1):
        file = file_of(compression=codec, data_page_version=version)
        pages = file.groups[1][1].pages
        pages.insert(at, copy.deepcopy(pages[at]))
        for far in (False, True):
            with pytest.raises(biaskit.BiaskitError, match="with a column of another length"):
                count(file, far)
        file = file_of(compression=codec, data_page_version=version)
        del file.groups[0][0].pages[at]
        with pytest.raises(biaskit.BiaskitError):
            count(file)
    for lie in (999, 1_001, 0):
        file = file_of(compression=codec, data_page_version=version)
        file.groups[2][0].lies[5] = lie
        with pytest.raises(biaskit.BiaskitError, match="with a column of another length"):
            count(file)


@pytest.mark.parametrize("choice", ["never", "always"])
def test_a_page_of_no_values_is_no_contradiction(
    choice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", choice)
    file = file_of(use_dictionary=False)
    pages = file.groups[0][1].pages
    pages.append(copy.deepcopy(pages[-1]))
    pages[-1].header.value(5).put(1, 0)
    (tmp_path / "x.parquet").write_bytes(file.content())
    counts = biaskit.count(tmp_path / "x.parquet", facet="sex", label="y")
    assert counts.to_frame()[["value", "label"]].to_numpy().tolist() == [["F", 1], ["M", 0]]


def test_a_file_that_is_replaced_while_it_is_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Arrow decodes for the kernels comes from the file that they have open, too."""
    from biaskit.sources.files import local
    from biaskit.sources.parquet import chunks

    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    path = tmp_path / "x.parquet"
    path.write_bytes(file_of(use_dictionary=["y"]).content())  # the texts go to Arrow
    other = pa.table({"sex": SEX[::-1], "y": (SEX == "F").astype(int)})
    axis = chunks.Chunks.axis

    def replaced(self: Any, number: int, column: str, *rest: Any) -> Any:
        if column == "sex":
            pq.write_table(other, tmp_path / "new", row_group_size=1_000)
            (tmp_path / "new").rename(path)
        return axis(self, number, column, *rest)

    monkeypatch.setattr(chunks.Chunks, "axis", replaced)
    with pytest.raises(biaskit.BiaskitError, match="changed while it was being read"):
        biaskit.count(path, facet="sex", label="y")
    monkeypatch.setattr(local, "_stamp", lambda path: ())
    path.write_bytes(file_of(use_dictionary=["y"]).content())
    counts = biaskit.count(path, facet="sex", label="y")
    assert counts.to_frame()[["value", "label"]].to_numpy().tolist() == [["F", 1], ["M", 0]]


@pytest.mark.parametrize("choice", ["never", "always"])
@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_texts_in_the_delta_encodings(
    encoding: str, choice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", choice)
    table = pa.table({"s": [f"v{i % 300}" for i in range(9_000)], "y": [0, 1, None] * 3_000})
    path = tmp_path / "x.parquet"
    encodings = {"use_dictionary": ["y"], "column_encoding": {"s": encoding}}
    for size in (1 << 20, 1_000):
        pq.write_table(table, path, row_group_size=size, **encodings)
        for far in (None, LocalFileSystem()):
            found = biaskit.count(str(path), facet="s", label="y", filesystem=far)
            assert found == biaskit.count(table, facet="s", label="y")


def test_texts_that_duckdb_writes_in_the_second_version(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "v2.parquet"
    duckdb.execute(
        "copy (select 'v' || i % 7 s, i % 3 = 0 y from range(900) t(i)) "
        f"to '{path}' (format parquet, parquet_version v2)"
    )
    assert biaskit.count(path, facet="s", label="y").to_frame()["n"].sum() == 900


def test_an_empty_list_in_a_footer_needs_no_type() -> None:
    """Arrow and the kernels pass over it, so whoever walks the pages for Arrow does too."""
    footer = b"\x19\x00\x39\x0c\x00"  # in field 1 nothing of no type; in field 4 no row groups
    assert groups_of(footer + b"\x00", [0]) == []
    with pytest.raises(Odd, match="items have an unknown type"):
        groups_of(b"\x19\x10" + footer, [0])
